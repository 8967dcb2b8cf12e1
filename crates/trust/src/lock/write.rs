//! Writes the lock: the same bytes for the same approvals, one line a file, so that a change is read in a review.

use std::fmt::Write as _;

use weighbridge_core::lock::{Approval, Identity};

use super::{VERSION, digest};

/// The text of the lock. What is approved stands in the order of the sources, files in that of their paths.
pub fn write(approvals: &[Approval]) -> String {
    let mut approvals: Vec<&Approval> = approvals.iter().collect();
    approvals.sort_by(|one, other| one.source.cmp(&other.source));
    let mut text = format!(
        "# What was approved, as it was then. Written by `weighbridge lock`; `weighbridge scan` compares.\nversion = {VERSION}\n"
    );
    for approval in approvals {
        text.push_str("\n[[model]]\n");
        one(&mut text, approval);
    }
    text
}

fn one(text: &mut String, approval: &Approval) {
    line(text, "source", &approval.source);
    line(text, "kind", approval.kind.as_str());
    if let Some(revision) = &approval.revision {
        line(text, "revision", revision);
    }
    line(text, "digest", &digest(&approval.files));
    line(text, "approved", &approval.approved.to_string());
    if let Some(reason) = &approval.reason {
        line(text, "reason", reason);
    }
    if approval.signature_required {
        text.push_str("signature-required = true\n");
    }
    if let Some(signer) = &approval.signer {
        let mut pairs = match &signer.identity {
            Identity::Key(fingerprint) => vec![("method", "key"), ("fingerprint", fingerprint)],
            Identity::Certificate(fingerprint) => {
                vec![("method", "certificate"), ("fingerprint", fingerprint)]
            }
            Identity::Sigstore { name, issuer } => {
                vec![("method", "sigstore"), ("identity", name), ("issuer", issuer)]
            }
        };
        let key = signer.key.as_ref().map(|key| super::read::encode(key));
        pairs.extend(key.as_ref().map(|key| ("public-key", key.as_str())));
        let roots = signer.roots.as_ref().map(|roots| super::read::encode(roots.as_bytes()));
        pairs.extend(roots.as_ref().map(|roots| ("trusted-root", roots.as_str())));
        let first_seen = signer.first_seen.to_string();
        pairs.extend([("first-seen", first_seen.as_str()), ("signature", &signer.signature)]);
        table(text, "signer = ", &pairs, "\n");
    }
    if let Some(scan) = &approval.scan {
        let date = scan.date.to_string();
        let pairs = [
            ("verdict", scan.word()),
            ("advisories", &scan.advisories),
            ("tool", &scan.tool),
            ("date", &date),
        ];
        table(text, "scan = ", &pairs, "\n");
    }
    if !approval.grants.is_empty() {
        text.push_str("grants = [\n");
        let mut grants: Vec<_> = approval.grants.iter().collect();
        grants.sort();
        for grant in grants {
            let until = grant.until.map(|until| until.to_string());
            let mut pairs = vec![("allow", grant.allow.as_str()), ("reason", &grant.reason)];
            pairs.extend(until.as_ref().map(|until| ("until", until.as_str())));
            table(text, "  ", &pairs, ",\n");
        }
        text.push_str("]\n");
    }
    if !approval.superseded.is_empty() {
        text.push_str("superseded = [\n");
        for earlier in &approval.superseded {
            let until = earlier.until.to_string();
            let mut pairs = vec![("digest", earlier.digest.as_str())];
            pairs.extend(earlier.revision.as_ref().map(|revision| ("revision", revision.as_str())));
            pairs.push(("until", &until));
            table(text, "  ", &pairs, ",\n");
        }
        text.push_str("]\n");
    }
    text.push_str("files = [\n");
    for (path, pin) in &approval.files {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {{ path = {}, size = {}, sha256 = \"{}\" }},",
            quoted(path),
            pin.size,
            pin.digest
        );
    }
    text.push_str("]\n");
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {}", quoted(value));
}

fn table(text: &mut String, before: &str, pairs: &[(&str, &str)], after: &str) {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {}", quoted(value))).collect();
    let _ = write!(text, "{before}{{ {} }}{after}", pairs.join(", "));
}

/// A basic string of TOML (v1.0, *String*). What a reader of the file would not see, or see in another order, is spelt out.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len().saturating_add(2));
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                let _ = write!(text, "\\U{:08X}", u32::from(hidden));
            }
            plain => text.push(plain),
        }
    }
    text.push('"');
    text
}

/// Controls, and what hides or reorders text (Unicode, *Default Ignorable Code Points* and *Bidirectional Character Types*).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
