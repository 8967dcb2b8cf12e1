//! Timestamp authorities (RFC 3161).

use weighbridge_trust::Sha2;

use super::{Keyless, SigningError};

impl Keyless {
    /// The answer of a timestamp authority in DER: these bytes were there at that time.
    pub(super) fn timestamp(&self, url: &str, stamped: &[u8]) -> Result<Vec<u8>, SigningError> {
        let body = query(&Sha2::Sha256.digest(stamped));
        self.post(url, "application/timestamp-query", "application/timestamp-reply", &body)
    }
}

/// A `TimeStampReq` (section 2.4.1) for a SHA-256, with the certificate of the authority. There is no nonce: what is
/// stamped is a signature that nobody can have seen before, so that no old answer fits.
fn query(digest: &[u8]) -> Vec<u8> {
    // SEQUENCE, version 1, messageImprint of id-sha256 (2.16.840.1.101.3.4.2.1) with 32 bytes.
    let mut query = vec![0x30, 57, 2, 1, 1, 0x30, 49, 0x30, 13, 6, 9];
    query.extend_from_slice(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32]);
    query.extend_from_slice(digest);
    // certReq.
    query.extend_from_slice(&[1, 1, 0xff]);
    query
}

#[cfg(test)]
mod tests {
    use x509_cert::der::{Reader as _, SliceReader};

    use super::*;

    #[test]
    fn the_lengths_of_a_query_are_right() {
        let query = query(&[7; 32]);
        assert_eq!(query.len(), 59);
        let mut reader = SliceReader::new(&query).unwrap();
        let inner: Vec<usize> = reader
            .sequence(|inner| {
                let mut lengths = Vec::new();
                while !inner.is_finished() {
                    lengths.push(inner.tlv_bytes()?.len());
                }
                Ok(lengths)
            })
            .unwrap();
        assert_eq!(inner, [3, 51, 3]);
        assert!(reader.is_finished());
    }
}
