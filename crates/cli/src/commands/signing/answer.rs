//! What `verify` says: to people, and to programs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use weighbridge_core::date::{Date, Moment};
use weighbridge_core::wire::v1;
use weighbridge_core::wire::v1::verification as wire;
use weighbridge_trust::attest::Type;
use weighbridge_trust::log::Included;
use weighbridge_trust::oms::{Compared, Signer, Status};
use weighbridge_trust::tensors;

use super::claimed::{Attested, Standing};
use super::policed::{Refused, Ruled, Vouched, asked};
use crate::exit::Exit;
use crate::printer::one_line;

/// What was found of one model.
pub(super) struct Found {
    /// As it was named.
    pub(super) path: String,
    /// The file with the signature, if there is one.
    pub(super) signature: Option<String>,
    /// What is to be thought of it.
    pub(super) verdict: Verdict,
    /// Who signed what, where a signature holds.
    pub(super) signed: Option<Signed>,
    /// What the trust policy says of it, where one was asked.
    pub(super) ruled: Option<Ruled>,
    /// What is attested of it.
    pub(super) claims: Vec<Attested>,
}

/// What is to be thought of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Verified,
    /// The signature does not hold, or files are not as they were signed.
    Bad(String),
    /// Nobody signed it, and the rule takes that.
    Warned(String),
    /// Nobody signed it.
    Unsigned(Option<String>),
    /// No rule of the policy speaks of it.
    NoRule(String),
    Unchecked(String),
}

/// A signature that holds, and what it is true of.
pub(super) struct Signed {
    pub(super) signer: Signer,
    pub(super) early: bool,
    pub(super) name: Option<String>,
    pub(super) algorithm: &'static str,
    pub(super) compared: Compared,
    /// What was found of each tensor, where tensors were signed; then no file was.
    pub(super) tensors: Option<tensors::Compared>,
    /// Where it stands in a log, where the proof of that was asked for.
    pub(super) logged: Option<Included>,
}

impl Verdict {
    /// How the program ends for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Verified | Self::Warned(_) => Exit::Pass,
            Self::Bad(_) => Exit::Fail,
            Self::Unsigned(_) | Self::NoRule(_) => Exit::Nothing,
            Self::Unchecked(_) => Exit::Incomplete,
        }
    }

    /// Why.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Verified => None,
            Self::Unsigned(reason) => reason.as_deref(),
            Self::Bad(reason) | Self::Warned(reason) | Self::NoRule(reason) | Self::Unchecked(reason) => {
                Some(reason)
            }
        }
    }
}

/// The text for people.
pub(super) fn text(found: &[Found]) -> String {
    let mut text = String::new();
    for (number, model) in found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        one(&mut text, model);
    }
    text
}

fn one(text: &mut String, found: &Found) {
    // Whoever took `model.sig` away left this one, which says less.
    let is_partial =
        found.signed.as_ref().is_some_and(|it| it.tensors.is_some() && !it.compared.files.is_empty());
    let verdict = match &found.verdict {
        Verdict::Verified if is_partial => "verified, the tensors alone",
        Verdict::Verified => "verified",
        Verdict::Bad(_) => "NOT VERIFIED",
        Verdict::Warned(_) => "unsigned, taken with a warning",
        Verdict::Unsigned(_) => "unsigned",
        Verdict::NoRule(_) => "not verified: no rule",
        Verdict::Unchecked(_) => "could not be checked",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}  {verdict}", one_line(&found.path));
    if let Some(reason) = found.verdict.reason() {
        let _ = writeln!(text, "  {}", one_line(reason));
    }
    if let Some(ruled) = &found.ruled {
        rule(text, ruled);
    }
    if let Some(signed) = &found.signed {
        files(text, found, signed);
    }
    claims(text, found);
}

/// The signature over the files, and what was found of each.
fn files(text: &mut String, found: &Found, signed: &Signed) {
    let early = if signed.early { ", in a form of an early release" } else { "" };
    match &found.ruled {
        // Who vouches stands there already.
        Some(ruled) if !ruled.vouched.is_empty() && early.is_empty() => {}
        _ => {
            let _ = writeln!(text, "  signed by {}{early}", signer(&signed.signer));
        }
    }
    if let Some(Included { log, index, time }) = &signed.logged {
        let _ = writeln!(text, "  in log `{log}`: entry {index}, {}", Date::from_unix_seconds(*time));
    }
    let files = &signed.compared.files;
    let mut lines: Vec<Line<'_>> = files.iter().filter_map(|(path, status)| line(path, status)).collect();
    if let Some(tensors) = &signed.tensors {
        let metadata = tensors.metadata.iter().map(|(name, status)| (name, status, "metadata "));
        let all = tensors.tensors.iter().map(|(name, status)| (name, status, "")).chain(metadata);
        lines.splice(0..0, all.filter_map(|(name, status, kind)| tensor_line(name, status, kind)));
    }
    let (shown, rest) = lines.split_at(lines.len().min(MOST_LINES));
    for (word, path, details) in shown {
        let _ = writeln!(text, "  {word:<8}  {}", one_line(path));
        for detail in details {
            let _ = writeln!(text, "            {}", one_line(detail));
        }
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "  and {} more (`--json` lists all)", rest.len());
    }
    let (ok, what) = match &signed.tensors {
        None => (files.values().filter(|status| **status == Status::Ok).count(), "file"),
        Some(compared) => {
            (compared.tensors.values().filter(|status| **status == tensors::Status::Ok).count(), "tensor")
        }
    };
    let plural = if ok == 1 { "" } else { "s" };
    let _ = writeln!(text, "  {ok} {what}{plural} as signed ({})", signed.algorithm);
    let ignored: Vec<&str> = files
        .iter()
        .filter(|(_, status)| matches!(status, Status::Ignored { runs: false }))
        .map(|(path, _)| path.as_str())
        .collect();
    if !ignored.is_empty() {
        let mut names = ignored.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
        if ignored.len() > MOST_NAMES {
            let _ = write!(names, ", and {} more", ignored.len().saturating_sub(MOST_NAMES));
        }
        let rule = if signed.tensors.is_some() { "" } else { ", left out by rule" };
        let _ = writeln!(text, "  not signed{rule}: {}", one_line(&names));
    }
}

/// What is attested, by whom, and what does not count.
fn claims(text: &mut String, found: &Found) {
    for it in found.claims.iter().take(MOST_LINES) {
        let kind = match &it.claim {
            Some(claim) if it.is_pep740 => format!("{} of a Python index", short(&claim.predicate_type)),
            Some(claim) if claim.kind == Type::Custom => claim.predicate_type.clone(),
            Some(claim) => claim.kind.word().to_owned(),
            None => "attestation".to_owned(),
        };
        let outcome = it.claim.as_ref().and_then(|claim| claim.outcome);
        let outcome = outcome.map(|outcome| format!(": {}", outcome.word())).unwrap_or_default();
        let time = it.claim.as_ref().and_then(|claim| claim.time);
        let time = time.map(|time| format!(", {}", Moment(time))).unwrap_or_default();
        // Writing to a string cannot fail.
        let (kind, place) = (one_line(&kind), one_line(&it.place));
        let _ = match it.standing {
            Standing::Valid => writeln!(text, "  attested {kind}{outcome}{time} ({place})"),
            standing => writeln!(text, "  {kind}{outcome}{time} ({place}) {}", standing.word()),
        };
        if let Some(reason) = &it.reason {
            let _ = writeln!(text, "    {}", one_line(reason));
        }
        for (anchor, who) in &it.by {
            let anchor = if found.ruled.is_some() { format!("`{anchor}`: ") } else { String::new() };
            let _ = writeln!(text, "    by {anchor}{}", signer(who));
        }
    }
    if found.claims.len() > MOST_LINES {
        let more = found.claims.len().saturating_sub(MOST_LINES);
        let _ = writeln!(text, "  and {more} more attestations (`--json` lists all)");
    }
}

/// The last names of a predicate type.
fn short(predicate_type: &str) -> &str {
    predicate_type.rsplit_once("/attestations/").map_or(predicate_type, |(_, name)| name)
}

/// The rule that applies, who vouches, and which signatures do not count.
fn rule(text: &mut String, ruled: &Ruled) {
    let Some(rule) = &ruled.rule else { return };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  rule `{}` ({}:{})", rule.matches, ruled.file, rule.line);
    for (requirement, judged) in rule.require.iter().zip(&ruled.met) {
        let met = if requirement.is_met(judged) { "met" } else { "NOT met" };
        let _ = writeln!(text, "    {met}: {}; {} vouched", asked(requirement), judged.count);
        for short in &judged.short {
            let _ = writeln!(text, "      {short}");
        }
    }
    for vouched in &ruled.vouched {
        let unasked = if vouched.is_named { "" } else { ", whom the rule does not name" };
        let Vouched { anchor, signature, .. } = vouched;
        let _ = writeln!(
            text,
            "  `{anchor}` vouches{unasked}: {} ({})",
            signer(&vouched.signer),
            one_line(signature)
        );
    }
    // That somebody else did not sign is of no interest once enough have.
    let is_met = rule.require.iter().zip(&ruled.met).all(|(requirement, judged)| requirement.is_met(judged));
    let shown = |refused: &&Refused| match &refused.anchor {
        Some(_) if is_met && !refused.is_good => false,
        Some(anchor) => rule.require.iter().any(|requirement| requirement.by.contains(anchor)),
        None => true,
    };
    let refused: Vec<&Refused> = ruled.refused.iter().filter(shown).collect();
    for Refused { signature, anchor, reason, .. } in refused.iter().take(MOST_LINES) {
        let whose = anchor.as_ref().map(|anchor| format!(" for `{anchor}`")).unwrap_or_default();
        let _ = writeln!(text, "  {} does not count{whose}: {}", one_line(signature), one_line(reason));
    }
    if refused.len() > MOST_LINES {
        let more = refused.len().saturating_sub(MOST_LINES);
        let _ = writeln!(text, "  and {more} more (`--json` lists all)");
    }
}

/// Files that are shown of one model.
const MOST_LINES: usize = 20;
/// Names that are shown of files left out by rule.
const MOST_NAMES: usize = 4;

/// A word, what it is said of, and details.
type Line<'a> = (&'static str, Cow<'a, str>, Vec<String>);

/// What is said of a file that is not simply as it was signed.
fn line<'a>(path: &'a str, status: &Status) -> Option<Line<'a>> {
    let path = Cow::Borrowed(path);
    Some(match status {
        Status::Ok | Status::Ignored { runs: false } => return None,
        Status::Changed { expected, actual } => {
            ("changed", path, vec![format!("signed {expected}"), format!("is     {actual}")])
        }
        Status::Missing => ("missing", path, Vec::new()),
        Status::Extra => ("extra", path, Vec::new()),
        Status::Ignored { runs: true } => ("can run", path, vec!["not signed".to_owned()]),
        Status::Unread(why) => ("unread", path, vec![super::unread(why)]),
    })
}

/// What is said of a tensor or of a key of the metadata that is not as it was signed.
fn tensor_line<'a>(name: &str, status: &tensors::Status, kind: &str) -> Option<Line<'a>> {
    let name = Cow::Owned(format!("{kind}{name}"));
    Some(match status {
        tensors::Status::Ok => return None,
        tensors::Status::Changed { expected, actual } => {
            ("changed", name, vec![format!("signed {expected}"), format!("is     {actual}")])
        }
        tensors::Status::Missing => ("missing", name, Vec::new()),
        tensors::Status::Extra => ("extra", name, Vec::new()),
        tensors::Status::Renamed { from } => ("renamed", name, vec![format!("signed as {from}")]),
    })
}

fn signer(signer: &Signer) -> String {
    one_line(&match signer {
        Signer::Key(key) => format!("key {:.16}… ({})", key.hint(), key.curve()),
        Signer::Certificate(leaf) => {
            let names =
                if leaf.names.is_empty() { String::new() } else { format!(" ({})", leaf.names.join(", ")) };
            format!("certificate of `{}`{names}, trusted by `{}`", leaf.subject, leaf.anchor)
        }
        Signer::Identity(identity) => format!("`{}`, as {} says", identity.name, identity.issuer),
    })
}

/// The answer for programs.
pub(super) fn json(found: &[Found], exit: Exit) -> wire::Verification {
    wire::Verification {
        schema: wire::SCHEMA,
        tool: v1::Tool { name: "weighbridge", version: env!("CARGO_PKG_VERSION") },
        exit_code: exit.code(),
        models: found.iter().map(model).collect(),
    }
}

fn model(found: &Found) -> wire::Model {
    let signed = found.signed.as_ref();
    wire::Model {
        path: found.path.clone(),
        signature: found.signature.clone(),
        verdict: match found.verdict {
            Verdict::Verified => wire::Verdict::Verified,
            Verdict::Bad(_) => wire::Verdict::Bad,
            Verdict::Warned(_) => wire::Verdict::Warned,
            Verdict::Unsigned(_) => wire::Verdict::Unsigned,
            Verdict::NoRule(_) => wire::Verdict::NoRule,
            Verdict::Unchecked(_) => wire::Verdict::Unchecked,
        },
        reason: found.verdict.reason().map(str::to_owned),
        signer: signed.map(|signed| wire_signer(&signed.signer)),
        policy: found.ruled.as_ref().map(wire_policy),
        early: signed.is_some_and(|signed| signed.early),
        name: signed.and_then(|signed| signed.name.clone()),
        algorithm: signed.map(|signed| signed.algorithm),
        log: signed.and_then(|signed| signed.logged.as_ref()).map(|logged| wire::Log {
            name: logged.log.clone(),
            entry: logged.index,
            time: logged.time,
        }),
        files: signed
            .iter()
            .flat_map(|signed| &signed.compared.files)
            .map(|(path, status)| file(path, status))
            .collect(),
        claims: found.claims.iter().map(wire_claim).collect(),
        tensors: tensors_of(signed, |compared| &compared.tensors),
        metadata: tensors_of(signed, |compared| &compared.metadata),
    }
}

fn wire_claim(attested: &Attested) -> wire::Claim {
    let claim = attested.claim.as_ref();
    let by = |(anchor, signer): &(String, Signer)| wire::ClaimSigner {
        anchor: anchor.clone(),
        signer: wire_signer(signer),
    };
    wire::Claim {
        place: attested.place.clone(),
        standing: match attested.standing {
            Standing::Valid => wire::Standing::Valid,
            Standing::Stale => wire::Standing::Stale,
            Standing::OtherBytes => wire::Standing::OtherBytes,
            Standing::BadSignature => wire::Standing::BadSignature,
            Standing::NotLogged => wire::Standing::NotLogged,
            Standing::UnknownSigner => wire::Standing::UnknownSigner,
            Standing::Malformed => wire::Standing::Malformed,
            Standing::Unchecked => wire::Standing::Unchecked,
        },
        reason: attested.reason.clone(),
        kind: claim.map(|claim| if attested.is_pep740 { "pep740" } else { claim.kind.word() }),
        predicate_type: claim.map(|claim| claim.predicate_type.clone()),
        time: claim.and_then(|claim| claim.time),
        verdict: claim.and_then(|claim| claim.outcome).map(|outcome| outcome.word()),
        signers: attested.by.iter().map(by).collect(),
    }
}

fn tensors_of(
    signed: Option<&Signed>,
    which: fn(&tensors::Compared) -> &BTreeMap<String, tensors::Status>,
) -> Option<Vec<wire::Tensor>> {
    let compared = signed.and_then(|signed| signed.tensors.as_ref())?;
    Some(which(compared).iter().map(|(name, status)| tensor(name, status)).collect())
}

fn tensor(name: &str, status: &tensors::Status) -> wire::Tensor {
    let (word, expected, actual, signed_as) = match status {
        tensors::Status::Ok => (wire::TensorStatus::Ok, None, None, None),
        tensors::Status::Changed { expected, actual } => {
            (wire::TensorStatus::Changed, Some(expected.clone()), Some(actual.clone()), None)
        }
        tensors::Status::Missing => (wire::TensorStatus::Missing, None, None, None),
        tensors::Status::Extra => (wire::TensorStatus::Extra, None, None, None),
        tensors::Status::Renamed { from } => (wire::TensorStatus::Renamed, None, None, Some(from.clone())),
    };
    wire::Tensor { name: name.to_owned(), status: word, expected, actual, signed_as }
}

fn wire_policy(ruled: &Ruled) -> wire::Policy {
    let rule = ruled.rule.as_ref();
    let requirements = rule.into_iter().flat_map(|rule| rule.require.iter().zip(&ruled.met));
    wire::Policy {
        file: ruled.file.clone(),
        rule: rule.map(|rule| wire::Rule {
            matches: rule.matches.to_string(),
            line: u64::try_from(rule.line).unwrap_or(u64::MAX),
            unsigned: rule.unsigned.word(),
        }),
        requirements: requirements
            .map(|(requirement, judged)| wire::Requirement {
                kind: requirement.evidence.word(),
                by: requirement.by.clone(),
                threshold: u64::try_from(requirement.threshold).unwrap_or(u64::MAX),
                max_age: requirement.max_age,
                vouched: u64::try_from(judged.count).unwrap_or(u64::MAX),
                met: requirement.is_met(judged),
                reasons: judged.short.clone(),
            })
            .collect(),
        vouched: ruled
            .vouched
            .iter()
            .map(|vouched| wire::Vouched {
                anchor: vouched.anchor.clone(),
                named: vouched.is_named,
                signature: vouched.signature.clone(),
                signer: wire_signer(&vouched.signer),
            })
            .collect(),
        refused: ruled
            .refused
            .iter()
            .map(|refused| wire::Refused {
                signature: refused.signature.clone(),
                anchor: refused.anchor.clone(),
                reason: refused.reason.clone(),
            })
            .collect(),
    }
}

fn wire_signer(signer: &Signer) -> wire::Signer {
    match signer {
        Signer::Key(key) => wire::Signer {
            method: wire::Method::Key,
            name: key.hint(),
            names: Vec::new(),
            fingerprint: Some(key.hint()),
            time: None,
        },
        Signer::Certificate(leaf) => wire::Signer {
            method: wire::Method::Certificate,
            name: leaf.subject.clone(),
            names: leaf.names.clone(),
            fingerprint: Some(leaf.fingerprint.to_string()),
            time: None,
        },
        Signer::Identity(identity) => wire::Signer {
            method: wire::Method::Sigstore,
            name: identity.name.clone(),
            names: vec![identity.issuer.clone()],
            fingerprint: None,
            time: identity.time,
        },
    }
}

fn file(path: &str, status: &Status) -> wire::File {
    let (word, expected, actual, reason, runs) = match status {
        Status::Ok => (wire::Status::Ok, None, None, None, false),
        Status::Changed { expected, actual } => {
            (wire::Status::Changed, Some(expected.clone()), Some(actual.clone()), None, false)
        }
        Status::Missing => (wire::Status::Missing, None, None, None, false),
        Status::Extra => (wire::Status::Extra, None, None, None, false),
        Status::Ignored { runs } => (wire::Status::Ignored, None, None, None, *runs),
        Status::Unread(why) => (wire::Status::Unread, None, None, Some(why.to_string()), false),
    };
    wire::File { path: path.to_owned(), status: word, expected, actual, reason, runs }
}
