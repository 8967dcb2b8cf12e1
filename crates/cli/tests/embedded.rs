//! `weighbridge sign --embed`, `verify --embedded`: signatures inside the files of a model.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Map, Value, json};

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[
    ("a_model_carries_its_signature", a_model_carries_its_signature),
    ("what_is_edited_in_a_model_is_named", what_is_edited_in_a_model_is_named),
    ("a_signature_survives_what_changes_no_content", a_signature_survives_what_changes_no_content),
    ("what_was_not_signed_is_told", what_was_not_signed_is_told),
    ("files_that_contradict_each_other_are_refused", files_that_contradict_each_other_are_refused),
    (
        "a_trust_policy_asks_for_a_signature_over_the_files",
        a_trust_policy_asks_for_a_signature_over_the_files,
    ),
    ("what_cannot_carry_a_signature_is_left_alone", what_cannot_carry_a_signature_is_left_alone),
    ("a_signature_over_files_is_none_over_tensors", a_signature_over_files_is_none_over_tensors),
    ("an_embedded_answer_fits_its_schema", an_embedded_answer_fits_its_schema),
];

/// A tensor: name, type, elements, bytes.
type Tensor<'a> = (&'a str, &'a str, u64, &'a [u8]);

const MATRIX: Tensor<'static> = ("layers.7.mlp.weight", "F16", 4, b"8 bytes.");
const NORM: Tensor<'static> = ("norm", "BF16", 2, b"bf16");
const HEAD: Tensor<'static> = ("head", "F32", 2, b"eight by");

fn file(metadata: &Value, tensors: &[Tensor<'_>]) -> Vec<u8> {
    let mut header = Map::from_iter([("__metadata__".to_owned(), metadata.clone())]);
    let mut data = Vec::new();
    for (name, dtype, elements, bytes) in tensors {
        let begin = data.len();
        data.extend_from_slice(bytes);
        let entry = json!({"dtype": dtype, "shape": [elements], "data_offsets": [begin, data.len()]});
        header.insert((*name).to_owned(), entry);
    }
    let header = Value::Object(header).to_string();
    [&u64::try_from(header.len()).unwrap().to_le_bytes(), header.as_bytes(), &data].concat()
}

/// The metadata of a file, with the signature if it has one.
fn metadata(world: &World, name: &str) -> Value {
    let bytes = fs::read(world.path(name)).unwrap();
    let size = usize::try_from(u64::from_le_bytes(*bytes.first_chunk().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
    header["__metadata__"].clone()
}

const FIRST: &str = "model/model-00001-of-00002.safetensors";
const SECOND: &str = "model/model-00002-of-00002.safetensors";
const VERIFY: &str = "verify model --public-key k.pub";

/// A model of two files with an index, and a key; not signed.
fn unsigned() -> World {
    let world = World::new();
    let plain = json!({"format": "pt"});
    world.write(FIRST, file(&plain, &[MATRIX, NORM])).write(SECOND, file(&plain, &[HEAD]));
    let index = json!({"weight_map": {
        "layers.7.mlp.weight": "model-00001-of-00002.safetensors",
        "norm": "model-00001-of-00002.safetensors",
        "head": "model-00002-of-00002.safetensors"
    }});
    world.write("model/model.safetensors.index.json", index.to_string()).write("model/config.json", "{}");
    world.run("key generate k").ends(0);
    world
}

/// The same, signed.
fn signed() -> World {
    let world = unsigned();
    world.run("sign model --key k --embed").ends(0);
    world
}

fn read(world: &World) -> [Vec<u8>; 2] {
    [FIRST, SECOND].map(|name| fs::read(world.path(name)).unwrap())
}

fn a_model_carries_its_signature() {
    let world = unsigned();
    world.run(VERIFY).ends(3).shows(&["model  unsigned"]);
    world.run("verify model --public-key k.pub --embedded").ends(3);
    let said = ["signed 3 tensors in 2 files", "by key", "in model/model-00002-of-00002.safetensors"];
    world.run("sign model --key k --embed").ends(0).says(&said);
    let verified = world.run(VERIFY).ends(0);
    let lines: Vec<&str> = verified.out.lines().collect();
    let [first, by, tensors, others] = &*lines else { panic!("{lines:?}") };
    assert_eq!(*first, "model  verified, the tensors alone");
    assert!(by.starts_with("  signed by key ") && by.ends_with("… (P-256)"), "{by}");
    assert_eq!(*tensors, "  3 tensors as signed (sha256)");
    assert_eq!(*others, "  not signed: config.json, model.safetensors.index.json");
    // One signature in every file, which says the same once more.
    let [one, other] = [FIRST, SECOND].map(|name| metadata(&world, name));
    assert_eq!(one, other);
    assert_eq!(one["format"], "pt");
    let before = read(&world);
    world.run("sign model --key k --embed").ends(0);
    assert_eq!(read(&world), before);
    assert_eq!(
        world.names("model"),
        ["config.json", &FIRST[6..], &SECOND[6..], "model.safetensors.index.json"]
    );
    // Somebody else signs in place of the first; then the first again.
    world.run("key generate other").ends(0);
    world.run("sign model --key other --embed").ends(0);
    world.run(VERIFY).ends(1).shows(&["signature invalid"]);
    world.run("verify model --public-key other.pub").ends(0);
    world.run("sign model --key k --embed").ends(0);
    assert_eq!(read(&world), before);
    // A signature over files beside it counts first, and takes in the other.
    world.run("sign model --key k").ends(0);
    world.run(VERIFY).ends(0).shows(&["4 files as signed"]);
    world.run("verify model --public-key k.pub --embedded").ends(0).shows(&["3 tensors as signed"]);
    world
        .run("sign model --key other --embed")
        .ends(0)
        .says(&["model/model.sig speaks of the files as they were"]);
    world.run(VERIFY).ends(1).shows(&["changed   model-00001"]);
}

fn a_signature_over_files_is_none_over_tensors() {
    let world = unsigned();
    world.run("sign model --key k").ends(0);
    let signature = fs::read_to_string(world.path("model/model.sig")).unwrap();
    fs::remove_file(world.path("model/model.sig")).unwrap();
    let says = "the signed statement is one of model files (OpenSSF Model Signing), not of tensors";
    let carrying = json!({"weighbridge.signature": signature});
    world.write(FIRST, file(&carrying, &[MATRIX, NORM])).write(SECOND, file(&carrying, &[HEAD]));
    world.run(VERIFY).ends(1).shows(&["NOT VERIFIED", says]);
    world.run("scan model").ends(4).shows(&["the signature inside:", "(OpenSSF Model Signing)"]);
}

fn what_is_edited_in_a_model_is_named() {
    let world = signed();
    let metadata = metadata(&world, FIRST);
    let second = fs::read(world.path(SECOND)).unwrap();
    let check = |first: Vec<u8>, shows: &[&str]| {
        world.write(FIRST, first);
        fs::remove_file(world.path("model/model.safetensors.index.json")).unwrap_or_default();
        world.run(VERIFY).ends(1).shows(&["NOT VERIFIED", "the model is not as it was signed"]).shows(shows);
    };
    // Every byte of the data.
    let sound = file(&metadata, &[MATRIX, NORM]);
    for at in 0..12 {
        let mut changed = sound.clone();
        let place = changed.len() - 12 + at;
        changed[place] ^= 1;
        let name = if at < 8 { MATRIX.0 } else { NORM.0 };
        check(changed, &[&format!("  changed   {name}\n"), "  2 tensors as signed"]);
    }
    check(file(&metadata, &[MATRIX]), &["  missing   norm\n"]);
    check(
        file(&metadata, &[MATRIX, NORM, ("new", "U8", 1, b"x")]),
        &["  extra     new\n", "3 tensors as signed"],
    );
    check(
        file(&metadata, &[MATRIX, ("norms", NORM.1, NORM.2, NORM.3)]),
        &["  renamed   norms\n", "signed as norm"],
    );
    check(
        file(&metadata, &[MATRIX, ("norm", "F16", 2, NORM.3)]),
        &["changed   norm", "signed BF16 [2]", "is     F16 [2]"],
    );
    let mut other = metadata.clone();
    other["format"] = json!("tf");
    check(file(&other, &[MATRIX, NORM]), &["  changed   metadata format\n"]);
    let mut other = metadata.clone();
    other["more"] = json!("");
    check(file(&other, &[MATRIX, NORM]), &["  extra     metadata more\n"]);
    world.run("scan model").ends(1).shows(&[
        "WB-S011",
        "1 key of the metadata changed",
        "metadata more: not signed",
    ]);
    world.write(FIRST, &sound);
    world.run(VERIFY).ends(0);
    world.run("scan model").ends(0);
    fs::remove_file(world.path(FIRST)).unwrap();
    world.run(VERIFY).ends(1).shows(&[
        "missing   layers.7.mlp.weight",
        "missing   norm",
        "1 tensor as signed",
    ]);
    assert_eq!(fs::read(world.path(SECOND)).unwrap(), second);
}

fn a_signature_survives_what_changes_no_content() {
    let world = signed();
    let metadata = metadata(&world, FIRST);
    world.write("whole.safetensors", file(&metadata, &[HEAD, NORM, MATRIX]));
    world.run("verify whole.safetensors --public-key k.pub").ends(0);
    fs::rename(world.path("whole.safetensors"), world.path("renamed.bin")).unwrap();
    world.run("verify renamed.bin --public-key k.pub").ends(0).shows(&["renamed.bin  verified", "3 tensors"]);
    for (number, tensor) in [NORM, MATRIX, HEAD].into_iter().enumerate() {
        // A tool that writes the metadata into the first file only.
        let metadata = if number == 0 { metadata.clone() } else { json!({}) };
        world.write(&format!("sharded/{number}.safetensors"), file(&metadata, &[tensor]));
    }
    world.run("verify sharded --public-key k.pub").ends(0).shows(&["3 tensors as signed"]);
    world.write("spaced.safetensors", {
        let bytes = file(&metadata, &[MATRIX, NORM, HEAD]);
        let size = usize::try_from(u64::from_le_bytes(*bytes.first_chunk().unwrap())).unwrap();
        let header: Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
        let header = format!("{}   ", serde_json::to_string_pretty(&header).unwrap());
        [&u64::try_from(header.len()).unwrap().to_le_bytes(), header.as_bytes(), &bytes[8 + size..]].concat()
    });
    world.run("verify spaced.safetensors --public-key k.pub").ends(0);
}

fn what_was_not_signed_is_told() {
    let world = signed();
    world.write("model/modeling.py", "print(1)");
    world.run(VERIFY).ends(1).shows(&["files that nobody signed can run", "can run   modeling.py"]);
    world.run("verify model --public-key k.pub --allow-unsigned-files").ends(0);
    fs::remove_file(world.path("model/modeling.py")).unwrap();
    // A loader may take a checkpoint in place of the tensors.
    world.write("model/pytorch_model.bin", b"\x80\x04N.");
    world.run(VERIFY).ends(1).shows(&["can run   pytorch_model.bin"]);
    fs::remove_file(world.path("model/pytorch_model.bin")).unwrap();
    // Another file of tensors is part of the model, whoever put it there.
    world.write("model/more.safetensors", file(&json!({}), &[("more", "U8", 1, b"x")]));
    world.run("verify model --public-key k.pub --allow-unsigned-files").ends(1).shows(&["extra     more"]);
    fs::remove_file(world.path("model/more.safetensors")).unwrap();
    // A folder below is another model.
    world.write("model/below/more.safetensors", file(&json!({}), &[("more", "U8", 1, b"x")]));
    world.run(VERIFY).ends(0).shows(&["not signed: below/more.safetensors, config.json"]);
}

fn files_that_contradict_each_other_are_refused() {
    let world = signed();
    let metadata = metadata(&world, FIRST);
    let [first, second] = read(&world);
    world.write(FIRST, file(&metadata, &[MATRIX, NORM, HEAD]));
    world.run(VERIFY).ends(1).shows(&["tensor `head` lies in", "and in another file"]);
    world.run("sign model --key k --embed").ends(1).says(&["tensor `head` lies in"]);
    // A header that breaks a rule: loaders disagree on what is in it.
    world.write(FIRST, [&first[..], b"x"].concat());
    world.run(VERIFY).ends(1).shows(&["after the last tensor belong to none"]);
    world.write(FIRST, &first[..first.len() - 1]);
    world.run(VERIFY).ends(1);
    world.write(FIRST, u64::MAX.to_le_bytes());
    world.run(VERIFY).ends(1).shows(&["`model-00001-of-00002.safetensors`: "]);
    world.write(FIRST, &first);
    // An index that leads elsewhere.
    let index = world.path("model/model.safetensors.index.json");
    for (tensor, file) in [("head", "../outside.safetensors"), ("other", &SECOND[6..]), ("head", &FIRST[6..])]
    {
        fs::write(&index, json!({"weight_map": {tensor: file}}).to_string()).unwrap();
        world.run(VERIFY).ends(1).shows(&[&format!("says that tensor `{tensor}` is in `{file}`")]);
    }
    fs::write(&index, "{").unwrap();
    world.run(VERIFY).ends(1).shows(&["model.safetensors.index.json"]);
    fs::remove_file(&index).unwrap();
    world.run(VERIFY).ends(0);
    // A file of another signed model.
    world.run("key generate other").ends(0);
    world.write("alone.safetensors", &second);
    world.run("sign alone.safetensors --key other --embed").ends(0);
    world.write(SECOND, fs::read(world.path("alone.safetensors")).unwrap());
    world.run(VERIFY).ends(1).shows(&["its files carry different signatures"]);
    world.write(SECOND, file(&json!({"weighbridge.signature": "{"}), &[HEAD]));
    world.write(FIRST, file(&json!({"weighbridge.signature": "{"}), &[MATRIX, NORM]));
    world.run(VERIFY).ends(1).shows(&["the bundle is malformed"]);
}

fn a_trust_policy_asks_for_a_signature_over_the_files() {
    let world = signed();
    world.run("trust init").ends(0);
    world.run("trust add anchor team --kind public-key --key k.pub").ends(0);
    world.run("trust add rule model --by team").ends(0);
    world.run("verify model").ends(3).shows(&["model  unsigned", "the rule refuses what nobody signed"]);
    world
        .run("verify model --embedded")
        .ends(2)
        .says(&["weighbridge-trust.toml` asks for those beside them"]);
    world.run(VERIFY).ends(0).shows(&["3 tensors as signed"]);
    // Both kinds stand side by side; the one over the files counts.
    world.run("sign model --key k").ends(0);
    world.run("verify model").ends(0).shows(&["`team` vouches", "4 files as signed"]);
    world.run("verify model --public-key k.pub --embedded").ends(0).shows(&["3 tensors as signed"]);
    world.write("model/config.json", "{\"changed\": true}");
    world.run("verify model").ends(1).shows(&["changed   config.json"]);
    fs::remove_file(world.path("model/model.sig")).unwrap();
    world.run("verify model").ends(3);
}

fn what_cannot_carry_a_signature_is_left_alone() {
    let world = unsigned();
    let before = read(&world);
    for options in ["--shards", "--hash sha256", "--signature x", "--ignore-paths x", "--allow-symlinks"] {
        world.run(&format!("sign model --key k --embed {options}")).ends(2);
    }
    world.run("verify model --public-key k.pub --embedded --signature x").ends(2);
    world.write("plain/config.json", "{}").write("empty.safetensors", file(&json!({}), &[]));
    world
        .run("sign plain --key k --embed")
        .ends(1)
        .says(&["there is no tensor in it", "leave out `--embed`"]);
    world.run("sign empty.safetensors --key k --embed").ends(1).says(&["there is no tensor in it"]);
    world.write("model/broken.gguf", b"GGUF\x03\0\0\0");
    world.run("sign model --key k --embed").ends(1).says(&["cannot be signed", "`broken.gguf`: "]);
    fs::remove_file(world.path("model/broken.gguf")).unwrap();
    #[cfg(unix)]
    {
        let link = world.path("model/link.safetensors");
        std::os::unix::fs::symlink(world.path("empty.safetensors"), &link).unwrap();
        world.run("sign model --key k --embed").ends(1).says(&["`link.safetensors`: "]);
        world
            .run("sign model/link.safetensors --key k --embed")
            .ends(2)
            .says(&["the file behind it would change"]);
        fs::remove_file(link).unwrap();
    }
    let mut command = world.command("sign model --embed --public-key k.pub --signer");
    crate::support::Run::from(command.arg("false").output().unwrap()).ends(1).says(&["the signer failed"]);
    assert_eq!(read(&world), before);
}

fn an_embedded_answer_fits_its_schema() {
    let world = signed();
    world.write(
        FIRST,
        file(
            &metadata(&world, FIRST),
            &[
                ("norms", NORM.1, NORM.2, NORM.3),
                ("layers.7.mlp.weight", "F16", 4, b"8 bytes!"),
                ("new", "U8", 0, b""),
            ],
        ),
    );
    fs::remove_file(world.path("model/model.safetensors.index.json")).unwrap();
    let answer = world.run("verify model --public-key k.pub --json").ends(1);
    let value: Value = serde_json::from_str(&answer.out).unwrap();
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/verification-v1.json")).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let model = &value["models"][0];
    assert_eq!((&model["verdict"], &model["name"]), (&json!("bad"), &Value::Null));
    assert_eq!(model["signature"], FIRST);
    assert_eq!(model["files"], json!([{"path": "config.json", "status": "ignored"}]));
    assert_eq!(model["metadata"], json!([{"name": "format", "status": "ok"}]));
    let told: Vec<String> = model["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["head ok", "layers.7.mlp.weight changed", "new extra", "norms renamed"]);
    assert_eq!(model["tensors"][3]["signed_as"], "norm");
    // A signature over files says nothing of tensors.
    world.run("sign model --key k").ends(0);
    let answer = world.run("verify model --public-key k.pub --json").ends(0);
    let value: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(value["models"][0].get("tensors"), None);
}

/// The packages with which others read and write these files.
const PACKAGES: [&str; 3] = ["safetensors==0.8.0", "gguf==0.19.0", "numpy"];

/// Needs those packages; the name of the test says why it cannot run without.
pub(crate) fn trials() -> Vec<Trial> {
    let name = "other_programs_read_what_was_signed";
    match install() {
        Ok(python) => vec![Trial::test(name, move || {
            other_programs_read_what_was_signed(&python);
            Ok(())
        })],
        Err(why) => vec![Trial::test(format!("{name} ({why})"), || Ok(())).with_ignored_flag(true)],
    }
}

/// The Python of an environment that has the packages.
fn install() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = target.join("safetensors-gguf");
    let stamp = target.join("safetensors-gguf.stamp");
    let python = environment.join("bin/python");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    // A half-made one of an interrupted run is of no use.
    let _ = fs::remove_dir_all(&environment);
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !works(Command::new("python3").args(["-m", "venv"]).arg(&environment)) {
        return Err("no python3 with venv".to_owned());
    }
    if !works(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
            .args(PACKAGES),
    ) {
        return Err("no package index".to_owned());
    }
    fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Writes models as their makers do.
const MAKE: &str = r#"
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from safetensors.numpy import save_file
tensors = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.arange(6, dtype=np.float16), "c": np.array(7)}
save_file(tensors, "m.safetensors", metadata={"format": "pt", "note": 'é "quoted"'})
writer = GGUFWriter("m.gguf", "llama")
writer.add_chat_template("{{ x }}")
writer.add_token_list(["<s>", "é"])
writer.add_tensor("f", np.arange(40, dtype=np.float32).reshape(2, 20))
writer.add_tensor("q", np.arange(102, dtype=np.uint8).reshape(3, 34), raw_dtype=GGMLQuantizationType.Q8_0)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"#;

/// Tells all that is in them but signatures.
const SHOW: &str = r#"
from gguf import GGUFReader
from safetensors import safe_open
with safe_open("m.safetensors", "np") as file:
    tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    metadata = dict(file.metadata())
signatures = [metadata.pop("weighbridge.signature", None)]
print(sorted(metadata.items()), [(n, t.dtype.name, t.shape, t.tobytes().hex()) for n, t in tensors.items()])
reader = GGUFReader("m.gguf")
fields = {name: [reader.fields[name].parts[i].tobytes() for i in reader.fields[name].data] for name in reader.fields}
signatures.append(fields.pop("weighbridge.signature", [None])[0])
for name in list(fields):
    # Its own count of the keys.
    if name.startswith("GGUF."):
        del fields[name]
print(fields, [(t.name, t.tensor_type.name, list(map(int, t.shape)), t.data.tobytes().hex()) for t in reader.tensors])
assert [s is not None for s in signatures] == [SIGNED, SIGNED], signatures
"#;

/// Cuts a model up anew, as tools do that keep the metadata, and as those that do not.
const CUT: &str = r#"
from safetensors import safe_open
from safetensors.numpy import save_file
with safe_open("m.safetensors", "np") as file:
    tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
import os
for folder in ["kept", "first", "lost"]:
    os.mkdir(folder)
for number, name in enumerate(sorted(tensors)):
    one = {name: tensors[name]}
    save_file(one, f"kept/{number}.safetensors", metadata=metadata)
    save_file(one, f"first/{number}.safetensors", metadata=metadata if number == 0 else None)
    save_file(one, f"lost/{number}.safetensors")
"#;

fn other_programs_read_what_was_signed(python: &Path) {
    let world = World::new();
    let run = |script: &str| {
        let output = world.program(python, "-c").arg(script).output().unwrap();
        crate::support::Run::from(output).ends(0).out
    };
    run(MAKE);
    let before = run(&SHOW.replace("SIGNED", "False"));
    assert!(before.contains("<s>".as_bytes().escape_ascii().to_string().as_str()), "{before}");
    world.run("key generate k").ends(0);
    for file in ["m.safetensors", "m.gguf"] {
        world.run(&format!("sign {file} --key k --embed")).ends(0);
        world.run(&format!("verify {file} --public-key k.pub")).ends(0);
        let once = fs::read(world.path(file)).unwrap();
        world.run("key generate other").ends(if file == "m.gguf" { 2 } else { 0 });
        world.run(&format!("sign {file} --key other --embed")).ends(0);
        world.run(&format!("sign {file} --key k --embed")).ends(0);
        assert_eq!(fs::read(world.path(file)).unwrap(), once, "{file}");
    }
    assert_eq!(run(&SHOW.replace("SIGNED", "True")), before);
    run(CUT);
    world.run("verify kept first --public-key k.pub").ends(0).shows(&["kept  verified", "first  verified"]);
    world.run("verify lost --public-key k.pub").ends(3);
}
