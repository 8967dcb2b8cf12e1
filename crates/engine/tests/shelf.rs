//! An index of packages on loopback, made of a table: one line a file.
//!
//! ```text
//! a 1.0: b>=1 | c; extra == 'x'       a wheel and what it requires
//! a 2.0 yanked python>=3.9            more about it, in any order
//! b 1.0 sdist: c                      a source distribution that promises its requirements
//! b 2.0 computed                      one that does not
//! c quarantined                       a project
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};
use weighbridge_core::digest::Digest;

use crate::server::{Answer, Request, Server};
use crate::support::deflate;

/// How an index hands out what lies on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Manner {
    /// It speaks JSON.
    pub(crate) json: bool,
    /// Whether metadata lies beside the wheels, and whether the page says so.
    pub(crate) beside: Beside,
    /// It hands out parts of files.
    pub(crate) parts: bool,
    /// For how many seconds a page holds.
    pub(crate) fresh: u32,
}

/// Whether metadata lies beside the wheels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    No,
    Unsaid,
    Known,
}

impl Default for Manner {
    fn default() -> Self {
        Self { json: true, beside: Beside::Known, parts: true, fresh: 0 }
    }
}

/// What lies on an index.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    projects: BTreeMap<String, Vec<File>>,
    states: BTreeMap<String, String>,
}

#[derive(Clone)]
struct File {
    name: String,
    content: Vec<u8>,
    metadata: String,
    yanked: bool,
    python: Option<String>,
}

impl Shelf {
    /// Reads a table.
    pub(crate) fn new(table: &str) -> Self {
        let mut shelf = Self::default();
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (head, requires) = line.split_once(':').unwrap_or((line, ""));
            let words: Vec<&str> = head.split_whitespace().collect();
            let name = words[0];
            if !words[1].starts_with(|letter: char| letter.is_ascii_digit()) {
                shelf.states.insert(name.to_owned(), words[1].to_owned());
                shelf.projects.entry(name.to_owned()).or_default();
                continue;
            }
            let version = words[1];
            let requires = requires.split('|').map(str::trim).filter(|text| !text.is_empty());
            let is = |word: &str| words[2..].contains(&word);
            let python = words.iter().find_map(|word| word.strip_prefix("python")).map(str::to_owned);
            let format = if is("computed") { "2.1" } else { "2.3" };
            let mut metadata = format!("Metadata-Version: {format}\nName: {name}\nVersion: {version}\n");
            if let Some(python) = &python {
                metadata.push_str(&format!("Requires-Python: {python}\n"));
            }
            for requirement in requires {
                metadata.push_str(&format!("Requires-Dist: {requirement}\n"));
                if let Some((_, extra)) = requirement.split_once("extra == '") {
                    metadata.push_str(&format!("Provides-Extra: {}\n", extra.trim_end_matches('\'')));
                }
            }
            metadata.push_str("\nWords.\n");
            let folder = name.replace('-', "_");
            let (name_of_file, content) = if is("sdist") || is("computed") {
                let file = format!("{folder}-{version}");
                let content =
                    sdist(&[(&format!("{file}/setup.py"), ""), (&format!("{file}/PKG-INFO"), &metadata)]);
                (format!("{file}.tar.gz"), content)
            } else {
                let inside = format!("{folder}-{version}.dist-info/METADATA");
                let content = wheel(&[(&format!("{folder}/__init__.py"), ""), (&inside, &metadata)]);
                (format!("{folder}-{version}-py3-none-any.whl"), content)
            };
            let file = File { name: name_of_file, content, metadata, yanked: is("yanked"), python };
            shelf.projects.entry(name.to_owned()).or_default().push(file);
        }
        shelf
    }

    /// Puts files into the wheel of a version, and a RECORD of them if none is among them.
    #[allow(dead_code, reason = "the tests of the program need it")]
    pub(crate) fn holding(mut self, project: &str, version: &str, more: &[(&str, Vec<u8>)]) -> Self {
        let folder = format!("{}-{version}", project.replace('-', "_"));
        let file = self.projects.get_mut(project).unwrap().iter_mut();
        let file = file.into_iter().find(|file| file.name.starts_with(&format!("{folder}-"))).unwrap();
        let inside = format!("{folder}.dist-info/METADATA");
        let metadata = file.metadata.as_bytes().to_vec();
        let record = format!("{folder}.dist-info/RECORD");
        let mut files: Vec<(&str, Vec<u8>)> = vec![(&inside, metadata)];
        files.extend(more.iter().cloned());
        if !files.iter().any(|(name, _)| *name == record) {
            let names: String = files.iter().map(|(name, _)| format!("{name},,\n")).collect();
            files.push((&record, format!("{names}{record},,\n").into_bytes()));
        }
        file.content = wheel(&files);
        self
    }

    /// Answers a request below `/simple/` and `/files/`.
    pub(crate) fn answer(&self, request: &Request, manner: Manner) -> Answer {
        if let Some(name) = request.path.strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/')) {
            return match self.projects.get(name) {
                Some(files) => self.page(name, files, request, manner),
                None => Answer::status(404),
            };
        }
        let name = request.path.strip_prefix("/files/").unwrap_or_default();
        let (name, is_beside) = name.strip_suffix(".metadata").map_or((name, false), |name| (name, true));
        match self.projects.values().flatten().find(|file| file.name == name) {
            Some(file) if is_beside && manner.beside != Beside::No => Answer::text(&*file.metadata),
            Some(file) if !is_beside && manner.parts => {
                Answer::part(request, Arc::new(file.content.clone()), "\"1\"")
            }
            Some(file) if !is_beside => Answer::whole(Arc::new(file.content.clone())),
            _ => Answer::status(404),
        }
    }

    fn page(&self, name: &str, files: &[File], request: &Request, manner: Manner) -> Answer {
        let body = if manner.json { self.json(name, files, manner) } else { self.html(name, files, manner) };
        let etag = format!("\"{}\"", Digest::of(body.as_bytes()));
        let control = format!("max-age={}", manner.fresh);
        if request.if_none_match.as_ref() == Some(&etag) {
            return Answer::status(304).with("ETag", etag).with("Cache-Control", control);
        }
        let kind =
            if manner.json { "application/vnd.pypi.simple.v1+json" } else { "text/html; charset=utf-8" };
        Answer::text(body).with("Content-Type", kind).with("ETag", etag).with("Cache-Control", control)
    }

    fn json(&self, name: &str, files: &[File], manner: Manner) -> String {
        let files: Vec<Value> = files
            .iter()
            .map(|file| {
                let mut listed = json!({
                    "filename": file.name,
                    "url": format!("../../files/{}", file.name),
                    "hashes": {"sha256": Digest::of(&file.content).to_string()},
                    "size": file.content.len(),
                    "upload-time": "2026-01-01T00:00:00Z",
                    "yanked": file.yanked,
                });
                if let Some(python) = &file.python {
                    listed["requires-python"] = json!(python);
                }
                if manner.beside == Beside::Known {
                    listed["core-metadata"] =
                        json!({"sha256": Digest::of(file.metadata.as_bytes()).to_string()});
                }
                listed
            })
            .collect();
        let mut page = json!({"meta": {"api-version": "1.4"}, "name": name, "files": files, "versions": []});
        if let Some(state) = self.states.get(name) {
            page["project-status"] = json!({"status": state, "reason": "it says so"});
        }
        page.to_string()
    }

    fn html(&self, name: &str, files: &[File], manner: Manner) -> String {
        let mut page = String::from("<!DOCTYPE html>\n<html><head>");
        if let Some(state) = self.states.get(name) {
            page.push_str(&format!("<meta name=\"pypi:project-status\" content=\"{state}\">"));
        }
        page.push_str("</head><body>\n");
        for file in files {
            let digest = Digest::of(&file.content);
            page.push_str(&format!("<a href=\"../../files/{}#sha256={digest}\"", file.name));
            if let Some(python) = &file.python {
                page.push_str(&format!(" data-requires-python=\"{}\"", python.replace('>', "&gt;")));
            }
            if file.yanked {
                page.push_str(" data-yanked");
            }
            if manner.beside == Beside::Known {
                let digest = Digest::of(file.metadata.as_bytes());
                page.push_str(&format!(" data-core-metadata=\"sha256={digest}\""));
            }
            page.push_str(&format!(">{}</a><br>\n", file.name));
        }
        page
    }

    /// A server of it, whose index lies at `/simple/`.
    pub(crate) fn serve(self, manner: Manner) -> Server {
        Server::start(move |request| self.answer(request, manner))
    }
}

/// A zip archive of these files, packed.
pub(crate) fn wheel<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let content = content.as_ref();
        let packed = deflate(content);
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let start = bytes.len() as u32;
        let mut common = Vec::new();
        // Version, flags, method, time and date; checksum and sizes; lengths of name and extra field.
        common.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
        for number in [crc.sum(), packed.len() as u32, content.len() as u32] {
            common.extend(number.to_le_bytes());
        }
        common.extend([name.len() as u8, 0, 0, 0]);
        bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), &packed].concat());
        directory.extend(
            [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &start.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (start, size, count) = (bytes.len() as u32, directory.len() as u32, files.len() as u8);
    bytes.extend(directory);
    bytes.extend(
        [
            &b"PK\x05\x06\0\0\0\0"[..],
            &[count, 0, count, 0],
            &size.to_le_bytes(),
            &start.to_le_bytes(),
            &[0; 2],
        ]
        .concat(),
    );
    bytes
}

/// A tar archive of these files, packed by gzip.
pub(crate) fn sdist(files: &[(&str, &str)]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for (name, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        encoder.write_all(&header).unwrap();
        encoder.write_all(content.as_bytes()).unwrap();
        encoder.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap()
}
