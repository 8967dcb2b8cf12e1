//! skops models.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{read, read_as};
use crate::small_builders::skops_node;
use crate::zip_builder::Archive;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        nodes_say_what_their_loaders_do,
        names_that_stand_twice_are_all_told,
        unknown_nodes_are_not_read,
        other_schemas_are_none_of_it,
        archives_hand_the_schema_on,
        claims,
    ]
}

fn effects(schema: &str) -> Vec<String> {
    let facts = read("skops", schema.as_bytes()).facts;
    assert_eq!(facts[0], "format skops");
    facts[1..].to_vec()
}

fn nodes_say_what_their_loaders_do() {
    let node = skops_node;
    let json = |content: &str| node("JsonNode", "builtins", "str", &format!(r#""content": {content:?}"#));
    let tuple = |items: &str| node("TupleNode", "builtins", "tuple", &format!(r#""content": [{items}]"#));
    let id = || tuple(&json("\"id\""));
    for (schema, expected) in [
        (node("FunctionNode", "os", "system", ""), vec!["effect: import os.system"]),
        (node("TypeNode", "builtins", "eval", ""), vec!["effect: import builtins.eval"]),
        (
            node("ConstructorFromReduceNode", "os", "system", &format!(r#""content": {}"#, id())),
            vec!["effect: os.system(\"id\")"],
        ),
        // Protocol 0 shows one name and imports another.
        (
            node(
                "FunctionNode",
                "numpy",
                "mean",
                r#""content": {"module_path": "os", "function": "system"}"#,
            ),
            vec!["effect: import numpy.mean", "effect: import os.system"],
        ),
        // Whatever the module is called.
        (
            node("OperatorFuncNode", "sklearn.base", "methodcaller", &format!(r#""attrs": {}"#, id())),
            vec!["effect: operator.methodcaller(\"id\")"],
        ),
        (
            node(
                "MethodNode",
                "builtins",
                "int",
                &format!(
                    r#""content": {{"func": "__reduce__", "obj": {}}}"#,
                    node("ObjectNode", "a", "B", "")
                ),
            ),
            vec!["effect: import a.B.__reduce__", "effect: a.B.__new__() at content.obj"],
        ),
        (
            node(
                "PartialNode",
                "x",
                "y",
                &format!(r#""content": {{"func": {}}}"#, node("FunctionNode", "os", "system", "")),
            ),
            vec!["effect: functools.partial(os.system)", "effect: import os.system at content.func"],
        ),
        // Containers call what they are of; keys are converted by calling their types.
        (
            node("ListNode", "builtins", "eval", &format!(r#""content": [{}]"#, json("\"1\""))),
            vec!["effect: builtins.eval([\"1\"])"],
        ),
        (
            node(
                "DictNode",
                "builtins",
                "dict",
                &format!(
                    r#""key_types": {}, "content": {{"1": {}}}"#,
                    node(
                        "ListNode",
                        "builtins",
                        "list",
                        &format!(r#""content": [{}]"#, node("TypeNode", "builtins", "eval", ""))
                    ),
                    json("1"),
                ),
            ),
            vec!["effect: builtins.eval(?) at key_types.content[0]"],
        ),
        (
            node(
                "RandomGeneratorNode",
                "numpy.random._generator",
                "Generator",
                &format!(
                    r#""content": {{"bit_generator": {{"content": {{"bit_generator": {}}}}}}}"#,
                    json("\"seed\"")
                ),
            ),
            vec!["effect: numpy.random.seed(?)", "effect: numpy.random._generator.Generator(?)"],
        ),
        (
            node(
                "LossNode",
                "os",
                "system",
                &format!(
                    r#""__reduce__": {{"args": {}}}, "content": {}"#,
                    id(),
                    node("DictNode", "builtins", "dict", r#""content": {}"#)
                ),
            ),
            vec!["effect: os.system(\"id\")", "effect: set state of os.system(…) to {}"],
        ),
        (
            node("NdArrayNode", "os", "system", r#""type": "numpy", "file": "a.npy""#),
            vec!["effect: os.system(?)"],
        ),
        (json("\"os.system\""), vec![]),
        (tuple(""), vec![]),
    ] {
        let mut told: Vec<String> =
            effects(&schema).iter().map(|effect| effect.split_once(": ").unwrap().1.to_owned()).collect();
        told.sort();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(told, expected, "{schema}");
    }
}

fn names_that_stand_twice_are_all_told() {
    let schema =
        r#"{"__class__": "mean", "__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}"#;
    let read = read("skops", schema.as_bytes());
    read.says("malformed: the node at byte 0 has `__class__` twice");
    read.says("effect: import os.mean");
    read.says("effect: import os.system");
}

fn unknown_nodes_are_not_read() {
    let read = read("skops", skops_node("EvalNode", "a", "b", "").as_bytes());
    read.says("unread: node `EvalNode` of skops, not read by this version");
}

fn other_schemas_are_none_of_it() {
    for schema in ["{\"type\": \"object\"}", "[]", "no JSON", "", "{\"a\": // comment\n 1}"] {
        assert!(read("skops", schema.as_bytes()).facts.is_empty(), "{schema}");
    }
    read("skops", b"{\"__loader__\": ").says("ended: ends early");
}

fn archives_hand_the_schema_on() {
    let schema = skops_node("TypeNode", "builtins", "int", "");
    let archive = Archive::default().stored("schema.json", schema.as_bytes()).stored("1.npy", b"").bytes();
    let read = read_as("zip", "a.skops", &archive);
    assert_eq!(read.facts, ["format skops"]);
    assert_eq!(read.children[0], ("schema.json".to_owned(), None, schema.into_bytes()));
}

fn claims() {
    let reader = weighbridge_read::reader("skops").unwrap();
    for (path, head, claim) in [
        ("schema.json", b" {\"__class__\": 1, \"__loader__\": 2}".as_slice(), Claim::ByMagic),
        ("#2/schema.json", b"{}", Claim::ByName),
        ("a.json", b"{\"__loader__\": 2}", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}
