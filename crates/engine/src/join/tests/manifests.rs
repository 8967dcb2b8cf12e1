//! Manifests: which version a requirement means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weighbridge_core::graph::NodeId;
use weighbridge_core::place::Class;

use super::super::collect::collect;
use super::super::inclusion::Inclusion;
use super::text::{check, facts, joined, label};

#[test]
fn an_exact_version_is_a_version() {
    check(
        "
        requirements.txt: needs a==1.0, b===2.0-NA, c==3.*, d>=1
        ",
        "
        target -> a 1.0 (==1.0)
        target -> b 2.0-NA (===2.0-NA)
        target -> c ? (==3.*) unresolved
        target -> d ? (>=1) unresolved
        ",
    );
}

#[test]
fn equal_versions_are_one_package() {
    let facts = "
        requirements.txt: needs a==1.0, b==2.0
        dev/requirements.txt: needs a==1.0.0, b==2.0.0+cpu, c==1.0rc1
        ops/requirements.txt: needs a>=0.5, c
        ops/constraints.txt: constraint a==v1, c==1.0.rc1
        one/uv.lock: root one .: d
        one/uv.lock: lock d 3.0
        two/requirements.txt: needs d==3.0.0
        venv/pyvenv.cfg: environment 3.12
        venv/lib/python3.12/site-packages: dist e 4: f==5.0.0
        venv/lib/python3.12/site-packages: dist f 5
        env.txt/requirements.txt: needs e==4.0
        bom.json: bom x: pkg:pypi/a@1, pkg:pypi/e@4.0.0
    ";
    check(
        facts,
        "
        target -> a 1.0.0 (==1.0)
        target -> b 2.0 (==2.0)
        target >> dev
        dev -> a 1.0.0 (==1.0.0)
        dev -> b 2.0.0+cpu (==2.0.0+cpu)
        dev -> c 1.0rc1 (==1.0rc1)
        target >> ops
        ops -> a 1.0.0 (>=0.5)
        ops -> c 1.0rc1
        target >> one
        one -> d 3.0
        target >> two
        two -> d 3.0 (==3.0.0)
        target >> env:venv
        e 4 -> f 5 (==5.0.0)
        target >> env.txt
        env.txt -> e 4 (==4.0)
        target >> bom.json
        bom.json => a 1.0.0 claimed
        bom.json => e 4 claimed
        ",
    );
}

#[test]
fn a_constraint_pins_and_asks_for_nothing() {
    check(
        "
        requirements.txt: needs a>=1, b
        constraints.txt: constraint a==1.5, c==1, b<2
        ",
        "
        target -> a 1.5 (>=1)
        target -> b ? unresolved
        ",
    );
}

#[test]
fn a_script_stands_by_itself() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a
        uv.lock: root app .: a
        uv.lock: lock a 1
        constraints.txt: constraint c==1
        venv/pyvenv.cfg: environment 3.12
        venv/lib/d-1.dist-info: dist d 1:
        tools/run.py: needs a, b==2, c, d
        tools/run.py.lock: lock a 2: e
        tools/run.py.lock: lock e 3
        setup.py: needs f==4
        ",
        "
        app -> a 1
        app -> f 4 (==4)
        app >> env:venv
        env:venv >> d 1
        app >> run.py
        run.py -> a 2
        a 2 -> e 3
        run.py -> b 2 (==2)
        run.py -> c ? unresolved
        run.py -> d ? unresolved
        ",
    );
}

#[test]
fn the_nearest_constraints_count() {
    check(
        "
        constraints.txt: constraint a==1, b==1
        sub/requirements.txt: needs a, b
        sub/constraints.txt: constraint a==2
        ",
        "
        target >> sub
        sub -> a 2
        sub -> b 1
        ",
    );
}

#[test]
fn what_others_take_in_is_a_part_of_theirs() {
    check(
        "
        requirements.txt: needs a, b
        requirements.txt: includes deep/more.txt
        deep/more.txt: needs c
        deep/more.txt: narrows limits/one.txt
        limits/one.txt: constraint a==1, c==3
        limits/one.txt: narrows deep/more.txt
        limits/other.txt: constraint b==2
        list.txt: includes ours/asks.txt
        list.txt: narrows limits/two.txt
        limits/two.txt: constraint d==4
        ours/asks.txt: needs d
        ",
        "
        target >> limits
        target -> a 1
        target -> b ? unresolved
        target -> c 3
        target -> d 4
        ",
    );
}

#[test]
fn several_take_in_one_file() {
    check(
        "
        one/requirements.txt: includes common/base.txt
        one/requirements.txt: narrows limits/one.txt
        two/requirements.txt: needs b==1
        two/requirements.txt: includes common/base.txt
        two/requirements.txt: narrows limits/two.txt
        common/base.txt: needs a
        common/base.txt: includes common/more.txt
        common/more.txt: needs c==1
        limits/one.txt: constraint a==1
        limits/two.txt: constraint a==2
        ",
        "
        target >> one
        target >> two
        one -> a 1
        one -> c 1 (==1)
        two -> a 2
        two -> b 1 (==1)
        two -> c 1 (==1)
        ",
    );
}

#[test]
fn a_circle_of_files_is_one_project() {
    check(
        "
        sub/a.txt: needs a==1
        sub/a.txt: includes sub/deep/b.txt
        sub/deep/b.txt: needs b==1
        sub/deep/b.txt: includes sub/a.txt
        sub/deep/b.txt: includes c.txt
        c.txt: needs c==1
        d/d.txt: constraint c==1
        d/d.txt: narrows e/e.txt
        e/e.txt: constraint c==1
        e/e.txt: narrows d/d.txt
        ",
        "
        target >> sub
        target >> d
        target >> e
        sub -> a 1 (==1)
        sub -> b 1 (==1)
        sub -> c 1 (==1)
        ",
    );
}

#[test]
fn what_people_install_from_stands_for_itself() {
    check(
        "
        requirements.txt: needs a==1
        docs/requirements.txt: needs d==1
        docs/requirements.txt: includes requirements.txt
        ci/requirements.txt: needs e==1
        ci/requirements.txt: narrows requirements.txt
        Dockerfile: needs f==1
        Dockerfile: includes docs/requirements.txt
        Dockerfile: includes image/list.txt
        image/list.txt: needs g==1
        lib/pyproject.toml: project lib 1
        lib/extra.txt: needs h==1
        requirements.txt: includes lib/extra.txt
        ",
        "
        target -> a 1 (==1)
        target -> h 1 (==1)
        target >> docs
        docs -> a 1 (==1)
        docs -> d 1 (==1)
        docs -> h 1 (==1)
        target >> ci
        ci -> e 1 (==1)
        target >> Dockerfile
        Dockerfile -> f 1 (==1)
        Dockerfile -> g 1 (==1)
        target >> lib
        lib -> h 1 (==1)
        ",
    );
}

#[test]
fn files_that_multiply_each_other_are_bounded() {
    let mut text = String::new();
    for host in 0..700 {
        writeln!(text, "p{host}/requirements.txt: includes all/list.txt").unwrap();
    }
    let names: Vec<String> = (0..400).map(|number| format!("n{number}==1")).collect();
    writeln!(text, "all/list.txt: needs {}", names.join(", ")).unwrap();
    let (facts, nothing) = (facts(&text), BTreeMap::new());
    let collected = collect(&facts, &nothing, |_| false);
    let inclusion = Inclusion::new(&collected, |_| false);
    assert_eq!(inclusion.hosts().count(), 500);
}

#[test]
fn a_compiled_list_answers_for_the_manifest() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a>=1
        pyproject.toml: extra x: b
        requirements.txt: needs a==1.5, b==2
        ",
        "
        app -> a 1.5 (>=1) inferred
        app -> a 1.5 (==1.5)
        app -> b 2 (extra x) inferred
        app -> b 2 (==2)
        ",
    );
    // Two lists that disagree answer nothing.
    check(
        "
        pyproject.toml: needs a
        requirements-cpu.txt: needs a==1
        requirements-gpu.txt: needs a==2
        ",
        "
        target -> a ? unresolved
        target -> a 1 (==1)
        target -> a 2 (==2)
        ",
    );
}

#[test]
fn comments_say_through_whom_a_package_came_in() {
    check(
        "
        pyproject.toml: project app 1
        requirements.txt: needs a==1 # via app
        requirements.txt: needs b==1 # via a
        requirements.txt: needs c==1 # via b, a
        requirements.txt: needs d==1
        ",
        "
        app -> a 1 (==1)
        app -> d 1 (==1)
        a 1 -> b 1 claimed
        b 1 -> c 1 claimed
        a 1 -> c 1 claimed
        ",
    );
    // Comments that lead in a circle, or to nobody, hide nothing.
    check(
        "
        requirements.txt: needs a==1 # via b
        requirements.txt: needs b==1 # via a
        requirements.txt: needs c==1 # via stranger
        ",
        "
        target -> a 1 (==1)
        target -> c 1 (==1)
        a 1 -> b 1 claimed
        b 1 -> a 1 claimed
        ",
    );
}

#[test]
fn markers_and_roles_of_manifests() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a==1; sys_platform == 'win32', b==1; python_version > '3', app[all]
        pyproject.toml: extra all: c==1
        pyproject.toml: build setuptools>=61, wheel==0.40
        ",
        "
        app -> b 1 (==1)
        app -> c 1 (==1 extra all)
        app -> wheel 0.40 (==0.40 build)
        ",
    );
}

#[test]
fn the_lock_file_counts_before_the_environment() {
    let facts = "
        pyproject.toml: project app 1
        pyproject.toml: needs a>=1
        uv.lock: root app .: a
        uv.lock: lock a 1: b
        uv.lock: lock b 1
        .venv/pyvenv.cfg: environment 3.11.4
        .venv/lib/python3.11/site-packages: dist a 2: b
        .venv/lib/python3.11/site-packages: dist b 1
    ";
    check(
        facts,
        "
        app >> env:.venv
        app -> a 1 (>=1)
        a 1 -> b 1
        env:.venv >> a 2
        a 2 -> b 1
        ",
    );
    let joined = joined(facts);
    let files = |wanted: &str| {
        let node = joined.graph.nodes.iter().find(|(id, _)| label(&joined.graph, id) == wanted).unwrap().1;
        node.evidence.iter().map(|evidence| evidence.place.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(files("a 1"), ["uv.lock"]);
    assert_eq!(files("a 2"), [".venv/lib/python3.11/site-packages/a-2.dist-info/METADATA"]);
    assert_eq!(files("b 1"), [".venv/lib/python3.11/site-packages/b-1.dist-info/METADATA", "uv.lock"]);
}

#[test]
fn without_a_lock_file_the_environment_answers() {
    check(
        "
        pyproject.toml: project app 1
        pyproject.toml: needs a[x]>=1
        .venv/pyvenv.cfg: environment 3.11.4
        .venv/lib/python3.11/site-packages: dist a 2: b, c; extra == 'x', d; extra == 'y'
        .venv/lib/python3.11/site-packages: dist b 1
        .venv/lib/python3.11/site-packages: dist c 1
        .venv/lib/python3.11/site-packages: dist d 1
        .venv/lib/python3.11/site-packages: dist pip 23
        ",
        "
        app >> env:.venv
        app -> a 2 (>=1 [x])
        a 2 -> b 1
        a 2 -> c 1 (extra x)
        env:.venv >> d 1
        env:.venv >> pip 23
        ",
    );
}

#[test]
fn an_exact_version_means_its_local_build() {
    check(
        "
        requirements.txt: needs torch==2.1.0
        .venv/pyvenv.cfg: environment 3.11.4
        .venv/lib/python3.11/site-packages: dist torch 2.1.0+cu118
        ",
        "
        target >> env:.venv
        target -> torch 2.1.0+cu118 (==2.1.0)
        ",
    );
}

#[test]
fn two_projects_do_not_mix() {
    check(
        "
        one/pyproject.toml: project one 1
        one/pyproject.toml: needs a
        one/uv.lock: root one .: a
        one/uv.lock: lock a 1
        two/requirements.txt: needs a
        ",
        "
        target >> one
        target >> two
        one -> a 1
        two -> a ? unresolved
        ",
    );
}

#[test]
fn a_stranger_below_a_workspace_is_not_locked_by_it() {
    check(
        "
        uv.lock: root app .: a
        uv.lock: lock a 1
        examples/x/requirements.txt: needs a
        ",
        "
        app -> a 1
        app >> x
        x -> a ? unresolved
        ",
    );
}

#[test]
fn a_folder_of_requirements_belongs_to_the_project_around_it() {
    check(
        "requirements/base.txt: needs a==1\nrequirements/dev.txt: needs a",
        "target -> a 1 (==1)\ntarget -> a 1 inferred",
    );
}

#[test]
fn projects_ask_for_projects_by_their_folder() {
    check(
        "
        requirements.txt: needs lib @ ./lib, app @ .
        lib/pyproject.toml: project lib 1
        pyproject.toml: project app 1
        ",
        "
        app >> lib
        app -> lib
        ",
    );
}

#[test]
fn a_wheel_names_its_version() {
    check(
        "requirements.txt: needs torch @ https://example.org/torch-2.0-cp310-cp310-linux_x86_64.whl",
        "target -> torch 2.0",
    );
}

#[test]
fn what_nothing_resolves_says_so() {
    let joined = joined("requirements.txt: needs a>=1");
    let (id, node) = joined.graph.nodes.iter().find(|(id, _)| matches!(id, NodeId::Component(_))).unwrap();
    assert_eq!(id.to_string(), "pkg:pypi/a");
    assert!(node.evidence.iter().all(|evidence| evidence.class == Class::Unresolved));
}

#[test]
fn a_file_with_commands_is_a_project_of_its_own() {
    check(
        "
        requirements.txt: needs a==1
        Dockerfile: needs a, b==2, own @ .
        sub/train.ipynb: needs c
        ",
        "
        target -> a 1 (==1)
        target >> Dockerfile
        target >> train.ipynb
        Dockerfile -> a ? unresolved
        Dockerfile -> b 2 (==2)
        Dockerfile -> target
        train.ipynb -> c ? unresolved
        ",
    );
}

#[test]
fn a_notebook_installs_into_the_environment_beside_it() {
    check(
        "
        pyproject.toml: project app 1
        venv/pyvenv.cfg: environment 3.12
        venv/lib/python3.12/site-packages: dist a 1
        sub/train.ipynb: needs a
        sub/Dockerfile: needs a
        ",
        "
        app >> env:venv
        app >> train.ipynb
        app >> Dockerfile
        train.ipynb -> a 1
        Dockerfile -> a ? unresolved
        ",
    );
}
