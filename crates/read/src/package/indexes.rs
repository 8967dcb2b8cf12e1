//! Where installers are told to look for packages, by options, variables of the environment and keys of settings.
//!
//! Source: pip's documentation (*pip install*, *Configuration*) and uv's (*Package indexes*, *Environment variables*).
//! pip takes the best version over all indexes; uv asks them in order and stays with the first that knows a package,
//! unless `index-strategy` says otherwise.

use weighbridge_core::fact::{IndexKind, PackageIndex};

use super::origin;
use super::text::quoted;

/// Whose option it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Installer {
    Pip,
    Uv,
}

/// What an option says about places; nothing for all others. One option may name several places, parted by spaces.
pub(super) fn of_option(installer: Installer, option: &str, value: &str) -> Vec<PackageIndex> {
    let kind = match (option, installer) {
        ("--index-url" | "--pypi-url" | "--default-index" | "-i", _) | ("--index", Installer::Pip) => {
            IndexKind::Default
        }
        ("--extra-index-url", Installer::Pip) => IndexKind::Extra,
        ("--extra-index-url" | "--index", Installer::Uv) => IndexKind::First,
        ("--find-links" | "-f", _) => IndexKind::Links,
        ("--trusted-host" | "--allow-insecure-host", _) => IndexKind::Trusted,
        ("--no-index", _) => return vec![PackageIndex::new(IndexKind::None, "")],
        ("--index-strategy", _) if value.starts_with("unsafe-") => IndexKind::BestMatch,
        _ => return Vec::new(),
    };
    value.split_whitespace().map(|value| PackageIndex::new(kind, location(value))).collect()
}

/// Says of places that they count for these files too. Each keeps the list, so that of many only the first do.
pub(super) fn count_for<'i>(files: &[String], indexes: impl Iterator<Item = &'i mut PackageIndex>) {
    const MOST: usize = 64;
    for index in indexes.take(MOST) {
        index.files = files.iter().take(MOST).cloned().collect();
    }
}

/// What a variable of the environment says about places.
pub(super) fn of_variable(name: &str, value: &str) -> Vec<PackageIndex> {
    use Installer::{Pip, Uv};
    let (installer, option) = match name {
        "PIP_INDEX_URL" => (Pip, "--index-url"),
        "PIP_EXTRA_INDEX_URL" => (Pip, "--extra-index-url"),
        "PIP_FIND_LINKS" => (Pip, "--find-links"),
        "PIP_TRUSTED_HOST" => (Pip, "--trusted-host"),
        "PIP_NO_INDEX" if !matches!(value, "" | "0" | "false" | "no" | "off") => (Pip, "--no-index"),
        "UV_INDEX_URL" | "UV_DEFAULT_INDEX" => (Uv, "--default-index"),
        "UV_EXTRA_INDEX_URL" | "UV_INDEX" => (Uv, "--index"),
        "UV_FIND_LINKS" => (Uv, "--find-links"),
        "UV_INSECURE_HOST" => (Uv, "--allow-insecure-host"),
        "UV_INDEX_STRATEGY" => (Uv, "--index-strategy"),
        _ => return Vec::new(),
    };
    of_option(installer, option, value)
}

/// The place without credentials, and without the name that uv lets people give it (`name=URL`).
pub(super) fn location(written: &str) -> String {
    let named = written.split_once('=').filter(|(name, rest)| {
        rest.contains("://") && name.chars().all(|part| part.is_ascii_alphanumeric() || "-_.".contains(part))
    });
    quoted(&origin::without_credentials(named.map_or(written, |(_, url)| url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_variables_name_places() {
        let told = |found: Vec<PackageIndex>| {
            let all = found.iter().map(|index| format!("{:?} {}", index.kind, index.location));
            all.collect::<Vec<_>>().join(", ")
        };
        let check = |option: &str, value: &str, pip: &str, uv: &str| {
            assert_eq!(told(of_option(Installer::Pip, option, value)), pip, "{option}");
            assert_eq!(told(of_option(Installer::Uv, option, value)), uv, "{option}");
        };
        let url = "https://u:p@h.example/simple";
        check("--index-url", url, "Default https://h.example/simple", "Default https://h.example/simple");
        check("--extra-index-url", url, "Extra https://h.example/simple", "First https://h.example/simple");
        check(
            "--index",
            &format!("a={url}"),
            "Default https://h.example/simple",
            "First https://h.example/simple",
        );
        check("--no-index", "", "None ", "None ");
        check(
            "--index-strategy",
            "unsafe-best-match",
            "BestMatch unsafe-best-match",
            "BestMatch unsafe-best-match",
        );
        check("--index-strategy", "first-index", "", "");
        check("--proxy", url, "", "");
        assert_eq!(
            told(of_variable("PIP_EXTRA_INDEX_URL", "https://a.example b")),
            "Extra https://a.example, Extra b"
        );
        assert_eq!(told(of_variable("PIP_NO_INDEX", "0")), "");
        assert_eq!(told(of_variable("HOME", "/")), "");
        assert_eq!(location("https://${U}:${P}@h.example/s?a=b://c"), "https://h.example/s?a=b://c");
    }
}
