//! Files that lie, shrink or make a reader fail; and a user who has seen enough.

use std::num::NonZeroUsize;
use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::limits::Cancel;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;
use weighbridge_engine::flow::ScanError;
use weighbridge_engine::read::{Options, read};

use crate::support::{Folder, Zeros, context, said, test, unread, weigh, weigh_source};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("hostile::a_source_that_ends_early_is_truncated", ends_early),
        test("hostile::a_file_that_shrinks_while_it_is_read_is_truncated", shrinks),
        test("hostile::a_reader_that_fails_does_not_end_the_scan", panics),
        test("hostile::what_was_found_before_an_error_stays", errors),
        test("hostile::a_wish_to_stop_ends_the_scan", cancelled),
        test("hostile::broken_files_end_in_a_report_whatever_they_are_called", broken),
    ]
}

fn ends_early() {
    let zeros = Zeros { size: 1 << 50, real: 100_000, read: Arc::default() };
    let readings = weigh_source("a.words", zeros, &context()).unwrap();
    assert_eq!(unread(&readings), ["a.words: ends early, at byte 100000"]);
    assert_eq!(readings.files["a.words"].digest, Err(Unread::Truncated { offset: 100_000 }));
    // The reader came to the same end; what it said before counts.
    assert_eq!(said(&readings), ["a.words: 1 words"]);
}

/// Does something to the world when it is asked for its claim: by then the file is open.
struct Meddler(Box<dyn Fn() + Sync>);

impl Reader for Meddler {
    fn about(&self) -> &'static About {
        &About { id: "meddler", title: "meddler", family: Family::Model, names: &[], reads: "nothing" }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if !hint.head.is_empty() {
            (self.0)();
        }
        Claim::ByName
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Requested, None);
        input.read_text().map(drop)
    }
}

fn shrinks() {
    let folder = Folder::new().file("a.bin", vec![1; 1_000_000]);
    let path = folder.path().join("a.bin");
    let shrink =
        move || std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(300_000).unwrap();
    let meddler = Meddler(Box::new(shrink));
    let options = Options { readers: &[&meddler], exclude: &[], jobs: NonZeroUsize::new(1) };
    let opened = weighbridge_net::open(&folder.text(), &context()).unwrap();
    let readings = read(vec![opened], &options, &context(), &()).unwrap();
    assert_eq!(unread(&readings), ["a.bin: ends early, at byte 300000"]);
}

fn panics() {
    let folder = Folder::new()
        .file("a.lines", "say before\npanic asked for")
        .file("b.lines", "say after")
        .file("panic-in-claim", "x");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: before", "b.lines: after"]);
    let failed = "the reader failed on this input (a defect of Weighbridge: please report it)";
    assert_eq!(unread(&readings), [format!("a.lines: {failed}"), format!("panic-in-claim: {failed}")]);
}

fn errors() {
    let folder = Folder::new().file("a.lines", "say before\nfail here\nsay never");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: before"]);
    assert_eq!(unread(&readings), ["a.lines: malformed: here"]);
}

fn cancelled() {
    let cancel = Cancel::default();
    let context = weighbridge_core::context::Context { cancel: cancel.clone(), ..context() };
    let folder = Folder::new().file("a.bin", "x").file("b.bin", "x");
    let stop = cancel.clone();
    let meddler = Meddler(Box::new(move || stop.cancel()));
    let options = Options { readers: &[&meddler], exclude: &[], jobs: NonZeroUsize::new(2) };
    let opened = weighbridge_net::open(&folder.text(), &context).unwrap();
    assert_eq!(read(vec![opened], &options, &context, &()), Err(ScanError::Interrupted));
    // A scan that is cancelled before it begins does not begin.
    assert_eq!(weigh(&folder, &context), Err(ScanError::Interrupted));
}

/// Every reader of the product against content that is none, under every name that it knows.
fn broken() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |length: usize| {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect::<Vec<u8>>()
    };
    let contents = [Vec::new(), vec![0; 1], vec![0; 70_000], vec![b'\n'; 5000], random(13), random(70_000)];
    let mut folder = Folder::new();
    let mut files = 0;
    for reader in weighbridge_read::READERS {
        for (number, name) in reader.about().names.iter().enumerate() {
            for (kind, content) in contents.iter().enumerate() {
                let id = reader.about().id;
                folder = folder.file(format!("{id}-{number}-{kind}/{}", name.replace('*', "x")), content);
                files += 1;
            }
        }
    }
    let options = Options { readers: weighbridge_read::READERS, exclude: &[], jobs: NonZeroUsize::new(2) };
    let opened = weighbridge_net::open(&folder.text(), &context()).unwrap();
    match read(vec![opened], &options, &context(), &()) {
        Ok(readings) => {
            assert_eq!(readings.files.len(), files);
            let panicked: Vec<_> =
                readings.coverage.unread.iter().filter(|gap| gap.reason == Unread::Panicked).collect();
            assert!(panicked.is_empty(), "{panicked:?}");
        }
        Err(error) => assert_eq!((error, files), (ScanError::NothingToWeigh, 0)),
    }
}
