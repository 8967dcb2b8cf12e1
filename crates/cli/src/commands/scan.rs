//! `weighbridge scan`: weigh, tell, and end as the policy says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use weighbridge_core::cache::Cache;
use weighbridge_core::context::Context;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::renderer::Style;
use weighbridge_core::report::Report;
use weighbridge_engine::flow::{self, Request};
use weighbridge_net::digests::Digests;
use weighbridge_net::index::Client;
use weighbridge_read::READERS;

use super::end_on_interrupt;
use crate::advisories;
use crate::args::{Global, Scan};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::packages;
use crate::printer::Printer;
use crate::progress::Bar;
use crate::settings::{self, Weigh};
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(global: &Global, scan: &Scan, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let settings = settings::scan(global, scan, setup, printer)?;
    end_on_interrupt(Some(settings.weigh.context.cancel.clone()))?;
    let started = Instant::now();
    let packages = packages::client(scan, &settings.weigh, setup, printer)?;
    let report = weigh(&settings.weigh, packages.as_ref(), setup, printer)?;
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
    Ok(exit)
}

/// Weighs the targets, with a progress bar where one is wanted, and with the client of an index where one is asked.
pub(super) fn weigh(
    weigh: &Weigh,
    packages: Option<&Client>,
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
    let request = Request {
        targets: &weigh.targets,
        exclude: &weigh.exclude,
        jobs: Some(weigh.jobs),
        readers: READERS,
        policy: &weigh.policy,
    };
    let bar = Bar::new(printer.progress);
    let digests =
        weigh.digests.as_ref().map(|path| (path, Arc::new(Digests::open(path, setup.clock, setup.now))));
    let cache = digests.as_ref().map(|(_, digests)| Arc::clone(digests) as Arc<dyn Cache>);
    let context = Context { cache, ..weigh.context.clone() };
    let others = |wanted: &BTreeSet<Ecosystem>| advisories::load_others(wanted, setup, printer);
    let report = flow::scan_knowing(&request, &owned.knowledge(&others), packages, &context, &bar)?;
    if let Some((path, digests)) = digests
        && let Err(error) = digests.save(path)
    {
        printer.detail(&format!("digests are not kept in `{}`: {error}", path.display()));
    }
    Ok(report)
}
