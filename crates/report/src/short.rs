//! One line for each open finding and each place that was not read: for grep, editors and small terminals.

use std::io;

use weighbridge_core::finding::Status;
use weighbridge_core::place::Span;
use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::{Report, Verdict};

use crate::text::escape;
use crate::words;

/// See the module.
pub(crate) struct Short;

impl Renderer for Short {
    fn id(&self) -> &'static str {
        "short"
    }

    fn title(&self) -> &'static str {
        "one line for each finding: `path:line: severity rule title`"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[]
    }

    fn render(&self, report: &Report, _: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        for finding in report.findings.iter().filter(|finding| finding.status == Status::Open) {
            let place = match report.location(finding) {
                Some((place, Some(Span::Line(line)))) => format!("{}:{line}", escape(&place.to_string())),
                Some((place, _)) => escape(&place.to_string()),
                None => words::subject(report, finding),
            };
            let (severity, rule) = (finding.severity, finding.rule.id);
            writeln!(output, "{place}: {severity} {rule} {}", words::title(report, finding))?;
        }
        for gap in &report.coverage.unread {
            let place = match gap.span {
                Some(Span::Line(line)) => format!("{}:{line}", escape(&gap.place.to_string())),
                _ => escape(&gap.place.to_string()),
            };
            writeln!(output, "{place}: unread {}", escape(&gap.reason.to_string()))?;
        }
        let (failed, warned) = words::failed_and_warned(report);
        let mut parts =
            vec![format!("{} failed", words::thousands(failed)), words::count(warned, "warning", "warnings")];
        parts.extend(words::set_aside(report));
        let unread = u64::try_from(report.coverage.unread.len()).unwrap_or(u64::MAX);
        if unread > 0 {
            parts.push(format!("{} not read", words::thousands(unread)));
        }
        let verdict = match report.verdict {
            Verdict::Pass => "passed",
            Verdict::Fail => "failed",
            Verdict::Incomplete => "incomplete",
        };
        writeln!(output, "{verdict}: {}; advisories {}", parts.join(", "), report.advisories.as_of)
    }
}
