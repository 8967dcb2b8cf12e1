//! Variables of a script, as far as their values are written in it.
//!
//! Source: POSIX.1-2024, *Shell Command Language* (2.6.2 *Parameter Expansion*); Docker's *Dockerfile reference*
//! (*Environment replacement*, `ARG`). Whoever runs a script may set them otherwise, so that what stands on them is inferred.

use std::collections::BTreeMap;

/// Longest value that is kept, in bytes.
const LONGEST: usize = 4096;
/// Most variables that are kept.
const MOST: usize = 1_000;
/// How much may be filled in for one file, in bytes.
const BUDGET: usize = 4 << 20;

/// What is known of variables.
pub(super) struct Variables {
    /// Those of the shell; no value where several are possible, or only running would tell.
    shell: BTreeMap<String, Option<String>>,
    /// Those of the image in which it runs.
    image: BTreeMap<String, String>,
    /// Those of loops whose bodies are gone through value by value.
    bound: Vec<(String, String)>,
    budget: usize,
}

impl Default for Variables {
    fn default() -> Self {
        Self { shell: BTreeMap::new(), image: BTreeMap::new(), bound: Vec::new(), budget: BUDGET }
    }
}

impl Variables {
    /// Another shell begins.
    pub(super) fn forget_shell(&mut self) {
        self.shell.clear();
    }

    /// Takes these values for these variables, whatever else is known of them, and no longer what was taken before.
    pub(super) fn bind(&mut self, bound: Vec<(String, String)>) {
        self.bound = bound;
    }

    /// Another image begins.
    pub(super) fn forget_image(&mut self) {
        self.image.clear();
    }

    /// The script assigns a value; none where only running would tell. Which of two values counts depends on what is run.
    pub(super) fn assign(&mut self, name: &str, value: Option<&str>) {
        let value = value.filter(|value| value.len() <= LONGEST).map(str::to_owned);
        if let Some(known) = self.shell.get_mut(name) {
            if *known != value {
                *known = None;
            }
        } else if self.shell.len() < MOST {
            self.shell.insert(name.to_owned(), value);
        }
    }

    /// The image has a value from here on; none where it is not known.
    pub(super) fn set_image(&mut self, name: &str, value: Option<String>) {
        match value.filter(|value| value.len() <= LONGEST && self.image.len() < MOST) {
            Some(value) => self.image.insert(name.to_owned(), value),
            None => self.image.remove(name),
        };
    }

    /// The text with every variable filled in; none if one of them is not known.
    pub(super) fn fill_in(&mut self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            filled.push_str(before);
            let value;
            (value, rest) = self.value(behind)?;
            filled.push_str(value);
            if filled.len() > LONGEST {
                return None;
            }
        }
        filled.push_str(rest);
        self.budget = self.budget.checked_sub(filled.len())?;
        (!filled.contains('`')).then_some(filled)
    }

    /// The value of the variable with whose name the text begins, and what stands behind it.
    fn value<'t>(&'t self, text: &'t str) -> Option<(&'t str, &'t str)> {
        if let Some(braced) = text.strip_prefix('{') {
            let (inside, behind) = braced.split_once('}')?;
            let (name, operation) = name_at(inside)?;
            // An empty value is as good as none for `:-`; nobody writes one.
            let value = match (self.known(name), operation.strip_prefix(':').unwrap_or(operation)) {
                (Known::Value(value), "") => value,
                (Known::Value(value), operation) if operation.starts_with(['-', '=', '?']) => value,
                (Known::Nothing, operation) => {
                    let default = operation.strip_prefix(['-', '=']);
                    default.filter(|default| !default.contains(['$', '`', '\'', '"']))?
                }
                _ => return None,
            };
            return Some((value, behind));
        }
        let (name, behind) = name_at(text)?;
        match self.known(name) {
            Known::Value(value) => Some((value, behind)),
            Known::Nothing | Known::Open => None,
        }
    }

    fn known(&self, name: &str) -> Known<'_> {
        if let Some((_, value)) = self.bound.iter().find(|(bound, _)| bound == name) {
            return Known::Value(value);
        }
        match (self.shell.get(name), self.image.get(name)) {
            (Some(Some(value)), _) => Known::Value(value),
            (Some(None), _) => Known::Open,
            (None, Some(value)) => Known::Value(value),
            (None, None) => Known::Nothing,
        }
    }
}

enum Known<'v> {
    Value(&'v str),
    /// It has a value that only running would tell.
    Open,
    /// Nothing sets it.
    Nothing,
}

/// Whether a text takes the value of a variable.
pub(super) fn takes(text: &str, variable: &str) -> bool {
    let mut behind = text.split('$').skip(1);
    behind.any(|behind| {
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        name_at(behind).is_some_and(|(name, _)| name == variable)
    })
}

/// The name with which the text begins, and the rest.
fn name_at(text: &str) -> Option<(&str, &str)> {
    let part = |part: char| part.is_ascii_alphanumeric() || part == '_';
    let end = text.find(|other| !part(other)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    (!name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.assign("A", Some("1.0"));
        variables.assign("A", Some("1.0"));
        variables.assign("TWO", Some("1"));
        variables.assign("TWO", Some("2"));
        variables.assign("RUN", None);
        variables.set_image("I", Some("x y".to_owned()));
        variables.set_image("GONE", Some("x".to_owned()));
        variables.set_image("GONE", None);
        variables
    }

    #[test]
    fn what_is_written_is_filled_in() {
        for (text, expected) in [
            ("a==$A", Some("a==1.0")),
            ("${A}b$A", Some("1.0b1.0")),
            ("$I", Some("x y")),
            ("${A:-2}${A?no}", Some("1.01.0")),
            ("${NONE:-2}${NONE-3}", Some("23")),
            ("$NONE", None),
            ("$GONE", None),
            ("$TWO", None),
            ("${TWO:-3}", None),
            ("$RUN", None),
            ("${A:+x}", None),
            ("${A%.*}", None),
            ("${NONE:-$A}", None),
            ("$(…)", None),
            ("${{ a }}", None),
            ("${A", None),
            ("$1", None),
            ("$A`…`", None),
            ("a$", None),
        ] {
            assert_eq!(variables().fill_in(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_that_grow_are_given_up() {
        let mut variables = Variables::default();
        variables.assign("V0", Some("x"));
        let known = (1..100).take_while(|number| {
            let value = variables.fill_in(&format!("$V{0}$V{0}", number - 1));
            variables.assign(&format!("V{number}"), value.as_deref());
            value.is_some()
        });
        assert_eq!(known.count(), 12);
        let filled = (0..1_000_000).take_while(|_| variables.fill_in("$V12").is_some());
        assert!(filled.count() < BUDGET / LONGEST);
        for number in 0..10_000 {
            variables.assign(&format!("N{number}"), Some(""));
        }
        assert_eq!(variables.shell.len(), MOST);
    }
}
