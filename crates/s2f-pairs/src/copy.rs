//! Copying row groups byte by byte, without decoding them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use s2f_core::AtomicFile;

use crate::PairsError;
use crate::error::parquet_error;
use crate::file::{OpenFile, PairFile};
use crate::meta::Meta;
use crate::row::Batch;
use crate::schema::{column, parquet_schema, properties};
use crate::split::Split;

/// A file of pairs that is composed of the row groups of others.
pub(crate) struct Copy<'a> {
    path: &'a Path,
    writer: SerializedFileWriter<AtomicFile>,
}

impl<'a> Copy<'a> {
    pub(crate) fn begin(path: &'a Path, meta: &Meta) -> Result<Self, PairsError> {
        let failed = parquet_error("write", path);
        let schema = parquet_schema().map_err(&failed)?.root_schema_ptr();
        let properties = Arc::new(properties(meta.to_key_values()));
        let writer = SerializedFileWriter::new(AtomicFile::create(path)?, schema, properties);
        Ok(Self { path, writer: writer.map_err(failed)? })
    }

    /// Adds all row groups of a file, with its splits, or with those of `splits`.
    pub(crate) fn append(
        &mut self,
        source: &PairFile,
        splits: Option<&BTreeMap<String, Split>>,
    ) -> Result<(), PairsError> {
        let open = source.reopen()?;
        for group in 0..source.groups.len() {
            let names = match splits {
                None => None,
                Some(splits) => Some(split_names(source, group, splits)?),
            };
            let mut target =
                self.writer.next_row_group().map_err(parquet_error("write", self.path))?;
            append_group(&mut target, &open, group, names.as_deref())
                .map_err(parquet_error("write", self.path))?;
            target.close().map_err(parquet_error("write", self.path))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), PairsError> {
        let file = self.writer.into_inner().map_err(parquet_error("write", self.path))?;
        Ok(file.commit()?)
    }
}

fn append_group(
    target: &mut SerializedRowGroupWriter<'_, AtomicFile>,
    source: &OpenFile,
    group: usize,
    splits: Option<&[ByteArray]>,
) -> Result<(), parquet::errors::ParquetError> {
    let group = source.footer.row_group(group);
    for (number, chunk) in group.columns().iter().enumerate() {
        match splits {
            Some(names) if number == column::SPLIT => {
                if let Some(mut writer) = target.next_column()? {
                    writer.typed::<ByteArrayType>().write_batch(names, None, None)?;
                    writer.close()?;
                }
            }
            _ => {
                let chunk = ColumnCloseResult {
                    bytes_written: chunk.compressed_size().unsigned_abs(),
                    rows_written: group.num_rows().unsigned_abs(),
                    metadata: chunk.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                target.append_column(&source.file, chunk)?;
            }
        }
    }
    Ok(())
}

/// The new split of each row.
fn split_names(
    source: &PairFile,
    group: usize,
    splits: &BTreeMap<String, Split>,
) -> Result<Vec<ByteArray>, PairsError> {
    let mut names = Vec::new();
    let open = source.reopen()?;
    for batch in open.batches(vec![group], &[column::SPEAKER_ID], None, 8192, &source.path)? {
        let batch = Batch { file: source, columns: batch? };
        for row in 0..batch.rows() {
            let speaker = batch.text("speaker_id", row)?;
            let split = splits.get(speaker);
            // All speakers were read from this file before, so it must have changed.
            let changed = || PairsError::Changed { path: source.path.clone() };
            names.push(ByteArray::from(split.ok_or_else(changed)?.name()));
        }
    }
    Ok(names)
}
