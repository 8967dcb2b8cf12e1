//! A package that lies there as a file, held against the record in it: `RECORD` of a wheel (binary distribution format, *The
//! .dist-info directory*), `info/paths.json` of a package of conda (its documentation, *Conda package specification*).
//! Installers copy the members and few of them compare.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::fact::{AlteredMember, Fact, MemberRecord, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Place;

/// Bytes hashed at a time.
const WINDOW: usize = 64 << 10;

/// Kinds of package files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wheel,
    /// A zip that holds packed tar archives: one with `info`, one with the files.
    Conda,
    /// One packed tar archive, which may be a package of conda.
    CondaTar,
}

/// What a package holds: each member with the digest of its bytes, where they could be had.
pub(crate) struct Members {
    kind: Kind,
    all: Vec<(Arc<str>, Option<Digest>)>,
}

impl Members {
    /// For a file that is a package by its name; none for others.
    pub(crate) fn of(place: &Place) -> Option<Self> {
        const KINDS: [(&str, Kind); 3] =
            [(".whl", Kind::Wheel), (".conda", Kind::Conda), (".tar.bz2", Kind::CondaTar)];
        let name = place.name();
        let (_, kind) = KINDS.into_iter().find(|(ending, _)| name.ends_with(ending))?;
        place.inner.is_empty().then(|| Self { kind, all: Vec::new() })
    }

    /// How many steps into the file its members lie.
    pub(crate) fn depth(&self) -> usize {
        match self.kind {
            Kind::Wheel => 1,
            Kind::Conda => 3,
            Kind::CondaTar => 2,
        }
    }

    /// Notes a member. Bytes that belong to no member have no name.
    pub(crate) fn add(&mut self, step: &Arc<str>, digest: Option<Digest>) {
        if !step.starts_with("#bytes at ") {
            self.all.push((Arc::clone(step), digest));
        }
    }

    /// Where the members are not those that the record states; none where all are, or where there is no record.
    pub(crate) fn compare(&self, facts: &[(Place, Vec<Fact>)]) -> Option<MemberRecord> {
        let mut stated: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
        let mut folders = Vec::new();
        for fact in facts.iter().flat_map(|(_, facts)| facts) {
            let What::Record(record) = &fact.what else { continue };
            let steps = fact.evidence.place.inner.as_slice();
            let Some(step) = steps.last().filter(|_| steps.len() == self.depth()) else { continue };
            let folder = match (self.kind, step.rsplit_once('/')) {
                (Kind::Wheel, Some((folder, "RECORD"))) if !folder.contains('/') => folder,
                (Kind::Conda | Kind::CondaTar, Some((folder, "paths.json"))) => folder,
                _ => continue,
            };
            folders.push(folder);
            for row in record {
                let digest = stated.entry(plain(&row.path)).or_default();
                *digest = digest.or(row.digest);
            }
        }
        if folders.is_empty() {
            return None;
        }
        let mut found = MemberRecord::default();
        for (step, digest) in &self.all {
            let name = named(step);
            match (stated.get(name), digest) {
                _ if self.is_of_the_record(name, &folders) => {}
                (None, _) => found.unrecorded.push(step.to_string()),
                (Some(Some(stated)), Some(digest)) if stated != digest => found.altered.push(AlteredMember {
                    path: step.to_string(),
                    stated: *stated,
                    found: *digest,
                }),
                (Some(_), _) => {}
            }
        }
        found.altered.sort();
        found.unrecorded.sort();
        (found != MemberRecord::default()).then_some(found)
    }

    /// Whether the member is the record, or belongs to what no record names.
    fn is_of_the_record(&self, name: &str, folders: &[&str]) -> bool {
        match self.kind {
            Kind::Wheel => {
                let record = name.rsplit_once('/').filter(|(folder, _)| folders.contains(folder));
                record.is_some_and(|(_, name)| ["RECORD", "RECORD.jws", "RECORD.p7s"].contains(&name))
            }
            Kind::Conda | Kind::CondaTar => name.starts_with("info/"),
        }
    }
}

/// A path without the `./` that some tools put before it.
fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// The name that a member has in the archive, also where another one has it too (`#2/NAME`) or the directory hides it.
fn named(step: &str) -> &str {
    plain(step.strip_prefix('#').and_then(|rest| rest.split_once('/')).map_or(step, |(_, name)| name))
}

/// The digest over all bytes; none where they cannot be read.
pub(crate) fn digest(input: &Input) -> Option<Digest> {
    let mut hasher = Hasher::default();
    let mut window = vec![0; WINDOW.min(usize::try_from(input.size()).unwrap_or(WINDOW))];
    let mut offset = 0u64;
    while offset < input.size() {
        let filled = input.read_some(offset, &mut window).ok()?;
        let piece = window.get(..filled).filter(|piece| !piece.is_empty())?;
        hasher.update(piece);
        offset = offset.checked_add(u64::try_from(piece.len()).ok()?)?;
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use weighbridge_core::fact::Recorded;
    use weighbridge_core::place::{Class, Evidence};

    use super::*;

    /// What differs in a wheel with these members, each with its bytes, and these lines of its record.
    fn differences(members: &[(&str, &str)], record: &[(&str, Option<&str>)]) -> Option<Vec<String>> {
        let wheel = Place::file("a/shop-1-py3-none-any.whl");
        let place = wheel.step("shop-1.dist-info/RECORD");
        compared(&wheel, place, members, record)
    }

    fn compared(
        file: &Place,
        place: Place,
        members: &[(&str, &str)],
        record: &[(&str, Option<&str>)],
    ) -> Option<Vec<String>> {
        let row = |(path, bytes): &(&str, Option<&str>)| Recorded {
            path: (*path).to_owned(),
            digest: bytes.map(|bytes| Digest::of(bytes.as_bytes())),
            size: None,
        };
        let what = What::Record(record.iter().map(row).collect());
        let evidence =
            Evidence { place: place.clone(), span: None, reader: "record", class: Class::Observed };
        let mut all = Members::of(file).unwrap();
        for (name, bytes) in members {
            all.add(&Arc::from(*name), Some(Digest::of(bytes.as_bytes())));
        }
        let found = all.compare(&[(place, vec![Fact { what, evidence }])])?;
        let altered = found.altered.into_iter().map(|it| format!("altered {}", it.path));
        Some(altered.chain(found.unrecorded.into_iter().map(|it| format!("unrecorded {it}"))).collect())
    }

    #[test]
    fn every_member_must_be_the_one_of_the_record() {
        let record = [
            ("shop/a.py", Some("a")),
            ("./shop/b.py", Some("b")),
            ("shop/c.py", None),
            ("shop/gone.py", Some("d")),
        ];
        let good = [
            ("shop/a.py", "a"),
            ("shop/b.py", "b"),
            ("shop/c.py", "?"),
            ("shop-1.dist-info/RECORD", "r"),
            ("shop-1.dist-info/RECORD.p7s", "s"),
            ("#bytes at 12", "x"),
        ];
        assert_eq!(differences(&good, &record), None);
        let bad = [
            ("shop/a.py", "a"),
            ("#2/shop/a.py", "evil"),
            ("#hidden/shop/b.py", "evil"),
            ("#local/shop/b.py", "b"),
            ("other-1.dist-info/RECORD", "r"),
            ("shop/d.py", "d"),
        ];
        let expected = [
            "altered #2/shop/a.py",
            "altered #hidden/shop/b.py",
            "unrecorded other-1.dist-info/RECORD",
            "unrecorded shop/d.py",
        ];
        assert_eq!(differences(&bad, &record).unwrap(), expected);
    }

    #[test]
    fn packages_of_conda_have_a_record_too() {
        let record = [("bin/a", Some("a")), ("lib/b.py", Some("b")), ("lib/link", None)];
        let (file, archive) = (Place::file("shop-1-0.conda"), Place::file("shop-1-0.tar.bz2"));
        let packed = file.step("info-shop-1-0.tar.zst").step("info-shop-1-0.tar").step("info/paths.json");
        let plain = archive.step("shop-1-0.tar").step("info/paths.json");
        for (file, place) in [(file, packed), (archive, plain)] {
            let good = [("info/paths.json", "r"), ("./bin/a", "a"), ("lib/b.py", "b"), ("lib/link", "?")];
            assert_eq!(compared(&file, place.clone(), &good, &record), None);
            let bad = [("info/x", "r"), ("bin/a", "evil"), ("lib/more.py", "b")];
            assert_eq!(
                compared(&file, place, &bad, &record).unwrap(),
                ["altered bin/a", "unrecorded lib/more.py"]
            );
        }
        let elsewhere = Place::file("shop-1-0.conda").step("info/paths.json");
        assert_eq!(compared(&Place::file("shop-1-0.conda"), elsewhere, &[("bin/a", "evil")], &record), None);
    }

    #[test]
    fn only_packages_are_compared() {
        assert!(Members::of(&Place::file("shop-1.zip")).is_none());
        assert!(Members::of(&Place::file("all.zip").step("shop-1-py3-none-any.whl")).is_none());
        let wheel = Members::of(&Place::file("shop-1-py3-none-any.whl")).unwrap();
        assert_eq!(wheel.compare(&[]), None);
    }
}
