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
mod source;
pub(super) mod streams;
pub(super) mod tensors;
mod text;
mod view;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
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
        sink.observed(What::Format("pickle"), None);
        if packed::unpack(input, sink)? {
            return Ok(());
        }
        if input.size() == 0 {
            return Err(Unread::Malformed("an empty file is no pickle".to_owned()));
        }
        let mut streams = Streams::new(input);
        let outcome = read_all(&mut streams);
        streams.finish(sink);
        outcome
    }
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
