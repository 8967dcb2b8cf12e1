//! `weighbridge key`: makes, shows and takes over keys.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use weighbridge_trust::{KeyError, PrivateKey, PublicKey, chain};

use super::{password, text};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::setup::Setup;
use crate::signing_args::{Key, Password};

/// Runs the command.
pub(in crate::commands) fn run(key: &Key, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    match key {
        Key::Generate(generate) => {
            let key = PrivateKey::generate(generate.curve.into())
                .map_err(|error| failed(&generate.file, &error))?;
            write(&key, &generate.file, &generate.password, setup, printer)
        }
        Key::Export(export) => {
            let pem = text(&export.file)?;
            let public = if pem.contains("-----BEGIN CERTIFICATE-----") {
                let certificates = chain::pem_to_der(&pem).map_err(|error| failed(&export.file, &error))?;
                let first = certificates.first().map(Vec::as_slice).unwrap_or_default();
                chain::key_of(first).map_err(|error| failed(&export.file, &error))?
            } else {
                private(&export.file, &export.password, setup)?.public_key()
            };
            printer.out(|out| out.write_all(public.to_pem().as_bytes()))?;
            Ok(Exit::Pass)
        }
        Key::Import(import) => {
            let key = private(&import.file, &import.password, setup)?;
            write(&key, &import.output, &import.password, setup, printer)
        }
    }
}

/// The private key in a file.
pub(super) fn private(path: &Path, typed: &Password, setup: &Setup) -> Result<PrivateKey, Failure> {
    let pem = text(path)?;
    let password = password(typed, setup)?;
    let password = password.as_ref().map(|password| password.as_bytes());
    PrivateKey::from_pem(&pem, password).map_err(|error| {
        let failure = failed(path, &error);
        match error {
            KeyError::NeedsPassword => {
                failure.hint("give it in a file with `--password-file`, or set `WEIGHBRIDGE_KEY_PASSWORD`")
            }
            KeyError::Encryption(_) => {
                failure.hint("`openssl pkcs8 -topk8 -in OLD -out NEW` encrypts it in the present way")
            }
            _ => failure,
        }
    })
}

/// The public key in a file.
pub(in crate::commands) fn public(path: &Path) -> Result<PublicKey, Failure> {
    let pem = text(path)?;
    PublicKey::from_pem(&pem).map_err(|error| {
        let failure = failed(path, &error);
        if pem.contains("PRIVATE KEY") {
            failure.hint(format!("`weighbridge key export {}` prints the public key", path.display()))
        } else {
            failure
        }
    })
}

/// A file that holds no usable key or certificate.
pub(in crate::commands) fn failed(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(format!("cannot use `{}`", path.display())).because(error)
}

fn write(
    key: &PrivateKey,
    file: &Path,
    typed: &Password,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let password = password(typed, setup)?;
    if password.as_ref().is_some_and(|password| password.is_empty()) {
        return Err(Failure::usage("the password is empty").hint("leave it out for a key without one"));
    }
    let password = password.as_ref().map(|password| password.as_bytes());
    let pem = key.to_pem(password).map_err(|error| failed(file, &error))?;
    let mut public_file: OsString = file.as_os_str().to_owned();
    public_file.push(".pub");
    let public_file = PathBuf::from(public_file);
    create(&public_file, key.public_key().to_pem().as_bytes(), false)?;
    if let Err(failure) = create(file, pem.as_bytes(), true) {
        // Half a pair helps nobody; it was just written here.
        let _ = std::fs::remove_file(&public_file);
        return Err(failure);
    }
    let public = key.public_key();
    printer.say(&format!(
        "private key  {}{}",
        file.display(),
        if password.is_some() { "" } else { "  (not encrypted)" }
    ));
    printer.say(&format!(
        "public key   {}  ({}, {:.16}…)",
        public_file.display(),
        public.curve(),
        public.hint()
    ));
    Ok(Exit::Pass)
}

/// Writes a new file, readable by nobody else where it is secret. A file that is there is left alone.
pub(in crate::commands) fn create(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("`{}` exists already", path.display()))
            .hint("a key that is lost cannot be made again: move it away first"),
        _ => Failure::unwritten(&format!("`{}`", path.display()), &error),
    })
}
