//! Packages of operating systems, and what of Python they own.

use weighbridge_core::fact::Origin;
use weighbridge_core::graph::NodeId;

use super::text::{check, joined};

#[test]
fn what_a_system_package_owns_hangs_below_it() {
    check(
        "
        etc/os-release: os debian 12
        var/lib/dpkg/status: system python3-requests 2.28.1-1 requests 2.28.1-1
        var/lib/dpkg/status: system libc6 2.36-9
        var/lib/dpkg/info/python3-requests.list: owns python3-requests usr/lib/python3/dist-packages/requests-2.28.1.egg-info
        usr/lib/python3/dist-packages: dist other 1
        usr/lib/python3/dist-packages/requests-2.28.1.egg-info: says requests 2.28.1
        ",
        "
        target >> env:usr/lib/python3/dist-packages inferred
        target >> libc6 2.36-9
        target >> python3-requests 2.28.1-1
        python3-requests 2.28.1-1 >> requests 2.28.1
        env:usr/lib/python3/dist-packages >> other 1
        env:usr/lib/python3/dist-packages >> requests 2.28.1
        ",
    );
}

/// The identities of all components, and which are of the system.
fn identities(text: &str) -> Vec<String> {
    let graph = joined(text).graph;
    let told = |(id, component): (&NodeId, &weighbridge_core::graph::Component)| {
        let mark = if component.is_of_system() { "*" } else { "" };
        let both = if component.origins.len() > 1 && component.origins.contains(&Origin::System) {
            " both"
        } else {
            ""
        };
        format!("{id}{mark}{both}")
    };
    graph.components().map(told).collect()
}

#[test]
fn identities_name_release_and_source() {
    let facts = "
        image/usr/lib/os-release: os ubuntu 22.04
        image/etc/os-release: os debian 12
        image/var/lib/dpkg/status: system libssl3 3.0.11-1 openssl 3.0.11-1
        image/var/lib/dpkg/status: system gcc 4:12.2.0-3 gcc-defaults 1.203
        image/var/lib/dpkg/status: system openssl 3.0.11-1 openssl 3.0.11-1
        other/var/lib/dpkg/status: system openssl 1.1
        third/var/lib/dpkg/status: system openssl 1.1
        third/etc/os-release: os debian
        ";
    assert_eq!(
        identities(facts),
        [
            "pkg:deb/debian/gcc@4:12.2.0-3?distro=debian-12&upstream=gcc-defaults%401.203*",
            "pkg:deb/debian/libssl3@3.0.11-1?distro=debian-12&upstream=openssl%403.0.11-1*",
            "pkg:deb/debian/openssl@1.1?distro=debian*",
            "pkg:deb/debian/openssl@3.0.11-1?distro=debian-12*",
            "pkg:deb/openssl@1.1*",
        ]
    );
}

#[test]
fn only_what_the_system_alone_has_installed_is_its_own() {
    let owned = "
        var/lib/dpkg/status: system python3-a 1-1
        var/lib/dpkg/info/python3-a.list: owns python3-a usr/lib/python3/dist-packages/a-1.dist-info
        usr/lib/python3/dist-packages: dist a 1
        ";
    assert_eq!(identities(owned), ["pkg:deb/python3-a@1-1*", "pkg:pypi/a@1*"]);
    // Installed once more by pip, the same version is upstream's.
    let twice = format!("{owned}\nvenv/pyvenv.cfg: environment 3.12\nvenv/lib: dist a 1\n");
    assert_eq!(identities(&twice), ["pkg:deb/python3-a@1-1*", "pkg:pypi/a@1 both"]);
    // A lock that names it means upstream's too.
    let locked = format!("{owned}\nuv.lock: root app .: a\nuv.lock: lock a 1:\n");
    assert_eq!(identities(&locked), ["pkg:deb/python3-a@1-1*", "pkg:pypi/a@1 both"]);
    // What pip put beside it belongs to nobody.
    let beside = format!("{owned}\nusr/local/lib/python3/dist-packages: dist b 1\n");
    assert_eq!(identities(&beside), ["pkg:deb/python3-a@1-1*", "pkg:pypi/a@1*", "pkg:pypi/b@1"]);
    // Another root's database says nothing of it.
    let elsewhere = owned.replace("var/lib", "old/var/lib");
    assert_eq!(identities(&elsewhere), ["pkg:deb/python3-a@1-1*", "pkg:pypi/a@1"]);
}

#[test]
fn the_word_of_an_installer_counts_only_beside_its_database() {
    let site = "usr/lib/python3.9/site-packages";
    let said = format!("{site}: dist a 1\n{site}/a-1.dist-info/INSTALLER: installer rpm\n");
    assert_eq!(identities(&said), ["pkg:pypi/a@1"]);
    let with = format!("{said}\nvar/lib/rpm/rpmdb.sqlite: unread\n");
    assert_eq!(identities(&with), ["pkg:pypi/a@1*"]);
    let venv = with.replace("usr/lib/python3.9", "opt/venv/lib");
    assert_eq!(identities(&venv), ["pkg:pypi/a@1"]);
}

#[test]
fn an_rpm_is_that_of_its_distribution_only_if_that_has_built_it() {
    let facts = "
        etc/os-release: os almalinux 9.4
        var/lib/rpm/rpmdb.sqlite: rpm openssl-libs 1:3.0.7-24.el9 x86_64 AlmaLinux
        var/lib/rpm/rpmdb.sqlite: rpm openssl-libs 1:3.0.7-24.el9 i686 AlmaLinux
        var/lib/rpm/rpmdb.sqlite: rpm nodejs 1:18.9-1.el9 x86_64 AlmaLinux nodejs:18
        var/lib/rpm/rpmdb.sqlite: rpm htop 3.2-1.el9 x86_64 Fedora
        var/lib/rpm/rpmdb.sqlite: rpm own 1-1
        suse/etc/os-release: os opensuse-leap 15.5
        suse/usr/lib/sysimage/rpm/Packages.db: rpm own 1-1 noarch SUSE
        ";
    assert_eq!(
        identities(facts),
        [
            "pkg:rpm/almalinux/nodejs@1:18.9-1.el9?arch=x86_64&distro=almalinux-9.4&rpmmod=nodejs:18*",
            "pkg:rpm/almalinux/openssl-libs@1:3.0.7-24.el9?arch=i686&distro=almalinux-9.4*",
            "pkg:rpm/almalinux/openssl-libs@1:3.0.7-24.el9?arch=x86_64&distro=almalinux-9.4*",
            "pkg:rpm/htop@3.2-1.el9?arch=x86_64&distro=almalinux-9.4*",
            "pkg:rpm/opensuse-leap/own@1-1?arch=noarch&distro=opensuse-leap-15.5*",
            "pkg:rpm/own@1-1?distro=almalinux-9.4*",
        ]
    );
}

#[test]
fn what_an_rpm_owns_is_of_the_system() {
    let site = "usr/lib/python3.9/site-packages";
    let owned = format!(
        "
        var/lib/rpm/rpmdb.sqlite: rpm python3-a 1-1 noarch
        var/lib/rpm/rpmdb.sqlite: rpmowns python3-a {site}/a-1.dist-info
        {site}: dist a 1
        {site}: dist b 1
        {site}/b-1.dist-info/INSTALLER: installer rpm
        "
    );
    // Where all of the database was read, it knows better than what a file says of itself.
    assert_eq!(identities(&owned), ["pkg:pypi/a@1*", "pkg:pypi/b@1", "pkg:rpm/python3-a@1-1?arch=noarch*"]);
    let beside = format!("{owned}\nvar/lib/rpm/rpmdb.sqlite-wal: unread\n");
    assert_eq!(identities(&beside), ["pkg:pypi/a@1*", "pkg:pypi/b@1*", "pkg:rpm/python3-a@1-1?arch=noarch*"]);
}
