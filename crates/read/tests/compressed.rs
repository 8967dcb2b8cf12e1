//! Single packed files.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::read_as;

pub(crate) fn trials() -> Vec<Trial> {
    trials![files_are_claimed, what_is_inside_is_handed_out, what_is_not_packed_is_told]
}

fn files_are_claimed() {
    let claim = |path: &str, head: &[u8]| {
        weighbridge_read::reader("compressed").unwrap().claims(&Hint { path, size: 100, head })
    };
    for (path, head, expected) in [
        ("a.gz", &b"\x1f\x8b\x08"[..], Claim::ByMagic),
        ("model.pkl", b"\x1f\x8b\x08", Claim::ByMagic),
        ("model.dat", b"\x78\x9c", Claim::ByMagic),
        ("model.dat", b"BZh91AY&SY", Claim::ByMagic),
        ("model.dat", b"\xfd7zXZ\0", Claim::ByMagic),
        ("model.dat", b"\x04\x22\x4d\x18", Claim::ByMagic),
        ("model.dat", b"\x28\xb5\x2f\xfd", Claim::ByMagic),
        ("model.pkl.lzma", b"\x5d\0\0\x80\0", Claim::ByName),
        ("a.gz", b"text", Claim::ByName),
        ("a.tbz2", b"", Claim::ByName),
        // Little speaks for LZMA, and nothing for a text.
        ("model.dat", b"\x5d\0\0\x80\0", Claim::No),
        ("BZh.txt", b"BZh5 is a name", Claim::No),
    ] {
        assert_eq!(claim(path, head), expected, "{path} {head:?}");
    }
}

fn what_is_inside_is_handed_out() {
    for (path, head, format, step) in [
        ("a/model.pkl.gz", &b"\x1f\x8b\x08 and more"[..], "gzip", "model.pkl"),
        ("a/model.pkl.gz", b"\x78\x9c and more", "zlib", "model.pkl"),
        ("model.joblib", b"BZh91AY&SY and more", "bzip2", "model.joblib"),
        ("a.tgz", b"\x1f\x8b\x08 and more", "gzip", "a.tar"),
        ("a.txz", b"\xfd7zXZ\0 and more", "xz", "a.tar"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd and more", "zstd", "a.tar"),
        ("a.lzma", b"\x5d\0\0\x80\0 and more", "lzma", "a"),
    ] {
        let read = read_as("compressed", path, head);
        assert_eq!(read.facts, [format!("format {format}")]);
        assert_eq!(read.children, [(step.to_owned(), None, head.to_vec())]);
    }
}

fn what_is_not_packed_is_told() {
    let read = read_as("compressed", "model.pkl.gz", b"plain text");
    assert_eq!(read.facts, ["ended: malformed: no gzip file: the first bytes are other ones"]);
    let read = read_as("compressed", "table.dat.Z", b"\x1f\x9d\x90 and more");
    assert_eq!(read.facts, ["ended: data packed by compress (LZW), not read by this version"]);
    let read = read_as("compressed", ".gz", b"\x1f\x8b\x08");
    assert_eq!(read.facts, ["format gzip", "0: malformed: the name is nothing but an extension"]);
}
