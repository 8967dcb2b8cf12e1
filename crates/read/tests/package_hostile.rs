//! Broken files of every format here: no panic, and never silence about what is not understood.

use std::sync::Arc;

use weighbridge_core::limits::Limits;
use weighbridge_core::reader::{Claim, Family};
use weighbridge_read::READERS;
use weighbridge_read::package::seeds::seeds;

use crate::package_facts::{claim, read_source};
use crate::pickle_hostile::Random;

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        every_reader_has_sound_seeds,
        mutations_never_panic,
        every_beginning_is_read,
        noise_never_passes_for_a_lock,
        facts_end_at_the_limit,
    ]
}

/// The seeds of every reader of packages. Databases of RPM are built.
fn packages() -> impl Iterator<Item = (&'static str, Vec<(&'static str, Vec<u8>)>)> {
    let readers = READERS.iter().map(|reader| reader.about()).filter(|about| about.family == Family::Package);
    readers.map(|about| {
        let stored = seeds(about.id).iter().map(|(path, content)| (*path, content.to_vec()));
        let built = if about.id == "rpm-database" { crate::package_rpm::seeds() } else { Vec::new() };
        (about.id, stored.chain(built).collect())
    })
}

fn every_reader_has_sound_seeds() {
    for (id, seeds) in packages() {
        assert!(!seeds.is_empty(), "{id}");
        for (path, content) in seeds {
            assert_ne!(claim(id, path, &content), Claim::No, "{path}");
            let reading = read_source(id, path, Arc::new(content), Limits::default());
            assert!(!reading.facts.is_empty(), "{path}");
            let broken =
                ["malformed", "ended"].map(|word| reading.problems().iter().any(|line| line.contains(word)));
            // The groups of the manifest include each other, which is part of the seed.
            assert!(broken == [id == "pyproject", false], "{path}: {:#?}", reading.problems());
        }
    }
}

fn mutations_never_panic() {
    let limits = Limits { text_bytes: 1 << 20, facts: 500, ..Limits::default() };
    let mut random = Random::new(11);
    for (id, seeds) in packages() {
        for round in 0..1500 {
            let (path, content) = random.pick(&seeds);
            let mut content = content.clone();
            for _ in 0..=round % 6 {
                random.mutate(&mut content);
            }
            let reading = read_source(id, path, Arc::new(content), limits);
            assert!(reading.facts.len() <= limits.facts + 1);
        }
    }
}

fn every_beginning_is_read() {
    for (id, seeds) in packages() {
        for (path, content) in seeds {
            for end in 0..content.len() {
                let _ = read_source(id, path, Arc::new(content[..end].to_vec()), Limits::default());
            }
        }
    }
}

fn noise_never_passes_for_a_lock() {
    let mut random = Random::new(3);
    let noise: Vec<u8> = (0..100_000).map(|_| random.byte()).collect();
    for content in
        [vec![0; 100_000], noise, b"[".repeat(100_000), b"a.".repeat(50_000), b"[[package]]\n".repeat(9_000)]
    {
        for (id, path) in
            [("uv-lock", "uv.lock"), ("poetry-lock", "poetry.lock"), ("pyproject", "pyproject.toml")]
        {
            let reading = read_source(id, path, Arc::new(content.clone()), Limits::default());
            let harmless = id == "pyproject" && content.starts_with(b"[[package]]");
            assert!(harmless || !reading.problems().is_empty(), "{id}: {:?}", &content[..4]);
            assert_eq!(reading.locked().count(), 0);
        }
    }
}

fn facts_end_at_the_limit() {
    let limits = Limits { facts: 10, ..Limits::default() };
    let lock = "[[package]]\nname = 'a'\nsource = { registry = 'r' }\n".repeat(100);
    for (id, path, content) in [
        ("requirements", "requirements.txt", "a\n".repeat(100)),
        ("pth", "a.pth", "import a\n".repeat(100)),
        ("uv-lock", "uv.lock", lock),
    ] {
        let reading = read_source(id, path, Arc::new(content.into_bytes()), limits);
        assert_eq!(reading.problems(), ["unread: more than 10 facts from one entry"], "{id}");
        assert_eq!(reading.facts.len(), 11);
    }
}
