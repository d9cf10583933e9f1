//! Comparing hashes with the bytes that they are of.
//!
//! Each voice and each face that is read is compared with its hash (see `row.rs`). Leak checks and
//! searches for duplicates read only the hashes, so opening a set reads a sample of whole rows.

use crate::PairsError;
use crate::file::PairFile;
use crate::row::Batch;

/// Rows of a set that are compared with their hashes whenever it is opened: enough that, if one row
/// in twenty is wrong, the sample misses all of them with a probability of 0.95^64 = 4 %.
const SAMPLED: u64 = 64;

/// Compares the hashes of some rows, spread evenly over all files, with their bytes.
pub(crate) fn verify_sample(files: &[PairFile]) -> Result<(), PairsError> {
    let pairs: u64 = files.iter().map(PairFile::pairs).sum();
    let mut sample = sample(pairs).peekable();
    let mut start = 0;
    for file in files {
        let end = start + file.pairs();
        let mut numbers = Vec::new();
        while let Some(number) = sample.next_if(|&number| number < end) {
            numbers.push(number - start);
        }
        start = end;
        if numbers.is_empty() {
            continue;
        }
        for batch in file.reopen()?.chosen(&numbers, &file.path)? {
            let batch = Batch { file, columns: batch? };
            for row in 0..batch.rows() {
                batch.pair(row)?;
            }
        }
    }
    Ok(())
}

/// Numbers of the rows that are sampled of `pairs`, rising: the same each time.
fn sample(pairs: u64) -> impl Iterator<Item = u64> {
    let count = pairs.min(SAMPLED);
    // In 128 bits, as a damaged file may state any number of rows.
    (0..count).map(move |n| (u128::from(n) * u128::from(pairs) / u128::from(count)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly() {
        assert_eq!(sample(0).count(), 0);
        assert_eq!(sample(3).collect::<Vec<_>>(), [0, 1, 2]);
        let rows: Vec<u64> = sample(6400).collect();
        assert_eq!((rows.len(), rows[0], rows[63]), (64, 0, 6300));
        assert!(rows.windows(2).all(|two| two[1] - two[0] == 100));
    }
}
