//! Notebooks: lines of code cells that go to a shell, and calls in code that do.
//!
//! Source: the notebook format (nbformat 4), IPython's documentation (*System shell access*, *Magic functions*). Each line
//! runs in a shell of its own; only `%cd` changes the folder for those behind it.

use weighbridge_core::coverage::Unread;

use super::commands::Installs;
use super::python;
use super::shell::{Script, Word};
use crate::tree::{self, Node};

/// Magics that hand their line to a program of the same name.
const PROGRAMS: [&str; 6] = ["pip", "pip3", "conda", "mamba", "micromamba", "uv"];
/// Cell magics behind which the cell goes on in Python.
const PYTHON: [&str; 7] = ["capture", "time", "timeit", "prun", "python", "python3", "skip"];

pub(super) fn read(bytes: &[u8], installs: &mut Installs<'_, '_>) -> Result<(), Unread> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Some(notebook) = tree::json(bytes)? else {
        return Err(Unread::Malformed("no JSON".to_owned()));
    };
    installs.enter("");
    for cell in notebook.get("cells").flat_map(Node::list) {
        if cell.get("cell_type").any(|kind| kind.text() == Some("code")) {
            let mut lines: Vec<(&str, u32)> = Vec::new();
            for source in cell.get("source") {
                let one = std::slice::from_ref(source);
                for piece in if source.text().is_some() { one } else { source.list() } {
                    let text = piece.text().unwrap_or_default();
                    lines.extend(text.lines().map(|line| (line, piece.line)));
                }
            }
            self::cell(&lines, installs);
        }
    }
    Ok(())
}

fn cell(lines: &[(&str, u32)], installs: &mut Installs<'_, '_>) {
    let mut lines = lines.iter().copied().skip_while(|(line, _)| line.trim().is_empty()).peekable();
    if let Some(magic) = lines.peek().and_then(|(line, _)| line.trim_start().strip_prefix("%%")) {
        let mut words = magic.split_whitespace();
        let name = words.next().unwrap_or_default();
        let program = if name == "script" { words.find(|word| !word.starts_with('-')) } else { Some(name) };
        lines.next();
        if matches!(program, Some("bash" | "sh" | "zsh" | "!" | "sx" | "system")) {
            let mut script = Script::default();
            for (line, number) in lines {
                script.push(line, number);
                script.push("\n", number);
            }
            installs.enter("");
            return installs.script(&script);
        }
        if !PYTHON.contains(&name) {
            return;
        }
    }
    let mut code = String::new();
    let mut numbers = Vec::new();
    while let Some((line, number)) = lines.next() {
        let Some(command) = command(line) else {
            code.push_str(line);
            code.push('\n');
            numbers.push(number);
            continue;
        };
        let mut script = Script::default();
        script.push(command, number);
        let mut last = command;
        while last.ends_with('\\') {
            let Some((next, number)) = lines.next() else { break };
            script.push("\n", number);
            script.push(next, number);
            last = next;
        }
        if let Some(folder) = command.strip_prefix("cd ").filter(|_| line.trim_start().starts_with('%')) {
            let folder = folder.trim().trim_matches(['"', '\'']);
            let literal = !folder.contains(['$', '{']);
            installs.change_folder(&Word {
                text: folder.to_owned(),
                literal,
                line: number,
                ..Word::default()
            });
            continue;
        }
        let folder = installs.folder().to_owned();
        installs.script(&script);
        installs.enter(&folder);
    }
    let folder = installs.folder().to_owned();
    let line = |line: u32| {
        let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        at.and_then(|at| numbers.get(at)).copied().unwrap_or(1)
    };
    python::read(&code, &line, installs);
    installs.enter(&folder);
}

/// What a line hands to a shell.
fn command(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix('!') {
        return Some(rest.trim_start_matches('!').trim_start());
    }
    if let Some(rest) = line.strip_prefix('%') {
        let (magic, behind) = rest.split_once(' ')?;
        return match magic {
            "cd" => Some(rest),
            "sx" | "system" => Some(behind),
            "time" | "timeit" => {
                command(behind.trim_start()).filter(|_| behind.trim_start().starts_with(['!', '%']))
            }
            _ => PROGRAMS.contains(&magic).then_some(rest),
        };
    }
    // `output = !pip install a`
    if let Some((before, behind)) = line.split_once("= !").or_else(|| line.split_once("=!"))
        && before.trim().chars().all(|part| part.is_alphanumeric() || "_., ".contains(part))
    {
        return Some(behind.trim_start());
    }
    // IPython takes the name of a magic for the magic where nothing else is called so.
    let (first, behind) = line.split_once(' ')?;
    let second = behind.split_whitespace().next()?;
    (PROGRAMS.contains(&first) && matches!(second, "install" | "add" | "pip" | "create")).then_some(line)
}
