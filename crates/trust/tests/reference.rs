//! Both ways with the reference implementation: what is signed here verifies in `model_signing` 1.1.1, and the other way
//! round. It is installed from the index of the user's own pip; the name of the test says why where it cannot be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use weighbridge_net::open::listing;
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::log::NoteKey;
use weighbridge_trust::oms::{self, Choice, Hashing, Method, Tolerance, Trust};
use weighbridge_trust::{Curve, PrivateKey};

use crate::certificates::{Draft, issue};
use crate::models::Holder;

/// The reference, and the two packages that it needs and does not name.
const PACKAGES: [&str; 3] = ["model-signing==1.1.1", "pyOpenSSL", "certifi"];

pub(crate) fn trials() -> Vec<Trial> {
    let name = "reference::both verify what the other signs";
    match install() {
        Ok(python) => vec![Trial::test(name, move || both_verify_what_the_other_signs(&python))],
        Err(why) => vec![Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true)],
    }
}

/// The Python of an environment that has the reference.
fn install() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = target.join("model-signing-1.1.1");
    let stamp = target.join("model-signing-1.1.1.stamp");
    let python = environment.join("bin/python");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    // A half-made one of an interrupted run is of no use.
    let _ = fs::remove_dir_all(&environment);
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))
        .map_err(|_| "no python3 with venv")?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
        .args(PACKAGES))
    .map_err(|_| "no package index")?;
    fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
}

/// Verifies the proofs in bundles, one a line, by the code of Sigstore for its own log: form, path and head.
const PROOFS: &str = "
import sys
from sigstore_models.bundle.v1 import Bundle
from sigstore.models import TransparencyLogEntry
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
for line in open(sys.argv[1], 'rb'):
    [entry] = Bundle.from_json(line).verification_material.tlog_entries
    verify_merkle_inclusion(TransparencyLogEntry(entry))
    proof = entry.inclusion_proof
    head = SignedCheckpoint.from_text(proof.checkpoint.envelope).checkpoint
    assert (head.log_size, head.log_hash) == (proof.tree_size, proof.root_hash.hex())
";

fn both_verify_what_the_other_signs(python: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let model = path("model");
    fs::create_dir_all(model.join("sub")).unwrap();
    for (name, content) in [("a.bin", "weights"), ("empty", ""), ("sub/日本.json", "{}"), ("sub/a:b", "c")]
    {
        fs::write(model.join(name), content).unwrap();
    }
    let reference = |words: &[&str]| {
        run(Command::new(python).args(["-m", "model_signing"]).args(words).current_dir(folder.path()))
    };
    let root = issue(&Draft::authority("CN=root"), None);
    let middle = issue(&Draft::authority("CN=middle"), Some(&root));
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&middle));
    fs::write(path("root.pem"), root.pem()).unwrap();
    fs::write(path("middle.pem"), middle.pem()).unwrap();
    fs::write(path("leaf.pem"), leaf.pem()).unwrap();
    fs::write(path("leaf.key"), &**leaf.key.to_pem(None).unwrap()).unwrap();

    let log = NoteKey::generate("models.example/log").unwrap();
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let key = PrivateKey::generate(curve).unwrap();
        fs::write(path("public.pem"), key.public_key().to_pem()).unwrap();
        fs::write(path("private.pem"), &**key.to_pem(None).unwrap()).unwrap();
        let holder = Holder(key, Vec::new());
        fs::write(path("ours.sig"), sign(&model, &holder)).unwrap();
        reference(&["verify", "key", "model", "--signature", "ours.sig", "--public_key", "public.pem"])?;
        // The proof of a log in it is none of its business.
        fs::write(path("ours.sig"), crate::log::logged(&sign(&model, &holder), &log)).unwrap();
        reference(&["verify", "key", "model", "--signature", "ours.sig", "--public_key", "public.pem"])?;
        // Its command line cannot open an encrypted key: it hands the password on as the wrong type.
        reference(&["sign", "key", "model", "--signature", "theirs.sig", "--private_key", "private.pem"])?;
        check(&model, &path("theirs.sig"), Trust::Key(&holder.0.public_key()))?;
    }

    // What a log proves, Sigstore proves, too; and what it does not, it does not.
    let holder = Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new());
    let plain = sign(&model, &holder);
    let proofs =
        [(0, 1), (1, 2), (2, 3), (0, 256), (255, 256), (256, 257), (299, 300), (7, 70_000), (69_999, 70_000)];
    let lines = proofs.map(|(index, size)| crate::log::logged_at(&plain, &log, index, size)).join("\n");
    let prove = |lines: &str| {
        fs::write(path("proofs.jsonl"), lines).unwrap();
        run(Command::new(python).args(["-c", PROOFS]).arg(path("proofs.jsonl")))
    };
    prove(&lines)?;
    let wrong = crate::log::logged_at(&plain, &log, 2, 8).replace(r#""logIndex":"2""#, r#""logIndex":"3""#);
    assert!(prove(&wrong).is_err_and(|said| said.contains("invalid root hash")));

    let holder = Holder(leaf.key, [leaf.certificate, middle.certificate].map(|one| der(&one)).to_vec());
    fs::write(path("ours.sig"), crate::log::logged(&sign(&model, &holder), &log)).unwrap();
    reference(&[
        "verify",
        "certificate",
        "model",
        "--signature",
        "ours.sig",
        "--certificate_chain",
        "root.pem",
    ])?;
    reference(&[
        "sign",
        "certificate",
        "model",
        "--signature",
        "theirs.sig",
        "--private_key",
        "leaf.key",
        "--signing_certificate",
        "leaf.pem",
        "--certificate_chain",
        "middle.pem",
    ])?;
    let anchors = Anchor::from_pem(&fs::read_to_string(path("root.pem")).unwrap()).unwrap();
    check(&model, &path("theirs.sig"), Trust::Anchors { anchors: &anchors, time: crate::certificates::NOW })?;

    // And neither takes what was changed.
    fs::write(model.join("a.bin"), "edited!").unwrap();
    let trust = Trust::Anchors { anchors: &anchors, time: crate::certificates::NOW };
    assert!(check(&model, &path("theirs.sig"), trust).is_err());
    let verdict = reference(&[
        "verify",
        "certificate",
        "model",
        "--signature",
        "ours.sig",
        "--certificate_chain",
        "root.pem",
    ]);
    assert!(verdict.is_err());
    Ok(())
}

fn der(certificate: &x509_cert::Certificate) -> Vec<u8> {
    use x509_cert::der::Encode as _;
    certificate.to_der().unwrap()
}

fn sign(model: &Path, holder: &Holder) -> String {
    let choice = Choice {
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: None,
    };
    let described = oms::describe(&listing::list(model).unwrap(), &choice, &hashing()).unwrap();
    oms::sign(&described.manifest, holder).unwrap().to_json()
}

fn check(model: &Path, signature: &Path, trust: Trust<'_>) -> Result<(), Failed> {
    let bundle = Bundle::read(&fs::read(signature).unwrap())?;
    let verified = oms::verify(&bundle, trust)?;
    let listing = listing::list(model).unwrap();
    let compared = verified.manifest.compare(&listing, &Tolerance::default(), &hashing());
    if compared.is_true() { Ok(()) } else { Err(format!("{compared:?}").into()) }
}

fn hashing() -> Hashing<'static> {
    Hashing { cache: None, halt: &|| false, progress: &|_| {} }
}
