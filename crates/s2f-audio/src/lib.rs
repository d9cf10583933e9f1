//! Hearing: any recording of a voice → [`Waveform`], 16 kHz mono → [`Spectrogram`], the networks'
//! input; and what can be measured of a voice without a network, its pitch and its formants.
//!
//! ```no_run
//! use s2f_audio::{Limits, read, spectrogram};
//! # fn main() -> Result<(), s2f_audio::AudioError> {
//! let voice = read("voice.m4a".as_ref(), &Limits::default())?;
//! let input = spectrogram(&voice.first_clip()); // [2, 598, 257]
//! # Ok(()) }
//! ```
//!
//! Training and use go through the same functions. Nothing here names the tensor library.

mod decode;
mod error;
mod flac;
mod formants;
mod pitch;
mod power;
mod resample;
mod spectrogram;
mod waveform;

pub use decode::{Limits, decode, read};
pub use error::{AudioError, Problem};
pub use flac::{FlacError, encode_flac};
pub use formants::{Formants, formants};
pub use pitch::{Pitch, pitch};
pub use resample::resample;
pub use spectrogram::{Spectrogram, spectrogram};
pub use waveform::Waveform;
