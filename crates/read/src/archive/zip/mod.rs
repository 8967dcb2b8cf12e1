//! Zip archives, read twice: by the central directory and by the local headers.
//!
//! Loaders differ in which of the two they believe, and attacks live in the difference. So every disagreement is a
//! fact, and where the two name different bytes both are handed on. Flags, checksums and version fields are not obeyed:
//! the loaders that matter do not obey them either. `end` finds the directory, `header` reads the two kinds of header,
//! `archive` compares them, `gap` looks at the bytes that no member explains, `hand_out` gives the members away.
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3 (structure), 4.4 (fields), 4.5.3 (zip64).

mod archive;
mod end;
mod extent;
mod gap;
mod hand_out;
mod header;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::place::Place;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use archive::Archive;
pub(crate) use extent::extent;

use crate::model::torch_distributed;

/// Reads zip archives and what is built on them: PyTorch checkpoints, npz.
pub struct Zip;

/// A member as one of its two headers describes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Member {
    /// Name as written; bytes that are not UTF-8 are written `\xHH`.
    pub(crate) name: String,
    /// General purpose flags.
    pub(crate) flags: u16,
    /// Compression method.
    pub(crate) method: u16,
    /// CRC-32 of the unpacked bytes, as stated.
    pub(crate) checksum: u32,
    /// Packed size in bytes.
    pub(crate) packed: u64,
    /// Unpacked size in bytes, as stated.
    pub(crate) unpacked: u64,
    /// Where the local header begins.
    pub(crate) header: u64,
    /// The directory says that it is a symbolic link.
    pub(crate) link: bool,
    /// Another name, which some tools prefer.
    pub(crate) other_name: Option<String>,
}

/// Where the bytes of a member lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Data {
    /// Where they begin.
    pub(crate) offset: u64,
    /// How many there are.
    pub(crate) size: u64,
}

/// By which header a member is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum View {
    /// The central directory.
    Central,
    /// Its local header, which says something else than the central directory.
    Local,
    /// Its local header alone.
    Hidden,
}

/// A member, found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) member: Member,
    pub(crate) data: Data,
    pub(crate) view: View,
}

/// Compression method 0: none (APPNOTE 4.4.5).
pub(crate) const STORED: u16 = 0;
/// Compression method 8: DEFLATE.
pub(crate) const DEFLATED: u16 = 8;
/// General purpose flag 0: encrypted (APPNOTE 4.4.4).
const ENCRYPTED: u16 = 1;
/// General purpose flag 3: checksum and sizes follow the data.
const SIZES_FOLLOW: u16 = 8;

/// Extensions of formats that are zip archives and nothing else.
const ALWAYS: &[&str] = &["zip", "npz", "whl", "conda", "egg", "keras", "pt2", "ptl", "skops"];
/// Extensions of files that are zip archives or something else that another reader knows by its first bytes.
const OFTEN: &[&str] = &["pt", "pth", "ckpt"];

/// All members, by both headers.
///
/// # Errors
/// What hinders reading the directory.
pub(crate) fn members(input: &Input) -> Result<Vec<Found>, Unread> {
    // What is wrong with the archive is for the scan to tell.
    let mut sink = Sink::new(Place::file(""), "zip", *input.limits());
    let mut archive = Archive::new(input);
    archive.read(&mut sink)?;
    Ok(archive.members)
}

impl Reader for Zip {
    fn about(&self) -> &'static About {
        &About {
            id: "zip",
            title: "Zip archives, PyTorch checkpoints, npz",
            family: Family::Archive,
            names: &["*.zip", "*.npz", "*.pt", "*.pth", "*.ckpt", "*.whl", "*.conda", "*.keras"],
            reads: "Every member, by the central directory and by the local headers, with every disagreement between \
                    them; of a PyTorch checkpoint its pickles, of an npz its arrays.",
        }
    }

    /// By content when the first bytes are those of a member or of an empty archive. By name also for what is often a
    /// zip archive, so that a checkpoint that no reader knows is told as unread; a reader that knows it by its content
    /// goes first.
    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if torch_distributed::is_named(hint) {
            return Claim::No;
        }
        // A spanned archive that fits on one volume begins with a marker (APPNOTE 8.5.3, 8.5.4).
        let body = [b"PK\x07\x08", b"PK00"]
            .iter()
            .find_map(|marker| hint.head.strip_prefix(marker.as_slice()))
            .unwrap_or(hint.head);
        if body.starts_with(b"PK\x03\x04") || body.starts_with(b"PK\x05\x06") {
            Claim::ByMagic
        } else if ALWAYS.iter().chain(OFTEN).any(|extension| hint.has_extension(extension)) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut archive = Archive::new(input);
        let ended = archive.read(sink);
        if archive.is_empty() {
            ended?;
            let reason = "no zip archive: it has neither a central directory nor a member";
            return Err(Unread::Malformed(reason.to_owned()));
        }
        // What was understood is handed out even when reading ended early.
        hand_out::all(input, &archive.members, &mut archive.faults, sink);
        archive.faults.finish(sink);
        ended
    }
}
