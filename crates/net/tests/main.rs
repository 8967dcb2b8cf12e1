//! The client of advisory feeds against a server on loopback that behaves, breaks off, lies and hangs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use weighbridge_core::limits::Cancel;
use weighbridge_net::feed::{Client, FeedError, Online, Options};

/// Serves one connection with `answer` and then keeps it open for `hold`. Ends by itself.
fn server(answer: Vec<u8>, hold: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().expect("the client connects");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(&answer);
        thread::sleep(hold);
    });
    format!("http://{address}/PyPI/all.zip")
}

fn download(answer: &[u8], hold: Duration, most_bytes: u64) -> Result<Vec<u8>, FeedError> {
    let url = server(answer.to_vec(), hold);
    let options = Options { patience: Duration::from_millis(300), most_bytes, ..Options::default() };
    let client = Client::new(Online::unless(false).expect("online"), &options)?;
    let mut file = Vec::new();
    client.download(&url, &mut file, &Cancel::default(), &mut |_, _| {})?;
    Ok(file)
}

const NO_HOLD: Duration = Duration::ZERO;

#[test]
fn a_whole_answer_is_written() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(download(answer, NO_HOLD, 100).expect("it is whole"), b"hello");
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let error = download(answer, NO_HOLD, 100).expect_err("four bytes are missing");
    assert!(matches!(error, FeedError::Truncated { received: 5, expected: 9, .. }), "{error:?}");
}

#[test]
fn a_status_that_is_not_success_is_an_error() {
    let answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    let error = download(answer, NO_HOLD, 100).expect_err("the server fails");
    assert!(matches!(error, FeedError::Status { status: 500, .. }), "{error:?}");
}

#[test]
fn too_large_an_answer_is_refused_before_and_while_it_comes() {
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let error = download(announced, NO_HOLD, 8).expect_err("nine is more than eight");
    assert!(matches!(error, FeedError::TooLarge { most: 8, .. }), "{error:?}");
    let silent = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n123456789";
    let error = download(silent, NO_HOLD, 8).expect_err("nine is more than eight");
    assert!(matches!(error, FeedError::TooLarge { most: 8, .. }), "{error:?}");
}

#[test]
fn a_server_that_hangs_is_given_up() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"] {
        let error = download(answer, Duration::from_secs(3), 100).expect_err("the rest never comes");
        assert!(
            matches!(
                error,
                FeedError::Connection { .. } | FeedError::Io { .. } | FeedError::Truncated { .. }
            ),
            "{error:?}"
        );
    }
}

#[test]
fn a_wish_to_stop_is_heard() {
    let url = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(), NO_HOLD);
    let client =
        Client::new(Online::unless(false).expect("online"), &Options::default()).expect("no certificates");
    let cancel = Cancel::default();
    cancel.cancel();
    let error = client.download(&url, &mut Vec::new(), &cancel, &mut |_, _| {}).expect_err("stopped");
    assert!(matches!(error, FeedError::Interrupted));
}
