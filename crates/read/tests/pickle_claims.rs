//! Which entries are taken for pickles, by name and by content.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint, Reader as _};
use weighbridge_read::model::pickle::Pickle;
use weighbridge_read::model::torch_legacy::TorchLegacy;

use super::pickle_assembler::{Stream, read, read_named};

pub(crate) fn trials() -> Vec<Trial> {
    trials![content_is_claimed, ordinary_files_are_not, what_could_be_one_is_tried, names_are_claimed]
}

fn claim(path: &str, bytes: &[u8]) -> Claim {
    let head = &bytes[..bytes.len().min(4096)];
    Pickle.claims(&Hint { path, size: u64::try_from(bytes.len()).unwrap(), head })
}

fn content_is_claimed() {
    let large =
        Stream::protocol(4).raw(b"](").raw(&Stream::old().text("some text").0.repeat(1000)).raw(b"e").stop();
    for (name, bytes) in [
        ("protocol 4", Stream::protocol(4).none().stop()),
        ("larger than the head", large),
        ("protocol 2 in a dictionary", Stream::protocol(2).raw(b"}q\0(X\x01\0\0\0aq\x01K\x01u").stop()),
        ("protocol 0", b"(dp0\nS'a'\np1\nI1\ns.".to_vec()),
        ("protocol 0 with a call", b"cposix\nsystem\n(S'id'\ntR.".to_vec()),
        ("a call in front of rubbish", b"cposix\nsystem\n(S'id'\ntR\xff\xff\xff".to_vec()),
        ("INST", b"(S'id'\niposix\nsystem\n.".to_vec()),
        ("packed by joblib of old", b"ZF0x1f4L             \x78\x9c".to_vec()),
        ("a call, then broken", Stream::protocol(4).stack_global("a", "b").raw(b")R\xff").0),
    ] {
        assert_eq!(claim("data", &bytes), Claim::ByMagic, "{name}");
    }
}

fn ordinary_files_are_not() {
    for (name, bytes) in [
        ("requirements", &b"certifi\nnumpy\npandas==2.0\n"[..]),
        ("requirements, sorted otherwise", b"INT\nLONG\ncertifi\n"),
        ("a table", b"I,name\n1,a\n2,b\n"),
        ("JSON", b"{\"a\": [1, 2, 3]}\n"),
        ("a JSON list", b"[1, 2]\n"),
        ("prose", b"N. Bohr said so.\nclass of its own\nGoing on.\n"),
        ("code", b"class A:\n    pass\n"),
        ("a comment", b"# comment\n"),
        ("a single stop", b"."),
        ("parentheses", b"(a) first\n(b) second.\n"),
        ("numbers that begin like a stream", b"\x80\x04\x00\x00\x80\x3f\x00\x00"),
        ("numbers that begin like a longer stream", b"\x80\x03X\xff\xff\xff\xff\x00\x00\x80\x3f"),
        ("nothing", b""),
    ] {
        assert_eq!(claim("data.bin", bytes), Claim::No, "{name}");
    }
}

/// What only the bytes behind the head could tell is read, and passed over if it is something else.
fn what_could_be_one_is_tried() {
    let long = Stream::old().text(&"a".repeat(5000)).pop();
    let attack = long.global("posix", "system").text("id").tuple1().reduce().stop();
    let text = b"Vowels are a, e, i, o and u. ".repeat(500);
    for bytes in [&attack, &text] {
        assert_eq!(claim("weights", bytes), Claim::ByName);
    }
    let read = |bytes: &[u8]| read_named("weights", bytes);
    assert_eq!(read(&attack).lines(), ["import posix.system", "posix.system(\"id\")"]);
    let text = read(&text);
    assert!(text.lines().is_empty() && text.unread.is_empty(), "{:?}", text.unread);
}

fn names_are_claimed() {
    for (path, expected) in [
        ("a/model.pkl", Claim::ByName),
        ("a/MODEL.PICKLE", Claim::ByName),
        ("x.joblib", Claim::ByName),
        ("x.dat", Claim::No),
        ("x.pt", Claim::No),
        ("pkl", Claim::No),
    ] {
        assert_eq!(claim(path, b"just text\n"), expected, "{path}");
    }
    assert_eq!(read(b"").unread[0].1, "malformed: an empty file is no pickle");
    assert_eq!(
        read(b"just text\n").unread[0].1,
        "malformed: LONG_BINGET: the memo has nothing under this index, at offset 0: the loader stops here"
    );
    // A legacy checkpoint is for its own reader: a plain unpickler reads no more of it than its number.
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    assert_eq!(claim("x.pkl", legacy), Claim::No);
    assert_eq!(TorchLegacy.claims(&Hint { path: "x", size: 15, head: legacy }), Claim::ByMagic);
}
