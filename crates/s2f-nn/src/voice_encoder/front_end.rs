//! What a voice encoder reads.

use super::BINS;
use crate::speaker_encoder::BANDS;

/// The form in which a voice encoder reads a clip. `s2f_audio` computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    /// A compressed spectrogram, two channels of 257 bins.
    Spectrogram,
    /// A mel spectrogram, one channel of 40 bands.
    Mel,
}

impl FrontEnd {
    /// The shape of a batch of clips of `frames` frames: `[batch, channels, frames, bins]`.
    pub fn shape(self, batch: usize, frames: usize) -> [usize; 4] {
        match self {
            Self::Spectrogram => [batch, 2, frames, BINS],
            Self::Mel => [batch, 1, frames, BANDS],
        }
    }

    /// Number of values of a frame.
    pub fn values_per_frame(self) -> usize {
        let [_, channels, _, bins] = self.shape(1, 1);
        channels * bins
    }
}
