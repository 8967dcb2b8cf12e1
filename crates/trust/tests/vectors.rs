//! The vectors in `corpus/oms` of the shared data: bundles of the reference in all its releases, and some that it accepts
//! and should not. `expected.json` there says of each what a careful verifier answers.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use weighbridge_net::open::listing;
use weighbridge_trust::PublicKey;
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::keyless::{Identity, Roots, Wanted};
use weighbridge_trust::oms::{Compared, Hashing, Signer, Status, Tolerance, Trust, verify};
use weighbridge_trust::policy::Policy;

/// 2026-11-23, when the vectors were made, in seconds since 1970.
const MADE: i64 = 1_795_392_000;

pub(crate) fn trials() -> Vec<Trial> {
    let folder = shared_dir().map(|shared| shared.join("corpus/oms")).filter(|path| path.is_dir());
    let Some(folder) = folder else {
        return vec![
            Trial::test("vectors: no folder `shared/corpus/oms`", || Ok(())).with_ignored_flag(true),
        ];
    };
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut trials: Vec<Trial> = Vec::new();
    for case in cases {
        let folder = folder.clone();
        let name = format!("vectors::{}: {}", text(&case, "name"), text(&case, "how"));
        trials.push(Trial::test(name, move || check(&folder, &case)));
    }
    let copy = folder.clone();
    trials.push(Trial::test("vectors::a pattern of identities vouches", move || patterns(&copy)));
    trials.push(Trial::test("vectors::bundles of the specification", move || specification(&folder)));
    trials
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_default()
}

fn check(folder: &Path, case: &Value) -> Result<(), Failed> {
    let expected = text(case, "reason");
    match (text(case, "expect"), judge(folder, case)) {
        ("valid", Ok(compared)) => {
            let ignored: Vec<&str> = compared
                .files
                .iter()
                .filter(|(_, status)| matches!(status, Status::Ignored { .. }))
                .map(|(path, _)| path.as_str())
                .collect();
            match expected.strip_prefix("must report unsigned-but-ignored: ") {
                Some(must) if must.split(", ").any(|path| !ignored.contains(&path)) => {
                    Err(format!("only {ignored:?} are reported").into())
                }
                _ => Ok(()),
            }
        }
        ("invalid", Err(said)) => {
            let said_so = match expected {
                "wrong key" => said.starts_with("signature invalid"),
                "untrusted chain" => said.contains("does not chain to a trusted one"),
                "EKU lacks codeSigning" => said.contains("lacks codeSigning"),
                "certificate expired, no trusted time" => said.contains("there is no trusted time"),
                // The log of a stranger is noticed even before his certificate.
                "certificate does not chain to the trusted root" => said.contains("No log key valid"),
                other => said.starts_with(other),
            };
            if said_so { Ok(()) } else { Err(format!("refused, but with: {said}").into()) }
        }
        (expected, got) => Err(format!("expected {expected}, got {got:?}").into()),
    }
}

/// What a careful verifier says: everything that was found, or the first thing that is wrong.
fn judge(folder: &Path, case: &Value) -> Result<Compared, String> {
    let how = &case["verify"];
    let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let json = file(text(case, "signature"));
    let bundle = Bundle::read(json.as_bytes()).map_err(|error| error.to_string())?;
    let (key, anchors, roots, wanted);
    let trust = match text(how, "method") {
        "key" => {
            key = PublicKey::from_pem(&file(text(how, "public_key"))).unwrap();
            Trust::Key(&key)
        }
        "certificate" => {
            let files = how["certificate_chain"].as_array().unwrap();
            let read = |name: &Value| Anchor::from_pem(&file(name.as_str().unwrap())).unwrap();
            anchors = files.iter().flat_map(read).collect::<Vec<_>>();
            Trust::Anchors { anchors: &anchors, time: MADE }
        }
        "sigstore" => {
            roots = Roots::read(&file(text(how, "trusted_root"))).unwrap();
            wanted = Wanted {
                name: text(how, "identity").to_owned(),
                issuer: text(how, "identity_provider").to_owned(),
            };
            Trust::Keyless { json: &json, wanted: &wanted, roots: &roots }
        }
        other => panic!("method `{other}`"),
    };
    let verified = verify(&bundle, trust).map_err(|error| error.to_string())?;
    let model = folder.join(text(case, "model"));
    // Not every way of copying the vectors keeps links.
    let copy = tempfile::tempdir().unwrap();
    let model = if text(case, "name") == "key-symlink" { with_link(&model, copy.path()) } else { model };
    let signature = folder.join(text(case, "signature"));
    let tolerance = Tolerance {
        claims: Vec::new(),
        signature: signature.strip_prefix(&model).ok().map(|path| path.to_string_lossy().into_owned()),
        ignore_paths: how["ignore_paths"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|path| path.as_str().unwrap().to_owned())
            .collect(),
        allow_symlinks: how["allow_symlinks"].as_bool().unwrap_or_default(),
    };
    let hashing = Hashing { cache: None, halt: &|| false, progress: &|_| {} };
    let compared = verified.manifest.compare(&listing::list(&model).unwrap(), &tolerance, &hashing);
    let allow_extra = how["ignore_unsigned_files"].as_bool().unwrap_or_default();
    for (path, status) in &compared.files {
        match status {
            Status::Ok | Status::Ignored { .. } => {}
            Status::Extra if allow_extra => {}
            Status::Extra => return Err(format!("extra file: {path}")),
            Status::Missing => return Err(format!("missing file: {path}")),
            Status::Changed { .. } => return Err(format!("digest mismatch: {path}")),
            Status::Unread(why) => return Err(format!("unread file: {path}: {why}")),
        }
    }
    Ok(compared)
}

/// An anchor of Sigstore believes the identities of its pattern, as its one identity provider says, and no others.
fn patterns(folder: &Path) -> Result<(), Failed> {
    let json = fs::read_to_string(folder.join("upstream/v1.0.1-sigstore/model.sig"))?;
    let bundle = Bundle::read(json.as_bytes())?;
    let open = |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    const IBM: &str = "https://sigstore.verify.ibm.com/oauth2";
    for (identity, issuer, vouches) in [
        ("stefanb@us.ibm.com", IBM, true),
        ("*@us.ibm.com", IBM, true),
        ("s*@us.ibm.com", IBM, true),
        ("*@ibm.com", IBM, false),
        ("x*@us.ibm.com", IBM, false),
        ("stefanb@us.ibm.com", "https://sigstore.verify.ibm.com", false),
    ] {
        let policy = format!(
            "version = 1\n[[anchor]]\nid = 'x'\nkind = 'sigstore'\nissuer = '{issuer}'\nidentity = '{identity}'\n\
             trusted-root = 'upstream/keys/sigstore-public-good-trusted_root.json'"
        );
        let (ready, wrong) = Policy::read(&policy, "t")?.load(&open);
        assert_eq!((ready.len(), wrong.len()), (1, 0), "{wrong:?}");
        match ready[0].verify(&bundle, &json, MADE) {
            Ok(verified) => {
                assert!(vouches, "{identity}");
                // Its time is one that an age can be counted from.
                assert!(matches!(verified.signer, Signer::Identity(Identity { time: Some(_), .. })));
            }
            Err(error) => {
                assert!(
                    !vouches && error.to_string().starts_with("identity mismatch"),
                    "{identity}: {error}"
                );
            }
        }
    }
    Ok(())
}

/// A copy of the model with `link.json` as the link to `config.json` that it was when it was signed.
fn with_link(model: &Path, copy: &Path) -> PathBuf {
    for item in listing::list(model).unwrap().items.iter().filter(|item| item.path != "link.json") {
        let to = copy.join(&item.path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(model.join(&item.path), &to).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("config.json", copy.join("link.json")).unwrap();
    copy.to_owned()
}

/// Bundles that fit its schema are read, others are not; a statement of something else is not one of a model.
fn specification(folder: &Path) -> Result<(), Failed> {
    let folder = folder.join("upstream/spec-v1.0-bundles");
    let read = |name: &str| Bundle::read(&fs::read(folder.join(name)).unwrap());
    for name in ["certificate", "key", "sigstore"] {
        read(&format!("valid/{name}.bundle.json")).map_err(|error| format!("{name}: {error}"))?;
    }
    for name in ["empty", "missing-envelope", "missing-tlog-entries", "missing-verification-material"] {
        if read(&format!("invalid/{name}.bundle.json")).is_ok() {
            return Err(format!("{name} was read").into());
        }
    }
    let wrong = read("invalid-payload/wrong-predicate.bundle.json").unwrap();
    let error = weighbridge_trust::oms::Manifest::read(&wrong.envelope.payload).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the signed statement is `https://example.com/wrong-predicate/v1.0`, not one of model files"
    );
    Ok(())
}

/// The nearest folder `shared` beside or above this crate.
pub(crate) fn shared_dir() -> Option<PathBuf> {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find_map(|folder| Some(folder.join("shared")).filter(|shared| shared.is_dir()))
}
