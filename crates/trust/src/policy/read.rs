//! Reads the file. A word that is not understood is an error that points at its line: a policy that is silently not applied
//! is worse than none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{
    Anchor, Certificates, Evidence, Kind, LARGEST, MOST_ANCHORS, MOST_RULES, NamePattern, PlacePattern,
    Policy, PolicyError, Requirement, Rule, Text, Unsigned,
};
use crate::attest::Type;
use crate::digests::{Algorithm, Bytes};

const KEYS: [&str; 3] = ["anchor", "rule", "version"];
const RULE_KEYS: [&str; 3] = ["match", "require", "unsigned"];
const REQUIREMENT_KEYS: [&str; 7] =
    ["by", "by-role", "max-age", "predicate-type", "threshold", "type", "verdict"];
/// The keys of every anchor.
const ANCHOR_KEYS: [&str; 3] = ["id", "kind", "role"];
/// The kinds of anchors, and the keys that each has beside.
const KINDS: [(&str, &[&str]); 5] = [
    ("cosign-key", &["key"]),
    ("public-key", &["key"]),
    ("sigstore", &["identity", "issuer", "trusted-root"]),
    ("x509-ca", CERTIFICATE_KEYS),
    ("x509-leaf", CERTIFICATE_KEYS),
];
const CERTIFICATE_KEYS: &[&str] = &["certificates", "san", "spki-sha256"];

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;
type Read<T> = Result<T, PolicyError>;

impl Policy {
    /// Reads a policy; `file` is what errors call it.
    ///
    /// # Errors
    /// The first thing that is not understood.
    pub fn read(text: &str, file: &str) -> Result<Self, PolicyError> {
        let lines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let reader = Reader { file, lines };
        if text.len() > LARGEST {
            return Err(reader.error(0..0, format!("the file is larger than {LARGEST} bytes"), None));
        }
        let document = DeTable::parse(text)
            .map_err(|error| reader.error(error.span().unwrap_or_default(), error.message(), None))?;
        reader.policy(document.get_ref())
    }
}

/// A rule as it stands in the file, and the roles that each of its requirements names.
struct Drafted {
    rule: Rule,
    roles: Vec<Vec<String>>,
}

/// What it takes to say where something stands.
struct Reader<'a> {
    file: &'a str,
    /// Where lines end.
    lines: Vec<usize>,
}

impl Reader<'_> {
    fn policy(&self, table: &DeTable<'_>) -> Read<Policy> {
        let (mut version, mut anchors, mut rules) = (false, Vec::new(), Vec::new());
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "anchor" => anchors = self.tables("anchor", MOST_ANCHORS, value, Self::anchor)?,
                "rule" => rules = self.tables("rule", MOST_RULES, value, Self::rule)?,
                "version" if integer(value) == Some(1) => version = true,
                "version" => {
                    let message = "the version of this policy is not one that is known: `1`";
                    return Err(self.error(value.span(), message, None));
                }
                _ => return Err(self.unknown(key, "", &KEYS)),
            }
        }
        if !version {
            return Err(self.error(
                0..0,
                "the policy does not say its version",
                Some("begin with `version = 1`".to_owned()),
            ));
        }
        let rules = rules.into_iter().map(|drafted| self.named(drafted, &anchors)).collect::<Read<_>>()?;
        let policy = Policy { file: self.file.to_owned(), anchors, rules };
        self.check(&policy)?;
        Ok(policy)
    }

    /// What holds between the parts.
    fn check(&self, policy: &Policy) -> Read<()> {
        let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
        for anchor in &policy.anchors {
            if let Some(line) = ids.insert(&anchor.id, anchor.line) {
                let message = format!("the anchor `{}` is there already, on line {line}", anchor.id);
                return Err(self.at(anchor.line, message, None));
            }
        }
        let mut meanings: BTreeMap<Vec<String>, Vec<&Rule>> = BTreeMap::new();
        for rule in &policy.rules {
            let equals = meanings.entry(rule.matches.meaning()).or_default();
            let same = equals.iter().find(|other| rule.matches.longer(&other.matches) == Ordering::Equal);
            if let Some(other) = same {
                let message =
                    format!("the rule on line {} matches the same as `{}`", other.line, rule.matches);
                return Err(self.at(rule.line, message, Some("make one rule of both".to_owned())));
            }
            equals.push(rule);
            for requirement in &rule.require {
                if let Some(id) = requirement.by.iter().find(|id| !ids.contains_key(id.as_str())) {
                    let known: Vec<&str> = ids.keys().take(8).copied().collect();
                    let hint = if known.is_empty() { None } else { Some(there_are(&known)) };
                    return Err(self.at(requirement.line, format!("there is no anchor `{id}`"), hint));
                }
            }
        }
        Ok(())
    }

    /// A rule in which every requirement names anchors in place of roles.
    fn named(&self, drafted: Drafted, anchors: &[Anchor]) -> Read<Rule> {
        let Drafted { mut rule, roles } = drafted;
        for (requirement, roles) in rule.require.iter_mut().zip(roles) {
            for role in roles {
                let of_role = anchors.iter().filter(|anchor| anchor.role.as_ref() == Some(&role));
                let ids: Vec<&String> = of_role.map(|anchor| &anchor.id).collect();
                if ids.is_empty() {
                    let known: BTreeSet<&str> = anchors.iter().filter_map(|it| it.role.as_deref()).collect();
                    let known: Vec<&str> = known.into_iter().take(8).collect();
                    let hint = if known.is_empty() { None } else { Some(there_are(&known)) };
                    return Err(self.at(requirement.line, format!("no anchor has the role `{role}`"), hint));
                }
                for id in ids {
                    if !requirement.by.contains(id) {
                        requirement.by.push(id.clone());
                    }
                }
            }
            let (threshold, count) = (requirement.threshold, requirement.by.len());
            if threshold > count {
                let message =
                    format!("`threshold` is {threshold}, and {count} may sign: it can never be met");
                return Err(self.at(requirement.line, message, None));
            }
        }
        Ok(rule)
    }

    fn anchor(&self, table: &DeTable<'_>, span: Range<usize>) -> Read<Anchor> {
        let line = self.line(span.start);
        let (Some(id), Some(kind)) = (table.get("id"), table.get("kind")) else {
            let missing = if table.contains_key("id") { "kind" } else { "id" };
            let hint = there_are(&KINDS.map(|(word, _)| word));
            return Err(self.error(
                span,
                format!("this anchor has no `{missing}`"),
                (missing == "kind").then_some(hint),
            ));
        };
        let name = self.word("id", id)?;
        let role = table.get("role").map(|role| self.word("role", role).map(str::to_owned)).transpose()?;
        let word = self.text("kind", kind)?;
        let Some((word, own)) = KINDS.into_iter().find(|(known, _)| *known == word) else {
            let hint = there_are(&KINDS.map(|(word, _)| word));
            return Err(self.error(kind.span(), format!("there is no kind `{word}`"), Some(hint)));
        };
        for (key, _) in in_order(table) {
            let name: &str = key.get_ref();
            if ANCHOR_KEYS.contains(&name) || own.contains(&name) {
                continue;
            }
            let all: Vec<&str> = ANCHOR_KEYS.into_iter().chain(own.iter().copied()).collect();
            let elsewhere = KINDS.iter().any(|(_, keys)| keys.contains(&name));
            let message = format!("an anchor of kind `{word}` has no `{name}`");
            return if elsewhere {
                Err(self.error(key.span(), message, Some(there_are(&all))))
            } else {
                Err(self.unknown(key, "anchor.", &all))
            };
        }
        let needed = |key: &str| {
            table.get(key).ok_or_else(|| {
                self.error(span.clone(), format!("the anchor `{name}` of kind `{word}` has no `{key}`"), None)
            })
        };
        let kind = match word {
            "sigstore" => {
                let (issuer, identity) = (needed("issuer")?, needed("identity")?);
                let issuer_text = self.text("issuer", issuer)?;
                if issuer_text.contains('*') {
                    let message = "`issuer` is one address, to the last letter: it has no `*`";
                    return Err(self.error(issuer.span(), message, None));
                }
                let read = NamePattern::identity(self.text("identity", identity)?);
                Kind::Sigstore {
                    issuer: issuer_text.to_owned(),
                    identity: read.map_err(|message| self.error(identity.span(), message, None))?,
                    trusted_root: table
                        .get("trusted-root")
                        .map(|root| self.placed("trusted-root", root))
                        .transpose()?,
                }
            }
            "x509-ca" => Kind::Authority(self.certificates(table, needed("certificates")?)?),
            "x509-leaf" => Kind::Leaf(self.certificates(table, needed("certificates")?)?),
            word => Kind::Key { word, key: self.placed("key", needed("key")?)? },
        };
        Ok(Anchor { id: name.to_owned(), line, role, kind })
    }

    fn certificates(&self, table: &DeTable<'_>, files: &Value<'_>) -> Read<Certificates> {
        let list = |key: &str| match table.get(key) {
            Some(value) => self.list(key, value),
            None => Ok(Vec::new()),
        };
        let mut certificates = Certificates { files: Vec::new(), keys: Vec::new(), names: Vec::new() };
        for file in self.list("certificates", files)? {
            certificates.files.push(self.placed("certificates", file)?);
        }
        for digest in list("spki-sha256")? {
            let text = self.text("spki-sha256", digest)?.to_ascii_lowercase();
            let bytes = Bytes::of_text(&text, Algorithm::Sha256.length());
            certificates.keys.push(bytes.ok_or_else(|| {
                self.error(digest.span(), "`spki-sha256` holds SHA-256 in 64 hexadecimal digits", None)
            })?);
        }
        for name in list("san")? {
            let pattern = NamePattern::alternative_name(self.text("san", name)?);
            certificates.names.push(pattern.map_err(|message| self.error(name.span(), message, None))?);
        }
        Ok(certificates)
    }

    fn rule(&self, table: &DeTable<'_>, span: Range<usize>) -> Read<Drafted> {
        let line = self.line(span.start);
        let (mut matches, mut require, mut unsigned) = (None, Vec::new(), Unsigned::Refuse);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "match" => {
                    let pattern = PlacePattern::new(self.text("match", value)?);
                    matches =
                        Some(pattern.map_err(|message| {
                            self.error(value.span(), format!("`match`: {message}"), None)
                        })?);
                }
                "require" => require = self.requirements(value)?,
                "unsigned" => {
                    let text = self.text("unsigned", value)?;
                    unsigned = Unsigned::ALL.into_iter().find(|it| it.word() == text).ok_or_else(|| {
                        let hint = there_are(&Unsigned::ALL.map(Unsigned::word));
                        let message = format!("`unsigned` cannot be `{text}`");
                        self.error(value.span(), message, Some(hint))
                    })?;
                }
                _ => return Err(self.unknown(key, "rule.", &RULE_KEYS)),
            }
        }
        let (require, roles): (Vec<Requirement>, Vec<Vec<String>>) = require.into_iter().unzip();
        let Some(matches) = matches else {
            let hint = "write `match = \"models/**\"`".to_owned();
            return Err(self.error(span, "this rule does not say what it matches", Some(hint)));
        };
        if require.is_empty() {
            let message = format!("the rule for `{matches}` does not say who may vouch");
            let hint = "write `require = [{ type = \"oms\", by = [\"…\"] }]`, with ids of anchors".to_owned();
            return Err(self.error(span, message, Some(hint)));
        }
        Ok(Drafted { rule: Rule { matches, line, require, unsigned }, roles })
    }

    fn requirements(&self, value: &Value<'_>) -> Read<Vec<(Requirement, Vec<String>)>> {
        let mut requirements = Vec::new();
        for item in self.list("require", value)? {
            let Some(table) = item.get_ref().as_table() else {
                return Err(self.mistyped("require", "a list of tables", item));
            };
            requirements.push(self.requirement(table, item.span())?);
        }
        Ok(requirements)
    }

    /// A requirement, and the roles that it names.
    fn requirement(&self, table: &DeTable<'_>, span: Range<usize>) -> Read<(Requirement, Vec<String>)> {
        let line = self.line(span.start);
        let (mut evidence, mut by, mut roles, mut threshold) = (None, Vec::new(), Vec::new(), None);
        let (mut max_age, mut predicate_type, mut verdict) = (None, None, None);
        for (key, value) in in_order(table) {
            match key.get_ref().as_ref() {
                "by" => by = self.names("by", value)?,
                "by-role" => roles = self.names("by-role", value)?,
                "predicate-type" => {
                    predicate_type = Some((self.text("predicate-type", value)?.to_owned(), value.span()));
                }
                "verdict" => {
                    let passed = match self.text("verdict", value)? {
                        "any" => false,
                        "pass" => true,
                        text => {
                            let message = format!("`verdict` cannot be `{text}`");
                            return Err(self.error(value.span(), message, Some(there_are(&["any", "pass"]))));
                        }
                    };
                    verdict = Some((passed, value.span()));
                }
                "max-age" => {
                    let text = self.text("max-age", value)?;
                    max_age = Some(seconds(text).ok_or_else(|| {
                        let hint = "write days or hours, such as `400d` or `12h`".to_owned();
                        self.error(value.span(), format!("`max-age` cannot be `{text}`"), Some(hint))
                    })?);
                }
                "threshold" => {
                    let number = integer(value).and_then(|number| usize::try_from(number).ok());
                    let number = number.filter(|number| *number > 0);
                    let number =
                        number.ok_or_else(|| self.mistyped("threshold", "a whole number from 1", value))?;
                    threshold = Some((number, value.span()));
                }
                "type" => {
                    let text = self.text("type", value)?;
                    evidence = Some(Evidence::of_word(text).ok_or_else(|| {
                        let hint = there_are(&Evidence::words());
                        self.error(value.span(), format!("there is no type `{text}`"), Some(hint))
                    })?);
                }
                _ => return Err(self.unknown(key, "require.", &REQUIREMENT_KEYS)),
            }
        }
        let Some(evidence) = evidence else {
            let hint = "write `type = \"oms\"`".to_owned();
            return Err(self.error(span, "this requirement does not say its type", Some(hint)));
        };
        if by.is_empty() && roles.is_empty() {
            let hint = "write `by = [\"…\"]`, with ids of anchors, or `by-role`, with their roles".to_owned();
            return Err(self.error(span, "this requirement does not say by whom", Some(hint)));
        }
        let predicate_type = match (evidence, predicate_type) {
            (Evidence::Claim(Type::Custom), None) => {
                let hint = "write `predicate-type = \"https://…\"`".to_owned();
                let message = "a requirement of type `custom` does not say which predicate";
                return Err(self.error(span, message, Some(hint)));
            }
            (Evidence::Claim(_), Some((text, _))) => Some(text),
            (evidence, Some((_, span))) => {
                let message = format!("a requirement of type `{}` has no `predicate-type`", evidence.word());
                return Err(self.error(span, message, None));
            }
            (_, None) => None,
        };
        let has_outcome = matches!(evidence, Evidence::Claim(kind) if kind.has_outcome());
        let passed = match verdict {
            Some((_, span)) if !has_outcome => {
                let message = format!("a requirement of type `{}` has no `verdict`", evidence.word());
                return Err(self.error(span, message, None));
            }
            Some((passed, _)) => passed,
            None => true,
        };
        let threshold = match threshold {
            // Of roles it is not known yet how many have them.
            Some((number, span)) if number > by.len() && roles.is_empty() => {
                let message =
                    format!("`threshold` is {number}, and `by` names {}: it can never be met", by.len());
                return Err(self.error(span, message, None));
            }
            Some((number, _)) => number,
            None => 1,
        };
        Ok((Requirement { line, evidence, by, threshold, max_age, predicate_type, passed }, roles))
    }

    /// A list of names, each once.
    fn names(&self, key: &str, value: &Value<'_>) -> Read<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for item in self.list(key, value)? {
            let name = self.text(key, item)?;
            if names.iter().any(|other| other == name) {
                return Err(self.error(item.span(), format!("`{key}` names `{name}` twice"), None));
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// The id or the role of an anchor.
    fn word<'v>(&self, key: &str, value: &'v Value<'_>) -> Read<&'v str> {
        let name = self.text(key, value)?;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.len() > 64 || !name.chars().all(plain) {
            let article = if key == "id" { "an" } else { "a" };
            let message = format!("{article} `{key}` is at most 64 letters, digits, `-`, `_` and `.`");
            return Err(self.error(value.span(), message, None));
        }
        Ok(name)
    }

    /// The tables below `[[key]]`.
    fn tables<T>(
        &self,
        key: &str,
        most: usize,
        value: &Value<'_>,
        read: impl Fn(&Self, &DeTable<'_>, Range<usize>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let hint = format!("write each {key} below its own line `[[{key}]]`");
        let Some(items) = value.get_ref().as_array() else {
            let message = format!("`{key}` is not a list of tables");
            return Err(self.error(value.span(), message, Some(hint)));
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            if tables.len() == most {
                return Err(self.error(
                    item.span(),
                    format!("there are more than {most} tables `{key}`"),
                    None,
                ));
            }
            match item.get_ref().as_table() {
                Some(table) => tables.push(read(self, table, item.span())?),
                None => return Err(self.error(item.span(), format!("each {key} is a table"), Some(hint))),
            }
        }
        Ok(tables)
    }

    fn placed(&self, key: &str, value: &Value<'_>) -> Read<Text> {
        Ok(Text { line: self.line(value.span().start), text: self.text(key, value)?.to_owned() })
    }

    /// A text that is not empty.
    fn text<'v>(&self, key: &str, value: &'v Value<'_>) -> Read<&'v str> {
        let text = value.get_ref().as_str().ok_or_else(|| self.mistyped(key, "a text", value))?.trim();
        if text.is_empty() {
            Err(self.error(value.span(), format!("`{key}` is empty"), None))
        } else {
            Ok(text)
        }
    }

    /// A list that is not empty.
    fn list<'v, 't>(&self, key: &str, value: &'v Value<'t>) -> Read<Vec<&'v Value<'t>>> {
        let items = value.get_ref().as_array().ok_or_else(|| self.mistyped(key, "a list", value))?;
        if items.is_empty() {
            return Err(self.error(value.span(), format!("`{key}` is empty"), None));
        }
        Ok(items.iter().collect())
    }

    fn mistyped(&self, key: &str, expected: &str, value: &Value<'_>) -> PolicyError {
        self.error(value.span(), format!("`{key}` must be {expected}"), None)
    }

    fn unknown(&self, key: &Key<'_>, prefix: &str, known: &[&str]) -> PolicyError {
        let message = format!("there is no setting `{prefix}{}`", key.get_ref());
        self.error(key.span(), message, Some(there_are(known)))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> PolicyError {
        self.at(self.line(span.start), message, hint)
    }

    fn at(&self, line: usize, message: impl Into<String>, hint: Option<String>) -> PolicyError {
        // A message of the parser may have several lines; the first says what is wrong.
        let message = message.into().lines().next().unwrap_or_default().to_owned();
        PolicyError { file: self.file.to_owned(), line, message, hint }
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|end| *end < offset).saturating_add(1)
    }
}

/// A number of days or hours (`400d`, `12h`) in seconds; none if it is none.
pub fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(number), _) => (number, 86_400),
        (None, Some(number)) => (number, 3600),
        (None, None) => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|number| is_number && *number > 0)?;
    number.checked_mul(unit)
}

fn there_are(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("there {} {}", if words.len() == 1 { "is" } else { "are" }, words.join(", "))
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
