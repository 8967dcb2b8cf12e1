//! A folder or a file exactly as it lies: every name in it, links and oddities as such. A scan weighs what can be read; a
//! signature speaks of everything that is there.

use std::sync::Arc;

use crate::coverage::Unread;
use crate::opener::Handle;

/// What lies at a path.
pub struct Listing {
    /// The last name of the path.
    pub name: String,
    /// The path is a file; its one item is called `.`.
    pub is_file: bool,
    /// Everything that is no folder, sorted by path.
    pub items: Vec<Item>,
}

/// Something that is no folder.
pub struct Item {
    /// Its path below the listed one, with `/` between names. What is not UTF-8 is [`Is::Odd`], its bytes written `\xHH`.
    pub path: String,
    /// What it is.
    pub is: Is,
}

impl Item {
    /// Size in bytes, as the listing says; of what is no file, 0.
    pub fn size(&self) -> u64 {
        match &self.is {
            Is::File(file) | Is::Link(file) => file.size,
            Is::Odd(_) => 0,
        }
    }
}

/// What an item is.
pub enum Is {
    /// A regular file.
    File(File),
    /// A link to a regular file, wherever that lies.
    Link(File),
    /// Something else, or something that cannot be looked at; a link to a folder too.
    Odd(Unread),
}

/// A regular file.
#[derive(Clone)]
pub struct File {
    /// Size in bytes, as the listing says.
    pub size: u64,
    /// Whoever may run files may run this one.
    pub executable: bool,
    /// How to open it.
    pub handle: Arc<dyn Handle>,
}
