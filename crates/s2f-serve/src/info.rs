//! What the server is, and how it fares.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use speech2face::{FaceSpace, ModelId, SOFTWARE};

use crate::problem::{Kind, Problem};
use crate::service::Service;

/// `GET /v1/models`: the one model, and the limits of a request.
pub async fn models(State(service): State<Arc<Service>>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct Models {
        software: &'static str,
        models: [Model; 1],
        max_bytes: u64,
        max_seconds: f64,
        /// Whether recordings and results are stored, for a study.
        keeps_recordings: bool,
    }
    #[derive(Serialize)]
    struct Model {
        #[serde(flatten)]
        id: ModelId,
        parameters: usize,
        face_space: FaceSpace,
        /// Whether it has a distribution of faces: `faces` and live sessions need one.
        distribution: bool,
        card: String,
    }
    let model = &service.model;
    Json(Models {
        software: SOFTWARE,
        models: [Model {
            id: model.id().clone(),
            parameters: model.parameters(),
            face_space: model.face_space().clone(),
            distribution: model.networks().face_distribution.is_some(),
            card: model.card().to_owned(),
        }],
        max_bytes: service.settings.limits.max_bytes,
        max_seconds: service.settings.limits.max_seconds,
        keeps_recordings: service.keep.is_some(),
    })
}

/// `GET /health`: the process runs.
pub async fn health() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "ok", "software": SOFTWARE }))
}

/// `GET /ready`: it takes requests.
pub async fn ready(State(service): State<Arc<Service>>) -> Result<impl IntoResponse, Problem> {
    if service.is_stopping() {
        return Err(Problem::new(Kind::Stopping, "the server finishes what runs", ""));
    }
    Ok(Json(serde_json::json!({ "status": "ready" })))
}

/// `GET /metrics`, for Prometheus.
pub async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let text = service.metrics.render(service.workers.waiting());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
