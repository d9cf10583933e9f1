//! Recordings: a voice and the hash of the file it came from.

use std::io::{self, Read, Write};
use std::path::Path;

use s2f_audio::{
    AudioError, Problem, ReadOptions, Recording, Speech, SpeechDetector, SpeechError, Waveform,
    two_voices,
};
use s2f_core::hash::{HashWriter, sha256, sha256_file};

use crate::RecordingId;

/// Of a longer recording, evenly spaced stretches are kept, s: more than the windows need that are
/// used by default.
const KEEP_S: f64 = 144.0;

/// A voice and the hash of the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceRecording {
    recording: Recording,
    sha256: String,
}

impl VoiceRecording {
    /// Reads the recording in the file at `path`, which may be of any length: if `options` do not
    /// say how much of it to keep, that is 144 s.
    ///
    /// # Errors
    /// [`AudioError`], which names the file and the problem, with a hint.
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self, AudioError> {
        let failed = |error: io::Error| AudioError {
            file: Some(path.display().to_string()),
            problem: Problem::Io(error.to_string()),
        };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            // A pipe can be read only once.
            let file = std::fs::File::open(path).map_err(failed)?;
            return Self::from_reader(file, &path.display().to_string(), options);
        }
        let recording = Recording::open(path, &with_limit(options))?;
        let sha256 = sha256_file(path).map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self { recording, sha256 })
    }

    /// Reads a whole file from `reader`, for example from standard input; messages call it `name`.
    ///
    /// # Errors
    /// As [`VoiceRecording::read`].
    pub fn from_reader(
        reader: impl Read,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Self, AudioError> {
        let mut hashed = Hashed { reader, hash: HashWriter::default() };
        let recording = Recording::from_reader(&mut hashed, name, &with_limit(options))?;
        Ok(Self { recording, sha256: hashed.hash.finish() })
    }

    /// A recording that is in memory as interleaved samples, full scale −1 to 1. Its hash is that
    /// of the samples as 32-bit little-endian floats.
    ///
    /// # Errors
    /// As [`Recording::from_interleaved`].
    pub fn from_interleaved(
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
    ) -> Result<Self, AudioError> {
        let recording = Recording::from_interleaved(samples, channels, rate_hz, Some(KEEP_S))?;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Ok(Self { recording, sha256: sha256(&bytes) })
    }

    /// A voice that did not come from a file, for example from a microphone; `bytes` is what it
    /// was made of, for the hash.
    pub fn from_voice(voice: Waveform, bytes: &[u8]) -> Self {
        Self { recording: Recording::of_voice(voice), sha256: sha256(bytes) }
    }

    /// The voice.
    pub fn voice(&self) -> &Waveform {
        &self.recording.voice
    }

    /// What else was found in the file.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// How much of the voice is speech.
    ///
    /// # Errors
    /// [`SpeechError`] if the detector does not run.
    pub fn speech(&self, detector: &SpeechDetector) -> Result<Speech, SpeechError> {
        detector.speech(self.voice())
    }

    /// What is unusual about the recording, in sentences without a full stop: damage, no speech,
    /// two voices. `speech` is that of [`speech`](Self::speech).
    pub fn remarks(&self, speech: &Speech) -> Vec<String> {
        let mut remarks: Vec<String> =
            self.recording.remarks.iter().map(ToString::to_string).collect();
        if speech.seconds <= 0.0 {
            remarks.push("no speech was found; the face says nothing about a voice".to_owned());
        } else if let Some([low, high]) = two_voices(self.voice()) {
            remarks.push(format!(
                "two voices seem to speak in turn, at about {low:.0} and {high:.0} Hz; the face is \
                 a mixture of both"
            ));
        }
        remarks
    }

    /// What provenance says about the recording.
    pub fn id(&self) -> RecordingId {
        RecordingId {
            sha256: self.sha256.clone(),
            seconds: self.recording.seconds,
            decoder: self.recording.decoder.to_string(),
        }
    }

    /// SHA-256 of the file, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn with_limit(options: &ReadOptions) -> ReadOptions {
    ReadOptions { keep_s: options.keep_s.or(Some(KEEP_S)), ..*options }
}

/// Computes the hash of what is read.
struct Hashed<R> {
    reader: R,
    hash: HashWriter,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hash.write_all(&buffer[..count])?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use s2f_audio::Limits;

    use super::*;

    /// SHA-256 of the file, from `sha256sum examples/voices/low.flac`.
    const LOW: &str = "5086c65e3a6500229aaf28adfc3e88c58a612ce5f9a4e3426f33a31e7669edd3";

    #[test]
    fn the_hash_is_that_of_the_file() {
        let path = s2f_testing::project("examples/voices/low.flac");
        let recording = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(recording.sha256(), LOW);
        let file = std::fs::File::open(&path).unwrap();
        let piped = VoiceRecording::from_reader(file, "low", &ReadOptions::default()).unwrap();
        assert_eq!(piped, recording);
    }

    #[test]
    fn samples_are_checked_as_files_are() {
        let path = s2f_testing::project("examples/voices/low.flac");
        let file = VoiceRecording::read(&path, &ReadOptions::default()).unwrap();
        let samples = file.voice().samples();
        let recording = VoiceRecording::from_interleaved(samples, 1, 16_000).unwrap();
        assert_eq!(recording.voice(), file.voice());
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(recording.sha256(), sha256(&bytes));
        let problem = |samples: &[f32], channels| {
            VoiceRecording::from_interleaved(samples, channels, 16_000).unwrap_err().problem
        };
        assert!(matches!(problem(&samples[..8000], 1), Problem::TooShort { .. }));
        assert!(matches!(problem(&[0.0; 32_000], 1), Problem::Silent { .. }));
        assert!(matches!(problem(&[0.0; 32_001], 2), Problem::BadChannels { .. }));
        assert!(matches!(problem(&[f32::NAN; 32_000], 1), Problem::NotFinite { .. }));
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let limits = Limits { max_bytes: 1000, ..Limits::default() };
        let options = ReadOptions { limits, ..ReadOptions::default() };
        let problem = VoiceRecording::from_reader(io::repeat(0), "zeros", &options).unwrap_err();
        assert_eq!(problem.problem, Problem::TooBig { max_bytes: 1000 });
        assert_eq!(problem.file.as_deref(), Some("zeros"));
    }
}
