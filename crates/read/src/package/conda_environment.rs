//! `environment.yml` of conda: packages of its channels, and those that `pip` adds.
//!
//! Source: conda's documentation, *Creating an environment file manually*. Anything may be called `environment.yml`; the
//! list `dependencies` makes it one of conda. MLflow writes the same as `conda.yaml` beside a model.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::requirements::Line;
use super::text::{decode, line_span, printable};
use super::{is_installed, match_spec, requirement};
use crate::tree::{Node, Tree};
use crate::yaml;

/// Reads conda's environment files.
pub struct CondaEnvironmentReader;

impl Reader for CondaEnvironmentReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-environment",
            title: "conda environment file",
            family: Family::Package,
            names: &["*environment*.yml", "*environment*.yaml", "conda.yaml", "env.yaml"],
            reads: "conda packages with versions, builds and channels; the packages of `pip`",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let name = hint.name().to_ascii_lowercase();
        let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
        let named = stem.is_some_and(|stem| {
            stem.contains("environment")
                || ["conda", "env", "conda_env", "conda-env"].contains(&stem)
                || stem.ends_with("_env")
                || stem.ends_with("-env")
        });
        if named && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        // Services and settings are called environments too.
        if !decoded.text.contains("dependencies") {
            return Ok(());
        }
        let stream = yaml::documents(&decoded.text)?;
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        for document in &stream.documents {
            environment(document, &mut notes);
        }
        match stream.broken {
            Some(reason) => Err(Unread::Malformed(format!("no YAML: {}", printable(&reason, 300)))),
            None => Ok(()),
        }
    }
}

fn environment(document: &Node, notes: &mut Notes<'_>) {
    // An object of some service may have `dependencies` that are no list of packages.
    let lists: Vec<&Node> =
        document.get("dependencies").filter(|node| matches!(node.tree, Tree::List(_))).collect();
    if document.get("apiVersion").next().is_some() {
        return;
    }
    // An alias of a list is not copied to where it stands; conda would install what it means.
    for node in document.get("dependencies").filter(|node| matches!(node.tree, Tree::Alias)) {
        notes.lost("dependencies that stand elsewhere in the file", node.span());
    }
    if lists.is_empty() {
        return;
    }
    for channel in document.get("channels").flat_map(Node::list) {
        match channel.text() {
            Some(text) => self::channel(text, channel, notes),
            None => notes.malformed("a channel that is no text", channel.span()),
        }
    }
    for item in lists.into_iter().flat_map(Node::list) {
        match &item.tree {
            Tree::Map(items) => {
                for (key, value) in items {
                    match key.text() {
                        Some("pip") => pip(value, notes),
                        _ => notes.lost("a list of packages of an unknown installer", key.span()),
                    }
                }
            }
            _ => match item.text() {
                Some(text) => conda(text, item, notes),
                None => notes.lost("a dependency that is no text", item.span()),
            },
        }
    }
}

fn conda(text: &str, node: &Node, notes: &mut Notes<'_>) {
    match match_spec::parse(text) {
        Ok(spec) => {
            if let Some(channel) = &spec.channel {
                self::channel(channel, node, notes);
            }
            let requires = requirement::requires(spec.requirement, Role::Runtime);
            notes.sink.declared(What::Requires(requires), node.span());
        }
        Err(reason) => notes.lost(reason, node.span()),
    }
}

fn channel(text: &str, node: &Node, notes: &mut Notes<'_>) {
    super::conda::tell_channel(text, node.span(), notes);
}

/// The lines for `pip`, which are those of a requirements file.
fn pip(list: &Node, notes: &mut Notes<'_>) {
    let one = std::slice::from_ref(list);
    let lines = if list.text().is_some() { one } else { list.list() };
    for node in lines {
        let Some(text) = node.text() else {
            notes.lost("a requirement that is no text", node.span());
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let line = Line::of(text, &Role::Runtime, node.span(), notes);
        for index in line.indexes {
            notes.sink.declared(What::Index(index), node.span());
        }
        for (mut found, certain) in line.requirements {
            found.digests = requirement::sorted(found.digests);
            let what = What::Requires(requirement::requires(found, Role::Runtime));
            if certain {
                notes.sink.declared(what, node.span());
            } else {
                notes.sink.inferred(what, node.span());
            }
        }
    }
}
