//! `weighbridge.lock`: which models, data sets and adapters were approved, as they were then.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::lock::Approved;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;
use weighbridge_trust::lock;

/// Reads `weighbridge.lock`.
pub struct ModelLockReader;

impl Reader for ModelLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "model-lock",
            title: "Weighbridge lock of models",
            family: Family::Trust,
            names: &[lock::NAME],
            reads: "what was approved: sources, revisions, files with digests, signers",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == lock::NAME { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                sink.malformed("not UTF-8", Some(Span::Line(line)));
                return Ok(());
            }
        };
        // A pin that is passed over is one that nobody checks: the lock is believed as a whole or not at all.
        match lock::read(text) {
            Ok(approvals) => {
                for (line, approval) in approvals {
                    let approved = Approved { approval, above: None };
                    sink.declared(What::Approved(Box::new(approved)), Some(Span::Line(line)));
                }
            }
            Err(error) => sink.malformed(error.message, Some(Span::Line(error.line))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};
    use weighbridge_core::place::Place;

    use super::*;

    #[track_caller]
    fn facts(text: &[u8]) -> Vec<(String, Option<Span>)> {
        let input = Input::new(Arc::new(text.to_vec()), Limits::default(), Cancel::default());
        let mut sink = Sink::new(Place::file("weighbridge.lock"), "model-lock", Limits::default());
        ModelLockReader.read(&input, &mut sink).unwrap();
        let told = |what: &What| match what {
            What::Approved(approved) => approved.approval.source.clone(),
            What::Malformed(why) => format!("malformed: {why}"),
            other => panic!("{other:?}"),
        };
        sink.finish().facts.into_iter().map(|fact| (told(&fact.what), fact.evidence.span)).collect()
    }

    #[test]
    fn every_approval_is_a_fact_and_one_that_is_wrong_refuses_all() {
        let file = "{ path = \".\", size = 1, sha256 = \"4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865\" }";
        let digest = "weighbridge1:SUM";
        let one = |source: &str| {
            format!(
                "[[model]]\nsource = \"{source}\"\nkind = \"model\"\ndigest = \"{digest}\"\napproved = \"2026-01-01\"\nfiles = [{file}]\n"
            )
        };
        let pins = [(
            ".".to_owned(),
            weighbridge_core::lock::Pin {
                size: 1,
                digest: "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865".parse().unwrap(),
            },
        )];
        let sum = lock::digest(&pins.into());
        let text = format!("version = 1\n{}{}", one("b"), one("a")).replace(digest, &sum);
        let expected = [("a".to_owned(), Some(Span::Line(8))), ("b".to_owned(), Some(Span::Line(2)))];
        assert_eq!(facts(text.as_bytes()), expected);
        let broken = text.replacen("model\"", "thing\"", 1);
        let why = "malformed: `thing` is none of model, dataset, adapter".to_owned();
        assert_eq!(facts(broken.as_bytes()), [(why, Some(Span::Line(4)))]);
        let expected = [("malformed: not UTF-8".to_owned(), Some(Span::Line(2)))];
        assert_eq!(facts(b"version = 1\n\xff"), expected);
    }
}
