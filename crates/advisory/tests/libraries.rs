//! The embedded facts about libraries: what they say of versions that wheels carry, and what they must not say.

use libtest_mimic::Trial;
use weighbridge_advisory::Index;
use weighbridge_core::ecosystem::Ecosystem::{self, Native, Rpm};
use weighbridge_core::knowledge::{Grade, Unassessed};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        openssl_has_as_many_as_its_maintainers_say,
        known_flaws_end_where_they_were_mended,
        traps_are_not_walked_into,
        a_distribution_mends_old_versions,
        an_epoch_that_nobody_stated_is_not_zero,
        updates_that_mend_no_flaw_are_none,
        what_the_data_do_not_hold_is_not_sound,
        every_record_says_how_well_founded_it_is,
    ]
}

fn index() -> Index {
    Index::embedded_libraries().unwrap()
}

/// Names of the vulnerabilities.
fn names(index: &Index, ecosystem: Ecosystem, release: &str, name: &str, version: &str) -> Vec<String> {
    let found = index.assess(ecosystem, release, name, version);
    found
        .unwrap_or_else(|error| panic!("{name} {version}: {error:?}"))
        .into_iter()
        .map(|it| it.name)
        .collect()
}

/// Counted over OpenSSL's own list by a script that knows nothing of this code (research/dependencies.md, section 7).
fn openssl_has_as_many_as_its_maintainers_say() {
    let index = index();
    for (version, count) in [
        ("1.1.1r", 35),
        ("1.1.1s", 35),
        ("1.1.1w", 24),
        ("3.0.7", 55),
        ("3.5.8", 0),
        ("3.6.5", 0),
        ("4.0.3", 0),
    ] {
        let all = index.assess(Native, "", "openssl", version).unwrap();
        let exact = all.iter().filter(|it| it.records.iter().any(|record| record.grade == Grade::Exact));
        assert_eq!(exact.count(), count, "openssl {version}");
    }
}

fn known_flaws_end_where_they_were_mended() {
    let index = index();
    for (name, flaw, affected, sound) in [
        ("openssl", "CVE-2022-0778", "1.1.1k 1.1.1m 3.0.1 1.0.2za", "1.1.1n 3.0.2"),
        ("libwebp", "CVE-2023-4863", "1.2.4 1.3.1", "1.3.2 1.4.0"),
        ("zlib", "CVE-2022-37434", "1.2.12 1.2.11", "1.2.13 1.3.1"),
        ("libpng", "CVE-2019-7317", "1.6.36", "1.6.37 1.6.58"),
        ("curl", "CVE-2023-38545", "8.3.0 7.69.0", "8.4.0 7.68.0"),
        ("xz", "CVE-2024-3094", "5.6.0 5.6.1", "5.4.6 5.6.2"),
    ] {
        for version in affected.split(' ') {
            assert!(
                names(&index, Native, "", name, version).iter().any(|it| it == flaw),
                "{name} {version} has {flaw}"
            );
        }
        for version in sound.split(' ') {
            assert!(
                !names(&index, Native, "", name, version).iter().any(|it| it == flaw),
                "{name} {version} has not {flaw}"
            );
        }
    }
}

fn traps_are_not_walked_into() {
    let index = index();
    // Programs and servers beside the library, and what the projects themselves have withdrawn.
    for (name, version, flaw) in [
        ("curl", "7.64.0", "CVE-2019-15601"),
        ("curl", "7.60.0", "CVE-2020-19909"),
        ("sqlite", "3.35.0", "CVE-2022-46908"),
        ("sqlite", "3.36.0", "CVE-2021-36690"),
        ("xz", "5.2.5", "CVE-2022-1271"),
        ("libxml2", "2.13.5", "CVE-2025-32414"),
    ] {
        assert!(!names(&index, Native, "", name, version).iter().any(|it| it == flaw), "{flaw}");
    }
    // A server's flaws are none of the library that its clients carry.
    let postgresql = index
        .advisories()
        .iter()
        .filter(|it| it.affected.iter().any(|of| of.package == "generic/postgresql"));
    assert!(postgresql.count() < 10);
    // A distribution's build of OpenSSL is not upstream's.
    assert_eq!(index.assess(Native, "", "openssl", "1.1.1k FIPS"), Err(Unassessed::UnreadableVersion));
    // Letters of OpenSSL are none of other libraries.
    assert!(index.assess(Native, "", "libpng", "1.6.37").is_ok());
}

fn a_distribution_mends_old_versions() {
    let index = index();
    let release = "almalinux:8";
    // Upstream mended it in 1.2.12; the distribution in its own 1.2.11.
    let flaw = "CVE-2018-25032";
    let old = names(&index, Rpm, release, "zlib", "1.2.11-17.el8");
    let new = names(&index, Rpm, release, "zlib", "1.2.11-25.el8");
    assert!(old.len() > new.len(), "{old:?} {new:?}");
    let aliases = |version| {
        let found = index.assess(Rpm, release, "zlib", version).unwrap();
        found.into_iter().flat_map(|it| it.aliases.into_iter().chain([it.name])).collect::<Vec<_>>()
    };
    assert!(aliases("1.2.11-17.el8").iter().any(|it| it == flaw));
    assert!(!aliases("1.2.11-25.el8").iter().any(|it| it == flaw));
    // Covered, and nothing is known against it.
    assert_eq!(names(&index, Rpm, release, "libXau", "1.0.9-3.el8"), Vec::<String>::new());
}

/// What auditwheel writes into a wheel has no epoch, the errata of OpenSSL have one.
fn an_epoch_that_nobody_stated_is_not_zero() {
    let index = index();
    for (name, epoch, version) in [
        ("openssl-libs", 1, "1.1.1k-14.el8_6"),
        ("openssl-libs", 1, "1.1.1k-4.el8"),
        ("libpng", 2, "1.6.34-5.el8"),
        ("dbus-libs", 1, "1.12.8-99.el8"),
    ] {
        let stated = names(&index, Rpm, "almalinux:8", name, &format!("{epoch}:{version}"));
        assert_eq!(names(&index, Rpm, "almalinux:8", name, version), stated, "{name} {version}");
    }
    let flaws = |version| names(&index, Rpm, "almalinux:8", "openssl-libs", version).len();
    assert!(flaws("1.1.1k-4.el8") > flaws("1.1.1k-14.el8_6"));
}

/// A distribution's updates that only mend defects are in the data beside those that mend flaws.
fn updates_that_mend_no_flaw_are_none() {
    let index = index();
    let of = |kind: &str| index.advisories().iter().filter(|it| it.id.starts_with(kind)).count();
    assert_eq!((of("ALBA-"), of("ALEA-")), (0, 0));
    assert!(of("ALSA-") > 500, "{}", of("ALSA-"));
    // Its only update mended no flaw: looked at, and nothing is known against it.
    assert_eq!(names(&index, Rpm, "almalinux:8", "snappy", "1.0-1.el8"), Vec::<String>::new());
}

fn what_the_data_do_not_hold_is_not_sound() {
    let index = index();
    for (ecosystem, release, name, version, expected) in [
        (Native, "", "abseil", "20250814", Unassessed::NoData),
        (Native, "", "no-such-library", "1", Unassessed::NoData),
        (Rpm, "almalinux:8", "firefox", "128-1.el8", Unassessed::NoData),
        // From EPEL, of which AlmaLinux's errata say nothing.
        (Rpm, "almalinux:8", "hdf5", "1.10.5-4.el8", Unassessed::NoData),
        (Rpm, "almalinux:9", "zeromq", "4.3.4-2.el9", Unassessed::NoData),
        (Rpm, "centos:7", "krb5-libs", "1.15.1-55.el7_9", Unassessed::NoData),
        (Native, "", "zlib", "trunk", Unassessed::UnreadableVersion),
    ] {
        assert_eq!(index.assess(ecosystem, release, name, version), Err(expected), "{name}");
    }
}

fn every_record_says_how_well_founded_it_is() {
    let index = index();
    for advisory in index.advisories() {
        let native = advisory.affected.iter().any(|it| it.package.starts_with("generic/"));
        assert_eq!(native, advisory.grade != Grade::Stated, "{}", advisory.id);
        assert_eq!(native, !advisory.source.is_empty(), "{}", advisory.id);
    }
    let python = Index::embedded().unwrap();
    assert!(python.advisories().iter().all(|it| it.grade == Grade::Stated && it.source.is_empty()));
}
