//! `bytecode.pkl`: the code of a TorchScript model for the interpreter of mobile devices.
//!
//! It is a pickle of tuples that holds instructions and the names of the operators that they call. The reader of pickles
//! sees what loading it as one would do; here stand the operators: every text of the form `namespace::name`.
//!
//! Source: `torch/csrc/jit/serialization/export_bytecode.cpp`, `torch/csrc/jit/mobile/import.cpp`.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::Operators;
use crate::bytes::{offset, u32_at};

/// Reads the operators of `bytecode.pkl`.
pub struct TorchScriptMobile;

impl Reader for TorchScriptMobile {
    fn about(&self) -> &'static About {
        &About {
            id: "torchscript-mobile",
            title: "TorchScript bytecode",
            family: Family::Model,
            names: &["bytecode.pkl of a TorchScript archive"],
            reads: "every operator that it names",
        }
    }

    /// Only the reader of the archive knows where such code lies.
    fn claims(&self, _: &Hint<'_>) -> Claim {
        Claim::No
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("torchscript-code"), None);
        let bytes = input.read_text()?;
        let mut found = Operators::default();
        let mut from = 0usize;
        while let Some(at) = bytes.get(from..).and_then(|rest| rest.windows(2).position(|pair| pair == b"::"))
        {
            let colons = from.saturating_add(at);
            if let Some((start, domain, name)) = operator(&bytes, colons) {
                found.add(domain, name, offset(start));
            }
            from = colons.saturating_add(2);
        }
        found.finish(sink, "bytecode");
        Ok(())
    }
}

/// The operator whose name has its colons here: the whole of a text that an opcode pushes.
fn operator(bytes: &[u8], colons: usize) -> Option<(usize, &str, &str)> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let before = bytes.get(..colons)?.iter().rev().take(256).take_while(is_part).count();
    let after = bytes.get(colons.checked_add(2)?..)?.iter().take(256).take_while(is_part).count();
    let (least, most) = (colons.checked_add(3)?, colons.checked_add(2)?.checked_add(after)?);
    let first = colons.checked_sub(before)?;
    // The length that stands before the text, and the opcode behind it, may look like a part of it.
    let (start, end) = (first..colons).find_map(|start| {
        let short = start.checked_sub(2).filter(|at| bytes.get(*at) == Some(&0x8c));
        let short = short.and_then(|at| bytes.get(at.checked_add(1)?).copied().map(u32::from));
        let long = start.checked_sub(5).filter(|at| bytes.get(*at) == Some(&b'X'));
        let long = long.and_then(|at| u32_at(bytes, at.checked_add(1)?));
        [short, long].into_iter().flatten().find_map(|size| {
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            (least..=most).contains(&end).then_some((start, end))
        })
    })?;
    let text = std::str::from_utf8(bytes.get(start..end)?).ok()?;
    let (domain, name) = text.split_once("::")?;
    Some((start, domain, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_are_operators() {
        let check = |bytes: &[u8], expected: Option<(&str, &str)>| {
            let colons = bytes.windows(2).position(|pair| pair == b"::").unwrap();
            let found = operator(bytes, colons).map(|(_, domain, name)| (domain, name));
            assert_eq!(found, expected, "{}", bytes.escape_ascii());
        };
        check(b"(X\x0a\0\0\0aten::saveq\x01", Some(("aten", "save")));
        check(b"\x8c\x0aaten::save\x94", Some(("aten", "save")));
        check(
            &[b"\x8c\x30".as_slice(), &[b'a'; 40], b"::save12"].concat(),
            Some((&"a".repeat(40), "save12")),
        );
        check(b"X\x10\0\0\0see aten::save (", None);
        check(b"aten::save", None);
        check(b"::", None);
    }
}
