//! The report for a person at a terminal: what was looked at, what is worst and what to do about it, on one screen.

use std::collections::BTreeMap;
use std::io;

use unicode_width::UnicodeWidthStr;
use weighbridge_core::coverage::Gap;
use weighbridge_core::finding::{Finding, Status};
use weighbridge_core::place::Span;
use weighbridge_core::renderer::{Renderer, Show, Style};
use weighbridge_core::report::{Report, Safety, Verdict};

use crate::group::{Block, Kind, blocks, by_direct};
use crate::page;
use crate::text::escape;
use crate::words;
use crate::wrap::{Lines, Look, Piece, Prefix};

/// No terminal is taken to be narrower.
const LEAST_WIDTH: usize = 40;

/// The exit code stands no further to the right, so that the eye finds it on a wide terminal.
const EDGE: usize = 80;

/// Most details shown of one finding and places of one rule, unless all are asked for.
const MOST_DETAILS: usize = 4;

/// Most vulnerabilities named for one package, and entries of a list at the end, unless all are asked for.
const MOST_LISTED: usize = 3;

/// Most model files that no finding speaks of and that are listed with their verdict, unless all are asked for.
const MOST_VERDICTS: usize = 6;

/// Columns around a path in a list of places that were not read: the mark before it, `and 999 more` behind it.
const GAP_MARGIN: usize = 24;

const HEAD: Prefix = Prefix { first: "", next: "      ", look: Look::Plain };
const DETAIL: Prefix = Prefix { first: "   │ ", next: "   │   ", look: Look::Dim };
const FIX: Prefix = Prefix { first: "   = ", next: "          ", look: Look::Fix };
const TAIL: Prefix = Prefix { first: "  ", next: "    ", look: Look::Plain };

/// See the module.
pub(crate) struct Human;

impl Renderer for Human {
    fn id(&self) -> &'static str {
        "human"
    }

    fn title(&self) -> &'static str {
        "for people at a terminal"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".txt"]
    }

    fn render(&self, report: &Report, style: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        let lines = Lines {
            output,
            width: style.width.max(LEAST_WIDTH),
            color: style.color,
            hyperlinks: style.hyperlinks,
        };
        Teller { report, style, lines, all: style.show == Show::All }.tell()
    }
}

struct Teller<'a> {
    report: &'a Report,
    style: &'a Style,
    lines: Lines<'a>,
    all: bool,
}

impl<'a> Teller<'a> {
    fn tell(mut self) -> io::Result<()> {
        self.summary()?;
        let blocks = blocks(self.report, !self.all);
        let most = match self.style.show {
            Show::All => blocks.len(),
            Show::First(most) => most.min(blocks.len()),
        };
        let (shown, hidden) = blocks.split_at(most);
        for block in shown {
            self.lines.blank()?;
            self.block(block)?;
        }
        self.incomplete()?;
        let tail = self.tail(hidden);
        if !tail.is_empty() {
            self.lines.blank()?;
            for pieces in tail {
                self.lines.line(TAIL, &pieces)?;
            }
        }
        self.lines.blank()?;
        self.last_line()
    }

    /// What was looked at, how long it took, and by which advisories. The mark in front says whether that was everything, which is
    /// not yet that it is well.
    fn summary(&mut self) -> io::Result<()> {
        let complete = self.report.coverage.unread.is_empty() && self.report.verdict != Verdict::Incomplete;
        let mark = if complete { ("●", Look::Plain) } else { ("!", Look::Loud) };
        let mut pieces = vec![Piece::new(mark.0, mark.1, 0)];
        for (at, part) in words::inventory(self.report).into_iter().enumerate() {
            pieces.push(Piece::new(part, Look::Plain, if at == 0 { 1 } else { 2 }));
        }
        if let Some(elapsed) = self.style.elapsed {
            pieces.push(Piece::new(words::elapsed(elapsed), Look::Plain, 3));
        }
        pieces.push(Piece::new(format!("advisories {}", self.report.advisories.as_of), Look::Dim, 3));
        self.lines.line(Prefix { next: "  ", ..HEAD }, &pieces)?;
        self.verdicts()
    }

    /// A line for each model file that no finding speaks of: may it be loaded?
    fn verdicts(&mut self) -> io::Result<()> {
        let told = words::unflagged(self.report);
        if !self.all && told.len() > MOST_VERDICTS {
            return Ok(());
        }
        for artifact in told {
            let look = if artifact.safety == Safety::Harmless { Look::Good } else { Look::Loud };
            let pieces = [
                Piece::new(escape(&artifact.place.path), Look::Plain, 0),
                Piece::new(artifact.safety.as_str(), look, 2),
                Piece::new(artifact.format, Look::Dim, 2),
            ];
            self.lines.line(TAIL, &pieces)?;
        }
        Ok(())
    }

    fn block(&mut self, block: &Block<'a>) -> io::Result<()> {
        let Some(worst) = block.worst() else { return Ok(()) };
        let mark = if block.fails { ("FAIL", Look::Fail) } else { ("WARN", Look::Warn) };
        let mut head = vec![Piece::new(mark.0, mark.1, 0)];
        head.extend(self.head(block, worst));
        self.lines.line(HEAD, &head)?;
        match block.kind {
            Kind::Rule => self.breaches(block)?,
            Kind::Place => {
                self.details(worst)?;
                for other in block.findings.iter().skip(1) {
                    self.detail(&format!("{}: {}", other.rule.id, words::title(self.report, other)))?;
                }
            }
            _ if block.is_attack() => self.details(worst)?,
            Kind::Carrier => self.libraries(block, worst)?,
            Kind::Package | Kind::Single => self.vulnerabilities(block, worst)?,
        }
        if let Some(remedy) = block.remedy(self.report) {
            let mut pieces = vec![Piece::new("fix:", Look::Fix, 0)];
            pieces.extend(Piece::words(&escape(&remedy), Look::Plain, 1));
            self.lines.line(FIX, &pieces)?;
        }
        Ok(())
    }

    /// What stands behind `FAIL` or `WARN`.
    fn head(&self, block: &Block<'a>, worst: &'a Finding) -> Vec<Piece> {
        let rule = Piece::new(worst.rule.id, Look::Bold, 2).linked(page(self.style.docs, worst.rule));
        let severity = |gap| Piece::new(worst.severity.as_str().to_uppercase(), Look::Bold, gap);
        let name = |look, gap| {
            let name = worst.vulnerability.as_deref().map(|it| escape(&it.name)).unwrap_or_default();
            Piece::new(name, look, gap)
        };
        let exploited = worst.vulnerability.as_deref().and_then(|it| it.exploited_since);
        match (block.kind, worst.vulnerability.as_deref()) {
            (Kind::Package | Kind::Carrier, _) => {
                let subject = words::touched(self.report, block, worst);
                let mut pieces = vec![Piece::new(subject, Look::Bold, 2)];
                let many = match block.kind {
                    Kind::Carrier => format!(
                        "{} vulnerabilities in {} libraries inside it, worst",
                        block.findings.len(),
                        block.by_subject().len()
                    ),
                    _ => format!("{} vulnerabilities, worst", block.findings.len()),
                };
                pieces.extend(Piece::words(&many, Look::Plain, 2));
                pieces.push(name(Look::Plain, 1));
                pieces.push(comma(severity(1), exploited.is_some()));
                pieces.extend(exploited.map(|_| Piece::new("exploited", Look::Bold, 1)));
                pieces
            }
            (Kind::Rule, _) => {
                let title = format!("{}: {} times", worst.rule.title, block.findings.len());
                std::iter::once(rule).chain(Piece::words(&escape(&title), Look::Plain, 2)).collect()
            }
            (Kind::Single, Some(vulnerability)) if !vulnerability.malicious => {
                let subject = Piece::new(words::affected(self.report, worst), Look::Plain, 2);
                let mut pieces = vec![name(Look::Bold, 2), severity(2)];
                // What is exploited already need not be foretold.
                let epss = words::epss(vulnerability).filter(|_| exploited.is_none());
                pieces.extend(epss.map(|epss| Piece::new(epss, Look::Plain, 2)));
                pieces.push(comma(subject, exploited.is_some()));
                if let Some(day) = exploited {
                    pieces.extend(Piece::words(&format!("exploited since {day}"), Look::Bold, 1));
                }
                pieces
            }
            (Kind::Single | Kind::Place, _) => {
                let title = words::title(self.report, worst);
                std::iter::once(rule).chain(Piece::words(&title, Look::Plain, 2)).collect()
            }
        }
    }

    /// The vulnerabilities of one package: the way it came in, and which they are.
    fn vulnerabilities(&mut self, block: &Block<'a>, worst: &'a Finding) -> io::Result<()> {
        self.paths(worst, self.line(worst))?;
        if block.kind == Kind::Single {
            // The head has said what matters of them.
            let details: &[String] = if self.all { &worst.details } else { &[] };
            return details.iter().try_for_each(|detail| self.detail(&escape(detail)));
        }
        self.ratings(&block.findings, Vec::new())
    }

    /// The libraries inside one package, each with its worst vulnerabilities.
    fn libraries(&mut self, block: &Block<'a>, worst: &'a Finding) -> io::Result<()> {
        let labels = words::path_of(self.report, block, worst);
        if labels.len() > 1 {
            self.lines.line(DETAIL, &way(&labels))?;
        }
        let libraries = block.by_subject();
        let most = if self.all { libraries.len() } else { MOST_DETAILS };
        for findings in libraries.iter().take(most) {
            let Some(first) = findings.first() else { continue };
            let label = Piece::new(format!("{}:", words::subject(self.report, first)), Look::Plain, 0);
            self.ratings(findings, vec![label])?;
        }
        let more = libraries.len().saturating_sub(most);
        match more {
            0 => Ok(()),
            1 => self.detail("+ 1 more library"),
            _ => self.detail(&format!("+ {more} more libraries")),
        }
    }

    /// The names and ratings of vulnerabilities, behind these pieces.
    fn ratings(&mut self, findings: &[&'a Finding], mut pieces: Vec<Piece>) -> io::Result<()> {
        let most = if self.all { findings.len() } else { MOST_LISTED };
        for finding in findings.iter().take(most) {
            let Some(vulnerability) = finding.vulnerability.as_deref() else { continue };
            let name = escape(&vulnerability.name);
            let rating = match vulnerability.score {
                Some(score) => format!("{name} {}.{}", score / 10, score % 10),
                None => format!("{name} unrated"),
            };
            let rating = match words::epss(vulnerability) {
                Some(epss) => format!("{rating} ({epss})"),
                None => rating,
            };
            pieces.push(Piece::new(rating, Look::Plain, 2));
        }
        let more = findings.len().saturating_sub(most);
        if more > 0 {
            pieces.push(Piece::new(format!("+ {more} more"), Look::Plain, 2));
        }
        self.lines.line(DETAIL, &pieces)
    }

    /// The breaches of one rule, by their titles.
    fn breaches(&mut self, block: &Block<'a>) -> io::Result<()> {
        for finding in block.findings.iter().take(MOST_DETAILS) {
            let place = self.place(finding).map(|place| format!(" ({place})")).unwrap_or_default();
            self.detail(&format!("{}{place}", words::title(self.report, finding)))?;
        }
        let more = block.findings.len().saturating_sub(MOST_DETAILS);
        if more > 0 { self.detail(&format!("+ {more} more")) } else { Ok(()) }
    }

    /// Everything about one finding: where, why, by which path.
    fn details(&mut self, finding: &'a Finding) -> io::Result<()> {
        for detail in self.short(&finding.details) {
            self.detail(&detail)?;
        }
        if let Some(place) = self.place(finding) {
            self.detail(&format!("at {place}"))?;
        }
        self.paths(finding, None)
    }

    /// The line in a manifest or lock file where the package of a vulnerability is named.
    fn line(&self, finding: &Finding) -> Option<String> {
        let (place, span) = self.report.location(finding)?;
        matches!(span, Some(Span::Line(_))).then(|| words::place(place, span))
    }

    /// Where the finding shows, unless its title or details have said so.
    fn place(&self, finding: &Finding) -> Option<String> {
        let (place, span) = self.report.location(finding)?;
        let said = |text: &str| {
            let inner = place.inner.last().is_none_or(|step| text.contains(&**step));
            text.contains(&*place.path) && inner
        };
        let texts = || std::iter::once(&finding.title).chain(&finding.details);
        let span = span.filter(|span| match span {
            Span::Line(_) => true,
            Span::Offset(offset) => !texts().any(|text| text.contains(&offset.to_string())),
        });
        (span.is_some() || !texts().any(|text| said(text))).then(|| words::place(place, span))
    }

    /// The way by which it came in, one or all of them, and the line where it is named.
    fn paths(&mut self, finding: &'a Finding, line: Option<String>) -> io::Result<()> {
        let at = line.map(|line| format!("at {line}"));
        if self.all {
            for path in finding.paths.paths.iter().filter(|path| path.len() > 1) {
                let labels: Vec<String> =
                    path.iter().map(|id| escape(&self.report.graph.label(id))).collect();
                self.lines.line(DETAIL, &way(&labels))?;
            }
            let more = finding.paths.more.then(|| "and more paths".to_owned());
            return more.iter().chain(&at).try_for_each(|text| self.detail(text));
        }
        let labels = words::path(self.report, finding);
        if labels.is_empty() {
            return at.iter().try_for_each(|text| self.detail(text));
        }
        let mut pieces = way(&labels);
        if let Some(others) = words::other_paths(finding) {
            pieces.push(Piece::new(format!("({others})"), Look::Dim, 1));
        }
        pieces.extend(at.map(|at| Piece::new(at, Look::Dim, 2)));
        self.lines.line(DETAIL, &pieces)
    }

    fn detail(&mut self, text: &str) -> io::Result<()> {
        self.lines.line(DETAIL, &Piece::words(text, Look::Plain, 0))
    }

    /// The first entries, escaped, and how many more there are.
    fn short(&self, entries: &[String]) -> Vec<String> {
        let most = if self.all { entries.len() } else { MOST_DETAILS };
        let mut shown: Vec<String> = entries.iter().take(most).map(|entry| escape(entry)).collect();
        if entries.len() > most {
            shown.push(format!("+ {} more", entries.len() - most));
        }
        shown
    }

    /// Loudly that not everything was read.
    fn incomplete(&mut self) -> io::Result<()> {
        if self.report.verdict != Verdict::Incomplete {
            return Ok(());
        }
        let unread = &self.report.coverage.unread;
        let many = u64::try_from(unread.len()).unwrap_or(u64::MAX);
        let why = match many {
            0 => "see the notes below".to_owned(),
            1 => "1 place was not read".to_owned(),
            _ => format!("{} places were not read", words::thousands(many)),
        };
        self.lines.blank()?;
        let mut pieces = vec![Piece::new("INCOMPLETE:", Look::Loud, 0)];
        pieces.extend(Piece::words(&why, Look::Plain, 1));
        self.lines.line(HEAD, &pieces)?;
        let gaps = self.gaps();
        let most = if self.all { gaps.len() } else { MOST_DETAILS };
        for (place, reason, _) in gaps.iter().take(most) {
            self.detail(&format!("{place}: {reason}"))?;
        }
        let more: usize = gaps.iter().skip(most).map(|(_, _, places)| places).sum();
        if more > 0 { self.detail(&format!("+ {more} more (--show all)")) } else { Ok(()) }
    }

    /// What was not read: where, why, and how many places that stands for. Places that were not read for one reason
    /// are told together, unless all are asked for.
    fn gaps(&self) -> Vec<(String, String, usize)> {
        let unread = &self.report.coverage.unread;
        let place = |gap: &Gap| words::place(&gap.place, gap.span.as_ref());
        if self.all {
            let one = |gap: &Gap| (place(gap), escape(&gap.reason.to_string()), 1);
            return unread.iter().map(one).collect();
        }
        let mut places: BTreeMap<String, (&Gap, usize)> = BTreeMap::new();
        let mut reasons: Vec<String> = Vec::new();
        for gap in unread {
            let reason = escape(&gap.reason.to_string());
            let (_, many) = places.entry(reason.clone()).or_insert((gap, 0));
            *many = many.saturating_add(1);
            if *many == 1 {
                reasons.push(reason);
            }
        }
        let group = |reason: String| {
            let (first, many) = places.get(&reason)?;
            let name = shortened(&place(first), self.lines.width.saturating_sub(GAP_MARGIN));
            Some(match many {
                1 => (name, reason, 1),
                _ => (format!("{name} and {} more", many.saturating_sub(1)), reason, *many),
            })
        };
        reasons.into_iter().filter_map(group).collect()
    }

    /// What is not shown in full, what does not count, what was not read, and what the policy says.
    fn tail(&self, hidden: &[Block<'a>]) -> Vec<Vec<Piece>> {
        let mut tail = Vec::new();
        let failing = || hidden.iter().filter(|block| block.fails);
        let failing = failing().filter(|it| it.is_attack()).chain(failing().filter(|it| !it.is_attack()));
        let failing: Vec<String> = failing.filter_map(|block| self.called(block)).collect();
        if !failing.is_empty() {
            /// Names of further failing subjects, about three lines of them.
            const MOST_NAMES: usize = 10;
            let mut pieces = Piece::words("also failing:", Look::Fail, 0);
            let last = failing.len().min(MOST_NAMES) - 1;
            for (at, name) in failing.iter().take(MOST_NAMES).enumerate() {
                let comma = if at < last { "," } else { "" };
                pieces.extend(Piece::words(&format!("{name}{comma}"), Look::Plain, 1));
            }
            if failing.len() > MOST_NAMES {
                let more = format!("and {} more", failing.len() - MOST_NAMES);
                pieces.extend(Piece::words(&more, Look::Plain, 1));
            }
            tail.push(pieces);
        }
        tail.extend(self.by_direct());
        let counts = words::by_severity(hidden.iter().flat_map(|block| block.findings.iter().copied()));
        let mut pieces = Vec::new();
        if !counts.is_empty() {
            pieces.extend(Piece::words(&format!("+ {counts} (--show all)"), Look::Plain, 0));
        }
        for part in words::set_aside(self.report) {
            pieces.extend(Piece::words(&part, Look::Plain, 3));
        }
        if !pieces.is_empty() {
            tail.push(pieces);
        }
        if self.all {
            tail.extend(self.report.findings.iter().filter_map(|finding| self.ignored(finding)));
        }
        if self.report.verdict != Verdict::Incomplete {
            let gaps = self.gaps();
            let most = if self.all { gaps.len() } else { MOST_LISTED };
            let hidden: usize = gaps.iter().skip(most).map(|(_, _, places)| places).sum();
            let shown = gaps.iter().take(most).map(|(place, reason, _)| format!("{place} ({reason})"));
            self.list(&mut tail, "not covered:", shown, hidden);
        }
        if self.all {
            let excluded = self.report.coverage.excluded.iter().map(|folder| escape(folder));
            self.list(&mut tail, "left out:", excluded, 0);
        }
        let notes = self.report.notes.iter().map(|note| match &note.location {
            Some(location) => escape(&format!("{} ({location})", note.message)),
            None => escape(&note.message),
        });
        let most = if self.all { notes.len() } else { MOST_LISTED };
        let hidden = notes.len().saturating_sub(most);
        self.list(&mut tail, "note:", notes.take(most), hidden);
        tail
    }

    /// Which direct requirements bring in the vulnerable packages; none where that would tell little that the blocks do not.
    fn by_direct(&self) -> Option<Vec<Piece>> {
        let directs = by_direct(self.report);
        let packages: usize = directs.iter().map(|direct| direct.packages.len()).sum();
        if packages < MOST_LISTED || packages == directs.len() {
            return None;
        }
        let mut pieces = Piece::words("by direct requirement:", Look::Warn, 0);
        let most = if self.all { directs.len() } else { MOST_LISTED };
        let (mut what, mut unit) = (" vulnerabilities", " packages");
        let last = directs.len().min(most).saturating_sub(1);
        for (at, direct) in directs.iter().take(most).enumerate() {
            let label = escape(&self.report.graph.label(direct.id));
            let count = direct.packages.len();
            let comma = if at < last { "," } else { "" };
            let inside = match count {
                1 => String::new(),
                _ => format!(" in {count}{}", std::mem::take(&mut unit)),
            };
            // The first says what the numbers of the others are.
            let text = format!("({}{}{inside}){comma}", direct.vulnerabilities, std::mem::take(&mut what));
            pieces.push(Piece::new(label, Look::Plain, 1));
            pieces.extend(Piece::words(&text, Look::Plain, 1));
        }
        let more = directs.len().saturating_sub(most);
        if more > 0 {
            pieces.extend(Piece::words(&format!("and {more} more"), Look::Plain, 1));
        }
        Some(pieces)
    }

    /// What the findings of a block are about together, and how many they are.
    fn called(&self, block: &Block<'a>) -> Option<String> {
        let worst = block.worst()?;
        let name = match block.kind {
            Kind::Rule => worst.rule.id.to_owned(),
            // What a package has inside is another thing to mend than the package itself.
            Kind::Carrier => format!("inside {}", words::touched(self.report, block, worst)),
            Kind::Package | Kind::Place | Kind::Single => words::touched(self.report, block, worst),
        };
        Some(if block.findings.len() == 1 { name } else { format!("{name} ({})", block.findings.len()) })
    }

    fn ignored(&self, finding: &Finding) -> Option<Vec<Piece>> {
        let (reason, until) = finding.status.decision()?;
        let label = if matches!(finding.status, Status::Ignored { .. }) { "ignored:" } else { "VEX:" };
        let until = until.map(|date| format!(" (until {date})")).unwrap_or_default();
        let text = format!("{}: {}{until}", words::title(self.report, finding), escape(reason));
        Some(
            Piece::words(label, Look::Dim, 0)
                .into_iter()
                .chain(Piece::words(&text, Look::Plain, 1))
                .collect(),
        )
    }

    /// The entries of a list, escaped, a line each, and how many more there are.
    fn list(
        &self,
        tail: &mut Vec<Vec<Piece>>,
        label: &str,
        entries: impl Iterator<Item = String>,
        hidden: usize,
    ) {
        for entry in entries {
            let mut pieces = Piece::words(label, Look::Warn, 0);
            pieces.extend(Piece::words(&entry, Look::Plain, 1));
            tail.push(pieces);
        }
        if hidden > 0 {
            tail.push(Piece::words(&format!("{label} + {hidden} more (--show all)"), Look::Plain, 0));
        }
    }

    fn last_line(&mut self) -> io::Result<()> {
        let (failed, warned) = words::failed_and_warned(self.report);
        let mut left = Vec::new();
        if failed > 0 {
            left.push(Piece::new(format!("{} failed", words::thousands(failed)), Look::Fail, 0));
        }
        if warned > 0 {
            left.push(Piece::new(words::count(warned, "warning", "warnings"), Look::Warn, 2));
        }
        if left.is_empty() {
            let counts = self.report.findings.is_empty();
            let word = if counts { "nothing found" } else { "nothing found that counts" };
            left.push(Piece::new(word, Look::Good, 0));
        }
        if self.report.verdict == Verdict::Incomplete {
            left.push(Piece::new("incomplete", Look::Loud, 2));
        }
        let right = Piece::new(format!("exit {}", self.style.exit_code), Look::Bold, 2);
        self.lines.ends(&left, &right, EDGE)
    }
}

/// A long path with a middle left out, so that it stays on one line: its beginning and its last name tell most.
fn shortened(path: &str, most: usize) -> String {
    let names: Vec<&str> = path.split('/').collect();
    let [first, middle @ .., last] = names.as_slice() else { return path.to_owned() };
    if path.width() <= most || middle.is_empty() {
        return path.to_owned();
    }
    let kept = (1..middle.len()).map(|from| middle.get(from..).unwrap_or_default());
    let short = kept.map(|kept| [&[*first, "…"], kept, &[*last]].concat().join("/"));
    short.into_iter().find(|short| short.width() <= most).unwrap_or_else(|| format!("{first}/…/{last}"))
}

/// `fraud-vision → ultralytics 8.4.1 → pillow 9.0.0`, to be broken before an arrow.
fn way(labels: &[String]) -> Vec<Piece> {
    let arrow = |(at, label): (usize, &String)| {
        let text = if at == 0 { label.clone() } else { format!("→ {label}") };
        Piece::new(text, Look::Dim, 1)
    };
    labels.iter().enumerate().map(arrow).collect()
}

fn comma(piece: Piece, wanted: bool) -> Piece {
    if wanted { piece.followed_by(',') } else { piece }
}
