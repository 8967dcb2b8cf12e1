//! Carried bytecode and the family of PyTorch: rows 10 (marshal), 18, 19 and the flatbuffer models of row 32.

use super::build::{Stream, call};
use super::{Case, dangerous, harmless, untrusted};

/// `marshal.dumps` of `def payload(): import os; os.system("id")`, compiled by Python 3.9 (flags and line numbers made
/// up).
fn bytecode() -> Vec<u8> {
    let text = |text: &str| [&[b'z', u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let tuple =
        |parts: &[Vec<u8>]| [&[b')', u8::try_from(parts.len()).unwrap()], parts.concat().as_slice()].concat();
    let mut code = b"\xe3".to_vec();
    for number in [0i32, 0, 0, 1, 2, 67] {
        code.extend(number.to_le_bytes());
    }
    // IMPORT_NAME os, STORE_FAST, LOAD_METHOD system, CALL_METHOD, RETURN_VALUE.
    let instructions = b"d\x01d\x00l\x00}\x00|\x00\xa0\x01d\x02\xa1\x01S\x00";
    code.extend(b"s");
    code.extend(i32::try_from(instructions.len()).unwrap().to_le_bytes());
    code.extend(instructions);
    code.extend(tuple(&[b"N".to_vec(), b"i\0\0\0\0".to_vec(), text("id")]));
    code.extend(tuple(&[text("os"), text("system")]));
    code.extend([tuple(&[text("os")]), tuple(&[]), tuple(&[])].concat());
    code.extend([text("job.py"), text("payload"), 1i32.to_le_bytes().to_vec()].concat());
    code.extend(b"s\0\0\0\0");
    code
}

/// The parts of a code object as cloudpickle and dill write them, from the count of arguments on.
fn code_parts(stream: Stream) -> Stream {
    let numbers = (0..6).fold(stream, |stream, _| stream.int(0));
    let constants = numbers.bytes(b"d\x01S\x00").mark().none().text("id").tuple();
    let names = constants.mark().text("os").text("system").tuple().mark().tuple();
    names.text("job.py").text("payload").int(1).bytes(b"").mark().tuple().mark().tuple()
}

pub(crate) fn cases() -> Vec<Case> {
    let told = "Python bytecode payload: names os, system; texts 'id'";
    vec![
        // --- 10: loaders inside of streams
        dangerous(10, "marshal-loads", told, "model.pkl", || {
            call("marshal", "loads", |stream| stream.bytes(&bytecode()))
        }),
        dangerous(10, "marshal-loads-latin1", told, "model.pkl", || {
            let text: String = bytecode().into_iter().map(char::from).collect();
            let stream =
                Stream::protocol(4).stack_global("marshal", "loads").stack_global("_codecs", "encode");
            stream.mark().text(&text).text("latin1").tuple().reduce().tuple1().reduce().stop()
        }),
        dangerous(10, "function-of-marshal", told, "model.pkl", || {
            let stream = Stream::protocol(4).stack_global("types", "FunctionType").mark();
            let code = stream.stack_global("marshal", "loads").bytes(&bytecode()).tuple1().reduce();
            code.raw(b"}").tuple().reduce().mark().tuple().reduce().stop()
        }),
        dangerous(10, "types-code", told, "model.pkl", || call("types", "CodeType", code_parts)),
        untrusted(10, "cloudpickle-by-value", told, "model.pkl", || {
            let module = "cloudpickle.cloudpickle";
            let stream = Stream::protocol(4).stack_global(module, "_make_function").mark();
            let kind = stream.stack_global(module, "_builtin_type").text("CodeType").tuple1().reduce();
            code_parts(kind.mark()).tuple().reduce().raw(b"}").none().none().none().tuple().reduce().stop()
        }),
        untrusted(10, "dill-by-value", told, "model.dill", || {
            let stream = Stream::protocol(4).stack_global("dill._dill", "_create_function").mark();
            let code = stream.stack_global("dill._dill", "_create_code").mark().bytes(b"\x04\x01");
            code_parts(code).tuple().reduce().raw(b"}").text("payload").none().none().tuple().reduce().stop()
        }),
        harmless(10, "bytecode-as-data", "model.pkl", || Stream::protocol(4).bytes(&bytecode()).stop()),
        harmless(10, "text-that-names-marshal", "model.pkl", || {
            Stream::protocol(4).mark().text("marshal").text("loads").tuple().stop()
        }),
    ]
}
