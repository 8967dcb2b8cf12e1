//! A wheel on an index, of which only what somebody reads is fetched: its directory, and of its files those that are opened.

use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::opener::{Entry, Handle, Opened, Tree};
use weighbridge_core::source::Source;

use super::directory::{self, Member};

/// Most bytes of one file of a wheel, packed or unpacked. The largest libraries of CUDA have some 1.5 GB and are told as unread.
const MOST_FILE: u64 = 512 << 20;

/// A wheel on an index.
pub struct Wheel {
    name: String,
    source: Arc<dyn Source>,
    members: Vec<(Arc<str>, Member)>,
}

impl Wheel {
    /// The wheel with these bytes.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn new(name: &str, source: Arc<dyn Source>) -> Result<Self, String> {
        let mut members: Vec<(Arc<str>, Member)> = Vec::new();
        for member in directory::members(&*source)? {
            let name = std::str::from_utf8(&member.name).map_err(|_| "it holds a name that is not UTF-8")?;
            let leads_out = name.contains('\\') || name.split('/').any(|part| part == "..");
            if name.starts_with('/') || leads_out {
                return Err("it holds a name that leads out of it".to_owned());
            }
            // Folders have no bytes.
            if !name.ends_with('/') {
                members.push((Arc::from(name), member));
            }
        }
        members.sort_by(|a, b| a.0.cmp(&b.0));
        if members.is_sorted_by(|a, b| a.0 < b.0) {
            Ok(Self { name: name.to_owned(), source, members })
        } else {
            Err("it holds two files of one name".to_owned())
        }
    }

    /// The names of its files, sorted, and the size in bytes of each.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.members.iter().map(|(name, member)| (&**name, member.size))
    }

    /// The files that are wanted, below the folder into which an installer would write them. Each is fetched when it is opened.
    pub fn unpacked(&self, folder: &str, wanted: impl Fn(&str) -> bool) -> Opened {
        let wanted = self.members.iter().filter(|(name, _)| wanted(name));
        let entries = wanted.map(|(name, member)| Entry {
            path: format!("{folder}/{name}").into(),
            size: member.size,
            handle: Arc::new(Inside { source: Arc::clone(&self.source), member: member.clone() }),
            link_to: None,
            claimed: None,
        });
        Opened {
            name: self.name.clone(),
            entries: entries.collect(),
            excluded: Vec::new(),
            notes: Vec::new(),
            tree: Box::new(Alone),
        }
    }
}

/// A file inside a wheel.
struct Inside {
    source: Arc<dyn Source>,
    member: Member,
}

impl Handle for Inside {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        match self.member.bytes(&*self.source, "it", MOST_FILE) {
            Ok(bytes) => Ok(Arc::new(bytes)),
            Err(reason) => Err(Unread::Io(reason)),
        }
    }
}

/// No files but those that are listed.
struct Alone;

impl Tree for Alone {
    fn find(&self, _: &str) -> Option<Entry> {
        None
    }
}
