//! Writes policies: a first one, and further anchors and rules at the end of one that is there.

use std::fmt::Write as _;

use super::{Evidence, Policy, PolicyError};

/// A policy that asks nothing yet, with explanations.
pub const TEMPLATE: &str = r#"# Who may vouch for which model. `weighbridge verify` reads this file, `weighbridge trust check` tells what is
# wrong with it. Names of files are relative to its folder. Whoever can change this file decides what is trusted.
version = 1

# Anchors: whose signatures are believed.
#
# [[anchor]]
# id = "team"
# kind = "public-key"                       # or "cosign-key"
# role = "trainer"                          # rules may name those who have it: by-role = ["trainer"]
# key = "keys/team.pub"                     # a file, or the PEM itself between three quotes
#
# [[anchor]]
# id = "vendor"
# kind = "x509-ca"                          # "x509-leaf" trusts the named certificates alone
# certificates = ["pki/vendor-root.pem"]
# san = ["*.vendor.example"]                # the certificate that signs must bear one of these names
# spki-sha256 = ["…"]                       # the trusted certificates must have one of these keys
#
# [[anchor]]
# id = "release"
# kind = "sigstore"
# issuer = "https://issuer.example"         # to the last letter
# identity = "https://git.example/org/models/release.yml@refs/tags/v*"   # `*` crosses no `/`, no `@` and no host
# trusted-root = "pki/trusted_root.json"    # without it, the roots of the public instance

# Rules: what is asked of which model. The longest pattern wins, whatever the order.
#
# [[rule]]
# match = "models/**"                       # below this folder; `hf://org/**` for models from there
# require = [{ type = "oms", by = ["team", "vendor"], threshold = 1 }]
# unsigned = "refuse"                       # or "warn", or "pin", which leaves it to `weighbridge.lock`
# Attestations are asked for in the same list, all of which must be met, such as a scan of this week that passed:
# `{ type = "scan", by = ["scanner"], max-age = "7d" }`.
"#;

/// An anchor to add.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NewAnchor {
    /// Its id.
    pub id: String,
    /// Its role.
    pub role: Option<String>,
    /// The word for its kind.
    pub kind: String,
    /// File of the key.
    pub key: Option<String>,
    /// Files of certificates.
    pub certificates: Vec<String>,
    /// Digests of keys.
    pub keys: Vec<String>,
    /// Patterns of names.
    pub names: Vec<String>,
    /// Identity provider.
    pub issuer: Option<String>,
    /// Pattern of the identity.
    pub identity: Option<String>,
    /// File of roots.
    pub trusted_root: Option<String>,
}

/// A rule to add.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NewRule {
    /// The pattern.
    pub matches: String,
    /// What must be signed, if not the files.
    pub evidence: Option<String>,
    /// The type of the predicate of a claim.
    pub predicate_type: Option<String>,
    /// Ids of anchors.
    pub by: Vec<String>,
    /// Roles of anchors.
    pub by_role: Vec<String>,
    /// How many must have signed, if not one.
    pub threshold: Option<usize>,
    /// How old the signatures may be.
    pub max_age: Option<String>,
    /// Which verdicts of a claim count, if not only a pass.
    pub verdict: Option<String>,
    /// What becomes of a model without signature, if it is not refused.
    pub unsigned: Option<String>,
}

/// Why something cannot be added.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddError {
    /// The policy is not one already.
    #[error(transparent)]
    Before(PolicyError),
    /// With the addition it would not be one.
    #[error("{}", .0.message)]
    After(PolicyError),
    /// The addition would change what is there.
    #[error("what is there would be read in another way with this below it")]
    Disturbed,
}

impl NewAnchor {
    /// The table of it.
    pub fn to_toml(&self) -> String {
        let mut text = String::from("[[anchor]]\n");
        line(&mut text, "id", &quoted(&self.id));
        line(&mut text, "kind", &quoted(&self.kind));
        let single = [
            ("role", &self.role),
            ("key", &self.key),
            ("issuer", &self.issuer),
            ("identity", &self.identity),
            ("trusted-root", &self.trusted_root),
        ];
        for (key, value) in single {
            if let Some(value) = value {
                line(&mut text, key, &quoted(value));
            }
        }
        let lists = [("certificates", &self.certificates), ("spki-sha256", &self.keys), ("san", &self.names)];
        for (key, values) in lists {
            if !values.is_empty() {
                line(&mut text, key, &list(values));
            }
        }
        text
    }
}

impl NewRule {
    /// The table of it.
    pub fn to_toml(&self) -> String {
        let evidence = self.evidence.as_deref().unwrap_or(Evidence::Oms.word());
        let mut requirement = format!("{{ type = {}", quoted(evidence));
        // Writing to a string cannot fail.
        if let Some(predicate_type) = &self.predicate_type {
            let _ = write!(requirement, ", predicate-type = {}", quoted(predicate_type));
        }
        for (key, names) in [("by", &self.by), ("by-role", &self.by_role)] {
            if !names.is_empty() {
                let _ = write!(requirement, ", {key} = {}", list(names));
            }
        }
        if let Some(threshold) = self.threshold {
            let _ = write!(requirement, ", threshold = {threshold}");
        }
        if let Some(age) = &self.max_age {
            let _ = write!(requirement, ", max-age = {}", quoted(age));
        }
        if let Some(verdict) = &self.verdict {
            let _ = write!(requirement, ", verdict = {}", quoted(verdict));
        }
        let mut text = String::from("[[rule]]\n");
        line(&mut text, "match", &quoted(&self.matches));
        line(&mut text, "require", &format!("[{requirement} }}]"));
        if let Some(unsigned) = &self.unsigned {
            line(&mut text, "unsigned", &quoted(unsigned));
        }
        text
    }
}

/// The text of a policy with a table below it. All that was there stays as it is, to the last byte; that it still means the same
/// is seen by reading it again.
///
/// # Errors
/// [`AddError`].
pub fn add(text: &str, table: &str, file: &str) -> Result<(String, Policy), AddError> {
    let before = Policy::read(text, file).map_err(AddError::Before)?;
    let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let longer = format!("{text}{gap}{table}");
    let after = Policy::read(&longer, file).map_err(AddError::After)?;
    let is_same = after.anchors.starts_with(&before.anchors) && after.rules.starts_with(&before.rules);
    let count = |policy: &Policy| policy.anchors.len().saturating_add(policy.rules.len());
    if !is_same || count(&after) != count(&before).saturating_add(1) {
        return Err(AddError::Disturbed);
    }
    Ok((longer, after))
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

/// A basic string (TOML v1.0, section "String").
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}
