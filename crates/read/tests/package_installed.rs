//! Installed distributions and environments.

use std::sync::Arc;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::Claim;

use crate::package_facts::{check, check_bytes, claim, read, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        headers_of_metadata,
        metadata_that_breaks_the_rules,
        metadata_is_read_without_its_description,
        requires_of_eggs,
        records,
        records_that_break_the_rules,
        records_of_eggs,
        notes_of_installers,
        direct_urls,
        environments,
        start_up_code,
        path_files_and_checkpoints,
        claims,
    ]
}

const METADATA: &str = "lib/site-packages/a-1.0.dist-info/METADATA";
const RECORD: &str = "lib/site-packages/a-1.0.dist-info/RECORD";

fn headers_of_metadata() {
    check(
        "distribution",
        METADATA,
        "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0\nRequires-Python: >=3.8, <4\n\
         License: something long\nLicense-Expression: MIT OR Apache-2.0\nProvides-Extra: Dev_Tools\n\
         Requires-Dist: six (>=1.9,<2)\nRequires-Dist: pytest>=7 ; extra == 'Dev_Tools'\n\
         Requires-Dist: own @ https://user:secret@host.example/own-1.0.whl\n\nRequires-Dist: not-this\n",
        &["distribution foo-bar 1.0 python>=3.8,<4 licence MIT OR Apache-2.0 extras [\"dev-tools\"] \
           | six>=1.9,<2 | pytest>=7 ; extra == 'Dev_Tools' | own @ https://host.example/own-1.0.whl"],
    );
    // Folded lines, a byte-order mark, Windows line ends, a licence of many lines.
    check(
        "distribution",
        METADATA,
        "\u{feff}Name: a\r\nVersion: 1.0\r\nLicense: The licence\r\n        |of many lines\r\n\
         Requires-Dist: b>=1;\r\n  python_version < '3.10'\r\n",
        &["distribution a 1.0 python - licence The licence | b>=1 ; python_version < '3.10'"],
    );
    check(
        "distribution",
        "lib/foo-2.0-py3.8.egg-info",
        "Name: foo\nVersion: 2.0\nLicense: UNKNOWN\n",
        &["distribution foo 2.0 python -"],
    );
}

fn metadata_that_breaks_the_rules() {
    check(
        "distribution",
        METADATA,
        "Name: a\nname: b\nVersion: 1.0\nthis is no header\nRequires-Dist: ???\nRequires-Dist: good\n",
        &[
            "2: malformed: a second `name` that differs from the first",
            "4: malformed: no `Name: value`: `this is no header`",
            "5: malformed: a package name is missing (at byte 0): `???`",
            "distribution a 1.0 python - | good",
        ],
    );
    // The folder says what the headers do not.
    check(
        "distribution",
        METADATA,
        "Summary: nothing\n",
        &[
            "malformed: states no name; taken from the folder",
            "malformed: states no version; taken from the folder",
            "distribution a 1.0 python -",
        ],
    );
    check("distribution", "x/foo.egg-info/PKG-INFO", "Name: foo\n", &["ended: malformed: states no version"]);
    check("distribution", "EGG-INFO/PKG-INFO", "", &["ended: malformed: states no name"]);
    check_bytes(
        "distribution",
        METADATA,
        b"Name: a\nVersion: 1.0\nAuthor: J\xf6rg\nRequires-Dist: b\n",
        &["3: malformed: not UTF-8: `Author: J\u{fffd}rg`", "distribution a 1.0 python - | b"],
    );
}

fn metadata_is_read_without_its_description() {
    // 100 MB that nobody holds: what is asked for beyond the headers fails the test.
    struct Description(Vec<u8>);
    impl weighbridge_core::source::Source for Description {
        fn size(&self) -> u64 {
            100_000_000
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
            assert!(offset < 100_000, "read far behind the headers");
            let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            for (at, byte) in buffer.iter_mut().enumerate() {
                *byte = rest.get(at).copied().unwrap_or(b'x');
            }
            Ok(buffer.len())
        }
    }
    let source = Arc::new(Description(b"Name: a\nVersion: 1.0\n\n".to_vec()));
    let reading = read_source("distribution", METADATA, source, Limits::default());
    assert_eq!(reading.lines(), ["distribution a 1.0 python -"]);

    let mut endless = b"Name: a\nVersion: 1.0\nRequires-Dist: b\n".to_vec();
    endless.extend("X: y\n".repeat(2_000_000).bytes());
    let reading = read("distribution", METADATA, &endless);
    assert_eq!(reading.ended, Err(Unread::Limit(LimitKind::TextBytes, 4 << 20)));
    assert_eq!(reading.lines()[0], "distribution a 1.0 python - | b");
}

fn requires_of_eggs() {
    check(
        "distribution",
        "src/foo.egg-info/requires.txt",
        "six>=1\n\n[:python_version < '3']\nenum34\n\n[Dev:sys_platform == 'win32']\ncolorama; python_version < '3.9'\n\
         !!!\n[b@d]\nlost\n",
        &[
            "1: six>=1",
            "4: enum34 ; python_version < '3'",
            "7: extra dev: colorama ; python_version < '3.9' and sys_platform == 'win32'",
            "8: malformed: a package name is missing (at byte 0): `!!!`",
            "9: malformed: `b@d` is not a package name",
            "10: malformed: in a section without valid name: `lost`",
        ],
    );
}

fn records() {
    check(
        "record",
        RECORD,
        "a/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
         \"a/with,comma \"\"quoted\"\".py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=,12\r\n\
         \"a/two\nlines.py\",,3\n../../bin/a,sha384=xyz,7\na-1.0.dist-info/RECORD,,\n",
        &[
            "record \"a/__init__.py\" e3b0 0 | \"a/with,comma \\\"quoted\\\".py\" e3b0 12 | \"a/two\\nlines.py\" - 3 \
           | \"../../bin/a\" - 7 | \"a-1.0.dist-info/RECORD\" - -",
        ],
    );
    check("record", RECORD, "", &["record "]);
}

fn records_that_break_the_rules() {
    check(
        "record",
        RECORD,
        "a.py,md5=abc,1\nb.py,sha256=short,2\nc.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV,3\n\
         d.py,nothing,4\ne.py\nf.py,,minus\n,,\n\"g.py,,\nh.py,,8\n",
        &[
            "1: malformed: digest by `md5`, which the format forbids as too weak",
            "2: malformed: no SHA-256 digest in Base64: `short`",
            "3: malformed: no SHA-256 digest in Base64: `47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV`",
            "4: malformed: digest without algorithm: `nothing`",
            "5: malformed: 1 fields instead of 3: `e.py`",
            "6: malformed: no size: `minus`",
            "7: malformed: no path: `,,`",
            "8: malformed: quoted field without end: `\"g.py,,`",
            "record \"a.py\" - 1 | \"b.py\" - 2 | \"c.py\" - 3 | \"d.py\" - 4 | \"e.py\" - - | \"f.py\" - - | \"h.py\" - 8",
        ],
    );
    let long = format!("{},,\nb.py,,1\n", "a".repeat(300_000));
    check("record", RECORD, &long, &["1: malformed: line longer than any path", "record \"b.py\" - 1"]);
    check_bytes(
        "record",
        RECORD,
        b"a\xff.py,,1\n",
        &["1: malformed: not UTF-8", "record \"a\u{fffd}.py\" - 1"],
    );
    let hexadecimal = "a.py,sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,0\n";
    check(
        "record",
        RECORD,
        hexadecimal,
        &["1: malformed: digest in hexadecimal instead of Base64", "record \"a.py\" e3b0 0"],
    );
    // A file beyond the limit is read up to it.
    let limits = Limits { text_bytes: 20, ..Limits::default() };
    let reading = read_source("record", RECORD, Arc::new(b"a.py,,1\n".repeat(10)), limits);
    assert_eq!(reading.ended, Err(Unread::Limit(LimitKind::TextBytes, 20)));
    assert_eq!(reading.lines()[0], "record \"a.py\" - 1 | \"a.py\" - 1 | \"a.py\" - 1");
}

fn records_of_eggs() {
    check(
        "record",
        "lib/foo-1.0.egg-info/installed-files.txt",
        "../foo/__init__.py\nPKG-INFO\n../../../bin/foo\n/etc/foo.conf\n/../up\n",
        &[
            "5: malformed: path above the root: `/../up`",
            "record \"foo/__init__.py\" - - | \"foo-1.0.egg-info/PKG-INFO\" - - | \"../../bin/foo\" - - \
             | \"/etc/foo.conf\" - - | \"/up\" - -",
        ],
    );
}

fn notes_of_installers() {
    let note = |name: &str, content: &str, expected: &[&str]| {
        check("install-notes", &format!("a-1.0.dist-info/{name}"), content, expected);
    };
    note("INSTALLER", "uv\n", &["installer uv"]);
    note("INSTALLER", "\n", &["malformed: names no installer"]);
    note("INSTALLER", "p\u{1b}[31mip", &["installer p\\u{1b}[31mip"]);
    note("REQUESTED", "", &["requested"]);
    note(
        "WHEEL",
        "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-abi3-any\nwrong\n",
        &["4: malformed: no `Key: value`: `wrong`", "tags cp311-cp311-manylinux_2_17_x86_64 cp311-abi3-any"],
    );
    note(
        "entry_points.txt",
        "lost = a\n# comment\n[console_scripts]\na = a.cli:main [dev]\nwrong\n[plug.ins]\nb=c:d\n",
        &[
            "1: malformed: outside of any group: `lost = a`",
            "5: malformed: no `name = object`: `wrong`",
            "entry points console_scripts/a=a.cli:main [dev] plug.ins/b=c:d",
        ],
    );
}

fn direct_urls() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let note = |content: &str, expected: &[&str]| {
        check("install-notes", "a-1.0.dist-info/direct_url.json", content, expected);
    };
    note(
        &format!(
            r#"{{"url": "https://user:secret@host.example/r.git", "vcs_info": {{"vcs": "git", "requested_revision": "main", "commit_id": "{COMMIT}"}}}}"#
        ),
        &[&format!("direct @ vcs https://host.example/r.git@{COMMIT} pinned")],
    );
    note(
        r#"{"url": "https://host.example/a.whl", "archive_info": {"hashes": {"sha256": "00"}}}"#,
        &["direct @ https://host.example/a.whl pinned"],
    );
    note(
        r#"{"url": "https://host.example/a.whl", "archive_info": {}}"#,
        &["direct @ https://host.example/a.whl"],
    );
    note(
        r#"{"url": "file:///home/me/my%20project", "dir_info": {"editable": true}}"#,
        &["direct @ path /home/me/my project editable"],
    );
    note(
        r#"{"url": "https://host.example/a.whl"}"#,
        &[
            "malformed: none of `vcs_info`, `archive_info` and `dir_info`",
            "direct @ https://host.example/a.whl",
        ],
    );
    note("{}", &["ended: malformed: states no `url`"]);
    note("[", &["ended: malformed: no JSON: EOF while parsing a list at line 1 column 1"]);
}

fn environments() {
    let environment =
        |content: &str, expected: &[&str]| check("pyvenv", ".venv/pyvenv.cfg", content, expected);
    environment(
        "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n",
        &["environment 3.11.7 -"],
    );
    environment(
        "implementation = CPython\nversion_info = 3.12.3.final.0\nInclude-System-Site-Packages = TRUE\n",
        &["environment 3.12.3 CPython with system packages"],
    );
    environment(
        "version = 3.11.7\nversion_info = 3.11.6\nuv = 0.5\n",
        &["environment 3.11.7 - with system packages"],
    );
    environment(
        "nonsense\nversion = three\ninclude-system-site-packages = true\ninclude-system-site-packages = false\n",
        &[
            "1: malformed: no `key = value`: `nonsense`",
            "2: malformed: no Python version: `three`",
            "environment - -",
        ],
    );
}

fn start_up_code() {
    let path = |content: &str, expected: &[&str]| {
        check("pth", "lib/python3.11/site-packages/a.pth", content, expected)
    };
    path(
        "# import comment\n\nimport os; print(1)\nimport\tsys\nimportlib\n import os\n../src\r\n  \n",
        &[
            "3: code import os; print(1)",
            "4: code import\\u{9}sys",
            "5: path importlib",
            "6: path  import os",
            "7: path ../src",
        ],
    );
    // Newer versions of Python cut lines at more characters than editors do.
    path(
        "# harmless\u{c}import evil\nx\u{2028}import more",
        &["1: code import evil", "2: path x", "2: code import more"],
    );
    path("\u{feff}import os", &["1: code import os"]);
    path("import a\u{202e}\u{1b}[8m", &["1: code import a\\u{202e}\\u{1b}[8m"]);
    let long = format!("import os;{}\n", "#".repeat(10_000));
    let shown = format!("1: code import os;{}… (10010 bytes)", "#".repeat(4086));
    path(&long, &[&shown]);
    check_bytes(
        "pth",
        "lib/site-packages/a.pth",
        b"caf\xe9\nimport os\n",
        &["1: malformed: not UTF-8; read as Latin-1", "1: path café", "2: code import os"],
    );
}

fn path_files_and_checkpoints() {
    let check = |path: &str, content: &[u8], expected: Claim| {
        assert_eq!(claim("pth", path, content), expected, "{path}")
    };
    check("lib/site-packages/a.pth", b"../src\n", Claim::ByMagic);
    check("models/a.pth", b"PK\x03\x04....", Claim::No);
    check("models/a.pth", b"\x80\x02}q\x00.", Claim::No);
    check("models/a.pth", b"version https://git-lfs.github.com/spec/v1\n", Claim::No);
    check("models/a.pth", b"import os\n", Claim::ByName);
    // At the top of a wheel.
    check("distutils-precedence.pth", b"import os; 1\n", Claim::ByMagic);
    check("models/a.PTH", b"import os\n", Claim::No);
    check("models/a.pth.tar", b"import os\n", Claim::No);
    // What is a model for others and text for the interpreter.
    check("lib/site-packages/a.pth", b"PK\x03\x04\nimport os\n", Claim::ByMagic);
    check("lib/site-packages/a.pth", b"\x80\x02.\rimport os\n", Claim::ByMagic);
    check("lib/site-packages/a.pth", b"PK\x03\x04....", Claim::No);
}

fn claims() {
    for (id, path, claimed) in [
        ("distribution", "site-packages/a-1.dist-info/METADATA", true),
        ("distribution", "a-1.dist-info/METADATA", true),
        ("distribution", "METADATA", false),
        ("distribution", "docs/METADATA", false),
        ("distribution", "a.egg-info", true),
        ("distribution", "PKG-INFO", false),
        ("distribution", "a.egg/EGG-INFO/requires.txt", true),
        ("distribution", "requires.txt", false),
        ("record", "a-1.dist-info/RECORD", true),
        ("record", "RECORD", false),
        ("record", "a.egg-info/installed-files.txt", true),
        ("install-notes", "a-1.dist-info/WHEEL", true),
        ("install-notes", "a-1.dist-info/LICENSE", false),
        ("install-notes", "entry_points.txt", false),
        ("pyvenv", ".venv/pyvenv.cfg", true),
        ("pyvenv", "pyvenv.cfg.bak", false),
    ] {
        assert_eq!(claim(id, path, b"") == Claim::ByName, claimed, "{id} {path}");
    }
}
