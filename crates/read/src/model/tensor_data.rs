//! Files that hold nothing but the bytes of tensors, and that only the model beside them can make sense of: data of an
//! ONNX model, weights of a Core ML package, shards of a TensorFlow checkpoint.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

/// Notes files of tensors.
pub struct TensorData;

impl Reader for TensorData {
    fn about(&self) -> &'static About {
        &About {
            id: "tensor-data",
            title: "Tensors beside a model",
            family: Family::Model,
            names: &["*.data-00000-of-00001"],
            reads: "Nothing but that it is there, with the digest: no loader takes such a file for more than numbers. A \
                    shard of a TensorFlow checkpoint needs its index beside it.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.size > 0 && index_of(hint.name()).is_some() { Claim::ByName } else { Claim::No }
    }

    fn read(&self, _input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("tensor-data"), None);
        if let (Some(index), true) = (index_of(sink.place().name()), sink.place().inner.is_empty()) {
            sink.follow(Follow { path: index, reader: "tensorflow-index", span: None });
        }
        Ok(())
    }
}

/// The name of the index of a shard, from `NAME.data-00000-of-00001`.
fn index_of(name: &str) -> Option<String> {
    let (stem, shard) = name.rsplit_once(".data-")?;
    let (number, of) = shard.split_once("-of-")?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    (!stem.is_empty() && digits(number) && digits(of)).then(|| format!("{stem}.index"))
}
