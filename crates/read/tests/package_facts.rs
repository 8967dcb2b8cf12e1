//! Runs readers of packages on literal files and shows each fact as one short line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Bom, Fact, Locked, Origin, Requirement, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::{Class, Place, Span};
use weighbridge_core::reader::{Claim, HEAD_BYTES, Hint};
use weighbridge_core::sink::{Follow, Sink};
use weighbridge_core::source::Source;

/// What came out of a file.
pub(crate) struct Reading {
    pub(crate) facts: Vec<Fact>,
    pub(crate) follows: Vec<Follow>,
    pub(crate) sought: Vec<Follow>,
    pub(crate) ended: Result<(), Unread>,
}

/// The claim of the reader `id` on a file.
pub(crate) fn claim(id: &str, path: &str, content: &[u8]) -> Claim {
    let head = &content[..content.len().min(HEAD_BYTES)];
    let size = u64::try_from(content.len()).unwrap();
    weighbridge_read::reader(id).unwrap().claims(&Hint { path, size, head })
}

/// Reads a file that the reader must claim.
pub(crate) fn read(id: &str, path: &str, content: &[u8]) -> Reading {
    assert_ne!(claim(id, path, content), Claim::No, "{id} does not claim {path}");
    read_source(id, path, Arc::new(content.to_vec()), Limits::default())
}

pub(crate) fn read_source(id: &str, path: &str, source: Arc<dyn Source>, limits: Limits) -> Reading {
    let reader = weighbridge_read::reader(id).unwrap();
    let mut sink = Sink::new(Place::file(path), reader.about().id, limits);
    let ended = reader.read(&Input::new(source, limits, Cancel::default()), &mut sink);
    let outcome = sink.finish();
    assert!(outcome.children.is_empty());
    Reading { facts: outcome.facts, follows: outcome.follows, sought: outcome.sought, ended }
}

/// Compares every line that a file yields: facts, then follows, then the reason for an early end.
#[track_caller]
pub(crate) fn check(id: &str, path: &str, content: &str, expected: &[&str]) {
    check_bytes(id, path, content.as_bytes(), expected);
}

#[track_caller]
pub(crate) fn check_bytes(id: &str, path: &str, content: &[u8], expected: &[&str]) {
    let found = read(id, path, content).lines();
    assert_eq!(found, expected, "\n{}", String::from_utf8_lossy(content));
}

impl Reading {
    pub(crate) fn lines(&self) -> Vec<String> {
        let facts = self.facts.iter().map(describe);
        let follows = self.follows.iter().map(|follow| {
            format!("{}follow {} as {}", line(follow.span.as_ref()), follow.path, follow.reader)
        });
        let sought = self
            .sought
            .iter()
            .map(|follow| format!("{}seek {} as {}", line(follow.span.as_ref()), follow.path, follow.reader));
        let ended = self.ended.iter_err().map(|reason| format!("ended: {reason}"));
        facts.chain(follows).chain(sought).chain(ended).collect()
    }

    /// Complaints, gaps, and the reason for an early end.
    pub(crate) fn problems(&self) -> Vec<String> {
        let facts = self.facts.iter();
        let bad =
            facts.filter(|fact| matches!(fact.what, What::Malformed(_) | What::Unread(_))).map(describe);
        bad.chain(self.ended.iter_err().map(|reason| format!("ended: {reason}"))).collect()
    }

    pub(crate) fn locked(&self) -> impl Iterator<Item = &Locked> {
        self.facts.iter().filter_map(|fact| match &fact.what {
            What::Locked(locked) => Some(locked),
            _ => None,
        })
    }

    pub(crate) fn boms(&self) -> impl Iterator<Item = &Bom> {
        self.facts.iter().filter_map(|fact| match &fact.what {
            What::Bom(bom) => Some(&**bom),
            _ => None,
        })
    }

    pub(crate) fn requires(&self) -> impl Iterator<Item = &Requires> {
        self.facts.iter().filter_map(|fact| match &fact.what {
            What::Requires(requires) => Some(requires),
            _ => None,
        })
    }
}

trait IterErr<E> {
    fn iter_err(&self) -> std::option::IntoIter<&E>;
}

impl<E> IterErr<E> for Result<(), E> {
    fn iter_err(&self) -> std::option::IntoIter<&E> {
        self.as_ref().err().into_iter()
    }
}

fn line(span: Option<&Span>) -> String {
    match span {
        Some(Span::Line(line)) => format!("{line}: "),
        Some(Span::Offset(offset)) => format!("@{offset}: "),
        None => String::new(),
    }
}

/// One line for a fact: its line, what kind it is, and everything that it says.
pub(crate) fn describe(fact: &Fact) -> String {
    let guess = if fact.evidence.class == Class::Inferred { "(inferred) " } else { "" };
    format!("{}{guess}{}", line(fact.evidence.span.as_ref()), say(&fact.what))
}

fn say(what: &What) -> String {
    match what {
        What::Malformed(reason) => format!("malformed: {reason}"),
        What::Altered(it) => format!("is {}, not {}", it.found, it.claimed),
        What::MemberRecord(it) => format!("{} altered, {} unrecorded", it.altered.len(), it.unrecorded.len()),
        What::Misnamed(it) => format!("named {:?}, is {:?}", it.by_name, it.by_content),
        What::Unread(reason) => format!("unread: {reason}"),
        What::Project(project) => format!(
            "project {} {} python{}",
            project.name.as_ref().map_or("-", |name| name.as_str()),
            project.version.as_deref().unwrap_or("-"),
            project.requires_python.as_deref().unwrap_or(" -"),
        ),
        What::Requires(requires) => say_requires(requires),
        What::Imitation(it) => format!("{} reads as {}", it.written, it.reads),
        What::ComputedInstall(written) => format!("computed {written}"),
        What::Includes(file) => format!("includes {}", file.path),
        What::Locked(locked) => {
            let kind = if locked.ecosystem == Ecosystem::Conda { "conda:" } else { "" };
            let version = locked.version.as_deref().unwrap_or("-");
            let mut text = format!("locked {kind}{} {version}", locked.name);
            text.push_str(&say_origin(&locked.origin));
            text.push_str(&say_digests(locked.digests.iter().map(ToString::to_string).collect()));
            if let Some(marker) = &locked.marker {
                text.push_str(&format!(" ; {marker}"));
            }
            if locked.root {
                text.push_str(" root");
            }
            for requires in &locked.requires {
                text.push_str(&format!(" | {}", say_requires(requires)));
            }
            text
        }
        What::Environment(environment) => format!(
            "environment {} {}{}",
            environment.python.as_deref().unwrap_or("-"),
            environment.implementation.as_deref().unwrap_or("-"),
            if environment.system_packages { " with system packages" } else { "" },
        ),
        What::Distribution(distribution) => {
            let kind = if distribution.ecosystem == Ecosystem::Conda { "conda:" } else { "" };
            let mut text = format!("distribution {kind}{} {}", distribution.name, distribution.version);
            text.push_str(&format!(" python{}", distribution.requires_python.as_deref().unwrap_or(" -")));
            if let Some(licence) = &distribution.licence {
                text.push_str(&format!(" licence {licence}"));
            }
            if !distribution.extras.is_empty() {
                text.push_str(&format!(" extras {:?}", distribution.extras));
            }
            for requirement in &distribution.requires {
                text.push_str(&format!(" | {}", say_requirement(requirement)));
            }
            text
        }
        What::Record(entries) => {
            let entries = entries.iter().map(|entry| {
                let digest = entry.digest.map_or("-".to_owned(), |digest| digest.to_string()[..4].to_owned());
                let size = entry.size.map_or("-".to_owned(), |size| size.to_string());
                format!("{:?} {digest} {size}", entry.path)
            });
            format!("record {}", entries.collect::<Vec<_>>().join(" | "))
        }
        What::Installer(name) => format!("installer {name}"),
        What::Requested => "requested".to_owned(),
        What::DirectUrl(origin) => format!("direct{}", say_origin(origin)),
        What::WheelTags(tags) => format!("tags {}", tags.join(" ")),
        What::EntryPoints(points) => {
            let points = points.iter().map(|(group, name, object)| format!("{group}/{name}={object}"));
            format!("entry points {}", points.collect::<Vec<_>>().join(" "))
        }
        What::StartUpCode(code) => format!("code {code}"),
        What::InstallCode(it) => format!("runs {}: {:?} + {}", it.when.as_str(), it.code, it.rest),
        What::SearchPath(path) => format!("path {path}"),
        What::Index(index) => {
            let mut text = format!("index {:?} {}", index.kind, index.location);
            if let Some((first, last)) = index.lines {
                text.push_str(&format!(" lines {first}-{last}"));
            }
            if !index.packages.is_empty() {
                text.push_str(&format!(
                    " for {:?}",
                    index.packages.iter().map(|name| name.as_str()).collect::<Vec<_>>()
                ));
            }
            if !index.files.is_empty() {
                text.push_str(&format!(" with {:?}", index.files));
            }
            text
        }
        What::Bom(bom) => say_bom(bom),
        What::SystemPackage(it) => {
            let source = it.source.as_ref().map(|(name, version)| format!(" of {name} {version}"));
            let built = [
                (" ", &it.built.architecture),
                (" by ", &it.built.vendor),
                (" in ", &it.built.module),
                (" under ", &it.built.licence),
            ];
            let built = built.map(|(word, it)| it.as_ref().map_or(String::new(), |it| format!("{word}{it}")));
            let source = source.unwrap_or_default();
            format!("{} {} {}{source}{}", it.ecosystem, it.name, it.version, built.concat())
        }
        What::SystemOwned(it) => format!("{} {} owns {}", it.ecosystem, it.package, it.metadata.join(" ")),
        What::OperatingSystem(it) => format!("{} {}", it.id, it.version.as_deref().unwrap_or("-")),
        What::Format(_)
        | What::Effect(_)
        | What::Tensors(_)
        | What::Storages(_)
        | What::Takes(_)
        | What::Items(_)
        | What::Slices(_)
        | What::Defines(_)
        | What::Imports(_)
        | What::Binary(_)
        | What::Library(_)
        | What::Approved(_)
        | What::Signature(_)
        | What::TensorSignature(_) => panic!("no fact of a package: {what:?}"),
    }
}

fn say_bom(bom: &Bom) -> String {
    let mut text = format!("{} {}", bom.standard, bom.version);
    for component in &bom.components {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        text.push_str(&format!(
            " | {} {} {}",
            component.name,
            or_none(&component.version),
            or_none(&component.purl)
        ));
        text.push_str(&say_digests(component.digests.iter().map(ToString::to_string).collect()));
        text.extend(component.inside.map(|inside| format!(" in {inside}")));
        text.push_str(if component.subject { " (subject)" } else { "" });
    }
    text.extend(bom.edges.iter().map(|(from, to)| format!(" {from}->{to}")));
    text
}

fn say_requires(requires: &Requires) -> String {
    let role = match &requires.role {
        Role::Runtime => String::new(),
        Role::Extra(extra) => format!("extra {extra}: "),
        Role::Group(group) => format!("group {group}: "),
        Role::Build => "build: ".to_owned(),
        Role::Constraint => "constraint: ".to_owned(),
    };
    let via = requires.via.iter().map(|name| format!(" via {name}")).collect::<String>();
    format!("{role}{}{via}", say_requirement(&requires.requirement))
}

fn say_requirement(requirement: &Requirement) -> String {
    let mut text = match requirement.ecosystem {
        Ecosystem::PyPi => requirement.name.to_string(),
        other => format!("{other}:{}", requirement.name),
    };
    if !requirement.extras.is_empty() {
        let extras: Vec<&str> = requirement.extras.iter().map(|extra| extra.as_str()).collect();
        text.push_str(&format!("[{}]", extras.join(",")));
    }
    text.push_str(&requirement.specifier);
    text.push_str(&say_origin(&requirement.origin));
    text.push_str(&say_digests(requirement.digests.iter().map(ToString::to_string).collect()));
    if let Some(marker) = &requirement.marker {
        text.push_str(&format!(" ; {marker}"));
    }
    text
}

fn say_origin(origin: &Origin) -> String {
    let pin = |pinned: &bool| if *pinned { " pinned" } else { "" };
    match origin {
        Origin::Index => String::new(),
        Origin::System => " @ system".to_owned(),
        Origin::Url { url, pinned } => format!(" @ {url}{}", pin(pinned)),
        Origin::Vcs { url, reference, pinned } => {
            let reference = reference.as_deref().map_or(String::new(), |reference| format!("@{reference}"));
            format!(" @ vcs {url}{reference}{}", pin(pinned))
        }
        Origin::Path { path, editable } => {
            format!(" @ path {path}{}", if *editable { " editable" } else { "" })
        }
    }
}

/// Digests by their first four digits.
fn say_digests(digests: Vec<String>) -> String {
    digests.iter().map(|digest| format!(" #{}", &digest[..4])).collect()
}

/// The folder of shared data beside the repository, where this machine has one.
pub(crate) fn shared_dir() -> Option<PathBuf> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    start.ancestors().map(|folder| folder.join("shared")).find(|folder| folder.is_dir())
}
