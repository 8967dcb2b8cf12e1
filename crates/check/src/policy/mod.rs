//! Which findings count, and the verdict.
//!
//! A policy never hides anything: an ignored finding stays in the report with the reason, and an ignore that has
//! expired, that will soon, or that matches nothing is told as a note.

mod baseline;
mod ignore;
mod nearest;
mod settings;
mod vex;

use std::collections::BTreeSet;

use weighbridge_core::coverage::Coverage;
use weighbridge_core::date::Date;
use weighbridge_core::finding::{Finding, Fingerprint, Severity, Status};
use weighbridge_core::knowledge::AdvisoryData;
use weighbridge_core::report::{Artifact, Note, Verdict};

pub use baseline::{BaselineError, baseline_from_json};
pub use ignore::{DEFAULT_DAYS, Ignore, Until};
pub use settings::{ConfigError, Settings, parse, parse_pyproject};
pub use vex::{Statement, VexError, vex_from_json};

/// An ignore that ends within this many days is told before it does.
const SOON_DAYS: i32 = 14;

/// What the user has decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The severity from which an open finding fails the policy.
    pub fail_on: Severity,
    /// The probability of exploitation from which an open finding fails whatever its severity, in hundred-thousandths.
    pub fail_on_epss: Option<u32>,
    /// Findings that do not count.
    pub ignores: Vec<Ignore>,
    /// What VEX documents say of vulnerabilities, in the order in which the user named them.
    pub vex: Vec<Statement>,
    /// Findings that were there before; only others count.
    pub baseline: Option<BTreeSet<Fingerprint>>,
    /// How old the advisories may be, in days; any age if none.
    pub max_age_days: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail_on: Severity::High,
            fail_on_epss: None,
            ignores: Vec::new(),
            vex: Vec::new(),
            baseline: None,
            max_age_days: None,
        }
    }
}

/// The findings as the policy sees them, and what follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// All findings with their status, worst first: by severity, then how likely they are to be exploited, then rule,
    /// then subject.
    pub findings: Vec<Finding>,
    /// What else there is to say.
    pub notes: Vec<Note>,
    /// How the scan ends.
    pub verdict: Verdict,
}

impl Policy {
    /// Decides. `artifacts` say which digest lies at which path, for ignores by digest.
    pub fn decide(
        &self,
        mut findings: Vec<Finding>,
        artifacts: &[Artifact],
        coverage: &Coverage,
        advisories: &AdvisoryData,
        today: Date,
    ) -> Decision {
        let mut used = vec![false; self.ignores.len()];
        for finding in &mut findings {
            finding.status = self.status(finding, artifacts, today, &mut used);
        }
        findings.sort_by(|one, other| {
            (other.severity.cmp(&one.severity))
                .then_with(|| likelihood(other).cmp(&likelihood(one)))
                .then_with(|| one.rule.id.cmp(other.rule.id))
                .then_with(|| one.subject.cmp(&other.subject))
                .then_with(|| one.title.cmp(&other.title))
                .then_with(|| one.location.cmp(&other.location))
                .then_with(|| one.fingerprint.cmp(&other.fingerprint))
        });
        let aged = self.aged(advisories, today);
        let fails = |finding: &Finding| {
            finding.status == Status::Open && finding.reaches(self.fail_on, self.fail_on_epss)
        };
        let verdict = if findings.iter().any(fails) {
            Verdict::Fail
        } else if !coverage.unread.is_empty() || aged.is_some() {
            Verdict::Incomplete
        } else {
            Verdict::Pass
        };
        let ignores = self.ignores.iter().zip(used);
        let notes = aged.into_iter().chain(ignores.filter_map(|(ignore, used)| note(ignore, used, today)));
        Decision { notes: notes.collect(), findings, verdict }
    }

    /// The status of one finding. The first ignore that applies gives the reason; every other one counts as used.
    fn status(&self, finding: &Finding, artifacts: &[Artifact], today: Date, used: &mut [bool]) -> Status {
        let mut status = None;
        for (ignore, used) in self.ignores.iter().zip(used) {
            if ignore.matches(finding, artifacts) {
                *used = true;
                if !ignore.until.is_over(today) && status.is_none() {
                    status =
                        Some(Status::Ignored { reason: ignore.reason.clone(), until: ignore.until.date() });
                }
            }
        }
        let status =
            status.or_else(|| vex::excuse(&self.vex, finding).map(|reason| Status::NotAffected { reason }));
        let known = self.baseline.as_ref().is_some_and(|known| known.contains(&finding.fingerprint));
        status.unwrap_or(if known { Status::Baseline } else { Status::Open })
    }

    /// What to say if the advisories are too old.
    fn aged(&self, advisories: &AdvisoryData, today: Date) -> Option<Note> {
        let most = i64::from(self.max_age_days?);
        let age = i64::from(today.days()).saturating_sub(i64::from(advisories.as_of.days()));
        (age > most).then(|| Note {
            message: format!(
                "the advisories are of {}, {}; the policy allows {}: `weighbridge db update`",
                advisories.as_of,
                format_args!("{} old", days(age)),
                days(most)
            ),
            location: None,
        })
    }
}

/// How likely it is to be exploited, where scores were imported.
fn likelihood(finding: &Finding) -> Option<u32> {
    finding.vulnerability.as_ref()?.epss.map(|it| it.score)
}

/// What to say about an ignore, if anything.
fn note(ignore: &Ignore, used: bool, today: Date) -> Option<Note> {
    let left = |date: Date| i64::from(date.days()).saturating_sub(i64::from(today.days()));
    let message = match (ignore.until, used) {
        (Until::Date(date), true) if date < today => {
            format!("the ignore of {ignore} expired on {date} and no longer applies")
        }
        (Until::Date(date), false) if date < today => {
            format!("the ignore of {ignore} expired on {date} and matches nothing any more: remove it")
        }
        (_, false) => format!("the ignore of {ignore} matches nothing any more: remove it"),
        (Until::Date(date), true) if date == today => format!("the ignore of {ignore} expires today"),
        (Until::Date(date), true) if left(date) <= i64::from(SOON_DAYS) => {
            format!("the ignore of {ignore} expires in {}, on {date}", days(left(date)))
        }
        (Until::Date(_) | Until::Permanent, true) => return None,
    };
    Some(Note { message, location: Some(ignore.location.clone()) })
}

fn days(count: i64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

#[cfg(test)]
mod tests;
