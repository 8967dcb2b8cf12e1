//! Whether the target's own code imports a package: a hint which vulnerabilities it may reach, and no proof that it does
//! not reach the others, since packages import one another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::What;
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::place::Place;
use weighbridge_core::world::World;

const MODULES: &str = include_str!("../../data/imports.tsv");

/// What the code of the target imports.
pub(super) struct Imported<'w> {
    /// Where each module is imported, first place first; also those above it.
    modules: BTreeMap<&'w str, BTreeSet<(&'w Place, u32)>>,
    /// Modules that installed packages bring, by component.
    brought: BTreeMap<&'w NodeId, BTreeSet<&'w str>>,
}

impl<'w> Imported<'w> {
    pub(super) fn new(world: &World<'w>) -> Self {
        let mut modules: BTreeMap<&str, BTreeSet<(&Place, u32)>> = BTreeMap::new();
        for (place, facts) in world.facts {
            for fact in facts {
                if let What::Imports(imports) = &fact.what {
                    for import in imports {
                        let ends = import.module.match_indices('.').map(|(at, _)| at);
                        for end in ends.chain([import.module.len()]) {
                            let module = import.module.get(..end).unwrap_or_default();
                            modules.entry(module).or_default().insert((place, import.at));
                        }
                    }
                }
            }
        }
        let mut brought: BTreeMap<&NodeId, BTreeSet<&str>> = BTreeMap::new();
        if !modules.is_empty() {
            for installed in world.installed {
                let files = installed.record.iter().flatten().filter_map(|file| file.path.as_ref());
                let names = files.filter_map(|path| module(&installed.root, path));
                brought.entry(&installed.component).or_default().extend(names);
            }
        }
        Self { modules, brought }
    }

    /// One line about a package of the Python index; none where the target holds no code.
    pub(super) fn line(&self, id: &NodeId, component: &Component) -> Option<String> {
        if self.modules.is_empty() || component.ecosystem != Ecosystem::PyPi {
            return None;
        }
        let fallback = component.name.as_str().replace('-', "_");
        let names: BTreeSet<&str> = match self.brought.get(id).filter(|names| !names.is_empty()) {
            Some(names) => names.clone(),
            None => listed(component.name.as_str()).unwrap_or([fallback.as_str()].into()),
        };
        let places: BTreeSet<(&Place, u32)> =
            names.iter().filter_map(|name| self.modules.get(name)).flatten().copied().collect();
        Some(match places.first() {
            None => "no code of the target imports it".to_owned(),
            Some((place, at)) => {
                let word = if place.path.ends_with(".ipynb") { " cell " } else { ":" };
                let more = match places.len().saturating_sub(1) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("imported by {place}{word}{at}{more}")
            }
        })
    }
}

/// The module at the top to which an installed file belongs.
fn module<'w>(root: &str, path: &'w Arc<str>) -> Option<&'w str> {
    let below = if root.is_empty() { path } else { path.strip_prefix(root)?.strip_prefix('/')? };
    let (name, is_file) = below.split_once('/').map_or((below, true), |(folder, _)| (folder, false));
    let name = if is_file {
        let (stem, ending) = name.split_once('.')?;
        let is_code = ending == "py" || ending.ends_with("so") || ending.ends_with("pyd");
        is_code.then_some(stem)?
    } else {
        name
    };
    let is_name = !name.starts_with("__") && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_name && !name.is_empty()).then_some(name)
}

/// The modules of a package whose name does not say them.
fn listed(package: &str) -> Option<BTreeSet<&'static str>> {
    let rows = MODULES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    rows.into_iter().find(|(name, _)| *name == package).map(|(_, modules)| modules.split(' ').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_installed_files() {
        for (path, expected) in [
            ("lib/PIL/Image.py", Some("PIL")),
            ("lib/six.py", Some("six")),
            ("lib/_cffi_backend.cpython-312-x86_64-linux-gnu.so", Some("_cffi_backend")),
            ("lib/numpy.libs/libgfortran.so.5", None),
            ("lib/numpy-1.0.dist-info/RECORD", None),
            ("lib/__pycache__/six.cpython-312.pyc", None),
            ("bin/f2py", None),
        ] {
            assert_eq!(module("lib", &path.into()), expected, "{path}");
        }
    }

    #[test]
    fn the_list_is_sorted() {
        let names: Vec<&str> = MODULES.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
        assert!(names.is_sorted_by(|one, other| one < other));
        assert_eq!(listed("pillow"), Some(["PIL"].into()));
        assert_eq!(listed("numpy"), None);
    }
}
