//! JSON whose fields stay in the order in which they are written, whatever features a build turns on in `serde_json`.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::text::is_invisible;

/// A JSON value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Tree {
    /// Not there: a field with it is left out.
    Nothing,
    Bool(bool),
    Number(u64),
    /// A decimal, in tenths.
    Tenths(u8),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

/// An object; fields that are [`Tree::Nothing`] are left out.
macro_rules! object {
    ($($key:literal: $value:expr),* $(,)?) => {
        $crate::tree::Tree::fields([$(($key, $crate::tree::Tree::from($value))),*])
    };
}
pub(crate) use object;

impl Tree {
    pub(crate) fn fields<const N: usize>(fields: [(&'static str, Self); N]) -> Self {
        Self::Object(fields.into_iter().filter(|(_, value)| *value != Self::Nothing).collect())
    }

    /// Gives a field of an object another value.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Self>) {
        if let Self::Object(fields) = self
            && let Some((_, old)) = fields.iter_mut().find(|(name, _)| *name == key)
        {
            *old = value.into();
        }
    }

    /// A list, or nothing if it is empty.
    pub(crate) fn some(items: Vec<Self>) -> Self {
        if items.is_empty() { Self::Nothing } else { Self::List(items) }
    }

    pub(crate) fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<Self> {
        items.into_iter().map(|item| Self::Text(item.to_string())).collect()
    }

    /// Writes the value over several lines, with a final newline.
    pub(crate) fn write(&self, output: &mut dyn io::Write) -> io::Result<()> {
        write_json(self, output)
    }
}

/// Writes a value as JSON over several lines, with a final newline.
///
/// JSON must escape only the control characters below U+0020. Those above, bidirectional overrides and invisible
/// characters are escaped too: nothing is lost by it, and whoever looks at the file in a terminal sees them.
///
/// # Errors
/// Those of the output.
pub fn write_json<T: Serialize>(value: &T, output: &mut dyn io::Write) -> io::Result<()> {
    let formatter = Visible(PrettyFormatter::new());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut *output, formatter))?;
    output.write_all(b"\n")
}

/// The usual layout, with texts as [`write_json`] says.
struct Visible(PrettyFormatter<'static>);

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nothing in ASCII but its control characters is invisible.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut start = 0;
        for (at, character) in fragment.char_indices() {
            if character.is_control() || is_invisible(character) {
                writer.write_all(fragment.get(start..at).unwrap_or_default().as_bytes())?;
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
                start = at + character.len_utf8();
            }
        }
        writer.write_all(fragment.get(start..).unwrap_or_default().as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_u64(*value),
            Self::Tenths(value) => serializer.serialize_f64(f64::from(*value) / 10.0),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => items.serialize(serializer),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Tree {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Tree {
    fn from(value: u32) -> Self {
        Self::Number(u64::from(value))
    }
}

impl From<&str> for Tree {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Tree {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<Self>> for Tree {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl<T: Into<Self>> From<Option<T>> for Tree {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}
