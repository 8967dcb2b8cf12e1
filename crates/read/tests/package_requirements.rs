//! Requirements and constraints files.

use weighbridge_core::reader::Claim;

use crate::package_facts::{check, check_bytes, claim, read};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        letters_of_other_scripts_are_told_as_that,
        plain_lines,
        continuations_and_comments,
        reasons_in_comments,
        hashes,
        urls_and_repositories,
        paths,
        options,
        one_bad_line_costs_only_itself,
        encodings,
        huge_lines,
        constraints,
        files_that_include_themselves,
        claims,
    ]
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[track_caller]
fn file(content: &str, expected: &[&str]) {
    check("requirements", "requirements.txt", content, expected);
}

fn plain_lines() {
    file(
        "# comment\n\nDjango\nruamel.yaml >= 0.17 , < 1\nuvicorn[standard,Standard]==0.18.3\n\
         numpy==1.22.4; python_version >= '3.8'\njsonnet>=0.10 ; sys.platform != 'win32'\n\
         google-api-python-client==1.7.*\na~=2.2\nb===2004d\n  c  \nd (>=1)",
        &[
            "3: django",
            "4: ruamel-yaml>=0.17,<1",
            "5: uvicorn[standard]==0.18.3",
            "6: numpy==1.22.4 ; python_version >= '3.8'",
            "7: jsonnet>=0.10 ; sys_platform != 'win32'",
            "8: google-api-python-client==1.7.*",
            "9: a~=2.2",
            "10: b===2004d",
            "11: c",
            "12: d>=1",
        ],
    );
    file("", &[]);
}

fn continuations_and_comments() {
    file(
        "a \\\n  >=1 \\\n  # a comment ends it\nb>=1 # why\nc#not-a-comment\nd\\\n==1\n\\\ne\nf \\",
        &[
            "1: a>=1",
            "4: b>=1",
            "5: unread: malformed: `#not-a-comment` does not start with a comparison operator (at byte 1): `c#not-a-comment`",
            "6: d==1",
            "8: e",
            "10: f",
        ],
    );
    // `\` before the end of the file, white space behind `\`.
    file("a \\", &["1: a"]);
    file("a==1 # x \\\nb", &["1: a==1"]);
    // Line ends of Windows, of old systems, and those that only Python sees.
    file("a\r\nb\rc\u{c}d\u{2028}e", &["1: a", "2: b", "3: c", "3: d", "3: e"]);
}

fn reasons_in_comments() {
    file(
        "a==1           # via b, c\nb==1\n    # via\n    #   d\n    #   feast (setup.py)\n    #   -r requirements.in\n\
         c==1 \\\n    --hash=sha512:00\n    # via -r requirements.in\nd==1\n    # via b[x]\n\
         # The following packages are kept:\n# pip\ne==1 # needed by: d\n",
        &["1: a==1 via b via c", "2: b==1 via d via feast", "7: c==1", "10: d==1 via b", "14: e==1"],
    );
}

fn hashes() {
    file(
        &format!(
            "a==1 --hash=sha256:{EMPTY} --hash sha256:{}\nb==1 --hash=sha384:00\nc==1 --hash=md5:00\n\
             d==1 --hash=sha256:xyz\n--hash=sha256:{EMPTY}\nhttps://h.example/e-1.0-py3-none-any.whl --hash=sha256:{EMPTY}\n",
            "0".repeat(64)
        ),
        &[
            "1: a==1 #0000 #e3b0",
            "2: b==1",
            "3: malformed: no digest that installers take: `md5:00`",
            "3: c==1",
            "4: malformed: no SHA-256: `sha256:xyz`",
            "4: d==1",
            "5: malformed: `--hash` without a requirement",
            "6: e==1.0 @ https://h.example/e-1.0-py3-none-any.whl pinned #e3b0",
        ],
    );
}

fn urls_and_repositories() {
    file(
        &format!(
            "a @ https://user:${{TOKEN}}@h.example/a-1.0.tar.gz#sha256={EMPTY} ; python_version < '3.9'\n\
             b[x]@git+https://h.example/b.git@main\n\
             git+https://h.example/c.git@{COMMIT}#egg=C_pkg[y]&subdirectory=sub\n\
             git+ssh://git@h.example/o/lm_dataformat.git\n\
             https://h.example/torch-1.8.1%2Bcpu-cp37-cp37m-linux_x86_64.whl ; sys_platform == 'linux'\n\
             https://h.example/latest/kfp.tar.gz\nhttps://h.example/1.0.zip\n\
             -e git+https://h.example/o/r#egg=named\n-e \"git+https://h.example/q#egg=quoted&subdirectory=a/b\"\n\
             d @ file:///srv/d-1.0-py3-none-any.whl\n"
        ),
        &[
            "1: a @ https://h.example/a-1.0.tar.gz pinned #e3b0 ; python_version < '3.9'",
            "2: b[x] @ vcs https://h.example/b.git@main",
            &format!("3: c-pkg[y] @ vcs https://h.example/c.git@{COMMIT} pinned"),
            "4: (inferred) lm-dataformat @ vcs ssh://h.example/o/lm_dataformat.git",
            "5: torch==1.8.1+cpu @ https://h.example/torch-1.8.1%2Bcpu-cp37-cp37m-linux_x86_64.whl ; sys_platform == 'linux'",
            "6: (inferred) kfp @ https://h.example/latest/kfp.tar.gz",
            "7: unread: malformed: names no package: `https://h.example/1.0.zip`",
            "8: named @ vcs https://h.example/o/r",
            "9: quoted @ vcs https://h.example/q",
            "10: d @ path /srv/d-1.0-py3-none-any.whl",
        ],
    );
}

fn paths() {
    file(
        "-e .\n-e .[dev,test]\n--editable=../lib#egg=lib\n./wheels/w-2.0-1-py3-none-any.whl\nw-2.1-py3-none-any.whl\n\
         ./src\na @ ./here\n-e ${HOME}/x\nC:\\wheels\\v-1-py3-none-any.whl\n",
        &[
            "3: lib @ path ../lib editable",
            "4: w==2.0 @ path ./wheels/w-2.0-1-py3-none-any.whl",
            "5: w==2.1 @ path w-2.1-py3-none-any.whl",
            "7: a @ path ./here",
            "8: unread: names `${HOME}/x`, which is not in the target",
            "9: v==1 @ path C:\\wheels\\v-1-py3-none-any.whl",
            "1: follow ./pyproject.toml as pyproject",
            "2: follow ./pyproject.toml as pyproject",
            "3: follow ../lib/pyproject.toml as pyproject",
            "6: follow ./src/pyproject.toml as pyproject",
            "7: follow ./here/pyproject.toml as pyproject",
        ],
    );
}

fn options() {
    file(
        "-i https://i.example/simple\n--index-url=https://i.example\n--extra-index-url https://e.example --pre\n\
         -f ./wheels\n--no-binary :all:\n--trusted-host h.example\n--require-hashes\n-r base.txt\n-rmore.txt\n\
         --requirement=third.txt\n--requirem fourth.txt\n-c limits.txt\n--constraint 'with space.txt'\n\
         a --config-settings=\"x=y\" --global-option=\"--z\"\n-r https://user:secret@h.example/r.txt\n-r ${D}/r.txt\n-r\n\
         --unknown\n-x\n--pre=1\n",
        &[
            "14: a",
            "15: unread: names `https://h.example/r.txt`, which is not in the target",
            "16: unread: names `${D}/r.txt`, which is not in the target",
            "17: malformed: an option lacks its value",
            "18: malformed: unknown option `--unknown`",
            "19: malformed: unknown option `-x`",
            "20: malformed: unknown option `--pre=1`",
            "1: index Default https://i.example/simple with [\"base.txt\", \"more.txt\", \"third.txt\", \"fourth.txt\"]",
            "2: index Default https://i.example with [\"base.txt\", \"more.txt\", \"third.txt\", \"fourth.txt\"]",
            "3: index Extra https://e.example with [\"base.txt\", \"more.txt\", \"third.txt\", \"fourth.txt\"]",
            "4: index Links ./wheels with [\"base.txt\", \"more.txt\", \"third.txt\", \"fourth.txt\"]",
            "6: index Trusted h.example with [\"base.txt\", \"more.txt\", \"third.txt\", \"fourth.txt\"]",
            "8: follow base.txt as requirements",
            "9: follow more.txt as requirements",
            "10: follow third.txt as requirements",
            "11: follow fourth.txt as requirements",
            "12: follow limits.txt as constraints",
            "13: follow with space.txt as constraints",
        ],
    );
}

fn one_bad_line_costs_only_itself() {
    file(
        "a\n=1.0\nb==\nc; python_version\nd[x\ne==1;\nf>=1.x\n\0g\nh\n",
        &[
            "1: a",
            "2: unread: malformed: a package name is missing (at byte 0): `=1.0`",
            "3: unread: malformed: `==` does not name a version (at byte 1): `b==`",
            "4: unread: malformed: a comparison operator is missing (at byte 17): `c; python_version`",
            "5: unread: malformed: extras are separated by `,` and end with `]` (at byte 3): `d[x`",
            "6: e==1",
            "7: unread: malformed: `>=1.x` does not name a version (at byte 1): `f>=1.x`",
            "8: unread: malformed: a package name is missing (at byte 0): `\\u{0}g`",
            "9: h",
        ],
    );
    // A file that is no requirements file at all does not flood the report.
    let prose = "this is prose\n".repeat(1000);
    let lines = read("requirements", "requirements.txt", prose.as_bytes()).lines();
    assert_eq!(lines.len(), 101);
    assert_eq!(lines[100], "unread: malformed: 900 further places break the rules of the format");
}

fn encodings() {
    let bytes = |content: &[u8], expected: &[&str]| {
        check_bytes("requirements", "requirements.txt", content, expected)
    };
    bytes(b"\xef\xbb\xbfa==1\n", &["1: a==1"]);
    let utf16: Vec<u8> = "\u{feff}a==1\r\nb\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes(&utf16, &["1: a==1", "2: b"]);
    let utf16: Vec<u8> = "\u{feff}a==1\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    bytes(&utf16, &["1: a==1"]);
    bytes(b"a # caf\xe9\nb\n", &["1: malformed: not UTF-8; read as Latin-1", "1: a", "2: b"]);
    bytes(b"# coding: latin-1\na # caf\xe9\n", &["2: a"]);
}

fn huge_lines() {
    let long = "x".repeat(10_000_000);
    let start = "x".repeat(120);
    for (line, complaint) in [
        (format!("{long}=="), format!("longer than any requirement: `{start}… (10000002 bytes)`")),
        (format!("{long} {long}"), format!("longer than any requirement: `{start}… (20000001 bytes)`")),
        (
            format!("--{long}"),
            format!("longer than any requirement: `--{}… (10000002 bytes)`", "x".repeat(118)),
        ),
    ] {
        let lines = read("requirements", "requirements.txt", format!("{line}\na\n").as_bytes()).lines();
        assert_eq!(lines, [format!("1: unread: malformed: {complaint}"), "2: a".to_owned()]);
    }
    // Many continuations and many options in one line.
    let many = format!("a{}==1\nb{}\n", "\\\n".repeat(500_000), " --pre".repeat(100_000));
    assert_eq!(read("requirements", "requirements.txt", many.as_bytes()).lines(), ["1: a==1", "500002: b"]);
}

fn constraints() {
    check(
        "constraints",
        "constraints.txt",
        "urllib3>=2.6.0\n-r base.txt\n-c more.txt\n",
        &[
            "1: constraint: urllib3>=2.6.0",
            "2: follow base.txt as constraints",
            "3: follow more.txt as constraints",
        ],
    );
}

fn files_that_include_themselves() {
    // The engine reads a file once, however often it is named; here it is only named.
    file("-r requirements.txt\na\n", &["2: a", "1: follow requirements.txt as requirements"]);
}

fn claims() {
    for (path, reader) in [
        ("requirements.txt", "requirements"),
        ("sub/requirements-dev.txt", "requirements"),
        ("dev_requirements.in", "requirements"),
        ("py3.8-ci-requirements.txt", "requirements"),
        ("Requirements.TXT", "requirements"),
        ("requirements/base.txt", "requirements"),
        ("requirements/base.in", "requirements"),
        ("constraints.txt", "constraints"),
        ("requirements/constraints.txt", "constraints"),
        ("cve-constraints.txt", "constraints"),
        ("requirements.md", ""),
        ("base.txt", ""),
        ("requirements", ""),
        ("venv/lib/python3.11/site-packages/x/requirements.txt", ""),
        ("a.egg-info/requires.txt", ""),
    ] {
        for id in ["requirements", "constraints"] {
            assert_eq!(claim(id, path, b"") == Claim::ByName, id == reader, "{id} {path}");
        }
    }
}

fn letters_of_other_scripts_are_told_as_that() {
    check(
        "requirements",
        "requirements.txt",
        "numpу==1.0\nscipy\n größe>1\nt\u{43e}rch[cpu]>=2 ; python_version > '3'\n",
        &[
            "1: numpу reads as numpy",
            "2: scipy",
            "3: unread: malformed: `öße>1` does not start with a comparison operator (at byte 2): `größe>1`",
            "4: tоrch reads as torch",
        ],
    );
    check(
        "pyproject",
        "pyproject.toml",
        "[project]\nname = 'p'\ndependencies = ['numpу>=1']\n",
        &["3: numpу reads as numpy", "1: project p - python -"],
    );
}
