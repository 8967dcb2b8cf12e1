//! Trust policies: what is read and refused, which rule applies, who vouches, and what may be added.

use std::fs;
use std::path::Path;

use weighbridge_net::open::listing;
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::keyless::Identity;
use weighbridge_trust::oms::{self, Choice, Hashing, Method, Signer, Signs};
use weighbridge_trust::policy::{
    AddError, Loaded, NewAnchor, NewRule, NotVouched, Place, Policy, PolicyError, TEMPLATE, Voucher, add,
};
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{DAY, Draft, NOW, issue};
use crate::models::Holder;

pub(crate) const TESTS: &[Test] = &[
    ("policy::every error names its line", every_error_names_its_line),
    ("policy::a hostile file ends", a_hostile_file_ends),
    ("policy::a changed file is read or refused", a_changed_file_is_read_or_refused),
    ("policy::the longest pattern wins whatever the order", the_longest_pattern_wins_whatever_the_order),
    ("policy::rules that never apply are told", rules_that_never_apply_are_told),
    ("policy::anchors and keys are both counted once", anchors_and_keys_are_both_counted_once),
    ("policy::an age needs a trusted time", an_age_needs_a_trusted_time),
    ("policy::what is wrong with an anchor is told", what_is_wrong_with_an_anchor_is_told),
    ("policy::certificates must bear the name", certificates_must_bear_the_name),
    ("policy::a leaf is trusted alone", a_leaf_is_trusted_alone),
    ("policy::every signature of an envelope counts", every_signature_of_an_envelope_counts),
    ("policy::what is added disturbs nothing", what_is_added_disturbs_nothing),
];

/// A policy with two anchors and, below them, what the test is about.
fn policy(rest: &str) -> Result<Policy, PolicyError> {
    let anchors = "\
version = 1
[[anchor]]
id = 'a'
kind = 'public-key'
key = 'a.pub'
[[anchor]]
id = 'b'
kind = 'cosign-key'
key = 'b.pub'
";
    Policy::read(&format!("{anchors}{rest}"), "trust.toml")
}

fn every_error_names_its_line() {
    for (text, line, message) in [
        ("", 1, "the policy does not say its version"),
        ("version = 2", 1, "not one that is known"),
        ("version = '1'", 1, "not one that is known"),
        ("version = 1\nversion = 1", 2, "duplicate key"),
        ("version = 1\nrules = 3", 2, "there is no setting `rules`"),
        ("version = 1\nanchor = 3", 2, "`anchor` is not a list of tables"),
        ("version = 1\nanchor = [3]", 2, "each anchor is a table"),
        ("version = 1\n[[anchor]]\nkind = 'sigstore'", 2, "this anchor has no `id`"),
        ("version = 1\n[[anchor]]\nid = 'x'", 2, "this anchor has no `kind`"),
        ("version = 1\n[[anchor]]\nid = 'x'\nkind = 'gpg'", 4, "there is no kind `gpg`"),
        ("version = 1\n[[anchor]]\nid = 'x y'\nkind = 'sigstore'", 3, "an `id` is at most"),
        ("version = 1\n\n[[anchor]]\nid = 'x'\nkind = 'public-key'", 3, "has no `key`"),
        ("version = 1\n[[anchor]]\nid = 'x'\nkind = 'public-key'\nkey = ''", 5, "`key` is empty"),
        ("version = 1\n[[anchor]]\nid = 'x'\nkind = 'public-key'\nsan = ['y']", 5, "has no `san`"),
        ("version = 1\n[[anchor]]\nid = 'x'\nkind = 'public-key'\nkye = 'y'", 5, "no setting `anchor.kye`"),
        ("version = 1\n[[anchor]]\nid = 'x'\nkind = 'x509-ca'\ncertificates = []", 5, "is empty"),
        (
            "version = 1\n[[anchor]]\nid = 'x'\nkind = 'x509-ca'\ncertificates = ['c']\nsan = [\n'*']",
            7,
            "first label",
        ),
        (
            "version = 1\n[[anchor]]\nid = 'x'\nkind = 'x509-leaf'\ncertificates = ['c']\nspki-sha256 = ['00']",
            6,
            "64 hexadecimal digits",
        ),
        (
            "version = 1\n[[anchor]]\nid = 'x'\nkind = 'sigstore'\nissuer = 'https://i'\nidentity = '*@*'",
            6,
            "must be written out",
        ),
        (
            "version = 1\n[[anchor]]\nid = 'x'\nkind = 'sigstore'\nissuer = 'https://*'\nidentity = 'a@b'",
            5,
            "to the last letter",
        ),
    ] {
        let error = Policy::read(text, "trust.toml").unwrap_err();
        assert_eq!((error.line, error.file.as_str()), (line, "trust.toml"), "{text}\n{error}");
        assert!(error.message.contains(message), "{error}");
    }
    // The anchors above end on line 9.
    for (rest, line, message) in [
        ("[[anchor]]\nid = 'a'\nkind = 'public-key'\nkey = 'c'", 10, "there already, on line 2"),
        ("[[rule]]\nmatch = 'x'", 10, "does not say who may vouch"),
        ("[[rule]]\nrequire = [{type='oms', by=['a']}]", 10, "does not say what it matches"),
        ("[[rule]]\nmatch = '../x'\nrequire = [{type='oms', by=['a']}]", 11, "which no place has"),
        ("[[rule]]\nmatch = 'x'\nrequire = []", 12, "`require` is empty"),
        ("[[rule]]\nmatch = 'x'\nrequire = ['a']", 12, "a list of tables"),
        (
            "[[rule]]\nmatch = 'x'\nrequire = [\n{type='oms', by=['a']},\n{type='oms', by=['c']}]",
            14,
            "no anchor `c`",
        ),
        ("[[rule]]\nmatch = 'x'\nrequire = [{type='gpg', by=['a']}]", 12, "there is no type `gpg`"),
        ("[[rule]]\nmatch = 'x'\nrequire = [{by=['a']}]", 12, "does not say its type"),
        ("[[rule]]\nmatch = 'x'\nrequire = [{type='oms'}]", 12, "does not say by whom"),
        ("[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=[]}]", 12, "`by` is empty"),
        ("[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a', 'a']}]", 12, "names `a` twice"),
        ("[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a'], threshold=2}]", 12, "can never be met"),
        (
            "[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a'], threshold=0}]",
            12,
            "a whole number from 1",
        ),
        (
            "[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a'], max-age='9 years'}]",
            12,
            "`max-age` cannot be",
        ),
        (
            "[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a'], max-age='+9d'}]",
            12,
            "`max-age` cannot be",
        ),
        (
            "[[rule]]\nmatch = 'x'\nrequire = [{type='oms', by=['a'], level=1}]",
            12,
            "no setting `require.level`",
        ),
        ("[[rule]]\nmatch = 'x'\nunsigned = 'allow'\n", 12, "`unsigned` cannot be `allow`"),
        ("[[rule]]\nmatch = 'x'\nlineage = {}\n", 12, "no setting `rule.lineage`"),
        (
            "[[rule]]\nmatch = 'x/**'\nrequire = [{type='oms', by=['a']}]\n\
             [[rule]]\nmatch = 'x/**'\nrequire = [{type='oms', by=['b']}]",
            13,
            "the rule on line 10 matches the same",
        ),
        (
            "[[rule]]\nmatch = 'x/*/**'\nrequire = [{type='oms', by=['a']}]\n\
             [[rule]]\nmatch = 'x/**/*'\nrequire = [{type='oms', by=['b']}]",
            13,
            "the rule on line 10 matches the same",
        ),
    ] {
        let error = policy(rest).unwrap_err();
        assert_eq!(error.line, line, "{rest}\n{error}");
        assert!(error.message.contains(message), "{error}");
    }
    let read = Policy::read(TEMPLATE, "trust.toml").unwrap();
    assert!(read.anchors.is_empty() && read.rules.is_empty());
    // What the template explains is no less right: without its `#` it is a policy.
    let plain: Vec<&str> = TEMPLATE
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
        })
        .collect();
    let read =
        Policy::read(&format!("version = 1\n{}", plain.join("\n")).replace("\"…\"", &quoted_digest()), "t");
    let read = read.unwrap();
    assert_eq!((read.anchors.len(), read.rules.len()), (3, 1));
}

fn quoted_digest() -> String {
    format!("\"{}\"", "0".repeat(64))
}

fn a_hostile_file_ends() {
    for text in [
        "[".repeat(100_000),
        format!("version = {}1{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("version = 1\n{}", "[[anchor]]\nid = 'x'\nkind = 'sigstore'\n".repeat(10_000)),
        "a.".repeat(100_000),
        "\u{0}".repeat(1000),
        "x".repeat(2 << 20),
    ] {
        assert!(Policy::read(&text, "trust.toml").is_err());
    }
    let many: String =
        (0..300).map(|number| format!("[[anchor]]\nid='n{number}'\nkind='public-key'\nkey='k'\n")).collect();
    let error = Policy::read(&format!("version = 1\n{many}"), "t").unwrap_err();
    assert_eq!((error.line, error.message.as_str()), (1026, "there are more than 256 tables `anchor`"));
    // Every beginning of a policy is read or refused.
    let whole = format!("version = 1\n{}", &many[..2000]);
    for at in 0..whole.len() {
        let _ = Policy::read(&whole[..at], "t").map_err(|error| assert!(error.line <= 200, "{error}"));
    }
}

fn a_changed_file_is_read_or_refused() {
    let rule = "[[rule]]\nmatch='m/*/**'\nrequire=[{type='oms', by=['a','b'], threshold=2, max-age='9d'}]\n";
    let anchors = "[[anchor]]\nid='c'\nkind='x509-ca'\ncertificates=['c']\nsan=['*.b.example']\n\
                   [[anchor]]\nid='d'\nkind='sigstore'\nissuer='i'\nidentity='*@b.example'\n";
    policy(&format!("{anchors}{rule}")).unwrap();
    let whole = format!("version = 1\n{anchors}{}", rule.replace("'a','b'", "'c','d'"));
    let known = Policy::read(&whole, "t").unwrap();
    // One more where a line is broken, and what is missing at the end is missing on the line after it.
    let lines = whole.lines().count() + 2;
    // Every byte by every letter that means something in such a file.
    for (at, _) in whole.char_indices() {
        for letter in ["", "'", "\"", "[", "]", "{", "*", "=", "\n", "/", "@", "0", "\0", "ö"] {
            let changed = format!("{}{letter}{}", &whole[..at], &whole[at + 1..]);
            match Policy::read(&changed, "t") {
                Err(error) => assert!(error.line <= lines && !error.message.is_empty(), "{error}"),
                Ok(policy) => {
                    let _ = policy.rule_for(&[Place::new("m/x/y").unwrap()]);
                    assert!(policy.never_met().is_empty() && policy.rules.len() <= known.rules.len());
                }
            }
        }
    }
}

/// Rules with these patterns, in this order.
fn rules(patterns: &[&str]) -> Policy {
    let rule = |pattern: &&str| {
        format!("[[rule]]\nmatch = '{pattern}'\nrequire = [{{type = 'oms', by = ['a', 'b']}}]\n")
    };
    policy(&patterns.iter().map(rule).collect::<String>()).unwrap()
}

fn the_longest_pattern_wins_whatever_the_order() {
    let mut patterns = [
        "**",
        "models/**",
        "models/*",
        "models/**/*",
        "models/prod",
        "models/prod/**",
        "models/p*",
        "**/weights",
        "hf://**",
        "hf://org/**",
        "hf://org/name",
        "/srv/**",
    ];
    for _ in 0..2 {
        patterns.reverse();
        let policy = rules(&patterns);
        for (place, expected) in [
            (".", Some("**")),
            ("data", Some("**")),
            ("models", Some("models/**")),
            ("models/x", Some("models/*")),
            ("models/x/y", Some("models/**/*")),
            ("models/px", Some("models/p*")),
            ("models/prod", Some("models/prod")),
            ("models/prod/x", Some("models/prod/**")),
            ("other/weights", Some("**/weights")),
            ("hf://org/name", Some("hf://org/name")),
            ("hf://org/other", Some("hf://org/**")),
            ("hf://else/other", Some("hf://**")),
            ("https://org/name", None),
            ("/srv/x", Some("/srv/**")),
            ("/opt/x", None),
        ] {
            let found = policy.rule_for(&[Place::new(place).unwrap()]).unwrap();
            assert_eq!(found.map(|rule| rule.matches.to_string()).as_deref(), expected, "{place}");
        }
        let both = [Place::new("models/x").unwrap(), Place::new("hf://org/name").unwrap()];
        let found = policy.rule_for(&both).unwrap().unwrap();
        assert_eq!(found.matches.to_string(), "hf://org/name");
    }
    // Neither is longer: nobody can say which was meant.
    let policy = rules(&["a*/b", "*a/b", "**"]);
    let (one, other) = policy.rule_for(&[Place::new("axa/b").unwrap()]).unwrap_err();
    assert_eq!((one.line, other.line), (10, 13));
    assert_eq!(policy.rule_for(&[Place::new("ax/b").unwrap()]).unwrap().unwrap().line, 10);
    // Something longer settles it.
    let policy = rules(&["a*/b", "*a/b", "axa/b"]);
    assert_eq!(policy.rule_for(&[Place::new("axa/b").unwrap()]).unwrap().unwrap().line, 16);
}

fn rules_that_never_apply_are_told() {
    for (patterns, expected) in [
        (&["a/**", "a/**/**"][..], &["a/**/** because of a/**"][..]),
        (&["a/**/**", "a/**"], &["a/**/** because of a/**"]),
        (&["a/**/*/**", "a/*/**", "b/**"], &["a/**/*/** because of a/*/**"]),
        (&["**", "a/**", "a/*", "/a/**"], &[]),
    ] {
        let policy = rules(patterns);
        let told: Vec<String> = policy
            .never_met()
            .iter()
            .map(|(rule, longer)| format!("{} because of {}", rule.matches, longer.matches))
            .collect();
        assert_eq!(told, expected, "{patterns:?}");
    }
}

fn anchors_and_keys_are_both_counted_once() {
    let keys: Vec<Signer> =
        (0..3).map(|_| Signer::Key(PrivateKey::generate(Curve::P256).unwrap().public_key())).collect();
    let rule = "[[anchor]]\nid='c'\nkind='public-key'\nkey='c'\n\
                [[rule]]\nmatch='**'\nrequire=[{type='oms', by=['a','b','c'], threshold=2}]";
    let policy = policy(rule).unwrap();
    let requirement = &policy.rules[0].require[0];
    for (signed, count) in [
        (&[][..], 0),
        (&[("a", 0)], 1),
        // Somebody whom the rule does not name.
        (&[("a", 0), ("x", 1)], 1),
        // One key under two names, and one name with two keys.
        (&[("a", 0), ("b", 0)], 1),
        (&[("a", 0), ("a", 1)], 1),
        (&[("a", 0), ("b", 1)], 2),
        // `a` must give its first key away to `b`, which has no other.
        (&[("a", 0), ("a", 1), ("b", 0)], 2),
        (&[("a", 0), ("b", 0), ("c", 0)], 1),
        (&[("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 1)], 2),
        (&[("a", 0), ("a", 1), ("b", 1), ("b", 2), ("c", 0)], 3),
    ] {
        let vouchers: Vec<Voucher<'_>> = signed
            .iter()
            .map(|(anchor, key)| Voucher { anchor, signer: &keys[*key], stated: None })
            .collect();
        let judged = requirement.judge(&vouchers, NOW);
        assert_eq!(judged.count, count, "{signed:?}");
        assert_eq!(requirement.is_met(&judged), count >= 2);
        let shared = signed.len() == 2 && signed[0].0 != signed[1].0 && signed[0].1 == signed[1].1;
        assert_eq!(!judged.short.is_empty(), shared || signed.len() == 3 && count == 1, "{:?}", judged.short);
    }
    // A certificate for the same key is no second one; nor is a second log entry of one identity.
    let identity = |time| {
        let (name, issuer) = ("ann@corp.example".to_owned(), "https://issuer.example".to_owned());
        Signer::Identity(Identity { name, issuer, time })
    };
    let (one, other) = (identity(Some(1)), identity(Some(2)));
    let vouchers = [
        Voucher { anchor: "a", signer: &one, stated: None },
        Voucher { anchor: "b", signer: &other, stated: None },
    ];
    assert_eq!(requirement.judge(&vouchers, NOW).count, 1);
}

fn an_age_needs_a_trusted_time() {
    let policy =
        policy("[[rule]]\nmatch='**'\nrequire=[{type='oms', by=['a','b'], max-age='400d'}]").unwrap();
    let requirement = &policy.rules[0].require[0];
    let identity = |time| {
        let (name, issuer) = ("ann@corp.example".to_owned(), "https://issuer.example".to_owned());
        Signer::Identity(Identity { name, issuer, time })
    };
    let key = Signer::Key(PrivateKey::generate(Curve::P256).unwrap().public_key());
    for (signer, said) in [
        (identity(Some(NOW - 400 * DAY)), None),
        (identity(Some(NOW + 600)), None),
        (identity(Some(NOW - 400 * DAY - 1)), Some("signed 400 days ago, more than 400 days")),
        (identity(Some(i64::MIN)), Some("more than 400 days")),
        (identity(Some(i64::MAX)), Some("the clock of this machine is wrong")),
        (identity(Some(NOW + DAY)), Some("the clock of this machine is wrong")),
        (identity(None), Some("has no trusted time")),
        (key, Some("has no trusted time")),
    ] {
        let judged = requirement.judge(&[Voucher { anchor: "a", signer: &signer, stated: None }], NOW);
        assert_eq!(judged.count, usize::from(said.is_none()), "{signer:?}");
        assert!(judged.short.concat().contains(said.unwrap_or_default()), "{:?}", judged.short);
    }
}

/// Loads a policy of one anchor; `files` are those that can be opened.
fn load(anchor: &str, files: &[(&str, &str)]) -> Result<Loaded, PolicyError> {
    let policy = Policy::read(&format!("version = 1\n[[anchor]]\nid = 'x'\n{anchor}\n"), "t").unwrap();
    let open = |name: &str| {
        let found = files.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "not there".to_owned())
    };
    let (mut ready, mut wrong) = policy.load(&open);
    assert_eq!(ready.len() + wrong.len(), 1);
    ready.pop().ok_or_else(|| wrong.remove(0))
}

fn what_is_wrong_with_an_anchor_is_told() {
    let root = issue(&Draft::authority("CN=root"), None);
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&root));
    let (root_pem, leaf_pem) = (root.pem(), leaf.pem());
    let public = root.key.public_key().to_pem();
    let files = [("root.pem", root_pem.as_str()), ("leaf.pem", &leaf_pem), ("k.pub", &public), ("empty", "")];
    for (anchor, line, said) in [
        ("kind='public-key'\nkey='none'", 5, "cannot read `none`: not there"),
        ("kind='public-key'\nkey='root.pem'", 5, "`root.pem`: a PEM of `CERTIFICATE`"),
        ("kind='cosign-key'\nkey='empty'", 5, "`empty`: no key in PEM form"),
        ("kind='public-key'\nkey='-----BEGIN PUBLIC KEY-----'", 5, "`key`: no key in PEM form"),
        ("kind='x509-ca'\ncertificates=['root.pem',\n'k.pub']", 6, "`k.pub`: there is no certificate"),
        ("kind='x509-ca'\ncertificates=['leaf.pem']", 5, "none of an authority"),
        ("kind='x509-leaf'\ncertificates=['root.pem']", 5, "one of an authority"),
        (
            &format!("kind='x509-ca'\ncertificates=['root.pem']\nspki-sha256=['{}']", "0".repeat(64)),
            5,
            "which `spki-sha256` does not list",
        ),
        (
            "kind='sigstore'\nissuer='https://i'\nidentity='a@b'\ntrusted-root='k.pub'",
            7,
            "the trusted root is malformed",
        ),
    ] {
        let error = load(anchor, &files).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.starts_with("anchor `x`: ") && error.message.contains(said), "{error}");
    }
    load(&format!("kind='public-key'\nkey='''\n{public}'''"), &[]).unwrap();
    load("kind='sigstore'\nissuer='https://i'\nidentity='a@b'", &[]).unwrap();
    // The digest that the error tells is the one to list.
    let wrong = format!("kind='x509-ca'\ncertificates=['root.pem']\nspki-sha256=['{}']", "0".repeat(64));
    let error = load(&wrong, &files).unwrap_err().message;
    let digest = error.split_whitespace().find(|word| word.trim_end_matches(',').len() == 64).unwrap();
    let right = wrong.replace(&"0".repeat(64), digest.trim_end_matches(','));
    let loaded = load(&right, &files).unwrap();
    assert_eq!(loaded.concerns(NOW), Vec::<String>::new());
    assert_eq!(loaded.concerns(NOW + 2 * DAY), ["the certificate of `CN=root` has expired on 2026-01-02"]);
    assert_eq!(
        loaded.concerns(NOW - 2 * DAY),
        ["the certificate of `CN=root` is not valid before 2025-12-31"]
    );
}

/// A model of one file, signed by each of these.
fn signed(folder: &Path, holders: &[&dyn Signs]) -> Bundle {
    fs::write(folder.join("weights"), "w").unwrap();
    let choice = Choice {
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: Some("model.sig".to_owned()),
    };
    let hashing = Hashing { cache: None, halt: &|| false, progress: &|_| {} };
    let described = oms::describe(&listing::list(folder).unwrap(), &choice, &hashing).unwrap();
    let mut bundles = holders.iter().map(|holder| oms::sign(&described.manifest, *holder).unwrap());
    let mut bundle = bundles.next().unwrap();
    bundle.envelope.signatures.extend(bundles.flat_map(|other| other.envelope.signatures));
    bundle
}

fn verify(loaded: &Loaded, bundle: &Bundle) -> Result<Signer, NotVouched> {
    let json = bundle.to_json();
    let read = Bundle::read(json.as_bytes()).unwrap();
    loaded.verify(&read, &json, NOW).map(|verified| verified.signer)
}

fn certificates_must_bear_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let root = issue(&Draft::authority("CN=root"), None);
    // It bears `signer@models.example`, and in a second form no name at all.
    for (mail, names, vouches) in [
        (Some("signer@models.example"), "", true),
        (Some("signer@models.example"), "san=['signer@models.example']", true),
        (Some("signer@models.example"), "san=['*@models.example']", true),
        (Some("signer@models.example"), "san=['a.example', '*@models.example']", true),
        (Some("signer@models.example"), "san=['*@example']", false),
        (Some("signer@models.example"), "san=['models.example', '*.models.example']", false),
        (None, "san=['*@models.example']", false),
        (None, "", true),
    ] {
        let leaf = issue(&Draft { mail, ..Draft::leaf("CN=signer") }, Some(&root));
        let chain = vec![leaf.der(), root.der()];
        let bundle = signed(folder.path(), &[&Holder(leaf.key, chain)]);
        let anchor = format!("kind='x509-ca'\ncertificates=['root.pem']\n{names}");
        let loaded = load(&anchor, &[("root.pem", &root.pem())]).unwrap();
        match verify(&loaded, &bundle) {
            Ok(Signer::Certificate(_)) => assert!(vouches, "{names}"),
            Err(NotVouched::Names { subject, names }) => {
                assert!(!vouches && subject == "CN=signer", "{names}");
                assert_eq!(names, mail.map_or("none at all".to_owned(), |mail| format!("`{mail}`")));
            }
            other => panic!("{names}: {other:?}"),
        }
    }
}

fn a_leaf_is_trusted_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = issue(&Draft::authority("CN=root"), None);
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&root));
    let other = issue(&Draft::leaf("CN=signer"), Some(&root));
    let pem = leaf.pem();
    let loaded = load("kind='x509-leaf'\ncertificates=['leaf.pem']", &[("leaf.pem", &pem)]).unwrap();
    let bundle = signed(folder.path(), &[&Holder(leaf.key, vec![pem_der(&pem)])]);
    verify(&loaded, &bundle).unwrap();
    let chain = vec![other.der(), root.der()];
    let bundle = signed(folder.path(), &[&Holder(other.key, chain)]);
    assert!(matches!(verify(&loaded, &bundle), Err(NotVouched::Refused(_))));
    // By key, certificates prove nothing; and the other way round.
    let key = load("kind='public-key'\nkey='k'", &[("k", &root.key.public_key().to_pem())]).unwrap();
    assert!(verify(&key, &bundle).is_err());
    let bundle = signed(folder.path(), &[&Holder(root.key, Vec::new())]);
    assert!(verify(&key, &bundle).is_ok() && verify(&loaded, &bundle).is_err());
}

fn pem_der(pem: &str) -> Vec<u8> {
    weighbridge_trust::chain::pem_to_der(pem).unwrap().remove(0)
}

fn every_signature_of_an_envelope_counts() {
    let folder = tempfile::tempdir().unwrap();
    let holder = || Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new());
    let (one, other, stranger) = (holder(), holder(), holder());
    let bundle = signed(folder.path(), &[&one, &other]);
    for (holder, vouches) in [(&one, true), (&other, true), (&stranger, false)] {
        let pem = holder.0.public_key().to_pem();
        let loaded = load("kind='public-key'\nkey='k'", &[("k", &pem)]).unwrap();
        assert_eq!(verify(&loaded, &bundle).is_ok(), vouches);
    }
}

fn what_is_added_disturbs_nothing() {
    let before =
        "# Ours.\nversion = 1 # one\n\n[[anchor]]\nid = 'a' # me\nkind = 'public-key'\nkey = 'a.pub'";
    let anchor = NewAnchor {
        id: "b".to_owned(),
        kind: "x509-ca".to_owned(),
        certificates: vec!["pki/ö \"x\"\\.pem".to_owned()],
        names: vec!["*@corp.example".to_owned()],
        ..NewAnchor::default()
    };
    let (text, policy) = add(before, &anchor.to_toml(), "t").unwrap();
    assert!(text.starts_with(before), "{text}");
    assert_eq!(policy, Policy::read(&text, "t").unwrap());
    let ids: Vec<&str> = policy.anchors.iter().map(|anchor| anchor.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    let rule = NewRule {
        matches: "models/**".to_owned(),
        by: vec!["a".to_owned(), "b".to_owned()],
        threshold: Some(2),
        evidence: Some("scan".to_owned()),
        max_age: Some("30d".to_owned()),
        verdict: Some("any".to_owned()),
        unsigned: Some("warn".to_owned()),
        ..NewRule::default()
    };
    let (longer, policy) = add(&text, &rule.to_toml(), "t").unwrap();
    assert!(longer.starts_with(&text));
    let requirement = &policy.rules[0].require[0];
    assert_eq!((requirement.threshold, requirement.max_age, requirement.passed), (2, Some(30 * DAY), false));
    let strict = NewRule { verdict: None, ..rule.clone() };
    assert!(add(&text, &strict.to_toml(), "t").unwrap().1.rules[0].require[0].passed);
    // What is no policy, before or after, is not written.
    let said = |text: &str, table: String| add(text, &table, "t").unwrap_err().to_string();
    assert_eq!(said(&text, anchor.to_toml()), "the anchor `b` is there already, on line 9");
    let unknown = NewRule { by: vec!["c".to_owned()], threshold: None, ..rule.clone() };
    assert_eq!(said(&text, unknown.to_toml()), "there is no anchor `c`");
    assert!(matches!(add("versio = 1", &rule.to_toml(), "t"), Err(AddError::Before(_))));
    // A value cannot break out of its quotes.
    let sly = NewRule { matches: "x\"\n[[rule]]\n#".to_owned(), ..rule.clone() };
    assert!(matches!(add(&text, &sly.to_toml(), "t"), Err(AddError::After(_))));
    // A list that was written in one place cannot go on in another.
    let inline = "version = 1\nanchor = [{id = 'a', kind = 'public-key', key = 'k'}]\n";
    assert!(matches!(add(inline, &anchor.to_toml(), "t"), Err(AddError::After(_))));
    // Two tables are not one addition.
    let two = format!("{}{}", rule.to_toml(), NewRule { matches: "y".to_owned(), ..rule }.to_toml());
    assert_eq!(add(&text, &two, "t").unwrap_err(), AddError::Disturbed);
}
