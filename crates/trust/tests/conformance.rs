//! Bundles of the conformance suite of Sigstore and of the tests of its clients, as far as a registry carries them: those
//! packed with the libraries that verify here. What becomes of each stands in `docs/sigstore-conformance.md`, too.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use weighbridge_trust::keyless::{self, Roots};

const PAGE: &str = include_str!("../../../docs/sigstore-conformance.md");

/// A bundle in one of the packages, and what must become of it.
struct Case {
    name: &'static str,
    package: &'static str,
    file: &'static str,
    /// The roots that it is verified with; else those of the public instance.
    roots: Option<(&'static str, &'static str)>,
    /// A part of why it is refused; none where it must be accepted.
    refusal: Option<&'static str>,
    /// Other clients accept it: to refuse it is a limit here.
    is_limit: bool,
}

const VERIFY: &str = "sigstore-verify";
const STAGING: Option<(&str, &str)> = Some(("sigstore-trust-root", "src/trusted_root_staging.json"));

const fn case(name: &'static str, file: &'static str, refusal: Option<&'static str>) -> Case {
    Case { name, package: VERIFY, file, roots: None, refusal, is_limit: false }
}

const CASES: [Case; 19] = [
    Case { package: "sigstore-bundle", ..case("happy-path", "tests/fixtures/happy-path.json", None) },
    Case {
        roots: Some((VERIFY, "test_data/invalid-ct-key_fail/trusted_root.json")),
        ..case(
            "invalid-ct-key_fail",
            "test_data/invalid-ct-key_fail/bundle.sigstore.json",
            Some("SCT signature verification failed"),
        )
    },
    Case {
        roots: Some((VERIFY, "test_data/sct-multi-intermediate/staging_trusted_root.json")),
        ..case(
            "sct-multi-intermediate",
            "test_data/sct-multi-intermediate/staging_bundle.sigstore.json",
            None,
        )
    },
    Case {
        package: "sigstore-bundle",
        roots: STAGING,
        ..case("bundle_v3", "tests/fixtures/bundle_v3.json", None)
    },
    Case {
        roots: STAGING,
        ..case(
            "bundle_cve_2022_36056",
            "test_data/bundles/bundle_cve_2022_36056.txt.sigstore",
            Some("does not match certificate in Rekor entry"),
        )
    },
    case(
        "bundle_invalid_version",
        "test_data/bundles/bundle_invalid_version.txt.sigstore",
        Some("Invalid media type"),
    ),
    case("bundle_no_cert_v1", "test_data/bundles/bundle_no_cert_v1.txt.sigstore", Some("has no checkpoint")),
    case(
        "bundle_no_checkpoint",
        "test_data/bundles/bundle_no_checkpoint.txt.sigstore",
        Some("has no checkpoint"),
    ),
    case(
        "bundle_no_log_entry",
        "test_data/bundles/bundle_no_log_entry.txt.sigstore",
        Some("must have an inclusion promise"),
    ),
    case(
        "bundle_v3_no_signed_time",
        "test_data/bundles/bundle_v3_no_signed_time.txt.sigstore.json",
        Some("No verified timestamp"),
    ),
    case("bundle_v3_github.whl", "test_data/bundles/bundle_v3_github.whl.sigstore", None),
    case("dsse-2sigs", "test_data/bundles/dsse-2sigs.sigstore.json", Some("exactly one signature")),
    Case {
        roots: Some((VERIFY, "test_data/trusted_roots/scaffolding.json")),
        is_limit: true,
        ..case("othername", "test_data/bundles/othername.sigstore.json", Some("identity mismatch"))
    },
    case("cosign-v3-blob", "test_data/bundles/cosign-v3-blob.sigstore.json", None),
    case("conda-attestation", "test_data/bundles/conda-attestation.sigstore.json", None),
    Case {
        roots: STAGING,
        ..case("conda-attestation-rekor2", "test_data/bundles/conda-attestation-rekor2.sigstore.json", None)
    },
    Case {
        roots: STAGING,
        ..case(
            "staging-rekor-v2",
            "test_data/upstream/sigstore-python/staging-rekor-v2.txt.sigstore.json",
            None,
        )
    },
    Case {
        roots: STAGING,
        ..case(
            "a.dsse.staging-rekor-v2",
            "test_data/upstream/sigstore-python/a.dsse.staging-rekor-v2.txt.sigstore.json",
            None,
        )
    },
    Case {
        roots: Some((VERIFY, "test_data/timestamps/github_trusted_root.json")),
        is_limit: true,
        ..case(
            "github-private-attestation",
            "test_data/bundles/github-private-attestation.sigstore.json",
            Some("must have an inclusion proof"),
        )
    },
];

pub(crate) fn trials() -> Vec<Trial> {
    let packages = packages();
    let trial = |case: &'static Case| {
        let name = format!("conformance::{}", case.name);
        match &packages {
            Some(packages) if read(packages, case.package, case.file).is_some() => {
                let packages = packages.clone();
                Trial::test(name, move || check(case, &packages))
            }
            // A mirror may leave out what only tests need.
            _ => Trial::test(format!("{name} (not in the package)"), || Ok(())).with_ignored_flag(true),
        }
    };
    CASES.iter().map(trial).collect()
}

/// Where the packages lie.
type Packages = Vec<(String, PathBuf)>;

fn packages() -> Option<Packages> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).ok()?;
    let packages = metadata["packages"].as_array()?.iter().filter_map(|package| {
        let manifest = PathBuf::from(package["manifest_path"].as_str()?);
        Some((package["name"].as_str()?.to_owned(), manifest.parent()?.to_owned()))
    });
    Some(packages.filter(|(name, _)| name.starts_with("sigstore-")).collect())
}

fn read(packages: &Packages, package: &str, file: &str) -> Option<String> {
    let (_, folder) = packages.iter().find(|(name, _)| name == package)?;
    std::fs::read_to_string(folder.join(file)).ok()
}

fn check(case: &Case, packages: &Packages) -> Result<(), Failed> {
    let json = read(packages, case.package, case.file).ok_or("no bundle")?;
    let roots = match case.roots {
        None => Roots::public(),
        Some((package, file)) => Roots::read(&read(packages, package, file).ok_or("no roots")?)?,
    };
    let verdict = keyless::identify(&json, digest(&json).unwrap_or_default(), &roots);
    assert_eq!(case.refusal.is_none(), verdict.is_ok(), "{verdict:?}");
    if let (Some(refusal), Err(error)) = (case.refusal, &verdict) {
        assert!(error.to_string().contains(refusal), "{error}");
    }
    let (should, does) = (answer(case.refusal.is_none() || case.is_limit), answer(verdict.is_ok()));
    let row = format!("| {} | {should} | {does} |", case.name);
    assert!(PAGE.contains(&row), "`docs/sigstore-conformance.md` has no row `{row}`");
    Ok(())
}

fn answer(is_good: bool) -> &'static str {
    if is_good { "accept" } else { "refuse" }
}

/// The digest of the artifact that the bundle says it is about: there is no artifact here, and none is needed.
fn digest(json: &str) -> Option<[u8; 32]> {
    let bundle: Value = serde_json::from_str(json).ok()?;
    let bytes = match bundle.pointer("/dsseEnvelope/payload") {
        Some(payload) => {
            let statement: Value = serde_json::from_slice(&STANDARD.decode(payload.as_str()?).ok()?).ok()?;
            let hex = statement.pointer("/subject/0/digest/sha256")?.as_str()?.to_owned();
            *hex.parse::<weighbridge_core::digest::Digest>().ok()?.as_bytes()
        }
        None => {
            let digest = bundle.pointer("/messageSignature/messageDigest/digest")?.as_str()?;
            STANDARD.decode(digest).ok()?.try_into().ok()?
        }
    };
    Some(bytes)
}
