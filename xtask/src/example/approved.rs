//! A model that the team signed and approved, and that somebody edited afterwards: one weight of its last row is another.

use std::collections::BTreeMap;

use anyhow::Context as _;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Approval, Identity, Kind, Pin, Scanned, Signer};
use weighbridge_core::report::Safety;
use weighbridge_trust::bundle::Material;
use weighbridge_trust::digests::{Algorithm, Bytes};
use weighbridge_trust::lock;
use weighbridge_trust::oms::{self, Age, IGNORED, Manifest, Method, Piece, Signs};
use weighbridge_trust::{KeyError, PrivateKey};

use super::{File, STANDARD, base64_with, model};

/// Where the model lies.
const FOLDER: &str = "models/ranker";
const SIGNATURE: &str = "model.sig";
const WEIGHTS: &str = "ranker.safetensors";
const CONFIG: &str = "{\n  \"features\": 8,\n  \"classes\": 2\n}\n";

/// The model as it lies there now, its signature, the policy and the lock.
///
/// # Errors
/// When the key is none.
pub(super) fn files() -> anyhow::Result<Vec<File>> {
    let key = key().context("the key of the example")?;
    let approved = [("config.json", CONFIG.as_bytes().to_vec()), (WEIGHTS, model::ranker_safetensors(None))];
    let bundle = oms::sign(&manifest(&approved), &Holder(&key)).context("the model of the example")?;
    let edited = [
        ("config.json", CONFIG.as_bytes().to_vec()),
        // Row 1 says what counts as fraud: what the model calls harmless is decided by this number.
        (WEIGHTS, model::ranker_safetensors(Some((11, -4.0)))),
        (SIGNATURE, bundle.to_json().into_bytes()),
    ];
    let mut files: Vec<File> =
        edited.into_iter().map(|(name, content)| (format!("{FOLDER}/{name}"), content)).collect();
    files.push((lock::NAME.to_owned(), lock::write(&[approval(&approved, &key)]).into_bytes()));
    files.push(("weighbridge-trust.toml".to_owned(), policy(&key).into_bytes()));
    Ok(files)
}

/// The private key of the example's team: everybody can compute it, so that it vouches for nothing outside the example.
fn key() -> Result<PrivateKey, KeyError> {
    let secret = Digest::of(b"the key of the team of fraud-vision, which is no secret");
    // RFC 5915: version 1, the secret, and that it is on P-256.
    let mut der = vec![0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
    der.extend(secret.as_bytes());
    der.extend([0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let text = base64_with(STANDARD, &der);
    let (first, second) = text.split_at(64);
    let label = "EC PRIVATE KEY";
    PrivateKey::from_pem(
        &format!("-----BEGIN {label}-----\n{first}\n{second}\n-----END {label}-----\n"),
        None,
    )
}

/// What the signature says of these files.
fn manifest(files: &[(&str, Vec<u8>)]) -> Manifest {
    let mut ignore_paths: Vec<String> = IGNORED.iter().map(|path| (*path).to_owned()).collect();
    ignore_paths.push(SIGNATURE.to_owned());
    ignore_paths.sort();
    let piece = |content: &[u8]| Piece {
        start: 0,
        end: None,
        digest: Bytes(Digest::of(content).as_bytes().to_vec()),
    };
    Manifest {
        name: "ranker".to_owned(),
        age: Age::Current,
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths,
        files: files.iter().map(|(name, content)| ((*name).to_owned(), vec![piece(content)])).collect(),
    }
}

/// What the team wrote into the lock when it approved these files.
fn approval(files: &[(&str, Vec<u8>)], key: &PrivateKey) -> Approval {
    let day = Date::from_ymd(2026, 7, 24).expect("this is a day");
    let pin = |content: &[u8]| Pin { size: content.len() as u64, digest: Digest::of(content) };
    let public = key.public_key();
    Approval {
        source: FOLDER.to_owned(),
        kind: Kind::Model,
        revision: None,
        approved: day,
        reason: Some("evaluated on the transactions of June".to_owned()),
        signature_required: true,
        signer: Some(Signer {
            identity: Identity::Key(public.hint()),
            key: Some(public.to_der()),
            roots: None,
            first_seen: day,
            signature: SIGNATURE.to_owned(),
        }),
        scan: Some(Scanned {
            verdict: Some(Safety::Harmless),
            advisories: "2026-07-23".to_owned(),
            tool: "0.1.0".to_owned(),
            date: day,
        }),
        grants: Vec::new(),
        files: files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), pin(content)))
            .collect::<BTreeMap<String, Pin>>(),
        superseded: Vec::new(),
    }
}

/// Who may vouch for the models of the example.
fn policy(key: &PrivateKey) -> String {
    let pem = key.public_key().to_pem();
    format!(
        "# Who may vouch for which model; see docs/trust-policy.md.\nversion = 1\n\n\
         [[anchor]]\nid = \"team\"\nkind = \"public-key\"\nkey = '''\n{}\n'''\n\n\
         [[rule]]\nmatch = \"models/ranker\"\nrequire = [{{ type = \"oms\", by = [\"team\"] }}]\n",
        pem.trim_end()
    )
}

struct Holder<'a>(&'a PrivateKey);

impl Signs for Holder<'_> {
    fn material(&self) -> Material {
        Material::Key(self.0.public_key().hint())
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        Ok(self.0.sign(encoded))
    }
}
