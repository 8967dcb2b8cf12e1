//! In-toto statements (in-toto Attestation Framework, *Statement v1*).

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// The type of every statement.
pub const TYPE: &str = "https://in-toto.io/Statement/v1";

/// What somebody says (`predicate`) of some artifacts (`subject`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Statement<P> {
    /// [`TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// Of what it is said.
    pub subject: Vec<Subject>,
    /// How `predicate` is to be read.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// An artifact by its name and digests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// Its name; empty where only the digests count.
    #[serde(default)]
    pub name: String,
    /// Digests in hexadecimal digits, by the name of the function.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

/// The beginning of a statement, by which its predicate type is known.
pub type Head = Statement<IgnoredAny>;

/// Reads a statement.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read<P: DeserializeOwned>(payload: &[u8]) -> Result<Statement<P>, String> {
    let statement: Statement<P> = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if statement.kind != TYPE {
        return Err(format!("`_type` is `{}`, not `{TYPE}`", statement.kind));
    }
    Ok(statement)
}
