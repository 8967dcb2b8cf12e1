//! The HTTP client: one GET, streamed into a file, within limits.

use std::io::{Read, Write};
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use weighbridge_core::limits::Cancel;

use super::{FeedError, Online, Options};

/// Bytes taken from the connection at a time.
const PIECE: usize = 64 << 10;

/// Downloads files.
pub struct Client {
    agent: ureq::Agent,
    most_bytes: u64,
}

impl Client {
    /// A client that connects as `options` say.
    ///
    /// # Errors
    /// [`FeedError::Certificates`].
    pub fn new(_: Online, options: &Options) -> Result<Self, FeedError> {
        let patience = Some(options.patience);
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("weighbridge/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(5)
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .tls_config(tls(options.certificates.as_deref())?)
            .build();
        Ok(Self { agent: config.new_agent(), most_bytes: options.most_bytes })
    }

    /// Writes what lies at `url` to `file` and returns how many bytes there were. `progress` hears how many have come
    /// and how many are announced.
    ///
    /// # Errors
    /// [`FeedError`]; what was written until then is of no use.
    pub fn download(
        &self,
        url: &str,
        file: &mut dyn Write,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<u64, FeedError> {
        let failed = |source| FeedError::Connection { url: url.to_owned(), source: Box::new(source) };
        let broken = |source| FeedError::Io { url: url.to_owned(), source };
        let too_large = || FeedError::TooLarge { url: url.to_owned(), most: self.most_bytes };
        let mut response = self
            .agent
            .get(url)
            .config()
            // A redirect must not lead from an encrypted connection to an open one.
            .https_only(url.starts_with("https://"))
            .build()
            .call()
            .map_err(failed)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(FeedError::Status { url: url.to_owned(), status });
        }
        let announced = response.body().content_length();
        if announced.is_some_and(|announced| announced > self.most_bytes) {
            return Err(too_large());
        }
        let mut body = response.body_mut().as_reader();
        let mut piece = vec![0; PIECE];
        let mut received = 0u64;
        loop {
            if cancel.is_cancelled() {
                return Err(FeedError::Interrupted);
            }
            let count = match body.read(&mut piece) {
                Ok(count) => count,
                Err(error) => return Err(cut_off(url, received, announced).unwrap_or_else(|| broken(error))),
            };
            if count == 0 {
                break;
            }
            received = received.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if received > self.most_bytes {
                return Err(too_large());
            }
            file.write_all(piece.get(..count).unwrap_or_default()).map_err(broken)?;
            progress(received, announced);
        }
        cut_off(url, received, announced).map_or(Ok(received), Err)
    }
}

/// The error for an answer that ended before its announced length.
fn cut_off(url: &str, received: u64, announced: Option<u64>) -> Option<FeedError> {
    let expected = announced.filter(|expected| received < *expected)?;
    Some(FeedError::Truncated { url: url.to_owned(), received, expected })
}

/// How to secure connections: by the built-in root certificates, or by those in this PEM file.
///
/// # Errors
/// [`FeedError::Certificates`].
pub(crate) fn tls(certificates: Option<&[u8]>) -> Result<TlsConfig, FeedError> {
    let builder = TlsConfig::builder();
    let Some(pem) = certificates else { return Ok(builder.build()) };
    let certificates: Vec<Certificate<'static>> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(FeedError::Certificates);
    }
    Ok(builder.root_certs(RootCerts::Specific(Arc::new(certificates))).build())
}
