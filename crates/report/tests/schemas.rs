//! Every JSON that is written is valid by its schema, and means something beyond it.

use std::collections::BTreeSet;

use jsonschema::Validator;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::published;
use crate::snapshots::{render, reports, style};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    trials.push(Trial::test("schemas::json_is_valid_by_its_own_schema", || {
        let schema = weighbridge_core::wire::v1::schema();
        valid("json", &jsonschema::validator_for(&schema)?)
    }));
    trials.push(Trial::test("schemas::the_schema_refuses_what_is_no_report", refuses));
    trials.push(Trial::test("schemas::references_of_a_bill_of_materials_hold", || {
        for (name, report) in reports() {
            let bill = parsed("cyclonedx", &report)?;
            lint(&bill).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }));
    trials.push(Trial::test("schemas::the_linter_finds_what_the_schema_lets_pass", linter));
    for format in ["sarif", "cyclonedx", "openvex"] {
        let validator = published::validator(format);
        let absent = validator.is_none();
        let test = move || valid(format, &validator.ok_or("the folder `shared` is not there")?);
        let trial = Trial::test(format!("schemas::{format}_is_valid_by_the_published_schema"), test);
        trials.push(trial.with_ignored_flag(absent));
    }
    trials
}

fn parsed(format: &str, report: &weighbridge_core::report::Report) -> Result<Value, Failed> {
    Ok(serde_json::from_slice(&render(format, report, &style(report)))?)
}

fn valid(format: &str, validator: &Validator) -> Result<(), Failed> {
    for (name, report) in reports() {
        let document = parsed(format, &report)?;
        // By its schema a document has a statement; where nothing is known to be vulnerable there is none to make.
        if format == "openvex" && document["statements"] == Value::Array(Vec::new()) {
            assert!(report.findings.iter().all(|finding| finding.vulnerability.is_none()));
            continue;
        }
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if !errors.is_empty() {
            return Err(format!("{name}: {}", errors.join("\n")).into());
        }
    }
    Ok(())
}

fn refuses() -> Result<(), Failed> {
    let validator = jsonschema::validator_for(&weighbridge_core::wire::v1::schema())?;
    let (_, report) = reports().pop().ok_or("no reports")?;
    let good = parsed("json", &report)?;
    for (pointer, wrong) in [
        ("/schema", Value::from("weighbridge.report/2")),
        ("/verdict", Value::from("ok")),
        ("/findings/0/severity", Value::from("severe")),
        ("/findings/0/paths", Value::Null),
        ("/artifacts/0/size", Value::from("many")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).ok_or(pointer)? = wrong;
        if validator.is_valid(&bad) {
            return Err(format!("{pointer} may be anything").into());
        }
    }
    let mut bad = good;
    bad.as_object_mut().and_then(|report| report.remove("coverage")).ok_or("no coverage")?;
    if validator.is_valid(&bad) { Err("coverage may be missing".into()) } else { Ok(()) }
}

/// What the schema of CycloneDX does not check: references are unique and lead somewhere, purls are purls, and nothing
/// floats outside the graph.
fn lint(bill: &Value) -> Result<(), String> {
    fn walk<'a>(component: &'a Value, all: &mut Vec<&'a Value>) {
        all.push(component);
        for inner in component["components"].as_array().into_iter().flatten() {
            walk(inner, all);
        }
    }
    let mut components = Vec::new();
    walk(&bill["metadata"]["component"], &mut components);
    for component in bill["components"].as_array().into_iter().flatten() {
        walk(component, &mut components);
    }
    let mut references = BTreeSet::new();
    let vulnerabilities = || bill["vulnerabilities"].as_array().into_iter().flatten();
    for item in components.iter().copied().chain(vulnerabilities()) {
        let reference = item["bom-ref"].as_str().ok_or("something without a reference")?;
        if !references.insert(reference) {
            return Err(format!("`{reference}` twice"));
        }
    }
    for purl in components.iter().filter_map(|component| component["purl"].as_str()) {
        let rest = ["pkg:pypi/", "pkg:generic/"].iter().find_map(|kind| purl.strip_prefix(kind));
        let rest = rest.ok_or(format!("`{purl}` is no purl of a Python package or a library"))?;
        let (name, version) = rest.split_once('@').unwrap_or((rest, "0"));
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let encoded = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:%".contains(&byte);
        if name.is_empty()
            || version.is_empty()
            || !name.bytes().all(allowed)
            || !version.bytes().all(encoded)
        {
            return Err(format!("`{purl}` is not canonical"));
        }
    }
    let known = |value: &Value| match value.as_str() {
        Some(reference) if references.contains(reference) => Ok(reference.to_owned()),
        _ => Err(format!("{value} leads nowhere")),
    };
    let mut edges = Vec::new();
    let mut described = BTreeSet::new();
    for dependency in bill["dependencies"].as_array().ok_or("no dependencies")? {
        let from = known(&dependency["ref"])?;
        if !described.insert(from.clone()) {
            return Err(format!("the dependencies of `{from}` twice"));
        }
        for to in dependency["dependsOn"].as_array().into_iter().flatten() {
            edges.push((from.clone(), known(to)?));
        }
    }
    for affected in vulnerabilities().flat_map(|it| it["affects"].as_array().into_iter().flatten()) {
        known(&affected["ref"])?;
    }
    let root = known(&bill["metadata"]["component"]["bom-ref"])?;
    let mut reached = BTreeSet::from([root]);
    while let Some((_, to)) = edges.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to))
    {
        reached.insert(to.clone());
    }
    let floats = bill["components"].as_array().into_iter().flatten().filter_map(|it| it["bom-ref"].as_str());
    match floats.into_iter().find(|reference| !reached.contains(*reference)) {
        Some(reference) => Err(format!("`{reference}` floats")),
        None => Ok(()),
    }
}

/// The linter is no rubber stamp.
fn linter() -> Result<(), Failed> {
    let (_, report) = reports().pop().ok_or("no reports")?;
    let good = parsed("cyclonedx", &report)?;
    lint(&good)?;
    for (pointer, wrong) in [
        ("/components/1/bom-ref", good["components"][0]["bom-ref"].clone()),
        ("/components/0/purl", Value::from("pkg:pypi/openai model")),
        ("/dependencies/0/ref", Value::from("nobody")),
        ("/dependencies/0/dependsOn", Value::from(vec!["nobody"])),
        ("/vulnerabilities/0/affects/0/ref", Value::from("nobody")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).ok_or(pointer)? = wrong;
        if lint(&bad).is_ok() {
            return Err(format!("{pointer} may be anything").into());
        }
    }
    let mut bad = good;
    bad["dependencies"] = Value::Array(Vec::new());
    if lint(&bad).is_ok() { Err("components may float".into()) } else { Ok(()) }
}
