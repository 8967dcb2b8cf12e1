//! What can be known of a value without running the template.

use std::rc::Rc;

/// Most values of one expression that are told apart.
const MOST_VALUES: usize = 64;
/// Most of them that are containers.
const MOST_CONTAINERS: usize = 8;
/// Most values in a container that is followed, all levels together.
const HEAVIEST: usize = 1024;
/// The longest text that is followed, in bytes.
pub(super) const LONGEST_TEXT: usize = 4096;
/// The longest list of which every element is followed.
pub(super) const LONGEST_LIST: usize = 256;

/// Everything that an expression may give; nothing at all for one whose value is not known yet.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// Values that are known exactly.
    pub(super) values: Vec<Value>,
    /// Or more texts than are kept, of which none begins with `_`.
    pub(super) many: bool,
    /// Or a text made of parts that the template brings along, in a way that is not followed.
    pub(super) built: bool,
    /// Or something from the conversation, or nothing at all.
    pub(super) data: bool,
    /// Or a number, a truth value or none.
    pub(super) plain: bool,
    /// Or a function, class or other object that belongs to the program.
    pub(super) object: bool,
}

/// A value that is known exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Text(Rc<str>),
    Integer(i64),
    List(Rc<Holding<Vec<Known>>>),
    /// A list of which only is known what its elements may be.
    Sequence(Rc<Holding<Known>>),
    Mapping(Rc<Holding<Vec<(Known, Known)>>>),
    /// What `namespace(…)` gives.
    Namespace,
    Macro(usize),
    /// What `caller` stands for: the block with this node.
    Caller(usize),
}

/// What a container holds, and what is asked of it so often that it is kept.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Holding<T> {
    /// How many values there are in it, and in those.
    weight: usize,
    /// There may be a text in it that begins with `_`, or one that is not followed.
    hides: bool,
    pub(super) held: T,
}

impl Value {
    fn weight(&self) -> usize {
        match self {
            Self::List(list) => list.weight,
            Self::Sequence(list) => list.weight,
            Self::Mapping(mapping) => mapping.weight,
            Self::Text(text) => text.len().checked_div(32).unwrap_or(0).saturating_add(1),
            _ => 1,
        }
    }

    /// Whether there may be a text in it that begins with `_`, or one that is not followed.
    pub(super) fn hides(&self) -> bool {
        match self {
            Self::Text(text) => text.trim_start().starts_with('_'),
            Self::Integer(_) => false,
            Self::List(list) => list.hides,
            Self::Sequence(list) => list.hides,
            Self::Mapping(mapping) => mapping.hides,
            Self::Namespace | Self::Macro(_) | Self::Caller(_) => true,
        }
    }

    fn is_container(&self) -> bool {
        matches!(self, Self::List(_) | Self::Sequence(_) | Self::Mapping(_))
    }
}

/// A container, unless it is too large to be followed.
fn holding<'a, T: 'a>(
    held: T,
    parts: impl Fn(&T) -> Vec<&Known>,
    make: impl Fn(Rc<Holding<T>>) -> Value,
) -> Known {
    let (mut weight, mut hides) = (1usize, false);
    for part in parts(&held) {
        weight = weight.saturating_add(part.weight());
        hides |= part.hides();
    }
    if weight > HEAVIEST {
        return Known { built: hides, data: true, ..Known::default() };
    }
    Known::of(make(Rc::new(Holding { weight, hides, held })))
}

impl Known {
    /// Whether there may be a text in it that begins with `_`, or one that is not followed.
    pub(super) fn hides(&self) -> bool {
        self.built || self.values.iter().any(Value::hides)
    }

    /// How many values there are in it.
    pub(super) fn weight(&self) -> usize {
        self.values.iter().fold(1usize, |weight, value| weight.saturating_add(value.weight()))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::of(Value::Text(text.into()))
    }

    pub(super) fn of(value: Value) -> Self {
        let mut known = Self::default();
        known.put(value);
        known
    }

    pub(super) fn list(parts: Vec<Self>) -> Self {
        if parts.len() <= LONGEST_LIST {
            return holding(parts, |parts| parts.iter().collect(), Value::List);
        }
        let mut any = Self::default();
        for part in &parts {
            any.join(part);
        }
        Self::sequence(any)
    }

    /// A list of any number of such elements.
    pub(super) fn sequence(elements: Self) -> Self {
        holding(elements, |elements| vec![elements], Value::Sequence)
    }

    pub(super) fn mapping(items: Vec<(Self, Self)>) -> Self {
        holding(items, |items| items.iter().flat_map(|(key, value)| [key, value]).collect(), Value::Mapping)
    }

    pub(super) fn built() -> Self {
        Self { built: true, ..Self::default() }
    }

    pub(super) fn data() -> Self {
        Self { data: true, ..Self::default() }
    }

    pub(super) fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    pub(super) fn object() -> Self {
        Self { object: true, ..Self::default() }
    }

    /// Nothing is known yet.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// One more value that it may be.
    pub(super) fn put(&mut self, value: Value) {
        if self.values.contains(&value) {
            return;
        }
        let containers = || self.values.iter().filter(|value| value.is_container()).count();
        match &value {
            Value::Text(text) if text.len() > LONGEST_TEXT => self.built = true,
            container if container.is_container() && containers() >= MOST_CONTAINERS => {
                self.built |= container.hides();
                self.data = true;
            }
            _ if self.values.len() < MOST_VALUES => self.values.push(value),
            Value::Text(text) if !text.starts_with('_') => self.many = true,
            Value::Integer(_) => self.plain = true,
            _ => self.built = true,
        }
    }

    /// Everything that the other one may be, too.
    pub(super) fn join(&mut self, other: &Self) {
        for value in &other.values {
            self.put(value.clone());
        }
        self.flags(other);
    }

    /// The same flags as the other one, in addition.
    pub(super) fn flags(&mut self, other: &Self) {
        self.many |= other.many;
        self.built |= other.built;
        self.data |= other.data;
        self.plain |= other.plain;
        self.object |= other.object;
    }

    pub(super) fn joined(mut self, other: &Self) -> Self {
        self.join(other);
        self
    }

    /// The texts that it may be.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// The only text that it may be.
    pub(super) fn only_text(&self) -> Option<&str> {
        match self.values.as_slice() {
            [Value::Text(text)] if !(self.many || self.built || self.data || self.object) => Some(text),
            _ => None,
        }
    }

    /// Whether there may be a text that the template itself brings along.
    pub(super) fn has_text(&self) -> bool {
        self.built || self.many || self.texts().next().is_some()
    }

    /// What its elements may be: those of a list, the characters of a text, the keys of a mapping.
    pub(super) fn elements(&self) -> Self {
        let mut any = Self::default();
        for value in &self.values {
            match value {
                Value::Text(text) => {
                    text.chars().for_each(|character| any.put(Value::Text(String::from(character).into())));
                }
                Value::List(list) => list.held.iter().for_each(|part| any.join(part)),
                Value::Sequence(list) => any.join(&list.held),
                Value::Mapping(mapping) => mapping.held.iter().for_each(|(key, _)| any.join(key)),
                Value::Integer(_) => {}
                Value::Namespace | Value::Macro(_) | Value::Caller(_) => any.built = true,
            }
        }
        any.flags(self);
        any.data |= self.object;
        any.object = false;
        any
    }

    /// What the elements of its elements may be, and so on.
    pub(super) fn unpacked(&self, depth: u8) -> Self {
        let mut known = self.clone();
        for _ in 0..depth {
            if known.is_nothing() {
                break;
            }
            known = known.elements();
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_texts_are_kept_as_far_as_they_matter() {
        let mut known = Known::default();
        for number in 0..100 {
            known.put(Value::Text(format!("key{number}").into()));
        }
        assert_eq!((known.values.len(), known.many, known.built), (MOST_VALUES, true, false));
        known.put(Value::Text("__class__".into()));
        assert!(known.built);
    }

    #[test]
    fn elements_are_those_of_every_kind() {
        let list = Known::list(vec![Known::text("ab"), Known::data()]);
        let elements = list.elements();
        assert_eq!((elements.only_text(), elements.data), (None, true));
        assert_eq!(list.unpacked(2).texts().collect::<Vec<_>>(), ["a", "b"]);
        assert!(Known::list(vec![Known::plain(); 1000]).elements().plain);
    }
}
