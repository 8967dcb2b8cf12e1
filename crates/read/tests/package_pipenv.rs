//! Files of Pipenv and PDM.

use std::sync::Arc;

use weighbridge_core::limits::Limits;

use crate::package_facts::{check, read, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        pipfile,
        pipfile_names_indexes,
        pipfile_that_breaks_the_rules,
        pipfile_lock,
        pipfile_lock_that_breaks_the_rules,
        pdm,
        pdm_of_old,
        pdm_that_breaks_the_rules,
        hostile_files_are_bounded,
    ]
}

const A: &str = "aaaa000000000000000000000000000000000000000000000000000000000000";
const B: &str = "bbbb000000000000000000000000000000000000000000000000000000000000";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn pipfile() {
    check(
        "pipfile",
        "Pipfile",
        r#"[[source]]
url = "https://user:pw@i.example/simple"
name = "i"

[packages]
Any_Name = "*"
bare = "1.2"
ranged = "~=2.0"
full = {version = ">=1,<2", extras = ["b", "a"], markers = "python_version < '3.12'", index = "i"}
windows = {version = "*", sys_platform = "== 'win32'", markers = "python_version < '3'"}
git = {git = "https://u:p@h.example/r.git", ref = "main", editable = true}
moved = {hg = "https://h.example/r", ref = "tip"}
folder = {path = "./folder", editable = true}
file = {file = "https://h.example/f-1.0-py3-none-any.whl"}
near = {file = "./wheels/n.whl"}

[dev-packages]
pytest = "==8.*"

[doc-things]
sphinx = "*"

[scripts]
start = "python app.py"

[requires]
python_version = "3.9"
"#,
        &[
            "project - - python==3.9.*",
            "1: index Default https://i.example/simple",
            "18: group dev-packages: pytest==8.*",
            "21: group doc-things: sphinx",
            "6: any-name",
            "7: bare==1.2",
            "14: file @ https://h.example/f-1.0-py3-none-any.whl",
            "13: folder @ path ./folder editable",
            "9: full[a,b]>=1,<2 ; python_version < '3.12'",
            "11: git @ vcs https://h.example/r.git@main",
            "12: moved @ vcs hg+https://h.example/r@tip",
            "15: near @ path ./wheels/n.whl",
            "8: ranged~=2.0",
            "10: windows ; python_version < '3' and sys_platform == 'win32'",
        ],
    );
}

fn pipfile_names_indexes() {
    check(
        "pipfile",
        "Pipfile",
        r#"[[source]]
url = "https://user:pw@i.example/simple"
name = "i"

[[source]]
url = "https://own.example/simple"
verify_ssl = false
name = "own"

[[source]]
name = "without"

[packages]
shop = {version = "*", index = "own"}
numpy = {version = "*", index = "i"}

[dev-packages]
shop-tests = {version = "*", index = "own"}
"#,
        &[
            "project - - python -",
            "1: index Default https://i.example/simple",
            "5: index Explicit https://own.example/simple for [\"shop\", \"shop-tests\"]",
            "5: index Trusted https://own.example/simple",
            "18: group dev-packages: shop-tests",
            "15: numpy",
            "14: shop",
        ],
    );
}

fn pipfile_that_breaks_the_rules() {
    check(
        "pipfile",
        "Pipfile",
        r#"[packages]
a = 1
"not a name" = "*"
b = {version = 1}
c = {extras = ["x", 2]}
d = "~~1"
e = {git = true}

[requires]
python_version = 3.9

[other]
f = ["1"]
"#,
        &[
            "10: unread: malformed: `python_version` is float, not a text",
            "project - - python -",
            "13: unread: malformed: `f` is array, not a constraint",
            "2: unread: malformed: `a` is integer, not a constraint",
            "4: unread: malformed: `version` is integer, not a text",
            "4: b",
            "5: unread: malformed: `extras` is integer, not a text",
            "5: c[x]",
            "6: malformed: `~~1` does not start with a comparison operator: `~~1`",
            "6: d~~1",
            "7: unread: malformed: `git` is boolean, not a text",
            "3: unread: malformed: `not a name` is not a package name",
        ],
    );
    check(
        "pipfile",
        "Pipfile",
        "packages = []\n",
        &["project - - python -", "1: unread: malformed: `packages` is array, not a table"],
    );
}

fn pipfile_lock() {
    check(
        "pipfile-lock",
        "Pipfile.lock",
        &format!(
            r#"{{
  "_meta": {{"hash": {{"sha256": "{A}"}}, "pipfile-spec": 6, "requires": {{"python_full_version": "3.11.4"}}, "sources": []}},
  "default": {{
    "A_b": {{"hashes": ["sha256:{B}", "sha256:{A}", "sha512:00"], "index": "i", "version": "==1.0+cpu"}},
    "c": {{"extras": ["y", "x"], "markers": "python_version >= '3.8'", "version": "==2"}},
    "d": {{"git": "https://u:p@h.example/d", "ref": "{COMMIT}"}},
    "e": {{"file": "https://h.example/e.whl", "hashes": ["sha256:{A}"]}},
    "f": {{"editable": true, "path": "."}}
  }},
  "develop": {{"g": {{"version": "==3"}}}},
  "docs": {{"h": {{"version": "===4-x"}}}}
}}"#
        ),
        &[
            "2: project - - python==3.11.4",
            "4: locked a-b 1.0+cpu #aaaa #bbbb",
            "5: locked c 2 ; python_version >= '3.8'",
            "6: locked d - @ vcs https://h.example/d@0123456789abcdef0123456789abcdef01234567 pinned",
            "7: locked e - @ https://h.example/e.whl pinned #aaaa",
            "8: locked f - @ path . editable",
            "10: locked g 3",
            "11: locked h 4-x",
        ],
    );
}

fn pipfile_lock_that_breaks_the_rules() {
    check(
        "pipfile-lock",
        "Pipfile.lock",
        r#"{
  "_meta": {"pipfile-spec": 7},
  "default": {
    "a": {"version": ">=1"},
    "b": {"version": 1},
    "c": "==1",
    "no name": {"version": "==1"},
    "d": {"version": "==1", "hashes": ["sha256:x", "y", 1], "markers": "nonsense"}
  },
  "develop": []
}"#,
        &[
            "2: unread: Pipenv lock file version 7, not read by this version",
            "4: malformed: the version of `a` is `>=1`, not one",
            "4: locked a -",
            "5: unread: malformed: `version` of `b` is of the wrong kind",
            "5: malformed: the version of `b` is none, not one",
            "5: locked b -",
            "6: unread: malformed: `c` is no object",
            "7: unread: malformed: `no name` is not a package name",
            "8: malformed: no SHA-256: `sha256:x`",
            "8: malformed: a digest without algorithm: `y`",
            "8: malformed: a digest without algorithm: `1`",
            "8: malformed: `nonsense` is not a marker variable (at byte 0): `nonsense`",
            "8: locked d 1 ; nonsense",
            "10: unread: malformed: `develop` is no object of packages",
        ],
    );
    check("pipfile-lock", "Pipfile.lock", "{}", &["malformed: states no `_meta`"]);
    check("pipfile-lock", "Pipfile.lock", "[]", &["ended: malformed: no object with categories of packages"]);
    check("pipfile-lock", "Pipfile.lock", "{\"default\": {", &["ended: malformed: no JSON"]);
}

fn pdm() {
    check(
        "pdm-lock",
        "pdm.lock",
        &format!(
            r#"[metadata]
groups = ["default"]
lock_version = "4.5.0"

[[metadata.targets]]
requires_python = ">=3.9"

[[package]]
name = "coverage"
version = "7.6.1"
files = [
    {{file = "c.whl", hash = "sha256:{A}"}},
    {{url = "https://f.example/c.tar.gz", hash = "sha256:{B}"}},
]

[[package]]
name = "Coverage"
version = "7.6.1"
extras = ["toml"]
marker = "python_version < \"3.12\""
dependencies = [
    "coverage==7.6.1",
    "tomli; python_full_version <= \"3.11.0a6\"",
]

[[package]]
name = "two"
version = "1"
extras = ["x", "y"]
dependencies = ["two==1", "six>=1"]

[[package]]
name = "g"
version = "0.1"
git = "https://u:p@h.example/g"
ref = "main"
revision = "{COMMIT}"
dependencies = ["local @ file:///${{PROJECT_ROOT}}/libs/local"]

[[package]]
name = "u"
version = "2"
url = "https://u:p@h.example/u.whl"
files = [{{url = "https://h.example/u.whl", hash = "sha256:{A}"}}]

[[package]]
name = "local"
version = "0"
path = "./libs/local"
editable = true
"#
        ),
        &[
            "8: locked coverage 7.6.1 #aaaa #bbbb",
            "16: locked coverage 7.6.1 ; python_version < '3.12' | extra toml: tomli ; python_full_version <= '3.11.0a6'",
            "26: locked two 1 | extra x: six>=1 | extra y: six>=1",
            "32: locked g 0.1 @ vcs https://h.example/g@0123456789abcdef0123456789abcdef01234567 pinned | local @ path ./libs/local",
            "40: locked u 2 @ https://h.example/u.whl pinned #aaaa",
            "46: locked local 0 @ path ./libs/local editable",
        ],
    );
}

fn pdm_of_old() {
    check(
        "pdm-lock",
        "pdm.lock",
        &format!(
            r#"[[package]]
name = "a"
version = "1.0"
requires_python = ">=3.6"
summary = "a"
dependencies = ["b<2"]

[[package]]
name = "b"
version = "1.5"

[metadata]
lock_version = "3.1"
content_hash = "sha256:00"

[metadata.files]
"a 1.0" = [{{file = "a.whl", hash = "sha256:{A}"}}]
"b[x] 1.5" = [{{file = "b.whl", hash = "sha256:{B}"}}]
"#
        ),
        &["1: locked a 1.0 #aaaa | b<2", "8: locked b 1.5 #bbbb"],
    );
}

fn pdm_that_breaks_the_rules() {
    check(
        "pdm-lock",
        "pdm.lock",
        r#"[metadata]
lock_version = "9.0"

[[package]]
version = "1"

[[package]]
name = "a"
version = 1
dependencies = ["b ~~ 1", 2, "c"]
files = [{hash = "sha256:x"}, {hash = "md5:00"}]
marker = "nonsense"

[[package]]
name = "d"
oops

[[package]]
name = "e"
version = "1"
"#,
        &[
            "2: unread: PDM lock file version 9.0, not read by this version",
            "4: unread: malformed: a package without name",
            "9: unread: malformed: `version` is integer, not a text",
            "11: malformed: no SHA-256: `sha256:x`",
            "7: malformed: `nonsense` is not a marker variable (at byte 0): `nonsense`",
            "10: unread: malformed: `~~ 1` does not start with a comparison operator (at byte 2): `b ~~ 1`",
            "10: unread: malformed: `dependencies` is integer, not a text",
            "16: unread: malformed: no TOML: key with no value, expected `=`",
            "7: locked a - ; nonsense | c",
            "14: locked d -",
            "18: locked e 1",
        ],
    );
    check("pdm-lock", "pdm.lock", "", &["malformed: states no `lock_version`"]);
}

/// Files far larger than any real one, as deep as text allows, and with a repetition wherever there can be one.
fn hostile_files_are_bounded() {
    let limits = Limits { facts: 1_000, ..Limits::default() };
    let read = |id: &str, path: &str, content: String| {
        let reading = read_source(id, path, Arc::new(content.into_bytes()), limits);
        assert!(reading.facts.len() <= limits.facts + 1, "{path}");
        assert!(!reading.problems().is_empty(), "{path}");
    };
    let many = |item: &dyn Fn(usize) -> String| (0..100_000).map(item).collect::<String>();
    read("pipfile", "Pipfile", format!("[packages]\n{}", many(&|n| format!("p{n} = '*'\n"))));
    read("pipfile", "Pipfile", format!("[packages]\na = {}", "[".repeat(100_000)));
    read("pipfile", "Pipfile", format!("[packages]\na = {{extras = [{}]}}", many(&|n| format!("'-{n}',"))));
    read("pipfile-lock", "Pipfile.lock", format!("{{\"_meta\": {}", "{\"a\":".repeat(100_000)));
    let packages = many(&|n| format!("\"p{n}\": {{\"version\": \"==1\"}},"));
    read("pipfile-lock", "Pipfile.lock", format!("{{\"default\": {{{packages} \"z\": 1}}}}"));
    let hashes = many(&|_| "\"sha256:0\",".to_owned());
    read("pipfile-lock", "Pipfile.lock", format!("{{\"default\": {{\"a\": {{\"hashes\": [{hashes} 1]}}}}}}"));
    read("pdm-lock", "pdm.lock", many(&|n| format!("[[package]]\nname = 'p{n}'\nversion = '1'\n")));
    let extras = many(&|n| format!("'x{n}',"));
    let asked = (0..1_000).map(|n| format!("'p{n}',")).collect::<String>();
    read(
        "pdm-lock",
        "pdm.lock",
        format!("[[package]]\nname = 'a'\nversion = '1'\nextras = [{extras}]\ndependencies = [{asked}]"),
    );
    // A circle of packages is nothing special to a lock file.
    let circle = "[metadata]\nlock_version = '4.5'\n[[package]]\nname = 'a'\nversion = '1'\ndependencies = ['a', 'b']\n\
                  [[package]]\nname = 'b'\nversion = '1'\ndependencies = ['a']\n";
    assert_eq!(self::read("pdm-lock", "pdm.lock", circle.as_bytes()).problems(), [] as [&str; 0]);
}
