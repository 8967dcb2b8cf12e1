//! Recognises what the archive is, and hands its members on.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Codec, Sink};

use super::{DEFLATED, Data, ENCRYPTED, Found, Member, STORED, View};
use crate::bytes::{length, offset};
use crate::fault::Faults;
use crate::model::pytorch_zip::{Layout, Treatment};
use crate::model::{keras, known};

const BZIP2: u16 = 12;
const ZSTD: u16 = 93;
const XZ: u16 = 95;
/// Packed bytes that are unpacked to see whether a member marked as encrypted is.
const PROBE: u64 = 4 << 10;

/// Says what the archive is, and hands every member out.
pub(super) fn all(input: &Input, members: &[Found], faults: &mut Faults, sink: &mut Sink) {
    let names: Vec<&str> = members.iter().map(|found| found.member.name.as_str()).collect();
    let mut layout = Layout::of(&names);
    let mut files = names.iter().filter(|name| !name.ends_with('/')).peekable();
    let arrays = files.peek().is_some() && files.all(|name| name.ends_with(".npy"));
    let path = sink.place().inner.last().unwrap_or(&sink.place().path).to_string();
    let second = members.iter().filter_map(|found| found.member.other_name.as_deref());
    let keras = keras::is_archive(&path, names.iter().copied().chain(second));
    let known = known::archive(&names).filter(|_| !keras);
    let format = match (&layout, known) {
        (Some(layout), _) => layout.format(),
        (None, _) if keras => "keras",
        (None, Some((format, _))) => format,
        (None, None) if arrays => "npz",
        (None, None) => "zip",
    };
    sink.observed(What::Format(format), None);
    // What has a reader of its own is read by that, member by member.
    if let Some((format, title)) = known
        && crate::reader(format).is_none()
    {
        sink.unread(Unread::Unsupported(title.to_owned()), None);
    }
    if let Some(layout) = &mut layout {
        layout.find_pickled(input, members, sink);
        layout.describe(members, sink);
    }
    let mut seen: BTreeMap<(View, &str), u64> = BTreeMap::new();
    for found in members {
        let Found { member, data, view } = found;
        let count = seen.entry((*view, &member.name)).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            faults.tell(sink, "have the name of another one", member.header, || {
                format!("more than one member is called `{}`: loaders differ in which they take", member.name)
            });
        }
        check_name(member, faults, sink);
        if member.name.ends_with('/') && data.size == 0 {
            continue;
        }
        let treatment = layout.as_ref().map_or(Treatment::Any, |layout| layout.treatment(&member.name));
        // The second name is the one that newer versions of Python go by.
        let of_keras = [[Some(&member.name), member.other_name.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|name| keras::reader_of(name))];
        let readers =
            if keras && treatment == Treatment::Any { of_keras.as_slice() } else { treatment.readers() };
        if readers.is_empty() {
            continue;
        }
        // The mark stands in front: the ending of a name tells what it is.
        let step = match (view, *count) {
            (View::Central, 1) => member.name.clone(),
            (View::Central, count) => format!("#{count}/{}", member.name),
            (View::Local, 1) => format!("#local/{}", member.name),
            (View::Local, count) => format!("#local {count}/{}", member.name),
            (View::Hidden, 1) => format!("#hidden/{}", member.name),
            (View::Hidden, count) => format!("#hidden {count}/{}", member.name),
        };
        if let Some(body) = body(input, member, *data, faults, sink) {
            for reader in readers {
                sink.child(Child { step: step.as_str().into(), body: body.clone(), reader: *reader });
            }
        }
    }
}

/// The bytes of a member; none when they cannot be read, which is told.
fn body(input: &Input, member: &Member, data: Data, faults: &mut Faults, sink: &mut Sink) -> Option<Body> {
    let at = Some(Span::Offset(data.offset));
    let size = data.size.min(input.size().saturating_sub(data.offset));
    let name = &member.name;
    if member.flags & ENCRYPTED != 0 {
        if is_encrypted(input, member, Data { size, ..data }) {
            if faults.count("are encrypted") {
                sink.malformed(format!("`{name}` is encrypted"), at.clone());
            }
            sink.unread(Unread::Encrypted, at);
            return None;
        }
        // Some loaders refuse it, others ignore the flag.
        faults.tell(sink, "are marked as encrypted and are not", data.offset, || {
            format!("`{name}` is marked as encrypted and is not")
        });
    }
    match member.method {
        STORED => Some(Body::Slice { offset: data.offset, size }),
        DEFLATED => Some(Body::Deflate { offset: data.offset, size, unpacked: member.unpacked }),
        BZIP2 => Some(Body::Stream { codec: Codec::Bzip2, offset: data.offset, size }),
        XZ => Some(Body::Stream { codec: Codec::Xz, offset: data.offset, size }),
        ZSTD => Some(Body::Stream { codec: Codec::Zstd, offset: data.offset, size }),
        method => {
            let reason = format!("`{name}`: compression method {method}{}", method_name(method));
            sink.unread(Unread::Unsupported(reason), at);
            None
        }
    }
}

/// Whether a member that says so really is encrypted. An encrypted one begins with a header of 12 bytes (APPNOTE
/// 6.1.3), so that its stored size cannot be its unpacked size; as DEFLATE it makes no sense.
fn is_encrypted(input: &Input, member: &Member, data: Data) -> bool {
    match member.method {
        STORED => member.packed != member.unpacked,
        DEFLATED => {
            let mut packed = vec![0; length(data.size.min(PROBE))];
            let Ok(filled) = input.read_some(data.offset, &mut packed) else { return false };
            packed.truncate(filled);
            let mut output = vec![0; 64 << 10];
            let mut machine = Decompress::new(false);
            match machine.decompress(&packed, &mut output, FlushDecompress::None) {
                Err(_) => true,
                Ok(Status::StreamEnd) => {
                    machine.total_out() != member.unpacked || machine.total_in() != offset(packed.len())
                }
                Ok(_) => false,
            }
        }
        _ => true,
    }
}

fn check_name(member: &Member, faults: &mut Faults, sink: &mut Sink) {
    let name = &member.name;
    let climbs = name.split(['/', '\\']).any(|part| part == "..");
    let drive =
        name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.as_bytes().get(1) == Some(&b':');
    // A byte that is not UTF-8 is written with a backslash, too.
    let absolute = name.starts_with('/') || (name.starts_with('\\') && !name.starts_with("\\x"));
    if climbs || drive || absolute {
        faults.tell(sink, "would be written outside the folder", member.header, || {
            format!("`{name}` would be written outside the folder that the archive is unpacked into")
        });
    }
    if name.contains('\0') {
        faults.tell(sink, "have a NUL in their name", member.header, || {
            format!("`{}`: loaders cut the name at its NUL", name.escape_default())
        });
    }
}

/// Compression methods of APPNOTE 4.4.5 that are met in practice.
fn method_name(method: u16) -> &'static str {
    match method {
        1 => " (Shrink)",
        6 => " (Implode)",
        9 => " (Deflate64)",
        14 => " (LZMA)",
        98 => " (PPMd)",
        99 => " (AES encryption)",
        _ => "",
    }
}
