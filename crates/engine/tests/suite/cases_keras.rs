//! Keras and HDF5: rows 20 and 21.

use super::build::hdf5::{Hdf5, To, chunked, dataspace, filter, fixed_text, float32};
use super::build::{Archive, attack};
use super::{Case, ORDINARY, dangerous, harmless, incomplete, untrusted};

/// `marshal.dumps` of `def payload(): import os; os.system("id")`, compiled by Python 3.11, as base64.
const CODE: &str = concat!(
    "4wAAAAAAAAAAAAAAAAMAAAADAAAA8zgAAACXAGQBZABsAH0AfACgAQAAAAAAAAAAAAAAAAAAAAAAAAAAZAKmAQAAqwEAAAAAAAAA",
    "AAEAZABTACkDTukAAAAA2gJpZCkC2gJvc9oGc3lzdGVtKQFyBAAAAHMBAAAAIPoGam9iLnB52gdwYXlsb2FkcgcAAAABAAAAcx4A",
    "AACAANgEDYBJgEmASdgEBodJgkmIZIFPhE+AT4BPgE/zAAAAAA==",
);

/// A layer of Keras 3.
fn layer(class: &str, config: &str) -> String {
    format!(
        r#"{{"module": "keras.layers", "class_name": "{class}", "config": {config}, "registered_name": null}}"#
    )
}

/// A function object of Keras 3.
fn function(module: &str, name: &str) -> String {
    format!(
        r#"{{"module": "{module}", "class_name": "function", "config": "{name}", "registered_name": "{name}"}}"#
    )
}

/// A layer that carries code, as Keras 3 writes it.
fn lambda() -> String {
    let code = format!(
        r#"{{"class_name": "__lambda__", "config": {{"code": "{CODE}", "defaults": null, "closure": null}}}}"#
    );
    layer("Lambda", &format!(r#"{{"name": "scale", "function": {code}, "arguments": {{}}}}"#))
}

/// The same of Keras 2.
fn old_lambda() -> String {
    format!(
        r#"{{"class_name": "Lambda", "config": {{"name": "scale", "function": ["{CODE}", null, null],
            "function_type": "lambda", "module": "__main__", "arguments": {{}}}}}}"#
    )
}

fn dense() -> String {
    layer(
        "Dense",
        r#"{"name": "lambda_1", "units": 4, "activation": "relu", "kernel_initializer": {"module":
        "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": null}, "registered_name": null}}"#,
    )
}

/// A model of Keras 3 with these layers.
fn model(layers: &[String]) -> String {
    format!(
        r#"{{"module": "keras", "class_name": "Sequential", "config": {{"name": "m", "layers": [{}]}},
            "registered_name": null, "build_config": {{"input_shape": [null, 8]}}, "compile_config": {{"optimizer":
            "adam", "loss": "mse", "metrics": ["mae"]}}}}"#,
        layers.join(", ")
    )
}

/// A model of Keras 2 with these layers.
fn old_model(layers: &[String]) -> String {
    format!(r#"{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{}]}}}}"#, layers.join(", "))
}

/// Weights as Keras 3 stores them: `layers/dense/vars/0`.
fn weights() -> Vec<u8> {
    stored(|file| file.dataset(&[0; 128]))
}

/// Weights of Keras 3 of which one is made by `make`.
fn stored(make: impl Fn(&mut Hdf5) -> u64) -> Vec<u8> {
    let mut file = Hdf5::classic();
    let data = make(&mut file);
    keras_tree(file, To::Object(data))
}

fn keras_tree(mut file: Hdf5, to: To) -> Vec<u8> {
    let vars = file.group(&[("0", to)], &[]);
    let dense = file.group(&[("vars", To::Object(vars))], &[]);
    let layers = file.group(&[("dense", To::Object(dense))], &[]);
    let root = file.group(&[("layers", To::Object(layers))], &[]);
    file.finish(root)
}

/// A `.keras` archive with this configuration and these weights.
fn archive(config: &str, weights: &[u8]) -> Archive {
    Archive::default()
        .stored("metadata.json", br#"{"keras_version": "3.8.0", "date_saved": "2025-01-01@00:00:00"}"#)
        .stored("config.json", config.as_bytes())
        .stored("model.weights.h5", weights)
}

fn keras(config: &str) -> Vec<u8> {
    archive(config, &weights()).bytes()
}

/// An HDF5 file of Keras 2 with this configuration.
fn h5(mut file: Hdf5, config: &str) -> Vec<u8> {
    let config = file.long_text("model_config", config);
    let data = file.dataset(&[0; 8]);
    let dense =
        file.group(&[("kernel:0", To::Object(data))], &[fixed_text("weight_names", "dense/kernel:0")]);
    let weights = file.group(&[("dense", To::Object(dense))], &[fixed_text("layer_names", "dense")]);
    let more = [config, fixed_text("keras_version", "2.9.0"), fixed_text("backend", "tensorflow")];
    let root = file.group(&[("model_weights", To::Object(weights))], &more);
    file.finish(root)
}

/// Measurements that are no model: a group with one thing in it.
fn data(make: impl Fn(&mut Hdf5) -> To) -> Vec<u8> {
    let mut file = Hdf5::modern();
    let to = make(&mut file);
    let root = file.group(&[("run", to)], &[]);
    file.finish(root)
}

pub(crate) fn cases() -> Vec<Case> {
    [layers(), functions(), archives(), files(), hdf5(), ordinary()].into_iter().flatten().collect()
}

/// Row 20: code that is carried.
fn layers() -> Vec<Case> {
    let told = "Python bytecode payload: names os, system; texts 'id'";
    vec![
        untrusted(20, "lambda", told, "m.keras", || keras(&model(&[dense(), lambda()]))),
        untrusted(20, "lambda-of-keras-2", told, "m.h5", || h5(Hdf5::classic(), &old_model(&[old_lambda()]))),
        untrusted(20, "lambda-in-wrappers", told, "m.hdf5", || {
            let inner =
                format!(r#"{{"class_name": "TimeDistributed", "config": {{"layer": {}}}}}"#, old_lambda());
            let outer = format!(r#"{{"class_name": "Bidirectional", "config": {{"layer": {inner}}}}}"#);
            h5(Hdf5::classic(), &old_model(&[outer]))
        }),
        untrusted(20, "lambda-in-inner-model", told, "m.keras", || {
            keras(&model(&[model(&[model(&[lambda()])])]))
        }),
        untrusted(20, "lambda-as-output-shape", told, "m.h5", || {
            let config = format!(
                r#"{{"class_name": "Lambda", "config": {{"function": {}, "output_shape": ["{CODE}", null, null],
                    "output_shape_type": "lambda"}}}}"#,
                function("builtins", "relu")
            );
            h5(Hdf5::classic(), &old_model(&[config]))
        }),
        untrusted(20, "lambda-of-keras-1", told, "m.json", || {
            let config = format!(r#"{{"class_name": "Lambda", "config": {{"function": "{CODE}"}}}}"#);
            format!(r#"{{"class_name": "Sequential", "config": [{config}]}}"#).into_bytes()
        }),
        untrusted(20, "lambda-as-initializer", told, "m.keras", || {
            let code =
                format!(r#"{{"class_name": "__lambda__", "config": {{"value": ["{CODE}", null, null]}}}}"#);
            keras(&model(&[layer("Dense", &format!(r#"{{"kernel_initializer": {code}}}"#))]))
        }),
        untrusted(20, "lambda-without-function", "not given in a way that is known", "m.keras", || {
            keras(&model(&[layer("Lambda", "{}")]))
        }),
        untrusted(20, "registered-layer", "shop>Rank", "m.keras", || {
            let custom =
                r#"{"module": null, "class_name": "Rank", "config": {}, "registered_name": "shop>Rank"}"#;
            keras(&model(&[dense(), custom.to_owned()]))
        }),
        untrusted(20, "layer-of-a-package", "code of package `shop`", "m.keras", || {
            let custom = r#"{"module": "shop.layers", "class_name": "Rank", "config": {}, "registered_name": "shop>Rank"}"#;
            keras(&model(&[custom.to_owned()]))
        }),
        untrusted(20, "layer-of-keras-2-unknown", "`Rank` is not known", "m.h5", || {
            h5(Hdf5::classic(), &old_model(&[r#"{"class_name": "Rank", "config": {}}"#.to_owned()]))
        }),
        dangerous(20, "torch-module", "posix.system", "m.keras", || {
            let pickle = base64(&attack());
            keras(&model(&[layer("TorchModuleWrapper", &format!(r#"{{"module": "{pickle}"}}"#))]))
        }),
        untrusted(20, "saved-model-outside", "loads and runs a SavedModel", "m.keras", || {
            keras(&model(&[layer("TFSMLayer", r#"{"filepath": "saved", "call_endpoint": "serve"}"#)]))
        }),
    ]
}

/// Row 20: functions and symbols by name, and files.
fn functions() -> Vec<Case> {
    let named = |name: &'static str,
                 says: &'static str,
                 module: &'static str,
                 function_name: &'static str| {
        dangerous(20, name, says, "m.keras", move || {
            let call = format!(
                r#"{{"module": "keras.layers", "class_name": "Lambda", "config": {{"function": {}, "arguments":
                    {{"command": "id"}}}}, "registered_name": null}}"#,
                function(module, function_name)
            );
            keras(&model(&[call]))
        })
    };
    vec![
        named("function-of-os", "os.system", "os", "system"),
        named("function-of-subprocess", "subprocess.Popen", "subprocess", "Popen"),
        named("function-of-builtins", "`builtins.eval` runs the text", "builtins", "eval"),
        named("function-getattr", "`builtins.getattr` reaches", "builtins", "getattr"),
        named("get-file", "fetches a file over the network", "keras.utils", "get_file"),
        named("get-file-where-it-is-defined", "fetches a file", "keras.src.utils.file_utils", "get_file"),
        named("get-file-of-tf-keras", "fetches a file", "tf_keras.src.utils.data_utils", "get_file"),
        named("unsafe-deserialization", "switches off", "keras.config", "enable_unsafe_deserialization"),
        named("load-model", "loads another model", "keras.saving", "load_model"),
        named("save-image", "writes a file", "keras.utils", "save_img"),
        untrusted(20, "module-in-a-module", "`keras.utils.shutil` is not known", "m.keras", || {
            keras(&model(&[layer(
                "Activation",
                &format!(r#"{{"activation": {}}}"#, function("keras.src.utils.file_utils", "shutil")),
            )]))
        }),
        dangerous(20, "function-as-loss", "os.system", "m.h5", || {
            let mut file = Hdf5::classic();
            let training = format!(r#"{{"loss": {}, "optimizer_config": {{}}}}"#, function("os", "system"));
            let more = [
                file.long_text("model_config", &old_model(&[])),
                file.long_text("training_config", &training),
            ];
            let root = file.group(&[], &more);
            file.finish(root)
        }),
        dangerous(20, "symbol-of-tensorflow", "`tf.io.write_file` writes a file", "m.h5", || {
            let call =
                r#"{"class_name": "TFOpLambda", "config": {"name": "tf.cast", "function": "io.write_file"}}"#;
            h5(Hdf5::classic(), &old_model(&[call.to_owned()]))
        }),
        dangerous(20, "vocabulary-of-the-machine", "read /etc/passwd", "m.keras", || {
            keras(&model(&[layer("StringLookup", r#"{"vocabulary": "/etc/passwd"}"#)]))
        }),
        untrusted(20, "vocabulary-beside", "CVE-2025-12058", "m.keras", || {
            keras(&model(&[layer("TextVectorization", r#"{"vocabulary": "words.txt"}"#)]))
        }),
    ]
}

/// Row 20: archives and texts that hide the configuration.
fn archives() -> Vec<Case> {
    let told = "names os, system";
    vec![
        untrusted(20, "member-twice-first", told, "m.keras", || {
            let last = model(&[dense()]);
            Archive::default()
                .stored("config.json", model(&[lambda()]).as_bytes())
                .stored("config.json", last.as_bytes())
                .bytes()
        }),
        untrusted(20, "member-twice-last", told, "m.keras", || {
            let last = model(&[lambda()]);
            Archive::default()
                .stored("config.json", model(&[dense()]).as_bytes())
                .stored("config.json", last.as_bytes())
                .bytes()
        }),
        untrusted(20, "member-with-nul", told, "m.keras", || {
            Archive::default().stored("config.json\0.png", model(&[lambda()]).as_bytes()).bytes()
        }),
        untrusted(20, "no-metadata", told, "m.keras", || {
            Archive::default().stored("config.json", model(&[lambda()]).as_bytes()).bytes()
        }),
        untrusted(20, "archive-of-any-name", told, "m.bin", || keras(&model(&[lambda()]))),
        untrusted(20, "beside-a-checkpoint", told, "m.keras", || {
            let more = Archive::default().stored("m/data.pkl", b"N.").stored("m/version", b"3");
            more.stored("config.json", model(&[lambda()]).as_bytes()).bytes()
        }),
        untrusted(20, "utf-16", told, "m.keras", || {
            let wide: Vec<u8> = model(&[lambda()]).encode_utf16().flat_map(u16::to_le_bytes).collect();
            Archive::default().stored("config.json", &wide).bytes()
        }),
        dangerous(20, "key-twice-class", "os.system", "m.keras", || {
            let twice = r#"{"module": "keras.layers", "module": "os", "class_name": "Dense", "class_name": "function",
                "config": {"units": 1}, "config": "system"}"#;
            keras(&model(&[twice.to_owned()]))
        }),
        untrusted(20, "escaped-names", told, "m.keras", || {
            keras(&model(&[lambda()]).replace("__lambda__", r"\u005f_l\u0061mbda__"))
        }),
        untrusted(20, "hdf5-named-keras", told, "m.keras", || {
            h5(Hdf5::classic(), &old_model(&[old_lambda()]))
        }),
        untrusted(20, "hdf5-of-any-name", told, "weights.dat", || {
            h5(Hdf5::modern(), &old_model(&[old_lambda()]))
        }),
        untrusted(20, "folder", told, "model/config.json", || {
            let padded = format!(r#"{{"note": "{}", {}"#, "x".repeat(5000), &model(&[lambda()])[1..]);
            padded.into_bytes()
        }),
        untrusted(20, "architecture-alone", told, "architecture.json", || model(&[lambda()]).into_bytes()),
        incomplete(20, "deeper-than-read", "more than 256 containers", "m.keras", || {
            let deep = format!("{}{}{}", "[".repeat(300), lambda(), "]".repeat(300));
            keras(&model(&[layer("Dense", &format!(r#"{{"x": {deep}}}"#))]))
        }),
    ]
}

/// Row 21: data that lie elsewhere.
fn files() -> Vec<Case> {
    let kept = "CVE-2026-1669";
    vec![
        dangerous(21, "storage-of-the-machine", "read /etc/passwd", "m.keras", || {
            archive(&model(&[dense()]), &stored(|file| file.external(&["/etc/passwd"]))).bytes()
        }),
        untrusted(21, "storage-beside", kept, "m.weights.h5", || {
            stored(|file| file.external(&["secret.bin"]))
        }),
        untrusted(21, "storage-beside-known-by-its-tree", kept, "m.h5", || {
            stored(|file| file.external(&["secret.bin"]))
        }),
        dangerous(21, "storage-up", "read ../../secret", "m.weights.h5", || {
            stored(|file| file.external(&["part.bin", "../../secret"]))
        }),
        dangerous(21, "storage-of-windows", "read C:\\\\secret", "m.weights.h5", || {
            stored(|file| file.external(&["C:\\secret"]))
        }),
        dangerous(21, "storage-in-keras-2", "read /etc/passwd", "m.h5", || {
            let mut file = Hdf5::classic();
            let data = file.external(&["/etc/passwd"]);
            let config = file.long_text("model_config", &old_model(&[]));
            let root = file.group(&[("x", To::Object(data))], &[config]);
            file.finish(root)
        }),
        dangerous(21, "link-up", "read ../other.h5", "m.weights.h5", || {
            keras_tree(Hdf5::modern(), To::External("../other.h5", "/secret"))
        }),
        untrusted(21, "link-beside", kept, "m.weights.h5", || {
            keras_tree(Hdf5::classic(), To::External("other.h5", "/secret"))
        }),
        dangerous(21, "virtual-of-the-machine", "read /data/other.h5", "m.weights.h5", || {
            stored(|file| file.virtual_dataset("/data/other.h5", "/secret"))
        }),
        untrusted(21, "virtual-beside", kept, "m.weights.h5", || {
            stored(|file| file.virtual_dataset("other.h5", "/secret"))
        }),
        dangerous(21, "storage-of-measurements", "read /etc/passwd", "run.h5", || {
            data(|file| To::Object(file.external(&["/etc/passwd"])))
        }),
    ]
}

/// Row 21: places in the format where something can hide.
fn hdf5() -> Vec<Case> {
    let told = "names os, system";
    vec![
        untrusted(21, "after-a-user-block", told, "m.h5", || {
            let mut file = Hdf5::classic();
            let config = file.long_text("model_config", &old_model(&[old_lambda()]));
            let root = file.group(&[], &[config]);
            file.finish_after(root, 8192)
        }),
        dangerous(21, "in-the-user-block", "posix.system", "m.h5", || {
            let mut file = Hdf5::classic();
            let root = file.group(&[], &[]);
            let mut bytes = file.finish_after(root, 512);
            let pickle = attack();
            bytes[..pickle.len()].copy_from_slice(&pickle);
            bytes
        }),
        dangerous(21, "after-the-end", "posix.system", "m.h5", || [weights(), attack()].concat()),
        untrusted(21, "attribute-in-a-heap", told, "m.h5", || {
            let mut file = Hdf5::modern();
            let config = file.long_text("model_config", &old_model(&[old_lambda()]));
            let heap = file.dense(&[("backend", fixed_text("backend", "x")), ("model_config", config)]);
            let root = file.group(&[], &[heap]);
            file.finish(root)
        }),
        untrusted(21, "new-headers", told, "m.h5", || h5(Hdf5::modern(), &old_model(&[old_lambda()]))),
        untrusted(21, "text-of-fixed-length", told, "m.h5", || {
            let mut file = Hdf5::modern();
            let root = file.group(&[], &[fixed_text("model_config", &old_model(&[old_lambda()]))]);
            file.finish(root)
        }),
        untrusted(21, "hollow-weights", "next to nothing is stored", "m.weights.h5", || {
            stored(|file| file.object(&[dataspace(&[1 << 20, 1 << 20]), float32(), chunked()]))
        }),
        untrusted(21, "filter-of-a-stranger", "40000", "m.weights.h5", || {
            stored(|file| file.object(&[dataspace(&[4, 4]), float32(), chunked(), filter(40000, "evil")]))
        }),
        dangerous(21, "pickle-of-pytables", "posix.system", "table.h5", || {
            let mut file = Hdf5::classic();
            let pickle = "cposix\nsystem\n(S'id'\ntR.";
            let root =
                file.group(&[], &[fixed_text("PYTABLES_FORMAT_VERSION", "2.1"), fixed_text("info", pickle)]);
            file.finish(root)
        }),
        incomplete(21, "rows-of-pickles", "the rows of pickled objects", "table.h5", || {
            let mut file = Hdf5::classic();
            let root = file.group(&[], &[fixed_text("PSEUDOATOM", "object")]);
            file.finish(root)
        }),
        incomplete(21, "cut-short", "ends early", "m.h5", || {
            let mut bytes = weights();
            bytes.truncate(bytes.len() - 8);
            bytes
        }),
    ]
}

/// What looks like it and is not.
fn ordinary() -> Vec<Case> {
    vec![
        harmless(ORDINARY, "keras", "m.keras", || {
            keras(&model(&[dense(), layer("Dropout", r#"{"rate": 0.1}"#)]))
        }),
        harmless(ORDINARY, "keras-2", "m.h5", || {
            let dense =
                r#"{"class_name": "Dense", "config": {"name": "dense", "units": 1, "activation": "relu"}}"#;
            h5(Hdf5::classic(), &old_model(&[dense.to_owned()]))
        }),
        harmless(ORDINARY, "keras-2-new-headers", "m.h5", || {
            let lstm = r#"{"class_name": "LSTM", "config": {"units": 2}}"#;
            let outer = format!(r#"{{"class_name": "Bidirectional", "config": {{"layer": {lstm}}}}}"#);
            h5(Hdf5::modern(), &old_model(&[outer]))
        }),
        harmless(ORDINARY, "keras-architecture", "architecture.json", || model(&[dense()]).into_bytes()),
        harmless(20, "layer-named-lambda", "m.keras", || keras(&model(&[dense()]))),
        harmless(20, "words-of-a-vocabulary", "m.keras", || {
            let words = r#"{"vocabulary": ["Lambda", "__lambda__", "/etc/passwd", "os.system", "eval"]}"#;
            keras(&model(&[layer("StringLookup", words)]))
        }),
        harmless(20, "notes-that-say-eval", "m.keras", || {
            let notes = r#"{"units": 1, "name": "get_file", "note": {"function": "eval", "Lambda": "exec"}}"#;
            keras(&model(&[layer("Dense", notes)]))
        }),
        harmless(20, "functions-of-keras", "m.keras", || {
            let activation = format!(r#"{{"activation": {}}}"#, function("builtins", "relu"));
            let loss = format!(r#"{{"fn": {}}}"#, function("keras.losses", "mean_squared_error"));
            keras(&model(&[layer("Activation", &activation), layer("Dense", &loss)]))
        }),
        harmless(20, "lambda-of-a-function-of-keras", "m.keras", || {
            keras(&model(&[layer(
                "Lambda",
                &format!(r#"{{"function": {}}}"#, function("keras.activations", "relu")),
            )]))
        }),
        harmless(20, "operations", "m.keras", || {
            let add = r#"{"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"},
                "registered_name": "Add"}"#;
            let tensor = r#"{"class_name": "__keras_tensor__", "config": {"shape": [null, 8], "dtype": "float32",
                "keras_history": ["x", 0, 0]}}"#;
            let slice = format!(r#"{{"class_name": "__slice__", "config": {{"start": 0, "x": {tensor}}}}}"#);
            keras(&model(&[add.to_owned(), layer("Reshape", &format!(r#"{{"x": {slice}}}"#))]))
        }),
        harmless(20, "symbols-of-tensorflow", "m.h5", || {
            let add =
                r#"{"class_name": "TFOpLambda", "config": {"name": "tf.math.add", "function": "math.add"}}"#;
            let slice =
                r#"{"class_name": "SlicingOpLambda", "config": {"function": "__operators__.getitem"}}"#;
            h5(Hdf5::classic(), &old_model(&[add.to_owned(), slice.to_owned()]))
        }),
        harmless(20, "values-that-are-no-json", "m.keras", || {
            keras(&model(&[layer(
                "Normalization",
                r#"{"mean": [NaN, -Infinity], "variance": {"class_name":
                "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}}"#,
            )]))
        }),
        harmless(20, "metadata-that-lies", "m.keras", || {
            let metadata = br#"{"class_name": "Lambda", "config": {"function": "eval"}}"#;
            Archive::default()
                .stored("metadata.json", &metadata[..0])
                .stored("config.json", model(&[dense()]).as_bytes())
                .stored("model.weights.h5", &weights())
                .bytes()
        }),
        harmless(ORDINARY, "keras-weights", "m.weights.h5", weights),
        harmless(21, "user-block-of-zeros", "m.h5", || {
            let mut file = Hdf5::classic();
            let root = file.group(&[], &[]);
            file.finish_after(root, 512)
        }),
        harmless(21, "measurements-in-parts", "run.h5", || {
            data(|file| To::Object(file.virtual_dataset("part1.h5", "/data")))
        }),
        harmless(21, "measurements-linked", "run.h5", || data(|_| To::External("part1.h5", "/data"))),
        harmless(21, "measurements-of-the-file-itself", "run.h5", || {
            data(|file| To::Object(file.virtual_dataset(".", "/other")))
        }),
        harmless(21, "measurements-never-written", "run.h5", || {
            data(|file| To::Object(file.object(&[dataspace(&[1 << 20, 1 << 20]), float32(), chunked()])))
        }),
        harmless(21, "packed-measurements", "run.h5", || {
            data(|file| {
                To::Object(file.object(&[dataspace(&[4, 4]), float32(), chunked(), filter(32001, "blosc")]))
            })
        }),
        harmless(21, "soft-links", "m.weights.h5", || keras_tree(Hdf5::classic(), To::Soft("/layers"))),
        harmless(21, "attributes-in-a-heap", "run.h5", || {
            let mut file = Hdf5::modern();
            let heap = file
                .dense(&[("unit", fixed_text("unit", "eval(x).")), ("note", fixed_text("note", "(dp0."))]);
            let root = file.group(&[], &[heap]);
            file.finish(root)
        }),
    ]
}

/// Base64 of RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let group =
            part.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for digit in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * digit) & 63).unwrap();
            text.push(if digit <= part.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}
