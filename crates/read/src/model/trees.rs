//! Decision trees as gradient boosting stores them: arrays of children, whose numbers the libraries follow without a
//! look at whether they are there.

use weighbridge_core::fact::{Effect, EffectKind, Target};

/// Where a child leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Child {
    /// To the node of this number.
    Node(usize),
    /// To a leaf, which ends the way.
    Leaf,
    /// To a node or leaf that is not there.
    Nowhere,
}

/// The first thing that is wrong with the ways from the root down: a child that is not there, or a way that leads back.
/// `children` says where a node's two children lead, none for a node that is a leaf; `visit` is called with every node
/// that has children.
pub(crate) fn walk(
    count: usize,
    children: impl Fn(usize) -> Option<[Child; 2]>,
    mut visit: impl FnMut(usize),
) -> Option<&'static str> {
    let mut seen = vec![false; count];
    let mut stack = vec![0usize];
    while let Some(node) = stack.pop() {
        match seen.get_mut(node) {
            None => return Some("a child that is not there"),
            Some(true) => return Some("a node that two ways lead to"),
            Some(seen) => *seen = true,
        }
        let Some(pair) = children(node) else { continue };
        visit(node);
        for child in pair {
            match child {
                Child::Node(next) => stack.push(next),
                Child::Leaf => {}
                Child::Nowhere => return Some("a child that is not there"),
            }
        }
    }
    None
}

/// That a tree makes its library read or write where nothing is.
pub(crate) fn corrupt(tree: u64, what: &str, construct: &'static str) -> Effect {
    Effect::new(EffectKind::Corrupt, Target::Unknown(format!("tree {tree} has {what}")), construct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_followed() {
        let tree = |pairs: &'static [[i64; 2]]| {
            let child = |child: i64| match usize::try_from(child) {
                Ok(node) => Child::Node(node),
                Err(_) => Child::Leaf,
            };
            walk(pairs.len(), |node| Some(pairs[node].map(child)), |_| {})
        };
        assert_eq!(tree(&[[1, 2], [-1, -1], [-1, -1]]), None);
        assert_eq!(tree(&[[1, 7], [-1, -1]]), Some("a child that is not there"));
        assert_eq!(tree(&[[1, -1], [0, -1]]), Some("a node that two ways lead to"));
        assert_eq!(tree(&[[1, 1], [-1, -1]]), Some("a node that two ways lead to"));
        assert_eq!(tree(&[]), Some("a child that is not there"));
    }
}
