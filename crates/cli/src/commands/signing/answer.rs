//! What `verify` says: to people, and to programs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use weighbridge_core::wire::v1;
use weighbridge_core::wire::v1::verification as wire;
use weighbridge_trust::oms::{Compared, Signer, Status};
use weighbridge_trust::tensors;

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
    pub(super) name: Option<String>,
    pub(super) algorithm: &'static str,
    pub(super) compared: Compared,
    /// What was found of each tensor, where tensors were signed; then no file was.
    pub(super) tensors: Option<tensors::Compared>,
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
    let mut lines: Vec<Line<'_>> = files.iter().filter_map(|(path, status)| line(path, status)).collect();
    if let Some(tensors) = &signed.tensors {
        let metadata = tensors.metadata.iter().map(|(name, status)| (name, status, "metadata "));
        let all = tensors.tensors.iter().map(|(name, status)| (name, status, "")).chain(metadata);
        lines.splice(0..0, all.filter_map(|(name, status, kind)| tensor_line(name, status, kind)));
    }
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
        let _ = writeln!(text, "  not signed{rule}: {names}");
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
        Status::Unread(why) => ("unread", path, vec![why.to_string()]),
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
        name: signed.and_then(|signed| signed.name.clone()),
        algorithm: signed.map(|signed| signed.algorithm),
        files: signed
            .iter()
            .flat_map(|signed| &signed.compared.files)
            .map(|(path, status)| file(path, status))
            .collect(),
        tensors: tensors_of(signed, |compared| &compared.tensors),
        metadata: tensors_of(signed, |compared| &compared.metadata),
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
