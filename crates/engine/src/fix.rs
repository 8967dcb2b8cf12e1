//! The way out of a pickle: the tensors of a checkpoint, written as safetensors without loading it, and proved equal.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::source::Source;
use weighbridge_net::open::file::FileSource;
use weighbridge_read::model::checkpoint::{self, CheckpointError, ElementsError, Other, Tensor};
use weighbridge_read::model::safetensors::{self, Stored};

/// What to write, and where.
pub struct Order<'a> {
    /// The checkpoint.
    pub source: Arc<dyn Source>,
    /// The file to write.
    pub out: &'a Path,
    /// Only tensors below this name, and their names from there on.
    pub below: Option<&'a str>,
    /// An existing file may be replaced.
    pub replace: bool,
    /// Limits on reading the checkpoint.
    pub limits: Limits,
    /// The wish to stop.
    pub cancel: &'a Cancel,
}

/// What was written and proved.
#[derive(Debug)]
pub struct Rescued {
    /// Format id of the checkpoint.
    pub format: &'static str,
    /// Every tensor of the new file, in the order of its names.
    pub tensors: Vec<Proved>,
    /// What is not in the new file.
    pub others: Vec<Other>,
}

/// A tensor that is the same in both files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    /// Its name in the new file.
    pub name: String,
    /// Type of its elements, as safetensors names it.
    pub dtype: &'static str,
    /// Its size in every dimension.
    pub shape: Vec<u64>,
    /// How many bytes its elements have.
    pub bytes: u64,
    /// SHA-256 of its elements in row-major order, equal in both files.
    pub digest: Digest,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// The file is nothing that can be converted, or cannot be understood.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It holds no tensor, or none below the name that was asked for.
    #[error("{0}")]
    NoTensors(String),
    /// Its tensors repeat so little data so often that writing them out would fill the disk.
    #[error("its tensors would take {wanted} bytes, far more than the {held} bytes of the file hold")]
    Expanded {
        /// Bytes of all tensors.
        wanted: u64,
        /// Bytes of the file.
        held: u64,
    },
    /// The new file exists.
    #[error("`{}` exists", .0.display())]
    Exists(PathBuf),
    /// The new file could not be written.
    #[error("cannot write `{}`: {error}", .path.display())]
    Write {
        /// The new file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What was read back is not what was written.
    #[error("`{0}` read back from the new file differs; nothing was kept")]
    Differs(String),
}

/// How many times larger than the checkpoint the tensors may be together.
const MOST_EXPANSION: u64 = 8;

/// Writes the tensors of a checkpoint to a new file and reads them back. The new file appears only when every tensor in it
/// is equal: same type, same shape, same SHA-256 over the elements.
///
/// # Errors
/// [`FixError`]; then there is no new file.
pub fn rescue(order: &Order<'_>) -> Result<Rescued, FixError> {
    if !order.replace && order.out.exists() {
        return Err(FixError::Exists(order.out.to_owned()));
    }
    let input = Input::new(Arc::clone(&order.source), order.limits, order.cancel.clone());
    let mut found = checkpoint::read(&input)?;
    if let Some(below) = order.below {
        let prefix = format!("{below}.");
        found.tensors.retain(|tensor| tensor.name.starts_with(&prefix));
        found.others.retain(|other| other.name.starts_with(&prefix));
        for name in found.tensors.iter_mut().map(|tensor| &mut tensor.name) {
            name.drain(..prefix.len());
        }
    }
    if found.tensors.is_empty() {
        return Err(FixError::NoTensors(match order.below {
            Some(below) => format!("there is no tensor below `{below}`"),
            None => "it holds no tensor that could be rescued".to_owned(),
        }));
    }
    // As the reference implementation lays them out: wide elements first, so that every tensor is aligned.
    found.tensors.sort_by(|one, other| (other.item, &one.name).cmp(&(one.item, &other.name)));
    let held = input.size();
    let wanted =
        found.tensors.iter().fold(0u64, |all, tensor| all.saturating_add(tensor.bytes().unwrap_or(u64::MAX)));
    if wanted > held.saturating_mul(MOST_EXPANSION) {
        return Err(FixError::Expanded { wanted, held });
    }
    let failed = |error: io::Error| FixError::Write { path: order.out.to_owned(), error };
    let folder = order.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = temporary(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    let mut tensors = write(&input, &found.tensors, file.as_file(), order.out)?;
    prove(&tensors, file.as_file().try_clone().map_err(failed)?, order)?;
    let kept = if order.replace { file.persist(order.out) } else { file.persist_noclobber(order.out) };
    kept.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => FixError::Exists(order.out.to_owned()),
        _ => failed(error.error),
    })?;
    tensors.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Rescued { format: found.format, tensors, others: found.others })
}

/// A file beside the new one that goes away unless it is kept; others may read it as far as the user lets them read
/// files, which a temporary file otherwise forbids.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".weighbridge-").tempfile_in(folder)
}

/// Writes header and elements, and takes the digest of each tensor as it was read.
fn write(input: &Input, tensors: &[Tensor], file: &File, out: &Path) -> Result<Vec<Proved>, FixError> {
    let failed = |error: io::Error| FixError::Write { path: out.to_owned(), error };
    let stored: Vec<Stored> = tensors
        .iter()
        .map(|tensor| Stored {
            name: tensor.name.clone(),
            dtype: tensor.dtype.to_owned(),
            shape: tensor.shape.clone(),
            offset: 0,
            size: tensor.bytes().unwrap_or(u64::MAX),
        })
        .collect();
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    writer.write_all(&safetensors::header(&stored)).map_err(failed)?;
    let mut proved = Vec::with_capacity(tensors.len());
    for (tensor, stored) in tensors.iter().zip(stored) {
        let mut hasher = Hasher::default();
        let copied = tensor.copy(input, &mut |piece| {
            hasher.update(piece);
            writer.write_all(piece)
        });
        copied.map_err(|error| match error {
            ElementsError::Unread(unread) => CheckpointError::Unread(unread).into(),
            ElementsError::Write(error) => failed(error),
        })?;
        let Stored { name, shape, size, .. } = stored;
        proved.push(Proved { name, dtype: tensor.dtype, shape, bytes: size, digest: hasher.finish() });
    }
    writer.flush().map_err(failed)?;
    Ok(proved)
}

/// Reads the new file as any loader would, and compares.
fn prove(tensors: &[Proved], file: File, order: &Order<'_>) -> Result<(), FixError> {
    let failed = |error| FixError::Write { path: order.out.to_owned(), error };
    let size = file.metadata().map_err(failed)?.len();
    let source: Arc<dyn Source> = Arc::new(FileSource::new(file, size));
    let input = Input::new(source, order.limits, order.cancel.clone());
    let unread = |unread: Unread| FixError::Checkpoint(CheckpointError::Unread(unread));
    let stored = safetensors::stored(&input).map_err(unread)?;
    if stored.len() != tensors.len() {
        return Err(FixError::Differs("the number of tensors".to_owned()));
    }
    for (tensor, stored) in tensors.iter().zip(&stored) {
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 1 << 20];
        let (mut at, mut left) = (stored.offset, stored.size);
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..size).unwrap_or_default();
            input.read_exact(at, piece).map_err(unread)?;
            hasher.update(piece);
            let size = u64::try_from(size).unwrap_or(left);
            (at, left) = (at.saturating_add(size), left.saturating_sub(size));
        }
        let same =
            (&tensor.name, tensor.dtype, &tensor.shape) == (&stored.name, &*stored.dtype, &stored.shape);
        if !same || hasher.finish() != tensor.digest {
            return Err(FixError::Differs(tensor.name.clone()));
        }
    }
    Ok(())
}
