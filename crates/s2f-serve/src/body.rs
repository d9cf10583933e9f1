//! Bodies of requests: read within limits of size, memory and time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::problem::{Kind, Problem};
use crate::service::Service;

/// A client that sends less than this, bytes per second, is too slow.
const SLOWEST: u64 = 16 << 10;
/// How long the rest of a refused body is read and thrown away, so that the client can read the
/// response.
const DRAIN: Duration = Duration::from_secs(3);
/// And how much of it, bytes: more than is on its way when the client gets the response.
const DRAIN_BYTES: usize = 16 << 20;

/// A complete body, and the share of the server's memory that it takes.
pub struct Read {
    pub bytes: Bytes,
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `max_bytes`.
pub async fn read(
    service: &Service,
    headers: &HeaderMap,
    mut body: Body,
    max_bytes: u64,
) -> Result<Read, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced: Option<u64> = announced.and_then(|value| value.parse().ok());
    if announced.is_some_and(|bytes| bytes > max_bytes) {
        return Err(refuse(body, too_large(max_bytes)));
    }
    let mut bytes: Vec<u8> = Vec::new();
    let mut memory: Option<OwnedSemaphorePermit> = None;
    let begin = Instant::now();
    let patience = service.settings.read_timeout;
    loop {
        let until = begin + patience + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let frame = timeout_at(until.min(Instant::now() + patience), body.frame());
        let frame = match frame.await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Problem::new(
                    Kind::BadRequest,
                    "the body ended before it was complete",
                    "send it again",
                ));
            }
            Err(_) => {
                return Err(Problem::new(
                    Kind::BodyTimeout,
                    format!("no complete body after {} s", begin.elapsed().as_secs()),
                    "send a smaller recording, or use a faster connection",
                ));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > max_bytes {
            return Err(refuse(body, too_large(max_bytes)));
        }
        let permits = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&service.bodies).try_acquire_many_owned(permits) else {
            let full = Problem::new(
                Kind::Overloaded,
                "other recordings fill the memory of the server",
                "try again in a second",
            );
            return Err(refuse(body, full));
        };
        match &mut memory {
            Some(memory) => memory.merge(permit),
            None => memory = Some(permit),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read { bytes: bytes.into(), memory })
}

fn too_large(max_bytes: u64) -> Problem {
    let limit = match max_bytes {
        0..1_048_576 => format!("{} KiB", max_bytes >> 10),
        _ => format!("{} MiB", max_bytes >> 20),
    };
    Problem::new(
        Kind::TooLarge,
        format!("the body is larger than the limit of {limit}"),
        "send a part of the recording, or one that is compressed, such as Opus or MP3",
    )
}

/// The problem; meanwhile the rest of the body is thrown away. A client that is still sending
/// would otherwise see its connection reset, and not the response.
fn refuse(mut body: Body, problem: Problem) -> Problem {
    tokio::spawn(timeout(DRAIN, async move {
        let mut left = DRAIN_BYTES;
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    }));
    problem
}
