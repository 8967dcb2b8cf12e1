//! 7z archives: what is handed out, what is told, and what lies.

use std::io::Write as _;

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::{Read, read, read_within};
use crate::sevenz_builder::{Archive, Folder, Item, Kind, number, streams};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        archives_are_claimed,
        files_are_handed_out,
        every_method_is_unpacked,
        methods_that_are_not_read_are_told_once,
        what_leads_out_is_told,
        links_are_followed_into_the_stream,
        what_is_hidden_is_told,
        checksums_are_compared,
        plans_of_coders_are_checked,
        claims_of_sizes_are_not_believed,
        broken_archives_end_with_a_reason
    ]
}

const PICKLE: &[u8] = b"\x80\x04N.";

fn child(name: &str, data: &[u8]) -> (String, Option<&'static str>, Vec<u8>) {
    (name.to_owned(), None, data.to_vec())
}

fn read_archive(archive: &Archive) -> Read {
    read("seven-zip", &archive.bytes())
}

fn archives_are_claimed() {
    let claim = |path: &str, head: &[u8]| {
        weighbridge_read::reader("seven-zip").unwrap().claims(&Hint { path, size: 100, head })
    };
    let bytes = Archive::usual(&[("a", PICKLE)]).bytes();
    assert_eq!(claim("model.pkl", &bytes), Claim::ByMagic);
    assert_eq!(claim("model.7z", b"nothing"), Claim::ByName);
    assert_eq!(claim("model.pkl", b"7z\xbc\xaf\x27\x1d"), Claim::No);
}

fn files_are_handed_out() {
    let files: &[(&str, &[u8])] = &[("a/model.pkl", PICKLE), ("ü", &[7; 600]), ("b", b"x")];
    let usual = Archive::usual(files);
    let expected = [child("a/model.pkl", PICKLE), child("ü", &[7; 600]), child("b", b"x")];
    let plain = Archive { packs_header: false, ..usual.clone() };
    for archive in [&usual, &plain] {
        let read = read_archive(archive);
        assert_eq!(read.facts, ["format 7z"]);
        assert_eq!(read.children, expected);
    }
    // Files without bytes lie between the others and take no part.
    let mixed = usual.but(|archive| {
        archive.items.insert(0, Item::of("folder", Kind::Folder));
        archive.items.insert(2, Item::of("empty", Kind::Empty));
    });
    let read = read_archive(&mixed);
    assert_eq!(read.facts, ["format 7z"]);
    assert_eq!(read.steps(), ["a/model.pkl", "empty", "ü", "b"]);
    assert_eq!(read.child("ü"), [7; 600]);
    assert_eq!(read.child("empty"), b"");
    // Several folders, one of them without files.
    let several = Archive {
        folders: vec![
            Folder::copy(&[b"one"]),
            Folder { parts: vec![], ..Folder::copy(&[b"lost"]) },
            Folder::lzma2(&[b"two", b"three"]),
        ],
        ..Archive::new(&["1", "2", "3"], Folder::copy(&[]))
    };
    assert_eq!(
        read_archive(&several).children,
        [child("1", b"one"), child("2", b"two"), child("3", b"three")]
    );
    // An archive of nothing.
    let empty = [&b"7z\xbc\xaf\x27\x1c\0\x04\x8d\x9b\xd5\x0f"[..], &[0; 20]].concat();
    assert_eq!(read_facts(&empty), ["format 7z"]);
}

fn every_method_is_unpacked() {
    let text = b"words and words and words".repeat(100);
    let files: &[&[u8]] = &[PICKLE, &text];
    let whole = files.concat();
    let deflated = {
        let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(&whole).unwrap();
        writer.finish().unwrap()
    };
    // Differences to the byte before.
    let differences: Vec<u8> = whole
        .iter()
        .scan(0u8, |before, byte| Some(byte.wrapping_sub(std::mem::replace(before, *byte))))
        .collect();
    let lzma2 = Folder::lzma2(&[&differences]);
    let chain = Folder {
        // Delta with a distance of 1, fed by LZMA2: input 0 gets output 1.
        coders: vec![2, 0x21, 3, 1, 0, 0x21, 0x21, 1, 16, 0, 1],
        sizes: vec![whole.len() as u64; 2],
        parts: vec![4, text.len() as u64],
        ..lzma2
    };
    for (what, folder) in [
        ("copy", Folder::copy(files)),
        ("LZMA", Folder::lzma(files, 1 << 20)),
        ("LZMA2", Folder::lzma2(files)),
        ("Deflate", Folder::simple(&[4, 1, 8], files, deflated)),
        ("a filter over LZMA2", chain),
    ] {
        let read = read_archive(&Archive::new(&["a", "b"], folder));
        assert_eq!(read.facts, ["format 7z"], "{what}");
        assert_eq!(read.children, [child("a", PICKLE), child("b", &text)], "{what}");
    }
}

fn methods_that_are_not_read_are_told_once() {
    for (id, told) in [
        (&[6, 0xf1, 7, 1][..], "unread: encrypted"),
        (&[3, 4, 1], "unread: the packing method PPMd, not read by this version"),
        (&[4, 0xf7, 0x11, 2], "unread: the packing method Brotli, not read by this version"),
        (&[0x7f, 1], "unread: the packing method 0x7f01, not read by this version"),
    ] {
        let archive = Archive {
            folders: vec![Folder::simple(id, &[b"one", b"two"], b"xyz".to_vec()), Folder::copy(&[PICKLE])],
            ..Archive::new(&["a", "b", "c"], Folder::copy(&[]))
        };
        let read = read_archive(&archive);
        assert_eq!(read.facts, ["format 7z", told]);
        assert_eq!(read.children, [child("c", PICKLE)], "the others are read");
    }
    // A header that is encrypted hides everything.
    let hidden =
        [&[0x17][..], &streams(&[Folder::simple(&[6, 0xf1, 7, 1], &[b"x"], b"x".to_vec())], 0)].concat();
    let archive = Archive::new(&[], Folder::copy(&[b"x"]));
    assert_eq!(read("seven-zip", &archive.around(&hidden)).facts, ["format 7z", "ended: encrypted"]);
}

fn what_leads_out_is_told() {
    let out = "leads out of the folder into which it is unpacked";
    for name in ["../evil.py", "/etc/cron.d/x", "a/../../x", "..\\evil.py", "C:\\x", "a\\..\\..\\x"] {
        let read = read_archive(&Archive::usual(&[(name, b"x")]));
        assert_eq!(read.facts[1], format!("0: malformed: `{name}` {out}"));
        assert_eq!(read.child(name), b"x", "it is read all the same");
    }
    for name in ["a/../b", "./a", "a..b", "..a/b"] {
        assert_eq!(read_archive(&Archive::usual(&[(name, b"x")])).facts, ["format 7z"]);
    }
    let odd = Archive::usual(&[("pipe", b""), ("a", b"x")])
        .but(|archive| archive.items[0] = Item::mode("pipe", 0o010_644))
        .but(|archive| archive.items.push(Item::of("old", Kind::Anti)));
    let read = read_archive(&odd);
    assert_eq!(
        read.facts[1..],
        ["0: malformed: `pipe` is a device or a pipe", "0: malformed: `old` is removed when it is unpacked"]
    );
}

fn links_are_followed_into_the_stream() {
    let link = |name: &str, target: &str| {
        let files: &[(&str, &[u8])] = &[("first", b"first"), (name, target.as_bytes()), ("last", PICKLE)];
        read_archive(&Archive::usual(files).but(|archive| archive.items[1] = Item::mode(name, 0o120_777)))
    };
    for (name, target) in [("l", "../x"), ("a/l", "../../x"), ("l", "/etc/passwd"), ("l", "..\\x")] {
        let read = link(name, target);
        let shown = target.replace('\\', "/");
        let told = format!(
            "0: malformed: the link `{name}` leads out of the folder into which it is unpacked, to `{shown}`"
        );
        assert_eq!(read.facts, ["format 7z".to_owned(), told]);
        assert_eq!(read.steps(), ["first", "last"]);
    }
    for (name, target) in [("a/l", "../x"), ("l", "a/../x"), ("l", "last")] {
        assert_eq!(link(name, target).facts, ["format 7z"]);
    }
    let long = link("l", &"a/".repeat(4000));
    assert_eq!(long.facts[1], "unread: the target of the link `l`, not read by this version");
}

fn what_is_hidden_is_told() {
    let usual = || Archive::usual(&[("a", b"one")]);
    let twice = read_archive(&Archive::usual(&[("a", b"one"), ("a", b"two")]));
    assert_eq!(
        twice.facts[1..],
        ["0: malformed: a second file is called `a`: the last one stays when it is unpacked"]
    );
    assert_eq!(twice.children, [child("a", b"one"), child("a", b"two")], "both are read");
    let gap = read_archive(&usual().but(|archive| archive.gap = PICKLE.to_vec()));
    let packed = Folder::lzma2(&[b"one"]).packed[0].len() + 32;
    // The header that 7-Zip packs stands where the gap ends.
    assert!(gap.facts.iter().all(|fact| !fact.contains("ended")), "{:?}", gap.facts);
    assert_eq!(gap.facts[1], format!("{packed}: malformed: 4 bytes belong to no file of the archive"));
    assert_eq!(gap.child(&format!("#bytes at {packed}")), PICKLE);
    let mut behind = usual().bytes();
    let end = behind.len();
    behind.extend(PICKLE);
    let behind = read("seven-zip", &behind);
    assert_eq!(behind.facts[1], format!("{end}: malformed: 4 bytes belong to no file of the archive"));
    assert_eq!(behind.child(&format!("#bytes at {end}")), PICKLE);
    let unlisted = read_archive(&Archive::new(&["a"], Folder::copy(&[b"one", PICKLE])));
    assert_eq!(unlisted.facts[1], "malformed: the packed streams hold more files than are listed");
    let missing = read_archive(&Archive::new(&["a", "b"], Folder::copy(&[b"one"])));
    assert_eq!(missing.facts[1], "ended: malformed: there are more files than the packed streams hold");
    assert_eq!(missing.children, [child("a", b"one")]);
}

fn checksums_are_compared() {
    let bytes = Archive { packs_header: false, ..Archive::usual(&[("a", PICKLE)]) }.bytes();
    for (at, told) in
        [(8, "8: malformed: the checksum of the first header is wrong"), (28, "the header is wrong")]
    {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        let read = read("seven-zip", &wrong);
        assert!(read.facts[1..].iter().any(|fact| fact.ends_with(told)), "{:?}", read.facts);
        assert_eq!(read.children, [child("a", PICKLE)], "it is read all the same");
    }
}

fn plans_of_coders_are_checked() {
    let copy = [1, 0];
    let with = |coders: &[u8], sizes: &[u64]| {
        let folder = Folder { coders: coders.to_vec(), sizes: sizes.to_vec(), ..Folder::copy(&[PICKLE]) };
        read_archive(&Archive::new(&["a"], folder)).facts[1..].join(", ")
    };
    let two = |bound: &[u8]| [&[2][..], &copy, &copy, bound].concat();
    assert_eq!(with(&two(&[0, 1]), &[4, 4]), "");
    assert_eq!(with(&two(&[1, 0]), &[4, 4]), "");
    for (coders, sizes, told) in [
        (vec![0], &[][..], "ended: malformed: a folder has no coder"),
        (vec![33], &[], "ended: malformed: a folder has more coders than any"),
        (vec![1, 0x81, 0], &[], "ended: malformed: a coder has flags that nobody knows"),
        // The first feeds itself.
        (two(&[0, 0]), &[4, 4], "unread: malformed: a coder of a folder feeds nobody"),
        (two(&[0, 9]), &[4, 4], "unread: malformed: a coder is fed by one that is not there"),
        (two(&[9, 1]), &[4, 4], "unread: malformed: a coder of a folder feeds nobody"),
        // BCJ2 has four inputs, and says here that it has one.
        (
            vec![1, 4, 3, 3, 1, 0x1b],
            &[4],
            "unread: malformed: a coder has another number of inputs than its method",
        ),
        (
            vec![1, 0x11, 0, 2, 1, 0, 1],
            &[4],
            "ended: malformed: a folder has fewer packed streams than coders",
        ),
        (
            vec![1, 0x11, 0, 1, 2, 0, 0],
            &[4, 4],
            "ended: a coder with several outputs, not read by this version",
        ),
        (vec![1, 0x11, 0, 1, 3, 0, 0, 0, 1], &[], "ended: malformed: a folder has more outputs than inputs"),
        (
            vec![1, 0x21, 0x21, 1, 41],
            &[4],
            "unread: malformed: a coder has properties that its method does not allow",
        ),
        (
            vec![1, 0x21, 3, 0],
            &[4],
            "unread: malformed: a coder has properties that its method does not allow",
        ),
    ] {
        assert_eq!(with(&coders, sizes), told, "{coders:?}");
    }
    // Two that feed each other.
    let circle = with(&[3, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0], &[4, 4, 4]);
    assert_eq!(circle, "unread: malformed: a coder of a folder feeds nobody");
}

fn claims_of_sizes_are_not_believed() {
    let most = u64::MAX / 4;
    let large = Folder { sizes: vec![most], parts: vec![most], ..Folder::lzma(&[PICKLE], u32::MAX) };
    let read = read_archive(&Archive::new(&["a"], large));
    assert_eq!(read.steps(), ["a"]);
    // A dictionary of 4 GiB is one of four bytes where no more comes out.
    let small = read_archive(&Archive::new(&["a"], Folder::lzma(&[PICKLE], u32::MAX)));
    assert_eq!(small.children, [child("a", PICKLE)]);
    let archive = Archive::new(&["a", "b"], Folder::copy(&[b"one", b"two"]));
    for (at, told) in [
        // Packed streams, folders and files without end.
        ([&[1, 4, 6, 0][..], &number(most)].concat(), "more than 100000 entries in one container"),
        ([&[1, 4, 7, 0x0b][..], &number(most)].concat(), "more than 100000 entries in one container"),
        ([&[1, 5][..], &number(most)].concat(), "more than 100000 entries in one container"),
        (vec![1, 5, 100, 0x11, 3, 0, 0, 0, 0, 0], "malformed: there are more files than names"),
        (vec![1, 4, 6, 0, 100, 9], "malformed: the header ends early"),
        (vec![1, 2, 1, 0xff], "malformed: the header ends early"),
        (vec![1, 99], "malformed: the header holds a part that nobody knows"),
        (vec![99], "malformed: the header begins with nothing that a header begins with"),
        (vec![1, 3], "a header that lies in streams of its own, not read by this version"),
    ] {
        let read = read_facts(&archive.around(&at));
        assert_eq!(read, ["format 7z".to_owned(), format!("ended: {told}")], "{at:?}");
    }
    let few = Limits { entries: 1, ..Limits::default() };
    let limited = read_within("seven-zip", &archive.bytes(), few);
    assert_eq!(limited.facts[1], "ended: more than 1 entries in one container");
}

fn read_facts(bytes: &[u8]) -> Vec<String> {
    read("seven-zip", bytes).facts
}

fn broken_archives_end_with_a_reason() {
    let bytes = Archive::usual(&[("a", PICKLE), ("b", &[7; 600])]).bytes();
    for size in 0..bytes.len() {
        let read = read("seven-zip", &bytes[..size]);
        assert!(read.facts.last().unwrap().starts_with("ended: "), "{size}: {:?}", read.facts);
    }
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0xff;
        read("seven-zip", &broken);
    }
    // Headers in headers, five deep.
    let mut nested = Archive::usual(&[("a", PICKLE)]);
    nested.packs_header = false;
    let mut header = b"\x01\0".to_vec();
    for _ in 0..5 {
        let folder = Folder::copy(&[&header]);
        let at = nested.gap.len() as u64 + nested.folders[0].packed[0].len() as u64;
        nested.gap.extend(&folder.packed[0]);
        header = [&[0x17][..], &streams(&[folder], at)].concat();
    }
    let facts = read_facts(&nested.around(&header));
    assert_eq!(facts.last().unwrap(), "ended: malformed: a header is packed in a header, again and again");
}
