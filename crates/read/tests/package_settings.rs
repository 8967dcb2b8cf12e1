//! Where settings of installers have them look for packages.

use crate::package_facts::{check, read};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        settings_of_pip,
        settings_of_pip_that_break_the_rules,
        settings_of_uv,
        sources_of_poetry,
        sources_of_pdm,
        indexes_of_requirements_files,
    ]
}

fn settings_of_pip() {
    check(
        "pip-settings",
        ".config/pip/pip.conf",
        "# why\n[global]\ntimeout = 60\nindex-url = https://u:p@h.example/simple\nextra_index_url =\n    https://a.example\n\
         \x20   https://b.example\n\n[install]\ntrusted-host: h.example i.example\nno-index = false\nfind-links=./wheels\n\
         [download]\nno-index = true\n",
        &[
            "4: index Default https://h.example/simple",
            "6: index Extra https://a.example",
            "7: index Extra https://b.example",
            "10: index Trusted h.example",
            "10: index Trusted i.example",
            "12: index Links ./wheels",
            "14: index None ",
        ],
    );
}

fn settings_of_pip_that_break_the_rules() {
    check(
        "pip-settings",
        "pip.conf",
        "  index-url = https://a.example\nnonsense\n[open\nextra-index-url\n  = https://b.example\n",
        &[
            "1: index Default https://a.example",
            "2: unread: malformed: no `option = value`: `nonsense`",
            "4: unread: malformed: no `option = value`: `extra-index-url`",
        ],
    );
    let many = "extra-index-url = a\n b\n".repeat(50_000);
    assert_eq!(read("pip-settings", "pip.conf", many.as_bytes()).facts.len(), 100_000);
}

fn settings_of_uv() {
    check(
        "uv-settings",
        "uv.toml",
        "index-strategy = 'unsafe-best-match'\nallow-insecure-host = ['h.example']\n[[index]]\nname = 'a'\n\
         url = 'https://u:p@a.example/simple'\nexplicit = true\n[[index]]\nurl = 'https://b.example/simple'\n\
         [[index]]\nurl = 'https://c.example/simple'\ndefault = true\n[pip]\nextra-index-url = ['https://d.example']\n\
         no-index = false\n",
        &[
            "3: index Explicit https://a.example/simple",
            "7: index First https://b.example/simple",
            "9: index Default https://c.example/simple",
            "2: index Trusted h.example",
            "1: index BestMatch unsafe-best-match",
            "13: index First https://d.example",
        ],
    );
    check(
        "pyproject",
        "pyproject.toml",
        "[tool.uv.sources]\ntorch = { index = 'torch' }\nb = [{ index = 'torch', marker = \"sys_platform == 'linux'\" }]\n\
         c = { path = 'c' }\n[[tool.uv.index]]\nname = 'torch'\nurl = 'https://t.example'\n",
        &["5: index First https://t.example for [\"b\", \"torch\"]"],
    );
    check(
        "uv-settings",
        "uv.toml",
        "index = 1\n",
        &["1: unread: malformed: `index` is integer, not an array"],
    );
}

fn sources_of_poetry() {
    check(
        "pyproject",
        "pyproject.toml",
        "[tool.poetry.dependencies]\na = { version = '1', source = 'own' }\n[tool.poetry.group.dev.dependencies]\n\
         b = [{ version = '1', source = 'own' }]\n[[tool.poetry.source]]\nname = 'own'\nurl = 'https://u:p@own.example'\n\
         priority = 'explicit'\n[[tool.poetry.source]]\nname = 'PyPI'\n[[tool.poetry.source]]\nname = 'c'\n\
         url = 'https://c.example'\n[[tool.poetry.source]]\nname = 'd'\nurl = 'https://d.example'\npriority = 'supplemental'\n",
        &[
            "5: index Explicit https://own.example for [\"a\", \"b\"]",
            "9: index Default PyPI",
            "11: index Extra https://c.example",
            "14: index Last https://d.example",
            "1: project - - python -",
            "2: a==1",
            "4: group dev: b==1",
        ],
    );
}

fn sources_of_pdm() {
    check(
        "pyproject",
        "pyproject.toml",
        "[[tool.pdm.source]]\nname = 'pypi'\nurl = 'https://a.example'\nverify_ssl = false\n[[tool.pdm.source]]\nname = 'b'\n\
         url = 'https://b.example'\n",
        &[
            "1: index Default https://a.example",
            "1: index Trusted https://a.example",
            "5: index Extra https://b.example",
        ],
    );
}

fn indexes_of_requirements_files() {
    check(
        "requirements",
        "requirements.txt",
        "--extra-index-url https://u:p@own.example/simple\n-f https://links.example/list.html\n-r b.txt\n-c c.txt\na\n",
        &[
            "5: a",
            "1: index Extra https://own.example/simple with [\"b.txt\"]",
            "2: index Links https://links.example/list.html with [\"b.txt\"]",
            "3: follow b.txt as requirements",
            "4: follow c.txt as constraints",
        ],
    );
    let many = "-i a\n-r b\n".repeat(20_000);
    let read = read("requirements", "requirements.txt", many.as_bytes());
    assert_eq!((read.facts.len(), read.follows.len()), (20_000, 20_000));
}
