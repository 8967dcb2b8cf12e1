//! Native libraries in real wheels: what is found in each, compared with the table `wheels.tsv`, and every version
//! looked for in the bytes of the file that is said to hold it.
//!
//! `WEIGHBRIDGE_WHEELS=FOLDER` runs it: what the folder lacks comes from the package index that the machine's own `pip`
//! uses (1 GB). `WEIGHBRIDGE_BLESS=1` writes the table.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use weighbridge_advisory::Index;
use weighbridge_check::policy::Policy;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::place::Class;
use weighbridge_engine::flow::{Request, scan};

use crate::support::{context, test_if};

/// Those of the research.
const LINUX: &[&str] = &[
    "av==18.1.0",
    "cryptography==39.0.0",
    "cryptography==50.0.2",
    "faiss-cpu==1.15.1",
    "grpcio==1.85.1",
    "h5py==3.16.0",
    "h5py==3.8.0",
    "lxml==4.9.1",
    "lxml==6.1.3",
    "matplotlib==3.11.2",
    "numpy==1.24.4",
    "numpy==2.4.6",
    "onnxruntime==1.32.0",
    "opencv-python-headless==4.7.0.72",
    "opencv-python-headless==5.0.0.93",
    "pillow==13.0.0",
    "polars==2.1.0",
    "psycopg2-binary==2.9.13",
    "psycopg2-binary==2.9.5",
    "pyarrow==26.0.1",
    "pycurl==7.49.0",
    "pymupdf==2.0",
    "pyzmq==25.0.0",
    "pyzmq==27.3.0",
    "safetensors==0.8.0",
    "scikit-learn==1.9.1",
    "scipy==1.10.1",
    "scipy==1.17.1",
    "sentencepiece==0.2.3",
    "shapely==2.2.0",
    "soundfile==0.14.0",
    "tokenizers==0.23.3",
];
/// Those that are looked at for Windows and macOS too.
const OTHERS: &[&str] = &[
    "cryptography==50.0.2",
    "h5py==3.16.0",
    "numpy==2.4.6",
    "opencv-python-headless==5.0.0.93",
    "pillow==13.0.0",
];
const PLATFORMS: [(&str, &[&str], &[&str]); 3] = [
    (
        "linux",
        LINUX,
        &[
            "manylinux_2_28_x86_64",
            "manylinux_2_27_x86_64",
            "manylinux_2_17_x86_64",
            "manylinux2014_x86_64",
            "manylinux_2_12_x86_64",
            "manylinux2010_x86_64",
        ],
    ),
    (
        "macos",
        OTHERS,
        &[
            "macosx_14_0_arm64",
            "macosx_13_0_arm64",
            "macosx_12_0_arm64",
            "macosx_11_0_arm64",
            "macosx_10_13_arm64",
        ],
    ),
    ("windows", OTHERS, &["win_amd64"]),
];

pub(crate) fn tests() -> Vec<Trial> {
    let folder = std::env::var_os("WEIGHBRIDGE_WHEELS").map(PathBuf::from);
    let missing = match &folder {
        None => Some("WEIGHBRIDGE_WHEELS names no folder for 1 GB of wheels".to_owned()),
        Some(folder) => download(folder).err(),
    };
    let run = move || libraries_of_wheels(&folder.unwrap_or_default());
    vec![test_if(missing.as_deref(), "wheels::libraries_of_real_wheels_are_found_and_none_is_invented", run)]
}

/// Fetches what is not there.
fn download(folder: &Path) -> Result<(), String> {
    for (platform, wheels, tags) in PLATFORMS {
        let to = folder.join(platform);
        fs::create_dir_all(&to).map_err(|error| error.to_string())?;
        let there: BTreeSet<String> = names(&to).into_iter().map(|name| pin(&name)).collect();
        for wheel in wheels.iter().filter(|wheel| !there.contains(**wheel)) {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]);
            pip.args(["--python-version", "3.11"]).arg("--dest").arg(&to);
            tags.iter().for_each(|tag| {
                pip.args(["--platform", tag]);
            });
            if !pip.arg(wheel).output().is_ok_and(|output| output.status.success()) {
                return Err(format!("the package index has no {wheel} for {platform}"));
            }
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".whl"));
    names.sort();
    names
}

/// `NAME==VERSION` of the file name of a wheel.
fn pin(wheel: &str) -> String {
    let mut parts = wheel.split('-');
    let name = parts.next().unwrap_or_default().replace('_', "-");
    format!("{name}=={}", parts.next().unwrap_or_default())
}

fn libraries_of_wheels(folder: &Path) {
    let mut rows = BTreeSet::new();
    for (platform, wheels, _) in PLATFORMS {
        let policy = Policy::default();
        let target = folder.join(platform).display().to_string();
        let request = Request {
            targets: &[target],
            locks: &[],
            exclude: &[],
            jobs: None,
            readers: weighbridge_read::READERS,
            policy: &policy,
        };
        let report = scan(&request, &Index::embedded().unwrap(), "embedded", &context(), &()).unwrap();
        for (id, library) in report.graph.components() {
            let is_native = library.ecosystem == Ecosystem::Native;
            let evidence = report.graph.nodes[id].evidence.iter();
            for evidence in evidence.filter(|evidence| evidence.reader == "native") {
                let wheel = pin(&evidence.place.path);
                let [file] = evidence.place.inner.as_slice() else { continue };
                if !wheels.contains(&wheel.as_str()) {
                    continue;
                }
                let version = library.version.as_deref().unwrap_or("?");
                if evidence.class == Class::Observed && version != "?" && is_native {
                    prove(
                        &folder.join(platform).join(&*evidence.place.path),
                        file,
                        library.name.as_str(),
                        version,
                    );
                }
                let how = evidence.class.as_str();
                // What a distribution has built is its package.
                let kind = if is_native { String::new() } else { format!("{}/", library.ecosystem) };
                let name = &library.name;
                rows.insert(format!("{platform}\t{wheel}\t{file}\t{kind}{name}\t{version}\t{how}"));
            }
        }
    }
    let table: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wheels.tsv");
    if std::env::var_os("WEIGHBRIDGE_BLESS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap();
    let known: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    let lost: Vec<_> = known.difference(&rows).collect();
    let new: Vec<_> = rows.difference(&known).collect();
    assert!(lost.is_empty() && new.is_empty(), "lost {lost:#?}, new {new:#?}");
    assert!(rows.len() > 250, "{} rows", rows.len());
}

/// The version stands in the bytes of the file or in its name, or is what its name means.
fn prove(wheel: &Path, file: &str, library: &str, version: &str) {
    /// Versions of interfaces, each with what the project's release notes say it belongs to.
    const MEANT: &[(&str, &str)] = &[
        ("so.7.2.0", "1.6.0"),
        ("libwebp.7.1.10", "1.5.0"),
        ("so.16.4.2", "1.4.2"),
        ("16.3.0", "1.3.0"),
        ("16.4.2", "1.4.2"),
        ("so.6.20.6", "2.14.3"),
        ("so.2.0.19", "2.19.1"),
        ("so.5.2.4", "4.3.4"),
        ("so.5.2.5", "4.3.5"),
        ("so.23.3.0", "1.0.18"),
        (".3.3.so", "0.3.3"),
    ];
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(file).unwrap().read_to_end(&mut bytes).unwrap();
    let plain = version.trim_end_matches("-fips").trim_end_matches("-distribution");
    let numbers: Vec<u32> = plain.split('.').filter_map(|number| number.parse().ok()).collect();
    let packed = match numbers.as_slice() {
        [major, minor, patch] => (major * 10_000 + minor * 100 + patch).to_string(),
        _ => plain.to_owned(),
    };
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    let meant = MEANT.iter().any(|(ending, means)| file.contains(ending) && *means == version);
    let proved =
        file.contains(plain) || meant || holds(plain.as_bytes()) || holds(packed.as_bytes()) || holds(&wide);
    assert!(proved, "{}: {file}: nothing says {library} {version}", wheel.display());
}
