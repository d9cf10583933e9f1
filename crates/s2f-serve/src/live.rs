//! `GET /v1/live`: a WebSocket on which one speaks and a face takes shape.
//!
//! The client sends binary messages with samples: 16 kHz, mono, 16 bit, little endian. After a
//! second of voice, and then whenever half a second more has come, the server sends a text message
//! with the estimate, followed by a binary message for each face: PNG, the mean face first, which
//! is sent while the others are drawn. The text `end` asks for a last estimate. If the server has
//! much to do, estimates come less often.

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
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::event::Event;
use crate::guard::SUBPROTOCOL;
use crate::keep::wav;
use crate::options::Options;
use crate::problem::{Kind, Problem};
use crate::reconstruct::Pairs;
use crate::service::{RequestId, Service};
use crate::worker::Rendered;

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
    /// The newest estimate, if it is to be stored.
    newest: Option<Vec<Message>>,
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
        Self { service, options, voice, received: 0, estimated: 0, newest: None, _place: place }
    }

    async fn run(mut self, mut socket: WebSocket, id: &RequestId) {
        let service = Arc::clone(&self.service);
        let _live = service.metrics.live();
        let end = self.talk(&mut socket).await;
        self.store(id).await;
        let (code, last) = match end {
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
                None => match self.estimate(socket).await {
                    Ok(true) => {}
                    Ok(false) => sleep(BUSY).await,
                    Err(end) => return end,
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

    /// Sends a new estimate, each part of it once it is ready; false if the queue has no room. It
    /// waits for its turn: live sessions do not fill the queue.
    async fn estimate(&mut self, socket: &mut WebSocket) -> Result<bool, End> {
        let limit = self.service.settings.timeout;
        let failed = |kind, detail| End::Failed(Problem::new(kind, detail, "try again later"));
        let late = |_| failed(Kind::TimedOut, "an estimate took too long");
        let stopped = || failed(Kind::Stopping, "the server stops");
        let turn = Arc::clone(&self.service.live_estimates).acquire_owned();
        let turn = timeout(limit, turn).await.map_err(late)?.map_err(|_| stopped())?;
        let (voice, options) = (Arc::clone(&self.voice), self.options);
        let (parts, mut ready) = unbounded_channel();
        let compute = move |model: &Speech2Face| {
            let _turn = turn;
            let mut voice = voice.lock().unwrap_or_else(PoisonError::into_inner);
            // An error is a session that has ended.
            let send = |part| drop(parts.send(part));
            estimate(model, &mut voice, &options, send)?;
            Ok(Rendered { content_type: "", body: Vec::new() })
        };
        let received = self.received;
        let Ok(reply) = self.service.workers.compute(compute) else { return Ok(false) };
        while let Some(part) = timeout(limit, ready.recv()).await.map_err(late)? {
            if self.service.keep.is_some() {
                self.newest.take_if(|_| matches!(part, Message::Text(_)));
                self.newest.get_or_insert_default().push(part.clone());
            }
            socket.send(part).await.map_err(|_| End::Closed)?;
        }
        let reply = timeout(limit, reply).await.map_err(late)?.map_err(|_| stopped())?;
        reply.map_err(End::Failed)?;
        self.estimated = received;
        self.service.metrics.live_estimate();
        Ok(true)
    }

    /// Stores the voice and the newest estimate, for a study.
    async fn store(&self, RequestId(id): &RequestId) {
        let (Some(keep), Some(newest)) = (&self.service.keep, &self.newest) else { return };
        let (keep, newest, id) = (Arc::clone(keep), newest.clone(), id.clone());
        let voice = Arc::clone(&self.voice);
        let store = move || {
            let voice = voice.lock().unwrap_or_else(PoisonError::into_inner).waveform()?;
            keep.store(&id, "wav", &wav(voice.samples()))?;
            match newest.as_slice() {
                [Message::Text(text), Message::Binary(picture), ..] => {
                    keep.store(&id, "json", text.as_bytes())?;
                    keep.store(&id, "png", picture)
                }
                _ => Ok(()),
            }
        };
        let stored: Result<Result<(), Problem>, _> = spawn_blocking(store).await;
        if !matches!(stored, Ok(Ok(()))) {
            (self.service.observer)(&Event::NotStored);
        }
    }
}

/// Sends the estimate, the mean face, and then the plausible faces, which take longer to draw.
fn estimate(
    model: &Speech2Face,
    growing: &mut GrowingVoice,
    options: &Options,
    send: impl Fn(Message),
) -> Result<(), Problem> {
    let voice = growing.waveform()?;
    let seconds = voice.seconds();
    let faces = model.distribution_so_far(growing, &voice)?;
    let bytes: Vec<u8> = voice.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let recording = VoiceRecording::from_voice(voice, &bytes);
    let request = ReconstructRequest {
        recording: &recording,
        options: options.reconstruct(),
        sampling: None,
    };
    let mean = model.draw_faces(&faces, &request)?.mean;
    let uncertainty = mean.uncertainty.as_ref();
    let text = serde_json::to_string(&Estimate {
        r#type: "estimate",
        seconds,
        uncertainty,
        told: uncertainty.map(Uncertainty::sentences).unwrap_or_default(),
        has_speech: uncertainty.map(Uncertainty::has_speech),
        pictures: 1 + options.faces,
        feature: mean.face.feature.values(),
    });
    let failed = |_| Problem::new(Kind::Internal, "the estimate could not be encoded", "");
    let text = text.map_err(failed)?;
    let first = mean.to_png()?;
    send(Message::Text(text.into()));
    send(Message::Binary(first.into()));
    if let Some(sampling) = options.sampling() {
        for face in model.draw_samples(&faces, &mean, request.options, sampling)? {
            send(Message::Binary(face.to_png()?.into()));
        }
    }
    Ok(())
}
