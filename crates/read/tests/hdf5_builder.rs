//! Writes small HDF5 files that the real library opens: old ones (symbol tables) and new ones (link messages, checksums).

/// Sizes of the old form, stated in the superblock: ranks of the trees of names.
const LEAF_RANK: u16 = 32;
const NODE_RANK: u16 = 16;

/// A file that grows by appending: what refers to something comes after it.
pub(crate) struct Hdf5 {
    modern: bool,
    bytes: Vec<u8>,
}

/// A message of an object header: its kind and its body.
pub(crate) type Message = (u8, Vec<u8>);

/// Where a link of a group leads.
pub(crate) enum To {
    Object(u64),
    Soft(&'static str),
    External(&'static str, &'static str),
}

fn le(value: u64) -> [u8; 8] {
    value.to_le_bytes()
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

fn short(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_le_bytes()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

impl Hdf5 {
    /// A file as every version of the library writes it unless told otherwise.
    pub(crate) fn classic() -> Self {
        Self { modern: false, bytes: vec![0; 96] }
    }

    /// A file of `libver="latest"` of 1.8 to 1.14.
    pub(crate) fn modern() -> Self {
        Self { modern: true, bytes: vec![0; 48] }
    }

    /// Puts bytes at the end and says at which address.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let address = size(&self.bytes);
        self.bytes.extend_from_slice(bytes);
        address
    }

    /// An object header with these messages.
    pub(crate) fn object(&mut self, messages: &[Message]) -> u64 {
        let mut body = Vec::new();
        for (kind, data) in messages {
            if self.modern {
                body.push(*kind);
                body.extend([&short(data)[..], &[0], data].concat());
            } else {
                let data = padded(data.clone());
                body.extend([&[*kind, 0][..], &short(&data), &[0; 4], &data].concat());
            }
        }
        if self.modern {
            // Flags: the size of the messages takes four bytes.
            let start =
                [b"OHDR\x02\x02".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes()].concat();
            return self.append(&signed([start, body].concat()));
        }
        let count = u16::try_from(messages.len()).unwrap().to_le_bytes();
        let start =
            [&[1, 0][..], &count, &1u32.to_le_bytes(), &u32::try_from(body.len()).unwrap().to_le_bytes()];
        self.append(&[&start.concat()[..], &[0; 4], &body].concat())
    }

    /// A group with these links and further messages.
    pub(crate) fn group(&mut self, links: &[(&str, To)], more: &[Message]) -> u64 {
        let mut messages = more.to_vec();
        if self.modern || links.iter().any(|(_, to)| matches!(to, To::External(..))) {
            // Link info (no heap) and group info, as the library demands of a group.
            messages.push((0x02, [&[0, 0][..], &[0xff; 16]].concat()));
            messages.push((0x0a, vec![0, 0]));
            messages.extend(links.iter().map(|(name, to)| link(name, to)));
        } else {
            messages.push(self.symbol_table(links));
        }
        self.object(&messages)
    }

    /// The names of an old group: a heap, a node of entries, and a tree over it.
    fn symbol_table(&mut self, links: &[(&str, To)]) -> Message {
        let mut links: Vec<_> = links.iter().collect();
        links.sort_by_key(|(name, _)| *name);
        let mut names = vec![0; 8];
        let mut entries = Vec::new();
        for (name, to) in &links {
            let at = size(&names);
            names = padded([names, name.as_bytes().to_vec(), vec![0]].concat());
            match to {
                To::Object(address) => entries.push([&le(at)[..], &le(*address), &[0; 24]].concat()),
                To::Soft(path) => {
                    let value = u32::try_from(names.len()).unwrap().to_le_bytes();
                    names = padded([names, path.as_bytes().to_vec(), vec![0]].concat());
                    entries.push(
                        [&le(at)[..], &[0xff; 8], &[2, 0, 0, 0, 0, 0, 0, 0], &value, &[0; 12]].concat(),
                    );
                }
                To::External(..) => unreachable!("old groups have no external links"),
            }
        }
        let last =
            links.last().map_or(0, |_| u64::from_le_bytes(entries.last().unwrap()[..8].try_into().unwrap()));
        let heap = self.local_heap(&names);
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let mut node = [b"SNOD\x01\0".as_slice(), &count, &entries.concat()].concat();
        node.resize(8 + usize::from(LEAF_RANK) * 2 * 40, 0);
        let node = self.append(&node);
        let used = u16::from(!links.is_empty()).to_le_bytes();
        let mut tree = [b"TREE\0\0".as_slice(), &used, &[0xff; 16], &le(0), &le(node), &le(last)].concat();
        tree.resize(24 + usize::from(NODE_RANK) * 4 * 8 + 8, 0);
        let tree = self.append(&tree);
        (0x11, [le(tree), le(heap)].concat())
    }

    /// A local heap with this data.
    pub(crate) fn local_heap(&mut self, data: &[u8]) -> u64 {
        let address = self.append(data);
        // The free list is empty, which the library writes as 1.
        let heap = [b"HEAP\0\0\0\0".as_slice(), &le(size(data)), &le(1), &le(address)].concat();
        self.append(&heap)
    }

    /// A global heap with one object, which has the number 1.
    pub(crate) fn global_heap(&mut self, data: &[u8]) -> u64 {
        let object = [&[1, 0, 1, 0, 0, 0, 0, 0][..], &le(size(data)), &padded(data.to_vec())].concat();
        let whole = (16 + object.len() + 16).max(4096);
        let free = u64::try_from(whole - 16 - object.len()).unwrap();
        let mut heap =
            [b"GCOL\x01\0\0\0".as_slice(), &le(u64::try_from(whole).unwrap()), &object, &[0; 8], &le(free)]
                .concat();
        heap.resize(whole, 0);
        self.append(&heap)
    }

    /// An attribute with a text of variable length, as `h5py` writes Python's texts.
    pub(crate) fn long_text(&mut self, name: &str, text: &str) -> Message {
        let heap = self.global_heap(text.as_bytes());
        let element =
            [u32::try_from(text.len()).unwrap().to_le_bytes().to_vec(), le(heap).to_vec(), vec![1, 0, 0, 0]];
        // Class 9 (variable length), a text in UTF-8, of 16 bytes; made of bytes of class 3 (text).
        let kind = [&[0x19, 1, 1, 0, 16, 0, 0, 0][..], &[0x13, 0, 0, 0, 1, 0, 0, 0]].concat();
        attribute(name, &kind, &element.concat())
    }

    /// A dataset of floats of four bytes whose data are in the file.
    pub(crate) fn dataset(&mut self, data: &[u8]) -> u64 {
        let at = self.append(data);
        self.object(&[dataspace(&[size(data) / 4]), float32(), contiguous(at, size(data))])
    }

    /// A dataset of floats whose data lie in these files, four bytes in each.
    pub(crate) fn external(&mut self, files: &[&str]) -> u64 {
        let mut names = vec![0; 8];
        let mut slots = Vec::new();
        for file in files {
            slots.extend([le(size(&names)), le(0), le(4)].concat());
            names = padded([names, file.as_bytes().to_vec(), vec![0]].concat());
        }
        let heap = self.local_heap(&names);
        let count = u16::try_from(files.len()).unwrap();
        let list =
            [&[1, 0, 0, 0][..], &count.to_le_bytes(), &count.to_le_bytes(), &le(heap), &slots].concat();
        let all = u64::from(count) * 4;
        self.object(&[dataspace(&[u64::from(count)]), float32(), (0x07, list), contiguous(u64::MAX, all)])
    }

    /// A virtual dataset of floats that shows one of another file.
    pub(crate) fn virtual_dataset(&mut self, file: &str, dataset: &str) -> u64 {
        // Everything, in both selections; no entry follows.
        let all = [3u32, 1, 0, 0].map(u32::to_le_bytes).concat();
        let map = [&[0][..], &le(1), file.as_bytes(), &[0], dataset.as_bytes(), &[0], &all, &all].concat();
        let heap = self.global_heap(&signed(map));
        let layout = [&[4, 3][..], &le(heap), &1u32.to_le_bytes()].concat();
        self.object(&[dataspace(&[4]), float32(), (0x08, layout)])
    }

    /// Attributes that do not stand in the header but in a fractal heap, with a tree of their names.
    pub(crate) fn dense(&mut self, attributes: &[(&str, Message)]) -> Message {
        let (start, header) = (4096u64, 21usize);
        let mut data = Vec::new();
        let mut records = Vec::new();
        for (order, (name, (_, body))) in attributes.iter().enumerate() {
            let at = u32::try_from(header + data.len()).unwrap().to_le_bytes();
            // Kind, an offset of four bytes, a length of two; then flags, order, and the hash of the name.
            let id = [&[0][..], &at, &short(body), &[0]].concat();
            let hash = lookup3(name.as_bytes());
            let order = u32::try_from(order).unwrap().to_le_bytes();
            records.push((hash, [&id[..], &[0], &order, &hash.to_le_bytes()].concat()));
            data.extend_from_slice(body);
        }
        records.sort();
        let records: Vec<u8> = records.into_iter().flat_map(|(_, record)| record).collect();
        let count = le(u64::try_from(attributes.len()).unwrap());
        let heap_at = self.append(&[]) + start;
        let mut block = [b"FHDB\0".as_slice(), &le(heap_at), &[0; 8], &data].concat();
        block.resize(usize::try_from(start).unwrap(), 0);
        let sum = lookup3(&block);
        block[17..21].copy_from_slice(&sum.to_le_bytes());
        let block = self.append(&block);
        let none = [0xff; 8];
        let heap = [
            b"FRHP\0".as_slice(),
            &[8, 0, 0, 0, 2],
            &4096u32.to_le_bytes(),
            &le(0),
            &none,
            &le(0),
            &none,
            &le(start),
            &le(start),
            &le(start),
            &count,
            &[0; 32],
            &[4, 0],
            &le(start),
            &le(65536),
            &[32, 0, 1, 0],
            &le(block),
            &[0, 0],
        ];
        let heap = self.append(&signed(heap.concat()));
        assert_eq!(heap, heap_at);
        let mut leaf = signed([b"BTLF\0\x08".as_slice(), &records].concat());
        leaf.resize(512, 0);
        let leaf = self.append(&leaf);
        let used = u16::try_from(attributes.len()).unwrap().to_le_bytes();
        let tree = [
            b"BTHD\0\x08".as_slice(),
            &512u32.to_le_bytes(),
            &[17, 0, 0, 0, 100, 40],
            &le(leaf),
            &used,
            &count,
        ];
        let tree = self.append(&signed(tree.concat()));
        (0x15, [&[0, 0][..], &le(heap), &le(tree)].concat())
    }

    /// The whole file with this root group.
    pub(crate) fn finish(self, root: u64) -> Vec<u8> {
        self.finish_after(root, 0)
    }

    /// The whole file with this root group, after a user block of zeros.
    pub(crate) fn finish_after(mut self, root: u64, user_block: usize) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let end = size(&self.bytes) + u64::try_from(user_block).unwrap();
        let base = u64::try_from(user_block).unwrap();
        let start = if self.modern {
            let start =
                [b"\x89HDF\r\n\x1a\n\x02\x08\x08\0".as_slice(), &le(base), &[0xff; 8], &le(end), &le(root)];
            signed(start.concat())
        } else {
            let ranks = [LEAF_RANK.to_le_bytes(), NODE_RANK.to_le_bytes()].concat();
            let sizes = b"\0\0\0\0\0\x08\x08\0";
            let start =
                [b"\x89HDF\r\n\x1a\n".as_slice(), sizes, &ranks, &[0; 4], &le(base), &[0xff; 8], &le(end)];
            [&start.concat()[..], &[0xff; 8], &le(0), &le(root), &[0; 24]].concat()
        };
        self.bytes[..start.len()].copy_from_slice(&start);
        [vec![0; user_block], self.bytes].concat()
    }
}

/// A link message.
fn link(name: &str, to: &To) -> Message {
    let (kind, value) = match to {
        To::Object(address) => (0, le(*address).to_vec()),
        To::Soft(path) => (1, [&short(path.as_bytes())[..], path.as_bytes()].concat()),
        To::External(file, path) => {
            let value = [&[0][..], file.as_bytes(), &[0], path.as_bytes(), &[0]].concat();
            (64, [&short(&value)[..], &value].concat())
        }
    };
    // Flags: a name of one byte of length, and the kind is stated.
    let start = [1, 8, kind, u8::try_from(name.len()).unwrap()];
    (0x06, [&start[..], name.as_bytes(), &value].concat())
}

/// An attribute with one value of this type.
fn attribute(name: &str, kind: &[u8], value: &[u8]) -> Message {
    let name = [name.as_bytes(), &[0]].concat();
    let scalar = [1, 0, 0, 0, 0, 0, 0, 0];
    let parts = [padded(name.clone()), padded(kind.to_vec()), scalar.to_vec(), value.to_vec()];
    (0x0c, [&[1, 0][..], &short(&name), &short(kind), &short(&scalar), &parts.concat()].concat())
}

/// An attribute with a text of fixed length.
pub(crate) fn fixed_text(name: &str, text: &str) -> Message {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    attribute(name, &[&[0x13, 0, 0, 0][..], &length].concat(), text.as_bytes())
}

/// The shape of a dataset.
pub(crate) fn dataspace(dimensions: &[u64]) -> Message {
    let rank = u8::try_from(dimensions.len()).unwrap();
    (
        0x01,
        [&[1, rank, 0, 0, 0, 0, 0, 0][..], &dimensions.iter().copied().flat_map(le).collect::<Vec<_>>()]
            .concat(),
    )
}

/// The type of floats of four bytes.
pub(crate) fn float32() -> Message {
    (0x03, b"\x11\x20\x1f\0\x04\0\0\0\0\0\x20\0\x17\x08\0\x17\x7f\0\0\0".to_vec())
}

/// Data in one piece.
pub(crate) fn contiguous(at: u64, size: u64) -> Message {
    (0x08, [&[3, 1][..], &le(at), &le(size)].concat())
}

/// Data in chunks of which none was written, of two dimensions.
pub(crate) fn chunked() -> Message {
    let sizes = [16u32, 16, 4].map(u32::to_le_bytes).concat();
    (0x08, [&[3, 2, 3][..], &[0xff; 8], &sizes].concat())
}

/// One filter by number and name.
pub(crate) fn filter(id: u16, name: &str) -> Message {
    let name = padded([name.as_bytes(), &[0]].concat());
    let start = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &id.to_le_bytes(), &short(&name), &[1, 0, 0, 0], &name];
    (0x0b, start.concat())
}

/// The bytes with the checksum of the library at their end.
pub(crate) fn signed(bytes: Vec<u8>) -> Vec<u8> {
    let sum = lookup3(&bytes).to_le_bytes();
    [bytes, sum.to_vec()].concat()
}

/// Bob Jenkins' hash (`H5_checksum_lookup3`).
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beefu32.wrapping_add(u32::try_from(bytes.len()).unwrap());
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    loop {
        let mut block = [0; 12];
        let taken = rest.len().min(12);
        block[..taken].copy_from_slice(&rest[..taken]);
        let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        if rest.is_empty() {
            return c;
        }
        (a, b, c) = (a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8)));
        rest = &rest[taken..];
        if rest.is_empty() {
            break;
        }
        for turn in [4, 6, 8, 16, 19, 4] {
            a = a.wrapping_sub(c) ^ c.rotate_left(turn);
            c = c.wrapping_add(b);
            (a, b, c) = (b, c, a);
        }
    }
    for turn in [14, 11, 25, 16, 4, 14, 24] {
        c = (c ^ b).wrapping_sub(b.rotate_left(turn));
        (a, b, c) = (b, c, a);
    }
    // Seven turns leave what was computed last in the middle.
    b
}
