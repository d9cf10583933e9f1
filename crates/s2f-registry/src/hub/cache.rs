//! Models that were pulled from the hub, in the folder of networks:
//!
//! ```text
//! hf.co/OWNER/NAME/revisions.json    which commit each branch or tag was when it was pulled
//! hf.co/OWNER/NAME/COMMIT.json       the files of a commit; written when all are there
//! hf.co/OWNER/NAME/COMMIT/           a model folder
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::{AtomicFile, FileError, FileLock, read_text};
use serde::{Deserialize, Serialize};

use super::name::is_commit;
use super::{HubError, HubName, repository};
use crate::store::{is_missing, lock, models_folder, remove_folder};
use crate::verify::{Comparison, compare};
use crate::{FileHash, RegistryError, RemoteFile};

/// The folder of the cache; no registered network has a dot in its name.
const FOLDER: &str = "hf.co";
const REVISIONS: &str = "revisions.json";
const MAX_TABLE_BYTES: u64 = 1 << 20;

/// The models that were pulled from the hub.
#[derive(Debug, Clone)]
pub struct HubCache {
    folder: PathBuf,
}

/// A model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledModel {
    /// Its repository, and the revision by which it was found or listed.
    pub name: HubName,
    /// The commit.
    pub commit: String,
    /// Its model folder.
    pub folder: PathBuf,
    /// The size of its files.
    pub bytes: u64,
}

/// The files of a commit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    files: Vec<ManifestFile>,
}

/// A file of a commit, with one of the two hashes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git_blob: Option<String>,
}

impl HubCache {
    /// The user's cache, in the folder of [`Store::from_environment`](crate::Store).
    ///
    /// # Errors
    /// [`RegistryError::NoFolder`] if no data folder is known.
    pub fn from_environment() -> Result<Self, RegistryError> {
        Ok(Self::in_folder(models_folder()?))
    }

    /// The cache in a folder of networks, which is created when the first model is pulled.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into().join(FOLDER) }
    }

    /// The model of this name, after the size and the hash of each file were compared with the
    /// published ones. Does not open the network.
    ///
    /// # Errors
    /// [`HubError::NotPulled`], [`HubError::Damaged`], or the operating system's.
    pub fn find(&self, name: &HubName) -> Result<PulledModel, HubError> {
        let commit = match name.commit() {
            Some(commit) => Some(commit.to_owned()),
            None => self.revisions(name)?.remove(name.revision()),
        };
        match commit {
            Some(commit) => self.verified(name, &commit)?.ok_or_else(|| self.not_pulled(name)),
            None => Err(self.not_pulled(name)),
        }
    }

    /// All models, by name: one for each revision, and one for each commit that no revision has.
    /// Their files are not verified.
    ///
    /// # Errors
    /// The operating system's.
    pub fn list(&self) -> Result<Vec<PulledModel>, HubError> {
        let mut models = Vec::new();
        for owner in folders(&self.folder)? {
            for name in folders(&self.folder.join(&owner))? {
                // Anything else was not written by this program.
                if let Ok(name) = format!("hf:{owner}/{name}").parse::<HubName>() {
                    models.extend(self.of_repository(&name)?);
                }
            }
        }
        models.sort_by_key(|model| model.name.to_string());
        Ok(models)
    }

    /// Removes a model, or all revisions of a repository if the name has none; also what an
    /// interrupted pull left. Returns whether there was anything.
    ///
    /// # Errors
    /// The operating system's, also for a folder that holds other files: these stay.
    pub fn remove(&self, name: &HubName) -> Result<bool, HubError> {
        let folder = self.repository(name);
        if !folder.is_dir() {
            return Ok(false);
        }
        let _lock = self.lock(&mut || {})?;
        let mut revisions = self.revisions(name)?;
        let before = revisions.len();
        let commits: Vec<String> = match name.named_revision() {
            None => {
                revisions.clear();
                folders(&folder)?.into_iter().filter(|name| is_commit(name)).collect()
            }
            Some(revision) => {
                let commit = name.commit().map(str::to_owned).or(revisions.remove(revision));
                let commit = commit.filter(|commit| {
                    name.commit().is_some() || !revisions.values().any(|other| other == commit)
                });
                revisions.retain(|_, other| Some(&*other) != commit.as_ref());
                commit.into_iter().collect()
            }
        };
        let mut found = revisions.len() != before;
        for commit in commits {
            let model = folder.join(&commit);
            let manifest = folder.join(format!("{commit}.json"));
            found |= remove_file(&manifest)?;
            if model.is_dir() {
                remove_folder(&model, repository::names())?;
                found = true;
            }
        }
        self.write_revisions(name, &revisions)?;
        // The folders of the repository and of its owner go with their last model.
        if fs::remove_dir(&folder).is_ok() {
            fs::remove_dir(folder.parent().unwrap_or(&folder)).ok();
        }
        Ok(found)
    }

    /// The folder of a commit of a repository.
    pub(crate) fn model_folder(&self, name: &HubName, commit: &str) -> PathBuf {
        self.repository(name).join(commit)
    }

    /// One process at a time changes the cache.
    pub(crate) fn lock(&self, on_wait: &mut dyn FnMut()) -> Result<FileLock, HubError> {
        create_folder(&self.folder)?;
        Ok(lock(&self.folder, on_wait)?)
    }

    /// Records the files of a commit, all of which are in its folder, and that it is this
    /// revision.
    #[cfg(feature = "download")]
    pub(crate) fn record(
        &self,
        name: &HubName,
        commit: &str,
        files: &[RemoteFile],
    ) -> Result<(), HubError> {
        let files = files.iter().map(|file| {
            let (mut sha256, mut git_blob) = (None, None);
            match &file.hash {
                FileHash::Sha256(digits) => sha256 = Some(digits.clone()),
                FileHash::GitBlob(digits) => git_blob = Some(digits.clone()),
            }
            ManifestFile { name: file.name.clone(), bytes: file.bytes, sha256, git_blob }
        });
        let manifest = Manifest { files: files.collect() };
        let path = self.repository(name).join(format!("{commit}.json"));
        AtomicFile::write(&path, &json(&manifest, &path)?)?;
        self.record_revision(name, commit)
    }

    /// Records that a revision is this commit.
    #[cfg(feature = "download")]
    pub(crate) fn record_revision(&self, name: &HubName, commit: &str) -> Result<(), HubError> {
        if name.commit().is_some() {
            return Ok(());
        }
        let mut revisions = self.revisions(name)?;
        revisions.insert(name.revision().to_owned(), commit.to_owned());
        self.write_revisions(name, &revisions)
    }

    /// The model of a commit after its files were verified; `None` if it was not pulled.
    pub(crate) fn verified(
        &self,
        name: &HubName,
        commit: &str,
    ) -> Result<Option<PulledModel>, HubError> {
        let Some(files) = self.manifest(name, commit)? else { return Ok(None) };
        let folder = self.model_folder(name, commit);
        for file in &files {
            let path = folder.join(&file.name);
            let damaged = |reason: String| {
                Err(HubError::Damaged { name: name.to_string(), path: path.clone(), reason })
            };
            match path.symlink_metadata() {
                Ok(metadata) if !metadata.is_file() => {
                    return damaged("is not a regular file".to_owned());
                }
                Err(error) if is_missing(&error) => return damaged("is missing".to_owned()),
                _ => {}
            }
            match compare(&path, file).map_err(FileError::at("read", &path))? {
                Comparison::Equal => {}
                other => return damaged(other.reason(file)),
            }
        }
        Ok(Some(self.model(name, commit, &files)))
    }

    fn model(&self, name: &HubName, commit: &str, files: &[RemoteFile]) -> PulledModel {
        PulledModel {
            name: name.clone(),
            commit: commit.to_owned(),
            folder: self.model_folder(name, commit),
            bytes: files.iter().map(|file| file.bytes).sum(),
        }
    }

    fn of_repository(&self, name: &HubName) -> Result<Vec<PulledModel>, HubError> {
        let revisions = self.revisions(name)?;
        let mut models = Vec::new();
        for commit in folders(&self.repository(name))? {
            let Some(files) = self.manifest(name, &commit)? else { continue };
            let names = revisions.iter().filter(|(_, other)| **other == commit);
            let mut names: Vec<HubName> = names.map(|(revision, _)| name.at(revision)).collect();
            if names.is_empty() {
                names.push(name.at(&commit));
            }
            models.extend(names.iter().map(|name| self.model(name, &commit, &files)));
        }
        Ok(models)
    }

    fn not_pulled(&self, name: &HubName) -> HubError {
        let pulled = self.of_repository(&name.at(name.revision())).unwrap_or_default();
        let mut pulled: Vec<String> = pulled.iter().map(|model| model.name.to_string()).collect();
        pulled.sort();
        HubError::NotPulled { name: name.to_string(), pulled }
    }

    fn repository(&self, name: &HubName) -> PathBuf {
        self.folder.join(name.owner()).join(name.short_name())
    }

    /// The files of a commit, checked as if a stranger had written the list.
    fn manifest(&self, name: &HubName, commit: &str) -> Result<Option<Vec<RemoteFile>>, HubError> {
        if !is_commit(commit) {
            return Ok(None);
        }
        let path = self.repository(name).join(format!("{commit}.json"));
        let Some(manifest) = read_json::<Manifest>(&path)? else { return Ok(None) };
        let mut files = Vec::new();
        for ManifestFile { name, bytes, sha256, git_blob } in manifest.files {
            let hash = match (sha256, git_blob) {
                (Some(digits), None) => Some(FileHash::Sha256(digits)),
                (None, Some(digits)) => Some(FileHash::GitBlob(digits)),
                _ => None,
            };
            let hash = hash.filter(FileHash::is_valid);
            let fits = repository::max_bytes(&name).is_some_and(|limit| bytes <= limit);
            let hash = hash.filter(|_| fits).ok_or_else(|| unusable(&path))?;
            files.push(RemoteFile { name, bytes, hash, url: String::new() });
        }
        Ok(Some(files))
    }

    fn revisions(&self, name: &HubName) -> Result<BTreeMap<String, String>, HubError> {
        Ok(read_json(&self.repository(name).join(REVISIONS))?.unwrap_or_default())
    }

    fn write_revisions(
        &self,
        name: &HubName,
        revisions: &BTreeMap<String, String>,
    ) -> Result<(), HubError> {
        let path = self.repository(name).join(REVISIONS);
        if revisions.is_empty() {
            remove_file(&path)?;
            return Ok(());
        }
        Ok(AtomicFile::write(&path, &json(revisions, &path)?)?)
    }
}

pub(crate) fn create_folder(folder: &Path) -> Result<(), HubError> {
    Ok(fs::create_dir_all(folder).map_err(RegistryError::io("create the folder", folder))?)
}

/// The names of the folders in a folder; none if it does not exist.
fn folders(folder: &Path) -> Result<Vec<String>, HubError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        entries => entries.map_err(FileError::at("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes a file; returns whether it was there.
fn remove_file(path: &Path) -> Result<bool, HubError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(FileError::at("remove", path)(error).into()),
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, HubError> {
    let text = match read_text(path, MAX_TABLE_BYTES) {
        Err(FileError { source, .. }) if is_missing(&source) => return Ok(None),
        text => text?,
    };
    serde_json::from_str(&text).map(Some).map_err(|_| unusable(path))
}

fn json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, HubError> {
    serde_json::to_vec_pretty(value).map_err(|_| unusable(path))
}

fn unusable(path: &Path) -> HubError {
    let reason = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not a list of files");
    FileError::at("use", path)(reason).into()
}
