//! Distributed checkpoints of PyTorch: their items, and the directory that says where each lies (row 11).

use super::build::{Archive, Stream, attack, plain, tar_of};
use super::cases_pytorch::{checkpoint, tensor};
use super::{Case, dangerous, harmless, incomplete, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = distributed();
    cases.extend(directory());
    cases
}

/// A checkpoint as PyTorch streams it: the sizes stand behind the data alone.
fn streamed(pickle: &[u8]) -> Vec<u8> {
    let archive = Archive::default().stored("m/data.pkl", pickle).stored("m/data/0", &[0; 16]);
    let follow = |archive: &mut Archive| {
        for member in &mut archive.members {
            let size = u32::try_from(member.data.len()).unwrap();
            let checksum = member.central().checksum.to_le_bytes();
            member.after =
                [b"PK\x07\x08".as_slice(), &checksum, &size.to_le_bytes(), &size.to_le_bytes()].concat();
            member.central().flags = 8;
            let local = member.local();
            (local.flags, local.checksum, local.packed, local.unpacked) = (8, 0, 0, 0);
        }
    };
    archive.stored("m/version", b"3\n").but(follow).bytes()
}

/// A number in four bytes, and a text.
fn size(stream: Stream, number: usize) -> Stream {
    stream.raw(b"J").raw(&u32::try_from(number).unwrap().to_le_bytes())
}

/// Where a part lies, as state of whatever lies below: the file, the first byte and the number of bytes.
fn lies(stream: Stream, file: &str, start: usize, bytes: usize) -> Stream {
    let stream = size(stream.raw(b"}").mark().text("relative_path").text(file).text("offset"), start);
    size(stream.text("length"), bytes).raw(b"u").build()
}

/// The `.metadata` of a distributed checkpoint; `parts` pushes the index and the place of every item.
fn metadata(parts: impl Fn(Stream) -> Stream) -> Vec<u8> {
    let module = "torch.distributed.checkpoint.metadata";
    let stream = Stream::protocol(4).stack_global(module, "Metadata").raw(b")\x81}").mark();
    let stream = stream.text("state_dict_metadata").raw(b"}").text("planner_data").none();
    parts(stream.text("storage_data").raw(b"}").mark()).raw(b"u").raw(b"u").build().stop()
}

/// The index of an item.
fn index(stream: Stream, name: &str) -> Stream {
    let class = stream.stack_global("torch.distributed.checkpoint.metadata", "MetadataIndex");
    let state = class.raw(b")\x81}").mark().text("fqn").text(name).text("offset").int(0).tuple1();
    state.text("index").int(0).raw(b"u").build()
}

/// An item and where it lies.
fn part(stream: Stream, file: &str, start: usize, bytes: usize) -> Stream {
    lies(storage_info(index(stream, "weight")), file, start, bytes)
}

/// What says where an item lies, before it says so.
fn storage_info(stream: Stream) -> Stream {
    stream.stack_global("torch.distributed.checkpoint.filesystem", "_StorageInfo").raw(b")\x81")
}

/// A checkpoint in whose tensor another lies that attacks, and where that begins and how long it is.
fn hollow() -> (Vec<u8>, usize, usize) {
    let inner = checkpoint(&attack(), 4);
    let pickle = tensor("0", u32::try_from(inner.len() / 4).unwrap(), 0, &[1], &[1]);
    let outer = Archive::default().stored("m/data.pkl", &pickle).stored("m/data/0", &inner).bytes();
    let start = outer.windows(inner.len()).position(|window| window == inner).unwrap();
    (outer, start, inner.len())
}

/// Where the items of a distributed checkpoint lie.
fn directory() -> Vec<Case> {
    let item = || checkpoint(&tensor("0", 4, 0, &[4], &[1]), 16);
    let file = move || [item(), item()].concat();
    let length = item().len();
    let (_, start, bytes) = hollow();
    let number = "which only running the stream could tell";
    let inside = "which are no item of it";
    vec![
        harmless(11, "directory-of-a-distributed-checkpoint", ".metadata", move || {
            metadata(|stream| {
                let stream = part(stream, "__0_0.distcp", 0, length);
                part(stream, "__0_0.distcp", length, length)
            })
        })
        .beside("__0_0.distcp", file),
        harmless(11, "directory-of-files-in-a-folder", "__0.metadata", move || {
            metadata(|stream| part(stream, "rank/__0_0.distcp", length, length))
        })
        .beside("rank/__0_0.distcp", file),
        harmless(11, "directory-in-an-archive", "checkpoint.tar", move || {
            let directory = metadata(|stream| part(stream, "__0_0.distcp", length, length));
            tar_of(&[("step/.metadata", &directory), ("step/__0_0.distcp", &file())])
        }),
        harmless(11, "directory-of-a-file-that-is-elsewhere", ".metadata", move || {
            metadata(|stream| part(stream, "__1_0.distcp", 0, length))
        }),
        untrusted(11, "part-inside-of-a-tensor", inside, ".metadata", move || {
            metadata(|stream| part(stream, "__0_0.distcp", start, bytes))
        })
        .beside("__0_0.distcp", || hollow().0),
        untrusted(11, "part-inside-of-a-tensor-in-an-archive", inside, "checkpoint.tar", move || {
            let directory = metadata(|stream| part(stream, "./__0_0.distcp", start, bytes));
            tar_of(&[("step/.metadata", &directory), ("step/__0_0.distcp", &hollow().0)])
        }),
        untrusted(11, "part-after-many-items", inside, ".metadata", move || {
            metadata(|stream| {
                let good = (0..40).fold(stream, |stream, _| part(stream, "__0_0.distcp", 0, length));
                part(good, "__0_0.distcp", 1, length)
            })
        })
        .beside("__0_0.distcp", file),
        untrusted(11, "part-that-is-moved", inside, ".metadata", move || {
            metadata(|stream| {
                let stream = part(stream, "__0_0.distcp", 0, length).raw(b"}").text("offset");
                size(stream, start).raw(b"s").build()
            })
        })
        .beside("__0_0.distcp", file),
        untrusted(11, "part-of-a-namespace", inside, ".metadata", move || {
            metadata(|stream| {
                let stream = index(stream, "weight").stack_global("types", "SimpleNamespace");
                lies(stream.raw(b")R"), "__0_0.distcp", start, bytes)
            })
        })
        .beside("__0_0.distcp", || hollow().0),
        untrusted(11, "part-by-position", inside, ".metadata", move || {
            metadata(|stream| {
                let class = "torch.distributed.checkpoint.filesystem";
                let stream = index(stream, "weight").stack_global(class, "_StorageInfo").mark();
                size(size(stream.text("__0_0.distcp"), start), bytes).tuple().reduce()
            })
        })
        .beside("__0_0.distcp", || hollow().0),
        untrusted(11, "part-at-a-computed-place", number, ".metadata", || {
            metadata(|stream| {
                let stream = storage_info(index(stream, "weight")).raw(b"}").mark();
                let stream = stream.text("relative_path").text("__0_0.distcp").text("length").int(9);
                let stream = stream.text("offset").stack_global("builtins", "int").mark().text("0x2b");
                stream.int(16).tuple().reduce().raw(b"u").build()
            })
        })
        .beside("__0_0.distcp", || hollow().0),
        untrusted(11, "part-behind-many-attributes", number, ".metadata", move || {
            metadata(|stream| {
                let stream = storage_info(index(stream, "weight")).raw(b"}").mark();
                let many = (0..20).fold(stream, |stream, at| stream.text(&format!("a{at}")).none());
                let stream = size(many.text("relative_path").text("__0_0.distcp").text("offset"), start);
                size(stream.text("length"), bytes).raw(b"u").build()
            })
        })
        .beside("__0_0.distcp", || hollow().0),
        untrusted(11, "part-of-another-file", "which is no file of a checkpoint", ".metadata", || {
            metadata(|stream| part(stream, "vocabulary.txt", 7, attack().len()))
        })
        .beside("vocabulary.txt", || [b"a\nb\nc\n\n".as_slice(), &attack()].concat()),
        dangerous(11, "part-of-a-file-of-the-machine", "../../cache/model.bin", ".metadata", || {
            metadata(|stream| part(stream, "../../cache/model.bin", 0, 100))
        }),
    ]
}

fn distributed() -> Vec<Case> {
    let item = |pickle: &[u8]| checkpoint(pickle, 16);
    let tensor = || tensor("0", 4, 0, &[4], &[1]);
    vec![
        dangerous(
            11,
            "second-item-of-a-distributed-checkpoint",
            "posix.system(\"id\")",
            "__0_0.distcp",
            move || [item(&tensor()), item(&attack()), item(&tensor())].concat(),
        ),
        harmless(11, "distributed-checkpoint-with-sizes-that-follow", "__0_0.distcp", move || {
            [streamed(&tensor()), streamed(&plain()), streamed(&tensor())].concat()
        }),
        dangerous(
            11,
            "second-item-with-sizes-that-follow",
            "posix.system(\"id\")",
            "__0_0.distcp",
            move || [streamed(&tensor()), streamed(&attack()), streamed(&tensor())].concat(),
        ),
        incomplete(11, "bytes-behind-the-items", "no item that PyTorch writes", "__0_0.distcp", move || {
            [item(&tensor()), b"and something else".to_vec()].concat()
        }),
        harmless(11, "distributed-checkpoint", "__0_0.distcp", move || {
            [item(&tensor()), item(&plain()), item(&tensor())].concat()
        }),
    ]
}
