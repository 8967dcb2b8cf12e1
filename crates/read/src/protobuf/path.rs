//! Where in the structure of a model the walk is: `graph.node[3].attribute[to]`.

use std::fmt::{self, Write as _};

/// Longest label that is kept, in characters: attributes and functions have short names.
const MOST_LABEL: usize = 100;

/// The way from the root to a message.
pub(crate) struct Path {
    root: &'static str,
    steps: Vec<(&'static str, Label)>,
}

/// Which of several messages of one field is meant.
pub(crate) enum Label {
    /// There is only one.
    None,
    /// By its number, counted from 0.
    Index(u64),
    /// By its name.
    Name(String),
}

impl From<()> for Label {
    fn from((): ()) -> Self {
        Self::None
    }
}

impl From<u64> for Label {
    fn from(index: u64) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for Label {
    fn from(name: &str) -> Self {
        Self::Name(name.chars().take(MOST_LABEL).collect())
    }
}

impl Path {
    pub(super) fn new(root: &'static str) -> Self {
        Self { root, steps: Vec::new() }
    }

    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn push(&mut self, name: &'static str, label: Label) {
        self.steps.push((name, label));
    }

    pub(super) fn pop(&mut self) {
        self.steps.pop();
    }

    /// Names the innermost step, once its name is known.
    pub(crate) fn rename(&mut self, name: &str) {
        if let Some((_, label)) = self.steps.last_mut() {
            *label = name.into();
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.root)?;
        for (number, (name, label)) in self.steps.iter().enumerate() {
            if number > 0 || !self.root.is_empty() {
                out.write_char('.')?;
            }
            out.write_str(name)?;
            match label {
                Label::None => {}
                Label::Index(index) => write!(out, "[{index}]")?,
                Label::Name(name) => write!(out, "[{name}]")?,
            }
        }
        Ok(())
    }
}
