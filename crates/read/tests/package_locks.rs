//! Lock files.

use crate::package_facts::{check, read};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        uv,
        uv_roots_and_specifiers,
        uv_sources,
        uv_scripts,
        uv_that_breaks_the_rules,
        poetry,
        poetry_of_old,
        poetry_sources,
        python_locks,
        a_broken_table_costs_only_itself,
        headers_inside_texts,
        inline_packages,
    ]
}

const A: &str = "aaaa000000000000000000000000000000000000000000000000000000000000";
const B: &str = "bbbb000000000000000000000000000000000000000000000000000000000000";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[track_caller]
fn uv_file(content: &str, expected: &[&str]) {
    check("uv-lock", "uv.lock", content, expected);
}

#[track_caller]
fn poetry_file(content: &str, expected: &[&str]) {
    check("poetry-lock", "poetry.lock", content, expected);
}

fn uv() {
    uv_file(
        &format!(
            r#"version = 1
revision = 3
requires-python = ">=3.10"
resolution-markers = ["python_full_version >= '3.12'"]

[[package]]
name = "networkx"
version = "3.4.2"
source = {{ registry = "https://i.example/simple" }}
resolution-markers = ["python_full_version < '3.11'", "sys_platform == 'win32'"]
sdist = {{ url = "https://f.example/n.tar.gz", hash = "sha256:{B}", size = 1 }}
wheels = [
    {{ url = "https://f.example/n.whl", hash = "sha256:{A}" }},
    {{ url = "https://f.example/m.whl", hash = "sha512:00" }},
]

[[package]]
name = "user"
version = "1"
source = {{ registry = "https://i.example/simple" }}
dependencies = [
    {{ name = "networkx", version = "3.4.2", source = {{ registry = "https://i.example/simple" }}, marker = "python_full_version < '3.11'" }},
    {{ name = "Jinja2", extra = ["b", "a"] }},
]

[package.optional-dependencies]
Fast = [{{ name = "cython" }}]
"#
        ),
        &[
            "6: locked networkx 3.4.2 #aaaa #bbbb ; python_full_version < '3.11' or sys_platform == 'win32'",
            "17: locked user 1 | networkx==3.4.2 ; python_full_version < '3.11' | jinja2[a,b] | extra fast: cython",
        ],
    );
}

fn uv_roots_and_specifiers() {
    uv_file(
        r#"version = 1

[manifest]
members = ["root", "member"]

[[package]]
name = "root"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "a" }, { name = "b", version = "2" }, { name = "c" }, { name = "d", extra = ["x"] }]

[package.optional-dependencies]
dev = [{ name = "a" }]

[package.dev-dependencies]
test = [{ name = "e" }]

[package.metadata]
requires-dist = [
    { name = "a", specifier = ">=1" },
    { name = "a", marker = "extra == 'dev'", specifier = ">=1.5" },
    { name = "b", specifier = ">=1" },
    { name = "c", marker = "sys_platform == 'linux'", specifier = "<3" },
    { name = "c", marker = "sys_platform != 'linux'", specifier = "<4" },
    { name = "d", extras = ["x"] },
]
provides-extras = ["dev"]

[package.metadata.requires-dev]
test = [{ name = "e", specifier = "==5.*" }]

[[package]]
name = "member"
source = { editable = "packages/member" }

[[package]]
name = "stranger"
source = { directory = "../stranger" }
"#,
        &[
            "6: locked root 0.1 @ path . editable root | a>=1 | b==2 | c | d[x] | extra dev: a>=1.5 | group test: e==5.*",
            "32: locked member - @ path packages/member editable root",
            "36: locked stranger - @ path ../stranger",
        ],
    );
}

fn uv_sources() {
    uv_file(
        &format!(
            r#"version = 1
[[package]]
name = "g"
source = {{ git = "https://tok@h.example/g?rev=feature%2Fx#{COMMIT}" }}
[[package]]
name = "h"
source = {{ git = "https://h.example/h?tag=v1" }}
[[package]]
name = "u"
source = {{ url = "https://user:pw@h.example/u.whl" }}
wheels = [{{ hash = "sha256:{A}" }}]
[[package]]
name = "v"
source = {{ url = "https://h.example/v.tar.gz" }}
[[package]]
name = "p"
source = {{ path = "wheels/p.whl" }}
"#
        ),
        &[
            &format!("2: locked g - @ vcs https://h.example/g@{COMMIT} pinned"),
            "5: locked h - @ vcs https://h.example/h@v1",
            "8: locked u - @ https://h.example/u.whl pinned #aaaa",
            "12: locked v - @ https://h.example/v.tar.gz",
            "15: locked p - @ path wheels/p.whl",
        ],
    );
}

fn uv_scripts() {
    uv_file(
        "version = 1\n[manifest]\nrequirements = [{ name = 'a', specifier = '>=1' }]\nconstraints = [{ name = 'b', specifier = '<2' }]\n\
         [manifest.dependency-groups]\ndev = [{ name = 'c', git = 'https://h.example/c?branch=main' }]\n",
        &["3: a>=1", "4: constraint: b<2", "6: group dev: c @ vcs https://h.example/c@main"],
    );
}

fn uv_that_breaks_the_rules() {
    uv_file(
        "version = 2\n[[package]]\nversion = '1'\n[[package]]\nname = '!'\n[[package]]\nname = 'a'\nversion = 1\n\
         [[package]]\nname = 'b'\nsource = { moon = 'x' }\nwheels = [{ hash = 'sha256:xyz' }, { hash = 'none' }, 3]\n\
         dependencies = [{ extra = ['x'] }, { name = 'c', marker = 'nonsense' }]\n",
        &[
            "1: unread: uv lock file version 2, not read by this version",
            "2: unread: malformed: a package without name",
            "4: unread: malformed: `!` is not a package name",
            "8: unread: malformed: `version` is integer, not a text",
            "6: malformed: package `a` states no source",
            "12: unread: malformed: `wheels` is integer, not a table",
            "12: malformed: no SHA-256: `sha256:xyz`",
            "12: malformed: a digest without algorithm: `none`",
            "malformed: a source of unknown kind: `moon`",
            "13: unread: malformed: a dependency without name",
            "13: malformed: `nonsense` is not a marker variable (at byte 0): `nonsense`",
            "6: locked a -",
            "9: locked b - | c ; nonsense",
        ],
    );
}

fn poetry() {
    poetry_file(
        &format!(
            r#"# comment
[[package]]
name = "Pandas"
version = "2.0"
optional = true
python-versions = ">=3.8"
groups = ["main"]
markers = {{main = "python_version < \"3.11\"", dev = "sys_platform == \"linux\""}}
files = [
    {{file = "p.whl", hash = "sha256:{B}"}},
    {{file = "p.tar.gz", hash = "sha256:{A}"}},
    {{file = "q.tar.gz", hash = "md5:00"}},
]

[package.dependencies]
numpy = [
    {{version = ">=1.20.3", markers = "python_version < \"3.10\""}},
    {{version = ">=1.21.0,<1.24.0 || >1.24.0", markers = "python_version >= \"3.10\""}},
]
python-dateutil = ">=2.8.2"
lxml = {{version = ">=4", optional = true, markers = "extra == \"html\""}}
odd = {{version = "*", optional = true}}
any = "*"

[package.extras]
html = ["lxml (>=4)", "beautifulsoup4[x]>=4"]
all = ["lxml (>=4)"]

[extras]
mine = ["pandas"]

[metadata]
lock-version = "2.1"
python-versions = "^3.9"
content-hash = "{A}"
"#
        ),
        &["2: locked pandas 2.0 #aaaa #bbbb ; python_version < '3.11' or sys_platform == 'linux' \
           | any | extra all: lxml>=4 ; extra == 'html' | extra html: lxml>=4 ; extra == 'html' \
           | numpy>=1.20.3 ; python_version < '3.10' | numpy>=1.21.0,!=1.24.0 ; python_version >= '3.10' \
           | constraint: odd | python-dateutil>=2.8.2"],
    );
}

fn poetry_of_old() {
    poetry_file(
        &format!(
            "[[package]]\ncategory = \"main\"\nname = \"a\"\nversion = \"1\"\n\n[[package]]\nname = \"b\"\nversion = \"2\"\n\n\
             [package.dependencies.a]\nversion = \"^1\"\noptional = false\n\n\
             [metadata]\nlock-version = \"1.0\"\n[metadata.files]\na = [{{file = \"a.whl\", hash = \"sha256:{A}\"}}]\nb = []\n"
        ),
        &["1: locked a 1 #aaaa", "6: locked b 2 | a>=1,<2"],
    );
    poetry_file(
        &format!("[[package]]\nname = \"a\"\nversion = \"1\"\n[metadata.hashes]\na = [\"{A}\", \"xyz\"]\n"),
        &["5: malformed: no SHA-256: `xyz`", "1: locked a 1 #aaaa"],
    );
}

fn poetry_sources() {
    let package = |source: &str, expected: &str| {
        poetry_file(
            &format!("[[package]]\nname = 'a'\nversion = '1'\n[package.source]\n{source}\n"),
            &[expected],
        );
    };
    package(
        &format!(
            "type = 'git'\nurl = 'https://u:p@h.example/a'\nreference = 'main'\nresolved_reference = '{COMMIT}'"
        ),
        &format!("1: locked a 1 @ vcs https://h.example/a@{COMMIT} pinned"),
    );
    package("type = 'url'\nurl = 'https://h.example/a.whl'", "1: locked a 1 @ https://h.example/a.whl");
    package("type = 'directory'\nurl = '../a'\ndevelop = true", "1: locked a 1 @ path ../a editable");
    package("type = 'file'\nurl = 'a.whl'", "1: locked a 1 @ path a.whl");
    package("type = 'legacy'\nurl = 'https://i.example/simple'\nreference = 'private'", "1: locked a 1");
    poetry_file(
        "[[package]]\nname = 'a'\n[package.source]\ntype = 'moon'\n",
        &["1: malformed: a source of unknown kind: `moon`", "1: locked a -"],
    );
}

fn python_locks() {
    check(
        "pylock",
        "pylock.toml",
        &format!(
            r#"lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = "==3.12"
extras = ["cli"]
dependency-groups = ["dev"]
default-groups = ["default"]
created-by = "tool"

[[packages]]
name = "Attrs"
version = "25.1.0"
requires-python = ">=3.8"
wheels = [
    {{name = "a.whl", url = "https://f.example/a.whl", hashes = {{sha256 = "{A}", sha512 = "00"}}}},
    {{name = "b.whl", hashes = {{sha512 = "00"}}}},
    {{name = "c.whl"}},
]
sdist = {{name = "a.tar.gz", hashes = {{sha256 = "{B}"}}}}

[[packages]]
name = "cattrs"
version = "24"
marker = "'dev' in dependency_groups or 'cli' in extras"
dependencies = [{{name = "attrs", version = "25.1.0"}}, {{name = "g"}}, {{version = "1"}}]

[[packages]]
name = "g"
vcs = {{type = "git", url = "https://u@h.example/g", requested-revision = "main", commit-id = "{COMMIT}"}}

[[packages]]
name = "r"
archive = {{url = "https://h.example/r.zip", hashes = {{sha256 = "{A}"}}}}

[[packages]]
name = "me"
directory = {{path = ".", editable = true}}

[[packages]]
version = "0"
"#
        ),
        &[
            "16: malformed: a file without `hashes`",
            "9: locked attrs 25.1.0 #aaaa #bbbb",
            "24: unread: malformed: a dependency without name",
            "20: locked cattrs 24 ; 'dev' in dependency_groups or 'cli' in extras | attrs==25.1.0 | g",
            &format!("26: locked g - @ vcs https://h.example/g@{COMMIT} pinned"),
            "30: locked r - @ https://h.example/r.zip pinned #aaaa",
            "34: locked me - @ path . editable root",
            "38: unread: malformed: a package without name",
        ],
    );
    check(
        "pylock",
        "pylock.cpu.toml",
        "lock-version = '2.0'\n",
        &["1: unread: Python lock file version 2.0, not read by this version"],
    );
    check("pylock", "pylock.toml", "", &["malformed: states no `lock-version`"]);
}

fn a_broken_table_costs_only_itself() {
    let reading = read(
        "uv-lock",
        "uv.lock",
        b"version = 1\n[[package]]\nname = 'a'\nsource = { registry = 'r' }\n[[package]]\nname = 'b\nsource = { registry = 'r' }\n\
          [[package]]\nname = 'c'\nsource = { registry = 'r' }\n",
    );
    let lines = reading.lines();
    assert!(lines.iter().any(|line| line.starts_with("6: unread: malformed: no TOML: ")), "{lines:?}");
    assert!(
        lines.contains(&"2: locked a -".to_owned()) && lines.contains(&"8: locked c -".to_owned()),
        "{lines:?}"
    );
    // Nothing but noise.
    let reading = read("poetry-lock", "poetry.lock", b"\0\x01\x02\xff not toml at all");
    assert!(!reading.problems().is_empty() && reading.locked().count() == 0);
}

fn headers_inside_texts() {
    // Valid TOML, cut in the wrong place at first.
    poetry_file(
        "[[package]]\nname = 'a'\nversion = '1'\ndescription = '''\n[[package]]\nname = 'fake'\n'''\n\n[[package]]\nname = 'b'\nversion = '2'\n",
        &["1: locked a 1", "9: locked b 2"],
    );
    poetry_file(
        "[[package]]\nname = 'a'\ndescription = \"\"\"\n[[package]]\nname = 'fake'\n[[package]]\nname = 'fake2'\n\"\"\"\nversion = '1'\n",
        &["1: locked a 1"],
    );
}

fn inline_packages() {
    uv_file(
        "version = 1\npackage = [{ name = 'a', version = '1', source = { registry = 'r' } }, { name = 'b', source = { registry = 'r' } }]\n",
        &["2: locked a 1", "2: locked b -"],
    );
    uv_file(
        "version = 1\n[[ package ]]\nname = 'a'\nsource = { registry = 'r' }\n[[\"package\"]]\nname = 'b'\nsource = { registry = 'r' }\n",
        &["2: locked a -", "5: locked b -"],
    );
}
