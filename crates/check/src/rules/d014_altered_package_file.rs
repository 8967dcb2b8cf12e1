//! `WB-D014`: a package file whose members are not those that its own record states.

use weighbridge_core::fact::What;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, counted, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D014",
    name: "altered-package-file",
    title: "package file whose members are not those that its own record states",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "CWE-494", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d014_altered_package_file.md"),
};

/// Finds wheels and packages of conda with members that differ from their own record or do not stand in it.
pub struct AlteredPackageFile;

impl Check for AlteredPackageFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for fact in world.facts.values().flatten() {
            let What::MemberRecord(found) = &fact.what else { continue };
            let place = &fact.evidence.place;
            let altered = found.altered.iter().map(|it| {
                format!("{}: sha256 {:.8}… by the record, here {:.8}…", it.path, it.stated, it.found)
            });
            let unrecorded = found.unrecorded.iter().map(|path| format!("{path}: not in the record"));
            let counts = [
                (found.altered.len(), "differs from its record", "differ from its record"),
                (found.unrecorded.len(), "is not in it", "are not in it"),
            ];
            let counts = counts.iter().filter(|(count, ..)| *count > 0);
            let counts: Vec<String> = counts
                .map(|(count, one, many)| {
                    format!(
                        "{} {}",
                        counted(*count, "member", "members"),
                        if *count == 1 { one } else { many }
                    )
                })
                .collect();
            let mut title = format!("{}: {}", place.name(), counts.join(", "));
            if found.altered.is_empty() {
                title = title.replace("in it", "in its record");
            }
            // Data that somebody forgot to list harm nobody, and what a package of conda does not list is not installed.
            let is_installed = place.name().ends_with(".whl");
            let runs = is_installed && found.unrecorded.iter().any(|path| is_code(path));
            let is_data = found.altered.is_empty() && !runs;
            findings.push(Finding {
                severity: if is_data { Severity::Low } else { RULE.severity },
                title,
                details: shortened(altered.chain(unrecorded)),
                remedy: Some(Remedy::Manual(
                    "get the file anew from its publisher, and find out who changed it".to_owned(),
                )),
                ..about_place(&RULE, place, None, &[&place.path])
            });
        }
    }
}

/// Whether Python or its installer may run the member.
fn is_code(path: &str) -> bool {
    const CODE: &[&str] = &["py", "pyc", "so", "pyd", "dll", "dylib", "pth"];
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_script = path.contains(".data/scripts/") || name == "entry_points.txt";
    is_script
        || name.rsplit_once('.').is_some_and(|(_, ending)| CODE.contains(&ending))
        || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use weighbridge_core::digest::Digest;
    use weighbridge_core::fact::{AlteredMember, MemberRecord};

    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn members_that_differ_and_members_that_nobody_recorded_are_told() {
        let altered = AlteredMember {
            path: "shop/__init__.py".to_owned(),
            stated: Digest::of(b"abc"),
            found: Digest::of(b"abd"),
        };
        let record = |altered: &[&AlteredMember], unrecorded: &[&str]| {
            What::MemberRecord(MemberRecord {
                altered: altered.iter().map(|it| (*it).clone()).collect(),
                unrecorded: unrecorded.iter().map(|it| (*it).to_owned()).collect(),
            })
        };
        check(
            &AlteredPackageFile,
            Built::new()
                .fact("a/shop-1.0-py3-none-any.whl", record(&[&altered], &["shop/more.py", "shop/README"]))
                .fact("b/shop-1.0-py3-none-any.whl", record(&[], &["shop.data/scripts/shop"]))
                .fact("c/shop-1.0-py3-none-any.whl", record(&[], &["shop/README", "shop/LICENSE"]))
                .fact("d/shop-1.0-py3-none-any.whl", What::Format("zip"))
                .fact("e/shop-1.0-0.conda", record(&[&altered], &[]))
                .fact("f/shop-1.0-0.tar.bz2", record(&[], &["shop/more.py"])),
            "
            high high shop-1.0-py3-none-any.whl: 1 member differs from its record, 2 members are not in it
              at a/shop-1.0-py3-none-any.whl
              shop/__init__.py: sha256 ba7816bf… by the record, here a52d159f…
              shop/more.py: not in the record
              shop/README: not in the record
              fix get the file anew from its publisher, and find out who changed it
            high high shop-1.0-py3-none-any.whl: 1 member is not in its record
              at b/shop-1.0-py3-none-any.whl
              shop.data/scripts/shop: not in the record
              fix get the file anew from its publisher, and find out who changed it
            low high shop-1.0-py3-none-any.whl: 2 members are not in its record
              at c/shop-1.0-py3-none-any.whl
              shop/README: not in the record
              shop/LICENSE: not in the record
              fix get the file anew from its publisher, and find out who changed it
            high high shop-1.0-0.conda: 1 member differs from its record
              at e/shop-1.0-0.conda
              shop/__init__.py: sha256 ba7816bf… by the record, here a52d159f…
              fix get the file anew from its publisher, and find out who changed it
            low high shop-1.0-0.tar.bz2: 1 member is not in its record
              at f/shop-1.0-0.tar.bz2
              shop/more.py: not in the record
              fix get the file anew from its publisher, and find out who changed it
            ",
        );
    }
}
