//! What others, or we ourselves earlier, found out about single vulnerabilities: VEX documents.
//!
//! Read are OpenVEX (0.2.0) and the vulnerabilities of CycloneDX documents that carry an `analysis` (1.4 to 1.7). A
//! statement counts only because the user named the document: one that lies in the target could silence anything.
//!
//! A statement applies to a finding when it names the vulnerability by any of its ids, and the component that has it:
//! as the product itself, or as a subcomponent of a product by whose way the component came in. A product without a
//! version stands for all versions.

use std::collections::BTreeMap;

use serde_json::Value;
use weighbridge_advisory::pep440::is_same;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::{Finding, Subject};
use weighbridge_core::graph::NodeId;
use weighbridge_core::purl::Purl;

/// Most statements of a document.
const MOST: usize = 100_000;

/// What somebody says about vulnerabilities of products.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Name and aliases of the vulnerability.
    names: Vec<String>,
    /// Where it is said to matter or not.
    products: Vec<Product>,
    /// What is said.
    claim: Claim,
    /// Who says so, and in which file.
    by: String,
    /// When, as it is written; later ones outweigh earlier ones.
    when: String,
}

/// A product and the parts of it that are meant; all of it if none is named.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Product {
    id: Id,
    parts: Vec<Id>,
}

/// What names a component.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Id {
    /// A package URL.
    Purl(Purl),
    /// A SHA-256 digest in hexadecimal.
    Digest(String),
    /// Something that the graph does not know, such as a CPE.
    Other,
}

/// What a statement says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Claim {
    /// It does not count, and why.
    Excused(String),
    /// It counts, or nobody knows yet.
    Counts,
}

/// Why a document cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VexError {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It is JSON of another kind.
    #[error("neither OpenVEX nor CycloneDX with analyses")]
    Foreign,
    /// It holds more statements than any document should.
    #[error("more than {MOST} statements")]
    TooMany,
    /// A statement lacks what it must have.
    #[error("statement {0}: {1}")]
    Statement(usize, &'static str),
}

/// Reads a document; `file` is what to call it.
///
/// # Errors
/// [`VexError`]; a document of which a part is not understood is not used at all.
pub fn vex_from_json(text: &str, file: &str) -> Result<Vec<Statement>, VexError> {
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| VexError::Json(error.to_string()))?;
    let context = document["@context"].as_str().unwrap_or_default();
    if context.starts_with("https://openvex.dev/ns") {
        open_vex(&document, file)
    } else if document["bomFormat"] == "CycloneDX" {
        cyclone_dx(&document, file)
    } else {
        Err(VexError::Foreign)
    }
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().filter(|text| !text.is_empty())
}

/// OpenVEX specification 0.2.0: *Document*, *Statement*, *Product*.
fn open_vex(document: &Value, file: &str) -> Result<Vec<Statement>, VexError> {
    let statements = items(document, "statements");
    if statements.len() > MOST {
        return Err(VexError::TooMany);
    }
    let author = text(document, "author").unwrap_or("nobody");
    let of = |(number, statement): (usize, &Value)| {
        let wrong = |what| VexError::Statement(number.saturating_add(1), what);
        let vulnerability = &statement["vulnerability"];
        // In 0.0.x it was a text.
        let name = vulnerability.as_str().or_else(|| text(vulnerability, "name"));
        let mut names = vec![name.ok_or_else(|| wrong("no vulnerability"))?.to_owned()];
        names.extend(items(vulnerability, "aliases").iter().filter_map(Value::as_str).map(str::to_owned));
        let products = items(statement, "products").iter().map(|product| Product {
            id: Id::of(product),
            parts: items(product, "subcomponents").iter().map(Id::of).collect(),
        });
        let reason = text(statement, "justification").map(|it| it.replace('_', " "));
        let impact = text(statement, "impact_statement").or_else(|| text(statement, "status_notes"));
        let why = [reason.as_deref(), impact].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let claim = match statement["status"].as_str() {
            Some("not_affected") if why.is_empty() => return Err(wrong("not affected, and not why")),
            Some("not_affected") => Claim::Excused(format!("not affected: {why}")),
            Some("fixed") => Claim::Excused("fixed in this build".to_owned()),
            Some("affected" | "under_investigation") => Claim::Counts,
            _ => return Err(wrong("no status that OpenVEX knows")),
        };
        let when = ["last_updated", "timestamp"].into_iter().find_map(|key| text(statement, key));
        let when = when.or_else(|| text(document, "timestamp")).unwrap_or_default().to_owned();
        Ok(Statement { names, products: products.collect(), claim, by: format!("{author} in {file}"), when })
    };
    statements.iter().enumerate().map(of).collect()
}

/// CycloneDX: `vulnerabilities[].analysis`, with `affects[].ref` looked up among the components.
fn cyclone_dx(document: &Value, file: &str) -> Result<Vec<Statement>, VexError> {
    let mut references: BTreeMap<&str, Id> = BTreeMap::new();
    let mut open: Vec<&Value> = items(document, "components").iter().collect();
    open.push(&document["metadata"]["component"]);
    while let Some(component) = open.pop() {
        if let Some(reference) = text(component, "bom-ref") {
            references.insert(reference, Id::of_purl(text(component, "purl").unwrap_or(reference)));
        }
        open.extend(items(component, "components"));
    }
    let vulnerabilities = items(document, "vulnerabilities");
    if vulnerabilities.len() > MOST {
        return Err(VexError::TooMany);
    }
    let analysed = vulnerabilities.iter().enumerate().filter(|(_, it)| it["analysis"]["state"].is_string());
    let of = |(number, vulnerability): (usize, &Value)| {
        let wrong = |what| VexError::Statement(number.saturating_add(1), what);
        let mut names = vec![text(vulnerability, "id").ok_or_else(|| wrong("no id"))?.to_owned()];
        names.extend(
            items(vulnerability, "references").iter().filter_map(|it| text(it, "id")).map(str::to_owned),
        );
        let product = |reference: &str| {
            // A link to another document ends with the reference there (`urn:cdx:…/1#ref`).
            let local = reference.rsplit_once('#').map_or(reference, |(_, local)| local);
            let known = references.get(reference).or_else(|| references.get(local)).cloned();
            Product { id: known.unwrap_or_else(|| Id::of_purl(local)), parts: Vec::new() }
        };
        let products = items(vulnerability, "affects").iter().filter_map(|it| text(it, "ref")).map(product);
        let analysis = &vulnerability["analysis"];
        let parts = [
            text(analysis, "justification").map(|it| it.replace('_', " ")),
            text(analysis, "detail").map(str::to_owned),
        ];
        let why = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
        let excused = |word: &str| {
            Claim::Excused(if why.is_empty() { word.to_owned() } else { format!("{word}: {why}") })
        };
        let claim = match analysis["state"].as_str() {
            Some("not_affected") => excused("not affected"),
            Some("false_positive") => excused("false positive"),
            Some("resolved" | "resolved_with_pedigree") => excused("resolved"),
            Some("exploitable" | "in_triage") => Claim::Counts,
            _ => return Err(wrong("no state that CycloneDX knows")),
        };
        let when = ["lastUpdated", "firstIssued"].into_iter().find_map(|key| text(analysis, key));
        let when = when.or_else(|| text(&document["metadata"], "timestamp")).unwrap_or_default().to_owned();
        Ok(Statement { names, products: products.collect(), claim, by: file.to_owned(), when })
    };
    let statements: Vec<Statement> = analysed.map(of).collect::<Result<_, _>>()?;
    if statements.is_empty() { Err(VexError::Foreign) } else { Ok(statements) }
}

impl Id {
    /// A product or subcomponent of OpenVEX: `identifiers.purl`, a digest, or an `@id` that is a purl.
    fn of(component: &Value) -> Self {
        if let Some(digest) = text(&component["hashes"], "sha-256") {
            return Self::Digest(digest.to_ascii_lowercase());
        }
        let purl = text(&component["identifiers"], "purl").or_else(|| text(component, "@id"));
        purl.or_else(|| component.as_str()).map_or(Self::Other, Self::of_purl)
    }

    fn of_purl(purl: &str) -> Self {
        Purl::parse(purl).map_or(Self::Other, |(_, _, purl)| Self::Purl(purl))
    }

    fn names(&self, id: &NodeId) -> bool {
        match (self, id) {
            (Self::Purl(purl), NodeId::Component(found)) => {
                purl == found || purl.as_str() == found.without_version() || is_same_version(purl, found)
            }
            (Self::Digest(digest), NodeId::Artifact(found)) => *digest == found.to_string(),
            _ => false,
        }
    }
}

/// Whether two package URLs of Python spell one version differently.
fn is_same_version(one: &Purl, other: &Purl) -> bool {
    let versions = || one.version().zip(other.version());
    one.ecosystem() == Some(Ecosystem::PyPi)
        && one.without_version() == other.without_version()
        && versions().is_some_and(|(one, other)| is_same(&one, &other))
}

impl Statement {
    /// Whether it is about this finding.
    fn is_about(&self, finding: &Finding) -> bool {
        let (Some(vulnerability), Subject::Node(subject)) =
            (finding.vulnerability.as_deref(), &finding.subject)
        else {
            return false;
        };
        let known = std::iter::once(&vulnerability.name)
            .chain(&vulnerability.aliases)
            .chain(vulnerability.records.iter().map(|record| &record.id));
        let named =
            known.into_iter().any(|known| self.names.iter().any(|name| name.eq_ignore_ascii_case(known)));
        // A part of a product is meant only where it came in by no other way.
        let ways = &finding.paths.paths;
        let through = |id: &Id| {
            !ways.is_empty()
                && !finding.paths.more
                && ways.iter().all(|way| way.iter().any(|node| id.names(node)))
        };
        named
            && self.products.iter().any(|product| {
                product.id.names(subject)
                    || (product.parts.iter().any(|part| part.names(subject)) && through(&product.id))
            })
    }
}

/// Why a finding does not count by the latest statement about it, if that says so.
pub(super) fn excuse(statements: &[Statement], finding: &Finding) -> Option<String> {
    let about = statements.iter().filter(|statement| statement.is_about(finding));
    // The last one of equal age: documents are in the order in which the user named them.
    let latest = about.max_by(|one, other| one.when.cmp(&other.when))?;
    match &latest.claim {
        Claim::Excused(why) => Some(format!("{why} (VEX by {})", latest.by)),
        Claim::Counts => None,
    }
}
