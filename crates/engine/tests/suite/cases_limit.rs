//! The scanner itself as the target: row 33. An answer, or a gap that says why there is none; never a pass.

use super::build::{ATTACK, Archive, Stream, attack, npy, pack, plain, safetensors, then_attack};
use super::{Case, dangerous, flagged, harmless, incomplete};

pub(crate) fn cases() -> Vec<Case> {
    let zip = |name: &str, data: &[u8]| Archive::default().deflated(name, data).bytes();
    vec![
        incomplete(33, "packed-twice-bomb", "unpacked bytes per packed byte", "model.npz", move || {
            zip("inner.zip", &zip("data.pkl", &vec![b'N'; 64 << 20]))
        }),
        incomplete(33, "bzip2-bomb", "unpacked bytes per packed byte", "model.joblib", || {
            pack("bzip2", &vec![b'N'; 32 << 20])
        }),
        incomplete(33, "thirty-containers-deep", "containers nested in each other", "model.zip", move || {
            (0..30).fold(zip("data.pkl", &attack()), |inner, _| zip("inner.zip", &inner))
        }),
        dangerous(33, "deep-tuples-then-the-call", ATTACK, "model.pkl", || {
            // A walk that recurses runs out of stack.
            then_attack(Stream::protocol(2).raw(b")").raw(&b"\x85".repeat(100_000)))
        }),
        dangerous(33, "deep-lists-then-the-call", ATTACK, "model.pkl", || {
            let deep = Stream::protocol(2).raw(&b"](".repeat(50_000)).raw(&b"e".repeat(50_000));
            then_attack(deep.pop())
        }),
        dangerous(33, "deep-arguments", "posix.system", "model.pkl", || {
            let call = Stream::protocol(2).global("posix", "system").raw(b")").raw(&b"\x85".repeat(100_000));
            call.reduce().stop()
        }),
        dangerous(33, "exponential-arguments", "posix.system", "model.pkl", || {
            // A tuple that holds the last one twice, sixty times: 2^60 elements if they were written out.
            let call = Stream::protocol(2).global("posix", "system").raw(b")");
            call.raw(&b"2\x86".repeat(60)).tuple1().reduce().stop()
        }),
        dangerous(33, "a-name-of-escape-sequences", "posix.system", "model.pkl", || {
            let name = Stream::protocol(4).stack_global("shop", "\u{1b}[2J\u{1b}]0;all good\u{7}").pop();
            then_attack(name)
        }),
        dangerous(33, "a-name-of-a-megabyte", ATTACK, "model.pkl", || {
            then_attack(Stream::protocol(4).stack_global("shop", &"x".repeat(1 << 20)).pop())
        }),
        dangerous(33, "many-different-calls-before", ATTACK, "model.pkl", || {
            let calls = (0..20_000u32).fold(Stream::protocol(2), |stream, number| {
                stream.global("shop", &format!("f{number}")).raw(b")R0")
            });
            then_attack(calls)
        }),
        dangerous(33, "a-file-name-of-escape-sequences", ATTACK, "model\u{1b}[2K.pkl", attack),
        dangerous(33, "ten-thousand-members", ATTACK, "model.zip", || {
            let many =
                (0..10_000).fold(Archive::default(), |zip, number| zip.stored(&format!("{number}"), b""));
            many.stored("data.pkl", &attack()).bytes()
        }),
        flagged(
            33,
            "members-that-share-their-data",
            ("WB-A002", "shares its local header"),
            "model.zip",
            || {
                let mut zip = Archive::default().deflated("0", &vec![0; 100_000]);
                for number in 1..40 {
                    zip = zip.deflated(&number.to_string(), &vec![0; 100_000]);
                    let last = zip.members.last_mut().unwrap();
                    (last.local, last.offset) = (None, Some(0));
                }
                zip.stored("data.pkl", &plain()).bytes()
            },
        ),
        flagged(33, "a-memo-index-beyond-all-memory", ("WB-A002", "the memo index"), "model.pkl", || {
            // The unpickler in C makes room for all indexes below.
            Stream::protocol(2).none().raw(b"r\xfe\xff\xff\x7f").stop()
        }),
        incomplete(33, "a-header-that-claims-all-memory", "", "model.safetensors", || {
            [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat()
        }),
        incomplete(33, "a-header-of-deep-json", "", "model.safetensors", || {
            safetensors(&"[".repeat(100_000), b"")
        }),
        incomplete(33, "a-header-of-deep-tuples", "", "a.npy", || {
            npy(&format!("{{'descr': {}", "(".repeat(10_000)), b"")
        }),
        incomplete(33, "a-shape-that-overflows", "", "a.npy", || {
            npy(
                "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
                &[0; 8],
            )
        }),
        harmless(33, "deep-but-good", "model.pkl", || {
            Stream::protocol(2).raw(&b"](".repeat(50_000)).raw(&b"e".repeat(50_000)).stop()
        }),
        harmless(33, "well-packed", "model.pkl.gz", || {
            pack("gzip", &Stream::protocol(4).bytes(&vec![0; 900_000]).stop())
        }),
        harmless(33, "a-thousand-members", "model.zip", || {
            let many =
                (0..1000).fold(Archive::default(), |zip, number| zip.stored(&format!("{number}"), b"x"));
            many.stored("data.pkl", &plain()).bytes()
        }),
    ]
}
