//! What is known of the packages of one problem, each thing asked for once: both ways to a solution read from it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use weighbridge_advisory::pep440::{Operator, Specifier, Specifiers, Version};
use weighbridge_advisory::pep508::{Active, Requirement};
use weighbridge_core::name::PackageName;

use crate::listing::Listing;
use crate::packages::{Needs, Packages, Unknown};
use crate::problem::{Failure, Gap, Pick, Problem, Resolution};

/// A package, or a package with extras, by number.
pub(crate) type Key = usize;

/// What a key stands for.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The package.
    pub(crate) name: PackageName,
    /// Extras, sorted.
    pub(crate) extras: Vec<PackageName>,
    /// The name as it is written: `a`, `a[x,y]`.
    pub(crate) text: Arc<str>,
    /// The same package without extras.
    pub(crate) plain: Key,
}

/// Somebody asks for a package.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) key: Key,
    pub(crate) demand: Demand,
    /// The requirement as it was written, without its marker.
    pub(crate) text: Rc<str>,
}

/// Which of the releases of a package will do.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// Those that a specifier allows.
    Clauses(Rc<Clauses>),
    /// This one: a package with extras needs itself without them.
    Exactly(usize),
}

/// A specifier, compared with every release once.
#[derive(Debug)]
pub(crate) struct Clauses {
    /// For each release, whether it is allowed, pre-release or not.
    pub(crate) allows: Vec<bool>,
    /// One version is named by `==` or `===`.
    pub(crate) is_pinned: bool,
    /// One is, here or in a constraint: it may be one that was yanked.
    pub(crate) pins: bool,
    /// There is an upper bound.
    pub(crate) is_bounded: bool,
    /// There is any clause.
    pub(crate) is_narrow: bool,
    /// A pre-release is named.
    pub(crate) names_prerelease: bool,
}

impl Demand {
    pub(crate) fn allows(&self, release: usize) -> bool {
        match self {
            Self::Clauses(clauses) => clauses.allows.get(release).copied().unwrap_or(false),
            Self::Exactly(one) => *one == release,
        }
    }
}

/// What a release asks for.
#[derive(Default, Debug)]
pub(crate) struct Asks {
    pub(crate) list: Vec<Rc<Ask>>,
    /// It does not work with the Python of the target, but with these.
    pub(crate) other_python: Option<String>,
}

/// All that is known so far.
pub(crate) struct Shelf<'p> {
    pub(crate) problem: &'p Problem<'p>,
    packages: &'p dyn Packages,
    /// Packages that come from an address: what the index has of them does not matter.
    addressed: BTreeMap<PackageName, String>,
    subjects: RefCell<Vec<Rc<Subject>>>,
    keys: RefCell<BTreeMap<(PackageName, Vec<PackageName>), Key>>,
    listings: RefCell<BTreeMap<PackageName, Arc<Listing>>>,
    needs: RefCell<BTreeMap<(Key, usize), Rc<Needed>>>,
    asks: RefCell<BTreeMap<(Key, usize), Rc<Asks>>>,
    clauses: RefCell<HashMap<(PackageName, Specifiers), Rc<Clauses>>>,
}

/// What a release needs, or why that is not known.
type Needed = Result<Arc<Needs>, String>;

impl<'p> Shelf<'p> {
    pub(crate) fn new(problem: &'p Problem<'p>, packages: &'p dyn Packages) -> Self {
        let addressed = problem
            .roots
            .iter()
            .filter(|root| is_active(root, problem, &[]))
            .filter_map(|root| Some((root.name.clone(), root.url.clone()?)))
            .collect();
        Self {
            problem,
            packages,
            addressed,
            subjects: RefCell::default(),
            keys: RefCell::default(),
            listings: RefCell::default(),
            needs: RefCell::default(),
            asks: RefCell::default(),
            clauses: RefCell::default(),
        }
    }

    /// The number of a package with these extras, which are sorted.
    pub(crate) fn key(&self, name: &PackageName, extras: &[PackageName]) -> Key {
        let wanted = (name.clone(), extras.to_vec());
        if let Some(key) = self.keys.borrow().get(&wanted) {
            return *key;
        }
        let plain = if extras.is_empty() { None } else { Some(self.key(name, &[])) };
        let text = match extras {
            [] => name.to_string(),
            extras => {
                let extras: Vec<&str> = extras.iter().map(PackageName::as_str).collect();
                format!("{name}[{}]", extras.join(","))
            }
        };
        let mut subjects = self.subjects.borrow_mut();
        let key = subjects.len();
        subjects.push(Rc::new(Subject {
            name: name.clone(),
            extras: extras.to_vec(),
            text: text.into(),
            plain: plain.unwrap_or(key),
        }));
        self.keys.borrow_mut().insert(wanted, key);
        key
    }

    /// What a key stands for.
    pub(crate) fn subject(&self, key: Key) -> Rc<Subject> {
        Rc::clone(self.subjects.borrow().get(key).expect("keys are places in this list"))
    }

    /// The releases of a package.
    pub(crate) fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Failure> {
        if let Some(listing) = self.listings.borrow().get(name) {
            return Ok(Arc::clone(listing));
        }
        let listing = self.packages.listing(name).map_err(|why| unasked(name, &why))?;
        self.listings.borrow_mut().insert(name.clone(), Arc::clone(&listing));
        Ok(listing)
    }

    /// The version of a release.
    pub(crate) fn version(&self, key: Key, release: usize) -> Option<Version> {
        let listing = self.listing(&self.subject(key).name).ok()?;
        listing.releases.get(release).map(|release| release.version.clone())
    }

    /// What the problem itself asks for.
    pub(crate) fn roots(&self) -> Result<Vec<Rc<Ask>>, Failure> {
        self.asks_of(self.problem.roots.iter().filter(|root| is_active(root, self.problem, &[])))
    }

    /// What a release asks for.
    pub(crate) fn asks(&self, key: Key, release: usize) -> Result<Rc<Asks>, Failure> {
        if let Some(asks) = self.asks.borrow().get(&(key, release)) {
            return Ok(Rc::clone(asks));
        }
        let subject = self.subject(key);
        let mut asks = Asks::default();
        if !subject.extras.is_empty() {
            let text = subject.name.as_str().into();
            asks.list.push(Rc::new(Ask { key: subject.plain, demand: Demand::Exactly(release), text }));
        }
        if let Ok(needs) = &*self.needs(&subject, release)? {
            if !needs.requires_python.allows(&self.problem.target.python) {
                asks.other_python = Some(needs.requires_python.to_string());
            } else {
                let active =
                    |requirement: &&Requirement| is_active(requirement, self.problem, &subject.extras);
                asks.list.extend(self.asks_of(needs.requirements.iter().filter(active))?);
            }
        }
        let asks = Rc::new(asks);
        self.asks.borrow_mut().insert((key, release), Rc::clone(&asks));
        Ok(asks)
    }

    fn needs(&self, subject: &Subject, release: usize) -> Result<Rc<Needed>, Failure> {
        let place = (subject.plain, release);
        if let Some(needed) = self.needs.borrow().get(&place) {
            return Ok(Rc::clone(needed));
        }
        let needed = match self.version(subject.plain, release) {
            None => Ok(Arc::default()),
            Some(version) => match self.packages.needs(&subject.name, &version) {
                Ok(needs) => Ok(needs),
                Err(Unknown::Computed(reason)) => Err(reason),
                Err(why @ Unknown::Unasked(_)) => return Err(unasked(&subject.name, &why)),
            },
        };
        let needed = Rc::new(needed);
        self.needs.borrow_mut().insert(place, Rc::clone(&needed));
        Ok(needed)
    }

    fn asks_of<'r>(
        &self,
        requirements: impl Iterator<Item = &'r Requirement>,
    ) -> Result<Vec<Rc<Ask>>, Failure> {
        let wanted: Vec<&Requirement> = requirements
            .filter(|requirement| {
                requirement.url.is_none() && !self.addressed.contains_key(&requirement.name)
            })
            .collect();
        let unknown: Vec<&PackageName> = {
            let known = self.listings.borrow();
            wanted.iter().map(|it| &it.name).filter(|name| !known.contains_key(*name)).collect()
        };
        if unknown.len() > 1 {
            self.packages.ahead(&unknown);
        }
        let mut asks = Vec::with_capacity(wanted.len());
        for requirement in wanted {
            let clauses = self.clauses(&requirement.name, &requirement.specifiers)?;
            let text: Rc<str> = written(requirement).into();
            let mut extras = requirement.extras.clone();
            extras.sort();
            extras.dedup();
            // A bound holds for the package itself, whoever else asks for it with other extras.
            if extras.is_empty() || clauses.is_narrow {
                let key = self.key(&requirement.name, &[]);
                let demand = Demand::Clauses(Rc::clone(&clauses));
                asks.push(Rc::new(Ask { key, demand, text: Rc::clone(&text) }));
            }
            if !extras.is_empty() {
                let key = self.key(&requirement.name, &extras);
                asks.push(Rc::new(Ask { key, demand: Demand::Clauses(clauses), text }));
            }
        }
        Ok(asks)
    }

    /// What the constraints of the problem say of a package.
    fn constraints(&self, name: &PackageName) -> impl Iterator<Item = &Specifiers> {
        let constraints = self.problem.constraints.iter();
        let active = constraints.filter(move |it| it.name == *name && is_active(it, self.problem, &[]));
        active.map(|it| &it.specifiers)
    }

    /// The bounds of the constraints as they were written; none if there are none.
    pub(crate) fn constrained(&self, name: &PackageName) -> Option<String> {
        let written: BTreeSet<String> = self.constraints(name).map(ToString::to_string).collect();
        let bounds: Vec<String> = written.into_iter().filter(|bounds| !bounds.is_empty()).collect();
        (!bounds.is_empty()).then(|| bounds.join(","))
    }

    /// Compares a specifier with the releases of a package. What the problem forbids is allowed by none, and its
    /// constraints are a part of every one.
    fn clauses(&self, name: &PackageName, specifiers: &Specifiers) -> Result<Rc<Clauses>, Failure> {
        let wanted = (name.clone(), specifiers.clone());
        if let Some(clauses) = self.clauses.borrow().get(&wanted) {
            return Ok(Rc::clone(clauses));
        }
        let listing = self.listing(name)?;
        let forbidden = self.problem.forbidden.get(name);
        let constraints: Vec<&Specifiers> = self.constraints(name).collect();
        let all = || specifiers.clauses().iter().chain(constraints.iter().flat_map(|it| it.clauses()));
        let allows = |version: &Version| {
            all().all(|clause| clause.allows(version))
                && !forbidden.is_some_and(|forbidden| forbidden.contains(version))
        };
        let pins = |clause: &Specifier| {
            matches!(clause.operator(), Operator::Equal | Operator::Identical) && !clause.is_series()
        };
        let clauses = Rc::new(Clauses {
            allows: listing.releases.iter().map(|release| allows(&release.version)).collect(),
            is_pinned: specifiers.clauses().iter().any(pins),
            pins: all().any(pins),
            is_bounded: specifiers.clauses().iter().any(|clause| match clause.operator() {
                Operator::Less | Operator::LessEqual | Operator::Compatible => true,
                Operator::Equal => clause.is_series(),
                _ => false,
            }),
            is_narrow: !specifiers.is_empty(),
            names_prerelease: all().any(|clause| clause.names_prerelease()),
        });
        self.clauses.borrow_mut().insert(wanted, Rc::clone(&clauses));
        Ok(clauses)
    }

    /// The releases that meet every demand, in the order in which pip would try them: what is preferred, then the
    /// newest first. Pre-releases only if a demand names one or there is nothing else (PEP 440, *Handling of
    /// pre-releases*); what was yanked only if it is all there is, and pinned (PEP 592).
    pub(crate) fn candidates(&self, name: &PackageName, demands: &[&Demand]) -> Result<Vec<usize>, Failure> {
        let listing = self.listing(name)?;
        if let Some(one) = demands.iter().find_map(|demand| match demand {
            Demand::Exactly(one) => Some(*one),
            Demand::Clauses(_) => None,
        }) {
            return Ok(if demands.iter().all(|demand| demand.allows(one)) { vec![one] } else { Vec::new() });
        }
        let clauses = || {
            demands.iter().filter_map(|demand| match demand {
                Demand::Clauses(clauses) => Some(clauses),
                Demand::Exactly(_) => None,
            })
        };
        let releases = listing.releases.iter().enumerate().rev();
        let all: Vec<(usize, &crate::Release)> =
            releases.filter(|(place, _)| clauses().all(|it| it.allows.get(*place) == Some(&true))).collect();
        let early = clauses().any(|it| it.names_prerelease)
            || all.iter().all(|(_, release)| release.version.is_prerelease());
        let stable = |(_, release): &&(usize, &crate::Release)| early || !release.version.is_prerelease();
        let takes_yanked =
            clauses().any(|it| it.pins) && all.iter().filter(stable).all(|(_, release)| release.yanked);
        let mut candidates: Vec<usize> = all
            .iter()
            .filter(stable)
            .filter(|(_, release)| takes_yanked || !release.yanked)
            .map(|(place, _)| *place)
            .collect();
        if let Some(preferred) = self.problem.preferred.get(name).and_then(|version| listing.find(version))
            && all.iter().any(|(place, _)| *place == preferred)
        {
            candidates.retain(|place| *place != preferred);
            candidates.insert(0, preferred);
        }
        Ok(candidates)
    }

    /// Makes a resolution of chosen releases: those that the roots lead to. None if a choice is missing or does not
    /// meet a demand, so that whatever comes out is a solution, by whichever way it was found.
    pub(crate) fn finish(&self, chosen: &BTreeMap<Key, usize>) -> Result<Option<Resolution>, Failure> {
        let mut resolution = Resolution::default();
        for (name, url) in &self.addressed {
            resolution.gaps.insert(Gap::Address { name: name.clone(), url: url.clone() });
        }
        let mut open: Vec<(Option<Key>, Rc<Ask>)> =
            self.roots()?.into_iter().map(|ask| (None, ask)).collect();
        let mut seen = BTreeSet::new();
        while let Some((asker, ask)) = open.pop() {
            let Some(release) = chosen.get(&ask.key).copied().filter(|it| ask.demand.allows(*it)) else {
                return Ok(None);
            };
            let subject = self.subject(ask.key);
            let Some(version) = self.version(ask.key, release) else { return Ok(None) };
            let listing = self.listing(&subject.name)?;
            let file = listing.releases.get(release).map_or(0, |release| release.file);
            let pick = resolution.picks.entry(subject.name.clone()).or_insert_with(|| Pick {
                version: version.clone(),
                file,
                extras: BTreeSet::new(),
                asked_by: BTreeSet::new(),
            });
            if pick.version != version {
                return Ok(None);
            }
            pick.extras.extend(subject.extras.iter().cloned());
            let asker = asker.map(|asker| self.subject(asker).name.clone());
            if asker.as_ref() != Some(&subject.name) {
                pick.asked_by.insert((asker, ask.text.to_string()));
            }
            if seen.insert(ask.key) {
                let asks = self.asks(ask.key, release)?;
                if asks.other_python.is_some() {
                    return Ok(None);
                }
                open.extend(asks.list.iter().map(|further| (Some(ask.key), Rc::clone(further))));
                if let Err(reason) = &*self.needs(&subject, release)? {
                    let (name, reason) = (subject.name.clone(), reason.clone());
                    resolution.gaps.insert(Gap::Needs { name, version, reason });
                }
                self.addresses(&subject, release, &mut resolution.gaps)?;
            }
        }
        Ok(Some(resolution))
    }

    /// What a release needs from an address.
    fn addresses(&self, subject: &Subject, release: usize, gaps: &mut BTreeSet<Gap>) -> Result<(), Failure> {
        if let Ok(needs) = &*self.needs(subject, release)? {
            for requirement in &needs.requirements {
                if let Some(url) = &requirement.url
                    && is_active(requirement, self.problem, &subject.extras)
                {
                    gaps.insert(Gap::Address { name: requirement.name.clone(), url: url.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Whether a requirement counts, for a package of which these extras are asked for.
fn is_active(requirement: &Requirement, problem: &Problem<'_>, extras: &[PackageName]) -> bool {
    let active = Active { extras, groups: &[] };
    requirement.marker.as_ref().is_none_or(|marker| marker.evaluate(&problem.target.environment, active))
}

/// A requirement without its marker.
fn written(requirement: &Requirement) -> String {
    Requirement { marker: None, ..requirement.clone() }.to_string()
}

fn unasked(name: &PackageName, why: &Unknown) -> Failure {
    Failure::Unasked { name: name.clone(), reason: why.to_string() }
}
