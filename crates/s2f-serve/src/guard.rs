//! Checks before a request is answered: host, origin, rate and token; and headers that protect
//! browsers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::event::Event;
use crate::problem::{Kind, Problem};
use crate::service::{Client, RequestId, Service};
use crate::settings::Access;

/// What the page may load, run and ask for: only what this server sends.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                      worker-src 'self' blob:; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// The subprotocol of live sessions; a second one carries the token, since a browser cannot send
/// headers with a WebSocket.
pub const SUBPROTOCOL: &str = "speech2face.v1";
const TOKEN_PREFIX: &str = "bearer.";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    ),
];

/// The outermost layer: gives the request an id, writes problems, adds headers, counts and logs.
pub async fn outermost(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let id = service.next_id();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_owned();
    let method = request.method().to_string();
    request.extensions_mut().insert(id.clone());
    let mut response = match check(&service, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.respond(&id.0),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.respond(&id.0);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let RequestId(id) = id;
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    let (status, time) = (response.status().as_u16(), start.elapsed());
    service.metrics.response(&route, status, time);
    (service.observer)(&Event::Request { id, method, route, status, time });
    response
}

/// Whether the request may be answered at all.
fn check(service: &Service, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let host = authority(headers, &header::HOST).unwrap_or_default();
    if !is_own_host(host, &service.settings.hosts) {
        return Err(Problem::new(
            Kind::Forbidden,
            "the request names another host than this server",
            "open it by its IP address, or start the server with --host NAME",
        ));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let of_page = origin.split_once("://").map_or("", |(_, authority)| authority);
        if without_default_port(of_page) != without_default_port(host) {
            return Err(Problem::new(
                Kind::Forbidden,
                "a page of another site sent the request",
                "only the server's own page may call it from a browser",
            ));
        }
    }
    let client = request.extensions().get::<Client>();
    if let Some(&Client(address)) = client
        && !service.rate.allows(address, Instant::now())
    {
        return Err(Problem::new(
            Kind::TooMany,
            "this address made too many requests",
            "try again in a second",
        ));
    }
    let path = request.uri().path();
    if (path.starts_with("/v1/") || path == "/metrics")
        && let Access::Token(token) = &service.settings.access
        && !bearer(headers).is_some_and(|sent| token.matches(sent))
    {
        return Err(Problem::new(
            Kind::Unauthorized,
            "the request has no valid token",
            "send the header Authorization: Bearer TOKEN",
        ));
    }
    Ok(())
}

fn authority<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether `host`, with or without port, is an IP address, `localhost` or one of `names`. A page of
/// another site that points its own name to this server (DNS rebinding) is refused.
fn is_own_host(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The ports 80 and 443 are not written in a browser's address, and a proxy may add them.
fn without_default_port(authority: &str) -> String {
    let bare = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443"));
    bare.unwrap_or(authority).to_ascii_lowercase()
}

/// The token of a request, from its header or a subprotocol.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_hosts_are_addresses_and_known_names() {
        let names = ["face.example.org".to_owned()];
        for host in [
            "127.0.0.1:7860",
            "localhost",
            "LocalHost:80",
            "[::1]:7860",
            "192.168.1.7:7860",
            "Face.Example.org",
        ] {
            assert!(is_own_host(host, &names), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil", "[evil]"] {
            assert!(!is_own_host(host, &names), "{host}");
        }
    }

    #[test]
    fn tokens_come_in_a_header_or_a_subprotocol() {
        let found = |name: HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(found(header::AUTHORIZATION, "Bearer abc").as_deref(), Some("abc"));
        assert_eq!(found(header::AUTHORIZATION, "bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(found(header::AUTHORIZATION, "Basic abc"), None);
        let protocols = "speech2face.v1, bearer.abc";
        assert_eq!(found(header::SEC_WEBSOCKET_PROTOCOL, protocols).as_deref(), Some("abc"));
        assert_eq!(found(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL), None);
    }

    #[test]
    fn default_ports_are_the_same_origin() {
        assert_eq!(without_default_port("A.org:443"), without_default_port("a.org"));
        assert_ne!(without_default_port("a.org:8443"), without_default_port("a.org"));
    }
}
