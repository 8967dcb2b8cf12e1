//! The one trait of everything that turns bytes into facts.

use crate::digest::Digest;
use crate::fact::{Fact, What};
use crate::input::Input;
use crate::place::Span;
use crate::sink::Sink;

/// Understands one format. Readers never judge, and never touch disk, network, clock or environment.
pub trait Reader: Sync {
    /// Who it is.
    fn about(&self) -> &'static About;

    /// Whether an entry is for this reader.
    fn claims(&self, hint: &Hint<'_>) -> Claim;

    /// Reads the entry: what it understood *and* what was wrong goes into the sink.
    ///
    /// # Errors
    /// Why reading ended early; what was put into the sink before stays valid. The engine records the reason.
    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), crate::coverage::Unread>;

    /// How what it says of a file is kept from scan to scan, where reading costs more than that.
    fn keeper(&self) -> Option<&dyn Keeper> {
        None
    }
}

/// Keeps the facts of a reader that depend on nothing but the bytes of a file and its last name.
pub trait Keeper: Sync {
    /// Another one whenever the same bytes would be read otherwise.
    fn version(&self) -> Digest;

    /// The facts as bytes; none if they are not to be kept, such as what was broken or ended at a limit.
    fn write(&self, facts: &[Fact]) -> Option<Vec<u8>>;

    /// The facts again, each with its span; none if these bytes are none that it wrote.
    fn read(&self, bytes: &[u8]) -> Option<Vec<(What, Option<Span>)>>;
}

/// Plain data about a reader; the format matrix is generated from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Stable id in lower case, such as `pickle`.
    pub id: &'static str,
    /// What people call the format.
    pub title: &'static str,
    /// What kind of thing it is.
    pub family: Family,
    /// File names and extensions by which it is known, as shown in the format matrix (`*.pkl`, `uv.lock`).
    pub names: &'static [&'static str],
    /// What is read of it, in one sentence.
    pub reads: &'static str,
}

/// Kinds of format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// Manifests, lock files and installed metadata.
    Package,
    /// Model files: loading them may run code.
    Model,
    /// Files of data sets. Only files of the target are such, and no entries inside others: a table inside an archive
    /// is not worth unpacking for its name.
    Data,
    /// Containers of other files.
    Archive,
    /// Source code. A target that holds nothing else is none.
    Code,
    /// Programs and libraries for a machine.
    Binary,
    /// Who vouches for what: locks of models, signatures.
    Trust,
}

/// What is known of an entry before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Hint<'a> {
    /// Path below the target with `/`, or the name of the inner entry.
    pub path: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// The first bytes, up to [`HEAD_BYTES`].
    pub head: &'a [u8],
}

/// How many first bytes of an entry a [`Hint`] holds at most.
pub const HEAD_BYTES: usize = 4096;

impl Hint<'_> {
    /// The last name of the path.
    pub fn name(&self) -> &str {
        // Names are short and this is asked often: a search made for long texts costs more.
        let slash = self.path.bytes().rposition(|byte| byte == b'/');
        slash.and_then(|at| self.path.get(at.saturating_add(1)..)).unwrap_or(self.path)
    }

    /// Whether the last name ends in `.EXTENSION`, in any case of letters.
    pub fn has_extension(&self, extension: &str) -> bool {
        // No extension holds a `/`, so the end of the path is the end of the name: asked often, it must be cheap.
        let path = self.path.as_bytes();
        path.len().checked_sub(extension.len()).and_then(|at| path.split_at_checked(at)).is_some_and(
            |(stem, ending)| stem.last() == Some(&b'.') && ending.eq_ignore_ascii_case(extension.as_bytes()),
        )
    }
}

/// Whether and why an entry is for a reader. All readers with the highest claim run, and every reader of packages
/// that claims at all, because installers go by names alone. A claim by name that the content does not bear out is
/// itself reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Claim {
    /// Not at all.
    No,
    /// The name says so.
    ByName,
    /// The content says so.
    ByMagic,
}
