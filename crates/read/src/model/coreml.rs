//! Core ML models: `.mlmodel`, alone or in a package (`.mlpackage`) with its weights in files beside it.
//!
//! Core ML runs no code of a file, but a model may ask for a class of the program that loads it, and names the files of
//! its weights.
//!
//! Source: the format specification of coremltools, `mlmodel/format/*.proto`.

mod schema;

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

use super::operators::Operators;
use crate::protobuf::{Field, Label, Message, Part, Wire, empty, fit, span};

/// Reads Core ML models.
pub struct CoreMl;

/// Stands for the folder of the model in names of files.
const FOLDER: &str = "@model_path/";
/// Bytes of what stands before the weights at each place of a file of weights
/// (`mlmodel/src/MILBlob/Blob/StorageFormat.hpp`).
const BLOB_HEADER: u64 = 64;
/// The most files of one model that are told.
const MOST_FILES: usize = 10_000;

impl Reader for CoreMl {
    fn about(&self) -> &'static About {
        &About {
            id: "coreml",
            title: "Core ML",
            family: Family::Model,
            names: &["*.mlmodel", "*.mlpackage"],
            reads: "Every model of a pipeline, layer of a network and operation of a program: classes that the program \
                    which loads it must bring along, and files of weights.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let fit = fit(&schema::MODEL, hint.head, hint.size);
        let begun = hint.head.first() == Some(&0x08);
        if begun && fit.is_some_and(|fit| fit.has("description") && fit.fields >= 5) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("mlmodel") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("coreml"), None);
        let mut walk = Walk {
            wire: Wire::new(input, ""),
            operators: Operators::new("coreml", "type", input.limits()),
            files: BTreeMap::new(),
            sink,
        };
        let part = walk.wire.whole();
        let ended = walk.model(part).and_then(|any| if any { Ok(()) } else { Err(empty("Core ML model")) });
        walk.finish();
        ended
    }
}

struct Walk<'input, 'sink> {
    wire: Wire<'input>,
    sink: &'sink mut Sink,
    operators: Operators,
    /// Files of weights, and up to which byte they are read.
    files: BTreeMap<String, Beside>,
}

struct Beside {
    end: u64,
    count: u64,
    pointer: String,
    at: u64,
}

impl Walk<'_, '_> {
    /// Whether there is a model of any kind.
    fn model(&mut self, part: Part) -> Result<bool, Unread> {
        let mut fields = part.fields(&schema::MODEL);
        let mut any = false;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            any |= !matches!(field.name, "specificationVersion" | "description" | "isUpdatable");
            let label = Label::None;
            match field.name {
                "pipelineClassifier" | "pipelineRegressor" => {
                    self.each(field, label, &schema::PIPELINE_HOLDER, |walk, field, _| {
                        walk.each(field, Label::None, &schema::PIPELINE, Self::pipeline)
                    })?;
                }
                "pipeline" => self.each(field, label, &schema::PIPELINE, Self::pipeline)?,
                "neuralNetwork" | "neuralNetworkClassifier" | "neuralNetworkRegressor" => {
                    self.each(field, label, &schema::NETWORK, Self::network)?;
                }
                "mlProgram" => self.each(field, label, &schema::PROGRAM, Self::program)?,
                "customModel" => self.custom("customModel", field)?,
                "linkedModel" => self.linked(field)?,
                "serializedModel" => {
                    let reason = Unread::Unsupported("a serialized model inside a Core ML model".to_owned());
                    self.sink.unread(reason, span(field.at));
                }
                _ => {}
            }
        }
        Ok(any)
    }

    /// Goes into a message and hands on each of its fields, with how many of the same name came before.
    fn each(
        &mut self,
        field: Field,
        label: Label,
        message: &'static Message,
        mut inside: impl FnMut(&mut Self, Field, u64) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        self.wire.enter(field.name, label)?;
        let mut fields = field.part.fields(message);
        let (mut name, mut number) = ("", 0u64);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            number = if field.name == name { number.saturating_add(1) } else { 0 };
            name = field.name;
            inside(self, field, number)?;
        }
        self.wire.leave();
        Ok(())
    }

    fn pipeline(&mut self, field: Field, number: u64) -> Result<(), Unread> {
        if field.name == "models" {
            self.wire.enter("models", number)?;
            self.model(field.part)?;
            self.wire.leave();
        }
        Ok(())
    }

    fn network(&mut self, field: Field, number: u64) -> Result<(), Unread> {
        if field.name != "layers" {
            return Ok(());
        }
        self.each(field, number.into(), &schema::LAYER, |walk, field, _| match field.name {
            "name" => {
                let name = walk.wire.text(field.part)?;
                walk.wire.path.rename(&name);
                Ok(())
            }
            "custom" => walk.custom("customLayer", field),
            "branch" => walk.each(field, Label::None, &schema::BRANCH, |walk, field, _| {
                walk.each(field, Label::None, &schema::NETWORK, Self::network)
            }),
            "loop" => walk.each(field, Label::None, &schema::LOOP, |walk, field, _| match field.name {
                "conditionNetwork" | "bodyNetwork" => {
                    walk.each(field, Label::None, &schema::NETWORK, Self::network)
                }
                _ => Ok(()),
            }),
            _ => Ok(()),
        })
    }

    /// A class of the program that loads the model.
    fn custom(&mut self, domain: &'static str, field: Field) -> Result<(), Unread> {
        let at = field.at;
        let mut class = String::new();
        self.each(field, Label::None, &schema::CUSTOM, |walk, field, _| {
            if field.name == "className" {
                class = walk.wire.text(field.part)?;
            }
            Ok(())
        })?;
        self.operators.add(domain, &class, &self.wire.path, at);
        Ok(())
    }

    /// A model in another file.
    fn linked(&mut self, field: Field) -> Result<(), Unread> {
        let at = field.at;
        let (mut name, mut folder) = (String::new(), String::new());
        self.each(field, Label::None, &schema::LINKED, |walk, field, _| {
            walk.each(field, Label::None, &schema::LINKED_FILE, |walk, field, _| {
                let slot = if field.name == "linkedModelFileName" { &mut name } else { &mut folder };
                walk.each(field, Label::None, &schema::PARAMETER, |walk, field, _| {
                    *slot = walk.wire.text(field.part)?;
                    Ok(())
                })
            })
        })?;
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let effect = Effect::new(EffectKind::Read, Target::Path(path), "linkedModel");
        let effect = effect.at(self.wire.path.to_string());
        self.sink.observed(What::Effect(effect), span(at));
        Ok(())
    }

    fn program(&mut self, field: Field, number: u64) -> Result<(), Unread> {
        match field.name {
            "attributes" => self.entry(field, number),
            "functions" => self.each(field, number.into(), &schema::FUNCTION_ENTRY, |walk, field, _| {
                if field.name == "key" {
                    return walk.rename(field);
                }
                walk.each(field, Label::None, &schema::FUNCTION, |walk, field, number| match field.name {
                    "attributes" => walk.entry(field, number),
                    "block_specializations" => {
                        walk.each(field, number.into(), &schema::BLOCK_ENTRY, |walk, field, _| {
                            match field.name {
                                "key" => walk.rename(field),
                                _ => walk.block(field, Label::None),
                            }
                        })
                    }
                    _ => Ok(()),
                })
            }),
            _ => Ok(()),
        }
    }

    fn rename(&mut self, field: Field) -> Result<(), Unread> {
        let name = self.wire.text(field.part)?;
        self.wire.path.rename(&name);
        Ok(())
    }

    fn block(&mut self, field: Field, label: Label) -> Result<(), Unread> {
        self.each(field, label, &schema::BLOCK, |walk, field, number| match field.name {
            "attributes" => walk.entry(field, number),
            "operations" => walk.operation(field, number),
            _ => Ok(()),
        })
    }

    fn operation(&mut self, field: Field, number: u64) -> Result<(), Unread> {
        self.each(field, number.into(), &schema::OPERATION, |walk, field, number| match field.name {
            "type" => {
                let name = walk.wire.text(field.part)?;
                walk.operators.add("mil", &name, &walk.wire.path, field.at);
                Ok(())
            }
            "inputs" => {
                walk.each(field, number.into(), &schema::INPUT_ENTRY, |walk, field, _| match field.name {
                    "key" => walk.rename(field),
                    _ => walk.each(field, Label::None, &schema::ARGUMENT, |walk, field, number| {
                        walk.each(field, number.into(), &schema::BINDING, |walk, field, _| match field.name {
                            "value" => walk.value(field),
                            _ => Ok(()),
                        })
                    }),
                })
            }
            "blocks" => walk.block(field, number.into()),
            "attributes" => walk.entry(field, number),
            _ => Ok(()),
        })
    }

    /// A named value.
    fn entry(&mut self, field: Field, number: u64) -> Result<(), Unread> {
        self.each(field, number.into(), &schema::VALUE_ENTRY, |walk, field, _| match field.name {
            "key" => walk.rename(field),
            _ => walk.value(field),
        })
    }

    fn value(&mut self, field: Field) -> Result<(), Unread> {
        self.each(field, Label::None, &schema::VALUE, |walk, field, _| match field.name {
            "blobFileValue" => walk.blob(field),
            "immediateValue" => walk.each(field, Label::None, &schema::IMMEDIATE, |walk, field, _| {
                let message = match field.name {
                    "tuple" | "list" => &schema::VALUES,
                    "dictionary" => &schema::DICTIONARY,
                    _ => return Ok(()),
                };
                walk.each(field, Label::None, message, |walk, field, _| match message.name {
                    "ListValue" => walk.value(field),
                    _ => walk.each(field, Label::None, &schema::PAIR, |walk, field, _| walk.value(field)),
                })
            }),
            _ => Ok(()),
        })
    }

    /// A value that lies in a file of weights.
    fn blob(&mut self, field: Field) -> Result<(), Unread> {
        let at = field.at;
        let (mut file, mut offset) = (String::new(), 0);
        self.each(field, Label::None, &schema::BLOB, |walk, field, _| {
            match field.name {
                "fileName" => file = walk.wire.text(field.part)?,
                _ => offset = field.number,
            }
            Ok(())
        })?;
        let Some(end) = offset.checked_add(BLOB_HEADER).filter(|end| i64::try_from(*end).is_ok()) else {
            let what = Target::Unknown(format!("the offset in `{file}` does not fit 64 bits"));
            let effect =
                Effect::new(EffectKind::Corrupt, what, "blobFileValue").at(self.wire.path.to_string());
            self.sink.observed(What::Effect(effect), span(at));
            return Ok(());
        };
        let path = file.strip_prefix(FOLDER).map_or(file.as_str(), |rest| rest.trim_start_matches('/'));
        if let Some(known) = self.files.get_mut(path) {
            known.end = known.end.max(end);
            known.count = known.count.saturating_add(1);
        } else if self.files.len() < MOST_FILES {
            let beside = Beside { end, count: 1, pointer: self.wire.path.to_string(), at };
            self.files.insert(path.to_owned(), beside);
        }
        Ok(())
    }

    fn finish(self) {
        self.wire.finish(self.sink);
        for (path, Beside { end, count, pointer, at }) in self.files {
            let outside = path.starts_with('/')
                || path.contains(['\\', '\0', ':'])
                || path.split('/').any(|step| step == "..");
            if !outside && self.sink.place().inner.is_empty() {
                self.sink.follow(Follow { path: path.clone(), reader: "tensor-data", span: span(at) });
            }
            let effect = Effect::new(EffectKind::Read, Target::Path(path), "blobFileValue");
            let effect = effect.at(pointer).with(vec![Value::Int(end.to_string())]);
            self.sink.observed(What::Effect(Effect { count, ..effect }), span(at));
        }
        self.operators.tell(self.sink);
    }
}
