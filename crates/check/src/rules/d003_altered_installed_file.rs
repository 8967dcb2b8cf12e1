//! `WB-D003`: an installed file is not what the installer wrote.

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, File, Installed, RecordedFile, World};

use super::dependency::{about_node, counted, identity, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D003",
    name: "altered-installed-file",
    title: "installed file that differs from what was installed",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d003_altered_installed_file.md"),
};

/// Compares installed files with the records of their installers: one finding for the altered, one for the overwritten
/// and one for the missing files of a distribution.
pub struct AlteredInstalledFile;

impl Check for AlteredInstalledFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for installed in world.installed {
            let mut altered = Vec::new();
            let mut missing = Vec::new();
            for recorded in installed.record.iter().flatten() {
                let Some(path) = recorded.path.as_deref() else { continue };
                match find(world, path) {
                    Some(file) => altered.extend(difference(recorded, file).map(|line| (path, line))),
                    None if !is_disposable(path) && !may_be_gone(world, installed, recorded) => {
                        missing.push(path)
                    }
                    None => {}
                }
            }
            let (compiled, altered): (Vec<_>, Vec<_>) =
                altered.into_iter().partition(|(path, _)| is_compiled_anew(world, installed, path));
            let (overwritten, altered): (Vec<_>, Vec<_>) = (altered.into_iter())
                .map(|(path, line)| (path, line, writer(world, installed, path)))
                .partition(|(_, _, writer)| writer.is_some());
            if !altered.is_empty() {
                let altered = altered.into_iter().map(|(path, line, _)| (path, line)).collect();
                findings.push(altered_files(world, installed, altered));
            }
            if !overwritten.is_empty() {
                findings.push(overwritten_files(world, installed, &overwritten));
            }
            if !compiled.is_empty() {
                findings.push(compiled_files(world, installed, compiled));
            }
            if !missing.is_empty() {
                findings.push(missing_files(world, installed, &missing));
            }
        }
    }
}

/// The file at a recorded path. Some systems link `lib64` to `lib`, and links are not walked twice.
fn find<'w>(world: &'w World<'_>, path: &str) -> Option<&'w File> {
    let other = || {
        let other = if path.contains("lib64/") {
            path.replacen("lib64/", "lib/", 1)
        } else {
            path.replacen("lib/", "lib64/", 1)
        };
        world.files.get(other.as_str())
    };
    world.files.get(path).or_else(other)
}

/// Compiled code is written and deleted at will, by the interpreter and by people. Some installers record its folders.
fn is_disposable(path: &str) -> bool {
    path.ends_with(".pyc") || path.ends_with(".pyo") || path.ends_with("/__pycache__")
}

/// Whether nothing is stated of a file but its name, by conda: a link to a folder, which is not walked twice, or something
/// that is made at installation.
fn may_be_gone(world: &World<'_>, installed: &Installed, recorded: &RecordedFile) -> bool {
    recorded.digest.is_none() && recorded.size.is_none() && is_conda(world, installed)
}

fn is_conda(world: &World<'_>, installed: &Installed) -> bool {
    world.graph.component(&installed.component).is_some_and(|it| it.ecosystem == Ecosystem::Conda)
}

/// Whether this is compiled code next to its source, and the source is as it was installed. Some wheels carry compiled
/// code with a digest; `pip` compiles the source again and leaves the digest in the record.
fn is_compiled_anew(world: &World<'_>, installed: &Installed, path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once("/__pycache__/") else { return false };
    let Some(source) = name.split('.').next().filter(|_| name.ends_with(".pyc")) else { return false };
    let source = format!("{folder}/{source}.py");
    let mut record = installed.record.iter().flatten();
    let recorded = record.find(|recorded| recorded.path.as_deref() == Some(source.as_str()));
    let stated = recorded.and_then(|recorded| recorded.digest);
    let found = world.files.get(source.as_str()).and_then(|file| file.digest.as_ref().ok().copied());
    stated.is_some() && stated == found
}

/// Another distribution that recorded the file as it is now: two packages that bring a file of one path.
fn writer<'w>(world: &'w World<'_>, installed: &Installed, path: &str) -> Option<&'w Installed> {
    let found = find(world, path)?.digest.as_ref().ok()?;
    world.installed.iter().filter(|other| other.metadata != installed.metadata).find(|other| {
        let mut record = other.record.iter().flatten();
        record.any(|it| it.path.as_deref() == Some(path) && it.digest.as_ref() == Some(found))
    })
}

/// What is different, if anything is. Only a file whose bytes were read can differ.
fn difference(recorded: &RecordedFile, file: &File) -> Option<String> {
    match (&recorded.digest, &file.digest) {
        (Some(stated), Ok(found)) if stated != found => {
            // Eight digits tell two files apart; the JSON report lists whole digests of the files.
            Some(format!("{}: sha256 {stated:.8}…, now {found:.8}…", recorded.written()))
        }
        (None, Ok(_) | Err(Unread::NotAsked | Unread::NotFetched | Unread::NotHashed)) => match recorded.size
        {
            Some(size) if size != file.size && !is_disposable(recorded.written()) => {
                Some(format!("{}: {size} bytes, now {}", recorded.written(), file.size))
            }
            _ => None,
        },
        _ => None,
    }
}

fn altered_files(world: &World<'_>, installed: &Installed, altered: Vec<(&str, String)>) -> Finding {
    let label = world.graph.label(&installed.component);
    let again = if is_conda(world, installed) {
        format!("conda install --force-reinstall {}", label.replace(' ', "="))
    } else {
        format!("pip install --force-reinstall --no-deps {}", label.replace(' ', "=="))
    };
    let count = altered.len();
    let identity = identity(&installed.component);
    let paths: Vec<&str> = altered.iter().map(|(path, _)| *path).collect();
    // The paths belong to the finding: another file that changes later is another finding.
    let parts: Vec<&str> = [identity.as_str(), "altered"].into_iter().chain(paths.iter().copied()).collect();
    let place = paths.first().map(|path| (Place::file(*path), None));
    Finding {
        title: format!(
            "{} of {label} {} not as installed",
            counted(count, "file", "files"),
            if count == 1 { "is" } else { "are" }
        ),
        details: shortened(altered.into_iter().map(|(_, line)| line)),
        location: place,
        remedy: Some(Remedy::Manual(format!("find out who changed it, then: {again}"))),
        fingerprint: Fingerprint::new(&RULE, &parts),
        ..about_node(world, &RULE, &installed.component, &[])
    }
}

fn overwritten_files(
    world: &World<'_>,
    installed: &Installed,
    overwritten: &[(&str, String, Option<&Installed>)],
) -> Finding {
    let label = world.graph.label(&installed.component);
    let identity = identity(&installed.component);
    let paths = overwritten.iter().map(|(path, ..)| *path);
    let parts: Vec<&str> = [identity.as_str(), "overwritten"].into_iter().chain(paths).collect();
    let line = |(path, line, writer): &(&str, String, Option<&Installed>)| {
        let writer = writer.map_or_else(|| (*path).to_owned(), |it| world.graph.label(&it.component));
        format!("{line}, as {writer} recorded it")
    };
    let count = overwritten.len();
    Finding {
        severity: Severity::Medium,
        title: format!(
            "{} of {label} {} overwritten by another package",
            counted(count, "file", "files"),
            if count == 1 { "was" } else { "were" }
        ),
        details: shortened(overwritten.iter().map(line)),
        location: overwritten.first().map(|(path, ..)| (Place::file(*path), None)),
        remedy: Some(Remedy::Manual(
            "look whether the other package has a right to that path; if not, uninstall it".to_owned(),
        )),
        fingerprint: Fingerprint::new(&RULE, &parts),
        ..about_node(world, &RULE, &installed.component, &[])
    }
}

fn compiled_files(world: &World<'_>, installed: &Installed, compiled: Vec<(&str, String)>) -> Finding {
    let label = world.graph.label(&installed.component);
    let parts = [&*identity(&installed.component), "compiled", &installed.root];
    let place = compiled.first().map(|(path, _)| (Place::file(*path), None));
    let what = counted(compiled.len(), "compiled file", "compiled files");
    Finding {
        severity: Severity::Low,
        confidence: Confidence::Medium,
        title: format!(
            "{what} of {label} {} not as installed, the source is",
            if compiled.len() == 1 { "is" } else { "are" }
        ),
        details: shortened(compiled.into_iter().map(|(_, line)| line)),
        location: place,
        remedy: Some(Remedy::Manual(
            "mostly the installer compiled it anew; delete the `__pycache__` to be sure".to_owned(),
        )),
        ..about_node(world, &RULE, &installed.component, &parts)
    }
}

fn missing_files(world: &World<'_>, installed: &Installed, missing: &[&str]) -> Finding {
    let label = world.graph.label(&installed.component);
    let parts = [&*identity(&installed.component), "missing", &installed.root];
    let record = match is_conda(world, installed) {
        true => installed.metadata.to_string(),
        false => format!("{}/RECORD", installed.metadata),
    };
    Finding {
        severity: Severity::Low,
        title: format!(
            "{} of {label} {} missing",
            counted(missing.len(), "installed file", "installed files"),
            if missing.len() == 1 { "is" } else { "are" }
        ),
        details: shortened(missing.iter().map(ToString::to_string)),
        location: Some((Place::file(record), None)),
        remedy: Some(Remedy::Manual(format!("install {label} anew if it is still needed"))),
        ..about_node(world, &RULE, &installed.component, &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    fn built() -> Built {
        Built::new()
            .edge("P", "a 1", "")
            .installed("a 1", "a/x.py=one a/y.py=two a/__pycache__/x.pyc a/__pycache__ ../../../bin/a=run")
    }

    #[test]
    fn a_whole_distribution_is_quiet() {
        check(&AlteredInstalledFile, built().without("venv/lib/python3/site-packages/a/__pycache__"), "");
    }

    #[test]
    fn a_changed_file_is_told_with_both_digests() {
        check(
            &AlteredInstalledFile,
            built().file("venv/lib/python3/site-packages/a/x.py", "evil"),
            "
            high high 1 file of a 1 is not as installed
              at venv/lib/python3/site-packages/a/x.py
              a/x.py: sha256 7692c3ad…, now b5c1fb2e…
              way project > a 1
              fix find out who changed it, then: pip install --force-reinstall --no-deps a==1
            ",
        );
    }

    #[test]
    fn a_file_that_another_package_brought_is_said_to_be_overwritten() {
        let site = "venv/lib/python3/site-packages";
        let built = || built().edge("P", "b 2", "").installed("b 2", "a/x.py=theirs");
        check(
            &AlteredInstalledFile,
            built().file(&format!("{site}/a/x.py"), "theirs"),
            "
            medium high 1 file of a 1 was overwritten by another package
              at venv/lib/python3/site-packages/a/x.py
              a/x.py: sha256 7692c3ad…, now 4c55a855…, as b 2 recorded it
              way project > a 1
              fix look whether the other package has a right to that path; if not, uninstall it
            ",
        );
        // As neither recorded it, it is altered twice.
        let altered = built().file(&format!("{site}/a/x.py"), "evil").findings(&AlteredInstalledFile);
        assert!(altered.iter().all(|it| it.starts_with("high high 1 file of")), "{altered:?}");
        assert_eq!(altered.len(), 2);
    }

    #[test]
    fn missing_files_are_one_mild_finding() {
        check(
            &AlteredInstalledFile,
            built()
                .without("venv/lib/python3/site-packages/a/x.py")
                .without("venv/bin/a")
                .without("venv/lib/python3/site-packages/a/__pycache__/x.pyc"),
            "
            low high 2 installed files of a 1 are missing
              at venv/lib/python3/site-packages/a-1.dist-info/RECORD
              venv/lib/python3/site-packages/a/x.py
              venv/bin/a
              way project > a 1
              fix install a 1 anew if it is still needed
            ",
        );
    }

    #[test]
    fn what_python_compiles_anew_is_a_mild_finding_while_the_source_is_whole() {
        let built = || {
            let record = "b/x.py=one b/__pycache__/x.cpython-312.pyc=compiled";
            let site = "venv/lib/python3/site-packages";
            Built::new()
                .edge("P", "b 1", "")
                .installed("b 1", record)
                .file(&format!("{site}/b/__pycache__/x.cpython-312.pyc"), "compiled anew")
        };
        check(
            &AlteredInstalledFile,
            built(),
            "
            low medium 1 compiled file of b 1 is not as installed, the source is
              at venv/lib/python3/site-packages/b/__pycache__/x.cpython-312.pyc
              b/__pycache__/x.cpython-312.pyc: sha256 64ebd267…, now acfdfb40…
              way project > b 1
              fix mostly the installer compiled it anew; delete the `__pycache__` to be sure
            ",
        );
        let altered = built().file("venv/lib/python3/site-packages/b/x.py", "evil");
        let found = altered.findings(&AlteredInstalledFile);
        assert!(found[0].starts_with("high high 2 files of b 1 are not"), "{found:?}");
    }

    #[test]
    fn what_conda_has_installed_is_mended_by_conda() {
        let found = Built::new()
            .edge("P", "conda/a 1", "")
            .installed("conda/a 1", "a/x.py=one a/link")
            .file("venv/lib/python3/site-packages/a/x.py", "evil")
            .without("venv/lib/python3/site-packages/a/link")
            .findings(&AlteredInstalledFile);
        // A link to a folder is not walked twice, and states nothing but its name.
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("fix find out who changed it, then: conda install --force-reinstall a=1"));
    }

    #[test]
    fn what_could_not_be_read_is_no_finding_here() {
        check(
            &AlteredInstalledFile,
            built().unreadable("venv/lib/python3/site-packages/a/x.py", Unread::Permission),
            "",
        );
    }
}
