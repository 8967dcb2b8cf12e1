//! Builds the advisory snapshot that is committed inside the `advisory` crate.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use weighbridge_advisory::Index;

/// The day of the snapshot of the records (see the README of the shared advisories).
const AS_OF: &str = "2026-07-23";

/// The day up to which the newest sources about libraries reach.
const LIBRARIES_AS_OF: &str = "2026-08-22";

const SOURCES: &[&str] = &[
    "Python Packaging Advisory Database contributors, CC-BY-4.0 (snapshot 2026-07-23)",
    "CISA Known Exploited Vulnerabilities catalogue, CC0-1.0 (2025-08-25)",
    "CISA Vulnrichment, CC0-1.0 (2024-10-24)",
];

const LIBRARY_SOURCES: &[&str] = &[
    "Facts about C and C++ libraries by their maintainers and others, each record with its own source (2024-10 to 2026-08)",
    "bitnami/vulndb, Apache-2.0; SecurityAdvisories.jl contributors, CC-BY-4.0; OSS-Fuzz / Google, CC-BY-4.0; anchore/nvd-data-overrides, CC0-1.0",
    "AlmaLinux errata, of the libraries that wheels are repaired with",
];

/// The releases of AlmaLinux on which manylinux wheels are built.
const RELEASES: &[&str] = &["almalinux:10", "almalinux:8", "almalinux:9"];

/// Packages of these whose libraries tools copy into wheels (auditwheel names them in its SBOM). Sorted. Not in it is what
/// comes from EPEL (HDF5, libsodium, libssh2, netCDF, PortAudio, ZeroMQ): auditwheel calls that a package of AlmaLinux too,
/// but AlmaLinux's errata never speak of it, and their silence does not mean that it is sound.
const RPMS: &[&str] = &[
    "OpenEXR-libs",
    "alsa-lib",
    "atlas",
    "audit-libs",
    "avahi-libs",
    "brotli",
    "bzip2-libs",
    "c-ares",
    "cairo",
    "compat-openssl10",
    "compat-openssl11",
    "cups-libs",
    "cyrus-sasl-lib",
    "dbus-libs",
    "e2fsprogs-libs",
    "elfutils-libelf",
    "expat",
    "fftw-libs",
    "flac-libs",
    "fontconfig",
    "freetype",
    "gdk-pixbuf2",
    "giflib",
    "glib2",
    "glibc",
    "gmp",
    "gnutls",
    "graphite2",
    "gsm",
    "harfbuzz",
    "ilmbase",
    "jasper-libs",
    "jbigkit-libs",
    "keyutils-libs",
    "krb5-libs",
    "lame-libs",
    "lcms2",
    "libICE",
    "libSM",
    "libX11",
    "libX11-xcb",
    "libXau",
    "libXcursor",
    "libXdmcp",
    "libXext",
    "libXfixes",
    "libXi",
    "libXinerama",
    "libXpm",
    "libXrandr",
    "libXrender",
    "libXxf86vm",
    "libacl",
    "libaio",
    "libarchive",
    "libatomic",
    "libattr",
    "libblkid",
    "libcap",
    "libcom_err",
    "libcurl",
    "libdb",
    "libdrm",
    "libedit",
    "libevent",
    "libexif",
    "libffi",
    "libgcc",
    "libgcrypt",
    "libgfortran",
    "libglvnd",
    "libgomp",
    "libgpg-error",
    "libicu",
    "libidn2",
    "libjpeg-turbo",
    "libmount",
    "libnghttp2",
    "libogg",
    "libpng",
    "libpq",
    "libpsl",
    "libquadmath",
    "libquadmath-devel",
    "libsamplerate",
    "libselinux",
    "libsndfile",
    "libssh",
    "libstdc++",
    "libtasn1",
    "libtheora",
    "libtiff",
    "libtool-ltdl",
    "libunistring",
    "libusbx",
    "libuuid",
    "libva",
    "libvorbis",
    "libvpx",
    "libwebp",
    "libxcb",
    "libxcrypt",
    "libxkbcommon",
    "libxml2",
    "libxslt",
    "libyaml",
    "libzip",
    "lz4-libs",
    "mariadb-connector-c",
    "mesa-libGL",
    "mpfr",
    "ncurses-libs",
    "nettle",
    "nspr",
    "nss",
    "nss-softokn",
    "nss-util",
    "openblas",
    "openblas-openmp",
    "openblas-serial",
    "openblas-threads",
    "openjpeg2",
    "openldap",
    "openssl-libs",
    "opus",
    "p11-kit",
    "pango",
    "pcre",
    "pcre2",
    "pixman",
    "pulseaudio-libs",
    "readline",
    "snappy",
    "speex",
    "sqlite-libs",
    "systemd-libs",
    "tbb",
    "unixODBC",
    "xz-libs",
    "zlib",
    "zlib-ng-compat",
];

/// Reads the shared advisories and writes the snapshot and its README.
///
/// # Errors
/// When the shared folder is not there or its content is not what it should be.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let data = root.join("crates/advisory/data");
    let shared =
        shared_dir(root).context("no folder `shared` with advisories beside or above the project")?;
    let (index, libraries) = (build(&shared)?, build_libraries(&shared)?);
    let (bytes, library_bytes) = (index.to_bytes(), libraries.to_bytes());
    fs::create_dir_all(&data)?;
    let mut text = readme(&index, bytes.len())?;
    text.push_str(&libraries_readme(&libraries, library_bytes.len())?);
    fs::write(data.join("README.md"), text)?;
    fs::write(data.join("pypi.snapshot"), bytes)?;
    fs::write(data.join("libraries.snapshot"), library_bytes)?;
    Ok(())
}

fn build_libraries(shared: &Path) -> anyhow::Result<Index> {
    let mut builder = Index::library_builder(RELEASES, RPMS);
    builder.add_exploited(&fs::read(shared.join("kev.json")).context("no `kev.json`")?)?;
    for file in ["native-osv.jsonl.zst", "almalinux.jsonl.zst"] {
        for line in lines(&shared.join(file))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty()) {
            builder.add_osv(file, line);
        }
    }
    if let Some((name, error)) = builder.broken().first() {
        bail!("{} records cannot be read, the first is {name}: {error}", builder.broken().len());
    }
    Ok(builder.finish(LIBRARIES_AS_OF.parse()?, LIBRARY_SOURCES.iter().map(ToString::to_string).collect()))
}

fn libraries_readme(index: &Index, size: usize) -> anyhow::Result<String> {
    let about = index.about();
    let mut text = String::from(
        "\n## Libraries\n\n`libraries.snapshot` holds facts of the same form about C and C++ libraries that wheels carry, in the \
         versions of their authors, and about the packages of distributions from which tools copy libraries into wheels. A \
         record about a library says how well founded its versions are (`exact` to `bisect`) and from which source they come.\n\n",
    );
    for source in &about.sources {
        writeln!(text, "- {source}")?;
    }
    writeln!(
        text,
        "\n| what | count |\n|---|--:|\n| records | {} |\n| packages that a record is about | {} |\n| packages of distributions \
         that are covered | {} |\n| bytes | {size} |\n\nComplete up to {}. Bounds that cannot be compared, and so never match: {}.",
        index.advisories().len(),
        index.packages().count(),
        about.covered.len(),
        about.as_of,
        about.gaps.len(),
    )?;
    Ok(text)
}

/// `shared/advisories` beside the project or above it, so that a work tree elsewhere finds it too.
pub(crate) fn shared_dir(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    root.ancestors().map(|folder| folder.join("shared/advisories")).find(|folder| folder.is_dir())
}

fn build(shared: &Path) -> anyhow::Result<Index> {
    let mut builder = Index::builder();
    builder.add_exploited(&fs::read(shared.join("kev.json")).context("no `kev.json`")?)?;
    for line in
        lines(&shared.join("cve-facts.jsonl.zst"))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty())
    {
        builder.add_cve_facts(line)?;
    }
    for line in
        lines(&shared.join("pypi-osv.jsonl.zst"))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty())
    {
        builder.add_osv("a line", line);
    }
    if let Some((name, error)) = builder.broken().first() {
        bail!("{} records cannot be read, the first is {name}: {error}", builder.broken().len());
    }
    Ok(builder.finish(AS_OF.parse()?, SOURCES.iter().map(ToString::to_string).collect()))
}

/// The lines of a file packed by Zstandard.
pub(crate) fn lines(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("no `{}`", path.display()))?;
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn readme(index: &Index, size: usize) -> anyhow::Result<String> {
    let about = index.about();
    let exploited = index.advisories().iter().filter(|it| it.exploited_since.is_some()).count();
    let malicious = index.advisories().iter().filter(|it| it.malicious).count();
    let rated = index.advisories().iter().filter(|it| it.score.is_some()).count();
    let mut text = String::from(
        "# The embedded advisories\n\n<!-- Written by `cargo xtask advisories`; do not edit. -->\n\n`pypi.snapshot` \
         holds facts about vulnerable and malicious Python packages (ids, aliases, version ranges, scores, weaknesses, \
         dates) and no prose. It is built from these sources, to whom thanks are due:\n\n",
    );
    for source in &about.sources {
        writeln!(text, "- {source}")?;
    }
    writeln!(
        text,
        "\n| what | count |\n|---|--:|\n| records | {} |\n| packages | {} |\n| rated by CVSS | {rated} |\n| known to be \
         exploited | {exploited} |\n| malicious packages | {malicious} |\n| withdrawn, left out | {} |\n| bytes | {size} |",
        index.advisories().len(),
        index.packages().count(),
        about.withdrawn,
    )?;
    writeln!(
        text,
        "\nComplete up to {}. Parts of records that cannot be understood, and so never match:\n",
        about.as_of
    )?;
    for gap in &about.gaps {
        match gap.text.as_str() {
            "" => writeln!(text, "- {} ({}): names no versions", gap.record, gap.package)?,
            gap_text => writeln!(text, "- {} ({}): `{gap_text}`", gap.record, gap.package)?,
        }
    }
    Ok(text)
}
