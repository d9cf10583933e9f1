//! The speaker encoder: a mel spectrogram of speech to an embedding of the speaker's voice.
//!
//! Paper: Wan, Wang, Papir, Moreno, "Generalized End-to-End Loss for Speaker Verification", ICASSP
//! 2018 (GE2E). Graph and published weights: Resemblyzer,
//! <https://github.com/resemble-ai/Resemblyzer> (Apache-2.0), which has three LSTM layers without
//! projections, a ReLU after the linear layer, and the front end of `s2f_audio::mel_spectrogram`.
//!
//! Here it serves as the trunk of a voice encoder, never to tell who is speaking.

mod config;
mod lstm;
mod packed;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{FloatDType, Tensor};
pub use config::SpeakerEncoderConfig;
use lstm::Lstm;
use packed::Packed;

use crate::unit_length;

/// Bands of the front end.
pub const BANDS: usize = 40;
/// Frames of a partial: the 1.6 s that the published network was trained on.
pub const PARTIAL_FRAMES: usize = 160;
/// Maximum distance of partials: they overlap by half.
pub(crate) const PARTIAL_HOP: usize = PARTIAL_FRAMES / 2;

/// Mel spectrogram to speaker embedding.
#[derive(Module, Debug)]
pub struct SpeakerEncoder {
    lstm: Vec<Lstm>,
    linear: Linear,
    /// For a CPU without gradients.
    packed: Packed,
}

impl SpeakerEncoder {
    /// Embeddings of partials, of any equal length; the published network was trained on
    /// [`PARTIAL_FRAMES`].
    ///
    /// # Shapes
    /// - `mel`: `[batch, frames, 40]`, power
    /// - output: `[batch, output]`, no negative value, unit length
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::SpeakerEncoderConfig;
    ///
    /// let device = Device::flex();
    /// let network = SpeakerEncoderConfig::ge2e().init(&device)?; // random weights
    /// let partials = Tensor::ones([2, 160, 40], &device); // two of 1.6 s
    /// assert_eq!(network.forward(partials).dims(), [2, 256]);
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn forward(&self, mel: Tensor<3>) -> Tensor<2> {
        let x = mel.swap_dims(0, 1); // [frames, batch, 40]
        let packed = self.packed.last_states(&self.lstm, &x);
        let last = packed.unwrap_or_else(|| self.last_states(x)); // [batch, hidden]
        let dtype: FloatDType = self.linear.weight.dtype().into();
        let x = self.linear.forward(last.cast(dtype)).cast(FloatDType::F32); // [batch, output]
        unit_length(relu(x))
    }

    /// The last states of the last layer, on any device and with gradients.
    ///
    /// # Shapes
    /// - `x`: `[frames, batch, 40]`
    /// - output: `[batch, hidden]`
    fn last_states(&self, x: Tensor<3>) -> Tensor<2> {
        let [frames, _, _] = x.dims();
        let states = self.lstm.iter().fold(x, |x, layer| layer.forward(x));
        states.narrow(0, frames - 1, 1).squeeze_dim(0)
    }

    /// Dimension of the embedding.
    pub fn dimension(&self) -> usize {
        let [_, output] = self.linear.weight.lazy_shape().dims();
        output
    }

    /// Embeddings of clips: for each, the mean over its [partials](partial_starts), at unit length.
    ///
    /// # Shapes
    /// - `mel`: `[batch, frames, 40]`, power; at least [`PARTIAL_FRAMES`] frames
    /// - output: `[batch, output]`, no negative value, unit length
    pub fn embed(&self, mel: Tensor<3>) -> Tensor<2> {
        let [batch, frames, _] = mel.dims();
        let starts = partial_starts(frames);
        let count = starts.len();
        let partials = starts.into_iter().map(|start| {
            mel.clone().narrow(1, start, PARTIAL_FRAMES.min(frames)) // [batch, 160, 40]
        });
        let partials = Tensor::cat(partials.collect(), 0); // [partials · batch, 160, 40]
        let embeddings = self.forward(partials); // [partials · batch, output]
        let [_, output] = embeddings.dims();
        let mean = embeddings.reshape([count, batch, output]).mean_dim(0).squeeze_dim::<2>(0);
        unit_length(mean) // [batch, output]
    }
}

/// The first frame of each partial of a clip: they cover the clip, evenly spaced, and overlap by
/// half or a little more.
///
/// ```
/// use s2f_nn::speaker_encoder::partial_starts;
///
/// assert_eq!(partial_starts(601), [0, 73, 147, 220, 294, 367, 441]); // 6 s
/// assert_eq!(partial_starts(160), [0]); // 1.6 s
/// ```
pub fn partial_starts(frames: usize) -> Vec<usize> {
    let last = frames.saturating_sub(PARTIAL_FRAMES);
    let count = partial_count(frames);
    (0..count).map(|index| last * index / (count - 1).max(1)).collect()
}

/// Number of partials of a clip.
fn partial_count(frames: usize) -> usize {
    frames.saturating_sub(PARTIAL_FRAMES).div_ceil(PARTIAL_HOP) + 1
}

#[cfg(test)]
mod tests;
