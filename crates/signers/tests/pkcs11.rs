//! Keys in tokens of SoftHSM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use libtest_mimic::{Failed, Trial};
use weighbridge_signers::pkcs11::{Pkcs11Error, Token, Uri, module};
use weighbridge_trust::{Curve, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// Where SoftHSM is told its configuration, and where distributions put its library.
const CONFIGURATION: &str = "SOFTHSM2_CONF";
const LIBRARIES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];
/// Set for the run that has tokens of its own, whatever the user has.
const MARK: &str = "SIGNERS_TEST_TOKENS";
const PIN: &str = "97531";

/// A test and its name.
type Test = (&'static str, fn() -> Result<(), Failed>);

static ALONE: Mutex<()> = Mutex::new(());

/// The library, where the tool that makes tokens is there, too.
fn library() -> Option<&'static Path> {
    Command::new("softhsm2-util").arg("--version").output().ok()?;
    LIBRARIES.iter().map(Path::new).find(|path| path.exists())
}

/// Runs this program with a folder of tokens of its own, unless it is that run, and returns how it ended.
pub(crate) fn start_again() -> Option<i32> {
    if std::env::var_os(MARK).is_some() || library().is_none() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    fs::write(&configuration, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(std::env::args_os().skip(1)).env(MARK, "").env(CONFIGURATION, &configuration);
    let status = again.status().unwrap();
    Some(status.code().unwrap_or(1))
}

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [Test; 5] = [
        ("pkcs11::a key on each curve signs", a_key_on_each_curve_signs),
        ("pkcs11::a key is found by what the URI says", a_key_is_found_by_what_the_uri_says),
        ("pkcs11::a key that may be another one does not sign", a_key_that_may_be_another_one_does_not_sign),
        ("pkcs11::no error shows a PIN", no_error_shows_a_pin),
        ("pkcs11::a library must be named with its whole path", a_library_must_be_named_with_its_whole_path),
    ];
    let why = library().is_none().then_some("no SoftHSM");
    let name = |name: &str| why.map_or_else(|| name.to_owned(), |why| format!("{name} ({why})"));
    let trial = |(it, test): Test| {
        // Who is logged in is a matter of the whole process, and a test must not log another one out.
        let alone = move || {
            let _alone = ALONE.lock();
            test()
        };
        Trial::test(name(it), alone).with_ignored_flag(why.is_some())
    };
    tests.map(trial).into()
}

/// Two tokens, and the keys in the one called `models`.
struct Tokens {
    keys: Vec<PublicKey>,
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn tokens() -> &'static Tokens {
    static TOKENS: OnceLock<Tokens> = OnceLock::new();
    TOKENS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for label in ["models", "other"] {
            let words = ["--init-token", "--free", "--label", label, "--so-pin", "86420", "--pin", PIN];
            run(Command::new("softhsm2-util").args(words));
        }
        let mut keys = Vec::new();
        for (number, curve) in [Curve::P256, Curve::P384, Curve::P521].into_iter().enumerate() {
            let key = PrivateKey::generate(curve).unwrap();
            let file = folder.path().join("key.pem");
            fs::write(&file, &**key.to_pem(None).unwrap()).unwrap();
            let (label, id) = (curve.to_string(), format!("{:02}", number + 1));
            let words = ["--token", "models", "--label", &label, "--id", &id, "--pin", PIN];
            run(Command::new("softhsm2-util").arg("--import").arg(&file).args(words));
            keys.push(key.public_key());
        }
        Tokens { keys }
    })
}

fn open(uri: &str, pin: Option<&str>) -> Result<Token, Pkcs11Error> {
    let pin = |_: &str| pin.map(|pin| Zeroizing::new(pin.to_owned()));
    Token::open(&Uri::parse(uri)?, library().unwrap(), &pin)
}

fn a_key_on_each_curve_signs() -> Result<(), Failed> {
    for key in &tokens().keys {
        let token = open(&format!("pkcs11:token=models;object={}", key.curve()), Some(PIN))?;
        assert_eq!(token.public_key(), Some(key));
        assert_eq!(token.label(), "models");
        let signature = token.sign(key, b"a statement")?;
        assert!(key.verifies(key.sha2(), b"a statement", &signature));
        assert!(!key.verifies(key.sha2(), b"another statement", &signature));
    }
    Ok(())
}

fn a_key_is_found_by_what_the_uri_says() -> Result<(), Failed> {
    let [p256, p384, _] = &*tokens().keys else { return Err("there are three keys".into()) };
    for (uri, key) in [
        ("pkcs11:token=models;id=%01", p256),
        ("pkcs11:token=models;id=%02;type=private", p384),
        ("pkcs11:token=models;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;object=P-384", p384),
    ] {
        assert_eq!(open(uri, Some(PIN))?.public_key(), Some(key), "{uri}");
    }
    Ok(())
}

fn a_key_that_may_be_another_one_does_not_sign() -> Result<(), Failed> {
    tokens();
    for (uri, expected) in [
        ("pkcs11:object=P-256", "2 of the tokens here fit the URI (there are `"),
        ("pkcs11:token=nobody", "0 of the tokens here fit the URI (there are `"),
        ("pkcs11:token=models;serial=0", "0 of the tokens"),
        ("pkcs11:token=models;slot-id=18446744073709551615", "0 of the tokens"),
        ("pkcs11:token=models", "3 private keys on an elliptic curve in token `models` fit the URI"),
        ("pkcs11:token=models;object=P-256;id=%02", "0 private keys"),
        ("pkcs11:token=other;object=P-256", "0 private keys on an elliptic curve in token `other`"),
    ] {
        let error = open(uri, Some(PIN)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{uri}: {error}");
    }
    Ok(())
}

fn no_error_shows_a_pin() -> Result<(), Failed> {
    tokens();
    let uri = "pkcs11:token=other;object=P-256";
    assert!(matches!(open(uri, None), Err(Pkcs11Error::NeedsPin(token)) if token == "other"));
    let error = open(uri, Some("s3cret")).unwrap_err();
    assert!(matches!(&error, Pkcs11Error::WrongPin(token) if token == "other"));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    Ok(())
}

fn a_library_must_be_named_with_its_whole_path() -> Result<(), Failed> {
    let uri = |text: &str| Uri::parse(text).unwrap();
    let here = PathBuf::from("/machine.so");
    assert_eq!(module(&uri("pkcs11:?module-path=/uri.so"), Some(&here))?, PathBuf::from("/uri.so"));
    assert_eq!(module(&uri("pkcs11:token=t"), Some(&here))?, here);
    assert!(matches!(module(&uri("pkcs11:token=t"), None), Err(Pkcs11Error::NoModule)));
    assert!(matches!(module(&uri("pkcs11:?module-path=softhsm2.so"), None), Err(Pkcs11Error::Uri(_))));
    let nowhere = Token::open(&uri("pkcs11:token=t"), Path::new("/nowhere.so"), &|_| None).unwrap_err();
    assert!(nowhere.to_string().contains("`/nowhere.so` cannot be used"), "{nowhere}");
    Ok(())
}
