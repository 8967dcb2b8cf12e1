//! Native libraries and programs: what their headers say, and which libraries they show.

use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::Place;
use weighbridge_core::reader::{Claim, Hint};
use weighbridge_core::sink::Sink;

use crate::binary_builder::{Binary, elf, fat, mach_o, pe};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        names_and_contents_are_claimed,
        headers_are_read_in_every_format,
        texts_symbols_and_names_show_libraries,
        clients_are_not_libraries,
        what_looks_alike_is_told_apart,
        a_library_in_several_versions_is_told_once_for_each,
        texts_are_found_across_windows,
        what_is_broken_is_told,
    ]
}

/// What the reader says of these bytes under this name; why it stopped is said as well.
fn facts(name: &str, bytes: &[u8]) -> Vec<What> {
    let input = Input::new(Arc::new(bytes.to_vec()), Limits::default(), Cancel::default());
    let mut sink = Sink::new(Place::file(name), "native", Limits::default());
    if let Err(reason) = weighbridge_read::reader("native").unwrap().read(&input, &mut sink) {
        sink.unread(reason, None);
    }
    sink.finish().facts.into_iter().map(|fact| fact.what).collect()
}

fn names_and_contents_are_claimed() {
    let reader = weighbridge_read::reader("native").unwrap();
    let pe = pe(&Binary::default());
    for (path, head, expected) in [
        ("a.libs/libpng16-1d1ba958.so.16.58.0", &b"\x7fELF\x02\x01"[..], Claim::ByMagic),
        ("_x.abi3.so", b"\xcf\xfa\xed\xfe", Claim::ByMagic),
        ("a.dll", pe.as_slice(), Claim::ByMagic),
        ("bin/protoc", b"\x7fELF\x02\x01", Claim::ByMagic),
        ("a.so", b"text", Claim::ByName),
        ("a.so.txt", b"\x7fELF", Claim::No),
        ("so", b"text", Claim::No),
        // What has the name of another format is for its readers.
        ("model.onnx", b"\x7fELF", Claim::No),
        // A class of Java 8.
        ("Main", b"\xca\xfe\xba\xbe\0\0\0\x34", Claim::No),
    ] {
        let hint = Hint { path, size: 64, head };
        assert_eq!(reader.claims(&hint), expected, "{path}");
    }
}

fn headers_are_read_in_every_format() {
    let binary = Binary {
        name: "liba.so.1",
        needs: &["libb.so.2", "libc.so.6"],
        defines: &["PyInit_thing"],
        search: "$ORIGIN/../a.libs:/opt",
        version: "1, 3, 1, 0",
        debug: "liba.so.1-1.3.1-2.el8.x86_64.debug",
        ..Binary::default()
    };
    let mach = mach_o(&binary);
    for (name, bytes, machine, search, version) in [
        ("a.so", elf(&binary), "x86-64", "$ORIGIN/../a.libs,/opt", ""),
        ("a.dll", pe(&binary), "x86-64", "", "1.3.1.0"),
        ("a.dylib", mach.clone(), "arm64", "", "3.14.1"),
        ("b.dylib", fat(&[mach.clone(), mach]), "arm64+arm64", "", "3.14.1"),
    ] {
        let facts = facts(name, &bytes);
        let found = facts.iter().find_map(|what| match what {
            What::Binary(binary) => Some(binary),
            _ => None,
        });
        let found = found.unwrap_or_else(|| panic!("{name}: {facts:?}"));
        assert_eq!(
            (found.machine.as_str(), found.name.as_deref(), found.needs.join(",").as_str()),
            (machine, Some("liba.so.1"), "libb.so.2,libc.so.6"),
            "{name}"
        );
        assert_eq!(found.search.join(","), search, "{name}");
        assert_eq!(found.version.as_deref().unwrap_or_default(), version, "{name}");
        assert_eq!(found.module.as_deref(), Some("thing"), "{name}");
        assert_eq!(found.build_id.as_deref(), (name == "a.so").then_some("abcdef01"), "{name}");
        let debug = (name == "a.so").then_some("liba.so.1-1.3.1-2.el8.x86_64.debug");
        assert_eq!(found.debug.as_deref(), debug, "{name}");
    }
}

/// The libraries that a binary of this name shows, in each format: `NAME VERSION by SIGN`.
#[track_caller]
fn check(name: &str, binary: &Binary<'_>, expected: &str) {
    for (format, bytes) in [("ELF", elf(binary)), ("PE", pe(binary)), ("Mach-O", mach_o(binary))] {
        assert_eq!(libraries(name, &bytes), expected, "{name} as {format}");
    }
}

fn libraries(name: &str, bytes: &[u8]) -> String {
    let facts = facts(name, bytes);
    let told = facts.iter().filter_map(|what| match what {
        What::Library(library) => {
            let version = library.version.as_deref().unwrap_or("?");
            Some(format!("{} {version} by {}", library.name, library.sign.as_str()))
        }
        _ => None,
    });
    told.collect::<Vec<_>>().join(", ")
}

fn texts_symbols_and_names_show_libraries() {
    let texts = |texts| Binary { texts, ..Binary::default() };
    let defines = |defines| Binary { defines, ..Binary::default() };
    for (name, binary, expected) in [
        ("_x.so", texts(&["OpenSSL 3.0.7 1 Nov 2022"]), "openssl 3.0.7 by text"),
        ("_x.so", texts(&["OpenSSL 1.1.1w  11 Sep 2023"]), "openssl 1.1.1w by text"),
        // A build that a distribution patches is not the release of this number.
        ("libcrypto.so.1.1.1k", texts(&["OpenSSL 1.1.1k  FIPS 25 Mar 2021"]), "openssl 1.1.1k-fips by text"),
        ("_x.so", texts(&["\nlibpng version 1.6.58\n"]), "libpng 1.6.58 by text"),
        ("_x.so", texts(&[" deflate 1.2.12 Copyright 1995-2022 Jean-loup"]), "zlib 1.2.12 by text"),
        // Five digits stand for libxml2, but only where it shows itself.
        ("_x.so", texts(&["Extra content at the end of the document\n", "20914"]), "libxml2 2.9.14 by text"),
        ("_x.so", texts(&["20914"]), ""),
        ("_x.so", texts(&["N4absl12lts_2025081412log"]), "abseil 20250814 by text"),
        ("_x.so", defines(&["jpeg_std_error"]), "libjpeg-turbo ? by symbol"),
        ("libopenjp2-e530e1bf.so.2.5.4", texts(&[]), "openjpeg 2.5.4 by file name"),
        ("libpng16-57e5e0a0.so.16.37.0", texts(&[]), "libpng 1.6.37 by file name"),
        ("libopenblas-r0-f650aae0.3.3.so", texts(&[]), "openblas 0.3.3 by file name"),
        ("libavif.16.3.0.dylib", texts(&[]), "libavif 1.3.0 by file name"),
        // The numbers of these are those of the interface.
        ("libgfortran-83c28eba.so.5.0.0", texts(&[]), "libgfortran ? by file name"),
        ("libwebp-3ee34a0b.so.7.1.6", texts(&[]), "libwebp 1.3.0 by file name"),
        ("libfreetype-cb9caf6f.so.6.19.0", texts(&[]), "freetype 2.13.0 by file name"),
        ("libharfbuzz-3543f599.so.0.60710.0", texts(&[]), "harfbuzz 7.1.0 by file name"),
        ("liblcms2-12745711.so.2.0.15", texts(&[]), "lcms2 2.15 by file name"),
        // That of 2.13 and 2.13.1.
        ("liblcms2-1e643a89.so.2.0.13", texts(&[]), "lcms2 ? by file name"),
        ("libwebp-51b0b3f7.so.9.9.9", texts(&[]), "libwebp ? by file name"),
        // One text of nothing but a version counts, several say nothing.
        ("libgmp-8c6c054f.so.10.5.0", texts(&["6.3.0"]), "gmp 6.3.0 by text"),
        ("libgmp-8c6c054f.so.10.5.0", texts(&["6.3.0", "6.2.1"]), "gmp ? by file name"),
        // libavif with dav1d inside: the version that stands alone is that of libavif.
        (
            "libavif.16.4.2.dylib",
            Binary { defines: &["dav1d_version"], ..texts(&["1.4.2"]) },
            "dav1d ? by symbol, libavif 1.4.2 by file name",
        ),
        // Pillow stands in for fribidi with pointers of the same names.
        ("_imagingft.so", defines(&["PyInit__imagingft", "fribidi_version_info"]), ""),
        ("libnobody-e1f35c00.so", texts(&[]), ""),
        // Versions of SQLite are mistaken for nothing else, so that they count in copies too.
        ("_x.so", texts(&["SQLite format 3", "3.45.1", "3.11.7", "1.2.3"]), "sqlite 3.45.1 by text"),
        ("_x.so", texts(&["SQLite format 3", "3.45.1", "3.46.0"]), "sqlite ? by text"),
        // What OpenCV says of what was built with it, and not of what it is linked to.
        ("_x.so", texts(&["    PNG:                         build (ver 1.6.37)"]), "libpng 1.6.37 by text"),
        ("_x.so", texts(&["    PNG:                         /lib64/libpng.so (ver 1.6.37)"]), ""),
        // The library that libjpeg-turbo descends from.
        ("libjpeg-799ada35.so.9.6.0", texts(&["9f  14-Jan-2024"]), "libjpeg 9f by text"),
        ("libx265-f5385bb8.so.216", texts(&["4.2+1-e444744", "5.1"]), "x265 4.2 by text"),
        ("libmp3lame-8f9e436f.so.0", texts(&["LAME3.100 "]), "lame 3.100 by text"),
        ("libnetcdf.so.22", texts(&["4.9.3 of Dec 12 2025 15:12:25 $"]), "netcdf-c 4.9.3 by text"),
        (
            "_x.so",
            texts(&["/project/protobuf-21.12/src/google/protobuf/arena.cc"]),
            "protobuf 3.21.12 by text",
        ),
        ("libgdal-c8c9c467.so.36.3.10.3", texts(&[]), "gdal 3.10.3 by file name"),
        ("libgdal-c8c9c467.so.31.0.3", texts(&[]), "gdal ? by file name"),
    ] {
        check(name, &binary, expected);
    }
    let resource = Binary { version: "1.3.1.0", ..Binary::default() };
    assert_eq!(libraries("zlib1.dll", &pe(&resource)), "zlib 1.3.1 by version resource");
    assert_eq!(libraries("other.dll", &pe(&resource)), "");
    // The current version of a dylib is that of its interface: 3.14.1 here.
    let dylib = Binary { name: "libssl.3.dylib", ..Binary::default() };
    assert_eq!(libraries("libssl.3.dylib", &mach_o(&dylib)), "openssl ? by file name");
}

/// The traps of the research, section 7.
fn clients_are_not_libraries() {
    let text = "OpenSSL 1.1.1w  11 Sep 2023";
    for (name, binary, expected) in [
        // Built with the headers of a library that it binds to when it starts.
        (
            "_ssl.so",
            Binary { texts: &[text], asks: &["OpenSSL_version"], needs: &["liba.so"], ..Binary::default() },
            "",
        ),
        (
            "_ssl.so",
            Binary { texts: &[text], needs: &["libcrypto-1d1ba958.so.1.1"], ..Binary::default() },
            "",
        ),
        // Called like the library that it makes usable.
        ("libpng16.so", Binary { defines: &["PyInit_libpng16"], ..Binary::default() }, ""),
        // Messages and manuals.
        (
            "_x.so",
            Binary { texts: &["libpq >= 9.5 is required", "libxml2 <= 2.6.29"], ..Binary::default() },
            "",
        ),
        ("_x.so", Binary { texts: &["needs HDF5 library version 1.10 or later"], ..Binary::default() }, ""),
        ("_x.so", Binary { texts: &["PostgreSQL 9.0: for notifications"], ..Binary::default() }, ""),
        ("_x.so", Binary { texts: &["n3.11", "python3.11", "3.11.4"], ..Binary::default() }, ""),
        ("_x.so", Binary { texts: &["x264 - core 0000", "x264 - core %d"], ..Binary::default() }, ""),
        ("_x.so", Binary { texts: &["built against OpenSSL 1.1.1w  11 Sep 2023"], ..Binary::default() }, ""),
    ] {
        check(name, &binary, expected);
    }
}

fn what_looks_alike_is_told_apart() {
    let texts = |texts| Binary { texts, ..Binary::default() };
    for (name, binary, expected) in [
        ("_x.so", texts(&["OpenSSL 1.1.1 (compatible; BoringSSL)"]), "boringssl ? by text"),
        (
            "_x.so",
            Binary { defines: &["OpenSSL_version"], ..texts(&["OpenSSL 1.1.1 (compatible; BoringSSL)"]) },
            "boringssl ? by text",
        ),
        ("libz.so.1", texts(&[" deflate 1.3.1.zlib-ng Copyright 1995-2024"]), "zlib-ng 1.3.1 by text"),
        ("libz.1.3.1.zlib-ng.dylib", texts(&[]), "zlib-ng ? by file name"),
    ] {
        check(name, &binary, expected);
    }
}

fn a_library_in_several_versions_is_told_once_for_each() {
    let binary = Binary {
        texts: &[
            " deflate 1.2.12 Copyright 1995",
            " inflate 1.2.12 Copyright 1995",
            " deflate 1.3.1 Copyright 1995",
            "libopus 1.4",
        ],
        ..Binary::default()
    };
    check("_x.so", &binary, "opus 1.4 by text, zlib 1.2.12 by text, zlib 1.3.1 by text");
}

fn texts_are_found_across_windows() {
    // Windows have 1 MiB and share 512 bytes; the text stands everywhere around an edge.
    for before in ((1 << 20) - 600..(1 << 20) + 60).step_by(29) {
        let filler = "x".repeat(before);
        let binary = Binary { texts: &[&filler, "OpenSSL 3.0.7 1 Nov 2022"], ..Binary::default() };
        assert_eq!(libraries("_x.so", &elf(&binary)), "openssl 3.0.7 by text", "behind {before} bytes");
    }
}

fn what_is_broken_is_told() {
    let whole = elf(&Binary { needs: &["liba.so"], defines: &["zlibVersion"], ..Binary::default() });
    for (name, bytes) in [
        ("cut.so", whole[..80].to_vec()),
        ("text.so", b"not a library".to_vec()),
        ("order.so", [&whole[..5], &[9], &whole[6..]].concat()),
    ] {
        let facts = facts(name, &bytes);
        let is_told = facts.iter().any(|what| matches!(what, What::Malformed(_) | What::Unread(_)));
        assert!(is_told, "{name}: {facts:?}");
    }
}
