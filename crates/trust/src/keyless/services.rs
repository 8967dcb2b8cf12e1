//! Which services an instance of Sigstore signs with (protobuf-specs, `sigstore_trustroot.proto`: `ClientTrustConfig`,
//! `SigningConfig`).

use serde::Deserialize;
use serde_json::Value;
use sigstore_verify::trust_root::signing_config::{ServiceConfiguration, ServiceEndpoint, ServiceSelector};
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_SIGNING_CONFIG, SigningConfig};

use super::{KeylessError, Roots};

/// The media type of a configuration with roots and services.
const CLIENT: &str = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";

/// An instance of Sigstore: whom it trusts, and which services make a signature.
#[derive(Debug)]
pub struct Instance {
    /// Whom to believe about a signature.
    pub roots: Roots,
    /// Where one is made.
    pub services: Services,
}

/// The services that are asked for one signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Services {
    /// The base URL of the certificate authority (Fulcio).
    pub authority: String,
    /// The transparency logs (Rekor).
    pub logs: Vec<Log>,
    /// The full URLs of timestamp authorities (RFC 3161).
    pub timestamps: Vec<String>,
}

/// A transparency log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Its base URL.
    pub url: String,
    /// The version of its interface, 1 or 2.
    pub version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    trusted_root: Value,
    signing_config: Value,
}

impl Instance {
    /// The instance of a client trust configuration, with the services that it offers at `time`, in seconds since 1970.
    ///
    /// # Errors
    /// [`KeylessError::Services`], [`KeylessError::Roots`].
    pub fn read(json: &str, time: i64) -> Result<Self, KeylessError> {
        let wire: Wire =
            serde_json::from_str(json).map_err(|error| KeylessError::Services(error.to_string()))?;
        if wire.media_type != CLIENT {
            return Err(KeylessError::Services(format!(
                "its media type is `{}`, not `{CLIENT}`",
                wire.media_type
            )));
        }
        Ok(Self {
            roots: Roots::read(&wire.trusted_root.to_string())?,
            services: Services::read(&wire.signing_config.to_string(), time)?,
        })
    }

    /// The public instance, as the library knows it.
    ///
    /// # Errors
    /// [`KeylessError::Services`] where none of its services is in use any more at `time`.
    pub fn public(time: i64) -> Result<Self, KeylessError> {
        let services = Services::read(SIGSTORE_PRODUCTION_SIGNING_CONFIG, time)?;
        Ok(Self { roots: Roots::public(), services })
    }
}

impl Services {
    fn read(json: &str, time: i64) -> Result<Self, KeylessError> {
        let config =
            SigningConfig::from_json(json).map_err(|error| KeylessError::Services(error.to_string()))?;
        let one = ServiceConfiguration::default();
        let authorities = chosen("certificate authority", &config.ca_urls, &[1], &one, time)?;
        let authority = authorities.into_iter().next().map(|service| service.url.clone());
        let logs = chosen("log", &config.rekor_tlog_urls, &[1, 2], &config.rekor_tlog_config, time)?;
        let timestamps = if config.tsa_urls.is_empty() {
            Vec::new()
        } else {
            chosen("timestamp authority", &config.tsa_urls, &[1], &config.tsa_config, time)?
        };
        Ok(Self {
            authority: authority.ok_or_else(|| none("certificate authority"))?,
            logs: logs
                .into_iter()
                .map(|log| Log { url: log.url.clone(), version: log.major_api_version })
                .collect(),
            timestamps: timestamps.into_iter().map(|service| service.url.clone()).collect(),
        })
    }

    /// All URLs, in the order in which they are asked.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let logs = self.logs.iter().map(|log| &*log.url);
        [&*self.authority].into_iter().chain(self.timestamps.iter().map(String::as_str)).chain(logs)
    }
}

/// The services to ask: of each operator the one with the newest interface that is known here, among those in use now; of
/// the operators as many as the configuration wants, the first ones (`SigningConfig`, comments on selection).
fn chosen<'a>(
    what: &str,
    services: &'a [ServiceEndpoint],
    versions: &[u32],
    wanted: &ServiceConfiguration,
    time: i64,
) -> Result<Vec<&'a ServiceEndpoint>, KeylessError> {
    let is_usable = |service: &&ServiceEndpoint| {
        versions.contains(&service.major_api_version)
            && service.valid_for.start.as_second() <= time
            && service.valid_for.end.is_none_or(|end| time <= end.as_second())
    };
    let mut best: Vec<&ServiceEndpoint> = Vec::new();
    for service in services.iter().filter(is_usable) {
        let rank = |service: &ServiceEndpoint| (service.major_api_version, service.valid_for.start);
        match best.iter_mut().find(|known| known.operator == service.operator) {
            Some(known) if rank(service) > rank(known) => *known = service,
            Some(_) => {}
            None => best.push(service),
        }
    }
    let count = match wanted.selector {
        ServiceSelector::Any => 1,
        ServiceSelector::All => best.len(),
        ServiceSelector::Exact => usize::try_from(wanted.count.unwrap_or_default()).unwrap_or(usize::MAX),
        _ => return Err(KeylessError::Services(format!("it does not say how to choose a {what}"))),
    };
    if best.is_empty() || count == 0 {
        return Err(none(what));
    }
    if best.len() < count {
        return Err(KeylessError::Services(format!(
            "it wants {count} of a {what}, and {} are in use now",
            best.len()
        )));
    }
    best.truncate(count);
    Ok(best)
}

fn none(what: &str) -> KeylessError {
    KeylessError::Services(format!("it names no {what} that is in use now and known here"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-01-01, in seconds since 1970.
    const NOW: i64 = 1_767_225_600;

    fn service(url: &str, version: u32, start: &str, operator: &str) -> Value {
        json!({ "url": url, "majorApiVersion": version, "validFor": { "start": start }, "operator": operator })
    }

    fn config(logs: Vec<Value>, selector: Value) -> String {
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service("https://ca", 1, "2025-01-01T00:00:00Z", "a")],
            "rekorTlogUrls": logs,
            "rekorTlogConfig": selector,
        })
        .to_string()
    }

    fn urls(logs: Vec<Value>, selector: Value) -> Result<Vec<String>, String> {
        let services = Services::read(&config(logs, selector), NOW).map_err(|error| error.to_string())?;
        Ok(services.logs.into_iter().map(|log| log.url).collect())
    }

    #[test]
    fn each_operator_is_asked_by_its_newest_interface_in_use() {
        let logs = || {
            vec![
                service("old", 1, "2021-01-01T00:00:00Z", "a"),
                service("new", 2, "2025-01-01T00:00:00Z", "a"),
                service("to come", 2, "2027-01-01T00:00:00Z", "a"),
                service("unknown", 3, "2025-01-01T00:00:00Z", "a"),
                service("other", 1, "2025-01-01T00:00:00Z", "b"),
            ]
        };
        assert_eq!(urls(logs(), json!({ "selector": "ANY" })).unwrap(), ["new"]);
        assert_eq!(urls(logs(), json!({ "selector": "ALL" })).unwrap(), ["new", "other"]);
        assert_eq!(urls(logs(), json!({ "selector": "EXACT", "count": 2 })).unwrap(), ["new", "other"]);
    }

    #[test]
    fn what_cannot_be_chosen_is_an_error() {
        let one = || vec![service("log", 1, "2025-01-01T00:00:00Z", "a")];
        let past = json!({ "url": "log", "majorApiVersion": 1,
            "validFor": { "start": "2021-01-01T00:00:00Z", "end": "2022-01-01T00:00:00Z" } });
        for (logs, selector, expected) in [
            (Vec::new(), json!({ "selector": "ANY" }), "no log"),
            (vec![past], json!({ "selector": "ALL" }), "no log"),
            (one(), json!({ "selector": "EXACT", "count": 2 }), "wants 2"),
            (one(), json!({ "selector": "EXACT" }), "no log"),
            (one(), json!({ "selector": "SERVICE_SELECTOR_UNDEFINED" }), "how to choose"),
        ] {
            let error = urls(logs, selector).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_public_instance_is_known() {
        let public = Instance::public(NOW).unwrap();
        assert!(public.services.urls().all(|url| url.starts_with("https://")));
    }
}
