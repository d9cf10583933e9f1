//! Writing a file of pairs.

use s2f_core::Sex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Float32Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use s2f_core::{FaceSpace, Normalisation};

use crate::error::parquet_error;
use crate::meta::{Meta, PairFileInfo};
use crate::schema::{list_item, properties, schema};
use crate::{Pair, PairsError};
use s2f_core::AtomicFile;
use s2f_core::hash::sha256;

/// Bytes of a row group: what a writer holds in memory, and about what a reader of all columns
/// has to.
const GROUP_BYTES: usize = 32 << 20;
/// Rows of a row group, where pairs are small.
const GROUP_ROWS: usize = 4096;
/// How far a feature's length may be from 1 and still count as 1: what half precision costs.
const UNIT_TOLERANCE: f64 = 1e-3;

/// Writes one file of pairs, row by row. Until [`PairWriter::finish`] nothing stands under its
/// name. Memory is bounded by about three times a row group of 32 MiB.
pub struct PairWriter {
    path: PathBuf,
    info: PairFileInfo,
    writer: ArrowWriter<AtomicFile>,
    rows: Group,
    licences: BTreeSet<String>,
    normalisation: Normalisation,
}

impl PairWriter {
    /// Begins the file `path`, whose folder must exist.
    ///
    /// # Errors
    /// [`PairsError::File`] where the system refuses.
    pub fn create(path: &Path, info: &PairFileInfo) -> Result<Self, PairsError> {
        let options = ArrowWriterOptions::new()
            // It is redundant, and the order within it changes from run to run.
            .with_skip_arrow_metadata(true)
            .with_properties(properties(Vec::new()));
        let writer =
            ArrowWriter::try_new_with_options(AtomicFile::create(path)?, schema(), options)
                .map_err(parquet_error("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            info: info.clone(),
            writer,
            rows: Group::new(),
            licences: BTreeSet::new(),
            normalisation: Normalisation::UnitLength,
        })
    }

    /// Adds a row. Hashes that the pair lacks are computed from its voice and face.
    ///
    /// # Errors
    /// [`PairsError::Feature`] if the feature is of another face space or length than the file,
    /// or not finite; [`PairsError::Hash`] if the pair has a hash that is not that of its bytes;
    /// [`PairsError::File`] if the system refuses.
    pub fn push(&mut self, pair: &Pair) -> Result<(), PairsError> {
        self.check(pair)?;
        let hashes = [
            self.hash(pair, "audio_sha256", &pair.audio, &pair.info.audio_sha256)?,
            self.hash(pair, "face_sha256", &pair.face, &pair.info.face_sha256)?,
        ];
        let square: f64 = pair.feature.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if (square.sqrt() - 1.0).abs() > UNIT_TOLERANCE {
            self.normalisation = Normalisation::None;
        }
        if !self.licences.contains(&pair.info.licence) {
            self.licences.insert(pair.info.licence.clone());
        }
        self.rows.push(pair, &hashes);
        if self.rows.bytes >= GROUP_BYTES || self.rows.pair_id.len() >= GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    /// Completes the file and puts it under its name.
    ///
    /// # Errors
    /// [`PairsError::File`] where the system refuses; there is no file then.
    pub fn finish(mut self) -> Result<(), PairsError> {
        self.flush()?;
        let meta = Meta {
            face_space: FaceSpace {
                name: self.info.face_space,
                dimension: self.info.face_dimension,
                normalisation: self.normalisation,
            },
            splits_sha256: self.info.splits_sha256,
            licences: self.licences,
            seal: None,
        };
        for pair in meta.to_key_values() {
            self.writer.append_key_value_metadata(pair);
        }
        let file = self.writer.into_inner().map_err(parquet_error("write", &self.path))?;
        Ok(file.commit()?)
    }

    fn check(&self, pair: &Pair) -> Result<(), PairsError> {
        let (space, dimension) = (&self.info.face_space, self.info.face_dimension);
        let problem = if pair.face_space != *space {
            format!("a feature of {} among those of {space}", pair.face_space)
        } else if pair.feature.len() != dimension {
            format!("a feature of {} numbers, {space} has {dimension}", pair.feature.len())
        } else if !pair.feature.iter().all(|number| number.is_finite()) {
            "a feature with a number that is not finite".to_owned()
        } else {
            return Ok(());
        };
        let (path, pair_id) = (self.path.clone(), pair.info.pair_id.clone());
        Err(PairsError::Feature { path, pair_id, problem }.into())
    }

    /// The hash of some bytes of a pair, which must be the one that the pair states, if it does.
    fn hash(
        &self,
        pair: &Pair,
        column: &'static str,
        bytes: &[u8],
        stated: &str,
    ) -> Result<String, PairsError> {
        let hash = sha256(bytes);
        if stated.is_empty() || stated == hash {
            return Ok(hash);
        }
        let (path, pair_id) = (self.path.clone(), pair.info.pair_id.clone());
        Err(PairsError::Hash { path, pair_id, column })
    }

    /// Writes the rows held as a row group.
    fn flush(&mut self) -> Result<(), PairsError> {
        if self.rows.pair_id.is_empty() {
            return Ok(());
        }
        let failed = parquet_error("write", &self.path);
        let batch = RecordBatch::try_new(schema(), self.rows.take())
            .map_err(|error| failed(error.into()))?;
        self.writer.write(&batch).map_err(&failed)?;
        self.writer.flush().map_err(&failed)
    }
}

/// Rows of the row group to come, column by column.
struct Group {
    /// Of voices, faces and features.
    bytes: usize,
    pair_id: StringBuilder,
    speaker_id: StringBuilder,
    source: StringBuilder,
    split: StringBuilder,
    audio: BinaryBuilder,
    seconds: Float32Builder,
    face: BinaryBuilder,
    face_points: ListBuilder<Float32Builder>,
    feature: ListBuilder<Float32Builder>,
    face_space: StringBuilder,
    gender: StringBuilder,
    age: Float32Builder,
    language: StringBuilder,
    licence: StringBuilder,
    audio_sha256: StringBuilder,
    face_sha256: StringBuilder,
}

impl Group {
    fn new() -> Self {
        let list = || ListBuilder::new(Float32Builder::new()).with_field(list_item());
        Self {
            bytes: 0,
            pair_id: StringBuilder::new(),
            speaker_id: StringBuilder::new(),
            source: StringBuilder::new(),
            split: StringBuilder::new(),
            audio: BinaryBuilder::new(),
            seconds: Float32Builder::new(),
            face: BinaryBuilder::new(),
            face_points: list(),
            feature: list(),
            face_space: StringBuilder::new(),
            gender: StringBuilder::new(),
            age: Float32Builder::new(),
            language: StringBuilder::new(),
            licence: StringBuilder::new(),
            audio_sha256: StringBuilder::new(),
            face_sha256: StringBuilder::new(),
        }
    }

    fn push(&mut self, pair: &Pair, [audio_sha256, face_sha256]: &[String; 2]) {
        self.bytes += pair.audio.len() + pair.face.len() + 4 * pair.feature.len();
        self.pair_id.append_value(&pair.info.pair_id);
        self.speaker_id.append_value(&pair.info.speaker_id);
        self.source.append_value(&pair.info.source);
        self.split.append_value(pair.info.split.name());
        self.audio.append_value(&pair.audio);
        self.seconds.append_value(pair.info.seconds);
        self.face.append_value(&pair.face);
        self.face_points.values().append_slice(pair.face_points.as_flattened());
        self.face_points.append(true);
        self.feature.values().append_slice(&pair.feature);
        self.feature.append(true);
        self.face_space.append_value(&pair.face_space);
        self.gender.append_option(pair.info.sex.map(Sex::name));
        self.age.append_option(pair.info.age);
        self.language.append_option(pair.info.language.as_ref());
        self.licence.append_value(&pair.info.licence);
        self.audio_sha256.append_value(audio_sha256);
        self.face_sha256.append_value(face_sha256);
    }

    /// The columns in the order of the schema; nothing is held afterwards.
    fn take(&mut self) -> Vec<ArrayRef> {
        self.bytes = 0;
        vec![
            Arc::new(self.pair_id.finish()),
            Arc::new(self.speaker_id.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.split.finish()),
            Arc::new(self.audio.finish()),
            Arc::new(self.seconds.finish()),
            Arc::new(self.face.finish()),
            Arc::new(self.face_points.finish()),
            Arc::new(self.feature.finish()),
            Arc::new(self.face_space.finish()),
            Arc::new(self.gender.finish()),
            Arc::new(self.age.finish()),
            Arc::new(self.language.finish()),
            Arc::new(self.licence.finish()),
            Arc::new(self.audio_sha256.finish()),
            Arc::new(self.face_sha256.finish()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::samples;

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            samples::write(&path, &samples::pairs(0, 50)).unwrap();
            fs::read(path).unwrap()
        };
        assert_eq!(write("a.parquet"), write("b.parquet"));
    }

    #[test]
    fn a_feature_of_another_space_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.parquet");
        let check = |change: fn(&mut Pair), words: &[&str]| {
            let mut pair = samples::pairs(0, 1).remove(0);
            change(&mut pair);
            let message = samples::write(&path, &[pair]).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
            assert!(message.contains("train._00000"), "{message}");
        };
        check(|pair| pair.face_space = "vgg-face".into(), &["vgg-face", "mobileface"]);
        check(|pair| pair.feature.truncate(3), &["3 numbers", "mobileface has 8"]);
        check(|pair| pair.feature[1] = f32::NAN, &["not finite"]);
        // Not even a temporary file stays.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_seen_only_when_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.parquet");
        let mut writer = PairWriter::create(&path, &samples::info()).unwrap();
        writer.push(&samples::pairs(0, 1)[0]).unwrap();
        assert!(!path.exists());
        writer.finish().unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let path = Path::new("/nonexistent/pairs.parquet");
        let message = samples::write(path, &[]).unwrap_err().to_string();
        assert!(message.contains("/nonexistent"), "{message}");
    }
}
