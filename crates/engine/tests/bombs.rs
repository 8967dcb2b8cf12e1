//! Projects whose packages need each other in circles and meshes, whose files include each other, whose conditions are
//! as long as may be: from the files to the report, which tells the flaw in their midst.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use libtest_mimic::Trial;
use weighbridge_core::report::Report;

use crate::real::{reported, weigh};
use crate::support::{Folder, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("bombs::a_ring_of_twenty_thousand_packages", ring),
        test("bombs::a_mesh_of_packages", mesh),
        test("bombs::extras_that_ask_for_each_other", extras),
        test("bombs::files_that_include_all_others", includes),
        test("bombs::a_chain_of_files", chain),
        test("bombs::conditions_as_long_as_may_be", conditions),
    ]
}

/// The flaw in the midst of it, with ways that are not more than a reader can follow.
#[track_caller]
fn has_pillow(report: &Report) {
    let pairs = reported(report);
    assert!(pairs.contains("pillow 9.0.0 PYSEC-2022-168"), "{} pairs", pairs.len());
    for finding in report.findings.iter().filter(|finding| finding.rule.id == "WB-D001") {
        assert!((1..=64).contains(&finding.paths.paths.len()), "{} ways", finding.paths.paths.len());
    }
}

/// A lock of uv: `needs` says by number what each package needs; the last one is Pillow.
fn lock(count: usize, needs: impl Fn(usize) -> Vec<usize>) -> Folder {
    let name = |at: usize| if at + 1 == count { "pillow".to_owned() } else { format!("package-{at}") };
    let mut lock = format!(
        "version = 1\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"shop\"\nversion = \"1\"\n\
         source = {{ virtual = \".\" }}\ndependencies = [{{ name = \"{}\" }}]\n",
        name(0)
    );
    for at in 0..count {
        let needs: String =
            needs(at).into_iter().map(|at| format!("{{ name = \"{}\" }}, ", name(at))).collect();
        write!(
            lock,
            "\n[[package]]\nname = \"{}\"\nversion = \"9.0.0\"\n\
             source = {{ registry = \"https://index.example/simple\" }}\ndependencies = [{needs}]\n",
            name(at)
        )
        .unwrap();
    }
    let manifest = format!("[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"{}\"]\n", name(0));
    Folder::new().file("uv.lock", lock).file("pyproject.toml", manifest)
}

fn ring() {
    let count = 20_000;
    let folder = lock(count, |at| vec![(at + 1) % count]);
    let report = weigh(folder.text());
    assert_eq!(report.graph.components().count(), count);
    has_pillow(&report);
}

fn mesh() {
    let count = 120;
    let folder = lock(count, |at| (0..count).filter(|other| *other != at).collect());
    let report = weigh(folder.text());
    assert_eq!(report.graph.components().count(), count);
    has_pillow(&report);
}

fn extras() {
    let count = 2_000;
    let mut manifest =
        "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"shop[e0]\", \"pillow==9.0.0\"]\n\
                        [project.optional-dependencies]\n"
            .to_owned();
    for at in 0..count {
        let next = (at + 1) % count;
        writeln!(manifest, "e{at} = [\"shop[e{next}]\", \"package-{at}==1\"]").unwrap();
    }
    let folder = Folder::new().file("pyproject.toml", manifest);
    has_pillow(&weigh(folder.text()));
}

fn includes() {
    let count = 200;
    let mut folder = Folder::new();
    for at in 0..count {
        let mut text: String = (0..count).map(|other| format!("-r other{other}.in\n")).collect();
        writeln!(text, "package-{at}==1").unwrap();
        folder = folder.file(format!("other{at}.in"), text);
    }
    let folder = folder.file("requirements.txt", "-r other0.in\npillow==9.0.0\n");
    let report = weigh(folder.text());
    has_pillow(&report);
    let names: BTreeSet<String> = report.graph.components().map(|(_, it)| it.name.to_string()).collect();
    assert_eq!(names.len(), count + 1);
    assert!(report.coverage.unread.is_empty(), "{:?}", report.coverage.unread);
}

fn chain() {
    let count = 3_000;
    let mut folder = Folder::new().file("requirements.txt", "-r other0.in\n");
    for at in 0..count {
        let text =
            if at + 1 == count { "pillow==9.0.0\n".to_owned() } else { format!("-r other{}.in\n", at + 1) };
        folder = folder.file(format!("other{at}.in"), text);
    }
    let report = weigh(folder.text());
    // Either to the end, or it is told where it was enough.
    let ended = report.coverage.unread.iter().any(|gap| gap.to_string().contains("other"));
    assert!(!reported(&report).is_empty() || ended);
}

fn conditions() {
    let never: Vec<String> = (0..1_500).map(|at| format!("python_version == '{at}.0'")).collect();
    let nested = format!("{}os_name == 'none'{}", "(".repeat(30), ")".repeat(30));
    let text = format!(
        "pillow==9.0.0 ; {} or python_version >= '3'\nrequests==2.19.0 ; {}\ncelery==5.2.0 ; {nested}\n",
        never.join(" or "),
        never.join(" and ")
    );
    let folder = Folder::new().file("requirements.txt", text);
    let report = weigh(folder.text());
    has_pillow(&report);
    assert!(reported(&report).iter().all(|pair| pair.starts_with("pillow ")));
}
