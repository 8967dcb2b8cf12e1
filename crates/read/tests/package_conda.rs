//! Files of conda.

use weighbridge_core::limits::Limits;
use weighbridge_core::reader::Claim;

use crate::package_facts::{check, claim, read, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        conda_packages_and_those_of_pip,
        files_that_are_called_environments,
        environments_that_break_the_rules,
        names_are_claimed,
        locks_of_conda_lock,
        locks_of_conda_lock_that_break_the_rules,
        locks_of_pixi,
        locks_of_pixi_that_break_the_rules,
        old_locks_of_pixi,
        manifests_of_pixi,
        manifests_of_pixi_that_break_the_rules,
        explicit_lists,
        exported_lists,
        hostile_locks_are_bounded,
        notes_of_installed_packages,
        notes_that_break_the_rules,
    ]
}

#[track_caller]
fn environment(content: &str, expected: &[&str]) {
    check("conda-environment", "environment.yml", content, expected);
}

fn conda_packages_and_those_of_pip() {
    environment(
        "name: a\nchannels:\n- conda-forge\n- https://u:p@host.example/private\ndependencies:\n- python=3.11\n\
         - numpy=1.26.4=py311h64a7726_0\n- pytorch::pytorch>=2,<3  # the framework\n- pip\n- pip:\n  \
         - mlflow==2.9.2\n  - -r more.txt\n  - --extra-index-url https://host.example/simple\n  \
         - d @ git+https://host.example/d@main\nprefix: /opt/a\n",
        &[
            "3: index Channel conda-forge",
            "4: index Channel https://host.example/private",
            "6: conda:python3.11.*",
            "7: conda:numpy==1.26.4 py311h64a7726_0",
            "8: index Channel pytorch",
            "8: conda:pytorch>=2,<3",
            "9: conda:pip",
            "11: mlflow==2.9.2",
            "13: index Extra https://host.example/simple",
            "14: d @ vcs https://host.example/d@main",
            "12: follow more.txt as requirements",
        ],
    );
}

fn files_that_are_called_environments() {
    environment("services:\n  web: {}\n", &[]);
    environment("dependencies:\n  web: 1\n", &[]);
    environment("apiVersion: v2\ndependencies:\n- name: postgres\n", &[]);
}

fn environments_that_break_the_rules() {
    environment(
        "dependencies:\n- numpy>={{ version }}\n- [a]\n- conda-pip:\n  - b\n- c\n",
        &[
            "2: unread: malformed: no version specifier of conda: `numpy>={{ version }}`",
            "3: unread: malformed: a dependency that is no text",
            "4: unread: malformed: a list of packages of an unknown installer",
            "6: conda:c",
        ],
    );
}

fn names_are_claimed() {
    for (path, expected) in [
        ("environment.yml", Claim::ByName),
        ("dev-environment.yaml", Claim::ByName),
        ("model/conda.yaml", Claim::ByName),
        ("env.yaml", Claim::ByName),
        ("conda-lock.yml", Claim::No),
        ("settings.yml", Claim::No),
        ("lib/site-packages/a/environment.yml", Claim::No),
    ] {
        assert_eq!(claim("conda-environment", path, b"x"), expected, "{path}");
    }
}

const A: &str = "aaaa000000000000000000000000000000000000000000000000000000000000";

fn locks_of_conda_lock() {
    check(
        "conda-lock",
        "gpu.conda-lock.yml",
        &format!(
            "version: 1\nmetadata:\n  channels:\n  - url: https://u:p@host.example/c\n    used_env_vars: []\n  - defaults\npackage:\n\
             - name: NumPy\n  version: 1.26.4\n  manager: conda\n  platform: linux-64\n  dependencies:\n    __glibc: '>=2.17'\n    \
             python: '>=3.11,<3.12.0a0'\n    python_abi: 3.11.* *_cp311\n    libblas: ''\n  url: https://host.example/c/linux-64/numpy-1.26.4-0.conda\n  \
             hash:\n    md5: d41d8cd98f00b204e9800998ecf8427e\n    sha256: {A}\n- name: Requests\n  version: '2.10'\n  manager: pip\n  \
             platform: noarch\n  dependencies:\n    idna: '>=2.5,<4'\n    certifi: '*'\n  url: https://host.example/r.whl\n  hash: {{}}\n\
             - name: d\n  version: 1.0\n  manager: pip\n  platform: amiga\n  url: git+https://host.example/d@main\n"
        ),
        &[
            "4: index Channel https://host.example/c",
            "6: index Channel defaults",
            "8: locked conda:numpy 1.26.4 #aaaa ; sys_platform == 'linux' and platform_machine == 'x86_64' | \
             conda:python>=3.11,<3.12.0a0 | conda:python_abi3.11.* *_cp311 | conda:libblas",
            "21: locked requests 2.10 | idna>=2.5,<4 | certifi",
            "30: locked d 1.0 @ vcs https://host.example/d@main",
        ],
    );
}

fn locks_of_conda_lock_that_break_the_rules() {
    check(
        "conda-lock",
        "conda-lock.yml",
        "version: 9\npackage:\n- version: 1\n- name: a\n  version: 1\n- name: b\n  manager: npm\n- name: '-'\n  manager: pip\n\
         - name: c\n  manager: conda\n  hash:\n    sha256: 00\n  dependencies:\n    d: [1]\n    e: '{{'\n    x y: ''\n\
         - name: f\n  version: &v 1\n  manager: conda\n  dependencies: &d {g: *v}\n- name: h\n  version: 2\n  manager: conda\n  dependencies: *d\n- text\n",
        &[
            "1: unread: conda-lock lock file version 9, not read by this version",
            "3: unread: malformed: a package without name",
            "4: unread: malformed: package `a` of an unknown manager ``",
            "6: unread: malformed: package `b` of an unknown manager `npm`",
            "8: unread: malformed: `-` is not a package name",
            "10: unread: malformed: package `c` states no version",
            "13: malformed: no SHA-256: `00`",
            "15: unread: malformed: a dependency that is no text",
            "16: unread: malformed: no version specifier of conda: `e {{`",
            "17: unread: malformed: `x y` is not a package name",
            "10: locked conda:c -",
            "18: locked conda:f 1 | conda:g==1",
            "25: unread: malformed: `dependencies` is no table",
            "22: locked conda:h 2",
            "26: unread: malformed: a package without name",
        ],
    );
    check("conda-lock", "conda-lock.yml", "version: 1\n", &["1: unread: malformed: lists no packages"]);
    check("conda-lock", "conda-lock.yml", "# nothing\n", &["ended: malformed: an empty file"]);
}

fn locks_of_pixi() {
    check(
        "pixi-lock",
        "pixi.lock",
        &format!(
            "version: 6\nenvironments:\n  default:\n    channels:\n    - url: https://host.example/c/\n    packages:\n      linux-64:\n      \
             - conda: https://host.example/c/noarch/a-1.0-0.conda\n      - pypi: https://host.example/b.whl\n      osx-arm64:\n      \
             - conda: https://host.example/c/noarch/a-1.0-0.conda\npackages:\n- conda: https://host.example/c/noarch/a-1.0-0.conda\n  sha256: {A}\n  \
             depends:\n  - python >=3.9\n  - __unix\n  constrains:\n  - x <2\n- pypi: https://host.example/b.whl\n  name: B_b\n  version: '2.10'\n  \
             requires_dist:\n  - click ; extra == 'cli'\n- pypi: ./own\n  name: own\n  editable: true\n- conda: ./built\n  name: built\n"
        ),
        &[
            "5: index Channel https://host.example/c/",
            "13: locked conda:a 1.0 #aaaa ; (sys_platform == 'darwin' and platform_machine == 'arm64') or (sys_platform == \
             'linux' and platform_machine == 'x86_64') | conda:python>=3.9",
            "20: locked b-b 2.10 ; sys_platform == 'linux' and platform_machine == 'x86_64' | click ; extra == 'cli'",
            "25: locked own - @ path ./own",
            "28: locked conda:built - @ path ./built",
        ],
    );
    check(
        "pixi-lock",
        "pixi.lock",
        "version: 4\nenvironments: {}\npackages:\n- kind: conda\n  name: a\n  version: '0.1'\n  build: x\n  url: https://host.example/c/noarch/a-0.1-x.conda\n\
         - kind: pypi\n  name: own\n  version: 0.1.0\n  path: ./own\n  editable: true\n",
        &["4: locked conda:a 0.1", "9: locked own 0.1.0 @ path ./own editable"],
    );
}

fn locks_of_pixi_that_break_the_rules() {
    check(
        "pixi-lock",
        "pixi.lock",
        "version: 99\nenvironments: []\npackages:\n- conda: https://host.example/a.conda\n- kind: npm\n- conda: x\n  pypi: y\n\
         - kind: pypi\n  name: b\n  requires_dist: text\n- kind: pypi\n  name: c\n  version: 1\n  requires_dist: [[d], 'e >>1']\n- 3\n",
        &[
            "1: unread: pixi lock file version 99, not read by this version",
            "4: unread: malformed: `https://host.example/a.conda` names no package",
            "5: unread: malformed: a package of unknown kind",
            "6: unread: malformed: a package of unknown kind",
            "8: unread: malformed: package `b` states no version",
            "10: unread: malformed: `requires_dist` is no list",
            "8: locked b -",
            "14: unread: malformed: an entry of `requires_dist` is no text",
            "14: unread: malformed: `>` does not name a version (at byte 2): `e >>1`",
            "11: locked c 1",
            "15: unread: malformed: a package of unknown kind",
        ],
    );
}

fn old_locks_of_pixi() {
    check(
        "pixi-lock",
        "pixi.lock",
        "version: 3\nmetadata:\n  channels:\n  - url: conda-forge\npackage:\n- platform: win-64\n  name: a\n  version: '1'\n  category: main\n  manager: conda\n  \
         dependencies:\n  - python 3.11.*\n- platform: win-64\n  name: b\n  version: '2'\n  manager: pip\n  dependencies:\n  - c >=1\n",
        &[
            "4: index Channel conda-forge",
            "6: locked conda:a 1 ; sys_platform == 'win32' and platform_machine == 'AMD64' | conda:python3.11.*",
            "13: locked b 2 ; sys_platform == 'win32' and platform_machine == 'AMD64' | c>=1",
        ],
    );
}

fn manifests_of_pixi() {
    let tables = "[TOOLworkspace]\nchannels = ['conda-forge', {channel = 'https://u:p@host.example/c', priority = 1}]\n\
        [TOOLdependencies]\npython = '3.12'\nnumpy = {version = '>=1.26,<2', build = 'py312*', channel = 'c'}\n\
        [TOOLhost-dependencies]\npip = '*'\n\
        [TOOLpypi-dependencies]\nblack = {version = '~=23.10', extras = ['jupyter'], env-markers = \"python_version < '3.13'\"}\n\
        own = {path = './own', editable = true}\nrepo = {git = 'https://host.example/r', rev = 'main'}\n\
        [TOOLtarget.win-64.dependencies]\nmsvc = '2019.*'\n\
        [TOOLfeature.cuda.dependencies]\npytorch = {version = '*', build = 'cuda*'}\n\
        [TOOLfeature.cuda.target.linux.pypi-dependencies]\nflash-attn = '==2.5'\n";
    let expected = [
        "2: index Channel conda-forge",
        "2: index Channel https://host.example/c",
        "5: index Channel c",
        "5: conda:numpy>=1.26,<2 py312*",
        "4: conda:python==3.12",
        "7: build: conda:pip",
        "9: black[jupyter]~=23.10 ; python_version < '3.13'",
        "10: own @ path ./own editable",
        "11: repo @ vcs https://host.example/r@main",
        "13: conda:msvc2019.* ; sys_platform == 'win32' and platform_machine == 'AMD64'",
        "15: group cuda: conda:pytorch* cuda*",
        "17: group cuda: flash-attn==2.5 ; sys_platform == 'linux'",
    ];
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let expected = sorted(expected.map(str::to_owned).into());
    let found = read("pyproject", "pyproject.toml", tables.replace("TOOL", "tool.pixi.").as_bytes());
    assert_eq!(sorted(found.lines()), expected);
    let found = read("pixi", "pixi.toml", tables.replace("TOOL", "").as_bytes());
    let mut expected = expected;
    expected.push("1: project - - python -".to_owned());
    assert_eq!(sorted(found.lines()), sorted(expected));
    check("pixi", "pixi.toml", "[project]\nname = 'a_b'\nversion = '1'\n", &["1: project a-b 1 python -"]);
}

fn manifests_of_pixi_that_break_the_rules() {
    check(
        "pixi",
        "pixi.toml",
        "[dependencies]\na = 1\nb = '{{'\n'' = '*'\n[pypi-dependencies]\nc = ['x']\n'-' = '*'\nd = '>>1'\n\
         [target.amiga.dependencies]\ne = '*'\n[feature]\nf = 3\n",
        &[
            "4: unread: malformed: names no package: `*`",
            "2: unread: malformed: `a` is integer, not a specifier",
            "3: unread: malformed: no version specifier of conda: `b {{`",
            "7: unread: malformed: `-` is not a package name",
            "6: unread: malformed: `c` is array, not a specifier",
            "8: malformed: `>` does not name a version: `>>1`",
            "9: malformed: an unknown platform: `amiga`",
            "12: unread: malformed: `f` is integer, not a table",
            "8: d>>1",
            "10: conda:e",
        ],
    );
}

fn explicit_lists() {
    check(
        "conda-spec",
        "conda-linux-64.lock",
        &format!(
            "# platform: linux-64\n@EXPLICIT\nhttps://u:p@host.example/c/linux-64/numpy-1.26.4-py311_0.conda#d41d8cd98f00b204e9800998ecf8427e\n\
             https://host.example/c/noarch/six-1.16.0-0.tar.bz2#sha256:{A}\n/opt/pkgs/own-1-0.conda\nhttps://host.example/x.whl\n"
        ),
        &[
            "3: index Channel https://host.example/c",
            "3: locked conda:numpy 1.26.4",
            "4: index Channel https://host.example/c",
            "4: locked conda:six 1.16.0 #aaaa",
            "5: locked conda:own 1 @ path /opt/pkgs/own-1-0.conda",
            "6: unread: malformed: no address of a package: `https://host.example/x.whl`",
        ],
    );
    assert_eq!(claim("conda-spec", "notes.md", b"@EXPLICIT\n"), Claim::No);
    assert_eq!(claim("conda-spec", "requirements.txt", b"numpy==1\n"), Claim::No);
    assert_eq!(claim("requirements", "requirements.txt", b"@EXPLICIT\n"), Claim::No);
}

fn exported_lists() {
    check(
        "conda-spec",
        "requirements.txt",
        "# This file may be used to create an environment using:\n# $ conda create --name <env> --file <this file>\n# platform: win-64\n\
         numpy=1.26.4=py311h64a7726_0\nsix=1.16.0=pypi_0\nc::own=1\n= 3\n",
        &[
            "4: conda:numpy==1.26.4 py311h64a7726_0",
            "5: six==1.16.0",
            "6: index Channel c",
            "6: conda:own1.*",
            "7: unread: malformed: names no package: `= 3`",
        ],
    );
}

/// Nodes, depth, aliases and lists without end are cut at limits that are told, and never multiplied.
fn hostile_locks_are_bounded() {
    let entries = "- name: a\n  version: 1\n  manager: conda\n".repeat(100_000);
    let many = format!("version: 1\npackage:\n{entries}");
    let asks = format!(
        "version: 1\npackage:\n- name: a\n  version: 1\n  manager: conda\n  dependencies:\n{}",
        "    b: '*'\n".repeat(100_000)
    );
    let nodes = format!("version: 1\npackage: [{}]\n", "1,".repeat(1 << 20));
    let deep = format!("version: 1\npackage: {}", "[".repeat(100_000));
    // Nine lists of nine of the one before: 9^9 entries for those who copy what is mentioned again.
    let mut bomb = String::from("version: 1\na0: &a0 {name: x, version: 1, manager: conda}\n");
    for level in 1..10 {
        let above = format!("*a{},", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{above}]\n"));
    }
    bomb.push_str("package: *a9\n");
    for (text, locked, told) in [
        (&many, 100_000, None),
        (&asks, 1, None),
        (&nodes, 0, Some("more than 1048576 entries")),
        (&deep, 0, Some("more than 200 containers nested in each other")),
        (&bomb, 0, Some("`package` is no list")),
    ] {
        let readers = [("conda-lock", "conda-lock.yml"), ("pixi-lock", "pixi.lock")];
        // Both read the same tree; one of them will do for what takes long to parse.
        for (id, path) in readers.into_iter().take(if text.len() > 1 << 20 { 1 } else { 2 }) {
            let text = if id == "pixi-lock" { text.replacen('1', "3", 1) } else { text.clone() };
            let limits = Limits { facts: 200_000, ..Limits::default() };
            let found = read_source(id, path, std::sync::Arc::new(text.into_bytes()), limits);
            assert_eq!(found.locked().count(), locked, "{id} {told:?}");
            let problems = found.problems();
            let is_told = told.is_none_or(|told| problems.iter().any(|problem| problem.contains(told)));
            assert!(is_told && (told.is_some() || problems.is_empty()), "{id} {told:?}: {problems:?}");
        }
    }
    let wide: String = (0..100_000).map(|number| format!("a{number} = '*'\n")).collect();
    let manifest = read("pixi", "pixi.toml", format!("[dependencies]\n{wide}").as_bytes());
    assert_eq!((manifest.requires().count(), manifest.problems().len()), (100_000, 0));
}

fn notes_of_installed_packages() {
    let path = "env/conda-meta/python-3.11.7-h955ad1f_0.json";
    check(
        "conda-meta",
        path,
        &format!(
            r#"{{"name": "python", "version": "3.11.7", "depends": ["OpenSSL >=3.0,<4.0a0", "__unix"], "license": "PSF-2.0",
"requested_specs": ["python=3.11"], "url": "https://u:p@host.example/c/linux-64/python-3.11.7-h955ad1f_0.conda",
"files": ["bin/python3.11", "bin/python", "lib/x.pyc"], "paths_data": {{"paths": [
{{"_path": "bin/python3.11", "path_type": "hardlink", "prefix_placeholder": "/p", "sha256": "{}", "sha256_in_prefix": "{A}", "size_in_bytes": 3}},
{{"_path": "lib/y", "path_type": "hardlink", "prefix_placeholder": "/p", "sha256": "{A}", "size_in_bytes": 3}},
{{"_path": "lib/z", "path_type": "hardlink", "sha256": "{A}", "size_in_bytes": 3}},
{{"_path": "bin/python", "path_type": "softlink", "sha256": "{A}", "size_in_bytes": 3}}]}}}}"#,
            A.replace('a', "b")
        ),
        &[
            "environment 3.11.7 -",
            "distribution conda:python 3.11.7 python - licence PSF-2.0 | conda:openssl>=3.0,<4.0a0",
            "index Channel https://host.example/c",
            "requested",
            "record \"bin/python3.11\" aaaa - | \"lib/y\" - - | \"lib/z\" aaaa 3 | \"bin/python\" - - | \"lib/x.pyc\" - -",
        ],
    );
    check(
        "conda-meta",
        "conda-meta/a-1-0.json",
        r#"{"name": "a", "version": "1", "requested_spec": "None", "license": "None", "depends": []}"#,
        &["distribution conda:a 1 python -", "record "],
    );
    // Not a package, and nothing of the kind.
    check("conda-meta", "conda-meta/pixi_env_prefix.json", r#"{"manifest_path": "x"}"#, &[]);
    assert_eq!(claim("conda-meta", "conda-meta/history", b"x"), Claim::No);
    assert_eq!(claim("conda-meta", "other/a-1-0.json", b"x"), Claim::No);
}

fn notes_that_break_the_rules() {
    let path = "env/conda-meta/a-1-0.json";
    check(
        "conda-meta",
        path,
        "{",
        &["(inferred) distribution conda:a 1 python -", "ended: malformed: no JSON"],
    );
    check("conda-meta", "env/conda-meta/x.json", "{", &["ended: malformed: no JSON"]);
    check(
        "conda-meta",
        "env/conda-meta/x.json",
        r#"{"paths_data": {"paths": []}}"#,
        &["ended: malformed: names no package"],
    );
    check(
        "conda-meta",
        path,
        r#"{"name": "a b", "version": "1", "depends": ["x", 3, "{{"], "files": "x", "paths_data": {"paths": [{}, {"_path": "b", "sha256": "00"}, {"_path": 3}, {"_path": "b"}]}}"#,
        &[
            "1: malformed: `a b` and its version are not stated as they should be",
            "1: malformed: names no package: `{{`",
            "distribution conda:a 1 python - | conda:x | conda:3",
            "1: malformed: a file without path",
            "1: malformed: no SHA-256: `00`",
            "1: malformed: `files` is no list",
            "record \"b\" - - | \"3\" - -",
        ],
    );
    let many: String = (0..100_000).map(|number| format!("\"f{number}\",")).collect();
    let text = format!(r#"{{"name": "a", "version": "1", "files": [{many}"x"]}}"#);
    let found = read("conda-meta", path, text.as_bytes());
    assert!(found.problems().is_empty() && found.facts.len() == 2);
    let deep = read("conda-meta", path, format!(r#"{{"name": "a", "x": {}"#, "[".repeat(100_000)).as_bytes());
    assert_eq!(deep.problems(), ["ended: more than 200 containers nested in each other"]);
    assert_eq!(deep.facts.len(), 1, "the name of the file says what is installed");
}
