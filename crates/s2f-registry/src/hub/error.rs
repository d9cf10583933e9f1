//! Errors of the hub: names, the cache, pulling and pushing.

use std::path::PathBuf;

use s2f_core::{FileError, hint};
use thiserror::Error;

use crate::RegistryError;

/// An error of a model on the hub.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// A text is not the name of a model on the hub.
    #[error(
        "{name} is not a model on the hub ({reason}); hint: hf:OWNER/NAME or hf:OWNER/NAME@REV"
    )]
    InvalidName {
        /// The text.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A model is not in the cache.
    #[error("{name} has not been pulled; hint: {}", not_pulled_hint(name, pulled))]
    NotPulled {
        /// The model.
        name: String,
        /// The names under which its repository is in the cache.
        pulled: Vec<String>,
    },
    /// A file of a pulled model is missing or differs from the published one.
    #[error("{name} is damaged, {} {reason}; hint: speech2face model pull {name}", path.display())]
    Damaged {
        /// The model.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the environment cannot be used.
    #[error("{variable} cannot be used ({reason}); hint: {hint}")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The hub answers with a status other than success.
    #[error("{url} answers with status {status}{}; hint: {}", told(message), status_hint(*status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the hub says about it; may be empty.
        message: String,
    },
    /// The hub does not answer, or not with HTTP.
    #[error(
        "cannot reach {url} ({reason}); hint: check the connection, and HF_ENDPOINT if it is set"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// An answer is not what the interface of the hub prescribes.
    #[error(
        "{url} gives an answer that cannot be used ({reason}); hint: check that HF_ENDPOINT names \
         a Hugging Face hub"
    )]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of a model cannot be fetched.
    #[error("{}; hint: {}", hint::split(&source.to_string()).0, fetch_hint(source))]
    Fetch {
        /// Why not.
        source: RegistryError,
    },
    /// A repository is not that of a model of this program.
    #[error(
        "{name} has no {missing}; hint: models of speech2face have config.json and \
         model.safetensors; weights of other programs are read by `speech2face model import`"
    )]
    NotAModel {
        /// The model.
        name: String,
        /// The file that is missing.
        missing: &'static str,
    },
    /// A file is larger than any model's.
    #[error("{file} of {name} has {bytes} bytes, at most {limit} are read; hint: ask its authors")]
    TooBig {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },
    /// Pushing needs a token.
    #[error(
        "there is no token for the hub; hint: create one with write access in the settings of your \
         account on the hub, and set HF_TOKEN"
    )]
    NoToken,
    /// A revision that is a commit cannot be changed.
    #[error("{name} is a commit, which cannot be changed; hint: name a branch, or none for main")]
    PushToCommit {
        /// The model.
        name: String,
    },
    /// A repository was created, and it is not private as agreed.
    #[error(
        "the hub made {name} public, and nothing was uploaded; hint: make it private in its \
         settings on the hub, then push again"
    )]
    NotPrivate {
        /// The model.
        name: String,
    },
    /// A file cannot be pushed as the hub wants it.
    #[error("{file} was not pushed ({reason}); hint: {hint}")]
    Refused {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The operating system refuses something.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store of networks, in which the cache is, cannot be used.
    #[error(transparent)]
    Store(#[from] RegistryError),
}

fn not_pulled_hint(name: &str, pulled: &[String]) -> String {
    match pulled {
        [] => format!("speech2face model pull {name}"),
        pulled => format!("pulled are {}; or speech2face model pull {name}", pulled.join(", ")),
    }
}

fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        401 => "there is no such model, or it is private: set HF_TOKEN to a token that may read it",
        403 => "check on the hub that your token may do this, and that you accepted the terms",
        404 => "check the name and the revision; a private model needs a token in HF_TOKEN",
        409 | 412 => "somebody else changed it at the same time: run the same command again",
        300..=399 => "the model may have been renamed: look it up on the hub",
        500..600 | 408 | 429 => "try again later",
        _ => "check the name, and what the hub says about it",
    }
}

fn fetch_hint(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Status { status, .. } => status_hint(*status),
        RegistryError::Interrupted { .. } => "run the same command again to resume it",
        RegistryError::Unreachable { .. } => "check the connection, and HF_ENDPOINT if it is set",
        RegistryError::WrongSize { .. } | RegistryError::WrongHash { .. } => {
            "it is not the file that the hub lists; nothing was installed; try again later"
        }
        _ => "run the same command again",
    }
}
