//! Writing a file of pairs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Float32Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use s2f_core::hash::sha256;
use s2f_core::{AtomicFile, FaceSpace, Normalisation, Sex};

use crate::error::parquet_error;
use crate::meta::{Meta, PairFileInfo};
use crate::schema::{list_item, properties, schema};
use crate::valid::{feature_problem, is_unit_length, seconds_problem};
use crate::{Pair, PairsError};

/// Size of a row group, bytes: what a writer holds in memory, and about what a reader of all
/// columns does.
const GROUP_BYTES: usize = 32 << 20;
/// Maximum number of rows of a row group, for small pairs.
const GROUP_ROWS: usize = 4096;

/// Writes one file of pairs, row by row. The file appears under its name on
/// [`PairWriter::finish`]. Holds up to about three row groups of 32 MiB in memory.
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
    /// [`PairsError::File`] if the system refuses.
    pub fn create(path: &Path, info: &PairFileInfo) -> Result<Self, PairsError> {
        let options = ArrowWriterOptions::new()
            // It is redundant, and its order changes from run to run.
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
    /// [`PairsError::Feature`] if the feature is of another face space or dimension than the file,
    /// or not finite; [`PairsError::Voice`] if the voice has no possible length;
    /// [`PairsError::Hash`] if the pair has a hash that is not that of its bytes;
    /// [`PairsError::File`] if the system refuses.
    pub fn push(&mut self, pair: &Pair) -> Result<(), PairsError> {
        self.check(pair)?;
        let hashes = [
            self.hash(pair, "audio_sha256", &pair.audio, &pair.info.audio_sha256)?,
            self.hash(pair, "face_sha256", &pair.face, &pair.info.face_sha256)?,
        ];
        if !is_unit_length(&pair.feature) {
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

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`PairsError::File`] if the system refuses; there is no file then.
    pub fn finish(mut self) -> Result<(), PairsError> {
        self.flush()?;
        let meta = Meta {
            face_space: FaceSpace {
                name: self.info.face_space,
                dimension: self.info.face_dimension,
                normalisation: self.normalisation,
                traits: Vec::new(),
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
        let (path, pair_id) = (|| self.path.clone(), || pair.info.pair_id.clone());
        if let Some(problem) = seconds_problem(pair.info.seconds) {
            return Err(PairsError::Voice { path: path(), pair_id: pair_id(), problem });
        }
        let problem = if pair.face_space == *space {
            feature_problem(&pair.feature, space, dimension)
        } else {
            Some(format!("a feature of {} among those of {space}", pair.face_space))
        };
        problem.map_or(Ok(()), |problem| {
            Err(PairsError::Feature { path: path(), pair_id: pair_id(), problem })
        })
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

/// Rows of the next row group, column by column.
struct Group {
    /// Size of voices, faces and features.
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

    /// The columns in the order of the schema; empties the group.
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
