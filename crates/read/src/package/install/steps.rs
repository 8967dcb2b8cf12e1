//! YAML that holds commands: workflows of continuous integration, compiled pipelines of Kubeflow, tasks of clusters.
//!
//! Source: the documentation of GitHub Actions (*Workflow syntax*), GitLab (*CI/CD YAML syntax*), Kubernetes (containers),
//! Kubeflow Pipelines (*IR YAML*), SkyPilot, Ray and Cog. All of them keep commands under a few names; text under
//! other names is talk.

use weighbridge_core::coverage::Unread;

use super::super::text::printable;
use super::commands::Installs;
use super::shell::{Script, Word};
use crate::tree::{Node, Tree};
use crate::yaml;

/// Names under which commands stand, one or a list of them.
const COMMANDS: [&str; 24] = [
    "after_script",
    "args",
    "before_script",
    "build_commands",
    "cmd",
    "command",
    "commands",
    "entrypoint",
    "head_setup_commands",
    "head_start_ray_commands",
    "init",
    "initialization_commands",
    "inlineScript",
    "install",
    "post_build",
    "post_install",
    "pre_build",
    "run",
    "script",
    "setup",
    "setup_commands",
    "shell",
    "worker_setup_commands",
    "worker_start_ray_commands",
];

pub(super) fn read(text: &str, installs: &mut Installs<'_, '_>) -> Result<(), Unread> {
    let stream = yaml::documents(text)?;
    let lines: Vec<&str> = text.lines().collect();
    for document in &stream.documents {
        walk(document, &lines, installs);
    }
    match stream.broken {
        Some(reason) => Err(Unread::Malformed(format!("no YAML: {}", printable(&reason, 300)))),
        None => Ok(()),
    }
}

fn walk(document: &Node, lines: &[&str], installs: &mut Installs<'_, '_>) {
    // The reader of YAML bounds the depth.
    for node in document.list() {
        walk(node, lines, installs);
    }
    let folder = document.get("working-directory").find_map(Node::text).unwrap_or_default();
    let folder = if folder.contains(['$', '{']) || folder.starts_with('/') { "" } else { folder };
    for (key, value) in document.map() {
        let name = key.text().unwrap_or_default();
        if let Some(value) = value.text().filter(|_| name.starts_with("PIP_") || name.starts_with("UV_")) {
            installs.settings(name, value, key.line);
        }
        if !COMMANDS.contains(&name) {
            walk(value, lines, installs);
            continue;
        }
        installs.enter(folder);
        match &value.tree {
            Tree::List(nodes) => {
                let texts: Option<Vec<&str>> = nodes.iter().map(Node::text).collect();
                match texts {
                    Some(texts) if is_one_command(&texts) => {
                        let words = nodes.iter().filter_map(|node| {
                            let text = node.text()?.to_owned();
                            Some(Word { text, literal: true, line: node.line, ..Word::default() })
                        });
                        installs.words(&words.collect::<Vec<_>>(), None, false);
                    }
                    _ => {
                        for node in nodes {
                            match node.text() {
                                Some(text) => script(text, node.line, lines, installs),
                                None => {
                                    // Cog writes `- command: …`.
                                    walk(node, lines, installs);
                                }
                            }
                        }
                    }
                }
            }
            Tree::Map(_) => walk(value, lines, installs),
            _ => {
                if let Some(text) = value.text() {
                    script(text, value.line, lines, installs);
                }
            }
        }
    }
}

/// Whether the texts are the words of one command: a program, and no spaces in its name. A word that is a whole script is
/// read for itself, so that its lines are known.
fn is_one_command(texts: &[&str]) -> bool {
    let first = texts.first().copied().unwrap_or_default();
    texts.len() > 1
        && !first.is_empty()
        && !first.contains(' ')
        && !texts.iter().any(|text| text.contains('\n'))
        && texts.get(1).is_some_and(|second| second.starts_with('-') || !second.contains(' '))
}

/// The lines of a text, each with the line of the file in which it stands: as far below the beginning of the scalar as in
/// the text, or one further behind `|`; where neither is so, the line of the beginning.
fn script(text: &str, first: u32, lines: &[&str], installs: &mut Installs<'_, '_>) {
    /// How much of a line is compared, in characters.
    const COMPARED: usize = 40;
    let at = |line: u32| usize::try_from(line).ok().and_then(|line| lines.get(line.checked_sub(1)?)).copied();
    let mut script = Script::default();
    for (line, number) in text.split_inclusive('\n').zip(first..) {
        let beginning: String = line.trim().chars().take(COMPARED).collect();
        let holds = |number: &u32| at(*number).is_some_and(|line| line.contains(&beginning));
        let number = [number, number.saturating_add(1)].into_iter().find(holds).unwrap_or(first);
        script.push(line, number);
    }
    installs.script(&script);
}
