//! Builds `examples/fraud-vision`: a small but complete project with everything wrong that a first look should find.
//!
//! Every file is made here from readable code, so that nobody has to trust a blob. What is malicious is inert: the
//! program that the model runs prints a line, and so does the line added to the installed package.

mod approved;
mod lock;
mod model;
mod text;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use weighbridge_core::digest::Digest;

/// A file of the example: its path below the project, and its content.
pub(crate) type File = (String, Vec<u8>);

/// Writes the example into `folder`, replacing what an earlier run left there.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(folder: &Path) -> anyhow::Result<()> {
    let files = files()?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    for (path, content) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// All files, in no particular order.
///
/// # Errors
/// When the lock's table of packages is malformed.
pub(crate) fn files() -> anyhow::Result<Vec<File>> {
    let mut files: Vec<File> = [
        ("README.md", text::README),
        ("pyproject.toml", text::PYPROJECT),
        ("train.py", text::TRAIN),
        ("serve.py", text::SERVE),
        ("notebooks/explore.ipynb", text::NOTEBOOK),
    ]
    .into_iter()
    .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
    .collect();
    files.push(("uv.lock".to_owned(), lock::uv_lock(&own_wheel_digest())?.into_bytes()));
    files.push(("data/transactions.csv".to_owned(), text::transactions().into_bytes()));
    files.push(("data/labels.npy".to_owned(), model::labels_npy()));
    files.push(("models/classifier.pt".to_owned(), model::classifier_checkpoint()?));
    files.push(("models/embedding.safetensors".to_owned(), model::embedding_safetensors()));
    files.push(("models/encoder.pkl".to_owned(), model::encoder_that_runs_a_program()));
    files.extend(approved::files()?);
    files.extend(environment());
    Ok(files)
}

/// The `.venv`: our own package is installed in it, and one of its files was changed afterwards.
fn environment() -> Vec<File> {
    const SITE: &str = ".venv/lib/python3.12/site-packages";
    let mut files = vec![(".venv/pyvenv.cfg".to_owned(), text::PYVENV.as_bytes().to_vec())];
    let mut record = String::new();
    for (path, installed) in installed_files() {
        // The installer recorded what it wrote; what lies there now may differ.
        record.push_str(&format!(
            "{path},sha256={},{}\n",
            base64(&Digest::of(installed.as_bytes())),
            installed.len()
        ));
        let now = if path.ends_with("resize.py") {
            format!("{installed}\nprint(\"this line was not in the wheel\")\n")
        } else {
            installed.to_owned()
        };
        files.push((format!("{SITE}/{path}"), now.into_bytes()));
    }
    record.push_str(&format!("{}/RECORD,,\n", text::DIST_INFO));
    files.push((format!("{SITE}/{}/RECORD", text::DIST_INFO), record.into_bytes()));
    files
}

/// What the wheel of our own package holds, without its `RECORD`.
fn installed_files() -> [(String, &'static str); 5] {
    [
        ("fraud_vision_preprocess/__init__.py".to_owned(), text::PREPROCESS_INIT),
        ("fraud_vision_preprocess/resize.py".to_owned(), text::PREPROCESS_RESIZE),
        (format!("{}/INSTALLER", text::DIST_INFO), "uv\n"),
        (format!("{}/METADATA", text::DIST_INFO), text::PREPROCESS_METADATA),
        (format!("{}/WHEEL", text::DIST_INFO), text::PREPROCESS_WHEEL),
    ]
}

/// Stands for the digest of our own wheel in the lock: that of its contents one after the other.
fn own_wheel_digest() -> String {
    let contents: String = installed_files().map(|(_, content)| content).concat();
    Digest::of(contents.as_bytes()).to_string()
}

/// URL-safe base64 without padding (RFC 4648 section 5), as a `RECORD` writes digests.
pub(crate) fn base64(digest: &Digest) -> String {
    const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    base64_with(URL_SAFE, digest.as_bytes())
}

/// The alphabet of base64 (RFC 4648 section 4).
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 without padding.
fn base64_with(alphabet: &[u8; 64], bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed example is what the code makes: nobody slipped a file in.
    #[test]
    fn the_committed_example_is_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fraud-vision");
        let mut expected = files().expect("the table is well-formed");
        expected.sort();
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the example is committed; run `cargo xtask example`") {
                let path = entry.expect("a folder can be listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name =
                        path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                    found.push((name, fs::read(&path).expect("a file can be read")));
                }
            }
        }
        found.sort();
        let names = |files: &[File]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected));
        for ((name, found), (_, expected)) in found.iter().zip(&expected) {
            assert!(found == expected, "`{name}` is stale: run `cargo xtask example`");
        }
    }

    #[test]
    fn base64_is_that_of_the_record_format() {
        // `printf '' | openssl dgst -sha256 -binary | base64`, made URL-safe.
        assert_eq!(base64(&Digest::of(b"")), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
