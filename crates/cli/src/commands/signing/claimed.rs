//! What is to be thought of the attestations of a model: who signed each, and whether it speaks of these bytes.

use weighbridge_core::digest::Digest;
use weighbridge_core::listing::Listing;
use weighbridge_trust::attest::{Claim, ClaimError, Here};
use weighbridge_trust::bundle::{Bundle, Material};
use weighbridge_trust::keyless::KeylessError;
use weighbridge_trust::log::{self, VerifierKey};
use weighbridge_trust::oms::{Compared, Refusal, Signer, Status, Tolerance};
use weighbridge_trust::policy::{Claimed, Judged, NotVouched, Requirement, Voucher, too_old};

use super::Memory;
use super::claims::{Found, Gathered};

/// An attestation, and what is to be thought of it.
pub(super) struct Attested {
    /// Where it lies.
    pub(super) place: String,
    /// What it says; none where that cannot be read.
    pub(super) claim: Option<Claim>,
    pub(super) is_pep740: bool,
    pub(super) standing: Standing,
    /// Who signed it, of those who are believed, each with the anchor that he is.
    pub(super) by: Vec<(String, Signer)>,
    /// Why it does not count.
    pub(super) reason: Option<String>,
}

/// What is to be thought of an attestation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Signed by somebody who is believed, and of these bytes.
    Valid,
    /// The same, and older than what is asked for may be.
    Stale,
    /// Signed by somebody who is believed, and of other bytes, or not of all that lies there.
    OtherBytes,
    /// The signature does not hold.
    BadSignature,
    /// Signed by somebody who is believed, and not in the log that is asked for.
    NotLogged,
    /// Signed by somebody who is not believed.
    UnknownSigner,
    /// It cannot be understood.
    Malformed,
    /// Some of the files could not be read.
    Unchecked,
}

impl Standing {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Stale => "stale",
            Self::OtherBytes => "of other bytes",
            Self::BadSignature => "signature bad",
            Self::NotLogged => "not in the log",
            Self::UnknownSigner => "signer unknown",
            Self::Malformed => "malformed",
            Self::Unchecked => "unchecked",
        }
    }
}

/// Who signed a bundle: those who are believed, by the anchors that they are.
pub(super) type Who = Result<Vec<(String, Signer)>, Refused>;

/// Why none of those who are believed has signed a bundle.
pub(super) enum Refused {
    /// The signature does not hold; why.
    Bad(String),
    /// It holds, and no proof of the log that is asked for does; why.
    Unlogged(String),
    /// It is by somebody else; by whom, where that is proved.
    Other(Option<String>),
}

/// Looks at each attestation: whose it is, what it says, and whether it says it of what lies there.
pub(super) fn judge(
    listing: &Listing,
    gathered: &Gathered,
    tolerance: &Tolerance,
    allow_unsigned: bool,
    memory: &Memory,
    who: &dyn Fn(&Bundle, &str) -> Who,
) -> Vec<Attested> {
    let mut attested: Vec<Attested> = gathered.found.iter().map(|found| one(found, who)).collect();
    attested.extend(gathered.unread.as_ref().map(|(place, why)| Attested {
        place: place.clone(),
        claim: None,
        is_pep740: false,
        standing: Standing::Unchecked,
        by: Vec::new(),
        reason: Some(why.clone()),
    }));
    let good = |it: &&Attested| it.standing == Standing::Valid;
    let claims = attested.iter().filter(good).filter_map(|it| it.claim.as_ref());
    if claims.clone().next().is_none() {
        return attested;
    }
    let here = memory.with(|hashing| Here::look(listing, claims, tolerance, hashing));
    for it in &mut attested {
        let Some(claim) = it.claim.as_ref().filter(|_| it.standing == Standing::Valid) else { continue };
        let is_named = claim.subjects.iter().any(|(name, _)| *name == listing.name);
        let found = if it.is_pep740 && !is_named {
            let name = claim.subjects.first().map(|(name, _)| name.as_str()).unwrap_or_default();
            Some((Standing::OtherBytes, format!("it speaks of `{name}`")))
        } else {
            against(&claim.compare(&here), allow_unsigned)
        };
        if let Some((standing, reason)) = found {
            (it.standing, it.reason) = (standing, Some(reason));
        }
    }
    attested
}

/// Who signed, if the log that is asked for has it.
pub(super) fn logged(
    signer: Signer,
    bundle: &Bundle,
    json: &str,
    log: Option<&VerifierKey>,
) -> Result<Signer, Refused> {
    let proof = log.map(|log| log::verify(json, bundle, &log::identity(&signer), log));
    proof.transpose().map_err(|error| Refused::Unlogged(error.to_string()))?;
    Ok(signer)
}

fn one(found: &Found, who: &dyn Fn(&Bundle, &str) -> Who) -> Attested {
    let mut attested = Attested {
        place: found.place.clone(),
        claim: None,
        is_pep740: found.is_pep740,
        standing: Standing::Malformed,
        by: Vec::new(),
        reason: None,
    };
    let bundle = match &found.bundle {
        Ok(bundle) => bundle,
        Err(why) => {
            attested.reason = Some(why.clone());
            return attested;
        }
    };
    let claim: Result<Claim, ClaimError> = Claim::read(&bundle.envelope.payload);
    match who(bundle, &found.json) {
        Err(Refused::Bad(why)) => {
            (attested.standing, attested.reason) = (Standing::BadSignature, Some(why));
        }
        Err(Refused::Unlogged(why)) => {
            (attested.standing, attested.reason) = (Standing::NotLogged, Some(why));
        }
        Err(Refused::Other(who)) => {
            attested.standing = Standing::UnknownSigner;
            attested.reason = Some(who.unwrap_or_else(|| shown(bundle)));
        }
        Ok(by) => {
            attested.by = by;
            match &claim {
                Ok(_) => attested.standing = Standing::Valid,
                Err(error) => attested.reason = Some(error.to_string()),
            }
        }
    }
    attested.claim = claim.ok();
    attested
}

/// By whom a bundle says that it is.
fn shown(bundle: &Bundle) -> String {
    match &bundle.material {
        Material::Key(hint) => format!("it says that it is by the key {hint:.16}…"),
        Material::Chain(chain) => match chain.first() {
            Some(leaf) => format!("it shows the certificate with SHA-256 {:.16}…", Digest::of(leaf)),
            None => "it shows no certificate".to_owned(),
        },
        Material::Keyless(_) => "it is by another identity of Sigstore".to_owned(),
    }
}

/// What is wrong with a claim whose signature is good; nothing if it is true of all that lies there.
fn against(compared: &Compared, allow_unsigned: bool) -> Option<(Standing, String)> {
    let of = |wanted: fn(&Status) -> bool| {
        let mut paths = compared.files.iter().filter(|(_, status)| wanted(status)).map(|(path, _)| path);
        paths.next().map(|first| (first.clone(), paths.count()))
    };
    let told = |(path, more): (String, usize), what: &str| {
        let path = if path == "." { "the file".to_owned() } else { format!("`{path}`") };
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        format!("{path} {what}{more}")
    };
    if let Some(changed) = of(|status| matches!(status, Status::Changed { .. })) {
        return Some((Standing::OtherBytes, told(changed, "is another one")));
    }
    if let Some(missing) = of(|status| matches!(status, Status::Missing)) {
        return Some((Standing::OtherBytes, told(missing, "is missing")));
    }
    if let Some(unread) = of(|status| matches!(status, Status::Unread(_))) {
        return Some((Standing::Unchecked, told(unread, "could not be read")));
    }
    let unsaid = of(|status| matches!(status, Status::Extra | Status::Ignored { runs: true }));
    let unsaid = unsaid.filter(|_| !allow_unsigned)?;
    Some((Standing::OtherBytes, told(unsaid, "is there, and it does not speak of that")))
}

/// How a requirement is met by these attestations.
pub(super) fn meets(attested: &[Attested], requirement: &Requirement, time: i64) -> Judged {
    requirement.judge_claims(&claimed(attested), time)
}

/// Whether there is an attestation of the type that a requirement asks for, whatever is to be thought of it.
pub(super) fn is_there(attested: &[Attested], requirement: &Requirement) -> bool {
    attested.iter().any(|it| is_of_type(it, requirement))
}

/// Why the first one of that type does not count.
pub(super) fn reason(attested: &[Attested], requirement: &Requirement) -> Option<String> {
    let mut of_type = attested.iter().filter(|it| is_of_type(it, requirement));
    let refused = of_type.find(|it| it.standing != Standing::Valid)?;
    let reason = refused.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("{}: {}{reason}", refused.place, refused.standing.word()))
}

fn is_of_type(attested: &Attested, requirement: &Requirement) -> bool {
    // What cannot be read may be the one that is asked for.
    attested.claim.as_ref().is_none_or(|claim| requirement.is_of_type(claim, attested.is_pep740))
}

/// Those that are valid, once for each anchor that signed.
fn claimed(attested: &[Attested]) -> Vec<Claimed<'_>> {
    let mut claimed = Vec::new();
    for it in attested.iter().filter(|it| matches!(it.standing, Standing::Valid | Standing::Stale)) {
        let Some(claim) = &it.claim else { continue };
        for (anchor, signer) in &it.by {
            let voucher = Voucher { anchor, signer, stated: claim.time };
            claimed.push(Claimed { voucher, claim, is_pep740: it.is_pep740 });
        }
    }
    claimed
}

/// Marks what is older than the requirements allow.
pub(super) fn age(attested: &mut [Attested], requirements: &[Requirement], time: i64) {
    for it in attested.iter_mut().filter(|it| it.standing == Standing::Valid) {
        let Some(claim) = &it.claim else { continue };
        for (anchor, signer) in &it.by {
            let voucher = Voucher { anchor, signer, stated: claim.time };
            let asked = requirements
                .iter()
                .filter(|asked| asked.by.contains(anchor) && asked.is_of_type(claim, it.is_pep740));
            let stale =
                asked.filter_map(|asked| asked.max_age).find_map(|most| too_old(&voucher, most, time));
            if let Some(why) = stale {
                (it.standing, it.reason) = (Standing::Stale, Some(format!("`{anchor}` {why}")));
                break;
            }
        }
    }
}

/// Whether somebody who is refused signed badly, or is only somebody else; `hint` is that of the key that is believed.
pub(super) fn refused(refusal: &Refusal, bundle: &Bundle, hint: Option<&str>) -> Refused {
    match (refusal, &bundle.material) {
        // Another key gives another signature; whoever says that he signed with this one must have.
        (Refusal::Signature(_), Material::Key(shown)) if hint != Some(shown) => Refused::Other(None),
        (Refusal::Signature(_), Material::Chain(_) | Material::Keyless(_)) if hint.is_some() => {
            Refused::Other(None)
        }
        (Refusal::Keyless(KeylessError::Identity(name, issuer)), _) => {
            Refused::Other(Some(format!("it is by `{name}`, as {issuer} says")))
        }
        // Expired, or below an authority that nobody here trusts.
        (Refusal::Chain(why), _) => Refused::Other(Some(why.to_string())),
        (Refusal::Method { .. }, _) => Refused::Other(None),
        _ => Refused::Bad(refusal.to_string()),
    }
}

/// The same of an anchor of a policy.
pub(super) fn refused_by(why: &NotVouched, bundle: &Bundle, hint: Option<&str>) -> Refused {
    match why {
        NotVouched::Refused(refusal) => refused(refusal, bundle, hint),
        NotVouched::Names { .. } | NotVouched::Leaf(_) => Refused::Other(Some(why.to_string())),
    }
}
