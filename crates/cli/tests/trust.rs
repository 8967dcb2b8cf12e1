//! `weighbridge trust`, and `verify` under a trust policy.

use std::fs;

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_policy_says_who_may_vouch_for_what", a_policy_says_who_may_vouch_for_what),
    ("several_signatures_are_counted", several_signatures_are_counted),
    ("what_nobody_signed_meets_its_rule", what_nobody_signed_meets_its_rule),
    ("a_signature_that_does_not_hold_never_counts", a_signature_that_does_not_hold_never_counts),
    ("a_model_does_not_bring_its_own_policy", a_model_does_not_bring_its_own_policy),
    ("a_policy_that_is_wrong_is_told_with_its_line", a_policy_that_is_wrong_is_told_with_its_line),
    ("a_policy_is_written_without_disturbing_it", a_policy_is_written_without_disturbing_it),
    ("a_policy_is_checked", a_policy_is_checked),
];

/// The certificate of an authority that expired on 2023-04-07; the clock of the program cannot be set.
const EXPIRED: &str = "-----BEGIN CERTIFICATE-----
MIIBLjCB1KADAgECAgEBMAoGCCqGSM49BAMCMA4xDDAKBgNVBAMMA29sZDAeFw0y
MDA3MTEwMDAwMDBaFw0yMzA0MDcwMDAwMDBaMA4xDDAKBgNVBAMMA29sZDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABPiyao0WTvmz2BI53GrRCMPvO97VIup76zaR
EfcyqtQexSpNolFj4it6DGJDuDhtYSLmiEtWgcZ3KkdUmcXwkw6jIzAhMA8GA1Ud
EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMAoGCCqGSM49BAMCA0kAMEYCIQDL
oZRHTnVr+6W3GDaYhaKnz/OEsnhkpK/GkAwC7YZ4IQIhAOwYSdkNnTrCuSJklyEo
VjJ076WPCQHdzImUshiKHIAg
-----END CERTIFICATE-----
";

/// Two models, two keys, and a policy that trusts both for one.
fn world() -> World {
    let world = World::new();
    world.write("models/prod/toy/weights", "w".repeat(100)).write("models/test/toy/weights", "w");
    world.run("key generate team").ends(0);
    world.run("key generate boss").ends(0);
    world.run("trust init").ends(0).says(&["wrote weighbridge-trust.toml"]);
    world.run("trust add anchor team --kind public-key --key team.pub").ends(0);
    world
        .run("trust add anchor boss --kind cosign-key --key boss.pub")
        .ends(0)
        .says(&["added the anchor `boss`"]);
    world.run("trust add rule models/prod/** --by team,boss").ends(0);
    world
}

fn a_policy_says_who_may_vouch_for_what() {
    let world = world();
    world.run("sign models/prod/toy --key team").ends(0);
    let found = world.run("verify models/prod/toy").ends(0);
    let lines: Vec<&str> = found.out.lines().collect();
    let [verdict, rule, met, vouches, files] = &*lines else { panic!("{lines:?}") };
    assert_eq!(*verdict, "models/prod/toy  verified");
    assert!(rule.starts_with("  rule `models/prod/**` (weighbridge-trust.toml:"), "{rule}");
    assert_eq!(*met, "    met: oms by 1 of `team`, `boss`; 1 vouched");
    assert!(
        vouches.starts_with("  `team` vouches: key ") && vouches.ends_with("(models/prod/toy/model.sig)")
    );
    assert_eq!(*files, "  1 file as signed (sha256)");
    // The same policy from elsewhere, by name.
    world.write("elsewhere/x", "");
    let mut command = world.command("verify ../models/prod/toy --trust ../weighbridge-trust.toml");
    let run = crate::support::Run::from(command.current_dir(world.path("elsewhere")).output().unwrap());
    run.ends(0).shows(&["../models/prod/toy  verified", "rule `models/prod/**`"]);
    // Somebody whom the rule does not name.
    world.run("key generate stranger").ends(0);
    world.run("sign models/prod/toy --key stranger").ends(0);
    world.run("verify models/prod/toy").ends(1).shows(&[
        "models/prod/toy  NOT VERIFIED",
        "  nobody whom the rule names has signed it",
        "NOT met: oms by 1 of `team`, `boss`; 0 vouched",
        "model.sig does not count for `boss`: signature invalid",
    ]);
    world.run("trust add anchor stranger --kind public-key --key stranger.pub").ends(0);
    world.run("verify models/prod/toy").ends(1).shows(&[
        "`stranger` vouches, whom the rule does not name: key ",
        "does not count for `boss`: signature invalid",
    ]);
    // Whoever says whom to believe is not asking the policy.
    world.run("verify models/prod/toy --public-key stranger.pub").ends(0);
    world
        .run("verify models/prod/toy --public-key stranger.pub --strict")
        .ends(2)
        .says(&["are for trust policies"]);
    world.run("verify models/prod/toy --public-key team.pub --trust weighbridge-trust.toml").ends(2);
    // Rules about sources are met by what the user says.
    world.run("trust add rule hf://org/toy --by stranger").ends(0);
    world.run("verify models/test/toy --source hf://org/toy").ends(3).shows(&["rule `hf://org/toy`"]);
    world.run("verify models/test/toy --source org/toy").ends(2).says(&["is no source"]);
    answer_fits_its_schema(&world);
}

fn answer_fits_its_schema(world: &World) {
    let answer = world.run("verify models/prod/toy models/test/toy --json").ends(1);
    let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let schema = include_str!("../../../docs/schema/verification-v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let [one, other] = &**value["models"].as_array().unwrap() else { panic!("{value}") };
    assert_eq!(one["policy"]["rule"]["match"], "models/prod/**");
    assert_eq!(one["policy"]["requirements"][0]["met"], false);
    assert_eq!(one["policy"]["vouched"][0]["anchor"], "stranger");
    assert_eq!(one["policy"]["vouched"][0]["named"], false);
    let refused = one["policy"]["refused"].as_array().unwrap();
    let anchors: Vec<&str> = refused.iter().map(|refused| refused["anchor"].as_str().unwrap()).collect();
    assert_eq!(anchors, ["team", "boss"]);
    assert_eq!((&other["verdict"], &other["policy"]["rule"]), (&"no-rule".into(), &serde_json::Value::Null));
}

fn several_signatures_are_counted() {
    let world = world();
    world.run("trust add rule models/prod/toy --by team,boss --threshold 2").ends(0);
    world.run("sign models/prod/toy --key team").ends(0);
    world.run("verify models/prod/toy").ends(1).shows(&[
        "the signatures are not enough for the rule",
        "rule `models/prod/toy`",
        "NOT met: oms by 2 of `team`, `boss`; 1 vouched",
    ]);
    // A second one in the model, which the first does not know; a third beside it.
    world.run("sign models/prod/toy --key boss --signature models/prod/toy/boss.sig").ends(0);
    world.run("verify models/prod/toy").ends(0).shows(&[
        "2 vouched",
        "`boss` vouches",
        "(models/prod/toy/boss.sig)",
    ]);
    fs::rename(world.path("models/prod/toy/boss.sig"), world.path("models/prod/toy.boss.sig")).unwrap();
    world.run("verify models/prod/toy").ends(0).shows(&["(models/prod/toy.boss.sig)"]);
    let mut command = world.command("verify .");
    let run = crate::support::Run::from(command.current_dir(world.path("models/prod/toy")).output().unwrap());
    run.ends(0).shows(&[".  verified", "2 vouched"]);
    // Only the one that is named.
    world.run("verify models/prod/toy --signature models/prod/toy/model.sig").ends(1);
    // The signature of another model beside it is not one of this.
    fs::rename(world.path("models/prod/toy.boss.sig"), world.path("models/prod/other.boss.sig")).unwrap();
    world.run("verify models/prod/toy").ends(1);
    // One key under two names is one.
    world.write("again.pub", fs::read(world.path("team.pub")).unwrap());
    world.run("trust add anchor again --kind public-key --key again.pub").ends(0);
    world.run("trust add rule models/prod/toy/** --by team,again --threshold 2").ends(0);
    world.run("trust check models/prod/toy").ends(0).shows(&["rule `models/prod/toy` (line "]);
    let text = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    world.write("weighbridge-trust.toml", text.replace("\"models/prod/toy\"", "\"models/prod/other\""));
    world.run("verify models/prod/toy").ends(1).shows(&[
        "NOT met: oms by 2 of `team`, `again`; 1 vouched",
        "one key counts once, whatever its names",
    ]);
    // A file may be a model, too.
    world.write("models/prod/toy.gguf", "GGUF");
    world.run("sign models/prod/toy.gguf --key team --signature models/prod/toy.gguf.team.sig").ends(0);
    world.run("verify models/prod/toy.gguf").ends(0).shows(&["rule `models/prod/**`", "`team` vouches"]);
}

fn what_nobody_signed_meets_its_rule() {
    let world = world();
    world.run("verify models/prod/toy").ends(3).shows(&["models/prod/toy  unsigned", "the rule refuses"]);
    for (unsigned, code, shown) in [
        ("warn", 0, "models/test/toy  unsigned, taken with a warning"),
        ("pin", 3, "leaves it to `weighbridge.lock`"),
        ("refuse", 3, "the rule refuses what nobody signed"),
    ] {
        let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
        world
            .run("verify models/test/toy")
            .ends(3)
            .shows(&["not verified: no rule", "no rule of weighbridge-trust.toml"]);
        world.run("verify models/test/toy --strict").ends(1).shows(&["NOT VERIFIED", "(`--strict`)"]);
        world.run(&format!("trust add rule models/test/** --by team --unsigned {unsigned}")).ends(0);
        world.run("verify models/test/toy --strict").ends(code).shows(&[shown]);
        // A signature of nobody is worse than none.
        world.write("models/test/toy/model.sig", "{}");
        world
            .run("verify models/test/toy")
            .ends(1)
            .shows(&["model.sig does not count: the bundle is malformed"]);
        fs::remove_file(world.path("models/test/toy/model.sig")).unwrap();
        world.write("weighbridge-trust.toml", policy);
    }
    // An age that a key cannot prove.
    world.run("trust add rule models/test/** --by team --max-age 400d").ends(0);
    world.run("sign models/test/toy --key team").ends(0);
    world
        .run("verify models/test/toy")
        .ends(1)
        .shows(&["not older than 400 days; 0 vouched", "`team` has no trusted time"]);
    world.run("trust check").ends(1).shows(&["`max-age` can never be met"]);
}

fn a_signature_that_does_not_hold_never_counts() {
    let world = world();
    world.run("sign models/prod/toy --key team").ends(0);
    world.write("models/prod/toy/weights", "x".repeat(100));
    world.run("verify models/prod/toy").ends(1).shows(&[
        "the model is not as it was signed",
        "changed   weights",
        "does not count for `team`: the model is not as it was signed",
    ]);
    // Of two, the one that is true is enough; the stale one is told.
    world.run("sign models/prod/toy --key boss --signature models/prod/toy.boss.sig").ends(0);
    world
        .run("verify models/prod/toy")
        .ends(0)
        .shows(&["`boss` vouches", "model.sig does not count for `team`"]);
    fs::remove_file(world.path("models/prod/toy.boss.sig")).unwrap();
    // What no anchor signed is no signature: in the model it is a file that nobody signed.
    world.run("sign models/prod/toy --key team").ends(0);
    world.run("key generate stranger").ends(0);
    world.run("sign models/prod/toy --key stranger --signature models/prod/toy/other.sig").ends(0);
    world.run("verify models/prod/toy").ends(1).shows(&["extra     other.sig"]);
    fs::remove_file(world.path("models/prod/toy/other.sig")).unwrap();
    // The signature of a neighbour whose name goes on is not one of this.
    world.write("models/prod/toy.gguf", "GGUF");
    world.run("sign models/prod/toy.gguf --key team").ends(0);
    let found = world.run("verify models/prod/toy models/prod/toy.gguf").ends(0);
    assert!(!found.out.contains("does not count for `team`"), "{}", found.out);
    // A pipe is not waited for, and a link that leads nowhere is none.
    #[cfg(unix)]
    {
        let made = std::process::Command::new("mkfifo").arg(world.path("models/prod/toy.pipe.sig")).status();
        assert!(made.unwrap().success());
        world
            .run("verify models/prod/toy")
            .ends(0)
            .shows(&["toy.pipe.sig does not count: not a regular file"]);
        fs::remove_file(world.path("models/prod/toy.pipe.sig")).unwrap();
        std::os::unix::fs::symlink("nowhere", world.path("models/prod/toy.link.sig")).unwrap();
        world.run("verify models/prod/toy").ends(0);
    }
    // A folder is no signature; too many are not looked at.
    fs::create_dir(world.path("models/prod/toy.x.sig")).unwrap();
    world.run("verify models/prod/toy").ends(0);
    for number in 0..40 {
        world.write(&format!("models/prod/toy.{number}.sig"), "{}");
    }
    world.run("verify models/prod/toy").ends(4).shows(&["more than 32 signature files"]);
    world.run("verify models/prod/toy --signature models/prod/toy/model.sig").ends(0);
}

fn a_model_does_not_bring_its_own_policy() {
    let world = world();
    world.run("key generate stranger").ends(0);
    world.run("sign models/test/toy --key stranger").ends(0);
    let stranger = fs::read_to_string(world.path("stranger.pub")).unwrap();
    let policy = format!(
        "version = 1\n[[anchor]]\nid = 'x'\nkind = 'public-key'\nkey = '''\n{stranger}'''\n\
         [[rule]]\nmatch = '**'\nrequire = [{{type = 'oms', by = ['x']}}]\n"
    );
    fs::remove_file(world.path("weighbridge-trust.toml")).unwrap();
    for place in ["models/test/toy/weighbridge-trust.toml", "models/test/weighbridge-trust.toml"] {
        world.write(place, &policy);
        world.run("verify models/test/toy").ends(2).says(&[
            "nothing says whom to believe",
            "hint: add `--public-key",
            "lies above the model and not above you",
        ]);
    }
    // Whoever goes there, or names it, believes it; the signature does not cover it.
    world
        .run("verify models/test/toy --trust models/test/weighbridge-trust.toml")
        .ends(1)
        .shows(&["extra     weighbridge-trust.toml"]);
    fs::remove_file(world.path("models/test/toy/weighbridge-trust.toml")).unwrap();
    world.run("verify models/test/toy --trust models/test/weighbridge-trust.toml").ends(0);
    let mut command = world.command("verify toy");
    let run = crate::support::Run::from(command.current_dir(world.path("models/test")).output().unwrap());
    run.ends(0).shows(&["rule `**`"]);
    // One for another folder says nothing here.
    let mut command = world.command("verify ../prod/toy");
    let run = crate::support::Run::from(command.current_dir(world.path("models/test")).output().unwrap());
    run.ends(2).says(&["nothing says whom to believe"]);
}

fn a_policy_that_is_wrong_is_told_with_its_line() {
    let world = world();
    let policy = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    world.write("weighbridge-trust.toml", format!("# one\n# two\nversions = 1\n{policy}"));
    for arguments in ["verify models/prod/toy", "trust check", "trust list", "trust add rule x --by team"] {
        world
            .run(arguments)
            .ends(2)
            .says(&["weighbridge-trust.toml:3: there is no setting `versions`", "hint: there are `anchor`"]);
    }
    world.write("weighbridge-trust.toml", &policy);
    fs::remove_file(world.path("boss.pub")).unwrap();
    let line = policy.lines().position(|line| line.contains("boss.pub")).unwrap() + 1;
    let said = format!("weighbridge-trust.toml:{line}: anchor `boss`: cannot read `boss.pub`");
    world.run("verify models/prod/toy").ends(2).says(&[&said]);
    world.run("trust check").ends(1).shows(&[&said, "NOT in order"]);
    world.run("trust list").ends(0).shows(&["anchor  boss  cosign-key  cannot be used"]);
    // A broken anchor does not keep a sound one out.
    world.run("key generate other").ends(0);
    world.run("trust add anchor other --kind public-key --key other.pub").ends(0);
    world.run("trust check --trust none.toml").ends(2).says(&["cannot read `none.toml`"]);
    fs::remove_file(world.path("weighbridge-trust.toml")).unwrap();
    world
        .run("trust check")
        .ends(2)
        .says(&["there is no `weighbridge-trust.toml` here or above", "trust init"]);
    fs::create_dir(world.path("weighbridge-trust.toml")).unwrap();
    world.run("verify models/prod/toy").ends(2).says(&["cannot read `weighbridge-trust.toml`"]);
}

fn a_policy_is_written_without_disturbing_it() {
    let world = world();
    let before = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    assert!(before.starts_with("# Who may vouch for which model."));
    world.run("trust init").ends(2).says(&["`weighbridge-trust.toml` exists already"]);
    for (arguments, said) in [
        ("trust add anchor team --kind public-key --key team.pub", "is there already, on line"),
        ("trust add anchor x --kind public-key --key team", "not of a public key"),
        ("trust add anchor x --kind public-key --key none", "cannot read `none`"),
        ("trust add anchor x --kind sigstore --identity a@b.example", "has no `issuer`"),
        ("trust add anchor x --kind sigstore --issuer https://i.example --identity *", "could be anybody"),
        ("trust add anchor x --kind x509-ca --key team.pub", "has no `key`"),
        ("trust add rule x --by nobody", "there is no anchor `nobody`"),
        ("trust add rule x --by team --unsigned maybe", "`unsigned` cannot be `maybe`"),
        ("trust add rule x --by team --threshold 2", "can never be met"),
        ("trust add rule models/prod/** --by team", "matches the same"),
    ] {
        world.run(arguments).ends(2).says(&[said]);
        assert_eq!(fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap(), before, "{arguments}");
    }
    world.write("pki/deep/k.pub", fs::read(world.path("team.pub")).unwrap());
    let mut command = world.command("trust add anchor deep --kind public-key --key k.pub");
    let run = crate::support::Run::from(command.current_dir(world.path("pki/deep")).output().unwrap());
    run.ends(0);
    let after = fs::read_to_string(world.path("weighbridge-trust.toml")).unwrap();
    assert!(after.starts_with(&before) && after.contains("key = \"pki/deep/k.pub\""), "{after}");
}

fn a_policy_is_checked() {
    let world = world();
    world.run("trust list").ends(0).shows(&[
        "anchor  team  public-key  key ",
        "rule    models/prod/**  oms by 1 of `team`, `boss`  unsigned: refuse",
    ]);
    world.run("trust check models/prod/toy models/test").ends(0).shows(&[
        "models/prod/toy  rule `models/prod/**` (line ",
        "models/test  no rule",
        "weighbridge-trust.toml: 2 anchors, 1 rule: nothing is wrong",
    ]);
    world.run("trust add rule models/**/** --by team").ends(0);
    world.run("trust add rule models/** --by team").ends(0);
    world.run("trust check models/test").ends(1).shows(&[
        "the rule `models/**/**` never applies: `models/**` (line ",
        "models/test  rule `models/**` (line ",
        "NOT in order",
    ]);
    let world = self::world();
    world.write("old.pem", EXPIRED);
    world.run("trust add anchor old --kind x509-ca --certificates old.pem").ends(0);
    world.run("trust check").ends(1).shows(&[
        "anchor `old`: the certificate of `CN=old` has expired on 2023-04-07",
        "note: no rule names the anchor `old`",
        "3 anchors, 1 rule: NOT in order",
    ]);
    // The file behind the policy is exchanged: a key of another one is not the one that was pinned.
    let digest = "0".repeat(64);
    let arguments =
        format!("trust add anchor pinned --kind x509-ca --certificates old.pem --spki-sha256 {digest}");
    world.run(&arguments).ends(2).says(&["which `spki-sha256` does not list"]);
}
