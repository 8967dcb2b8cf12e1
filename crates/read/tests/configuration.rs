//! Configurations that name code: what is claimed, what is silent, and what hostile documents cost.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};
use weighbridge_read::reader;

use super::read::read_as;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 5] = [
        ("only_what_can_matter_is_claimed", only_what_can_matter_is_claimed),
        ("other_documents_say_nothing", other_documents_say_nothing),
        ("effects_say_what_and_where", effects_say_what_and_where),
        ("broken_yaml_is_told_where_it_mentions_python", broken_yaml_is_told_where_it_mentions_python),
        ("hostile_documents_are_bounded", hostile_documents_are_bounded),
    ];
    let trial = |(name, run): (&str, fn())| {
        Trial::test(format!("configuration::{name}"), move || {
            run();
            Ok(())
        })
    };
    tests.into_iter().map(trial).collect()
}

fn only_what_can_matter_is_claimed() {
    let claim =
        |id: &str, path: &str, head: &[u8], size: u64| reader(id).unwrap().claims(&Hint { path, size, head });
    for (path, text, expected) in [
        ("docker-compose.yml", "services:\n  web:\n    image: x\n", Claim::No),
        ("a.yaml", "a: !!python/name:os.system\n", Claim::ByName),
        ("a.yaml", "_target_: x.Y\n", Claim::ByName),
        ("a.txt", "_target_: x.Y\n", Claim::No),
        ("MLmodel", "flavors: {}\n", Claim::ByName),
    ] {
        let size = u64::try_from(text.len()).unwrap();
        assert_eq!(claim("yaml-config", path, text.as_bytes(), size), expected, "{path} {text}");
    }
    // What is not seen may be anything.
    assert_eq!(claim("yaml-config", "a.yaml", b"a: 1\n", 9000), Claim::ByName);
    assert_eq!(claim("hub-config", "models/x/config.json", b"{", 1), Claim::ByName);
    assert_eq!(claim("hub-config", "package.json", b"{", 1), Claim::No);
    assert_eq!(claim("torchserve", "MAR-INF/MANIFEST.json", b"{", 1), Claim::ByName);
    assert_eq!(claim("torchserve", "MANIFEST.json", b"{", 1), Claim::No);
}

fn other_documents_say_nothing() {
    for (id, path, text) in [
        ("hub-config", "config.json", r#"{"port": 8080, "plugins": ["a/b"]}"#),
        ("hub-config", "config.json", "not JSON at all"),
        ("hub-config", "tokenizer_config.json", r#"{"auto_map": {"AutoTokenizer": [null, null]}}"#),
        ("yaml-config", "ci.yml", "on: push\njobs: {a: {steps: [{run: \"echo \\\\!\"}]}}\n"),
        ("yaml-config", "stack.yaml", "a: !Ref b\nc: !GetAtt d.e\nf: !Sub 'x:y'\n"),
        ("yaml-config", "chart.yaml", "{{ if }}\n!x\n"),
        ("yaml-config", "config.yaml", "_target_: ${model}\n"),
        ("yaml-config", "config.yaml", "a: !!python/tuple [1, 2]\nb: !!int 3\n"),
    ] {
        assert_eq!(read_as(id, path, text.as_bytes()).facts, [""; 0], "{text}");
    }
}

fn effects_say_what_and_where() {
    let read = read_as(
        "yaml-config",
        "config.yaml",
        b"model:\n  layers:\n  - _target_: a.b.C.make\n    x: 1\n    _partial_: true\n  \
          - !!python/object/apply:d.e {kwds: {y: z}}\n",
    );
    assert_eq!(
        read.facts,
        [
            "format yaml-config",
            "line 3: effect: a.b.C.make({\"x\": 1}) at model.layers[0]._target_",
            "line 6: effect: d.e({\"y\": \"z\"}) at model.layers[1]",
        ]
    );
    let text = b"{\n\"auto_map\": {\n\"AutoModel\": \"org/name--sub.module.Model\"}}";
    read_as("hub-config", "config.json", text).says("org/name sub/module.py");
}

fn broken_yaml_is_told_where_it_mentions_python() {
    for (text, told) in [
        ("a: [!!python/name:os.system\nb: }", true),
        ("a: [!x\nb: }", false),
        ("%TAG !p! tag:yaml.org,2002:py\n---\na: [\nb: !p!x }", true),
    ] {
        assert_eq!(ended("yaml-config", text), told, "{text}");
    }
}

fn ended(id: &str, text: &str) -> bool {
    read_as(id, "a.yaml", text.as_bytes()).facts.iter().any(|fact| fact.starts_with("ended"))
}

fn hostile_documents_are_bounded() {
    assert!(ended("yaml-config", &format!("a: {}!!python/name:x.y", "[".repeat(100_000))));
    assert!(ended("yaml-config", &format!("a: {}_target_: x.y", "[".repeat(300))));
    assert!(!ended("yaml-config", &format!("a: {}!x", "[".repeat(100_000))));
    assert!(ended("hub-config", &"{\"a\":".repeat(100_000)));
    // Nine lists of nine mentions each of the list before them.
    let mut laughs = "a0: &a0 [!x lol]\n".to_owned();
    for level in 1..10 {
        let mentions = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs += &format!("a{level}: &a{level} [{mentions}]\n");
    }
    assert_eq!(read_as("yaml-config", "a.yaml", laughs.as_bytes()).facts, [""; 0]);
    // One long text, mentioned often.
    let long = format!("a: &a \"{}\"\nb: [{}!x 1]\n", "x".repeat(100_000), "*a, ".repeat(100_000));
    assert_eq!(read_as("yaml-config", "a.yaml", long.as_bytes()).facts, [""; 0]);
}
