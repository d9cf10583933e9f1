//! Where the hub is, and who asks: address and token, from the usual places of its users.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use s2f_core::read_text;

use super::HubError;
use crate::RetryPolicy;
use crate::client::is_local;
use crate::store::is_missing;

const ENDPOINT: &str = "https://huggingface.co";
const MAX_TOKEN_BYTES: u64 = 4096;

/// A Hugging Face hub, and the token that it knows the user by.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Without a slash at its end.
    endpoint: String,
    token: Option<Token>,
    policy: RetryPolicy,
}

/// A secret, which no message shows.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Hub {
    /// The hub that the user's environment names: its address from `HF_ENDPOINT`, otherwise
    /// <https://huggingface.co>; the token from `HF_TOKEN` (`HUGGING_FACE_HUB_TOKEN`), otherwise
    /// from the file `HF_TOKEN_PATH`, `$HF_HOME/token`, or `huggingface/token` in the user's cache
    /// folder, where `hf auth login` stores it. No token is fine for public models.
    ///
    /// # Errors
    /// [`HubError::Setting`], also if `HF_HUB_OFFLINE` is set.
    pub fn from_environment() -> Result<Self, HubError> {
        if text("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)) {
            return Err(HubError::Setting {
                variable: "HF_HUB_OFFLINE",
                reason: "it is set, and the hub cannot be asked".to_owned(),
                hint: "unset it; models in the cache can be used without the hub",
            });
        }
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let token = match text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")) {
            Some(token) => Some(token),
            None => stored_token()?,
        };
        Self::new(&endpoint, token.as_deref())
    }

    /// The hub at an address, with a token if one is needed.
    ///
    /// # Errors
    /// [`HubError::Setting`] for an address or a token that cannot be one, and for a token that
    /// would cross the network without encryption.
    pub fn new(endpoint: &str, token: Option<&str>) -> Result<Self, HubError> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let setting = |variable, reason: &str, hint| {
            Err(HubError::Setting { variable, reason: reason.to_owned(), hint })
        };
        let is_http = endpoint.starts_with("http://");
        if !is_http && !endpoint.starts_with("https://") {
            let reason = format!("{endpoint} is no address");
            return setting("HF_ENDPOINT", &reason, "begin it with https://, or unset it");
        }
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            let hint = "copy it again from the settings of your account on the hub";
            return setting("HF_TOKEN", "a token has only letters, digits and signs", hint);
        }
        if token.is_some() && is_http && !is_local(&endpoint) {
            let hint = "use an address with https://, or no token";
            return setting("HF_ENDPOINT", "a token needs an encrypted connection", hint);
        }
        let token = token.map(|token| Token(token.to_owned()));
        Ok(Self { endpoint, token, policy: RetryPolicy::default() })
    }

    /// The same hub with other timeouts and retries.
    #[must_use]
    pub fn with_retry_policy(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Its address, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether the user has a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(crate) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// The value of the header `Authorization` for a request to `url`: none for another server.
    pub(crate) fn authorization(&self, url: &str) -> Option<String> {
        let rest = url.strip_prefix(&self.endpoint)?;
        let is_own = rest.is_empty() || rest.starts_with(['/', '?']);
        let token = self.token.as_ref().filter(|_| is_own)?;
        Some(format!("Bearer {}", token.0))
    }
}

/// A variable that is set and not empty.
fn text(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// The token that `hf auth login` stored.
fn stored_token() -> Result<Option<String>, HubError> {
    let Some(path) = token_path() else { return Ok(None) };
    match read_text(&path, MAX_TOKEN_BYTES) {
        Err(error) if is_missing(&error.source) => Ok(None),
        token => Ok(Some(token?)),
    }
}

fn token_path() -> Option<PathBuf> {
    if let Some(path) = text("HF_TOKEN_PATH") {
        return Some(in_home(&path));
    }
    let home = match text("HF_HOME") {
        Some(home) => in_home(&home),
        // On every system, where `hf auth login` stores it.
        None => etcetera::base_strategy::Xdg::new().ok()?.cache_dir().join("huggingface"),
    };
    Some(home.join("token"))
}

/// A path, in which `~` is the user's home.
fn in_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test panics")]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_hub_alone() {
        let hub = Hub::new("https://hub.example/", Some(" hf_secret\n")).unwrap();
        assert_eq!(hub.endpoint(), "https://hub.example");
        for own in ["https://hub.example/api/models/a/b", "https://hub.example?x"] {
            assert_eq!(hub.authorization(own).unwrap(), "Bearer hf_secret", "{own}");
        }
        for other in [
            "https://hub.example.org/api",
            "https://hub.example@evil.example/api",
            "https://hub.example:8443/api",
            "http://hub.example/api",
            "https://evil.example/https://hub.example/",
        ] {
            assert_eq!(hub.authorization(other), None, "{other}");
        }
        assert!(!format!("{hub:?}").contains("secret"), "{hub:?}");
        assert_eq!(Hub::new("https://h", None).unwrap().authorization("https://h/a"), None);
    }

    #[test]
    fn unusable_settings_are_refused() {
        let message =
            |endpoint, token| Hub::new(endpoint, token).map(drop).unwrap_err().to_string();
        assert!(message("hub.example", None).starts_with("HF_ENDPOINT cannot be used ("));
        assert!(message("https://h", Some("a b")).starts_with("HF_TOKEN cannot be used ("));
        assert!(message("https://h", Some("a\r\nX: b")).starts_with("HF_TOKEN"));
        let open = message("http://hub.example", Some("t"));
        assert!(open.contains("a token needs an encrypted connection"), "{open}");
        for local in ["http://127.0.0.1:1234", "http://localhost:1"] {
            assert!(Hub::new(local, Some("t")).unwrap().has_token());
        }
        assert!(!Hub::new("http://hub.example", Some("  ")).unwrap().has_token());
    }

    #[test]
    fn offline_is_said_in_several_ways() {
        for (value, expected) in [("1", true), ("ON", true), ("True", true), ("0", false)] {
            assert_eq!(is_true(value), expected, "{value}");
        }
    }
}
