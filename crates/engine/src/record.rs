//! A wheel that lies there as a file, held against the `RECORD` in it (binary distribution format, *The .dist-info
//! directory*). Installers copy the members and few of them compare.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::fact::{AlteredMember, Fact, What, WheelRecord};
use weighbridge_core::input::Input;
use weighbridge_core::place::Place;

/// Bytes hashed at a time.
const WINDOW: usize = 64 << 10;

/// What a wheel holds: each member with the digest of its bytes, where they could be had.
#[derive(Default)]
pub(crate) struct Members(Vec<(Arc<str>, Option<Digest>)>);

impl Members {
    /// For a file that is a wheel by its name; none for others.
    pub(crate) fn of(place: &Place) -> Option<Self> {
        (place.inner.is_empty() && place.name().ends_with(".whl")).then(Self::default)
    }

    /// Notes a member. Bytes that belong to no member have no name.
    pub(crate) fn add(&mut self, step: &Arc<str>, digest: Option<Digest>) {
        if !step.starts_with("#bytes at ") {
            self.0.push((Arc::clone(step), digest));
        }
    }

    /// Where the members are not those that the record states; none where all are, or where there is no record.
    pub(crate) fn compare(&self, facts: &[(Place, Vec<Fact>)]) -> Option<WheelRecord> {
        let mut stated: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
        let mut folders = Vec::new();
        for fact in facts.iter().flat_map(|(_, facts)| facts) {
            let What::Record(record) = &fact.what else { continue };
            let [step] = fact.evidence.place.inner.as_slice() else { continue };
            let Some((folder, "RECORD")) = step.split_once('/') else { continue };
            folders.push(folder);
            for row in record {
                let path = row.path.strip_prefix("./").unwrap_or(&row.path);
                let digest = stated.entry(path).or_default();
                *digest = digest.or(row.digest);
            }
        }
        if folders.is_empty() {
            return None;
        }
        let is_record = |name: &str| {
            let record = name.rsplit_once('/').filter(|(folder, _)| folders.contains(folder));
            record.is_some_and(|(_, name)| ["RECORD", "RECORD.jws", "RECORD.p7s"].contains(&name))
        };
        let mut found = WheelRecord::default();
        for (step, digest) in &self.0 {
            let name = named(step);
            match (stated.get(name), digest) {
                _ if is_record(name) => {}
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
        (found != WheelRecord::default()).then_some(found)
    }
}

/// The name that a member has in the archive, also where another one has it too (`#2/NAME`) or the directory hides it.
fn named(step: &str) -> &str {
    step.strip_prefix('#').and_then(|rest| rest.split_once('/')).map_or(step, |(_, name)| name)
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
        let row = |(path, bytes): &(&str, Option<&str>)| Recorded {
            path: (*path).to_owned(),
            digest: bytes.map(|bytes| Digest::of(bytes.as_bytes())),
            size: None,
        };
        let what = What::Record(record.iter().map(row).collect());
        let evidence =
            Evidence { place: place.clone(), span: None, reader: "record", class: Class::Observed };
        let mut all = Members::of(&wheel).unwrap();
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
    fn only_wheels_are_compared() {
        assert!(Members::of(&Place::file("shop-1.zip")).is_none());
        assert!(Members::of(&Place::file("all.zip").step("shop-1-py3-none-any.whl")).is_none());
        let wheel = Members::of(&Place::file("shop-1-py3-none-any.whl")).unwrap();
        assert_eq!(wheel.compare(&[]), None);
    }
}
