//! Zarr arrays and Orbax checkpoints: folders of small JSON files beside chunks of numbers.
//!
//! The chunks are opaque bytes that no loader takes for anything else, but for one thing: an array of objects goes through
//! a codec, and one of the codecs is pickle.
//!
//! Source: Zarr specifications 2 and 3 ("Filters", "Codecs"), `numcodecs/pickles.py`, and "Checkpoint format" of Orbax
//! 0.11 (`_METADATA`, `_CHECKPOINT_METADATA`, `manifest.ocdbt`).

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::json::{self, Node, Value};
use crate::tally::{Tally, global, operate};

/// Reads the metadata of Zarr.
pub struct Zarr;

/// Reads the metadata of Orbax.
pub struct Orbax;

/// The names under which Zarr keeps metadata (version 2, the same of a whole group, version 3).
const ZARR: [&str; 4] = [".zarray", ".zgroup", ".zmetadata", "zarr.json"];
const ORBAX: [&str; 3] = ["_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt"];
/// What a manifest of OCDBT begins with (`kManifestMagic` of TensorStore).
const MANIFEST: &[u8] = b"\x0c\xdb\x3a\x2a";
/// Containers in containers that are looked into.
const DEEPEST: usize = 100;

impl Reader for Zarr {
    fn about(&self) -> &'static About {
        &About {
            id: "zarr",
            title: "Zarr",
            family: Family::Model,
            names: &ZARR,
            reads: "The codecs of every array, of versions 2 and 3: pickle, and codecs that come with other code.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.size > 0 && ZARR.contains(&hint.name()) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let whole = json::tree(input)?;
        sink.observed(What::Format("zarr"), None);
        let mut tally = Tally::default();
        let ended = codecs(&whole, Kind::Metadata, 0, &mut tally);
        tally.tell(sink);
        ended
    }
}

/// What a part of the document is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Metadata of a group or an array.
    Metadata,
    /// Metadata of many, by their names (`.zmetadata`, `consolidated_metadata`).
    Names,
    /// A codec, or a list of them.
    Codec,
}

/// Every codec of a document, wherever it stands: attributes of the user are not metadata of an array.
///
/// # Errors
/// [`Unread::Limit`] where containers lie in each other too deep to be looked into.
fn codecs(node: &Node, kind: Kind, depth: usize, tally: &mut Tally) -> Result<(), Unread> {
    if depth > DEEPEST {
        let most = u64::try_from(DEEPEST).unwrap_or(u64::MAX);
        return Err(Unread::Limit(LimitKind::Depth, most));
    }
    let below = depth.saturating_add(1);
    match &node.value {
        Value::Object(items) => {
            if kind == Kind::Codec {
                for name in node.all("id").chain(node.all("name")).filter_map(Node::text) {
                    told(name, node.at, tally);
                }
            }
            for (name, item) in items {
                let listed = ["filters", "compressor", "codecs", "index_codecs"].contains(&name.as_str());
                let next = match kind {
                    // Names of arrays stand here, and one may be called like anything.
                    Kind::Names if name.ends_with(".zattrs") => continue,
                    Kind::Names => Kind::Metadata,
                    _ if name == "attributes" => continue,
                    Kind::Metadata if name == "metadata" => Kind::Names,
                    _ if listed => Kind::Codec,
                    _ => Kind::Metadata,
                };
                codecs(item, next, below, tally)?;
            }
        }
        Value::List(items) => {
            for item in items {
                codecs(item, kind, below, tally)?;
            }
        }
        // Version 3 may name a codec without more.
        Value::Text(name) if kind == Kind::Codec => told(name, node.at, tally),
        _ => {}
    }
    Ok(())
}

fn told(name: &str, at: u64, tally: &mut Tally) {
    let short = name.strip_prefix("numcodecs.").unwrap_or(name);
    let effect = match short {
        "pickle" => Effect::new(EffectKind::Call, Target::Global(global("pickle", "loads")), "codec"),
        _ => operate("zarr", "codec", short, "codec"),
    };
    tally.add(effect, at);
}

impl Reader for Orbax {
    fn about(&self) -> &'static About {
        &About {
            id: "orbax",
            title: "Orbax checkpoints",
            family: Family::Model,
            names: &ORBAX,
            reads: "Its metadata, which name no code. The arrays beside it are Zarr or OCDBT: opaque numbers.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(MANIFEST) && hint.name() == "manifest.ocdbt" {
            Claim::ByMagic
        } else if hint.size > 0 && ORBAX.contains(&hint.name()) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut magic = [0; 4];
        if input.read_some(0, &mut magic)? == 4 && magic == *MANIFEST {
            sink.observed(What::Format("orbax"), None);
            return Ok(());
        }
        let whole = json::tree(input)?;
        if !matches!(whole.value, Value::Object(_)) {
            return Err(Unread::Malformed("no metadata of Orbax: it is no JSON object".to_owned()));
        }
        sink.observed(What::Format("orbax"), None);
        Ok(())
    }
}
