//! Scripts that say in a comment what they need: the blocks `# /// script` of PEP 723.
//!
//! Tools run such a script by itself, in an environment made for it: what the project around it has installed or locked
//! is nothing to it. Source: PEP 723 (*Specification*), whose regular expression says what a block is: a first line
//! `# /// script`, lines of comment behind it, and the last `# ///` among them.

use weighbridge_core::sink::Sink;

use super::document::Document;
use super::notes::Notes;
use super::pyproject::Manifest;
use super::pyproject_tools;
use super::text::line_span;
use weighbridge_core::fact::Role;

/// Longest block, in bytes. The largest real ones have a few hundred lines.
const MOST_BLOCK: usize = 1 << 20;

/// Reads the block of a script, if it has one.
pub(crate) fn block(text: &str, sink: &mut Sink) {
    // Nearly all files have none.
    if !text.contains("# /// script") {
        return;
    }
    let mut notes = Notes::manifest(sink);
    let mut blocks = Blocks::new(text);
    let Some(first) = blocks.next() else { return };
    if let Some(second) = blocks.next() {
        // PEP 723: tools must take this for an error; so none of them runs the script.
        notes.lost("a second `script` block", line_span(second.line));
    }
    let Some(content) = first.content else {
        notes.lost("a `script` block that is not closed", line_span(first.line));
        return;
    };
    if content.len() > MOST_BLOCK {
        notes.lost("longer than any `script` block", line_span(first.line));
        return;
    }
    // Empty lines in front give every value the line that it has in the file.
    let mut document = "\n".repeat(first.line);
    document.push_str(&content);
    let document = Document::new(document.into_bytes(), &mut notes);
    let piece = match document.whole(&mut notes) {
        Ok(piece) => piece,
        Err(reason) => {
            notes.sink.unread(reason, line_span(first.line));
            return;
        }
    };
    let mut manifest = Manifest::default();
    manifest.script(&piece, line_span(first.line), &mut notes);
    manifest.strings(&piece.table, "dependencies", &Role::Runtime, &piece, &mut notes);
    pyproject_tools::read(&mut manifest, &piece, &mut notes);
    manifest.tell(&mut notes);
}

/// A block of type `script`.
struct Block {
    /// The line on which it begins, from 1.
    line: usize,
    /// What stands in it, without the comment signs; none where it is not closed.
    content: Option<String>,
}

/// The blocks of type `script` in a text.
struct Blocks<'text> {
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'text>>>,
}

impl<'text> Blocks<'text> {
    fn new(text: &'text str) -> Self {
        Self { lines: text.lines().enumerate().peekable() }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        loop {
            let (at, line) = self.lines.next()?;
            // Where a block of another type stands right above, tools differ in whether they see this one.
            if line != "# /// script" {
                continue;
            }
            let mut content = String::new();
            let mut closed = None;
            while let Some((_, line)) = self.lines.next_if(|(_, line)| *line == "#" || line.starts_with("# "))
            {
                if line == "# ///" {
                    closed = Some(content.len());
                }
                content.push_str(line.strip_prefix("# ").unwrap_or_default());
                content.push('\n');
            }
            let content = closed.map(|end| {
                content.truncate(end);
                content
            });
            return Some(Block { line: at.saturating_add(1), content });
        }
    }
}
