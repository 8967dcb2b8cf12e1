//! `weighbridge log` and `verify --log`: files, exit codes and what is said.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("log::a_signature_is_logged_and_proves_it", a_signature_is_logged_and_proves_it),
    ("log::every_flipped_byte_of_a_log_is_noticed", every_flipped_byte_of_a_log_is_noticed),
    ("log::a_log_grows_beyond_a_tile", a_log_grows_beyond_a_tile),
    ("log::a_process_that_is_stopped_leaves_the_older_log", a_stopped_process_leaves_the_older_log),
    ("log::two_appenders_do_not_meet", two_appenders_do_not_meet),
    ("log::a_monitor_tells_what_is_new_and_by_whom", a_monitor_tells_what_is_new),
    ("log::a_rewritten_log_is_noticed", a_rewritten_log_is_noticed),
    ("log::a_policy_can_ask_for_the_proof", a_policy_can_ask_for_the_proof),
    ("log::what_cannot_be_logged_is_refused", what_cannot_be_logged_is_refused),
    ("log::a_hostile_log_is_refused", a_hostile_log_is_refused),
    ("log::the_private_key_is_kept_private", the_private_key_is_kept_private),
];

/// One of Sigstore is written down, and left as it is.
pub(crate) fn trials() -> Vec<Trial> {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let bundle = folders.find_map(|folder| {
        fs::read(folder.join("shared/corpus/oms/upstream/v1.1.0-sigstore/model.sig")).ok()
    });
    let name = "log::a_signature_of_sigstore_is_written_down_and_left_as_it_is";
    vec![match bundle {
        Some(bundle) => Trial::test(name, move || {
            a_signature_of_sigstore_is_left_as_it_is(&bundle);
            Ok(())
        }),
        None => Trial::test(format!("{name} (no shared vectors)"), || Ok(())).with_ignored_flag(true),
    }]
}

fn a_signature_of_sigstore_is_left_as_it_is(bundle: &[u8]) {
    let world = world(0);
    world.write("s.sig", bundle);
    append(&world, "s.sig").ends(0).says(&["signed by `stefanb@us.ibm.com`", "no proof in it"]);
    append(&world, "s.sig").ends(0).says(&["entry 0  s.sig  (there already)"]);
    assert_eq!(fs::read(world.path("s.sig")).unwrap(), bundle);
    let issuer = "https://sigstore.verify.ibm.com/oauth2";
    let monitor =
        format!("log monitor log --key log.key.pub --state seen --expect stefanb@us.ibm.com={issuer}");
    world.run(&monitor).ends(0).shows(&["all expected", &format!("    stefanb@us.ibm.com={issuer}\n")]);
    // What Sigstore does not vouch for is not written down.
    let text = String::from_utf8(bundle.to_vec()).unwrap();
    let start = text.find("\"sig\"").unwrap() + 20;
    let mut forged = bundle.to_vec();
    forged[start] = if forged[start] == b'A' { b'B' } else { b'A' };
    world.write("forged.sig", forged);
    append(&world, "forged.sig").ends(1).says(&["`forged.sig` cannot be written into a log"]);
}

/// A world with signed models, of `k`, and an empty log.
fn world(models: usize) -> World {
    let world = World::new();
    world.run("key generate k").ends(0);
    for number in 0..models {
        signed(&world, &format!("m{number}"), "k");
    }
    world.run("log init log --origin models.example/log --key log.key").ends(0);
    world
}

/// Makes a model and signs it.
fn signed(world: &World, model: &str, key: &str) {
    world.write(&format!("{model}/weights.bin"), model);
    world.run(&format!("sign {model} --key {key}")).ends(0);
}

fn append(world: &World, bundles: &str) -> crate::support::Run {
    world.run(&format!("log append log {bundles} --key log.key"))
}

const VERIFY: &str = "log verify log --key log.key.pub";
const PROVED: &str = "verify m0 --public-key k.pub --log log.key.pub";

fn a_signature_is_logged_and_proves_it() {
    let world = world(2);
    world.run(VERIFY).ends(0).shows(&["log  verified", "`models.example/log`: 0 entries"]);
    world.run(PROVED).ends(1).shows(&["NOT VERIFIED", "no proof that it is in the log `models.example/log`"]);
    append(&world, "m0").ends(0).says(&[
        "entry 0  m0/model.sig",
        "signed by key ",
        "log `models.example/log`: 1 entry",
    ]);
    world.run(PROVED).ends(0).shows(&["m0  verified", "in log `models.example/log`: entry 0, 20"]);
    world.run("verify m0 --public-key k.pub").ends(0);
    append(&world, "m1/model.sig --public-key k.pub").ends(0).says(&["entry 1  m1/model.sig"]);
    let files =
        ["checkpoint", "tile/0/000.p/1", "tile/0/000.p/2", "tile/entries/000.p/1", "tile/entries/000.p/2"];
    for file in files {
        assert!(world.path("log").join(file).is_file(), "{file}");
    }
    world.run(VERIFY).ends(0).shows(&["2 entries"]);
    // The same again is the same entry, and nothing is written but the proof.
    let before = fs::read(world.path("log/checkpoint")).unwrap();
    append(&world, "m0 m1 m0").ends(0).says(&[
        "entry 0  m0/model.sig  (there already)",
        "entry 1  m1",
        "2 entries",
    ]);
    assert_eq!(fs::read(world.path("log/checkpoint")).unwrap(), before);
    world.run(PROVED).ends(0);
    let answer = world.run(&format!("{PROVED} --json")).ends(0);
    let value: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(value["models"][0]["log"]["name"], "models.example/log");
    assert_eq!(value["models"][0]["log"]["entry"], 0);
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/schema/verification-v1.json")).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&value));
    // The key can be given as its text; another one under the same name is another log.
    let key = fs::read_to_string(world.path("log.key.pub")).unwrap();
    world.run(&format!("verify m0 --public-key k.pub --log {}", key.trim())).ends(0);
    world.run("log init other --origin models.example/log --key other.key").ends(0);
    world
        .run("verify m0 --public-key k.pub --log other.key.pub")
        .ends(1)
        .shows(&["the one that it carries is of another log or key (`models.example/log`)"]);
    world
        .run("log verify log --key other.key.pub")
        .ends(1)
        .shows(&["log  NOT VERIFIED", "not signed with the key"]);
    world.run("log append other m0 --key log.key").ends(1).says(&["is not one of this key"]);
    // A signature made anew has to be logged anew; the same statement by the same signer is the same entry.
    world.run("sign m0 --key k").ends(0);
    world.run(PROVED).ends(1);
    append(&world, "m0").ends(0).says(&["entry 0  m0/model.sig  (there already)"]);
    world.run(PROVED).ends(0);
    // A changed model is a changed model, whatever a log says.
    world.write("m0/weights.bin", "changed");
    world.run(PROVED).ends(1).shows(&["changed   weights.bin", "not as it was signed"]);
    // A bundle a line.
    signed(&world, "m2", "k");
    let lines: Vec<String> = ["m1", "m2"]
        .iter()
        .map(|model| fs::read_to_string(world.path(model).join("model.sig")).unwrap())
        .collect();
    world.write("claims.jsonl", lines.join("\n") + "\n\n");
    append(&world, "claims.jsonl")
        .ends(0)
        .says(&["entry 1  claims.jsonl  (there already)", "entry 2  claims.jsonl"]);
    let after = fs::read_to_string(world.path("claims.jsonl")).unwrap();
    assert_eq!(after.lines().count(), 2);
    world.write("m2/model.sig", after.lines().nth(1).unwrap());
    world.run("verify m2 --public-key k.pub --log log.key.pub").ends(0).shows(&["entry 2"]);
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn every_flipped_byte_of_a_log_is_noticed() {
    let world = world(2);
    append(&world, "m0").ends(0);
    append(&world, "m1").ends(0);
    let mut looked = 0;
    for file in files(&world.path("log")) {
        let whole = fs::read(&file).unwrap();
        // Every bit would take minutes; each byte has one, another one each time.
        for at in (0..whole.len()).step_by(5) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, &changed).unwrap();
            world.run(VERIFY).ends(1).shows(&["log  NOT VERIFIED"]);
            looked += 1;
        }
        for cut in [whole.len().saturating_sub(1), whole.len() / 2, 0] {
            if cut < whole.len() {
                fs::write(&file, &whole[..cut]).unwrap();
                world.run(VERIFY).ends(1);
            }
        }
        fs::write(&file, &whole).unwrap();
    }
    assert!(looked > 300, "{looked}");
    world.run(VERIFY).ends(0);
    for file in ["checkpoint", "tile/0/000.p/2", "tile/entries/000.p/2"] {
        let (from, to) = (world.path("log").join(file), world.path("away"));
        fs::rename(&from, &to).unwrap();
        world.run(VERIFY).ends(4).shows(&["log  could not be checked"]);
        fs::rename(&to, &from).unwrap();
    }
}

/// Bundles of as many statements, one a line.
fn many(world: &World, file: &str, numbers: std::ops::Range<usize>) {
    let bundle = fs::read_to_string(world.path("m0/model.sig")).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let mut lines = String::new();
    for number in numbers {
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"n{number}","digest":{{"sha256":"ab"}}}}],"predicateType":"https://models.example/p","predicate":{{}}}}"#
        );
        value["dsseEnvelope"]["payload"] = base64(statement.as_bytes()).into();
        lines.push_str(&value.to_string());
        lines.push('\n');
    }
    world.write(file, lines);
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn a_log_grows_beyond_a_tile() {
    let world = world(1);
    for (file, numbers) in
        [("a.jsonl", 0..250), ("b.jsonl", 250..256), ("c.jsonl", 256..700), ("d.jsonl", 0..701)]
    {
        many(&world, file, numbers.clone());
        append(&world, file).ends(0).says(&[&format!("log `models.example/log`: {} entries", numbers.end)]);
        world.run(VERIFY).ends(0).shows(&[&format!("{} entries", numbers.end)]);
        let watch = "log monitor log --key log.key.pub --state seen --watch n699";
        // What it saw last lies in full tiles by then.
        world.run(watch).ends(i32::from(numbers.end == 700));
    }
    // What is full has left nothing else behind.
    assert_eq!(world.names("log/tile/0"), ["000", "001", "002.p"]);
    assert_eq!(world.names("log/tile/1/000.p"), ["1", "2"]);
    assert_eq!(world.names("log/tile/entries/002.p"), ["188", "189"]);
    append(&world, "m0").ends(0).says(&["entry 701"]);
    world.run(PROVED).ends(0);
    // A hash of an upper level that nothing below it gives.
    let tile = world.path("log/tile/1/000.p/2");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, bytes).unwrap();
    world.run(VERIFY).ends(1).shows(&["hash 1 of tile/1/000.p/2 is not that of what lies below it"]);
    append(&world, "m0").ends(1).says(&["the log is damaged", "hint: `weighbridge log verify`"]);
}

fn a_stopped_process_leaves_the_older_log() {
    let world = world(3);
    append(&world, "m0").ends(0);
    let checkpoint = fs::read(world.path("log/checkpoint")).unwrap();
    append(&world, "m1").ends(0);
    // As if it had been stopped before the checkpoint, and one with many entries, too.
    fs::write(world.path("log/checkpoint"), &checkpoint).unwrap();
    for file in ["tile/0/000", "tile/0/001", "tile/0/002.p/7", "tile/entries/000", "tile/1/000.p/2"] {
        world.write(&format!("log/{file}"), "half");
    }
    let left = world.run(VERIFY).ends(0);
    for part in
        ["1 entry", "not part of it: tile/entries/000.p/2, left by a process that was stopped", "and 2 more"]
    {
        assert!(left.out.contains(part), "{}", left.out);
    }
    world.run(PROVED).ends(0);
    append(&world, "m2").ends(0).says(&["entry 1  m2/model.sig"]);
    let verified = world.run(VERIFY).ends(0);
    assert!(!verified.out.contains("not part of it"), "{}", verified.out);
    for file in ["tile/0/000", "tile/0/001", "tile/0/002.p", "tile/entries/000", "tile/1"] {
        let is_gone = fs::read_dir(world.path("log").join(file)).map_or(true, |mut names| {
            names.all(|name| name.unwrap().path().read_dir().is_ok_and(|mut inner| inner.next().is_none()))
        });
        assert!(is_gone && !world.path("log").join(file).is_file(), "{file}");
    }
    // The one that was lost is written down again, and gets a proof that holds.
    append(&world, "m1").ends(0).says(&["entry 2  m1/model.sig"]);
    world.run("verify m1 --public-key k.pub --log log.key.pub").ends(0);
}

fn two_appenders_do_not_meet() {
    let world = world(8);
    let children: Vec<_> = (0..8)
        .map(|number| world.command(&format!("log append log m{number} --key log.key")).spawn().unwrap())
        .collect();
    let mut done = 0;
    for child in children {
        let run: crate::support::Run = child.wait_with_output().unwrap().into();
        if run.code == Some(4) {
            run.says(&["another process writes to the log", "hint: wait until it is done"]);
        } else {
            run.ends(0);
            done += 1;
        }
    }
    assert!(done > 0);
    world.run(VERIFY).ends(0).shows(&[&format!("`models.example/log`: {done} entr")]);
    // Who has the log lets nobody else in.
    let held = fs::File::open(world.path("log/lock")).unwrap();
    held.lock().unwrap();
    append(&world, "m0").ends(4).says(&["another process writes to the log"]);
    world.run(VERIFY).ends(0);
}

fn a_monitor_tells_what_is_new() {
    let world = world(2);
    let monitor = |more: &str| world.run(&format!("log monitor log --key log.key.pub --state seen {more}"));
    monitor("").ends(0).shows(&["log  nothing new in `models.example/log`, which has 0 entries\n"]);
    append(&world, "m0").ends(0);
    monitor("--watch m1").ends(0).shows(&["1 new entry in `models.example/log`, none of them watched\n"]);
    append(&world, "m1").ends(0);
    let told = monitor("--watch m1").ends(1);
    for part in [
        "1 new entry in `models.example/log`, 1 watched, 1 NOT EXPECTED\n",
        "  entry 1  20",
        "    key ",
        "    of m1\n",
        "       sha256 ",
    ] {
        assert!(told.out.contains(part), "{}", told.out);
    }
    monitor("--watch m1").ends(0).shows(&["nothing new in `models.example/log`, which has 2 entries"]);
    // Somebody else signs what the team signs.
    world.run("key generate thief").ends(0);
    signed(&world, "m2", "k");
    append(&world, "m2").ends(0);
    monitor("--expect k.pub").ends(0).shows(&[
        "1 new entry in `models.example/log`, all expected",
        "entry 2",
        "  expected\n",
    ]);
    world.write("m2/weights.bin", "bad").run("sign m2 --key thief").ends(0);
    append(&world, "m2").ends(0);
    let caught =
        monitor("--expect k.pub --watch m2").ends(1).shows(&["1 watched, 1 NOT EXPECTED", "entry 3"]);
    let key = caught.out.lines().find_map(|line| line.strip_prefix("    key ")).unwrap().to_owned();
    fs::remove_file(world.path("seen")).unwrap();
    monitor(&format!("--watch {key} --expect {key}"))
        .ends(0)
        .shows(&["4 new entries in `models.example/log`, 1 watched, all expected", "of m2"]);
    fs::remove_file(world.path("seen")).unwrap();
    monitor("--expect k.pub").ends(1).shows(&["4 new entries in `models.example/log`, 1 NOT EXPECTED"]);
    monitor("--expect nobody").ends(2).says(&["cannot read `nobody`"]);
    monitor("--expect ci@models.example=https://models.example").ends(0);
    fs::remove_file(world.path("log/tile/entries/000.p/4")).unwrap();
    fs::remove_file(world.path("seen")).unwrap();
    monitor("").ends(4).says(&["`log/tile/entries/000.p/4` is missing"]);
    assert!(!world.path("seen").exists());
    world
        .run("log monitor nowhere --key log.key.pub --state seen")
        .ends(4)
        .says(&["there is no log in `nowhere`"]);
}

/// A copy of the log.
fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    for file in files(&world.path(from)) {
        let name = file.strip_prefix(world.path(from)).unwrap().to_str().unwrap().to_owned();
        world.write(&format!("{to}/{name}"), fs::read(&file).unwrap());
    }
}

fn a_rewritten_log_is_noticed() {
    let world = world(3);
    append(&world, "m0").ends(0);
    copy(&world, "log", "old");
    append(&world, "m1").ends(0);
    let monitor = "log monitor log --key log.key.pub --state seen --expect k.pub";
    world.run(monitor).ends(0);
    copy(&world, "log", "true");
    let seen = fs::read(world.path("seen")).unwrap();
    fs::copy(world.path("log/checkpoint"), world.path("earlier")).unwrap();
    let from = "log verify log --key log.key.pub --from earlier";
    world.run(from).ends(0).shows(&["continues earlier (2 entries)"]);
    // The holder of the key takes one back, and puts another one there.
    copy(&world, "old", "log");
    world
        .run(monitor)
        .ends(1)
        .says(&["was rewritten or is damaged: it had 2 entries, and has 1", "keep `seen`"]);
    world.run(from).ends(1).shows(&["the log was rewritten: it had more entries"]);
    append(&world, "m2").ends(0);
    world.run(VERIFY).ends(0);
    world.run(monitor).ends(1).says(&["its first 2 entries are not those of the last look"]);
    world.run(from).ends(1).shows(&["the log was rewritten: its first 2 entries are others"]);
    append(&world, "m0 m1").ends(0);
    world.run(monitor).ends(1).says(&["was rewritten"]);
    world.run(from).ends(1).shows(&["its first 2 entries are others"]);
    assert_eq!(fs::read(world.path("seen")).unwrap(), seen, "what was seen stays");
    copy(&world, "true", "log");
    world.run(monitor).ends(0);
    world.write("seen", "nonsense");
    world.run(monitor).ends(2).says(&["`seen` is not the state of this log"]);
}

fn a_policy_can_ask_for_the_proof() {
    let world = world(1);
    world.run("trust init").ends(0);
    world.run("trust add anchor team --kind public-key --key k.pub").ends(0);
    world.run("trust add rule m0 --by team").ends(0);
    world.run("verify m0").ends(0);
    world
        .run("verify m0 --log log.key.pub")
        .ends(1)
        .shows(&["does not count for `team`: no proof that it is in the log"]);
    append(&world, "m0").ends(0);
    world.run("verify m0 --log log.key.pub").ends(0).shows(&["in log `models.example/log`: entry 0"]);
}

fn what_cannot_be_logged_is_refused() {
    let world = world(1);
    world.run("key generate other").ends(0);
    append(&world, "m0 --public-key other.pub")
        .ends(1)
        .says(&["`m0/model.sig` cannot be written into a log", "not one of the public key"]);
    append(&world, "nothing").ends(2).says(&["cannot read `nothing`"]);
    world.write("empty.jsonl", "\n").write("bad.jsonl", "\n{}\n").write("bad.sig", "{}");
    append(&world, "empty.jsonl").ends(2).says(&["holds no bundle"]);
    append(&world, "bad.jsonl").ends(1).says(&["line 2 of `bad.jsonl` cannot be written"]);
    append(&world, "m0 bad.sig").ends(1).says(&["`bad.sig` cannot be written", "malformed"]);
    // Nothing of a command that is refused is written.
    world.run(VERIFY).ends(0).shows(&["0 entries"]);
    let bundle = fs::read_to_string(world.path("m0/model.sig")).unwrap();
    let hint = serde_json::from_str::<serde_json::Value>(&bundle).unwrap()["verificationMaterial"]["publicKey"]["hint"]
        .as_str()
        .unwrap()
        .to_owned();
    world.write("m0/model.sig", bundle.replace(&hint, ""));
    append(&world, "m0").ends(1).says(&["does not say which key", "hint: name it with `--public-key`"]);
    append(&world, "m0 --public-key k.pub").ends(0);
    // One inside the model carries no proof.
    world.write("plain/w.bin", "w");
    world
        .run("verify plain --public-key k.pub --log log.key.pub")
        .ends(3)
        .shows(&["unsigned", "with the proof of a log"]);
    world.run("verify m0 --public-key k.pub --log log.key.pub --embedded").ends(2);
    world
        .run("verify m0 --public-key k.pub --log log.key")
        .ends(2)
        .says(&["this is the private key of a log"]);
    world
        .run("verify m0 --public-key k.pub --log nonsense")
        .ends(2)
        .says(&["this is no public key of a log"]);
}

fn a_hostile_log_is_refused() {
    let world = world(1);
    for origin in ["", "a b", "a+b", "a\u{2003}b"] {
        let mut command = world.command("log init evil --key evil.key");
        let run: crate::support::Run = command.args(["--origin", origin]).output().unwrap().into();
        run.ends(2).says(&["cannot be the name of a log"]);
        assert!(!world.path("evil.key").exists() && !world.path("evil").exists());
    }
    // A name is a name, and never a path.
    let before = world.names(".");
    world.run("log init up --origin ../../up --key up.key").ends(0);
    let mut expected = [before, ["up", "up.key", "up.key.pub"].map(str::to_owned).to_vec()].concat();
    expected.sort();
    assert_eq!(world.names("."), expected);
    assert_eq!(world.names("up"), ["checkpoint", "lock"]);
    world.run("log append up m0 --key up.key").ends(0);
    world.run("log verify up --key up.key.pub").ends(0);
    // What is no file is not waited for.
    #[cfg(unix)]
    {
        fs::remove_file(world.path("up/checkpoint")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(world.path("up/checkpoint")).status();
        assert!(made.unwrap().success());
        world.run("log verify up --key up.key.pub").ends(4).shows(&["not a regular file"]);
    }
}

fn the_private_key_is_kept_private() {
    let world = World::new();
    let init = world.run("log init log --origin models.example/log --key log.key").ends(0);
    let private = fs::read_to_string(world.path("log.key")).unwrap();
    // Base64 may have a `+`, too.
    let secret = private.trim().splitn(5, '+').nth(4).unwrap().to_owned();
    assert!(private.starts_with("PRIVATE+KEY+models.example/log+"));
    assert_eq!(init.out, fs::read_to_string(world.path("log.key.pub")).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(world.path("log.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!init.err.contains(&secret) && !init.out.contains(&secret));
    for arguments in [
        "log verify log --key log.key",
        "log monitor log --key log.key --state s",
        "log append log nothing --key log.key.pub",
        "log init log --origin models.example/log --key log.key",
        "log init new --origin another --key log.key",
        "log init new --origin another --key new/log.key",
    ] {
        let run = world.run(arguments).ends(2);
        assert!(!run.err.contains(&secret) && !run.out.contains(&secret), "{arguments}: {}", run.err);
    }
    world.write("damaged", private.replace("models", "model"));
    let run = world.run("log append log x --key damaged").ends(2).says(&["the key is damaged"]);
    assert!(!run.err.contains(&secret));
    assert_eq!(fs::read_to_string(world.path("log.key")).unwrap(), private);
}
