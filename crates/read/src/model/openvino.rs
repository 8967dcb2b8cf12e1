//! OpenVINO's intermediate representation: layers in XML. The weights lie in a file of the same name with the ending
//! `.bin`, which holds nothing but numbers.
//!
//! A layer of an operation set of OpenVINO is harmless; any other needs a native library that its user has to load.
//!
//! Source: "OpenVINO IR format" and "Available operation sets" of OpenVINO 2026, `ir_deserializer.cpp`.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::model::pmml::{element, told};
use crate::tally::{Tally, operate};
use crate::xml::{Step, Xml};

/// Reads models of OpenVINO.
pub struct OpenVino;

impl Reader for OpenVino {
    fn about(&self) -> &'static About {
        &About {
            id: "openvino",
            title: "OpenVINO",
            family: Family::Model,
            names: &[],
            reads: "The layers of the XML file and their operation sets, where their weights lie, libraries that it names.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let root = element(hint.head);
        let holds = |wanted: &[u8]| hint.head.windows(wanted.len()).any(|window| window == wanted);
        let net = root.is_some_and(|name| name == b"net")
            && (holds(b"<layers") || holds(b"<layer ") || holds(b"version="));
        if net || root.is_some_and(|name| name == b"CustomLayer") { Claim::ByMagic } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("openvino"), None);
        let mut tally = Tally::default();
        let ended = read(input, &mut tally, sink);
        tally.tell(sink);
        ended
    }
}

fn read(input: &Input, tally: &mut Tally, sink: &mut Sink) -> Result<(), Unread> {
    let mut xml = Xml::new(input);
    let mut root = true;
    while let Some((at, step)) = xml.next()? {
        let (name, attributes) = match step {
            Step::Type(doctype) => {
                told(&doctype, at, tally, sink);
                continue;
            }
            Step::Start { name, attributes } => (name, attributes),
            Step::End(_) => continue,
        };
        if std::mem::take(&mut root) && !matches!(name.as_str(), "net" | "CustomLayer") {
            let name: String = name.chars().take(60).collect();
            return Err(Unread::Malformed(format!(
                "no model of OpenVINO: the outermost element is `{name}`"
            )));
        }
        let attribute = |wanted: &str| {
            attributes
                .iter()
                .find(|(key, _)| key == wanted)
                .map(|(_, value)| value.as_str())
                .unwrap_or_default()
        };
        match name.as_str() {
            // Before version 10 layers had no operation set.
            "layer" => {
                let kind = attribute("type");
                tally.add(operate("openvino", attribute("version"), kind, "layer"), at);
            }
            "data" => {
                let number = |name: &str| attribute(name).parse::<u64>().ok();
                if let (Some(offset), Some(size)) = (number("offset"), number("size"))
                    && offset.checked_add(size).is_none_or(|end| end > u64::from(u32::MAX) << 16)
                {
                    let what = Target::Unknown(format!("weights of {size} bytes at {offset}"));
                    tally.add(Effect::new(EffectKind::Corrupt, what, "data"), at);
                }
            }
            // A library to load, and the source of a kernel for the graphics processor.
            "extension" if !attribute("library").is_empty() => {
                tally.add(run("machine code", attribute("library"), "extension"), at);
            }
            "Source" if !attribute("filename").is_empty() => {
                tally.add(run("OpenCL code", attribute("filename"), "Source"), at);
            }
            _ => {}
        }
    }
    Ok(())
}

fn run(language: &'static str, file: &str, construct: &'static str) -> Effect {
    Effect::new(EffectKind::Run, Target::Code { language, beginning: file.to_owned() }, construct)
}
