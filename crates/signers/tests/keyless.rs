//! Keyless signing against a stand-in for Sigstore (`standin.mjs`), and both ways with its JavaScript and Python clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use weighbridge_net::exchange::Exchange;
use weighbridge_net::feed::{Online, Options};
use weighbridge_net::open::listing;
use weighbridge_signers::keyless::{Ambient, Keyless, LARGEST_ANSWER, SigningError, Token};
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::keyless::{Identity, Instance, Roots, Wanted};
use weighbridge_trust::oms::{self, Choice, Hashing, Method, Tolerance, Trust, Verified};
use zeroize::Zeroizing;

use crate::standin::{IDENTITY, ISSUER, Standin, installed, node, run};

/// The reference implementation, and the two packages that it needs and does not name.
const PYTHON: [&str; 3] = ["model-signing==1.1.1", "pyOpenSSL", "certifi"];

type Test = (&'static str, fn(&Path) -> Result<(), Failed>);

const TESTS: &[Test] = &[
    ("keyless::what is signed verifies, by either version of the log", what_is_signed_verifies),
    ("keyless::no byte of what Sigstore gave can be changed", no_byte_can_be_changed),
    ("keyless::both verify what the client in JavaScript signs and the other way round", both_ways_with_node),
    ("keyless::services that lie get nothing signed", services_that_lie_get_nothing_signed),
    ("keyless::a token is not shown to whoever repeats it", a_token_is_not_shown),
    ("keyless::a machine that builds is asked for a token", a_machine_that_builds_is_asked),
    ("keyless::a service that is not there is named", a_service_that_is_not_there_is_named),
];

pub(crate) fn trials() -> Vec<Trial> {
    let node = node();
    let mut trials = Vec::new();
    for (name, test) in TESTS {
        trials.push(match &node {
            Ok(modules) => {
                let modules = modules.clone();
                Trial::test(*name, move || test(&modules))
            }
            Err(why) => Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true),
        });
    }
    let name = "keyless::both verify what the reference signs and the other way round";
    trials.push(match (node, python()) {
        (Ok(modules), Ok(python)) => {
            Trial::test(name, move || both_ways_with_the_reference(&modules, &python))
        }
        (Err(why), _) | (_, Err(why)) => {
            Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true)
        }
    });
    trials
}

fn python() -> Result<PathBuf, &'static str> {
    let folder = installed("sigstore-python", &PYTHON.join(" "), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder)).map_err(|_| "no python3 with venv")?;
        let words = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
        run(Command::new(folder.join("bin/python")).args(words).args(PYTHON)).map_err(|_| "no package index")
    })?;
    Ok(folder.join("bin/python"))
}

fn roots(standin: &Standin) -> Roots {
    Roots::read(&standin.text("trusted_root.json")).unwrap()
}

/// Signs by way of the services of a configuration.
fn seal(standin: &Standin, configuration: &str) -> Result<(Bundle, Identity), SigningError> {
    let instance = Instance::read(&standin.text(configuration), now()).unwrap();
    let token = Token::read(&standin.text("token"), now()).unwrap();
    Keyless::new(exchange(), instance, token).seal(statement())
}

fn ask(standin: &Standin, path: &str, header: (&str, &str), body: &[u8]) -> Result<Vec<u8>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), body).unwrap();
    let script = "const [url, name, value, file] = process.argv.slice(1);
            fetch(url, { method: 'POST', headers: { [name]: value }, body: require('fs').readFileSync(file) })
                .then(async (answer) => { process.stdout.write(await answer.text()); process.exitCode = answer.ok ? 0 : 1; });";
    let output = Command::new("node")
        .args(["-e", script, &format!("{}{path}", standin.url), header.0, header.1])
        .arg(file.path())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }
}

fn exchange() -> Exchange {
    let options = Options { most_bytes: LARGEST_ANSWER, ..Options::default() };
    Exchange::new(Online::unless(false).unwrap(), &options).unwrap()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("weights.bin"), "0123456789").unwrap();
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    folder
}

fn hashing() -> Hashing<'static> {
    Hashing { cache: None, halt: &|| false, progress: &|_| {} }
}

fn statement() -> Vec<u8> {
    statement_of(model().path())
}

fn statement_of(model: &Path) -> Vec<u8> {
    let choice = Choice {
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: Some("model.sig".to_owned()),
    };
    oms::describe(&listing::list(model).unwrap(), &choice, &hashing()).unwrap().manifest.to_statement()
}

fn check(json: &str, name: &str, roots: &Roots) -> Result<Verified, String> {
    let bundle = Bundle::read(json.as_bytes()).map_err(|error| error.to_string())?;
    let wanted = Wanted { name: name.to_owned(), issuer: ISSUER.to_owned() };
    oms::verify(&bundle, Trust::Keyless { json, wanted: &wanted, roots }).map_err(|error| error.to_string())
}

fn what_is_signed_verifies(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let roots = roots(&standin);
    for configuration in ["log1.json", "log2.json"] {
        let (bundle, identity) = seal(&standin, configuration)?;
        assert_eq!((&*identity.name, &*identity.issuer), (IDENTITY, ISSUER));
        assert!(identity.time.is_some());
        let json = bundle.to_json();
        assert_eq!(Bundle::read(json.as_bytes())?.to_json(), json);
        check(&json, IDENTITY, &roots)?;
        assert!(check(&json, "https://builder.example/other.yml", &roots).unwrap_err().contains("mismatch"));
        // Of whom the roots do not speak is nobody.
        assert!(check(&json, IDENTITY, &Roots::public()).is_err());
        assert!(check(&json, IDENTITY, &self::roots(&Standin::start(modules))).is_err());
    }
    Ok(())
}

fn no_byte_can_be_changed(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let roots = roots(&standin);
    for configuration in ["log1.json", "log2.json"] {
        let json = seal(&standin, configuration)?.0.to_json();
        let whole: serde_json::Value = serde_json::from_str(&json)?;
        let unchanged = check(&json, IDENTITY, &roots)?;
        let material = &whole["verificationMaterial"];
        let mut covered = vec![
            "/certificate/rawBytes",
            "/tlogEntries/0/canonicalizedBody",
            "/tlogEntries/0/inclusionProof/checkpoint/envelope",
        ];
        let promise = "/tlogEntries/0/inclusionPromise/signedEntryTimestamp";
        if material.pointer(promise).is_some() {
            covered.extend([promise, "/tlogEntries/0/integratedTime"]);
        }
        // The certificate that an authority adds to its timestamp, and the root that the checkpoint has, too, nobody needs.
        let partly = [
            "/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp",
            "/tlogEntries/0/inclusionProof/rootHash",
        ];
        let places = covered.into_iter().map(|place| (place, true));
        let places = places.chain(partly.into_iter().map(|place| (place, false)));
        for (place, is_covered) in places {
            let text = material.pointer(place).and_then(serde_json::Value::as_str).ok_or(place)?;
            // Every place of the short ones, some of the long ones; in a signed note all but the name of who signed,
            // which the key stands for.
            let name = text.find("\n\n").map(|end| end..text.rfind(' ').unwrap_or(end));
            let step = text.len().div_ceil(40);
            let mut refused = 0;
            for position in (0..text.len()).step_by(step) {
                if name.as_ref().is_some_and(|name| name.contains(&position)) {
                    continue;
                }
                let mut bytes = text.as_bytes().to_vec();
                bytes[position] = match bytes[position] {
                    b'=' => continue,
                    b'1' => b'2',
                    b'0'..=b'9' => b'1',
                    b'A' => b'B',
                    _ => b'A',
                };
                let mut changed = whole.clone();
                let pointer = format!("/verificationMaterial{place}");
                *changed.pointer_mut(&pointer).unwrap() = String::from_utf8(bytes)?.into();
                match check(&changed.to_string(), IDENTITY, &roots) {
                    Err(_) => refused += 1,
                    Ok(verified) => {
                        assert!(!is_covered, "{configuration}: {place} at {position}");
                        assert_eq!(verified, unchanged, "{configuration}: {place} at {position}");
                    }
                }
            }
            assert!(refused > 0 || place.ends_with("rootHash"), "{configuration}: {place}");
        }
    }
    Ok(())
}

fn both_ways_with_node(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let (bundle, _) = seal(&standin, "log1.json")?;
    let json = bundle.to_json();
    ask(&standin, "/verify", ("x-identity", IDENTITY), json.as_bytes())?;
    assert!(ask(&standin, "/verify", ("x-identity", "https://nobody.example"), json.as_bytes()).is_err());
    let theirs =
        String::from_utf8(ask(&standin, "/sign", ("x-token", &standin.text("token")), &statement())?)?;
    check(&theirs, IDENTITY, &roots(&standin))?;
    Ok(())
}

fn services_that_lie_get_nothing_signed(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    // It hands out the certificate of the first who asks to everybody.
    seal(&standin, "authority-lies.json")?;
    let error = seal(&standin, "authority-lies.json").unwrap_err();
    assert!(
        error.to_string().ends_with("something else than a certificate for the key that was sent"),
        "{error}"
    );
    // Its entries are not what it signed.
    assert!(matches!(seal(&standin, "log-lies.json"), Err(SigningError::Refused(_))));
    // The token is not taken to where it leads.
    assert!(matches!(seal(&standin, "authority-leads.json"), Err(SigningError::Status { status: 307, .. })));
    Ok(())
}

fn a_token_is_not_shown(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let error = seal(&standin, "authority-repeats.json").unwrap_err();
    assert!(matches!(error, SigningError::Status { status: 403, .. }));
    let told = format!("{error} {error:?}");
    let token = standin.text("token");
    let claims = token.split('.').nth(1).unwrap();
    assert!(told.contains("no: ") && !told.contains(&claims[..16]), "{told}");
    Ok(())
}

fn a_machine_that_builds_is_asked(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let ambient = |secret: &str| Ambient {
        url: format!("{}/ambient?job=1", standin.url),
        secret: Zeroizing::new(secret.to_owned()),
    };
    let token = Token::ask(&exchange(), &ambient("runner"), now())?;
    let instance = Instance::read(&standin.text("log1.json"), now())?;
    assert_eq!(Keyless::new(exchange(), instance, token).seal(statement())?.1.name, IDENTITY);
    let error = Token::ask(&exchange(), &ambient("s3cret"), now()).unwrap_err();
    assert!(matches!(error, SigningError::Status { status: 401, .. }));
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    Ok(())
}

fn a_service_that_is_not_there_is_named(modules: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let instance = Instance::read(&standin.text("log1.json"), now())?;
    let token = Token::read(&standin.text("token"), now())?;
    let url = standin.url.clone();
    drop(standin);
    let error = Keyless::new(exchange(), instance, token).seal(statement()).unwrap_err();
    assert!(matches!(error, SigningError::Exchange(_)));
    assert!(error.to_string().contains(&url), "{error}");
    Ok(())
}

fn both_ways_with_the_reference(modules: &Path, python: &Path) -> Result<(), Failed> {
    let standin = Standin::start(modules);
    let model = model();
    let instance = Instance::read(&standin.text("log1.json"), now())?;
    let token = Token::read(&standin.text("token"), now())?;
    let (bundle, _) = Keyless::new(exchange(), instance, token).seal(statement_of(model.path()))?;
    let signature = model.path().join("model.sig");
    fs::write(&signature, bundle.to_json())?;
    let reference = |words: &[&str]| {
        let mut command = Command::new(python);
        command
            .args(["-m", "model_signing"])
            .args(words)
            .arg("--trust_config")
            .arg(standin.path("log1.json"));
        run(command.arg("--signature").arg(&signature).arg(model.path()))
    };
    let verify =
        |identity| reference(&["verify", "sigstore", "--identity", identity, "--identity_provider", ISSUER]);
    verify(IDENTITY)?;
    assert!(verify("https://nobody.example").is_err());

    fs::remove_file(&signature)?;
    reference(&["sign", "sigstore", "--identity_token", &standin.text("token")])?;
    let verified = check(&fs::read_to_string(&signature)?, IDENTITY, &roots(&standin))?;
    let tolerance = Tolerance { signature: Some("model.sig".to_owned()), ..Tolerance::default() };
    let compared = verified.manifest.compare(&listing::list(model.path())?, &tolerance, &hashing());
    assert!(compared.is_true(), "{compared:?}");
    Ok(())
}
