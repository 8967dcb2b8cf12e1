//! `*.pth`: lines that the interpreter obeys at every start.
//!
//! The `site` module (Python Standard Library, *site*) reads each `*.pth` of a folder of installed packages: a line that
//! begins with `import` and a space or tab is executed, any other line is a folder for the module search path. Versions
//! of Python cut lines at different characters and decode differently; this reader reports what *any* of them obeys:
//! lines are cut wherever one version cuts, a byte-order mark is passed over, and bytes that are not UTF-8 do not hide
//! the lines around them.
//!
//! PyTorch checkpoints bear the same extension; they are zip archives or pickles, told apart by their first bytes.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{decode, line_span, printable, python_lines};
use super::{is_installed, parent_of};

/// How much of a line goes into a fact, in characters. Real start-up lines have a few hundred.
const MOST_CODE: usize = 4096;

/// Reads path configuration files.
pub struct PthReader;

impl Reader for PthReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pth",
            title: "path configuration file",
            family: Family::Package,
            names: &["*.pth"],
            reads: "lines that run at every start of the interpreter, and folders added to the module search path",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // `site` compares the extension as it is written.
        if !hint.name().ends_with(".pth") {
            return Claim::No;
        }
        let obeyed =
            is_installed(hint) || parent_of(hint.path).ends_with(".data") || !hint.path.contains('/');
        // A file that is text for `site` and a model for others must be read as both; one that is nothing but text is
        // no checkpoint with a broken head.
        if (obeyed && begins_a_line_with_import(hint.head)) || (is_installed(hint) && is_text(hint.head)) {
            return Claim::ByMagic;
        }
        let pointer = hint.head.starts_with(b"version https://git-lfs");
        if is_text(hint.head) && (obeyed || !pointer) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::metadata(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        for (number, line) in python_lines(&decoded.text) {
            if notes.sink.is_full() {
                break;
            }
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let shown = printable(line.trim_end(), MOST_CODE);
            if line.starts_with("import ") || line.starts_with("import\t") {
                notes.sink.observed(What::StartUpCode(shown), line_span(number));
            } else {
                notes.sink.observed(What::SearchPath(shown), line_span(number));
            }
        }
        Ok(())
    }
}

fn begins_a_line_with_import(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.split(|byte| matches!(byte, b'\n' | b'\r' | 0x0b | 0x0c | 0x1c..=0x1e))
        .any(|line| line.starts_with(b"import ") || line.starts_with(b"import\t"))
}

/// Whether the first bytes look like text: no zip, no pickle of protocol 2 or higher, no zero bytes unless a byte-order
/// mark explains them.
fn is_text(head: &[u8]) -> bool {
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    !head.starts_with(b"PK\x03\x04") && !head.starts_with(b"\x80") && (wide || !head.contains(&0))
}
