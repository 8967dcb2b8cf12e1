//! Whole outputs beside this file, byte by byte; and what must hold for every one of them.

use std::path::PathBuf;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use unicode_width::UnicodeWidthStr;
use weighbridge_core::renderer::{Show, Style};
use weighbridge_core::report::Report;

use crate::fixture;

/// Every report of the fixture by name.
pub(crate) fn reports() -> Vec<(&'static str, Report)> {
    let clean = fixture::clean(fixture::graph(&[". > pillow 12.2.0"]));
    vec![
        ("carried", fixture::carried()),
        ("clean", clean),
        ("hostile", fixture::hostile()),
        ("incomplete", fixture::incomplete()),
        ("many", fixture::many()),
        ("one", fixture::one()),
        ("several", fixture::several()),
    ]
}

/// How the tests write for people, 80 columns wide and without colours.
pub(crate) fn style(report: &Report) -> Style {
    Style {
        width: 80,
        color: false,
        hyperlinks: false,
        show: Show::First(weighbridge_report::DEFAULT_SHOWN),
        elapsed: None,
        exit_code: report.verdict.exit_code(),
        docs: "https://example.org/rules/",
    }
}

pub(crate) fn render(format: &str, report: &Report, style: &Style) -> Vec<u8> {
    let mut output = Vec::new();
    weighbridge_report::by_id(format).unwrap().render(report, style, &mut output).unwrap();
    output
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut snapshot = |name: String, format: &'static str, report: &Report, style: Style| {
        let report = report.clone();
        trials.push(Trial::test(format!("snapshots::{name}"), move || {
            compare(&name, &render(format, &report, &style))
        }));
    };
    for (name, report) in reports() {
        let style = style(&report);
        snapshot(format!("{name}.human.txt"), "human", &report, style.clone());
        let narrow = Style { width: 50, ..style.clone() };
        snapshot(format!("{name}.human-50.txt"), "human", &report, narrow);
        if name != "many" {
            for (format, ending) in [
                ("short", "short.txt"),
                ("markdown", "md"),
                ("json", "json"),
                ("sarif", "sarif"),
                ("cyclonedx", "cdx.json"),
                ("openvex", "vex.json"),
            ] {
                snapshot(format!("{name}.{ending}"), format, &report, style.clone());
            }
        }
        if name == "several" {
            let colored = Style {
                color: true,
                hyperlinks: true,
                elapsed: Some(Duration::from_millis(912)),
                ..style.clone()
            };
            snapshot("several.human-color.txt".to_owned(), "human", &report, colored);
            let all = Style { show: Show::All, ..style.clone() };
            snapshot("several.human-all.txt".to_owned(), "human", &report, all);
        }
    }
    for (name, test) in [
        ("snapshots::no_line_is_wider_than_the_terminal", widths as fn() -> Result<(), Failed>),
        ("snapshots::colours_add_nothing", colours),
        ("snapshots::a_normal_report_fits_on_a_screen", heights),
        ("snapshots::hostile_text_reaches_no_terminal", hostile),
        ("snapshots::the_same_report_gives_the_same_bytes", again),
    ] {
        trials.push(Trial::test(name, test));
    }
    trials
}

fn compare(name: &str, found: &[u8]) -> Result<(), Failed> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("WEIGHBRIDGE_BLESS").is_some() {
        std::fs::write(&path, found)?;
        return Ok(());
    }
    let expected = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(found));
    let line = expected.lines().zip(found.lines()).position(|(one, other)| one != other);
    let at = line.unwrap_or(expected.lines().count().min(found.lines().count()));
    let show = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").to_owned();
    let message =
        format!("{name}, line {}:\n  expected {}\n  found    {}", at + 1, show(&expected), show(&found));
    Err(message.into())
}

fn widths() -> Result<(), Failed> {
    for (name, report) in reports() {
        for width in [0, 40, 50, 63, 80, 81, 200] {
            for show in [Show::First(0), Show::First(5), Show::All] {
                let style = Style { width, show, ..style(&report) };
                let text = String::from_utf8(render("human", &report, &style))?;
                for line in text.lines() {
                    if line.width() > width.max(40) || line.ends_with(' ') {
                        return Err(format!("{name} at {width}: `{line}`").into());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Takes out SGR and OSC 8 sequences.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = match after.strip_prefix(']') {
            Some(link) => link.split_once("\u{1b}\\").unwrap().1,
            None => after.split_once('m').unwrap().1,
        };
    }
    out + rest
}

fn colours() -> Result<(), Failed> {
    for (name, report) in reports() {
        for width in [50, 80] {
            let without = Style { width, ..style(&report) };
            let with = Style { color: true, hyperlinks: true, ..without.clone() };
            let text = String::from_utf8(render("human", &report, &with))?;
            if !text.contains("\u{1b}[") || plain(&text).as_bytes() != render("human", &report, &without) {
                return Err(name.into());
            }
        }
    }
    Ok(())
}

fn heights() -> Result<(), Failed> {
    for (name, most) in [("clean", 5), ("one", 9), ("incomplete", 11), ("several", 31), ("many", 41)] {
        let (_, report) = reports().into_iter().find(|(it, _)| *it == name).unwrap();
        let lines = render("human", &report, &style(&report)).iter().filter(|byte| **byte == b'\n').count();
        if lines > most {
            return Err(format!("{name} has {lines} lines").into());
        }
    }
    Ok(())
}

fn hostile() -> Result<(), Failed> {
    let report = fixture::hostile();
    for format in ["human", "short", "markdown", "sarif", "json", "cyclonedx"] {
        let text = String::from_utf8(render(format, &report, &style(&report)))?;
        let bad = |character: char| character.is_control() && character != '\n';
        if let Some(character) = text.chars().find(|character| bad(*character)) {
            return Err(format!("{format} holds {character:?}").into());
        }
        // JSON keeps what no terminal acts on as it is; what is for people shows it.
        if format != "json" && format != "cyclonedx" && text.contains(['\u{202e}', '\u{200b}', '\u{2066}']) {
            return Err(format!("{format} holds invisible characters").into());
        }
    }
    let markdown = String::from_utf8(render("markdown", &report, &style(&report)))?;
    let outside = without_code(&markdown);
    for markup in ["<img", "<script", "](http://a.b)", " @octo", "http://"] {
        if outside.contains(markup) {
            return Err(format!("Markdown holds {markup}").into());
        }
    }
    Ok(())
}

/// Takes out spans of code (CommonMark section 6.1).
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let content = after.trim_start_matches('`');
        let fence = &after[..after.len() - content.len()];
        rest = match content.find(fence) {
            Some(end) if !before.ends_with('\\') => &content[end + fence.len()..],
            _ => content,
        };
    }
    out + rest
}

fn again() -> Result<(), Failed> {
    for renderer in weighbridge_report::RENDERERS {
        for (name, report) in reports() {
            let style = style(&report);
            if render(renderer.id(), &report, &style) != render(renderer.id(), &report.clone(), &style) {
                return Err(format!("{} of {name}", renderer.id()).into());
            }
        }
    }
    Ok(())
}
