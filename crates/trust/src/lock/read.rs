//! Reads the lock, strictly: what is not understood refuses the whole file, because a line that is passed over is a pin that
//! nobody checks.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use toml::Spanned;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Approval, Grant, Identity, Kind, Pin, Scanned, Signer, Superseded};
use weighbridge_core::report::Safety;

use super::places::HUB;
use super::{DIGEST, LARGEST, VERSION, digest};
use crate::keyless::Roots;
use crate::keys::PublicKey;
use crate::oms::lies_below;

/// An approval, and the line of the lock at which it stands.
pub type Located = (u32, Approval);

/// A lock that cannot be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LockError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

#[derive(Deserialize)]
struct Head {
    version: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "version")]
    _version: i64,
    #[serde(default)]
    model: Vec<Spanned<WireModel>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireModel {
    source: Spanned<String>,
    kind: Spanned<String>,
    revision: Option<Spanned<String>>,
    digest: Spanned<String>,
    approved: Spanned<String>,
    reason: Option<String>,
    #[serde(default)]
    signature_required: bool,
    signer: Option<Spanned<WireSigner>>,
    scan: Option<WireScan>,
    #[serde(default)]
    grants: Vec<Spanned<WireGrant>>,
    #[serde(default)]
    superseded: Vec<Spanned<WireSuperseded>>,
    files: Vec<Spanned<WireFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireSigner {
    method: String,
    fingerprint: Option<String>,
    identity: Option<String>,
    issuer: Option<String>,
    public_key: Option<String>,
    trusted_root: Option<String>,
    first_seen: Spanned<String>,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireScan {
    verdict: Spanned<String>,
    advisories: String,
    tool: String,
    date: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireGrant {
    allow: String,
    reason: String,
    until: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSuperseded {
    digest: String,
    revision: Option<String>,
    until: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFile {
    path: String,
    size: u64,
    sha256: String,
}

/// Reads the text of a lock: what was approved, in the order of the sources.
///
/// # Errors
/// [`LockError`] for the first thing that is wrong.
pub fn read(text: &str) -> Result<Vec<Located>, LockError> {
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(LockError { line: 1, message: format!("larger than {LARGEST} bytes") });
    }
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let reader = Reader { text, breaks };
    let head: Head = reader.parse()?;
    if *head.version.get_ref() != VERSION {
        let message =
            format!("version {} of the lock, and only {VERSION} is known here", head.version.get_ref());
        return Err(reader.wrong(head.version.span(), message));
    }
    let wire: Wire = reader.parse()?;
    let mut approvals: BTreeMap<String, Located> = BTreeMap::new();
    for model in wire.model {
        let span = model.span();
        let line = reader.line(span.start);
        let approval = reader.approval(model.into_inner(), &span)?;
        if let Some((earlier, _)) = approvals.get(&approval.source) {
            let message = format!("`{}` stands at line {earlier} already", approval.source);
            return Err(LockError { line, message });
        }
        approvals.insert(approval.source.clone(), (line, approval));
    }
    Ok(approvals.into_values().collect())
}

struct Reader<'a> {
    text: &'a str,
    /// Where its lines end.
    breaks: Vec<usize>,
}

impl Reader<'_> {
    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, LockError> {
        toml::from_str(self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            LockError { line, message: shortened(error.message()) }
        })
    }

    fn line(&self, offset: usize) -> u32 {
        let breaks = self.breaks.partition_point(|at| *at < offset);
        u32::try_from(breaks.saturating_add(1)).unwrap_or(u32::MAX)
    }

    fn wrong(&self, span: Range<usize>, message: impl Into<String>) -> LockError {
        LockError { line: self.line(span.start), message: message.into() }
    }

    fn date(&self, text: &Spanned<String>) -> Result<Date, LockError> {
        text.get_ref()
            .parse()
            .map_err(|_| self.wrong(text.span(), format!("{} is no day", shown(text.get_ref()))))
    }

    fn verdict(&self, text: &Spanned<String>) -> Result<Option<Safety>, LockError> {
        Scanned::of_word(text.get_ref()).ok_or_else(|| {
            let words: Vec<&str> = Scanned::words().collect();
            self.wrong(text.span(), format!("{} is none of {}", shown(text.get_ref()), words.join(", ")))
        })
    }

    fn approval(&self, model: WireModel, span: &Range<usize>) -> Result<Approval, LockError> {
        let source = model.source.get_ref();
        let is_good = match source.strip_prefix(HUB) {
            Some(repository) => lies_below(repository) && repository.contains('/'),
            None => source == "." || (lies_below(source) && !source.contains([':', '\\'])),
        };
        if !is_good {
            let message = format!("{} is neither a path below the lock nor `{HUB}ORG/NAME`", shown(source));
            return Err(self.wrong(model.source.span(), message));
        }
        let kind = Kind::of_word(model.kind.get_ref()).ok_or_else(|| {
            let message = format!("{} is none of model, dataset, adapter", shown(model.kind.get_ref()));
            self.wrong(model.kind.span(), message)
        })?;
        if let Some(revision) = model.revision.as_ref().filter(|it| !is_plain(it.get_ref())) {
            return Err(self.wrong(revision.span(), format!("{} is no revision", shown(revision.get_ref()))));
        }
        let files = self.files(model.files, span)?;
        if digest(&files) != *model.digest.get_ref() {
            let message = "the digest is not that of the files below it: they were changed by hand, or a merge mixed them";
            return Err(self.wrong(model.digest.span(), message));
        }
        let mut grants = Vec::with_capacity(model.grants.len());
        for grant in model.grants {
            grants.push(self.grant(&grant)?);
        }
        grants.sort();
        let scan = match model.scan {
            None => None,
            Some(scan) => Some(Scanned {
                date: self.date(&scan.date)?,
                verdict: self.verdict(&scan.verdict)?,
                advisories: scan.advisories,
                tool: scan.tool,
            }),
        };
        let mut superseded = Vec::with_capacity(model.superseded.len());
        for earlier in &model.superseded {
            superseded.push(self.superseded(earlier)?);
        }
        let is_file = files.contains_key(".");
        Ok(Approval {
            kind,
            revision: model.revision.map(Spanned::into_inner),
            approved: self.date(&model.approved)?,
            reason: model.reason,
            signature_required: model.signature_required,
            signer: model.signer.map(|signer| self.signer(&signer, is_file)).transpose()?,
            scan,
            grants,
            files,
            superseded,
            source: model.source.into_inner(),
        })
    }

    fn files(
        &self,
        files: Vec<Spanned<WireFile>>,
        span: &Range<usize>,
    ) -> Result<BTreeMap<String, Pin>, LockError> {
        let mut pins = BTreeMap::new();
        let count = files.len();
        for file in files {
            let span = file.span();
            let WireFile { path, size, sha256 } = file.into_inner();
            let is_alone = path == "." && count == 1;
            if !is_alone && !lies_below(&path) {
                return Err(self.wrong(span, format!("{} does not lie below the model", shown(&path))));
            }
            let is_lower = !sha256.bytes().any(|byte| byte.is_ascii_uppercase());
            let Some(digest) = sha256.parse().ok().filter(|_| is_lower) else {
                let message = format!("{} is not SHA-256 in hexadecimal digits", shown(&sha256));
                return Err(self.wrong(span, message));
            };
            if pins.contains_key(&path) {
                return Err(self.wrong(span, format!("{} is listed twice", shown(&path))));
            }
            pins.insert(path, Pin { size, digest });
        }
        if pins.is_empty() {
            return Err(self.wrong(span.clone(), "it has no files"));
        }
        Ok(pins)
    }

    fn grant(&self, grant: &Spanned<WireGrant>) -> Result<Grant, LockError> {
        let WireGrant { allow, reason, until } = grant.get_ref();
        if !is_plain(allow) || !allow.contains('.') {
            let message = format!("{} is no name such as `module.name`", shown(allow));
            return Err(self.wrong(grant.span(), message));
        }
        if reason.trim().is_empty() {
            return Err(self.wrong(grant.span(), format!("`{allow}` is granted without a reason")));
        }
        let until = until.as_ref().map(|until| self.date(until)).transpose()?;
        Ok(Grant { allow: allow.clone(), reason: reason.clone(), until })
    }

    fn superseded(&self, earlier: &Spanned<WireSuperseded>) -> Result<Superseded, LockError> {
        let WireSuperseded { digest, revision, until } = earlier.get_ref();
        let sum = digest.strip_prefix(DIGEST).filter(|sum| !sum.bytes().any(|it| it.is_ascii_uppercase()));
        if sum.is_none_or(|sum| sum.parse::<Digest>().is_err()) {
            return Err(self.wrong(earlier.span(), format!("{} is no digest of the lock", shown(digest))));
        }
        if let Some(revision) = revision.as_ref().filter(|it| !is_plain(it)) {
            return Err(self.wrong(earlier.span(), format!("{} is no revision", shown(revision))));
        }
        let until = self.date(until)?;
        Ok(Superseded { digest: digest.clone(), revision: revision.clone(), until })
    }

    fn signer(&self, signer: &Spanned<WireSigner>, is_file: bool) -> Result<Signer, LockError> {
        let wire = signer.get_ref();
        let wrong = |message: String| self.wrong(signer.span(), message);
        let fields = (&wire.fingerprint, &wire.identity, &wire.issuer);
        let identity = match (wire.method.as_str(), fields) {
            ("key", (Some(fingerprint), None, None)) => Identity::Key(fingerprint.clone()),
            ("certificate", (Some(fingerprint), None, None)) => Identity::Certificate(fingerprint.clone()),
            ("sigstore", (None, Some(name), Some(issuer))) => {
                Identity::Sigstore { name: name.clone(), issuer: issuer.clone() }
            }
            ("key" | "certificate", _) => {
                return Err(wrong(format!(
                    "a signer by {} has a `fingerprint` and nothing else",
                    wire.method
                )));
            }
            ("sigstore", _) => {
                return Err(wrong("a signer by sigstore has `identity` and `issuer`".to_owned()));
            }
            (other, _) => {
                return Err(wrong(format!("{} is none of key, certificate, sigstore", shown(other))));
            }
        };
        let key = match (&wire.public_key, &identity) {
            (None, _) => None,
            (Some(text), Identity::Key(fingerprint)) => {
                let key = STANDARD.decode(text).ok();
                let key =
                    key.filter(|der| PublicKey::from_der(der).is_ok_and(|key| key.hint() == *fingerprint));
                Some(key.ok_or_else(|| wrong("the public key is not that of the fingerprint".to_owned()))?)
            }
            (Some(_), _) => return Err(wrong("only a signer by key has a `public-key`".to_owned())),
        };
        let roots = match (&wire.trusted_root, &identity) {
            (None, _) => None,
            (Some(text), Identity::Sigstore { .. }) => {
                let json = STANDARD.decode(text).ok().and_then(|json| String::from_utf8(json).ok());
                let json = json.ok_or_else(|| wrong("the trusted root is not text in Base64".to_owned()))?;
                Roots::read(&json).map_err(|error| wrong(shortened(&error.to_string())))?;
                Some(json.into())
            }
            (Some(_), _) => return Err(wrong("only a signer by sigstore has a `trusted-root`".to_owned())),
        };
        if !lies_below(&wire.signature) || (is_file && wire.signature.contains('/')) {
            return Err(wrong(format!("{} is no place for the signature", shown(&wire.signature))));
        }
        let first_seen = self.date(&wire.first_seen)?;
        Ok(Signer { identity, key, roots, first_seen, signature: wire.signature.clone() })
    }
}

/// The bytes of a public key or of a trusted root as the lock writes them.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A name without spaces and controls, and of a length that a person reads.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && !text.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// A text out of the file for a message.
fn shown(text: &str) -> String {
    format!("`{}`", shortened(text))
}

fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
