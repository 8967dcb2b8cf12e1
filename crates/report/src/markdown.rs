//! A comment for a pull request: the failing findings as a table, everything else folded away.

use std::io;

use weighbridge_core::finding::{Finding, Status};
use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::{Report, Verdict};

use crate::group::{Block, Kind, blocks};
use crate::page;
use crate::text::escape;
use crate::words;

/// Most rows of one table or list: hosts refuse comments of more than 65,536 characters.
const MOST_ROWS: usize = 50;

/// See the module.
pub(crate) struct Markdown;

impl Renderer for Markdown {
    fn id(&self) -> &'static str {
        "markdown"
    }

    fn title(&self) -> &'static str {
        "for a comment on a pull request"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".markdown", ".md"]
    }

    fn render(&self, report: &Report, style: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        let (failed, warned) = words::failed_and_warned(report);
        let headline = match report.verdict {
            Verdict::Fail if failed == 1 => "❌ Weighbridge: 1 finding fails".to_owned(),
            Verdict::Fail => format!("❌ Weighbridge: {} findings fail", words::thousands(failed)),
            Verdict::Incomplete => "⚠️ Weighbridge: incomplete".to_owned(),
            Verdict::Pass if warned == 0 => "✅ Weighbridge: nothing found".to_owned(),
            Verdict::Pass => {
                format!("✅ Weighbridge: passed, {}", words::count(warned, "warning", "warnings"))
            }
        };
        writeln!(output, "### {headline}\n")?;
        let inventory = words::inventory(report).join(" · ");
        writeln!(output, "{inventory} · advisories {}", report.advisories.as_of)?;
        let blocks = blocks(report, true);
        let (failing, warning): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| block.fails);
        if !failing.is_empty() {
            table(report, style, &failing, output)?;
        }
        if !warning.is_empty() {
            fold(output, &words::count(warned, "warning", "warnings"), |output| {
                table(report, style, &warning, output)
            })?;
        }
        let unread = &report.coverage.unread;
        let items = unread.iter().map(|gap| {
            format!(
                "{} ({})",
                code(&words::place(&gap.place, gap.span.as_ref())),
                prose(&gap.reason.to_string())
            )
        });
        list(output, "place was not read", "places were not read", items)?;
        let ignored =
            report.findings.iter().filter_map(|finding| ignored(report, finding)).collect::<Vec<_>>();
        list(output, "finding is ignored", "findings are ignored", ignored.into_iter())?;
        let baseline = report.findings.iter().filter(|finding| finding.status == Status::Baseline);
        let baseline: Vec<_> = baseline.map(|finding| prose(&words::title(report, finding))).collect();
        list(output, "finding of the baseline", "findings of the baseline", baseline.into_iter())?;
        let notes = report.notes.iter().map(|note| match &note.location {
            Some(location) => format!("{} ({})", prose(&note.message), code(location)),
            None => prose(&note.message),
        });
        list(output, "note", "notes", notes)
    }
}

fn table(report: &Report, style: &Style, blocks: &[Block<'_>], output: &mut dyn io::Write) -> io::Result<()> {
    writeln!(output, "\n| Severity | What | Where | What to do |\n| --- | --- | --- | --- |")?;
    for block in blocks.iter().take(MOST_ROWS) {
        let Some(worst) = block.worst() else { continue };
        let cells = [
            worst.severity.as_str().to_owned(),
            what(report, style, block, worst),
            place(report, block, worst),
            block.remedy(report).map(|remedy| prose(&remedy)).unwrap_or_default(),
        ];
        writeln!(output, "| {} |", cells.join(" | "))?;
    }
    if blocks.len() > MOST_ROWS {
        writeln!(output, "\nAnd {} more.", blocks.len() - MOST_ROWS)?;
    }
    Ok(())
}

fn what(report: &Report, style: &Style, block: &Block<'_>, worst: &Finding) -> String {
    let rule = match page(style.docs, worst.rule) {
        Some(page) => format!("[{}]({page})", worst.rule.id),
        None => worst.rule.id.to_owned(),
    };
    match (block.kind, worst.vulnerability.as_deref()) {
        (Kind::Rule, _) => format!("{rule} {}: {} times", prose(worst.rule.title), block.findings.len()),
        (Kind::Package, Some(vulnerability)) => {
            let exploited = if vulnerability.exploited_since.is_some() { ", exploited" } else { "" };
            let (subject, name) = (prose(&words::affected(report, worst)), prose(&vulnerability.name));
            let many = block.findings.len();
            let epss = words::epss(vulnerability).map(|epss| format!(", {}", prose(&epss)));
            let epss = epss.unwrap_or_default();
            format!("{rule} **{subject}**: {many} known vulnerabilities, worst {name}{exploited}{epss}")
        }
        (Kind::Single, Some(vulnerability)) => {
            let exploited = vulnerability.exploited_since.map(|day| format!(", exploited since {day}"));
            let epss = words::epss(vulnerability).map(|epss| format!(", {}", prose(&epss)));
            let title = prose(&words::title(report, worst));
            format!("{rule} {title}{}{}", exploited.unwrap_or_default(), epss.unwrap_or_default())
        }
        (Kind::Carrier, Some(vulnerability)) => {
            let (subject, name) = (prose(&words::touched(report, block, worst)), prose(&vulnerability.name));
            let (many, libraries) = (block.findings.len(), block.by_subject().len());
            format!(
                "{rule} **{subject}**: {many} known vulnerabilities in {libraries} libraries inside it, worst {name}"
            )
        }
        (Kind::Place, _) => {
            let others = block.findings.iter().skip(1);
            let others: String = others
                .map(|other| format!("; {}: {}", other.rule.id, prose(&words::title(report, other))))
                .collect();
            format!("{rule} {}{others}", prose(&words::title(report, worst)))
        }
        (Kind::Single | Kind::Package | Kind::Carrier, _) => {
            format!("{rule} {}", prose(&words::title(report, worst)))
        }
    }
}

fn place(report: &Report, block: &Block<'_>, worst: &Finding) -> String {
    let path = words::path_of(report, block, worst);
    if !path.is_empty() && block.kind != Kind::Rule {
        let others = words::other_paths(worst).map(|others| format!(" ({others})")).unwrap_or_default();
        return prose(&path.join(" → ")) + &others;
    }
    let more = match block.findings.len() {
        _ if block.kind == Kind::Place => String::new(),
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    let place = report.location(worst).map(|(place, span)| code(&words::place(place, span)));
    place.map(|place| place + &more).unwrap_or_default()
}

fn ignored(report: &Report, finding: &Finding) -> Option<String> {
    let (reason, until) = finding.status.decision()?;
    let until = until.map(|date| format!("until {date}")).unwrap_or("for ever".to_owned());
    Some(format!("{}: {} ({until})", prose(&words::title(report, finding)), prose(reason)))
}

/// A list folded away under how many entries it has; nothing for none.
fn list(
    output: &mut dyn io::Write,
    one: &str,
    many: &str,
    items: impl ExactSizeIterator<Item = String>,
) -> io::Result<()> {
    let number = items.len();
    if number == 0 {
        return Ok(());
    }
    let title = words::count(u64::try_from(number).unwrap_or(u64::MAX), one, many);
    fold(output, &title, |output| {
        writeln!(output)?;
        for item in items.take(MOST_ROWS) {
            writeln!(output, "- {item}")?;
        }
        if number > MOST_ROWS { writeln!(output, "- and {} more", number - MOST_ROWS) } else { Ok(()) }
    })
}

fn fold(
    output: &mut dyn io::Write,
    title: &str,
    content: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    writeln!(output, "\n<details><summary>{title}</summary>")?;
    content(output)?;
    writeln!(output, "\n</details>")
}

/// Foreign text as plain prose: nothing in it is markup, a link, a mention of somebody or a reference to an issue.
fn prose(text: &str) -> String {
    let text = escape(text);
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width space keeps hosts from seeing a name or number behind it.
            '@' | '#' => out.extend([character.to_string().as_str(), "&#8203;"]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => out.extend(['\\', character]),
            // `http://…` and `www.…` would become links (GitHub Flavored Markdown section 6.9).
            ':' if text.get(at..).is_some_and(|rest| rest.starts_with("://")) => out.push_str("\\:"),
            '.' if text.get(..at).is_some_and(|before| before.to_lowercase().ends_with("www")) => {
                out.push_str("\\.")
            }
            _ => out.push(character),
        }
    }
    out
}

/// Foreign text as code. A bar would end the cell of a table, even in code.
fn code(text: &str) -> String {
    let text = escape(text).replace('|', "\\|");
    // A span of code ends at a run of as many backticks as it began with (CommonMark section 6.1).
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        for (input, expected) in [
            ("a_b [x](y) <b>", "a\\_b \\[x\\](y) &lt;b&gt;"),
            ("see http://a.b/c @octo #1 www.a.b", "see http\\://a.b/c @&#8203;octo #&#8203;1 www\\.a.b"),
            ("a|b\nc", "a\\|b\\\\nc"),
        ] {
            assert_eq!(prose(input), expected);
        }
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
    }
}
