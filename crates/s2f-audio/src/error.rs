//! What can be wrong with a recording, said so that its owner knows what to do.

use thiserror::Error;

/// Why a recording could not be used: the file (where one is known), the problem and a way out.
///
/// Displayed as `voice.wav: the file is empty (0 bytes); hint: record it or download it again`.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}{problem}; hint: {}", file.as_ref().map(|f| format!("{f}: ")).unwrap_or_default(), problem.hint())]
pub struct AudioError {
    /// Name of the file, as the caller gave it; none for samples from memory.
    pub file: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl AudioError {
    pub(crate) fn in_file(file: &str, problem: Problem) -> Self {
        Self { file: Some(file.to_owned()), problem }
    }
}

impl From<Problem> for AudioError {
    fn from(problem: Problem) -> Self {
        Self { file: None, problem }
    }
}

/// The problems a recording can have, each with its own message and its own [hint](Self::hint).
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file could not be opened or read; the operating system's reason.
    #[error("could not read the file ({0})")]
    Io(String),
    /// Zero bytes.
    #[error("the file is empty (0 bytes)")]
    EmptyFile,
    /// More bytes than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("the file is larger than the limit of {} MiB", max_bytes >> 20)]
    TooBig {
        /// The limit.
        max_bytes: u64,
    },
    /// The bytes are of no sound or video container that is known.
    #[error("not an audio file ({0})")]
    NotAudio(&'static str),
    /// A format of sound or video that is known and cannot be read.
    #[error("the format is {0}, which cannot be read")]
    UnsupportedFormat(&'static str),
    /// A container without a track of sound, such as a silent video.
    #[error("the file has no sound track")]
    NoAudioTrack,
    /// A known container with a codec inside that cannot be decoded.
    #[error("the sound is coded as {0}, which cannot be decoded")]
    UnsupportedCodec(String),
    /// The container or its headers are damaged.
    #[error("the file is damaged ({0})")]
    Damaged(String),
    /// A valid header, and no sound after it.
    #[error("the file has a header but no samples")]
    NoSamples,
    /// A sampling rate that no recorder uses.
    #[error("a sampling rate of {0} Hz is outside 1000 to 768000 Hz")]
    BadRate(u32),
    /// No channels, or a number of samples that the channels do not divide.
    #[error("{samples} samples cannot be {channels} interleaved channels")]
    BadChannels {
        /// How many samples there are in all.
        samples: usize,
        /// How many channels they were said to be.
        channels: usize,
    },
    /// NaN or infinite samples, or floats so far beyond full scale that they cannot be sound.
    #[error("{count} samples are not finite or absurdly loud, the first at {first_s:.3} s")]
    NotFinite {
        /// How many.
        count: usize,
        /// Time of the first, s.
        first_s: f64,
    },
    /// Shorter than [`Waveform::MIN_S`](crate::Waveform::MIN_S).
    #[error("only {seconds:.2} s of sound; at least 1 s is needed")]
    TooShort {
        /// Length, s.
        seconds: f64,
    },
    /// Longer than [`Limits::max_seconds`](crate::Limits::max_seconds).
    #[error("longer than the limit of {max_s:.0} s")]
    TooLong {
        /// The limit, s.
        max_s: f64,
    },
    /// Digital silence, or a level below anything that was recorded.
    #[error("the recording is silent ({})", loudest(*peak_dbfs))]
    Silent {
        /// Half the range of the samples, dB of full scale; -∞ where all are the same.
        peak_dbfs: f64,
    },
}

impl Problem {
    /// What the owner of the recording can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the path and its permissions",
            Self::EmptyFile => "record it or download it again",
            Self::TooBig { .. } | Self::TooLong { .. } => {
                "cut out the part to use, e.g. ffmpeg -i IN -t 600 OUT.flac"
            }
            Self::NotAudio(_) => {
                "give WAV, FLAC, MP3, M4A, Ogg, Opus, WebM or AIFF; a changed name does not change the content"
            }
            Self::NoAudioTrack => "give a file with sound",
            Self::UnsupportedFormat(_) | Self::UnsupportedCodec(_) => {
                "convert it, e.g. ffmpeg -i IN OUT.flac"
            }
            Self::Damaged(_) => "export or download it again, or try ffmpeg -i IN OUT.flac",
            Self::NoSamples => {
                "the recording was probably stopped before it began; record it again"
            }
            Self::BadRate(_) => "export it at 16000 or 48000 Hz",
            Self::BadChannels { .. } => "give whole frames, one sample of every channel each",
            Self::NotFinite { .. } => "export it again as 16 bit or as float within -1 to 1",
            Self::TooShort { .. } => "give a longer recording; 6 s and more work best",
            Self::Silent { .. } => "check the microphone and the chosen input, then record again",
        }
    }
}

/// How loud a recording that counts as silent is.
fn loudest(peak_dbfs: f64) -> String {
    if peak_dbfs.is_finite() {
        format!("loudest moment {peak_dbfs:.0} dB of full scale")
    } else {
        "all its samples are equal".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_file_reason_and_way_out() {
        let error = AudioError::in_file("voice.wav", Problem::EmptyFile);
        assert_eq!(
            error.to_string(),
            "voice.wav: the file is empty (0 bytes); hint: record it or download it again"
        );
        let error = AudioError::from(Problem::BadRate(7));
        assert!(error.to_string().starts_with("a sampling rate of 7 Hz"), "{error}");
    }
}
