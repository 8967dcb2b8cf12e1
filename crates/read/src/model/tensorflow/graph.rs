//! Nodes of graphs and functions.

use weighbridge_core::coverage::Unread;

use super::files::{Named, Scope};
use super::saver::Caller;
use super::{Walk, schema};
use crate::protobuf::{Field, Part};

/// What the attributes of a node say, as far as it matters.
#[derive(Default)]
pub(super) struct Attributes {
    /// Functions that it calls.
    pub(super) functions: Vec<String>,
    /// Texts, by the name of the attribute.
    pub(super) texts: Vec<(String, String)>,
    /// The texts of a constant.
    pub(super) constant: Vec<String>,
}

/// The most texts, functions and inputs of one node that are kept.
const MOST: usize = 1000;

impl Walk<'_, '_> {
    pub(super) fn graph(&mut self, part: Part) -> Result<(), Unread> {
        let mut scope = Scope::default();
        let mut fields = part.fields(&schema::GRAPH);
        let mut nodes = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "node" => {
                    self.within("node", nodes, |walk| walk.node(field.part, &mut scope))?;
                    nodes = nodes.saturating_add(1);
                }
                "library" => self.within("library", (), |walk| walk.library(field.part))?,
                _ => {}
            }
        }
        self.leave_scope(scope, None);
        Ok(())
    }

    fn library(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::LIBRARY);
        let mut functions = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "function" => {
                    self.within("function", functions, |walk| walk.function(field.part))?;
                    functions = functions.saturating_add(1);
                }
                "gradient" => {
                    let mut fields = field.part.fields(&schema::GRADIENT);
                    let (mut function, mut gradient) = (String::new(), String::new());
                    while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                        let text = self.wire.text(field.part)?;
                        match field.name {
                            "function_name" => function = text,
                            _ => gradient = text,
                        }
                    }
                    self.saver.called(Caller::Function(&function), &gradient);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self, part: Part) -> Result<(), Unread> {
        let mut scope = Scope::default();
        let mut name = String::new();
        let mut fields = part.fields(&schema::FUNCTION);
        let mut nodes = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "signature" => {
                    let mut fields = field.part.fields(&schema::SIGNATURE);
                    while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                        if field.name == "name" {
                            name = self.wire.text(field.part)?;
                            self.wire.path.rename(&name);
                        }
                    }
                }
                "node_def" => {
                    self.within("node_def", nodes, |walk| walk.node(field.part, &mut scope))?;
                    nodes = nodes.saturating_add(1);
                }
                _ => {}
            }
        }
        self.leave_scope(scope, Some(&name));
        Ok(())
    }

    fn node(&mut self, part: Part, scope: &mut Scope) -> Result<(), Unread> {
        let mut node = Named { at: part.start, ..Named::default() };
        let mut attributes = Attributes::default();
        let mut fields = part.fields(&schema::NODE);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "name" => {
                    node.name = self.wire.text(field.part)?;
                    self.wire.path.rename(&node.name);
                }
                "op" => node.operator = self.wire.text(field.part)?,
                "input" if node.inputs.len() < MOST => {
                    let input = self.wire.text(field.part)?;
                    node.inputs.push(input);
                }
                "attr" => self.attribute(field.part, &mut attributes)?,
                _ => {}
            }
        }
        if node.operator.is_empty() {
            return Ok(());
        }
        self.nodes = self.nodes.saturating_add(1);
        self.place(node, attributes, scope);
        Ok(())
    }

    fn attribute(&mut self, part: Part, attributes: &mut Attributes) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::ATTRIBUTE);
        let mut key = String::new();
        self.wire.enter("attr", ())?;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "key" => {
                    key = self.wire.text(field.part)?;
                    self.wire.path.rename(&key);
                }
                _ => {
                    let mut fields = field.part.fields(&schema::VALUE);
                    while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                        match field.name {
                            "list" => {
                                let mut fields = field.part.fields(&schema::LIST);
                                while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                                    self.value(field, &key, attributes)?;
                                }
                            }
                            _ => self.value(field, &key, attributes)?,
                        }
                    }
                }
            }
        }
        self.wire.leave();
        Ok(())
    }

    /// One value of an attribute, alone or in a list.
    fn value(&mut self, field: Field, key: &str, attributes: &mut Attributes) -> Result<(), Unread> {
        match field.name {
            "s" if attributes.texts.len() < MOST => {
                let text = self.wire.text(field.part)?;
                attributes.texts.push((key.to_owned(), text));
            }
            "tensor" => {
                let texts = self.tensor(field.part)?;
                if key == "value" && attributes.constant.len() < MOST {
                    attributes.constant.extend(texts);
                }
            }
            "func" => {
                self.wire.enter("func", ())?;
                let mut fields = field.part.fields(&schema::FUNC);
                while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                    match field.name {
                        "name" if attributes.functions.len() < MOST => {
                            let name = self.wire.text(field.part)?;
                            attributes.functions.push(name);
                        }
                        "attr" => self.attribute(field.part, attributes)?,
                        _ => {}
                    }
                }
                self.wire.leave();
            }
            _ => {}
        }
        Ok(())
    }
}
