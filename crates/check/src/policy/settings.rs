//! The configuration file: `weighbridge.toml`, or `[tool.weighbridge]` in `pyproject.toml`.
//!
//! A word that is not understood is an error that points at its line: a policy that is silently not applied is worse
//! than none.

use std::fmt;
use std::ops::Range;

use glob::Pattern;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::Epss;
use weighbridge_core::limits::Limits;
use weighbridge_core::name::PackageName;
use weighbridge_core::renderer::Show;

use super::ignore::{DEFAULT_DAYS, Ignore, Until};
use super::nearest::nearest;

/// What a configuration file says. What it does not mention is none; the command line goes before it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// `fail-on`: the severity from which an open finding fails.
    pub fail_on: Option<Severity>,
    /// `fail-on-epss`: the probability of exploitation from which an open finding fails, in hundred-thousandths.
    pub fail_on_epss: Option<u32>,
    /// `[[ignore]]`: findings that do not count.
    pub ignores: Vec<Ignore>,
    /// `exclude`: glob patterns of paths below the target that are not looked at.
    pub exclude: Vec<String>,
    /// `baseline`: path of an earlier JSON report, relative to the configuration file.
    pub baseline: Option<String>,
    /// `vex`: paths of VEX documents, relative to the configuration file.
    pub vex: Vec<String>,
    /// `max-age-days`: how old the advisories may be.
    pub max_age_days: Option<u32>,
    /// `show`: how many findings to show in full.
    pub show: Option<Show>,
    /// `offline`: never open a socket.
    pub offline: Option<bool>,
    /// `[limits]`: the defaults, with those changed that the file names.
    pub limits: Limits,
}

/// What is wrong with a configuration file, where, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file as it was named to [`parse`].
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, without place and without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Reads a configuration file. In a `pyproject.toml` the settings stand below `[tool.weighbridge]`, if at all;
/// in any other file at the top.
///
/// # Errors
/// The first thing that is not understood.
pub fn parse(text: &str, file: &str) -> Result<Settings, ConfigError> {
    if file.rsplit(['/', '\\']).next() == Some("pyproject.toml") {
        return parse_pyproject(text, file).map(Option::unwrap_or_default);
    }
    let reader = Reader { text, file };
    let document = reader.document()?;
    reader.settings(document.get_ref())
}

/// Reads `[tool.weighbridge]` of a `pyproject.toml`; none if there is no such table.
///
/// # Errors
/// The first thing in that table that is not understood, or what makes the file no TOML.
pub fn parse_pyproject(text: &str, file: &str) -> Result<Option<Settings>, ConfigError> {
    let reader = Reader { text, file };
    let document = reader.document()?;
    let tool = document.get_ref().get("tool").and_then(|tool| tool.get_ref().as_table());
    let Some(section) = tool.and_then(|tool| tool.get("weighbridge")) else { return Ok(None) };
    reader.settings(reader.table("tool.weighbridge", section)?).map(Some)
}

const KEYS: [&str; 10] = [
    "baseline",
    "exclude",
    "fail-on",
    "fail-on-epss",
    "ignore",
    "limits",
    "max-age-days",
    "offline",
    "show",
    "vex",
];

const IGNORE_KEYS: [&str; 9] =
    ["digest", "finding", "package", "path", "permanent", "reason", "rule", "since", "until"];

/// How long a limit may be set: what it is called, and how to set it.
type SetLimit = fn(&mut Limits, u64);

/// Every limit, as it is called in a configuration file.
const LIMITS: [(&str, SetLimit); 11] = [
    ("depth", |limits, value| limits.depth = usize::try_from(value).unwrap_or(usize::MAX)),
    ("digest-bytes", |limits, value| limits.digest_bytes = value),
    ("entries", |limits, value| limits.entries = value),
    ("expansion-ratio", |limits, value| limits.expansion_ratio = value),
    ("facts", |limits, value| limits.facts = usize::try_from(value).unwrap_or(usize::MAX)),
    ("files", |limits, value| limits.files = value),
    ("memory-bytes", |limits, value| limits.memory_bytes = value),
    ("remote-bytes", |limits, value| limits.remote_bytes = value),
    ("state-bytes", |limits, value| limits.state_bytes = value),
    ("text-bytes", |limits, value| limits.text_bytes = value),
    ("unpacked-bytes", |limits, value| limits.unpacked_bytes = value),
];

/// The text of a file, to turn spans into lines.
struct Reader<'a> {
    text: &'a str,
    file: &'a str,
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Reader<'a> {
    fn document(&self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        DeTable::parse(self.text)
            .map_err(|error| self.error(error.span().unwrap_or_default(), error.message(), None))
    }

    fn settings(&self, table: &DeTable<'_>) -> Result<Settings, ConfigError> {
        let mut settings = Settings::default();
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "baseline" => settings.baseline = Some(self.text_of("baseline", value)?.to_owned()),
                "exclude" => settings.exclude = self.excluded(value)?,
                "fail-on" => settings.fail_on = Some(self.severity(value)?),
                "fail-on-epss" => settings.fail_on_epss = Some(self.probability(value)?),
                "ignore" => settings.ignores = self.ignores(value)?,
                "limits" => settings.limits = self.limits(value)?,
                "max-age-days" => {
                    let days = self.number("max-age-days", value)?;
                    let days = u32::try_from(days).ok();
                    settings.max_age_days = Some(
                        days.ok_or_else(|| self.error(value.span(), "`max-age-days` is too large", None))?,
                    );
                }
                "offline" => settings.offline = Some(self.flag("offline", value)?),
                "show" => settings.show = Some(self.show(value)?),
                "vex" => {
                    let items = self.array("vex", value)?.into_iter();
                    let paths = items.map(|item| self.text_of("vex", item).map(str::to_owned));
                    settings.vex = paths.collect::<Result<_, _>>()?;
                }
                _ => return Err(self.unknown(key, "", KEYS)),
            }
        }
        Ok(settings)
    }

    fn excluded(&self, value: &Value<'_>) -> Result<Vec<String>, ConfigError> {
        let items = self.array("exclude", value)?;
        let pattern = |item| self.pattern("exclude", item).map(|pattern| pattern.as_str().to_owned());
        items.into_iter().map(pattern).collect()
    }

    fn severity(&self, value: &Value<'_>) -> Result<Severity, ConfigError> {
        let text = self.text_of("fail-on", value)?;
        Severity::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or_else(|| {
            let hint = nearest(text, Severity::ALL.map(Severity::as_str)).map(meant);
            let message = format!("`{text}` is not one of `low`, `medium`, `high` and `critical`");
            self.error(value.span(), message, hint)
        })
    }

    fn probability(&self, value: &Value<'_>) -> Result<u32, ConfigError> {
        let number = value.get_ref();
        let text = number.as_float().map(|it| it.as_str()).or(number.as_integer().map(|it| it.as_str()));
        text.and_then(Epss::probability)
            .ok_or_else(|| self.error(value.span(), "`fail-on-epss` must be a number from 0 to 1", None))
    }

    fn show(&self, value: &Value<'_>) -> Result<Show, ConfigError> {
        if value.get_ref().as_str() == Some("all") {
            return Ok(Show::All);
        }
        let number = integer(value).and_then(|number| usize::try_from(number).ok());
        number
            .map(Show::First)
            .ok_or_else(|| self.error(value.span(), "`show` must be a number or `\"all\"`", None))
    }

    fn limits(&self, value: &Value<'_>) -> Result<Limits, ConfigError> {
        let mut limits = Limits::default();
        for (key, value) in in_order(self.table("limits", value)?) {
            let name: &str = key.get_ref();
            let found = LIMITS.into_iter().find(|(known, _)| *known == name);
            let Some((known, set)) = found else {
                return Err(self.unknown(key, "limits.", LIMITS.map(|(known, _)| known)));
            };
            let number = self.number(known, value)?;
            if number == 0 {
                return Err(self.error(
                    value.span(),
                    format!("with `{known}` at 0 nothing could be read"),
                    None,
                ));
            }
            set(&mut limits, number);
        }
        Ok(limits)
    }

    fn ignores(&self, value: &Value<'_>) -> Result<Vec<Ignore>, ConfigError> {
        let hint = "write each ignore below its own line `[[ignore]]`";
        let Some(items) = value.get_ref().as_array() else {
            return Err(self.error(value.span(), "`ignore` is not a list of tables", Some(hint.to_owned())));
        };
        let table = |item: &Value<'_>| match item.get_ref().as_table() {
            Some(table) => self.ignore(table, item.span()),
            None => Err(self.error(item.span(), "an ignore is a table", Some(hint.to_owned()))),
        };
        items.iter().map(table).collect()
    }

    fn ignore(&self, table: &DeTable<'_>, span: Range<usize>) -> Result<Ignore, ConfigError> {
        let mut ignore = Ignore {
            finding: None,
            rule: None,
            path: None,
            package: None,
            digest: None,
            reason: String::new(),
            until: Until::Permanent,
            location: format!("{}:{}", self.file, self.line(span.start)),
        };
        let (mut until, mut since, mut permanent) = (None, None, false);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "digest" => ignore.digest = Some(self.digest(value)?),
                "finding" => ignore.finding = Some(self.text_of("finding", value)?.to_owned()),
                "package" => ignore.package = Some(self.package(value)?),
                "path" => ignore.path = Some(self.pattern("path", value)?),
                "permanent" => permanent = self.flag("permanent", value)?,
                "reason" => ignore.reason = self.text_of("reason", value)?.to_owned(),
                "rule" => ignore.rule = Some(self.text_of("rule", value)?.to_owned()),
                "since" => since = Some(self.date("since", value)?),
                "until" => until = Some(self.date("until", value)?),
                _ => return Err(self.unknown(key, "ignore.", IGNORE_KEYS)),
            }
        }
        if table.is_empty() || !IGNORE_KEYS.iter().any(|key| is_condition(key) && table.contains_key(*key)) {
            let hint = "name at least one of `finding`, `rule`, `path`, `package` and `digest`";
            return Err(self.error(span, "this ignore does not say what it ignores", Some(hint.to_owned())));
        }
        if ignore.reason.is_empty() {
            let hint = "write `reason = \"…\"`, for whoever reads it in a year";
            return Err(self.error(
                span,
                format!("the ignore of {ignore} has no reason"),
                Some(hint.to_owned()),
            ));
        }
        ignore.until = match (until, since, permanent) {
            (Some(date), None, false) => Until::Date(date),
            (None, Some(date), false) => Until::Date(date.plus_days(DEFAULT_DAYS)),
            (None, None, true) => Until::Permanent,
            (None, None, false) => {
                let hint = format!(
                    "write `since = YYYY-MM-DD`, from which it lasts {DEFAULT_DAYS} days, or `until = YYYY-MM-DD`, \
                     or `permanent = true`"
                );
                return Err(self.error(
                    span,
                    format!("the ignore of {ignore} does not say how long"),
                    Some(hint),
                ));
            }
            _ => {
                let hint = "keep one of `since`, `until` and `permanent`";
                let message = format!("the ignore of {ignore} says more than once how long");
                return Err(self.error(span, message, Some(hint.to_owned())));
            }
        };
        Ok(ignore)
    }

    fn digest(&self, value: &Value<'_>) -> Result<Digest, ConfigError> {
        let text = self.text_of("digest", value)?;
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        digits.parse().map_err(|error| self.error(value.span(), format!("{error}"), None))
    }

    fn package(&self, value: &Value<'_>) -> Result<PackageName, ConfigError> {
        let text = self.text_of("package", value)?;
        let name = text.strip_prefix("pkg:pypi/").unwrap_or(text);
        PackageName::new(name).map_err(|error| {
            let hint = "an ignore by `package` holds for all versions; name it without one";
            self.error(value.span(), error.to_string(), Some(hint.to_owned()))
        })
    }

    fn pattern(&self, key: &str, value: &Value<'_>) -> Result<Pattern, ConfigError> {
        let text = self.text_of(key, value)?;
        let trimmed = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        Pattern::new(trimmed).map_err(|error| {
            let message = format!("`{text}` is not a glob pattern: {}", error.msg);
            self.error(value.span(), message, None)
        })
    }

    /// A date, as TOML writes one or as text.
    fn date(&self, key: &str, value: &Value<'_>) -> Result<Date, ConfigError> {
        let text = match (value.get_ref().as_datetime(), value.get_ref().as_str()) {
            (Some(date), _) => date.to_string(),
            (None, Some(text)) => text.to_owned(),
            (None, None) => return Err(self.mistyped(key, "a date", value)),
        };
        text.parse().map_err(|error| self.error(value.span(), format!("`{key}`: {error}"), None))
    }

    /// A text that is not empty.
    fn text_of<'v>(&self, key: &str, value: &'v Value<'_>) -> Result<&'v str, ConfigError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.mistyped(key, "a text", value))?.trim();
        if text.is_empty() {
            Err(self.error(value.span(), format!("`{key}` is empty"), None))
        } else {
            Ok(text)
        }
    }

    fn flag(&self, key: &str, value: &Value<'_>) -> Result<bool, ConfigError> {
        value.get_ref().as_bool().ok_or_else(|| self.mistyped(key, "`true` or `false`", value))
    }

    fn number(&self, key: &str, value: &Value<'_>) -> Result<u64, ConfigError> {
        integer(value).ok_or_else(|| self.mistyped(key, "a whole number from 0", value))
    }

    fn array<'v, 't>(&self, key: &str, value: &'v Value<'t>) -> Result<Vec<&'v Value<'t>>, ConfigError> {
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(key, "a list", value))?;
        Ok(items.iter().collect())
    }

    fn table<'v, 't>(&self, key: &str, value: &'v Value<'t>) -> Result<&'v DeTable<'t>, ConfigError> {
        value.get_ref().as_table().ok_or_else(|| self.mistyped(key, "a table", value))
    }

    fn mistyped(&self, key: &str, expected: &str, value: &Value<'_>) -> ConfigError {
        let found = a(value.get_ref().type_str());
        // A negative number is an integer all the same.
        let but = if value.get_ref().is_integer() && expected.contains("number") {
            String::new()
        } else {
            format!(", not {found}")
        };
        let message = format!("`{key}` must be {expected}{but}");
        self.error(value.span(), message, None)
    }

    fn unknown<const N: usize>(&self, key: &Key<'_>, prefix: &str, known: [&str; N]) -> ConfigError {
        let name: &str = key.get_ref();
        let hint = if prefix.is_empty() && name == "tool" {
            "outside `pyproject.toml` the settings stand at the top, without `[tool.weighbridge]`".to_owned()
        } else {
            let all = || format!("there are {}", known.map(|word| format!("`{word}`")).join(", "));
            nearest(name, known).map_or_else(all, meant)
        };
        self.error(key.span(), format!("there is no setting `{prefix}{name}`"), Some(hint))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> ConfigError {
        // A message of the parser may have several lines; the first says what is wrong.
        let message = message.into().lines().next().unwrap_or_default().to_owned();
        ConfigError { file: self.file.to_owned(), line: self.line(span.start), message, hint }
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

fn meant(word: &str) -> String {
    format!("did you mean `{word}`?")
}

fn is_condition(key: &str) -> bool {
    matches!(key, "digest" | "finding" | "package" | "path" | "rule")
}

fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn integer(value: &Value<'_>) -> Option<u64> {
    let integer = value.get_ref().as_integer()?;
    u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

/// Keys and values in the order of the file, so that the first error is the first in the file.
fn in_order<'v, 't>(table: &'v DeTable<'t>) -> Vec<(&'v Key<'t>, &'v Value<'t>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
