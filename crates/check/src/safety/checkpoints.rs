//! What only the files of a distributed checkpoint together can tell: whether the parts that its `.metadata` names are
//! items of the files beside it, all of which were read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::fact::{Effect, EffectKind, Fact, Slice, Target, What};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::show::Shown;
use weighbridge_core::world::File;

use super::leads_out;

/// What in the format names a part.
pub(super) const CONSTRUCT: &str = "_StorageInfo";

/// How many parts that are no items are told one by one.
const SHOWN: usize = 8;

/// The files of all checkpoints.
pub(super) struct Checkpoints<'a> {
    items: BTreeMap<&'a Place, &'a [(u64, u64)]>,
    /// Entries that were not read to their end.
    unread: BTreeSet<&'a Place>,
    facts: &'a BTreeMap<Place, Vec<Fact>>,
    files: &'a BTreeMap<Arc<str>, File>,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn of(facts: &'a BTreeMap<Place, Vec<Fact>>, files: &'a BTreeMap<Arc<str>, File>) -> Self {
        let (mut items, mut unread) = (BTreeMap::new(), BTreeSet::new());
        for (place, facts) in facts {
            for fact in facts {
                match &fact.what {
                    What::Items(found) => drop(items.insert(place, found.as_slice())),
                    What::Unread(_) => drop(unread.insert(place)),
                    _ => {}
                }
            }
        }
        Self { items, unread, facts, files }
    }

    /// The parts which the entry names and which nobody has read as what they are loaded as: an effect each, and where.
    pub(super) fn foreign(&self, place: &Place, slices: &[Slice]) -> Vec<(Span, Effect)> {
        let mut foreign = slices.iter().filter_map(|slice| {
            let target = match leads_out(&slice.path) || slice.path.contains("://") {
                true => Target::Path(slice.path.clone()),
                false => self.foreign_part(&beside(place, &slice.path), slice)?,
            };
            let effect = Effect::new(EffectKind::Read, target, CONSTRUCT);
            Some((Span::Offset(slice.offset), effect))
        });
        let mut told: Vec<(Span, Effect)> = foreign.by_ref().take(SHOWN).collect();
        // Of the rest the worst kind is told once: a path that leads out before a part that is no item.
        let (mut more, mut count) = (None, 0u64);
        for (span, effect) in foreign {
            count = count.saturating_add(1);
            let is_path = matches!(effect.target, Target::Path(_));
            if more
                .as_ref()
                .is_none_or(|(_, known): &(Span, Effect)| is_path && !matches!(known.target, Target::Path(_)))
            {
                more = Some((span, effect));
            }
        }
        told.extend(more.map(|(span, mut effect)| {
            effect.count = count;
            if let Target::Unknown(what) = &mut effect.target {
                *what = format!("{count} more parts of files, which are no items of them");
            }
            (span, effect)
        }));
        told
    }

    /// What a part is that is neither an item of a file nor a file of the target as a whole. A file that is not there cannot
    /// be loaded.
    fn foreign_part(&self, file: &Place, slice: &Slice) -> Option<Target> {
        let (start, end) = (slice.start, slice.start.saturating_add(slice.bytes));
        let path = Shown(&slice.path);
        if let Some(items) = self.items.get(file) {
            let read = items.last().map_or(0, |(start, bytes)| start.saturating_add(*bytes));
            let known = items.binary_search(&(slice.start, slice.bytes)).is_ok();
            // That the rest of the file was not read is told of the file.
            if known || (start >= read && self.unread.contains(file)) {
                return None;
            }
            return Some(Target::Unknown(format!(
                "bytes {start} to {end} of `{path}`, which are no item of it"
            )));
        }
        let size = match file.inner.is_empty() {
            true => self.files.get(&file.path)?.size,
            false => self.facts.contains_key(file).then_some(0)?,
        };
        if file.inner.is_empty() && start == 0 && end == size {
            return None;
        }
        Some(Target::Unknown(format!("bytes {start} to {end} of `{path}`, which is no file of a checkpoint")))
    }
}

/// The entry at `path` from the folder that `place` lies in.
fn beside(place: &Place, path: &str) -> Place {
    let here = place.inner.last().unwrap_or(&place.path);
    let folder = here.rsplit_once('/').map_or("", |(folder, _)| folder);
    let steps = folder.split('/').chain(path.split('/')).filter(|step| !matches!(*step, "" | "."));
    let name: Arc<str> = steps.collect::<Vec<_>>().join("/").into();
    let mut beside = place.clone();
    match beside.inner.last_mut() {
        Some(last) => *last = name,
        None => beside.path = name,
    }
    beside
}
