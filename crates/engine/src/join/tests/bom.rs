//! Bills of materials below what brought them.

use std::collections::BTreeSet;

use super::super::unidentified;
use super::text::{check, facts};

#[test]
fn what_a_wheel_lists_hangs_below_its_package() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist cryptography 39.0.0
        lib: dist other 1
        lib/cryptography-39.0.0.dist-info/sboms/x.json: bom pkg:pypi/cryptography@39.0.0: pkg:pypi/cryptography@39.0.0, \
         pkg:generic/openssl@3.0.7?download_url=z, pkg:cargo/serde@1.0.228, pkg:rpm/almalinux/libXau@1.0.9-3.el8, \
         pkg:pypi/cryptography@39.0.0#src/lib.rs
        lib/other-1.dist-info/sboms/deep/y.json: bom pkg:cargo/other-rust@1: pkg:cargo/serde@1.0.228
        ",
        "
        env: >> cryptography 39.0.0
        env: >> other 1
        cryptography 39.0.0 => openssl 3.0.7 claimed
        cryptography 39.0.0 => serde 1.0.228 claimed
        cryptography 39.0.0 => libXau 1.0.9-3.el8 claimed
        other 1 => serde 1.0.228 claimed
        ",
    );
}

#[test]
fn a_foreign_bill_asks_for_nothing() {
    check(
        "
        pyproject.toml: project shop 1
        pyproject.toml: needs numpy==1.26.4
        release/app.cdx.json: bom pkg:pypi/app@2: pkg:pypi/numpy@1.0, pkg:pypi/six
        ",
        // What is asked for has no way to what the bill lists, and the bill has no way to the project.
        "
        shop -> numpy 1.26.4 (==1.26.4)
        shop >> release/app.cdx.json
        release/app.cdx.json => numpy 1.0 claimed
        release/app.cdx.json => six ? claimed
        ",
    );
}

#[test]
fn names_of_libraries_are_known_without_a_package_url() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib: dist pillow 13
        lib/pillow-13.dist-info/sboms/p.cdx.json: bom pkg:pypi/pillow@13: FreeType 2.14.3, libjpeg / libjpeg-turbo 3.2.0, \
         Little CMS 2 2.19.1, OpenJPEG 2.5.4, nobody 0.11.0, pkg:maven/a/b@1
        ",
        "
        env: >> pillow 13
        pillow 13 => freetype 2.14.3 claimed
        pillow 13 => libjpeg-turbo 3.2.0 claimed
        pillow 13 => lcms2 2.19.1 claimed
        pillow 13 => openjpeg 2.5.4 claimed
        ",
    );
}

#[test]
fn what_has_no_identity_is_named() {
    let facts =
        facts("p.cdx.json: bom pkg:pypi/p@1: nobody 0.11.0, pkg:maven/a/b@1, zlib 1.3, pkg:pypi/six@1");
    let expected = ["pkg:maven/a/b", "nobody 0.11.0"].map(str::to_owned);
    assert_eq!(unidentified(&facts), BTreeSet::from(expected));
}
