//! `weighbridge key`, `sign`, `verify`: files, exit codes and what is said.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::Trial;
use weighbridge_core::digest::Hasher;
use weighbridge_net::open::listing;
use weighbridge_trust::PrivateKey;
use weighbridge_trust::bundle::{Bundle, Material};
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::oms::{self, Choice, Hashing, Manifest, Method, Signs};

use crate::Test;
use crate::certificates::{CODE, DAY, Draft, NOW, SERVER, issue};
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_model_is_signed_and_verified", a_model_is_signed_and_verified),
    ("every_way_of_being_wrong_has_its_exit_code", every_way_of_being_wrong_has_its_exit_code),
    ("the_answer_for_programs_fits_its_schema", the_answer_for_programs_fits_its_schema),
    ("a_private_key_is_kept_private", a_private_key_is_kept_private),
    ("nobody_signs_with_a_certificate_that_nobody_takes", nobody_signs_in_vain),
    ("a_certificate_counts_in_its_time_only", a_certificate_counts_in_its_time_only),
    ("a_file_that_grows_is_signed_as_it_was_read_or_not_at_all", a_file_that_grows),
    ("a_signature_is_written_whole_or_not_at_all", a_signature_is_written_whole_or_not_at_all),
    #[cfg(unix)]
    ("a_model_does_not_say_what_is_overwritten", a_model_does_not_say_what_is_overwritten),
    ("a_file_can_be_a_model", a_file_can_be_a_model),
];

/// A world with a model and a key.
pub(crate) fn world() -> World {
    let world = World::new();
    world.write("model/weights.safetensors", "w".repeat(1000)).write("model/sub/config.json", "{}");
    world.run("key generate k").ends(0);
    world
}

fn a_model_is_signed_and_verified() {
    let world = world();
    let signed = world.run("sign model --key k").ends(0).says(&["signed 2 files", "to model/model.sig"]);
    assert_eq!(signed.out, "");
    let verified = world.run("verify model --public-key k.pub").ends(0);
    assert_eq!(verified.err, "");
    let lines: Vec<&str> = verified.out.lines().collect();
    let [first, by, files] = &*lines else { panic!("{lines:?}") };
    assert_eq!(*first, "model  verified");
    assert!(by.starts_with("  signed by key ") && by.ends_with("… (P-256)"), "{by}");
    assert_eq!(*files, "  2 files as signed (sha256)");
    // The same again gives the same bytes.
    let before = fs::read(world.path("model/model.sig")).unwrap();
    world.run("sign model --key k --no-cache").ends(0);
    assert_eq!(fs::read(world.path("model/model.sig")).unwrap(), before);
}

fn every_way_of_being_wrong_has_its_exit_code() {
    let world = world();
    world.run("verify model --public-key k.pub").ends(3).shows(&["model  unsigned"]);
    world.run("sign model --key k").ends(0);
    world.run("key generate other").ends(0);
    world.run("verify model --public-key other.pub").ends(1).shows(&["NOT VERIFIED", "signature invalid"]);
    world.run("verify model").ends(2).says(&["nothing says whom to believe", "hint: add `--public-key"]);
    world.run("verify model --public-key k").ends(2).says(&["key export k"]);
    world.run("verify nowhere --public-key k.pub").ends(2).says(&["cannot read `nowhere`"]);
    world.run("verify model model --signature x --public-key k.pub").ends(2);
    world.write("model/.github/run.py", "print(1)");
    world.run("verify model --public-key k.pub").ends(1).shows(&["can run   .github/run.py"]);
    world.run("verify model --public-key k.pub --allow-unsigned-files").ends(0);
    fs::remove_dir_all(world.path("model/.github")).unwrap();
    world.write("model/new.txt", "");
    world.run("verify model --public-key k.pub").ends(1).shows(&["extra     new.txt"]);
    world.run("verify model --public-key k.pub --allow-unsigned-files").ends(0);
    world
        .run("verify model --public-key k.pub --ignore-paths new.txt")
        .ends(0)
        .shows(&["left out by rule: new.txt"]);
    world.run("verify model --public-key k.pub --ignore-paths ../k").ends(2).says(&["does not lie below"]);
    world
        .run("sign model --key k --signature apart.sig --ignore-paths model/new.txt")
        .ends(0)
        .says(&["warning: `--ignore-paths model/new.txt` leaves nothing out"]);
    world.write("model/weights.safetensors", "x".repeat(1000));
    fs::remove_file(world.path("model/sub/config.json")).unwrap();
    let found = world.run("verify model --public-key k.pub --allow-unsigned-files").ends(1);
    for part in ["changed   weights.safetensors", "            signed ", "missing   sub/config.json"] {
        assert!(found.out.contains(part), "{}", found.out);
    }
    // One that is bad outweighs one that is unsigned.
    world.write("second/a", "a");
    world
        .run("verify model second --public-key k.pub")
        .ends(1)
        .shows(&["model  NOT VERIFIED", "second  unsigned"]);
    world.write("model/model.sig", "{");
    world.run("verify model --public-key k.pub").ends(1).shows(&["the bundle is malformed"]);
    fs::remove_file(world.path("model/model.sig")).unwrap();
    fs::create_dir(world.path("model/model.sig")).unwrap();
    world.run("verify model --public-key k.pub").ends(4).shows(&["could not be checked"]);
}

fn the_answer_for_programs_fits_its_schema() {
    let world = world();
    world.run("sign model --key k").ends(0);
    world.write("model/extra.txt", "").write("model/.gitattributes", "");
    fs::remove_file(world.path("model/sub/config.json")).unwrap();
    let answer = world.run("verify model --public-key k.pub --json").ends(1);
    let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let schema = include_str!("../../../docs/schema/verification-v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(value["schema"], "weighbridge.verification/1");
    assert_eq!(value["models"][0]["verdict"], "bad");
    let files = value["models"][0]["files"].as_array().unwrap();
    let told: Vec<String> = files
        .iter()
        .map(|file| format!("{} {}", file["path"].as_str().unwrap(), file["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [".gitattributes ignored", "extra.txt extra", "sub/config.json missing", "weights.safetensors ok"]
    );
    assert_eq!(world.run("verify model --public-key k.pub --format json").ends(1).out, answer.out);
}

fn a_private_key_is_kept_private() {
    let world = World::new();
    world.write("password", "secret\n");
    world.run("key generate plain").ends(0).says(&["(not encrypted)"]);
    world.run("key generate locked --password-file password --curve p384").ends(0);
    #[cfg(unix)]
    for name in ["plain", "locked"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let text = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    assert!(text("plain").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(text("locked").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    // A key that is there is never replaced, and half a pair is never left.
    world.run("key generate plain").ends(2).says(&["exists already"]);
    fs::remove_file(world.path("plain.pub")).unwrap();
    let before = text("plain");
    world.run("key generate plain").ends(2);
    assert_eq!(text("plain"), before);
    assert!(!world.path("plain.pub").exists());

    world.run("key export locked").ends(2).says(&["the key is encrypted", "--password-file"]);
    let exported = world.run("key export locked --password-file password").ends(0);
    assert_eq!(exported.out, text("locked.pub"));
    let variable = [("WEIGHBRIDGE_KEY_PASSWORD", "secret")];
    assert_eq!(world.run_with(&variable, "key export locked").ends(0).out, text("locked.pub"));
    world
        .run_with(&[("WEIGHBRIDGE_KEY_PASSWORD", "other")], "key export locked")
        .ends(2)
        .says(&["the password does not open the key"]);
    world.run("key import locked -o copy --password-file password").ends(0);
    assert_eq!(text("copy.pub"), text("locked.pub"));
    // Nothing that is said, even in detail, shows a password or the body of a key.
    let body: String = before.lines().filter(|line| !line.starts_with('-')).collect();
    world.write("model/a", "a");
    for arguments in ["-v sign model --key plain", "-v sign model --key locked", "-v key export plain"] {
        let run = world.run_with(&variable, arguments);
        let said = format!("{}{}", run.out, run.err);
        assert!(!said.contains("secret") && !said.contains(&body[20..60]), "{said}");
    }
}

/// Needs a program that signs; the name of the test says so where there is none.
pub(crate) fn trials() -> Vec<Trial> {
    let missing = std::process::Command::new("openssl").arg("version").output().is_err();
    let name = format!("a_program_signs_in_place_of_a_key{}", if missing { " (no openssl)" } else { "" });
    let test = Trial::test(name, || {
        a_program_signs_in_place_of_a_key();
        Ok(())
    });
    vec![test.with_ignored_flag(missing)]
}

fn a_program_signs_in_place_of_a_key() {
    let world = world();
    let signer = "openssl dgst -sha256 -sign k";
    let sign = |words: &[&str]| {
        let mut command = world.command("sign model --signer");
        command.arg(signer).args(words);
        crate::support::Run::from(command.output().unwrap())
    };
    sign(&["--public-key", "k.pub"]).ends(0);
    world.run("verify model --public-key k.pub").ends(0);
    sign(&[]).ends(2).says(&["nothing says which key the program signs with"]);
    world.run("key generate other").ends(0);
    let before = fs::read(world.path("model/model.sig")).unwrap();
    sign(&["--public-key", "other.pub"]).ends(1).says(&["its signature is not one of the public key"]);
    for (program, said) in
        [("false", "ended with"), ("no-such-program", "no-such-program"), ("true", "is not one of")]
    {
        let mut command = world.command("sign model --public-key k.pub --signer");
        crate::support::Run::from(command.arg(program).output().unwrap()).ends(1).says(&[said]);
    }
    assert_eq!(fs::read(world.path("model/model.sig")).unwrap(), before);
}

fn nobody_signs_in_vain() {
    let world = World::new();
    world.write("model/weights.bin", "weights");
    // Good until 2049; the clock of the program cannot be set.
    let life = (NOW - DAY, 2_500_000_000);
    let root = issue(&Draft { life, ..Draft::authority("CN=root") }, None);
    for (uses, life, expected) in [
        (CODE, life, None),
        (SERVER, life, Some("is not for signing code")),
        (CODE, (NOW - 2 * DAY, NOW - DAY), Some("is valid from 2025-12-30 to 2025-12-31 only")),
    ] {
        let leaf = issue(&Draft { life, uses: vec![uses], ..Draft::leaf("CN=signer") }, Some(&root));
        world.write("leaf.pem", leaf.pem()).write("leaf.key", &**leaf.key.to_pem(None).unwrap());
        let signed = world.run("sign model --key leaf.key --certificate-chain leaf.pem");
        match expected {
            None => {
                signed.ends(0);
                fs::remove_file(world.path("model/model.sig")).unwrap();
            }
            Some(why) => {
                signed.ends(1).says(&["no verifier would take a signature", why]);
                assert!(!world.path("model/model.sig").exists());
            }
        }
    }
}

/// The holder of a certificate, who signs whatever the day is.
struct Timeless(PrivateKey, Vec<Vec<u8>>);

impl Signs for Timeless {
    fn material(&self) -> Material {
        Material::Chain(self.1.clone())
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        Ok(self.0.sign(encoded))
    }
}

fn a_certificate_counts_in_its_time_only() {
    // The clock of the program cannot be set, and is taken to stand between 2026 and 2045.
    const EARLY: i64 = 2_366_841_600;
    const LATE: i64 = 2_398_377_600;
    let world = World::new();
    world.write("model/weights.bin", "weights");
    let whole = (NOW - DAY, LATE + DAY);
    let past = (NOW - 2 * DAY, NOW - DAY);
    let future = (EARLY, LATE);
    for (root, leaf, expected) in [
        (whole, whole, None),
        (whole, past, Some("`CN=signer` is valid from 2025-12-30 to 2025-12-31 only")),
        (whole, future, Some("`CN=signer` is valid from 2045-01-01 to 2046-01-01 only")),
        (past, whole, Some("`CN=root` is valid from 2025-12-30 to 2025-12-31 only")),
        (future, whole, Some("`CN=root` is valid from 2045-01-01 to 2046-01-01 only")),
    ] {
        let root = issue(&Draft { life: root, ..Draft::authority("CN=root") }, None);
        let leaf = issue(&Draft { life: leaf, ..Draft::leaf("CN=signer") }, Some(&root));
        world.write("root.pem", root.pem());
        let choice = Choice {
            method: Method::Files,
            algorithm: Algorithm::Sha256,
            allow_symlinks: false,
            ignore_paths: Vec::new(),
            signature: Some("model.sig".to_owned()),
        };
        let hashing = Hashing { cache: None, halt: &|| false, progress: &|_| {} };
        let listing = listing::list(&world.path("model")).unwrap();
        let manifest = oms::describe(&listing, &choice, &hashing).unwrap().manifest;
        let chain = vec![leaf.der(), root.der()];
        world.write("model/model.sig", oms::sign(&manifest, &Timeless(leaf.key, chain)).unwrap().to_json());
        let verified = world.run("verify model --certificate-chain root.pem");
        match expected {
            None => drop(verified.ends(0).shows(&["model  verified"])),
            Some(why) => drop(verified.ends(1).shows(&["NOT VERIFIED", why])),
        }
        // Whatever day reports are made for, the certificate is judged by the clock.
        let day = [("SOURCE_DATE_EPOCH", "2370000000")];
        let code = if expected.is_none() { 0 } else { 1 };
        world.run_with(&day, "verify model --certificate-chain root.pem").ends(code);
    }
}

fn a_file_that_grows() {
    const CHUNK: [u8; 4096] = [7; 4096];
    const TRIES: usize = 200;
    let world = world();
    fs::remove_dir_all(world.path("model")).unwrap();
    let path = world.path("model/weights.bin");
    let mut was_refused = false;
    for _ in 0..TRIES {
        world.write("model/weights.bin", CHUNK.repeat(1000));
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let is_over = AtomicBool::new(false);
        let signed = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Not for ever, should the program hang.
                for _ in 0..20_000 {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    (&file).write_all(&CHUNK).unwrap();
                }
            });
            let signed = world.run("sign model --key k --no-cache");
            is_over.store(true, Ordering::Relaxed);
            signed
        });
        if signed.code == Some(0) {
            // Some state of the file was signed: so many chunks of it, no more and no less.
            let bundle = Bundle::read(&fs::read(world.path("model/model.sig")).unwrap()).unwrap();
            let manifest = Manifest::read(&bundle.envelope.payload).unwrap();
            let signed = manifest.files["weights.bin"][0].digest.0.clone();
            let chunks = fs::metadata(&path).unwrap().len() / 4096;
            let mut hasher = Hasher::default();
            let is_a_state = (0..=chunks).any(|_| {
                let is_it = hasher.clone().finish().as_bytes()[..] == signed[..];
                hasher.update(&CHUNK);
                is_it
            });
            assert!(is_a_state, "neither what was nor what is was signed");
            fs::remove_file(world.path("model/model.sig")).unwrap();
        } else {
            signed.ends(1).says(&["weights.bin: cannot be read: the file changed while it was read"]);
            assert_eq!(world.names("model"), ["weights.bin"], "nothing is left");
            was_refused = true;
            break;
        }
    }
    assert!(was_refused, "a file that grew was never refused in {TRIES} tries");
}

fn a_signature_is_written_whole_or_not_at_all() {
    let world = world();
    world.run("sign model --key k").ends(0);
    let before = fs::read(world.path("model/model.sig")).unwrap();
    // A disk that is full.
    if std::path::Path::new("/dev/full").exists() {
        world.run("sign model --key k --signature /dev/full").ends(5).says(&["cannot write `/dev/full`"]);
    }
    world.run("sign model --key k --signature no/such/folder.sig").ends(5);
    assert_eq!(fs::read(world.path("model/model.sig")).unwrap(), before);
}

fn a_file_can_be_a_model() {
    let world = world();
    world.write("toy.gguf", "GGUF");
    world.run("sign toy.gguf --key k").ends(0).says(&["to toy.gguf.sig"]);
    world.run("verify toy.gguf --public-key k.pub").ends(0).shows(&["1 file as signed"]);
    world.write("toy.gguf", "GGUf");
    world.run("verify toy.gguf --public-key k.pub").ends(1).shows(&["changed   ."]);
    for arguments in ["--hash blake3", "--hash blake2b", "--shards 2", "--shards --hash blake3"] {
        world.run(&format!("sign toy.gguf --key k {arguments}")).ends(0);
        world.run("verify toy.gguf --public-key k.pub").ends(0);
    }
}

#[cfg(unix)]
fn a_model_does_not_say_what_is_overwritten() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    world.write("model/weights.bin", "x").write("mine", "").run("key generate k").ends(0);
    symlink("../mine", world.path("model/model.sig")).unwrap();
    symlink("../mine", world.path("model/claims.jsonl")).unwrap();
    world.run("sign model --key k").ends(1).says(&["`model/model.sig` is a link", "--signature"]);
    world
        .run("attest model --type scan --key k")
        .ends(1)
        .says(&["`model/claims.jsonl` is a link", "--claims"]);
    assert_eq!(fs::read(world.path("mine")).unwrap(), b"");
    for name in ["model/model.sig", "model/claims.jsonl"] {
        fs::remove_file(world.path(name)).unwrap();
    }
    // A pipe would be waited for.
    let made = std::process::Command::new("mkfifo").arg(world.path("model/model.sig")).status();
    assert!(made.unwrap().success());
    world.run("sign model --key k").ends(1).says(&["no regular file"]);
}
