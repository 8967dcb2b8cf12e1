//! Keys in every form in which people have them, and what is said of those that cannot be used.

use std::process::{Command, Stdio};

use weighbridge_trust::{Curve, KeyError, PrivateKey, PublicKey};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("key files::a key survives being written", a_key_survives_being_written),
    ("key files::a key of cosign opens with its password", a_key_of_cosign_opens_with_its_password),
    ("key files::what is no key is told", what_is_no_key_is_told),
    ("key files::no text shows a secret", no_text_shows_a_secret),
];

/// In the layout of cosign, with the password `hunter2`; made with libsodium and the scrypt of Python, and so not by the code
/// under test. The public key lies beside it.
const COSIGN: &str = include_str!("cosign.key");
const COSIGN_PUBLIC: &str = include_str!("cosign.pub");

fn a_key_survives_being_written() {
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let key = PrivateKey::generate(curve).unwrap();
        let public = key.public_key();
        assert_eq!(public.curve(), curve);
        assert_eq!(PublicKey::from_pem(&public.to_pem()), Ok(public.clone()));
        let plain = key.to_pem(None).unwrap();
        assert_eq!(PrivateKey::from_pem(&plain, None).unwrap().public_key(), public);
        let locked = key.to_pem(Some(b"secret")).unwrap();
        assert_eq!(PrivateKey::from_pem(&locked, Some(b"secret")).unwrap().public_key(), public);
        assert_eq!(PrivateKey::from_pem(&locked, None).unwrap_err(), KeyError::NeedsPassword);
        assert_eq!(PrivateKey::from_pem(&locked, Some(b"Secret")).unwrap_err(), KeyError::WrongPassword);
    }
}

fn a_key_of_cosign_opens_with_its_password() {
    let key = PrivateKey::from_pem(COSIGN, Some(b"hunter2")).unwrap();
    assert_eq!(key.public_key(), PublicKey::from_pem(COSIGN_PUBLIC).unwrap());
    assert_eq!(PrivateKey::from_pem(COSIGN, Some(b"other")).unwrap_err(), KeyError::WrongPassword);
    assert_eq!(PrivateKey::from_pem(COSIGN, None).unwrap_err(), KeyError::NeedsPassword);
}

fn what_is_no_key_is_told() {
    let key = PrivateKey::generate(Curve::P256).unwrap();
    let public = key.public_key().to_pem();
    assert_eq!(PrivateKey::from_pem("", None).unwrap_err(), KeyError::NoPem);
    assert_eq!(
        PrivateKey::from_pem(&public, None).unwrap_err(),
        KeyError::Label("PUBLIC KEY".to_owned(), "private")
    );
    assert_eq!(
        PublicKey::from_pem(&key.to_pem(None).unwrap()),
        Err(KeyError::Label("PRIVATE KEY".to_owned(), "public"))
    );
    // Ed25519 (RFC 8410, section 10.1 and 10.3).
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    assert_eq!(PublicKey::from_pem(other), Err(KeyError::Kind));
    let other = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    assert_eq!(PrivateKey::from_pem(other, None).unwrap_err(), KeyError::Kind);
    let whole = key.to_pem(None).unwrap();
    for at in 0..whole.len() - 1 {
        assert!(PrivateKey::from_pem(&whole[..at], None).is_err(), "{at} bytes");
    }
}

fn no_text_shows_a_secret() {
    let key = PrivateKey::generate(Curve::P256).unwrap();
    let pem = key.to_pem(None).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = format!("{key:?}");
    assert!(shown.starts_with("PrivateKey of PublicKey(P-256 "), "{shown}");
    // Neither the key nor a broken form of it turns up in what is said of it.
    let broken = pem.replacen('M', "N", 1);
    let error = PrivateKey::from_pem(&broken, None)
        .map_or_else(|error| format!("{error:?} {error}"), |key| format!("{key:?}"));
    for window in body.as_bytes().windows(12) {
        let part = std::str::from_utf8(window).unwrap();
        assert!(!shown.contains(part) && !error.contains(part));
    }
}

/// Keys that OpenSSL wrote, in each of its forms; the name of the test says where it is missing.
pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    let missing = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err();
    let name = format!("key files::keys of OpenSSL are read{}", if missing { " (no `openssl`)" } else { "" });
    vec![
        libtest_mimic::Trial::test(name, || {
            keys_of_openssl_are_read();
            Ok(())
        })
        .with_ignored_flag(missing),
    ]
}

fn openssl(arguments: &str, input: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("openssl")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments}");
    String::from_utf8(output.stdout).unwrap()
}

fn keys_of_openssl_are_read() {
    for (name, curve) in [("prime256v1", Curve::P256), ("secp384r1", Curve::P384), ("secp521r1", Curve::P521)]
    {
        // With the parameters in front, as OpenSSL writes it unless told otherwise.
        let sec1 = openssl(&format!("ecparam -genkey -name {name}"), "");
        let public = PublicKey::from_pem(&openssl("ec -pubout", &sec1)).unwrap();
        assert_eq!(public.curve(), curve);
        let pkcs8 = openssl("pkcs8 -topk8 -nocrypt", &sec1);
        let locked = openssl("pkcs8 -topk8 -passout pass:secret", &sec1);
        let scrypt = openssl("pkcs8 -topk8 -scrypt -passout pass:secret", &sec1);
        for pem in [&sec1, &pkcs8, &locked, &scrypt] {
            let key = PrivateKey::from_pem(pem, Some(b"secret")).unwrap();
            assert_eq!(key.public_key(), public);
            let signature = key.sign(b"message");
            assert!(public.verifies(public.sha2(), b"message", &signature));
            assert!(!public.verifies(public.sha2(), b"massage", &signature));
        }
        let old = openssl("ec -aes128 -passout pass:secret", &sec1);
        assert!(matches!(PrivateKey::from_pem(&old, Some(b"secret")), Err(KeyError::Encryption(_))));
    }
    let rsa = openssl("genrsa 2048", "");
    assert_eq!(PrivateKey::from_pem(&rsa, None).unwrap_err(), KeyError::Kind);
}
