//! Targets on servers: what they cost, what is believed, and what happens when a server fails or lies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use weighbridge_check::policy::Policy;
use weighbridge_core::context::{Context, Remote, Secret, StoreKey};
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::{Claimed, Digest};
use weighbridge_core::finding::Severity;
use weighbridge_core::limits::Limits;
use weighbridge_core::opener::OpenError;
use weighbridge_core::report::{Report, Safety, Verdict};
use weighbridge_engine::flow::{Request as Scan, ScanError, scan};
use weighbridge_read::model::signature::Format;

use crate::locks::{Holder, KEYS};
use crate::server::{Answer, Body, Request, Server, Sparse};
use crate::signed_tensors;
use crate::support::{context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("remote: a checkpoint of 10 GB on a hub costs kilobytes", a_large_checkpoint_costs_kilobytes),
        test("remote: an attack in a checkpoint of 10 GB is found", an_attack_in_a_large_checkpoint),
        test("remote: a signature inside is told, and its tensors are not fetched", a_signature_inside),
        test("remote: small files of a hub are hashed and compared", small_files_are_compared),
        test("remote: the token goes to the hub alone", the_token_goes_to_the_hub_alone),
        test("remote: a long list comes in pages", a_long_list_comes_in_pages),
        test("remote: a part of a repository can be named", a_part_of_a_repository),
        test("remote: a hub that lies is not believed", a_hub_that_lies),
        test("remote: a hub that refuses is told as such", a_hub_that_refuses),
        test("remote: offline asks nobody", offline_asks_nobody),
        test("remote: one file on a server", one_file_on_a_server),
        test("remote: a server without parts", a_server_without_parts),
        test("remote: a file that changes meanwhile", a_file_that_changes),
        test("remote: an address that expires is made anew", an_address_that_expires),
        test("remote: a server that fails is asked again, within bounds", a_server_that_fails),
        test("remote: a server that lies about parts", a_server_that_lies),
        test("remote: a redirect into the open is refused", a_redirect_into_the_open),
        test("remote: no more is fetched of a file than is allowed", no_more_than_is_allowed),
        test("remote: a bucket of an object store", a_bucket),
        test("remote: a bucket that lies", a_bucket_that_lies),
    ]
}

/// An ordinary commit id.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A dictionary.
const HARMLESS: &[u8] = b"\x80\x02}X\x01\0\0\0aK\x01s.";

/// `posix.system('echo')`.
const DANGEROUS: &[u8] = b"\x80\x02cposix\nsystem\nX\x04\0\0\0echo\x85R.";

fn online(server: &Server) -> Context {
    let remote = Remote { hub: server.url(), patience: Duration::from_secs(3), ..Remote::default() };
    Context { offline: false, remote, ..context() }
}

fn weigh(target: &str, context: &Context) -> Result<Report, ScanError> {
    let index = weighbridge_advisory::Builder::default().finish(context.today, Vec::new());
    let targets = [target.to_owned()];
    let request = Scan {
        targets: &targets,
        locks: &[],
        exclude: &[],
        jobs: std::num::NonZeroUsize::new(2),
        readers: weighbridge_read::READERS,
        policy: &Policy::default(),
    };
    scan(&request, &index, "test", context, &())
}

/// The gaps of a report, as text.
fn gaps(report: &Report) -> Vec<String> {
    report.coverage.unread.iter().map(ToString::to_string).collect()
}

/// A repository of a hub with these files, whose large ones lie in a store of their own.
struct Hub {
    hub: Server,
    store: Server,
}

fn hub(files: Vec<(&'static str, Body)>) -> Hub {
    let files: BTreeMap<&str, Body> = files.into_iter().collect();
    let stored = files.clone();
    let store = Server::start(move |request: &Request| {
        let name = request.path.strip_prefix("/store/").and_then(|path| path.split('?').next());
        match name.and_then(|name| stored.get(name)) {
            Some(body) => Answer::part(request, Arc::clone(body), "\"v1\""),
            None => Answer::status(404),
        }
    });
    let address = store.url();
    let hub = Server::start(move |request: &Request| route(request, &files, &address));
    Hub { hub, store }
}

fn route(request: &Request, files: &BTreeMap<&str, Body>, store: &str) -> Answer {
    let tree = format!("/api/models/org/name/tree/{COMMIT}?recursive=true");
    let resolve = format!("/org/name/resolve/{COMMIT}/");
    match request.path.as_str() {
        "/api/models/org/name/revision/main" => {
            Answer::text(format!(r#"{{"id":"org/name","sha":"{COMMIT}"}}"#))
        }
        path if path == tree => Answer::text(list(files)),
        path => match path.strip_prefix(&resolve) {
            Some(name) if is_large(&files[name]) => {
                Answer::to(format!("{store}/store/{name}?signature=secret"))
            }
            Some(name) => Answer::part(request, Arc::clone(&files[name]), "\"v1\""),
            None => Answer::status(404),
        },
    }
}

fn is_large(body: &Body) -> bool {
    body.size() > 4096
}

/// What a hub says of its files: digests of Git, and SHA-256 for large ones.
fn list(files: &BTreeMap<&str, Body>) -> String {
    let mut items = vec![r#"{"type":"directory","oid":"x","size":0,"path":"folder"}"#.to_owned()];
    for (path, body) in files {
        let size = body.size();
        items.push(if is_large(body) {
            let oid = "ab".repeat(32);
            format!(
                r#"{{"type":"file","oid":"{oid}","size":{size},"path":"{path}",
                "lfs":{{"oid":"{oid}","size":{size},"pointerSize":134}}}}"#
            )
        } else {
            let mut bytes = vec![0; size as usize];
            body.fill(0, &mut bytes);
            let mut hasher = Claimed::GitBlob([0; 20]).hasher(size);
            hasher.update(&bytes);
            let oid = hasher.finish().to_string().replace("git blob ", "");
            format!(r#"{{"type":"file","oid":"{oid}","size":{size},"path":"{path}"}}"#)
        });
    }
    format!("[{}]", items.join(","))
}

/// A checkpoint as torch writes it, with so many storages of 2 GiB of zeros that need no room anywhere.
fn checkpoint(pickle: &[u8], storages: u64) -> Body {
    const STORAGE: u64 = 2 << 30;
    let mut pieces = Vec::new();
    let mut central = Vec::new();
    let mut at = 0u64;
    let mut entry = |name: &str, size: u64, content: &[u8]| {
        let common = |extra: u16| {
            let mut bytes = Vec::new();
            // Flags, method, time, date, CRC, sizes, length of the name and of the extra field.
            bytes.extend([0u8, 0, 0, 0, 0, 0, 0x21, 0]);
            bytes.extend(0u32.to_le_bytes());
            bytes.extend((size as u32).to_le_bytes());
            bytes.extend((size as u32).to_le_bytes());
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(extra.to_le_bytes());
            bytes
        };
        let mut local = [&b"PK\x03\x04\x2d\0"[..], &common(0), name.as_bytes()].concat();
        let header = local.len() as u64;
        local.extend(content);
        pieces.push((at, local));
        central.extend([&b"PK\x01\x02\x2d\0\x2d\0"[..], &common(12)].concat());
        // Length of the comment, disk, attributes; the offset stands in the extra field of zip64.
        central.extend([0; 10]);
        central.extend(u32::MAX.to_le_bytes());
        central.extend([name.as_bytes(), b"\x01\0\x08\0", &at.to_le_bytes()].concat());
        at += header + size;
    };
    entry("archive/data.pkl", pickle.len() as u64, pickle);
    entry("archive/byteorder", 6, b"little");
    for number in 0..storages {
        entry(&format!("archive/data/{number}"), STORAGE, b"");
    }
    entry("archive/version", 2, b"3\n");
    let number = storages + 3;
    let (start, length) = (at, central.len() as u64);
    let mut end = central;
    end.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for value in [number, number, length, start] {
        end.extend(value.to_le_bytes());
    }
    end.extend([&b"PK\x06\x07\0\0\0\0"[..], &(start + length).to_le_bytes(), b"\x01\0\0\0"].concat());
    end.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], b"\0\0"].concat());
    pieces.push((start, end.clone()));
    Arc::new(Sparse { size: start + end.len() as u64, pieces })
}

/// A dictionary with a tensor over each storage.
fn state(storages: u64) -> Vec<u8> {
    let number = |number: u32| [b"J", &number.to_le_bytes()[..]].concat();
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let elements = number((2 << 30) / 4);
    let mut pickle = b"\x80\x02}".to_vec();
    for storage in 0..storages {
        pickle.extend(text(&format!("layer.{storage}.weight")));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend([text("storage"), b"ctorch\nFloatStorage\n".to_vec()].concat());
        pickle
            .extend([text(&storage.to_string()), text("cpu"), elements.clone(), b"tQK\0".to_vec()].concat());
        pickle.extend([&elements[..], b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs"].concat());
    }
    pickle.push(b'.');
    pickle
}

fn a_large_checkpoint_costs_kilobytes() {
    let large = checkpoint(&state(5), 5);
    assert!(large.size() > 10 << 30);
    let hub = hub(vec![("pytorch_model.bin", large), ("config.json", Arc::new(b"{}".to_vec()))]);
    let report = weigh("hf:org/name", &online(&hub.hub)).unwrap();
    assert_eq!(gaps(&report), Vec::<String>::new());
    assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.findings);
    let artifact = &report.artifacts[0];
    assert_eq!((artifact.safety, artifact.digest), (Safety::Harmless, None));
    assert!(hub.store.sent() < 1 << 20, "{} bytes", hub.store.sent());
    let notes: Vec<&str> = report.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(notes[0].contains(COMMIT) && notes[0].contains("hf:org/name@0123456789"), "{notes:?}");
    assert!(notes[1].starts_with("1 file has no digest: of 10737"), "{notes:?}");
    // The store is found once, and then asked directly.
    let resolved = hub.hub.log().into_iter().filter(|request| request.path.ends_with("pytorch_model.bin"));
    assert_eq!(resolved.count(), 1);
}

fn an_attack_in_a_large_checkpoint() {
    let hub = hub(vec![("model.bin", checkpoint(DANGEROUS, 5))]);
    let report = weigh("hf:org/name", &online(&hub.hub)).unwrap();
    assert_eq!(report.artifacts[0].safety, Safety::Dangerous);
    assert_eq!(report.verdict, Verdict::Fail);
    assert!(hub.store.sent() < 1 << 20, "{} bytes", hub.store.sent());
}

fn a_signature_inside() {
    const SIZE: usize = 64 << 20;
    let header =
        format!(r#"{{"w":{{"dtype":"U8","shape":[{SIZE}],"data_offsets":[0,{SIZE}]}}}}"#).into_bytes();
    let head = [&(header.len() as u64).to_le_bytes(), &*header].concat();
    let file = [&*head, &vec![0; SIZE]].concat();
    let signed = signed_tensors::embed(&[file], Format::Safetensors, &Holder(&KEYS[0])).remove(0);
    let hub = hub(vec![("model.safetensors", Arc::new(signed)), ("config.json", Arc::new(b"{}".to_vec()))]);
    let report = weigh("hf:org/name", &online(&hub.hub)).unwrap();
    assert_eq!(gaps(&report), Vec::<String>::new());
    assert_eq!(report.verdict, Verdict::Pass);
    let [finding] = &*report.findings else { panic!("{:?}", report.findings) };
    assert_eq!((finding.rule.id, finding.severity), ("WB-S011", Severity::Low));
    assert_eq!(finding.title, "the signature inside the model was not compared with its tensors");
    assert!(hub.store.sent() < 8 << 20, "{} bytes", hub.store.sent());
}

fn small_files_are_compared() {
    let hub = hub(vec![("model.pkl", Arc::new(HARMLESS.to_vec()))]);
    let report = weigh("hf:org/name", &online(&hub.hub)).unwrap();
    assert_eq!(report.artifacts[0].digest, Some(Digest::of(HARMLESS)));
    assert_eq!(report.findings, []);
    // The hub hands out other bytes of the same length than those in its list.
    let files: BTreeMap<&str, Body> = [("model.pkl", Arc::new(HARMLESS.to_vec()) as Body)].into();
    let server = Server::start(move |request: &Request| {
        if request.path.contains("/resolve/") {
            let mut bytes = HARMLESS.to_vec();
            bytes[10] = 2;
            Answer::part(request, Arc::new(bytes), "\"v1\"")
        } else {
            route(request, &files, "")
        }
    });
    let report = weigh("hf:org/name", &online(&server)).unwrap();
    assert_eq!(report.findings[0].rule.id, "WB-A003");
}

fn the_token_goes_to_the_hub_alone() {
    let hub = hub(vec![("model.bin", checkpoint(HARMLESS, 1))]);
    let mut context = online(&hub.hub);
    context.remote.token = Some(Secret::new("hf_secret"));
    weigh("hf:org/name", &context).unwrap();
    let seen = |server: &Server| {
        let log = server.log();
        log.iter().filter(|request| request.authorization.as_deref() == Some("Bearer hf_secret")).count()
    };
    assert_eq!(seen(&hub.hub), hub.hub.log().len());
    assert_eq!(seen(&hub.store), 0);
    assert!(!format!("{context:?}").contains("hf_secret"));
    // A plain address gets none, even on the hub.
    let before = seen(&hub.hub);
    let file = format!("{}/org/name/resolve/{COMMIT}/model.bin", hub.hub.url());
    weigh(&file, &context).unwrap();
    assert_eq!(seen(&hub.hub), before);
}

fn a_long_list_comes_in_pages() {
    let next = Arc::new(std::sync::Mutex::new(String::new()));
    let elsewhere = Arc::clone(&next);
    let server = Server::start(move |request: &Request| {
        let page = |name: &str| format!(r#"[{{"type":"file","size":0,"path":"{name}"}}]"#);
        if request.path.contains("/revision/") {
            Answer::text(format!(r#"{{"sha":"{COMMIT}"}}"#))
        } else if request.path.contains("cursor=2") {
            Answer::text(page("b.pkl"))
        } else {
            let next = elsewhere.lock().unwrap().clone();
            Answer::text(page("a.pkl")).with("Link", format!("<{next}>; rel=\"next\""))
        }
    });
    let target = "hf:org/name";
    *next.lock().unwrap() = format!("{}{}", server.url(), "/api/models/org/name/tree/x?cursor=2");
    let opened = weighbridge_net::open(target, &online(&server)).unwrap();
    let paths: Vec<&str> = opened.entries.iter().map(|entry| &*entry.path).collect();
    assert_eq!(paths, ["a.pkl", "b.pkl"]);
    *next.lock().unwrap() = "http://127.0.0.2:1/api?cursor=2".to_owned();
    let error = weighbridge_net::open(target, &online(&server)).err().unwrap().to_string();
    assert!(error.ends_with("its next page lies elsewhere"), "{error}");
    // The same page again and again ends, too.
    *next.lock().unwrap() = "/api/models/org/name/tree/x?again".to_owned();
    let error = weighbridge_net::open(target, &online(&server)).err().unwrap().to_string();
    assert!(error.ends_with("it lists one file twice"), "{error}");
}

fn a_part_of_a_repository() {
    let body = || Arc::new(HARMLESS.to_vec()) as Body;
    let hub = hub(vec![("a/x.pkl", body()), ("a/y.pkl", body()), ("ab.pkl", body())]);
    let paths = |target: &str| -> Result<Vec<String>, OpenError> {
        let opened = weighbridge_net::open(target, &online(&hub.hub))?;
        Ok(opened.entries.iter().map(|entry| entry.path.to_string()).collect())
    };
    assert_eq!(paths("hf:org/name/a").unwrap(), ["a/x.pkl", "a/y.pkl"]);
    assert_eq!(paths("hf:org/name@main/a/y.pkl").unwrap(), ["a/y.pkl"]);
    assert_eq!(paths("hf:org/name/b"), Err(OpenError::Missing("hf:org/name/b".to_owned())));
    assert!(matches!(paths("hf:org/../name"), Err(OpenError::Unexpected { .. })));
}

fn a_hub_that_lies() {
    for (list, told) in [
        (r#"[{"type":"file","size":1,"path":"../evil.pkl"}]"#, "../evil.pkl: malformed"),
        (r#"[{"type":"file","size":1,"path":"/etc/passwd"}]"#, "/etc/passwd: malformed"),
        (r#"[{"type":"file","size":9999999,"path":"model.pkl"}]"#, "13 bytes long and not 9999999 as stated"),
        (r#"[{"type":"file","size":8,"path":"model.pkl"}]"#, "13 bytes long and not 8 as stated"),
    ] {
        let server = Server::start(move |request: &Request| match request.path.as_str() {
            path if path.contains("/revision/") => Answer::text(format!(r#"{{"sha":"{COMMIT}"}}"#)),
            path if path.contains("/tree/") => Answer::text(list),
            _ => Answer::part(request, Arc::new(HARMLESS.to_vec()), "\"v1\""),
        });
        let report = weigh("hf:org/name", &online(&server)).unwrap();
        let gaps = gaps(&report);
        assert!(gaps.len() == 1 && gaps[0].contains(told), "{gaps:?}");
        assert_eq!(report.verdict, Verdict::Incomplete);
    }
    for (info, list, told) in [
        ("{}", "[]", "it is not what the hub answers"),
        (r#"{"sha":"main"}"#, "[]", "it names no commit"),
        (r#"{"sha":"0123456789abcdef0123456789abcdef01234567"}"#, "<html>", "it is not what the hub answers"),
        (
            r#"{"sha":"0123456789abcdef0123456789abcdef01234567"}"#,
            r#"[{"type":"file","path":"a"},{"type":"file","path":"a"}]"#,
            "it lists one file twice",
        ),
    ] {
        let server = Server::start(move |request: &Request| {
            Answer::text(if request.path.contains("/revision/") { info } else { list })
        });
        let error = weigh("hf:org/name", &online(&server)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

fn a_hub_that_refuses() {
    for (status, told, token) in [
        (401, "the server refuses access (status 401)", true),
        (403, "the server refuses access (status 403)", true),
        (404, "the server has no such thing (status 404)", false),
    ] {
        let server = Server::start(move |_: &Request| Answer::status(status));
        let error = weigh("hf:org/name", &online(&server)).unwrap_err();
        let ScanError::Open(OpenError::Remote { message, needs_token, .. }) = error else {
            panic!("{error:?}")
        };
        assert!(message.ends_with(told), "{message}");
        assert_eq!(needs_token, token);
        assert_eq!(server.log().len(), 1, "nobody asks again");
    }
    // One file that is refused is a gap; the others are read.
    let files: BTreeMap<&str, Body> =
        ["a.pkl", "b.pkl"].map(|name| (name, Arc::new(HARMLESS.to_vec()) as Body)).into();
    let server = Server::start(move |request: &Request| {
        if request.path.ends_with("/a.pkl") { Answer::status(403) } else { route(request, &files, "") }
    });
    let report = weigh("hf:org/name", &online(&server)).unwrap();
    assert_eq!(gaps(&report).len(), 1);
    assert!(gaps(&report)[0].contains("the server refuses access (status 403)"));
    assert_eq!(report.artifacts.len(), 1);
}

fn offline_asks_nobody() {
    let hub = hub(vec![("model.pkl", Arc::new(HARMLESS.to_vec()))]);
    let offline = Context { offline: true, ..online(&hub.hub) };
    for target in
        ["hf:org/name".to_owned(), format!("{}/x", hub.hub.url()), "https://127.0.0.1:1/x".to_owned()]
    {
        let error = weigh(&target, &offline).unwrap_err();
        assert!(error.to_string().ends_with("`--offline` forbids it"), "{error}");
    }
    let mut context = online(&hub.hub);
    context.remote.hub_offline = true;
    let error = weigh("hf:org/name", &context).unwrap_err();
    assert!(error.to_string().ends_with("`HF_HUB_OFFLINE` forbids it"), "{error}");
    assert_eq!(hub.hub.log().len(), 0);
}

fn one_file_on_a_server() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/model%20x.pkl?signature=secret" => Answer::part(request, Arc::new(DANGEROUS.to_vec()), "\"v1\""),
        "/large.bin" => Answer::part(request, checkpoint(DANGEROUS, 5), "\"v1\""),
        "/empty.pkl" => Answer::part(request, Arc::new(Vec::new()), "\"v1\""),
        _ => Answer::status(404),
    });
    let at = |path: &str| weigh(&format!("{}{path}", server.url()), &online(&server));
    let small = at("/model%20x.pkl?signature=secret").unwrap();
    assert_eq!(&*small.artifacts[0].place.path, "model x.pkl");
    assert_eq!(small.artifacts[0].safety, Safety::Dangerous);
    assert_eq!(small.artifacts[0].digest, Some(Digest::of(DANGEROUS)));
    let before = server.sent();
    assert_eq!(at("/large.bin").unwrap().artifacts[0].safety, Safety::Dangerous);
    assert!(server.sent() - before < 1 << 20);
    assert!(matches!(at("/empty.pkl"), Ok(_) | Err(ScanError::NothingToWeigh)));
    let error = at("/missing.pkl?signature=secret").unwrap_err().to_string();
    assert!(error.ends_with("the server has no such thing (status 404)"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    assert!(
        weigh("http://example.org/x", &online(&server))
            .unwrap_err()
            .to_string()
            .contains("only to this machine")
    );
}

fn a_server_without_parts() {
    let server = Server::start(|_: &Request| Answer::whole(Arc::new(DANGEROUS.to_vec())));
    let target = format!("{}/model.pkl", server.url());
    assert_eq!(weigh(&target, &online(&server)).unwrap().artifacts[0].safety, Safety::Dangerous);
    let mut limited = online(&server);
    limited.limits.remote_bytes = 10;
    let error = weigh(&target, &limited).unwrap_err().to_string();
    assert!(error.ends_with("more than 10 bytes would have to be fetched"), "{error}");
    // A hub that has lost the art: what is small is fetched, what is large is a gap.
    let files: BTreeMap<&str, Body> =
        [("large.bin", checkpoint(HARMLESS, 1)), ("small.pkl", Arc::new(DANGEROUS.to_vec()) as Body)].into();
    let server = Server::start(move |request: &Request| match request.path.rsplit('/').next().unwrap() {
        name if request.path.contains("/resolve/") => Answer::whole(Arc::clone(&files[name])),
        _ => route(request, &files, ""),
    });
    let report = weigh("hf:org/name", &online(&server)).unwrap();
    assert_eq!(gaps(&report), ["large.bin: more than 1073741824 bytes of one file from a server"]);
    assert_eq!(report.artifacts[0].safety, Safety::Dangerous);
}

fn a_file_that_changes() {
    // Another version from the second request on.
    let count = Arc::new(AtomicU64::new(0));
    for changes_size in [false, true] {
        let count = Arc::clone(&count);
        count.store(0, Ordering::SeqCst);
        let large = checkpoint(&state(1), 1);
        let other = checkpoint(&state(2), 2);
        let server = Server::start(move |request: &Request| {
            let late = count.fetch_add(1, Ordering::SeqCst) >= 1;
            let body = if late && changes_size { &other } else { &large };
            Answer::part(request, Arc::clone(body), if late { "\"v2\"" } else { "\"v1\"" })
        });
        let report = weigh(&format!("{}/model.bin", server.url()), &online(&server)).unwrap();
        let gaps = gaps(&report);
        assert!(gaps.iter().any(|gap| gap.contains("changed on the server while it was read")), "{gaps:?}");
        assert_ne!(report.verdict, Verdict::Pass);
    }
    // A server that knows no versions but the time of the last change, and ignores the condition.
    let times = Arc::new(AtomicU64::new(0));
    let large = checkpoint(&state(1), 1);
    let server = Server::start(move |request: &Request| {
        let day = times.fetch_add(1, Ordering::SeqCst);
        let request = Request { if_range: None, ..request.clone() };
        let answer = Answer::part(&request, Arc::clone(&large), "W/\"weak\"");
        answer.with("ETag", format!("W/\"{day}\"")).with("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
    });
    let report = weigh(&format!("{}/model.bin", server.url()), &online(&server)).unwrap();
    assert!(gaps(&report).iter().any(|gap| gap.contains("changed on the server")), "{:?}", gaps(&report));
}

fn an_address_that_expires() {
    let given = Arc::new(AtomicU64::new(0));
    let uses = Arc::new(AtomicU64::new(0));
    let large = checkpoint(&state(5), 5);
    let server = Server::start(move |request: &Request| {
        let current = given.load(Ordering::SeqCst);
        if request.path == "/model.bin" {
            uses.store(0, Ordering::SeqCst);
            Answer::to(format!("/store?signature={}", given.fetch_add(1, Ordering::SeqCst) + 1))
        } else if request.path == format!("/store?signature={current}")
            && uses.fetch_add(1, Ordering::SeqCst) < 2
        {
            Answer::part(request, Arc::clone(&large), "\"v1\"")
        } else {
            Answer::status(403)
        }
    });
    let report = weigh(&format!("{}/model.bin", server.url()), &online(&server)).unwrap();
    assert_eq!(gaps(&report), Vec::<String>::new());
    assert_eq!(report.artifacts[0].safety, Safety::Harmless);
    assert!(server.log().iter().filter(|request| request.path == "/model.bin").count() > 1);
}

fn a_server_that_fails() {
    for (status, times, works) in [(503, 2, true), (429, 2, true), (500, 100, false), (0, 1, true)] {
        let count = Arc::new(AtomicU64::new(0));
        let server = Server::start(move |request: &Request| {
            if count.fetch_add(1, Ordering::SeqCst) >= times {
                return Answer::part(request, Arc::new(DANGEROUS.to_vec()), "\"v1\"");
            }
            match status {
                // The connection breaks off.
                0 => Answer::part(request, Arc::new(DANGEROUS.to_vec()), "\"v1\"").cut(3),
                429 => Answer::status(429).with("Retry-After", "1"),
                status => Answer::status(status),
            }
        });
        // Through a hub, so that the opening is one thing and the reading another.
        let hub = Server::start({
            let url = server.url();
            move |request: &Request| match request.path.as_str() {
                path if path.contains("/revision/") => Answer::text(format!(r#"{{"sha":"{COMMIT}"}}"#)),
                path if path.contains("/tree/") => {
                    Answer::text(format!(r#"[{{"type":"file","size":{},"path":"a.pkl"}}]"#, DANGEROUS.len()))
                }
                _ => Answer::to(format!("{url}/a.pkl")),
            }
        });
        let began = Instant::now();
        let report = weigh("hf:org/name", &online(&hub)).unwrap();
        assert_eq!(gaps(&report).is_empty(), works, "{status}: {:?}", gaps(&report));
        if !works {
            assert!(gaps(&report)[0].contains("the server fails (status 500)"));
            assert!(server.log().len() <= 4, "{} requests", server.log().len());
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    // A server that wants to be left alone for a day is left alone.
    let server = Server::start(|_: &Request| Answer::status(429).with("Retry-After", "86400"));
    let error = weigh("hf:org/name", &online(&server)).unwrap_err().to_string();
    assert!(error.ends_with("the server is asked too often (status 429)"), "{error}");
    assert_eq!(server.log().len(), 1);
}

fn a_server_that_lies() {
    let size = HARMLESS.len();
    for (change, told) in [
        (("Content-Range", format!("bytes 1-{}/{size}", size - 1)), "it is another part"),
        (("Content-Range", format!("bytes 0-3/{size}")), "it is another part"),
        (("Content-Range", "bytes 0-15/*".to_owned()), "it does not say which part it is"),
        (("Content-Range", "nonsense".to_owned()), "it does not say which part it is"),
        (("Content-Range", format!("bytes 0-{size}/{size}")), "it does not say which part it is"),
        (("Content-Encoding", "gzip".to_owned()), "it comes packed"),
    ] {
        let server = Server::start(move |request: &Request| {
            Answer::part(request, Arc::new(HARMLESS.to_vec()), "\"v1\"").with(change.0, change.1.clone())
        });
        let error = weigh(&format!("{}/a.pkl", server.url()), &online(&server)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

fn a_redirect_into_the_open() {
    for (location, told) in [
        ("http://example.org/x", "only to this machine"),
        ("ftp://127.0.0.1/x", "only `https` is fetched"),
        ("/again", "from one place to the next"),
    ] {
        let server = Server::start(move |_: &Request| Answer::to(location));
        let error = weigh(&format!("{}/a.pkl", server.url()), &online(&server)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(server.log().len() <= 5);
    }
    let server = Server::start(|_: &Request| Answer::status(302));
    let error = weigh(&format!("{}/a.pkl", server.url()), &online(&server)).unwrap_err().to_string();
    assert!(error.contains("it leads nowhere"), "{error}");
}

fn no_more_than_is_allowed() {
    // A list of ten million numbers, all of which a pickle machine must see.
    let pickle = [&b"\x80\x02]("[..], &b"K\x01".repeat(5 << 20), b"e."].concat();
    let server =
        Server::start(move |request: &Request| Answer::part(request, Arc::new(pickle.clone()), "\"v1\""));
    let target = format!("{}/a.pkl", server.url());
    let limits = Limits { remote_bytes: 2 << 20, ..Limits::default() };
    let report = weigh(&target, &Context { limits, ..online(&server) }).unwrap();
    assert!(server.sent() <= 2 << 20, "{} bytes", server.sent());
    let limit = Unread::Limit(weighbridge_core::coverage::LimitKind::RemoteBytes, 2 << 20).to_string();
    assert!(gaps(&report).iter().any(|gap| gap.ends_with(&limit)), "{:?}", gaps(&report));
    let before = server.log().len();
    let report = weigh(&target, &online(&server)).unwrap();
    assert_eq!(report.artifacts[0].safety, Safety::Harmless);
    assert!(server.log().len() - before < 16, "requests grow with what is read");
}

/// A page of the list of a bucket.
fn page(keys: &[(&str, u64)], next: Option<&str>) -> String {
    let objects: String = keys
        .iter()
        .map(|(key, size)| {
            format!("<Contents><Key>{key}</Key><ETag>&quot;x&quot;</ETag><Size>{size}</Size></Contents>")
        })
        .collect();
    let next = next.map_or_else(String::new, |token| {
        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
    });
    format!(
        "<?xml version='1.0'?><ListBucketResult><EncodingType>url</EncodingType>{next}{objects}</ListBucketResult>"
    )
}

fn a_bucket() {
    let size = checkpoint(DANGEROUS, 5).size();
    let server = Server::start(move |request: &Request| match request.path.as_str() {
        "/models?encoding-type=url&list-type=2&prefix=" => {
            Answer::text(page(&[("a/", 0), ("a/large.bin", size)], Some("t+1")))
        }
        "/models?continuation-token=t%2B1&encoding-type=url&list-type=2&prefix=" => {
            Answer::text(page(&[("b%2F+x.pkl", HARMLESS.len() as u64)], None))
        }
        "/models?encoding-type=url&list-type=2&prefix=a" => {
            Answer::text(page(&[("a/large.bin", size), ("ab.pkl", 4)], None))
        }
        "/models/a/large.bin" => Answer::part(request, checkpoint(DANGEROUS, 5), "\"v1\""),
        "/models/b/%20x.pkl" => Answer::part(request, Arc::new(HARMLESS.to_vec()), "\"v1\""),
        path => panic!("{path}"),
    });
    let mut context = online(&server);
    context.remote.store.endpoint = Some(server.url());
    let report = weigh("s3://models", &context).unwrap();
    assert_eq!(gaps(&report), Vec::<String>::new());
    let verdicts: Vec<(&str, Safety)> =
        report.artifacts.iter().map(|artifact| (&*artifact.place.path, artifact.safety)).collect();
    assert_eq!(verdicts, [("a/large.bin", Safety::Dangerous), ("b/ x.pkl", Safety::Harmless)]);
    assert!(server.sent() < 1 << 20);
    assert!(server.log().iter().all(|request| request.authorization.is_none()));
    // With a key everything is signed, and the key itself stays here.
    let secret = Secret::new("s3cr3t/key");
    context.remote.store.key = Some(StoreKey { id: "AKID".to_owned(), secret, session: None });
    let before = server.log().len();
    let opened = weighbridge_net::open("s3://models/a/", &context).unwrap();
    let paths: Vec<&str> = opened.entries.iter().map(|entry| &*entry.path).collect();
    assert_eq!(paths, ["a/large.bin"]);
    weigh("s3://models/a", &context).unwrap();
    for request in &server.log()[before..] {
        let shown = request.authorization.as_deref().unwrap();
        assert!(
            shown.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") && !shown.contains("s3cr3t"),
            "{shown}"
        );
        assert!(shown.contains("/us-east-1/s3/aws4_request,SignedHeaders=host;"), "{shown}");
    }
    assert!(!format!("{context:?}").contains("s3cr3t"));
    let offline = Context { offline: true, ..context };
    assert!(weigh("s3://models", &offline).unwrap_err().to_string().ends_with("`--offline` forbids it"));
}

fn a_bucket_that_lies() {
    let asked = |list: String| {
        let server = Server::start(move |request: &Request| {
            let is_list = request.path.contains("list-type");
            if is_list { Answer::text(list.clone()) } else { Answer::status(404) }
        });
        let mut context = online(&server);
        context.remote.store.endpoint = Some(server.url());
        weigh("s3://models", &context)
    };
    for (list, told) in [
        ("<html></html>".to_owned(), "it is no list of a bucket"),
        (page(&[("a", 1), ("a", 1)], None), "it lists one object twice"),
        (page(&[("a", 1)], Some("again")), "it lists one object twice"),
        (page(&[], Some("again")), "its list has no end"),
        (
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>".to_owned(),
            "without key or size",
        ),
        (
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>".to_owned(),
            "where it goes on",
        ),
    ] {
        let error = asked(list).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let report = asked(page(&[("..%2F..%2Fevil.pkl", 4)], None)).unwrap();
    assert!(gaps(&report)[0].contains("a path that no file can have"), "{:?}", gaps(&report));
    assert_eq!(
        asked(page(&[], None)).unwrap_err(),
        ScanError::Open(OpenError::Missing("s3://models".to_owned()))
    );
}
