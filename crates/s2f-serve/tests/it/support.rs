//! A running server, and a plain HTTP client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use s2f_serve::{Server, Settings, Stopper};
use serde_json::Value;
use speech2face::{DeviceChoice, Speech2Face};

/// The shipped model, opened once.
pub fn model() -> Arc<Speech2Face> {
    static MODEL: OnceLock<Arc<Speech2Face>> = OnceLock::new();
    let open = || Arc::new(Speech2Face::shipped(&DeviceChoice::Cpu.open().unwrap()).unwrap());
    Arc::clone(MODEL.get_or_init(open))
}

/// An example voice.
pub fn voice(name: &str) -> Vec<u8> {
    std::fs::read(s2f_testing::project(&format!("examples/voices/{name}.flac"))).unwrap()
}

/// A server that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

/// Starts a server on a free port, without a limit of requests per minute.
pub fn serve(change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings { rate_per_minute: 0, ..Settings::default() };
    settings.listen.set_port(0);
    change(&mut settings);
    let server = Server::bind(model(), settings, Arc::new(|_| ())).unwrap();
    let (address, stopper) = (server.address(), server.stopper());
    let thread = Some(std::thread::spawn(move || server.run().unwrap()));
    Running { address, stopper, thread }
}

impl Running {
    /// Stops it, and waits until it has ended.
    pub fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request and reads the response.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let head = head(self.address, method, path, headers, body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        answer(stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[])
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[], body)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            // A test that fails must not hide why.
            let _ = thread.join();
        }
    }
}

/// The first lines of a request; `headers` replace the usual host.
pub fn head(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    length: usize,
) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        head += &format!("content-length: {length}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// A response.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.starts_with(&format!("{name}: ")))?;
        Some(line.split_once(": ")?.1)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Checks that it is a problem of this status and kind, with a hint and the request's id.
    pub fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("/docs#{kind}"));
        assert_eq!(problem["status"], status);
        assert!(!problem["hint"].as_str().unwrap().is_empty(), "{problem}");
        assert_eq!(problem["request"].as_str(), self.header("x-request-id"));
    }
}

/// Reads a response to its end.
pub fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A client that is still sending may see its connection reset after the response.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no response: {:?}", String::from_utf8_lossy(&bytes));
    });
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let body = bytes[end + 4..].to_vec();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}
