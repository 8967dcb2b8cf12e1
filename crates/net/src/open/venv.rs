//! `venv:PATH`: a folder into which Python packages are installed.

use std::fs;
use std::path::Path;

use weighbridge_core::context::Context;
use weighbridge_core::opener::{OpenError, Opened, Opener};

use super::path::{folder, resolve};

/// Opens virtual environments, those of conda, their `site-packages`, and folders made with `pip install --target`.
#[derive(Debug)]
pub struct Venv;

impl Opener for Venv {
    fn schemes(&self) -> &'static [&'static str] {
        &["venv"]
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let (real, metadata) = resolve(locator)?;
        if !metadata.is_dir() || !is_environment(&real) {
            let expected = "a Python environment (a folder with `pyvenv.cfg`, `conda-meta`, `site-packages` or `*.dist-info`)";
            return Err(OpenError::Unexpected { locator: locator.to_owned(), expected });
        }
        Ok(folder(locator, &real, context))
    }
}

fn is_environment(folder: &Path) -> bool {
    let named = |wanted: &str| folder.file_name().is_some_and(|name| name == wanted);
    named("site-packages")
        || named("dist-packages")
        || folder.join("pyvenv.cfg").is_file()
        || folder.join("conda-meta").is_dir()
        || folder.join("Lib").join("site-packages").is_dir()
        || names(&folder.join("lib")).any(|python| {
            let packages = |name| folder.join("lib").join(&python).join(name).is_dir();
            python.starts_with("py") && (packages("site-packages") || packages("dist-packages"))
        })
        || names(folder).any(|name| name.ends_with(".dist-info") || name.ends_with(".egg-info"))
}

/// The names in a folder that are text; none if it cannot be listed.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items.filter_map(|item| item.file_name().into_string().ok())
}
