//! OpenVEX 0.2.0: one statement for each known vulnerability of a component, as the policy decided.
//!
//! An open finding is `affected`, with the remedy as the action. What a VEX document said is said again. An ignore of the
//! policy does not say that the product is not affected: it stays `affected`, with the reason and the end of the ignore
//! as the action. What stands in a baseline is `under_investigation`: nobody has decided.

use std::collections::BTreeMap;
use std::io;

use weighbridge_core::digest::Digest;
use weighbridge_core::finding::{Finding, Status, Subject};
use weighbridge_core::graph::NodeId;
use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::Report;

use crate::tree::{Tree, object};

/// See the module.
pub(crate) struct OpenVex;

impl Renderer for OpenVex {
    fn id(&self) -> &'static str {
        "openvex"
    }

    fn title(&self) -> &'static str {
        "OpenVEX 0.2.0: a statement for each known vulnerability"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".openvex.json", ".vex.json"]
    }

    fn render(&self, report: &Report, _: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        let statements = statements(report);
        let timestamp = format!("{}T00:00:00Z", report.today);
        let mut content = Vec::new();
        Tree::List(statements.clone()).write(&mut content)?;
        let document = object! {
            "@context": "https://openvex.dev/ns/v0.2.0",
            // The same statements of the same day are the same document.
            "@id": format!("urn:weighbridge:vex:{}:{}", report.today, Digest::of(&content)),
            "author": "Weighbridge",
            "role": "Document Creator",
            "timestamp": timestamp,
            "version": 1u64,
            "tooling": concat!("weighbridge ", env!("CARGO_PKG_VERSION")),
            "statements": statements,
        };
        document.write(output)
    }
}

/// One for each vulnerability of a component; the same one found in several ways is told once.
fn statements(report: &Report) -> Vec<Tree> {
    let mut told: BTreeMap<(&str, &NodeId), Tree> = BTreeMap::new();
    for finding in &report.findings {
        if let (Some(vulnerability), Subject::Node(id)) = (finding.vulnerability.as_deref(), &finding.subject)
        {
            let key = (vulnerability.name.as_str(), id);
            told.entry(key).or_insert_with(|| statement(finding, id));
        }
    }
    told.into_values().collect()
}

fn statement(finding: &Finding, id: &NodeId) -> Tree {
    let vulnerability = finding.vulnerability.as_deref();
    let name = vulnerability.map(|it| it.name.as_str()).unwrap_or_default();
    let mut aliases: Vec<&str> = vulnerability
        .into_iter()
        .flat_map(|it| {
            it.records.iter().map(|record| record.id.as_str()).chain(it.aliases.iter().map(String::as_str))
        })
        .filter(|alias| *alias != name)
        .collect();
    aliases.sort_unstable();
    aliases.dedup();
    let remedy = || finding.remedy.as_ref().map_or("no remedy is known".to_owned(), ToString::to_string);
    let (status, action, impact) = match &finding.status {
        Status::Open => ("affected", Some(remedy()), None),
        Status::Baseline => ("under_investigation", None, None),
        Status::Ignored { reason, until } => {
            let until = until.map_or("for ever".to_owned(), |until| format!("until {until}"));
            ("affected", Some(format!("accepted {until}: {reason}")), None)
        }
        Status::NotAffected { reason } => ("not_affected", None, Some(reason.as_str())),
    };
    object! {
        "vulnerability": object! { "name": name, "aliases": Tree::some(Tree::texts(aliases)) },
        "products": vec![object! { "@id": id.to_string() }],
        "status": status,
        "impact_statement": impact,
        "action_statement": action,
    }
}
