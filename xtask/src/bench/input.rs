//! The inputs of the benchmarks: made by code, the same every time, kept under `target/bench/` once made.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;

use anyhow::Context as _;
use weighbridge_core::digest::Digest;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// 41 packages with versions of some years ago, names in odd spellings.
const PINNED: &str = "aiohttp==3.8.1\nBottle==0.12.19\ncertifi==2021.10.8\ncryptography==36.0.0\nDjango==3.2.10\n\
    fastapi==0.70.0\nFlask==1.1.2\ngradio==3.0.0\nGunicorn==20.1.0\nhttplib2==0.19.0\nidna==3.3\nipython==7.30.0\n\
    Jinja2==2.11.2\njoblib==1.0.1\nKeras==2.6.0\nlangchain==0.0.150\nlxml==4.6.4\nMarkupSafe==2.0.1\nmlflow==1.20.0\n\
    nltk==3.6.5\nnotebook==6.4.0\nnumpy==1.19.0\nonnx==1.10.0\nopencv_python==4.5.1.48\nparamiko==2.8.0\nPillow==8.3.1\n\
    protobuf==3.18.0\nPyJWT==2.1.0\nPyYAML==5.3\nray==1.8.0\nrequests==2.25.0\nscikit.learn==0.24.0\nscipy==1.7.0\n\
    setuptools==58.0.0\nstarlette==0.16.0\ntensorflow==2.6.0\ntorch==1.10.0\ntornado==6.1\ntransformers==4.12.0\n\
    urllib3==1.26.4\nwerkzeug==2.0.1\n";

pub(super) fn pinned_requirements(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    Ok(fs::write(folder.join("requirements.txt"), PINNED)?)
}

/// Unpacks the shared advisories for the loopback service; false when they are not there.
pub(super) fn advisories(root: &Path, to: &Path) -> anyhow::Result<bool> {
    let from = root.join("../shared/advisories/pypi-osv.jsonl.zst");
    if !from.exists() {
        return Ok(false);
    }
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(File::open(from)?)?;
    let mut text = Vec::new();
    decoder.read_to_end(&mut text)?;
    fs::write(to, text)?;
    Ok(true)
}

/// What lies in a folder.
#[derive(Default)]
pub(super) struct Counted {
    /// Installed packages.
    pub(super) packages: usize,
    /// Programs and libraries of Linux.
    pub(super) binaries: usize,
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// Counts what lies in a folder, links left out.
pub(super) fn count(folder: &Path) -> anyhow::Result<Counted> {
    let mut counted = Counted::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                counted.packages += usize::from(entry.path().extension().is_some_and(|it| it == "dist-info"));
                folders.push(entry.path());
            } else if entry.file_type()?.is_file() {
                let mut magic = Vec::new();
                File::open(entry.path())?.take(4).read_to_end(&mut magic)?;
                counted.binaries += usize::from(magic == b"\x7fELF");
                counted.files += 1;
                counted.bytes += entry.metadata()?.len();
            }
        }
    }
    Ok(counted)
}

/// A bill of materials; each fiftieth component is a package that advisories are about.
pub(super) fn bill(folder: &Path, components: usize) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let index = weighbridge_advisory::Index::embedded()?;
    let names: Vec<&str> = index.packages().collect();
    let mut out = BufWriter::new(File::create(folder.join("sbom.json"))?);
    write!(out, "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[")?;
    for number in 0..components {
        let known = names.get(number / 50 % names.len()).filter(|_| number % 50 == 0);
        let name = known.map_or_else(|| format!("package-{number}"), ToString::to_string);
        let version = format!("{}.{}.{}", number % 9, number % 7, number / 1500);
        let comma = if number == 0 { "" } else { "," };
        write!(
            out,
            "{comma}\n{{\"type\":\"library\",\"name\":\"{name}\",\"version\":\"{version}\",\"purl\":\"pkg:pypi/{name}@{version}\"}}"
        )?;
    }
    writeln!(out, "]}}")?;
    Ok(out.flush()?)
}

/// A `uv.lock` in which each package asks for four others.
pub(super) fn lock(folder: &Path, packages: usize) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join("pyproject.toml"),
        "[project]\nname = \"large\"\nversion = \"1\"\ndependencies = [\"package-0\"]\n",
    )?;
    let mut out = BufWriter::new(File::create(folder.join("uv.lock"))?);
    writeln!(out, "version = 1\nrequires-python = \">=3.12\"\n")?;
    writeln!(out, "[[package]]\nname = \"large\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}")?;
    writeln!(out, "dependencies = [\n    {{ name = \"package-0\" }},\n]")?;
    for package in 0..packages {
        writeln!(out, "\n[[package]]\nname = \"package-{package}\"\nversion = \"1.{package}\"")?;
        writeln!(out, "source = {{ registry = \"https://index.example/simple\" }}\ndependencies = [")?;
        for step in 1..=4 {
            writeln!(out, "    {{ name = \"package-{}\" }},", (package * 2 + step) % packages)?;
        }
        let digest = Digest::of(&package.to_le_bytes());
        writeln!(
            out,
            "]\nwheels = [\n    {{ url = \"https://index.example/p-{package}.whl\", hash = \"sha256:{digest}\", size = 1 }},\n]"
        )?;
    }
    Ok(out.flush()?)
}

/// A protocol 4 pickle of a list of records, 200 MB, as CPython's pickler writes it: every text and tuple is memoised.
/// Returns the number of opcodes.
pub(super) fn large_pickle(path: &Path) -> anyhow::Result<u64> {
    const RECORDS: u64 = 830_000;
    // Per record: SHORT_BINUNICODE MEMOIZE BININT BINFLOAT TUPLE3 MEMOIZE.
    let operations = 2 + 3 + RECORDS * 6 + 2 * RECORDS.div_ceil(1000) + 1;
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    if path.exists() {
        return Ok(operations);
    }
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(b"\x80\x04]\x94")?;
    for record in 0..RECORDS {
        if record % 1000 == 0 {
            out.write_all(if record == 0 { b"(" } else { b"e(" })?;
        }
        let text =
            format!("record {record:09} {}", "a line of text that is neither short nor long ".repeat(5));
        let text = text.get(..220).unwrap_or(&text);
        out.write_all(&[0x8c, 220])?;
        out.write_all(text.as_bytes())?;
        out.write_all(&[0x94, b'J'])?;
        out.write_all(&(record as u32).to_le_bytes())?;
        out.write_all(b"G")?;
        out.write_all(&(record as f64).to_be_bytes())?;
        out.write_all(&[0x87, 0x94])?;
    }
    out.write_all(b"e.")?;
    out.flush()?;
    Ok(operations)
}

/// Small pickles of dictionaries with an ordered dictionary inside.
pub(super) fn small_pickles(folder: &Path, count: u32) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..count {
        let mut bytes = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
        for key in 0..number % 50 {
            bytes.extend(format!("X\x03\x00\x00\x00{key:03}").bytes());
            bytes.extend([b'K', key as u8]);
        }
        bytes.extend(b"u.");
        fs::write(folder.join(format!("model-{number}.pkl")), bytes)?;
    }
    Ok(())
}

/// A PyTorch checkpoint with eight storages; the tensors are zeros.
pub(super) fn large_checkpoint(path: &Path, bytes: u64) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .large_file(true);
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path)?));
    archive.start_file("model/data.pkl", options)?;
    archive.write_all(b"\x80\x02ccollections\nOrderedDict\n)R.")?;
    let block = vec![0; 1 << 20];
    for storage in 0..8 {
        archive.start_file(format!("model/data/{storage}"), options)?;
        for _ in 0..bytes / 8 / block.len() as u64 {
            archive.write_all(&block)?;
        }
    }
    archive.start_file("model/version", options)?;
    archive.write_all(b"3\n")?;
    archive.finish()?.flush()?;

    Ok(())
}

/// A safetensors file of so many bytes of tensors, 1 MiB each; they are zeros.
pub(super) fn large_safetensors(path: &Path, bytes: u64) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    const TENSOR: u64 = 1 << 20;
    let tensors: Vec<String> = (0..bytes / TENSOR)
        .map(|number| {
            let (from, to) = (number * TENSOR, (number + 1) * TENSOR);
            format!(r#""w{number}":{{"dtype":"F32","shape":[512,512],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", tensors.join(","));
    let mut file = File::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.set_len(8 + header.len() as u64 + bytes)?;
    Ok(())
}
