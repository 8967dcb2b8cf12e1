//! Where something was found: the path below the target, then the way inside the file.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The place of an entry: a path below the target and the steps inside that file (zip member, pickle stream, …).
///
/// Places order as reports list them: by path, then by inner steps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Path relative to the target with `/` between names; bytes that are not UTF-8 are written `\xHH`.
    pub path: Arc<str>,
    /// Names on the way inside, outermost first; empty for the file itself.
    pub inner: Vec<Arc<str>>,
}

impl Place {
    /// The file at `path`.
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), inner: Vec::new() }
    }

    /// The place one step further inside.
    pub fn step(&self, name: impl Into<Arc<str>>) -> Self {
        let mut inner = Vec::with_capacity(self.inner.len().saturating_add(1));
        inner.extend(self.inner.iter().cloned());
        inner.push(name.into());
        Self { path: Arc::clone(&self.path), inner }
    }

    /// The last name on the way: the inner step if there is one, else the file name.
    pub fn name(&self) -> &str {
        self.inner.last().unwrap_or(&self.path).rsplit('/').next().unwrap_or_default()
    }

    /// The folder of the file, without a trailing `/`; empty at the top of the target.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.path)?;
        self.inner.iter().try_for_each(|step| write!(out, " › {step}"))
    }
}

/// Which part of an entry is meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Span {
    /// From this byte offset, counted from 0.
    Offset(u64),
    /// This line, counted from 1.
    Line(u32),
}

/// How well a fact or edge is founded, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Proved by a digest or a signature.
    Verified,
    /// Seen in the bytes of the thing itself.
    Observed,
    /// Written down by a manifest or lock file.
    Declared,
    /// Concluded from something else.
    Inferred,
    /// Told by somebody whose word was not checked (a comment, a foreign BOM).
    Claimed,
    /// Named but not found.
    Unresolved,
}

impl Class {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Observed => "observed",
            Self::Declared => "declared",
            Self::Inferred => "inferred",
            Self::Claimed => "claimed",
            Self::Unresolved => "unresolved",
        }
    }
}

/// Why we believe a fact or an edge: who read it, where, how well founded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Evidence {
    /// The entry it was read from.
    pub place: Place,
    /// The part of the entry.
    pub span: Option<Span>,
    /// Id of the reader, or of the part of the engine that concluded it.
    pub reader: &'static str,
    /// How well founded.
    pub class: Class,
}

/// Evidence for one thing, sorted and each once. Most things have a single one, and a hundred thousand components of a bill
/// of materials the same: a tree or a copy for each would be most of the memory.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct EvidenceSet {
    /// None only if `rest` is empty; comes before everything in it.
    first: Option<Arc<Evidence>>,
    rest: BTreeSet<Arc<Evidence>>,
}

impl EvidenceSet {
    /// No evidence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless it is there.
    pub fn insert(&mut self, evidence: impl Into<Arc<Evidence>>) {
        let evidence = evidence.into();
        match &mut self.first {
            None => self.first = Some(evidence),
            Some(first) if evidence < *first => {
                self.rest.insert(std::mem::replace(first, evidence));
            }
            Some(first) if evidence > *first => {
                self.rest.insert(evidence);
            }
            Some(_) => {}
        }
    }

    /// The first in order.
    pub fn first(&self) -> Option<&Evidence> {
        self.first.as_deref()
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = &Evidence> + Clone {
        self.first.iter().chain(&self.rest).map(|evidence| &**evidence)
    }
}

impl<E: Into<Arc<Evidence>>> From<E> for EvidenceSet {
    fn from(evidence: E) -> Self {
        Self { first: Some(evidence.into()), rest: BTreeSet::new() }
    }
}

impl Extend<Evidence> for EvidenceSet {
    fn extend<I: IntoIterator<Item = Evidence>>(&mut self, evidence: I) {
        evidence.into_iter().for_each(|evidence| self.insert(evidence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_sorted_and_each_once_however_it_came() {
        let line = |line| Evidence {
            place: Place::file("a"),
            span: Some(Span::Line(line)),
            reader: "test",
            class: Class::Declared,
        };
        let mut orders = vec![Vec::new()];
        for _ in 0..4 {
            orders = orders
                .iter()
                .flat_map(|order: &Vec<u32>| (1..=3).map(|next| [order.as_slice(), &[next]].concat()))
                .collect();
        }
        for order in orders {
            let mut set = EvidenceSet::new();
            set.extend(order.iter().copied().map(line));
            let expected: BTreeSet<u32> = order.iter().copied().collect();
            assert!(
                set.iter().eq(expected.iter().copied().map(line).collect::<Vec<_>>().iter()),
                "{order:?}"
            );
            assert_eq!(set.first(), expected.first().copied().map(line).as_ref());
        }
        assert_eq!(EvidenceSet::new().first(), None);
        assert!(EvidenceSet::from(line(2)).iter().eq([&line(2)]));
    }
}
