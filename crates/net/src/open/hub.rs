//! `hf:ORG/NAME[@REVISION][/PATH]`: a repository of the Hugging Face hub, read in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Claimed;
use weighbridge_core::opener::{Entry, Handle, OpenError, Opened, Opener, Tree};
use weighbridge_core::source::Source;

use crate::online::Online;
use crate::remote::fetch::Fetcher;
use crate::remote::hub::{self, Listed, Wish};
use crate::remote::source::RangeSource;
use crate::remote::url::Url;

/// Opens repositories of a hub without downloading them.
#[derive(Debug)]
pub struct Hub;

impl Opener for Hub {
    fn schemes(&self) -> &'static [&'static str] {
        &["hf"]
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let typed = format!("hf:{locator}");
        let wish = Wish::parse(locator).ok_or_else(|| OpenError::Unexpected {
            locator: typed.clone(),
            expected: "a repository of a hub (`hf:ORG/NAME@REVISION/PATH`, or `hf:datasets/…`, `hf:spaces/…`)",
        })?;
        let remote = &context.remote;
        if remote.hub_offline {
            return Err(OpenError::Offline { locator: typed, by: "`HF_HUB_OFFLINE`" });
        }
        let Some(online) = Online::unless(context.offline) else {
            return Err(OpenError::Offline { locator: typed, by: "`--offline`" });
        };
        let failed = |error: crate::remote::RemoteError| error.open(&typed);
        let base = Url::parse(&remote.hub).map_err(failed)?;
        let fetcher = Arc::new(Fetcher::new(online, remote, Some(&base), &context.cancel).map_err(failed)?);
        let revision = hub::revision(&fetcher, &base, &wish, context.limits.files).map_err(failed)?;
        let files = Files { fetcher, most_bytes: context.limits.remote_bytes, listed: revision.files };
        let wanted = |path: &str| match &wish.path {
            Some(wanted) => path
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            None => true,
        };
        let entries: Vec<Entry> = files
            .listed
            .iter()
            .filter(|(path, _)| wanted(path))
            .map(|(path, it)| files.entry(path, it))
            .collect();
        if entries.is_empty() {
            return Err(OpenError::Missing(typed));
        }
        let notes = if wish.revision == revision.commit {
            Vec::new()
        } else {
            vec![format!(
                "`{}` of {} is the commit {} at this moment and may be another one tomorrow; `{}` stays the same",
                wish.revision,
                wish.name,
                revision.commit,
                wish.at(&revision.commit),
            )]
        };
        Ok(Opened { name: wish.name, entries, excluded: Vec::new(), notes, tree: Box::new(files) })
    }
}

/// The files of a revision.
struct Files {
    fetcher: Arc<Fetcher>,
    most_bytes: u64,
    listed: BTreeMap<Arc<str>, Listed>,
}

impl Files {
    fn entry(&self, path: &Arc<str>, listed: &Listed) -> Entry {
        let Listed { size, claimed, url } = listed;
        remote_entry(path, *size, url.as_ref(), *claimed, &self.fetcher, self.most_bytes)
    }
}

/// A file on a server, or one that cannot be there because of its path.
pub(super) fn remote_entry(
    path: &Arc<str>,
    size: u64,
    url: Option<&Url>,
    claimed: Option<Claimed>,
    fetcher: &Arc<Fetcher>,
    most_bytes: u64,
) -> Entry {
    let handle: Arc<dyn Handle> = match url {
        Some(url) => Arc::new(Remote { fetcher: Arc::clone(fetcher), url: url.clone(), size, most_bytes }),
        None => Arc::new(Unread::Malformed("the server lists a path that no file can have".to_owned())),
    };
    Entry { path: Arc::clone(path), size, handle, link_to: None, claimed }
}

impl Tree for Files {
    fn find(&self, path: &str) -> Option<Entry> {
        let (path, listed) = self.listed.get_key_value(path)?;
        Some(self.entry(path, listed))
    }
}

struct Remote {
    fetcher: Arc<Fetcher>,
    url: Url,
    size: u64,
    most_bytes: u64,
}

impl Handle for Remote {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        let fetcher = Arc::clone(&self.fetcher);
        Ok(Arc::new(RangeSource::new(fetcher, self.url.clone(), self.size, self.most_bytes)))
    }
}
