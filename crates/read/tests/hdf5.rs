//! HDF5: objects, links, attributes and what lies in other files.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::hdf5_builder::{Hdf5, To, chunked, contiguous, dataspace, filter, fixed_text, float32};
use crate::read::{Read, read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_configuration_of_a_model_is_handed_out,
        attributes_in_a_heap_are_found,
        data_elsewhere_is_told,
        keras_files_are_known,
        what_stands_around_the_file_is_handed_out,
        damaged_parts_hide_nothing_else,
        circles_end,
        claims_that_the_file_cannot_hold_are_told,
        pickles_of_pytables_are_handed_out,
        filters_are_named,
        claims,
    ]
}

const CONFIG: &str = r#"{"class_name": "Sequential", "config": []}"#;

/// Both forms of the file with a model in it.
fn both(build: impl Fn(Hdf5) -> Vec<u8>) -> [Vec<u8>; 2] {
    [build(Hdf5::classic()), build(Hdf5::modern())]
}

/// A file with something of every kind.
pub(crate) fn everything(mut file: Hdf5) -> Vec<u8> {
    let long = file.long_text("model_config", CONFIG);
    let stored = file.external(&["beside.bin"]);
    let shown = file.virtual_dataset("other.h5", "/x");
    let data = file.dataset(&[0; 8]);
    let packed = file.object(&[dataspace(&[4, 4]), float32(), chunked(), filter(1, "deflate")]);
    let dense = file.dense(&[("training_config", long.clone())]);
    let links = [("packed", To::Object(packed)), ("soft", To::Soft("/x"))];
    let group = file.group(&links, &[dense]);
    let links = [
        ("data", To::Object(data)),
        ("group", To::Object(group)),
        ("link", To::External("elsewhere.h5", "/x")),
        ("shown", To::Object(shown)),
        ("stored", To::Object(stored)),
    ];
    let root = file.group(&links, &[long, fixed_text("keras_version", "2.9.0")]);
    file.finish(root)
}

fn child(read: &Read, step: &str) -> (Option<&'static str>, Vec<u8>) {
    let (_, reader, bytes) = read.children.iter().find(|(name, ..)| name == step).unwrap();
    (*reader, bytes.clone())
}

fn the_configuration_of_a_model_is_handed_out() {
    for bytes in both(|mut file| {
        let long = file.long_text("model_config", CONFIG);
        let fixed = fixed_text("training_config", "{}\0\0");
        let data = file.dataset(&[0; 8]);
        let weights = file.group(&[("kernel", To::Object(data)), ("soft", To::Soft("/weights"))], &[]);
        let root = file.group(&[("weights", To::Object(weights))], &[long, fixed]);
        file.finish(root)
    }) {
        let read = read("hdf5", &bytes);
        assert_eq!(read.facts, ["format keras-h5", r#"tensors: 1 of 2 elements, 8 bytes, ["float32"]"#],);
        assert_eq!(child(&read, "model_config"), (Some("keras-config"), CONFIG.as_bytes().to_vec()));
        assert_eq!(child(&read, "training_config"), (Some("keras-config"), b"{}".to_vec()));
    }
}

fn attributes_in_a_heap_are_found() {
    for bytes in both(|mut file| {
        let long = file.long_text("model_config", CONFIG);
        let attributes = [("model_config", long), ("other", fixed_text("other", "x"))];
        let dense = file.dense(&attributes);
        let root = file.group(&[], &[dense]);
        file.finish(root)
    }) {
        let read = read("hdf5", &bytes);
        assert_eq!(read.facts, ["format keras-h5"]);
        assert_eq!(child(&read, "model_config").1, CONFIG.as_bytes());
    }
}

fn data_elsewhere_is_told() {
    for bytes in both(|mut file| {
        let stored = file.external(&["/etc/passwd", "beside.bin"]);
        let shown = file.virtual_dataset("../other.h5", "/secret");
        let own = file.virtual_dataset(".", "/stored");
        let links = [
            ("link", To::External("elsewhere.h5", "/x")),
            ("own", To::Object(own)),
            ("shown", To::Object(shown)),
            ("stored", To::Object(stored)),
        ];
        let root = file.group(&links, &[]);
        file.finish(root)
    }) {
        let read = read("hdf5", &bytes);
        for says in [
            "effect: read /etc/passwd at stored",
            "effect: read beside.bin at stored",
            "effect: read ../other.h5 at shown",
            "effect: read elsewhere.h5 at link → /x",
        ] {
            read.says(says);
        }
        assert_eq!(
            read.facts.iter().filter(|fact| fact.contains("effect: read")).count(),
            4,
            "{:?}",
            read.facts
        );
        read.says("format hdf5");
    }
}

fn keras_files_are_known() {
    let weights = |name: &'static str| {
        let mut file = Hdf5::classic();
        let data = file.external(&["beside.bin"]);
        let group = file.group(&[("0", To::Object(data))], &[]);
        let root = file.group(&[(name, To::Object(group))], &[]);
        file.finish(root)
    };
    read("hdf5", &weights("vars")).says("format keras-weights");
    read("hdf5", &weights("other")).says("format hdf5");
    read_as("hdf5", "a/model.weights.h5", &weights("other")).says("format keras-weights");
    let mut file = Hdf5::classic();
    let root = file.group(&[], &[fixed_text("layer_names", "dense")]);
    read("hdf5", &file.finish(root)).says("format keras-weights");
}

fn what_stands_around_the_file_is_handed_out() {
    for bytes in both(|mut file| {
        let long = file.long_text("model_config", CONFIG);
        let root = file.group(&[], &[long]);
        let mut bytes = file.finish_after(root, 1024);
        bytes[..6].copy_from_slice(b"before");
        bytes.extend(b"after");
        bytes
    }) {
        let read = read("hdf5", &bytes);
        assert!(child(&read, "#user block").1.starts_with(b"before"));
        assert_eq!(child(&read, "model_config").1, CONFIG.as_bytes());
        let at = bytes.len() - 5;
        assert_eq!(child(&read, &format!("#bytes at {at}")), (None, b"after".to_vec()));
        read.says("malformed: 5 bytes stand after the end that the file states");
    }
}

fn damaged_parts_hide_nothing_else() {
    for mut bytes in both(|mut file| {
        let long = file.long_text("model_config", CONFIG);
        let data = file.dataset(&[0; 8]);
        let broken = file.append(b"no object header is like this one....");
        let links = [("a", To::Object(broken)), ("b", To::Object(data)), ("c", To::Object(1 << 40))];
        let root = file.group(&links, &[long]);
        file.finish(root)
    }) {
        let whole = read("hdf5", &bytes);
        whole.says("tensors: 1 of 2 elements");
        whole.says("unread");
        whole.says("behind the end of the file");
        assert_eq!(child(&whole, "model_config").1, CONFIG.as_bytes());
        bytes.truncate(bytes.len() - 4);
        read("hdf5", &bytes).says("unread: ends early");
    }
    read("hdf5", b"").says("ended: malformed: no HDF5");
    read("hdf5", b"\x89HDF\r\n\x1a\n\x09").says("version 9 of the superblock");
    read("hdf5", b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x10\x08").says("sizes of 16 bytes");
    read("hdf5", b"\x89HDF\r\n\x1a\n\x02\x08\x08").says("breaks off");
}

fn circles_end() {
    for bytes in both(|mut file| {
        // The header of the root stands where nothing is yet: a link to it is a circle.
        let next = file.append(&[]);
        let inner = file.group(&[("self", To::Object(next))], &[]);
        let root = file.group(&[("in", To::Object(inner)), ("again", To::Object(inner))], &[]);
        file.finish(root)
    }) {
        let read = read("hdf5", &bytes);
        assert!(read.facts.contains(&"format hdf5".to_owned()), "{:?}", read.facts);
    }
    let mut file = Hdf5::classic();
    let own = file.append(&[]);
    // A continuation that leads to the chunk that it stands in.
    let root = file.object(&[(0x10, [(own + 16).to_le_bytes(), 24u64.to_le_bytes()].concat())]);
    read("hdf5", &file.finish(root)).says("leads back to itself");
}

fn claims_that_the_file_cannot_hold_are_told() {
    let mut file = Hdf5::classic();
    let far = file.object(&[dataspace(&[4]), float32(), contiguous(1 << 30, 16)]);
    let root = file.group(&[("far", To::Object(far))], &[]);
    read("hdf5", &file.finish(root)).says("effect: 16 bytes at 1073741824 at far");
    let hollow = |name: &'static str| {
        let mut file = Hdf5::classic();
        let hollow = file.object(&[dataspace(&[1 << 20, 1 << 20]), float32(), chunked()]);
        let group = file.group(&[("0", To::Object(hollow))], &[]);
        let root = file.group(&[(name, To::Object(group))], &[]);
        read("hdf5", &file.finish(root))
    };
    hollow("vars").says("4398046511104 bytes of which next to nothing is stored");
    // Measurements that were never written are no attack.
    assert!(!hollow("data").facts.iter().any(|fact| fact.contains("effect")));
    let mut file = Hdf5::classic();
    let wrapped = file.object(&[dataspace(&[1 << 40, 1 << 40]), float32(), chunked()]);
    let root = file.group(&[("wrapped", To::Object(wrapped))], &[]);
    read("hdf5", &file.finish(root)).says("malformed: `wrapped` has a shape that overflows");
}

fn pickles_of_pytables_are_handed_out() {
    let pickle = "(dp0\n.";
    let file = |version: &'static str| {
        let mut file = Hdf5::classic();
        let root = file.group(&[], &[fixed_text(version, "2.1"), fixed_text("info", pickle)]);
        read("hdf5", &file.finish(root))
    };
    assert_eq!(child(&file("PYTABLES_FORMAT_VERSION"), "info"), (None, pickle.as_bytes().to_vec()));
    assert!(file("VERSION").children.is_empty());
    let mut rows = Hdf5::classic();
    let root = rows.group(&[], &[fixed_text("PSEUDOATOM", "object")]);
    read("hdf5", &rows.finish(root)).says("the rows of pickled objects");
}

fn filters_are_named() {
    let mut file = Hdf5::classic();
    let one = file.object(&[dataspace(&[4, 4]), float32(), chunked(), filter(1, "deflate")]);
    let two = file.object(&[dataspace(&[4, 4]), float32(), chunked(), filter(40000, "evil")]);
    let root = file.group(&[("one", To::Object(one)), ("two", To::Object(two))], &[]);
    let read = read("hdf5", &file.finish(root));
    read.says("effect: filter.deflate at one");
    read.says("effect: filter.40000 (evil) at two");
}

fn claims() {
    let reader = weighbridge_read::reader("hdf5").unwrap();
    let magic = b"\x89HDF\r\n\x1a\n".as_slice();
    let later = [&[0; 1024][..], magic].concat();
    for (path, head, claim) in [
        ("a", magic, Claim::ByMagic),
        ("a.nc", &later, Claim::ByMagic),
        ("a.H5", b"PK\x03\x04", Claim::ByName),
        ("m.keras", b"PK\x03\x04", Claim::ByName),
        ("a.mat", b"MATLAB", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}
