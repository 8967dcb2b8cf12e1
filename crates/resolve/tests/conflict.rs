//! What is told when no versions fit together.

use libtest_mimic::Trial;

use super::world::{Asked, World, told};

pub(crate) fn trials() -> Vec<Trial> {
    trials![conflicts_are_told_in_plain_words, an_explanation_is_short, limits_and_stops_end_the_search]
}

#[track_caller]
fn check(roots: &str, world: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let result = Asked::new(roots).resolve(&World::new(world));
    let text = told(&result);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines.first(), Some(&"no versions fit together:"), "{roots}: {text}");
    assert_eq!(lines[1..], expected, "{roots}");
}

fn conflicts_are_told_in_plain_words() {
    check("nothing", "", "the project needs nothing\nthere is no nothing");
    check(
        "a | c>=2",
        "
        a 1: c<2
        a 2: c<2
        c 1
        c 2
        ",
        "
        the project needs a
        the project needs c>=2
        a (every version) needs c<2
        ",
    );
    check(
        "a[x] | c==2",
        "
        a 1: c==1; extra == 'x'
        c 1
        c 2
        ",
        "
        the project needs a[x]
        the project needs c==2
        a[x] 1 needs c==1
        ",
    );
}

fn an_explanation_is_short() {
    let mut text = String::new();
    for number in 0..40 {
        text.push_str(&format!("a{number} 1: a{}\n", number + 1));
    }
    text.push_str("a40 1: b<1\nb 1\n");
    let told = told(&Asked::new("a0").resolve(&World::new(&text)));
    assert_eq!(told.lines().count(), 13, "{told}");
    assert!(told.ends_with("more of the kind"), "{told}");
}

fn limits_and_stops_end_the_search() {
    let world = World::new("a 1: b\nb 1: c\nc 1");
    let asked = Asked::new("a");
    let result = asked.with(2, |problem| weighbridge_resolve::resolve(problem, &world));
    assert_eq!(told(&result), "no solution within 2 steps");
    let result = asked.with(99, |problem| {
        problem.cancel.cancel();
        weighbridge_resolve::resolve(problem, &world)
    });
    assert_eq!(told(&result), "interrupted");
}
