//! `sign --keyless`; in a build without the feature `keyless`, why not.

#[cfg(not(feature = "keyless"))]
pub(super) use absent::Keyless;
#[cfg(feature = "keyless")]
pub(super) use present::Keyless;

#[cfg(feature = "keyless")]
mod present {
    use std::error::Error;
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use weighbridge_net::exchange::Exchange;
    use weighbridge_net::feed::{Online, Options};
    use weighbridge_signers::keyless::{self, Ambient, LARGEST_ANSWER, SigningError, Token};
    use weighbridge_trust::bundle::Bundle;
    use weighbridge_trust::keyless::{Identity, Instance};
    use zeroize::Zeroizing;

    use crate::args::Global;
    use crate::commands::signing::{key, text};
    use crate::errors::Failure;
    use crate::exit::Exit;
    use crate::printer::Printer;
    use crate::settings;
    use crate::setup::Setup;
    use crate::signing_args::By;

    /// Signs as the identity of a token.
    pub(in crate::commands::signing) struct Keyless {
        signer: keyless::Keyless,
        /// Known once something is signed.
        identity: OnceLock<Identity>,
    }

    impl Keyless {
        /// Gets the token, and says who will be asked.
        pub(in crate::commands::signing) fn ready(
            by: &By,
            global: &Global,
            setup: &Setup,
            printer: &Printer,
        ) -> Result<Self, Failure> {
            let context = settings::context(global, setup)?;
            let online = Online::unless(context.offline).ok_or_else(|| {
                Failure::usage("signing keyless needs the network, and offline was asked for")
                    .hint("sign with a key: `--key FILE`")
            })?;
            let time = setup.now.div_euclid(1_000_000_000);
            let instance = match &by.trust_config {
                Some(path) => {
                    Instance::read(&text(path)?, time).map_err(|error| key::failed(path, &error))?
                }
                None => Instance::public(time).map_err(|error| {
                    Failure::usage("the public instance of Sigstore cannot be used as this release knows it")
                        .because(&error)
                        .hint("name its present configuration with `--trust-config FILE`")
                })?,
            };
            let certificates = match setup.environment.get("SSL_CERT_FILE").map(PathBuf::from) {
                Some(path) => Some(std::fs::read(&path).map_err(|error| Failure::unreadable(&path, &error))?),
                None => None,
            };
            let options = Options { most_bytes: LARGEST_ANSWER, certificates, ..Options::default() };
            let exchange = Exchange::new(online, &options)?;
            let token = token(by, &exchange, time, setup)?;
            let services = &instance.services;
            printer.say("asking Sigstore, whose log will show to everybody who signed");
            printer.say(&format!("  certificate  {}", services.authority));
            for url in &services.timestamps {
                printer.say(&format!("  timestamp    {url}"));
            }
            for log in &services.logs {
                printer.say(&format!("  log          {}", log.url));
            }
            let signer = keyless::Keyless::new(exchange, instance, token);
            Ok(Self { signer, identity: OnceLock::new() })
        }

        pub(in crate::commands::signing) fn name(&self) -> String {
            match self.identity.get() {
                Some(identity) => format!("{}, as {} says", identity.name, identity.issuer),
                None => "whom the token names".to_owned(),
            }
        }

        pub(in crate::commands::signing) fn seal(&self, payload: Vec<u8>) -> Result<Bundle, String> {
            let (bundle, identity) = self.signer.seal(payload).map_err(|error| told(&error))?;
            let _ = self.identity.set(identity);
            Ok(bundle)
        }
    }

    fn token(by: &By, exchange: &Exchange, time: i64, setup: &Setup) -> Result<Token, Failure> {
        let environment = |name: &str| setup.environment.text(name).map(Zeroizing::new);
        let none = || Failure::usage("nothing says as whom to sign");
        let token = if by.ambient_token {
            let (url, secret) =
                (environment("ACTIONS_ID_TOKEN_REQUEST_URL"), environment("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
            if let (Some(url), Some(secret)) = (url, secret) {
                let ambient = Ambient { url: (*url).clone(), secret };
                return Token::ask(exchange, &ambient, time).map_err(|error| failed(&error));
            }
            environment("SIGSTORE_ID_TOKEN").ok_or_else(|| {
                none().hint(
                    "the job needs a token: `permissions: id-token: write` on GitHub, `id_tokens: SIGSTORE_ID_TOKEN` on GitLab",
                )
            })?
        } else if let Some(path) = &by.identity_token {
            text(path)?
        } else {
            environment("WEIGHBRIDGE_IDENTITY_TOKEN").ok_or_else(|| {
                none().hint(
                    "add `--identity-token FILE`, set `WEIGHBRIDGE_IDENTITY_TOKEN`, or in a job `--ambient-token`",
                )
            })?
        };
        Token::read(&token, time).map_err(|error| failed(&error))
    }

    fn failed(error: &SigningError) -> Failure {
        let exit = if matches!(error, SigningError::Token(_)) { Exit::Usage } else { Exit::Fail };
        Failure::new(exit, "cannot sign keyless").because(error)
    }

    /// An error with what caused it.
    fn told(error: &dyn Error) -> String {
        match error.source() {
            Some(source) => format!("{error}: {}", told(source)),
            None => error.to_string(),
        }
    }
}

#[cfg(not(feature = "keyless"))]
mod absent {
    use weighbridge_trust::bundle::Bundle;

    use crate::args::Global;
    use crate::errors::Failure;
    use crate::printer::Printer;
    use crate::setup::Setup;
    use crate::signing_args::By;

    /// There is none.
    pub(in crate::commands::signing) enum Keyless {}

    impl Keyless {
        /// Says why there is none.
        pub(in crate::commands::signing) fn ready(
            _: &By,
            _: &Global,
            _: &Setup,
            _: &Printer,
        ) -> Result<Self, Failure> {
            Err(Failure::usage("this build cannot sign keyless")
                .hint("build it with `--features keyless`, or sign with a key: `--key FILE`"))
        }

        pub(in crate::commands::signing) fn name(&self) -> String {
            match *self {}
        }

        pub(in crate::commands::signing) fn seal(&self, _: Vec<u8>) -> Result<Bundle, String> {
            match *self {}
        }
    }
}
