//! Broken and hostile streams: no panic, bounded memory, an answer.

use libtest_mimic::Trial;
use weighbridge_core::limits::Limits;
use weighbridge_core::reader::{Claim, Hint, Reader as _};
use weighbridge_read::model::pickle::Pickle;
use weighbridge_read::model::torch_legacy::TorchLegacy;

use super::pickle_assembler::{Stream, read, read_as};

pub(crate) fn trials() -> Vec<Trial> {
    trials![mutations_never_panic, limits_are_told, a_tail_of_false_starts_ends, repetition_is_bounded]
}

/// Numbers that are the same on every run (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 16) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len());
        &items[index]
    }

    /// Changes, inserts, drops, repeats or cuts.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let byte = self.byte();
        match self.below(6) {
            _ if bytes.is_empty() => bytes.push(byte),
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.remove(at)),
            4 => {
                let end = (at + self.below(12)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ if byte < 40 => bytes.truncate(at),
            _ => {
                bytes[at] =
                    *self.pick(b"(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uG\x80\x81\x85\x8c\x93\x94\x95")
            }
        }
    }
}

fn mutations_never_panic() {
    let seeds = [
        Stream::protocol(4).stack_global("posix", "system").text("id").tuple1().reduce().stop(),
        Stream::protocol(2).raw(b"}(").text("a").raw(b"](K\x01K\x02e").text("b").raw(b"\x8fu").stop(),
        Stream::old().raw(b"(dp0\nS'a'\np1\nI01\nsS'b'\n(lp2\nF1.5\naL5L\nas").stop(),
        Stream::protocol(5)
            .raw(b"\x95\x06\0\0\0\0\0\0\0\x97\x98]\x94h\0")
            .raw(b"(\x82\x05Pid\nQ\x96\x02\0\0\0\0\0\0\0ab")
            .stop(),
    ];
    let limits = Limits { state_bytes: 1 << 20, facts: 1000, ..Limits::default() };
    let mut random = Random::new(7);
    for round in 0..40_000usize {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(6) {
            random.mutate(&mut bytes);
        }
        let hint = Hint { path: "a", size: u64::try_from(bytes.len()).unwrap(), head: &bytes };
        let _: Claim = Pickle.claims(&hint);
        read_as(&Pickle, &bytes, limits);
        if round % 8 == 0 {
            read_as(&TorchLegacy, &bytes, limits);
        }
    }
}

fn limits_are_told() {
    let limits = Limits { state_bytes: 100_000, facts: 50, depth: 4, ..Limits::default() };
    let many = |piece: &[u8]| Stream::protocol(4).raw(&piece.repeat(50_000)).none().stop();
    let imports: Vec<u8> = (0..100).flat_map(|number| format!("cm\nn{number}\n").into_bytes()).collect();
    for (name, bytes, expected) in [
        ("stack", many(b"N"), "more than 100000 bytes of working state"),
        ("marks", many(b"("), "more than 100000 bytes of working state"),
        ("objects", many(b"]0"), "more than 100000 bytes of working state"),
        ("memo far apart", many(b"Nr\0\0\xff\xff0"), ""),
        ("imports", Stream::old().raw(&imports).stop(), "more than 50 facts from one entry"),
    ] {
        let reading = read_as(&Pickle, &bytes, limits);
        let told = reading.unread.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>().join("; ");
        assert_eq!(told, expected, "{name}");
    }
    // A memo index of four thousand millions and a text of nine million million bytes cost nothing.
    let huge = Stream::protocol(4).raw(b"Nr\xff\xff\xff\xff\x8d\0\0\0\0\0\x08\0\0ab").stop();
    let reading = read(&huge);
    assert!(reading.unread[0].1.contains("a stream ends early, at offset 8"), "{:?}", reading.unread);
}

/// Foreign bytes in which every offset looks like the start of a stream that goes on to the end.
fn a_tail_of_false_starts_ends() {
    let mut bytes = Stream::protocol(4).none().stop();
    bytes.extend(b"\x80\x04N".repeat(200_000));
    let reading = read(&bytes);
    assert_eq!(reading.effects.len(), 0);
    assert_eq!(
        reading.malformed.len() + reading.unread.len(),
        1,
        "{:?} {:?}",
        reading.malformed,
        reading.unread
    );
}

/// A large dictionary that is set as state a hundred thousand times, and a long name that is looked up as often.
fn repetition_is_bounded() {
    let mut stream = Stream::protocol(4).global("a", "b").raw(b")\x81").put(0).raw(b"}").put(1).mark();
    for number in 0..1000u32 {
        stream = stream.text(&format!("__{number}")).none();
    }
    let build = stream.raw(b"u0").raw(&b"h\0h\x01b0".repeat(100_000)).none().stop();
    let name =
        Stream::protocol(4).text(&"m".repeat(60_000)).put(0).pop().raw(&b"h\0h\0\x930".repeat(100_000));
    for bytes in [build, name.none().stop()] {
        let reading = read(&bytes);
        let told: Vec<&str> = reading.unread.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(told, ["malformed: the same values are used so often that nobody can look at them all"]);
    }
}
