//! `weighbridge fix`: tensors come out of a checkpoint equal, and nothing in it runs.

use std::collections::BTreeMap;
use std::io::Write as _;

use weighbridge_core::digest::Digest;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("tensors_come_out_equal", tensors_come_out_equal),
    ("nothing_in_the_checkpoint_runs", nothing_in_the_checkpoint_runs),
    ("a_part_can_be_chosen", a_part_can_be_chosen),
    ("nothing_is_overwritten_unasked", nothing_is_overwritten_unasked),
    ("what_cannot_be_converted_is_refused", what_cannot_be_converted_is_refused),
    ("a_lying_checkpoint_writes_nothing", a_lying_checkpoint_writes_nothing),
    ("a_module_gives_its_parameters", a_module_gives_its_parameters),
    ("a_keras_lambda_is_named_and_refused", a_keras_lambda_is_named_and_refused),
];

/// A pickle under construction, in the opcodes that `torch.save` uses.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&u32::try_from(text.len()).unwrap().to_le_bytes()).raw(text.as_bytes())
    }

    fn int(self, value: i32) -> Self {
        self.raw(b"J").raw(&value.to_le_bytes())
    }

    fn ints(self, values: &[i32]) -> Self {
        values.iter().fold(self.raw(b"("), |pickle, value| pickle.int(*value)).raw(b"t")
    }

    /// `_rebuild_tensor_v2(storage, first, shape, strides, False, OrderedDict())`.
    fn tensor(self, class: &str, key: &str, count: i32, first: i32, shape: &[i32], strides: &[i32]) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"((")
            .text("storage")
            .global("torch", class)
            .text(key)
            .text("cpu")
            .int(count)
            .raw(b"tQ")
            .int(first)
            .ints(shape)
            .ints(strides)
            .raw(b"\x89")
            .global("collections", "OrderedDict")
            .raw(b")RtR")
    }
}

/// A checkpoint in the zip layout: an object, and storages by key.
fn checkpoint(object: Pickle, storages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut member = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("m/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    member("data.pkl", &Pickle::default().raw(b"\x80\x02").raw(&object.0).raw(b".").0);
    member("byteorder", b"little");
    for (key, bytes) in storages {
        member(&format!("data/{key}"), bytes);
    }
    member("version", b"3\n");
    zip.finish().unwrap().into_inner()
}

fn floats(count: u8) -> Vec<u8> {
    (0..count).flat_map(|value| f32::from(value).to_le_bytes()).collect()
}

/// A state dictionary: a matrix, the same one transposed, half of a vector, and a number of epochs.
fn state() -> Pickle {
    Pickle::default()
        .raw(b"}(")
        .text("w")
        .tensor("FloatStorage", "0", 6, 0, &[2, 3], &[3, 1])
        .text("w_t")
        .tensor("FloatStorage", "0", 6, 0, &[3, 2], &[1, 3])
        .text("half")
        .tensor("LongStorage", "1", 4, 2, &[2], &[1])
        .text("epoch")
        .int(7)
        .raw(b"u")
}

fn storages() -> (Vec<u8>, Vec<u8>) {
    (floats(6), (1..=4i64).flat_map(i64::to_le_bytes).collect())
}

/// The tensors of a safetensors file: type, shape and bytes by name.
fn read(bytes: &[u8]) -> BTreeMap<String, (String, String, Vec<u8>)> {
    let size = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    tensors
        .map(|(name, tensor)| {
            let offset =
                |index: usize| usize::try_from(tensor["data_offsets"][index].as_u64().unwrap()).unwrap();
            let part = bytes[8 + size + offset(0)..8 + size + offset(1)].to_vec();
            let dtype = tensor["dtype"].as_str().unwrap().to_owned();
            (name.clone(), (dtype, tensor["shape"].to_string(), part))
        })
        .collect()
}

fn tensors_come_out_equal() {
    let world = World::new();
    let (numbers, longs) = storages();
    world.write("model.pt", checkpoint(state(), &[("0", &numbers), ("1", &longs)]));
    world.run("fix model.pt --proof proof.json").ends(0).shows(&[
        "model.pt → model.safetensors",
        "3 tensors",
        "nothing was loaded",
        "epoch (a number)",
    ]);
    let written = std::fs::read(world.path("model.safetensors")).unwrap();
    let transposed: Vec<u8> = [0u8, 3, 1, 4, 2, 5].iter().flat_map(|v| f32::from(*v).to_le_bytes()).collect();
    let half: Vec<u8> = [3i64, 4].iter().flat_map(|value| value.to_le_bytes()).collect();
    let expected = BTreeMap::from([
        ("w".to_owned(), ("F32".to_owned(), "[2,3]".to_owned(), numbers)),
        ("w_t".to_owned(), ("F32".to_owned(), "[3,2]".to_owned(), transposed)),
        ("half".to_owned(), ("I64".to_owned(), "[2]".to_owned(), half.clone())),
    ]);
    assert_eq!(read(&written), expected);
    let proof: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.path("proof.json")).unwrap()).unwrap();
    assert_eq!(proof["tensors"][0]["name"], "half");
    assert_eq!(proof["tensors"][0]["sha256"], Digest::of(&half).to_string());
    // What was written is a file without any finding.
    world.run("scan model.safetensors").ends(0);
}

fn nothing_in_the_checkpoint_runs() {
    let world = World::new();
    let (numbers, longs) = storages();
    let mark = world.path("it-ran");
    let object = Pickle::default()
        .global("posix", "system")
        .raw(b"(")
        .text(&format!("touch {}", mark.display()))
        .raw(b"tR0")
        .raw(&state().0);
    world.write("model.pt", checkpoint(object, &[("0", &numbers), ("1", &longs)]));
    world.run("scan model.pt").ends(1).shows(&["posix.system", "weighbridge fix model.pt"]);
    world.run("fix model.pt").ends(0).shows(&["3 tensors", "loading model.pt runs posix.system("]);
    assert!(!mark.exists());
    assert_eq!(read(&std::fs::read(world.path("model.safetensors")).unwrap()).len(), 3);
}

fn a_part_can_be_chosen() {
    let world = World::new();
    let (numbers, longs) = storages();
    let object = Pickle::default().raw(b"}(").text("state_dict").raw(&state().0).raw(b"u");
    world.write("model.ckpt", checkpoint(object, &[("0", &numbers), ("1", &longs)]));
    world.run("fix model.ckpt -o all.safetensors").ends(0).shows(&["--below state_dict"]);
    world.run("fix model.ckpt -o part.safetensors --below state_dict").ends(0);
    let names = |file: &str| {
        let tensors = read(&std::fs::read(world.path(file)).unwrap());
        tensors.into_keys().collect::<Vec<String>>()
    };
    assert_eq!(names("all.safetensors"), ["state_dict.half", "state_dict.w", "state_dict.w_t"]);
    assert_eq!(names("part.safetensors"), ["half", "w", "w_t"]);
    world.run("fix model.ckpt -o none.safetensors --below optimizer").ends(3).says(&["below `optimizer`"]);
}

fn nothing_is_overwritten_unasked() {
    let world = World::new();
    let (numbers, longs) = storages();
    world.write("model.pt", checkpoint(state(), &[("0", &numbers), ("1", &longs)]));
    world.write("model.safetensors", "precious");
    world.run("fix model.pt").ends(2).says(&["`model.safetensors` exists", "--force"]);
    assert_eq!(std::fs::read(world.path("model.safetensors")).unwrap(), b"precious");
    world.run("fix model.pt --force").ends(0);
    assert_eq!(read(&std::fs::read(world.path("model.safetensors")).unwrap()).len(), 3);
}

fn what_cannot_be_converted_is_refused() {
    let world = World::new();
    world.write("list.pkl", b"\x80\x02]q\x00K\x01a.");
    world.run("fix list.pkl").ends(1).says(&["`list.pkl` is a pickle of objects"]);
    world.write("notes.txt", "nothing");
    world.run("fix notes.txt").ends(3);
    world.run("fix absent.pt").ends(2).says(&["does not exist"]);
    let (numbers, _) = storages();
    let quantised =
        Pickle::default().raw(b"}(").text("q").tensor("QInt8Storage", "0", 24, 0, &[24], &[1]).raw(b"u");
    world.write("quantised.pt", checkpoint(quantised, &[("0", &numbers)]));
    world.run("fix quantised.pt").ends(3).says(&["no tensor that could be rescued"]);
    let mixed = Pickle::default()
        .raw(b"}(")
        .text("w")
        .tensor("FloatStorage", "0", 6, 0, &[6], &[1])
        .text("q")
        .tensor("QInt8Storage", "0", 24, 0, &[24], &[1])
        .raw(b"u");
    world.write("mixed.pt", checkpoint(mixed, &[("0", &numbers)]));
    world.run("fix mixed.pt").ends(4).shows(&["1 tensor", "not rescued: q (a tensor of `QInt8Storage`"]);
}

fn a_lying_checkpoint_writes_nothing() {
    let world = World::new();
    let (numbers, longs) = storages();
    for (name, object) in [
        ("beyond.pt", Pickle::default().tensor("FloatStorage", "0", 6, 1, &[2, 3], &[3, 1])),
        ("absent.pt", Pickle::default().tensor("FloatStorage", "9", 6, 0, &[2, 3], &[3, 1])),
        ("wrapped.pt", Pickle::default().tensor("FloatStorage", "0", 6, 0, &[i32::MAX; 4], &[1, 1, 1, 1])),
        ("shapeless.pt", Pickle::default().tensor("FloatStorage", "0", 6, 0, &[2, 3], &[1])),
    ] {
        world.write(name, checkpoint(object, &[("0", &numbers), ("1", &longs)]));
        world.run(&format!("fix {name} -o out.safetensors")).ends(3);
    }
    // Six numbers that would take four gigabytes.
    let expanded = Pickle::default().tensor("FloatStorage", "0", 6, 0, &[1 << 15, 1 << 15], &[0, 0]);
    world.write("expanded.pt", checkpoint(expanded, &[("0", &numbers)]));
    world.run("fix expanded.pt -o out.safetensors").ends(1).says(&["far more than"]);
    let twice = Pickle::default()
        .raw(b"}(")
        .text("a.b")
        .tensor("FloatStorage", "0", 6, 0, &[6], &[1])
        .text("a")
        .raw(b"}(")
        .text("b")
        .tensor("FloatStorage", "0", 6, 0, &[6], &[1])
        .raw(b"uu");
    world.write("twice.pt", checkpoint(twice, &[("0", &numbers)]));
    world.run("fix twice.pt -o out.safetensors").ends(1).says(&["two tensors are called `a.b`"]);
    assert!(!world.path("out.safetensors").exists());
    let left: Vec<_> = std::fs::read_dir(world.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".weighbridge-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A whole module: its own parameters, and those of the modules in it.
fn a_module_gives_its_parameters() {
    let world = World::new();
    let (numbers, _) = storages();
    let module = |pickle: Pickle, name: &str, inner: &[u8]| {
        pickle.global("shop.models", name).raw(b")\x81}(").text("training").raw(b"\x88").raw(inner).raw(b"ub")
    };
    let parameter = |pickle: Pickle, name: &str| {
        pickle
            .text("_parameters")
            .raw(b"}")
            .text(name)
            .global("torch._utils", "_rebuild_parameter")
            .raw(b"(")
            .tensor("FloatStorage", "0", 6, 0, &[6], &[1])
            .raw(b"\x88")
            .global("collections", "OrderedDict")
            .raw(b")RtRs")
    };
    let layer = module(Pickle::default(), "Layer", &parameter(Pickle::default(), "weight").0);
    let inner = parameter(Pickle::default(), "scale")
        .text("_modules")
        .raw(b"}")
        .text("first")
        .raw(&layer.0)
        .raw(b"s");
    let whole = module(Pickle::default(), "Net", &inner.0);
    world.write("net.pt", checkpoint(whole, &[("0", &numbers)]));
    world.run("fix net.pt").ends(0).shows(&["2 tensors"]);
    let names: Vec<String> =
        read(&std::fs::read(world.path("net.safetensors")).unwrap()).into_keys().collect();
    assert_eq!(names, ["first.weight", "scale"]);
}

fn a_keras_lambda_is_named_and_refused() {
    let world = World::new();
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let config = r#"{"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": [
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "halve", "function":
            {"class_name": "__lambda__", "config": {"code": "AAAA", "defaults": null, "closure": null}}}}]}}"#;
    for (name, text) in [("metadata.json", r#"{"keras_version": "3.7.0"}"#), ("config.json", config)] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    world.write("m.keras", zip.finish().unwrap().into_inner());
    world.run("fix m.keras").ends(1).says(&["`halve`", "Python bytecode", "a class of your own package"]);
    assert!(!world.path("m.safetensors").exists());
}
