//! The end of a server: what runs is finished.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{answer, head, serve, voice};

#[test]
fn what_runs_is_finished_and_new_clients_are_refused() {
    let mut server = serve(|settings| settings.jobs = 1);
    let body = voice("high");
    let streams: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = server.connect();
            let head = head(server.address, "POST", "/v1/reconstruct?faces=6", &[], body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    let reading: Vec<_> =
        streams.into_iter().map(|stream| std::thread::spawn(|| answer(stream))).collect();
    server.stop();
    for reading in reading {
        assert_eq!(reading.join().unwrap().status, 200);
    }
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn requests_that_are_on_their_way_are_answered() {
    let mut server = serve(|_| ());
    // Connected, and not yet accepted or read.
    let streams: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = server.connect();
            let head = head(server.address, "GET", "/health", &[], 0);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    server.stopper.stop();
    for stream in streams {
        assert_eq!(answer(stream).status, 200);
    }
    server.stop();
}
