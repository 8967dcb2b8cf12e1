//! What only an archive can tell of the entries in it: which types its code defines, and which storages it holds.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::{Effect, EffectKind, Fact, Global, Operator, Taken, Target, What};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::show::Shown;

/// How many storages that do not fit are told one by one.
const SHOWN: usize = 8;

/// Sizes of storages by key, by folder.
type Storages = BTreeMap<String, BTreeMap<String, u64>>;

/// The archives in a file, by their places.
#[derive(Default)]
pub(super) struct Archives<'a> {
    types: BTreeMap<Place, BTreeSet<&'a str>>,
    storages: BTreeMap<Place, &'a Storages>,
}

impl<'a> Archives<'a> {
    pub(super) fn of(entries: &[(&'a Place, &'a [Fact])]) -> Self {
        let mut archives = Self::default();
        for (place, facts) in entries {
            for fact in *facts {
                match &fact.what {
                    What::Defines(names) => {
                        let types = archives.types.entry(parent(place)).or_default();
                        types.extend(names.iter().map(String::as_str));
                    }
                    What::Storages(storages) => {
                        archives.storages.insert((*place).clone(), storages);
                    }
                    _ => {}
                }
            }
        }
        archives
    }

    /// Whether the effect is on a type of TorchScript that code of the same archive defines. Such a type is code of the
    /// archive, and what that does is told where it stands.
    pub(super) fn define(&self, place: &Place, effect: &Effect) -> bool {
        let (Target::Global(global) | Target::ResultOf(global)) = &effect.target else { return false };
        is_torchscript(global)
            && self
                .types
                .get(&parent(place))
                .is_some_and(|types| types.contains(format!("{}.{}", global.module, global.name).as_str()))
    }

    /// What is wrong with the storages that an entry takes: an effect each, and where.
    pub(super) fn lacking(&self, place: &Place, taken: &[Taken]) -> Vec<(Span, Effect)> {
        let Some(keys) = self.storages.get(&parent(place)).and_then(|storages| folder(place, storages))
        else {
            return Vec::new();
        };
        let mut lacking = Vec::new();
        let mut more: Option<(Span, Effect)> = None;
        for taken in taken {
            let key = Shown(&taken.key);
            let effect = match keys.get(&taken.key.to_ascii_lowercase()) {
                Some(held) if *held >= taken.bytes => continue,
                Some(held) => {
                    let what = format!("{} bytes of storage `{key}`, which has {held}", taken.bytes);
                    Effect::new(EffectKind::Corrupt, Target::Unknown(what), "BINPERSID")
                }
                None => {
                    let what = format!("storage `{key}`, which the archive does not hold");
                    Effect::new(EffectKind::Overrun, Target::Unknown(what), "BINPERSID")
                }
            };
            let span = Span::Offset(taken.offset);
            match &mut more {
                None if lacking.len() < SHOWN => lacking.push((span, effect)),
                None => more = Some((span, effect)),
                Some((_, known)) => {
                    if effect.kind == EffectKind::Corrupt {
                        known.kind = EffectKind::Corrupt;
                    }
                    known.count = known.count.saturating_add(1);
                    known.target = Target::Unknown(format!("{} more storages that do not fit", known.count));
                }
            }
        }
        lacking.extend(more);
        lacking
    }
}

/// Whether a global is the name of a type of TorchScript, which no module of Python can be called.
pub(super) fn is_torchscript(global: &Global) -> bool {
    global.module == "__torch__" || global.module.starts_with("__torch__.")
}

/// The class of a library that a type of TorchScript stands for: `__torch__.torch.classes.quantized.Linear`.
pub(super) fn class(global: &Global) -> Option<Operator> {
    let domain =
        global.module.strip_prefix("__torch__.").filter(|rest| rest.starts_with("torch.classes."))?;
    Some(Operator { set: "torchscript", domain: domain.to_owned(), name: global.name.clone() })
}

fn parent(place: &Place) -> Place {
    let mut parent = place.clone();
    parent.inner.pop();
    parent
}

/// The storages that the pickle at this place takes: those in the folder of its name, else those of the whole package.
fn folder<'s>(place: &Place, storages: &'s Storages) -> Option<&'s BTreeMap<String, u64>> {
    let step = place.inner.last()?.to_ascii_lowercase();
    // Members that share a name have a mark in front: `#2/archive/data.pkl`.
    let name = match step.strip_prefix('#').and_then(|rest| rest.split_once('/')) {
        Some((_, name)) => name,
        None => &step,
    };
    let stem = name.strip_suffix(".pkl")?;
    storages.get(stem).or_else(|| {
        let package = storages.iter().find(|(folder, _)| {
            folder.strip_suffix(".data").is_some_and(|top| top.is_empty() || top.ends_with('/'))
        });
        package.map(|(_, keys)| keys)
    })
}
