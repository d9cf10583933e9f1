//! An HTTP server whose responses are scripted by a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A step of a response; after the last one the connection is closed.
pub enum Step {
    Send(Vec<u8>),
    /// Sends nothing more and keeps the connection open until the test ends.
    Stall,
    /// Sends single bytes with pauses, until the test ends.
    Drip,
}

/// A request. The names of its headers are in lower case.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
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

/// Runs until it is dropped.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    port: u16,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// `respond` is called with each request and its number, from 0.
    pub fn start(respond: impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let respond = Arc::new(respond);
        let (log, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let listener = thread::spawn(move || {
            let mut workers = Vec::new();
            for stream in socket.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let (respond, log) = (Arc::clone(&respond), Arc::clone(&log));
                let stopped = Arc::clone(&stopped);
                workers.push(thread::spawn(move || {
                    serve(&stream.unwrap(), &*respond, &log, &stopped);
                }));
            }
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
        let url = format!("http://127.0.0.1:{port}");
        Self { url, requests, stop, port, listener: Some(listener) }
    }

    /// The requests so far.
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
    respond: &(impl Fn(&Request, usize) -> Vec<Step> + ?Sized),
    log: &Mutex<Vec<Request>>,
    stopped: &AtomicBool,
) {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned())))
        .collect();
    let mut request = Request { method, path, body: Vec::new(), headers };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    reader.take(length).read_to_end(&mut request.body).unwrap();
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    for step in respond(&request, number) {
        match step {
            // The client may have closed the connection.
            Step::Send(bytes) => drop((&mut &*stream).write_all(&bytes)),
            Step::Stall => {
                while !stopped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            Step::Drip => {
                while !stopped.load(Ordering::Relaxed) && (&mut &*stream).write_all(b".").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

/// The head of a response.
pub fn head(status: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// A response without a body.
pub fn status(status: &str) -> Vec<Step> {
    vec![Step::Send(head(status, &[("Content-Length", "0")]))]
}

/// The whole body.
pub fn whole(body: &[u8]) -> Vec<Step> {
    first(body, body.len())
}

/// The content length of the whole body, but only the first `bytes` of it.
pub fn first(body: &[u8], bytes: usize) -> Vec<Step> {
    let length = body.len().to_string();
    let headers = [("Content-Length", &*length), ("ETag", "\"v1\"")];
    vec![Step::Send([&head("200 OK", &headers)[..], &body[..bytes]].concat())]
}

/// The body from `start`, as a range.
pub fn rest(body: &[u8], start: usize) -> Vec<Step> {
    let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
    let length = (body.len() - start).to_string();
    let headers = [("Content-Length", &*length), ("Content-Range", &*range)];
    vec![Step::Send([&head("206 Partial Content", &headers)[..], &body[start..]].concat())]
}

/// A correct server that supports ranges.
pub fn good(body: &[u8]) -> impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static {
    let body = body.to_vec();
    move |request, _| match request.range_start() {
        Some(start) => rest(&body, start),
        None => whole(&body),
    }
}
