//! Bodies that are too large, too slow, or no recordings; a queue that is full.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use s2f_serve::Settings;

use crate::support::{answer, head, serve, voice};

/// Loud and quiet by turns, as WAV, 16 kHz.
fn wav(seconds: u32) -> Vec<u8> {
    let samples = 16_000 * seconds;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + 2 * samples).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    for word in [16_u32, 0x0001_0001, 16_000, 32_000, 0x0010_0002] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend((2 * samples).to_le_bytes());
    for n in 0..samples {
        let loud = if n / 3000 % 2 == 0 { 6000.0 } else { 30.0 };
        let value = (f64::from(n) * 0.05).sin() * loud;
        bytes.extend((value as i16).to_le_bytes());
    }
    bytes
}

#[test]
fn a_large_body_is_refused_before_it_is_read() {
    let server = serve(|settings| settings.limits.max_bytes = 1 << 20);
    // Announced: refused at once, however much follows.
    let mut stream = server.connect();
    let length = [("content-length", "4294967296")];
    let head = head(server.address, "POST", "/v1/reconstruct", &length, 0);
    stream.write_all(head.as_bytes()).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let zeros = vec![0; 1 << 16];
        while sender.write_all(&zeros).is_ok() {}
    });
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    drop(stream);
    sending.join().unwrap();
    // Not announced: refused at the limit.
    let chunk =
        |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let mut stream = server.connect();
    let head = format!(
        "POST /v1/reconstruct HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..17 {
        if stream.write_all(&chunk(&[0; 1 << 16])).is_err() {
            break;
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    answer(stream).assert_problem(413, "too-large");
}

#[test]
fn slow_headers_and_slow_bodies_are_given_up() {
    let patience = Duration::from_millis(300);
    let server = serve(|settings| settings.read_timeout = patience);
    let begin = Instant::now();
    let mut silent = server.connect();
    silent.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    let mut slow = server.connect();
    let head = head(server.address, "POST", "/v1/reconstruct", &[], 1000);
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(b"RIFF").unwrap();
    answer(slow).assert_problem(408, "body-timeout");
    assert!(begin.elapsed() > 2 * patience && begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_is_no_recording_is_named() {
    let server = serve(|settings| settings.limits.max_seconds = 70.0);
    for (body, words) in [
        (Vec::new(), "the file is empty"),
        (b"hello".to_vec(), "not an audio file"),
        (wav(0), "no samples"),
        (vec![0; 100_000], "not an audio file"),
    ] {
        let answer = server.post("/v1/reconstruct", &body);
        answer.assert_problem(422, "bad-recording");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(words), "{detail}");
    }
    // What is there of a file that ends early is used.
    assert_eq!(server.post("/v1/embed", &voice("low")[..60_000]).status, 200);
    // Between a minute and the limit, and beyond the limit.
    assert_eq!(server.post("/v1/embed", &wav(65)).status, 200);
    let long = server.post("/v1/embed", &wav(75));
    long.assert_problem(422, "bad-recording");
    assert!(long.json()["detail"].as_str().unwrap().contains("longer than the limit of 70 s"));
    for query in ["?faces=99", "?nonsense=1", "?exaggerate=x", "?%ff"] {
        let answer = server.post(&format!("/v1/reconstruct{query}"), &voice("low"));
        answer.assert_problem(400, "bad-request");
    }
}

#[test]
fn a_full_queue_refuses_and_every_request_is_answered() {
    let server = serve(|settings| *settings = Settings { jobs: 1, queue: 2, ..settings.clone() });
    let voice = voice("high");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || server.post("/v1/reconstruct?faces=24", &voice).status;
        let asking: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|&&found| found == status).count();
    assert!(count(200) >= 2 && count(429) >= 1, "{statuses:?}");
    assert_eq!(count(200) + count(429), 12, "{statuses:?}");
}

/// Whisper servers' most common complaint: one long file, and everybody waits.
#[test]
fn a_long_recording_does_not_block_short_ones() {
    let server = serve(|settings| settings.jobs = 1);
    let (long, short) = (wav(590), voice("low"));
    std::thread::scope(|scope| {
        let slow: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    assert_eq!(server.post("/v1/reconstruct", &long).status, 200);
                    Instant::now()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(server.post("/v1/reconstruct", &short).status, 200);
        let done = Instant::now();
        let last = slow.into_iter().map(|slow| slow.join().unwrap()).max().unwrap();
        assert!(done < last, "the short recording waited for three long ones");
    });
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_others_are_not() {
    const REQUESTS: usize = 200; // of 129 kB each: more than the buffers of a connection hold
    let server = serve(|settings| settings.write_timeout = Duration::from_millis(500));
    let request = format!("GET /examples/low.flac HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    let requests = request.repeat(REQUESTS);
    let mut lazy = server.connect();
    lazy.write_all(requests.as_bytes()).unwrap();
    let mut eager = server.connect();
    eager.write_all(requests.as_bytes()).unwrap();
    let mut bytes = vec![0; REQUESTS * voice("low").len()];
    eager.read_exact(&mut bytes).unwrap();
    drop(eager);
    // What is left is the connection that asks.
    let begin = Instant::now();
    let alone = || {
        let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
        metrics.contains("speech2face_connections 1\n")
    };
    while !alone() {
        assert!(begin.elapsed() < Duration::from_secs(10), "the connection stays open");
        std::thread::sleep(Duration::from_millis(50));
    }
    let sent = lazy.read_to_end(&mut bytes);
    assert!(sent.is_err() || bytes.len() < 2 * REQUESTS * voice("low").len(), "all was sent");
}
