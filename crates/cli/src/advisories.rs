//! Which advisories are used: those inside the program, or fetched ones that are as new or newer.

use std::path::PathBuf;

use weighbridge_advisory::{Index, SnapshotError};
use weighbridge_net::feed::{Store, StoreError};

use crate::errors::Failure;
use crate::printer::Printer;
use crate::setup::Setup;

/// What reports call the advisories inside the program.
const EMBEDDED: &str = "embedded";

/// The advisories in use.
pub(crate) struct Advisories {
    /// The advisories.
    pub(crate) index: Index,
    /// Where they come from: `embedded`, or the path of the fetched ones.
    pub(crate) source: String,
}

/// Fetched advisories.
pub(crate) enum Fetched {
    /// There are none.
    None,
    /// There are these, at this path.
    Valid(PathBuf, Index),
    /// What is there cannot be used.
    Damaged(PathBuf, SnapshotError),
    /// What is there cannot be read.
    Unreadable(StoreError),
}

/// The advisories inside the program.
pub(crate) fn embedded() -> Result<Index, Failure> {
    Index::embedded()
        .map_err(|error| Failure::defect("the embedded advisories cannot be read").because(&error))
}

/// The fetched advisories.
pub(crate) fn fetched(setup: &Setup) -> Fetched {
    let Some(store) = store(setup) else { return Fetched::None };
    match store.read() {
        Ok(None) => Fetched::None,
        Ok(Some(bytes)) => match Index::from_bytes(&bytes) {
            Ok(index) => Fetched::Valid(store.snapshot(), index),
            Err(error) => Fetched::Damaged(store.snapshot(), error),
        },
        Err(error) => Fetched::Unreadable(error),
    }
}

/// The folder of the fetched advisories; none where the environment names no place for one.
pub(crate) fn store(setup: &Setup) -> Option<Store> {
    setup.environment.cache_dir().map(|folder| Store::new(&folder))
}

/// The advisories to use. Fetched ones that cannot be used are an alarm, even for those who want quiet: their owner
/// believes to be up to date and is not.
pub(crate) fn load(setup: &Setup, printer: &Printer) -> Result<Advisories, Failure> {
    let embedded = embedded()?;
    match fetched(setup) {
        Fetched::Valid(path, index) if index.about().as_of >= embedded.about().as_of => {
            return Ok(Advisories { index, source: path.to_string_lossy().into_owned() });
        }
        Fetched::Valid(..) | Fetched::None => {}
        Fetched::Damaged(path, error) => printer.alarm(&format!(
            "`{}` cannot be used, the embedded advisories of {} are: {error}; `weighbridge db update` mends it",
            path.display(),
            embedded.about().as_of
        )),
        Fetched::Unreadable(error) => printer.alarm(&format!(
            "{error}; the embedded advisories of {} are used",
            embedded.about().as_of
        )),
    }
    Ok(Advisories { index: embedded, source: EMBEDDED.to_owned() })
}
