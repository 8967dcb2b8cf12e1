//! Small sound files of every format here, from which broken ones are made by the smoke run and the fuzz targets.

/// A name under which the reader claims the file, and its content.
pub type Seed = (&'static str, &'static [u8]);

/// The seeds of the reader with this id; none for an id of another family.
pub fn seeds(id: &str) -> &'static [Seed] {
    match id {
        "apk-database" => &[("lib/apk/db/installed", APK)],
        "dpkg" => &[
            ("var/lib/dpkg/status", DPKG),
            ("var/lib/dpkg/status.d/base", DPKG),
            ("var/lib/dpkg/info/a.list", b"/.\n/usr/lib/python3/dist-packages/a-1.dist-info/METADATA\n"),
            ("var/lib/dpkg/status.d/a.md5sums", b"0123456789abcdef0123456789abcdef  usr/a-1.egg-info\n"),
        ],
        "os-release" => &[("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n")],
        "bom" => &[
            ("a-1.0.dist-info/sboms/a.cyclonedx.json", CYCLONEDX),
            ("sbom.json", SPDX_2),
            ("a.spdx.json", SPDX_3),
        ],
        "conda-environment" => &[(
            "environment.yml",
            b"name: a\nchannels: [conda-forge]\ndependencies:\n  - numpy=1.26.4=py311_0\n  - c::d[version='>=1,<2']\n  - pip:\n      - -r more.txt\n      - e[x]>=1 ; python_version < '3.12'\n",
        )],
        "conda-lock" => &[("conda-lock.yml", CONDA_LOCK)],
        "conda-meta" => &[
            ("env/conda-meta/python-3.11.7-h955ad1f_0.json", CONDA_META),
            ("env/conda-meta/six-1.16.0-py_0.json", br#"{"name": "six", "version": "1.16.0", "files": ["lib/six.py"]}"#),
        ],
        "conda-package" => &[(
            "info/index.json",
            br#"{"name": "a", "version": "1.0", "build": "py_0", "depends": ["python >=3.9"], "license": "MIT", "subdir": "noarch"}"#,
        )],
        "conda-spec" => &[
            (
                "spec-file.txt",
                b"# platform: linux-64\n@EXPLICIT\nhttps://host.example/c/linux-64/a-1-0.conda#sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
            ),
            (
                "requirements.txt",
                b"# $ conda create --name <env> --file <this file>\n# platform: linux-64\nnumpy=1.26.4=py311_0\nsix=1.16=pypi_0\n",
            ),
        ],
        "constraints" => &[("constraints.txt", b"numpy<2\n-c more.txt\n")],
        "distribution" => &[
            ("a-1.0.dist-info/METADATA", METADATA),
            ("a.egg-info/PKG-INFO", METADATA),
            ("a.egg-info/requires.txt", b"six>=1\n\n[dev:python_version < '3']\npytest\n"),
        ],
        "install-lines" => &[
            ("Dockerfile", DOCKERFILE),
            (
                "a.ipynb",
                br#"{"cells": [{"cell_type": "code", "source": ["%pip install -q 'a[b]==1' \\\n", "  c\n", "!cd x && uv pip install -r d.txt"]}]}"#,
            ),
            (
                ".github/workflows/a.yml",
                b"jobs:\n  a:\n    steps:\n      - run: |\n          pip install a\n          sh -c 'uvx --with b c@1'\n        working-directory: d\n",
            ),
            ("a.sh", SHELL),
        ],
        "install-notes" => &[
            ("a-1.0.dist-info/INSTALLER", b"pip\n"),
            ("a-1.0.dist-info/REQUESTED", b""),
            ("a-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nTag: py3-none-any\n"),
            (
                "a-1.0.dist-info/direct_url.json",
                br#"{"url": "https://u:p@host.example/r", "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123456789abcdef01234567"}}"#,
            ),
            ("a-1.0.dist-info/entry_points.txt", b"[console_scripts]\na = a.cli:main\n"),
        ],
        "install-script" => &[
            ("env/bin/.a-post-link.sh", b"#!/bin/sh\nfc-cache -f\n"),
            ("etc/conda/activate.d/a.sh", b"export A=1\n"),
        ],
        "pdm-lock" => &[("pdm.lock", PDM_LOCK)],
        "pip-settings" => &[(
            "pip.conf",
            b"[global]\nindex-url = https://u:p@h.example/simple\nextra_index_url =\n    https://a.example\n    https://b.example\n[install]\ntrusted-host: h.example\n",
        )],
        "pipfile" => &[("Pipfile", PIPFILE)],
        "pipfile-lock" => &[("Pipfile.lock", PIPFILE_LOCK)],
        "pixi" => &[("pixi.toml", PIXI)],
        "pixi-lock" => &[("pixi.lock", PIXI_LOCK_5), ("pixi.lock", PIXI_LOCK_6)],
        "poetry-lock" => &[("poetry.lock", POETRY_LOCK)],
        "pth" => &[("lib/site-packages/a.pth", b"# why\nimport a; a.start()\n../source\n")],
        "pylock" => &[("pylock.toml", PYLOCK)],
        "pyproject" => &[("pyproject.toml", PYPROJECT)],
        "pyvenv" => &[("venv/pyvenv.cfg", b"home = /usr/bin\nversion = 3.11.7\ninclude-system-site-packages = false\n")],
        "record" => &[
            (
                "a-1.0.dist-info/RECORD",
                b"a.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\"a,\"\"b\",,\na-1.0.dist-info/RECORD,,\n",
            ),
            ("a.egg-info/installed-files.txt", b"../a.py\nPKG-INFO\n"),
        ],
        "requirements" => &[("requirements.txt", REQUIREMENTS)],
        "setup-cfg" => &[("setup.cfg", SETUP_CFG)],
        "setup-py" => &[("setup.py", SETUP_PY)],
        "uv-lock" => &[("uv.lock", UV_LOCK), ("script.py.lock", SCRIPT_LOCK)],
        "uv-settings" => &[(
            "uv.toml",
            b"index-strategy = \"unsafe-best-match\"\n[[index]]\nname = \"a\"\nurl = \"https://a.example/simple\"\nexplicit = true\n[pip]\nfind-links = [\"./wheels\"]\n",
        )],
        _ => &[],
    }
}

const DPKG: &[u8] =
    b"Package: libssl3\nStatus: install ok installed\nSource: openssl (3.0.11-1)\nVersion: 3.0.11-1+b1\n\
Description: a\n text\n\nPackage: old\nStatus: deinstall ok config-files\nVersion: 1\n";

const APK: &[u8] =
    b"C:Q1abc=\nP:py3-a\nV:1.0-r0\no:a\nF:usr/lib/python3.12/site-packages/a-1.0.dist-info\nR:METADATA\n\n\
P:musl\nV:1.2.4-r2\n";
const DOCKERFILE: &[u8] = b"# syntax=docker/dockerfile:1\nFROM python:3.12 AS base\n\
    ENV PIP_INDEX_URL=https://h.example/simple\nWORKDIR /app\nCOPY requirements.txt /tmp/\n\
    RUN --mount=type=cache,target=/root/.cache pip install -r /tmp/requirements.txt \\\n  # why\n  a==1\n\
    RUN [\"python\", \"-m\", \"pip\", \"install\", \"b\"]\nRUN <<E\npip install c\nE\nFROM base\nCOPY --from=base /x /y\n";

const SHELL: &[u8] = b"#!/bin/sh\nif ! x; then\n  \
    sudo -H pip3 install --extra-index-url https://h.example/simple a==1 b>2 # c\nfi\n\
    conda install -y -c d e=1 <<E\nf\nE\n(cd g; pip install -r h.txt \"$(pip install i)\")\n";

const CYCLONEDX: &[u8] = br#"{"bomFormat": "CycloneDX", "specVersion": "1.5",
"metadata": {"component": {"type": "library", "bom-ref": "a", "name": "a", "version": "1.0", "purl": "pkg:pypi/a@1.0"}},
"components": [{"type": "library", "bom-ref": "s", "name": "openssl", "version": "3.0.7", "purl": "pkg:generic/openssl@3.0.7?x=y",
  "hashes": [{"alg": "SHA-256", "content": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}],
  "components": [{"type": "library", "bom-ref": "z", "name": "zlib", "version": "1.3"}]}],
"dependencies": [{"ref": "a", "dependsOn": ["s"]}, {"ref": "s", "dependsOn": ["z"]}]}"#;

const SPDX_2: &[u8] = br#"{"spdxVersion": "SPDX-2.3", "documentDescribes": ["SPDXRef-a"], "packages": [
{"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1.0", "primaryPackagePurpose": "LIBRARY"},
{"SPDXID": "SPDXRef-b", "name": "serde", "versionInfo": "1.0.228",
 "checksums": [{"algorithm": "SHA256", "checksumValue": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}],
 "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:cargo/serde@1.0.228"}]}],
"relationships": [{"spdxElementId": "SPDXRef-b", "relationshipType": "BUILD_DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"}]}"#;

const SPDX_3: &[u8] = br#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
{"type": "SpdxDocument", "spdxId": "d", "rootElement": ["a"]},
{"type": "software_Package", "spdxId": "a", "name": "a", "software_packageVersion": "1.0"},
{"type": "software_Package", "spdxId": "b", "name": "zlib", "software_packageVersion": "1.3", "software_packageUrl": "pkg:generic/zlib@1.3",
 "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
{"type": "Relationship", "from": "a", "relationshipType": "dependsOn", "to": ["b"]}]}"#;

const CONDA_LOCK: &[u8] = b"version: 1
metadata:
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms: [linux-64]
package:
- name: numpy
  version: 1.26.4
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.11,<3.12.0a0'
    __glibc: '>=2.17'
  url: https://host.example/conda-forge/linux-64/numpy-1.26.4-py311_0.conda
  hash:
    md5: d41d8cd98f00b204e9800998ecf8427e
    sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  category: main
  optional: false
- name: requests
  version: 2.31.0
  manager: pip
  platform: osx-arm64
  dependencies: {idna: '>=2.5,<4'}
  url: https://host.example/requests-2.31.0-py3-none-any.whl
  hash: {}
";

const CONDA_META: &[u8] = br#"{"build": "h955ad1f_0", "channel": "https://host.example/c", "depends": ["openssl >=3.0,<4.0a0", "__unix"],
"files": ["bin/python3.11", "bin/python", "lib/x.pyc"], "license": "PSF-2.0", "name": "python", "version": "3.11.7", "requested_spec": "python=3.11",
"paths_data": {"paths_version": 1, "paths": [
 {"_path": "bin/python3.11", "path_type": "hardlink", "prefix_placeholder": "/opt/placeholder", "file_mode": "binary", "sha256": "00", "sha256_in_prefix": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size_in_bytes": 3},
 {"_path": "bin/python", "path_type": "softlink", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size_in_bytes": 3}]},
"url": "https://host.example/c/linux-64/python-3.11.7-h955ad1f_0.conda"}"#;

const PIXI: &[u8] = b"[workspace]
name = 'a'
version = '1.0'
channels = ['conda-forge', {channel = 'c', priority = 1}]
platforms = ['linux-64']
[dependencies]
python = '3.12'
b = {version = '>=1,<2', build = 'cuda*', channel = 'c'}
[pypi-dependencies]
d = {path = './d', editable = true, extras = ['x']}
[target.win-64.dependencies]
e = '*'
[feature.test.pypi-dependencies]
f = '==1'
[feature.test.target.unix.build-dependencies]
g = '1.2.*'
";

const PIXI_LOCK_5: &[u8] = b"version: 5
environments:
  default:
    channels:
    - url: https://host.example/conda-forge/
    packages:
      linux-64:
      - conda: https://host.example/conda-forge/linux-64/a-1-0.conda
      osx-64:
      - pypi: ./b
packages:
- kind: conda
  name: a
  version: '1'
  build: '0'
  subdir: linux-64
  url: https://host.example/conda-forge/linux-64/a-1-0.conda
  sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  depends:
  - python >=3.11,<3.12.0a0
  - __unix
- kind: pypi
  name: b
  version: 0.1.0
  path: ./b
  requires_dist:
  - click ; extra == 'cli'
  editable: true
";

const PIXI_LOCK_6: &[u8] = b"version: 6
environments:
  default:
    channels: [{url: https://host.example/conda-forge/}]
    packages:
      linux-64:
      - conda: https://host.example/conda-forge/linux-64/a-1-0.conda
      - pypi: https://host.example/b-2-py3-none-any.whl
packages:
- conda: https://host.example/conda-forge/linux-64/a-1-0.conda
  sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
  depends: [python]
- pypi: https://host.example/b-2-py3-none-any.whl
  name: b
  version: '2'
";

const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: A\nVersion: 1.0\nLicense: MIT\n  and more\nProvides-Extra: dev\n\
    Requires-Python: >=3.8\nRequires-Dist: six (>=1)\nRequires-Dist: pytest ; extra == 'dev'\n\nA description\n";

const REQUIREMENTS: &[u8] = b"-r base.txt\n--index-url https://host.example/simple\n\
    a[x,y]>=1,<2 ; python_version < '3.12' \\\n    \
    --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n    # via\n    #   b\n    #   c\n\
    b @ git+https://u:p@host.example/b.git@main#egg=b&subdirectory=s\n-e ./local[dev]\n\
    https://host.example/c-1.0-py3-none-any.whl\n";

const UV_LOCK: &[u8] = br#"version = 1
requires-python = ">=3.11"

[manifest]
members = ["p"]

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://host.example/simple" }
resolution-markers = ["python_version < '3.12'"]
sdist = { url = "https://host.example/a.tar.gz", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", size = 1 }
wheels = [
    { url = "https://host.example/a.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
]

[[package]]
name = "p"
version = "0.1"
source = { editable = "." }
dependencies = [
    { name = "a", extra = ["x"], marker = "sys_platform == 'linux'" },
]

[package.optional-dependencies]
dev = [{ name = "g" }]

[package.metadata]
requires-dist = [{ name = "a", extras = ["x"], specifier = ">=1" }, { name = "g", marker = "extra == 'dev'", git = "https://host.example/g" }]

[[package]]
name = "g"
version = "2"
source = { git = "https://host.example/g?rev=main#0123456789abcdef0123456789abcdef01234567" }
"#;

const SCRIPT_LOCK: &[u8] = br#"version = 1

[manifest]
requirements = [{ name = "a", specifier = ">=1" }]

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://host.example/simple" }
"#;

const SETUP_CFG: &[u8] =
    b"[metadata]\nname = a\nversion = attr: a.__version__\n\n[options]\npython_requires = >=3.8\n\
    install_requires =\n    # why\n    b>=1 ; python_version < '3.12'\n    c @ https://host.example/c.whl\n\
    setup_requires = wheel; cython\n\n[options.extras_require]\ndev = file: dev.txt\nx = d\n";

const SETUP_PY: &[u8] = br#"from setuptools import find_packages, setup

REQUIRED = ["a>=1", "b" "==2"]
EXTRAS = {"x": ["c"], **dict(y=["d"])}
EXTRAS["all"] = EXTRAS["x"] + ["e"]
REQUIRED += ("f",)

setup(
    name="p", version="1.0", packages=find_packages(), python_requires=">=3.8",
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    setup_requires="""g
h""".splitlines(),
)
"#;

const POETRY_LOCK: &[u8] = br#"[[package]]
name = "a"
version = "1.0"
optional = false
python-versions = ">=3.8"
files = [{file = "a.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]

[package.dependencies]
b = ">=1,<1.2 || >1.2"
c = [{version = "^1", python = "<3.9"}, {version = "*", optional = true, markers = "extra == 'x'"}]

[package.extras]
x = ["c (>=1)"]

[package.source]
type = "git"
url = "https://host.example/a"
reference = "main"
resolved_reference = "0123456789abcdef0123456789abcdef01234567"

[metadata]
lock-version = "2.0"

[metadata.files]
b = [{file = "b.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]
"#;

const PDM_LOCK: &[u8] = br#"[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"

[[metadata.targets]]
requires_python = ">=3.9"

[[package]]
name = "a"
version = "1.0"
groups = ["default"]
marker = "python_version < \"3.12\""
dependencies = ["b<2,>=1", "c; sys_platform == \"win32\""]
files = [{file = "a.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]

[[package]]
name = "a"
version = "1.0"
extras = ["x"]
dependencies = ["a==1.0", "d"]

[[package]]
name = "b"
version = "1.5"
git = "https://host.example/b"
ref = "main"
revision = "0123456789abcdef0123456789abcdef01234567"

[metadata.files]
"c 2" = [{url = "https://host.example/c.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]
"#;

const PIPFILE: &[u8] = br#"[[source]]
url = "https://host.example/simple"
verify_ssl = true
name = "i"

[packages]
a = "*"
b = {version = "~=1.0", extras = ["x"], markers = "python_version < '3.12'", index = "i"}
c = {git = "https://u:p@host.example/c", ref = "main", editable = true}
d = {path = "./d", editable = true}

[dev-packages]
e = {file = "https://host.example/e.whl"}
f = {version = "1.0", sys_platform = "== 'win32'"}

[requires]
python_version = "3.11"
"#;

const PIPFILE_LOCK: &[u8] = br#"{"_meta": {"hash": {"sha256": "00"}, "pipfile-spec": 6,
 "requires": {"python_version": "3.11"}, "sources": [{"name": "i", "url": "https://host.example/simple", "verify_ssl": true}]},
"default": {
 "a": {"hashes": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"], "index": "i",
  "extras": ["x"], "markers": "python_version >= '3.6'", "version": "==1.0"},
 "c": {"git": "https://host.example/c", "ref": "0123456789abcdef0123456789abcdef01234567"}},
"develop": {"e": {"editable": true, "path": "./e"}, "f": {"version": "==2"}}}"#;

const PYLOCK: &[u8] = br#"lock-version = "1.0"

[[packages]]
name = "a"
version = "1.0"
marker = "'dev' in dependency_groups"
dependencies = [{name = "b", version = "2"}]
wheels = [{url = "https://host.example/a.whl", hashes = {sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}]

[[packages]]
name = "b"
vcs = {type = "git", url = "https://host.example/b", commit-id = "0123456789abcdef0123456789abcdef01234567"}
"#;

const PYPROJECT: &[u8] = br#"[project]
name = "p"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["a[x]>=1; python_version < '3.12'", "b @ https://host.example/b.whl"]
dynamic = ["optional-dependencies"]

[dependency-groups]
test = ["pytest", {include-group = "lint"}]
lint = ["ruff", {include-group = "test"}]

[build-system]
requires = ["hatchling"]

[tool.poetry]
name = "p"

[tool.poetry.dependencies]
python = "^3.9"
c = {version = "~1.2", optional = true, extras = ["z"]}

[tool.poetry.extras]
e = ["c"]

[tool.poetry.group.dev.dependencies]
d = {git = "https://host.example/d", branch = "main"}

[tool.uv.sources]
a = [{path = "../a", editable = true, marker = "sys_platform == 'linux'"}, {index = "i"}]

[tool.pdm.dev-dependencies]
docs = ["-e file:///${PROJECT_ROOT}/docs#egg=docs", "sphinx"]
"#;
