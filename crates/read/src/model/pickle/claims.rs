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

/// What the first bytes show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// A pickle.
    Pickle,
    /// What could be one: it begins as one does, and only the bytes behind these could tell.
    Perhaps,
    /// Something else.
    Other,
}

/// The claim for an entry.
pub(super) fn claim(hint: &Hint<'_>) -> Claim {
    if is_legacy(hint.head) {
        return Claim::No;
    }
    let named = is_named(hint);
    match shown(hint) {
        Shown::Pickle => Claim::ByMagic,
        // Nothing is said of the name where it is not sure.
        Shown::Perhaps => Claim::ByName,
        Shown::Other if named => Claim::ByName,
        Shown::Other => Claim::No,
    }
}

/// Whether nothing but its first bytes speaks for a pickle, and these do not say enough: it is one if it does something.
/// (How large something packed is shows only when it is unpacked; then less may speak for a pickle than before.)
pub(super) fn is_doubtful(hint: &Hint<'_>) -> bool {
    !is_named(hint) && shown(hint) != Shown::Pickle
}

fn is_named(hint: &Hint<'_>) -> bool {
    EXTENSIONS.iter().any(|extension| hint.has_extension(extension))
}

fn shown(hint: &Hint<'_>) -> Shown {
    if packed::is_packed(hint.head) {
        return Shown::Pickle;
    }
    let marked = match hint.head {
        [op::PROTO, protocol, rest @ ..] => {
            if *protocol > op::HIGHEST_PROTOCOL
                || rest.first().is_none_or(|opcode| op::name(*opcode).is_empty())
            {
                return Shown::Other;
            }
            true
        }
        [first, ..] => {
            if op::name(*first).is_empty() || *first == op::STOP {
                return Shown::Other;
            }
            false
        }
        [] => return Shown::Other,
    };
    let limits = Limits { state_bytes: 1 << 20, facts: 64, depth: 2, ..Limits::default() };
    let input = Input::new(Arc::new(hint.head.to_vec()), limits, Cancel::default());
    let mut streams = Streams::new(&input);
    let head = input.size();
    let Ok(end) = streams.one(0) else { return Shown::Other };
    let pickle_if = |condition: bool| if condition { Shown::Pickle } else { Shown::Other };
    match end {
        End::Stop(end) if marked || does_something(&streams) => pickle_if(end <= head),
        // Text may begin with a letter that pushes something and go on with a full stop.
        End::Stop(end) => {
            let whole =
                end == hint.size || (end.saturating_add(1) == hint.size && hint.head.ends_with(b"\n"));
            let rest = usize::try_from(end).ok().and_then(|end| hint.head.get(end..)).unwrap_or_default();
            match rest {
                _ if whole => Shown::Pickle,
                [op::PROTO, 0..=op::HIGHEST_PROTOCOL, opcode, ..] if !op::name(*opcode).is_empty() => {
                    Shown::Perhaps
                }
                _ => Shown::Other,
            }
        }
        End::Failed(_, Fail::Truncated(end)) if end > head && end <= hint.size => {
            if marked || (streams.imports() && streams.steps() > 3) { Shown::Pickle } else { Shown::Perhaps }
        }
        // A stream that breaks off was one if it did something before.
        End::Failed(..) if marked => pickle_if(streams.effects() > 0),
        End::Failed(..) => pickle_if(does_something(&streams)),
    }
}

fn does_something(streams: &Streams<'_>) -> bool {
    streams.acts() && streams.imports()
}
