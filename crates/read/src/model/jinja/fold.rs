//! Filters and methods applied to what is known: as far as attacks use them to put names together.

mod format;

use std::rc::Rc;

pub(super) use format::{braces, fields, percent};

use super::known::{Known, LONGEST_TEXT, Value};

/// Most combinations of known values that are worked out.
const MOST_COMBINATIONS: usize = 256;

/// Arguments of a call, evaluated.
#[derive(Default, Debug)]
pub(super) struct Given {
    pub(super) positional: Vec<Known>,
    pub(super) named: Vec<(String, Known)>,
    /// What else may be among them, where a list or mapping is given out.
    pub(super) rest: Option<Known>,
}

impl Given {
    /// The argument at this position, or of this name.
    pub(super) fn get(&self, position: usize, name: &str) -> Option<&Known> {
        self.positional
            .get(position)
            .or_else(|| self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value))
            .or(self.rest.as_ref())
    }

    /// Every argument.
    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value)).chain(&self.rest)
    }
}

/// What a filter or method of this name gives, applied to `base`. Where both are called the same, both do the same; but
/// for `join`, of which this is the filter.
pub(super) fn apply(name: &str, base: &Known, given: &Given) -> Known {
    match name {
        "length" | "count" | "index" | "find" | "rfind" | "float" | "round" | "abs" | "wordcount"
        | "startswith" | "endswith" | "isdigit" | "isalpha" | "isalnum" | "isspace" | "isupper"
        | "islower" => Known::plain(),
        "int" => {
            let mut numbers = Known::plain();
            base.values.iter().filter(|value| matches!(value, Value::Integer(_))).for_each(|value| {
                numbers.put(value.clone());
            });
            numbers
        }
        // `default` gives either.
        "default" | "d" => {
            given.get(0, "default_value").map_or_else(|| base.clone(), |or| base.clone().joined(or))
        }
        "get" | "pop" | "setdefault" => look_up(base, given),
        "items" | "dictsort" => items(base),
        "keys" => Known::sequence(base.elements()),
        "values" => Known::sequence(values(base)),
        "safe" | "e" | "escape" | "forceescape" | "copy" => base.clone(),
        "select" | "reject" | "selectattr" | "rejectattr" | "sort" | "unique" => {
            Known::sequence(base.elements())
        }
        "random" | "min" | "max" => base.elements(),
        "batch" | "slice" => Known::sequence(Known::sequence(base.elements())),
        // Pairs of a value and what has it.
        "groupby" => {
            let mut either = Known::sequence(base.elements());
            either.data = true;
            Known::sequence(Known::sequence(either))
        }
        "sum" => Known::plain().joined(&base.elements()),
        _ => texts(name, base, given),
    }
}

/// What a key of a mapping gives.
fn look_up(base: &Known, given: &Given) -> Known {
    let Some(key) = given.get(0, "key") else { return base.elements() };
    let mut found = item(base, key);
    if let Some(default) = given.get(1, "default") {
        found.join(default);
    }
    found
}

fn values(base: &Known) -> Known {
    let mut any = Known::default();
    for value in &base.values {
        match value {
            Value::Mapping(mapping) => mapping.held.iter().for_each(|(_, value)| any.join(value)),
            // Nothing else has items: rendering ends here.
            _ => any.data = true,
        }
    }
    any.flags(base);
    any
}

fn items(base: &Known) -> Known {
    let mut pairs = Known::default();
    for value in &base.values {
        match value {
            Value::Mapping(mapping) => {
                let pair = |(key, value): &(Known, Known)| Known::list(vec![key.clone(), value.clone()]);
                pairs.join(&Known::list(mapping.held.iter().map(pair).collect()));
            }
            _ => pairs.data = true,
        }
    }
    pairs.flags(base);
    pairs
}

/// What `base[key]` gives, apart from attributes.
pub(super) fn item(base: &Known, key: &Known) -> Known {
    let mut found = Known::default();
    for value in &base.values {
        match (value, key.values.as_slice()) {
            (Value::Mapping(mapping), keys) => {
                for (name, value) in &mapping.held {
                    // A key that is not known may be any of them.
                    let unsure = keys.is_empty() || key.data || key.built || key.many || key.plain;
                    let known =
                        name.only_text().is_some() || matches!(name.values.as_slice(), [Value::Integer(_)]);
                    if unsure || !known || name.values.iter().any(|name| keys.contains(name)) {
                        found.join(value);
                    }
                }
            }
            (Value::List(list), [Value::Integer(index)]) if !key.plain && !key.data => {
                if let Some(part) = place(*index, list.held.len()).and_then(|place| list.held.get(place)) {
                    found.join(part);
                }
            }
            (Value::Text(text), [Value::Integer(index)]) if !key.plain && !key.data => {
                let characters: Vec<char> = text.chars().collect();
                if let Some(character) = place(*index, characters.len()).and_then(|at| characters.get(at)) {
                    found.put(Value::Text(String::from(*character).into()));
                }
            }
            (value, _) => found.join(&Known::of(value.clone()).elements()),
        }
    }
    found.flags(base);
    found
}

/// A position as Python counts it, from the end where it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// What `base[from:to:step]` gives, of which each bound is none where it is left out.
pub(super) fn slice(base: &Known, bounds: [Option<&Known>; 3]) -> Known {
    let mut numbers = [None; 3];
    let mut exact = true;
    for (number, bound) in numbers.iter_mut().zip(bounds) {
        match bound.map(|bound| (bound.values.as_slice(), bound.plain || bound.data || bound.built)) {
            None => {}
            Some(([Value::Integer(value)], false)) => *number = Some(*value),
            Some(_) => exact = false,
        }
    }
    let mut part = Known::default();
    for value in &base.values {
        match value {
            Value::Text(text) if exact => {
                let characters: Vec<char> = text.chars().collect();
                let chosen = steps(characters.len(), numbers).into_iter().filter_map(|at| characters.get(at));
                part.put(Value::Text(chosen.collect::<String>().into()));
            }
            Value::List(list) if exact => {
                let parts = &list.held;
                let chosen = steps(parts.len(), numbers).into_iter().filter_map(|at| parts.get(at).cloned());
                part.join(&Known::list(chosen.collect()));
            }
            Value::Text(_) => {
                part.put(value.clone());
                part.built = true;
            }
            other => part.join(&Known::sequence(Known::of(other.clone()).elements())),
        }
    }
    part.flags(base);
    part
}

/// The positions that a slice takes of something of this length.
fn steps(length: usize, [from, to, step]: [Option<i64>; 3]) -> Vec<usize> {
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    let clamp = |bound: i64, least: i64, most: i64| {
        let bound = if bound < 0 { bound.saturating_add(size) } else { bound };
        bound.clamp(least, most)
    };
    let last = size.saturating_sub(1);
    let (mut at, end) = if step > 0 {
        (from.map_or(0, |from| clamp(from, 0, size)), to.map_or(size, |to| clamp(to, 0, size)))
    } else {
        (from.map_or(last, |from| clamp(from, -1, last)), to.map_or(-1, |to| clamp(to, -1, last)))
    };
    let mut chosen = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        chosen.extend(usize::try_from(at));
        at = at.saturating_add(step);
    }
    chosen
}

/// What one after the other gives, as text.
pub(super) fn concatenate(parts: &[Known]) -> Known {
    let mut whole = Known::text("");
    for part in parts {
        whole = pair(&whole, part);
    }
    whole
}

fn pair(left: &Known, right: &Known) -> Known {
    let mut whole = Known::default();
    if left.is_nothing() || right.is_nothing() {
        return whole;
    }
    let (lefts, rights) = (as_texts(left), as_texts(right));
    // What the whole may begin with decides whether it can name anything behind the values.
    let hidden = |texts: &[Rc<str>]| texts.iter().any(|text| text.starts_with('_'));
    let hidden_left = hidden(&lefts);
    let hidden_whole = hidden_left || (lefts.iter().any(|text| text.is_empty()) && hidden(&rights));
    if lefts.len().saturating_mul(rights.len()) <= MOST_COMBINATIONS {
        for one in &lefts {
            for other in &rights {
                whole.put(Value::Text([&**one, &**other].concat().into()));
            }
        }
    } else if hidden_whole {
        whole.built = true;
    } else {
        whole.many = true;
    }
    let shown = |known: &Known| {
        known.object || known.values.iter().any(|value| !matches!(value, Value::Text(_) | Value::Integer(_)))
    };
    whole.built |= left.built || right.built || shown(left) || shown(right) || (right.many && hidden_left);
    whole.many |= left.many || right.many;
    whole.data |= left.data || right.data;
    whole
}

/// The texts as which a value would be written. What comes from the conversation may be empty.
fn as_texts(known: &Known) -> Vec<Rc<str>> {
    let mut texts: Vec<Rc<str>> = known.values.iter().map(written).collect();
    if known.data || known.plain {
        texts.push("".into());
    }
    texts.dedup();
    texts
}

fn written(value: &Value) -> Rc<str> {
    match value {
        Value::Text(text) => Rc::clone(text),
        Value::Integer(number) => number.to_string().into(),
        // Never a name: begins with a bracket.
        _ => "[".into(),
    }
}

/// Filters and methods that make texts.
fn texts(name: &str, base: &Known, given: &Given) -> Known {
    let mut result = Known::default();
    let parts: Vec<&Known> = given.all().collect();
    let data = base.data || parts.iter().any(|part| part.data);
    let built = base.built || base.object || parts.iter().any(|part| part.built || part.object);
    let mut combinations: Vec<Vec<&Value>> = base.values.iter().map(|value| vec![value]).collect();
    let mut lost = given.rest.is_some();
    for part in &given.positional {
        let more = combinations.iter().flat_map(|known| {
            part.values.iter().map(|value| known.iter().copied().chain([value]).collect::<Vec<_>>())
        });
        let more: Vec<Vec<&Value>> = more.take(MOST_COMBINATIONS.saturating_add(1)).collect();
        lost |= more.len() > MOST_COMBINATIONS || part.plain;
        combinations = more;
    }
    for combination in &combinations {
        let Some((first, arguments)) = combination.split_first() else { continue };
        let exact = given.named.is_empty() || matches!(name, "truncate" | "indent" | "replace");
        match exact.then(|| exactly(name, first, arguments)).flatten() {
            Some(value) => result.put(value),
            // Many filters leave a simple text as it is.
            None => {
                result.put((*first).clone());
                lost = true;
            }
        }
    }
    // Parts of which the template brings some along and the conversation the others: what the conversation holds is
    // known well enough to make a name of it (`'user'.replace('user', '__class__')`).
    let underscored = |known: &Known| known.texts().any(|text| text.contains('_'));
    let mixed = data
        && match name {
            // None of what these are given comes out again.
            "split" | "rsplit" | "splitlines" | "strip" | "lstrip" | "rstrip" | "trim" | "removeprefix"
            | "removesuffix" => underscored(base),
            "replace" => {
                let new = given.get(1, "new").cloned().unwrap_or_default();
                if base.data {
                    new.texts().for_each(|text| result.put(Value::Text(text.into())));
                }
                let alone = !underscored(base) && new.texts().all(|text| text == "_" || !text.contains('_'));
                !alone || new.built
            }
            _ => underscored(base) || parts.iter().any(|part| underscored(part)),
        };
    let brought = base.has_text() || !base.values.is_empty() || parts.iter().any(|part| part.has_text());
    result.built |= built || mixed || (lost && brought) || base.many;
    result.data |= data || (base.plain && !brought);
    if name == "list" || name == "split" || name == "rsplit" || name == "splitlines" {
        let elements = result.elements();
        result.join(&Known::sequence(Known { built: result.built, data: result.data, ..elements }));
    }
    result
}

/// The result for values that are known, or none where it is not worked out.
fn exactly(name: &str, base: &Value, arguments: &[&Value]) -> Option<Value> {
    if let (Value::List(_) | Value::Mapping(_), _) = (base, name) {
        return of_list(name, base, arguments);
    }
    let text: Rc<str> = match base {
        Value::Text(text) => Rc::clone(text),
        Value::Integer(number) => number.to_string().into(),
        _ => return None,
    };
    let argument = |position: usize| match arguments.get(position) {
        Some(Value::Text(text)) => Some(&**text),
        _ => None,
    };
    let made: String = match name {
        "string" => text.to_string(),
        "lower" | "casefold" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "swapcase" => text
            .chars()
            .map(|it| if it.is_uppercase() { it.to_ascii_lowercase() } else { it.to_ascii_uppercase() })
            .collect(),
        "capitalize" => {
            let mut characters = text.chars();
            let first = characters.next().map(|first| first.to_uppercase().to_string());
            first.unwrap_or_default() + &characters.as_str().to_lowercase()
        }
        "trim" | "strip" => strip(&text, arguments, true, true)?,
        "lstrip" => strip(&text, arguments, true, false)?,
        "rstrip" => strip(&text, arguments, false, true)?,
        "replace" if arguments.len() == 2 => {
            let (old, new) = (argument(0)?, argument(1)?);
            if text.len().saturating_add(1).saturating_mul(new.len().max(1)) > LONGEST_TEXT.saturating_mul(4)
            {
                return None;
            }
            text.replace(old, new)
        }
        "removeprefix" => text.strip_prefix(argument(0)?).unwrap_or(&text).to_owned(),
        "removesuffix" => text.strip_suffix(argument(0)?).unwrap_or(&text).to_owned(),
        "reverse" => text.chars().rev().collect(),
        "first" => text.chars().next()?.to_string(),
        "last" => text.chars().next_back()?.to_string(),
        "join" => {
            let separator = if arguments.is_empty() { "" } else { argument(0)? };
            let parts: Vec<String> = text.chars().map(String::from).collect();
            parts.join(separator)
        }
        "list" => {
            return as_value(Known::list(text.chars().map(|it| Known::text(&it.to_string())).collect()));
        }
        "split" => {
            let parts: Vec<Known> = match arguments {
                [] => text.split_whitespace().map(Known::text).collect(),
                [Value::Text(separator)] if !separator.is_empty() => {
                    text.split(&**separator).map(Known::text).collect()
                }
                _ => return None,
            };
            return as_value(Known::list(parts));
        }
        _ => return None,
    };
    Some(Value::Text(made.into()))
}

fn as_value(known: Known) -> Option<Value> {
    known.values.into_iter().next()
}

fn strip(text: &str, arguments: &[&Value], left: bool, right: bool) -> Option<String> {
    let eats = |character: char| match arguments {
        [Value::Text(set)] => set.contains(character),
        _ => character.is_whitespace(),
    };
    if !matches!(arguments, [] | [Value::Text(_)]) {
        return None;
    }
    let text = if left { text.trim_start_matches(eats) } else { text };
    Some(if right { text.trim_end_matches(eats) } else { text }.to_owned())
}

/// Filters and methods of lists, and of the keys of mappings.
fn of_list(name: &str, base: &Value, arguments: &[&Value]) -> Option<Value> {
    let parts: Vec<&Known> = match base {
        Value::List(list) => list.held.iter().collect(),
        Value::Mapping(mapping) => mapping.held.iter().map(|(key, _)| key).collect(),
        _ => return None,
    };
    match name {
        "list" => as_value(Known::list(parts.into_iter().cloned().collect())),
        "reverse" => as_value(Known::list(parts.into_iter().rev().cloned().collect())),
        "first" => single(parts.first()?),
        "last" => single(parts.last()?),
        "join" => {
            let separator = match arguments {
                [] => "",
                [Value::Text(separator)] => separator,
                _ => return None,
            };
            let mut whole = String::new();
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    whole.push_str(separator);
                }
                whole.push_str(&written(&single(part)?));
                if whole.len() > LONGEST_TEXT {
                    return None;
                }
            }
            Some(Value::Text(whole.into()))
        }
        _ => None,
    }
}

/// The one value that it can only be.
fn single(known: &Known) -> Option<Value> {
    let unsure = known.many || known.built || known.data || known.plain || known.object;
    match known.values.as_slice() {
        [only] if !unsure => Some(only.clone()),
        _ => None,
    }
}
