//! Streams of every codec: whole, several in a row, cut, broken and followed by something else.

use std::io::Write;

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;

use crate::support::{Packer, context, limited, said, test, unread, weigh_source};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("codecs::streams_are_unpacked", whole),
        test("codecs::streams_in_a_row_are_one", several),
        test("codecs::what_breaks_is_told_and_read_as_far_as_it_goes", broken),
        test("codecs::expansion_ends_at_the_ratio", bombs),
        test("codecs::large_streams_are_read_to_their_end", large),
    ]
}

/// Packs, whatever the codec is called.
pub(crate) fn pack(codec: &str, content: &[u8]) -> Vec<u8> {
    let fill = |writer: &mut dyn Write| writer.write_all(content).unwrap();
    match codec {
        "bzip2" => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            fill(&mut writer);
            writer.finish().unwrap()
        }
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            fill(&mut writer);
            writer.finish().unwrap()
        }
        "zlib" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            fill(&mut writer);
            writer.finish().unwrap()
        }
        "lz4" => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            fill(&mut writer);
            writer.finish().unwrap()
        }
        "lzma" => {
            let options = lzma_rust2::LzmaOptions::with_preset(1);
            let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
            fill(&mut writer);
            writer.finish().unwrap()
        }
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            fill(&mut writer);
            writer.finish().unwrap()
        }
        _ => ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest),
    }
}

const CODECS: [&str; 7] = ["bzip2", "gzip", "lz4", "lzma", "xz", "zlib", "zstd"];

/// What a box with one stream says, and what of it is not read.
fn read(codec: &str, packed: &[u8], limits: Limits) -> (Vec<String>, Vec<String>) {
    let packer = Packer::default().stream("a.lines", codec, packed);
    let readings = weigh_source("t", packer.pack(), &limited(limits)).unwrap();
    (said(&readings), unread(&readings))
}

#[track_caller]
fn check(codec: &str, packed: &[u8], told: &[&str], missing: &[&str]) {
    let (said, unread) = read(codec, packed, context().limits);
    let strip = |line: String| line.strip_prefix("t › a.lines: ").unwrap_or(&line).to_owned();
    let (said, unread): (Vec<_>, Vec<_>) =
        (said.into_iter().map(strip).collect(), unread.into_iter().map(strip).collect());
    assert_eq!(
        (said, unread),
        (told.iter().map(ToString::to_string).collect(), missing.iter().map(ToString::to_string).collect()),
        "{codec}"
    );
}

fn whole() {
    for codec in CODECS {
        check(codec, &pack(codec, b"say yes\nsay indeed\n"), &["yes", "indeed"], &[]);
        check(codec, &pack(codec, b""), &[], &[]);
    }
}

fn several() {
    for codec in ["bzip2", "gzip", "lz4", "xz", "zstd"] {
        let row = [pack(codec, b"say one\n"), pack(codec, b"say two\n")].concat();
        check(codec, &row, &["one", "two"], &[]);
    }
    // A frame for applications in front of and behind the data (RFC 8878, section 3.1.2).
    let skipped =
        [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &pack("zstd", b"say one\n"), b"\x51\x2a\x4d\x18\0\0\0\0"];
    check("zstd", &skipped.concat(), &["one"], &[]);
}

fn broken() {
    for codec in CODECS {
        let sound = pack(codec, b"say yes\n");
        let (_, unread) =
            read(codec, &[b"no such thing at all".as_slice(), &[0; 64]].concat(), context().limits);
        assert!(!unread.is_empty(), "{codec}: {unread:?}");
        // Cut anywhere, it never passes for whole; and nothing panics.
        for end in 0..sound.len() {
            let (_, unread) = read(codec, &sound[..end], context().limits);
            assert!(!unread.is_empty(), "{codec} cut at {end}");
            assert!(!unread.iter().any(|line| line.contains("defect")), "{codec} cut at {end}: {unread:?}");
        }
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 0x55;
            let (_, unread) = read(codec, &flipped, context().limits);
            assert!(
                !unread.iter().any(|line| line.contains("defect")),
                "{codec} flipped at {at}: {unread:?}"
            );
        }
        let (said, unread) = read(codec, &[sound.clone(), b"garbage".to_vec()].concat(), context().limits);
        assert_eq!(said, ["t › a.lines: yes"], "{codec}");
        // Decoders of several streams take it for the beginning of another one; that of LZMA reads ahead.
        assert_eq!(unread.len(), usize::from(codec != "lzma"), "{codec} with garbage behind: {unread:?}");
    }
}

fn bombs() {
    let zeros = vec![0; 16 << 20];
    for codec in CODECS {
        let packed = pack(codec, &zeros);
        let limits = Limits { expansion_ratio: 10, ..Limits::default() };
        let (_, unread) = read(codec, &packed, limits);
        assert_eq!(unread, ["t › a.lines: more than 10 unpacked bytes per packed byte"], "{codec}");
    }
}

fn large() {
    let content: String = (0..400_000u32).map(|number| format!("{number} ")).collect();
    for codec in CODECS {
        let packed = pack(codec, format!("{content}\nsay the end\n").as_bytes());
        let (said, unread) = read(codec, &packed, context().limits);
        assert_eq!(
            (said.last().map(String::as_str), unread.len()),
            (Some("t › a.lines: the end"), 0),
            "{codec}"
        );
    }
}
