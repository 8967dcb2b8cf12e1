//! Finds the end of the central directory, and every other place that a loader may take for it.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use crate::bytes::{length, offset, u16_at, u32_at, u64_at};

/// Bytes of the record without its comment.
const FIXED: u64 = 22;
/// The longest comment, and so the farthest from the end that the record can begin.
const LONGEST_COMMENT: u64 = 0xffff;
/// How many records that look right are followed; more than a handful is an attack whatever they say.
const MOST_RECORDS: usize = 8;

/// One way to read where the central directory lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// Where the directory begins.
    pub(super) start: u64,
    /// Its size in bytes, as stated.
    pub(super) size: u64,
    /// How many entries it claims.
    pub(super) entries: u64,
    /// What has to be added to the offsets in the directory.
    pub(super) shift: u64,
    /// Where the directory must end at the latest: at its end record.
    pub(super) until: u64,
    /// Where the end record and its comment end.
    pub(super) after: u64,
}

/// What a record of either kind states.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stated {
    entries: u64,
    size: u64,
    start: u64,
}

/// Every way to read where the directory lies, the one that most loaders take first. Empty when there is none.
///
/// Python and miniz take the last signature in the file; stricter loaders want the comment to end with the file. A
/// nested archive that is stored as it is has a record of its own, whose comment does not, and so is not mistaken.
pub(super) fn find(input: &Input, sink: &mut Sink) -> Result<Vec<End>, Unread> {
    let size = input.size();
    let from = size.saturating_sub(FIXED.saturating_add(LONGEST_COMMENT));
    let mut tail = vec![0; length(size.saturating_sub(from))];
    let filled = input.read_some(from, &mut tail)?;
    tail.truncate(filled);
    let mut ends: Vec<End> = Vec::new();
    let mut records = 0usize;
    for position in (0..tail.len()).rev() {
        let Some(record) = tail.get(position..).filter(|rest| rest.starts_with(b"PK\x05\x06")) else {
            continue;
        };
        let Some(comment) = u16_at(record, 20).map(u64::from) else { continue };
        let at = from.saturating_add(offset(position));
        let after = at.saturating_add(FIXED).saturating_add(comment);
        if !ends.is_empty() && after != size {
            continue;
        }
        let mut found = interpret(input, record, at, after, sink)?;
        found.retain(|end| ends.iter().all(|known| (known.start, known.shift) != (end.start, end.shift)));
        if found.is_empty() {
            continue;
        }
        records = records.saturating_add(1);
        if records > 1 {
            let text = "a second end of the central directory: loaders differ in which one they take";
            sink.malformed(text, Some(Span::Offset(at)));
        } else if after > size {
            let text = format!("the archive comment claims {comment} bytes and the file ends before");
            sink.malformed(text, Some(Span::Offset(at)));
        }
        ends.append(&mut found);
        if records >= MOST_RECORDS {
            break;
        }
    }
    Ok(ends)
}

/// The ways to read one record at which there really is a directory, or an archive without members.
fn interpret(input: &Input, record: &[u8], at: u64, after: u64, sink: &mut Sink) -> Result<Vec<End>, Unread> {
    let Some(classic) = classic(record) else { return Ok(Vec::new()) };
    let mut ways = Vec::new();
    if let Some((record_at, large)) = zip64(input, at)? {
        ways.push((large, record_at));
        let agrees = |small: u64, large: u64, unset: u64| small == unset || small == large;
        if !agrees(classic.entries, large.entries, u64::from(u16::MAX))
            || !agrees(classic.size, large.size, u64::from(u32::MAX))
            || !agrees(classic.start, large.start, u64::from(u32::MAX))
        {
            let text = "the zip64 end record and the classic one name different central directories";
            sink.malformed(text, Some(Span::Offset(record_at)));
            ways.push((classic, at));
        }
    } else {
        ways.push((classic, at));
    }
    let mut ends: Vec<End> = Vec::new();
    for (stated, until) in ways {
        let Stated { entries, size, start } = stated;
        // Python puts the directory right before its end and takes what offsets fall short of for bytes before the
        // archive; miniz takes the offset by its word.
        let by_size = until.checked_sub(size).map(|real| End {
            start: real,
            size,
            entries,
            shift: real.saturating_sub(start),
            until,
            after,
        });
        let by_offset = End { start, size, entries, shift: 0, until, after };
        let mut count = 0usize;
        for end in by_size.into_iter().chain([by_offset]) {
            let known = ends.iter().any(|known| (known.start, known.shift) == (end.start, end.shift));
            if known || !is_directory(input, &end)? {
                continue;
            }
            count = count.saturating_add(1);
            if count > 1 {
                let text = format!(
                    "the central directory lies at {start} by its offset and at {} by its size: loaders differ in \
                     which one they take",
                    until.saturating_sub(size)
                );
                sink.malformed(text, Some(Span::Offset(at)));
            }
            ends.push(end);
        }
    }
    Ok(ends)
}

fn classic(record: &[u8]) -> Option<Stated> {
    let entries = u64::from(u16_at(record, 10)?);
    Some(Stated { entries, size: u64::from(u32_at(record, 12)?), start: u64::from(u32_at(record, 16)?) })
}

/// The zip64 record: a locator of 20 bytes stands right before the classic record and names it; loaders also look
/// right before the locator, for archives with bytes before them (APPNOTE 4.3.14, 4.3.15).
fn zip64(input: &Input, at: u64) -> Result<Option<(u64, Stated)>, Unread> {
    let Some(locator_at) = at.checked_sub(20) else { return Ok(None) };
    let mut locator = [0; 20];
    if input.read_some(locator_at, &mut locator)? < locator.len() || !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    for record_at in [u64_at(&locator, 8), locator_at.checked_sub(56)].into_iter().flatten() {
        let mut record = [0; 56];
        if input.read_some(record_at, &mut record)? < record.len() || !record.starts_with(b"PK\x06\x06") {
            continue;
        }
        if let (Some(entries), Some(size), Some(start)) =
            (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48))
        {
            return Ok(Some((record_at, Stated { entries, size, start })));
        }
    }
    Ok(None)
}

fn is_directory(input: &Input, end: &End) -> Result<bool, Unread> {
    if end.size == 0 && end.entries == 0 {
        return Ok(true);
    }
    let mut signature = [0; 4];
    Ok(input.read_some(end.start, &mut signature)? == 4 && &signature == b"PK\x01\x02")
}
