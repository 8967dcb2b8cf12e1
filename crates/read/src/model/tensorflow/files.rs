//! Operators that open files, write them or connect to something, and what they are given for a name.
//!
//! The name comes in as a text through other operators. Those that only hand texts on are followed back to constants;
//! whatever else there is (an argument of a function, an input of the model) makes the name unknown.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, What};

use super::graph::Attributes;
use super::saver::{Caller, Use};
use super::{MOST_KEPT, Walk, text};
use crate::bytes::offset;
use crate::protobuf::span;

/// A node.
#[derive(Default)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) inputs: Vec<String>,
    pub(super) at: u64,
}

/// What is kept of the nodes of one graph or function.
#[derive(Default)]
pub(super) struct Scope {
    /// The texts of constants.
    constants: BTreeMap<String, Vec<String>>,
    /// The inputs of nodes that hand texts on.
    forwards: BTreeMap<String, Vec<String>>,
    /// Nodes that use files, where they are.
    uses: Vec<(&'static Rule, Named, String)>,
    /// Calls of functions: the node and the function.
    calls: Vec<(String, String)>,
}

/// What an operator does with the name that it is given.
pub(super) struct Rule {
    pub(super) operator: &'static str,
    pub(super) kind: Kind,
    /// Which of its inputs are names.
    inputs: &'static [usize],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads the file.
    Read,
    /// It writes the file.
    Write,
    /// Files of training: the name is shown with the operator.
    Shown,
    /// It fills a table from a file, as models with a vocabulary do.
    Table,
    /// It saves variables.
    Save,
    /// It restores variables.
    Restore,
}

/// Sorted by operator. What is not here and uses files all the same is in the table of operators.
#[rustfmt::skip] // one line a rule
static RULES: &[Rule] = &[
    Rule { operator: "CSVDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "CSVDatasetV2", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "CacheDataset", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "CacheDatasetV2", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "CreateSummaryDbWriter", kind: Kind::Shown, inputs: &[1] },
    Rule { operator: "CreateSummaryFileWriter", kind: Kind::Shown, inputs: &[1] },
    Rule { operator: "DTensorRestoreV2", kind: Kind::Restore, inputs: &[0] },
    Rule { operator: "DataServiceDatasetV4", kind: Kind::Shown, inputs: &[2] },
    Rule { operator: "DatasetToTFRecord", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "ExperimentalDatasetToTFRecord", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "FileSystemSetConfiguration", kind: Kind::Shown, inputs: &[0, 1, 2] },
    Rule { operator: "FixedLengthRecordDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "FixedLengthRecordDatasetV2", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "GenerateVocabRemapping", kind: Kind::Shown, inputs: &[0, 1] },
    Rule { operator: "InitializeTableFromTextFile", kind: Kind::Table, inputs: &[1] },
    Rule { operator: "InitializeTableFromTextFileV2", kind: Kind::Table, inputs: &[1] },
    Rule { operator: "LoadAndRemapMatrix", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "LoadDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "MatchingFiles", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "MatchingFilesDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "MergeV2Checkpoints", kind: Kind::Save, inputs: &[0, 1] },
    Rule { operator: "ReadFile", kind: Kind::Read, inputs: &[0] },
    Rule { operator: "Restore", kind: Kind::Restore, inputs: &[0] },
    Rule { operator: "RestoreSlice", kind: Kind::Restore, inputs: &[0] },
    Rule { operator: "RestoreV2", kind: Kind::Restore, inputs: &[0] },
    Rule { operator: "RpcClient", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "RpcServer", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "Save", kind: Kind::Save, inputs: &[0] },
    Rule { operator: "SaveDataset", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "SaveDatasetV2", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "SaveSlices", kind: Kind::Save, inputs: &[0] },
    Rule { operator: "SaveV2", kind: Kind::Save, inputs: &[0] },
    Rule { operator: "SnapshotDataset", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "SnapshotDatasetV2", kind: Kind::Write, inputs: &[1] },
    Rule { operator: "SqlDataset", kind: Kind::Shown, inputs: &[0, 1, 2] },
    Rule { operator: "TFRecordDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "TFRecordDatasetV2", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "TextLineDataset", kind: Kind::Shown, inputs: &[0] },
    Rule { operator: "WriteFile", kind: Kind::Write, inputs: &[0] },
];

/// Attributes that name files or addresses, by operator; an operator ending in `*` stands for all that begin so.
static ATTRIBUTES: [(&str, &str, EffectKind); 8] = [
    ("CalibrationStatisticsSaver", "output_file_path", EffectKind::Write),
    ("Debug*", "debug_urls", EffectKind::Write),
    ("DecodeProtoV2", "descriptor_source", EffectKind::Read),
    ("DumpTensor", "log_dir_path", EffectKind::Write),
    ("EncodeProto", "descriptor_source", EffectKind::Read),
    ("ImmutableConst", "memory_region_name", EffectKind::Read),
    ("PrintV2", "output_stream", EffectKind::Write),
    ("RecordInput", "file_pattern", EffectKind::Read),
];

/// Operators that hand a text on, or put texts together.
static FORWARDS: [&str; 25] = [
    "ConcatV2",
    "EnsureShape",
    "Enter",
    "Exit",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "Merge",
    "NextIteration",
    "Pack",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Reshape",
    "Select",
    "SelectV2",
    "ShardedFilename",
    "ShardedFilespec",
    "Slice",
    "Split",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "StringFormat",
    "StringJoin",
    "Switch",
];

/// The most files of one kind of operator that are told.
const MOST_FILES: usize = 10_000;
/// The most nodes between a constant and the operator that uses it.
const MOST_STEPS: usize = 1000;
/// The same for all operators of a file together.
const MOST_STEPS_OF_ALL: usize = 10_000_000;

/// What an input was followed back to.
#[derive(Default)]
struct Origin {
    /// Texts of constants.
    texts: Vec<String>,
    /// Names of the constants.
    nodes: Vec<String>,
}

impl Walk<'_, '_> {
    /// Takes in a node that was read to its end.
    pub(super) fn place(&mut self, node: Named, attributes: Attributes, scope: &mut Scope) {
        self.attributes(&node, &attributes);
        if self.keep(attributes.functions.iter().chain([&node.name, &node.operator])) {
            let functions = attributes.functions.into_iter().map(|function| (node.name.clone(), function));
            scope.calls.extend(functions);
            // In graphs of old a function is called by an operator of its name.
            let registered = node.operator.starts_with(|first: char| first.is_ascii_uppercase())
                && node.operator.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '>');
            if !registered {
                scope.calls.push((node.name.clone(), node.operator.clone()));
            }
        }
        let rule = RULES.binary_search_by_key(&node.operator.as_str(), |rule| rule.operator);
        let rule = rule.ok().and_then(|place| RULES.get(place));
        let saver = rule.is_some_and(|rule| matches!(rule.kind, Kind::Save | Kind::Restore));
        if !saver {
            self.operators.add("", &node.operator, &self.wire.path, node.at);
        }
        match rule {
            _ if !self.keep(node.inputs.iter().chain(&attributes.constant)) => {}
            Some(rule) => scope.uses.push((rule, node, self.wire.path.to_string())),
            None if node.operator.ends_with("Const") && !attributes.constant.is_empty() => {
                scope.constants.insert(node.name, attributes.constant);
            }
            None if FORWARDS.contains(&node.operator.as_str()) => {
                scope.forwards.insert(node.name, node.inputs);
            }
            None => {}
        }
    }

    /// What attributes say by themselves.
    fn attributes(&mut self, node: &Named, attributes: &Attributes) {
        let fits = |operator: &str| match operator.strip_suffix('*') {
            Some(beginning) => node.operator.starts_with(beginning),
            None => node.operator == operator,
        };
        for (operator, attribute, kind) in ATTRIBUTES.iter().filter(|(operator, ..)| fits(operator)) {
            for (key, value) in attributes.texts.iter().filter(|(key, _)| key == attribute) {
                let Some(path) = file_of(key, value) else { continue };
                let kind = if path.contains("://") { EffectKind::Fetch } else { *kind };
                self.file(operator, kind, path, node.at, None);
            }
        }
    }

    /// Tells a file, once for each operator.
    fn file(
        &mut self,
        construct: &'static str,
        kind: EffectKind,
        path: &str,
        at: u64,
        pointer: Option<&str>,
    ) {
        let construct = construct.trim_end_matches('*');
        if self.told.len() < MOST_FILES && self.told.insert((construct, path.to_owned())) {
            let effect = Effect::new(kind, Target::Path(path.to_owned()), construct);
            let place = pointer.map_or_else(|| self.wire.path.to_string(), str::to_owned);
            self.sink.observed(What::Effect(effect.at(place)), span(at));
        }
    }

    /// Follows names at the end of a graph or function.
    pub(super) fn leave_scope(&mut self, scope: Scope, function: Option<&str>) {
        for (node, called) in &scope.calls {
            let caller = function.map_or_else(|| Caller::Node(node), Caller::Function);
            self.saver.called(caller, called);
        }
        if let Some(function) = function {
            // An operator of this name is a call of the function.
            self.saver.functions.insert(function.to_owned());
        }
        for (rule, node, pointer) in &scope.uses {
            // Crafted graphs could make every one of many nodes follow long ways.
            self.saver.full |= self.steps >= MOST_STEPS_OF_ALL;
            let origin = scope.origin(rule, node, &mut self.steps);
            match rule.kind {
                Kind::Read | Kind::Write => {
                    let kind = if rule.kind == Kind::Read { EffectKind::Read } else { EffectKind::Write };
                    for path in origin.texts.iter().filter(|path| !path.is_empty()) {
                        self.file(rule.operator, kind, path, node.at, Some(pointer));
                    }
                }
                Kind::Shown => {
                    let names = origin.texts.iter().take(4).map(|name| text(name)).collect();
                    self.operators.show("", &node.operator, names);
                }
                Kind::Table | Kind::Save | Kind::Restore => {
                    if self.keep(origin.texts.iter().chain(&origin.nodes).chain([&node.name, pointer])) {
                        self.saver.used(Use {
                            rule,
                            node: node.name.clone(),
                            function: function.map(str::to_owned),
                            texts: origin.texts,
                            constants: origin.nodes,
                            pointer: pointer.clone(),
                            at: node.at,
                        });
                    }
                }
            }
        }
    }

    /// Tells what only the end of a meta graph decides: who gets to the operators that save and restore.
    pub(super) fn conclude(&mut self) {
        let saver = std::mem::take(&mut self.saver);
        for function in &saver.functions {
            self.operators.remove("", function);
        }
        let (own, others) = (saver.reached_by_saver(), saver.reached_by_others());
        for used in &saver.uses {
            let write = used.rule.kind == Kind::Save;
            let kind = if write { EffectKind::Write } else { EffectKind::Read };
            let asset = used.constants.iter().any(|constant| saver.assets.contains(constant));
            for path in used.texts.iter().filter(|path| leads_out(path) && !asset) {
                self.file(used.rule.operator, kind, path, used.at, Some(&used.pointer));
            }
            let domain = match used.rule.kind {
                Kind::Table => continue,
                _ if saver.is_legal(used, &own, &others) => "saver",
                _ => "",
            };
            self.operators.add(domain, used.rule.operator, &used.pointer, used.at);
            if domain.is_empty() {
                let names = used.texts.iter().take(4).map(|name| text(name)).collect();
                self.operators.show("", used.rule.operator, names);
            }
        }
        if saver.full {
            self.sink.unread(Unread::Limit(LimitKind::StateBytes, offset(MOST_KEPT)), None);
        }
    }
}

impl Scope {
    /// Follows the inputs that are names back to constants.
    fn origin(&self, rule: &Rule, node: &Named, steps: &mut usize) -> Origin {
        let mut origin = Origin::default();
        let inputs = rule.inputs.iter().filter_map(|place| node.inputs.get(*place));
        let mut open: Vec<&str> = inputs.map(|input| node_of(input)).collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.len() >= MOST_STEPS || *steps >= MOST_STEPS_OF_ALL || !seen.insert(name) {
                continue;
            }
            *steps = steps.saturating_add(1);
            if let Some(texts) = self.constants.get(name) {
                origin.nodes.push(name.to_owned());
                origin.texts.extend(texts.iter().cloned());
                *steps = steps.saturating_add(texts.len());
            }
            let further = self.forwards.get(name).into_iter().flatten();
            open.extend(further.filter(|input| !input.starts_with('^')).map(|input| node_of(input)));
        }
        origin
    }
}

/// The node of an input such as `name`, `name:1`, `name:output:0`.
pub(super) fn node_of(input: &str) -> &str {
    input.split(':').next().unwrap_or_default()
}

/// Whether a path names something that does not lie beside the model.
fn leads_out(path: &str) -> bool {
    path.starts_with(['/', '\\', '~'])
        || path.contains("://")
        || path.get(1..2) == Some(":")
        || path.split(['/', '\\']).any(|step| step == "..")
}

/// The file or address in the value of an attribute; none where it is something else.
fn file_of<'v>(attribute: &str, value: &'v str) -> Option<&'v str> {
    let path = match attribute {
        "output_stream" => value.strip_prefix("file://")?,
        "debug_urls" => value.strip_prefix("file://").unwrap_or(value),
        "descriptor_source" if value == "local://" || value.starts_with("bytes://") => return None,
        "memory_region_name" if value.starts_with("memmapped_package://") => return None,
        _ => value,
    };
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(RULES.is_sorted_by_key(|rule| rule.operator));
        assert!(FORWARDS.is_sorted());
        assert!(ATTRIBUTES.is_sorted_by_key(|(operator, ..)| *operator));
    }
}
