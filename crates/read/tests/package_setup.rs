//! Files of setuptools, and scripts that say what they need.

use std::sync::Arc;

use weighbridge_core::limits::Limits;

use crate::package_facts::{check, read, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        configuration,
        configuration_in_other_forms,
        configuration_that_breaks_the_rules,
        set_up_scripts,
        set_up_scripts_name_by_name,
        set_up_scripts_that_compute,
        words_that_ask_for_nothing,
        scripts,
        scripts_that_break_the_rules,
        hostile_files_are_bounded,
    ]
}

#[track_caller]
fn cfg(content: &str, expected: &[&str]) {
    check("setup-cfg", "setup.cfg", content, expected);
}

#[track_caller]
fn py(content: &str, expected: &[&str]) {
    check("setup-py", "setup.py", content, expected);
}

/// Facts of a script without what it imports.
#[track_caller]
fn script(content: &str, expected: &[&str]) {
    check("python", "tool.py", content, expected);
}

fn configuration() {
    cfg(
        "[metadata]
name = Some_Name
version = 1.2

[options]
packages = find:
python_requires = >= 3.8
install_requires =
    numpy>=1.20
    # a comment
    torch ; sys_platform == 'linux'

    c[x,y] @ git+https://u:p@h.example/c@main
setup-requires = wheel; setuptools_scm
tests_require =
    pytest

[options.extras_require]
docs = sphinx
all =
    a
    b<2
old:python_version < '3.9' = c

[options.entry_points]
console_scripts =
    a = b:c

[flake8]
ignore = E1
",
        &[
            "9: numpy>=1.20",
            "11: torch ; sys_platform == 'linux'",
            "13: c[x,y] @ vcs https://h.example/c@main",
            "14: build: wheel",
            "14: build: setuptools-scm",
            "16: group tests: pytest",
            "19: extra docs: sphinx",
            "21: extra all: a",
            "22: extra all: b<2",
            "23: unread: malformed: `= c` does not start with a comparison operator (at byte 15): `python_version < '3.9' = c`",
            "project some-name 1.2 python>=3.8",
        ],
    );
}

fn configuration_in_other_forms() {
    // Only settings of tools: no project.
    cfg("[flake8]\nmax-line-length = 100\n[tool:pytest]\naddopts = -x\n", &[]);
    cfg("[options]\ninstall_requires: a; b>=1\n", &["2: a", "2: b>=1", "project - - python -"]);
    cfg(
        "[options]\ninstall_requires = a; python_version < '3'\n",
        &["2: a ; python_version < '3'", "project - - python -"],
    );
    cfg(
        "[options]\ninstall_requires = file: requirements/a.txt, b.txt\n",
        &[
            "project - - python -",
            "2: follow requirements/a.txt as requirements",
            "2: follow b.txt as requirements",
        ],
    );
    cfg(
        "[options]\ninstall_requires =\n  file: a.txt,\n  b.txt\n[options.extras_require]\nx = file:x.in\n",
        &[
            "project - - python -",
            "3: follow a.txt as requirements",
            "4: follow b.txt as requirements",
            "6: follow x.in as requirements",
        ],
    );
    cfg(
        "[metadata]\nname = a\nversion = attr: a.version\nrequires-dist =\n  b\nrequires-python = >=3\n",
        &["5: b", "project a - python>=3"],
    );
    cfg(
        "\u{feff}[options]\r\ninstall_requires =\r\n\ta\r\n\tb\r\n",
        &["3: a", "4: b", "project - - python -"],
    );
}

fn configuration_that_breaks_the_rules() {
    cfg(
        "before = any section
[options]
install_requires =
    a ~~ 1
    b
oops
  and more
python_requires = three
[options.extras_require]
!! = c
x = attr: y
[metadata]
name = not a name
",
        &[
            "6: unread: malformed: no `name = value`: `oops`",
            "7: unread: malformed: no `name = value`: `and more`",
            "4: unread: malformed: `~~ 1` does not start with a comparison operator (at byte 2): `a ~~ 1`",
            "5: b",
            "8: malformed: `three` does not start with a comparison operator: `three`",
            "10: unread: malformed: `!!` is not a package name",
            "11: unread: malformed: `: y` does not start with a comparison operator (at byte 4): `attr: y`",
            "13: unread: malformed: `not a name` is not a package name",
            "project - - pythonthree",
        ],
    );
}

fn set_up_scripts() {
    py(
        r#"#!/usr/bin/env python
"""Docstring with setup(install_requires=['no'])."""
import os
from setuptools import setup, find_packages

def read(name):
    return open(os.path.join(os.path.dirname(__file__), name)).read()

if __name__ == "__main__":
    setup(
        name="Some_Name",
        version='1.0' '.post1',
        description=read("README.md"),
        python_requires=">=3.8",
        packages=find_packages(exclude=["tests"]),
        ext_modules=[Extension("a", sources=["a.c"])],
        install_requires=[
            "numpy>=1.20",  # why
            'torch>=2; sys_platform == "linux"',
            ("scipy" "<2"),
        ],
        extras_require={
            "docs": ["sphinx"],
            "dev": ("pytest", "black"),
            "one": "single",
            ":python_version < '3.9'": ["backport"],
            "gpu:sys_platform == 'linux'": ["cuda"],
        },
        setup_requires=["wheel"],
        tests_require="a\nb\n# c\n",
        zip_safe=False,
    )
"#,
        &[
            "10: project some-name 1.0.post1 python>=3.8",
            "18: numpy>=1.20",
            "19: torch>=2 ; sys_platform == 'linux'",
            "20: scipy<2",
            "26: backport ; python_version < '3.9'",
            "24: extra dev: pytest",
            "24: extra dev: black",
            "23: extra docs: sphinx",
            "27: extra gpu: cuda ; sys_platform == 'linux'",
            "25: extra one: single",
            "29: build: wheel",
            "30: group tests: a",
            "31: group tests: b",
        ],
    );
    py(
        "import setuptools\nsetuptools.setup(install_requires=None, extras_require={})\n",
        &["2: project - - python -"],
    );
}

fn set_up_scripts_name_by_name() {
    py(
        r#"from setuptools import setup
NAME = "p"
VERSION: str = "2.0"
BASE = ["a"]
BASE.append("b>=1")
BASE.extend(["c", "d"])
BASE += ("e",)
EXTRAS = dict(x=["f"])
EXTRAS["y"] = ["g", *BASE]
EXTRAS["y"] += ["h"]
EXTRAS["all"] = EXTRAS["x"] + EXTRAS["y"]
metadata = dict(name=NAME, version=VERSION, install_requires=list(BASE))
setup(extras_require=EXTRAS, **metadata)
"#,
        &[
            "13: project p 2.0 python -",
            "4: a",
            "5: b>=1",
            "6: c",
            "6: d",
            "7: e",
            "8: extra all: f",
            "9: extra all: g",
            "4: extra all: a",
            "5: extra all: b>=1",
            "6: extra all: c",
            "6: extra all: d",
            "7: extra all: e",
            "10: extra all: h",
            "8: extra x: f",
            "9: extra y: g",
            "4: extra y: a",
            "5: extra y: b>=1",
            "6: extra y: c",
            "6: extra y: d",
            "7: extra y: e",
            "10: extra y: h",
        ],
    );
    // What may or may not happen is told, and what is plain is read.
    py(
        r#"from setuptools import setup
import sys
required = ["a"]
if sys.platform == "win32":
    required.append("b")
setup(install_requires=required)
"#,
        &[
            "6: project - - python -",
            "3: a",
            "5: b",
            "6: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "def main():\n    required = ['a']\n    setup(install_requires=required)\nmain()\n",
        &[
            "3: project - - python -",
            "2: a",
            "3: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
}

fn set_up_scripts_that_compute() {
    py(
        "setup(install_requires=open('r.txt').read().splitlines())\n",
        &[
            "1: project - - python -",
            "1: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "setup(install_requires=['a', f'b=={VERSION}', name, 'c'] + more())\n",
        &[
            "1: project - - python -",
            "1: a",
            "1: c",
            "1: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "setup(install_requires=[line for line in lines])\n",
        &[
            "1: project - - python -",
            "1: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "setup(install_requires=['a'] if x else ['b'])\n",
        &[
            "1: project - - python -",
            "1: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "setup(extras_require={'x': get(), key: ['a'], 'y': ['b']}, **more)\n",
        &[
            "1: project - - python -",
            "1: unread: some arguments of `setup()` computed by `setup.py`, not read by this version",
            "1: extra y: b",
            "1: unread: `extras_require` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "with open('r.txt') as required:\n    pass\nsetup(install_requires=required)\n",
        &[
            "3: project - - python -",
            "3: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
    py(
        "kwargs = {}\nkwargs['install_requires'] = read()\nrun(kwargs)\n",
        &["unread: requirements computed by `setup.py`, not read by this version"],
    );
    py(
        "setup(install_requires=['a ~~ 1'], name='not a name')\n",
        &[
            "1: unread: malformed: `not a name` is not a package name",
            "1: project - - python -",
            "1: unread: malformed: `~~ 1` does not start with a comparison operator (at byte 2): `a ~~ 1`",
        ],
    );
    py(
        "setup(install_requires=['a'",
        &[
            "1: project - - python -",
            "1: unread: some arguments of `setup()` computed by `setup.py`, not read by this version",
            "1: a",
            "1: unread: `install_requires` computed by `setup.py`, not read by this version",
        ],
    );
}

fn words_that_ask_for_nothing() {
    py("from setuptools import setup\nsetup()\n", &["2: project - - python -"]);
    py("# install_requires\nx = 1\n", &[]);
    py("def setup(install):\n    pass\nself.setup(install=['a'])\n", &[]);
}

fn scripts() {
    script(
        r#"#!/usr/bin/env -S uv run
# /// other
# dependencies = ["no"]
# ///
#
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   "rich ; sys_platform == 'linux'",
# ]
#
# [tool.uv.sources]
# requests = { git = "https://h.example/requests", branch = "main" }
# ///
x = 1
"#,
        &[
            "6: project - - python>=3.11",
            "9: requests<3 @ vcs https://h.example/requests@main",
            "10: rich ; sys_platform == 'linux'",
        ],
    );
    script("x = '''\n# a\n'''\n", &[]);
    // The block goes on to the last line that closes one.
    script(
        "# /// script\n# dependencies = ['a']\n# ///\n# text = 'x'\n# ///\n",
        &[
            "3: unread: malformed: no TOML: key with no value, expected `=`",
            "3: unread: malformed: no TOML: invalid unquoted key, expected letters, numbers, `-`, `_`",
            "1: project - - python -",
            "2: a",
        ],
    );
    script("# /// script\r\n# dependencies = ['a']\r\n# ///\r\n", &["1: project - - python -", "2: a"]);
}

fn scripts_that_break_the_rules() {
    script(
        "# /// script\n# dependencies = ['a']\nx = 1\n",
        &["1: unread: malformed: a `script` block that is not closed"],
    );
    script(
        "# /// script\n# dependencies = ['a ~~ 1', 2, 'b']\n# ///\n",
        &[
            "2: unread: malformed: `~~ 1` does not start with a comparison operator (at byte 2): `a ~~ 1`",
            "2: unread: malformed: `dependencies` is integer, not a text",
            "1: project - - python -",
            "2: b",
        ],
    );
    script(
        "# /// script\n# dependencies = [\n# ///\n",
        &["2: unread: malformed: no TOML: unclosed array, expected `]`", "1: project - - python -"],
    );
    script(
        "# /// script\n# dependencies = ['a']\n# ///\nx = 1\n# /// script\n# dependencies = ['b']\n# ///\n",
        &["5: unread: malformed: a second `script` block", "1: project - - python -", "2: a"],
    );
}

/// Files that would cost a careless reader its stack, its memory or its time.
fn hostile_files_are_bounded() {
    let limits = Limits { facts: 1_000, ..Limits::default() };
    let bounded = |id: &str, path: &str, content: String| {
        let reading = read_source(id, path, Arc::new(content.into_bytes()), limits);
        assert!(reading.facts.len() <= limits.facts + 1, "{path}");
        reading
    };
    let many = |item: &dyn Fn(usize) -> String| (0..100_000).map(item).collect::<String>();
    // A hundred thousand of whatever may be repeated.
    let lines = many(&|n| format!(" p{n}\n"));
    assert!(
        !bounded("setup-cfg", "setup.cfg", format!("[options]\ninstall_requires =\n{lines}"))
            .problems()
            .is_empty()
    );
    bounded("setup-cfg", "setup.cfg", "[".repeat(1 << 20));
    bounded(
        "setup-cfg",
        "setup.cfg",
        format!("[options.extras_require]\n{}", many(&|n| format!("e{n} = p\n"))),
    );
    let items = many(&|n| format!("'p{n}',"));
    assert!(
        !bounded("setup-py", "setup.py", format!("setup(install_requires=[{items}])")).problems().is_empty()
    );
    // Brackets, calls in calls, indexes in indexes.
    for open in ["[", "(", "{", "{'a':", "setup(", "setup(a=", "f(", "a[", "dict(a=", "list(", "'a'+(", "*"] {
        for before in ["", "a = ", "setup(install_requires="] {
            bounded("setup-py", "setup.py", format!("{before}{}", open.repeat(20_000)));
        }
    }
    // Doubling costs an author a line, and must not cost more than that.
    let doubled = (1..60).map(|n| format!("a{n} = a{} + a{}\n", n - 1, n - 1)).collect::<String>();
    let doubled = format!("a0 = ['x'] * 1\na0 = ['x', 'y']\n{doubled}setup(install_requires=a59)\n");
    assert!(!bounded("setup-py", "setup.py", doubled).problems().is_empty());
    let nested = "a = [a, a]\n".repeat(80_000);
    bounded("setup-py", "setup.py", format!("a = ['x']\n{nested}setup(install_requires=a)\n"));
    let keys = (0..60_000).map(|n| format!("d['{n}'] = a\n")).collect::<String>();
    bounded("setup-py", "setup.py", format!("d = {{}}\n{keys}setup(extras_require=d)\n"));
    let sums = "d['k'] += ['x']\n".repeat(60_000);
    bounded("setup-py", "setup.py", format!("d = {{'k': []}}\n{sums}setup(extras_require=d)\n"));
    // A file beyond all reason is a gap where it asks for packages.
    let large = format!("{}setup(install_requires=['a'])", "#\n".repeat(1 << 20));
    assert_eq!(
        bounded("setup-py", "setup.py", large).problems(),
        ["ended: a `setup.py` of this size, not read by this version"]
    );
    // Blocks of scripts.
    let block = format!("# /// script\n{}# ///\n", many(&|n| format!("# a{n} = 1\n")));
    assert!(!bounded("python", "a.py", block).problems().is_empty());
    bounded("python", "a.py", "# /// script\n".repeat(100_000));
    bounded("python", "a.py", format!("# /// script\n# dependencies = {}\n# ///\n", "[".repeat(100_000)));
    assert!(read("setup-py", "setup.py", b"\xff\xfe\x00").problems().len() < 3);
}
