//! What the user does not want weighed.

use std::path::Path;

use glob::{MatchOptions, Pattern, PatternError};

/// Patterns of paths to leave out. One with a `/` in it matches the whole path below the target, one without matches
/// a name at any depth; both take `*`, `?`, `[…]` and `**`. What matches is left out with everything below it.
pub(crate) struct Exclude(Vec<(Pattern, bool)>);

impl Exclude {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// The first pattern that is none, and why.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, (String, PatternError)> {
        let compile = |text: &String| {
            let trimmed = text.trim_end_matches('/');
            let whole = trimmed.contains('/');
            let pattern = Pattern::new(trimmed.trim_start_matches("./").trim_start_matches('/'));
            pattern.map(|pattern| (pattern, whole)).map_err(|error| (text.clone(), error))
        };
        patterns.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// The outermost part of `path` that matches, if any does.
    pub(crate) fn covers<'path>(&self, path: &'path str) -> Option<&'path str> {
        if self.0.is_empty() {
            return None;
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| path.get(..end)).find(|part| self.matches(part))
    }

    fn matches(&self, part: &str) -> bool {
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let name = part.rsplit('/').next().unwrap_or_default();
        self.0.iter().any(|(pattern, whole)| {
            pattern.matches_path_with(Path::new(if *whole { part } else { name }), options)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: Option<&str>) {
        let exclude = Exclude::new(&[pattern.to_owned()]).unwrap();
        assert_eq!(exclude.covers(path), expected, "{pattern} on {path}");
    }

    #[test]
    fn names_match_anywhere_and_paths_match_whole() {
        check("data", "a/data/b/c", Some("a/data"));
        check("data/", "data/b", Some("data"));
        check("*.pkl", "a/b.pkl", Some("a/b.pkl"));
        check("a/data", "a/data/b", Some("a/data"));
        check("a/data", "x/a/data/b", None);
        check("/data", "data/b", Some("data"));
        check("./a/data", "a/data/b", Some("a/data"));
        check("**/data", "x/a/data/b", Some("x/a/data"));
        check("a/*", "a/b/c", Some("a/b"));
        check("data", "database/x", None);
        assert!(Exclude::new(&["a[".to_owned()]).is_err());
    }
}
