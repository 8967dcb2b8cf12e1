//! What a walk meets, and what becomes of it.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use weighbridge_core::cache::{Cache, Glance, Stamp};
use weighbridge_core::context::Context;
use weighbridge_core::digest::Digest;
use weighbridge_core::limits::Limits;
use weighbridge_core::opener::OpenError;
use weighbridge_engine::flow::ScanError;
use weighbridge_engine::read::{Options, read};

use crate::child;
use crate::suite::build::{Archive, attack, binary, plain};
use crate::support::{Folder, context, limited, said, test, test_if, unread, weigh, weigh_all};

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![
        test("open::targets_that_are_none_are_refused", refused),
        test("open::a_folder_lists_the_same_way_every_time", sorted),
        test("open::a_single_file_is_a_target", single),
        test("open::stores_of_version_control_are_left_out_and_named", stores),
        test("open::environments_are_known_by_what_they_hold", environments),
        test("open::too_many_files_are_a_gap", too_many),
        test("open::patterns_leave_out_what_they_match", excluded),
        test("open::a_digest_is_believed_as_long_as_the_file_is_the_same", remembered),
        test("open::what_was_said_of_the_same_file_is_said_again", said_again),
        test("open::what_came_of_an_archive_is_told_again_while_nothing_has_changed", whole_again),
        test("open::several_targets_keep_their_paths_apart", several),
    ];
    #[cfg(unix)]
    tests.extend([
        test("open::a_link_that_is_the_target_keeps_its_name", link_as_target),
        test("open::links_inside_are_read_once", links_inside),
        test("open::a_link_is_read_by_what_its_name_claims_besides", link_with_another_name),
        test("open::links_out_are_told_and_not_followed", links_out),
        test("open::links_to_nothing_and_in_circles_are_told", links_broken),
        test("open::interpreters_of_environments_may_lie_outside", interpreters),
        test("open::fifos_and_sockets_are_told_and_not_opened", special),
        test("open::a_file_swapped_after_the_walk_is_not_trusted", swapped),
        test("open::folders_deeper_than_the_system_takes_are_told", too_deep),
        test("open::names_that_are_no_text_are_files_like_others", not_text),
        test_if(no_devices(), "open::devices_are_told_and_not_opened", devices),
        test_if(child::no_nobody(), "open::what_the_system_refuses_is_told", permission),
    ]);
    tests
}

/// Keeps digests and what else is found out, and how many times it was believed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    kept: Mutex<BTreeMap<Stamp, Digest>>,
    believed: AtomicUsize,
    glances: Mutex<BTreeMap<(Stamp, Digest), Glance>>,
    glanced: AtomicUsize,
    sayings: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
    said: AtomicUsize,
    program: Mutex<Option<Digest>>,
}

impl Memory {
    /// The memory of a program.
    pub(crate) fn of(program: Digest) -> Self {
        Self { program: Mutex::new(Some(program)), ..Self::default() }
    }
}

impl Cache for Memory {
    fn program(&self) -> Option<Digest> {
        *self.program.lock().unwrap()
    }

    fn digest(&self, stamp: &Stamp) -> Option<Digest> {
        let found = self.kept.lock().unwrap().get(stamp).copied();
        self.believed.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        found
    }

    fn learn(&self, stamp: &Stamp, digest: Digest) {
        self.kept.lock().unwrap().insert(*stamp, digest);
    }

    fn glance(&self, stamp: &Stamp, name: &Digest) -> Option<Glance> {
        let found = self.glances.lock().unwrap().get(&(*stamp, *name)).copied();
        self.glanced.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        found
    }

    fn learn_glance(&self, stamp: &Stamp, name: &Digest, glance: Glance) {
        self.glances.lock().unwrap().insert((*stamp, *name), glance);
    }

    fn kept(&self, name: &Digest) -> Option<Arc<[u8]>> {
        let found = self.sayings.lock().unwrap().get(name).cloned();
        self.said.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        found
    }

    fn keep(&self, name: &Digest, said: Vec<u8>) {
        self.sayings.lock().unwrap().insert(*name, said.into());
    }
}

/// What memory says of a target is what reading it anew says, and a changed file is read anew.
fn said_again() {
    let library = |version: &str| {
        binary::elf(&binary::Binary {
            name: "libz.so.1",
            texts: &[&format!(" deflate {version} Copyright 1995-2022")],
            ..binary::Binary::default()
        })
    };
    let record = format!("long.txt,sha256={},9000\nnotes.txt,,\n", "A".repeat(43));
    let folder = Folder::new()
        .file("notes.txt", "nobody reads this")
        .file("long.txt", "x".repeat(9_000))
        .file("requirements.txt", "six==1.17.0\n")
        .file("a-1.dist-info/RECORD", record)
        .file("a-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: a\nVersion: 1\n")
        .file("a.libs/libz-0123abcd.so.1", library("1.2.12"))
        .file("a.libs/libother-0123abcd.so.1", library("1.2.12"))
        .file("broken.so", "no library");
    let memory = Arc::new(Memory::default());
    let read = |cache: Option<Arc<dyn Cache>>| {
        let context = Context { cache, ..context() };
        let target = weighbridge_net::open(&folder.text(), &context).unwrap();
        let options =
            Options { readers: weighbridge_read::READERS, exclude: &[], jobs: NonZeroUsize::new(2) };
        read(vec![target], &options, &context, &()).unwrap()
    };
    let cached = || read(Some(Arc::clone(&memory) as Arc<dyn Cache>));
    let counts = || (memory.glanced.load(Ordering::Relaxed), memory.said.load(Ordering::Relaxed));
    let fresh = read(None);
    assert_eq!(cached(), fresh);
    assert_eq!(counts().1, 0);
    let before = counts().0;
    assert_eq!(cached(), fresh);
    assert_eq!(cached(), fresh);
    if cfg!(unix) {
        let (glanced, said) = counts();
        // Two texts, and three libraries, of which the broken one is read every time.
        assert_eq!((glanced - before, said), (2 * 5, 2 * 2));
    }
    let path = folder.path().join("a.libs/libz-0123abcd.so.1");
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(path, library("1.3.1")).unwrap();
    let changed = cached();
    assert_ne!(changed, fresh);
    assert_eq!(changed, read(None));
}

/// An archive and models are walked through once while bytes, path, limits and program are the same, and what comes of
/// them is what reading them anew says.
fn whole_again() {
    let zip = |pickle: &[u8]| Archive::default().stored("a/x.pkl", pickle).stored("b.txt", b"text").bytes();
    let folder = Folder::new()
        .file("bad.zip", zip(&attack()))
        .file("model.pkl", plain())
        .file("called.txt", zip(&plain()))
        .file("cut.zip", zip(&plain()).split_last().unwrap().1)
        .file("requirements.txt", "six==1.17.0\n");
    let memory = Arc::new(Memory::default());
    let read = |cache: Option<Arc<dyn Cache>>, limits: Limits| {
        let context = Context { cache, limits, ..context() };
        let target = weighbridge_net::open(&folder.text(), &context).unwrap();
        let options =
            Options { readers: weighbridge_read::READERS, exclude: &[], jobs: NonZeroUsize::new(2) };
        read(vec![target], &options, &context, &()).unwrap()
    };
    let usual = context().limits;
    let cached = |limits: Limits| read(Some(Arc::clone(&memory) as Arc<dyn Cache>), limits);
    let said = || memory.said.swap(0, Ordering::Relaxed);
    let unix = |count: usize| if cfg!(unix) { count } else { 0 };
    let fresh = read(None, usual);
    // Without a name for the program nothing is kept as a whole.
    assert_eq!((cached(usual), cached(usual)), (fresh.clone(), fresh.clone()));
    assert_eq!(said(), 0);
    *memory.program.lock().unwrap() = Some(Digest::of(b"one"));
    assert_eq!((cached(usual), said()), (fresh.clone(), 0));
    assert_eq!((cached(usual), said()), (fresh.clone(), unix(4)));
    // Where only the stamps are forgotten, the bytes are enough.
    memory.glances.lock().unwrap().clear();
    assert_eq!((cached(usual), said()), (fresh.clone(), unix(4)));
    // Other limits, and another program.
    let shallow = Limits { depth: 0, ..usual };
    let cut = read(None, shallow);
    assert_ne!(cut, fresh);
    assert_eq!((cached(shallow), said()), (cut, 0));
    *memory.program.lock().unwrap() = Some(Digest::of(b"other"));
    assert_eq!((cached(usual), said()), (fresh.clone(), 0));
    // What is kept under the right name and is no such thing is not believed.
    memory.sayings.lock().unwrap().values_mut().for_each(|kept| *kept = b"broken".as_slice().into());
    assert_eq!(cached(usual), fresh);
    // Another name is another file, and other bytes are.
    fs::rename(folder.path().join("bad.zip"), folder.path().join("good.zip")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(folder.path().join("model.pkl"), attack()).unwrap();
    said();
    let changed = read(None, usual);
    assert_eq!((cached(usual), said()), (changed, unix(2)));
}

/// The digest of the one file, and how many times an earlier one was believed so far.
fn remembered() {
    let memory = Arc::new(Memory::default());
    let context = Context { cache: Some(Arc::clone(&memory) as Arc<dyn Cache>), ..context() };
    let folder = Folder::new().file("table.lines", "say a\n".repeat(5_000));
    let path = folder.path().join("table.lines");
    let weighed = || {
        let readings = weigh(&folder, &context).unwrap();
        (readings.files["table.lines"].digest.clone().unwrap(), memory.believed.load(Ordering::Relaxed))
    };
    let first = Digest::of("say a\n".repeat(5_000).as_bytes());
    assert_eq!(weighed(), (first, 0));
    assert_eq!(weighed(), (first, usize::from(cfg!(unix))));
    // Other bytes of the same number, and the time of the last change set back.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, "say b\n".repeat(5_000)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let second = Digest::of("say b\n".repeat(5_000).as_bytes());
    assert_eq!(weighed(), (second, usize::from(cfg!(unix))));
}

fn paths(target: &str) -> Vec<String> {
    let opened = weighbridge_net::open(target, &context()).unwrap();
    opened.entries.iter().map(|entry| entry.path.to_string()).collect()
}

fn refused() {
    let error = |target: &str| weighbridge_net::open(target, &context()).err().unwrap();
    let folder = Folder::new().file("file", "");
    let missing = format!("{}/missing", folder.text());
    assert_eq!(error(&missing), OpenError::Missing(missing.clone()));
    assert_eq!(error(&format!("venv:{missing}")), OpenError::Missing(missing));
    let text = error(&format!("venv:{}", folder.text())).to_string();
    assert!(text.contains("is not a Python environment"), "{text}");
    assert!(error("").to_string().contains("does not exist"));
    assert_eq!(weigh(&Folder::new(), &context()), Err(ScanError::NothingToWeigh));
    assert_eq!(weigh(&folder, &context()), Err(ScanError::NothingToWeigh));
}

fn sorted() {
    let folder = ["b/z", "b/a", "a-b", "a/c", "B", "a.b", "ä"]
        .iter()
        .fold(Folder::new(), |folder, path| folder.file(path, "x"));
    assert_eq!(paths(&folder.text()), ["B", "a-b", "a.b", "a/c", "b/a", "b/z", "ä"]);
}

fn single() {
    let folder =
        Folder::new().file("a.lines", "say yes\ninclude b.txt\ninclude ../c").file("b.txt", "say also");
    let readings = weigh_all(&[&format!("{}/a.lines", folder.text())], &[], &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: yes", "b.txt: also"]);
    assert_eq!(unread(&readings), ["a.lines: names `../c`, which is not in the target"]);
}

fn stores() {
    let folder = Folder::new().file("a/.git/x.lines", "say no").file(".hg/y", "").file("b.lines", "say yes");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["b.lines: yes"]);
    assert_eq!(readings.coverage.excluded, [".hg", "a/.git"]);
    // A work tree's `.git` is a file and no store.
    assert_eq!(paths(&Folder::new().file(".git", "gitdir: x").text()), [".git"]);
}

fn environments() {
    for path in [
        "pyvenv.cfg",
        "lib/python3.12/site-packages/a.py",
        "Lib/site-packages/a.py",
        "lib/python3/dist-packages/a.py",
        "six-1.16.0.dist-info/METADATA",
        "old.egg-info/PKG-INFO",
    ] {
        let folder = Folder::new().file(path, "");
        assert_eq!(paths(&format!("venv:{}", folder.text())), [path]);
    }
    let folder = Folder::new().folder("site-packages");
    assert!(paths(&format!("venv:{}/site-packages", folder.text())).is_empty());
}

fn too_many() {
    let folder =
        (0..20).fold(Folder::new(), |folder, number| folder.file(format!("{number:02}/a.lines"), "say x"));
    let readings = weigh(&folder, &limited(Limits { files: 5, ..Limits::default() })).unwrap();
    assert_eq!(said(&readings).len(), 6);
    assert_eq!(unread(&readings), ["05: more than 5 files below one target"]);
}

fn excluded() {
    let folder = Folder::new()
        .file("data/a.lines", "say no")
        .file("x/data/b.lines", "say no")
        .file("x/c.lines", "say yes\ninclude data/b.lines");
    let readings = weigh_all(&[&folder.text()], &["data"], &context()).unwrap();
    assert_eq!(said(&readings), ["x/c.lines: yes"]);
    assert_eq!(readings.coverage.excluded, ["data", "x/data"]);
    assert!(unread(&readings).is_empty());
    let error = weigh_all(&[&folder.text()], &["a[b"], &context()).unwrap_err();
    assert!(error.to_string().starts_with("`a[b` is not a pattern: "), "{error}");
}

fn several() {
    let folder = Folder::new()
        .file("one/x/a.lines", "say 1\ninclude ../b.txt\ninclude ../../two/a.lines")
        .file("one/b.txt", "say 2")
        .file("two/one/a.lines", "say 3");
    let (one, two) = (format!("{}/one", folder.text()), format!("{}/two/one", folder.text()));
    let readings = weigh_all(&[&one, &two], &[], &context()).unwrap();
    assert_eq!(said(&readings), ["one (2)/a.lines: 3", "one/b.txt: 2", "one/x/a.lines: 1"]);
    assert_eq!(unread(&readings), ["one/x/a.lines: names `../../two/a.lines`, which is not in the target"]);
}

#[cfg(unix)]
fn link_as_target() {
    let outside = Folder::new().file("abc", "say yes\ninclude b.txt").file("folder/x", "");
    let folder = Folder::new()
        .file("b.txt", "say beside the link")
        .link("a.lines", outside.path().join("abc"))
        .link("folder", outside.path().join("folder"));
    let readings = weigh_all(&[&format!("{}/a.lines", folder.text())], &[], &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: yes", "b.txt: beside the link"]);
    assert_eq!(paths(&format!("{}/folder", folder.text())), ["x"]);
}

#[cfg(unix)]
fn links_inside() {
    let folder = Folder::new()
        .file("blobs/abc", "#lines\nsay once")
        .link("snapshots/main/model", "../../blobs/abc")
        .link("snapshots/main/again.lines", "model")
        .link("folder", "blobs");
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["blobs/abc: once"]);
    assert!(unread(&readings).is_empty());
    assert_eq!((readings.coverage.read, readings.coverage.bytes), (1, 15));
    let digests: Vec<_> = readings.files.values().map(|file| file.digest.clone().unwrap()).collect();
    assert_eq!((readings.files.len(), digests[0], digests[0]), (3, digests[1], digests[2]));
}

#[cfg(unix)]
fn link_with_another_name() {
    let folder = Folder::new()
        .file("text", format!("say by name{}", " ".repeat(5000)))
        .link("a.lines", "text")
        .link("b.words", "text")
        .file("c.lines", "include a.lines");
    let readings = weigh(&folder, &context()).unwrap();
    let said: Vec<String> = said(&readings).iter().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(said, ["a.lines: by name", "b.words: 3 words"]);
    assert!(readings.files["a.lines"].digest.is_ok());
    // A link to a file that was left out stands for itself.
    let readings = weigh_all(&[&folder.text()], &["text", "b.words", "c.lines"], &context()).unwrap();
    assert_eq!(readings.files.keys().map(|path| &**path).collect::<Vec<_>>(), ["a.lines"]);
    assert_eq!(readings.coverage.read, 1);
}

#[cfg(unix)]
fn links_out() {
    let outside = Folder::new().file("secret.lines", "say secret").file("folder/x.lines", "say secret");
    let folder = Folder::new()
        .file("a.lines", "say yes\ninclude b.lines\ninclude c/x.lines")
        .link("b.lines", outside.path().join("secret.lines"))
        .link("c", outside.path().join("folder"));
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: yes"]);
    let out = outside.text();
    assert_eq!(
        unread(&readings),
        [
            "a.lines: names `c/x.lines`, which is not in the target".to_owned(),
            format!("b.lines: link leads out of the target, to `{out}/secret.lines`"),
            format!("c: link leads out of the target, to `{out}/folder`"),
        ]
    );
}

#[cfg(unix)]
fn links_broken() {
    let folder = Folder::new()
        .file("a.lines", "say yes")
        .link("nothing", "nowhere")
        .link("self", "self")
        .link("one", "two")
        .link("two", "one")
        .link("x/y/up", "..")
        .link("top", ".");
    let readings = weigh(&folder, &context()).unwrap();
    let broken = |path: &str, to: &str| format!("{path}: link leads nowhere or in a circle, to `{to}`");
    let expected = [
        broken("nothing", "nowhere"),
        broken("one", "two"),
        broken("self", "self"),
        broken("top", "."),
        broken("two", "one"),
        broken("x/y/up", ".."),
    ];
    assert_eq!(unread(&readings), expected);
    assert_eq!(said(&readings), ["a.lines: yes"]);
}

#[cfg(unix)]
fn interpreters() {
    let folder = Folder::new()
        .file("a.lines", "say yes")
        .file(".venv/pyvenv.cfg", "")
        .link(".venv/bin/python", "/bin/sh")
        .link(".venv/bin/python3", "python")
        .link(".venv/bin/python3.12", "/nowhere/python3.12")
        .link(".venv/bin/pythonic", "/bin/sh")
        .link("bin/python3", "/bin/sh");
    let readings = weigh(&folder, &context()).unwrap();
    let unread = unread(&readings);
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert!(unread[0].starts_with(".venv/bin/pythonic: link leads out"), "{unread:?}");
    assert!(unread[1].starts_with("bin/python3: link leads out"), "{unread:?}");
}

#[cfg(unix)]
fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[cfg(unix)]
fn special() {
    let folder = Folder::new().file("a.lines", "say yes\ninclude b.lines").link("link", "b.lines");
    make_fifo(&folder.path().join("b.lines"));
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("s.lines")).unwrap();
    let readings = weigh(&folder, &context()).unwrap();
    drop(socket);
    assert_eq!(
        unread(&readings),
        ["b.lines: FIFO, not opened", "link: FIFO, not opened", "s.lines: socket, not opened"]
    );
    let error = weighbridge_net::open(&format!("{}/b.lines", folder.text()), &context()).err().unwrap();
    assert!(error.to_string().ends_with("is not a folder or a file"), "{error}");
}

#[cfg(unix)]
fn swapped() {
    use std::num::NonZeroUsize;
    use weighbridge_engine::read::{Options, read};
    let outside = Folder::new().file("secret.lines", "say secret");
    let folder =
        Folder::new().file("a.lines", "say yes").file("b.lines", "say yes").file("c.lines", "say yes");
    let opened = weighbridge_net::open(&folder.text(), &context()).unwrap();
    for name in ["a.lines", "b.lines", "c.lines"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    make_fifo(&folder.path().join("a.lines"));
    let folder = folder.link("b.lines", outside.path().join("secret.lines"));
    let options = Options { readers: crate::support::READERS, exclude: &[], jobs: NonZeroUsize::new(1) };
    let readings = read(vec![opened], &options, &context(), &()).unwrap();
    drop(folder);
    let unread = unread(&readings);
    assert_eq!(unread[..2], ["a.lines: FIFO, not opened", "b.lines: link, not opened"]);
    assert!(unread[2].starts_with("c.lines: cannot be read: "), "{unread:?}");
    assert!(said(&readings).is_empty());
}

#[cfg(unix)]
fn not_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let name = |bytes: &'static [u8]| Path::new(OsStr::from_bytes(bytes));
    let folder = Folder::new()
        .file(name(b"a\xff/b\xfe.lines"), "say bytes\ninclude c\\xfd")
        .file(name(b"a\xff/c\xfd"), "say followed")
        .file(name(b"a\\xff/b\\xfe.lines"), "say backslash")
        .file("new\nline.lines", "say newline");
    let readings = weigh(&folder, &context()).unwrap();
    let expected = [
        "a\\x5cxff/b\\x5cxfe.lines: backslash",
        "a\\xff/b\\xfe.lines: bytes",
        "a\\xff/c\\xfd: followed",
        "new\nline.lines: newline",
    ];
    assert_eq!(said(&readings), expected);
    assert!(unread(&readings).is_empty());
}

#[cfg(unix)]
fn make_device(path: &Path) -> bool {
    Command::new("mknod").arg(path).args(["c", "1", "5"]).output().is_ok_and(|output| output.status.success())
}

#[cfg(unix)]
fn no_devices() -> Option<&'static str> {
    let allowed = make_device(&Folder::new().path().join("zero"));
    (!allowed).then_some("device files may not be made here")
}

#[cfg(unix)]
fn devices() {
    let folder = Folder::new().file("a.lines", "say yes");
    assert!(make_device(&folder.path().join("zero.lines")));
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(unread(&readings), ["zero.lines: device, not opened"]);
}

#[cfg(unix)]
fn permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new()
        .file("a.lines", "say yes\ninclude secret/x.lines")
        .file("closed.lines", "say no")
        .file("secret/x.lines", "say no")
        .file("listed/y.lines", "say no");
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, bits) in [("", 0o755), ("closed.lines", 0o000), ("secret", 0o000), ("listed", 0o444)] {
        mode(path, bits);
    }
    let output = child::as_nobody(&["unread", &folder.text()]);
    // So that the folder can be removed again by whoever runs the test.
    mode("secret", 0o755);
    mode("listed", 0o755);
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "a.lines: names `secret/x.lines`, which is not in the target",
            "closed.lines: permission denied",
            "listed/y.lines: permission denied",
            "secret: permission denied",
        ]
    );
}

#[cfg(unix)]
fn too_deep() {
    let folder = Folder::new().file("a.lines", "say yes");
    // No path reaches the bottom: Linux takes 4096 bytes, others fewer.
    let script = "name=$(printf %0200d 0); for i in $(seq 30); do mkdir $name; cd -P $name || exit 1; done";
    let status = Command::new("sh").args(["-c", script]).current_dir(folder.path()).status().unwrap();
    assert!(status.success());
    let readings = weigh(&folder, &context()).unwrap();
    assert_eq!(said(&readings), ["a.lines: yes"]);
    let unread = unread(&readings);
    assert!(unread.len() == 1 && unread[0].contains(": cannot be read: "), "{unread:?}");
}
