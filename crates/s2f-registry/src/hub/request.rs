//! Requests of the hub's interface: JSON in both directions, of bounded size.

use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ureq::{Agent, Body, Error};

use super::{Hub, HubError};
use crate::client::{agent, is_temporary, is_temporary_status};

/// An answer has a few hundred bytes for each file of a repository.
const MAX_ANSWER_BYTES: u64 = 8 << 20;
/// What the hub says about an error.
const MAX_MESSAGE_BYTES: u64 = 64 << 10;
const MAX_MESSAGE_CHARS: usize = 300;
/// Time for an answer of the interface, which sends no large files.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const JSON: &str = "application/json";
pub(crate) const LINES: &str = "application/x-ndjson";
pub(crate) const LFS: &str = "application/vnd.git-lfs+json";

impl Hub {
    /// The answer to a GET request; redirects are followed, with the token only on the same host.
    pub(crate) fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, HubError> {
        let agent = self.agent(url);
        let response = self.retrying(url, || {
            let mut request = agent.get(url).header(ACCEPT, JSON);
            if let Some(value) = self.authorization(url) {
                request = request.header(AUTHORIZATION, value);
            }
            request.call()
        })?;
        answer(url, response)
    }

    /// The answer to a POST request with a body in JSON, which can be repeated without harm.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        media_type: &str,
        body: &impl Serialize,
    ) -> Result<T, HubError> {
        let body = bytes(url, body)?;
        let response = self.retrying(url, || self.send(url, media_type, &body))?;
        answer(url, response)
    }

    /// As [`Hub::post`], but the answer does not matter.
    pub(crate) fn notify(
        &self,
        url: &str,
        media_type: &str,
        body: &impl Serialize,
    ) -> Result<(), HubError> {
        let body = bytes(url, body)?;
        let response = self.retrying(url, || self.send(url, media_type, &body))?;
        successful(url, response).map(drop)
    }

    /// The answer to a POST request that is sent once: repeated, it could be done twice.
    pub(crate) fn post_once<T: DeserializeOwned>(
        &self,
        url: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<T, HubError> {
        let response =
            self.send(url, media_type, body).map_err(|error| unreachable(url, &error))?;
        answer(url, response)
    }

    /// Sends a request again as long as its failure may pass.
    pub(crate) fn retrying(
        &self,
        url: &str,
        mut send: impl FnMut() -> Result<Response<Body>, Error>,
    ) -> Result<Response<Body>, HubError> {
        let mut delay = self.policy().first_delay;
        for _ in 1..self.policy().attempts {
            match send() {
                Err(error) if is_temporary(&error) => {}
                Ok(response) if is_temporary_status(response.status().as_u16()) => {}
                result => return result.map_err(|error| unreachable(url, &error)),
            }
            thread::sleep(delay);
            delay *= 2;
        }
        send().map_err(|error| unreachable(url, &error))
    }

    /// A POST request. It follows no redirect: it would become a GET request, or its body would go
    /// to another server.
    fn send(&self, url: &str, media_type: &str, body: &[u8]) -> Result<Response<Body>, Error> {
        let mut request = self.agent(url).post(url);
        request = request.header(CONTENT_TYPE, media_type);
        request = request.header(ACCEPT, if media_type == LFS { LFS } else { JSON });
        if let Some(value) = self.authorization(url) {
            request = request.header(AUTHORIZATION, value);
        }
        request.config().max_redirects(0).build().send(body)
    }

    fn agent(&self, url: &str) -> Agent {
        let mut policy = self.policy();
        policy.response_timeout = policy.response_timeout.min(ANSWER_TIMEOUT);
        agent(url, policy)
    }
}

/// The response, if its status is success; otherwise the error that the hub describes.
pub(crate) fn successful(
    url: &str,
    mut response: Response<Body>,
) -> Result<Response<Body>, HubError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_MESSAGE_BYTES).read_to_vec();
    let message = message(&body.unwrap_or_default());
    Err(HubError::Status { url: url.to_owned(), status, message })
}

fn answer<T: DeserializeOwned>(url: &str, response: Response<Body>) -> Result<T, HubError> {
    let unusable = |reason: String| HubError::Answer { url: url.to_owned(), reason };
    let mut response = successful(url, response)?;
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
    let body = body.map_err(|error| unusable(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| unusable(error.to_string()))
}

/// The text of an error of the hub: `error` in an object, shortened.
fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Description {
        #[serde(alias = "message")]
        error: String,
    }
    let described = serde_json::from_slice::<Description>(body);
    // A hint in it would be taken for one of this program.
    let text = described.map(|it| it.error.replace("; hint:", "; hint")).unwrap_or_default();
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

fn bytes(url: &str, body: &impl Serialize) -> Result<Vec<u8>, HubError> {
    serde_json::to_vec(body)
        .map_err(|error| HubError::Answer { url: url.to_owned(), reason: error.to_string() })
}

pub(crate) fn unreachable(url: &str, error: &Error) -> HubError {
    HubError::Unreachable { url: url.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_describes_an_error() {
        assert_eq!(message(br#"{"error":"Repository not found"}"#), "Repository not found");
        assert_eq!(message(br#"{"message":"no access"}"#), "no access");
        for other in [&b""[..], b"<html>", b"[]", br#"{"error":{"a":1}}"#] {
            assert_eq!(message(other), "");
        }
        let long = format!(r#"{{"error":"{}"}}"#, "a".repeat(1000));
        assert_eq!(message(long.as_bytes()).len(), MAX_MESSAGE_CHARS);
        assert_eq!(message(br#"{"error":"a; hint: b"}"#), "a; hint b");
    }
}
