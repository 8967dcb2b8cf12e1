//! Whether those who signed are enough.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, Requirement};
use crate::attest::{Claim, Outcome, pep740};
use crate::oms::Signer;

/// What is said of a time that is still to come.
const AHEAD: &str = "signed in the future: the clock of this machine is wrong";
/// How far the clock of this machine may lag behind the time that a log states, in seconds.
const SKEW: i64 = 3600;

/// An anchor whose signature is good and true of the model.
#[derive(Clone, Copy, Debug)]
pub struct Voucher<'a> {
    /// The id of the anchor.
    pub anchor: &'a str,
    /// Who signed.
    pub signer: &'a Signer,
    /// When it was made, in seconds since 1970, as the signed statement says.
    pub stated: Option<i64>,
}

/// An anchor whose claim is good and true of the model.
#[derive(Clone, Copy, Debug)]
pub struct Claimed<'a> {
    /// Who.
    pub voucher: Voucher<'a>,
    /// What he claims.
    pub claim: &'a Claim,
    /// It has the form of PEP 740.
    pub is_pep740: bool,
}

/// How a requirement is met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// How many count: different anchors, with as many different keys or identities.
    pub count: usize,
    /// Why some who signed do not count.
    pub short: Vec<String>,
}

impl Requirement {
    /// How it is met by those who signed, at a time in seconds since 1970.
    pub fn judge(&self, vouchers: &[Voucher<'_>], now: i64) -> Judged {
        let mut short = Vec::new();
        // By each anchor, whoever signed for it.
        let mut signers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for voucher in vouchers.iter().filter(|voucher| self.by.iter().any(|id| id == voucher.anchor)) {
            if let Some(why) = self.max_age.and_then(|most| too_old(voucher, most, now)) {
                short.push(format!("`{}` {why}", voucher.anchor));
                continue;
            }
            let keys = signers.entry(voucher.anchor).or_default();
            let key = key(voucher.signer);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let count = pairs(&signers);
        if count < self.threshold && signers.len() > count {
            short.push(format!(
                "{} signed with {count} {} between them: one key counts once, whatever its names",
                signers.keys().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
                if count == 1 { "key" } else { "keys" }
            ));
        }
        short.sort();
        short.dedup();
        Judged { count, short }
    }

    /// How it is met by those who made claims, at a time in seconds since 1970.
    pub fn judge_claims(&self, claims: &[Claimed<'_>], now: i64) -> Judged {
        let mut of_type: Vec<&Claimed<'_>> =
            claims.iter().filter(|claimed| self.is_of_type(claimed.claim, claimed.is_pep740)).collect();
        let mut short = Vec::new();
        // One that is dated ahead would be the last word for ever.
        of_type.retain(|claimed| {
            let is_ahead = time(&claimed.voucher).is_some_and(|time| is_ahead(time, now));
            if is_ahead && self.by.iter().any(|id| id == claimed.voucher.anchor) {
                short.push(format!("`{}` {AHEAD}", claimed.voucher.anchor));
            }
            !is_ahead
        });
        if self.passed && self.has_outcome() {
            // What somebody said last is what he says: a pass of yesterday is not one after the failure of today.
            let last: Vec<&Claimed<'_>> = of_type
                .iter()
                .filter(|one| !of_type.iter().any(|other| is_later(&other.voucher, &one.voucher)))
                .copied()
                .collect();
            let (passed, others): (Vec<&Claimed<'_>>, Vec<&Claimed<'_>>) =
                last.into_iter().partition(|claimed| claimed.claim.outcome == Some(Outcome::Pass));
            let has_failed = |id: &str| others.iter().any(|other| other.voucher.anchor == id);
            for other in others.iter().filter(|other| self.by.iter().any(|id| id == other.voucher.anchor)) {
                let said = other.claim.outcome.map_or("nothing that is known here", Outcome::word);
                short.push(format!("the verdict of `{}` is {said}, not pass", other.voucher.anchor));
            }
            of_type = passed.into_iter().filter(|claimed| !has_failed(claimed.voucher.anchor)).collect();
        }
        let vouchers: Vec<Voucher<'_>> = of_type.iter().map(|claimed| claimed.voucher).collect();
        let mut judged = self.judge(&vouchers, now);
        judged.short.append(&mut short);
        judged.short.sort();
        judged.short.dedup();
        judged
    }

    /// Whether a claim is what is asked for, whoever made it and whatever he found.
    pub fn is_of_type(&self, claim: &Claim, is_pep740: bool) -> bool {
        let is_one = match self.evidence {
            Evidence::Oms => false,
            Evidence::Pep740 => is_pep740 && pep740::is_publish(&claim.predicate_type),
            Evidence::Claim(kind) => claim.kind.is(kind),
        };
        is_one && self.predicate_type.as_ref().is_none_or(|wanted| *wanted == claim.predicate_type)
    }

    fn has_outcome(&self) -> bool {
        matches!(self.evidence, Evidence::Claim(kind) if kind.has_outcome())
    }

    /// Whether that many are enough.
    pub fn is_met(&self, judged: &Judged) -> bool {
        judged.count >= self.threshold
    }
}

/// When somebody vouched: what a log or an authority states, else what he signed himself. He is believed about the rest of his
/// statement, and so about its time.
fn time(voucher: &Voucher<'_>) -> Option<i64> {
    let trusted = match voucher.signer {
        Signer::Identity(identity) => identity.time,
        Signer::Key(_) | Signer::Certificate(_) => None,
    };
    // Whoever signs an old statement anew does not make it younger.
    match (trusted, voucher.stated) {
        (Some(trusted), Some(stated)) => Some(trusted.min(stated)),
        (trusted, stated) => trusted.or(stated),
    }
}

/// Whether a time is still to come.
fn is_ahead(time: i64, now: i64) -> bool {
    time.saturating_sub(now) > SKEW
}

/// Whether the one vouched after the other, as the same anchor.
fn is_later(one: &Voucher<'_>, other: &Voucher<'_>) -> bool {
    one.anchor == other.anchor && time(one) > time(other)
}

/// Why a signature is older than so many seconds; none if it is not.
pub fn too_old(voucher: &Voucher<'_>, most: i64, now: i64) -> Option<String> {
    let Some(time) = time(voucher) else {
        return Some(format!(
            "has no trusted time of its signature, so that it cannot be known to be younger than {} (`max-age`)",
            in_days(most)
        ));
    };
    let age = now.saturating_sub(time);
    if is_ahead(time, now) {
        return Some(AHEAD.to_owned());
    }
    (age > most).then(|| format!("signed {} ago, more than {} (`max-age`)", in_days(age), in_days(most)))
}

/// Seconds in days, or in hours where they are no whole days.
pub fn in_days(seconds: i64) -> String {
    let (number, unit) = match (seconds.div_euclid(86_400), seconds.rem_euclid(86_400)) {
        (days, rest) if rest == 0 || days >= 30 => (days, "day"),
        _ => (seconds.div_euclid(3600), "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// By what two signers are known to be one: a key is one whatever certificate it has; the short-lived keys of Sigstore mean
/// nothing, the identity does.
fn key(signer: &Signer) -> String {
    match signer {
        Signer::Key(key) => key.hint(),
        Signer::Certificate(leaf) => leaf.key.hint(),
        Signer::Identity(identity) => format!("{}\n{}", identity.issuer, identity.name),
    }
}

/// The most pairs of an anchor and a key that can be made so that none is in two of them (augmenting paths).
fn pairs(signers: &BTreeMap<&str, Vec<String>>) -> usize {
    let mut holders = BTreeMap::new();
    let mut count = 0_usize;
    for anchor in signers.keys() {
        if augment(anchor, signers, &mut holders, &mut BTreeSet::new()) {
            count = count.saturating_add(1);
        }
    }
    count
}

/// Finds a key for an anchor, if need be by giving those that hold one another; no deeper than there are anchors.
fn augment<'a>(
    anchor: &'a str,
    signers: &'a BTreeMap<&str, Vec<String>>,
    holders: &mut BTreeMap<&'a str, &'a str>,
    tried: &mut BTreeSet<&'a str>,
) -> bool {
    for key in signers.get(anchor).into_iter().flatten() {
        if !tried.insert(key) {
            continue;
        }
        let holder = holders.get(key.as_str()).copied();
        if holder.is_none_or(|holder| augment(holder, signers, holders, tried)) {
            holders.insert(key, anchor);
            return true;
        }
    }
    false
}
