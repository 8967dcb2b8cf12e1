//! `RECORD` and `installed-files.txt`: what an installer says it has written.
//!
//! `RECORD` is CSV of path, digest and size (binary distribution format and PEP 376 / *Recording installed projects*);
//! a digest is `sha256=` and URL-safe Base64 without padding. `installed-files.txt` of an `*.egg-info` has only paths,
//! relative to that folder; they are rewritten relative to the folder around it, so that both kinds mean the same.

use std::borrow::Cow;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Recorded, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{RawLines, line_span, quoted};
use super::{folder_of, parent_of};

/// Longest line, in bytes; paths of operating systems end at 4 KiB (Linux) or 32 Ki characters (Windows).
const MOST_LINE: usize = 128 << 10;

/// Most entries of one record. The largest distributions have some 50,000 files.
const MOST_ENTRIES: usize = 1_000_000;

/// How many lines a quoted path may span. A quote without an end must not swallow the rows behind it.
const MOST_LINES: usize = 16;

/// Reads lists of installed files.
pub struct RecordReader;

impl Reader for RecordReader {
    fn about(&self) -> &'static About {
        &About {
            id: "record",
            title: "list of installed files",
            family: Family::Package,
            names: &["*.dist-info/RECORD", "*.egg-info/installed-files.txt"],
            reads: "path, SHA-256 and size of every file that the installer wrote",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let folder = parent_of(hint.path);
        let claimed = match hint.name() {
            "RECORD" => folder.ends_with(".dist-info"),
            "installed-files.txt" => folder.ends_with(".egg-info"),
            _ => false,
        };
        if claimed { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let folder = folder_of(sink.place()).to_owned();
        let plain = sink.place().name() == "installed-files.txt";
        let most = input.limits().text_bytes;
        let mut notes = Notes::metadata(sink);
        let mut recorded = Vec::new();
        let mut lines = RawLines::new(input);
        let mut end = Ok(());
        loop {
            if lines.offset() > most {
                end = Err(Unread::Limit(LimitKind::TextBytes, most));
                break;
            }
            if recorded.len() >= MOST_ENTRIES {
                end = Err(Unread::Limit(LimitKind::Entries, u64::try_from(MOST_ENTRIES).unwrap_or(u64::MAX)));
                break;
            }
            match next_row(&mut lines, !plain, &mut notes) {
                Ok(Some((row, span))) if plain => recorded.push(plain_path(&folder, &row, span, &mut notes)),
                Ok(Some((row, span))) => recorded.extend(csv_entry(&row, span, &mut notes)),
                Ok(None) => break,
                // What was read before the failure is kept.
                Err(reason) => {
                    end = Err(reason);
                    break;
                }
            }
        }
        notes.sink.observed(What::Record(recorded), None);
        end
    }
}

/// The next row that is not empty: a line, or several where a quoted field holds line breaks.
fn next_row(
    lines: &mut RawLines<'_>,
    csv: bool,
    notes: &mut Notes<'_>,
) -> Result<Option<(String, Option<Span>)>, Unread> {
    loop {
        let Some(first) = lines.next(MOST_LINE)? else { return Ok(None) };
        let span = line_span(first.number);
        if first.cut {
            notes.malformed("line longer than any path", span);
            continue;
        }
        let mut bytes = first.bytes;
        if csv && opens_or_closes(&bytes) {
            let back = lines.mark();
            let mut open = true;
            let mut folded = bytes.clone();
            for _ in 1..MOST_LINES {
                let Some(more) = lines.next(MOST_LINE)? else { break };
                folded.push(b'\n');
                folded.extend_from_slice(&more.bytes);
                open ^= opens_or_closes(&more.bytes);
                if !open || more.cut {
                    break;
                }
            }
            if open {
                lines.go_back(back);
            } else {
                bytes = folded;
            }
        }
        let mut row = match String::from_utf8(bytes) {
            Ok(row) => row,
            Err(error) => {
                notes.malformed("not UTF-8", span.clone());
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        if row.ends_with('\r') {
            row.pop();
        }
        if !row.trim().is_empty() {
            return Ok(Some((row, span)));
        }
    }
}

/// Whether the line changes between inside and outside of quotes. Doubled quotes cancel out.
fn opens_or_closes(line: &[u8]) -> bool {
    line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// The entry of a `RECORD` row.
fn csv_entry(row: &str, span: Option<Span>, notes: &mut Notes<'_>) -> Option<Recorded> {
    let fields = match csv_fields(row) {
        Ok(fields) => fields,
        Err(reason) => {
            notes.malformed(format!("{reason}: `{}`", quoted(row)), span);
            return None;
        }
    };
    if fields.len() != 3 {
        notes.malformed(format!("{} fields instead of 3: `{}`", fields.len(), quoted(row)), span.clone());
    }
    let mut fields = fields.into_iter();
    let path = fields.next().filter(|path| !path.is_empty());
    let Some(path) = path else {
        notes.malformed(format!("no path: `{}`", quoted(row)), span);
        return None;
    };
    let digest = match fields.next().as_deref().map_or(Ok(None), digest) {
        Ok(digest) => digest,
        Err((reason, digest)) => {
            notes.malformed(reason, span.clone());
            digest
        }
    };
    let size = fields.next().filter(|size| !size.is_empty()).and_then(|text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let size = text.parse().ok().filter(|_| digits);
        if size.is_none() {
            notes.malformed(format!("no size: `{}`", quoted(&text)), span);
        }
        size
    });
    Some(Recorded { path: path.into_owned(), digest, size })
}

/// The fields of a row of CSV as the `csv` module of Python reads them.
fn csv_fields(row: &str) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let mut fields = Vec::with_capacity(3);
    // As nearly every row is.
    if !row.contains('"') {
        fields.extend(row.split(',').map(Cow::Borrowed));
        return Ok(fields);
    }
    let mut rest = row;
    loop {
        let mut field = String::new();
        if let Some(mut inside) = rest.strip_prefix('"') {
            loop {
                let (piece, after) = inside.split_once('"').ok_or("quoted field without end")?;
                field.push_str(piece);
                match after.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        inside = more;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
        }
        let (piece, after) = match rest.split_once(',') {
            Some((piece, after)) => (piece, Some(after)),
            None => (rest, None),
        };
        field.push_str(piece);
        fields.push(Cow::Owned(field));
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// The digest of `sha256=…`; none for an empty field and for other algorithms that are strong enough. An error comes with
/// the digest that is meant all the same: some builders write it in hexadecimal.
fn digest(field: &str) -> Result<Option<Digest>, (String, Option<Digest>)> {
    if field.is_empty() {
        return Ok(None);
    }
    let Some((algorithm, text)) = field.split_once('=') else {
        return Err((format!("digest without algorithm: `{}`", quoted(field)), None));
    };
    match algorithm {
        "sha256" => match (base64(text.trim_end_matches('=')), text.parse()) {
            (Some(bytes), _) => Ok(Some(Digest::from_bytes(bytes))),
            (None, Ok(digest)) => Err(("digest in hexadecimal instead of Base64".to_owned(), Some(digest))),
            (None, Err(_)) => Err((format!("no SHA-256 digest in Base64: `{}`", quoted(text)), None)),
        },
        "md5" | "sha1" => {
            Err((format!("digest by `{algorithm}`, which the format forbids as too weak"), None))
        }
        "sha224" | "sha384" | "sha512" => Ok(None),
        _ if algorithm.starts_with("sha3_") || algorithm.starts_with("blake2") => Ok(None),
        _ => Err((format!("digest by an unknown algorithm: `{}`", quoted(algorithm)), None)),
    }
}

/// Decodes URL-safe Base64 (RFC 4648 section 5) of exactly 32 bytes.
fn base64(text: &str) -> Option<[u8; 32]> {
    if text.len() != 43 {
        return None;
    }
    let mut bytes = [0u8; 32];
    let mut places = bytes.iter_mut();
    let (mut bits, mut count) = (0u32, 0u32);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character.wrapping_sub(b'A'),
            b'a'..=b'z' => character.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => character.wrapping_sub(b'0').wrapping_add(52),
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits.wrapping_shl(6) | u32::from(value);
        count = count.saturating_add(6);
        if count >= 8 {
            count = count.saturating_sub(8);
            let [.., low] = bits.wrapping_shr(count).to_be_bytes();
            *places.next()? = low;
        }
    }
    // 43 characters hold 258 bits: the last two must be zero, else two texts would mean one digest.
    (bits & 3 == 0).then_some(bytes)
}

/// The entry for a line of `installed-files.txt`.
fn plain_path(folder: &str, line: &str, span: Option<Span>, notes: &mut Notes<'_>) -> Recorded {
    let line = line.trim_end();
    let mut names: Vec<&str> = if line.starts_with('/') { Vec::new() } else { vec![folder] };
    for name in line.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if line.starts_with('/') => {
                notes.malformed(format!("path above the root: `{}`", quoted(line)), span.clone());
            }
            name => names.push(name),
        }
    }
    let root = if line.starts_with('/') { "/" } else { "" };
    Recorded { path: format!("{root}{}", names.join("/")), digest: None, size: None }
}
