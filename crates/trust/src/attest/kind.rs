//! What an attestation is about.

/// Where build types and predicates of our own begin.
const OURS: &str = "https://weighbridge.dev/";

/// What an attestation is about, by the word for it on the command line and in trust policies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Type {
    /// Anything else: known by its predicate type alone.
    Custom,
    /// How a data set was made: SLSA provenance with a build type of ours.
    Dataset,
    /// What an evaluation gave: the Test Result of in-toto.
    Eval,
    /// What is in it: a bill of materials, CycloneDX or SPDX.
    Sbom,
    /// What a scan found: the Simple Verification Result of in-toto.
    Scan,
    /// How it was built: SLSA provenance.
    Slsa,
    /// How a model was trained, or made from others: SLSA provenance with a build type of ours.
    Train,
}

impl Type {
    /// All, with their words, sorted.
    pub const ALL: [(&'static str, Self); 7] = [
        ("custom", Self::Custom),
        ("dataset", Self::Dataset),
        ("eval", Self::Eval),
        ("sbom", Self::Sbom),
        ("scan", Self::Scan),
        ("slsa", Self::Slsa),
        ("train", Self::Train),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Dataset => "dataset",
            Self::Eval => "eval",
            Self::Sbom => "sbom",
            Self::Scan => "scan",
            Self::Slsa => "slsa",
            Self::Train => "train",
        }
    }

    /// The build types that make provenance one of this, none where that does not matter.
    pub fn build_types(self) -> &'static [&'static str] {
        match self {
            Self::Dataset => &["https://weighbridge.dev/dataset/v1"],
            Self::Train => &[
                "https://weighbridge.dev/convert/v1",
                "https://weighbridge.dev/fine-tune/v1",
                "https://weighbridge.dev/merge/v1",
                "https://weighbridge.dev/quantise/v1",
                "https://weighbridge.dev/train/v1",
            ],
            _ => &[],
        }
    }

    /// Whether what is of this type meets a demand for the other: training and making data sets are building.
    pub fn is(self, wanted: Self) -> bool {
        self == wanted || (wanted == Self::Slsa && matches!(self, Self::Dataset | Self::Train))
    }

    /// Whether it gives a verdict.
    pub fn has_outcome(self) -> bool {
        matches!(self, Self::Eval | Self::Scan)
    }

    /// Whether its predicate may state when it was made.
    pub fn states_a_time(self) -> bool {
        !matches!(self, Self::Custom | Self::Eval)
    }

    /// What provenance with this build type is about.
    pub(super) fn of_build(build: &str) -> Self {
        let is_one = |kind: &Self| build.starts_with(OURS) && kind.build_types().contains(&build);
        [Self::Dataset, Self::Train].into_iter().find(is_one).unwrap_or(Self::Slsa)
    }
}
