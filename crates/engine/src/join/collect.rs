//! Facts sorted by what they are about. Every list is sorted, so that the order of facts does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{
    Bom, Distribution, Environment, Fact, Included, Locked, OperatingSystem, Origin, Project, Recorded,
    Requires, SystemOwned, SystemPackage, What,
};
use weighbridge_core::place::{Evidence, Place};

use super::native::Shown;
use super::spelling::Spellings;
use super::wheels;

/// Something that a fact says, and the evidence for it.
pub(super) type Said<'a, T> = (&'a T, &'a Evidence);

/// The facts from which the graph is made.
#[derive(Default)]
pub(super) struct Collected<'a> {
    /// By place of the manifest.
    pub(super) projects: BTreeMap<&'a Place, Vec<Said<'a, Project>>>,
    /// By place of the manifest.
    pub(super) requires: BTreeMap<&'a Place, Vec<Said<'a, Requires>>>,
    /// The files that each manifest takes in.
    pub(super) includes: BTreeMap<&'a Place, Vec<Said<'a, Included>>>,
    /// By place of the lock file.
    pub(super) locks: BTreeMap<&'a Place, Vec<Said<'a, Locked>>>,
    /// By folder of `pyvenv.cfg` or of `conda-meta`.
    pub(super) environments: BTreeMap<&'a str, Said<'a, Environment>>,
    /// By path of the `*.dist-info` or `*.egg-info`.
    pub(super) metadata: BTreeMap<&'a str, Metadata<'a>>,
    /// What package files of conda hold, by the place inside that says it.
    pub(super) packed: BTreeMap<&'a Place, Vec<Said<'a, Distribution>>>,
    /// Format of each model file, by path.
    pub(super) models: BTreeMap<&'a str, Model<'a>>,
    /// Programs and libraries for a machine, also those inside archives.
    pub(super) binaries: BTreeMap<&'a Place, Shown<'a>>,
    /// Metadata of wheels and source distributions that lie there as files, by path of the file.
    pub(super) wheels: BTreeMap<&'a str, Said<'a, Distribution>>,
    /// What source distributions ask for, where their metadata are of the older form that does not say it.
    pub(super) source_requires: BTreeMap<&'a str, Vec<Said<'a, Requires>>>,
    /// Bills of materials of others, also those inside archives.
    pub(super) boms: BTreeMap<&'a Place, Vec<Said<'a, Bom>>>,
    /// By place of the database.
    pub(super) system_packages: BTreeMap<&'a Place, Vec<Said<'a, SystemPackage>>>,
    /// By place of the database.
    pub(super) system_owned: BTreeMap<&'a Place, Vec<Said<'a, SystemOwned>>>,
    /// By place of `os-release`.
    pub(super) releases: BTreeMap<&'a Place, Said<'a, OperatingSystem>>,
    /// Databases of RPM of which something was not read.
    pub(super) unread_databases: BTreeSet<&'a Place>,
    /// How versions are spelled.
    pub(super) spellings: Rc<Spellings>,
}

/// What the files of one `*.dist-info` or `*.egg-info` say.
#[derive(Default)]
pub(super) struct Metadata<'a> {
    pub(super) distribution: Option<Said<'a, Distribution>>,
    pub(super) record: Option<Said<'a, Vec<Recorded>>>,
    pub(super) origin: Option<Said<'a, Origin>>,
    pub(super) requested: Option<&'a Evidence>,
    /// What `INSTALLER` says.
    pub(super) installer: Option<&'a str>,
    /// What `requires.txt` says.
    pub(super) requires: Vec<Said<'a, Requires>>,
    /// Any file of the folder that said something; evidence of last resort.
    pub(super) first: Option<&'a Evidence>,
}

/// A file that a reader of models understood.
pub(super) struct Model<'a> {
    pub(super) format: &'static str,
    /// Steps between the file and the part that is of this format.
    depth: usize,
    pub(super) evidence: Vec<&'a Evidence>,
}

/// The reader of programs and libraries.
const NATIVE: &str = "native";

/// The reader of RPM's database.
const RPM: &str = "rpm-database";

/// Sorts the facts. Entries inside archives count for models, for what a file brings, and for the metadata of wheels: a wheel in
/// a folder is not installed.
pub(super) fn collect<'a>(
    facts: &'a BTreeMap<Place, Vec<Fact>>,
    chosen: &'a BTreeMap<Place, Vec<Fact>>,
    reads_models: impl Fn(&str) -> bool,
) -> Collected<'a> {
    let mut collected = Collected::default();
    for (place, facts) in facts.iter().chain(chosen) {
        for fact in facts {
            if let What::Format(format) = &fact.what
                && reads_models(fact.evidence.reader)
            {
                collected.model(place, format, &fact.evidence);
            } else if fact.evidence.reader == NATIVE {
                collected.binary(place, fact);
            } else if let What::Bom(bom) = &fact.what {
                collected.boms.entry(place).or_default().push((&**bom, &fact.evidence));
            } else if place.inner.is_empty() {
                collected.package(place, fact);
            } else if let What::Distribution(said) = &fact.what
                && said.ecosystem == Ecosystem::Conda
            {
                collected.packed.entry(place).or_default().push((said, &fact.evidence));
            } else if let What::Requires(said) = &fact.what
                && wheels::is_requires(place)
            {
                collected.source_requires.entry(&place.path).or_default().push((said, &fact.evidence));
            } else if let What::Distribution(said) = &fact.what
                && wheels::is_metadata(place)
            {
                keep_least(collected.wheels.entry(&place.path).or_insert((said, &fact.evidence)), {
                    (said, &fact.evidence)
                });
            }
        }
    }
    collected.conda_environments();
    collected.projects.values_mut().for_each(|said| said.sort());
    collected.requires.values_mut().for_each(|said| said.sort());
    collected.includes.values_mut().for_each(|said| said.sort());
    collected.locks.values_mut().for_each(|said| said.sort());
    collected.metadata.values_mut().for_each(|metadata| metadata.requires.sort());
    collected.source_requires.values_mut().for_each(|said| said.sort());
    collected.boms.values_mut().for_each(|said| said.sort());
    collected.system_packages.values_mut().for_each(|said| said.sort());
    collected.system_owned.values_mut().for_each(|said| said.sort());
    collected.models.values_mut().for_each(|model| model.evidence.sort());
    collected.binaries.values_mut().for_each(|shown| shown.libraries.sort());
    collected.spellings = Rc::new(Spellings::new(&collected));
    collected
}

impl<'a> Collected<'a> {
    fn package(&mut self, place: &'a Place, fact: &'a Fact) {
        let evidence = &fact.evidence;
        match &fact.what {
            What::Project(project) => self.projects.entry(place).or_default().push((project, evidence)),
            // `requires.txt` of an `*.egg-info` is metadata, and asks for nothing by itself.
            What::Requires(said) if metadata_path(&place.path).is_some() => {
                self.described(place, evidence, |metadata| metadata.requires.push((said, evidence)));
            }
            What::Requires(requires) => self.requires.entry(place).or_default().push((requires, evidence)),
            What::Includes(said) => self.includes.entry(place).or_default().push((said, evidence)),
            What::Locked(locked) => self.locks.entry(place).or_default().push((locked, evidence)),
            What::Environment(environment) => {
                let folder = prefix(&place.path).unwrap_or(place.folder());
                keep_least(self.environments.entry(folder).or_insert((environment, evidence)), {
                    (environment, evidence)
                });
            }
            // `info/index.json` of an unpacked package of conda installs nothing.
            What::Distribution(said) => self.described(place, evidence, |metadata| {
                keep_first(&mut metadata.distribution, (said, evidence));
            }),
            What::Record(said) => self.described(place, evidence, |metadata| {
                keep_first(&mut metadata.record, (said, evidence));
            }),
            What::DirectUrl(said) => self.described(place, evidence, |metadata| {
                keep_first(&mut metadata.origin, (said, evidence));
            }),
            What::Requested => self.described(place, evidence, |metadata| {
                keep_first(&mut metadata.requested, evidence);
            }),
            What::Installer(said) => self.described(place, evidence, |metadata| {
                keep_first(&mut metadata.installer, said.as_str());
            }),
            What::WheelTags(_) | What::EntryPoints(_) => {
                self.described(place, evidence, |_| {});
            }
            What::SystemPackage(said) => {
                self.system_packages.entry(place).or_default().push((&**said, evidence));
            }
            What::SystemOwned(said) => self.system_owned.entry(place).or_default().push((said, evidence)),
            What::OperatingSystem(said) => {
                keep_least(self.releases.entry(place).or_insert((said, evidence)), (said, evidence));
            }
            What::Unread(_) if evidence.reader == RPM => {
                self.unread_databases.insert(place);
            }
            What::Format(_)
            | What::Malformed(_)
            | What::Misnamed(_)
            | What::Imitation(_)
            | What::ComputedInstall(_)
            | What::Unread(_)
            | What::Effect(_)
            | What::Tensors(_)
            | What::Storages(_)
            | What::Takes(_)
            | What::Items(_)
            | What::Slices(_)
            | What::Defines(_)
            | What::StartUpCode(_)
            | What::InstallCode(_)
            | What::SearchPath(_)
            | What::Imports(_)
            | What::Index(_)
            | What::Binary(_)
            | What::Library(_)
            | What::Bom(_)
            | What::Altered(_)
            | What::Approved(_)
            | What::Signature(_)
            | What::TensorSignature(_)
            | What::MemberRecord(_) => {}
        }
    }

    /// A folder in which conda notes packages is an environment, with or without a Python.
    fn conda_environments(&mut self) {
        static PLAIN: Environment =
            Environment { python: None, implementation: None, system_packages: false };
        let mut found: BTreeMap<&'a str, &'a Evidence> = BTreeMap::new();
        for (path, metadata) in &self.metadata {
            if let (Some(folder), Some(evidence)) = (prefix(path), metadata.first) {
                let known = found.entry(folder).or_insert(evidence);
                *known = (*known).min(evidence);
            }
        }
        for (folder, evidence) in found {
            self.environments.entry(folder).or_insert((&PLAIN, evidence));
        }
    }

    fn described(&mut self, place: &'a Place, evidence: &'a Evidence, keep: impl FnOnce(&mut Metadata<'a>)) {
        if let Some(folder) = metadata_path(&place.path) {
            let metadata = self.metadata.entry(folder).or_default();
            keep_first(&mut metadata.first, evidence);
            keep(metadata);
        }
    }

    fn binary(&mut self, place: &'a Place, fact: &'a Fact) {
        let shown = self.binaries.entry(place).or_default();
        match &fact.what {
            What::Format(format) => keep_first(&mut shown.format, (*format, &fact.evidence)),
            What::Binary(binary) => keep_first(&mut shown.binary, (&**binary, &fact.evidence)),
            What::Library(library) => shown.libraries.push((library, &fact.evidence)),
            _ => {}
        }
    }

    fn model(&mut self, place: &'a Place, format: &'static str, evidence: &'a Evidence) {
        let depth = place.inner.len();
        let model = self.models.entry(&place.path).or_insert(Model { format, depth, evidence: Vec::new() });
        // The outermost format names the file.
        if (depth, format) < (model.depth, model.format) {
            (model.depth, model.format) = (depth, format);
        }
        if depth == 0 || model.evidence.is_empty() {
            model.evidence.push(evidence);
        }
    }
}

/// The folder of the environment of which a file is one of conda's notes.
pub(super) fn prefix(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = if folder == "conda-meta" { Some("") } else { folder.strip_suffix("/conda-meta") };
    folder.filter(|_| name.ends_with(".json"))
}

/// The `*.dist-info`, `*.egg-info` or `*.egg/EGG-INFO` in which a file lies, or which it is; one of conda's notes itself.
fn metadata_path(path: &str) -> Option<&str> {
    if prefix(path).is_some() {
        return Some(path);
    }
    let is_metadata = |path: &str| {
        path.ends_with(".dist-info") || path.ends_with(".egg-info") || path.ends_with(".egg/EGG-INFO")
    };
    if is_metadata(path) {
        return Some(path);
    }
    path.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| is_metadata(folder))
}

fn keep_first<T: Ord>(slot: &mut Option<T>, new: T) {
    match slot {
        Some(old) => keep_least(old, new),
        None => *slot = Some(new),
    }
}

fn keep_least<T: Ord>(old: &mut T, new: T) {
    if new < *old {
        *old = new;
    }
}
