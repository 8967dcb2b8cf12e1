//! Differences and approvals in words.

use std::fmt::Write as _;

use weighbridge_core::lock::{Approval, Identity};
use weighbridge_trust::lock::Difference;

use crate::printer::one_line;

/// Differences that are told of one model.
const MOST: usize = 40;

/// The lines for what is otherwise than it was approved.
pub(super) fn differences(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(MOST) {
        text.push_str(&one(difference));
    }
    if differences.len() > MOST {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  and {} more", differences.len().saturating_sub(MOST));
    }
    text
}

fn one(difference: &Difference) -> String {
    match difference {
        Difference::Unsigned => "  unsigned  and the lock demands a signature\n".to_owned(),
        Difference::NotHolding(why) => format!("  signature  does not hold: {}\n", one_line(why)),
        Difference::Changed { path, pinned, size, digest } => {
            let digest = digest.map_or_else(|| "not hashed".to_owned(), |digest| digest.to_string());
            format!(
                "  changed   {}\n            was {}, {} bytes\n            is  {digest}, {size} bytes\n",
                one_line(path),
                pinned.digest,
                pinned.size
            )
        }
        Difference::Missing(path) => format!("  missing   {}\n", one_line(path)),
        Difference::Extra(path) => format!("  extra     {}\n", one_line(path)),
        Difference::SignerChanged { pinned, shown } => {
            format!("  signer    was {}\n            is  {}\n", identity(pinned), identity(shown))
        }
        Difference::SignatureLost(path) => {
            format!("  signature  lost: there is no {} any more\n", one_line(path))
        }
        Difference::Downgraded(until) => format!("  downgrade  it is what was replaced on {until}\n"),
        Difference::Moved { pinned, found } => {
            format!("  revision  was {pinned}\n            is  {found}\n")
        }
        Difference::Unread { path, why } => format!("  unread    {}: {why}\n", one_line(path)),
    }
}

/// Somebody who signs.
pub(super) fn identity(identity: &Identity) -> String {
    match identity {
        Identity::Sigstore { name, .. } if name.is_empty() => {
            "somebody whom Sigstore does not name".to_owned()
        }
        other => one_line(&other.to_string()),
    }
}

/// When and on what ground something was approved.
pub(super) fn ground(approval: &Approval) -> String {
    let files = approval.files.len();
    let bytes: u64 = approval.files.values().fold(0, |sum, pin| sum.saturating_add(pin.size));
    let mut text = format!("{}  ({})\n", one_line(&approval.source), approval.kind.as_str());
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<9} {}", one_line(value));
    };
    line("approved", &approval.approved.to_string());
    line("reason", approval.reason.as_deref().unwrap_or("none was given"));
    if let Some(revision) = &approval.revision {
        line("revision", revision);
    }
    line("files", &format!("{files}, {bytes} bytes"));
    match &approval.signer {
        Some(signer) => {
            let how = match (&signer.identity, &signer.key) {
                (Identity::Key(_), None) => "; the lock has no key to verify it with",
                _ if signer.roots.is_some() => "; by the roots that the lock keeps",
                _ => "",
            };
            let since = signer.first_seen;
            line("signer", &format!("{}, first seen {since}{how}", identity(&signer.identity)));
        }
        None if approval.signature_required => line("signer", "none, though the lock demands one"),
        None => line("signer", "none"),
    }
    match &approval.scan {
        Some(scan) => line(
            "scan",
            &format!(
                "{} on {}, by weighbridge {} with advisories of {}",
                scan.word(),
                scan.date,
                scan.tool,
                scan.advisories
            ),
        ),
        None => line("scan", "none"),
    }
    for earlier in &approval.superseded {
        let revision = earlier.revision.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        line("replaced", &format!("{}{revision} until {}", earlier.digest, earlier.until));
    }
    for grant in &approval.grants {
        let until = grant.until.map_or_else(String::new, |until| format!(", until {until}"));
        line("grant", &format!("{}: {}{until}", grant.allow, grant.reason));
    }
    text
}
