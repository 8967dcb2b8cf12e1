//! The metadata inside a distribution: METADATA out of a wheel by its directory, PKG-INFO out of a source distribution.
//! Nothing of either is run.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use weighbridge_core::source::Source;

use super::directory;

/// Most bytes of metadata. The largest that is known has some 200 KiB.
pub(super) const MOST_METADATA: u64 = 4 << 20;
/// Most bytes unpacked on the way to PKG-INFO.
const MOST_UNPACKED: u64 = 1 << 30;

/// The bytes of the one file that is called `FOLDER` and `suffix` and nothing more.
///
/// # Errors
/// What is wrong with the archive, in words.
pub(super) fn from_zip(source: &dyn Source, suffix: &str) -> Result<Vec<u8>, String> {
    let mut found = directory::members(source)?.into_iter().filter(|it| is_in_one_folder(&it.name, suffix));
    let member = found.next().ok_or_else(|| format!("it holds no `{suffix}`"))?;
    if found.next().is_some() {
        return Err(format!("it holds more than one `{suffix}`"));
    }
    member.bytes(source, "its metadata", MOST_METADATA)
}

/// The bytes of `FOLDER/PKG-INFO` in a tar archive packed by gzip.
///
/// # Errors
/// What is wrong with the archive, in words.
pub(super) fn from_tar_gz(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut archive = GzDecoder::new(packed).take(MOST_UNPACKED);
    let broken = |error: io::Error| format!("it cannot be unpacked: {error}");
    let mut long_name: Option<Vec<u8>> = None;
    loop {
        let mut header = [0; 512];
        match archive.read_exact(&mut header) {
            Ok(()) if header.iter().any(|byte| *byte != 0) => {}
            Ok(()) => return Err("it holds no `PKG-INFO`".to_owned()),
            // The end of an archive is a block of zeros.
            Err(error) => return Err(broken(error)),
        }
        let text = |from: usize, length: usize| {
            let field = header.get(from..from.saturating_add(length)).unwrap_or_default();
            field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        };
        let size = String::from_utf8_lossy(&text(124, 12)).trim().to_owned();
        let size = u64::from_str_radix(&size, 8).map_err(|_| "it is no tar archive")?;
        let padding = size.next_multiple_of(512).saturating_sub(size);
        let kind = text(156, 1);
        let name = long_name.take().unwrap_or_else(|| match text(345, 155) {
            // The field belongs to the POSIX form only.
            prefix if !prefix.is_empty() && text(257, 6) == b"ustar" => {
                [&prefix, &b"/"[..], &text(0, 100)].concat()
            }
            _ => text(0, 100),
        });
        let is_wanted = matches!(kind.as_slice(), b"" | b"0") && is_in_one_folder(&name, "/PKG-INFO");
        let is_name = matches!(kind.as_slice(), b"L" | b"x");
        if !is_wanted && !is_name {
            let skip = size.saturating_add(padding);
            let skipped = io::copy(&mut (&mut archive).take(skip), &mut io::sink()).map_err(broken)?;
            if skipped < skip {
                return Err("it breaks off, or is too large".to_owned());
            }
            continue;
        }
        if size > MOST_METADATA {
            return Err("its metadata is too large".to_owned());
        }
        let mut bytes = Vec::new();
        (&mut archive).take(size).read_to_end(&mut bytes).map_err(broken)?;
        if u64::try_from(bytes.len()).ok() != Some(size) {
            return Err("it breaks off, or is too large".to_owned());
        }
        io::copy(&mut (&mut archive).take(padding), &mut io::sink()).map_err(broken)?;
        match kind.as_slice() {
            b"L" => long_name = Some(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
            b"x" => long_name = pax_path(&bytes),
            _ => return Ok(bytes),
        }
    }
}

/// The name in an extended header (POSIX, *pax Interchange Format*: `LENGTH KEY=VALUE\n`).
fn pax_path(records: &[u8]) -> Option<Vec<u8>> {
    let mut rest = records;
    loop {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
        let record = rest.get(space.checked_add(1)?..length.checked_sub(1)?)?;
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(path.to_vec());
        }
        rest = rest.get(length..)?;
    }
}

/// Whether `name` is one folder, and `suffix` after its beginning.
fn is_in_one_folder(name: &[u8], suffix: &str) -> bool {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let slashes = name.iter().filter(|byte| **byte == b'/').count();
    slashes == 1 && name.len() > suffix.len() && name.ends_with(suffix.as_bytes())
}
