//! Arrays of numpy and joblib: row 17.

use super::build::{ATTACK, Archive, Stream, array, attack, joblib_wrapper, npy, npy_of, plain, then_attack};
use super::{Case, dangerous, flagged, harmless};

pub(crate) fn cases() -> Vec<Case> {
    let object =
        |name, descr: &'static str| dangerous(17, name, ATTACK, "a.npy", move || npy_of(descr, 1, &attack()));
    vec![
        object("objects", "'|O'"),
        object("objects-of-eight-bytes", "'O8'"),
        object("a-field-of-objects", "[('a', '<f8'), ('b', '|O')]"),
        object("a-field-in-a-field", "[('a', [('b', [('c', '|O')])])]"),
        object("a-field-with-a-title", "[(('title', 'a'), '|O')]"),
        object("a-field-with-a-shape", "[('a', '|O', (2, 2))]"),
        dangerous(17, "version-2", ATTACK, "a.npy", || {
            let header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
            [b"\x93NUMPY\x02\0\x39\0\0\0".as_slice(), header, &attack()].concat()
        }),
        dangerous(17, "version-3", ATTACK, "a.npy", || {
            let header = "{'descr': [('ä', '|O')], 'fortran_order': False, 'shape': (1,)}\n".as_bytes();
            let length = u32::try_from(header.len()).unwrap().to_le_bytes();
            [b"\x93NUMPY\x03\0".as_slice(), &length, header, &attack()].concat()
        }),
        dangerous(17, "objects-of-no-shape", ATTACK, "a.npy", || {
            npy("{'descr': '|O', 'fortran_order': False, 'shape': (0,)}", &attack())
        }),
        dangerous(17, "keys-in-another-order", ATTACK, "a.npy", || {
            npy("{'shape': (1,), 'fortran_order': False, 'descr': '|O'}", &attack())
        }),
        dangerous(17, "numpy-falls-back-to-pickle", ATTACK, "a.npy", attack),
        dangerous(17, "second-array-in-the-file", ATTACK, "a.npy", || {
            [npy_of("'|u1'", 3, b"abc"), npy_of("'|O'", 1, &attack())].concat()
        }),
        dangerous(17, "in-an-npz", ATTACK, "a.npz", || {
            let good = npy_of("'<f8'", 1, &[0; 8]);
            Archive::default().stored("a.npy", &good).deflated("b.npy", &npy_of("'|O'", 1, &attack())).bytes()
        }),
        dangerous(17, "pickle-in-an-npz", ATTACK, "a.npz", || {
            Archive::default().stored("a.npy", &attack()).bytes()
        }),
        dangerous(17, "joblib-array-of-objects", ATTACK, "model.joblib", || {
            joblib_wrapper(Stream::protocol(3), "O8", 1).raw(&attack()).stop()
        }),
        dangerous(17, "behind-a-joblib-array", ATTACK, "model.joblib", || {
            then_attack(joblib_wrapper(Stream::protocol(3), "f8", 1).raw(&[0; 8]))
        }),
        dangerous(17, "joblib-array-of-a-lying-type", ATTACK, "model.joblib", || {
            // The array is one byte long; who believes eight does not see the call.
            then_attack(joblib_wrapper(Stream::protocol(3), "u1", 1).raw(b"x"))
        }),
        dangerous(17, "joblib-array-that-is-a-program", ATTACK, "model.joblib", || {
            // A plain unpickler takes the bytes of the array for opcodes.
            let program = b"cposix\nsystem\n(X\x02\0\0\0idtR.";
            let length = u8::try_from(program.len()).unwrap();
            joblib_wrapper(Stream::protocol(3), "u1", length).raw(program).stop()
        }),
        dangerous(17, "old-joblib-zfile", ATTACK, "model.pkl", || {
            let packed = super::build::pack("zlib", &attack());
            [b"ZF0x1d               ".as_slice(), &packed].concat()
        }),
        flagged(17, "bytes-behind-an-array", ("WB-A002", "bytes stand after the array"), "a.npy", || {
            [npy_of("'|u1'", 3, b"abc"), b"nobody asked for these".to_vec()].concat()
        }),
        harmless(17, "floats", "a.npy", || npy_of("'<f8'", 2, &[0; 16])),
        harmless(17, "fields", "a.npy", || npy_of("[('a', '<f8'), ('b', '<U3', (2,))]", 1, &[0; 32])),
        harmless(17, "field-called-object", "a.npy", || npy_of("[('|O', '<f8')]", 1, &[0; 8])),
        harmless(17, "bytes-that-are-a-program", "a.npy", || npy_of("'|u1'", attack().len(), &attack())),
        harmless(17, "objects-that-are-harmless", "a.npy", || {
            npy_of("'|O'", 1, &array(Stream::protocol(3), "numpy.core.multiarray", "f8", 1, &[0; 8]).stop())
        }),
        harmless(17, "scalar", "a.npy", || {
            npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &[0; 4])
        }),
        harmless(17, "fortran-order", "a.npy", || {
            npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", &[0; 8])
        }),
        harmless(17, "npz", "a.npz", || {
            let good = npy_of("'<f8'", 1, &[0; 8]);
            Archive::default().stored("a.npy", &good).deflated("b.npy", &npy_of("'|O'", 1, &plain())).bytes()
        }),
        harmless(17, "joblib-array-whose-bytes-look-like-opcodes", "model.joblib", || {
            joblib_wrapper(Stream::protocol(3), "f8", 2).raw(b"cposix\nsystem\n(S").stop()
        }),
        harmless(17, "joblib-two-arrays", "model.joblib", || {
            let list = joblib_wrapper(Stream::protocol(3).raw(b"]("), "f4", 1).raw(b"\x80\x04c\n");
            joblib_wrapper(list, "i8", 1).raw(&[0; 8]).raw(b"e").stop()
        }),
    ]
}
