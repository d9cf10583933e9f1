//! A folder that stands for a remote corpus: every file with its name and size, and with its
//! contents while a clip needs it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use s2f_core::FileError;
use url::Url;

use super::lock;
use super::storage::Storage;
use crate::CorpusError;
use crate::plan::{Clip, FaceSource};
use crate::prepare::ClipFiles;

/// The corpus.
pub(super) struct Mirror {
    storage: Storage,
    folder: PathBuf,
    /// How many clips use the contents of a file. Each has a lock of its own, so that other files
    /// can be fetched meanwhile.
    users: Mutex<HashMap<PathBuf, Arc<Mutex<usize>>>>,
}

/// Endings of tables and texts, from which a layout is read.
const TEXTS: [&str; 5] = ["csv", "tsv", "txt", "json", "md"];

impl Mirror {
    /// Lists the corpus in a folder in `scratch`, and fetches its texts.
    pub(super) fn create(url: &Url, scratch: &Path) -> Result<Self, CorpusError> {
        let storage = Storage::open(url)?;
        let folder = scratch.join("corpus").join(storage.name());
        fs::create_dir_all(&folder).map_err(FileError::at("make", &folder))?;
        let files = storage.list()?;
        for (name, bytes) in &files {
            let file = folder.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent).map_err(FileError::at("make", parent))?;
            }
            stand_in(&file, *bytes)?;
        }
        let names = files.iter().map(|(name, _)| name.as_str());
        storage.fetch_all(names.filter(|name| is_text(name)), &folder)?;
        Ok(Self { storage, folder, users: Mutex::default() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of a clip in this folder, each once, with their names in the storage.
    fn files<'c>(&self, clip: &'c Clip) -> Vec<(&'c str, &'c Path)> {
        let mut files = vec![clip.sound.file.as_path()];
        match &clip.face {
            FaceSource::Video { media, .. } => files.push(&media.file),
            FaceSource::Pictures(pictures) => files.extend(pictures.iter().map(PathBuf::as_path)),
        }
        files.sort_unstable();
        files.dedup();
        let name = |file: &'c Path| file.strip_prefix(&self.folder).ok().and_then(Path::to_str);
        files.into_iter().filter_map(|file| Some((name(file)?, file))).collect()
    }

    fn users(&self, file: &Path) -> Arc<Mutex<usize>> {
        Arc::clone(lock(&self.users).entry(file.to_owned()).or_default())
    }
}

impl ClipFiles for Mirror {
    fn fetch(&self, clip: &Clip) -> Result<(), CorpusError> {
        for (name, file) in self.files(clip) {
            let users = self.users(file);
            let mut users = lock(&users);
            if *users == 0 {
                self.storage.fetch(name, file)?;
            }
            *users += 1;
        }
        Ok(())
    }

    fn release(&self, clip: &Clip) -> Result<(), CorpusError> {
        for (_, file) in self.files(clip) {
            let users = self.users(file);
            let mut users = lock(&users);
            *users = users.saturating_sub(1);
            if *users == 0 {
                let bytes = file.metadata().map_err(FileError::at("read", file))?.len();
                stand_in(file, bytes)?;
            }
        }
        Ok(())
    }
}

/// Writes a file of this size that takes no room.
fn stand_in(file: &Path, bytes: u64) -> Result<(), CorpusError> {
    let written = File::create(file).and_then(|opened| opened.set_len(bytes));
    Ok(written.map_err(FileError::at("write", file))?)
}

fn is_text(name: &str) -> bool {
    let ending = Path::new(name).extension().map(|it| it.to_string_lossy().to_ascii_lowercase());
    // Licences and the like often have no ending.
    ending.is_none_or(|ending| TEXTS.contains(&ending.as_str()))
}
