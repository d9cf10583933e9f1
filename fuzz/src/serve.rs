//! Targets of the web service: forms, live sessions, whole connections.

use std::sync::{Arc, LazyLock};

use s2f_serve::fuzzing::Offline;
use serde_json::Value;
use speech2face::Speech2Face;
use speech2face::burn::tensor::Device;

/// Fewer samples than the first estimate of a live session needs: drawing faces takes long.
const MAX_LIVE: usize = 30_000;
/// What a browser sends to open a live session.
const HANDSHAKE: &[u8] = b"GET /v1/live HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n\
    connection: upgrade\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-protocol: speech2face.v1\r\n\r\n";

static SERVER: LazyLock<Option<Offline>> = LazyLock::new(|| {
    let model = Speech2Face::shipped(&Device::flex()).ok()?;
    Offline::start(Arc::new(model)).ok()
});

fn server() -> &'static Offline {
    let server = SERVER.as_ref();
    assert!(server.is_some(), "the server does not start");
    server.unwrap_or_else(|| unreachable!())
}

/// A form: its content type up to a line feed, then its body.
///
/// # Panics
/// If a recording is larger than the form.
pub fn serve_form(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let body = bytes.get(end + 1..).unwrap_or_default();
    if let Some(length) = server().form(&bytes[..end], body) {
        assert!(length <= body.len(), "a recording of {length} in {} bytes", body.len());
    }
}

/// A live session: what a client sends after its handshake.
///
/// # Panics
/// If the session does not end, or the handshake fails.
pub fn serve_live(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MAX_LIVE)];
    let sent = server().connection(&[HANDSHAKE, bytes].concat());
    assert!(sent.is_some(), "the session does not end");
    let sent = sent.unwrap_or_default();
    assert!(sent.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&sent));
}

/// A connection: what a client sends.
///
/// # Panics
/// If the connection does not end, the server made a mistake (status 500), or a problem is not as
/// its standard says.
pub fn serve_request(bytes: &[u8]) {
    let sent = server().connection(bytes);
    assert!(sent.is_some(), "the connection does not end");
    let sent = sent.unwrap_or_default();
    let Some(end) = sent.windows(4).position(|four| four == b"\r\n\r\n") else {
        assert!(sent.is_empty(), "half a response");
        return;
    };
    let head = String::from_utf8_lossy(&sent[..end]).to_ascii_lowercase();
    let version = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "));
    let status = version.and_then(|rest| rest.get(..3)).unwrap_or_default();
    assert!(status.parse::<u16>().is_ok_and(|status| status != 500), "{head}");
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length = field("content-length:").and_then(|length| length.parse::<usize>().ok());
    let body = &sent[end + 4..];
    if field("content-type:") == Some("application/problem+json")
        && let Some(body) = length.and_then(|length| body.get(..length))
    {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        assert_eq!(problem["status"].to_string(), status, "{problem} for {head}");
        assert!(text("type").starts_with("/docs#") && !text("title").is_empty(), "{problem}");
        assert_eq!(Some(text("request")), field("x-request-id:"), "{problem}");
    }
}
