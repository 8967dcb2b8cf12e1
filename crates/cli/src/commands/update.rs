//! `weighbridge db update`: fetch, verify, replace. Whatever goes wrong, what was there before stays in use.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::DeflateDecoder;
use weighbridge_advisory::{Builder, Index};
use weighbridge_core::context::Context;
use weighbridge_core::date::Date;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::limits::Limits;
use weighbridge_core::place::Place;
use weighbridge_core::reader::Reader;
use weighbridge_core::sink::{Body, Sink};
use weighbridge_net::feed::store::Guard;
use weighbridge_net::feed::{Client, OSV_URL, Online, Options, archive_url};
use weighbridge_net::open::file::FileSource;
use weighbridge_read::archive::zip::Zip;

use crate::advisories;
use crate::args::Update;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Bar;
use crate::setup::Setup;

/// The ecosystem, as OSV calls it.
const ECOSYSTEM: &str = "PyPI";

/// Largest download, in bytes; about twenty times what OSV publishes for Python.
const MOST_BYTES: u64 = 2 << 30;

/// Largest record, in bytes; the largest known has less than 1 MiB.
pub(super) const MOST_RECORD: u64 = 16 << 20;

/// Largest number of records.
pub(super) const MOST_RECORDS: u64 = 2_000_000;

/// Most bytes that all records may hold together; ten times all that is known about the largest ecosystem.
const MOST_HELD: u64 = 1 << 30;

/// Runs the command.
pub(super) fn run(
    update: &Update,
    context: &Context,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let online = Online::unless(context.offline).ok_or_else(|| {
        Failure::usage("`db update` needs the network, and offline was asked for")
            .hint("`db export` on a machine with network and `db import` here carry advisories over")
    })?;
    let base = (update.from.clone())
        .or_else(|| setup.environment.text("WEIGHBRIDGE_OSV_URL"))
        .unwrap_or_else(|| OSV_URL.to_owned());
    let host = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        return Err(Failure::usage(format!(
            "`{base}` is no address that begins with `https://` or `http://`"
        )));
    }
    let url = archive_url(&base, ECOSYSTEM);
    let store = advisories::store(setup).ok_or_else(no_place)?;
    let guard = store.lock()?;
    let present = advisories::load(setup, printer)?;
    let zip = fetch(online, &url, update, context, setup, &guard, printer)?;
    printer.detail("reading the records");
    let mut builder = Index::builder();
    let unsound = read_records(zip, &mut builder, context)?;
    if let (Some(first), false) = (unsound.first(), update.force) {
        return Err(implausible(format!("the archive is not sound: {first}")));
    }
    builder.carry_over(&present.index);
    for (name, why) in builder.broken().iter().take(5) {
        printer.warn(&format!("`{name}` is left out: {why}"));
    }
    let broken = builder.broken().len();
    if broken > 0 {
        printer.warn(&format!("{broken} records cannot be read and are left out"));
    }
    let as_of = plausible(&builder, &present.index, context.today, update.force)?;
    let index = builder.finish(as_of, vec![format!("OSV records of {ECOSYSTEM} from {}", public(&url))]);
    let bytes = index.to_bytes();
    if Index::from_bytes(&bytes).is_err() {
        return Err(Failure::defect("the new advisories cannot be read back"));
    }
    guard.replace(&bytes)?;
    printer.out(|out| {
        let (old, new) = (&present.index, &index);
        writeln!(out, "advisories of {}, {} records", new.about().as_of, new.advisories().len())?;
        writeln!(out, "before: of {}, {} records", old.about().as_of, old.advisories().len())
    })?;
    Ok(Exit::Pass)
}

/// There is no folder for fetched advisories.
pub(super) fn no_place() -> Failure {
    Failure::usage("there is no folder for fetched advisories")
        .hint("set `WEIGHBRIDGE_CACHE_DIR`, `XDG_CACHE_HOME` or `HOME`")
}

/// What came is not what the advisories should be.
pub(super) fn implausible(message: String) -> Failure {
    Failure::new(Exit::Incomplete, message)
        .hint("the advisories that were there before are still in use; `--force` takes these all the same")
}

fn fetch(
    online: Online,
    url: &str,
    update: &Update,
    context: &Context,
    setup: &Setup,
    guard: &Guard,
    printer: &Printer,
) -> Result<File, Failure> {
    let certificates = match setup.environment.get("SSL_CERT_FILE").map(PathBuf::from) {
        Some(path) => Some(std::fs::read(&path).map_err(|error| Failure::unreadable(&path, &error))?),
        None => None,
    };
    let patience = Duration::from_secs(update.timeout);
    let client = Client::new(online, &Options { patience, most_bytes: MOST_BYTES, certificates })?;
    let mut file = guard.scratch()?;
    printer.say(&format!("fetching {}", public(url)));
    let bar = Bar::new(printer.progress);
    client.download(url, &mut file, &context.cancel, &mut |done, of| bar.set(done, of))?;
    Ok(file)
}

/// Gives every record in the archive to the builder, and tells what is wrong with the archive.
pub(super) fn read_records(
    zip: File,
    builder: &mut Builder,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| implausible(format!("the archive cannot be read: {why}"));
    let size = zip.metadata().map_err(|error| unreadable(&error))?.len();
    let limits = Limits { entries: MOST_RECORDS, ..Limits::default() };
    let input = Input::new(Arc::new(FileSource::new(zip, size)), limits, context.cancel.clone());
    let mut sink = Sink::new(Place::file("all.zip"), Zip.about().id, limits);
    Zip.read(&input, &mut sink).map_err(|why| unreadable(&why))?;
    let outcome = sink.finish();
    let mut unsound: Vec<String> = outcome
        .facts
        .into_iter()
        .filter_map(|fact| match fact.what {
            What::Malformed(why) => Some(why),
            What::Unread(why) => Some(why.to_string()),
            _ => None,
        })
        .collect();
    for child in outcome.children {
        if !child.step.ends_with(".json") {
            continue;
        }
        match record(&input, &child.body) {
            Ok(json) => {
                builder.add_osv(&child.step, &json);
                bounded(builder)?;
            }
            Err(why) => unsound.push(format!("`{}`: {why}", child.step)),
        }
    }
    Ok(unsound)
}

/// Stops before records take all memory.
pub(super) fn bounded(builder: &Builder) -> Result<(), Failure> {
    if builder.held() > MOST_HELD {
        return Err(implausible(format!("the records hold more than {MOST_HELD} bytes")));
    }
    Ok(())
}

/// The bytes of a record.
fn record(input: &Input, body: &Body) -> Result<Vec<u8>, String> {
    let read = |offset, size| input.read_vec(offset, size, MOST_RECORD).map_err(|why| why.to_string());
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::Slice { offset, size } => read(*offset, *size),
        Body::Solid { .. } => Err("packed with others".to_owned()),
        Body::Stream { codec, .. } => Err(format!("packed with {}", codec.as_str())),
        Body::Deflate { offset, size, unpacked } => {
            let packed = read(*offset, *size)?;
            let mut json = Vec::new();
            let unpacker = DeflateDecoder::new(packed.as_slice());
            unpacker.take(MOST_RECORD + 1).read_to_end(&mut json).map_err(|error| error.to_string())?;
            let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
            if length > MOST_RECORD {
                Err(format!("more than {MOST_RECORD} bytes"))
            } else if length != *unpacked {
                Err(format!("{length} bytes where {unpacked} are stated"))
            } else {
                Ok(json)
            }
        }
    }
}

/// The day up to which the records are complete, if they can be what they should be: not none, not mostly unreadable, not
/// older and not far fewer than what is there. An attacker or a broken mirror who hands out old advisories hides new
/// vulnerabilities.
fn plausible(builder: &Builder, present: &Index, today: Date, force: bool) -> Result<Date, Failure> {
    let (records, broken) = (builder.len(), builder.broken().len());
    let Some(as_of) = builder.newest(today).filter(|_| records > 0) else {
        return Err(Failure::new(Exit::Incomplete, "the archive holds no record that can be used")
            .hint("the advisories that were there before are still in use")
            .hint("look at `--from`"));
    };
    if force {
        return Ok(as_of);
    }
    if broken > records / 100 {
        return Err(implausible(format!("{broken} of {} records cannot be read", records + broken)));
    }
    if as_of < present.about().as_of {
        return Err(implausible(format!(
            "the newest record is of {as_of}, older than the {} of the present advisories",
            present.about().as_of
        )));
    }
    if records < present.advisories().len() / 2 {
        return Err(implausible(format!(
            "there are {records} records where there were {} before",
            present.advisories().len()
        )));
    }
    Ok(as_of)
}

/// The address without a name and password in it.
fn public(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(public("https://u:p@a.example/b/c@d"), "https://a.example/b/c@d");
        assert_eq!(public("http://127.0.0.1:1/PyPI/all.zip"), "http://127.0.0.1:1/PyPI/all.zip");
    }
}
