//! What came of a file, as bytes: an archive is unpacked and a model walked through once, and never again while neither the
//! file nor the program has changed.
//!
//! Numbers are little-endian, lists and texts have their size before them. Only what models and archives say is written;
//! a file of which anything else is said is read each time. So is one that could not be read for a reason that lies
//! outside of its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{
    Binary, Effect, EffectKind, Fact, Global, Import, Library, Misnamed, Operator, Sign, Slice, Taken,
    Target, Tensors, Value, What,
};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, Place, Span};

/// What came of a file, without its size and digest.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Whole {
    /// What each entry says; one place may come more than once.
    pub(crate) facts: Vec<(Place, Vec<Fact>)>,
    /// Readers that read the file itself.
    pub(crate) ran: Vec<&'static str>,
    /// Entries inside that a reader read.
    pub(crate) inner: u64,
}

/// To be raised whenever the same bytes mean something else. (A change of readers changes the program.)
pub(crate) const FORM: &str = "whole 1";

/// The bytes; none where something is said that is not kept.
pub(crate) fn write(facts: &[(Place, Vec<Fact>)], ran: &[&'static str], inner: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    inner.put(&mut out)?;
    put_all(ran, &mut out)?;
    size(facts.len(), &mut out)?;
    for (place, facts) in facts {
        place.inner.put(&mut out)?;
        size(facts.len(), &mut out)?;
        for Fact { what, evidence: Evidence { place: of, span, reader, class } } in facts {
            if of != place {
                return None;
            }
            what.put(&mut out)?;
            span.put(&mut out)?;
            reader.put(&mut out)?;
            class.put(&mut out)?;
        }
    }
    Some(out)
}

/// What was written of the file at this path; none if these bytes are none that [`write`] wrote.
pub(crate) fn read(path: &Arc<str>, bytes: &[u8]) -> Option<Whole> {
    let mut from = From { rest: bytes, depth: 0 };
    let (inner, ran) = (u64::take(&mut from)?, Vec::take(&mut from)?);
    let mut facts = Vec::new();
    for _ in 0..from.size()? {
        let place = Place { path: Arc::clone(path), inner: Vec::take(&mut from)? };
        let mut said = Vec::new();
        for _ in 0..from.size()? {
            let what = What::take(&mut from)?;
            let (span, reader, class) =
                (Kept::take(&mut from)?, <&str>::take(&mut from)?, Class::take(&mut from)?);
            said.push(Fact { what, evidence: Evidence { place: place.clone(), span, reader, class } });
        }
        facts.push((place, said));
    }
    from.rest.is_empty().then_some(Whole { facts, ran, inner })
}

/// Something that is kept.
trait Kept: Sized {
    /// Writes it; none if it is not to be kept.
    fn put(&self, out: &mut Vec<u8>) -> Option<()>;
    /// Reads it again; none if that is not what lies there.
    fn take(from: &mut From<'_>) -> Option<Self>;
}

struct From<'a> {
    rest: &'a [u8],
    /// How many values are inside each other.
    depth: usize,
}

/// Most values inside each other; readers keep fewer.
const DEPTH: usize = 64;

impl<'a> From<'a> {
    fn bytes(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(taken)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(u32::take(self)?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let size = self.size()?;
        std::str::from_utf8(self.bytes(size)?).ok()
    }
}

fn size(size: usize, out: &mut Vec<u8>) -> Option<()> {
    u32::try_from(size).ok()?.put(out)
}

fn put_all<T: Kept>(all: &[T], out: &mut Vec<u8>) -> Option<()> {
    size(all.len(), out)?;
    all.iter().try_for_each(|one| one.put(out))
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Kept for $number {
            fn put(&self, out: &mut Vec<u8>) -> Option<()> {
                out.extend(self.to_le_bytes());
                Some(())
            }

            fn take(from: &mut From<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(*from.bytes(size_of::<Self>())?.first_chunk()?))
            }
        }
    )*};
}

numbers!(u8 u32 u64);

impl Kept for bool {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        u8::from(*self).put(out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    size(text.len(), out)?;
    out.extend(text.as_bytes());
    Some(())
}

impl Kept for String {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        put_text(self, out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        from.text().map(str::to_owned)
    }
}

impl Kept for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        put_text(self, out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        from.text().map(Arc::from)
    }
}

impl Kept for &'static str {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        put_text(self, out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        word(from.text()?)
    }
}

/// One of the words that readers have for formats and constructs. A program has few of them, so that each is kept for good
/// where it is met first; a memory that holds more of them, or longer ones, was not written by it.
fn word(text: &str) -> Option<&'static str> {
    const MOST: usize = 4_096;
    const LONGEST: usize = 128;
    static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(text) {
        return Some(known);
    }
    if words.len() >= MOST || text.len() > LONGEST {
        return None;
    }
    let word: &'static str = Box::leak(text.into());
    words.insert(word);
    Some(word)
}

impl Kept for PackageName {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        put_text(self.as_str(), out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        // The only names that are written are those of libraries.
        Self::of(Ecosystem::Native, from.text()?).ok()
    }
}

impl<T: Kept> Kept for Box<T> {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        (**self).put(out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        T::take(from).map(Box::new)
    }
}

impl<T: Kept> Kept for Option<T> {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        self.is_some().put(out)?;
        self.as_ref().map_or(Some(()), |it| it.put(out))
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        put_all(self, out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        // Everything takes a byte at least, so that a false size ends with the bytes.
        (0..from.size()?).map(|_| T::take(from)).collect()
    }
}

impl<K: Kept, V: Kept> Kept for (K, V) {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        self.0.put(out)?;
        self.1.put(out)
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        Some((K::take(from)?, V::take(from)?))
    }
}

impl<K: Kept + Ord, V: Kept> Kept for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) -> Option<()> {
        size(self.len(), out)?;
        self.iter().try_for_each(|(key, value)| {
            key.put(out)?;
            value.put(out)
        })
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        (0..from.size()?).map(|_| <(K, V)>::take(from)).collect()
    }
}

/// Structs by their fields, in the order in which they are written.
macro_rules! structs {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Kept for $name {
            fn put(&self, out: &mut Vec<u8>) -> Option<()> {
                let Self { $($field),* } = self;
                $($field.put(out)?;)*
                Some(())
            }

            fn take(from: &mut From<'_>) -> Option<Self> {
                $(let $field = Kept::take(from)?;)*
                Some(Self { $($field),* })
            }
        }
    )*};
}

structs! {
    Effect { kind, target, arguments, opcode, pointer, count, sampled, reached }
    Global { module, name }
    Operator { set, domain, name }
    Tensors { count, elements, bytes, types }
    Taken { key, bytes, offset }
    Slice { path, start, bytes, offset }
    Misnamed { by_name, by_content }
    Binary { machine, name, needs, search, build_id, version, module, debug }
    Library { name, version, sign, shown }
    Import { module, at }
}

/// Enums by the numbers of their variants. What has no number is not kept.
macro_rules! enums {
    ($($name:ident { $($number:literal $variant:ident $(($($part:ident),*))? $({ $($field:ident),* })?),* })*) => {$(
        impl Kept for $name {
            fn put(&self, out: &mut Vec<u8>) -> Option<()> {
                match self {
                    $(Self::$variant $(($($part),*))? $({ $($field),* })? => {
                        out.push($number);
                        $($($part.put(out)?;)*)?
                        $($($field.put(out)?;)*)?
                    })*
                    #[allow(unreachable_patterns, reason = "some are kept with all their variants")]
                    _ => return None,
                }
                Some(())
            }

            fn take(from: &mut From<'_>) -> Option<Self> {
                from.depth = from.depth.checked_add(1).filter(|depth| *depth <= DEPTH)?;
                let taken = match u8::take(from)? {
                    $($number => {
                        $($(let $part = Kept::take(from)?;)*)?
                        $($(let $field = Kept::take(from)?;)*)?
                        Self::$variant $(($($part),*))? $({ $($field),* })?
                    })*
                    _ => return None,
                };
                from.depth = from.depth.saturating_sub(1);
                Some(taken)
            }
        }
    )*};
}

enums! {
    What {
        0 Format(format), 1 Malformed(reason), 2 Unread(reason), 3 Misnamed(formats), 4 Effect(effect),
        5 Tensors(tensors), 6 Storages(storages), 7 Takes(taken), 8 Items(items), 9 Slices(slices),
        10 Defines(types), 11 Binary(binary), 12 Library(library), 13 Imports(imports)
    }
    Unread { 0 Limit(kind, limit), 1 Encrypted, 2 Unsupported(what), 3 Malformed(reason) }
    LimitKind {
        0 TextBytes, 1 UnpackedBytes, 2 ExpansionRatio, 3 Entries, 4 Depth, 5 Facts, 6 StateBytes
    }
    EffectKind {
        0 Import, 1 Call, 2 New, 3 State, 4 Append, 5 SetItem, 6 Add, 7 Extension, 8 Persistent, 9 Buffer,
        10 Operate, 11 Run, 12 Read, 13 Write, 14 Fetch, 15 Corrupt, 16 Overrun
    }
    Target {
        0 Global(global), 1 ResultOf(global), 2 Operator(operator), 3 Code { language, beginning }, 4 Path(path),
        5 Unknown(text)
    }
    Value {
        0 None, 1 Bool(it), 2 Int(it), 3 Float(it), 4 Text(it, size), 5 Bytes(it, size), 6 Tuple(it, size),
        7 List(it, size), 8 Set(it, size), 9 Dict(it, size), 10 Global(it), 11 ResultOf(it), 12 Persistent(it),
        13 Unknown
    }
    Sign { 0 Text, 1 Resource, 2 FileName, 3 Symbol }
    Span { 0 Offset(at), 1 Line(at) }
    Class { 0 Verified, 1 Observed, 2 Declared, 3 Inferred, 4 Claimed, 5 Unresolved }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::fact::PackageIndex;

    use super::*;

    fn global(name: &str) -> Global {
        Global { module: "os.ä".into(), name: name.into() }
    }

    fn samples() -> Vec<What> {
        let values = vec![
            Value::None,
            Value::Bool(true),
            Value::Int("-7".into()),
            Value::Float("0.5".into()),
            Value::Text("beginning".into(), 90),
            Value::Bytes(vec![0, 255], 2),
            Value::Tuple(vec![Value::List(vec![Value::Set(Vec::new(), 0)], 1)], 3),
            Value::Dict(vec![(Value::Int("1".into()), Value::Unknown)], 1),
            Value::Global(global("a")),
            Value::ResultOf(global("b")),
            Value::Persistent(Box::new(Value::None)),
        ];
        let operator = Operator { set: "onnx", domain: String::new(), name: "Add".into() };
        let code = Target::Code { language: "Python bytecode", beginning: "lambda".into() };
        let targets = [
            Target::Global(global("system")),
            Target::ResultOf(global("x")),
            Target::Operator(operator),
            code,
            Target::Path("/etc/passwd".into()),
            Target::Unknown("?".into()),
        ];
        let effects = targets.into_iter().map(|target| {
            let effect = Effect::new(EffectKind::Call, target, "REDUCE").at("graph.node[3]");
            What::Effect(Effect { sampled: true, reached: false, count: 9, ..effect.with(values.clone()) })
        });
        let library = Library {
            name: PackageName::of(Ecosystem::Native, "zlib").unwrap(),
            version: Some("1.3".into()),
            sign: Sign::FileName,
            shown: "deflate 1.3".into(),
        };
        let others = [
            What::Format("pickle"),
            What::Malformed("cut short".into()),
            What::Unread(Unread::Limit(LimitKind::Depth, 16)),
            What::Unread(Unread::Encrypted),
            What::Unread(Unread::Unsupported("format 9".into())),
            What::Unread(Unread::Malformed("no end".into())),
            What::Misnamed(Misnamed { by_name: vec!["npy"], by_content: vec!["zip", "pickle"] }),
            What::Tensors(Tensors { count: 1, elements: 2, bytes: 3, types: vec!["F32".into()] }),
            What::Storages([("data".into(), [("0".into(), 8)].into())].into()),
            What::Takes(vec![Taken { key: "0".into(), bytes: 8, offset: 70 }]),
            What::Items(vec![(1, 2), (3, 4)]),
            What::Slices(vec![Slice { path: "a".into(), start: 1, bytes: 2, offset: 3 }]),
            What::Defines(vec!["T".into()]),
            What::Binary(Box::new(Binary { needs: vec!["libc.so.6".into()], ..Binary::default() })),
            What::Library(library),
            What::Imports(vec![Import { module: "os".into(), at: 1 }]),
        ];
        effects.chain(others).collect()
    }

    fn said(whats: Vec<What>) -> Vec<(Place, Vec<Fact>)> {
        let place = Place::file("a.zip").step("b.pkl").step("ä");
        let fact = |what| Fact {
            what,
            evidence: Evidence {
                place: place.clone(),
                span: Some(Span::Offset(7)),
                reader: "pickle",
                class: Class::Observed,
            },
        };
        vec![(Place::file("a.zip"), Vec::new()), (place.clone(), whats.into_iter().map(fact).collect())]
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let facts = said(samples());
        let bytes = write(&facts, &["zip", "pytorch-zip"], 3).unwrap();
        let again = read(&"a.zip".into(), &bytes).unwrap();
        assert_eq!(again, Whole { facts, ran: vec!["zip", "pytorch-zip"], inner: 3 });
    }

    #[test]
    fn what_is_cut_or_bent_is_not_believed_or_ends() {
        let bytes = write(&said(samples()), &["zip"], 3).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(read(&"a.zip".into(), &bytes[..cut]), None, "{cut}");
        }
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0xff;
            let _ = read(&"a.zip".into(), &bent);
        }
        assert_eq!(read(&"a.zip".into(), &[bytes.as_slice(), &[0]].concat()), None);
        // Tuples in tuples, without an end.
        let mut deep = 0u64.to_le_bytes().to_vec();
        deep.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 1, 0]);
        deep.extend([0; 8]);
        deep.extend([1, 0, 0, 0]);
        (0..100_000).for_each(|_| deep.extend([6, 1, 0, 0, 0]));
        assert_eq!(read(&"a.zip".into(), &deep), None);
    }

    #[test]
    fn what_depends_on_more_than_the_bytes_is_not_kept() {
        for what in [
            What::Unread(Unread::Io("broken disk".into())),
            What::Unread(Unread::Permission),
            What::Unread(Unread::Panicked),
            What::Unread(Unread::Cancelled),
            What::Unread(Unread::Truncated { offset: 3 }),
            What::Requested,
            What::Index(PackageIndex::new(weighbridge_core::fact::IndexKind::Extra, "x")),
        ] {
            assert_eq!(write(&said(vec![what]), &[], 0), None);
        }
        let mut elsewhere = said(vec![What::Format("pickle")]);
        elsewhere[1].0 = Place::file("a.zip");
        assert_eq!(write(&elsewhere, &[], 0), None);
    }

    #[test]
    fn words_are_few_and_short() {
        assert_eq!(word("pickle"), Some("pickle"));
        assert_eq!(word(&"x".repeat(200)), None);
    }
}
