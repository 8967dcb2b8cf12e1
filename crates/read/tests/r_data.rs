//! Data of R.

use libtest_mimic::Trial;
use weighbridge_core::reader::{Claim, Hint};

use crate::read::read;
use crate::small_builders::Xdr;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        data_is_read_in_every_encoding,
        language_that_is_kept_is_data,
        promises_are_told,
        promises_that_are_arguments_or_spent_are_no_attack,
        closures_and_bytecode_are_code,
        packages_and_classes_are_told,
        broken_data_ends_with_a_reason,
        long_lists_and_deep_nests_are_walked,
        claims,
    ]
}

fn effects(bytes: &[u8]) -> Vec<String> {
    let facts = read("r-data", bytes).facts;
    assert_eq!(facts[0], "format r-data");
    facts[1..].to_vec()
}

fn data_is_read_in_every_encoding() {
    let numbers = Xdr::new().int(13).int(3).int(1).int(2).int(i32::MIN).bytes();
    assert_eq!(effects(&numbers), [r#"tensors: 1 of 3 elements, 12 bytes, ["integer"]"#]);
    let native = b"B\n\x02\0\0\0\x02\x02\x04\0\0\x03\x02\0\x0e\0\0\0\x01\0\0\0\0\0\0\0\0\0\xf0\x3f";
    assert_eq!(effects(native), [r#"tensors: 1 of 1 elements, 8 bytes, ["double"]"#]);
    let ascii = b"A\n2\n262658\n131840\n19\n3\n15\n1\n1.5\nNA\n24\n2\n0a\nff\n16\n1\n262153\n4\na\\n\\101 \n";
    assert_eq!(effects(ascii), [r#"tensors: 1 of 1 elements, 16 bytes, ["complex"]"#]);
    // A list with an attribute `names`.
    let named =
        Xdr::new().int(19 | 1 << 9).int(1).null().int(2 | 1 << 10).symbol("names").int(16).int(1).text("a");
    assert!(effects(&named.null().bytes()).is_empty());
    let behind = Xdr::new().null().raw(b"\x80\x04N.").bytes();
    let read = read("r-data", &behind);
    read.says("malformed: 4 bytes stand after the object");
    assert_eq!(read.children[0].2, b"\x80\x04N.");
}

fn language_that_is_kept_is_data() {
    // The call of a fitted model, and a formula.
    assert!(effects(&Xdr::new().call("lm", "y ~ x").bytes()).is_empty());
    assert!(effects(&Xdr::new().int(20).int(1).call("system", "id").bytes()).is_empty());
    assert!(effects(&Xdr::new().int(16).int(1).text("system('id')").bytes()).is_empty());
}

fn promises_are_told() {
    let told = |bytes: Vec<u8>, offset: u64| {
        let effects = effects(&bytes);
        assert_eq!(effects, [format!("{offset}: effect: run R promise that calls system")]);
    };
    told(Xdr::new().promise("system", "id").bytes(), 23);
    // As an element of a list, as an attribute, as the variable of a workspace.
    told(Xdr::new().int(19).int(1).promise("system", "id").bytes(), 31);
    let attribute = Xdr::new().int(13 | 1 << 9).int(0).variable("class").promise("system", "id").null();
    told_last(&attribute.bytes());
    let variable = Xdr::workspace().variable("model").promise("system", "id").null();
    told(variable.bytes(), 49);
    // Without an environment, and behind thousands of closures.
    told(Xdr::new().int(5).int(252).call("system", "id").bytes(), 23);
    let mut many = Xdr::new().int(19).int(2_001);
    for index in 0..2_000 {
        many = many.closure(&format!("f{index}"), "");
    }
    told_last(&many.promise("system", "id").bytes());
}

fn told_last(bytes: &[u8]) {
    let effects = effects(bytes);
    assert!(effects.iter().any(|effect| effect.contains("run R promise")), "{effects:?}");
}

fn promises_that_are_arguments_or_spent_are_no_attack() {
    // `function(z) function() z` keeps its argument unevaluated: code, as the closure itself is.
    let environment = |variables: fn(Xdr) -> Xdr| {
        let begun = Xdr::new().int(4).int(0).int(253);
        variables(begun).int(254).int(254).bytes()
    };
    let argument = environment(|xdr| xdr.variable("z").promise("paste", "a").null());
    assert_eq!(effects(&argument), ["52: effect: run R code that calls paste"]);
    // A promise that has its value is not evaluated again.
    let spent = Xdr::new().int(5).int(13).int(1).int(7).call("system", "id").bytes();
    assert_eq!(effects(&spent), [r#"tensors: 1 of 1 elements, 4 bytes, ["integer"]"#]);
    // But what the value holds counts.
    let holds = Xdr::new().int(5).closure("system", "id").call("f", "").bytes();
    assert_eq!(effects(&holds), ["27: effect: run R code that calls system"]);
}

fn closures_and_bytecode_are_code() {
    assert_eq!(
        effects(&Xdr::new().closure("paste", "a").bytes()),
        ["23: effect: run R code that calls paste"]
    );
    // A closure with a compiled body: instructions, a call among the constants, a reference into the table of parts.
    let body = |xdr: Xdr| {
        xdr.int(21)
            .int(1)
            .int(13)
            .int(2)
            .int(12)
            .int(1)
            .int(3) // three constants
            .int(244)
            .int(0)
            .int(6)
            .null()
            .int(1)
            .symbol("system")
            .int(243)
            .int(0)
            .int(243)
            .int(0)
            .int(16)
            .int(16)
            .int(1)
            .text("id")
    };
    let closure = body(Xdr::new().int(3 | 1 << 10).int(253).null()).bytes();
    assert_eq!(effects(&closure)[0], "23: effect: run R code");
    assert_eq!(effects(&body(Xdr::new()).bytes())[0], "23: effect: run R bytecode");
}

fn packages_and_classes_are_told() {
    let namespace = Xdr::new().int(249).int(0).int(2).text("evil").text("1.0").bytes();
    assert_eq!(effects(&namespace), ["23: effect: package.evil"]);
    let class = |name: &str, package: &str| {
        let info = Xdr::new()
            .int(238)
            .int(2)
            .symbol(name)
            .int(2)
            .symbol(package)
            .int(2)
            .int(13)
            .int(1)
            .int(13)
            .null();
        info.null().null().bytes()
    };
    assert_eq!(effects(&class("wrap_real", "base"))[0], "92: effect: altrep base.wrap_real");
    assert_eq!(effects(&class("mmap_real", "base"))[0], "92: effect: altrep base.mmap_real");
    let hook = Xdr::new().int(247).int(0).int(1).text("env::1").bytes();
    assert_eq!(effects(&hook), ["23: effect: env::1()"]);
}

fn broken_data_ends_with_a_reason() {
    for (bytes, reason) in [
        (b"".to_vec(), "no data of R"),
        (b"RDX1\nX\n".to_vec(), "version 1 of R's workspaces, not read"),
        (b"RDX3\nA\n3\n".to_vec(), "the encoding differs"),
        (b"X\n\0\0\0\x07\0\0\0\0\0\0\0\0".to_vec(), "version 7 of R's serialization, not read"),
        (Xdr::new().int(99).bytes(), "type 99 at byte 23 is none of R's"),
        (Xdr::new().int(14).int(i32::MAX).bytes(), "ends early, at byte 31"),
        (Xdr::new().int(14).int(-5).bytes(), "claims -5 elements"),
        (Xdr::new().int(14).int(-1).int(-1).int(0).bytes(), "claims -1 elements"),
        (Xdr::new().int(14).int(-1).int(0xffff).int(-1).bytes(), "ends early"),
        (Xdr::new().int(19).int(i32::MAX).bytes(), "ends early"),
        (Xdr::new().int(255 | 7 << 8).bytes(), "names object 7, which is not there"),
        (Xdr::new().int(9).int(-2).bytes(), "a text at byte 23 claims -2 bytes"),
        (b"A\n3\n262658\n131840\n5\nUTF-8\nx\n".to_vec(), "`x` at byte 25 is not an integer"),
    ] {
        let read = read("r-data", &bytes);
        let last = read.facts.last().unwrap();
        assert!(last.starts_with("ended: ") && last.contains(reason), "{last} is not {reason}");
    }
}

fn long_lists_and_deep_nests_are_walked() {
    let mut long = Xdr::new();
    for _ in 0..100_000 {
        long = long.int(2).null();
    }
    assert!(effects(&long.null().bytes()).is_empty());
    let mut deep = Xdr::new();
    for _ in 0..100_000 {
        deep = deep.int(19).int(1);
    }
    assert!(effects(&deep.null().bytes()).is_empty());
}

fn claims() {
    let reader = weighbridge_read::reader("r-data").unwrap();
    let xdr = Xdr::new().null().bytes();
    let workspace = Xdr::workspace().null().bytes();
    for (path, head, claim) in [
        ("a", xdr.as_slice(), Claim::ByMagic),
        ("a.rda", &workspace, Claim::ByMagic),
        ("a.RData", b"", Claim::ByName),
        ("a.rds", b"\x1f\x8b", Claim::ByName),
        ("a.txt", b"X\nis a letter", Claim::No),
        ("a.txt", b"A\n2\nfirst line\n", Claim::No),
    ] {
        assert_eq!(reader.claims(&Hint { path, size: 100, head }), claim, "{path}");
    }
}
