//! The header of an archive: how its bytes are packed, and what the files are called (7-Zip's `7zFormat.txt`; where that
//! is silent, what `7zIn.cpp` of 7-Zip accepts).
//!
//! Every count is a claim: what is kept one by one is bounded by the limit on entries, and mostly costs a byte of the
//! header each.

use std::collections::VecDeque;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::sink::{Method, Unpacking};

use super::methods;
use crate::bytes;

/// Coders in one folder, and streams of one coder, that 7-Zip accepts.
const MOST_CODERS: u64 = 32;

// Property ids (`7zFormat.txt`, *Property IDs*).
const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const ADDITIONAL_STREAMS: u8 = 0x03;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUB_STREAMS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;
const NUMBER_OF_STREAMS: u8 = 0x0d;
const EMPTY_STREAM: u8 = 0x0e;
const EMPTY_FILE: u8 = 0x0f;
const ANTI: u8 = 0x10;
const NAMES: u8 = 0x11;
const ATTRIBUTES: u8 = 0x15;
const ENCODED_HEADER: u8 = 0x17;

/// What stands at the end of an archive.
pub(super) enum Header {
    /// The list of files.
    Plain(Listing),
    /// The header is packed itself; its folder, and the CRC of what comes out.
    Encoded(Streams),
}

/// Files and the streams that hold them.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) streams: Streams,
    pub(super) files: Files,
}

/// What is packed, and how.
#[derive(Default)]
pub(super) struct Streams {
    /// Packed streams: where each begins behind the first header, and how long it is.
    pub(super) packed: Vec<(u64, u64)>,
    pub(super) folders: Vec<Folder>,
}

/// One stream that holds files one after the other.
pub(super) struct Folder {
    /// How to unpack it, or why that cannot be done.
    pub(super) unpacking: Result<Unpacking, Unread>,
    /// Bytes that come out.
    pub(super) size: u64,
    /// CRC of these, where one is stated.
    pub(super) crc: Option<u32>,
    /// Sizes of the files in it.
    pub(super) parts: Vec<u64>,
}

/// What the files are called.
#[derive(Default)]
pub(super) struct Files {
    pub(super) number: u64,
    names: Vec<u8>,
    empty_stream: Bits,
    empty_file: Bits,
    anti: Bits,
    attributes: Vec<u8>,
    attributed: Bits,
}

/// One file, folder or link.
pub(super) struct File {
    pub(super) name: String,
    /// Its bytes are the next part of a folder.
    pub(super) has_stream: bool,
    /// Without a stream: a file of no bytes, and not a folder.
    pub(super) is_empty_file: bool,
    /// It removes a file when the archive is unpacked.
    pub(super) is_anti: bool,
    /// Attributes of Windows; the upper half is the mode of Unix if bit 15 is set.
    pub(super) attributes: u32,
}

/// A row of bits, the first one highest (`BIT_VECTOR`); all set where no row is given.
#[derive(Default)]
struct Bits {
    all: bool,
    bytes: Vec<u8>,
}

impl Bits {
    fn get(&self, at: u64) -> bool {
        let byte = usize::try_from(at / 8).ok().and_then(|at| self.bytes.get(at));
        self.all
            || byte
                .is_some_and(|byte| byte.checked_shr(7u32.saturating_sub(low(at % 8))).unwrap_or(0) & 1 == 1)
    }
}

/// A number that is known to be small.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads a header whole. `behind` is where packed streams begin to be counted in the archive, `most` how many files and
/// streams it may hold.
pub(super) fn header(bytes: &[u8], behind: u64, most: u64) -> Result<Header, Unread> {
    let mut input = Input { rest: bytes, most };
    match input.byte()? {
        ENCODED_HEADER => Ok(Header::Encoded(streams(&mut input, behind)?)),
        HEADER => Ok(Header::Plain(listing(&mut input, behind)?)),
        _ => Err(broken("the header begins with nothing that a header begins with")),
    }
}

fn listing(input: &mut Input<'_>, behind: u64) -> Result<Listing, Unread> {
    let mut listing = Listing::default();
    loop {
        match input.byte()? {
            END => return Ok(listing),
            ARCHIVE_PROPERTIES => {
                while input.byte()? != END {
                    let size = input.number()?;
                    input.take(size)?;
                }
            }
            ADDITIONAL_STREAMS => {
                return Err(Unread::Unsupported("a header that lies in streams of its own".to_owned()));
            }
            MAIN_STREAMS => listing.streams = streams(input, behind)?,
            FILES => listing.files = files(input)?,
            _ => return Err(broken("the header holds a part that nobody knows")),
        }
    }
}

/// Sizes of what comes out of every coder of a folder, and the coders.
struct Coders {
    coders: Vec<Coder>,
    /// Input stream and the output stream that feeds it.
    bound: Vec<(u64, u64)>,
    /// Input streams that are fed by packed streams, in the order of these.
    fed: Vec<u64>,
}

struct Coder {
    method: Result<Method, Unread>,
    inputs: u64,
    outputs: u64,
}

fn streams(input: &mut Input<'_>, behind: u64) -> Result<Streams, Unread> {
    let mut packed = Vec::new();
    let mut folders = Vec::new();
    let mut counted = false;
    loop {
        match input.byte()? {
            END => break,
            PACK_INFO => packed = pack_info(input, behind)?,
            UNPACK_INFO => folders = unpack_info(input, &packed)?,
            SUB_STREAMS => {
                sub_streams(input, &mut folders)?;
                counted = true;
            }
            _ => return Err(broken("the streams hold a part that nobody knows")),
        }
    }
    if !counted {
        for folder in &mut folders {
            folder.parts = vec![folder.size];
        }
    }
    Ok(Streams { packed, folders })
}

fn pack_info(input: &mut Input<'_>, behind: u64) -> Result<Vec<(u64, u64)>, Unread> {
    let mut at = behind.checked_add(input.number()?).ok_or(broken("packed streams begin nowhere"))?;
    let number = input.count()?;
    let mut packed = Vec::new();
    loop {
        match input.byte()? {
            END => break,
            SIZE => {
                for _ in 0..number {
                    let size = input.number()?;
                    packed.push((at, size));
                    at = at.checked_add(size).ok_or(broken("packed streams end nowhere"))?;
                }
            }
            CRC => drop(input.digests(number)?),
            _ => return Err(broken("the packed streams have a part that nobody knows")),
        }
    }
    if bytes::offset(packed.len()) == number {
        Ok(packed)
    } else {
        Err(broken("packed streams have no sizes"))
    }
}

fn unpack_info(input: &mut Input<'_>, packed: &[(u64, u64)]) -> Result<Vec<Folder>, Unread> {
    input.expect(FOLDER, "the folders are missing")?;
    let number = input.count()?;
    if input.byte()? != 0 {
        return Err(Unread::Unsupported("folders that lie in streams of their own".to_owned()));
    }
    let mut coders = Vec::new();
    for _ in 0..number {
        coders.push(folder(input)?);
    }
    input.expect(UNPACK_SIZE, "the sizes of the folders are missing")?;
    let mut packed: VecDeque<(u64, u64)> = packed.iter().copied().collect();
    let mut folders = Vec::new();
    for coders in coders {
        let outputs = coders.coders.iter().fold(0u64, |sum, coder| sum.saturating_add(coder.outputs));
        let sizes = (0..outputs).map(|_| input.number()).collect::<Result<Vec<u64>, Unread>>()?;
        let mut feeds = Vec::new();
        for _ in &coders.fed {
            feeds.push(packed.pop_front().ok_or(broken("a folder has fewer packed streams than coders"))?);
        }
        let (unpacking, size) = plan(&coders, &sizes, &feeds)?;
        folders.push(Folder { unpacking, size, crc: None, parts: Vec::new() });
    }
    loop {
        match input.byte()? {
            END => return Ok(folders),
            CRC => {
                let digests = input.digests(number)?;
                for (folder, crc) in folders.iter_mut().zip(digests) {
                    folder.crc = crc;
                }
            }
            _ => return Err(broken("the folders have a part that nobody knows")),
        }
    }
}

fn folder(input: &mut Input<'_>) -> Result<Coders, Unread> {
    let few = |number: u64, what| if number <= MOST_CODERS { Ok(number) } else { Err(broken(what)) };
    let number = few(input.number()?, "a folder has more coders than any")?;
    if number == 0 {
        return Err(broken("a folder has no coder"));
    }
    let mut coders = Vec::new();
    let (mut inputs, mut outputs) = (0u64, 0u64);
    for _ in 0..number {
        let flags = input.byte()?;
        if flags & 0xc0 != 0 {
            return Err(broken("a coder has flags that nobody knows"));
        }
        let id = input.take(u64::from(flags & 0xf))?;
        let (mut of, mut to) = (1, 1);
        if flags & 0x10 != 0 {
            of = few(input.number()?, "a coder has more streams than any")?;
            to = few(input.number()?, "a coder has more streams than any")?;
        }
        let properties = if flags & 0x20 != 0 {
            let size = input.number()?;
            input.take(size)?
        } else {
            &[]
        };
        coders.push(Coder { method: methods::method(id, properties), inputs: of, outputs: to });
        inputs = inputs.saturating_add(of);
        outputs = outputs.saturating_add(to);
    }
    let pairs = outputs.checked_sub(1).ok_or(broken("a folder has no output"))?;
    let bound = (0..pairs).map(|_| Ok((input.number()?, input.number()?)));
    let bound = bound.collect::<Result<Vec<(u64, u64)>, Unread>>()?;
    let number = inputs.checked_sub(pairs).ok_or(broken("a folder has more outputs than inputs"))?;
    let fed = match number {
        // The only one that is left.
        1 => (0..inputs).filter(|stream| bound.iter().all(|(to, _)| to != stream)).take(1).collect(),
        _ => (0..number).map(|_| input.number()).collect::<Result<Vec<u64>, Unread>>()?,
    };
    Ok(Coders { coders, bound, fed })
}

/// The coders of a folder as a tree, from the one output that feeds nobody down to the packed streams.
fn plan(
    coders: &Coders,
    sizes: &[u64],
    feeds: &[(u64, u64)],
) -> Result<(Result<Unpacking, Unread>, u64), Unread> {
    // Coders with several outputs exist on paper only; with one each, outputs count like coders.
    if coders.coders.iter().any(|coder| coder.outputs != 1) {
        return Err(Unread::Unsupported("a coder with several outputs".to_owned()));
    }
    let mut roots = (0..bytes::offset(coders.coders.len()))
        .filter(|out| coders.bound.iter().all(|(_, from)| from != out));
    let root = roots.next().ok_or(broken("the coders of a folder feed each other in a circle"))?;
    let size = at(sizes, root).copied().ok_or(broken("a folder has no size"))?;
    let feeds: Vec<(u64, (u64, u64))> = coders.fed.iter().copied().zip(feeds.iter().copied()).collect();
    let mut left = coders.coders.len();
    let tree = node(coders, sizes, &feeds, root, &mut left);
    // What cannot be unpacked concerns this folder alone.
    let tree = tree.and_then(|tree| match left {
        0 => Ok(tree),
        _ => Err(broken("a coder of a folder feeds nobody")),
    });
    Ok((tree, size))
}

fn node(
    coders: &Coders,
    sizes: &[u64],
    feeds: &[(u64, (u64, u64))],
    number: u64,
    left: &mut usize,
) -> Result<Unpacking, Unread> {
    // Each coder can be met once.
    *left = left.checked_sub(1).ok_or(broken("the coders of a folder feed each other in a circle"))?;
    let coder = at(&coders.coders, number).ok_or(broken("a coder is fed by one that is not there"))?;
    let method = coder.method.clone()?;
    let size = at(sizes, number).copied().ok_or(broken("a coder has no size"))?;
    if coder.inputs != if method == Method::Bcj2 { 4 } else { 1 } {
        return Err(broken("a coder has another number of inputs than its method"));
    }
    let before =
        coders.coders.iter().zip(0..number).fold(0u64, |sum, (coder, _)| sum.saturating_add(coder.inputs));
    let mut inputs = Vec::new();
    for stream in before..before.saturating_add(coder.inputs) {
        let bound = coders.bound.iter().find(|(to, _)| *to == stream);
        let fed = feeds.iter().find(|(to, _)| *to == stream);
        inputs.push(match (bound, fed) {
            (Some((_, from)), None) => node(coders, sizes, feeds, *from, left)?,
            (None, Some((_, (offset, size)))) => Unpacking::Part { offset: *offset, size: *size },
            _ => return Err(broken("an input of a coder is fed by nothing or by two")),
        });
    }
    Ok(Unpacking::Coder { method, size, inputs })
}

fn at<T>(items: &[T], number: u64) -> Option<&T> {
    items.get(usize::try_from(number).ok()?)
}

/// Which files the folders hold: how many each, and how large.
fn sub_streams(input: &mut Input<'_>, folders: &mut [Folder]) -> Result<(), Unread> {
    let mut kind = input.byte()?;
    let mut numbers = vec![1u64; folders.len()];
    if kind == NUMBER_OF_STREAMS {
        let mut all = 0u64;
        for number in &mut numbers {
            *number = input.number()?;
            all = all.saturating_add(*number);
        }
        input.within(all)?;
        kind = input.byte()?;
    }
    let sized = kind == SIZE;
    for (folder, number) in folders.iter_mut().zip(&numbers) {
        folder.parts = Vec::new();
        let mut left = folder.size;
        // The last one has what is left.
        for _ in 1..*number {
            if !sized {
                return Err(broken("the files in a folder have no sizes"));
            }
            let size = input.number()?;
            left = left.checked_sub(size).ok_or(broken("the files in a folder are larger than it"))?;
            folder.parts.push(size);
        }
        if *number > 0 {
            folder.parts.push(left);
        }
    }
    if sized {
        kind = input.byte()?;
    }
    // CRCs of folders with one file stand with the folder.
    let unknown =
        folders.iter().zip(&numbers).filter(|(folder, number)| !(**number == 1 && folder.crc.is_some()));
    let unknown = unknown.fold(0u64, |sum, (_, number)| sum.saturating_add(*number));
    loop {
        match kind {
            END => return Ok(()),
            CRC => drop(input.digests(unknown)?),
            _ => return Err(broken("the files in the folders have a part that nobody knows")),
        }
        kind = input.byte()?;
    }
}

fn files(input: &mut Input<'_>) -> Result<Files, Unread> {
    let mut files = Files { number: input.count()?, ..Files::default() };
    let mut empty = 0;
    loop {
        let kind = input.byte()?;
        if kind == END {
            break;
        }
        let size = input.number()?;
        let mut part = Input { rest: input.take(size)?, most: input.most };
        match kind {
            EMPTY_STREAM => {
                files.empty_stream = part.bits(files.number)?;
                empty = (0..files.number)
                    .fold(0u64, |sum, at| sum.saturating_add(files.empty_stream.get(at).into()));
            }
            EMPTY_FILE => files.empty_file = part.bits(empty)?,
            ANTI => files.anti = part.bits(empty)?,
            NAMES => {
                part.inside()?;
                files.names = part.rest.to_vec();
            }
            ATTRIBUTES => {
                files.attributed = part.defined(files.number)?;
                part.inside()?;
                files.attributes = part.rest.to_vec();
            }
            // Times, start positions, padding.
            _ => {}
        }
    }
    // A name has two bytes at least, for its end.
    if files.number > bytes::offset(files.names.len() / 2) {
        return Err(broken("there are more files than names"));
    }
    Ok(files)
}

impl Files {
    /// Every file, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = File> + '_ {
        let mut names = self.names.chunks_exact(2);
        let mut attributes = self.attributes.chunks_exact(4);
        let mut empty = 0u64;
        (0..self.number).map(move |number| {
            let units = names.by_ref().map_while(|pair| {
                let unit = u16::from_le_bytes(pair.try_into().unwrap_or_default());
                (unit != 0).then_some(unit)
            });
            let name =
                char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
            let attributes = if self.attributed.get(number) {
                attributes.next().and_then(|bytes| bytes::u32_at(bytes, 0)).unwrap_or(0)
            } else {
                0
            };
            let has_stream = !self.empty_stream.get(number);
            let (is_empty_file, is_anti) = (self.empty_file.get(empty), self.anti.get(empty));
            if !has_stream {
                empty = empty.saturating_add(1);
            }
            File {
                name,
                has_stream,
                is_empty_file: is_empty_file && !has_stream,
                is_anti: is_anti && !has_stream,
                attributes,
            }
        })
    }
}

fn broken(reason: &str) -> Unread {
    Unread::Malformed(reason.to_owned())
}

/// What is left of a header.
struct Input<'a> {
    rest: &'a [u8],
    /// Most files and streams.
    most: u64,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, Unread> {
        let (first, rest) = self.rest.split_first().ok_or(broken("the header ends early"))?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, size: u64) -> Result<&'a [u8], Unread> {
        let taken = self.rest.split_at_checked(bytes::length(size)).ok_or(broken("the header ends early"))?;
        self.rest = taken.1;
        Ok(taken.0)
    }

    fn expect(&mut self, kind: u8, otherwise: &str) -> Result<(), Unread> {
        if self.byte()? == kind { Ok(()) } else { Err(broken(otherwise)) }
    }

    /// `NUMBER`: the leading ones of the first byte say how many bytes follow, little-endian; the bits behind them are
    /// the highest ones.
    fn number(&mut self) -> Result<u64, Unread> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut number = 0u64;
        for at in 0..more {
            number |= u64::from(self.byte()?).checked_shl(at.saturating_mul(8)).unwrap_or(0);
        }
        let high = u64::from(first) & 0x7fu64.checked_shr(more).unwrap_or(0);
        Ok(number | high.checked_shl(more.saturating_mul(8)).unwrap_or(0))
    }

    /// A number of things that are kept one by one.
    fn count(&mut self) -> Result<u64, Unread> {
        let count = self.number()?;
        self.within(count)?;
        Ok(count)
    }

    fn within(&self, count: u64) -> Result<(), Unread> {
        if count > self.most { Err(Unread::Limit(LimitKind::Entries, self.most)) } else { Ok(()) }
    }

    fn bits(&mut self, number: u64) -> Result<Bits, Unread> {
        Ok(Bits { all: false, bytes: self.take(number.div_ceil(8))?.to_vec() })
    }

    /// A row of bits that may be left out where all are set.
    fn defined(&mut self, number: u64) -> Result<Bits, Unread> {
        if self.byte()? == 0 { self.bits(number) } else { Ok(Bits { all: true, bytes: Vec::new() }) }
    }

    /// CRCs; an item for each of `number`, at most as many as there are bytes.
    fn digests(&mut self, number: u64) -> Result<Vec<Option<u32>>, Unread> {
        let defined = self.defined(number)?;
        if defined.all && number > bytes::offset(self.rest.len()) {
            return Err(broken("the header ends early"));
        }
        let mut digests = Vec::new();
        for at in 0..number {
            let crc = if defined.get(at) { bytes::u32_at(self.take(4)?, 0) } else { None };
            digests.push(crc);
        }
        Ok(digests)
    }

    /// Whether something lies in the header itself.
    fn inside(&mut self) -> Result<(), Unread> {
        match self.byte()? {
            0 => Ok(()),
            _ => Err(Unread::Unsupported("names that lie in streams of their own".to_owned())),
        }
    }
}
