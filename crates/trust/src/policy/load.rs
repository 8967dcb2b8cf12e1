//! Turns anchors into keys, certificates and roots, and asks them about bundles.

use super::{Anchor, Certificates, Kind, NamePattern, Policy, PolicyError, Text};
use crate::attest;
use crate::bundle::{Bundle, Material};
use crate::chain;
use crate::keyless::Roots;
use crate::keys::PublicKey;
use crate::oms::{self, Refusal, Signer, Trust, Verified};

/// An anchor that is ready to be asked.
#[derive(Debug)]
pub struct Loaded {
    /// Its id.
    pub id: String,
    /// Its line in the policy.
    pub line: usize,
    holder: Holder,
}

/// By what it is known.
#[derive(Debug)]
enum Holder {
    Key(Box<PublicKey>),
    Certificates { trusted: Vec<chain::Anchor>, is_leaf: bool, names: Vec<NamePattern> },
    Sigstore { issuer: String, identity: NamePattern, roots: Roots },
}

/// Why an anchor does not vouch for a bundle.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotVouched {
    /// The bundle is not signed by it, or what is signed is not to be believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The chain is good, and the certificate bears none of the names.
    #[error("the certificate of `{subject}` bears none of the names that `san` asks for, only {names}")]
    Names {
        /// Its subject.
        subject: String,
        /// Its subject alternative names.
        names: String,
    },
    /// The chain is good, and the certificate is another one.
    #[error("signed with the certificate of `{0}`, which is not exactly one of those that are trusted")]
    Leaf(String),
}

impl Policy {
    /// Makes all anchors ready. `open` gives the text of a file as the policy names it, or says why it cannot.
    ///
    /// # Errors
    /// What is wrong, for each anchor with which something is. The others are ready all the same.
    pub fn load(&self, open: &dyn Fn(&str) -> Result<String, String>) -> (Vec<Loaded>, Vec<PolicyError>) {
        let (mut ready, mut wrong) = (Vec::new(), Vec::new());
        for anchor in &self.anchors {
            match Holder::load(anchor, open) {
                Ok(holder) => ready.push(Loaded { id: anchor.id.clone(), line: anchor.line, holder }),
                Err((line, message)) => wrong.push(PolicyError {
                    file: self.file.clone(),
                    line,
                    message: format!("anchor `{}`: {message}", anchor.id),
                    hint: None,
                }),
            }
        }
        (ready, wrong)
    }
}

/// A line, and what is wrong there.
type Wrong = (usize, String);

impl Holder {
    fn load(anchor: &Anchor, open: &dyn Fn(&str) -> Result<String, String>) -> Result<Self, Wrong> {
        let read = |file: &Text| {
            open(&file.text).map_err(|why| (file.line, format!("cannot read `{}`: {why}", file.text)))
        };
        match &anchor.kind {
            Kind::Key { key, .. } => {
                let is_inline = key.text.contains("-----BEGIN ");
                let pem = if is_inline { key.text.clone() } else { read(key)? };
                let place = if is_inline { "`key`" } else { &format!("`{}`", key.text) };
                let key = PublicKey::from_pem(&pem).map_err(|why| (key.line, format!("{place}: {why}")))?;
                Ok(Self::Key(Box::new(key)))
            }
            Kind::Authority(certificates) => Self::certificates(certificates, false, &read),
            Kind::Leaf(certificates) => Self::certificates(certificates, true, &read),
            Kind::Sigstore { issuer, identity, trusted_root } => {
                let roots = match trusted_root {
                    Some(file) => Roots::read(&read(file)?)
                        .map_err(|why| (file.line, format!("`{}`: {why}", file.text)))?,
                    None => Roots::public(),
                };
                Ok(Self::Sigstore { issuer: issuer.clone(), identity: identity.clone(), roots })
            }
        }
    }

    fn certificates(
        certificates: &Certificates,
        is_leaf: bool,
        read: &dyn Fn(&Text) -> Result<String, Wrong>,
    ) -> Result<Self, Wrong> {
        let mut trusted = Vec::new();
        for file in &certificates.files {
            let wrong = |why: &dyn std::fmt::Display| (file.line, format!("`{}`: {why}", file.text));
            for anchor in chain::Anchor::from_pem(&read(file)?).map_err(|why| wrong(&why))? {
                let (subject, key) = (anchor.subject(), anchor.key_digest());
                if !certificates.keys.is_empty() && !certificates.keys.contains(&key) {
                    return Err(wrong(&format!(
                        "the key of `{subject}` has the SHA-256 {key}, which `spki-sha256` does not list"
                    )));
                }
                match (is_leaf, anchor.is_authority()) {
                    (true, true) => {
                        return Err(wrong(&format!(
                            "the certificate of `{subject}` is one of an authority, which signs no models: \
                             `kind = \"x509-ca\"` trusts those below it"
                        )));
                    }
                    (false, false) => {
                        return Err(wrong(&format!(
                            "the certificate of `{subject}` is none of an authority: `kind = \"x509-leaf\"` \
                             trusts it alone"
                        )));
                    }
                    _ => trusted.push(anchor),
                }
            }
        }
        Ok(Self::Certificates { trusted, is_leaf, names: certificates.names.clone() })
    }
}

impl Loaded {
    /// Whether this anchor signed a bundle, of which `json` is the text, at a time in seconds since 1970.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, bundle: &Bundle, json: &str, time: i64) -> Result<Verified, NotVouched> {
        let verified = oms::verify(bundle, self.trust(json, time))?;
        self.takes(&verified.signer)?;
        Ok(verified)
    }

    /// Whether this anchor signed a claim, in the same way.
    ///
    /// # Errors
    /// Why not.
    pub fn verify_claim(&self, bundle: &Bundle, json: &str, time: i64) -> Result<Signer, NotVouched> {
        let signer = attest::signer(bundle, self.trust(json, time))?;
        self.takes(&signer)?;
        Ok(signer)
    }

    /// The hint by which bundles name its key; none where it is known by something else.
    pub fn hint(&self) -> Option<String> {
        match &self.holder {
            Holder::Key(key) => Some(key.hint()),
            Holder::Certificates { .. } | Holder::Sigstore { .. } => None,
        }
    }

    /// Whether a bundle that shows a key says by its hint that it is the one of another anchor: then there is no need to try.
    pub fn is_of_another_key(&self, bundle: &Bundle) -> bool {
        match (&self.holder, &bundle.material) {
            (Holder::Key(key), Material::Key(hint)) => {
                let is_hint = hint.len() == 64 && hint.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_hint && *hint != key.hint()
            }
            _ => false,
        }
    }

    fn trust<'a>(&'a self, json: &'a str, time: i64) -> Trust<'a> {
        match &self.holder {
            Holder::Key(key) => Trust::Key(key),
            Holder::Certificates { trusted, .. } => Trust::Anchors { anchors: trusted, time },
            Holder::Sigstore { issuer, identity, roots } => {
                Trust::Pattern { json, name: identity, issuer, roots }
            }
        }
    }

    /// Whether somebody whose signature is good is the one who is meant.
    fn takes(&self, signer: &Signer) -> Result<(), NotVouched> {
        if let (Holder::Certificates { trusted, is_leaf, names }, Signer::Certificate(leaf)) =
            (&self.holder, signer)
        {
            if *is_leaf && !trusted.iter().any(|anchor| anchor.fingerprint() == leaf.fingerprint) {
                return Err(NotVouched::Leaf(leaf.subject.clone()));
            }
            let is_named = |name: &String| names.iter().any(|pattern| pattern.matches(name));
            if !names.is_empty() && !leaf.names.iter().any(is_named) {
                let quoted: Vec<String> = leaf.names.iter().map(|name| format!("`{name}`")).collect();
                let names = if quoted.is_empty() { "none at all".to_owned() } else { quoted.join(", ") };
                return Err(NotVouched::Names { subject: leaf.subject.clone(), names });
            }
        }
        Ok(())
    }

    /// What is wrong with this anchor at a time in seconds since 1970, although it can be read: certificates that are not
    /// valid then.
    pub fn concerns(&self, time: i64) -> Vec<String> {
        match &self.holder {
            Holder::Certificates { trusted, .. } => {
                trusted.iter().filter_map(|anchor| anchor.valid_at(time).err()).collect()
            }
            Holder::Key(_) | Holder::Sigstore { .. } => Vec::new(),
        }
    }

    /// Whom it trusts, in words.
    pub fn describe(&self) -> String {
        match &self.holder {
            Holder::Key(key) => format!("key {:.16}… ({})", key.hint(), key.curve()),
            Holder::Certificates { trusted, is_leaf, names } => {
                let subjects: Vec<String> =
                    trusted.iter().map(|anchor| format!("`{}`", anchor.subject())).collect();
                let below = if *is_leaf { "exactly" } else { "whoever is certified by" };
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let named =
                    if names.is_empty() { String::new() } else { format!(", named {}", names.join(" or ")) };
                format!("{below} {}{named}", subjects.join(", "))
            }
            Holder::Sigstore { issuer, identity, .. } => format!("`{identity}`, as {issuer} says"),
        }
    }
}
