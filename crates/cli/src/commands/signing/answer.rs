//! What `verify` says: to people, and to programs.

use std::fmt::Write as _;

use weighbridge_core::wire::v1;
use weighbridge_core::wire::v1::verification as wire;
use weighbridge_trust::oms::{Compared, Signer, Status};

use super::policed::{Refused, Ruled, Vouched, asked};
use crate::exit::Exit;

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
    pub(super) name: String,
    pub(super) algorithm: &'static str,
    pub(super) compared: Compared,
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
    let verdict = match &found.verdict {
        Verdict::Verified => "verified",
        Verdict::Bad(_) => "NOT VERIFIED",
        Verdict::Warned(_) => "unsigned, taken with a warning",
        Verdict::Unsigned(_) => "unsigned",
        Verdict::NoRule(_) => "not verified: no rule",
        Verdict::Unchecked(_) => "could not be checked",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}  {verdict}", found.path);
    if let Some(reason) = found.verdict.reason() {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(ruled) = &found.ruled {
        rule(text, ruled);
    }
    let Some(signed) = &found.signed else { return };
    let early = if signed.early { ", in a form of an early release" } else { "" };
    match &found.ruled {
        // Who vouches stands there already.
        Some(ruled) if !ruled.vouched.is_empty() && early.is_empty() => {}
        _ => {
            let _ = writeln!(text, "  signed by {}{early}", signer(&signed.signer));
        }
    }
    let files = &signed.compared.files;
    let lines: Vec<(&str, &str, Vec<String>)> =
        files.iter().filter_map(|(path, status)| line(path, status)).collect();
    let (shown, rest) = lines.split_at(lines.len().min(MOST_LINES));
    for (word, path, details) in shown {
        let _ = writeln!(text, "  {word:<8}  {path}");
        for detail in details {
            let _ = writeln!(text, "            {detail}");
        }
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "  and {} more (`--json` lists all)", rest.len());
    }
    let count = |wanted: fn(&Status) -> bool| files.values().filter(|status| wanted(status)).count();
    let ok = count(|status| *status == Status::Ok);
    let _ =
        writeln!(text, "  {ok} {} as signed ({})", if ok == 1 { "file" } else { "files" }, signed.algorithm);
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
        let _ = writeln!(text, "  not signed, left out by rule: {names}");
    }
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
        let _ = writeln!(text, "  `{anchor}` vouches{unasked}: {} ({signature})", signer(&vouched.signer));
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
        let _ = writeln!(text, "  {signature} does not count{whose}: {reason}");
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

/// What is said of a file that is not simply as it was signed.
fn line<'a>(path: &'a str, status: &Status) -> Option<(&'static str, &'a str, Vec<String>)> {
    Some(match status {
        Status::Ok | Status::Ignored { runs: false } => return None,
        Status::Changed { expected, actual } => {
            ("changed", path, vec![format!("signed {expected}"), format!("is     {actual}")])
        }
        Status::Missing => ("missing", path, Vec::new()),
        Status::Extra => ("extra", path, Vec::new()),
        Status::Ignored { runs: true } => ("can run", path, vec!["not signed, left out by rule".to_owned()]),
        Status::Unread(why) => ("unread", path, vec![why.to_string()]),
    })
}

fn signer(signer: &Signer) -> String {
    match signer {
        Signer::Key(key) => format!("key {:.16}… ({})", key.hint(), key.curve()),
        Signer::Certificate(leaf) => {
            let names =
                if leaf.names.is_empty() { String::new() } else { format!(" ({})", leaf.names.join(", ")) };
            format!("certificate of `{}`{names}, trusted by `{}`", leaf.subject, leaf.anchor)
        }
        Signer::Identity(identity) => format!("`{}`, as {} says", identity.name, identity.issuer),
    }
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
        name: signed.map(|signed| signed.name.clone()),
        algorithm: signed.map(|signed| signed.algorithm),
        files: signed
            .iter()
            .flat_map(|signed| &signed.compared.files)
            .map(|(path, status)| file(path, status))
            .collect(),
    }
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
