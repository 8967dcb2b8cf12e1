//! Which libraries this machine has, as far as wheels ask for them: read from its files, without running anything.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use weighbridge_core::context::System;

/// No C library is larger.
const MOST: u64 = 16 << 20;

/// The C library or the macOS of the machine whose file system has this root; none where its files do not say.
pub(crate) fn system(root: &Path) -> Option<System> {
    if let Some(text) = read(&root.join("System/Library/CoreServices/SystemVersion.plist")) {
        return mac(&String::from_utf8_lossy(&text)).map(|(major, minor)| System::MacOs(major, minor));
    }
    let arch = std::env::consts::ARCH;
    let folders = [format!("lib/{arch}-linux-gnu"), "lib64".into(), "lib".into(), "usr/lib".into()];
    if let Some(library) = folders.iter().find_map(|folder| read(&root.join(folder).join("libc.so.6"))) {
        return glibc(&library).map(|(major, minor)| System::Glibc(major, minor));
    }
    let library = read(&root.join(format!("lib/ld-musl-{arch}.so.1")))?;
    musl(&library).map(|(major, minor)| System::Musl(major, minor))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// What its banner says, which every build of glibc has; else the newest of its symbols.
fn glibc(library: &[u8]) -> Option<(u64, u64)> {
    let banner = behind(library, b" release version ").find_map(version);
    banner.or_else(|| behind(library, b"GLIBC_").filter_map(version).max())
}

/// musl prints its version, which stands in the library as a text of its own.
fn musl(library: &[u8]) -> Option<(u64, u64)> {
    let is_version = |text: &&[u8]| {
        let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
        let is_number = |part: &&[u8]| (1..=2).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        parts.len() == 3 && parts.iter().all(is_number)
    };
    library.split(|byte| *byte == 0).find(is_version).and_then(version)
}

fn mac(plist: &str) -> Option<(u64, u64)> {
    let (_, rest) = plist.split_once("<key>ProductVersion</key>")?;
    let (_, text) = rest.split_once("<string>")?;
    let (text, _) = text.split_once("</string>")?;
    // macOS 15 may say no more than `15`.
    version(text.as_bytes()).or_else(|| Some((text.trim().parse().ok()?, 0)))
}

/// What stands behind each occurrence.
fn behind<'b>(bytes: &'b [u8], what: &'static [u8]) -> impl Iterator<Item = &'b [u8]> {
    let places = bytes.windows(what.len()).enumerate().filter(move |(_, window)| *window == what);
    places.filter_map(move |(at, _)| bytes.get(at.checked_add(what.len())?..))
}

/// `2.36` at the beginning.
fn version(text: &[u8]) -> Option<(u64, u64)> {
    let head = text.get(..text.len().min(12))?;
    let mut numbers = head.split(|byte| !byte.is_ascii_digit());
    let mut number = || std::str::from_utf8(numbers.next()?).ok()?.parse::<u64>().ok();
    let (major, minor) = (number()?, number()?);
    let dot = head.iter().position(|byte| !byte.is_ascii_digit())?;
    (head.get(dot) == Some(&b'.')).then_some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found on a machine with this one file.
    #[track_caller]
    fn check(file: &str, content: &[u8], expected: Option<System>) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(file.replace("ARCH", std::env::consts::ARCH));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        assert_eq!(system(root.path()), expected, "{file}: {}", String::from_utf8_lossy(content));
    }

    #[test]
    fn files_say_what_the_machine_is() {
        let debian = b"\0GLIBC_2.2.5\0GLIBC_2.36\0GNU C Library (Debian GLIBC 2.36-9+deb12u7) stable release version 2.36.\n";
        check("lib/ARCH-linux-gnu/libc.so.6", debian, Some(System::Glibc(2, 36)));
        check("lib64/libc.so.6", b"\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_PRIVATE\0", Some(System::Glibc(2, 17)));
        // A release may bring no symbol of its own.
        check("usr/lib/libc.so.6", b"GLIBC_2.36\0 stable release version 2.37.", Some(System::Glibc(2, 37)));
        check(
            "lib/ld-musl-ARCH.so.1",
            b"\0musl libc (x86_64)\nVersion %s\0\x001.2.5\0",
            Some(System::Musl(1, 2)),
        );
        let plist = |version: &str| {
            format!(
                "<plist><dict>\n<key>ProductBuildVersion</key><string>23F79</string>\n\
                 <key>ProductVersion</key>\n\t<string>{version}</string></dict></plist>"
            )
        };
        let file = "System/Library/CoreServices/SystemVersion.plist";
        check(file, plist("14.5").as_bytes(), Some(System::MacOs(14, 5)));
        check(file, plist("15").as_bytes(), Some(System::MacOs(15, 0)));
        check(file, plist("next").as_bytes(), None);
        check("lib64/libc.so.6", b"/* GNU ld script */ GROUP ( /lib64/libc.so.6 )", None);
        check("etc/os-release", b"ID=windows", None);
    }
}
