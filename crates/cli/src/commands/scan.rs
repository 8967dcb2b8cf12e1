//! `weighbridge scan`: weigh, tell, and end as the policy says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use weighbridge_core::cache::Cache;
use weighbridge_core::context::Context;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::renderer::Style;
use weighbridge_core::report::Report;
use weighbridge_engine::flow::{self, Asking};
use weighbridge_net::digests::Digests;
use weighbridge_net::index::Client;
use weighbridge_net::open::above;
use weighbridge_trust::lock;

use super::end_on_interrupt;
use super::signing::policy;
use crate::advisories;
use crate::args::{Global, Indexes, Resolving, Scan};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::packages;
use crate::printer::Printer;
use crate::progress::Bar;
use crate::settings::{self, Weigh};
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(global: &Global, scan: &Scan, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let mut settings = settings::scan(global, scan, setup, printer)?;
    end_on_interrupt(Some(settings.weigh.context.cancel.clone()))?;
    settings.weigh.locks = above::find(&settings.weigh.targets, lock::NAME);
    settings.weigh.context.roots = policy::roots(setup.folder.as_deref())?;
    for lock in &settings.weigh.locks {
        printer.detail(&format!("lock above the target: `{}`", lock.file.display()));
    }
    let started = Instant::now();
    let (weigh, resolve) = (&settings.weigh, scan.resolving.resolve);
    let client = client_if(scan.ask_index || resolve, &scan.resolving.indexes, weigh, setup, printer)?;
    let client = client.as_ref();
    let asking =
        Asking { standings: client.filter(|_| scan.ask_index), versions: client.filter(|_| resolve) };
    let report = weigh_asking(weigh, &asking, setup, printer)?;
    let exit = Exit::of(report.verdict, settings.exit_zero);
    // A time would make two equal reports differ; only somebody who watches wants it.
    let elapsed = setup.out_is_terminal.then(|| started.elapsed());
    let style = Style { exit_code: exit.code(), elapsed, ..settings.style };
    let file_style = settings::file_style(&style);
    for output in &settings.outputs {
        output.write(&report, &file_style)?;
        printer.detail(&format!("wrote `{}` as {}", output.path.display(), output.renderer.id()));
    }
    if let Some(renderer) = settings.shown {
        printer.out(|out| renderer.render(&report, &style, out))?;
    }
    // The process ends: of a large report, giving every small piece back takes longer than it took to write it.
    std::mem::forget(report);
    Ok(exit)
}

/// Weighs the targets for a command that asks no index but for versions.
pub(super) fn weigh(
    weigh: &Weigh,
    resolving: &Resolving,
    setup: &Setup,
    printer: &Printer,
) -> Result<Report, Failure> {
    let client = client_if(resolving.resolve, &resolving.indexes, weigh, setup, printer)?;
    let asking = Asking { standings: None, versions: client.as_ref() };
    weigh_asking(weigh, &asking, setup, printer)
}

/// The client of the indexes, if one is to be asked.
fn client_if(
    is_asked: bool,
    indexes: &Indexes,
    weigh: &Weigh,
    setup: &Setup,
    printer: &Printer,
) -> Result<Option<Client>, Failure> {
    if is_asked {
        return packages::client(indexes, weigh, setup, printer).map(Some);
    }
    if indexes.index_url.is_some() || !indexes.extra_index_url.is_empty() {
        return Err(Failure::usage("an index is named, and nothing asks it".to_owned())
            .hint("add `--resolve` or `--ask-index`"));
    }
    Ok(None)
}

/// Weighs the targets, with a progress bar where one is wanted.
fn weigh_asking(
    weigh: &Weigh,
    asking: &Asking<'_>,
    setup: &Setup,
    printer: &Printer,
) -> Result<Report, Failure> {
    let owned = advisories::load_all(setup, printer)?;
    printer.detail(&match &weigh.config {
        Some(path) => format!("configuration: `{}`", path.display()),
        None => "configuration: none".to_owned(),
    });
    printer.detail(&format!("advisories: {}, of {}", owned.source, owned.index.about().as_of));
    printer.detail(&format!("threads: {}", weigh.jobs));
    let request = weigh.request();
    let bar = Bar::new(printer.progress);
    let digests =
        weigh.digests.as_ref().map(|path| (path, Arc::new(Digests::open(path, setup.clock, setup.now))));
    let cache = digests.as_ref().map(|(_, digests)| Arc::clone(digests) as Arc<dyn Cache>);
    let mut context = Context { cache, ..weigh.context.clone() };
    if let Some(client) = asking.versions {
        packages::take_python(client, &mut context.python);
    }
    let others = |wanted: &BTreeSet<Ecosystem>| advisories::load_others(wanted, setup, printer);
    let report = flow::scan_knowing(&request, &owned.knowledge(&others), asking, &context, &bar)?;
    if let Some((path, digests)) = digests
        && let Err(error) = digests.save(path)
    {
        printer.detail(&format!("digests are not kept in `{}`: {error}", path.display()));
    }
    Ok(report)
}
