//! TOML: documents in pieces, values with their lines, and complaints instead of failures.
//!
//! Lock files are long lists of `[[package]]` tables. Cutting them before each such header gives pieces that are TOML
//! documents by themselves: memory stays small, and a broken table costs only itself. Where a piece does not parse, the
//! cut may have gone through a text of several lines; then it is joined with the pieces behind it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::line_span;

/// Longest piece that is parsed at once, in bytes: the parser takes up to eighty times as much for hostile text.
const MOST_PIECE: usize = 4 << 20;

/// Longest broken piece of which the sound parts are still understood, in bytes.
const MOST_MENDED: usize = 256 << 10;

/// Most bytes that are parsed a second time, in one file, because a piece was cut in the wrong place.
const MOST_JOINED: usize = 32 << 20;

/// A table as the parser gives it.
pub(super) type Table<'text> = DeTable<'text>;
/// A value with its place.
pub(super) type Item<'text> = Spanned<DeValue<'text>>;

/// The text of a file, and where its lines begin.
pub(super) struct Document {
    text: String,
    /// Offsets just behind each line break.
    breaks: Vec<usize>,
}

/// A part of a document that was parsed by itself.
pub(super) struct Piece<'text> {
    /// What it holds.
    pub(super) table: Table<'text>,
    document: &'text Document,
    /// Where the piece begins in the document.
    base: usize,
}

/// Hands a file to `take` piece by piece, cut before each `header` line; the notes, for what is to be told at the end.
pub(super) fn pieces_of<'sink>(
    input: &Input,
    sink: &'sink mut Sink,
    header: &str,
    mut take: impl FnMut(&Piece<'_>, &mut Notes<'_>),
) -> Result<Notes<'sink>, Unread> {
    let bytes = input.read_text()?;
    let mut notes = Notes::manifest(sink);
    let document = Document::new(bytes, &mut notes);
    document.pieces(header, &mut notes, |piece, notes| {
        input.go_on()?;
        take(&piece, notes);
        Ok(())
    })?;
    Ok(notes)
}

impl Document {
    /// The text of `bytes`. What is not UTF-8 is complained about and replaced.
    pub(super) fn new(bytes: Vec<u8>, notes: &mut Notes<'_>) -> Self {
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
                notes.malformed("not UTF-8", line_span(line));
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let breaks = breaks.map(|(at, _)| at.saturating_add(1)).collect();
        Self { text, breaks }
    }

    /// The document as one piece.
    pub(super) fn whole(&self, notes: &mut Notes<'_>) -> Result<Piece<'_>, Unread> {
        if self.text.len() > MOST_PIECE {
            return Err(too_large());
        }
        let (piece, errors) = self.parse(0, &self.text);
        self.complain(&errors, 0, notes);
        Ok(piece)
    }

    /// Hands the document to `take` piece by piece, cut before each `header` line (such as `[[package]]`).
    pub(super) fn pieces<'text>(
        &'text self,
        header: &str,
        notes: &mut Notes<'_>,
        mut take: impl FnMut(Piece<'text>, &mut Notes<'_>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        let cuts = self.cuts(header);
        let mut allowance = MOST_JOINED;
        let mut rest = cuts.as_slice();
        while let Some((start, following)) = rest.split_first() {
            rest = following;
            let end = following.first().copied().unwrap_or(self.text.len());
            let text = self.text.get(*start..end).unwrap_or_default();
            if text.len() > MOST_PIECE {
                notes.sink.unread(too_large(), self.span(*start));
                continue;
            }
            let (piece, errors) = self.parse(*start, text);
            if errors.is_empty() {
                take(piece, notes)?;
                continue;
            }
            let open = text.contains("\"\"\"") || text.contains("'''");
            match open.then(|| self.joined(*start, following, &mut allowance)).flatten() {
                Some((piece, unread)) => {
                    rest = unread;
                    take(piece, notes)?;
                }
                None => {
                    self.complain(&errors, *start, notes);
                    take(piece, notes)?;
                }
            }
        }
        Ok(())
    }

    /// The piece at `start` with as many of the following ones as make it whole, and the cuts behind them: the text of
    /// several lines that was cut ends in one of them. Tries 1, 2, 4, … of them, which finds the end since sound pieces
    /// behind it do no harm.
    fn joined<'text, 'cuts>(
        &'text self,
        start: usize,
        following: &'cuts [usize],
        allowance: &mut usize,
    ) -> Option<(Piece<'text>, &'cuts [usize])> {
        let mut count = 1usize;
        while !following.is_empty() {
            let rest = following.get(count..).unwrap_or_default();
            let text =
                self.text.get(start..rest.first().copied().unwrap_or(self.text.len())).unwrap_or_default();
            *allowance = allowance.checked_sub(text.len()).filter(|_| text.len() <= MOST_PIECE)?;
            let (piece, errors) = self.parse(start, text);
            if errors.is_empty() {
                return Some((piece, rest));
            }
            if rest.is_empty() {
                break;
            }
            count = count.checked_mul(2)?;
        }
        None
    }

    /// Where pieces begin: at the start, and at every line that is the header.
    fn cuts(&self, header: &str) -> Vec<usize> {
        let starts = [0].into_iter().chain(self.breaks.iter().copied());
        let is_cut = |at: &usize| {
            let rest = self.text.get(*at..).unwrap_or_default();
            rest.strip_prefix(header)
                .is_some_and(|rest| rest.starts_with(['\n', '\r', ' ', '\t', '#']) || rest.is_empty())
        };
        let mut cuts: Vec<usize> = starts.filter(is_cut).collect();
        if cuts.first() != Some(&0) {
            cuts.insert(0, 0);
        }
        cuts
    }

    /// The piece as far as it is understood, and what is wrong with it.
    fn parse<'text>(&'text self, base: usize, text: &'text str) -> (Piece<'text>, Vec<toml::de::Error>) {
        let (table, errors) = match DeTable::parse(text) {
            Ok(table) => (table.into_inner(), Vec::new()),
            // Every error costs memory, and a hostile text has one at every second byte.
            Err(error) if text.len() > MOST_MENDED => (Table::new(), vec![error]),
            Err(_) => {
                let (table, errors) = DeTable::parse_recoverable(text);
                (table.into_inner(), errors)
            }
        };
        (Piece { table, document: self, base }, errors)
    }

    fn complain(&self, errors: &[toml::de::Error], base: usize, notes: &mut Notes<'_>) {
        for error in errors {
            let span = self.span(base.saturating_add(error.span().map_or(0, |range| range.start)));
            let reason = format!("no TOML: {}", error.message());
            notes.lost(reason, span);
        }
    }

    /// The line that holds this offset.
    fn span(&self, offset: usize) -> Option<Span> {
        line_span(self.breaks.partition_point(|start| *start <= offset).saturating_add(1))
    }
}

impl<'text> Piece<'text> {
    /// The line of a value.
    pub(super) fn span(&self, range: Range<usize>) -> Option<Span> {
        self.document.span(self.base.saturating_add(range.start))
    }

    /// The text at `key`; anything else there is complained about.
    pub(super) fn text<'a>(
        &self,
        table: &'a Table<'text>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> Option<&'a str> {
        let item = table.get(key)?;
        let text = item.get_ref().as_str();
        self.expect(text, "a text", key, item, notes)
    }

    /// The table at `key`; anything else there is complained about.
    pub(super) fn table<'a>(
        &self,
        table: &'a Table<'text>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> Option<&'a Table<'text>> {
        let item = table.get(key)?;
        self.expect(item.get_ref().as_table(), "a table", key, item, notes)
    }

    /// The items of the array at `key`, none if there is no such key; anything else there is complained about.
    pub(super) fn array<'a>(
        &self,
        table: &'a Table<'text>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> impl Iterator<Item = &'a Item<'text>> + use<'a, 'text> {
        let array = table.get(key).and_then(|item| {
            let array = item.get_ref().as_array();
            self.expect(array, "an array", key, item, notes)
        });
        array.into_iter().flat_map(|array| array.iter())
    }

    /// The tables of the array at `key`.
    pub(super) fn tables<'a>(
        &self,
        table: &'a Table<'text>,
        key: &str,
        notes: &mut Notes<'_>,
    ) -> Vec<(&'a Table<'text>, Option<Span>)> {
        let mut tables = Vec::new();
        for item in self.array(table, key, notes) {
            if let Some(inner) = self.expect(item.get_ref().as_table(), "a table", key, item, notes) {
                tables.push((inner, self.span(item.span())));
            }
        }
        tables
    }

    /// Complains if the value at `key` is not what it should be.
    pub(super) fn expect<T>(
        &self,
        found: Option<T>,
        expected: &str,
        key: &str,
        item: &Item<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<T> {
        if found.is_none() {
            let kind = item.get_ref().type_str();
            notes.lost(format!("`{key}` is {kind}, not {expected}"), self.span(item.span()));
        }
        found
    }
}

fn too_large() -> Unread {
    Unread::Limit(LimitKind::TextBytes, u64::try_from(MOST_PIECE).unwrap_or(u64::MAX))
}
