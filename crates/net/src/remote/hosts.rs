//! The addresses of hosts, looked up once for many requests.
//!
//! Every request looks its host up, also where a connection is open already; hundreds of equal questions at a time are what a
//! name service begins to drop, and each that is dropped costs five seconds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// For how long an address holds.
const HOLDS: Duration = Duration::from_secs(60);
/// For how long it holds that there is none: for those who waited for the same answer, and not for the next try.
const FAILURE_HOLDS: Duration = Duration::from_millis(300);
/// Most hosts that are remembered.
const MOST: usize = 1_000;

/// Remembers what the system's name service says.
#[derive(Default)]
pub(super) struct Hosts {
    system: DefaultResolver,
    /// By host and port. Whoever asks for a host that is being looked up waits for that answer.
    known: Mutex<BTreeMap<String, Arc<Mutex<Option<Known>>>>>,
}

/// When a host was looked up, and its addresses; none where that failed.
type Known = (Instant, Vec<SocketAddr>);

impl std::fmt::Debug for Hosts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hosts")
    }
}

impl Resolver for Hosts {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let named = uri.scheme().zip(uri.authority());
        let Some(name) = named.and_then(|(scheme, it)| DefaultResolver::host_and_port(scheme, it)) else {
            return self.system.resolve(uri, config, timeout);
        };
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST && !known.contains_key(&name) {
                known.clear();
            }
            Arc::clone(known.entry(name).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, addresses)) = &*slot {
            let holds = if addresses.is_empty() { FAILURE_HOLDS } else { HOLDS };
            if when.elapsed() < holds {
                let mut found = self.empty();
                addresses.iter().for_each(|address| found.push(*address));
                return if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) };
            }
        }
        let found = self.system.resolve(uri, config, timeout);
        let addresses = found.as_ref().map(|found| found.iter().copied().collect()).unwrap_or_default();
        *slot = Some((Instant::now(), addresses));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_looked_up_once() {
        let hosts = Hosts::default();
        let config = Config::default();
        let forever = || NextTimeout {
            after: ureq::unversioned::transport::time::Duration::NotHappening,
            reason: ureq::Timeout::Resolve,
            per_read: None,
            per_write: None,
        };
        let ask = |uri: &str| hosts.resolve(&uri.parse().unwrap(), &config, forever());
        let first: Vec<SocketAddr> = ask("http://127.0.0.1:8000/a").unwrap().iter().copied().collect();
        assert_eq!(first, ["127.0.0.1:8000".parse().unwrap()]);
        // Only what is remembered could be this.
        let elsewhere: SocketAddr = "127.0.0.9:9".parse().unwrap();
        let slot = Arc::clone(&hosts.known.lock().unwrap()["127.0.0.1:8000"]);
        *slot.lock().unwrap() = Some((Instant::now(), vec![elsewhere]));
        assert_eq!(ask("http://127.0.0.1:8000/b").unwrap().iter().copied().next(), Some(elsewhere));
        assert_eq!(ask("http://127.0.0.1:8001/b").unwrap().iter().next().unwrap().port(), 8001);
        // That there is none holds for those who wait only.
        *slot.lock().unwrap() = Some((Instant::now(), Vec::new()));
        assert!(ask("http://127.0.0.1:8000/c").is_err());
        let before = Instant::now().checked_sub(2 * FAILURE_HOLDS).unwrap();
        *slot.lock().unwrap() = Some((before, Vec::new()));
        assert!(ask("http://127.0.0.1:8000/d").is_ok());
    }
}
