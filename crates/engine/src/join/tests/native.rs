//! Native libraries below the packages that bring them.

use super::super::{unequal_claims, unknown};
use super::text::{check, facts, joined};

#[test]
fn libraries_hang_below_the_package_that_brings_them() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist cv 1 (records cv.libs/libcrypto.so.3 cv.libs/libssl.so.3 cv/cv2.so cv/plain.so cv.libs/odd.so)
        lib/cv.libs/libcrypto.so.3: binary : openssl 3.0.7
        lib/cv.libs/libssl.so.3: binary needs=libcrypto.so.3 needs=libc.so.6: openssl ?
        lib/cv/cv2.so: binary needs=libssl.so.3 search=$ORIGIN/../cv.libs module=cv2: zlib 1.2.12
        lib/cv/plain.so: binary module=plain
        lib/cv.libs/odd.so: binary
        ",
        // The module that shows nothing is the package's own code and is left out; what was gathered and is not known
        // is there. That libssl is of the version of libcrypto beside it is inferred.
        "
        env: >> cv 1
        cv 1 => lib/cv.libs/libcrypto.so.3
        cv 1 => lib/cv.libs/libssl.so.3
        cv 1 => lib/cv.libs/odd.so
        cv 1 => lib/cv/cv2.so
        lib/cv.libs/libcrypto.so.3 >> openssl 3.0.7
        lib/cv.libs/libssl.so.3 >> openssl 3.0.7 inferred
        lib/cv.libs/libssl.so.3 ~> lib/cv.libs/libcrypto.so.3
        lib/cv/cv2.so >> zlib 1.2.12
        lib/cv/cv2.so ~> lib/cv.libs/libssl.so.3
        ",
    );
}

#[test]
fn two_versions_beside_each_other_say_nothing_of_a_third_file() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist a 1 (records a.libs/x.so a.libs/y.so a.libs/z.so)
        lib: dist b 1 (records b.libs/z.so)
        lib/a.libs/x.so: binary : ffmpeg 5.1
        lib/a.libs/y.so: binary : ffmpeg 8.1
        lib/a.libs/z.so: binary : ffmpeg ?
        lib/b.libs/z2.so: binary : ffmpeg ?
        ",
        "
        env: >> a 1
        env: >> b 1
        a 1 => lib/a.libs/x.so
        a 1 => lib/a.libs/y.so
        a 1 => lib/a.libs/z.so
        env: >> lib/b.libs/z2.so
        lib/a.libs/x.so >> ffmpeg 5.1
        lib/a.libs/y.so >> ffmpeg 8.1
        lib/a.libs/z.so >> ffmpeg ?
        lib/b.libs/z2.so >> ffmpeg ?
        ",
    );
}

#[test]
fn a_name_is_looked_for_where_the_binary_says() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist a 1 (records a/m.so)
        lib/a/m.so: binary needs=l.so needs=missing.so search=$ORIGIN/../other search=/etc : x 1
        lib/other/l.so: binary : y 1
        ",
        "
        env: >> a 1
        env: >> lib/other/l.so
        a 1 => lib/a/m.so
        lib/a/m.so >> x 1
        lib/other/l.so >> y 1
        lib/a/m.so ~> lib/other/l.so
        ",
    );
}

#[test]
fn what_was_gathered_and_is_not_known_is_named_by_package() {
    let text = "
        pyvenv.cfg: environment 3.11.4
        lib: dist faiss-cpu 1 (records faiss_cpu.libs/libodd-0123abcd.so.1 faiss_cpu.libs/libfaiss-0123abcd.so own/libmine.so)
        lib: dist b 2 (records b.libs/libodd-0123abcd.so.1 b.libs/libz.so.1 b.libs/m.so)
        lib/faiss_cpu.libs/libodd-0123abcd.so.1: binary
        lib/faiss_cpu.libs/libfaiss-0123abcd.so: binary
        lib/own/libmine.so: binary
        lib/b.libs/libodd-0123abcd.so.1: binary
        lib/b.libs/libz.so.1: binary : zlib ?
        lib/b.libs/m.so: binary module=m
        lib/nobody.libs/libstray.so: binary
        src/.libs/libbuilt.so: binary
        pkg/.dylibs/libelse.1.dylib: binary
        ";
    let joined = joined(text);
    let found = unknown(&facts(text), &joined.installed, &joined.graph);
    let found: Vec<String> = found
        .iter()
        .map(|(name, packages)| {
            format!("{name}: {}", packages.iter().cloned().collect::<Vec<_>>().join(", "))
        })
        .collect();
    // The package's own library, modules, libraries elsewhere and what libtool builds are none of them.
    assert_eq!(
        found,
        ["libelse.1.dylib: pkg", "libodd.so.1: b 2, faiss-cpu 1", "libstray.so: nobody"],
        "{found:?}"
    );
}

#[test]
fn what_a_distribution_built_is_its_package() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist cv 1 (records cv.libs/libcrypto-0123abcd.so.1.1 cv.libs/libXau-0123abcd.so.6 cv.libs/libz-0123abcd.so.1 cv/cv2.so)
        lib/cv-1.dist-info/sboms/a.json: bom pkg:pypi/cv@1: pkg:rpm/almalinux/openssl-libs@1:1.1.1k-15.el8_6, \
         pkg:rpm/almalinux/libXau@1.0.9-3.el8, pkg:rpm/almalinux/zlib@1.2.11-26.el8
        lib/cv.libs/libcrypto-0123abcd.so.1.1: binary : openssl 1.1.1k-fips
        lib/cv.libs/libXau-0123abcd.so.6: binary : libxau ?
        lib/cv.libs/libz-0123abcd.so.1: binary : zlib 1.3.1
        lib/cv/cv2.so: binary module=cv2: openssl 1.1.1k
        ",
        // A copy inside of a module is nobody's package, and zlib is of another version than the bill says.
        "
        env: >> cv 1
        cv 1 => lib/cv.libs/libcrypto-0123abcd.so.1.1
        cv 1 => lib/cv.libs/libXau-0123abcd.so.6
        cv 1 => lib/cv.libs/libz-0123abcd.so.1
        cv 1 => lib/cv/cv2.so
        cv 1 => openssl-libs 1:1.1.1k-15.el8_6 claimed
        cv 1 => libXau 1.0.9-3.el8 claimed
        cv 1 => zlib 1.2.11-26.el8 claimed
        lib/cv.libs/libcrypto-0123abcd.so.1.1 >> openssl-libs 1:1.1.1k-15.el8_6 claimed
        lib/cv.libs/libXau-0123abcd.so.6 >> libXau 1.0.9-3.el8 claimed
        lib/cv.libs/libz-0123abcd.so.1 >> zlib 1.3.1
        lib/cv/cv2.so >> openssl 1.1.1k
        ",
    );
}

#[test]
fn a_bill_that_says_less_than_there_is_says_nothing_of_files_without_version() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist a 1 (records a.libs/libxcb-0123abcd.so.1 a.libs/libxcb-shm-0123abcd.so.0)
        lib/a-1.dist-info/sboms/a.json: bom pkg:pypi/a@1: pkg:rpm/almalinux/libxcb@1.13.1-1.el8
        lib/a.libs/libxcb-0123abcd.so.1: binary : libxcb ?
        lib/a.libs/libxcb-shm-0123abcd.so.0: binary : libxcb ?
        ",
        "
        env: >> a 1
        a 1 => lib/a.libs/libxcb-0123abcd.so.1
        a 1 => lib/a.libs/libxcb-shm-0123abcd.so.0
        a 1 => libxcb 1.13.1-1.el8 claimed
        lib/a.libs/libxcb-0123abcd.so.1 >> libxcb ?
        lib/a.libs/libxcb-shm-0123abcd.so.0 >> libxcb ?
        ",
    );
}

#[test]
fn debug_symbols_and_other_packages_say_what_a_file_is() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist a 1 (records a.libs/libtiff-76fbcf36.so.5.3.0 a.libs/libdav1d-0123abcd.so.7)
        lib: dist b 1 (records b.libs/libtiff-22222222.so.5.3.0 b.libs/libdav1d-0123abcd-4567cdef.so.7 b.libs/libdav1d-99999999.so.7)
        lib: dist c 1 (records c.libs/libtiff-11111111.so.5.3.0)
        lib/a.libs/libtiff-76fbcf36.so.5.3.0: binary id=0123456789abcdef0123456789abcdef01234567 debug=libtiff.so.5.3.0-4.0.9-39.el8_10.x86_64.debug: libtiff 4.0.9
        lib/a.libs/libdav1d-0123abcd.so.7: binary : dav1d 1.5.1
        lib/b.libs/libtiff-22222222.so.5.3.0: binary id=0123456789abcdef0123456789abcdef01234567: libtiff 4.0.9
        lib/b.libs/libdav1d-0123abcd-4567cdef.so.7: binary : dav1d ?
        lib/b.libs/libdav1d-99999999.so.7: binary : x 1
        lib/c.libs/libtiff-11111111.so.5.3.0: binary debug=libtiff.so.5.3.0.debug: libtiff 4.0.9
        ",
        "
        env: >> a 1
        env: >> b 1
        env: >> c 1
        a 1 => lib/a.libs/libdav1d-0123abcd.so.7
        a 1 => lib/a.libs/libtiff-76fbcf36.so.5.3.0
        b 1 => lib/b.libs/libdav1d-0123abcd-4567cdef.so.7
        b 1 => lib/b.libs/libdav1d-99999999.so.7
        b 1 => lib/b.libs/libtiff-22222222.so.5.3.0
        c 1 => lib/c.libs/libtiff-11111111.so.5.3.0
        lib/a.libs/libdav1d-0123abcd.so.7 >> dav1d 1.5.1
        lib/a.libs/libtiff-76fbcf36.so.5.3.0 >> libtiff 4.0.9-39.el8_10 inferred
        lib/b.libs/libdav1d-0123abcd-4567cdef.so.7 >> dav1d 1.5.1 inferred
        lib/b.libs/libdav1d-99999999.so.7 >> x 1
        lib/b.libs/libtiff-22222222.so.5.3.0 >> libtiff 4.0.9-39.el8_10 inferred
        lib/c.libs/libtiff-11111111.so.5.3.0 >> libtiff 4.0.9-distribution
        ",
    );
}

#[test]
fn a_bill_says_the_version_that_a_file_does_not() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist p 1 (records p.libs/libwebp-0123abcd.so.7 p.libs/libpng16-0123abcd.so.16)
        lib/p-1.dist-info/sboms/p.json: bom pkg:pypi/p@1: libwebp 1.6.0, zlib 2.3.3
        lib/p.libs/libwebp-0123abcd.so.7: binary : libwebp ?
        lib/p.libs/libpng16-0123abcd.so.16: binary : libpng 1.6.58, zlib-ng ?
        ",
        // Nobody has ever released zlib 2.3.3: what people call zlib is zlib-ng, and the file shows it.
        "
        env: >> p 1
        p 1 => lib/p.libs/libwebp-0123abcd.so.7
        p 1 => lib/p.libs/libpng16-0123abcd.so.16
        p 1 => libwebp 1.6.0 claimed
        p 1 => zlib-ng 2.3.3 claimed
        lib/p.libs/libwebp-0123abcd.so.7 >> libwebp 1.6.0 claimed
        lib/p.libs/libpng16-0123abcd.so.16 >> libpng 1.6.58
        lib/p.libs/libpng16-0123abcd.so.16 >> zlib-ng 2.3.3 claimed
        ",
    );
}

#[test]
fn bills_and_files_that_disagree_are_told() {
    let text = "
        pyvenv.cfg: environment 3.11.4
        lib: dist cv 1 (records cv.libs/libcrypto-0123abcd.so.1.1 cv.libs/libz-0123abcd.so.1 cv.libs/libhdf5-0123abcd.so)
        lib/cv-1.dist-info/sboms/a.json: bom pkg:pypi/cv@1: pkg:rpm/almalinux/openssl-libs@1:1.1.1k-15.el8_6, \
         pkg:generic/zlib@1.3.1, pkg:generic/hdf5@1.14, pkg:generic/brotli@1.0
        lib/cv.libs/libcrypto-0123abcd.so.1.1: binary : openssl 1.1.1w
        lib/cv.libs/libz-0123abcd.so.1: binary : zlib 1.3.1
        lib/cv.libs/libhdf5-0123abcd.so: binary : hdf5 1.14.6
        ";
    let found = unequal_claims(&joined(text).graph);
    let expected = "cv 1: its bill of materials says openssl 1:1.1.1k-15.el8_6, its files say 1.1.1w";
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [expected]);
}
