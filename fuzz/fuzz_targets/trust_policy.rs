#![no_main]

use libfuzzer_sys::fuzz_target;
use weighbridge_trust::policy::{NewRule, Place, Policy, add};

// The first line is a place, all below it a policy: what is read matches, loads and grows without a panic.
fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (place, text) = text.split_once('\n').unwrap_or((text, ""));
    let policy = match Policy::read(text, "fuzzed") {
        Ok(policy) => policy,
        Err(error) => {
            assert!(error.line <= text.split('\n').count(), "an error behind the end: {error}");
            return;
        }
    };
    if let Some(place) = Place::new(place) {
        let _ = policy.rule_for(&[place]);
    }
    let _ = policy.never_met();
    // Every file is the place's own text: keys that stand inline are read.
    let _ = policy.load(&|_| Ok(place.to_owned()));
    if let Some(anchor) = policy.anchors.first() {
        let rule = NewRule { matches: place.to_owned(), by: vec![anchor.id.clone()], ..NewRule::default() };
        if let Ok((longer, _)) = add(text, &rule.to_toml(), "fuzzed") {
            assert!(longer.starts_with(text));
        }
    }
});
