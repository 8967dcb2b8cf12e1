//! Lock files of real projects, from the folder `shared` beside the repository; listed as skipped where it is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use weighbridge_core::context::{Context, Python};
use weighbridge_core::graph::{Graph, Relation};
use weighbridge_engine::join::{Input, join};
use weighbridge_engine::read::{Options, read};

use crate::support::{context, test_if};

pub(crate) fn tests() -> Vec<Trial> {
    let manifests = shared_dir().map(|shared| shared.join("corpus/manifests")).filter(|path| path.is_dir());
    let missing = if manifests.is_some() { None } else { Some("no folder `shared/corpus/manifests`") };
    let manifests = manifests.unwrap_or_default();
    let all = manifests.clone();
    vec![
        test_if(missing, "corpus::a_uv_lock_reaches_what_uv_would_install", move || {
            a_uv_lock_reaches_what_uv_would_install(&manifests.join("microsoft+graphrag@2025"));
        }),
        test_if(missing, "corpus::whatever_is_locked_can_be_explained", move || {
            whatever_is_locked_can_be_explained(&all);
        }),
    ]
}

/// The nearest folder `shared` beside or above this crate.
fn shared_dir() -> Option<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared"))
        .find(|it| it.is_dir())
}

fn graph(path: &Path) -> Graph {
    let platform = [
        ("sys_platform", "linux"),
        ("platform_system", "Linux"),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
    ];
    let platform = platform.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let context = Context {
        python: Python { version: "3.12.0".into(), platform, system: None, meant: Default::default() },
        ..context()
    };
    let opened = weighbridge_net::open(&path.display().to_string(), &context).unwrap();
    let options = Options { readers: weighbridge_read::READERS, exclude: &[], jobs: None };
    let readings = read(vec![opened], &options, &context, &()).unwrap();
    join(&Input {
        name: "target",
        facts: &readings.facts,
        chosen: &BTreeMap::new(),
        files: &readings.files,
        context: &context,
    })
    .graph
}

/// `uv export --frozen --all-extras --all-groups --no-emit-project` (uv 0.13.9), its markers evaluated for CPython 3.10
/// on Linux x86-64, lists 249 packages; they are these.
fn a_uv_lock_reaches_what_uv_would_install(path: &Path) {
    let graph = graph(path);
    let packages: Vec<&str> = graph.components().map(|(_, component)| component.name.as_str()).collect();
    assert_eq!(packages.len(), 249);
    assert!(packages.contains(&"jupyter") && packages.contains(&"mkdocs-jupyter"), "{packages:?}");
    assert!(!packages.contains(&"pywin32") && !packages.contains(&"appnope"), "{packages:?}");
    // The project asks for what its manifest names, and everything else came in through that.
    assert!(graph.edges.keys().all(|edge| edge.relation == Relation::DependsOn));
}

/// Every package has at least one way from a project.
fn whatever_is_locked_can_be_explained(manifests: &Path) {
    let graph = graph(manifests);
    let routes = graph.routes();
    let strangers: Vec<String> = graph
        .components()
        .filter(|(id, _)| routes.distance(id).is_none())
        .map(|(id, _)| id.to_string())
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
    assert!(graph.components().count() > 1_000);
}
