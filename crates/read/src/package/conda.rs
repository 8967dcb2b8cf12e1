//! What files of conda share: names of package files, platforms, and what a package asks for.
//!
//! Source: conda's documentation, *Package naming conventions* and *Package metadata*.

use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{IndexKind, Origin, PackageIndex, Requirement, Requires, Role, What};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;

use super::notes::Notes;
use super::origin::{self, percent_decoded};
use super::text::{printable, quoted};
use super::{match_spec, requirement};
use crate::tree::Node;

/// What the file name of a package says: `numpy-1.26.4-py311h64a7726_0.conda`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FileName {
    pub(super) name: PackageName,
    pub(super) version: String,
    pub(super) build: String,
}

/// Reads the last part of a path or URL as the name of a package file.
pub(super) fn file_name(address: &str) -> Option<FileName> {
    let path = address.split(['?', '#']).next()?;
    let file = percent_decoded(path.rsplit(['/', '\\']).next()?);
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
    let mut parts = stem.rsplitn(3, '-');
    let (build, version) = (parts.next()?, parts.next()?);
    let name = PackageName::of(Ecosystem::Conda, parts.next()?).ok()?;
    let sound =
        |text: &str| !text.is_empty() && text.len() <= 200 && text.bytes().all(|it| it.is_ascii_graphic());
    (sound(version) && sound(build)).then(|| FileName {
        name,
        version: version.to_owned(),
        build: build.to_owned(),
    })
}

/// The channel of the address of a package: all before the folder of its platform.
pub(super) fn channel(address: &str) -> Option<String> {
    let (above, _) = address.split(['?', '#']).next()?.rsplit_once('/')?;
    let (channel, platform) = above.rsplit_once('/')?;
    let known = platform == "noarch" || marker(platform).is_some();
    (known && !channel.is_empty()).then(|| quoted(&origin::without_credentials(channel)))
}

/// Tells of a channel.
pub(super) fn tell_channel(location: &str, span: Option<Span>, notes: &mut Notes<'_>) {
    let location = quoted(&origin::without_credentials(location));
    notes.sink.declared(What::Index(PackageIndex::new(IndexKind::Channel, location)), span);
}

/// The marker that holds on a platform, by conda's name for it; none for one that is not known, and for `noarch`.
pub(super) fn marker(platform: &str) -> Option<&'static str> {
    Some(match platform {
        "linux-32" => "sys_platform == 'linux' and platform_machine == 'i686'",
        "linux-64" => "sys_platform == 'linux' and platform_machine == 'x86_64'",
        "linux-aarch64" => "sys_platform == 'linux' and platform_machine == 'aarch64'",
        "linux-armv6l" => "sys_platform == 'linux' and platform_machine == 'armv6l'",
        "linux-armv7l" => "sys_platform == 'linux' and platform_machine == 'armv7l'",
        "linux-ppc64" => "sys_platform == 'linux' and platform_machine == 'ppc64'",
        "linux-ppc64le" => "sys_platform == 'linux' and platform_machine == 'ppc64le'",
        "linux-riscv64" => "sys_platform == 'linux' and platform_machine == 'riscv64'",
        "linux-s390x" => "sys_platform == 'linux' and platform_machine == 's390x'",
        "osx-64" => "sys_platform == 'darwin' and platform_machine == 'x86_64'",
        "osx-arm64" => "sys_platform == 'darwin' and platform_machine == 'arm64'",
        "win-32" => "sys_platform == 'win32' and platform_machine == 'x86'",
        "win-64" => "sys_platform == 'win32' and platform_machine == 'AMD64'",
        "win-arm64" => "sys_platform == 'win32' and platform_machine == 'ARM64'",
        "emscripten-wasm32" => "sys_platform == 'emscripten'",
        "wasi-wasm32" => "sys_platform == 'wasi'",
        // What pixi's manifests call groups of them.
        "linux" => "sys_platform == 'linux'",
        "osx" => "sys_platform == 'darwin'",
        "win" => "sys_platform == 'win32'",
        "unix" => "os_name == 'posix'",
        _ => return None,
    })
}

/// What a package asks for, as conda writes it (`numpy >=1.22,<2.0a0`). What only says something about the system
/// (`__glibc >=2.17`) names no package and is nothing that could be installed.
pub(super) fn depends(text: &str, span: Option<Span>, notes: &mut Notes<'_>) -> Option<Requires> {
    if text.trim_start().starts_with("__") {
        return None;
    }
    match match_spec::parse(text) {
        Ok(spec) => Some(requirement::requires(spec.requirement, Role::Runtime)),
        Err(reason) => {
            notes.lost(reason, span);
            None
        }
    }
}

/// A requirement for a conda package with this specifier, as tables of names and specifiers write it.
pub(super) fn constrained(name: &str, specifier: &str) -> Result<Requirement, String> {
    match_spec::parse(&format!("{name} {specifier}")).map(|spec| spec.requirement)
}

/// A requirement for a Python package with this specifier, as tables of names and specifiers write it.
pub(super) fn python(
    name: &str,
    specifier: &str,
    span: Option<Span>,
    notes: &mut Notes<'_>,
) -> Option<Requirement> {
    let mut found = requirement::plain(requirement::name(name, span.clone(), notes)?);
    let specifier = specifier.trim();
    let inner = specifier.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(specifier);
    found.specifier = requirement::specifier(inner, span, notes);
    Some(found)
}

/// Where a Python package comes from by the address of its file: an index, but for repositories and paths.
pub(super) fn python_origin(address: &str) -> Origin {
    if !origin::is_url(address) {
        return if address.is_empty() { Origin::Index } else { origin::local(address, false).origin };
    }
    match origin::locate(address, false).origin {
        Origin::Url { .. } => Origin::Index,
        origin => origin,
    }
}

/// A text of a map; anything else there is complained about.
pub(super) fn text<'node>(node: &'node Node, key: &str, notes: &mut Notes<'_>) -> Option<&'node str> {
    let value = node.map().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)?;
    let text = value.text();
    if text.is_none() {
        notes.lost(format!("`{key}` is no text"), value.span());
    }
    text.filter(|text| !matches!(*text, "" | "~" | "null"))
}

/// The texts of a list in a map; anything else there is complained about.
pub(super) fn texts<'node>(
    node: &'node Node,
    key: &'node str,
    notes: &mut Notes<'_>,
) -> Vec<(&'node str, Option<Span>)> {
    let mut found = Vec::new();
    for value in node.get(key) {
        if !matches!(value.tree, crate::tree::Tree::List(_))
            && value.text().is_none_or(|text| !text.is_empty())
        {
            notes.lost(format!("`{key}` is no list"), value.span());
        }
        for item in value.list() {
            match item.text() {
                Some(text) => found.push((text, item.span())),
                None => notes.lost(format!("an entry of `{key}` is no text"), item.span()),
            }
        }
    }
    found
}

/// The digest in a text; complained about if it is none.
pub(super) fn sha256(hex: &str, span: Option<Span>, notes: &mut Notes<'_>) -> Option<Digest> {
    match hex.strip_prefix("sha256:").unwrap_or(hex).parse() {
        Ok(digest) => Some(digest),
        Err(_) => {
            notes.malformed(format!("no SHA-256: `{}`", quoted(hex)), span);
            None
        }
    }
}

/// A version, fit to be shown.
pub(super) fn version(text: &str) -> String {
    printable(text.trim(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_name_packages() {
        for (address, expected) in [
            (
                "https://host.example/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda",
                Some(("numpy", "1.26.4", "py311h64a7726_0")),
            ),
            ("_libgcc_mutex-0.1-conda_forge.tar.bz2#0123", Some(("_libgcc_mutex", "0.1", "conda_forge"))),
            ("x/scikit-learn-1%211.3-0.conda?a=b", Some(("scikit-learn", "1!1.3", "0"))),
            ("numpy-1.26.4.conda", None),
            ("numpy-1.26.4-0.whl", None),
            ("-1-0.conda", None),
            ("a--0.conda", None),
            ("", None),
        ] {
            let found = file_name(address);
            let found = found.as_ref().map(|it| (it.name.as_str(), it.version.as_str(), it.build.as_str()));
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn addresses_lie_in_channels() {
        for (address, expected) in [
            (
                "https://u:p@host.example/t/a/conda-forge/linux-64/a-1-0.conda",
                Some("https://host.example/t/a/conda-forge"),
            ),
            ("https://host.example/c/noarch/a-1-0.conda", Some("https://host.example/c")),
            ("https://host.example/c/elsewhere/a-1-0.conda", None),
            ("a-1-0.conda", None),
        ] {
            assert_eq!(channel(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn every_platform_has_a_marker_that_can_be_read() {
        use weighbridge_advisory::pep508::Marker;
        for platform in
            ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "linux", "osx", "win", "unix"]
        {
            let text = marker(platform).unwrap();
            assert_eq!(Marker::parse(text).unwrap().to_string(), text, "{platform}");
        }
        assert_eq!((marker("noarch"), marker("amiga-68k")), (None, None));
    }
}
