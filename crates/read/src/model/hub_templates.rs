//! Chat templates in the configuration of models from the Hugging Face hub.
//!
//! `chat_template` is a template, or a list of templates with names. Everything else in these files is for other readers.
//!
//! Source: `PreTrainedTokenizerBase.from_pretrained` and `ProcessorMixin.get_processor_dict` of transformers.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::tree::{self, Node, Tree};

/// Files in which transformers looks for templates.
const NAMES: [&str; 3] = ["chat_template.json", "processor_config.json", "tokenizer_config.json"];
/// The key of the templates.
const KEY: &str = "chat_template";

/// Reads chat templates out of configuration files.
pub struct HubTemplates;

impl Reader for HubTemplates {
    fn about(&self) -> &'static About {
        &About {
            id: "hub-templates",
            title: "Chat templates of the Hugging Face hub",
            family: Family::Model,
            names: &NAMES,
            reads: "Every chat template, which is parsed.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if NAMES.contains(&hint.name()) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let Some(root) = tree::json(&input.read_text()?)? else {
            return Err(Unread::Malformed("no JSON that Python would read".to_owned()));
        };
        let mut times = 0u64;
        for value in root.get(KEY) {
            times = times.saturating_add(1);
            templates(value, sink);
        }
        if times > 1 {
            // Python takes the last one.
            sink.malformed(format!("`{KEY}` stands {times} times in one object"), root.span());
        }
        Ok(())
    }
}

/// A template, a list of objects with `name` and `template`, or an object of templates by name.
fn templates(value: &Node, sink: &mut Sink) {
    match &value.tree {
        Tree::Text(template) => hand_out("", template, sink),
        Tree::List(items) => {
            for item in items {
                let name = item.get("name").find_map(Node::text).unwrap_or_default();
                item.get("template")
                    .filter_map(Node::text)
                    .for_each(|template| hand_out(name, template, sink));
            }
        }
        Tree::Map(items) => {
            for (name, template) in items {
                if let Some(template) = template.text() {
                    hand_out(name.text().unwrap_or_default(), template, sink);
                }
            }
        }
        _ => {}
    }
}

fn hand_out(name: &str, template: &str, sink: &mut Sink) {
    let step = if name.is_empty() { KEY.into() } else { format!("{KEY}.{name}").into() };
    let body = Body::Bytes(template.as_bytes().to_vec());
    sink.child(Child { step, body, reader: Some("jinja") });
}
