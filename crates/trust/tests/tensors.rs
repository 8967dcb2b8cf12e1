//! Signatures over tensors: the vectors of the specification, and everything that can happen to a model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::digest::Digest;
use weighbridge_core::input::Input;
use weighbridge_core::limits::Cancel;
use weighbridge_core::lock::{Metadata, Tensor};
use weighbridge_core::source::Source;
use weighbridge_read::model::signature::{self, Format};
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::oms::{self, Hashing, ManifestError, Refusal, SignError, Trust};
use weighbridge_trust::tensors::{self, Compared, Content, Part, Status};
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{Draft, NOW, issue};
use crate::models::Holder;

pub(crate) const TESTS: &[Test] = &[
    ("tensors::the vectors of the specification hold", the_vectors_of_the_specification_hold),
    ("tensors::a statement is the same bytes and read again", a_statement_is_the_same_bytes_and_read_again),
    ("tensors::what happened to a tensor is named", what_happened_to_a_tensor_is_named),
    ("tensors::statements that contradict themselves are refused", contradictions_are_refused),
    ("tensors::keys and certificates sign", keys_and_certificates_sign),
    ("tensors::no byte of a bundle can be changed", no_byte_of_a_bundle_can_be_changed),
    ("tensors::every byte of every tensor counts", every_byte_of_every_tensor_counts),
    ("tensors::how a file is laid out does not count", how_a_file_is_laid_out_does_not_count),
];

fn tensor(dtype: &str, shape: &[u64], bytes: &[u8]) -> Tensor {
    Tensor { dtype: dtype.to_owned(), shape: shape.to_owned(), digest: Digest::of(bytes) }
}

fn entry(name: &str, kind: &str, value: &[u8]) -> Metadata {
    Metadata { name: name.to_owned(), kind: kind.to_owned(), digest: Digest::of(value) }
}

/// The content of the vectors.
pub(crate) fn content() -> Content {
    let tensors = [
        ("a", tensor("F32", &[2], &[0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])),
        ("b", tensor("BF16", &[1, 2], &[0x80, 0x3f, 0, 0x40])),
        ("c", tensor("U8", &[0], &[])),
        ("d", tensor("F16", &[], &[0, 0x3c])),
        ("é", tensor("I64", &[1], &[0xff; 8])),
    ];
    Content {
        tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        metadata: BTreeSet::from([
            entry("format", "string", b"pt"),
            entry("general.quantization_version", "gguf:4", &[2, 0, 0, 0]),
        ]),
    }
}

/// The digests were computed by another program; they are those of the page.
fn the_vectors_of_the_specification_hold() {
    let page = include_str!("../../../docs/spec/tensor-signature.md");
    let content = content();
    for (name, tensor) in &content.tensors {
        let row = format!("`{}` | `{}` |\n", tensor.digest, tensors::tensor_leaf(name, tensor));
        assert!(page.contains(&row), "{name}: {row}");
    }
    let mut first = Content::default();
    assert!(page.contains(&format!("| 0 | `{}` |", first.tensor_root())));
    for (number, (name, tensor)) in content.tensors.iter().enumerate() {
        first.tensors.insert(name.clone(), tensor.clone());
        let row = format!("| {} | `{}` |\n", number + 1, first.tensor_root());
        assert!(page.contains(&row), "{row}");
    }
    for entry in &content.metadata {
        assert!(page.contains(&format!("| `{}` |\n", tensors::metadata_leaf(entry))), "{entry:?}");
    }
    assert!(page.contains(&format!("Root of both: `{}`", content.metadata_root())));
    // The worked example of the page is a statement once its digests are filled in.
    let example = page.split("    {\"_type\"").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let one = Content {
        tensors: content.tensors.into_iter().take(1).collect(),
        metadata: BTreeSet::from([entry("format", "string", b"pt")]),
    };
    let digest = one.tensors["a"].digest.to_string();
    let example = format!("{{\"_type\"{example}")
        .replace("ROOT OF TENSORS", &one.tensor_root().to_string())
        .replace("ROOT OF METADATA", &one.metadata_root().to_string())
        .replacen('…', &digest, 1)
        .replacen('…', &Digest::of(b"pt").to_string(), 1);
    assert_eq!(Content::read(example.as_bytes()), Ok(one));
}

fn a_statement_is_the_same_bytes_and_read_again() {
    let content = content();
    let statement = content.to_statement();
    assert_eq!(statement, content.clone().to_statement());
    assert_eq!(Content::read(&statement), Ok(content.clone()));
    let text = String::from_utf8(statement).unwrap();
    assert!(text.starts_with(
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"tensors","digest":{"sha256":"7a95a10712b1c563"#
    ));
    assert!(text.contains(r#""predicateType":"https://weighbridge.dev/tensors/v1","predicate":{"tensors":[{"name":"a","dtype":"F32","shape":[2],"sha256":"b9c80b5a"#));
    // Fields of a later time are no contradiction.
    let later = text.replace(r#""name":"a","#, r#""name":"a","note":{"x":[1]},"#);
    assert_eq!(Content::read(later.as_bytes()), Ok(content));
    assert!(oms::Manifest::read(text.as_bytes()).is_err(), "it speaks of no files");
    let nothing = Content { metadata: BTreeSet::from([entry("a", "string", b"")]), ..Content::default() };
    assert_eq!(tensors::sign(&nothing, &holder()), Err(SignError::Nothing));
}

/// Names that are not as they were signed, with what was found.
fn told(compared: &Compared) -> Vec<String> {
    let line = |(name, status): (&String, &Status)| match status {
        Status::Ok => None,
        Status::Changed { expected, actual } => Some(format!("{name}: {expected:.12} -> {actual:.12}")),
        Status::Missing => Some(format!("{name} missing")),
        Status::Extra => Some(format!("{name} extra")),
        Status::Renamed { from } => Some(format!("{name} was {from}")),
    };
    let mut lines: Vec<String> = compared.tensors.iter().filter_map(line).collect();
    lines.extend(compared.metadata.iter().filter_map(line).map(|text| format!("metadata {text}")));
    assert_eq!(lines.is_empty(), compared.is_true());
    lines
}

fn what_happened_to_a_tensor_is_named() {
    let signed = content();
    let check = |change: fn(&mut Content), expected: &[&str]| {
        let mut content = content();
        change(&mut content);
        assert_eq!(told(&signed.compare(&content)), expected);
    };
    check(|_| {}, &[]);
    check(
        |it| it.tensors.get_mut("b").unwrap().digest = Digest::of(b""),
        &["b: BF16 [1, 2]  -> BF16 [1, 2] "],
    );
    check(
        |it| it.tensors.get_mut("a").unwrap().dtype = "I32".to_owned(),
        &["a: F32 [2] b9c8 -> I32 [2] b9c8"],
    );
    check(|it| it.tensors.get_mut("b").unwrap().shape = vec![2, 1], &["b: BF16 [1, 2]  -> BF16 [2, 1] "]);
    check(|it| drop(it.tensors.remove("c")), &["c missing"]);
    check(|it| drop(it.tensors.insert("new".to_owned(), tensor("U8", &[1], b"x"))), &["new extra"]);
    check(
        |it| {
            let moved = it.tensors.remove("a").unwrap();
            it.tensors.insert("z".to_owned(), moved);
        },
        &["z was a"],
    );
    check(
        |it| {
            let moved = it.tensors.remove("a").unwrap();
            it.tensors.insert("y".to_owned(), moved.clone());
            it.tensors.insert("z".to_owned(), moved);
        },
        &["y was a", "z extra"],
    );
    // A copy under a new name beside the old one is an addition.
    check(
        |it| {
            let copy = it.tensors["a"].clone();
            it.tensors.insert("z".to_owned(), copy);
        },
        &["z extra"],
    );
    check(
        |it| {
            let (a, d) = (it.tensors["a"].clone(), it.tensors["d"].clone());
            it.tensors.extend([("a".to_owned(), d), ("d".to_owned(), a)]);
        },
        &["a: F32 [2] b9c8 -> F16 [] 50511", "d: F16 [] 50511 -> F32 [2] b9c8"],
    );
    check(|it| drop(it.metadata.pop_first()), &["metadata format missing"]);
    check(|it| it.metadata.extend([entry("x", "string", b"")]), &["metadata x extra"]);
    check(
        |it| {
            it.metadata.pop_first();
            it.metadata.insert(entry("format", "string", b"tf"));
        },
        &["metadata format: string e75b1 -> string 8541c"],
    );
    // Another file that says something else under the same key.
    let told = told(&signed.compare(&{
        let mut content = content();
        content.metadata.insert(entry("format", "string", b"tf"));
        content
    }));
    assert!(matches!(&*told, [line] if line.starts_with("metadata format: ")), "{told:?}");
}

fn contradictions_are_refused() {
    let text = String::from_utf8(content().to_statement()).unwrap();
    let digest = Digest::of(b"other").to_string();
    let a = content().tensors["a"].digest.to_string();
    let root = content().tensor_root().to_string();
    let metadata_root = content().metadata_root().to_string();
    let b = r#"{"name":"b","dtype":"BF16""#;
    let deep = format!("\"shape\":[{}]", vec!["1"; 257].join(","));
    for (from, to) in [
        (&*a, &*digest),
        (&*root, &*digest),
        (&*metadata_root, &*digest),
        (&*root, &*metadata_root),
        (r#""name":"tensors""#, r#""name":"weights""#),
        (r#""dtype":"BF16""#, r#""dtype":"F16""#),
        (r#""shape":[1,2]"#, r#""shape":[2,1]"#),
        (r#""shape":[1,2]"#, r#""shape":[-1,2]"#),
        (r#""shape":[1,2]"#, &*deep),
        (r#""name":"b","dtype""#, r#""name":"a","dtype""#),
        (r#""name":"a","dtype""#, r#""name":"bb","dtype""#),
        (r#""name":"format""#, r#""name":"formal""#),
        (r#""type":"string""#, r#""type":"gguf:4""#),
        ("/tensors/v1", "/tensors/v2"),
        ("Statement/v1", "Statement/v0.1"),
        (r#""subject":["#, r#""subject":[{"name":"x","digest":{}},"#),
        (b, r#"{"dtype":"BF16""#),
        (&*a, "b9c8"),
        (&*a, &*a.to_uppercase()),
        (r#"{"sha256":"7a"#, r#"{"sha512":"","sha256":"7a"#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Content::read(changed.as_bytes()).is_err(), "`{to}` in place of `{from}`");
    }
    let twice = text.replacen(b, &format!(r#"{b},"shape":[1,2],"sha256":"{a}"}},{b}"#), 1);
    assert_eq!(Content::read(twice.as_bytes()), Err(ManifestError::Duplicate("b".to_owned())));
}

fn holder() -> Holder {
    Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new())
}

fn keys_and_certificates_sign() {
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let holder = Holder(PrivateKey::generate(curve).unwrap(), Vec::new());
        let bundle = tensors::sign(&content(), &holder).unwrap();
        assert_eq!(bundle, tensors::sign(&content(), &holder).unwrap(), "the same once more");
        let bundle = Bundle::read(bundle.to_json().as_bytes()).unwrap();
        let key = holder.0.public_key();
        let verified = tensors::verify(&bundle, Trust::Key(&key)).unwrap();
        assert_eq!(verified.content, content());
        // One of files is something else.
        assert!(matches!(
            oms::verify(&bundle, Trust::Key(&key)),
            Err(Refusal::Manifest(ManifestError::Predicate(_)))
        ));
        let other = PrivateKey::generate(curve).unwrap().public_key();
        assert!(matches!(tensors::verify(&bundle, Trust::Key(&other)), Err(Refusal::Signature(_))));
    }
    let root = issue(&Draft::authority("CN=root"), None);
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&root));
    let anchors = Anchor::from_pem(&root.pem()).unwrap();
    let chain = vec![leaf.der(), root.der()];
    let bundle = tensors::sign(&content(), &Holder(leaf.key, chain)).unwrap();
    let bundle = Bundle::read(bundle.to_json().as_bytes()).unwrap();
    let trust = |time| Trust::Anchors { anchors: &anchors, time };
    assert_eq!(tensors::verify(&bundle, trust(NOW)).unwrap().content, content());
    assert!(matches!(tensors::verify(&bundle, trust(0)), Err(Refusal::Chain(_))));
    let nobody = Trust::Anchors { anchors: &[], time: NOW };
    assert!(matches!(tensors::verify(&bundle, nobody), Err(Refusal::Chain(_))));
}

fn no_byte_of_a_bundle_can_be_changed() {
    let holder = holder();
    let key = holder.0.public_key();
    let signed = tensors::sign(&content(), &holder).unwrap();
    for at in 0..signed.envelope.payload.len() {
        let mut bundle = signed.clone();
        bundle.envelope.payload[at] ^= 1;
        assert!(tensors::verify(&bundle, Trust::Key(&key)).is_err(), "byte {at} of the payload");
    }
    for at in 0..signed.envelope.signatures[0].len() {
        for bit in 0..8 {
            let mut bundle = signed.clone();
            bundle.envelope.signatures[0][at] ^= 1 << bit;
            assert!(tensors::verify(&bundle, Trust::Key(&key)).is_err(), "byte {at} of the signature");
        }
    }
    let mut bundle = signed;
    bundle.envelope.payload_type.push('x');
    assert!(matches!(tensors::verify(&bundle, Trust::Key(&key)), Err(Refusal::PayloadType(_))));
}

/// The content of files, as whoever signs them takes it.
fn read(files: &[Vec<u8>], format: Format) -> Content {
    let mut content = Content::default();
    for file in files {
        let source: Arc<dyn Source> = Arc::new(file.clone());
        let input = Input::new(Arc::clone(&source), signature::limits(), Cancel::default());
        let found = signature::contents(&input, format).unwrap();
        let part = |tensor: &signature::Stored| Part {
            source: Arc::clone(&source),
            offset: tensor.offset,
            size: tensor.size,
        };
        let parts: Vec<Part> = found.tensors.iter().map(part).collect();
        let digests = tensors::hash(&parts, &Hashing { cache: None, halt: &|| false, progress: &|_| {} });
        for (stored, digest) in found.tensors.into_iter().zip(digests) {
            let tensor = Tensor { dtype: stored.dtype, shape: stored.shape, digest: digest.unwrap() };
            assert_eq!(content.tensors.insert(stored.name, tensor), None);
        }
        content.metadata.extend(found.metadata.into_iter().map(|entry| Metadata {
            name: entry.name,
            kind: entry.kind,
            digest: entry.digest,
        }));
    }
    content
}

/// A tensor for a file: name, type, shape, bytes.
type Stored<'a> = (&'a str, &'a str, &'a [u64], &'a [u8]);

fn safetensors(metadata: &str, tensors: &[Stored<'_>]) -> Vec<u8> {
    let mut header = format!("{{\"__metadata__\":{metadata}");
    let mut data = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let begin = data.len();
        data.extend_from_slice(bytes);
        let end = data.len();
        header +=
            &format!(r#","{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#);
    }
    header.push('}');
    [&u64::try_from(header.len()).unwrap().to_le_bytes(), header.as_bytes(), &data].concat()
}

/// Types of half a byte up to eight.
const TENSORS: [Stored<'static>; 5] = [
    ("half", "F16", &[3, 1], b"halves"),
    ("brain", "BF16", &[2], b"bf16"),
    ("small", "F4", &[2, 2], b"4f"),
    ("none", "F64", &[0, 7], b""),
    ("wide", "I64", &[], b"8 bytes."),
];

/// A GGUF file with a string, and tensors of numbered types; aligned to `alignment` bytes.
fn gguf(alignment: u32, tensors: &[(&str, u32, u64, &[u8])]) -> Vec<u8> {
    let count = |count: usize| u64::try_from(count).unwrap().to_le_bytes();
    let text = |text: &str| [&count(text.len()), text.as_bytes()].concat();
    let mut file = [&b"GGUF\x03\0\0\0"[..], &count(tensors.len()), &count(2)].concat();
    file.extend(
        [text("general.alignment"), 4u32.to_le_bytes().to_vec(), alignment.to_le_bytes().to_vec()].concat(),
    );
    file.extend([text("tokenizer.chat_template"), 8u32.to_le_bytes().to_vec(), text("{{ x }}")].concat());
    let pad =
        |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(alignment.try_into().unwrap()), 0);
    let mut data = Vec::new();
    for (name, kind, elements, bytes) in tensors {
        file.extend([text(name), 1u32.to_le_bytes().to_vec(), elements.to_le_bytes().to_vec()].concat());
        file.extend([kind.to_le_bytes().to_vec(), count(data.len()).to_vec()].concat());
        data.extend_from_slice(bytes);
        pad(&mut data);
    }
    pad(&mut file);
    [file, data].concat()
}

fn every_byte_of_every_tensor_counts() {
    let plain = safetensors(r#"{"format":"pt"}"#, &TENSORS);
    let quantised = gguf(32, &[("q4", 2, 32, &[7; 18]), ("q6", 14, 256, &[9; 210]), ("f", 0, 2, &[1; 8])]);
    for (file, format) in [(plain, Format::Safetensors), (quantised, Format::Gguf)] {
        let signed = read(std::slice::from_ref(&file), format);
        let input = Input::new(Arc::new(file.clone()), signature::limits(), Cancel::default());
        let mut bytes = 0;
        for stored in signature::contents(&input, format).unwrap().tensors {
            for at in stored.offset..stored.offset + stored.size {
                let mut changed = file.clone();
                changed[usize::try_from(at).unwrap()] ^= 0x10;
                let compared = signed.compare(&read(&[changed], format));
                let wrong: Vec<&String> = compared
                    .tensors
                    .iter()
                    .filter(|(_, it)| **it != Status::Ok)
                    .map(|(name, _)| name)
                    .collect();
                assert_eq!(wrong, [&stored.name], "byte {at}");
                bytes += 1;
            }
        }
        assert_eq!(bytes, if format == Format::Gguf { 236 } else { 20 });
    }
}

fn how_a_file_is_laid_out_does_not_count() {
    let whole = |tensors: &[Stored<'_>]| safetensors(r#"{"format":"pt"}"#, tensors);
    let signed = read(&[whole(&TENSORS)], Format::Safetensors);
    let mut turned = TENSORS;
    turned.reverse();
    for files in [
        vec![whole(&turned)],
        vec![whole(&TENSORS[..2]), whole(&TENSORS[2..])],
        vec![safetensors("{}", &TENSORS[4..]), whole(&TENSORS[..1]), whole(&TENSORS[1..4])],
        vec![safetensors("{ \"form\\u0061t\" : \"pt\" }", &TENSORS)],
    ] {
        assert_eq!(read(&files, Format::Safetensors), signed);
    }
    let quantised: [(&str, u32, u64, &[u8]); 2] = [("q", 2, 32, &[7; 18]), ("f", 0, 2, &[1; 8])];
    let signed = read(&[gguf(32, &quantised)], Format::Gguf);
    let [q, f] = quantised;
    for files in [vec![gguf(8, &[f, q])], vec![gguf(64, &[q]), gguf(4096, &[f])]] {
        assert_eq!(read(&files, Format::Gguf), signed);
    }
    // The same numbers have the same leaf in either format.
    let names: BTreeMap<&str, &str> = signed.tensors.iter().map(|(name, it)| (&**name, &*it.dtype)).collect();
    assert_eq!(names, BTreeMap::from([("f", "F32"), ("q", "Q4_0")]));
    let plain = read(&[safetensors("{}", &[("f", "F32", &[2], &[1; 8])])], Format::Safetensors);
    assert_eq!(plain.tensors["f"], signed.tensors["f"]);
}
