//! Signing and verifying, beside the reference implementation and tools that only hash: a toy model, and 4 GiB.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::bail;

use super::{Bench, Row, environment, seconds};

pub(super) const TITLE: &str = "Signing and verifying a model";

/// The reference, and the two packages that it needs and does not name.
const REFERENCE: &[&str] = &["model-signing==1.1.1", "pyOpenSSL", "certifi"];
/// Files of the large model, 1 GiB each.
const FILES: u32 = 4;

/// The section.
pub(super) fn section(bench: &Bench) -> anyhow::Result<String> {
    let folder = bench.folder.join("signing");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    toy(&folder.join("toy"))?;
    large(&folder.join("large"))?;
    let key = folder.join("key").display().to_string();
    let public = format!("{key}.pub");
    run(Command::new(bench.own()).args(["key", "generate", &key]))?;
    let python = environment(&bench.folder, "model-signing", REFERENCE)?.display().to_string();
    let b3sum = b3sum(&bench.folder)?;
    let mut text = format!(
        "## {TITLE}\n\nA toy model of 9 small files, and {FILES} files of 1 GiB with a README, in the page cache. `model_signing` 1.1.1 is the \
         reference. `sha256sum`, `openssl` and `b3sum` only hash. *Cached* \
         believes the digests that the run before kept; *README changed* is everything anew after one small file.\n\n\
         | model | what | tool | wall | CPU | memory | exit | CPU, ours = 1 |\n|---|---|---|--:|--:|--:|--:|--:|\n"
    );
    for (model, times) in [("toy", 10), ("large", 3)] {
        let path = format!("signing/{model}");
        let (ours, theirs) = (format!("signing/{model}.sig"), format!("signing/{model}.ref.sig"));
        let sign = [bench.own(), "sign", &path, "--no-cache", "--key", &key, "--signature", &ours];
        let verify =
            [bench.own(), "verify", &path, "--no-cache", "--public-key", &public, "--signature", &ours];
        let mut groups = vec![
            (
                "sign",
                vec![
                    bench.measure("weighbridge", times, &sign)?,
                    bench.measure(
                        "model_signing",
                        times.min(3),
                        &[
                            &python,
                            "-m",
                            "model_signing",
                            "sign",
                            "key",
                            &path,
                            "--private_key",
                            &key,
                            "--signature",
                            &theirs,
                        ],
                    )?,
                ],
            ),
            (
                "verify",
                vec![
                    bench.measure("weighbridge", times, &verify)?,
                    bench.measure(
                        "model_signing",
                        times.min(3),
                        &[
                            &python,
                            "-m",
                            "model_signing",
                            "verify",
                            "key",
                            &path,
                            "--public_key",
                            &public,
                            "--signature",
                            &theirs,
                        ],
                    )?,
                ],
            ),
        ];
        if model == "large" {
            groups[1].1.extend(hashers(bench, &b3sum)?);
            // The first run keeps the digests; what has just changed is not believed.
            std::thread::sleep(std::time::Duration::from_secs(3));
            let cached = [bench.own(), "verify", &path, "--public-key", &public, "--signature", &ours];
            groups.push(("verify, cached", vec![bench.measure("weighbridge", 5, &cached)?]));
            fs::write(folder.join("large/README.md"), "changed\n")?;
            let again = [bench.own(), "sign", &path, "--key", &key, "--signature", &ours];
            groups.push(("sign, README changed", vec![bench.measure("weighbridge", 5, &again)?]));
            for (what, flags) in [("blake3", &["--hash", "blake3"][..]), ("shards", &["--shards"])] {
                let command = [&sign[..], flags].concat();
                groups.push((what, vec![bench.measure("weighbridge", times, &command)?]));
            }
        }
        for (what, rows) in groups {
            tell(&mut text, model, what, &rows)?;
        }
    }
    text.push('\n');
    fs::remove_dir_all(&folder)?;
    Ok(text)
}

fn hashers(bench: &Bench, b3sum: &str) -> anyhow::Result<Vec<Row>> {
    let each = |tool: &str| format!("ls signing/large/*.bin | xargs -P 2 -n 1 {tool}");
    Ok(vec![
        bench.measure("sha256sum, two at a time", 3, &["sh", "-c", &each("sha256sum")])?,
        bench.measure("openssl, two at a time", 3, &["sh", "-c", &each("openssl dgst -sha256")])?,
        bench.measure("b3sum", 3, &["sh", "-c", &format!("{b3sum} signing/large/*.bin")])?,
    ])
}

fn tell(text: &mut String, model: &str, what: &str, rows: &[Row]) -> anyhow::Result<()> {
    let ours = rows.first().map_or(f64::NAN, |row| row.cpu);
    for row in rows {
        writeln!(
            text,
            "| {model} | {what} | {} | {} | {} | {:.0} MB | {} | {:.1} |",
            row.who,
            seconds(row.wall),
            seconds(row.cpu),
            row.memory as f64 / 1e6,
            row.exit,
            row.cpu / ours,
        )?;
    }
    Ok(())
}

fn toy(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("sub"))?;
    for number in 0..8 {
        fs::write(folder.join(format!("sub/file-{number}.json")), format!("{{\"number\": {number}}}"))?;
    }
    Ok(fs::write(folder.join("weights.bin"), [7; 64 << 10])?)
}

/// Files whose bytes no hash function can shorten.
fn large(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("README.md"), "a model\n")?;
    let mut block: Vec<u8> = vec![0; 1 << 20];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..FILES {
        let mut file = File::create(folder.join(format!("weights-{number}.bin")))?;
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

/// `b3sum`, installed on first use.
fn b3sum(folder: &Path) -> anyhow::Result<String> {
    let tools = folder.join("tools");
    let program = tools.join("bin/b3sum");
    if !program.exists() {
        run(Command::new("cargo")
            .args(["install", "--quiet", "--locked", "--version", "1.8.7", "b3sum", "--root"])
            .arg(&tools))?;
    }
    Ok(program.display().to_string())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    if !command.status()?.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}
