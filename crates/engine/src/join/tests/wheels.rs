//! Wheels and source distributions as files.

use super::text::check;

#[test]
fn a_wheel_is_a_package_with_what_it_asks_for() {
    check(
        "
        wheels/a-1.0-py3-none-any.whl!a-1.0.dist-info/METADATA: says a 1.0: b>=1, c==2, d>=1, e; sys_platform == 'win32'
        wheels/b-1.5.tar.gz!b-1.5.tar!b-1.5/PKG-INFO: says b 1.5
        wheels/b-1.5.tar.gz!b-1.5.tar!b-1.5/src/b.egg-info/requires.txt: needs f==6
        wheels/b-1.5.tar.gz!b-1.5.tar!b-1.5/src/b.egg-info/requires.txt: extra x: g==7
        wheels/b-0.5.zip!b-0.5/PKG-INFO: says b 0.5
        ",
        "
        target >> a 1.0
        target >> b 1.5
        target >> b 0.5
        a 1.0 -> b 1.5 (>=1)
        a 1.0 -> c 2 (==2)
        b 1.5 -> f 6 (==6)
        a 1.0 -> d ? (>=1) unresolved
        ",
    );
}

#[test]
fn what_a_wheel_carries_hangs_below_it() {
    check(
        "
        a-1.whl!a-1.dist-info/METADATA: says a 1: b
        a-1.whl!a/_vendor/c-2.dist-info/METADATA: says c 2
        a-1.whl!a.libs/libcrypto.so.3: binary : openssl 3.0.7
        a-1.whl!a-1.dist-info/sboms/a.cdx.json: bom a: pkg:cargo/serde@1.0.1
        requirements.txt: needs b==3
        ",
        "
        target >> a 1
        target -> b 3 (==3)
        a 1 -> b 3
        a 1 => a-1.whl
        a-1.whl >> openssl 3.0.7
        a 1 => serde 1.0.1 claimed
        ",
    );
}

#[test]
fn wheels_of_packages_and_projects_are_theirs() {
    check(
        "
        pyproject.toml: project app 1
        dist/app-1-py3-none-any.whl!app-1.dist-info/METADATA: says app 1: b
        .venv/pyvenv.cfg: environment 3.12
        .venv/lib/v-1.dist-info/METADATA: says v 1
        .venv/lib/v/pip-1.whl!pip-1.dist-info/METADATA: says pip 1: b
        ",
        "
        app >> env:.venv
        env:.venv >> v 1
        ",
    );
}
