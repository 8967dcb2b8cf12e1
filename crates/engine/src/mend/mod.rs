//! Plans the smallest change of packages that mends vulnerabilities, project by project.
//!
//! What there is now comes from the graph, what there could be from an index, what is wrong with either from the advisories;
//! [`weighbridge_resolve::plan()`] does the rest. Exact versions in a project's own manifests count as its present choice and
//! may move; every other bound that somebody wrote is kept.

mod carried;
mod now;
mod settled;
mod shelf;
mod wheels;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep440::Version;
use weighbridge_advisory::pep508::Requirement;
use weighbridge_check::policy::Policy;
use weighbridge_core::context::Context;
use weighbridge_core::coverage::Gap;
use weighbridge_core::finding::{Severity, Subject};
use weighbridge_core::graph::{Graph, NodeId};
use weighbridge_core::knowledge::Vulnerability;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Place, Span};
use weighbridge_net::index::Client;
use weighbridge_resolve::problem::MOST_STEPS;
use weighbridge_resolve::{Failure, Flaw, Plan, Problem, Target, Wish, plan};

use crate::choose::packages::OnIndex;
use crate::choose::{Chosen, choose};
use crate::conclude::{Evidence, conclude};
use crate::enrich::{self, Knowledge, Known};
use crate::flow::{Request, ScanError};
use crate::join::{self, Ground, Joined};
use crate::progress::Progress;
use crate::read::{Options, Readings, read};
use carried::Looking;
use now::Now;
use settled::Settled;
use shelf::{Own, Shelf};

/// What is to be mended, and by what it is known.
pub struct Order<'a> {
    /// What to weigh, and which findings somebody has decided to live with.
    pub request: &'a Request<'a>,
    /// What is known of vulnerabilities.
    pub knowledge: &'a Knowledge<'a>,
    /// Who knows which versions there are.
    pub client: &'a Client,
    /// Milder vulnerabilities are left alone.
    pub from: Severity,
    /// Packages may move to older versions. What is an attack or was yanked may anyway.
    pub downgrades: bool,
}

/// The changes, and what they do not know.
pub struct Mended {
    /// One for each project that has something to be mended.
    pub changes: Vec<Change>,
    /// What could not be read or resolved: more may be wrong there.
    pub unread: BTreeSet<Gap>,
}

/// The change of one project or environment.
pub struct Change {
    /// What it is called.
    pub name: String,
    /// Its folder below the target; empty for the target itself.
    pub folder: String,
    /// For whom versions are chosen: `Python 3.12.0 (that of .venv) on linux x86_64`.
    pub target: String,
    /// The Python for which versions are chosen, such as `3.12.0`.
    pub python: String,
    /// Who says so, such as `that of .venv`.
    pub python_by: String,
    /// What there is now.
    pub now: BTreeMap<PackageName, Version>,
    /// The vulnerabilities that there are now, by package and name.
    pub flaws: Flaws,
    /// Of those that a package has by something inside it, now or after the plan: by what, such as `openssl 1.1.1k`.
    pub libraries: BTreeMap<(PackageName, String), String>,
    /// The plan, or why there is none.
    pub plan: Result<Plan, Failure>,
    /// Where its own files name packages.
    pub lines: Vec<Line>,
    /// Its lock files.
    pub locks: Vec<Place>,
    /// It is an environment and has no files of its own.
    pub is_environment: bool,
    /// What is not known of what there is.
    pub unknown: Vec<String>,
}

/// Vulnerabilities by package and name.
pub type Flaws = BTreeMap<(PackageName, String), Vulnerability>;

/// A line of a manifest that asks for a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The manifest.
    pub place: Place,
    /// The line.
    pub span: Option<Span>,
    /// The package.
    pub name: PackageName,
    /// Its specifier.
    pub specifier: String,
    /// It names one exact version.
    pub is_exact: bool,
}

/// Plans the change of every project that has a vulnerability of the severity or above.
///
/// # Errors
/// [`ScanError`], as for a scan.
pub fn mend(order: &Order<'_>, context: &Context, progress: &dyn Progress) -> Result<Mended, ScanError> {
    let Request { targets, exclude, jobs, readers, policy, .. } = *order.request;
    let opened: Result<Vec<_>, _> =
        targets.iter().map(|target| weighbridge_net::open(target, context)).collect();
    let opened = opened?;
    let name = opened.first().map(|target| target.name.clone()).unwrap_or_default();
    let readings = read(opened, &Options { readers, exclude, jobs }, context, progress)?;
    let nothing = BTreeMap::new();
    let facts = &readings.facts;
    let input = join::Input { name: &name, facts, chosen: &nothing, files: &readings.files, context };
    let Chosen { facts: chosen, unread, needs, .. } = choose(&input, order.client);
    let input = join::Input { chosen: &chosen, ..input };
    let joined = join::join(&input);
    let grounds = join::grounds(&input);
    let accepted = accepted(order, &joined, &readings, policy, context);
    let looking = Looking::new(order, context, progress);
    let mut changes = Vec::new();
    for ground in &grounds {
        let now = Now::of(&joined.graph, ground);
        let mender = Mender {
            order,
            ground,
            now: &now,
            accepted: &accepted,
            looking: &looking,
            shelves: RefCell::default(),
            flaws: RefCell::default(),
            context,
        };
        if let Some(change) = mender.change(&joined.graph) {
            changes.push(change);
        }
    }
    // What a package needs now does not matter where it goes to a version of which that is known.
    let moves = |gap: &Gap| {
        let change = |change: &Change| {
            let moved = change.plan.iter().flat_map(|plan| &plan.moves);
            needs.get(gap).is_some_and(|name| moved.clone().any(|moved| moved.name == *name))
                && change.lines.iter().any(|line| line.place == gap.place)
        };
        changes.iter().any(change)
    };
    let unread = unread.iter().filter(|gap| !moves(gap));
    let unread = readings.coverage.unread.iter().chain(unread).cloned().collect();
    Ok(Mended { changes, unread })
}

/// Vulnerabilities that somebody has decided to live with, or that do not matter here as somebody says: package and name.
fn accepted(
    order: &Order<'_>,
    joined: &Joined,
    readings: &Readings,
    policy: &Policy,
    context: &Context,
) -> BTreeSet<(PackageName, String)> {
    if policy.ignores.is_empty() && policy.vex.is_empty() {
        return BTreeSet::new();
    }
    let Known { matches, clear, unassessed, advisories, standings, indexed, .. } =
        enrich::enrich(&joined.graph, order.knowledge);
    let evidence = Evidence {
        subject: order.request.targets.to_vec(),
        notes: Vec::new(),
        readings: readings.clone(),
        graph: joined.graph.clone(),
        installed: joined.installed.clone(),
        matches,
        clear,
        unassessed,
        standings,
        indexed,
        disagreements: joined.disagreements.clone(),
        advisories,
        artifacts: Vec::new(),
    };
    // A baseline says what is known, not that it is well.
    let policy = Policy { baseline: Default::default(), ..policy.clone() };
    let report = conclude(evidence, &policy, context);
    let decided = report.findings.iter().filter(|finding| finding.status.decision().is_some());
    let named = decided.filter_map(|finding| {
        let Subject::Node(id) = &finding.subject else { return None };
        let name = report.graph.component(id)?.name.clone();
        Some((name, finding.vulnerability.as_ref()?.name.clone()))
    });
    named.collect()
}

struct Mender<'a> {
    order: &'a Order<'a>,
    ground: &'a Ground<'a>,
    now: &'a Now,
    accepted: &'a BTreeSet<(PackageName, String)>,
    looking: &'a Looking<'a>,
    /// What is known of the wheels of those packages that carry something.
    shelves: RefCell<BTreeMap<PackageName, Shelf>>,
    /// Those of each version that was asked for.
    flaws: RefCell<BTreeMap<(PackageName, Version), Vec<Flaw>>>,
    context: &'a Context,
}

impl Mender<'_> {
    /// The change of the project; none where nothing is to be mended.
    fn change(&self, graph: &Graph) -> Option<Change> {
        let target = Target::of(self.ground.environment.clone(), self.context.python.system)?;
        let target = target.said_by(&self.ground.python_by);
        let mut flaws = Flaws::new();
        for (name, version) in &self.now.versions {
            for vulnerability in self.vulnerabilities(name, version) {
                flaws.insert((name.clone(), vulnerability.name.clone()), vulnerability);
            }
        }
        self.lay_out(graph);
        let mut libraries = BTreeMap::new();
        for (name, shelf) in &*self.shelves.borrow() {
            for (id, carried) in &shelf.now {
                let key = (name.clone(), id.clone());
                libraries.insert(key.clone(), carried.library.clone());
                flaws.insert(key, carried.vulnerability.clone());
            }
        }
        if !flaws.values().any(|it| severity(it) >= self.order.from) {
            return None;
        }
        let (plan, kept) = self.plan(&target, &flaws, &mut libraries);
        Some(Change {
            name: graph.label(&self.ground.id),
            folder: match &self.ground.id {
                NodeId::Project(folder) | NodeId::Environment(folder) => folder.to_string(),
                NodeId::Component(_) | NodeId::Artifact(_) => String::new(),
            },
            target: target.to_string(),
            python: target.python.to_string(),
            python_by: target.python_by.clone(),
            now: self.now.versions.clone(),
            flaws,
            libraries,
            plan,
            lines: self.lines(),
            locks: self.ground.locks.iter().map(|place| (*place).clone()).collect(),
            is_environment: matches!(self.ground.id, NodeId::Environment(_)),
            unknown: kept,
        })
    }

    /// The plan, and what is not known of what there could be.
    fn plan(
        &self,
        target: &Target,
        known: &Flaws,
        libraries: &mut BTreeMap<(PackageName, String), String>,
    ) -> (Result<Plan, Failure>, Vec<String>) {
        let flawed = known.keys().map(|(name, _)| name.clone()).collect();
        let packages = Settled::new(OnIndex::new(self.order.client, target), self.now, &flawed);
        // A compiled file that narrows another one of the project is its present choice, too.
        let is_choice = |place: &Place, specifier: &str| {
            self.ground.manifests.contains_key(place) && now::exact(specifier)
        };
        let constraints: Vec<Requirement> = (self.ground.constraints.iter())
            .filter(|(it, evidence)| !is_choice(&evidence.place, &it.requirement.specifier))
            .map(|(it, _)| it)
            .filter_map(|it| crate::choose::as_requirement(&it.requirement))
            .collect();
        let problem = Problem {
            roots: &self.now.roots,
            constraints: &constraints,
            preferred: &BTreeMap::new(),
            forbidden: &BTreeMap::new(),
            target,
            most_steps: MOST_STEPS,
            cancel: &self.context.cancel,
        };
        let flaws = |name: &PackageName, version: &Version| self.flaws(name, version);
        let falls = |name: &PackageName| self.order.downgrades || self.is_attack(name);
        let wish = Wish {
            problem: &problem,
            current: &self.now.versions,
            flaws: &flaws,
            falls: &falls,
            from: self.order.from,
        };
        let (plan, unseen) = self.with_wheels(&packages, libraries, || plan(&wish, &packages));
        (plan, packages.kept().into_iter().chain(unseen).collect())
    }

    /// Whether the version at hand is an attack.
    fn is_attack(&self, name: &PackageName) -> bool {
        let now = self.now.versions.get(name);
        now.is_some_and(|now| self.vulnerabilities(name, now).iter().any(|it| it.malicious))
    }

    fn vulnerabilities(&self, name: &PackageName, version: &Version) -> Vec<Vulnerability> {
        let mut found = self.order.knowledge.python.vulnerabilities(name.as_str(), version);
        found.retain(|it| !self.accepted.contains(&(name.clone(), it.name.clone())));
        found
    }

    fn flaws(&self, name: &PackageName, version: &Version) -> Vec<Flaw> {
        let key = (name.clone(), version.clone());
        if let Some(known) = self.flaws.borrow().get(&key) {
            return known.clone();
        }
        let own = self.vulnerabilities(name, version);
        let mut flaws: Vec<Flaw> =
            own.iter().map(|it| Flaw { severity: severity(it), id: it.name.clone() }).collect();
        if let Some(shelf) = self.shelves.borrow().get(name) {
            let now = self.now.versions.get(name).map(|now| self.vulnerabilities(name, now));
            let now = now.unwrap_or_default();
            flaws.extend(shelf.flaws(version, &Own { now: &now, then: &own, from: self.order.from }));
        }
        self.flaws.borrow_mut().insert(key, flaws.clone());
        flaws
    }

    fn lines(&self) -> Vec<Line> {
        let said =
            self.ground.manifests.iter().flat_map(|(place, said)| said.iter().map(move |it| (place, it)));
        let lines = said.map(|(place, (requires, evidence))| Line {
            place: (**place).clone(),
            span: evidence.span.clone(),
            name: requires.requirement.name.clone(),
            specifier: requires.requirement.specifier.clone(),
            is_exact: now::exact(&requires.requirement.specifier),
        });
        lines.collect()
    }
}

/// How bad a vulnerability is: what nobody rated counts as medium, and a package that is an attack is critical.
pub fn severity(vulnerability: &Vulnerability) -> Severity {
    if vulnerability.malicious {
        return Severity::Critical;
    }
    vulnerability.severity.unwrap_or(Severity::Medium)
}
