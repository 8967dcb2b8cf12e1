//! Names of libraries, without what tools that gather them put in.

/// A file name or SONAME, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// As it is written.
    pub written: String,
    /// In lower case, without the parts of a digest that auditwheel (`-1d1ba958`), delocate and delvewheel
    /// (`-63c857e738469261263c764a36be9436`) put in.
    pub plain: String,
    /// The name without extension and numbers: `libpng16`, `libcrypto`.
    pub stem: String,
    /// The numbers: `16.58.0` in `libpng16.so.16.58.0`.
    pub numbers: Option<String>,
    /// The digests, in order. The first is that of the file as it was built: a library that is gathered a second time,
    /// out of another wheel, gets another one behind it.
    pub digests: Vec<String>,
}

impl Name {
    /// Takes a name or the last part of a path apart.
    pub fn new(written: &str) -> Self {
        let written = written.rsplit(['/', '\\']).next().unwrap_or_default();
        let (plain, digests) = without_digests(&written.to_ascii_lowercase());
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let (base, behind) = match plain.split_once(".so") {
            Some((base, "")) => (base, None),
            Some((base, behind)) if behind.starts_with('.') => (base, behind.strip_prefix('.')),
            _ => (extension(&plain), None),
        };
        let stem = base.strip_suffix("-x64").or_else(|| base.strip_suffix("-arm64")).unwrap_or(base);
        let cut = stem.trim_end_matches(|it: char| it.is_ascii_digit() || it == '.' || it == '-');
        // `libpng16` and `libx264` keep their numbers, `libaom.3.12.1` and `libcrypto-3` do not.
        let tail = stem.strip_prefix(cut).unwrap_or_default();
        let mark = tail.find(['.', '-']);
        let (digits, numbers) = mark.and_then(|at| tail.split_at_checked(at)).unwrap_or((tail, ""));
        let numbers = numbers.trim_start_matches(['.', '-']);
        let behind = behind.or(Some(numbers)).filter(|it| !it.is_empty() && is_number(it));
        Self {
            written: written.to_owned(),
            stem: format!("{cut}{digits}"),
            numbers: behind.map(str::to_owned),
            plain,
            digests,
        }
    }
}

/// The name without the extension of a library.
fn extension(name: &str) -> &str {
    let known = [".dylib", ".dll", ".pyd", ".exe"];
    known.iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name)
}

/// Leaves out every `-HEX` of 8, 32 or 64 digits that ends a part of the name, and returns those digits beside it.
fn without_digests(name: &str) -> (String, Vec<String>) {
    let mut digests = Vec::new();
    let mut plain = String::with_capacity(name.len());
    for (number, part) in name.split('-').enumerate() {
        let (head, rest) = part.find('.').and_then(|at| part.split_at_checked(at)).unwrap_or((part, ""));
        let is_digest =
            matches!(head.len(), 8 | 32 | 64) && head.bytes().all(|byte| byte.is_ascii_hexdigit());
        if number > 0 && is_digest {
            plain.push_str(rest);
            digests.push(head.to_owned());
        } else {
            if number > 0 {
                plain.push('-');
            }
            plain.push_str(part);
        }
    }
    (plain, digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_kept_in_order() {
        for (written, digests) in [
            ("libgfortran-040039e1-0352e75f.so.5.0.0", ["040039e1", "0352e75f"].as_slice()),
            ("msvcp140-a4c2229bdc2a2a630acdc095b4d86008.dll", &["a4c2229bdc2a2a630acdc095b4d86008"]),
            ("libcrypto-3-x64.dll", &[]),
            ("deadbeef.so", &[]),
        ] {
            assert_eq!(Name::new(written).digests, digests, "{written}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        for (written, plain, stem, numbers) in [
            ("libpng16-1d1ba958.so.16.58.0", "libpng16.so.16.58.0", "libpng16", Some("16.58.0")),
            ("libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran.so.5.0.0", "libgfortran", Some("5.0.0")),
            ("libopenblasp-r0-f650aae0.3.3.so", "libopenblasp-r0.3.3.so", "libopenblasp-r0", Some("3.3")),
            ("liblber-2-f65b1f9f.4.so.2.11.7", "liblber-2.4.so.2.11.7", "liblber", Some("2.11.7")),
            ("libaom.3.12.1.dylib", "libaom.3.12.1.dylib", "libaom", Some("3.12.1")),
            ("libcrypto-3-x64.dll", "libcrypto-3-x64.dll", "libcrypto", Some("3")),
            ("@loader_path/../.dylibs/libX11.6.dylib", "libx11.6.dylib", "libx11", Some("6")),
            ("libx264.so.165", "libx264.so.165", "libx264", Some("165")),
            (
                "libscipy_openblas64_-63c857e738469261263c764a36be9436.dll",
                "libscipy_openblas64_.dll",
                "libscipy_openblas64_",
                None,
            ),
            ("libz.1.3.1.zlib-ng.dylib", "libz.1.3.1.zlib-ng.dylib", "libz.1.3.1.zlib-ng", None),
        ] {
            let name = Name::new(written);
            assert_eq!(
                (name.plain.as_str(), name.stem.as_str(), name.numbers.as_deref()),
                (plain, stem, numbers),
                "{written}"
            );
        }
    }
}
