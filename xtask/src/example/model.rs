//! The models and arrays of the example, byte by byte.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Assembles a pickle opcode by opcode (names as in CPython's `pickletools`).
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn protocol(version: u8) -> Self {
        Self(vec![0x80, version])
    }

    fn op(mut self, opcode: u8) -> Self {
        self.0.push(opcode);
        self
    }

    fn global(mut self, module: &str, name: &str) -> Self {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.bytes());
        self
    }

    fn int(mut self, value: u8) -> Self {
        self.0.extend([b'K', value]);
        self
    }

    /// `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`.
    fn tensor(self, storage: &str, rows: u8, columns: u8) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .op(MARK)
            .op(MARK)
            .text("storage")
            .global("torch", "FloatStorage")
            .text(storage)
            .text("cpu")
            .int(rows * columns)
            .op(TUPLE)
            .op(BINPERSID)
            .int(0)
            .int(rows)
            .int(columns)
            .op(TUPLE2)
            .int(columns)
            .int(1)
            .op(TUPLE2)
            .op(NEWFALSE)
            .global("collections", "OrderedDict")
            .op(EMPTY_TUPLE)
            .op(REDUCE)
            .op(TUPLE)
            .op(REDUCE)
    }
}

const MARK: u8 = b'(';
const TUPLE: u8 = b't';
const TUPLE1: u8 = 0x85;
const TUPLE2: u8 = 0x86;
const EMPTY_TUPLE: u8 = b')';
const EMPTY_DICT: u8 = b'}';
const NEWFALSE: u8 = 0x89;
const BINPERSID: u8 = b'Q';
const REDUCE: u8 = b'R';
const SETITEMS: u8 = b'u';
const STOP: u8 = b'.';

/// A pickle that looks like an encoder and runs a program when it is loaded. The program prints a line.
pub(crate) fn encoder_that_runs_a_program() -> Vec<u8> {
    Pickle::protocol(2)
        .op(EMPTY_DICT)
        .op(MARK)
        .text("name")
        .text("encoder")
        .text("weights")
        .global("posix", "system")
        .text("echo this model just ran a program")
        .op(TUPLE1)
        .op(REDUCE)
        .op(SETITEMS)
        .op(STOP)
        .0
}

/// What `torch.save` writes for the state dict of a linear layer with 8 inputs and 2 outputs.
pub(crate) fn classifier_checkpoint() -> anyhow::Result<Vec<u8>> {
    let state = Pickle::protocol(2)
        .global("collections", "OrderedDict")
        .op(EMPTY_TUPLE)
        .op(REDUCE)
        .op(MARK)
        .text("linear.weight")
        .tensor("0", 2, 8)
        .text("linear.bias")
        .tensor("1", 1, 2)
        .op(SETITEMS)
        .op(STOP)
        .0;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    for (name, content) in [
        ("classifier/data.pkl", state),
        ("classifier/byteorder", b"little".to_vec()),
        ("classifier/data/0", floats(16)),
        ("classifier/data/1", floats(2)),
        ("classifier/version", b"3\n".to_vec()),
    ] {
        archive.start_file(name, options)?;
        archive.write_all(&content)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// A safetensors file with one tensor of 4 × 8 floats.
pub(crate) fn embedding_safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"format":"pt"},"embedding":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(floats(32));
    bytes
}

/// A safetensors file with a linear layer of 8 inputs and 2 outputs; one of its 16 weights may be another.
pub(crate) fn ranker_safetensors(edit: Option<(usize, f32)>) -> Vec<u8> {
    let header = r#"{"ranker.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]}}"#;
    let mut weights = floats(16);
    if let Some((place, weight)) = edit {
        weights[4 * place..4 * place + 4].copy_from_slice(&weight.to_le_bytes());
    }
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(weights);
    bytes
}

/// A `.npy` file (format version 1.0) with 64 labels of 0 and 1.
pub(crate) fn labels_npy() -> Vec<u8> {
    let mut header = String::from("{'descr': '|u1', 'fortran_order': False, 'shape': (64,), }");
    // The header is padded so that the data begin at a multiple of 64 bytes, and ends with a line feed.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend((0..64u8).map(|row| u8::from(row % 7 == 0)));
    bytes
}

/// Small numbers that look like weights.
fn floats(count: u16) -> Vec<u8> {
    (0..count).flat_map(|place| (f32::from(place * 37 % 101) / 101.0 - 0.5).to_le_bytes()).collect()
}
