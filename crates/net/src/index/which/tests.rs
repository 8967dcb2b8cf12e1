//! Worlds as tables: which variables and files there are, and which index wins.

use super::*;

/// The indexes chosen for a project with these files (path and text), under these variables.
fn chosen(files: &[(&str, &str)], variables: &[(&'static str, &str)]) -> Result<Indexes, IndexError> {
    let world = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = world.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    // Machine-wide files are there or not: a file that is named hides none of them, so tests name their own index.
    let in_world = |value: &str| value.replace("WORLD", world.path().to_str().unwrap());
    choose(&Surroundings {
        variables: variables.iter().map(|(name, value)| (*name, in_world(value))).collect(),
        home: Some(world.path().join("home")),
        configurations: Some(world.path().join("config")),
        target: Some(world.path().join("project")),
        ..Surroundings::default()
    })
}

fn lines(files: &[(&str, &str)], variables: &[(&'static str, &str)]) -> String {
    match chosen(files, variables) {
        Ok(indexes) => {
            let list = indexes.list.iter();
            let list: Vec<String> =
                list.map(|index| format!("{} by {}", index.address(), index.why)).collect();
            format!("{:?}: {}", indexes.order, list.join("; "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_strongest_place_wins() {
    let a = ("PIP_INDEX_URL", "https://a.example/simple");
    let b = ("UV_DEFAULT_INDEX", "corp=https://b.example/simple");
    let conf = ("config/pip/pip.conf", "[global]\nindex_url = https://c.example/simple\n");
    let requirements = ("project/requirements.txt", "-i https://d.example/simple # ours\nnumpy\n");
    let lock = (
        "project/uv.lock",
        "version = 1\n[[package]]\nname = 'x'\nsource = { registry = 'https://e.example/simple' }\n",
    );
    let project =
        ("project/pyproject.toml", "[[tool.uv.index]]\nurl = 'https://f.example/simple'\ndefault = true\n");
    let pipfile = (
        "project/Pipfile",
        "[[source]]\nurl = 'https://g.example/simple'\nname = 'g'\n[[source]]\nurl = 'https://h.example/simple'\n",
    );
    let cases: &[(&[_], &[_], &str)] = &[
        (&[pipfile], &[a], "Together: https://g.example/simple by `[[source]]` in `Pipfile`"),
        (&[pipfile, requirements], &[], "Together: https://d.example/simple by `-i` in `requirements.txt`"),
        (&[], &[a, b], "Together: https://a.example/simple by `PIP_INDEX_URL`"),
        (&[], &[b], "Together: https://b.example/simple by `UV_DEFAULT_INDEX`"),
        (&[conf], &[a], "Together: https://a.example/simple by `PIP_INDEX_URL`"),
        (&[conf, requirements], &[a], "Together: https://d.example/simple by `-i` in `requirements.txt`"),
        (&[lock], &[], "First: https://e.example/simple by `uv.lock`"),
        (&[lock], &[a, b], "First: https://b.example/simple by `UV_DEFAULT_INDEX`"),
        (&[lock, project], &[b], "First: https://f.example/simple by `index` in `[tool.uv]` of the project"),
    ];
    for (files, variables, expected) in cases {
        assert_eq!(lines(files, variables), *expected);
    }
    let said = lines(&[conf], &[]);
    assert!(said.starts_with("Together: https://c.example/simple by `index-url` in `"), "{said}");
}

#[test]
fn files_of_pip_are_read_as_pip_reads_them() {
    let of = |text: &str| {
        let indexes = chosen(&[("named.conf", text)], &[("PIP_CONFIG_FILE", "WORLD/named.conf")]);
        indexes.map(|indexes| indexes.list.iter().map(Index::address).collect::<Vec<_>>().join(" "))
    };
    for (text, expected) in [
        ("[global]\nindex-url: https://a.example/s", "https://a.example/s"),
        (
            "[install]\nindex-url=https://a.example/s\n[global]\nindex-url=https://b.example/s",
            "https://a.example/s",
        ),
        (
            "[global]\n# c\nINDEX_URL = https://a.example/s\nextra-index-url =\n    https://b.example/s\n  ; no\n    https://c.example/s\n",
            "https://a.example/s https://b.example/s https://c.example/s",
        ),
        (
            "[global]\nindex-url=https://a.example/s\n[download]\nindex-url=https://b.example/s",
            "https://a.example/s",
        ),
    ] {
        assert_eq!(of(text).as_deref(), Ok(expected));
    }
    let error = of("[global]\nindex-url=https://a.example/s\nno-index = true").unwrap_err().to_string();
    assert!(error.contains("`no-index`"), "{error}");
}

#[test]
fn further_indexes_add_up_and_some_are_for_few() {
    let project = "[[tool.uv.index]]\nname = 'torch'\nurl = 'https://t.example/whl'\nexplicit = true\n\
                   [[tool.uv.index]]\nname = 'corp'\nurl = 'https://c.example/simple'\n\
                   [tool.uv.sources]\nTorch = { index = 'torch' }\nlost = { index = 'nowhere' }\n\
                   other = { git = 'https://g.example/x' }\n";
    let variables = [("UV_INDEX_URL", "https://u.example/simple"), ("UV_INDEX", "more=https://m.example/s")];
    let indexes = chosen(&[("project/pyproject.toml", project)], &variables).unwrap();
    assert_eq!(indexes.order, Order::First);
    let asked = |name: &str| {
        indexes.for_project(name).map(|list| list.iter().map(|i| i.address()).collect::<Vec<_>>())
    };
    assert_eq!(asked("torch").unwrap(), ["https://t.example/whl"]);
    assert_eq!(
        asked("numpy").unwrap(),
        ["https://c.example/simple", "https://m.example/s", "https://u.example/simple"]
    );
    assert!(asked("lost").unwrap_err().to_string().contains("`nowhere`"));
}

/// The indexes that are asked for these packages.
#[track_caller]
fn asks(pyproject: &str, expected: &[(&str, &str)]) {
    let variables = [("PIP_INDEX_URL", "https://usual.example/s")];
    let indexes = chosen(&[("project/pyproject.toml", pyproject)], &variables).unwrap();
    for (name, expected) in expected {
        let list = indexes.for_project(name).unwrap();
        let hosts = list.iter().map(|index| {
            let host = index.address().replace("https://", "").replace(".example/s", "");
            if index.is_last { format!("{host}?") } else { host }
        });
        assert_eq!(
            format!("{:?} {}", indexes.order, hosts.collect::<Vec<_>>().join(" ")),
            *expected,
            "{name}"
        );
    }
}

fn source(tool: &str, name: &str, more: &str) -> String {
    format!("[[tool.{tool}.source]]\nname = '{name}'\nurl = 'https://{name}.example/s'\n{more}\n")
}

#[test]
fn poetry_has_sources_of_several_kinds() {
    let of = |name: &str, priority: &str| {
        let priority = if priority.is_empty() { String::new() } else { format!("priority = '{priority}'") };
        source("poetry", name, &priority)
    };
    let usual = "[[tool.poetry.source]]\nname = 'PyPI'\n";
    let dependencies = "[tool.poetry.dependencies]\nours = { version = '1', source = 'B' }\nother = '1'\n\
                        [tool.poetry.group.dev.dependencies]\nthird = [{ version = '1', source = 'c' }]\n";
    // One alone takes the place of the usual one, which is there where it is named or no other is primary.
    asks(&of("a", ""), &[("x", "Together a")]);
    asks(&[of("a", ""), of("b", "primary")].concat(), &[("x", "Together a b")]);
    asks(&[of("a", ""), usual.to_owned()].concat(), &[("x", "Together usual a")]);
    asks(&of("a", "supplemental"), &[("x", "Together usual a?")]);
    asks(&[usual, "priority = 'supplemental'\n", &of("a", "")].concat(), &[("x", "Together a usual?")]);
    asks(
        &[of("b", "explicit"), of("a", "supplemental"), of("c", ""), dependencies.to_owned()].concat(),
        &[("ours", "Together b"), ("third", "Together c"), ("other", "Together c a?")],
    );
    asks(
        &[
            usual,
            "priority = 'explicit'\n",
            &of("a", ""),
            "[tool.poetry.dependencies]\nx = {source = 'PyPI'}\n",
        ]
        .concat(),
        &[("x", "Together usual"), ("y", "Together a")],
    );
    // What uv is told goes first, because it is the one that would be asked.
    asks(
        &[of("a", ""), "[[tool.uv.index]]\nurl = 'https://u.example/s'\n".to_owned()].concat(),
        &[("x", "First u usual")],
    );
}

#[test]
fn pdm_has_sources_with_patterns() {
    let of = |name: &str, more: &str| source("pdm", name, more);
    asks(&of("a", ""), &[("x", "Together usual a")]);
    asks(&[of("a", ""), of("pypi", "")].concat(), &[("x", "Together pypi a")]);
    asks(&of("a", "type = 'find_links'"), &[("x", "Together usual")]);
    let ordered = "[tool.pdm.resolution]\nrespect-source-order = true\n";
    asks(&[&of("a", ""), ordered].concat(), &[("x", "First usual a?")]);
    asks(&[&of("a", ""), &of("pypi", ""), &of("b", ""), ordered].concat(), &[("x", "First a pypi b?")]);
    let patterns = "include_packages = ['Our_*']\nexclude_packages = ['public-*']";
    asks(
        &of("a", patterns),
        &[("our-tool", "Together a"), ("public-tool", "Together usual"), ("x", "Together usual a")],
    );
}

#[test]
fn secrets_are_sent_and_never_shown() {
    let netrc = "# mine\nmachine files.example\nlogin who\npassword net-secret\ndefault login all password all-secret\n";
    let files = [("home/.netrc", netrc)];
    let urls = "https://me:p%40ss-secret@a.example/s https://files.example/s https://who@files.example:8443/s \
                https://b.example/s";
    let indexes = chosen(&files, &[("PIP_INDEX_URL", "https://x.example/s"), ("PIP_EXTRA_INDEX_URL", urls)]);
    let indexes = indexes.unwrap();
    let shown = format!("{indexes:?} {:?}", indexes.lines());
    assert!(!shown.contains("secret") && !shown.contains("p%40ss") && !shown.contains("Basic"), "{shown}");
    let users = indexes.users();
    let of = |origin: &str| users.get(origin).map(|secret| secret.reveal().to_owned());
    assert_eq!(of("https://a.example"), Some(format!("Basic {}", base64(b"me:p@ss-secret"))));
    assert_eq!(of("https://files.example"), Some(format!("Basic {}", base64(b"who:net-secret"))));
    assert_eq!(of("https://files.example:8443"), Some(format!("Basic {}", base64(b"who:net-secret"))));
    assert_eq!(of("https://b.example"), None);
    let error = chosen(&[], &[("PIP_INDEX_URL", "http://me:secret@a.example/s")]).unwrap_err().to_string();
    assert!(error.contains("PIP_INDEX_URL") && !error.contains("secret"), "{error}");
}

#[test]
fn a_project_gets_no_secret_of_the_environment() {
    for (file, text) in [
        ("project/requirements.txt", "--extra-index-url https://x.example/${HOME}/simple\n"),
        ("project/Pipfile", "[[source]]\nurl = 'https://u:$HOME@x.example/simple'\n"),
        ("project/pyproject.toml", "[[tool.pdm.source]]\nurl = 'https://u:${HOME}@x.example/simple'\n"),
    ] {
        let error = chosen(&[(file, text)], &[("PIP_INDEX_URL", "https://a.example/s")]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("variable of the environment"), "{error}");
    }
}

#[test]
fn texts_are_encoded() {
    for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(text.as_bytes()), expected);
    }
}
