//! The key files of cosign: JSON in a PEM, with the key under scrypt and the secretbox of NaCl (sigstore, `pkg/signature`,
//! as its documentation tells).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::KeyError;

/// The label of the PEM.
pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The label that cosign wrote before version 2.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// Largest cost of scrypt that is paid, as log2 of N: twice what cosign takes.
const MOST_COST: u8 = 16;

#[derive(Deserialize)]
struct File {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The PKCS #8 document in a key file.
pub(super) fn open(json: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let file: File = serde_json::from_slice(json).map_err(|_| KeyError::Malformed)?;
    if file.kdf.name != "scrypt" || file.cipher.name != "nacl/secretbox" {
        return Err(KeyError::Encryption(format!("{} and {}", file.kdf.name, file.cipher.name)));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| KeyError::Malformed);
    let Params { n, r, p } = file.kdf.params;
    let cost = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
    if !n.is_power_of_two() || cost > MOST_COST || r > 16 || p > 4 {
        return Err(KeyError::Encryption(format!("scrypt with N={n}, r={r}, p={p}")));
    }
    let params = scrypt::Params::new(cost, r, p).map_err(|_| KeyError::Malformed)?;
    let mut key = Zeroizing::new([0u8; 32]);
    scrypt::scrypt(password, &bytes(&file.kdf.salt)?, &params, &mut *key).map_err(|_| KeyError::Malformed)?;
    let nonce: [u8; 24] = bytes(&file.cipher.nonce)?.try_into().map_err(|_| KeyError::Malformed)?;
    let secretbox = XSalsa20Poly1305::new(Key::from_slice(&*key));
    let opened = secretbox.decrypt(Nonce::from_slice(&nonce), bytes(&file.ciphertext)?.as_slice());
    opened.map(Zeroizing::new).map_err(|_| KeyError::WrongPassword)
}
