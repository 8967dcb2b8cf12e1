//! Graphs and checkpoints of TensorFlow: what is walked, and what of it is told.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::protobuf::{bytes, message, number, tag, varint};
use crate::read::{Read, read, read_as};
use crate::tensorflow_builder::{
    attribute, call, constant, entry, function, graph, graph_with, index, node, saved_model, saver,
};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_part_is_walked,
        names_are_followed,
        savers_are_told_from_others,
        claims_tell_graphs_from_others,
        broken_graphs_are_told,
        checkpoints_are_read,
        configurations_are_handed_on,
        crafted_graphs_end_soon,
    ]
}

/// A saved model with a bit of everything.
pub(crate) fn seed() -> Vec<u8> {
    let nodes = [
        constant("name", "/etc/passwd"),
        node("read", "ReadFile", &["name"], &[]),
        call("save", "f"),
        node("print", "PrintV2", &["read"], &[attribute("output_stream", bytes(2, "file:///tmp/a"))]),
    ];
    let save = function("f", &[constant("to", "model"), node("s", "SaveV2", &["to:output:0"], &[])]);
    let asset = message(6, &[message(1, &[bytes(1, "name:0")]), bytes(2, "vocab.txt")]);
    saved_model(&graph_with(&nodes, &[save]), &[saver("save:0", "restore"), asset])
}

pub(crate) fn index_seed() -> Vec<u8> {
    index(&[("a", entry(2, 0, 8)), ("b", entry(4, 8, 16))])
}

pub(crate) fn metadata_seed() -> Vec<u8> {
    let layer = [number(2, 1), bytes(3, "root"), bytes(4, "_tf_keras_layer"), bytes(5, "{}")];
    message(1, &layer)
}

fn says_not(read: &Read, text: &str) {
    assert!(!read.facts.iter().any(|fact| fact.contains(text)), "`{text}` is in {:#?}", read.facts);
}

fn every_part_is_walked() {
    let inner = message(10, &[bytes(1, "g"), message(2, &[bytes(1, "x"), bytes(2, bytes(2, "y"))])]);
    let nodes = [
        node("a", "MatMul", &[], &[]),
        node("b", "MatMul", &[], &[]),
        node("c", "If", &["a"], &[attribute("then_branch", inner)]),
    ];
    let found = read(
        "tensorflow",
        &saved_model(&graph_with(&nodes, &[function("f", &[node("r", "Relu", &[], &[])])]), &[]),
    );
    found.says("format tensorflow");
    found.says("effect: MatMul at meta_graphs[0].graph_def.node[a]");
    found.says("effect: Relu at meta_graphs[0].graph_def.library.function[f].node_def[r]");
    let tensor = |fields: &[Vec<u8>]| node("c", "Const", &[], &[attribute("value", message(8, fields))]);
    let dims = |dims: &[u64]| {
        bytes(2, dims.iter().flat_map(|dim| message(2, &[number(1, *dim)])).collect::<Vec<_>>())
    };
    let sound = tensor(&[number(1, 1), dims(&[2, 3]), bytes(4, [0; 24])]);
    read("tensorflow", &graph(&[sound])).says("tensors: 1 of 6 elements, 24 bytes, [\"float32\"]");
    let short = tensor(&[number(1, 1), dims(&[2, 3]), bytes(4, [0; 8])]);
    read("tensorflow", &graph(&[short])).says("malformed: a tensor of 24 bytes has 8");
    let wraps = tensor(&[number(1, 1), dims(&[1 << 40, 1 << 40])]);
    read("tensorflow", &graph(&[wraps]))
        .says("effect: the size of a tensor is negative or does not fit 64 bits");
}

fn names_are_followed() {
    let nodes = [
        node("read", "ReadFile", &["joined"], &[]),
        node("joined", "StringJoin", &["a:0", "b", "^control"], &[]),
        constant("a", "/etc/"),
        node("b", "Identity", &["c"], &[]),
        constant("c", "passwd"),
        constant("control", "unrelated"),
    ];
    let found = read("tensorflow", &graph(&nodes));
    found.says("effect: read /etc/ at node[read]");
    found.says("effect: read passwd at node[read]");
    says_not(&found, "unrelated");
    // A circle ends.
    let circle = [
        node("a", "Identity", &["b"], &[]),
        node("b", "Identity", &["a"], &[]),
        node("read", "ReadFile", &["a"], &[]),
    ];
    read("tensorflow", &graph(&circle)).says("effect: ReadFile at node[read]");
    let attribute = |operator: &str, name: &str, value: &str| {
        read("tensorflow", &graph(&[node("n", operator, &[], &[attribute(name, bytes(2, value))])]))
    };
    attribute("PrintV2", "output_stream", "file:///tmp/a").says("effect: write /tmp/a at");
    says_not(&attribute("PrintV2", "output_stream", "stderr"), "write");
    attribute("DebugIdentityV2", "debug_urls", "grpc://a:1").says("effect: fetch grpc://a:1 at");
    attribute("DecodeProtoV2", "descriptor_source", "/tmp/a").says("effect: read /tmp/a");
    says_not(&attribute("DecodeProtoV2", "descriptor_source", "local://"), "read");
    let shown =
        read("tensorflow", &graph(&[constant("a", "data.txt"), node("d", "TextLineDataset", &["a"], &[])]));
    shown.says("effect: TextLineDataset(\"data.txt\") at node[d]");
}

fn savers_are_told_from_others() {
    let save = |name: &str| function(name, &[node("s", "SaveV2", &["prefix"], &[])]);
    let model = |nodes: &[Vec<u8>], function: Vec<u8>| {
        read("tensorflow", &saved_model(&graph_with(nodes, &[function]), &[saver("saving:0", "restoring")]))
    };
    model(&[call("saving", "f")], save("f")).says("effect: saver.SaveV2");
    model(&[call("serving", "f")], save("f")).says("effect: SaveV2 at");
    model(&[call("saving", "f"), call("serving", "f")], save("f")).says("effect: SaveV2 at");
    model(&[call("serving", "f")], save("__inference__traced_save_1")).says("effect: saver.SaveV2");
    model(&[call("serving", "__inference__traced_save_1")], save("__inference__traced_save_1"))
        .says("effect: SaveV2 at");
    // An operator of the function's name calls it, as in graphs of old.
    let named = node("serving", "my_traced_save", &[], &[]);
    let found = model(&[named], save("my_traced_save"));
    found.says("effect: SaveV2 at");
    says_not(&found, "effect: my_traced_save");
    let found = read(
        "tensorflow",
        &graph(&[constant("save/Const", "model"), node("save/SaveV2", "SaveV2", &["save/Const"], &[])]),
    );
    found.says("effect: saver.SaveV2 at node[save/SaveV2]");
    says_not(&found, "write");
    read("tensorflow", &graph(&[constant("a", "/tmp/x"), node("save/SaveV2", "SaveV2", &["a"], &[])]))
        .says("effect: write /tmp/x at node[save/SaveV2]");
    read("tensorflow", &graph(&[node("other", "RestoreV2", &["a"], &[])]))
        .says("effect: RestoreV2 at node[other]");
}

fn claims_tell_graphs_from_others() {
    let claim = |path: &str, head: &[u8], size: usize| {
        weighbridge_read::reader("tensorflow").unwrap().claims(&Hint { path, size: size as u64, head })
    };
    let saved = seed();
    assert_eq!(claim("weights.bin", &saved, saved.len()), Claim::ByMagic);
    let plain = graph(&[constant("a", "b"), node("c", "Identity", &["a"], &[])]);
    assert_eq!(claim("weights.bin", &plain, plain.len()), Claim::ByMagic);
    let large =
        graph(&[node("a", "Const", &[], &[attribute("value", message(8, &[bytes(4, vec![0; 9000])]))])]);
    assert_eq!(claim("weights.bin", &large[..4096], large.len()), Claim::ByMagic);
    assert_eq!(claim("model.pb", b"anything", 8), Claim::ByName);
    for other in
        [&b"\n\x05hello\n\n\x04text"[..], b"\x0a", b"\x80\x04}.", b"", &crate::onnx::seed(), &[0; 64]]
    {
        assert_eq!(claim("a.bin", other, other.len()), Claim::No, "{other:?}");
    }
    // What is only called so is left alone.
    assert!(
        read_as("tensorflow", "input_0.pb", &[number(1, 3), number(2, 1), bytes(9, [0; 12])].concat())
            .facts
            .is_empty()
    );
    assert!(read_as("tensorflow", "Player.cs.meta", b"fileFormatVersion: 2\nguid: 1\n").facts.is_empty());
    // A field that nobody knows in front does not hide a graph.
    let hidden = [bytes(99, "x"), graph(&[node("a", "PyFunc", &[], &[])])].concat();
    let found = read_as("tensorflow", "model.pb", &hidden);
    found.says("effect: PyFunc at node[a]");
    found.says("unread: field 99 of `GraphDef`");
}

fn broken_graphs_are_told() {
    let whole = seed();
    let found = read_as("tensorflow", "saved_model.pb", &whole[..whole.len() - 40]);
    found.says("effect: read /etc/passwd");
    found.says("ended: ends early");
    read_as("tensorflow", "saved_model.pb", &number(1, 1)).says("ended: malformed: no saved model");
    let mut deep = bytes(1, "g");
    for _ in 0..200 {
        deep = [bytes(1, "g"), message(2, &[bytes(1, "x"), bytes(2, bytes(10, deep))])].concat();
    }
    let nodes = [node("a", "Relu", &[], &[]), node("b", "If", &[], &[attribute("f", bytes(10, deep))])];
    read_as("tensorflow", "model.pb", &graph(&nodes)).says("nested more deeply than loaders allow");
    let many: Vec<u8> = (0..10).flat_map(|_| [tag(7, 2), varint(0)].concat()).collect();
    read("tensorflow", &[graph(&[node("a", "Relu", &[], &[])]), many].concat())
        .says("unread: field 7 of `GraphDef`");
}

fn checkpoints_are_read() {
    let read_index = |bytes: &[u8]| read_as("tensorflow-index", "a/model.index", bytes);
    let found = read_index(&index_seed());
    found.says("tensors: 2 of 6 elements, 24 bytes, [\"float32\"]");
    found.says("effect: read model.data-00000-of-00001(24)");
    read_index(&index(&[("a", entry(4, 0, 8))])).says("effect: tensor `a` of 16 bytes has 8");
    read_index(&index(&[("a", entry(1, 0, 8))])).says("malformed: tensor `a` of 4 bytes has 8");
    read_index(&index(&[("a", entry(1 << 62, 0, 8))])).says("the shape of `a` is negative or does not fit");
    read_index(&index(&[("a", entry(2, u64::MAX - 4, 8))]))
        .says("the place of `a` is negative or does not fit");
    let mut broken = index_seed();
    broken.pop();
    read_index(&broken).says("ended: malformed: the footer of the table is none");
    read_index(b"").says("ended: ends early");
    let claim = |head: &[u8]| {
        let hint = Hint { path: "a.index", size: 1000, head };
        weighbridge_read::reader("tensorflow-index").unwrap().claims(&hint)
    };
    assert_eq!(claim(&index_seed()), Claim::ByMagic);
    assert_eq!(claim(b"IxFI\0\0\0"), Claim::No);
    assert_eq!(claim(&[0; 64]), Claim::No);
}

fn configurations_are_handed_on() {
    let found = read("keras-metadata", &metadata_seed());
    assert_eq!((found.steps(), found.child("root")), (vec!["root"], &b"{}"[..]));
    assert_eq!(found.children[0].1, Some("keras-config"));
    let object = message(4, &[bytes(1, "_tf_keras_layer"), bytes(3, "{\"class_name\": \"Lambda\"}")]);
    let other = message(4, &[bytes(1, "trackable_dict_wrapper"), bytes(3, "{}")]);
    let objects = message(7, &[bytes(1, object), bytes(1, other)]);
    let found = read("tensorflow", &saved_model(&graph(&[node("a", "Relu", &[], &[])]), &[objects]));
    assert_eq!(found.children.len(), 1);
    assert_eq!(found.children[0].2, b"{\"class_name\": \"Lambda\"}");
}

/// Thousands of operators that all lead to the same long texts and functions, each by a long way.
fn crafted_graphs_end_soon() {
    let long = "/".repeat(4000);
    let texts: Vec<Vec<u8>> = (0..64).map(|_| bytes(8, &long)).collect();
    let tensor = message(8, &[number(1, 7), texts.concat()]);
    let mut nodes = vec![node("c", "Const", &[], &[attribute("value", tensor)])];
    nodes.extend(
        (0..900).map(|number| node(&format!("w{}", number + 1), "Identity", &[&format!("w{number}")], &[])),
    );
    nodes.push(node("w0", "Identity", &["c"], &[]));
    let mut functions = Vec::new();
    for number in 0..5000 {
        nodes.push(node("s", "SaveV2", &["w900"], &[]));
        nodes.push(node("r", "ReadFile", &["w900"], &[]));
        let save = node("s", "SaveV2", &["x"], &[]);
        functions.push(function(&format!("f{number}"), &[save, call("next", &format!("f{}", number + 1))]));
    }
    nodes.push(call("serving", "f0"));
    let found =
        read("tensorflow", &saved_model(&graph_with(&nodes, &functions), &[saver("serving", "serving")]));
    // The limit on working state bounds the steps as well; without it this would take hours.
    found.says("bytes of working state");
}
