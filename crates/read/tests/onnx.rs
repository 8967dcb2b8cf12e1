//! ONNX models: what is walked, and what of it is told.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::onnx_builder::{
    attribute, external, function, model, model_with, node, node_fields, node_with, plain_tensor, subgraph,
    tensor,
};
use crate::protobuf::{bytes, message, number, tag, varint};
use crate::read::{read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_part_is_walked,
        sizes_are_compared,
        data_beside_is_told,
        claims_tell_models_from_others,
        broken_models_are_told,
        other_forms_are_told,
        a_tensor_is_not_read,
    ]
}

/// A model with a bit of everything.
pub(crate) fn seed() -> Vec<u8> {
    let inner = [node("deep", "InGraph"), message(5, &external("a/b.bin", &[("offset", "16")]))];
    let graph = [
        node_with("", "If", &[subgraph("then_branch", &inner)]),
        message(5, &plain_tensor()),
        message(15, &[message(1, &plain_tensor()), number(3, 4)]),
    ];
    model_with(&graph, &[function("mine", "Helper", &node_fields("other", "InFunction", &[]))])
}

fn every_part_is_walked() {
    let inner = [node("deep", "InGraph"), message(5, &plain_tensor())];
    let graph = [
        node("", "Conv"),
        node("ai.onnx", "Conv"),
        node_with("", "If", &[subgraph("then_branch", &inner)]),
        message(15, &[message(1, &plain_tensor()), message(2, &plain_tensor()), number(3, 4)]),
        node("mine", "Helper"),
    ];
    let training = message(20, &[message(1, &[node("start", "InTraining")])]);
    let helper = function("mine", "Helper", &node_fields("other", "InFunction", &[]));
    let found = read("onnx", &model_with(&graph, &[training, helper]));
    found.says("format onnx");
    found.says("tensors: 3 of 6 elements, 24 bytes, [\"float32\"]");
    found.says("effect: Conv at graph.node[0]");
    found.says("effect: deep.InGraph at graph.node[2].attribute[then_branch].g.node[0]");
    found.says("effect: start.InTraining at training_info[0].initialization.node[0]");
    found.says("effect: other.InFunction at functions[0].node[0]");
    // The model brings this one along.
    assert!(!found.facts.iter().any(|fact| fact.contains("Helper")), "{:#?}", found.facts);
}

fn sizes_are_compared() {
    let with = |dims: &[u64], more: &[Vec<u8>]| read("onnx", &model(&[message(5, &tensor("w", dims, more))]));
    with(&[3], &[bytes(9, [0; 8])]).says("effect: a tensor of 12 bytes has 8 at graph.initializer[w]");
    with(&[3], &[bytes(4, [0; 8])]).says("effect: a tensor of 12 bytes has 8 at graph.initializer[w]");
    with(&[1], &[bytes(9, [0; 8])]).says("malformed: a tensor of 4 bytes has 8");
    for dims in [&[1 << 32, 1 << 32][..], &[u64::MAX], &[1 << 62], &[u64::MAX, 0]] {
        with(dims, &[]).says("effect: the size of a tensor is negative or does not fit 64 bits");
    }
    let fine = with(&[0, 1 << 40], &[]);
    assert!(!fine.facts.iter().any(|fact| fact.contains("does not fit")), "{:#?}", fine.facts);
    let sparse = message(15, &[message(1, &plain_tensor()), number(3, 1 << 40), number(3, 1 << 40)]);
    read("onnx", &model(&[sparse])).says("the shape of a sparse tensor");
    // Half bytes are rounded up.
    let half = [number(1, 3), number(2, 22), bytes(9, [0; 2])];
    read("onnx", &model(&[message(5, &half)])).says("tensors: 1 of 3 elements, 2 bytes, [\"int4\"]");
    read("onnx", &model(&[message(5, &[number(2, 99)])])).says("unread: tensors of type 99");
}

fn data_beside_is_told() {
    let with = |location: &str, more: &[(&str, &str)]| {
        let inside = [message(5, &external("b.bin", &[]))];
        let graph =
            [message(5, &external(location, more)), node_with("", "If", &[subgraph("else", &inside)])];
        read("onnx", &model(&graph))
    };
    let found = with("a.bin", &[("offset", "4096"), ("length", "8")]);
    found.says("effect: read a.bin(4104) at graph.initializer[w]");
    found.says("effect: read b.bin(8) at graph.node[0].attribute[else].g.initializer[w]");
    with("a.bin", &[("length", "4")]).says("a tensor of 8 bytes has 4 in `a.bin`");
    with("a.bin", &[("offset", "-1")]).says("effect: offset and length in `a.bin`");
    with("a.bin", &[("offset", "9223372036854775800"), ("length", "8")])
        .says("effect: offset and length in `a.bin`");
    with("*/_ORT_MEM_ADDR_/*", &[("offset", "4096")]).says("effect: a tensor at the address 4096 in memory");
    with("a.bin", &[("__class__", "x")]).says("effect: external_data.__class__(\"x\")");
    with("", &[]).says("malformed: a tensor lies in another file that is not named");
}

fn claims_tell_models_from_others() {
    let claim = |path: &str, head: &[u8], size: u64| {
        weighbridge_read::reader("onnx").unwrap().claims(&Hint { path, size, head })
    };
    let plain = model(&[node("", "Conv"), message(5, &plain_tensor())]);
    assert_eq!(claim("weights.bin", &plain, plain.len() as u64), Claim::ByMagic);
    // Only the beginning is seen of a large one.
    let large = model(&[node("", "Conv"), message(5, &tensor("w", &[2000], &[bytes(9, [1; 8000])]))]);
    assert_eq!(claim("weights.bin", &large[..4096], large.len() as u64), Claim::ByMagic);
    let behind_text = [number(1, 8), bytes(6, "x".repeat(9000)), message(7, &[node("", "Conv")])].concat();
    assert_eq!(claim("weights.bin", &behind_text[..4096], behind_text.len() as u64), Claim::ByMagic);
    assert_eq!(claim("a.onnx", b"anything", 8), Claim::ByName);
    assert_eq!(claim("a.onnx", b"", 0), Claim::No);
    for other in [
        &b"\x08\x01\x12\x20\x0a\x1e*\x07saved_m2\x062.21.0"[..],
        b"\x80\x04}q\x00.",
        b": a text that begins with a colon, and goes on for a while",
        b"\n\x0bfirst\x12\x05Const",
        b"",
        &[0; 64],
    ] {
        assert_eq!(claim("a.bin", other, 64), Claim::No, "{other:?}");
    }
}

fn broken_models_are_told() {
    let cut = model(&[node("x", "Evil"), message(5, &plain_tensor())]);
    let found = read("onnx", &cut[..cut.len() - 16]);
    // What stands before the break counts.
    found.says("effect: x.Evil");
    found.says("ended: ends early");
    let start = [number(1, 8), message(7, &[node("x", "Evil")])].concat();
    let with = |more: Vec<u8>| read("onnx", &[start.clone(), more].concat());
    with([tag(9, 7), varint(1)].concat()).says("a field is of a type that does not exist");
    with([tag(9, 3), number(1, 1)].concat()).says("a group does not end");
    with([tag(9, 3), number(1, 1), tag(9, 4)].concat()).says("unread: field 9 of `ModelProto`");
    with([tag(9, 3), tag(8, 4)].concat()).says("a group ends as another one");
    with(vec![0xff; 12]).says("a number has more than ten bytes");
    with(vec![0, 0]).says("a number that no field can have");
    with(number(1, 8)).says("malformed: `ir_version` stands in one `ModelProto` twice");
    with(number(2, 8)).says("malformed: `producer_name` of `ModelProto` is of another type");
    with([message(25, &[[tag(1, 2), varint(100)].concat()]), number(5, 1)].concat())
        .says("longer than the message that holds it");
    read("onnx", &number(1, 8)).says("ended: malformed: no ONNX model");
    // Graphs in graphs: the walk ends where parsers refuse it.
    let mut graph = vec![node("", "Conv")];
    for _ in 0..50 {
        graph = vec![node_with("", "If", &[subgraph("then", &graph)])];
    }
    read("onnx", &model(&graph)).says("nested more deeply than loaders allow");
    let deep: Vec<u8> = (0..100_000).flat_map(|_| tag(9, 3)).collect();
    with(deep).says("groups are nested too deeply");
}

fn other_forms_are_told() {
    read_as("onnx", "m.ort", b"\x18\0\0\0ORTM....").says("ended: the format of ONNX Runtime");
    read_as("onnx", "m.onnx", b"<\n  ir_version: 8,").says("ended: an ONNX model in text form");
    let call = node_with(
        "pyop",
        "PyOp",
        &[attribute("module", bytes(4, "os")), attribute("class_name", bytes(4, "system"))],
    );
    read("onnx", &model(&[call])).says("effect: os.system()");
    let compiled = [attribute("embed_mode", number(3, 0)), attribute("ep_cache_context", bytes(4, "c.bin"))];
    read("onnx", &model(&[node_with("com.microsoft", "EPContext", &compiled)])).says("effect: read c.bin");
}

/// A tensor of a tebibyte costs nothing: it is skipped by its length.
fn a_tensor_is_not_read() {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use weighbridge_core::input::Input;
    use weighbridge_core::limits::{Cancel, Limits};
    use weighbridge_core::place::Place;
    use weighbridge_core::sink::Sink;
    use weighbridge_core::source::Source;

    struct Huge {
        head: Vec<u8>,
        read: Arc<AtomicU64>,
    }
    impl Source for Huge {
        fn size(&self) -> u64 {
            self.head.len() as u64 + (1 << 40)
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min((self.size() - offset) as usize);
            for (place, byte) in buffer[..count].iter_mut().enumerate() {
                *byte = self.head.get(offset as usize + place).copied().unwrap_or(0);
            }
            self.read.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
    }
    let raw = [tag(9, 2), varint(1 << 40)].concat();
    let tensor = [number(1, 1 << 38), number(2, 1), raw].concat();
    let tensor = [tag(5, 2), varint(tensor.len() as u64 + (1 << 40)), tensor].concat();
    let head = [number(1, 8), tag(7, 2), varint(tensor.len() as u64 + (1 << 40)), tensor].concat();
    let read = Arc::new(AtomicU64::new(0));
    let source = Huge { head, read: Arc::clone(&read) };
    let input = Input::new(Arc::new(source), Limits::default(), Cancel::default());
    let mut sink = Sink::new(Place::file("m.onnx"), "onnx", Limits::default());
    weighbridge_read::reader("onnx").unwrap().read(&input, &mut sink).unwrap();
    assert!(read.load(Ordering::Relaxed) < 64 << 10);
}
