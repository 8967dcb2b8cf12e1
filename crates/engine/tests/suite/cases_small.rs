//! R, skops, and the small formats of models: rows 29, 31 and 32.

use super::build::small::Xdr;
use super::{Case, dangerous, harmless, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    r()
}

/// 31: promises run when somebody looks at them, closures when somebody calls them; kept language is data.
fn r() -> Vec<Case> {
    let promise = "run R promise that calls system";
    let environment = || Xdr::new().int(4).int(0).int(253);
    vec![
        dangerous(31, "promise", promise, "model.rds", || Xdr::new().promise("system", "id").bytes()),
        dangerous(31, "promise-in-a-list", promise, "model.rds", || {
            Xdr::new().int(19).int(1).promise("system", "id").bytes()
        }),
        dangerous(31, "promise-as-an-attribute", promise, "model.rds", || {
            Xdr::new().int(13 | 1 << 9).int(0).variable("dim").promise("system", "id").null().bytes()
        }),
        dangerous(31, "promise-in-a-workspace", promise, "model.RData", || {
            Xdr::workspace().variable("model").promise("system", "id").null().bytes()
        }),
        dangerous(31, "promise-without-the-extension", promise, "weights.bin", || {
            Xdr::new().promise("system", "id").bytes()
        }),
        dangerous(31, "promise-in-text", promise, "model.rds", || {
            b"A\n2\n262658\n131840\n5\n252\n6\n1\n9\n6\nsystem\n2\n16\n1\n9\n2\nid\n254\n".to_vec()
        }),
        untrusted(31, "delayed-variable", "run R code that calls system", "model.rds", move || {
            environment().variable("x").promise("system", "id").null().int(254).int(254).bytes()
        }),
        untrusted(31, "closure", "run R code that calls system", "model.rds", || {
            Xdr::new().closure("system", "id").bytes()
        }),
        untrusted(31, "bytecode", "run R bytecode", "model.rds", || {
            Xdr::new().int(21).int(0).int(13).int(1).int(12).int(1).int(16).int(16).int(1).text("id").bytes()
        }),
        untrusted(31, "foreign-namespace", "`package.evil` is not known", "model.rds", || {
            Xdr::new().int(249).int(0).int(2).text("evil").text("1.0").bytes()
        }),
        untrusted(31, "mapped-file", "maps a file into memory", "model.rds", || {
            let class = Xdr::new().int(238).int(2).symbol("mmap_real").int(2).symbol("base").null();
            class.int(16).int(1).text("/etc/hostname").null().bytes()
        }),
        harmless(31, "call-of-a-fitted-model", "model.rds", || {
            Xdr::new().int(19).int(1).call("system", "id").bytes()
        }),
        harmless(31, "text-that-is-code", "model.rds", || {
            Xdr::new().int(16).int(1).text("system('id')").bytes()
        }),
        harmless(31, "promise-that-has-its-value", "model.rds", || {
            Xdr::new().int(5).int(13).int(1).int(7).call("system", "id").bytes()
        }),
        harmless(31, "namespace-of-r-itself", "model.rds", || {
            Xdr::new().int(249).int(0).int(2).text("stats").text("4.4.1").bytes()
        }),
        harmless(31, "compact-sequence", "model.rds", || {
            let class = Xdr::new().int(238).int(2).symbol("compact_intseq").int(2).symbol("base").null();
            class.int(14).int(0).null().bytes()
        }),
    ]
}
