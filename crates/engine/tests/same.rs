//! The same target gives the same readings, whatever the number of threads.

use std::num::NonZeroUsize;

use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::Trial;
use weighbridge_core::fact::{Misnamed, What};
use weighbridge_core::place::Place;
use weighbridge_engine::progress::Progress;
use weighbridge_engine::read::{Options, read};

use crate::support::{Folder, Packer, READERS, context, said, test, weigh};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("same::readings_do_not_depend_on_threads", threads),
        test("same::who_claims_an_entry_reads_it", claims),
        test("same::progress_is_made_to_the_end", progress),
    ]
}

fn threads() {
    let mut folder = Folder::new().file("start.lines", "include 0/x.txt\ninclude gone");
    for number in 0..50 {
        let next = format!("say {number}\ninclude ../{}/x.txt\nwords y.lines\npanic {number}", number + 1);
        let packed =
            Packer::default().deflate("a.lines", &next).slice("b.words", "a b c").slice("a.lines", "say 2");
        folder = folder
            .file(format!("{number}/x.txt"), next)
            .file(format!("{number}/y.lines"), format!("say {number}\n").repeat(number))
            .file(format!("{number}/z.box"), packed.pack());
    }
    let readings = [1, 2, 7].map(|jobs| {
        let options = Options { readers: READERS, exclude: &[], jobs: NonZeroUsize::new(jobs) };
        read(vec![weighbridge_net::open(&folder.text(), &context()).unwrap()], &options, &context(), &())
            .unwrap()
    });
    assert!(readings[0].facts.values().map(Vec::len).sum::<usize>() > 1000);
    assert_eq!((&readings[0], &readings[1]), (&readings[1], &readings[2]));
}

/// Adds up what it hears: files and bytes that are expected and done.
#[derive(Default)]
struct Sums([AtomicU64; 5]);

impl Sums {
    fn add(&self, at: usize, count: u64) {
        self.0[at].fetch_add(count, Ordering::Relaxed);
    }
}

impl Progress for Sums {
    fn expect(&self, files: u64, bytes: u64) {
        self.add(0, files);
        self.add(1, bytes);
    }
    fn file(&self) {
        self.add(2, 1);
    }
    fn bytes(&self, count: u64) {
        self.add(3, count);
    }
    fn finish(&self) {
        self.add(4, 1);
    }
}

fn progress() {
    let folder = Folder::new()
        .file("a.words", vec![b'x'; 3_000_000])
        .file("b.lines", "include c.txt")
        .file("c.txt", vec![b'\n'; 5000])
        .file("d.bin", vec![0; 9000]);
    let sums = Sums::default();
    let options = Options { readers: READERS, exclude: &[], jobs: NonZeroUsize::new(2) };
    read(vec![weighbridge_net::open(&folder.text(), &context()).unwrap()], &options, &context(), &sums)
        .unwrap();
    // Four files, and one of them again because another names it.
    assert_eq!(sums.0.map(AtomicU64::into_inner), [5, 3_005_000, 5, 3_005_000, 1]);
}

fn claims() {
    let disguised = Packer::default().slice("x.lines", "say inside").line("say outside").pack();
    let folder = Folder::new().file("a.words", &disguised).file("b.lines", &disguised).file("c.box", "none");
    let readings = weigh(&folder, &context()).unwrap();
    // Content beats the name of a model; the name of something for installers counts whatever the content is.
    let expected =
        ["a.words › x.lines: inside", "b.lines: outside", "b.lines: inside", "b.lines › x.lines: inside"];
    assert_eq!(said(&readings), expected);
    let misnamed = |path: &str| {
        let facts = readings.facts.get(&Place::file(path)).into_iter().flatten();
        facts
            .filter_map(|fact| match &fact.what {
                What::Misnamed(Misnamed { by_name, by_content }) => {
                    Some((by_name.clone(), by_content.clone()))
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(misnamed("a.words"), [(vec!["words"], vec!["box"])]);
    assert_eq!(misnamed("b.lines"), [(vec!["lines"], vec!["box"])]);
    assert_eq!(misnamed("c.box"), []);
}
