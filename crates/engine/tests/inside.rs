//! Entries inside other files: how they are reached, and where the limits cut.

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;

use crate::child;
use crate::support::{
    Folder, Packer, context, deflate, deflated_zeros, limited, said, test, test_if, unread, weigh,
    weigh_source,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("inside::entries_are_read_in_turn", entries),
        test("inside::two_entries_of_one_name_are_both_read", same_name),
        test("inside::a_named_reader_reads_whatever_it_gets", named_reader),
        test("inside::nesting_ends_at_the_limit", nesting),
        test("inside::entries_end_at_the_limit_even_when_nested", too_many),
        test("inside::expansion_ends_at_the_ratio", ratio),
        test("inside::expansion_of_a_whole_file_ends_at_the_limit", unpacked),
        test("inside::overlapping_entries_end", overlap),
        test("inside::packed_data_that_breaks_is_read_as_far_as_it_goes", broken),
        test("inside::sizes_that_are_not_true_are_told", lies),
        test("inside::large_entries_are_the_same_from_memory_and_disk", spilled),
        test("inside::entries_that_nobody_claims_are_not_unpacked", unclaimed),
        test_if(child::no_peak(), "inside::memory_does_not_grow_with_a_file", memory_file),
        test_if(child::no_peak(), "inside::memory_does_not_grow_with_an_entry", memory_entry),
    ]
}

fn boxed(packer: Packer) -> Vec<u8> {
    packer.pack()
}

fn entries() {
    let inner = boxed(Packer::default().slice("x.lines", "say deep"));
    let packer = Packer::default()
        .slice("a.lines", "say slice")
        .deflate("b.lines", "say packed")
        .line("bytes c.lines say_made")
        .deflate("d", &inner)
        .slice("e.txt", "say nothing");
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    let expected =
        ["t › a.lines: slice", "t › b.lines: packed", "t › c.lines: made", "t › d › x.lines: deep"];
    assert_eq!(said(&readings), expected);
    assert!(unread(&readings).is_empty());
    assert_eq!(readings.coverage.read, 6);
}

fn same_name() {
    let packer = Packer::default().slice("a.lines", "say good").slice("a.lines", "say evil");
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    assert_eq!(said(&readings), ["t › a.lines: good", "t › a.lines: evil"]);
    // The very same bytes twice are one entry.
    let packer = Packer::default().line("slice a.lines 0 7").slice("a.lines", "say yes");
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    assert_eq!(said(&readings), ["t › a.lines: yes"]);
}

fn named_reader() {
    let packer = Packer::default()
        .line("reader lines")
        .slice("a.txt", "say yes")
        .line("reader unheard-of")
        .slice("b.txt", "say no");
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    assert_eq!(said(&readings), ["t › a.txt: yes"]);
    assert_eq!(unread(&readings), ["t › b.txt: format `unheard-of`, not read by this version"]);
}

fn nesting() {
    let mut content = boxed(Packer::default().slice("x.lines", "say deepest"));
    for _ in 0..1000 {
        content = boxed(Packer::default().slice("x", &content));
    }
    let readings = weigh_source("t", content, &context()).unwrap();
    assert!(said(&readings).is_empty());
    let expected = format!("t{}: more than 16 containers nested in each other", " › x".repeat(17));
    assert_eq!(unread(&readings), [expected]);
}

fn too_many() {
    let inner = boxed((0..10).fold(Packer::default(), |packer, _| packer.slice("x.lines", "say x")));
    let outer = boxed((0..10).fold(Packer::default(), |packer, _| packer.slice("y", &inner)));
    let limits = Limits { entries: 50, ..Limits::default() };
    let readings = weigh_source("t", outer.clone(), &limited(limits)).unwrap();
    assert_eq!(unread(&readings), ["t: more than 50 entries in one container"]);
    assert_eq!(weigh_source("t", outer, &context()).unwrap().coverage.read, 111);
    // A million entries in one container.
    let many = (0..1_000_000).fold(Packer::default(), |packer, _| packer.line("slice x 0 0"));
    let readings = weigh_source("t", boxed(many), &context()).unwrap();
    assert_eq!(unread(&readings), ["t: more than 100000 entries in one container"]);
}

fn ratio() {
    let zeros = deflated_zeros(64 << 20);
    let limits = Limits { expansion_ratio: 100, ..Limits::default() };
    let readings =
        weigh_source("t", boxed(Packer::default().packed("a.words", &zeros, 64 << 20)), &limited(limits))
            .unwrap();
    assert_eq!(unread(&readings), ["t › a.words: more than 100 unpacked bytes per packed byte"]);
    // What was unpacked until then is still read.
    assert_eq!(said(&readings), ["t › a.words: 1 words"]);
    // The ratio does not multiply from level to level.
    let inner = boxed(Packer::default().packed("a.words", &zeros, 64 << 20));
    let outer = boxed(Packer::default().deflate("x", &inner).deflate("y", &inner).deflate("z", &inner));
    let readings =
        weigh_source("t", outer, &limited(Limits { expansion_ratio: 1000, ..Limits::default() })).unwrap();
    let cut = "t › x › a.words: more than 1000 unpacked bytes per packed byte";
    assert_eq!(unread(&readings)[0], cut);
    // Nothing is left for the second and third.
    assert_eq!(said(&readings), ["t › x › a.words: 1 words"]);
}

fn unpacked() {
    let content = vec![b'x'; 1000];
    let packer = (0..10)
        .fold(Packer::default(), |packer, number| packer.deflate(&format!("{number}.words"), &content));
    let limits = Limits { unpacked_bytes: 4500, ..Limits::default() };
    let readings = weigh_source("t", boxed(packer), &limited(limits)).unwrap();
    let cut = |number: u32| format!("t › {number}.words: more than 4500 bytes unpacked from one file");
    assert_eq!(unread(&readings), [4, 5, 6, 7, 8, 9].map(cut));
}

fn overlap() {
    // Every entry spans the whole content, so that time would grow with the product of both.
    let content = vec![b'x'; 100_000];
    let head = (0..1000)
        .fold(Packer::default(), |packer, number| packer.line(&format!("slice {number}.words 0 100000")));
    let limits = Limits { unpacked_bytes: 1 << 20, depth: 4, ..Limits::default() };
    let readings = weigh_source("t", boxed(head.slice("last", &content)), &limited(limits)).unwrap();
    assert!((10..20).contains(&said(&readings).len()), "{}", said(&readings).len());
    assert!(unread(&readings).len() > 900);
}

fn broken() {
    let packed = deflate(format!("say yes\n{}", "say x\n".repeat(10_000)).as_bytes());
    let half = &packed[..packed.len() / 2];
    let readings =
        weigh_source("t", boxed(Packer::default().packed("a.lines", half, 9)), &context()).unwrap();
    assert!(said(&readings).contains(&"t › a.lines: yes".to_owned()));
    assert!(unread(&readings)[0].starts_with("t › a.lines: ends early, at byte "), "{:?}", unread(&readings));
    let readings =
        weigh_source("t", boxed(Packer::default().packed("a.lines", &[0xff; 9], 9)), &context()).unwrap();
    assert_eq!(unread(&readings), ["t › a.lines: malformed: packed data breaks the rules of DEFLATE"]);
}

fn lies() {
    let packer = Packer::default()
        .packed("a.lines", &deflate(b"say yes"), u64::MAX)
        .packed("b.lines", &deflate(b"say yes"), 0)
        .packed("behind.lines", &[deflate(b"say yes"), b"more".to_vec()].concat(), 7)
        .line(&format!("slice c.lines 0 {}", u64::MAX))
        .line(&format!("slice d.lines {} 10", u64::MAX / 2))
        .line(&format!("deflate e.lines {} 10 10", u64::MAX / 2));
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    let said = said(&readings);
    assert!(
        said.contains(&format!("t › a.lines: malformed: claims {} bytes and unpacks to 7", u64::MAX)),
        "{said:?}"
    );
    assert!(said.contains(&"t › b.lines: malformed: claims 0 bytes and unpacks to 7".to_owned()), "{said:?}");
    let behind = "t › behind.lines: malformed: 4 bytes stand behind the packed data";
    assert!(said.contains(&behind.to_owned()), "{said:?}");
    let unread = unread(&readings);
    assert!(unread[0].starts_with("t › c.lines: "), "{unread:?}");
    assert_eq!(
        unread[unread.len() - 2..],
        ["t › d.lines: ends early, at byte 0", "t › e.lines: ends early, at byte 0"]
    );
}

fn spilled() {
    let content: Vec<u8> = (0..400_000u32).flat_map(|number| format!("{number} ").into_bytes()).collect();
    let target = boxed(Packer::default().deflate("a.words", &content));
    let facts = [1, 100_000, 64 << 20].map(|memory_bytes| {
        let limits = Limits { memory_bytes, ..Limits::default() };
        weigh_source("t", target.clone(), &limited(limits)).unwrap()
    });
    assert_eq!(said(&facts[0]), ["t › a.words: 400000 words"]);
    assert_eq!((&facts[0], &facts[1]), (&facts[1], &facts[2]));
}

fn unclaimed() {
    // Broken after its beginning, which nobody has reason to notice.
    let mut packed = deflate(&(0..100_000u32).flat_map(u32::to_be_bytes).collect::<Vec<u8>>());
    packed.truncate(60_000);
    let packer = Packer::default().packed("data.bin", &packed, 400_000).slice("a.lines", "say yes");
    let readings = weigh_source("t", boxed(packer), &context()).unwrap();
    assert_eq!((said(&readings), unread(&readings).len()), (vec!["t › a.lines: yes".to_owned()], 0));
}

/// Most memory, in MiB, that a process may take to weigh something far larger.
const MOST_MEBIBYTES: u64 = 64;

fn memory_file() {
    let folder = Folder::new().file("a.words", "");
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("a.words")).unwrap();
    file.set_len(512 << 20).unwrap();
    let peak = child::peak_mebibytes(&folder);
    assert!(peak < MOST_MEBIBYTES, "{peak} MiB");
}

fn memory_entry() {
    let zeros = deflated_zeros(256 << 20);
    let packed =
        boxed(Packer::default().packed("a.words", &zeros, 256 << 20).packed("b.words", &zeros, 256 << 20));
    let folder = Folder::new().file("t", packed);
    let readings = weigh(&folder, &limited(Limits { expansion_ratio: 10_000, ..Limits::default() })).unwrap();
    assert_eq!(said(&readings), ["t › a.words: 1 words", "t › b.words: 1 words"]);
    let peak = child::peak_mebibytes(&folder);
    assert!(peak < MOST_MEBIBYTES, "{peak} MiB");
}
