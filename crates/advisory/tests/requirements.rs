//! Requirements as manifests and installed metadata write them.

use libtest_mimic::Trial;
use weighbridge_advisory::pep508::Requirement;

pub(crate) fn trials() -> Vec<Trial> {
    trials![parsed, refused]
}

fn parsed() {
    #[rustfmt::skip]
    let cases = [
        ("requests", "requests"),
        ("  requests  ", "requests"),
        ("Ruamel.Yaml_Clib", "ruamel-yaml-clib"),
        ("A", "a"),
        ("torch>=2", "torch>=2"),
        ("torch >= 2.0 , < 3", "torch>=2.0,<3"),
        ("torch (>=2.0,<3)", "torch>=2.0,<3"),
        ("torch(>=2.0)", "torch>=2.0"),
        ("torch ( >=2.0 , <3 ) ; os_name == 'nt'", "torch>=2.0,<3; os_name == 'nt'"),
        ("torch ()", "torch"),
        ("torch (>=2.0,)", "torch>=2.0"),
        ("torch >=2.0,", "torch>=2.0"),
        ("torch>=1.0 <2.0", "torch>=1.0,<2.0"),
        ("torch>=2.*", "torch>=2"),
        ("torch==2.*", "torch==2.*"),
        ("torch[gpu]", "torch[gpu]"),
        ("torch [ gpu , CPU_x ] ~=2.1", "torch[gpu,cpu-x]~=2.1"),
        ("torch[]", "torch"),
        ("torch[gpu,]", "torch[gpu]"),
        ("torch===2.0+weird", "torch===2.0+weird"),
        ("torch;python_version<'3.8'", "torch; python_version < '3.8'"),
        ("torch ;", "torch"),
        ("torch>=2 ; extra == 'x' and os_name == \"nt\"", "torch>=2; extra == 'x' and os_name == 'nt'"),
        ("pip @ https://example.org/pip-1.3.1.zip#sha1=da92", "pip @ https://example.org/pip-1.3.1.zip#sha1=da92"),
        ("pip@https://example.org/a.zip", "pip @ https://example.org/a.zip"),
        ("pip @ git+https://example.org/a.git@main ; os_name == 'nt'", "pip @ git+https://example.org/a.git@main ; os_name == 'nt'"),
        // A `;` without white space before it belongs to the URL.
        ("pip @ https://example.org/a;b", "pip @ https://example.org/a;b"),
        ("pip[a] @ file:///tmp/x", "pip[a] @ file:///tmp/x"),
    ];
    for (text, canonical) in cases {
        let requirement = Requirement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(requirement.to_string(), canonical, "{text}");
        assert_eq!(Requirement::parse(canonical).unwrap(), requirement, "{canonical}");
    }
}

fn refused() {
    for (text, offset) in [
        ("", 0),
        ("  ", 2),
        (">=1", 0),
        ("torch foo", 6),
        ("torch[gpu", 9),
        ("torch[gpu cpu]", 10),
        ("torch (>=2", 10),
        ("torch @", 7),
        ("torch>=", 5),
        ("torch>=2; foo == 'x'", 10),
        ("torch>=2; os_name == ", 21),
        ("torch @ https://example.org/a b", 30),
        ("./local/path", 0),
        ("https://example.org/a.zip", 5),
    ] {
        let error = Requirement::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text:?}: {error}");
    }
}
