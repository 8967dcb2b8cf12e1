//! Whether those who signed are enough.

use std::collections::{BTreeMap, BTreeSet};

use super::Requirement;
use crate::oms::Signer;

/// How far the clock of this machine may lag behind the time that a log states, in seconds.
const SKEW: i64 = 3600;

/// An anchor whose signature is good and true of the model.
#[derive(Clone, Copy, Debug)]
pub struct Voucher<'a> {
    /// The id of the anchor.
    pub anchor: &'a str,
    /// Who signed.
    pub signer: &'a Signer,
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
            if let Some(why) = self.max_age.and_then(|most| too_old(voucher.signer, most, now)) {
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

    /// Whether that many are enough.
    pub fn is_met(&self, judged: &Judged) -> bool {
        judged.count >= self.threshold
    }
}

/// Why a signature is too old; none if it is not.
fn too_old(signer: &Signer, most: i64, now: i64) -> Option<String> {
    let time = match signer {
        Signer::Identity(identity) => identity.time,
        Signer::Key(_) | Signer::Certificate(_) => None,
    };
    let Some(time) = time else {
        return Some(format!(
            "has no trusted time of its signature, so that it cannot be known to be younger than {} (`max-age`)",
            in_days(most)
        ));
    };
    let age = now.saturating_sub(time);
    if age < SKEW.saturating_neg() {
        return Some("signed in the future: the clock of this machine is wrong".to_owned());
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
