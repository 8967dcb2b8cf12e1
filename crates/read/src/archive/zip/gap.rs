//! The bytes that no member of the central directory explains: some loaders see members there.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Sink};

use super::archive::Archive;
use super::{Data, Found, Member, SIZES_FOLLOW, View, header};
use crate::bytes::{length, offset};
use crate::model::executable;

/// Bytes searched at a time.
const WINDOW: u64 = 64 << 10;
/// How many unexplained parts are handed out to be read as whatever they are.
const MOST_CHILDREN: usize = 64;
/// The highest compression method that APPNOTE 4.4.5 names.
const HIGHEST_METHOD: u16 = 99;

impl Archive<'_> {
    /// Looks for members between, before and after those that the directory names.
    pub(super) fn look_into_gaps(&mut self, sink: &mut Sink) -> Result<(), Unread> {
        let size = self.input.size();
        let mut gaps = Vec::new();
        let mut reached = 0u64;
        for (start, end) in self.explained.iter().map(|(start, end)| (*start, *end)).chain([(size, size)]) {
            if start > reached {
                gaps.push((reached, start));
            }
            reached = reached.max(end);
        }
        let mut left = Vec::new();
        for (from, to) in gaps {
            self.walk(from, to, &mut left, sink)?;
        }
        // Without a member and a directory it is no archive at all.
        if !self.is_empty() {
            for (number, (from, to)) in left.into_iter().enumerate() {
                self.unexplained(from, to, number < MOST_CHILDREN, sink);
            }
        }
        Ok(())
    }

    /// Walks local headers in a gap; what they do not explain either is `left`.
    fn walk(
        &mut self,
        from: u64,
        to: u64,
        left: &mut Vec<(u64, u64)>,
        sink: &mut Sink,
    ) -> Result<(), Unread> {
        let mut explained = from;
        let mut search = from;
        while let Some(at) = find(self.input, search, to, &[b"PK\x03\x04"])? {
            let Some((member, data)) = header::local(self.input, at)?.filter(|found| plausible(found, to))
            else {
                search = at.saturating_add(1);
                continue;
            };
            self.admit(&member)?;
            if at > explained {
                left.push((explained, at));
            }
            let (member, data) = self.settle(member, data, to)?;
            let end = data.offset.saturating_add(data.size);
            let streamed = member.flags & SIZES_FOLLOW != 0;
            let descriptor = if streamed { header::descriptor(self.input, end, &member)? } else { 0 };
            if self.directory {
                self.faults.tell(sink, "are not in the central directory", at, || {
                    format!("`{}` has a local header and is not in the central directory", member.name)
                });
            } else if self.members.is_empty() {
                let text = "the central directory is missing: members are read from their local headers";
                sink.malformed(text, Some(Span::Offset(self.input.size())));
            }
            self.members.push(Found { member, data, view: View::Hidden });
            explained = end.saturating_add(descriptor).min(to);
            search = explained.max(at.saturating_add(4));
        }
        if explained < to {
            left.push((explained, to));
        }
        Ok(())
    }

    /// Finds out where the data of a member end when its header does not say.
    fn settle(&self, mut member: Member, mut data: Data, to: u64) -> Result<(Member, Data), Unread> {
        if member.flags & SIZES_FOLLOW != 0 && (member.packed == 0 || member.packed == u64::from(u32::MAX)) {
            let next = [b"PK\x07\x08", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"];
            let end = find(self.input, data.offset, to, &next)?.unwrap_or(to);
            member.packed = end.saturating_sub(data.offset);
            if member.method == 0 {
                member.unpacked = member.packed;
            }
        }
        // Its data cannot reach into what is explained otherwise.
        member.packed = member.packed.min(to.saturating_sub(data.offset));
        data.size = member.packed;
        Ok((member, data))
    }

    fn unexplained(&self, from: u64, to: u64, hand_out: bool, sink: &mut Sink) {
        // A comment may claim to end behind the file.
        let (from, to) = (from.min(self.input.size()), to.min(self.input.size()));
        let count = to.saturating_sub(from);
        if count == 0 {
            return;
        }
        let where_ = if from == 0 {
            "before the first member"
        } else if from >= self.after && self.directory {
            "after the archive"
        } else {
            "between the members and belong to none"
        };
        // The reader of programs has told what stands before an archive that it hands out.
        let program =
            from == 0 && sink.place().inner.last().is_some_and(|step| &**step == executable::ARCHIVE);
        if (hand_out || from == 0) && !program {
            sink.malformed(format!("{count} bytes stand {where_}"), Some(Span::Offset(from)));
        }
        // What stands at the very beginning was seen by every reader when they were asked for the file.
        if hand_out && from > 0 && count > 1 {
            let body = Body::Slice { offset: from, size: count };
            sink.child(Child { step: format!("#bytes at {from}").into(), body, reader: None });
        }
    }
}

/// A signature may occur by chance: a header must also make sense.
fn plausible((member, data): &(Member, Data), to: u64) -> bool {
    !member.name.is_empty()
        && !member.name.contains(char::is_control)
        && member.method <= HIGHEST_METHOD
        && data.offset <= to
}

/// Where the first of these signatures stands from `from` on and before `to`.
fn find(input: &Input, from: u64, to: u64, signatures: &[&[u8; 4]]) -> Result<Option<u64>, Unread> {
    let mut window = vec![0; length(WINDOW.min(to.saturating_sub(from)))];
    let mut at = from;
    while at < to {
        let filled = input.read_some(at, &mut window)?;
        let bytes = window.get(..filled).unwrap_or_default();
        let position = bytes.windows(4).position(|four| {
            four.first() == Some(&b'P') && signatures.iter().any(|signature| four == signature.as_slice())
        });
        if let Some(position) = position {
            return Ok(at.checked_add(offset(position)).filter(|found| *found < to));
        }
        // A signature may straddle two windows.
        let step = offset(filled).saturating_sub(3);
        if step == 0 {
            return Ok(None);
        }
        at = at.saturating_add(step);
    }
    Ok(None)
}
