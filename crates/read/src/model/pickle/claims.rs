//! Whether an entry is a pickle. Protocols 0 and 1 have no magic number: their head is run.

use std::sync::Arc;

use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::reader::{Claim, Hint};

use super::super::torch_legacy::is_legacy;
use super::lexer::Fail;
use super::opcode as op;
use super::packed;
use super::streams::{End, Streams};

/// Extensions that say pickle. `.dat`, `.bin`, `.pt`, `.pth`, `.ckpt` and `.p` say nothing: their content must.
const EXTENSIONS: [&str; 6] = ["pkl", "pickle", "joblib", "dill", "cloudpickle", "pckl"];

/// The claim for an entry.
pub(super) fn claim(hint: &Hint<'_>) -> Claim {
    if is_legacy(hint.head) {
        Claim::No
    } else if packed::is_packed(hint.head) || looks_like_pickle(hint) {
        Claim::ByMagic
    } else if EXTENSIONS.iter().any(|extension| hint.has_extension(extension)) {
        Claim::ByName
    } else {
        Claim::No
    }
}

fn looks_like_pickle(hint: &Hint<'_>) -> bool {
    let marked = match hint.head {
        [op::PROTO, protocol, rest @ ..] => {
            if *protocol > op::HIGHEST_PROTOCOL
                || rest.first().is_none_or(|opcode| op::name(*opcode).is_empty())
            {
                return false;
            }
            true
        }
        [first, ..] => {
            if op::name(*first).is_empty() || *first == op::STOP {
                return false;
            }
            false
        }
        [] => return false,
    };
    let limits = Limits { state_bytes: 1 << 20, facts: 64, depth: 2, ..Limits::default() };
    let input = Input::new(Arc::new(hint.head.to_vec()), limits, Cancel::default());
    let mut streams = Streams::new(&input);
    let head = input.size();
    let Ok(end) = streams.one(0) else { return false };
    match end {
        End::Stop(end) if marked || does_something(&streams) => end <= head,
        // Text may begin with a letter that pushes something and go on with a full stop.
        End::Stop(end) => {
            end == hint.size || (end.saturating_add(1) == hint.size && hint.head.ends_with(b"\n"))
        }
        End::Failed(_, Fail::Truncated(end)) if end > head && end <= hint.size => {
            marked || (streams.imports() && streams.steps() > 3)
        }
        // A stream that breaks off was one if it did something before.
        End::Failed(..) if marked => streams.effects() > 0,
        End::Failed(..) => does_something(&streams),
    }
}

fn does_something(streams: &Streams<'_>) -> bool {
    streams.acts() && streams.imports()
}
