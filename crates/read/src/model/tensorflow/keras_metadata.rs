//! `keras_metadata.pb` beside a saved model: the configurations of the layers, from which Keras 2 makes them again.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::{keras_child, schema};
use crate::protobuf::{Wire, fit};

/// Reads `keras_metadata.pb`.
pub struct KerasMetadata;

impl Reader for KerasMetadata {
    fn about(&self) -> &'static About {
        &About {
            id: "keras-metadata",
            title: "Keras metadata of a saved model",
            family: Family::Model,
            names: &["keras_metadata.pb"],
            reads: "The configuration of every layer, handed on as what a Keras model holds.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let fit = fit(&schema::KERAS_METADATA, hint.head, hint.size);
        if fit.is_some_and(|fit| fit.fields >= 4) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.name().eq_ignore_ascii_case("keras_metadata.pb") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("keras-metadata"), None);
        let mut wire = Wire::new(input, "");
        let ended = nodes(&mut wire, sink);
        wire.finish(sink);
        ended
    }
}

fn nodes(wire: &mut Wire<'_>, sink: &mut Sink) -> Result<(), Unread> {
    let mut fields = wire.whole().fields(&schema::KERAS_METADATA);
    while let Some(field) = wire.next(&mut fields, sink)? {
        let mut fields = field.part.fields(&schema::KERAS_OBJECT);
        let (mut path, mut metadata) = (String::new(), None);
        while let Some(field) = wire.next(&mut fields, sink)? {
            match field.name {
                "node_path" => path = wire.text(field.part)?,
                "metadata" => metadata = Some(field.part),
                _ => {}
            }
        }
        if let Some(metadata) = metadata.filter(|metadata| metadata.size() > 0) {
            sink.child(keras_child(path, metadata));
        }
    }
    Ok(())
}
