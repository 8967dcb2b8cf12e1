//! Reports in files.

use std::path::{Path, PathBuf};

use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::Report;
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_report::RENDERERS;

use crate::errors::Failure;

/// A file to write, in the format that its name chooses.
#[derive(Clone)]
pub(crate) struct Output {
    /// The file.
    pub(crate) path: PathBuf,
    /// The format.
    pub(crate) renderer: &'static dyn Renderer,
}

impl Output {
    /// Chooses the format and looks whether the file can be written at all: better to learn it before the scan.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let renderer = weighbridge_report::by_file_name(&name).ok_or_else(|| {
            let mut suffixes: Vec<&str> = RENDERERS.iter().flat_map(|it| it.suffixes()).copied().collect();
            suffixes.sort_unstable();
            Failure::usage(format!("the name of `{shown}` does not tell the format"))
                .hint(format!("let it end in one of {}", suffixes.join(" ")))
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Failure::usage(format!(
                "cannot write `{shown}`: `{}` is no folder",
                folder.display()
            )));
        }
        if path.is_dir() {
            return Err(Failure::usage(format!("cannot write `{shown}`: it is a folder")));
        }
        Ok(Self { path: path.to_owned(), renderer })
    }

    /// Writes the report: as a whole or not at all.
    pub(crate) fn write(&self, report: &Report, style: &Style) -> Result<(), Failure> {
        replace_file(&self.path, |out| self.renderer.render(report, style, out))
            .map_err(|error| Failure::unwritten(&format!("`{}`", self.path.display()), &error))
    }
}
