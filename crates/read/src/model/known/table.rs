//! The formats, by their first bytes and by their names.

/// A format that is known and not read.
pub(super) struct Format {
    /// Format id.
    pub(super) id: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    /// Extensions that only it has.
    pub(super) extensions: &'static [&'static str],
    /// Full names that only it has.
    pub(super) names: &'static [&'static str],
    /// First bytes by which it is known, and where they stand.
    pub(super) magic: &'static [(usize, &'static [u8])],
    /// It is a model, to be told wherever it lies; else an archive or data.
    pub(super) model: bool,
}

const MODEL: Format = Format { id: "", title: "", extensions: &[], names: &[], magic: &[], model: true };
const OTHER: Format = Format { model: false, ..MODEL };

/// Models first, sorted by id; then archives and data.
#[rustfmt::skip] // one line a format
pub(super) static FORMATS: &[Format] = &[
    Format { id: "rknn", title: "RKNN model, opaque: nobody can read it without the vendor's library", extensions: &["rknn"], magic: &[(0, b"RKNN")], ..MODEL },
    Format { id: "tensorflow", title: "TensorFlow", names: &["saved_model.pbtxt"], ..MODEL },
    Format { id: "tensorrt", title: "TensorRT engine, opaque: nobody can read it without the vendor's library", extensions: &["engine", "trt"], magic: &[(0, b"ptrt"), (0, b"ftrt")], ..MODEL },
    Format { id: "rar", title: "RAR archive", extensions: &["rar"], magic: &[(0, b"Rar!\x1a\x07")], ..OTHER },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_can_be_met() {
        for format in FORMATS.iter() {
            assert!(!format.id.is_empty() && !format.title.is_empty(), "{}", format.id);
            let met = !format.extensions.is_empty() || !format.names.is_empty() || !format.magic.is_empty();
            assert!(met, "{}", format.id);
        }
        let models: Vec<_> = FORMATS.iter().filter(|format| format.model).map(|format| format.id).collect();
        assert!(models.is_sorted());
    }
}
