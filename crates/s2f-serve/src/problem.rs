//! Errors as `application/problem+json` (RFC 9457): type, title, status, detail, hint, request.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use s2f_core::hint;
use serde::Serialize;
use speech2face::audio::{AudioError, Problem as AudioProblem};
use speech2face::{DecodeError, EncodingError};

/// Why a request was not answered.
#[derive(Debug, Clone)]
pub struct Problem {
    pub kind: Kind,
    /// What happened, lower case, without a full stop.
    pub detail: String,
    /// What the client can do.
    pub hint: String,
}

/// Kinds of problems: name in `type`, status and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    BadRecording,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    BodyTimeout,
    TooLarge,
    TooMany,
    Internal,
    Overloaded,
    TimedOut,
    Stopping,
}

impl Kind {
    /// The end of `type`, the status and the title.
    pub fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => {
                ("bad-request", StatusCode::BAD_REQUEST, "The request is not valid")
            }
            Self::BadRecording => {
                ("bad-recording", StatusCode::UNPROCESSABLE_ENTITY, "The recording cannot be used")
            }
            Self::Unauthorized => {
                ("unauthorized", StatusCode::UNAUTHORIZED, "The token is missing or wrong")
            }
            Self::Forbidden => {
                ("forbidden", StatusCode::FORBIDDEN, "The request comes from another site")
            }
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such page"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The route does not know this method",
            ),
            Self::NotAcceptable => (
                "not-acceptable",
                StatusCode::NOT_ACCEPTABLE,
                "The response cannot have the requested type",
            ),
            Self::BodyTimeout => {
                ("body-timeout", StatusCode::REQUEST_TIMEOUT, "The body arrived too slowly")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::TooMany => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            }
            Self::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The server made a mistake")
            }
            Self::Overloaded => {
                ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "The server has no memory left")
            }
            Self::TimedOut => {
                ("timed-out", StatusCode::SERVICE_UNAVAILABLE, "The result took too long")
            }
            Self::Stopping => {
                ("stopping", StatusCode::SERVICE_UNAVAILABLE, "The server is shutting down")
            }
        }
    }

    /// When the client may try again, if that helps.
    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooMany | Self::Overloaded => Some(Duration::from_secs(1)),
            Self::TimedOut | Self::Stopping => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

/// What is sent.
#[derive(Serialize)]
struct Body9457<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    hint: &'a str,
    request: &'a str,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), hint: hint.into() }
    }

    /// A problem with the message and hint of an error.
    pub fn from_error(kind: Kind, error: &(dyn Error + 'static)) -> Self {
        let message = error.to_string();
        let (detail, _) = hint::split(&message);
        Self::new(kind, detail, hint::of(error).unwrap_or_default())
    }

    /// The queue has no room.
    pub fn busy() -> Self {
        Self::new(Kind::TooMany, "all places in the queue are taken", "try again in a second")
    }

    /// The problem as JSON, with the id of its request.
    pub fn to_json(&self, request: &str) -> String {
        let (name, status, title) = self.kind.describe();
        let body = Body9457 {
            r#type: format!("/docs#{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            hint: &self.hint,
            request,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// The complete response.
    pub fn respond(&self, request: &str) -> Response {
        let (_, status, _) = self.kind.describe();
        let mut response = Response::new(Body::from(self.to_json(request)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.kind.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The outermost layer, which knows the id of the request, writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AudioError> for Problem {
    fn from(error: AudioError) -> Self {
        let kind = match error.problem {
            AudioProblem::TooBig { .. } => Kind::TooLarge,
            _ => Kind::BadRecording,
        };
        Self::from_error(kind, &error)
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::NotFinite { .. } | DecodeError::Device(_) => Kind::Internal,
            _ => Kind::BadRequest,
        };
        Self::from_error(kind, &error)
    }
}

impl From<EncodingError> for Problem {
    fn from(error: EncodingError) -> Self {
        Self::from_error(Kind::Internal, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_parts_of_the_standard() {
        let error = AudioError { file: None, problem: AudioProblem::EmptyFile };
        let problem = Problem::from(error);
        let json: serde_json::Value = serde_json::from_str(&problem.to_json("r1")).unwrap();
        assert_eq!(json["status"], 422);
        assert_eq!(json["type"], "/docs#bad-recording");
        assert_eq!(json["detail"], "the file is empty (0 bytes)");
        assert_eq!(json["hint"], "record it or download it again");
        assert_eq!(json["request"], "r1");
        let busy = Problem::busy().respond("r2");
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
    }
}
