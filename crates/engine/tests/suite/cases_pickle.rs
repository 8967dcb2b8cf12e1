//! Pickles by themselves: rows 1 to 12 and 34.

use super::build::{Stream, attack, call};
use super::{Case, dangerous, harmless, untrusted};

pub(crate) fn cases() -> Vec<Case> {
    let system = || Stream::protocol(2).global("posix", "system");
    let called = "posix.system(\"id\")";
    vec![
        // --- 1: every opcode that calls
        dangerous(1, "reduce", called, "model.pkl", attack),
        dangerous(1, "inst", called, "model.pkl", || Stream::old().raw(b"(S'id'\niposix\nsystem\n").stop()),
        dangerous(1, "obj", called, "model.pkl", || {
            Stream::protocol(2).mark().global("posix", "system").text("id").raw(b"o").stop()
        }),
        dangerous(1, "newobj", "posix.system.__new__(\"id\")", "model.pkl", move || {
            system().text("id").tuple1().raw(b"\x81").stop()
        }),
        untrusted(1, "third-party-class", "code of package `shop` runs", "model.pkl", || {
            call("shop.models", "Model", |stream| stream.int(1))
        }),
        harmless(1, "ordered-dict", "model.pkl", || {
            call("collections", "OrderedDict", |stream| stream.raw(b"]"))
        }),
        harmless(1, "text-that-names-a-call", "model.pkl", || {
            Stream::protocol(4).text("cposix\nsystem\n(S'id'\ntR.").stop()
        }),
    ]
}
