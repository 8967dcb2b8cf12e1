//! Openers: how a target becomes entries.
//!
//! What a walk does with what it meets:
//!
//! | met | becomes |
//! |---|---|
//! | regular file | an entry |
//! | link to a file of the target | an entry that says which one it is ([`Entry::link_to`]), so that its bytes are read once |
//! | link to a folder of the target | nothing: the folder is met anyway |
//! | link to a folder above it, or to nothing | an entry that is [`Unread::LinkBroken`] |
//! | link of a snapshot of the hub's cache into the `blobs` beside it | an entry with those bytes, and the digest that the name of the blob claims |
//! | any other link out of the target | an entry that is [`Unread::LinkOutside`], never opened |
//! | `bin/python`, `python3`, `python3.N` of an environment | nothing, even if it leads out or nowhere: it belongs to the base installation |
//! | FIFO, socket, device | an entry that is [`Unread::Special`], never opened |
//! | folder or file that the system refuses | an entry that is [`Unread::Permission`] or [`Unread::Io`] |
//! | version-control store (`.git`, `.hg`, `.svn`, `.bzr`, `.jj`) | one line in [`Opened::excluded`] |
//! | cache of conda (`pkgs` beside `conda-meta`): packages that are installed elsewhere, or nowhere | one line in [`Opened::excluded`] |
//!
//! Honest limit: a process that changes the target while it is weighed can swap a folder on the way to a file for a
//! link. The last name is never followed. What was a regular file when it was listed is opened without waiting and without a second
//! question before; what was opened is asked again whether it is a regular file.
//!
//! [`Entry::link_to`]: weighbridge_core::opener::Entry::link_to
//! [`Opened::excluded`]: weighbridge_core::opener::Opened::excluded
//! [`Unread::LinkBroken`]: weighbridge_core::coverage::Unread::LinkBroken
//! [`Unread::LinkOutside`]: weighbridge_core::coverage::Unread::LinkOutside
//! [`Unread::Special`]: weighbridge_core::coverage::Unread::Special
//! [`Unread::Permission`]: weighbridge_core::coverage::Unread::Permission
//! [`Unread::Io`]: weighbridge_core::coverage::Unread::Io

pub mod above;
mod blobs;
pub mod file;
pub mod hub;
pub mod hub_cache;
mod link;
pub mod listing;
mod name;
pub mod path;
pub mod store;
mod tree;
pub mod venv;
mod walk;
pub mod web;
