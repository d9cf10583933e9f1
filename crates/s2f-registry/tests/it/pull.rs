//! Good servers, and all kinds of bad ones.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use s2f_registry::{Event, Patience, Pulled, State, Store};

use crate::server::{Act, Server, first, good, head, rest, status, whole};
use crate::support::{PATIENCE, Place, published};

#[test]
fn a_good_server_gives_the_file_and_is_asked_once() {
    let server = Server::start(good(&published()));
    let place = Place::new(&server.url);
    assert_eq!(place.store.state("net").unwrap(), State::Absent);
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(message.ends_with("file.bin; hint: speech2face model pull net"), "{message}");
    let mut here = Vec::new();
    let result = place.store.pull("net", &mut |event| match event {
        Event::Bytes { here: bytes, .. } => here.push(bytes),
        other => panic!("{other:?}"),
    });
    assert_eq!(result.unwrap(), Pulled::Installed);
    assert_eq!(here[0], 0);
    assert!(here.is_sorted() && here.last() == Some(&200_000), "{here:?}");
    assert_eq!(place.store.state("net").unwrap(), State::Ready);
    assert_eq!(place.pull().0.unwrap(), Pulled::AlreadyThere);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/file.bin");
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert!(requests[0].header("user-agent").unwrap().starts_with("speech2face/"));
}

#[test]
fn all_files_of_a_network_come_and_only_what_is_missing() {
    let (a, b) = (published(), b"{}".to_vec());
    let bodies = [a.clone(), b.clone()];
    let server = Server::start(move |request, _| {
        whole(if request.path == "/a.bin" { &bodies[0] } else { &bodies[1] })
    });
    let place = Place::with(&server.url, &[("a.bin", &a), ("b.json", &b)]);
    assert_eq!(place.pull().0.unwrap(), Pulled::Installed);
    let names: Vec<_> = place.store.locate("net").unwrap();
    assert!(names[0].ends_with("net/a.bin") && names[1].ends_with("net/b.json"), "{names:?}");
    place.put("b.json", b"[]");
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(message.contains("b.json has the sha256 "), "{message}");
    place.put("b.json", b"[");
    assert_eq!(place.store.state("net").unwrap(), State::Damaged);
    let message = place.store.locate("net").unwrap_err().to_string();
    assert!(message.contains("net is damaged, ") && message.contains("has 1 bytes in place of 2"));
    assert_eq!(place.pull().0.unwrap(), Pulled::Installed);
    place.store.locate("net").unwrap();
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/a.bin", "/b.json", "/b.json"]);
}

#[test]
fn a_truncated_answer_goes_on_where_it_was() {
    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(start) => rest(&body, start),
        None => first(&body, 70_000),
    });
    let place = Place::new(&server.url);
    place.installs(1);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), Some("bytes=70000-"));
    assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
}

#[test]
fn a_server_that_always_breaks_off_is_left_and_the_part_kept() {
    let body = published();
    let server = Server::start(move |request, number| match (number, request.range_start()) {
        (0, _) => first(&body, 50_000),
        (1 | 2, Some(_)) => Vec::new(),
        (_, start) => rest(&body, start.unwrap()),
    });
    let place = Place::new(&server.url);
    let left = ["file.bin.part", "file.bin.part.etag"];
    place.fails(2, &["cannot fetch ", "/file.bin ("], &left);
    place.installs(0);
    assert_eq!(server.requests()[3].range_start(), Some(50_000));
}

#[test]
fn a_server_that_stalls_is_left_after_the_silence() {
    let body = published();
    let server = Server::start(move |_, number| {
        let mut acts = if number == 0 { Vec::new() } else { first(&body, 1000) };
        acts.push(Act::Stall);
        acts
    });
    let silence = Duration::from_millis(250);
    let place = Place::new(&server.url).with_patience(Patience { silence, ..PATIENCE });
    let begin = Instant::now();
    place.fails(
        2,
        &["broke off after 1000 of 200000 bytes", "goes on"],
        &["file.bin.part", "file.bin.part.etag"],
    );
    let waited = begin.elapsed();
    assert!(waited > 3 * silence && waited < 12 * silence, "{waited:?}");
}

#[test]
fn a_server_that_drips_is_left_after_the_time_for_an_answer() {
    let body = published();
    let server = Server::start(move |_, number| {
        let mut acts = match number {
            0 => vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec())],
            _ => first(&body, 0),
        };
        acts.push(Act::Drip);
        acts
    });
    let answer = Duration::from_millis(300);
    let place = Place::new(&server.url).with_patience(Patience { answer, attempts: 2, ..PATIENCE });
    let begin = Instant::now();
    place.fails(
        1,
        &["broke off after ", " of 200000 bytes"],
        &["file.bin.part", "file.bin.part.etag"],
    );
    let waited = begin.elapsed();
    assert!(waited >= 2 * answer && waited < 8 * answer, "{waited:?}");
}

#[test]
fn wrong_bytes_are_named_by_their_hash_and_nothing_stays() {
    let mut lie = published();
    lie[123_456] ^= 1;
    let actual = crate::support::sha256(&lie);
    let server = Server::start(good(&lie));
    let place = Place::new(&server.url);
    let expected = crate::support::sha256(&published());
    place.fails(0, &["is not the published file", &actual, &expected, "--from"], &[]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_part_that_does_not_fit_is_fetched_again_in_one_piece() {
    let server = Server::start(good(&published()));
    let place = Place::new(&server.url);
    place.put("file.bin.part", &[7; 1000]);
    place.installs(0);
    let starts: Vec<_> = server.requests().iter().map(|r| r.range_start()).collect();
    assert_eq!(starts, [Some(1000), None]);

    // Whole, and wrong: killed between the last byte and the comparison.
    let place = Place::new(&server.url);
    place.put("file.bin.part", &[7; 200_000]);
    place.installs(0);
    // Whole, and right: nobody is asked.
    let asked = server.requests().len();
    let place = Place::new(&server.url);
    place.put("file.bin.part", &published());
    place.installs(0);
    assert_eq!(server.requests().len(), asked);
    // Longer than the file can be.
    let place = Place::new(&server.url);
    place.put("file.bin.part", &[7; 200_001]);
    place.installs(0);
    assert_eq!(server.requests().last().unwrap().range_start(), None);
}

#[test]
fn a_server_that_lies_twice_is_not_asked_for_ever() {
    let mut lie = published();
    lie[150_000] ^= 1;
    let server = Server::start(move |request, number| match request.range_start() {
        Some(start) => rest(&lie, start),
        None => first(&lie, 100_000 + number),
    });
    let place = Place::new(&server.url);
    place.fails(2, &["is not the published file"], &[]);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn more_bytes_than_registered_are_refused() {
    let promised = [&published()[..], b"more"].concat();
    let server = Server::start(good(&promised));
    let place = Place::new(&server.url);
    place.fails(0, &["has 200004 bytes in place of 200000"], &[]);

    // Without a promise.
    let server = Server::start(|_, _| {
        let mut acts = vec![Act::Send(head("200 OK", &[]))];
        acts.extend((0..20).map(|_| Act::Send(vec![7; 1 << 16])));
        acts
    });
    let place = Place::new(&server.url);
    place.fails(0, &["has more bytes in place of 200000"], &[]);

    // Of a part.
    let body = published();
    let server = Server::start(move |request, _| {
        let start = request.range_start().unwrap();
        let range = format!("bytes {start}-199999/200000");
        let head = head("206 Partial Content", &[("Content-Range", &range)]);
        vec![Act::Send([&head[..], &body[start..], b"more"].concat())]
    });
    let place = Place::new(&server.url);
    place.put("file.bin.part", &published()[..10]);
    place.fails(0, &["has more bytes in place of 200000"], &[]);
}

#[test]
fn a_length_that_is_a_lie_is_refused_or_survived() {
    // Fewer bytes than the file has: it is another one.
    let server = Server::start(good(&published()[..1000]));
    Place::new(&server.url).fails(0, &["has 1000 bytes in place of 200000"], &[]);
    // The total of a range.
    let server = Server::start(|_, _| {
        let range = [("Content-Range", "bytes 10-99/100"), ("Content-Length", "90")];
        vec![Act::Send(head("206 Partial Content", &range))]
    });
    let place = Place::new(&server.url);
    place.put("file.bin.part", &[7; 10]);
    place.fails(0, &["has 100 bytes in place of 200000"], &["file.bin.part"]);
    // No length at all, and the file ends too early, each time.
    let body = published();
    let server =
        Server::start(move |_, _| vec![Act::Send([&head("200 OK", &[])[..], &body[..5]].concat())]);
    let place = Place::new(&server.url);
    place.fails(2, &["broke off after 5 of 200000 bytes (the answer ended)"], &["file.bin.part"]);
    // No number.
    let server = Server::start(|_, _| {
        vec![Act::Send(head("200 OK", &[("Content-Length", "99999999999999999999999")]))]
    });
    let place = Place::new(&server.url);
    place.fails(0, &["cannot fetch "], &[]);
}

#[test]
fn chunks_without_a_length_are_fine() {
    let body = published();
    let server = Server::start(move |_, _| {
        let mut bytes = head("200 OK", &[("Transfer-Encoding", "chunked")]);
        for chunk in body.chunks(60_000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        vec![Act::Send(bytes)]
    });
    Place::new(&server.url).installs(0);
}

#[test]
fn redirects_are_followed_with_their_range() {
    let body = published();
    let server = Server::start(move |request, _| match &*request.path {
        "/file.bin" => vec![Act::Send(head("302 Found", &[("Location", "/elsewhere?x=1")]))],
        "/elsewhere?x=1" => good(&body)(request, 0),
        path => panic!("{path}"),
    });
    Place::new(&server.url).installs(0);
    let place = Place::new(&server.url);
    place.put("file.bin.part", &published()[..10]);
    place.installs(0);
    assert_eq!(server.requests().last().unwrap().range_start(), Some(10));
}

#[test]
fn a_redirect_in_circles_ends() {
    let server = Server::start(|_, _| {
        vec![Act::Send(head("302 Found", &[("Location", "/file.bin"), ("Content-Length", "0")]))]
    });
    let place = Place::new(&server.url);
    place.fails(0, &["cannot fetch ", "redirect"], &[]);
    assert!(server.requests().len() < 20);
}

#[test]
fn a_redirect_to_no_web_address_is_not_followed() {
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/file.bin", ":::"] {
        let server = Server::start(move |_, _| {
            vec![Act::Send(head("302 Found", &[("Location", location), ("Content-Length", "0")]))]
        });
        let place = Place::new(&server.url);
        place.fails(0, &["cannot fetch "], &[]);
    }
}

#[test]
fn a_file_that_is_not_there_is_not_asked_for_again() {
    for (line, code) in [("404 Not Found", "404"), ("403 Forbidden", "403"), ("410 Gone", "410")] {
        let server = Server::start(move |_, _| status(line));
        let place = Place::new(&server.url);
        place.fails(0, &[&format!("answers with status {code}"), "--from"], &[]);
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start(|_, _| status("204 No Content"));
    Place::new(&server.url).fails(0, &["answers with status 204"], &[]);
}

#[test]
fn a_server_in_trouble_is_asked_again_and_not_for_ever() {
    let body = published();
    let server = Server::start(move |_, number| match number {
        0 => status("500 Internal Server Error"),
        1 => status("503 Service Unavailable"),
        _ => whole(&body),
    });
    Place::new(&server.url).installs(2);
    let server = Server::start(|_, _| status("502 Bad Gateway"));
    let place = Place::new(&server.url);
    place.fails(2, &["answers with status 502", "later"], &[]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_that_ignores_ranges_begins_again() {
    let body = published();
    let server = Server::start(move |_, _| whole(&body));
    let place = Place::new(&server.url);
    place.put("file.bin.part", &[7; 1000]);
    place.installs(0);
    assert_eq!(server.requests()[0].range_start(), Some(1000));
}

#[test]
fn a_range_that_is_refused_or_another_one_begins_again() {
    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(_) => status("416 Range Not Satisfiable"),
        None => whole(&body),
    });
    let place = Place::new(&server.url);
    place.put("file.bin.part", &published()[..1000]);
    place.installs(1);

    let body = published();
    let server = Server::start(move |request, _| match request.range_start() {
        Some(_) => rest(&body, 500),
        None => whole(&body),
    });
    let place = Place::new(&server.url);
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
        let place = Place::new(&server.url);
        place.put("file.bin.part", &published()[..10]);
        place.put("file.bin.part.etag", etag.as_bytes());
        place.installs(0);
        assert_eq!(server.requests()[0].header("if-range"), sent, "{etag}");
    }
}

#[test]
fn a_web_page_in_place_of_the_file_is_named() {
    let server = Server::start(|_, _| {
        let page = b"<html>Log in";
        let headers = [("Content-Type", "text/HTML; charset=utf-8"), ("Content-Length", "12")];
        vec![Act::Send([&head("200 OK", &headers)[..], page].concat())]
    });
    let place = Place::new(&server.url);
    place.fails(0, &["gives a web page in place of the file", "log in"], &[]);
}

#[test]
fn nobody_there_and_no_http_are_errors() {
    // A port that nobody listens at: it was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::new(&format!("http://127.0.0.1:{port}"));
    place.fails(2, &["cannot fetch ", "refused", "--from"], &[]);

    let server = Server::start(|_, _| vec![Act::Send(b"220 smtp.example.org ESMTP\r\n".to_vec())]);
    Place::new(&server.url).fails(0, &["cannot fetch "], &[]);
    // A server that speaks no TLS where the address asks for it.
    let url = server.url.replace("http://", "https://");
    let (result, _) = Place::new(&url).pull();
    assert!(result.unwrap_err().to_string().contains("cannot fetch https://"));
    // A header without an end.
    let server = Server::start(|_, _| {
        let mut acts = vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec())];
        acts.extend((0..20).map(|_| Act::Send(vec![b'x'; 1 << 16])));
        acts
    });
    Place::new(&server.url).fails(0, &["cannot fetch "], &[]);
}

#[test]
fn two_pulls_at_once_ask_once() {
    let body = published();
    let server = Server::start(move |_, _| {
        thread::sleep(Duration::from_millis(100));
        whole(&body)
    });
    let place = Place::new(&server.url);
    let pull = |store: &Store| {
        let mut waited = false;
        let pulled = store.pull("net", &mut |event| waited |= matches!(event, Event::Waiting));
        (pulled.unwrap(), waited)
    };
    let mut outcomes = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| pull(&place.store))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|(pulled, _)| *pulled == Pulled::AlreadyThere);
    assert_eq!(outcomes[0], (Pulled::Installed, false));
    assert!(outcomes[1..].iter().all(|(pulled, _)| *pulled == Pulled::AlreadyThere));
    assert_eq!(server.requests().len(), 1);
    assert!(fs::read(place.path("models/net/file.bin")).unwrap() == published());
}
