//! An HTTP server that says what a test tells it to say.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What is sent in answer to a request, before the connection is closed.
pub enum Act {
    Send(Vec<u8>),
    /// Nothing more, and the connection stays open until the test ends.
    Stall,
    /// A byte every now and then, until the test ends.
    Drip,
}

/// A request: its first line and its headers, all in lower case but the path.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The N of `range: bytes=N-`.
    pub fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?;
        Some(range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().unwrap())
    }
}

/// Answers until it is dropped.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    port: u16,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// `answer` gets each request and its number, from 0.
    pub fn start(answer: impl Fn(&Request, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let (log, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let listener = thread::spawn(move || {
            let mut workers = Vec::new();
            for stream in socket.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let stopped = Arc::clone(&stopped);
                workers.push(thread::spawn(move || {
                    serve(&stream.unwrap(), &*answer, &log, &stopped);
                }));
            }
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
        let url = format!("http://127.0.0.1:{port}");
        Self { url, requests, stop, port, listener: Some(listener) }
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        TcpStream::connect(("127.0.0.1", self.port)).ok(); // wakes the listener
        self.listener.take().unwrap().join().unwrap();
    }
}

fn serve(
    stream: &TcpStream,
    answer: &(impl Fn(&Request, usize) -> Vec<Act> + ?Sized),
    log: &Mutex<Vec<Request>>,
    stopped: &AtomicBool,
) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .map(|line| line.to_lowercase())
        .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect();
    let request = Request { path, headers };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    for act in answer(&request, number) {
        match act {
            // Whoever has heard enough hangs up.
            Act::Send(bytes) => drop((&mut &*stream).write_all(&bytes)),
            Act::Stall => {
                while !stopped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            Act::Drip => {
                while !stopped.load(Ordering::Relaxed) && (&mut &*stream).write_all(b".").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

/// The head of an answer.
pub fn head(status: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// An answer without a body.
pub fn status(status: &str) -> Vec<Act> {
    vec![Act::Send(head(status, &[("Content-Length", "0")]))]
}

/// The whole body.
pub fn whole(body: &[u8]) -> Vec<Act> {
    first(body, body.len())
}

/// A promise of the whole body, and the first `bytes` of it.
pub fn first(body: &[u8], bytes: usize) -> Vec<Act> {
    let length = body.len().to_string();
    let headers = [("Content-Length", &*length), ("ETag", "\"v1\"")];
    vec![Act::Send([&head("200 OK", &headers)[..], &body[..bytes]].concat())]
}

/// The body from `start`, as a range.
pub fn rest(body: &[u8], start: usize) -> Vec<Act> {
    let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
    let length = (body.len() - start).to_string();
    let headers = [("Content-Length", &*length), ("Content-Range", &*range)];
    vec![Act::Send([&head("206 Partial Content", &headers)[..], &body[start..]].concat())]
}

/// A server that knows ranges and never fails.
pub fn good(body: &[u8]) -> impl Fn(&Request, usize) -> Vec<Act> + Send + Sync + 'static {
    let body = body.to_vec();
    move |request, _| match request.range_start() {
        Some(start) => rest(&body, start),
        None => whole(&body),
    }
}
