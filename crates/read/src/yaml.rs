//! YAML as a tree. The parser is `saphyr-parser`, which gives events with resolved tags and recurses nowhere.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use weighbridge_core::coverage::Unread;

use crate::tree::{DEEPEST, MOST, Node, Tree, too_deep, too_many};

/// What a stream holds: its documents, and why reading it ended early.
pub(crate) struct Documents {
    pub(crate) documents: Vec<Node>,
    /// The text is no YAML from here on.
    pub(crate) broken: Option<String>,
}

/// The longest scalar that is copied to where it is mentioned again, in bytes.
const SHORT: usize = 1 << 10;

/// A list or map that is not at its end yet.
struct Open {
    node: Node,
    /// In a map: the key whose value comes next.
    key: Option<Node>,
}

/// Reads a stream of documents. Scalars that are mentioned again are copied to where they are mentioned; lists and maps
/// are not, so that the tree is never larger than the text.
///
/// # Errors
/// [`Unread::Limit`] where the text is deeper or larger than what is kept.
pub(crate) fn documents(text: &str) -> Result<Documents, Unread> {
    let mut parser = Parser::new_from_str(text);
    let mut found = Documents { documents: Vec::new(), broken: None };
    let mut open: Vec<Open> = Vec::new();
    let mut scalars: BTreeMap<usize, Node> = BTreeMap::new();
    let mut left = MOST;
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let reason = error.to_string();
                if reason.contains("recursion limit") {
                    return Err(too_deep());
                }
                found.broken = Some(reason);
                break;
            }
        };
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
        left = left.checked_sub(1).ok_or_else(too_many)?;
        let node = match event {
            Event::SequenceStart(_, tag) => tagged(line, tag, Tree::List(Vec::new())),
            Event::MappingStart(_, tag) => tagged(line, tag, Tree::Map(Vec::new())),
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let plain = style == ScalarStyle::Plain;
                let node = tagged(line, tag, if plain { Tree::Plain(text) } else { Tree::Text(text) });
                // Names are short; a long text that is mentioned often must not fill the memory.
                if anchor > 0 && node.text().is_some_and(|text| text.len() <= SHORT) {
                    scalars.insert(anchor, node.clone());
                }
                put(&mut open, &mut found.documents, node);
                continue;
            }
            Event::Alias(anchor) => {
                let node = scalars.get(&anchor).cloned().unwrap_or_else(|| Node::new(line, Tree::Alias));
                put(&mut open, &mut found.documents, Node { line, ..node });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(done) = open.pop() {
                    put(&mut open, &mut found.documents, done.finish());
                }
                continue;
            }
            _ => continue,
        };
        if open.len() >= DEEPEST {
            return Err(too_deep());
        }
        open.push(Open { node, key: None });
    }
    // What stood before an error has been read by those who load one document after the other.
    while let Some(done) = open.pop() {
        put(&mut open, &mut found.documents, done.finish());
    }
    Ok(found)
}

impl Open {
    fn finish(mut self) -> Node {
        if let (Tree::Map(items), Some(key)) = (&mut self.node.tree, self.key.take()) {
            let line = key.line;
            items.push((key, Node::new(line, Tree::Plain(String::new()))));
        }
        self.node
    }
}

/// Adds a node to what is open, else to the documents.
fn put(open: &mut [Open], documents: &mut Vec<Node>, node: Node) {
    match open.last_mut() {
        None => documents.push(node),
        Some(Open { node: Node { tree: Tree::Map(items), .. }, key, .. }) => match key.take() {
            None => *key = Some(node),
            Some(name) => items.push((name, node)),
        },
        Some(Open { node: Node { tree: Tree::List(nodes), .. }, .. }) => nodes.push(node),
        Some(_) => {}
    }
}

fn tagged(line: u32, tag: Option<Cow<'_, Tag>>, tree: Tree) -> Node {
    let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix)).unwrap_or_default();
    Node { line, tag, tree }
}
