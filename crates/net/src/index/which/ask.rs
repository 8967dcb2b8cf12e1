//! Asks the installed pip or uv which index is built into it. This is the one place that starts a program, and never
//! one out of the target: a Python that takes no module from the folder it runs in, or uv.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{IndexError, Named, Pythonic};

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of its answer.
const MOST_BYTES: u64 = 1 << 20;

/// Prints the version of pip, the address of the index in its own constants, and the version of the Python it installs for.
const QUESTION: &str = "import pip, platform; from pip._internal.models.index import PyPI; \
                        print(pip.__version__, PyPI.simple_url, platform.python_version())";

/// Asks uv for the version of the Python that it would use where there is no environment. Neither a project nor an environment
/// is looked at, which could name a program of the target, and nothing is fetched.
const WHICH_PYTHON: [&str; 8] = [
    "python",
    "find",
    "--show-version",
    "--system",
    "--no-project",
    "--no-config",
    "--no-python-downloads",
    "--offline",
];

/// The default of the first installer that answers, and the Python it installs for, where it says so.
///
/// # Errors
/// [`IndexError::NoIndex`] if none does.
pub(super) fn for_default(may_ask: bool, uv_first: bool) -> Result<(Named, Option<Pythonic>), IndexError> {
    if !may_ask {
        return Err(IndexError::NoIndex("nothing names one; name it with `--index-url`".to_owned()));
    }
    let found = if uv_first { uv().or_else(pip) } else { pip().or_else(uv) };
    found.ok_or_else(|| {
        let reason = "nothing names one, and neither pip nor uv answers; name it with `--index-url`";
        IndexError::NoIndex(reason.to_owned())
    })
}

fn pip() -> Option<(Named, Option<Pythonic>)> {
    ["python3", "python"].into_iter().find_map(|python| {
        // `-I`: neither the folder nor the variables of Python decide which pip this is.
        let answer = run(Command::new(python).args(["-I", "-c", QUESTION]))?;
        let (version, rest) = answer.trim().split_once(' ')?;
        let (url, python) = rest.split_once(' ')?;
        let installer = format!("pip {version}");
        let named = url.contains("://").then(|| Named::new(url, format!("the default of {installer}")))?;
        let is_version = python.starts_with(|letter: char| letter.is_ascii_digit());
        Some((named, is_version.then(|| Pythonic { python: python.to_owned(), installer })))
    })
}

fn uv() -> Option<(Named, Option<Pythonic>)> {
    let help = run(Command::new("uv").args(["pip", "install", "--help", "--no-config"]))?;
    let version = run(Command::new("uv").arg("--version"))?;
    let url = default_in_help(&help)?;
    let installer = version.lines().next()?.split(" (").next()?.trim();
    let named = Named::new(url, format!("the default of {installer}"));
    let pythonic = run(Command::new("uv").args(WHICH_PYTHON)).and_then(|answer| {
        let python = version_alone(&answer)?.to_owned();
        Some(Pythonic { python, installer: installer.to_owned() })
    });
    Some((named, pythonic))
}

/// A version, where an answer is that and nothing more; older ones of uv know no `--show-version`.
fn version_alone(answer: &str) -> Option<&str> {
    let answer = answer.trim();
    let numbers =
        || answer.split('.').map(|part| part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty());
    (answer.len() < 20 && numbers().count() >= 2 && numbers().all(|is| is)).then_some(answer)
}

/// The address that uv's help gives for `--default-index`: `(by default: <URL>)`.
fn default_in_help(help: &str) -> Option<&str> {
    let (_, after) = help.split_once("--default-index")?;
    let (_, after) = after.split_once("by default: ")?;
    let url = after.trim_start().trim_start_matches('<');
    let url = url.split(|letter: char| letter.is_whitespace() || matches!(letter, '>' | ')')).next()?;
    url.contains("://").then_some(url)
}

/// What a program prints that ends well and in time. It stands in the root folder, so that no file of a project changes
/// what it does.
fn run(command: &mut Command) -> Option<String> {
    let command = command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut pipe = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        pipe.by_ref().take(MOST_BYTES).read_to_end(&mut text).ok().map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let text = reader.join().ok().flatten()?;
    status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_version_and_nothing_more() {
        for (answer, expected) in [
            ("3.12.4\n", Some("3.12.4")),
            ("3.9", Some("3.9")),
            ("3", None),
            ("3..9", None),
            ("3.13.0rc1", None),
            ("/usr/bin/python3.12", None),
            ("", None),
        ] {
            assert_eq!(version_alone(answer), expected, "{answer}");
        }
    }

    #[test]
    fn the_default_stands_in_the_help() {
        let help = "      --default-index <DEFAULT_INDEX>\n          The default package index (by default: \
                    <https://index.example/simple>) [env: X]\n";
        assert_eq!(default_in_help(help), Some("https://index.example/simple"));
        assert_eq!(default_in_help("--index (by default: <https://no.example>)"), None);
    }
}
