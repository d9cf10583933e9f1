//! Converts the columns of Arrow to rows.

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, RecordBatch};
use s2f_core::hash::sha256;
use s2f_core::{FaceSpace, Normalisation, Sex};

use crate::file::PairFile;
use crate::split::Split;
use crate::{Pair, PairInfo, PairsError, valid};

/// Some rows of a file, in the columns that were asked for.
pub(crate) struct Batch<'a> {
    pub(crate) file: &'a PairFile,
    pub(crate) columns: RecordBatch,
}

impl Batch<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// A row; what was not asked for is empty. A voice, a face or a feature that cannot belong to
    /// its row is an error.
    pub(crate) fn pair(&self, row: usize) -> Result<Pair, PairsError> {
        let info = self.info(row)?;
        let [audio, face] = [self.bytes("audio", row)?, self.bytes("face", row)?];
        for (column, bytes, hash_column, hash) in [
            ("audio", &audio, "audio_sha256", &info.audio_sha256),
            ("face", &face, "face_sha256", &info.face_sha256),
        ] {
            if self.has(column) && sha256(bytes) != *hash {
                let (path, pair_id) = (self.file.path.clone(), info.pair_id);
                return Err(PairsError::Hash { path, pair_id, column: hash_column });
            }
        }
        let feature = self.list("feature", row)?;
        let space = &self.file.meta.face_space;
        if self.has("feature")
            && let Some(problem) = feature_problem(&feature, space)
        {
            let (path, pair_id) = (self.file.path.clone(), info.pair_id);
            return Err(PairsError::Feature { path, pair_id, problem });
        }
        let points = self.list("face_points", row)?;
        let mut face_points = [[0.0; 2]; 5];
        match face_points.as_flattened_mut() {
            flat if flat.len() == points.len() => flat.copy_from_slice(&points),
            _ => return Err(self.bad("face_points", format!("{} values", points.len()))),
        }
        Ok(Pair { info, audio, face, face_points, feature, face_space: space.name.clone() })
    }

    /// A row without its payload.
    pub(crate) fn info(&self, row: usize) -> Result<PairInfo, PairsError> {
        let pair_id = self.text("pair_id", row)?.to_owned();
        let seconds = self.number("seconds", row)?.unwrap_or_default();
        if let Some(problem) = valid::seconds_problem(seconds) {
            return Err(PairsError::Voice { path: self.file.path.clone(), pair_id, problem });
        }
        Ok(PairInfo {
            pair_id,
            speaker_id: self.text("speaker_id", row)?.to_owned(),
            source: self.text("source", row)?.to_owned(),
            split: self.split(row)?,
            seconds,
            sex: match self.optional("gender", row)? {
                None => None,
                Some("female") => Some(Sex::Female),
                Some("male") => Some(Sex::Male),
                Some(other) => return Err(self.bad("gender", other.to_owned())),
            },
            age: self.number("age", row)?,
            language: self.optional("language", row)?.map(str::to_owned),
            licence: self.text("licence", row)?.to_owned(),
            audio_sha256: self.text("audio_sha256", row)?.to_owned(),
            face_sha256: self.text("face_sha256", row)?.to_owned(),
        })
    }

    pub(crate) fn split(&self, row: usize) -> Result<Split, PairsError> {
        let name = self.text("split", row)?;
        Split::from_name(name).ok_or_else(|| self.bad("split", name.to_owned()))
    }

    pub(crate) fn text(&self, column: &'static str, row: usize) -> Result<&str, PairsError> {
        self.optional(column, row)?.ok_or_else(|| self.bad(column, "nothing".to_owned()))
    }

    fn optional(&self, column: &'static str, row: usize) -> Result<Option<&str>, PairsError> {
        let array = self.column(column)?.as_string_opt::<i32>();
        let array = array.ok_or_else(|| self.bad(column, "no text".to_owned()))?;
        Ok((!array.is_null(row)).then(|| array.value(row)))
    }

    fn number(&self, column: &'static str, row: usize) -> Result<Option<f32>, PairsError> {
        let array = self.column(column)?.as_primitive_opt::<Float32Type>();
        let array = array.ok_or_else(|| self.bad(column, "no number".to_owned()))?;
        Ok((!array.is_null(row)).then(|| array.value(row)))
    }

    fn bytes(&self, column: &'static str, row: usize) -> Result<Vec<u8>, PairsError> {
        if !self.has(column) {
            return Ok(Vec::new());
        }
        let array = self.column(column)?.as_binary_opt::<i32>();
        let array = array.ok_or_else(|| self.bad(column, "no bytes".to_owned()))?;
        Ok(array.value(row).to_vec())
    }

    fn list(&self, column: &'static str, row: usize) -> Result<Vec<f32>, PairsError> {
        if !self.has(column) {
            return Ok(Vec::new());
        }
        let none = || self.bad(column, "no list".to_owned());
        let values = self.column(column)?.as_list_opt::<i32>().ok_or_else(none)?.value(row);
        Ok(values.as_primitive_opt::<Float32Type>().ok_or_else(none)?.values().to_vec())
    }

    fn has(&self, column: &str) -> bool {
        self.columns.column_by_name(column).is_some()
    }

    fn column(&self, name: &'static str) -> Result<&dyn Array, PairsError> {
        let column = self.columns.column_by_name(name);
        column.map(AsRef::as_ref).ok_or_else(|| PairsError::NoColumn {
            path: self.file.path.clone(),
            column: name.into(),
        })
    }

    fn bad(&self, column: &'static str, value: String) -> PairsError {
        PairsError::Value { path: self.file.path.clone(), column, value }
    }
}

/// What is wrong with a feature of a file, if anything.
fn feature_problem(feature: &[f32], space: &FaceSpace) -> Option<String> {
    let name = &space.name;
    valid::feature_problem(feature, name, space.dimension).or_else(|| {
        let identity = &feature[..space.identity_dimension()];
        let is_wrong =
            space.normalisation == Normalisation::UnitLength && !valid::is_unit_length(identity);
        is_wrong.then(|| {
            let length = valid::length(identity);
            format!("a feature of length {length:.3}, those of {name} have length 1 here")
        })
    })
}
