//! The small files of a `*.dist-info` folder: who installed the distribution, at whose wish, from where.
//!
//! Source: *Recording installed projects* (`INSTALLER`, `REQUESTED`), binary distribution format (`WHEEL`), PEP 610
//! (`direct_url.json`), *Entry points specification* (`entry_points.txt`).

use serde_json::Value;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Origin, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::origin;
use super::parent_of;
use super::text::{decode, line_span, python_lines, quoted};

/// These files have a few lines; entry points of the largest frameworks have a few hundred.
const MOST: u64 = 4 << 20;

/// Reads the small files of `*.dist-info`.
pub struct InstallNotesReader;

impl Reader for InstallNotesReader {
    fn about(&self) -> &'static About {
        &About {
            id: "install-notes",
            title: "notes of an installer",
            family: Family::Package,
            names: &[
                "*.dist-info/INSTALLER",
                "*.dist-info/REQUESTED",
                "*.dist-info/WHEEL",
                "*.dist-info/direct_url.json",
                "*.dist-info/entry_points.txt",
                "*.egg-info/entry_points.txt",
            ],
            reads: "installer, whether the user asked for the package, wheel tags, direct URL, entry points",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let folder = parent_of(hint.path);
        let wheel = folder.ends_with(".dist-info");
        let claimed = match hint.name() {
            "INSTALLER" | "REQUESTED" | "WHEEL" | "direct_url.json" => wheel,
            "entry_points.txt" => wheel || folder.ends_with(".egg-info") || folder == "EGG-INFO",
            _ => false,
        };
        if claimed { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let name = sink.place().name().to_owned();
        if name == "REQUESTED" {
            // Its presence says everything; content is reserved.
            sink.observed(What::Requested, None);
            return Ok(());
        }
        if input.size() > MOST {
            return Err(Unread::Limit(LimitKind::TextBytes, MOST));
        }
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::metadata(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        match name.as_str() {
            "INSTALLER" => installer(&decoded.text, &mut notes),
            "WHEEL" => wheel_tags(&decoded.text, &mut notes),
            "direct_url.json" => return direct_url(&decoded.text, &mut notes),
            _ => entry_points(&decoded.text, &mut notes),
        }
        Ok(())
    }
}

fn installer(text: &str, notes: &mut Notes<'_>) {
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => notes.sink.observed(What::Installer(quoted(line)), None),
        None => notes.malformed("names no installer", None),
    }
}

fn wheel_tags(text: &str, notes: &mut Notes<'_>) {
    let mut tags = Vec::new();
    for (number, line) in python_lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        match line.split_once(':') {
            Some((key, value)) if key.trim().eq_ignore_ascii_case("tag") => tags.push(quoted(value)),
            Some(_) => {}
            None => notes.malformed(format!("no `Key: value`: `{}`", quoted(line)), line_span(number)),
        }
    }
    notes.sink.observed(What::WheelTags(tags), None);
}

/// Groups, names and objects, in the order of the file.
fn entry_points(text: &str, notes: &mut Notes<'_>) {
    let mut group: Option<String> = None;
    let mut points = Vec::new();
    for (number, line) in python_lines(text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            group = Some(quoted(name));
            continue;
        }
        match (&group, line.split_once('=')) {
            (Some(group), Some((name, object))) => points.push((group.clone(), quoted(name), quoted(object))),
            (Some(_), None) => {
                notes.malformed(format!("no `name = object`: `{}`", quoted(line)), line_span(number))
            }
            (None, _) => {
                notes.malformed(format!("outside of any group: `{}`", quoted(line)), line_span(number))
            }
        }
    }
    notes.sink.observed(What::EntryPoints(points), None);
}

/// The origin by PEP 610. A repository is told with the commit that was installed, not with the branch asked for.
fn direct_url(text: &str, notes: &mut Notes<'_>) -> Result<(), Unread> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| Unread::Malformed(format!("no JSON: {error}")))?;
    let string = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(url) = string(&value, "url") else {
        return Err(Unread::Malformed("states no `url`".to_owned()));
    };
    let origin = if let Some(vcs) = value.get("vcs_info") {
        let reference = string(vcs, "commit_id").or_else(|| string(vcs, "requested_revision"));
        let pinned = reference.as_deref().is_some_and(origin::is_commit);
        let url = origin::without_credentials(&url);
        Origin::Vcs { url, reference, pinned }
    } else if let Some(path) = origin::file_path(&url) {
        let editable = value.pointer("/dir_info/editable").and_then(Value::as_bool).unwrap_or(false);
        Origin::Path { path, editable }
    } else {
        let info = value.get("archive_info");
        let hashed = |key: &str| {
            info.and_then(|info| info.get(key)).is_some_and(|hash| match hash {
                Value::String(text) => !text.is_empty(),
                Value::Object(map) => !map.is_empty(),
                _ => false,
            })
        };
        Origin::Url { url: origin::without_credentials(&url), pinned: hashed("hash") || hashed("hashes") }
    };
    if value.get("vcs_info").is_none()
        && value.get("archive_info").is_none()
        && value.get("dir_info").is_none()
    {
        notes.malformed("none of `vcs_info`, `archive_info` and `dir_info`", None);
    }
    notes.sink.observed(What::DirectUrl(origin), None);
    Ok(())
}
