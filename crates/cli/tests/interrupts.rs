//! Ctrl-C: the right exit code, nothing half-written.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use crate::Test;
use crate::support::World;

pub(crate) const TESTS: &[Test] = &[("an_interrupt_ends_with_130", an_interrupt_ends_with_130)];

/// Sends a signal to a process that we started.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn an_interrupt_ends_with_130() {
    let world = World::new();
    world.write("models/a.pkl", "");
    // 200 GB that take no place: hashing them takes minutes, so the interrupt comes in the middle.
    let file = File::options().write(true).open(world.path("models/a.pkl")).unwrap();
    file.set_len(200 << 30).unwrap();
    let mut child = world.command("models -v -o report.json").spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    // The last thing that is said before the work begins.
    let mut line = String::new();
    while !line.starts_with("threads: ") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    signal(&child, "-INT");
    let status = child.wait().unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
    assert_eq!(world.names("."), ["models"]);
}
