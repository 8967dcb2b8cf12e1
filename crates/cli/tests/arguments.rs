//! What can be typed, and what is answered when it makes no sense.

use crate::Test;
use crate::support::{BAD, GOOD, World, bad};

pub(crate) const TESTS: &[Test] = &[
    ("help_and_version_are_data", help_and_version_are_data),
    ("no_arguments_are_a_question", no_arguments_are_a_question),
    ("usage_errors_end_with_2", usage_errors_end_with_2),
    ("a_day_that_is_none_is_a_usage_error", a_day_that_is_none_is_a_usage_error),
    ("scan_is_the_default_verb", scan_is_the_default_verb),
    ("a_misspelt_command_is_recognised", a_misspelt_command_is_recognised),
    ("nothing_to_weigh_ends_with_3", nothing_to_weigh_ends_with_3),
    ("rules_can_be_listed_and_explained", rules_can_be_listed_and_explained),
    ("why_shows_every_way", why_shows_every_way),
    ("why_names_the_step_that_ends_it", why_names_the_step_that_ends_it),
    ("why_can_be_turned_round", why_can_be_turned_round),
    ("why_knows_files_by_path_and_digest", why_knows_files_by_path_and_digest),
    ("why_finds_advisories_and_says_when_there_is_none", why_finds_advisories_and_says_when_there_is_none),
    ("completions_and_manual_are_printed", completions_and_manual_are_printed),
    ("misspelt_variables_are_told", misspelt_variables_are_told),
];

fn help_and_version_are_data() {
    let world = World::new();
    world.run("--version").ends(0).shows(&["weighbridge 0."]);
    let help = world.run("--help").ends(0).shows(&["scan", "explain", "db", "Exit codes"]);
    assert_eq!(help.err, "");
    world.run("scan --help").ends(0).shows(&["--fail-on", "--baseline", "-o"]);
    let default = format!("[default: {}]", weighbridge_report::DEFAULT_SHOWN);
    world.run("scan --help").ends(0).shows(&[&default]);
}

fn no_arguments_are_a_question() {
    let run = World::new().run("").ends(2).says(&["Usage:"]);
    assert_eq!(run.out, "");
}

fn usage_errors_end_with_2() {
    let world = World::new();
    world.write("requirements.txt", GOOD);
    for (arguments, said) in [
        ("scan", "TARGET"),
        ("--no-such-flag .", "--no-such-flag"),
        (". --fail-on severe", "severe"),
        (". --format docx", "docx"),
        (". --show some", "some"),
        (". -j 0", "0"),
        (". --python three", "three"),
        (". -o report.docx", "does not tell the format"),
        (". -o no/such/folder/report.json", "is no folder"),
        (". -o a.json -o a.json", "twice"),
        (". --baseline none.json", "none.json"),
        (". --config none.toml", "none.toml"),
        (". --no-config --config a.toml", "cannot be used with"),
        ("-q -v .", "cannot be used with"),
        ("no-such-target", "does not exist"),
        ("--exclude [ .", "["),
        ("explain WB-X999", "WB-X999"),
        ("db", "Usage"),
        ("db update --from ftp://a.example", "ftp://a.example"),
    ] {
        let run = world.run(arguments).ends(2).says(&[said]);
        assert_eq!(run.out, "", "{arguments}");
    }
    assert_eq!(world.names("."), ["requirements.txt"]);
}

fn a_day_that_is_none_is_a_usage_error() {
    let world = World::new();
    world.write("project/requirements.txt", GOOD).write("m/w.pkl", b"\x80\x02}.");
    world.write("weights.pkl", b"\x80\x02}.");
    world.run("key generate k").ends(0);
    world.run("lock add m").ends(0);
    world.write("m/new.txt", "");
    let commands = [
        "scan project",
        "why six project",
        "fix weights.pkl",
        "lock add project",
        "lock update",
        "attest m --type scan --key k",
        "db status",
    ];
    let before = world.names(".");
    for command in commands {
        for value in ["", " ", "-1", "+1", "1.5", "today", "253402300800", "99999999999999999999"] {
            let run = world.run_with(&[("SOURCE_DATE_EPOCH", value)], command);
            let run = run.ends(2).says(&["`SOURCE_DATE_EPOCH` is `", "from 0 to 253402300799"]);
            assert_eq!(run.out, "", "{command}");
        }
    }
    assert_eq!(world.names("."), before, "nothing is written");
    assert_eq!(world.names("m"), ["new.txt", "w.pkl"]);
    for value in ["0", "253402300799"] {
        world.run_with(&[("SOURCE_DATE_EPOCH", value)], "scan m").ends(0).shows(&["WB-S003"]);
    }
}

fn scan_is_the_default_verb() {
    let world = bad();
    let long = world.run("scan project").ends(1);
    for arguments in ["project", "--color never project", "project --show 4"] {
        assert_eq!(world.run(arguments).ends(1).out, long.out, "{arguments}");
    }
    // Behind a target nothing is a command, and a path is never one.
    world.write("db/requirements.txt", BAD);
    world.run("./db").ends(1);
    world.run("project db").ends(1);
}

fn a_misspelt_command_is_recognised() {
    World::new().run("explian").ends(2).says(&["hint: did you mean the command `explain`?"]);
}

fn nothing_to_weigh_ends_with_3() {
    let world = World::new();
    world.write("empty/notes.txt", "no manifest");
    let run = world.run("empty").ends(3).says(&["nothing to weigh", "hint: "]);
    assert_eq!(run.out, "");
    world.run("empty --exit-zero").ends(3);
}

fn rules_can_be_listed_and_explained() {
    let world = World::new();
    let list = world.run("rules").ends(0);
    let json = world.run("rules --format json").ends(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let ids: Vec<&str> = json.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids, weighbridge_check::rules().map(|rule| rule.id).collect::<Vec<_>>());
    assert!(!ids.is_empty());
    for rule in weighbridge_check::rules() {
        assert!(list.out.contains(rule.id));
        world.run(&format!("explain {}", rule.id)).ends(0).shows(&[rule.docs.trim(), rule.title]);
        world.run(&format!("explain {}", rule.name.to_uppercase())).ends(0).shows(&[rule.id]);
    }
    world.run("explain WB-D0O1").ends(2).says(&["did you mean `WB-D001`"]);
    world.run("explain CVE-2020-1").ends(2).says(&["weighbridge why CVE-2020-1"]);
}

/// A lock file in which `c` comes in by `a`, and by `b` for tests.
const LOCK: &str = r#"
version = 1
requires-python = ">=3.12"

[[package]]
name = "app"
version = "1.0"
source = { virtual = "." }
dependencies = [{ name = "a" }, { name = "b" }]
[package.metadata]
requires-dist = [{ name = "a", specifier = ">=1" }, { name = "b", specifier = ">=2,<3" }]

[[package]]
name = "a"
version = "1.1"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "b" }]

[[package]]
name = "b"
version = "2.2"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "pillow" }]

[[package]]
name = "pillow"
version = "9.0.0"
source = { registry = "https://index.example/simple" }
"#;

fn why_shows_every_way() {
    let world = World::new();
    world.write("uv.lock", LOCK);
    let run = world.run("why Pillow").ends(0).shows(&["pillow 9.0.0", "2 ways, shortest first", ">=2,<3"]);
    let short = run.out.find("app\n    → b 2.2").unwrap();
    let long = run.out.find("app\n    → a 1.1").unwrap();
    assert!(short < long, "{}", run.out);
    world.run("why pillow . --show 1").ends(0).shows(&["the 1 shortest of more ways"]);
    // A package without any finding has its ways as well.
    world.run("why a").ends(0).shows(&["1 way\n", "→ a 1.1   >=1"]);
    world.run("why pillow@9.0.0").ends(0).shows(&["2 ways"]);
    world.run("why pkg:pypi/pillow").ends(0).shows(&["2 ways"]);
    world.run("why pillow@09.0").ends(0).shows(&["2 ways"]);
    world.run("why pillow@9.0.1").ends(3);
}

fn why_names_the_step_that_ends_it() {
    let world = World::new();
    world.write("uv.lock", LOCK);
    world.run("why pillow").ends(0).shows(&["= without b 2.2 → pillow 9.0.0 it is gone"]);
    world.run("why b").ends(0).shows(&["= no single step ends it: there are ways that share none"]);
    let run = world.run("why a").ends(0);
    assert!(!run.out.contains("= "), "{}", run.out);
}

fn why_can_be_turned_round() {
    let world = World::new();
    world.write("uv.lock", LOCK);
    let run = world.run("why pillow --invert").ends(0);
    assert_eq!(
        run.out,
        "\
pillow 9.0.0  pkg:pypi/pillow@9.0.0
  ← b 2.2   any version
    ← app   >=2,<3
    ← a 1.1   any version
      ← app   >=1
"
    );
}

fn why_knows_files_by_path_and_digest() {
    let world = World::new();
    world.write("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\n");
    world.write("models/a.json.pkl", "\u{80}\u{4}N.");
    world.write("models/a.pkl", "I1\n.");
    for name in ["a.pkl", "models/a.pkl", "./models/a.pkl"] {
        let run = world.run(&format!("why {name}")).ends(0).shows(&["models/a.pkl  sha256:", "1 way\n"]);
        assert!(!run.out.contains("json"), "{}", run.out);
    }
    world.run("why .pkl").ends(3);
    let run = world.run("why a.pkl").ends(0);
    let digest = run.out.split("sha256:").nth(1).unwrap().get(..12).unwrap().to_owned();
    world.run(&format!("why sha256:{digest}")).ends(0).shows(&["models/a.pkl"]);
    world.run("why sha256:00").ends(3);
}

fn why_finds_advisories_and_says_when_there_is_none() {
    let world = bad();
    world.run("why CVE-2023-4863 project").ends(0).shows(&["pillow 9.0.0", "==9.0.0"]);
    world.run("why cve-2023-4863 project").ends(0);
    let run = world.run("why CVE-1999-0001 project").ends(3).says(&["CVE-1999-0001"]);
    assert_eq!(run.out, "");
    world.run("why numpy project").ends(3);
}

fn completions_and_manual_are_printed() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        world.run(&format!("completions {shell}")).ends(0).shows(&["weighbridge", "explain", "fail-on"]);
    }
    world.run("man").ends(0).shows(&[".TH weighbridge", "explain"]);
}

fn misspelt_variables_are_told() {
    let world = World::new();
    world.write("requirements.txt", GOOD);
    world
        .run_with(&[("WEIGHBRIDGE_FAILON", "low")], ".")
        .ends(0)
        .says(&["`WEIGHBRIDGE_FAILON` is no variable of Weighbridge"]);
    world.run_with(&[("WEIGHBRIDGE_FAIL_ON", "severe")], ".").ends(2).says(&["WEIGHBRIDGE_FAIL_ON"]);
}
