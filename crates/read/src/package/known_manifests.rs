//! Manifests and lock files that Weighbridge knows of and does not read yet: packages that nobody assessed are told as
//! not covered, never passed over in silence.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::is_installed;
use super::text::decode;

/// Tells which manifest it is that is not read.
pub struct KnownManifestsReader;

impl Reader for KnownManifestsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "known-manifests",
            title: "Manifests known and not read yet",
            family: Family::Package,
            names: &["Pipfile", "Pipfile.lock", "pdm.lock", "setup.py", "setup.cfg"],
            reads: "whether it asks for packages, so that it is listed as not covered",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if !is_installed(hint) && kind(hint.name()).is_some() { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let name = sink.place().name().to_owned();
        let Some(Kind { title, words }) = kind(&name) else { return Ok(()) };
        let asks = words.is_empty() || {
            let text = decode(&input.read_text()?).text;
            words.iter().any(|word| text.contains(word))
        };
        if asks { Err(Unread::Unsupported(title.to_owned())) } else { Ok(()) }
    }
}

/// A kind of manifest.
struct Kind {
    /// What people call it.
    title: &'static str,
    /// Words of which one stands in each that asks for packages; empty where all do.
    words: &'static [&'static str],
}

fn kind(name: &str) -> Option<Kind> {
    let (title, words): (_, &[&str]) = match name {
        "Pipfile" => ("Pipfile", &["packages"]),
        "Pipfile.lock" => ("Pipfile lock", &[]),
        "pdm.lock" => ("PDM lock", &[]),
        "setup.py" => ("requirements in `setup.py`", &["install_requires", "setup_requires"]),
        "setup.cfg" => ("requirements in `setup.cfg`", &["install_requires", "setup_requires"]),
        _ => return None,
    };
    Some(Kind { title, words })
}
