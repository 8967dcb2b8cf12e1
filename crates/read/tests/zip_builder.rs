//! Builds zip archives that may lie in every field.

use std::io::Write as _;

/// A header of a member, before the data or in the directory. Every field is written as it stands.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) checksum: u32,
    pub(crate) packed: u32,
    pub(crate) unpacked: u32,
    /// Unix mode, in the directory only.
    pub(crate) mode: u32,
    pub(crate) extra: Vec<u8>,
}

pub(crate) struct Member {
    /// None leaves the local header and the data out.
    pub(crate) local: Option<Header>,
    /// None leaves the directory entry out.
    pub(crate) central: Option<Header>,
    /// Written instead of the real offset of the local header.
    pub(crate) offset: Option<u32>,
    pub(crate) data: Vec<u8>,
    /// Follows the data.
    pub(crate) after: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Archive {
    /// Stands before the archive; offsets do not count it.
    pub(crate) prefix: Vec<u8>,
    pub(crate) members: Vec<Member>,
    /// Stands between the last member and the directory.
    pub(crate) gap: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    /// Written instead of the real number of entries.
    pub(crate) entries: Option<u16>,
    /// Stands after the archive.
    pub(crate) trailing: Vec<u8>,
    /// Leaves directory and end record out.
    pub(crate) no_directory: bool,
}

impl Archive {
    pub(crate) fn stored(mut self, name: &str, data: &[u8]) -> Self {
        self.members.push(member(name, 0, data.to_vec(), data));
        self
    }

    pub(crate) fn deflated(mut self, name: &str, data: &[u8]) -> Self {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(data).unwrap();
        self.members.push(member(name, 8, packer.finish().unwrap(), data));
        self
    }

    /// Changes the archive in place: the lie.
    pub(crate) fn but(mut self, lie: impl FnOnce(&mut Self)) -> Self {
        lie(&mut self);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        let mut count = 0u16;
        let position = |out: &Vec<u8>| u32::try_from(out.len() - self.prefix.len()).unwrap();
        for member in &self.members {
            let offset = member.offset.unwrap_or(position(&out));
            if let Some(header) = &member.local {
                out.extend(header.local());
                out.extend(&member.data);
                out.extend(&member.after);
            }
            if let Some(header) = &member.central {
                directory.extend(header.central(offset));
                count = count.wrapping_add(1);
            }
        }
        if self.no_directory {
            return out;
        }
        out.extend(&self.gap);
        let start = position(&out);
        out.extend(&directory);
        out.extend(end(
            self.entries.unwrap_or(count),
            u32::try_from(directory.len()).unwrap(),
            start,
            &self.comment,
        ));
        out.extend(&self.trailing);
        out
    }
}

impl Member {
    pub(crate) fn local(&mut self) -> &mut Header {
        self.local.as_mut().unwrap()
    }

    pub(crate) fn central(&mut self) -> &mut Header {
        self.central.as_mut().unwrap()
    }
}

fn member(name: &str, method: u16, packed: Vec<u8>, data: &[u8]) -> Member {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    let header = Header {
        name: name.as_bytes().to_vec(),
        flags: 0,
        method,
        checksum: crc.sum(),
        packed: u32::try_from(packed.len()).unwrap(),
        unpacked: u32::try_from(data.len()).unwrap(),
        mode: 0o100_644,
        extra: Vec::new(),
    };
    Member {
        local: Some(header.clone()),
        central: Some(header),
        offset: None,
        data: packed,
        after: Vec::new(),
    }
}

impl Header {
    fn common(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(20u16.to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.checksum.to_le_bytes());
        out.extend(self.packed.to_le_bytes());
        out.extend(self.unpacked.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        out.extend(u16::try_from(self.extra.len()).unwrap().to_le_bytes());
        out
    }

    fn local(&self) -> Vec<u8> {
        [b"PK\x03\x04".as_slice(), &self.common(), &self.name, &self.extra].concat()
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03".to_vec();
        out.extend(self.common());
        // No comment, first disk, no internal attributes.
        out.extend([0; 6]);
        out.extend((self.mode << 16).to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend(&self.name);
        out.extend(&self.extra);
        out
    }
}

/// An end of central directory record.
pub(crate) fn end(entries: u16, size: u32, start: u32, comment: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend(entries.to_le_bytes());
    out.extend(entries.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    out.extend(comment);
    out
}
