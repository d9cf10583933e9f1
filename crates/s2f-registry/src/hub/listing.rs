//! What the hub lists of a model: its commit, whether it is private, and its files with sizes and
//! hashes.

use serde::Deserialize;

use super::name::is_commit;
use super::{Hub, HubError, HubName, repository};
use crate::{FileHash, RemoteFile};

/// A revision of a repository of the hub.
pub(crate) struct Listing {
    pub(crate) commit: String,
    pub(crate) is_private: bool,
    /// Those that are used, in the order of [`repository::names`].
    pub(crate) files: Vec<RemoteFile>,
}

/// The part of the hub's answer that is read.
#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

/// A file that is stored apart from the repository.
#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Hub {
    /// What the hub lists of a model.
    pub(crate) fn listing(&self, name: &HubName) -> Result<Listing, HubError> {
        let revision = quoted(name.revision());
        let url = format!("{}/revision/{revision}?blobs=true", self.model_url(name));
        let Answer { sha: commit, private: is_private, siblings } = self.get(&url)?;
        let unusable = |reason: String| HubError::Answer { url: url.clone(), reason };
        if !is_commit(&commit) {
            return Err(unusable(format!("{commit:?} is no commit")));
        }
        if name.commit().is_some_and(|wanted| wanted != commit) {
            return Err(unusable(format!("it is about the commit {commit}")));
        }
        let mut files = Vec::new();
        for used in repository::names() {
            let mut found = siblings.iter().filter(|sibling| sibling.rfilename == used);
            let Some(sibling) = found.next() else { continue };
            if found.next().is_some() {
                return Err(unusable(format!("{used} is listed twice")));
            }
            let (bytes, hash) =
                sibling.size_and_hash().map_err(|reason| unusable(format!("{used}: {reason}")))?;
            let limit = repository::max_bytes(used).unwrap_or_default();
            if bytes > limit {
                let (name, file) = (name.to_string(), used.to_owned());
                return Err(HubError::TooBig { name, file, bytes, limit });
            }
            let url = format!("{}/{}/resolve/{commit}/{used}", self.endpoint(), name.repository());
            files.push(RemoteFile { name: used.to_owned(), bytes, hash, url });
        }
        if let Some(strange) =
            siblings.iter().find(|sibling| !repository::is_path(&sibling.rfilename))
        {
            return Err(unusable(format!("a file is called {:?}", strange.rfilename)));
        }
        Ok(Listing { commit, is_private, files })
    }

    /// The address of a model in the interface.
    pub(crate) fn model_url(&self, name: &HubName) -> String {
        format!("{}/api/models/{}", self.endpoint(), name.repository())
    }
}

impl Sibling {
    fn size_and_hash(&self) -> Result<(u64, FileHash), &'static str> {
        let (bytes, hash) = match (&self.lfs, self.size, &self.blob_id) {
            (Some(Lfs { size, .. }), Some(other), _) if *size != other => {
                return Err("it has two sizes");
            }
            (Some(Lfs { sha256, size }), ..) => (*size, FileHash::Sha256(sha256.clone())),
            (None, Some(size), Some(blob)) => (size, FileHash::GitBlob(blob.clone())),
            (None, ..) => return Err("its size and hash are missing"),
        };
        if hash.is_valid() { Ok((bytes, hash)) } else { Err("its hash is none") }
    }
}

impl Listing {
    /// Checks that it has the files that every model has.
    pub(crate) fn check_model(&self, name: &HubName) -> Result<(), HubError> {
        let is_missing = |required: &&str| !self.files.iter().any(|file| file.name == *required);
        match repository::REQUIRED.into_iter().find(is_missing) {
            Some(missing) => Err(HubError::NotAModel { name: name.to_string(), missing }),
            None => Ok(()),
        }
    }
}

/// A revision as one part of an address. Its other characters need no quoting.
pub(crate) fn quoted(revision: &str) -> String {
    revision.replace('/', "%2F")
}
