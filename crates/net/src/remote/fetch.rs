//! One GET, followed to where it leads, with patience and a bound on it.

use std::collections::BTreeMap;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use ureq::Body;
use ureq::http::Response;
use ureq::unversioned::transport::DefaultConnector;
use weighbridge_core::context::{ObjectStore, Remote, Secret};
use weighbridge_core::limits::Cancel;

use super::RemoteError;
use super::hosts::Hosts;
use super::sign::{Asked, Signer};
use super::url::Url;
use crate::feed::client::tls;
use crate::online::Online;

/// How often a request is sent before a failing server is given up.
const TRIES: u32 = 4;
/// How long to wait before the second try; before each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// Most connections to one host that are kept for the next request.
const IDLE: usize = 32;
/// How often an answer may lead elsewhere: a repository that was renamed, then the store that holds the bytes.
const REDIRECTS: usize = 4;
/// An answer may take so many times the patience, and besides that a second for so many bytes.
const PATIENCES: u32 = 10;
const BYTES_PER_SECOND: u64 = 16 << 10;

/// Fetches from servers.
pub(crate) struct Fetcher {
    agent: ureq::Agent,
    pass: Pass,
    patience: Duration,
    cancel: Cancel,
}

/// What is shown to whom, so that it lets us in.
enum Pass {
    /// Nothing to anybody.
    None,
    /// A token to this origin alone.
    Token(String, Secret),
    /// A signature to its own origin alone.
    Signed(Signer),
    /// To each of these origins a user's name and password, as the header `Authorization` holds them (RFC 7617).
    Users(BTreeMap<String, Secret>),
}

/// An answer, and the address that gave it.
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) response: Response<Body>,
    began: Instant,
    patience: Duration,
    cancel: Cancel,
}

/// What is wanted of a file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// First and last byte.
    pub(crate) range: Option<(u64, u64)>,
    /// The version of the file of which the range is wanted.
    pub(crate) version: Option<&'a str>,
    /// The types of content that are understood (RFC 9110, section 12.5.1).
    pub(crate) accept: Option<&'a str>,
    /// The version that is there already: an answer may be that it still holds (RFC 9110, section 13.1.2).
    pub(crate) unlike: Option<&'a str>,
}

impl Fetcher {
    /// A fetcher that keeps to `remote`. `hub` is who gets the token.
    pub(crate) fn new(
        _: Online,
        remote: &Remote,
        hub: Option<&Url>,
        cancel: &Cancel,
    ) -> Result<Self, RemoteError> {
        let pass = match hub.zip(remote.token.clone()) {
            Some((hub, token)) => Pass::Token(hub.origin(), token),
            None => Pass::None,
        };
        Self::with(pass, remote, cancel)
    }

    /// A fetcher that signs what it asks the store at `base`, if the user has a key.
    pub(crate) fn for_store(
        _: Online,
        remote: &Remote,
        base: &Url,
        cancel: &Cancel,
    ) -> Result<Self, RemoteError> {
        let ObjectStore { region, key, .. } = remote.store.clone();
        let pass = match key {
            Some(key) => Pass::Signed(Signer { origin: base.origin(), region, key }),
            None => Pass::None,
        };
        Self::with(pass, remote, cancel)
    }

    /// A fetcher that shows each origin of `users` the user that belongs to it, and nobody anything else.
    pub(crate) fn for_users(
        _: Online,
        remote: &Remote,
        users: BTreeMap<String, Secret>,
        cancel: &Cancel,
    ) -> Result<Self, RemoteError> {
        Self::with(Pass::Users(users), remote, cancel)
    }

    fn with(pass: Pass, remote: &Remote, cancel: &Cancel) -> Result<Self, RemoteError> {
        let patience = Some(remote.patience);
        let tls = tls(remote.certificates.as_deref()).map_err(|_| RemoteError::Certificates)?;
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("weighbridge/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .http_status_as_error(false)
            // Redirects are followed here, because not every host may see every header.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // As many as ask at a time: a new connection costs a handshake.
            .max_idle_connections(2 * IDLE)
            .max_idle_connections_per_host(IDLE)
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .tls_config(tls)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Hosts::default());
        Ok(Self { agent, pass, patience: remote.patience, cancel: cancel.clone() })
    }

    /// Asks for `wanted` at `url` and wherever that leads. The answer has the status 200, 206 or 416, or 304 where a
    /// version was named that is there already.
    pub(crate) fn get(&self, url: &Url, wanted: Wanted<'_>) -> Result<Answer, RemoteError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.patiently(&url, wanted)?;
            let status = answer.response.status().as_u16();
            match status {
                200 | 206 | 416 => return Ok(answer),
                304 if wanted.unlike.is_some() => return Ok(answer),
                301 | 302 | 303 | 307 | 308 => {
                    let location =
                        answer.header("location").ok_or_else(|| answer.wrong("it leads nowhere"))?;
                    url = url.join(location)?;
                }
                _ => return Err(RemoteError::Status { url: url.to_string(), status }),
            }
        }
        Err(RemoteError::Answer {
            url: url.to_string(),
            reason: "it leads from one place to the next".into(),
        })
    }

    /// Asks again where the server fails or has no time.
    fn patiently(&self, url: &Url, wanted: Wanted<'_>) -> Result<Answer, RemoteError> {
        let mut wait = FIRST_WAIT;
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.once(url, wanted);
            let pause = match &asked {
                Ok(answer) => match answer.response.status().as_u16() {
                    429 | 500..=599 => answer.retry_after().unwrap_or(wait),
                    _ => return asked,
                },
                Err(RemoteError::Connection { .. }) => wait,
                Err(_) => return asked,
            };
            // A server that wants more time than the user has is not waited for.
            if tries >= TRIES || pause > self.patience {
                return asked;
            }
            self.sleep(pause)?;
            wait = wait.saturating_mul(2).min(self.patience);
        }
    }

    fn once(&self, url: &Url, wanted: Wanted<'_>) -> Result<Answer, RemoteError> {
        if self.cancel.is_cancelled() {
            return Err(RemoteError::Interrupted);
        }
        let began = Instant::now();
        let mut request = self.agent.get(url.as_sent());
        let range = wanted.range.map(|(first, last)| format!("bytes={first}-{last}"));
        if let Some(range) = &range {
            request = request.header("Range", range);
        }
        if let Some(version) = wanted.version {
            request = request.header("If-Range", version);
        }
        if let Some(accept) = wanted.accept {
            request = request.header("Accept", accept);
        }
        if let Some(version) = wanted.unlike {
            request = request.header("If-None-Match", version);
        }
        match &self.pass {
            Pass::Users(users) => {
                if let Some(user) = users.get(&url.origin()) {
                    request = request.header("Authorization", user.reveal());
                }
            }
            Pass::Token(hub, token) if *hub == url.origin() => {
                request = request.header("Authorization", format!("Bearer {}", token.reveal()));
            }
            Pass::Signed(signer) if signer.origin == url.origin() => {
                let (host, path, query) = url.parts();
                let asked = Asked { host, path, query, range: range.as_deref() };
                for (name, value) in signer.headers(&asked) {
                    request = request.header(name, value);
                }
            }
            Pass::None | Pass::Token(..) | Pass::Signed(_) => {}
        }
        let response = request.call().map_err(|error| RemoteError::Connection {
            url: url.to_string(),
            // Errors of the client may quote the address with its query.
            message: error.to_string().replace(&url.as_sent(), &url.to_string()),
        })?;
        let (patience, cancel) = (self.patience, self.cancel.clone());
        Ok(Answer { url: url.clone(), response, began, patience, cancel })
    }

    fn sleep(&self, pause: Duration) -> Result<(), RemoteError> {
        let end = Instant::now() + pause;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if self.cancel.is_cancelled() {
                return Err(RemoteError::Interrupted);
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(())
    }
}

impl Answer {
    /// A header of the answer that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The error for an answer that makes no sense.
    pub(crate) fn wrong(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::Answer { url: self.url.to_string(), reason: reason.into() }
    }

    /// Gives the body to `take` in pieces, up to `most` bytes, and returns how many there were.
    pub(crate) fn body(
        &mut self,
        most: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), RemoteError>,
    ) -> Result<u64, RemoteError> {
        if self.header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
        {
            return Err(self.wrong("it comes packed, which was not asked for"));
        }
        let url = self.url.to_string();
        let broken = |message: String| RemoteError::Connection { url: url.clone(), message };
        let announced = self.response.body().content_length();
        let mut body = self.response.body_mut().as_reader();
        let mut piece = vec![0; 64 << 10];
        let mut received = 0u64;
        loop {
            if self.cancel.is_cancelled() {
                return Err(RemoteError::Interrupted);
            }
            let allowed =
                self.patience.saturating_mul(PATIENCES) + Duration::from_secs(received / BYTES_PER_SECOND);
            if self.began.elapsed() > allowed {
                return Err(broken("it comes too slowly".to_owned()));
            }
            let count = body.read(&mut piece).map_err(|error| broken(error.to_string()))?;
            if count == 0 {
                break;
            }
            received = received.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if received > most {
                return Err(RemoteError::TooLarge(most));
            }
            take(piece.get(..count).unwrap_or_default())?;
        }
        match announced {
            Some(announced) if announced != received => {
                Err(broken(format!("it broke off after {received} of {announced} bytes")))
            }
            _ => Ok(received),
        }
    }

    /// How long the server wants to be left alone (RFC 9110, section 10.2.3, in seconds).
    fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}
