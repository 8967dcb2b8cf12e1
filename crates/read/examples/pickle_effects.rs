//! Prints what loading files would do: `cargo run --release -p weighbridge-read --example pickle_effects -- FILE…`.
//!
//! With `--write FILE` it writes the pickle by which the machine is measured instead: 5,000,053 opcodes and 200 MB of
//! texts, tuples and dictionaries, with a call at the end.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a tool for developers")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::Place;
use weighbridge_core::reader::{Claim, HEAD_BYTES, Hint};
use weighbridge_core::sink::Sink;
use weighbridge_core::source::Source;
use weighbridge_read::READERS;

struct OnDisk(File, u64);

impl Source for OnDisk {
    fn size(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, path] = arguments.as_slice()
        && option == "--write"
    {
        return write(&mut BufWriter::new(File::create(path)?));
    }
    for path in &arguments {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let source = Arc::new(OnDisk(file, size));
        let input = Input::new(source, Limits::default(), Cancel::default());
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head).map_err(|unread| io::Error::other(unread.to_string()))?;
        head.truncate(filled);
        let hint = Hint { path, size, head: &head };
        let best =
            READERS.iter().map(|reader| reader.claims(&hint)).max().filter(|claim| *claim != Claim::No);
        for reader in READERS.iter().filter(|reader| Some(reader.claims(&hint)) == best) {
            let mut sink = Sink::new(Place::file(path.as_str()), reader.about().id, Limits::default());
            let outcome = reader.read(&input, &mut sink);
            println!("{path}: {} {outcome:?}", reader.about().id);
            let found = sink.finish();
            for fact in found.facts {
                match fact.what {
                    What::Effect(effect) => {
                        println!("  {:?} {} ×{}", fact.evidence.span, effect, effect.count)
                    }
                    other => println!("  {other:?}"),
                }
            }
            for child in found.children {
                println!("  child {} for {:?}", child.step, child.reader);
            }
        }
    }
    Ok(())
}

/// A list of a million dictionaries' worth of opcodes.
fn write(output: &mut impl Write) -> io::Result<()> {
    output.write_all(b"\x80\x04](")?;
    // Each round has 50 opcodes: 24 memoized texts, a tuple and its items; 2,000 bytes.
    for round in 0..100_000u32 {
        for text in 0..24u32 {
            let text = format!("{round:08} {text:04} {:060}", 0);
            output.write_all(&[0x8c, u8::try_from(text.len()).unwrap()])?;
            output.write_all(text.as_bytes())?;
            output.write_all(b"\x94")?;
        }
        output.write_all(b"K\x01\x85")?;
    }
    // Every text above stays on the stack up to here.
    output.write_all(b"e")?;
    output.write_all(b"0cposix\nsystem\nX\x02\0\0\0id\x85R.")?;
    output.flush()
}
