//! Networks that training reads: published ones, which are verified, and files of the user.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use s2f_registry::{NetworkSource, Store};
use speech2face::AgeSexReader;

use crate::TrainError;

/// The folder `models` of a configuration, or the user's store of networks without one.
pub(crate) struct Networks<'a> {
    models: Option<&'a Path>,
}

impl<'a> Networks<'a> {
    pub(crate) fn new(models: Option<&'a Path>) -> Self {
        Self { models }
    }

    /// The file of the published network `name`, which `key` names as `file`. The sizes and hashes
    /// of all files of the network are compared with the registered ones.
    ///
    /// # Errors
    /// [`TrainError::Registry`] if a file is missing or damaged, [`TrainError::NotPublished`] if
    /// `file` is another one.
    pub(crate) fn published(
        &self,
        key: &'static str,
        name: &'static str,
        file: &Path,
    ) -> Result<PathBuf, TrainError> {
        let store = match self.models {
            Some(folder) => Store::in_folder(folder)?,
            None => Store::from_environment()?,
        };
        let found = store.find(&NetworkSource::Registered(name.to_owned()))?;
        let path = store.folder().join(file);
        if found == path {
            return Ok(path);
        }
        let expected = found.strip_prefix(store.folder()).unwrap_or(&found).display().to_string();
        Err(TrainError::NotPublished { path, name, key, expected })
    }

    /// The networks that read age and sex of drawn faces for scores: YuNet, and face-api.js's age
    /// and gender network. Each comes with the key that names its file.
    ///
    /// # Errors
    /// As [`published`](Self::published), and [`TrainError::FaceReader`].
    pub(crate) fn age_sex_reader(
        &self,
        (detector_key, detector): (&'static str, &Path),
        (reader_key, reader): (&'static str, &Path),
        device: &Device,
    ) -> Result<AgeSexReader, TrainError> {
        let detector = self.published(detector_key, "yunet", detector)?;
        let reader = self.published(reader_key, "age_gender", reader)?;
        Ok(AgeSexReader::open(&detector, &reader, device)?)
    }

    /// A file that the user supplies, under `models` if there is one; it is not verified.
    pub(crate) fn of_user(&self, file: &Path) -> PathBuf {
        self.models.map_or_else(|| file.to_owned(), |models| models.join(file))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "mobileface/MobileFace_Identification_V2-0000.params";

    fn locate(models: &Path, file: &str) -> Result<PathBuf, TrainError> {
        Networks::new(Some(models)).published("data.face_encoder", "mobileface", file.as_ref())
    }

    #[test]
    fn a_damaged_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = locate(folder.path(), FILE).unwrap_err().to_string();
        assert!(message.contains("hint: speech2face model pull mobileface"), "{message}");
        fs::create_dir(folder.path().join("mobileface")).unwrap();
        fs::write(folder.path().join(FILE), "some other weights").unwrap();
        let message = locate(folder.path(), FILE).unwrap_err().to_string();
        assert!(message.starts_with("mobileface is damaged"), "{message}");
    }

    #[test]
    fn the_published_file_is_found_and_others_are_refused() {
        let Some(models) = s2f_testing::data("models") else { return };
        assert_eq!(locate(&models, FILE).unwrap(), models.join(FILE));
        let message = locate(&models, "mobileface/other.params").unwrap_err().to_string();
        assert!(message.contains("other.params is not a file of the published"), "{message}");
        assert!(message.ends_with(&format!("set data.face_encoder to {FILE}")), "{message}");
    }
}
