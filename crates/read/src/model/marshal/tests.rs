//! Bytecode as the interpreters write it, and as nobody should.

use super::*;

// `marshal.dumps` of
//
//     def payload(x, *, deep=("a", "b")):
//         import os
//         def inner(y): return os.getcwd() + "inner text"
//         return os.system("echo hi") + 12345678901234567890 + 1.5

/// By Python 3.6.
const PYTHON_3_6: &str = "\
    e301000000010000000300000003000000030000007326000000640164006c008900870066016402640384087d028800\
    6a01640483016405170064061700530029074ee900000000630100000000000000010000000200000013000000730c00\
    000088006a00830064011700530029024e7a0a696e6e657220746578742901da066765746377642901da01792901da02\
    6f73a900fa066a6f622e7079da05696e6e65720400000073000000007a167061796c6f61642e3c6c6f63616c733e2e69\
    6e6e65727a076563686f2068696c05000000d20a3e563326a55a0a0067000000000000f83f29027204000000da067379\
    7374656d2903da0178da046465657072070000007205000000290172040000007206000000da077061796c6f61640200\
    00007306000000000108010c01\
    ";

/// By Python 3.9.
const PYTHON_3_9: &str = "\
    e30100000000000000010000000300000003000000030000007326000000640164006c00890087006601640264038408\
    7d028800a0016404a1016405170064061700530029074ee9000000006301000000000000000000000001000000020000\
    0013000000730c0000008800a000a10064011700530029024e7a0a696e6e657220746578742901da0667657463776429\
    01da0179a901da026f73a900fa066a6f622e7079da05696e6e657204000000f3000000007a167061796c6f61642e3c6c\
    6f63616c733e2e696e6e65727a076563686f2068696c05000000d20a3e563326a55a0a0067000000000000f83f290272\
    05000000da0673797374656d2903da0178da04646565707208000000720600000072040000007207000000da07706179\
    6c6f6164020000007306000000000108010c01\
    ";

/// By Python 3.13.
const PYTHON_3_13: &str = "\
    e30100000000000000010000000300000003000000f3460000005e039500530153004b006d035503340153021a006a08\
    6e02540352030000000000000000000000000000000000005303350100000000000053042d00000053052d0000002400\
    29064ee900000000630100000000000000000000000200000013000000f32a0000003e01950054015201000000000000\
    000000000000000000000000350000000000000053012d000000240029024e7a0a696e6e657220746578742901da0667\
    65746377642902da0179da026f7373020000002080da066a6f622e7079da05696e6e6572da167061796c6f61642e3c6c\
    6f63616c733e2e696e6e6572040000007313000000f8800098129f1999199b1ba07cd11933d01233f3000000007a0765\
    63686f2068696c05000000d20a3e563326a55a0a0067000000000000f83f29027206000000da0673797374656d2904da\
    0178da0464656570720800000072060000007304000000202020407207000000da077061796c6f6164720e0000000200\
    00007323000000f88000db040ddd0433d80b0d8f3989399059d30b1fd02236d10b36b813d10b3cd0043c720a000000\
    ";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn code_of_every_layout_is_described() {
    for code in [PYTHON_3_6, PYTHON_3_9, PYTHON_3_13] {
        let found = describe(&bytes(code)).unwrap();
        assert_eq!((found.codes, found.name.as_str(), found.filename.as_str()), (2, "payload", "job.py"));
        assert_eq!(found.summary(), "payload: names os, system, getcwd; texts 'echo hi', 'inner text'");
    }
}

#[test]
fn data_hold_no_code() {
    // (1, "a", {"b": 2.0}, [True], a reference to the tuple's first text)
    let data = b")\x05i\x01\0\0\0\xda\x01a{z\x01bg\0\0\0\0\0\0\0@0[\x01\0\0\0Tr\0\0\0\0";
    assert_eq!(describe(data), Some(Described::default()));
    assert_eq!(describe(b""), None);
    assert_eq!(describe(b"not marshal"), None);
}

#[test]
fn hostile_bytes_end() {
    // Counts that nothing stands behind.
    for kind in *b"([<>sutaAl" {
        for count in [i32::MAX, -1, 1 << 20] {
            let bytes = [&[kind], &count.to_le_bytes()[..], b"N"].concat();
            assert!(describe(&bytes).is_none(), "{}", char::from(kind));
        }
    }
    // Tuples in tuples, written one in another, and by reference.
    assert_eq!(describe(&b")\x01".repeat(100_000)), None);
    let count = 50_000i32;
    let mut chain = [&b"("[..], &count.to_le_bytes(), b"\xa9\x01N"].concat();
    for number in 0..count - 1 {
        chain.extend([&b"\xa9\x01r"[..], &number.to_le_bytes()].concat());
    }
    assert_eq!(describe(&chain), None);
    // One tuple named a thousand times by each of a thousand tuples.
    let mut wide = b")\x32".to_vec();
    wide.extend(b"\xa9\xff".to_vec());
    wide.extend(b"N".repeat(255));
    for number in 0..49i32 {
        wide.extend(b"\xa9\xff");
        wide.extend([&b"r"[..], &number.to_le_bytes()].concat().repeat(255));
    }
    assert_eq!(describe(&wide), Some(Described::default()));
    // Every shortening and every changed byte of real code.
    let code = bytes(PYTHON_3_13);
    for end in 0..code.len() {
        let _ = describe(&code[..end]);
        for value in [0, 0xff, 0x80, b'r', b'(', b'c'] {
            let mut changed = code.clone();
            changed[end] = value;
            let _ = describe(&changed);
        }
    }
}

#[test]
fn arguments_of_code_types_are_described() {
    let text = |text: &str| Value::Text(text.to_owned(), 1);
    let texts = |names: &[&str]| Value::Tuple(names.iter().map(|name| text(name)).collect(), 1);
    let number = || Value::Int("1".to_owned());
    let bytes = || Value::Bytes(vec![1], 1);
    let constants = Value::Tuple(vec![Value::None, text("id")], 2);
    // dill puts a table of lines first.
    let arguments = [
        bytes(),
        number(),
        bytes(),
        constants,
        texts(&["os", "system"]),
        texts(&["x"]),
        text("a.py"),
        text("f"),
    ];
    let found = describe_arguments(&arguments).unwrap();
    assert_eq!(found.summary(), "f: names os, system; texts 'id'");
    assert_eq!(found.filename, "a.py");
    assert_eq!(describe_arguments(&[number(), bytes()]), None);
}
