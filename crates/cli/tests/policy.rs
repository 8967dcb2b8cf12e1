//! Exit codes, baselines, ignores, and whose configuration counts.

use crate::Test;
use crate::support::{BAD, GOOD, World, bad};

pub(crate) const TESTS: &[Test] = &[
    ("verdicts_decide_the_exit_code", verdicts_decide_the_exit_code),
    ("findings_win_over_gaps", findings_win_over_gaps),
    ("a_baseline_forgives_what_it_knows", a_baseline_forgives_what_it_knows),
    ("vex_that_we_wrote_can_be_answered_and_believed", vex_that_we_wrote_can_be_answered_and_believed),
    (
        "a_finding_says_whether_own_code_imports_the_package",
        a_finding_says_whether_own_code_imports_the_package,
    ),
    ("a_broken_baseline_is_told", a_broken_baseline_is_told),
    ("an_ignore_needs_a_reason_and_ends", an_ignore_needs_a_reason_and_ends),
    ("a_configuration_error_points_at_its_line", a_configuration_error_points_at_its_line),
    ("a_target_cannot_configure_us", a_target_cannot_configure_us),
    ("configuration_can_be_named_and_refused", configuration_can_be_named_and_refused),
    ("old_advisories_are_a_gap", old_advisories_are_a_gap),
    ("what_is_excluded_is_not_weighed", what_is_excluded_is_not_weighed),
    ("a_large_file_can_be_judged_without_a_digest", a_large_file_can_be_judged_without_a_digest),
];

/// A file that is a zip by content and cannot be read to its end.
const UNREADABLE: &[u8] = b"PK\x03\x04 and then nothing that is a zip archive, long enough to hold something";

fn verdicts_decide_the_exit_code() {
    let world = bad();
    world.write("good/requirements.txt", GOOD);
    world.run("good").ends(0);
    world.run("project").ends(1);
    world.run("project --exit-zero").ends(0).shows(&["pillow"]);
    world.run("project --fail-on critical").ends(1);
    for renderer in weighbridge_report::RENDERERS {
        world.run(&format!("project --format {}", renderer.id())).ends(1);
        world.run(&format!("good --format {}", renderer.id())).ends(0);
    }
    // CVE-2020-28493 is rated medium.
    world.write("medium/requirements.txt", "jinja2==3.1.5\n");
    world.run("medium --fail-on critical").ends(0);
    world.run("medium --fail-on low").ends(1);
}

fn vex_that_we_wrote_can_be_answered_and_believed() {
    let world = bad();
    world.run("project -o all.openvex.json").ends(1);
    let written = std::fs::read_to_string(world.path("all.openvex.json")).unwrap();
    // As written, every finding counts.
    world.run("project --vex all.openvex.json").ends(1);
    let mut document: serde_json::Value = serde_json::from_str(&written).unwrap();
    for statement in document["statements"].as_array_mut().unwrap() {
        statement["status"] = "not_affected".into();
        statement["justification"] = "component_not_present".into();
    }
    world.write("answered.json", document.to_string());
    world.run("project --vex answered.json").ends(0).shows(&["by VEX"]);
    world.write("weighbridge.toml", "vex = ['answered.json']\n");
    world.run("project").ends(0).shows(&["by VEX"]);
    // A document that lies in the target is never believed.
    world.write("weighbridge.toml", "");
    world.write("project/answered.json", document.to_string());
    world.run("project").ends(1);
    world.write("broken.json", "{}");
    world.run("project --vex broken.json").ends(2).says(&["broken.json", "neither OpenVEX nor CycloneDX"]);
    world.run("project --vex none.json").ends(2).says(&["none.json"]);
}

fn a_finding_says_whether_own_code_imports_the_package() {
    let world = bad();
    let details = |world: &World| {
        let run = world.run("project --format json").ends(1);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        let of = report["findings"].as_array().unwrap().iter().find(|it| it["rule"] == "WB-D001").unwrap();
        of["details"].to_string()
    };
    assert!(!details(&world).contains("import"), "{}", details(&world));
    world.write("project/train.py", "import torch\n");
    assert!(details(&world).contains("no code of the target imports it"), "{}", details(&world));
    let notebook =
        r#"{"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "source": "from PIL import Image"}]}"#;
    world.write("project/b.ipynb", notebook);
    assert!(details(&world).contains("imported by b.ipynb cell 2"), "{}", details(&world));
    world.write("project/a.py", "import os\nimport PIL.Image\n");
    assert!(details(&world).contains("imported by a.py:2 and 1 more"), "{}", details(&world));
    // Code alone is nothing to weigh.
    world.write("code/train.py", "import PIL\n");
    world.run("code").ends(3);
}

fn findings_win_over_gaps() {
    let world = bad();
    world.write("gap/requirements.txt", GOOD).write("gap/model.zip", UNREADABLE);
    world.run("gap").ends(4).shows(&["model.zip"]);
    world.run("gap --exit-zero").ends(4);
    world.write("both/requirements.txt", BAD).write("both/model.zip", UNREADABLE);
    world.run("both").ends(1).shows(&["model.zip"]);
    world.run("both --exit-zero").ends(0);
}

fn a_baseline_forgives_what_it_knows() {
    let world = bad();
    world.run("project -q -o baseline.json").ends(1);
    world.run("project --baseline baseline.json").ends(0);
    world.write("project/requirements.txt", format!("{BAD}urllib3==1.26.4\n"));
    world.run("project --baseline baseline.json").ends(1).shows(&["urllib3"]);
    // In a configuration file the path counts from that file.
    world.write("project/requirements.txt", BAD).write("weighbridge.toml", "baseline = 'baseline.json'\n");
    world.run("project").ends(0);
}

fn a_broken_baseline_is_told() {
    let world = bad();
    world.write("a.json", "{}").write("b.json", "not JSON");
    for name in ["a.json", "b.json"] {
        world.run(&format!("project --baseline {name}")).ends(2).says(&[name, "is no baseline", "hint: "]);
    }
}

fn an_ignore_needs_a_reason_and_ends() {
    let world = bad();
    let ignore = |rest: &str| {
        world.write("weighbridge.toml", format!("[[ignore]]\npackage = 'pillow'\n{rest}\n"));
    };
    ignore("reason = 'images are ours'\nuntil = 2026-09-01");
    world.run("project").ends(0).shows(&["ignored"]);
    ignore("reason = 'images are ours'\nuntil = 2026-08-01");
    world.run("project").ends(1).shows(&["expired"]);
    ignore("until = 2026-09-01");
    world.run("project").ends(2).says(&["weighbridge.toml:", "reason"]);
    world.write("weighbridge.toml", "[[ignore]]\npackage = 'numpy'\nreason = 'x'\nuntil = 2026-09-01\n");
    world.run("project").ends(1).shows(&["numpy"]);
}

fn a_configuration_error_points_at_its_line() {
    let world = bad();
    for (text, place) in [
        ("\n\nfail-onn = 'low'\n", "weighbridge.toml:3: "),
        ("fail-on = 'severe'\n", "weighbridge.toml:1: "),
        ("show = 1\nthis is no TOML\n", "weighbridge.toml:2: "),
    ] {
        world.write("weighbridge.toml", text);
        let run = world.run("project").ends(2).says(&["error: ", place]);
        assert_eq!(run.out, "");
    }
    std::fs::remove_file(world.path("weighbridge.toml")).unwrap();
    world.write("pyproject.toml", "[project]\nname = 'a'\n[tool.weighbridge]\nshow = 'some'\n");
    world.run("project").ends(2).says(&["pyproject.toml:4: "]);
}

fn a_target_cannot_configure_us() {
    const SILENT: &str =
        "exclude = ['**']\n[[ignore]]\npackage = 'pillow'\nreason = 'hush'\npermanent = true\n";
    let world = bad();
    world.write("project/weighbridge.toml", SILENT);
    world.run("project").ends(1);
    // Whoever goes there and weighs it from there uses it, and can refuse to.
    let there = |arguments: &str| {
        let run = world.command(arguments).current_dir(world.path("project")).output().unwrap();
        crate::support::Run::from(run)
    };
    let code = there(".").code;
    assert!(code != Some(1), "{code:?}");
    there(". --no-config").ends(1);
}

fn configuration_can_be_named_and_refused() {
    let world = bad();
    world.write("weighbridge.toml", "fail-on = 'nonsense'\n");
    world.write("other.toml", "[[ignore]]\npackage = 'pillow'\nreason = 'r'\nuntil = 2026-09-01\n");
    world.run("project --no-config").ends(1);
    world.run("project --config other.toml").ends(0);
    world.run_with(&[("WEIGHBRIDGE_CONFIG", "other.toml")], "project").ends(0);
    world.run_with(&[("WEIGHBRIDGE_CONFIG", "other.toml")], "project --no-config").ends(1);
}

fn old_advisories_are_a_gap() {
    let world = World::new();
    world.write("requirements.txt", GOOD);
    world.run(". --max-age 365").ends(0);
    world.run(". --max-age 1").ends(4).shows(&["weighbridge db update"]);
    world.run_with(&[("WEIGHBRIDGE_MAX_AGE", "1")], ".").ends(4);
}

fn what_is_excluded_is_not_weighed() {
    let world = World::new();
    world.write("project/requirements.txt", GOOD).write("project/old/requirements.txt", BAD);
    world.run("project").ends(1);
    world.run("project --exclude old").ends(0);
    world.run("project --exclude old/**").ends(0);
    world.write("weighbridge.toml", "exclude = ['old']\n");
    world.run("project").ends(0);
    world.run("project --exclude requirements.txt").ends(3);
}

/// No digest is no gap: everything that decides what loading does was read.
fn a_large_file_can_be_judged_without_a_digest() {
    let world = World::new();
    let header = r#"{"w":{"dtype":"U8","shape":[2000000],"data_offsets":[0,2000000]}}"#;
    let mut bytes = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + 2_000_000, 0);
    world.write("m/large.safetensors", &bytes).write("m/small.pkl", b"\x80\x02]q\x00K\x01a.");
    let digests = |options: &str| {
        let run = world.run(&format!("m --format json {options}")).ends(0);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        let digest = |index: usize| report["artifacts"][index]["sha256"].is_string();
        (digest(0), digest(1))
    };
    assert_eq!(digests(""), (true, true));
    assert_eq!(digests("--no-digests"), (false, true));
    world.run("m --no-digests").ends(0).shows(&["large.safetensors  harmless", "1 file has no digest"]);
    world.write("weighbridge.toml", "[limits]\ndigest-bytes = 10\n");
    assert_eq!(digests(""), (false, true), "what is read whole anyway has its digest");
}
