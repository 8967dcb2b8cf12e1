//! ONNX models: row 22.

use super::build::onnx::{
    attribute, external, function, model, model_with, node, node_fields, node_with, plain_tensor, subgraph,
    tensor,
};
use super::build::protobuf::{bytes, message, number};
use super::{Case, dangerous, flagged, harmless, incomplete, untrusted};

/// A model with a tensor in this file.
fn beside(location: &str) -> Vec<u8> {
    model(&[node("", "Add"), message(5, &external(location, &[]))])
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        dangerous(22, "data-above", "../../../etc/passwd", "model.onnx", || beside("../../../etc/passwd")),
        dangerous(22, "data-above-in-the-middle", "a/../../b", "model.onnx", || beside("a/../../b")),
        dangerous(22, "data-absolute", "/etc/passwd", "model.onnx", || beside("/etc/passwd")),
        dangerous(22, "data-of-windows", "C:", "model.onnx", || beside("C:\\Windows\\win.ini")),
        dangerous(22, "data-backslashes", "opens a file outside", "model.onnx", || beside("..\\..\\secret")),
        dangerous(22, "data-behind-a-zero", "opens a file outside", "model.onnx", || beside("a\0/../../b")),
        dangerous(22, "data-in-a-subgraph", "../secret", "model.onnx", || {
            let inside = [message(5, &external("../secret", &[]))];
            model(&[node_with("", "If", &[subgraph("then_branch", &inside)])])
        }),
        dangerous(22, "data-in-a-constant", "../secret", "model.onnx", || {
            let value = attribute("value", message(5, &external("../secret", &[])));
            model(&[node_with("", "Constant", &[value])])
        }),
        dangerous(22, "data-in-a-list-of-tensors", "../secret", "model.onnx", || {
            let value = attribute("values", message(10, &external("../secret", &[])));
            model(&[node_with("", "Constant", &[value])])
        }),
        dangerous(22, "data-in-a-sparse-tensor", "../secret", "model.onnx", || {
            model(&[node("", "Add"), message(15, &[message(1, &external("../secret", &[]))])])
        }),
        dangerous(22, "data-in-sparse-indices", "../secret", "model.onnx", || {
            model(&[node("", "Add"), message(15, &[message(2, &external("../secret", &[]))])])
        }),
        dangerous(22, "data-in-a-sparse-attribute", "../secret", "model.onnx", || {
            let value = attribute("sparse_value", message(22, &[message(1, &external("../secret", &[]))]));
            model(&[node_with("", "Constant", &[value])])
        }),
        dangerous(22, "data-in-a-function", "../secret", "model.onnx", || {
            let value = attribute("value", message(5, &external("../secret", &[])));
            let node = node_fields("", "Constant", &[value]);
            model_with(&[super::build::onnx::node("mine", "F")], &[function("mine", "F", &node)])
        }),
        dangerous(22, "data-in-a-default-of-a-function", "../secret", "model.onnx", || {
            let value = attribute("value", message(5, &external("../secret", &[])));
            let function = [bytes(1, "F"), bytes(10, "mine"), bytes(11, value)];
            model_with(&[node("mine", "F")], &[message(25, &function)])
        }),
        dangerous(22, "data-in-training", "../secret", "model.onnx", || {
            let training = message(20, &[message(2, &[message(5, &external("../secret", &[]))])]);
            model_with(&[node("", "Add")], &[training])
        }),
        // The last of equal keys counts, whatever stands first.
        dangerous(22, "data-named-twice", "../secret", "model.onnx", || {
            model(&[node("", "Add"), message(5, &external("weights.bin", &[("location", "../secret")]))])
        })
        .beside("weights.bin", || vec![0; 8]),
        // A second graph is merged with the first one.
        dangerous(22, "two-graphs", "../secret", "model.onnx", || {
            let second = message(7, &[message(5, &external("../secret", &[]))]);
            model_with(&[node("", "Add")], &[second])
        }),
        dangerous(22, "no-extension", "../secret", "weights", || beside("../secret")),
        dangerous(22, "fields-in-another-order", "../secret", "model.onnx", || {
            let graph = message(7, &[message(5, &external("../secret", &[]))]);
            [message(8, &[number(2, 17)]), graph, number(1, 8)].concat()
        }),
        dangerous(22, "an-address-in-memory", "at the address 4096 in memory", "model.onnx", || {
            let address = external("*/_ORT_MEM_ADDR_/*", &[("offset", "4096"), ("length", "8")]);
            model(&[node("", "Add"), message(5, &address)])
        }),
        dangerous(22, "offset-that-wraps", "do not fit 64 bits", "model.onnx", || {
            let data = external("w.bin", &[("offset", "9223372036854775807"), ("length", "8")]);
            model(&[node("", "Add"), message(5, &data)])
        }),
        dangerous(22, "negative-length", "do not fit 64 bits", "model.onnx", || {
            model(&[node("", "Add"), message(5, &external("w.bin", &[("length", "-8")]))])
        }),
        dangerous(22, "shape-that-wraps", "does not fit 64 bits", "model.onnx", || {
            model(&[node("", "Add"), message(5, &tensor("w", &[1 << 33, 1 << 33], &[bytes(9, [0; 8])]))])
        }),
        dangerous(22, "class-of-an-object-of-onnx", "__class__", "model.onnx", || {
            model(&[node("", "Add"), message(5, &external("w.bin", &[("__class__", "x")]))])
        })
        .beside("w.bin", || vec![0; 8]),
        untrusted(22, "unknown-key-of-data", "external_data.loader", "model.onnx", || {
            model(&[node("", "Add"), message(5, &external("w.bin", &[("loader", "x")]))])
        })
        .beside("w.bin", || vec![0; 8]),
        untrusted(22, "data-behind-the-end", "is read up to byte 108 and has 8", "model.onnx", || {
            model(&[node("", "Add"), message(5, &external("w.bin", &[("offset", "100")]))])
        })
        .beside("w.bin", || vec![0; 8]),
        untrusted(22, "tensor-longer-than-its-bytes", "a tensor of 400 bytes has 8", "model.onnx", || {
            model(&[node("", "Add"), message(5, &tensor("w", &[100], &[bytes(9, [0; 8])]))])
        }),
        untrusted(22, "custom-domain", "com.evil.Add", "model.onnx", || model(&[node("com.evil", "Add")])),
        untrusted(22, "custom-operator-in-a-loop", "com.evil.Add", "model.onnx", || {
            model(&[node_with("", "Loop", &[subgraph("body", &[node("com.evil", "Add")])])])
        }),
        // Only the domain of the function is the model's own, not every name in it.
        untrusted(22, "custom-operator-beside-a-function", "mine.Other", "model.onnx", || {
            let helper = function("mine", "Helper", &node_fields("", "Add", &[]));
            model_with(&[node("mine", "Helper"), node("mine", "Other")], &[helper])
        }),
        untrusted(22, "python-operator", "calls a Python class", "model.onnx", || {
            model(&[node("com.microsoft", "PythonOp")])
        }),
        dangerous(22, "python-operator-with-a-class", "posix.system", "model.onnx", || {
            let class = [attribute("module", bytes(4, "posix")), attribute("class_name", bytes(4, "system"))];
            model(&[node_with("pyop", "PyOp", &class)])
        }),
        flagged(22, "onnx-as-json", ("WB-A001", "is an ONNX model"), "config.json", || {
            model(&[node("", "Add"), message(5, &plain_tensor())])
        }),
        incomplete(22, "data-missing", "names `w.bin`, which is not in the target", "model.onnx", || {
            beside("w.bin")
        }),
        incomplete(22, "data-behind-a-link", "link leads out of the target", "model.onnx", || {
            beside("w.bin")
        })
        .link("w.bin", "/etc/hostname"),
        incomplete(22, "cut-short", "ends early", "model.onnx", || {
            let whole = beside("w.bin");
            whole[..whole.len() - 30].to_vec()
        })
        .beside("w.bin", || vec![0; 8]),
        // --- Models that look like these.
        harmless(22, "data-beside", "model.onnx", || beside("model.onnx.data"))
            .beside("model.onnx.data", || vec![0; 8]),
        harmless(22, "data-in-a-folder", "model.onnx", || beside("weights/./part..1.bin"))
            .beside("weights/part..1.bin", || vec![0; 8]),
        harmless(22, "data-of-many-tensors", "model.onnx", || {
            let part = |offset: u64| {
                message(5, &external("w.bin", &[("offset", &offset.to_string()), ("length", "8")]))
            };
            model(&[node("", "Add"), part(0), part(8), part(4096)])
        })
        .beside("w.bin", || vec![0; 4104]),
        harmless(22, "text-that-names-paths", "model.onnx", || {
            let value = attribute("value", bytes(4, "../../../etc/passwd; os.system('id')"));
            let metadata = message(14, &[bytes(1, "location"), bytes(2, "../../secret")]);
            model_with(&[node_with("", "Constant", &[value])], &[metadata])
        }),
        harmless(22, "tensor-that-looks-like-a-pickle", "model.onnx", || {
            let raw = super::build::attack();
            let dims = [number(1, raw.len() as u64), number(2, 2), bytes(9, raw)];
            model(&[node("", "Add"), message(5, &dims)])
        }),
        harmless(22, "domains-of-the-runtime", "model.onnx", || {
            model(&[
                node("ai.onnx.ml", "TreeEnsembleClassifier"),
                node("com.microsoft", "FusedMatMul"),
                node("ai.onnx", "Add"),
            ])
        }),
        harmless(22, "function-of-the-model", "model.onnx", || {
            let helper = function("pkg.torch", "Attention", &node_fields("", "MatMul", &[]));
            model_with(&[node("pkg.torch", "Attention")], &[helper])
        }),
        harmless(22, "onnx-as-pb", "model.pb", || model(&[node("", "Add"), message(5, &plain_tensor())])),
        harmless(22, "empty-tensor", "model.onnx", || {
            model(&[node("", "Add"), message(5, &tensor("empty", &[0, 1 << 20], &[]))])
        }),
        harmless(22, "loop-with-tensors", "model.onnx", || {
            let body = [node("", "Add"), message(5, &plain_tensor())];
            model(&[node_with("", "Loop", &[subgraph("body", &body)])])
        }),
    ]
}
