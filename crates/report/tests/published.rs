//! The schemas that others published for the formats that we write, from the folder `shared` beside the project.

use std::path::{Path, PathBuf};

use jsonschema::{Registry, Resource, Validator};
use serde_json::Value;

/// The validator for `sarif`, `openvex` or `cyclonedx`; none where the folder is not there.
pub(crate) fn validator(format: &str) -> Option<Validator> {
    let (schema, others): (_, &[&str]) = match format {
        "sarif" => ("sarif-2.1.0/sarif-schema-2.1.0.json", &[]),
        "openvex" => ("openvex-0.2.0/openvex_json_schema.json", &[]),
        _ => ("cyclonedx/bom-1.7.schema.json", &["spdx", "jsf-0.82", "cryptography-defs"]),
    };
    let folder = shared()?.join("schemas");
    folder.join(schema).exists().then(|| {
        let others = others.iter().map(|other| read(&folder.join(format!("cyclonedx/{other}.schema.json"))));
        let registry = others.fold(Registry::new(), |registry, other| {
            let id = other["$id"].as_str().unwrap().to_owned();
            registry.add(id, Resource::from_contents(other)).unwrap()
        });
        let registry = registry.prepare().unwrap();
        let options = jsonschema::options().with_registry(&registry).should_validate_formats(true);
        options.build(&read(&folder.join(schema))).unwrap()
    })
}

/// The folder `shared` beside a folder above this crate, if there is one.
pub(crate) fn shared() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared")).find(|folder| folder.is_dir())
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
