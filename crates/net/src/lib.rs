//! The world outside: openers of targets in [`mod@open`], files on servers in `remote`, the client of advisory feeds
//! in [`feed`], the one of package indexes in [`index`], and what is asked of services that sign in [`exchange`].
//!
//! Only this crate touches foreign disks and networks, and only as its caller allows. To add a kind of target is to
//! add one file in `open/` and one line in [`OPENERS`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

pub mod digests;
pub mod exchange;
pub mod feed;
pub mod index;
mod online;
pub mod open;
mod recall;
pub mod remote;

use weighbridge_core::context::Context;
use weighbridge_core::opener::{OpenError, Opened, Opener};

/// Every opener, sorted by its first scheme.
pub static OPENERS: &[&dyn Opener] = &[
    &open::path::Path,
    &open::hub::Hub,
    &open::hub_cache::HubCache,
    &open::web::Web::HTTP,
    &open::web::Web::HTTPS,
    &open::store::Store,
    &open::venv::Venv,
];

/// Opens `target` with the opener of its scheme: the text before the first `:`, if that is a scheme of
/// [`OPENERS`]. Everything else is a plain path, so `./venv:x` opens a folder with that strange name.
///
/// # Errors
/// [`OpenError`] when there is nothing to weigh.
pub fn open(target: &str, context: &Context) -> Result<Opened, OpenError> {
    match with_scheme(target) {
        Some((opener, locator)) => opener.open(locator, context),
        None => open::path::Path.open(target, context),
    }
}

/// Whether a target is a plain path.
fn is_path(target: &str) -> bool {
    with_scheme(target).is_none()
}

/// The opener of the scheme of a target, and what stands behind it.
fn with_scheme(target: &str) -> Option<(&'static dyn Opener, &str)> {
    let (scheme, locator) = target.split_once(':').filter(|(scheme, _)| !scheme.is_empty())?;
    let opener = OPENERS.iter().find(|opener| opener.schemes().contains(&scheme))?;
    Some((*opener, locator))
}
