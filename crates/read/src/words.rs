//! The words of a command, as a POSIX shell parts them (*Shell Command Language*, 2.2 and 2.3).

/// The words, and whether they are all that the text says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Words {
    /// The words without their quotes; a quote that stays open runs to the end.
    pub list: Vec<String>,
    /// No quote stays open, and nothing stands there that only a shell could do: a variable, a pipe, a second command.
    pub is_plain: bool,
}

/// Parts a text into words.
pub fn words(text: &str) -> Words {
    let mut found = Words { list: Vec::new(), is_plain: true };
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        found.is_plain &= match quote {
            Some('"') => !matches!(character, '$' | '`'),
            Some(_) => true,
            None => !matches!(character, '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')'),
        };
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('"') | None, '\\') => {
                let next = characters.next();
                found.is_plain &= next.is_some();
                word.get_or_insert_default().push(next.unwrap_or('\\'));
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => found.list.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    found.list.extend(word);
    found.is_plain &= quote.is_none();
    found
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_parted_as_a_shell_would() {
        for (text, list, is_plain) in [
            ("", "", true),
            (" a  b\tc ", "a|b|c", true),
            ("--x='a b' \"c 'd'\" ''", "--x=a b|c 'd'|", true),
            ("a\\ b '\\' \"\\\"\"", "a b|\\|\"", true),
            ("'$HOME;'", "$HOME;", true),
            ("a; b", "a;|b", false),
            ("\"$HOME\"", "$HOME", false),
            ("a 'b c", "a|b c", false),
            ("a\\", "a\\", false),
        ] {
            let found = words(text);
            assert_eq!((found.list.join("|").as_str(), found.is_plain), (list, is_plain), "{text}");
        }
    }
}
