//! A value on the stack or in the memo, in eight bytes.
//!
//! Numbers and texts are not stored: their handle is the offset of the opcode that pushes them, and they are decoded
//! again when somebody asks. So a pickle of five million strings costs eight bytes a string.

/// A value, packed: a tag in the low six bits, and an offset, an index or a small number above them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle(u64);

/// What a [`Handle`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    None,
    Bool(bool),
    /// A small integer.
    Int(i64),
    /// An integer that the opcode at this offset pushes.
    IntAt(u64),
    /// A float that the opcode at this offset pushes.
    FloatAt(u64),
    /// A text that the opcode at this offset pushes.
    Text {
        at: u64,
        /// A judge wants to see it wherever it stands.
        telling: bool,
    },
    /// Bytes that the opcode at this offset pushes.
    Bytes(u64),
    /// A byte array that the opcode at this offset pushes.
    ByteArray(u64),
    /// The text at this offset, encoded as Latin-1.
    Encoded(u64),
    /// Containers: indices into the heap.
    Tuple(u32),
    List(u32),
    Dict(u32),
    Set(u32),
    FrozenSet(u32),
    /// A module member: index into the heap's globals.
    Global(u32),
    /// What a call returned, or an instance: index into the heap's objects.
    Object(u32),
    /// What `persistent_load` returned: index of a tuple of one, its id.
    Persistent(u32),
    /// Anything.
    Unknown,
}

const TAG_BITS: u32 = 6;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

impl Handle {
    pub(super) const NONE: Self = Self(0);
    pub(super) const FALSE: Self = Self(1);
    pub(super) const TRUE: Self = Self(2);
    pub(super) const UNKNOWN: Self = Self(19);
    /// No value: an empty slot of the memo.
    pub(super) const ABSENT: Self = Self(63);

    /// Packs a view. An integer or offset beyond 58 bits becomes unknown; files are smaller.
    pub(super) fn new(view: View) -> Self {
        let (tag, payload) = match view {
            View::None => return Self::NONE,
            View::Bool(false) => return Self::FALSE,
            View::Bool(true) => return Self::TRUE,
            View::Unknown => return Self::UNKNOWN,
            View::Int(value) => {
                let packed = value.cast_unsigned() << TAG_BITS;
                if packed.cast_signed() >> TAG_BITS != value {
                    return Self::UNKNOWN;
                }
                return Self(packed | 3);
            }
            View::IntAt(at) => (4, at),
            View::FloatAt(at) => (5, at),
            View::Text { at, telling: false } => (6, at),
            View::Text { at, telling: true } => (7, at),
            View::Bytes(at) => (8, at),
            View::ByteArray(at) => (9, at),
            View::Encoded(at) => (10, at),
            View::Tuple(index) => (11, u64::from(index)),
            View::List(index) => (12, u64::from(index)),
            View::Dict(index) => (13, u64::from(index)),
            View::Set(index) => (14, u64::from(index)),
            View::FrozenSet(index) => (15, u64::from(index)),
            View::Global(index) => (16, u64::from(index)),
            View::Object(index) => (17, u64::from(index)),
            View::Persistent(index) => (18, u64::from(index)),
        };
        if payload >> (64 - TAG_BITS) != 0 { Self::UNKNOWN } else { Self((payload << TAG_BITS) | tag) }
    }

    /// What it says.
    pub(super) fn view(self) -> View {
        let payload = self.0 >> TAG_BITS;
        let index = || u32::try_from(payload).unwrap_or(u32::MAX);
        match self.0 & TAG_MASK {
            0 => View::None,
            1 => View::Bool(false),
            2 => View::Bool(true),
            3 => View::Int(self.0.cast_signed() >> TAG_BITS),
            4 => View::IntAt(payload),
            5 => View::FloatAt(payload),
            6 => View::Text { at: payload, telling: false },
            7 => View::Text { at: payload, telling: true },
            8 => View::Bytes(payload),
            9 => View::ByteArray(payload),
            10 => View::Encoded(payload),
            11 => View::Tuple(index()),
            12 => View::List(index()),
            13 => View::Dict(index()),
            14 => View::Set(index()),
            15 => View::FrozenSet(index()),
            16 => View::Global(index()),
            17 => View::Object(index()),
            18 => View::Persistent(index()),
            _ => View::Unknown,
        }
    }

    /// How many low bits hold the tag.
    pub(super) const TAG_BITS: u32 = TAG_BITS;

    /// The tag, and what stands above it.
    pub(super) fn parts(self) -> (u8, u64) {
        (u8::try_from(self.0 & TAG_MASK).unwrap_or(0), self.0 >> TAG_BITS)
    }

    /// The handle of these parts.
    pub(super) fn from_parts(tag: u8, payload: u64) -> Self {
        Self((payload << TAG_BITS) | (u64::from(tag) & TAG_MASK))
    }

    /// Whether a judge wants to see it wherever it stands: code, a special name, or something unknown.
    pub(super) fn is_telling(self) -> bool {
        matches!(self.view(), View::Global(_) | View::Unknown | View::Text { telling: true, .. })
    }

    /// Whether only running the stream could tell its type.
    pub(super) fn is_open(self) -> bool {
        matches!(self.view(), View::Global(_) | View::Object(_) | View::Persistent(_) | View::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_was_packed() {
        for view in [
            View::None,
            View::Bool(true),
            View::Bool(false),
            View::Int(-1),
            View::Int(i64::from(i32::MIN)),
            View::IntAt(7),
            View::Text { at: (1 << 57) + 3, telling: true },
            View::Encoded(9),
            View::Tuple(u32::MAX),
            View::Persistent(0),
            View::Unknown,
        ] {
            assert_eq!(Handle::new(view).view(), view);
        }
        assert_eq!(Handle::new(View::Int(i64::MAX)).view(), View::Unknown);
        assert_eq!(Handle::new(View::Bytes(u64::MAX)).view(), View::Unknown);
        assert_eq!(Handle::ABSENT.view(), View::Unknown);
    }
}
