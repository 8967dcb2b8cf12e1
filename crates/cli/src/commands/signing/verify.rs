//! `weighbridge verify`: whether models are signed by somebody who is believed, and still as they were signed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use weighbridge_core::listing::Listing;
use weighbridge_net::open::listing;
use weighbridge_trust::PublicKey;
use weighbridge_trust::attest::{self, Type};
use weighbridge_trust::bundle::{self, Bundle};
use weighbridge_trust::chain::Anchor;
use weighbridge_trust::keyless::{Roots, Wanted};
use weighbridge_trust::log::{self, VerifierKey};
use weighbridge_trust::oms::{self, Compared, Tolerance, Trust};
use weighbridge_trust::policy::{Evidence, Requirement};

use super::answer::{self, Found, Signed, Verdict};
use super::claimed::{self, Attested};
use super::claims::{self, Gathered};
use super::policy::{OnDisk, Ready};
use super::{Memory, below, default_signature, embedded, ignored, key, policed, policy, text};
use crate::args::ListFormat;
use crate::commands::log::verifier_key;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::setup::Setup;
use crate::signing_args::Verify;

/// Whom to believe, with what it takes.
pub(super) enum Whom {
    Key(PublicKey),
    Anchors(Vec<Anchor>),
    Identity(Wanted, Roots),
}

/// Runs the command.
pub(in crate::commands) fn run(verify: &Verify, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    if (verify.signature.is_some() || verify.claims.is_some()) && verify.paths.len() > 1 {
        let what = if verify.signature.is_some() { "signature" } else { "file with attestations" };
        return Err(Failure::usage(format!("one {what} is named, and several models")));
    }
    if verify.by_policy.source.is_some() && verify.paths.len() > 1 {
        return Err(Failure::usage("one source is named, and several models"));
    }
    let source = verify.by_policy.source.as_deref().map(policy::source).transpose()?;
    let whom = whom(verify)?;
    let log = verify.log.as_deref().map(verifier_key).transpose()?;
    if verify.require.contains(&Evidence::Claim(Type::Custom)) != verify.predicate_type.is_some() {
        return Err(Failure::usage("`--require custom` and `--predicate-type` belong together"));
    }
    if whom.is_none() && !verify.require.is_empty() {
        return Err(Failure::usage("`--require` does not say whom to believe").hint(
            "add `--public-key`, `--certificate-chain` or `--identity`; a trust policy says in its rules what is required",
        ));
    }
    if whom.is_some() && (source.is_some() || verify.by_policy.strict) {
        return Err(Failure::usage("`--source` and `--strict` are for trust policies, and none is asked"));
    }
    let time = setup.now.div_euclid(1_000_000_000);
    let mut policies: BTreeMap<PathBuf, Ready> = BTreeMap::new();
    let memory = Memory::open(verify.reading.no_cache, setup)?;
    let mut found = Vec::with_capacity(verify.paths.len());
    for path in &verify.paths {
        found.push(match &whom {
            Some(whom) => one(path, verify, whom, log.as_ref(), &memory, time)?,
            None => {
                let file = policy_of(path, verify, setup)?;
                if verify.embedded {
                    return Err(Failure::usage(format!(
                        "`--embedded` names signatures inside of models, and the trust policy `{}` asks for those beside them",
                        file.display()
                    ))
                    .hint("say whom to believe with `--public-key`, `--certificate-chain` or `--identity`"));
                }
                let ready = match policies.entry(file) {
                    Entry::Occupied(ready) => ready.into_mut(),
                    Entry::Vacant(place) => {
                        let ready = OnDisk::read(place.key())?.ready()?;
                        place.insert(ready)
                    }
                };
                policed::one(path, verify, ready, source.as_ref(), log.as_ref(), &memory, time)?
            }
        });
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
    }
    memory.save(printer);
    // What is known to be bad is told before what could not be said.
    let order = [Exit::Fail, Exit::Incomplete, Exit::Nothing];
    let is_one = |exit: &Exit| found.iter().any(|found| found.verdict.exit() == *exit);
    let exit = order.into_iter().find(is_one).unwrap_or(Exit::Pass);
    if verify.json || verify.format == ListFormat::Json {
        printer.out(|out| {
            serde_json::to_writer_pretty(&mut *out, &answer::json(&found, exit))?;
            writeln!(out)
        })?;
    } else {
        let text = printable(&answer::text(&found));
        printer.out(|out| out.write_all(text.as_bytes()))?;
    }
    Ok(exit)
}

/// The policy that speaks of a model.
fn policy_of(path: &Path, verify: &Verify, setup: &Setup) -> Result<PathBuf, Failure> {
    if let Some(file) = &verify.by_policy.trust {
        return Ok(file.clone());
    }
    if let Some(file) = policy::find(setup.folder.as_deref(), Some(path))? {
        return Ok(file);
    }
    let failure = Failure::usage("nothing says whom to believe").hint(
        "add `--public-key FILE`, `--certificate-chain FILE`, `--identity NAME --identity-provider URL`, \
         or a trust policy: `--trust FILE`, or `weighbridge-trust.toml` above you and the model",
    );
    Err(match policy::near(path) {
        Some(file) => failure.hint(format!(
            "`{}` lies above the model and not above you, and may be a stranger's: name it with `--trust` to believe it",
            file.display()
        )),
        None => failure,
    })
}

/// Whom the command line says to believe; none where that is left to a policy.
fn whom(verify: &Verify) -> Result<Option<Whom>, Failure> {
    if let Some(path) = &verify.public_key {
        return Ok(Some(Whom::Key(key::public(path)?)));
    }
    if let (Some(name), Some(issuer)) = (&verify.identity, &verify.identity_provider) {
        let roots = match &verify.trusted_root {
            Some(path) => Roots::read(&text(path)?).map_err(|error| key::failed(path, &error))?,
            None => Roots::public(),
        };
        return Ok(Some(Whom::Identity(Wanted { name: name.clone(), issuer: issuer.clone() }, roots)));
    }
    let mut anchors = Vec::new();
    for path in &verify.certificate_chain {
        anchors.extend(Anchor::from_pem(&text(path)?).map_err(|error| key::failed(path, &error))?);
    }
    Ok((!anchors.is_empty()).then_some(Whom::Anchors(anchors)))
}

fn one(
    path: &Path,
    verify: &Verify,
    whom: &Whom,
    log: Option<&VerifierKey>,
    memory: &Memory,
    time: i64,
) -> Result<Found, Failure> {
    let unreadable = |error: io::Error| Failure::unreadable(path, &error);
    let listing = listing::list(path).map_err(unreadable)?;
    let gathered = claims::gather(path, verify.claims.as_deref()).map_err(unreadable)?;
    let who = |bundle: &Bundle, json: &str| {
        let hint = match whom {
            Whom::Key(key) => Some(key.hint()),
            Whom::Anchors(_) | Whom::Identity(..) => None,
        };
        let signer = attest::signer(bundle, trust(whom, json, time))
            .map_err(|error| claimed::refused(&error, bundle, hint.as_deref()))?;
        claimed::logged(signer, bundle, json, log).map(|signer| vec![(NAMED.to_owned(), signer)])
    };
    let tolerance = claims_tolerance(path, verify, &listing, &gathered)?;
    let mut attested =
        claimed::judge(&listing, &gathered, &tolerance, verify.allow_unsigned_files, memory, &who);
    let wants_files = verify.require.is_empty() || verify.require.contains(&Evidence::Oms);
    let mut found = Found {
        path: path.display().to_string(),
        signature: None,
        verdict: Verdict::Verified,
        signed: None,
        ruled: None,
        claims: Vec::new(),
    };
    if wants_files {
        found = signed(path, verify, (whom, log), &listing, &gathered.apart, memory, time)?;
    }
    let is_packaged = matches!(found.verdict, Verdict::Unsigned(_)) && attested.iter().any(|it| it.is_pep740);
    let require = match &*verify.require {
        [] if is_packaged => {
            found.verdict = Verdict::Verified;
            &[Evidence::Pep740][..]
        }
        require => require,
    };
    let requirements: Vec<Requirement> =
        require.iter().filter(|it| **it != Evidence::Oms).map(|it| requirement(*it, verify)).collect();
    claimed::age(&mut attested, &requirements, time);
    let unmet = requirements.iter().filter_map(|asked| unmet(&attested, &gathered, asked, time));
    // What is known to be bad is told before what could not be said.
    let order = [Exit::Fail, Exit::Incomplete, Exit::Nothing];
    let mut verdicts: Vec<Verdict> = [found.verdict].into_iter().chain(unmet).collect();
    verdicts.sort_by_key(|it| order.iter().position(|exit| *exit == it.exit()).unwrap_or(order.len()));
    found.verdict = verdicts.into_iter().next().unwrap_or(Verdict::Verified);
    found.claims = attested;
    Ok(found)
}

/// What anchors are called where the command line says whom to believe.
const NAMED: &str = "the one you named";

/// What `--require` asks for.
fn requirement(evidence: Evidence, verify: &Verify) -> Requirement {
    let is_custom = evidence == Evidence::Claim(Type::Custom);
    Requirement {
        line: 0,
        evidence,
        by: vec![NAMED.to_owned()],
        threshold: 1,
        max_age: verify.max_age,
        predicate_type: verify.predicate_type.clone().filter(|_| is_custom),
        passed: true,
    }
}

/// What is to be thought of a model that lacks an attestation; nothing if it has it.
fn unmet(attested: &[Attested], gathered: &Gathered, asked: &Requirement, time: i64) -> Option<Verdict> {
    let judged = claimed::meets(attested, asked, time);
    if asked.is_met(&judged) {
        return None;
    }
    if let Some(why) = claimed::unchecked(attested, asked) {
        return Some(Verdict::Unchecked(why));
    }
    let word = asked.evidence.word();
    let reason = judged.short.into_iter().next().or_else(|| claimed::reason(attested, asked));
    Some(match (reason, &gathered.unread) {
        (_, Some((place, why))) => Verdict::Unchecked(format!("`{place}`: {why}")),
        (Some(reason), None) if claimed::is_there(attested, asked) => {
            Verdict::Bad(format!("no attestation `{word}` counts: {reason}"))
        }
        _ => Verdict::Unsigned(Some(format!("there is no attestation `{word}`"))),
    })
}

/// What is no part of what is attested: the attestations themselves, and signatures.
pub(super) fn claims_tolerance(
    path: &Path,
    verify: &Verify,
    listing: &Listing,
    gathered: &Gathered,
) -> Result<Tolerance, Failure> {
    let mut ignore_paths = ignored(&verify.reading, path)?;
    if !listing.is_file {
        ignore_paths.extend(claims::signatures(path).map_err(|error| Failure::unreadable(path, &error))?);
    }
    Ok(Tolerance {
        signature: None,
        claims: gathered.apart.clone(),
        ignore_paths,
        allow_symlinks: verify.reading.allow_symlinks,
    })
}

/// What is found of the signature over the files.
fn signed(
    path: &Path,
    verify: &Verify,
    (whom, log): (&Whom, Option<&VerifierKey>),
    listing: &Listing,
    claims: &[String],
    memory: &Memory,
    time: i64,
) -> Result<Found, Failure> {
    let signature = verify.signature.clone().unwrap_or_else(|| default_signature(path));
    let mut found = Found {
        path: path.display().to_string(),
        signature: Some(signature.display().to_string()),
        verdict: Verdict::Unsigned(None),
        signed: None,
        ruled: None,
        claims: Vec::new(),
    };
    if log.is_some() && !signature.exists() && verify.signature.is_none() {
        // One inside the model carries no proof, and would count for nothing.
        found.signature = None;
        found.verdict =
            Verdict::Unsigned(Some(format!("there is no `{}` with the proof of a log", signature.display())));
        return Ok(found);
    }
    if verify.embedded || (verify.signature.is_none() && !signature.exists()) {
        let inside = embedded::verify(path, listing, verify, whom, memory, time);
        found.signature = None;
        return Ok(inside.unwrap_or(found));
    }
    let json = match read(&signature, verify.signature.is_some()) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.signature = None;
            return Ok(found);
        }
        Err(error) => {
            found.verdict = Verdict::Unchecked(format!("`{}`: {error}", signature.display()));
            return Ok(found);
        }
    };
    let bundle = match Bundle::read(json.as_bytes()) {
        Ok(bundle) => bundle,
        Err(error) => {
            found.verdict = Verdict::Bad(error.to_string());
            return Ok(found);
        }
    };
    let verified = match oms::verify(&bundle, trust(whom, &json, time)) {
        Ok(verified) => verified,
        Err(refusal) => {
            found.verdict = Verdict::Bad(refusal.to_string());
            return Ok(found);
        }
    };
    let tolerance = Tolerance {
        signature: below(&signature, path),
        claims: claims.to_vec(),
        ignore_paths: ignored(&verify.reading, path)?,
        allow_symlinks: verify.reading.allow_symlinks,
    };
    let compared = memory.with(|hashing| verified.manifest.compare(listing, &tolerance, hashing));
    found.verdict = verdict(&compared, verify.allow_unsigned_files);
    let logged =
        log.map(|log| log::verify(&json, &bundle, &log::identity(&verified.signer), log)).transpose();
    let logged = logged.unwrap_or_else(|error| {
        // What is wrong with the model itself says more.
        if !matches!(found.verdict, Verdict::Bad(_)) {
            found.verdict = Verdict::Bad(error.to_string());
        }
        None
    });
    found.signed = Some(Signed {
        signer: verified.signer,
        early: bundle.early || verified.manifest.age == oms::Age::Old,
        name: Some(verified.manifest.name),
        algorithm: verified.manifest.algorithm.name(),
        compared,
        tensors: None,
        logged,
    });
    Ok(found)
}

/// Whom to believe about a bundle, at a time in seconds since 1970.
pub(super) fn trust<'a>(whom: &'a Whom, json: &'a str, time: i64) -> Trust<'a> {
    match whom {
        Whom::Key(key) => Trust::Key(key),
        Whom::Anchors(anchors) => Trust::Anchors { anchors, time },
        Whom::Identity(wanted, roots) => Trust::Keyless { json, wanted, roots },
    }
}

/// What is to be thought of a model whose signature is good.
pub(super) fn verdict(compared: &Compared, allow_unsigned: bool) -> Verdict {
    let is_true = if allow_unsigned { compared.is_true_but_for_extras() } else { compared.is_true() };
    let runs = compared.unsigned_that_run().next().is_some();
    if !is_true {
        return if compared.is_false() || !compared.is_unread() {
            Verdict::Bad("the model is not as it was signed".to_owned())
        } else {
            Verdict::Unchecked("some files could not be read".to_owned())
        };
    }
    if runs && !allow_unsigned {
        return Verdict::Bad(
            "files that nobody signed can run; `--allow-unsigned-files` takes them".to_owned(),
        );
    }
    Verdict::Verified
}

/// The JSON of a signature, if it is not too large to be one. Only what the user named may be something else than a file: a pipe
/// in a model would be waited for.
pub(in crate::commands) fn read(path: &Path, is_named: bool) -> io::Result<String> {
    let kind = fs::metadata(path)?.file_type();
    if !is_named && !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut json = String::new();
    File::open(path)?.take(bundle::LARGEST.saturating_add(1)).read_to_string(&mut json)?;
    if u64::try_from(json.len()).unwrap_or(u64::MAX) > bundle::LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 GiB"));
    }
    Ok(json)
}
