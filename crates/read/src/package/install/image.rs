//! Where the files of an image come from, as far as a Dockerfile copies them out of the folder that it is built from.

use super::commands::join;

/// Most copies of which one stage keeps track.
const MOST_COPIES: usize = 200;

/// The files of one stage of a build.
#[derive(Clone, Default)]
pub(super) struct Image {
    /// The folder in which commands run; empty for the root.
    pub(super) folder: String,
    copies: Vec<Copied>,
}

/// What one instruction copies.
#[derive(Clone)]
struct Copied {
    /// Paths below the folder of the build; none where they come from elsewhere.
    sources: Option<Vec<String>>,
    /// Path in the image, absolute.
    target: String,
    /// It ends in `/`, so that it is a folder.
    is_folder: bool,
}

impl Image {
    /// `WORKDIR`.
    pub(super) fn change_folder(&mut self, path: &str) {
        self.folder = absolute(&self.folder, path);
    }

    /// `COPY` and `ADD`: files of the build, or of elsewhere where there are no sources.
    pub(super) fn copy(&mut self, sources: Option<Vec<String>>, target: &str) {
        if self.copies.len() < MOST_COPIES {
            let is_folder = target.ends_with('/') || matches!(target, "." | "./");
            let target = absolute(&self.folder, target);
            self.copies.push(Copied { sources, target, is_folder });
        }
    }

    /// The path in the folder of the build of a file or folder in the image.
    pub(super) fn source(&self, path: &str) -> Option<String> {
        let path = absolute(&self.folder, path);
        // What is copied last lies on top.
        for copied in self.copies.iter().rev() {
            let sources = copied.sources.as_deref();
            if path == copied.target && !copied.is_folder {
                return match sources? {
                    [source] => Some(clean(source)),
                    _ => None,
                };
            }
            let target = copied.target.trim_end_matches('/');
            let Some(below) = path.strip_prefix(target).and_then(|rest| rest.strip_prefix('/')) else {
                if path == target && copied.is_folder {
                    return folder_of(sources?);
                }
                continue;
            };
            let sources = sources?;
            let named = sources.iter().find(|source| source.rsplit('/').next() == Some(below));
            if let Some(source) = named {
                return Some(clean(source));
            }
            if let Some(pattern) = sources.iter().find(|source| fits(source, below)) {
                let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
                return Some(clean(&join(folder, below)));
            }
            // Of a folder its content is copied; of several sources nobody can say here which are folders.
            if let [source] = sources
                && !is_file(source)
            {
                return Some(clean(&format!("{source}/{below}")));
            }
        }
        None
    }
}

/// Whether a pattern names this file.
fn fits(pattern: &str, name: &str) -> bool {
    let pattern = pattern.rsplit('/').next().unwrap_or_default();
    let (Some((before, _)), Some((_, behind))) = (pattern.split_once('*'), pattern.rsplit_once('*')) else {
        return false;
    };
    !name.contains('/')
        && name.len() >= before.len().saturating_add(behind.len())
        && name.starts_with(before)
        && name.ends_with(behind)
}

/// Whether a path looks like that of a file or of several.
fn is_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains('*') || name.trim_matches('.').contains('.')
}

fn folder_of(sources: &[String]) -> Option<String> {
    match sources {
        [source] => Some(clean(source)),
        _ => None,
    }
}

/// The path from the root of the image. What begins with a variable is taken to do so everywhere.
fn absolute(folder: &str, path: &str) -> String {
    let joined = join(if folder.is_empty() { "/" } else { folder }, path);
    let mut names: Vec<&str> = Vec::new();
    for name in joined.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    let root = if joined.starts_with(['$', '~']) { "" } else { "/" };
    format!("{root}{}", names.join("/"))
}

/// A path of the build without what means nothing.
fn clean(path: &str) -> String {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_image_are_found_in_the_build() {
        let mut image = Image::default();
        image.change_folder("/app");
        let all = |sources: &[&str]| Some(sources.iter().map(|&source| source.to_owned()).collect());
        image.copy(all(&["requirements/base.txt"]), "/tmp/r.txt");
        image.copy(all(&["a.txt", "./b.txt"]), "lists/");
        image.copy(all(&["req*.txt"]), "./");
        image.copy(all(&["src"]), "/src");
        image.copy(None, "/wheels");
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(image.source(path).as_deref(), expected, "{path}");
        };
        check("/tmp/r.txt", Some("requirements/base.txt"));
        check("lists/b.txt", Some("b.txt"));
        check("/app/requirements-gpu.txt", Some("requirements-gpu.txt"));
        check("/src/a/b.txt", Some("src/a/b.txt"));
        check("/src", Some("src"));
        check("../src/c.txt", Some("src/c.txt"));
        check("/wheels/a.txt", None);
        check("/elsewhere/a.txt", None);
        image.copy(all(&["."]), ".");
        assert_eq!(image.source("requirements.txt").as_deref(), Some("requirements.txt"));
        assert_eq!(image.source("/app").as_deref(), Some(""));
        let mut image = Image::default();
        image.change_folder("$HOME/app");
        image.copy(all(&["r.txt"]), "$HOME/app/");
        assert_eq!(image.source("r.txt").as_deref(), Some("r.txt"));
    }
}
