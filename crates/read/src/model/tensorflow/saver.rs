//! Who gets to the operators that save and restore variables.
//!
//! Every saved model has them, so they cannot be held against it: they belong to the saver, which the program calls with
//! a path of its own. What else leads to them would make the model itself read and write files.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{Kind, Rule, node_of};

/// What is known of the saver of a meta graph, and of calls between functions.
#[derive(Default)]
pub(super) struct Saver {
    /// Nodes of the graph by which the saver saves and restores.
    roots: BTreeSet<String>,
    /// Constants that hold the path of an asset.
    pub(super) assets: BTreeSet<String>,
    /// Functions of the library.
    pub(super) functions: BTreeSet<String>,
    /// Functions that nodes of the graph call.
    nodes: BTreeSet<(String, String)>,
    /// Functions that functions call.
    calls: BTreeMap<String, BTreeSet<String>>,
    /// Nodes that are judged when everything is known.
    pub(super) uses: Vec<Use>,
    /// Something did not fit.
    pub(super) full: bool,
}

/// A node that saves, restores or fills a table.
pub(super) struct Use {
    pub(super) rule: &'static Rule,
    pub(super) node: String,
    /// The function that holds it; none in the graph itself.
    pub(super) function: Option<String>,
    /// Constants that its name of a file may come from.
    pub(super) texts: Vec<String>,
    /// The names of these constants.
    pub(super) constants: Vec<String>,
    pub(super) pointer: String,
    pub(super) at: u64,
}

/// Who calls a function.
#[derive(Clone, Copy)]
pub(super) enum Caller<'a> {
    /// A node of the graph.
    Node(&'a str),
    /// A function.
    Function(&'a str),
}

impl Saver {
    pub(super) fn root(&mut self, tensor: &str) {
        self.roots.insert(node_of(tensor).to_owned());
    }

    pub(super) fn asset(&mut self, tensor: &str) {
        self.assets.insert(node_of(tensor).to_owned());
    }

    pub(super) fn called(&mut self, caller: Caller<'_>, function: &str) {
        match caller {
            Caller::Node(node) => {
                self.nodes.insert((node.to_owned(), function.to_owned()));
            }
            Caller::Function(caller) => {
                self.calls.entry(caller.to_owned()).or_default().insert(function.to_owned());
            }
        }
    }

    pub(super) fn used(&mut self, used: Use) {
        self.uses.push(used);
    }

    /// Functions to which nodes other than those of the saver lead.
    pub(super) fn reached_by_others(&self) -> BTreeSet<&str> {
        let others = self.nodes.iter().filter(|(node, _)| !self.roots.contains(node));
        self.reach(others.map(|(_, function)| function.as_str()))
    }

    /// Functions to which the nodes of the saver lead.
    pub(super) fn reached_by_saver(&self) -> BTreeSet<&str> {
        let roots = self.nodes.iter().filter(|(node, _)| self.roots.contains(node));
        self.reach(roots.map(|(_, function)| function.as_str()))
    }

    fn reach<'s>(&'s self, from: impl Iterator<Item = &'s str>) -> BTreeSet<&'s str> {
        let mut open: Vec<&str> = from.collect();
        let mut reached = BTreeSet::new();
        while let Some(function) = open.pop() {
            if reached.insert(function) {
                open.extend(self.calls.get(function).into_iter().flatten().map(String::as_str));
            }
        }
        reached
    }

    /// Whether only the saver gets to this node.
    pub(super) fn is_legal(&self, used: &Use, own: &BTreeSet<&str>, others: &BTreeSet<&str>) -> bool {
        debug_assert!(
            matches!(used.rule.kind, Kind::Save | Kind::Restore),
            "tables are judged by their names"
        );
        match &used.function {
            // `tf.train.Saver` puts what it makes into a scope of this name.
            None => {
                let saver = |scope: &str| scope == "save" || scope.starts_with("save_");
                used.node.split('/').any(saver) || self.roots.contains(&used.node)
            }
            Some(function) => {
                if others.contains(function.as_str()) {
                    return false;
                }
                // A graph without a saver of its own keeps the functions that were traced for one.
                own.contains(function.as_str())
                    || function.contains("_traced_save")
                    || function.contains("_traced_restore")
            }
        }
    }
}
