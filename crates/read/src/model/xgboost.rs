//! XGBoost: JSON and UBJSON documents, and the old binary layout, which is only told.
//!
//! Loading one runs nothing. But XGBoost follows the numbers of children, features and groups without a look at whether
//! they are there, and programs put what they like into the free attributes.
//!
//! Source: `doc/model.schema` and "Introduction to Model IO" of XGBoost, `src/tree/tree_model.cc` and
//! `src/gbm/gbtree_model.cc` (3.2).

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::offset;
use crate::events::{Event, Events, Path, Text};
use crate::json::Json;
use crate::model::hidden;
use crate::model::trees::{self, corrupt};
use crate::tally::Tally;
use crate::ubjson::Ubjson;

/// Reads models of XGBoost.
pub struct XgBoost;

/// The header of the old binary layout.
const BINARY: &[u8] = b"binf";
/// What a feature of a deleted node is called (`kDeletedNodeMarker`, without its highest bit).
const NO_FEATURE: u64 = (1 << 31) - 1;

impl Reader for XgBoost {
    fn about(&self) -> &'static About {
        &About {
            id: "xgboost",
            title: "XGBoost",
            family: Family::Model,
            names: &["*.ubj"],
            reads: "JSON and UBJSON, whatever the file is called: whether every child, feature and group is there; pickles in \
                    attributes.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if is_json(hint.head) || is_ubjson(hint.head) || hint.head.starts_with(BINARY) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("ubj") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head)?;
        head.truncate(filled);
        if head.starts_with(BINARY) {
            sink.observed(What::Format("xgboost"), None);
            return Err(Unread::Unsupported(
                "the binary layout that XGBoost gave up with version 3.1".to_owned(),
            ));
        }
        let json = head.trim_ascii_start().first() == Some(&b'{') && !is_ubjson(&head) && {
            let second = head.trim_ascii_start().get(1..).unwrap_or_default().trim_ascii_start();
            second.is_empty() || second.starts_with(b"\"") || second.starts_with(b"}")
        };
        sink.observed(What::Format("xgboost"), None);
        let mut model = Model::new(input);
        let ended = if json {
            model.read(&mut Json::new(input, 0, hidden::LONGEST), sink)
        } else {
            model.read(&mut Ubjson::new(input, 0, hidden::LONGEST), sink)
        };
        model.finish();
        model.tally.tell(sink);
        ended
    }
}

/// Whether the first name of a JSON object is one that XGBoost writes first.
fn is_json(head: &[u8]) -> bool {
    let Some(rest) = head.trim_ascii_start().strip_prefix(b"{") else { return false };
    let rest = rest.trim_ascii_start();
    let begins = |name: &[u8]| {
        let rest = rest.strip_prefix(name)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        rest.first().copied()
    };
    let holds = |name: &[u8]| rest.windows(name.len()).any(|window| window == name);
    let learner = [b"\"attributes\"".as_slice(), b"\"gradient_booster\"", b"\"learner_model_param\""];
    (begins(b"\"learner\"") == Some(b'{') && learner.iter().any(|name| holds(name)))
        || (begins(b"\"version\"") == Some(b'[')
            && holds(b"\"learner\"")
            && learner.iter().any(|name| holds(name)))
}

fn is_ubjson(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(b"{") else { return false };
    [b"L\0\0\0\0\0\0\0\x07".as_slice(), b"l\0\0\0\x07", b"I\0\x07", b"i\x07", b"U\x07"].iter().any(|length| {
        rest.strip_prefix(*length)
            .is_some_and(|name| name.starts_with(b"learner{") || name.starts_with(b"version["))
    })
}

/// One tree, as far as its ways go.
#[derive(Default)]
struct Tree {
    at: u64,
    depth: usize,
    left: Vec<i64>,
    right: Vec<i64>,
    features: Vec<i64>,
    /// Arrays of children and features that began.
    lists: u8,
    categories: Vec<i64>,
    segments: Vec<i64>,
    sizes: Vec<i64>,
}

struct Model<'input> {
    input: &'input Input,
    path: Path,
    tree: Option<Tree>,
    trees: u64,
    /// The highest number of a feature, and the tree that asks for it.
    highest: Option<(u64, u64, u64)>,
    features: Option<u64>,
    /// The highest number of a group, and where.
    group: Option<(u64, u64)>,
    groups: u64,
    tally: Tally,
}

impl<'input> Model<'input> {
    fn new(input: &'input Input) -> Self {
        Self {
            input,
            path: Path::default(),
            tree: None,
            trees: 0,
            highest: None,
            features: None,
            group: None,
            groups: 1,
            tally: Tally::default(),
        }
    }

    fn read(&mut self, events: &mut dyn Events, sink: &mut Sink) -> Result<(), Unread> {
        while let Some((at, event)) = events.next()? {
            self.path.step(&event);
            match event {
                Event::Object if self.path.ends(&["trees", ""]) && self.tree.is_none() => {
                    self.tree = Some(Tree { at, depth: self.path.depth(), ..Tree::default() });
                }
                Event::End if self.tree.as_ref().is_some_and(|tree| self.path.depth() < tree.depth) => {
                    if let Some(tree) = self.tree.take() {
                        self.grown(&tree);
                    }
                }
                Event::List => {
                    let last =
                        ["left_children", "right_children", "split_indices"].contains(&self.path.last());
                    if let Some(tree) = self.tree.as_mut().filter(|_| last) {
                        tree.lists = tree.lists.saturating_add(1);
                    }
                }
                Event::Int(value) => self.number(at, value)?,
                Event::Text(text) => self.text(at, text, sink),
                _ => {}
            }
        }
        Ok(())
    }

    fn number(&mut self, at: u64, value: i64) -> Result<(), Unread> {
        if let Some(tree) = &mut self.tree {
            let kept = if self.path.ends(&["trees", "left_children"]) {
                &mut tree.left
            } else if self.path.ends(&["trees", "right_children"]) {
                &mut tree.right
            } else if self.path.ends(&["trees", "split_indices"]) {
                &mut tree.features
            } else if self.path.ends(&["trees", "categories"]) {
                &mut tree.categories
            } else if self.path.ends(&["trees", "categories_segments"]) {
                &mut tree.segments
            } else if self.path.ends(&["trees", "categories_sizes"]) {
                &mut tree.sizes
            } else {
                return Ok(());
            };
            let limit = self.input.limits().state_bytes;
            if offset(kept.len()) > limit / 64 {
                return Err(Unread::Limit(LimitKind::StateBytes, limit));
            }
            kept.push(value);
        } else if self.path.ends(&["model", "tree_info"]) {
            match u64::try_from(value) {
                Ok(group) if self.group.is_none_or(|(highest, _)| group > highest) => {
                    self.group = Some((group, at))
                }
                Ok(_) => {}
                Err(_) => self.tally.add(misled(format!("a tree of group {value}"), "tree_info"), at),
            }
        }
        Ok(())
    }

    fn text(&mut self, at: u64, text: Text, sink: &mut Sink) {
        let number = || text.kept.parse::<u64>().ok();
        if self.path.is(&["learner", "attributes", self.path.last()]) {
            if text.length > offset(text.kept.len()) {
                sink.unread(
                    Unread::Limit(LimitKind::TextBytes, offset(hidden::LONGEST)),
                    Some(Span::Offset(at)),
                );
            } else if let Some(bytes) = hidden::pickle(&text.kept) {
                let step = format!("attribute {}", self.path.last().chars().take(60).collect::<String>());
                sink.child(Child { step: step.into(), body: Body::Bytes(bytes), reader: Some("pickle") });
            }
        } else if self.path.is(&["learner", "learner_model_param", "num_feature"]) {
            self.features = number();
        } else if self.path.is(&["learner", "learner_model_param", "num_class"])
            || self.path.is(&["learner", "learner_model_param", "num_target"])
        {
            self.groups = self.groups.max(number().unwrap_or(1));
        }
    }

    /// A whole tree: its ways from the root down.
    fn grown(&mut self, tree: &Tree) {
        let number = self.trees;
        self.trees = self.trees.saturating_add(1);
        let count = tree.left.len();
        if tree.lists > 3 {
            self.tally.add(corrupt(number, "an array twice", "trees"), tree.at);
        }
        // The library takes the categories of a split from where segment and size say (`LoadCategoricalSplit`).
        let all = offset(tree.categories.len());
        let within = |(begin, size): (&i64, &i64)| {
            let (begin, size) = (u64::try_from(*begin).ok()?, u64::try_from(*size).ok()?);
            begin.checked_add(size).filter(|end| *end <= all)
        };
        let paired = tree.segments.len() == tree.sizes.len();
        if !paired
            || tree.segments.iter().zip(&tree.sizes).any(|pair| within(pair).is_none())
            || tree.categories.iter().any(|category| *category < 0)
        {
            self.tally.add(corrupt(number, "categories that are not there", "categories"), tree.at);
        }
        let child = |array: &[i64], node: usize| match array.get(node) {
            Some(-1) => trees::Child::Leaf,
            Some(next) => usize::try_from(*next).map_or(trees::Child::Nowhere, trees::Child::Node),
            None => trees::Child::Nowhere,
        };
        // A node without a left child is a leaf, whatever its right one says.
        let children = |node: usize| {
            (tree.left.get(node) != Some(&-1)).then(|| [child(&tree.left, node), child(&tree.right, node)])
        };
        let mut highest = None;
        let wrong = trees::walk(count, children, |node| {
            let feature = tree.features.get(node).copied().unwrap_or_default();
            highest = highest.max(Some(u64::try_from(feature).unwrap_or(u64::MAX)));
        });
        if let Some(wrong) = wrong {
            self.tally.add(corrupt(number, wrong, "trees"), tree.at);
        }
        if let Some(feature) = highest
            && self.highest.is_none_or(|(known, ..)| feature > known)
        {
            self.highest = Some((feature, number, tree.at));
        }
    }

    /// What can be told only when everything was read.
    fn finish(&mut self) {
        if let (Some((feature, tree, at)), Some(features)) = (self.highest, self.features)
            && feature >= features.max(1)
            && features > 0
        {
            let what = if feature == NO_FEATURE {
                "a way through a deleted node".to_owned()
            } else {
                format!("feature {feature} of {features}")
            };
            self.tally.add(corrupt(tree, &what, "split_indices"), at);
        }
        if let Some((group, at)) = self.group
            && group >= self.groups
        {
            self.tally.add(misled(format!("a tree of group {group}, of {}", self.groups), "tree_info"), at);
        }
    }
}

fn misled(what: String, construct: &'static str) -> Effect {
    Effect::new(EffectKind::Corrupt, Target::Unknown(what), construct)
}
