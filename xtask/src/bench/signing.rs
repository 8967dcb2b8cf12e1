//! Signing and verifying, beside the reference implementation and tools that only hash: a toy model, and one of some GiB.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Bench, Row, environment, machine, seconds};

pub(super) const TITLE: &str = "Signing and verifying a model";

/// The reference, and the two packages that it needs and does not name.
pub(super) const REFERENCE: &[&str] = &["model-signing==1.1.1", "pyOpenSSL", "certifi"];
/// Files of the large model if nobody says otherwise, 1 GiB each.
const FILES: u64 = 4;
/// What has changed less long ago is hashed again.
const SETTLED: Duration = Duration::from_secs(3);

/// How a model is hashed, by flags of `sign`.
const FORMS: [(&str, &[&str]); 4] = [
    ("sha256", &[]),
    ("sha256, shards", &["--shards"]),
    ("blake2b", &["--hash", "blake2b"]),
    ("blake3", &["--hash", "blake3"]),
];

/// The section, with a model of so many GiB.
pub(super) fn section(bench: &Bench, gib: Option<&str>) -> anyhow::Result<String> {
    let files: u64 = gib.map_or(Ok(FILES), str::parse).context("expected a number of GiB")?;
    let folder = bench.folder.join("signing");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    // An embedded signature is written into a copy of one file.
    let (room, needed) = (room(&folder)?, files + 2);
    if room < needed {
        bail!(
            "{files} GiB need {needed} GiB of disk, and {room} are free: `cargo xtask bench signing GIB` takes fewer"
        );
    }
    toy(&folder.join("toy"))?;
    large(&folder.join("large"), files)?;
    let measures = Measures::prepare(bench, &folder)?;
    let mut text = format!(
        "## {TITLE}\n\nA toy model of 9 small files, and {files} files of 1 GiB with a README, in the page cache. `model_signing` 1.1.1 \
         is the reference; `sha256sum`, `openssl` and `b3sum` only hash. CPU counts and not the wall, as other work may run on the \
         same cores ({}). *Cached* believes the digests that the run before kept; *README changed* is everything anew after one small \
         file.\n\n\
         | model | what | tool | CPU | CPU, ours = 1 | wall | memory | exit |\n|---|---|---|--:|--:|--:|--:|--:|\n",
        machine(),
    );
    measures.compare(&mut text, "toy", 10)?;
    measures.compare(&mut text, "large", 3)?;
    measures.forms(&mut text, &folder.join("large/README.md"))?;
    measures.embedded(&mut text)?;
    let missing = measures.missing();
    if !missing.is_empty() {
        write!(text, "\nNot there, and so not measured: {}.\n", missing.join(", "))?;
    }
    text.push_str(WALL);
    fs::remove_dir_all(&folder)?;
    Ok(text)
}

/// What bounds SHA-256. The figures are of 2026-11-27.
const WALL: &str = "
SHA-256 of one stream waits for the processor's SHA instructions, each for the one before. The reference hashes by way of OpenSSL with \
the same instructions, one file after the other. Here two large files (or shards, or tensors) take turns on one core, block by block, \
so that one goes on while the other waits; only where there are more of them than threads, as two cores are faster than one. On an AMD \
EPYC two GiB in memory took 0.91 s of CPU so and 1.19 s one after the other; from the page cache, reading included, 1.17 s and 1.48 s. \
Buffers of 64, 128 and 256 KiB took the same, and more than two streams at once gained nothing more. One file alone is hashed as before. \
With that, signing and verifying are more than 1.3 times as fast as the reference by CPU, which is what we want of them. `--hash blake3` \
is the way to more speed.

";

/// The tools, and a key to sign with.
struct Measures<'a> {
    bench: &'a Bench,
    key: String,
    public: String,
    /// That of the reference.
    python: String,
    /// Tools that only hash, with the command for one file; none where it is not there.
    hashers: [(&'static str, Option<String>); 3],
}

impl<'a> Measures<'a> {
    fn prepare(bench: &'a Bench, folder: &Path) -> anyhow::Result<Self> {
        let key = folder.join("key").display().to_string();
        if !Command::new(bench.own()).args(["key", "generate", &key]).status()?.success() {
            bail!("no key could be made");
        }
        let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        // `cargo install b3sum --root target/bench/tools` puts it there.
        let own = bench.folder.join("tools/bin/b3sum").display().to_string();
        let b3sum = [own, "b3sum".to_owned()].into_iter().find(|program| is_there(program));
        let plain = |program: &str, command: &str| is_there(program).then(|| command.to_owned());
        Ok(Self {
            bench,
            public: format!("{key}.pub"),
            key,
            python: environment(&bench.folder, "model-signing", REFERENCE)?.display().to_string(),
            hashers: [
                ("sha256sum", plain("sha256sum", "sha256sum")),
                ("openssl", plain("openssl", "openssl dgst -sha256")),
                ("b3sum", b3sum),
            ],
        })
    }

    fn missing(&self) -> Vec<&str> {
        self.hashers.iter().filter(|(_, command)| command.is_none()).map(|(name, _)| *name).collect()
    }

    fn own(&self, times: u32, words: &[&str]) -> anyhow::Result<Row> {
        let row = self.bench.measure("weighbridge", times, &[&[self.bench.own()], words].concat())?;
        if row.exit != 0 {
            bail!("`{}` ended with {}", row.command, row.exit);
        }
        Ok(row)
    }

    fn sign(&self, times: u32, path: &str, flags: &[&str]) -> anyhow::Result<Row> {
        let signature = format!("{path}.sig");
        self.own(times, &[&["sign", path, "--key", &self.key, "--signature", &signature], flags].concat())
    }

    fn verify(&self, times: u32, path: &str, flags: &[&str]) -> anyhow::Result<Row> {
        let signature = format!("{path}.sig");
        let words = ["verify", path, "--public-key", &self.public, "--signature", &signature];
        self.own(times, &[&words, flags].concat())
    }

    fn reference(&self, verb: &str, path: &str) -> anyhow::Result<Row> {
        let signature = format!("{path}.ref.sig");
        let key = if verb == "sign" {
            ["--private_key", self.key.as_str()]
        } else {
            ["--public_key", self.public.as_str()]
        };
        let words =
            [&[&*self.python, "-m", "model_signing", verb, "key", path, "--signature", &signature], &key[..]];
        self.bench.measure("model_signing", 3, &words.concat())
    }

    /// Signing and verifying with SHA-256, beside all others.
    fn compare(&self, text: &mut String, model: &str, times: u32) -> anyhow::Result<()> {
        let path = format!("signing/{model}");
        let rows = [self.sign(times, &path, &["--no-cache"])?, self.reference("sign", &path)?];
        tell(text, model, "sign", &rows)?;
        let mut rows = vec![self.verify(times, &path, &["--no-cache"])?, self.reference("verify", &path)?];
        if model == "large" {
            for (name, command) in &self.hashers {
                if let Some(command) = command.as_ref().filter(|_| *name != "b3sum") {
                    let each = format!("ls {path}/*.safetensors | xargs -P 2 -n 1 {command}");
                    rows.push(self.bench.measure(
                        &format!("{name}, two at a time"),
                        3,
                        &["sh", "-c", &each],
                    )?);
                }
            }
        }
        tell(text, model, "verify", &rows)
    }

    /// Every way of hashing: anew, believed, and after a change of the README.
    fn forms(&self, text: &mut String, readme: &Path) -> anyhow::Result<()> {
        let path = "signing/large";
        for (number, (form, flags)) in FORMS.into_iter().enumerate() {
            let mut rows = vec![self.sign(3, path, &[flags, &["--no-cache"]].concat())?];
            if let (true, Some(command)) = (form == "blake3", &self.hashers[2].1) {
                rows.push(self.bench.measure(
                    "b3sum",
                    3,
                    &["sh", "-c", &format!("{command} {path}/*.safetensors")],
                )?);
            }
            tell(text, "large", &format!("sign, {form}"), &rows)?;
            // The first run keeps the digests.
            self.verify(1, path, &[])?;
            tell(text, "large", &format!("verify, {form}, cached"), &[self.verify(5, path, &[])?])?;
            fs::write(readme, format!("changed for the {number}th time\n"))?;
            tell(text, "large", &format!("sign, {form}, README changed"), &[self.sign(5, path, flags)?])?;
        }
        let file = "signing/large/weights-0.safetensors";
        for (form, flags) in [FORMS[0], ("sha256, shards of 64 MiB", &["--shards", "67108864"]), FORMS[3]] {
            // Beside the model, not in it.
            let words = ["sign", file, "--no-cache", "--key", &self.key, "--signature", "signing/file.sig"];
            tell(
                text,
                "one file of 1 GiB",
                &format!("sign, {form}"),
                &[self.own(3, &[&words, flags].concat())?],
            )?;
        }
        Ok(())
    }

    /// Signatures over tensors, which are the last because they write the files anew.
    fn embedded(&self, text: &mut String) -> anyhow::Result<()> {
        let path = "signing/large";
        let sign = ["sign", path, "--embed", "--key", &self.key];
        let verify = ["verify", path, "--embedded", "--public-key", &self.public];
        self.own(1, &sign)?;
        sleep(SETTLED);
        let anew = self.own(3, &[&verify[..], &["--no-cache"]].concat())?;
        tell(text, "large", "verify, embedded", &[anew])?;
        self.own(1, &verify)?;
        tell(text, "large", "verify, embedded, cached", &[self.own(5, &verify)?])?;
        tell(text, "large", "sign --embed again, cached", &[self.own(5, &sign)?])
    }
}

fn tell(text: &mut String, model: &str, what: &str, rows: &[Row]) -> anyhow::Result<()> {
    let ours = rows.first().map_or(f64::NAN, |row| row.cpu);
    for row in rows {
        writeln!(
            text,
            "| {model} | {what} | {} | {} | {:.2} | ({}) | {:.0} MB | {} |",
            row.who,
            seconds(row.cpu),
            row.cpu / ours,
            seconds(row.wall),
            row.memory as f64 / 1e6,
            row.exit,
        )?;
    }
    Ok(())
}

/// Free space of a folder in GiB.
fn room(folder: &Path) -> anyhow::Result<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    let kib: u64 = free.context("`df -Pk` names no free space")?.parse()?;
    Ok(kib >> 20)
}

fn toy(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("sub"))?;
    for number in 0..8 {
        fs::write(folder.join(format!("sub/file-{number}.json")), format!("{{\"number\": {number}}}"))?;
    }
    Ok(fs::write(folder.join("weights.bin"), [7; 64 << 10])?)
}

/// Safetensors files of 1 GiB, each of 256 tensors whose bytes no hash function can shorten.
fn large(folder: &Path, files: u64) -> anyhow::Result<()> {
    const TENSOR: u64 = 4 << 20;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("README.md"), "a model\n")?;
    let mut block: Vec<u8> = vec![0; 1 << 20];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..files {
        let tensors = (0..256).map(|tensor| {
            let (from, to) = (tensor * TENSOR, (tensor + 1) * TENSOR);
            format!(r#""{number}.{tensor}":{{"dtype":"U8","shape":[{TENSOR}],"data_offsets":[{from},{to}]}}"#)
        });
        let header = format!("{{{}}}", tensors.collect::<Vec<_>>().join(","));
        let mut file = File::create(folder.join(format!("weights-{number}.safetensors")))?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for _ in 0..1024 {
            for word in block.chunks_exact_mut(8) {
                // xorshift64, Marsaglia 2003.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            file.write_all(&block)?;
        }
    }
    Ok(())
}
