//! LightGBM: its text of trees.
//!
//! Loading one runs nothing. But the library follows the numbers of children and features, and the sizes of the trees,
//! without a look at whether they are there.
//!
//! Source: `src/boosting/gbdt_model_text.cpp` and `src/io/tree.cpp` of LightGBM 4.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::bytes::offset;
use crate::model::trees::{self, Child, corrupt};
use crate::tally::Tally;

/// Reads models of LightGBM.
pub struct LightGbm;

/// Bytes of the window through which a model is read.
const WINDOW: usize = 64 << 10;

impl Reader for LightGbm {
    fn about(&self) -> &'static About {
        &About {
            id: "lightgbm",
            title: "LightGBM",
            family: Family::Model,
            names: &[],
            reads: "Its text, whatever the file is called: whether every child, leaf, feature and tree is there.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // The loader looks lines up by their keys, in whichever order they stand behind the first.
        let holds = |line: &[u8]| hint.head.split(|byte| *byte == b'\n').any(|it| it.starts_with(line));
        let begins = hint.head.starts_with(b"tree\n") || hint.head.starts_with(b"tree\r\n");
        if begins && (holds(b"version=v") || holds(b"num_class=")) { Claim::ByMagic } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut lines = Lines { cursor: input.cursor(0, WINDOW), longest: input.limits().text_bytes };
        if lines.next()?.is_none_or(|(_, line)| line.trim_end() != "tree") {
            return Err(Unread::Malformed("no model of LightGBM: the first line is another one".to_owned()));
        }
        sink.observed(What::Format("lightgbm"), None);
        let mut model = Model::default();
        let ended = model.read(input, &mut lines, sink);
        model.tally.tell(sink);
        ended
    }
}

/// Lines of a text, and where each begins.
struct Lines<'input> {
    cursor: Cursor<'input>,
    longest: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<(u64, String)>, Unread> {
        let at = self.cursor.offset();
        let mut line = Vec::new();
        loop {
            let window = self.cursor.peek()?;
            if window.is_empty() {
                return Ok((!line.is_empty()).then(|| (at, String::from_utf8_lossy(&line).into_owned())));
            }
            let part = window.iter().position(|byte| *byte == b'\n');
            let end = part.unwrap_or(window.len());
            line.extend(window.get(..end).unwrap_or_default());
            self.cursor.skip(offset(end).saturating_add(u64::from(part.is_some())));
            if part.is_some() {
                return Ok(Some((at, String::from_utf8_lossy(&line).into_owned())));
            }
            if offset(line.len()) > self.longest {
                return Err(Unread::Limit(LimitKind::TextBytes, self.longest));
            }
        }
    }
}

/// One tree, as far as its ways go.
#[derive(Default)]
struct Tree {
    at: u64,
    leaves: Option<u64>,
    left: Vec<i64>,
    right: Vec<i64>,
    features: Vec<i64>,
}

#[derive(Default)]
struct Model {
    /// The highest number of a feature.
    highest: Option<u64>,
    trees_an_iteration: Option<u64>,
    sizes: Vec<u64>,
    sizes_at: u64,
    trees: u64,
    tree: Option<Tree>,
    first_tree: Option<u64>,
    /// Where the trees begin that the library would look for: the first is where its line is.
    next_tree: Option<u64>,
    misplaced: bool,
    tally: Tally,
}

impl Model {
    fn read(&mut self, input: &Input, lines: &mut Lines<'_>, sink: &mut Sink) -> Result<(), Unread> {
        let mut ended = false;
        while let Some((at, line)) = lines.next()? {
            let line = line.trim_end();
            if line == "end of trees" {
                ended = true;
                break;
            }
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            if name == "Tree" {
                self.grown();
                let first = *self.first_tree.get_or_insert(at);
                self.misplaced |= !self.sizes.is_empty() && self.next_tree.unwrap_or(first) != at;
                let size = usize::try_from(self.trees).ok().and_then(|number| self.sizes.get(number));
                self.next_tree = size.and_then(|size| at.checked_add(*size));
                self.tree = Some(Tree { at, ..Tree::default() });
                continue;
            }
            match &mut self.tree {
                None => self.header(name, value, at),
                Some(tree) => match name {
                    "num_leaves" => tree.leaves = value.parse().ok(),
                    "left_child" => tree.left = numbers(value),
                    "right_child" => tree.right = numbers(value),
                    "split_feature" => tree.features = numbers(value),
                    _ => {}
                },
            }
        }
        self.grown();
        if !ended {
            sink.malformed("the line `end of trees` is missing", Some(Span::Offset(input.size())));
        }
        if let Some(count) = self.trees_an_iteration
            && count > self.trees.max(1)
        {
            let what = format!("{count} trees an iteration, of {}", self.trees);
            self.tally
                .add(Effect::new(EffectKind::Corrupt, Target::Unknown(what), "num_tree_per_iteration"), 0);
        }
        self.check_sizes(input);
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str, at: u64) {
        match name {
            "max_feature_idx" => self.highest = value.parse().ok(),
            "num_tree_per_iteration" => self.trees_an_iteration = value.parse().ok(),
            "tree_sizes" => {
                self.sizes =
                    value.split_ascii_whitespace().map(|size| size.parse().unwrap_or(u64::MAX)).collect();
                self.sizes_at = at;
            }
            _ => {}
        }
    }

    /// The library looks for each tree where the sizes of those before it say.
    fn check_sizes(&mut self, input: &Input) {
        let Some(first) = self.first_tree else { return };
        if self.misplaced {
            let what = Target::Unknown("a tree where none begins".to_owned());
            self.tally.add(Effect::new(EffectKind::Corrupt, what, "tree_sizes"), self.sizes_at);
        }
        let end = self.sizes.iter().try_fold(first, |all, size| all.checked_add(*size));
        if end.is_none_or(|end| end > input.size()) {
            let what = Target::Unknown("trees behind the end of the file".to_owned());
            self.tally.add(Effect::new(EffectKind::Corrupt, what, "tree_sizes"), self.sizes_at);
        }
    }

    fn grown(&mut self) {
        let Some(tree) = self.tree.take() else { return };
        let number = self.trees;
        self.trees = self.trees.saturating_add(1);
        // The library refuses arrays that are shorter than the number of leaves says.
        let leaves = tree.leaves.unwrap_or_default();
        let inner = leaves.saturating_sub(1);
        if leaves <= 1 {
            return;
        }
        let child = |array: &[i64], node: usize| match array.get(node).copied() {
            Some(next @ 0..) if u64::try_from(next).is_ok_and(|next| next < inner) => {
                usize::try_from(next).map_or(Child::Nowhere, Child::Node)
            }
            // A leaf is written as the complement of its number.
            Some(leaf) if leaf < 0 && u64::try_from(!leaf).is_ok_and(|leaf| leaf < leaves) => Child::Leaf,
            _ => Child::Nowhere,
        };
        let mut highest = 0u64;
        let wrong = trees::walk(
            tree.left.len().max(tree.right.len()),
            |node| Some([child(&tree.left, node), child(&tree.right, node)]),
            |node| {
                let feature = tree.features.get(node).copied().unwrap_or_default();
                highest = highest.max(u64::try_from(feature).unwrap_or(u64::MAX));
            },
        );
        if let Some(wrong) = wrong {
            self.tally.add(corrupt(number, wrong, "Tree"), tree.at);
        }
        if self.highest.is_some_and(|known| highest > known) {
            self.tally.add(corrupt(number, &format!("feature {highest}"), "split_feature"), tree.at);
        }
    }
}

fn numbers(value: &str) -> Vec<i64> {
    value.split_ascii_whitespace().map(|number| number.parse().unwrap_or(i64::MAX)).collect()
}
