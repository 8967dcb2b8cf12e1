//! One requirement.

use std::fmt;
use std::str::FromStr;

use weighbridge_core::name::PackageName;

use super::marker::Marker;
use super::scanner::Scanner;
use crate::pep440::Specifiers;

/// What a package asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The package.
    pub name: PackageName,
    /// Extras of it, in the order in which they are written.
    pub extras: Vec<PackageName>,
    /// Which versions will do; empty for any, and with a URL.
    pub specifiers: Specifiers,
    /// Where it must come from (`name @ URL`).
    pub url: Option<String>,
    /// When it is asked for; none for always.
    pub marker: Option<Marker>,
}

/// Why a text is not a requirement or marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {offset})")]
pub struct RequirementError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What was wrong.
    pub message: String,
}

impl Requirement {
    /// Parses a requirement.
    ///
    /// # Errors
    /// What was wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let written = scanner.take_while(|next| next.is_ascii_alphanumeric() || "-_.".contains(next));
        let name = PackageName::new(written).map_err(|_| RequirementError {
            offset: scanner.offset().saturating_sub(written.len()),
            message: match written {
                "" => "a package name is missing".to_owned(),
                written => format!("`{written}` is not a package name"),
            },
        })?;
        let extras = extras(&mut scanner)?;
        scanner.skip_space();
        let (specifiers, url) = if scanner.eat("@") {
            (Specifiers::default(), Some(url(&mut scanner)?))
        } else {
            (specifiers(&mut scanner)?, None)
        };
        scanner.skip_space();
        let marker = if scanner.eat(";") { Marker::parse_rest(&mut scanner)? } else { None };
        scanner.skip_space();
        if !scanner.is_at_end() {
            return Err(scanner.error("something follows that belongs to no part of a requirement"));
        }
        Ok(Self { name, extras, specifiers, url, marker })
    }
}

/// `[a, b]`, or nothing.
fn extras(scanner: &mut Scanner<'_>) -> Result<Vec<PackageName>, RequirementError> {
    let mut extras = Vec::new();
    scanner.skip_space();
    if !scanner.eat("[") {
        return Ok(extras);
    }
    loop {
        scanner.skip_space();
        if scanner.eat("]") {
            return Ok(extras);
        }
        let written = scanner.take_while(|next| next.is_ascii_alphanumeric() || "-_.".contains(next));
        extras.push(PackageName::new(written).map_err(|_| scanner.error("an extra has no valid name"))?);
        scanner.skip_space();
        if !scanner.eat(",") && !scanner.rest().starts_with(']') {
            return Err(scanner.error("extras are separated by `,` and end with `]`"));
        }
    }
}

/// Version clauses up to a `;` or the end, in parentheses or not.
fn specifiers(scanner: &mut Scanner<'_>) -> Result<Specifiers, RequirementError> {
    let parenthesised = scanner.eat("(");
    let start = scanner.offset();
    let written = scanner.take_while(|next| next != ';' && !(parenthesised && next == ')'));
    if parenthesised && !scanner.eat(")") {
        return Err(scanner.error("`)` is missing"));
    }
    Specifiers::parse_lenient(written)
        .map_err(|error| RequirementError { offset: start, message: error.to_string() })
}

/// A URL runs to the next white space; a `;` inside belongs to it.
fn url(scanner: &mut Scanner<'_>) -> Result<String, RequirementError> {
    scanner.skip_space();
    let written = scanner.take_while(|next| !next.is_whitespace());
    if written.is_empty() { Err(scanner.error("a URL is missing after `@`")) } else { Ok(written.to_owned()) }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)?;
        if !self.extras.is_empty() {
            let extras: Vec<&str> = self.extras.iter().map(PackageName::as_str).collect();
            write!(out, "[{}]", extras.join(","))?;
        }
        match &self.url {
            Some(url) => write!(out, " @ {url}")?,
            None => write!(out, "{}", self.specifiers)?,
        }
        match &self.marker {
            // A URL may hold a `;`: only white space before it ends the URL.
            Some(marker) if self.url.is_some() => write!(out, " ; {marker}"),
            Some(marker) => write!(out, "; {marker}"),
            None => Ok(()),
        }
    }
}
