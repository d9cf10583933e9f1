//! `GET /v1/live`: a WebSocket on which one speaks and a face takes shape.
//!
//! The client sends binary messages with samples: 16 kHz, mono, 16 bit, little endian. After a
//! second of voice, and then whenever half a second more has come, the server sends a text message
//! with the estimate, followed by a binary message for each face: PNG, the mean face first. The
//! text `end` asks for a last estimate. If the server has much to do, estimates come less often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection};
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use serde::Serialize;
use speech2face::audio::Waveform;
use speech2face::{GrowingVoice, ReconstructRequest, Speech2Face, Uncertainty, VoiceRecording};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use crate::guard::SUBPROTOCOL;
use crate::options::Options;
use crate::problem::{Kind, Problem};
use crate::reconstruct::Pairs;
use crate::service::{RequestId, Service};
use crate::worker::{Rendered, Reply};

/// New samples for which a new estimate is made: half a second.
const STEP: usize = Waveform::RATE_HZ as usize / 2;
/// Samples before the first estimate: a second.
const FIRST: usize = Waveform::RATE_HZ as usize;
/// A session ends after this many samples: a minute tells all that the model can use.
const MOST: usize = 60 * Waveform::RATE_HZ as usize;
/// Bytes of a message: two seconds of samples.
const MESSAGE_BYTES: usize = 4 * Waveform::RATE_HZ as usize;
/// Faces that a session may ask for besides the mean face.
const MAX_FACES: usize = 6;
/// Pause before an estimate is tried again when the queue has no room.
const BUSY: Duration = Duration::from_millis(100);
/// Separates the pictures in what a worker sends back.
const LENGTH_BYTES: usize = 4;

pub async fn answer(
    State(service): State<Arc<Service>>,
    Extension(id): Extension<RequestId>,
    query: Pairs,
    upgrade: Result<WebSocketUpgrade, rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        let hint = "connect to it as a WebSocket";
        Problem::new(Kind::BadRequest, "the route takes WebSockets only", hint)
    })?;
    let Query(pairs) = query.map_err(|_| {
        let hint = "use it as in /v1/live?faces=3";
        Problem::new(Kind::BadRequest, "the query is not made of names and values", hint)
    })?;
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = Options::from_pairs(pairs)?;
    if options.faces > MAX_FACES {
        let detail = format!("faces is {}", options.faces);
        return Err(Problem::new(Kind::BadRequest, detail, "a live session draws at most 6"));
    }
    // A model without a distribution cannot say how certain it is.
    service.model.prior()?;
    let place = Arc::clone(&service.live).try_acquire_owned();
    let place = place.map_err(|_| {
        let detail = "there are as many live sessions as the server allows";
        Problem::new(Kind::TooMany, detail, "try again when another has ended")
    })?;
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        let session = Session::new(service, options, place);
        session.run(socket, &id).await;
    }))
}

/// A session, its samples, and how much of them the last estimate used.
struct Session {
    service: Arc<Service>,
    options: Options,
    voice: Arc<Mutex<GrowingVoice>>,
    received: usize,
    estimated: usize,
    _place: OwnedSemaphorePermit,
}

/// How a session ends.
enum End {
    /// The client closed it, has gone, or is silent.
    Closed,
    /// It is complete.
    Complete,
    Failed(Problem),
}

#[derive(Serialize)]
struct Estimate<'a> {
    r#type: &'static str,
    /// Seconds of voice that it used.
    seconds: f64,
    uncertainty: Option<&'a Uncertainty>,
    told: Vec<String>,
    has_speech: Option<bool>,
    /// Binary messages that follow.
    pictures: usize,
    feature: &'a [f32],
}

impl Session {
    fn new(service: Arc<Service>, options: Options, place: OwnedSemaphorePermit) -> Self {
        let voice = GrowingVoice::new(options.reconstruct().voice);
        let voice = Arc::new(Mutex::new(voice));
        Self { service, options, voice, received: 0, estimated: 0, _place: place }
    }

    async fn run(mut self, mut socket: WebSocket, id: &RequestId) {
        let service = Arc::clone(&self.service);
        let _live = service.metrics.live();
        let (code, last) = match self.talk(&mut socket).await {
            End::Closed => return,
            End::Complete => (1000, r#"{"type":"end"}"#.to_owned()),
            End::Failed(problem) => {
                let json = problem.to_json(&id.0);
                (1011, format!(r#"{{"type":"problem","problem":{json}}}"#))
            }
        };
        let close = CloseFrame { code, reason: "".into() };
        let _ = socket.send(Message::Text(last.into())).await;
        let _ = socket.send(Message::Close(Some(close))).await;
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> End {
        let mut stopping = self.service.stopping.clone();
        let mut complete = false;
        loop {
            let new = self.received - self.estimated;
            let due = self.received >= FIRST && (new >= STEP || (complete && new > 0));
            if complete && !due {
                return End::Complete;
            }
            // Everything that has come is read before an estimate is made.
            let patience = if due { Duration::ZERO } else { self.service.settings.read_timeout };
            let message = tokio::select! {
                message = timeout(patience, socket.recv()), if !complete => message.ok(),
                () = std::future::ready(()), if complete => None,
                _ = stopping.wait_for(|stopping| *stopping) => {
                    let detail = "the server shuts down";
                    return End::Failed(Problem::new(Kind::Stopping, detail, "try again later"));
                }
            };
            match message {
                Some(message) => match self.take(message) {
                    Ok(is_last) => complete = is_last,
                    Err(end) => return end,
                },
                None if !due => return End::Closed, // nothing came for a long time
                None => match self.estimate().await {
                    Ok(Some(rendered)) => {
                        for message in messages(&rendered) {
                            if socket.send(message).await.is_err() {
                                return End::Closed;
                            }
                        }
                    }
                    Ok(None) => sleep(BUSY).await,
                    Err(problem) => return End::Failed(problem),
                },
            }
        }
    }

    /// Takes a message; whether it was the last one.
    fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<bool, End> {
        match message {
            Some(Ok(Message::Binary(bytes))) => self.push(&bytes).map_err(End::Failed),
            Some(Ok(Message::Text(text))) if text.as_str() == "end" => Ok(true),
            Some(Ok(Message::Text(_))) => Err(End::Failed(Problem::new(
                Kind::BadRequest,
                "a text message is not `end`",
                "send samples as binary messages",
            ))),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(false),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Closed),
        }
    }

    /// Appends samples; whether the session now has all that it may have.
    fn push(&mut self, bytes: &Bytes) -> Result<bool, Problem> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
            let detail = format!("a message of {} bytes is not 16 bit samples", bytes.len());
            let hint = "send 16 kHz, mono, 16 bit, little endian";
            return Err(Problem::new(Kind::BadRequest, detail, hint));
        }
        let (pairs, _) = bytes.as_chunks::<2>();
        let samples: Vec<f32> =
            pairs.iter().map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32768.0).collect();
        let room = MOST - self.received;
        let samples = &samples[..samples.len().min(room)];
        self.voice.lock().unwrap_or_else(PoisonError::into_inner).push(samples);
        self.received += samples.len();
        Ok(self.received >= MOST)
    }

    /// A new estimate; `None` if the queue has no room. It waits for its turn: live sessions do
    /// not fill the queue.
    async fn estimate(&mut self) -> Result<Option<Rendered>, Problem> {
        let limit = self.service.settings.timeout;
        let late = |_| Problem::new(Kind::TimedOut, "an estimate took too long", "try again later");
        let stopped = || Problem::new(Kind::Stopping, "the server stops", "try again later");
        let turn = Arc::clone(&self.service.live_estimates).acquire_owned();
        let turn = timeout(limit, turn).await.map_err(late)?.map_err(|_| stopped())?;
        let (voice, options) = (Arc::clone(&self.voice), self.options);
        let compute = move |model: &Speech2Face| {
            let _turn = turn;
            let mut voice = voice.lock().unwrap_or_else(PoisonError::into_inner);
            estimate(model, &mut voice, &options)
        };
        let received = self.received;
        let Ok(reply) = self.service.workers.compute(compute) else { return Ok(None) };
        let rendered = timeout(limit, reply).await.map_err(late)?.map_err(|_| stopped())??;
        self.estimated = received;
        self.service.metrics.live_estimate();
        Ok(Some(rendered))
    }
}

/// The estimate and its pictures, each after its length.
fn estimate(model: &Speech2Face, growing: &mut GrowingVoice, options: &Options) -> Reply {
    let voice = growing.waveform()?;
    let seconds = voice.seconds();
    let faces = model.distribution_so_far(growing, &voice)?;
    let bytes: Vec<u8> = voice.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let recording = VoiceRecording::from_voice(voice, &bytes);
    let request = ReconstructRequest {
        recording: &recording,
        options: options.reconstruct(),
        sampling: options.sampling(),
    };
    let drawn = model.draw_faces(&faces, &request)?;
    let uncertainty = drawn.mean.uncertainty.as_ref();
    let text = serde_json::to_vec(&Estimate {
        r#type: "estimate",
        seconds,
        uncertainty,
        told: uncertainty.map(Uncertainty::sentences).unwrap_or_default(),
        has_speech: uncertainty.map(Uncertainty::has_speech),
        pictures: 1 + drawn.samples.len(),
        feature: drawn.mean.face.feature.values(),
    });
    let failed = |_| Problem::new(Kind::Internal, "the estimate could not be encoded", "");
    let mut body = Vec::new();
    let mut append = |part: &[u8]| {
        body.extend_from_slice(&(part.len() as u32).to_le_bytes());
        body.extend_from_slice(part);
    };
    append(&text.map_err(failed)?);
    for face in std::iter::once(&drawn.mean).chain(&drawn.samples) {
        append(&face.to_png()?);
    }
    Ok(Rendered { content_type: "application/octet-stream", body })
}

/// The messages in an estimate: a text, then pictures.
fn messages(rendered: &Rendered) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut rest = rendered.body.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let length = (u32::from_le_bytes(*length) as usize).min(after.len());
        let (part, after) = after.split_at(length);
        rest = after;
        messages.push(match messages.is_empty() {
            true => Message::Text(String::from_utf8_lossy(part).into_owned().into()),
            false => Message::Binary(Bytes::copy_from_slice(part)),
        });
    }
    messages
}
