//! Project manifests.

use crate::package_facts::{check, check_bytes, read};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        projects,
        groups,
        groups_in_circles,
        computed_dependencies,
        poetry,
        poetry_beside_a_project,
        environments_of_hatch,
        uv_sources,
        pdm,
        settings_only,
        broken_toml,
        wrong_types,
        hostile_groups,
    ]
}

#[track_caller]
fn file(content: &str, expected: &[&str]) {
    check("pyproject", "pyproject.toml", content, expected);
}

fn projects() {
    file(
        r#"[build-system]
requires = ["hatchling>=1"]

[project]
name = "My_Project"
version = "1.0"
requires-python = ">= 3.9"
dependencies = [
    "torch[gpu]>=2 ; sys_platform == 'linux'",
    "own @ git+https://user:secret@h.example/own@main",
]

[project.optional-dependencies]
Dev_Tools = ["pytest", "my-project[docs]"]
"#,
        &[
            "4: project my-project 1.0 python>=3.9",
            "9: torch[gpu]>=2 ; sys_platform == 'linux'",
            "10: own @ vcs https://h.example/own@main",
            "14: extra dev-tools: pytest",
            "14: extra dev-tools: my-project[docs]",
            "2: build: hatchling>=1",
        ],
    );
    file(
        "[project]\nversion = '1'\ndependencies = ['a', '???', 'b']\n",
        &[
            "1: malformed: `[project]` states no name",
            "3: unread: malformed: a package name is missing (at byte 0): `???`",
            "1: project - 1 python -",
            "3: a",
            "3: b",
        ],
    );
}

fn groups() {
    file(
        r#"[dependency-groups]
lint = ["ruff"]
Test = ["pytest>=7", { include-group = "LINT" }, { include-group = "gone" }, { other = 1 }]
all = [{ include-group = "test" }, "extra-thing"]
"#,
        &[
            "3: unread: malformed: an entry of group `test` that is no requirement",
            "3: unread: malformed: group `test` includes `gone`, which is not there",
            "4: group all: extra-thing",
            "3: group all: pytest>=7",
            "2: group all: ruff",
            "2: group lint: ruff",
            "3: group test: pytest>=7",
            "2: group test: ruff",
        ],
    );
}

fn groups_in_circles() {
    file(
        "[dependency-groups]\na = ['x', {include-group = 'b'}]\nb = ['y', {include-group = 'a'}]\nc = [{include-group = 'c'}]\n",
        &[
            "3: malformed: group `a` includes itself",
            "2: malformed: group `b` includes itself",
            "4: malformed: group `c` includes itself",
            "2: group a: x",
            "3: group a: y",
            "3: group b: y",
            "2: group b: x",
        ],
    );
}

fn computed_dependencies() {
    file(
        "[project]\nname = 'p'\ndynamic = ['version', 'dependencies', 'optional-dependencies']\n",
        &[
            "3: unread: dependencies computed at build time, not read by this version",
            "3: unread: optional dependencies computed at build time, not read by this version",
            "1: project p - python -",
        ],
    );
    file(
        "[project]\nname = 'p'\ndynamic = ['dependencies', 'optional-dependencies']\n\
         [tool.setuptools.dynamic]\ndependencies = {file = ['requirements.txt', 'more.txt']}\n\
         optional-dependencies.dev = {file = 'dev.txt'}\n",
        &[
            "1: project p - python -",
            "3: follow requirements.txt as requirements",
            "3: follow more.txt as requirements",
            "3: follow dev.txt as requirements",
        ],
    );
}

fn poetry() {
    file(
        r#"[tool.poetry]
name = "old"
version = "0.1"

[tool.poetry.dependencies]
python = "^3.8 || ^3.12"
a = "^1.2"
b = { version = "~2.1", extras = ["x"], markers = "sys_platform == 'linux'", python = "<3.10" }
c = [
    { version = "1.0", python = "<3.9", platform = "darwin" },
    { version = "*", python = ">=3.9" },
]
d = { git = "https://h.example/d.git", branch = "main" }
e = { path = "../e", develop = true }
f = { url = "https://h.example/f-1.0.tar.gz" }
g = { version = "*", optional = true }
h = { version = "*", optional = true }
i = "<1.24 || >1.24,<1.26"
j = "1.0 || 3.0"

[tool.poetry.extras]
fast = ["g"]

[tool.poetry.dev-dependencies]
pytest = "^7"

[tool.poetry.group.docs]
optional = true
include-groups = ["dev"]
[tool.poetry.group.docs.dependencies]
sphinx = "*"
"#,
        &[
            "19: unread: version alternatives `1.0 || 3.0` (taken as `>=1.0,<=3.0`), not read by this version",
            "1: project old 0.1 python>=3.8,<4.0",
            "7: a>=1.2,<2.0",
            "8: b[x]>=2.1,<2.2 ; sys_platform == 'linux' and python_full_version < '3.10'",
            "9: c==1.0 ; python_full_version < '3.9' and sys_platform == 'darwin'",
            "9: c ; python_full_version >= '3.9'",
            "13: d @ vcs https://h.example/d.git@main",
            "14: e @ path ../e editable",
            "15: f @ https://h.example/f-1.0.tar.gz",
            "16: extra fast: g",
            "17: constraint: h",
            "18: i!=1.24,<1.26",
            "19: j>=1.0,<=3.0",
            "25: group dev: pytest>=7,<8",
            "31: group docs: sphinx",
            "25: group docs: pytest>=7,<8",
        ],
    );
}

fn poetry_beside_a_project() {
    file(
        r#"[project]
name = "new"
dependencies = ["a>=1", "b"]
[tool.poetry.dependencies]
a = { git = "https://h.example/a", tag = "v1" }
c = "^1"
"#,
        &["1: project new - python -", "3: a>=1 @ vcs https://h.example/a@v1", "3: b"],
    );
    // It narrows what is asked for, and what `dynamic` names comes from it.
    file(
        r#"[project]
name = "new"
dependencies = ["a>=1", "b"]
dynamic = ["optional-dependencies"]
[tool.poetry.dependencies]
a = "^1.2"
b = "*"
c = { version = "^3", optional = true }
[tool.poetry.extras]
more = ["c"]
"#,
        &[
            "1: project new - python -",
            "3: a>=1",
            "3: b",
            "6: constraint: a>=1.2,<2.0",
            "8: extra more: c>=3,<4",
        ],
    );
}

fn environments_of_hatch() {
    file(
        r#"[project]
name = "p"
dynamic = ["dependencies"]
[tool.hatch.metadata.hooks.requirements_txt]
files = ["requirements.in"]
[tool.hatch.envs.default]
dependencies = ["pytest>=7"]
[tool.hatch.envs.docs]
extra-dependencies = ["mkdocs==1.5.0", "q @ {root:uri}/q"]
[tool.hatch.envs.bare]
python = "3.12"
"#,
        &[
            "1: project p - python -",
            "7: group default: pytest>=7",
            "9: group docs: mkdocs==1.5.0",
            "9: group docs: q @ path {root:uri}/q",
            "3: follow requirements.in as requirements",
        ],
    );
}

fn uv_sources() {
    file(
        r#"[project]
name = "p"
dependencies = ["a>=1", "b; python_version > '3.8'", "c", "d", "e @ https://h.example/e.whl", "f"]
[tool.uv]
dev-dependencies = ["g"]
constraint-dependencies = ["h<2"]
[tool.uv.sources]
a = { git = "https://tok@h.example/a", rev = "0123456789abcdef0123456789abcdef01234567" }
b = [{ path = "../b", editable = true, marker = "sys_platform == 'linux'" }, { url = "https://h.example/b.whl", marker = "sys_platform != 'linux'" }]
C = { workspace = true }
d = { index = "private" }
e = { path = "e" }
f = { nonsense = 1 }
"#,
        &[
            "13: malformed: the source of `f` is of unknown kind",
            "1: project p - python -",
            "3: a>=1 @ vcs https://h.example/a@0123456789abcdef0123456789abcdef01234567 pinned",
            "3: b @ path ../b editable ; python_version > '3.8' and sys_platform == 'linux'",
            "3: b @ https://h.example/b.whl ; python_version > '3.8' and sys_platform != 'linux'",
            "3: c @ path workspace editable",
            "3: d",
            "3: e @ https://h.example/e.whl",
            "3: f",
            "5: group dev: g",
            "6: constraint: h<2",
        ],
    );
}

fn pdm() {
    file(
        "[tool.pdm.dev-dependencies]\ntest = ['pytest', '-e file:///${PROJECT_ROOT}/sub#egg=sub', 'git+https://h.example/r@v1#egg=r', '!']\n",
        &[
            "2: unread: malformed: a package name is missing (at byte 0): `!`",
            "2: group test: pytest",
            "2: group test: sub @ path ./sub editable",
            "2: group test: r @ vcs https://h.example/r@v1",
            "2: follow ./sub/pyproject.toml as pyproject",
        ],
    );
}

fn settings_only() {
    file("[tool.black]\nline-length = 100\n", &[]);
    file("", &[]);
    file("[build-system]\nrequires = ['setuptools']\n", &["1: project - - python -", "2: build: setuptools"]);
}

fn broken_toml() {
    // What is understood beside the broken part is kept.
    let lines =
        read("pyproject", "pyproject.toml", b"[project]\nname = 'p'\nversion = \ndependencies = ['a']\n")
            .lines();
    assert!(lines.iter().any(|line| line.starts_with("3: unread: malformed: no TOML: ")), "{lines:?}");
    assert!(lines.contains(&"4: a".to_owned()), "{lines:?}");
    check_bytes(
        "pyproject",
        "pyproject.toml",
        b"[project]\nname = 'p'\n# caf\xe9\n",
        &["3: malformed: not UTF-8", "1: project p - python -"],
    );
    file("\u{feff}[project]\nname = 'p'\n", &["1: project p - python -"]);
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(!read("pyproject", "pyproject.toml", deep.as_bytes()).problems().is_empty());
    let large = "#".repeat(5 << 20);
    file(&large, &["ended: more than 4194304 bytes of a text file"]);
}

fn wrong_types() {
    file(
        "[project]\nname = 1\ndependencies = 'a'\n[project.optional-dependencies]\nx = [1, 'b']\n",
        &[
            "2: unread: malformed: `name` is integer, not a text",
            "1: malformed: `[project]` states no name",
            "3: unread: malformed: `dependencies` is string, not an array",
            "5: unread: malformed: `x` is integer, not a text",
            "1: project - - python -",
            "5: extra x: b",
        ],
    );
    file(
        "project = 3\ntool = 4\ndependency-groups = 5\n",
        &[
            "1: unread: malformed: `project` is integer, not a table",
            "3: unread: malformed: `dependency-groups` is integer, not a table",
            "2: unread: malformed: `tool` is integer, not a table",
        ],
    );
}

fn hostile_groups() {
    // Each group includes all others: expanding them would take a billion steps.
    let includes: String = (0..1000).map(|at| format!("{{include-group = 'g{at}'}},")).collect();
    let mut text = "[dependency-groups]\n".to_owned();
    for at in 0..100 {
        text.push_str(&format!("g{at} = ['p{at}', {includes}]\n"));
    }
    let problems = read("pyproject", "pyproject.toml", text.as_bytes()).problems();
    assert!(
        problems.iter().any(|line| line.contains("unread: more than 100000 bytes of working state")),
        "{problems:?}"
    );
}
