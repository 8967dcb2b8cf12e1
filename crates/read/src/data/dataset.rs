//! Files of data sets, so that they stand in the graph with their digests. Nothing in them is looked at but the marks by
//! which their formats begin and end.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

/// Recognises files of data sets.
pub struct Dataset;

/// A format of tables or records.
struct Format {
    /// Format id.
    id: &'static str,
    /// Extensions that say so.
    extensions: &'static [&'static str],
    /// The first bytes of each such file, and its last; empty where there are none.
    first: &'static [u8],
    last: &'static [u8],
}

/// By id. The marks are those of the Apache Parquet, Arrow, Avro and ORC specifications.
#[rustfmt::skip] // one line a format
static FORMATS: &[Format] = &[
    Format { id: "arrow", extensions: &["arrow", "feather"], first: b"ARROW1\0\0", last: b"ARROW1" },
    Format { id: "avro", extensions: &["avro"], first: b"Obj\x01", last: b"" },
    Format { id: "csv", extensions: &["csv"], first: b"", last: b"" },
    Format { id: "jsonl", extensions: &["jsonl", "ndjson"], first: b"", last: b"" },
    Format { id: "orc", extensions: &["orc"], first: b"ORC", last: b"" },
    Format { id: "parquet", extensions: &["parquet", "pq"], first: b"PAR1", last: b"PAR1" },
    Format { id: "tfrecord", extensions: &["tfrecord", "tfrecords"], first: b"", last: b"" },
    Format { id: "tsv", extensions: &["tsv"], first: b"", last: b"" },
];

impl Reader for Dataset {
    fn about(&self) -> &'static About {
        &About {
            id: "dataset",
            title: "Files of data sets",
            family: Family::Data,
            names: &[
                "*.csv",
                "*.tsv",
                "*.jsonl",
                "*.parquet",
                "*.arrow",
                "*.feather",
                "*.avro",
                "*.orc",
                "*.tfrecord",
            ],
            reads: "which format it is, and whether it is there to its end; its records are not looked at",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // What a package brings along is its own, and recorded.
        let installed = hint.path.split('/').any(|name| matches!(name, "site-packages" | "dist-packages"));
        if installed || hint.size == 0 {
            return Claim::No;
        }
        let by_magic =
            FORMATS.iter().any(|format| format.first.len() > 3 && hint.head.starts_with(format.first));
        match by_name(hint) {
            _ if by_magic => Claim::ByMagic,
            Some(_) => Claim::ByName,
            None => Claim::No,
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 8];
        let filled = input.read_some(0, &mut head)?;
        let head = head.get(..filled).unwrap_or_default();
        let marked = |format: &&Format| !format.first.is_empty() && head.starts_with(format.first);
        let path = sink.place().inner.last().unwrap_or(&sink.place().path).to_string();
        let hint = Hint { path: &path, size: input.size(), head };
        let Some(format) = FORMATS.iter().find(marked).or_else(|| by_name(&hint)) else { return Ok(()) };
        sink.observed(What::Format(format.id), None);
        if !marked(&format) && !format.first.is_empty() {
            return Err(Unread::Malformed(format!("does not begin as {} does", format.id)));
        }
        let mut last = [0; 8];
        let last = last.get_mut(..format.last.len()).unwrap_or_default();
        let at = input.size().saturating_sub(u64::try_from(last.len()).unwrap_or(0));
        input.read_exact(at, last)?;
        if last != format.last {
            return Err(Unread::Truncated { offset: input.size() });
        }
        Ok(())
    }
}

fn by_name(hint: &Hint<'_>) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.extensions.iter().any(|extension| hint.has_extension(extension)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};
    use weighbridge_core::place::Place;

    use super::*;

    #[track_caller]
    fn check(
        path: &str,
        content: &[u8],
        claim: Claim,
        format: Option<&'static str>,
        ended: Result<(), Unread>,
    ) {
        let hint = Hint { path, size: u64::try_from(content.len()).unwrap(), head: content };
        assert_eq!(Dataset.claims(&hint), claim, "{path}");
        let input = Input::new(Arc::new(content.to_vec()), Limits::default(), Cancel::default());
        let mut sink = Sink::new(Place::file(path), "dataset", Limits::default());
        assert_eq!(Dataset.read(&input, &mut sink), ended, "{path}");
        let formats: Vec<What> = sink.finish().facts.into_iter().map(|fact| fact.what).collect();
        assert_eq!(formats, format.map(What::Format).into_iter().collect::<Vec<_>>(), "{path}");
    }

    #[test]
    fn files_are_known_by_name_and_by_their_marks() {
        check("data/a.csv", b"a,b\n1,2\n", Claim::ByName, Some("csv"), Ok(()));
        check("a.JSONL", b"{}\n", Claim::ByName, Some("jsonl"), Ok(()));
        check("part-0", b"PAR1....PAR1", Claim::ByMagic, Some("parquet"), Ok(()));
        check("a.feather", b"ARROW1\0\0....ARROW1", Claim::ByMagic, Some("arrow"), Ok(()));
        check(
            "a.parquet",
            b"PAR1....",
            Claim::ByMagic,
            Some("parquet"),
            Err(Unread::Truncated { offset: 8 }),
        );
        let no = Err(Unread::Malformed("does not begin as parquet does".to_owned()));
        check("a.parquet", b"<html>", Claim::ByName, Some("parquet"), no);
        check("lib/site-packages/sklearn/iris.csv", b"1,2\n", Claim::No, Some("csv"), Ok(()));
        check("a.py", b"import os\n", Claim::No, None, Ok(()));
    }

    #[test]
    fn formats_are_sorted() {
        assert!(FORMATS.is_sorted_by_key(|format| format.id));
    }
}
