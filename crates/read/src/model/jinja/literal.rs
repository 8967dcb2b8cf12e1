//! What string and number literals stand for.

/// Undoes the escapes of a string literal. Jinja encodes it to ASCII with backslashes for everything else, then undoes
/// the escapes as Python does.
///
/// # Errors
/// What Python refuses, to complete "a string with …".
pub(super) fn unescape(literal: &str) -> Result<String, &'static str> {
    let mut text = String::with_capacity(literal.len());
    let mut characters = literal.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\r' {
            // Line ends are normalised before anything else.
            characters.next_if_eq(&'\n');
            text.push('\n');
            continue;
        }
        if character != '\\' {
            text.push(character);
            continue;
        }
        let Some(escape) = characters.next() else { return Err("a backslash at its end") };
        match escape {
            '\n' => {}
            '\r' => {
                characters.next_if_eq(&'\n');
            }
            '\\' | '\'' | '"' => text.push(escape),
            'a' => text.push('\x07'),
            'b' => text.push('\x08'),
            'f' => text.push('\x0c'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\x0b'),
            '0'..='7' => {
                let mut code = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = characters.peek().and_then(|next| next.to_digit(8)) else { break };
                    characters.next();
                    code = code.saturating_mul(8).saturating_add(digit);
                }
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'x' => text.push(hexadecimal(&mut characters, 2)?),
            'u' => text.push(hexadecimal(&mut characters, 4)?),
            'U' => text.push(hexadecimal(&mut characters, 8)?),
            'N' => text.push(named(&mut characters)?),
            // A character beyond ASCII was written as an escape of its own, so that the two backslashes make one.
            other if !other.is_ascii() => {
                text.extend(other.escape_unicode().filter(|part| !matches!(part, '{' | '}')));
            }
            other => text.extend(['\\', other]),
        }
    }
    Ok(text)
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn hexadecimal(characters: &mut Characters<'_>, digits: usize) -> Result<char, &'static str> {
    let mut code = 0u32;
    for _ in 0..digits {
        let digit = characters.next_if(char::is_ascii_hexdigit).and_then(|digit| digit.to_digit(16));
        let digit = digit.ok_or("an escape that does not end")?;
        code = code.saturating_mul(16).saturating_add(digit);
    }
    // Python keeps surrogates; no name that matters holds one.
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// `\N{NAME}`: the characters of which names in Python are made; any other one as the replacement character.
fn named(characters: &mut Characters<'_>) -> Result<char, &'static str> {
    if characters.next() != Some('{') {
        return Err("an escape without a name");
    }
    let mut name = String::new();
    loop {
        match characters.next() {
            Some('}') => break,
            Some(character) if name.len() < 100 => name.push(character.to_ascii_uppercase()),
            _ => return Err("an escape that does not end"),
        }
    }
    let letter = |prefix: &str| name.strip_prefix(prefix).filter(|rest| rest.len() == 1)?.chars().next();
    Ok(match name.as_str() {
        "LOW LINE" => '_',
        "FULL STOP" => '.',
        _ => letter("LATIN SMALL LETTER ")
            .map(|letter| letter.to_ascii_lowercase())
            .or_else(|| letter("LATIN CAPITAL LETTER "))
            .unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

/// How many bytes of `text` are digits, with single `_` between them.
fn digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0usize;
    loop {
        match bytes.get(length) {
            Some(b'0'..=b'9') => length = length.saturating_add(1),
            Some(b'_')
                if length > 0 && bytes.get(length.saturating_add(1)).is_some_and(u8::is_ascii_digit) =>
            {
                length = length.saturating_add(1);
            }
            _ => return length,
        }
    }
}

/// How many bytes of `text` are a number with a fraction or an exponent; 0 if it begins with none.
pub(super) fn float_length(text: &str) -> usize {
    let tail = |from: usize| text.get(from..).unwrap_or_default();
    let whole = digits(text);
    let mut end = whole;
    if tail(whole).starts_with('.') {
        let fraction = digits(tail(whole.saturating_add(1)));
        if fraction > 0 {
            end = whole.saturating_add(1).saturating_add(fraction);
        }
    }
    if tail(end).starts_with(['e', 'E']) {
        let signed = tail(end.saturating_add(1));
        let sign = usize::from(signed.starts_with(['+', '-']));
        let exponent = digits(signed.get(sign..).unwrap_or_default());
        if exponent > 0 {
            return end.saturating_add(1).saturating_add(sign).saturating_add(exponent);
        }
    }
    if end > whole { end } else { 0 }
}

/// The integer that `text` begins with, if it is not too large, and its length in bytes.
pub(super) fn integer(text: &str) -> (Option<i64>, usize) {
    let prefix = text.get(..2).unwrap_or_default().to_ascii_lowercase();
    let radix = match prefix.as_str() {
        "0b" => 2,
        "0o" => 8,
        "0x" => 16,
        _ => 10,
    };
    if radix != 10 {
        let rest = text.get(2..).unwrap_or_default();
        let length = rest.find(|it: char| !it.is_digit(radix) && it != '_').unwrap_or(rest.len());
        let plain: String = rest.chars().take(length).filter(|it| *it != '_').collect();
        if !plain.is_empty() {
            return (i64::from_str_radix(&plain, radix).ok(), length.saturating_add(2));
        }
    }
    let length = digits(text);
    let plain: String = text.chars().take(length).filter(|it| *it != '_').collect();
    (plain.parse().ok(), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_underscore() {
        for literal in ["_", r"\x5f", r"\x5F", r"\137", r"\u005f", r"\U0000005f", r"\N{LOW LINE}", "\\\n_"] {
            assert_eq!(unescape(literal).as_deref(), Ok("_"), "{literal}");
        }
        assert_eq!(unescape(r"\N{latin small letter c}\q\'\0").as_deref(), Ok("c\\q'\0"));
        assert_eq!(unescape("a\\\u{e9}").as_deref(), Ok("a\\ue9"));
        assert!(unescape(r"\x5").is_err() && unescape(r"\N5").is_err() && unescape(r"\u12").is_err());
    }

    #[test]
    fn numbers_end_where_python_ends_them() {
        assert_eq!(integer("1_000x"), (Some(1000), 5));
        assert_eq!(integer("0x5f]"), (Some(95), 4));
        assert_eq!(integer("0b11"), (Some(3), 4));
        assert_eq!(integer("99999999999999999999"), (None, 20));
        for (text, length) in [("1.5", 3), ("1.x", 0), ("1e5", 3), ("1.5E-3x", 6), ("15", 0), ("1e", 0)] {
            assert_eq!(float_length(text), length, "{text}");
        }
    }
}
