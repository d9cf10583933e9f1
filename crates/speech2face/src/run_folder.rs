//! The folder of a training run. `s2f-train` writes it; everything else reads it through
//! [`RunFolder`], which alone has the names of its files and the form of what they hold.
//!
//! | file | contents |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `environment.json` | version, commit, command, computer, device, seed, training data, times |
//! | `metrics.jsonl` | one line of JSON for each step and each validation |
//! | `sheets/` | pictures of the same faces at different steps |
//! | `checkpoints/` | what an interrupted run needs to resume |
//! | `model/` | the model folder of a voice encoder, once the run is finished |
//! | `face-decoder.safetensors` | the weights of a face decoder, once the run is finished |
//! | `scores.json` | the final scores |
//! | `README.md` | the card of a face decoder; that of a model is in its folder |
//! | `voices.png`, `morphs.png` | faces that a finished voice encoder or face decoder makes |

use std::path::{Path, PathBuf};

use s2f_core::FileError;

use crate::environment::Environment;
use crate::training_record::{self, DataId, TrainingRecord};

/// Maximum size of the text files of a run, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The folder of a training run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

/// Why a folder cannot be used as a run folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// The folder is not one that a training wrote.
    #[error(
        "{} is not a run folder; hint: name the folder that `speech2face train` wrote to",
        folder.display()
    )]
    NotARun {
        /// The folder.
        folder: PathBuf,
    },
    /// The run has not written its model yet.
    #[error(
        "the run in {} is not finished; hint: run the same `speech2face train` command again, it \
         resumes the run and writes the model",
        folder.display()
    )]
    Unfinished {
        /// The folder.
        folder: PathBuf,
    },
    /// The run trained a face decoder, which is not a whole model.
    #[error(
        "the run in {} trained a face decoder, which has no voice encoder; hint: set \
         face_decoder to this folder and train a voice encoder with it",
        folder.display()
    )]
    FaceDecoder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the folder is damaged.
    #[error("{}: {reason}; hint: restore the file from a copy of the run", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

impl RunFolder {
    /// Opens the folder of a run, finished or not.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`].
    pub fn open(root: &Path) -> Result<Self, RunFolderError> {
        if Self::exists(root) {
            Ok(Self::at(root))
        } else {
            Err(RunFolderError::NotARun { folder: root.to_owned() })
        }
    }

    /// Whether `root` is the folder of a run, finished or not. A model folder is none, even if it
    /// has a copy of the configuration that the model was trained with.
    pub fn exists(root: &Path) -> bool {
        let run = Self::at(root);
        if ["config.json", "model.safetensors"].iter().all(|name| run.path(name).is_file()) {
            return false;
        }
        run.config_file().is_file() || run.model_folder().join("config.json").is_file()
    }

    /// The names of a run's files in `root`, whether or not there is a run yet: for training, which
    /// writes them.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder in it.
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// `environment.json`. See [`environment`](Self::environment).
    pub fn environment_file(&self) -> PathBuf {
        self.path("environment.json")
    }

    /// `metrics.jsonl`.
    pub fn metrics_file(&self) -> PathBuf {
        self.path("metrics.jsonl")
    }

    /// `lock`, which a process holds locked as long as it trains here.
    pub fn lock_file(&self) -> PathBuf {
        self.path("lock")
    }

    /// `sheets/`, the pictures of the same faces at different steps.
    pub fn sheets(&self) -> PathBuf {
        self.path("sheets")
    }

    /// `sheets/NAME-000500.png`, the picture after a step.
    pub fn sheet_file(&self, name: &str, step: usize) -> PathBuf {
        self.sheets().join(format!("{name}-{step:06}.png"))
    }

    /// `embeddings.json`, of the training voices by a frozen network.
    pub fn embeddings_file(&self) -> PathBuf {
        self.path("embeddings.json")
    }

    /// `scores.json`, the final scores.
    pub fn scores_file(&self) -> PathBuf {
        self.path("scores.json")
    }

    /// `voices.png`, faces that a finished voice encoder makes of held-out voices.
    pub fn voices_file(&self) -> PathBuf {
        self.path("voices.png")
    }

    /// `morphs.png`, faces that a finished face decoder makes of the features of morphs.
    pub fn morphs_file(&self) -> PathBuf {
        self.path("morphs.png")
    }

    /// `README.md`, the card of a face decoder, which has no model folder.
    pub fn card_file(&self) -> PathBuf {
        self.path("README.md")
    }

    /// `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.path("checkpoints")
    }

    /// `model/`, where a finished run has its model folder. See [`model`](Self::model).
    pub fn model_folder(&self) -> PathBuf {
        self.path("model")
    }

    /// `face-decoder.safetensors`, where a finished run has the weights of a face decoder.
    pub fn face_decoder_file(&self) -> PathBuf {
        self.path("face-decoder.safetensors")
    }

    /// The model folder of a finished run.
    ///
    /// # Errors
    /// [`RunFolderError::Unfinished`] or [`RunFolderError::FaceDecoder`] if it has none.
    pub fn model(&self) -> Result<PathBuf, RunFolderError> {
        let (model, folder) = (self.model_folder(), self.root.clone());
        if model.join("config.json").is_file() {
            Ok(model)
        } else if self.face_decoder_file().is_file() {
            Err(RunFolderError::FaceDecoder { folder })
        } else {
            Err(RunFolderError::Unfinished { folder })
        }
    }

    /// What the model of the run was trained on: in this run, and in those that it started from.
    /// Runs of earlier versions have it in `config.toml`.
    ///
    /// # Errors
    /// [`RunFolderError::File`] or [`RunFolderError::Damaged`] if `environment.json` or, in a run
    /// of an earlier version, `config.toml` is missing or damaged; a folder with neither of them
    /// has no record, which is no error.
    pub fn trained_on(&self) -> Result<Vec<TrainingRecord>, RunFolderError> {
        if !self.environment_file().exists() && !self.config_file().exists() {
            let model = self.root.display().to_string();
            return Ok(vec![TrainingRecord::Unknown { model }]);
        }
        let Environment { data, trained_on, .. } = self.environment()?;
        if trained_on.is_empty() { self.configured(data) } else { Ok(trained_on) }
    }

    /// What a run of an earlier version was trained on, by its `config.toml`.
    fn configured(&self, data: DataId) -> Result<Vec<TrainingRecord>, RunFolderError> {
        let file = self.config_file();
        let text = s2f_core::read_text(&file, MAX_BYTES)?;
        training_record::of_config(&text, data, &self.root)
            .map_err(|error| RunFolderError::Damaged { file, reason: error.to_string() })
    }

    /// Reads `environment.json`.
    ///
    /// # Errors
    /// [`RunFolderError::File`] if it is missing, [`RunFolderError::Damaged`].
    pub fn environment(&self) -> Result<Environment, RunFolderError> {
        let file = self.environment_file();
        let text = s2f_core::read_text(&file, MAX_BYTES)?;
        serde_json::from_str(&text)
            .map_err(|error| RunFolderError::Damaged { file, reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn an_old_run_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(matches!(RunFolder::open(root), Err(RunFolderError::NotARun { .. })));
        file(root, "config.toml", "seed = 1\n[data.pairs]\npath = \"pairs\"\nmemory_mib = 2048\n");
        let environment = r#"{"version":"0.1.0","device":"cpu","seed":1,"threads":2,
            "data_sha256":"ab12-480","started":"2026-01-31T23:59:59Z","resumed":[]}"#;
        file(root, "environment.json", environment);
        let run = RunFolder::open(root).unwrap();
        let own = TrainingRecord::Pairs {
            path: PathBuf::from("pairs"),
            data: DataId::of_pairs("ab12", 480),
        };
        assert_eq!(run.trained_on().unwrap(), std::slice::from_ref(&own));
        let message = run.model().unwrap_err().to_string();
        assert!(message.contains("is not finished; hint: "), "{message}");
        file(root, "model/config.json", "{}");
        assert_eq!(run.model().unwrap(), root.join("model"));

        let read: serde_json::Value = serde_json::from_str(environment).unwrap();
        assert_eq!(serde_json::to_value(run.environment().unwrap()).unwrap(), read);

        // What such a run started from is unknown.
        let started = "[data.pairs]\npath = \"pairs\"\n[start]\nmodel = \"runs/a\"\n";
        file(root, "config.toml", started);
        let start = TrainingRecord::Unknown { model: "runs/a".into() };
        assert_eq!(run.trained_on().unwrap(), [own, start]);
        file(root, "config.toml", "[data.recordings]\nroot = \"voices\"\nfolders = []\n");
        let recordings = TrainingRecord::Recordings {
            path: PathBuf::from("voices"),
            data: DataId::of_pairs("ab12", 480),
        };
        assert_eq!(run.trained_on().unwrap(), [recordings]);
    }

    #[test]
    fn the_record_of_a_run_is_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        // Only runs without that record are looked up in their configuration.
        file(root, "config.toml", "[data.pairs]\npath = \"typed\"\n");
        let environment = r#"{"version":"0.2.0","device":"cpu","seed":1,"threads":2,
            "data_sha256":"ab12-480","started":"","resumed":[],"trained_on":[
            {"pairs":{"path":"/data/pairs","data_sha256":"ab12-480"}},
            {"recordings":{"path":"/data/voices","data_sha256":"cd34"}},
            {"faces":{"path":"/data/faces","data_sha256":"ef56"}},
            {"unknown":{"model":"compact"}}]}"#;
        file(root, "environment.json", environment);
        let run = RunFolder::open(root).unwrap();
        let expected = [
            TrainingRecord::Pairs {
                path: "/data/pairs".into(),
                data: DataId::of_pairs("ab12", 480),
            },
            TrainingRecord::Recordings { path: "/data/voices".into(), data: DataId("cd34".into()) },
            TrainingRecord::Faces { path: "/data/faces".into(), data: DataId("ef56".into()) },
            TrainingRecord::Unknown { model: "compact".into() },
        ];
        assert_eq!(run.trained_on().unwrap(), expected);
        let read: serde_json::Value = serde_json::from_str(environment).unwrap();
        assert_eq!(serde_json::to_value(run.environment().unwrap()).unwrap(), read);
    }

    #[test]
    fn a_run_folder_with_nothing_but_a_model_has_no_record() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "model/config.json", "{}");
        let run = RunFolder::open(folder.path()).unwrap();
        let model = folder.path().display().to_string();
        assert_eq!(run.trained_on().unwrap(), [TrainingRecord::Unknown { model }]);
    }

    #[test]
    fn files_have_the_names_that_they_always_had() {
        let run = RunFolder::at(Path::new("run"));
        for (path, name) in [
            (run.sheet_file("held-out", 500), "sheets/held-out-000500.png"),
            (run.scores_file(), "scores.json"),
            (run.voices_file(), "voices.png"),
            (run.morphs_file(), "morphs.png"),
        ] {
            assert_eq!(path, Path::new("run").join(name));
        }
    }

    #[test]
    fn a_face_decoder_is_not_a_model() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "config.toml", "[data]\nroot = \"faces\"\n");
        file(folder.path(), "face-decoder.safetensors", "");
        let run = RunFolder::open(folder.path()).unwrap();
        file(
            folder.path(),
            "environment.json",
            r#"{"version":"0.1.0","device":"cpu","seed":1,"threads":2,"data_sha256":"ab12",
                "started":"","resumed":[]}"#,
        );
        let faces = TrainingRecord::Faces { path: "faces".into(), data: DataId("ab12".into()) };
        assert_eq!(run.trained_on().unwrap(), [faces]);
        let message = run.model().unwrap_err().to_string();
        assert!(message.contains("trained a face decoder"), "{message}");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "config.toml", "data = 1");
        let run = RunFolder::open(folder.path()).unwrap();
        for message in
            [run.environment().unwrap_err().to_string(), run.trained_on().unwrap_err().to_string()]
        {
            let is_named =
                message.starts_with("cannot read ") && message.contains("environment.js");
            assert!(is_named, "{message}");
        }
        let environment = r#"{"version":"0.1.0","device":"cpu","seed":1,"threads":2,
            "data_sha256":"ab12-480","started":"","resumed":[]}"#;
        file(folder.path(), "environment.json", environment);
        let message = run.trained_on().unwrap_err().to_string();
        assert!(message.contains("config.toml: "), "{message}");
    }
}
