//! Data of R: `saveRDS` (`.rds`), `save` (`.rda`, `.RData`), serialization versions 2 and 3.
//!
//! Reading such data calls nothing by itself. But it may hold closures, which are code by value, and promises, which R
//! evaluates when somebody first looks at the object (CVE-2024-27322). Language that is only kept, such as the call and
//! the formula of a fitted model, is data.
//!
//! Source: "R Internals", section 1.8, and `src/main/serialize.c` and `saveload.c` of R 4.4.

mod walk;
mod words;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use words::{Encoding, Words};

/// Reads data of R.
pub struct RData;

/// Bytes of the window through which a file is read.
const WINDOW: usize = 64 << 10;
/// The longest name of an encoding (`R_CODESET_MAX` is 63).
const LONGEST_ENCODING: i32 = 63;

/// Beginnings of files that `save` writes: bytes, whether they can be read, and what follows.
const WORKSPACES: [(&[u8], Option<&[u8]>); 9] = [
    (b"RDA1\n", None),
    (b"RDA2\n", Some(b"A\n")),
    (b"RDA3\n", Some(b"A\n")),
    (b"RDB1\n", None),
    (b"RDB2\n", Some(b"B\n")),
    (b"RDB3\n", Some(b"B\n")),
    (b"RDX1\n", None),
    (b"RDX2\n", Some(b"X\n")),
    (b"RDX3\n", Some(b"X\n")),
];

impl Reader for RData {
    fn about(&self) -> &'static About {
        &About {
            id: "r-data",
            title: "Data of R",
            family: Family::Model,
            names: &["*.rds", "*.rda", "*.RData"],
            reads: "Every object, of versions 2 and 3, binary or text: closures, bytecode and promises; namespaces and \
                    classes of packages that reading it loads.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let workspace = WORKSPACES.iter().any(|(magic, _)| hint.head.starts_with(magic));
        if workspace || is_serialized(hint.head) {
            Claim::ByMagic
        } else if hint.size > 0 && ["rds", "rda", "rdata"].iter().any(|ending| hint.has_extension(ending)) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 7];
        let filled = input.read_some(0, &mut head)?;
        let head = head.get(..filled).unwrap_or_default();
        let workspace = WORKSPACES.iter().find(|(magic, _)| head.starts_with(magic));
        let (start, stream) = match workspace {
            Some((_, None)) => {
                sink.observed(What::Format("r-data"), None);
                return Err(Unread::Unsupported("version 1 of R's workspaces".to_owned()));
            }
            Some((magic, Some(stream))) => {
                if !head.get(magic.len()..).unwrap_or_default().starts_with(stream) {
                    return Err(Unread::Malformed(
                        "the encoding differs from that of the first line".to_owned(),
                    ));
                }
                (5, *stream)
            }
            None => (0, head.get(..2).unwrap_or_default()),
        };
        let encoding = match stream {
            b"X\n" => Encoding::Xdr,
            b"B\n" => Encoding::Native,
            b"A\n" => Encoding::Ascii,
            _ => return Err(Unread::Malformed("no data of R: the first bytes are other ones".to_owned())),
        };
        sink.observed(What::Format("r-data"), None);
        let cursor = input.cursor(u64::from(2u8).saturating_add(start), WINDOW);
        let mut words = Words::new(cursor, encoding);
        header(&mut words)?;
        walk::walk(input, &mut words, workspace.is_some(), sink)?;
        words.finish()?;
        let end = words.offset();
        if words.remaining() > 0 {
            let left = words.remaining();
            sink.malformed(format!("{left} bytes stand after the object"), Some(Span::Offset(end)));
            let body = Body::Slice { offset: end, size: left };
            sink.child(Child { step: format!("#bytes at {end}").into(), body, reader: None });
        }
        Ok(())
    }
}

/// Version of the format, version of R that wrote it, oldest version of R that can read it, and since version 3 the
/// encoding of the texts.
fn header(words: &mut Words<'_>) -> Result<(), Unread> {
    let version = words.int()?;
    words.int()?;
    words.int()?;
    match version {
        2 => Ok(()),
        3 => {
            let size = words.int()?;
            match u64::try_from(size) {
                Ok(count) if size <= LONGEST_ENCODING => words.text(count).map(|_| ()),
                _ => Err(Unread::Malformed(format!("the name of the encoding claims {size} bytes"))),
            }
        }
        other => Err(Unread::Unsupported(format!("version {other} of R's serialization"))),
    }
}

/// Whether something begins like a serialized object: encoding, version 2 or 3, a version of R.
fn is_serialized(head: &[u8]) -> bool {
    match head {
        [b'X', b'\n', 0, 0, 0, 2 | 3, 0, 1..=9, _, _, 0, 1..=9, ..] => true,
        [b'B', b'\n', 2 | 3, 0, 0, 0, _, _, 1..=9, 0, _, _, 1..=9, 0, ..] => true,
        [b'A', b'\n', b'2' | b'3', b'\n', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (5..=6).contains(&digits) && rest.get(digits) == Some(&b'\n')
        }
        _ => false,
    }
}
