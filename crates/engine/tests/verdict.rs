//! The verdict against CPython: what is judged harmless does nothing when Python's own unpicklers load it.
//!
//! Thousands of random streams, half of them mutated: values, calls of what is on the allow-list and
//! of what is not, attributes, state, streams inside of streams. `verdict_reference.py` loads each in a process of its
//! own, under an audit hook that stops whatever would act, and says what that was. `WEIGHBRIDGE_TEST_STREAMS` sets how
//! many, `WEIGHBRIDGE_TEST_SEED` which; `cargo xtask fuzz` runs it for an hour. `WEIGHBRIDGE_TEST_PYTHON` names another
//! Python than `python3`: names of the libraries that are installed there are tried as well as the standard library's.

use std::env;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use libtest_mimic::Trial;
use weighbridge_check::safety::judge_artifacts;
use weighbridge_core::report::Safety;
use weighbridge_engine::read::{Options, read};

use crate::support::{Folder, context, entry, opened, test_if};

/// The allow-list; of it the reference has the standard library.
const GLOBALS: &str = include_str!("../../check/data/globals.tsv");
const STDLIB: &str = include_str!("../../check/data/globals-stdlib.tsv");

/// Streams that are given to the reference at once.
const BATCH: usize = 500;

pub(crate) fn tests() -> Vec<Trial> {
    let python = Command::new(python().0).args(["-c", "import _pickle, resource, os; os.fork"]).output();
    let missing = if python.is_ok_and(|output| output.status.success()) { None } else { Some("no Python") };
    let count =
        env::var("WEIGHBRIDGE_TEST_STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(3000);
    vec![test_if(missing, "verdict::what_is_harmless_fires_no_event", move || compare(count))]
}

/// The Python that says what happens, and whether it is another than the usual one.
fn python() -> (String, bool) {
    env::var("WEIGHBRIDGE_TEST_PYTHON")
        .map_or_else(|_| ("python3".to_owned(), false), |python| (python, true))
}

/// Names on the allow-list: those of the standard library, or all.
fn allowed(libraries: bool) -> Vec<(&'static str, &'static str)> {
    let is_standard = |module: &str| {
        let top = module.split('.').next().unwrap_or_default();
        STDLIB.lines().any(|line| line.split('\t').next() == Some(top))
    };
    let rows = GLOBALS.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?, fields.next()?))
    });
    rows.filter(|(module, _)| libraries || is_standard(module)).collect()
}

fn compare(count: usize) {
    let (python, libraries) = python();
    let mut allowed = allowed(libraries);
    assert!(allowed.len() > 100, "{}", allowed.len());
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdict_reference.py");
    let mut reference = Command::new(python)
        .args(["-I", "-W", "ignore"])
        .arg(script)
        .arg(folder.path())
        .envs(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = reference.stdin.take().unwrap();
    let mut output = BufReader::new(reference.stdout.take().unwrap()).lines();
    let mut send = move |bytes: &[u8]| {
        input.write_all(&u32::try_from(bytes.len()).unwrap().to_le_bytes()).unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    };
    let mut list = String::new();
    for (module, name) in &allowed {
        writeln!(list, "{module} {name}").unwrap();
    }
    send(list.as_bytes());
    let missing: Vec<String> = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
    allowed.retain(|(module, _)| !missing.iter().any(|missing| missing == module));
    assert!(allowed.len() > 100, "{}", allowed.len());
    let seed: u64 = env::var("WEIGHBRIDGE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    // Neighbouring seeds must not begin alike, and none may be zero.
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0xd134_2543_de82_ef95));
    let (mut harmless, mut acted) = (0usize, 0usize);
    let mut wrong = Vec::new();
    for start in (0..count).step_by(BATCH) {
        let streams: Vec<Vec<u8>> =
            (start..count.min(start + BATCH)).map(|_| stream(&mut random, &allowed)).collect();
        for (stream, verdict) in streams.iter().zip(verdicts(&streams)) {
            send(stream);
            let events = output.next().unwrap().unwrap();
            acted += usize::from(events != "[]");
            harmless += usize::from(verdict == Some(Safety::Harmless));
            if events != "[]" && verdict == Some(Safety::Harmless) {
                wrong.push(format!("{events}: {}", stream.escape_ascii()));
            }
        }
    }
    drop(send);
    reference.wait().unwrap();
    assert!(wrong.is_empty(), "{} of {count}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    // Otherwise the streams are of no use.
    assert!(harmless * 20 > count && acted * 20 > count, "{harmless} harmless and {acted} acting of {count}");
}

/// What the whole engine says of each.
fn verdicts(streams: &[Vec<u8>]) -> Vec<Option<Safety>> {
    let name = |index: usize| format!("{index:06}.pkl");
    let entries = streams.iter().enumerate();
    let entries = entries.map(|(index, stream)| entry(&name(index), Arc::new(stream.clone()))).collect();
    let options = Options { readers: weighbridge_read::READERS, exclude: &[], jobs: NonZeroUsize::new(2) };
    let readings = read(vec![opened(entries)], &options, &context(), &()).unwrap();
    let artifacts = judge_artifacts(&readings.facts, &readings.files);
    let verdict = |index: usize| {
        let of = artifacts.iter().find(|artifact| *artifact.place.path == *name(index));
        of.map(|artifact| artifact.safety)
    };
    (0..streams.len()).map(verdict).collect()
}

/// Numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// What attacks name.
const ATTACKS: [(&str, &str); 24] = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "open"),
    ("builtins", "map"),
    ("__builtin__", "apply"),
    ("__builtin__", "execfile"),
    ("subprocess", "Popen"),
    ("commands", "getoutput"),
    ("operator", "attrgetter"),
    ("_operator", "methodcaller"),
    ("importlib", "import_module"),
    ("functools", "reduce"),
    ("types", "FunctionType"),
    ("pathlib", "Path.unlink"),
    ("collections", "OrderedDict.__init__.__globals__"),
    ("builtins", "str.format"),
    ("copyreg", "add_extension"),
    ("io", "open"),
    ("io", "FileIO"),
    ("codecs", "decode"),
    ("marshal", "loads"),
];

/// What is on the allow-list and does most, so that it has to be judged by its arguments.
const TOOLS: [(&str, &str); 14] = [
    ("builtins", "getattr"),
    ("__builtin__", "getattr"),
    ("builtins", "type"),
    ("functools", "partial"),
    ("collections", "defaultdict"),
    ("copyreg", "_reconstructor"),
    ("copy_reg", "_reconstructor"),
    ("copyreg", "__newobj__"),
    ("copyreg", "__newobj_ex__"),
    ("_codecs", "encode"),
    ("pickle", "loads"),
    ("pathlib", "Path"),
    ("io", "BytesIO"),
    ("re", "_compile"),
];

const TEXTS: [&str; 34] = [
    "id",
    "a",
    "",
    "latin1",
    "rot13",
    "hex",
    "split",
    "format",
    "join",
    "append",
    "extend",
    "add",
    "unlink",
    "touch",
    "read_text",
    "exists",
    "cwd",
    "_unpickle",
    "fromkeys",
    "func",
    "args",
    "__new__",
    "__class__",
    "__init__",
    "__globals__",
    "__dict__",
    "__setstate__",
    "__getattribute__",
    "__subclasses__",
    "__reduce_ex__",
    "__doc__",
    "default_factory",
    "mro",
    "{0.__class__}",
];

/// A stream of one value, mutated in half of all cases.
fn stream(random: &mut Random, allowed: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer { random, allowed, out: vec![0x80, 4], memo: 0 };
    if writer.random.below(4) == 0 {
        writer.out = vec![0x80, 2];
    }
    for _ in 0..writer.random.below(3) {
        writer.value(3);
        writer.out.push(b'0');
    }
    writer.value(5);
    writer.out.push(b'.');
    let mut bytes = writer.out;
    if random.below(2) == 0 {
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len().max(1));
            match random.below(4) {
                0 if !bytes.is_empty() => drop(bytes.remove(at)),
                1 => bytes.insert(at, random.pick(b"(.012RbtaesuN}])\x81\x85\x86\x93\x94o")),
                2 if at + 8 < bytes.len() => {
                    let piece = bytes[at..at + 8].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ if !bytes.is_empty() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                _ => {}
            }
        }
    }
    bytes
}

/// Writes values in the order in which the unpickler needs them.
struct Writer<'a> {
    random: &'a mut Random,
    allowed: &'a [(&'a str, &'a str)],
    out: Vec<u8>,
    memo: u8,
}

impl Writer<'_> {
    fn value(&mut self, depth: usize) {
        let Some(below) = depth.checked_sub(1) else { return self.literal() };
        match self.random.below(24) {
            0..=3 => self.literal(),
            4 => self.values(below, b't'),
            5 => self.values(below, b'l'),
            6 => {
                self.out.extend(b"(");
                for _ in 0..self.random.below(3) {
                    self.key();
                    self.value(below);
                }
                self.out.push(b'd');
            }
            7 | 8 => self.global(),
            9..=13 => self.call(below),
            14 => {
                self.global();
                self.values(below, b't');
                self.out.push(0x81);
            }
            15 => {
                self.out.push(b'(');
                self.global();
                for _ in 0..self.random.below(3) {
                    self.value(below);
                }
                self.out.push(b'o');
            }
            16 | 17 => {
                self.call(below);
                self.state(below);
                self.out.push(b'b');
            }
            18 => {
                self.value(below);
                let close = self.random.pick(b"e\x90");
                self.values(below, close);
            }
            19 => {
                self.value(below);
                self.key();
                self.value(below);
                self.out.push(b's');
            }
            20 if self.memo > 0 => {
                let index = u8::try_from(self.random.below(usize::from(self.memo))).unwrap();
                self.out.extend([b'h', index]);
            }
            21 if self.memo < 200 => {
                self.value(below);
                self.out.push(0x94);
                self.memo += 1;
            }
            22 => self.nested(below),
            _ => self.attribute(below),
        }
    }

    fn literal(&mut self) {
        match self.random.below(8) {
            0 => self.out.push(b'N'),
            1 => self.out.extend([b'K', u8::try_from(self.random.below(256)).unwrap()]),
            2 => self.out.push(0x88),
            3 => self.out.extend(b"C\x01a"),
            4 => self.out.push(self.random.pick(b")]}\x8f")),
            5 => self.out.extend(b"G\x3f\xf0\0\0\0\0\0\0"),
            _ => self.key(),
        }
    }

    fn key(&mut self) {
        let text = self.random.pick(&TEXTS);
        self.text(text);
    }

    fn text(&mut self, text: &str) {
        self.out.push(b'X');
        self.out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        self.out.extend(text.as_bytes());
    }

    /// A name: of an attack, of a tool, of anything allowed.
    fn global(&mut self) {
        let (module, name) = match self.random.below(12) {
            0 => self.random.pick(&ATTACKS),
            1..=3 => self.random.pick(&TOOLS),
            _ => self.random.pick(self.allowed),
        };
        if self.random.below(2) == 0 {
            self.out.extend(format!("c{module}\n{name}\n").as_bytes());
        } else {
            self.text(module);
            self.text(name);
            self.out.push(0x93);
        }
    }

    fn values(&mut self, depth: usize, close: u8) {
        self.out.push(b'(');
        for _ in 0..self.random.below(4) {
            self.value(depth);
        }
        self.out.push(close);
    }

    fn call(&mut self, depth: usize) {
        if self.random.below(8) == 0 {
            self.value(depth);
        } else {
            self.global();
        }
        self.values(depth, b't');
        self.out.push(b'R');
    }

    fn state(&mut self, depth: usize) {
        match self.random.below(4) {
            0 => self.value(depth),
            1 => {
                self.out.push(b'N');
                self.dictionary(depth);
                self.out.push(0x86);
            }
            _ => self.dictionary(depth),
        }
    }

    fn dictionary(&mut self, depth: usize) {
        self.out.extend(b"}(");
        for _ in 0..self.random.below(3) {
            self.key();
            self.value(depth);
        }
        self.out.push(b'u');
    }

    /// `getattr`, of a class or of an instance, perhaps called.
    fn attribute(&mut self, depth: usize) {
        self.out.extend(b"cbuiltins\ngetattr\n(");
        if self.random.below(3) == 0 {
            self.value(depth);
        } else {
            self.global();
        }
        self.key();
        self.out.extend(b"tR");
        if self.random.below(3) == 0 {
            self.values(depth, b't');
            self.out.push(b'R');
        }
    }

    /// A loader of a stream that stands here as bytes.
    fn nested(&mut self, depth: usize) {
        let mut inner = Writer { random: self.random, allowed: self.allowed, out: Vec::new(), memo: 0 };
        inner.value(depth);
        inner.out.push(b'.');
        let inner = inner.out;
        self.out.extend(b"cpickle\nloads\n");
        self.out.push(b'B');
        self.out.extend(u32::try_from(inner.len()).unwrap().to_le_bytes());
        self.out.extend(inner);
        self.out.extend(b"\x85R");
    }
}
