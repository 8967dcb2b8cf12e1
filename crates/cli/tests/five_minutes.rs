//! `docs/signing.md` leads from a key to a signed model, a trust policy and a lock: what stands there is typed, and tells what stands
//! there.

use std::path::Path;

use crate::support::World;

pub(crate) const TESTS: &[crate::Test] =
    &[("the_five_minutes_of_signing_are_as_documented", the_five_minutes_of_signing)];

fn the_five_minutes_of_signing() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/signing.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("## In five minutes\n").unwrap();
    let (section, _) = rest.split_once("\nA signature proves nothing").unwrap();
    let world = World::new();
    world.write("model/README.md", "# toy\n").write("model/config.json", "{}\n");
    world.write("model/weights.safetensors", weights(1));
    let (mut told, mut typed, mut pictures) = (String::new(), 0, 0);
    for paragraph in section.split("\n\n") {
        let lines: Vec<&str> = paragraph.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        match lines.first() {
            None if paragraph.starts_with("**Somebody changes a byte** of `model/weights.safetensors`") => {
                world.write("model/weights.safetensors", weights(2));
            }
            None => {}
            Some(first) if first.starts_with("weighbridge ") => {
                for command in lines {
                    let run = world.run(command.strip_prefix("weighbridge ").unwrap());
                    told = run.out + &run.err;
                    let is_bad = told.contains("NOT VERIFIED") || told.contains("FAIL");
                    assert_eq!(run.code, Some(i32::from(is_bad)), "{command}\n{told}");
                    typed += 1;
                }
            }
            // A picture may leave lines out, and shows them in order.
            Some(_) => {
                let told = without_keys(&told);
                let mut rest = told.lines();
                for line in lines {
                    let line = without_keys(line);
                    assert!(rest.any(|other| other.starts_with(line.trim_end())), "no `{line}` in:\n{told}");
                }
                pictures += 1;
            }
        }
    }
    assert_eq!((typed, pictures), (13, 6));
}

/// A tensor of one byte 64 times.
fn weights(byte: u8) -> Vec<u8> {
    let header = format!("{:<56}", r#"{"w":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}}"#);
    [&56_u64.to_le_bytes(), header.as_bytes(), &[byte; 64]].concat()
}

/// The text with the fingerprints of keys, which are others each time, made equal.
fn without_keys(text: &str) -> String {
    let mut parts = text.split("key ");
    let mut same = parts.next().unwrap().to_owned();
    for part in parts {
        let is_key = part.get(..16).is_some_and(|hint| hint.bytes().all(|byte| byte.is_ascii_hexdigit()));
        same += if is_key { "key 0000000000000000" } else { "key " };
        same += if is_key { &part[16..] } else { part };
    }
    same
}
