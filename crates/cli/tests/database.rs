//! `db`: updates against servers on loopback that behave, lie, break off and hang; and what is left after each.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Test;
use crate::interrupts::signal;
use crate::support::{GOOD, Run, World};

pub(crate) const TESTS: &[Test] = &[
    ("an_update_replaces_the_advisories", an_update_replaces_the_advisories),
    ("a_broken_update_changes_nothing", a_broken_update_changes_nothing),
    ("an_implausible_update_needs_force", an_implausible_update_needs_force),
    ("a_killed_update_leaves_the_old_advisories", a_killed_update_leaves_the_old_advisories),
    ("one_update_at_a_time", one_update_at_a_time),
    ("damaged_advisories_are_an_alarm", damaged_advisories_are_an_alarm),
    ("advisories_can_be_carried_over", advisories_can_be_carried_over),
    ("offline_connects_to_nobody", offline_connects_to_nobody),
    ("scores_and_catalogues_are_imported", scores_and_catalogues_are_imported),
    ("records_of_many_kinds_are_imported", records_of_many_kinds_are_imported),
    ("an_import_that_cannot_be_changes_nothing", an_import_that_cannot_be_changes_nothing),
    ("crates_of_a_wheel_are_matched", crates_of_a_wheel_are_matched),
    ("the_distribution_decides_what_it_has_installed", the_distribution_decides_what_it_has_installed),
    ("an_rpm_is_judged_by_its_distribution", an_rpm_is_judged_by_its_distribution),
];

/// How a server behaves.
enum Server {
    /// Sends all of it.
    Whole(Vec<u8>),
    /// Announces all of it and sends the first half.
    Half(Vec<u8>),
    /// Sends the first half and then nothing more, without closing.
    Hangs(Vec<u8>),
    /// Fails.
    Fails,
}

/// A running server.
struct Running {
    url: String,
    /// Connections so far.
    connections: Arc<AtomicUsize>,
}

impl Running {
    /// Waits until somebody has connected.
    fn wait_for_connection(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.connections.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < deadline, "nobody connects");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Starts a server for a few connections. It ends with the test process at the latest.
fn serve(server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming().take(4).flatten() {
            answer(stream, &server, &count);
        }
    });
    Running { url, connections }
}

fn answer(mut stream: TcpStream, server: &Server, count: &AtomicUsize) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap_or(0);
    assert!(request[..length].starts_with(b"GET /PyPI/all.zip HTTP/1.1\r\n"));
    let mut send = |status: &str, announced: usize, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
        // The other side may be gone; that is what some tests are about.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let _ = stream.flush();
    };
    match server {
        Server::Whole(zip) => send("200 OK", zip.len(), zip),
        Server::Half(zip) => send("200 OK", zip.len(), &zip[..zip.len() / 2]),
        Server::Fails => send("500 Internal Server Error", 0, b""),
        Server::Hangs(zip) => send("200 OK", zip.len(), &zip[..zip.len() / 2]),
    }
    count.fetch_add(1, Ordering::SeqCst);
    if matches!(server, Server::Hangs(_)) {
        thread::sleep(Duration::from_secs(20));
    }
}

/// An archive of so many records of this day about packages `weigh-0`, `weigh-1`, …, all below version 2.
fn archive(records: usize, day: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for number in 0..records {
        let id = format!("PYSEC-2026-{}", 900_000 + number);
        zip.start_file(format!("{id}.json"), zip::write::SimpleFileOptions::default()).unwrap();
        write!(
            zip,
            r#"{{"schema_version":"1.6.0","id":"{id}","modified":"{day}T00:00:00Z","affected":[{{"package":
            {{"ecosystem":"PyPI","name":"weigh-{number}"}},"ranges":[{{"type":"ECOSYSTEM","events":
            [{{"introduced":"0"}},{{"fixed":"2"}}]}}]}}]}}"#
        )
        .unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// As many records as are plausible beside the embedded ones, newer than those.
fn good() -> Vec<u8> {
    archive(4000, "2026-08-01")
}

/// A world with a project that only the archives of this file know something about.
fn world() -> World {
    let world = World::new();
    world.write("requirements.txt", "weigh-7==1.0\n");
    world
}

fn update(world: &World, server: &Running, more: &str) -> Run {
    world.run(&format!("db update --from {} {more}", server.url))
}

/// Asserts which advisories are in use, by their day.
#[track_caller]
fn in_use(world: &World, day: &str) {
    let status = world.run("db status");
    let line = status.out.lines().find(|line| line.ends_with("in use")).unwrap().to_owned();
    assert!(line.contains(&format!("of {day}")), "{}", status.out);
}

fn an_update_replaces_the_advisories() {
    let world = world();
    world.run(". --fail-on low").ends(0);
    world.run("db status").ends(0).shows(&["embedded", "in use", "fetched   none", "tables    20"]);
    let server = serve(Server::Whole(good()));
    update(&world, &server, "").ends(0).shows(&["advisories of 2026-08-01, 4000 records", "before: of "]);
    in_use(&world, "2026-08-01");
    world.run("db status").ends(0).shows(&["1 day old", "4000 records", "pypi.snapshot"]);
    world.run(". --fail-on low").ends(1).shows(&["PYSEC-2026-900007", "weigh-7 1.0", "2026-08-01"]);
    // What was in the program is still there for a program that looks elsewhere.
    world.run_with(&[("WEIGHBRIDGE_CACHE_DIR", "elsewhere")], ". --fail-on low").ends(0);
    // The address may come from the environment.
    let server = serve(Server::Whole(archive(4001, "2026-08-02")));
    world.run_with(&[("WEIGHBRIDGE_OSV_URL", &server.url)], "db update").ends(0).shows(&["4001 records"]);
}

fn a_broken_update_changes_nothing() {
    let world = world();
    update(&world, &serve(Server::Whole(good())), "").ends(0);
    let newer = archive(4000, "2026-08-02");
    let mut cut = newer.clone();
    cut.truncate(cut.len() / 2);
    let mut flipped = newer.clone();
    let middle = flipped.len() / 3;
    flipped[middle..middle + 2000].fill(0x55);
    for (server, said) in [
        (Server::Half(newer.clone()), "broke off"),
        (Server::Whole(cut), "the archive"),
        (Server::Whole(flipped), "the archive"),
        (Server::Whole(b"<html>maintenance</html>".to_vec()), "the archive"),
        (Server::Whole(Vec::new()), "the archive"),
        (Server::Fails, "status 500"),
    ] {
        update(&world, &serve(server), "").ends(4).says(&["error: ", said, "hint: "]);
        in_use(&world, "2026-08-01");
    }
    let started = Instant::now();
    update(&world, &serve(Server::Hangs(newer)), "--timeout 1").ends(4).says(&["hint: "]);
    assert!(started.elapsed() < Duration::from_secs(15));
    in_use(&world, "2026-08-01");
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.run(&format!("db update --from http://127.0.0.1:{port}")).ends(4);
    in_use(&world, "2026-08-01");
}

fn an_implausible_update_needs_force() {
    let world = world();
    let none = zip::ZipWriter::new(std::io::Cursor::new(Vec::new())).finish().unwrap().into_inner();
    // Forced or not: what is older than the embedded advisories is kept and not used.
    for (zip, said, forced, day) in [
        (none, "no record", 4, "2026-07-23"),
        (archive(4000, "2020-01-01"), "older than", 0, "2026-07-23"),
        (archive(10, "2026-08-01"), "10 records where there were", 0, "2026-08-01"),
    ] {
        let server = serve(Server::Whole(zip));
        update(&world, &server, "").ends(4).says(&[said]);
        in_use(&world, "2026-07-23");
        update(&world, &server, "--force").ends(forced);
        in_use(&world, day);
    }
}

fn a_killed_update_leaves_the_old_advisories() {
    let world = world();
    update(&world, &serve(Server::Whole(good())), "").ends(0);
    let server = serve(Server::Hangs(archive(4000, "2026-08-02")));
    let mut child = world.command(&format!("db update --from {}", server.url)).spawn().unwrap();
    server.wait_for_connection();
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    in_use(&world, "2026-08-01");
    // The lock went with the process.
    update(&world, &serve(Server::Whole(archive(4000, "2026-08-02"))), "").ends(0);
    in_use(&world, "2026-08-02");
    let server = serve(Server::Hangs(good()));
    let mut child = world.command(&format!("db update --from {}", server.url)).spawn().unwrap();
    server.wait_for_connection();
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    in_use(&world, "2026-08-02");
}

fn one_update_at_a_time() {
    let world = world();
    let server = serve(Server::Hangs(good()));
    let mut child = world.command(&format!("db update --from {}", server.url)).spawn().unwrap();
    server.wait_for_connection();
    update(&world, &serve(Server::Whole(good())), "").ends(4).says(&["another update"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn damaged_advisories_are_an_alarm() {
    let world = world();
    update(&world, &serve(Server::Whole(good())), "").ends(0);
    let folder = world.path("../home/.cache/weighbridge/advisories");
    let snapshot = folder.join("pypi.snapshot");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&snapshot, &bytes).unwrap();
    let run = world.run(". -q --fail-on low").ends(0);
    assert!(run.err.contains("cannot be used") && run.err.contains("weighbridge db update"), "{}", run.err);
    world.run("db status").ends(4).shows(&["fetched   cannot be used", "in use"]);
    update(&world, &serve(Server::Whole(good())), "").ends(0);
    world.run("db status").ends(0);
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "a lock and a snapshot: {names:?}");
}

fn advisories_can_be_carried_over() {
    let connected = world();
    update(&connected, &serve(Server::Whole(good())), "").ends(0);
    connected.run("db export ../carried.snapshot").ends(0);
    let island = world();
    let file = connected.path("../carried.snapshot");
    island.run("db import none.snapshot").ends(2).says(&["does not exist"]);
    island.write("garbage", "not a snapshot");
    island.run("db import garbage").ends(2).says(&["cannot use `garbage`", "hint: "]);
    in_use(&island, "2026-07-23");
    island.run(&format!("--offline db import {}", file.display())).ends(0);
    in_use(&island, "2026-08-01");
    island.run(". --fail-on low").ends(1).shows(&["weigh-7"]);
    // The embedded ones are older than those in use now.
    let fresh = world();
    fresh.run("db export old.snapshot").ends(0);
    let old = fresh.path("old.snapshot");
    island.run(&format!("db import {}", old.display())).ends(4).says(&["older"]);
    island.run(&format!("db import --force {}", old.display())).ends(0);
    in_use(&island, "2026-07-23");
}

fn offline_connects_to_nobody() {
    let world = world();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for (variables, arguments) in [
        (&[][..], format!("--offline db update --from {url}")),
        (&[], format!("db update --offline --from {url}")),
        (&[("WEIGHBRIDGE_OFFLINE", "1")], format!("db update --from {url}")),
    ] {
        world.run_with(variables, &arguments).ends(2).says(&["offline", "db import"]);
    }
    world.run_with(&[("WEIGHBRIDGE_OSV_URL", &url)], ". --offline").ends(0);
    world.run_with(&[("WEIGHBRIDGE_OSV_URL", &url)], ".").ends(0);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// A daily file of scores.
fn scores(day: &str, rows: &str) -> String {
    format!("#model_version:v2025.03.14,score_date:{day}T12:55:00+0000\ncve,epss,percentile\n{rows}")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn scores_and_catalogues_are_imported() {
    let world = World::new();
    world.write("p/requirements.txt", "jinja2==3.1.5\n");
    world.run("p --fail-on-epss 0.2").ends(0);
    world.write("epss.csv.gz", gzip(scores("2026-08-01", "CVE-2025-27516,0.21,0.95\n").as_bytes()));
    world.run("db import epss.csv.gz").ends(0).shows(&["epss: of 2026-08-01, 1 scores"]);
    let run = world.run("p --fail-on-epss 0.2").ends(1).shows(&["CVE-2025-27516", "EPSS 21%"]);
    assert!(run.out.contains("FAIL"), "{}", run.out);
    world.run("p --fail-on-epss 0.3").ends(0);
    world.write("weighbridge.toml", "fail-on-epss = 0.2\n");
    world.run("p").ends(1);
    let json = world.run("p --format json").ends(1).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["fail_on_epss"], 0.2);
    assert_eq!(json["as_of"]["imported"][0]["name"], "epss");
    let scored =
        json["findings"].as_array().unwrap().iter().find(|it| !it["advisory"]["epss"].is_null()).unwrap();
    assert_eq!(scored["advisory"]["name"], "CVE-2025-27516");
    assert_eq!(
        scored["advisory"]["epss"],
        serde_json::json!({"score": 0.21, "percentile": 0.95, "date": "2026-08-01"})
    );
    // Older scores hide what is likely now.
    world.write("old.csv", scores("2026-07-01", "CVE-2025-27516,0.1,0.9\n"));
    world.run("db import old.csv").ends(4).says(&["older than those of 2026-08-01", "--force"]);
    world.run("db import --force old.csv").ends(0);
    world.run("p").ends(0);
    let catalogue = r#"{"title":"t","catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-2025-27516","dateAdded":"2026-07-30"}]}"#;
    world.write("kev.json", catalogue);
    world.run("db import kev.json").ends(0).shows(&["exploited: of 2026-07-30, 1 vulnerabilities"]);
    world.run("p").ends(1).shows(&["exploited since 2026-07-30"]);
    world.run("db status").ends(0).shows(&[
        "imported  epss of 2026-07-01, 32 days old, 1 scores of the model v2025.03.14",
        "old.csv, SHA-256 ",
        "imported  exploited of 2026-07-30",
        "imported 2026-08-02",
    ]);
}

fn records_of_many_kinds_are_imported() {
    let record = |id: &str, day: &str, name: &str, more: &str| {
        format!(
            r#"{{"id":"{id}","modified":"{day}T00:00:00Z"{more},"affected":[{{"package":{{"ecosystem":"PyPI","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"2"}}]}}]}}]}}"#
        )
    };
    let world = World::new();
    world.write("requirements.txt", "weigh-a==1.0\nweigh-b==1.0\nweigh-c==1.0\nweigh-7==1\n");
    world.run(". --fail-on low").ends(0);
    let a = record("HOUSE-A", "2026-07-01", "weigh-a", "");
    let b = record("HOUSE-B", "2026-07-30", "Weigh_B", "");
    let c = record("HOUSE-C", "2026-07-02", "weigh-c", "");
    world.write("lines.jsonl", format!("{a}\n\n{b}\n"));
    let elsewhere = c.replace("PyPI", "npm").replace("HOUSE-C", "HOUSE-D");
    world.write("folder/deep/c.json", c.replace(',', ",\n")).write("folder/d.json", elsewhere);
    world.write("folder/README.md", "words");
    world
        .run("db import lines.jsonl folder")
        .ends(0)
        .shows(&["pypi: of 2026-07-30, 3 records"])
        .says(&["1 files of other kinds", "1 records about npm"]);
    world.run(". --fail-on low").ends(1).shows(&["HOUSE-A", "HOUSE-B", "HOUSE-C"]);
    // One that is withdrawn goes, and what is not a part takes the place of all.
    let withdrawn = record("HOUSE-A", "2026-07-31", "weigh-a", r#","withdrawn":"2026-07-31T00:00:00Z""#);
    world.write("part.json.gz", gzip(withdrawn.as_bytes()));
    world.run("db import --partial part.json.gz").ends(0).shows(&["2 records"]);
    let run = world.run(". --fail-on low").ends(1).shows(&["HOUSE-B", "HOUSE-C"]);
    assert!(!run.out.contains("HOUSE-A"), "{}", run.out);
    world.run("db status").ends(0).shows(&["a part", "lines.jsonl, SHA-256", "folder, SHA-256"]);
    world.write("all.zip", archive(8, "2026-08-01"));
    world.run("db import all.zip").ends(0).shows(&["pypi: of 2026-08-01, 8 records"]);
    let run = world.run(". --fail-on low").ends(1).shows(&["PYSEC-2026-900007", "2026-08-01"]);
    assert!(!run.out.contains("HOUSE"), "{}", run.out);
    // The advisories inside the program count as before.
    world.write("requirements.txt", "pillow==9.0.0\n");
    world.run(".").ends(1).shows(&["CVE-2023-4863"]);
}

fn an_import_that_cannot_be_changes_nothing() {
    let world = world();
    world.write("good.zip", archive(8, "2026-08-01"));
    world.run("db import good.zip").ends(0);
    let status = world.run("db status").ends(0).out;
    let good = archive(8, "2026-08-02");
    let lines: String = (0..1000).map(|at| format!("{{\"id\":\"A-{at}\",\"affected\":[]}}\n")).collect();
    let packed = gzip(lines.as_bytes());
    world.write("cut.zip", &good[..good.len() / 2]);
    world.write("few.zip", archive(3, "2026-08-02")).write("old.zip", archive(8, "2026-07-01"));
    world.write("words.txt", "not a record").write("empty.json", "").write("array.json", "[]");
    world.write("broken.jsonl", "{\"id\": \n{\n").write("cut.json.gz", &packed[..packed.len() / 2]);
    world.write("cut.zst", b"\x28\xb5\x2f\xfd\x00");
    world.write("bomb.json.gz", gzip(&[b"{".as_slice(), &vec![b' '; 70 << 20]].concat()));
    world.write("deep.json", "[".repeat(100_000)).write("deeper.json", "{\"a\":".repeat(100_000));
    world.write("scores.csv", "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n");
    world.write("kev.json", r#"{"vulnerabilities":[{"cve":"CVE-1"}]}"#);
    for (file, code, said) in [
        ("cut.zip", 4, "not sound"),
        ("few.zip", 4, "3 records about pypi where there are 8"),
        ("old.zip", 4, "older than what is in use"),
        ("words.txt", 2, "neither OSV records"),
        ("empty.json", 2, "neither OSV records"),
        ("array.json", 2, "neither OSV records"),
        ("broken.jsonl", 4, "nothing in it that can be used"),
        ("cut.json.gz", 2, "cannot read"),
        ("cut.zst", 2, "cannot read"),
        ("bomb.json.gz", 4, "nothing in it that can be used"),
        ("deep.json", 2, "neither OSV records"),
        ("deeper.json", 4, "nothing in it that can be used"),
        ("scores.csv", 4, "cannot use"),
        ("kev.json", 4, "cannot use"),
        ("nowhere", 2, "does not exist"),
    ] {
        world.run(&format!("db import {file}")).ends(code).says(&[said]);
        assert_eq!(world.run("db status").out, status, "{file}");
    }
    // Beside something good, too.
    world.write("fresh.zip", good);
    world.run("db import fresh.zip words.txt").ends(2);
    assert_eq!(world.run("db status").out, status);
    // What was damaged on the disk is an alarm, and not used.
    let kept = world.path("../home/.cache/weighbridge/advisories/imported-pypi.snapshot");
    let mut bytes = std::fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 0xff;
    std::fs::write(&kept, bytes).unwrap();
    world.write("p/requirements.txt", "weigh-7==1.0\n");
    world
        .run("p -q --fail-on low")
        .ends(0)
        .says(&["what was imported as pypi is not used", "import it again"]);
    world.run("db status").ends(4).shows(&["pypi cannot be used"]);
    world.run("db import fresh.zip").ends(0);
    world.run("db status").ends(0);
}

/// A wheel says in its bill of materials of which crates it is made.
fn crates_of_a_wheel_are_matched() {
    let world = World::new();
    let sbom = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
        {"type":"library","name":"openssl","version":"0.10.48","purl":"pkg:cargo/openssl@0.10.48"},
        {"type":"library","name":"serde","version":"1.0.200","purl":"pkg:cargo/serde@1.0.200"}]}"#;
    let site = "venv/lib/python3.12/site-packages";
    world
        .write("venv/pyvenv.cfg", "version = 3.12.0\n")
        .write(
            &format!("{site}/fast-1.0.dist-info/METADATA"),
            "Metadata-Version: 2.4\nName: fast\nVersion: 1.0\n",
        )
        .write(&format!("{site}/fast-1.0.dist-info/RECORD"), "")
        .write(&format!("{site}/fast-1.0.dist-info/sboms/fast.cdx.json"), sbom);
    let scan = |world: &World| world.run("venv:venv --fail-on medium --show all");
    let before = scan(&world);
    assert!(!before.out.contains("RUSTSEC-2023-0044"), "{}", before.out);
    let crates = concat!("crates", ".", "io");
    world.write(
        "rust.json",
        format!(
            r#"{{"id":"RUSTSEC-2023-0044","modified":"2026-07-20T00:00:00Z","affected":[{{"package":{{"ecosystem":"{crates}","name":"openssl"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0.0.0-0"}},{{"fixed":"0.10.55"}}]}}]}}]}}"#
        ),
    );
    world.run("db import rust.json").ends(0).shows(&["cargo: of 2026-07-20, 1 records"]);
    let after = scan(&world).ends(1);
    for text in ["RUSTSEC-2023-0044", "openssl 0.10.48", "fast 1.0", "0.10.55"] {
        assert!(after.out.contains(text), "no {text} in {}", after.out);
    }
    assert!(!after.out.contains("not assessed"), "the set is complete: {}", after.out);
}

/// A root of Debian 12 with OpenSSL and a Python package, whose version has flaws by upstream's count.
fn image(world: &World) {
    let dist = "usr/lib/python3/dist-packages";
    world
        .write("image/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .write(
            "image/var/lib/dpkg/status",
            "Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1~deb12u1\n\n\
             Package: python3-requests\nStatus: install ok installed\nSource: requests\nVersion: 2.28.1+dfsg-1\n",
        )
        .write("image/var/lib/dpkg/info/python3-requests.list", format!("/.\n/{dist}/requests-2.28.1.egg-info\n"))
        .write(&format!("image/{dist}/requests-2.28.1.egg-info"), "Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n");
}

fn debian(id: &str, source: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"DEBIAN-{id}","modified":"2026-07-20T00:00:00Z","upstream":["{id}"],"affected":[{{"package":{{"ecosystem":"Debian:12","name":"{source}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn the_distribution_decides_what_it_has_installed() {
    let world = World::new();
    // By upstream's count this version has flaws.
    world.write("own/requirements.txt", "requests==2.28.1\n");
    world.run("own --fail-on low --show all").ends(1).shows(&["CVE-2023-32681"]);
    image(&world);
    let unknown = world.run("image --fail-on low").ends(0).shows(&[
        "2 system packages",
        "2 libraries and packages are not assessed, no advisory data",
        "python3-requests",
        "db import",
    ]);
    assert!(!unknown.out.contains("CVE-"), "{}", unknown.out);
    let records = [
        debian("CVE-2023-5363", "openssl", "3.0.11-1~deb12u2"),
        debian("CVE-2024-0727", "openssl", "3.0.13-1~deb12u1"),
        debian("CVE-2023-32681", "requests", "2.28.1+dfsg-1"),
    ];
    world.write("debian.jsonl", records.join("\n"));
    world.run("db import debian.jsonl").ends(0).shows(&["deb-debian: of 2026-07-20, 3 records"]);
    let known = world.run("image --fail-on low --show all").ends(1).shows(&[
        "libssl3 3.0.11-1~deb12u1",
        "CVE-2023-5363",
        "CVE-2024-0727",
        "3.0.13-1~deb12u1",
    ]);
    // What the distribution has mended is no flaw, whatever upstream's version says.
    assert!(!known.out.contains("CVE-2023-32681") && !known.out.contains("not assessed"), "{}", known.out);
    let json = world.run("image --format json").out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["totals"]["system_packages"], &json["totals"]["unassessed"]), (&2.into(), &0.into()));
    // Installed by pip besides, the same version is upstream's again.
    let site = "image/opt/venv/lib/python3.11/site-packages/requests-2.28.1.dist-info";
    world.write("image/opt/venv/pyvenv.cfg", "version = 3.11.2\n");
    world.write(&format!("{site}/METADATA"), "Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n");
    world.run("image --fail-on low --show all").ends(1).shows(&["CVE-2023-32681"]);
}

/// Writes the database of RPM below a root, as SQLite with headers: a line each of name, epoch, version, release, vendor, module and the
/// metadata of Python that it owns, parted by `|`.
const RPM_DATABASE: &str = r#"
import os, sqlite3, sys
def header(line):
    name, epoch, version, release, vendor, module, owned = line.split('|')
    texts = lambda *values: (8, [value.encode() + b'\0' for value in values])
    text = lambda value: (6, [value.encode() + b'\0'])
    number = lambda value: (4, [value.to_bytes(4, 'big')])
    tags = {1000: text(name), 1001: text(version), 1002: text(release), 1022: text('x86_64')}
    tags |= {1003: number(int(epoch))} if epoch else {}
    tags |= {1011: text(vendor)} if vendor else {}
    tags |= {5096: text(module)} if module else {}
    tags |= {1116: number(0), 1117: texts('METADATA'), 1118: texts(owned + '/')} if owned else {}
    index, store = b'', b''
    for tag, (kind, values) in tags.items():
        store += bytes(-len(store) % 4)
        index += b''.join(it.to_bytes(4, 'big') for it in (tag, kind, len(store), len(values)))
        store += b''.join(values)
    return len(tags).to_bytes(4, 'big') + len(store).to_bytes(4, 'big') + index + store
os.makedirs(sys.argv[1])
base = sqlite3.connect(sys.argv[1] + '/rpmdb.sqlite')
base.execute("create table 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
for line in sys.argv[2:]:
    base.execute('insert into Packages(blob) values (?)', (header(line),))
base.commit()
"#;

fn an_rpm_is_judged_by_its_distribution() {
    let world = World::new();
    let site = "usr/lib/python3.9/site-packages/requests-2.28.1.dist-info";
    let root = |name: &str, release: &str, packages: &[&str]| {
        world
            .write(&format!("{name}/etc/os-release"), release)
            .write(
                &format!("{name}/{site}/METADATA"),
                "Metadata-Version: 2.1\nName: requests\nVersion: 2.28.1\n",
            )
            .write(&format!("{name}/{site}/INSTALLER"), "rpm\n");
        let folder = world.path(&format!("{name}/var/lib/rpm"));
        let made =
            Command::new("python3").args(["-c", RPM_DATABASE]).arg(folder).args(packages).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    let requests = format!("python3-requests||2.28.1|8.el9|AlmaLinux||/{site}");
    root(
        "alma",
        "ID=\"almalinux\"\nVERSION_ID=\"9.4\"\n",
        &[
            "vim-minimal|2|8.2.2637|20.el9|AlmaLinux||",
            "tar||1.34|6.el9|AlmaLinux||",
            "nodejs|1|18.9.1|1.el9|AlmaLinux|nodejs:18:9020020230327152102:rhel9|",
            "vim-own||1.0|1.el9|Somebody||",
            &requests,
        ],
    );
    // Of another distribution, nothing is there to be imported.
    root("fedora", "ID=fedora\nVERSION_ID=40\n", &["vim-minimal|2|9.1|1.fc40|Fedora Project||", &requests]);
    // Lines of the report are broken where they end.
    let told = |ran: Run, expected: &[&str]| {
        let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in expected {
            assert!(out.contains(text), "no `{text}` in {}", ran.out);
        }
        out
    };
    let out = told(
        world.run("alma --fail-on low").ends(0),
        &[
            "5 system packages",
            "4 libraries and packages are not assessed, no advisory data: python3-requests, tar, vim-minimal, vim-own",
            "1 library or package is not assessed, part of a module",
            "db import",
        ],
    );
    assert!(!out.contains("CVE-"), "{out}");
    let record = |id: &str, name: &str, fixed: &str| {
        format!(
            r#"{{"id":"ALSA-{id}","modified":"2026-07-20T00:00:00Z","related":["{id}"],"affected":[{{"package":{{"ecosystem":"AlmaLinux:9","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    };
    let records = [
        record("CVE-2024-22667", "vim-minimal", "2:8.2.2637-21.el9"),
        record("CVE-2024-22667", "vim-own", "2:8.2.2637-21.el9"),
        record("CVE-2023-44487", "nodejs", "1:18.18.2-2.module_el9.2.0+36+853e48f5"),
        record("CVE-2023-32681", "python3-requests", "2.28.1-8.el9"),
    ];
    world.write("alma.jsonl", records.join("\n"));
    world.run("db import alma.jsonl").ends(0).shows(&["rpm-almalinux: of 2026-07-20"]);
    let out = told(
        world.run("alma --fail-on low --show all").ends(1),
        &[
            "vim-minimal 2:8.2.2637-20.el9",
            "CVE-2024-22667",
            "2:8.2.2637-21.el9",
            "1 library or package is not assessed, no advisory data: vim-own",
            "part of a module, and the data do not say of which of its streams they speak: nodejs",
        ],
    );
    assert!(!out.contains("CVE-2023-32681") && !out.contains("CVE-2023-44487"), "{out}");
    let out = told(
        world.run("fedora --fail-on low").ends(0),
        &["2 libraries and packages are not assessed, no advisory data: python3-requests, vim-minimal"],
    );
    assert!(!out.contains("CVE-"), "{out}");
    // Changes that are only in the log are a gap.
    world.write("fedora/var/lib/rpm/rpmdb.sqlite-wal", "x");
    world.run("fedora").ends(4).shows(&["a log of changes to the database of RPM"]);
}

/// Whether system calls can be watched here.
pub(crate) fn can_trace() -> bool {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

/// The trial that watches the system calls of a scan and of a refused update.
pub(crate) fn offline_opens_no_socket_at_all() {
    let world = world();
    world.write("more/requirements.txt", GOOD);
    for arguments in ["--offline .", "--offline db update", "."] {
        let trace = world.path("../trace");
        let mut command = world.program("strace".as_ref(), "-f -e trace=network -o ../trace");
        command.arg(env!("CARGO_BIN_EXE_weighbridge")).args(arguments.split(' '));
        assert!(command.output().unwrap().status.code().is_some());
        let calls = std::fs::read_to_string(trace).unwrap();
        assert!(calls.contains("exited with"), "the trace is empty: {calls}");
        assert!(!calls.contains("socket("), "{arguments}: {calls}");
    }
}
