use std::collections::BTreeMap;

use weighbridge_core::context::{Context, Python, Remote};
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Effect, Fact, Global, Target, Value, What};
use weighbridge_core::graph::Graph;
use weighbridge_core::graph::NodeId;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence};
use weighbridge_core::purl::Purl;
use weighbridge_core::world::{File, Installed, RecordedFile};

use super::*;
use crate::rules::p002_untrusted_model_file::Untrusted;
use crate::safety::{find_owners, judge_artifacts};

/// A fact at an offset of an entry.
fn fact(place: &Place, what: What, offset: u64) -> Fact {
    let span = Some(Span::Offset(offset));
    Fact { what, evidence: Evidence { place: place.clone(), span, reader: "pickle", class: Class::Observed } }
}

fn effect(kind: EffectKind, opcode: &'static str, module: &str, name: &str, argument: Option<&str>) -> What {
    let target = Target::Global(Global { module: module.to_owned(), name: name.to_owned() });
    let text = |text: &str| Value::Text(text.to_owned(), u64::try_from(text.len()).unwrap());
    let arguments = argument.map(text).into_iter().collect();
    What::Effect(Effect::new(kind, target, opcode).with(arguments))
}

fn import(module: &str, name: &str) -> What {
    effect(EffectKind::Import, "GLOBAL", module, name, None)
}

fn call(module: &str, name: &str, argument: &str) -> What {
    effect(EffectKind::Call, "REDUCE", module, name, Some(argument))
}

/// The artifacts of a target with these entries, and what both rules find about them.
fn judge(entries: &[(&Place, Vec<What>)]) -> (Vec<Artifact>, Vec<Finding>) {
    judge_installed(entries, &[])
}

fn judge_installed(
    entries: &[(&Place, Vec<What>)],
    installed: &[Installed],
) -> (Vec<Artifact>, Vec<Finding>) {
    let mut facts: BTreeMap<Place, Vec<Fact>> = BTreeMap::new();
    let mut files = BTreeMap::new();
    for (place, whats) in entries {
        let offsets = (2u64..).step_by(10);
        let found =
            whats.iter().zip(offsets).map(|(what, offset)| fact(place, what.clone(), offset)).collect();
        facts.insert((*place).clone(), found);
        let digest = Ok(Digest::of(b"x"));
        files.insert(place.path.clone(), File { size: 9, digest });
    }
    let mut artifacts = judge_artifacts(&facts, &files);
    find_owners(&mut artifacts, installed);
    let graph = Graph::default();
    let context = Context {
        today: Date::from_days(0),
        limits: Limits::default(),
        cancel: Cancel::default(),
        offline: true,
        python: Python {
            version: "3.12.0".to_owned(),
            platform: BTreeMap::new(),
            system: None,
            meant: Default::default(),
        },
        remote: Remote::default(),
        roots: Vec::new(),
        cache: None,
    };
    let routes = graph.routes();
    let world = World {
        graph: &graph,
        routes: &routes,
        facts: &facts,
        files: &files,
        artifacts: &artifacts,
        matches: &[],
        clear: &BTreeMap::new(),
        unassessed: &BTreeMap::new(),
        standings: &BTreeMap::new(),
        indexed: &BTreeMap::new(),
        installed,
        disagreements: &[],
        context: &context,
    };
    let mut findings = Vec::new();
    Dangerous.check(&world, &mut findings);
    Untrusted.check(&world, &mut findings);
    (artifacts, findings)
}

#[test]
fn a_finding_says_what_and_where() {
    let place = Place::file("models/encoder.pkl");
    let whats = vec![
        What::Format("pickle"),
        import("shop", "Scaler"),
        import("posix", "system"),
        call("posix", "system", "touch /tmp/x"),
    ];
    let (artifacts, findings) = judge(&[(&place, whats)]);
    assert_eq!((artifacts.len(), artifacts[0].safety, artifacts[0].effects.len()), (1, Safety::Dangerous, 3));
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(finding.title, "models/encoder.pkl runs a program when loaded");
    assert_eq!(finding.details, ["offset 32  REDUCE  posix.system(\"touch /tmp/x\")"]);
    assert_eq!(finding.location, Some((place, Some(Span::Offset(32)))));
}

#[test]
fn the_worst_part_decides_and_its_way_inside_is_told() {
    let file = Place::file("bundle.zip");
    let (good, bad, odd) = (file.step("a.pkl"), file.step("b.pkl"), file.step("c.txt"));
    let (artifacts, findings) = judge(&[
        (&file, vec![What::Format("zip")]),
        (&good, vec![What::Format("pickle"), import("collections", "OrderedDict")]),
        (&bad, vec![What::Format("pickle"), call("shop", "make", "x"), import("shop", "make")]),
        (&odd, vec![What::Unread(Unread::Encrypted)]),
    ]);
    assert_eq!((artifacts[0].format, artifacts[0].safety), ("zip", Safety::Untrusted));
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(
        (finding.rule.id, finding.title.as_str()),
        ("WB-P002", "bundle.zip calls `shop.make` when loaded")
    );
    assert_eq!(finding.details[0], "b.pkl  offset 12  REDUCE  shop.make(\"x\")");
    assert_eq!(finding.details.last().unwrap(), "package `shop` is not in this target");
}

#[test]
fn data_of_a_package_that_runs_its_own_code_is_no_finding() {
    let recorded = |name: &str, content: &[u8]| {
        let path = format!("site-packages/{name}").into();
        RecordedFile::new(Some(path), name, Some(Digest::of(content)), None)
    };
    let names = ["shop/a.dat", "shop/b.dat", "shop/changed.dat", "shop/foreign.dat"];
    let mut record: Vec<RecordedFile> = names.iter().map(|name| recorded(name, b"x")).collect();
    record[2].digest = Some(Digest::of(b"something else"));
    record.push(recorded("shop/__init__.py", b""));
    let shop = Installed {
        component: NodeId::Component(Purl::pypi(&PackageName::new("shop").unwrap(), Some("1"))),
        root: "site-packages".into(),
        metadata: "site-packages/shop-1.dist-info".into(),
        record: Some(record),
    };
    let places: Vec<Place> = names.iter().map(|name| Place::file(format!("site-packages/{name}"))).collect();
    let stray = Place::file("site-packages/shop/stray.dat");
    let own = || vec![What::Format("pickle"), import("shop.features", "Scaler")];
    let foreign = vec![What::Format("pickle"), import("shop", "Scaler"), import("other", "Thing")];
    let entries = [
        (&places[0], own()),
        (&places[1], own()),
        (&places[2], own()),
        (&places[3], foreign),
        (&stray, own()),
    ];
    let (artifacts, findings) = judge_installed(&entries, &[shop]);
    assert!(artifacts.iter().all(|artifact| artifact.safety == Safety::Untrusted));
    let told: Vec<String> =
        findings.iter().map(|finding| format!("{} {}", finding.severity, finding.title)).collect();
    assert_eq!(
        told,
        [
            "medium site-packages/shop/changed.dat imports `shop.features.Scaler` when loaded",
            "medium site-packages/shop/foreign.dat imports `shop.Scaler` when loaded",
            "medium site-packages/shop/stray.dat imports `shop.features.Scaler` when loaded",
        ]
    );
}

#[test]
fn what_is_not_understood_is_never_harmless() {
    let place = Place::file("m.pkl");
    for (what, expected) in [
        (What::Malformed("some bytes".to_owned()), Safety::Harmless),
        (What::Unread(Unread::Malformed("broken".to_owned())), Safety::Unread),
        (import("collections", "OrderedDict"), Safety::Harmless),
        (import("shop", "make"), Safety::Untrusted),
    ] {
        let (artifacts, _) = judge(&[(&place, vec![What::Format("pickle"), what.clone()])]);
        assert_eq!(artifacts[0].safety, expected, "{what:?}");
    }
    let (none, _) = judge(&[(&place, vec![What::Format("zip"), What::Unread(Unread::Encrypted)])]);
    assert_eq!(none, [], "a container without a model is no model");
}

#[test]
fn a_fingerprint_outlives_offsets_and_many_effects_are_counted() {
    let place = Place::file("m.pkl");
    let fingerprint = |whats: Vec<What>| judge(&[(&place, whats)]).1[0].fingerprint.clone();
    let bad = || import("posix", "system");
    let one = fingerprint(vec![What::Format("pickle"), bad()]);
    let later = fingerprint(vec![What::Format("pickle"), import("collections", "deque"), bad()]);
    let other = fingerprint(vec![What::Format("pickle"), import("posix", "popen")]);
    assert_eq!(one, later);
    assert_ne!(one, other);
    let many: Vec<What> = (0..9).map(|number| import("posix", &format!("name{number}"))).collect();
    let (_, findings) = judge(&[(&place, [vec![What::Format("pickle")], many].concat())]);
    assert_eq!(findings[0].details[5], "+ 4 more");
}
