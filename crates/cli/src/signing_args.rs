//! What was typed for the commands around signatures. The comments are the help texts.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use weighbridge_trust::Curve;
use weighbridge_trust::attest::Type;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::policy::{self, Evidence};

use crate::args::ListFormat;
use crate::trust_args::ByPolicy;

/// What to do with keys.
#[derive(Subcommand, Debug)]
pub enum Key {
    /// Make a new key: `FILE`, which only you may read, and `FILE.pub` for everybody.
    Generate(Generate),
    /// Print the public key that belongs to a private key, or to the certificate that signs.
    Export(Export),
    /// Take over a private key of OpenSSL or cosign.
    Import(Import),
}

/// Options of `key generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// The file to write; `.pub` is added for the public key.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The curve.
    #[arg(long, value_enum, default_value = "p256")]
    pub curve: CurveName,
    /// How the new key is encrypted.
    #[command(flatten)]
    pub password: Password,
}

/// Options of `key export`.
#[derive(Args, Debug)]
pub struct Export {
    /// A private key, or certificates in PEM form.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How the key is encrypted.
    #[command(flatten)]
    pub password: Password,
}

/// Options of `key import`.
#[derive(Args, Debug)]
pub struct Import {
    /// A private key in PEM form: PKCS #8 or SEC 1, encrypted or not, or a key file of cosign.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file to write; `.pub` is added for the public key.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// How the key is encrypted, before and after.
    #[command(flatten)]
    pub password: Password,
}

/// The password of a key. Without one here, `WEIGHBRIDGE_KEY_PASSWORD` is taken where it is set.
#[derive(Args, Clone, Default, Debug)]
pub struct Password {
    /// File whose first line is the password of the key [default: what `WEIGHBRIDGE_KEY_PASSWORD` holds].
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// A curve by its name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CurveName {
    /// P-256, with SHA-256.
    P256,
    /// P-384, with SHA-384.
    P384,
    /// P-521, with SHA-512.
    P521,
}

impl From<CurveName> for Curve {
    fn from(name: CurveName) -> Self {
        match name {
            CurveName::P256 => Self::P256,
            CurveName::P384 => Self::P384,
            CurveName::P521 => Self::P521,
        }
    }
}

/// Who signs.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("hand").required(true))]
pub struct By {
    /// Private key in PEM form.
    #[arg(long, value_name = "FILE", group = "hand")]
    pub key: Option<PathBuf>,
    /// How the key is encrypted.
    #[command(flatten)]
    pub password: Password,
    /// Program that signs in place of a key: it gets the bytes to sign on standard input and writes the signature (ECDSA in
    /// DER) to standard output.
    #[arg(long, value_name = "COMMAND", group = "hand")]
    pub signer: Option<String>,
    /// Key in a device, by its URI (RFC 7512), such as `pkcs11:token=models;object=release`. Its PIN is what the URI, `--password-file`
    /// or `WEIGHBRIDGE_KEY_PASSWORD` says, else it is asked for.
    #[arg(long, value_name = "URI", group = "hand")]
    pub pkcs11: Option<String>,
    /// Public key of that program or device, in PEM form.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate_chain", "key", "keyless"])]
    pub public_key: Option<PathBuf>,
    /// Certificates in PEM form, the one of the signing key first; may be given several times.
    #[arg(long, value_name = "FILE", conflicts_with = "keyless")]
    pub certificate_chain: Vec<PathBuf>,
    /// Sign with Sigstore as the identity of a token. This goes over the network: Sigstore gets the token and what is signed, and its
    /// log shows the identity to everybody.
    #[arg(long, group = "hand")]
    pub keyless: bool,
    /// File with the identity token [default: what `WEIGHBRIDGE_IDENTITY_TOKEN` holds].
    #[arg(long, value_name = "FILE", requires = "keyless")]
    pub identity_token: Option<PathBuf>,
    /// Take the token that the machine which builds has for its job: of GitHub Actions, or `SIGSTORE_ID_TOKEN`.
    #[arg(long, requires = "keyless", conflicts_with = "identity_token")]
    pub ambient_token: bool,
    /// Which instance of Sigstore: its client trust configuration in JSON [default: the public one, as of this release].
    #[arg(long, value_name = "FILE", requires = "keyless")]
    pub trust_config: Option<PathBuf>,
}

/// Options of `attest`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 attested · 1 not attested: the predicate lacks something, something in the model cannot be signed, or the signer \
failed · 2 usage. A scan is attested whatever it finds, and ends as `scan` does: 1 the policy fails · 4 incomplete · 3 nothing \
to weigh, and nothing attested")]
pub struct Attest {
    /// The model, data set or file that it is about: a folder, or a single file.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// What is attested.
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub kind: TypeName,
    /// JSON of the predicate, as its type defines it; for `scan`, without it, the scan is made now, as `scan` would with the same
    /// configuration.
    #[arg(long, value_name = "FILE", required_if_eq_any = [("kind", "custom"), ("kind", "dataset"), ("kind", "eval"),
          ("kind", "sbom"), ("kind", "slsa"), ("kind", "train")])]
    pub predicate: Option<PathBuf>,
    /// Type of the predicate, for `custom`.
    #[arg(long, value_name = "URI", required_if_eq("kind", "custom"))]
    pub predicate_type: Option<String>,
    /// Who signs.
    #[command(flatten)]
    pub by: By,
    /// The file to which the attestation is added [default: `claims.jsonl` in the folder, or the name of the file with
    /// `.claims.jsonl`].
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// Configuration of the scan, instead of looking for one.
    #[arg(long, value_name = "FILE", conflicts_with = "predicate")]
    pub config: Option<PathBuf>,
    /// Scan without a configuration.
    #[arg(long, conflicts_with_all = ["config", "predicate"])]
    pub no_config: bool,
    /// What is attested of.
    #[command(flatten)]
    pub reading: Reading,
}

/// What an attestation is about.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeName {
    /// How it was built: SLSA provenance.
    Slsa,
    /// What a scan found.
    Scan,
    /// What is in it: CycloneDX or SPDX.
    Sbom,
    /// What an evaluation gave: a test result of in-toto.
    Eval,
    /// How a data set was made: SLSA provenance with a build type of Weighbridge.
    Dataset,
    /// How a model was trained, tuned, merged or converted: SLSA provenance with a build type of Weighbridge.
    Train,
    /// Anything else, by `--predicate-type`.
    Custom,
}

impl From<TypeName> for Type {
    fn from(name: TypeName) -> Self {
        match name {
            TypeName::Slsa => Self::Slsa,
            TypeName::Scan => Self::Scan,
            TypeName::Sbom => Self::Sbom,
            TypeName::Eval => Self::Eval,
            TypeName::Dataset => Self::Dataset,
            TypeName::Train => Self::Train,
            TypeName::Custom => Self::Custom,
        }
    }
}

/// Options of `sign`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 signed · 1 not signed: something in the model cannot be, or the signer failed · 2 usage")]
pub struct Sign {
    /// The model: a folder, or a single file.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Who signs.
    #[command(flatten)]
    pub by: By,
    /// The file to write [default: `model.sig` in the folder, or the name of the file with `.sig`].
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// Sign the tensors and metadata instead of the files, and put the signature inside the files (safetensors, GGUF), so that it
    /// survives renaming and other shards.
    #[arg(long, conflicts_with_all = ["signature", "shards", "hash", "ignore_paths", "allow_symlinks"])]
    pub embed: bool,
    /// Hash the files in pieces of this many bytes, so that one large file keeps all processors busy. The reference
    /// implementation cannot verify this on its command line.
    #[arg(long, value_name = "BYTES", num_args = 0..=1, default_missing_value = "1000000000",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub shards: Option<u64>,
    /// The hash function. The reference implementation verifies only the default on its command line.
    #[arg(long, value_enum, default_value = "sha256")]
    pub hash: Hash,
    /// What is signed.
    #[command(flatten)]
    pub reading: Reading,
}

/// A hash function by its name.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// BLAKE2b with 512 bits.
    Blake2b,
    /// BLAKE3.
    Blake3,
}

impl From<Hash> for Algorithm {
    fn from(name: Hash) -> Self {
        match name {
            Hash::Sha256 => Self::Sha256,
            Hash::Blake2b => Self::Blake2b,
            Hash::Blake3 => Self::Blake3,
        }
    }
}

/// How the files of a model are read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// Leave out this path below the model, with all below it; may be given several times.
    #[arg(long, value_name = "PATH", num_args = 1)]
    pub ignore_paths: Vec<PathBuf>,
    /// Follow links to files, and take them for the files that they lead to.
    #[arg(long)]
    pub allow_symlinks: bool,
    /// Hash every file anew, instead of believing kept digests of files that did not change.
    #[arg(long)]
    pub no_cache: bool,
}

/// Options of `verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 verified · 1 verified bad: changed, missing or extra files, or a signature that does not hold · \
2 usage · 3 unsigned, or no rule speaks of it · 4 could not check: something could not be read")]
pub struct Verify {
    /// Models: folders or single files.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// The signature [default: `model.sig` in the folder, or the name of the file with `.sig`; under a trust policy every `*.sig`
    /// in the folder, and those beside the model that bear its name].
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// File with attestations [default: `claims.jsonl` in the folder, or the name of the file with `.claims.jsonl`].
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// What must be signed or attested by whom you believe: `oms` (the files), `pep740`, or a type of attestation, such as `scan`,
    /// which must have passed; may be given several times. A trust policy says so itself [default: `oms`; for a file that only
    /// has attestations of a Python index beside it `pep740`].
    #[arg(long, value_name = "TYPE", value_parser = evidence, conflicts_with_all = ["trust", "embedded"])]
    pub require: Vec<Evidence>,
    /// Type of the predicate that `--require custom` means.
    #[arg(long, value_name = "URI", requires = "require")]
    pub predicate_type: Option<String>,
    /// How old what is asked for with `--require` may be, such as `7d` or `12h`.
    #[arg(long, value_name = "AGE", requires = "require", value_parser = age)]
    pub max_age: Option<i64>,
    /// Verify the signature inside the model, over its tensors, even where there is another one
    /// [default: only where there is no other]. Never under a trust policy, which asks for signatures over files.
    #[arg(long, conflicts_with = "signature")]
    pub embedded: bool,
    /// Believe the holder of this public key (PEM).
    #[arg(long, value_name = "FILE", group = "whom")]
    pub public_key: Option<PathBuf>,
    /// Believe whoever has a certificate for signing code below one of these (PEM); may be given several times.
    #[arg(long, value_name = "FILE", group = "whom")]
    pub certificate_chain: Vec<PathBuf>,
    /// Believe this identity, as Sigstore names it: a mail address, or the address of a workflow.
    #[arg(long, value_name = "NAME", group = "whom", requires = "identity_provider")]
    pub identity: Option<String>,
    /// The identity provider that vouches for it.
    #[arg(long, value_name = "URL", requires = "identity")]
    pub identity_provider: Option<String>,
    /// Roots of a Sigstore instance (`trusted_root.json`) [default: those of the public one, as of this release].
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub trusted_root: Option<PathBuf>,
    /// Or whom a trust policy names.
    #[command(flatten)]
    pub by_policy: ByPolicy,
    /// Ask for the proof that the signature stands in the log with this public key, given as its text or a file with it.
    #[arg(long, value_name = "VKEY", conflicts_with = "embedded")]
    pub log: Option<String>,
    /// Take files that nobody signed, and programs among those that are left out by rule.
    #[arg(long)]
    pub allow_unsigned_files: bool,
    /// What is verified.
    #[command(flatten)]
    pub reading: Reading,
    /// Format of the result on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// What a word for evidence means.
pub(crate) fn evidence(word: &str) -> Result<Evidence, String> {
    Evidence::of_word(word).ok_or_else(|| format!("there are {}", Evidence::words().join(", ")))
}

fn age(text: &str) -> Result<i64, String> {
    policy::seconds(text).ok_or_else(|| "write days or hours, such as `400d` or `12h`".to_owned())
}
