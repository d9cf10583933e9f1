//! Model names: the one rule by which a name, a model folder or a run folder is turned into a
//! model.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use s2f_registry::{HubCache, HubError, HubName, PulledModel};

use crate::{ModelError, RunFolder, RunFolderError, SHIPPED, Speech2Face, TrainingRecord};

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The model that is part of the library.
    Shipped,
    /// A model folder.
    ModelFolder(PathBuf),
    /// The run folder of a training, which contains the model folder `model`.
    RunFolder(RunFolder),
    /// A model of the Hugging Face hub that was pulled into the user's cache.
    Pulled(PulledModel),
}

/// A name that no model has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelSourceError {
    /// There is no such model.
    #[error(
        "there is no model or folder called {name}; hint: use {SHIPPED}, which is part of the \
         program, a model folder, a run folder of `train`, or hf:OWNER/NAME from the hub"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// The run folder has no model.
    #[error(transparent)]
    Run(#[from] RunFolderError),
    /// The model of the hub is not in the cache, or damaged there.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl ModelSource {
    /// Resolves `name`: [`SHIPPED`] is the model that is part of the library (`./compact` is a
    /// folder of that name), everything else the path of a model folder or run folder. The model
    /// folder inside a run folder stands for that run, so that the record of its training is found.
    /// `hf:OWNER/NAME` is a model of the hub that was pulled; its files are verified. Nothing is
    /// downloaded.
    ///
    /// # Errors
    /// [`ModelSourceError`]. Any other path that exists is taken for a model folder, and
    /// [`ModelSource::open`] reports what it lacks.
    pub fn resolve(name: &str) -> Result<Self, ModelSourceError> {
        if name == SHIPPED {
            return Ok(Self::Shipped);
        }
        if HubName::is_meant(name) {
            let name: HubName = name.parse()?;
            let cache = HubCache::from_environment().map_err(HubError::from)?;
            return Ok(Self::Pulled(cache.find(&name)?));
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(ModelSourceError::Unknown { name: name.to_owned() });
        }
        let run = RunFolder::at(path);
        if RunFolder::exists(path) || run.checkpoints().is_dir() {
            run.model()?;
            return Ok(Self::RunFolder(run));
        }
        if let Some(run) = run_of(path) {
            return Ok(Self::RunFolder(run));
        }
        Ok(Self::ModelFolder(path.to_owned()))
    }

    /// Opens the model on `device`.
    ///
    /// # Errors
    /// [`ModelError`], which names the file and the reason.
    pub fn open(&self, device: &Device) -> Result<Speech2Face, ModelError> {
        match self.model_folder() {
            None => Speech2Face::shipped(device),
            Some(folder) => Speech2Face::open(&folder, device),
        }
    }

    /// The model folder; `None` for the shipped model.
    pub fn model_folder(&self) -> Option<PathBuf> {
        match self {
            Self::Shipped => None,
            Self::ModelFolder(folder) => Some(folder.clone()),
            Self::RunFolder(run) => Some(run.model_folder()),
            Self::Pulled(model) => Some(model.folder.clone()),
        }
    }

    /// The run folder that the model was trained in, if it is given as one.
    pub fn run(&self) -> Option<&RunFolder> {
        match self {
            Self::RunFolder(run) => Some(run),
            Self::Shipped | Self::ModelFolder(_) | Self::Pulled(_) => None,
        }
    }

    /// What the model was trained on, as its run recorded it.
    ///
    /// # Errors
    /// As [`RunFolder::trained_on`].
    pub fn trained_on(&self) -> Result<Vec<TrainingRecord>, RunFolderError> {
        match self {
            Self::RunFolder(run) => run.trained_on(),
            Self::Shipped => Ok(vec![TrainingRecord::Unknown { model: SHIPPED.to_owned() }]),
            Self::ModelFolder(folder) => {
                Ok(vec![TrainingRecord::Unknown { model: folder.display().to_string() }])
            }
            Self::Pulled(model) => {
                Ok(vec![TrainingRecord::Unknown { model: model.name.to_string() }])
            }
        }
    }

    /// A short name to show: [`SHIPPED`], the name of the folder, or of the repository on the hub.
    pub fn short_name(&self) -> String {
        let folder = match self {
            Self::Shipped => return SHIPPED.to_owned(),
            Self::ModelFolder(folder) => folder,
            Self::RunFolder(run) => run.root(),
            Self::Pulled(model) => return model.name.short_name().to_owned(),
        };
        folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
    }
}

/// The run whose model folder `path` is.
fn run_of(path: &Path) -> Option<RunFolder> {
    let model = path.canonicalize().ok()?;
    let run = RunFolder::at(model.parent()?);
    let is_run = run.config_file().is_file() && run.environment_file().is_file();
    (is_run && run.model_folder() == model && run.model().is_ok()).then_some(run)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_a_model_folder_and_a_run_folder_are_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let resolve = |name: &str| ModelSource::resolve(path(name).to_str().unwrap());
        assert_eq!(ModelSource::resolve("compact").unwrap(), ModelSource::Shipped);

        fs::create_dir_all(path("compact")).unwrap();
        assert_eq!(resolve("compact").unwrap(), ModelSource::ModelFolder(path("compact")));

        fs::create_dir_all(path("run/checkpoints")).unwrap();
        let error = resolve("run").unwrap_err().to_string();
        assert!(error.contains("is not finished"), "{error}");
        fs::create_dir_all(path("run/model")).unwrap();
        fs::write(path("run/model/config.json"), "{}").unwrap();
        let run = resolve("run").unwrap();
        assert_eq!(run, ModelSource::RunFolder(RunFolder::at(&path("run"))));
        assert_eq!(run.model_folder(), Some(path("run/model")));
        assert_eq!((run.short_name(), run.run().is_some()), ("run".into(), true));

        // The model folder of a run that has a record stands for the run, by whatever path.
        let folder_of_run = ModelSource::ModelFolder(path("run/model"));
        assert_eq!(resolve("run/model").unwrap(), folder_of_run);
        fs::write(path("run/config.toml"), "").unwrap();
        assert_eq!(resolve("run/model").unwrap(), folder_of_run);
        fs::write(path("run/environment.json"), "{}").unwrap();
        let run = ModelSource::RunFolder(RunFolder::at(&path("run").canonicalize().unwrap()));
        for name in ["run/model", "run/model/", "compact/../run/model", "run/checkpoints/../model"]
        {
            assert_eq!(resolve(name).unwrap(), run, "{name}");
        }
        assert_eq!(run.short_name(), "run");
        // Another folder beside the record is not the model of the run.
        fs::create_dir_all(path("run/other")).unwrap();
        let other = ModelSource::ModelFolder(path("run/other"));
        assert_eq!(resolve("run/other").unwrap(), other);

        let unknown = |model: &str| vec![TrainingRecord::Unknown { model: model.to_owned() }];
        assert_eq!(ModelSource::Shipped.trained_on().unwrap(), unknown("compact"));
        assert_eq!(other.trained_on().unwrap(), unknown(path("run/other").to_str().unwrap()));
        fs::write(path("compact/config.toml"), "seed = 1").unwrap();
        for name in ["config.json", "model.safetensors"] {
            fs::write(path("compact").join(name), "").unwrap();
        }
        assert_eq!(resolve("compact").unwrap(), ModelSource::ModelFolder(path("compact")));

        let error = resolve("missing").unwrap_err();
        assert!(matches!(error, ModelSourceError::Unknown { .. }), "{error}");
    }
}
