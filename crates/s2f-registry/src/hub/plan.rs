//! What a push would send, for the user to agree to.

use std::path::{Path, PathBuf};

use s2f_core::FileError;
use s2f_core::hash::sha256_file;

use super::{Hub, HubError, HubName, repository};
use crate::verify::open_regular_file;

/// What a push would send, and to where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushPlan {
    /// The repository and the branch.
    pub name: HubName,
    /// The repository on the hub.
    pub target: Target,
    /// The files, each of which replaces one of its name.
    pub files: Vec<PushFile>,
}

/// The repository that a push would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// It does not exist yet.
    New {
        /// Whether only its owner will see it.
        is_private: bool,
    },
    /// It exists.
    Existing {
        /// Whether only its owner sees it.
        is_private: bool,
        /// Its newest commit, on which the new one is based.
        commit: String,
    },
}

/// A file that a push would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushFile {
    /// Its name in the repository.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl PushPlan {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether everybody can read what is pushed.
    pub fn is_public(&self) -> bool {
        match self.target {
            Target::New { is_private } | Target::Existing { is_private, .. } => !is_private,
        }
    }
}

impl Hub {
    /// What [`Hub::push`] would send of a model folder: the files that [`Hub::pull`] fetches. Asks
    /// the hub about the repository, and changes nothing there. A repository that does not exist
    /// would be created, private if `is_private`.
    ///
    /// # Errors
    /// [`HubError::NoToken`], [`HubError::PushToCommit`], [`HubError::NotAModel`],
    /// [`HubError::TooBig`], or the error of the hub or of the system.
    pub fn plan_push(
        &self,
        folder: &Path,
        name: &HubName,
        is_private: bool,
    ) -> Result<PushPlan, HubError> {
        if !self.has_token() {
            return Err(HubError::NoToken);
        }
        if name.commit().is_some() {
            return Err(HubError::PushToCommit { name: name.to_string() });
        }
        let files = files(folder)?;
        let target = match self.listing(name) {
            Ok(listing) => {
                Target::Existing { is_private: listing.is_private, commit: listing.commit }
            }
            // The same status for a branch that does not exist in a repository that does.
            Err(HubError::Status { status: 404, .. }) if name.named_revision().is_none() => {
                Target::New { is_private }
            }
            Err(error) => return Err(error),
        };
        Ok(PushPlan { name: name.clone(), target, files })
    }
}

/// The files of a model folder.
fn files(folder: &Path) -> Result<Vec<PushFile>, HubError> {
    let mut files = Vec::new();
    for name in repository::names() {
        let path = folder.join(name);
        if !path.exists() {
            if let Some(missing) = repository::REQUIRED.into_iter().find(|it| *it == name) {
                return Err(HubError::NotAModel { name: folder.display().to_string(), missing });
            }
            continue;
        }
        let open = open_regular_file(&path).and_then(|file| file.metadata());
        let bytes = open.map_err(FileError::at("read", &path))?.len();
        let limit = repository::max_bytes(name).unwrap_or_default();
        if bytes > limit {
            let (name, file) = (folder.display().to_string(), name.to_owned());
            return Err(HubError::TooBig { name, file, bytes, limit });
        }
        let sha256 = sha256_file(&path)?;
        files.push(PushFile { name: name.to_owned(), path, bytes, sha256 });
    }
    Ok(files)
}
