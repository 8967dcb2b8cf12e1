//! What cases are built with: the assembler of pickles and the builder of zip archives that the tests of the readers
//! use, and a few shapes that occur again and again.

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
#[path = "../../../read/tests/small_builders.rs"]
pub(crate) mod small;
#[allow(dead_code, reason = "the suite uses only a part of it")]
#[path = "../../../read/tests/zip_builder.rs"]
mod zip_builder;

pub(crate) use pickle_assembler::Stream;
pub(crate) use zip_builder::Archive;

/// `posix.system("id")` in protocol 2: what a plain attack does.
pub(crate) fn attack() -> Vec<u8> {
    Stream::protocol(2).global("posix", "system").text("id").tuple1().reduce().stop()
}

/// `{"a": 1}` in protocol 2.
pub(crate) fn plain() -> Vec<u8> {
    Stream::protocol(2).raw(b"}").text("a").int(1).raw(b"s").stop()
}

/// A call by REDUCE in protocol 4, of which the arguments are the values that `arguments` pushes.
pub(crate) fn call(module: &str, name: &str, arguments: impl FnOnce(Stream) -> Stream) -> Vec<u8> {
    arguments(Stream::protocol(4).stack_global(module, name).mark()).tuple().reduce().stop()
}
