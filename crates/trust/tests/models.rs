//! Models that are signed here, and everything that can happen to them afterwards.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use weighbridge_core::coverage::Unread;
use weighbridge_net::open::listing;
use weighbridge_trust::bundle::{Bundle, Material};
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::digests::{Algorithm, Bytes};
use weighbridge_trust::oms::{
    self, Choice, Compared, Described, Hashing, Method, Piece, Refusal, SignError, Signs, Status, Tolerance,
    Trust,
};
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{Draft, NOW, issue};

pub(crate) const TESTS: &[Test] = &[
    ("models::what is signed verifies in every form", what_is_signed_verifies_in_every_form),
    ("models::the same model gives the same bytes", the_same_model_gives_the_same_bytes),
    ("models::a certificate signs", a_certificate_signs),
    ("models::no byte of a bundle can be changed", no_byte_of_a_bundle_can_be_changed),
    ("models::no file of a model can be changed", no_file_of_a_model_can_be_changed),
    ("models::one good signature among others is enough", one_good_signature_among_others_is_enough),
    ("models::what cannot be signed is refused by name", what_cannot_be_signed_is_refused_by_name),
    ("models::links are followed only if asked", links_are_followed_only_if_asked),
    ("models::names of every kind are signed", names_of_every_kind_are_signed),
    ("models::what another signer leaves is not signed", what_another_signer_leaves_is_not_signed),
    ("models::programs left out by rule are told", programs_left_out_by_rule_are_told),
    ("models::lists that contradict themselves are refused", lists_that_contradict_themselves_are_refused),
    ("models::a list of very many files is read", a_list_of_very_many_files_is_read),
    ("models::a file of very many shards is compared", a_file_of_very_many_shards_is_compared),
];

/// A folder with a few files.
pub(crate) fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sub/deep")).unwrap();
    for (name, content) in [
        ("weights.safetensors", "0123456789".repeat(100)),
        ("config.json", "{}".to_owned()),
        ("empty.txt", String::new()),
        ("sub/tokenizer.json", "[]".to_owned()),
        ("sub/deep/a:1:2", "colons".to_owned()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// A key that signs.
pub(crate) struct Holder(pub(crate) PrivateKey, pub(crate) Vec<Vec<u8>>);

impl Signs for Holder {
    fn material(&self) -> Material {
        if self.1.is_empty() {
            Material::Key(self.0.public_key().hint())
        } else {
            Material::Chain(self.1.clone())
        }
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        Ok(self.0.sign(encoded))
    }
}

fn key() -> Holder {
    Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new())
}

pub(crate) fn choice(method: Method, algorithm: Algorithm) -> Choice {
    Choice {
        method,
        algorithm,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: Some("model.sig".to_owned()),
    }
}

fn plain() -> Choice {
    choice(Method::Files, Algorithm::Sha256)
}

fn hashing() -> Hashing<'static> {
    Hashing { cache: None, halt: &|| false, progress: &|_| {} }
}

fn describe(model: &Path, choice: &Choice) -> Result<Described, SignError> {
    oms::describe(&listing::list(model).unwrap(), choice, &hashing())
}

pub(crate) fn sign(model: &Path, choice: &Choice, holder: &Holder) -> Bundle {
    oms::sign(&describe(model, choice).unwrap().manifest, holder).unwrap()
}

/// What is found, once the bundle has been written and read again.
fn compare(model: &Path, bundle: &Bundle, holder: &Holder) -> Result<Compared, Refusal> {
    let bundle = Bundle::read(bundle.to_json().as_bytes()).unwrap();
    let verified = oms::verify(&bundle, Trust::Key(&holder.0.public_key()))?;
    Ok(verified.manifest.compare(&listing::list(model).unwrap(), &tolerance(), &hashing()))
}

fn tolerance() -> Tolerance {
    Tolerance { signature: Some("model.sig".to_owned()), ..Tolerance::default() }
}

/// Every path with what was found of it, but for those that are as they were signed.
fn told(compared: &Compared) -> Vec<String> {
    let word = |status: &Status| match status {
        Status::Ok => "ok".to_owned(),
        Status::Changed { .. } => "changed".to_owned(),
        Status::Missing => "missing".to_owned(),
        Status::Extra => "extra".to_owned(),
        Status::Ignored { runs } => format!("ignored{}", if *runs { ", runs" } else { "" }),
        Status::Unread(why) => format!("unread: {why}"),
    };
    let all = compared.files.iter().filter(|(_, status)| **status != Status::Ok);
    all.map(|(path, status)| format!("{path} {}", word(status))).collect()
}

fn what_is_signed_verifies_in_every_form() {
    let model = model();
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let holder = Holder(PrivateKey::generate(curve).unwrap(), Vec::new());
        for algorithm in Algorithm::ALL {
            for method in [Method::Files, Method::Shards(300), Method::Shards(1_000_000_000)] {
                let bundle = sign(model.path(), &choice(method, algorithm), &holder);
                let compared = compare(model.path(), &bundle, &holder).unwrap();
                // No shard speaks of an empty file.
                let expected = if method == Method::Files { vec![] } else { vec!["empty.txt ignored"] };
                assert_eq!(told(&compared), expected, "{curve} {algorithm} {method:?}");
                assert!(compared.is_true());
            }
        }
    }
    let file = model.path().join("weights.safetensors");
    let holder = key();
    let bundle = sign(&file, &plain(), &holder);
    assert!(compare(&file, &bundle, &holder).unwrap().is_true());
    assert_eq!(told(&compare(&model.path().join("config.json"), &bundle, &holder).unwrap()), [". changed"]);
}

fn the_same_model_gives_the_same_bytes() {
    let (one, other) = (model(), model());
    let holder = key();
    let named = |folder: &TempDir| {
        let mut manifest = describe(folder.path(), &plain()).unwrap().manifest;
        manifest.name = "model".to_owned();
        oms::sign(&manifest, &holder).unwrap().to_json()
    };
    assert_eq!(named(&one), named(&other));
}

fn a_certificate_signs() {
    let model = model();
    let root = issue(&Draft::authority("CN=root"), None);
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&root));
    let shown = vec![leaf.der()];
    let holder = Holder(leaf.key, shown);
    let bundle = Bundle::read(sign(model.path(), &plain(), &holder).to_json().as_bytes()).unwrap();
    let anchors = Anchor::from_pem(&root.pem()).unwrap();
    let believe = |time| oms::verify(&bundle, Trust::Anchors { anchors: &anchors, time });
    assert!(believe(NOW).is_ok());
    assert!(believe(NOW + 1_000_000).is_err());
    // A key that signed other bytes is no signature, whatever the certificate says.
    let mut other = bundle.clone();
    other.envelope.payload.push(b' ');
    let refused = oms::verify(&other, Trust::Anchors { anchors: &anchors, time: NOW });
    assert_eq!(refused, Err(Refusal::Signature("the certificate of `CN=signer`".to_owned())));
}

fn no_byte_of_a_bundle_can_be_changed() {
    let model = model();
    let holder = key();
    let json = sign(model.path(), &plain(), &holder).to_json().into_bytes();
    let public = holder.0.public_key();
    let statement = Bundle::read(&json).unwrap().envelope.payload;
    let mut refused = 0u32;
    for at in 0..json.len() {
        for bit in [0, 2, 5] {
            let mut bytes = json.clone();
            bytes[at] ^= 1 << bit;
            let verified = Bundle::read(&bytes).ok().and_then(|bundle| {
                let payload = bundle.envelope.payload.clone();
                oms::verify(&bundle, Trust::Key(&public)).ok().map(|_| payload)
            });
            match verified {
                None => refused += 1,
                // Only what nobody signs and nobody believes can change: the hint, the empty name of the key.
                Some(payload) => assert_eq!(payload, statement, "byte {at}, bit {bit}"),
            }
        }
        assert!(Bundle::read(&json[..at]).is_err(), "{at} bytes");
    }
    assert!(refused > 1000, "{refused}");
}

fn no_file_of_a_model_can_be_changed() {
    let model = model();
    let holder = key();
    for method in [Method::Files, Method::Shards(300)] {
        let bundle = sign(model.path(), &choice(method, Algorithm::Sha256), &holder);
        let names: Vec<String> =
            listing::list(model.path()).unwrap().items.into_iter().map(|item| item.path).collect();
        for name in names {
            let path = model.path().join(&name);
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x80;
                fs::write(&path, bytes).unwrap();
                let found = told(&compare(model.path(), &bundle, &holder).unwrap());
                assert!(found.contains(&format!("{name} changed")), "{name} {at}: {found:?}");
            }
            fs::write(&path, [&*whole, b"x"].concat()).unwrap();
            let found = told(&compare(model.path(), &bundle, &holder).unwrap());
            let word = if whole.is_empty() && method != Method::Files { "extra" } else { "changed" };
            assert!(found.contains(&format!("{name} {word}")), "{found:?}");
            fs::remove_file(&path).unwrap();
            let found = told(&compare(model.path(), &bundle, &holder).unwrap());
            let is_signed = !(whole.is_empty() && method != Method::Files);
            assert_eq!(found.contains(&format!("{name} missing")), is_signed, "{found:?}");
            fs::write(&path, &whole).unwrap();
        }
        fs::write(model.path().join("sub/new.py"), "").unwrap();
        let found = told(&compare(model.path(), &bundle, &holder).unwrap());
        let word = if method == Method::Files { "extra" } else { "ignored, runs" };
        assert!(found.contains(&format!("sub/new.py {word}")), "{found:?}");
        fs::remove_file(model.path().join("sub/new.py")).unwrap();
    }
}

fn one_good_signature_among_others_is_enough() {
    let model = model();
    let (holder, other) = (key(), key());
    let mut bundle = sign(model.path(), &plain(), &holder);
    let good = bundle.envelope.signatures.clone();
    let foreign = sign(model.path(), &plain(), &other).envelope.signatures;
    for signatures in [
        [vec![b"junk".to_vec()], good.clone()].concat(),
        [good.clone(), vec![Vec::new()]].concat(),
        [foreign.clone(), good.clone()].concat(),
    ] {
        bundle.envelope.signatures = signatures;
        assert!(compare(model.path(), &bundle, &holder).unwrap().is_true());
    }
    bundle.envelope.signatures = foreign;
    let refused = compare(model.path(), &bundle, &holder).unwrap_err();
    assert!(refused.to_string().starts_with("signature invalid"), "{refused}");
}

#[cfg(unix)]
fn what_cannot_be_signed_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = model();
    let socket = folder.path().join("sub/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("broken")).unwrap();
    std::os::unix::fs::symlink("sub", folder.path().join("folder")).unwrap();
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let Err(SignError::Files(files)) = describe(folder.path(), &plain()) else { panic!("it is signed") };
    let told: Vec<String> = files.iter().map(|(path, why)| format!("{path}: {why}")).collect();
    assert_eq!(
        told,
        [
            "broken: link leads nowhere or in a circle, to `nowhere`",
            "caf\\xe9: malformed: its name is not UTF-8",
            "folder: link to a folder, not opened",
            "sub/socket: socket, not opened",
        ]
    );
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(describe(empty.path(), &plain()).unwrap_err(), SignError::Nothing);
    // A reader that is told to stop signs nothing.
    let model = model();
    let halted = Hashing { halt: &|| true, ..hashing() };
    let listing = listing::list(model.path()).unwrap();
    let Err(SignError::Files(files)) = oms::describe(&listing, &plain(), &halted) else {
        panic!("it is signed")
    };
    assert!(files.iter().all(|(_, why)| *why == Unread::Cancelled));
}

#[cfg(not(unix))]
fn what_cannot_be_signed_is_refused_by_name() {}

#[cfg(unix)]
fn links_are_followed_only_if_asked() {
    let model = model();
    let holder = key();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("blob"), "weights").unwrap();
    let before = sign(model.path(), &plain(), &holder);
    std::os::unix::fs::symlink(outside.path().join("blob"), model.path().join("link.bin")).unwrap();
    let refused = describe(model.path(), &plain()).unwrap_err();
    assert_eq!(refused, SignError::Files(vec![("link.bin".to_owned(), Unread::Special("link"))]));
    // What was signed without it does not take it.
    assert_eq!(
        told(&compare(model.path(), &before, &holder).unwrap()),
        ["link.bin unread: link, not opened"]
    );
    let with = sign(model.path(), &Choice { allow_symlinks: true, ..plain() }, &holder);
    assert!(compare(model.path(), &with, &holder).unwrap().is_true());
    fs::write(outside.path().join("blob"), "edited").unwrap();
    assert_eq!(told(&compare(model.path(), &with, &holder).unwrap()), ["link.bin changed"]);
}

#[cfg(not(unix))]
fn links_are_followed_only_if_asked() {}

#[cfg(unix)]
fn names_of_every_kind_are_signed() {
    let folder = tempfile::tempdir().unwrap();
    let holder = key();
    // Every byte below 0x80 that a name may hold, and some letters beyond.
    let mut names: Vec<String> =
        (1u8..0x80).filter(|byte| *byte != b'/').map(|byte| format!("a{}b", char::from(byte))).collect();
    names.extend([
        "日本".to_owned(),
        "e\u{301}".to_owned(),
        "é".to_owned(),
        "\u{202e}gpj".to_owned(),
        "\\xff".to_owned(),
    ]);
    for name in &names {
        fs::write(folder.path().join(name), name).unwrap();
    }
    for method in [Method::Files, Method::Shards(2)] {
        let bundle = sign(folder.path(), &choice(method, Algorithm::Blake3), &holder);
        let compared = compare(folder.path(), &bundle, &holder).unwrap();
        assert!(compared.is_true(), "{:?}", told(&compared));
        assert_eq!(compared.files.len(), names.len());
    }
}

#[cfg(not(unix))]
fn names_of_every_kind_are_signed() {}

fn what_another_signer_leaves_is_not_signed() {
    let model = model();
    let holder = key();
    fs::write(model.path().join(".weighbridge-a1B2c3.tmp"), "half a signature").unwrap();
    let described = describe(model.path(), &plain()).unwrap();
    assert_eq!(described.left_out, [".weighbridge-a1B2c3.tmp"]);
    let bundle = oms::sign(&described.manifest, &holder).unwrap();
    assert_eq!(told(&compare(model.path(), &bundle, &holder).unwrap()), [".weighbridge-a1B2c3.tmp extra"]);
}

fn programs_left_out_by_rule_are_told() {
    let model = model();
    let holder = key();
    let bundle = sign(model.path(), &Choice { ignore_paths: vec!["cache".to_owned()], ..plain() }, &holder);
    for (name, content) in [
        (".gitattributes", "*.bin"),
        (".github/modeling.py", "print(1)"),
        (".git/hooks/pre-commit.sample", "#!"),
        (".git/hooks/post-checkout.sh", "#!"),
        ("cache/x.pkl", "."),
        ("cache/notes.txt", ""),
    ] {
        let path = model.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let compared = compare(model.path(), &bundle, &holder).unwrap();
    assert!(compared.is_true());
    assert_eq!(
        told(&compared),
        [
            ".git/hooks/post-checkout.sh ignored, runs",
            ".git/hooks/pre-commit.sample ignored",
            ".gitattributes ignored",
            ".github/modeling.py ignored, runs",
            "cache/notes.txt ignored",
            "cache/x.pkl ignored, runs",
        ]
    );
}

/// Statements that are well signed and must not be believed.
fn lists_that_contradict_themselves_are_refused() {
    let a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    let resource = |name: &str| format!(r#"{{"name":"{name}","algorithm":"sha256","digest":"{a}"}}"#);
    let files = r#"{"method":"files","hash_type":"sha256","allow_symlinks":false}"#;
    let shards = r#"{"method":"shards","hash_type":"sha256","allow_symlinks":false,"shard_size":2.0}"#;
    let read = |resources: &[String], serialization: &str, subjects: usize| {
        use weighbridge_core::digest::Hasher;
        let mut root = Hasher::default();
        for _ in resources {
            root.update(Bytes::of_text(a, 32).unwrap().0.as_slice());
        }
        let subject = format!(r#"{{"name":"m","digest":{{"sha256":"{}"}}}}"#, root.finish());
        let subjects = vec![subject; subjects].join(",");
        let payload = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{subjects}],
                "predicateType":"https://model_signing/signature/v1.0",
                "predicate":{{"serialization":{serialization},"resources":[{}]}}}}"#,
            resources.join(",")
        );
        oms::Manifest::read(payload.as_bytes()).map_err(|error| error.to_string())
    };
    assert!(read(&[resource("a"), resource("b")], files, 1).is_ok());
    assert!(read(&[resource("a:2:3"), resource("a:0:2")], shards, 1).is_ok());
    for (names, serialization, expected) in [
        (vec!["a", "a"], files, "duplicate resource name: `a`"),
        (vec!["../a"], files, "resource escapes the model root: `../a`"),
        (vec!["/a"], files, "resource escapes the model root: `/a`"),
        (vec!["a/./b"], files, "resource escapes the model root: `a/./b`"),
        (vec!["a//b"], files, "resource escapes the model root: `a//b`"),
        (vec![""], files, "resource escapes the model root: ``"),
        (vec![".", "a"], files, "resource escapes the model root: `.`"),
        (vec!["a"], shards, "the signed statement is malformed: `a` names no shard"),
        (vec!["a:0:02"], shards, "the signed statement is malformed: `a:0:02` names no shard"),
        (vec!["a:0:2", "a:0:1"], shards, "duplicate resource name: `a`"),
        (vec!["a:0:2", "a:3:4"], shards, "the shards of `a` overlap or leave a gap"),
        (vec!["a:2:4"], shards, "the shards of `a` overlap or leave a gap"),
        (vec!["a:0:3"], shards, "the shards of `a` overlap or leave a gap"),
        (vec!["a:0:1", "a:1:2"], shards, "the shards of `a` overlap or leave a gap"),
        (vec!["a:0:2", "a:2:2"], shards, "the shards of `a` overlap or leave a gap"),
        (vec!["../a:0:2"], shards, "resource escapes the model root: `../a:0:2`"),
    ] {
        let resources: Vec<String> = names.into_iter().map(resource).collect();
        assert_eq!(read(&resources, serialization, 1).unwrap_err(), expected);
    }
    for (serialization, expected) in [
        (
            r#"{"method":"files","hash_type":"md5"}"#,
            "the signed statement uses the hash function `md5`, which is not supported",
        ),
        (
            r#"{"method":"tree","hash_type":"sha256"}"#,
            "the signed statement uses the method `tree`, which is not supported",
        ),
        (
            r#"{"method":"shards","hash_type":"sha256"}"#,
            "the signed statement is malformed: it has shards of no size",
        ),
        (
            r#"{"method":"shards","hash_type":"sha256","shard_size":0.5}"#,
            "the signed statement is malformed: its shard size is none",
        ),
        (
            r#"{"method":"shards","hash_type":"sha256","shard_size":1e300}"#,
            "the signed statement is malformed: its shard size is none",
        ),
        (
            r#"{"method":"files","hash_type":"blake2b"}"#,
            "the signed statement is malformed: the digest of `a` is none",
        ),
        (
            r#"{"method":"files","hash_type":"blake3"}"#,
            "the signed statement is malformed: `a` is hashed with `sha256`, not blake3",
        ),
    ] {
        assert_eq!(read(&[resource("a")], serialization, 1).unwrap_err(), expected);
    }
    let error = read(&[resource("a")], r#"{"method":"files","hash_type":"sha256","more":1}"#, 1).unwrap_err();
    assert!(error.contains("unknown field `more`"), "{error}");
    for subjects in [0, 2] {
        let error = read(&[resource("a")], files, subjects).unwrap_err();
        assert_eq!(error, "the signed statement is malformed: it has not exactly one subject");
    }
}

/// So many that work for each pair of them would never end.
const MANY: u64 = 200_000;

fn a_list_of_very_many_files_is_read() {
    let digest = Bytes(vec![7; 32]);
    let piece = || Piece { start: 0, end: None, digest: digest.clone() };
    let mut manifest = describe(model().path(), &plain()).unwrap().manifest;
    manifest.files = (0..MANY).map(|number| (format!("data/{number:07}.bin"), vec![piece()])).collect();
    let payload = manifest.to_statement();
    assert_eq!(oms::Manifest::read(&payload).unwrap(), manifest);
    // One that is listed twice is found among all others.
    let text = String::from_utf8(payload).unwrap();
    let twice = text.replace("data/0199999.bin", "data/0000000.bin");
    let refused = oms::Manifest::read(twice.as_bytes()).unwrap_err().to_string();
    assert_eq!(refused, "duplicate resource name: `data/0000000.bin`");
    // None of them is there.
    let compared = manifest.compare(&listing::list(model().path()).unwrap(), &tolerance(), &hashing());
    let missing = compared.files.values().filter(|status| **status == Status::Missing).count();
    assert_eq!(u64::try_from(missing).unwrap(), MANY);
}

fn a_file_of_very_many_shards_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.bin");
    fs::write(&path, vec![1; usize::try_from(MANY).unwrap()]).unwrap();
    let manifest = describe(folder.path(), &choice(Method::Shards(1), Algorithm::Blake3)).unwrap().manifest;
    let read = oms::Manifest::read(&manifest.to_statement()).unwrap();
    assert_eq!(read.files["weights.bin"].len(), usize::try_from(MANY).unwrap());
    let compare = || read.compare(&listing::list(folder.path()).unwrap(), &tolerance(), &hashing());
    assert!(compare().is_true());
    // Every one of them is another, and a few are told.
    fs::write(&path, vec![2; usize::try_from(MANY).unwrap()]).unwrap();
    let Status::Changed { expected, .. } = &compare().files["weights.bin"] else { panic!("not changed") };
    assert!(expected.starts_with("0:1 ") && expected.ends_with(", and 199997 more"), "{expected}");
}
