//! tar archives, built by a few lines that may lie in every field.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{Read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        archives_are_claimed,
        members_are_handed_out,
        long_names_are_put_together,
        what_leads_out_is_told,
        what_is_hidden_is_told,
        broken_archives_are_read_as_far_as_they_go,
        python_and_we_agree
    ]
}

/// A member: its header, and its data.
#[derive(Clone)]
pub(crate) struct Entry {
    name: String,
    kind: u8,
    link: String,
    data: Vec<u8>,
    /// Written instead of the real size.
    size: Option<String>,
}

impl Entry {
    pub(crate) fn file(name: &str, data: &[u8]) -> Self {
        Self { name: name.to_owned(), kind: b'0', link: String::new(), data: data.to_vec(), size: None }
    }

    fn link(name: &str, kind: u8, link: &str) -> Self {
        Self { kind, link: link.to_owned(), ..Self::file(name, b"") }
    }

    fn extended(kind: u8, data: &[u8]) -> Self {
        Self { kind, ..Self::file("extended", data) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &self.name);
        put(100, "0000644\0");
        put(124, &self.size.clone().unwrap_or_else(|| format!("{:011o}\0", self.data.len())));
        put(148, "        ");
        put(157, &self.link);
        put(257, "ustar\x0000");
        block[156] = self.kind;
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend(&self.data);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    }
}

/// An archive with its end of two blocks of zeros.
pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.extend([0; 1024]);
    bytes
}

fn read(entries: &[Entry]) -> Read {
    read_as("tar", "a.tar", &archive(entries))
}

fn child(name: &str, data: &[u8]) -> (String, Option<&'static str>, Vec<u8>) {
    (name.to_owned(), None, data.to_vec())
}

fn archives_are_claimed() {
    let claim = |path: &str, head: &[u8]| {
        weighbridge_read::reader("tar").unwrap().claims(&Hint { path, size: 10_240, head })
    };
    let bytes = archive(&[Entry::file("a", b"b")]);
    assert_eq!(claim("model.dat", &bytes), Claim::ByMagic);
    let mut broken = bytes.clone();
    broken[0] ^= 1;
    assert_eq!(claim("model.dat", &broken), Claim::No);
    assert_eq!(claim("model.tar", &broken), Claim::ByName);
    assert_eq!(claim("zeros.dat", &[0; 4096]), Claim::No);
}

fn members_are_handed_out() {
    let entries =
        [Entry::file("a/model.pkl", b"\x80\x04N."), Entry::link("a", b'5', ""), Entry::file("b", &[7; 600])];
    let read = read(&entries);
    assert_eq!(read.facts, ["format tar"]);
    assert_eq!(read.children, [child("a/model.pkl", b"\x80\x04N."), child("b", &[7; 600])]);
    // Base 256, and a kind that nobody knows.
    let odd = Entry { size: Some("\u{0}".to_owned()), kind: b'Z', ..Entry::file("odd", b"") };
    assert_eq!(self::read(&[odd]).children, [child("odd", b"")]);
}

fn long_names_are_put_together() {
    let long = format!("{}/model.pkl", "folder/".repeat(40));
    let record = format!(" path={long}\n");
    let pax = format!("{}{record}", record.len() + 3);
    for entry in
        [Entry::extended(b'L', format!("{long}\0").as_bytes()), Entry::extended(b'x', pax.as_bytes())]
    {
        let read = read(&[entry, Entry::file("short", b"x"), Entry::file("next", b"y")]);
        assert_eq!(read.children, [child(&long, b"x"), child("next", b"y")]);
        assert_eq!(read.facts, ["format tar"]);
    }
    // A size in an extended header goes before the one in the header.
    let read = read(&[
        Entry::extended(b'x', b"10 size=3\n"),
        Entry { size: Some("00000000000\0".to_owned()), ..Entry::file("a", b"abc") },
    ]);
    assert_eq!(read.children, [child("a", b"abc")]);
}

fn what_leads_out_is_told() {
    for (entry, told) in [
        (Entry::file("../evil.py", b""), "`../evil.py` leads out of the folder into which it is unpacked"),
        (
            Entry::file("/etc/cron.d/x", b""),
            "`/etc/cron.d/x` leads out of the folder into which it is unpacked",
        ),
        (Entry::file("a/../../x", b""), "`a/../../x` leads out of the folder into which it is unpacked"),
        (
            Entry::link("a/link", b'2', "../../x"),
            "the link `a/link` leads out of the folder into which it is unpacked, to `../../x`",
        ),
        (
            Entry::link("hard", b'1', "/etc/passwd"),
            "the link `hard` leads out of the folder into which it is unpacked, to `/etc/passwd`",
        ),
        (Entry::link("pipe", b'6', ""), "`pipe` is a device or a pipe"),
    ] {
        assert_eq!(read(&[entry]).facts[1], format!("0: malformed: {told}"));
    }
    for entry in
        [Entry::link("a/link", b'2', "../x"), Entry::link("hard", b'1', "a/x"), Entry::file("./a/./b", b"")]
    {
        assert_eq!(read(&[entry]).facts, ["format tar"]);
    }
}

fn what_is_hidden_is_told() {
    let twice = read(&[Entry::file("a", b"one"), Entry::file("a", b"two")]);
    assert_eq!(
        twice.facts,
        [
            "format tar",
            "1024: malformed: a second member is called `a`: the last one stays when it is unpacked"
        ]
    );
    assert_eq!(twice.children, [child("a", b"one"), child("a", b"two")], "both are read");
    let mut bytes = archive(&[Entry::file("a", b"")]);
    bytes.extend(b"\x80\x04N.");
    let behind = read_as("tar", "a.tar", &bytes);
    assert_eq!(behind.facts, ["format tar", "1536: malformed: 4 bytes stand after the archive"]);
    assert_eq!(behind.children, [child("a", b""), child("#bytes at 1536", b"\x80\x04N.")]);
    let sparse = read(&[Entry { kind: b'S', ..Entry::file("s", b"") }]);
    assert_eq!(sparse.facts[1], "0: unread: the sparse member `s`, not read by this version");
}

fn broken_archives_are_read_as_far_as_they_go() {
    let whole = archive(&[Entry::file("a", b"first"), Entry::file("b", &[7; 600])]);
    let cut = read_as("tar", "a.tar", &whole[..1024 + 512 + 100]);
    assert_eq!(cut.children, [child("a", b"first"), child("b", &[7; 100])]);
    assert_eq!(cut.facts.last().unwrap(), "ended: ends early, at byte 1636");
    let mut broken = whole.clone();
    broken[1024] ^= 1;
    let broken = read_as("tar", "a.tar", &broken);
    assert_eq!(broken.children, [child("a", b"first")]);
    assert_eq!(broken.facts.last().unwrap(), "ended: malformed: a header breaks the rules of tar");
    let none =
        read_as("tar", "a.tar", b"no archive, and longer than a block of it would be".repeat(20).as_slice());
    assert_eq!(none.facts, ["ended: malformed: no tar archive: the first header is none"]);
    let lies = Entry { size: Some("77777777777\0".to_owned()), ..Entry::file("a", b"") };
    assert_eq!(read(&[lies]).facts.last().unwrap(), "ended: ends early, at byte 1536");
    for size in 0..whole.len() {
        read_as("tar", "a.tar", &whole[..size]);
    }
}

/// An independent writer, in all of its formats.
fn python_and_we_agree() {
    let folder = std::env::temp_dir().join(format!("weighbridge-tar-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = "import io, sys, tarfile\n\
        for name, form in [('ustar', 0), ('gnu', 1), ('pax', 2)]:\n\
        \x20   with tarfile.open(sys.argv[1] + '/' + name, 'w', format=form) as tar:\n\
        \x20       for member in ['a', 'f/' * 60 + 'long', 'modèle']:\n\
        \x20           info = tarfile.TarInfo(member)\n\
        \x20           info.size = 700\n\
        \x20           tar.addfile(info, io.BytesIO(b'x' * 700))\n";
    let run = std::process::Command::new("python3").arg("-c").arg(script).arg(&folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    for name in ["ustar", "gnu", "pax"] {
        let read = read_as("tar", name, &std::fs::read(folder.join(name)).unwrap());
        assert_eq!(read.facts, ["format tar"], "{name}");
        let long = format!("{}long", "f/".repeat(60));
        let expected = ["a", &long, "modèle"].map(|name| child(name, &[b'x'; 700]));
        assert_eq!(read.children, expected, "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
