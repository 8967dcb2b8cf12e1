//! Phrases that several reports share.

use std::collections::BTreeSet;
use std::time::Duration;

use weighbridge_core::finding::{Finding, Severity, Status, Subject};
use weighbridge_core::graph::{NodeId, NodeKind};
use weighbridge_core::knowledge::Vulnerability;
use weighbridge_core::place::{Place, Span};
use weighbridge_core::report::{Artifact, Report, Safety};

use crate::group::{self, Block, Kind};
use crate::text::escape;

/// `1 package`, `2 packages`; thousands are set apart.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// `41,208`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1.9 GB`: decimal units, one digit after the point below ten.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut tenths = u128::from(number) * 10;
    while tenths >= 9_995 && unit + 1 < UNITS.len() {
        // Rounded half up once, from the exact number, not step by step.
        unit += 1;
        let divisor = 10u128.pow(3 * u32::try_from(unit).unwrap_or(0));
        tenths = (u128::from(number) * 10 + divisor / 2) / divisor;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || tenths >= 100 {
        format!("{} {name}", (tenths + 5) / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// `24 ms` below a tenth of a second, else `1.3 s`.
pub(crate) fn elapsed(time: Duration) -> String {
    if time < Duration::from_millis(100) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// `EPSS 93%`: how likely the vulnerability is to be exploited soon, where scores were imported and name it.
pub(crate) fn epss(vulnerability: &Vulnerability) -> Option<String> {
    let score = vulnerability.epss?.score;
    Some(match score {
        ..100 => "EPSS <0.1%".to_owned(),
        100..10_000 => format!("EPSS {}.{}%", score / 1_000, score / 100 % 10),
        _ => format!("EPSS {}%", score / 1_000),
    })
}

/// `path:line`, `path › inner, byte 61`, escaped.
pub(crate) fn place(place: &Place, span: Option<&Span>) -> String {
    let name = escape(&place.to_string());
    match span {
        Some(Span::Line(line)) => format!("{name}:{line}"),
        Some(Span::Offset(offset)) => format!("{name}, byte {offset}"),
        None => name,
    }
}

/// What the finding is about: `pillow 9.0.0`, or a path; escaped.
pub(crate) fn subject(report: &Report, finding: &Finding) -> String {
    escape(&match &finding.subject {
        Subject::Node(id) => report.graph.label(id),
        Subject::Place(place) => place.to_string(),
    })
}

/// The subject of a finding about a vulnerability, which says so where it is inferred; escaped.
pub(crate) fn affected(report: &Report, finding: &Finding) -> String {
    const INFERRED: &str = " (inferred)";
    let inferred = if finding.title.ends_with(INFERRED) { INFERRED } else { "" };
    format!("{}{inferred}", subject(report, finding))
}

/// What has to move for the findings of a block: the package that carries their subjects, else what the worst is about;
/// escaped.
pub(crate) fn touched(report: &Report, block: &Block<'_>, worst: &Finding) -> String {
    let carrier = (block.kind == Kind::Carrier).then(|| group::carrier(report, worst)).flatten();
    carrier.map_or_else(|| affected(report, worst), |id| escape(&report.graph.label(id)))
}

/// The title of a finding, escaped; for a vulnerability with the name that people know it by and the package.
pub(crate) fn title(report: &Report, finding: &Finding) -> String {
    let mut title = escape(&finding.title);
    if let Some(vulnerability) = &finding.vulnerability {
        let subject = subject(report, finding);
        if !title.contains(&subject) {
            title = format!("{subject}: {title}");
        }
        if !title.contains(&vulnerability.name) {
            title = format!("{} {title}", escape(&vulnerability.name));
        }
    }
    title
}

/// The way by which the finding came in that says most: the shortest that begins at a project, else the shortest at
/// all; labels, escaped. Empty if there is none or if it consists of the root alone.
pub(crate) fn path(report: &Report, finding: &Finding) -> Vec<String> {
    let path = group::shortest(finding).filter(|path| path.len() > 1);
    path.into_iter().flatten().map(|id| escape(&step(report, id))).collect()
}

/// What a step of a way is called: of a file its name, since the package before it says where it lies.
fn step(report: &Report, id: &NodeId) -> String {
    match report.graph.nodes.get(id).map(|node| &node.kind) {
        Some(NodeKind::Artifact { places, .. }) => {
            places.first().map_or_else(|| id.to_string(), |place| place.name().to_owned())
        }
        _ => report.graph.label(id),
    }
}

/// The way that says most of what a block is about: to the package that carries its libraries and no further, else that of its
/// worst finding.
pub(crate) fn path_of(report: &Report, block: &Block<'_>, worst: &Finding) -> Vec<String> {
    let mut labels = path(report, worst);
    if block.kind == Kind::Carrier {
        let carrier = touched(report, block, worst);
        let end = labels.iter().position(|label| *label == carrier).map_or(labels.len(), |at| at + 1);
        labels.truncate(end);
    }
    labels
}

/// `and 3 more paths`; none if there are no others.
pub(crate) fn other_paths(finding: &Finding) -> Option<String> {
    let others = finding.paths.paths.len().saturating_sub(1);
    match (others, finding.paths.more) {
        (0, false) => None,
        (1, false) => Some("and 1 more path".to_owned()),
        (_, false) => Some(format!("and {others} more paths")),
        (0, true) => Some("and more paths".to_owned()),
        (_, true) => Some(format!("and over {others} more paths")),
    }
}

/// The counts of the summary line; only those that are not zero.
pub(crate) fn inventory(report: &Report) -> Vec<String> {
    let totals = &report.totals;
    let mut parts = Vec::new();
    let libraries = totals
        .libraries
        .saturating_add(totals.unversioned_libraries)
        .saturating_add(totals.unknown_libraries);
    for (number, one, many) in [
        (totals.packages, "package", "packages"),
        (totals.unresolved, "requirement without a version", "requirements without a version"),
        (totals.system_packages, "system package", "system packages"),
        (totals.environments, "environment", "environments"),
        (libraries, "native library", "native libraries"),
    ] {
        if number > 0 {
            parts.push(count(number, one, many));
        }
    }
    if totals.models > 0 {
        let own = || report.artifacts.iter().filter(|artifact| artifact.owner.is_none());
        let harmless = own().all(|artifact| artifact.safety == Safety::Harmless);
        let all = u64::try_from(own().count()).is_ok_and(|known| known == totals.models);
        let word = match (harmless && all, totals.models) {
            (true, 1) => ", harmless",
            (true, _) => ", all harmless",
            (false, _) => "",
        };
        parts.push(format!(
            "{} {}{word}",
            count(totals.models, "model", "models"),
            bytes(totals.model_bytes)
        ));
    }
    if totals.data_files > 0 {
        let size = bytes(totals.data_bytes);
        parts.push(format!("{} {size}", count(totals.data_files, "data file", "data files")));
    }
    if totals.packaged_models > 0 {
        parts.push(count(totals.packaged_models, "data file in packages", "data files in packages"));
    }
    if parts.is_empty() {
        parts.push(count(totals.files, "file", "files"));
    }
    parts
}

/// Model files that no package brought along and no finding is about, by path.
pub(crate) fn unflagged(report: &Report) -> Vec<&Artifact> {
    let flagged: BTreeSet<&str> = report
        .findings
        .iter()
        .filter_map(|finding| match &finding.subject {
            Subject::Place(place) => Some(&*place.path),
            Subject::Node(_) => None,
        })
        .collect();
    let own = report.artifacts.iter().filter(|artifact| artifact.owner.is_none());
    own.filter(|artifact| !flagged.contains(&*artifact.place.path)).collect()
}

/// How many findings fail, and how many more are open.
pub(crate) fn failed_and_warned(report: &Report) -> (u64, u64) {
    let mut counts = (0u64, 0u64);
    for finding in report.findings.iter().filter(|finding| finding.status == Status::Open) {
        let count = if report.fails(finding) { &mut counts.0 } else { &mut counts.1 };
        *count = count.saturating_add(1);
    }
    counts
}

/// `2 critical, 11 low`, worst first.
pub(crate) fn by_severity<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut counts = [0u64; Severity::ALL.len()];
    for finding in findings {
        for (severity, count) in Severity::ALL.iter().zip(&mut counts) {
            *count = count.saturating_add(u64::from(*severity == finding.severity));
        }
    }
    let present = Severity::ALL.iter().zip(counts).rev().filter(|(_, count)| *count > 0);
    present.map(|(severity, count)| format!("{} {severity}", thousands(count))).collect::<Vec<_>>().join(", ")
}

/// `2 ignored, 1 expires in 6 days`, `3 by VEX`, `40 in the baseline`; empty if there are none.
pub(crate) fn set_aside(report: &Report) -> Vec<String> {
    /// From how many days before its end an ignore is mentioned.
    const SOON_DAYS: i64 = 14;
    let mut parts = Vec::new();
    let mut ignored = 0u64;
    let mut ends: Vec<i64> = Vec::new();
    let mut baseline = 0u64;
    let mut unaffected = 0u64;
    for finding in &report.findings {
        match &finding.status {
            Status::Open => {}
            Status::Baseline => baseline = baseline.saturating_add(1),
            Status::NotAffected { .. } => unaffected = unaffected.saturating_add(1),
            Status::Ignored { until, .. } => {
                ignored = ignored.saturating_add(1);
                let left =
                    until.map(|date| i64::from(date.days()).saturating_sub(i64::from(report.today.days())));
                ends.extend(left.filter(|left| *left <= SOON_DAYS));
            }
        }
    }
    if ignored > 0 {
        let mut part = format!("{} ignored", thousands(ignored));
        if let Some(first) = ends.iter().min() {
            let many = ends.len();
            let verb = if many == 1 { "expires" } else { "expire" };
            let within = if ends.iter().all(|end| end == first) { "" } else { "from " };
            part.push_str(&match first {
                ..=0 => format!(", {many} {verb} {within}today"),
                1 => format!(", {many} {verb} {within}tomorrow"),
                _ if within.is_empty() => format!(", {many} {verb} in {first} days"),
                _ => format!(", {many} {verb}, the first in {first} days"),
            });
        }
        parts.push(part);
    }
    if unaffected > 0 {
        parts.push(format!("{} by VEX", thousands(unaffected)));
    }
    if baseline > 0 {
        parts.push(format!("{} in the baseline", thousands(baseline)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_949_999, "1.9 MB"),
            (1_950_000, "2.0 MB"),
            (9_960_000, "10 MB"),
            (999_500_000, "1.0 GB"),
            (999_400_000, "999 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(number), expected, "{number}");
        }
        assert_eq!(elapsed(Duration::from_micros(24_900)), "24 ms");
        assert_eq!(elapsed(Duration::from_millis(1_349)), "1.3 s");
        assert_eq!(count(41_208, "file", "files"), "41,208 files");
        assert_eq!(count(1, "file", "files"), "1 file");
    }
}
