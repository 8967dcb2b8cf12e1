//! The client of package indexes against one on loopback that behaves, and against servers that do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use weighbridge_check::policy::Policy;
use weighbridge_core::context::Remote;
use weighbridge_core::finding::Severity;
use weighbridge_core::limits::Cancel;
use weighbridge_engine::enrich::Knowledge;
use weighbridge_engine::flow;
use weighbridge_net::feed::Online;
use weighbridge_net::index::which::{Indexes, Order, Surroundings, choose};
use weighbridge_net::index::{Client, File, IndexError, Options, Project, State};

use crate::server::{Answer, Request, Server, Sparse};
use crate::shelf::{Beside, Manner, Shelf, sdist, wheel};
use crate::support::{Folder, context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("index: every manner of handing out says the same", manners),
        test("index: what is promised is taken from where it costs least", costs),
        test("index: source distributions are read and never run", sources),
        test("index: pages are asked for again, and used without a network", pages),
        test("index: several indexes, together or the first that knows", several),
        test("index: a name that two indexes have is told", confused),
        test("index: many questions are asked ahead", ahead),
        test("index: wrong answers are told and end", wrong),
        test("index: a slow or silent server is given up", slow),
        test("index: nothing is kept that is not what the index says", digests),
        test("index: a file that changes under its name is told", changes),
        test("index: a password goes to its own index alone", passwords),
        test("index: broken archives are told", archives),
    ]
}

const TABLE: &str = "
    a 1.0: b>=1 | c; extra == 'x'
    a 2.0 yanked python>=3.9
    b-b 1.0
    b-b quarantined
    s 1.0 sdist: a
    s 2.0 computed
";

/// How long servers of these tests may take on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of these indexes.
pub(crate) fn client(urls: &[&str], cache: Option<&Folder>, online: bool) -> Client {
    let indexes = Indexes::at(Order::Together, urls).unwrap();
    with(indexes, cache, online, PATIENCE)
}

fn with(indexes: Indexes, cache: Option<&Folder>, online: bool, patience: Duration) -> Client {
    let options = Options {
        remote: Remote { patience, ..Remote::default() },
        cache: cache.map(Folder::path),
        most_bytes: 1 << 20,
        cancel: Cancel::default(),
    };
    Client::new(Online::unless(!online), indexes, &options).unwrap()
}

/// A client of one server whose index lies at `/simple/`.
fn of(server: &Server) -> Client {
    client(&[&format!("{}/simple/", server.url())], None, true)
}

fn file<'a>(project: &'a Project, name: &str) -> &'a File {
    project.files.iter().find(|file| file.name.contains(name)).unwrap()
}

fn paths(server: &Server) -> Vec<String> {
    server.log().into_iter().map(|request| request.path).collect()
}

fn manners() {
    for json in [true, false] {
        for beside in [Beside::No, Beside::Unsaid, Beside::Known] {
            for parts in [true, false] {
                let manner = Manner { json, beside, parts, fresh: 0 };
                let server = Shelf::new(TABLE).serve(manner);
                let client = of(&server);
                let project = client.project("A").unwrap();
                let names: Vec<&str> = project.files.iter().map(|file| file.name.as_str()).collect();
                assert_eq!(names, ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"], "{manner:?}");
                assert_eq!(project.files[1].requires_python.as_deref(), Some(">=3.9"));
                assert_eq!(
                    (&project.files[0].yanked, &project.files[1].yanked),
                    (&None, &Some(String::new()))
                );
                let metadata = client.metadata("a", &project.files[0]).unwrap();
                assert_eq!(metadata.requires, ["b>=1", "c; extra == 'x'"], "{manner:?}");
                assert_eq!((metadata.version.as_str(), &metadata.extras[..]), ("1.0", &["x".to_owned()][..]));
                assert_eq!(client.project("B_b").unwrap().state, State::Quarantined);
                assert_eq!(client.project("none").unwrap_err(), IndexError::NoProject("none".into()));
                for name in ["", "../a", "a/b", "ü"] {
                    assert!(matches!(client.project(name), Err(IndexError::NoProject(_))), "{name}");
                }
                let first = server.log().remove(0);
                assert!(first.accept.unwrap().starts_with("application/vnd.pypi.simple.v1+json"));
            }
        }
    }
}

fn costs() {
    // Beside the wheel: two requests. Inside it: the page, a try beside it, and one part.
    for (beside, expected) in [(Beside::Known, 2), (Beside::Unsaid, 2), (Beside::No, 3)] {
        let server = Shelf::new(TABLE).serve(Manner { beside, ..Manner::default() });
        let client = of(&server);
        let project = client.project("a").unwrap();
        client.metadata("a", &project.files[0]).unwrap();
        client.metadata("a", &project.files[0]).unwrap();
        client.project("a").unwrap();
        assert_eq!(server.log().len(), expected, "{beside:?}: {:?}", paths(&server));
    }
    // An index without metadata beside its wheels is not asked for it again and again.
    let table: String = (0..20).map(|at| format!("p 1.{at}\n")).collect();
    let server = Shelf::new(&table).serve(Manner { beside: Beside::No, ..Manner::default() });
    let client = of(&server);
    for file in &client.project("p").unwrap().files {
        client.metadata("p", file).unwrap();
    }
    let tries = paths(&server).iter().filter(|path| path.ends_with(".metadata")).count();
    assert_eq!(tries, 4);
}

fn sources() {
    let server = Shelf::new(TABLE).serve(Manner { beside: Beside::No, ..Manner::default() });
    let cache = Folder::new();
    let url = format!("{}/simple", server.url());
    for online in [true, false] {
        let client = client(&[&url], Some(&cache), online);
        let project = client.project("s").unwrap();
        assert_eq!(client.metadata("s", file(&project, "1.0")).unwrap().requires, ["a"]);
        let computed = IndexError::Computed("s-2.0.tar.gz".into());
        assert_eq!(client.metadata("s", file(&project, "2.0")).unwrap_err(), computed);
    }
    assert_eq!(server.log().len(), 3, "{:?}", paths(&server));
}

fn pages() {
    let server = Shelf::new(TABLE).serve(Manner::default());
    let url = format!("{}/simple", server.url());
    let cache = Folder::new();
    let ask = |online: bool| client(&[&url], Some(&cache), online).project("a");
    assert_eq!(ask(false).unwrap_err(), IndexError::Offline("a".into()));
    let first = ask(true).unwrap();
    let sent = server.sent();
    // It holds still, says the server, and sends nothing.
    assert_eq!(ask(true).unwrap(), first);
    assert_eq!((server.log().len(), server.sent()), (2, sent));
    assert_eq!(ask(false).unwrap(), first);
    let offline = client(&[&url], Some(&cache), false);
    let error = offline.metadata("a", &first.files[0]).unwrap_err();
    assert_eq!(error, IndexError::Offline("a-1.0-py3-none-any.whl".into()));
    assert_eq!(server.log().len(), 2);
    // A page that may be kept for a while is not asked for at all.
    let server = Shelf::new(TABLE).serve(Manner { fresh: 600, ..Manner::default() });
    let url = format!("{}/simple", server.url());
    for _ in 0..3 {
        client(&[&url], Some(&cache), true).project("a").unwrap();
    }
    assert_eq!(server.log().len(), 1);
    // What somebody broke is fetched anew.
    let broken = walk(&cache);
    assert!(!broken.is_empty());
    for path in broken {
        std::fs::write(path, "broken").unwrap();
    }
    assert_eq!(client(&[&url], Some(&cache), true).project("a").unwrap().files, {
        let url = server.url();
        let again = client(&[&format!("{url}/simple")], None, true).project("a").unwrap();
        again.files.clone()
    });
}

fn walk(folder: &Folder) -> Vec<std::path::PathBuf> {
    let (mut folders, mut files) = (vec![folder.path()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn several() {
    let one = Shelf::new("a 1.0\n b 1.0").serve(Manner::default());
    let two = Shelf::new("a 1.0\n a 2.0\n c 1.0").serve(Manner::default());
    let urls = [format!("{}/simple", one.url()), format!("{}/simple", two.url())];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let names = |order: Order, name: &str| {
        let client = with(Indexes::at(order, &urls).unwrap(), None, true, PATIENCE);
        client.project(name).map(|project| project.files.len())
    };
    assert_eq!(names(Order::Together, "a").unwrap(), 2);
    assert_eq!(names(Order::First, "a").unwrap(), 1);
    assert_eq!(names(Order::First, "c").unwrap(), 1);
    // One that is asked last is not asked about what another one knows.
    let mut indexes = Indexes::at(Order::Together, &urls).unwrap();
    indexes.list[1].is_last = true;
    let client = with(indexes, None, true, PATIENCE);
    assert_eq!(client.project("a").unwrap().files.len(), 1);
    assert_eq!(client.project("c").unwrap().files.len(), 1);
    // One that cannot be asked may have the version that counts.
    let broken = Server::start(|_| Answer::status(403));
    let client = self::client(&[urls[0], &broken.url()], None, true);
    let error = client.project("a").unwrap_err().to_string();
    assert!(error.contains("refuses access"), "{error}");
}

fn confused() {
    let (usual, own) = (Shelf::new("ours-a 9.0"), Shelf::new("ours-a 1.0\n ours-b 1.0"));
    let (usual, own) = (usual.serve(Manner::default()), own.serve(Manner::default()));
    let urls = [format!("{}/simple/", usual.url()), format!("{}/simple/", own.url())];
    let told = |names: &str| {
        let folder =
            Folder::new().file("requirements.txt", format!("--extra-index-url {}\n{names}", urls[1]));
        let policy = Policy::default();
        let request = flow::Request {
            targets: &[folder.text()],
            locks: &[],
            exclude: &[],
            jobs: None,
            readers: weighbridge_read::READERS,
            policy: &policy,
        };
        let advisories = weighbridge_advisory::Index::embedded().unwrap();
        let packages = client(&[&urls[0], &urls[1]], None, true);
        let knowledge = Knowledge::of(&advisories, "embedded");
        let asking = flow::Asking { standings: Some(&packages), versions: None };
        let report = flow::scan_knowing(&request, &knowledge, &asking, &context(), &()).unwrap();
        assert!(report.coverage.unread.is_empty(), "{:?}", report.coverage.unread);
        let found = report.findings.iter().filter(|finding| finding.rule.id == "WB-D011");
        found.map(|finding| (finding.severity, finding.details[0].clone())).collect::<Vec<_>>()
    };
    assert_eq!(told("ours-a\n"), [(Severity::High, format!("ours-a: on {} and {}", urls[0], urls[1]))]);
    assert_eq!(told("ours-b\n"), [(Severity::Medium, format!("ours-b: on {}", urls[1]))]);
    let nowhere = "ours-c: no index that was asked has it; whoever registers it decides".to_owned();
    assert_eq!(told("ours-c\n"), [(Severity::Medium, nowhere)]);
    // Names that everybody knows are not asked for.
    assert_eq!(told("numpy\n").len(), 1);
    assert!(!paths(&usual).iter().any(|path| path.contains("numpy")));
}

fn ahead() {
    let table: String = (0..60).map(|at| format!("p{at} 1.0: p{}\n", at + 1)).collect();
    let server = Shelf::new(&table).serve(Manner::default());
    let client = of(&server);
    let names: Vec<String> = (0..60).map(|at| format!("p{at}")).collect();
    client.projects_ahead(names.iter().map(String::as_str));
    for name in &names {
        let project = client.project(name).unwrap();
        client.metadata_ahead(name, &project.files[0]);
    }
    for name in &names {
        let project = client.project(name).unwrap();
        assert_eq!(client.metadata(name, &project.files[0]).unwrap().requires.len(), 1);
    }
    // Each question once, whoever asked it first.
    let mut paths = paths(&server);
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), server.log().len()), (120, 120));
}

/// What a client says of an index that answers like this.
fn answered(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let server = Server::start(answer);
    match of(&server).project("a") {
        Ok(project) => format!("fine: {} files", project.files.len()),
        Err(error) => error.to_string().replace(&server.url(), "URL"),
    }
}

fn json(text: impl Into<String>) -> Answer {
    Answer::text(text).with("Content-Type", "application/vnd.pypi.simple.v1+json")
}

fn wrong() {
    let page = |name: &str| format!(r#"{{"meta": {{"api-version": "1.0"}}, "name": "{name}", "files": []}}"#);
    let deep = "[".repeat(100_000);
    type Route = Box<dyn Fn(&Request) -> Answer + Send + Sync>;
    let cases: Vec<(&str, Route, &str)> = vec![
        ("no JSON", Box::new(|_| json("{")), "`URL/simple/a/` is no page of an index for `a`: EOF"),
        ("deep JSON", Box::new(move |_| json(&*deep)), "is no page of an index"),
        ("another project", Box::new(move |_| json(page("b"))), "it is about `b`"),
        ("another type", Box::new(|_| Answer::text("{}").with("Content-Type", "image/png")), "`image/png`"),
        ("no type", Box::new(|_| Answer::text("{}")), "does not say of which type"),
        (
            "too large",
            Box::new(|_| Answer::whole(Arc::new(Sparse { size: 65 << 20, pieces: vec![] }))),
            "more than 67108864 bytes",
        ),
        ("breaks off", Box::new(|_| json("{\"meta\": 1}").cut(3)), "cannot be fetched"),
        ("in a circle", Box::new(|_| Answer::to("/simple/a/")), "from one place to the next"),
        ("into the open", Box::new(|_| Answer::to("http://index.example/a/")), "open connection"),
        ("to a file", Box::new(|_| Answer::to("file:///etc/passwd")), "is no address to fetch from"),
        ("unchanged what was not there", Box::new(|_| Answer::status(304)), "status 304"),
        ("a part", Box::new(|_| Answer::status(206)), "part"),
        ("refused", Box::new(|_| Answer::status(401)), "refuses access"),
        ("gone", Box::new(|_| Answer::status(410)), "no index in use has a project `a`"),
    ];
    for (name, answer, expected) in cases {
        let said = answered(answer);
        assert!(said.contains(expected), "{name}: {said}");
    }
    // Elsewhere is fine where it is as safe, and links count from there.
    let shelf = Shelf::new(TABLE).serve(Manner::default());
    let there = format!("{}/simple/a/", shelf.url());
    assert_eq!(answered(move |_| Answer::to(there.clone())), "fine: 2 files");
}

fn slow() {
    // A listener that never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/simple", listener.local_addr().unwrap());
    let began = Instant::now();
    let indexes = Indexes::at(Order::Together, &[&url]).unwrap();
    let impatient = with(indexes, None, true, Duration::from_millis(500));
    let error = impatient.project("a").unwrap_err().to_string();
    assert!(error.contains("cannot be fetched"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

fn digests() {
    // What lies beside the wheel, or the archive itself, is not what the page promises.
    let shelf = Shelf::new(TABLE);
    let other = Shelf::new("a 1.0: evil\n s 1.0 sdist: evil");
    for (manner, project, url) in [
        (Manner::default(), "a", ".whl.metadata"),
        (Manner { beside: Beside::No, ..Manner::default() }, "s", ".tar.gz"),
    ] {
        let (shelf, other) = (shelf.clone(), other.clone());
        let server = Server::start(move |request| match request.path.starts_with("/files/") {
            true => other.answer(request, manner),
            false => shelf.answer(request, manner),
        });
        let cache = Folder::new();
        let client = client(&[&format!("{}/simple", server.url())], Some(&cache), true);
        let found = client.project(project).unwrap();
        let error = client.metadata(project, file(&found, "1.0")).unwrap_err().to_string();
        assert!(error.contains(url) && error.contains("another SHA-256"), "{error}");
        assert!(walk(&cache).iter().all(|path| path.extension().is_some_and(|end| end == "page")));
    }
    // Metadata of another project, beside the wheel and inside it.
    for beside in [Beside::Unsaid, Beside::No] {
        let manner = Manner { beside, ..Manner::default() };
        let (shelf, other) = (shelf.clone(), Shelf::new("evil 1.0"));
        let server = Server::start(move |request| {
            let path = request.path.replace("/files/a-", "/files/evil-");
            match request.path.starts_with("/files/") {
                true => other.answer(&Request { path, ..request.clone() }, manner),
                // Without sizes, as in HTML, so that only the name gives it away.
                false => shelf.answer(request, Manner { json: false, ..manner }),
            }
        });
        let client = of(&server);
        let error = client.metadata("a", &client.project("a").unwrap().files[0]).unwrap_err().to_string();
        assert!(error.contains("its metadata is that of `evil`"), "{error}");
    }
    // Some servers answer everything with a page: what nobody promised is then looked for in the wheel.
    let shelf = Shelf::new(TABLE);
    let server = Server::start(move |request| match request.path.ends_with(".metadata") {
        true => Answer::text("<html>welcome</html>"),
        false => shelf.answer(request, Manner { beside: Beside::No, ..Manner::default() }),
    });
    let client = of(&server);
    assert_eq!(client.metadata("a", &client.project("a").unwrap().files[0]).unwrap().requires.len(), 2);
}

fn changes() {
    let asked = AtomicUsize::new(0);
    let (one, two) = (Shelf::new("a 1.0"), Shelf::new("a 1.0: evil"));
    let server = Server::start(move |request| {
        let shelf = if asked.fetch_add(1, Ordering::SeqCst) == 0 { &one } else { &two };
        shelf.answer(request, Manner::default())
    });
    let cache = Folder::new();
    let url = format!("{}/simple", server.url());
    let before = client(&[&url], Some(&cache), true).project("a").unwrap();
    for _ in 0..2 {
        let error = client(&[&url], Some(&cache), true).project("a").unwrap_err();
        assert!(matches!(&error, IndexError::Changed { file, .. } if file.starts_with("a-1.0")), "{error}");
    }
    assert_eq!(client(&[&url], Some(&cache), false).project("a").unwrap(), before);
}

fn passwords() {
    let elsewhere = Shelf::new(TABLE).serve(Manner::default());
    let there = elsewhere.url();
    let server = Server::start(move |request| match &request.authorization {
        None => Answer::status(401),
        Some(_) => Answer::to(format!("{there}{}", request.path)),
    });
    let typed = server.url().replace("http://", "http://me:secret@") + "/simple";
    let indexes = choose(&Surroundings { typed: Some(typed), ..Surroundings::default() }).unwrap();
    let cache = Folder::new();
    let client = with(indexes, Some(&cache), true, PATIENCE);
    let project = client.project("a").unwrap();
    client.metadata("a", &project.files[0]).unwrap();
    assert_eq!(server.log()[0].authorization.as_deref(), Some("Basic bWU6c2VjcmV0"));
    assert!(elsewhere.log().iter().all(|request| request.authorization.is_none()));
    assert!(!format!("{project:?} {:?}", client.indexes()).contains("secret"));
    for path in walk(&cache) {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        assert!(!text.contains("secret") && !text.contains("bWU6"), "{text}");
    }
    let error = of(&server).project("a").unwrap_err().to_string();
    assert!(error.contains("refuses access"), "{error}");
}

fn archives() {
    let metadata = "Metadata-Version: 2.1\nName: a\nVersion: 1\n";
    let good = wheel(&[("a-1.dist-info/METADATA", metadata)]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a-1-py3-none-any.whl", b"no zip".to_vec(), "it is no zip archive"),
        ("a-1-py3-none-any.whl", wheel(&[("a/METADATA", metadata)]), "it holds no `.dist-info/METADATA`"),
        (
            "a-1-py3-none-any.whl",
            wheel(&[("a-1.dist-info/METADATA", metadata), ("b-1.dist-info/METADATA", metadata)]),
            "it holds more than one",
        ),
        ("a-1-py3-none-any.whl", wheel(&[("a-1.dist-info/METADATA", "no")]), "it is no metadata"),
        ("a-1-py3-none-any.whl", [&good[1..], &[0]].concat(), "it is no zip archive"),
        ("a-1-py3-none-any.whl", [&[0], &good[..]].concat(), "its directory"),
        ("a-1.tar.gz", b"no gzip".to_vec(), "it cannot be unpacked"),
        ("a-1.tar.gz", sdist(&[("PKG-INFO", metadata)]), "it holds no `PKG-INFO`"),
        ("a-1.tar.gz", sdist(&[("a/PKG-INFO", metadata)])[..60].to_vec(), "it"),
        ("a-1.zip", wheel(&[("a-1/PKG-INFO", &metadata.replace("2.1", "2.2"))]), "fine"),
        ("a-1.egg", good.clone(), "neither a wheel nor a source distribution"),
    ];
    for (name, content, expected) in cases {
        let name = name.to_owned();
        let server = Server::start(move |request| match request.path.as_str() {
            "/simple/a/" => json(format!(
                r#"{{"meta":{{"api-version":"1.0"}},"name":"a","files":[{{"filename":"{name}","url":"/{name}"}}]}}"#
            )),
            path if path.ends_with(".metadata") => Answer::status(404),
            _ => Answer::part(request, Arc::new(content.clone()), "\"1\""),
        });
        let client = of(&server);
        let said = client.metadata("a", &client.project("a").unwrap().files[0]);
        let said = said.map_or_else(|error| error.to_string(), |_| "fine".to_owned());
        assert!(said.contains(expected), "{said}");
    }
    // Every byte of a wheel wrong in turn: an answer or an error, never an end of the program.
    for at in 0..good.len() {
        let mut content = good.clone();
        content[at] ^= 0xff;
        let shelf = content;
        let server = Server::start(move |request| match request.path.as_str() {
            "/simple/a/" => json(
                r#"{"meta":{"api-version":"1.0"},"name":"a","files":[{"filename":"a-1.whl","url":"/a-1.whl"}]}"#,
            ),
            path if path.ends_with(".metadata") => Answer::status(404),
            _ => Answer::part(request, Arc::new(shelf.clone()), "\"1\""),
        });
        let client = of(&server);
        let _ = client.metadata("a", &client.project("a").unwrap().files[0]);
    }
}
