//! SHA-256 and its hexadecimal form; and the SHA-1 by which git names a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha1::Sha1;
pub use sha2::{Digest, Sha256};

use crate::FileError;

/// Bytes as lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of `bytes`, 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of the file at `path`, 64 hexadecimal digits; the file is read as a stream.
///
/// # Errors
/// [`FileError`] with the path and the operating system's reason.
pub fn sha256_file(path: &Path) -> Result<String, FileError> {
    let read = || {
        let mut hash = HashWriter::default();
        io::copy(&mut File::open(path)?, &mut hash)?;
        Ok(hash.finish())
    };
    read().map_err(FileError::at("read", path))
}

/// Hashes all bytes that are written to it.
#[derive(Debug, Clone, Default)]
pub struct HashWriter(Sha256);

impl HashWriter {
    /// SHA-256 of all bytes written so far, 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name that git gives a file of these bytes, 40 hexadecimal digits: the SHA-1 of a header with
/// its length, and the bytes. SHA-1 tells damage from the original, not an attack: two files of one
/// name can be made.
#[derive(Debug, Clone)]
pub struct GitBlobWriter(Sha1);

impl GitBlobWriter {
    /// For a file of `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Sha1::new_with_prefix(format!("blob {bytes}\0")))
    }

    /// The name for all bytes written, which must be as many as announced.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

impl Write for GitBlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4, example B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(sha256(b"abc"), ABC);
        let mut writer = HashWriter::default();
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        assert_eq!(writer.finish(), ABC);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), ABC);
    }

    // `printf 'hello\n' | git hash-object --stdin`, and of nothing.
    #[test]
    fn git_names_files_likewise() {
        let name = |bytes: &[u8]| {
            let mut writer = GitBlobWriter::new(bytes.len() as u64);
            writer.write_all(bytes).unwrap();
            writer.finish()
        };
        assert_eq!(name(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(name(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = sha256_file(Path::new("no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such/file; hint: "), "{error}");
    }
}
