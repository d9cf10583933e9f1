//! `POST /v1/reconstruct`: a recording in, a face out.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::body;
use crate::keep::Kept;
use crate::options::Options;
use crate::problem::{Kind, Problem};
use crate::render::{Format, faces};
use crate::service::{RequestId, Service};
use crate::worker::{Reply, VoiceJob, Work};

/// What a multipart body holds besides the recording, in bytes.
const MULTIPART_EXTRA: u64 = 16 << 10;

/// Names and values in the query of a request.
pub type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub async fn answer(
    State(service): State<Arc<Service>>,
    Extension(id): Extension<RequestId>,
    query: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    let format = Format::accepted(request.headers())?;
    let (options, body::Read { bytes, memory }) = recording(&service, query, request).await?;
    let format = format.for_style(options.style)?;
    let kept = Kept::new(service.keep.as_ref(), &id.0, &bytes);
    let render = move |model: &_, recording: &_, drawn: &_| {
        kept.with(faces(model, recording, drawn, &options, format)?)
    };
    let (options, sampling) = (options.reconstruct(), options.sampling());
    let work = Work::Faces { options, sampling, render: Box::new(render) };
    let reply = service.workers.submit(VoiceJob { bytes, memory, work })?;
    wait(&service, reply).await
}

/// The recording in a request, raw or as a part of a form, and its options.
pub async fn recording(
    service: &Service,
    query: Pairs,
    request: Request,
) -> Result<(Options, body::Read), Problem> {
    let Query(pairs) = query.map_err(|_| {
        Problem::new(
            Kind::BadRequest,
            "the query is not made of names and values",
            "use it as in /v1/reconstruct?faces=3&exaggerate=0.7",
        )
    })?;
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut options = Options::from_pairs(pairs)?;
    let (parts, body) = request.into_parts();
    let is_form = media_type(&parts.headers) == "multipart/form-data";
    let max_bytes = service.settings.limits.max_bytes;
    let max_bytes = if is_form { max_bytes.saturating_add(MULTIPART_EXTRA) } else { max_bytes };
    let mut read = body::read(service, &parts.headers, body, max_bytes).await?;
    if is_form {
        read.bytes = form(&parts.headers, read.bytes, &mut options).await?;
    }
    Ok((options, read))
}

/// The type of a body, lower case, without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a form: its part `audio` is the recording, the others are options.
pub async fn form(
    headers: &HeaderMap,
    bytes: Bytes,
    options: &mut Options,
) -> Result<Bytes, Problem> {
    let bad = |_: MultipartError| {
        Problem::new(
            Kind::BadRequest,
            "the form cannot be read",
            "send multipart/form-data with the recording as the part `audio`",
        )
    };
    let mut request = Request::new(Body::from(bytes));
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    // The limit was applied when the body was read.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| {
        let hint = "send it as curl -F audio=@voice.m4a does";
        Problem::new(Kind::BadRequest, "the form has no boundary", hint)
    })?;
    let mut audio = None;
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = Field::name(&field).unwrap_or_default().to_owned();
        if name == "audio" {
            if audio.replace(field.bytes().await.map_err(bad)?).is_some() {
                let hint = "send one request for each recording";
                return Err(Problem::new(Kind::BadRequest, "two parts are `audio`", hint));
            }
        } else {
            options.set(&name, &field.text().await.map_err(bad)?)?;
        }
    }
    audio.ok_or_else(|| {
        let hint = "add it, as in curl -F audio=@voice.m4a";
        Problem::new(Kind::BadRequest, "the form has no part called `audio`", hint)
    })
}

/// Waits for the reply of a worker, as long as the settings allow.
pub async fn wait(service: &Service, reply: oneshot::Receiver<Reply>) -> Result<Response, Problem> {
    let limit = service.settings.timeout;
    let reply = timeout(limit, reply).await.map_err(|_| {
        Problem::new(
            Kind::TimedOut,
            format!("no result after {} s", limit.as_secs()),
            "send a shorter recording, or try again when the server has less to do",
        )
    })?;
    let rendered = reply.map_err(|_| {
        Problem::new(Kind::Stopping, "the server stopped before it was done", "try again later")
    })??;
    let mut response = Body::from(rendered.body).into_response();
    let kind = HeaderValue::from_static(rendered.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
