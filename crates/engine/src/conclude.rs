//! The end of the flow: check, gate, and the report that renderers tell. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use weighbridge_check::CHECKS;
use weighbridge_check::policy::{Decision, Policy};
use weighbridge_check::safety::{self, find_owners};
use weighbridge_core::context::Context;
use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::Finding;
use weighbridge_core::graph::{Component, Graph, Node, NodeId, NodeKind};
use weighbridge_core::knowledge::{AdvisoryData, Match, Standing, Unassessed};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Place, Span};
use weighbridge_core::reader::Family;
use weighbridge_core::report::{Artifact, Note, Report, Totals};
use weighbridge_core::world::{Check, Disagreement, File, Installed, World};

use crate::join::{unequal_claims, unidentified, unknown};
use crate::read::Readings;

/// Everything that is known when the judging begins.
pub struct Evidence {
    /// What was weighed, as the user named it.
    pub subject: Vec<String>,
    /// What there is to say of where it comes from.
    pub notes: Vec<String>,
    /// What the bytes say.
    pub readings: Readings,
    /// How it hangs together.
    pub graph: Graph,
    /// Installed distributions with their records.
    pub installed: Vec<Installed>,
    /// Where lock files, manifests and environments speak of different versions.
    pub disagreements: Vec<Disagreement>,
    /// Vulnerabilities that match.
    pub matches: Vec<Match>,
    /// For each component with a match, the smallest higher version that no known advisory affects.
    pub clear: BTreeMap<NodeId, String>,
    /// Components to which no advisory could be matched, and why.
    pub unassessed: BTreeMap<NodeId, Unassessed>,
    /// What an index says of components.
    pub standings: BTreeMap<NodeId, Standing>,
    /// Which indexes have the names for which more than one may answer.
    pub indexed: BTreeMap<PackageName, Vec<String>>,
    /// Which advisories were known.
    pub advisories: AdvisoryData,
    /// Model files with their verdicts.
    pub artifacts: Vec<Artifact>,
}

/// Checks the evidence with every check of [`CHECKS`], applies the policy and puts the report together.
pub fn conclude(evidence: Evidence, policy: &Policy, context: &Context) -> Report {
    conclude_with(CHECKS, evidence, policy, context)
}

fn conclude_with(checks: &[&dyn Check], evidence: Evidence, policy: &Policy, context: &Context) -> Report {
    let Evidence {
        subject,
        notes: origins,
        readings,
        graph,
        installed,
        disagreements,
        matches,
        clear,
        unassessed,
        standings,
        indexed,
        advisories,
        mut artifacts,
    } = evidence;
    find_owners(&mut artifacts, &installed);
    let routes = graph.routes();
    let world = World {
        graph: &graph,
        routes: &routes,
        facts: &readings.facts,
        files: &readings.files,
        artifacts: &artifacts,
        matches: &matches,
        clear: &clear,
        unassessed: &unassessed,
        standings: &standings,
        indexed: &indexed,
        installed: &installed,
        disagreements: &disagreements,
        context,
    };
    let found = |check: &&dyn Check| {
        let mut findings = Vec::new();
        check.check(&world, &mut findings);
        findings
    };
    let found: Vec<Vec<Finding>> = checks.par_iter().with_max_len(1).map(found).collect();
    let findings = found.into_iter().flatten().collect();
    let coverage = readings.coverage;
    let Decision { findings, notes, verdict } =
        policy.decide(findings, &artifacts, &coverage, &advisories, context.today);
    let unknown = unknown(&readings.facts, &installed, &graph);
    let origins = origins
        .into_iter()
        .chain(not_assessed(&graph, &unassessed))
        .chain(not_identified(&unidentified(&readings.facts)))
        .chain(not_known(&unknown))
        .chain(not_run(&readings.facts, &installed))
        .chain(not_agreed(&unequal_claims(&graph)))
        .chain(not_fetched(&readings.files))
        .chain(not_hashed(&readings.files));
    let origins = origins.map(|message| Note { message, location: None });
    let notes = origins.chain(notes).collect();
    let unassessed = count(unassessed.keys().filter(|id| graph.component(id).is_some()).count());
    let unknown_libraries = count(unknown.values().map(BTreeSet::len).sum());
    let totals = Totals { unassessed, unknown_libraries, ..totals(&graph, &artifacts, readings.files.len()) };
    // Letting go of a million small things takes a while; nothing waits for it.
    rayon::spawn(move || drop((readings.facts, readings.files, installed)));
    Report {
        subject,
        today: context.today,
        advisories,
        tables: safety::version(),
        graph,
        artifacts,
        findings,
        coverage,
        notes,
        totals,
        fail_on: policy.fail_on,
        fail_on_epss: policy.fail_on_epss,
        verdict,
    }
}

/// Says which libraries and system packages could not be matched to any advisory. That none is known is something else.
/// Packages of Python and of conda are told by a rule.
fn not_assessed(graph: &Graph, unassessed: &BTreeMap<NodeId, Unassessed>) -> Vec<String> {
    /// Most names in one line.
    const MOST: usize = 12;
    let mut names: BTreeMap<Unassessed, BTreeSet<&str>> = BTreeMap::new();
    // What would help.
    let mut imports: BTreeSet<Unassessed> = BTreeSet::new();
    for (id, reason) in unassessed {
        if let Some(component) = graph
            .component(id)
            .filter(|it| !matches!(it.ecosystem, Ecosystem::PyPi | Ecosystem::Conda) || it.is_of_system())
        {
            names.entry(*reason).or_default().insert(component.name.as_str());
            if *reason == Unassessed::NoData && component.is_of_system() {
                imports.insert(*reason);
            }
        }
    }
    let line = |(reason, names): (Unassessed, BTreeSet<&str>)| {
        let count = names.len();
        let things = if count == 1 { "library or package is" } else { "libraries and packages are" };
        let mut listed = names.into_iter().take(MOST).collect::<Vec<_>>().join(", ");
        if count > MOST {
            listed.push_str(&format!(" and {} more", count.saturating_sub(MOST)));
        }
        let way = if imports.contains(&reason) {
            "; `weighbridge db import` takes over the data of a distribution"
        } else {
            ""
        };
        format!("{count} {things} not assessed, {reason}: {listed}{way}")
    };
    names.into_iter().map(line).collect()
}

/// Says which components of bills of materials have no identity, so that nothing could be matched to them.
fn not_identified(names: &BTreeSet<String>) -> Option<String> {
    /// Most names in one line.
    const MOST: usize = 12;
    let count = names.len();
    let components = if count == 1 { "component" } else { "components" };
    let mut listed = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if count > MOST {
        listed.push_str(&format!(" and {} more", count.saturating_sub(MOST)));
    }
    (count > 0).then(|| {
        format!(
            "{count} {components} of bills of materials not assessed, without a package URL of a known type: {listed}"
        )
    })
}

/// Says which libraries that tools gathered for packages are none that is known, so that nothing could be matched to
/// them.
fn not_known(unknown: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    /// Most names in one line, and most packages behind one name.
    const MOST: usize = 12;
    const MOST_PACKAGES: usize = 3;
    let count: usize = unknown.values().map(BTreeSet::len).sum();
    let are = if count == 1 { "library inside a package is" } else { "libraries inside packages are" };
    let name = |(name, packages): (&String, &BTreeSet<String>)| {
        let mut listed: Vec<String> = packages.iter().take(MOST_PACKAGES).cloned().collect();
        if packages.len() > MOST_PACKAGES {
            listed.push(format!("{} more", packages.len().saturating_sub(MOST_PACKAGES)));
        }
        format!("{name} ({})", listed.join(", "))
    };
    let mut listed = unknown.iter().take(MOST).map(name).collect::<Vec<_>>().join(", ");
    if unknown.len() > MOST {
        listed.push_str(&format!(" and {} more names", unknown.len().saturating_sub(MOST)));
    }
    (count > 0).then(|| format!("{count} {are} none that is known, and not assessed: {listed}"))
}

/// Says in which files code installs what only running it would tell. Code of installed packages is theirs.
fn not_run(facts: &BTreeMap<Place, Vec<Fact>>, installed: &[Installed]) -> Option<String> {
    /// Most files in one line.
    const MOST: usize = 6;
    let first = |facts: &Vec<Fact>| {
        let computed = facts.iter().filter(|fact| matches!(fact.what, What::ComputedInstall(_)));
        computed.map(|fact| fact.evidence.span.clone()).min()
    };
    let mut found: Vec<(&Place, Option<Span>)> =
        facts.iter().filter_map(|(place, facts)| Some((place, first(facts)?))).collect();
    if found.is_empty() {
        return None;
    }
    let recorded = installed.iter().flat_map(|it| it.record.iter().flatten());
    let recorded: BTreeSet<&str> = recorded.filter_map(|file| file.path.as_deref()).collect();
    found.retain(|(place, _)| {
        // What conda has installed may have the folder of a project.
        let is_below = |it: &Installed| {
            let is_root = !it.root.is_empty() && !it.metadata.contains("conda-meta/");
            is_root && place.path.strip_prefix(&*it.root).is_some_and(|rest| rest.starts_with('/'))
        };
        !recorded.contains(&*place.path) && !installed.iter().any(is_below)
    });
    let name = |(place, span): &(&Place, Option<Span>)| match span {
        Some(Span::Line(line)) => format!("{place}:{line}"),
        _ => place.to_string(),
    };
    let mut listed = found.iter().take(MOST).map(name).collect::<Vec<_>>().join(", ");
    if found.len() > MOST {
        listed.push_str(&format!(" and {} more", found.len().saturating_sub(MOST)));
    }
    let files = match found.len() {
        0 => return None,
        1 => "1 file of code installs what only running it would tell".to_owned(),
        count => format!("{count} files of code install what only running them would tell"),
    };
    Some(format!("{files}, and that is not assessed: {listed}"))
}

/// Says where bills of materials and files do not agree.
fn not_agreed(disagreements: &BTreeSet<String>) -> Option<String> {
    /// Most of them in one line.
    const MOST: usize = 6;
    let mut listed = disagreements.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join("; ");
    if disagreements.len() > MOST {
        listed.push_str(&format!("; and {} more", disagreements.len().saturating_sub(MOST)));
    }
    (!disagreements.is_empty()).then(|| format!("bills of materials and files do not agree: {listed}"))
}

/// Says how many files have no digest because nobody wanted to hash large ones.
fn not_hashed(files: &BTreeMap<Arc<str>, File>) -> Option<String> {
    let number = files.values().filter(|file| file.digest == Err(Unread::NotHashed)).count();
    let files = if number == 1 { "file has" } else { "files have" };
    (number > 0).then(|| format!("{number} {files} no digest, as the settings say for large ones"))
}

/// Says how many files have no digest because they lie on a server.
fn not_fetched(files: &BTreeMap<Arc<str>, File>) -> Option<String> {
    let files = files.values().filter(|file| file.digest == Err(Unread::NotFetched));
    let (number, bytes) =
        files.fold((0u64, 0u64), |(number, bytes), file| (number + 1, bytes.saturating_add(file.size)));
    let files = if number == 1 { "file has" } else { "files have" };
    (number > 0).then(|| {
        format!(
            "{number} {files} no digest: of {bytes} bytes on the server only those were fetched that decide what \
             loading does"
        )
    })
}

fn totals(graph: &Graph, artifacts: &[Artifact], files: usize) -> Totals {
    let count =
        |wanted: fn(&NodeKind) -> bool| count(graph.nodes.values().filter(|node| wanted(&node.kind)).count());
    let is_data = |node: &Node| {
        let reader = node.evidence.first().and_then(|evidence| weighbridge_read::reader(evidence.reader));
        reader.is_some_and(|reader| reader.about().family == Family::Data)
    };
    let data = || {
        graph.nodes.values().filter(|node| is_data(node)).filter_map(|node| match node.kind {
            NodeKind::Artifact { size, .. } => Some(size),
            _ => None,
        })
    };
    // What packages carry inside is told by its own count: what is not known of it is no requirement that could be pinned.
    // A library is one whoever has built it.
    let is_native = |component: &Component| {
        matches!(component.ecosystem, Ecosystem::Native | Ecosystem::Rpm | Ecosystem::Deb | Ecosystem::Apk)
    };
    let is_package =
        |component: &Component| matches!(component.ecosystem, Ecosystem::PyPi | Ecosystem::Conda);
    let packages = |known: bool| {
        let others = graph.components().filter(|(_, component)| is_package(component));
        self::count(others.filter(|(_, component)| component.version.is_some() == known).count())
    };
    let libraries = |known: bool| {
        let native = graph.components().filter(|(_, component)| is_native(component));
        self::count(native.filter(|(_, component)| component.version.is_some() == known).count())
    };
    let own = || artifacts.iter().filter(|artifact| artifact.owner.is_none());
    Totals {
        packages: packages(true),
        unresolved: packages(false),
        libraries: libraries(true),
        unversioned_libraries: libraries(false),
        unknown_libraries: 0,
        unassessed: 0,
        system_packages: self::count(
            graph.components().filter(|(_, it)| it.is_of_system() && it.ecosystem != Ecosystem::PyPi).count(),
        ),
        environments: count(|kind| matches!(kind, NodeKind::Environment { .. })),
        models: self::count(own().count()),
        model_bytes: own().fold(0, |sum: u64, artifact| sum.saturating_add(artifact.size)),
        packaged_models: self::count(artifacts.len().saturating_sub(own().count())),
        data_files: self::count(data().count()),
        data_bytes: data().fold(0, u64::saturating_add),
        files: self::count(files),
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use weighbridge_core::context::{Python, Remote};
    use weighbridge_core::coverage::{Coverage, Gap, Unread};
    use weighbridge_core::date::Date;
    use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Severity, Status, Subject};
    use weighbridge_core::graph::Paths;
    use weighbridge_core::limits::{Cancel, Limits};
    use weighbridge_core::name::PackageName;
    use weighbridge_core::place::{Class, EvidenceSet};
    use weighbridge_core::purl::Purl;
    use weighbridge_core::report::{Safety, Verdict};
    use weighbridge_core::rule::Rule;

    use super::*;

    static RULE: Rule = Rule {
        id: "WB-T999",
        name: "test",
        title: "test",
        severity: Severity::High,
        since: "0.1.0",
        maps_to: &[],
        docs: "",
    };

    /// Finds something wrong with every component that has no version.
    struct Unversioned;

    impl Check for Unversioned {
        fn rules(&self) -> &'static [&'static Rule] {
            const RULES: &[&Rule] = &[&RULE];
            RULES
        }

        fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
            for (id, component) in
                world.graph.components().filter(|(_, component)| component.version.is_none())
            {
                findings.push(Finding {
                    rule: &RULE,
                    severity: RULE.severity,
                    confidence: Confidence::High,
                    subject: Subject::Node(id.clone()),
                    title: component.name.to_string(),
                    details: Vec::new(),
                    location: None,
                    vulnerability: None,
                    paths: Paths::default(),
                    remedy: None,
                    fingerprint: Fingerprint::new(&RULE, &[component.name.as_str()]),
                    status: Status::Open,
                });
            }
        }
    }

    fn evidence(components: &[(&str, Option<&str>)], unread: Vec<Gap>) -> Evidence {
        let mut graph = Graph::default();
        let kind = NodeKind::Environment { name: ".venv".into(), python: None };
        graph.nodes.insert(NodeId::Environment(".venv".into()), Node { kind, evidence: EvidenceSet::new() });
        for (name, version) in components {
            let name = PackageName::new(name).unwrap();
            let id = NodeId::Component(Purl::pypi(&name, *version));
            let kind = NodeKind::Component(Component {
                ecosystem: Ecosystem::PyPi,
                name,
                version: version.map(str::to_owned),
                origins: BTreeSet::new(),
                digests: BTreeSet::new(),
                licence: None,
                installed: false,
            });
            graph.nodes.insert(id, Node { kind, evidence: EvidenceSet::new() });
        }
        let artifact = |path: &str, size| Artifact {
            place: Place::file(path),
            format: "pickle",
            size,
            digest: None,
            owner: None,
            safety: Safety::Harmless,
            effects: Vec::new(),
        };
        Evidence {
            subject: vec![".".into()],
            notes: Vec::new(),
            readings: Readings {
                coverage: Coverage { unread, ..Coverage::default() },
                ..Readings::default()
            },
            graph,
            installed: Vec::new(),
            disagreements: Vec::new(),
            matches: Vec::new(),
            clear: BTreeMap::new(),
            unassessed: BTreeMap::new(),
            standings: BTreeMap::new(),
            indexed: BTreeMap::new(),
            advisories: AdvisoryData {
                as_of: Date::from_days(20_000),
                records: 1,
                source: "embedded".into(),
                imported: Vec::new(),
            },
            artifacts: vec![artifact("a", 1), artifact("b", 2)],
        }
    }

    #[track_caller]
    fn check(evidence: Evidence, verdict: Verdict, findings: &[&str]) -> Totals {
        let context = Context {
            today: Date::from_days(20_001),
            limits: Limits::default(),
            cancel: Cancel::default(),
            offline: true,
            python: Python {
                version: "3.12.0".into(),
                platform: BTreeMap::new(),
                system: None,
                meant: Default::default(),
            },
            remote: Remote::default(),
            roots: Vec::new(),
            cache: None,
        };
        let report = conclude_with(&[&Unversioned], evidence, &Policy::default(), &context);
        let titles: Vec<&str> = report.findings.iter().map(|finding| finding.title.as_str()).collect();
        assert_eq!((report.verdict, titles.as_slice()), (verdict, findings));
        report.totals
    }

    #[test]
    fn unknown_libraries_are_told_in_one_line() {
        assert_eq!(not_known(&BTreeMap::new()), None);
        let many = |names: std::ops::Range<u32>| -> BTreeSet<String> {
            names.map(|number| format!("p{number} 1")).collect()
        };
        let mut unknown: BTreeMap<String, BTreeSet<String>> = [("libodd.so.1".to_owned(), many(0..1))].into();
        let line = not_known(&unknown);
        assert_eq!(
            line.as_deref(),
            Some("1 library inside a package is none that is known, and not assessed: libodd.so.1 (p0 1)")
        );
        unknown.insert("libfar.so".to_owned(), many(0..500));
        unknown.extend((0..400).map(|number| (format!("libx{number}.so"), many(0..1))));
        let line = not_known(&unknown).unwrap();
        assert!(line.starts_with("901 libraries"), "{line}");
        assert!(line.contains("libfar.so (p0 1, p1 1, p10 1, 497 more)"), "{line}");
        assert!(line.ends_with(" and 390 more names") && line.len() < 500, "{line}");
    }

    #[test]
    fn computed_installations_are_told_in_one_line() {
        let computed = |path: &str, lines: &[u32]| {
            let place = Place::file(path);
            let fact = |line: &u32| {
                let span = Some(Span::Line(*line));
                let evidence = weighbridge_core::place::Evidence {
                    place: place.clone(),
                    span,
                    reader: "install-lines",
                    class: Class::Declared,
                };
                Fact { what: What::ComputedInstall("{name}".into()), evidence }
            };
            (place.clone(), lines.iter().map(fact).collect::<Vec<Fact>>())
        };
        let installed = |root: &str, metadata: &str| Installed {
            component: NodeId::Component(Purl::pypi(&PackageName::new("a").unwrap(), Some("1"))),
            root: root.into(),
            metadata: metadata.into(),
            record: None,
        };
        let mut facts: BTreeMap<Place, Vec<Fact>> = [computed("noxfile.py", &[9, 4])].into();
        let line = not_run(&facts, &[]);
        let one =
            "1 file of code installs what only running it would tell, and that is not assessed: noxfile.py:4";
        assert_eq!(line.as_deref(), Some(one));
        facts.extend([computed("vendor/a/cli.py", &[1])]);
        assert_eq!(not_run(&facts, &[installed("vendor", "vendor/a-1.dist-info")]).as_deref(), Some(one));
        // The root of an environment is that of everything in it.
        assert!(
            not_run(&facts, &[installed("vendor", "vendor/conda-meta/a-1.json")]).unwrap().starts_with("2 ")
        );
        facts.extend((0..300).map(|number| computed(&format!("x/{number}.py"), &[1])));
        let line = not_run(&facts, &[]).unwrap();
        assert!(line.ends_with(" and 296 more") && line.len() < 200, "{line}");
        assert_eq!(not_run(&BTreeMap::new(), &[]), None);
    }

    #[test]
    fn findings_fail_and_gaps_leave_it_open() {
        let gap = || vec![Gap { place: Place::file("x"), span: None, reason: Unread::Permission }];
        let totals = check(evidence(&[("a", Some("1")), ("b", Some("2"))], Vec::new()), Verdict::Pass, &[]);
        assert_eq!((totals.packages, totals.unresolved, totals.environments), (2, 0, 1));
        assert_eq!((totals.models, totals.model_bytes), (2, 3));
        check(evidence(&[("a", Some("1"))], gap()), Verdict::Incomplete, &[]);
        let totals = check(evidence(&[("b", None), ("a", None)], gap()), Verdict::Fail, &["a", "b"]);
        assert_eq!((totals.packages, totals.unresolved), (0, 2));
    }
}
