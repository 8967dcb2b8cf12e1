//! HDF5: Keras models and weights, PyTables, data of all kinds. The metadata are read, never the data.
//!
//! What matters is what opening the file leads to: the configuration of a Keras model in an attribute of the root group,
//! pickles in the attributes of PyTables, and data that lie in other files (external storage, external links, virtual
//! datasets). `superblock` finds the root, `object` reads headers, `links`, `value` and `dataset` what stands in them,
//! `heap` and `tree` what they lead to, `walk` goes from object to object.
//!
//! Source: HDF5 File Format Specification Version 3.0.

mod dataset;
mod file;
mod heap;
mod links;
mod object;
mod shared;
mod superblock;
mod tree;
mod value;
mod walk;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use superblock::SIGNATURE;

/// Where the superblock may stand within the first bytes of an entry.
const IN_HEAD: [usize; 4] = [0, 512, 1024, 2048];
/// Extensions by which loaders take a file for HDF5; Keras 2 wrote `.keras`, too.
const EXTENSIONS: [&str; 4] = ["h5", "hdf5", "he5", "keras"];

/// Reads HDF5 files.
pub struct Hdf5;

impl Reader for Hdf5 {
    fn about(&self) -> &'static About {
        &About {
            id: "hdf5",
            title: "HDF5, Keras models and weights",
            family: Family::Model,
            names: &["*.h5", "*.hdf5", "*.he5", "*.keras"],
            reads: "Every object with its links, attributes, shape, type and filters; the configuration of a Keras model; \
                    what lies in other files (external storage, external links, virtual datasets); pickles in the \
                    attributes of PyTables.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let found = |at: &usize| hint.head.get(*at..).is_some_and(|rest| rest.starts_with(SIGNATURE));
        if IN_HEAD.iter().any(found) {
            Claim::ByMagic
        } else if hint.size > 0 && EXTENSIONS.iter().any(|extension| hint.has_extension(extension)) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let Some(base) = superblock::find(input)? else {
            return Err(Unread::Malformed("no HDF5: there is no superblock".to_owned()));
        };
        if base > 0 {
            // Nobody but the program that wrote it knows what the block is for; another loader may take it for its own.
            let body = Body::Slice { offset: 0, size: base };
            sink.child(Child { step: "#user block".into(), body, reader: None });
        }
        let superblock = superblock::read(input, base)?;
        if superblock.end > input.size() {
            let reason = format!("the file ends before byte {}, where it says that it ends", superblock.end);
            sink.malformed(reason, Some(Span::Offset(input.size())));
            sink.unread(Unread::Truncated { offset: input.size() }, None);
        } else if let Some(size) = input.size().checked_sub(superblock.end).filter(|size| *size > 0) {
            let reason = format!("{size} bytes stand after the end that the file states");
            sink.malformed(reason, Some(Span::Offset(superblock.end)));
            let body = Body::Slice { offset: superblock.end, size };
            sink.child(Child { step: format!("#bytes at {}", superblock.end).into(), body, reader: None });
        }
        walk::walk(&superblock, sink)
    }
}
