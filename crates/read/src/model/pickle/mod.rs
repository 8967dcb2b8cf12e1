//! Pickles: what loading one would import, call, make and change.
//!
//! A pickle is a program for a stack machine. [`machine`] executes it as CPython's C unpickler does, except that
//! nothing is imported or called: what would be goes to [`effects`]. Values are [`handle`]s of eight bytes into the
//! stream or into the [`heap`]; [`view`] turns them into the bounded trees of the report. [`streams`] finds every
//! stream of an entry and runs it once more wherever another loader would do something else, such as the unpickler
//! that is written in Python.

mod acts;
mod calls;
mod claims;
mod effects;
mod handle;
mod heap;
mod joblib;
pub(super) mod lexer;
mod machine;
mod memo;
mod opcode;
mod packed;
mod packed_handles;
mod renames;
mod slices;
mod source;
mod storages;
pub(super) mod streams;
pub(super) mod tensors;
mod text;
mod view;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::Sink;

use self::streams::{End, Streams};

/// Reads pickles of all protocols.
pub struct Pickle;

impl Reader for Pickle {
    fn about(&self) -> &'static About {
        &About {
            id: "pickle",
            title: "Python pickle",
            family: Family::Model,
            names: &["*.pkl", "*.pickle", "*.pckl", "*.joblib", "*.dill", "*.cloudpickle"],
            reads: "every import, call and state of all streams, protocols 0 to 5, with joblib's arrays and pickles \
                    inside pickles",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        claims::claim(hint)
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        if packed::unpack(input, sink)? {
            sink.observed(What::Format("pickle"), None);
            return Ok(());
        }
        let mut streams = Streams::new(input);
        if slices::is_named(sink.place()) {
            streams.note_slices();
        }
        if input.size() > 0 && is_doubtful(input, sink)? {
            let outcome = read_all(&mut streams);
            let is_one = streams.is_whole() || (streams.acts() && streams.imports());
            if !is_one {
                return outcome;
            }
            sink.observed(What::Format("pickle"), None);
            streams.finish(sink);
            return outcome;
        }
        sink.observed(What::Format("pickle"), None);
        if input.size() == 0 {
            return Err(Unread::Malformed("an empty file is no pickle".to_owned()));
        }
        let outcome = read_all(&mut streams);
        streams.finish(sink);
        outcome
    }
}

/// What readers call entries that are pickles, whatever they look like.
const PAYLOADS: [&str; 8] = ["bzip2", "gzip", "lz4", "lzma", "payload", "xz", "zlib", "zstd"];

/// Whether the entry need not be a pickle: a text may begin like one and go on for pages.
fn is_doubtful(input: &Input, sink: &Sink) -> Result<bool, Unread> {
    let place = sink.place();
    if place.inner.last().is_some_and(|step| PAYLOADS.contains(&&**step) || step.contains('@')) {
        return Ok(false);
    }
    let mut head = vec![0; HEAD_BYTES];
    let filled = input.read_some(0, &mut head)?;
    let head = head.get(..filled).unwrap_or_default();
    Ok(claims::is_doubtful(&Hint { path: place.name(), size: input.size(), head }))
}

fn read_all(streams: &mut Streams<'_>) -> Result<(), Unread> {
    match streams.one(0)? {
        End::Stop(end) => streams.rest(end),
        End::Failed(offset, fail) => {
            streams.failed(offset, fail);
            Ok(())
        }
    }
}
