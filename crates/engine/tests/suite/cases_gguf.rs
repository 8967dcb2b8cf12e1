//! GGUF: counts and sizes that wrap or lie, and sound files.

use super::build::{Gguf, attack, model_with_template};
use super::{Case, dangerous, flagged, harmless, incomplete, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = attacks();
    cases.extend(good());
    cases
}

fn attacks() -> Vec<Case> {
    let corrupt =
        |name: &str, says: &str, bytes: fn() -> Vec<u8>| dangerous(24, name, says, "model.gguf", bytes);
    let overrun =
        |name: &str, says: &str, bytes: fn() -> Vec<u8>| untrusted(24, name, says, "model.gguf", bytes);
    let model = || model_with_template("{{ x }}");
    let list = |kind: u32, count: u64| {
        let empty = Gguf::new();
        [empty.u32(kind), empty.u64(count)].concat()
    };
    vec![
        // CVE-2024-21836 and CVE-2024-23605: counts times the size of a structure.
        corrupt("pair-count-wraps", "18446744073709551615 key-value pairs", || {
            model_with_template("{{ x }}").claiming(2, u64::MAX)
        }),
        corrupt("tensor-count-wraps", "288230376151711744 tensors", || {
            model_with_template("{{ x }}").claiming(1 << 58, 4)
        }),
        // CVE-2024-23496 and CVE-2024-21825: lengths of strings and lists.
        corrupt("string-length-wraps", "18446744073709551615 bytes", || {
            Gguf::new().pair("k", 8, &u64::MAX.to_le_bytes()).bytes()
        }),
        corrupt("key-length-wraps", "a key of 18446744073709551615 bytes", || {
            [Gguf::new().claiming(0, 1), u64::MAX.to_le_bytes().to_vec()].concat()
        }),
        dangerous(
            24,
            "list-of-strings-wraps",
            "claims 1152921504606846977 values",
            "model.gguf",
            move || Gguf::new().pair("k", 9, &list(8, (1 << 60) + 1)).bytes(),
        ),
        dangerous(
            24,
            "list-of-numbers-wraps",
            "claims 4611686018427387905 numbers",
            "model.gguf",
            move || Gguf::new().pair("k", 9, &list(4, (1 << 62) + 1)).bytes(),
        ),
        // CVE-2024-21802: more dimensions than there is room for.
        corrupt("five-dimensions", "5 dimensions", || Gguf::new().describe("a", &[1; 5], 0, 0).bytes()),
        // CVE-2026-33298: the number of elements, or of bytes.
        corrupt("elements-wrap", "a shape whose number of elements wraps", || {
            Gguf::new().describe("a", &[1 << 33, 1 << 33], 0, 0).bytes()
        }),
        corrupt("bytes-wrap", "which wraps", || Gguf::new().describe("a", &[1 << 61], 28, 0).bytes()),
        corrupt("offset-wraps", "which wraps", || Gguf::new().describe("a", &[32], 0, u64::MAX - 31).bytes()),
        corrupt("type-out-of-range", "type 2147483647", || {
            Gguf::new().describe("a", &[32], 0x7fff_ffff, 0).bytes()
        }),
        // CVE-2025-53630 and CVE-2026-27940: the sum of all sizes.
        corrupt("sizes-wrap-together", "together wrap", || {
            (0..4)
                .fold(Gguf::new(), |file, number| file.describe(&format!("t{number}"), &[1 << 62], 24, 0))
                .bytes()
        }),
        corrupt("wraps-big-endian", "18446744073709551615 bytes", || {
            Gguf::new().big_endian().pair("k", 8, &u64::MAX.to_be_bytes()).bytes()
        }),
        // CVE-2026-7482: a shape larger than what is stored.
        overrun("tensor-past-the-end", "ends at 2000000 of 64 bytes", || {
            Gguf::new().describe("a", &[1000, 1000], 1, 0).data(&[0; 64]).bytes()
        }),
        overrun("string-past-the-end", "of 4096 bytes", || {
            Gguf::new().pair("k", 8, &4096u64.to_le_bytes()).bytes()
        }),
        overrun("cut-short", "ends at 294", || {
            let mut bytes = model_with_template("{{ x }}").bytes();
            bytes.truncate(bytes.len() - 100);
            bytes
        }),
        flagged(
            24,
            "key-twice",
            ("WB-A002", "the key `general.file_type` stands twice"),
            "model.gguf",
            move || model().number("general.file_type", 2).bytes(),
        ),
        flagged(24, "tensor-twice", ("WB-A002", "tensor `output.weight` stands twice"), "model.gguf", || {
            model_with_template("{{ x }}").tensor("output.weight", &[32, 3], 8, 102).bytes()
        }),
        flagged(24, "alignment-zero", ("WB-A002", "the alignment is 0"), "model.gguf", || {
            model_with_template("{{ x }}").number("general.alignment", 0).bytes()
        }),
        flagged(24, "tensors-overlap", ("WB-A002", "inside the one before"), "model.gguf", || {
            model_with_template("{{ x }}").describe("a", &[8], 0, 0).bytes()
        }),
        dangerous(24, "pickle-behind-the-tensors", "posix.system", "model.gguf", || {
            model_with_template("{{ x }}").data(&attack()).bytes()
        }),
        incomplete(24, "version-nine", "version 9 of GGUF", "model.gguf", || Gguf::new().version(9).bytes()),
    ]
}

fn good() -> Vec<Case> {
    let fine = |name: &str, bytes: fn() -> Vec<u8>| harmless(24, name, "model.gguf", bytes);
    vec![
        fine("model", || model_with_template("{{ messages }}").bytes()),
        fine("big-endian", || Gguf::new().big_endian().number("k", 7).tensor("a", &[32, 4], 8, 136).bytes()),
        fine("version-two", || model_with_template("{{ x }}").version(2).bytes()),
        fine("version-one", || {
            Gguf::new().version(1).string("general.name", "x").tensor("a", &[32], 2, 18).bytes()
        }),
        fine("vocabulary-alone", || {
            Gguf::new().strings("tokenizer.ggml.tokens", &["os.system", "__class__"]).bytes()
        }),
        fine("wide-alignment", || {
            Gguf::new().aligned(128).number("general.alignment", 128).tensor("a", &[33], 0, 132).bytes()
        }),
        fine("one-of-several-files", || {
            let file = Gguf::new().pair("split.no", 2, &[1, 0]).pair("split.count", 2, &[3, 0]);
            file.pair("split.tensors.count", 5, &[9, 0, 0, 0]).tensor("a", &[8], 0, 32).bytes()
        }),
        fine("tensor-bytes-like-a-pickle", || {
            let stream = attack();
            let size = stream.len() as u64;
            Gguf::new()
                .describe("a", &[size], 24, 0)
                .data(&stream)
                .data(&vec![0; 32 - stream.len() % 32])
                .bytes()
        }),
    ]
}
