//! Traps in which tools of this kind are known to be caught: a flaw invented, or one lost in silence. Each from a
//! project to its report; `docs/false-positives.md` says who falls into which.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use weighbridge_core::report::Report;

use crate::real::{reported, weigh};
use crate::support::{Folder, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("traps::spellings_of_a_version_are_one", spellings_of_a_version_are_one),
        test("traps::spellings_of_a_name_are_one", spellings_of_a_name_are_one),
        test("traps::local_builds_are_matched_as_their_version", local_builds_are_matched_as_their_version),
        test("traps::a_candidate_comes_before_its_release", a_candidate_comes_before_its_release),
        test("traps::versions_that_are_none_in_the_data_hide_nothing", versions_that_are_none_in_the_data),
        test("traps::withdrawn_records_are_no_findings", withdrawn_records_are_no_findings),
        test("traps::the_lowest_version_is_not_taken_for_installed", the_lowest_version_is_not_installed),
        test("traps::a_pattern_is_no_version", a_pattern_is_no_version),
        test("traps::extras_hide_no_package", extras_hide_no_package),
        test("traps::a_pin_among_bounds_is_a_pin", a_pin_among_bounds_is_a_pin),
        test("traps::constraints_pin_what_is_asked_for", constraints_pin_what_is_asked_for),
        test("traps::variables_in_commands_hide_nothing", variables_in_commands_hide_nothing),
        test(
            "traps::tools_that_install_hide_nothing_and_are_no_gap",
            tools_that_install_hide_nothing_and_are_no_gap,
        ),
        test("traps::scripts_without_an_ending_are_read", scripts_without_an_ending_are_read),
        test("traps::constraints_alone_install_nothing", constraints_alone_install_nothing),
        test("traps::a_bad_line_costs_only_itself", a_bad_line_costs_only_itself),
        test("traps::packages_are_no_programs_of_their_name", packages_are_no_programs_of_their_name),
        test("traps::files_inside_packages_are_not_the_project", files_inside_packages_are_not_the_project),
        test("traps::copies_inside_packages_are_mended_by_them", copies_inside_packages_are_mended_by_them),
        test("traps::what_cannot_be_read_is_not_clean", what_cannot_be_read_is_not_clean),
        test("traps::conda_packages_are_not_silently_clean", conda_packages_are_not_silently_clean),
    ]
}

fn of(requirements: &str) -> Report {
    alone("requirements.txt", requirements)
}

/// The report on a folder with one file.
fn alone(name: &str, content: &str) -> Report {
    let folder = Folder::new().file(name, content);
    weigh(folder.text())
}

/// The records that are reported for whatever package.
fn records(requirements: &str) -> BTreeSet<String> {
    let pairs = reported(&of(requirements));
    pairs.iter().filter_map(|pair| pair.rsplit(' ').next()).map(str::to_owned).collect()
}

/// `rule title` of each finding that is no advisory of a package.
fn others(report: &Report) -> Vec<String> {
    let others = report.findings.iter().filter(|finding| finding.rule.id != "WB-D001");
    others.map(|finding| format!("{} {}", finding.rule.id, finding.title)).collect()
}

fn gaps(report: &Report) -> Vec<String> {
    report.coverage.unread.iter().map(ToString::to_string).collect()
}

fn spellings_of_a_version_are_one() {
    let expected = records("certifi==2022.12.7");
    assert!(expected.contains("PYSEC-2023-135"), "{expected:?}");
    for other in ["2022.12.07", "v2022.12.7", "2022.12.7.0", "02022.12.7"] {
        assert_eq!(records(&format!("certifi=={other}")), expected, "{other}");
    }
    assert_eq!(records("certifi===2022.12.7"), expected);
}

fn spellings_of_a_name_are_one() {
    for (one, other) in [("pyyaml==5.3", "PyYAML==5.3"), ("flask-cors==3.0.8", "Flask_Cors==3.0.8")] {
        assert!(!records(one).is_empty());
        assert_eq!(records(one), records(other));
    }
    let twice = of("flask-cors==3.0.8\nFlask.Cors==3.0.8\n");
    assert_eq!(twice.graph.components().count(), 1);
}

fn local_builds_are_matched_as_their_version() {
    let expected = records("torch==2.5.0");
    assert!(expected.len() > 5);
    for local in ["cpu", "cu118", "cu124", "rocm6.2"] {
        assert_eq!(records(&format!("torch==2.5.0+{local}")), expected, "{local}");
    }
}

fn a_candidate_comes_before_its_release() {
    // Mended in 4.2.16, which its candidates are not yet.
    let candidate = records("django==4.2.16rc1");
    let release = records("django==4.2.16");
    assert!(release.is_subset(&candidate));
    assert!(candidate.len() > release.len());
    assert!(records("django==4.2.16.post1").is_subset(&release));
}

/// `last_affected: 2.6.0-NA`, `2.6.0-cu124`, `3.10.2-NA`: no versions, and in most of these records there is no list
/// of versions beside them.
fn versions_that_are_none_in_the_data() {
    let torch = records("torch==2.6.0");
    for record in ["PYSEC-2025-189", "PYSEC-2025-190", "PYSEC-2025-192", "PYSEC-2025-197"] {
        assert!(torch.contains(record), "{record} is lost: {torch:?}");
    }
    assert!(records("gdal==3.10.2").contains("PYSEC-2025-117"));
    assert!(!records("gdal==3.10.3").contains("PYSEC-2025-117"));
}

fn withdrawn_records_are_no_findings() {
    // PYSEC-2014-114 and PYSEC-2026-101, about these versions, were taken back.
    assert_eq!(records("ntopng==1.0\nollama==0.12.10"), BTreeSet::new());
}

fn the_lowest_version_is_not_installed() {
    let report = of("requests>=2.0\npillow~=9.0\n");
    assert_eq!(reported(&report), BTreeSet::new());
    assert_eq!(report.graph.components().count(), 2);
    let told = others(&report);
    assert!(told.iter().any(|it| it.starts_with("WB-D007") && it.contains("requests")), "{told:?}");
}

fn a_pattern_is_no_version() {
    let report = of("numpy==1.21.*\n");
    assert_eq!(reported(&report), BTreeSet::new());
    assert!(others(&report).iter().any(|it| it.starts_with("WB-D007")));
}

fn extras_hide_no_package() {
    let plain = records("celery==5.2.0");
    assert!(!plain.is_empty());
    assert_eq!(records("celery[redis]==5.2.0"), plain);
    assert_eq!(records("celery[redis, sqs] == 5.2.0 ; python_version >= '3'"), plain);
}

fn a_pin_among_bounds_is_a_pin() {
    let expected = records("django==3.2.0");
    assert!(!expected.is_empty());
    assert_eq!(records("django>=3,==3.2.0,<4"), expected);
}

fn constraints_pin_what_is_asked_for() {
    let folder = Folder::new()
        .file("requirements.txt", "-c pins.txt\nrequests\n")
        .file("pins.txt", "requests==2.19.0\npillow==9.0.0\n");
    let report = weigh(folder.text());
    let pairs = reported(&report);
    assert!(!pairs.is_empty() && pairs.iter().all(|pair| pair.starts_with("requests 2.19.0 ")), "{pairs:?}");
    // Wherever the file lies that is named, and whoever names it; what nobody names narrows nothing there.
    let folder = Folder::new()
        .file("all.requirements.txt", "-r asks/requirements.txt\n-c limits/pins.txt\n")
        .file("asks/requirements.txt", "requests\npillow\n")
        .file("limits/pins.txt", "requests==2.19.0\n")
        .file("limits/constraints.txt", "pillow==9.0.0\n");
    assert_eq!(reported(&weigh(folder.text())), pairs);
}

fn variables_in_commands_hide_nothing() {
    let expected = reported(&of("pillow==9.0.0\nrequests==2.19.0\n"));
    let report = alone(
        "Dockerfile",
        "FROM a\nARG V=9.0.0\nENV R=\"requests==2.19.0\"\nRUN pip install pillow==${V} $R urllib3==$U $MORE\n",
    );
    assert_eq!(reported(&report), expected);
    let gaps = gaps(&report);
    for written in ["urllib3==$U", "$MORE"] {
        assert!(gaps.iter().any(|gap| gap.contains("Dockerfile:4") && gap.contains(written)), "{gaps:?}");
    }
    assert!(
        others(&report).iter().any(|it| it.contains("which version of urllib3")),
        "{:?}",
        others(&report)
    );
}

fn scripts_without_an_ending_are_read() {
    let block = "# /// script\n# dependencies = [\"requests==2.19.0\"]\n# ///\n";
    let expected = reported(&of("requests==2.19.0\n"));
    for name in ["tool", "tool.py"] {
        let script = alone(name, &format!("#!/usr/bin/env -S uv run --script\n{block}"));
        assert_eq!(reported(&script), expected, "{name}");
    }
    // Any other text may talk of such blocks.
    let folder = Folder::new()
        .file("requirements.txt", "pillow==9.0.0\n")
        .file("notes", block)
        .file("notes.md", format!("#!/bin/sh\n{block}"));
    assert_eq!(reported(&weigh(folder.text())), reported(&of("pillow==9.0.0\n")));
}

fn tools_that_install_hide_nothing_and_are_no_gap() {
    let nox = "import subprocess\nsubprocess.run(['pip', 'install', 'pillow==9.0.0', name, f'{name}==1'])\n";
    let tasks = "import os\nos.system(f'pip install {name}')\nos.system(f'pip install -r {name}')\n";
    let folder = Folder::new().file("noxfile.py", nox).file("tools/tasks.py", tasks);
    // A package that was unpacked beside the project, with a tool of its own.
    let folder = folder
        .file("vendor/a-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: a\nVersion: 1\n")
        .file("vendor/a/tool.py", tasks);
    let report = weigh(folder.text());
    assert_eq!(gaps(&report), Vec::<String>::new());
    assert_eq!(reported(&report), reported(&of("pillow==9.0.0\n")));
    let told =
        report.notes.iter().filter(|note| note.message.contains("only running them")).collect::<Vec<_>>();
    assert!(
        matches!(told.as_slice(), [note] if note.message.ends_with(": noxfile.py:2, tools/tasks.py:2")),
        "{told:?}"
    );
    // The same in a Dockerfile makes what is shipped.
    let report = alone("Dockerfile", "FROM x\nRUN pip install $NAME\n");
    assert_eq!(gaps(&report).len(), 1);
}

fn constraints_alone_install_nothing() {
    let folder = Folder::new().file("constraints.txt", "pillow==9.0.0\n");
    assert_eq!(reported(&weigh(folder.text())), BTreeSet::new());
}

fn a_bad_line_costs_only_itself() {
    let report = of("pillow==9.0.0\n-e ../../../outside\n???== 3\n--no-such-option x\nrequests==2.19.0\n");
    let both = &records("pillow==9.0.0") | &records("requests==2.19.0");
    let found: BTreeSet<String> =
        reported(&report).iter().filter_map(|pair| pair.rsplit(' ').next()).map(str::to_owned).collect();
    assert_eq!(found, both);
    let gaps = gaps(&report);
    for line in ["requirements.txt:2", "requirements.txt:3"] {
        assert!(gaps.iter().any(|gap| gap.contains(line)), "{line}: {gaps:?}");
    }
}

/// By their names alone these are Docker, Redis, OpenSSL and others.
fn packages_are_no_programs_of_their_name() {
    let names = ["docker==1.0.0", "redis==2.0.0", "netaddr==0.7.0", "openssl==1.0.1", "zlib==1.2.8"];
    let more = ["curl==7.20.0", "libpng==1.2.0", "ffmpeg==1.4", "sqlite==3.0", "freetype==2.0"];
    let report = of(&[names.as_slice(), &more].concat().join("\n"));
    assert_eq!(report.graph.components().count(), 10);
    assert_eq!(reported(&report), BTreeSet::new());
    assert!(others(&report).iter().all(|it| !it.starts_with("WB-N")), "{:?}", others(&report));
}

/// An environment of one package, with files in it.
fn environment(name: &str, files: &[(&str, &str)]) -> Folder {
    let site = "venv/lib/python3.12/site-packages";
    let info = format!("{name}-1.0.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
    let record: String = files.iter().map(|(path, _)| format!("{path},,\n")).collect();
    let record = format!("{record}{info}/METADATA,,\n{info}/RECORD,,\n");
    let folder = Folder::new()
        .file("venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.0\n")
        .file(format!("{site}/{info}/METADATA"), metadata)
        .file(format!("{site}/{info}/RECORD"), record);
    files.iter().fold(folder, |folder, (path, text)| folder.file(format!("{site}/{path}"), text))
}

/// What a package brings for its tests or as a template is not what is installed, and no start-up code.
fn files_inside_packages_are_not_the_project() {
    let lock = "[[package]]\nname = \"pillow\"\nversion = \"9.0.0\"\n";
    let folder = environment(
        "shop",
        &[
            ("shop/__init__.py", ""),
            ("shop/tests/requirements.txt", "requests==2.19.0\n"),
            ("shop/templates/poetry.lock", lock),
            ("shop/tests/venv/lib/python3.9/site-packages/easy-install.pth", "import sys; sys.path\n"),
        ],
    );
    let report = weigh(format!("venv:{}/venv", folder.text()));
    assert_eq!(reported(&report), BTreeSet::new());
    assert_eq!(others(&report), Vec::<String>::new());
}

/// The advice is to move the package that brought the copy: `pip install --upgrade requests` mends nothing.
fn copies_inside_packages_are_mended_by_them() {
    let metadata = "Metadata-Version: 2.1\nName: requests\nVersion: 2.19.0\n";
    let files = [
        ("shop/__init__.py", ""),
        ("shop/_vendor/requests/__init__.py", ""),
        ("shop/_vendor/requests-2.19.0.dist-info/METADATA", metadata),
    ];
    let folder = environment("shop", &files);
    let report = weigh(format!("venv:{}/venv", folder.text()));
    let pairs = reported(&report);
    assert!(!pairs.is_empty(), "the copy is there all the same");
    for finding in report.findings.iter().filter(|finding| finding.rule.id == "WB-D001") {
        let labels = |way: &Vec<_>| way.iter().map(|id| report.graph.label(id)).collect::<Vec<_>>();
        let ways: Vec<_> = finding.paths.paths.iter().map(labels).collect();
        assert!(ways.iter().all(|way| way.contains(&"shop 1.0".to_owned())), "{ways:?}");
        let remedy = format!("{:?}", finding.remedy);
        assert!(!remedy.contains("Update"), "{remedy}");
    }
}

fn what_cannot_be_read_is_not_clean() {
    for (name, content) in [("uv.lock", "[[package"), ("poetry.lock", "\u{0}\u{0}"), ("pylock.toml", "= 1")] {
        let report = alone(name, content);
        assert!(!gaps(&report).is_empty(), "{name}");
        assert_ne!(report.verdict.exit_code(), 0, "{name}");
    }
}

/// No ecosystem of the advisory data is conda's: either a package is matched by another name, or it is told.
fn conda_packages_are_not_silently_clean() {
    let text = "name: x\ndependencies:\n  - numpy=1.10.0\n  - pip:\n    - pillow==9.0.0\n";
    let report = alone("environment.yml", text);
    assert!(reported(&report).iter().any(|pair| pair.starts_with("pillow 9.0.0 ")));
    let numpy = report.findings.iter().filter(|it| it.title.contains("numpy") || it.rule.id == "WB-D007");
    assert_ne!(numpy.count(), 0);
}
