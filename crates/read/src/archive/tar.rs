//! tar archives: ustar, pax and GNU (POSIX.1-2017, `pax`, "ustar Interchange Format" and "pax Interchange Format").

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::fault::Faults;

/// Reads tar archives.
pub struct Tar;

/// Bytes of a block; everything begins at one.
const BLOCK: u64 = 512;
/// Longest extended header or long name taken into memory, in bytes.
const MOST_EXTENDED: u64 = 1 << 20;

impl Reader for Tar {
    fn about(&self) -> &'static About {
        &About {
            id: "tar",
            title: "tar archives",
            family: Family::Archive,
            names: &["*.tar"],
            reads: "Every member, with names and links that lead out of the archive, members of one name, and what \
                    stands behind the end.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let first = hint.head.first_chunk::<512>();
        if first.is_some_and(|block| is_sound(block) && block.first() != Some(&0)) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("tar") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut faults = Faults::new("members");
        let ended = members(input, &mut faults, sink);
        faults.finish(sink);
        ended
    }
}

/// What a header and the extended headers before it say of a member.
struct Member {
    name: String,
    link: String,
    kind: u8,
    size: u64,
    /// Where its data begin.
    data: u64,
}

/// What extended headers and long names say of the next member, or of all further ones.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

fn members(input: &Input, faults: &mut Faults, sink: &mut Sink) -> Result<(), Unread> {
    let mut at = 0u64;
    let mut next = Extended::default();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let mut any = false;
    while at < input.size() && !sink.is_full() {
        input.go_on()?;
        let mut block = [0; 512];
        input.read_exact(at, &mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return end(input, at, sink);
        }
        if !is_sound(&block) {
            let reason = if any {
                "a header breaks the rules of tar"
            } else {
                "no tar archive: the first header is none"
            };
            return Err(Unread::Malformed(reason.to_owned()));
        }
        if !any {
            any = true;
            sink.observed(What::Format("tar"), None);
        }
        let mut member = header(&block, at)?;
        let left = input.size().saturating_sub(member.data);
        match member.kind {
            // Long name, long link, extended header for the next member, for all further ones.
            b'L' | b'K' | b'x' | b'g' => {
                if member.size > MOST_EXTENDED {
                    return Err(Unread::Malformed("an extended header is longer than any".to_owned()));
                }
                let text = input.read_vec(member.data, member.size, MOST_EXTENDED)?;
                extend(&mut next, member.kind, &text);
            }
            _ => {
                let extended = std::mem::take(&mut next);
                member.name = extended.name.unwrap_or(member.name);
                member.link = extended.link.unwrap_or(member.link);
                member.size = extended.size.unwrap_or(member.size);
                let sparse = extended.sparse || member.kind == b'S';
                hand_out(&member, at, sparse, left, &mut seen, faults, sink);
                if member.size > left {
                    return Err(Unread::Truncated { offset: input.size() });
                }
            }
        }
        let blocks = member.size.div_ceil(BLOCK).saturating_mul(BLOCK);
        at = member.data.saturating_add(blocks);
    }
    if any { Ok(()) } else { Err(Unread::Malformed("no tar archive: it is empty".to_owned())) }
}

/// Hands a member out and tells what is wrong with it.
fn hand_out(
    member: &Member,
    at: u64,
    sparse: bool,
    left: u64,
    seen: &mut BTreeSet<Digest>,
    faults: &mut Faults,
    sink: &mut Sink,
) {
    let Member { name, link, kind, size, data } = member;
    if leads_out("", name) {
        faults.tell(sink, "have names that lead out of the archive", at, || {
            format!("`{name}` leads out of the folder into which it is unpacked")
        });
    }
    match kind {
        // Files of every age; hard links hold no data.
        b'0' | 0 | b'7' | b'S' => {
            if !seen.insert(Digest::of(name.as_bytes())) {
                faults.tell(sink, "have the name of another one", at, || {
                    format!("a second member is called `{name}`: the last one stays when it is unpacked")
                });
            }
            if sparse {
                sink.unread(
                    Unread::Unsupported(format!("the sparse member `{name}`")),
                    Some(Span::Offset(at)),
                );
            } else {
                let body = Body::Slice { offset: *data, size: (*size).min(left) };
                sink.child(Child { step: name.as_str().into(), body, reader: None });
            }
        }
        b'1' | b'2' => {
            // A hard link names a member of the archive, a symbolic one a path from its own folder.
            let folder =
                if *kind == b'2' { name.rsplit_once('/').map_or("", |(folder, _)| folder) } else { "" };
            if leads_out(folder, link) {
                faults.tell(sink, "are links that lead out of the archive", at, || {
                    format!(
                        "the link `{name}` leads out of the folder into which it is unpacked, to `{link}`"
                    )
                });
            }
        }
        b'3' | b'4' | b'6' => {
            faults.tell(sink, "are devices or pipes", at, || format!("`{name}` is a device or a pipe"))
        }
        // Folders, and kinds of which the standard says that they are to be taken for files.
        b'5' => {}
        _ => {
            let body = Body::Slice { offset: *data, size: (*size).min(left) };
            sink.child(Child { step: name.as_str().into(), body, reader: None });
        }
    }
}

/// Whether a path from this folder of the archive leaves the archive.
pub(super) fn leads_out(folder: &str, path: &str) -> bool {
    if path.starts_with('/') || path.starts_with('\\') || path.get(1..3) == Some(":\\") {
        return true;
    }
    let mut depth = 0usize;
    for name in folder.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    false
}

/// The end of the archive: blocks of zeros. What stands behind them belongs to nothing.
fn end(input: &Input, from: u64, sink: &mut Sink) -> Result<(), Unread> {
    let mut cursor = input.cursor(from, 64 << 10);
    loop {
        input.go_on()?;
        let piece = cursor.peek()?;
        if piece.is_empty() {
            return Ok(());
        }
        let zeros = piece.iter().position(|byte| *byte != 0).unwrap_or(piece.len());
        let done = zeros < piece.len();
        cursor.skip(u64::try_from(zeros).unwrap_or(0));
        if done {
            let offset = cursor.offset();
            let size = input.size().saturating_sub(offset);
            sink.malformed(format!("{size} bytes stand after the archive"), Some(Span::Offset(offset)));
            let body = Body::Slice { offset, size };
            sink.child(Child { step: format!("#bytes at {offset}").into(), body, reader: None });
            return Ok(());
        }
    }
}

/// Whether the sum of the header's bytes is the one that it states; some tools add signed bytes.
fn is_sound(block: &[u8; 512]) -> bool {
    let Some(stated) = block.get(148..156).and_then(octal) else { return false };
    let (mut unsigned, mut signed) = (0i64, 0i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned = unsigned.saturating_add(i64::from(byte));
        signed = signed.saturating_add(i64::from(i8::from_le_bytes([byte])));
    }
    i64::try_from(stated).is_ok_and(|stated| stated == unsigned || stated == signed)
}

fn header(block: &[u8; 512], at: u64) -> Result<Member, Unread> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let mut name = text(field(0, 100));
    // Only POSIX has the prefix; GNU uses its place otherwise.
    if field(257, 263) == b"ustar\0" {
        let prefix = text(field(345, 500));
        if !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
    }
    let size = number(field(124, 136)).ok_or_else(|| Unread::Malformed("a size is no number".to_owned()))?;
    let kind = field(156, 157).first().copied().unwrap_or(0);
    Ok(Member {
        name,
        link: text(field(157, 257)),
        kind,
        // Links and folders may state the size of what they lead to.
        size: if matches!(kind, b'1'..=b'6') { 0 } else { size },
        data: at.saturating_add(BLOCK),
    })
}

/// Takes in what an extended header says.
fn extend(next: &mut Extended, kind: u8, bytes: &[u8]) {
    match kind {
        b'L' => next.name = Some(text(bytes)),
        b'K' => next.link = Some(text(bytes)),
        // What holds for all further members is never a name.
        b'g' => {}
        _ => {
            for (key, value) in records(bytes) {
                match key {
                    b"path" => next.name = Some(text(value)),
                    b"linkpath" => next.link = Some(text(value)),
                    b"size" => next.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
                    b"GNU.sparse.name" => next.name = Some(text(value)),
                    _ => {}
                }
                next.sparse |= key.starts_with(b"GNU.sparse.");
            }
        }
    }
}

/// The records of an extended header: `LENGTH KEY=VALUE\n`, the length counts the whole record.
fn records(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length =
            bytes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some((record, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else { break };
        let record = record.get(space.saturating_add(1)..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(equals) = record.iter().position(|byte| *byte == b'=') {
            let (key, value) = record.split_at(equals);
            records.push((key, value.get(1..).unwrap_or_default()));
        }
        // A length of nothing would never end.
        if length == Some(0) {
            break;
        }
        bytes = rest;
    }
    records
}

/// The text up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// A number in octal digits, or since GNU tar 1.0 in base 256 if the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            let high = u64::from(first & 0x7f);
            rest.iter().try_fold(high, |number, byte| number.checked_mul(256)?.checked_add(u64::from(*byte)))
        }
        field => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.iter().skip_while(|byte| **byte == b' ');
    let digits = digits.take_while(|byte| !matches!(**byte, b' ' | 0));
    digits.copied().try_fold(0u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        number.checked_mul(8)?.checked_add(u64::from(digit))
    })
}
