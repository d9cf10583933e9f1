//! The voice encoder: speech to a feature in a face space. A trunk reads the sound, a head of up to
//! two fully connected layers computes the feature. Without a head, the trunk's output is for a
//! [distribution of faces](crate::face_distribution).
//!
//! Paper: Oh et al., "Speech2Face: Learning the Face Behind a Voice", CVPR 2019, table 1. No
//! original code exists. The paper does not state the padding; VALID is consistent with the printed
//! layer sizes and is what every re-implementation uses. Its trunk is a stack of convolutions; the
//! other one here is a [speaker encoder](crate::speaker_encoder).

mod config;
mod convolutions;
mod front_end;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{FloatDType, Tensor};
pub use config::{SegmentPooling, TrunkConfig, VoiceEncoderConfig};
use convolutions::Convolutions;
pub use convolutions::{BINS, ConvLayer, ConvolutionsConfig, VoiceInput};
pub(crate) use convolutions::{COMPRESSION, FLOOR, KERNEL};
pub use front_end::FrontEnd;
use s2f_kernels::{Activation, Sum, linear};

use crate::ConfigError;
use crate::config::Checks;
use crate::speaker_encoder::{PARTIAL_FRAMES, SpeakerEncoder};

/// Speech to face feature.
#[derive(Module, Debug)]
pub struct VoiceEncoder {
    trunk: Trunk,
    hidden: Option<Linear>,
    output: Option<Linear>,
    #[module(skip)]
    output_relu: bool,
    /// A segment's feature to its weight before the softmax.
    attention: Option<Linear>,
}

/// The part that reads the sound.
#[derive(Module, Debug)]
enum Trunk {
    Convolutions(Convolutions),
    SpeakerEncoder(SpeakerEncoder),
}

impl VoiceEncoder {
    /// Features of a batch of clips of equal length.
    ///
    /// # Shapes
    /// - `input`: the shape of the [front end](Self::front_end): `[batch, 2 (real, imaginary),
    ///   frames, 257]`, compressed, or `[batch, 1, frames, 40]`, mel
    /// - output: `[batch, D]`, not normalised; without an output layer, that of the trunk
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use s2f_nn::VoiceEncoderConfig;
    ///
    /// let device = Device::flex();
    /// let encoder = VoiceEncoderConfig::compact().init(&device)?;
    /// let clips = Tensor::ones([2, 2, 298, 257], &device); // two clips of 3 s
    /// assert_eq!(encoder.forward(clips).dims(), [2, 256]);
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn forward(&self, input: Tensor<4>) -> Tensor<2> {
        self.head(self.trunk(input))
    }

    /// The output of the trunk, which is the input of [`head`](Self::head): of convolutions the
    /// mean over time, of a speaker encoder the embedding, as [`SpeakerEncoder::embed`].
    ///
    /// # Shapes
    /// - `input`: as of [`forward`](Self::forward)
    /// - output: `[batch, features]`; a speaker encoder's has unit length
    pub fn trunk(&self, input: Tensor<4>) -> Tensor<2> {
        match &self.trunk {
            Trunk::Convolutions(convolutions) => convolutions.forward(input, self.dtype(), None),
            Trunk::SpeakerEncoder(network) => network.embed(input.squeeze_dim(1)),
        }
    }

    /// As [`trunk`](Self::trunk) in training, on one of several shards of a batch: batch
    /// normalisations use the mean and the variance of all shards, which `sum` adds up.
    ///
    /// # Shapes
    /// - as of [`trunk`](Self::trunk)
    pub fn trunk_synchronised(&self, input: Tensor<4>, sum: &Sum) -> Tensor<2> {
        match &self.trunk {
            Trunk::Convolutions(convolutions) => {
                convolutions.forward(input, self.dtype(), Some(sum))
            }
            Trunk::SpeakerEncoder(_) => self.trunk(input),
        }
    }

    /// The fully connected layers, if there are any.
    ///
    /// # Shapes
    /// - `features`: `[batch, features]`, from [`trunk`](Self::trunk)
    /// - output: `[batch, D]`, not normalised
    pub fn head(&self, features: Tensor<2>) -> Tensor<2> {
        let mut x = features.cast(self.dtype());
        if let Some(hidden) = &self.hidden {
            x = linear(x, hidden, Activation::Relu); // [batch, hidden]
        }
        if let Some(output) = &self.output {
            let activation = if self.output_relu { Activation::Relu } else { Activation::None };
            x = linear(x, output, activation); // [batch, D]
        }
        x.cast(FloatDType::F32)
    }

    /// What the network reads.
    pub fn front_end(&self) -> FrontEnd {
        match &self.trunk {
            Trunk::Convolutions(_) => FrontEnd::Spectrogram,
            Trunk::SpeakerEncoder(_) => FrontEnd::Mel,
        }
    }

    /// The fewest frames that the network can read, as [`VoiceEncoderConfig::min_frames`].
    pub fn min_frames(&self) -> usize {
        match &self.trunk {
            Trunk::Convolutions(convolutions) => convolutions.min_frames(),
            Trunk::SpeakerEncoder(_) => PARTIAL_FRAMES,
        }
    }

    /// The network with another speaker encoder, for example the published one, as its trunk.
    ///
    /// # Errors
    /// [`ConfigError::Mismatch`] if the head reads features of another width.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use s2f_nn::{SpeakerEncoderConfig, VoiceEncoderConfig};
    ///
    /// let device = Device::flex();
    /// let trunk = SpeakerEncoderConfig::ge2e().init(&device)?; // or SpeakerEncoder::from_pytorch
    /// let encoder = VoiceEncoderConfig::ge2e(256).init(&device)?.with_speaker_encoder(trunk)?;
    /// # Ok::<(), s2f_nn::ConfigError>(())
    /// ```
    pub fn with_speaker_encoder(self, network: SpeakerEncoder) -> Result<Self, ConfigError> {
        let Some(first) = self.hidden.as_ref().or(self.output.as_ref()) else {
            return Ok(Self { trunk: Trunk::SpeakerEncoder(network), ..self });
        };
        let [width, _] = first.weight.lazy_shape().dims();
        let other = "the width that the head reads";
        Checks("speaker encoder").equal("output", network.dimension(), other, width)?;
        Ok(Self { trunk: Trunk::SpeakerEncoder(network), ..self })
    }

    /// The network with the trunk of another one.
    ///
    /// The trunks must have outputs of the same width, as those of equal
    /// [configurations](TrunkConfig) have.
    #[must_use]
    pub fn with_trunk_of(self, other: Self) -> Self {
        Self { trunk: other.trunk, ..self }
    }

    /// The type that convolutions and fully connected layers compute in: 16 bits if their weights
    /// have 16. Operations that sum many values (normalisations, means) and the output have 32.
    fn dtype(&self) -> FloatDType {
        let trunk = || match &self.trunk {
            Trunk::Convolutions(convolutions) => convolutions.dtype(),
            Trunk::SpeakerEncoder(_) => FloatDType::F32,
        };
        self.output.as_ref().map_or_else(trunk, |output| output.weight.dtype().into())
    }

    /// One feature from the features of a voice's segments.
    ///
    /// # Shapes
    /// - `segments`: `[batch, segments, D]`
    /// - output: `[batch, D]`
    pub fn pool(&self, segments: Tensor<3>) -> Tensor<2> {
        match &self.attention {
            None => segments.mean_dim(1).squeeze_dim(1),
            Some(attention) => {
                let scores = attention.forward(segments.clone().cast(self.dtype()));
                let weights = softmax(scores.cast(FloatDType::F32), 1); // [batch, segments, 1]
                (segments * weights).sum_dim(1).squeeze_dim(1) // [batch, D]
            }
        }
    }
}

#[cfg(test)]
mod tests;
