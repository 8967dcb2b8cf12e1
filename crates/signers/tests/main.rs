//! Signers against the real thing, as far as it can be had: SoftHSM for devices, and a stand-in for Sigstore made of the
//! mock that its own JavaScript client is tested with. The name of a test says why where that is not there.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

#[cfg(feature = "keyless")]
mod keyless;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(feature = "keyless")]
mod standin;

use libtest_mimic::{Arguments, Trial};

fn main() {
    // SoftHSM finds its tokens by a variable that must be there when the process starts.
    #[cfg(feature = "pkcs11")]
    if let Some(code) = pkcs11::start_again() {
        std::process::exit(code);
    }
    let arguments = Arguments::from_args();
    #[allow(unused_mut, reason = "without features there is nothing to test")]
    let mut trials: Vec<Trial> = Vec::new();
    #[cfg(feature = "pkcs11")]
    trials.extend(pkcs11::trials());
    #[cfg(feature = "keyless")]
    trials.extend(keyless::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
