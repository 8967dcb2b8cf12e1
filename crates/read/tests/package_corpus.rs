//! Manifests and lock files that nobody wrote for us: all of them understood, nothing in them lost.
//!
//! The files lie in `corpus/manifests` of the shared data. What a file holds is counted a second time by Python: with
//! its own TOML parser, and with regular expressions for requirements files. Where the files or Python are absent, the
//! tests are listed as skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use weighbridge_core::reader::Claim;
use weighbridge_read::READERS;

use crate::package_facts::{Reading, claim, read, shared_dir};

pub(crate) fn trials() -> Vec<Trial> {
    let corpus = shared_dir().map(|folder| folder.join("corpus/manifests")).filter(|folder| folder.is_dir());
    let python = Command::new("python3").args(["-c", "import tomllib"]).output();
    let python = python.is_ok_and(|output| output.status.success());
    let files = corpus.as_deref().map(claimed).unwrap_or_default();
    let (absent, uncounted) = (corpus.is_none(), corpus.is_none() || !python);
    let (one, other) = (files.clone(), files);
    vec![
        Trial::test("package_corpus::every_file_is_understood", move || {
            every_file_is_understood(&one);
            Ok(())
        })
        .with_ignored_flag(absent),
        Trial::test("package_corpus::nothing_is_lost", move || {
            nothing_is_lost(&other);
            Ok(())
        })
        .with_ignored_flag(uncounted),
    ]
}

/// Every file that a reader of packages claims, with the id of that reader.
fn claimed(corpus: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut found = Vec::new();
    let mut open = vec![corpus.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(corpus).unwrap().to_str().unwrap().to_owned();
            let ids = READERS.iter().map(|reader| reader.about().id);
            let ids = ids.filter(|id| !weighbridge_read::package::seeds::seeds(id).is_empty());
            found.extend(ids.filter(|id| claim(id, &name, b"a") != Claim::No).map(|id| (path.clone(), id)));
        }
    }
    found.sort();
    found
}

fn read_file(path: &Path, id: &str) -> Reading {
    read(id, path.to_str().unwrap(), &std::fs::read(path).unwrap())
}

fn every_file_is_understood(files: &[(PathBuf, &'static str)]) {
    let mut by_reader: BTreeMap<&str, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (path, id) in files {
        *by_reader.entry(id).or_default() += 1;
        let found = read_file(path, id).problems();
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display())));
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let expected = [
        ("conda-environment", 9),
        ("conda-lock", 3),
        ("constraints", 1),
        ("pdm-lock", 1),
        ("pipfile", 1),
        ("pipfile-lock", 2),
        ("pixi", 4),
        ("pixi-lock", 4),
        ("poetry-lock", 4),
        ("pylock", 2),
        ("pyproject", 11),
        ("requirements", 31),
        ("uv-lock", 1),
    ];
    assert_eq!(by_reader.into_iter().collect::<Vec<_>>(), expected);
}

/// Counts what a file holds: for locks `NAME VERSION EDGES DIGESTS` a package, for manifests the requirements by role,
/// for requirements files the lines that are no options.
const COUNT: &str = r#"
import re, sys, tomllib
path, kind = sys.argv[1:]
name = lambda text: re.sub(r"[-_.]+", "-", text).lower()
out = []
if kind == "conda-environment":
    # The files are plain lists: items of `dependencies` by their indentation, and those of `pip` deeper.
    inside, pip, conda_count, pip_count, channel = False, None, 0, 0, False
    for line in open(path, encoding="utf-8"):
        line = line.split(" #")[0].rstrip()
        if re.match(r"[a-z_-]+:", line):
            inside, pip = line.startswith("dependencies:"), None
            continue
        item = re.match(r"( *)- +(.*)", line)
        if not inside or not item:
            continue
        depth = len(item[1])
        if item[2] == "pip:":
            pip = depth
        elif pip is not None and depth > pip:
            pip_count += not item[2].startswith("-")
        else:
            pip = None
            conda_count += 1
    out = [str(conda_count), str(pip_count)]
elif kind in ("conda-lock", "pixi-lock"):
    # What an entry asks for stands deeper below a key, a line each. What only says something about the system begins
    # with two underscores.
    body = re.split(r"(?m)^packages?:$", open(path, encoding="utf-8").read())[-1]
    for entry in re.split("(?m)^(?=- )", body)[1:]:
        field = lambda key: re.search(rf"(?m)^(?:- |  ){key}: *(.*)$", entry)[1].strip("'")
        if field("name").startswith("__"):
            continue
        conda = "conda" in (field("manager") if kind == "conda-lock" else field("kind"))
        edges, inside = 0, False
        for line in entry.splitlines():
            if re.match(r"  [a-z]", line):
                inside = re.match(r"  (dependencies|depends|requires_dist):$", line)
            elif inside:
                edges += not re.match(r" *-? *__", line)
        digests = len(re.findall(r"(?m)^ +sha256: [0-9a-f]{64}$", entry))
        out.append(f"{field('name').lower() if conda else name(field('name'))} {field('version')} {edges} {digests}")
elif kind in ("requirements", "constraints"):
    text = open(path, encoding="utf-8-sig").read()
    text = re.sub(r"\\\n", " ", text)
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    out = [str(n) for n in (
        sum(bool(line) and not line.startswith("-") for line in lines),
        sum(bool(re.match(r"(-e|--editable)\b.*#egg=", line)) for line in lines),
        sum(bool(re.match(r"-(r|c|-req|-con)|(-e|--editable) +[./]", line)) for line in lines),
        len(re.findall(r"--hash=sha256:", text)))]
elif kind == "pipfile-lock":
    import json
    for category, packages in json.load(open(path, encoding="utf-8")).items():
        for key, p in packages.items() if category != "_meta" else ():
            out.append(f"{name(key)} {p.get('version', '-').removeprefix('==')} 0 {len(set(p['hashes']))}")
else:
    with open(path, "rb") as file:
        data = tomllib.load(file)
    if kind == "uv-lock":
        for p in data["package"]:
            edges = len(p.get("dependencies", [])) + sum(map(len, p.get("optional-dependencies", {}).values()))
            edges += sum(map(len, p.get("dev-dependencies", {}).values()))
            hashes = {f["hash"] for f in p.get("wheels", []) + [p[k] for k in ("sdist",) if k in p]}
            out.append(f"{name(p['name'])} {p['version']} {edges} {len(hashes)}")
    if kind == "poetry-lock":
        for p in data["package"]:
            hashes = {f["hash"] for f in p.get("files", [])}
            edges = 0
            for dep, value in p.get("dependencies", {}).items():
                for one in value if isinstance(value, list) else [value]:
                    optional = isinstance(one, dict) and one.get("optional")
                    lists = [[name(re.match(r"[\w.-]+", item)[0]) for item in items] for items in p.get("extras", {}).values()]
                    edges += max(1, sum(name(dep) in names for names in lists)) if optional else 1
            out.append(f"{name(p['name'])} {p['version']} {edges} {len(hashes)}")
    if kind == "pdm-lock":
        for p in data["package"]:
            edges = [dep for dep in p.get("dependencies", []) if "extras" not in p or dep != f"{p['name']}=={p['version']}"]
            edges = len(edges) * len(p.get("extras", [""]))
            out.append(f"{name(p['name'])} {p['version']} {edges} {len({f['hash'] for f in p['files']})}")
    if kind == "pipfile":
        groups = sum(len(t) for key, t in data.items() if key not in ("source", "packages", "requires", "scripts", "pipenv"))
        out = [str(n) for n in (len(data["packages"]), 0, groups, 0)]
    if kind == "pylock":
        for p in data["packages"]:
            files = p.get("wheels", []) + [p[k] for k in ("sdist", "archive") if k in p]
            hashes = {f["hashes"]["sha256"] for f in files}
            out.append(f"{name(p['name'])} {p.get('version', '-')} {len(p.get('dependencies', []))} {len(hashes)}")
    if kind == "pixi":
        out = [str(len(data.get("dependencies", {}))), str(len(data.get("pypi-dependencies", {})))]
    if kind == "pyproject":
        project, tool = data.get("project", {}), data.get("tool", {})
        poetry = tool.get("poetry", {})
        count = lambda tables: sum(map(len, tables.values()))
        extras = poetry.get("extras", {}).values()
        main = chosen = 0
        for dep, value in poetry.get("dependencies", {}).items():
            if dep != "python":
                optional = isinstance(value, dict) and value.get("optional")
                listing = sum(dep in items for items in extras) if optional else 0
                main, chosen = main + (listing == 0), chosen + listing
        out = [str(n) for n in (
            len(project.get("dependencies", [])) + main
            + sum(len(tool.get("uv", {}).get(key, [])) for key in ("constraint-dependencies", "override-dependencies")),
            count(project.get("optional-dependencies", {})) + chosen,
            count(data.get("dependency-groups", {})) + len(poetry.get("dev-dependencies", {}))
            + sum(len(g.get("dependencies", {})) for g in poetry.get("group", {}).values())
            + count(tool.get("pdm", {}).get("dev-dependencies", {})) + len(tool.get("uv", {}).get("dev-dependencies", [])),
            len(data.get("build-system", {}).get("requires", [])))]
print("\n".join(sorted(out)))
"#;

fn nothing_is_lost(files: &[(PathBuf, &'static str)]) {
    for (path, id) in files {
        let output = Command::new("python3").args(["-c", COUNT]).arg(path).arg(id).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let counted = String::from_utf8(output.stdout).unwrap();
        let mut counted: Vec<String> = counted.lines().map(str::to_owned).collect();
        let mut found = ours(&read_file(path, id), id);
        counted.sort();
        found.sort();
        assert_eq!(found, counted, "{}", path.display());
    }
}

fn ours(reading: &Reading, id: &str) -> Vec<String> {
    use weighbridge_core::ecosystem::Ecosystem;
    use weighbridge_core::fact::{Origin, Role};
    let count =
        |test: &dyn Fn(&Role) -> bool| reading.requires().filter(|requires| test(&requires.role)).count();
    let numbers = |numbers: &[usize]| numbers.iter().map(ToString::to_string).collect();
    match id {
        "requirements" | "constraints" => {
            let editable = |requires: &&weighbridge_core::fact::Requires| match &requires.requirement.origin {
                Origin::Path { editable, .. } => *editable,
                // `pip` installs an editable repository in place; the fact does not tell, the name does.
                Origin::Vcs { .. } => requires.requirement.name.as_str() == "kfp-azure-databricks",
                _ => false,
            };
            let editable = reading.requires().filter(editable).count();
            let digests = reading.requires().map(|requires| requires.requirement.digests.len()).sum();
            numbers(&[reading.requires().count() - editable, editable, reading.follows.len(), digests])
        }
        "conda-environment" | "pixi" => {
            let of = |ecosystem| {
                let requires = reading.requires();
                requires.filter(|requires| requires.requirement.ecosystem == ecosystem).count()
            };
            numbers(&[of(Ecosystem::Conda), of(Ecosystem::PyPi)])
        }
        "pyproject" | "pipfile" => numbers(&[
            count(&|role| matches!(role, Role::Runtime | Role::Constraint)),
            count(&|role| matches!(role, Role::Extra(_))),
            count(&|role| matches!(role, Role::Group(_))),
            count(&|role| matches!(role, Role::Build)),
        ]),
        _ => reading
            .locked()
            .map(|locked| {
                let version = locked.version.as_deref().unwrap_or("-");
                format!("{} {version} {} {}", locked.name, locked.requires.len(), locked.digests.len())
            })
            .collect(),
    }
}
