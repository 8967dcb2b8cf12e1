//! The cache of the hub's client: what links lead to, what names of blobs are worth.

use std::os::unix::fs::symlink;

use libtest_mimic::Trial;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::{Claimed, Digest};
use weighbridge_core::fact::What;
use weighbridge_core::opener::OpenError;
use weighbridge_engine::read::{Options, Readings, read};

use crate::support::{Folder, context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("hub_cache::a_snapshot_alone_is_whole", a_snapshot_alone_is_whole),
        test("hub_cache::each_blob_is_read_once_by_the_names_of_loaders", each_blob_once),
        test("hub_cache::names_of_blobs_are_compared_with_their_bytes", names_are_compared),
        test("hub_cache::other_links_still_lead_out", other_links_still_lead_out),
        test("hub_cache::a_folder_without_repositories_is_none", no_cache),
    ]
}

const PICKLE: &[u8] = b"\x80\x02}X\x01\0\0\0aK\x01s.";
const CONFIG: &[u8] = b"{}";

/// The name of a large file in the cache.
fn large(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// The name of a small one.
fn small(bytes: &[u8]) -> String {
    let mut hasher = Claimed::GitBlob([0; 20]).hasher(bytes.len() as u64);
    hasher.update(bytes);
    hasher.finish().to_string().replace("git blob ", "")
}

/// A repository with two revisions that share a model; what the client keeps for itself beside them.
fn repository(folder: Folder, name: &str) -> Folder {
    let (pickle, config) = (large(PICKLE), small(CONFIG));
    folder
        .file(format!("{name}/blobs/{pickle}"), PICKLE)
        .file(format!("{name}/blobs/{config}"), CONFIG)
        .file(format!("{name}/blobs/{}.incomplete", large(b"x")), "half of it")
        .file(format!("{name}/refs/main"), "2222")
        .file(format!("{name}/.no_exist/2222/added_tokens.json"), "")
        .link(&format!("{name}/snapshots/1111/model.pkl"), format!("../../blobs/{pickle}"))
        .link(&format!("{name}/snapshots/2222/model.pkl"), format!("../../blobs/{pickle}"))
        .link(&format!("{name}/snapshots/2222/sub/copy.bin"), format!("../../../blobs/{pickle}"))
        .link(&format!("{name}/snapshots/2222/config.json"), format!("../../blobs/{config}"))
}

fn weigh(target: &str) -> Readings {
    let opened = weighbridge_net::open(target, &context()).unwrap();
    let options = Options { readers: weighbridge_read::READERS, exclude: &[], jobs: None };
    read(vec![opened], &options, &context(), &()).unwrap()
}

fn gaps(readings: &Readings) -> Vec<String> {
    readings.coverage.unread.iter().map(ToString::to_string).collect()
}

fn altered(readings: &Readings) -> Vec<String> {
    let facts = readings.facts.values().flatten();
    let altered = facts.filter_map(|fact| match &fact.what {
        What::Altered(altered) => Some(format!("{}: {}", fact.evidence.place, altered.claimed)),
        _ => None,
    });
    altered.collect()
}

fn a_snapshot_alone_is_whole() {
    let folder = repository(Folder::new(), "models--org--name");
    let snapshot = format!("{}/models--org--name/snapshots/2222", folder.text());
    for target in [snapshot.clone(), format!("{snapshot}/model.pkl"), format!("{snapshot}/..")] {
        let readings = weigh(&target);
        assert_eq!(gaps(&readings), Vec::<String>::new(), "{target}");
        assert_eq!(altered(&readings), Vec::<String>::new(), "{target}");
        let digests = readings.files.values().filter(|file| file.digest == Ok(Digest::of(PICKLE)));
        assert!(digests.count() > 0, "{target}");
    }
    let opened = weighbridge_net::open(&snapshot, &context()).unwrap();
    let paths: Vec<(&str, Option<&str>)> =
        opened.entries.iter().map(|entry| (&*entry.path, entry.link_to.as_deref())).collect();
    assert_eq!(paths, [("config.json", None), ("model.pkl", None), ("sub/copy.bin", Some("model.pkl"))]);
    // What a file of the snapshot names is found there, too.
    assert!(opened.tree.find("sub/copy.bin").is_some());
}

fn each_blob_once() {
    let folder = repository(repository(Folder::new(), "models--org--name"), "datasets--org--data");
    let opened = weighbridge_net::open(&format!("hf-cache:{}", folder.text()), &context()).unwrap();
    let paths: Vec<(&str, Option<&str>)> =
        opened.entries.iter().map(|entry| (&*entry.path, entry.link_to.as_deref())).collect();
    let model = "models--org--name/snapshots/1111/model.pkl";
    assert_eq!(
        paths[4..],
        [
            (model, None),
            ("models--org--name/snapshots/2222/config.json", None),
            ("models--org--name/snapshots/2222/model.pkl", Some(model)),
            ("models--org--name/snapshots/2222/sub/copy.bin", Some(model)),
        ]
    );
    assert_eq!(paths.len(), 8);
    assert_eq!(
        opened.excluded,
        [
            "datasets--org--data/blobs: 1 that no snapshot names",
            "models--org--name/blobs: 1 that no snapshot names"
        ]
    );
    let one =
        weighbridge_net::open(&format!("hf-cache:{}/models--org--name", folder.text()), &context()).unwrap();
    assert_eq!(one.entries.len(), 4);
    // Without a path it is the folder that the environment names.
    let mut context = context();
    context.remote.hub_cache = Some(folder.path());
    assert_eq!(weighbridge_net::open("hf-cache:", &context).unwrap().entries.len(), 8);
    let readings = weigh(&format!("hf-cache:{}", folder.text()));
    assert_eq!(gaps(&readings), Vec::<String>::new());
    assert_eq!(altered(&readings), Vec::<String>::new());
}

fn names_are_compared() {
    let attack = b"\x80\x02cposix\nsystem\nX\x04\0\0\0echo\x85R.";
    let folder = repository(Folder::new(), "models--org--name")
        .file(format!("models--org--name/blobs/{}", large(PICKLE)), attack)
        .file(format!("models--org--name/blobs/{}", small(CONFIG)), "{\"a\": 1}");
    let expected = |model: &str, config: &str| {
        let mut lines = vec![
            format!("{model}: sha256 {}", large(PICKLE)),
            format!("{config}: git blob {}", small(CONFIG)),
        ];
        lines.sort();
        lines
    };
    let root = folder.text();
    let snapshot = weigh(&format!("{root}/models--org--name/snapshots/2222"));
    assert_eq!(altered(&snapshot), expected("model.pkl", "config.json"));
    let at = |name: &str| format!("models--org--name/snapshots/{name}");
    let cache = weigh(&format!("hf-cache:{root}"));
    assert_eq!(altered(&cache), expected(&at("1111/model.pkl"), &at("2222/config.json")));
    // A plain walk meets the blobs themselves.
    let blob = |name: String| format!("models--org--name/blobs/{name}");
    assert_eq!(altered(&weigh(&root)), expected(&blob(large(PICKLE)), &blob(small(CONFIG))));
}

fn other_links_still_lead_out() {
    let outside = Folder::new().file("blobs/secret.pkl", PICKLE).file("secret.pkl", PICKLE);
    let folder = repository(repository(Folder::new(), "models--org--name"), "models--org--other")
        .link(
            "models--org--name/snapshots/2222/other.pkl",
            format!("../../../models--org--other/blobs/{}", large(PICKLE)),
        )
        .link("models--org--name/snapshots/2222/out.pkl", outside.path().join("secret.pkl"))
        .link("models--org--name/snapshots/2222/fake.pkl", outside.path().join("blobs/secret.pkl"))
        .link("models--org--name/snapshots/2222/refs.pkl", "../../refs/main")
        .link("models--org--name/snapshots/2222/gone.pkl", "../../blobs/gone")
        .link("models--org--name/snapshots/2222/folder.pkl", "../../blobs");
    symlink(outside.path().join("secret.pkl"), folder.path().join("models--org--name/blobs").join("led"))
        .unwrap();
    let folder = folder.link("models--org--name/snapshots/2222/led.pkl", "../../blobs/led");
    let readings = weigh(&format!("{}/models--org--name/snapshots/2222", folder.text()));
    let reasons: Vec<(&str, &str)> = readings
        .coverage
        .unread
        .iter()
        .map(|gap| {
            let kind = match gap.reason {
                Unread::LinkOutside(_) => "outside",
                Unread::LinkBroken(_) => "broken",
                _ => "else",
            };
            (&*gap.place.path, kind)
        })
        .collect();
    assert_eq!(
        reasons,
        [
            ("fake.pkl", "outside"),
            ("folder.pkl", "outside"),
            ("gone.pkl", "broken"),
            ("led.pkl", "outside"),
            ("other.pkl", "outside"),
            ("out.pkl", "outside"),
            ("refs.pkl", "outside"),
        ]
    );
}

fn no_cache() {
    let folder = Folder::new().file("model.pkl", PICKLE);
    for target in [format!("hf-cache:{}", folder.text()), format!("hf-cache:{}/model.pkl", folder.text())] {
        let error = weighbridge_net::open(&target, &context()).err().unwrap();
        assert!(matches!(error, OpenError::Unexpected { .. }), "{error:?}");
    }
    assert!(matches!(weighbridge_net::open("hf-cache:", &context()), Err(OpenError::Missing(_))));
    assert!(matches!(weighbridge_net::open("hf-cache:/no/such", &context()), Err(OpenError::Missing(_))));
}
