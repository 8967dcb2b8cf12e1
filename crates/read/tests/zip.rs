//! Zip archives, good ones and ones that lie.

use std::fs;
use std::io::{Cursor, Write as _};
use std::process::Command;

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::{Claim, Hint};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::read::{read, read_within};
use crate::zip_builder::{Archive, end};

pub(crate) fn trials() -> Vec<Trial> {
    let python =
        Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    let mut trials = trials![
        good_archives_say_nothing_but_their_format,
        archives_of_the_zip_crate_are_read,
        claims_go_by_the_first_bytes_and_then_by_the_name,
        a_local_header_that_disagrees_is_a_second_member,
        flags_are_not_obeyed,
        encrypted_members_are_unread,
        members_of_one_name_are_all_read,
        members_that_the_directory_hides_are_read,
        a_missing_directory_is_no_hiding_place,
        bytes_around_the_archive_are_told,
        a_second_end_record_is_followed,
        names_that_leave_the_folder_are_told,
        unknown_methods_are_unread,
        broken_archives_end_with_a_reason,
        a_checkpoint_is_its_pickles,
        arrays_are_an_npz,
        overlapping_members_are_told,
        a_million_members_end_at_the_limit,
        deep_nesting_costs_one_level_at_a_time,
        zip64_sizes_are_read,
    ];
    trials.push(
        Trial::test("zip::python_and_we_agree", || {
            python_and_we_agree();
            Ok(())
        })
        .with_ignored_flag(!python),
    );
    trials
}

/// Reads an archive and compares every fact and the names of the children.
fn check(archive: &Archive, facts: &[&str], steps: &[&str]) {
    let read = read("zip", &archive.bytes());
    assert_eq!(read.facts, facts);
    assert_eq!(read.steps(), steps);
}

fn two() -> Archive {
    Archive::default().stored("a.txt", b"alpha").deflated("b.txt", b"beta beta beta beta")
}

fn good_archives_say_nothing_but_their_format() {
    check(&two(), &["format zip"], &["a.txt", "b.txt"]);
    check(&Archive::default(), &["format zip"], &[]);
    check(&two().but(|zip| zip.comment = b"hello".to_vec()), &["format zip"], &["a.txt", "b.txt"]);
    check(&two().stored("folder/", b""), &["format zip"], &["a.txt", "b.txt"]);
    let read = read("zip", &two().bytes());
    assert_eq!(read.child("a.txt"), b"alpha");
    assert_eq!(read.child("b.txt"), b"beta beta beta beta");
    // An archive that is stored inside has an end record of its own.
    let nested = Archive::default().stored("inner.zip", &two().bytes());
    check(&nested, &["format zip"], &["inner.zip"]);
    // Sizes may follow the data, with or without a signature.
    for signature in [b"PK\x07\x08".as_slice(), b""] {
        let streamed = two().but(|zip| {
            for member in &mut zip.members {
                let header = member.central.clone().unwrap();
                member.after = [signature, &header.checksum.to_le_bytes()].concat();
                member.after.extend(header.packed.to_le_bytes());
                member.after.extend(header.unpacked.to_le_bytes());
                member.central().flags = 8;
                let local = member.local();
                (local.flags, local.checksum, local.packed, local.unpacked) = (8, 0, 0, 0);
            }
        });
        check(&streamed, &["format zip"], &["a.txt", "b.txt"]);
    }
}

fn archives_of_the_zip_crate_are_read() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, method) in [("s", CompressionMethod::Stored), ("d", CompressionMethod::Deflated)] {
        for large in [false, true] {
            let options = SimpleFileOptions::default().compression_method(method).large_file(large);
            writer.start_file(format!("{name}{large}"), options).unwrap();
            writer.write_all(name.repeat(1000).as_bytes()).unwrap();
        }
    }
    writer.add_directory("folder", SimpleFileOptions::default()).unwrap();
    let read = read("zip", &writer.finish().unwrap().into_inner());
    assert_eq!(read.facts, ["format zip"]);
    assert_eq!(read.steps(), ["sfalse", "strue", "dfalse", "dtrue"]);
    assert_eq!(read.child("strue"), "s".repeat(1000).as_bytes());
    assert_eq!(read.child("dtrue"), "d".repeat(1000).as_bytes());
}

fn claims_go_by_the_first_bytes_and_then_by_the_name() {
    let reader = weighbridge_read::reader("zip").unwrap();
    for (path, head, claim) in [
        ("a.bin", b"PK\x03\x04".as_slice(), Claim::ByMagic),
        ("a", b"PK\x05\x06", Claim::ByMagic),
        ("a", b"PK00PK\x03\x04", Claim::ByMagic),
        ("a.npz", b"", Claim::ByName),
        ("a.ZIP", b"#!/bin/sh", Claim::ByName),
        ("a.pt", b"", Claim::ByName),
        ("a.txt", b"PK", Claim::No),
        ("zip", b"", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}

fn a_local_header_that_disagrees_is_a_second_member() {
    let say = |field: &str, central: &str, local: &str| {
        format!(
            "0: malformed: `a.txt`: the central directory says {field} {central}, the local header {local}"
        )
    };
    let archive = two().but(|zip| zip.members[0].local().name = b"a.pkl".to_vec());
    check(
        &archive,
        &[
            "0: malformed: `a.txt`: the central directory says name `a.txt`, the local header `a.pkl`",
            "format zip",
        ],
        &["a.txt", "#local/a.pkl", "b.txt"],
    );
    let archive = two().but(|zip| zip.members[0].local().packed = 3);
    check(&archive, &[&say("packed size", "5", "3"), "format zip"], &["a.txt", "#local/a.txt", "b.txt"]);
    assert_eq!(read("zip", &archive.bytes()).child("#local/a.txt"), b"alp");
    let archive = two().but(|zip| zip.members[0].local().method = 8);
    check(
        &archive,
        &[&say("compression method", "0", "8"), "format zip"],
        &["a.txt", "#local/a.txt", "b.txt"],
    );
    let archive = two().but(|zip| zip.members[0].local().unpacked = 9);
    check(&archive, &[&say("unpacked size", "5", "9"), "format zip"], &["a.txt", "b.txt"]);
    let archive = two().but(|zip| zip.members[0].local().checksum = 1);
    read("zip", &archive.bytes())
        .says("the central directory says checksum 0xd0e0396a, the local header 0x00000001");
    let archive = two().but(|zip| zip.members[1].offset = Some(7));
    read("zip", &archive.bytes()).says("`b.txt` has no local header at 7, where the directory says");
    // The header itself is then one that the directory does not name.
    assert_eq!(read("zip", &archive.bytes()).steps(), ["a.txt", "#hidden/b.txt"]);
}

fn flags_are_not_obeyed() {
    // Loaders built on miniz read these members; others refuse them (CVE-2025-1945).
    for flag in [0x01, 0x20, 0x40] {
        let archive = two().but(|zip| {
            for member in &mut zip.members {
                member.central().flags |= flag;
            }
        });
        let read = read("zip", &archive.bytes());
        read.says(&format!("`a.txt`: the central directory says flags {flag:#06x}, the local header 0x0000"));
        assert_eq!(read.child("a.txt"), b"alpha");
        assert_eq!(read.child("b.txt"), b"beta beta beta beta");
    }
    // How hard the packer tried is nobody's business.
    check(&two().but(|zip| zip.members[1].central().flags = 4), &["format zip"], &["a.txt", "b.txt"]);
}

fn encrypted_members_are_unread() {
    let archive = two().but(|zip| {
        // Twelve bytes of header, then bytes that make no sense.
        for (member, size) in zip.members.iter_mut().zip([17u32, 31]) {
            member.data =
                (0..size).map(|byte| u8::try_from(byte).unwrap().wrapping_mul(151) ^ 0x5a).collect();
            for header in [member.local.as_mut(), member.central.as_mut()].into_iter().flatten() {
                header.flags = 1;
                header.packed = size;
            }
        }
    });
    let read = read("zip", &archive.bytes());
    assert_eq!(read.steps(), Vec::<&str>::new());
    read.says("malformed: `a.txt` is encrypted");
    assert_eq!(read.facts.iter().filter(|fact| fact.ends_with("unread: encrypted")).count(), 2);
}

fn members_of_one_name_are_all_read() {
    let archive = Archive::default().stored("m/data.pkl", b"first").stored("m/data.pkl", b"second");
    let read = read("zip", &archive.bytes());
    read.says("more than one member is called `m/data.pkl`");
    assert_eq!(read.child("m/data.pkl"), b"first");
    assert_eq!(read.child("#2/m/data.pkl"), b"second");
}

fn members_that_the_directory_hides_are_read() {
    for archive in
        [two().deflated("c.pkl", b"gamma"), two().deflated("c.pkl", b"gamma").stored("d", b"delta")]
    {
        let archive = archive.but(|zip| zip.members[2].central = None);
        let read = read("zip", &archive.bytes());
        read.says("malformed: `c.pkl` has a local header and is not in the central directory");
        assert_eq!(read.child("#hidden/c.pkl"), b"gamma");
    }
    // Behind bytes that are nothing, and of a size that only shows at its end.
    let archive = two().stored("c.pkl", b"gamma").but(|zip| {
        zip.members[1].after = b"nothing".to_vec();
        zip.members[2].central = None;
        let local = zip.members[2].local();
        (local.flags, local.checksum, local.packed, local.unpacked) = (8, 0, 0, 0);
    });
    let read = read("zip", &archive.bytes());
    read.says("malformed: 7 bytes stand between the members and belong to none");
    assert_eq!(read.child("#hidden/c.pkl"), b"gamma");
}

fn a_missing_directory_is_no_hiding_place() {
    let archive = two().but(|zip| zip.no_directory = true);
    let size = archive.bytes().len();
    check(
        &archive,
        &[
            &format!(
                "{size}: malformed: the central directory is missing: members are read from their local headers"
            ),
            "format zip",
        ],
        &["#hidden/a.txt", "#hidden/b.txt"],
    );
    // The same when the file is cut inside its directory.
    let mut cut = two().bytes();
    cut.truncate(cut.len() - 30);
    let read = read("zip", &cut);
    assert_eq!(read.child("#hidden/a.txt"), b"alpha");
    assert_eq!(read.child("#hidden/b.txt"), b"beta beta beta beta");
}

fn bytes_around_the_archive_are_told() {
    let archive = two().but(|zip| zip.prefix = b"#!/bin/sh\n".to_vec());
    check(
        &archive,
        &["0: malformed: 10 bytes stand before the first member", "format zip"],
        &["a.txt", "b.txt"],
    );
    let archive = two().but(|zip| zip.trailing = b"\x80\x04.".to_vec());
    let size = archive.bytes().len() - 3;
    let trailing = format!("{size}: malformed: 3 bytes stand after the archive");
    check(&archive, &[&trailing, "format zip"], &[&format!("#bytes at {size}"), "a.txt", "b.txt"]);
    let archive = two().but(|zip| zip.gap = b"xx".to_vec());
    read("zip", &archive.bytes()).says("malformed: 2 bytes stand between the members and belong to none");
    // More than any comment can hold: no end record is found, the members still are.
    let archive = two().but(|zip| zip.trailing = vec![b'x'; 70_000]);
    let read = read("zip", &archive.bytes());
    assert_eq!(read.child("#hidden/a.txt"), b"alpha");
}

fn a_second_end_record_is_followed() {
    // A whole second archive as the comment of the first: its members are seen by loaders that take the last record.
    let evil = Archive::default().stored("evil.pkl", b"evil");
    let archive = two().but(|zip| zip.comment = evil.bytes());
    let read = read("zip", &archive.bytes());
    read.says("a second end of the central directory: loaders differ in which one they take");
    assert_eq!(read.child("evil.pkl"), b"evil");
    assert_eq!(read.child("a.txt"), b"alpha");
    // An empty look-alike hides nothing either.
    let archive = two().but(|zip| zip.comment = end(0, 0, 0, b""));
    assert_eq!(read_steps(&archive), ["a.txt", "b.txt"]);
    // Nor does one that is no directory at all.
    let archive = two().but(|zip| zip.comment = end(3, 9, 1, b""));
    check(&archive, &["format zip"], &["a.txt", "b.txt"]);
}

fn read_steps(archive: &Archive) -> Vec<String> {
    read("zip", &archive.bytes()).steps().into_iter().map(str::to_owned).collect()
}

fn names_that_leave_the_folder_are_told() {
    for name in ["../a", "a/../../b", "/etc/passwd", "C:\\x", "..\\a", "\\\\host\\x"] {
        let read = read("zip", &Archive::default().stored(name, b"x").bytes());
        read.says(&format!("malformed: `{name}` would be written outside the folder"));
        assert_eq!(read.child(name), b"x");
    }
    for name in ["a..b/c", "...", "a/b:c"] {
        check(&Archive::default().stored(name, b"x"), &["format zip"], &[name]);
    }
    let link = two().but(|zip| zip.members[0].central().mode = 0o120_777);
    read("zip", &link.bytes()).says("malformed: `a.txt` is a symbolic link");
    let odd = Archive::default().stored("a", b"x").but(|zip| {
        zip.members[0].local().name = b"\xff\xfe".to_vec();
        zip.members[0].central().name = b"\xff\xfe".to_vec();
    });
    check(&odd, &["format zip"], &["\\xff\\xfe"]);
    // The Unicode path extra field names it differently: version, checksum of the name, name.
    let second = two().but(|zip| {
        zip.members[0].central().extra = [b"\x75\x70\x0a\x00\x01\0\0\0\0".as_slice(), b"b.pkl"].concat();
    });
    read("zip", &second.bytes()).says("`a.txt` has a second name, `b.pkl`, which some tools prefer");
}

fn unknown_methods_are_unread() {
    for (method, text) in [(14, "14 (LZMA)"), (9, "9 (Deflate64)"), (77, "77")] {
        let archive = two().but(|zip| {
            zip.members[0].local().method = method;
            zip.members[0].central().method = method;
        });
        let read = read("zip", &archive.bytes());
        read.says(&format!("unread: `a.txt`: compression method {text}, not read by this version"));
        assert_eq!(read.steps(), ["b.txt"]);
    }
}

fn broken_archives_end_with_a_reason() {
    for bytes in [b"".as_slice(), b"PK", b"PK\x03\x04", &[0; 4096], &[0xff; 100], b"PK\x05\x06"] {
        let read = read("zip", bytes);
        assert_eq!(
            read.facts,
            ["ended: malformed: no zip archive: it has neither a central directory nor a member"]
        );
    }
    // Whatever is cut off, what comes out lies inside the file.
    let whole = two().but(|zip| zip.prefix = b"prefix".to_vec()).bytes();
    for size in 0..whole.len() {
        read("zip", &whole[..size]);
    }
    let counted = two().but(|zip| zip.entries = Some(9));
    read("zip", &counted.bytes()).says("the archive states 9 members and its directory lists 2");
}

fn a_checkpoint_is_its_pickles() {
    let storage = b"\x80\x04\x95raw floats that look like a pickle";
    let archive = Archive::default()
        .stored("model/data.pkl", b"\x80\x02}.")
        .stored("model/byteorder", b"little")
        .stored("model/data/0", storage)
        .stored("model/data/1", b"12345678")
        .stored("model/version", b"3\n");
    let read_it = read("zip", &archive.bytes());
    let tensors = format!("tensors: 2 of 0 elements, {} bytes, []", storage.len() + 8);
    let storages = r#"Storages({"model/data": {"0": 37, "1": 8}})"#;
    assert_eq!(read_it.facts, ["format pytorch-zip", &tensors, storages]);
    assert_eq!(read_it.steps(), ["model/data.pkl", "model/byteorder", "model/version"]);
    let readers: Vec<_> = read_it.children.iter().map(|(_, reader, _)| *reader).collect();
    assert_eq!(readers, [Some("pickle"), None, None]);
    // A storage by the directory, a pickle by its local header: read as the pickle that some loaders take it for.
    let lie = archive.but(|zip| zip.members[2].local().name = b"model/data.pkl".to_vec());
    let read_lie = read("zip", &lie.bytes());
    assert_eq!(read_lie.child("#local/model/data.pkl"), storage);
    let script = Archive::default()
        .stored("m/data.pkl", b"")
        .stored("m/code/__torch__.py", b"def forward(self): ...")
        .stored("m/code/__torch__.py.debug_pkl", b"")
        .stored("m/constants.pkl", b"");
    let read_script = read("zip", &script.bytes());
    let storages = "Storages({\"m/constants\": {}, \"m/data\": {}})";
    assert_eq!(read_script.facts, ["format torchscript", storages]);
    let readers: Vec<_> = read_script.children.iter().map(|(_, reader, _)| *reader).collect();
    assert_eq!(readers, [Some("pickle"), Some("torchscript"), Some("pickle"), Some("pickle")]);
}

fn arrays_are_an_npz() {
    let archive = Archive::default().stored("a.npy", b"\x93NUMPY").deflated("b.npy", b"\x93NUMPY");
    check(&archive, &["format npz"], &["a.npy", "b.npy"]);
    check(&archive.stored("c.txt", b""), &["format zip"], &["a.npy", "b.npy", "c.txt"]);
}

fn overlapping_members_are_told() {
    // Every directory entry points at the same data: the expansion without nesting.
    let zeros = vec![0; 100_000];
    let mut archive = Archive::default().deflated("0", &zeros);
    for number in 1..40 {
        archive = archive.deflated(&number.to_string(), &zeros);
        let last = archive.members.last_mut().unwrap();
        last.local = None;
        last.offset = Some(0);
    }
    let read = read("zip", &archive.bytes());
    read.says("malformed: `1` shares its local header with another member");
    // One fault is not told a thousand times.
    read.says("malformed: 19 more members share a local header with another one");
    assert_eq!(read.children.len(), 40);
    // A member whose data reach over the next one.
    let archive = two().but(|zip| {
        zip.members[0].local().packed = 50;
        zip.members[0].central().packed = 50;
    });
    crate::read::read("zip", &archive.bytes())
        .says("what begins at 40 lies inside what stands before it, which ends at 85");
}

fn a_million_members_end_at_the_limit() {
    let header = Archive::default().stored("x", b"").bytes();
    let (local, rest) = header.split_at(31);
    let entry = &rest[..47];
    let mut bytes = local.to_vec();
    for _ in 0..1_000_000 {
        bytes.extend(entry);
    }
    let size = u32::try_from(1_000_000 * entry.len()).unwrap();
    bytes.extend(end(16_960, size, 31, b""));
    let read = read_within("zip", &bytes, Limits { entries: 10_000, ..Limits::default() });
    read.says("ended: more than 10000 entries in one container");
    assert_eq!(read.children.len(), 10_000);
    assert!(read.facts.len() < 100, "{}", read.facts.len());
    // The same without a directory.
    let bytes = local.repeat(1_000_000);
    let read = read_within("zip", &bytes, Limits { entries: 10_000, ..Limits::default() });
    read.says("ended: more than 10000 entries in one container");
}

fn deep_nesting_costs_one_level_at_a_time() {
    let mut bytes = b"core".to_vec();
    for _ in 0..1_000 {
        bytes = Archive::default().stored("n.zip", &bytes).bytes();
    }
    for _ in 0..1_000 {
        let read = read("zip", &bytes);
        assert_eq!(
            (read.facts.as_slice(), read.steps().as_slice()),
            (["format zip".to_owned()].as_slice(), ["n.zip"].as_slice())
        );
        bytes = read.child("n.zip").to_vec();
    }
    assert_eq!(bytes, b"core");
}

fn zip64_sizes_are_read() {
    // The directory says "look in the extra field", which holds unpacked size, packed size and offset (APPNOTE 4.5.3).
    let archive = two().but(|zip| {
        let mut extra = vec![1, 0, 24, 0];
        for value in [5u64, 5, 0] {
            extra.extend(value.to_le_bytes());
        }
        let central = zip.members[0].central();
        (central.packed, central.unpacked, central.extra) = (u32::MAX, u32::MAX, extra);
        zip.members[0].offset = Some(u32::MAX);
    });
    check(&archive, &["format zip"], &["a.txt", "b.txt"]);
    // A zip64 end record that contradicts the classic one.
    let plain = two().bytes();
    let (before, classic) = plain.split_at(plain.len() - 22);
    let directory = u64::from(u32::from_le_bytes(classic[16..20].try_into().unwrap()));
    let size = u64::from(u32::from_le_bytes(classic[12..16].try_into().unwrap()));
    for (start, lies) in [(directory, false), (directory + 51, true)] {
        let mut record = b"PK\x06\x06".to_vec();
        record.extend(44u64.to_le_bytes());
        record.extend([0; 12]);
        for value in [2 - u64::from(lies), 2 - u64::from(lies), size - (start - directory), start] {
            record.extend(value.to_le_bytes());
        }
        let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
        locator.extend(u64::try_from(before.len()).unwrap().to_le_bytes());
        locator.extend(1u32.to_le_bytes());
        let read = read("zip", &[before, &record, &locator, classic].concat());
        assert_eq!(
            read.facts.iter().any(|fact| fact.contains("name different central directories")),
            lies,
            "{:?}",
            read.facts
        );
        assert_eq!(read.child("b.txt"), b"beta beta beta beta");
        assert_eq!(read.child("a.txt"), b"alpha");
    }
}

fn python_and_we_agree() {
    let folder = std::env::temp_dir().join(format!("weighbridge-zip-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let script = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1], 'w') as z:\n\
        \x20   z.writestr('stored.txt', 'a' * 100)\n\
        \x20   z.writestr('folder/', '')\n\
        \x20   z.writestr('deflated.txt', 'b' * 1000, zipfile.ZIP_DEFLATED)\n\
        \x20   z.writestr('ümlaut.txt', 'c')\n\
        \x20   with z.open('large.txt', 'w', force_zip64=True) as f: f.write(b'd' * 10)\n\
        \x20   z.comment = b'a comment'\n";
    let path = folder.join("python.zip");
    let status = Command::new("python3").arg("-c").arg(script).arg(&path).status().unwrap();
    assert!(status.success());
    let read_python = read("zip", &fs::read(&path).unwrap());
    assert_eq!(read_python.facts, ["format zip"]);
    assert_eq!(read_python.steps(), ["stored.txt", "deflated.txt", "ümlaut.txt", "large.txt"]);
    assert_eq!(read_python.child("deflated.txt"), "b".repeat(1000).as_bytes());
    // What our builder calls good, Python reads.
    fs::write(&path, two().bytes()).unwrap();
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\n\
        print(z.testzip(), [z.read(name) for name in z.namelist()])";
    let output = Command::new("python3").arg("-c").arg(script).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "None [b'alpha', b'beta beta beta beta']");
    fs::remove_dir_all(&folder).unwrap();
}
