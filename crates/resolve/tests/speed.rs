//! Worlds of a size that only a search without detours gets through.

use libtest_mimic::Trial;

use super::world::{Asked, World};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_hundred_packages_are_chosen]
}

/// A hundred packages with a hundred versions each and five requirements a version.
fn a_hundred_packages_are_chosen() {
    let mut text = String::new();
    for package in 0..100_u32 {
        for number in 0..100_u32 {
            let others = (1..=5).map(|step| package + step * 7).filter(|other| *other < 100);
            let needs: Vec<String> =
                others.map(|other| format!("p{other}>={},<{}", number / 2, number + 2)).collect();
            text.push_str(&format!("p{package} {number}: {}\n", needs.join(" | ")));
        }
    }
    let roots: Vec<String> = (0..20).map(|package| format!("p{package}")).collect();
    let world = World::new(&text);
    let asked = Asked::new(&roots.join(" | "));
    for solve in [Asked::resolve, Asked::solve] {
        assert_eq!(solve(&asked, &world).unwrap().picks.len(), 100);
    }
}
