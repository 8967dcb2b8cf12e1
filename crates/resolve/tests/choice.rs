//! Which versions are chosen. What is expected follows from the rules; pip itself was not asked.

use libtest_mimic::Trial;

use super::world::{Asked, World, requirements, told, versions};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_newest_that_fits_is_chosen,
        specifiers_hold_as_packaging_has_them,
        prereleases_are_taken_only_where_asked_for,
        yanked_releases_are_taken_only_where_pinned,
        extras_ask_for_more,
        markers_decide_what_counts,
        releases_for_another_python_or_platform_do_not_count,
        a_choice_is_made_anew_where_it_leads_nowhere,
        circles_end,
        constraints_bind_only_what_is_asked_for,
        what_is_preferred_stays_where_it_fits,
        what_is_not_known_is_told,
        where_pip_would_search_for_long_pubgrub_answers,
    ]
}

#[track_caller]
fn check(roots: &str, world: &str, expected: &str) {
    let world = World::new(world);
    assert_eq!(told(&Asked::new(roots).resolve(&world)), expected, "{roots}");
}

/// Both ways must come to the same.
#[track_caller]
fn check_both(roots: &str, world: &str, expected: &str) {
    check(roots, world, expected);
    let world = World::new(world);
    assert_eq!(told(&Asked::new(roots).solve(&world)), expected, "{roots}, by PubGrub");
}

fn the_newest_that_fits_is_chosen() {
    let world = "
        a 1.0
        a 1.9: b>=1
        a 1.10: b>=2 | c
        b 1
        b 2
        b 10
        c 0.1
    ";
    check_both("a", world, "a 1.10, b 10, c 0.1");
    check_both("a<1.10", world, "a 1.9, b 10");
    check_both("a | b<10", world, "a 1.10, b 2, c 0.1");
    check_both("", world, "");
}

fn specifiers_hold_as_packaging_has_them() {
    let world = "
        a 1.0
        a 1.0.post1
        a 1.1
        a 1.1+cpu
        a 1.1+cuda.12
        a 2.0.dev1
        a 2.0rc1
        a 2.0
        a 2.0.1
        a 1!0.5
    ";
    for (specifier, expected) in [
        ("==1.0", "a 1.0"),
        ("==1.0.*", "a 1.0.post1"),
        (">=1.0,<1.1", "a 1.0.post1"),
        (">1.0.post0,<1.1", "a 1.0.post1"),
        // Without a local part in the clause the highest local version counts as well.
        ("==1.1", "a 1.1+cuda.12"),
        ("==1.1+cpu", "a 1.1+cpu"),
        ("===1.1", "a 1.1"),
        ("~=1.0", "a 1.1+cuda.12"),
        ("~=2.0.0", "a 2.0.1"),
        ("<2", "a 1.1+cuda.12"),
        ("<=2.0", "a 2.0"),
        (">2.0,!=2.0.1", "a 1!0.5"),
        ("", "a 1!0.5"),
        ("==1!0.5", "a 1!0.5"),
        (">=2.0rc1,<2.0.1", "a 2.0"),
        ("==2.0rc1", "a 2.0rc1"),
    ] {
        check_both(&format!("a{specifier}"), world, expected);
    }
}

fn prereleases_are_taken_only_where_asked_for() {
    let world = "
        a 1.0
        a 2.0rc1
        b 0.1a1
        b 0.1a2
        c 1: a>=2.0rc1
        d 1: a>=1
    ";
    check_both("a", world, "a 1.0");
    check_both("a>=1.0rc1", world, "a 2.0rc1");
    check_both("a!=1.5rc1", world, "a 1.0");
    check_both("b", world, "b 0.1a2");
    check_both("a>1.0", world, "a 2.0rc1");
    check_both("c | a", world, "a 2.0rc1, c 1");
    check_both("a | d", world, "a 1.0, d 1");
}

fn yanked_releases_are_taken_only_where_pinned() {
    let world = "
        a 1.0
        a 1.1 yanked
        a 1.2 yanked
        b 1 yanked
        c 1: a==1.1
    ";
    check_both("a", world, "a 1.0");
    check_both("a==1.1", world, "a 1.1");
    check_both("a===1.2", world, "a 1.2");
    check_both("c", world, "a 1.1, c 1");
    check_both(
        "a>=1.1",
        world,
        "no versions fit together:\n  the project needs a>=1.1\n  of a there is 1.0, 1.1 (yanked), 1.2 (yanked)",
    );
    check_both("b==1", world, "b 1");
    check_both(
        "b==1.*",
        world,
        "no versions fit together:\n  the project needs b==1.*\n  of b there is 1 (yanked)",
    );
}

fn extras_ask_for_more() {
    let world = "
        a 1: b | c>=2; extra == 'x' | d; extra == 'y'
        a 2: b | c>=3; extra == 'x'
        b 1
        c 2
        c 3: a[y]
        d 1
        e 1: e[one] ; extra == 'all' | e[two] ; extra == 'all' | b ; extra == 'one' | d ; extra == 'two'
    ";
    check_both("a", world, "a 2, b 1");
    check_both("a[x]", world, "a[x,y] 2, b 1, c 3");
    check_both("a[x,y]<2", world, "a[x,y] 1, b 1, c 3, d 1");
    // An older release has the extra, but the newer one counts; pip warns that it does not.
    check_both("a[y]", world, "a[y] 2, b 1");
    check_both("a[X_x]", world, "a[x-x] 2, b 1");
    check_both("a[x] | a[y] | a<2 | c<3", world, "a[x,y] 1, b 1, c 2, d 1");
    check_both("e[all]", world, "b 1, d 1, e[all,one,two] 1");
}

fn markers_decide_what_counts() {
    let world = "
        a 1: b; python_version < '3.11' | c; python_version >= '3.11' | d; sys_platform == 'win32'
        b 1
        c 1
        c 2
        d 1
    ";
    check_both("a", world, "a 1, c 2");
    check_both("a; sys_platform == 'win32'", world, "");
    check_both("c<2; python_version < '3' | c", world, "c 2");
    check_both("c<2; python_version > '3' | c; python_version < '3'", world, "c 1");
}

fn releases_for_another_python_or_platform_do_not_count() {
    let world = "
        a 1: b
        a 2 python:>=3.12: c
        a 3 elsewhere
        b 1
        b 1.1 python:>=3.11,<3.12
        c 1 python:<3
    ";
    check_both("a", world, "a 1, b 1.1");
    check_both(
        "a>=2",
        world,
        "no versions fit together:\n  the project needs a>=2\n  of a there is 1 (2 needs Python >=3.12; 3 has no file for this platform)",
    );
    check_both(
        "c",
        world,
        "no versions fit together:\n  the project needs c\n  there is no c for this Python and platform (1 needs Python <3)",
    );
}

fn a_choice_is_made_anew_where_it_leads_nowhere() {
    // The newest `a` and the newest `b` do not fit, and the proof of it lies two steps away.
    let deep = "
        a 1: c<2
        a 2: d
        b 1
        b 2: e
        c 1
        c 2
        d 1: f<2
        e 1: f>=2
        f 1
        f 2
    ";
    check("a | b", deep, "a 2, b 1, d 1, f 1");
    check_both("b==2 | a", deep, "a 1, b 2, c 1, e 1, f 2");
    // pip chooses what is asked for first, and lowers it when the second asks for that: the second stays new.
    let lowered = "
        a 1
        a 2
        b 1
        b 2: a<2
    ";
    check("a | b", lowered, "a 1, b 2");
    let world = "
        boto 1.1: core==1.1 | store==0.1
        boto 1.2: core==1.2 | store==0.2
        boto 1.3: core==1.3 | store==0.3
        core 1.1: url<2
        core 1.2: url<2
        core 1.3: url<3
        store 0.1: core==1.1
        store 0.2: core==1.2
        store 0.3: core==1.3
        url 1
        url 2
    ";
    check_both("url==2 | boto", world, "boto 1.3, core 1.3, store 0.3, url 2");
    check_both("core<1.3 | boto", world, "boto 1.2, core 1.2, store 0.2, url 1");
}

fn circles_end() {
    let world = "
        a 1: b
        a 2: b>=2
        b 1: a
        b 2: a<2
        c 1: c
        d 1: d>=2
    ";
    check_both("a==1", world, "a 1, b 2");
    check("a", world, "a 1, b 2");
    check_both("c", world, "c 1");
    check_both("d", world, "no versions fit together:\n  the project needs d\n  d 1 needs d>=2");
}

fn constraints_bind_only_what_is_asked_for() {
    let world = World::new(
        "
        a 1
        a 2: b
        b 1
        b 2
        c 1
    ",
    );
    for (constraints, expected) in
        [("a<2", "a 1"), ("b<2", "a 2, b 1"), ("c==7", "a 2, b 2"), ("b<2; python_version < '3'", "a 2, b 2")]
    {
        let asked = Asked { constraints: requirements(constraints), ..Asked::new("a") };
        assert_eq!(told(&asked.resolve(&world)), expected, "{constraints}");
        assert_eq!(told(&asked.solve(&world)), expected, "{constraints}");
    }
}

fn what_is_preferred_stays_where_it_fits() {
    let world = World::new(
        "
        a 1: b
        a 2: b>=2
        b 1
        b 2
        b 3
    ",
    );
    for (preferred, expected) in [
        ("", "a 2, b 3"),
        ("a 1", "a 1, b 3"),
        ("a 1, b 1", "a 1, b 1"),
        ("b 1", "a 2, b 3"),
        ("b 2", "a 2, b 2"),
        ("b 7", "a 2, b 3"),
    ] {
        let asked = Asked { preferred: versions(preferred), ..Asked::new("a") };
        assert_eq!(told(&asked.resolve(&world)), expected, "{preferred}");
    }
}

fn what_is_not_known_is_told() {
    let world = "
        a 1: b
        b 1 computed
        c 1: d @ https://files.example/d.zip
        d 1
        e 1: silent
        f 1 unasked
        f 2: g>1
        g 1
    ";
    check_both("a", world, "a 1, b 1; what b 1 needs is not known: setup.py was not run");
    check_both("c", world, "c 1; d comes from an address and was not looked at");
    check_both(
        "d @ https://files.example/d.zip | d<1",
        world,
        "; d comes from an address and was not looked at",
    );
    check_both("e", world, "what there is of silent could not be asked: nobody answers");
    // The older one is asked only because the newer one does not fit.
    check_both("f", world, "what there is of f could not be asked: nobody answers");
}

fn where_pip_would_search_for_long_pubgrub_answers() {
    // Many packages with many versions that say nothing, and one conflict that is met last.
    let mut text = String::new();
    for package in 0..12 {
        for version in 1..=8 {
            text.push_str(&format!("p{package} {version}: z{}\n", if version > 1 { ">=2" } else { "" }));
        }
    }
    text.push_str("z 1\nz 2: y\ny 1: x<1\nx 1\n");
    let roots: Vec<String> = (0..12).map(|package| format!("p{package}")).collect();
    let world = World::new(&text);
    let result = Asked::new(&roots.join(" | ")).resolve(&world).unwrap();
    assert!(result.picks.iter().all(|(_, pick)| pick.version.to_string() == "1"), "{result:?}");
}
