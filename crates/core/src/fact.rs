//! What the bytes say, without judgement. Facts outlive rules: a new rule judges stored facts again.

use std::collections::BTreeMap;

use crate::coverage::Unread;
use crate::digest::{Claimed, Digest};
use crate::ecosystem::Ecosystem;
use crate::lock::{Approved, Signature, TensorSignature};
use crate::name::{NamePattern, PackageName};
use crate::place::Evidence;

/// A name that reads as that of a package and is none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Imitation {
    /// As it is written.
    pub written: String,
    /// As it reads.
    pub reads: PackageName,
}

/// One thing that an entry says, and why we believe that it says so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fact {
    /// What is said.
    pub what: What,
    /// Who read it, where.
    pub evidence: Evidence,
}

/// Everything that an entry can say. Closed: a join or a check that forgets a kind does not compile.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// The entry is of this format (id of the reader's format, such as `pickle` or `pytorch-zip`).
    Format(&'static str),
    /// The entry breaks a rule of its format; the rest was still understood.
    Malformed(String),
    /// The entry, or a part of it, could not be read or understood.
    Unread(Unread),

    /// The bytes of the entry are not those that whoever keeps it states.
    Altered(Altered),
    /// The entry is a wheel or a package of conda whose members are not those that its own record states.
    MemberRecord(MemberRecord),
    /// The content of the entry shows formats that its name does not say.
    Misnamed(Misnamed),

    /// Loading the entry does this.
    Effect(Effect),
    /// The entry holds tensors.
    Tensors(Tensors),
    /// The entry is an archive that holds storages of tensors: their sizes in bytes by the keys under which pickles in it
    /// take them, and those by the folder that they lie in.
    Storages(BTreeMap<String, BTreeMap<String, u64>>),
    /// Loading the entry takes these storages out of the archive that it lies in.
    Takes(Vec<Taken>),
    /// The entry is a row of items of a checkpoint: first byte and number of bytes of each, in order.
    Items(Vec<(u64, u64)>),
    /// Loading the entry loads these parts of files beside it.
    Slices(Vec<Slice>),
    /// Code in the entry defines these types, by the names that pickles beside it call them.
    Defines(Vec<String>),

    /// Code of the target imports these modules, by their names.
    Imports(Vec<Import>),

    /// A folder is a project of its own.
    Project(Project),
    /// A project's manifest asks for a package.
    Requires(Requires),
    /// A manifest asks for a package by a name in which letters of other scripts stand for those that they look like.
    Imitation(Imitation),
    /// A manifest takes in another file of the target.
    Includes(Included),
    /// Code of a project runs an installer for what only running the code would tell; as it is written there. Nothing says
    /// that the code is run to make what the project ships.
    ComputedInstall(String),
    /// A lock file fixes a package.
    Locked(Locked),
    /// A lock of models says what was approved.
    Approved(Box<Approved>),
    /// The entry is a signature of model files.
    Signature(Box<Signature>),
    /// A signature over tensors lies inside the entry.
    TensorSignature(Box<TensorSignature>),
    /// A folder is a Python environment.
    Environment(Environment),
    /// `METADATA` or `PKG-INFO` of an installed distribution, or what conda notes of a package that it has installed.
    Distribution(Distribution),
    /// `RECORD` or `installed-files.txt` of an installed distribution, or the list of files in conda's note of a package.
    Record(Vec<Recorded>),
    /// `INSTALLER`: the tool that installed the distribution.
    Installer(String),
    /// `REQUESTED`: the user asked for this distribution by name.
    Requested,
    /// `direct_url.json`: the distribution came from here and not from an index.
    DirectUrl(Origin),
    /// `WHEEL`: tags of the wheel that was installed.
    WheelTags(Vec<String>),
    /// `entry_points.txt`: commands and plug-ins, as group, name and object.
    EntryPoints(Vec<(String, String, String)>),
    /// A `.pth` line that the interpreter executes at every start.
    StartUpCode(String),
    /// Code that runs when a package is installed, or its environment activated.
    InstallCode(InstallCode),
    /// A `.pth` line that adds a folder to the module search path.
    SearchPath(String),
    /// Where installers are told to look for packages.
    Index(PackageIndex),
    /// The entry is a program or library for a machine.
    Binary(Box<Binary>),
    /// The entry is this library, or holds a copy of it.
    Library(Library),

    /// The entry is a bill of materials, which somebody else wrote.
    Bom(Box<Bom>),

    /// The operating system has installed this package.
    SystemPackage(Box<SystemPackage>),
    /// A package of the operating system owns metadata of Python packages.
    SystemOwned(SystemOwned),
    /// The entry says which operating system the root is.
    OperatingSystem(OperatingSystem),
}

/// A package that the operating system has installed, by its own database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SystemPackage {
    /// Whose rules it follows.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Name and version of the source package from which it was built, where the database says so.
    pub source: Option<(PackageName, String)>,
    /// What else decides which data speak of it; said by RPM alone.
    pub built: Built,
}

/// How and by whom a package of the operating system was built.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Built {
    /// For which machine: `x86_64`, `noarch`. Packages for two of them may lie side by side.
    pub architecture: Option<String>,
    /// Who built it, as he calls himself.
    pub vendor: Option<String>,
    /// Name and stream of the module of which it is a part: `nodejs:18`.
    pub module: Option<String>,
    /// Stated licence.
    pub licence: Option<String>,
}

/// What a package of the operating system owns of Python.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SystemOwned {
    /// Whose rules the package follows.
    pub ecosystem: Ecosystem,
    /// The name of the package.
    pub package: PackageName,
    /// The `*.dist-info` and `*.egg-info` that it owns, from the root, sorted.
    pub metadata: Vec<String>,
}

/// Which operating system a root is (os-release(5)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OperatingSystem {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`; none for those without releases.
    pub version: Option<String>,
}

/// What is stated of the bytes of an entry, and what they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Altered {
    /// The digest that is stated.
    pub claimed: Claimed,
    /// The digest of the same form over the bytes.
    pub found: Claimed,
}

/// Where the members of a package file are not those that its own record states: `RECORD` of a wheel, `info/paths.json` of a
/// package of conda.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct MemberRecord {
    /// Members with other bytes, sorted.
    pub altered: Vec<AlteredMember>,
    /// Members that it does not name, sorted.
    pub unrecorded: Vec<String>,
}

/// A member of a package file whose bytes are not those that the record states.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AlteredMember {
    /// Its name in the package.
    pub path: String,
    /// The digest in the record.
    pub stated: Digest,
    /// The digest over the bytes.
    pub found: Digest,
}

/// Formats of an entry by its name and by its content: ids of readers, or of formats that a reader tells apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Misnamed {
    /// What the name says, sorted; empty where it says nothing.
    pub by_name: Vec<&'static str>,
    /// What the first bytes show, sorted; at least one of them is not in `by_name`.
    pub by_content: Vec<&'static str>,
}

/// One thing that loading an entry does, merged over all equal occurrences.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Effect {
    /// What is done.
    pub kind: EffectKind,
    /// To what.
    pub target: Target,
    /// With which arguments; empty for an import.
    pub arguments: Vec<Value>,
    /// What in the format does it: the opcode of a pickle as `pickletools` names it, else the name of the construct in
    /// its format (`Lambda`, `external_data`, `auto_map`).
    pub opcode: &'static str,
    /// Where in the structure of the entry (`graph.node[3]`, `config.layers[2]`); empty where the offset says it all.
    pub pointer: String,
    /// How often the entry does it with these arguments.
    pub count: u64,
    /// More different arguments occurred than are kept; `count` includes them and only their shape is known.
    pub sampled: bool,
    /// Whether a loader gets this far; false behind an error at which every loader stops.
    pub reached: bool,
}

impl Effect {
    /// An effect that happens once and that loaders get to.
    pub fn new(kind: EffectKind, target: Target, opcode: &'static str) -> Self {
        Self {
            kind,
            target,
            arguments: Vec::new(),
            opcode,
            pointer: String::new(),
            count: 1,
            sampled: false,
            reached: true,
        }
    }

    /// The same at this place in the structure of the entry.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), ..self }
    }

    /// The same with these arguments.
    #[must_use]
    pub fn with(self, arguments: Vec<Value>) -> Self {
        Self { arguments, ..self }
    }
}

/// Kinds of effect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EffectKind {
    /// A module is imported and a name looked up in it.
    Import,
    /// Something is called.
    Call,
    /// An object is made by a class's `__new__`.
    New,
    /// State is set on an object: `__setstate__`, else its `__dict__` and slots.
    State,
    /// `append` or `extend` is called on an object that is not a list.
    Append,
    /// Items are set on an object that is not a dictionary.
    SetItem,
    /// Items are added to an object that is not a set.
    Add,
    /// A code of the extension registry is looked up.
    Extension,
    /// The loader's `persistent_load` is asked for an object.
    Persistent,
    /// A buffer from outside the stream is used.
    Buffer,
    /// An operator, layer or filter of the format's own set is applied when the model is loaded or run.
    Operate,
    /// Code that the entry carries, or that lies in a file which it names, is executed.
    Run,
    /// A file outside the entry is opened for reading.
    Read,
    /// A file outside the entry is written.
    Write,
    /// Something is fetched over the network.
    Fetch,
    /// Sizes or offsets make loaders compute with wrapped numbers, and so use memory that is not theirs.
    Corrupt,
    /// Data is claimed behind the end of the file: it was cut short, or is meant to make a loader read past its end.
    Overrun,
}

impl EffectKind {
    /// Whether it is shown with its arguments even when there are none.
    pub(crate) fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::New | Self::Persistent)
    }

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Call => "call",
            Self::New => "new",
            Self::State => "state",
            Self::Append => "append",
            Self::SetItem => "set-item",
            Self::Add => "add",
            Self::Extension => "extension",
            Self::Persistent => "persistent",
            Self::Buffer => "buffer",
            Self::Operate => "operate",
            Self::Run => "run",
            Self::Read => "read",
            Self::Write => "write",
            Self::Fetch => "fetch",
            Self::Corrupt => "corrupt",
            Self::Overrun => "overrun",
        }
    }
}

/// What an effect acts on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// A name in a module, after the renames of Python 2 names that the loader applies.
    Global(Global),
    /// An instance of, or the result of calling, this.
    ResultOf(Global),
    /// A member of the format's own set of operators, layers or filters.
    Operator(Operator),
    /// Code that is not named but carried.
    Code {
        /// Its language or kind: `Python bytecode`, `machine code`, `R`.
        language: &'static str,
        /// What can be shown of it in a line: its first characters, or the name of the file that holds it.
        beginning: String,
    },
    /// A path or URL, as the entry writes it.
    Path(String),
    /// Something that only running the stream could tell; what is known of it.
    Unknown(String),
}

/// An operator, layer or filter by its name in the format's own set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Operator {
    /// Whose set: `keras`, `onnx`, `tensorflow`, `jinja`; names the table by which it is judged.
    pub set: &'static str,
    /// The part of the set: an operator domain of ONNX, a module of Keras; empty where the set has no parts.
    pub domain: String,
    /// Its name.
    pub name: String,
}

/// A module and a qualified name in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Global {
    /// Module, such as `collections`.
    pub module: String,
    /// Qualified name, such as `OrderedDict` or `Outer.Inner`.
    pub name: String,
}

/// A value on the machine's stack, as far as it is known; bounded in depth and breadth.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer, in decimal; a huge one as its size in bytes.
    Int(String),
    /// A float, as Python prints it.
    Float(String),
    /// A text: its beginning, and its full length in bytes of UTF-8.
    Text(String, u64),
    /// Bytes or a byte array: the beginning, and the full length.
    Bytes(Vec<u8>, u64),
    /// A tuple: the first elements, and how many there are.
    Tuple(Vec<Value>, u64),
    /// A list: the first elements, and how many there are.
    List(Vec<Value>, u64),
    /// A set or frozen set: the first elements, and how many there are.
    Set(Vec<Value>, u64),
    /// A dictionary: the first items, and how many there are.
    Dict(Vec<(Value, Value)>, u64),
    /// A module member.
    Global(Global),
    /// The result of calling, or an instance of, a module member.
    ResultOf(Global),
    /// An object that the loader gets from outside by this id.
    Persistent(Box<Value>),
    /// Not known, or too deep to keep.
    Unknown,
}

/// What is known of the tensors in an entry, without their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Tensors {
    /// How many tensors.
    pub count: u64,
    /// Elements of all tensors together.
    pub elements: u64,
    /// Bytes of all tensors together.
    pub bytes: u64,
    /// Data types that occur, sorted.
    pub types: Vec<String>,
}

/// A storage of a tensor, as the one who takes it describes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Taken {
    /// Its key in the archive.
    pub key: String,
    /// How many bytes it must have.
    pub bytes: u64,
    /// Where in the entry it is named.
    pub offset: u64,
}

/// A part of a file that is loaded for itself, as the one who names it describes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slice {
    /// The file, from the folder of the entry that names it.
    pub path: String,
    /// Its first byte in that file.
    pub start: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where in the entry it is named.
    pub offset: u64,
}

/// An import of a module.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Import {
    /// The module with those above it, such as `os.path`.
    pub module: String,
    /// The line of the first statement that imports it, or of a notebook the cell, from 1.
    pub at: u32,
}

/// A folder that declares itself to be a project.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Project {
    /// Its name, where it states one.
    pub name: Option<PackageName>,
    /// Its version, where it states one.
    pub version: Option<String>,
    /// The Python versions that it supports, as a version specifier.
    pub requires_python: Option<String>,
}

/// A requirement for a package (PEP 508, or a *MatchSpec* of conda), parsed and put in canonical form by the reader.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Requirement {
    /// Whose rules name and specifier follow.
    pub ecosystem: Ecosystem,
    /// The package.
    pub name: PackageName,
    /// Extras asked for, sorted.
    pub extras: Vec<PackageName>,
    /// Version specifiers in canonical form, empty for any version. Those of conda may name a build behind a space:
    /// `==1.26.4 py311h64a7726_0`.
    pub specifier: String,
    /// Environment marker in canonical form.
    pub marker: Option<String>,
    /// Where it is to come from.
    pub origin: Origin,
    /// SHA-256 digests of the files that may be installed for it.
    pub digests: Vec<Digest>,
}

/// Where a package comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// An index of packages; which one is the installer's business.
    Index,
    /// A file at a URL.
    Url {
        /// The URL without credentials.
        url: String,
        /// A digest is stated for it, so that its content cannot change unnoticed.
        pinned: bool,
    },
    /// A repository of source code.
    Vcs {
        /// The URL without credentials and revision.
        url: String,
        /// Branch, tag or commit, where one is named.
        reference: Option<String>,
        /// The reference is a full commit id, which cannot move.
        pinned: bool,
    },
    /// The package manager of the operating system.
    System,
    /// A path of this machine or of this project.
    Path {
        /// The path as it is written.
        path: String,
        /// Installed in place.
        editable: bool,
    },
}

/// A requirement and the part that it plays in the file that states it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Requires {
    /// What is asked for.
    pub requirement: Requirement,
    /// When it is asked for.
    pub role: Role,
    /// Packages that a comment of the file names as the reason (`# via`); empty if there is none.
    pub via: Vec<PackageName>,
}

/// When a requirement is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Always.
    Runtime,
    /// With this extra of the project.
    Extra(PackageName),
    /// With this dependency group (PEP 735, or a tool's own groups).
    Group(PackageName),
    /// To build the project.
    Build,
    /// Never by itself: it only narrows the version if something else asks for the package.
    Constraint,
}

/// A file that a manifest takes in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Included {
    /// Its path in the target.
    pub path: String,
    /// It only narrows versions (`-c`), and asks for nothing (`-r` does).
    pub narrows: bool,
}

/// A package as a lock file fixes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Locked {
    /// Whose rules name and version follow.
    pub ecosystem: Ecosystem,
    /// The package.
    pub name: PackageName,
    /// Its version; a source tree may have none.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// SHA-256 digests of its files.
    pub digests: Vec<Digest>,
    /// The marker under which this entry applies.
    pub marker: Option<String>,
    /// It is the locked project itself or a member of its workspace.
    pub root: bool,
    /// What it asks for. A specifier is exact where the lock names the version.
    pub requires: Vec<Requires>,
}

/// A Python environment (`pyvenv.cfg`, or the Python that conda has installed).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Environment {
    /// Full Python version, where stated.
    pub python: Option<String>,
    /// Such as `CPython`.
    pub implementation: Option<String>,
    /// The environment also sees the packages of the base installation, which are not in the target.
    pub system_packages: bool,
}

/// Metadata of an installed distribution.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Distribution {
    /// Whose rules name and version follow.
    pub ecosystem: Ecosystem,
    /// The package.
    pub name: PackageName,
    /// Its version as stated.
    pub version: String,
    /// What it asks for; extras stand in the markers.
    pub requires: Vec<Requirement>,
    /// Extras that it offers.
    pub extras: Vec<PackageName>,
    /// The Python versions that it supports.
    pub requires_python: Option<String>,
    /// SPDX expression, else the free text of the licence field, first line.
    pub licence: Option<String>,
}

/// A file that an installer says it has written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Recorded {
    /// Path as written, relative to the folder that holds the `*.dist-info` or the `conda-meta`.
    pub path: String,
    /// SHA-256 digest, where one is stated.
    pub digest: Option<Digest>,
    /// Size in bytes, where one is stated.
    pub size: Option<u64>,
}

/// Code that runs without being asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct InstallCode {
    /// When it runs.
    pub when: Moment,
    /// The code, or its beginning.
    pub code: String,
    /// How many bytes there are behind that.
    pub rest: u64,
}

/// When code of a package runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Moment {
    /// Before conda installs the package.
    PreLink,
    /// After conda has installed the package.
    PostLink,
    /// Before conda removes the package.
    PreUnlink,
    /// Whenever the environment is activated.
    Activate,
    /// Whenever the environment is left.
    Deactivate,
    /// When the source distribution is built, which its installation does.
    Build,
}

impl Moment {
    /// The words used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreLink => "before it is installed",
            Self::PostLink => "when it is installed",
            Self::PreUnlink => "when it is removed",
            Self::Activate => "whenever its environment is activated",
            Self::Deactivate => "whenever its environment is left",
            Self::Build => "when it is built to be installed",
        }
    }
}

/// A place where an installer is told to look for packages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PackageIndex {
    /// What kind of place it is.
    pub kind: IndexKind,
    /// URL without credentials, or a name, as it is written.
    pub location: String,
    /// The first and the last line of the command that names it, where it counts for that command alone.
    pub lines: Option<(u32, u32)>,
    /// Packages that are to come from there and from nowhere else, sorted.
    pub packages: Vec<PackageName>,
    /// Patterns of further ones.
    pub included: Vec<NamePattern>,
    /// Patterns of packages that are never to come from there.
    pub excluded: Vec<NamePattern>,
    /// Files of requirements that the same command reads: from the folder of the entry, or from one above it.
    pub files: Vec<String>,
}

impl PackageIndex {
    /// Whether the package is to come from there and from nowhere else.
    pub fn is_only_for(&self, name: &PackageName) -> bool {
        self.packages.contains(name) || self.included.iter().any(|it| it.matches(name.as_str()))
    }

    /// Whether the package is never to come from there.
    pub fn is_never_for(&self, name: &PackageName) -> bool {
        self.excluded.iter().any(|it| it.matches(name.as_str()))
    }

    /// A place that counts for everything that the entry asks for.
    pub fn new(kind: IndexKind, location: impl Into<String>) -> Self {
        Self {
            kind,
            location: location.into(),
            lines: None,
            packages: Vec::new(),
            included: Vec::new(),
            excluded: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// Kinds of places to look for packages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IndexKind {
    /// A channel of conda.
    Channel,
    /// An index in the place of the one that the installer has built in.
    Default,
    /// One more index: the best version over all of them is taken, whichever has it.
    Extra,
    /// One more index, asked in order: the first that knows a package answers for it, and this one comes before the
    /// default.
    First,
    /// One more index, which is asked only about packages that the others do not know.
    Last,
    /// An index that is asked only about packages that name it.
    Explicit,
    /// Files or a page of links that is searched besides.
    Links,
    /// A host, or an index, whose certificate is not checked.
    Trusted,
    /// No index is asked at all.
    None,
    /// A setting by which the best version over all indexes is taken, also where they would be asked in order.
    BestMatch,
}

/// What the headers of a program or library say (ELF, PE, Mach-O). Lists are bounded and as they stand in the file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Binary {
    /// The machines that it is for (`x86-64`, `arm64`), joined by `+` where one file holds several.
    pub machine: String,
    /// The name by which others ask for it: `DT_SONAME`, the install name, the name in the export table.
    pub name: Option<String>,
    /// The libraries that it asks for: `DT_NEEDED`, the import table, `LC_LOAD_DYLIB`.
    pub needs: Vec<String>,
    /// Where it looks for them first: `DT_RUNPATH`, else `DT_RPATH`; `LC_RPATH`.
    pub search: Vec<String>,
    /// The build id or UUID, in hexadecimal.
    pub build_id: Option<String>,
    /// The version that its header states: `FileVersion` of a version resource, the current version of a dylib.
    pub version: Option<String>,
    /// The module of Python that it defines (`PyInit_NAME`): then it is the package's own code.
    pub module: Option<String>,
    /// The name of the file that holds its debug symbols (`.gnu_debuglink`). Distributions put the version and release
    /// of their package into it (`libz.so.1.2.11-1.2.11-26.el8.x86_64.debug`).
    pub debug: Option<String>,
}

/// A library in a binary: the file itself, or a copy that was linked into it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Library {
    /// Its name as its authors and advisories call it, such as `openssl`.
    pub name: PackageName,
    /// Its version; none where nothing in the file says it.
    pub version: Option<String>,
    /// What shows it.
    pub sign: Sign,
    /// That which shows it: the text, the file name, the symbol.
    pub shown: String,
}

/// What shows that a library is in a binary, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sign {
    /// A text that only the library itself holds.
    Text,
    /// The version resource of a file that is called like the library.
    Resource,
    /// The name of the file or the one by which others ask for it.
    FileName,
    /// A symbol that only the library itself defines.
    Symbol,
}

impl Sign {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Resource => "version resource",
            Self::FileName => "file name",
            Self::Symbol => "symbol",
        }
    }
}

/// A bill of materials (CycloneDX, SPDX). Nothing in it was checked: it is what its author claims.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bom {
    /// `CycloneDX` or `SPDX`.
    pub standard: &'static str,
    /// Version of the standard, as stated.
    pub version: String,
    /// The components in the order of the document; the one that the bill is about is among them.
    pub components: Vec<BomComponent>,
    /// Who asks for whom, by places in `components`; sorted.
    pub edges: Vec<(usize, usize)>,
}

/// One component of a bill of materials.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BomComponent {
    /// Its name as it is written.
    pub name: String,
    /// Its version, where one is stated.
    pub version: Option<String>,
    /// Its package URL as it is written.
    pub purl: Option<String>,
    /// SHA-256 digests that are stated for it, sorted.
    pub digests: Vec<Digest>,
    /// The kind that is stated, such as `library`.
    pub kind: String,
    /// The component inside which it is listed, by its place in [`Bom::components`].
    pub inside: Option<usize>,
    /// The bill is about it.
    pub subject: bool,
}
