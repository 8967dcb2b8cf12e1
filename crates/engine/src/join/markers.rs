//! Whether markers hold, for the Python and platform of one scope. Answers are kept: a lock file of 10,000 packages has
//! a few dozen different markers.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use weighbridge_advisory::pep440::{Operator, Specifiers, Version};
use weighbridge_advisory::pep508::{Active, Marker, MarkerEnvironment};
use weighbridge_core::context::{Meant, Python};
use weighbridge_core::name::PackageName;

/// Evaluates markers in one environment.
pub(super) struct Markers {
    environment: MarkerEnvironment,
    known: RefCell<HashMap<String, Known>>,
}

struct Known {
    /// None if the text cannot be read.
    marker: Option<Marker>,
    /// Names that a resolver made up for extras and groups of the projects that exclude each other.
    conflicts: Vec<PackageName>,
    may_hold: Option<bool>,
    holds: HashMap<Option<PackageName>, bool>,
}

impl Markers {
    fn new(environment: MarkerEnvironment) -> Self {
        Self { environment, known: RefCell::new(HashMap::new()) }
    }

    /// The environment.
    pub(super) fn environment(&self) -> &MarkerEnvironment {
        &self.environment
    }

    /// Whether the marker holds when this extra of the package that states it is asked for. What cannot be read
    /// holds: it must not hide a package.
    pub(super) fn holds(&self, marker: Option<&str>, extra: Option<&PackageName>) -> bool {
        self.with(marker, |known| {
            let extra = extra.cloned();
            if let Some(holds) = known.holds.get(&extra) {
                return *holds;
            }
            let with = |extra: Option<&PackageName>| {
                let extras = extra.map(std::slice::from_ref).unwrap_or_default();
                let active = Active { extras, groups: &[] };
                known.marker.as_ref().is_none_or(|marker| marker.evaluate(&self.environment, active))
            };
            let holds = with(extra.as_ref()) || known.conflicts.iter().any(|conflict| with(Some(conflict)));
            known.holds.insert(extra, holds);
            holds
        })
    }

    /// Whether the marker can hold here, whichever extras and groups are asked for.
    pub(super) fn may_hold(&self, marker: Option<&str>) -> bool {
        self.with(marker, |known| {
            let may_hold = known.may_hold.unwrap_or_else(|| {
                let marker = known.marker.as_ref();
                marker.is_none_or(|marker| marker.evaluate_optimistically(&self.environment))
            });
            known.may_hold = Some(may_hold);
            may_hold
        })
    }

    fn with(&self, marker: Option<&str>, answer: impl FnOnce(&mut Known) -> bool) -> bool {
        let Some(text) = marker else { return true };
        let mut all = self.known.borrow_mut();
        if let Some(known) = all.get_mut(text) {
            return answer(known);
        }
        let marker = Marker::parse(text).ok();
        let extras = marker.as_ref().map(Marker::extras).unwrap_or_default();
        let conflicts = extras.into_iter().filter(|extra| is_conflict(extra.as_str())).collect();
        answer(all.entry(text.to_owned()).or_insert(Known {
            marker,
            conflicts,
            may_hold: None,
            holds: HashMap::new(),
        }))
    }
}

/// uv writes extras and groups that exclude each other into markers as `extra-NUMBER-PROJECT-EXTRA` and
/// `group-NUMBER-PROJECT-GROUP`, where the number is the length of the project's name. All of a project's extras and
/// groups count as asked for, hence these too.
fn is_conflict(extra: &str) -> bool {
    let rest = ["extra-", "group-", "project-"].iter().find_map(|kind| extra.strip_prefix(kind));
    rest.and_then(|rest| rest.split_once('-')).is_some_and(|(length, name)| {
        length.parse::<usize>().is_ok_and(|length| length > 0 && name.len() >= length)
    })
}

/// Makes the environments in which markers are evaluated, one for each Python.
pub(super) struct Pythons<'p> {
    given: &'p Python,
    made: BTreeMap<(String, Option<String>), Rc<Markers>>,
}

impl<'p> Pythons<'p> {
    pub(super) fn new(given: &'p Python) -> Self {
        Self { given, made: BTreeMap::new() }
    }

    /// For this Python, as far as it is known, on the given platform.
    pub(super) fn of(&mut self, version: Option<&str>, implementation: Option<&str>) -> Rc<Markers> {
        let version = version.and_then(full_version).unwrap_or_else(|| self.given.version.clone());
        let key = (version, implementation.map(str::to_owned));
        let given = self.given;
        let markers = self.made.entry(key).or_insert_with_key(|(version, implementation)| {
            let mut platform = given.platform.clone();
            if version != &given.version {
                platform.remove("implementation_version");
            }
            if let Some(implementation) = implementation {
                platform.insert("platform_python_implementation".into(), implementation.clone());
                platform.insert("implementation_name".into(), implementation.to_ascii_lowercase());
            }
            Rc::new(Markers::new(MarkerEnvironment::new(version, &platform)))
        });
        Rc::clone(markers)
    }

    /// What is taken where the target does not say.
    pub(super) fn given(&self) -> &'p Python {
        self.given
    }

    /// For the Python at hand, and who says so, if there is one that this specifier allows.
    pub(super) fn at_hand(&mut self, specifier: Option<&str>) -> Option<(Rc<Markers>, String)> {
        let Meant::AtHand(by) = &self.given.meant else { return None };
        let version = Version::parse(&self.given.version).ok()?;
        let is_allowed = |specifier| Specifiers::parse_lenient(specifier).is_ok_and(|it| it.allows(&version));
        specifier.is_none_or(is_allowed).then(|| (self.of(None, None), by.clone()))
    }

    /// For the lowest Python that a specifier allows, if it has a lower bound.
    pub(super) fn lowest(&mut self, specifier: &str) -> Option<Rc<Markers>> {
        let specifiers = Specifiers::parse_lenient(specifier).ok()?;
        let bounds = specifiers.clauses().iter().filter(|clause| {
            matches!(
                clause.operator(),
                Operator::GreaterEqual | Operator::Greater | Operator::Compatible | Operator::Equal
            )
        });
        let lowest = bounds.filter_map(|clause| clause.version()).max()?;
        Some(self.of(Some(&lowest.to_string()), None))
    }
}

/// `3.11` and `3.11.7.final.0` as `3.11.0` and `3.11.7`.
fn full_version(version: &str) -> Option<String> {
    let mut numbers = version.trim().split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let patch = numbers.next().flatten().unwrap_or(0);
    Some(format!("{major}.{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python() -> Python {
        let platform = [("sys_platform", "linux"), ("platform_machine", "x86_64")];
        let platform = platform.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Python { version: "3.12.4".into(), platform, system: None, meant: Default::default() }
    }

    #[test]
    fn markers_hold_for_the_python_at_hand() {
        let python = python();
        let mut pythons = Pythons::new(&python);
        let (given, old) = (pythons.of(None, None), pythons.of(Some("3.8.final"), Some("PyPy")));
        let x = PackageName::new("x").unwrap();
        for (marker, on_given, on_old) in [
            ("python_version < '3.9'", false, true),
            ("python_full_version == '3.8.0'", false, true),
            ("sys_platform == 'linux'", true, true),
            ("platform_python_implementation == 'PyPy'", false, true),
            ("sys_platform == 'win32'", false, false),
            ("this is no marker", true, true),
            ("extra == 'extra-3-app-cpu' and extra != 'extra-3-app-gpu'", true, true),
        ] {
            let found = (given.holds(Some(marker), None), old.holds(Some(marker), None));
            assert_eq!(found, (on_given, on_old), "{marker}");
        }
        let extra = Some("extra == 'x' and sys_platform == 'linux'");
        assert!(!given.holds(extra, None) && given.holds(extra, Some(&x)) && given.may_hold(extra));
        assert!(!given.may_hold(Some("extra == 'x' and sys_platform == 'win32'")));
    }

    #[test]
    fn the_python_at_hand_counts_where_it_is_allowed() {
        let python = Python { meant: Meant::AtHand("an environment".into()), ..python() };
        let mut pythons = Pythons::new(&python);
        for (specifier, is_allowed) in
            [(None, true), (Some(">=3.9"), true), (Some(">=3.13"), false), (Some("nonsense"), false)]
        {
            let by = pythons.at_hand(specifier).map(|(_, by)| by);
            assert_eq!(by, is_allowed.then(|| "an environment".to_owned()), "{specifier:?}");
        }
        for meant in [Meant::Assumed, Meant::Typed, Meant::Installer("pip 24".into())] {
            let python = Python { meant, ..python.clone() };
            assert!(Pythons::new(&python).at_hand(None).is_none());
        }
    }

    #[test]
    fn the_lowest_python_is_the_greatest_lower_bound() {
        let python = python();
        let mut pythons = Pythons::new(&python);
        for (specifier, version) in [
            (">=3.9,<4", Some("3.9")),
            ("<4,>=3.8,!=3.9.1,>3.10", Some("3.10")),
            ("==3.11.*", Some("3.11")),
            ("<4", None),
            ("nonsense", None),
        ] {
            let holds = pythons.lowest(specifier).map(|markers| {
                let marker = format!("python_version == '{}'", version.unwrap_or_default());
                markers.holds(Some(&marker), None)
            });
            assert_eq!(holds, version.map(|_| true), "{specifier}");
        }
    }
}
