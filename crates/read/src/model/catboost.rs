//! CatBoost's own binary layout: a magic number, the size of a flatbuffer, the flatbuffer, then parts that it names.
//!
//! The library verifies the flatbuffer before it looks inside, and no part holds code. What is read here is what it is
//! made of, and texts in which a pickle could hide.
//!
//! Source: `catboost/libs/model/model.cpp` (`TFullModel::Load`) and `flatbuffers/model.fbs` of CatBoost 1.2.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::{array_at, length, offset, u16_at, u32_at};
use crate::model::hidden;

/// Reads models of CatBoost.
pub struct CatBoost;

const MAGIC: &[u8] = b"CBM1";
/// The one version of the layout (`CURRENT_CORE_FORMAT_STRING`).
const VERSION: &str = "FlabuffersModel_v1";
/// The longest flatbuffer that is taken into memory.
const LONGEST: u64 = 256 << 20;
/// Parts that may follow (`static_ctr_provider.h`, `text_processing_collection.h`, `embedding_processing_collection.h`).
const PARTS: [&str; 4] = ["embedding_process_v1", "static_provider_v1", "text_process_v1", "text_process_v2"];

// Fields of `TModelCore` by their number.
const FORMAT_VERSION: usize = 0;
const INFO: usize = 2;
const PART_IDS: usize = 3;

impl Reader for CatBoost {
    fn about(&self) -> &'static About {
        &About {
            id: "catboost",
            title: "CatBoost",
            family: Family::Model,
            names: &["*.cbm"],
            reads: "The layout of the file, its version, its parts, and pickles in its texts.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(MAGIC) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("cbm") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 8];
        input.read_exact(0, &mut head)?;
        if !head.starts_with(MAGIC) {
            return Err(Unread::Malformed("no model of CatBoost: the first bytes are other ones".to_owned()));
        }
        sink.observed(What::Format("catboost"), None);
        let size = u64::from(u32_at(&head, 4).unwrap_or_default());
        let available = input.size().saturating_sub(8);
        if size > available {
            let what = Target::Unknown(format!("the model claims {size} bytes of {available}"));
            sink.observed(
                What::Effect(Effect::new(EffectKind::Overrun, what, "CBM1")),
                Some(Span::Offset(4)),
            );
            return Err(Unread::Truncated { offset: input.size() });
        }
        let buffer = Buffer(input.read_vec(8, size, LONGEST)?);
        let root = buffer.root().ok_or_else(|| broken("the root"))?;
        let version = buffer.text(root, FORMAT_VERSION).ok_or_else(|| broken("the version"))?;
        if version != VERSION {
            let version: String = version.chars().take(60).collect();
            return Err(Unread::Unsupported(format!("version `{version}` of CatBoost's layout")));
        }
        for entry in buffer.vector(root, INFO).ok_or_else(|| broken("the texts"))? {
            let table = buffer.follow(entry).ok_or_else(|| broken("a text"))?;
            let value = buffer.text(table, 1).unwrap_or_default();
            if let Some(bytes) = hidden::pickle(&value) {
                let name: String = buffer.text(table, 0).unwrap_or_default().chars().take(60).collect();
                let step = format!("text {name}").into();
                sink.child(Child { step, body: Body::Bytes(bytes), reader: Some("pickle") });
            }
        }
        let mut parts = 0usize;
        for entry in buffer.vector(root, PART_IDS).ok_or_else(|| broken("the parts"))? {
            let part =
                buffer.follow(entry).and_then(|at| buffer.text_at(at)).ok_or_else(|| broken("a part"))?;
            parts = parts.saturating_add(1);
            // The names of those for texts and embeddings are written with the zero that ends them.
            let part = part.trim_end_matches('\0').to_owned();
            if !PARTS.contains(&part.as_str()) {
                let part: String = part.chars().take(60).collect();
                sink.unread(Unread::Unsupported(format!("part `{part}` of a model of CatBoost")), None);
            }
        }
        let left = available.saturating_sub(size);
        if left > 0 && parts == 0 {
            let at = size.saturating_add(8);
            sink.malformed(format!("{left} bytes stand after the model"), Some(Span::Offset(at)));
            let body = Body::Slice { offset: at, size: left };
            sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
        }
        Ok(())
    }
}

fn broken(what: &str) -> Unread {
    Unread::Malformed(format!("{what} of the flatbuffer is not where it says"))
}

/// A flatbuffer. Source: "FlatBuffers Internals": little-endian, every reference an offset from its own place.
struct Buffer(Vec<u8>);

impl Buffer {
    fn root(&self) -> Option<usize> {
        self.follow(0)
    }

    /// Where the reference at `at` leads.
    fn follow(&self, at: usize) -> Option<usize> {
        let distance = length(u64::from(u32_at(&self.0, at)?));
        at.checked_add(distance).filter(|to| *to < self.0.len())
    }

    /// Where the field of a table stands; none if it has its default.
    fn field(&self, table: usize, number: usize) -> Option<Option<usize>> {
        let back = i32::from_le_bytes(array_at(&self.0, table)?);
        let place = i64::try_from(table).ok()?.checked_sub(i64::from(back))?;
        let vtable = usize::try_from(place).ok()?;
        let size = usize::from(u16_at(&self.0, vtable)?);
        let slot = number.checked_mul(2)?.checked_add(4)?;
        if slot.checked_add(2)? > size {
            return Some(None);
        }
        Some(match u16_at(&self.0, vtable.checked_add(slot)?)? {
            0 => None,
            distance => Some(table.checked_add(usize::from(distance))?),
        })
    }

    fn text(&self, table: usize, number: usize) -> Option<String> {
        match self.field(table, number)? {
            Some(at) => self.text_at(self.follow(at)?),
            None => Some(String::new()),
        }
    }

    fn text_at(&self, at: usize) -> Option<String> {
        let size = length(u64::from(u32_at(&self.0, at)?));
        let begin = at.checked_add(4)?;
        let bytes = self.0.get(begin..begin.checked_add(size)?)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Places of the references of a vector; none when it does not fit.
    fn vector(&self, table: usize, number: usize) -> Option<Vec<usize>> {
        let Some(at) = self.field(table, number)? else { return Some(Vec::new()) };
        let vector = self.follow(at)?;
        let count = u64::from(u32_at(&self.0, vector)?);
        let begin = vector.checked_add(4)?;
        if count.checked_mul(4)?.checked_add(offset(begin))? > offset(self.0.len()) {
            return None;
        }
        (0..length(count)).map(|index| begin.checked_add(index.checked_mul(4)?)).collect()
    }
}
