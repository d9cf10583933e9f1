//! From any recording of a voice to the input of the networks: bytes → [`Waveform`], 16 kHz mono →
//! [`Spectrogram`] or [`MelSpectrogram`]. And what can be measured without a network: pitch,
//! formants, level.
//!
//! | to find | look at |
//! |---|---|
//! | which formats are read, and the limits | `decode.rs` |
//! | who reads a format: WAV, MP3, MP4, Ogg, WebM, … | `decode/formats.rs` |
//! | when ffmpeg decodes, and which track | `decode/recording.rs` |
//! | channels that cancel each other | `decode/sink.rs` |
//! | running ffmpeg, within limits | `ffmpeg.rs` |
//! | encoding a waveform as FLAC | `flac.rs` |
//! | resampling to 16 kHz | `resample.rs` |
//! | windows, clips of 6 s, speed | `waveform.rs` |
//! | the short-time Fourier transform | `spectrogram.rs` |
//! | the exponent 0.3 of the spectrogram | `power_law.rs` |
//! | the mel spectrogram of the speaker encoder | `mel.rs` |
//! | two voices in turn | `voices.rs` |
//! | how much of it is speech | `speech.rs` |
//! | silence and pauses | `level.rs` |
//! | another pitch, the same formants | `pitch_shift.rs` |
//!
//! ```
//! use s2f_audio::{Limits, Spectrogram, pitch, read, spectrogram};
//!
//! # fn main() -> Result<(), s2f_audio::AudioError> {
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/voices");
//! # std::env::set_current_dir(folder).unwrap();
//! let voice = read("low.flac".as_ref(), &Limits::default())?;
//! assert!(voice.seconds() > 6.0);
//!
//! let input = spectrogram(&voice.first_clip()); // [2, 598, 257]
//! assert_eq!(input.data().len(), 2 * Spectrogram::CLIP_FRAMES * Spectrogram::BINS);
//!
//! let pitch = pitch(&voice).map(|pitch| pitch.median_hz);
//! assert!(pitch.is_some_and(|hz| (60.0..130.0).contains(&hz))); // a low voice
//! # Ok(()) }
//! ```
//!
//! Training and inference use the same functions. Nothing here names the tensor library.
#![forbid(unsafe_code)]

mod decode;
pub mod ffmpeg;

mod builder;
mod flac;
mod resample;
mod waveform;

mod mel;
mod power_law;
mod spectrogram;

mod formants;
mod level;
mod pitch;
mod pitch_shift;
mod speech;
mod voices;

mod error;

pub use decode::{DecodedBy, FfmpegUse, Limits, ReadOptions, Recording, Remark, decode, read};
pub use error::{AudioError, Problem};
pub use flac::{FlacError, encode_flac};
pub use formants::{Formants, formants};
pub use level::{
    PAUSE_POWER_RATIO, SILENCE_DBFS, is_pause, is_silent, mean_power, peak_dbfs, signal_to_noise_db,
};
pub use mel::{MelSpectrogram, mel_spectrogram};
pub use pitch::{Pitch, pitch};
pub use pitch_shift::shift_pitch;
pub use resample::resample;
pub use spectrogram::{Spectrogram, spectrogram};
pub use speech::{Speech, SpeechDetector, SpeechError};
pub use voices::two_voices;
pub use waveform::Waveform;
