//! What a binary says, as bytes: reading it again costs a pass over all its texts, and the bytes have not changed.
//!
//! Numbers are little-endian, texts have their size before them. What does not fit is not kept.

use std::sync::LazyLock;

use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Binary, Fact, Library, Sign, What};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::Keeper;

use super::table;

/// Keeps the facts of [`Native`](super::Native).
pub(super) struct Kept;

/// To be raised when the same bytes are read otherwise though the table of signatures is the same.
const FORM: &str = "native 1";
const FORMATS: [&str; 3] = ["elf", "pe", "mach-o"];
const SIGNS: [Sign; 4] = [Sign::Text, Sign::Resource, Sign::FileName, Sign::Symbol];

impl Keeper for Kept {
    fn version(&self) -> Digest {
        static VERSION: LazyLock<Digest> =
            LazyLock::new(|| Digest::of(format!("{FORM}\n{}", table::ROWS).as_bytes()));
        *VERSION
    }

    fn write(&self, facts: &[Fact]) -> Option<Vec<u8>> {
        let mut out = Out(Vec::new());
        for fact in facts {
            match (&fact.evidence.span, &fact.what) {
                (None, What::Format(format)) => {
                    out.byte(b'F');
                    out.byte(place(FORMATS.iter().position(|known| known == format)?)?);
                }
                (None, What::Binary(binary)) => {
                    out.byte(b'B');
                    let Binary { machine, name, needs, search, build_id, version, module, debug } = &**binary;
                    out.text(machine)?;
                    out.texts(needs)?;
                    out.texts(search)?;
                    for text in [name, build_id, version, module, debug] {
                        out.maybe(text.as_deref())?;
                    }
                }
                (span @ (None | Some(Span::Offset(_))), What::Library(library)) => {
                    out.byte(b'L');
                    let Library { name, version, sign, shown } = library;
                    out.text(name.as_str())?;
                    out.maybe(version.as_deref())?;
                    out.byte(place(SIGNS.iter().position(|known| known == sign)?)?);
                    out.text(shown)?;
                    match span {
                        Some(Span::Offset(at)) => {
                            out.byte(1);
                            out.0.extend(at.to_le_bytes());
                        }
                        _ => out.byte(0),
                    }
                }
                _ => return None,
            }
        }
        Some(out.0)
    }

    fn read(&self, bytes: &[u8]) -> Option<Vec<(What, Option<Span>)>> {
        let mut from = From(bytes);
        let mut facts = Vec::new();
        while !from.0.is_empty() {
            facts.push(match from.byte()? {
                b'F' => (What::Format(FORMATS.get(usize::from(from.byte()?))?), None),
                b'B' => {
                    let (machine, needs, search) = (from.text()?, from.texts()?, from.texts()?);
                    let (name, build_id, version) = (from.maybe()?, from.maybe()?, from.maybe()?);
                    let (module, debug) = (from.maybe()?, from.maybe()?);
                    let binary = Binary { machine, name, needs, search, build_id, version, module, debug };
                    (What::Binary(Box::new(binary)), None)
                }
                b'L' => {
                    let name = PackageName::of(Ecosystem::Native, &from.text()?).ok()?;
                    let version = from.maybe()?;
                    let sign = *SIGNS.get(usize::from(from.byte()?))?;
                    let shown = from.text()?;
                    let span = match from.byte()? {
                        0 => None,
                        1 => Some(Span::Offset(u64::from_le_bytes(*from.take(8)?.first_chunk()?))),
                        _ => return None,
                    };
                    (What::Library(Library { name, version, sign, shown }), span)
                }
                _ => return None,
            });
        }
        Some(facts)
    }
}

fn place(at: usize) -> Option<u8> {
    u8::try_from(at).ok()
}

struct Out(Vec<u8>);

impl Out {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.0.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
        self.0.extend(text.as_bytes());
        Some(())
    }

    fn texts(&mut self, texts: &[String]) -> Option<()> {
        self.0.extend(u16::try_from(texts.len()).ok()?.to_le_bytes());
        texts.iter().try_for_each(|text| self.text(text))
    }

    fn maybe(&mut self, text: Option<&str>) -> Option<()> {
        self.byte(u8::from(text.is_some()));
        text.map_or(Some(()), |text| self.text(text))
    }
}

struct From<'a>(&'a [u8]);

impl<'a> From<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes(*self.take(2)?.first_chunk()?)))
    }

    fn text(&mut self) -> Option<String> {
        let size = self.number()?;
        String::from_utf8(self.take(size)?.to_vec()).ok()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }

    fn maybe(&mut self) -> Option<Option<String>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::place::{Class, Evidence, Place};

    use super::*;

    fn sample() -> Vec<Fact> {
        let text = |text: &str| Some(text.to_owned());
        let binary = Binary {
            machine: "x86-64".into(),
            name: text("libz.so.1"),
            needs: vec!["libc.so.6".into(), "libm.so.6".into()],
            search: vec!["$ORIGIN".into()],
            build_id: text("00ff"),
            version: None,
            module: None,
            debug: text("libz.so.1.debug"),
        };
        let library = |version: Option<&str>, sign| Library {
            name: PackageName::of(Ecosystem::Native, "zlib").unwrap(),
            version: version.map(str::to_owned),
            sign,
            shown: "deflate 1.3 ä".into(),
        };
        let all = [
            (What::Format("elf"), None),
            (What::Library(library(Some("1.3"), Sign::Text)), Some(Span::Offset(70_000))),
            (What::Library(library(None, Sign::FileName)), None),
            (What::Binary(Box::new(binary)), None),
        ];
        let evidence = |span| Evidence {
            place: Place::file("libz.so.1"),
            span,
            reader: "native",
            class: Class::Observed,
        };
        all.map(|(what, span)| Fact { what, evidence: evidence(span) }).into()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let facts = sample();
        let bytes = Kept.write(&facts).unwrap();
        let again = Kept.read(&bytes).unwrap();
        let told: Vec<_> = facts.iter().map(|fact| (fact.what.clone(), fact.evidence.span.clone())).collect();
        assert_eq!(again, told);
        assert_eq!(Kept.read(&[]), Some(Vec::new()));
    }

    #[test]
    fn what_is_broken_is_neither_kept_nor_believed() {
        let mut facts = sample();
        let bytes = Kept.write(&facts).unwrap();
        // Between two facts the bytes before are whole.
        let whole = (0..bytes.len()).filter(|cut| Kept.read(&bytes[..*cut]).is_some()).count();
        assert_eq!(whole, facts.len());
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0xff;
            // It may say something else, but it ends.
            let _ = Kept.read(&bent);
        }
        facts[0].what = What::Malformed("x".into());
        assert_eq!(Kept.write(&facts), None);
        let mut long = sample();
        if let What::Library(library) = &mut long[1].what {
            library.shown = "x".repeat(70_000);
        }
        assert_eq!(Kept.write(&long), None);
    }
}
