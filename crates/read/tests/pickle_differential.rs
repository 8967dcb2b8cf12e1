//! The machine against CPython's own unpickler: thousands of random streams, from a fixed seed.
//!
//! `pickle_reference.py` loads every stream from memory and from a file, with stand-ins for all modules, and says what
//! was imported, called and changed, and whether it raised. The machine must say the same. Where only the called code
//! could tell (an object of unknown type is used as a number, a text, a tuple), the machine goes on and the reference
//! may stop: then everything that the reference saw must be among what the machine says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use weighbridge_core::fact::{Effect, EffectKind, Target, Value};

use super::pickle_assembler::{Reading, read};
use super::pickle_hostile::Random;

pub(crate) fn trials() -> Vec<Trial> {
    let python = Command::new("python3").arg("-c").arg("import _pickle, resource").output();
    let absent = !python.is_ok_and(|output| output.status.success());
    let names = ["pickle_differential::random_streams", "pickle_differential::mutated_streams"];
    let count =
        std::env::var("WEIGHBRIDGE_TEST_STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(6000);
    vec![
        Trial::test(names[0], move || compare(&generate(1, count, false))).with_ignored_flag(absent),
        Trial::test(names[1], move || compare(&generate(2, count, true))).with_ignored_flag(absent),
    ]
}

/// Streams that are mostly well formed; with `mutate`, then broken in a few places.
fn generate(seed: u64, count: usize, mutate: bool) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|_| {
            let mut stream =
                Writer { random: &mut random, bytes: Vec::new(), height: vec![0], memo: 0 }.stream();
            if mutate {
                for _ in 0..=random.below(3) {
                    random.mutate(&mut stream);
                }
                // An empty file, or one packed with zlib, is another matter.
                if stream.first().is_none_or(|first| *first == b'x') {
                    stream.insert(0, b'.');
                }
            }
            stream
        })
        .collect()
}

/// Writes opcodes that fit the stack most of the time.
struct Writer<'a> {
    random: &'a mut Random,
    bytes: Vec<u8>,
    /// Values above each mark, the bottom first.
    height: Vec<usize>,
    memo: u8,
}

impl Writer<'_> {
    fn stream(mut self) -> Vec<u8> {
        let protocol = self.random.below(7);
        if protocol < 6 {
            self.bytes.extend([0x80, u8::try_from(protocol).unwrap()]);
        }
        if self.random.below(6) == 0 {
            self.value();
            self.bytes.push(b'0');
            *self.height.last_mut().unwrap() -= 1;
        }
        for _ in 0..self.random.below(40) {
            if self.random.below(60) == 0 {
                let wrong = self.random.byte();
                self.bytes.push(wrong);
            } else if self.random.below(30) == 0 {
                self.framed();
            } else {
                self.step();
            }
        }
        while self.height.len() > 1 {
            self.bytes.push(*self.random.pick(b"tld1"));
            self.height.pop();
            *self.height.last_mut().unwrap() += 1;
        }
        if self.height[0] == 0 {
            self.value();
        }
        self.bytes.push(b'.');
        self.bytes
    }

    /// A frame around a few steps, of the right length most of the time.
    fn framed(&mut self) {
        let start = self.bytes.len();
        for _ in 0..self.random.below(6) {
            self.step();
        }
        let length = (self.bytes.len() - start) as u64;
        let length = match self.random.below(8) {
            0 => length.saturating_sub(1),
            1 => length + 1,
            _ => length,
        };
        let body = self.bytes.split_off(start);
        self.bytes.push(0x95);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(body);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        *self.height.last_mut().unwrap() += 1;
    }

    /// Pops so many and pushes one, if so many are there.
    fn fold(&mut self, bytes: &[u8], pops: usize) {
        let top = self.height.last_mut().unwrap();
        if *top >= pops || self.random.below(50) == 0 {
            *top = top.saturating_sub(pops) + 1;
            self.bytes.extend_from_slice(bytes);
        } else {
            self.value();
        }
    }

    fn step(&mut self) {
        match self.random.below(34) {
            0..=8 => self.value(),
            9 | 10 => {
                self.bytes.push(b'(');
                self.height.push(0);
            }
            11..=13 => {
                if self.height.len() > 1 {
                    self.bytes.push(*self.random.pick(b"tttlld\x91o"));
                    self.height.pop();
                    *self.height.last_mut().unwrap() += 1;
                }
            }
            14 => self.fold(b"\x85", 1),
            15 => self.fold(b"\x86", 2),
            16 => self.fold(b"\x87", 3),
            17..=19 => {
                self.global();
                self.arguments();
                self.fold(b"R", 2);
            }
            20 => {
                self.global();
                self.arguments();
                self.fold(b"\x81", 2);
            }
            21 => {
                self.global();
                self.arguments();
                self.push(b"}");
                self.fold(b"\x92", 3);
            }
            22 => {
                self.value();
                let opcode = *self.random.pick(b"bbbba");
                self.fold(&[opcode], 2);
            }
            23 => {
                self.value();
                self.value();
                self.fold(b"s", 3);
            }
            24 => {
                let container = *self.random.pick(b"]]}}\x8f\x8f");
                if self.random.below(3) > 0 {
                    self.push(&[container]);
                }
                self.bytes.push(b'(');
                for _ in 0..self.random.below(4) {
                    self.value();
                    *self.height.last_mut().unwrap() -= 1;
                }
                let opcode = match container {
                    b']' => b'e',
                    b'}' => b'u',
                    _ => 0x90,
                };
                self.bytes.push(opcode);
            }
            25 => {
                let index = self.random.below(5);
                let line = format!("p{index}\n");
                let form = *self.random.pick(&[0, 1, 2, 3]);
                let index = index as u8;
                match form {
                    0 => self.bytes.extend(line.as_bytes()),
                    1 => self.bytes.extend([b'q', index]),
                    2 => self.bytes.extend([b'r', index, 0, 0, 0]),
                    _ => self.bytes.push(0x94),
                }
                self.memo = self.memo.max(1);
            }
            26 | 27 => {
                let index = self.random.below(5) as u8;
                if self.memo > 0 {
                    match self.random.below(3) {
                        0 => self.push(format!("g{index}\n").as_bytes()),
                        1 => self.push(&[b'h', index]),
                        _ => self.push(&[b'j', index, 0, 0, 0]),
                    }
                }
            }
            28 => self.fold(b"2", 1),
            29 => {
                let top = self.height.last_mut().unwrap();
                if *top > 0 {
                    *top -= 1;
                } else if self.height.len() > 1 {
                    self.height.pop();
                }
                self.bytes.push(b'0');
            }
            30 => {
                if self.height.len() > 1 {
                    self.height.pop();
                    self.bytes.push(b'1');
                }
            }
            31 => {
                self.bytes.push(b'(');
                let arguments = self.random.below(3);
                for _ in 0..arguments {
                    self.value();
                    *self.height.last_mut().unwrap() -= 1;
                }
                let (module, name) = (self.module(), self.name());
                self.push(format!("i{module}\n{name}\n").as_bytes());
            }
            32 => match self.random.below(4) {
                0 => self.push(b"Pan id\n"),
                1 => self.fold(b"Q", 1),
                2 => {
                    let code = self.random.below(9) as u8;
                    self.push(&[0x82, code]);
                }
                _ => self.push(b"\x84\x03\0\0\0"),
            },
            _ => {
                self.bytes.extend([0x80, self.random.below(7) as u8]);
            }
        }
    }

    fn arguments(&mut self) {
        self.bytes.push(b'(');
        let count = self.random.below(4);
        for _ in 0..count {
            self.value();
            *self.height.last_mut().unwrap() -= 1;
        }
        self.push(b"t");
    }

    fn module(&mut self) -> &'static str {
        ["m0", "m0", "m1", "m2.sub"][self.random.below(4)]
    }

    fn name(&mut self) -> &'static str {
        ["a", "b", "c.d", "é"][self.random.below(4)]
    }

    fn global(&mut self) {
        let (module, name) = (self.module(), self.name());
        if self.random.below(2) == 0 {
            self.push(format!("c{module}\n{name}\n").as_bytes());
        } else {
            let text = |text: &str| [&[0x8c, text.len() as u8][..], text.as_bytes()].concat();
            self.push(&[text(module), text(name), vec![0x93]].concat());
        }
    }

    fn value(&mut self) {
        let literals: &[&[u8]] = &[
            b"N",
            b"\x88",
            b"\x89",
            b"K\x07",
            b"M\x01\x02",
            b"J\xff\xff\xff\xff",
            b"I01\n",
            b"I00\n",
            b"I+1\n",
            b"I010\n",
            b"I0x1f\n",
            b"I 12\n",
            b"I12 \n",
            b"I-3\n",
            b"I1_0\n",
            b"I0b11\n",
            b"I08\n",
            b"I\n",
            b"I1x\n",
            b"I123456789012345678901234567890\n",
            b"I5\0junk\n",
            b"I0\0\n",
            b"I\0\n",
            b"L5L\n",
            b"L-7\n",
            b"L0x10L\n",
            b"LL\n",
            b"L010L\n",
            b"L5LL\n",
            b"L5l\n",
            b"L1_1L\n",
            b"\x8a\0",
            b"\x8a\x01\xff",
            b"\x8a\x03\0\0\x01",
            b"\x8a\x09\0\0\0\0\0\0\0\0\x01",
            b"\x8b\x02\0\0\0\0\x80",
            b"\x8b\xff\xff\xff\xff",
            b"F1.5\n",
            b"F1e3\n",
            b"Finf\n",
            b"Fnan\n",
            b"F1e999\n",
            b"F 1\n",
            b"F1_0\n",
            b"F.5\n",
            b"F1.\n",
            b"F1e\n",
            b"F-0\n",
            b"F1e-7\n",
            b"F1\0x\n",
            b"G\x3f\xf8\0\0\0\0\0\0",
            b"G\x7f\xf0\0\0\0\0\0\0",
            b"S'a\\x41\\101\\n\\q'\n",
            b"S\"it's\"\n",
            b"S'a\n",
            b"Sa\n",
            b"S''\n",
            b"S'\n",
            b"S'\\x4'\n",
            b"S'\\'\n",
            b"S'\\\\'\n",
            b"S'\xe9'\n",
            b"S'__x__'\n",
            b"S'\\8\\18\\777'\n",
            b"S'a'b'\n",
            b"Vabc\n",
            b"V\\u0041\\\\u0041\n",
            b"V\xe9\\U0001f600\n",
            b"V\\u00\n",
            b"V\\\n",
            b"V\\ud800\n",
            b"V\n",
            b"V__x\n",
            b"V\\U00110000\n",
            b"U\x02ab",
            b"U\x01\xe9",
            b"U\0",
            b"T\x01\0\0\0z",
            b"X\x02\0\0\0\xc3\xa9",
            b"X\x03\0\0\0\xed\xa0\x80",
            b"X\x01\0\0\0\xff",
            b"\x8c\x01a",
            b"\x8c\x03__a",
            b"\x8d\x01\0\0\0\0\0\0\0b",
            b"\x8d\x01\0\0\0\0\0\0\x80b",
            b"C\x02\0\xff",
            b"B\x01\0\0\0\x01",
            b"\x8e\x01\0\0\0\0\0\0\0\x02",
            b"\x96\x01\0\0\0\0\0\0\0\x03",
            b")",
            b"]",
            b"}",
            b"\x8f",
            b"]",
            b"}",
            b")",
        ];
        match self.random.below(literals.len() + 12) {
            index if index < literals.len() => self.push(literals[index]),
            index if index % 3 == 0 => {
                self.value();
                let frozen = *self.random.pick(b"\x85\x86\x98");
                self.fold(&[frozen], if frozen == 0x86 { 2 } else { 1 });
            }
            _ => self.global(),
        }
    }
}

/// What happened: kind, target and arguments, and how often.
type Events = BTreeMap<(String, String, String), u64>;

fn add(events: &mut Events, kind: &str, name: &str, arguments: &str, count: u64) {
    // What the extension registry holds is the loading program's business.
    let name = if name.contains("extension.") { "?" } else { name };
    let key = (kind.to_owned(), name.to_owned(), arguments.to_owned());
    let slot = events.entry(key).or_default();
    // The reference sees every item, the machine every opcode; and it looks an extension code up only once.
    *slot = if matches!(kind, "set-item" | "add" | "extension") { 1 } else { *slot + count };
}

fn events_of(effects: &[(u64, Effect)], end: u64) -> Events {
    let mut events = Events::new();
    for (at, effect) in effects {
        if *at >= end {
            continue;
        }
        let kind = match effect.kind {
            EffectKind::Call | EffectKind::New => "make",
            other => other.as_str(),
        };
        let name = match (&effect.target, effect.kind) {
            (Target::Global(global), _) => format!("{}.{}", global.module, global.name),
            (Target::ResultOf(global), _) => format!("result of {}.{}", global.module, global.name),
            (Target::Unknown(known), EffectKind::Extension) => known.replace("extension code ", "code"),
            (Target::Unknown(known), EffectKind::Persistent) => known.clone(),
            (Target::Unknown(_), _) => "?".to_owned(),
            (other, _) => panic!("no pickle does this: {other:?}"),
        };
        let mut arguments = effect.arguments.clone();
        if effect.opcode == "NEWOBJ_EX" {
            arguments.pop();
        }
        let shown = match effect.kind {
            EffectKind::Call | EffectKind::New | EffectKind::Persistent => {
                let length = arguments.len() as u64;
                canonical(&Value::Tuple(arguments, length), 2)
            }
            _ => String::new(),
        };
        add(&mut events, kind, &name, &shown, effect.count);
    }
    events
}

/// A value as the reference writes it too.
fn canonical(value: &Value, depth: u32) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(digits) if digits.trim_start_matches('-').len() > 20 || digits.contains('<') => {
            "int".to_owned()
        }
        Value::Int(digits) | Value::Float(digits) => digits.clone(),
        Value::Text(text, _) => {
            let mut shown: String = text.chars().take(40).collect();
            while shown.contains("\u{fffd}\u{fffd}") {
                shown = shown.replace("\u{fffd}\u{fffd}", "\u{fffd}");
            }
            format!("text:{shown}")
        }
        Value::Bytes(bytes, _) => bytes.iter().take(40).fold("bytes:".to_owned(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        }),
        Value::Tuple(_, _) if depth == 0 => "tuple".to_owned(),
        Value::Tuple(values, _) => {
            let values: Vec<String> =
                values.iter().take(16).map(|value| canonical(value, depth - 1)).collect();
            format!("({})", values.join(","))
        }
        Value::List(_, count) => format!("list{count}"),
        Value::Set(..) => "set".to_owned(),
        Value::Dict(..) => "dict".to_owned(),
        Value::Global(_) | Value::ResultOf(_) | Value::Persistent(_) | Value::Unknown => "object".to_owned(),
    }
}

/// Errors of the reference at which the machine goes on: the outcome lies with code or settings that it cannot know.
const OPEN: [&str; 18] = [
    "Can't get attribute '__",
    "Can't get attribute '.",
    "Stub",
    "Meta",
    "state is not a dictionary",
    "STACK_GLOBAL requires str",
    "argument list must be a tuple",
    "keywords must be strings",
    "no persistent_load function",
    "unregistered extension code",
    "blocked",
    "MemoryError",
    "out-of-band",
    "AttributeError: __",
    "cannot be interpreted as an integer",
    "byte must be in range",
    "bytearray index",
    "Exceeds the limit",
];

fn compare(streams: &[Vec<u8>]) -> Result<(), libtest_mimic::Failed> {
    let answers = ask(streams)?;
    let (mut loaded, mut raised, mut open) = (0, 0, 0);
    let mut failures = String::new();
    for (stream, answer) in streams.iter().zip(&answers) {
        let reading = read(stream);
        // From memory nobody says where the stream ended.
        let end = answer[1]["end"].as_u64();
        let python = &answer[2];
        if let Err(difference) = judge_python(&reading, python) {
            let bytes = stream.escape_ascii();
            writeln!(
                failures,
                "{bytes}\n  from python: {difference}\n  machine: {:?} c: {:?}",
                reading.unread, answer[1]["error"]
            )?;
        }
        for (way, answer) in ["memory", "file"].iter().zip(answer.as_array().unwrap()) {
            let error = answer["error"].as_str();
            match error {
                None => loaded += 1,
                Some(error) if OPEN.iter().any(|known| error.contains(known)) => open += 1,
                Some(_) => raised += 1,
            }
            if let Err(difference) = judge(&reading, answer, error, end) {
                let bytes = stream.escape_ascii();
                writeln!(failures, "{bytes}\n  from {way}: {difference}\n  machine: {:?}", reading.unread)?;
            }
        }
    }
    if !failures.is_empty() {
        let shown: String = failures.lines().take(60).map(|line| format!("{line}\n")).collect();
        return Err(format!("{} differences\n{shown}", failures.matches("\n  from").count()).into());
    }
    // A generator that writes nothing but broken streams would prove nothing.
    assert!(loaded * 50 > streams.len(), "{loaded} loaded, {raised} raised, {open} open");
    assert!(raised * 20 > streams.len(), "{loaded} loaded, {raised} raised, {open} open");
    Ok(())
}

fn judge(
    reading: &Reading,
    answer: &serde_json::Value,
    error: Option<&str>,
    end: Option<u64>,
) -> Result<(), String> {
    let crossing = reading.unread.iter().any(|(_, reason)| reason.contains("crosses"));
    // What only Python's own unpickler does comes behind the place where the one in C stops.
    let python = reading.unread.iter().any(|(_, reason)| reason.contains("written in Python"));
    let stop =
        reading.unread.iter().filter(|(_, reason)| reason.contains("stops here")).find_map(|(at, _)| *at);
    // The machine goes on behind the first STOP; the reference does not.
    let end = end.or(stop.filter(|_| error.is_some() && !crossing)).unwrap_or(u64::MAX);
    let stops = reading
        .unread
        .iter()
        .any(|(at, reason)| reason.contains("stops here") && at.is_none_or(|at| at <= end));
    let ours = events_of(&reading.effects, end);
    let mut theirs = Events::new();
    for event in answer["events"].as_array().unwrap() {
        let part = |index: usize| event[index].as_str().unwrap();
        add(&mut theirs, part(0), part(1), part(2), 1);
    }
    let missing = theirs.iter().find(|(event, count)| match ours.get(*event) {
        // An operand that a frame cuts is not read back.
        None if crossing => !ours.keys().any(|known| (&known.0, &known.1) == (&event.0, &event.1)),
        None => true,
        Some(ours) => !crossing && ours < *count,
    });
    if let Some(missing) = missing {
        return Err(format!("the machine does not say {missing:?}; error {error:?}\n  ours {ours:?}"));
    }
    let open = error.is_some_and(|error| OPEN.iter().any(|known| error.contains(known)));
    if crossing || open {
        return Ok(());
    }
    if error.is_none() && stops {
        return Err("the machine stops where the reference loads".to_owned());
    }
    if error.is_some() && !stops {
        return Err(format!("the machine goes on where the reference says {error:?}"));
    }
    // Python calls `extend` with nothing, and that comes before the place where the one in C stops.
    let empty = ours.keys().any(|(kind, ..)| kind == "append");
    if (error.is_none() && end == u64::MAX) || python || empty {
        return Ok(());
    }
    match ours.iter().find(|(event, count)| theirs.get(*event) != Some(*count)) {
        Some(extra) => Err(format!("the machine says {extra:?}; error {error:?}")),
        None => Ok(()),
    }
}

/// Whatever the unpickler written in Python does must be among what the machine says.
fn judge_python(reading: &Reading, answer: &serde_json::Value) -> Result<(), String> {
    let ours = events_of(&reading.effects, u64::MAX);
    let mut theirs = Events::new();
    for event in answer["events"].as_array().unwrap() {
        let part = |index: usize| event[index].as_str().unwrap();
        add(&mut theirs, part(0), part(1), part(2), 1);
    }
    let known = |event: &(String, String, String)| {
        ours.keys().any(|known| (&known.0, &known.1) == (&event.0, &event.1))
    };
    // A name that is cut to nothing at the end of the file imports nothing.
    let empty = |event: &(String, String, String)| event.1.starts_with('.') || event.1.ends_with('.');
    match theirs.keys().find(|event| !known(event) && !empty(event)) {
        Some(missing) => Err(format!("does {missing:?}, error {:?}", answer["error"])),
        None => Ok(()),
    }
}

/// What the reference says about each stream.
fn ask(streams: &[Vec<u8>]) -> Result<Vec<serde_json::Value>, libtest_mimic::Failed> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pickle_reference.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (mut input, mut output) = (python.stdin.take().unwrap(), python.stdout.take().unwrap());
    let mut packed = Vec::new();
    for stream in streams {
        packed.extend(u32::try_from(stream.len())?.to_le_bytes());
        packed.extend(stream);
    }
    let writer = std::thread::spawn(move || input.write_all(&packed));
    let mut text = String::new();
    output.read_to_string(&mut text)?;
    writer.join().unwrap()?;
    python.wait()?;
    let answers = text.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>()?;
    if answers.len() != streams.len() {
        return Err(format!("{} answers for {} streams", answers.len(), streams.len()).into());
    }
    Ok(answers)
}
