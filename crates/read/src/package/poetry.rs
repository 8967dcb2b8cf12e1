//! Version constraints of Poetry, translated to specifiers of PEP 440.
//!
//! Source: Poetry documentation, *Dependency specification*: `^1.2` and `~1.2` are ranges, `1.2` alone is exact, `*`
//! stands for any number, `||` joins alternatives. PEP 440 knows no alternatives; those that only leave holes in one
//! range (`<1.2 || >1.2`, `<5.0 || >=5.1`) become exclusions, others cannot be said.

use weighbridge_advisory::pep440::{Operator, Specifier, Specifiers, Version};
use weighbridge_core::coverage::Unread;
use weighbridge_core::place::Span;

use super::notes::Notes;
use super::text::quoted;

/// Most alternatives and clauses of one constraint; real ones have a dozen.
const MOST_PARTS: usize = 256;

/// Why a constraint has no translation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Not a constraint.
    Malformed(String),
    /// A union that PEP 440 cannot say; the range from its lowest to its highest end instead.
    Union(String),
}

/// The specifier in canonical form, with complaints where there is none or only a wider one.
pub(super) fn specifier(text: &str, span: Option<Span>, notes: &mut Notes<'_>) -> String {
    match translate(text) {
        Ok(specifier) => specifier,
        Err(Failure::Malformed(reason)) => {
            notes.malformed(format!("{reason}: `{}`", quoted(text)), span);
            quoted(text)
        }
        Err(Failure::Union(wider)) => {
            let said = format!("version alternatives `{}` (taken as `{wider}`)", quoted(text));
            notes.sink.unread(Unread::Unsupported(said), span);
            wider
        }
    }
}

/// Translates a constraint.
pub(super) fn translate(text: &str) -> Result<String, Failure> {
    let mut alternatives = Vec::new();
    for alternative in text.split('|').filter(|part| !part.trim().is_empty()).take(MOST_PARTS) {
        alternatives.push(clauses(alternative)?);
    }
    match alternatives.as_slice() {
        [] => Ok(String::new()),
        [only] => canonical(only),
        many => join(many),
    }
}

fn canonical(clauses: &[String]) -> Result<String, Failure> {
    Specifiers::parse(&clauses.join(","))
        .map(|found| found.to_string())
        .map_err(|error| Failure::Malformed(error.to_string()))
}

/// The clauses of one alternative, parted by commas or white space.
fn clauses(text: &str) -> Result<Vec<String>, Failure> {
    // White space also stands between an operator and its version: those are put together first.
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|character: char| character == ',' || character.is_whitespace()) {
        match words.last_mut() {
            _ if word.is_empty() => {}
            Some(last) if last.chars().all(|character| "<>=!~^".contains(character)) => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    let mut found = Vec::new();
    for word in words.iter().take(MOST_PARTS) {
        found.extend(clause(word)?);
    }
    Ok(found)
}

/// One clause, as up to two of PEP 440.
fn clause(word: &str) -> Result<Vec<String>, Failure> {
    let at = word.find(|character: char| !"<>=!~^".contains(character)).unwrap_or(word.len());
    let (operator, version) = word.split_at(at);
    if matches!(version, "*" | "*.*" | "*.*.*" | "x") && operator != "!=" {
        return Ok(Vec::new());
    }
    let wrong = || Failure::Malformed(format!("`{}` is no version constraint", quoted(word)));
    match operator {
        "^" | "~" => {
            let parsed = Version::parse(version.trim_end_matches(".*")).map_err(|_| wrong())?;
            let numbers = parsed.release();
            let kept = if operator == "~" {
                // `~1` allows any 1.x, `~1.2` and `~1.2.3` any 1.2.x.
                numbers.len().clamp(1, 2)
            } else {
                // The first number that is not zero may not change; `^0.0` keeps all that is written.
                numbers
                    .iter()
                    .position(|number| *number != 0)
                    .map_or(numbers.len(), |at| at.saturating_add(1))
            };
            let upper = bumped(&parsed, kept).ok_or_else(wrong)?;
            Ok(vec![format!(">={parsed}"), format!("<{upper}")])
        }
        "" | "=" | "==" => Ok(vec![format!("=={}", version.replace(".x", ".*"))]),
        _ => Ok(vec![word.to_owned()]),
    }
}

/// The version whose first `kept` numbers are one higher in the last of them.
fn bumped(version: &Version, kept: usize) -> Option<String> {
    let mut numbers: Vec<u64> = version.release().iter().copied().take(kept).collect();
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    while numbers.len() < version.release().len() {
        numbers.push(0);
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let epoch = if version.epoch() == 0 { String::new() } else { format!("{}!", version.epoch()) };
    Some(format!("{epoch}{}", numbers.join(".")))
}

/// A range of versions: where it begins and ends, what is left out inside.
struct Stretch {
    /// Lower end; whether it belongs to the range.
    low: Option<(Version, bool)>,
    /// Upper end; whether it belongs to the range.
    high: Option<(Version, bool)>,
    others: Vec<Specifier>,
}

fn stretch(clauses: &[String]) -> Option<Stretch> {
    let specifiers = Specifiers::parse(&clauses.join(",")).ok()?;
    let mut found = Stretch { low: None, high: None, others: Vec::new() };
    for specifier in specifiers.clauses() {
        let version = specifier.version();
        match (specifier.operator(), version) {
            (Operator::Greater | Operator::GreaterEqual, Some(version)) if found.low.is_none() => {
                found.low = Some((version, specifier.operator() == Operator::GreaterEqual));
            }
            (Operator::Less | Operator::LessEqual, Some(version)) if found.high.is_none() => {
                found.high = Some((version, specifier.operator() == Operator::LessEqual));
            }
            (Operator::Equal, Some(version))
                if !specifier.is_series() && found.low.is_none() && found.high.is_none() =>
            {
                found.low = Some((version.clone(), true));
                found.high = Some((version, true));
            }
            (Operator::Equal, _) if specifier.is_series() && found.low.is_none() && found.high.is_none() => {
                let text = specifier.to_string();
                let low = Version::parse(text.trim_start_matches("==").trim_end_matches(".*")).ok()?;
                let high = Version::parse(&bumped(&low, low.release().len())?).ok()?;
                found.low = Some((low, true));
                found.high = Some((high, false));
            }
            (Operator::NotEqual, _) => found.others.push(specifier.clone()),
            _ => return None,
        }
    }
    Some(found)
}

/// Joins alternatives into one range with holes.
fn join(alternatives: &[Vec<String>]) -> Result<String, Failure> {
    for alternative in alternatives {
        canonical(alternative)?;
    }
    let Some(mut stretches) = alternatives.iter().map(|clauses| stretch(clauses)).collect::<Option<Vec<_>>>()
    else {
        return Err(Failure::Union(String::new()));
    };
    stretches.sort_by(|one, other| {
        let key = |stretch: &Stretch| stretch.low.as_ref().map(|(version, _)| version.clone());
        key(one).cmp(&key(other))
    });
    let mut exact = true;
    let mut clauses = Vec::new();
    let mut end: Option<Option<(Version, bool)>> = None;
    for stretch in &stretches {
        match (&end, &stretch.low) {
            (None, None) => {}
            (None, Some((version, inclusive))) => {
                clauses.push(format!("{}{version}", if *inclusive { ">=" } else { ">" }));
            }
            (Some(Some((high, high_in))), Some((low, low_in))) if high <= low => {
                if high == low {
                    if !high_in && !low_in {
                        clauses.push(format!("!={low}"));
                    }
                } else if !high_in && *low_in {
                    match series(high, low) {
                        Some(series) => clauses.push(format!("!={series}")),
                        None => exact = false,
                    }
                } else {
                    exact = false;
                }
            }
            // The ranges overlap: nothing is left out between them.
            _ => {}
        }
        // What one alternative leaves out, another may allow: only with a single range is it left out for sure.
        exact &= stretch.others.is_empty();
        let further = match (&end, &stretch.high) {
            (Some(None), _) | (_, None) => None,
            (Some(Some((before, _))), Some((high, _))) if before > high => end.clone().flatten(),
            (_, high) => high.clone(),
        };
        end = Some(further);
    }
    if let Some(Some((version, inclusive))) = end {
        clauses.push(format!("{}{version}", if inclusive { "<=" } else { "<" }));
    }
    let joined = canonical(&clauses)?;
    if exact { Ok(joined) } else { Err(Failure::Union(joined)) }
}

/// The series that holds exactly the versions from `low` up to `high`, such as `5.0.*` for `5.0.dev0` and `5.1.dev0`.
fn series(low: &Version, high: &Version) -> Option<String> {
    let plain =
        |version: &Version| version.pre().is_none() && version.post().is_none() && !version.is_local();
    if !plain(low) || !plain(high) || low.epoch() != high.epoch() {
        return None;
    }
    (1..=low.release().len()).find_map(|kept| {
        let begins = low.release().iter().skip(kept).all(|number| *number == 0);
        let next = Version::parse(&bumped(low, kept)?).ok()?;
        let ends = next.same_base(high);
        let numbers: Vec<String> = low.release().iter().take(kept).map(u64::to_string).collect();
        let epoch = if low.epoch() == 0 { String::new() } else { format!("{}!", low.epoch()) };
        (begins && ends).then(|| format!("{epoch}{}.*", numbers.join(".")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_become_specifiers() {
        let check =
            |text: &str, expected: &str| assert_eq!(translate(text).as_deref(), Ok(expected), "{text}");
        check("*", "");
        check("", "");
        check("^1.2.3", ">=1.2.3,<2.0.0");
        check("^1", ">=1,<2");
        check("^0.2.3", ">=0.2.3,<0.3.0");
        check("^0.0.3", ">=0.0.3,<0.0.4");
        check("^0.0", ">=0.0,<0.1");
        check("^0", ">=0,<1");
        check("^1.0b1", ">=1.0b1,<2.0");
        check("^1!2.3", ">=1!2.3,<1!3.0");
        check("~1.2.3", ">=1.2.3,<1.3.0");
        check("~1.2", ">=1.2,<1.3");
        check("~1", ">=1,<2");
        check("~=1.2.3", "~=1.2.3");
        check("1.2", "==1.2");
        check("1.2.*", "==1.2.*");
        check("=1.2", "==1.2");
        check(">=1.2,<2", ">=1.2,<2");
        check(">= 1.2 <2", ">=1.2,<2");
        check("<1.2 || >1.2", "!=1.2");
        check(">=1.20,<1.24.0 || >1.24.0", ">=1.20,!=1.24.0");
        check(">=4.12,<5.0.dev0 || >=5.1.dev0", ">=4.12,!=5.0.*");
        check("<5.2.1 || >5.2.1,<5.2.2 || >5.2.2", "!=5.2.1,!=5.2.2");
        check(">=1.7.4,<1.8 || >1.8,<1.8.1 || >1.8.1,<2.0.0", ">=1.7.4,!=1.8,!=1.8.1,<2.0.0");
        check("<2 || <3", "<3");
        check("^1.2 || ^3.0", ">=1.2,!=2.*,<4.0");
    }

    #[test]
    fn what_cannot_be_said_is_said_wider() {
        let check = |text: &str, wider: &str| {
            assert_eq!(translate(text), Err(Failure::Union(wider.to_owned())), "{text}");
        };
        check("^1.2 || ^4.0", ">=1.2,<5.0");
        check("1.0 || 3.0", ">=1.0,<=3.0");
        for text in ["one", "^", ">=", "^x.y", "1.0 || ^"] {
            assert!(matches!(translate(text), Err(Failure::Malformed(_))), "{text}: {:?}", translate(text));
        }
    }
}
