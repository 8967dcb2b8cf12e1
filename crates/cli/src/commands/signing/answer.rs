//! What `verify` says: to people, and to programs.

use std::fmt::Write as _;

use weighbridge_core::wire::v1;
use weighbridge_core::wire::v1::verification as wire;
use weighbridge_trust::oms::{Compared, Signer, Status};

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
}

/// What is to be thought of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Verified,
    /// The signature does not hold, or files are not as they were signed.
    Bad(String),
    Unsigned,
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
            Self::Verified => Exit::Pass,
            Self::Bad(_) => Exit::Fail,
            Self::Unsigned => Exit::Nothing,
            Self::Unchecked(_) => Exit::Incomplete,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Verified | Self::Unsigned => None,
            Self::Bad(reason) | Self::Unchecked(reason) => Some(reason),
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
        Verdict::Unsigned => "unsigned",
        Verdict::Unchecked(_) => "could not be checked",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}  {verdict}", found.path);
    if let Some(reason) = found.verdict.reason() {
        let _ = writeln!(text, "  {reason}");
    }
    let Some(signed) = &found.signed else { return };
    let early = if signed.early { ", in a form of an early release" } else { "" };
    let _ = writeln!(text, "  signed by {}{early}", signer(&signed.signer));
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
            Verdict::Unsigned => wire::Verdict::Unsigned,
            Verdict::Unchecked(_) => wire::Verdict::Unchecked,
        },
        reason: found.verdict.reason().map(str::to_owned),
        signer: signed.map(|signed| wire_signer(&signed.signer)),
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
