//! The HTTP client: its timeouts, its proxy, and what a redirect may do.

use std::io::ErrorKind;
use std::net::IpAddr;

use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderName, Response, Uri};
use ureq::{Agent, Body, Error, Proxy};

use crate::RetryPolicy;

const USER_AGENT: &str = concat!("speech2face/", env!("CARGO_PKG_VERSION"));

/// A client for requests to `url`.
pub(crate) fn agent(url: &str, policy: RetryPolicy) -> Agent {
    Agent::config_builder()
        .user_agent(USER_AGENT)
        .http_status_as_error(false)
        // An encrypted request stays encrypted across redirects.
        .https_only(url.starts_with("https://"))
        // A token is not for the host that a file is stored on.
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        // A proxy cannot reach this computer's loopback address.
        .proxy(if is_local(url) { None } else { Proxy::try_from_env() })
        .timeout_resolve(Some(policy.connect_timeout))
        .timeout_connect(Some(policy.connect_timeout))
        .timeout_per_read(Some(policy.read_timeout))
        .timeout_per_write(Some(policy.read_timeout))
        .timeout_global(Some(policy.response_timeout))
        .build()
        .new_agent()
}

/// Whether an address is on this computer.
pub(crate) fn is_local(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

pub(crate) fn header_text(response: &Response<Body>, header: HeaderName) -> Option<&str> {
    response.headers().get(header)?.to_str().ok()
}

/// Whether the same request may succeed later.
pub(crate) fn is_temporary(error: &Error) -> bool {
    match error {
        // An untrusted certificate is reported as invalid data.
        Error::Io(error) => error.kind() != ErrorKind::InvalidData,
        Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_) => true,
        _ => false,
    }
}

/// Whether a server that answers with this status may answer with another one later.
pub(crate) fn is_temporary_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_bypass_the_proxy() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "[::2]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn https_requests_stay_https() {
        let is_https_only = |url: &str| agent(url, RetryPolicy::default()).config().https_only();
        assert!(is_https_only("https://example.org/a"));
        assert!(!is_https_only("http://127.0.0.1/a"));
    }
}
