//! Complaints of a reader about its file: the first ones each by itself, the others as a number.
//!
//! What is lost in a manifest or lock file is a package that nobody will assess: a gap. What is lost in the metadata of
//! something that lies installed is a detail of what is seen all the same: a defect of the file.

use std::fmt::Write as _;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Imitation, What};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::text::quoted;

/// How many complaints about one file are told each by itself. A file that is no manifest at all, only named like one,
/// would otherwise fill the report.
const MOST: usize = 100;

/// The sink, and the complaints that went into it. What did not fit is told when this is dropped.
pub(super) struct Notes<'sink> {
    pub(super) sink: &'sink mut Sink,
    /// The file says what is to be installed.
    manifest: bool,
    told: usize,
    /// How many did not fit, and whether a part was lost in one of them.
    untold: usize,
    untold_lost: bool,
}

impl<'sink> Notes<'sink> {
    /// For a file that describes what is there already.
    pub(super) fn metadata(sink: &'sink mut Sink) -> Self {
        Self { sink, manifest: false, told: 0, untold: 0, untold_lost: false }
    }

    /// For a file that says what is to be installed.
    pub(super) fn manifest(sink: &'sink mut Sink) -> Self {
        let mut notes = Self::metadata(sink);
        notes.manifest = true;
        notes
    }

    /// A rule of the format is broken here; the rest is still understood.
    pub(super) fn malformed(&mut self, reason: impl Into<String>, span: Option<Span>) {
        if self.fits() {
            self.sink.malformed(reason, span);
        }
    }

    /// A rule of the format is broken here, and what stands here is not understood.
    pub(super) fn lost(&mut self, reason: impl Into<String>, span: Option<Span>) {
        if self.manifest {
            self.unread(Unread::Malformed(reason.into()), span);
        } else {
            self.malformed(reason, span);
        }
    }

    /// What stands here is not read.
    pub(super) fn unread(&mut self, reason: Unread, span: Option<Span>) {
        if self.fits() {
            self.sink.unread(reason, span);
        } else {
            self.untold_lost = true;
        }
    }

    /// What should name a package is not understood. A name in letters that only look like its own is told as that.
    pub(super) fn no_package(&mut self, text: &str, reason: impl Into<String>, span: Option<Span>) {
        let is_end = |letter: char| letter.is_whitespace() || "<>=!~[;@,(".contains(letter);
        let written = text.trim_start().split(is_end).next().unwrap_or_default();
        match PackageName::imitated(written).filter(|_| self.manifest) {
            Some(reads) if self.fits() => {
                let imitation = Imitation { written: quoted(written), reads };
                self.sink.declared(What::Imitation(imitation), span);
            }
            Some(_) => self.untold_lost = true,
            None => self.lost(reason, span),
        }
    }

    fn fits(&mut self) -> bool {
        let fits = self.told < MOST;
        let count = if fits { &mut self.told } else { &mut self.untold };
        *count = count.saturating_add(1);
        fits
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        if self.untold > 0 {
            let mut reason = String::new();
            // Writing to a `String` cannot fail.
            let _ = write!(reason, "{} further places break the rules of the format", self.untold);
            if self.untold_lost {
                self.sink.unread(Unread::Malformed(reason), None);
            } else {
                self.sink.malformed(reason, None);
            }
        }
    }
}
