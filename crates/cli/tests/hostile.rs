//! Targets that are made to exhaust whoever looks at them: the whole program says what it did not read, in little memory.
//!
//! The memory of the process is limited by the system, so that one that asks for more ends with another code.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::Test;
use crate::support::{Run, World};

pub(crate) const TESTS: &[Test] = &[
    ("a_zip_of_a_million_entries", a_zip_of_a_million_entries),
    ("a_zip_bomb", a_zip_bomb),
    ("zips_nested_a_thousand_deep", zips_nested_a_thousand_deep),
    ("metadata_of_100_mb", metadata_of_100_mb),
    ("requirements_that_include_themselves", requirements_that_include_themselves),
    ("sizes_that_no_machine_has", sizes_that_no_machine_has),
    ("a_pickle_of_nothing_but_marks", a_pickle_of_nothing_but_marks),
];

/// Kilobytes of address space: code, threads with their stacks, and what a scan may need.
const LIMIT: &str = "1500000";

/// Scans the target within the limit.
fn scan(world: &World, target: &str) -> Run {
    let mut command = world.program(Path::new("/bin/sh"), "");
    command.args(["-c", r#"ulimit -v "$0"; exec "$@""#, LIMIT, env!("CARGO_BIN_EXE_weighbridge"), target]);
    command.output().unwrap().into()
}

/// A stored or deflated member of a zip archive without a checksum, which nobody here compares.
struct Member<'a> {
    name: &'a str,
    /// Compression method: 0 stored, 8 deflated (APPNOTE 4.4.5).
    method: u16,
    data: &'a [u8],
    unpacked: u32,
}

/// A zip archive of these members, each `times` times.
fn zip(members: &[Member<'_>], times: u32) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        for _ in 0..times {
            let offset = u32::try_from(body.len()).unwrap();
            let mut header = Vec::new();
            for field in [20, 0, member.method, 0, 33] {
                header.extend(u16::to_le_bytes(field));
            }
            for field in [0, u32::try_from(member.data.len()).unwrap(), member.unpacked] {
                header.extend(u32::to_le_bytes(field));
            }
            header.extend(u16::try_from(member.name.len()).unwrap().to_le_bytes());
            body.extend(
                [b"PK\x03\x04".as_slice(), &header, &[0; 2], member.name.as_bytes(), member.data].concat(),
            );
            directory.extend([b"PK\x01\x02\x14\x00".as_slice(), &header, &[0; 12]].concat());
            directory.extend(offset.to_le_bytes());
            directory.extend(member.name.as_bytes());
        }
    }
    // Readers of archives with more entries than fit into the field go by the size of the directory.
    let count = u16::try_from(members.len() as u64 * u64::from(times) % 65_536).unwrap();
    let end = [
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &count.to_le_bytes(),
        &count.to_le_bytes(),
        &u32::try_from(directory.len()).unwrap().to_le_bytes(),
        &u32::try_from(body.len()).unwrap().to_le_bytes(),
        &[0; 2],
    ];
    [body, directory, end.concat()].concat()
}

fn stored<'a>(name: &'a str, data: &'a [u8]) -> Member<'a> {
    Member { name, method: 0, data, unpacked: u32::try_from(data.len()).unwrap() }
}

fn a_zip_of_a_million_entries() {
    let world = World::new();
    world.write("million/model.zip", zip(&[stored("a.pkl", b"N.")], 1_000_000));
    scan(&world, "million").ends(4).shows(&["model.zip: more than 100000 entries in one container"]);
}

fn a_zip_bomb() {
    let world = World::new();
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        packer.write_all(&zeros).unwrap();
    }
    let data = packer.finish().unwrap();
    world.write(
        "bomb/model.zip",
        zip(&[Member { name: "a.pkl", method: 8, data: &data, unpacked: 1 << 30 }], 1),
    );
    scan(&world, "bomb").ends(4).shows(&["a.pkl: more than 1000 unpacked bytes per packed byte"]);
}

fn zips_nested_a_thousand_deep() {
    let world = World::new();
    let mut inner = zip(&[stored("a.pkl", b"N.")], 1);
    for _ in 0..1_000 {
        inner = zip(&[stored("n.zip", &inner)], 1);
    }
    world.write("nested/n.zip", inner);
    scan(&world, "nested").ends(4).shows(&["more than 16 containers nested in each", "other"]);
}

fn metadata_of_100_mb() {
    let world = World::new();
    let mut metadata = b"Metadata-Version: 2.1\nName: large\nVersion: 1\n".to_vec();
    metadata.extend(b"Requires-Dist: other\n".repeat(5_000_000));
    world.write("site-packages/large-1.dist-info/METADATA", metadata);
    let run = scan(&world, "site-packages").ends(4);
    // Name and version stand at its beginning and are known all the same.
    run.shows(&["1 package", "METADATA: more than", "bytes of a text file"]);
}

fn requirements_that_include_themselves() {
    let world = World::new();
    world.write("a/requirements.txt", "-r requirements.txt\n-r other.txt\nsix==1.17.0\n");
    world.write("a/other.txt", "-r requirements.txt\n-c other.txt\n");
    scan(&world, "a").ends(0).shows(&["1 package", "nothing found"]);
}

fn sizes_that_no_machine_has() {
    let world = World::new();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846975,), }\n";
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    world.write("a/a.npy", [b"\x93NUMPY\x01\0".as_slice(), &length, header.as_bytes()].concat());
    world.write("a/b.safetensors", [&(1u64 << 60).to_le_bytes(), b"{}".as_slice()].concat());
    // A text of 2^40 bytes, and an index of 2^32 - 1 into the memo.
    world.write("a/c.pkl", b"\x80\x04\x8d\0\0\0\0\0\x01\0\0text");
    world.write("a/d.pkl", b"\x80\x02Nr\xff\xff\xff\xff.");
    let run = scan(&world, "a").ends(4);
    run.shows(&["INCOMPLETE: 3 places", "a.npy", "b.safetensors: malformed: the header claims", "c.pkl"]);
}

fn a_pickle_of_nothing_but_marks() {
    let world = World::new();
    world.write("a/a.pkl", [b"\x80\x04".as_slice(), &vec![b'('; 50_000_000], b"."].concat());
    scan(&world, "a").ends(4).shows(&["a.pkl"]);
}
