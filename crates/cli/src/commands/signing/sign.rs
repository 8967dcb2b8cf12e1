//! `weighbridge sign`: signs a model.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use weighbridge_net::feed::atomic::replace_file;
use weighbridge_net::open::listing;
use weighbridge_read::words::{Words, words};
use weighbridge_trust::bundle::{Bundle, Material};
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::oms::{self, Choice, Method, SignError, Signs};
use weighbridge_trust::{PrivateKey, PublicKey, chain};

use super::device::Device;
use super::keyless::Keyless;
use super::{Memory, below, check_usual, claims, default_signature, embedded, ignored, key, text};
use crate::args::Global;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, one_line};
use crate::setup::Setup;
use crate::signing_args::{By, Sign};

/// Largest signature that a program may write, in bytes: one on P-521 has 139.
const LARGEST_SIGNATURE: u64 = 1 << 10;

/// Runs the command.
pub(in crate::commands) fn run(
    global: &Global,
    sign: &Sign,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let signer = signer(&sign.by, global, setup, printer)?;
    if sign.embed {
        return embedded::sign(sign, &signer, &|| signer.name(), setup, printer);
    }
    let signature = sign.signature.clone().unwrap_or_else(|| default_signature(&sign.path));
    if sign.signature.is_none() {
        check_usual(&signature, "--signature")?;
    }
    let memory = Memory::open(sign.reading.no_cache, setup)?;
    let listing = listing::list(&sign.path).map_err(|error| Failure::unreadable(&sign.path, &error))?;
    let mut choice = Choice {
        method: sign.shards.map_or(Method::Files, Method::Shards),
        algorithm: sign.hash.into(),
        allow_symlinks: sign.reading.allow_symlinks,
        ignore_paths: ignored(&sign.reading, &sign.path)?,
        signature: below(&signature, &sign.path),
    };
    // Somebody who names it from where he stands would sign what he means to leave out.
    for path in choice.ignore_paths.iter().filter(|it| fs::symlink_metadata(sign.path.join(it)).is_err()) {
        let model = sign.path.display();
        printer.warn(&format!(
            "`--ignore-paths {path}` leaves nothing out: there is no such path below `{model}`"
        ));
    }
    if !listing.is_file {
        // Attestations may come at any time, and are signed themselves.
        choice.ignore_paths.extend(claims::set_apart(&sign.path));
    }
    let described = memory.with(|hashing| oms::describe(&listing, &choice, hashing));
    if memory.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let described = described.map_err(|error| refused(&error))?;
    let bundle = oms::sign(&described.manifest, &signer).map_err(|error| signer.advise(refused(&error)))?;
    // A device or a service may take its time.
    if memory.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let json = bundle.to_json();
    replace_file(&signature, |out| out.write_all(json.as_bytes()))
        .map_err(|error| unwritten(&signature, &error))?;
    memory.save(printer);
    let files = described.manifest.files.len();
    printer.say(&format!("signed {files} {}", if files == 1 { "file" } else { "files" }));
    printer.say(&format!("  by {}", signer.name()));
    printer.say(&format!("  to {}", signature.display()));
    for path in &described.left_out {
        printer.say(&one_line(&format!("  not signed: {path}")));
    }
    Ok(Exit::Pass)
}

/// Whoever signs.
pub(super) enum Signer {
    Holder(Holder),
    Keyless(Keyless),
}

/// The holder of a key, with what he shows.
pub(super) struct Holder {
    hand: Hand,
    public: PublicKey,
    chain: Vec<Vec<u8>>,
}

/// What makes the signature.
enum Hand {
    Key(PrivateKey),
    Program(Vec<String>),
    Device(Device),
}

impl Signer {
    /// Who, in words; whom a token names, is known once he has signed.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Holder(holder) => holder.name(),
            Self::Keyless(keyless) => keyless.name(),
        }
    }

    /// Adds to a failure what to do where services do not sign.
    fn advise(&self, failure: Failure) -> Failure {
        match self {
            Self::Holder(_) => failure,
            Self::Keyless(_) => failure.hint(
                "nothing was written; try again, or name the services of another instance with `--trust-config FILE`",
            ),
        }
    }
}

impl Signs for Signer {
    fn material(&self) -> Material {
        match self {
            Self::Holder(holder) => holder.material(),
            Self::Keyless(_) => Material::Keyless(Box::default()),
        }
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Holder(holder) => holder.sign(encoded),
            Self::Keyless(_) => Err("Sigstore signs whole statements only".to_owned()),
        }
    }

    fn seal(&self, payload: Vec<u8>) -> Result<Bundle, String> {
        match self {
            Self::Holder(holder) => holder.seal(payload),
            Self::Keyless(keyless) => keyless.seal(payload),
        }
    }
}

impl Holder {
    fn name(&self) -> String {
        let key = format!("key {:.16}… ({})", self.public.hint(), self.public.curve());
        let key = match &self.hand {
            Hand::Device(device) => format!("{key} in token `{}`", device.label()),
            Hand::Key(_) | Hand::Program(_) => key,
        };
        if self.chain.is_empty() { key } else { format!("certificate, {key}") }
    }
}

impl Signs for Holder {
    fn material(&self) -> Material {
        if self.chain.is_empty() {
            Material::Key(self.public.hint())
        } else {
            Material::Chain(self.chain.clone())
        }
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        let signature = match &self.hand {
            Hand::Key(key) => key.sign(encoded),
            Hand::Program(words) => ask(words, encoded)?,
            Hand::Device(device) => device.sign(&self.public, encoded)?,
        };
        if !self.public.verifies(self.public.sha2(), encoded, &signature) {
            return Err("its signature is not one of the public key".to_owned());
        }
        Ok(signature)
    }
}

/// Makes ready whoever is to sign.
pub(super) fn signer(by: &By, global: &Global, setup: &Setup, printer: &Printer) -> Result<Signer, Failure> {
    if by.keyless {
        return Keyless::ready(by, global, setup, printer).map(Signer::Keyless);
    }
    let mut shown = Vec::new();
    for path in &by.certificate_chain {
        shown.extend(chain::pem_to_der(&text(path)?).map_err(|error| key::failed(path, &error))?);
    }
    let certified = match (shown.first(), by.certificate_chain.first()) {
        (Some(first), Some(path)) => Some(chain::key_of(first).map_err(|error| key::failed(path, &error))?),
        _ => None,
    };
    let (hand, public) = match (&by.key, &by.signer, &by.pkcs11) {
        (Some(path), ..) => {
            let key = key::private(path, &by.password, setup)?;
            let public = key.public_key();
            (Hand::Key(key), public)
        }
        (None, Some(command), _) => {
            let Words { list: words, is_plain: true } = words(command) else {
                return Err(Failure::usage(format!("`{command}` is more than a command and its arguments")));
            };
            if words.is_empty() {
                return Err(Failure::usage("the command of the signer is empty"));
            }
            let public = match (&by.public_key, &certified) {
                (Some(path), _) => key::public(path)?,
                (None, Some(public)) => public.clone(),
                (None, None) => {
                    return Err(Failure::usage("nothing says which key the program signs with")
                        .hint("add `--public-key FILE` or `--certificate-chain FILE`"));
                }
            };
            (Hand::Program(words), public)
        }
        (None, None, Some(uri)) => {
            let device = Device::open(uri, by, setup)?;
            let public = match (&by.public_key, &certified, device.public_key()) {
                (Some(path), ..) => key::public(path)?,
                (None, Some(public), _) | (None, None, Some(public)) => public.clone(),
                (None, None, None) => {
                    return Err(Failure::usage("the token does not tell the public key")
                        .hint("add `--public-key FILE` or `--certificate-chain FILE`"));
                }
            };
            (Hand::Device(device), public)
        }
        (None, None, None) => {
            return Err(Failure::usage("nothing to sign with").hint("add `--key FILE`"));
        }
    };
    if certified.is_some_and(|certified| certified != public) {
        return Err(Failure::usage("the first certificate is not one of the signing key"));
    }
    if !shown.is_empty() {
        is_worth_signing_with(by, &shown, setup)?;
    }
    Ok(Signer::Holder(Holder { hand, public, chain: shown }))
}

/// Refuses certificates that nobody would take as those of a signer, whomever he believes.
fn is_worth_signing_with(by: &By, shown: &[Vec<u8>], setup: &Setup) -> Result<(), Failure> {
    let mut anchors = Vec::new();
    for path in &by.certificate_chain {
        anchors.extend(Anchor::from_pem(&text(path)?).map_err(|error| key::failed(path, &error))?);
    }
    let time = setup.now.div_euclid(1_000_000_000);
    chain::verify(shown, &anchors, time).map(drop).map_err(|error| {
        Failure::new(Exit::Fail, "no verifier would take a signature with these certificates")
            .because(&error)
            .hint("ask the authority for one for signing code")
    })
}

/// Has a program sign.
fn ask(words: &[String], encoded: &[u8]) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let failed = |error: io::Error| format!("`{program}`: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let mut signature = Vec::new();
    // Who does not read what it shall sign shows it by what it writes.
    std::thread::scope(|scope| {
        scope.spawn(|| input.map(|mut input| input.write_all(encoded)));
        if let Some(output) = output {
            let _ = output.take(LARGEST_SIGNATURE).read_to_end(&mut signature);
        }
    });
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(signature) } else { Err(format!("`{program}` ended with {status}")) }
}

/// The signature cannot lie where it should.
fn unwritten(signature: &Path, error: &io::Error) -> Failure {
    let failure = Failure::unwritten(&format!("`{}`", signature.display()), error);
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            failure.hint("`--signature FILE` writes it elsewhere")
        }
        _ => failure,
    }
}

/// Why a model is not signed, as it is told.
pub(super) fn refused(error: &SignError) -> Failure {
    const SHOWN: usize = 10;
    let mut failure = Failure::new(Exit::Fail, error.to_string());
    if let SignError::Files(files) = error {
        let shown = files.iter().take(SHOWN).map(|(path, why)| one_line(&format!("{path}: {why}")));
        failure.causes.extend(shown);
        if files.len() > SHOWN {
            failure.causes.push(format!("and {} more", files.len().saturating_sub(SHOWN)));
        }
        if files.iter().any(|(_, why)| *why == weighbridge_core::coverage::Unread::Special("link")) {
            failure = failure.hint("`--allow-symlinks` signs the files behind links to files");
        }
    }
    failure
}
