//! Signing where the world is broken: names, media, disks, other signers, memories that lie.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::cache::Stamp;
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::listing::{File, Is};
use weighbridge_core::opener::Handle;
use weighbridge_core::source::Source;
use weighbridge_net::digests::Digests;
use weighbridge_net::open::listing;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::oms::{self, Choice, Hashing, Method};

use crate::Test;
use crate::signing::world;
use crate::support::{Run, World};

pub(crate) const TESTS: &[Test] = &[
    ("no_name_steers_the_terminal", no_name_steers_the_terminal),
    ("eight_signers_of_one_folder", eight_signers_of_one_folder),
    ("a_memory_is_believed_only_if_asked", a_memory_is_believed_only_if_asked),
    ("a_folder_that_is_none_takes_no_signature", a_folder_that_is_none_takes_no_signature),
];

/// Those that need the right to mount, where there is none their names say so; and one that takes long.
pub(crate) fn trials() -> Vec<Trial> {
    let may_mount = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    let missing = !may_mount.is_ok_and(|output| output.status.success());
    let tests: [Test; 2] = [
        ("a_medium_that_cannot_be_written", a_medium_that_cannot_be_written),
        ("a_disk_that_is_full", a_disk_that_is_full),
    ];
    let trial = |(name, test): Test| {
        let name = format!("{name}{}", if missing { " (may not mount)" } else { "" });
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        trial.with_ignored_flag(missing)
    };
    let mut trials: Vec<Trial> = tests.into_iter().map(trial).collect();
    let slow = Trial::test("a_model_of_a_million_files (takes minutes)", || {
        a_model_of_a_million_files();
        Ok(())
    });
    trials.push(slow.with_ignored_flag(true));
    trials
}

fn a_model_of_a_million_files() {
    let world = world();
    for folder in 0..1000 {
        let folder = world.path(&format!("model/data/{folder:03}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..1000 {
            fs::write(folder.join(format!("{file:03}.json")), "{}").unwrap();
        }
    }
    world.run("sign model --key k").ends(0).says(&["signed 1000002 files"]);
    world.run("verify model --public-key k.pub").ends(0).shows(&["1000002 files as signed"]);
    fs::write(world.path("model/data/999/999.json"), "[]").unwrap();
    world.run("verify model --public-key k.pub").ends(1).shows(&["changed   data/999/999.json"]);
}

#[cfg(unix)]
fn no_name_steers_the_terminal() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = world();
    // Every byte that a name may hold. What is no UTF-8 cannot be signed by its name.
    let names: Vec<Vec<u8>> =
        (1u8..=255).filter(|byte| *byte != b'/').map(|byte| [b"a", &[byte][..], b"b"].concat()).collect();
    let write = |name: &[u8]| {
        fs::write(world.path("model").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    };
    names.iter().for_each(|name| write(name));
    let is_safe = |text: &str| {
        assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
    };
    let refused = world.run("sign model --key k").ends(1).says(&["128 files cannot be signed", "a\\x80b"]);
    is_safe(&refused.err);
    for name in names.iter().filter(|name| !name.is_ascii()) {
        fs::remove_file(world.path("model").join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    // A name that would say of another file what we do not.
    write(b"z\nmodel  verified\n  2 files as signed (sha256)");
    world.run("sign model --key k").ends(0);
    world.run("verify model --public-key k.pub").ends(0);
    for name in names.iter().filter(|name| name.is_ascii()) {
        fs::write(world.path("model").join(std::ffi::OsStr::from_bytes(name)), "changed").unwrap();
    }
    write(b"z\nmodel  verified\n  2 files as signed (sha256)");
    let json: serde_json::Value =
        serde_json::from_str(&world.run("verify model --public-key k.pub --json").ends(1).out).unwrap();
    let files = json["models"][0]["files"].as_array().unwrap();
    // Programs are told every name as it is.
    assert_eq!(files.iter().filter(|file| file["status"] == "changed").count(), 126);
    for name in names.iter().filter(|name| name.is_ascii()) {
        let name = std::str::from_utf8(name).unwrap();
        assert!(files.iter().any(|file| file["path"] == *name), "{name:?}");
        fs::remove_file(world.path("model").join(name)).unwrap();
    }
    // The first 20 are shown: those with control characters, and the one with line breaks last.
    for name in ["a\nb", "a\x1bb", "a\u{9b}b", "a\rb"] {
        write(name.as_bytes());
    }
    fs::remove_file(world.path("model/model.sig")).unwrap();
    world.run("sign model --key k --signature away.sig").ends(0);
    for name in ["a\nb", "a\x1bb", "a\u{9b}b", "a\rb", "z\nmodel  verified\n  2 files as signed (sha256)"] {
        fs::write(world.path("model").join(name), "other").unwrap();
    }
    let told = world.run("verify model --public-key k.pub --signature away.sig").ends(1);
    is_safe(&told.out);
    let lines: Vec<&str> = told.out.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("model  ")).count(), 1, "{}", told.out);
    told.shows(&["changed   a\\u{a}b", "changed   a\\u{1b}b", "changed   a\\u{9b}b", "changed   a\\u{d}b"])
        .shows(&["changed   z\\u{a}model  verified\\u{a}  2 files as signed"]);
    let left_out =
        world.command("sign model --key k --signature away.sig --ignore-paths").arg("a\nb").output();
    Run::from(left_out.unwrap()).ends(0).says(&["  not signed: a\\u{a}b"]);
}

#[cfg(not(unix))]
fn no_name_steers_the_terminal() {}

fn eight_signers_of_one_folder() {
    const SIGNERS: usize = 8;
    let world = world();
    (0..SIGNERS).for_each(|number| drop(world.run(&format!("key generate k{number}")).ends(0)));
    let verified =
        |number: &usize| world.run(&format!("verify model --public-key k{number}.pub")).code == Some(0);
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for number in 0..SIGNERS {
                let world = &world;
                scope.spawn(move || world.run(&format!("sign model --key k{number}")).ends(0));
            }
        });
        // Whoever came last: the signature is a whole one, and nothing else was left.
        assert_eq!((0..SIGNERS).filter(verified).count(), 1);
        assert_eq!(world.names("model"), ["model.sig", "sub", "weights.safetensors"]);
    }
}

fn a_folder_that_is_none_takes_no_signature() {
    let world = world();
    // A file where a folder should be: nobody can write there, whatever he may.
    let refused = world.run("sign model --key k --signature k.pub/model.sig").ends(5);
    refused.says(&["cannot write `k.pub/model.sig`", "Not a directory"]);
    assert_eq!(world.names("model"), ["sub", "weights.safetensors"]);
}

/// Runs a script in which file systems are mounted that nobody else sees.
fn mounted(world: &World, script: &str) -> Run {
    let mut command = world.program(Path::new("unshare"), "-rm sh -ec");
    command.arg(script).arg(env!("CARGO_BIN_EXE_weighbridge"));
    command.output().unwrap().into()
}

fn a_medium_that_cannot_be_written() {
    let world = world();
    let script = "mount --bind model model; mount -o remount,ro,bind model
        code=0; $0 sign model --key k || code=$?; echo $code
        $0 sign model --key k --signature away.sig
        $0 verify model --public-key k.pub --signature away.sig";
    let run = mounted(&world, script).ends(0);
    assert!(run.out.starts_with("5\n"), "{}", run.out);
    run.says(&[
        "cannot write `model/model.sig`",
        "Read-only file system",
        "`--signature FILE` writes it elsewhere",
    ])
    .shows(&["2 files as signed"]);
    assert_eq!(world.names("model"), ["sub", "weights.safetensors"]);
}

fn a_disk_that_is_full() {
    let world = world();
    world.write("disk/.keep", "");
    // Fewer bytes are free than a signature has, for the first one and in place of another.
    let script = "mount -t tmpfs -o size=64k tmpfs disk; cp -r model disk/model
        code=0; cat /dev/zero > disk/fill 2>/dev/null || true
        $0 sign disk/model --key k || code=$?; echo $code; ls -A disk/model
        rm disk/fill; $0 sign disk/model --key k; cp disk/model/model.sig before
        cat /dev/zero > disk/fill 2>/dev/null || true
        $0 sign disk/model --key k --hash blake3 || code=$?; echo $code; ls -A disk/model
        cmp before disk/model/model.sig; $0 verify disk/model --public-key k.pub";
    let run = mounted(&world, script).ends(0);
    let full = "5\nsub\nweights.safetensors\n5\nmodel.sig\nsub\nweights.safetensors\n";
    assert!(run.out.starts_with(full), "{}", run.out);
    run.says(&["No space left on device", "make room; nothing was left half-written"])
        .shows(&["2 files as signed"]);
}

/// A file that has the stamp of another one, and other bytes.
struct Forged(Stamp);

impl Handle for Forged {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        Ok(Arc::new(Forged(self.0)))
    }

    fn stamp(&self) -> Option<Stamp> {
        Some(self.0)
    }
}

impl Source for Forged {
    fn size(&self) -> u64 {
        self.0.size
    }

    fn stamp(&self) -> Option<Stamp> {
        Some(self.0)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.0.size.saturating_sub(offset)).unwrap().min(buffer.len());
        buffer[..rest].fill(b'?');
        Ok(rest)
    }
}

/// Makes the memory say of every large file that it consists of `?`.
fn forge(world: &World, method: Method, algorithm: Algorithm) {
    let path = world.path("../home/.cache/weighbridge/digests");
    let memory = Digests::open(&path, Date::from_days(20_000), i64::MAX);
    let mut listing = listing::list(&world.path("model")).unwrap();
    for item in &mut listing.items {
        if let Is::File(File { handle, .. }) = &mut item.is {
            *handle = Arc::new(Forged(handle.stamp().unwrap()));
        }
    }
    let choice = Choice {
        method,
        algorithm,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: Some("model.sig".to_owned()),
    };
    let hashing = Hashing { cache: Some(&memory), halt: &|| false, progress: &|_| {} };
    oms::describe(&listing, &choice, &hashing).unwrap();
    memory.save(&path).unwrap();
}

#[cfg(unix)]
fn a_memory_is_believed_only_if_asked() {
    for (flags, method, algorithm) in [
        ("", Method::Files, Algorithm::Sha256),
        ("--hash blake2b", Method::Files, Algorithm::Blake2b),
        ("--hash blake3", Method::Files, Algorithm::Blake3),
        ("--shards 65536", Method::Shards(65_536), Algorithm::Sha256),
        ("--shards 65536 --hash blake3", Method::Shards(65_536), Algorithm::Blake3),
    ] {
        let world = world();
        world.write("model/large.bin", vec![7; 200_000]);
        world.run(&format!("sign model --key k --no-cache {flags}")).ends(0);
        world.run("verify model --public-key k.pub").ends(0);
        forge(&world, method, algorithm);
        // Whoever can write to the memory or to the disk itself can make it lie; who distrusts it hashes anew.
        world.run("verify model --public-key k.pub").ends(1).shows(&["changed   large.bin"]);
        world.run("verify model --public-key k.pub --no-cache").ends(0);
        // A damaged one is an empty one.
        for name in ["digests", "parts"] {
            let path = world.path("../home/.cache/weighbridge").join(name);
            if let Ok(mut bytes) = fs::read(&path) {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }
        world.run("verify model --public-key k.pub").ends(0);
    }
}

#[cfg(not(unix))]
fn a_memory_is_believed_only_if_asked() {}
