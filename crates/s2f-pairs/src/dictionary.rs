//! Columns with dictionaries: a few values that many rows repeat.
//!
//! A small file can repeat a long value in each row, which fills the memory when a batch of rows is
//! read. Files of this program have no dictionaries for long values.

use std::path::Path;
use std::sync::Arc;

use parquet::column::page::{Page, PageReader};
use parquet::file::serialized_reader::SerializedPageReader;
use s2f_core::FileError;

use crate::PairsError;
use crate::file::{OpenFile, guarded};
use crate::strict_file::StrictFile;

/// Values in memory of one column's batch, if a dictionary repeats a long one in each row, bytes.
const MAX_BATCH_BYTES: usize = 64 << 20;

impl OpenFile {
    /// `rows`, or fewer if some dictionary has values so long that a batch that repeats one of them
    /// would not fit [`MAX_BATCH_BYTES`].
    pub(crate) fn batch_rows(
        &self,
        groups: &[usize],
        columns: &[usize],
        rows: usize,
        path: &Path,
    ) -> Result<usize, PairsError> {
        let file =
            Arc::new(self.file.0.try_clone().map(StrictFile).map_err(FileError::at("read", path))?);
        let mut longest = 1;
        for group in groups.iter().map(|&group| self.footer.row_group(group)) {
            // A root that is a list has one leaf, so leaves are numbered as roots are.
            for chunk in columns.iter().map(|&column| group.column(column)) {
                if chunk.dictionary_page_offset().is_none() {
                    continue;
                }
                let page = guarded(path, || {
                    let rows = group.num_rows().try_into().unwrap_or(0);
                    SerializedPageReader::new(file.clone(), chunk, rows, None)?.get_next_page()
                })?;
                if let Some(Page::DictionaryPage { buf, .. }) = page {
                    longest = longest.max(buf.len());
                }
            }
        }
        Ok(rows.min(MAX_BATCH_BYTES / longest).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use arrow_array::{BinaryArray, RecordBatch};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::file::PairFile;
    use crate::samples;
    use crate::schema::{column, properties, schema};

    #[test]
    fn a_long_value_in_a_dictionary_is_not_repeated_beyond_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs-00000.parquet");
        samples::write(&path, &samples::pairs(0, 60)).unwrap();
        let all: Vec<usize> = (0..column::COUNT).collect();
        let batches = |rows: usize| {
            let (file, open) = PairFile::open(&path).unwrap();
            let keys = open.footer.file_metadata().key_value_metadata().unwrap().clone();
            let groups = (0..file.groups.len()).collect();
            (open.batches(groups, &all, None, rows, &path).unwrap(), keys)
        };
        // One recording of 2 MiB for all 60 people.
        let (mut read, keys) = batches(60);
        let batch = read.next().unwrap().unwrap();
        let long = vec![7_u8; 2 << 20];
        let audio = BinaryArray::from_iter_values(std::iter::repeat_n(&long, batch.num_rows()));
        let mut columns = batch.columns().to_vec();
        columns[column::AUDIO] = Arc::new(audio);
        let batch = RecordBatch::try_new(schema(), columns).unwrap();
        let properties = properties(keys)
            .into_builder()
            .set_column_dictionary_enabled("audio".into(), true)
            .set_dictionary_page_size_limit(8 << 20)
            .build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 4 << 20);
        let rows: Vec<usize> = batches(60).0.map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(rows, [31, 29]); // with 4 bytes for the length of each value
    }
}
