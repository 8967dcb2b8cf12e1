//! Specifiers: which versions a clause allows, the rule for pre-releases, what is refused, what is mended.

use libtest_mimic::Trial;
use weighbridge_advisory::pep440::{Specifier, Specifiers, Version};

pub(crate) fn trials() -> Vec<Trial> {
    trials![allowed_or_not, prereleases, refused, sets, mended, pins]
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn allowed_or_not() {
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str)] = &[
        // (clauses, allowed, not allowed)
        ("==2", "2 2.0 2.0.0 2+local 2.0+deadbeef", "2.1 2a1 2.post1 2.dev0"),
        ("==2.0+deadbeef", "2.0+deadbeef 2+DEADBEEF", "2 2.0+other"),
        ("==2.*", "2 2.0 2.1 2.9.9 2a1 2.dev3 2.post1 2+local", "1.9 3 20 1!2"),
        ("==2.1.*", "2.1 2.1.0 2.1a1 2.1.9 2.1.post1", "2 2.0 2.10 2.11"),
        ("==2.0.*", "2 2.0 2.0.1", "2.1"),
        ("==0!2.*", "2.1", "1!2.1"),
        ("!=2", "1 2.1 2.post1 2a1", "2 2.0 2+local"),
        ("!=2.*", "1.9 3", "2 2.0 2.1 2a1"),
        ("!=2.0+x", "2.0 2.0+y", "2.0+x"),
        ("~=2.2", "2.2 2.3 2.99 2.2.post1 2.2+local", "2.1 3 3.0a1 2.2rc1 2"),
        ("~=2.2.0", "2.2 2.2.0 2.2.9", "2.1.9 2.3"),
        ("~=2.2.post3", "2.2.post3 2.3 2.9", "2.2 2.2.post2 3"),
        ("~=1.4.5a4", "1.4.5a4 1.4.5 1.4.9", "1.4.5a3 1.4 1.5"),
        ("~=1!2.2", "1!2.3", "2.3 1!3"),
        (">=2", "2 2.0 2+local 2.post1 3 3a1", "1.9 2a1 2.dev0"),
        ("<=2", "1 2 2.0 2a1 2+local", "2.0.1 2.post1 3"),
        ("<=2.0", "2.0+anything", "2.1"),
        (">2", "2.1 3 2.0.1", "2 2.0 2+local 2.post1 2.post1.dev2 2.0.post1+x"),
        (">2.post1", "2.post2 2.1", "2.post1 2.post1+local 2"),
        (">2a1", "2a2 2 2.post1 2+local", "2a1 2a1.post1 2a1+local"),
        (">2.dev1", "2 2a1 2.dev2 2+local 2.post1", "2.dev1"),
        ("<2", "1 1.9 1.9.post1", "2 2a1 2rc9 2.dev0 2.0.0b1"),
        ("<2rc1", "2a1 2b9 1", "2rc1 2"),
        ("<2.post1", "2 2+x 2a1 2rc1", "2.post1 2.post1.dev1"),
        ("===2.0", "2.0", "2 2.0.0 2.0+x"),
        ("===2.0+X", "2.0+x", "2.0"),
        ("===anything", "", "1"),
        (">=1,<2", "1 1.9", "0.9 2 2a1"),
        (">=1,!=1.5,!=1.7.*,<2", "1 1.6 1.8", "1.5 1.5.0 1.7.3 2"),
        ("", "0 1a1 99!9.dev3", ""),
    ];
    for (clauses, allowed, not_allowed) in cases {
        let specifiers = Specifiers::parse(clauses).unwrap();
        for text in allowed.split_whitespace() {
            assert!(specifiers.allows(&version(text)), "`{clauses}` allows {text}");
        }
        for text in not_allowed.split_whitespace() {
            assert!(!specifiers.allows(&version(text)), "`{clauses}` does not allow {text}");
        }
    }
}

fn prereleases() {
    #[rustfmt::skip]
    let cases = [
        // (clauses, version, by default, when admitted, when refused)
        (">=1", "2", true, true, true),
        (">=1", "2a1", false, true, false),
        (">=1", "2.dev1", false, true, false),
        (">=1a1", "2a1", true, true, false),
        (">=1.dev0", "2rc1", true, true, false),
        ("<2,>=1a1", "1.5b1", true, true, false),
        ("==2a1", "2a1", true, true, false),
        ("===2a1", "2a1", true, true, false),
        ("!=1a1", "2a1", false, true, false),
        ("==2.*", "2a1", false, true, false),
        ("", "1a1", false, true, false),
        ("", "1.post1", true, true, true),
        (">=3a1", "2", false, false, false),
    ];
    for (clauses, text, by_default, admitted, refused) in cases {
        let (specifiers, version) = (Specifiers::parse(clauses).unwrap(), version(text));
        let answers = [None, Some(true), Some(false)].map(|rule| specifiers.contains(&version, rule));
        assert_eq!(answers, [by_default, admitted, refused], "`{clauses}` and {text}");
    }
}

fn refused() {
    for text in [
        "",
        "2",
        "=2",
        "=>2",
        "<>2",
        ">=",
        "==",
        "~=",
        "===",
        "~2",
        "^2",
        ">=2.*",
        "<2.*",
        "~=2",
        "~=2.*",
        "~=1!2",
        ">2+l",
        ">=2+local",
        "~=2.2+local",
        "==2.*+x",
        "==2a1.*",
        "==2.dev1.*",
        "==2.post1.*",
        "==1 .*",
        "==*",
        "==.*",
        "== foo",
        ">=1.0 <2",
        "===a b",
        "==2.0.*.1",
        ">=1;x",
        "==1==2",
    ] {
        assert!(Specifier::parse(text).is_err(), "{text:?}");
    }
    assert!(Specifiers::parse(">=1,foo").is_err());
}

fn sets() {
    let set = Specifiers::parse(" >= 1.0.0 , <2 ,, ").unwrap();
    assert_eq!(set.to_string(), ">=1.0.0,<2");
    assert_eq!(set.clauses().len(), 2);
    assert!(Specifiers::parse("").unwrap().is_empty());
    for text in ["==1.*", "!=1!2", "~=2.2.post3", "===Any-Thing", "<=1.0+x,>1"] {
        if let Ok(set) = Specifiers::parse(text) {
            assert_eq!(Specifiers::parse(&set.to_string()).unwrap(), set, "{text}");
        }
    }
}

fn mended() {
    for (written, meant) in [
        (">=1.0 <2.0", ">=1.0,<2.0"),
        (">=1.0<2.0", ">=1.0,<2.0"),
        (">=1!2.0!=1!3.0", ">=1!2.0,!=1!3.0"),
        (">=2.*", ">=2"),
        ("<3.0.*", "<3.0"),
        (">='2.7'", ">=2.7"),
        ("== \"1.0\"", "==1.0"),
        (">=1,", ">=1"),
        (",>=1", ">=1"),
        ("~=1.4.*", "~=1.4"),
    ] {
        assert_eq!(Specifiers::parse_lenient(written).unwrap().to_string(), meant, "{written}");
    }
    for text in [">=", "foo", ">=1 and <2", "==1.x", "1.0"] {
        assert!(Specifiers::parse_lenient(text).is_err(), "{text}");
    }
}

fn pins() {
    for (clauses, pinned) in [
        ("==1.0", Some("1.0")),
        ("===1.0", Some("1.0")),
        (">=1,==1.2", Some("1.2")),
        ("==1.*", None),
        ("===any", None),
        (">=1", None),
        ("", None),
    ] {
        let found = Specifiers::parse(clauses).unwrap().pinned().map(|version| version.to_string());
        assert_eq!(found.as_deref(), pinned, "{clauses}");
    }
}
