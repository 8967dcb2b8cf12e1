//! What cases are built with: the assembler of pickles and the builder of zip archives that the tests of the readers
//! use, and the shapes that occur again and again.

#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/binary_builder.rs"]
pub(crate) mod binary;
#[path = "../../../read/tests/flatbuffer_builder.rs"]
mod flatbuffer_builder;
#[path = "../../../read/tests/gguf_builder.rs"]
mod gguf_builder;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/hdf5_builder.rs"]
pub(crate) mod hdf5;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/protobuf_models.rs"]
pub(crate) mod models;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/onnx_builder.rs"]
pub(crate) mod onnx;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/pickle_assembler.rs"]
mod pickle_assembler;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/protobuf.rs"]
pub(crate) mod protobuf;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/sevenz_builder.rs"]
pub(crate) mod seven;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/small_builders.rs"]
pub(crate) mod small;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/tensorflow_builder.rs"]
pub(crate) mod tensorflow;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/zip_builder.rs"]
mod zip_builder;

pub(crate) use crate::codecs::pack;
pub(crate) use flatbuffer_builder::{Field, buffer};
pub(crate) use gguf_builder::{Gguf, model as model_with_template};
pub(crate) use pickle_assembler::Stream;
pub(crate) use zip_builder::Archive;

/// `posix.system("id")` in protocol 2: what a plain attack does.
pub(crate) fn attack() -> Vec<u8> {
    Stream::protocol(2).global("posix", "system").text("id").tuple1().reduce().stop()
}

/// How findings show [`attack`].
pub(crate) const ATTACK: &str = "posix.system(\"id\")";

/// `{"a": 1}` in protocol 2.
pub(crate) fn plain() -> Vec<u8> {
    Stream::protocol(2).raw(b"}").text("a").int(1).raw(b"s").stop()
}

/// A call by REDUCE in protocol 4, of which the arguments are the values that `arguments` pushes.
pub(crate) fn call(module: &str, name: &str, arguments: impl FnOnce(Stream) -> Stream) -> Vec<u8> {
    arguments(Stream::protocol(4).stack_global(module, name).mark()).tuple().reduce().stop()
}

/// A stream that ends in the call of [`attack`] on top of what `stream` leaves.
pub(crate) fn then_attack(stream: Stream) -> Vec<u8> {
    stream.global("posix", "system").text("id").tuple1().reduce().stop()
}

/// Pushes `numpy.dtype(code)` as numpy pickles it.
pub(crate) fn dtype(stream: Stream, code: &str) -> Stream {
    let stream = stream.global("numpy", "dtype").mark().text(code).raw(b"\x89\x88").tuple().reduce();
    let order = if code.starts_with('O') { "|" } else { "<" };
    let stream = stream.mark().int(3).text(order).raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff");
    stream.int(if code.starts_with('O') { 63 } else { 0 }).tuple().build()
}

/// Pushes an array of one dimension as numpy pickles it; `module` is where `_reconstruct` lives in its version.
pub(crate) fn array(stream: Stream, module: &str, code: &str, length: u8, data: &[u8]) -> Stream {
    let stream = stream.global(module, "_reconstruct").global("numpy", "ndarray").int(0).tuple1();
    let stream = stream.bytes(b"b").raw(b"\x87").reduce().mark().int(1).int(length).tuple1();
    dtype(stream, code).raw(b"\x89").bytes(data).tuple().build()
}

/// Pushes the wrapper behind which joblib puts the bytes of an array, without these.
pub(crate) fn joblib_wrapper(stream: Stream, code: &str, length: u8) -> Stream {
    let stream = stream.global("joblib.numpy_pickle", "NumpyArrayWrapper").raw(b")\x81}").mark();
    let stream = stream.text("subclass").global("numpy", "ndarray").text("shape").int(length).tuple1();
    let stream = stream.text("order").text("C").text("dtype");
    dtype(stream, code).text("allow_mmap").raw(b"\x88").raw(b"u").build()
}

/// Pushes a tensor of one dimension that PyTorch finds in the storage `key`.
pub(crate) fn tensor(stream: Stream, storage: &str, key: &str, length: u8) -> Stream {
    let stream = stream.global("torch._utils", "_rebuild_tensor_v2").mark().mark().text("storage");
    let stream = stream.global("torch", storage).text(key).text("cpu").int(length).tuple().raw(b"Q");
    let stream = stream.int(0).int(length).tuple1().int(1).tuple1().raw(b"\x89");
    stream.global("collections", "OrderedDict").raw(b")").reduce().tuple().reduce()
}

/// A checkpoint in the zip layout of PyTorch.
pub(crate) fn checkpoint(pickle: &[u8], storages: &[&[u8]]) -> Archive {
    let archive = Archive::default().stored("archive/data.pkl", pickle);
    let archive = archive.stored("archive/byteorder", b"little");
    let storages = (0..).zip(storages);
    storages
        .fold(archive, |archive, (number, data)| archive.stored(&format!("archive/data/{number}"), data))
        .stored("archive/version", b"3\n")
}

/// A checkpoint in the old layout of PyTorch, of which the fourth pickle is the object.
pub(crate) fn old_checkpoint(object: &[u8], keys: &[&str], storages: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = [
        Stream::protocol(2).raw(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").stop(),
        Stream::protocol(2).raw(b"M\xe9\x03").stop(),
        Stream::protocol(2).raw(b"}").mark().text("little_endian").raw(b"\x88u").stop(),
        object.to_vec(),
        keys.iter().fold(Stream::protocol(2).raw(b"]("), |list, key| list.text(key)).raw(b"e").stop(),
    ]
    .concat();
    for (count, data) in storages {
        bytes.extend(count.to_le_bytes());
        bytes.extend(*data);
    }
    bytes
}

/// An array file of version 1 whose header is this literal.
pub(crate) fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{header}\n");
    let length = u16::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x01\0".as_slice(), &length.to_le_bytes(), header.as_bytes(), data].concat()
}

/// An array file of one dimension.
pub(crate) fn npy_of(descr: &str, length: usize, data: &[u8]) -> Vec<u8> {
    npy(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({length},), }}"), data)
}

/// A safetensors file.
pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&u64::try_from(header.len()).unwrap().to_le_bytes(), header.as_bytes(), data].concat()
}

/// A safetensors file with one tensor of two bytes.
pub(crate) fn good_safetensors() -> Vec<u8> {
    safetensors("{\"w\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", b"ab")
}

/// A member of a tar archive: its kind (`b'0'` a file, `b'1'` a hard and `b'2'` a symbolic link), name, link, data.
pub(crate) fn tar_member(kind: u8, name: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(124, &format!("{:011o}\0", data.len()));
    put(148, "        ");
    put(157, link);
    put(257, "ustar\x0000");
    block[156] = kind;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(data);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// A tar archive of these members.
pub(crate) fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.extend([0; 1024]);
    bytes
}

/// A tar archive of plain files.
pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    tar(&files.iter().map(|(name, data)| tar_member(b'0', name, "", data)).collect::<Vec<_>>())
}
