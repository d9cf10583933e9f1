//! What can be wrong with a recording, with a hint for the user.

use thiserror::Error;

/// What is said of bytes that are no known format.
pub(crate) const UNKNOWN_FORMAT: &str = "its format is unknown";

/// Why a recording cannot be used: the file (if there is one), the problem and a hint.
///
/// Displayed as `voice.wav: the file is empty (0 bytes); hint: record it or download it again`.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}{problem}; hint: {}", prefix(file.as_deref()), problem.hint())]
pub struct AudioError {
    /// The name of the file, as the caller gave it; `None` for samples from memory.
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

/// The problems that a recording can have, each with its message and its [hint](Self::hint).
///
/// To add one, add a variant: the compiler then requires a message and a hint.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be opened or read; the system's reason.
    #[error("could not read the file ({0})")]
    Io(String),
    /// The file has no bytes.
    #[error("the file is empty (0 bytes)")]
    EmptyFile,
    /// The file is larger than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("the file is larger than the limit of {} MiB", max_bytes >> 20)]
    TooBig {
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// The bytes are not a known audio or video container; a description of what they are.
    #[error("not an audio file ({0})")]
    NotAudio(&'static str),
    /// A known audio or video format that is not decoded here; its name.
    #[error("the format is {0}, which only ffmpeg can read")]
    UnsupportedFormat(&'static str),
    /// A known format that ffmpeg cannot decode either.
    #[error("{problem}, and ffmpeg cannot read it either ({reason})")]
    Undecodable {
        /// The problem without ffmpeg.
        problem: String,
        /// The message of ffmpeg.
        reason: String,
    },
    /// A recorder that was stopped before it wrote the index of its file (MP4, QuickTime).
    #[error("the recording was never finished: the index of the file (`moov`) is missing")]
    Unfinished,
    /// There is no sound track of that number.
    #[error("there is no sound track {asked}, the file has {found}")]
    NoSuchTrack {
        /// The number, from 1.
        asked: usize,
        /// Number of sound tracks.
        found: usize,
    },
    /// A container without an audio track, such as a silent video.
    #[error("the file has no sound track")]
    NoAudioTrack,
    /// A known container with a codec that is not decoded here; its name.
    #[error("the sound is {0}, which only ffmpeg can decode")]
    UnsupportedCodec(String),
    /// The container or its headers are damaged; in what way.
    #[error("the file is damaged ({0})")]
    Damaged(String),
    /// A valid header without audio after it.
    #[error("the file has a header but no samples")]
    NoSamples,
    /// A sampling rate outside 1 to 768 kHz, in Hz.
    #[error("the sampling rate of {0} Hz is outside 1000 to 768000 Hz")]
    BadRate(u32),
    /// No channels, or a number of samples that is not a multiple of the channels.
    #[error("{samples} samples cannot be {channels} interleaved channels")]
    BadChannels {
        /// Number of samples of all channels.
        samples: usize,
        /// Number of channels.
        channels: usize,
    },
    /// Samples are NaN, infinite, or more than 40 dB over full scale.
    #[error(
        "{count} samples are NaN, infinite or far above full scale, the first at {first_s:.3} s"
    )]
    NotFinite {
        /// Number of such samples.
        count: usize,
        /// Time of the first one, s.
        first_s: f64,
    },
    /// The recording is shorter than [`Waveform::MIN_S`](crate::Waveform::MIN_S).
    #[error("only {seconds:.2} s of audio; at least 1 s is needed")]
    TooShort {
        /// Length, s.
        seconds: f64,
    },
    /// The recording is longer than [`Limits::max_seconds`](crate::Limits::max_seconds).
    #[error("the recording is longer than the limit of {max_s:.0} s")]
    TooLong {
        /// The limit, s.
        max_s: f64,
    },
    /// Even the loudest moment is below [`SILENCE_DBFS`](crate::SILENCE_DBFS).
    #[error("the recording is silent ({})", describe_peak(*peak_dbfs))]
    Silent {
        /// The [peak level](crate::peak_dbfs), dB of full scale; −∞ if all samples are equal.
        peak_dbfs: f64,
    },
}

impl Problem {
    /// Whether another decoder may not have the problem.
    pub(crate) fn is_of_the_decoder(&self) -> bool {
        match self {
            Self::NotAudio(what) => *what == UNKNOWN_FORMAT,
            Self::UnsupportedFormat(_)
            | Self::UnsupportedCodec(_)
            | Self::NoAudioTrack
            | Self::Damaged(_)
            | Self::NoSamples => true,
            _ => false,
        }
    }

    /// The problem, if ffmpeg gave `reason` for not reading the file.
    pub(crate) fn also_refused_by_ffmpeg(self, reason: String) -> Self {
        match self {
            Self::UnsupportedFormat(_) | Self::UnsupportedCodec(_) => {
                let text = self.to_string();
                let problem = text.split(", which only").next().unwrap_or(&text).to_owned();
                Self::Undecodable { problem, reason }
            }
            problem => problem,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the path and its permissions",
            Self::EmptyFile => "record it or download it again",
            Self::TooBig { .. } | Self::TooLong { .. } => {
                "cut out the part to use, e.g. ffmpeg -i IN -t 600 OUT.flac"
            }
            Self::NotAudio(_) => {
                "use WAV, FLAC, MP3, M4A, Ogg, Opus, WebM or AIFF; renaming a file does not \
                 convert it"
            }
            Self::NoAudioTrack => "use a file with audio",
            Self::UnsupportedFormat(_) | Self::UnsupportedCodec(_) => {
                "install ffmpeg, then run the same command"
            }
            Self::Undecodable { .. } => "export it again as WAV, FLAC, MP3 or M4A",
            Self::Unfinished => {
                "the device that recorded it may repair it when it is switched on; otherwise \
                 record again, and stop the recording before the device is switched off"
            }
            Self::NoSuchTrack { .. } => {
                "tracks are counted from 1; omit --track for the default one"
            }
            Self::Damaged(_) => "export or download it again",
            Self::NoSamples => {
                "the recording was probably stopped before it began; record it again"
            }
            Self::BadRate(_) => "export it at 16000 or 48000 Hz",
            Self::BadChannels { .. } => "pass whole frames: one sample of each channel",
            Self::NotFinite { .. } => "export it again as 16 bit, or as float from -1 to 1",
            Self::TooShort { .. } => "use a longer recording; 6 s or more work best",
            Self::Silent { .. } => "check the microphone and the chosen input, then record again",
        }
    }
}

/// The file's name as the beginning of a message.
fn prefix(file: Option<&str>) -> String {
    file.map(|file| format!("{file}: ")).unwrap_or_default()
}

/// How loud a silent recording is.
fn describe_peak(peak_dbfs: f64) -> String {
    if peak_dbfs.is_finite() {
        format!("peak level {peak_dbfs:.0} dB of full scale")
    } else {
        "all samples are equal".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_file_the_problem_and_a_hint() {
        let error = AudioError::in_file("voice.wav", Problem::EmptyFile);
        assert_eq!(
            error.to_string(),
            "voice.wav: the file is empty (0 bytes); hint: record it or download it again"
        );
        let error = AudioError::from(Problem::BadRate(7));
        assert!(error.to_string().starts_with("the sampling rate of 7 Hz"), "{error}");
    }
}
