//! The lock: what is written is read again, what is wrong with it is told with its line, and every way in which an approved
//! thing can change.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{
    Approval, ByRoots, Grant, Identity, Kind, Pin, Proof, Scanned, Signature, SignedFile, Signer, Superseded,
};
use weighbridge_core::report::Safety;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::lock::{self, Difference, Found, Seen, Shown, places};
use weighbridge_trust::oms::{self, Method};
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{Draft, issue};
use crate::models::{Holder, choice, model, sign};

pub(crate) const TESTS: &[Test] = &[
    ("locks::what is written is read again, to the byte", what_is_written_is_read_again),
    ("locks::the digest over all files is that of the page", the_digest_is_that_of_the_page),
    ("locks::what is wrong is told with its line", what_is_wrong_is_told_with_its_line),
    ("locks::no byte of a pin can be changed", no_byte_of_a_pin_can_be_changed),
    ("locks::every difference is told", every_difference_is_told),
    ("locks::what was replaced does not come back unnoticed", what_was_replaced),
    ("locks::what was replaced is read strictly", what_was_replaced_is_read_strictly),
    ("locks::a signature is one of the pinned key or is told", a_signature_is_one_of_the_pinned_key),
    ("locks::Sigstore counts by the roots that are pinned", sigstore_counts_by_the_pinned_roots),
    ("locks::a signature is one of the pinned certificate or is told", a_signature_is_one_of_the_certificate),
    ("locks::snapshots of the hub are known by their paths", snapshots_are_known_by_their_paths),
    ("locks::a signature says which files it is over", a_signature_says_which_files),
];

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn pin(content: &str) -> Pin {
    Pin { size: content.len() as u64, digest: Digest::of(content.as_bytes()) }
}

fn approval(source: &str, files: &[(&str, &str)]) -> Approval {
    Approval {
        source: source.to_owned(),
        kind: Kind::Model,
        revision: None,
        approved: day("2026-11-26"),
        reason: None,
        signature_required: false,
        signer: None,
        scan: None,
        grants: Vec::new(),
        files: files.iter().map(|(path, content)| ((*path).to_owned(), pin(content))).collect(),
        superseded: Vec::new(),
    }
}

/// One approval that says everything that can be said.
fn full() -> Approval {
    let key = PrivateKey::generate(Curve::P384).unwrap().public_key();
    Approval {
        kind: Kind::Adapter,
        revision: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        reason: Some("it is \"ours\"\\\nreally\u{202e}".to_owned()),
        signature_required: true,
        signer: Some(Signer {
            identity: Identity::Key(key.hint()),
            key: Some(key.to_der()),
            roots: None,
            first_seen: day("2025-01-02"),
            signature: "model.sig".to_owned(),
        }),
        scan: Some(Scanned {
            verdict: Some(Safety::Untrusted),
            advisories: "2026-11-20".to_owned(),
            tool: "0.1.0".to_owned(),
            date: day("2026-11-26"),
        }),
        grants: vec![
            Grant { allow: "a.b".to_owned(), reason: "known".to_owned(), until: Some(day("2027-01-01")) },
            Grant {
                allow: "numpy.core.multiarray._reconstruct".to_owned(),
                reason: "x".to_owned(),
                until: None,
            },
        ],
        superseded: vec![
            Superseded {
                digest: lock::digest(&approval("", &[("a", "older")]).files),
                revision: Some("fedcba9876543210fedcba9876543210fedcba98".to_owned()),
                until: day("2026-11-26"),
            },
            Superseded {
                digest: lock::digest(&approval("", &[("a", "old")]).files),
                revision: None,
                until: day("2026-11-26"),
            },
        ],
        ..approval("hf://org/name", &[("a \"b\".bin", "1"), ("sub/c.bin", "2"), ("ü.bin", "3")])
    }
}

fn what_was_replaced() {
    let state = |content: &str, revision: &str| Approval {
        revision: Some(revision.to_owned()),
        ..approval("a", &[("w", content), ("c", "same")])
    };
    let days = ["2026-01-01", "2026-02-01", "2026-03-01"].map(day);
    let second = lock::supersede(state("one", "r1"), state("two", "r2"), days[0]);
    let third = lock::supersede(second.clone(), state("three", "r3"), days[1]);
    // The files of a state and the day on which something took its place; then by what revision it is known.
    for (content, revision, expected) in [
        ("one", None, Some(days[0])),
        ("two", None, Some(days[1])),
        ("three", None, None),
        ("four", None, None),
        ("four", Some("r1"), Some(days[0])),
        ("four", Some("r4"), None),
        ("three", Some("r3"), None),
    ] {
        let files = [("w", content), ("c", "same")].map(|(path, content)| {
            (path, Found { size: pin(content).size, digest: Ok(pin(content).digest) })
        });
        let seen = Seen { files: files.into(), signature: Shown::Nothing, revision };
        let downgraded = lock::compare(&third, &seen).into_iter().find_map(|it| match it {
            Difference::Downgraded(until) => Some(until),
            _ => None,
        });
        assert_eq!(downgraded, expected, "{content} {revision:?}");
    }
    // Going back on purpose: what counts now is not among what was replaced.
    let back = lock::supersede(third, state("one", "r1"), days[2]);
    let left: Vec<_> = back.superseded.iter().map(|it| it.revision.as_deref()).collect();
    assert_eq!(left, [Some("r2"), Some("r3")]);
    let many = (0..200).fold(second, |old, at| lock::supersede(old, state(&at.to_string(), "r"), days[2]));
    assert_eq!(many.superseded.len(), lock::MOST_SUPERSEDED);
}

fn what_was_replaced_is_read_strictly() {
    let text = lock::write(&[full()]);
    let line = 1 + text.lines().position(|line| line == "superseded = [").unwrap();
    let earlier = text.lines().nth(line).unwrap();
    for (other, expected) in [
        (earlier.replace("weighbridge1:", "weighbridge2:"), "is no digest of the lock"),
        (earlier.replace("weighbridge1:", "weighbridge1:AB"), "is no digest of the lock"),
        (earlier.replace("fedcba98", "fed cba98"), "is no revision"),
        (earlier.replace("2026-11-26", "2026-11-31"), "is no day"),
        (earlier.replace("until", "after"), "unknown field `after`"),
    ] {
        let error = lock::read(&text.replacen(earlier, &other, 1)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("line {}: ", line + 1)), "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
}

fn read(text: &str) -> Vec<Approval> {
    lock::read(text).unwrap().into_iter().map(|(_, approval)| approval).collect()
}

fn what_is_written_is_read_again() {
    let sigstore = Signer {
        identity: Identity::Sigstore {
            name: "a@b.example".to_owned(),
            issuer: "https://c.example".to_owned(),
        },
        key: None,
        roots: None,
        first_seen: day("2026-01-01"),
        signature: "w.bin.sig".to_owned(),
    };
    let file = Approval { signer: Some(sigstore), kind: Kind::Dataset, ..approval("w.bin", &[(".", "w")]) };
    let certificate = Signer {
        identity: Identity::Certificate("ab".repeat(32)),
        key: None,
        roots: None,
        first_seen: day("2026-01-01"),
        signature: "signatures/model.sig".to_owned(),
    };
    let here = Approval { signer: Some(certificate), ..approval(".", &[("x", "")]) };
    let all = vec![full(), file, here];
    let text = lock::write(&all);
    let mut sorted = all.clone();
    sorted.sort_by(|one, other| one.source.cmp(&other.source));
    assert_eq!(read(&text), sorted, "{text}");
    assert_eq!(lock::write(&read(&text)), text);
    let reversed: Vec<Approval> = all.into_iter().rev().collect();
    assert_eq!(lock::write(&reversed), text);
    assert!(!text.contains('\u{202e}'), "{text}");
    assert!(lock::read(&lock::write(&[])).unwrap().is_empty());
    let lines: Vec<u32> = lock::read(&text).unwrap().into_iter().map(|(line, _)| line).collect();
    let expected: Vec<u32> =
        (1..).zip(text.lines()).filter(|(_, line)| *line == "[[model]]").map(|(number, _)| number).collect();
    assert_eq!(lines, expected);
}

fn the_digest_is_that_of_the_page() {
    let files = BTreeMap::from([("b".to_owned(), pin("two")), ("a/c".to_owned(), pin("one"))]);
    let mut bytes = b"weighbridge1\0".to_vec();
    for (path, content) in [("a/c", "one"), ("b", "two")] {
        bytes.extend_from_slice(&(path.len() as u64).to_be_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
        bytes.extend_from_slice(Digest::of(content.as_bytes()).as_bytes());
    }
    assert_eq!(lock::digest(&files), format!("weighbridge1:{}", Digest::of(&bytes)));
}

fn what_is_wrong_is_told_with_its_line() {
    let text = lock::write(&[Approval { signature_required: false, superseded: Vec::new(), ..full() }]);
    let other_key = PrivateKey::generate(Curve::P256).unwrap().public_key().hint();
    let fingerprint = text.split("fingerprint = \"").nth(1).unwrap().get(..64).unwrap();
    for (from, to, expected) in [
        ("version = 1", "version = 2", "line 2: version 2 of the lock, and only 1 is known here"),
        ("version = 1", "version = \"1\"", "line 2: invalid type"),
        ("version = 1", "", "line 1: missing field `version`"),
        ("source = \"hf://org/name\"", "source = \"hf://org\"", "line 5: `hf://org` is neither"),
        ("source = \"hf://org/name\"", "source = \"../x\"", "line 5: `../x` is neither a path"),
        ("source = \"hf://org/name\"", "source = \"/etc\"", "line 5: `/etc` is neither"),
        ("source = \"hf://org/name\"", "source = \"a//b\"", "line 5: `a//b` is neither"),
        ("source = \"hf://org/name\"", "source = \"http://x/y\"", "line 5: `http://x/y` is neither"),
        ("source = \"hf://org/name\"", "source = 1", "line 5: invalid type"),
        ("kind = \"adapter\"", "kind = \"thing\"", "line 6: `thing` is none of model, dataset, adapter"),
        ("kind = \"adapter\"", "kind = \"adapter\"\nsurprise = 1", "line 7: unknown field `surprise`"),
        ("revision = \"0", "revision = \" 0", "line 7: ` 0123"),
        (
            "digest = \"weighbridge1:",
            "digest = \"weighbridge1:0",
            "line 8: the digest is not that of the files",
        ),
        ("size = 1", "size = 2", "line 8: the digest is not that of the files"),
        ("approved = \"2026-11-26\"", "approved = \"2026-02-30\"", "line 9: `2026-02-30` is no day"),
        ("method = \"key\"", "method = \"gpg\"", "line 11: `gpg` is none of key, certificate, sigstore"),
        ("method = \"key\"", "method = \"sigstore\"", "line 11: a signer by sigstore has `identity`"),
        ("method = \"key\"", "method = \"certificate\"", "line 11: only a signer by key has a `public-key`"),
        (fingerprint, &other_key, "line 11: the public key is not that of the fingerprint"),
        ("signature = \"model.sig\"", "signature = \"../model.sig\"", "line 11: `../model.sig` is no place"),
        ("reason = \"known\"", "reason = \" \"", "line 14: `a.b` is granted without a reason"),
        ("allow = \"a.b\"", "allow = \"*\"", "line 14: `*` is no name such as"),
        ("until = \"2027-01-01\"", "until = \"soon\"", "line 14: `soon` is no day"),
        ("path = \"sub/c.bin\"", "path = \"sub/../c.bin\"", "line 19: `sub/../c.bin` does not lie below"),
        ("path = \"sub/c.bin\"", "path = \".\"", "line 19: `.` does not lie below"),
        ("path = \"sub/c.bin\"", "path = \"ü.bin\"", "line 20: `ü.bin` is listed twice"),
        ("size = 1", "size = -1", "line 18: invalid"),
        ("sha256 = \"6b", "sha256 = \"6B", "is not SHA-256"),
        ("[[model]]", "[[model]", "line 4: "),
        ("[[model]]", "<<<<<<< ours\n[[model]]", "line 4: "),
    ] {
        assert!(text.contains(from), "`{from}` is not in\n{text}");
        let error = lock::read(&text.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("{from} -> {to}"));
        assert!(error.to_string().contains(expected), "{to}: {error}");
    }
    let twice = format!("{text}{}", text.split_once("\n\n").unwrap().1);
    let error = lock::read(&twice).unwrap_err();
    assert!(error.message.contains("`hf://org/name` stands at line 4 already"), "{error}");
    let files = text.find("files = [").unwrap();
    let empty = format!("{}files = []\n", &text[..files]);
    assert!(lock::read(&empty).unwrap_err().message.contains("it has no files"));
    // Deep nesting and rubbish are refused, not followed.
    for text in
        ["a = ".to_owned() + &"[".repeat(100_000), "\u{0}".repeat(64), "version = 1\nx.".repeat(9_999)]
    {
        assert!(lock::read(&text).is_err());
    }
    let large = format!("version = 1\n{}", "#".repeat(lock::LARGEST as usize));
    assert!(lock::read(&large).unwrap_err().message.contains("larger than"));
}

/// Whatever digit of what a pin says is changed, the lock does not read or says something else.
fn no_byte_of_a_pin_can_be_changed() {
    let approvals = [approval("m", &[("a", "one"), ("b", "two")])];
    let text = lock::write(&approvals);
    let from = text.find("digest =").unwrap();
    for at in (from..text.len()).filter(|at| text.as_bytes()[*at].is_ascii_hexdigit()) {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(changed).unwrap();
        let said = lock::read(&changed).map(|read| read.into_iter().map(|(_, it)| it).collect::<Vec<_>>());
        assert_ne!(said.as_deref(), Ok(&approvals[..]), "byte {at} of\n{changed}");
        let line = &changed[..at].lines().count();
        let is_pin =
            text.lines().nth(line - 1).is_some_and(|line| line.contains("sha256") || line.contains("digest"));
        assert!(!is_pin || said.is_err(), "byte {at} of\n{changed}");
    }
}

fn found(content: &str) -> Found {
    let Pin { size, digest } = pin(content);
    Found { size, digest: Ok(digest) }
}

fn seen<'a>(files: &[(&'a str, Found)], signature: Shown<'a>) -> Seen<'a> {
    Seen { files: files.iter().cloned().collect(), signature, revision: None }
}

fn every_difference_is_told() {
    let approval = approval("m", &[("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")]);
    let same = [("a", found("one")), ("b", found("two")), ("c", found("three")), ("d", found("four"))];
    assert_eq!(lock::compare(&approval, &seen(&same, Shown::Nothing)), []);
    let unread = |size| Found { size, digest: Err(Unread::NotFetched) };
    let files = [
        ("a", found("ONE")),
        ("c", unread(5)),
        ("d", unread(5)),
        ("e", found("new")),
        ("weighbridge.lock", found("the lock itself")),
        (".git/config", found("")),
        (".cache/huggingface/download/a.metadata", found("")),
        (".cache/huggingface/download/a.pkl", found("")),
        (".cache/huggingface/a.metadata", found("")),
    ];
    assert_eq!(
        lock::compare(&approval, &seen(&files, Shown::Nothing)),
        [
            Difference::Changed {
                path: "a".to_owned(),
                pinned: pin("one"),
                size: 3,
                digest: Some(pin("ONE").digest)
            },
            Difference::Changed { path: "d".to_owned(), pinned: pin("four"), size: 5, digest: None },
            Difference::Missing("b".to_owned()),
            Difference::Extra(".cache/huggingface/a.metadata".to_owned()),
            Difference::Extra(".cache/huggingface/download/a.pkl".to_owned()),
            Difference::Extra("e".to_owned()),
            Difference::Unread { path: "c".to_owned(), why: Unread::NotFetched },
        ]
    );
    let demands = Approval { signature_required: true, ..approval.clone() };
    assert_eq!(lock::compare(&demands, &seen(&same, Shown::Nothing)), [Difference::Unsigned]);
    let from = Approval { revision: Some("one".to_owned()), ..approval };
    let moved = Seen { revision: Some("two"), ..seen(&same, Shown::Nothing) };
    let expected = Difference::Moved { pinned: "one".to_owned(), found: "two".to_owned() };
    assert_eq!(lock::compare(&from, &moved), [expected]);
}

fn signed(holder: &Holder) -> Signature {
    let folder = model();
    oms::look(&sign(folder.path(), &choice(Method::Files, Algorithm::Sha256), holder).to_json()).unwrap()
}

fn pinned(identity: &Identity, key: Option<Vec<u8>>) -> Approval {
    let signer = Signer {
        identity: identity.clone(),
        key,
        roots: None,
        first_seen: day("2026-01-01"),
        signature: "model.sig".to_owned(),
    };
    Approval { signer: Some(signer), ..approval("m", &[("a", "one")]) }
}

fn told(approval: &Approval, shown: Shown<'_>) -> Vec<Difference> {
    lock::compare(approval, &seen(&[("a", found("one"))], shown))
}

fn a_signature_is_one_of_the_pinned_key() {
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let holder = Holder(PrivateKey::generate(curve).unwrap(), Vec::new());
        let key = holder.0.public_key();
        let identity = Identity::Key(key.hint());
        let by_key = pinned(&identity, Some(key.to_der()));
        let by_hint = pinned(&identity, None);
        let good = signed(&holder);
        let other = signed(&Holder(PrivateKey::generate(curve).unwrap(), Vec::new()));
        assert_eq!(told(&by_key, Shown::Signature(&good)), []);
        assert_eq!(told(&by_hint, Shown::Signature(&good)), []);
        let lost = Difference::SignatureLost("model.sig".to_owned());
        assert_eq!(told(&by_key, Shown::Nothing), [lost]);
        let none = Difference::NotHolding("`model.sig` is no signature".to_owned());
        assert_eq!(told(&by_key, Shown::Other), [none]);
        let changed = Difference::SignerChanged { pinned: identity.clone(), shown: other.identity.clone() };
        assert_eq!(told(&by_key, Shown::Signature(&other)), std::slice::from_ref(&changed));
        assert_eq!(told(&by_hint, Shown::Signature(&other)), [changed]);
        // Anybody may write the fingerprint of another one's key into his signature; the key finds him out.
        let posing = Signature { identity: identity.clone(), ..other };
        let refused = Difference::NotHolding("it is not one of the key that the lock names".to_owned());
        assert_eq!(told(&by_key, Shown::Signature(&posing)), [refused]);
        assert_eq!(told(&by_hint, Shown::Signature(&posing)), [], "without the key nobody can tell");
        // And what a good signature says of itself does not matter.
        let modest = Signature { identity: Identity::Key("whoever".to_owned()), ..good };
        assert_eq!(told(&by_key, Shown::Signature(&modest)), []);
    }
}

/// Roots of an instance that vouches for nobody.
const NO_ROOTS: &str = r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": [],
    "certificateAuthorities": [], "ctlogs": [], "timestampAuthorities": []}"#;

fn sigstore_counts_by_the_pinned_roots() {
    let named =
        |name: &str| Identity::Sigstore { name: name.to_owned(), issuer: "https://a.example".to_owned() };
    let by_roots = |approval: Approval, roots: &str| {
        let signer = approval.signer.clone().map(|it| Signer { roots: Some(roots.into()), ..it });
        Approval { signer, ..approval }
    };
    let public = pinned(&named("me@a.example"), None);
    let private = by_roots(public.clone(), NO_ROOTS);
    // What is pinned is written and read.
    let text = lock::write(std::slice::from_ref(&private));
    assert_eq!(lock::read(&text).unwrap()[0].1, private);
    let line = text.lines().position(|line| line.starts_with("signer = ")).unwrap() + 1;
    let root = text.split("trusted-root = \"").nth(1).unwrap().split('"').next().unwrap();
    for (other, expected) in [
        ("e30=", "trusted root is malformed"),
        ("//4=", "the trusted root is not text in Base64"),
        ("?", "the trusted root is not text in Base64"),
    ] {
        let error = lock::read(&text.replace(root, other)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line {line}: ")) && error.contains(expected), "{error}");
    }
    let by_certificate = pinned(&Identity::Certificate("ab".to_owned()), None);
    let error = lock::read(&lock::write(&[by_roots(by_certificate, "{}")])).unwrap_err().to_string();
    assert!(error.contains("only a signer by sigstore has a `trusted-root`"), "{error}");

    // Whom the public instance names, and whom roots of the user name besides.
    let shown = |public: Result<Identity, String>, identity: Identity| Signature {
        identity,
        proof: Proof::ByRoots(Box::new(ByRoots {
            json: "{}".into(),
            digest: Digest::of(b""),
            public,
            is_vouched: true,
        })),
        files: BTreeMap::new(),
        ignored: Vec::new(),
        attested: None,
    };
    let good = shown(Ok(named("me@a.example")), named("me@a.example"));
    assert_eq!(told(&public, Shown::Signature(&good)), []);
    // The public instance is not asked where the lock pins other roots, nor the other way round.
    let by_pinned = told(&private, Shown::Signature(&good));
    assert!(matches!(&*by_pinned, [Difference::NotHolding(_)]), "{by_pinned:?}");
    let by_user = shown(Err("not known".to_owned()), named("me@a.example"));
    assert_eq!(told(&public, Shown::Signature(&by_user)), [Difference::NotHolding("not known".to_owned())]);
    let other = shown(Ok(named("you@a.example")), named("me@a.example"));
    let changed = Difference::SignerChanged { pinned: named("me@a.example"), shown: named("you@a.example") };
    assert_eq!(told(&public, Shown::Signature(&other)), [changed]);
}

fn a_signature_is_one_of_the_certificate() {
    let authority = issue(&Draft::authority("CN=Root"), None);
    let leaf = issue(&Draft::leaf("CN=Signer"), Some(&authority));
    let chain = vec![leaf.der(), authority.der()];
    let good = signed(&Holder(leaf.key, chain.clone()));
    assert_eq!(good.proof.fails(), None);
    let approval = pinned(&good.identity, None);
    assert_eq!(good.identity, Identity::Certificate(Digest::of(&chain[0]).to_string()));
    assert_eq!(told(&approval, Shown::Signature(&good)), []);
    // The certificate is public: showing it is not having its key.
    let posing = signed(&Holder(PrivateKey::generate(Curve::P256).unwrap(), chain));
    assert!(matches!(&told(&approval, Shown::Signature(&posing))[..], [Difference::NotHolding(_)]));
    let by_key = signed(&Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new()));
    assert!(matches!(&told(&approval, Shown::Signature(&by_key))[..], [Difference::SignerChanged { .. }]));
}

fn snapshots_are_known_by_their_paths() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (path, expected) in [
        (format!("hub/models--org--name/snapshots/{commit}"), Some("hf://org/name")),
        (format!("models--org--a-b/snapshots/{commit}"), Some("hf://org/a-b")),
        (format!("datasets--org--name/snapshots/{commit}"), Some("hf://datasets/org/name")),
        (format!("spaces--org--name/snapshots/{commit}"), None),
        (format!("models--org--name/snapshots/{commit}/x"), None),
        ("models--org--name/snapshots/main".to_owned(), None),
        (format!("models--org--name/blobs/{commit}"), None),
        (commit.to_owned(), None),
    ] {
        let found = places::snapshot(&path);
        assert_eq!(found.as_ref().map(|(source, _)| source.as_str()), expected, "{path}");
        if let Some((source, revision)) = found {
            assert_eq!(revision, commit);
            let name = path.split('/').find(|name| name.contains("--")).unwrap();
            assert_eq!(places::place("", &source), places::Where::Hub(name.to_owned()));
        }
    }
    for (folder, source, expected) in [("", ".", ""), ("", "a/b", "a/b"), ("x", ".", "x"), ("x", "a", "x/a")]
    {
        assert_eq!(places::place(folder, source), places::Where::Path(expected.to_owned()));
    }
}

fn a_signature_says_which_files() {
    let folder = model();
    let holder = Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new());
    let look = |method, algorithm| {
        oms::look(&sign(folder.path(), &choice(method, algorithm), &holder).to_json()).unwrap().files
    };
    let config = SignedFile { digest: Some(Digest::of(b"{}")), size: None };
    assert_eq!(look(Method::Files, Algorithm::Sha256)["config.json"], config);
    let shards = look(Method::Shards(300), Algorithm::Sha256);
    assert_eq!(shards["weights.safetensors"], SignedFile { digest: None, size: Some(1000) });
    assert_eq!(shards["config.json"], SignedFile { digest: config.digest, size: Some(2) });
    let blake = look(Method::Files, Algorithm::Blake3);
    assert_eq!(blake["config.json"], SignedFile { digest: None, size: None });
    for text in ["", "{}", "null", &"[".repeat(10_000)] {
        assert!(oms::look(text).is_err_and(|error| !error.is_of_something_else()), "{text}");
    }
}
