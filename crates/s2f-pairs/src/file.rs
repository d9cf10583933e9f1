//! One file of pairs: checked on opening, read in batches.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader};
use s2f_core::FileError;

use crate::PairsError;
use crate::error::parquet_error;
use crate::meta::{Meta, MetaProblem};
use crate::schema::{column, parquet_schema};
use crate::split::Split;
use crate::strict_file::StrictFile;

/// First and last bytes of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// The metadata of a file of pairs; its rows are read from the disk each time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PairFile {
    pub(crate) path: PathBuf,
    pub(crate) meta: Meta,
    /// Rows of each row group.
    pub(crate) groups: Vec<u64>,
}

/// An open file of pairs.
pub(crate) struct OpenFile {
    pub(crate) file: StrictFile,
    pub(crate) footer: Arc<ParquetMetaData>,
}

impl PairFile {
    /// Opens a file and checks everything that can be checked without reading its rows.
    pub(crate) fn open(path: &Path) -> Result<(Self, OpenFile), PairsError> {
        let mut file = File::open(path).map_err(FileError::at("open", path))?;
        let length = check_ends(&mut file, path)?;
        // Kept as they are, so that a copy has the statistics of its original.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let reader = ParquetMetaDataReader::new().with_metadata_options(Some(options));
        let file = StrictFile(file);
        let footer = guarded(path, || reader.parse_and_finish(&file))?;
        let meta = read_meta(&footer, path)?;
        check_schema(&footer, path)?;
        let meta = meta.ok_or_else(|| PairsError::Foreign { path: path.to_owned() })?;
        let groups = check_groups(&footer, length, path)?;
        let found = Self { path: path.to_owned(), meta, groups };
        Ok((found, OpenFile { file, footer: Arc::new(footer) }))
    }

    /// Opens the file again, to read from it.
    pub(crate) fn reopen(&self) -> Result<OpenFile, PairsError> {
        let (found, open) = Self::open(&self.path)?;
        if found != *self {
            return Err(PairsError::Changed { path: self.path.clone() });
        }
        Ok(open)
    }

    pub(crate) fn pairs(&self) -> u64 {
        self.groups.iter().sum()
    }
}

impl OpenFile {
    /// Reads single rows by their number in the file, in rising order, with all columns.
    pub(crate) fn chosen(self, numbers: &[u64], path: &Path) -> Result<Batches, PairsError> {
        let groups: Vec<usize> = (0..self.footer.num_row_groups()).collect();
        let columns: Vec<usize> = (0..column::COUNT).collect();
        let rows = self.batch_rows(&groups, &columns, numbers.len().max(1), path)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(path, || ArrowReaderMetadata::try_new(self.footer, options))?;
        let mut selectors = Vec::new();
        let mut next = 0;
        for &number in numbers {
            selectors.push(RowSelector::skip((number - next) as usize));
            selectors.push(RowSelector::select(1));
            next = number + 1;
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file, metadata)
            .with_row_selection(RowSelection::from(selectors))
            .with_batch_size(rows);
        let reader = guarded(path, || builder.build())?;
        Ok(Batches { reader, path: path.to_owned() })
    }

    /// Reads the given columns of the given row groups, `rows` at a time; only the rows of one
    /// split, if asked.
    pub(crate) fn batches(
        self,
        groups: Vec<usize>,
        columns: &[usize],
        split: Option<Split>,
        rows: usize,
        path: &Path,
    ) -> Result<Batches, PairsError> {
        let read = [columns, &[column::SPLIT]].concat();
        let rows = self.batch_rows(&groups, &read, rows, path)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(path, || ArrowReaderMetadata::try_new(self.footer, options))?;
        let schema = metadata.parquet_schema();
        let mask = ProjectionMask::roots(schema, columns.iter().copied());
        let split_mask = ProjectionMask::roots(schema, [column::SPLIT]);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file, metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(rows);
        if let Some(split) = split {
            let is_wanted = ArrowPredicateFn::new(split_mask, move |batch: RecordBatch| {
                let names = batch.column(0);
                let names = arrow_array::cast::AsArray::as_string_opt::<i32>(names.as_ref());
                let names = names.into_iter().flatten();
                Ok(names.map(|name| Some(name == Some(split.name()))).collect())
            });
            builder = builder.with_row_filter(RowFilter::new(vec![Box::new(is_wanted)]));
        }
        let reader = guarded(path, || builder.build())?;
        Ok(Batches { reader, path: path.to_owned() })
    }
}

/// Batches of a file's rows.
pub(crate) struct Batches {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, PairsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = || self.reader.next().transpose().map_err(ParquetError::from);
        guarded(&self.path, next).transpose()
    }
}

/// Calls the Parquet library. It panics if page headers lack some fields (60.1,
/// `column/page.rs`); the panic becomes an error here.
pub(crate) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, PairsError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(parquet_error("read", path)),
        Err(_) => {
            let reason = "a header of a page lacks a field".to_owned();
            Err(PairsError::Damaged { path: path.to_owned(), reason })
        }
    }
}

/// Length of the file, bytes, if it begins and ends as Parquet does.
fn check_ends(file: &mut File, path: &Path) -> Result<u64, PairsError> {
    let failed = || FileError::at("read", path);
    let length = file.metadata().map_err(failed())?.len();
    if length == 0 {
        return Err(PairsError::Empty { path: path.to_owned() });
    }
    let mut ends = [[0; 4]; 2];
    if length >= 8 {
        file.read_exact(&mut ends[0]).map_err(failed())?;
        file.seek(SeekFrom::End(-4)).map_err(failed())?;
        file.read_exact(&mut ends[1]).map_err(failed())?;
    }
    match ends.map(|end| &end == MAGIC) {
        [true, true] => Ok(length),
        [true, false] => Err(PairsError::Truncated { path: path.to_owned(), what: "bytes are" }),
        [false, _] => Err(PairsError::NotParquet { path: path.to_owned() }),
    }
}

/// The metadata of the file; `None` if another program wrote it.
fn read_meta(footer: &ParquetMetaData, path: &Path) -> Result<Option<Meta>, PairsError> {
    let keys = footer.file_metadata().key_value_metadata();
    let path = path.to_owned();
    match Meta::from_key_values(keys.map_or(&[], Vec::as_slice)) {
        Ok(meta) => Ok(Some(meta)),
        Err(MetaProblem::Foreign) => Ok(None),
        Err(MetaProblem::Version(found)) => Err(PairsError::Version { path, found }),
        Err(MetaProblem::Key(key)) => {
            Err(PairsError::Damaged { path, reason: format!("its key {key} is malformed") })
        }
    }
}

/// The columns must be exactly those of a pair.
fn check_schema(footer: &ParquetMetaData, path: &Path) -> Result<(), PairsError> {
    let wanted = parquet_schema().map_err(parquet_error("read", path))?;
    let (wanted, found) = (wanted.root_schema(), footer.file_metadata().schema());
    let path = path.to_owned();
    let kind = |ty: &parquet::schema::types::Type| {
        let mut text = Vec::new();
        parquet::schema::printer::print_schema(&mut text, ty);
        let text = String::from_utf8_lossy(&text);
        let words: Vec<&str> = text.trim_end().trim_end_matches(';').split_whitespace().collect();
        words.join(" ")
    };
    for field in wanted.get_fields() {
        let column = field.name().to_owned();
        match found.get_fields().iter().find(|other| other.name() == field.name()) {
            None => return Err(PairsError::NoColumn { path, column }),
            Some(other) if other != field => {
                let (found, expected) = (kind(other), kind(field));
                return Err(PairsError::Column { path, column, found, expected });
            }
            Some(_) => {}
        }
    }
    if let Some(other) = found
        .get_fields()
        .iter()
        .zip(wanted.get_fields().iter().map(Some).chain(std::iter::repeat(None)))
        .find_map(|(found, wanted)| (Some(found) != wanted).then_some(found))
    {
        let (column, expected) = (other.name().to_owned(), "a column of pairs in its place".into());
        return Err(PairsError::Column { path, column, found: kind(other), expected });
    }
    Ok(())
}

/// Number of rows of each row group, all of whose bytes must be there.
fn check_groups(
    footer: &ParquetMetaData,
    length: u64,
    path: &Path,
) -> Result<Vec<u64>, PairsError> {
    let damaged =
        |reason: &str| PairsError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let mut groups = Vec::with_capacity(footer.num_row_groups());
    for group in footer.row_groups() {
        let rows = u64::try_from(group.num_rows())
            .map_err(|_| damaged("a row group has a negative number of rows"))?;
        for chunk in group.columns() {
            // Not `byte_range`, which panics on negative offsets.
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size());
            let fits = start >= 4
                && chunk.compressed_size() >= 0
                && chunk.data_page_offset() >= start
                && end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= length);
            if !fits {
                return Err(damaged("a column lies beyond the end of the file"));
            }
        }
        groups.push(rows);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::KeyValue;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::schema::{properties, schema};
    use crate::{PairSet, Payload, samples};

    /// What opening a file of these bytes says.
    fn message(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs-00000.parquet");
        fs::write(&path, bytes).unwrap();
        let message = PairSet::open(&path).unwrap_err().to_string();
        assert!(message.contains("pairs-00000.parquet"), "{message}");
        assert!(message.contains("hint: "), "{message}");
        message
    }

    fn good() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("good.parquet");
        samples::write(&path, &samples::pairs(0, 60)).unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        let good = good();
        let check = |bytes: &[u8], words: &str| {
            let message = message(bytes);
            assert!(message.contains(words), "{message}");
        };
        check(b"", "zero bytes");
        check(b"PAR1", "not a Parquet file");
        check(b"this is a text, not a table", "not a Parquet file");
        check(&good[..good.len() / 2], "cut off");
        check(&good[..good.len() - 1], "cut off");
        check(b"PAR1PAR1", "damaged");
        // The middle is gone, the end is there.
        let footer = &good[good.len() - 12_000.min(good.len() / 2)..];
        check(&[b"PAR1", footer].concat(), "damaged");
    }

    #[test]
    fn a_foreign_file_is_told_by_its_columns() {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let other = RecordBatch::try_from_iter([("speaker_id", names.clone())]).unwrap();
        let wrong = RecordBatch::try_from_iter(
            schema().fields().iter().map(|field| (field.name(), names.clone())),
        );
        let write = |batch: RecordBatch| {
            let mut bytes = Vec::new();
            let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            bytes
        };
        let said = message(&write(other));
        assert!(said.contains("no column pair_id"), "{said}");
        let said = message(&write(wrong.unwrap()));
        assert!(said.contains("column audio is REQUIRED BYTE_ARRAY audio (STRING), not"), "{said}");
    }

    #[test]
    fn other_formats_are_named() {
        let write = |keys: Vec<KeyValue>| {
            let mut bytes = Vec::new();
            let properties = properties(keys);
            ArrowWriter::try_new(&mut bytes, schema(), Some(properties)).unwrap().close().unwrap();
            bytes
        };
        let said = message(&write(Vec::new()));
        assert!(said.contains("does not say its format"), "{said}");
        let key = KeyValue::new("speech2face.format".to_owned(), "7".to_owned());
        let said = message(&write(vec![key]));
        assert!(said.contains("format 7"), "{said}");
    }

    #[test]
    fn a_directory_or_a_missing_file_is_an_error_of_the_system() {
        for path in [Path::new("/nonexistent/pairs-00000.parquet"), Path::new("/")] {
            assert!(PairSet::open(path).is_err());
        }
    }

    /// For any content of a file, the result is an error or rows, never a panic.
    #[test]
    fn changed_bytes_never_panic() {
        let good = good();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changed.parquet");
        let mut random = StdRng::seed_from_u64(1);
        for round in 0..1000 {
            let mut bytes = good.clone();
            // Half of the rounds in the footer, where the structure is.
            let from = if round % 2 == 0 { 0 } else { good.len() - good.len() / 20 };
            for _ in 0..=round % 4 {
                let at = random.random_range(from..bytes.len());
                bytes[at] = random.random();
            }
            fs::write(&path, bytes).unwrap();
            if let Ok(set) = PairSet::open(&path) {
                let _ = set.rows(Payload::ALL, Some(Split::Test)).last();
                let _ = set.rows(Payload::ALL, None).last();
            }
        }
    }
}
