//! Recordings and results in a folder, for studies: only with `--keep`.
//!
//! `ID.recording` holds the bytes that were sent, or `ID.wav` the samples of a live session, and
//! `ID.json`, `ID.png` or `ID.svg` what was sent back. ID is the id of the request, which the
//! response has in `X-Request-Id`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use s2f_core::AtomicFile;
use speech2face::audio::Waveform;

use crate::problem::{Kind, Problem};
use crate::render::JSON;
use crate::worker::Rendered;

/// The folder.
#[derive(Debug)]
pub struct Keep(PathBuf);

/// The recording of one request, to be stored with its result; nothing without a folder.
#[derive(Debug, Clone)]
pub struct Kept(Option<(Arc<Keep>, String, Bytes)>);

impl Keep {
    /// Creates the folder if there is none.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// Stores a file of a request.
    pub fn store(&self, id: &str, extension: &str, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.0.join(format!("{id}.{extension}"));
        AtomicFile::write(&path, bytes).map_err(|_| {
            Problem::new(
                Kind::Internal,
                "the recording could not be stored for the study",
                "tell the people who run the study: the disk of the server may be full",
            )
        })
    }
}

impl Kept {
    pub fn new(keep: Option<&Arc<Keep>>, id: &str, recording: &Bytes) -> Self {
        Self(keep.map(|keep| (Arc::clone(keep), id.to_owned(), recording.clone())))
    }

    /// Stores the recording and its result.
    pub fn with(self, result: Rendered) -> Result<Rendered, Problem> {
        if let Self(Some((keep, id, recording))) = self {
            let extension = match result.content_type {
                JSON => "json",
                "image/png" => "png",
                _ => "svg",
            };
            keep.store(&id, "recording", &recording)?;
            keep.store(&id, extension, &result.body)?;
        }
        Ok(result)
    }
}

/// Samples at 16 kHz, mono, full scale −1 to 1, as a WAV file with 16 bits.
pub fn wav(samples: &[f32]) -> Vec<u8> {
    const BYTES: u32 = 2;
    let rate = Waveform::RATE_HZ;
    let size = BYTES * samples.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + size).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0"); // 16 bytes, PCM, 1 channel
    wav.extend(rate.to_le_bytes());
    wav.extend((BYTES * rate).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data"); // 2 bytes a frame, 16 bits
    wav.extend(size.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| ((sample * 32768.0) as i16).to_le_bytes()));
    wav
}

#[cfg(test)]
mod tests {
    use speech2face::VoiceRecording;
    use speech2face::audio::ReadOptions;

    use super::*;

    #[test]
    fn a_wav_file_has_the_samples() {
        let samples: Vec<f32> =
            (0..32_000).map(|n| ((n * 37 % 64_000) as f32 - 32_000.0) / 32768.0).collect();
        let wav = wav(&samples);
        let read = VoiceRecording::from_reader(wav.as_slice(), "it", &ReadOptions::default());
        assert_eq!(read.unwrap().voice().samples(), samples);
    }
}
