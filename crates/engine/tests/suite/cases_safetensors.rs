//! Headers of safetensors that say more than the file holds: row 26. The reference implementation refuses these; others
//! check less and see other tensors, or memory that is not theirs.

use super::build::{ATTACK, attack, good_safetensors, safetensors};
use super::{Case, dangerous, flagged, harmless, incomplete, untrusted};

/// A header of the tensor `w` with two bytes, and more.
fn header(more: &str) -> String {
    format!("{{\"w\":{{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}{more}}}")
}

/// A header of one tensor.
fn tensor(dtype: &str, shape: &str, offsets: &str) -> String {
    format!("{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[{offsets}]}}}}")
}

pub(crate) fn cases() -> Vec<Case> {
    let rule = |name, says: &'static str, header: String, data: &'static [u8]| {
        flagged(26, name, ("WB-A002", says), "model.safetensors", move || safetensors(&header, data))
    };
    vec![
        dangerous(26, "shape-that-overflows", "tensor `w`", "model.safetensors", || {
            // 2^64 elements, which is none for who multiplies in 64 bits.
            safetensors(&tensor("U8", "4294967296,4294967296", "0,0"), b"")
        }),
        dangerous(26, "bits-that-overflow", "tensor `w`", "model.safetensors", || {
            safetensors(&tensor("F64", "2305843009213693952", "0,0"), b"")
        }),
        untrusted(26, "data-past-the-end", "tensor `w`", "model.safetensors", || {
            safetensors(&tensor("U8", "4096", "0,4096"), b"ab")
        }),
        untrusted(26, "data-at-the-end-of-all-offsets", "tensor `w`", "model.safetensors", || {
            safetensors(&tensor("U8", "1", "18446744073709551614,18446744073709551615"), b"ab")
        }),
        rule("offsets-that-run-backwards", "before it begins", tensor("U8", "2", "2,0"), b"ab"),
        rule("shape-that-does-not-fit", "claims 2 bytes", tensor("F32", "1024", "0,2"), b"ab"),
        rule("negative-dimension", "no list of sizes", tensor("U8", "-2", "0,2"), b"ab"),
        rule("type-of-its-own", "which the format does not know", tensor("PICKLE", "2", "0,2"), b"ab"),
        rule(
            "tensors-that-overlap",
            "inside the one before",
            header(",\"v\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}"),
            b"abc",
        ),
        rule(
            "one-name-twice",
            "stands in the header twice",
            header(",\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}"),
            b"abc",
        ),
        rule(
            "name-twice-by-an-escape",
            "stands in the header twice",
            header(",\"\\u0077\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}"),
            b"abc",
        ),
        rule(
            "hole-between-tensors",
            "belong to none",
            header(",\"v\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[9,11]}"),
            b"ab1234567cd",
        ),
        rule("metadata-that-is-no-text", "is not a string", header(",\"__metadata__\":{\"n\":[1]}"), b"ab"),
        rule("bytes-behind-the-last-tensor", "after the last tensor", header(""), b"ab and more"),
        dangerous(26, "pickle-in-a-hole", ATTACK, "model.safetensors", || {
            let size = attack().len();
            let next = format!(
                ",\"v\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{},{}]}}",
                size + 2,
                size + 3
            );
            safetensors(&header(&next), &[b"ab".as_slice(), &attack(), b"c"].concat())
        }),
        incomplete(26, "header-longer-than-the-file", "ends early", "model.safetensors", || {
            [1_000_000u64.to_le_bytes().as_slice(), header("").as_bytes(), b"ab"].concat()
        }),
        incomplete(26, "text-behind-the-header", "no JSON object", "model.safetensors", || {
            safetensors(&format!("{} <script>", header("")), b"ab")
        }),
        harmless(26, "two-tensors-in-another-order", "model.safetensors", || {
            let first = "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}";
            let second = "\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]}";
            safetensors(&format!("{{{first},{second}}}"), b"abc")
        }),
        harmless(26, "padded-header", "model.safetensors", || {
            safetensors(&format!("{}      ", header("")), b"ab")
        }),
        harmless(26, "empty-tensor", "model.safetensors", || {
            safetensors(&header(",\"e\":{\"dtype\":\"I64\",\"shape\":[0,5],\"data_offsets\":[2,2]}"), b"ab")
        }),
        harmless(26, "no-tensors", "model.safetensors", || safetensors("{}", b"")),
        harmless(26, "shards", "model-00001-of-00002.safetensors", good_safetensors)
            .beside("model-00002-of-00002.safetensors", good_safetensors)
            .beside("model.safetensors.index.json", || {
                b"{\"metadata\":{},\"weight_map\":{\"w\":\"model-00001-of-00002.safetensors\"}}".to_vec()
            }),
    ]
}
