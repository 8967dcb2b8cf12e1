//! Chains of certificates that are believed, and every way in which one is not.

use weighbridge_trust::chain::{Anchor, ChainError, Leaf, verify};
use x509_cert::ext::pkix::KeyUsages;

use crate::Test;
use crate::certificates::{DAY, Draft, Issued, NOW, SERVER, issue};

pub(crate) const TESTS: &[Test] = &[
    ("chains::a chain to a trusted root is believed", a_chain_to_a_trusted_root_is_believed),
    ("chains::any certificate of a chain can be trusted", any_certificate_of_a_chain_can_be_trusted),
    ("chains::what is wrong with any certificate is told", what_is_wrong_with_any_certificate_is_told),
    ("chains::a clock that is wrong is told", a_clock_that_is_wrong_is_told),
    ("chains::an authority signs only what it may", an_authority_signs_only_what_it_may),
    ("chains::names alone prove nothing", names_alone_prove_nothing),
    ("chains::a flood of equal names ends", a_flood_of_equal_names_ends),
    ("chains::damaged certificates are refused", damaged_certificates_are_refused),
];

/// Root, intermediate and leaf, as drafted.
fn three(root: &Draft, middle: &Draft, leaf: &Draft) -> [Issued; 3] {
    let root = issue(root, None);
    let middle = issue(middle, Some(&root));
    let leaf = issue(leaf, Some(&middle));
    [root, middle, leaf]
}

fn judge(shown: &[&Issued], trusted: &[&Issued]) -> Result<Leaf, ChainError> {
    judge_at(NOW, shown, trusted)
}

fn judge_at(time: i64, shown: &[&Issued], trusted: &[&Issued]) -> Result<Leaf, ChainError> {
    let shown: Vec<Vec<u8>> = shown.iter().map(|issued| issued.der()).collect();
    let anchors: Vec<Anchor> =
        trusted.iter().flat_map(|issued| Anchor::from_pem(&issued.pem()).unwrap()).collect();
    verify(&shown, &anchors, time)
}

fn a_chain_to_a_trusted_root_is_believed() {
    let [root, middle, leaf] =
        three(&Draft::authority("CN=root"), &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    let found = judge(&[&leaf, &middle], &[&root]).unwrap();
    assert_eq!((found.subject.as_str(), found.anchor.as_str()), ("CN=signer", "CN=root"));
    assert_eq!(found.names, ["signer@models.example"]);
    assert_eq!(found.key, leaf.key.public_key());
    // The root may be shown, too, and the others in any order; it is trusted only because it is trusted here.
    judge(&[&leaf, &root, &middle], &[&root]).unwrap();
    assert_eq!(judge(&[&leaf, &root, &middle], &[]), Err(ChainError::Untrusted("CN=signer".to_owned())));
    // Without the one between them there is no way.
    assert_eq!(judge(&[&leaf], &[&root]), Err(ChainError::Untrusted("CN=signer".to_owned())));
}

fn any_certificate_of_a_chain_can_be_trusted() {
    let [_, middle, leaf] =
        three(&Draft::authority("CN=root"), &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    assert_eq!(judge(&[&leaf], &[&middle]).unwrap().anchor, "CN=middle");
    assert_eq!(judge(&[&leaf], &[&leaf]).unwrap().anchor, "CN=signer");
}

fn what_is_wrong_with_any_certificate_is_told() {
    let root = || Draft::authority("CN=root");
    let middle = || Draft::authority("CN=middle");
    let leaf = || Draft::leaf("CN=signer");
    let past = (NOW - 3 * DAY, NOW - 2 * DAY);
    let expired = |subject: &str| ChainError::Expired {
        subject: subject.to_owned(),
        from: "2025-12-29".to_owned(),
        until: "2025-12-30".to_owned(),
        at: "2026-01-01".to_owned(),
    };
    let critical = |subject: &str| ChainError::Critical(subject.to_owned(), "2.5.29.30".to_owned());
    let name = || "CN=signer".to_owned();
    for (drafts, expected) in [
        ([root(), middle(), Draft { uses: vec![SERVER], ..leaf() }], ChainError::NotForCode(name())),
        ([root(), middle(), Draft { uses: Vec::new(), ..leaf() }], ChainError::NotForCode(name())),
        ([root(), middle(), Draft { usage: None, ..leaf() }], ChainError::NotForSignatures(name())),
        (
            [root(), middle(), Draft { usage: Some(KeyUsages::KeyEncipherment), ..leaf() }],
            ChainError::NotForSignatures(name()),
        ),
        ([root(), middle(), Draft { life: past, ..leaf() }], expired("CN=signer")),
        ([root(), Draft { life: past, ..middle() }, leaf()], expired("CN=middle")),
        ([Draft { life: past, ..root() }, middle(), leaf()], expired("CN=root")),
        // Name constraints: nobody here checks them, so nobody here may take the chain.
        ([root(), Draft { critical: Some("2.5.29.30"), ..middle() }, leaf()], critical("CN=middle")),
        ([root(), middle(), Draft { critical: Some("2.5.29.30"), ..leaf() }], critical("CN=signer")),
        (
            [root(), middle(), Draft { twice: true, ..leaf() }],
            ChainError::Malformed("extension 2.5.29.15 is there twice".to_owned()),
        ),
    ] {
        let [root, middle, leaf] = &drafts;
        let [root, middle, leaf] = three(root, middle, leaf);
        assert_eq!(judge(&[&leaf, &middle], &[&root]), Err(expected));
    }
}

fn a_clock_that_is_wrong_is_told() {
    let [root, middle, leaf] =
        three(&Draft::authority("CN=root"), &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    // 1970, the last day before and the first one after, 2100, and what no calendar has.
    for (time, day) in [
        (0, "1970-01-01"),
        (NOW - DAY - 1, "2025-12-30"),
        (NOW + DAY + 1, "2026-01-02"),
        (4_102_444_800, "2100-01-01"),
    ] {
        let refused = judge_at(time, &[&leaf, &middle], &[&root]).unwrap_err().to_string();
        let expected = format!(
            "the certificate of `CN=signer` is valid from 2025-12-31 to 2026-01-02 only, not on {day}, and there is no trusted time of the signature"
        );
        assert_eq!(refused, expected);
    }
    for time in [i64::MIN, i64::MAX] {
        assert!(matches!(judge_at(time, &[&leaf, &middle], &[&root]), Err(ChainError::Expired { .. })));
    }
}

fn an_authority_signs_only_what_it_may() {
    let root = || Draft::authority("CN=root");
    let untrusted = Err(ChainError::Untrusted("CN=signer".to_owned()));
    for middle in [
        Draft { authority: None, ..Draft::authority("CN=middle") },
        Draft { usage: Some(KeyUsages::DigitalSignature), ..Draft::authority("CN=middle") },
        Draft { uses: vec![SERVER], ..Draft::authority("CN=middle") },
    ] {
        let [root, middle, leaf] = three(&root(), &middle, &Draft::leaf("CN=signer"));
        assert_eq!(judge(&[&leaf, &middle], &[&root]), untrusted);
    }
    // A root that allows no authority below it.
    let near = Draft { authority: Some(Some(0)), ..root() };
    let [root, middle, leaf] = three(&near, &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    assert_eq!(judge(&[&leaf, &middle], &[&root]), untrusted);
    let direct = issue(&Draft::leaf("CN=signer"), Some(&root));
    judge(&[&direct], &[&root]).unwrap();
    // A signer is no authority for a second one.
    let second = issue(&Draft::leaf("CN=second"), Some(&direct));
    assert_eq!(judge(&[&second, &direct], &[&root]), Err(ChainError::Untrusted("CN=second".to_owned())));
}

fn names_alone_prove_nothing() {
    let [root, middle, leaf] =
        three(&Draft::authority("CN=root"), &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    let imposter = issue(&Draft::authority("CN=root"), None);
    assert_eq!(judge(&[&leaf, &middle], &[&imposter]), Err(ChainError::Untrusted("CN=signer".to_owned())));
    judge(&[&leaf, &middle], &[&imposter, &root]).unwrap();
}

fn a_flood_of_equal_names_ends() {
    // Authorities that all bear one name and did not sign each other: the search must not try every order of them.
    let same: Vec<Issued> = (0..31).map(|_| issue(&Draft::authority("CN=same"), None)).collect();
    let leaf = issue(&Draft::leaf("CN=signer"), same.last());
    let root = issue(&Draft::authority("CN=same"), None);
    let mut shown = vec![&leaf];
    shown.extend(&same);
    assert_eq!(judge(&shown, &[&root]), Err(ChainError::Untrusted("CN=signer".to_owned())));
    shown.push(&leaf);
    assert_eq!(judge(&shown, &[&root]), Err(ChainError::TooMany));
}

fn damaged_certificates_are_refused() {
    let [root, middle, leaf] =
        three(&Draft::authority("CN=root"), &Draft::authority("CN=middle"), &Draft::leaf("CN=signer"));
    let anchors = Anchor::from_pem(&root.pem()).unwrap();
    let whole = leaf.der();
    for at in 0..whole.len() {
        for shown in [whole[..at].to_vec(), flip(&whole, at)] {
            let answer = verify(&[shown, middle.der()], &anchors, NOW);
            assert!(answer.is_err(), "byte {at}");
        }
    }
    assert_eq!(verify(&[], &anchors, NOW), Err(ChainError::Empty));
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
