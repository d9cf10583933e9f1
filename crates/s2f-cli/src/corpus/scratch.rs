//! A folder on this computer for corpora and pairs in object storage.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use s2f_core::FileError;
use s2f_corpus::remote::{self, CorpusPlace, OutputPlace};
use tempfile::TempDir;

use crate::printer::Printer;

/// Where remote files are while they are worked on: a folder that is made when it is needed and
/// removed at the end.
pub struct Scratch {
    parent: PathBuf,
    own: OnceCell<TempDir>,
}

impl Scratch {
    /// In this folder, or where temporary files are.
    pub fn new(parent: Option<&Path>) -> Self {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        Self { parent, own: OnceCell::new() }
    }

    /// A corpus that is read.
    pub fn corpus(&self, place: &Path, printer: &Printer) -> anyhow::Result<CorpusPlace> {
        Ok(remote::corpus(place, self.folder(place, printer)?)?)
    }

    /// Pairs, or parts of them.
    pub fn output(&self, place: &Path, printer: &Printer) -> anyhow::Result<OutputPlace> {
        Ok(remote::output(place, self.folder(place, printer)?)?)
    }

    fn folder(&self, place: &Path, printer: &Printer) -> anyhow::Result<&Path> {
        if !remote::is_remote(place) {
            return Ok(&self.parent);
        }
        printer.note(format_args!("listing {}", place.display()));
        if let Some(own) = self.own.get() {
            return Ok(own.path());
        }
        fs::create_dir_all(&self.parent).map_err(FileError::at("make", &self.parent))?;
        let own = tempfile::Builder::new().prefix("speech2face-").tempdir_in(&self.parent);
        let own = own.map_err(FileError::at("make a folder in", &self.parent))?;
        Ok(self.own.get_or_init(|| own).path())
    }
}
