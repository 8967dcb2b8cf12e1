//! Pages that are generated from the tables of the code. `cargo xtask docs` writes them; a test compares them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::bail;
use weighbridge_check::rules;
use weighbridge_core::reader::Family;
use weighbridge_core::rule::Rule;
use weighbridge_core::wire::v1;
use weighbridge_read::READERS;
use weighbridge_report::RENDERERS;

const NOTE: &str = "<!-- Written by `cargo xtask docs` from the code; do not edit. -->";

/// A generated page: its path below the project, and its text.
type Page = (String, String);

/// Writes every page.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    for (path, text) in pages()? {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Compares every page with the committed one.
///
/// # Errors
/// Names the pages that are stale.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, text) in pages()? {
        if fs::read_to_string(root.join(&path)).ok().as_ref() != Some(&text) {
            stale.push(path);
        }
    }
    if stale.is_empty() { Ok(()) } else { bail!("stale: {}; run `cargo xtask docs`", stale.join(", ")) }
}

fn pages() -> anyhow::Result<Vec<Page>> {
    let mut pages: Vec<Page> =
        rules().map(|rule| (format!("docs/rules/{}.md", rule.id), rule_page(rule))).collect();
    pages.extend([
        ("docs/rules/README.md".to_owned(), rule_index()?),
        ("docs/formats.md".to_owned(), formats()?),
        ("docs/environment.md".to_owned(), environment()?),
        ("docs/equality-osv.md".to_owned(), equality()?),
        ("docs/native-libraries.md".to_owned(), native_libraries()?),
        ("docs/commands.md".to_owned(), commands()?),
        ("docs/weighbridge.1".to_owned(), weighbridge::man_page()),
        ("docs/schema/plan-v1.json".to_owned(), serde_json::to_string_pretty(&v1::plan::schema())? + "\n"),
        (
            "docs/schema/lock-verification-v1.json".to_owned(),
            serde_json::to_string_pretty(&v1::lock::schema())? + "\n",
        ),
        (
            "docs/schema/verification-v1.json".to_owned(),
            serde_json::to_string_pretty(&v1::verification::schema())? + "\n",
        ),
        ("docs/schema/report-v1.json".to_owned(), serde_json::to_string_pretty(&v1::schema())? + "\n"),
    ]);
    Ok(pages)
}

/// The page of a rule, which stands beside its code, with what the code says of it below the heading.
fn rule_page(rule: &Rule) -> String {
    let (heading, text) = rule.docs.split_once('\n').unwrap_or((rule.docs, ""));
    let facts = format!(
        "| what is wrong | severity | since | maps to |\n|---|---|---|---|\n| {} | {} | {} | {} |",
        rule.title,
        rule.severity,
        rule.since,
        rule.maps_to.join(", ")
    );
    format!("{heading}\n\n{NOTE}\n\n{facts}\n{text}")
}

fn rule_index() -> anyhow::Result<String> {
    let mut page = format!(
        "# Rules\n\n{NOTE}\n\nIds are stable for ever. `weighbridge explain ID` prints a page on the terminal, \
         offline.\n\n| rule | name | what is wrong | severity | since | also known as |\n|---|---|---|---|---|---|\n"
    );
    for rule in rules() {
        writeln!(
            page,
            "| [{}]({}.md) | `{}` | {} | {} | {} | {} |",
            rule.id,
            rule.id,
            rule.name,
            rule.title,
            rule.severity,
            rule.since,
            rule.maps_to.join(", ")
        )?;
    }
    Ok(page)
}

fn formats() -> anyhow::Result<String> {
    let mut page = format!(
        "# Formats\n\n{NOTE}\n\nWhat Weighbridge reads. A file is recognised by its content as well as by its name; \
         where the two disagree, it is read as both, and that is a finding. Formats that are known and not read yet \
         are reported as not covered.\n"
    );
    for (family, title) in [
        (Family::Package, "Packages"),
        (Family::Model, "Models and arrays"),
        (Family::Data, "Data"),
        (Family::Archive, "Containers"),
        (Family::Code, "Source code"),
        (Family::Trust, "Trust"),
        (Family::Binary, "Programs and libraries"),
    ] {
        writeln!(page, "\n## {title}\n\n| id | format | known by | what is read |\n|---|---|---|---|")?;
        for about in READERS.iter().map(|reader| reader.about()).filter(|about| about.family == family) {
            let names: Vec<String> = about.names.iter().map(|name| format!("`{name}`")).collect();
            writeln!(page, "| `{}` | {} | {} | {} |", about.id, about.title, names.join(", "), about.reads)?;
        }
    }
    writeln!(page, "\n## Reports\n\n| id | what it is for | chosen by the ending |\n|---|---|---|")?;
    for renderer in RENDERERS {
        let suffixes: Vec<String> = renderer.suffixes().iter().map(|suffix| format!("`{suffix}`")).collect();
        writeln!(page, "| `{}` | {} | {} |", renderer.id(), renderer.title(), suffixes.join(", "))?;
    }
    Ok(page)
}

/// The environments of `crates/engine/tests/environments.rs`, and the pairs that its independent matcher found.
static ENVIRONMENTS: [(&str, &str); 5] = [
    ("classic-ml", include_str!("../../crates/engine/tests/environments/classic-ml.txt")),
    ("computer-vision", include_str!("../../crates/engine/tests/environments/computer-vision.txt")),
    ("llm-application", include_str!("../../crates/engine/tests/environments/llm-application.txt")),
    ("serving", include_str!("../../crates/engine/tests/environments/serving.txt")),
    ("speech", include_str!("../../crates/engine/tests/environments/speech.txt")),
];
static PAIRS: &str = include_str!("../../crates/engine/tests/environments/pairs.tsv");

fn equality() -> anyhow::Result<String> {
    let mut page = format!(
        "# Equality with the advisory data\n\n{NOTE}\n\nFive environments as people had them, pinned to the last \
         package, are installed from the package index by a test, scanned, and compared with what an independent \
         matcher finds in the raw OSV records of the same day: a few lines of Python on top of `packaging` \
         (`crates/engine/tests/reference_match.py`). A pair is a package with its version and the id of a record. \
         The test fails for one pair too few and for one too many, so the columns *missed* and *invented* are zero \
         wherever it passes; the pairs themselves stand in `crates/engine/tests/environments/pairs.tsv`, and a \
         second test, which needs no network, compares them with what the pins alone give.\n\n\
         | environment | what it is | packages | with advisories | pairs | missed | invented |\n\
         |---|---|--:|--:|--:|--:|--:|\n"
    );
    let mut sums = [0; 3];
    for (name, pins) in ENVIRONMENTS {
        let what = pins.lines().next().unwrap_or_default().trim_start_matches("# ");
        let packages = pins.lines().filter(|line| line.contains("==")).count();
        let pairs: Vec<Vec<&str>> = PAIRS
            .lines()
            .map(|line| line.split('\t').collect::<Vec<&str>>())
            .filter(|row| row.first() == Some(&name))
            .collect();
        let affected: BTreeSet<_> = pairs.iter().filter_map(|row| row.get(1)).collect();
        let row = [packages, affected.len(), pairs.len()];
        writeln!(page, "| `{name}` | {what} | {} | {} | {} | 0 | 0 |", row[0], row[1], row[2])?;
        sums.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
    }
    writeln!(page, "| together | | {} | {} | {} | 0 | 0 |\n", sums[0], sums[1], sums[2])?;
    page.push_str(
        "Run it: `cargo test -p weighbridge-engine environments::`. It wants Python 3.11, the package index that pip \
         uses and about 4 GB of disk; without them the tests are told as ignored, each with what is missing, except \
         the one on the pins. `WEIGHBRIDGE_BLESS=1` writes the table anew from the raw records, never from what \
         Weighbridge found.\n\n\
         The same test holds the installed environments against false alarms: beyond advisories nothing above *low* \
         is told but two things that are true: a wheel of `debugpy` whose files differ from the record inside it, \
         and a file of `jupyter` that `jupyter-core` overwrites.\n",
    );
    Ok(page)
}

/// What the test on real wheels found; it writes the table.
static WHEELS: &str = include_str!("../../crates/engine/tests/wheels.tsv");

fn native_libraries() -> anyhow::Result<String> {
    let rows: Vec<Vec<&str>> = WHEELS.lines().map(|line| line.split('\t').collect()).collect();
    let versioned = rows.iter().filter(|row| row.get(4) != Some(&"?")).count();
    let inferred = rows.iter().filter(|row| row.get(5) == Some(&"inferred")).count();
    let known = weighbridge_read::binary::libraries().count();
    let mut page = format!(
        "# Native libraries in real wheels\n\n{NOTE}\n\nThe table of signatures knows {known} libraries \
         (`crates/read/data/libraries.tsv`). In the wheels below it finds {} copies, {versioned} of them with a \
         version, {inferred} of these inferred from another part of the same library in the same wheel. A `?` says \
         that the library is there and that nothing in the file says its version. The test `wheels` compares this \
         table with the wheels, and fails for an observed version that stands neither in the bytes nor in the name \
         of its file and is no known meaning of its name.\n\n\
         | platform | wheel | file | library | version | class |\n|---|---|---|---|---|---|\n",
        rows.len()
    );
    for row in rows {
        writeln!(page, "| {} |", row.join(" | "))?;
    }
    Ok(page)
}

fn environment() -> anyhow::Result<String> {
    let mut page = format!(
        "# Environment variables\n\n{NOTE}\n\nFlags go before variables, variables before the \
                            configuration file. Nothing else of the environment has an effect.\n\n| variable | what it does |\n|---|---|\n"
    );
    for variable in weighbridge::env_vars::VARIABLES {
        writeln!(page, "| `{}` | {} |", variable.name, variable.does)?;
    }
    Ok(page)
}

fn commands() -> anyhow::Result<String> {
    let mut page = format!("# Commands\n\n{NOTE}\n");
    for (name, help) in weighbridge::help_pages() {
        writeln!(page, "\n## {name}\n\n```text\n{}\n```", help.trim_end())?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        if let Err(error) = check(&root) {
            panic!("{error}");
        }
    }
}
