//! The metadata inside a distribution: METADATA out of a wheel by its directory, PKG-INFO out of a source distribution.
//! Nothing of either is run.

use std::io::{self, Read};

use flate2::Crc;
use flate2::read::{DeflateDecoder, GzDecoder};
use weighbridge_core::source::Source;

/// Most bytes of metadata. The largest that is known has some 200 KiB.
pub(super) const MOST_METADATA: u64 = 4 << 20;
/// Most bytes of the directory of a wheel; that of PyTorch, with twelve thousand files, has less than 2 MiB.
const MOST_DIRECTORY: u64 = 32 << 20;
/// Most bytes unpacked on the way to PKG-INFO.
const MOST_UNPACKED: u64 = 1 << 30;
/// The end record and the longest comment behind it (APPNOTE, section 4.3.16).
const TAIL: u64 = 22 + 0xffff;

/// The bytes of the one file that is called `FOLDER` and `suffix` and nothing more.
///
/// # Errors
/// What is wrong with the archive, in words.
pub(super) fn from_zip(source: &dyn Source, suffix: &str) -> Result<Vec<u8>, String> {
    let tail = part(source, source.size().saturating_sub(TAIL), source.size().min(TAIL))?;
    let end = (0..=tail.len().saturating_sub(22)).rev().find(|at| {
        let comment = number(&tail, at.saturating_add(20), 2);
        let rest = tail.len().saturating_sub(at.saturating_add(22));
        tail.get(*at..).is_some_and(|end| end.starts_with(b"PK\x05\x06"))
            && comment == u64::try_from(rest).ok()
    });
    let end = end.ok_or("it is no zip archive")?;
    let field = |at: usize, size| number(&tail, end.saturating_add(at), size).ok_or("its end is broken");
    let (count, size, offset) = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
    if size == 0xffff_ffff || offset == 0xffff_ffff || count == 0xffff {
        return Err("its directory is in the large form, which is not read over a network".to_owned());
    }
    if size > MOST_DIRECTORY {
        return Err("its directory is too large".to_owned());
    }
    let directory = part(source, offset, size)?;
    let mut rest = directory.as_slice();
    let mut found = None;
    while let Some(after) = rest.strip_prefix(b"PK\x01\x02") {
        let field = |at: usize, size| number(after, at, size).ok_or("its directory is broken");
        let lengths = field(24, 2)?.saturating_add(field(26, 2)?).saturating_add(field(28, 2)?);
        let name_end = usize::try_from(field(24, 2)?.saturating_add(42)).unwrap_or(usize::MAX);
        let name = after.get(42..name_end).ok_or("its directory is broken")?;
        if is_in_one_folder(name, suffix) {
            let member =
                (field(4, 2)?, field(6, 2)?, field(12, 4)?, field(16, 4)?, field(20, 4)?, field(38, 4)?);
            if found.replace((member, name.to_vec())).is_some() {
                return Err(format!("it holds more than one `{suffix}`"));
            }
        }
        let next = usize::try_from(lengths.saturating_add(42)).unwrap_or(usize::MAX);
        rest = after.get(next..).ok_or("its directory is broken")?;
    }
    if !rest.is_empty() {
        return Err("its directory is broken".to_owned());
    }
    let ((flags, method, checksum, packed, unpacked, header), name) =
        found.ok_or_else(|| format!("it holds no `{suffix}`"))?;
    if flags & 1 != 0 {
        return Err("its metadata is encrypted".to_owned());
    }
    if packed > MOST_METADATA || unpacked > MOST_METADATA {
        return Err("its metadata is too large".to_owned());
    }
    let local = part(source, header, 30)?;
    let field = |at, size| number(&local, at, size).ok_or("its metadata is broken");
    if !local.starts_with(b"PK\x03\x04") || field(26, 2)? != u64::try_from(name.len()).unwrap_or(u64::MAX) {
        return Err("its directory does not lead to its metadata".to_owned());
    }
    let start = header.saturating_add(30).saturating_add(field(26, 2)?).saturating_add(field(28, 2)?);
    if part(source, header.saturating_add(30), field(26, 2)?)? != name {
        return Err("its directory does not lead to its metadata".to_owned());
    }
    let bytes = part(source, start, packed)?;
    let bytes = match method {
        0 => bytes,
        8 => bounded(DeflateDecoder::new(bytes.as_slice()), unpacked)?,
        _ => return Err("its metadata is packed in an unusual way".to_owned()),
    };
    let mut crc = Crc::new();
    crc.update(&bytes);
    if u64::try_from(bytes.len()).ok() != Some(unpacked) || u64::from(crc.sum()) != checksum {
        return Err("its metadata is not what its directory says".to_owned());
    }
    Ok(bytes)
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

/// The unpacked bytes, which must not be more than announced.
fn bounded(unpacking: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = unpacking.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    Ok(bytes)
}

/// `length` bytes at `offset`. What they take was compared with a limit before.
fn part(source: &dyn Source, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    if offset.saturating_add(length) > source.size() {
        return Err("it points beyond its end".to_owned());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| "it is too large")?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match source.read_at(at, rest).map_err(|error| error.to_string())? {
            0 => return Err("it breaks off".to_owned()),
            count => filled = filled.saturating_add(count),
        }
    }
    Ok(bytes)
}

/// The number of `size` bytes at `at`, the least first.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}
