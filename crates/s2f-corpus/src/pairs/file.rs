//! One file of pairs: opened with every doubt, read in batches.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader};

use super::PairsError;
use super::error::parquet_error;
use super::meta::{Meta, MetaProblem};
use super::schema::{column, parquet_schema};
use crate::CorpusError;
use crate::split::Split;

/// First and last bytes of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// What is known of a file of pairs; its rows are read from the disk each time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PairFile {
    pub(super) path: PathBuf,
    pub(super) meta: Meta,
    /// Rows of each row group.
    pub(super) groups: Vec<u64>,
}

/// A file of pairs that is open.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) footer: Arc<ParquetMetaData>,
}

impl PairFile {
    /// Opens a file and checks everything that can be checked without reading its rows.
    pub(super) fn open(path: &Path) -> Result<(Self, OpenFile), CorpusError> {
        let mut file = File::open(path).map_err(CorpusError::io("open", path))?;
        let length = check_ends(&mut file, path)?;
        // Kept as they are, so that a copy says what its original does.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let footer = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .parse_and_finish(&file)
            .map_err(parquet_error("read", path))?;
        let meta = read_meta(&footer, path)?;
        check_schema(&footer, path)?;
        let meta = meta.ok_or_else(|| PairsError::Foreign { path: path.to_owned() })?;
        let groups = check_groups(&footer, length, path)?;
        let found = Self { path: path.to_owned(), meta, groups };
        Ok((found, OpenFile { file, footer: Arc::new(footer) }))
    }

    /// Opens the file again, to read from it.
    pub(super) fn reopen(&self) -> Result<OpenFile, CorpusError> {
        let (found, open) = Self::open(&self.path)?;
        if found != *self {
            return Err(PairsError::Changed { path: self.path.clone() }.into());
        }
        Ok(open)
    }

    pub(super) fn pairs(&self) -> u64 {
        self.groups.iter().sum()
    }
}

impl OpenFile {
    /// Reads the given columns of the given row groups, `rows` at a time; only the rows of one
    /// split where asked.
    pub(super) fn batches(
        self,
        groups: Vec<usize>,
        columns: &[usize],
        split: Option<Split>,
        rows: usize,
        path: &Path,
    ) -> Result<Batches, CorpusError> {
        let failed = parquet_error("read", path);
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(self.footer, options).map_err(&failed)?;
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
        let reader = builder.build().map_err(&failed)?;
        Ok(Batches { reader, path: path.to_owned() })
    }
}

/// Batches of a file's rows.
pub(super) struct Batches {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| parquet_error("read", &self.path)(error.into())))
    }
}

/// Length of the file, bytes, if it begins and ends as Parquet does.
fn check_ends(file: &mut File, path: &Path) -> Result<u64, CorpusError> {
    let failed = || CorpusError::io("read", path);
    let length = file.metadata().map_err(failed())?.len();
    if length == 0 {
        return Err(PairsError::Empty { path: path.to_owned() }.into());
    }
    let mut ends = [[0; 4]; 2];
    if length >= 8 {
        file.read_exact(&mut ends[0]).map_err(failed())?;
        file.seek(SeekFrom::End(-4)).map_err(failed())?;
        file.read_exact(&mut ends[1]).map_err(failed())?;
    }
    match ends.map(|end| &end == MAGIC) {
        [true, true] => Ok(length),
        [true, false] => {
            Err(PairsError::Truncated { path: path.to_owned(), what: "bytes are" }.into())
        }
        [false, _] => Err(PairsError::NotParquet { path: path.to_owned() }.into()),
    }
}

/// What the file says about itself; none where another program wrote it.
fn read_meta(footer: &ParquetMetaData, path: &Path) -> Result<Option<Meta>, CorpusError> {
    let keys = footer.file_metadata().key_value_metadata();
    let path = path.to_owned();
    match Meta::from_key_values(keys.map_or(&[], Vec::as_slice)) {
        Ok(meta) => Ok(Some(meta)),
        Err(MetaProblem::Foreign) => Ok(None),
        Err(MetaProblem::Version(found)) => Err(PairsError::Version { path, found }.into()),
        Err(MetaProblem::Key(key)) => {
            Err(PairsError::Damaged { path, reason: format!("its key {key} makes no sense") }
                .into())
        }
    }
}

/// The columns must be exactly those of a pair.
fn check_schema(footer: &ParquetMetaData, path: &Path) -> Result<(), CorpusError> {
    let wanted = parquet_schema().map_err(parquet_error("read", path))?;
    let (wanted, found) = (wanted.root_schema(), footer.file_metadata().schema());
    let path = path.to_owned();
    let kind = |ty: &parquet::schema::types::Type| {
        let mut text = Vec::new();
        parquet::schema::printer::print_schema(&mut text, ty);
        String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for field in wanted.get_fields() {
        let column = field.name().to_owned();
        match found.get_fields().iter().find(|other| other.name() == field.name()) {
            None => return Err(PairsError::NoColumn { path, column }.into()),
            Some(other) if other != field => {
                let (found, expected) = (kind(other), kind(field));
                return Err(PairsError::Column { path, column, found, expected }.into());
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
        return Err(PairsError::Column { path, column, found: kind(other), expected }.into());
    }
    Ok(())
}

/// Rows of each row group, all of whose bytes must be there.
fn check_groups(
    footer: &ParquetMetaData,
    length: u64,
    path: &Path,
) -> Result<Vec<u64>, CorpusError> {
    let damaged =
        |reason: &str| PairsError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let mut groups = Vec::with_capacity(footer.num_row_groups());
    for group in footer.row_groups() {
        let rows = u64::try_from(group.num_rows())
            .map_err(|_| damaged("a row group says that it has less than no rows"))?;
        for chunk in group.columns() {
            // Not `byte_range`, which does not expect offsets below zero.
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size());
            let fits = start >= 4
                && chunk.compressed_size() >= 0
                && chunk.data_page_offset() >= start
                && end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= length);
            if !fits {
                return Err(damaged("a column lies beyond the end of the file").into());
            }
        }
        groups.push(rows);
    }
    Ok(groups)
}
