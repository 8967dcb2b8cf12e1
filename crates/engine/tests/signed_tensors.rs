//! Models that carry a signature inside, in an ordinary scan: what is edited is named, and how files are cut and laid out does
//! not count.

use std::fs;
use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Map, Value, json};
use weighbridge_core::cache::Cache;
use weighbridge_core::context::Context;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::lock::Tensor;
use weighbridge_read::model::signature::{self, Format};
use weighbridge_trust::bundle::Material;
use weighbridge_trust::oms::Signs;
use weighbridge_trust::tensors::{self, Content};

use crate::locks::{Holder, KEYS, check, weigh, weigh_within};
use crate::open::Memory;
use crate::suite::build::{Gguf, model_with_template};
use crate::support::{Folder, context, limited, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("signed_tensors::what_is_as_it_was_signed_is_quiet", quiet),
        test("signed_tensors::how_files_are_cut_and_laid_out_does_not_count", laid_out),
        test("signed_tensors::an_edited_tensor_is_named", edited),
        test("signed_tensors::tensors_and_metadata_that_come_and_go_are_told", come_and_go),
        test("signed_tensors::a_shard_without_its_signature_is_told", stripped),
        test("signed_tensors::a_chat_template_is_signed_too", template),
        test("signed_tensors::models_of_one_folder_are_told_apart", apart),
        test("signed_tensors::of_two_tensors_of_one_name_the_edited_one_counts", twice),
        test("signed_tensors::a_signature_that_does_not_hold_is_told", not_holding),
        test("signed_tensors::what_is_no_signature_is_told", no_signature),
        test("signed_tensors::a_signed_file_that_breaks_its_format_is_a_gap", broken),
        test("signed_tensors::limits_are_kept", limits),
        test("signed_tensors::the_second_scan_says_the_same", again),
    ]
}

/// A tensor: name, type, elements, bytes.
type Part<'a> = (&'a str, &'a str, u64, &'a [u8]);

const MATRIX: Part<'static> = ("layers.7.mlp.weight", "F16", 4, b"8 bytes.");
const NORM: Part<'static> = ("norm", "BF16", 2, b"bf16");
const HEAD: Part<'static> = ("head", "F32", 2, b"eight by");

const FIRST: &str = "m/model-00001-of-00002.safetensors";
const SECOND: &str = "m/model-00002-of-00002.safetensors";

/// A safetensors file.
fn file(metadata: &Value, parts: &[Part<'_>]) -> Vec<u8> {
    let mut header = Map::from_iter([("__metadata__".to_owned(), metadata.clone())]);
    let mut data = Vec::new();
    for (name, dtype, elements, bytes) in parts {
        let begin = data.len();
        data.extend_from_slice(bytes);
        let entry = json!({"dtype": dtype, "shape": [elements], "data_offsets": [begin, data.len()]});
        header.insert((*name).to_owned(), entry);
    }
    with_header(&Value::Object(header).to_string(), &data)
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn input(bytes: &[u8]) -> Input {
    Input::new(Arc::new(bytes.to_vec()), signature::limits(), Cancel::default())
}

/// The same files with one signature in all of them.
pub(crate) fn embed(files: &[Vec<u8>], format: Format, signer: &dyn Signs) -> Vec<Vec<u8>> {
    let mut content = Content::default();
    for bytes in files {
        let contents = signature::contents(&input(bytes), format).unwrap();
        for it in contents.tensors {
            let digest = Digest::of(&bytes[it.offset as usize..][..it.size as usize]);
            content.tensors.insert(it.name, Tensor { dtype: it.dtype, shape: it.shape, digest });
        }
        content.metadata.extend(contents.metadata);
    }
    let json = tensors::sign(&content, signer).unwrap().to_json();
    files.iter().map(|bytes| carrying(bytes, format, &json)).collect()
}

/// The file with this text as its signature.
fn carrying(bytes: &[u8], format: Format, json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let pieces = signature::embed(&input(bytes), format, json).unwrap();
    let mut take = |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    };
    signature::write(&input(bytes), &pieces, &mut take).unwrap();
    out
}

fn plain() -> Value {
    json!({"format": "pt"})
}

fn files() -> Vec<Vec<u8>> {
    let files = [file(&plain(), &[MATRIX, NORM]), file(&plain(), &[HEAD])];
    embed(&files, Format::Safetensors, &Holder(&KEYS[0]))
}

/// The metadata of a signed file.
fn metadata() -> Value {
    let first = &files()[0];
    let size = u64::from_le_bytes(*first.first_chunk().unwrap()) as usize;
    serde_json::from_slice::<Value>(&first[8..8 + size]).unwrap()["__metadata__"].clone()
}

/// A model of two files that carry a signature.
pub(crate) fn model(folder: Folder) -> Folder {
    let files = files();
    folder.file(FIRST, &files[0]).file(SECOND, &files[1])
}

/// The same after somebody edited a tensor and kept everything else.
pub(crate) fn altered(folder: Folder) -> Folder {
    model(folder).file(FIRST, file(&metadata(), &[("layers.7.mlp.weight", "F16", 4, b"9 bytes."), NORM]))
}

fn quiet() {
    check(&model(Folder::new()), "");
    let folder = Folder::new().file("a.safetensors", file(&plain(), &[MATRIX]));
    check(&folder.file("b.safetensors", file(&json!({"x": "\u{1}"}), &[NORM])), "");
}

fn laid_out() {
    let files = files();
    // Renamed, merged into one, cut otherwise, in another order.
    check(&Folder::new().file("x/one.safetensors", &files[1]).file("x/two.safetensors", &files[0]), "");
    check(&Folder::new().file("all.safetensors", file(&metadata(), &[HEAD, NORM, MATRIX])), "");
    let cut = [file(&metadata(), &[NORM]), file(&metadata(), &[HEAD, MATRIX])];
    check(&Folder::new().file("a.safetensors", &cut[0]).file("b.safetensors", &cut[1]), "");
    // Spaces, and letters by their numbers.
    let header = json!({
        "__metadata__": metadata(),
        "layers.7.mlp.weight": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]},
        "norm": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]},
        "head": {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]}
    });
    let spelled = |header: &Value| {
        let text = serde_json::to_string_pretty(header).unwrap();
        let other = text.replace("weighbridge.signature", "\\u0077eighbridge.\\u0073ignature");
        assert_ne!(text, other);
        other
    };
    let folder = Folder::new();
    check(&folder.file("a.safetensors", with_header(&spelled(&header), b"8 bytes.bf16eight by")), "");
    check(
        &Folder::new().file("a.safetensors", with_header(&spelled(&header), b"8 bytes.bf16height b")),
        "
        WB-S011 high the model is not as it was signed: 1 tensor changed
          at a.safetensors
          head: sha256 c4ac5b81… was signed, now 1a91730a…
          signed, as a.safetensors says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn edited() {
    check(
        &altered(Folder::new()),
        "
        WB-S011 high m is not as it was signed: 1 tensor changed
          at m/model-00001-of-00002.safetensors
          layers.7.mlp.weight: sha256 74159cfc… was signed, now 62d829fa…
          signed, as model-00001-of-00002.safetensors says, by key KEY0…; whether to believe that is not known here
        ",
    );
    // The same bytes as another type.
    let other = file(&metadata(), &[("head", "I32", 2, HEAD.3)]);
    check(
        &model(Folder::new()).file(SECOND, other),
        "
        WB-S011 high m is not as it was signed: 1 tensor changed
          at m/model-00002-of-00002.safetensors
          head: F32 [2] was signed, now I32 [2]
          signed, as model-00001-of-00002.safetensors says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn come_and_go() {
    let mut metadata = metadata();
    metadata["format"] = "tf".into();
    let parts = [("layers.8.mlp.weight", "F16", 4, MATRIX.3), ("more\u{202e}", "U8", 1, &b"x"[..])];
    check(
        &model(Folder::new()).file(FIRST, file(&metadata, &parts)),
        "
        WB-S011 high m is not as it was signed: 1 tensor renamed, 1 tensor that nobody signed, 1 key of the metadata changed, 1 tensor missing
          at m/model-00001-of-00002.safetensors
          layers.8.mlp.weight: signed as layers.7.mlp.weight
          more\\u202e: not signed
          metadata format: not the value that was signed
          norm: missing
          signed, as model-00001-of-00002.safetensors says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn stripped() {
    let told = "
        WB-S011 medium m is not as it was signed: 1 tensor missing
          at m/model-00001-of-00002.safetensors
          head: missing
          looked for in 1 file: those here that carry this signature
          signed, as model-00001-of-00002.safetensors says, by key KEY0…; whether to believe that is not known here
        ";
    check(&model(Folder::new()).file(SECOND, file(&plain(), &[HEAD])), told);
    let gone = model(Folder::new());
    fs::remove_file(gone.path().join(SECOND)).unwrap();
    check(&gone, told);
}

fn template() {
    let (signed, edited) = ("{{ messages }}", "{{ messages }}!");
    let file = embed(&[model_with_template(signed).bytes()], Format::Gguf, &Holder(&KEYS[0])).remove(0);
    let json = signature::contents(&input(&file), Format::Gguf).unwrap().signature.unwrap();
    let carrying = |model: Gguf| model.string(signature::KEY, &json).bytes();
    assert_eq!(carrying(model_with_template(signed)), file);
    check(&Folder::new().file("m.gguf", &file), "");
    check(
        &Folder::new().file("renamed", carrying(model_with_template(signed).number("general.alignment", 32))),
        "",
    );
    check(
        &Folder::new().file("m.gguf", carrying(model_with_template(edited))),
        "
        WB-S011 high the model is not as it was signed: 1 key of the metadata changed
          at m.gguf
          metadata tokenizer.chat_template: not the value that was signed
          signed, as m.gguf says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn apart() {
    let one = |key: usize, part: Part<'_>| {
        let file = file(&plain(), &[part]);
        embed(&[file], Format::Safetensors, &Holder(&KEYS[key])).remove(0)
    };
    // Two models that were signed one by one, and a copy of one.
    let folder = Folder::new()
        .file("a.safetensors", one(0, MATRIX))
        .file("b.safetensors", one(1, ("layers.7.mlp.weight", "F16", 4, b"another.")))
        .file("c.safetensors", one(1, ("layers.7.mlp.weight", "F16", 4, b"another.")));
    check(&folder, "");
    // A folder below is another model.
    let files = files();
    let report =
        weigh(&Folder::new().file("m/a.safetensors", &files[0]).file("m/sub/b.safetensors", &files[1]));
    let told: Vec<&str> = report.findings.iter().map(|it| &*it.title).collect();
    let (two, one) =
        ("m is not as it was signed: 1 tensor missing", "m/sub is not as it was signed: 2 tensors missing");
    assert_eq!(told, [two, one]);
}

fn twice() {
    for (good, bad) in [("a", "b"), ("b", "a")] {
        let folder = model(Folder::new()).file(
            format!("m/{bad}.safetensors"),
            file(&metadata(), &[("head", "F32", 2, b"edited.."), NORM]),
        );
        let folder = folder.file(format!("m/{good}.safetensors"), &files()[1]);
        let report = weigh(&folder);
        let [finding] = &*report.findings else { panic!("{:?}", report.findings) };
        assert_eq!(finding.title, "m is not as it was signed: 1 tensor changed");
        assert_eq!(report.location(finding).unwrap().0.path.as_ref(), format!("m/{bad}.safetensors"));
    }
}

/// Shows a certificate that is none.
struct Pretender;

impl Signs for Pretender {
    fn material(&self) -> Material {
        Material::Chain(vec![b"no certificate".to_vec()])
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        Holder(&KEYS[0]).sign(encoded)
    }
}

fn not_holding() {
    let file = embed(&[file(&plain(), &[MATRIX])], Format::Safetensors, &Pretender).remove(0);
    check(
        &Folder::new().file("m/w.safetensors", file),
        "
        WB-S011 high the signature inside w.safetensors does not hold
          at m/w.safetensors
          a certificate is malformed: unexpected ASN.1 DER tag: expected SEQUENCE, got APPLICATION [14] (constructed)
        ",
    );
}

fn no_signature() {
    let file = file(&json!({"weighbridge.signature": "yes, signed"}), &[MATRIX]);
    check(
        &Folder::new().file("m/w.safetensors", file),
        "
        WB-A002 medium m/w.safetensors breaks the rules of its format in 1 place
          at m/w.safetensors
          the signature inside: the bundle is malformed: expected value at line 1 column 1
        ",
    );
}

fn broken() {
    let whole = &files()[0];
    let report = weigh(&Folder::new().file("m/w.safetensors", [whole, &b"more"[..]].concat()));
    let gaps: Vec<String> = report.coverage.unread.iter().map(ToString::to_string).collect();
    assert_eq!(gaps, ["m/w.safetensors: malformed: 4 bytes after the last tensor belong to none"]);
    // Without a signature it is no gap, as before.
    let plain = file(&json!({"x": "\u{1}"}), &[MATRIX]);
    let report = weigh(&Folder::new().file("m/w.safetensors", [&*plain, b"more"].concat()));
    assert_eq!(report.coverage.unread, []);
}

fn limits() {
    let within = |facts: usize| limited(Limits { facts, ..Limits::default() });
    let report = weigh_within(&model(Folder::new()), &within(3));
    assert_eq!(report.coverage.unread, []);
    let report = weigh_within(&model(Folder::new()), &within(2));
    let reasons: Vec<&Unread> = report.coverage.unread.iter().map(|gap| &gap.reason).collect();
    assert_eq!(reasons, [&Unread::Limit(LimitKind::Facts, 2); 2]);
}

fn again() {
    let memory = Arc::new(Memory::of(Digest::of(b"this program")));
    let context = Context { cache: Some(Arc::clone(&memory) as Arc<dyn Cache>), ..context() };
    for folder in [model(Folder::new()), altered(Folder::new())] {
        let first = weigh_within(&folder, &context);
        assert_eq!(first, weigh_within(&folder, &context));
        assert_eq!(first.findings, weigh(&folder).findings);
    }
}
