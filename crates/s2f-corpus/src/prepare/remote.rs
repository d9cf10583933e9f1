//! What a preparation asks of files that are not in folders of this computer.

use std::path::PathBuf;

use crate::CorpusError;
use crate::plan::Clip;

/// The files of clips, where they are not on this computer.
pub trait ClipFiles: Send + Sync {
    /// Makes the files of a clip readable.
    ///
    /// # Errors
    /// [`CorpusError::Remote`] or [`CorpusError::File`].
    fn fetch(&self, clip: &Clip) -> Result<(), CorpusError>;

    /// Gives the room of the files back that no other clip needs.
    ///
    /// # Errors
    /// [`CorpusError::File`].
    fn release(&self, clip: &Clip) -> Result<(), CorpusError>;
}

/// The parts of a preparation, where they are not stored in its folder.
pub trait PartStore: Send + Sync {
    /// Whether a part was stored.
    fn has(&self, part: usize) -> bool;

    /// Stores what the folder of a preparation contains before its first part.
    ///
    /// # Errors
    /// [`CorpusError::Remote`] or [`CorpusError::File`].
    fn begin(&self) -> Result<(), CorpusError>;

    /// Stores the files of a part in this order and removes them from the folder.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn store(&self, files: &[PathBuf]) -> Result<(), CorpusError>;

    /// Fetches everything, to be merged in the folder.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn fetch_all(&self) -> Result<(), CorpusError>;

    /// Stores all files of the folder, and removes those that are not there any more.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn publish(&self) -> Result<(), CorpusError>;
}

/// Where the files of a preparation are besides its folders.
#[derive(Clone, Copy, Default)]
pub struct Remote<'a> {
    /// The files of the corpus, if they are elsewhere.
    pub files: Option<&'a dyn ClipFiles>,
    /// The parts, if they are stored elsewhere.
    pub parts: Option<&'a dyn PartStore>,
}
