//! Downloading a registered network.

use crate::fetch::fetch;
use crate::store::lock;
use crate::{PullOutcome, PullProgress, RegistryError, Store};

impl Store {
    /// Downloads the missing files of a network from their registered addresses. Files that are
    /// installed already are kept; an interrupted download is resumed.
    ///
    /// Proxies are taken from the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `NO_PROXY`).
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] or [`RegistryError::UserSupplied`]; the error of the server or
    /// of the system; [`RegistryError::WrongSize`] or [`RegistryError::WrongHash`] for a file that
    /// is not the published one, which is removed.
    pub fn pull(
        &self,
        name: &str,
        on_progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<PullOutcome, RegistryError> {
        let (entry, files) = self.entry(name)?;
        // Before the lock is taken, since a complete store may be read-only.
        if self.missing(entry, files)?.is_empty() {
            return Ok(PullOutcome::AlreadyInstalled);
        }
        let folder = self.create_folder(entry)?;
        let _lock = lock(&folder, &mut || on_progress(PullProgress::Waiting))?;
        let missing = self.missing(entry, files)?;
        for file in &missing {
            fetch(file, None, &folder, self.retry_policy(), on_progress)?;
        }
        let nothing_to_do = missing.is_empty(); // another process was faster
        Ok(if nothing_to_do { PullOutcome::AlreadyInstalled } else { PullOutcome::Installed })
    }
}
