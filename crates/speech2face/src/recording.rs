//! Recordings: a voice and the hash of the file it came from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use s2f_audio::{AudioError, Limits, Problem, Waveform};
use s2f_core::hash::sha256;

/// A voice and the hash of the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceRecording {
    voice: Waveform,
    sha256: String,
}

impl VoiceRecording {
    /// Reads the recording in the file at `path`.
    ///
    /// # Errors
    /// [`AudioError`], which names the file and the problem, with a hint.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, AudioError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| failed_to_read(&name, &error))?;
        Self::from_reader(file, &name, limits)
    }

    /// Reads a whole file from `reader`, for example from standard input; messages call it `name`.
    ///
    /// # Errors
    /// As [`VoiceRecording::read`].
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

    /// A voice that did not come from a file, for example from a microphone; `bytes` is what it
    /// was made of, for the hash.
    pub fn from_voice(voice: Waveform, bytes: &[u8]) -> Self {
        Self { voice, sha256: sha256(bytes) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the file, from `sha256sum examples/voices/low.flac`.
    const LOW: &str = "5086c65e3a6500229aaf28adfc3e88c58a612ce5f9a4e3426f33a31e7669edd3";

    #[test]
    fn the_hash_is_that_of_the_file() {
        let path = s2f_testing::project("examples/voices/low.flac");
        let recording = VoiceRecording::read(&path, &Limits::default()).unwrap();
        assert_eq!(recording.sha256(), LOW);
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let limits = Limits { max_bytes: 1000, ..Limits::default() };
        let problem = VoiceRecording::from_reader(io::repeat(0), "zeros", &limits).unwrap_err();
        assert_eq!(problem.problem, Problem::TooBig { max_bytes: 1000 });
        assert_eq!(problem.file.as_deref(), Some("zeros"));
    }
}
