//! Pulling a model of the hub into the cache.

use super::cache::create_folder;
use super::{Hub, HubCache, HubError, HubName, PulledModel};
use crate::fetch::fetch;
use crate::verify::{Comparison, compare};
use crate::{PullOutcome, PullProgress};

impl Hub {
    /// Downloads the model folder of a revision into the cache: `config.json`,
    /// `model.safetensors`, and the card and the licence if there are any. Other files of the
    /// repository are not fetched. Files that are in the cache already are kept; an interrupted
    /// download is resumed.
    ///
    /// The hub is asked which commit a branch or a tag is; what is in the cache of that commit is
    /// not downloaded again. The hub is not asked at all for a commit that is in the cache.
    ///
    /// # Errors
    /// [`HubError`]. A file that is not of the size and the hash that the hub lists is removed.
    pub fn pull(
        &self,
        name: &HubName,
        cache: &HubCache,
        on_progress: &mut dyn FnMut(PullProgress<'_>),
    ) -> Result<(PulledModel, PullOutcome), HubError> {
        if name.commit().is_some()
            && let Ok(model) = cache.find(name)
        {
            return Ok((model, PullOutcome::AlreadyInstalled));
        }
        let listing = self.listing(name)?;
        listing.check_model(name)?;
        let commit = &listing.commit;
        let _lock = cache.lock(&mut || on_progress(PullProgress::Waiting))?;
        if let Ok(Some(model)) = cache.verified(name, commit) {
            cache.record_revision(name, commit)?;
            return Ok((model, PullOutcome::AlreadyInstalled));
        }
        let folder = cache.model_folder(name, commit);
        create_folder(&folder)?;
        for file in &listing.files {
            // What an earlier, interrupted pull completed.
            if compare(&folder.join(&file.name), file).is_ok_and(|it| it == Comparison::Equal) {
                continue;
            }
            let authorization = self.authorization(&file.url);
            fetch(file, authorization.as_deref(), &folder, self.policy(), on_progress)
                .map_err(|source| HubError::Fetch { source })?;
        }
        cache.record(name, commit, &listing.files)?;
        match cache.verified(name, commit)? {
            Some(model) => Ok((model, PullOutcome::Installed)),
            None => cache.find(name).map(|model| (model, PullOutcome::Installed)),
        }
    }
}
