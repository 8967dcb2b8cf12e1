//! Models of TensorFlow Lite and programs of ExecuTorch.

use libtest_mimic::Trial;

use crate::flatbuffer_builder::{Field, buffer};
use crate::read::read;
use crate::zip_builder::Archive;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        models_are_described,
        operators_are_named,
        sizes_are_compared,
        files_behind_a_model_are_handed_out,
        one_table_used_over_and_over_is_no_trap,
        programs_are_described,
        segments_lie_in_the_file
    ]
}

/// A kind of operator: its number, and its own name.
pub(crate) fn kind(builtin: u8, own: &str) -> Vec<Field> {
    let own = if own.is_empty() { Field::Default } else { Field::text(own) };
    vec![Field::Byte(builtin), own, Field::Number(1), Field::Number(u32::from(builtin))]
}

/// A model with these kinds of operators, each used once, and a tensor of `float32` with this shape and this data.
pub(crate) fn model(kinds: &[Vec<Field>], shape: &[u32], data: &[u8]) -> Vec<u8> {
    let tensor = vec![Field::Numbers(shape.to_vec()), Field::Byte(0), Field::Number(1), Field::text("w")];
    let operator = |number| vec![Field::Number(number), Field::Numbers(vec![0]), Field::Numbers(vec![0])];
    let operators = (0..u32::try_from(kinds.len()).unwrap()).map(operator).collect();
    let graph = vec![
        Field::Tables(vec![tensor]),
        Field::Numbers(vec![0]),
        Field::Numbers(vec![0]),
        Field::Tables(operators),
    ];
    buffer(
        b"TFL3",
        &[
            Field::Number(3),
            Field::Tables(kinds.to_vec()),
            Field::Tables(vec![graph]),
            Field::text("made for a test"),
            Field::Tables(vec![vec![Field::Default], vec![Field::Bytes(data.to_vec())]]),
        ],
    )
}

/// A program with these kernels and backends, and one segment.
pub(crate) fn program(kernels: &[&str], backends: &[&str], segment: (u64, u64)) -> Vec<u8> {
    let named = |names: &[&str]| Field::Tables(names.iter().map(|name| vec![Field::text(name)]).collect());
    let mut plan = vec![Field::text("forward")];
    plan.resize(6, Field::Default);
    plan.extend([named(kernels), named(backends)]);
    let segments = vec![vec![Field::Large(segment.0), Field::Large(segment.1)]];
    let fields = [
        Field::Number(0),
        Field::Tables(vec![plan]),
        Field::Default,
        Field::Default,
        Field::Tables(segments),
    ];
    // The extended header stands between the identifier and the first table.
    let plain = buffer(b"ET12", &fields);
    let mut bytes = plain[..8].to_vec();
    let root = u32::from_le_bytes(plain[..4].try_into().unwrap()) + 24;
    bytes[..4].copy_from_slice(&root.to_le_bytes());
    let size = u64::try_from(plain.len() + 24).unwrap();
    bytes.extend(
        [b"eh00".as_slice(), &24u32.to_le_bytes(), &size.to_le_bytes(), &size.to_le_bytes()].concat(),
    );
    bytes.extend(&plain[8..]);
    bytes.extend([0; 64]);
    bytes
}

fn models_are_described() {
    let read = read("tflite", &model(&[kind(0, "")], &[2, 3], &[0; 24]));
    assert_eq!(read.facts[..2], ["format tflite", r#"tensors: 1 of 6 elements, 24 bytes, ["float32"]"#]);
    assert_eq!(read.facts.len(), 3);
    assert!(read.children.is_empty());
}

fn operators_are_named() {
    let kinds = [kind(0, ""), kind(32, "Evil"), kind(32, "FlexReadFile"), kind(250, "")];
    let read = read("tflite", &model(&kinds, &[], &[0; 4]));
    read.says("effect: ADD");
    read.says("effect: custom.Evil");
    read.says("effect: ReadFile");
    read.says("effect: unknown.250");
}

fn sizes_are_compared() {
    read("tflite", &model(&[kind(0, "")], &[2, 3], &[0; 20])).says("24 bytes of buffer 1, which has 20");
    read("tflite", &model(&[kind(0, "")], &[1 << 31], &[0; 4])).says("which wraps");
    read("tflite", &model(&[kind(0, "")], &[1 << 30, 1 << 30, 1 << 30], &[0; 4])).says("which wraps");
    // A buffer elsewhere in the file.
    let elsewhere = |offset: u64, size: u64| {
        let buffers = Field::Tables(vec![vec![Field::Default, Field::Large(offset), Field::Large(size)]]);
        let none = || Field::Tables(vec![]);
        read("tflite", &buffer(b"TFL3", &[Field::Number(3), none(), none(), Field::Default, buffers]))
    };
    assert_eq!(elsewhere(8, 4).facts, ["format tflite"]);
    elsewhere(8, 4000).says("behind the end");
    elsewhere(8, u64::MAX).says("which wraps");
    // Offsets that lead out.
    read("tflite", &buffer(b"TFL3", &[Field::Number(3), Field::Offset(1 << 20)])).says("behind the end");
    read("tflite", &buffer(b"TFL3", &[Field::Number(3), Field::Offset(u32::MAX)])).says("which wraps");
    let whole = model(&[kind(0, "")], &[2, 3], &[0; 24]);
    read("tflite", &whole[..whole.len() / 2]).says("behind the end");
}

fn files_behind_a_model_are_handed_out() {
    let model = model(&[kind(0, "")], &[], &[0; 4]);
    let archive = Archive::default().stored("labels.txt", b"cat").deflated("vocab.txt", b"a b").bytes();
    let read = read("tflite", &[model, archive].concat());
    assert_eq!(read.steps(), ["labels.txt", "vocab.txt"]);
    assert_eq!((read.child("labels.txt"), read.child("vocab.txt")), (&b"cat"[..], &b"a b"[..]));
}

fn one_table_used_over_and_over_is_no_trap() {
    // A hundred thousand operators that are one and the same, with a hundred thousand inputs.
    let operator = vec![Field::Number(0), Field::Numbers(vec![0; 100_000])];
    let graph = vec![Field::Default, Field::Default, Field::Default, Field::Tables(vec![operator])];
    let mut bytes =
        buffer(b"TFL3", &[Field::Number(3), Field::Tables(vec![kind(0, "")]), Field::Tables(vec![graph])]);
    let slot = bytes.len();
    // Where the one table is, by the only vector of one offset that leads to a table of two fields.
    let table = (0..slot - 8)
        .find(|at| bytes[*at..*at + 8] == [8, 0, 12, 0, 4, 0, 8, 0])
        .map(|fields| fields + 8)
        .unwrap();
    let vector = (0..table).rev().find(|at| {
        bytes[*at..*at + 4] == [1, 0, 0, 0] && {
            let offset = u32::from_le_bytes(bytes[*at + 4..*at + 8].try_into().unwrap());
            *at + 4 + offset as usize == table
        }
    });
    let vector = vector.unwrap();
    let field = (0..vector)
        .rev()
        .find(|at| {
            let offset = u32::from_le_bytes(bytes[*at..*at + 4].try_into().unwrap());
            *at + offset as usize == vector
        })
        .unwrap();
    // The vector anew, at the end, with offsets back to the table as far as they can be written: forward only, so the
    // table is written once more behind it.
    let count = 100_000usize;
    bytes[field..field + 4].copy_from_slice(&u32::try_from(slot - field).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(count).unwrap().to_le_bytes());
    let end = slot + 4 + 4 * count + 8;
    for number in 0..count {
        bytes.extend(u32::try_from(end - (slot + 4 + 4 * number)).unwrap().to_le_bytes());
    }
    bytes.extend([8, 0, 12, 0, 4, 0, 8, 0]);
    bytes.extend(8i32.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(4u32.to_le_bytes());
    bytes.extend(100_000u32.to_le_bytes());
    bytes.extend(vec![0; 400_000]);
    read("tflite", &bytes).says("one part is used more often than the file is large");
}

fn programs_are_described() {
    let read = read("executorch", &program(&["aten::add", "evil::run"], &["XnnpackBackend"], (0, 64)));
    read.says("effect: aten.add");
    read.says("effect: evil.run");
    read.says("effect: delegate.XnnpackBackend");
    assert_eq!(read.facts.len(), 4, "{:#?}", read.facts);
}

fn segments_lie_in_the_file() {
    read("executorch", &program(&[], &[], (0, 65))).says("behind the end");
    read("executorch", &program(&[], &[], (u64::MAX, 2))).says("which wraps");
}
