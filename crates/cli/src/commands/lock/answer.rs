//! What `lock verify` and `lock diff` say: to people, and to programs.

use std::fmt::Write as _;

use weighbridge_core::lock::{Approval, Identity};
use weighbridge_core::wire::v1;
use weighbridge_core::wire::v1::lock as wire;
use weighbridge_trust::lock::{self, Difference};

use super::tell;
use crate::exit::Exit;
use crate::printer::one_line;

/// What was found of something approved.
pub(super) struct Compared<'a> {
    pub(super) approval: &'a Approval,
    /// The revision that a loader would take now.
    pub(super) revision: Option<String>,
    pub(super) outcome: Outcome,
}

/// What became of something approved.
pub(super) enum Outcome {
    /// Nothing is there; another revision may be.
    Missing(Option<String>),
    /// It is there, with these differences.
    There(Vec<Difference>),
}

impl Compared<'_> {
    fn verdict(&self) -> wire::LockVerdict {
        match &self.outcome {
            Outcome::Missing(_) => wire::LockVerdict::Missing,
            Outcome::There(differences) if differences.is_empty() => wire::LockVerdict::AsApproved,
            Outcome::There(differences) if differences.iter().all(Difference::is_unread) => {
                wire::LockVerdict::Unchecked
            }
            Outcome::There(_) => wire::LockVerdict::Differs,
        }
    }
}

/// How the program ends.
pub(super) fn exit(compared: &[Compared<'_>]) -> Exit {
    let ends = compared.iter().map(|it| match it.verdict() {
        wire::LockVerdict::AsApproved => Exit::Pass,
        wire::LockVerdict::Differs | wire::LockVerdict::Missing => Exit::Fail,
        // Also where something else is otherwise, which is worse.
        wire::LockVerdict::Unchecked => Exit::Incomplete,
    });
    let ends: Vec<Exit> = ends.collect();
    [Exit::Fail, Exit::Incomplete].into_iter().find(|exit| ends.contains(exit)).unwrap_or(Exit::Pass)
}

/// The text for people; of what is as approved nothing where only changes are asked for.
pub(super) fn text(compared: &[Compared<'_>], only_changes: bool) -> String {
    let mut text = String::new();
    for it in compared {
        let source = one_line(&it.approval.source);
        let verdict = match it.verdict() {
            wire::LockVerdict::AsApproved if only_changes => continue,
            wire::LockVerdict::AsApproved => "as approved",
            wire::LockVerdict::Differs | wire::LockVerdict::Missing => "NOT AS APPROVED",
            wire::LockVerdict::Unchecked => "could not be checked",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{source}  {verdict}");
        match &it.outcome {
            Outcome::There(differences) => text.push_str(&tell::differences(differences)),
            Outcome::Missing(other) => {
                text.push_str("  it is not there\n");
                if let Some(other) = other {
                    let _ = writeln!(text, "  another revision is: {other}");
                }
            }
        }
    }
    text
}

/// The answer for programs.
pub(super) fn json(lock: String, compared: &[Compared<'_>], exit: Exit) -> wire::LockVerification {
    wire::LockVerification {
        schema: wire::SCHEMA,
        tool: v1::Tool { name: "weighbridge", version: env!("CARGO_PKG_VERSION") },
        exit_code: exit.code(),
        lock,
        models: compared.iter().map(model).collect(),
    }
}

fn model(compared: &Compared<'_>) -> wire::LockedModel {
    let approval = compared.approval;
    wire::LockedModel {
        source: approval.source.clone(),
        kind: approval.kind.as_str(),
        approved: approval.approved.to_string(),
        digest: lock::digest(&approval.files),
        revision: approval.revision.clone(),
        revision_now: compared.revision.clone(),
        verdict: compared.verdict(),
        differences: match &compared.outcome {
            Outcome::There(differences) => differences.iter().map(difference).collect(),
            Outcome::Missing(_) => Vec::new(),
        },
    }
}

fn difference(difference: &Difference) -> wire::LockDifference {
    use wire::LockDifferenceKind as Kind;
    let of = |kind: Kind, path: Option<&String>| wire::LockDifference {
        kind,
        path: path.cloned(),
        expected: None,
        actual: None,
        expected_size: None,
        actual_size: None,
        expected_signer: None,
        actual_signer: None,
        until: None,
        reason: None,
    };
    match difference {
        Difference::Unsigned => of(Kind::Unsigned, None),
        Difference::NotHolding(why) => {
            wire::LockDifference { reason: Some(why.clone()), ..of(Kind::NotHolding, None) }
        }
        Difference::Changed { path, pinned, size, digest } => wire::LockDifference {
            expected: Some(pinned.digest.to_string()),
            actual: digest.map(|digest| digest.to_string()),
            expected_size: Some(pinned.size),
            actual_size: Some(*size),
            ..of(Kind::Changed, Some(path))
        },
        Difference::Missing(path) => of(Kind::Missing, Some(path)),
        Difference::Extra(path) => of(Kind::Extra, Some(path)),
        Difference::SignerChanged { pinned, shown } => wire::LockDifference {
            expected_signer: Some(signer(pinned)),
            actual_signer: Some(signer(shown)),
            ..of(Kind::SignerChanged, None)
        },
        Difference::SignatureLost(path) => of(Kind::SignatureLost, Some(path)),
        Difference::Downgraded(until) => {
            wire::LockDifference { until: Some(until.to_string()), ..of(Kind::Downgraded, None) }
        }
        Difference::Moved { pinned, found } => wire::LockDifference {
            expected: Some(pinned.clone()),
            actual: Some(found.clone()),
            ..of(Kind::Moved, None)
        },
        Difference::Unread { path, why } => {
            wire::LockDifference { reason: Some(why.to_string()), ..of(Kind::Unread, Some(path)) }
        }
    }
}

fn signer(identity: &Identity) -> wire::LockSigner {
    let (method, name, issuer) = match identity {
        Identity::Key(fingerprint) => ("key", fingerprint, None),
        Identity::Certificate(fingerprint) => ("certificate", fingerprint, None),
        Identity::Sigstore { name, issuer } => ("sigstore", name, Some(issuer.clone())),
    };
    wire::LockSigner { method, name: name.clone(), issuer }
}
