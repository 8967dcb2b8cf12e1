//! What checks look at: the graph, the facts, and what is known about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::context::Context;
use crate::coverage::Unread;
use crate::digest::Digest;
use crate::fact::Fact;
use crate::finding::Finding;
use crate::graph::{Graph, NodeId, Routes};
use crate::knowledge::{Match, Standing, Unassessed};
use crate::name::PackageName;
use crate::place::{Place, Span};
use crate::report::Artifact;
use crate::rule::Rule;

/// A rule and how to find what breaks it. Pure: no input or output.
pub trait Check: Sync {
    /// The rules that it can find broken; most have one.
    fn rules(&self) -> &'static [&'static Rule];

    /// Looks for what breaks them.
    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>);
}

/// Everything that is known about the target.
pub struct World<'a> {
    /// What there is.
    pub graph: &'a Graph,
    /// Ways through the graph.
    pub routes: &'a Routes<'a>,
    /// The facts of every entry, ordered by place.
    pub facts: &'a BTreeMap<Place, Vec<Fact>>,
    /// Every file of the target by path.
    pub files: &'a BTreeMap<Arc<str>, File>,
    /// Model files with their verdicts, ordered by path.
    pub artifacts: &'a [Artifact],
    /// Vulnerabilities that match components.
    pub matches: &'a [Match],
    /// For each component with a match, the smallest higher version that no known advisory affects, if there is one.
    pub clear: &'a BTreeMap<NodeId, String>,
    /// Components to which nothing could be matched, and why.
    pub unassessed: &'a BTreeMap<NodeId, Unassessed>,
    /// What an index of packages says of components, where one was asked and it is not merely that they are there.
    pub standings: &'a BTreeMap<NodeId, Standing>,
    /// Names for which more than one index may answer, where indexes were asked: those that have it.
    pub indexed: &'a BTreeMap<PackageName, Vec<String>>,
    /// Installed distributions, each with the files that its installer recorded.
    pub installed: &'a [Installed],
    /// Where a lock file, a manifest and an environment of one project speak of different versions.
    pub disagreements: &'a [Disagreement],
    /// What came in from outside.
    pub context: &'a Context,
}

/// A file of the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Size in bytes.
    pub size: u64,
    /// Its digest, or why there is none. Every file that a reader claims or a record names has one, or could not be
    /// read; all others are [`Unread::NotAsked`].
    pub digest: Result<Digest, Unread>,
}

/// An installed distribution: which component it is and where its files lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// The component.
    pub component: NodeId,
    /// The folder that holds the `*.dist-info` (`site-packages`), below the target.
    pub root: Arc<str>,
    /// The `*.dist-info` or `*.egg-info` itself, below the target.
    pub metadata: Arc<str>,
    /// The recorded files, if there is a record: the path of each below the target (none if it leads out of the
    /// target), and what was recorded.
    pub record: Option<Vec<RecordedFile>>,
}

/// Two of a project's lock file, manifest and environment that speak of different versions of one package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Disagreement {
    /// Which two.
    pub sides: Sides,
    /// The file that says what is wanted.
    pub stated: Place,
    /// The line of it.
    pub span: Option<Span>,
    /// What has something else: the folder of the environment, or the lock file.
    pub other: Place,
    /// The package.
    pub name: PackageName,
    /// What is wanted: the versions that a lock file names, or the specifier of a manifest; empty for any version.
    pub wanted: String,
    /// The version that is there; none where the package is missing in the lock file.
    pub found: Option<String>,
}

/// Which two sides disagree, the one that says what is wanted first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sides {
    /// A lock file, and what lies installed.
    LockAndEnvironment,
    /// A manifest, and the lock file made from it.
    ManifestAndLock,
    /// A manifest, and what lies installed.
    ManifestAndEnvironment,
}

/// A file that an installer recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedFile {
    /// Path below the target; none when it leads out of it.
    pub path: Option<Arc<str>>,
    /// Digest, where recorded.
    pub digest: Option<Digest>,
    /// Size in bytes, where recorded.
    pub size: Option<u64>,
    written: Written,
}

/// A path as it is written in a record. Nearly every one is the end of the path below the target; environments have so many
/// that a second copy of each would show.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Written {
    EndOfPath { begin: usize },
    Otherwise(Box<str>),
}

impl RecordedFile {
    /// A file that is `written` so in the record, and lies at `path` below the target.
    pub fn new(path: Option<Arc<str>>, written: &str, digest: Option<Digest>, size: Option<u64>) -> Self {
        let before = path.as_deref().and_then(|path| path.strip_suffix(written));
        let written = match before {
            Some(before) => Written::EndOfPath { begin: before.len() },
            None => Written::Otherwise(written.into()),
        };
        Self { path, digest, size, written }
    }

    /// As written in the record.
    pub fn written(&self) -> &str {
        match &self.written {
            Written::EndOfPath { begin } => {
                self.path.as_deref().and_then(|path| path.get(*begin..)).unwrap_or_default()
            }
            Written::Otherwise(text) => text,
        }
    }
}
