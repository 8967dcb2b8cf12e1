//! A key in a device, for `sign --pkcs11`; in a build without the feature `pkcs11`, why there is none.

#[cfg(not(feature = "pkcs11"))]
pub(super) use absent::Device;
#[cfg(feature = "pkcs11")]
pub(super) use present::Device;

#[cfg(feature = "pkcs11")]
mod present {
    use std::path::Path;

    use weighbridge_signers::pkcs11::{PinSource, Pkcs11Error, Token, Uri, ask_pin, module};
    use weighbridge_trust::PublicKey;
    use zeroize::Zeroizing;

    use crate::commands::signing::{password, text};
    use crate::errors::Failure;
    use crate::setup::Setup;
    use crate::signing_args::By;

    /// A key in a device.
    pub(in crate::commands::signing) struct Device(Token);

    impl Device {
        /// Opens the key of a URI.
        pub(in crate::commands::signing) fn open(uri: &str, by: &By, setup: &Setup) -> Result<Self, Failure> {
            let uri = Uri::parse(uri).map_err(|error| failed(&error))?;
            let library = setup.environment.get("WEIGHBRIDGE_PKCS11_MODULE").map(Path::new);
            let library = module(&uri, library).map_err(|error| failed(&error))?;
            let known = pin(&uri, by, setup)?;
            let ask = |token: &str| {
                known.clone().or_else(|| setup.err_is_terminal.then(|| ask_pin(token)).flatten())
            };
            Token::open(&uri, &library, &ask).map(Self).map_err(|error| failed(&error))
        }

        pub(in crate::commands::signing) fn label(&self) -> &str {
            self.0.label()
        }

        pub(in crate::commands::signing) fn public_key(&self) -> Option<&PublicKey> {
            self.0.public_key()
        }

        pub(in crate::commands::signing) fn sign(
            &self,
            public: &PublicKey,
            encoded: &[u8],
        ) -> Result<Vec<u8>, String> {
            self.0.sign(public, encoded).map_err(|error| told(&error))
        }
    }

    /// The PIN, where something says it.
    fn pin(uri: &Uri, by: &By, setup: &Setup) -> Result<Option<Zeroizing<String>>, Failure> {
        match &uri.pin {
            Some(PinSource::Value(pin)) => Ok(Some(pin.clone())),
            Some(PinSource::File(path)) => {
                let pin = text(path)?;
                Ok(Some(Zeroizing::new(pin.lines().next().unwrap_or_default().to_owned())))
            }
            None => password(&by.password, setup),
        }
    }

    /// An error with what caused it.
    fn told(error: &dyn std::error::Error) -> String {
        match error.source() {
            Some(source) => format!("{error}: {}", told(source)),
            None => error.to_string(),
        }
    }

    fn failed(error: &Pkcs11Error) -> Failure {
        let failure = Failure::usage("cannot use the key in the device").because(error);
        match error {
            Pkcs11Error::NoModule => failure.hint(
                "add `?module-path=/path/to/library.so` to the URI, or set `WEIGHBRIDGE_PKCS11_MODULE` to that path",
            ),
            Pkcs11Error::Tokens { .. } => failure.hint("name one with `token=` or `serial=`"),
            Pkcs11Error::Keys { .. } => failure.hint("name one with `object=` or `id=`"),
            Pkcs11Error::NeedsPin(_) => failure.hint(
                "give it in a file with `--password-file`, set `WEIGHBRIDGE_KEY_PASSWORD`, or sign at a terminal",
            ),
            Pkcs11Error::WrongPin(_) => {
                failure.hint("look whether it is the right token: devices lock themselves after some tries")
            }
            _ => failure,
        }
    }
}

#[cfg(not(feature = "pkcs11"))]
mod absent {
    use weighbridge_trust::PublicKey;

    use crate::errors::Failure;
    use crate::setup::Setup;
    use crate::signing_args::By;

    /// There is none.
    pub(in crate::commands::signing) enum Device {}

    impl Device {
        /// Says why there is none.
        pub(in crate::commands::signing) fn open(_: &str, _: &By, _: &Setup) -> Result<Self, Failure> {
            Err(Failure::usage("this build cannot sign with keys in devices")
                .hint("build it with `--features pkcs11`, or have a program sign: `--signer COMMAND`"))
        }

        pub(in crate::commands::signing) fn label(&self) -> &str {
            match *self {}
        }

        pub(in crate::commands::signing) fn public_key(&self) -> Option<&PublicKey> {
            match *self {}
        }

        pub(in crate::commands::signing) fn sign(&self, _: &PublicKey, _: &[u8]) -> Result<Vec<u8>, String> {
            match *self {}
        }
    }
}
