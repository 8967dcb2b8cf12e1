//! `sign --pkcs11` and `sign --keyless`: with a token of SoftHSM, with the stand-in for Sigstore, and in a build without them.

use libtest_mimic::Trial;

use crate::Test;
use crate::support::World;

#[cfg(feature = "keyless")]
#[path = "../../signers/tests/standin.rs"]
mod standin;

pub(crate) const TESTS: &[Test] = &[
    ("signers::one_signer_must_be_named", one_signer_must_be_named),
    #[cfg(not(feature = "pkcs11"))]
    ("signers::a_build_without_devices_says_so", || {
        let world = world();
        world
            .run("sign model --pkcs11 pkcs11:token=t")
            .ends(2)
            .says(&["cannot sign with keys in devices", "--features"]);
    }),
    #[cfg(not(feature = "keyless"))]
    ("signers::a_build_without_sigstore_says_so", || {
        let world = world();
        world.run("sign model --keyless").ends(2).says(&["cannot sign keyless", "--features"]);
    }),
    #[cfg(feature = "keyless")]
    ("signers::keyless_goes_online_or_not_at_all", keyless_goes_online_or_not_at_all),
    #[cfg(feature = "pkcs11")]
    ("signers::a_device_that_cannot_be_used_is_told", a_device_that_cannot_be_used_is_told),
];

pub(crate) fn trials() -> Vec<Trial> {
    #[allow(unused_mut, reason = "without features there is nothing to test")]
    let mut trials = Vec::new();
    #[cfg(feature = "pkcs11")]
    trials.push(token::trial());
    #[cfg(feature = "keyless")]
    trials.push(match standin::node() {
        Ok(modules) => Trial::test("signers::a_model_is_signed_keyless", move || {
            a_model_is_signed_keyless(&modules);
            Ok(())
        }),
        Err(why) => Trial::test(format!("signers::a_model_is_signed_keyless ({why})"), || Ok(()))
            .with_ignored_flag(true),
    });
    trials
}

fn world() -> World {
    let world = World::new();
    world.write("model/weights.bin", "w".repeat(100));
    world
}

fn one_signer_must_be_named() {
    let world = world();
    world.run("sign model").ends(2).says(&["--key", "--signer", "--pkcs11", "--keyless"]);
    for both in ["--key k --keyless", "--key k --pkcs11 pkcs11:", "--keyless --signer s"] {
        world.run(&format!("sign model {both}")).ends(2).says(&["cannot be used with"]);
    }
    for alone in ["--key k --identity-token t", "--key k --trust-config c", "--keyless --certificate-chain c"]
    {
        world.run(&format!("sign model {alone}")).ends(2);
    }
}

#[cfg(feature = "keyless")]
fn keyless_goes_online_or_not_at_all() {
    let world = world();
    world.run("sign model --keyless --offline").ends(2).says(&["needs the network", "hint: sign with a key"]);
    world.run_with(&[("WEIGHBRIDGE_OFFLINE", "1")], "sign model --keyless").ends(2);
    world.run("sign model --keyless").ends(2).says(&["nothing says as whom to sign", "--identity-token"]);
    world.run("sign model --keyless --ambient-token").ends(2).says(&["id-token: write"]);
    world.write("t", "s3cret").write("c", "{}");
    let told = world.run("sign model --keyless --identity-token t").ends(2).says(&["three parts"]);
    assert!(!told.err.contains("s3cret"), "{}", told.err);
    world.run("sign model --keyless --trust-config c").ends(2).says(&["cannot use `c`"]);
    assert_eq!(world.names("model"), ["weights.bin"]);
}

#[cfg(feature = "keyless")]
fn a_model_is_signed_keyless(modules: &std::path::Path) {
    use standin::{IDENTITY, ISSUER, Standin};

    let standin = Standin::start(modules);
    let world = world();
    for name in ["log1.json", "trusted_root.json", "token", "authority-repeats.json"] {
        world.write(name, standin.text(name));
    }
    let sign = "sign model --keyless --trust-config log1.json";
    let by = format!("by {IDENTITY}, as {ISSUER} says");
    world.run(&format!("{sign} --identity-token token")).ends(0).says(&[
        "who signed",
        &standin.url,
        "signed 1 file",
        &by,
        "to model/model.sig",
    ]);
    let identity = format!("--identity {IDENTITY} --identity-provider {ISSUER}");
    let verify = format!("verify model --offline --trusted-root trusted_root.json {identity}");
    world.run(&verify).ends(0).shows(&["model  verified", IDENTITY]);
    // The public instance does not know this signer, and the roots of ours no other one.
    world.run(&format!("verify model {identity}")).ends(1);
    world.run(&verify.replace("train.yml", "other.yml")).ends(1).shows(&["identity mismatch"]);

    // A lock keeps the roots, and verifies by them alone.
    world.run("lock add model").ends(1).says(&["does not hold", "hint: `--trusted-root FILE`"]);
    world.run("lock add model --trusted-root token").ends(2).says(&["token"]);
    world.run("lock add model --trusted-root trusted_root.json").ends(0).says(&[IDENTITY]);
    let roots = std::fs::read(world.path("trusted_root.json")).unwrap();
    std::fs::remove_file(world.path("trusted_root.json")).unwrap();
    world.run("lock verify --no-cache").ends(0).shows(&["model  as approved"]);
    world.run("lock why model").ends(0).shows(&[IDENTITY, "by the roots that the lock keeps"]);
    for target in [".", "model"] {
        let quiet = world.run(&format!("scan {target}")).ends(0);
        assert!(!quiet.out.contains("WB-S"), "{}", quiet.out);
    }
    let lock = std::fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    let (before, rest) = lock.split_once(", trusted-root = \"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    world.write("weighbridge.lock", format!("{before}{after}"));
    world.run("lock verify").ends(1).shows(&["signature  does not hold"]);
    world.run("scan model").ends(1).shows(&["WB-S001"]);
    world.write("weighbridge.lock", lock).write("trusted_root.json", &roots);

    // A policy names the roots.
    world.run("trust init").ends(0);
    world
        .run(&format!(
            "trust add anchor release --kind sigstore --issuer {ISSUER} --identity https://builder.example/*.yml \
             --trusted-root trusted_root.json"
        ))
        .ends(0);
    world.run("trust add rule model --by release").ends(0);
    world.run("verify model --offline").ends(0).shows(&["model  verified", "`release` vouches"]);

    world.write("model/weights.bin", "x".repeat(100));
    world.run(&verify).ends(1).shows(&["changed   weights.bin"]);
    world.run("verify model").ends(1);

    // Inside of the files, by a log of version 2.
    let header = br#"{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#;
    let length = u64::try_from(header.len()).unwrap().to_le_bytes();
    world.write("tensors/m.safetensors", [&length[..], header, b"ab"].concat());
    world.write("log2.json", standin.text("log2.json"));
    world
        .run("sign tensors --embed --keyless --identity-token token --trust-config log2.json")
        .ends(0)
        .says(&[&by, "in tensors/m.safetensors"]);
    world.run(&verify.replace("model", "tensors")).ends(0).shows(&["tensors  verified", IDENTITY]);

    // What is said of several files is signed in the same way.
    world.write("two/a.bin", "a").write("two/b.bin", "b").write("said.json", "{}");
    for log in ["log1.json", "log2.json"] {
        world
            .run(&format!(
                "attest two --type custom --predicate-type https://a.example/{log} --predicate said.json --keyless \
                 --identity-token token --trust-config {log}"
            ))
            .ends(0)
            .says(&["attested custom, of 2 files", &by]);
        let require = format!("--require custom --predicate-type https://a.example/{log}");
        world
            .run(&format!("{} {require}", verify.replace("model", "two")))
            .ends(0)
            .shows(&["two  verified", IDENTITY]);
    }
    // A scan knows the roots that the policy names, and says so where it cannot read them.
    let quiet = world.run("scan two").ends(0);
    assert!(!quiet.out.contains("WB-S009"), "{}", quiet.out);
    world.write("trusted_root.json", "{}");
    world.run("scan two").ends(2).says(&["trusted_root.json"]);
    std::fs::remove_file(world.path("trusted_root.json")).unwrap();
    world.run("scan two").ends(2).says(&["trusted_root.json"]);
    world.write("trusted_root.json", &roots);
    std::fs::rename(world.path("weighbridge-trust.toml"), world.path("policy")).unwrap();
    world.run("scan two").shows(&["WB-S009", "by the public instance of Sigstore"]);
    std::fs::rename(world.path("policy"), world.path("weighbridge-trust.toml")).unwrap();
    world.write("two/b.bin", "c");
    let require = "--require custom --predicate-type https://a.example/log1.json";
    world.run(&format!("{} {require}", verify.replace("model", "two"))).ends(1);

    // From the environment; and what fails leaves the signature that was there.
    let token = standin.text("token");
    world.run_with(&[("WEIGHBRIDGE_IDENTITY_TOKEN", &token)], sign).ends(0);
    world.run_with(&[("SIGSTORE_ID_TOKEN", &token)], &format!("{sign} --ambient-token")).ends(0);
    world.run(&verify).ends(0);
    let failing = "sign model --keyless --identity-token token --trust-config authority-repeats.json";
    let told = world.run(failing).ends(1).says(&["answers with status 403", "hint: nothing was written"]);
    assert!(!told.err.contains(&token), "{}", told.err);
    world.run(&verify).ends(0);
}

#[cfg(feature = "pkcs11")]
fn a_device_that_cannot_be_used_is_told() {
    let world = world();
    world
        .run("sign model --pkcs11 pkcs11:token=t")
        .ends(2)
        .says(&["nothing names the library", "module-path"]);
    world.run("sign model --pkcs11 token=t").ends(2).says(&["does not begin with `pkcs11:`"]);
    let told = world.run("sign model --pkcs11 pkcs11:token=t;x=1?pin-value=s3cret").ends(2).says(&["`x`"]);
    assert!(!told.err.contains("s3cret"), "{}", told.err);
    world
        .run("sign model --pkcs11 pkcs11:?module-path=/nowhere.so")
        .ends(2)
        .says(&["`/nowhere.so` cannot be used"]);
}

/// A token of SoftHSM.
#[cfg(feature = "pkcs11")]
mod token {
    use std::fs;
    use std::path::Path;

    use libtest_mimic::Trial;

    use super::world;
    use crate::certificates::{DAY, Draft, NOW, issue};

    const LIBRARIES: [&str; 4] = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    ];

    pub(super) fn trial() -> Trial {
        let name = "signers::a_model_is_signed_with_a_key_in_a_token";
        let tool = std::process::Command::new("softhsm2-util").arg("--version").output();
        match LIBRARIES.into_iter().find(|path| tool.is_ok() && Path::new(path).exists()) {
            Some(library) => Trial::test(name, move || {
                a_model_is_signed_with_a_key_in_a_token(library);
                Ok(())
            }),
            None => Trial::test(format!("{name} (no SoftHSM)"), || Ok(())).with_ignored_flag(true),
        }
    }

    fn a_model_is_signed_with_a_key_in_a_token(library: &str) {
        let world = world();
        fs::create_dir(world.path("tokens")).unwrap();
        world.write("softhsm2.conf", format!("directories.tokendir = {}\n", world.path("tokens").display()));
        let configuration = world.path("softhsm2.conf");
        let hsm = |words: &str| {
            let mut command = world.program(Path::new("softhsm2-util"), words);
            let output = command.env("SOFTHSM2_CONF", &configuration).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let configuration = configuration.to_str().unwrap();
        let run = |variables: &[(&str, &str)], arguments: &str| {
            let ours = [("SOFTHSM2_CONF", configuration), ("WEIGHBRIDGE_PKCS11_MODULE", library)];
            world.run_with(&[&ours, variables].concat(), arguments)
        };
        hsm("--init-token --free --label models --so-pin 86420 --pin 97531");
        world.run("key generate k --curve p384").ends(0);
        hsm("--import k --token models --label release --id 01 --pin 97531");
        // Good until 2049; the clock of the program cannot be set.
        let life = (NOW - DAY, 2_500_000_000);
        let root = issue(&Draft { life, ..Draft::authority("CN=root") }, None);
        let leaf = issue(&Draft { life, ..Draft::leaf("CN=signer") }, Some(&root));
        world.write("root.pem", root.pem()).write("leaf.pem", leaf.pem());
        world.write("leaf.key", &**leaf.key.to_pem(None).unwrap());
        hsm("--import leaf.key --token models --label certified --id 02 --pin 97531");
        world.write("pin", "97531\n");
        let sign = "sign model --pkcs11 pkcs11:token=models;object=release";
        run(&[], sign).ends(2).says(&["token `models` wants a PIN", "--password-file"]);
        let wrong = [("WEIGHBRIDGE_KEY_PASSWORD", "12345")];
        let told = run(&wrong, sign).ends(2).says(&["does not take the PIN"]);
        assert!(!told.err.contains("12345"), "{}", told.err);
        for (variables, from) in [
            (&[][..], "?pin-value=97531"),
            (&[], "?pin-source=pin"),
            (&[], " --password-file pin"),
            (&[("WEIGHBRIDGE_KEY_PASSWORD", "97531")], ""),
        ] {
            let told = run(variables, &format!("{sign}{from} -v")).ends(0);
            let told = told.says(&["signed 1 file", "(P-384) in token `models`"]);
            assert!(!told.err.contains("97531"), "{}", told.err);
            world.run("verify model --public-key k.pub").ends(0);
        }
        run(
            &[],
            "sign model --password-file pin --pkcs11 pkcs11:token=models;id=%02 --certificate-chain leaf.pem",
        )
        .ends(0)
        .says(&["by certificate, key ", "(P-256) in token `models`"]);
        world
            .run("verify model --certificate-chain root.pem")
            .ends(0)
            .shows(&["model  verified", "CN=signer"]);
        // Nobody shows what is not his.
        run(&[], &format!("{sign} --password-file pin --certificate-chain leaf.pem"))
            .ends(1)
            .says(&["is not one of the public key"]);
        world.write("said.json", "{}");
        run(
            &[],
            "attest model --type custom --predicate-type https://a.example/p --predicate said.json --password-file pin \
             --pkcs11 pkcs11:token=models;object=release",
        )
        .ends(0)
        .says(&["attested custom, of 1 file"]);
        world
            .run("verify model --public-key k.pub --require custom --predicate-type https://a.example/p")
            .ends(0);
        world.run("key generate other").ends(0);
        run(&[], &format!("{sign} --password-file pin --public-key other.pub"))
            .ends(1)
            .says(&["is not one of the public key"]);
    }
}
