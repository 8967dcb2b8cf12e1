//! The client of the package index: which one it asks, with whose password, and whether it may.

use std::fs;
use std::path::PathBuf;

use weighbridge_core::context::{Meant, Python, Remote};
use weighbridge_net::feed::Online;
use weighbridge_net::index::which::{self, Surroundings, VARIABLES};
use weighbridge_net::index::{Client, IndexError, Options};

use crate::args::Indexes;
use crate::errors::Failure;
use crate::printer::Printer;
use crate::settings::Weigh;
use crate::setup::Setup;

/// The client of the indexes that are meant.
///
/// # Errors
/// No index is known, or a setting of it cannot be understood.
pub(crate) fn client(
    typed: &Indexes,
    weigh: &Weigh,
    setup: &Setup,
    printer: &Printer,
) -> Result<Client, Failure> {
    let around = surroundings(typed, weigh, setup);
    let indexes = which::choose(&around)?;
    for line in indexes.lines() {
        printer.detail(&format!("index: {line}"));
    }
    for note in &indexes.notes {
        printer.warn(note);
    }
    let context = &weigh.context;
    let certificates = match setup.environment.get("SSL_CERT_FILE").map(PathBuf::from) {
        Some(path) => Some(path),
        None => which::certificates(&around)?,
    };
    let certificates = match certificates {
        Some(path) => Some(fs::read(&path).map_err(|error| Failure::unreadable(&path, &error))?.into()),
        None => None,
    };
    let options = Options {
        remote: Remote { certificates, ..context.remote.clone() },
        cache: setup.environment.cache_dir(),
        most_bytes: context.limits.remote_bytes,
        cancel: context.cancel.clone(),
    };
    Ok(Client::new(Online::unless(context.offline), indexes, &options)?)
}

/// Takes the Python of the installer that was asked for its index, where nothing else names one.
pub(crate) fn take_python(client: &Client, python: &mut Python) {
    let Some(pythonic) = &client.indexes().python else { return };
    if python.meant == Meant::Assumed {
        python.version = pythonic.python.clone();
        python.meant = Meant::Installer(pythonic.installer.clone());
    }
}

fn surroundings(typed: &Indexes, weigh: &Weigh, setup: &Setup) -> Surroundings {
    let environment = &setup.environment;
    let variables = VARIABLES.iter().filter_map(|name| Some((*name, environment.text(name)?)));
    // A target with a scheme lies elsewhere, or is an environment; neither is a project with settings.
    let local = |target: &String| {
        let path = PathBuf::from(target);
        path.exists().then_some(path)
    };
    Surroundings {
        variables: variables.collect(),
        home: environment.get("HOME").map(PathBuf::from),
        configurations: environment.configurations(),
        target: weigh.targets.iter().find_map(local),
        typed: typed.index_url.clone(),
        typed_extra: typed.extra_index_url.clone(),
        may_ask: true,
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::usage(error.to_string()).hint("`docs/index-client.md` says how the index is found")
    }
}
