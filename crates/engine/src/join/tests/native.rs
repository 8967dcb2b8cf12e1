//! Native libraries below the packages that bring them.

use super::super::unknown;
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
