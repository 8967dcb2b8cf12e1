//! What streams do, technique by technique; each stream is built where its expectation stands.

use libtest_mimic::Trial;
use weighbridge_core::fact::{EffectKind, Target, Value};
use weighbridge_core::sink::Body;

use super::pickle_assembler::{Stream, read};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        attacks,
        look_alikes,
        texts_in_every_form_name_the_same,
        a_broken_stream_keeps_what_it_did,
        bytes_for_a_loader_are_handed_out,
        state_shows_special_names_however_late,
        many_different_calls_are_merged_and_counted,
        offsets_are_those_of_the_first_occurrence,
    ]
}

/// Reads a stream that is whole, and compares what it does.
fn check(name: &str, stream: &[u8], expected: &[&str]) {
    let reading = read(stream);
    assert_eq!(reading.lines(), expected, "{name}");
    assert_eq!(reading.unread, [], "{name}");
}

fn attacks() {
    let system = || Stream::protocol(2).global("posix", "system");
    let call = ["import posix.system", "posix.system(\"id\")"];
    let old = |text: &str| Stream::old().raw(text.as_bytes()).stop();
    // Calls by every opcode.
    check("REDUCE", &system().text("id").tuple1().reduce().stop(), &call);
    check("INST", &old("(S'id'\niposix\nsystem\n"), &call);
    check("OBJ", &Stream::protocol(2).mark().global("posix", "system").text("id").raw(b"o").stop(), &call);
    check(
        "NEWOBJ",
        &system().text("id").tuple1().raw(b"\x81").stop(),
        &["import posix.system", "posix.system.__new__(\"id\")"],
    );
    check(
        "NEWOBJ_EX",
        &system().text("id").tuple1().raw(b"}\x92").stop(),
        &["import posix.system", "posix.system.__new__(\"id\", {})"],
    );
    check(
        "BUILD on a function",
        &Stream::protocol(2).global("numpy", "size").raw(b"}").text("shape").none().raw(b"s").build().stop(),
        &["import numpy.size", "set state of numpy.size to {\"shape\": None}"],
    );
    check("a call whose result is popped", &system().text("id").tuple1().reduce().pop().none().stop(), &call);

    // The stack and the memo are real.
    let parts = || Stream::protocol(4).text("posix").put(0).text("system").put(1);
    check(
        "names from the memo",
        &parts().pop().pop().get(0).get(1).raw(b"\x93").text("id").tuple1().reduce().stop(),
        &call,
    );
    check(
        "a memo that is written twice",
        &parts()
            .text("print")
            .put(1)
            .pop()
            .text("system")
            .put(1)
            .pop()
            .pop()
            .pop()
            .get(0)
            .get(1)
            .raw(b"\x93")
            .stop(),
        &["import posix.system"],
    );
    check(
        "POP_MARK, DUP and MARK between",
        &Stream::protocol(4)
            .text("posix")
            .mark()
            .none()
            .none()
            .raw(b"1")
            .text("system")
            .raw(b"20")
            .mark()
            .raw(b"0\x93")
            .stop(),
        &["import posix.system"],
    );
    check(
        "MEMOIZE counts what the memo holds",
        &Stream::protocol(4)
            .text("posix")
            .put(7)
            .text("system")
            .raw(b"\x94")
            .pop()
            .pop()
            .get(7)
            .get(1)
            .raw(b"\x93")
            .stop(),
        &["import posix.system"],
    );

    // Names that the stream computes.
    let joined = Stream::protocol(4).text("posix").stack_global("builtins", "str.join").text("").raw(b"]");
    check(
        "a computed name",
        &joined
            .text("sys")
            .raw(b"a")
            .text("tem")
            .raw(b"a\x86")
            .reduce()
            .raw(b"\x93")
            .text("id")
            .tuple1()
            .reduce()
            .stop(),
        &[
            "import builtins.str.join",
            "builtins.str.join(\"\", [\"sys\", \"tem\"])",
            "import a computed name in `posix`",
            "a computed object(\"id\")",
        ],
    );

    // Numbers and texts as only C reads them.
    check(
        "INT with base 0",
        &old("cposix\nsystem\n(I0x1f\nI010\nI01\ntR"),
        &["import posix.system", "posix.system(31, 8, True)"],
    );
    check("escapes", &old("cposix\nsystem\n(S'\\x69\\144'\ntR"), &call);
    check("UNICODE", &old("cposix\nsystem\n(V\\u0069d\ntR"), &call);
    check(
        "PUT with spaces and underscores",
        &old("cposix\nsystem\np 1_0 \n0(g10\nS'id'\nt0g10\n(S'id'\ntR"),
        &call,
    );

    // The extension registry.
    check(
        "EXT that the stream registers",
        &Stream::protocol(2)
            .global("copy_reg", "add_extension")
            .mark()
            .text("posix")
            .text("system")
            .int(9)
            .tuple()
            .reduce()
            .raw(b"\x82\x09")
            .text("id")
            .tuple1()
            .reduce()
            .stop(),
        &[
            "import copyreg.add_extension",
            "copyreg.add_extension(\"posix\", \"system\", 9)",
            "import posix.system",
            "posix.system(\"id\")",
        ],
    );
    check(
        "EXT of the program",
        &Stream::protocol(2).raw(b"\x82\x09)R").stop(),
        &["import by extension code 9", "a computed object()"],
    );

    // Names of Python 2, up to protocol 2 only.
    let old_name = |protocol| Stream::protocol(protocol).global("commands", "getoutput").stop();
    check("Python 2", &old_name(2), &["import subprocess.getoutput"]);
    check("no Python 2", &old_name(3), &["import commands.getoutput"]);
    check("a function that moved", &old("c__builtin__\nreduce\n"), &["import functools.reduce"]);

    // Dotted names, and attributes taken by hand.
    check(
        "a dotted name",
        &Stream::protocol(4)
            .stack_global("numpy.lib._datasource", "os.system")
            .text("id")
            .tuple1()
            .reduce()
            .stop(),
        &["import numpy.lib._datasource.os.system", "numpy.lib._datasource.os.system(\"id\")"],
    );
    check(
        "getattr",
        &Stream::protocol(4)
            .stack_global("builtins", "getattr")
            .stack_global("numpy.lib._datasource", "os")
            .text("system")
            .raw(b"\x86")
            .reduce()
            .text("id")
            .tuple1()
            .reduce()
            .stop(),
        &[
            "import builtins.getattr",
            "import numpy.lib._datasource.os",
            "builtins.getattr(numpy.lib._datasource.os, \"system\")",
            "numpy.lib._datasource.os.system(\"id\")",
        ],
    );

    // A function that calls or loads, handed over as data: whoever gets it may call it.
    check(
        "a loader planted in a state",
        &Stream::protocol(4)
            .stack_global("shop", "Cart")
            .raw(b")\x81}")
            .text("__setstate__")
            .stack_global("pickle", "loads")
            .raw(b"s")
            .build()
            .stop(),
        &[
            "import shop.Cart",
            "shop.Cart.__new__()",
            "import pickle.loads",
            "pickle.loads(?)",
            "set state of shop.Cart(…) to {\"__setstate__\": pickle.loads}",
        ],
    );

    // Methods of objects that are not containers.
    let made = || Stream::protocol(4).stack_global("shop", "Cart").raw(b")").reduce();
    let by = |end: &str| vec!["import shop.Cart".to_owned(), "shop.Cart()".to_owned(), end.to_owned()];
    for (name, stream, end) in [
        ("APPEND", made().none().raw(b"a").stop(), "append to shop.Cart(…)"),
        ("APPENDS", made().mark().none().raw(b"e").stop(), "append to shop.Cart(…)"),
        ("SETITEM", made().none().none().raw(b"s").stop(), "set items of shop.Cart(…)"),
        ("ADDITEMS", made().mark().none().raw(b"\x90").stop(), "add to shop.Cart(…)"),
        ("a call of the result", made().raw(b")").reduce().stop(), "shop.Cart(…)()"),
        ("persistent", made().raw(b"Q").stop(), "persistent_load(shop.Cart(…))"),
        ("a buffer", made().raw(b"\x97").stop(), "use a buffer from outside"),
    ] {
        let expected = by(end);
        check(name, &stream, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn look_alikes() {
    let bytes = Stream::protocol(2)
        .global("_codecs", "encode")
        .text("\u{80}abc")
        .text("latin1")
        .raw(b"\x86")
        .reduce();
    let lines = ["import _codecs.encode", "_codecs.encode(\"\\x80abc\", \"latin1\")"];
    check("bytes of old protocols", &bytes.clone().stop(), &lines);
    check(
        "texts that only look like code",
        &Stream::protocol(4).text("cposix\nsystem\n(S'id'\ntR.").stop(),
        &[],
    );
    check("bytes that only look like code", &Stream::protocol(4).bytes(b"cposix\nsystem\n.").stop(), &[]);
    check("a pickle as data", &Stream::protocol(4).bytes(&Stream::old().global("a", "b").stop()).stop(), &[]);
    assert!(read(&bytes.stop()).children.is_empty(), "bytes that nobody loads are no child");
    check(
        "an old class",
        &Stream::old()
            .raw(b"ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb")
            .stop(),
        &[
            "import copyreg._reconstructor",
            "import argparse.Namespace",
            "import builtins.object",
            "copyreg._reconstructor(argparse.Namespace, builtins.object, None)",
            "set state of argparse.Namespace(…) to {\"a\": 1}",
        ],
    );
}

fn texts_in_every_form_name_the_same() {
    let module: [&[u8]; 8] = [
        b"X\x05\0\0\0posix",
        b"\x8c\x05posix",
        b"\x8d\x05\0\0\0\0\0\0\0posix",
        b"U\x05posix",
        b"T\x05\0\0\0posix",
        b"S'posix'\n",
        b"S\"po\\x73ix\"\n",
        b"Vpo\\u0073ix\n",
    ];
    for form in module {
        check(
            &form.escape_ascii().to_string(),
            &Stream::protocol(4).raw(form).text("system").raw(b"\x93").stop(),
            &["import posix.system"],
        );
    }
    let values: [(&[u8], &str); 10] = [
        (b"I-12\n", "-12"),
        (b"L12345678901234567890L\n", "12345678901234567890"),
        (b"\x8a\x02\x00\xff", "-256"),
        (b"\x8a\x0a\0\0\0\0\0\0\0\0\x01\0", "18446744073709551616"),
        (b"F1.50\n", "1.5"),
        (b"G\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
        (b"(NNl", "[None, None]"),
        (b"(K\x01\x88d", "{1: True}"),
        (b"\x8f(K\x01\x90", "{1}"),
        (b"\x96\x02\0\0\0\0\0\0\0a\xff\x98", "b\"a\\xff\""),
    ];
    for (form, shown) in values {
        let expected = format!("a.b({shown})");
        check(
            shown,
            &Stream::protocol(5).global("a", "b").raw(form).tuple1().reduce().stop(),
            &["import a.b", &expected],
        );
    }
}

fn a_broken_stream_keeps_what_it_did() {
    let start = || Stream::protocol(2).global("posix", "system").text("id").tuple1().reduce();
    for (name, end, why) in [
        (
            "no STOP",
            &b""[..],
            "malformed: a stream ends early, at offset 25: the loader wants 1 more bytes and stops here",
        ),
        ("no opcode", b"\xff.", "malformed: not an opcode, at offset 25: the loader stops here"),
        ("underflow", b"00.", "malformed: POP: the stack is empty, at offset 26: the loader stops here"),
        (
            "no memo",
            b"h\x07.",
            "malformed: BINGET: the memo has nothing under this index, at offset 25: the loader stops here",
        ),
        (
            "bad text",
            b"X\x01\0\0\0\xff.",
            "malformed: BINUNICODE: a text is not UTF-8, at offset 25: the loader stops here",
        ),
        (
            "unhashable",
            b"}]Ns.",
            "malformed: SETITEM: a key or an element of a set cannot be hashed, at offset 28: the loader stops here",
        ),
        (
            "protocol",
            b"\x80\x06.",
            "malformed: PROTO: the protocol is not supported, at offset 25: the loader stops here",
        ),
    ] {
        let reading = read(&start().raw(end).0);
        assert_eq!(reading.lines(), ["import posix.system", "posix.system(\"id\")"], "{name}");
        assert_eq!(
            reading.unread.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>(),
            [why],
            "{name}"
        );
    }
    // Where an operand crosses the end of its frame, both ways of reading are followed.
    let frame = Stream::protocol(4).raw(b"\x95\x03\0\0\0\0\0\0\0").raw(b"Nca");
    let reading = read(&frame.raw(b"posix\nsystem\n").stop());
    assert_eq!(reading.lines(), ["import aposix.system", "import posix.system"]);
    assert!(reading.unread.iter().any(|(_, reason)| reason.contains("crosses")), "{:?}", reading.unread);
}

fn bytes_for_a_loader_are_handed_out() {
    let inner = Stream::protocol(2).global("posix", "system").text("id").tuple1().reduce().stop();
    let load = |stream: Stream| stream.tuple1().reduce().stop();
    let whole = load(Stream::protocol(3).global("pickle", "loads").bytes(&inner));
    let reading = read(&whole);
    let child = &reading.children[0];
    assert_eq!((&*child.step, child.reader), ("loads@16", Some("pickle")));
    let Body::Slice { offset, size } = child.body else { panic!("bytes in the file are a part of it") };
    let range = usize::try_from(offset).unwrap()..usize::try_from(offset + size).unwrap();
    assert_eq!(&whole[range], inner);

    // As old protocols write bytes: there is no such part of the file.
    let text: String = inner.iter().map(|byte| char::from(*byte)).collect();
    let encoded = Stream::protocol(2).global("torch.storage", "_load_from_bytes").global("_codecs", "encode");
    let encoded = load(encoded.text(&text).text("latin1").raw(b"\x86").reduce());
    let reading = read(&encoded);
    assert!(
        matches!(&reading.children[0].body, Body::Bytes(bytes) if *bytes == inner),
        "{:?}",
        reading.children
    );

    // Through a file in memory, and a zip inside, which no reader is told to take for a pickle.
    let file =
        Stream::protocol(3).global("torch", "load").global("_io", "BytesIO").bytes(b"PK\x03\x04").tuple1();
    let reading = read(&load(file.reduce()));
    assert_eq!((reading.children.len(), reading.children[0].reader), (1, None));
}

fn state_shows_special_names_however_late() {
    let mut stream = Stream::protocol(2).global("shop", "Cart").raw(b")\x81}").mark();
    for number in 0..200u32 {
        let key = if number == 150 { "__setstate__".to_owned() } else { format!("key{number}") };
        stream = stream.text(&key);
        stream = if number == 170 { stream.global("posix", "system") } else { stream.none() };
    }
    let reading = read(&stream.raw(b"u").build().stop());
    let state = reading.effects.iter().find(|(_, effect)| effect.kind == EffectKind::State).unwrap();
    let Value::Dict(items, count) = &state.1.arguments[0] else { panic!("{:?}", state.1) };
    assert_eq!((items.len(), *count), (18, 200));
    assert!(items.iter().any(|(key, _)| matches!(key, Value::Text(name, _) if name == "__setstate__")));
    assert!(items.iter().any(|(_, value)| matches!(value, Value::Global(global) if global.name == "system")));
}

fn many_different_calls_are_merged_and_counted() {
    let last = |odd: Option<u32>| {
        let mut stream = Stream::protocol(2).raw(b"](").global("_codecs", "encode").put(0);
        for number in 0..1000u32 {
            let encoding = if odd == Some(number) { "rot13" } else { "latin1" };
            stream = stream.get(0).text(&format!("payload {number}")).text(encoding).raw(b"\x86").reduce();
        }
        let reading = read(&stream.raw(b"e").stop());
        let calls = reading.effects.into_iter().filter(|(_, effect)| effect.kind == EffectKind::Call);
        let calls: Vec<_> = calls.map(|(_, effect)| effect).collect();
        assert_eq!((calls.len(), calls[256].count, calls[256].sampled), (257, 744, true));
        calls[256].arguments.clone()
    };
    let some = |length| Value::Text(String::new(), length);
    assert_eq!(last(None), [some(11), Value::Text("latin1".to_owned(), 6)]);
    // One call that is not like the others: nothing can be said of the encoding any more.
    assert_eq!(last(Some(900)), [some(11), some(6)]);
}

fn offsets_are_those_of_the_first_occurrence() {
    let again = |stream: Stream| stream.global("a", "b").raw(b")").reduce().pop();
    let reading = read(&again(again(again(Stream::protocol(2)))).none().stop());
    let seen: Vec<_> = reading
        .effects
        .iter()
        .map(|(at, effect)| (*at, effect.count, effect.opcode, matches!(effect.target, Target::Global(_))))
        .collect();
    assert_eq!(seen, [(2, 3, "GLOBAL", true), (8, 3, "REDUCE", true)]);
}
