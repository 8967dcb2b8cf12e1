//! The file in which several attestations lie: one bundle a line. It is never written anew but for what is added: what others
//! put into it stays as it is, to the last byte.

use crate::bundle::{Bundle, BundleError};

/// The name of the file in the folder of a model; for a model that is a file, `.` and it stand behind its name.
pub const FILE: &str = "claims.jsonl";
/// Largest file that is read, in bytes.
pub const LARGEST: usize = 64 << 20;
/// Longest line, in bytes: about 100 000 files.
const LONGEST: usize = 16 << 20;
/// Most attestations in one file: each anchor of a policy is asked about each.
pub const MOST: usize = 1024;

/// One attestation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// Its line, counted from 1.
    pub number: usize,
    /// Its text.
    pub json: &'a str,
    /// What it is, or why it is none.
    pub bundle: Result<Bundle, BundleError>,
}

/// A file that is none of attestations.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// There are too many.
    #[error("there are more than {MOST} attestations in it")]
    TooMany,
    /// It is too large.
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    /// A line is too long.
    #[error("line {0} is longer than {LONGEST} bytes")]
    TooLong(usize),
    /// A line is no attestation.
    #[error("line {0} is no attestation: {1}")]
    Line(usize, BundleError),
}

/// Whether a file with this name holds attestations, if it holds what its name says.
pub fn is_file_name(name: &str) -> bool {
    name.strip_suffix(FILE).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The attestations of a file. A line that is none hides no other one.
///
/// # Errors
/// [`FileError::TooMany`], [`FileError::TooLarge`], [`FileError::TooLong`]. Nothing is read before the bounds are known to be kept.
pub fn lines(text: &str) -> Result<Vec<Line<'_>>, FileError> {
    if text.len() > LARGEST {
        return Err(FileError::TooLarge);
    }
    let mut found = Vec::new();
    for (at, json) in text.lines().enumerate() {
        let number = at.saturating_add(1);
        if json.trim().is_empty() {
            continue;
        }
        if json.len() > LONGEST {
            return Err(FileError::TooLong(number));
        }
        if found.len() == MOST {
            return Err(FileError::TooMany);
        }
        found.push((number, json));
    }
    Ok(found.into_iter().map(|(number, json)| Line { number, json, bundle: bundle(json) }).collect())
}

/// Reads one attestation.
fn bundle(json: &str) -> Result<Bundle, BundleError> {
    let bundle = Bundle::read(json.as_bytes())?;
    // protobuf-specs, `sigstore_bundle.proto`: the envelope of a bundle has exactly one.
    if bundle.envelope.signatures.len() > 1 {
        return Err(BundleError::Malformed("its envelope has more than one signature".to_owned()));
    }
    Ok(bundle)
}

/// The text of a file with one more attestation at its end; the same text where it is there already.
///
/// # Errors
/// [`FileError`]: also where what is there is something else, to which nothing of ours is added.
pub fn append(text: &str, bundle: &Bundle) -> Result<String, FileError> {
    let json = bundle.to_json();
    let there = lines(text)?;
    for line in &there {
        if let Err(error) = &line.bundle {
            return Err(FileError::Line(line.number, error.clone()));
        }
    }
    if there.iter().any(|line| line.json == json) {
        return Ok(text.to_owned());
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let longer = format!("{text}{gap}{json}\n");
    lines(&longer)?;
    Ok(longer)
}
