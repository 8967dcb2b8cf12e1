//! `WB-D009`: code that a package runs when it is installed or when its environment is activated.

use std::collections::BTreeMap;

use weighbridge_core::fact::{InstallCode, Moment, What};
use weighbridge_core::finding::{Confidence, Finding, Remedy, Severity};
use weighbridge_core::graph::NodeId;
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, Installed, World};

use super::dependency::{about_node, about_place, counted, identity, is_below, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D009",
    name: "install-time-code",
    title: "code that runs when a package is installed or activated",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-506", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d009_install_time_code.md"),
};

/// What no installation needs: hidden code, other people's shells, what outlives the installation.
const HIDING: &[&str] = &[
    "base64",
    "b64decode",
    "fromhex",
    "marshal.loads",
    "zlib.decompress",
    "frombase64string",
    "-encodedcommand",
    "/dev/tcp/",
    "/dev/udp/",
    "authorized_keys",
    "crontab",
    ".bashrc",
    ".zshrc",
    "chmod u+s",
    "socket.socket",
    "| sh",
    "|sh",
    "| bash",
    "|bash",
    "iex(",
    "iex (",
];

/// What takes something from the network, of which no record says what it is.
const FETCHING: &[&str] = &[
    "curl ",
    "wget ",
    "urlopen",
    "urlretrieve",
    "requests.get",
    "requests.post",
    "invoke-webrequest",
    "invoke-restmethod",
    "downloadstring",
    "downloadfile",
    "bitsadmin",
    "certutil",
];

/// Finds such code, one finding for each script that is worth a look.
pub struct InstallTimeCode;

impl Check for InstallTimeCode {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for (place, facts) in world.facts {
            for fact in facts {
                if let What::InstallCode(code) = &fact.what {
                    findings.extend(judge(world, place, code));
                }
            }
        }
    }
}

/// Whose code it is.
enum Owner<'w> {
    /// An installed package recorded it as it is.
    Recorded(&'w Installed),
    /// An installed package recorded something else, or without a digest.
    Doubtful(&'w Installed),
    /// It lies in an environment of conda, and no package recorded it.
    Stray,
    /// It lies in a package file.
    Packed(&'w str),
    /// It lies where nobody runs it.
    Elsewhere,
}

fn judge(world: &World<'_>, place: &Place, code: &InstallCode) -> Option<Finding> {
    let owner = owner(world, place);
    let (hiding, fetching) = (lines(&code.code, HIDING), lines(&code.code, FETCHING));
    let harmless = hiding.is_empty() && fetching.is_empty() && code.rest == 0;
    let telling: BTreeMap<u32, String> =
        fetching.iter().chain(&hiding).map(|(number, text)| (*number, text.clone())).collect();
    let at_activation = matches!(code.when, Moment::Activate | Moment::Deactivate);
    let severity = match (&owner, code.when) {
        (Owner::Elsewhere, _) if harmless => return None,
        // Compilers and many libraries set variables when their environment is activated.
        (Owner::Recorded(_) | Owner::Packed(_), _) if harmless && at_activation => return None,
        // A build may fetch its own parts and unpack them; that is bad enough, and common.
        (_, Moment::Build) if !hiding.is_empty() => Severity::Medium,
        (_, Moment::Build) => Severity::Low,
        _ if !hiding.is_empty() => Severity::High,
        _ if !fetching.is_empty() => Severity::Medium,
        (Owner::Stray | Owner::Doubtful(_), _) => Severity::Medium,
        _ => Severity::Low,
    };
    let (who, said) = match &owner {
        Owner::Recorded(it) => (world.graph.label(&it.component), "installed as it is recorded".to_owned()),
        Owner::Doubtful(it) => {
            (world.graph.label(&it.component), "not what the package has recorded".to_owned())
        }
        Owner::Stray => (format!("`{}`", place.name()), "no package recorded it".to_owned()),
        Owner::Packed(file) => (format!("`{file}`"), format!("in `{}`", last(place))),
        Owner::Elsewhere => (format!("`{}`", last(place)), "it runs only once it is installed".to_owned()),
    };
    let mut details = vec![said];
    details.extend(shortened(telling.into_iter().map(|(number, text)| format!("line {number}: {text}"))));
    if code.rest > 0 {
        details.push(format!("{} more were not looked at", counted_bytes(code.rest)));
    }
    let node = match &owner {
        Owner::Recorded(it) | Owner::Doubtful(it) => Some(it.component.clone()),
        Owner::Packed(_) => package_file(world, place),
        Owner::Stray | Owner::Elsewhere => None,
    };
    let common = match &node {
        Some(id) => about_node(world, &RULE, id, &[&identity(id), last(place)]),
        None => about_place(&RULE, place, None, &[&place.path, last(place)]),
    };
    let remedy = (severity > Severity::Low).then(|| {
        Remedy::Manual(
            "read the script before you install or activate this again, and ask who put it there".to_owned(),
        )
    });
    Some(Finding {
        severity,
        confidence: if severity == Severity::Low { Confidence::High } else { Confidence::Medium },
        title: format!("{who} runs code {}", code.when.as_str()),
        details,
        location: Some((place.clone(), None)),
        remedy,
        ..common
    })
}

fn owner<'w>(world: &'w World<'_>, place: &'w Place) -> Owner<'w> {
    if !place.inner.is_empty() {
        let file = place.path.rsplit('/').next().unwrap_or_default();
        return if is_package(file, last(place)) { Owner::Packed(file) } else { Owner::Elsewhere };
    }
    let found = world.files.get(&place.path).and_then(|file| file.digest.as_ref().ok());
    let mut doubtful = None;
    for installed in world.installed {
        let mut record = installed.record.iter().flatten();
        let Some(recorded) = record.find(|it| it.path.as_deref() == Some(&*place.path)) else { continue };
        if recorded.digest.is_some() && recorded.digest.as_ref() == found {
            return Owner::Recorded(installed);
        }
        doubtful = Some(Owner::Doubtful(installed));
    }
    let in_conda =
        || world.installed.iter().any(|it| it.metadata.ends_with(".json") && is_below(&place.path, &it.root));
    doubtful.unwrap_or_else(|| if in_conda() { Owner::Stray } else { Owner::Elsewhere })
}

/// Whether a file by this name is what installers install: a package of conda, or a source distribution with the folder
/// of its own name.
fn is_package(file: &str, member: &str) -> bool {
    let sources = [".tar.gz", ".tgz", ".zip", ".tar.bz2"];
    let stem = sources.iter().find_map(|ending| file.strip_suffix(ending));
    let own = stem.is_some_and(|stem| member.strip_prefix(stem).is_some_and(|rest| rest == "/setup.py"));
    let conda = file.ends_with(".conda") || file.ends_with(".tar.bz2");
    if member.ends_with("/setup.py") { own } else { conda }
}

/// The node of the file in which the code lies, if it has one.
fn package_file(world: &World<'_>, place: &Place) -> Option<NodeId> {
    let digest = world.files.get(&place.path)?.digest.as_ref().ok()?;
    Some(NodeId::Artifact(*digest)).filter(|id| world.graph.nodes.contains_key(id))
}

fn last(place: &Place) -> &str {
    place.inner.last().map_or(&*place.path, |step| &**step)
}

/// The lines in which one of the words stands, with their numbers. What is a comment runs nowhere.
fn lines(code: &str, words: &[&str]) -> BTreeMap<u32, String> {
    const MOST: usize = 120;
    let mut found = BTreeMap::new();
    for (number, line) in (1u32..).zip(code.lines()) {
        let text = line.trim();
        let lower = text.to_ascii_lowercase();
        let comment = text.starts_with('#') || lower.starts_with("rem ") || text.starts_with("::");
        if !comment && words.iter().any(|word| lower.contains(word)) {
            found.insert(number, text.chars().take(MOST).collect());
        }
    }
    found
}

fn counted_bytes(bytes: u64) -> String {
    counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte", "bytes")
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    const SITE: &str = "venv/lib/python3/site-packages";

    fn code(when: Moment, text: &str) -> What {
        What::InstallCode(InstallCode { when, code: text.to_owned(), rest: 0 })
    }

    /// A package that recorded a script, with what the reader has told of it.
    fn built(when: Moment, path: &str, text: &str) -> Built {
        let fact = code(when, text);
        Built::new()
            .edge("P", "conda/a 1", "")
            .installed("conda/a 1", &format!("{path}=script"))
            .fact(&format!("{SITE}/{path}"), fact)
    }

    #[test]
    fn what_sets_variables_is_quiet_and_what_runs_at_installation_is_told() {
        let path = "etc/conda/activate.d/a.sh";
        check(&InstallTimeCode, built(Moment::Activate, path, "export A=1\n# curl x\n"), "");
        check(
            &InstallTimeCode,
            built(Moment::PostLink, "bin/.a-post-link.sh", "fc-cache\n"),
            "
            low high a 1 runs code when it is installed
              at venv/lib/python3/site-packages/bin/.a-post-link.sh
              installed as it is recorded
              way project > a 1
            ",
        );
    }

    #[test]
    fn what_hides_or_fetches_is_worse() {
        check(
            &InstallTimeCode,
            built(Moment::Activate, "etc/conda/activate.d/a.sh", "A=1\nCURL x | base64 -d | sh\n"),
            "
            high medium a 1 runs code whenever its environment is activated
              at venv/lib/python3/site-packages/etc/conda/activate.d/a.sh
              installed as it is recorded
              line 2: CURL x | base64 -d | sh
              way project > a 1
              fix read the script before you install or activate this again, and ask who put it there
            ",
        );
        let found = built(Moment::PostLink, "bin/.a-post-link.sh", "wget https://host.example/data\n");
        assert!(found.findings(&InstallTimeCode)[0].starts_with("medium medium a 1 runs code when it is"));
        let changed = built(Moment::Activate, "etc/conda/activate.d/a.sh", "A=1\n")
            .file(&format!("{SITE}/etc/conda/activate.d/a.sh"), "another");
        assert!(changed.findings(&InstallTimeCode)[0].contains("not what the package has recorded"));
    }

    #[test]
    fn packages_are_known_by_their_names() {
        for (file, member, expected) in [
            ("a-1-0.conda", "bin/.a-post-link.sh", true),
            ("a-1-0.tar.bz2", "bin/.a-post-link.sh", true),
            ("a-1.tar.gz", "bin/.a-post-link.sh", false),
            ("a-1.tar.gz", "a-1/setup.py", true),
            ("a-1.tar.gz", "a-2/setup.py", false),
            ("a-1.zip", "a-1/setup.py", true),
            ("a-1.tar.gz", "a-1/b/setup.py", false),
        ] {
            assert_eq!(is_package(file, member), expected, "{file} {member}");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_told() {
        let long = What::InstallCode(InstallCode { when: Moment::Activate, code: "A=1\n".into(), rest: 7 });
        let built = Built::new()
            .edge("P", "conda/a 1", "")
            .installed("conda/a 1", "etc/conda/activate.d/a.sh=script")
            .fact(&format!("{SITE}/etc/conda/activate.d/a.sh"), long);
        let found = built.findings(&InstallTimeCode);
        assert!(found[0].contains("7 bytes more were not looked at"), "{found:?}");
    }
}
