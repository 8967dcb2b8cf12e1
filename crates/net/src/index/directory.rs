//! The directory of a zip archive of which only parts are fetched, and the members that it leads to.

use std::io::{self, Read};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use weighbridge_core::source::Source;

/// Most bytes of a directory; that of PyTorch, with twelve thousand files, has less than 2 MiB.
const MOST_DIRECTORY: u64 = 32 << 20;
/// The end record and the longest comment behind it (APPNOTE, section 4.3.16).
const TAIL: u64 = 22 + 0xffff;

/// A file inside an archive, as the directory has it (APPNOTE, section 4.3.12).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    /// Its name as it stands there.
    pub(super) name: Vec<u8>,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Bytes that it takes in the archive.
    packed: u64,
    flags: u64,
    method: u64,
    checksum: u64,
    /// Where its own header lies.
    header: u64,
}

/// The members of an archive in the order of its directory.
///
/// # Errors
/// What is wrong with the archive, in words.
pub(super) fn members(source: &dyn Source) -> Result<Vec<Member>, String> {
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
    let mut members = Vec::new();
    while let Some(after) = rest.strip_prefix(b"PK\x01\x02") {
        let field = |at: usize, size| number(after, at, size).ok_or("its directory is broken");
        let lengths = field(24, 2)?.saturating_add(field(26, 2)?).saturating_add(field(28, 2)?);
        let name_end = usize::try_from(field(24, 2)?.saturating_add(42)).unwrap_or(usize::MAX);
        members.push(Member {
            name: after.get(42..name_end).ok_or("its directory is broken")?.to_vec(),
            flags: field(4, 2)?,
            method: field(6, 2)?,
            checksum: field(12, 4)?,
            packed: field(16, 4)?,
            size: field(20, 4)?,
            header: field(38, 4)?,
        });
        let next = usize::try_from(lengths.saturating_add(42)).unwrap_or(usize::MAX);
        rest = after.get(next..).ok_or("its directory is broken")?;
    }
    if rest.is_empty() { Ok(members) } else { Err("its directory is broken".to_owned()) }
}

impl Member {
    /// Its bytes, which have the size and the checksum that the directory says.
    ///
    /// # Errors
    /// What is wrong with it, in words, with `called` for what it is; more than `most` bytes are.
    pub(super) fn bytes(&self, source: &dyn Source, called: &str, most: u64) -> Result<Vec<u8>, String> {
        if self.flags & 1 != 0 {
            return Err(format!("{called} is encrypted"));
        }
        if self.packed > most || self.size > most {
            return Err(format!("{called} is too large"));
        }
        let local = part(source, self.header, 30)?;
        let field = |at, size| number(&local, at, size).ok_or_else(|| format!("{called} is broken"));
        let lost = || format!("its directory does not lead to {called}");
        if !local.starts_with(b"PK\x03\x04")
            || field(26, 2)? != u64::try_from(self.name.len()).unwrap_or(u64::MAX)
            || part(source, self.header.saturating_add(30), field(26, 2)?)? != self.name
        {
            return Err(lost());
        }
        let start =
            self.header.saturating_add(30).saturating_add(field(26, 2)?).saturating_add(field(28, 2)?);
        let bytes = part(source, start, self.packed)?;
        let bytes = match self.method {
            0 => bytes,
            8 => bounded(DeflateDecoder::new(bytes.as_slice()), self.size)?,
            _ => return Err(format!("{called} is packed in an unusual way")),
        };
        let mut crc = Crc::new();
        crc.update(&bytes);
        if u64::try_from(bytes.len()).ok() != Some(self.size) || u64::from(crc.sum()) != self.checksum {
            return Err(format!("{called} is not what its directory says"));
        }
        Ok(bytes)
    }
}

/// The unpacked bytes, which must not be more than announced.
fn bounded(unpacking: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = unpacking.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error: io::Error| format!("it cannot be unpacked: {error}"))?;
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
