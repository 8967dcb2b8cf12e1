//! Starts the stand-in for Sigstore (`standin.mjs`), and has what it is made of installed from the index of the user's own npm.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// The mock, and the client, in versions that run on Node.js 20, too.
const NODE: [&str; 5] = [
    "@sigstore/mock@0.12.1",
    "@sigstore/bundle@4.0.0",
    "@sigstore/protobuf-specs@0.5.2",
    "@sigstore/sign@4.1.1",
    "@sigstore/verify@3.1.0",
];
/// As whom the token of the stand-in lets sign, and who says so.
pub(crate) const IDENTITY: &str = "https://builder.example/train.yml";
pub(crate) const ISSUER: &str = "https://accounts.example";

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) }
}

/// A folder below the target folder in which `make` has installed what `wanted` says.
pub(crate) fn installed(
    name: &str,
    wanted: &str,
    make: impl Fn(&Path) -> Result<(), &'static str>,
) -> Result<PathBuf, &'static str> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (folder, stamp) = (target.join(name), target.join(format!("{name}.stamp")));
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    // A half-made one of an interrupted run is of no use.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|_| "no room")?;
    make(&folder)?;
    fs::write(&stamp, wanted).map_err(|_| "no room")?;
    Ok(folder)
}

/// The folder with the modules of the stand-in, or why there is none.
pub(crate) fn node() -> Result<PathBuf, &'static str> {
    installed("sigstore-node", &NODE.join(" "), |folder| {
        run(Command::new("node").arg("--version")).map_err(|_| "no node")?;
        fs::write(folder.join("package.json"), "{}").map_err(|_| "no room")?;
        let words = ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(words).args(NODE).current_dir(folder)).map_err(|_| "no npm")
    })
}

/// An instance of Sigstore on this machine, until it is dropped.
pub(crate) struct Standin {
    child: Child,
    /// It ends when this is closed.
    input: Option<ChildStdin>,
    folder: TempDir,
    pub(crate) url: String,
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Standin {
    pub(crate) fn start(modules: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../signers/tests/standin.mjs"))
            .args([modules, folder.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("ready ").expect("the stand-in starts").to_owned();
        let input = child.stdin.take();
        Self { child, input, folder, url }
    }

    /// What the stand-in wrote: a configuration, its roots, or the token.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
