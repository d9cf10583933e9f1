//! What a server can be told: where it listens, who may ask, and its limits.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use speech2face::audio::Limits;
use subtle::ConstantTimeEq;

use crate::tls::TlsFiles;

/// How a server listens and what it allows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 chooses a free one.
    pub listen: SocketAddr,
    /// Who may use it.
    pub access: Access,
    /// Names by which browsers may reach the server, besides `localhost` and IP addresses: that of
    /// a proxy in front of it.
    pub hosts: Vec<String>,
    /// Number of threads that compute.
    pub jobs: usize,
    /// Number of recordings that may wait; more are refused with status 429.
    pub queue: usize,
    /// Maximum size of a recording in bytes, and its maximum length in seconds.
    pub limits: Limits,
    /// Maximum time from a complete request to its response.
    pub timeout: Duration,
    /// Maximum time for the header of a request, for the gap between two requests, and for each
    /// part of a body.
    pub read_timeout: Duration,
    /// Maximum time until a client has read more of a response.
    pub write_timeout: Duration,
    /// Requests per minute that an address may make; 0 for any number.
    pub rate_per_minute: u32,
    /// Number of live sessions at the same time.
    pub live_sessions: usize,
    /// Certificate and key, for https.
    pub tls: Option<TlsFiles>,
    /// Whether ffmpeg, confined, decodes formats that this program cannot.
    pub allow_ffmpeg: bool,
    /// Where recordings and results are stored, for studies; nowhere if there is none.
    pub keep: Option<PathBuf>,
}

impl Default for Settings {
    /// Port 7860 of this machine only; recordings up to 32 MiB and 10 minutes.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7860),
            access: Access::Local,
            hosts: Vec::new(),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 64,
            limits: Limits { max_bytes: 32 << 20, max_seconds: 600.0 },
            timeout: Duration::from_secs(60),
            read_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(15),
            rate_per_minute: 600,
            live_sessions: 128,
            tls: None,
            allow_ffmpeg: false,
            keep: None,
        }
    }
}

/// Who may use a server.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody on this computer; a server that others can reach refuses to start.
    Local,
    /// Everybody who can reach it.
    Everybody,
    /// Those who send this token.
    Token(Token),
}

/// A secret that clients send as `Authorization: Bearer TOKEN`.
#[derive(Clone)]
pub struct Token(String);

/// A token without characters, or with others than visible ASCII.
#[derive(Debug, thiserror::Error)]
#[error(
    "the token is empty or has other characters than letters, digits and punctuation; hint: make \
     one with openssl rand -hex 24"
)]
pub struct EmptyToken;

impl Token {
    /// The token in `text`, without the white space around it.
    ///
    /// # Errors
    /// [`EmptyToken`] if nothing is left, or it cannot be sent in a header.
    pub fn new(text: &str) -> Result<Self, EmptyToken> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EmptyToken);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a client sent this token, in a time that does not depend on where they differ.
    pub fn matches(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_only_and_is_not_shown() {
        let token = Token::new(" secret\n").unwrap();
        assert!(token.matches("secret"));
        for other in ["", "secre", "secret ", "Secret", "secretsecret"] {
            assert!(!token.matches(other), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
        for bad in ["", " \n", "two words", "schlüssel"] {
            assert!(Token::new(bad).is_err(), "{bad}");
        }
    }
}
