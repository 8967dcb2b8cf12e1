//! Files of a distributed checkpoint of PyTorch (`__0_0.distcp`): items of `torch.save`, one behind the other.
//!
//! Which item lies where stands in the `.metadata` beside them, which is a pickle. Each item is an archive with ends of
//! its own, so that its headers say as much. The loader goes by the former alone; whether the two agree is for a judge.
//!
//! Source: `torch/distributed/checkpoint/filesystem.py` (`_write_item`, `FileSystemReader.read_data`).

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::archive::zip;

/// Reads the files of distributed checkpoints.
pub struct TorchDistributed;

/// Whether a file is one of these, by its name.
pub(crate) fn is_named(hint: &Hint<'_>) -> bool {
    hint.has_extension("distcp")
}

impl Reader for TorchDistributed {
    fn about(&self) -> &'static About {
        &About {
            id: "torch-distributed",
            title: "PyTorch distributed checkpoint",
            family: Family::Model,
            names: &["*.distcp"],
            reads: "every item as the checkpoint that it is, and whether the `.metadata` beside it names other bytes",
        }
    }

    /// The first item is a zip archive, but the file is not: its reader would take the last item for all of it.
    fn claims(&self, hint: &Hint<'_>) -> Claim {
        match is_named(hint) {
            true if hint.head.starts_with(b"PK\x03\x04") => Claim::ByMagic,
            true => Claim::ByName,
            false => Claim::No,
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("torch-distributed"), None);
        let mut items = Vec::new();
        let outcome = read_items(input, sink, &mut items);
        sink.observed(What::Items(items), None);
        outcome
    }
}

/// Hands out every item, and notes where it lies.
fn read_items(input: &Input, sink: &mut Sink, items: &mut Vec<(u64, u64)>) -> Result<(), Unread> {
    let mut at = 0u64;
    while at < input.size() && !sink.is_full() {
        input.go_on()?;
        let end = zip::extent(input, at)?;
        let (size, reader) = match end {
            Some(end) => (end.saturating_sub(at), Some("zip")),
            None => (input.size().saturating_sub(at), None),
        };
        let number = items.len().saturating_add(1);
        let body = Body::Slice { offset: at, size };
        sink.child(Child { step: format!("item {number}").into(), body, reader });
        if end.is_none() {
            let reason = "the bytes from here on are no item that PyTorch writes";
            sink.unread(Unread::Malformed(reason.to_owned()), Some(Span::Offset(at)));
            return Ok(());
        }
        items.push((at, size));
        at = at.saturating_add(size);
    }
    Ok(())
}
