//! Configurations of Keras models.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{Read, read, read_as};
use crate::zip_builder::Archive;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        classes_are_named_with_their_module,
        functions_are_named,
        code_is_told_wherever_it_stands,
        modules_of_pytorch_are_handed_out,
        files_are_told,
        symbols_of_tensorflow_are_named,
        ordinary_words_mean_nothing,
        equal_keys_are_all_judged,
        effects_are_bounded,
        what_is_no_json_is_told,
        other_files_are_passed_over,
        archives_hand_their_configuration_out,
        claims,
    ]
}

/// Effects of a configuration, each with its place.
fn effects(config: &str) -> Vec<String> {
    shown(&read("keras-config", config.as_bytes()))
}

fn shown(read: &Read) -> Vec<String> {
    let effects = read.facts.iter().filter_map(|fact| fact.split_once("effect: "));
    effects.map(|(_, effect)| effect.to_owned()).collect()
}

fn check(config: &str, expected: &[&str]) {
    let mut effects = effects(config);
    effects.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(effects, expected, "{config}");
}

fn classes_are_named_with_their_module() {
    for (module, domain) in [
        ("keras.layers", "keras.layers"),
        ("keras", "keras"),
        ("keras.src.layers.core.dense", "keras.layers"),
        ("tf_keras.src.layers.core.dense", "keras.layers"),
        ("tensorflow.python.keras.layers.core", "keras.layers"),
        ("keras.api._v2.keras.layers", "keras.layers"),
        ("tensorflow.keras.layers", "keras.layers"),
    ] {
        let config = format!(r#"{{"module": "{module}", "class_name": "Dense", "config": {{}}}}"#);
        check(&config, &[&format!("{domain}.Dense")]);
    }
    check(
        r#"{"module": "shop.layers", "class_name": "Rank", "config": {}, "registered_name": "shop>Rank"}"#,
        &["import shop.layers.Rank"],
    );
    check(
        r#"{"module": "kerasevil.layers", "class_name": "Dense", "config": {}}"#,
        &["import kerasevil.layers.Dense"],
    );
    check(
        r#"{"module": null, "class_name": "Rank", "config": {}, "registered_name": "shop>Rank"}"#,
        &["shop>Rank"],
    );
    check(
        r#"{"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "shop>Rank"}"#,
        &["shop>Rank", "keras.layers.Dense"],
    );
    // Keras 1 and 2 name no module; wrappers hold layers.
    check(
        r#"{"class_name": "Sequential", "config": [{"class_name": "Bidirectional", "config":
            {"layer": {"class_name": "LSTM", "config": {}}}}, {"class_name": "LSTM", "config": {}}]}"#,
        &["Sequential", "Bidirectional at config[0]", "LSTM at config[0].config.layer"],
    );
    check(
        r#"{"class_name": "MyModel", "must_restore_from_config": false, "config": {}}"#,
        &["saved_model.MyModel"],
    );
    check(
        r#"{"class_name": "__typespec__", "module": "tensorflow.python.framework.tensor_spec",
            "spec_name": "TensorSpec", "config": []}"#,
        &["tensorflow.TensorSpec"],
    );
}

fn functions_are_named() {
    for (module, expected) in [
        (r#""os""#, "os.system(?) at loss"),
        (r#""builtins""#, "builtins.system at loss"),
        ("null", "builtins.system at loss"),
        (r#""keras.src.utils.file_utils""#, "keras.utils.system at loss"),
        (r#""keras.config""#, "keras.config.system at loss"),
    ] {
        let config = format!(
            r#"{{"class_name": "Model", "config": {{}}, "loss": {{"class_name": "function", "module": {module},
                "config": "system", "registered_name": "system"}}}}"#
        );
        check(&config, &["Model", expected]);
    }
}

/// `marshal.dumps` of `def payload(): import os; os.system("id")`, compiled by Python 3.11.
pub(crate) const CODE: &str = concat!(
    "4wAAAAAAAAAAAAAAAAMAAAADAAAA8zgAAACXAGQBZABsAH0AfACgAQAAAAAAAAAAAAAAAAAAAAAAAAAAZAKmAQAAqwEAAAAAAAAA",
    "AAEAZABTACkDTukAAAAA2gJpZCkC2gJvc9oGc3lzdGVtKQFyBAAAAHMBAAAAIPoGam9iLnB52gdwYXlsb2FkcgcAAAABAAAAcx4A",
    "AACAANgEDYBJgEmASdgEBodJgkmIZIFPhE+AT4BPgE/zAAAAAA==",
);

fn code_is_told_wherever_it_stands() {
    let run = "run Python bytecode payload: names os, system; texts 'id'";
    let lambda = |config: &str| format!(r#"{{"class_name": "Lambda", "config": {config}}}"#);
    for config in [
        format!(r#"{{"function": ["{CODE}", null, null], "function_type": "lambda", "module": "__main__"}}"#),
        format!(r#"{{"function": "{CODE}", "function_type": "lambda"}}"#),
        format!(r#"{{"function": "{CODE}"}}"#),
    ] {
        check(&lambda(&config), &["Lambda", run]);
    }
    for key in ["code", "value"] {
        let config = format!(
            r#"{{"function": {{"class_name": "__lambda__", "config": {{"{key}": ["{CODE}", null, null]}}}}}}"#
        );
        let place = format!("{run} at config.function");
        check(&lambda(&config), &["Lambda", &place]);
    }
    // Deep in wrappers, and in no layer at all.
    let inner = lambda(&format!(r#"{{"function": ["{CODE}"]}}"#));
    let outer = format!(r#"{{"class_name": "TimeDistributed", "config": {{"layer": {inner}}}}}"#);
    check(&outer, &["TimeDistributed", "Lambda at config.layer", &format!("{run} at config.layer")]);
    // The shape and the mask may be functions, too.
    let shape = format!(
        r#"{{"function": {{"class_name": "function", "module": "builtins", "config": "relu"}},
            "output_shape": ["{CODE}", null, null], "output_shape_type": "lambda"}}"#
    );
    check(&lambda(&shape), &["Lambda", "builtins.relu at config.function", run]);
    // Names of functions, and functions that are given in no known way.
    check(
        &lambda(r#"{"function": "scale", "function_type": "function", "module": "shop.ops"}"#),
        &["Lambda", "shop.ops.scale(?)"],
    );
    check(&lambda("{}"), &["Lambda", "Lambda.unknown function"]);
    // The name of the layer is told.
    check(
        &lambda(&format!(r#"{{"name": "scale", "function": ["{CODE}"]}}"#)),
        &["Lambda", &format!("{run} at of `scale`")],
    );
    // Code that is damaged is code.
    check(r#"{"class_name": "__lambda__", "config": {"code": "AAAA"}}"#, &["run Python bytecode"]);
}

fn modules_of_pytorch_are_handed_out() {
    let config =
        r#"{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gAROLg=="}}"#;
    let read = read("keras-config", config.as_bytes());
    assert_eq!(read.children, [(".config.module".to_owned(), Some("pickle"), b"\x80\x04N.".to_vec())]);
    let zip = config.replace("gAROLg==", "UEsDBA==");
    assert_eq!(crate::read::read("keras-config", zip.as_bytes()).children[0].1, None);
}

fn files_are_told() {
    for class in ["StringLookup", "IntegerLookup", "TextVectorization"] {
        let config = format!(
            r#"{{"module": "keras.layers", "class_name": "{class}", "config": {{"vocabulary": "/etc/passwd"}}}}"#
        );
        let layer = format!("keras.layers.{class}");
        check(&config, &[&layer, "read /etc/passwd"]);
        let words = config.replace(r#""/etc/passwd""#, r#"["/etc/passwd", "Lambda"]"#);
        check(&words, &[&layer]);
    }
    check(
        r#"{"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/tmp/saved"}}"#,
        &["keras.layers.TFSMLayer", "read /tmp/saved"],
    );
}

fn symbols_of_tensorflow_are_named() {
    for (config, expected) in [
        (r#""TFOpLambda", "config": {"function": "math.add"}"#, "tf.math.add"),
        (r#""TFOpLambda", "config": {"function": "io.write_file"}"#, "tf.io.write_file"),
        (r#""TFOpLambda", "config": {"function": "cast"}"#, "tf.cast"),
        (r#""TensorFlowOpLayer", "config": {"node_def": {"op": "AddV2"}}"#, "AddV2"),
        (r#""TensorFlowOpLayer", "config": {"node_def": "{\"op\": \"ReadFile\"}"}"#, "ReadFile"),
    ] {
        let effects = effects(&format!(r#"{{"class_name": {config}}}"#));
        assert!(effects.contains(&expected.to_owned()), "{effects:?} lacks {expected}");
    }
}

fn ordinary_words_mean_nothing() {
    check(
        r#"{"module": "keras.layers", "class_name": "Dense", "registered_name": null,
            "config": {"name": "lambda_1", "function": "os.system", "note": "__lambda__ eval exec get_file"}}"#,
        &["keras.layers.Dense"],
    );
    // Nothing is named by a key, or by a class that is no text.
    check(r#"{"class_name": 5, "config": {"Lambda": "x"}, "Lambda": {"function": "x"}}"#, &[]);
}

fn equal_keys_are_all_judged() {
    let read = read(
        "keras-config",
        br#"{"class_name": "Dense", "class_name": "Lambda", "module": "keras.layers", "module": "os", "config": {},
            "config": {"layer": {"class_name": "LSTM", "config": {}}}}"#,
    );
    read.says("malformed: `class_name` stands twice in one object");
    let effects = shown(&read);
    for expected in [
        "keras.layers.Dense",
        "keras.layers.Lambda",
        "import os.Dense",
        "import os.Lambda",
        "LSTM at config.layer",
    ] {
        assert!(effects.contains(&expected.to_owned()), "{effects:?} lacks {expected}");
    }
}

fn effects_are_bounded() {
    let many: Vec<String> =
        (0..20_000).map(|number| format!(r#"{{"class_name": "A{number}", "config": {{}}}}"#)).collect();
    let config = format!(r#"{{"class_name": "Model", "config": [{}]}}"#, many.join(","));
    let read = read("keras-config", config.as_bytes());
    read.says("unread: more than 10000 facts from one entry");
    assert_eq!(shown(&read).len(), 10_000);
}

fn what_is_no_json_is_told() {
    for (text, reason) in [
        ("{\"class_name\": \"Lambda\", \"config\": ", "no value where one must be"),
        ("{\"class_name\": \"Lambda\", \"config\": {}} x", "something stands after the value"),
    ] {
        let read = read_as("keras-config", "a.json", text.as_bytes());
        read.says(&format!("unread: malformed: the JSON breaks off at byte {}", read_end(text, reason)));
        read.says(reason);
        assert!(shown(&read).contains(&"Lambda".to_owned()));
    }
    let deep = format!("{{\"class_name\": \"A\", \"config\": {}", "[".repeat(10_000));
    read_as("keras-config", "a.json", deep.as_bytes()).says("unread: more than 256 containers nested");
}

fn read_end(text: &str, reason: &str) -> usize {
    if reason.contains("after") { text.len() - 1 } else { text.len() }
}

fn other_files_are_passed_over() {
    for text in [r#"{"model_type": "bert"}"#, "[]", "", "{", "no JSON"] {
        assert!(read_as("keras-config", "config.json", text.as_bytes()).facts.is_empty(), "{text}");
    }
}

fn archives_hand_their_configuration_out() {
    let archive = Archive::default().stored("config.json", b"{}").stored("model.weights.h5", b"");
    let read = read_as("zip", "m.keras", &archive.bytes());
    read.says("format keras");
    assert_eq!(read.children[0], ("config.json".to_owned(), Some("keras-config"), b"{}".to_vec()));
    // The same name twice, a name that ends at a NUL, a checkpoint of PyTorch beside it: nothing keeps it from being read.
    let archive = Archive::default()
        .stored("config.json", b"{}")
        .stored("config.json", b"[]")
        .stored("config.json\0.txt", b"1")
        .stored("m/data.pkl", b"N.")
        .stored("m/version", b"3");
    let read = read_as("zip", "m.keras", &archive.bytes());
    let configs = read.children.iter().filter(|(_, reader, _)| *reader == Some("keras-config"));
    assert_eq!(configs.count(), 3, "{:?}", read.children);
}

fn claims() {
    let reader = weighbridge_read::reader("keras-config").unwrap();
    let model = br#"{"class_name": "Sequential", "config": {}}"#.as_slice();
    for (path, size, head, claim) in [
        ("a.json", 100, model, Claim::ByName),
        ("a/config.json", 100, model, Claim::ByName),
        ("a/config.json", 100_000, b"{".as_slice(), Claim::ByName),
        ("a/config.json", 100, b"{}", Claim::No),
        ("a.json", 100_000, b"{}", Claim::No),
        ("a.txt", 100, model, Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size, head }), claim, "{path}");
    }
}
