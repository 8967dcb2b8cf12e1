//! Which state of the tables this program judges by.

use std::sync::LazyLock;

static VERSION_TEXT: &str = include_str!("../../data/version.tsv");

/// The version of the tables in `data/`: the day on which they last changed, and which state of that day.
pub fn version() -> &'static str {
    static VERSION: LazyLock<&str> = LazyLock::new(|| fields().0);
    *VERSION
}

/// The version, and the digest of the tables that it names.
fn fields() -> (&'static str, &'static str) {
    let line = VERSION_TEXT.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    line.split_once('\t').unwrap_or((line, ""))
}

#[cfg(test)]
mod tests {
    use weighbridge_core::date::Date;
    use weighbridge_core::digest::{Digest, Hasher};

    use super::super::{named, operators, table};
    use super::*;

    /// The digest of all tables, each with the number of its bytes before it.
    fn digest() -> Digest {
        let mut hasher = Hasher::default();
        let tables = table::TEXTS.iter().copied().chain([named::PACKAGES_TEXT]);
        for text in tables.chain(operators::TABLES.iter().map(|(_, text)| *text)) {
            hasher.update(format!("{}\n", text.len()).as_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finish()
    }

    #[test]
    fn no_table_changes_without_a_new_version() {
        let (version, stated) = fields();
        let (day, number) = version.split_once('.').expect("a day and a number");
        assert!(day.parse::<Date>().is_ok() && number.parse::<u32>().is_ok(), "{version}");
        let digest = digest();
        assert_eq!(
            stated,
            digest.to_string(),
            "a table in crates/check/data changed: write a new version and this digest, {digest}, into version.tsv"
        );
    }
}
