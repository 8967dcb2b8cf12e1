//! Every reader on seeded mutations of seeds: it may complain about anything, and must not panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Tensor;
use weighbridge_read::{READERS, fuzz, package};
use weighbridge_trust::attest::{self, Claim};
use weighbridge_trust::bundle::Material;
use weighbridge_trust::digests::{Algorithm, Bytes};
use weighbridge_trust::oms::{self, Age, Manifest, Method, Piece, Signs};
use weighbridge_trust::tensors::{self, Content};

/// Mutations of each seed.
const ROUNDS: usize = 300;

/// Where the seeds are written for the fuzz targets, a folder for each; nowhere if it is not set.
const CORPUS: &str = "WEIGHBRIDGE_TEST_CORPUS";

pub(crate) fn trials() -> Vec<Trial> {
    let run = |id: &'static str| {
        Trial::test(format!("smoke::{id}"), move || {
            smoke(id);
            Ok(())
        })
    };
    READERS.iter().map(|reader| run(reader.about().id)).collect()
}

fn smoke(id: &str) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let seeds = seeds(id);
    assert!(!seeds.is_empty(), "`{id}` has no seed");
    if let Some(corpus) = std::env::var_os(CORPUS) {
        store(&Path::new(&corpus).join(id.replace('-', "_")), &seeds);
    }
    for seed in &seeds {
        fuzz::run(id, seed);
        for _ in 0..ROUNDS {
            fuzz::run(id, &random.mutate(seed));
        }
    }
}

/// Writes the seeds where the fuzz target begins.
fn store(folder: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
    }
}

/// Small files of each format: those of the example project, those of the package readers, and a few bytes of ours.
fn seeds(id: &str) -> Vec<Vec<u8>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fraud-vision");
    let file = |path: &str| fs::read(example.join(path)).unwrap();
    let mut seeds: Vec<Vec<u8>> = package::seeds::seeds(id).iter().map(|(_, seed)| seed.to_vec()).collect();
    match id {
        "hdf5" => {
            for file in [crate::hdf5_builder::Hdf5::classic(), crate::hdf5_builder::Hdf5::modern()] {
                seeds.push(crate::hdf5::everything(file));
            }
        }
        "keras-config" => {
            seeds.push(br#"{"class_name": "Model", "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["AAAA"]}}]}}"#.to_vec());
        }
        "dataset" => seeds.push(b"PAR1 and the end PAR1".to_vec()),
        "hub-config" => seeds.push(
            br#"{"auto_map": {"AutoModel": "a/b--m.M"}, "t": {"_attn_implementation_internal": "x/y"}}"#.to_vec(),
        ),
        "torchserve" => seeds.push(br#"{"model": {"handler": "h.py:f", "modelFile": "m.py"}}"#.to_vec()),
        "yaml-config" => seeds.push(
            b"%TAG !p! tag:yaml.org,2002:python/\n--- &a\nb: !p!object/apply:os.system [id]\n_target_: x.y\nc: *a\n".to_vec(),
        ),
        "python" => {
            seeds.push(b"import a.b as c, d\nfrom e import (f,\n  g)\nx = \"\"\"from h import i\"\"\"  # import j\n".to_vec());
            seeds.push(br#"{"cells": [{"cell_type": "code", "source": ["import k\n", "%pip install l"]}]}"#.to_vec());
        }
        "native" => {
            use crate::binary_builder::{Binary, elf, fat, mach_o, pe};
            let binary = Binary {
                name: "libz.so.1",
                needs: &["liba.so", "libc.so.6"],
                defines: &["zlibVersion", "PyInit_a"],
                asks: &["OpenSSL_version"],
                texts: &[" deflate 1.2.12 Copyright", "OpenSSL 3.0.7 1 Nov 2022"],
                search: "$ORIGIN",
                version: "1.2.12.0",
                debug: "libz.so.1-1.2.12-1.el8.x86_64.debug",
            };
            seeds.extend([elf(&binary), pe(&binary), mach_o(&binary), fat(&[mach_o(&binary)])]);
        }
        "model-lock" => seeds.push(LOCK.to_vec()),
        "attestations" => seeds.push([attestation(), attestation(), b"{}\n".to_vec()].concat()),
        "model-signature" => seeds.push(signature()),
        "rpm-database" => seeds.extend(crate::package_rpm::seeds().into_iter().map(|(_, seed)| seed)),
        "npy" => seeds.push(file("data/labels.npy")),
        "onnx" => seeds.push(crate::onnx::seed()),
        "cntk" => seeds.push(crate::protobuf_formats::cntk_seed()),
        "coreml" => seeds.push(crate::protobuf_formats::coreml_seed()),
        "paddle" => seeds.push(crate::protobuf_formats::paddle_seed()),
        "paddle-json" => seeds.push(crate::protobuf_formats::paddle_json_seed()),
        "paddle-parameters" => seeds.push(crate::protobuf_models::parameters(&[2, 3], &[0; 24])),
        "keras-metadata" => seeds.push(crate::tensorflow::metadata_seed()),
        "tensorflow" => seeds.push(crate::tensorflow::seed()),
        "tensorflow-index" => seeds.push(crate::tensorflow::index_seed()),
        "tensor-data" => seeds.push(vec![0; 8]),
        "safetensors" => {
            seeds.push(file("models/embedding.safetensors"));
            // A tensor that begins behind the end.
            let header = br#"{"a":{"dtype":"F16","shape":[40],"data_offsets":[320,400]}}"#;
            seeds.push([&(header.len() as u64).to_le_bytes(), header.as_slice()].concat());
            // One that carries a signature.
            let signature = embedded().replace('"', "\\\"");
            let header = format!(
                r#"{{"__metadata__":{{"weighbridge.signature":"{signature}"}},"a":{{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}}}"#
            );
            seeds.push([&(header.len() as u64).to_le_bytes(), header.as_bytes(), b"ab"].concat());
        }
        "zip" => {
            seeds.push(file("models/classifier.pt"));
            // A directory without members that lies behind the end.
            let mut archive = crate::zip_builder::Archive::default().stored("a", b"b").bytes();
            let end = archive.len() - 22;
            archive[end + 8..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
            seeds.push(archive);
        }
        "pickle" => seeds.push(file("models/encoder.pkl")),
        "pytorch-legacy" => {
            // The magic number, the protocol version, then what any pickle may hold.
            let magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
            seeds.push([&magic[..], b"\x80\x02}.\x80\x02}.\x80\x02].\x00\x00"].concat());
        }
        "skops" => {
            let node = crate::small_builders::skops_node;
            let inner = node("FunctionNode", "os", "system", "");
            seeds.push(node("ListNode", "builtins", "list", &format!("\"content\": [{inner}]")).into_bytes());
        }
        "xgboost" => {
            seeds.push(
                crate::small_builders::xgboost("[1,-1,-1]", "[2,-1,-1]", "[3,0,0]", "\"a\":\"b\"")
                    .into_bytes(),
            );
            seeds.push(crate::small_builders::xgboost_ubj(&[1, -1, -1], &[2, -1, -1]));
        }
        "lightgbm" => seeds.push(crate::small_builders::lightgbm("1 -1", "-2 -3", "2 0").into_bytes()),
        "catboost" => seeds.push(crate::small_builders::catboost("params", "{}")),
        "mxnet" => {
            seeds.push(crate::small_builders::mxnet_array(&[2, 3], 24));
            seeds.push(crate::small_builders::mxnet_graph("Custom", "\"op_type\": \"a\"").into_bytes());
        }
        "openvino" => {
            let layer = r#"<layer type="ReLU" version="opset1"><data offset="0" size="4"/></layer>"#;
            seeds.push(crate::small_builders::openvino(layer).into_bytes());
        }
        "pmml" => {
            let doctype =
                "<!DOCTYPE PMML SYSTEM 'a' [<!ENTITY % x SYSTEM 'b'> %x; <!ENTITY y '&z;'> <!-- -->]>";
            seeds.push(crate::small_builders::pmml(doctype, "<Apply function='&lt;'/>").into_bytes());
        }
        "flax" => seeds.push(crate::small_builders::flax(Some(42))),
        "zarr" => {
            seeds.push(b"{\"codecs\": [\"bytes\", {\"name\": \"pickle\"}], \"x\": [1.5e3, null]}".to_vec())
        }
        "orbax" => seeds.push(b"{\"tree_metadata\": {}}".to_vec()),
        "torch7" => {
            seeds.push(crate::small_builders::torch7("nn.Linear", b"\x06\0\0\0\x02\0\0\0ab\0\0\0\0"));
            seeds.push(b"4\n1\n3\nV 1\n9\nnn.Linear\n3\n2\n1\n2\n1\nx\n1\n0.5\n".to_vec());
        }
        "matlab" => seeds.push(crate::small_builders::matlab(17, &["o", "MCOS", "Mine"])),
        "r-data" => {
            let list = crate::small_builders::Xdr::new().int(19 | 1 << 9).int(2).closure("paste", "a");
            seeds.push(list.promise("system", "id").variable("names").null().null().bytes());
            seeds.push(b"A\n2\n262658\n131840\n19\n3\n15\n1\n1.5\nNA\n24\n1\n0a\n16\n1\n9\n1\na\n".to_vec());
        }
        "compressed" => seeds.push(b"\x1f\x8b\x08\x08 and whatever follows".to_vec()),
        "seven-zip" => {
            let archive = crate::sevenz_builder::Archive::usual(&[("a", b"b"), ("c", b"d")]);
            seeds.push(archive.bytes());
            seeds.push(crate::sevenz_builder::Archive { packs_header: false, ..archive }.bytes());
        }
        "known" => seeds.push(b"RKNN\x03\x00\x00\x00".to_vec()),
        "executable" => seeds.push(crate::executable::llamafile(b"MZqFpD='\n")),
        "ggml" => seeds.push(crate::executable::ggjt(&[32, 2], 2, 36)),
        "gguf" => {
            seeds.push(crate::gguf_builder::model("{{ x }}").bytes());
            seeds.push(crate::gguf_builder::Gguf::new().big_endian().tensor("a", &[32], 8, 34).bytes());
            seeds.push(crate::gguf_builder::model("x").string("weighbridge.signature", &embedded()).bytes());
        }
        "hub-templates" => {
            seeds.push(br#"{"chat_template": [{"name": "default", "template": "{{ x }}"}]}"#.to_vec());
        }
        "jinja" => seeds.push(crate::jinja::SEED.as_bytes().to_vec()),
        "tflite" => {
            let kinds = [crate::tflite::kind(0, ""), crate::tflite::kind(32, "FlexAbs")];
            seeds.push(crate::tflite::model(&kinds, &[2, 3], &[0; 24]));
        }
        "executorch" => seeds.push(crate::tflite::program(&["aten::add"], &["XnnpackBackend"], (0, 64))),
        "torch-distributed" => {
            let item = crate::zip_builder::Archive::default().stored("archive/data.pkl", b"N.").bytes();
            seeds.push([item.clone(), item].concat());
        }
        "torch-export" => {
            let text = r#"{"nodes": [{"target": "torch.ops.aten.add.Tensor", "a": {"expr_str": "2*s0 + f(1)"}}],
                "guards_code": ["L['x'].size()[0] == 1"]}"#;
            seeds.push(text.as_bytes().to_vec());
        }
        "torchscript" => {
            let code = "class A(Module):\n  w : Tensor\n  def f(s: __torch__.A) -> int:\n    # no\n    \
                        return (torch.add(ops.x.y(s.w), 1.5e3)).save('''a\\n''', getattr(s, \"0\"))\n";
            seeds.push(code.as_bytes().to_vec());
        }
        "torchscript-mobile" => seeds.push(b"(X\x0a\0\0\0aten::save\x8c\x03a::b(".to_vec()),
        "tar" => seeds.push(crate::tar::archive(&[crate::tar::Entry::file("a", b"b")])),
        _ => {}
    }
    seeds
}

/// xorshift64: the same mutations every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                return bytes;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => bytes.truncate(at),
                3 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, part);
                }
                _ => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        bytes
    }
}

/// One model with everything that can be said of it; a mutation mostly breaks the digest, and sometimes something before it.
const LOCK: &[u8] = br#"version = 1

[[model]]
source = "hf://org/name"
kind = "adapter"
revision = "main"
digest = "weighbridge1:f3d1"
approved = "2026-11-26"
reason = "x"
signature-required = true
signer = { method = "sigstore", identity = "a@b.example", issuer = "https://c.example", first-seen = "2026-11-26", signature = "model.sig" }
scan = { verdict = "none", advisories = "2026-11-20", tool = "0.1.0", date = "2026-11-26" }
grants = [{ allow = "a.b", reason = "c", until = "2027-01-01" }]
files = [
  { path = "a", size = 1, sha256 = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865" },
]
"#;

/// Somebody who has no key.
struct Nobody;

impl Signs for Nobody {
    fn material(&self) -> Material {
        Material::Key("00".repeat(32))
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Ok(vec![0x30, 6, 2, 1, 1, 2, 1, 1])
    }
}

/// A signature by him.
fn signature() -> Vec<u8> {
    oms::sign(&manifest(), &Nobody).unwrap().to_json().into_bytes()
}

/// The same over a tensor.
fn embedded() -> String {
    let tensor = Tensor { dtype: "F16".to_owned(), shape: vec![1], digest: Digest::of(b"ab") };
    let content = Content { tensors: BTreeMap::from([("a".to_owned(), tensor)]), ..Content::default() };
    tensors::sign(&content, &Nobody).unwrap().to_json()
}

/// A line with something that he attests.
fn attestation() -> Vec<u8> {
    let payload = Claim::statement(&manifest(), "https://a.example/b", serde_json::Value::Null);
    format!("{}\n", attest::sign(payload, &Nobody).unwrap().to_json()).into_bytes()
}

fn manifest() -> Manifest {
    let piece = Piece { start: 0, end: None, digest: Bytes(vec![7; 32]) };
    Manifest {
        name: "m".to_owned(),
        age: Age::Current,
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: vec!["model.sig".to_owned()],
        files: BTreeMap::from([("a".to_owned(), vec![piece.clone()]), ("b/c".to_owned(), vec![piece])]),
    }
}
