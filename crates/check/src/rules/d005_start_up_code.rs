//! `WB-D005`: code in a `.pth` file, which Python runs at every start.

use std::collections::BTreeMap;

use weighbridge_core::fact::What;
use weighbridge_core::finding::{Confidence, Finding, Remedy, Severity};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, Installed, RecordedFile, World};

use super::dependency::{about_node, about_place, identity, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D005",
    name: "start-up-code",
    title: "code that runs at every start of Python",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-506", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d005_start_up_code.md"),
};

/// Lines of widespread tools, compared as a whole. Each only calls code of its own package, which other rules hold
/// against the record of its installer.
const KNOWN: &[&str] = &[
    // setuptools, since 49 and since 60.
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'stdlib') == 'local'; enabled and __import__('_distutils_hack').add_shim();",
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();",
    // virtualenv and uv.
    "import _virtualenv",
    // coverage: what its manual says to write, and what it installs since 7.
    "import coverage; coverage.process_startup()",
    r#"import sys; exec('import os\n\nif os.getenv("COVERAGE_PROCESS_START") or os.getenv("COVERAGE_PROCESS_CONFIG"):\n try:\n  import coverage\n except:\n  pass\n else:\n  coverage.process_startup(slug="pth")')"#,
    // pytest-cov, 2.6 to 6.
    r#"import os, sys;exec('if \'COV_CORE_SOURCE\' in os.environ:\n try:\n  from pytest_cov.embed import init\n  init()\n except Exception as exc:\n  sys.stderr.write(\n   "pytest-cov: Failed to setup subprocess coverage. "\n   "Environ: {0!r} "\n   "Exception: {1!r}\\n".format(\n    dict((k, v) for k, v in os.environ.items() if k.startswith(\'COV_CORE\')),\n    exc\n   )\n  )\n')"#,
];

/// Words of start-up code that no harmless one needs: programs, the network, code that is hidden from the reader. The
/// distribution that installed it may be the attack itself.
const ALARMING: &[&str] = &[
    "subprocess",
    "popen",
    "os.system",
    "spawn",
    "urllib",
    "socket",
    "http",
    "requests",
    "base64",
    "b64decode",
    "zlib",
    "marshal",
    "fromhex",
    "getattr(__builtins__",
];

/// Finds `.pth` files with code, one finding for each file.
pub struct StartUpCode;

impl Check for StartUpCode {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let mut files: BTreeMap<&Place, Vec<(&str, &Option<Span>)>> = BTreeMap::new();
        for (place, facts) in world.facts.iter().filter(|(place, _)| place.inner.is_empty()) {
            for fact in facts {
                if let What::StartUpCode(code) = &fact.what {
                    files.entry(place).or_default().push((code, &fact.evidence.span));
                }
            }
        }
        for (place, mut lines) in files {
            lines.sort_by_key(|(code, span)| (*span, *code));
            findings.extend(judge(world, place, &lines));
        }
    }
}

/// What speaks for a `.pth` file.
enum Standing<'w> {
    /// A distribution recorded it as it is.
    Recorded(&'w Installed),
    /// A distribution recorded it without a digest.
    Named(&'w Installed),
    /// A distribution recorded something else under this name.
    Altered(&'w Installed),
    /// Nobody recorded it, among installed packages.
    Stray,
    /// It lies where Python does not look for it.
    Elsewhere,
}

fn judge(world: &World<'_>, place: &Place, lines: &[(&str, &Option<Span>)]) -> Option<Finding> {
    let standing = standing(world, place);
    let vouched = matches!(standing, Standing::Recorded(_));
    let unknown: Vec<&(&str, &Option<Span>)> = lines
        .iter()
        .filter(|(code, _)| !(KNOWN.contains(&code.trim_end()) || vouched && is_editable_finder(code)))
        .collect();
    let (_, span) = unknown.first()?;
    let label = |installed: &Installed| world.graph.label(&installed.component);
    let alarming = unknown.iter().any(|(code, _)| {
        let code = code.to_ascii_lowercase();
        ALARMING.iter().any(|word| code.contains(word))
    });
    // What a package carries for its tests: no Python looks there.
    if let Standing::Recorded(installed) | Standing::Named(installed) = &standing
        && !alarming
        && is_inside_package(world, installed, place)
    {
        return None;
    }
    let (severity, said) = match &standing {
        Standing::Recorded(installed) if alarming => (
            Severity::High,
            format!("{} installed it, unchanged: look at that release itself", label(installed)),
        ),
        Standing::Recorded(installed) => {
            (Severity::Low, format!("{} installed it, unchanged", label(installed)))
        }
        Standing::Named(installed) => {
            (Severity::Medium, format!("{} recorded it, without a digest", label(installed)))
        }
        Standing::Altered(installed) => {
            (Severity::High, format!("{} installed something else under this name", label(installed)))
        }
        Standing::Stray => (Severity::High, "no installer recorded it".to_owned()),
        Standing::Elsewhere => {
            (Severity::Low, "it runs only once it lies among installed packages".to_owned())
        }
    };
    let owner = match standing {
        Standing::Recorded(installed) | Standing::Named(installed) | Standing::Altered(installed) => {
            Some(installed)
        }
        Standing::Stray | Standing::Elsewhere => None,
    };
    let title = match owner {
        Some(installed) if severity == Severity::Low => {
            format!("{} runs code at every start of Python", label(installed))
        }
        _ => format!("`{}` runs code at every start of Python", place.name()),
    };
    let mut details = shortened(unknown.iter().map(|(code, _)| abridged(code)));
    details.insert(0, said);
    let common = match owner {
        Some(installed) => {
            about_node(world, &RULE, &installed.component, &[&identity(&installed.component), place.name()])
        }
        None => about_place(&RULE, place, None, &[&place.path]),
    };
    let remedy = match severity {
        Severity::Low => None,
        _ => Some(Remedy::Remove(
            "find out who put it there, and delete it before you start Python again".to_owned(),
        )),
    };
    Some(Finding {
        severity,
        confidence: Confidence::High,
        title,
        details,
        location: Some((place.clone(), (*span).clone())),
        remedy,
        ..common
    })
}

fn standing<'w>(world: &'w World<'_>, place: &Place) -> Standing<'w> {
    let found = world.files.get(&place.path).map(|file| &file.digest);
    let mut named = None;
    for installed in world.installed {
        let is_it = |recorded: &&RecordedFile| recorded.path.as_deref() == Some(&*place.path);
        let Some(recorded) = installed.record.iter().flatten().find(is_it) else { continue };
        named = Some(match (&recorded.digest, found) {
            (Some(stated), Some(Ok(found))) if stated == found => return Standing::Recorded(installed),
            (Some(_), Some(Ok(_))) => Standing::Altered(installed),
            _ => Standing::Named(installed),
        });
    }
    let folder = place.folder();
    let name = folder.rsplit('/').next().unwrap_or_default();
    let is_site = world.installed.iter().any(|installed| *installed.root == *folder);
    named.unwrap_or(if is_site || name == "site-packages" || name == "dist-packages" {
        Standing::Stray
    } else {
        Standing::Elsewhere
    })
}

/// Whether a file lies in a folder of the package, and in none that Python reads at its start.
fn is_inside_package(world: &World<'_>, installed: &Installed, place: &Place) -> bool {
    let folder = place.folder();
    let below = folder.strip_prefix(&*installed.root).is_some_and(|rest| {
        // The target may be the folder of the packages itself.
        rest.starts_with('/') || installed.root.is_empty() && !rest.is_empty()
    });
    below && world.installed.iter().all(|other| *other.root != *folder)
}

/// `import __editable___NAME_finder; __editable___NAME_finder.install()`, by which setuptools installs a project in
/// place.
fn is_editable_finder(code: &str) -> bool {
    let Some((import, call)) = code.trim_end().split_once("; ") else { return false };
    let module = import.strip_prefix("import ").unwrap_or_default();
    let plain = module.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && module.starts_with("__editable__") && call.strip_prefix(module) == Some(".install()")
}

fn abridged(code: &str) -> String {
    const MOST: usize = 160;
    match code.char_indices().nth(MOST) {
        Some((at, _)) => format!("{} …", code.get(..at).unwrap_or_default()),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    const SITE: &str = "venv/lib/python3/site-packages";

    fn built(code: &str) -> Built {
        let path = format!("{SITE}/a.pth");
        Built::new()
            .edge("P", "a 1", "")
            .installed("a 1", "a.pth=content")
            .fact(&path, What::StartUpCode(code.into()))
    }

    #[test]
    fn what_a_package_carries_for_its_tests_runs_at_no_start() {
        let path = "a/tests/venv/lib/python3/site-packages/x.pth";
        let carried = |code: &str| {
            let record = format!("{path}=x");
            let built = Built::new().edge("P", "a 1", "").installed("a 1", &record);
            let file = format!("{SITE}/{path}");
            built.fact(&file, What::StartUpCode(code.to_owned()))
        };
        check(&StartUpCode, carried("import sys; sys.path"), "");
        assert_eq!(carried("import os; os.system('x')").findings(&StartUpCode).len(), 1);
    }

    #[test]
    fn recorded_code_is_told_mildly() {
        check(
            &StartUpCode,
            built("import a; a.go()"),
            "
            low high a 1 runs code at every start of Python
              at venv/lib/python3/site-packages/a.pth
              a 1 installed it, unchanged
              import a; a.go()
              way project > a 1
            ",
        );
    }

    #[test]
    fn a_record_does_not_vouch_for_hidden_code() {
        check(
            &StartUpCode,
            built("import os, subprocess; subprocess.Popen(['echo', 'hello'])"),
            "
            high high `a.pth` runs code at every start of Python
              at venv/lib/python3/site-packages/a.pth
              a 1 installed it, unchanged: look at that release itself
              import os, subprocess; subprocess.Popen(['echo', 'hello'])
              way project > a 1
              fix find out who put it there, and delete it before you start Python again
            ",
        );
    }

    #[test]
    fn known_lines_are_quiet() {
        for line in KNOWN {
            check(&StartUpCode, built(line), "");
            check(&StartUpCode, built(&format!("{line} ")), "");
        }
        check(
            &StartUpCode,
            built("import __editable___app_1_0_finder; __editable___app_1_0_finder.install()"),
            "",
        );
    }

    #[test]
    fn a_known_line_with_more_to_it_is_not_known() {
        for line in [
            "import _virtualenv; import os",
            "import __editable__x; __editable__x.install(); import os",
            "import os; os.install()",
        ] {
            assert!(!KNOWN.contains(&line) && !is_editable_finder(line), "{line}");
        }
    }

    #[test]
    fn altered_and_unrecorded_code_is_an_alarm() {
        check(
            &StartUpCode,
            built("import os").file(&format!("{SITE}/a.pth"), "other"),
            "
            high high `a.pth` runs code at every start of Python
              at venv/lib/python3/site-packages/a.pth
              a 1 installed something else under this name
              import os
              way project > a 1
              fix find out who put it there, and delete it before you start Python again
            ",
        );
        let path = format!("{SITE}/stray.pth");
        check(
            &StartUpCode,
            Built::new()
                .installed("a 1", "")
                .file(&path, "x")
                .fact(&path, What::StartUpCode("import os".into())),
            "
            high high `stray.pth` runs code at every start of Python
              at venv/lib/python3/site-packages/stray.pth
              no installer recorded it
              import os
              fix find out who put it there, and delete it before you start Python again
            ",
        );
    }

    #[test]
    fn a_finder_of_an_editable_project_must_be_recorded() {
        let path = format!("{SITE}/stray.pth");
        let code = "import __editable___x_finder; __editable___x_finder.install()";
        let built =
            Built::new().installed("a 1", "").file(&path, "x").fact(&path, What::StartUpCode(code.into()));
        assert_eq!(built.findings(&StartUpCode).len(), 1);
    }
}
