//! The two ways in which Python fills texts: `'%s' % x` and `'{}'.format(x)`.

use super::super::known::{Known, LONGEST_TEXT, Value};
use super::{Given, single};

/// `text % values`, where every value and every directive is simple.
pub(in super::super) fn percent(text: &str, values: &[Known]) -> Option<String> {
    let mut values = values.iter();
    let mut made = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            made.push(character);
            continue;
        }
        let directive = characters.next()?;
        match directive {
            '%' => made.push('%'),
            _ => made.push_str(&convert(directive, &single(values.next()?)?)?),
        }
        if made.len() > LONGEST_TEXT {
            return None;
        }
    }
    Some(made)
}

fn convert(directive: char, value: &Value) -> Option<String> {
    match (directive, value) {
        ('c', Value::Integer(code)) => Some(char::from_u32(u32::try_from(*code).ok()?)?.to_string()),
        ('c' | 's', Value::Text(text)) => Some(text.to_string()),
        ('s' | 'd' | 'i' | 'u', Value::Integer(number)) => Some(number.to_string()),
        ('x', Value::Integer(number)) => Some(format!("{number:x}")),
        _ => None,
    }
}

/// `text.format(…)`, where every field and every value is simple.
pub(in super::super) fn braces(text: &str, given: &Given) -> Option<String> {
    let mut made = String::new();
    let mut automatic = 0usize;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at_checked(at)?;
        made.push_str(before);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            made.push_str(brace.get(..1)?);
            rest = after;
            continue;
        }
        let (field, after) = brace.strip_prefix('{')?.split_once('}')?;
        rest = after;
        let (name, directive) = field.split_once(':').unwrap_or((field, "s"));
        let value = if name.is_empty() {
            automatic = automatic.saturating_add(1);
            given.positional.get(automatic.saturating_sub(1))?
        } else if let Ok(position) = name.parse::<usize>() {
            given.positional.get(position)?
        } else {
            given.named.iter().find(|(known, _)| known == name).map(|(_, value)| value)?
        };
        let mut directive = directive.chars();
        let (kind, None) = (directive.next().unwrap_or('s'), directive.next()) else { return None };
        made.push_str(&convert(kind, &single(value)?)?);
        if made.len() > LONGEST_TEXT {
            return None;
        }
    }
    made.push_str(rest);
    Some(made)
}

/// The attributes and keys that the fields of a text for `format` look up, those of fields in fields included.
pub(in super::super) fn fields(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for part in text.split('{').skip(1) {
        let field = part.split(['}', ':', '!']).next().unwrap_or_default();
        names.extend(field.split(['.', '[', ']']).skip(1).filter(|name| !name.is_empty()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_as_python_does() {
        let number = |number| Known::of(Value::Integer(number));
        assert_eq!(percent("%c%s%%%d", &[number(95), Known::text("a"), number(7)]).as_deref(), Some("_a%7"));
        assert_eq!(percent("%5d", &[number(1)]), None);
        assert_eq!(percent("%s", &[Known::data()]), None);
        let given = Given {
            positional: vec![number(95), Known::text("class")],
            named: vec![("x".to_owned(), Known::text("!"))],
            rest: None,
        };
        assert_eq!(braces("{0:c}{0:c}{1}{x}{{}}", &given).as_deref(), Some("__class!{}"));
        assert_eq!(braces("{:c}{}", &given).as_deref(), Some("_class"));
        assert_eq!(braces("{0:>4}", &given), None);
        assert_eq!(fields("a {0.__class__[x].y!r:{1.z}} {} {b}"), ["__class__", "x", "y", "z"]);
    }
}
