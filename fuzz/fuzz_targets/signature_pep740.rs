#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weighbridge_trust::fuzz::run("signature-pep740", data));
