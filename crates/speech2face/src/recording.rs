//! A recording, together with the hash of the file it came from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use s2f_audio::{AudioError, Limits, Problem, Waveform};
use s2f_core::hash::{Digest, Sha256};

/// A voice and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    voice: Waveform,
    sha256: String,
}

impl Recording {
    /// Reads the recording in the file at `path`.
    ///
    /// # Errors
    /// [`AudioError`], which names the file, the problem and a way out.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, AudioError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| failed_to_read(&name, &error))?;
        Self::from_reader(file, &name, limits)
    }

    /// Reads a whole file from `reader`, for example from standard input; messages call it `name`.
    ///
    /// # Errors
    /// As [`Recording::read`].
    pub fn from_reader(reader: impl Read, name: &str, limits: &Limits) -> Result<Self, AudioError> {
        let mut bytes = Vec::new();
        // One byte over the limit is enough for the decoder to refuse it.
        reader
            .take(limits.max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| failed_to_read(name, &error))?;
        let sha256 = sha256(&bytes);
        Ok(Self { voice: s2f_audio::decode(bytes, name, limits)?, sha256 })
    }

    /// The voice.
    pub fn voice(&self) -> &Waveform {
        &self.voice
    }

    /// SHA-256 of the file, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn failed_to_read(name: &str, error: &io::Error) -> AudioError {
    AudioError { file: Some(name.to_owned()), problem: Problem::Io(error.to_string()) }
}

/// SHA-256 of `bytes`, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha256() {
        // FIPS 180-4, example B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_reader_is_read_no_further_than_the_limit() {
        let limits = Limits { max_bytes: 1000, ..Limits::default() };
        let problem = Recording::from_reader(io::repeat(0), "zeros", &limits).unwrap_err();
        assert_eq!(problem.problem, Problem::TooBig { max_bytes: 1000 });
        assert_eq!(problem.file.as_deref(), Some("zeros"));
    }
}
