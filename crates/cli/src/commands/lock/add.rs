//! `lock add`: approves what lies there now.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use weighbridge_core::date::Date;
use weighbridge_core::fact::Target;
use weighbridge_core::lock::{Approval, ByRoots, Grant, Identity, Proof, Scanned, Signature, Signer};
use weighbridge_core::report::{Report, Safety};
use weighbridge_trust::keyless::Roots;
use weighbridge_trust::lock::{Found, places};
use weighbridge_trust::{PublicKey, attest, oms};

use super::place::{Lies, Place};
use super::{LockOnDisk, Memory, Now, Signed, tell};
use crate::args::{Global, Resolving, Weighing};
use crate::commands::scan;
use crate::commands::signing::{key, text};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::lock_args::{Ground, LockAdd};
use crate::printer::Printer;
use crate::settings;
use crate::setup::Setup;

pub(super) fn run(global: &Global, add: &LockAdd, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let mut lock = LockOnDisk::open(&add.file.lock)?;
    let typed = Typed::of(&add.ground)?;
    let memory = Memory::open(add.ground.no_cache, setup)?;
    let today = settings::context(global, setup)?.today;
    let judging = Judging { global, ground: &add.ground, setup, printer };
    for path in &add.paths {
        let place = Place::named(path, &lock.folder, setup)?;
        if lock.approvals.contains_key(&place.source) {
            return Err(Failure::usage(format!("`{}` is locked already", place.source))
                .hint(format!("`weighbridge lock update {}` approves changes", path.display())));
        }
        let now = Now::look(&place, None, &memory)?.ok_or_else(|| {
            Failure::usage(format!("cannot read `{}`", path.display()))
                .hint("there is no such file or folder")
        })?;
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        // The scan that follows does not hash again what was just hashed.
        memory.save(printer);
        let files = now.pins(&place)?;
        let signer = signer(&place, &now, &typed, None, today, add.ground.force, printer)?;
        if signer.is_none() && add.signature_required {
            return Err(Failure::new(Exit::Fail, format!("`{}` is not signed", place.source))
                .hint("`weighbridge sign` signs it; leave out `--signature-required` to lock it as it is"));
        }
        let (scan, report) = judging.judge(&place, &memory)?;
        let grants = grants(add, report.as_ref(), printer);
        let approval = Approval {
            kind: add.kind.into(),
            revision: revision(&place),
            approved: scan.date,
            reason: add.ground.reason.clone(),
            signature_required: add.signature_required,
            signer,
            scan: Some(scan),
            grants,
            files,
            superseded: Vec::new(),
            source: place.source.clone(),
        };
        announce(&approval, printer);
        lock.approvals.insert(place.source, approval);
    }
    lock.save()?;
    Ok(Exit::Pass)
}

/// The revision that lies at a place.
pub(super) fn revision(place: &Place) -> Option<String> {
    match place.lies {
        Lies::Hub(_) => place.snapshot(),
        Lies::Plain => place.revision_there(),
    }
}

pub(super) fn announce(approval: &Approval, printer: &Printer) {
    let files = approval.files.len();
    let verdict = approval.scan.as_ref().and_then(|scan| scan.verdict);
    let what = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let signer = approval
        .signer
        .as_ref()
        .map_or("not signed".to_owned(), |signer| format!("signed by {}", tell::identity(&signer.identity)));
    let verdict =
        verdict.map_or("no model file in it".to_owned(), |verdict| format!("scan: {}", verdict.as_str()));
    printer.say(&format!("locked {}: {what}, {verdict}, {signer}", approval.source));
}

fn grants(add: &LockAdd, report: Option<&Report>, printer: &Printer) -> Vec<Grant> {
    let reason = add.ground.reason.clone().unwrap_or_default();
    let mut grants: Vec<Grant> = (add.allow.iter())
        .map(|allow| Grant { allow: allow.clone(), reason: reason.clone(), until: add.until })
        .collect();
    grants.sort();
    grants.dedup();
    for grant in &grants {
        let names = |report: &Report| {
            let mut effects = report.artifacts.iter().flat_map(|artifact| &artifact.effects);
            effects.any(|judged| match &judged.effect.target {
                Target::Global(global) | Target::ResultOf(global) => global.to_string() == grant.allow,
                _ => false,
            })
        };
        if !report.is_some_and(names) {
            printer.warn(&format!("nothing that is locked names `{}`", grant.allow));
        }
    }
    grants
}

/// Whom the user believes to name the signer.
#[derive(Default)]
pub(super) struct Typed {
    /// The key that signed.
    pub(super) key: Option<PublicKey>,
    /// The roots of Sigstore by which the signer is named.
    pub(super) roots: Option<Arc<str>>,
}

impl Typed {
    /// What was typed, read.
    pub(super) fn of(ground: &Ground) -> Result<Self, Failure> {
        let roots = |path: &Path| {
            let json = text(path)?;
            Roots::read(&json).map_err(|error| key::failed(path, &error))?;
            Ok::<Arc<str>, Failure>(json.as_str().into())
        };
        Ok(Self {
            key: ground.public_key.as_deref().map(key::public).transpose()?,
            roots: ground.trusted_root.as_deref().map(roots).transpose()?,
        })
    }
}

/// Who signed what lies there, as the lock is to pin him; `earlier` is whom it has pinned.
pub(super) fn signer(
    place: &Place,
    now: &Now,
    typed: &Typed,
    earlier: Option<&Signer>,
    today: Date,
    force: bool,
    printer: &Printer,
) -> Result<Option<Signer>, Failure> {
    let Signed::Signature(name, signature) = &now.signature else {
        let named =
            typed.key.as_ref().map(|_| "--public-key").or(typed.roots.as_ref().map(|_| "--trusted-root"));
        if let Some(named) = named {
            return Err(Failure::new(Exit::Fail, format!("`{}` is not signed", place.source))
                .hint(format!("leave out `{named}` to lock it all the same")));
        }
        return Ok(None);
    };
    fits(place, now, signature, force, printer)?;
    let roots = typed.roots.as_ref().or(earlier.and_then(|it| it.roots.as_ref()));
    let (identity, key, roots) = match (&signature.proof, &typed.key) {
        (Proof::ByRoots(by), None) => (named(place, by, roots)?, None, roots.cloned()),
        _ if typed.roots.is_some() => {
            return Err(refused(place, "it is not one of Sigstore, and `--trusted-root` names its roots"));
        }
        (_, key) => {
            let known = earlier.and_then(|it| it.key.as_ref()).and_then(|der| PublicKey::from_der(der).ok());
            let (identity, key) = proved(place, signature, key.as_ref(), known.as_ref(), printer)?;
            (identity, key.map(|key| key.to_der()), None)
        }
    };
    let first_seen = earlier.filter(|it| it.identity == identity).map_or(today, |it| it.first_seen);
    Ok(Some(Signer { identity, key, roots, first_seen, signature: name.clone() }))
}

/// Refuses what is not as its signature says: a lock that names who signed must not name him for what he did not sign.
fn fits(
    place: &Place,
    now: &Now,
    signature: &Signature,
    force: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let is_file = now.files.contains_key(".");
    let wrong = signature.files.iter().find_map(|(path, signed)| {
        if places::is_left_out(path) || path == attest::FILE {
            return None;
        }
        let Some(found) = now.files.get(if is_file { "." } else { path }) else {
            return Some(format!("`{path}` is missing"));
        };
        let is_other = match (signed.digest, &found.digest) {
            (Some(signed), Ok(found)) => signed != *found,
            _ => signed.size.is_some_and(|size| size != found.size),
        };
        is_other.then(|| format!("`{path}` is another one"))
    });
    if let Some(wrong) = wrong {
        let text = format!("`{}` is not as its signature says: {wrong}", place.source);
        if !force {
            return Err(Failure::new(Exit::Fail, text).hint(
                "get it anew from its signer, or sign it again; `--force --reason TEXT` locks it all the same",
            ));
        }
        printer.warn(&text);
    }
    let is_below = |path: &str, folder: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_ignored = |path: &str| {
        let mut ignored = oms::IGNORED.into_iter().chain(signature.ignored.iter().map(String::as_str));
        ignored.any(|it| is_below(path, it))
    };
    // No shard speaks of an empty file (OpenSSF Model Signing v1.0, section 4.2).
    let is_sharded = signature.files.values().any(|file| file.size.is_some());
    let is_extra = |(path, found): &(&String, &Found)| {
        !(is_file
            || signature.files.contains_key(*path)
            || is_ignored(path)
            || (is_sharded && found.size == 0))
    };
    let mut extra = now.files.iter().filter(is_extra);
    if let Some((first, _)) = extra.next() {
        let more = extra.count();
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        printer.warn(&format!(
            "nobody signed `{first}` of `{}`{more}, which is locked all the same",
            place.source
        ));
    }
    Ok(())
}

/// Whom Sigstore names: by these roots, or by those of the public instance.
fn named(place: &Place, by: &ByRoots, roots: Option<&Arc<str>>) -> Result<Identity, Failure> {
    let Some(roots) = roots else {
        return by.public.clone().map_err(|why| {
            refused(place, &why).hint(
                "`--trusted-root FILE` names the roots of another instance of Sigstore than the public one",
            )
        });
    };
    let roots = Roots::read(roots).map_err(|error| refused(place, &error.to_string()))?;
    oms::identified(by, &roots).map_err(|why| refused(place, &why))
}

fn refused(place: &Place, why: &str) -> Failure {
    Failure::new(Exit::Fail, format!("the signature of `{}` does not hold: {why}", place.source))
        .hint("have it signed anew, or take the signature away if it means nothing to you")
}

/// Who signed, as far as it can be proved.
fn proved(
    place: &Place,
    signature: &Signature,
    key: Option<&PublicKey>,
    known: Option<&PublicKey>,
    printer: &Printer,
) -> Result<(Identity, Option<PublicKey>), Failure> {
    let refused = |why: &str| refused(place, why);
    match (&signature.proof, key) {
        (Proof::Fails(why), _) => Err(refused(why)),
        (Proof::Holds, None) => Ok((signature.identity.clone(), None)),
        (Proof::ByRoots(by), None) => named(place, by, None).map(|identity| (identity, None)),
        (Proof::Holds | Proof::ByRoots(_), Some(_)) => Err(refused("it shows a certificate, not a key")),
        (Proof::NeedsKey(unproved), Some(key)) if oms::holds(unproved, key) => {
            Ok((Identity::Key(key.hint()), Some(key.clone())))
        }
        (Proof::NeedsKey(_), Some(_)) => Err(refused("it is not one of the key that you named")),
        (Proof::NeedsKey(unproved), None) => {
            if let Some(key) = known.filter(|key| oms::holds(unproved, key)) {
                return Ok((Identity::Key(key.hint()), Some(key.clone())));
            }
            printer.warn(&format!(
                "nobody verified the signature of `{}`: `--public-key FILE` does, and has every scan do it",
                place.source
            ));
            Ok((signature.identity.clone(), None))
        }
    }
}

/// Scans what is to be approved, and refuses what is dangerous.
pub(super) struct Judging<'a> {
    pub(super) global: &'a Global,
    pub(super) ground: &'a Ground,
    pub(super) setup: &'a Setup,
    pub(super) printer: &'a Printer,
}

impl Judging<'_> {
    /// What a scan finds; no report where there is nothing that a scan knows.
    pub(super) fn judge(&self, place: &Place, memory: &Memory) -> Result<(Scanned, Option<Report>), Failure> {
        let weighing = Weighing {
            config: None,
            no_config: false,
            exclude: Vec::new(),
            no_digests: false,
            no_cache: self.ground.no_cache,
            jobs: None,
            python: None,
        };
        let (resolving, target) = (Resolving::default(), OsString::from(&place.path));
        let mut weigh = settings::unjudged(self.global, &weighing, &resolving, &target, self.setup)?;
        weigh.context.cancel = memory.cancel.clone();
        // What is left out of scans is approved all the same, so that it has to be looked at.
        weigh.exclude = Vec::new();
        let today = weigh.context.today;
        let scanned = |verdict: Option<Safety>, advisories: String| Scanned {
            verdict,
            advisories,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            date: today,
        };
        let report = match scan::weigh(&weigh, &resolving, self.setup, self.printer) {
            Ok(report) => report,
            Err(failure) if failure.exit == Exit::Nothing => {
                return Ok((scanned(None, "none".to_owned()), None));
            }
            Err(failure) => return Err(failure),
        };
        let worst = report.artifacts.iter().map(|artifact| artifact.safety).max();
        let worst = match worst {
            Some(Safety::Harmless) | None if !report.coverage.unread.is_empty() => Some(Safety::Unread),
            other => other,
        };
        if worst == Some(Safety::Dangerous) && !self.ground.force {
            let mut failure = Failure::new(Exit::Fail, format!("`{}` is dangerous", place.source));
            let dangerous = report.artifacts.iter().filter(|it| it.safety == Safety::Dangerous);
            failure.causes.extend(dangerous.take(super::MOST_SHOWN).map(|it| it.place.to_string()));
            return Err(
                failure.hint("`weighbridge scan` says why; `--force --reason TEXT` locks it all the same")
            );
        }
        Ok((scanned(worst, report.advisories.as_of.to_string()), Some(report)))
    }
}
