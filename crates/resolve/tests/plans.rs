//! The smallest change that mends findings.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_core::finding::Severity;
use weighbridge_core::name::PackageName;
use weighbridge_resolve::problem::MOST_STEPS;
use weighbridge_resolve::{Failure, Flaw, Plan, Wish, plan};

use super::world::{Asked, World, versions};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_nearest_fixed_version_is_taken,
        nothing_moves_down_but_what_may,
        others_move_only_where_they_must,
        what_cannot_be_mended_is_told_with_its_reason,
        no_new_flaw_comes_in,
        milder_flaws_are_left_alone,
        what_is_not_needed_any_more_goes,
        what_nobody_asks_for_stays,
        the_same_comes_out_every_time,
    ]
}

/// `a<2: CVE-1 high` in each line.
fn flaws(text: &str) -> impl Fn(&PackageName, &Version) -> Vec<Flaw> {
    let mut known: BTreeMap<PackageName, Vec<(Specifiers, Flaw)>> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (affected, flaw) = line.split_once(": ").unwrap();
        let (id, severity) = flaw.split_once(' ').unwrap();
        let severity = Severity::ALL.into_iter().find(|it| it.as_str() == severity).unwrap();
        let affected = super::world::requirements(affected).remove(0);
        let flaw = Flaw { id: id.to_owned(), severity };
        known.entry(affected.name).or_default().push((affected.specifiers, flaw));
    }
    move |name, version| {
        let of = known.get(name).into_iter().flatten();
        of.filter(|(affected, _)| affected.allows(version)).map(|(_, flaw)| flaw.clone()).collect()
    }
}

fn planned(asked: &Asked, current: &str, world: &World, flawed: &str) -> Result<Plan, Failure> {
    let (flaws, current) = (flaws(flawed), versions(current));
    asked.with(MOST_STEPS, |problem| {
        let falls = |name: &PackageName| name.as_str().starts_with("falling");
        plan(
            &Wish { problem, current: &current, flaws: &flaws, falls: &falls, from: Severity::Medium },
            world,
        )
    })
}

fn told(plan: &Plan) -> Vec<String> {
    let version = |version: &Option<Version>| version.as_ref().map_or("-".to_owned(), ToString::to_string);
    let moves =
        plan.moves.iter().map(|it| format!("{} {} to {}", it.name, version(&it.from), version(&it.to)));
    let clears = plan.clears.iter().map(|it| format!("clears {} of {}", it.flaw.id, it.name));
    let brings = plan.brings.iter().map(|it| format!("brings {} of {}", it.flaw.id, it.name));
    let stays = plan.stays.iter().map(|(it, why)| format!("{} of {} stays: {why}", it.flaw.id, it.name));
    moves.chain(clears).chain(brings).chain(stays).collect()
}

#[track_caller]
fn check(roots: &str, current: &str, world: &str, flawed: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let plan = planned(&Asked::new(roots), current, &World::new(world), flawed).unwrap();
    assert_eq!(told(&plan), expected, "{roots}");
    assert!(plan.is_smallest);
}

fn the_nearest_fixed_version_is_taken() {
    let world = "
        a 1.0
        a 1.0.1
        a 1.1
        a 2.0
        a 2.1rc1
    ";
    check("a", "a 1.0", world, "", "");
    check("a", "a 1.0", world, "a<1.1: V-1 high", "a 1.0 to 1.1\nclears V-1 of a");
    check("a", "a 1.0", world, "a<=1.1: V-1 high\na==2.0: V-2 high", "a 1.0 to 2.1rc1\nclears V-1 of a");
    check("a<2", "a 1.0", world, "a<1.0.1: V-1 high\na<1.1: V-2 low", "a 1.0 to 1.0.1\nclears V-1 of a");
}

fn nothing_moves_down_but_what_may() {
    let world = "
        a 1
        a 2
        a 3
        a 4 python:>=3.14
        falling 1
        falling 2
        old 1
        old 2 yanked
        holder 1: part<2
        holder 2: part>=2
        part 1
        part 2
        part 3
    ";
    let only_older = "V-1 of a stays: only older versions are clean, up to 1";
    check("a", "a 2", world, "a>=2: V-1 high", only_older);
    // A newer one that is clean and cannot be used is the better reason.
    check("a", "a 2", world, "a==2: V-1 high\na==3: V-1 high", "V-1 of a stays: 4 needs Python >=3.14");
    // One that is as bad elsewhere is none, and neither is one with a flaw of its own.
    check("a", "a 2", world, "a>=2: V-1 high\na<2: V-2 high", "V-1 of a stays: no fixed version");
    check("falling", "falling 2", world, "falling>=2: V-1 high", "falling 2 to 1\nclears V-1 of falling");
    check(
        "old==2",
        "old 2",
        world,
        "old>=2: V-1 high",
        "V-1 of old stays: blocked: the project needs old==2",
    );
    check("old", "old 2", world, "old>=2: V-1 high", "old 2 to 1\nclears V-1 of old");
    // Nor does anything else move down for it.
    let blocked = "V-1 of part stays: blocked: the project needs part<3";
    check("holder | part<3", "holder 2, part 2", world, "part==2: V-1 high", blocked);
    let asked = Asked::new("holder | part<3");
    let plan = planned(&asked, "holder 2, part 2", &World::new(world), "part==2: V-1 high").unwrap();
    let proof = plan.stays.iter().map(|(_, why)| format!("{why:?}")).collect::<String>();
    assert!(proof.contains("it is at 2 and does not move to an older one"), "{proof}");
}

fn others_move_only_where_they_must() {
    let world = "
        a 1: b<2
        a 2: b<3 | c
        a 3: b>=2
        b 1
        b 2
        b 3
        c 1
        c 2
        d 1: a<3
        d 2
        e 1
        e 2
    ";
    // `b` is mended by 2, which needs another `a`; 3 is nearer in packages than 2, which would add `c`.
    check("a | e", "a 1, b 1, e 1", world, "b<2: V-1 high", "a 1 to 3\nb 1 to 2\nclears V-1 of b");
    check(
        "a | d | e",
        "a 1, b 1, d 1, e 1",
        world,
        "b<2: V-1 high",
        "a 1 to 3\nb 1 to 2\nd 1 to 2\nclears V-1 of b",
    );
    check(
        "a | d==1 | e",
        "a 1, b 1, d 1, e 1",
        world,
        "b<2: V-1 high",
        "a 1 to 2\nb 1 to 2\nc - to 2\nclears V-1 of b",
    );
}

fn what_cannot_be_mended_is_told_with_its_reason() {
    let world = "
        a 1: b<2
        b 1
        b 2
        c 1
        c 2 python:>=3.12
        d 1
        d 2 elsewhere
        e 1
        e 2 yanked
        f 1
        f 2
        g 1
    ";
    check(
        "a | c | d | e | f | g",
        "a 1, b 1, c 1, d 1, e 1, f 1, g 1",
        world,
        "
        a==1: V-a high
        b<2: V-b high
        c<2: V-c high
        d<2: V-d high
        e<2: V-e high
        f<2: V-f high
        f==2: V-g critical
        g>0: V-h low
        ",
        "
        V-a of a stays: no fixed version
        V-b of b stays: blocked: a 1 needs b<2
        V-c of c stays: 2 needs Python >=3.12
        V-d of d stays: 2 has no file for this platform
        V-e of e stays: 2 was yanked
        V-f of f stays: 2 has V-g
        ",
    );
    check("b<2", "b 1", world, "b<2: V-b high", "V-b of b stays: blocked: the project needs b<2");
    let asked = Asked { constraints: super::world::requirements("h<2 | h!=1.5"), ..Asked::new("a | h>=1") };
    let world = World::new("a 1: h\nh 1\nh 1.5\nh 2");
    let plan = planned(&asked, "a 1, h 1", &world, "h<1.5: V-h high").unwrap();
    let blocked = "V-h of h stays: blocked: the project needs h>=1 (constrained to !=1.5,<2)";
    assert_eq!(told(&plan), [blocked]);
    // The more severe one goes, where only one of two can.
    check(
        "b | x",
        "b 1, x 1",
        "
        b 1: x
        b 2: x<2
        x 1
        x 2
        ",
        "b<2: V-b high\nx<2: V-x critical",
        "x 1 to 2\nclears V-x of x\nV-b of b stays: blocked: b 2 needs x<2",
    );
}

fn no_new_flaw_comes_in() {
    let world = "
        a 1
        a 2
        a 3: b
        b 1
        c 1: a<4
    ";
    check(
        "a",
        "a 1",
        world,
        "a<2: V-1 high\na==2: V-2 medium\nb==1: V-3 low",
        "a 1 to 3\nb - to 1\nclears V-1 of a\nbrings V-3 of b",
    );
    check(
        "a",
        "a 1",
        world,
        "a<2: V-1 high\na==2: V-2 medium\nb==1: V-3 medium",
        "V-1 of a stays: blocked: a 3 needs b",
    );
    // One that is there already may stay.
    check(
        "a",
        "a 1",
        world,
        "a<2: V-1 high\na<3: V-2 medium\na>2: V-4 high",
        "a 1 to 2\nclears V-1 of a\nV-2 of a stays: 3 has V-4",
    );
}

fn milder_flaws_are_left_alone() {
    check("a", "a 1", "a 1\na 2", "a<2: V-1 low", "");
}

fn what_is_not_needed_any_more_goes() {
    let world = "
        a 1: b
        a 2
        b 1
    ";
    check("a", "a 1, b 1", world, "b==1: V-1 high", "a 1 to 2\nb 1 to -\nclears V-1 of b");
}

fn what_nobody_asks_for_stays() {
    let world = "
        a 1: b
        a 2
        b 1
        b 2
    ";
    check("", "a 1, b 1", world, "b<2: V-1 high", "b 1 to 2\nclears V-1 of b");
}

fn the_same_comes_out_every_time() {
    let world = World::new(
        "
        a 1: z<2
        a 2: z<2
        a 3
        b 1: z<2
        b 2
        z 1
        z 2
    ",
    );
    let run = || told(&planned(&Asked::new("a | b"), "a 1, b 1, z 1", &world, "z<2: V-1 high").unwrap());
    let first = run();
    assert_eq!(first, ["a 1 to 3", "b 1 to 2", "z 1 to -", "clears V-1 of z"]);
    for _ in 0..20 {
        assert_eq!(run(), first);
    }
}
