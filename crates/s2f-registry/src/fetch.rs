//! Downloads over HTTP that resume where they stopped, and that check everything a server sends.

use std::io::Read;
use std::path::Path;
use std::thread;

use ureq::http::Response;
use ureq::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use ureq::{Agent, Body, Error};

use crate::client::{agent, header_text, is_temporary, is_temporary_status};
use crate::partial_file::{CHUNK_BYTES, PartialFile};
use crate::verify::Comparison;
use crate::{PullProgress, RegistryError, RemoteFile, RetryPolicy};

/// Downloads `file` into `folder`, with this value of the header `Authorization`, if one is needed.
/// The caller holds the lock of the folder.
pub(crate) fn fetch(
    file: &RemoteFile,
    authorization: Option<&str>,
    folder: &Path,
    policy: RetryPolicy,
    on_progress: &mut dyn FnMut(PullProgress<'_>),
) -> Result<(), RegistryError> {
    let agent = agent(&file.url, policy);
    let mut part = PartialFile::open(folder, file)?;
    let mut restarted = false;
    let mut delay = policy.first_delay;
    let mut attempts = 1;
    loop {
        match attempt(&agent, &mut part, file, authorization, on_progress) {
            Ok(()) if part.is_from_one_response() || restarted => {
                return part.install_or_discard(&file.url);
            }
            // Several responses may belong to several versions, or the disk may have lost some
            // bytes. If they do not give the published file, it is fetched again, once.
            Ok(()) => {
                if part.install()? == Comparison::Equal {
                    return Ok(());
                }
                part.restart(None)?;
                restarted = true;
                attempts = 1;
                delay = policy.first_delay;
            }
            Err(Failure::Temporary(reason)) if attempts < policy.attempts => {
                on_progress(PullProgress::Retrying { reason: &reason, delay });
                thread::sleep(delay);
                delay *= 2;
                attempts += 1;
            }
            Err(Failure::Temporary(error) | Failure::Permanent(error)) if part.len() > 0 => {
                return Err(error);
            }
            Err(
                Failure::Temporary(error)
                | Failure::Permanent(error)
                | Failure::WrongContent(error),
            ) => {
                part.discard().ok(); // the first error is the one to report
                return Err(error);
            }
        }
    }
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed.
    Temporary(RegistryError),
    /// Another attempt would fail too; the partial file is kept for a later run.
    Permanent(RegistryError),
    /// The server sends another file; the partial file is discarded.
    WrongContent(RegistryError),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Permanent(error)
    }
}

/// Requests the missing bytes once, and appends those that arrive.
fn attempt(
    agent: &Agent,
    part: &mut PartialFile<'_>,
    file: &RemoteFile,
    authorization: Option<&str>,
    on_progress: &mut dyn FnMut(PullProgress<'_>),
) -> Result<(), Failure> {
    if part.len() == file.bytes {
        return Ok(()); // an earlier process was interrupted just before the end
    }
    let mut request = agent.get(&file.url).header(ACCEPT_ENCODING, "identity");
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    if part.len() > 0 {
        request = request.header(RANGE, format!("bytes={}-", part.len()));
        if let Some(etag) = part.etag() {
            request = request.header(IF_RANGE, etag);
        }
    }
    let mut response = request.call().map_err(|error| unreachable(file, &error))?;
    check_head(&response, part, file)?;
    on_progress(PullProgress::Received { file, bytes: part.len() });

    let mut body = response.body_mut().as_reader();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = body.read(&mut chunk).map_err(|error| interrupted(file, part, error))?;
        if read == 0 {
            break;
        }
        if part.len() + read as u64 > file.bytes {
            return Err(Failure::WrongContent(wrong_size(file, "more")));
        }
        part.append(&chunk[..read])?;
        on_progress(PullProgress::Received { file, bytes: part.len() });
    }
    if part.len() < file.bytes {
        return Err(interrupted(file, part, "the response ended"));
    }
    Ok(())
}

/// Checks the head of a response against the published file, and prepares the partial file for the
/// body: empty for the whole file, as it is for the requested range.
fn check_head(
    response: &Response<Body>,
    part: &mut PartialFile<'_>,
    file: &RemoteFile,
) -> Result<(), Failure> {
    let status = response.status().as_u16();
    let url = || file.url.clone();
    match status {
        200 | 206 if header_text(response, CONTENT_TYPE).is_some_and(is_web_page) => {
            return Err(Failure::Permanent(RegistryError::WebPage { url: url() }));
        }
        // The whole file: the server does not support ranges, or has another version than before.
        200 => {
            if let Some(length) = response.body().content_length()
                && length != file.bytes
            {
                return Err(Failure::Permanent(wrong_size(file, length)));
            }
            part.restart(header_text(response, ETAG))?;
        }
        206 => match header_text(response, CONTENT_RANGE).and_then(content_range) {
            Some((start, total)) if start == part.len() => {
                if let Some(total) = total.filter(|&total| total != file.bytes) {
                    return Err(Failure::Permanent(wrong_size(file, total)));
                }
                part.resume();
            }
            _ => {
                part.restart(None)?;
                return Err(Failure::Temporary(RegistryError::Unreachable {
                    url: url(),
                    reason: "it sends another range than the requested one".to_owned(),
                }));
            }
        },
        // No such range: the server has a shorter version than before.
        416 if part.len() > 0 => {
            part.restart(None)?;
            return Err(Failure::Temporary(RegistryError::Status { url: url(), status }));
        }
        status if is_temporary_status(status) => {
            return Err(Failure::Temporary(RegistryError::Status { url: url(), status }));
        }
        _ => return Err(Failure::Permanent(RegistryError::Status { url: url(), status })),
    }
    Ok(())
}

fn is_web_page(content_type: &str) -> bool {
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}

/// START and, unless it is `*`, TOTAL of `bytes START-END/TOTAL`.
fn content_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _end) = span.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.parse().ok()?, total))
}

fn wrong_size(file: &RemoteFile, found: impl ToString) -> RegistryError {
    RegistryError::WrongSize {
        origin: file.url.clone(),
        found: found.to_string(),
        bytes: file.bytes,
    }
}

fn interrupted(file: &RemoteFile, part: &PartialFile<'_>, reason: impl ToString) -> Failure {
    let (url, reason) = (file.url.clone(), reason.to_string());
    let (received, bytes) = (part.len(), file.bytes);
    Failure::Temporary(RegistryError::Interrupted { url, received, bytes, reason })
}

fn unreachable(file: &RemoteFile, error: &Error) -> Failure {
    let cause = RegistryError::Unreachable { url: file.url.clone(), reason: error.to_string() };
    if is_temporary(error) { Failure::Temporary(cause) } else { Failure::Permanent(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_content_ranges_are_parsed_and_others_rejected() {
        assert_eq!(content_range("bytes 10-19/20"), Some((10, Some(20))));
        assert_eq!(content_range("bytes 10-19/*"), Some((10, None)));
        for wrong in ["", "bytes */20", "items 1-2/3", "bytes 10-19", "bytes -1-2/3", "bytes 1-2/x"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
