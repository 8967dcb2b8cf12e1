//! The files of a log. They are read as those of a stranger, and written so that the log is whole at every moment: what is new
//! first, the checkpoint that speaks of it last.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::iter;
use std::path::{Path, PathBuf};

use weighbridge_core::digest::Digest;
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_trust::log::{Edge, Tile, TileError, WIDTH, entries, hashes, inclusion};

use crate::errors::Failure;
use crate::exit::Exit;

/// Largest checkpoint that is read, in bytes.
const LARGEST_CHECKPOINT: u64 = 1 << 20;
/// Largest bundle of entries: as many as one may have, each as long as it may be.
const LARGEST_BUNDLE: u64 = 256 * (2 + 65_535);
/// Tiles that are kept of those that were read.
const KEPT: usize = 64;

/// The folder of a log.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Takes the right to write, which one process at a time can have.
    pub(super) fn lock(&self) -> Result<File, Failure> {
        let path = self.folder.join("lock");
        let unwritten = |error: io::Error| Failure::unwritten(&format!("`{}`", path.display()), &error);
        let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(unwritten)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let what = format!("another process writes to the log `{}`", self.folder.display());
                Err(Failure::new(Exit::Incomplete, what).hint("wait until it is done"))
            }
            Err(TryLockError::Error(error)) => Err(unwritten(error)),
        }
    }

    /// Whether there is a checkpoint.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.folder.join("checkpoint").exists()
    }

    /// The signed checkpoint.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        match self.read("checkpoint", LARGEST_CHECKPOINT) {
            Ok(Some(note)) => Ok(note),
            Ok(None) => {
                let what = format!("there is no log in `{}`: it has no checkpoint", self.folder.display());
                Err(Failure::new(Exit::Incomplete, what).hint("`weighbridge log init` begins one"))
            }
            Err(error) => Err(self.unread("checkpoint", &error)),
        }
    }

    /// Writes the signed checkpoint: from then on, what it speaks of is the log.
    pub(super) fn write_checkpoint(&self, note: &str) -> Result<(), Failure> {
        self.write("checkpoint", note.as_bytes())
    }

    /// The hashes of a tile.
    pub(super) fn hashes(&self, tile: Tile) -> Result<Vec<Digest>, Failure> {
        let (bytes, width) = self.wide(tile, 32 * u64::from(WIDTH))?;
        let mut found = hashes(&bytes, width).map_err(|error| self.wrong(tile, &error))?;
        found.truncate(tile.width().into());
        Ok(found)
    }

    /// The entries of a bundle.
    pub(super) fn entries(&self, tile: Tile) -> Result<Vec<Vec<u8>>, Failure> {
        let (bytes, width) = self.wide(tile, LARGEST_BUNDLE)?;
        let found = entries(&bytes, width).map_err(|error| self.wrong(tile, &error))?;
        Ok(found.into_iter().take(tile.width().into()).map(<[u8]>::to_vec).collect())
    }

    /// The bytes of a file and how wide it is: as wide as asked for, or full, since then the others may be gone.
    fn wide(&self, tile: Tile, most: u64) -> Result<(Vec<u8>, u16), Failure> {
        for width in [tile.width(), WIDTH] {
            let Some(tile) = tile.with_width(width) else { continue };
            match self.read(&tile.to_string(), most) {
                Ok(Some(bytes)) => return Ok((bytes, width)),
                Ok(None) => {}
                Err(error) => return Err(self.unread(&tile.to_string(), &error)),
            }
        }
        Err(Failure::new(Exit::Incomplete, format!("`{}` is missing", self.shown(tile))))
    }

    /// The bytes of a file as it was when it was less wide; none if it is gone.
    pub(super) fn narrow(&self, tile: Tile) -> Result<Option<Vec<u8>>, Failure> {
        self.read(&tile.to_string(), LARGEST_BUNDLE).map_err(|error| self.unread(&tile.to_string(), &error))
    }

    /// The edge of the log when it had this size. Whether it is the one that was signed, only its root says.
    pub(super) fn edge(&self, size: u64) -> Result<Edge, Failure> {
        Edge::of(size, |tile| self.hashes(tile))
    }

    /// Gives the proof of entries of the log with this size.
    pub(super) fn prover(&self, size: u64) -> impl FnMut(u64) -> Result<Vec<Digest>, Failure> {
        let mut kept: BTreeMap<Tile, Vec<Digest>> = BTreeMap::new();
        move |index| {
            inclusion(index, size, &mut |tile| {
                if let Some(found) = kept.get(&tile) {
                    return Ok(found.clone());
                }
                let found = self.hashes(tile)?;
                if kept.len() >= KEPT {
                    kept.clear();
                }
                kept.insert(tile, found.clone());
                Ok(found)
            })
        }
    }

    /// Writes a tile or a bundle.
    pub(super) fn write_tile(&self, tile: Tile, bytes: &[u8]) -> Result<(), Failure> {
        self.write(&tile.to_string(), bytes)
    }

    /// Removes what is not needed any more of a file that is full.
    pub(super) fn forget_partial(&self, tile: Tile) -> Result<(), Failure> {
        remove(&self.folder.join(tile.folder()))
    }

    /// The widths in which a file was written before it had its own.
    pub(super) fn narrower(&self, tile: Tile) -> Result<Vec<Tile>, Failure> {
        let widths = self.widths(tile)?.into_iter().filter(|width| *width < tile.width());
        Ok(widths.filter_map(|width| tile.with_width(width)).collect())
    }

    /// What lies where the log of this size will grow: left by a process that was stopped before its checkpoint was written.
    pub(super) fn left_over(&self, size: u64) -> Result<Vec<String>, Failure> {
        let is_there = |name: &String| self.folder.join(name).symlink_metadata().is_ok();
        let mut left = Vec::new();
        for (tile, committed) in Tile::growing(size) {
            let wider = self.widths(tile)?.into_iter().filter(|width| *width > committed);
            left.extend(wider.map(|width| format!("{}/{width}", tile.folder())));
            left.extend(Some(tile.to_string()).filter(is_there));
            // Files are written in their order: behind the first that is not there, there is none.
            let next = iter::successors(tile.next(), |tile| tile.next());
            let next =
                next.map(|tile| [tile.to_string(), tile.folder()].into_iter().filter(is_there).collect());
            left.extend(next.take_while(|found: &Vec<String>| !found.is_empty()).flatten());
        }
        Ok(left)
    }

    /// Removes all that.
    pub(super) fn sweep(&self, size: u64) -> Result<(), Failure> {
        // From the end, so that what is left is found again if this is stopped, too.
        self.left_over(size)?.iter().rev().try_for_each(|name| remove(&self.folder.join(name)))
    }

    /// The widths below the full one in which a file lies there, sorted. Other names are not ours.
    fn widths(&self, tile: Tile) -> Result<Vec<u16>, Failure> {
        let folder = tile.folder();
        let unread = |error: io::Error| self.unread(&folder, &error);
        let entries = match fs::read_dir(self.folder.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unread(error)),
        };
        let mut widths = Vec::new();
        for entry in entries {
            widths.extend(entry.map_err(unread)?.file_name().to_str().and_then(width));
        }
        widths.sort_unstable();
        Ok(widths)
    }

    fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        match fs::metadata(&path) {
            // A pipe would be waited for.
            Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("not a regular file")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
        }
        Ok(Some(bytes))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)
            .and_then(|()| replace_file(&path, |out| out.write_all(bytes)))
            .map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))
    }

    fn unread(&self, name: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::Incomplete, format!("cannot read `{}`", self.folder.join(name).display()))
            .because(error)
    }

    fn shown(&self, tile: Tile) -> String {
        self.folder.join(tile.to_string()).display().to_string()
    }

    fn wrong(&self, tile: Tile, error: &TileError) -> Failure {
        Failure::new(Exit::Fail, format!("`{}` is damaged: {error}", self.shown(tile)))
    }
}

/// The width that the name of a partial file says, in its one form.
fn width(name: &str) -> Option<u16> {
    name.parse().ok().filter(|width: &u16| (1..WIDTH).contains(width) && width.to_string() == name)
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(Exit::Internal, format!("cannot remove `{}`", path.display())).because(&error))
        }
        _ => Ok(()),
    }
}
