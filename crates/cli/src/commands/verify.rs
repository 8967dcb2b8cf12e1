//! Tries a plan: installs it into a fresh environment and runs the user's command there.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use weighbridge_engine::mend::Change;
use weighbridge_resolve::Plan;

use super::hand_over::{Handed, hand_over};
use super::mend;
use crate::args::Fix;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::settings::Weigh;
use crate::setup::Setup;

/// Installs what is there after the plan, runs the command in the project's folder, and says whether it passes.
///
/// # Errors
/// The environment cannot be made, or the command fails in it; nothing was touched.
pub(super) fn run(
    fix: &Fix,
    command: &str,
    (change, plan): (&Change, &Plan),
    weigh: &Weigh,
    setup: &Setup,
    printer: &Printer,
) -> Result<(), Failure> {
    let target = mend::folder(&fix.target);
    if weigh.context.offline {
        return Err(Failure::usage("`--verify` installs packages, and nothing may be fetched")
            .hint("run it without `--offline`"));
    }
    let folder = target.join(&change.folder);
    let temporary = tempfile::Builder::new().prefix("weighbridge-verify-").tempdir();
    let temporary = temporary.map_err(|error| Failure::unwritten("a folder for the trial", &error))?;
    let python = python(&change.python, setup)?;
    let environment = temporary.path().join("env");
    let pins = temporary.path().join("plan.txt");
    fs::write(&pins, listed(change, plan)).map_err(|error| Failure::unwritten("the plan", &error))?;
    printer.say(&format!("verify {}: a fresh environment of {}", change.name, python.display()));
    let mut make = Command::new(&python);
    step(make.args(["-m", "venv"]).arg(&environment), "make an environment", &Handed::default())?;
    let binaries = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let installer = binaries.join("python");
    let mut install = Command::new(&installer);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
        .arg(&pins);
    let handed = hand_over("pip", &[], &fix.indexes, &setup.environment).map_err(Failure::usage)?;
    handed.tell(&mut install);
    step(install.current_dir(&folder), "install the plan", &handed)?;
    let path = std::env::join_paths(std::iter::once(binaries.clone()).chain(setup.environment.path()));
    let path = path.map_err(|error| Failure::new(Exit::Internal, "cannot set PATH").because(&error))?;
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir(&folder)
        .env("PATH", path)
        .env("VIRTUAL_ENV", &environment)
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(Exit::Internal, "cannot run the command").because(&error))?;
    if !status.success() {
        return Err(Failure::new(
            Exit::Fail,
            format!("verify: `{command}` fails with the plan of {} ({status})", change.name),
        )
        .hint("nothing was changed"));
    }
    let passed = format!("\nverified: `{command}` passes with the plan of {}\n", change.name);
    printer.out(|out| out.write_all(printable(&passed).as_bytes()))
}

/// Everything that is there after the plan, pinned.
fn listed(change: &Change, plan: &Plan) -> String {
    let mut after = change.now.clone();
    for moved in &plan.moves {
        match &moved.to {
            Some(version) => drop(after.insert(moved.name.clone(), version.clone())),
            None => drop(after.remove(&moved.name)),
        }
    }
    let mut text = String::new();
    for (name, version) in after {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}=={version}");
    }
    text
}

/// The Python of that series if there is one, else whichever there is.
fn python(version: &str, setup: &Setup) -> Result<PathBuf, Failure> {
    let series: Vec<&str> = version.split('.').take(2).collect();
    let named = format!("python{}", series.join("."));
    let found =
        [named.as_str(), "python3", "python"].into_iter().find_map(|name| setup.environment.program(name));
    found.ok_or_else(|| Failure::usage("`--verify` needs a Python, and none is on PATH"))
}

fn step(command: &mut Command, what: &str, handed: &Handed) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| Failure::new(Exit::Internal, format!("cannot {what}")).because(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
    last.reverse();
    Err(Failure::new(Exit::Fail, format!("verify: cannot {what}: {}", handed.shown(&last.join(" / "))))
        .hint("nothing was changed"))
}
