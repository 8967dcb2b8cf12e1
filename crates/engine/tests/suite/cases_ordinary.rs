//! Models as people save them every day, and the look-alikes on which scanners raise false alarms: calls that only look
//! dangerous, names in data, bytes that look like opcodes.

use super::build::{
    Stream, array, call, checkpoint, dtype, good_safetensors, joblib_wrapper, old_checkpoint, pack, plain,
    safetensors, tensor,
};
use super::{Case, ORDINARY, harmless};

pub(crate) fn cases() -> Vec<Case> {
    [python(), numpy(), libraries(), torch(), others()].into_iter().flatten().collect()
}

fn good(name: &str, file: &str, bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Case {
    harmless(ORDINARY, name, file, bytes)
}

/// A call of protocol 2, as libraries of the last ten years write it.
fn old(module: &str, name: &str, arguments: impl FnOnce(Stream) -> Stream) -> Vec<u8> {
    arguments(Stream::protocol(2).global(module, name).mark()).tuple().reduce().stop()
}

/// Values of the standard library.
fn python() -> Vec<Case> {
    vec![
        good("dictionary", "model.pkl", plain),
        good("dictionary-as-sav", "model.sav", plain),
        good("settings", "model.pkl", || {
            let made = Stream::protocol(2).global("argparse", "Namespace").raw(b")\x81}(").text("lr");
            let made = made.raw(b"G\x3f\x50\x62\x4d\xd2\xf1\xa9\xfc").text("resume").none().text("run");
            made.text("python train.py && rm -rf /tmp/run").raw(b"u").build().stop()
        }),
        good("deque", "model.pkl", || {
            let made =
                Stream::protocol(4).stack_global("collections", "deque").raw(b")K\x05\x86R(K\x01K\x02e");
            made.stop()
        }),
        good("date-and-time", "model.pkl", || {
            call("datetime", "datetime", |stream| stream.bytes(b"\x07\xea\x0b\x1a\x05\x15\x0e\0\0\0"))
        }),
        good("date-of-protocol-2", "model.pkl", || {
            let date = Stream::protocol(2).global("datetime", "datetime").global("_codecs", "encode");
            let date = date.text("\u{7}\u{ea}\u{b}\u{1a}\u{5}\u{15}\u{e}\0\0\0").text("latin1").raw(b"\x86R");
            date.tuple1().reduce().stop()
        }),
        good("decimal-and-fraction", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("decimal", "Decimal").text("0.1").tuple1().reduce();
            made.stack_global("fractions", "Fraction").text("1/3").tuple1().reduce().raw(b"\x86").stop()
        }),
        good("path", "model.pkl", || {
            call("pathlib", "PurePosixPath", |stream| stream.text("/").text("etc").text("passwd"))
        }),
        good("path-of-this-system", "model.pkl", || {
            call("pathlib", "PosixPath", |stream| stream.text("models").text("a.pt"))
        }),
        good("uuid", "model.pkl", || {
            let made = Stream::protocol(2).global("uuid", "UUID").raw(b")\x81}").text("int");
            made.raw(b"\x8a\x02\x39\x30s").build().stop()
        }),
        good("empty-bytes-of-protocol-2", "model.pkl", || old("__builtin__", "bytes", |stream| stream)),
        good("set-of-protocol-2", "model.pkl", || {
            old("__builtin__", "set", |stream| stream.raw(b"](").int(1).raw(b"e"))
        }),
        good("complex-number", "model.pkl", || {
            old("__builtin__", "complex", |stream| stream.raw(b"G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0"))
        }),
        good("random-state", "model.pkl", || {
            let state =
                Stream::protocol(4).raw(b"K\x03(").raw(&b"J\x01\x02\x03\x04".repeat(625)).raw(b"tN\x87");
            state.stop()
        }),
        good("array-of-the-standard-library", "model.pkl", || {
            call("array", "_array_reconstructor", |stream| {
                let stream = stream.stack_global("array", "array").text("d").int(14);
                stream.bytes(&[0; 16])
            })
        }),
        good("exception-that-was-kept", "model.pkl", || {
            call("builtins", "ValueError", |stream| stream.text("os.system is not allowed"))
        }),
        good("pickled-bytes-in-a-cache", "cache.pkl", || {
            Stream::protocol(4).raw(b"}").text("value").bytes(&plain()).raw(b"s").stop()
        }),
        good("every-protocol-0", "model.pkl", || b"(dp0\nVa\np1\nI1\nsVb\np2\n(lp3\nF0.5\nas.".to_vec()),
        good("every-protocol-1", "model.pkl", || {
            b"}q\0(X\x01\0\0\0aq\x01K\x01X\x01\0\0\0bq\x02]q\x03G\x3f\xe0\0\0\0\0\0\0au.".to_vec()
        }),
        good("every-protocol-5", "model.pkl", || {
            b"\x80\x05\x95\x15\0\0\0\0\0\0\0}\x94\x8c\x01a\x94\x96\x03\0\0\0\0\0\0\0abc\x94s.".to_vec()
        }),
    ]
}

/// Values of numpy.
fn numpy() -> Vec<Case> {
    let arrays = |name, module: &'static str| {
        good(name, "model.pkl", move || {
            array(Stream::protocol(3), module, "f8", 2, b"cposix\nsystem\n(t").stop()
        })
    };
    vec![
        arrays("array-of-numpy-1", "numpy.core.multiarray"),
        arrays("array-of-numpy-2", "numpy._core.multiarray"),
        good("array-of-protocol-2", "model.pkl", || {
            // Bytes are Latin-1 text there, through `_codecs.encode`.
            let made = Stream::protocol(2).global("numpy.core.multiarray", "_reconstruct");
            let made = made.global("numpy", "ndarray").int(0).tuple1().global("_codecs", "encode").text("b");
            let made = made.text("latin1").raw(b"\x86R\x87R").mark().int(1).int(8).tuple1();
            let made =
                dtype(made, "u1").raw(b"\x89").global("_codecs", "encode").text("\u{80}\u{4}cos\n.\u{ff}");
            made.text("latin1").raw(b"\x86R").tuple().build().stop()
        }),
        good("array-of-protocol-5", "model.pkl", || {
            let made = Stream::protocol(5).stack_global("numpy.core.numeric", "_frombuffer").mark();
            let made = made.raw(b"\x96\x08\0\0\0\0\0\0\0cposix\ns");
            dtype(made, "f8").int(1).tuple1().text("C").tuple().reduce().stop()
        }),
        good("scalar", "model.pkl", || {
            let made = Stream::protocol(3).global("numpy.core.multiarray", "scalar");
            dtype(made, "f8").bytes(&[0; 8]).raw(b"\x86R").stop()
        }),
        good("masked-array", "model.pkl", || {
            let made = Stream::protocol(3).global("numpy.ma.core", "_mareconstruct").mark();
            let made = made.global("numpy.ma.core", "MaskedArray").global("numpy", "ndarray").int(0).tuple1();
            made.bytes(b"b").tuple().reduce().stop()
        }),
        good("generator", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("numpy.random._pickle", "__generator_ctor");
            let made = made.stack_global("numpy.random._pickle", "__bit_generator_ctor");
            made.stack_global("numpy.random._pcg64", "PCG64").tuple1().reduce().tuple1().reduce().stop()
        }),
        good("random-state-of-mtrand", "model.pkl", || {
            let made = Stream::protocol(2).global("numpy.random._pickle", "__randomstate_ctor");
            made.text("MT19937").tuple1().reduce().stop()
        }),
        good("array-of-objects", "model.pkl", || {
            let made = Stream::protocol(3).global("numpy.core.multiarray", "_reconstruct");
            let made = made.global("numpy", "ndarray").int(0).tuple1().bytes(b"b").raw(b"\x87R").mark();
            let made = dtype(made.int(1).int(2).tuple1(), "O8").raw(b"\x89](").text("eval").none();
            made.raw(b"e").tuple().build().stop()
        }),
        good("joblib-arrays", "model.joblib", || {
            let made = Stream::protocol(3).raw(b"}").text("weights");
            joblib_wrapper(made, "f8", 2).raw(b"\x80\x04cos\nsystem\n.").raw(b"12s").stop()
        }),
    ]
}

/// Objects of libraries, made the way that their extension modules make them.
fn libraries() -> Vec<Case> {
    let object = |stream: Stream, module: &str, class: &str| {
        stream
            .stack_global(module, class)
            .raw(b")\x81}")
            .text("_sklearn_version")
            .text("1.7.2")
            .raw(b"s")
            .build()
    };
    let estimator = move |name, module: &'static str, class: &'static str| {
        good(name, "model.pkl", move || object(Stream::protocol(4), module, class).stop())
    };
    vec![
        estimator("logistic-regression", "sklearn.linear_model._logistic", "LogisticRegression"),
        estimator("random-forest", "sklearn.ensemble._forest", "RandomForestClassifier"),
        estimator("pipeline", "sklearn.pipeline", "Pipeline"),
        estimator("standard-scaler", "sklearn.preprocessing._data", "StandardScaler"),
        estimator("xgboost", "xgboost.sklearn", "XGBClassifier"),
        estimator("lightgbm", "lightgbm.sklearn", "LGBMClassifier"),
        good("tree", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("sklearn.tree._tree", "Tree").mark().int(4);
            array(made, "numpy._core.multiarray", "i8", 1, &[0; 8]).int(1).tuple().reduce().stop()
        }),
        good("bunch", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("sklearn.utils._bunch", "Bunch").raw(b")\x81}");
            made.text("target").int(1).raw(b"sb").stop()
        }),
        good("sparse-matrix", "model.pkl", move || {
            let made = Stream::protocol(4).stack_global("scipy.sparse._csr", "csr_matrix").raw(b")\x81}(");
            let made = made.text("_shape").int(1).int(1).raw(b"\x86").text("data");
            array(made, "numpy._core.multiarray", "f8", 1, &[0; 8]).raw(b"ub").stop()
        }),
        good("data-frame", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("pandas.core.frame", "DataFrame").raw(b")\x81}(");
            let made = made.text("_typ").text("dataframe").text("attrs").raw(b"}u");
            made.build().stop()
        }),
        good("index", "model.pkl", || {
            let made = Stream::protocol(4).stack_global("pandas.core.indexes.base", "_new_Index");
            let made = made.stack_global("pandas.core.indexes.base", "Index").raw(b"}").text("name").none();
            made.raw(b"s\x86R").stop()
        }),
        good("word-counts", "model.pkl", || {
            let made =
                Stream::protocol(4).stack_global("collections", "Counter").raw(b"}(").text("eval").int(3);
            made.text("exec").int(1).text("os.system").int(2).raw(b"u\x85R").stop()
        }),
        good("tokenizer-pattern", "model.pkl", || {
            let made = Stream::protocol(4).raw(b"}(").text("token_pattern").text("(?u)\\b\\w\\w+\\b");
            let made =
                made.text("compiled").stack_global("re", "_compile").text("\\w+").int(32).raw(b"\x86R");
            made.text("split").stack_global("builtins", "getattr").stack_global("builtins", "str");
            let made =
                Stream::protocol(4).stack_global("builtins", "getattr").stack_global("builtins", "str");
            made.text("lower").raw(b"\x86R").stop()
        }),
    ]
}

/// Checkpoints of PyTorch.
fn torch() -> Vec<Case> {
    let state = |stream: Stream| {
        let stream = stream.global("collections", "OrderedDict").raw(b")R(").text("layer.weight");
        tensor(stream, "FloatStorage", "0", 2).raw(b"u")
    };
    vec![
        good("state-dict", "model.pt", move || {
            checkpoint(&state(Stream::protocol(2)).stop(), &[b"cposix\ns"]).bytes()
        }),
        good("state-dict-as-bin", "pytorch_model.bin", move || {
            checkpoint(&state(Stream::protocol(2)).stop(), &[b"\x80\x04.\0\0\0\0\0"]).bytes()
        }),
        good("state-dict-of-old", "model.pth", move || {
            old_checkpoint(&state(Stream::protocol(2)).stop(), &["0"], &[(2, b"cposix\ns")])
        }),
        good("training-state", "last.ckpt", move || {
            let stream = Stream::protocol(2).raw(b"}(").text("epoch").int(3).text("state_dict");
            let stream = state(stream).text("size").global("torch", "Size").raw(b"(").int(2).tuple().tuple1();
            let stream = stream.reduce().text("device").global("torch", "device").text("cuda").int(0);
            let stream = stream.raw(b"\x86R").text("dtype").global("torch", "float16").raw(b"u");
            checkpoint(&stream.stop(), &[&[0; 8]]).bytes()
        }),
        good("parameter", "model.pt", move || {
            let stream = Stream::protocol(2).global("torch._utils", "_rebuild_parameter");
            let stream = tensor(stream, "HalfStorage", "0", 4).raw(b"\x88");
            let stream = stream.global("collections", "OrderedDict").raw(b")R\x87R");
            checkpoint(&stream.stop(), &[&[0; 8]]).bytes()
        }),
        good("whole-module", "model.pt", || {
            let stream = Stream::protocol(2).global("torch.nn.modules.linear", "Linear").raw(b")\x81}(");
            let stream = stream.text("training").raw(b"\x89").text("in_features").int(2).raw(b"u").build();
            checkpoint(&stream.stop(), &[]).bytes()
        }),
        good("optimizer-state", "optimizer.pt", move || {
            let stream = Stream::protocol(2).raw(b"}(").text("state").raw(b"}").int(0).raw(b"}").text("step");
            let stream = tensor(stream, "FloatStorage", "0", 1).raw(b"ss").text("param_groups").raw(b"]}");
            checkpoint(&stream.text("lr").raw(b"G\x3f\x50\x62\x4d\xd2\xf1\xa9\xfcsau").stop(), &[&[0; 4]])
                .bytes()
        }),
        good("tensor-in-a-pickle", "model.pkl", || {
            let inner = old_checkpoint(
                &tensor(Stream::protocol(2), "LongStorage", "0", 1).stop(),
                &["0"],
                &[(1, b"cposix\ns")],
            );
            call("torch.storage", "_load_from_bytes", |stream| stream.bytes(&inner))
        }),
    ]
}

/// Other formats and files that lie beside models.
fn others() -> Vec<Case> {
    vec![
        good("safetensors", "model.safetensors", good_safetensors),
        good("safetensors-metadata-with-a-command", "model.safetensors", || {
            let metadata =
                "\"__metadata__\":{\"cmd\":\"python -c 'import os; os.system(1)'\",\"format\":\"pt\"}";
            let tensor = "\"w\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}";
            safetensors(&format!("{{{metadata},{tensor}}}"), b"ab")
        }),
        good("safetensors-that-hold-a-pickle-as-bytes", "model.safetensors", || {
            let tensor = "{\"w\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}";
            safetensors(tensor, b"\x80\x04N.")
        }),
        good("packed-frame", "frame.pkl.xz", || pack("xz", &plain())),
        good("a-repository", "model.safetensors", good_safetensors)
            .beside("config.json", || b"{\"architectures\":[\"BertModel\"],\"model_type\":\"bert\"}".to_vec())
            .beside("vocab.txt", || b"[PAD]\n[UNK]\nos\nsystem\n".to_vec())
            .beside("README.md", || b"# Bert\n\n    pickle.load(open('model.pkl', 'rb'))\n".to_vec()),
    ]
}
