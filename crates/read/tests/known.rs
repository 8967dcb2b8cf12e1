//! Formats that are known and not read.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::read_as;

pub(crate) fn trials() -> Vec<Trial> {
    trials![formats_are_claimed, formats_are_told, a_configuration_alone_makes_no_model]
}

fn claim(path: &str, size: u64, head: &[u8]) -> Claim {
    weighbridge_read::reader("known").unwrap().claims(&Hint { path, size, head })
}

fn formats_are_claimed() {
    for (path, size, head, expected) in [
        ("m.t", 100, b"RKNN".as_slice(), Claim::ByMagic),
        ("m.bin", 100, b"RKNN", Claim::ByMagic),
        ("m.rknn", 100, b"", Claim::ByName),
        ("a/saved_model.pbtxt", 100, b"", Claim::ByName),
        // Ordinary files.
        ("m.rknn", 0, b"", Claim::No),
        ("a.pb", 100, b"", Claim::No),
        ("a.bin", 1 << 30, b"", Claim::No),
        ("main.plan", 100, b"", Claim::No),
        ("lib/site-packages/scipy/io/tests/data/a.mat", 100, b"MATLAB 5.0 MAT-file", Claim::No),
        // Models inside packages are models.
        ("lib/site-packages/voice/vad.rknn", 100, b"", Claim::ByName),
    ] {
        assert_eq!(claim(path, size, head), expected, "{path}");
    }
}

fn formats_are_told() {
    let title = "RKNN model, opaque: nobody can read it without the vendor's library";
    for (path, bytes, format, title) in
        [("m.rknn", b"\x08\x07".as_slice(), "rknn", title), ("m.dat", b"RKNN\x03", "rknn", title)]
    {
        let read = read_as("known", path, bytes);
        assert_eq!(
            read.facts,
            [format!("format {format}"), format!("ended: {title}, not read by this version")]
        );
    }
}

fn a_configuration_alone_makes_no_model() {
    use crate::zip_builder::Archive;
    let plain = Archive::default().stored("config.json", b"{}");
    assert_eq!(read_as("zip", "a.zip", &plain.bytes()).facts, ["format zip"]);
}
