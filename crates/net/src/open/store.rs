//! `s3://BUCKET[/PREFIX]`: the objects of a store that speaks the protocol of Amazon S3, read in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::opener::{Entry, OpenError, Opened, Opener, Tree};

use super::hub::remote_entry;
use crate::online::Online;
use crate::remote::RemoteError;
use crate::remote::fetch::Fetcher;
use crate::remote::store::{self, Bucket, Object};

/// Opens buckets of object stores without downloading them.
#[derive(Debug)]
pub struct Store;

impl Opener for Store {
    fn schemes(&self) -> &'static [&'static str] {
        &["s3"]
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let typed = format!("s3:{locator}");
        let bucket = Bucket::parse(locator).ok_or_else(|| OpenError::Unexpected {
            locator: typed.clone(),
            expected: "a bucket of an object store (`s3://BUCKET/PREFIX`)",
        })?;
        let Some(online) = Online::unless(context.offline) else {
            return Err(OpenError::Offline { locator: typed, by: "`--offline`" });
        };
        let failed = |error: RemoteError| error.open(&typed);
        let base = bucket.url(&context.remote.store).map_err(failed)?;
        let fetcher = Fetcher::for_store(online, &context.remote, &base, &context.cancel).map_err(failed)?;
        let listed = store::objects(&fetcher, &base, &bucket, context.limits.files).map_err(failed)?;
        if listed.is_empty() {
            return Err(OpenError::Missing(typed));
        }
        let objects = Objects { fetcher: Arc::new(fetcher), most_bytes: context.limits.remote_bytes, listed };
        let entries = objects.listed.iter().map(|(key, object)| objects.entry(key, object)).collect();
        Ok(Opened {
            name: bucket.name,
            entries,
            excluded: Vec::new(),
            notes: Vec::new(),
            tree: Box::new(objects),
        })
    }
}

/// The objects that were asked for.
struct Objects {
    fetcher: Arc<Fetcher>,
    most_bytes: u64,
    listed: BTreeMap<Arc<str>, Object>,
}

impl Objects {
    fn entry(&self, key: &Arc<str>, object: &Object) -> Entry {
        remote_entry(key, object.size, object.url.as_ref(), None, &self.fetcher, self.most_bytes)
    }
}

impl Tree for Objects {
    fn find(&self, path: &str) -> Option<Entry> {
        let (key, object) = self.listed.get_key_value(path)?;
        Some(self.entry(key, object))
    }
}
