//! 7z archives, built by a few lines that may lie in every field.

use std::io::Write as _;

/// Coders, what they packed, and the files in it.
#[derive(Clone)]
pub(crate) struct Folder {
    /// The coders as the header describes them, with how they feed each other.
    pub(crate) coders: Vec<u8>,
    pub(crate) packed: Vec<Vec<u8>>,
    /// What comes out of each coder.
    pub(crate) sizes: Vec<u64>,
    /// Sizes of the files.
    pub(crate) parts: Vec<u64>,
}

impl Folder {
    /// One coder without properties over these files.
    pub(crate) fn simple(id: &[u8], files: &[&[u8]], packed: Vec<u8>) -> Self {
        Self::coder(&[&[id.len() as u8], id].concat(), files, packed)
    }

    /// One coder, described with its flags, id and properties.
    pub(crate) fn coder(coder: &[u8], files: &[&[u8]], packed: Vec<u8>) -> Self {
        let parts: Vec<u64> = files.iter().map(|file| file.len() as u64).collect();
        Self { coders: [&[1], coder].concat(), packed: vec![packed], sizes: vec![parts.iter().sum()], parts }
    }

    /// Not packed.
    pub(crate) fn copy(files: &[&[u8]]) -> Self {
        Self::simple(&[0], files, files.concat())
    }

    /// Packed with LZMA2 as one stream, as 7-Zip does.
    pub(crate) fn lzma2(files: &[&[u8]]) -> Self {
        let options = lzma_rust2::Lzma2Options::with_preset(1);
        let mut writer = lzma_rust2::Lzma2Writer::new(Vec::new(), options);
        writer.write_all(&files.concat()).unwrap();
        // The id, and a dictionary of 1 MiB.
        Self::coder(&[0x21, 0x21, 1, 16], files, writer.finish().unwrap())
    }

    /// Packed with LZMA as one stream, with a dictionary that may be stated wrongly.
    pub(crate) fn lzma(files: &[&[u8]], dictionary: u32) -> Self {
        let options = lzma_rust2::LzmaOptions::with_preset(1);
        let mut writer = lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
        let properties = [&[writer.props()][..], &dictionary.to_le_bytes()].concat();
        writer.write_all(&files.concat()).unwrap();
        Self::coder(&[&[0x23, 3, 1, 1, 5], &properties[..]].concat(), files, writer.finish().unwrap())
    }
}

/// What an item of the list is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its bytes are the next part of a folder.
    File,
    Empty,
    Folder,
    /// Removes a file.
    Anti,
}

/// An item of the list.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Attributes of Windows; the upper half is the mode of Unix.
    pub(crate) attributes: u32,
}

impl Item {
    pub(crate) fn file(name: &str) -> Self {
        Self { name: name.to_owned(), kind: Kind::File, attributes: 0x20 }
    }

    pub(crate) fn of(name: &str, kind: Kind) -> Self {
        Self { kind, ..Self::file(name) }
    }

    /// A file with this mode of Unix.
    pub(crate) fn mode(name: &str, mode: u32) -> Self {
        Self { attributes: mode << 16 | 0x8000, ..Self::file(name) }
    }
}

/// An archive before it is bytes.
#[derive(Clone)]
pub(crate) struct Archive {
    pub(crate) folders: Vec<Folder>,
    pub(crate) items: Vec<Item>,
    /// The header is packed with LZMA, as 7-Zip does.
    pub(crate) packs_header: bool,
    /// Bytes between the packed streams and the header.
    pub(crate) gap: Vec<u8>,
}

impl Archive {
    /// Files in one folder.
    pub(crate) fn new(names: &[&str], folder: Folder) -> Self {
        let items = names.iter().map(|name| Item::file(name)).collect();
        Self { folders: vec![folder], items, packs_header: false, gap: Vec::new() }
    }

    /// Files packed with LZMA2 and a packed header.
    pub(crate) fn usual(files: &[(&str, &[u8])]) -> Self {
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let bytes: Vec<&[u8]> = files.iter().map(|(_, bytes)| *bytes).collect();
        Self { packs_header: true, ..Self::new(&names, Folder::lzma2(&bytes)) }
    }

    /// Changed as `change` says.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let header = [&[1, 4][..], &streams(&self.folders, 0), &self.files(), &[0]].concat();
        self.around(&header)
    }

    /// The archive with another header.
    pub(crate) fn around(&self, header: &[u8]) -> Vec<u8> {
        let mut body: Vec<u8> = self.folders.iter().flat_map(|folder| folder.packed.concat()).collect();
        body.extend(&self.gap);
        let mut header = header.to_vec();
        if self.packs_header {
            let packed = Folder::lzma(&[&header], 1 << 20);
            let at = body.len() as u64;
            body.extend(packed.packed.concat());
            header = [&[0x17][..], &streams(&[packed], at)].concat();
        }
        let place =
            [&(body.len() as u64).to_le_bytes()[..], &(header.len() as u64).to_le_bytes(), &crc(&header)];
        let place = place.concat();
        [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &crc(&place), &place, &body, &header].concat()
    }

    fn files(&self) -> Vec<u8> {
        let part = |id: u8, data: Vec<u8>| [&[id][..], &number(data.len() as u64), &data].concat();
        let empty: Vec<&Item> = self.items.iter().filter(|item| item.kind != Kind::File).collect();
        let streams: Vec<bool> = self.items.iter().map(|item| item.kind != Kind::File).collect();
        let files: Vec<bool> = empty.iter().map(|item| item.kind != Kind::Folder).collect();
        let anti: Vec<bool> = empty.iter().map(|item| item.kind == Kind::Anti).collect();
        let mut names = vec![0];
        for item in &self.items {
            names.extend(item.name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        }
        let mut attributes = vec![1, 0];
        attributes.extend(self.items.iter().flat_map(|item| item.attributes.to_le_bytes()));
        let mut bytes = [&[5][..], &number(self.items.len() as u64)].concat();
        if !empty.is_empty() {
            bytes.extend(
                [part(0x0e, bits(&streams)), part(0x0f, bits(&files)), part(0x10, bits(&anti))].concat(),
            );
        }
        bytes.extend([part(0x11, names), part(0x15, attributes), vec![0]].concat());
        bytes
    }
}

/// The description of packed streams that begin at `at`.
pub(crate) fn streams(folders: &[Folder], at: u64) -> Vec<u8> {
    let packed: Vec<&Vec<u8>> = folders.iter().flat_map(|folder| &folder.packed).collect();
    let mut bytes = [&[6][..], &number(at), &number(packed.len() as u64), &[9]].concat();
    packed.iter().for_each(|packed| bytes.extend(number(packed.len() as u64)));
    bytes.extend([&[0, 7, 0x0b][..], &number(folders.len() as u64), &[0]].concat());
    folders.iter().for_each(|folder| bytes.extend(&folder.coders));
    bytes.push(0x0c);
    folders.iter().flat_map(|folder| &folder.sizes).for_each(|size| bytes.extend(number(*size)));
    bytes.extend([0, 8, 0x0d]);
    folders.iter().for_each(|folder| bytes.extend(number(folder.parts.len() as u64)));
    bytes.push(9);
    for folder in folders {
        let but_last = folder.parts.len().saturating_sub(1);
        folder.parts[..but_last].iter().for_each(|size| bytes.extend(number(*size)));
    }
    bytes.extend([0, 0]);
    bytes
}

/// A number in one byte if it fits, else in nine.
pub(crate) fn number(number: u64) -> Vec<u8> {
    if number < 0x80 { vec![number as u8] } else { [&[0xff][..], &number.to_le_bytes()].concat() }
}

fn bits(bits: &[bool]) -> Vec<u8> {
    let byte =
        |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at));
    bits.chunks(8).map(byte).collect()
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
