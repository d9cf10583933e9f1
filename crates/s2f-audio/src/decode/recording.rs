//! A recording as it was found: by whom it was decoded, and what there is to say about it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::sink::{Received, Sink};
use super::source::Bytes;
use super::tracks::TrackChoice;
use super::{Limits, built_in};
use crate::builder::WaveformBuilder;
use crate::error::{AudioError, Problem};
use crate::ffmpeg::{self, Ffmpeg, FfmpegSound};
use crate::level::SILENCE_DBFS;
use crate::waveform::Waveform;

/// How a recording is read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReadOptions {
    /// Limits of the file and of its length.
    pub limits: Limits,
    /// Number of the sound track, from 1; by default the default track of the file, or else the
    /// first that can be read.
    pub track: Option<usize>,
    /// Of a longer recording, stretches of 6 s are kept that are spread evenly over it: between
    /// half of this length and all of it, s. The memory that a recording takes is then bounded.
    pub keep_s: Option<f64>,
    /// Whether ffmpeg decodes what this program cannot.
    pub ffmpeg: FfmpegUse,
}

/// How ffmpeg is used for what this program cannot decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FfmpegUse {
    /// If it is installed.
    #[default]
    Allowed,
    /// If it is installed, [confined](Ffmpeg::confined): for recordings of strangers.
    Confined,
    /// Never.
    Never,
}

/// A decoded recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The voice; of a long recording, what [`ReadOptions::keep_s`] keeps.
    pub voice: Waveform,
    /// Length of the recording, s.
    pub seconds: f64,
    /// Which program decoded it.
    pub decoder: DecodedBy,
    /// What a user should know about it.
    pub remarks: Vec<Remark>,
}

/// Which program decoded a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodedBy {
    /// This one.
    BuiltIn,
    /// The installed ffmpeg, with its version.
    Ffmpeg(String),
}

impl fmt::Display for DecodedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Ffmpeg(version) => write!(f, "ffmpeg {version}"),
        }
    }
}

/// What there is to say about a recording that can be used.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// It ends before its header says.
    EndsEarly {
        /// How much is there, s.
        found_s: f64,
        /// How much the header says, s.
        declared_s: f64,
    },
    /// Its channels cancel each other, and only one was used.
    OneChannel {
        /// Its number, from 1.
        channel: usize,
    },
    /// Another track than the default one was used, which cannot be decoded here.
    OtherTrack {
        /// The codec of the default track.
        codec: String,
    },
    /// Parts of it could not be decoded and are missing.
    Damaged {
        /// Their share, 0 to 1.
        share: f64,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsEarly { found_s, declared_s } => write!(
                f,
                "the recording ends early: {found_s:.1} of {declared_s:.1} s are there, and used"
            ),
            Self::OneChannel { channel } => {
                write!(f, "the channels cancel each other; only channel {channel} is used")
            }
            Self::OtherTrack { codec } => write!(
                f,
                "the default sound track is {codec}, which needs ffmpeg; another track is used"
            ),
            Self::Damaged { share } => write!(
                f,
                "{:.0} % of the recording is damaged and was left out",
                (100.0 * share).max(1.0)
            ),
        }
    }
}

/// A recording is said to end early if so much is missing, s.
const MIN_MISSING_S: f64 = 0.3;
/// A decoder that fails on a larger share of the packets is doubted.
const MAX_BAD_SHARE: f64 = 0.05;
/// ffmpeg is believed if it finds so much more, s.
const MORE_S: f64 = 0.2;
/// More of standard input than this goes to a temporary file, bytes.
const MAX_IN_MEMORY: u64 = 16 << 20;

impl Recording {
    /// A voice that was never in a file, for example one from a microphone.
    pub fn of_voice(voice: Waveform) -> Self {
        let seconds = voice.seconds();
        Self { voice, seconds, decoder: DecodedBy::BuiltIn, remarks: Vec::new() }
    }

    /// A recording that is in memory as interleaved samples, full scale −1 to 1. It is checked and
    /// shortened to `keep_s` as a file is.
    ///
    /// # Errors
    /// As [`Waveform::from_interleaved`]; [`Problem::TooShort`], [`Problem::Silent`].
    pub fn from_interleaved(
        samples: &[f32],
        channels: usize,
        rate_hz: u32,
        keep_s: Option<f64>,
    ) -> Result<Self, AudioError> {
        if channels == 0 || !samples.len().is_multiple_of(channels) {
            return Err(Problem::BadChannels { samples: samples.len(), channels }.into());
        }
        let mut builder = WaveformBuilder::new(None, keep_s);
        builder.push_interleaved(samples, channels, rate_hz)?;
        let built = builder.finish()?;
        let received = Received { built, missing_s: 0.0, packets: 1, bad_packets: 0 };
        Ok(Self::of(received, None)?)
    }

    /// Reads the recording in the file at `path`.
    ///
    /// It is decoded here if the format is a common one. What cannot be read here, or seems
    /// damaged, is decoded by ffmpeg, if that is installed. See [`decode`](crate::decode) for what
    /// is checked.
    ///
    /// # Errors
    /// Any [`Problem`]; the error names the file.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, AudioError> {
        let name = path.display().to_string();
        let io = |error: io::Error| AudioError::in_file(&name, Problem::Io(error.to_string()));
        let file = File::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Self::from_reader(file, &name, options);
        }
        let bytes = Bytes::of_file(file).map_err(io)?;
        read(&bytes, Some(path), options).map_err(|problem| AudioError::in_file(&name, problem))
    }

    /// Reads a whole file from `reader`, for example from standard input; messages call it `name`.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn from_reader(
        mut reader: impl Read,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Self, AudioError> {
        // One byte over the limit is enough to refuse the file.
        let most = options.limits.max_bytes.saturating_add(1);
        let bytes = collect(&mut reader, most);
        let bytes = bytes.map_err(|error| Problem::Io(error.to_string()));
        bytes
            .and_then(|bytes| read(&bytes, None, options))
            .map_err(|problem| AudioError::in_file(name, problem))
    }

    /// Checks what was received: long enough, and not silent.
    pub(super) fn of(received: Received, channel: Option<usize>) -> Result<Self, Problem> {
        let Received { built, missing_s, packets, bad_packets } = received;
        let (seconds, peak_dbfs) = (built.seconds, built.peak_dbfs);
        if seconds < Waveform::MIN_S {
            return Err(Problem::TooShort { seconds });
        }
        if peak_dbfs < SILENCE_DBFS {
            return Err(Problem::Silent { peak_dbfs });
        }
        let mut remarks = Vec::new();
        if missing_s > MIN_MISSING_S {
            let declared_s = seconds + missing_s;
            remarks.push(Remark::EndsEarly { found_s: seconds, declared_s });
        }
        remarks.extend(channel.map(|channel| Remark::OneChannel { channel: channel + 1 }));
        let share = bad_packets as f64 / (packets + bad_packets).max(1) as f64;
        if share > MAX_BAD_SHARE {
            remarks.push(Remark::Damaged { share });
        }
        let voice = Waveform::from_valid(built.samples);
        Ok(Self { voice, seconds, decoder: DecodedBy::BuiltIn, remarks })
    }

    /// Whether another decoder may find more.
    fn is_doubtful(&self) -> bool {
        self.remarks.iter().any(|remark| matches!(remark, Remark::Damaged { .. }))
    }
}

/// Reads at most `most` bytes; many go to a temporary file, which has no name.
fn collect(reader: &mut impl Read, most: u64) -> io::Result<Bytes> {
    let mut start = Vec::new();
    reader.take(most.min(MAX_IN_MEMORY)).read_to_end(&mut start)?;
    if (start.len() as u64) < MAX_IN_MEMORY {
        return Ok(Bytes::of_memory(start));
    }
    let mut file = tempfile::tempfile()?;
    io::copy(&mut start.as_slice().chain(reader.take(most - start.len() as u64)), &mut file)?;
    file.rewind()?;
    Bytes::of_file(file)
}

/// Decodes a recording here or, if that is not possible or doubtful, with ffmpeg. `path` is where
/// it is, if it is in a file.
fn read(bytes: &Bytes, path: Option<&Path>, options: &ReadOptions) -> Result<Recording, Problem> {
    let ReadOptions { limits, track, keep_s, ffmpeg } = options;
    let here = |choice| {
        let (received, channel) = built_in(bytes, choice, limits, *keep_s)?;
        Recording::of(received, channel)
    };
    let ours = here(track.map_or(TrackChoice::Default, TrackChoice::Number));
    let is_final = match &ours {
        Ok(recording) => !recording.is_doubtful(),
        Err(problem) => !problem.is_of_the_decoder(),
    };
    if is_final {
        return ours;
    }
    let ffmpeg = match ffmpeg {
        FfmpegUse::Never => None,
        FfmpegUse::Allowed => Ffmpeg::find().ok(),
        FfmpegUse::Confined => Ffmpeg::find().ok().and_then(Ffmpeg::confined),
    };
    let theirs = ffmpeg.map(|ffmpeg| by_ffmpeg(&ffmpeg, bytes, path, options));
    match (ours, theirs) {
        (Ok(ours), Some(Ok(theirs))) if theirs.seconds < ours.seconds + MORE_S => Ok(ours),
        (_, Some(Ok(theirs))) => Ok(theirs),
        (Ok(ours), _) => Ok(ours),
        (Err(problem), theirs) => {
            if let (Problem::UnsupportedCodec(codec), None) = (&problem, track)
                && let Ok(mut other) = here(TrackChoice::Readable)
            {
                other.remarks.push(Remark::OtherTrack { codec: codec.clone() });
                return Ok(other);
            }
            Err(match theirs {
                Some(Err(FfmpegSound::Refused(theirs))) => theirs,
                Some(Err(FfmpegSound::Unreadable(reason))) => {
                    problem.also_refused_by_ffmpeg(reason)
                }
                _ => problem,
            })
        }
    }
}

/// Decodes a recording with ffmpeg.
fn by_ffmpeg(
    ffmpeg: &Ffmpeg,
    bytes: &Bytes,
    path: Option<&Path>,
    options: &ReadOptions,
) -> Result<Recording, FfmpegSound> {
    let failed = |error: io::Error| FfmpegSound::Unreadable(error.to_string());
    let copy = path.is_none().then(|| copy(bytes)).transpose().map_err(failed)?;
    let Some(path) = path.or(copy.as_ref().map(tempfile::NamedTempFile::path)) else {
        return Err(FfmpegSound::Unreadable("there is no file".to_owned()));
    };
    let decode = |channel| {
        let max_s = options.limits.max_seconds;
        let mut sink = Sink::new(channel, max_s, options.keep_s);
        ffmpeg::decode(ffmpeg, path, options.track, max_s, |samples, channels, rate_hz| {
            sink.push(samples, channels, rate_hz)
        })?;
        Ok::<_, FfmpegSound>(sink)
    };
    let mixed = decode(None)?;
    let channel = mixed.better_channel();
    let sink = if channel.is_some() { decode(channel)? } else { mixed };
    let recording = sink.finish().and_then(|received| Recording::of(received, channel));
    let mut recording = recording.map_err(FfmpegSound::Refused)?;
    recording.decoder = DecodedBy::Ffmpeg(ffmpeg.version().to_owned());
    Ok(recording)
}

/// A temporary copy, for ffmpeg, of bytes that are in no file that has a name.
fn copy(bytes: &Bytes) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    match bytes {
        Bytes::Memory(bytes) => io::Write::write_all(&mut file, bytes)?,
        Bytes::File(source, _) => {
            let mut source = source.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            source.rewind()?;
            io::copy(&mut *source, &mut file)?;
        }
    }
    Ok(file)
}
