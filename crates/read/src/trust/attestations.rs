//! Attestations beside a model: who says what of which files. Nobody here knows whom to believe.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;
use weighbridge_trust::attest;

use super::signature::is_bundle;

/// Reads `claims.jsonl`.
pub struct AttestationsReader;

impl Reader for AttestationsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "attestations",
            title: "attestations of a model (in-toto)",
            family: Family::Trust,
            names: &["claims.jsonl", "*.claims.jsonl"],
            reads: "who attests what, of which files with which digests",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        match attest::is_file_name(hint.name()) {
            true if is_bundle(hint) => Claim::ByMagic,
            // The name promises nothing else.
            true if hint.head.is_empty() => Claim::ByName,
            // Data sets have that name, too.
            _ => Claim::No,
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            sink.malformed("not UTF-8", None);
            return Ok(());
        };
        let lines = match attest::lines(text) {
            Ok(lines) => lines,
            Err(error) => return Err(Unread::Unsupported(error.to_string())),
        };
        for line in lines {
            let span = Some(Span::Line(u32::try_from(line.number).unwrap_or(u32::MAX)));
            let looked = match &line.bundle {
                Ok(bundle) => attest::look(bundle, line.json).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match looked {
                Ok(signature) => sink.observed(What::Signature(Box::new(signature)), span),
                Err(why) => sink.malformed(why, span),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_so_and_holds_bundles_is_claimed() {
        let head = b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"";
        for (path, head, claim) in [
            ("a/claims.jsonl", &head[..], Claim::ByMagic),
            ("a/w.bin.claims.jsonl", head, Claim::ByMagic),
            ("a/claims.jsonl", b"", Claim::ByName),
            ("a/claims.jsonl", b"{\"claim\": \"water damage\"}", Claim::No),
            ("a/myclaims.jsonl", head, Claim::No),
        ] {
            assert_eq!(AttestationsReader.claims(&Hint { path, size: 9, head }), claim, "{path}");
        }
    }
}
