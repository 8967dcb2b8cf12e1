//! The flow from end to end.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use weighbridge_advisory::Index;
use weighbridge_check::policy::Policy;
use weighbridge_check::safety;
use weighbridge_core::context::Context;
use weighbridge_core::graph::Graph;
use weighbridge_core::opener::OpenError;
use weighbridge_core::reader::Reader;
use weighbridge_core::report::{Artifact, Report};
use weighbridge_net::index::Client;
use weighbridge_net::open::above::Above;

use crate::choose::{Chosen, choose};
use crate::conclude::{Evidence, conclude};
use crate::enrich::{self, Knowledge, Known};
use crate::join::{self, Joined};
use crate::progress::Progress;
use crate::read::{Options, Readings, read_below, threads};
use crate::standing;

/// What to weigh, and how.
pub struct Request<'a> {
    /// Targets as the user names them: paths, or `SCHEME:LOCATOR`.
    pub targets: &'a [String],
    /// Locks of approved models that lie above targets; see [`weighbridge_net::open::above::find`].
    pub locks: &'a [Above],
    /// Patterns of paths to leave out; see [`Options::exclude`].
    pub exclude: &'a [String],
    /// How many threads; none for one per core. What comes out does not depend on it.
    pub jobs: Option<NonZeroUsize>,
    /// Readers, sorted by id; [`weighbridge_read::READERS`] but for tests.
    pub readers: &'a [&'a dyn Reader],
    /// Which findings count.
    pub policy: &'a Policy,
}

/// The steps between the bytes and the judging; each is pure.
pub struct Steps<'a> {
    /// Joins the facts of what is called so into a graph.
    pub join: &'a (dyn Fn(&str, &Readings, &Context) -> Joined + Sync),
    /// Adds what others know about the graph.
    pub enrich: &'a dyn Fn(&Graph, &Readings) -> Known,
    /// Says what loading each model file would mean.
    pub judge: &'a (dyn Fn(&Readings) -> Vec<Artifact> + Sync),
}

/// Why there is no report.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScanError {
    /// A target cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A pattern of paths to leave out is none.
    #[error("`{pattern}` is not a pattern: {message}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
    /// No reader knows anything that lies in the targets.
    #[error("nothing to weigh: no file of a known kind")]
    NothingToWeigh,
    /// Roots of Sigstore that are to be believed are none.
    #[error("{0}")]
    Roots(String),
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(String),
}

/// Weighs the targets against these advisories; `source` says where they come from.
///
/// # Errors
/// [`ScanError`]; anything that concerns only a part of the targets is a gap in the report's coverage instead.
pub fn scan(
    request: &Request<'_>,
    index: &Index,
    source: &str,
    context: &Context,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    scan_knowing(request, &Knowledge::of(index, source), &Asking::default(), context, progress)
}

/// What an index of packages is asked.
#[derive(Clone, Copy, Default)]
pub struct Asking<'a> {
    /// How each package stands there.
    pub standings: Option<&'a Client>,
    /// Which versions an installer would choose where nothing says so.
    pub versions: Option<&'a Client>,
}

/// Weighs the targets against everything that the user has, and asks an index about their packages.
///
/// # Errors
/// [`ScanError`]; anything that concerns only a part of the targets is a gap in the report's coverage instead.
pub fn scan_knowing(
    request: &Request<'_>,
    knowledge: &Knowledge<'_>,
    asking: &Asking<'_>,
    context: &Context,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    let steps = Steps {
        join: &|name, readings, context| {
            let nothing = BTreeMap::new();
            let (facts, files) = (&readings.facts, &readings.files);
            let input = join::Input { name, facts, chosen: &nothing, files, context };
            let Some(client) = asking.versions else { return join::join(&input) };
            let Chosen { facts, unread, notes, .. } = choose(&input, client);
            Joined { unread, notes, ..join::join(&join::Input { chosen: &facts, ..input }) }
        },
        enrich: &|graph, readings| {
            let known = enrich::enrich(graph, knowledge);
            match asking.standings {
                Some(packages) => standing::ask(graph, &readings.facts, packages, known),
                None => known,
            }
        },
        judge: &|readings| safety::judge_artifacts(&readings.facts, &readings.files),
    };
    scan_with(request, &steps, context, progress)
}

/// Weighs the targets with these steps: open, read, join, enrich, judge, check, gate.
///
/// # Errors
/// [`ScanError`]; anything that concerns only a part of the targets is a gap in the report's coverage instead.
pub fn scan_with(
    request: &Request<'_>,
    steps: &Steps<'_>,
    context: &Context,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    let pool = threads(request.jobs)?;
    let open = || request.targets.iter().map(|target| weighbridge_net::open(target, context)).collect();
    let prepare = || context.cache.iter().for_each(|cache| cache.prepare());
    let (targets, ()): (Result<Vec<_>, _>, ()) = pool.install(|| rayon::join(open, prepare));
    let targets = targets?;
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let name = names.join(", ");
    let mut notes: Vec<String> = targets.iter().flat_map(|target| target.notes.iter().cloned()).collect();
    let options = Options { readers: request.readers, exclude: request.exclude, jobs: request.jobs };
    let mut readings = read_below(targets, request.locks, &options, context, progress)?;
    let Steps { join, enrich, judge } = steps;
    // Neither asks for what the other says.
    let (joined, artifacts) = pool.join(|| join(&name, &readings, context), || judge(&readings));
    let Joined { graph, installed, disagreements, unread, notes: chosen } = joined;
    readings.coverage.unread.extend(unread);
    let Known { matches, clear, unassessed, advisories, standings, indexed, unasked } =
        enrich(&graph, &readings);
    readings.coverage.unread.extend(unasked);
    notes.extend(chosen);
    let subject = request.targets.to_vec();
    let evidence = Evidence {
        subject,
        notes,
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
        artifacts,
    };
    if context.cancel.is_cancelled() {
        return Err(ScanError::Interrupted);
    }
    Ok(pool.install(|| conclude(evidence, request.policy, context)))
}
