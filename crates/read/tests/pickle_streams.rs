//! Files of more than one stream: padding, foreign bytes, joblib's arrays, PyTorch's old checkpoints.

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;
use weighbridge_core::sink::{Body, Codec};
use weighbridge_read::model::torch_legacy::TorchLegacy;

use super::pickle_assembler::{Stream, read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_stream_is_read,
        foreign_bytes_are_no_stream,
        arrays_of_joblib_are_skipped,
        arrays_of_objects_are_read,
        array_bytes_that_act_are_told,
        packed_files_are_unpacked,
        what_only_python_does_is_told,
        an_old_checkpoint_is_read_to_its_end,
    ]
}

fn harmless() -> Vec<u8> {
    Stream::protocol(4).raw(b"}").text("a").none().raw(b"s").stop()
}

fn attack() -> Vec<u8> {
    Stream::protocol(4).stack_global("posix", "system").text("id").tuple1().reduce().stop()
}

const CALL: [&str; 2] = ["import posix.system", "posix.system(\"id\")"];

fn every_stream_is_read() {
    let second = Stream::old().global("posix", "system").mark().raw(b"S'id'\n").tuple().reduce().stop();
    for (name, between, attack) in [
        ("directly", vec![], attack()),
        ("directly, without a protocol", vec![], second.clone()),
        ("behind zeros", vec![0; 5000], attack()),
        ("behind newlines", b"\n\n\n".to_vec(), second),
        ("behind foreign bytes", b"some header of ours \x80\x01?".to_vec(), attack()),
    ] {
        let reading = read(&[harmless(), between, attack, harmless()].concat());
        assert_eq!(reading.lines(), CALL, "{name}");
        assert!(reading.unread.is_empty(), "{name}: {:?}", reading.unread);
    }
    let reading = read(&[attack(), attack(), attack()].concat());
    assert_eq!(reading.effects.iter().map(|(_, effect)| effect.count).collect::<Vec<_>>(), [3, 3]);
}

fn foreign_bytes_are_no_stream() {
    let tail = b"-- certifi\nnumpy\nN. B. \x80\x04 and so on";
    let reading = read(&[harmless(), tail.to_vec()].concat());
    assert!(
        reading.lines().is_empty() && reading.unread.is_empty(),
        "{:?} {:?}",
        reading.lines(),
        reading.unread
    );
    assert_eq!(reading.malformed, [format!("{} bytes behind the first stream are no pickle", tail.len())]);
    assert!(read(&[harmless(), vec![0; 100]].concat()).malformed.is_empty(), "padding is no matter");
}

/// A wrapper of joblib with this dtype and shape, in front of the bytes of its array.
fn wrapper(dtype: &str, length: u8, alignment: bool) -> Stream {
    let dtype = |stream: Stream| {
        let stream = stream.global("numpy", "dtype").mark().text(dtype).raw(b"\x89\x88").tuple().reduce();
        stream.mark().raw(b"K\x03").text("<").raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0").tuple().build()
    };
    let stream = Stream::protocol(3).global("joblib.numpy_pickle", "NumpyArrayWrapper").raw(b")\x81}").mark();
    let stream = stream.text("subclass").global("numpy", "ndarray");
    let stream = dtype(stream.text("shape").int(length).tuple1().text("dtype"));
    let stream = stream.text("numpy_array_alignment_bytes");
    let stream = if alignment { stream.int(16) } else { stream.none() };
    stream.raw(b"u").build()
}

fn arrays_of_joblib_are_skipped() {
    // The bytes are a program, and are not run.
    let program = b"cposix\nsystem\n(S'";
    for (name, stream) in [
        ("aligned", wrapper("f8", 2, true).raw(&[3, 0, 0, 0]).raw(&program[..16])),
        ("not aligned", wrapper("f8", 2, false).raw(&program[..16])),
        ("texts", wrapper("U4", 1, false).raw(&program[..16])),
    ] {
        let reading = read(&stream.raw(b"0").global("a", "b").stop());
        assert_eq!(reading.lines().last().unwrap(), "import a.b", "{name}: {:?}", reading.lines());
        assert!(!reading.lines().iter().any(|line| line.contains("posix")), "{name}: {:?}", reading.lines());
        assert!(reading.unread.is_empty(), "{name}: {:?}", reading.unread);
    }
    let unknown = read(&wrapper("?!", 2, false).raw(&[0; 16]).stop());
    assert_eq!(
        unknown.unread[0].1,
        "an array of joblib whose shape or type is not known, not read by this version"
    );
}

fn arrays_of_objects_are_read() {
    let reading = read(&wrapper("O8", 1, true).raw(&attack()).raw(b"0").global("a", "b").stop());
    let lines = reading.lines();
    assert_eq!(lines[lines.len() - 3..], ["import posix.system", "posix.system(\"id\")", "import a.b"]);
    assert!(reading.unread.is_empty(), "{:?}", reading.unread);
}

/// A plain unpickler takes the bytes of the array for opcodes: a file that attacks it and spares joblib.
fn array_bytes_that_act_are_told() {
    let program = b"cposix\nsystem\n(X\x02\0\0\0idtR.";
    let length = u8::try_from(program.len()).unwrap();
    let reading = read(&wrapper("u1", length, false).raw(program).stop());
    assert!(reading.lines().contains(&"posix.system(\"id\")".to_owned()), "{:?}", reading.lines());
    assert!(reading.unread[0].1.contains("takes them for opcodes"), "{:?}", reading.unread);
}

/// The unpickler in C stops, the one in Python (which joblib and dill use) goes on.
fn what_only_python_does_is_told() {
    for (name, stream) in [
        ("FLOAT of `float()`", &b"\x80\x04F 1_0\n0cposix\nsystem\n(X\x02\0\0\0idtR."[..]),
        ("FLOAT too large", b"F1e999\n0cposix\nsystem\n(X\x02\0\0\0idtR."),
        ("a frame longer than the file", b"\x80\x04\x95\xff\0\0\0\0\0\0\0cposix\nsystem\n(X\x02\0\0\0idtR."),
        ("arguments in a list", b"cposix\nsystem\n]X\x02\0\0\0idaR."),
        ("an empty state", b"K\x01)bcposix\nsystem\n(X\x02\0\0\0idtR."),
    ] {
        let reading = read(stream);
        assert!(reading.lines().contains(&CALL[1].to_owned()), "{name}: {:?}", reading.lines());
        assert!(!reading.unread.is_empty(), "{name}: loaders disagree");
    }
    // What both refuse ends both.
    assert!(!read(b"Fone\n0cposix\nsystem\n(X\x02\0\0\0idtR.").lines().contains(&CALL[1].to_owned()));
}

fn packed_files_are_unpacked() {
    let body = |bytes: &[u8]| match read(bytes).children.as_slice() {
        [child] => match child.body {
            Body::Stream { codec, offset, size } => (codec, offset, size, child.reader),
            _ => panic!("{child:?}"),
        },
        children => panic!("{children:?}"),
    };
    let pickle = Some("pickle");
    assert_eq!(body(b"\x78\x9cPACKED1234"), (Codec::Zlib, 0, 12, pickle));
    assert_eq!(body(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name\0PACKED12345678"), (Codec::Gzip, 0, 29, pickle));
    assert_eq!(body(b"BZh91AY&SY"), (Codec::Bzip2, 0, 10, pickle));
    assert_eq!(body(b"\x5d\0\0\x80\0"), (Codec::Lzma, 0, 5, pickle));
    let old = |space: &[u8]| [b"ZF0x7d0            ".as_slice(), space, b"  \x78\x9cPACKED1234"].concat();
    assert_eq!(body(&old(b"")), (Codec::Zlib, 21, 12, pickle));
    assert_eq!(body(&old(b" ")), (Codec::Zlib, 22, 12, pickle));
}

fn an_old_checkpoint_is_read_to_its_end() {
    let number = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let storage = |stream: Stream, class: &str, key: &str, count: u8| {
        let stream =
            stream.mark().text("storage").global("torch", class).text(key).text("cpu").int(count).none();
        stream.tuple().raw(b"Q")
    };
    let object = storage(storage(Stream::protocol(2).mark(), "FloatStorage", "5", 2), "LongStorage", "10", 1);
    let parts = [
        Stream::protocol(2).raw(number).stop(),
        Stream::protocol(2).raw(b"M\xe9\x03").stop(),
        Stream::protocol(2).raw(b"}").stop(),
        object.raw(b"l").stop(),
        Stream::protocol(2).raw(b"](").text("10").text("5").raw(b"e").stop(),
    ];
    // The storages, in the order of the sorted keys; their bytes are programs, and nobody runs them.
    let storages = [
        1u64.to_le_bytes().to_vec(),
        b"cposix\ns".to_vec(),
        2u64.to_le_bytes().to_vec(),
        b"\x80\x02cos\nx\n".to_vec(),
    ];
    let whole = [parts.concat(), storages.concat()].concat();
    let reading = read_as(&TorchLegacy, &whole, Limits::default());
    assert!(reading.unread.is_empty() && reading.malformed.is_empty(), "{:?}", reading.unread);
    assert!(!reading.lines().iter().any(|line| line.contains("posix") || line.contains("os.x")));

    let more = read_as(&TorchLegacy, &[whole.clone(), attack()].concat(), Limits::default());
    assert!(more.lines().contains(&CALL[1].to_owned()), "what lies behind the storages is read");
    let cut = read_as(&TorchLegacy, &whole[..whole.len() - 1], Limits::default());
    assert!(cut.unread[0].1.starts_with("ends early"), "{:?}", cut.unread);
}
