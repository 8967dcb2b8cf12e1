//! Signatures of models in the form of OpenSSF Model Signing (v1.0): who signed which files. Nobody here knows whom to believe.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;
use weighbridge_trust::oms;

/// Reads `model.sig` and others like it.
pub struct SignatureReader;

/// The media type of every bundle begins with it (protobuf-specs, `sigstore_bundle.proto`).
const MARK: &[u8] = b"application/vnd.dev.sigstore.bundle";

/// Whether a file begins like a bundle.
pub(super) fn is_bundle(hint: &Hint<'_>) -> bool {
    hint.head.windows(MARK.len()).any(|window| window == MARK)
}

impl Reader for SignatureReader {
    fn about(&self) -> &'static About {
        &About {
            id: "model-signature",
            title: "signature of a model (OpenSSF Model Signing)",
            family: Family::Trust,
            names: &["*.sig"],
            reads: "who signed, and which files with which digests",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // Other signatures have that name, too.
        if hint.has_extension("sig") && is_bundle(hint) { Claim::ByMagic } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            sink.malformed("not UTF-8", None);
            return Ok(());
        };
        match oms::look(text) {
            Ok(signature) => sink.observed(What::Signature(Box::new(signature)), None),
            // An attestation of something else is none of ours.
            Err(error) if error.is_of_something_else() => {}
            Err(error) => sink.malformed(error.to_string(), None),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bundle_that_is_called_a_signature_is_claimed() {
        let head = b"{\"mediaType\": \"application/vnd.dev.sigstore.bundle.v0.3+json\"";
        for (path, head, claim) in [
            ("a/model.sig", &head[..], Claim::ByMagic),
            ("a/w.bin.SIG", &head[..], Claim::ByMagic),
            // Nothing that another reader knows by its name may be hidden from it.
            ("a/config.json", &head[..], Claim::No),
            ("a/model.sig", b"-----BEGIN PGP SIGNATURE-----", Claim::No),
        ] {
            assert_eq!(SignatureReader.claims(&Hint { path, size: 9, head }), claim, "{path}");
        }
    }
}
