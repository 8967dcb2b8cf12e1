//! Core ML, CNTK and PaddlePaddle: what is walked, and what of it is told.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::protobuf::{bytes, message, number};
use crate::protobuf_models::{
    cntk, coreml, layer, network, operation, paddle, paddle_operator, parameters, program, text,
    user_function, weights,
};
use crate::read::{Read, read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        coreml_models_are_walked,
        cntk_functions_are_told,
        paddle_programs_are_walked,
        each_is_claimed_by_its_own
    ]
}

pub(crate) fn coreml_seed() -> Vec<u8> {
    let custom = message(500, &[bytes(10, "Mine")]);
    let inner = [
        coreml(network(&[layer("a", custom)])),
        coreml(program(&[operation("conv", weights("@model_path/w", 64))])),
    ];
    coreml(message(202, &inner.map(|model| bytes(1, model))))
}

pub(crate) fn cntk_seed() -> Vec<u8> {
    user_function(false, &[("module", text("m")), ("class", text("C"))])
}

pub(crate) fn paddle_seed() -> Vec<u8> {
    paddle(&[paddle_operator("load", &[("file_path", "a")]), paddle_operator("relu", &[])])
}

pub(crate) fn paddle_json_seed() -> Vec<u8> {
    br##"{"base_code":{"magic":"pir"},"program":{"regions":[{"blocks":[{"ops":[{"#":"p"},{"#":"1.matmul"},
        {"#":"1.load","A":[{"N":"file_path","AT":{"#":"0.a_str","D":"/etc/passwd"}}]},
        {"#":"1.if","regions":[{"blocks":[{"ops":[{"#":"3.mine"}]}]}]}]}]}]}}"##
        .to_vec()
}

fn says_nothing_but(read: &Read, format: &str) {
    let more: Vec<&String> = read
        .facts
        .iter()
        .filter(|fact| !fact.starts_with("format") && !fact.contains("effect: mil."))
        .collect();
    assert!(more.is_empty(), "{format}: {more:#?}");
}

fn coreml_models_are_walked() {
    let found = read("coreml", &coreml_seed());
    found.says("effect: customLayer.Mine at pipeline.models[0].neuralNetwork.layers[a]");
    found.says("effect: mil.conv at pipeline.models[1].mlProgram.functions[main].value.block_specializations[CoreML6].value.operations[0]");
    found.says("effect: read w(128) at");
    let plain = coreml(network(&[layer("a", message(140, &[number(1, 2)])), layer("b", message(1471, &[]))]));
    says_nothing_but(&read("coreml", &plain), "coreml");
    read("coreml", &coreml(message(555, &[bytes(10, "Whole")]))).says("effect: customModel.Whole");
    let custom = || message(500, &[bytes(10, "Mine")]);
    let branch = message(605, &[message(2, &[layer("inner", custom())])]);
    read("coreml", &coreml(network(&[layer("a", branch)])))
        .says("effect: customLayer.Mine at neuralNetwork.layers[a].branch.elseBranch.layers[inner]");
    let turn = message(615, &[message(4, &[layer("inner", custom())])]);
    read("coreml", &coreml(network(&[layer("a", turn)]))).says("loop.bodyNetwork.layers[inner]");
    let linked = message(1, &[message(1, &[bytes(1, "b.mlmodelc")]), message(2, &[bytes(1, "/tmp")])]);
    read("coreml", &coreml(message(556, &[linked]))).says("effect: read /tmp/b.mlmodelc");
    read("coreml", &coreml(message(3000, &[bytes(1, "x"), bytes(2, "y")])))
        .says("unread: a serialized model");
    read("coreml", &coreml(network(&[layer("a", message(1472, &[]))])))
        .says("unread: field 1472 of `NeuralNetworkLayer`");
    read("coreml", &coreml(Vec::new())).says("ended: malformed: no Core ML model");
    let offset = program(&[operation("const", weights("@model_path/w", u64::MAX))]);
    read("coreml", &coreml(offset)).says("the offset in `@model_path/w` does not fit 64 bits");
    // A program in a program in a program.
    let mut inner = operation("relu", Vec::new());
    for _ in 0..60 {
        inner = operation("cond", message(4, &[inner]));
    }
    read("coreml", &coreml(program(&[inner]))).says("nested more deeply than loaders allow");
}

fn cntk_functions_are_told() {
    read("cntk", &cntk_seed()).says("effect: m.C() at data[primitive_functions]");
    let native =
        [("module", text("/tmp/evil.so")), ("deserialize_method", text("make")), ("op", text("Mine"))];
    let found = read("cntk", &user_function(true, &native));
    found.says("effect: UserDefinedFunction.make(\"/tmp/evil.so\") at");
    found.says("effect: read /tmp/evil.so at");
    read("cntk", &user_function(true, &[("op", text("Mine"))])).says("effect: UserDefinedFunction. at");
    let plain = cntk(&[("op", number(5, 12)), ("uid", text("Plus1")), ("name", text("module class"))]);
    says_nothing_but(&read("cntk", &plain), "cntk");
    read("cntk", b"B\0C\0N\0\0\0B\0V\0").says("ended: a model of CNTK version 1");
    read("cntk", &number(1, 1)).says("ended: malformed: no CNTK model");
}

fn paddle_programs_are_walked() {
    let found = read("paddle", &paddle_seed());
    found.says("effect: relu at blocks[0].ops[1]");
    found.says("effect: read a at blocks[0].ops[0]");
    read("paddle", &paddle(&[paddle_operator("save_combine", &[("file_path", "/tmp/x")])]))
        .says("effect: write /tmp/x");
    let found = read("paddle-json", &paddle_json_seed());
    found.says("effect: builtin.parameter at program.regions[0].blocks[0].ops[0]");
    found.says("effect: custom_op.mine at program.regions[0].blocks[0].ops[3].regions[0].blocks[0].ops[0]");
    found.says("effect: read /etc/passwd");
    let two = [parameters(&[2, 3], &[0; 24]), parameters(&[1], &[0; 4])].concat();
    read_as("paddle-parameters", "a.pdiparams", &two)
        .says("tensors: 2 of 7 elements, 28 bytes, [\"float32\"]");
    let short = read_as("paddle-parameters", "a.pdiparams", &parameters(&[2, 3], &[0; 8]));
    short.says("effect: a tensor of 24 bytes has 8");
    short.says("ended: ends early");
    read_as("paddle-parameters", "a.pdiparams", &parameters(&[1 << 40, 1 << 40], &[]))
        .says("effect: the size of a tensor");
    read_as("paddle-parameters", "a.pdiparams", &parameters(&[u64::MAX], &[]))
        .says("effect: the size of a tensor");
    let pickle = read_as("paddle-parameters", "a.pdparams", b"\x80\x02}.");
    assert_eq!(pickle.children[0].1, Some("pickle"));
}

fn each_is_claimed_by_its_own() {
    let models: [(&str, Vec<u8>); 7] = [
        ("coreml", coreml_seed()),
        ("cntk", cntk_seed()),
        ("paddle", paddle_seed()),
        ("onnx", crate::onnx::seed()),
        ("tensorflow", crate::tensorflow::seed()),
        ("keras-metadata", crate::tensorflow::metadata_seed()),
        ("tensorflow-index", crate::tensorflow::index_seed()),
    ];
    let readers = || models.iter().map(|(id, _)| *id);
    for (id, model) in &models {
        for reader in readers() {
            let hint =
                Hint { path: "a.bin", size: model.len() as u64, head: &model[..model.len().min(4096)] };
            let expected = if reader == *id { Claim::ByMagic } else { Claim::No };
            assert_eq!(weighbridge_read::reader(reader).unwrap().claims(&hint), expected, "{reader} of {id}");
        }
    }
    let claim = |reader: &str, path: &str, head: &[u8]| {
        weighbridge_read::reader(reader).unwrap().claims(&Hint { path, size: 100, head })
    };
    for (reader, path) in [
        ("coreml", "a.mlmodel"),
        ("cntk", "a.dnn"),
        ("paddle", "a.pdmodel"),
        ("paddle", "a/__model__"),
        ("paddle-parameters", "a.pdiparams"),
        ("paddle-parameters", "a.pdparams"),
    ] {
        assert_eq!(claim(reader, path, b"?"), Claim::ByName, "{path}");
    }
    assert_eq!(claim("paddle-json", "inference.json", &paddle_json_seed()), Claim::ByName);
    assert_eq!(claim("paddle-json", "config.json", b"{}"), Claim::No);
}
