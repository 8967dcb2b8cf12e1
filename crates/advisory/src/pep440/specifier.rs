//! Version specifiers: one clause (`>=1.0`) and comma-separated sets of them.

use std::fmt;
use std::str::FromStr;

use super::{Version, VersionError};

/// A comparison operator of a specifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `~=`: at least this version, and the same series.
    Compatible,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `===`: the same text.
    Identical,
}

impl Operator {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Compatible => "~=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::Identical => "===",
        }
    }

    /// Splits the operator off the start of a text, longest spelling first.
    pub(crate) fn split(text: &str) -> Option<(Operator, &str)> {
        use Operator::*;
        [Identical, Equal, NotEqual, Compatible, LessEqual, GreaterEqual, Less, Greater]
            .into_iter()
            .find_map(|operator| Some((operator, text.strip_prefix(operator.as_str())?)))
    }
}

/// One clause of a specifier, such as `>=1.0` or `==2.*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Specifier {
    operator: Operator,
    bound: Bound,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bound {
    Version(Version),
    /// `2.*` of `==2.*` and `!=2.*`.
    Series(Version),
    /// The right side of `===`, which need not be a version.
    Text(Box<str>),
}

/// Why a text is not a specifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecifierError {
    /// No operator stands at the start of the clause.
    #[error("`{clause}` does not start with a comparison operator")]
    Operator {
        /// The clause, shortened if very long.
        clause: String,
    },
    /// The operator is not followed by a version.
    #[error("`{clause}` does not name a version")]
    Version {
        /// The clause, shortened if very long.
        clause: String,
        /// What was wrong with the version.
        #[source]
        source: VersionError,
    },
    /// The version has a form that this operator does not take (`>=1.*`, `~=1`, `<1.0+local`).
    #[error("`{clause}`: this operator does not take such a version")]
    Form {
        /// The clause, shortened if very long.
        clause: String,
    },
    /// Text follows a clause without a comma.
    #[error("`{clause}` is followed by something that is not a clause")]
    Trailing {
        /// The clause, shortened if very long.
        clause: String,
    },
}

impl Specifier {
    /// Parses one clause.
    pub fn parse(text: &str) -> Result<Self, SpecifierError> {
        let clause = || text.trim().chars().take(80).collect::<String>();
        let (operator, rest) =
            Operator::split(text.trim()).ok_or_else(|| SpecifierError::Operator { clause: clause() })?;
        let rest = rest.trim();
        if operator == Operator::Identical {
            if rest.is_empty() || rest.contains(|c: char| c.is_whitespace() || matches!(c, ';' | ')')) {
                return Err(SpecifierError::Form { clause: clause() });
            }
            return Ok(Specifier { operator, bound: Bound::Text(rest.into()) });
        }
        let series = rest.strip_suffix(".*");
        let version = Version::parse(series.unwrap_or(rest))
            .map_err(|source| SpecifierError::Version { clause: clause(), source })?;
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        let plain = version.pre().is_none() && version.post().is_none() && version.dev().is_none();
        let fits = match (series, operator) {
            (Some(series), _) => {
                equality && plain && !version.is_local() && !series.ends_with(char::is_whitespace)
            }
            (None, Operator::Compatible) => version.release().len() >= 2 && !version.is_local(),
            (None, _) => equality || !version.is_local(),
        };
        if !fits {
            return Err(SpecifierError::Form { clause: clause() });
        }
        let bound = if series.is_some() { Bound::Series(version) } else { Bound::Version(version) };
        Ok(Specifier { operator, bound })
    }

    /// Makes a clause `operator version`. `===` compares with the canonical text of the version.
    pub fn new(operator: Operator, version: Version) -> Self {
        let bound = match operator {
            Operator::Identical => Bound::Text(version.to_string().into()),
            _ => Bound::Version(version),
        };
        Specifier { operator, bound }
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The version of the clause; none for `===` with something that is not a version.
    /// For a series (`==2.*`) this is the part before the star.
    pub fn version(&self) -> Option<Version> {
        match &self.bound {
            Bound::Version(version) | Bound::Series(version) => Some(version.clone()),
            Bound::Text(text) => Version::parse(text).ok(),
        }
    }

    /// True for `==X.*` and `!=X.*`.
    pub fn is_series(&self) -> bool {
        matches!(self.bound, Bound::Series(_))
    }

    /// True if the clause names a pre-release in a way that asks for pre-releases (all operators but `!=`).
    pub fn names_prerelease(&self) -> bool {
        self.operator != Operator::NotEqual
            && match &self.bound {
                Bound::Version(version) => version.is_prerelease(),
                Bound::Series(_) => false,
                Bound::Text(text) => Version::parse(text).is_ok_and(|version| version.is_prerelease()),
            }
    }

    /// Whether the clause holds for a version, pre-release or not.
    pub fn allows(&self, version: &Version) -> bool {
        match &self.bound {
            Bound::Text(text) => text.eq_ignore_ascii_case(&version.to_string()),
            Bound::Series(series) => in_series(version, series) == (self.operator == Operator::Equal),
            Bound::Version(bound) => compare(self.operator, version, bound),
        }
    }

    /// Like [`Specifiers::contains`] for one clause.
    pub fn contains(&self, version: &Version, prereleases: Option<bool>) -> bool {
        let prereleases = prereleases.unwrap_or_else(|| self.names_prerelease());
        (prereleases || !version.is_prerelease()) && self.allows(version)
    }
}

fn compare(operator: Operator, version: &Version, bound: &Version) -> bool {
    match operator {
        // A local part counts only where the clause itself names one.
        Operator::Equal if bound.is_local() => version == bound,
        Operator::NotEqual if bound.is_local() => version != bound,
        Operator::Equal => version.cmp_public(bound).is_eq(),
        Operator::NotEqual => version.cmp_public(bound).is_ne(),
        Operator::LessEqual => version.cmp_public(bound).is_le(),
        Operator::GreaterEqual => version.cmp_public(bound).is_ge(),
        // `<3.1` leaves out 3.1rc1 and all else that leads up to 3.1, unless the bound is a pre-release itself.
        Operator::Less => {
            version < bound
                && (bound.is_prerelease() || !version.is_prerelease() || *version < bound.first_development())
        }
        // `>1.7` leaves out 1.7+local, and 1.7.post1 unless the bound is a post-release itself.
        Operator::Greater => {
            version.cmp_public(bound).is_gt() && (bound.is_postrelease() || !version.is_postrelease_of(bound))
        }
        Operator::Compatible => {
            let kept = bound.release().len().saturating_sub(1);
            let mut series = Version::from_release(bound.release().get(..kept).unwrap_or_default());
            series.set_epoch(bound.epoch());
            version.cmp_public(bound).is_ge() && in_series(version, &series)
        }
        Operator::Identical => version.to_string() == bound.to_string(),
    }
}

/// True if the release of `version`, padded with zeros, starts with the release of `series`.
fn in_series(version: &Version, series: &Version) -> bool {
    let release = version.release();
    let number_at = |index: usize| release.get(index).copied().unwrap_or(0);
    version.epoch() == series.epoch()
        && series.release().iter().enumerate().all(|(index, number)| number_at(index) == *number)
}

impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operator.as_str())?;
        match &self.bound {
            Bound::Version(version) => write!(f, "{version}"),
            Bound::Series(version) => write!(f, "{version}.*"),
            Bound::Text(text) => f.write_str(text),
        }
    }
}

impl FromStr for Specifier {
    type Err = SpecifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Specifier::parse(text)
    }
}

/// A set of clauses that must all hold; the empty set holds for every version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Specifiers {
    clauses: Vec<Specifier>,
}

impl Specifiers {
    /// Parses comma-separated clauses as the specification has them; empty clauses are accepted, because
    /// metadata in the wild ends in commas.
    pub fn parse(text: &str) -> Result<Self, SpecifierError> {
        let clauses = text.split(',').filter(|clause| !clause.trim().is_empty());
        clauses.map(Specifier::parse).collect()
    }

    /// Parses as [`Specifiers::parse`] does, and mends what old metadata has: clauses without a comma between
    /// them (`>=1.0 <2.0`), quotes around the version, a star after an ordering operator (`>=2.*`, read as
    /// `>=2`).
    pub fn parse_lenient(text: &str) -> Result<Self, SpecifierError> {
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let mut rest = part.trim();
            while !rest.is_empty() {
                let clause;
                (clause, rest) = split_clause(rest)?;
                clauses.push(Specifier::parse(clause).or_else(|error| mend(clause).ok_or(error))?);
            }
        }
        Ok(Specifiers { clauses })
    }

    /// The clauses in the order in which they were written.
    pub fn clauses(&self) -> &[Specifier] {
        &self.clauses
    }

    /// True if there is no clause.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether every clause holds, pre-release or not. This is the question for a version that is already
    /// installed or locked: nobody chooses any more.
    pub fn allows(&self, version: &Version) -> bool {
        self.clauses.iter().all(|clause| clause.allows(version))
    }

    /// Whether every clause holds, with the rule for pre-releases applied to one candidate.
    ///
    /// `Some(true)` admits pre-releases and `Some(false)` refuses them; `None` admits them only if a clause
    /// names one. (That a pre-release may be taken when nothing else exists is for whoever holds the list of
    /// candidates to decide.)
    pub fn contains(&self, version: &Version, prereleases: Option<bool>) -> bool {
        let admitted = prereleases.unwrap_or_else(|| self.clauses.iter().any(Specifier::names_prerelease));
        (admitted || !version.is_prerelease()) && self.allows(version)
    }

    /// The version, if the set pins exactly one with `==X` or `===X`.
    pub fn pinned(&self) -> Option<Version> {
        self.clauses
            .iter()
            .find(|clause| {
                matches!(clause.operator, Operator::Equal | Operator::Identical) && !clause.is_series()
            })
            .and_then(Specifier::version)
    }
}

/// Splits the first clause off a text in which commas may be missing.
fn split_clause(text: &str) -> Result<(&str, &str), SpecifierError> {
    let short = || text.chars().take(80).collect::<String>();
    let (_, rest) = Operator::split(text).ok_or_else(|| SpecifierError::Operator { clause: short() })?;
    let body = rest.trim_start();
    // `!` alone separates an epoch; `!=` starts the next clause.
    let next = body
        .char_indices()
        .find(|(at, c)| match c {
            '<' | '>' | '=' | '~' => true,
            '!' => body.get(*at..).is_some_and(|tail| tail.starts_with("!=")),
            _ => false,
        })
        .map_or(body.len(), |(at, _)| at);
    let end = text.len() - body.len() + next;
    let (clause, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    Ok((clause.trim_end(), rest.trim_start()))
}

fn mend(clause: &str) -> Option<Specifier> {
    let (operator, rest) = Operator::split(clause)?;
    let rest = rest.trim().trim_matches(['"', '\'']);
    let rest = match operator {
        Operator::Equal | Operator::NotEqual => rest,
        _ => rest.trim_end_matches(".*"),
    };
    let mended = format!("{}{rest}", operator.as_str());
    (mended != clause).then(|| Specifier::parse(&mended).ok())?
}

impl FromIterator<Specifier> for Specifiers {
    fn from_iter<T: IntoIterator<Item = Specifier>>(clauses: T) -> Self {
        Specifiers { clauses: clauses.into_iter().collect() }
    }
}

impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, clause) in self.clauses.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{clause}")?;
        }
        Ok(())
    }
}

impl FromStr for Specifiers {
    type Err = SpecifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Specifiers::parse(text)
    }
}
