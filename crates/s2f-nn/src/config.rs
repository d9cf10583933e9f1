//! What is wrong with a network's configuration.

/// A configuration that no network can be built from; the text names network, setting and value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// `message` as an error unless `holds`.
pub(crate) fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError(message())) }
}
