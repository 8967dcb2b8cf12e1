//! Lock files, manifests and environments that disagree.

use weighbridge_core::world::Sides;

use super::text::joined;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let told = joined(text).disagreements.into_iter().map(|it| {
        let sides = match it.sides {
            Sides::LockAndEnvironment => "locked",
            Sides::ManifestAndLock | Sides::ManifestAndEnvironment => "asked",
        };
        let found = it.found.as_deref().unwrap_or("-");
        format!("{} {sides} {} in {}, {found} in {}", it.name, it.wanted, it.stated, it.other)
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

const ENVIRONMENT: &str = "
    .venv/pyvenv.cfg: environment 3.12
    .venv/lib/python3.12/site-packages/a-1.5.dist-info: dist a 1.5:
    .venv/lib/python3.12/site-packages/b-2.0+cpu.dist-info: dist b 2.0+cpu:
    .venv/lib/python3.12/site-packages/c-3.dist-info: dist c 3:
";

#[test]
fn a_lock_file_and_its_environment() {
    check(
        &format!(
            "{ENVIRONMENT}
            uv.lock: root app .: a, b, c, d, e
            uv.lock: lock a 1.4
            uv.lock: lock b 2.0
            uv.lock: lock c 2 when python_version < '3.13'
            uv.lock: lock c 4 when python_version >= '3.12'
            uv.lock: lock d 1
            uv.lock: lock e 1
            "
        ),
        &["a locked 1.4 in uv.lock, 1.5 in .venv", "c locked 2, 4 in uv.lock, 3 in .venv"],
    );
    // What the lock file holds for others only, and the environment of another project.
    check(
        &format!("{ENVIRONMENT}\nuv.lock: root app .: a\nuv.lock: lock a 1.4 when sys_platform == 'win32'\n"),
        &[],
    );
    check(&format!("{ENVIRONMENT}\nsub/uv.lock: root app .: a\nsub/uv.lock: lock a 1.4\n"), &[]);
}

#[test]
fn a_manifest_and_its_lock_file() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a>=2, b<2, c, d>=1; sys_platform == 'win32', app[x]
        pyproject.toml: extra x: e, a>=3
        pyproject.toml: constraint f<1
        pyproject.toml: needs f>=1
        requirements.txt: needs b==9
        uv.lock: root app .: a, b
        uv.lock: lock a 1
        uv.lock: lock b 1
        uv.lock: lock f 0.5
        ",
        &[
            "a asked >=2 in pyproject.toml, 1 in uv.lock",
            "c asked  in pyproject.toml, - in uv.lock",
            "a asked >=3 in pyproject.toml, 1 in uv.lock",
        ],
    );
    check(
        "
        Pipfile: needs a>=2
        Pipfile.lock: lock a 1
        tool.py: needs b>=2
        tool.py.lock: lock b 1
        other.py: needs b>=2
        ",
        &["a asked >=2 in Pipfile, 1 in Pipfile.lock", "b asked >=2 in tool.py, 1 in tool.py.lock"],
    );
}

#[test]
fn a_manifest_and_its_environment() {
    check(
        &format!(
            "{ENVIRONMENT}
            requirements.txt: needs a==1.4, b==2.0, c>=3, d
            lowest.txt: needs c==1
            requirements/lowest.txt: needs c==1
            tool.py: needs c==1
            "
        ),
        &["a asked ==1.4 in requirements.txt, 1.5 in .venv"],
    );
}
