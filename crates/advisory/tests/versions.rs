//! Versions: spellings, order, what is refused.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use libtest_mimic::Trial;
use weighbridge_advisory::pep440::{Version, VersionError};

pub(crate) fn trials() -> Vec<Trial> {
    trials![spellings, order, refused, numbers_of_any_size, equal_versions_hash_alike]
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn spellings() {
    for (canonical, spellings) in [
        ("1", "1 v1 V1 01 0!1 00001"),
        ("1.0", "1.0 1.00 v1.0 01.0"),
        ("2!1.0", "2!1.0 v2!1.0 02!1.0"),
        ("1.0a0", "1.0a 1.0alpha 1.0A0 1.0-a 1.0_a 1.0.a 1.0.ALPHA_0 1.0a- 1.0a. 1.0-alpha_"),
        ("1.0a1", "1.0a1 1.0alpha1 1.0-a-1 1.0.a.1 1.0_alpha_1 1.0a01"),
        ("1.0b2", "1.0b2 1.0beta2 1.0-beta.2 1.0BETA2"),
        ("1.0rc3", "1.0rc3 1.0c3 1.0pre3 1.0preview3 1.0-RC-3 1.0.Preview_3"),
        ("1.0.post0", "1.0post 1.0.post 1.0-post 1.0rev 1.0-r 1.0.post- 1.0.post0"),
        ("1.0.post4", "1.0.post4 1.0-4 1.0post4 1.0-post-4 1.0r4 1.0.rev.4"),
        ("1.0.dev0", "1.0dev 1.0.dev 1.0-dev 1.0.DEV0 1.0dev."),
        ("1.0.dev5", "1.0.dev5 1.0dev5 1.0-dev-5 1.0_dev_5"),
        ("1.0a1.post2.dev3", "1.0a1.post2.dev3 1.0-alpha-1-2-dev-3 1.0a1-2dev3"),
        ("1.0a0.post1", "1.0a--1"),
        ("1.0+abc.1", "1.0+abc.1 1.0+ABC-1 1.0+abc_01"),
        ("2.0.1+cu118", "2.0.1+cu118 2.0.1+CU118"),
        ("2024.9.25", "2024.09.25"),
    ] {
        for spelling in spellings.split(' ') {
            assert_eq!(version(spelling).to_string(), canonical, "{spelling}");
            assert_eq!(version(spelling), version(canonical), "{spelling}");
        }
        assert_eq!(version(&format!(" \t{canonical}\n")).to_string(), canonical);
    }
}

fn order() {
    // Each stands before all that follow.
    let ascending = "0.dev0 0a0.dev0 0a0 0 0.0.1 \
        1.0.dev0 1.0.dev456 1.0a1.dev1 1.0a1 1.0a1.post1.dev1 1.0a1.post1 1.0a2.dev456 1.0a2 1.0a12.dev456 1.0a12 \
        1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 \
        1.0+abc.5 1.0+abc.7 1.0+abc.7.1 1.0+5 1.0+5.a 1.0+5.0 1.0+10 1.0+99999999999999999999 1.0+100000000000000000000 \
        1.0.post0 1.0.post456.dev34 1.0.post456 1.0.0.1 1.1.dev1 1.1 1.2 1.2+123abc 1.2+123abc456 1.2+abc 1.2+1234.abc \
        1.2+123456 1.2.r32 1.2.rev33 1.10 2.0 2024.1 \
        1!0.dev1 1!1.0 1!1.0.1 2!0";
    let versions: Vec<Version> = ascending.split_whitespace().map(version).collect();
    for (at, lower) in versions.iter().enumerate() {
        assert_eq!(lower.cmp(lower), std::cmp::Ordering::Equal);
        for higher in &versions[at + 1..] {
            assert!(lower < higher, "{lower} < {higher}");
            assert!(higher > lower, "{higher} > {lower}");
            assert_ne!(lower, higher);
        }
    }
    for (one, other) in
        [("1", "1.0.0.0"), ("1.0a1", "1a1"), ("0.0", "0"), ("1!2", "1!2.0"), ("1.0+A.1", "1+a-01")]
    {
        assert_eq!(version(one), version(other), "{one} = {other}");
    }
    assert!(version("1.0+local").cmp_public(&version("1")).is_eq());
    assert!(version("1.0.1+local").cmp_public(&version("1")).is_gt());
}

fn refused() {
    for text in [
        "",
        " ",
        "v",
        "french toast",
        "a1",
        "1.",
        ".1",
        "1..2",
        "1!",
        "!1",
        "1!2!3",
        "1.0-",
        "1.0+",
        "1.0+a+b",
        "1.0+a.",
        "1.0+.a",
        "1.0+_",
        "1.0+a..b",
        "1.0+é",
        "1.0x",
        "1.0.x",
        "1.0a1b2",
        "1.0.post1.post2",
        "1.0dev1a2",
        "1 .0",
        "1.*",
        "2.6.0-NA",
        "2.6.0-cu124",
        "2024-09-25",
        "0.7.10p1",
        "0.3X",
        "trunk",
        "1.0\0",
        "١.٠",
        "--1",
        "1.0a1.2",
    ] {
        assert!(matches!(Version::parse(text), Err(VersionError::Syntax { .. })), "{text:?}");
    }
}

fn numbers_of_any_size() {
    let largest = u64::MAX.to_string();
    assert_eq!(version(&largest).to_string(), largest);
    for text in
        ["18446744073709551616", "1.99999999999999999999", "1a99999999999999999999", "99999999999999999999!1"]
    {
        assert!(matches!(Version::parse(text), Err(VersionError::TooLarge { .. })), "{text}");
    }
    let long = vec!["7"; 1000].join(".");
    assert_eq!(version(&long).release().len(), 1000);
    assert!(version(&long) < version("7.7.7.8"));
    let error = Version::parse(&"x".repeat(1 << 20)).unwrap_err().to_string();
    assert!(error.len() < 200, "a message does not repeat a megabyte");
}

fn equal_versions_hash_alike() {
    let hash = |text: &str| {
        let mut hasher = DefaultHasher::new();
        version(text).hash(&mut hasher);
        hasher.finish()
    };
    for (one, other) in
        [("1", "1.0.0"), ("1.0a1", "1.0.0alpha1"), ("1+a.1", "1.0+A-01"), ("1-1", "1.0.post1")]
    {
        assert_eq!(hash(one), hash(other), "{one}, {other}");
    }
}
