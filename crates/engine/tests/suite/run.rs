//! Scans a case and compares what came of it with what was expected; writes cases to a folder for other tools.

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;

use weighbridge_advisory::Index;
use weighbridge_check::policy::Policy;
use weighbridge_core::digest::Hasher;
use weighbridge_core::finding::Severity;
use weighbridge_core::renderer::{Show, Style};
use weighbridge_core::report::{Report, Safety, Verdict};
use weighbridge_engine::flow::{Request, scan};
use weighbridge_report::RENDERERS;

use super::{CASES, Case, Content, Expect};
use crate::support::{Folder, context};

/// What came of a case.
pub(crate) struct Outcome {
    /// Whether it is what was expected.
    pub(crate) judged: Result<(), String>,
}

/// Names a folder into which `suite::write` puts every case for other tools, with a list of them.
pub(crate) const OUT: &str = "WEIGHBRIDGE_SUITE_OUT";

static ADVISORIES: LazyLock<Index> = LazyLock::new(|| Index::embedded().unwrap());

/// Scans with one thread and with four.
pub(crate) fn run(case: &Case) -> Outcome {
    let folder = Folder::new();
    write(case, &folder.path());
    let reports = [1, 4].map(|jobs| weigh(&folder.text(), jobs));
    let [Ok(report), Ok(again)] = &reports else {
        let errors: Vec<String> = reports.into_iter().filter_map(Result::err).collect();
        return Outcome { judged: Err(format!("no report: {}", errors.join("; "))) };
    };
    let judged = if json(report) == json(again) {
        judge(case, report)
    } else {
        Err("the reports of one thread and of four differ".to_owned())
    };
    Outcome { judged }
}

/// Whatever is not harmless fails, as with `--fail-on medium`; for benign cases nothing at all may be found.
fn weigh(target: &str, jobs: usize) -> Result<Report, String> {
    let policy = Policy { fail_on: Severity::Medium, ..Policy::default() };
    let request = Request {
        targets: &[target.to_owned()],
        locks: &[],
        exclude: &[],
        jobs: NonZeroUsize::new(jobs),
        readers: weighbridge_read::READERS,
        policy: &policy,
    };
    scan(&request, &ADVISORIES, "embedded", &context(), &()).map_err(|error| error.to_string())
}

fn json(report: &Report) -> Vec<u8> {
    let renderer = RENDERERS.iter().find(|renderer| renderer.id() == "json").unwrap();
    let style = Style {
        width: 100,
        color: false,
        hyperlinks: false,
        show: Show::All,
        elapsed: None,
        exit_code: report.verdict.exit_code(),
        docs: "",
    };
    let mut text = Vec::new();
    renderer.render(report, &style, &mut text).unwrap();
    text
}

fn judge(case: &Case, report: &Report) -> Result<(), String> {
    let worst = report.artifacts.iter().map(|artifact| artifact.safety).max();
    let right = match &case.expect {
        Expect::Dangerous(text) => {
            worst == Some(Safety::Dangerous) && says_any(report, ["WB-P001", "WB-K001", "WB-G001"], text)
        }
        Expect::Untrusted(text) => {
            worst == Some(Safety::Untrusted) && says_any(report, ["WB-P002", "WB-K002", "WB-G002"], text)
        }
        Expect::Flagged(rule, text) => report.verdict == Verdict::Fail && says(report, rule, text),
        Expect::Incomplete(text) => {
            report.verdict != Verdict::Pass
                && report.coverage.unread.iter().any(|gap| gap.reason.to_string().contains(text.as_str()))
        }
        Expect::Harmless => {
            report.verdict == Verdict::Pass
                && report.findings.is_empty()
                && report.coverage.unread.is_empty()
                && worst.is_none_or(|worst| worst == Safety::Harmless)
        }
    };
    let passed = case.is_evasive() && report.verdict == Verdict::Pass;
    if right && !passed { Ok(()) } else { Err(told(case, report)) }
}

/// Whether a finding of one of the rules says the text.
fn says_any(report: &Report, rules: [&str; 3], text: &str) -> bool {
    rules.into_iter().any(|rule| says(report, rule, text))
}

/// Whether a finding of the rule says the text.
fn says(report: &Report, rule: &str, text: &str) -> bool {
    let mut findings = report.findings.iter().filter(|finding| finding.rule.id == rule);
    findings.any(|finding| {
        finding.title.contains(text) || finding.details.iter().any(|detail| detail.contains(text))
    })
}

/// What was expected and what came, for whoever mends it.
fn told(case: &Case, report: &Report) -> String {
    let mut lines = vec![format!("expected: {}", expected(&case.expect))];
    lines.push(format!("verdict: {}", report.verdict.as_str()));
    for artifact in &report.artifacts {
        lines.push(format!("{}: {} {}", artifact.place, artifact.format, artifact.safety.as_str()));
    }
    for finding in &report.findings {
        lines.push(format!("{} {}", finding.rule.id, finding.title));
        lines.extend(finding.details.iter().map(|detail| format!("    {detail}")));
    }
    lines.extend(report.coverage.unread.iter().map(|gap| format!("unread {}: {}", gap.place, gap.reason)));
    lines.join("\n")
}

fn expected(expect: &Expect) -> String {
    match expect {
        Expect::Dangerous(text) => format!("dangerous, saying `{text}`"),
        Expect::Untrusted(text) => format!("untrusted, saying `{text}`"),
        Expect::Flagged(rule, text) => format!("{rule}, saying `{text}`"),
        Expect::Incomplete(text) => format!("incomplete, saying `{text}`"),
        Expect::Harmless => "nothing".to_owned(),
    }
}

/// Writes the files of a case.
pub(crate) fn write(case: &Case, folder: &Path) {
    for (file, content) in &case.files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content {
            Content::Made(bytes) => fs::write(path, bytes()).unwrap(),
            #[cfg(unix)]
            Content::Link(to) => std::os::unix::fs::symlink(to, path).unwrap(),
            #[cfg(not(unix))]
            Content::Link(_) => {}
        }
    }
}

/// What a case consists of, in sixteen digits: what others have said of it holds as long as these do not change.
pub(crate) fn digest(case: &Case) -> String {
    let mut hasher = Hasher::default();
    for (file, content) in &case.files {
        let (kind, bytes) = match content {
            Content::Made(bytes) => ("file", bytes()),
            Content::Link(to) => ("link", to.clone().into_bytes()),
        };
        hasher.update(format!("{kind} {file} {}\n", bytes.len()).as_bytes());
        hasher.update(&bytes);
    }
    hasher.finish().to_string()[..16].to_owned()
}

/// Writes all cases into one folder, each below its id, and what they are into `cases.tsv`: id, path of the file or
/// folder, `bad` or `good`, digest.
pub(crate) fn write_all() {
    let temporary = Folder::new();
    let out = env::var_os(OUT).map_or_else(|| temporary.path(), Into::into);
    let mut list = String::new();
    for (case, _) in CASES.iter() {
        let folder = out.join(case.id());
        write(case, &folder);
        let path = match case.files.as_slice() {
            [(file, _)] => format!("{}/{file}", case.id()),
            _ => case.id(),
        };
        let kind = if case.is_evasive() { "bad" } else { "good" };
        list.push_str(&format!("{}\t{path}\t{kind}\t{}\n", case.id(), digest(case)));
    }
    fs::write(out.join("cases.tsv"), list).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), CASES.len() + 1);
}
