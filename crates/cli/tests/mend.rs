//! `weighbridge fix` for packages: planned against an index on loopback, and written into the project's own files.

use crate::Test;
use crate::server::Server;
use crate::shelf::{Manner, Shelf};
use crate::support::{Run, World};

pub(crate) const TESTS: &[Test] = &[
    ("the_smallest_change_is_planned", the_smallest_change_is_planned),
    ("what_stays_is_told_with_the_reason", what_stays_is_told_with_the_reason),
    ("nothing_moves_down_unless_somebody_says_so", nothing_moves_down_unless_somebody_says_so),
    ("an_attack_moves_down_where_nothing_newer_is_clean", an_attack_moves_down_where_nothing_newer_is_clean),
    ("the_python_at_hand_is_planned_for", the_python_at_hand_is_planned_for),
    ("a_plan_is_told_as_data", a_plan_is_told_as_data),
    ("a_plan_is_written_where_the_versions_stand", a_plan_is_written_where_the_versions_stand),
    ("what_no_file_holds_goes_into_constraints", what_no_file_holds_goes_into_constraints),
    ("a_file_that_several_share_is_written_once", a_file_that_several_share_is_written_once),
    (
        "what_a_file_of_commands_cannot_hold_lies_beside_it",
        what_a_file_of_commands_cannot_hold_lies_beside_it,
    ),
    ("lines_with_digests_are_left_alone", lines_with_digests_are_left_alone),
    ("what_somebody_accepted_is_left_alone", what_somebody_accepted_is_left_alone),
    ("an_environment_is_not_written_to", an_environment_is_not_written_to),
    ("an_index_that_does_not_answer_is_no_plan", an_index_that_does_not_answer_is_no_plan),
    ("what_was_not_read_is_told_and_never_clean", what_was_not_read_is_told_and_never_clean),
    ("options_of_the_other_kind_are_refused", options_of_the_other_kind_are_refused),
    ("the_tool_of_the_project_writes_its_lock", the_tool_of_the_project_writes_its_lock),
    ("a_compiled_file_is_compiled_again", a_compiled_file_is_compiled_again),
    ("compiled_files_come_after_those_they_stand_on", compiled_files_come_after_those_they_stand_on),
    ("a_compiled_file_is_never_edited", a_compiled_file_is_never_edited),
    ("tools_are_told_the_index_and_write_no_password", tools_are_told_the_index_and_write_no_password),
    ("one_tool_that_fails_takes_all_back", one_tool_that_fails_takes_all_back),
    ("what_a_tool_chose_instead_is_told", what_a_tool_chose_instead_is_told),
    ("every_project_is_tried_before_any_is_written", every_project_is_tried_before_any_is_written),
    ("a_plan_that_fails_its_trial_changes_nothing", a_plan_that_fails_its_trial_changes_nothing),
];

/// The versions are real, and so are the vulnerabilities of jinja2 and urllib3; what needs what is made up.
const TABLE: &str = "
    jinja2 3.1.4: markupsafe>=2.0
    jinja2 3.1.5: markupsafe>=2.0
    jinja2 3.1.6: markupsafe>=2.1
    jinja2 4.0: markupsafe>=2.1
    markupsafe 2.0.1
    markupsafe 2.1.5
    app 1.0: jinja2<3.1.6
    app 1.1: jinja2
    site 1.0: jinja2
    holder 1.0: jinja2<3.1.6
";

fn index() -> Server {
    Shelf::new(TABLE).serve(Manner::default())
}

fn fix(world: &World, server: &Server, arguments: &[&str]) -> Run {
    let url = format!("{}/simple/", server.url());
    world.run(&format!("fix . --index-url {url} --no-config {}", arguments.join(" ")))
}

fn read(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.path(name)).unwrap()
}

fn project(requirements: &str) -> World {
    let world = World::new();
    world.write("requirements.txt", requirements);
    world
}

fn the_smallest_change_is_planned() {
    let world = project("site==1.0\njinja2==3.1.5\nmarkupsafe==2.0.1\n");
    let run = fix(&world, &index(), &["--plan"]).ends(0);
    let lines: Vec<&str> = run.out.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "  jinja2      3.1.5 → 3.1.6  clears CVE-2025-27516 MEDIUM",
            "  markupsafe  2.0.1 → 2.1.5",
            "= 2 of 3 packages move; 1 of 1 vulnerabilities go",
        ]
    );
    assert_eq!(read(&world, "requirements.txt"), "site==1.0\njinja2==3.1.5\nmarkupsafe==2.0.1\n");
}

fn what_stays_is_told_with_the_reason() {
    let world = project("holder==1.0\njinja2==3.1.5\nmarkupsafe==2.1.5\n");
    let run = fix(&world, &index(), &[]).ends(1);
    assert!(run.out.contains("blocked: holder 1.0 needs jinja2<3.1.6"), "{}", run.out);
    // Who stands in the way may move too.
    let world = project("app==1.0\njinja2==3.1.5\nmarkupsafe==2.1.5\n");
    fix(&world, &index(), &[]).ends(0).shows(&["app     1.0 → 1.1", "jinja2  3.1.5 → 3.1.6"]);
    fix(&world, &index(), &["--from", "high"]).ends(0).shows(&["nothing to mend"]);
}

fn nothing_moves_down_unless_somebody_says_so() {
    // CVE-2025-50182 came with 2.2.0 and went with 2.5.0.
    let world = project("urllib3==2.2.3\n");
    let server = Shelf::new("urllib3 1.26.20\nurllib3 2.2.3\n").serve(Manner::default());
    let reason = "only older versions are clean, up to";
    let run = fix(&world, &server, &[]).ends(1).shows(&[reason, "`--allow-downgrade`", "nothing to move"]);
    assert!(!run.out.contains("→"), "{}", run.out);
    let value: serde_json::Value =
        serde_json::from_str(&fix(&world, &server, &["--format", "json"]).ends(1).out).unwrap();
    let stays = value["projects"][0]["stays"].as_array().unwrap();
    let older: Vec<_> = stays.iter().filter(|stay| stay["reason"] == "older").collect();
    assert!(older.iter().any(|stay| stay["flaw"]["id"] == "CVE-2025-50182"), "{stays:#?}");
    assert!(older.iter().all(|stay| stay["without"] == "1.26.20"), "{stays:#?}");
    let run = fix(&world, &server, &["--allow-downgrade"]).ends(1);
    let run = run.shows(&["urllib3  2.2.3 → 1.26.20 (older)"]);
    assert!(!run.out.contains("only older versions"), "{}", run.out);
    let run = fix(&world, &server, &["--allow-downgrade", "--format", "json"]).ends(1);
    let value: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(value["projects"][0]["moves"][0]["older"], true);
}

fn an_attack_moves_down_where_nothing_newer_is_clean() {
    let world = project("site==1.1\n");
    let server = Shelf::new("site 1.0\nsite 1.1\n").serve(Manner::default());
    let record = |id: &str| {
        let package = r#"{"package":{"ecosystem":"PyPI","name":"site"},"versions":["1.1"]}"#;
        format!(r#"{{"id":"{id}","modified":"2026-07-30T00:00:00Z","affected":[{package}]}}"#)
    };
    world.write("house.jsonl", record("HOUSE-1"));
    world.run("db import house.jsonl").ends(0);
    fix(&world, &server, &[]).ends(1).shows(&["only older versions are clean, up to 1.0"]);
    world.write("attack.jsonl", record("MAL-2026-1"));
    world.run("db import attack.jsonl").ends(0);
    fix(&world, &server, &[]).ends(0).shows(&["site  1.1 → 1.0 (older)", "MAL-2026-1 MALICIOUS"]);
}

fn the_python_at_hand_is_planned_for() {
    let pins = "site==1.0\njinja2==3.1.5\nmarkupsafe==2.0.1\n";
    let (world, server) = (project(pins), index());
    let url = format!("{}/simple/", server.url());
    let told = |world: &World, variables: &[(&str, &str)], more: &str, expected: &str| {
        let named = format!("--index-url {url} {more}");
        world.run_with(variables, &format!("fix . --no-config {named}")).ends(0).shows(&[expected]);
    };
    told(&world, &[], "", "for Python 3.12.0 (assumed) on ");
    told(&world, &[], "--python 3.10", "for Python 3.10.0 (as typed) on ");
    world.write("../venv/pyvenv.cfg", "version = 3.11.4\n");
    let activated = world.path("../venv").display().to_string();
    let activated = [("VIRTUAL_ENV", &*activated)];
    world.write(".python-version", "3.13\n");
    told(&world, &[], "", "for Python 3.13.0 (of `.python-version`) on ");
    told(&world, &activated, "", "for Python 3.11.4 (that of the activated environment) on ");
    // What the project does not support is not for it.
    let stated = "[project]\nname = 'p'\nversion = '1'\nrequires-python = '>=3.12.1'\n";
    world.write("pyproject.toml", format!("{stated}dependencies = ['jinja2==3.1.5']\n"));
    told(&world, &activated, "", "for Python 3.12.1 (the lowest of `requires-python`) on ");
    // The environment of the project comes first.
    world.write(".venv/pyvenv.cfg", "version = 3.9.2\n");
    told(&world, &activated, "", "for Python 3.9.2 (that of .venv) on ");
    // The installer that is asked for its index says for which Python it installs.
    let world = project(pins);
    let path = stand_in(&world, "python3", 0);
    world.write("bin/python3", format!("#!/bin/sh\necho 99.1 {url} 3.10.7\n"));
    let run = world.run_with(&[("PATH", &path)], "fix . --no-config --format json").ends(0);
    let value: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let project = &value["projects"][0];
    assert_eq!((&project["python"], &project["python_by"]), (&"3.10.7".into(), &"that of pip 99.1".into()));
    let run = world.run_with(&[("PATH", &path)], "scan . --no-config --resolve --fail-on critical");
    run.shows(&["chosen as pip would today, for Python 3.10.7 (that of"]);
}

fn a_plan_is_told_as_data() {
    let schema = include_str!("../../../docs/schema/plan-v1.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let told = |world: &World, server: &Server, arguments: &[&str], exit: i32| -> serde_json::Value {
        let run = fix(world, server, &[&["--format", "json"], arguments].concat()).ends(exit);
        let value = serde_json::from_str(&run.out).unwrap();
        let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(value["exit_code"], exit);
        assert_eq!(run.out, fix(world, server, &[&["--plan", "--format", "json"], arguments].concat()).out);
        value
    };
    let world = project("site==1.0\njinja2==3.1.5\nmarkupsafe==2.0.1\n");
    let value = told(&world, &index(), &[], 0);
    assert_eq!(value["schema"], "weighbridge.plan/1");
    let flaw = |id: &str| {
        serde_json::json!({
            "package": "jinja2", "id": id, "library": null, "severity": "medium", "malicious": false,
        })
    };
    assert_eq!(
        value["projects"][0]["moves"],
        serde_json::json!([
            {"package": "jinja2", "from": "3.1.5", "to": "3.1.6", "older": false, "clears": [flaw("CVE-2025-27516")]},
            {"package": "markupsafe", "from": "2.0.1", "to": "2.1.5", "older": false, "clears": []},
        ])
    );
    let world = project("holder==1.0\njinja2==3.1.5\nmarkupsafe==2.1.5\n???\n");
    let value = told(&world, &index(), &[], 1);
    let stay = &value["projects"][0]["stays"][0];
    assert_eq!((&stay["flaw"], &stay["reason"]), (&flaw("CVE-2025-27516"), &"blocked".into()));
    assert_eq!(stay["text"], "blocked: holder 1.0 needs jinja2<3.1.6");
    assert!(!stay["proof"].as_array().unwrap().is_empty());
    assert_eq!(
        (&value["unread"][0]["path"], &value["unread"][0]["line"]),
        (&"requirements.txt".into(), &4.into())
    );
    // Nothing to mend, no plan, and what is not data.
    let world = project("jinja2==3.1.6\n");
    assert_eq!(told(&world, &index(), &[], 0)["projects"], serde_json::json!([]));
    let world = project("jinja2==3.1.5\n");
    let mute = Server::start(|_| crate::server::Answer::status(500));
    let value = told(&world, &mute, &[], 4);
    let failure = value["projects"][0]["failure"].as_str().unwrap();
    assert!(failure.starts_with("what there is of jinja2 could not be asked"), "{failure}");
    fix(&world, &index(), &["--format", "json", "--apply"]).ends(2).says(&["cannot be used with"]);
}

fn a_plan_is_written_where_the_versions_stand() {
    let world = project(
        "# ours\nsite == 1.0\njinja2==3.1.5 ; python_version > '3'  # templates\nmarkupsafe==2.1.5\n",
    );
    fix(&world, &index(), &["--apply"]).ends(0).shows(&["jinja2 3.1.5 → 3.1.6"]);
    let expected =
        "# ours\nsite == 1.0\njinja2==3.1.6 ; python_version > '3'  # templates\nmarkupsafe==2.1.5\n";
    assert_eq!(read(&world, "requirements.txt"), expected);
    assert!(!world.path("weighbridge-constraints.txt").exists());
    let world = World::new();
    let text = "[project]\nname = 'p'\nversion = '1'\ndependencies = [\n  'jinja2==3.1.5',\n]\n";
    world.write("pyproject.toml", text);
    fix(&world, &index(), &["--apply"]).ends(0);
    assert_eq!(read(&world, "pyproject.toml"), text.replace("3.1.5", "3.1.6"));
}

fn what_no_file_holds_goes_into_constraints() {
    // The index has newer ones; a lock of which there is no tool says which one is meant.
    let world = World::new();
    world.write("pyproject.toml", "[project]\nname = 'p'\nversion = '1'\ndependencies = ['site']\n");
    let package = |name: &str, version: &str, needs: &str| {
        format!("[[packages]]\nname = '{name}'\nversion = '{version}'\n{needs}\n")
    };
    let needs = |name: &str| format!("dependencies = [{{ name = '{name}' }}]");
    world.write(
        "pylock.toml",
        [
            "lock-version = '1.0'\ncreated-by = 't'\n".to_owned(),
            package("site", "1.0", &needs("jinja2")),
            package("jinja2", "3.1.5", &needs("markupsafe")),
            package("markupsafe", "2.1.5", ""),
        ]
        .concat(),
    );
    fix(&world, &index(), &["--apply"]).ends(0).shows(&["weighbridge-constraints.txt"]);
    assert!(read(&world, "weighbridge-constraints.txt").ends_with("\njinja2==3.1.6\n"));
}

fn a_file_that_several_share_is_written_once() {
    let world = World::new();
    world.write("a/requirements.txt", "-r ../common/base.txt\n");
    world.write("b/requirements.txt", "-r ../common/base.txt\n-c ../limits/b.txt\n");
    world.write("common/base.txt", "jinja2==3.1.5\nmarkupsafe==2.1.5\n");
    world.write("limits/b.txt", "jinja2<3.1.6\n");
    let server = index();
    // What mends the one would break the other.
    let run = fix(&world, &server, &["--apply"]).ends(1);
    for said in
        ["`common/base.txt` is shared by a and b", "it goes to 3.1.6 for the one and stays for the other"]
    {
        assert!(run.err.contains(said), "{}", run.err);
    }
    assert!(read(&world, "common/base.txt").starts_with("jinja2==3.1.5\n"));
    world.write("limits/b.txt", "jinja2<4\n");
    let run = fix(&world, &server, &["--apply"]).ends(0);
    assert_eq!(run.out.matches("jinja2 3.1.5 → 3.1.6").count(), 1, "{}", run.out);
    assert_eq!(read(&world, "common/base.txt"), "jinja2==3.1.6\nmarkupsafe==2.1.5\n");
    for folder in ["a", "b", "common", "."] {
        assert!(!world.path(&format!("{folder}/weighbridge-constraints.txt")).exists(), "{folder}");
    }
}

fn what_a_file_of_commands_cannot_hold_lies_beside_it() {
    let world = World::new();
    world.write("Dockerfile", "FROM x\nRUN pip install app==1.0\n");
    fix(&world, &index(), &["--apply"]).ends(0);
    assert_eq!(read(&world, "Dockerfile"), "FROM x\nRUN pip install app==1.1\n");
    let constraints = read(&world, "weighbridge-constraints-Dockerfile.txt");
    assert!(constraints.ends_with("\njinja2==3.1.6\n"), "{constraints}");
}

fn lines_with_digests_are_left_alone() {
    let digest = "0".repeat(64);
    let text = format!(
        "jinja2==3.1.5 \\\n    --hash=sha256:{digest}\nmarkupsafe==2.1.5 \\\n    --hash=sha256:{digest}\n"
    );
    let world = project(&text);
    fix(&world, &index(), &["--apply"]).ends(0);
    assert_eq!(read(&world, "requirements.txt"), text);
    assert!(read(&world, "weighbridge-constraints.txt").contains("jinja2==3.1.6"));
}

fn what_somebody_accepted_is_left_alone() {
    let world = project("jinja2==3.1.5\n");
    world.write(
        "vex.json",
        r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", "author": "us",
            "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [{
            "vulnerability": {"name": "CVE-2025-27516"}, "products": [{"@id": "pkg:pypi/jinja2"}],
            "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}"#,
    );
    fix(&world, &index(), &["--vex", "vex.json"]).ends(0).shows(&["nothing to mend"]);
}

fn an_environment_is_not_written_to() {
    let world = World::new();
    let metadata =
        |name: &str, version: &str| format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let site = "env/lib/python3.12/site-packages";
    world.write("env/pyvenv.cfg", "version = 3.12.1\n");
    world.write(&format!("{site}/jinja2-3.1.5.dist-info/METADATA"), metadata("jinja2", "3.1.5"));
    let url = index();
    let address = format!("{}/simple/", url.url());
    let run = |more: &str| world.run(&format!("fix venv:env --index-url {address} --no-config {more}"));
    run("--plan").ends(0).shows(&["pip install", "jinja2==3.1.6"]);
    run("--apply").ends(2).says(&["has no files to write to"]);
}

fn an_index_that_does_not_answer_is_no_plan() {
    let world = project("jinja2==3.1.5\n");
    let server = Server::start(|_| crate::server::Answer::status(500));
    fix(&world, &server, &[]).ends(4).shows(&["no plan: what there is of jinja2 could not be asked"]);
    // Of the many packages about which it is silent some are named.
    let names = ["attrs", "anyio", "blinker", "cachetools", "docutils"].map(|name| format!("{name}==1.0\n"));
    let world = locked_at(&format!("jinja2==3.1.5\n{}", names.concat()));
    let run = fix(&world, &server, &[]).ends(4).shows(&["not known: 2 more; `--format json` names them"]);
    assert_eq!(run.out.matches("is kept as it is").count(), 3, "{}", run.out);
}

/// A project whose lock has these versions.
fn locked_at(pins: &str) -> World {
    let world = World::new();
    let package = |pin: &str| {
        let (name, version) = pin.split_once("==").unwrap();
        format!("[[packages]]\nname = '{name}'\nversion = '{version}'\n")
    };
    let packages: String = pins.lines().map(package).collect();
    world.write("pylock.toml", format!("lock-version = '1.0'\ncreated-by = 't'\n{packages}"));
    world
}

fn what_was_not_read_is_told_and_never_clean() {
    // Nothing fits, so that nothing is known of what there would be.
    let world = project("markupsafe>=99\n");
    fix(&world, &index(), &[])
        .ends(4)
        .shows(&["nothing to mend", "not known: requirements.txt:1: cannot be"]);
    // A line that nobody understands could name anything.
    let world = project("markupsafe==2.1.5\n???\n");
    fix(&world, &index(), &[]).ends(4).shows(&["not known: requirements.txt:2"]);
}

fn options_of_the_other_kind_are_refused() {
    let world = project("jinja2==3.1.5\n");
    world.run("fix . --proof proof.json").ends(2).says(&["`--proof` is for checkpoints"]);
    world.write("model.pt", "no checkpoint");
    world.run("fix model.pt --apply").ends(2).says(&["are for packages"]);
}

/// A program that stands for the project's tool: it writes down how it was called.
fn stand_in(world: &World, name: &str, code: u8) -> String {
    let folder = world.path("bin");
    world.write(&format!("bin/{name}"), format!("#!/bin/sh\necho \"$0\" \"$@\" > called\nexit {code}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.join(name), mode).unwrap();
    }
    format!("{}:/usr/bin:/bin", folder.display())
}

fn locked() -> World {
    let world = World::new();
    world.write("p/pyproject.toml", "[project]\nname = 'p'\nversion = '1'\ndependencies = ['jinja2>=3']\n");
    let source = "source = { registry = 'https://index.example/simple' }";
    world.write(
        "p/uv.lock",
        format!(
            "version = 1\n[[package]]\nname = 'p'\nversion = '1'\nsource = {{ virtual = '.' }}\n\
             dependencies = [{{ name = 'jinja2' }}]\n[[package]]\nname = 'jinja2'\nversion = '3.1.5'\n{source}\n"
        ),
    );
    world
}

fn the_tool_of_the_project_writes_its_lock() {
    let server = index();
    let url = format!("{}/simple/", server.url());
    for (code, exit) in [(0, 0), (3, 1)] {
        let world = locked();
        let path = stand_in(&world, "uv", code);
        if code == 0 {
            world.write(
                "bin/uv",
                "#!/bin/sh\necho uv \"$@\" > called\nsed -i s/3.1.5/3.1.6/ uv.lock\n\
                 printf '[[package]]\\nname = \"markupsafe\"\\nversion = \"2.1.5\"\\n' >> uv.lock\n",
            );
        }
        let arguments = format!("fix p --apply --index-url {url} --no-config");
        world.run_with(&[("PATH", &path)], &arguments).ends(exit);
        let called = read(&world, "p/called");
        assert!(
            called.ends_with("uv lock --upgrade-package jinja2==3.1.6 --upgrade-package markupsafe==2.1.5\n"),
            "{called}"
        );
    }
    // Poetry refuses names that its lock does not have: what is new comes by itself.
    let world = World::new();
    world.write("p/pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.12'\njinja2 = '>=3'\n");
    let package =
        |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    world.write("p/poetry.lock", package("jinja2", "3.1.5"));
    let path = stand_in(&world, "poetry", 0);
    let both = [package("jinja2", "3.1.6"), package("markupsafe", "2.1.5")].concat();
    let script = format!("#!/bin/sh\necho poetry \"$@\" > called\ncat > poetry.lock <<'END'\n{both}END\n");
    world.write("bin/poetry", script);
    let arguments = format!("fix p --apply --index-url {url} --no-config");
    let run = world.run_with(&[("PATH", &path)], &arguments).ends(0);
    assert_eq!(read(&world, "p/called"), "poetry update --lock --no-interaction jinja2\n");
    assert!(
        run.out.ends_with(
            "poetry brought poetry.lock up to date: 2 versions as planned\n  \
             poetry takes no index from outside: it asked its own sources\n"
        ),
        "{}",
        run.out
    );
    // Where it is not installed, constraints hold what it would have locked.
    let world = locked();
    let arguments = format!("fix p --apply --index-url {url} --no-config");
    world.run_with(&[("PATH", "/nowhere")], &arguments).ends(0);
    assert!(world.path("p/weighbridge-constraints.txt").exists());
}

/// What `pip-compile` 7 wrote for `jinja2<4` while these versions stood there.
const COMPILED: &str = "\
#
# This file is autogenerated by pip-compile with Python 3.11
# by the following command:
#
#    pip-compile --strip-extras requirements.in
#
jinja2==3.1.5
    # via -r requirements.in
markupsafe==2.0.1
    # via jinja2
";

/// A program that stands for one that compiles: it writes down how it was called, and edits the file with `sed`.
fn compiler(world: &World, name: &str, file: &str, edit: &str) -> String {
    let path = stand_in(world, name, 0);
    world.write(
        &format!("bin/{name}"),
        format!(
            "#!/bin/sh\necho \"$(basename $0)\" \"$@\" >> {}\nsed -i '{edit}' {file}\n",
            world.path("called").display()
        ),
    );
    path
}

fn apply_in(world: &World, path: &str, server: &Server) -> Run {
    let url = format!("{}/simple/", server.url());
    let arguments = format!("fix . --apply --index-url {url} --no-config");
    world.run_with(&[("PATH", path)], &arguments)
}

fn a_compiled_file_is_compiled_again() {
    let world = project(COMPILED);
    world.write("requirements.in", "jinja2<4\n");
    let edit = "s/3.1.5/3.1.6/; s/2.0.1/2.1.5/";
    let path = compiler(&world, "pip-compile", "requirements.txt", edit);
    let run = apply_in(&world, &path, &index()).ends(0);
    let told = "  pip-compile brought requirements.txt up to date: 2 versions as planned\n";
    assert!(run.out.ends_with(told), "{}", run.out);
    assert_eq!(
        read(&world, "called"),
        "pip-compile --strip-extras requirements.in --upgrade-package jinja2==3.1.6 \
         --upgrade-package markupsafe==2.1.5\n"
    );
    assert!(!world.path("weighbridge-constraints.txt").exists());
    // An exact version in the file from which it is made is edited first.
    let world = project(&COMPILED.replace("2.0.1", "2.1.5"));
    world.write("requirements.in", "jinja2==3.1.5\n");
    let path = compiler(&world, "pip-compile", "requirements.txt", edit);
    apply_in(&world, &path, &index()).ends(0);
    assert_eq!(read(&world, "requirements.in"), "jinja2==3.1.6\n");
    // If the tool fails, that is taken back.
    world.write("requirements.txt", COMPILED.replace("2.0.1", "2.1.5"));
    world.write("requirements.in", "jinja2==3.1.5\n");
    let path = stand_in(&world, "pip-compile", 3);
    apply_in(&world, &path, &index()).ends(1).says(&["failed", "nothing was changed"]);
    assert_eq!(read(&world, "requirements.in"), "jinja2==3.1.5\n");
}

fn compiled_files_come_after_those_they_stand_on() {
    // As uv 0.13 writes them, from the folder above; the first by name stands on the other.
    let head = |name: &str| {
        format!(
            "# This file was autogenerated by uv via the following command:\n\
             #    uv pip compile requirements/{name}.in -o requirements/{name}.txt\n"
        )
    };
    let world = World::new();
    world
        .write("requirements/main.in", "jinja2<4\n")
        .write("requirements/all.in", "-c main.txt\njinja2\nsite\n");
    world.write("requirements/main.txt", format!("{}jinja2==3.1.5\nmarkupsafe==2.1.5\n", head("main")));
    world.write(
        "requirements/all.txt",
        format!("{}jinja2==3.1.5\nmarkupsafe==2.1.5\nsite==1.0\n", head("all")),
    );
    let path = compiler(&world, "uv", "$5", "s/3.1.5/3.1.6/");
    let run = apply_in(&world, &path, &index()).ends(0);
    assert_eq!(
        read(&world, "called"),
        "uv pip compile requirements/main.in -o requirements/main.txt --upgrade-package jinja2==3.1.6\n\
         uv pip compile requirements/all.in -o requirements/all.txt --upgrade-package jinja2==3.1.6\n"
    );
    assert!(
        run.out.contains("uv brought requirements/all.txt up to date: 1 version as planned"),
        "{}",
        run.out
    );
}

fn a_compiled_file_is_never_edited() {
    for (head, path, told) in [
        (
            COMPILED.to_owned(),
            "/nowhere",
            "requirements.txt is not brought up to date: pip-compile is not installed",
        ),
        (
            COMPILED.replace("pip-compile --strip-extras requirements.in", "make requirements"),
            "/usr/bin:/bin",
            "requirements.txt is not brought up to date: it was made by `make requirements`",
        ),
    ] {
        let world = project(&head);
        world.write("requirements.in", "jinja2<4\n");
        let run = apply_in(&world, path, &index()).ends(0);
        assert!(run.out.contains(told), "{}", run.out);
        assert_eq!(read(&world, "requirements.txt"), head);
        assert!(read(&world, "weighbridge-constraints.txt").ends_with("jinja2==3.1.6\nmarkupsafe==2.1.5\n"));
    }
}

fn tools_are_told_the_index_and_write_no_password() {
    let server = index();
    let address = format!("{}/simple/", server.url());
    let with_user = address.replace("://", "://me:p%40ss@");
    let fix = |world: &World, name: &str, file: &str, script: &str| {
        let path = stand_in(world, name, 0);
        let script = format!("sed -i 's/3.1.5/3.1.6/; s/2.0.1/2.1.5/' {file}\n{script}");
        let called = world.path("called").display().to_string();
        world.write(&format!("bin/{name}"), format!("#!/bin/sh\n{}\n", script.replace("CALLED", &called)));
        let arguments = format!("fix . --apply --index-url {with_user} --no-config -v");
        let run = world.run_with(&[("PATH", &path), ("UV_INDEX", "https://own.example")], &arguments);
        assert!(!format!("{}{}", run.out, run.err).contains("p%40ss"), "{}{}", run.out, run.err);
        run
    };
    let compiled = |command: &str| {
        let world = project(&COMPILED.replace("pip-compile --strip-extras", command));
        world.write("requirements.in", "jinja2<4\n");
        world
    };
    let world = compiled("pip-compile --no-emit-index-url");
    fix(&world, "pip-compile", "requirements.txt", "echo $PIP_INDEX_URL > CALLED").ends(0);
    assert_eq!(read(&world, "called"), format!("{with_user}\n"));
    // That one writes down what it is told.
    let world = compiled("pip-compile");
    let run = fix(&world, "pip-compile", "requirements.txt", "").ends(0);
    assert!(
        run.out.contains("is not brought up to date: pip-compile would write the password"),
        "{}",
        run.out
    );
    assert!(read(&world, "requirements.txt").contains("3.1.5"));
    let world = compiled("uv pip compile -o requirements.txt");
    let script = "echo $UV_DEFAULT_INDEX $UV_INDEX $UV_INDEX_WEIGHBRIDGE_USERNAME $UV_INDEX_WEIGHBRIDGE_PASSWORD > CALLED";
    fix(&world, "uv", "requirements.txt", script).ends(0);
    assert_eq!(read(&world, "called"), format!("weighbridge={address} me p@ss\n"));
    // A tool that writes it down all the same.
    let world = compiled("uv pip compile -o requirements.txt");
    let before = read(&world, "requirements.txt");
    let script = format!("echo '# {with_user}' >> requirements.txt");
    fix(&world, "uv", "requirements.txt", &script)
        .ends(1)
        .says(&["wrote the password", "nothing was changed"]);
    assert_eq!(read(&world, "requirements.txt"), before);
    let world = World::new();
    world.write("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.12'\njinja2 = '>=3'\n");
    world.write("poetry.lock", "[[package]]\nname = \"jinja2\"\nversion = \"3.1.5\"\n");
    let run = fix(&world, "poetry", "poetry.lock", "").ends(0);
    assert!(run.out.contains("poetry takes no index from outside"), "{}", run.out);
}

fn one_tool_that_fails_takes_all_back() {
    let world = World::new();
    world.write("a/requirements.txt", "jinja2==3.1.5\nmarkupsafe==2.1.5\n");
    // What no file holds goes into a new one, which must go as well.
    world.write("b/requirements.in", "jinja2\n");
    let head = "# This file was autogenerated by uv via the following command:\n#    make requirements\n";
    world.write("b/requirements.txt", format!("{head}jinja2==3.1.5\nmarkupsafe==2.1.5\n"));
    world.write("c/requirements.in", "jinja2<4\n");
    world.write("c/requirements.txt", COMPILED);
    let path = stand_in(&world, "pip-compile", 0);
    let tool = |code: u8| {
        let script =
            format!("#!/bin/sh\nsed -i 's/3.1.5/3.1.6/; s/2.0.1/2.1.5/' requirements.txt\nexit {code}\n");
        world.write("bin/pip-compile", script);
    };
    let files = ["a/requirements.txt", "b/requirements.txt", "c/requirements.txt"];
    let before = files.map(|file| read(&world, file));
    let server = index();
    tool(3);
    apply_in(&world, &path, &server).ends(1).says(&["failed in `", "nothing was changed"]);
    assert_eq!(files.map(|file| read(&world, file)), before);
    assert!(!world.path("b/weighbridge-constraints.txt").exists());
    tool(0);
    apply_in(&world, &path, &server).ends(0).shows(&["applied to a", "applied to b", "applied to c"]);
    assert!(world.path("b/weighbridge-constraints.txt").exists());
    assert!(read(&world, "a/requirements.txt").contains("3.1.6"));
}

fn what_a_tool_chose_instead_is_told() {
    let server = index();
    for (chosen, exit, told) in [
        ("4.0", 0, "uv chose jinja2 4.0 and not 3.1.6\n"),
        ("3.1.5", 1, "uv chose jinja2 3.1.5 and not 3.1.6, which has CVE-2025-27516 MEDIUM\n"),
    ] {
        let world = project(
            "# This file was autogenerated by uv via the following command:\n\
             #    uv pip compile requirements.in -o requirements.txt\njinja2==3.1.5\nmarkupsafe==2.1.5\n",
        );
        world.write("requirements.in", "jinja2\n");
        let path = compiler(&world, "uv", "requirements.txt", &format!("s/3.1.5/{chosen}/"));
        let run = apply_in(&world, &path, &server).ends(exit);
        assert!(run.out.contains(told), "{}", run.out);
    }
}

fn every_project_is_tried_before_any_is_written() {
    let world = World::new();
    let program = |name: &str, text: &str| {
        world.write(name, text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    };
    // A Python that makes environments in which it lies itself, and installs by writing down for what it was asked.
    program(
        "bin/python3.12",
        &format!(
            "#!/bin/sh\nif [ \"$2\" = venv ]; then mkdir -p \"$3/bin\"; cp \"$0\" \"$3/bin/python\"\n\
             else while [ $# -gt 1 ]; do [ \"$1\" = -r ] && cat \"$2\" >> {}; shift; done; fi\n",
            world.path("installed").display()
        ),
    );
    for folder in ["one", "two"] {
        world.write(&format!("{folder}/requirements.txt"), "jinja2==3.1.5\nmarkupsafe==2.1.5\n");
        program(&format!("{folder}/check"), "#!/bin/sh\nexit 0\n");
    }
    let server = index();
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let arguments =
        format!("fix . --verify ./check --apply --index-url {}/simple/ --no-config", server.url());
    let requirements = || ["one", "two"].map(|folder| read(&world, &format!("{folder}/requirements.txt")));
    let before = requirements();
    program("two/check", "#!/bin/sh\nexit 1\n");
    let run = world.run_with(&[("PATH", &path)], &arguments).ends(1);
    let run = run.says(&["`./check` fails with the plan of two", "nothing was changed"]);
    assert!(run.out.contains("`./check` passes with the plan of one"), "{}", run.out);
    assert_eq!(requirements(), before);
    assert_eq!(read(&world, "installed"), "jinja2==3.1.6\nmarkupsafe==2.1.5\n".repeat(2));
    program("two/check", "#!/bin/sh\nexit 0\n");
    let run = world.run_with(&[("PATH", &path)], &arguments).ends(0);
    run.shows(&["`./check` passes with the plan of two", "applied to one", "applied to two"]);
    assert_eq!(requirements(), before.map(|text| text.replace("3.1.5", "3.1.6")));
}

fn a_plan_that_fails_its_trial_changes_nothing() {
    let world = project("jinja2==3.1.5\n");
    let server = index();
    // There is no Python at all.
    let url = format!("{}/simple/", server.url());
    let arguments = format!("fix . --verify true --apply --index-url {url} --no-config");
    world.run_with(&[("PATH", "/nowhere")], &arguments).ends(2).says(&["needs a Python"]);
    assert_eq!(read(&world, "requirements.txt"), "jinja2==3.1.5\n");
    // What the index said is kept, so that there is a plan; but nothing can be installed.
    fix(&world, &server, &["--offline", "--verify", "true"]).ends(2).says(&["nothing may be fetched"]);
}
