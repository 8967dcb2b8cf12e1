//! Tests that need a process of their own run this binary again: as somebody without rights, or to see how much
//! memory one scan takes.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use weighbridge_core::limits::Limits;

use crate::support::{Folder, context, limited, unread, weigh_all};

const TASK: &str = "WEIGHBRIDGE_TEST_CHILD";

/// Does what the parent process asks for, if there is one.
#[allow(clippy::print_stdout, reason = "this is how it answers")]
pub(crate) fn run() -> Option<ExitCode> {
    let task = env::var(TASK).ok()?;
    let (kind, target) = task.split_once(' ').unwrap_or((&task, ""));
    match kind {
        "unread" => {
            let readings = weigh_all(&[target], &[], &context()).unwrap();
            unread(&readings).iter().for_each(|line| println!("{line}"));
        }
        "peak" => {
            let limits = Limits { expansion_ratio: 10_000, ..Limits::default() };
            weigh_all(&[target], &[], &limited(limits)).unwrap();
            println!("{}", peak_kibibytes().unwrap());
        }
        _ => {}
    }
    Some(ExitCode::SUCCESS)
}

fn this(task: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(TASK, task.join(" "));
    command
}

fn output(mut command: Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Most memory that this process has used, by Linux's account of it.
fn peak_kibibytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(crate) fn no_peak() -> Option<&'static str> {
    peak_kibibytes().is_none().then_some("this system does not tell peak memory")
}

/// Most memory that a process takes to weigh `folder`.
pub(crate) fn peak_mebibytes(folder: &Folder) -> u64 {
    output(this(&["peak", &folder.text()])).unwrap().trim().parse::<u64>().unwrap() / 1024
}

/// Whether this process may read everything, as permissions do not bind it.
#[cfg(unix)]
fn is_almighty() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(Folder::new().path()).unwrap().uid() == 0
}

#[cfg(unix)]
fn nobody(task: &[&str]) -> Command {
    let child = this(task);
    if !is_almighty() {
        return child;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(child.get_program());
    command.env(TASK, task.join(" "));
    command
}

#[cfg(unix)]
pub(crate) fn no_nobody() -> Option<&'static str> {
    output(nobody(&["nothing"])).is_none().then_some("root, and no way to give up its rights")
}

#[cfg(unix)]
pub(crate) fn as_nobody(task: &[&str]) -> String {
    output(nobody(task)).unwrap()
}
