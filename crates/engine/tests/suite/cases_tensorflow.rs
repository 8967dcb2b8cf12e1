//! Graphs of TensorFlow: row 23.

use super::build::protobuf::{bytes, message, number};
use super::build::tensorflow::{
    attribute, call, constant, entry, function, graph, graph_with, index, node, saved_model, saver,
};
use super::{Case, ORDINARY, dangerous, flagged, harmless, incomplete, untrusted};

const FILE: &str = "saved_model.pb";

/// A saved model with these nodes.
fn model(nodes: &[Vec<u8>]) -> Vec<u8> {
    saved_model(&graph(nodes), &[])
}

/// A saved model whose function of this name has these nodes, called by a node of this name.
fn model_with(caller: &str, name: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
    saved_model(
        &graph_with(&[call(caller, name)], &[function(name, nodes)]),
        &[saver("saving:0", "restoring")],
    )
}

/// A node that applies this operator to a file of this name.
fn file(operator: &str, path: &str) -> Vec<Vec<u8>> {
    vec![constant("path", path), node("use", operator, &["path", "path"], &[])]
}

/// A node with one attribute.
fn with_text(operator: &str, name: &str, text: &str) -> Vec<u8> {
    node("n", operator, &["x"], &[attribute(name, bytes(2, text))])
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        dangerous(23, "read-file", "/etc/passwd", FILE, || model(&file("ReadFile", "/etc/passwd"))),
        dangerous(23, "read-file-above", "../../secret", FILE, || model(&file("ReadFile", "../../secret"))),
        dangerous(23, "read-file-in-a-function", "/etc/passwd", FILE, || {
            model_with("serving", "f", &file("ReadFile", "/etc/passwd"))
        }),
        dangerous(23, "read-file-in-a-function-that-nobody-calls", "/etc/passwd", FILE, || {
            let unused = function("unused", &file("ReadFile", "/etc/passwd"));
            saved_model(&graph_with(&[node("a", "Relu", &[], &[])], &[unused]), &[])
        }),
        dangerous(23, "read-file-put-together", "/etc/", FILE, || {
            model(&[
                node("use", "ReadFile", &["joined:0"], &[]),
                node("joined", "StringJoin", &["one", "two"], &[]),
                constant("one", "/etc/"),
                constant("two", "passwd"),
            ])
        }),
        dangerous(23, "write-file", "/tmp/x", FILE, || model(&file("WriteFile", "/tmp/x"))),
        dangerous(23, "write-file-of-any-name", "writes any file", FILE, || {
            model(&[node("use", "WriteFile", &["input", "input"], &[])])
        }),
        dangerous(23, "write-file-in-a-frozen-graph", "/tmp/x", "frozen.pb", || {
            graph(&file("WriteFile", "/tmp/x"))
        }),
        dangerous(23, "write-file-in-a-meta-graph", "/tmp/x", "model.ckpt.meta", || {
            let info = message(1, &[bytes(4, "train"), bytes(5, "1.15.0")]);
            [info, bytes(2, graph(&file("WriteFile", "/tmp/x")))].concat()
        }),
        dangerous(23, "graph-without-extension", "/tmp/x", "weights", || graph(&file("WriteFile", "/tmp/x"))),
        dangerous(23, "graph-behind-an-unknown-field", "/tmp/x", "model.pb", || {
            [bytes(99, "hidden"), graph(&file("WriteFile", "/tmp/x"))].concat()
        }),
        dangerous(23, "library-first", "/tmp/x", "model.pb", || {
            let library = message(2, &[bytes(1, function("f", &file("WriteFile", "/tmp/x")))]);
            [library, bytes(1, call("a", "f"))].concat()
        }),
        dangerous(23, "second-meta-graph", "/tmp/x", FILE, || {
            let second = message(2, &[bytes(2, graph(&file("WriteFile", "/tmp/x")))]);
            [model(&[node("a", "Relu", &[], &[])]), second].concat()
        }),
        dangerous(23, "print-into-a-file", "/tmp/x", FILE, || {
            model(&[with_text("PrintV2", "output_stream", "file:///tmp/x")])
        }),
        dangerous(23, "debugger-into-a-file", "/tmp/x", FILE, || {
            model(&[with_text("DebugIdentity", "debug_urls", "file:///tmp/x")])
        }),
        untrusted(23, "debugger-over-the-network", "grpc://example.org:1", FILE, || {
            model(&[with_text("DebugIdentityV2", "debug_urls", "grpc://example.org:1")])
        }),
        dangerous(23, "description-from-a-file", "/etc/passwd", FILE, || {
            model(&[with_text("DecodeProtoV2", "descriptor_source", "/etc/passwd")])
        }),
        dangerous(23, "constant-from-a-file", "/etc/passwd", FILE, || {
            model(&[with_text("ImmutableConst", "memory_region_name", "/etc/passwd")])
        }),
        dangerous(23, "cache-into-a-file", "/tmp/x", FILE, || model(&file("CacheDatasetV2", "/tmp/x"))),
        dangerous(23, "records-into-a-file", "/tmp/x", FILE, || model(&file("DatasetToTFRecord", "/tmp/x"))),
        untrusted(23, "read-file-of-any-name", "reads whatever file", FILE, || {
            model(&[node("use", "ReadFile", &["input"], &[])])
        }),
        untrusted(23, "list-of-files", "lists files", FILE, || {
            model(&file("MatchingFiles", "/home/*/.ssh/*"))
        }),
        untrusted(23, "lines-of-a-file", "/etc/passwd", FILE, || {
            model(&file("TextLineDataset", "/etc/passwd"))
        }),
        untrusted(23, "python-function", "calls a Python function", FILE, || {
            model(&[with_text("PyFunc", "token", "pyfunc_0")])
        }),
        untrusted(23, "eager-python-function", "calls a Python function", FILE, || {
            model_with("serving", "f", &[with_text("EagerPyFunc", "token", "pyfunc_0")])
        }),
        untrusted(23, "stateless-python-function", "calls a Python function", FILE, || {
            model(&[with_text("PyFuncStateless", "token", "pyfunc_0")])
        }),
        untrusted(23, "custom-operator", "EvilOp", FILE, || model(&[node("a", "EvilOp", &[], &[])])),
        untrusted(23, "data-over-the-network", "opens a connection", FILE, || {
            model(&[node("a", "DataServiceDatasetV4", &[], &[])])
        }),
        untrusted(23, "end-of-the-program", "ends the program", FILE, || {
            model(&[node("a", "Abort", &[], &[])])
        }),
        dangerous(23, "save-to-a-path-of-its-own", "/tmp/x", FILE, || {
            model_with("saving", "f", &file("SaveV2", "/tmp/x"))
        }),
        dangerous(23, "restore-from-a-path-of-its-own", "/etc/secret", FILE, || {
            model_with("restoring", "f", &file("RestoreV2", "/etc/secret"))
        }),
        untrusted(23, "save-when-serving", "outside of the saver", FILE, || {
            model_with("serving", "f", &[node("s", "SaveV2", &["prefix"], &[])])
        }),
        untrusted(23, "save-under-the-name-of-a-saver", "outside of the saver", FILE, || {
            let name = "__inference__traced_save_1";
            model_with("serving", name, &[node("s", "SaveV2", &["prefix"], &[])])
        }),
        untrusted(23, "save-behind-two-calls", "outside of the saver", FILE, || {
            let outer = function("outer", &[call("c", "__inference__traced_save_1")]);
            let inner = function("__inference__traced_save_1", &[node("s", "SaveV2", &["prefix"], &[])]);
            let graph = graph_with(
                &[call("saving", "__inference__traced_save_1"), call("serving", "outer")],
                &[outer, inner],
            );
            saved_model(&graph, &[saver("saving:0", "restoring")])
        }),
        dangerous(23, "asset-above", "assets/../../secret", FILE, || {
            let asset = message(6, &[message(1, &[bytes(1, "a:0")]), bytes(2, "../../secret")]);
            saved_model(&graph(&[constant("a", "")]), &[asset])
        }),
        dangerous(23, "vocabulary-from-anywhere", "/etc/passwd", FILE, || {
            model(&[
                constant("path", "/etc/passwd"),
                node("t", "InitializeTableFromTextFileV2", &["table", "path"], &[]),
            ])
        }),
        dangerous(23, "shape-that-wraps", "does not fit 64 bits", FILE, || {
            let dim = message(2, &[number(1, 1 << 40)]);
            let tensor = message(8, &[number(1, 1), message(2, &[dim.clone(), dim])]);
            model(&[node("a", "Const", &[], &[attribute("value", tensor)])])
        }),
        dangerous(23, "checkpoint-that-wraps", "does not fit 64 bits", "model.index", || {
            index(&[("a", entry(1 << 62, 0, 8))])
        }),
        untrusted(23, "checkpoint-behind-its-end", "is read up to byte 16 and has 8", "model.index", || {
            index(&[("a", entry(2, 8, 8))])
        })
        .beside("model.data-00000-of-00001", || vec![0; 8]),
        incomplete(23, "shard-without-index", "names `model.index`", "model.data-00000-of-00001", || {
            vec![0; 8]
        }),
        incomplete(23, "model-in-text", "not read", "saved_model.pbtxt", || {
            b"saved_model_schema_version: 1\nmeta_graphs { graph_def { node { op: \"WriteFile\" } } }\n"
                .to_vec()
        }),
        flagged(23, "graph-as-json", ("WB-A001", "a TensorFlow graph"), "config.json", || {
            graph(&file("Identity", "x"))
        }),
        // --- Models that look like these.
        harmless(23, "saver-of-a-model", FILE, || {
            let save = [
                constant("part", "_temp/part"),
                node("join", "StringJoin", &["filename", "part:output:0"], &[]),
                node("sharded", "ShardedFilename", &["join:output:0"], &[]),
                node("s", "SaveV2", &["sharded:filename:0"], &[]),
                node("m", "MergeV2Checkpoints", &["sharded:filename:0", "filename"], &[]),
            ];
            let restore = [node("r", "RestoreV2", &["filename"], &[])];
            let functions = [
                function("__inference__traced_save_7", &save),
                function("__inference__traced_restore_8", &restore),
            ];
            let nodes = [
                call("saving", "__inference__traced_save_7"),
                call("restoring", "__inference__traced_restore_8"),
                node("serving", "MatMul", &[], &[]),
            ];
            saved_model(&graph_with(&nodes, &functions), &[saver("saving:0", "restoring")])
        }),
        harmless(23, "saver-of-old", "model.ckpt.meta", || {
            let nodes = [
                constant("save/Const", "model"),
                node("save/SaveV2", "SaveV2", &["save/Const"], &[]),
                node("save/RestoreV2", "RestoreV2", &["save/Const"], &[]),
            ];
            let info = message(1, &[bytes(4, "train"), bytes(5, "1.15.0")]);
            [info, bytes(2, graph(&nodes)), saver("save/control_dependency:0", "save/restore_all")].concat()
        }),
        harmless(23, "vocabulary-beside", FILE, || {
            // Writers leave the path in it from which the asset was copied.
            let nodes = [
                constant("path", "/home/me/vocab.txt"),
                node("t", "InitializeTableFromTextFileV2", &["table", "path"], &[]),
            ];
            let asset = message(6, &[message(1, &[bytes(1, "path:0")]), bytes(2, "vocab.txt")]);
            saved_model(&graph(&nodes), &[asset])
        })
        .beside("assets/vocab.txt", || b"a\nb\n".to_vec()),
        harmless(23, "texts-that-look-like-paths", FILE, || {
            model(&[constant("a", "/etc/passwd; ReadFile; PyFunc"), node("b", "RegexReplace", &["a"], &[])])
        }),
        harmless(23, "print-to-the-log", FILE, || model(&[with_text("PrintV2", "output_stream", "stderr")])),
        harmless(23, "cache-in-memory", FILE, || model(&file("CacheDatasetV2", ""))),
        harmless(23, "nodes-called-like-operators", FILE, || {
            model(&[node("ReadFile", "Identity", &["PyFunc"], &[]), node("PyFunc", "Relu", &[], &[])])
        }),
        harmless(23, "function-called-like-an-operator", FILE, || {
            model_with("serving", "WriteFile", &[node("a", "Relu", &[], &[])])
        }),
        harmless(23, "function-of-old", "frozen.pb", || {
            graph_with(
                &[node("a", "my_function", &[], &[])],
                &[function("my_function", &[node("b", "Relu", &[], &[])])],
            )
        }),
        harmless(23, "weights-that-look-like-a-pickle", FILE, || {
            let raw = super::build::attack();
            let dim = message(2, &[message(2, &[number(1, raw.len() as u64)])]);
            let tensor = message(8, &[number(1, 4), dim, bytes(4, raw)]);
            model(&[node("a", "Const", &[], &[attribute("value", tensor)])])
        }),
        harmless(ORDINARY, "checkpoint-of-tensorflow", "model.index", || {
            index(&[("a/.ATTRIBUTES/VARIABLE_VALUE", entry(2, 0, 8)), ("b", entry(1, 8, 4))])
        })
        .beside("model.data-00000-of-00001", || vec![0; 12]),
        harmless(ORDINARY, "protobuf-that-is-no-graph", "input_0.pb", || {
            [number(1, 3), number(2, 1), bytes(9, [0; 12])].concat()
        })
        .beside("a.pkl", super::build::plain),
    ]
}
