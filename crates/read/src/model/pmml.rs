//! PMML: predictive models in XML.
//!
//! The standard knows no code. Danger lies in the XML around it (entities that name files and addresses, entities that
//! unfold to gigabytes) and in functions that an `Apply` calls by a name of its own: JPMML loads the Java class of that
//! name.
//!
//! Source: PMML 4.4 (Data Mining Group), "Built-in functions" and "Transformation dictionary"; JPMML-Evaluator's
//! `FunctionUtil`.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{EffectKind, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::tally::{Tally, open, operate};
use crate::xml::{Doctype, Step, Xml};

/// Reads models in PMML.
pub struct Pmml;

/// Entities that unfold to more than this are no abbreviations.
pub(super) const MOST_UNFOLDED: u64 = 1 << 20;
/// Names of functions that are remembered.
const MOST_FUNCTIONS: usize = 100_000;

impl Reader for Pmml {
    fn about(&self) -> &'static About {
        &About {
            id: "pmml",
            title: "PMML",
            family: Family::Model,
            names: &["*.pmml"],
            reads: "The functions that it calls; files and addresses that its document type names, entities that unfold to too \
                    much.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if element(hint.head).is_some_and(|name| name == b"PMML") {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("pmml") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut tally = Tally::default();
        let mut applied = BTreeMap::new();
        let mut defined = BTreeSet::new();
        sink.observed(What::Format("pmml"), None);
        let ended = read(input, &mut tally, &mut applied, &mut defined, sink);
        for (name, at) in applied {
            if !defined.contains(&name) {
                tally.add(operate("pmml", "function", &name, "Apply"), at);
            }
        }
        tally.tell(sink);
        ended
    }
}

fn read(
    input: &Input,
    tally: &mut Tally,
    applied: &mut BTreeMap<String, u64>,
    defined: &mut BTreeSet<String>,
    sink: &mut Sink,
) -> Result<(), Unread> {
    let mut xml = Xml::new(input);
    let mut root = true;
    while let Some((at, step)) = xml.next()? {
        match step {
            Step::Type(doctype) => told(&doctype, at, tally, sink),
            Step::Start { name, attributes } => {
                if std::mem::take(&mut root) && name != "PMML" {
                    return Err(Unread::Malformed(format!(
                        "no PMML: the outermost element is `{}`",
                        short(&name)
                    )));
                }
                let attribute =
                    |wanted: &str| attributes.iter().find(|(key, _)| key == wanted).map(|(_, value)| value);
                match (name.as_str(), attribute("function"), attribute("name")) {
                    // The product, whose name would stand for all functions in the table of them.
                    ("Apply", Some(function), _) if function == "*" => {}
                    ("Apply", Some(function), _) if applied.len() < MOST_FUNCTIONS => {
                        applied.entry(function.clone()).or_insert(at);
                    }
                    ("Apply", Some(_), _) => tally.add(operate("pmml", "function", "…", "Apply"), at),
                    ("DefineFunction", _, Some(function)) if defined.len() < MOST_FUNCTIONS => {
                        defined.insert(function.clone());
                    }
                    _ => {}
                }
            }
            Step::End(_) => {}
        }
    }
    Ok(())
}

/// What a document type declares that a loader would fetch or unfold.
pub(super) fn told(doctype: &Doctype, at: u64, tally: &mut Tally, sink: &mut Sink) {
    for (construct, place, at) in &doctype.external {
        let lower = place.to_ascii_lowercase();
        match lower.strip_prefix("file:") {
            Some(path) => {
                // `file:///etc/passwd`, `file:/etc/passwd`, `file://host/share`.
                let slashes = path.len().saturating_sub(path.trim_start_matches('/').len());
                let path = place.get(5_usize.saturating_add(slashes.saturating_sub(1))..).unwrap_or(place);
                tally.add(open(EffectKind::Read, path, construct), *at);
            }
            None if lower.contains(':') => tally.add(open(EffectKind::Fetch, place, construct), *at),
            None => tally.add(open(EffectKind::Read, place, construct), *at),
        }
    }
    if doctype.unfolds > MOST_UNFOLDED {
        let what = if doctype.unfolds == u64::MAX {
            "without end".to_owned()
        } else {
            format!("to {} bytes", doctype.unfolds)
        };
        sink.malformed(
            format!("an entity unfolds {what}: whoever expands it runs out of memory"),
            Some(Span::Offset(at)),
        );
    }
}

/// The name of the outermost element, without its prefix, if it stands in the head.
pub(super) fn element(head: &[u8]) -> Option<&[u8]> {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    loop {
        rest = rest.trim_ascii_start().strip_prefix(b"<")?;
        let past = |end: &[u8]| {
            let at = rest.windows(end.len()).position(|window| window == end)?;
            rest.get(at.checked_add(end.len())?..)
        };
        rest = match rest.first()? {
            b'?' => past(b"?>")?,
            b'!' if rest.starts_with(b"!--") => past(b"-->")?,
            b'!' => {
                match (rest.iter().position(|byte| *byte == b'['), rest.iter().position(|byte| *byte == b'>'))
                {
                    (Some(list), Some(end)) if list < end => past(b"]>").or_else(|| past(b"] >"))?,
                    _ => past(b">")?,
                }
            }
            _ => {
                let end =
                    rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
                let name = rest.get(..end)?;
                return name.rsplit(|byte| *byte == b':').next();
            }
        };
    }
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
