//! The matcher against a second one, written from the OSV schema on raw JSON and with its own order of versions, over
//! every version that the records of the 200 most-affected packages mention; and the committed snapshot against a rebuild.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use weighbridge_advisory::Index;
use weighbridge_advisory::pep440::Version;

pub(crate) fn trials() -> Vec<Trial> {
    let shared = shared_dir();
    let absent = shared.is_none();
    let folder = shared.unwrap_or_default();
    let other = folder.clone();
    vec![
        Trial::test("reference::snapshot_is_up_to_date", move || snapshot_is_up_to_date(&folder))
            .with_ignored_flag(absent),
        Trial::test("reference::matches_agree", move || matches_agree(&other)).with_ignored_flag(absent),
    ]
}

/// The folder `shared/advisories` above this crate, if there is one.
fn shared_dir() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/advisories")).find(|folder| folder.is_dir())
}

fn unpacked(path: &Path) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(std::fs::File::open(path)?)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn snapshot_is_up_to_date(shared: &Path) -> Result<(), Failed> {
    let committed = Index::embedded()?;
    let mut builder = Index::builder();
    builder.add_exploited(&std::fs::read(shared.join("kev.json"))?)?;
    for line in lines(&unpacked(&shared.join("cve-facts.jsonl.zst"))?) {
        builder.add_cve_facts(line)?;
    }
    for line in lines(&unpacked(&shared.join("pypi-osv.jsonl.zst"))?) {
        builder.add_osv("a line", line);
    }
    assert_eq!(builder.broken(), []);
    let about = committed.about().clone();
    let rebuilt = builder.finish(about.as_of, about.sources);
    assert!(rebuilt == committed, "the facts differ: run `cargo xtask advisories`");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/pypi.snapshot");
    assert!(rebuilt.to_bytes() == std::fs::read(file)?, "the bytes differ: run `cargo xtask advisories`");
    Ok(())
}

fn matches_agree(shared: &Path) -> Result<(), Failed> {
    let mut by_package: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for line in lines(&unpacked(&shared.join("pypi-osv.jsonl.zst"))?) {
        let record: Value = serde_json::from_slice(line)?;
        if !record["withdrawn"].is_null() {
            continue;
        }
        let id = record["id"].as_str().unwrap().to_owned();
        for affected in record["affected"].as_array().unwrap() {
            let name = affected["package"]["name"].as_str().unwrap().to_lowercase().replace(['_', '.'], "-");
            by_package.entry(name).or_default().push((id.clone(), affected.clone()));
        }
    }
    let mut packages: Vec<(&String, &Vec<(String, Value)>)> = by_package.iter().collect();
    packages.sort_by_key(|(name, entries)| (std::cmp::Reverse(entries.len()), name.as_str()));
    let index = Index::embedded()?;
    let (mut asked, mut matched) = (0u32, 0u32);
    let mut differences = Vec::new();
    for (name, entries) in packages.into_iter().take(200) {
        let spans: Vec<(&str, Span)> = entries.iter().map(|(id, it)| (id.as_str(), Span::new(it))).collect();
        for text in mentioned(entries) {
            let (Ok(version), Some(key)) = (Version::parse(&text), Key::new(&text)) else {
                assert!(
                    Version::parse(&text).is_err() && Key::new(&text).is_none(),
                    "{text}: only one can read it"
                );
                continue;
            };
            let expected: BTreeSet<&str> =
                spans.iter().filter(|(_, span)| span.holds(&key)).map(|(id, _)| *id).collect();
            let records = index.records(name, &version);
            let found: BTreeSet<&str> = records.iter().map(|(advisory, _)| advisory.id.as_str()).collect();
            asked += 1;
            matched += u32::try_from(found.len())?;
            if found != expected {
                differences.push(format!("{name} {text}: {:?}", found.symmetric_difference(&expected)));
            }
        }
    }
    assert!(
        asked > 20_000 && matched > 200_000,
        "{asked} questions, {matched} matches: too few to mean much"
    );
    assert!(
        differences.is_empty(),
        "{} of {asked}: {:#?}",
        differences.len(),
        &differences[..differences.len().min(20)]
    );
    Ok(())
}

/// Every version in lists and events, and some that none mentions.
fn mentioned(entries: &[(String, Value)]) -> BTreeSet<String> {
    let mut texts: BTreeSet<String> = BTreeSet::new();
    for (_, affected) in entries {
        let listed = affected["versions"].as_array().into_iter().flatten();
        texts.extend(listed.filter_map(Value::as_str).map(str::to_owned));
        let ranges =
            affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT");
        let events = ranges.flat_map(|range| range["events"].as_array().into_iter().flatten());
        for version in events.flat_map(|event| event.as_object().unwrap().values()).filter_map(Value::as_str)
        {
            texts.extend([version.to_owned(), format!("{version}.post1"), format!("{version}+cu118")]);
            texts.extend([format!("{version}.1"), format!("{version}.dev1")]);
        }
    }
    texts
}

/// The reference: what one `affected` entry says.
struct Span {
    ranges: Vec<Vec<(String, Key)>>,
    listed: Vec<Key>,
}

impl Span {
    fn new(affected: &Value) -> Self {
        let mut ranges = Vec::new();
        let mut unreadable = false;
        for range in
            affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT")
        {
            let events =
                range["events"].as_array().unwrap().iter().flat_map(|event| event.as_object().unwrap());
            let read: Option<Vec<(String, Key)>> = events
                .map(|(kind, version)| Some((kind.clone(), Key::repaired(version.as_str()?)?)))
                .collect();
            match read {
                Some(events) => ranges.push(events),
                None => unreadable = true,
            }
        }
        let list_counts = ranges.is_empty() || unreadable;
        let listed = affected["versions"].as_array().filter(|_| list_counts).into_iter().flatten();
        Self { listed: listed.filter_map(|version| Key::new(version.as_str()?)).collect(), ranges }
    }

    fn holds(&self, version: &Key) -> bool {
        self.listed.iter().any(|listed| listed.compare(version).is_eq())
            || self.ranges.iter().any(|range| in_range(range, version))
    }
}

/// The last event at or below a version decides, whatever the order of the events; a version that an event names as
/// last affected is affected.
fn in_range(range: &[(String, Key)], version: &Key) -> bool {
    if range.iter().any(|(kind, at)| kind == "last_affected" && at.compare(version).is_eq()) {
        return true;
    }
    let mut last: Option<(&Key, bool)> = None;
    for (kind, at) in range {
        let order = at.compare(version);
        let applies = if kind == "last_affected" { order.is_lt() } else { order.is_le() };
        if applies && last.is_none_or(|(known, _)| known.compare(at).is_le()) {
            last = Some((at, kind == "introduced"));
        }
    }
    last.is_some_and(|(_, affected)| affected)
}

/// A public version as something to compare: epoch, release, and the rest of it as numbers.
#[derive(Clone, Debug)]
struct Key {
    epoch: u64,
    release: Vec<u64>,
    /// Phase (dev −1, a 0, b 1, rc 2, final 3) and number, post (−1 for none), dev (infinite for none).
    rest: (i8, u64, i128, u128),
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        let width = self.release.len().max(other.release.len());
        let padded = |key: &Self| {
            let mut release = key.release.clone();
            release.resize(width, 0);
            (key.epoch, release, key.rest)
        };
        padded(self).cmp(&padded(other))
    }

    /// Reads what the data has: tokens of digits and of letters; the local part does not count.
    fn new(text: &str) -> Option<Self> {
        let lower = text.trim().to_lowercase();
        let (public, local) =
            lower.split_once('+').map_or((lower.as_str(), "x"), |(public, local)| (public, local));
        if !local
            .split(['.', '-', '_'])
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
        {
            return None;
        }
        let public = public.strip_prefix('v').unwrap_or(public);
        let (epoch, public) = public.split_once('!').unwrap_or(("0", public));
        let end = public.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(public.len());
        let (release, mut tail) = public.split_at(end);
        let (release, dot) = match release.strip_suffix('.') {
            Some(release) if !tail.is_empty() => (release, true),
            _ => (release, false),
        };
        let release: Vec<u64> = release.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let mut key = Self { epoch: epoch.parse().ok()?, release, rest: (3, 0, -1, u128::MAX) };
        let mut stage = 0;
        let mut separated = dot;
        while !tail.is_empty() {
            let bare = tail.trim_start_matches(['.', '-', '_']);
            let separators = tail.len() - bare.len();
            if separators > 1 || (separators == 1 && separated) {
                return None;
            }
            let letters = bare.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(bare.len());
            let (word, after) = bare.split_at(letters);
            let spaced = after.strip_prefix(['.', '-', '_']);
            let after = spaced.unwrap_or(after);
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (number, after) = after.split_at(digits);
            let number: u64 = if number.is_empty() { 0 } else { number.parse().ok()? };
            let (own, phase) = match word {
                "" if separators == 1 && tail.starts_with('-') && digits > 0 && spaced.is_none() => (2, 0),
                "a" | "alpha" => (1, 0),
                "b" | "beta" => (1, 1),
                "c" | "rc" | "pre" | "preview" => (1, 2),
                "post" | "rev" | "r" => (2, 0),
                "dev" => (3, 0),
                _ => return None,
            };
            if own <= stage {
                return None;
            }
            stage = own;
            separated = false;
            match own {
                1 => (key.rest.0, key.rest.1) = (phase, number),
                2 => key.rest.2 = i128::from(number),
                _ => key.rest.3 = u128::from(number),
            }
            tail = after;
        }
        if key.rest.0 == 3 && key.rest.2 < 0 && key.rest.3 != u128::MAX {
            key.rest.0 = -1;
        }
        Some(key)
    }

    /// Reads a bound; `0` is the beginning.
    fn repaired(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self { epoch: 0, release: vec![0], rest: (-2, 0, -1, 0) });
        }
        // The repairs that the data needs, one by one.
        let repaired = match text {
            r"0.2.0-alpha\.33" => "0.2.0a33".to_owned(),
            "0.2.0-n653" => "0.2.0.post653".to_owned(),
            "2024-09-19" | "2024-09-25" | "2024-12-04" => text.replace('-', "."),
            text => text.trim_end_matches("-NA").trim_end_matches("-cu124").to_owned(),
        };
        Self::new(&repaired)
    }
}
