//! NumPy arrays.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::read;

pub(crate) fn trials() -> Vec<Trial> {
    trials![arrays_are_measured, objects_are_pickles, broken_arrays_end_with_a_reason, claims]
}

/// An array file of this version with this header and these bytes of elements.
pub(crate) fn array(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend(u16::try_from(header.len()).unwrap().to_le_bytes()),
        _ => out.extend(u32::try_from(header.len()).unwrap().to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn arrays_are_measured() {
    for version in [1, 2, 3] {
        let plain = array(version, &header("'<f4'", "(2, 3)"), &[0; 24]);
        let read = read("npy", &plain);
        assert_eq!(read.facts, ["format npy", r#"tensors: 1 of 6 elements, 24 bytes, ["float32"]"#]);
        assert!(read.children.is_empty());
    }
    let fortran = array(1, "{'descr': '|b1', 'fortran_order': True, 'shape': ()}", &[1]);
    assert_eq!(read("npy", &fortran).facts, ["format npy", r#"tensors: 1 of 1 elements, 1 bytes, ["bool"]"#]);
    let empty = array(1, &header("'<f8'", "(0, 4294967296)"), &[]);
    assert_eq!(
        read("npy", &empty).facts,
        ["format npy", r#"tensors: 1 of 0 elements, 0 bytes, ["float64"]"#]
    );
    let several = [array(1, &header("'<i8'", "(1,)"), &[0; 8]), array(1, &header("'<f4'", "(1,)"), &[0; 4])];
    assert_eq!(
        read("npy", &several.concat()).facts,
        ["format npy", r#"tensors: 2 of 2 elements, 12 bytes, ["float32", "int64"]"#]
    );
}

fn objects_are_pickles() {
    for descr in ["'|O'", "'O'", "[('a', '<f8'), ('b', '|O')]", "[('a', [('b', '|O', (2,))])]", "'f4,O'"] {
        let read = read("npy", &array(1, &header(descr, "(1,)"), b"\x80\x04N."));
        assert_eq!(read.facts, ["format npy"], "{descr}");
        assert_eq!(read.children, [("payload".to_owned(), Some("pickle"), b"\x80\x04N.".to_vec())]);
    }
    // Whatever stands behind the elements is handed on.
    let read = read("npy", &array(1, &header("'|u1'", "(2,)"), b"ab\x80\x04N."));
    read.says("malformed: 4 bytes stand after the array");
    assert_eq!(read.children[0].2, b"\x80\x04N.");
}

fn broken_arrays_end_with_a_reason() {
    for (bytes, reason) in [
        (b"".to_vec(), "malformed: no NumPy array: the first bytes are other ones"),
        (b"\x80\x04N.".to_vec(), "malformed: no NumPy array: the first bytes are other ones"),
        (b"\x93NUMPY".to_vec(), "ends early, at byte 6"),
        (array(9, "", b""), "version 9 of the npy format, not read by this version"),
        (array(1, "{'descr': __import__('os')}", b""), "a name where a value must stand"),
        (array(1, "()", b""), "malformed: the header is not a dictionary"),
        (
            array(1, "{'descr': '<f4'}", b""),
            "malformed: the header lacks `descr`, `fortran_order` or `shape`",
        ),
        (array(1, "{'descr': '<f4', 'descr': '|O'}", b""), "malformed: the header states a key twice"),
        (array(1, &header("'<f4'", "(-1,)"), b""), "malformed: the header has a dimension that is no size"),
        (
            array(1, &header("'<q4q'", "(1,)"), b""),
            "the type of the elements is `<q4q`, which NumPy does not know",
        ),
        (
            array(1, &header("'<f8'", "(4294967296, 4294967296)"), b""),
            "malformed: the shape states more elements than can be counted",
        ),
        (array(1, &header("'<f8'", "(4,)"), &[0; 31]), "ends early, at byte"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff{}".to_vec(), "malformed: the header claims 4294967295 bytes"),
    ] {
        let read = read("npy", &bytes);
        let last = read.facts.last().unwrap();
        assert!(last.starts_with("ended: ") && last.contains(reason), "{last} is not {reason}");
        assert!(read.children.is_empty());
    }
    let short = read("npy", &array(1, &header("'<f8'", "(4,)"), &[0; 31]));
    short.says("malformed: the shape states 32 bytes and 31 are there");
}

fn claims() {
    let reader = weighbridge_read::reader("npy").unwrap();
    for (path, head, claim) in [
        ("a", b"\x93NUMPY\x01".as_slice(), Claim::ByMagic),
        ("a.npy", b"\x80\x04", Claim::ByName),
        ("a.npz", b"", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}
