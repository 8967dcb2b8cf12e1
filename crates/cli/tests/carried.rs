//! `weighbridge fix` for what packages carry inside themselves: the wheels of other versions are looked into on loopback.
//!
//! The vulnerabilities of OpenSSL 1.1.1k, zlib 1.2.11 and pillow 9.0.0 are real; 9.x is newer than anything known of.

use crate::Test;
use crate::binary_builder::{Binary, elf};
use crate::server::{Answer, Server};
use crate::shelf::{Manner, Shelf};
use crate::support::{Run, World};

pub(crate) const TESTS: &[Test] = &[
    (
        "carried_the_nearest_version_with_a_clean_copy_is_taken",
        the_nearest_version_with_a_clean_copy_is_taken,
    ),
    ("carried_only_what_can_tell_is_fetched", only_what_can_tell_is_fetched),
    ("carried_what_every_wheel_has_stays", what_every_wheel_has_stays),
    ("carried_a_copy_that_moved_is_found", a_copy_that_moved_is_found),
    ("carried_something_as_bad_is_no_mend", something_as_bad_is_no_mend),
    ("carried_something_milder_is_told", something_milder_is_told),
    ("carried_a_blocked_version_is_told", a_blocked_version_is_told),
    ("carried_a_move_for_another_reason_is_looked_into", a_move_for_another_reason_is_looked_into),
    ("carried_a_bill_in_the_wheel_counts", a_bill_in_the_wheel_counts),
    ("carried_what_cannot_be_looked_into_is_told", what_cannot_be_looked_into_is_told),
    ("carried_what_somebody_accepted_is_left_alone", what_somebody_accepted_is_left_alone),
];

const SITE: &str = "env/lib/python3.12/site-packages";
const OLD: &str = "OpenSSL 1.1.1k  25 Mar 2021";
const NEW: &str = "OpenSSL 9.1.0 1 Jan 2030";

fn openssl(text: &str) -> Vec<u8> {
    let texts = &[text][..];
    elf(&Binary { name: "libcrypto.so.1.1", defines: &["OpenSSL_version"], texts, ..Binary::default() })
}

fn zlib(version: &str) -> Vec<u8> {
    let text = format!(" inflate {version} Copyright 1995-2017 Mark Adler ");
    let texts = &[text.as_str()][..];
    elf(&Binary { name: "libz.so.1", defines: &["zlibVersion"], texts, ..Binary::default() })
}

/// A file that no reader knows and nothing packs well.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// An environment with one package that brought these files along, beside its metadata.
fn environment(name: &str, version: &str, files: &[(&str, Vec<u8>)]) -> World {
    let world = World::new();
    world.write("env/pyvenv.cfg", "version = 3.12.1\n");
    install(&world, name, version, "", files);
    world
}

fn install(world: &World, name: &str, version: &str, more: &str, files: &[(&str, Vec<u8>)]) {
    let about = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}");
    world.write(&format!("{SITE}/{about}/METADATA"), metadata);
    let mut record = format!("{about}/METADATA,,\n{about}/RECORD,,\n");
    for (path, content) in files {
        world.write(&format!("{SITE}/{path}"), content);
        record.push_str(&format!("{path},,\n"));
    }
    world.write(&format!("{SITE}/{about}/RECORD"), record);
}

fn with_old_openssl() -> World {
    environment("cv", "1.0", &[("cv.libs/libcrypto-0a1b2c3d.so.1.1", openssl(OLD))])
}

/// The files of a version.
type Files<'a> = &'a [(&'a str, Vec<u8>)];

/// An index with versions of `cv`, each with these files.
fn shelf(versions: &[(&str, Files<'_>)]) -> Shelf {
    let table: String = versions.iter().map(|(version, _)| format!("cv {version}\n")).collect();
    versions.iter().fold(Shelf::new(&table), |shelf, (version, files)| shelf.holding("cv", version, files))
}

fn fix(world: &World, server: &Server, more: &str) -> Run {
    world.run(&format!("fix venv:env --index-url {}/simple/ --no-config {more}", server.url()))
}

fn the_nearest_version_with_a_clean_copy_is_taken() {
    let (old, new) = (
        [("cv.libs/libcrypto-44445555.so.1.1", openssl(OLD))],
        [("cv.libs/libcrypto-66667777.so.9", openssl(NEW))],
    );
    let server =
        shelf(&[("1.0", &old), ("1.1", &old), ("1.2", &new), ("1.3", &new), ("2.0", &new), ("2.1rc1", &old)])
            .serve(Manner::default());
    let world = with_old_openssl();
    let run = fix(&world, &server, "--plan").ends(0);
    let line = run.out.lines().find(|line| line.contains("1.0 → 1.2")).unwrap();
    assert!(line.contains("clears CVE-") && run.out.contains("in openssl 1.1.1k + "), "{}", run.out);
    run.shows(&["= 1 of 1 packages move", "pip install cv==1.2"]);
    let run = fix(&world, &server, "--format json").ends(0);
    let plan: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(plan["projects"][0]["moves"][0]["clears"][0]["library"], "openssl 1.1.1k");
    // What was learned is kept: the same without a network.
    fix(&world, &server, "--plan --offline").ends(0).shows(&["1.0 → 1.2"]);
}

fn only_what_can_tell_is_fetched() {
    let (large, size) = (noise(3 << 20), 3 << 20);
    let files = |text: &str| {
        [
            ("cv.libs/libcrypto-44445555.so.1.1", openssl(text)),
            ("cv/weights.dat", large.clone()),
            ("cv/other.so", [elf(&Binary::default()), large.clone()].concat()),
        ]
    };
    let (old, new) = (files(OLD), files(NEW));
    let server = shelf(&[("1.1", &old), ("1.2", &old), ("1.3", &new)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(0).shows(&["1.0 → 1.3"]);
    // The one that is taken was looked into as a whole, but for its data; of the others only the file that told was fetched.
    let sent = server.sent();
    assert!(sent > size && sent < size + (size / 2), "{sent}");
}

fn what_every_wheel_has_stays() {
    let old = [("cv.libs/libcrypto-44445555.so.1.1", openssl(OLD))];
    let server = shelf(&[("1.0", &old), ("1.1", &old), ("1.2", &old)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&[
        "stays:",
        "more: 1.2 has openssl",
        "nothing to move",
    ]);
    let server = shelf(&[("0.9", &old), ("1.0", &old)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["no newer wheel"]);
}

fn a_copy_that_moved_is_found() {
    // It is linked into the module now, whose name says nothing.
    let inside =
        elf(&Binary { defines: &["PyInit_cv", "OpenSSL_version"], texts: &[OLD], ..Binary::default() });
    // Nor does the wheel say that it is a file of its own.
    let moved = [("cv/cv.abi3.so", inside), ("cv-2.0.dist-info/RECORD", Vec::new())];
    let server = shelf(&[("2.0", &moved)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["2.0 has openssl"]);
}

fn something_as_bad_is_no_mend() {
    let worse =
        [("cv.libs/libcrypto-66667777.so.9", openssl(NEW)), ("cv.libs/libz-66667777.so.1", zlib("1.2.11"))];
    let server = shelf(&[("1.0", &worse), ("2.0", &worse)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["2.0 has CVE-2022-37434 in zlib 1.2.11"]);
    // What is milder than what is asked about does not count, and is told when it comes.
    let run = fix(&with_old_openssl(), &server, "--plan --from critical");
    assert!(!run.out.contains("1.0 → 2.0"), "{}", run.out);
}

fn something_milder_is_told() {
    let files = [
        ("cv.libs/libcrypto-66667777.so.9", openssl("OpenSSL 4.0.1 1 Jun 2026")),
        ("cv.libs/libz-66667777.so.1", zlib("9.9")),
    ];
    let server = shelf(&[("2.0", &files)]).serve(Manner::default());
    let run = fix(&with_old_openssl(), &server, "--plan");
    run.shows(&["1.0 → 2.0", "brings CVE-2026-14456 MEDIUM in openssl 4.0.1 with cv"]);
}

fn a_blocked_version_is_told() {
    let world = with_old_openssl();
    install(&world, "holder", "1.0", "Requires-Dist: cv<2\n", &[]);
    let (old, new) = (
        [("cv.libs/libcrypto-44445555.so.1.1", openssl(OLD))],
        [("cv.libs/libcrypto-66667777.so.9", openssl(NEW))],
    );
    let shelf = Shelf::new("cv 1.0\ncv 1.1\ncv 2.0\nholder 1.0: cv<2\n")
        .holding("cv", "1.0", &old)
        .holding("cv", "1.1", &old)
        .holding("cv", "2.0", &new);
    let server = shelf.serve(Manner::default());
    fix(&world, &server, "--plan").ends(1).shows(&["blocked: holder 1.0 needs cv<2"]);
}

fn a_move_for_another_reason_is_looked_into() {
    // Of the two versions that mend pillow itself the nearer one brings an old OpenSSL.
    let world = environment("pillow", "9.0.0", &[("pillow.libs/libz-0a1b2c3d.so.1", zlib("9.9"))]);
    let shelf = Shelf::new("pillow 9.0.0\npillow 90.1\npillow 90.2\n")
        .holding("pillow", "90.1", &[("pillow.libs/libcrypto-66667777.so.1.1", openssl(OLD))])
        .holding("pillow", "90.2", &[("pillow.libs/libz-66667777.so.1", zlib("9.9"))]);
    let server = shelf.serve(Manner::default());
    fix(&world, &server, "--plan").ends(0).shows(&["9.0.0 → 90.2"]);
}

fn a_bill_in_the_wheel_counts() {
    // The file says 1.1.1k; the bill says which build of it that is, and AlmaLinux has mended that.
    let bill = br#"{"bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
        "metadata": {"component": {"type": "library", "bom-ref": "pkg:pypi/cv@2.0", "name": "cv", "version": "2.0",
            "purl": "pkg:pypi/cv@2.0"}},
        "components": [{"type": "library", "bom-ref": "a", "name": "openssl-libs", "version": "1:1.1.1k-99.el8_9",
            "purl": "pkg:rpm/almalinux/openssl-libs@1.1.1k-99.el8_9?epoch=1"}],
        "dependencies": [{"ref": "pkg:pypi/cv@2.0", "dependsOn": ["a"]}]}"#;
    let files = [
        ("cv.libs/libcrypto-66667777.so.1.1", openssl("OpenSSL 1.1.1k  FIPS 25 Mar 2021")),
        ("cv-2.0.dist-info/sboms/auditwheel.cdx.json", bill.to_vec()),
    ];
    let server = shelf(&[("2.0", &files)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(0).shows(&["1.0 → 2.0"]);
    // Without it nobody can say.
    let server = shelf(&[("2.0", &files[..1])]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["(not\n    assessable)"]);
}

fn what_cannot_be_looked_into_is_told() {
    let server = Shelf::new("cv 1.0\ncv 2.0 sdist\n").serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["is a source", "distribution"]);
    let new = [("cv.libs/libcrypto-66667777.so.9", openssl(NEW))];
    let server = shelf(&[("1.0", &new), ("2.0", &new)]).serve(Manner::default());
    let world = with_old_openssl();
    fix(&world, &server, "--plan --offline").ends(4).shows(&["nothing may be fetched"]);
    for (name, expected) in [("../cv.so", "leads out of it"), ("/cv.so", "leads out of it")] {
        let files = [(name, openssl(NEW))];
        let server = shelf(&[("1.0", &new), ("2.0", &files)]).serve(Manner::default());
        fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&[expected]);
    }
    let twice = [("cv.so", openssl(NEW)), ("cv.so", openssl(OLD))];
    let server = shelf(&[("2.0", &twice)]).serve(Manner::default());
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["two files of one name"]);
    // A server that gives other bytes than the directory promises.
    let shelf = shelf(&[("2.0", &new)]);
    let server = Server::start(move |request| match request.path.as_str() {
        path if path.ends_with(".whl") => Answer::status(503),
        _ => shelf.answer(request, Manner::default()),
    });
    fix(&with_old_openssl(), &server, "--plan").ends(1).shows(&["503"]);
}

fn what_somebody_accepted_is_left_alone() {
    let old = [("cv.libs/libcrypto-44445555.so.1.1", openssl(OLD))];
    let server = shelf(&[("1.0", &old), ("1.1", &old)]).serve(Manner::default());
    let world = with_old_openssl();
    let before = fix(&world, &server, "--plan").ends(1);
    world.write(
        "vex.json",
        r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", "author": "us",
            "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [{
            "vulnerability": {"name": "CVE-2021-3711"}, "products": [{"@id": "pkg:generic/openssl"}],
            "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}"#,
    );
    let after = fix(&world, &server, "--plan --vex vex.json").ends(1);
    let count = |run: &Run| -> usize {
        let words: Vec<&str> = run.out.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "vulnerabilities").unwrap();
        words[at - 1].parse().unwrap()
    };
    assert_eq!(count(&after) + 1, count(&before), "{}\n{}", before.out, after.out);
}
