//! Pairs as record batches of Arrow, for other programs in the same process.

use std::collections::VecDeque;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::file::{Batches, PairFile};
use crate::read::{HEAVY_ROWS, LIGHT_ROWS, info_columns};
use crate::row::Batch;
use crate::schema::{column, schema};
use crate::{PairSet, PairsError, Split};

/// A stream of record batches in Arrow's C interface, which other libraries read without a copy.
pub type ArrowStream = FFI_ArrowArrayStream;

impl PairSet {
    /// Names of the columns of a set.
    pub fn columns() -> Vec<String> {
        schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The rows of one split or of all, in their order, as record batches with the columns of these
    /// names, or all columns. Every voice, face and feature in them is checked as [`Self::rows`]
    /// checks it.
    ///
    /// # Errors
    /// [`PairsError::NoColumn`] if there is no column of such a name. What is found while reading
    /// ends the stream with an error.
    pub fn arrow_stream(
        &self,
        split: Option<Split>,
        columns: Option<&[String]>,
    ) -> Result<ArrowStream, PairsError> {
        let reader = Reader::new(self, split, columns)?;
        Ok(FFI_ArrowArrayStream::new(Box::new(reader)))
    }
}

/// Reads the files of a set one after the other.
struct Reader {
    files: VecDeque<PairFile>,
    split: Option<Split>,
    /// Columns to read, which has those that the checks need.
    read: Vec<usize>,
    rows: usize,
    /// The columns that were asked for.
    schema: SchemaRef,
    open: Option<(PairFile, Batches)>,
}

impl Reader {
    fn new(
        set: &PairSet,
        split: Option<Split>,
        columns: Option<&[String]>,
    ) -> Result<Self, PairsError> {
        let all = schema();
        let wanted: Vec<usize> = match columns {
            None => (0..column::COUNT).collect(),
            Some(names) => {
                let index = |name: &String| {
                    all.index_of(name).map_err(|_| PairsError::NoColumn {
                        path: set.path().to_owned(),
                        column: name.clone(),
                    })
                };
                names.iter().map(index).collect::<Result<_, _>>()?
            }
        };
        let mut read = [info_columns(), vec![column::FACE_POINTS], wanted.clone()].concat();
        read.sort_unstable();
        read.dedup();
        let is_heavy = read.contains(&column::AUDIO) || read.contains(&column::FACE);
        Ok(Self {
            files: set.files().to_vec().into(),
            split,
            read,
            rows: if is_heavy { HEAVY_ROWS } else { LIGHT_ROWS },
            // The indices are those of the schema.
            schema: all.project(&wanted).map(Into::into).unwrap_or(all),
            open: None,
        })
    }

    fn try_next(&mut self) -> Result<Option<RecordBatch>, PairsError> {
        loop {
            if let Some((file, batches)) = &mut self.open {
                if let Some(columns) = batches.next() {
                    let batch = Batch { file, columns: columns? };
                    (0..batch.rows()).try_for_each(|row| batch.pair(row).map(drop))?;
                    return project(&batch, &self.schema).map(Some);
                }
                self.open = None;
            }
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            let groups = (0..file.groups.len()).collect();
            let batches =
                file.reopen()?.batches(groups, &self.read, self.split, self.rows, &file.path)?;
            self.open = Some((file, batches));
        }
    }
}

/// The columns of `schema`, in that order.
fn project(batch: &Batch<'_>, schema: &SchemaRef) -> Result<RecordBatch, PairsError> {
    let column = |field: &arrow_schema::FieldRef| {
        batch.columns.column_by_name(field.name()).cloned().ok_or_else(|| PairsError::NoColumn {
            path: batch.file.path.clone(),
            column: field.name().clone(),
        })
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let damaged = |error: ArrowError| PairsError::Damaged {
        path: batch.file.path.clone(),
        reason: error.to_string(),
    };
    RecordBatch::try_new(schema.clone(), columns).map_err(damaged)
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.try_next().map_err(|error| ArrowError::ExternalError(Box::new(error)));
        if batch.is_err() {
            self.files.clear();
            self.open = None;
        }
        batch.transpose()
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::ffi_stream::RecordBatchStreamReader;
    use arrow_array::types::Float32Type;

    use super::*;
    use crate::{Pair, Payload, merge, samples};

    #[test]
    fn a_stream_has_the_rows_of_the_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        merge(&samples::parts(folder.path(), 9), &path).unwrap();
        let set = PairSet::open(&path).unwrap();
        for split in [None, Some(Split::Test)] {
            let stream = set.arrow_stream(split, None).unwrap();
            let reader = RecordBatchStreamReader::try_new(stream).unwrap();
            assert_eq!(reader.schema(), schema());
            let mut found = Vec::new();
            for batch in reader.map(Result::unwrap) {
                let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
                let bytes = |name: &str| batch.column_by_name(name).unwrap().as_binary::<i32>();
                for row in 0..batch.num_rows() {
                    let feature = batch.column_by_name("feature").unwrap();
                    let feature = feature.as_list::<i32>().value(row);
                    found.push((
                        text("pair_id").value(row).to_owned(),
                        bytes("audio").value(row).to_vec(),
                        bytes("face").value(row).to_vec(),
                        feature.as_primitive::<Float32Type>().values().to_vec(),
                    ));
                }
            }
            let rows: Vec<Pair> = set.rows(Payload::ALL, split).map(Result::unwrap).collect();
            assert!(rows.len() > 10);
            let expected = rows.into_iter().map(|row| {
                let Pair { info, audio, face, feature, .. } = row;
                (info.pair_id, audio, face, feature)
            });
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn columns_are_chosen_by_name_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        samples::write(&path, &samples::pairs(0, 9)).unwrap();
        let set = PairSet::open(&path).unwrap();
        let names = ["age", "pair_id", "face_space"].map(String::from);
        let stream = set.arrow_stream(None, Some(&names)).unwrap();
        let mut reader = RecordBatchStreamReader::try_new(stream).unwrap();
        let batch = reader.next().unwrap().unwrap();
        let found: Vec<_> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!((found.as_slice(), batch.num_rows()), (&names[..], 9));
        let message = set.arrow_stream(None, Some(&["sex".into()])).unwrap_err().to_string();
        assert!(message.contains("sex"), "{message}");
        assert_eq!(PairSet::columns().len(), column::COUNT);
    }

    #[test]
    fn a_damaged_voice_ends_the_stream() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.parquet");
        samples::write(&path, &samples::pairs(0, 9)).unwrap();
        let set = PairSet::open(&path).unwrap();
        let voice = set.rows(Payload::ALL, None).map(|row| row.unwrap().audio);
        let voice = voice.max_by_key(Vec::len).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(voice.len()).position(|window| window == voice).unwrap();
        bytes[at + voice.len() / 2] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let read = |columns: Option<&[String]>| {
            let stream = set.arrow_stream(None, columns).unwrap();
            RecordBatchStreamReader::try_new(stream).unwrap().collect::<Result<Vec<_>, _>>()
        };
        let message = read(None).unwrap_err().to_string();
        assert!(message.contains("audio_sha256"), "{message}");
        assert!(read(Some(&["pair_id".into()])).is_ok());
    }
}
