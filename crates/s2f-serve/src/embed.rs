//! `POST /v1/embed`: a recording in, its face feature out.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde::Serialize;
use speech2face::{FaceFeature, ModelId, RecordingId, Speech2Face, VoiceRecording};

use crate::body::Read;
use crate::keep::Kept;
use crate::problem::Problem;
use crate::reconstruct::{Pairs, recording, wait};
use crate::render::json;
use crate::service::{RequestId, Service};
use crate::worker::{VoiceJob, Work};

pub async fn answer(
    State(service): State<Arc<Service>>,
    Extension(id): Extension<RequestId>,
    query: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Embedded<'a> {
        model: &'a ModelId,
        recording: RecordingId,
        #[serde(flatten)]
        feature: FaceFeature,
    }
    let (options, Read { bytes, memory }) = recording(&service, query, request).await?;
    let kept = Kept::new(service.keep.as_ref(), &id.0, &bytes);
    let policy = options.reconstruct().voice;
    let read = move |model: &Speech2Face, recording: &VoiceRecording| {
        let voice = recording.voice();
        let embedded = json(&Embedded {
            model: model.id(),
            recording: recording.id(),
            feature: model.embed_voice(voice, &policy)?,
        })?;
        kept.with(embedded)
    };
    let work = Work::Voice(Box::new(read));
    let reply = service.workers.submit(VoiceJob { bytes, memory, work })?;
    wait(&service, reply).await
}
