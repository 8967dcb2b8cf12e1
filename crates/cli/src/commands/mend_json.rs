//! A plan as JSON: every field is copied or counted.

use weighbridge_core::finding::Severity;
use weighbridge_core::wire::v1::{self, plan as wire};
use weighbridge_engine::mend::{Change, Mended, severity};
use weighbridge_resolve::Plan;
use weighbridge_resolve::plan::{Flawed, Why};

use super::mend::because;

/// The whole answer.
pub(super) fn answer(
    mended: &Mended,
    subject: &[String],
    from: Severity,
    advisories: String,
    exit_code: u8,
) -> wire::Plan {
    wire::Plan {
        schema: wire::SCHEMA,
        tool: v1::Tool { name: "weighbridge", version: env!("CARGO_PKG_VERSION") },
        subject: subject.to_vec(),
        from: from.into(),
        exit_code,
        advisories,
        projects: mended.changes.iter().map(project).collect(),
        unread: mended.unread.iter().map(v1::Unread::from).collect(),
    }
}

fn project(change: &Change) -> wire::Project {
    let nothing = Plan::default();
    let (plan, failure) = match &change.plan {
        Ok(plan) => (plan, None),
        Err(failure) => (&nothing, Some(failure.to_string())),
    };
    let moves = plan.moves.iter().map(|moved| {
        let cleared = plan.clears.iter().filter(|flawed| flawed.name == moved.name);
        wire::Move {
            package: moved.name.to_string(),
            from: moved.from.as_ref().map(ToString::to_string),
            to: moved.to.as_ref().map(ToString::to_string),
            older: moved.is_down(),
            clears: cleared.map(|flawed| flaw(change, flawed)).collect(),
        }
    });
    let gaps = plan.gaps.iter().map(ToString::to_string);
    wire::Project {
        name: change.name.clone(),
        folder: change.folder.clone(),
        environment: change.is_environment,
        target: change.target.clone(),
        python: change.python.clone(),
        python_by: change.python_by.clone(),
        packages: count(change.now.len()),
        vulnerabilities: count(change.flaws.len()),
        failure,
        smallest: plan.is_smallest,
        moves: moves.collect(),
        stays: plan.stays.iter().map(|(flawed, why)| stay(change, flawed, why)).collect(),
        brings: plan.brings.iter().map(|flawed| flaw(change, flawed)).collect(),
        unknown: gaps.chain(change.unknown.iter().cloned()).collect(),
    }
}

fn flaw(change: &Change, flawed: &Flawed) -> wire::Flaw {
    let key = (flawed.name.clone(), flawed.flaw.id.clone());
    let known = change.flaws.get(&key);
    wire::Flaw {
        package: flawed.name.to_string(),
        id: flawed.flaw.id.clone(),
        library: change.libraries.get(&key).cloned(),
        severity: known.map_or(flawed.flaw.severity, severity).into(),
        malicious: known.is_some_and(|it| it.malicious),
    }
}

fn stay(change: &Change, flawed: &Flawed, why: &Why) -> wire::Stay {
    let (reason, without) = match why {
        Why::NoFix => (wire::Reason::NoFix, None),
        Why::Unusable(version, _) => (wire::Reason::Unusable, Some(version)),
        Why::Worse(version, _) => (wire::Reason::Worse, Some(version)),
        Why::Yanked(version) => (wire::Reason::Yanked, Some(version)),
        Why::Older(version) => (wire::Reason::Older, Some(version)),
        Why::Blocked { .. } => (wire::Reason::Blocked, None),
        Why::Carried(_) => (wire::Reason::Carried, None),
        Why::Undecided(_) => (wire::Reason::Undecided, None),
    };
    let proof = match why {
        Why::Blocked { proof, .. } => proof.clone(),
        _ => Vec::new(),
    };
    wire::Stay {
        flaw: flaw(change, flawed),
        version: change.now.get(&flawed.name).map(ToString::to_string),
        reason,
        without: without.map(ToString::to_string),
        text: because(why),
        proof,
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
