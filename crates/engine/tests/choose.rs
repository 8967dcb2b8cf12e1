//! Versions that nothing states, chosen from an index on loopback: what reaches the graph, and what is told.

use std::fmt::Write as _;

use libtest_mimic::Trial;
use weighbridge_advisory::Index;
use weighbridge_check::policy::Policy;
use weighbridge_core::graph::Relation;
use weighbridge_core::report::Report;
use weighbridge_engine::enrich::Knowledge;
use weighbridge_engine::flow::{Asking, Request, scan_knowing};
use weighbridge_net::index::Client;
use weighbridge_read::READERS;

use crate::index::client;
use crate::server::{Answer, Server};
use crate::shelf::{Manner, Shelf};
use crate::support::{Folder, context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("choose: open requirements are resolved as pip would", open_requirements),
        test("choose: what others take in, and what a Dockerfile installs", parts),
        test("choose: markers, extras and the Python decide", markers),
        test("choose: constraints narrow what is chosen", constraints),
        test("choose: manifests that exclude each other are resolved one by one", several),
        test("choose: what a lock file or an environment answers is left alone", answered),
        test("choose: what cannot be resolved is a gap", conflicts),
        test("choose: what only a program could say is a gap, and is not run", computed),
        test("choose: an address is not looked at, and told", addresses),
        test("choose: without a network the cache answers, or nobody", offline),
        test("choose: an index that breaks off is told once for each project", broken),
    ]
}

/// Weighs a folder with these files against the index that a table describes; see [`told`].
#[track_caller]
fn check(table: &str, files: &[(&str, &str)], expected: &str) {
    let server = Shelf::new(table).serve(Manner::default());
    let client = client(&[&format!("{}/simple/", server.url())], None, true);
    compare(&told(&weigh(files, &client)), expected);
}

#[track_caller]
fn compare(found: &str, expected: &str) {
    let lines = expected.lines().map(str::trim).filter(|line| !line.is_empty());
    assert_eq!(found.lines().collect::<Vec<_>>(), lines.collect::<Vec<_>>());
}

fn weigh(files: &[(&str, &str)], client: &Client) -> Report {
    let folder = files.iter().fold(Folder::new(), |folder, (path, content)| folder.file(path, content));
    let targets = [folder.text()];
    let policy = Policy::default();
    let request = Request {
        targets: &targets,
        locks: &[],
        exclude: &[],
        jobs: None,
        readers: READERS,
        policy: &policy,
    };
    let asking = Asking { standings: None, versions: Some(client) };
    let advisories = Index::embedded().unwrap();
    let knowledge = Knowledge::of(&advisories, "embedded");
    scan_knowing(&request, &knowledge, &asking, &context(), &()).unwrap()
}

/// The edges between packages, the gaps and the notes of a report, a line each; `.` is the project of the target.
fn told(report: &Report) -> String {
    let mut text = String::new();
    let label = |id| match report.graph.component(id) {
        Some(_) => report.graph.label(id),
        None => ".".to_owned(),
    };
    for edge in report.graph.edges.keys().filter(|edge| edge.relation == Relation::DependsOn) {
        let specifier = &edge.condition.specifier;
        let _ = writeln!(text, "{} → {} {specifier}", label(&edge.from), label(&edge.to));
    }
    let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    lines.extend(
        report.coverage.unread.iter().map(|gap| format!("gap {}", gap.to_string().replace('\n', " /"))),
    );
    lines.join("\n")
}

const TABLE: &str = "
    app 1.0: lib>=1 | fast; extra == 'speed' | old; python_version < '3.8'
    app 2.0: lib>=2 | fast; extra == 'speed'
    app 3.0a1: lib>=2
    lib 1.0
    lib 2.0: deep
    lib 2.1 yanked
    lib 2.2 python>=4
    deep 0.1
    fast 5
    old 1
";

fn open_requirements() {
    check(
        TABLE,
        &[("requirements.txt", "app\n")],
        "
        . → app 2.0
        app 2.0 → lib 2.0 >=2
        lib 2.0 → deep 0.1
    ",
    );
    // What is pinned stays, and what it needs is found all the same.
    check(
        TABLE,
        &[("requirements.txt", "app==1.0\nlib<2\n")],
        "
        . → app 1.0 ==1.0
        . → lib 1.0 <2
        app 1.0 → lib 1.0 >=1
    ",
    );
    check(
        TABLE,
        &[("pyproject.toml", "[project]\nname='p'\nversion='1'\ndependencies=['lib']\n")],
        "
        . → lib 2.0
        lib 2.0 → deep 0.1
    ",
    );
}

/// What others take in is chosen with them, and what a Dockerfile installs for that alone.
fn parts() {
    check(
        TABLE,
        &[
            ("requirements.txt", "-r sub/base.txt\n"),
            ("sub/base.txt", "app\n"),
            ("Dockerfile", "RUN pip install app==1.0\n"),
        ],
        "
        . → app 1.0 ==1.0
        . → app 2.0
        app 1.0 → lib 2.0 >=1
        app 2.0 → lib 2.0 >=2
        lib 2.0 → deep 0.1
    ",
    );
    check(
        TABLE,
        &[("requirements.txt", "lib<2\n"), ("Dockerfile", "RUN pip install lib\n")],
        "
        . → lib 1.0 <2
        . → lib 2.0
        lib 2.0 → deep 0.1
    ",
    );
}

fn markers() {
    check(
        TABLE,
        &[("requirements.txt", "app[speed]>=1 ; python_version > '3.8'\nold ; python_version < '3.8'\n")],
        "
        . → app 2.0 >=1
        app 2.0 → fast 5
        app 2.0 → lib 2.0 >=2
        lib 2.0 → deep 0.1
    ",
    );
}

fn constraints() {
    let files = [("requirements.txt", "-c limits.txt\napp\n"), ("limits.txt", "lib<2\ndeep==9\n")];
    check(
        TABLE,
        &files,
        "
        . → app 1.0
        app 1.0 → lib 1.0 >=1
    ",
    );
}

fn several() {
    let files = [("requirements-one.txt", "lib==1.0\n"), ("requirements-two.txt", "lib>=2\n")];
    check(
        TABLE,
        &files,
        "
        . → lib 1.0 ==1.0
        . → lib 2.0 >=2
        lib 2.0 → deep 0.1
    ",
    );
    let text = "[project]\nname='p'\nversion='1'\ndependencies=['deep']\n\
                [project.optional-dependencies]\na=['lib<2']\nb=['lib>=2']\n";
    check(TABLE, &[("pyproject.toml", text)], "
        . → deep 0.1
        . → lib <2
        . → lib >=2
        gap pyproject.toml:4: cannot be resolved: its extras and groups cannot be installed together, and were left out
    ");
}

fn answered() {
    let lock = "version = 1\n[[package]]\nname = 'lib'\nversion = '1.0'\nsource = { registry = 'https://index.example/' }\n";
    check(
        TABLE,
        &[("pyproject.toml", "[project]\nname='p'\nversion='1'\ndependencies=['lib']\n"), ("uv.lock", lock)],
        "
        . → lib 1.0
    ",
    );
}

fn conflicts() {
    check(TABLE, &[("requirements.txt", "lib>=3\n")], "
        . → lib >=3
        gap requirements.txt:1: cannot be resolved: no versions fit together: /  the project needs lib>=3 /  of lib there is 1.0, 2.0, 2.1 (yanked) (2.2 needs Python >=4)
    ");
    check(TABLE, &[("requirements.txt", "nowhere\n")], "
        . → nowhere
        gap requirements.txt:1: cannot be resolved: no versions fit together: /  the project needs nowhere /  there is no nowhere
    ");
}

fn computed() {
    check(
        "s 1.0 computed\nt 1.0: s\n",
        &[("requirements.txt", "t\n")],
        "
        . → t 1.0
        t 1.0 → s 1.0
        gap requirements.txt:1: cannot be resolved: what s 1.0 needs is not known: `s-1.0.tar.gz` is a source distribution whose requirements are computed when it is built
    ",
    );
}

fn addresses() {
    check(
        TABLE,
        &[("requirements.txt", "lib\nown @ https://files.example/own-1.0.tar.gz\n")],
        "
        . → lib 2.0
        . → own
        lib 2.0 → deep 0.1
        gap requirements.txt:2: cannot be resolved: own comes from an address and was not looked at
    ",
    );
}

fn offline() {
    let folder = Folder::new();
    let server = Shelf::new(TABLE).serve(Manner { fresh: 600, ..Manner::default() });
    let address = format!("{}/simple/", server.url());
    let files = [("requirements.txt", "app\n")];
    let asked = told(&weigh(&files, &client(&[&address], Some(&folder), true)));
    drop(server);
    // Everything that was learnt then is known now.
    compare(&told(&weigh(&files, &client(&[&address], Some(&folder), false))), &asked);
    let nothing = Folder::new();
    compare(&told(&weigh(&files, &client(&[&address], Some(&nothing), false))), "
        . → app
        gap requirements.txt:1: cannot be resolved: what there is of app could not be asked: `app` is not in the cache of the index, and nothing may be fetched
    ");
}

fn broken() {
    let server = Server::start(|_| Answer::status(500));
    let client = client(&[&format!("{}/simple/", server.url())], None, true);
    let report = weigh(&[("requirements.txt", "a\nb\nc\n")], &client);
    assert_eq!(report.coverage.unread.len(), 1, "{:?}", report.coverage.unread);
}
