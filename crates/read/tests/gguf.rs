//! GGUF: sound files of every version, and every claim broken once.

use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_core::fact::{EffectKind, What};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::Place;
use weighbridge_core::reader::{Claim, Hint};
use weighbridge_core::sink::Sink;

use crate::gguf_builder::{Gguf, model};
use crate::read::{read, read_within};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        sound_files_are_measured,
        every_type_has_its_blocks,
        templates_are_handed_out,
        counts_that_wrap_are_corruption,
        what_the_file_does_not_hold_is_an_overrun,
        broken_rules_are_told,
        what_belongs_to_no_tensor_is_handed_out,
        values_of_every_type_are_passed,
        many_entries_end_at_the_limit,
        claims,
    ]
}

const SOUND: [&str; 2] = ["format gguf", r#"tensors: 2 of 192 elements, 294 bytes, ["F16", "Q8_0"]"#];

fn sound_files_are_measured() {
    let sound = |file: &Gguf| assert_eq!(read("gguf", &file.bytes()).facts, SOUND);
    for build in [model("{{ x }}"), model("").version(2)] {
        sound(&build);
    }
    // Other versions are other bytes from the first pair on.
    let build = |file: Gguf| {
        file.string("general.architecture", "llama")
            .strings("tokenizer.ggml.tokens", &["a", "b"])
            .tensor("a", &[32, 3], 1, 192)
            .tensor("b", &[32, 3], 8, 102)
    };
    sound(&build(Gguf::new().version(1)));
    sound(&build(Gguf::new().version(2)));
    sound(&build(Gguf::new().big_endian()));
    let wide = Gguf::new().aligned(256).number("general.alignment", 256);
    sound(&build(wide));
    assert_eq!(read("gguf", &Gguf::new().bytes()).facts, ["format gguf"]);
    assert_eq!(
        read("gguf", &Gguf::new().tensor("empty", &[0, 5], 0, 0).tensor("scalar", &[], 0, 4).bytes()).facts,
        ["format gguf", r#"tensors: 2 of 1 elements, 4 bytes, ["F32"]"#]
    );
}

fn every_type_has_its_blocks() {
    // Number, elements in a block, bytes of a block.
    for (kind, block, bytes) in [
        (0, 1, 4),
        (1, 1, 2),
        (2, 32, 18),
        (3, 32, 20),
        (6, 32, 22),
        (7, 32, 24),
        (8, 32, 34),
        (9, 32, 40),
        (10, 256, 84),
        (11, 256, 110),
        (12, 256, 144),
        (13, 256, 176),
        (14, 256, 210),
        (15, 256, 292),
        (16, 256, 66),
        (17, 256, 74),
        (18, 256, 98),
        (19, 256, 50),
        (20, 32, 18),
        (21, 256, 110),
        (22, 256, 82),
        (23, 256, 136),
        (24, 1, 1),
        (25, 1, 2),
        (26, 1, 4),
        (27, 1, 8),
        (28, 1, 8),
        (29, 256, 56),
        (30, 1, 2),
        (34, 256, 54),
        (35, 256, 66),
        (39, 32, 17),
        (40, 64, 36),
        (41, 128, 18),
    ] {
        let sound = Gguf::new().tensor("a", &[block * 3], kind, bytes * 3).bytes();
        let facts = read("gguf", &sound).facts;
        assert!(facts[1].contains(&format!("{} elements, {} bytes", block * 3, bytes * 3)), "{facts:?}");
        assert_eq!(facts.len(), 2, "{facts:?}");
    }
    for (kind, told) in [
        (4, "has the type Q4_2, which was removed from the format"),
        (31, "has the type Q4_0_4_4, which was removed from the format"),
        (42, "unread: tensors of type 42, not read by this version"),
    ] {
        read("gguf", &Gguf::new().tensor("a", &[32], kind, 18).bytes()).says(told);
    }
}

fn templates_are_handed_out() {
    let file = model("{{ messages }}")
        .string("tokenizer.chat_template.tool_use", "{% if tools %}{% endif %}")
        .string("tokenizer.prompt_template", "{{ prompt }}")
        .string("general.template_note", "none of Jinja")
        .string("general.description", "{{ not a template }}")
        .bytes();
    let read = read("gguf", &file);
    assert_eq!(
        read.children.iter().map(|(step, reader, _)| (step.as_str(), *reader)).collect::<Vec<_>>(),
        [
            ("tokenizer.chat_template", Some("jinja")),
            ("tokenizer.chat_template.tool_use", Some("jinja")),
            ("tokenizer.prompt_template", Some("jinja")),
        ]
    );
    assert_eq!(read.child("tokenizer.chat_template"), b"{{ messages }}");
    // Of two that are called the same, loaders differ in which they take.
    let twice = model("{{ a }}").string("tokenizer.chat_template", "{{ b }}").bytes();
    let read = crate::read::read("gguf", &twice);
    read.says("malformed: the key `tokenizer.chat_template` stands twice");
    assert_eq!(read.children.len(), 2);
}

/// Kind and text of every effect.
fn effects(file: &[u8]) -> Vec<(EffectKind, String)> {
    let input = Input::new(Arc::new(file.to_vec()), Limits::default(), Cancel::default());
    let mut sink = Sink::new(Place::file("model.gguf"), "gguf", Limits::default());
    let _ = weighbridge_read::reader("gguf").unwrap().read(&input, &mut sink);
    let facts = sink.finish().facts.into_iter();
    let effects = facts.filter_map(|fact| match fact.what {
        What::Effect(effect) => Some((effect.kind, effect.to_string())),
        _ => None,
    });
    effects.collect()
}

#[track_caller]
fn corrupts(file: &[u8], what: &str) {
    let found = effects(file);
    let told = found.iter().any(|(kind, text)| *kind == EffectKind::Corrupt && text.contains(what));
    assert!(told, "`{what}` is not told as corruption in {found:#?}");
}

#[track_caller]
fn overruns(file: &[u8], what: &str) {
    let found = effects(file);
    assert!(found.iter().any(|(_, text)| text.contains(what)), "`{what}` is not told in {found:#?}");
    assert!(found.iter().all(|(kind, _)| *kind == EffectKind::Overrun), "{found:#?}");
}

fn counts_that_wrap_are_corruption() {
    let empty = Gguf::new();
    let list = |kind: u32, count: u64| [empty.u32(kind), empty.u64(count)].concat();
    corrupts(&model("").claiming(1 << 62, 4), "4611686018427387904 tensors");
    corrupts(&model("").claiming(2, u64::MAX), "18446744073709551615 key-value pairs");
    // Loaders add one to the length for the end of the string.
    corrupts(
        &Gguf::new().pair("k", 8, &empty.u64(u64::MAX)).bytes(),
        "the value of `k` of 18446744073709551615 bytes",
    );
    corrupts(&Gguf::new().pair("k", 9, &list(8, 1 << 60)).bytes(), "`k` claims 1152921504606846976 values");
    corrupts(&Gguf::new().pair("k", 9, &list(10, 1 << 61)).bytes(), "`k` claims 2305843009213693952 numbers");
    corrupts(
        &Gguf::new().describe("a", &[1 << 32, 1 << 32], 0, 0).bytes(),
        "tensor `a` has a shape whose number of elements wraps",
    );
    corrupts(&Gguf::new().describe("a", &[u64::MAX], 24, 0).bytes(), "tensor `a` has a shape");
    corrupts(&Gguf::new().describe("a", &[1 << 62], 27, 0).bytes(), "of I64 at 0, which wraps");
    corrupts(&Gguf::new().describe("a", &[32], 0, u64::MAX - 64).bytes(), "which wraps");
    corrupts(
        &Gguf::new().describe("a", &[1, 1, 1, 1, 1], 0, 0).bytes(),
        "5 dimensions, and loaders have room for 4",
    );
    corrupts(
        &Gguf::new().describe("a", &[1], 0x4000_0000, 0).bytes(),
        "type 1073741824, by which loaders look up",
    );
    // Each fits, and their sum does not.
    let large = 1u64 << 62;
    let many = (0..4).fold(Gguf::new(), |file, number| file.describe(&number.to_string(), &[large], 24, 0));
    corrupts(&many.bytes(), "the sizes of all tensors together wrap");
}

fn what_the_file_does_not_hold_is_an_overrun() {
    let empty = Gguf::new();
    overruns(&model("").claiming(1000, 4), "1000 tensors in a file that has room for");
    overruns(&Gguf::new().pair("k", 8, &empty.u64(1000)).bytes(), "the value of `k` of 1000 bytes");
    let list = [empty.u32(4), empty.u64(1000)].concat();
    overruns(
        &Gguf::new().pair("k", 9, &list).bytes(),
        "`k` claims 1000 numbers in a file that has room for 0",
    );
    // The shape is larger than what is stored, so that a loader reads past the end.
    let bleeding = Gguf::new().describe("a", &[1000, 1000], 1, 0).data(&[0; 64]).bytes();
    overruns(&bleeding, "tensor `a` ends at 2000000 of 64 bytes of data");
    // A file that was cut short.
    let whole = model("").bytes();
    overruns(&whole[..whole.len() - 64], "tensor `output.weight` ends at 294 of 256 bytes of data");
    for size in 4..whole.len() - 400 {
        assert!(read("gguf", &whole[..size]).facts.len() > 1, "{size}");
    }
}

fn broken_rules_are_told() {
    for (file, told) in [
        (model("").number("general.file_type", 1), "the key `general.file_type` stands twice"),
        (model("").number("", 1), "is empty"),
        (model("").tensor("output.weight", &[1], 0, 4), "tensor `output.weight` stands twice"),
        (model("").tensor(&"n".repeat(64), &[1], 0, 4), "has 64 bytes"),
        (model("").number("general.alignment", 0), "the alignment is 0, which is no power of two"),
        (model("").number("general.alignment", 48), "the alignment is 48, which is no power of two"),
        (model("").string("general.alignment", "32"), "`general.alignment` is no 32-bit number"),
        (model("").describe("a", &[1], 0, 70), "tensor `a` begins at 70, and the alignment is 32"),
        (model("").describe("a", &[1], 0, 0), "inside the one before"),
        (model("").describe("a", &[8], 0, 4096).data(&[0; 8192]), "bytes before tensor `a` belong to none"),
        (model("").tensor("a", &[33], 8, 68), "has rows of 33 elements, and blocks of Q8_0 have 32"),
    ] {
        read("gguf", &file.bytes()).says(&format!("malformed: {told}").replace("malformed: ", ""));
    }
    for (file, ended) in [
        (model("").pair("k", 13, &[0; 64]).bytes(), "`k` has a value of type 13, which no version knows"),
        (Gguf::new().version(4).bytes(), "version 4 of GGUF, not read by this version"),
        (b"GGUX\x03\0\0\0".to_vec(), "does not begin with `GGUF`"),
        (b"GGUF".to_vec(), "ends early"),
    ] {
        let read = read("gguf", &file);
        assert!(read.facts.last().unwrap().contains(ended), "{:?} is not {ended}", read.facts);
    }
}

fn what_belongs_to_no_tensor_is_handed_out() {
    let pickle = b"\x80\x04cposix\nsystem\n.";
    let read_tail = read("gguf", &model("").data(pickle).bytes());
    read_tail.says("bytes after the last tensor belong to none");
    assert_eq!(read_tail.children.last().unwrap().2, pickle);
    let hole = model("").data(&[7; 64]).describe("late", &[8], 0, 416).data(&[0; 32]).bytes();
    let read_hole = read("gguf", &hole);
    assert!(
        read_hole.children.iter().any(|(step, ..)| step.starts_with("#bytes at ")),
        "{:?}",
        read_hole.facts
    );
    // An alignment that leaves room for more than padding.
    let wide =
        Gguf::new().aligned(1 << 14).number("general.alignment", 1 << 14).tensor("a", &[8], 0, 32).bytes();
    read("gguf", &wide).says("bytes between the descriptions and the tensors belong to none");
}

fn values_of_every_type_are_passed() {
    let empty = Gguf::new();
    let mut file = Gguf::new();
    for (kind, width) in
        [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8)]
    {
        file = file.pair(&format!("one.{kind}"), kind, &vec![1; width]);
        let list = [empty.u32(kind), empty.u64(5), vec![1; width * 5]].concat();
        file = file.pair(&format!("list.{kind}"), 9, &list);
    }
    let file = file.tensor("a", &[8], 0, 32);
    assert_eq!(read("gguf", &file.bytes()).facts.len(), 2);
    // Lists of lists are allowed by the format and read by no loader.
    let inner = [empty.u32(4), empty.u64(2), vec![0; 8]].concat();
    let nested = [empty.u32(9), empty.u64(2), inner.clone(), inner].concat();
    let read_nested = read("gguf", &file.clone().pair("n", 9, &nested).bytes());
    read_nested.says("`n` is a list of lists");
    assert_eq!(read_nested.facts.len(), 3, "{:?}", read_nested.facts);
    let mut deep = Vec::new();
    for _ in 0..1000 {
        deep.extend([empty.u32(9), empty.u64(1)].concat());
    }
    let read_deep = read("gguf", &file.pair("d", 9, &deep).bytes());
    read_deep.says("`d` nests lists deeper than 8 levels");
}

fn many_entries_end_at_the_limit() {
    let file = (0..20).fold(Gguf::new(), |file, number| file.number(&format!("k{number}"), 0));
    let limits = Limits { entries: 10, ..Limits::default() };
    assert_eq!(
        read_within("gguf", &file.bytes(), limits).facts,
        ["format gguf", "ended: more than 10 entries in one container"]
    );
    // A large vocabulary costs nothing.
    let tokens: Vec<String> = (0..256_000).map(|number| format!("token{number}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let file = model("").strings("tokenizer.ggml.more_tokens", &tokens).bytes();
    assert_eq!(read("gguf", &file).facts, SOUND);
}

fn claims() {
    let reader = weighbridge_read::reader("gguf").unwrap();
    for (path, head, claim) in [
        ("model.bin", &b"GGUF\x03\0\0\0"[..], Claim::ByMagic),
        ("model.gguf", b"\x80\x04", Claim::ByName),
        ("model.bin", b"GGML", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 10, head }), claim, "{path}");
    }
}
