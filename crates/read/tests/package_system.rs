//! Databases of the packages of operating systems.

use crate::package_facts::{check, check_bytes, read, read_source};

use std::sync::Arc;

use weighbridge_core::fact::What;
use weighbridge_core::limits::Limits;

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![packages_of_dpkg, what_dpkg_owns, packages_of_apk, releases, hostile]
}

const STATUS: &str = "image/var/lib/dpkg/status";
const APK: &str = "lib/apk/db/installed";

fn packages_of_dpkg() {
    check(
        "dpkg",
        STATUS,
        "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1~deb12u2\n\
         Description: a\n Package: not-this\n\nPackage: gcc\nStatus: install ok half-configured\n\
         Source: gcc-defaults (1.203)\nVersion: 4:12.2.0-3\n\n\n\
         Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\npackage: Mixed\nversion: 2\n",
        &[
            "1: deb libssl3 3.0.11-1~deb12u2 of openssl 3.0.11-1~deb12u2",
            "8: deb gcc 4:12.2.0-3 of gcc-defaults 1.203",
            "18: deb mixed 2",
        ],
    );
    // A paragraph that may name a package is a gap where it cannot be read.
    check(
        "dpkg",
        STATUS,
        "Package: a b\nVersion: 1\n\nPackage: c\n\nVersion: 1\nno field\n\nPackage: d\nSource: e (\nVersion: 1\n",
        &[
            "1: unread: malformed: a package without a name or a version that can be read",
            "4: unread: malformed: a package without a name or a version that can be read",
            "7: unread: malformed: no `Field: value`: `no field`",
            "8: unread: malformed: a package without a name or a version that can be read",
            "9: deb d 1",
        ],
    );
    check("dpkg", STATUS, "", &[]);
    check("dpkg", "var/lib/dpkg/status.d/base", "Package: base\nVersion: 1\n", &["1: deb base 1"]);
    check_bytes("dpkg", STATUS, b"Package: a\nVersion: 1\nMaintainer: \xff\xfe\n", &["1: deb a 1"]);
}

fn what_dpkg_owns() {
    let site = "/usr/lib/python3/dist-packages";
    check(
        "dpkg",
        "var/lib/dpkg/info/python3-a:amd64.list",
        &format!(
            "/.\n/usr\n{site}/a-1.egg-info\n{site}/a-1.egg-info/PKG-INFO\n{site}/b-1.dist-info/METADATA\n{site}/a.py\n"
        ),
        &[
            "deb python3-a owns usr/lib/python3/dist-packages/a-1.egg-info usr/lib/python3/dist-packages/b-1.dist-info",
        ],
    );
    check(
        "dpkg",
        "var/lib/dpkg/status.d/python3-a.md5sums",
        "0123456789abcdef0123456789abcdef  usr/lib/a-1.egg-info\nbroken\n",
        &["deb python3-a owns usr/lib/a-1.egg-info"],
    );
    check("dpkg", "var/lib/dpkg/info/libc6:amd64.list", "/lib\n", &[]);
    check(
        "dpkg",
        "var/lib/dpkg/info/a b.list",
        "/lib\n",
        &["ended: malformed: its name is that of no package"],
    );
}

fn packages_of_apk() {
    check(
        "apk-database",
        APK,
        "C:Q1x=\nP:py3-a\nV:1.0-r0\nA:x86_64\no:a\nF:usr/lib/python3.12/site-packages/a-1.0.dist-info\nR:METADATA\n\
         F:usr/lib/python3.12/site-packages\nR:b-2.egg-info\n\nP:musl\nV:1.2.4-r2\no:musl\n\n\
         P:\nV:1\n\nnonsense\n",
        &[
            "1: apk py3-a owns usr/lib/python3.12/site-packages/a-1.0.dist-info \
             usr/lib/python3.12/site-packages/b-2.egg-info",
            "1: apk py3-a 1.0-r0 of a 1.0-r0",
            "11: apk musl 1.2.4-r2 of musl 1.2.4-r2",
            "15: unread: malformed: a package without a name or a version that can be read",
            "18: unread: malformed: no `F:value`: `nonsense`",
        ],
    );
}

fn releases() {
    let check = |text: &str, expected: &[&str]| check("os-release", "etc/os-release", text, expected);
    check("NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n", &["debian 12"]);
    check("ID='wolfi'\n# a comment\nVERSION_ID=20230201", &["wolfi 20230201"]);
    check("ID=arch\n", &["arch -"]);
    check("", &["linux -"]);
    check("ID=a/../b\n", &["1: malformed: `ID` is `a/../b`", "linux -"]);
    check(
        &format!("ID={}\n", "a".repeat(300)),
        &[&format!("1: malformed: `ID` is `{}… (300 bytes)`", "a".repeat(120)), "linux -"],
    );
}

fn hostile() {
    // Many packages are read as far as the limit of facts allows, and the end is told.
    let many: String = (0..100_000).map(|at| format!("Package: p{at}\nVersion: 1\n\n")).collect();
    let read_many = read("dpkg", STATUS, many.as_bytes());
    assert_eq!(read_many.facts.len(), 100_000);
    let few = Limits { facts: 1000, ..Limits::default() };
    let cut = read_source("dpkg", STATUS, Arc::new(many.into_bytes()), few);
    assert!(cut.facts.len() <= 1001, "{}", cut.facts.len());
    assert!(!cut.problems().is_empty(), "the limit is told");
    // Complaints are bounded, too.
    let broken = "x\n\n".repeat(100_000);
    for (id, path) in [("dpkg", STATUS), ("apk-database", APK)] {
        let reading = read(id, path, broken.as_bytes());
        assert!((50..300).contains(&reading.facts.len()), "{id}: {}", reading.facts.len());
    }
    // Long lines are passed over without being kept.
    let long = format!("Package: {}\nVersion: 1\n\nPackage: b\nVersion: 1\n", "a".repeat(10 << 20));
    let reading = read("dpkg", STATUS, long.as_bytes());
    assert_eq!(reading.lines().last().map(String::as_str), Some("4: deb b 1"));
    assert_eq!(reading.facts.len(), 2);
    let deep = format!("/{}x-1.dist-info\n", "a/".repeat(3000));
    let reading = read("dpkg", "var/lib/dpkg/info/a.list", deep.as_bytes());
    assert!(matches!(&reading.facts[0].what, What::SystemOwned(owned) if owned.metadata.len() == 1));
    // Cut anywhere, nothing is lost in silence: each package is told, or the last one is a gap.
    let text = "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n";
    for length in 1..text.len() {
        let reading = read("dpkg", STATUS, &text.as_bytes()[..length]);
        assert!(!reading.facts.is_empty(), "{length} bytes");
    }
}
