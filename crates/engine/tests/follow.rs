//! Files that name other files, records that name what was installed, and what is left alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use libtest_mimic::Trial;
use weighbridge_core::coverage::Unread;
use weighbridge_core::place::{Place, Span};
use weighbridge_engine::flow::ScanError;

use crate::support::{Folder, Zeros, context, said, test, unread, weigh, weigh_source};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("follow::named_files_are_read_whatever_they_are_called", named),
        test("follow::files_that_name_each_other_end", circle),
        test("follow::a_file_is_read_by_each_reader_once", once),
        test("follow::what_is_not_there_is_told_where_it_is_named", missing),
        test("follow::what_is_sought_lies_in_the_folder_or_above", sought),
        test("follow::recorded_files_have_a_digest", recorded),
        test("follow::what_nobody_asks_for_is_not_read", not_asked),
    ]
}

fn named() {
    let folder = Folder::new()
        .file("a/x.lines", "say 1\ninclude b/more.txt")
        .file("a/b/more.txt", "say 2\ninclude ../../base.txt")
        .file("base.txt", "say 3");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a/b/more.txt: 2", "a/x.lines: 1", "base.txt: 3"]);
    assert_eq!(readings.coverage.read, 3);
    assert!(unread(&readings).is_empty());
}

fn circle() {
    let folder = Folder::new()
        .file("self.lines", "say 0\ninclude self.lines\ninclude ./x/../self.lines")
        .file("a.lines", "say 1\ninclude b.txt")
        .file("b.txt", "say 2\ninclude c.txt")
        .file("c.txt", "say 3\ninclude b.txt\ninclude a.lines");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: 1", "b.txt: 2", "c.txt: 3", "self.lines: 0"]);
}

fn once() {
    let folder = Folder::new().file("a.lines", "say 1\nwords a.lines\nwords a.lines\ninclude a.lines");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: 1", "a.lines: 5 words"]);
    let readers: Vec<&str> =
        readings.facts[&Place::file("a.lines")].iter().map(|fact| fact.evidence.reader).collect();
    assert_eq!(readers, ["lines", "words"]);
    assert_eq!(readings.coverage.read, 1);
}

fn sought() {
    let folder = Folder::new()
        .file(
            "a/b/x.lines",
            "say 1\nseek r.txt\nseek s.txt\nseek c/t.txt\nseek gone.txt\nseek /r.txt\nseek ../s.txt",
        )
        .file("a/b/r.txt", "say 2")
        .file("a/r.txt", "say no")
        .file("s.txt", "say 3")
        .file("a/c/t.txt", "say 4");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a/b/r.txt: 2", "a/b/x.lines: 1", "a/c/t.txt: 4", "s.txt: 3"]);
    let told = |name: &str| format!("a/b/x.lines: names `{name}`, which is not in the target");
    assert_eq!(unread(&readings), [told("gone.txt"), told("/r.txt")]);
}

fn missing() {
    let folder =
        Folder::new().file("a/x.lines", "say 1\ninclude gone.txt\ninclude ../../up.txt\ninclude /etc/passwd");
    let readings = weigh(&folder, &context()).unwrap();
    let told = |name: &str| format!("a/x.lines: names `{name}`, which is not in the target");
    assert_eq!(unread(&readings), [told("gone.txt"), told("../../up.txt"), told("/etc/passwd")]);
    let spans: Vec<_> =
        readings.facts[&Place::file("a/x.lines")].iter().map(|fact| fact.evidence.span.clone()).collect();
    assert_eq!(spans, [1, 2, 3, 4].map(|line| Some(Span::Line(line))));
}

fn recorded() {
    let large = vec![b'x'; 10_000];
    let folder = Folder::new()
        .file(
            "env/site-packages/p-1.dist-info/RECORD",
            "p/a.py digest\np/b.py\n../bin/p digest\n../../../up digest",
        )
        .file("env/site-packages/p/a.py", &large)
        .file("env/site-packages/p/b.py", &large)
        .file("env/bin/p", &large);
    let readings = weigh(&folder, &context()).unwrap();
    let digest = Ok(weighbridge_core::digest::Digest::of(&large));
    assert_eq!(readings.files["env/site-packages/p/a.py"].digest, digest);
    assert_eq!(readings.files["env/bin/p"].digest, digest);
    assert_eq!(readings.files["env/site-packages/p/b.py"].digest, Err(Unread::NotAsked));
    assert_eq!((readings.coverage.read, unread(&readings).len()), (3, 0));
}

fn not_asked() {
    let zeros = |read: &Arc<_>| Zeros { size: 1 << 40, real: 1 << 40, read: Arc::clone(read) };
    let read = Arc::default();
    let error = weigh_source("data.bin", zeros(&read), &context()).unwrap_err();
    assert_eq!(error, ScanError::NothingToWeigh);
    assert_eq!(read.load(Ordering::Relaxed), 4096);
}
