//! The database of RPM: as other programs write it, as it is built here, and broken in every way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::fact::What;
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::Claim;

use crate::package_facts::{Reading, claim, read, read_source};
use crate::rpm_builder::{
    BASE_NAMES, DIR_INDEXES, DIR_NAMES, EPOCH, LICENSE, MODULARITY_LABEL, NAME, OLD_FILE_NAMES, PAGE,
    RELEASE, SOURCE_RPM, VENDOR, VERSION, Value, berkeley, header, ndb, package, put, python, sqlite, text,
};

const ID: &str = "rpm-database";
const PATH: &str = "var/lib/rpm/rpmdb.sqlite";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        what_a_header_says,
        broken_headers_are_told,
        every_kind_gives_the_same,
        logs_of_changes_are_told,
        cut_at_every_page,
        circles_and_shared_pages_end,
        counts_that_lie_are_told,
        what_was_freed_is_not_there,
        no_small_file_stands_for_much,
        sqlite_as_python_writes_it,
    ];
    trials.push(where_runs("rpmbuild", &["--version"], "rpm_writes_and_lists_the_same", as_rpm_writes));
    trials.push(where_runs("rpm", &["--version"], "rpm_reads_berkeley_as_built_here", as_rpm_reads));
    trials.push(where_runs("db5.3_load", &["-V"], "berkeley_as_its_own_tool_writes_it", as_berkeley_writes));
    trials
}

/// A test that needs a program; where it is not there, it is listed as skipped.
fn where_runs(program: &str, arguments: &[&str], name: &str, test: fn()) -> Trial {
    let quiet = Stdio::null;
    let status =
        Command::new(program).args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    let there = status.is_ok_and(|status| status.success());
    let skipped = if there { String::new() } else { format!(" [skipped: no {program}]") };
    Trial::test(format!("package_rpm::{name}{skipped}"), move || {
        test();
        Ok(())
    })
    .with_ignored_flag(!there)
}

/// The seeds of other tests: a small sound database of each kind, under its name.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let headers =
        [python("a"), package("b", &[(EPOCH, Value::Numbers(vec![1])), (LICENSE, text(&"x".repeat(600)))])];
    vec![
        (PATH, sqlite(&headers)),
        ("usr/lib/sysimage/rpm/Packages.db", ndb(&headers)),
        ("var/lib/rpm/Packages", berkeley(&headers, false)),
        ("var/lib/rpm/Packages", berkeley(&headers, true)),
    ]
}

/// What is read, without the offsets.
fn lines(reading: &Reading) -> Vec<String> {
    let line = |line: String| match line.split_once(": ") {
        Some((at, rest)) if at.starts_with('@') => rest.to_owned(),
        _ => line,
    };
    reading.lines().into_iter().map(line).collect()
}

#[track_caller]
fn check(content: &[u8], expected: &[&str]) {
    assert_eq!(lines(&read(ID, PATH, content)), expected);
}

fn what_a_header_says() {
    let said = |header: Vec<u8>, expected: &[&str]| check(&ndb(&[header]), expected);
    said(package("a", &[]), &["rpm a 1-1 noarch"]);
    said(
        package(
            "libstdc++",
            &[
                (EPOCH, Value::Numbers(vec![2])),
                (SOURCE_RPM, text("gcc-1-1.src.rpm")),
                (VENDOR, text("AlmaLinux")),
                (LICENSE, text("GPL-3.0-or-later")),
                (MODULARITY_LABEL, text("gcc:13:8100020240101:deadbeef")),
            ],
        ),
        &["rpm libstdc++ 2:1-1 of gcc 2:1-1 noarch by AlmaLinux in gcc:13 under GPL-3.0-or-later"],
    );
    said(package("a", &[(SOURCE_RPM, text("b-3-4.src.rpm"))]), &["rpm a 1-1 of b 3-4 noarch"]);
    said(package("a", &[(EPOCH, Value::Numbers(vec![0])), (VENDOR, text("(none)"))]), &["rpm a 1-1 noarch"]);
    said(python("a"), &["rpm a owns usr/lib/python3.9/site-packages/a-1.dist-info", "rpm a 1-1 noarch"]);
    // The metadata is a file, or its folder an entry of its own.
    said(
        package(
            "a",
            &[
                (BASE_NAMES, Value::Texts(vec!["a-1.egg-info", "b-1.dist-info", "c.py"])),
                (DIR_NAMES, Value::Texts(vec!["/usr/lib/"])),
                (DIR_INDEXES, Value::Numbers(vec![0, 0, 0])),
            ],
        ),
        &["rpm a owns usr/lib/a-1.egg-info usr/lib/b-1.dist-info", "rpm a 1-1 noarch"],
    );
    said(
        package("a", &[(OLD_FILE_NAMES, Value::Texts(vec!["/usr/a.py", "/usr/a-1.egg-info/PKG-INFO"]))]),
        &["rpm a owns usr/a-1.egg-info", "rpm a 1-1 noarch"],
    );
    // What stands last was added when it was installed.
    said(package("a", &[(VERSION, text("2"))]), &["rpm a 2-1 noarch"]);
    // Keys are no packages; a package may have their name.
    said(header(&[(NAME, text("gpg-pubkey")), (VERSION, text("1")), (RELEASE, text("1"))]), &[]);
    said(package("gpg-pubkey", &[]), &["rpm gpg-pubkey 1-1 noarch"]);
}

fn broken_headers_are_told() {
    let gap = |header: &[u8], reason: &str| {
        check(&ndb(&[header.to_vec()]), &[&format!("unread: malformed: {reason}")]);
    };
    let sound = package("a", &[]);
    let with = |at: usize, bytes: &[u8]| {
        let mut header = sound.clone();
        put(&mut header, at, bytes);
        header
    };
    gap(b"", "a header ends early");
    gap(&sound[..20], "a header ends early");
    gap(&sound[..sound.len() - 1], "a header has another size than it says");
    gap(&with(0, &[0; 4]), "a header has no entries, or more than RPM allows");
    gap(&with(0, &[0xff; 4]), "a header has no entries, or more than RPM allows");
    gap(&with(4, &[0xff; 4]), "a header has another size than it says");
    let nameless = "a package without a name or a version that can be read";
    gap(&with(8, &[0xff; 4]), nameless);
    gap(&with(12, &[0, 0, 0, 7]), nameless);
    gap(&with(16, &[0xff; 4]), nameless);
    gap(&package("a/b", &[]), nameless);
    gap(&package("a", &[(VERSION, text("1 2"))]), nameless);
    gap(&package("a", &[(EPOCH, text("1"))]), nameless);
    gap(&package("a", &[(EPOCH, Value::Numbers(vec![]))]), nameless);
    // A text without an end: the last one of the store.
    let mut endless = header(&[(VERSION, text("1")), (RELEASE, text("1")), (NAME, text("a"))]);
    *endless.last_mut().unwrap() = b'a';
    gap(&endless, nameless);
    // The package is there, whatever is wrong with the rest of it.
    let half = |more: &[(u32, Value)], reason: &str| {
        check(&ndb(&[package("a", more)]), &[reason, "rpm a 1-1 noarch"]);
    };
    let files = "unread: malformed: not all of the files of `a` can be read";
    let names = || (BASE_NAMES, Value::Texts(vec!["x", "y"]));
    let folders = || (DIR_NAMES, Value::Texts(vec!["/usr/"]));
    half(&[names()], files);
    half(&[names(), folders()], files);
    half(&[names(), folders(), (DIR_INDEXES, Value::Numbers(vec![0]))], files);
    half(&[names(), folders(), (DIR_INDEXES, Value::Numbers(vec![0, 1]))], files);
    half(&[names(), folders(), (DIR_INDEXES, Value::Numbers(vec![0, u32::MAX]))], files);
    half(&[(BASE_NAMES, text("x"))], files);
    half(&[(VENDOR, Value::Numbers(vec![1]))], "malformed: `a`: an entry is of another type than its tag");
    check(
        &ndb(&[package("a", &[(BASE_NAMES, Value::Texts(vec!["x"])), (DIR_NAMES, Value::Texts(vec!["/"]))])]),
        &[files, "rpm a 1-1 noarch"],
    );
}

fn every_kind_gives_the_same() {
    let expected = [
        "rpm a owns usr/lib/python3.9/site-packages/a-1.dist-info",
        "rpm a 1-1 noarch",
        &format!("rpm b 1:1-1 noarch under {}", "x".repeat(600)),
    ];
    for (path, content) in seeds() {
        assert_eq!(lines(&read(ID, path, &content)), expected, "{path}");
    }
    for content in [sqlite(&[]), ndb(&[]), berkeley(&[], false)] {
        check(&content, &[]);
    }
    // Headers of every length around the edges of a page.
    let headers: Vec<Vec<u8>> =
        (0..40).map(|at| package("p", &[(LICENSE, text(&"x".repeat(at * 37)))])).collect();
    for content in [sqlite(&headers), ndb(&headers), berkeley(&headers, false), berkeley(&headers, true)] {
        let reading = read(ID, PATH, &content);
        assert_eq!((reading.facts.len(), reading.problems()), (40, vec![]));
    }
    check(b"", &["ended: malformed: it is none of the databases that RPM writes"]);
    check(&[7; 5000], &["ended: malformed: it is none of the databases that RPM writes"]);
}

fn logs_of_changes_are_told() {
    for path in ["var/lib/rpm/rpmdb.sqlite-wal", "root/usr/lib/sysimage/rpm/rpmdb.sqlite-journal"] {
        let told = ["ended: a log of changes to the database of RPM, not read by this version"];
        assert_eq!(lines(&read(ID, path, b"x")), told);
        assert_eq!(claim(ID, path, b""), Claim::No, "an empty log changes nothing");
    }
    assert_eq!(claim(ID, "var/lib/rpm/rpmdb.sqlite-shm", b"x"), Claim::No);
}

fn cut_at_every_page() {
    for (path, content) in seeds() {
        let whole = read(ID, path, &content);
        for end in (0..content.len()).step_by(PAGE).chain([16, 33, 99, 101, content.len() - 1]) {
            let reading = read(ID, path, &content[..end]);
            assert!(!reading.problems().is_empty(), "{path}: {end} of {} bytes", content.len());
            assert!(reading.facts.len() <= whole.facts.len() + 4, "{path}: {:#?}", reading.lines());
        }
    }
}

/// The database with a change.
fn changed(mut content: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    put(&mut content, at, bytes);
    content
}

fn circles_and_shared_pages_end() {
    let headers = [package("a", &[]), package("b", &[(LICENSE, text(&"x".repeat(1200)))])];
    // Page 2 is the root with one cell at its end (page 3, row 1) and page 4 to the right; 5 and 6 go on with row 2.
    let sound = sqlite(&headers);
    let root = PAGE;
    let twice = |page| format!("unread: malformed: page {page} is used twice");
    let a = "rpm a 1-1 noarch";
    check(&changed(sound.clone(), root + 8, &2u32.to_be_bytes()), &[&twice(2), a]);
    check(&changed(sound.clone(), root + 8, &3u32.to_be_bytes()), &[&twice(3), a]);
    check(&changed(sound.clone(), root + 8, &1u32.to_be_bytes()), &[&twice(1), a]);
    check(&changed(sound.clone(), 4 * PAGE, &5u32.to_be_bytes()), &[a, &twice(5)]);
    check(
        &changed(sound.clone(), 4 * PAGE, &99u32.to_be_bytes()),
        &[a, "unread: malformed: page 99 is not in the file"],
    );
    check(
        &changed(sound.clone(), 4 * PAGE, &0u32.to_be_bytes()),
        &[a, "unread: malformed: the content of a row ends early"],
    );
    // Free pages in a circle.
    let free = sound.len() - PAGE;
    let number = u32::try_from(sound.len() / PAGE).unwrap();
    let circle = read(ID, PATH, &changed(sound.clone(), free, &number.to_be_bytes()));
    assert_eq!(circle.problems(), [format!("@32: {}", twice(number))]);

    let sound = berkeley(&headers, false);
    // Pages 1 and 2 have the packages, 3 to 5 the header of the second.
    check(&changed(sound.clone(), 3 * PAGE + 16, &3u32.to_le_bytes()), &[a, &twice(3)]);
    check(
        &changed(sound.clone(), 3 * PAGE + 16, &0u32.to_le_bytes()),
        &[a, "unread: malformed: a long value ends early"],
    );
    check(
        &changed(sound.clone(), 5 * PAGE + 16, &9u32.to_le_bytes()),
        &[a, "unread: malformed: a long value has another size than it says"],
    );
    check(&changed(sound, 4 * PAGE + 25, &[0]), &[a, "unread: malformed: page 4 is none of a long value"]);

    // Two slots for one blob: the second is read as long as all together are not more than the file.
    let sound = ndb(&headers);
    let second = [2u32, 256, 9].map(u32::to_le_bytes).concat();
    let shared = read(ID, PATH, &changed(sound.clone(), 3 * 16 + 4, &second));
    assert_eq!(shared.problems(), ["@48: unread: malformed: a slot points to no package, or to another one"]);
    let one = sound[2 * 16..3 * 16].to_vec();
    let all = changed(sound, 32, &one.repeat(254));
    let reading = read(ID, PATH, &all);
    assert_eq!(reading.problems(), ["ended: malformed: its packages lie over each other"]);
    assert!(reading.facts.len() < 60, "{}", reading.facts.len());
}

fn counts_that_lie_are_told() {
    let headers = [package("a", &[]), package("b", &[(LICENSE, text(&"x".repeat(1200)))])];
    let told = |content: Vec<u8>, expected: &str| {
        let problems = read(ID, PATH, &content).problems().join("\n");
        assert!(problems.contains(expected), "{problems}");
    };
    let sound = sqlite(&headers);
    told(changed(sound.clone(), 16, &[0, 3]), "the size of its pages is none that SQLite has");
    told(changed(sound.clone(), 20, &[200]), "nothing of its pages is used");
    told(changed(sound.clone(), 28, &[0xff; 4]), "ends early");
    told(changed(sound.clone(), 56, &2u32.to_be_bytes()), "UTF-16");
    told(changed(sound.clone(), PAGE + 3, &[0xff; 2]), "a page has more cells than fit");
    told(changed(sound.clone(), PAGE + 12, &[0xff; 2]), "a cell lies behind the end of its page");
    told(changed(sound.clone(), 2 * PAGE + 8, &[0xff; 2]), "a cell lies behind the end of its page");
    told(changed(sound.clone(), 2 * PAGE, &[10]), "page 3 is none of a table");
    told(
        changed(sound.clone(), sound.len() - PAGE + 4, &[0xff; 4]),
        "lists more free pages than it can hold",
    );
    // A row of 2^63 bytes, in the cell of the first leaf.
    let cell = usize::from(u16::from_be_bytes([sound[2 * PAGE + 8], sound[2 * PAGE + 9]]));
    told(changed(sound.clone(), 2 * PAGE + cell, &[0xff; 9]), "more than 268435456 bytes of working state");
    // The row of the schema twice.
    let row = usize::from(u16::from_be_bytes([sound[108], sound[109]]));
    let copy = sound[row..PAGE].to_vec();
    let second = row - copy.len();
    let mut two = changed(changed(sound.clone(), second, &copy), 103, &[0, 2]);
    put(&mut two, 110, &u16::try_from(second).unwrap().to_be_bytes());
    told(two, "it has more than one table `Packages`");
    let unnamed = sound.windows(8).position(|text| text == b"Packages").unwrap();
    told(changed(sound, unnamed, b"Bundles_"), "it has no table `Packages`");

    let sound = ndb(&headers);
    told(changed(sound.clone(), 4, &[1]), "version 1 of RPM's `ndb`");
    told(changed(sound.clone(), 12, &[0]), "it has no pages of slots");
    told(changed(sound.clone(), 12, &[0xff; 4]), "ends early");
    told(changed(sound.clone(), 32, b"None"), "a slot is none");
    told(changed(sound.clone(), 32 + 8, &[0xff; 4]), "ends early");
    told(changed(sound.clone(), 32 + 8, &[1, 0, 0, 0]), "a package lies among the slots");
    told(changed(sound.clone(), 32 + 12, &[1]), "a package has another size than its slot says");
    let end = sound.len();
    told(changed(sound.clone(), end - 4, b"None"), "a package has no end");
    told(changed(sound, 4096 + 12, &[0xff; 4]), "a package has another size than its slot says");

    for big in [false, true] {
        let sound = berkeley(&headers, big);
        let number = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        told(changed(sound.clone(), 20, &number(3)), "the size of its pages is none that Berkeley DB has");
        told(changed(sound.clone(), 24, &[1]), "encrypted");
        told(changed(sound.clone(), 26, &[1]), "a Berkeley DB with checksums or in parts");
        told(changed(sound.clone(), 32, &[0xff; 4]), "ends early");
        told(changed(sound.clone(), PAGE + 20, &[0xff; 2]), "the items of a page lie over each other");
        told(changed(sound.clone(), PAGE + 28, &[0xff; 2]), "the items of a page lie over each other");
        told(changed(sound.clone(), PAGE + 20, &[3, 3]), "the items of a page lie over each other");
        let value = 2 * PAGE + PAGE - 5 - 12;
        told(changed(sound.clone(), value, &[2]), "a value is of a type that RPM does not write");
        told(changed(sound.clone(), value + 4, &number(99)), "page 99 is not in the file");
        told(changed(sound, value + 8, &number(1 << 30)), "more than 268435456 bytes of working state");
    }
}

fn what_was_freed_is_not_there() {
    let headers = [package("a", &[]), package("b", &[])];
    // A page of the table is on the list of free ones: one of both is a lie, and it is told.
    let sound = sqlite(&headers);
    let free = sound.len() - PAGE;
    let listed = [0, 1, 4].map(u32::to_be_bytes).concat();
    let reading = read(ID, PATH, &changed(sound, free, &listed));
    assert_eq!(lines(&reading), ["unread: malformed: page 4 is used twice", "rpm a 1-1 noarch"]);
    // A slot without a place, and a page without a type.
    check(&changed(ndb(&headers), 48, b"Slot\0\0\0\0\0\0\0\0\0\0\0\0"), &["rpm a 1-1 noarch"]);
    check(&changed(berkeley(&headers, false), 2 * PAGE + 25, &[0]), &["rpm a 1-1 noarch"]);
}

fn no_small_file_stands_for_much() {
    // One cell, to which a page points as often as it can.
    let sound = sqlite(&[package("a", &[])]);
    let cell = [sound[2 * PAGE + 8], sound[2 * PAGE + 9]];
    let mut many = changed(sound, 2 * PAGE + 3, &100u16.to_be_bytes());
    put(&mut many, 2 * PAGE + 8, &cell.repeat(100));
    let reading = read(ID, PATH, &many);
    assert!(reading.facts.len() < 10, "{}", reading.facts.len());
    assert_eq!(reading.problems().len(), 1, "{:?}", reading.problems());
    // A long folder, and very many names in it: the paths are not all kept, which is told.
    let folder: &'static str = format!("/{}/", "x".repeat(4000)).leak();
    let names: Vec<&'static str> = (0..6000).map(|at| &*format!("{at}.dist-info").leak()).collect();
    let indexes = Value::Numbers(vec![0; names.len()]);
    let much = package(
        "a",
        &[(BASE_NAMES, Value::Texts(names)), (DIR_NAMES, Value::Texts(vec![folder])), (DIR_INDEXES, indexes)],
    );
    let reading = read(ID, PATH, &ndb(&[much]));
    assert!(lines(&reading)[0].contains("not all of the files of `a` can be read"));
    let What::SystemOwned(owned) = &reading.facts[1].what else { panic!("{:?}", reading.facts[1]) };
    assert!(owned.metadata.iter().map(String::len).sum::<usize>() <= 16 << 20);
    // Limits end it.
    let headers = vec![package("a", &[]); 200];
    for content in [sqlite(&headers[..40]), ndb(&headers), berkeley(&headers, false)] {
        let few = Limits { facts: 10, ..Limits::default() };
        let reading = read_source(ID, PATH, Arc::new(content), few);
        assert_eq!(reading.facts.len(), 11);
        assert_eq!(reading.problems(), ["unread: more than 10 facts from one entry"]);
    }
    let small = Limits { state_bytes: 1000, ..Limits::default() };
    let long = [package("a", &[]), package("b", &[(LICENSE, text(&"x".repeat(2000)))])];
    for content in [sqlite(&long), ndb(&long), berkeley(&long, false)] {
        let reading = read_source(ID, PATH, Arc::new(content), small);
        assert_eq!(reading.facts.len(), 2);
        assert!(reading.problems()[0].contains("more than 1000 bytes of working state"));
    }
}

/// A folder of this process alone, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weighbridge-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn sqlite_as_python_writes_it() {
    // Tables with many rows, some of which were deleted, in pages of several sizes, tidied up or not.
    const SCRIPT: &str = "
import sqlite3, sys
size, vacuum, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
base = sqlite3.connect(f'{folder}/{size}-{vacuum}')
base.execute(f'pragma page_size = {size}')
base.execute(f'pragma auto_vacuum = {vacuum}')
base.execute('create table other(a, b)')
base.execute(\"create table 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)\")
base.execute('create index by_blob on Packages(blob)')
def header(name, fill):
    texts = [(1000, name), (1001, '1'), (1002, '1'), (1022, 'noarch'), (1014, 'x' * fill)]
    index, store = b'', b''
    for tag, text in texts:
        index += b''.join(it.to_bytes(4, 'big') for it in (tag, 6, len(store), 1))
        store += text.encode() + bytes(1)
    return len(texts).to_bytes(4, 'big') + len(store).to_bytes(4, 'big') + index + store
for at in range(400):
    base.execute('insert into other values (?, ?)', (at, 'y' * at))
    base.execute('insert into Packages(blob) values (?)', (header(f'p{at}', at * 7919 % 9000),))
base.execute('delete from Packages where hnum % 3 = 0')
base.execute('delete from other where a % 2 = 0')
base.commit()
base.close()
";
    let folder = Folder::new("rpm-python");
    for size in ["512", "1024", "4096", "65536"] {
        for vacuum in ["none", "full", "incremental"] {
            run(Command::new("python3").args(["-c", SCRIPT, size, vacuum]).arg(&folder.0));
            let content = fs::read(folder.0.join(format!("{size}-{vacuum}"))).unwrap();
            let reading = read(ID, PATH, &content);
            assert_eq!(reading.problems(), [""; 0], "{size} {vacuum}");
            let name = |line: &String| line.split(' ').nth(1).unwrap().to_owned();
            let mut found: Vec<String> = lines(&reading).iter().map(name).collect();
            let mut expected: Vec<String> =
                (0..400).filter(|at| (at + 1) % 3 != 0).map(|at| format!("p{at}")).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{size} {vacuum}");
        }
    }
}

/// Names and versions in the words of `rpm`, from the database below a root.
fn listed(root: &Path, kind: &str) -> Vec<String> {
    const FORMAT: &str = "rpm %{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n";
    let mut rpm = Command::new("rpm");
    rpm.arg("--root").arg(root).args([
        "--dbpath",
        "/var/lib/rpm",
        "--define",
        &format!("_db_backend {kind}"),
    ]);
    let output = run(rpm.args(["-qa", "--qf", FORMAT]));
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The same of what is read here.
fn named(reading: &Reading) -> Vec<String> {
    let mut lines: Vec<String> = lines(reading)
        .into_iter()
        .filter(|line| !line.contains(" owns "))
        .map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    lines.sort();
    lines
}

fn as_rpm_writes() {
    let folder = Folder::new("rpm-rpm");
    let (root, top) = (folder.0.join("root"), folder.0.join("top"));
    let build = |name: &str, epoch: &str, files: usize| {
        let site = "/usr/lib/python3.9/site-packages";
        let spec = format!(
            "Name: {name}\n{epoch}Version: 1.0\nRelease: 1.el9\nSummary: s\nLicense: MIT\nVendor: AlmaLinux\nBuildArch: noarch\n\
             %description\nd\n%install\nmkdir -p %{{buildroot}}{site}/{name}-1.dist-info\n\
             for i in $(seq {files}); do echo $i > %{{buildroot}}{site}/{name}-1.dist-info/file$i; done\n\
             %files\n{site}/{name}-1.dist-info\n"
        );
        let path = folder.0.join(format!("{name}.spec"));
        fs::write(&path, spec).unwrap();
        run(Command::new("rpmbuild")
            .arg("-bb")
            .arg("--define")
            .arg(format!("_topdir {}", top.display()))
            .arg(path));
        top.join(format!("RPMS/noarch/{name}-1.0-1.el9.noarch.rpm"))
    };
    let packages =
        [build("python3-a", "Epoch: 2\n", 1), build("python3-b", "", 900), build("python3-c", "", 5)];
    fs::create_dir_all(&root).unwrap();
    let rpm = |arguments: &[&str], files: &[PathBuf]| {
        let mut rpm = Command::new("rpm");
        rpm.arg("--root").arg(&root).args(["--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite"]);
        run(rpm.args(["--justdb", "--nodeps", "--noscripts"]).args(arguments).args(files));
    };
    rpm(&["-i"], &packages);
    let database = root.join("var/lib/rpm/rpmdb.sqlite");
    let reading = read(ID, PATH, &fs::read(&database).unwrap());
    let owns = |name| format!("rpm {name} owns usr/lib/python3.9/site-packages/{name}-1.dist-info");
    let built = |name, version: &str| {
        let source = name;
        format!("rpm {name} {version} of {source} {version} noarch by AlmaLinux under MIT")
    };
    let mut found = lines(&reading);
    found.sort();
    let mut expected = vec![
        owns("python3-a"),
        built("python3-a", "2:1.0-1.el9"),
        owns("python3-b"),
        built("python3-b", "1.0-1.el9"),
        owns("python3-c"),
        built("python3-c", "1.0-1.el9"),
    ];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(named(&reading), listed(&root, "sqlite"));
    // One that was removed is not found in what it left behind.
    rpm(&["-e", "python3-b"], &[]);
    let reading = read(ID, PATH, &fs::read(&database).unwrap());
    assert_eq!(named(&reading), ["rpm python3-a 2:1.0-1.el9", "rpm python3-c 1.0-1.el9"]);
    assert_eq!(named(&reading), listed(&root, "sqlite"));
    // What rpm itself has written into the headers, in the other two kinds of file.
    let content = fs::read(&database).unwrap();
    let headers = Command::new("python3")
        .args(["-c", "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute('select blob from Packages'): print(row[0].hex())"])
        .arg(&database)
        .output()
        .unwrap();
    let headers: Vec<Vec<u8>> = String::from_utf8(headers.stdout).unwrap().lines().map(unhex).collect();
    assert_eq!(headers.len(), 2);
    let mut told = lines(&read(ID, PATH, &content));
    told.sort();
    for content in [sqlite(&headers), ndb(&headers), berkeley(&headers, false)] {
        let mut found = lines(&read(ID, PATH, &content));
        found.sort();
        assert_eq!(found, told);
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn as_rpm_reads() {
    let folder = Folder::new("rpm-bdb");
    fs::create_dir_all(folder.0.join("var/lib/rpm")).unwrap();
    let headers =
        [python("a"), package("b", &[(EPOCH, Value::Numbers(vec![1])), (LICENSE, text(&"x".repeat(600)))])];
    let content = berkeley(&headers, false);
    fs::write(folder.0.join("var/lib/rpm/Packages"), &content).unwrap();
    assert_eq!(named(&read(ID, PATH, &content)), listed(&folder.0, "bdb_ro"));
}

fn as_berkeley_writes() {
    let folder = Folder::new("rpm-db");
    let headers: Vec<Vec<u8>> =
        (0..120).map(|at| package(&format!("p{at}"), &[(LICENSE, text(&"x".repeat(at * 53)))])).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (size, order) in [("512", "1234"), ("4096", "1234"), ("4096", "4321")] {
        let mut dump = format!(
            "VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={size}\ndb_lorder={order}\nHEADER=END\n"
        );
        let number = |number: usize| {
            let number = u32::try_from(number).unwrap();
            if order == "4321" { number.to_be_bytes() } else { number.to_le_bytes() }
        };
        dump.push_str(&format!(" {}\n {}\n", hex(&number(0)), hex(&number(120))));
        for (at, header) in headers.iter().enumerate() {
            dump.push_str(&format!(" {}\n {}\n", hex(&number(at + 1)), hex(header)));
        }
        dump.push_str("DATA=END\n");
        let (text, path) = (folder.0.join("dump"), folder.0.join(format!("{size}-{order}")));
        fs::write(&text, dump).unwrap();
        run(Command::new("db5.3_load").arg("-f").arg(&text).arg(&path));
        let reading = read(ID, "var/lib/rpm/Packages", &fs::read(&path).unwrap());
        assert_eq!(reading.problems(), [""; 0], "{size} {order}");
        let mut expected: Vec<String> = (0..120).map(|at| format!("rpm p{at} 1-1")).collect();
        expected.sort();
        assert_eq!(named(&reading), expected, "{size} {order}");
    }
}
