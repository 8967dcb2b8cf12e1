//! 7z archives (7-Zip's `7zFormat.txt`).
//!
//! The header at the end says how streams are packed and how files lie in what they unpack to, many in one stream. It is
//! mostly packed itself. [`header`] reads it, [`methods`] knows the coders, [`unpack`] runs them; the engine unpacks each
//! stream once and cuts the files out of it.

mod header;
mod methods;
pub mod unpack;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink, Unpacking};

use self::header::{File, Folder, Header, Listing, Streams};
use super::tar::leads_out;
use crate::bytes;
use crate::fault::Faults;

/// Reads 7z archives.
pub struct SevenZip;

/// First bytes.
const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Bytes of the header at the beginning, behind which packed streams are counted.
const START: u64 = 32;
/// Longest header taken into memory, packed or not, in bytes; that of a hundred thousand files has about ten million.
const MOST_HEADER: u64 = 16 << 20;
/// How often a header may be packed in another one.
const MOST_PACKED: usize = 4;
/// Longest target of a link that is looked at, and most bytes unpacked to look at links.
const MOST_LINK: u64 = 4 << 10;
const MOST_FOR_LINKS: u64 = 64 << 20;

impl Reader for SevenZip {
    fn about(&self) -> &'static About {
        &About {
            id: "seven-zip",
            title: "7z archives",
            family: Family::Archive,
            names: &["*.7z"],
            reads: "Every file, packed with LZMA, LZMA2, Deflate, bzip2, Zstandard or not at all, behind any filter; \
                    names and links that lead out of the archive, files of one name, and what belongs to no file. \
                    Encrypted files, PPMd, Brotli and Deflate64 are told as not read.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(SIGNATURE) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("7z") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut used = Vec::new();
        let Some(listing) = listing(input, &mut used, sink)? else { return Ok(()) };
        let mut faults = Faults::new("files");
        hand_out(input, listing, &mut faults, sink)?;
        faults.finish(sink);
        unused(input, used, sink);
        Ok(())
    }
}

/// The header with the list of files; none in an archive without any. Notes in `used` which bytes belong to something.
fn listing(input: &Input, used: &mut Vec<(u64, u64)>, sink: &mut Sink) -> Result<Option<Listing>, Unread> {
    let mut start = [0; 32];
    input
        .read_exact(0, &mut start)
        .map_err(|_| Unread::Malformed("no 7z archive: it is too short".to_owned()))?;
    if !start.starts_with(SIGNATURE) {
        return Err(Unread::Malformed("no 7z archive: it does not begin like one".to_owned()));
    }
    sink.observed(What::Format("7z"), None);
    let number = |at| bytes::u64_at(&start, at).unwrap_or(u64::MAX);
    let (offset, size) = (START.saturating_add(number(12)), number(20));
    compare(start.get(12..).unwrap_or_default(), bytes::u32_at(&start, 8), "the first header", 8, sink);
    used.push((0, START));
    if size == 0 {
        return Ok(None);
    }
    let mut bytes = input.read_vec(offset, size, MOST_HEADER)?;
    used.push((offset, size));
    compare(&bytes, bytes::u32_at(&start, 28), "the header", offset, sink);
    for _ in 0..MOST_PACKED {
        match header::header(&bytes, START, input.limits().entries)? {
            Header::Plain(listing) => {
                used.extend(&listing.streams.packed);
                return Ok(Some(listing));
            }
            Header::Encoded(Streams { packed, folders }) => {
                used.extend(&packed);
                let mut folders = folders.into_iter();
                let (Some(folder), None) = (folders.next(), folders.next()) else {
                    return Err(Unread::Malformed("a packed header is not one stream".to_owned()));
                };
                bytes = unpacked(input, &folder.unpacking?, folder.size)?;
                compare(&bytes, folder.crc, "the packed header", offset, sink);
            }
        }
    }
    Err(Unread::Malformed("a header is packed in a header, again and again".to_owned()))
}

/// Tells when a checksum is wrong. Some programs stop there and some go on, and so do we.
fn compare(bytes: &[u8], stated: Option<u32>, what: &str, at: u64, sink: &mut Sink) {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    if stated.is_some_and(|stated| stated != crc.sum()) {
        sink.malformed(format!("the checksum of {what} is wrong"), Some(Span::Offset(at)));
    }
}

/// The first `size` bytes of what a stream unpacks to.
fn unpacked(input: &Input, unpacking: &Unpacking, size: u64) -> Result<Vec<u8>, Unread> {
    if size > MOST_HEADER {
        return Err(Unread::Limit(LimitKind::StateBytes, MOST_HEADER));
    }
    let mut bytes = Vec::new();
    let reader = unpack::reader(input, unpacking)?;
    reader.take(size).read_to_end(&mut bytes).map_err(|error| unpack::reason(&error))?;
    Ok(bytes)
}

/// Hands every file out, folder by folder, and tells what is wrong with it.
fn hand_out(input: &Input, listing: Listing, faults: &mut Faults, sink: &mut Sink) -> Result<(), Unread> {
    let Listing { streams, files } = listing;
    let mut solids = streams.folders.into_iter().map(Solid::new).collect::<Vec<_>>().into_iter();
    let mut solid: Option<Solid> = None;
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    let mut links = Links { left: MOST_FOR_LINKS };
    for file in files.iter() {
        input.go_on()?;
        if sink.is_full() {
            return Ok(());
        }
        check_name(&file, &mut seen, faults, sink);
        if !file.has_stream {
            if file.is_empty_file && !file.is_anti {
                sink.child(child(&file.name, Body::Slice { offset: 0, size: 0 }));
            }
            continue;
        }
        // Folders without files are passed over.
        while solid.as_ref().is_none_or(Solid::is_used_up) {
            solid = Some(solids.next().ok_or_else(|| {
                Unread::Malformed("there are more files than the packed streams hold".to_owned())
            })?);
        }
        let Some(current) = &mut solid else { continue };
        let Some((offset, size)) = current.next() else { continue };
        match &current.unpacking {
            Ok(unpacking) => {
                if is_link(&file) {
                    links.check(&file, input, unpacking, (offset, size), faults, sink);
                } else {
                    let body = Body::Solid { unpacking: Arc::clone(unpacking), offset, size };
                    sink.child(child(&file.name, body));
                }
            }
            // Once for all files in it.
            Err(reason) if !current.told => {
                sink.unread(reason.clone(), None);
                current.told = true;
            }
            Err(_) => {}
        }
    }
    if solid.is_some_and(|solid| !solid.is_used_up()) || solids.any(|solid| !solid.is_used_up()) {
        sink.malformed("the packed streams hold more files than are listed", None);
    }
    Ok(())
}

/// A folder while its files are handed out.
struct Solid {
    unpacking: Result<Arc<Unpacking>, Unread>,
    parts: std::vec::IntoIter<u64>,
    offset: u64,
    told: bool,
}

impl Solid {
    fn new(folder: Folder) -> Self {
        let Folder { unpacking, parts, .. } = folder;
        Self { unpacking: unpacking.map(Arc::new), parts: parts.into_iter(), offset: 0, told: false }
    }

    fn is_used_up(&self) -> bool {
        self.parts.as_slice().is_empty()
    }

    fn next(&mut self) -> Option<(u64, u64)> {
        let (offset, size) = (self.offset, self.parts.next()?);
        self.offset = offset.saturating_add(size);
        Some((offset, size))
    }
}

fn child(name: &str, body: Body) -> Child {
    Child { step: name.into(), body, reader: None }
}

fn check_name(file: &File, seen: &mut BTreeSet<Digest>, faults: &mut Faults, sink: &mut Sink) {
    let File { name, .. } = file;
    // Programs for Windows take a backslash for a separator.
    if leads_out("", name) || leads_out("", &name.replace('\\', "/")) {
        faults.tell(sink, "have names that lead out of the archive", 0, || {
            format!("`{name}` leads out of the folder into which it is unpacked")
        });
    }
    let is_folder = !file.has_stream && !file.is_empty_file;
    if !is_folder && !seen.insert(Digest::of(name.as_bytes())) {
        faults.tell(sink, "have the name of another one", 0, || {
            format!("a second file is called `{name}`: the last one stays when it is unpacked")
        });
    }
    if file.is_anti {
        faults
            .tell(sink, "are removed by unpacking", 0, || format!("`{name}` is removed when it is unpacked"));
    }
    if matches!(mode(file), 0o020_000 | 0o060_000 | 0o010_000) {
        faults.tell(sink, "are devices or pipes", 0, || format!("`{name}` is a device or a pipe"));
    }
}

/// The type of a file in the mode of Unix, where one is stated.
fn mode(file: &File) -> u32 {
    let stated = file.attributes & 0x8000 != 0;
    if stated { file.attributes.checked_shr(16).unwrap_or(0) & 0o170_000 } else { 0 }
}

/// Whether a file is a symbolic link of Unix, or one of Windows.
fn is_link(file: &File) -> bool {
    mode(file) == 0o120_000 || file.attributes & 0x400 != 0
}

/// Looks at where links lead. Their targets are packed among the files, so that a bound on the work is needed.
struct Links {
    left: u64,
}

impl Links {
    fn check(
        &mut self,
        file: &File,
        input: &Input,
        unpacking: &Unpacking,
        (offset, size): (u64, u64),
        faults: &mut Faults,
        sink: &mut Sink,
    ) {
        let end = offset.saturating_add(size);
        let Some(left) = self.left.checked_sub(end).filter(|_| size <= MOST_LINK) else {
            let reason = Unread::Unsupported(format!("the target of the link `{}`", file.name));
            if faults.count("are links that are not looked at") {
                sink.unread(reason, None);
            }
            return;
        };
        self.left = left;
        let target = match unpacked(input, unpacking, end) {
            Ok(bytes) => bytes.get(bytes::length(offset)..).unwrap_or_default().to_vec(),
            Err(reason) => {
                sink.unread(reason, None);
                return;
            }
        };
        let target = String::from_utf8_lossy(&target).replace('\\', "/");
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        if leads_out(folder, &target) {
            let name = &file.name;
            faults.tell(sink, "are links that lead out of the archive", 0, || {
                format!("the link `{name}` leads out of the folder into which it is unpacked, to `{target}`")
            });
        }
    }
}

/// Bytes that belong to nothing: told, and handed out, because somebody may have hidden something there.
fn unused(input: &Input, mut used: Vec<(u64, u64)>, sink: &mut Sink) {
    used.sort_unstable();
    let mut at = 0u64;
    for (offset, size) in used.into_iter().chain([(input.size(), 0)]) {
        if offset > at && offset <= input.size() {
            let size = offset.saturating_sub(at);
            sink.malformed(format!("{size} bytes belong to no file of the archive"), Some(Span::Offset(at)));
            let body = Body::Slice { offset: at, size };
            sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
        }
        at = at.max(offset.saturating_add(size));
    }
    if at > input.size() {
        sink.unread(Unread::Truncated { offset: input.size() }, None);
    }
}
