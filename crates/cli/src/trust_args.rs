//! What was typed for `trust`, and what `verify` takes of trust policies. The comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use weighbridge_trust::policy::Evidence;

/// What to do with the trust policy.
#[derive(Subcommand, Debug)]
pub enum Trust {
    /// Write a first policy, with explanations.
    Init {
        /// The file to write.
        #[arg(value_name = "FILE", default_value = weighbridge_trust::policy::FILE)]
        file: PathBuf,
    },
    /// Add an anchor or a rule at the end of the policy; what is there stays as it is.
    #[command(subcommand)]
    Add(Add),
    /// Print anchors and rules.
    List {
        /// Which policy.
        #[command(flatten)]
        policy: PolicyFile,
    },
    /// Read the policy and all files that it names, and tell what is wrong.
    #[command(
        after_help = "Exit codes: 0 nothing is wrong · 1 something is · 2 usage, or a policy that cannot be read"
    )]
    Check {
        /// Models, to tell which rule each would meet.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Which policy.
        #[command(flatten)]
        policy: PolicyFile,
    },
}

/// What to add.
#[derive(Subcommand, Debug)]
pub enum Add {
    /// Somebody whose signatures are believed.
    Anchor(Box<AddAnchor>),
    /// What is asked of which models.
    Rule(AddRule),
}

/// Which policy.
#[derive(Args, Clone, Debug)]
pub struct PolicyFile {
    /// The policy [default: the nearest `weighbridge-trust.toml` in the folder that you stand in or above it].
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
}

/// Options of `trust add anchor`.
#[derive(Args, Debug)]
pub struct AddAnchor {
    /// The name by which rules call it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How it is known.
    #[arg(long, value_enum)]
    pub kind: AnchorKind,
    /// The role that he has, by which rules may name him.
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// File with the public key (PEM).
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// File with certificates (PEM); may be given several times.
    #[arg(long, value_name = "FILE")]
    pub certificates: Vec<PathBuf>,
    /// SHA-256 of the public key that these certificates may have; may be given several times.
    #[arg(long, value_name = "DIGEST")]
    pub spki_sha256: Vec<String>,
    /// Name that the certificate that signs must bear, such as `*.vendor.example`; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub san: Vec<String>,
    /// The identity provider of Sigstore.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The identity, as Sigstore names it; a `*` in it crosses no `/`, no `@` and no host.
    #[arg(long, value_name = "PATTERN")]
    pub identity: Option<String>,
    /// Roots of a Sigstore instance (`trusted_root.json`).
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// Which policy.
    #[command(flatten)]
    pub policy: PolicyFile,
}

/// How an anchor is known.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnchorKind {
    /// By a public key.
    PublicKey,
    /// By the public key of cosign.
    CosignKey,
    /// By certificates below an authority.
    X509Ca,
    /// By exactly one certificate.
    X509Leaf,
    /// By an identity of Sigstore.
    Sigstore,
}

impl AnchorKind {
    /// The word for it in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::PublicKey => "public-key",
            Self::CosignKey => "cosign-key",
            Self::X509Ca => "x509-ca",
            Self::X509Leaf => "x509-leaf",
            Self::Sigstore => "sigstore",
        }
    }
}

/// Options of `trust add rule`.
#[derive(Args, Debug)]
pub struct AddRule {
    /// Which models: a path as it lies below the folder of the policy, or a source, such as `models/prod/**` or `hf://org/**`.
    #[arg(value_name = "PATTERN")]
    pub matches: String,
    /// What must be signed: `oms` (the files), `pep740`, or a type of attestation, such as `scan` [default: oms].
    #[arg(long = "type", value_name = "TYPE", value_parser = crate::signing_args::evidence)]
    pub kind: Option<Evidence>,
    /// Type of the predicate, for `--type custom`.
    #[arg(long, value_name = "URI", requires = "kind")]
    pub predicate_type: Option<String>,
    /// The anchors that count.
    #[arg(long, value_name = "ID", value_delimiter = ',', required_unless_present = "by_role")]
    pub by: Vec<String>,
    /// The roles whose anchors count.
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    pub by_role: Vec<String>,
    /// How many of them must have signed [default: 1].
    #[arg(long, value_name = "N")]
    pub threshold: Option<usize>,
    /// How old the signatures may be, such as `400d`.
    #[arg(long, value_name = "AGE")]
    pub max_age: Option<String>,
    /// Whether a scan or an evaluation counts only if it passed: `pass` or `any` [default: pass].
    #[arg(long, value_name = "WHICH", requires = "kind")]
    pub verdict: Option<String>,
    /// What becomes of a model without any signature: `refuse`, `warn` or `pin` [default: refuse].
    #[arg(long, value_name = "WHAT")]
    pub unsigned: Option<String>,
    /// Which policy.
    #[command(flatten)]
    pub policy: PolicyFile,
}

/// What `verify` takes of trust policies.
#[derive(Args, Clone, Debug)]
pub struct ByPolicy {
    /// Believe those whom the rules of this trust policy name [default, where nothing else says whom to believe: the nearest
    /// `weighbridge-trust.toml` in the folder that you stand in or above it, if the model lies below].
    #[arg(long, value_name = "FILE", group = "whom")]
    pub trust: Option<PathBuf>,
    /// Where the model came from, such as `hf://org/name`, for rules about sources. You say so: nothing proves it.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Refuse a model of which no rule of the policy speaks.
    #[arg(long)]
    pub strict: bool,
}
