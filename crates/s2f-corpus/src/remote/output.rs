//! A folder that stands for remote pairs while they are prepared or merged.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use s2f_core::{FileError, is_temporary};
use url::Url;

use super::lock;
use super::storage::Storage;
use crate::prepare::{JOB, PARTS, PartStore, SUMMARY, part_of};
use crate::{CorpusError, RemoteError};

/// The pairs, or the parts of them.
pub(super) struct Output {
    storage: Storage,
    folder: PathBuf,
    /// Names of the files in the storage.
    stored: Mutex<BTreeSet<String>>,
}

impl Output {
    /// Lists the files, and fetches what the preparation is for.
    pub(super) fn open(url: &Url, scratch: &Path) -> Result<Self, CorpusError> {
        let storage = Storage::open(url)?;
        let stored: BTreeSet<String> = storage.list()?.into_iter().map(|(name, _)| name).collect();
        let is_ours = |name: &str| stored.contains(JOB) || name.starts_with(PARTS);
        if let Some(other) = stored.iter().find(|name| !is_ours(name)) {
            let reason = format!("it already contains {other}");
            return Err(RemoteError::Address { place: url.to_string(), reason }.into());
        }
        // Several outputs may have the same last part of their addresses.
        let folder = (0..)
            .map(|number| scratch.join(format!("output-{number}")))
            .find(|folder| !folder.exists())
            .unwrap_or_else(|| scratch.join("output"));
        fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        let begun = [JOB, SUMMARY].into_iter().filter(|name| stored.contains(*name));
        storage.fetch_all(begun, &folder)?;
        Ok(Self { storage, folder, stored: Mutex::new(stored) })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the parts were merged.
    fn is_complete(&self) -> bool {
        lock(&self.stored).contains(SUMMARY)
    }

    /// Stores a file of the folder.
    fn send(&self, name: &str) -> Result<(), CorpusError> {
        self.storage.send(&self.folder.join(name), name)?;
        lock(&self.stored).insert(name.to_owned());
        Ok(())
    }
}

impl PartStore for Output {
    fn has(&self, part: usize) -> bool {
        lock(&self.stored).contains(&part_of(part))
    }

    fn begin(&self) -> Result<(), CorpusError> {
        // Every process of a preparation stores the same.
        files(&self.folder)?.iter().try_for_each(|name| self.send(name))
    }

    fn store(&self, files: &[PathBuf]) -> Result<(), CorpusError> {
        for file in files {
            let name = name(file, &self.folder);
            self.send(&name)?;
            fs::remove_file(file).map_err(FileError::at("remove", file))?;
        }
        Ok(())
    }

    fn fetch_all(&self) -> Result<(), CorpusError> {
        if self.is_complete() {
            return Ok(());
        }
        let stored = self.storage.list()?;
        self.storage.fetch_all(stored.iter().map(|(name, _)| name.as_str()), &self.folder)
    }

    fn publish(&self) -> Result<(), CorpusError> {
        if !self.is_complete() {
            let mut files = files(&self.folder)?;
            // The summary marks the pairs as complete.
            files.sort_by_key(|name| name == SUMMARY);
            files.iter().try_for_each(|name| self.send(name))?;
        }
        let stored = lock(&self.stored).clone();
        let mut parts = stored.iter().filter(|name| name.starts_with(PARTS));
        Ok(parts.try_for_each(|name| self.storage.remove(name))?)
    }
}

/// The files of a preparation's folder: relative names with `/`.
fn files(folder: &Path) -> Result<Vec<String>, CorpusError> {
    let mut found = Vec::new();
    for place in [folder.to_owned(), folder.join(PARTS)] {
        let Ok(entries) = fs::read_dir(&place) else { continue };
        for entry in entries {
            let entry = entry.map_err(FileError::at("list", &place))?;
            let path = entry.path();
            let is_lock = path.extension().is_some_and(|ending| ending == "lock");
            if path.is_file() && !is_lock && !is_temporary(&entry.file_name()) {
                found.push(name(&path, folder));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The name of a file relative to a folder, with `/`.
fn name(file: &Path, folder: &Path) -> String {
    let relative = file.strip_prefix(folder).unwrap_or(file);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
