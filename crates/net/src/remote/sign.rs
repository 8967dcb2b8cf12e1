//! Signatures of requests to object stores: AWS Signature Version 4 (*Authenticating Requests: Using the Authorization
//! Header*), for GET without a body.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use weighbridge_core::context::{Secret, StoreKey};
use weighbridge_core::date::Date;
use weighbridge_core::digest::{Digest, Hasher};

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Who signs, and for whom.
pub(super) struct Signer {
    /// The store: scheme, host and port.
    pub(super) origin: String,
    pub(super) region: String,
    pub(super) key: StoreKey,
}

/// What is asked for, in the form in which it is signed.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    /// Encoded as it is sent.
    pub(super) path: &'a str,
    /// `NAME=VALUE` joined by `&`, encoded and sorted as it is sent.
    pub(super) query: &'a str,
    /// Value of the header `Range`.
    pub(super) range: Option<&'a str>,
}

impl Signer {
    /// The headers to add at this moment.
    pub(super) fn headers(&self, asked: &Asked<'_>) -> Vec<(&'static str, String)> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.headers_at(asked, seconds)
    }

    fn headers_at(&self, asked: &Asked<'_>, seconds: u64) -> Vec<(&'static str, String)> {
        let day =
            Date::from_unix_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string().replace('-', "");
        let rest = seconds % 86_400;
        let time = format!("{day}T{:02}{:02}{:02}Z", rest / 3_600, rest % 3_600 / 60, rest % 60);
        let nothing = Digest::of(b"").to_string();
        let mut signed = vec![("host", asked.host.to_owned())];
        signed.extend(asked.range.map(|range| ("range", range.to_owned())));
        let mut added = vec![("x-amz-content-sha256", nothing.clone()), ("x-amz-date", time.clone())];
        added.extend(
            self.key.session.as_ref().map(|token| ("x-amz-security-token", token.reveal().to_owned())),
        );
        signed.extend(added.iter().cloned());
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut request = format!("GET\n{}\n{}\n", asked.path, asked.query);
        for (name, value) in &signed {
            // Writing to a `String` cannot fail.
            let _ = writeln!(request, "{name}:{}", value.trim());
        }
        let _ = write!(request, "\n{names}\n{nothing}");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", Digest::of(request.as_bytes()));
        let steps = [day.as_str(), self.region.as_str(), "s3", "aws4_request", text.as_str()];
        let signature = steps
            .iter()
            .fold(first_key(&self.key.secret), |key, step| hmac(&key, step.as_bytes()).as_bytes().to_vec());
        let signature = signature.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            self.key.id
        );
        added.push(("authorization", authorization));
        added
    }
}

fn first_key(secret: &Secret) -> Vec<u8> {
    [b"AWS4", secret.reveal().as_bytes()].concat()
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Digest {
    let mut block = [0; BLOCK];
    let short = if key.len() > BLOCK { Digest::of(key).as_bytes().to_vec() } else { key.to_vec() };
    for (to, from) in block.iter_mut().zip(&short) {
        *to = *from;
    }
    let padded = |pad: u8, text: &[u8]| {
        let mut hasher = Hasher::default();
        hasher.update(&block.map(|byte| byte ^ pad));
        hasher.update(text);
        hasher.finish()
    };
    padded(0x5c, padded(0x36, text).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_documentation() {
        // *Signature Calculations for the Authorization Header: Examples*.
        let key = StoreKey {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session: None,
        };
        let signer = Signer { origin: String::new(), region: "us-east-1".to_owned(), key };
        let host = "examplebucket.s3.amazonaws.com";
        // 2013-05-24T00:00:00Z.
        let signature = |asked: &Asked<'_>| {
            let headers = signer.headers_at(asked, 1_369_353_600);
            headers.last().unwrap().1.rsplit('=').next().unwrap().to_owned()
        };
        assert_eq!(
            signature(&Asked { host, path: "/test.txt", query: "", range: Some("bytes=0-9") }),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature(&Asked { host, path: "/", query: "max-keys=2&prefix=J", range: None }),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn codes_are_those_of_rfc_4231() {
        // Test cases 2 and 6.
        let long = [0xaa; 131];
        for (key, text, code) in [
            (&b"Jefe"[..], &b"what do ya want for nothing?"[..], "5bdcc146bf60754e"),
            (&long, b"Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f"),
        ] {
            assert_eq!(format!("{:.16}", hmac(key, text)), code);
        }
    }
}
