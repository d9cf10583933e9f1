//! `POST /v1/decode`: a face feature in, its face out.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::response::Response;
use serde::Deserialize;
use speech2face::{FaceFeature, FaceSpace, Speech2Face};

use crate::body;
use crate::options::Options;
use crate::problem::{Kind, Problem};
use crate::reconstruct::{Pairs, wait};
use crate::render::{Format, face};
use crate::service::Service;

/// A feature has at most some thousand values.
const MAX_BYTES: u64 = 256 << 10;

/// A feature, as `/v1/embed` and `/v1/reconstruct` give it; other fields are ignored.
#[derive(Deserialize)]
struct Feature {
    /// That of the model if it is missing.
    face_space: Option<FaceSpace>,
    feature: Vec<f32>,
}

pub async fn answer(
    State(service): State<Arc<Service>>,
    query: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    let format = Format::accepted(request.headers())?;
    let Query(pairs) = query.map_err(|_| {
        let hint = "use it as in /v1/decode?exaggerate=0.7";
        Problem::new(Kind::BadRequest, "the query is not made of names and values", hint)
    })?;
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = Options::from_pairs(pairs)?;
    let format = format.for_style(options.style)?;
    let (parts, body) = request.into_parts();
    let read = body::read(&service, &parts.headers, body, MAX_BYTES).await?;
    let sent: Feature = serde_json::from_slice(&read.bytes).map_err(|error| {
        Problem::new(
            Kind::BadRequest,
            format!("the body is not a feature in JSON ({error})"),
            "send what /v1/embed gives, or {\"feature\": [numbers]}",
        )
    })?;
    let space = sent.face_space.unwrap_or_else(|| service.model.face_space().clone());
    let feature = FaceFeature::new(space, sent.feature)?;
    let reply = service.workers.compute(move |model: &Speech2Face| {
        let decoded = model.decode(&feature, options.exaggerate)?;
        face(model, &decoded, &options, format)
    })?;
    wait(&service, reply).await
}
