//! Folders to weigh, readers for made-up formats, and what came of it as text.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;
use weighbridge_core::context::{Context, Python, Remote};
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::fact::{Recorded, What};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::opener::{Entry, Handle, Opened, Tree};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Codec, Follow, Sink};
use weighbridge_core::source::Source;
use weighbridge_core::world::World;
use weighbridge_engine::flow::ScanError;
use weighbridge_engine::join::Joined;
use weighbridge_engine::read::{Options, Readings, read};

/// A test that may panic to fail.
pub(crate) fn test(name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        run();
        Ok(())
    })
}

/// A test that this machine does not allow, if `missing` says what it lacks.
pub(crate) fn test_if(missing: Option<&str>, name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    match missing {
        None => test(name, run),
        Some(missing) => test(&format!("{name} [skipped: {missing}]"), run).with_ignored_flag(true),
    }
}

/// A test that needs what `prepare` makes; without it, it is told as ignored with the reason. Nothing is prepared for a
/// test that is not asked for.
pub(crate) fn test_when<R: FnOnce()>(
    name: &str,
    prepare: impl FnOnce() -> Result<R, String> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || match prepare() {
        Ok(run) => {
            run();
            Ok(Completion::Completed)
        }
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

pub(crate) fn context() -> Context {
    Context {
        today: Date::from_ymd(2026, 1, 1).unwrap(),
        limits: Limits::default(),
        cancel: Cancel::default(),
        offline: true,
        python: Python {
            version: "3.12.0".into(),
            platform: BTreeMap::new(),
            system: None,
            meant: Default::default(),
        },
        remote: Remote::default(),
        roots: Vec::new(),
        cache: None,
    }
}

pub(crate) fn limited(limits: Limits) -> Context {
    Context { limits, ..context() }
}

/// A folder that goes away with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    /// Adds a file and the folders on the way to it.
    pub(crate) fn file(self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.path().join(path)).unwrap();
        self
    }

    /// Adds a symbolic link that says `to`.
    #[cfg(unix)]
    pub(crate) fn link(self, path: &str, to: impl AsRef<Path>) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
        self
    }
}

/// Reads one folder with [`READERS`].
pub(crate) fn weigh(folder: &Folder, context: &Context) -> Result<Readings, ScanError> {
    weigh_all(&[&folder.text()], &[], context)
}

pub(crate) fn weigh_all(
    targets: &[&str],
    exclude: &[&str],
    context: &Context,
) -> Result<Readings, ScanError> {
    let targets =
        targets.iter().map(|target| weighbridge_net::open(target, context)).collect::<Result<_, _>>()?;
    let exclude: Vec<String> = exclude.iter().map(ToString::to_string).collect();
    let options = Options { readers: READERS, exclude: &exclude, jobs: NonZeroUsize::new(2) };
    read(targets, &options, context, &())
}

/// Reads one file made of `source`.
pub(crate) fn weigh_source(
    name: &str,
    source: impl Source + 'static,
    context: &Context,
) -> Result<Readings, ScanError> {
    let options = Options { readers: READERS, exclude: &[], jobs: NonZeroUsize::new(1) };
    read(vec![opened(vec![entry(name, Arc::new(source))])], &options, context, &())
}

pub(crate) fn opened(entries: Vec<Entry>) -> Opened {
    struct Nothing;
    impl Tree for Nothing {
        fn find(&self, _: &str) -> Option<Entry> {
            None
        }
    }
    Opened {
        name: "target".into(),
        entries,
        excluded: Vec::new(),
        notes: Vec::new(),
        tree: Box::new(Nothing),
    }
}

pub(crate) fn entry(name: &str, source: Arc<dyn Source>) -> Entry {
    struct Ready(Arc<dyn Source>);
    impl Handle for Ready {
        fn open(&self) -> Result<Arc<dyn Source>, Unread> {
            Ok(Arc::clone(&self.0))
        }
    }
    Entry {
        path: name.into(),
        size: source.size(),
        handle: Arc::new(Ready(source)),
        link_to: None,
        claimed: None,
    }
}

/// What readers said, as `place: what` lines; only facts that the readers here make, and what is malformed.
pub(crate) fn said(readings: &Readings) -> Vec<String> {
    let facts = readings.facts.iter().flat_map(|(place, facts)| facts.iter().map(move |fact| (place, fact)));
    let lines = facts.filter_map(|(place, fact)| match &fact.what {
        What::SearchPath(text) => Some(format!("{place}: {text}")),
        What::Malformed(text) => Some(format!("{place}: malformed: {text}")),
        _ => None,
    });
    lines.collect()
}

/// What was not read, as `place: reason` lines.
pub(crate) fn unread(readings: &Readings) -> Vec<String> {
    readings.coverage.unread.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)).collect()
}

/// The readers below, sorted by id.
pub(crate) static READERS: &[&dyn Reader] = &[&Boxes, &Lines, &Records, &Words];

/// `*.lines`, or a file that begins with `#lines`: a command a line, see the code.
pub(crate) struct Lines;

impl Reader for Lines {
    fn about(&self) -> &'static About {
        &About { id: "lines", title: "lines", family: Family::Package, names: &["*.lines"], reads: "lines" }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        assert!(hint.name() != "panic-in-claim", "asked for");
        if hint.head.starts_with(b"#lines") {
            Claim::ByMagic
        } else if hint.has_extension("lines") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let text = String::from_utf8(input.read_text()?).map_err(|_| Unread::Malformed("no text".into()))?;
        for (number, line) in (1..).zip(text.lines()) {
            let span = Some(Span::Line(number));
            match line.split_once(' ') {
                Some(("say", text)) => sink.observed(What::SearchPath(text.to_owned()), span),
                Some(("include", path)) => sink.follow(Follow { path: path.into(), reader: "lines", span }),
                Some(("seek", path)) => sink.seek(Follow { path: path.into(), reader: "lines", span }),
                Some(("words", path)) => sink.follow(Follow { path: path.into(), reader: "words", span }),
                Some(("fail", why)) => return Err(Unread::Malformed(why.to_owned())),
                Some(("panic", why)) => panic!("{why}"),
                _ => {}
            }
        }
        Ok(())
    }
}

/// `*.words`: says how many words there are, reading through a small window.
pub(crate) struct Words;

impl Reader for Words {
    fn about(&self) -> &'static About {
        &About { id: "words", title: "words", family: Family::Model, names: &["*.words"], reads: "words" }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.has_extension("words") { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut cursor = input.cursor(0, 4096);
        let (mut words, mut inside) = (0u64, false);
        loop {
            let piece = cursor.peek()?;
            let length = piece.len();
            for byte in piece {
                words += u64::from(!inside && *byte != b' ');
                inside = *byte != b' ';
            }
            if length == 0 {
                break;
            }
            cursor.skip(length as u64);
        }
        sink.observed(What::SearchPath(format!("{words} words")), None);
        Ok(())
    }
}

/// `RECORD`: `PATH` or `PATH digest` a line, each a recorded file.
pub(crate) struct Records;

impl Reader for Records {
    fn about(&self) -> &'static About {
        &About { id: "record", title: "record", family: Family::Package, names: &["RECORD"], reads: "paths" }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "RECORD" { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let text = String::from_utf8(input.read_text()?).unwrap();
        let digest = weighbridge_core::digest::Digest::of(b"");
        let recorded = |line: &str| match line.strip_suffix(" digest") {
            Some(path) => Recorded { path: path.into(), digest: Some(digest), size: None },
            None => Recorded { path: line.into(), digest: None, size: None },
        };
        sink.declared(What::Record(text.lines().map(recorded).collect()), None);
        Ok(())
    }
}

/// A container: `BOX`, then one line for each entry (`slice NAME OFFSET SIZE`, `deflate NAME OFFSET SIZE UNPACKED`,
/// `reader ID` for the entry after it), then an empty line and the bytes. Offsets count from the empty line on.
pub(crate) struct Boxes;

impl Reader for Boxes {
    fn about(&self) -> &'static About {
        &About { id: "box", title: "box", family: Family::Archive, names: &["*.box"], reads: "entries" }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(b"BOX\n") {
            Claim::ByMagic
        } else if hint.has_extension("box") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; usize::try_from(input.size().min(32 << 20)).unwrap()];
        input.read_exact(0, &mut head)?;
        let end = head.windows(2).position(|two| two == b"\n\n");
        let end = end.ok_or(Unread::Malformed("no end of head".into()))?;
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        let start = end as u64 + 2;
        let mut reader = None;
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            let body = match words[0] {
                "reader" => {
                    reader = Some(if words[1] == "lines" { "lines" } else { "unheard-of" });
                    continue;
                }
                "slice" => Body::Slice { offset: start + number(2), size: number(3) },
                "deflate" => {
                    Body::Deflate { offset: start + number(2), size: number(3), unpacked: number(4) }
                }
                "stream" => {
                    let codec = match words[4] {
                        "bzip2" => Codec::Bzip2,
                        "gzip" => Codec::Gzip,
                        "lz4" => Codec::Lz4,
                        "lzma" => Codec::Lzma,
                        "xz" => Codec::Xz,
                        "zlib" => Codec::Zlib,
                        _ => Codec::Zstd,
                    };
                    Body::Stream { codec, offset: start + number(2), size: number(3) }
                }
                _ => Body::Bytes(words[2].replace('_', " ").into_bytes()),
            };
            sink.child(Child { step: words[1].into(), body, reader: reader.take() });
        }
        Ok(())
    }
}

/// Packs a box.
#[derive(Clone, Default)]
pub(crate) struct Packer {
    head: String,
    content: Vec<u8>,
}

impl Packer {
    /// An entry as it is.
    pub(crate) fn slice(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.head.push_str(&format!("slice {name} {} {}\n", self.content.len(), content.len()));
        self.content.extend(content);
        self
    }

    /// A packed entry that tells the truth about its size.
    pub(crate) fn deflate(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let size = content.as_ref().len() as u64;
        self.packed(name, &deflate(content.as_ref()), size)
    }

    /// A packed entry that says that it unpacks to `unpacked` bytes.
    pub(crate) fn packed(mut self, name: &str, packed: &[u8], unpacked: u64) -> Self {
        self.head.push_str(&format!("deflate {name} {} {} {unpacked}\n", self.content.len(), packed.len()));
        self.content.extend(packed);
        self
    }

    /// An entry packed as a stream.
    pub(crate) fn stream(mut self, name: &str, codec: &str, packed: &[u8]) -> Self {
        self.head.push_str(&format!("stream {name} {} {} {codec}\n", self.content.len(), packed.len()));
        self.content.extend(packed);
        self
    }

    /// A line of the head as it is.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.head.push_str(line);
        self.head.push('\n');
        self
    }

    pub(crate) fn pack(self) -> Vec<u8> {
        [b"BOX\n", self.head.as_bytes(), b"\n", &self.content].concat()
    }
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// `size` zeros, packed, without holding them.
pub(crate) fn deflated_zeros(size: u64) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut io::Read::take(io::repeat(0), size), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

/// A source that says it has `size` bytes and gives zeros, but only up to `real`; counts what is read.
pub(crate) struct Zeros {
    pub size: u64,
    pub real: u64,
    pub read: Arc<AtomicU64>,
}

impl Source for Zeros {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.real.saturating_sub(offset)).unwrap().min(buffer.len());
        buffer[..count].fill(0);
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What those rules find in a target, as `RULE SEVERITY TITLE`.
pub(crate) fn findings_of(
    joined: &Joined,
    readings: &Readings,
    context: &Context,
    is_meant: impl Fn(&str) -> bool,
) -> Vec<String> {
    let world = World {
        graph: &joined.graph,
        routes: &joined.graph.routes(),
        facts: &readings.facts,
        files: &readings.files,
        artifacts: &[],
        matches: &[],
        clear: &Default::default(),
        unassessed: &Default::default(),
        standings: &Default::default(),
        indexed: &Default::default(),
        installed: &joined.installed,
        disagreements: &joined.disagreements,
        context,
    };
    let mut findings = Vec::new();
    for check in weighbridge_check::CHECKS {
        if check.rules().iter().any(|rule| is_meant(rule.id)) {
            check.check(&world, &mut findings);
        }
    }
    let told = findings.iter();
    told.map(|finding| format!("{} {} {}", finding.rule.id, finding.severity, finding.title)).collect()
}
