//! What every fuzz target and the smoke test run: one reader on some bytes, and what must hold of the outcome.

use std::sync::Arc;

use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::sink::{Body, Sink};

use crate::model::signature::{Format, Stored, contents, embed, write};

/// Reads `data` with the reader of this id, under small limits.
///
/// # Panics
/// When the reader does, when it is not there, or when it hands out something that lies outside of `data`.
pub fn run(id: &str, data: &[u8]) {
    let Some(reader) = crate::reader(id) else { panic!("there is no reader `{id}`") };
    let limits = Limits { state_bytes: 32 << 20, entries: 1_000, facts: 10_000, ..Limits::default() };
    let input = Input::new(Arc::new(data.to_vec()), limits, Cancel::default());
    // Some readers look at the name once more.
    let name = match reader.about().names.first() {
        // Half of all pickles are the directory of a distributed checkpoint, of which more is asked.
        Some(_) if id == "pickle" && !data.len().is_multiple_of(2) => ".metadata".to_owned(),
        Some(name) => name.replace('*', "fuzzed"),
        None => "fuzzed".to_owned(),
    };
    let mut sink = Sink::new(Place::file(name), reader.about().id, limits);
    // An error is an answer; only a panic is a defect.
    let _ = reader.read(&input, &mut sink);
    let outcome = sink.finish();
    assert!(outcome.facts.len() <= limits.facts.saturating_add(1), "more facts than allowed");
    for fact in &outcome.facts {
        if let Some(Span::Offset(offset)) = fact.evidence.span {
            assert!(offset <= input.size(), "a fact lies behind the end: {fact:?}");
        }
    }
    match id {
        "gguf" => sign(&input, Format::Gguf),
        "safetensors" => sign(&input, Format::Safetensors),
        _ => {}
    }
    for child in &outcome.children {
        if let Body::Slice { offset, .. } | Body::Deflate { offset, .. } | Body::Stream { offset, .. } =
            &child.body
        {
            assert!(*offset <= input.size(), "a child begins behind the end: {child:?}");
        }
    }
}

/// Puts a signature into a model, if it is one without fault: nothing else in it may change, and once more may change
/// nothing at all.
fn sign(input: &Input, format: Format) {
    let Ok(before) = contents(input, format) else { return };
    let with = |input: &Input| {
        let pieces = embed(input, format, "\"fuzzed\"").expect("a sound file can be written anew");
        let mut bytes = Vec::new();
        write(input, &pieces, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .expect("its parts lie in it");
        bytes
    };
    // One key more than before.
    let limits = Limits { entries: input.limits().entries.saturating_add(1), ..*input.limits() };
    let signed = with(input);
    let input = Input::new(Arc::new(signed.clone()), limits, Cancel::default());
    let mut after = contents(&input, format).expect("what was written is sound");
    assert_eq!(after.signature.take().as_deref(), Some("\"fuzzed\""));
    assert_eq!(after.metadata, before.metadata);
    assert_eq!(after.tensors.len(), before.tensors.len());
    for (after, before) in after.tensors.iter().zip(&before.tensors) {
        let says =
            |tensor: &Stored| (tensor.name.clone(), tensor.dtype.clone(), tensor.shape.clone(), tensor.size);
        assert_eq!(says(after), says(before));
    }
    assert_eq!(with(&input), signed);
}
