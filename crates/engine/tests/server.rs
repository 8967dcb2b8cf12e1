//! A server on loopback: one answer a connection, every request written down, every byte counted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// First and last byte.
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) authorization: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) accept: Option<String>,
}

/// What it gets.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
    first: u64,
    length: u64,
}

/// Bytes that need not exist.
pub(crate) type Body = Arc<dyn Content>;

/// A file to hand out.
pub(crate) trait Content: Send + Sync {
    fn size(&self) -> u64;
    fn fill(&self, offset: u64, piece: &mut [u8]);
}

impl Content for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn fill(&self, offset: u64, piece: &mut [u8]) {
        piece.copy_from_slice(&self[offset as usize..][..piece.len()]);
    }
}

/// Pieces of a file at their offsets; everything else is zeros.
pub(crate) struct Sparse {
    pub(crate) size: u64,
    pub(crate) pieces: Vec<(u64, Vec<u8>)>,
}

impl Content for Sparse {
    fn size(&self) -> u64 {
        self.size
    }

    fn fill(&self, offset: u64, piece: &mut [u8]) {
        piece.fill(0);
        for (start, bytes) in &self.pieces {
            let (from, to) =
                (offset.max(*start), (offset + piece.len() as u64).min(start + bytes.len() as u64));
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                piece[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
    }
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Arc::new(Vec::new()), first: 0, length: 0 }
    }

    pub(crate) fn to(location: impl Into<String>) -> Self {
        Self::status(302).with("Location", location)
    }

    /// All of it.
    pub(crate) fn whole(body: Body) -> Self {
        let length = body.size();
        Self { body, length, ..Self::status(200) }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::whole(Arc::new(text.into().into_bytes()))
    }

    /// The part that is asked for of this version, else all of it.
    pub(crate) fn part(request: &Request, body: Body, etag: &str) -> Self {
        let size = body.size();
        let same = request.if_range.as_ref().is_none_or(|wanted| wanted == etag);
        match request.range {
            Some((first, last)) if same && first < size => {
                let last = last.min(size - 1);
                let range = format!("bytes {first}-{last}/{size}");
                Self { body, first, length: last - first + 1, ..Self::status(206) }
                    .with("Content-Range", range)
                    .with("ETag", etag)
            }
            Some(_) if same => Self::status(416).with("Content-Range", format!("bytes */{size}")),
            _ => Self::whole(body).with("ETag", etag),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Announces everything and sends less.
    pub(crate) fn cut(mut self, length: u64) -> Self {
        let announced = self.length.to_string();
        self.length = self.length.min(length);
        self.with("Content-Length", announced)
    }
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    address: String,
    log: Arc<Mutex<Vec<Request>>>,
    sent: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

/// Most connections before a server believes that its test has lost its way.
const MOST_CONNECTIONS: usize = 2_000;

impl Server {
    /// Answers as `route` says.
    pub(crate) fn start(route: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            log: Arc::default(),
            sent: Arc::default(),
            ended: Arc::default(),
        };
        let (log, sent, ended) =
            (Arc::clone(&server.log), Arc::clone(&server.sent), Arc::clone(&server.ended));
        let route = Arc::new(route);
        thread::spawn(move || {
            for stream in listener.incoming().take(MOST_CONNECTIONS).flatten() {
                if ended.load(Ordering::SeqCst) > 0 {
                    return;
                }
                let (log, sent, route) = (Arc::clone(&log), Arc::clone(&sent), Arc::clone(&route));
                thread::spawn(move || answer(stream, &*route, &log, &sent));
            }
        });
        server
    }

    /// Its address, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it was asked for.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// Bytes of bodies that it has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(1, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

fn answer(
    mut stream: TcpStream,
    route: &(dyn Fn(&Request) -> Answer + Send + Sync),
    log: &Mutex<Vec<Request>>,
    sent: &AtomicU64,
) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
    let Some(request) = read(&stream) else { return };
    let answer = route(&request);
    log.lock().unwrap().push(request);
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| *name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", answer.length));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let mut piece = vec![0; 64 << 10];
    let (mut at, end) = (answer.first, answer.first + answer.length);
    while at < end {
        let count = piece.len().min((end - at) as usize);
        answer.body.fill(at, &mut piece[..count]);
        // Whoever has got them finds them counted.
        sent.fetch_add(count as u64, Ordering::SeqCst);
        // The client may have had enough.
        if stream.write_all(&piece[..count]).is_err() {
            sent.fetch_sub(count as u64, Ordering::SeqCst);
            return;
        }
        at += count as u64;
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?.to_owned();
    let mut request =
        Request { path, range: None, authorization: None, if_range: None, if_none_match: None, accept: None };
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(": ") else { return Some(request) };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
                request.range = Some((first.parse().ok()?, last.parse().ok()?));
            }
            "authorization" => request.authorization = Some(value.to_owned()),
            "accept" => request.accept = Some(value.to_owned()),
            "if-none-match" => request.if_none_match = Some(value.to_owned()),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
}
