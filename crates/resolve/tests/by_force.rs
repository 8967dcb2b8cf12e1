//! Small random worlds, of which every assignment of versions is tried: what the solver and the planner say must be so.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Trial;
use weighbridge_advisory::pep440::Version;
use weighbridge_core::finding::Severity;
use weighbridge_core::name::PackageName;
use weighbridge_resolve::problem::MOST_STEPS;
use weighbridge_resolve::{Failure, Flaw, Resolution, Wish, plan};

use super::random::Random;
use super::world::{Asked, World, name, version};

pub(crate) fn trials() -> Vec<Trial> {
    trials![there_is_a_solution_if_one_is_found, plans_are_the_smallest]
}

const WORLDS: u64 = 1_500;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

type Picks = BTreeMap<PackageName, Version>;

struct Case {
    text: String,
    roots: String,
    world: World,
    asked: Asked,
}

fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let mut text = String::new();
    for package in NAMES {
        for number in 1..=1 + random.below(4) {
            let mut needs = Vec::new();
            for other in NAMES {
                if other != package && random.below(4) == 0 {
                    let clause = random.one_of(&["", "<2", "<3", ">=2", ">=3", "==1", "==2", "!=2"]);
                    needs.push(format!("{other}{clause}"));
                }
            }
            text.push_str(&format!("{package} {number}: {}\n", needs.join(" | ")));
        }
    }
    let mut roots = vec![format!("a{}", random.one_of(&["", ">=1", "<3"]))];
    for other in &NAMES[1..] {
        if random.below(3) == 0 {
            roots.push(format!("{other}{}", random.one_of(&["", ">=2", "<3"])));
        }
    }
    let roots = roots.join(" | ");
    Case { world: World::new(&text), asked: Asked::new(&roots), text, roots }
}

impl Case {
    /// Every set of versions that fit together, without any that nobody asks for.
    fn solutions(&self) -> Vec<Picks> {
        let mut all = vec![Picks::new()];
        for package in NAMES.map(name) {
            let mut more = Vec::new();
            for picks in all {
                for number in self.world.releases[&package].keys() {
                    let mut with = picks.clone();
                    with.insert(package.clone(), number.clone());
                    more.push(with);
                }
                more.push(picks);
            }
            all = more;
        }
        all.retain(|picks| self.fits(picks));
        all
    }

    fn fits(&self, picks: &Picks) -> bool {
        let mut open = self.asked.roots.clone();
        let mut reached: BTreeSet<PackageName> = BTreeSet::new();
        while let Some(requirement) = open.pop() {
            let Some(picked) = picks.get(&requirement.name) else { return false };
            if !requirement.specifiers.allows(picked) {
                return false;
            }
            if reached.insert(requirement.name.clone()) {
                open.extend(
                    self.world.releases[&requirement.name][picked].needs.requirements.iter().cloned(),
                );
            }
        }
        reached.len() == picks.len()
    }
}

fn picks(resolution: &Resolution) -> Picks {
    resolution.picks.iter().map(|(name, pick)| (name.clone(), pick.version.clone())).collect()
}

fn there_is_a_solution_if_one_is_found() {
    let mut counts = [0, 0];
    for seed in 0..WORLDS {
        let case = case(seed);
        let solutions = case.solutions();
        for (way, result) in
            [("resolve", case.asked.resolve(&case.world)), ("solve", case.asked.solve(&case.world))]
        {
            let what = format!("{way} {seed}: {}\n{}", case.roots, case.text);
            match result {
                Ok(resolution) => assert!(case.fits(&picks(&resolution)), "{what}{resolution:?}"),
                Err(Failure::Conflict(lines)) => {
                    assert!(solutions.is_empty(), "{what}there is {:?}", solutions.first());
                    assert!(!lines.is_empty() && lines.len() <= 12, "{what}{lines:?}");
                }
                Err(failure) => panic!("{what}{failure}"),
            }
        }
        counts[usize::from(solutions.is_empty())] += 1;
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

type Flaws = BTreeMap<(PackageName, Version), Vec<Flaw>>;

fn flaws(case: &Case, random: &mut Random) -> Flaws {
    let mut flaws = Flaws::new();
    for (package, releases) in &case.world.releases {
        for id in 0..random.below(3) {
            let severity = [Severity::Low, Severity::Medium, Severity::High][random.below(3)];
            for number in releases.keys() {
                if random.below(2) == 0 {
                    let flaw = Flaw { id: format!("V-{package}-{id}"), severity };
                    flaws.entry((package.clone(), number.clone())).or_default().push(flaw);
                }
            }
        }
    }
    flaws
}

fn plans_are_the_smallest() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..WORLDS {
        let case = case(seed);
        let solutions = case.solutions();
        if solutions.is_empty() {
            continue;
        }
        let mut random = Random::new(seed ^ 0xbeef);
        let current = solutions[random.below(solutions.len())].clone();
        let flaws = flaws(&case, &mut random);
        check_plan(seed, &case, &solutions, &current, &flaws, &mut counts);
    }
    for what in ["nothing to do", "moves", "others move too", "stays"] {
        assert!(counts.get(what).is_some_and(|count| *count > 30), "{what}: {counts:?}");
    }
}

fn check_plan(
    seed: u64,
    case: &Case,
    solutions: &[Picks],
    current: &Picks,
    flaws: &Flaws,
    counts: &mut BTreeMap<&'static str, usize>,
) {
    let from = Severity::Medium;
    let of = |package: &PackageName, number: &Version| {
        flaws.get(&(package.clone(), number.clone())).cloned().unwrap_or_default()
    };
    let counting = |picks: &Picks| -> BTreeSet<(PackageName, Flaw)> {
        let all = picks.iter().flat_map(|(name, number)| {
            of(name, number).into_iter().map(|flaw| (name.clone(), flaw)).collect::<Vec<_>>()
        });
        all.filter(|(_, flaw)| flaw.severity >= from).collect()
    };
    let before = counting(current);
    // Of every second world the packages may move to older versions.
    let may_fall = seed.is_multiple_of(2);
    let falls = |_: &PackageName| may_fall;
    let is_high = |picks: &&Picks| {
        may_fall || picks.iter().all(|(name, number)| current.get(name).is_none_or(|now| number >= now))
    };
    let allowed: Vec<&Picks> =
        solutions.iter().filter(|picks| counting(picks).is_subset(&before)).filter(is_high).collect();
    // The most severe first, each kept if it can go with those before it.
    let mut order: Vec<&(PackageName, Flaw)> = before.iter().collect();
    order.sort_by_key(|(name, flaw)| (std::cmp::Reverse(flaw.severity), name.clone(), flaw.id.clone()));
    let mut gone: BTreeSet<&(PackageName, Flaw)> = BTreeSet::new();
    for flaw in order {
        let goes = |picks: &&&Picks| {
            let left = counting(picks);
            !left.contains(flaw) && gone.iter().all(|gone| !left.contains(*gone))
        };
        if allowed.iter().any(|picks| goes(&picks)) {
            gone.insert(flaw);
        }
    }
    let mending: Vec<&Picks> = allowed
        .into_iter()
        .filter(|picks| {
            let left = counting(picks);
            gone.iter().all(|gone| !left.contains(*gone))
        })
        .collect();
    let forced: BTreeSet<&PackageName> = gone.iter().map(|(name, _)| name).collect();
    let moved = |picks: &Picks| -> BTreeSet<PackageName> {
        picks
            .iter()
            .filter(|(name, number)| current.get(*name) != Some(number))
            .map(|(name, _)| name.clone())
            .collect()
    };
    let others = |picks: &Picks| moved(picks).iter().filter(|name| !forced.contains(name)).count();
    let fewest = mending.iter().map(|picks| others(picks)).min().unwrap();

    let what = format!("{seed}: {}\n{}{current:?}\n{flaws:?}\n", case.roots, case.text);
    let plan = case.asked.with(MOST_STEPS, |problem| {
        plan(&Wish { problem, current, flaws: &of, falls: &falls, from }, &case.world)
            .unwrap_or_else(|it| panic!("{what}{it}"))
    });
    let mut after = current.clone();
    for it in &plan.moves {
        assert_eq!(current.get(&it.name), it.from.as_ref(), "{what}");
        match &it.to {
            Some(to) => after.insert(it.name.clone(), to.clone()),
            None => after.remove(&it.name),
        };
    }
    assert!(mending.contains(&&after), "{what}{plan:?}");
    assert_eq!(others(&after), fewest, "{what}{plan:?}\n{:?}", mending.iter().min_by_key(|it| others(it)));
    let stays: BTreeSet<&str> = plan.stays.iter().map(|(flawed, _)| flawed.flaw.id.as_str()).collect();
    let expected: BTreeSet<&str> =
        before.iter().filter(|it| !gone.contains(it)).map(|(_, flaw)| flaw.id.as_str()).collect();
    assert_eq!(stays, expected, "{what}{plan:?}");
    assert!(plan.is_smallest, "{what}");

    // No package could have made a smaller jump, those before it as they are.
    let free: BTreeSet<PackageName> =
        moved(&after).into_iter().chain(forced.iter().map(|name| (*name).clone())).collect();
    let rank = |package: &PackageName, number: &Version| match current.get(package) {
        Some(now) => (
            number < now,
            if number < now { std::cmp::Reverse(version("9")) } else { std::cmp::Reverse(version("0")) },
            distance(number, now),
        ),
        None => (false, std::cmp::Reverse(version("0")), distance(number, &version("9"))),
    };
    let is_within = |picks: &Picks| {
        NAMES
            .map(name)
            .iter()
            .filter(|name| !free.contains(*name))
            .all(|name| picks.get(name).is_none_or(|number| current.get(name) == Some(number)))
    };
    let mut decided: Vec<PackageName> = Vec::new();
    let (first, second): (Vec<_>, Vec<_>) = free.iter().partition(|name| forced.contains(name));
    for package in first.into_iter().chain(second) {
        let Some(number) = after.get(package) else { continue };
        let nearer = mending.iter().find(|picks| {
            is_within(picks)
                && decided.iter().all(|name| picks.get(name) == after.get(name))
                && picks.get(package).is_some_and(|other| rank(package, other) < rank(package, number))
        });
        assert_eq!(nearer, None, "{what}{plan:?}");
        decided.push(package.clone());
    }

    let mut count = |what: &'static str| *counts.entry(what).or_default() += 1;
    count(if plan.moves.is_empty() { "nothing to do" } else { "moves" });
    if fewest > 0 {
        count("others move too");
    }
    if !stays.is_empty() {
        count("stays");
    }
}

fn distance(one: &Version, other: &Version) -> u64 {
    let first = |version: &Version| version.release().first().copied().unwrap_or(0);
    first(one).abs_diff(first(other))
}
