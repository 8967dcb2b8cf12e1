//! What JSON and UBJSON say, one event after the other: the whole of a large document is never in memory.

use weighbridge_core::coverage::{LimitKind, Unread};

/// A text: what is kept of it, and its full length in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    pub(crate) kept: String,
    pub(crate) length: u64,
}

/// One step through a document.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Event {
    /// An object begins.
    Object,
    /// A list begins.
    List,
    /// The innermost object or list ends.
    End,
    /// The name of the value that follows.
    Key(Text),
    /// A text.
    Text(Text),
    /// A whole number that fits.
    Int(i64),
    /// Any other number.
    Float,
    /// So many numbers of a list of floats.
    Floats(u64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// Where events come from.
pub(crate) trait Events {
    /// The next event and where it begins; none behind the end of the document.
    fn next(&mut self) -> Result<Option<(u64, Event)>, Unread>;
}

/// The names and numbers that lead to a value.
#[derive(Clone, Default, Debug)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    /// In a list; the number of the next value.
    Index(u64),
}

impl Step {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

impl Path {
    /// Takes an event into account; call it before looking at the event.
    pub(crate) fn step(&mut self, event: &Event) {
        match event {
            Event::Key(text) => {
                if let Some(Step::Key(key)) = self.steps.last_mut() {
                    key.clone_from(&text.kept);
                }
            }
            Event::End => {
                self.steps.pop();
            }
            Event::Object => {
                self.value();
                self.steps.push(Step::Key(String::new()));
            }
            Event::List => {
                self.value();
                self.steps.push(Step::Index(0));
            }
            _ => self.value(),
        }
    }

    /// Counts a value of a list, when it begins.
    fn value(&mut self) {
        if let Some(Step::Index(index)) = self.steps.last_mut() {
            *index = index.saturating_add(1);
        }
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Whether the keys that lead here are these, whatever the numbers between them.
    pub(crate) fn is(&self, keys: &[&str]) -> bool {
        self.steps.iter().filter_map(Step::key).eq(keys.iter().copied())
    }

    /// Whether the last keys that lead here are these, whatever the numbers between them.
    pub(crate) fn ends(&self, keys: &[&str]) -> bool {
        let mut wanted = keys.iter().rev();
        for key in self.steps.iter().rev().filter_map(Step::key) {
            match wanted.next() {
                Some(wanted) if *wanted == key => {}
                Some(_) => return false,
                None => return true,
            }
        }
        wanted.next().is_none()
    }

    /// The innermost key.
    pub(crate) fn last(&self) -> &str {
        self.steps.iter().rev().find_map(Step::key).unwrap_or_default()
    }

    /// As people write it: `learner.trees[2].id`.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    if !pointer.is_empty() {
                        pointer.push('.');
                    }
                    pointer.extend(key.chars().take(60));
                }
                Step::Index(next) => pointer.push_str(&format!("[{}]", next.saturating_sub(1))),
            }
        }
        pointer
    }
}

/// The deepest nesting that is followed: the recursion limit of Python's own reader is twice that.
pub(crate) const DEEPEST: usize = 400;

pub(crate) fn too_deep() -> Unread {
    Unread::Limit(LimitKind::Depth, u64::try_from(DEEPEST).unwrap_or(u64::MAX))
}
