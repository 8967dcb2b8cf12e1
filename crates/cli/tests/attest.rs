//! `weighbridge attest`, and what `verify` makes of attestations.

use std::fs;
use std::path::Path;
use std::process::Child;

use crate::Test;
use crate::support::{Run, World};

pub(crate) const TESTS: &[Test] = &[
    ("what_is_attested_is_verified", what_is_attested_is_verified),
    ("a_verdict_is_attested_as_it_is", a_verdict_is_attested_as_it_is),
    ("every_standing_has_its_exit_code", every_standing_has_its_exit_code),
    ("a_rule_may_take_any_verdict", a_rule_may_take_any_verdict),
    ("a_policy_asks_for_attestations", a_policy_asks_for_attestations),
    ("two_roles_must_both_vouch", two_roles_must_both_vouch),
    ("a_predicate_that_lacks_something_is_refused", a_predicate_that_lacks_something_is_refused),
    ("signers_at_the_same_time_lose_nothing", signers_at_the_same_time_lose_nothing),
    ("a_data_set_that_is_called_claims_stays_one", a_data_set_that_is_called_claims_stays_one),
    ("a_file_of_attestations_is_read_within_bounds", a_file_of_attestations_is_read_within_bounds),
    ("a_lock_and_a_scan_know_attestations", a_lock_and_a_scan_know_attestations),
    ("a_wheel_is_verified_by_what_its_index_attests", a_wheel_is_verified_by_what_its_index_attests),
    ("attestations_in_json_fit_the_schema", attestations_in_json_fit_the_schema),
];

/// Long before now, whatever the clock says.
const LONG_AGO: &[(&str, &str)] = &[("SOURCE_DATE_EPOCH", "1577836800")];

const TRAINED: &str = r#"{
    "buildDefinition": {
        "buildType": "https://weighbridge.dev/train/v1",
        "externalParameters": { "epochs": 3 },
        "resolvedDependencies": [{
            "uri": "hf://a/base",
            "digest": { "sha256": "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865" }
        }]
    },
    "runDetails": { "builder": { "id": "https://ci.example/trainer" } }
}"#;

/// A pickle that runs a program.
const BAD: &[u8] = b"cposix\nsystem\n(S'id'\ntR.";

/// A world with a model and two keys.
fn world() -> World {
    let world = World::new();
    world.write("m/weights.npy", array(3)).write("m/sub/config.json", "{}").write("trained.json", TRAINED);
    world.run("key generate team").ends(0);
    world.run("key generate scanner").ends(0);
    world
}

/// An npy of version 1.0 with three bytes.
fn array(last: u8) -> Vec<u8> {
    let mut bytes =
        b"\x93NUMPY\x01\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\n".to_vec();
    bytes.extend([1, 2, last]);
    bytes
}

fn scan(world: &World, key: &str) -> Run {
    world.run_with(LONG_AGO, &format!("attest m --type scan --key {key}"))
}

fn what_is_attested_is_verified() {
    let world = world();
    world.run("sign m --key team").ends(0);
    let attested = world.run("attest m --type train --predicate trained.json --key team").ends(0);
    attested.says(&["attested train, of 2 files", "by key ", "to m/claims.jsonl"]);
    scan(&world, "scanner").ends(0).says(&["attested scan: pass, of 2 files"]);
    // Neither the signature nor what was attested first is disturbed by what comes later.
    let found = world.run("verify m --public-key team.pub").ends(0);
    let lines: Vec<&str> = found.out.lines().collect();
    let [verdict, by, files, ignored, trained, trainer, scanned, stranger] = &*lines else {
        panic!("{lines:?}")
    };
    assert_eq!(*verdict, "m  verified");
    assert_eq!(*files, "  2 files as signed (sha256)");
    assert_eq!(*ignored, "  not signed, left out by rule: claims.jsonl");
    assert_eq!(*trained, "  attested train (m/claims.jsonl:1)");
    assert_eq!(by.replace("signed by", "by"), trainer[2..]);
    assert_eq!(*scanned, "  scan: pass, 2020-01-01T00:00:00Z (m/claims.jsonl:2) signer unknown");
    assert!(stranger.starts_with("    it says that it is by the key "), "{stranger}");
    // The same again is there already, and a signature made later leaves attestations alone.
    let before = fs::read(world.path("m/claims.jsonl")).unwrap();
    scan(&world, "scanner").ends(0);
    world.run("sign m --key team").ends(0).says(&["not signed: claims.jsonl"]);
    assert_eq!(fs::read(world.path("m/claims.jsonl")).unwrap(), before);
    world
        .run("verify m --public-key scanner.pub --require scan")
        .ends(0)
        .shows(&["m  verified", "attested scan"]);
    // By certificate or by a program, as `sign` does.
    world.run("attest m --type scan").ends(2).says(&["--key"]);
    world.run("attest m --type scan --signer false").ends(2).says(&["which key the program signs with"]);
    // A file alone has its own beside it.
    world.run("attest m/weights.npy --type train --predicate trained.json --key team").ends(0);
    assert!(world.path("m/weights.npy.claims.jsonl").exists());
    world.run("verify m/weights.npy --public-key team.pub --require train").ends(0);
    fs::remove_file(world.path("m/weights.npy.claims.jsonl")).unwrap();
    // The predicate that the documentation shows is one.
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attestations.md");
    let page = fs::read_to_string(page).unwrap();
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    world.write("train.json", shown);
    world.run("attest m --type train --predicate train.json --key team --claims shown.jsonl").ends(0);
    // Or somewhere else, where the folder cannot be written to.
    world.run("attest m --type slsa --predicate trained.json --key team --claims elsewhere.jsonl").ends(0);
    let elsewhere = "verify m --public-key team.pub --claims elsewhere.jsonl --require slsa --require oms";
    world.run(elsewhere).ends(0).shows(&["attested train (elsewhere.jsonl:1)"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let all = fs::Permissions::from_mode(0o777);
        fs::set_permissions(world.path("m/claims.jsonl"), all).unwrap();
        world.run("verify m --public-key scanner.pub --require scan").ends(0);
        world.run("verify m --public-key team.pub").ends(0);
    }
}

fn a_verdict_is_attested_as_it_is() {
    let world = world();
    world.write("m/model.pkl", BAD);
    scan(&world, "scanner").ends(1).says(&["attested scan: fail, of 3 files"]);
    world.run("verify m --public-key scanner.pub --require scan").ends(1).shows(&[
        "m  NOT VERIFIED",
        "no attestation `scan` counts: the verdict of `the one you named` is fail, not pass",
        "attested scan: fail",
    ]);
    // It is of these bytes, whatever they were named before.
    fs::remove_file(world.path("m/model.pkl")).unwrap();
    world
        .run("verify m --public-key scanner.pub --require scan")
        .ends(1)
        .shows(&["of other bytes", "`model.pkl` is missing"]);
    scan(&world, "scanner").ends(0);
    world.run("verify m --public-key scanner.pub --require scan").ends(0);
    // What no scan looks into is not attested as if one had.
    world.write("m/sub/.svn/model.pkl", BAD);
    scan(&world, "scanner").ends(1).says(&["no scan looks into `sub/.svn`", "--ignore-paths sub/.svn"]);
    world.run_with(LONG_AGO, "attest m --type scan --key scanner --ignore-paths sub/.svn").ends(0);
    world.run("verify m --public-key scanner.pub --require scan").ends(1);
    let ignoring =
        "verify m --public-key scanner.pub --require scan --ignore-paths sub/.svn --allow-unsigned-files";
    world.run(ignoring).ends(0);
}

fn every_standing_has_its_exit_code() {
    let world = world();
    let verify = "verify m --public-key scanner.pub --require scan";
    world.run(verify).ends(3).shows(&["m  unsigned", "there is no attestation `scan`"]);
    world.run("attest m --type train --predicate trained.json --key scanner").ends(0);
    world.run(verify).ends(3).shows(&["there is no attestation `scan`", "attested train"]);
    scan(&world, "scanner").ends(0);
    world.run(verify).ends(0);
    world.run(&format!("{verify} --max-age 36500d")).ends(0);
    world.run(&format!("{verify} --max-age 1d")).ends(1).shows(&["stale", "more than 1 day (`max-age`)"]);
    world.run(&format!("{verify} --require oms")).ends(3);
    world.run("sign m --key team").ends(0);
    world.run(&format!("{verify} --require oms")).ends(1).shows(&["signature invalid"]);
    world.run("verify m --public-key team.pub --require scan").ends(1).shows(&["signer unknown"]);
    world.run("verify m --public-key team.pub --require scann").ends(2).says(&["there are custom, dataset"]);
    world.run("verify m --public-key team.pub --require custom").ends(2).says(&["belong together"]);
    world.run("verify m --require scan").ends(2).says(&["does not say whom to believe"]);
    // What is dated ahead is never shown as good.
    let later = [("SOURCE_DATE_EPOCH", "4102444800")];
    world.run_with(&later, "attest m --type scan --key scanner --claims ahead.jsonl").ends(0);
    world
        .run(&format!("{verify} --claims ahead.jsonl"))
        .ends(1)
        .shows(&["scan: pass, 2100-01-01T00:00:00Z (ahead.jsonl:1) stale", "signed in the future"]);
    // What lies behind links is not looked at unasked, so that nothing can be said.
    #[cfg(unix)]
    {
        world.write("linked/real.npy", array(3));
        std::os::unix::fs::symlink("real.npy", world.path("linked/weights.npy")).unwrap();
        world.run("attest linked --type scan --key scanner --allow-symlinks").ends(0);
        let verify = "verify linked --public-key scanner.pub --require scan";
        world.run(verify).ends(4).shows(&[
            "linked  could not be checked",
            "`weights.npy` could not be read: link, not opened; `--allow-symlinks` follows it",
        ]);
        world.run(&format!("{verify} --allow-symlinks")).ends(0);
    }
    // A file that is changed, one that is new, one that is gone.
    world.write("m/weights.npy", array(4));
    world.run(verify).ends(1).shows(&["of other bytes", "`weights.npy` is another one"]);
    world.write("m/weights.npy", array(3)).write("m/more.py", "print(1)");
    world.run(verify).ends(1).shows(&["`more.py` is there, and it does not speak of that"]);
    world.run(&format!("{verify} --allow-unsigned-files")).ends(0);
    fs::remove_file(world.path("m/more.py")).unwrap();
    // The signature of the line, and the line itself.
    let text = fs::read_to_string(world.path("m/claims.jsonl")).unwrap();
    let broken = text.replace("\"sig\":\"ME", "\"sig\":\"MF");
    assert_ne!(broken, text);
    world.write("m/claims.jsonl", &broken);
    world.run(verify).ends(1).shows(&["signature bad"]);
    world.write("m/claims.jsonl", format!("{text}{{}}\n"));
    world.run(verify).ends(1).shows(&["malformed", "`claims.jsonl` is there, and it does not speak of that"]);
}

fn a_rule_may_take_any_verdict() {
    let world = world();
    world.run("trust init").ends(0);
    world.run("trust add anchor scanner --kind public-key --key scanner.pub").ends(0);
    let add = "trust add rule m --by scanner";
    world.run(&format!("{add} --type scan --verdict maybe")).ends(2).says(&["`verdict` cannot be `maybe`"]);
    world.run(&format!("{add} --type train --verdict any")).ends(2).says(&["has no `verdict`"]);
    world.run(&format!("{add} --verdict any")).ends(2).says(&["--type"]);
    // What is dangerous is attested as that, and does not pass.
    world.write("m/evil.pkl", b"cposix\nsystem\n(S'id'\ntR.");
    scan(&world, "scanner");
    world.run(&format!("{add} --type scan --verdict any")).ends(0);
    world.run("verify m").ends(0).shows(&["met: scan by `scanner`"]);
    let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    world.write("weighbridge-trust.toml", policy.replace("\"any\"", "\"pass\""));
    world.run("verify m").ends(1).shows(&["the verdict of `scanner` is fail, not pass"]);
}

fn a_policy_asks_for_attestations() {
    let world = world();
    world.run("trust init").ends(0);
    world.run("trust add anchor team --kind public-key --key team.pub --role trainer").ends(0);
    world.run("trust add anchor scanner --kind public-key --key scanner.pub").ends(0);
    world.run("trust add rule m --by scanner --type scan --max-age 36500d").ends(0);
    world
        .run("trust list")
        .ends(0)
        .shows(&["team  public-key  role trainer", "scan by `scanner`, not older than 36500 days"]);
    // A scan says when it was made, whoever signs it.
    world.run("trust check m").ends(0);
    world.run("verify m").ends(3).shows(&["m  unsigned", "the rule refuses"]);
    scan(&world, "team").ends(0);
    world.run("verify m").ends(1).shows(&[
        "NOT met: scan by `scanner`",
        "nobody whom the rule names",
        "by `team`: key ",
    ]);
    scan(&world, "scanner").ends(0);
    world.run("verify m").ends(0).shows(&[
        "m  verified",
        "met: scan by `scanner`",
        "; 1 vouched",
        "by `scanner`: key ",
    ]);
    let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    world.write("weighbridge-trust.toml", policy.replace("36500d", "7d"));
    world.run("verify m").ends(1).shows(&["NOT met", "more than 7 days (`max-age`)", ") stale"]);
    world.write("weighbridge-trust.toml", &policy);
    world.write("m/weights.npy", array(4));
    world
        .run("verify m")
        .ends(1)
        .shows(&["the attestations are not those that the rule asks for", "of other bytes"]);
    // What somebody said last is what he says.
    world.write("m/model.pkl", BAD);
    world.run("attest m --type scan --key scanner").ends(1);
    world.run("verify m").ends(1).shows(&["the verdict of `scanner` is fail, not pass"]);
    world.run("verify m --require scan").ends(2);
}

fn two_roles_must_both_vouch() {
    let world = world();
    world.run("trust init").ends(0);
    for (id, role) in [("boss", "approver"), ("lawyer", "approver"), ("team", "trainer")] {
        if id != "team" {
            world.run(&format!("key generate {id}")).ends(0);
        }
        world.run(&format!("trust add anchor {id} --kind public-key --key {id}.pub --role {role}")).ends(0);
    }
    let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    let approved = "https://corp.example/approved/v1";
    world.write(
        "weighbridge-trust.toml",
        format!(
            "{policy}
[[rule]]
match = \"m\"
require = [
    {{ type = \"train\", by-role = [\"trainer\"] }},
    {{ type = \"custom\", predicate-type = \"{approved}\", by-role = [\"approver\"], threshold = 2 }},
]
"
        ),
    );
    world.write("yes.json", "{}");
    world.run("attest m --type train --predicate trained.json --key team").ends(0);
    let approve = |key: &str| {
        let typed =
            format!("attest m --type custom --predicate-type {approved} --predicate yes.json --key {key}");
        world.run(&typed).ends(0);
    };
    approve("boss");
    world.run("verify m").ends(1).shows(&[
        "the signatures are not enough for the rule",
        "met: train by `team`; 1 vouched",
        "NOT met: custom `https://corp.example/approved/v1` by 2 of `boss`, `lawyer`; 1 vouched",
    ]);
    // He who has another role does not count, and neither does one twice.
    approve("team");
    approve("boss");
    world.run("verify m").ends(1);
    approve("lawyer");
    world.run("verify m").ends(0).shows(&["2 vouched"]);
    // One key under two names is one.
    let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    world.write("weighbridge-trust.toml", policy.replace("lawyer.pub", "boss.pub"));
    world.run("verify m").ends(1).shows(&["one key counts once, whatever its names"]);
}

fn a_predicate_that_lacks_something_is_refused() {
    let world = world();
    world.write("eval.json", r#"{"result": "PASSED"}"#).write("broken.json", "{");
    world.run("attest m --type eval --predicate eval.json --key team").ends(1).says(&[
        "`eval.json` is no predicate of type `eval`: `configuration` is missing in it",
        "attestations.md",
    ]);
    world
        .run("attest m --type eval --predicate broken.json --key team")
        .ends(1)
        .says(&["`broken.json` is not JSON"]);
    world.run("attest m --type eval --key team").ends(2).says(&["--predicate"]);
    world.run("attest m --type custom --predicate eval.json --key team").ends(2).says(&["--predicate-type"]);
    world.run("attest m --type eval --predicate eval.json --predicate-type x --key team").ends(2);
    world
        .run("attest m --type dataset --predicate trained.json --key team")
        .ends(1)
        .says(&["`buildDefinition.buildType` in it is not `https://weighbridge.dev/dataset/v1`"]);
    world.run("attest nowhere --type slsa --predicate trained.json --key team").ends(2);
    assert!(!world.path("m/claims.jsonl").exists());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("weights.npy", world.path("m/link")).unwrap();
        world
            .run("attest m --type slsa --predicate trained.json --key team")
            .ends(1)
            .says(&["link", "--allow-symlinks"]);
    }
}

fn signers_at_the_same_time_lose_nothing() {
    let world = world();
    let keys: Vec<String> = (0..6).map(|number| format!("k{number}")).collect();
    for key in &keys {
        world.run(&format!("key generate {key}")).ends(0);
    }
    let attest = |key: &String| {
        world.command(&format!("attest m --type train --predicate trained.json --key {key}")).spawn().unwrap()
    };
    let children: Vec<Child> = keys.iter().map(attest).collect();
    for child in children {
        Run::from(child.wait_with_output().unwrap()).ends(0);
    }
    let text = fs::read_to_string(world.path("m/claims.jsonl")).unwrap();
    assert_eq!(text.lines().count(), keys.len());
    for key in &keys {
        world.run(&format!("verify m --public-key {key}.pub --require train")).ends(0);
    }
    assert_eq!(world.names("m"), ["claims.jsonl", "sub", "weights.npy"]);
}

fn a_data_set_that_is_called_claims_stays_one() {
    let world = world();
    world.write("m/claims.jsonl", "{\"claim\": \"water damage\"}\n");
    world.run("sign m --key team").ends(0).says(&["signed 3 files"]);
    world.run("verify m --public-key team.pub").ends(0).shows(&["3 files as signed"]);
    world
        .run("attest m --type train --predicate trained.json --key team")
        .ends(1)
        .says(&["`m/claims.jsonl` takes no attestation: line 1 is no attestation", "`--claims FILE`"]);
    assert_eq!(fs::read_to_string(world.path("m/claims.jsonl")).unwrap(), "{\"claim\": \"water damage\"}\n");
    // Put there later, it does not pass for attestations.
    let other = World::new();
    other.write("m/w", "w");
    other.run("key generate team").ends(0);
    other.run("sign m --key team").ends(0);
    other.write("m/claims.jsonl", "{\"claim\": \"water damage\"}\n");
    other.run("verify m --public-key team.pub").ends(1).shows(&["extra     claims.jsonl"]);
}

fn a_file_of_attestations_is_read_within_bounds() {
    let world = world();
    world.run("sign m/weights.npy --key team").ends(0);
    world.write("m/weights.npy.claims.jsonl", "{}\n".repeat(100_000));
    // What nobody asks for is told, and what is asked for could not be checked.
    world
        .run("verify m/weights.npy --public-key team.pub")
        .ends(0)
        .shows(&["unchecked", "there are more than 1024 attestations in it"]);
    world.run("verify m/weights.npy --public-key team.pub --require scan").ends(4).shows(&["more than 1024"]);
    world
        .run("attest m/weights.npy --type train --predicate trained.json --key team")
        .ends(1)
        .says(&["more than 1024"]);
    #[cfg(unix)]
    {
        fs::remove_file(world.path("m/weights.npy.claims.jsonl")).unwrap();
        let made =
            std::process::Command::new("mkfifo").arg(world.path("m/weights.npy.claims.jsonl")).status();
        assert!(made.unwrap().success());
        world
            .run("verify m/weights.npy --public-key team.pub --require scan")
            .ends(4)
            .shows(&["not a regular file"]);
    }
}

fn a_lock_and_a_scan_know_attestations() {
    let world = world();
    world.run("lock add m").ends(0).says(&["locked m: 2 files"]);
    scan(&world, "scanner").ends(0);
    world.run("lock verify").ends(0);
    world.run("scan .").ends(0);
    world.write("m/weights.npy", array(4));
    world.run("scan .").ends(1).shows(&["WB-S009", "m is not as it was attested: 1 file changed", "WB-S002"]);
    // Approved and attested anew, the same command as before is enough.
    world.run("lock update").ends(0);
    scan(&world, "scanner").ends(0).says(&["attested scan: pass, of 2 files"]);
    world.run("verify m --public-key scanner.pub --require scan").ends(0).shows(&["of other bytes"]);
    world.run("scan .").ends(0);
}

fn a_wheel_is_verified_by_what_its_index_attests() {
    let world = World::new();
    world.write("a-1-py3-none-any.whl", "wheel");
    let verify = "verify a-1-py3-none-any.whl --identity ci@a.example --identity-provider https://a.example";
    world.run(verify).ends(3);
    world.run(&format!("{verify} --require pep740")).ends(3).shows(&["there is no attestation `pep740`"]);
    // One that was made up: a statement of the right file, and nothing that proves it.
    world.write(
        "a-1-py3-none-any.whl.publish.attestation",
        r#"{"version": 1, "verification_material": {"certificate": "AA==", "transparency_entries": []},
            "envelope": {"statement": "e30=", "signature": "AA=="}}"#,
    );
    world.run(verify).ends(1).shows(&["a-1-py3-none-any.whl  NOT VERIFIED", "signature bad"]);
    world.write("a-1-py3-none-any.whl.publish.attestation", r#"{"version": 2}"#);
    world.run(verify).ends(1).shows(&["malformed"]);
}

fn attestations_in_json_fit_the_schema() {
    let world = world();
    scan(&world, "scanner").ends(0);
    world.run("attest m --type train --predicate trained.json --key team").ends(0);
    let answer = world.run("verify m --public-key scanner.pub --require scan --json").ends(0);
    let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let schema = include_str!("../../../docs/schema/verification-v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let [scanned, trained] = &**value["models"][0]["claims"].as_array().unwrap() else { panic!("{value}") };
    assert_eq!(
        (&scanned["standing"], &scanned["type"], &scanned["verdict"]),
        (&"valid".into(), &"scan".into(), &"pass".into())
    );
    assert_eq!(scanned["time"], 1_577_836_800);
    assert_eq!(scanned["place"], "m/claims.jsonl:1");
    assert_eq!(scanned["signers"][0]["signer"]["method"], "key");
    assert_eq!(
        (&trained["standing"], &trained["signers"]),
        (&"unknown-signer".into(), &serde_json::json!([]))
    );
}
