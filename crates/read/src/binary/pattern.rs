//! Little patterns over texts in binaries and over file names. A regular expression could say more than is needed, and
//! none of these can take more than one pass.

/// One step of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Literal(Vec<u8>),
    /// `@`: digits and dots, kept as the version; letters right behind count too (`1.1.1w`).
    Version,
    /// `&`: eight digits of a date, kept as the version.
    Date,
    /// `#`: digits.
    Digits,
    /// `~`: spaces.
    Spaces,
    /// `*`: whatever can be printed, as little as possible and at most 64 bytes.
    Any,
    /// `$`: the text ends here.
    End,
}

/// A text that a library holds: literal bytes with signs between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// `^`: a text begins here.
    begins: bool,
    /// `@` before the needle: the version stands there.
    version_first: bool,
    needle: Vec<u8>,
    rest: Vec<Token>,
}

impl Pattern {
    /// Reads a pattern; none if it holds no literal text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (begins, text) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
        let (version_first, text) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let mut tokens = tokens(text).into_iter();
        let Some(Token::Literal(needle)) = tokens.next() else { return None };
        Some(Self { begins, version_first, needle, rest: tokens.collect() })
    }

    /// The bytes to look for.
    pub(super) fn needle(&self) -> &[u8] {
        &self.needle
    }

    /// Whether it says a version where it matches.
    pub(super) fn has_version(&self) -> bool {
        self.version_first || self.rest.iter().any(|token| matches!(token, Token::Version | Token::Date))
    }

    /// Matches at a needle that was found at `at`: where the text begins and ends, and the version in it.
    pub(super) fn matches(&self, window: &[u8], at: usize) -> Option<(usize, usize, String)> {
        let mut start = at;
        let mut version = String::new();
        if self.version_first {
            let before = window.get(..at)?;
            let digits = before.iter().rev().take_while(|byte| is_version(**byte)).count();
            start = at.checked_sub(digits)?;
            version = text(before.get(start..)?)?;
        }
        if self.begins
            && start.checked_sub(1).and_then(|at| window.get(at)).is_some_and(|it| is_printable(*it))
        {
            return None;
        }
        let from = at.checked_add(self.needle.len())?;
        let end = walk(&self.rest, window, from, &mut version)?;
        Some((start, end, version))
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for byte in text.bytes() {
        let token = match byte {
            b'@' => Token::Version,
            b'&' => Token::Date,
            b'#' => Token::Digits,
            b'~' => Token::Spaces,
            b'*' => Token::Any,
            b'$' => Token::End,
            byte => match tokens.last_mut() {
                Some(Token::Literal(literal)) => {
                    literal.push(byte);
                    continue;
                }
                _ => Token::Literal(vec![byte]),
            },
        };
        tokens.push(token);
    }
    tokens
}

/// Where the tokens end, if they match from `at`.
fn walk(tokens: &[Token], window: &[u8], mut at: usize, version: &mut String) -> Option<usize> {
    for (number, token) in tokens.iter().enumerate() {
        let rest = window.get(at..)?;
        let run = |fits: fn(u8) -> bool| rest.iter().take_while(|byte| fits(**byte)).count();
        let taken = match token {
            Token::Literal(literal) => rest.starts_with(literal).then_some(literal.len())?,
            Token::Digits => Some(run(|byte| byte.is_ascii_digit())).filter(|taken| *taken > 0)?,
            Token::Spaces => Some(run(|byte| byte == b' ')).filter(|taken| *taken > 0)?,
            Token::End => {
                if rest.first().is_some_and(|byte| is_printable(*byte)) {
                    return None;
                }
                0
            }
            Token::Date => {
                let date = rest.get(..8).filter(|it| it.iter().all(u8::is_ascii_digit))?;
                *version = String::from_utf8_lossy(date).into_owned();
                8
            }
            Token::Version => {
                let numbers = run(is_version);
                let mut found = rest.get(..numbers)?;
                while let Some(shorter) = found.strip_suffix(b".") {
                    found = shorter;
                }
                let behind = rest.get(found.len()..)?;
                let letters = behind.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                let next = behind.get(letters..)?.first().copied();
                // One or two letters are a patch of OpenSSL or a release candidate; more are a word.
                let letters = if letters <= 2 && !next.is_some_and(|it| it.is_ascii_alphanumeric()) {
                    letters
                } else {
                    0
                };
                let taken = found.len().checked_add(letters)?;
                *version = text(rest.get(..taken)?)?;
                taken
            }
            Token::Any => {
                let after = tokens.get(number.checked_add(1)?..)?;
                let most = run(is_printable).min(64);
                return (0..=most).find_map(|skipped| walk(after, window, at.checked_add(skipped)?, version));
            }
        };
        at = at.checked_add(taken)?;
    }
    Some(at)
}

fn is_version(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

/// Bytes that go on a text; everything else ends it.
pub(super) fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// A version as text, which begins and ends as one does.
fn text(bytes: &[u8]) -> Option<String> {
    let ends = bytes.last().is_some_and(u8::is_ascii_alphanumeric);
    let begins = bytes.first().is_some_and(u8::is_ascii_digit);
    (begins && ends && bytes.len() <= 32).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// Matches a whole name against a glob with `*`, `?` (one digit) and `@`: the version if there is an `@`, else nothing.
pub(super) fn glob(pattern: &str, name: &str) -> Option<String> {
    let mut version = String::new();
    glob_from(pattern.as_bytes(), name.as_bytes(), &mut version).then_some(version)
}

fn glob_from(pattern: &[u8], name: &[u8], version: &mut String) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        // Names are short, and patterns have one or two of these.
        Some((b'*', rest)) => (0..=name.len())
            .any(|skipped| name.get(skipped..).is_some_and(|name| glob_from(rest, name, version))),
        Some((b'@', rest)) => {
            let longest = name.iter().take_while(|byte| is_version(**byte)).count();
            (1..=longest).rev().any(|length| {
                let Some((found, behind)) = name.split_at_checked(length) else { return false };
                let Some(found) = text(found) else { return false };
                let fits = glob_from(rest, behind, version);
                if fits {
                    *version = found;
                }
                fits
            })
        }
        Some((b'?', rest)) => name
            .split_first()
            .is_some_and(|(first, name)| first.is_ascii_digit() && glob_from(rest, name, version)),
        Some((byte, rest)) => {
            name.split_first().is_some_and(|(first, name)| first == byte && glob_from(rest, name, version))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_whole_and_say_their_version() {
        for (pattern, text, version) in [
            ("^OpenSSL @~# *$", "OpenSSL 1.1.1w  11 Sep 2023", Some("1.1.1w")),
            ("^OpenSSL @~# *$", "OpenSSL 3.0.7 1 Nov 2022", Some("3.0.7")),
            // What a client says of the library.
            ("^OpenSSL @~# *$", "OpenSSL 1.1.1 (compatible; BoringSSL)", None),
            ("^OpenSSL @~# *$", "needs OpenSSL 1.1.1  11 Sep 2018", None),
            ("^ deflate @ Copyright", " deflate 1.2.12 Copyright 1995", Some("1.2.12")),
            ("^ deflate @ Copyright", " deflate 1.3.1.zlib-ng Copyright 1995", None),
            ("^@-CAPI-@$", "3.14.1-CAPI-1.20.5", Some("1.20.5")),
            ("^@-CAPI-#.", "3.14.1-CAPI-1.20.5", Some("3.14.1")),
            ("absl12lts_&", "N4absl12lts_2026010712log", Some("20260107")),
            ("^libpng version @$", "\nlibpng version 1.6.58\n", Some("1.6.58")),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            let window = text.as_bytes();
            let at = window.windows(parsed.needle().len()).position(|it| it == parsed.needle());
            let found = at.and_then(|at| parsed.matches(window, at)).map(|(_, _, version)| version);
            assert_eq!(found.as_deref(), version, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn names_match_whole() {
        for (pattern, name, version) in [
            ("libopenblas*-r0.@.so", "libopenblas64_p-r0.3.21.so", Some("3.21")),
            ("libpng16.so.16.@.0", "libpng16.so.16.58.0", Some("58")),
            ("libwebp.so.7.2.0", "libwebp.so.7.2.0", Some("")),
            ("libwebp.so.7.2.0", "libwebp.so.7.2.01", None),
            ("lib*", "lib", Some("")),
        ] {
            assert_eq!(glob(pattern, name).as_deref(), version, "{pattern} for {name}");
        }
    }
}
