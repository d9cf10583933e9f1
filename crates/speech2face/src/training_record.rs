//! What a model was trained on: hashes of data, and the record that a run folder keeps.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use s2f_core::FileError;
use s2f_core::hash::HashWriter;
use serde::{Deserialize, Serialize};

/// A hash of training data. Two runs with the same one were trained on the same data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataId(pub(crate) String);

impl DataId {
    /// The hash of a set of pairs, from the hash of its speakers and their splits and its number of
    /// pairs.
    pub fn of_pairs(speakers_sha256: &str, pairs: u64) -> Self {
        Self(format!("{speakers_sha256}-{pairs}"))
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of files: of their number and, in this order, of their lengths and contents.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be read.
    pub fn of_files(files: &[PathBuf]) -> Result<Self, FileError> {
        let mut hash = HashWriter::default();
        let number = (files.len() as u64).to_le_bytes();
        hash.write_all(&number).map_err(FileError::at("hash", Path::new("")))?;
        for path in files {
            let mut add = || {
                let mut file = File::open(path)?;
                hash.write_all(&file.metadata()?.len().to_le_bytes())?;
                io::copy(&mut file, &mut hash)
            };
            add().map_err(FileError::at("read", path))?;
        }
        Ok(Self(hash.finish()))
    }
}

/// What a model was trained on, in a run or in the runs that it started from. Paths are absolute,
/// except those that runs of earlier versions recorded as they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingRecord {
    /// Voices with their own faces.
    Pairs {
        /// Folder or file of the pairs.
        path: PathBuf,
        /// Their hash at the start of the training, to compare with [`DataId::of_pairs`].
        #[serde(rename = "data_sha256")]
        data: DataId,
    },
    /// Voices of people whose faces are unknown.
    Recordings {
        /// The folder that they are in.
        path: PathBuf,
        /// The hash of the files.
        #[serde(rename = "data_sha256")]
        data: DataId,
    },
    /// Photographs: a face decoder.
    Faces {
        /// The folder that they are in.
        path: PathBuf,
        /// The hash of the files.
        #[serde(rename = "data_sha256")]
        data: DataId,
    },
    /// Unknown data: the run has no record, or started from a model that has none.
    Unknown {
        /// The model or run without a record.
        model: String,
    },
}

/// The record of a run of an earlier version, from the text of its `config.toml`; `data` is the
/// hash that it kept, `run` its folder.
pub(crate) fn of_config(
    text: &str,
    data: DataId,
    run: &Path,
) -> Result<Vec<TrainingRecord>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Config {
        data: Data,
        start: Option<Start>,
    }
    #[derive(Deserialize)]
    struct Data {
        pairs: Option<Pairs>,
        recordings: Option<Files>,
        root: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Pairs {
        path: PathBuf,
    }
    #[derive(Deserialize)]
    struct Files {
        root: PathBuf,
    }
    #[derive(Deserialize)]
    struct Start {
        model: String,
    }
    let config: Config = toml::from_str(text)?;
    let own = match config.data {
        Data { pairs: Some(Pairs { path }), .. } => TrainingRecord::Pairs { path, data },
        Data { recordings: Some(Files { root: path }), .. } => {
            TrainingRecord::Recordings { path, data }
        }
        Data { root: Some(path), .. } => TrainingRecord::Faces { path, data },
        _ => TrainingRecord::Unknown { model: run.display().to_string() },
    };
    let start = config.start.map(|Start { model }| TrainingRecord::Unknown { model });
    Ok([own].into_iter().chain(start).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_hashed_with_their_number_and_lengths() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        let files = ["a", "b"].map(|name| folder.path().join(name));
        // python3 -c 'import hashlib,struct; p=lambda n: struct.pack("<Q",n);
        // print(hashlib.sha256(p(2)+p(3)+b"abc"+p(0)).hexdigest())'
        let expected = "38e9c1a7116528048be0eb98518c70b59ee3add5b3787da8f58f9ed0716cdb16";
        assert_eq!(DataId::of_files(&files).unwrap(), DataId(expected.to_owned()));
        let message = DataId::of_files(&[folder.path().join("c")]).unwrap_err().to_string();
        assert!(message.starts_with("cannot read "), "{message}");
    }
}
