//! What is meant: what was typed, merged with environment, configuration file and defaults, in this order. Nothing
//! behind this file sees an `Option` where a default is known.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use weighbridge_check::policy::{Policy, Settings, Statement, baseline_from_json, vex_from_json};
use weighbridge_core::context::{Context, Meant, ObjectStore, Python, Remote, Secret, StoreKey};
use weighbridge_core::date::{Date, Moment};
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::renderer::{Renderer, Show, Style};
use weighbridge_engine::flow::Request;
use weighbridge_net::open::above::Above;
use weighbridge_read::READERS;

use crate::args::{self, Fix, Global, Resolving, Scan, Weighing};
use crate::at_hand::at_hand;
use crate::config::{self, Config};
use crate::errors::Failure;
use crate::outputs::Output;
use crate::printer::Printer;
use crate::setup::Setup;

/// The Python for which markers are evaluated where neither the target nor the user says.
const PYTHON: &str = "3.12";

/// Largest file that `--no-digests` hashes all the same, in bytes.
const LARGE: u64 = 1 << 20;

/// Columns where no terminal says otherwise.
const WIDTH: usize = 80;

/// Where the pages of the rules lie on the web, ending in `/`; empty as long as the project names no repository.
const DOCS: &str = if env!("CARGO_PKG_REPOSITORY").is_empty() {
    ""
} else {
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/docs/rules/")
};

/// What every command that weighs a target needs.
pub(crate) struct Weigh {
    /// Targets as the user names them.
    pub(crate) targets: Vec<String>,
    /// Locks above them that are compared with; empty but for `scan`.
    pub(crate) locks: Vec<Above>,
    /// Patterns of paths to leave out.
    pub(crate) exclude: Vec<String>,
    /// Number of threads.
    pub(crate) jobs: NonZeroUsize,
    /// What comes in from outside.
    pub(crate) context: Context,
    /// Which findings count.
    pub(crate) policy: Policy,
    /// The configuration file in use.
    pub(crate) config: Option<PathBuf>,
    /// The file that keeps the digests of files; none to believe no earlier one and to keep none.
    pub(crate) digests: Option<PathBuf>,
}

impl Weigh {
    /// What is to be weighed, by all readers.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            targets: &self.targets,
            locks: &self.locks,
            exclude: &self.exclude,
            jobs: Some(self.jobs),
            readers: READERS,
            policy: &self.policy,
        }
    }
}

/// What `scan` needs.
pub(crate) struct ScanSettings {
    /// What is weighed, and how.
    pub(crate) weigh: Weigh,
    /// The report on standard output; none to write nothing there.
    pub(crate) shown: Option<&'static dyn Renderer>,
    /// Reports in files.
    pub(crate) outputs: Vec<Output>,
    /// How the report on standard output looks.
    pub(crate) style: Style,
    /// A failing policy ends with 0.
    pub(crate) exit_zero: bool,
}

/// What is meant by `scan`.
pub(crate) fn scan(
    global: &Global,
    scan: &Scan,
    setup: &Setup,
    printer: &Printer,
) -> Result<ScanSettings, Failure> {
    let Config { file, settings } = configuration(&scan.weighing, setup)?;
    let environment = &setup.environment;
    let format = match (&scan.format, environment.text("WEIGHBRIDGE_FORMAT")) {
        (Some(id), _) => Some(renderer(id, "--format")?),
        (None, Some(id)) => Some(renderer(&id, "WEIGHBRIDGE_FORMAT")?),
        (None, None) => None,
    };
    let human = renderer("human", "--format")?;
    let show = match (scan.show, variable(setup, "WEIGHBRIDGE_SHOW", args::show)?) {
        (Some(show), _) | (None, Some(show)) => show,
        (None, None) => settings.show.unwrap_or(Show::First(weighbridge_report::DEFAULT_SHOWN)),
    };
    let policy = Policy {
        fail_on: (scan.fail_on)
            .or(variable(setup, "WEIGHBRIDGE_FAIL_ON", args::severity)?)
            .or(settings.fail_on)
            .unwrap_or(Policy::default().fail_on),
        fail_on_epss: scan.fail_on_epss.or(settings.fail_on_epss),
        ignores: settings.ignores.clone(),
        vex: vex(&scan.vex, &settings, file.as_deref())?,
        baseline: baseline(scan.baseline.as_deref(), &settings, file.as_deref())?,
        max_age_days: (scan.max_age)
            .or(variable(setup, "WEIGHBRIDGE_MAX_AGE", number)?)
            .or(settings.max_age_days),
    };
    let mut outputs: Vec<Output> = Vec::new();
    for path in &scan.output {
        if outputs.iter().any(|output| output.path == *path) {
            return Err(Failure::usage(format!("`-o {}` is given twice", path.display())));
        }
        outputs.push(Output::new(path)?);
    }
    let mut weigh = weigh(global, &scan.weighing, &scan.targets, (file, settings), policy, setup)?;
    if scan.resolving.resolve {
        here(&mut weigh, setup);
    }
    Ok(ScanSettings {
        weigh,
        shown: if global.quiet { format } else { Some(format.unwrap_or(human)) },
        outputs,
        style: Style {
            width: width(setup),
            color: printer.color,
            hyperlinks: printer.hyperlinks && !DOCS.is_empty(),
            show,
            elapsed: None,
            exit_code: 0,
            docs: DOCS,
        },
        exit_zero: scan.exit_zero,
    })
}

/// What is meant by a command that weighs one target without judging it.
pub(crate) fn unjudged(
    global: &Global,
    weighing: &Weighing,
    resolving: &Resolving,
    target: &OsString,
    setup: &Setup,
) -> Result<Weigh, Failure> {
    let Config { file, settings } = configuration(weighing, setup)?;
    let target = std::slice::from_ref(target);
    let mut weigh = weigh(global, weighing, target, (file, settings), Policy::default(), setup)?;
    if resolving.resolve {
        here(&mut weigh, setup);
    }
    Ok(weigh)
}

/// What is meant by `fix` for packages: what somebody has decided to live with is left alone.
pub(crate) fn mending(global: &Global, fix: &Fix, setup: &Setup) -> Result<Weigh, Failure> {
    let Config { file, settings } = configuration(&fix.weighing, setup)?;
    let policy = Policy {
        ignores: settings.ignores.clone(),
        vex: vex(&fix.vex, &settings, file.as_deref())?,
        ..Policy::default()
    };
    let target = fix.target.clone().into_os_string();
    let mut weigh = weigh(global, &fix.weighing, &[target], (file, settings), policy, setup)?;
    here(&mut weigh, setup);
    Ok(weigh)
}

/// Looks at the machine for which versions are chosen: its libraries, and the Python at hand.
fn here(weigh: &mut Weigh, setup: &Setup) {
    let python = &mut weigh.context.python;
    python.system = setup.system();
    if python.meant != Meant::Assumed {
        return;
    }
    if let Some((version, by)) = at_hand(&setup.environment, &weigh.targets) {
        *python = Python { system: python.system, meant: Meant::AtHand(by), ..self::python(&version) };
    }
}

/// The context of a command that weighs nothing.
pub(crate) fn context(global: &Global, setup: &Setup) -> Result<Context, Failure> {
    Ok(Context {
        today: today(setup)?,
        limits: Limits::default(),
        cancel: Cancel::default(),
        offline: global.offline || setup.environment.flag("WEIGHBRIDGE_OFFLINE"),
        python: python(PYTHON),
        remote: remote(setup)?,
        roots: Vec::new(),
        cache: None,
    })
}

/// How to reach what lies elsewhere. Only the command that weighs a hub's repository reads the token.
fn remote(setup: &Setup) -> Result<Remote, Failure> {
    let environment = &setup.environment;
    let default = Remote::default();
    Ok(Remote {
        hub: environment.text("HF_ENDPOINT").unwrap_or(default.hub),
        token: environment.text("HF_TOKEN").map(|token| Secret::new(token.trim())),
        hub_offline: environment.flag("HF_HUB_OFFLINE"),
        hub_cache: environment.hub_cache(),
        store: store(setup),
        certificates: None,
        patience: default.patience,
    })
}

/// How a report looks in a file: the same whatever the terminal.
pub(crate) fn file_style(style: &Style) -> Style {
    Style { width: WIDTH, color: false, hyperlinks: false, elapsed: None, ..style.clone() }
}

fn weigh(
    global: &Global,
    weighing: &Weighing,
    targets: &[OsString],
    (config, settings): (Option<PathBuf>, Settings),
    policy: Policy,
    setup: &Setup,
) -> Result<Weigh, Failure> {
    let base = context(global, setup)?;
    let remote = for_targets(base.remote, targets, setup)?;
    let targets = targets.iter().map(|target| {
        target.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::usage(format!("the name of the target `{}` is not UTF-8", target.to_string_lossy()))
                .hint("weigh the folder above it")
        })
    });
    let jobs = match (weighing.jobs, variable(setup, "WEIGHBRIDGE_JOBS", number)?) {
        (Some(jobs), _) | (None, Some(jobs)) => jobs,
        (None, None) => NonZeroUsize::new(setup.processors).unwrap_or(NonZeroUsize::MIN),
    };
    Ok(Weigh {
        targets: targets.collect::<Result<_, _>>()?,
        locks: Vec::new(),
        exclude: settings.exclude.iter().chain(&weighing.exclude).cloned().collect(),
        jobs,
        context: Context {
            limits: limits(settings.limits, weighing),
            offline: base.offline || settings.offline == Some(true),
            python: match &weighing.python {
                Some(version) => Python { meant: Meant::Typed, ..python(version) },
                None => python(PYTHON),
            },
            remote,
            ..base
        },
        policy,
        config,
        digests: setup
            .environment
            .cache_dir()
            .filter(|_| !weighing.no_cache)
            .map(|folder| folder.join("digests")),
    })
}

/// The object store that the environment names, and the key to it.
fn store(setup: &Setup) -> ObjectStore {
    let text = |name| setup.environment.text(name);
    let default = ObjectStore::default();
    let key = text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY")).map(|(id, secret)| StoreKey {
        id,
        secret: Secret::new(secret),
        session: text("AWS_SESSION_TOKEN").map(Secret::new),
    });
    ObjectStore {
        endpoint: text("AWS_ENDPOINT_URL_S3").or_else(|| text("AWS_ENDPOINT_URL")),
        region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")).unwrap_or(default.region),
        key,
    }
}

/// Adds what only targets on servers need: the certificates, and for a hub the token.
fn for_targets(remote: Remote, targets: &[OsString], setup: &Setup) -> Result<Remote, Failure> {
    let begins = |schemes: &[&str]| {
        let begins = |target: &OsString| {
            let target = target.to_string_lossy();
            schemes.iter().any(|scheme| target.starts_with(scheme))
        };
        targets.iter().any(begins)
    };
    let certificates = match setup.environment.get("SSL_CERT_FILE").map(PathBuf::from) {
        Some(path) if begins(&["hf:", "https:", "s3:"]) => {
            Some(fs::read(&path).map_err(|error| Failure::unreadable(&path, &error))?.into())
        }
        _ => None,
    };
    let token = match (remote.token, setup.environment.hub_token()) {
        (None, Some(path)) if begins(&["hf:"]) => match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim()).filter(|token| !token.is_empty()).map(Secret::new),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::unreadable(&path, &error)),
        },
        (token, _) => token,
    };
    Ok(Remote { certificates, token, ..remote })
}

/// The limits that are configured, and what was typed about digests.
fn limits(configured: Limits, weighing: &Weighing) -> Limits {
    let digest_bytes =
        if weighing.no_digests { LARGE.min(configured.digest_bytes) } else { configured.digest_bytes };
    Limits { digest_bytes, ..configured }
}

fn configuration(weighing: &Weighing, setup: &Setup) -> Result<Config, Failure> {
    let named =
        weighing.config.clone().or_else(|| setup.environment.get("WEIGHBRIDGE_CONFIG").map(PathBuf::from));
    match named {
        _ if weighing.no_config => Ok(Config::default()),
        Some(path) => config::read(&path),
        None => config::find(setup.folder.as_deref(), setup.environment.user_config().as_deref()),
    }
}

/// The findings that were there before; the path in a configuration file counts from that file.
fn baseline(
    typed: Option<&Path>,
    settings: &Settings,
    config: Option<&Path>,
) -> Result<Option<std::collections::BTreeSet<weighbridge_core::finding::Fingerprint>>, Failure> {
    let configured = settings
        .baseline
        .as_ref()
        .map(|path| config.and_then(Path::parent).unwrap_or(Path::new("")).join(path));
    let Some(path) = typed.map(Path::to_owned).or(configured) else { return Ok(None) };
    let text = fs::read_to_string(&path).map_err(|error| Failure::unreadable(&path, &error))?;
    baseline_from_json(&text).map(Some).map_err(|error| Failure::from((path.as_path(), error)))
}

/// What the VEX documents say: those of the configuration file, whose paths count from it, then those that were typed.
fn vex(typed: &[PathBuf], settings: &Settings, config: Option<&Path>) -> Result<Vec<Statement>, Failure> {
    let folder = config.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut statements = Vec::new();
    for path in settings.vex.iter().map(|path| folder.join(path)).chain(typed.iter().cloned()) {
        let text = fs::read_to_string(&path).map_err(|error| Failure::unreadable(&path, &error))?;
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        let read = vex_from_json(&text, &name).map_err(|error| Failure::from((path.as_path(), error)))?;
        statements.extend(read);
    }
    Ok(statements)
}

/// The day of the report: reproducible-builds.org, *SOURCE_DATE_EPOCH*, else the clock.
fn today(setup: &Setup) -> Result<Date, Failure> {
    let fixed = source_date(setup)?;
    Ok(fixed.map_or(setup.clock, Date::from_unix_seconds))
}

/// `SOURCE_DATE_EPOCH`, in seconds. What is set and no such number is wrong, also where it is empty: a day that nobody meant
/// would stand in what is signed.
fn source_date(setup: &Setup) -> Result<Option<i64>, Failure> {
    /// 9999-12-31T23:59:59Z: years of more digits are written by no format of dates here (RFC 3339, section 5.6).
    const LAST: i64 = 253_402_300_799;
    let name = "SOURCE_DATE_EPOCH";
    let Some(text) = setup.environment.set(name) else { return Ok(None) };
    let seconds =
        text.parse().ok().filter(|it| (0..=LAST).contains(it) && text.bytes().all(|it| it.is_ascii_digit()));
    seconds.map(Some).ok_or_else(|| {
        Failure::usage(format!("`{name}` is `{text}`: expected seconds since 1970, from 0 to {LAST}"))
            .hint("leave it unset for the present")
    })
}

/// When it is.
pub(crate) fn moment(setup: &Setup) -> Result<Moment, Failure> {
    let fixed = source_date(setup)?;
    Ok(Moment(fixed.unwrap_or(setup.now.div_euclid(1_000_000_000))))
}

/// Columns of what is written for people.
pub(crate) fn width(setup: &Setup) -> usize {
    let stated = setup.environment.text("COLUMNS").and_then(|text| text.parse().ok());
    stated.filter(|width| *width >= 20).or(setup.columns).unwrap_or(WIDTH)
}

fn renderer(id: &str, given_by: &str) -> Result<&'static dyn Renderer, Failure> {
    weighbridge_report::by_id(id).ok_or_else(|| {
        let ids: Vec<&str> = weighbridge_report::RENDERERS.iter().map(|renderer| renderer.id()).collect();
        Failure::usage(format!("`{given_by}` names no format: `{id}`"))
            .hint(format!("there are {}", ids.join(" ")))
    })
}

/// The value of a variable, read with the function that reads the flag of the same meaning.
fn variable<T>(
    setup: &Setup,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    let Some(text) = setup.environment.text(name) else { return Ok(None) };
    read(text.trim()).map(Some).map_err(|error| Failure::usage(format!("`{name}` is `{text}`: {error}")))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

/// The environment for which markers are evaluated: this kind of machine, the given version.
/// Names and values: dependency specifiers, *Environment markers*.
fn python(version: &str) -> Python {
    use std::env::consts::{ARCH, OS};
    let version = if version.split('.').count() == 2 { format!("{version}.0") } else { version.to_owned() };
    let (os_name, sys_platform, system) = match OS {
        "windows" => ("nt", "win32", "Windows"),
        "macos" => ("posix", "darwin", "Darwin"),
        "linux" => ("posix", "linux", "Linux"),
        other => ("posix", other, other),
    };
    let machine = match (OS, ARCH) {
        ("macos", "aarch64") => "arm64",
        ("windows", "x86_64") => "AMD64",
        (_, arch) => arch,
    };
    let platform = BTreeMap::from(
        [
            ("implementation_name", "cpython"),
            ("os_name", os_name),
            ("platform_machine", machine),
            ("platform_python_implementation", "CPython"),
            ("platform_system", system),
            ("sys_platform", sys_platform),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    Python { version, platform, system: None, meant: Meant::Assumed }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::finding::Severity;

    use super::*;
    use crate::args::{Cli, Command};

    #[track_caller]
    fn meant(typed: &str, pairs: &[(&str, &str)], folder: Option<&Path>) -> Result<ScanSettings, Failure> {
        let words = std::iter::once("weighbridge").chain(typed.split_whitespace());
        let cli = Cli::read(words.map(OsString::from)).unwrap();
        let setup = Setup { folder: folder.map(Path::to_owned), ..Setup::for_test(pairs) };
        let Command::Scan(typed) = &cli.command else { panic!("not a scan") };
        scan(&cli.global, typed, &setup, &Printer::new(&cli.global, &setup))
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        let file = "fail-on = 'low'\nshow = 7\nmax-age-days = 9\nexclude = ['a']\n";
        fs::write(folder.path().join("weighbridge.toml"), file).unwrap();
        let environment = [("WEIGHBRIDGE_FAIL_ON", "medium"), ("WEIGHBRIDGE_SHOW", "all")];
        let of = |typed: &str, pairs: &[(&str, &str)], folder| {
            let settings = meant(typed, pairs, folder).unwrap();
            let policy = settings.weigh.policy;
            (policy.fail_on, settings.style.show, policy.max_age_days, settings.weigh.exclude)
        };
        let first = Show::First;
        let here = Some(folder.path());
        let a = || vec!["a".to_owned()];
        assert_eq!(
            of(".", &[], None),
            (Severity::High, first(weighbridge_report::DEFAULT_SHOWN), None, vec![])
        );
        assert_eq!(of(".", &[], here), (Severity::Low, first(7), Some(9), a()));
        assert_eq!(of(".", &environment, here), (Severity::Medium, Show::All, Some(9), a()));
        let typed = ". --fail-on critical --show 2 --max-age 1 --exclude b";
        let both = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(of(typed, &environment, here), (Severity::Critical, first(2), Some(1), both));
        assert_eq!(of(". --no-config", &[], here).0, Severity::High);
    }

    #[test]
    fn wrong_values_of_variables_are_named() {
        for (name, value) in [
            ("WEIGHBRIDGE_FAIL_ON", "severe"),
            ("WEIGHBRIDGE_SHOW", "some"),
            ("WEIGHBRIDGE_JOBS", "0"),
            ("WEIGHBRIDGE_MAX_AGE", "-1"),
            ("WEIGHBRIDGE_FORMAT", "docx"),
            ("SOURCE_DATE_EPOCH", "today"),
        ] {
            let failure = meant(".", &[(name, value)], None).err().unwrap();
            assert!(failure.message.contains(name) && failure.message.contains(value), "{}", failure.message);
        }
    }

    #[test]
    fn quiet_leaves_only_what_was_asked_for() {
        let shown = |typed: &str| meant(typed, &[], None).unwrap().shown.map(|renderer| renderer.id());
        assert_eq!(shown("."), Some("human"));
        assert_eq!(shown(". -q"), None);
        assert_eq!(shown(". -q --format json"), Some("json"));
    }

    #[test]
    fn the_world_comes_in_once() {
        let pairs = [("SOURCE_DATE_EPOCH", "1709164800"), ("COLUMNS", "100"), ("WEIGHBRIDGE_OFFLINE", "1")];
        let settings = meant(". --python 3.9 -j 3", &pairs, None).unwrap();
        assert_eq!(settings.weigh.context.today.to_string(), "2024-02-29");
        assert_eq!((settings.style.width, settings.weigh.jobs.get()), (100, 3));
        assert!(settings.weigh.context.offline);
        assert_eq!(settings.weigh.context.python.version, "3.9.0");
        assert_eq!(meant(".", &[("COLUMNS", "3")], None).unwrap().style.width, 80);
    }
}
