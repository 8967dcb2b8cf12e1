//! Lock files.

use super::text::{check, joined};

#[test]
fn a_lock_file_is_followed_from_its_project() {
    check(
        "
        pyproject.toml: project app 1.0
        pyproject.toml: needs a>=1
        uv.lock: root app .: a
        uv.lock: lock a 1.5: b
        uv.lock: lock b 2.0
        ",
        "
        app -> a 1.5 (>=1)
        a 1.5 -> b 2.0
        ",
    );
}

#[test]
fn a_lock_file_alone_says_what_its_project_asks_for() {
    check(
        "
        uv.lock: root app .: a | extra y: b | group dev: c
        uv.lock: lock a 1
        uv.lock: lock b 1
        uv.lock: lock c 1
        ",
        "
        app -> a 1
        app -> b 1 (extra y)
        app -> c 1 (group dev)
        ",
    );
}

#[test]
fn an_extra_counts_only_where_it_is_asked_for() {
    let lock = "
        uv.lock: lock a 1: b | extra x: c | extra y: d
        uv.lock: lock b 1
        uv.lock: lock c 1
        uv.lock: lock d 1
    ";
    check(&format!("uv.lock: root app .: a\n{lock}"), "app -> a 1\na 1 -> b 1");
    check(
        &format!("uv.lock: root app .: a[x]\n{lock}"),
        "app -> a 1 ([x])\na 1 -> b 1\na 1 -> c 1 (extra x)",
    );
    // The extra is asked for by another package, after the package itself was met.
    check(
        &format!("uv.lock: root app .: a, e\nuv.lock: lock e 1: a[y]\n{lock}"),
        "app -> a 1\napp -> e 1\ne 1 -> a 1 ([y])\na 1 -> b 1\na 1 -> d 1 (extra y)",
    );
}

#[test]
fn an_extra_that_asks_for_other_extras_of_its_package() {
    check(
        "
        uv.lock: root app .: a[all]
        uv.lock: lock a 1: | extra all: a[x] | extra x: c | extra y: d
        uv.lock: lock c 1
        uv.lock: lock d 1
        ",
        "
        app -> a 1 ([all])
        a 1 -> c 1 (extra x)
        ",
    );
}

#[test]
fn extras_in_markers_count_like_others() {
    check(
        "
        pyproject.toml: needs a[x]
        poetry.lock: lock a 1: c>=1; extra == 'x', d; extra == 'y'
        poetry.lock: lock c 1
        poetry.lock: lock d 1
        ",
        "
        target -> a 1 ([x])
        a 1 -> c 1 (>=1 extra x)
        ",
    );
}

#[test]
fn what_a_marker_excludes_is_not_there() {
    check(
        "
        uv.lock: root app .: a, win; sys_platform == 'win32'
        uv.lock: lock a 1: b; sys_platform == 'linux', colorama; sys_platform == 'win32'
        uv.lock: lock b 1
        uv.lock: lock colorama 1: d
        uv.lock: lock d 1
        uv.lock: lock win 1
        ",
        "
        app -> a 1
        a 1 -> b 1
        ",
    );
    let joined = joined("uv.lock: root app .: a; sys_platform == 'win32'\nuv.lock: lock a 1");
    assert_eq!(joined.graph.components().count(), 0);
}

#[test]
fn forks_are_told_apart_by_version_then_marker() {
    check(
        "
        uv.lock: root app .: a==1; python_version < '3.9', a==2; python_version >= '3.9'
        uv.lock: lock a 1
        uv.lock: lock a 2
        ",
        "app -> a 2 (==2)",
    );
    check(
        "
        uv.lock: root app .: a
        uv.lock: lock a 1 when python_version < '3.9':
        uv.lock: lock a 2 when python_version >= '3.9':
        ",
        "app -> a 2",
    );
    // Nothing tells them apart: both may be meant.
    check(
        "
        uv.lock: root app .: a
        uv.lock: lock a 1
        uv.lock: lock a 2
        ",
        "app -> a 1\napp -> a 2",
    );
}

#[test]
fn a_version_chosen_by_the_lock_is_no_wish_of_the_requirer() {
    let lock = |file: &str| {
        format!("pyproject.toml: needs a\n{file}: lock a 1: b==2\n{file}: lock b 1\n{file}: lock b 2")
    };
    check(&lock("pylock.toml"), "target -> a 1\na 1 -> b 2\ntarget >> b 1");
    check(&lock("poetry.lock"), "target -> a 1\na 1 -> b 2 (==2)\ntarget >> b 1");
}

#[test]
fn extras_of_the_project_that_exclude_each_other_all_count() {
    check(
        "
        uv.lock: root app .: | extra cpu: torch==2.0+cpu; extra == 'extra-3-app-cpu' | extra gpu: torch==2.0; extra == 'extra-3-app-gpu'
        uv.lock: lock torch 2.0+cpu
        uv.lock: lock torch 2.0: cuda; extra == 'extra-3-app-gpu' or extra != 'extra-3-app-cpu'
        uv.lock: lock cuda 1
        ",
        "
        app -> torch 2.0+cpu (==2.0+cpu extra cpu)
        app -> torch 2.0 (==2.0 extra gpu)
        torch 2.0 -> cuda 1
        ",
    );
}

#[test]
fn circles_end() {
    check(
        "
        uv.lock: root app .: a
        uv.lock: lock a 1: b
        uv.lock: lock b 1: a, b
        ",
        "app -> a 1\na 1 -> b 1\nb 1 -> a 1",
    );
}

#[test]
fn a_lock_file_without_roots_holds_what_nothing_in_it_asks_for() {
    check(
        "
        poetry.lock: lock a 1: b>=1, colorama; sys_platform == 'win32'
        poetry.lock: lock b 1
        poetry.lock: lock c 1
        poetry.lock: lock colorama 1: d
        poetry.lock: lock d 1
        ",
        "
        target >> a 1
        target >> c 1
        a 1 -> b 1 (>=1)
        ",
    );
    check("pylock.toml: lock a 1\npylock.toml: lock b 1", "target >> a 1\ntarget >> b 1");
    check("pylock.toml: lock a 1: b\npylock.toml: lock b 1: a", "target >> a 1\na 1 -> b 1\nb 1 -> a 1");
    check("pylock.toml: lock a 1 when sys_platform == 'win32':\npylock.toml: lock b 1", "target >> b 1");
}

#[test]
fn manifests_say_what_a_lock_file_without_roots_is_for() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a>=1
        pyproject.toml: group dev: t
        poetry.lock: lock a 1: b
        poetry.lock: lock b 1
        poetry.lock: lock t 1
        poetry.lock: lock u 1
        ",
        "
        app -> a 1 (>=1)
        app -> t 1 (group dev)
        app >> u 1
        a 1 -> b 1
        ",
    );
}

#[test]
fn what_a_manifest_names_for_another_system_is_not_there() {
    check(
        "
        pyproject.toml: needs a, win; sys_platform == 'win32'
        poetry.lock: lock a 1
        poetry.lock: lock win 1: w
        poetry.lock: lock w 1
        ",
        "target -> a 1",
    );
}

#[test]
fn members_of_a_workspace_are_projects() {
    check(
        "
        pyproject.toml: project app 1
        lib/pyproject.toml: project lib 1
        lib/pyproject.toml: needs b>=2
        uv.lock: root app .: lib, a
        uv.lock: root lib lib: b
        uv.lock: lock a 1
        uv.lock: lock b 2
        ",
        "
        app >> lib
        app -> lib
        app -> a 1
        lib -> b 2 (>=2)
        ",
    );
}

#[test]
fn markers_are_evaluated_for_the_python_of_the_project() {
    let lock = "
        uv.lock: root app .: a
        uv.lock: lock a 1: old; python_version < '3.10', new; python_version >= '3.10'
        uv.lock: lock old 1
        uv.lock: lock new 1
    ";
    let with = |line: &str| format!("{line}\n{lock}");
    check(lock, "app -> a 1\na 1 -> new 1");
    check(&with("pyproject.toml: project app 1 >=3.9"), "app -> a 1\na 1 -> old 1");
    // What lies there counts more than what might.
    check(
        &with("pyproject.toml: project app 1 >=3.9\n.venv/pyvenv.cfg: environment 3.11.2"),
        "app -> a 1\na 1 -> new 1\napp >> env:.venv",
    );
}

#[test]
fn a_lock_file_for_another_platform_alone_is_taken_whole() {
    check(
        "
        conda-lock.yml: lock a 1 when sys_platform == 'darwin': b
        conda-lock.yml: lock b 1 when sys_platform == 'darwin':
        ",
        "
        target >> a 1
        a 1 -> b 1
        ",
    );
    check(
        "
        conda-lock.yml: lock a 1 when sys_platform == 'darwin': b
        conda-lock.yml: lock a 2 when sys_platform == 'linux':
        conda-lock.yml: lock b 1 when sys_platform == 'darwin':
        ",
        "
        target >> a 2
        ",
    );
}
