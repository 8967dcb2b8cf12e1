//! Models of PaddlePaddle: the program in protocol buffers (`.pdmodel`), and its parameters as bare tensors one after the
//! other (`.pdiparams`). What is saved from Python (`.pdparams`, `.pdopt`) is a pickle.
//!
//! Source: `paddle/fluid/framework/framework.proto`, `SerializeToStream` in `paddle/fluid/framework/dense_tensor_serialize.cc`
//! and `TensorToStream` in `tensor_util.cc` of PaddlePaddle.

pub mod json;
pub mod parameters;
mod schema;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::operators::Operators;
use crate::protobuf::{Part, Wire, empty, fit, span};

/// Reads programs of PaddlePaddle.
pub struct Paddle;

/// What a program is called in folders of old.
const PROGRAM: &str = "__model__";

impl Reader for Paddle {
    fn about(&self) -> &'static About {
        &About {
            id: "paddle",
            title: "PaddlePaddle programs",
            family: Family::Model,
            names: &["*.pdmodel", PROGRAM],
            reads: "Every operator of every block, with the files that it loads or saves.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let fit = fit(&schema::PROGRAM, hint.head, hint.size);
        let begun =
            hint.head.first() == Some(&0x0a) && fit.is_some_and(|fit| fit.has("blocks") && fit.fields >= 6);
        if begun {
            Claim::ByMagic
        } else if hint.size > 0 && (hint.has_extension("pdmodel") || hint.name() == PROGRAM) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("paddle"), None);
        let mut wire = Wire::new(input, "");
        let mut operators = Operators::new("paddle", "type", input.limits());
        let ended = program(&mut wire, &mut operators, sink);
        wire.finish(sink);
        operators.tell(sink);
        ended
    }
}

fn program(wire: &mut Wire<'_>, operators: &mut Operators, sink: &mut Sink) -> Result<(), Unread> {
    let mut fields = wire.whole().fields(&schema::PROGRAM);
    let mut blocks = 0u64;
    while let Some(field) = wire.next(&mut fields, sink)? {
        if field.name == "blocks" {
            wire.enter("blocks", blocks)?;
            let mut fields = field.part.fields(&schema::BLOCK);
            let mut count = 0u64;
            while let Some(field) = wire.next(&mut fields, sink)? {
                if field.name == "ops" {
                    wire.enter("ops", count)?;
                    operator(wire, field.part, operators, sink)?;
                    wire.leave();
                    count = count.saturating_add(1);
                }
            }
            wire.leave();
            blocks = blocks.saturating_add(1);
        }
    }
    if blocks == 0 { Err(empty("PaddlePaddle program")) } else { Ok(()) }
}

fn operator(
    wire: &mut Wire<'_>,
    part: Part,
    operators: &mut Operators,
    sink: &mut Sink,
) -> Result<(), Unread> {
    let mut fields = part.fields(&schema::OPERATOR);
    let (mut name, mut files) = (String::new(), Vec::new());
    while let Some(field) = wire.next(&mut fields, sink)? {
        match field.name {
            "type" => name = wire.text(field.part)?,
            "attrs" => {
                let mut fields = field.part.fields(&schema::ATTRIBUTE);
                let (mut attribute, mut text) = (String::new(), String::new());
                while let Some(field) = wire.next(&mut fields, sink)? {
                    match field.name {
                        "name" => attribute = wire.text(field.part)?,
                        "s" => text = wire.text(field.part)?,
                        _ => {}
                    }
                }
                if attribute == "file_path" && files.len() < MOST_FILES {
                    files.push(text);
                }
            }
            _ => {}
        }
    }
    operators.add("", &name, &wire.path, part.start);
    for path in files {
        let kind = if name.starts_with("save") { EffectKind::Write } else { EffectKind::Read };
        let effect = Effect::new(kind, Target::Path(path), "file_path").at(wire.path.to_string());
        sink.observed(What::Effect(effect), span(part.start));
    }
    Ok(())
}

/// The most files of one operator that are told.
const MOST_FILES: usize = 100;
