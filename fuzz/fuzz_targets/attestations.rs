#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weighbridge_read::fuzz::run("attestations", data));
