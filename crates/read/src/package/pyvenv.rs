//! `pyvenv.cfg`: what makes a folder a virtual environment.
//!
//! Read as the interpreter's own `site` module does (PEP 405): lines of `key = value`, keys in any case, the last one
//! wins, and without `include-system-site-packages` the base installation *is* seen.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Environment, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{decode, line_span, python_lines, quoted};

/// Reads `pyvenv.cfg`.
pub struct PyvenvReader;

impl Reader for PyvenvReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pyvenv",
            title: "virtual environment",
            family: Family::Package,
            names: &["pyvenv.cfg"],
            reads: "Python version, implementation, and whether packages of the base installation are seen",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "pyvenv.cfg" { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::metadata(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        let mut environment = Environment { python: None, implementation: None, system_packages: true };
        let mut by_info = None;
        for (number, line) in python_lines(&decoded.text).filter(|(_, line)| !line.trim().is_empty()) {
            let Some((key, value)) = line.split_once('=') else {
                notes.malformed(format!("no `key = value`: `{}`", quoted(line)), line_span(number));
                continue;
            };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "include-system-site-packages" => {
                    environment.system_packages = value.eq_ignore_ascii_case("true");
                }
                "implementation" => environment.implementation = Some(quoted(value)),
                // `version` is written by `venv`, `version_info` by `virtualenv` and `uv`.
                key @ ("version" | "version_info") => match python_version(value) {
                    Some(version) if key == "version" => environment.python = Some(version),
                    Some(version) => by_info = Some(version),
                    None => {
                        notes.malformed(format!("no Python version: `{}`", quoted(value)), line_span(number));
                    }
                },
                _ => {}
            }
        }
        environment.python = environment.python.or(by_info);
        notes.sink.observed(What::Environment(environment), None);
        Ok(())
    }
}

/// `3.12.4`, or the form of `sys.version_info` (`3.13.0.candidate.1`), as a version of PEP 440.
fn python_version(text: &str) -> Option<String> {
    let (release, phase) = match text.find(|character: char| character.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let release = release.trim_end_matches('.');
    let numbers = || release.split('.');
    if numbers().count() > 3
        || !numbers().all(|n| !n.is_empty() && n.len() < 6 && n.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let (word, serial) = match phase.find(|character: char| !character.is_ascii_alphabetic()) {
        Some(at) => phase.split_at(at),
        None => (phase, ""),
    };
    let serial = serial.trim_start_matches('.');
    let letters = match word {
        "" | "final" => return Some(release.to_owned()),
        "a" | "alpha" => "a",
        "b" | "beta" => "b",
        "c" | "rc" | "candidate" => "rc",
        _ => return None,
    };
    let fine = !serial.is_empty() && serial.len() < 6 && serial.bytes().all(|byte| byte.is_ascii_digit());
    fine.then(|| format!("{release}{letters}{serial}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_of_all_tools_are_understood() {
        for (text, expected) in [
            ("3.11.7", Some("3.11.7")),
            ("3.11.7.final.0", Some("3.11.7")),
            ("3.13.0.candidate.2", Some("3.13.0rc2")),
            ("3.13.0rc2", Some("3.13.0rc2")),
            ("3.12", Some("3.12")),
            ("", None),
            ("three", None),
            ("3..1", None),
            ("3.1.2.3.4", None),
            ("3.12.1+", None),
        ] {
            assert_eq!(super::python_version(text).as_deref(), expected, "{text}");
        }
    }
}
