//! Tables of messages.

use super::{FIXED32, FIXED64, LENGTH, VARINT};

/// A kind of message: its fields, sorted by number.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its name in the format.
    pub(crate) name: &'static str,
    /// Its fields; at most 64.
    pub(crate) fields: &'static [Spec],
    /// Numbers of further fields, sorted, that hold messages into which nobody looks.
    pub(crate) more: &'static [u64],
}

/// What stands for every further field; its place is behind those that are numbered.
static FURTHER: Spec = Spec { number: 0, name: "", kind: Kind::Opaque, many: true };

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// It may stand in a message several times.
    pub(super) many: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A number of variable length; several may be packed.
    Varint,
    /// Four bytes; several may be packed.
    Fixed32,
    /// Eight bytes; several may be packed.
    Fixed64,
    /// UTF-8.
    Text,
    /// Any bytes.
    Bytes,
    /// A message into which nobody looks, because nothing is done with it when the model is loaded.
    Opaque,
    /// A message.
    Sub(&'static Message),
}

/// A field that stands at most once.
pub(crate) const fn one(number: u64, name: &'static str, kind: Kind) -> Spec {
    Spec { number, name, kind, many: false }
}

/// A field that may stand several times.
pub(crate) const fn many(number: u64, name: &'static str, kind: Kind) -> Spec {
    Spec { number, name, kind, many: true }
}

impl Message {
    /// The field of this number, and its place in the table.
    pub(super) fn field(&self, number: u64) -> Option<(usize, &'static Spec)> {
        let fields = self.fields;
        match fields.binary_search_by_key(&number, |spec| spec.number) {
            Ok(place) => Some((place, fields.get(place)?)),
            Err(_) => self.more.binary_search(&number).ok().map(|_| (fields.len(), &FURTHER)),
        }
    }
}

impl Spec {
    /// Whether the field can have this wire type.
    pub(super) fn allows(&self, wire: u64) -> bool {
        match self.kind {
            Kind::Varint => wire == VARINT || (wire == LENGTH && self.many),
            Kind::Fixed32 => wire == FIXED32 || (wire == LENGTH && self.many),
            Kind::Fixed64 => wire == FIXED64 || (wire == LENGTH && self.many),
            Kind::Text | Kind::Bytes | Kind::Opaque | Kind::Sub(_) => wire == LENGTH,
        }
    }
}
