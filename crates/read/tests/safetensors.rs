//! safetensors: every rule of the format, broken once.

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{read, read_within};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        sound_files_are_measured,
        every_rule_has_its_fault,
        broken_files_end_with_a_reason,
        claims,
        many_faults_are_counted
    ]
}

/// A file with this header and so many bytes of data.
pub(crate) fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let size = u64::try_from(header.len()).unwrap();
    [&size.to_le_bytes(), header.as_bytes(), data].concat()
}

fn sound_files_are_measured() {
    let header = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"I64","shape":[0,5],"data_offsets":[12,12]}}   "#;
    assert_eq!(
        read("safetensors", &file(header, &[0; 12])).facts,
        ["format safetensors", r#"tensors: 3 of 5 elements, 12 bytes, ["F16", "F32", "I64"]"#]
    );
    assert_eq!(read("safetensors", &file("{}", b"")).facts, ["format safetensors"]);
    // Types of less than a byte are packed.
    let small = r#"{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]}}"#;
    assert_eq!(
        read("safetensors", &file(small, &[0; 6])).facts,
        ["format safetensors", r#"tensors: 2 of 10 elements, 6 bytes, ["F4", "F6_E2M3"]"#]
    );
}

fn every_rule_has_its_fault() {
    let sound = r#""s":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    for (entry, fault) in [
        (sound, "tensor `s` stands in the header twice"),
        (
            r#""a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#,
            "tensor `a` begins at 2, inside the one before, which ends at 4",
        ),
        (
            r#""a":{"dtype":"U8","shape":[2],"data_offsets":[6,8]}"#,
            "2 bytes before tensor `a` belong to none",
        ),
        (
            r#""a":{"dtype":"U8","shape":[5],"data_offsets":[4,8]}"#,
            "tensor `a` has 5 elements of type U8 and claims 4 bytes",
        ),
        (
            r#""a":{"dtype":"F4","shape":[3],"data_offsets":[4,8]}"#,
            "tensor `a` has 3 elements of 4 bits, no whole bytes",
        ),
        (
            r#""a":{"dtype":"U8","shape":[4],"data_offsets":[8,4]}"#,
            "tensor `a` ends at 4, before it begins at 8",
        ),
        (
            r#""a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[4,8]}"#,
            "tensor `a` has a shape that is no list of sizes or overflows",
        ),
        (
            r#""a":{"dtype":"U8","shape":[-4],"data_offsets":[4,8]}"#,
            "tensor `a` has a shape that is no list of sizes or overflows",
        ),
        (
            r#""a":{"dtype":"F7","shape":[4],"data_offsets":[4,8]}"#,
            "tensor `a` has the type `F7`, which the format does not know",
        ),
        (
            r#""a":{"dtype":"U8","shape":[4],"data_offsets":[4,8],"x":1}"#,
            "tensor `a` has the key `x`, which the format does not know",
        ),
        (
            r#""a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[4,8]}"#,
            "tensor `a` states `dtype` twice",
        ),
        (r#""a":{"dtype":"U8","shape":[4]}"#, "tensor `a` lacks `dtype`, `shape` or `data_offsets`"),
        (
            r#""a":{"dtype":"U8","shape":[4],"data_offsets":[4]}"#,
            "tensor `a` has `data_offsets` that are not two sizes",
        ),
        (r#""a":[]"#, "tensor `a` is not an object"),
        (r#""__metadata__":{"n":1}"#, "`n` in `__metadata__` is not a string"),
        (r#""__metadata__":{"n":"1","n":"2"}"#, "`n` stands in `__metadata__` twice"),
        (r#""__metadata__":[]"#, "`__metadata__` is not an object"),
        (r#""__metadata__":{},"__metadata__":{}"#, "`__metadata__` stands in the header twice"),
        (
            r#""a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}"#,
            "2 bytes after the last tensor belong to none",
        ),
    ] {
        let read = read("safetensors", &file(&format!("{{{sound},{entry}}}"), &[0; 8]));
        read.says(&format!("malformed: {fault}"));
        read.says("tensors: ");
    }
    // A polyglot: what stands behind the last tensor is read as what it is.
    let polyglot = file(&format!("{{{sound}}}"), b"....\x80\x04N.");
    let read_polyglot = read("safetensors", &polyglot);
    assert_eq!(read_polyglot.children.len(), 1);
    assert_eq!(read_polyglot.children[0].2, b"\x80\x04N.");
}

fn broken_files_end_with_a_reason() {
    for (bytes, reason) in [
        (b"".to_vec(), "ends early, at byte 0"),
        (b"1234567".to_vec(), "ends early, at byte 7"),
        (
            vec![0xff; 100],
            "malformed: the header claims 18446744073709551615 bytes, more than the format allows",
        ),
        (file("[]", b""), "malformed: the header is no JSON object of tensors"),
        (file("", b""), "malformed: the header is no JSON object of tensors"),
        (file("{\"a\":", b""), "malformed: the header is no JSON object of tensors"),
        (file("{}x", b""), "malformed: the header is no JSON object of tensors: trailing characters"),
        (file("{}\0\0", b""), "malformed: the header is no JSON object of tensors: trailing characters"),
        (file(&"[".repeat(10_000), b""), "malformed: the header is no JSON object of tensors"),
        (file(&format!("{{\"a\":{}", "[".repeat(10_000)), b""), "recursion limit exceeded"),
        (1_000u64.to_le_bytes().to_vec(), "ends early, at byte 8"),
        (file(r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, b"abc"), "ends early, at byte 64"),
    ] {
        let read = read("safetensors", &bytes);
        let last = read.facts.last().unwrap();
        assert!(last.starts_with("ended: ") && last.contains(reason), "{last} is not {reason}");
    }
    let limits = Limits { text_bytes: 10, ..Limits::default() };
    let read = read_within("safetensors", &file(r#"{"__metadata__":{}}"#, b""), limits);
    assert_eq!(read.facts, ["ended: more than 10 bytes of a text file"]);
}

fn claims() {
    let reader = weighbridge_read::reader("safetensors").unwrap();
    let sound = file("{}", b"");
    for (path, head, claim) in [
        ("model.bin", sound.as_slice(), Claim::ByMagic),
        ("a.safetensors", b"\x80\x04", Claim::ByName),
        ("a.txt", b"\xff\xff\xff\xff\0\0\0\0{", Claim::No),
        ("a.txt", b"\x02\0\0\0\0\0\0\0[]", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 10, head }), claim, "{path}");
    }
}

fn many_faults_are_counted() {
    let entries: Vec<String> = (0..50_000).map(|number| format!("\"{number}\":0")).collect();
    let read = read("safetensors", &file(&format!("{{{}}}", entries.join(",")), b""));
    assert_eq!(read.facts.len(), 22);
    read.says("more tensors are no objects");
    // A list of a million dimensions is not kept.
    let shape = "1,".repeat(1_000_000);
    let header = format!("{{\"a\":{{\"dtype\":\"U8\",\"shape\":[{shape}1],\"data_offsets\":[0,1]}}}}");
    crate::read::read("safetensors", &file(&header, b"x")).says("tensor `a` lacks `dtype`, `shape`");
}
