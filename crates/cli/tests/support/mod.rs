//! Running the binary in a world of its own, and inputs made by readable code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// Asserts the exit code, and shows everything if it is another one.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that standard error holds each of these.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "no `{part}` in:\n{}", self.err);
        }
        self
    }

    /// Asserts that standard output holds each of these.
    #[track_caller]
    pub(crate) fn shows(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "no `{part}` in:\n{}\nerr:\n{}", self.out, self.err);
        }
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A folder with a home in it, in which the binary runs without any other environment.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The search for a configuration ends here, whatever lies above the temporary folder.
        fs::create_dir_all(folder.path().join("work/.git")).unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// A path in the folder in which the binary runs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// The names of the files in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".git")
            .collect();
        names.sort();
        names
    }

    /// The binary with these arguments, separated by spaces, on 2026-08-02.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_weighbridge")), arguments)
    }

    /// A program with these arguments in this world.
    pub(crate) fn program(&self, program: &Path, arguments: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path().join("work"))
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // 2026-08-02, some days after the embedded advisories.
            .env("SOURCE_DATE_EPOCH", "1785628800")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the binary to its end with more environment variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &str) -> Run {
        self.command(arguments).envs(variables.iter().copied()).output().unwrap().into()
    }
}

/// The bytes, packed as members of a zip archive are.
pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A pinned package with well-known critical vulnerabilities: the policy fails.
pub(crate) const BAD: &str = "pillow==9.0.0\n";

/// A pinned package without any.
pub(crate) const GOOD: &str = "six==1.17.0\n";

/// A world in which `requirements.txt` fails the policy.
pub(crate) fn bad() -> World {
    let world = World::new();
    world.write("project/requirements.txt", BAD);
    world
}
