//! Which advisories are used: those inside the program, or fetched ones that are as new or newer, and beside them what the
//! user has imported.

use std::collections::BTreeSet;
use std::path::PathBuf;

use weighbridge_advisory::epss::Scores;
use weighbridge_advisory::{Index, SnapshotError};
use weighbridge_core::date::Date;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::knowledge::Imported;
use weighbridge_engine::enrich::{Knowledge, Others};
use weighbridge_net::feed::{Store, StoreError};

use crate::errors::Failure;
use crate::printer::Printer;
use crate::setup::Setup;

/// What reports call the advisories inside the program.
const EMBEDDED: &str = "embedded";

/// The name under which imported EPSS scores are kept.
pub(crate) const EPSS: &str = "epss";

/// The name under which an imported catalogue of exploited vulnerabilities is kept.
pub(crate) const EXPLOITED: &str = "exploited";

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

/// The advisories inside the program about libraries and packages of distributions.
pub(crate) fn embedded_libraries() -> Result<Index, Failure> {
    Index::embedded_libraries()
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

/// Everything that a scan holds components against, but for imports that only some targets need.
pub(crate) struct Owned {
    /// Advisories about Python.
    pub(crate) index: Index,
    /// Where the fetched or embedded ones among them come from.
    pub(crate) source: String,
    exploited: Option<Index>,
    epss: Option<Scores>,
    imported: Vec<Imported>,
}

impl Owned {
    /// All of it; `others` gives what was imported about other ecosystems.
    pub(crate) fn knowledge<'a>(&'a self, others: &'a Others<'a>) -> Knowledge<'a> {
        Knowledge {
            python: &self.index,
            source: &self.source,
            others,
            exploited: self.exploited.as_ref(),
            epss: self.epss.as_ref(),
            imported: self.imported.clone(),
        }
    }
}

/// Loads what every scan needs. What was imported and cannot be used is an alarm, as fetched advisories are.
pub(crate) fn load_all(setup: &Setup, printer: &Printer) -> Result<Owned, Failure> {
    let Advisories { index, source } = load(setup, printer)?;
    let mut owned = Owned { index, source, exploited: None, epss: None, imported: Vec::new() };
    let Some(store) = store(setup) else { return Ok(owned) };
    let read = |name: &str| match store.imported(name) {
        Ok(bytes) => bytes,
        Err(error) => {
            printer.alarm(&format!("what was imported as {name} is not used: {error}"));
            None
        }
    };
    let unusable = |name: &str, error: &SnapshotError| {
        printer.alarm(&format!("what was imported as {name} is not used: {error}; import it again"));
    };
    if let Some(bytes) = read(EPSS) {
        match Scores::from_bytes(&bytes) {
            Ok(scores) => {
                owned.imported.push(imported(EPSS, scores.as_of(), scores.len()));
                owned.epss = Some(scores);
            }
            Err(error) => unusable(EPSS, &error),
        }
    }
    if let Some(bytes) = read(EXPLOITED) {
        match Index::from_bytes(&bytes) {
            Ok(catalogue) => {
                let (day, number) = (catalogue.about().as_of, catalogue.exploited_count());
                owned.imported.push(imported(EXPLOITED, day, number));
                owned.exploited = Some(catalogue);
            }
            Err(error) => unusable(EXPLOITED, &error),
        }
    }
    let python = Ecosystem::PyPi.purl_type();
    if let Some(bytes) = read(python) {
        match Index::from_bytes(&bytes) {
            Ok(more) => {
                owned.imported.push(imported(python, more.about().as_of, more.records_in_force()));
                owned.index = owned.index.with(more);
            }
            Err(error) => unusable(python, &error),
        }
    }
    Ok(owned)
}

/// What was imported about these ecosystems.
pub(crate) fn load_others(
    wanted: &BTreeSet<Ecosystem>,
    setup: &Setup,
    printer: &Printer,
) -> Vec<(Imported, Index)> {
    let Some(store) = store(setup) else { return Vec::new() };
    let names = store.imported_names().unwrap_or_else(|error| {
        printer.alarm(&format!("what was imported is not used: {error}"));
        Vec::new()
    });
    let is_wanted = |name: &String| {
        let ecosystem = Ecosystem::of_purl_type(name.split('-').next().unwrap_or_default());
        ecosystem.is_some_and(|it| it != Ecosystem::PyPi && wanted.contains(&it))
    };
    let mut others = Vec::new();
    for name in names.iter().filter(|name| is_wanted(name)) {
        let bytes = match store.imported(name) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => {
                printer.alarm(&format!("what was imported as {name} is not used: {error}"));
                continue;
            }
        };
        match Index::from_bytes(&bytes) {
            Ok(index) => {
                others.push((imported(name, index.about().as_of, index.records_in_force()), index));
            }
            Err(error) => {
                printer.alarm(&format!("what was imported as {name} is not used: {error}; import it again"));
            }
        }
    }
    others
}

fn imported(name: &str, as_of: Date, records: usize) -> Imported {
    Imported { name: name.to_owned(), as_of, records: u64::try_from(records).unwrap_or(u64::MAX) }
}

/// What there is to say of an import.
pub(crate) struct Kept {
    /// The day up to which it reaches.
    pub(crate) as_of: Date,
    /// What it holds, in words.
    pub(crate) holds: String,
    /// Of which files it was made, and when.
    pub(crate) sources: Vec<String>,
}

/// The name of an import, and what there is to say of it.
pub(crate) type Import = (String, Result<Kept, String>);

/// Everything that was imported, by name; why where it cannot be used.
pub(crate) fn imports(setup: &Setup) -> Result<Vec<Import>, Failure> {
    let Some(store) = store(setup) else { return Ok(Vec::new()) };
    let kept = |name: &String| -> Result<Kept, String> {
        let bytes = store.imported(name).map_err(|error| error.to_string())?.unwrap_or_default();
        if name == EPSS {
            let scores = Scores::from_bytes(&bytes).map_err(|error| error.to_string())?;
            let holds = format!("{} scores of the model {}", scores.len(), scores.model());
            return Ok(Kept { as_of: scores.as_of(), holds, sources: vec![scores.source().to_owned()] });
        }
        let index = Index::from_bytes(&bytes).map_err(|error| error.to_string())?;
        let holds = match name.as_str() {
            EXPLOITED => format!("{} vulnerabilities", index.exploited_count()),
            _ => format!("{} records", index.records_in_force()),
        };
        Ok(Kept { as_of: index.about().as_of, holds, sources: index.about().sources.clone() })
    };
    let names = store.imported_names()?;
    Ok(names.into_iter().map(|name| (name.clone(), kept(&name))).collect())
}
