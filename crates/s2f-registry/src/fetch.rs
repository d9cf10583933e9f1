//! Downloads that go on where they broke off, and that believe no server.

use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::http::header::{ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use ureq::http::{HeaderName, Response, Uri};
use ureq::{Agent, Body, Error, Proxy};

use crate::digest::Comparison;
use crate::part::{PIECE_BYTES, Part};
use crate::{RegistryError, RemoteFile};

const USER_AGENT: &str = concat!("speech2face/", env!("CARGO_PKG_VERSION"));

/// What a download tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another process fetches the same network; this one waits for it.
    Waiting,
    /// So many bytes of a file are here.
    Bytes {
        /// The file.
        file: &'a RemoteFile,
        /// Bytes that are here, those of earlier processes included.
        here: u64,
    },
    /// An attempt failed, and there will be another.
    Again {
        /// Why it failed.
        reason: &'a RegistryError,
        /// After how long.
        pause: Duration,
    },
}

/// How long a server is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub silence: Duration,
    /// For all of an answer, however it drips.
    pub answer: Duration,
    /// How often a file is asked for in all.
    pub attempts: u32,
    /// Before the second attempt; it doubles before each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            answer: Duration::from_secs(15 * 60),
            attempts: 4,
            pause: Duration::from_millis(500),
        }
    }
}

/// Downloads `file` into `folder`, where nobody else does so at the same time.
pub(crate) fn fetch(
    file: &RemoteFile,
    folder: &Path,
    patience: Patience,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), RegistryError> {
    let agent = agent(file, patience);
    let mut part = Part::open(folder, file)?;
    let mut began_again = false;
    let mut pause = patience.pause;
    let mut attempts = 1;
    loop {
        match attempt(&agent, &mut part, file, on_event) {
            Ok(()) if part.is_of_one_answer() || began_again => {
                return part.install_or_discard(&file.url);
            }
            // Several answers may be of several versions, or the disk may have lost some bytes: if
            // they do not give the published file, it is fetched from its beginning, once.
            Ok(()) => {
                if part.install()? == Comparison::Equal {
                    return Ok(());
                }
                part.restart(None)?;
                began_again = true;
                attempts = 1;
                pause = patience.pause;
            }
            Err(Failure::Passing(reason)) if attempts < patience.attempts => {
                on_event(Event::Again { reason: &reason, pause });
                thread::sleep(pause);
                pause *= 2;
                attempts += 1;
            }
            Err(Failure::Passing(error) | Failure::Final(error)) if part.here() > 0 => {
                return Err(error);
            }
            Err(Failure::Passing(error) | Failure::Final(error) | Failure::Wrong(error)) => {
                part.discard().ok(); // the first error is the one to report
                return Err(error);
            }
        }
    }
}

/// Why an attempt ended.
enum Failure {
    /// It may go better next time.
    Passing(RegistryError),
    /// It will not, until something changes.
    Final(RegistryError),
    /// The same, and what is here is of no use.
    Wrong(RegistryError),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

/// Asks once for what is missing, and adds what comes.
fn attempt(
    agent: &Agent,
    part: &mut Part<'_>,
    file: &RemoteFile,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    if part.here() == file.bytes {
        return Ok(()); // an earlier process was stopped just before the end
    }
    let mut request = agent.get(&file.url).header(ACCEPT_ENCODING, "identity");
    if part.here() > 0 {
        request = request.header(RANGE, format!("bytes={}-", part.here()));
        if let Some(etag) = part.etag() {
            request = request.header(IF_RANGE, etag);
        }
    }
    let mut response = request.call().map_err(|error| unreachable(file, &error))?;
    begin(&response, part, file)?;
    on_event(Event::Bytes { file, here: part.here() });

    let mut body = response.body_mut().as_reader();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = body.read(&mut piece).map_err(|error| broken_off(file, part, error))?;
        if read == 0 {
            break;
        }
        if part.here() + read as u64 > file.bytes {
            return Err(Failure::Wrong(size(file, "more")));
        }
        part.append(&piece[..read])?;
        on_event(Event::Bytes { file, here: part.here() });
    }
    if part.here() < file.bytes {
        return Err(broken_off(file, part, "the answer ended"));
    }
    Ok(())
}

/// Holds what the server promises against what is needed, and makes ready for its bytes.
fn begin(response: &Response<Body>, part: &mut Part<'_>, file: &RemoteFile) -> Result<(), Failure> {
    let status = response.status().as_u16();
    let url = || file.url.clone();
    match status {
        200 | 206 if text(response, CONTENT_TYPE).is_some_and(is_web_page) => {
            return Err(Failure::Final(RegistryError::Page { url: url() }));
        }
        // The whole file: the server knows no ranges, or has another version than before.
        200 => {
            if let Some(promised) = response.body().content_length()
                && promised != file.bytes
            {
                return Err(Failure::Final(size(file, promised)));
            }
            part.restart(text(response, ETAG))?;
        }
        206 => match text(response, CONTENT_RANGE).and_then(content_range) {
            Some((start, total)) if start == part.here() => {
                if let Some(total) = total.filter(|&total| total != file.bytes) {
                    return Err(Failure::Final(size(file, total)));
                }
                part.go_on();
            }
            _ => {
                part.restart(None)?;
                return Err(Failure::Passing(RegistryError::Unreachable {
                    url: url(),
                    reason: "it sends another part than was asked for".to_owned(),
                }));
            }
        },
        // No such range: the server has a shorter version, and may have had a longer one before.
        416 if part.here() > 0 => {
            part.restart(None)?;
            return Err(Failure::Passing(RegistryError::Status { url: url(), status }));
        }
        408 | 429 | 500..600 => {
            return Err(Failure::Passing(RegistryError::Status { url: url(), status }));
        }
        _ => return Err(Failure::Final(RegistryError::Status { url: url(), status })),
    }
    Ok(())
}

fn agent(file: &RemoteFile, patience: Patience) -> Agent {
    let is_local = file.url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback));
    Agent::config_builder()
        .user_agent(USER_AGENT)
        .http_status_as_error(false)
        // What begins encrypted stays encrypted, wherever a redirect leads.
        .https_only(file.url.starts_with("https://"))
        // No proxy reaches this very computer.
        .proxy(if is_local { None } else { Proxy::try_from_env() })
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_per_read(Some(patience.silence))
        .timeout_per_write(Some(patience.silence))
        .timeout_global(Some(patience.answer))
        .build()
        .new_agent()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn text(response: &Response<Body>, header: HeaderName) -> Option<&str> {
    response.headers().get(header)?.to_str().ok()
}

fn is_web_page(content_type: &str) -> bool {
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}

/// Start and, where it is known, total of `bytes START-END/TOTAL`.
fn content_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _end) = span.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.parse().ok()?, total))
}

fn size(file: &RemoteFile, found: impl ToString) -> RegistryError {
    RegistryError::Size { origin: file.url.clone(), found: found.to_string(), bytes: file.bytes }
}

fn broken_off(file: &RemoteFile, part: &Part<'_>, reason: impl ToString) -> Failure {
    let (url, reason) = (file.url.clone(), reason.to_string());
    Failure::Passing(RegistryError::BrokenOff { url, here: part.here(), bytes: file.bytes, reason })
}

fn unreachable(file: &RemoteFile, error: &Error) -> Failure {
    let cause = RegistryError::Unreachable { url: file.url.clone(), reason: error.to_string() };
    match error {
        // Certificates that nobody vouches for come as invalid data.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => Failure::Final(cause),
        Error::Io(_)
        | Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_) => Failure::Passing(cause),
        _ => Failure::Final(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_nothing_else() {
        assert_eq!(content_range("bytes 10-19/20"), Some((10, Some(20))));
        assert_eq!(content_range("bytes 10-19/*"), Some((10, None)));
        for wrong in ["", "bytes */20", "items 1-2/3", "bytes 10-19", "bytes -1-2/3", "bytes 1-2/x"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_this_computer_is_loopback() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "[::2]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn what_begins_encrypted_stays_so() {
        let is_https_only = |url: &str| {
            let file = RemoteFile {
                name: "a".to_owned(),
                bytes: 1,
                sha256: String::new(),
                url: url.to_owned(),
            };
            agent(&file, Patience::default()).config().https_only()
        };
        assert!(is_https_only("https://example.org/a"));
        assert!(!is_https_only("http://127.0.0.1/a"));
    }
}
