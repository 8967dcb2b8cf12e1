//! `weighbridge lock`: what is written, what is refused, exit codes, and the scan that compares.

use std::fs;
use std::path::Path;

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_model_is_locked_and_the_scan_compares", a_model_is_locked_and_the_scan_compares),
    ("what_is_dangerous_is_not_locked_without_a_reason", what_is_dangerous_is_not_locked),
    ("a_lock_is_the_same_to_the_byte", a_lock_is_the_same_to_the_byte),
    ("a_signer_is_pinned_and_changes_only_with_a_reason", a_signer_is_pinned),
    ("what_is_not_as_its_signature_says_is_not_locked", what_is_not_as_signed),
    ("a_revision_of_the_hub_is_pinned", a_revision_is_pinned),
    ("the_model_of_the_example_is_caught_by_lock_and_by_signature", the_example_is_caught),
    ("a_step_back_is_told_and_taken_only_with_a_reason", a_step_back),
    ("why_something_was_approved_is_told", why_is_told),
    ("programs_are_told_every_difference", programs_are_told),
    ("a_lock_that_cannot_be_believed_is_refused_with_its_line", a_hostile_lock_is_refused),
    ("what_cannot_be_read_is_not_locked", what_cannot_be_read_is_not_locked),
    #[cfg(unix)]
    ("names_write_no_lines_of_their_own", names_write_no_lines),
];

/// A pickle that holds nothing.
const PICKLE: &[u8] = b"\x80\x02}X\x01\0\0\0aK\x01s.";
/// One that runs a program.
const EVIL: &[u8] = b"cposix\nsystem\n(S'id'\ntR.";

fn world() -> World {
    let world = World::new();
    world.write("models/a/w.pkl", PICKLE).write("models/a/sub/config.txt", "c");
    world
}

fn a_model_is_locked_and_the_scan_compares() {
    let world = world();
    world.run("lock verify").ends(3).says(&["nothing is locked", "hint: `weighbridge lock add"]);
    world.run("lock add models/a").ends(0).says(&["locked models/a: 2 files, scan: harmless, not signed"]);
    world.run("lock add models/a").ends(2).says(&["locked already", "lock update models/a"]);
    world.run("lock verify").ends(0).shows(&["models/a  as approved"]);
    world.run("lock diff").ends(0);
    world.run("lock update").ends(0).says(&["everything is as it was approved"]);
    world.run("scan .").ends(0);
    world.run("lock verify models").ends(3).says(&["`models` is not locked in `weighbridge.lock`"]);
    world.write("models/a/sub/config.txt", "d").write("models/a/modeling.py", "x = 1");
    fs::remove_file(world.path("models/a/w.pkl")).unwrap();
    let lock = fs::read(world.path("weighbridge.lock")).unwrap();
    let parts =
        ["models/a  NOT AS APPROVED", "changed   sub/config.txt", "missing   w.pkl", "extra     modeling.py"];
    world.run("lock verify").ends(1).shows(&parts);
    world.run("lock diff models/a/").ends(1).shows(&parts);
    world.run("scan .").ends(1).shows(&["WB-S002", "WB-S003"]);
    assert_eq!(fs::read(world.path("weighbridge.lock")).unwrap(), lock, "nothing was written");
    // The lock lies above these targets.
    world.run("scan models/a").ends(1).shows(&["WB-S002", "sub/config.txt", "WB-S003", "modeling.py"]);
    world
        .run("scan models/a/sub/config.txt --verbose")
        .ends(1)
        .shows(&["WB-S002"])
        .says(&["lock above the target: `"]);
    assert_eq!(world.run("scan . models/a").ends(1).out.matches("WB-S002 ").count(), 1);
    world.run("lock update --reason meant").ends(0).shows(&parts[1..]).says(&["locked models/a: 2 files"]);
    world.run("lock verify --no-cache").ends(0);
    fs::remove_dir_all(world.path("models/a")).unwrap();
    world.run("lock verify").ends(1).shows(&["models/a  NOT AS APPROVED", "it is not there"]);
    world.run("lock update").ends(1).says(&["not there any more"]);
    world.write("elsewhere/w.pkl", PICKLE);
    fs::create_dir(world.path("sub")).unwrap();
    world.run("lock add elsewhere --lock sub/weighbridge.lock").ends(2).says(&["does not lie below"]);
    world.run("lock add nowhere").ends(2);
}

fn what_is_dangerous_is_not_locked() {
    let world = world();
    world.write("models/a/evil.pkl", EVIL);
    world.run("lock add models/a").ends(1).says(&["`models/a` is dangerous", "evil.pkl", "--force --reason"]);
    assert!(!world.path("weighbridge.lock").exists());
    world.run("lock add models/a --force").ends(2).says(&["--reason"]);
    world.run("lock add models/a --force --reason demonstration").ends(0).says(&["scan: dangerous"]);
    let text = fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    assert!(
        text.contains("reason = \"demonstration\"\n") && text.contains("verdict = \"dangerous\""),
        "{text}"
    );
    // What becomes dangerous later is refused as well.
    world.write("models/b/w.pkl", PICKLE);
    world.run("lock add models/b").ends(0);
    world.write("models/b/w.pkl", EVIL);
    let before = fs::read(world.path("weighbridge.lock")).unwrap();
    world.run("lock update models/b").ends(1).shows(&["changed   w.pkl"]).says(&["`models/b` is dangerous"]);
    assert_eq!(fs::read(world.path("weighbridge.lock")).unwrap(), before);
}

fn a_step_back() {
    let world = world();
    world.run("lock add models/a").ends(0);
    let write = |content: &str| world.write("models/a/sub/config.txt", content);
    write("d");
    world.run("lock update").ends(0);
    write("c");
    world.run("lock verify").ends(1).shows(&["downgrade  it is what was replaced on "]);
    world.run("scan .").ends(1).shows(&["WB-S002", "WB-S010  models/a is what was replaced on "]);
    world.run("lock update").ends(1).says(&["`models/a` is what was replaced on ", "--force --reason TEXT"]);
    world.run("lock update --force --reason rollback").ends(0);
    world.run("lock verify").ends(0);
    world.run("scan .").ends(0);
    world.run("lock why models/a").ends(0).shows(&["replaced  weighbridge1:"]);
    write("d");
    world.run("scan .").ends(1).shows(&["WB-S010"]);
    write("e");
    let text = world.run("scan .").ends(1).shows(&["WB-S002"]).out;
    assert!(!text.contains("WB-S010"), "{text}");
}

fn a_lock_is_the_same_to_the_byte() {
    let world = world();
    world.write("data.csv", "a,b\n1,2\n");
    let day = [("SOURCE_DATE_EPOCH", "1709164800")];
    world.run_with(&day, "lock add models/a data.csv --kind dataset --reason x").ends(0);
    let text = fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    world.run_with(&day, "lock add data.csv models/a --kind dataset --reason x --lock other.lock").ends(0);
    assert_eq!(fs::read_to_string(world.path("other.lock")).unwrap(), text);
    for part in [
        "approved = \"2024-02-29\"",
        "kind = \"dataset\"",
        "source = \"data.csv\"",
        "path = \".\", size = 8,",
    ] {
        assert!(text.contains(part), "{text}");
    }
    world.run("lock update").ends(0);
    assert_eq!(fs::read_to_string(world.path("weighbridge.lock")).unwrap(), text, "nothing has changed");
}

fn a_signer_is_pinned() {
    let world = world();
    world.run("key generate k").ends(0);
    world.run("key generate other").ends(0);
    world.run("lock add models/a --signature-required").ends(1).says(&["is not signed"]);
    world.run("sign models/a --key k").ends(0);
    world.run("lock add models/a --public-key other.pub").ends(1).says(&["does not hold"]);
    world.run("lock add models/a --signature-required").ends(0).says(&["nobody verified the signature"]);
    world.run("lock update --public-key k.pub").ends(0).says(&["locked models/a"]);
    let text = fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    assert!(text.contains("public-key = \"MFkw"), "{text}");
    world.run("lock verify").ends(0);
    world.run("scan .").ends(0);
    world.run("sign models/a --key other").ends(0);
    world.run("lock verify").ends(1).shows(&["signer    was key "]);
    world.run("scan .").ends(1).shows(&["WB-S004"]);
    world.run("lock update").ends(1).says(&["is not signed by who signed it"]);
    world.run("lock update --force --reason moved --public-key other.pub").ends(0);
    world.run("lock verify").ends(0);
    fs::remove_file(world.path("models/a/model.sig")).unwrap();
    world.run("lock verify").ends(1).shows(&["signature  lost"]);
    world.run("scan .").ends(1).shows(&["WB-S005"]);
    world.run("lock update --force --reason lost").ends(1).says(&["signature-required"]);
}

#[cfg(unix)]
fn a_revision_is_pinned() {
    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "fedcba9876543210fedcba9876543210fedcba98";
    let world = world();
    let repository = "hub/models--org--name";
    world
        .write(&format!("{repository}/refs/main"), OLD)
        .write(&format!("{repository}/blobs/b"), PICKLE)
        .write(&format!("{repository}/snapshots/{NEW}/w.pkl"), PICKLE);
    fs::create_dir_all(world.path(&format!("{repository}/snapshots/{OLD}"))).unwrap();
    let link = world.path(&format!("{repository}/snapshots/{OLD}/w.pkl"));
    std::os::unix::fs::symlink("../../blobs/b", link).unwrap();
    let hub = world.path("hub");
    let hub = [("HF_HUB_CACHE", hub.to_str().unwrap())];
    let run = |arguments: &str| world.run_with(&hub, arguments);
    run("lock add hf://org/none").ends(2).says(&["does not lie in the cache of the hub"]);
    run("lock add hf://org/../x").ends(2);
    run("lock add hf://org/name").ends(0);
    let text = fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    assert!(
        text.contains(&format!("source = \"hf://org/name\"\nkind = \"model\"\nrevision = \"{OLD}\"")),
        "{text}"
    );
    run("lock add hub/models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567")
        .ends(2)
        .says(&["locked already"]);
    run("lock verify").ends(0);
    run("scan .").ends(0);
    world.write(&format!("{repository}/refs/main"), NEW);
    run("lock verify hf://org/name").ends(1).shows(&[&format!("revision  was {OLD}\n            is  {NEW}")]);
    run("lock diff").ends(1);
    run("scan .").ends(1).shows(&["WB-S006"]);
    run("lock update").ends(0);
    run("lock verify").ends(0);
    run("scan .").ends(0);
    // `hf download --local-dir` notes the commit beside the files.
    let noted = |commit: &str| {
        world.write("models/a/.cache/huggingface/download/w.pkl.metadata", format!("{commit}\netag\n1.0\n"))
    };
    noted(OLD);
    run("lock add models/a").ends(0);
    noted(NEW);
    run("lock verify models/a").ends(1).shows(&["revision  was"]);
}

#[cfg(not(unix))]
fn a_revision_is_pinned() {}

/// One bit of a weight of the example's embedding is changed after it was signed and locked.
fn the_example_is_caught() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fraud-vision/models");
    let mut weights = fs::read(example.join("embedding.safetensors")).unwrap();
    let world = World::new();
    world.write("models/embedding/embedding.safetensors", &weights);
    world.run("key generate k").ends(0);
    world.run("sign models/embedding --key k").ends(0);
    world
        .run("lock add models/embedding --public-key k.pub")
        .ends(0)
        .says(&["scan: harmless, signed by key"]);
    let quiet = world.run("scan .").ends(0);
    assert!(!quiet.out.contains("WB-S"), "{}", quiet.out);
    *weights.last_mut().unwrap() ^= 1;
    world.write("models/embedding/embedding.safetensors", &weights);
    let by_lock = "1 file of models/embedding is not as approved";
    let by_signature = "models/embedding is not as it was signed: 1 file changed";
    world.run("scan .").ends(1).shows(&["WB-S002", by_lock, "WB-S007", by_signature]);
    // Each of them alone is enough.
    fs::rename(world.path("weighbridge.lock"), world.path("lock.txt")).unwrap();
    world.run("scan .").ends(1).shows(&["WB-S007", by_signature]);
    fs::rename(world.path("lock.txt"), world.path("weighbridge.lock")).unwrap();
    world.run("sign models/embedding --key k").ends(0);
    world.run("scan .").ends(1).shows(&["WB-S002", by_lock]);
}

fn why_is_told() {
    let world = world();
    world.write("models/a/own.pkl", b"cshop.layers\nLayer\n)R.");
    world.run("lock add models/a --allow shop.layers.Layer").ends(2).says(&["--reason"]);
    world.run("lock add models/a --allow shop.layers.Layer --reason ours --until 2030-01-01").ends(0);
    let expected = [
        "models/a  (model)",
        "reason    ours",
        "grant     shop.layers.Layer: ours, until 2030-01-01",
        "scan      untrusted on",
    ];
    for path in ["models/a", "models/a/own.pkl", "models/a/sub/config.txt"] {
        world.run(&format!("lock why {path}")).ends(0).shows(&expected);
    }
    world.write("models/a/new.txt", "").write("models/b/x", "");
    world.run("lock why models/a/new.txt").ends(3).says(&["is not locked"]);
    world.run("lock why models/b").ends(3);
    world
        .run("lock add models/b --allow no.such --reason x")
        .ends(0)
        .says(&["nothing that is locked names `no.such`"]);
}

fn programs_are_told() {
    let world = world();
    world.write("models/b.pkl", PICKLE).write("models/gone/x.txt", "x");
    world.run("key generate k").ends(0);
    world.run("sign models/a --key k").ends(0);
    world.run("lock add models/a models/b.pkl models/gone --kind dataset").ends(0);
    let check = |command: &str, code: i32, expected: &str| {
        let answer = world.run(command).ends(code);
        let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        let schema = include_str!("../../../docs/schema/lock-verification-v1.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(value["exit_code"], code);
        let mut told = String::new();
        for model in value["models"].as_array().unwrap() {
            let text = |field: &str| model[field].as_str().unwrap().to_owned();
            told.push_str(&format!("{} {} {}\n", text("source"), text("kind"), text("verdict")));
            for it in model["differences"].as_array().unwrap() {
                let sizes = format!("{}->{}", it["expected_size"], it["actual_size"]);
                told.push_str(&format!("  {} {} {sizes}\n", it["kind"], it["path"]));
            }
        }
        assert_eq!(told, expected);
        answer.out
    };
    let sound =
        "models/a dataset as-approved\nmodels/b.pkl dataset as-approved\nmodels/gone dataset as-approved\n";
    assert_eq!(check("lock verify --json", 0, sound), check("lock diff --format json", 0, sound));
    check("lock verify models/b.pkl --json", 0, "models/b.pkl dataset as-approved\n");
    fs::remove_dir_all(world.path("models/gone")).unwrap();
    fs::remove_file(world.path("models/a/model.sig")).unwrap();
    fs::remove_file(world.path("models/a/w.pkl")).unwrap();
    world.write("models/b.pkl", EVIL).write("models/a/new.txt", "");
    let expected = "\
models/a dataset differs
  \"missing\" \"w.pkl\" null->null
  \"extra\" \"new.txt\" null->null
  \"signature-lost\" \"model.sig\" null->null
models/b.pkl dataset differs
  \"changed\" \".\" 13->24
models/gone dataset missing
";
    let answer = check("lock verify --json", 1, expected);
    assert_eq!(check("lock verify --json --no-cache", 1, expected), answer);
    world.run("lock verify --json --format json").ends(2);
    #[cfg(unix)]
    {
        fs::remove_file(world.path("models/a/new.txt")).unwrap();
        world.write("models/a/w.pkl", PICKLE);
        world.run("sign models/a --key k").ends(0);
        fs::remove_file(world.path("models/a/w.pkl")).unwrap();
        std::os::unix::fs::symlink("nowhere", world.path("models/a/w.pkl")).unwrap();
        let expected = "models/a dataset differs\n  \"changed\" \"w.pkl\" 13->0\n";
        check("lock verify models/a --json", 1, expected);
    }
}

fn a_hostile_lock_is_refused() {
    let world = world();
    world.run("lock add models/a").ends(0);
    let text = fs::read_to_string(world.path("weighbridge.lock")).unwrap();
    for (changed, line) in [
        (text.replace("size = 1,", "size = 7,"), "line 7: the digest is not that"),
        (text.replace("source = \"models/a\"", "source = \"../../etc\""), "line 5: `../../etc` is neither"),
        (text.replace("version = 1", "version = 2"), "line 2: version 2"),
        (text.replace("kind", "<<<<<<< kind"), "line 6: "),
        (
            text.replace("verdict = \"harmless\"", "verdict = \"blessed\""),
            "line 9: `blessed` is none of harmless, unread, untrusted, dangerous, none",
        ),
        ("\u{0}".to_owned(), "line 1: "),
    ] {
        world.write("weighbridge.lock", changed);
        for command in ["lock verify", "lock diff", "lock update", "lock why models/a", "lock add models/b"] {
            world.run(command).ends(2).says(&["cannot be believed", line]);
        }
        world.run("scan .").ends(1).shows(&["WB-S008"]);
    }
    world.write("weighbridge.lock", b"\xff\xfe");
    world.run("lock verify").ends(2);
}

fn what_cannot_be_read_is_not_locked() {
    let world = world();
    fs::create_dir(world.path("empty")).unwrap();
    world.run("lock add empty").ends(2).says(&["has no file to lock"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", world.path("models/a/gone")).unwrap();
        world.run("lock add models/a").ends(4).says(&["`models/a` cannot be locked", "gone: "]);
    }
    assert!(!world.path("weighbridge.lock").exists());
    world.write("models/b/model.sig", "{").write("models/b/x.txt", "x");
    // What is no signature is a file like any other.
    world.run("lock add models/b").ends(0).says(&["2 files, no model file in it, not signed"]);
    world.run("lock verify").ends(0);
}

fn what_is_not_as_signed() {
    let world = world();
    world.run("key generate k").ends(0);
    world.run("sign models/a --key k").ends(0);
    world.write("models/a/sub/config.txt", "d");
    let says = ["`models/a` is not as its signature says: `sub/config.txt` is another one", "--force"];
    world.run("lock add models/a --public-key k.pub").ends(1).says(&says);
    world.run("lock add models/a").ends(1).says(&says[..1]);
    assert!(!world.path("weighbridge.lock").exists());
    // What nobody signed is told, and is for the reviewer to judge.
    world.write("models/a/sub/config.txt", "c").write("models/a/more.txt", "x");
    world
        .run("lock add models/a --public-key k.pub")
        .ends(0)
        .says(&["nobody signed `more.txt` of `models/a`"]);
    // The same of what is changed later: it is no longer what the signer signed.
    world.write("models/a/sub/config.txt", "d");
    world.run("lock update").ends(1).says(&says[..1]);
    fs::remove_file(world.path("models/a/sub/config.txt")).unwrap();
    world.run("lock update").ends(1).says(&["`sub/config.txt` is missing"]);
    world.run("lock update --force --reason known").ends(0).says(&["warning: `models/a` is not as"]);
    // A file alone, and shards.
    world.run("sign models/a --key k --shards").ends(0);
    world.run("lock update").ends(0);
    world.write("one.pkl", PICKLE);
    world.run("sign one.pkl --key k").ends(0);
    world.run("lock add one.pkl --public-key k.pub").ends(0);
    world.write("one.pkl", [PICKLE, PICKLE].concat());
    world.run("lock update one.pkl").ends(1).says(&["`one.pkl` is not as its signature says"]);
}

/// A line break in a name would let it say that it is as approved.
#[cfg(unix)]
fn names_write_no_lines() {
    let world = world();
    world.write("models/a/x\nmodels/a  as approved", "x");
    world.run("lock add models/a").ends(0);
    fs::remove_file(world.path("models/a/x\nmodels/a  as approved")).unwrap();
    let line = "  missing   x\\u{a}models/a  as approved\n";
    for command in ["lock verify", "lock diff"] {
        let told = world.run(command).ends(1);
        assert_eq!(told.out.lines().filter(|line| line.starts_with("models/a")).count(), 1, "{}", told.out);
        told.shows(&[line]);
    }
    world.run("lock update").ends(0).shows(&[line]);
}
