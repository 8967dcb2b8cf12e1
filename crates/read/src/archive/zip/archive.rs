//! Reads every member by both of its headers and compares them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::end::{self, End};
use super::{Data, Found, Member, SIZES_FOLLOW, View, header};
use crate::bytes::offset;
use crate::fault::Faults;

/// Window through which a directory is read, in bytes.
const WINDOW: usize = 64 << 10;
/// General purpose flags 1 and 2: how hard the packer tried. Nothing depends on them.
const EFFORT: u16 = 0b110;

pub(super) struct Archive<'a> {
    pub(super) input: &'a Input,
    pub(super) members: Vec<Found>,
    pub(super) faults: Faults,
    /// Parts of the file that are explained: where each begins, and where it ends.
    pub(super) explained: BTreeMap<u64, u64>,
    /// Where the archive proper ends; what stands after it is trailing.
    pub(super) after: u64,
    /// The file has a central directory.
    pub(super) directory: bool,
    /// Bytes of all names so far.
    names: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn new(input: &'a Input) -> Self {
        Self {
            input,
            members: Vec::new(),
            faults: Faults::new("members"),
            explained: BTreeMap::new(),
            after: 0,
            directory: false,
            names: 0,
        }
    }

    /// Nothing of a zip archive was found.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && !self.directory
    }

    /// Reads the directory, then what the directory does not name.
    pub(super) fn read(&mut self, sink: &mut Sink) -> Result<(), Unread> {
        let ends = end::find(self.input, sink)?;
        self.directory = !ends.is_empty();
        self.after = ends.first().map_or(0, |end| end.after.min(self.input.size()));
        let mut known = BTreeSet::new();
        for end in &ends {
            // Two directories usually name the same members; what is the same is taken once.
            let known = (ends.len() > 1).then_some(&mut known);
            self.read_directory(end, known, sink)?;
        }
        if self.directory || self.input.size() > 0 {
            self.look_into_gaps(sink)?;
        }
        self.find_overlaps(sink);
        Ok(())
    }

    fn read_directory(
        &mut self,
        end: &End,
        mut known: Option<&mut BTreeSet<Member>>,
        sink: &mut Sink,
    ) -> Result<(), Unread> {
        let mut cursor = self.input.cursor(end.start, WINDOW);
        let mut count = 0u64;
        // Loaders stop after the stated count or the stated size; every entry up to the end record is read here.
        while cursor.offset() < end.until {
            let at = cursor.offset();
            match header::central(&mut cursor, end.shift) {
                Ok(Some(member)) => {
                    count = count.saturating_add(1);
                    if known.as_deref_mut().is_none_or(|known| known.insert(member.clone())) {
                        self.member(member, at, sink)?;
                    }
                }
                Ok(None) | Err(Unread::Truncated { .. }) => {
                    cursor = self.input.cursor(at, 1);
                    break;
                }
                Err(reason) => return Err(reason),
            }
        }
        let read = cursor.offset().saturating_sub(end.start);
        self.explained.insert(end.start, cursor.offset());
        self.explained.insert(end.until, end.after.min(self.input.size()));
        if count != end.entries {
            let text = format!("the archive states {} members and its directory lists {count}", end.entries);
            sink.malformed(text, Some(Span::Offset(end.until)));
        }
        if read != end.size {
            let text = format!("the central directory states {} bytes and has {read}", end.size);
            sink.malformed(text, Some(Span::Offset(end.start)));
        }
        Ok(())
    }

    /// Takes in a member of the central directory, and what its local header says if that is something else.
    fn member(&mut self, member: Member, entry: u64, sink: &mut Sink) -> Result<(), Unread> {
        self.admit(&member)?;
        if let Some(other) = &member.other_name {
            self.faults.tell(sink, "have a second name", entry, || {
                format!("`{}` has a second name, `{other}`, which some tools prefer", member.name)
            });
        }
        if member.link {
            self.faults
                .tell(sink, "are symbolic links", entry, || format!("`{}` is a symbolic link", member.name));
        }
        let Some((local, data)) = header::local(self.input, member.header)? else {
            self.faults.tell(sink, "have no local header where the directory says", entry, || {
                format!(
                    "`{}` has no local header at {}, where the directory says",
                    member.name, member.header
                )
            });
            return Ok(());
        };
        let streamed = local.flags & SIZES_FOLLOW != 0;
        let sizes_follow = streamed && (local.packed == 0 || local.packed == u64::from(u32::MAX));
        self.compare(&member, &local, sizes_follow, sink);
        let end = data.offset.saturating_add(member.packed);
        let descriptor = if streamed { header::descriptor(self.input, end, &member)? } else { 0 };
        let end = end.saturating_add(descriptor);
        if end > self.input.size() {
            self.faults.tell(sink, "run past the end of the file", member.header, || {
                format!("the data of `{}` run past the end of the file", member.name)
            });
        }
        // Of members that share a local header, its own view is taken once.
        let shared = self.explained.insert(member.header, end).is_some();
        if shared {
            self.faults.tell(sink, "share a local header with another one", member.header, || {
                format!("`{}` shares its local header with another member", member.name)
            });
        }
        let differs = local.name != member.name
            || local.method != member.method
            || (!sizes_follow && local.packed != member.packed);
        let other = (differs && !shared).then(|| {
            let packed = if sizes_follow { member.packed } else { local.packed };
            let unpacked = if sizes_follow { member.unpacked } else { local.unpacked };
            Found {
                member: Member { packed, unpacked, ..local },
                data: Data { size: packed, ..data },
                view: View::Local,
            }
        });
        let data = Data { size: member.packed, ..data };
        self.members.push(Found { member, data, view: View::Central });
        if let Some(other) = other {
            self.admit(&other.member)?;
            self.members.push(other);
        }
        Ok(())
    }

    fn compare(&mut self, member: &Member, local: &Member, sizes_follow: bool, sink: &mut Sink) {
        let mut differ = |kind, what: &str, central: &dyn Display, local: &dyn Display| {
            self.faults.tell(sink, kind, member.header, || {
                let name = &member.name;
                format!("`{name}`: the central directory says {what} {central}, the local header {local}")
            });
        };
        if local.name != member.name {
            let quoted = format!("`{}`", local.name);
            differ("have another name in their local header", "name", &format!("`{}`", member.name), &quoted);
        }
        if local.method != member.method {
            let kind = "have another compression method in their local header";
            differ(kind, "compression method", &member.method, &local.method);
        }
        if (local.flags ^ member.flags) & !EFFORT != 0 {
            let hex = |flags: u16| format!("{flags:#06x}");
            let kind = "have other flags in their local header";
            differ(kind, "flags", &hex(member.flags), &hex(local.flags));
        }
        if !sizes_follow && local.packed != member.packed {
            let kind = "have another packed size in their local header";
            differ(kind, "packed size", &member.packed, &local.packed);
        }
        if !sizes_follow && local.unpacked != member.unpacked {
            let kind = "have another unpacked size in their local header";
            differ(kind, "unpacked size", &member.unpacked, &local.unpacked);
        }
        let follows = local.flags & SIZES_FOLLOW != 0 && local.checksum == 0;
        if !follows && local.checksum != member.checksum {
            let kind = "have another checksum in their local header";
            let hex = |sum: u32| format!("{sum:#010x}");
            differ(kind, "checksum", &hex(member.checksum), &hex(local.checksum));
        }
    }

    /// Counts a member and its name against the limits before it is kept.
    pub(super) fn admit(&mut self, member: &Member) -> Result<(), Unread> {
        self.input.go_on()?;
        let limits = self.input.limits();
        if offset(self.members.len()) >= limits.entries {
            return Err(Unread::Limit(LimitKind::Entries, limits.entries));
        }
        self.names = self.names.saturating_add(offset(member.name.len()));
        if self.names > limits.text_bytes {
            return Err(Unread::Limit(LimitKind::TextBytes, limits.text_bytes));
        }
        Ok(())
    }

    /// Overlapping members are how a small archive unpacks to a huge one without any large member.
    fn find_overlaps(&mut self, sink: &mut Sink) {
        let mut reached = 0u64;
        for (start, end) in &self.explained {
            if *start < reached {
                self.faults.tell(sink, "overlap what stands before them", *start, || {
                    format!(
                        "what begins at {start} lies inside what stands before it, which ends at {reached}"
                    )
                });
            }
            reached = reached.max(*end);
        }
    }
}
