//! Markers: what they mean in an environment, and how they are written.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use weighbridge_advisory::pep508::{Active, Marker, MarkerEnvironment};
use weighbridge_core::name::PackageName;

pub(crate) fn trials() -> Vec<Trial> {
    trials![on_linux, extras_and_groups, refused, written_again, nesting_is_bounded, optimism]
}

/// CPython 3.11.7 on Linux.
fn environment() -> MarkerEnvironment {
    let platform = [
        ("os_name", "posix"),
        ("sys_platform", "linux"),
        ("platform_machine", "x86_64"),
        ("platform_release", "6.5.0-35-generic"),
        ("platform_system", "Linux"),
        ("platform_version", "#1 SMP"),
    ];
    let platform: BTreeMap<String, String> =
        platform.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    MarkerEnvironment::new("3.11.7", &platform)
}

fn names(list: &str) -> Vec<PackageName> {
    list.split_whitespace().map(|name| PackageName::new(name).unwrap()).collect()
}

fn on_linux() {
    #[rustfmt::skip]
    let cases = [
        ("python_version >= '3.8'", true),
        ("python_version < '3.8'", false),
        // As versions: as texts, 3.11 would stand before 3.8.
        ("python_version > '3.9'", true),
        ("python_version == '3.11'", true),
        ("python_version == '3.11.0'", true),
        ("python_version == '3.*'", true),
        ("python_version != '3.*'", false),
        ("python_version ~= '3.8'", true),
        ("python_version ~= '3.8.0'", false),
        ("python_version === '3.11'", true),
        ("python_full_version < '3.11.7'", false),
        ("python_full_version >= '3.11.0rc1'", true),
        ("python_version in '3.10 3.11 3.12'", true),
        ("python_version not in '2.7, 3.5'", true),
        ("python_version in '2.7 3.5'", false),
        // Turned round.
        ("'3.8' <= python_version", true),
        ("'3.12' < python_version", false),
        ("'linux' == sys_platform", true),
        ("'nux' in sys_platform", true),
        ("'win' in sys_platform", false),
        ("sys_platform == 'linux'", true),
        ("sys_platform != 'win32'", true),
        ("sys_platform in 'linux darwin'", true),
        ("os_name == 'nt'", false),
        ("platform_system == 'Linux'", true),
        ("platform_system == 'linux'", false),
        ("platform_machine == 'x86_64'", true),
        ("platform_python_implementation == 'CPython'", true),
        ("implementation_name == 'cpython'", true),
        ("implementation_version >= '3.11'", true),
        // No version: compared as text.
        ("platform_release >= '6'", true),
        ("platform_release == '6.5.0-35-generic'", true),
        ("platform_version == '#1 SMP'", true),
        ("sys_platform ~= 'linux'", false),
        // `and` binds before `or`.
        ("os_name == 'nt' and python_version >= '3' or sys_platform == 'linux'", true),
        ("os_name == 'nt' and (python_version >= '3' or sys_platform == 'linux')", false),
        ("(os_name == 'posix')", true),
        ("((os_name == 'posix') and (sys_platform == 'linux'))", true),
        // Spellings of before PEP 508.
        ("os.name == 'posix' and sys.platform == 'linux'", true),
        ("platform.python_implementation == 'CPython'", true),
        ("python_implementation == 'CPython'", true),
        ("platform.machine == 'x86_64' and platform.version != ''", true),
        // White space.
        ("python_version>='3.8'and os_name=='posix'", true),
        ("  python_version  >=  \"3.8\"  ", true),
        ("python_version not  in '2.7'", true),
    ];
    for (marker, expected) in cases {
        let parsed = Marker::parse(marker).unwrap_or_else(|error| panic!("{marker}: {error}"));
        assert_eq!(parsed.evaluate(&environment(), Active::default()), expected, "{marker}");
    }
    assert_eq!(environment().value("python_version"), Some("3.11"));
    assert_eq!(environment().value("no_such"), None);
}

fn extras_and_groups() {
    #[rustfmt::skip]
    let cases = [
        // (marker, extras, groups, holds)
        ("extra == 'gpu'", "", "", false),
        ("extra == 'gpu'", "gpu", "", true),
        ("extra == 'gpu'", "cpu gpu", "", true),
        ("extra == 'gpu'", "cpu", "", false),
        ("'gpu' == extra", "gpu", "", true),
        ("extra == 'Foo_Bar.baz'", "foo-bar-baz", "", true),
        ("extra != 'gpu'", "", "", true),
        ("extra != 'gpu'", "gpu", "", false),
        ("extra == ''", "", "", true),
        ("extra == 'gpu' and python_version < '3'", "gpu", "", false),
        ("extra == 'gpu' or python_version > '3'", "", "", true),
        ("'gpu' in extras", "gpu cpu", "", true),
        ("'GPU' in extras", "gpu", "", true),
        ("'gpu' in extras", "", "gpu", false),
        ("'gpu' not in extras", "", "", true),
        ("'gpu' in extras and 'cpu' in extras", "gpu cpu", "", true),
        ("'dev' in dependency_groups", "", "dev test", true),
        ("'dev' in dependency_groups", "dev", "", false),
        ("'dev' not in dependency_groups", "", "dev", false),
    ];
    for (marker, extras, groups, expected) in cases {
        let (extras, groups) = (names(extras), names(groups));
        let active = Active { extras: &extras, groups: &groups };
        let holds = Marker::parse(marker).unwrap().evaluate(&environment(), active);
        assert_eq!(holds, expected, "{marker} with {extras:?} and {groups:?}");
    }
    let marker =
        Marker::parse("extra == 'B' or ('a_c' == extra and os_name == 'nt') or extra == 'b'").unwrap();
    assert_eq!(marker.extras(), names("a-c b"));
}

fn refused() {
    for (marker, offset) in [
        ("", 0),
        ("   ", 3),
        ("python_version", 14),
        ("python_version >=", 17),
        ("python_version >= 3", 18),
        ("python_version >= '3", 20),
        ("python_version >= \"3'", 21),
        ("no_such == 'x'", 0),
        ("os_name = 'nt'", 8),
        ("os_name == 'nt' and", 19),
        ("os_name == 'nt' xor os_name == 'x'", 16),
        ("(os_name == 'nt'", 16),
        ("os_name == 'nt')", 15),
        ("os_name not 'nt'", 12),
        ("()", 1),
    ] {
        let error = Marker::parse(marker).unwrap_err();
        assert_eq!(error.offset, offset, "{marker:?}: {error}");
    }
}

fn written_again() {
    for marker in [
        "python_version >= '3.8'",
        "os_name == 'nt' or (os_name == 'posix' and extra == 'x')",
        "(os_name == 'nt' or os_name == 'posix') and extra == 'x'",
        "python_version not in '2.7' and 'x' in extras",
        "platform_version == \"it's\"",
        "'dev' in dependency_groups",
    ] {
        let parsed = Marker::parse(marker).unwrap();
        assert_eq!(parsed.to_string(), marker);
        assert_eq!(Marker::parse(&parsed.to_string()).unwrap(), parsed);
    }
    assert_eq!(Marker::parse("sys.platform==\"linux\"").unwrap().to_string(), "sys_platform == 'linux'");
}

fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}os_name == 'posix'{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Marker::parse(&nested(50)).unwrap().evaluate(&environment(), Active::default()));
    assert!(Marker::parse(&nested(100_000)).is_err());
    let long = vec!["os_name == 'posix'"; 20_000].join(" and ");
    assert!(Marker::parse(&long).unwrap().evaluate(&environment(), Active::default()));
}

fn optimism() {
    for (marker, may_hold) in [
        ("extra == 'x'", true),
        ("'dev' in dependency_groups and os_name == 'posix'", true),
        ("extra == 'x' and os_name == 'nt'", false),
        ("os_name == 'nt'", false),
    ] {
        assert_eq!(
            Marker::parse(marker).unwrap().evaluate_optimistically(&environment()),
            may_hold,
            "{marker}"
        );
    }
}
