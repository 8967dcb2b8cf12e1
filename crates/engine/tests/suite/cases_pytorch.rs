//! Carried bytecode and the family of PyTorch: rows 10 (marshal), 18, 19 and the flatbuffer models of row 32.

use super::build::{Archive, Field, Stream, attack, buffer, call, plain};
use super::{Case, dangerous, harmless, incomplete, untrusted};

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

/// A pickle of one tensor of `shape` over a `FloatStorage` with this key and this many elements.
pub(super) fn tensor(key: &str, elements: u32, first: u32, shape: &[u32], strides: &[u32]) -> Vec<u8> {
    let number = |stream: Stream, number: u32| stream.raw(b"J").raw(&number.to_le_bytes());
    let tuple = |stream: Stream, numbers: &[u32]| {
        numbers.iter().fold(stream.mark(), |stream, one| number(stream, *one)).tuple()
    };
    let stream = Stream::protocol(2).global("torch._utils", "_rebuild_tensor_v2").mark().mark();
    let stream = stream.text("storage").global("torch", "FloatStorage").text(key).text("cpu");
    let stream = number(number(stream, elements).tuple().raw(b"Q"), first);
    let stream = tuple(tuple(stream, shape), strides).raw(b"\x89");
    stream.global("collections", "OrderedDict").raw(b")R").tuple().reduce().stop()
}

/// A checkpoint as `torch.save` lays it out: the pickle, and storage `0` of this many bytes.
pub(super) fn checkpoint(pickle: &[u8], bytes: usize) -> Vec<u8> {
    let archive = Archive::default().stored("m/data.pkl", pickle).stored("m/byteorder", b"little");
    archive.stored("m/data/0", &vec![0; bytes]).stored("m/version", b"3\n").bytes()
}

/// A TorchScript archive with this code, whose pickle makes an instance of `__torch__.Net`.
fn script(code: &str) -> Archive {
    let net =
        Stream::protocol(2).global("__torch__", "Net").raw(b")\x81}").text("training").raw(b"\x88sb").stop();
    let archive =
        Archive::default().stored("m/data.pkl", &net).deflated("m/code/__torch__.py", code.as_bytes());
    archive.stored("m/constants.pkl", b"\x80\x02).").stored("m/version", b"3\n")
}

/// A class of TorchScript whose method `forward` has this body.
fn net(body: &str) -> String {
    format!(
        "class Net(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.Net,\n    \
         x: Tensor) -> Tensor:\n    {body}\n    return x\n"
    )
}

/// An archive of `torch.export.save` with this graph.
fn exported(graph: &str) -> Archive {
    let archive = Archive::default().stored("m/models/model.json", graph.as_bytes());
    archive
        .stored("m/archive_format", b"pt2")
        .stored("m/archive_version", b"0")
        .stored("m/byteorder", b"little")
}

/// A graph that calls this and has a size that is this expression.
fn graph(target: &str, size: &str) -> String {
    format!(
        r#"{{"graph_module": {{"graph": {{"nodes": [{{"target": "{target}", "inputs": []}}]}}}},
            "sizes": [{{"as_expr": {{"expr_str": "{size}", "hint": null}}}}],
            "guards_code": ["L['x'].size()[0] == L['y'].size()[0]"]}}"#
    )
}

fn storages() -> Vec<Case> {
    vec![
        dangerous(
            18,
            "storage-larger-than-its-record",
            "4000 bytes of storage `0`, which has 4",
            "model.pt",
            || checkpoint(&tensor("0", 1000, 0, &[1000], &[1]), 4),
        ),
        dangerous(18, "storage-size-wraps", "has no size in 64 bits", "model.pt", || {
            // LONG1 of eight bytes: 2^62 elements of four bytes.
            let stream = Stream::protocol(2).mark().text("storage").global("torch", "FloatStorage").text("0");
            let stream = stream.text("cpu").raw(b"\x8a\x08\0\0\0\0\0\0\0\x40").tuple().raw(b"Q");
            checkpoint(&stream.stop(), 4)
        }),
        dangerous(18, "storage-of-less-than-nothing", "storage `0` of -1 elements", "model.pt", || {
            checkpoint(&tensor("0", u32::MAX, 0, &[], &[]), 4)
        }),
        dangerous(
            18,
            "negative-stride",
            "a number below zero in a tensor on storage `0`",
            "model.pt",
            || checkpoint(&tensor("0", 4, 3, &[4], &[u32::MAX]), 16),
        ),
        untrusted(
            18,
            "storage-that-is-not-there",
            "storage `7`, which the archive does not hold",
            "model.pt",
            || checkpoint(&tensor("7", 1, 0, &[1], &[1]), 4),
        ),
        untrusted(
            18,
            "tensor-behind-its-storage",
            "5 elements of storage `0`, which has 4",
            "model.pt",
            || checkpoint(&tensor("0", 4, 1, &[2, 2], &[2, 1]), 16),
        ),
        untrusted(
            18,
            "strides-behind-the-storage",
            "10001 elements of storage `0`, which has 4",
            "model.pt",
            || checkpoint(&tensor("0", 4, 0, &[2], &[10_000]), 16),
        ),
        untrusted(
            18,
            "wrapped-tensor-behind-its-storage",
            "9 elements of storage `0`, which has 4",
            "model.pt",
            || {
                let id = Stream::protocol(2).global("torch._tensor", "_rebuild_from_type_v2").mark();
                let function =
                    id.global("torch._utils", "_rebuild_tensor_v2").global("torch", "Tensor").mark().mark();
                let storage =
                    function.text("storage").global("torch", "FloatStorage").text("0").text("cpu").int(4);
                let layout =
                    storage.tuple().raw(b"Q").int(8).int(1).tuple1().int(1).tuple1().raw(b"\x89}").tuple();
                checkpoint(&layout.raw(b"}").tuple().reduce().stop(), 16)
            },
        ),
        harmless(18, "tensor-of-a-whole-storage", "model.pt", || {
            checkpoint(&tensor("0", 4, 0, &[2, 2], &[2, 1]), 16)
        }),
        harmless(18, "part-of-a-storage", "model.pt", || checkpoint(&tensor("0", 4, 2, &[2], &[1]), 16)),
        harmless(18, "expanded-scalar", "model.pt", || {
            checkpoint(&tensor("0", 1, 0, &[1000, 1000], &[0, 0]), 4)
        }),
        harmless(18, "empty-tensor-at-the-end", "model.pt", || {
            checkpoint(&tensor("0", 4, 4, &[0, 3], &[3, 1]), 16)
        }),
        harmless(18, "larger-record", "model.pt", || checkpoint(&tensor("0", 4, 0, &[4], &[1]), 64)),
        harmless(18, "meta-tensor", "model.pt", || {
            let stream = Stream::protocol(2).mark().text("storage").global("torch", "FloatStorage").text("9");
            checkpoint(&stream.text("meta").int(200).tuple().raw(b"Q").stop(), 4)
        }),
    ]
}

fn scripts() -> Vec<Case> {
    vec![
        dangerous(19, "operator-writes-a-file", "aten.save", "model.pt", || {
            script(&net("torch.save(x, \"/tmp/weighbridge\")")).bytes()
        }),
        dangerous(19, "operator-by-its-namespace", "aten.from_file", "model.pt", || {
            script(&net("y = ops.aten.from_file(\"/etc/passwd\", False, 10)")).bytes()
        }),
        dangerous(19, "operator-as-a-method", "aten.from_file", "model.pt", || {
            script(&net("y = \"/etc/passwd\".from_file(False, 10)")).bytes()
        }),
        dangerous(19, "operator-by-getattr", "aten.save", "model.pt", || {
            script(&net("getattr(x, \"save\")(\"/tmp/weighbridge\")")).bytes()
        }),
        dangerous(19, "operator-under-another-name", "aten.save", "model.pt", || {
            script(&net("f = torch.save\n    f(x, \"/tmp/weighbridge\")")).bytes()
        }),
        dangerous(19, "operator-over-lines", "aten.save", "model.pt", || {
            script(&net("(torch # .\n      . \n save(x, 'a'))")).bytes()
        }),
        dangerous(19, "operator-in-mobile-bytecode", "aten.save", "model.ptl", || {
            let names =
                Stream::protocol(2).mark().text("operators").mark().text("aten::save").text("").int(2);
            script(&net("pass")).stored("m/bytecode.pkl", &names.tuple().tuple().stop()).bytes()
        }),
        untrusted(19, "operator-of-a-library", "evil.run", "model.pt", || {
            script(&net("y = ops.evil.run(x)")).bytes()
        }),
        untrusted(19, "table-of-operators-as-a-value", "`ops.evil`", "model.pt", || {
            script(&net("o = ops.evil\n    y = o.run(x)")).bytes()
        }),
        untrusted(19, "class-of-a-library", "torch.classes.evil.Thing", "model.pt", || {
            let thing = Stream::protocol(2).global("__torch__.torch.classes.evil", "Thing").raw(b")\x81");
            script(&net("pass")).stored("m/attributes.pkl", &thing.stop()).bytes()
        }),
        untrusted(
            19,
            "type-that-no-code-defines",
            "`__torch__.Other` is a type of TorchScript",
            "model.pt",
            || {
                let other = Stream::protocol(2).global("__torch__", "Other").raw(b")\x81").stop();
                script(&net("pass")).stored("m/extra.pkl", &other).bytes()
            },
        ),
        untrusted(
            19,
            "type-of-another-archive",
            "`__torch__.Net` is a type of TorchScript",
            "model.zip",
            || {
                let inner = Stream::protocol(2).global("__torch__", "Net").raw(b")\x81").stop();
                let lonely =
                    Archive::default().stored("n/data.pkl", &inner).stored("n/version", b"3\n").bytes();
                Archive::default()
                    .stored("a.pt", &script(&net("pass")).bytes())
                    .stored("b.pt", &lonely)
                    .bytes()
            },
        ),
        dangerous(19, "attack-in-constants", "posix.system(\"id\")", "model.pt", || {
            script(&net("pass")).stored("m/constants.pkl", &attack()).bytes()
        }),
        dangerous(19, "attack-in-extra-files", "posix.system(\"id\")", "model.pt", || {
            script(&net("pass")).stored("m/extra/notes", &attack()).bytes()
        }),
        dangerous(19, "attack-in-debug-information", "posix.system(\"id\")", "model.pt", || {
            script(&net("pass")).stored("m/code/__torch__.py.debug_pkl", &attack()).bytes()
        }),
        incomplete(19, "code-that-is-none", "no code of TorchScript", "model.pt", || {
            script("class Net(Module):\n  \u{e9}").bytes()
        }),
        harmless(19, "module-with-operators", "model.pt", || {
            let body = "y = torch.softmax(torch.add(x, 1.5), -1)\n    z = ops.quantized.linear_dynamic(y, x)\n    \
                        ops.prim.RaiseException(\"AssertionError: \")";
            script(&net(body)).bytes()
        }),
        harmless(19, "operators-of-torchvision", "model.pt", || {
            script(&net("y = ops.torchvision.nms(x, x, 0.5)")).bytes()
        }),
        harmless(19, "texts-and-comments-about-files", "model.pt", || {
            script(&net("y = \"torch.save(x, 'a') ops.evil.run\" # ops.evil.run(x).save")).bytes()
        }),
        harmless(19, "packed-parameters", "model.pt", || {
            let class = "__torch__.torch.classes.quantized";
            let packed =
                Stream::protocol(2).global(class, "LinearPackedParamsBase").raw(b")\x81N\x85b").stop();
            script(&net("pass")).stored("m/attributes.pkl", &packed).bytes()
        }),
    ]
}

fn programs() -> Vec<Case> {
    let plain_graph = || graph("torch.ops.aten.add.Tensor", "2*s0");
    vec![
        dangerous(
            19,
            "exported-size-is-code",
            "builtins.eval(\"__import__('os').system('id')\")",
            "model.pt2",
            || exported(&graph("torch.ops.aten.add.Tensor", "__import__('os').system('id')")).bytes(),
        ),
        dangerous(
            19,
            "exported-size-is-code-without-quotes",
            "builtins.eval(\"exec(chr(112))\")",
            "model.pt2",
            || exported(&graph("torch.ops.aten.add.Tensor", "exec(chr(112))")).bytes(),
        ),
        dangerous(19, "exported-guard-is-code", "builtins.exec(\"print('ran')\")", "model.pt2", || {
            exported(r#"{"guards_code": ["print('ran')"]}"#).bytes()
        }),
        dangerous(19, "exported-weight-is-a-pickle", "posix.system(\"id\")", "model.pt2", move || {
            let table = br#"{"config": {"w": {"path_name": "weight_0", "use_pickle": true}}}"#;
            let archive = exported(&plain_graph()).stored("m/data/weights/model_weights_config.json", table);
            archive.stored("m/data/weights/weight_0", &attack()).bytes()
        }),
        dangerous(19, "exported-object-is-a-pickle", "posix.system(\"id\")", "model.pt2", move || {
            exported(&plain_graph()).stored("m/data/constants/opaque_obj_0", &attack()).bytes()
        }),
        dangerous(19, "exported-inputs-are-an-attack", "posix.system(\"id\")", "model.pt2", move || {
            let inputs = checkpoint(&attack(), 4);
            exported(&plain_graph()).stored("m/data/sample_inputs/model.pt", &inputs).bytes()
        }),
        dangerous(19, "exported-before-is-an-attack", "posix.system(\"id\")", "model.pt2", move || {
            let archive =
                Archive::default().stored("serialized_exported_program.json", plain_graph().as_bytes());
            archive
                .stored("serialized_state_dict.pt", &checkpoint(&attack(), 4))
                .stored("version", b"7.0")
                .bytes()
        }),
        untrusted(19, "exported-operator-of-a-library", "evil.run", "model.pt2", || {
            exported(&graph("torch.ops.evil.run.default", "s0")).bytes()
        }),
        untrusted(19, "exported-target-is-no-operator", "torch.os.system", "model.pt2", || {
            exported(&graph("torch.os.system", "s0")).bytes()
        }),
        untrusted(
            19,
            "compiled-library",
            "machine code data/aotinductor/model/wrapper.so",
            "model.pt2",
            || {
                let archive =
                    Archive::default().stored("m/data/aotinductor/model/wrapper.so", b"\x7fELF\x02\x01\x01");
                archive.stored("m/archive_format", b"pt2").stored("m/archive_version", b"0").bytes()
            },
        ),
        untrusted(19, "package-with-sources", "Python code shop/model.py", "package.pt", || {
            let archive = Archive::default().stored("m/.data/extern_modules", b"torch\n");
            let archive =
                archive.stored("m/shop/model.py", b"print('ran')\n").stored("m/.data/version", b"6\n");
            archive.stored("m/model/model.pkl", &plain()).bytes()
        }),
        harmless(19, "exported-program", "model.pt2", move || {
            let table = br#"{"config": {"w": {"path_name": "weight_0", "use_pickle": false}}}"#;
            let archive = exported(&plain_graph()).stored("m/data/weights/model_weights_config.json", table);
            // Bytes of a weight that look like the start of a pickle.
            archive.stored("m/data/weights/weight_0", b"\x80\x04cposix\nsystem\n").bytes()
        }),
        harmless(19, "exported-with-sizes", "model.pt2", || {
            let size = "FloorDiv(Symbol('s17', positive=True, integer=True), Integer(3))";
            exported(&graph("torch.ops.higher_order.cond", size)).bytes()
        }),
        harmless(19, "package-of-data", "package.pt", || {
            let archive = Archive::default().stored("m/.data/extern_modules", b"torch\n");
            archive
                .stored("m/.data/0.storage", &[0; 16])
                .stored("m/model/model.pkl", &tensor("0", 4, 0, &[4], &[1]))
                .bytes()
        }),
    ]
}

/// A model of TensorFlow Lite with one operator of this number and this name of its own.
fn lite(builtin: u8, own: &str) -> Vec<u8> {
    let own = if own.is_empty() { Field::Default } else { Field::text(own) };
    let kind = vec![Field::Byte(builtin), own, Field::Number(1), Field::Number(u32::from(builtin))];
    let operator = vec![Field::Number(0), Field::Numbers(vec![0]), Field::Numbers(vec![0])];
    let tensor = vec![Field::Numbers(vec![1]), Field::Byte(0), Field::Number(0)];
    let graph =
        vec![Field::Tables(vec![tensor]), Field::Default, Field::Default, Field::Tables(vec![operator])];
    let buffers = Field::Tables(vec![vec![Field::Default]]);
    let fields =
        [Field::Number(3), Field::Tables(vec![kind]), Field::Tables(vec![graph]), Field::Default, buffers];
    buffer(b"TFL3", &fields)
}

/// A program of ExecuTorch that calls this kernel and this backend.
fn program(kernel: &str, backend: &str) -> Vec<u8> {
    let named = |name: &str| Field::Tables(vec![vec![Field::text(name)]]);
    let mut plan = vec![Field::text("forward")];
    plan.resize(6, Field::Default);
    plan.push(named(kernel));
    plan.push(if backend.is_empty() { Field::Default } else { named(backend) });
    buffer(b"ET12", &[Field::Number(0), Field::Tables(vec![plan])])
}

fn flatbuffers() -> Vec<Case> {
    vec![
        untrusted(32, "tflite-custom-operator", "custom.Evil", "model.tflite", || lite(32, "Evil")),
        untrusted(32, "tflite-unknown-operator", "unknown.250", "model.tflite", || lite(250, "")),
        untrusted(32, "tflite-operator-of-tensorflow", "reads whatever file", "model.tflite", || {
            lite(32, "FlexReadFile")
        }),
        dangerous(32, "tflite-offset-that-wraps", "the offset at", "model.tflite", || {
            buffer(b"TFL3", &[Field::Number(3), Field::Offset(u32::MAX)])
        }),
        untrusted(32, "tflite-buffer-behind-the-end", "behind the end", "model.tflite", || {
            let buffers = Field::Tables(vec![vec![Field::Default, Field::Large(8), Field::Large(4000)]]);
            let none = || Field::Tables(vec![]);
            buffer(b"TFL3", &[Field::Number(3), none(), none(), Field::Default, buffers])
        }),
        dangerous(32, "tflite-with-an-attack-behind-it", "posix.system(\"id\")", "model.tflite", || {
            [lite(0, ""), Archive::default().stored("vocabulary.pkl", &attack()).bytes()].concat()
        }),
        untrusted(32, "tflite-under-another-name", "reads whatever file", "model.dat", || {
            lite(32, "FlexReadFile")
        }),
        harmless(32, "tflite-model", "model.tflite", || lite(3, "")),
        harmless(32, "tflite-detection", "model.tflite", || lite(32, "TFLite_Detection_PostProcess")),
        harmless(32, "tflite-with-labels", "model.tflite", || {
            [lite(0, ""), Archive::default().stored("labels.txt", b"cat\ndog\n").bytes()].concat()
        }),
        untrusted(32, "executorch-kernel-of-a-library", "evil.run", "model.pte", || program("evil::run", "")),
        untrusted(32, "executorch-machine-code", "AotiBackend", "model.pte", || {
            program("aten::add", "AotiBackend")
        }),
        untrusted(32, "executorch-unknown-backend", "delegate.EvilBackend", "model.pte", || {
            program("aten::add", "EvilBackend")
        }),
        dangerous(32, "executorch-segment-that-wraps", "which wraps", "model.pte", || {
            let segments = Field::Tables(vec![vec![Field::Large(u64::MAX), Field::Large(2)]]);
            let none = || Field::Default;
            buffer(b"ET12", &[Field::Number(0), none(), none(), none(), segments])
        }),
        harmless(32, "executorch-program", "model.pte", || program("aten::add", "XnnpackBackend")),
        harmless(32, "executorch-quantized", "model.pte", || program("quantized_decomposed::add", "")),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let told = "Python bytecode payload: names os, system; texts 'id'";
    let mut cases = vec![
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
    ];
    cases.extend(storages());
    cases.extend(scripts());
    cases.extend(programs());
    cases.extend(flatbuffers());
    cases
}
