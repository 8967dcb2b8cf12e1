//! Facts and graphs as text.
//!
//! A line of facts is `FILE: WHAT`. What a file says is one of
//!
//!     project NAME VERSION PYTHON?      needs REQUIREMENTS        extra NAME: REQUIREMENTS
//!     group NAME: REQUIREMENTS          build REQUIREMENTS        constraint REQUIREMENTS
//!     includes FILE                     narrows FILE
//!     root NAME FOLDER: ASKS            lock NAME VERSION: ASKS   lock NAME VERSION when MARKER: ASKS
//!     dist NAME VERSION (FLAGS)?: REQUIREMENTS                    says NAME VERSION: REQUIREMENTS (metadata alone)
//!     environment PYTHON                model
//!     bom SUBJECT: PURLS or `NAME VERSION`, separated by `, `
//!     system NAME VERSION SOURCE SOURCE_VERSION (of dpkg)         owns NAME PATHS          os ID VERSION
//!     rpm NAME VERSION ARCH VENDOR MODULE (of RPM)                rpmowns NAME PATHS
//!     installer NAME                    unread (of the database of RPM)
//!     binary needs=NAME search=FOLDER module=NAME debug=NAME id=HEX: LIBRARY VERSION, … (a `?` for no version, by file name)
//!
//! where a `!` in `FILE` leads into an archive, requirements are separated by `, ` and may end in `# via NAMES`, asks are requirements and then
//! `| extra NAME: REQUIREMENTS` or `| group NAME: REQUIREMENTS`, and `FILE` of a `dist` is the folder that holds its
//! metadata. An edge reads `FROM -> TO (CONDITION) CLASS`, `FROM >> TO` for one that contains,
//! `FROM => TO` for one that carries a copy, and `FROM ~> TO` for one that is linked.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::context::{Context, Python, Remote};
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{
    Binary, Bom, BomComponent, Built, Distribution, Environment, Fact, Included, Library, Locked,
    OperatingSystem, Origin, Project, Recorded, Requirement, Requires, Role, Sign, SystemOwned,
    SystemPackage, What,
};
use weighbridge_core::graph::{Graph, NodeId, Relation};
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, Place, Span};
use weighbridge_core::world::File;

use super::super::{Input, Joined, join_with};

pub(super) type Facts = BTreeMap<Place, Vec<Fact>>;

pub(super) fn name(text: &str) -> PackageName {
    PackageName::new(text.trim()).unwrap()
}

/// Joins what the text says; the order of facts must not matter.
pub(super) fn joined(text: &str) -> Joined {
    let facts = facts(text);
    let mut reversed = facts.clone();
    reversed.values_mut().for_each(|facts| facts.reverse());
    let joined = join(&facts);
    assert_eq!(joined, join(&reversed), "the order of facts matters");
    joined
}

pub(super) fn join(facts: &Facts) -> Joined {
    let platform = [
        ("sys_platform", "linux"),
        ("platform_system", "Linux"),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
    ];
    let platform = platform.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let context = Context {
        today: Date::from_days(0),
        limits: Limits::default(),
        cancel: Cancel::default(),
        offline: true,
        python: Python { version: "3.12.4".into(), platform, system: None, meant: Default::default() },
        remote: Remote::default(),
        roots: Vec::new(),
        cache: None,
    };
    let files = facts.keys().map(|place| {
        let digest = Ok(Digest::of(place.name().as_bytes()));
        (Arc::clone(&place.path), File { size: 1, digest })
    });
    let files: BTreeMap<Arc<str>, File> = files.collect();
    let chosen = BTreeMap::new();
    let input = Input { name: "target", facts, chosen: &chosen, files: &files, context: &context };
    join_with(&input, |reader| reader == "model")
}

/// Compares the edges of the graph with the expected ones, one a line.
#[track_caller]
pub(super) fn check(text: &str, expected: &str) {
    let mut told = edges(&joined(text).graph);
    told.sort();
    let mut expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    expected.sort_unstable();
    assert_eq!(told, expected, "\n--- found\n{}\n", told.join("\n"));
}

fn edges(graph: &Graph) -> Vec<String> {
    let mut lines = Vec::new();
    for (edge, evidence) in &graph.edges {
        assert!(evidence.first().is_some(), "{edge:?} has no evidence");
        for id in [&edge.from, &edge.to] {
            assert!(graph.nodes.contains_key(id), "{id} is no node");
        }
        let arrow = match edge.relation {
            Relation::DependsOn => "->",
            Relation::Contains => ">>",
            Relation::Vendors => "=>",
            Relation::Links => "~>",
        };
        let condition = &edge.condition;
        let extras: Vec<&str> = condition.extras.iter().map(PackageName::as_str).collect();
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let parts = [condition.specifier.clone(), extras, condition.through.clone().unwrap_or_default()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(" ")) };
        let best = evidence.iter().map(|evidence| evidence.class).min().unwrap();
        let class = if best > Class::Declared { format!(" {}", best.as_str()) } else { String::new() };
        lines.push(format!("{} {arrow} {}{parts}{class}", label(graph, &edge.from), label(graph, &edge.to)));
    }
    for (id, node) in &graph.nodes {
        assert!(node.evidence.first().is_some(), "{id} has no evidence");
    }
    lines
}

pub(super) fn label(graph: &Graph, id: &NodeId) -> String {
    match id {
        NodeId::Environment(folder) => format!("env:{folder}"),
        NodeId::Component(purl) if !purl.has_version() => format!("{} ?", graph.label(id)),
        _ => graph.label(id),
    }
}

pub(super) fn facts(text: &str) -> Facts {
    let mut facts = Facts::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        if !line.trim().is_empty() {
            for (path, what) in line_facts(line.trim()) {
                let mut steps = path.split('!').map(str::to_owned);
                let place = Place::file(steps.next().unwrap());
                let place = steps.fold(place, |place, step| place.step(step));
                let reader = match what {
                    What::Format("elf") | What::Binary(_) | What::Library(_) => "native",
                    What::Bom(_) => "bom",
                    What::Format(_) => "model",
                    What::Unread(_) => "rpm-database",
                    What::Requires(_) | What::Includes(_) if is_commands(&place.path) => "install-lines",
                    _ => "test",
                };
                let class =
                    if matches!(what, What::Distribution(_)) { Class::Observed } else { Class::Declared };
                let evidence =
                    Evidence { place: place.clone(), span: Some(Span::Line(number)), reader, class };
                facts.entry(place).or_default().push(Fact { what, evidence });
            }
        }
    }
    facts
}

/// Files whose facts come from commands.
fn is_commands(path: &str) -> bool {
    path.ends_with("Dockerfile") || path.ends_with(".ipynb")
}

fn line_facts(line: &str) -> Vec<(String, What)> {
    let (file, said) = line.split_once(": ").unwrap_or_else(|| panic!("no file: {line}"));
    let (verb, rest) = said.split_once(' ').unwrap_or((said, ""));
    let rest = rest.trim();
    let (head, tail) = rest.split_once(':').map_or((rest, ""), |(head, tail)| (head.trim(), tail.trim()));
    let words: Vec<&str> = head.split_whitespace().collect();
    let word = |index: usize| words.get(index).map(|word| (*word).to_owned());
    let at_file = |what: What| vec![(file.to_owned(), what)];
    let asked = |text: &str, role: Role| -> Vec<(String, What)> {
        requires(text, &role).into_iter().map(|it| (file.to_owned(), What::Requires(it))).collect()
    };
    match verb {
        "project" => at_file(What::Project(Project {
            name: word(0).map(|it| name(&it)),
            version: word(1),
            requires_python: word(2),
        })),
        "needs" => asked(rest, Role::Runtime),
        "includes" => at_file(What::Includes(Included { path: rest.to_owned(), narrows: false })),
        "narrows" => at_file(What::Includes(Included { path: rest.to_owned(), narrows: true })),
        "build" => asked(rest, Role::Build),
        "constraint" => asked(rest, Role::Constraint),
        "extra" => asked(tail, Role::Extra(name(head))),
        "group" => asked(tail, Role::Group(name(head))),
        "root" => {
            let origin = Origin::Path { path: word(1).unwrap(), editable: true };
            at_file(What::Locked(locked(&word(0).unwrap(), None, origin, None, true, tail)))
        }
        "lock" => {
            let marker = head.split_once(" when ").map(|(_, marker)| marker.to_owned());
            at_file(What::Locked(locked(&word(0).unwrap(), word(1), Origin::Index, marker, false, tail)))
        }
        "environment" => at_file(What::Environment(Environment {
            python: word(0),
            implementation: None,
            system_packages: false,
        })),
        "says" => {
            let asks = requires(tail, &Role::Runtime).into_iter().map(|it| it.requirement).collect();
            at_file(What::Distribution(metadata(&word(0).unwrap(), &word(1).unwrap(), asks, vec![])))
        }
        "model" => at_file(What::Format("pickle")),
        "bom" => at_file(What::Bom(Box::new(bom(
            &word(0).unwrap(),
            rest.split_once(": ").map_or("", |(_, tail)| tail),
        )))),
        "binary" => binary(file, &words, tail),
        "system" => {
            // Versions have colons.
            let words: Vec<&str> = rest.split_whitespace().collect();
            at_file(What::SystemPackage(Box::new(SystemPackage {
                ecosystem: Ecosystem::Deb,
                name: name(words[0]),
                version: words[1].to_owned(),
                source: words.get(2).map(|source| (name(source), words[3].to_owned())),
                built: Built::default(),
            })))
        }
        "rpm" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let word = |at: usize| words.get(at).map(|word| (*word).to_owned());
            at_file(What::SystemPackage(Box::new(SystemPackage {
                ecosystem: Ecosystem::Rpm,
                name: PackageName::of(Ecosystem::Rpm, words[0]).unwrap(),
                version: words[1].to_owned(),
                source: None,
                built: Built { architecture: word(2), vendor: word(3), module: word(4), licence: None },
            })))
        }
        "rpmowns" => at_file(What::SystemOwned(SystemOwned {
            ecosystem: Ecosystem::Rpm,
            package: name(&word(0).unwrap()),
            metadata: words.iter().skip(1).map(ToString::to_string).collect(),
        })),
        "owns" => at_file(What::SystemOwned(SystemOwned {
            ecosystem: Ecosystem::Deb,
            package: name(&word(0).unwrap()),
            metadata: words.iter().skip(1).map(ToString::to_string).collect(),
        })),
        "os" => at_file(What::OperatingSystem(OperatingSystem { id: word(0).unwrap(), version: word(1) })),
        "installer" => at_file(What::Installer(format!("{}\n", word(0).unwrap()))),
        "unread" => at_file(What::Unread(Unread::Unsupported("a database".to_owned()))),
        "dist" => distribution(file, &word(0).unwrap(), &word(1).unwrap(), head, tail),
        _ => panic!("what is `{verb}`?"),
    }
}

fn bom(subject: &str, components: &str) -> Bom {
    let component = |text: &str, subject: bool| {
        let purl = text.starts_with("pkg:").then(|| text.to_owned());
        let (name, version) = text.rsplit_once([' ', '@']).unwrap_or((text, ""));
        BomComponent {
            name: name.to_owned(),
            version: Some(version.to_owned()).filter(|version| purl.is_none() && !version.is_empty()),
            purl,
            digests: vec![],
            kind: "library".into(),
            inside: None,
            subject,
        }
    };
    let all = components.split(", ").filter(|text| !text.is_empty()).map(|text| component(text, false));
    let components = [component(subject, true)].into_iter().chain(all).collect();
    Bom { standard: "CycloneDX", version: "1.6".into(), components, edges: vec![] }
}

fn binary(file: &str, words: &[&str], libraries: &str) -> Vec<(String, What)> {
    let all = |key: &str| words.iter().filter_map(|word| Some(word.strip_prefix(key)?.to_owned())).collect();
    let modules: Vec<String> = all("module=");
    let binary = Binary {
        needs: all("needs="),
        search: all("search="),
        module: modules.first().cloned(),
        debug: all("debug=").pop(),
        build_id: all("id=").pop(),
        ..Binary::default()
    };
    let library = |text: &str| {
        let (library, version) = text.trim().split_once(' ').unwrap();
        let version = Some(version).filter(|version| *version != "?").map(str::to_owned);
        let sign = if version.is_some() { Sign::Text } else { Sign::FileName };
        What::Library(Library { name: name(library), version, sign, shown: text.to_owned() })
    };
    let libraries = libraries.split(',').filter(|text| !text.trim().is_empty()).map(library);
    let facts = [What::Format("elf"), What::Binary(Box::new(binary))].into_iter().chain(libraries);
    facts.map(|what| (file.to_owned(), what)).collect()
}

fn metadata(
    package: &str,
    version: &str,
    requires: Vec<Requirement>,
    extras: Vec<PackageName>,
) -> Distribution {
    Distribution {
        ecosystem: Ecosystem::PyPi,
        name: name(package),
        version: version.into(),
        requires,
        extras,
        requires_python: None,
        licence: None,
    }
}

fn distribution(root: &str, package: &str, version: &str, head: &str, tail: &str) -> Vec<(String, What)> {
    let folder = format!("{root}/{package}-{version}.dist-info");
    let requirements: Vec<Requirement> =
        requires(tail, &Role::Runtime).into_iter().map(|it| it.requirement).collect();
    let mut extras: Vec<PackageName> = requirements
        .iter()
        .filter_map(|it| it.marker.as_deref()?.split_once("extra == '")?.1.split('\'').next())
        .map(name)
        .collect();
    extras.dedup();
    let mut facts = vec![(
        format!("{folder}/METADATA"),
        What::Distribution(metadata(package, version, requirements, extras)),
    )];
    let flags = head.split_once('(').map_or("", |(_, flags)| flags.trim_end_matches(')'));
    for flag in flags.split(", ").filter(|flag| !flag.is_empty()) {
        match flag.split_once(' ').unwrap_or((flag, "")) {
            ("requested", _) => facts.push((format!("{folder}/REQUESTED"), What::Requested)),
            ("editable", path) => {
                let origin = Origin::Path { path: path.into(), editable: true };
                facts.push((format!("{folder}/direct_url.json"), What::DirectUrl(origin)));
            }
            ("records", paths) => {
                let recorded =
                    paths.split(' ').map(|path| Recorded { path: path.into(), digest: None, size: None });
                facts.push((format!("{folder}/RECORD"), What::Record(recorded.collect())));
            }
            _ => panic!("what is `{flag}`?"),
        }
    }
    facts
}

fn locked(
    package: &str,
    version: Option<String>,
    origin: Origin,
    marker: Option<String>,
    root: bool,
    asks: &str,
) -> Locked {
    let mut all = Vec::new();
    for part in asks.split('|').map(str::trim) {
        let (role, text) = match part.split_once(": ") {
            Some((head, text)) if head.starts_with("extra ") => (Role::Extra(name(&head[6..])), text),
            Some((head, text)) if head.starts_with("group ") => (Role::Group(name(&head[6..])), text),
            _ => (Role::Runtime, part),
        };
        all.extend(requires(text, &role));
    }
    Locked {
        ecosystem: Ecosystem::PyPi,
        name: name(package),
        version,
        origin,
        digests: vec![],
        marker,
        root,
        requires: all,
    }
}

fn requires(text: &str, role: &Role) -> Vec<Requires> {
    let (text, via) = text.split_once('#').map_or((text, ""), |(text, via)| (text, via));
    let via = via.trim().strip_prefix("via ").unwrap_or_default();
    let via: Vec<PackageName> = via.split(", ").filter(|it| !it.is_empty()).map(name).collect();
    let items = text.split(", ").map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| Requires { requirement: requirement(item), role: role.clone(), via: via.clone() })
        .collect()
}

fn requirement(text: &str) -> Requirement {
    let (text, marker) =
        text.split_once(';').map_or((text, None), |(text, marker)| (text, Some(marker.trim())));
    let (text, origin) = text.split_once(" @ ").map_or((text, Origin::Index), |(text, path)| {
        let path = path.trim();
        let origin = if path.contains("://") {
            Origin::Url { url: path.into(), pinned: false }
        } else {
            Origin::Path { path: path.into(), editable: true }
        };
        (text, origin)
    });
    let end = text.find(['<', '>', '=', '!', '~']).unwrap_or(text.len());
    let (package, specifier) = text.split_at(end);
    let (package, extras) =
        package.trim().split_once('[').map_or((package.trim(), ""), |(package, extras)| (package, extras));
    Requirement {
        ecosystem: Ecosystem::PyPi,
        name: name(package),
        extras: extras.trim_end_matches(']').split(',').filter(|it| !it.is_empty()).map(name).collect(),
        specifier: specifier.trim().into(),
        marker: marker.map(str::to_owned),
        origin,
        digests: vec![],
    }
}
