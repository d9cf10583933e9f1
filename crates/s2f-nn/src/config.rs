//! Checks of network configurations, and how much memory a network of a configuration takes.
//!
//! A configuration may come from anywhere: every size in it is checked here before memory is
//! allocated for it.

use std::iter::Sum;
use std::ops::{Add, RangeInclusive};

use s2f_core::FaceSpace;

/// Largest number of parameters of a network: 4 GiB in 32 bits. VGG-Face has 145 million.
pub const MAX_PARAMETERS: u64 = 1 << 30;
/// Largest number of values in one layer's output for one input: 512 MiB in 32 bits. The paper's
/// largest has 19 million.
pub(crate) const MAX_LAYER_VALUES: u64 = 1 << 27;
/// Output channels of a convolution.
pub(crate) const CHANNELS: RangeInclusive<usize> = 1..=8192;
/// Outputs of a fully connected layer.
pub(crate) const WIDTH: RangeInclusive<usize> = 1..=65_536;

/// Why no network can be built from a configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value is outside the supported range.
    #[error("{network}: {key} is {value}; hint: use a value from {min} to {max}")]
    OutOfRange {
        /// The network.
        network: &'static str,
        /// The key, for example `layers[2].channels`.
        key: String,
        /// Its value.
        value: f64,
        /// Smallest value that is supported.
        min: f64,
        /// Largest value that is supported.
        max: f64,
    },
    /// A value has to be a multiple of another.
    #[error("{network}: {key} is {value}; hint: use a multiple of {factor}")]
    NotMultiple {
        /// The network.
        network: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: usize,
        /// What it has to be a multiple of.
        factor: usize,
    },
    /// Two values that have to be equal differ.
    #[error("{network}: {key} is {value}, but {other} is {expected}; hint: make them equal")]
    Mismatch {
        /// The network.
        network: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        value: usize,
        /// What it has to be equal to.
        other: String,
        /// The value of that.
        expected: usize,
    },
    /// A clip is too short for the convolutions of a voice encoder.
    #[error(
        "voice encoder: {frames} frames leave {time} × {frequency} for layers[{layer}], whose \
         kernel is {kernel} × {kernel}; hint: use longer clips, fewer layers or smaller strides"
    )]
    TooShort {
        /// Frames of the clip.
        frames: usize,
        /// Frames that reach the layer.
        time: usize,
        /// Frequency bins that reach the layer.
        frequency: usize,
        /// Index of the layer.
        layer: usize,
        /// Height and width of its kernel.
        kernel: usize,
    },
    /// A clip is too short for a speaker encoder.
    #[error(
        "speaker encoder: a clip has {frames} frames of 10 ms; hint: use clips of at least {min} \
         frames"
    )]
    TooFewFrames {
        /// Frames of the clip.
        frames: usize,
        /// Minimum.
        min: usize,
    },
    /// The last layer of a voice encoder has a pool, but its output is averaged over time.
    #[error(
        "voice encoder: layers[{layer}].pool is true; hint: set it to false, the last layer is \
         followed by the mean over time"
    )]
    PoolOfLastLayer {
        /// Index of the layer.
        layer: usize,
    },
    /// A voice encoder that ends with its trunk, where an output layer is needed.
    #[error(
        "voice encoder: output is missing, which {needed_for} needs; hint: give output, or make it \
         part of a model with face_distribution"
    )]
    NoOutput {
        /// What needs the layer.
        needed_for: String,
    },
    /// A face space has a trait twice, or nothing but traits.
    #[error(
        "{network}: {traits} traits in the {dimension} dimensions of face space {space}; hint: \
         list each trait once, and count the traits in the dimension"
    )]
    Traits {
        /// The network.
        network: &'static str,
        /// Name of the face space.
        space: String,
        /// Its number of dimensions.
        dimension: usize,
        /// Number of its traits.
        traits: usize,
    },
    /// The sizes are each in their range, but together they make too large a network.
    #[error("{network}: {what}: {value}, at most {limit}; hint: reduce its widths or channels")]
    TooLarge {
        /// The network.
        network: &'static str,
        /// What is too large.
        what: &'static str,
        /// Its value.
        value: u64,
        /// Largest value that is supported.
        limit: u64,
    },
}

/// How much memory a network takes, with 32 bits per value.
///
/// The values saturate: an absurd batch gives [`u64::MAX`], which no machine has.
///
/// ```
/// use s2f_nn::VoiceEncoderConfig;
///
/// let cost = VoiceEncoderConfig::paper().cost(8, 298)?; // eight clips of 3 s
/// assert_eq!(cost.parameters, 148_062_976);
/// assert_eq!(cost.parameter_bytes, 4 * 148_062_976);
/// # Ok::<(), s2f_nn::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Number of parameters, without the running statistics of batch normalisations.
    pub parameters: u64,
    /// Memory of the parameters, bytes.
    pub parameter_bytes: u64,
    /// Memory of the activations at the peak of a training step, bytes: what the forward pass
    /// keeps for the backward pass, and the gradients and work space there. An estimate, high
    /// rather than low. Inference takes a fraction of it.
    pub activation_bytes: u64,
}

impl Cost {
    pub(crate) fn new(parameters: u64, activations: u64) -> Self {
        Self {
            parameters,
            parameter_bytes: parameters.saturating_mul(BYTES),
            activation_bytes: activations.saturating_mul(BYTES),
        }
    }

    /// Memory of training the network with Adam, bytes: parameters, gradients, two moments, and
    /// activations. A frozen network takes [`parameter_bytes`](Self::parameter_bytes) and
    /// [`activation_bytes`](Self::activation_bytes) only.
    pub fn training_bytes(&self) -> u64 {
        const COPIES: u64 = 4;
        self.parameter_bytes.saturating_mul(COPIES).saturating_add(self.activation_bytes)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters.saturating_add(other.parameters),
            parameter_bytes: self.parameter_bytes.saturating_add(other.parameter_bytes),
            activation_bytes: self.activation_bytes.saturating_add(other.activation_bytes),
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// Bytes of a value in 32 bits.
const BYTES: u64 = size_of::<f32>() as u64;

/// The checks of one network's configuration, whose errors name the network.
#[derive(Clone, Copy)]
pub(crate) struct Checks(pub &'static str);

impl Checks {
    /// Checks that a size is in `range`.
    pub fn range(
        self,
        key: impl Into<String>,
        value: usize,
        range: RangeInclusive<usize>,
    ) -> Result<(), ConfigError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(ConfigError::OutOfRange {
            network: self.0,
            key: key.into(),
            value: value as f64,
            min: *range.start() as f64,
            max: *range.end() as f64,
        })
    }

    /// Checks that a position is in `range` and not NaN.
    pub fn position(
        self,
        key: impl Into<String>,
        value: f32,
        range: RangeInclusive<f32>,
    ) -> Result<(), ConfigError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(ConfigError::OutOfRange {
            network: self.0,
            key: key.into(),
            value: value.into(),
            min: (*range.start()).into(),
            max: (*range.end()).into(),
        })
    }

    /// Checks that a size is a multiple of `factor`.
    pub fn multiple(
        self,
        key: &'static str,
        value: usize,
        factor: usize,
    ) -> Result<(), ConfigError> {
        if value.is_multiple_of(factor) {
            return Ok(());
        }
        Err(ConfigError::NotMultiple { network: self.0, key, value, factor })
    }

    /// Checks that two sizes are equal.
    pub fn equal(
        self,
        key: &'static str,
        value: usize,
        other: impl Into<String>,
        expected: usize,
    ) -> Result<(), ConfigError> {
        if value == expected {
            return Ok(());
        }
        Err(ConfigError::Mismatch { network: self.0, key, value, other: other.into(), expected })
    }

    /// Checks that a face space has an identity, and each of its traits once.
    pub fn face_space(self, space: &FaceSpace) -> Result<(), ConfigError> {
        if space.is_valid() {
            return Ok(());
        }
        Err(ConfigError::Traits {
            network: self.0,
            space: space.name.clone(),
            dimension: space.dimension,
            traits: space.traits.len(),
        })
    }

    /// Checks that the network and each of its layers fit into the memory of a machine.
    pub fn total(self, parameters: u64, largest_layer: u64) -> Result<(), ConfigError> {
        let limits = [
            ("number of parameters", parameters, MAX_PARAMETERS),
            ("values in the largest layer for one input", largest_layer, MAX_LAYER_VALUES),
        ];
        for (what, value, limit) in limits {
            if value > limit {
                return Err(ConfigError::TooLarge { network: self.0, what, value, limit });
            }
        }
        Ok(())
    }
}

/// The product of sizes; [`u64::MAX`] if it does not fit.
pub(crate) fn product<const N: usize>(sizes: [usize; N]) -> u64 {
    sizes.into_iter().fold(1, |product, size| product.saturating_mul(size as u64))
}

/// The sum of counts; [`u64::MAX`] if it does not fit.
pub(crate) fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// Parameters of a fully connected layer.
pub(crate) fn linear(inputs: usize, outputs: usize) -> u64 {
    product([inputs, outputs]).saturating_add(outputs as u64)
}

/// Parameters of a convolution or transposed convolution with bias.
pub(crate) fn convolution(inputs: usize, outputs: usize, kernel: usize) -> u64 {
    product([inputs, outputs, kernel, kernel]).saturating_add(outputs as u64)
}
