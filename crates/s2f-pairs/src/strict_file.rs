//! A file that Parquet is read from, whose end is an error.
//!
//! A page header may claim more than there is. The Parquet reader then skips what is claimed, one
//! empty read after the other, for hours if the claim is large. With an error it stops at once.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A file for the Parquet reader.
#[derive(Debug)]
pub(crate) struct StrictFile(pub(crate) File);

/// Reads from a file; at its end there is an error.
#[derive(Debug)]
pub(crate) struct UntilEnd(File);

impl StrictFile {
    fn at(&self, start: u64) -> Result<UntilEnd> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(UntilEnd(file))
    }
}

impl Length for StrictFile {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for StrictFile {
    type T = BufReader<UntilEnd>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.at(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let left = Length::len(self).saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes at {start}, {left} are left")));
        }
        let mut bytes = vec![0; length];
        self.at(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Read for UntilEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_is_an_error_and_the_rest_is_as_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"0123456789").unwrap();
        let file = StrictFile(File::open(path).unwrap());
        assert_eq!(Length::len(&file), 10);
        assert_eq!(&file.get_bytes(2, 3).unwrap()[..], b"234");
        assert!(file.get_bytes(8, 3).is_err() && file.get_bytes(11, 1).is_err());
        let mut read = String::new();
        file.get_read(7).unwrap().take(3).read_to_string(&mut read).unwrap();
        assert_eq!(read, "789");
        let skipped = io::copy(&mut file.get_read(7).unwrap().take(4), &mut io::sink());
        assert_eq!(skipped.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
