//! What somebody may have meant by a word that does not exist.

/// The word of `known` that is nearest to `word`, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let near = known.into_iter().map(|candidate| (distance(&word, candidate), candidate)).min()?;
    let most = word.chars().count().div_ceil(3).min(3);
    (near.0 <= most).then_some(near.1)
}

/// How many characters must be put in, taken out or replaced to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        row[0] = left;
        for (column, b) in other.iter().enumerate() {
            let above = row[column + 1];
            let replaced = diagonal + usize::from(a != *b);
            left = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            row[column + 1] = left;
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_understood_and_other_words_are_not() {
        let keys = ["baseline", "exclude", "fail-on", "offline"];
        for (word, expected) in [
            ("fail_on", Some("fail-on")),
            ("failon", Some("fail-on")),
            ("excludes", Some("exclude")),
            ("base-line", Some("baseline")),
            ("severity", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
    }
}
