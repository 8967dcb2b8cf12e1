//! Keys in devices (PKCS #11 v3.1), named by a URI (RFC 7512).
//!
//! The library that knows the device is named by the user, and loaded only when he signs. The private key stays where it
//! is: what the device gets is a digest.

mod token;
mod uri;

use std::path::{Path, PathBuf};

pub use token::Token;
pub use uri::{PinSource, Uri};
use zeroize::Zeroizing;

/// Why a key in a device cannot be used. No message shows a PIN.
#[derive(Debug, thiserror::Error)]
pub enum Pkcs11Error {
    /// The URI is not one, or asks for what nobody here does.
    #[error("not a URI of a key in a device: {0}")]
    Uri(String),
    /// Nothing names the library of the device.
    #[error("nothing names the library of the device")]
    NoModule,
    /// The library cannot be loaded, or does not start.
    #[error("the library `{}` cannot be used: {why}", path.display())]
    Module {
        /// Where it should lie.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// No token is the one of the URI, or several are.
    #[error("{found} of the tokens here fit the URI ({})", seen(.tokens))]
    Tokens {
        /// How many fit.
        found: usize,
        /// Labels of the tokens that are there.
        tokens: Vec<String>,
    },
    /// No key of the token is the one of the URI, or several are.
    #[error("{found} private keys on an elliptic curve in token `{token}` fit the URI")]
    Keys {
        /// How many fit.
        found: usize,
        /// The label of the token.
        token: String,
    },
    /// The token wants a PIN.
    #[error("token `{0}` wants a PIN, and none was given")]
    NeedsPin(String),
    /// The token does not take the PIN.
    #[error("token `{0}` does not take the PIN")]
    WrongPin(String),
    /// The key asks for the PIN before every signature.
    #[error("the key asks for its PIN anew before every signature, which is not supported")]
    AlwaysAsks,
    /// The public key of the token is not one with which models are signed.
    #[error("the key in the token is not one on P-256, P-384 or P-521")]
    Kind,
    /// What the device writes has another size than a signature of the public key.
    #[error("its signature is not one of the public key")]
    Signature,
    /// The device fails.
    #[error("the device failed at {0}")]
    Device(&'static str, #[source] cryptoki::error::Error),
}

fn seen(tokens: &[String]) -> String {
    match tokens {
        [] => "there is none".to_owned(),
        tokens => format!("there are `{}`", tokens.join("`, `")),
    }
}

/// Asks for a PIN on the terminal, without showing what is typed; none where there is no terminal.
pub fn ask_pin(token: &str) -> Option<Zeroizing<String>> {
    // The label comes from the device: what would move the cursor is not shown.
    let token: String = token.chars().filter(|character| !character.is_control()).collect();
    rpassword::prompt_password(format!("PIN of token `{token}`: ")).ok().map(Zeroizing::new)
}

/// The library to load: the one that the URI names, else the one of the machine.
///
/// # Errors
/// [`Pkcs11Error::NoModule`], and [`Pkcs11Error::Uri`] for a path that is not absolute: it would be looked for in folders
/// that nobody named.
pub fn module(uri: &Uri, machine: Option<&Path>) -> Result<PathBuf, Pkcs11Error> {
    let path = uri.module_path.as_deref().or(machine).ok_or(Pkcs11Error::NoModule)?;
    if !path.is_absolute() {
        return Err(Pkcs11Error::Uri(format!(
            "the path of the library, `{}`, is not absolute",
            path.display()
        )));
    }
    Ok(path.to_owned())
}
