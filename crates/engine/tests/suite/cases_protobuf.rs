//! Core ML, CNTK and PaddlePaddle: row 32.

use super::build::models::{
    cntk, coreml, layer, network, operation, paddle, paddle_operator, parameters, program, text,
    user_function, weights,
};
use super::build::protobuf::{bytes, message, number};
use super::{Case, dangerous, harmless, incomplete, untrusted};

/// A Core ML program with weights in this file.
fn beside(file: &str, offset: u64) -> Vec<u8> {
    coreml(program(&[operation("const", weights(file, offset))]))
}

/// A field that asks for a class of the program that loads the model.
fn custom(field: u32) -> Vec<u8> {
    message(field, &[bytes(10, "EvilClass")])
}

/// A program of PaddlePaddle 3 with this operator.
fn json(operator: &str) -> Vec<u8> {
    format!(
        "{{\"base_code\":{{\"magic\":\"pir\",\"version\":4}},\"program\":{{\"regions\":[{{\"blocks\":[{{\"ops\":\
         [{operator}]}}]}}]}}}}"
    )
    .into_bytes()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        // --- Core ML
        untrusted(32, "coreml-custom-layer", "customLayer.EvilClass", "a.mlmodel", || {
            coreml(network(&[layer("a", custom(500))]))
        }),
        untrusted(32, "coreml-custom-layer-in-a-branch", "customLayer.EvilClass", "a.mlmodel", || {
            let branch = message(605, &[message(1, &[layer("inner", custom(500))])]);
            coreml(network(&[layer("a", branch)]))
        }),
        untrusted(32, "coreml-custom-layer-in-a-pipeline", "customLayer.EvilClass", "a.mlmodel", || {
            let inner = coreml(message(403, &[layer("a", custom(500))]));
            coreml(message(200, &[message(1, &[bytes(1, inner)])]))
        }),
        untrusted(32, "coreml-custom-model", "customModel.EvilClass", "a.mlmodel", || coreml(custom(555))),
        untrusted(32, "coreml-without-extension", "customModel.EvilClass", "weights", || coreml(custom(555))),
        dangerous(32, "coreml-weights-anywhere", "/etc/passwd", "a.mlmodel", || beside("/etc/passwd", 0)),
        dangerous(32, "coreml-weights-above", "../../secret", "a.mlmodel", || {
            beside("@model_path/../../secret", 0)
        }),
        dangerous(32, "coreml-weights-in-an-argument", "/etc/passwd", "a.mlmodel", || {
            let value = message(5, &[bytes(1, "/etc/passwd"), number(2, 0)]);
            let binding = message(1, &[message(2, &[value])]);
            coreml(program(&[operation("conv", message(2, &[bytes(1, "weight"), message(2, &[binding])]))]))
        }),
        dangerous(32, "coreml-linked-model", "/tmp/evil", "a.mlmodel", || {
            let file = message(1, &[message(1, &[bytes(1, "evil")]), message(2, &[bytes(1, "/tmp")])]);
            coreml(message(556, &[file]))
        }),
        dangerous(32, "coreml-offset-that-wraps", "does not fit 64 bits", "a.mlmodel", || {
            beside("@model_path/weights/weight.bin", u64::MAX)
        }),
        untrusted(32, "coreml-weights-behind-the-end", "has 8", "a.mlmodel", || {
            beside("@model_path/w.bin", 64)
        })
        .beside("w.bin", || vec![0; 8]),
        incomplete(32, "coreml-serialized-model", "a serialized model", "a.mlmodel", || {
            coreml(message(3000, &[bytes(1, "some.model"), bytes(2, "bytes")]))
        }),
        harmless(32, "coreml-network", "a.mlmodel", || {
            coreml(network(&[layer("custom", message(140, &[number(1, 2)])), layer("b", message(130, &[]))]))
        }),
        harmless(32, "coreml-trees", "a.mlmodel", || coreml(message(302, &[message(1, &[])]))),
        harmless(32, "coreml-package", "a.mlpackage/Data/com.apple.CoreML/model.mlmodel", || {
            beside("@model_path/weights/weight.bin", 64)
        })
        .beside("a.mlpackage/Data/com.apple.CoreML/weights/weight.bin", || vec![0; 256])
        .beside("a.mlpackage/Manifest.json", || b"{}".to_vec()),
        // --- CNTK
        untrusted(32, "cntk-native-function", "UserDefinedFunction.make", "a.model", || {
            let state =
                [("module", text("evil")), ("deserialize_method", text("make")), ("op", text("Mine"))];
            user_function(true, &state)
        }),
        dangerous(32, "cntk-library-anywhere", "/tmp/evil.so", "a.model", || {
            user_function(true, &[("module", text("/tmp/evil.so")), ("deserialize_method", text("make"))])
        }),
        dangerous(32, "cntk-library-over-the-network", "opens", "a.dnn", || {
            user_function(
                true,
                &[("module", text("\\\\host\\evil.dll")), ("deserialize_method", text("make"))],
            )
        }),
        untrusted(32, "cntk-python-function", "shop.Mine", "a.model", || {
            user_function(
                false,
                &[("class", text("Mine")), ("module", text("shop")), ("op_name", text("Mine"))],
            )
        }),
        dangerous(32, "cntk-python-function-of-the-system", "posix.system", "a.model", || {
            user_function(false, &[("class", text("system")), ("module", text("posix"))])
        }),
        incomplete(32, "cntk-version-1", "CNTK version 1", "a.dnn", || b"B\0C\0N\0\0\0B\0V\0e\0r\0".to_vec()),
        harmless(32, "cntk-model", "a.model", || {
            cntk(&[
                ("op", number(5, 12)),
                ("uid", text("Plus1")),
                ("name", text("module: posix, class: system")),
            ])
        }),
        harmless(32, "cntk-constant", "a.dnn", || {
            cntk(&[("op", number(5, 1)), ("value", message(13, &[message(4, &[bytes(1, [0; 16])])]))])
        }),
        // --- PaddlePaddle
        untrusted(32, "paddle-python-function", "calls a Python function", "a.pdmodel", || {
            paddle(&[paddle_operator("py_func", &[])])
        }),
        untrusted(32, "paddle-custom-operator", "evil_op", "a.pdmodel", || {
            paddle(&[paddle_operator("relu", &[]), paddle_operator("evil_op", &[])])
        }),
        untrusted(32, "paddle-compiled-program", "compiled for one kind of device", "__model__", || {
            paddle(&[paddle_operator("tensorrt_engine", &[("engine_serialized_data", "bytes")])])
        }),
        dangerous(32, "paddle-load-from-anywhere", "/etc/passwd", "a.pdmodel", || {
            paddle(&[paddle_operator("load", &[("file_path", "/etc/passwd")])])
        }),
        dangerous(32, "paddle-save-to-anywhere", "/tmp/x", "weights", || {
            paddle(&[paddle_operator("save_combine", &[("file_path", "/tmp/x")])])
        }),
        dangerous(32, "paddle-pickled-parameters", "posix.system", "a.pdparams", super::build::attack),
        dangerous(32, "paddle-pickled-optimizer-of-old", "posix.system", "a.pdopt", || {
            b"cposix\nsystem\n(S'id'\ntR.".to_vec()
        }),
        dangerous(32, "paddle-parameters-that-wrap", "does not fit 64 bits", "a.pdiparams", || {
            parameters(&[1 << 40, 1 << 40], &[0; 8])
        }),
        untrusted(32, "paddle-parameters-cut-short", "a tensor of 24 bytes has 8", "a.pdiparams", || {
            parameters(&[2, 3], &[0; 8])
        }),
        untrusted(32, "paddle-custom-operator-in-json", "custom_op.evil", "inference.json", || {
            json("{\"#\":\"1.matmul\"},{\"#\":\"3.evil\"}")
        }),
        untrusted(32, "paddle-python-function-in-json", "calls a Python function", "inference.json", || {
            json("{\"#\":\"1.if\",\"regions\":[{\"blocks\":[{\"ops\":[{\"#\":\"1.py_func\"}]}]}]}")
        }),
        harmless(32, "paddle-program", "a.pdmodel", || {
            paddle(&[
                paddle_operator("feed", &[]),
                paddle_operator("conv2d", &[("data_format", "py_func")]),
                paddle_operator("fetch", &[]),
            ])
        })
        .beside("a.pdiparams", || [parameters(&[2, 3], &[0; 24]), parameters(&[], &[0; 4])].concat()),
        harmless(32, "paddle-program-in-json", "inference.json", || {
            json("{\"#\":\"p\",\"A\":[0,1,1,\"py_func\"]},{\"#\":\"1.matmul\"},{\"#\":\"2.yield\"}")
        }),
        harmless(32, "paddle-pickled-weights", "a.pdparams", super::build::plain),
    ]
}
