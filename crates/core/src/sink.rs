//! Where a reader puts what it found. The sink knows the limits, so that no reader can forget them.

use std::sync::Arc;

use crate::coverage::{LimitKind, Unread};
use crate::fact::{Fact, What};
use crate::limits::Limits;
use crate::place::{Class, Evidence, Place, Span};

/// Collects the facts and children of one entry.
#[derive(Debug)]
pub struct Sink {
    place: Place,
    reader: &'static str,
    limits: Limits,
    facts: Vec<Fact>,
    children: Vec<Child>,
    follows: Vec<Follow>,
    sought: Vec<Follow>,
    full: bool,
}

/// An entry inside the entry, to be read in turn.
#[derive(Clone, Debug)]
pub struct Child {
    /// The name of the step inside.
    pub step: Arc<str>,
    /// Its bytes.
    pub body: Body,
    /// Id of the reader that must read it whatever its content looks like; none to let all readers claim.
    pub reader: Option<&'static str>,
}

/// The bytes of a child.
#[derive(Clone, Debug)]
pub enum Body {
    /// A part of the parent, as it is.
    Slice {
        /// Where it begins in the parent.
        offset: u64,
        /// How many bytes.
        size: u64,
    },
    /// A part of the parent, packed with raw DEFLATE (RFC 1951).
    Deflate {
        /// Where the packed bytes begin in the parent.
        offset: u64,
        /// How many packed bytes.
        size: u64,
        /// How many unpacked bytes the parent claims; a hint, never trusted.
        unpacked: u64,
    },
    /// A part of the parent, packed as a stream that says itself how it is to be unpacked and where it ends.
    Stream {
        /// How it is packed.
        codec: Codec,
        /// Where the stream begins in the parent.
        offset: u64,
        /// How many bytes lie from there to the end of the parent, or of the part that is the stream.
        size: u64,
    },
    /// A part of what several streams of the parent unpack to. Whoever unpacks it for one part has it for all that hold
    /// the same.
    Solid {
        /// How to unpack the whole.
        unpacking: Arc<Unpacking>,
        /// Where the part begins in what was unpacked.
        offset: u64,
        /// How many bytes the part has.
        size: u64,
    },
    /// Bytes that the reader made.
    Bytes(Vec<u8>),
}

/// How to unpack what coders have packed one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unpacking {
    /// A part of the parent, as it is.
    Part {
        /// Where it begins in the parent.
        offset: u64,
        /// How many bytes.
        size: u64,
    },
    /// What a coder makes of what its inputs unpack to.
    Coder {
        /// How it packs.
        method: Method,
        /// How many bytes the parent claims to come out; nothing that follows them is used.
        size: u64,
        /// Its inputs in order; a filter for jumps has four, everything else one.
        inputs: Vec<Unpacking>,
    },
}

impl Unpacking {
    /// Bytes of the parent from which everything comes.
    pub fn packed(&self) -> u64 {
        match self {
            Self::Part { size, .. } => *size,
            Self::Coder { inputs, .. } => {
                inputs.iter().fold(0, |sum: u64, input| sum.saturating_add(input.packed()))
            }
        }
    }
}

/// How a coder packs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// Not at all.
    Copy,
    /// LZMA without a header: the byte of properties, and the size of the dictionary.
    Lzma(u8, u32),
    /// LZMA2 with a dictionary of this size.
    Lzma2(u32),
    /// Raw DEFLATE (RFC 1951).
    Deflate,
    /// bzip2.
    Bzip2,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Differences to the byte so far back.
    Delta(usize),
    /// Addresses of jumps in machine code made relative.
    Jumps(Machine),
    /// Jumps of x86 in streams of their own.
    Bcj2,
}

/// Machines whose jumps a filter knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "names of machines")]
pub enum Machine {
    X86,
    PowerPc,
    Ia64,
    Arm,
    ArmThumb,
    Sparc,
    Arm64,
    RiscV,
}

/// How a stream is packed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Codec {
    /// bzip2, one stream or several.
    Bzip2,
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// The frame format of LZ4, one frame or several.
    Lz4,
    /// `.lzma` files: LZMA without a container.
    Lzma,
    /// xz, one stream or several.
    Xz,
    /// zlib (RFC 1950).
    Zlib,
    /// Zstandard (RFC 8878), one frame or several.
    Zstd,
}

impl Codec {
    /// What it is called, as a format and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bzip2 => "bzip2",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
        }
    }
}

/// Another file of the target that the entry names and that must be read too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Follow {
    /// As the entry names it: relative to the folder of the entry.
    pub path: String,
    /// Id of the reader that must read it.
    pub reader: &'static str,
    /// Where it is named.
    pub span: Option<Span>,
}

/// What a reader left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Facts in the order in which they were found.
    pub facts: Vec<Fact>,
    /// Entries inside.
    pub children: Vec<Child>,
    /// Other files to read.
    pub follows: Vec<Follow>,
    /// Other files to read, where nothing says from which folder they are named: that of the entry, or one above it.
    pub sought: Vec<Follow>,
}

impl Sink {
    /// An empty sink for what `reader` finds at `place`.
    pub fn new(place: Place, reader: &'static str, limits: Limits) -> Self {
        Self {
            place,
            reader,
            limits,
            facts: Vec::new(),
            children: Vec::new(),
            follows: Vec::new(),
            sought: Vec::new(),
            full: false,
        }
    }

    /// The entry that is read.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A fact seen in the bytes.
    pub fn observed(&mut self, what: What, span: Option<Span>) {
        self.put(what, span, Class::Observed);
    }

    /// A fact that a manifest or lock file states.
    pub fn declared(&mut self, what: What, span: Option<Span>) {
        self.put(what, span, Class::Declared);
    }

    /// A fact concluded from something else, such as a package name from the last part of a URL.
    pub fn inferred(&mut self, what: What, span: Option<Span>) {
        self.put(what, span, Class::Inferred);
    }

    /// A fact that somebody tells whose word was not checked, such as the author of a bill of materials.
    pub fn claimed(&mut self, what: What, span: Option<Span>) {
        self.put(what, span, Class::Claimed);
    }

    /// A rule of the format is broken here; the rest is still understood.
    pub fn malformed(&mut self, reason: impl Into<String>, span: Option<Span>) {
        self.put(What::Malformed(reason.into()), span, Class::Observed);
    }

    /// Something here is not read or not understood.
    pub fn unread(&mut self, reason: Unread, span: Option<Span>) {
        self.put(What::Unread(reason), span, Class::Observed);
    }

    /// An entry inside.
    pub fn child(&mut self, child: Child) {
        if u64::try_from(self.children.len()).unwrap_or(u64::MAX) < self.limits.entries {
            self.children.push(child);
        } else {
            self.stop(Unread::Limit(LimitKind::Entries, self.limits.entries));
        }
    }

    /// Another file to read.
    pub fn follow(&mut self, follow: Follow) {
        if u64::try_from(self.follows.len()).unwrap_or(u64::MAX) < self.limits.entries {
            self.follows.push(follow);
        } else {
            self.stop(Unread::Limit(LimitKind::Entries, self.limits.entries));
        }
    }

    /// Another file to read, which lies where it is named from the folder of the entry or from one above it: a command
    /// does not say in which folder it runs.
    pub fn seek(&mut self, follow: Follow) {
        if u64::try_from(self.sought.len()).unwrap_or(u64::MAX) < self.limits.entries {
            self.sought.push(follow);
        } else {
            self.stop(Unread::Limit(LimitKind::Entries, self.limits.entries));
        }
    }

    /// Whether the sink takes no more facts; a reader may stop then.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Everything that was found.
    pub fn finish(mut self) -> Outcome {
        // Facts are large and most entries have few: what a vector holds in reserve adds up over a million entries.
        self.facts.shrink_to_fit();
        Outcome { facts: self.facts, children: self.children, follows: self.follows, sought: self.sought }
    }

    fn put(&mut self, what: What, span: Option<Span>, class: Class) {
        if self.facts.len() >= self.limits.facts {
            self.stop(Unread::Limit(LimitKind::Facts, u64::try_from(self.limits.facts).unwrap_or(u64::MAX)));
            return;
        }
        let evidence = Evidence { place: self.place.clone(), span, reader: self.reader, class };
        self.facts.push(Fact { what, evidence });
    }

    /// Records once that something did not fit any more.
    fn stop(&mut self, reason: Unread) {
        if !self.full {
            self.full = true;
            let evidence = Evidence {
                place: self.place.clone(),
                span: None,
                reader: self.reader,
                class: Class::Observed,
            };
            self.facts.push(Fact { what: What::Unread(reason), evidence });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_sink_says_so_once() {
        let limits = Limits { facts: 2, ..Limits::default() };
        let mut sink = Sink::new(Place::file("a"), "test", limits);
        for _ in 0..5 {
            sink.observed(What::Requested, None);
        }
        let facts: Vec<What> = sink.finish().facts.into_iter().map(|fact| fact.what).collect();
        let limit = What::Unread(Unread::Limit(LimitKind::Facts, 2));
        assert_eq!(facts, [What::Requested, What::Requested, limit]);
    }
}
