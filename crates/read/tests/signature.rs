//! Signatures inside of models: what they speak of, and files that are written with one.

use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::input::Input;
use weighbridge_core::limits::Cancel;
use weighbridge_read::model::signature::{self, Contents, Format, KEY, Kind};

use crate::gguf_builder::{Gguf, model};
use crate::safetensors::file;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        safetensors_says_what_is_signed,
        gguf_says_what_is_signed,
        a_safetensors_header_changes_nowhere_else,
        a_gguf_file_changes_nowhere_else,
        files_that_break_a_rule_are_refused,
        the_format_is_known_by_content_and_name
    ]
}

fn input(bytes: &[u8]) -> Input {
    Input::new(Arc::new(bytes.to_vec()), signature::limits(), Cancel::default())
}

fn contents(bytes: &[u8], format: Format) -> Contents {
    signature::contents(&input(bytes), format).unwrap()
}

fn embed(bytes: &[u8], format: Format, text: &str) -> Vec<u8> {
    let input = input(bytes);
    let pieces = signature::embed(&input, format, text).unwrap();
    let mut written = Vec::new();
    signature::write(&input, &pieces, &mut |piece| {
        written.extend_from_slice(piece);
        Ok(())
    })
    .unwrap();
    written
}

/// Name, type, shape and bytes of every tensor.
fn tensors(bytes: &[u8], contents: &Contents) -> Vec<(String, String, Vec<u64>, Vec<u8>)> {
    let part = |offset: u64, size: u64| {
        let begin = usize::try_from(offset).unwrap();
        bytes[begin..begin + usize::try_from(size).unwrap()].to_vec()
    };
    let one = |tensor: &signature::Stored| {
        (tensor.name.clone(), tensor.dtype.clone(), tensor.shape.clone(), part(tensor.offset, tensor.size))
    };
    contents.tensors.iter().map(one).collect()
}

fn metadata(contents: &Contents) -> Vec<(&str, &str, Digest)> {
    contents.metadata.iter().map(|entry| (&*entry.name, &*entry.kind, entry.digest)).collect()
}

/// A file whose every part is written in its own way.
fn odd() -> Vec<u8> {
    let header = r#"{ "b":{"shape":[2],"dtype":"BF16","data_offsets":[0, 4]} , "__metadat\u0061__" : {"format" : "p\u0074", "x":"{\"y\":1}"},
        "a\"":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}  "#;
    file(header, b"BBBBAAAA")
}

fn safetensors_says_what_is_signed() {
    let found = contents(&odd(), Format::Safetensors);
    assert_eq!(
        tensors(&odd(), &found),
        [
            ("b".to_owned(), "BF16".to_owned(), vec![2], b"BBBB".to_vec()),
            ("a\"".to_owned(), "F32".to_owned(), vec![], b"AAAA".to_vec())
        ]
    );
    assert_eq!(
        metadata(&found),
        [("format", "string", Digest::of(b"pt")), ("x", "string", Digest::of(br#"{"y":1}"#))]
    );
    assert_eq!(found.signature, None);
}

fn gguf_says_what_is_signed() {
    for version in [1, 2, 3] {
        let file = Gguf::new()
            .version(version)
            .string("general.architecture", "llama")
            .number("general.alignment", 32)
            .pair("split.no", 2, &1u16.to_le_bytes())
            .pair("split.count", 2, &3u16.to_le_bytes())
            .number("n", 7)
            .tensor("w", &[32, 3], 8, 102)
            .tensor("s", &[], 0, 4)
            .bytes();
        let found = contents(&file, Format::Gguf);
        assert_eq!(
            tensors(&file, &found),
            [
                ("w".to_owned(), "Q8_0".to_owned(), vec![3, 32], vec![0x5a; 102]),
                ("s".to_owned(), "F32".to_owned(), vec![], vec![0x5a; 4])
            ]
        );
        assert_eq!(
            metadata(&found),
            [
                ("general.architecture", "string", Digest::of(b"llama")),
                ("n", "gguf:4", Digest::of(&7u32.to_le_bytes()))
            ]
        );
        assert_eq!(found.split, Some((1, 3)));
    }
}

fn a_safetensors_header_changes_nowhere_else() {
    let signed = embed(&odd(), Format::Safetensors, "{\"a\":\"é\n\"}");
    let expected = r#"{"__metadata__":{"format":"p\u0074","x":"{\"y\":1}","weighbridge.signature":"{\"a\":\"é\n\"}"},"b":{"shape":[2],"dtype":"BF16","data_offsets":[0, 4]},"a\"":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#;
    let header = &signed[8..signed.len() - 8];
    assert_eq!(std::str::from_utf8(header).unwrap().trim_end(), expected);
    assert!(header.len().is_multiple_of(8));
    assert!(signed.ends_with(b"BBBBAAAA"));
    check(&odd(), Format::Safetensors);
    // A file without metadata, and one without tensors.
    let plain = file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, b"x");
    check(&plain, Format::Safetensors);
    check(&file("{}", b""), Format::Safetensors);
}

/// Nothing but the signature changes; the same once more gives the same bytes, another one takes its place.
fn check(bytes: &[u8], format: Format) {
    let before = contents(bytes, format);
    let once = embed(bytes, format, "first");
    let after = contents(&once, format);
    assert_eq!(after.signature.as_deref(), Some("first"));
    assert_eq!((&after.metadata, after.split), (&before.metadata, before.split));
    assert_eq!(tensors(&once, &after), tensors(bytes, &before));
    assert_eq!(embed(&once, format, "first"), once);
    let longer = embed(&once, format, &"second".repeat(100));
    assert_eq!(contents(&longer, format).signature, Some("second".repeat(100)));
    assert_eq!(embed(&longer, format, "first"), once);
}

fn a_gguf_file_changes_nowhere_else() {
    for version in [1, 2, 3] {
        let file = Gguf::new()
            .version(version)
            .string("general.architecture", "llama")
            .strings("tokenizer.ggml.tokens", &["<s>", "</s>", "a"])
            .tensor("a", &[32, 3], 1, 192)
            .tensor("b", &[256, 2], 14, 420);
        check(&file.bytes(), Format::Gguf);
        let text = "signature";
        assert_eq!(
            embed(&file.bytes(), Format::Gguf, text),
            file.string(KEY, text).bytes(),
            "as if it had been written so"
        );
    }
    // Another alignment, and a signature that is not the last of the keys.
    for alignment in [8, 64, 4096] {
        let aligned = u32::try_from(alignment).unwrap();
        let start = Gguf::new().aligned(alignment).number("general.alignment", aligned);
        let rest = |file: Gguf| file.number("n", 1).tensor("a", &[5], 0, 20).tensor("b", &[3], 24, 3).bytes();
        check(&rest(start.clone()), Format::Gguf);
        let moved = embed(&rest(start.clone().string(KEY, "old")), Format::Gguf, "new");
        assert_eq!(moved, embed(&rest(start), Format::Gguf, "new"));
    }
    // No key, no tensor.
    check(&Gguf::new().tensor("a", &[1], 0, 4).bytes(), Format::Gguf);
    check(&Gguf::new().string("a", "b").bytes(), Format::Gguf);
}

fn files_that_break_a_rule_are_refused() {
    let refused = |bytes: &[u8], format: Format, reason: &str| {
        let why = signature::contents(&input(bytes), format).unwrap_err();
        assert!(why.to_string().contains(reason), "{why} instead of {reason}");
        assert_eq!(signature::embed(&input(bytes), format, "x").unwrap_err(), why);
    };
    let safetensors = |header: &str, data: &[u8], reason: &str| {
        refused(&file(header, data), Format::Safetensors, reason);
    };
    let sound = r#""s":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    for (entry, reason) in [
        (sound, "stands in the header twice"),
        (r#""a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#, "inside the one before"),
        (r#""a":{"dtype":"U8","shape":[2],"data_offsets":[6,8]}"#, "belong to none"),
        (r#""a":{"dtype":"F32","shape":[2],"data_offsets":[4,8]}"#, "claims 4 bytes"),
        (r#""__metadata__":{"a":1}"#, "is not a string"),
        (r#""__metadata__":{"a":"1","a":"2"}"#, "twice"),
        (r#""__metadata__":{},"__metadata__":{}"#, "twice"),
    ] {
        safetensors(&format!("{{{sound},{entry}}}"), &[0; 8], reason);
    }
    safetensors(&format!("{{{sound}}}"), &[0; 3], "4 of 3 bytes");
    safetensors(&format!("{{{sound}}}"), &[0; 5], "after the last tensor");
    safetensors("[]", b"", "");
    refused(&u64::MAX.to_le_bytes(), Format::Safetensors, "the header claims");
    refused(b"short", Format::Safetensors, "");

    let sound = model("").bytes();
    for end in 0..sound.len() {
        // The padding at the end belongs to no tensor.
        if end < sound.len() - 32 {
            assert!(signature::contents(&input(&sound[..end]), Format::Gguf).is_err(), "{end}");
        }
    }
    let gguf = |file: Gguf, reason: &str| refused(&file.bytes(), Format::Gguf, reason);
    // It can be written anew, but not told what is in it.
    let unclear = |file: Gguf, reason: &str| {
        let why = signature::contents(&input(&file.bytes()), Format::Gguf).unwrap_err();
        assert!(why.to_string().contains(reason), "{why} instead of {reason}");
    };
    gguf(model("").string("general.architecture", "b"), "stands twice");
    gguf(model("").tensor("output.weight", &[1], 0, 4), "stands twice");
    gguf(model("").describe("x", &[8], 0, 0), "inside the one before");
    gguf(model("").describe("x", &[u64::MAX, 2], 0, 320), "wraps");
    gguf(model("").describe("x", &[1 << 40], 0, 320), "bytes of data");
    gguf(model("").describe("x", &[1], 4, 320), "was removed");
    gguf(model("").describe("x", &[1], 99, 320), "type 99");
    gguf(Gguf::new().big_endian().tensor("a", &[1], 0, 4), "big-endian");
    unclear(model("").number(KEY, 1), "is no string");
    unclear(model("").number("split.count", 1), "without");
    unclear(model("").string("split.count", "1").number("split.no", 0), "is no number");
    refused(&model("").claiming(u64::MAX, 1), Format::Gguf, "loaders are misled");
    refused(&model("").claiming(2, u64::MAX), Format::Gguf, "");
}

fn the_format_is_known_by_content_and_name() {
    let kind = |bytes: &[u8], name: &str| signature::kind(&input(bytes), name).unwrap();
    let (safetensors, gguf) = (Kind::Tensors(Format::Safetensors), Kind::Tensors(Format::Gguf));
    assert_eq!(kind(&odd(), "renamed.bin"), safetensors);
    assert_eq!(kind(&model("").bytes(), "renamed.bin"), gguf);
    // A header of 0x0480 bytes begins as a pickle of protocol 4 does.
    assert_eq!(kind(&file(&format!("{:1152}", "{}"), b""), "a.safetensors"), safetensors);
    // By the content, whatever the name says.
    assert_eq!(kind(&model("").bytes(), "a.safetensors"), gguf);
    assert_eq!(kind(b"", "sub/a.safetensors"), safetensors);
    assert_eq!(kind(b"", "a.GGUF"), gguf);
    assert_eq!(kind(b"\x80\x04N.", "pytorch_model.bin"), Kind::Pickled);
    assert_eq!(kind(b"\x80\x04N.", "model.safetensors"), Kind::Pickled);
    assert_eq!(kind(b"PK\x03\x04", "pytorch_model.bin"), Kind::Pickled);
    for (bytes, name) in [
        (&br#"{"architectures": []}"#[..], "config.json"),
        (b"PK\x03\x04", "documents.zip"),
        (b"#version: 0.2\ni n\nt h\n", "merges.txt"),
        (b"", "empty"),
    ] {
        assert_eq!(kind(bytes, name), Kind::Other, "{name}");
    }
    let unread: Unread = signature::contents(&input(b""), Format::Gguf).unwrap_err();
    assert_eq!(unread, Unread::Truncated { offset: 0 });
}
