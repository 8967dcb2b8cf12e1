//! R, skops, and the small formats of models: rows 29, 31 and 32.

use super::build::small::{
    Xdr, catboost, flax, lightgbm, matlab, mxnet_array, mxnet_graph, openvino, pmml, skops_node, torch7,
    xgboost, xgboost_ubj,
};
use super::build::{Archive, attack};
use super::{Case, dangerous, flagged, harmless, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    [r(), skops(), boosting(), xml(), graphs(), trees()].into_iter().flatten().collect()
}

/// A skops model of one node, with an array beside it.
fn model(node: String) -> Vec<u8> {
    Archive::default().stored("schema.json", node.as_bytes()).stored("1.npy", ARRAY).bytes()
}

/// One byte as an array.
const ARRAY: &[u8] = b"\x93NUMPY\x01\0\x3a\0{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n\x07";

/// 29: what a node's loader calls, whatever the node shows to its user.
fn skops() -> Vec<Case> {
    let json =
        |content: &str| skops_node("JsonNode", "builtins", "str", &format!(r#""content": {content:?}"#));
    let id =
        move || skops_node("TupleNode", "builtins", "tuple", &format!(r#""content": [{}]"#, json("\"id\"")));
    let estimator = |state: &str| {
        let state = skops_node("DictNode", "builtins", "dict", &format!(r#""content": {{{state}}}"#));
        skops_node("ObjectNode", "sklearn.svm._classes", "SVC", &format!(r#""content": {state}"#))
    };
    vec![
        dangerous(29, "function-node", "import os.system", "model.skops", || {
            model(skops_node("FunctionNode", "os", "system", ""))
        }),
        dangerous(29, "function-node-of-protocol-0", "import os.system", "model.skops", || {
            let content = r#""content": {"module_path": "os", "function": "system"}, "protocol": 0"#;
            model(skops_node("FunctionNode", "numpy", "mean", content))
        }),
        dangerous(29, "constructor", "os.system(\"id\")", "model.skops", move || {
            model(skops_node("ConstructorFromReduceNode", "os", "system", &format!(r#""content": {}"#, id())))
        }),
        dangerous(
            29,
            "operator-node-under-another-module",
            "operator.methodcaller(\"id\")",
            "model.skops",
            move || {
                let node = skops_node(
                    "OperatorFuncNode",
                    "sklearn.base",
                    "methodcaller",
                    &format!(r#""attrs": {}"#, id()),
                );
                model(node)
            },
        ),
        dangerous(29, "method-node", "reaches behind", "model.skops", || {
            let object = skops_node("ObjectNode", "sklearn.svm._classes", "SVC", "");
            let content = format!(r#""content": {{"func": "__reduce__", "obj": {object}}}"#);
            model(skops_node("MethodNode", "sklearn.svm._classes", "SVC", &content))
        }),
        dangerous(29, "list-of-another-class", "builtins.eval([\"1\"])", "model.skops", move || {
            let item = skops_node("JsonNode", "builtins", "str", r#""content": "\"1\"""#);
            model(skops_node("ListNode", "builtins", "eval", &format!(r#""content": [{item}]"#)))
        }),
        dangerous(29, "type-of-a-key", "builtins.eval", "model.skops", || {
            let types = skops_node("TypeNode", "builtins", "eval", "");
            let types = skops_node("ListNode", "builtins", "list", &format!(r#""content": [{types}]"#));
            let content = format!(r#""key_types": {types}, "content": {{}}"#);
            model(skops_node("DictNode", "builtins", "dict", &content))
        }),
        dangerous(29, "partial-of-a-program", "functools.partial(os.system)", "model.skops", || {
            let function = skops_node("FunctionNode", "os", "system", "");
            model(skops_node(
                "PartialNode",
                "functools",
                "partial",
                &format!(r#""content": {{"func": {function}}}"#),
            ))
        }),
        dangerous(29, "planted-attribute", "plants `__class__`", "model.skops", move || {
            model(estimator(&format!(r#""__class__": {}"#, skops_node("TypeNode", "builtins", "int", ""))))
        }),
        dangerous(29, "name-that-stands-twice", "import os.system", "model.skops", || {
            let schema = r#"{"__class__": "system", "__class__": "mean", "__module__": "numpy", "__module__": "os",
                "__loader__": "FunctionNode"}"#;
            model(schema.to_owned())
        }),
        dangerous(29, "schema-in-utf-16", "import os.system", "model.skops", || {
            let schema = skops_node("FunctionNode", "os", "system", "");
            let wide: Vec<u8> = schema.encode_utf16().flat_map(u16::to_le_bytes).collect();
            Archive::default().stored("schema.json", &wide).stored("1.npy", ARRAY).bytes()
        }),
        dangerous(29, "second-schema", "import os.system", "model.skops", || {
            let archive = Archive::default()
                .stored("schema.json", skops_node("TypeNode", "builtins", "int", "").as_bytes())
                .stored("schema.json", skops_node("FunctionNode", "os", "system", "").as_bytes());
            archive.bytes()
        }),
        dangerous(29, "behind-much-padding", "import os.system", "model.zip", || {
            let padding = format!(r#"{{"padding": "{}", "#, "x".repeat(10_000));
            model(skops_node("FunctionNode", "os", "system", "").replacen('{', &padding, 1))
        }),
        untrusted(29, "class-of-another-package", "code of package `shop` runs", "model.skops", || {
            model(skops_node("ObjectNode", "shop.models", "Model", ""))
        }),
        harmless(29, "estimator", "model.skops", move || {
            let array = skops_node("NdArrayNode", "numpy", "ndarray", r#""type": "numpy", "file": "1.npy""#);
            model(estimator(&format!(r#""C": {}, "dual_coef_": {array}"#, json("1.0"))))
        }),
        harmless(29, "text-that-names-a-call", "model.skops", move || {
            model(estimator(&format!(r#""kernel": {}"#, json("\"os.system\""))))
        }),
        harmless(29, "generator", "model.skops", || {
            let name = skops_node("JsonNode", "builtins", "str", r#""content": "\"PCG64\"""#);
            let state =
                format!(r#""content": {{"bit_generator": {{"content": {{"bit_generator": {name}}}}}}}"#);
            model(skops_node("RandomGeneratorNode", "numpy.random._generator", "Generator", &state))
        }),
        harmless(29, "other-schema", "data.zip", || {
            Archive::default().stored("schema.json", b"{\"type\": \"object\"}").stored("1.npy", ARRAY).bytes()
        }),
    ]
}

/// 31: promises run when somebody looks at them, closures when somebody calls them; kept language is data.
fn r() -> Vec<Case> {
    let promise = "run R promise that calls system";
    let environment = || Xdr::new().int(4).int(0).int(253);
    vec![
        dangerous(31, "promise", promise, "model.rds", || Xdr::new().promise("system", "id").bytes()),
        dangerous(31, "promise-in-a-list", promise, "model.rds", || {
            Xdr::new().int(19).int(1).promise("system", "id").bytes()
        }),
        dangerous(31, "promise-as-an-attribute", promise, "model.rds", || {
            Xdr::new().int(13 | 1 << 9).int(0).variable("dim").promise("system", "id").null().bytes()
        }),
        dangerous(31, "promise-in-a-workspace", promise, "model.RData", || {
            Xdr::workspace().variable("model").promise("system", "id").null().bytes()
        }),
        dangerous(31, "promise-without-the-extension", promise, "weights.bin", || {
            Xdr::new().promise("system", "id").bytes()
        }),
        dangerous(31, "promise-in-text", promise, "model.rds", || {
            b"A\n2\n262658\n131840\n5\n252\n6\n1\n9\n6\nsystem\n2\n16\n1\n9\n2\nid\n254\n".to_vec()
        }),
        untrusted(31, "delayed-variable", "run R code that calls system", "model.rds", move || {
            environment().variable("x").promise("system", "id").null().int(254).int(254).bytes()
        }),
        untrusted(31, "closure", "run R code that calls system", "model.rds", || {
            Xdr::new().closure("system", "id").bytes()
        }),
        untrusted(31, "bytecode", "run R bytecode", "model.rds", || {
            Xdr::new().int(21).int(0).int(13).int(1).int(12).int(1).int(16).int(16).int(1).text("id").bytes()
        }),
        untrusted(31, "foreign-namespace", "`package.evil` is not known", "model.rds", || {
            Xdr::new().int(249).int(0).int(2).text("evil").text("1.0").bytes()
        }),
        untrusted(31, "mapped-file", "maps a file into memory", "model.rds", || {
            let class = Xdr::new().int(238).int(2).symbol("mmap_real").int(2).symbol("base").null();
            class.int(16).int(1).text("/etc/hostname").null().bytes()
        }),
        harmless(31, "call-of-a-fitted-model", "model.rds", || {
            Xdr::new().int(19).int(1).call("system", "id").bytes()
        }),
        harmless(31, "text-that-is-code", "model.rds", || {
            Xdr::new().int(16).int(1).text("system('id')").bytes()
        }),
        harmless(31, "promise-that-has-its-value", "model.rds", || {
            Xdr::new().int(5).int(13).int(1).int(7).call("system", "id").bytes()
        }),
        harmless(31, "namespace-of-r-itself", "model.rds", || {
            Xdr::new().int(249).int(0).int(2).text("stats").text("4.4.1").bytes()
        }),
        harmless(31, "compact-sequence", "model.rds", || {
            let class = Xdr::new().int(238).int(2).symbol("compact_intseq").int(2).symbol("base").null();
            class.int(14).int(0).null().bytes()
        }),
    ]
}

/// 32: trees whose libraries follow any number, and pickles in free attributes.
fn boosting() -> Vec<Case> {
    let hidden = || {
        let digits = attack().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        xgboost("[-1]", "[-1]", "[0]", &format!("\"note\":\"{digits}\""))
    };
    vec![
        dangerous(32, "xgboost-pickle-in-an-attribute", "posix.system(\"id\")", "model.json", move || {
            hidden().into_bytes()
        }),
        dangerous(32, "catboost-pickle-in-a-text", "posix.system(\"id\")", "model.cbm", || {
            let digits = attack().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            catboost("note", &digits)
        }),
        dangerous(32, "xgboost-child-nowhere", "a child that is not there", "model.json", || {
            xgboost("[2000000000,-1,-1]", "[2,-1,-1]", "[0,0,0]", "").into_bytes()
        }),
        dangerous(32, "xgboost-child-nowhere-in-ubjson", "a child that is not there", "model.ubj", || {
            xgboost_ubj(&[-5_000_000, -1], &[1, -1])
        }),
        dangerous(32, "xgboost-children-twice", "an array twice", "model.json", || {
            let sound = xgboost("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "");
            sound.replace("\"left_children\":", "\"left_children\":[1,-1,-1],\"left_children\":").into_bytes()
        }),
        dangerous(32, "xgboost-category-nowhere", "categories that are not there", "model.json", || {
            let categories =
                "\"categories\":[3],\"categories_segments\":[0],\"categories_sizes\":[900000000],";
            let sound = xgboost("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "");
            sound.replace("\"left_children\":", &format!("{categories}\"left_children\":")).into_bytes()
        }),
        harmless(32, "xgboost-categories", "model.json", || {
            let categories = "\"categories\":[3,5],\"categories_segments\":[0],\"categories_sizes\":[2],";
            let sound = xgboost("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "");
            sound.replace("\"left_children\":", &format!("{categories}\"left_children\":")).into_bytes()
        }),
        dangerous(32, "xgboost-feature-nowhere", "feature 1073741824 of 4", "model.json", || {
            xgboost("[1,-1,-1]", "[2,-1,-1]", "[1073741824,0,0]", "").into_bytes()
        }),
        dangerous(32, "xgboost-group-nowhere", "a tree of group 50000000, of 3", "model.json", || {
            let sound = xgboost("[-1]", "[-1]", "[0]", "");
            sound.replace("\"tree_info\":[0]", "\"tree_info\":[50000000]").into_bytes()
        }),
        dangerous(32, "lightgbm-child-nowhere", "a child that is not there", "model.txt", || {
            lightgbm("900000000 -1", "-2 -3", "0 0").into_bytes()
        }),
        dangerous(
            32,
            "lightgbm-sizes-behind-the-end",
            "trees behind the end of the file",
            "model.txt",
            || lightgbm("1 -1", "-2 -3", "0 0").replace("tree_sizes=", "tree_sizes=90000000 ").into_bytes(),
        ),
        dangerous(32, "lightgbm-tree-where-none-begins", "a tree where none begins", "model.txt", || {
            let two = lightgbm("1 -1", "-2 -3", "0 0").replace("tree_sizes=", "tree_sizes=5 ");
            two.replace("end of trees", "Tree=1\nnum_leaves=1\n\nend of trees").into_bytes()
        }),
        harmless(32, "xgboost-json", "model.json", || {
            let attributes = r#""best_iteration":"2","scikit_learn":"{\"_estimator_type\": \"classifier\"}""#;
            xgboost("[1,-1,-1]", "[2,-1,-1]", "[3,0,0]", attributes).into_bytes()
        }),
        harmless(32, "xgboost-attribute-that-names-a-call", "model.json", || {
            xgboost("[-1]", "[-1]", "[0]", r#""note":"os.system('id')""#).into_bytes()
        }),
        harmless(32, "xgboost-deleted-node", "model.json", || {
            xgboost("[1,-1,-1,77]", "[2,-1,-1,77]", "[3,0,0,2147483647]", "").into_bytes()
        }),
        harmless(32, "xgboost-ubjson-under-another-name", "model.bin", || {
            xgboost_ubj(&[1, -1, -1], &[2, -1, -1])
        }),
        harmless(32, "lightgbm-text", "model.txt", || lightgbm("1 -1", "-2 -3", "2 0").into_bytes()),
        harmless(32, "catboost", "model.cbm", || catboost("params", "{\"loss_function\": \"RMSE\"}")),
    ]
}

/// 32: PMML and OpenVINO.
fn xml() -> Vec<Case> {
    let entity =
        |place: &str| pmml(&format!("<!DOCTYPE PMML [<!ENTITY x SYSTEM \"{place}\">]>\n"), "").into_bytes();
    vec![
        dangerous(32, "pmml-entity-of-a-file", "opens `/etc/passwd`", "model.pmml", move || {
            entity("file:///etc/passwd")
        }),
        dangerous(32, "pmml-entity-that-climbs", "opens `../../secret`", "model.xml", move || {
            entity("../../secret")
        }),
        untrusted(32, "pmml-entity-of-an-address", "fetches `http://a.example/x`", "model.pmml", move || {
            entity("http://a.example/x")
        }),
        untrusted(32, "pmml-parameter-entity", "fetches `ftp://a.example/x.dtd`", "model.pmml", || {
            pmml("<!DOCTYPE PMML [<!ENTITY % x SYSTEM 'ftp://a.example/x.dtd'> %x;]>", "").into_bytes()
        }),
        flagged(32, "pmml-entities-that-unfold", ("WB-A002", "an entity unfolds to"), "model.pmml", || {
            let mut bomb = "<!DOCTYPE PMML [<!ENTITY e0 'lol'>".to_owned();
            for level in 1..12 {
                bomb += &format!("<!ENTITY e{level} '{}'>", format!("&e{};", level - 1).repeat(10));
            }
            pmml(&(bomb + "]>"), "").into_bytes()
        }),
        untrusted(32, "pmml-function-of-a-class", "function.com.example.Run", "model.pmml", || {
            pmml("", r#"<Apply function="com.example.Run"/>"#).into_bytes()
        }),
        harmless(32, "pmml", "model.pmml", || {
            pmml("", r#"<DefineFunction name="mine"/><Apply function="mine"/><Apply function="ln"/>"#)
                .into_bytes()
        }),
        harmless(32, "pmml-that-speaks-of-a-file", "model.pmml", || {
            pmml(
                "<!-- <!ENTITY x SYSTEM 'file:///etc/passwd'> -->",
                r#"<Extension name="file:///etc/passwd"/>"#,
            )
            .into_bytes()
        }),
        harmless(32, "pmml-with-its-own-entities", "model.pmml", || {
            pmml("<!DOCTYPE PMML SYSTEM 'pmml-4-4.dtd' [<!ENTITY who 'me'>]>", "").into_bytes()
        }),
        untrusted(32, "openvino-layer-of-an-extension", "extension.Mine", "model.xml", || {
            openvino(r#"<layer id="0" type="Mine" version="extension"/>"#).into_bytes()
        }),
        untrusted(32, "openvino-library", "run machine code libmine.so", "model.xml", || {
            openvino(r#"<extension library="libmine.so"/>"#).into_bytes()
        }),
        dangerous(32, "openvino-weights-that-wrap", "weights of 432 bytes", "model.xml", || {
            openvino(r#"<layer id="0" type="Const" version="opset1"><data offset="18446744073709551615" size="432"/></layer>"#)
                .into_bytes()
        }),
        harmless(32, "openvino", "model.xml", || {
            openvino(r#"<layer id="0" name="Custom" type="Convolution" version="opset1"><data strides="1, 1"/></layer>"#)
                .into_bytes()
        }),
    ]
}

/// 32: MXNet, Torch7, MATLAB.
fn graphs() -> Vec<Case> {
    let nothing = 0i32.to_le_bytes();
    let function = || {
        let begun: Vec<u8> = [6i32, 4].iter().flat_map(|word| word.to_le_bytes()).collect();
        [begun.as_slice(), b"\x1bLJ\x02", &0i32.to_le_bytes()].concat()
    };
    vec![
        untrusted(
            32,
            "mxnet-custom-operator",
            "calls code of the loading program",
            "model-symbol.json",
            || mxnet_graph("Custom", r#""op_type": "mine""#).into_bytes(),
        ),
        dangerous(32, "mxnet-function-by-its-address", "by its address in memory", "model.json", || {
            mxnet_graph("_Native", r#""info": "0x41414141""#).into_bytes()
        }),
        untrusted(32, "mxnet-array-behind-the-end", "claims 2400 bytes", "model-0000.params", || {
            mxnet_array(&[2, 300], 24)
        }),
        dangerous(
            32,
            "mxnet-array-that-wraps",
            "more elements than can be counted",
            "model-0000.params",
            || mxnet_array(&[1 << 40, 1 << 40], 24),
        ),
        harmless(32, "mxnet-graph", "model-symbol.json", || {
            mxnet_graph("Convolution", r#""name": "Custom", "kernel": "(3, 3)""#).into_bytes()
        }),
        harmless(32, "mxnet-arrays", "model-0000.params", || mxnet_array(&[2, 3], 24)),
        untrusted(32, "torch7-function", "run Lua bytecode", "model.t7", move || {
            torch7("nn.Sequential", &function())
        }),
        untrusted(32, "torch7-function-in-text", "run Lua bytecode", "model.t7", || {
            b"4\n1\n3\nV 1\n9\nnn.Linear\n3\n2\n1\n2\n1\nx\n8\n3\n4\n\x1bLJ2\n0\n".to_vec()
        }),
        untrusted(
            32,
            "torch7-class-of-another-package",
            "`mine.Layer` is not known",
            "model.t7",
            move || torch7("mine.Layer", &nothing),
        ),
        harmless(32, "torch7", "model.t7", move || torch7("nn.Linear", &nothing)),
        harmless(32, "torch7-text-that-names-a-call", "model.t7", || {
            torch7("nn.Linear", b"\x02\0\0\0\x11\0\0\0os.execute('id')!")
        }),
        untrusted(32, "matlab-function-handle", "run a MATLAB function handle", "model.mat", || {
            matlab(16, &["f"])
        }),
        untrusted(32, "matlab-object", "`Mine` is not known", "model.mat", || {
            matlab(17, &["o", "MCOS", "Mine"])
        }),
        harmless(32, "matlab-array", "model.mat", || matlab(6, &["function_handle"])),
        harmless(32, "matlab-table", "model.mat", || matlab(17, &["t", "MCOS", "table"])),
    ]
}

/// 32: Flax, Zarr, Orbax.
fn trees() -> Vec<Case> {
    let array = |filters: &str| {
        format!(r#"{{"zarr_format": 2, "dtype": "|O", "compressor": {{"id": "zlib", "level": 1}}, "filters": [{filters}]}}"#)
            .into_bytes()
    };
    let pickled = || {
        let attack = attack();
        [b"\x82\xc4\x02nd\xc3\xc4\x04data\xc4".as_slice(), &[attack.len() as u8], &attack].concat()
    };
    vec![
        dangerous(32, "flax-array-of-objects-in-protocol-0", "posix.system(\"id\")", "model.msgpack", || {
            let pickle = b"cposix\nsystem\n(S'id'\ntR.";
            let beginning = b"\x83\xc4\x02nd\xc3\xc4\x04data\xc4".as_slice();
            [beginning, &[pickle.len() as u8], pickle, b"\xc4\x04kind\xc4\x01O"].concat()
        }),
        harmless(32, "flax-array-called-data", "model.msgpack", || {
            b"\x82\xc4\x04data\xc4\x07cposix.\xc4\x04kind\xc4\x01V".to_vec()
        }),
        dangerous(32, "flax-pickle-in-bytes", "posix.system(\"id\")", "model.msgpack", pickled),
        untrusted(32, "flax-extension", "extension.42", "model.msgpack", || flax(Some(42))),
        harmless(32, "flax", "flax_model.msgpack", || flax(None)),
        harmless(32, "flax-checkpoint-of-old", "checkpoint_12", || flax(None)),
        untrusted(32, "zarr-pickle-filter", "pickle", "data.zarr/x/.zarray", move || {
            array(r#"{"id": "pickle", "protocol": 5}"#)
        }),
        untrusted(32, "zarr-pickle-codec-of-version-3", "pickle", "data.zarr/zarr.json", || {
            br#"{"zarr_format": 3, "node_type": "array", "codecs": [{"name": "numcodecs.pickle"}]}"#.to_vec()
        }),
        untrusted(32, "zarr-codec-of-another-package", "codec.mine", "data.zarr/x/.zarray", move || {
            array(r#"{"id": "mine"}"#)
        }),
        untrusted(32, "zarr-array-called-attributes", "pickle", "data.zarr/zarr.json", || {
            br#"{"zarr_format": 3, "consolidated_metadata": {"metadata": {"attributes": {"codecs": [{"name": "numcodecs.pickle"}]}}}}"#
                .to_vec()
        }),
        harmless(32, "zarr-texts", "data.zarr/x/.zarray", move || array(r#"{"id": "vlen-utf8"}"#)),
        harmless(32, "zarr-attribute-that-names-a-codec", "data.zarr/zarr.json", || {
            br#"{"zarr_format": 3, "codecs": ["bytes"], "attributes": {"codecs": [{"name": "pickle"}]}}"#
                .to_vec()
        }),
        harmless(32, "orbax", "checkpoint/_METADATA", || {
            br#"{"tree_metadata": {"('a',)": {"value_metadata": {"value_type": "jax.Array"}}}, "use_zarr3": false}"#.to_vec()
        }),
    ]
}
