//! Attestations of Python packages (PEP 740), real ones: those with which `pypi-attestations` 0.0.30 (Apache-2.0, by its authors at
//! Trail of Bits and PyPI) tests itself. They come in its source distribution from the index of the user's own pip; the name of the
//! test says why where it cannot be had.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use weighbridge_trust::attest::{self, Claim, pep740};
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::keyless::{self, KeylessError, Roots, Wanted};
use weighbridge_trust::oms::{Refusal, Signer, Trust};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[("packaged::a form that is not known is refused", a_form_is_refused)];

const PACKAGE: &str = "pypi-attestations==0.0.30";

pub(crate) fn trials() -> Vec<Trial> {
    let name = "packaged::real attestations of an index verify";
    match fetch() {
        Ok(assets) => vec![Trial::test(name, move || real_attestations_verify(&assets))],
        Err(why) => vec![Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true)],
    }
}

/// The folder with the attestations.
fn fetch() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pypi-attestations-0.0.30");
    let assets = target.join("pypi_attestations-0.0.30/test/assets");
    if assets.is_dir() {
        return Ok(assets);
    }
    fs::create_dir_all(&target).map_err(|error| error.to_string())?;
    let run = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"]);
    if !run(pip.arg(&target).arg(PACKAGE)) {
        return Err("no package index".to_owned());
    }
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(target.join("pypi_attestations-0.0.30.tar.gz")).arg("-C").arg(&target);
    if run(&mut tar) && assets.is_dir() { Ok(assets) } else { Err("no tar".to_owned()) }
}

/// A file with attestations, the file that they are about, and who signed them.
const REAL: [(&str, &str, &str, &str); 4] = [
    (
        "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.provenance",
        "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl",
        "https://circleci.com/",
        "https://oidc.circleci.com",
    ),
    (
        "pypi_attestations-0.0.19.tar.gz.publish.attestation",
        "pypi_attestations-0.0.19.tar.gz",
        "https://github.com/",
        "https://token.actions.githubusercontent.com",
    ),
    (
        "pypi_attestations-0.0.19.tar.gz.slsa.attestation",
        "pypi_attestations-0.0.19.tar.gz",
        "https://github.com/",
        "https://token.actions.githubusercontent.com",
    ),
    (
        "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation",
        "gitlab_oidc_project-0.0.3.tar.gz",
        "https://gitlab.com/",
        "https://gitlab.com",
    ),
];

fn real_attestations_verify(assets: &Path) -> Result<(), Failed> {
    let roots = Roots::public();
    for (file, artifact, name, issuer) in REAL {
        let json = fs::read_to_string(assets.join(file))?;
        let bundles = pep740::read(&json)?;
        let [bundle_json] = &*bundles else {
            return Err(format!("{file}: {} of them", bundles.len()).into());
        };
        let bundle = Bundle::read(bundle_json.as_bytes())?;
        let claim = Claim::read(&bundle.envelope.payload)?;
        let digest = weighbridge_core::digest::Digest::of(&fs::read(assets.join(artifact))?).to_string();
        assert_eq!(
            (claim.subjects[0].0.as_str(), claim.subjects[0].1.to_string()),
            (artifact, digest),
            "{file}"
        );
        let identity = keyless::identify(bundle_json, digest_of(&claim), &roots)
            .map_err(|error| format!("{file}: {error}"))?;
        assert!(identity.name.contains(name) && identity.issuer.starts_with(issuer), "{file}: {identity:?}");
        let wanted = Wanted { name: identity.name.clone(), issuer: identity.issuer.clone() };
        let signer = attest::signer(&bundle, trust(bundle_json, &wanted, &roots))?;
        assert_eq!(signer, Signer::Identity(identity));
        let stranger = Wanted { name: "nobody@models.example".to_owned(), issuer: wanted.issuer.clone() };
        assert!(matches!(
            attest::signer(&bundle, trust(bundle_json, &stranger, &roots)),
            Err(Refusal::Keyless(_))
        ));
        assert_eq!(pep740::is_publish(&claim.predicate_type), !file.contains("slsa"), "{file}");
        // Each part that is signed or proves it, changed: none verifies.
        let whole: Value = serde_json::from_str(bundle_json)?;
        for path in [
            "/dsseEnvelope/payload",
            "/dsseEnvelope/signatures/0/sig",
            "/verificationMaterial/certificate/rawBytes",
            "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        ] {
            let text = whole.pointer(path).and_then(Value::as_str).unwrap_or_default();
            for at in (0..text.len()).step_by(37) {
                let mut changed = whole.clone();
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                *changed.pointer_mut(path).unwrap() = String::from_utf8(bytes).unwrap().into();
                let json = changed.to_string();
                let Ok(bundle) = Bundle::read(json.as_bytes()) else { continue };
                assert!(
                    attest::signer(&bundle, trust(&json, &wanted, &roots)).is_err(),
                    "{file}: {path} at {at}"
                );
            }
        }
    }
    // One of another instance of Sigstore, which the roots do not name.
    let staged = fs::read_to_string(assets.join("rfc8785-0.1.2-py3-none-any.whl.publish.attestation"))?;
    let staged = pep740::read(&staged)?.remove(0);
    let claim = Claim::read(&Bundle::read(staged.as_bytes())?.envelope.payload)?;
    let refused = keyless::identify(&staged, digest_of(&claim), &roots).unwrap_err();
    assert!(matches!(refused, KeylessError::Refused(_)), "{refused}");
    Ok(())
}

fn trust<'a>(json: &'a str, wanted: &'a Wanted, roots: &'a Roots) -> Trust<'a> {
    Trust::Keyless { json, wanted, roots }
}

fn digest_of(claim: &Claim) -> [u8; 32] {
    claim.subjects[0].1.0.clone().try_into().unwrap()
}

fn a_form_is_refused() {
    for (predicate_type, is_one) in [
        ("https://docs.index.example/attestations/publish/v1", true),
        ("https:///attestations/publish/v1", false),
        ("https://docs.index.example/other/attestations/publish/v1", false),
        ("https://docs.index.example/attestations/publish/v2", false),
    ] {
        assert_eq!(pep740::is_publish(predicate_type), is_one, "{predicate_type}");
    }
    let attestation = json!({
        "version": 1,
        "verification_material": { "certificate": "AA==", "transparency_entries": [] },
        "envelope": { "statement": "e30=", "signature": "AA==" },
    });
    let bundles = pep740::read(&attestation.to_string()).unwrap();
    let bundle = Bundle::read(bundles[0].as_bytes()).unwrap();
    assert_eq!(bundle.envelope.payload, b"{}");
    let provenance = |version: u64, many: usize| {
        let attestations = vec![attestation.clone(); many];
        json!({ "version": version, "attestation_bundles": [{ "publisher": {}, "attestations": attestations }] })
    };
    assert_eq!(pep740::read(&provenance(1, 2).to_string()).unwrap().len(), 2);
    let mut later = attestation.clone();
    later["version"] = 2.into();
    for (text, error) in [
        (provenance(2, 1).to_string(), "of version 2"),
        (later.to_string(), "of version 2"),
        (provenance(1, 65).to_string(), "more than 64"),
        ("{}".to_owned(), "missing field"),
        ("[".repeat(100_000), "malformed"),
        (" ".repeat(pep740::LARGEST + 1), "larger than"),
    ] {
        let said = pep740::read(&text).unwrap_err().to_string();
        assert!(said.contains(error), "{said}");
    }
    for field in ["version", "verification_material", "envelope"] {
        let mut lacking = attestation.clone();
        lacking.as_object_mut().unwrap().remove(field);
        assert!(pep740::read(&lacking.to_string()).is_err(), "{field}");
    }
}
