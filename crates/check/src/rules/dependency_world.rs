//! Worlds for the tests of the rules about packages, and findings as text.
//!
//! Packages are written `name version`, the project `P`. Installed distributions lie in
//! `venv/lib/python3/site-packages`; the files of a record are written `path=content`, or `path` without a digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::context::{Context, Python, Remote};
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Fact, Locked, Origin, Requirement, Requires, Role, What};
use weighbridge_core::finding::Finding;
use weighbridge_core::graph::{Component, Edge, Graph, Node, NodeId, NodeKind, Relation, Terms};
use weighbridge_core::knowledge::{
    Grade, Match, Matched, Record, Standing, StandingKind, Unassessed, Vulnerability,
};
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, EvidenceSet, Place, Span};
use weighbridge_core::purl::Purl;
use weighbridge_core::world::{Check, Disagreement, File, Installed, RecordedFile, World};

use crate::safety::{find_owners, judge_artifacts};

const SITE: &str = "venv/lib/python3/site-packages";

/// A world in the making.
#[derive(Default)]
pub(super) struct Built {
    graph: Graph,
    facts: BTreeMap<Place, Vec<Fact>>,
    files: BTreeMap<Arc<str>, File>,
    matches: Vec<Match>,
    clear: BTreeMap<NodeId, String>,
    unassessed: BTreeMap<NodeId, Unassessed>,
    standings: BTreeMap<NodeId, Standing>,
    indexed: BTreeMap<PackageName, Vec<String>>,
    installed: Vec<Installed>,
    disagreements: Vec<Disagreement>,
}

/// Runs a check and compares its findings, told as text.
#[track_caller]
pub(super) fn check(check: &dyn Check, built: Built, expected: &str) {
    let told = built.findings(check).join("\n");
    let expected: Vec<&str> =
        expected.lines().map(|line| line.trim_end()).filter(|line| !line.is_empty()).collect();
    let margin = expected.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let expected: Vec<&str> = expected.iter().map(|line| &line[margin.min(line.len())..]).collect();
    assert_eq!(told, expected.join("\n"), "\n--- found\n{told}\n--- expected\n{}\n", expected.join("\n"));
}

/// A requirement of a manifest.
pub(super) fn requires(name: &str, origin: Origin) -> What {
    let requirement = Requirement {
        ecosystem: Ecosystem::PyPi,
        name: PackageName::new(name).unwrap(),
        extras: vec![],
        specifier: String::new(),
        marker: None,
        origin,
        digests: vec![],
    };
    What::Requires(Requires { requirement, role: Role::Runtime, via: vec![] })
}

fn evidence(path: &str, line: u32, class: Class) -> Evidence {
    Evidence { place: Place::file(path), span: Some(Span::Line(line)), reader: "test", class }
}

/// `generic/openssl 1.1` is a library, all others are Python packages.
fn ecosystem(name: &str) -> (Ecosystem, &str) {
    match name.split_once('/') {
        Some((kind, name)) => (Ecosystem::of_purl_type(kind).unwrap(), name),
        None => (Ecosystem::PyPi, name),
    }
}

fn id(text: &str) -> NodeId {
    match text.split_once(' ') {
        _ if text == "P" => NodeId::Project("".into()),
        Some((name, version)) if name.contains('/') => {
            let (ecosystem, name) = ecosystem(name);
            let name = PackageName::of(ecosystem, name).unwrap();
            NodeId::Component(Purl::new(ecosystem, "", &name, Some(version)))
        }
        Some((name, version)) => {
            NodeId::Component(Purl::pypi(&PackageName::new(name).unwrap(), Some(version)))
        }
        None => NodeId::Component(Purl::pypi(&PackageName::new(text).unwrap(), None)),
    }
}

impl Built {
    pub(super) fn new() -> Self {
        let mut built = Self::default();
        let project = NodeKind::Project { name: "project".into(), version: None };
        built.graph.nodes.insert(id("P"), Node { kind: project, evidence: EvidenceSet::new() });
        built
    }

    fn node(&mut self, text: &str, evidence: Evidence) -> NodeId {
        let id = id(text);
        if text != "P" {
            let (name, version) =
                text.split_once(' ').map_or((text, None), |(name, version)| (name, Some(version)));
            let (ecosystem, name) = ecosystem(name);
            let kind = NodeKind::Component(Component {
                ecosystem,
                name: PackageName::of(ecosystem, name).unwrap(),
                version: version.map(str::to_owned),
                origins: [Origin::Index].into(),
                digests: BTreeSet::new(),
                licence: None,
                installed: false,
            });
            let node = Node { kind, evidence: EvidenceSet::new() };
            self.graph.nodes.entry(id.clone()).or_insert(node).evidence.insert(evidence);
        }
        id
    }

    fn link(mut self, from: &str, to: &str, relation: Relation, specifier: &str, evidence: Evidence) -> Self {
        let (from, to) = (self.node(from, evidence.clone()), self.node(to, evidence.clone()));
        let condition = Terms { specifier: specifier.into(), ..Terms::default() }.into();
        self.graph.edges.entry(Edge { from, to, relation, condition }).or_default().insert(evidence);
        self
    }

    /// `from` asks for `to`, as line 1 of `uv.lock` says.
    pub(super) fn edge(self, from: &str, to: &str, specifier: &str) -> Self {
        self.link(from, to, Relation::DependsOn, specifier, evidence("uv.lock", 1, Class::Declared))
    }

    /// `from` holds `to` inside itself.
    pub(super) fn carries(self, from: &str, to: &str) -> Self {
        self.link(from, to, Relation::Contains, "", evidence("uv.lock", 1, Class::Declared))
    }

    /// The package lies in an environment.
    pub(super) fn lies_installed(mut self, package: &str) -> Self {
        if let Some(NodeKind::Component(component)) =
            self.graph.nodes.get_mut(&id(package)).map(|it| &mut it.kind)
        {
            component.installed = true;
        }
        self
    }

    /// `from` brings a copy of the library `to` along.
    pub(super) fn vendors(self, from: &str, to: &str) -> Self {
        self.link(from, to, Relation::Vendors, "", evidence("uv.lock", 1, Class::Observed))
    }

    /// The project asks for a package in a line of `requirements.txt`, and nothing says its version.
    pub(super) fn unresolved(self, name: &str, specifier: &str, line: u32) -> Self {
        let evidence = evidence("requirements.txt", line, Class::Unresolved);
        self.link("P", name, Relation::DependsOn, specifier, evidence)
    }

    /// What an index says of a package.
    pub(super) fn standing(mut self, package: &str, kind: StandingKind, reason: Option<&str>) -> Self {
        let index = "https://index.example/simple".to_owned();
        self.standings.insert(id(package), Standing { kind, reason: reason.map(str::to_owned), index });
        self
    }

    pub(super) fn vulnerable(
        mut self,
        package: &str,
        name: &str,
        change: impl FnOnce(&mut Vulnerability),
    ) -> Self {
        let record = Record {
            id: "PYSEC-1".into(),
            modified: None,
            matched: Matched::Range,
            grade: Grade::Stated,
            source: None,
        };
        let mut vulnerability = Vulnerability {
            name: name.into(),
            records: vec![record],
            aliases: vec![],
            severity: None,
            score: None,
            exploited_since: None,
            epss: None,
            malicious: false,
            weaknesses: vec![],
            fixed: None,
            inferred_from: None,
        };
        change(&mut vulnerability);
        self.matches.push(Match { component: id(package), vulnerability: Arc::new(vulnerability) });
        self
    }

    /// The last match is one of the advisories of another package.
    pub(super) fn inferred(mut self, from: &str) -> Self {
        Arc::make_mut(&mut self.matches.last_mut().unwrap().vulnerability).inferred_from =
            Some(from.to_owned());
        self
    }

    /// Nothing could be matched to the package.
    pub(super) fn unassessed(mut self, package: &str, reason: Unassessed) -> Self {
        self.unassessed.insert(id(package), reason);
        self
    }

    pub(super) fn clear(mut self, package: &str, version: &str) -> Self {
        self.clear.insert(id(package), version.into());
        self
    }

    /// A distribution with its record and the files that it names, just as they were installed.
    pub(super) fn installed(mut self, package: &str, record: &str) -> Self {
        let mut recorded = Vec::new();
        for entry in record.split_whitespace() {
            let (written, content) =
                entry.split_once('=').map_or((entry, None), |(path, text)| (path, Some(text)));
            let path = match written.strip_prefix("../../../") {
                Some(rest) => format!("venv/{rest}"),
                None => format!("{SITE}/{written}"),
            };
            let digest = content.map(|content| Digest::of(content.as_bytes()));
            let size = content.map(|content| content.len() as u64);
            recorded.push(RecordedFile::new(Some(path.as_str().into()), written, digest, size));
            self = self.file(&path, content.unwrap_or_default());
        }
        self.installed.push(Installed {
            component: id(package),
            root: SITE.into(),
            metadata: format!("{SITE}/{}.dist-info", package.replace(' ', "-")).into(),
            record: Some(recorded),
        });
        self
    }

    pub(super) fn disagreement(mut self, disagreement: Disagreement) -> Self {
        self.disagreements.push(disagreement);
        self
    }

    /// A distribution whose installer left no record.
    pub(super) fn unrecorded(mut self, package: &str) -> Self {
        let metadata = format!("{SITE}/{}.egg-info", package.replace(' ', "-")).into();
        self.installed.push(Installed { component: id(package), root: SITE.into(), metadata, record: None });
        self
    }

    pub(super) fn file(self, path: &str, content: &str) -> Self {
        let digest = Ok(Digest::of(content.as_bytes()));
        self.with_file(path, File { size: content.len() as u64, digest })
    }

    pub(super) fn with_file(mut self, path: &str, file: File) -> Self {
        self.files.insert(path.into(), file);
        self
    }

    pub(super) fn unreadable(self, path: &str, reason: Unread) -> Self {
        self.with_file(path, File { size: 1, digest: Err(reason) })
    }

    pub(super) fn without(mut self, path: &str) -> Self {
        assert!(self.files.remove(path).is_some(), "{path} was never there");
        self
    }

    /// These indexes have the package.
    pub(super) fn indexed(mut self, name: &str, indexes: &[&str]) -> Self {
        let indexes = indexes.iter().map(|&index| index.to_owned()).collect();
        self.indexed.insert(PackageName::new(name).unwrap(), indexes);
        self
    }

    pub(super) fn fact(self, path: &str, what: What) -> Self {
        self.fact_by("test", path, what)
    }

    /// What this reader says.
    pub(super) fn fact_by(mut self, reader: &'static str, path: &str, what: What) -> Self {
        let place = Place::file(path);
        let span = matches!(what, What::Requires(_)).then_some(Span::Line(1));
        let evidence = Evidence { place: place.clone(), span, reader, class: Class::Declared };
        self.facts.entry(place).or_default().push(Fact { what, evidence });
        self
    }

    pub(super) fn locked(self, name: &str, origin: Origin) -> Self {
        let locked = Locked {
            ecosystem: Ecosystem::PyPi,
            name: PackageName::new(name).unwrap(),
            version: Some("1".into()),
            origin,
            digests: vec![],
            marker: None,
            root: false,
            requires: vec![],
        };
        self.fact("uv.lock", What::Locked(locked))
    }

    /// What a check finds, each as text.
    pub(super) fn findings(&self, check: &dyn Check) -> Vec<String> {
        let context = Context {
            today: Date::from_days(0),
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
        let routes = self.graph.routes();
        let mut artifacts = judge_artifacts(&self.facts, &self.files);
        find_owners(&mut artifacts, &self.installed);
        let world = World {
            graph: &self.graph,
            routes: &routes,
            facts: &self.facts,
            files: &self.files,
            artifacts: &artifacts,
            matches: &self.matches,
            clear: &self.clear,
            unassessed: &self.unassessed,
            standings: &self.standings,
            indexed: &self.indexed,
            installed: &self.installed,
            disagreements: &self.disagreements,
            context: &context,
        };
        let mut findings = Vec::new();
        check.check(&world, &mut findings);
        findings.iter().map(|finding| self.told(finding)).collect()
    }

    fn told(&self, finding: &Finding) -> String {
        let mut lines =
            vec![format!("{} {} {}", finding.severity.as_str(), finding.confidence.as_str(), finding.title)];
        if let Some((place, span)) = &finding.location {
            let line = match span {
                Some(Span::Line(line)) => format!(":{line}"),
                _ => String::new(),
            };
            lines.push(format!("  at {place}{line}"));
        }
        lines.extend(finding.details.iter().map(|detail| format!("  {detail}")));
        for path in &finding.paths.paths {
            let labels: Vec<String> = path.iter().map(|id| self.graph.label(id)).collect();
            lines.push(format!("  way {}", labels.join(" > ")));
        }
        lines.extend(finding.remedy.iter().map(|remedy| format!("  fix {remedy}")));
        lines.join("\n")
    }
}
