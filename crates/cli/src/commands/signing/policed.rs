//! What a trust policy says of one model: which signatures there are, whose they are, and whether they are enough.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use weighbridge_core::listing::Listing;
use weighbridge_net::open::listing;
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::log::{self, Included, VerifierKey};
use weighbridge_trust::oms::{self, Manifest, Signer, Tolerance};
use weighbridge_trust::policy::{Evidence, Judged, Place, Requirement, Rule, Unsigned, Voucher};

use super::answer::{Found, Signed, Verdict};
use super::claimed::{self, Attested, Who};
use super::policy::Ready;
use super::verify::{claims_tolerance, read, verdict};
use super::{Memory, below, claims, ignored};
use crate::errors::Failure;
use crate::signing_args::Verify;

/// Most signature files of one model that are looked at.
const MOST_SIGNATURES: usize = 32;

/// What the policy says of a model.
pub(super) struct Ruled {
    /// The policy.
    pub(super) file: String,
    /// The rule that applies.
    pub(super) rule: Option<Rule>,
    /// How each of its requirements is met.
    pub(super) met: Vec<Judged>,
    /// Who vouches.
    pub(super) vouched: Vec<Vouched>,
    /// Signatures that do not count.
    pub(super) refused: Vec<Refused>,
}

/// An anchor that vouches for the model.
pub(super) struct Vouched {
    pub(super) anchor: String,
    /// The rule names it.
    pub(super) is_named: bool,
    pub(super) signature: String,
    pub(super) signer: Signer,
}

/// A signature that does not count, or not for one anchor.
pub(super) struct Refused {
    pub(super) signature: String,
    pub(super) anchor: Option<String>,
    /// The anchor signed, and the model is not as it says.
    pub(super) is_good: bool,
    pub(super) reason: String,
}

/// A file with a good signature of an anchor.
struct Good {
    /// As it is shown.
    path: PathBuf,
    early: bool,
    manifest: Manifest,
    signers: Vec<(String, Signer)>,
    logged: Option<Included>,
}

/// The signature files of a model, read and asked for.
#[derive(Default)]
struct Gathered {
    /// How many there are.
    count: usize,
    good: Vec<Good>,
    refused: Vec<Refused>,
    /// One could not be read.
    unread: Option<String>,
}

/// Verifies one model under a policy.
pub(super) fn one(
    path: &Path,
    verify: &Verify,
    ready: &Ready,
    source: Option<&Place>,
    log: Option<&VerifierKey>,
    memory: &Memory,
    time: i64,
) -> Result<Found, Failure> {
    let listing = listing::list(path).map_err(|error| Failure::unreadable(path, &error))?;
    let file = ready.on_disk.policy.file.clone();
    let mut found = Found {
        path: path.display().to_string(),
        signature: None,
        verdict: Verdict::NoRule(format!("no rule of {file} speaks of it")),
        signed: None,
        ruled: None,
        claims: Vec::new(),
    };
    let mut ruled = Ruled { file, rule: None, met: Vec::new(), vouched: Vec::new(), refused: Vec::new() };
    let places = ready.on_disk.places(path, source)?;
    let rule = match ready.on_disk.rule(&places) {
        Ok(Some(rule)) => rule,
        Ok(None) => {
            if verify.by_policy.strict {
                found.verdict = Verdict::Bad(format!("no rule of {} speaks of it (`--strict`)", ruled.file));
            }
            found.ruled = Some(ruled);
            return Ok(found);
        }
        Err(why) => {
            found.verdict = Verdict::Bad(why);
            found.ruled = Some(ruled);
            return Ok(found);
        }
    };
    ruled.rule = Some(rule.clone());
    let Gathered { count, good, refused, unread } = gather(path, &listing, verify, ready, log, time)?;
    ruled.refused = refused;
    let gathered = claims::gather(path, verify.claims.as_deref());
    let gathered = gathered.map_err(|error| Failure::unreadable(path, &error))?;
    let tolerance = claims_tolerance(path, verify, &listing, &gathered)?;
    let who = |bundle: &Bundle, json: &str| who(ready, bundle, json, log, time);
    let allow = verify.allow_unsigned_files;
    let mut attested = claimed::judge(&listing, &gathered, &tolerance, allow, memory, &who);
    claimed::age(&mut attested, &rule.require, time);
    let mut compared = compare(path, &listing, verify, &good, &gathered.apart, memory)?;
    let asks_files = rule.require.iter().any(|requirement| requirement.evidence == Evidence::Oms);
    let asks_claims = rule.require.iter().any(|requirement| requirement.evidence != Evidence::Oms);
    let unread_claims = gathered.unread.map(|(place, why)| format!("`{place}`: {why}"));
    let unread = unread.filter(|_| asks_files).or(unread_claims.filter(|_| asks_claims));
    let unread =
        unread.or_else(|| rule.require.iter().find_map(|asked| claimed::unchecked(&attested, asked)));
    let mut worst = unread.map(Verdict::Unchecked);
    let mut shown: Option<(u8, usize)> = None;
    for (at, (good, (_, verdict))) in good.iter().zip(&compared).enumerate() {
        for (anchor, signer) in &good.signers {
            let is_named = rule.require.iter().any(|requirement| requirement.by.contains(anchor));
            let signature = good.path.display().to_string();
            let rank = match (is_named, verdict) {
                (true, Verdict::Verified) => 0,
                (true, _) => 1,
                (false, _) => 2,
            };
            if shown.is_none_or(|(other, _)| rank < other) {
                shown = Some((rank, at));
            }
            if *verdict == Verdict::Verified {
                let (anchor, signer) = (anchor.clone(), signer.clone());
                ruled.vouched.push(Vouched { anchor, is_named, signature, signer });
                continue;
            }
            let reason = verdict.reason().unwrap_or_default().to_owned();
            ruled.refused.push(Refused { signature, anchor: Some(anchor.clone()), is_good: true, reason });
            // What is known to be bad is told before what could not be said.
            if is_named && asks_files && !matches!(worst, Some(Verdict::Bad(_))) {
                worst = Some(verdict.clone());
            }
        }
    }
    ruled.vouched.sort_by(|one, other| (&one.anchor, &one.signature).cmp(&(&other.anchor, &other.signature)));
    let vouchers: Vec<Voucher<'_>> = ruled
        .vouched
        .iter()
        .map(|vouched| Voucher { anchor: &vouched.anchor, signer: &vouched.signer, stated: None })
        .collect();
    let judged = |requirement: &Requirement| match requirement.evidence {
        Evidence::Oms => requirement.judge(&vouchers, time),
        Evidence::Pep740 | Evidence::Claim(_) => claimed::meets(&attested, requirement, time),
    };
    ruled.met = rule.require.iter().map(judged).collect();
    let met = rule.require.iter().zip(&ruled.met).all(|(requirement, judged)| requirement.is_met(judged));
    found.verdict = match worst {
        _ if met => Verdict::Verified,
        _ if count == 0 && attested.is_empty() => unsigned(rule),
        Some(worst) => worst,
        None if ruled.met.iter().any(|judged| judged.count > 0) => {
            Verdict::Bad("the signatures are not enough for the rule".to_owned())
        }
        None if attested.iter().any(|it| is_by_one(rule, it)) => {
            Verdict::Bad("the attestations are not those that the rule asks for".to_owned())
        }
        None => Verdict::Bad("nobody whom the rule names has signed it".to_owned()),
    };
    if let Some((_, at)) = shown
        && let Some(good) = good.into_iter().nth(at)
        && let Some((_, signer)) = good.signers.into_iter().next()
    {
        found.signature = Some(good.path.display().to_string());
        found.signed = Some(Signed {
            signer,
            early: good.early || good.manifest.age == oms::Age::Old,
            name: Some(good.manifest.name),
            algorithm: good.manifest.algorithm.name(),
            compared: compared.swap_remove(at).0,
            tensors: None,
            logged: good.logged,
        });
    }
    found.ruled = Some(ruled);
    found.claims = attested;
    Ok(found)
}

/// Whether an attestation is good and by somebody whom the rule names.
fn is_by_one(rule: &Rule, attested: &Attested) -> bool {
    let is_named =
        |(anchor, _): &(String, Signer)| rule.require.iter().any(|asked| asked.by.contains(anchor));
    attested.by.iter().any(is_named)
}

/// Which anchors signed a claim.
fn who(ready: &Ready, bundle: &Bundle, json: &str, log: Option<&VerifierKey>, time: i64) -> Who {
    let (mut signers, mut refused) = (Vec::new(), claimed::Refused::Other(None));
    for anchor in ready.anchors.iter().filter(|anchor| !anchor.is_of_another_key(bundle)) {
        let signer = anchor
            .verify_claim(bundle, json, time)
            .map_err(|error| claimed::refused_by(&error, bundle, anchor.hint().as_deref()))
            .and_then(|signer| claimed::logged(signer, bundle, json, log));
        match signer {
            Ok(signer) => signers.push((anchor.id.clone(), signer)),
            Err(claimed::Refused::Other(None)) => {}
            // That it is bad is told before whose it may be.
            Err(why) if !matches!(refused, claimed::Refused::Bad(_)) => refused = why,
            Err(_) => {}
        }
    }
    if signers.is_empty() { Err(refused) } else { Ok(signers) }
}

/// What becomes of a model without any signature.
fn unsigned(rule: &Rule) -> Verdict {
    match rule.unsigned {
        Unsigned::Refuse => Verdict::Unsigned(Some("the rule refuses what nobody signed".to_owned())),
        Unsigned::Warn => Verdict::Warned("nobody signed it; the rule takes that (`unsigned = \"warn\"`)".to_owned()),
        Unsigned::Pin => Verdict::Unsigned(Some(
            "nobody signed it; the rule leaves it to `weighbridge.lock`, which is not looked at here (`unsigned = \"pin\"`)"
                .to_owned(),
        )),
    }
}

/// Reads all signature files of a model and asks every anchor about each.
fn gather(
    path: &Path,
    listing: &Listing,
    verify: &Verify,
    ready: &Ready,
    log: Option<&VerifierKey>,
    time: i64,
) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let candidates = match &verify.signature {
        Some(signature) => vec![signature.clone()],
        None => candidates(path, listing).map_err(|error| Failure::unreadable(path, &error))?,
    };
    if candidates.len() > MOST_SIGNATURES {
        gathered.count = candidates.len();
        let why = format!("more than {MOST_SIGNATURES} signature files: name one with `--signature`");
        gathered.unread = Some(why);
        return Ok(gathered);
    }
    for candidate in candidates {
        let signature = candidate.display().to_string();
        let refuse =
            |anchor, reason| Refused { signature: signature.clone(), anchor, is_good: false, reason };
        let json = match read(&candidate, verify.signature.is_some()) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                gathered.count = gathered.count.saturating_add(1);
                gathered.unread = Some(format!("`{signature}`: {error}"));
                gathered.refused.push(refuse(None, error.to_string()));
                continue;
            }
        };
        gathered.count = gathered.count.saturating_add(1);
        let bundle = match Bundle::read(json.as_bytes()) {
            Ok(bundle) => bundle,
            Err(error) => {
                gathered.refused.push(refuse(None, error.to_string()));
                continue;
            }
        };
        let (mut manifest, mut signers, mut logged) = (None, Vec::new(), None);
        for anchor in &ready.anchors {
            match anchor.verify(&bundle, &json, time) {
                Ok(verified) => {
                    let signer = log::identity(&verified.signer);
                    match log.map(|log| log::verify(&json, &bundle, &signer, log)).transpose() {
                        Ok(proved) => logged = proved,
                        Err(error) => {
                            gathered.refused.push(refuse(Some(anchor.id.clone()), error.to_string()));
                            continue;
                        }
                    }
                    signers.push((anchor.id.clone(), verified.signer));
                    manifest = Some(verified.manifest);
                }
                Err(error) => gathered.refused.push(refuse(Some(anchor.id.clone()), error.to_string())),
            }
        }
        if let Some(manifest) = manifest {
            let early = bundle.early;
            gathered.good.push(Good { path: candidate, early, manifest, signers, logged });
        }
    }
    Ok(gathered)
}

/// Compares the model with what each good signature says of it.
fn compare(
    path: &Path,
    listing: &Listing,
    verify: &Verify,
    good: &[Good],
    claims: &[String],
    memory: &Memory,
) -> Result<Vec<(oms::Compared, Verdict)>, Failure> {
    // Only signatures that somebody in the policy vouches for may lie in the model without being signed themselves.
    let mut ignore_paths = ignored(&verify.reading, path)?;
    ignore_paths.extend(good.iter().filter_map(|good| below(&good.path, path)));
    let mut compared: Vec<(oms::Compared, Verdict)> = Vec::with_capacity(good.len());
    for (at, one) in good.iter().enumerate() {
        // Two who signed the same are answered with one look.
        let earlier = good.iter().take(at).position(|other| other.manifest == one.manifest);
        if let Some((answer, said)) = earlier.and_then(|earlier| compared.get(earlier)) {
            let same = (answer.clone(), said.clone());
            compared.push(same);
            continue;
        }
        let tolerance = Tolerance {
            signature: below(&one.path, path),
            claims: claims.to_vec(),
            ignore_paths: ignore_paths.clone(),
            allow_symlinks: verify.reading.allow_symlinks,
        };
        let answer = memory.with(|hashing| one.manifest.compare(listing, &tolerance, hashing));
        let said = verdict(&answer, verify.allow_unsigned_files);
        compared.push((answer, said));
    }
    Ok(compared)
}

/// The signature files of a model: those in its folder that end in `.sig`, and beside it those that bear its name
/// (`NAME.sig`, `NAME.boss.sig`) and not the longer one of a neighbour.
fn candidates(path: &Path, listing: &Listing) -> io::Result<Vec<PathBuf>> {
    let whole = path.canonicalize()?;
    let mut found = Vec::new();
    if !listing.is_file {
        found.extend(names(&whole, |name| name.ends_with(".sig"))?.into_iter().map(|name| path.join(name)));
    }
    if let (Some(folder), Some(model)) = (whole.parent(), whole.file_name()) {
        let is_its_own = |name: &str| {
            let rest = model.to_str().and_then(|model| name.strip_suffix(".sig")?.strip_prefix(model));
            rest.is_some_and(|rest| {
                rest.is_empty() || (rest.starts_with('.') && !is_of_another(&whole, rest))
            })
        };
        // Shown as it was typed, where that says the folder.
        let shown = |name: &String| match path.file_name() {
            Some(typed) if typed == model => path.with_file_name(name),
            _ => folder.join(name),
        };
        found.extend(names(folder, is_its_own)?.iter().map(shown));
    }
    Ok(found)
}

/// Whether `.gguf.boss` behind the name of a model belongs to a neighbour whose name goes on so.
fn is_of_another(model: &Path, rest: &str) -> bool {
    let ends = rest.match_indices('.').map(|(at, _)| at).skip(1).chain([rest.len()]);
    ends.filter_map(|end| rest.get(..end)).any(|more| {
        let mut name = model.as_os_str().to_owned();
        name.push(more);
        Path::new(&name).exists()
    })
}

/// The names in a folder that are wanted and are none of folders, sorted.
fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| wanted(name)) else { continue };
        if !entry.path().is_dir() {
            names.push(name.to_owned());
            // Enough to know that there are too many.
            if names.len() > MOST_SIGNATURES {
                break;
            }
        }
    }
    names.sort();
    Ok(names)
}

/// What a requirement asks for, in words.
pub(super) fn asked(requirement: &Requirement) -> String {
    let ids: Vec<String> = requirement.by.iter().map(|id| format!("`{id}`")).collect();
    let age = requirement
        .max_age
        .map(|most| format!(", not older than {}", weighbridge_trust::policy::in_days(most)));
    let ids = ids.join(", ");
    let any = if requirement.passed { "" } else { ", whatever its verdict" };
    let predicate = requirement.predicate_type.as_ref().map(|it| format!(" `{it}`")).unwrap_or_default();
    let whom = if requirement.by.len() == 1 { ids } else { format!("{} of {ids}", requirement.threshold) };
    format!("{}{predicate} by {whom}{}{any}", requirement.evidence.word(), age.unwrap_or_default())
}
