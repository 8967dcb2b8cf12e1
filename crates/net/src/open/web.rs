//! `https://…`, and `http://127.0.0.1…` on this machine: one file on a server, read in place.

use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::coverage::Unread;
use weighbridge_core::opener::{Entry, Handle, OpenError, Opened, Opener, Tree};
use weighbridge_core::source::Source;

use crate::online::Online;
use crate::remote::RemoteError;
use crate::remote::fetch::Fetcher;
use crate::remote::source::RangeSource;
use crate::remote::url::Url;

/// Opens files on servers without downloading them. No token is sent to any of them.
#[derive(Debug)]
pub struct Web {
    schemes: &'static [&'static str],
}

impl Web {
    /// Plain connections, which lead only to this machine.
    pub const HTTP: Self = Self { schemes: &["http"] };
    /// Secure connections.
    pub const HTTPS: Self = Self { schemes: &["https"] };
}

impl Opener for Web {
    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let scheme = self.schemes.first().copied().unwrap_or_default();
        let Some(online) = Online::unless(context.offline) else {
            return Err(OpenError::Offline { locator: format!("{scheme}:{locator}"), by: "`--offline`" });
        };
        // The query may be a signature; it belongs in no report.
        let shown = locator.split(['?', '#']).next().unwrap_or_default();
        let failed = |error: RemoteError| error.open(&format!("{scheme}:{shown}"));
        let url = Url::parse(&format!("{scheme}:{locator}")).map_err(failed)?;
        let fetcher = Fetcher::new(online, &context.remote, None, &context.cancel).map_err(failed)?;
        let name = url.name();
        let source = RangeSource::ask(Arc::new(fetcher), url, context.limits.remote_bytes).map_err(failed)?;
        let name = if name.is_empty() { "index".to_owned() } else { name };
        let size = source.size();
        let handle = Arc::new(Ready(Arc::new(source)));
        let entry = Entry { path: name.as_str().into(), size, handle, link_to: None, claimed: None };
        Ok(Opened {
            name,
            entries: vec![entry],
            excluded: Vec::new(),
            notes: Vec::new(),
            tree: Box::new(Alone),
        })
    }
}

/// The file has been asked for already; its first block is there.
struct Ready(Arc<RangeSource>);

impl Handle for Ready {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        Ok(Arc::<RangeSource>::clone(&self.0))
    }
}

/// What a single file names is not looked for on its server.
struct Alone;

impl Tree for Alone {
    fn find(&self, _: &str) -> Option<Entry> {
        None
    }
}
