//! Sends something small to a service and takes its answer: what signing needs, and nothing else does.

use std::io::Read as _;

use ureq::Agent;

use crate::feed::client::tls;
use crate::feed::{FeedError, Online, Options};

/// Asks services.
pub struct Exchange {
    agent: Agent,
    most_bytes: u64,
}

/// What a service says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// What it sends.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection would be open for everybody to read.
    #[error("`{0}` is not asked: what is sent is secret, and the address does not begin with `https://`")]
    Open(String),
    /// The service cannot be reached, or the connection broke.
    #[error("cannot reach `{url}`")]
    Connection {
        /// What was asked.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// The answer broke off.
    #[error("the answer of `{url}` broke off")]
    Io {
        /// What was asked.
        url: String,
        /// What happened.
        source: std::io::Error,
    },
    /// The answer is larger than allowed.
    #[error("the answer of `{url}` is larger than {most} bytes")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The limit.
        most: u64,
    },
}

impl Exchange {
    /// Connects as `options` say.
    ///
    /// # Errors
    /// [`FeedError::Certificates`].
    pub fn new(_: Online, options: &Options) -> Result<Self, FeedError> {
        let patience = Some(options.patience);
        let config = Agent::config_builder()
            .user_agent(concat!("weighbridge/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // Whoever it leads to is not the one for whom the token is meant.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_send_body(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .tls_config(tls(options.certificates.as_deref())?)
            .build();
        Ok(Self { agent: config.new_agent(), most_bytes: options.most_bytes })
    }

    /// Sends `body`, which is of the type `kind`, and asks for an answer of the type `wanted`.
    ///
    /// # Errors
    /// [`ExchangeError`]. Every status is an answer.
    pub fn post(&self, url: &str, kind: &str, wanted: &str, body: &[u8]) -> Result<Answer, ExchangeError> {
        is_private(url)?;
        let request = self.agent.post(url).header("Content-Type", kind).header("Accept", wanted);
        self.answer(url, request.send(body))
    }

    /// Asks for JSON and shows `token`.
    ///
    /// # Errors
    /// [`ExchangeError`]. Every status is an answer.
    pub fn get(&self, url: &str, token: &str) -> Result<Answer, ExchangeError> {
        is_private(url)?;
        let request = self.agent.get(url).header("Accept", "application/json");
        self.answer(url, request.header("Authorization", &format!("Bearer {token}")).call())
    }

    fn answer(
        &self,
        url: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, ExchangeError> {
        let mut response = response
            .map_err(|source| ExchangeError::Connection { url: url.to_owned(), source: Box::new(source) })?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let most = self.most_bytes;
        let reader = response.body_mut().as_reader();
        reader
            .take(most.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(|source| ExchangeError::Io { url: url.to_owned(), source })?;
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > most {
            return Err(ExchangeError::TooLarge { url: url.to_owned(), most });
        }
        Ok(Answer { status, body })
    }
}

/// Nobody but the service reads what is sent: it goes out encrypted, or does not leave the machine.
fn is_private(url: &str) -> Result<(), ExchangeError> {
    if url.starts_with("https://") {
        return Ok(());
    }
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next());
    let host = authority.map(|authority| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    });
    match host {
        Some("localhost" | "127.0.0.1" | "[::1]") => Ok(()),
        _ => Err(ExchangeError::Open(url.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_in_the_clear() {
        for url in ["https://a.example", "http://127.0.0.1:80/x", "http://localhost", "http://[::1]:8080?q"] {
            assert!(is_private(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example",
            "http://127.0.0.1.example",
            "http://localhost@a.example",
            "http://localhost:80@a.example/",
            "http://a.example/http://localhost",
            "ftp://localhost",
            "localhost",
            "",
        ] {
            assert!(is_private(url).is_err(), "{url}");
        }
    }
}
