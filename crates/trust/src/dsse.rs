//! Dead Simple Signing Envelope (DSSE v1.0.2, *protocol* and *envelope*).

/// The payload type of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A payload, and the signatures over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The bytes of each signature.
    pub signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// What the signatures are over.
    pub fn signed(&self) -> Vec<u8> {
        encode(&self.payload_type, &self.payload)
    }
}

/// The pre-authentication encoding (*protocol*, section "Signature Definition"): the lengths in it keep type and payload
/// apart, so that no two pairs of them share an encoding.
pub fn encode(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// The encoding of `model_signing` 0.2.0, which wrote the payload as Python writes bytes. Read for old bundles, never
/// written.
pub fn encode_0_2(payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEV1 {} {IN_TOTO} {} ", IN_TOTO.len(), payload.len()).into_bytes();
    // Python takes double quotes exactly where the bytes hold a single quote and no double one.
    let quote = if payload.contains(&b'\'') && !payload.contains(&b'"') { b'"' } else { b'\'' };
    encoded.extend_from_slice(&[b'b', quote]);
    for &byte in payload {
        match byte {
            b'\t' => encoded.extend_from_slice(b"\\t"),
            b'\n' => encoded.extend_from_slice(b"\\n"),
            b'\r' => encoded.extend_from_slice(b"\\r"),
            b'\\' => encoded.extend_from_slice(b"\\\\"),
            _ if byte == quote => encoded.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => encoded.push(byte),
            _ => encoded.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    encoded.push(quote);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // DSSE, protocol, "Test Vectors".
        let encoded = encode("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn the_old_encoding_writes_bytes_as_python_does() {
        // `repr(b"...")` in Python 3.11.
        for (payload, expected) in [
            (&b"a\n"[..], &br"b'a\n'"[..]),
            (b"it's", br#"b"it's""#),
            (b"'\"", br#"b'\'"'"#),
            (b"\x00\xff\\", br"b'\x00\xff\\'"),
        ] {
            assert!(encode_0_2(payload).ends_with(expected), "{}", String::from_utf8_lossy(expected));
        }
    }
}
