//! Downloads from correct servers and from all kinds of faulty ones.

use std::net::TcpListener;
use std::time::{Duration, Instant};
use std::{fs, thread};

use s2f_core::hash::sha256;
use s2f_registry::{Availability, PullOutcome, PullProgress, RetryPolicy, Store};

use crate::server::{Server, Step, first, good, head, rest, status, whole};
use crate::support::{POLICY, TestStore, published};

#[test]
fn a_download_takes_one_request() {
    let server = Server::start(good(&published()));
    let place = TestStore::new(&server.url);
    assert_eq!(place.store.availability("net").unwrap(), Availability::Missing);
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(
        message.ends_with("file.bin does not exist; hint: speech2face model pull net"),
        "{message}"
    );
    let mut received = Vec::new();
    let result = place.store.pull("net", &mut |event| match event {
        PullProgress::Received { bytes, .. } => received.push(bytes),
        other => panic!("{other:?}"),
    });
    assert_eq!(result.unwrap(), PullOutcome::Installed);
    assert_eq!(received[0], 0);
    assert!(received.is_sorted() && received.last() == Some(&200_000), "{received:?}");
    assert_eq!(place.store.availability("net").unwrap(), Availability::Installed);
    assert_eq!(place.pull().0.unwrap(), PullOutcome::AlreadyInstalled);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/file.bin");
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert!(requests[0].header("user-agent").unwrap().starts_with("speech2face/"));
}

#[test]
fn only_missing_and_damaged_files_are_downloaded() {
    let (a, b) = (published(), b"{}".to_vec());
    let bodies = [a.clone(), b.clone()];
    let server = Server::start(move |request, _| {
        whole(if request.path == "/a.bin" { &bodies[0] } else { &bodies[1] })
    });
    let place = TestStore::with(&server.url, &[("a.bin", &a), ("b.json", &b)]);
    assert_eq!(place.pull().0.unwrap(), PullOutcome::Installed);
    let names: Vec<_> = place.store.locate("net").unwrap();
    assert!(names[0].ends_with("net/a.bin") && names[1].ends_with("net/b.json"), "{names:?}");
    place.put("b.json", b"[]");
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(message.contains("b.json has the sha256 "), "{message}");
    place.put("b.json", b"[");
    assert_eq!(place.store.availability("net").unwrap(), Availability::Damaged);
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(message.contains("net is damaged, ") && message.contains("has 1 bytes instead of 2"));
    assert_eq!(place.pull().0.unwrap(), PullOutcome::Installed);
    place.store.locate("net").unwrap();
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/a.bin", "/b.json", "/b.json"]);
}

#[test]
fn a_truncated_response_is_resumed() {
    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(start) => rest(&body, start),
        None => first(&body, 70_000),
    });
    let place = TestStore::new(&server.url);
    place.installs(1);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), Some("bytes=70000-"));
    assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
}

#[test]
fn after_the_last_attempt_the_partial_file_is_kept() {
    let body = published();
    let server = Server::start(move |request, number| match (number, request.range_start()) {
        (0, _) => first(&body, 50_000),
        (1 | 2, Some(_)) => Vec::new(),
        (_, start) => rest(&body, start.unwrap()),
    });
    let place = TestStore::new(&server.url);
    let left = ["file.bin.part", "file.bin.part.etag"];
    place.fails(2, &["cannot fetch ", "/file.bin ("], &left);
    place.installs(0);
    assert_eq!(server.requests()[3].range_start(), Some(50_000));
}

#[test]
fn a_stalled_response_ends_after_the_read_timeout() {
    let body = published();
    let server = Server::start(move |_, number| {
        let mut steps = if number == 0 { Vec::new() } else { first(&body, 1000) };
        steps.push(Step::Stall);
        steps
    });
    let read_timeout = Duration::from_millis(250);
    let place =
        TestStore::new(&server.url).with_retry_policy(RetryPolicy { read_timeout, ..POLICY });
    let begin = Instant::now();
    place.fails(
        2,
        &["stopped after 1000 of 200000 bytes", "to resume it"],
        &["file.bin.part", "file.bin.part.etag"],
    );
    let waited = begin.elapsed();
    assert!(waited > 3 * read_timeout && waited < 12 * read_timeout, "{waited:?}");
}

#[test]
fn a_slow_response_ends_after_the_response_timeout() {
    let body = published();
    let server = Server::start(move |_, number| {
        let mut steps = match number {
            0 => vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec())],
            _ => first(&body, 0),
        };
        steps.push(Step::Drip);
        steps
    });
    let response_timeout = Duration::from_millis(300);
    let place = TestStore::new(&server.url).with_retry_policy(RetryPolicy {
        response_timeout,
        attempts: 2,
        ..POLICY
    });
    let begin = Instant::now();
    place.fails(
        1,
        &["stopped after ", " of 200000 bytes"],
        &["file.bin.part", "file.bin.part.etag"],
    );
    let waited = begin.elapsed();
    assert!(waited >= 2 * response_timeout && waited < 8 * response_timeout, "{waited:?}");
}

#[test]
fn wrong_bytes_are_reported_with_their_hash_and_removed() {
    let mut wrong = published();
    wrong[123_456] ^= 1;
    let actual = sha256(&wrong);
    let server = Server::start(good(&wrong));
    let place = TestStore::new(&server.url);
    let expected = sha256(&published());
    place.fails(0, &["is not the published file", &actual, &expected, "--from"], &[]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_partial_file_with_wrong_bytes_is_downloaded_again_as_a_whole() {
    let server = Server::start(good(&published()));
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &[7; 1000]);
    place.installs(0);
    let starts: Vec<_> = server.requests().iter().map(|r| r.range_start()).collect();
    assert_eq!(starts, [Some(1000), None]);

    // Complete and wrong: interrupted between the last byte and the comparison.
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &[7; 200_000]);
    place.installs(0);
    // Complete and right: no request is needed.
    let asked = server.requests().len();
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &published());
    place.installs(0);
    assert_eq!(server.requests().len(), asked);
    // Longer than the published file.
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &[7; 200_001]);
    place.installs(0);
    assert_eq!(server.requests().last().unwrap().range_start(), None);
}

#[test]
fn a_server_that_sends_wrong_bytes_twice_is_given_up() {
    let mut wrong = published();
    wrong[150_000] ^= 1;
    let server = Server::start(move |request, number| match request.range_start() {
        Some(start) => rest(&wrong, start),
        None => first(&wrong, 100_000 + number),
    });
    let place = TestStore::new(&server.url);
    place.fails(2, &["is not the published file"], &[]);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn more_bytes_than_registered_are_refused() {
    let promised = [&published()[..], b"more"].concat();
    let server = Server::start(good(&promised));
    let place = TestStore::new(&server.url);
    place.fails(0, &["has 200004 bytes instead of 200000"], &[]);

    // Without a content length.
    let server = Server::start(|_, _| {
        let mut steps = vec![Step::Send(head("200 OK", &[]))];
        steps.extend((0..20).map(|_| Step::Send(vec![7; 1 << 16])));
        steps
    });
    let place = TestStore::new(&server.url);
    place.fails(0, &["has more bytes instead of 200000"], &[]);

    // As a range.
    let body = published();
    let server = Server::start(move |request, _| {
        let start = request.range_start().unwrap();
        let range = format!("bytes {start}-199999/200000");
        let head = head("206 Partial Content", &[("Content-Range", &range)]);
        vec![Step::Send([&head[..], &body[start..], b"more"].concat())]
    });
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &published()[..10]);
    place.fails(0, &["has more bytes instead of 200000"], &[]);
}

#[test]
fn a_wrong_content_length_is_refused() {
    // Fewer bytes than the published file has.
    let server = Server::start(good(&published()[..1000]));
    TestStore::new(&server.url).fails(0, &["has 1000 bytes instead of 200000"], &[]);
    // The total of a range.
    let server = Server::start(|_, _| {
        let range = [("Content-Range", "bytes 10-99/100"), ("Content-Length", "90")];
        vec![Step::Send(head("206 Partial Content", &range))]
    });
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &[7; 10]);
    place.fails(0, &["has 100 bytes instead of 200000"], &["file.bin.part"]);
    // No content length, and every response ends too early.
    let body = published();
    let server = Server::start(move |_, _| {
        vec![Step::Send([&head("200 OK", &[])[..], &body[..5]].concat())]
    });
    let place = TestStore::new(&server.url);
    place.fails(2, &["stopped after 5 of 200000 bytes (the response ended)"], &["file.bin.part"]);
    // Not a number.
    let server = Server::start(|_, _| {
        vec![Step::Send(head("200 OK", &[("Content-Length", "99999999999999999999999")]))]
    });
    let place = TestStore::new(&server.url);
    place.fails(0, &["cannot fetch "], &[]);
}

#[test]
fn a_chunked_response_is_accepted() {
    let body = published();
    let server = Server::start(move |_, _| {
        let mut bytes = head("200 OK", &[("Transfer-Encoding", "chunked")]);
        for chunk in body.chunks(60_000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        vec![Step::Send(bytes)]
    });
    TestStore::new(&server.url).installs(0);
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let body = published();
    let server = Server::start(move |request, _| match &*request.path {
        "/file.bin" => vec![Step::Send(head("302 Found", &[("Location", "/elsewhere?x=1")]))],
        "/elsewhere?x=1" => good(&body)(request, 0),
        path => panic!("{path}"),
    });
    TestStore::new(&server.url).installs(0);
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &published()[..10]);
    place.installs(0);
    assert_eq!(server.requests().last().unwrap().range_start(), Some(10));
}

#[test]
fn a_redirect_loop_is_an_error() {
    let server = Server::start(|_, _| {
        vec![Step::Send(head("302 Found", &[("Location", "/file.bin"), ("Content-Length", "0")]))]
    });
    let place = TestStore::new(&server.url);
    place.fails(0, &["cannot fetch ", "redirect"], &[]);
    assert!(server.requests().len() < 20);
}

#[test]
fn a_redirect_to_another_scheme_is_not_followed() {
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/file.bin", ":::"] {
        let server = Server::start(move |_, _| {
            vec![Step::Send(head("302 Found", &[("Location", location), ("Content-Length", "0")]))]
        });
        let place = TestStore::new(&server.url);
        place.fails(0, &["cannot fetch "], &[]);
    }
}

#[test]
fn a_permanent_status_is_not_retried() {
    for (line, code) in [("404 Not Found", "404"), ("403 Forbidden", "403"), ("410 Gone", "410")] {
        let server = Server::start(move |_, _| status(line));
        let place = TestStore::new(&server.url);
        place.fails(0, &[&format!("answers with status {code}"), "--from"], &[]);
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start(|_, _| status("204 No Content"));
    TestStore::new(&server.url).fails(0, &["answers with status 204"], &[]);
}

#[test]
fn a_temporary_status_is_retried_a_few_times() {
    let body = published();
    let server = Server::start(move |_, number| match number {
        0 => status("500 Internal Server Error"),
        1 => status("503 Service Unavailable"),
        _ => whole(&body),
    });
    TestStore::new(&server.url).installs(2);
    let server = Server::start(|_, _| status("502 Bad Gateway"));
    let place = TestStore::new(&server.url);
    place.fails(2, &["answers with status 502", "later"], &[]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_without_ranges_sends_the_whole_file() {
    let body = published();
    let server = Server::start(move |_, _| whole(&body));
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &[7; 1000]);
    place.installs(0);
    assert_eq!(server.requests()[0].range_start(), Some(1000));
}

#[test]
fn after_a_refused_or_wrong_range_the_whole_file_is_requested() {
    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(_) => status("416 Range Not Satisfiable"),
        None => whole(&body),
    });
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &published()[..1000]);
    place.installs(1);

    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(_) => rest(&body, 500),
        None => whole(&body),
    });
    let place = TestStore::new(&server.url);
    place.put("file.bin.part", &published()[..1000]);
    place.installs(1);
}

#[test]
fn only_a_strong_etag_is_sent_back() {
    for (etag, sent) in [
        ("\"abc\"", Some("\"abc\"")),
        ("W/\"abc\"", None),
        ("abc", None),
        ("", None),
        ("\"a\"\r\nX-Evil: 1\"", None),
    ] {
        let server = Server::start(good(&published()));
        let place = TestStore::new(&server.url);
        place.put("file.bin.part", &published()[..10]);
        place.put("file.bin.part.etag", etag.as_bytes());
        place.installs(0);
        assert_eq!(server.requests()[0].header("if-range"), sent, "{etag}");
    }
}

#[test]
fn a_web_page_instead_of_the_file_is_reported() {
    let server = Server::start(|_, _| {
        let page = b"<html>Log in";
        let headers = [("Content-Type", "text/HTML; charset=utf-8"), ("Content-Length", "12")];
        vec![Step::Send([&head("200 OK", &headers)[..], page].concat())]
    });
    let place = TestStore::new(&server.url);
    place.fails(0, &["returns a web page instead of the file", "log in"], &[]);
}

#[test]
fn no_server_and_invalid_http_are_errors() {
    // A port without a server: it was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = TestStore::new(&format!("http://127.0.0.1:{port}"));
    place.fails(2, &["cannot fetch ", "refused", "--from"], &[]);

    let server = Server::start(|_, _| vec![Step::Send(b"220 smtp.example.org ESMTP\r\n".to_vec())]);
    TestStore::new(&server.url).fails(0, &["cannot fetch "], &[]);
    // A server without TLS at an https address.
    let url = server.url.replace("http://", "https://");
    let (result, _) = TestStore::new(&url).pull();
    assert!(result.unwrap_err().to_string().contains("cannot fetch https://"));
    // A header that never ends.
    let server = Server::start(|_, _| {
        let mut steps = vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec())];
        steps.extend((0..20).map(|_| Step::Send(vec![b'x'; 1 << 16])));
        steps
    });
    TestStore::new(&server.url).fails(0, &["cannot fetch "], &[]);
}

#[test]
fn simultaneous_pulls_share_one_download() {
    let body = published();
    let server = Server::start(move |_, _| {
        thread::sleep(Duration::from_millis(100));
        whole(&body)
    });
    let place = TestStore::new(&server.url);
    let pull = |store: &Store| {
        let mut waited = false;
        let pulled =
            store.pull("net", &mut |event| waited |= matches!(event, PullProgress::Waiting));
        (pulled.unwrap(), waited)
    };
    let mut outcomes = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| pull(&place.store))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|(pulled, _)| *pulled == PullOutcome::AlreadyInstalled);
    assert_eq!(outcomes[0], (PullOutcome::Installed, false));
    assert!(outcomes[1..].iter().all(|(pulled, _)| *pulled == PullOutcome::AlreadyInstalled));
    assert_eq!(server.requests().len(), 1);
    assert!(fs::read(place.path("models/net/file.bin")).unwrap() == published());
}
