//! *MatchSpecs* of conda: `numpy>=1.2,<2`, `numpy=1.26=py311*`, `conda-forge::numpy[version='>=1.2', build=py311*]`.
//!
//! Source: conda's documentation, *Package match specifications*. What comes out has one form: clauses as they are
//! written, an exact version as `==1.2`, a version with all that begin like it as `1.2.*`, a build behind a space.

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requirement};
use weighbridge_core::name::PackageName;

use super::text::quoted;

/// Longest specification, in bytes.
const MOST: usize = 4 << 10;

/// A specification, and the channel that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MatchSpec {
    pub(super) requirement: Requirement,
    pub(super) channel: Option<String>,
}

/// Parses a specification.
///
/// # Errors
/// What is wrong, quoting the text.
pub(super) fn parse(text: &str) -> Result<MatchSpec, String> {
    let wrong = |what: &str| format!("{what}: `{}`", quoted(text));
    if text.len() > MOST {
        return Err(wrong("longer than any specification"));
    }
    // A comment may follow, and old files write selectors of platforms in it.
    let spec = text.split(" #").next().unwrap_or(text).trim();
    let (spec, brackets) = match spec.split_once('[') {
        Some((spec, rest)) => {
            let inside = rest.trim_end().strip_suffix(']').ok_or_else(|| wrong("a bracket is left open"))?;
            (spec.trim(), inside)
        }
        None => (spec, ""),
    };
    let (channel, spec) = match spec.rsplit_once("::") {
        Some((channel, spec)) => (Some(channel.trim_end_matches(':').to_owned()), spec.trim()),
        None => (None, spec),
    };
    let end = spec.find([' ', '=', '<', '>', '!', '~']).unwrap_or(spec.len());
    let (name, rest) = spec.split_at_checked(end).unwrap_or((spec, ""));
    let name = PackageName::of(Ecosystem::Conda, name).map_err(|_| wrong("names no package"))?;
    let (mut version, mut build) = parts(rest.trim());
    let mut channel = channel;
    for (key, value) in fields(brackets) {
        match key {
            "version" => version = canonical(value),
            "build" => build = Some(value.to_owned()),
            "channel" => channel = Some(value.to_owned()),
            _ => {}
        }
    }
    if version.chars().any(|character| !is_of_version(character)) {
        return Err(wrong("no version specifier of conda"));
    }
    let specifier = match build.filter(|build| !build.is_empty() && build != "*") {
        Some(build) if version.is_empty() => format!("* {build}"),
        Some(build) => format!("{version} {build}"),
        None => version,
    };
    let requirement = Requirement {
        ecosystem: Ecosystem::Conda,
        name,
        extras: Vec::new(),
        specifier,
        marker: None,
        origin: Origin::Index,
        digests: Vec::new(),
    };
    Ok(MatchSpec { requirement, channel: channel.filter(|channel| !channel.is_empty()) })
}

fn is_of_version(character: char) -> bool {
    character.is_ascii_alphanumeric() || "<>=!~,|.*+-_()^$ ".contains(character)
}

/// Version in canonical form and build behind the name.
fn parts(rest: &str) -> (String, Option<String>) {
    if let Some(fuzzy) = rest.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
        // `=1.2` is any version that begins like that; `=1.2=build` is exact, as is every `=1.2` with a build.
        return match fuzzy.trim().split_once('=') {
            Some((version, build)) if !version.is_empty() && !version.contains('*') => {
                (format!("=={}", version.trim()), Some(build.trim().to_owned()))
            }
            Some((version, build)) => (canonical(version), Some(build.trim().to_owned())),
            None => (begins_like(fuzzy.trim()), None),
        };
    }
    // `1.2.* py311_0`: a version without an operator, then the build. Behind an operator a space means nothing.
    let bare = rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '*');
    match rest.split_once(' ') {
        Some((version, build)) if bare && !version.ends_with([',', '|']) => {
            (canonical(version), Some(build.trim().to_owned()))
        }
        _ => match rest.strip_prefix("==").and_then(|rest| rest.split_once('=')) {
            Some((version, build)) => (format!("=={}", version.trim()), Some(build.trim().to_owned())),
            None => match operator_with_build(rest) {
                Some((version, build)) => (canonical(version), Some(build.to_owned())),
                None => (canonical(rest), None),
            },
        },
    }
}

/// `>=1.2 py311_0`: a build that follows an operator and its version.
fn operator_with_build(rest: &str) -> Option<(&str, &str)> {
    let at = rest.find(|character: char| character.is_ascii_alphanumeric())?;
    let space = rest.get(at..)?.find(' ')?.checked_add(at)?;
    let (version, build) = rest.split_at_checked(space)?;
    let build = build.trim();
    let is_build = !version.ends_with([',', '|'])
        && build.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '*')
        && !build.contains(' ');
    is_build.then_some((version, build))
}

/// Any version that begins like this one.
fn begins_like(version: &str) -> String {
    match version {
        "" | "*" => String::new(),
        version if version.ends_with('*') || version.contains(['|', ',', '<', '>']) => canonical(version),
        version => format!("{version}.*"),
    }
}

/// Clauses without spaces between them; one without operator means this version and no other.
fn canonical(version: &str) -> String {
    let dense: String = version.chars().filter(|character| !character.is_whitespace()).collect();
    if dense == "*" {
        return String::new();
    }
    let mut out = String::with_capacity(dense.len().saturating_add(2));
    for piece in dense.split_inclusive([',', '|']) {
        let clause = piece.trim_end_matches([',', '|', ')']).trim_start_matches('(');
        let exact = clause.starts_with(|first: char| first.is_ascii_alphanumeric()) && !clause.contains('*');
        if let Some(fuzzy) = clause.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
            out.push_str(&piece.replacen(clause, &begins_like(fuzzy), 1));
            continue;
        }
        if exact {
            out.push_str("==");
        }
        out.push_str(piece);
    }
    out
}

/// `key=value` pairs in brackets; values may be quoted, and then hold commas.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((key, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let quote = value.chars().next().filter(|first| matches!(first, '\'' | '"'));
        let (value, after) = match quote {
            Some(quote) => value.get(1..).unwrap_or_default().split_once(quote).unwrap_or((value, "")),
            None => value.split_once(',').map_or((value, ""), |(value, after)| (value, after)),
        };
        found.push((key.trim(), value.trim()));
        rest = after.trim_start_matches([',', ' ']);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_have_one_form() {
        for (text, name, specifier, channel) in [
            ("numpy", "numpy", "", None),
            ("NumPy>=1.2,<2", "numpy", ">=1.2,<2", None),
            ("numpy >=1.2, <2", "numpy", ">=1.2,<2", None),
            ("numpy=1.26", "numpy", "1.26.*", None),
            ("numpy=1.26.*", "numpy", "1.26.*", None),
            ("python == 3.8", "python", "==3.8", None),
            ("python 3.8", "python", "==3.8", None),
            ("numpy=1.26.4=py311h64a7726_0", "numpy", "==1.26.4 py311h64a7726_0", None),
            ("numpy==1.26.4=py311*", "numpy", "==1.26.4 py311*", None),
            ("_libgcc_mutex 0.1 conda_forge", "_libgcc_mutex", "==0.1 conda_forge", None),
            ("libblas >=3.8.0,<4.0a0", "libblas", ">=3.8.0,<4.0a0", None),
            ("numpy 1.8.*|>=2", "numpy", "1.8.*|>=2", None),
            ("conda-forge::numpy=1.2", "numpy", "1.2.*", Some("conda-forge")),
            ("conda-forge/linux-64::numpy", "numpy", "", Some("conda-forge/linux-64")),
            ("pytorch::torch[version='>=1.2,<2', build=cuda*]", "torch", ">=1.2,<2 cuda*", Some("pytorch")),
            ("blas * openblas", "blas", "* openblas", None),
            ("python ~=3.11", "python", "~=3.11", None),
            ("pip  # for the rest", "pip", "", None),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(
                (
                    found.requirement.name.as_str(),
                    found.requirement.specifier.as_str(),
                    found.channel.as_deref()
                ),
                (name, specifier, channel),
                "{text}"
            );
        }
        for text in ["", "=1.2", "numpy[version=1", "ä", "numpy>={{ x }}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
