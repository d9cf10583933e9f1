//! The configuration of a face decoder: heads, presets, limits and cost.

use std::ops::RangeInclusive;

use burn::nn::LinearConfig;
use burn::tensor::Device;
use s2f_core::FaceSpace;
use serde::{Deserialize, Serialize};

use super::{FaceDecoder, LandmarkHead};
use crate::config::{
    CHANNELS, Checks, ConfigError, Cost, WIDTH, convolution, linear, product, sum,
};
use crate::texture::{BasisHead, DeconvolutionHead, KERNEL, TextureHead, luma_chroma_values};
use crate::warp::{NODES, Warp};

const CHECKS: Checks = Checks("face decoder");
/// Dense face meshes have 468 landmarks.
const LANDMARKS: RangeInclusive<usize> = 1..=512;
pub(crate) const BORDER: RangeInclusive<usize> = 0..=256;
/// Pixels.
const SIZE: RangeInclusive<usize> = 8..=1024;
/// The chroma planes have half the side.
const SIZE_FACTOR: usize = 2;
const COMPONENTS: RangeInclusive<usize> = 1..=4096;
/// Small map and transposed convolutions: from 8 to 1024 pixels.
const MAPS: RangeInclusive<usize> = 1..=8;
/// Values in memory for each value that a layer puts out, at the peak of a training step.
const PER_OUTPUT: u64 = 4;
/// The same for each pixel of the rendered picture, and for each pair of a node of the warp's grid
/// and a control point. `examples/memory.rs` measures 18.9 MiB per face for the compact decoder;
/// with these it is 19.4 MiB.
const PER_PIXEL: u64 = 40;
const PER_PAIR: u64 = 7;
/// Control points on the border that the cost is computed for.
const BORDER_POINTS: usize = 16;

/// How the texture is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TextureConfig {
    /// The paper's: fully connected to a small map, then transposed convolutions (kernel 5,
    /// stride 2, ReLU), then a 1 × 1 convolution to R, G, B.
    Deconvolution {
        /// Side of the small map, pixels.
        base: usize,
        /// Channels of the small map and after each transposed convolution, which doubles the
        /// side; 1 to 8 entries of 1 to 8192.
        channels: Vec<usize>,
    },
    /// A mean and a linear basis, both learned: luma at full size, chroma at half of it. A hundred
    /// photographs are enough to train it without blotches.
    Basis {
        /// Number of components, 1 to 4096.
        components: usize,
        /// Width of the hidden layer before them, 1 to 65536.
        hidden: usize,
    },
}

/// How the landmarks are drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandmarksConfig {
    /// Number of landmarks, 1 to 512.
    pub count: usize,
    /// Width of the hidden layer, 1 to 65536.
    pub hidden: usize,
}

/// Layers of a [`FaceDecoder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceDecoderConfig {
    /// Dimension of the face space, D.
    pub feature: usize,
    /// Width of the first layer, f_dec, 1 to 65536.
    pub hidden: usize,
    /// Landmarks.
    pub landmarks: LandmarksConfig,
    /// Texture.
    pub texture: TextureConfig,
    /// Side of the picture, pixels: an even number from 8 to 1024.
    pub size: usize,
}

impl FaceDecoderConfig {
    /// The paper's decoder on 4096-D features, 224 × 224. The widths of `landmarks` are not
    /// printed; their number is, 65.
    pub fn paper() -> Self {
        Self {
            feature: 4096,
            hidden: 1000,
            landmarks: LandmarksConfig { count: 65, hidden: 1000 },
            texture: TextureConfig::Deconvolution {
                base: 14,
                channels: vec![256, 128, 64, 32, 32],
            },
            size: 224,
        }
    }

    /// The shipped decoder on 256-D features, 224 × 224, for `landmarks` points.
    pub fn compact(landmarks: usize) -> Self {
        Self {
            feature: 256,
            hidden: 256,
            landmarks: LandmarksConfig { count: landmarks, hidden: 64 },
            texture: TextureConfig::Basis { components: 40, hidden: 128 },
            size: 224,
        }
    }

    /// Number of components of the texture basis; `None` for a texture without a basis.
    pub fn basis_components(&self) -> Option<usize> {
        match self.texture {
            TextureConfig::Basis { components, .. } => Some(components),
            TextureConfig::Deconvolution { .. } => None,
        }
    }

    /// Checks that a network can be built: each size is in its range, the texture reaches the size
    /// of the picture, and the whole is of a size that a machine can have.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        CHECKS.range("feature", self.feature, WIDTH)?;
        CHECKS.range("hidden", self.hidden, WIDTH)?;
        CHECKS.range("landmarks.count", self.landmarks.count, LANDMARKS)?;
        CHECKS.range("landmarks.hidden", self.landmarks.hidden, WIDTH)?;
        CHECKS.range("size", self.size, SIZE)?;
        CHECKS.multiple("size", self.size, SIZE_FACTOR)?;
        match &self.texture {
            TextureConfig::Deconvolution { base, channels } => {
                CHECKS.range("texture.base", *base, 1..=self.size)?;
                CHECKS.range("number of texture.channels", channels.len(), MAPS)?;
                for (index, &channels) in channels.iter().enumerate() {
                    CHECKS.range(format!("texture.channels[{index}]"), channels, CHANNELS)?;
                }
                let doublings = channels.len() - 1;
                let other = format!("texture.base {base} after {doublings} doublings");
                CHECKS.equal("size", self.size, other, base << doublings)?;
            }
            TextureConfig::Basis { components, hidden } => {
                CHECKS.range("texture.components", *components, COMPONENTS)?;
                CHECKS.range("texture.hidden", *hidden, WIDTH)?;
            }
        }
        let largest = self.texture_layers().into_iter().max().unwrap_or(0);
        CHECKS.total(self.parameters(), largest)
    }

    /// Checks that the network's input fits a face space.
    ///
    /// # Errors
    /// [`ConfigError::Mismatch`] if the dimensions differ.
    pub fn check_face_space(&self, space: &FaceSpace) -> Result<(), ConfigError> {
        let other = format!("the dimension of face space {}", space.name);
        CHECKS.equal("feature", self.feature, other, space.dimension)
    }

    /// What the network takes with `batch` faces at a time, decoded and rendered.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn cost(&self, batch: usize) -> Result<Cost, ConfigError> {
        self.check()?;
        let connected = self.hidden.saturating_add(self.landmarks.hidden) as u64;
        let layers = sum(self.texture_layers()).saturating_add(connected);
        let pairs = product([NODES, NODES, self.landmarks.count + BORDER_POINTS]);
        let pixels = product([self.size, self.size]);
        let values = [
            layers.saturating_mul(PER_OUTPUT),
            pairs.saturating_mul(PER_PAIR),
            pixels.saturating_mul(PER_PIXEL),
        ];
        Ok(Cost::new(self.parameters(), sum(values).saturating_mul(batch as u64)))
    }

    /// Values that each layer of the texture puts out for one face.
    fn texture_layers(&self) -> Vec<u64> {
        match &self.texture {
            TextureConfig::Deconvolution { base, channels } => {
                let maps = channels.iter().enumerate().map(|(doublings, &channels)| {
                    let side = base << doublings;
                    product([channels, side, side])
                });
                maps.collect()
            }
            TextureConfig::Basis { components, hidden } => {
                vec![*hidden as u64, *components as u64, luma_chroma_values(self.size) as u64]
            }
        }
    }

    /// Number of parameters, with the mean landmarks.
    fn parameters(&self) -> u64 {
        let coordinates = 2 * self.landmarks.count;
        let texture = match &self.texture {
            TextureConfig::Deconvolution { base, channels } => {
                let first = channels.first().copied().unwrap_or_default();
                let first = first.saturating_mul(base * base);
                let last = channels.last().copied().unwrap_or_default();
                let layers = channels.windows(2).map(|pair| convolution(pair[0], pair[1], KERNEL));
                linear(self.hidden, first)
                    .saturating_add(sum(layers))
                    .saturating_add(convolution(last, 3, 1))
            }
            TextureConfig::Basis { components, hidden } => {
                let values = luma_chroma_values(self.size);
                let layers = [linear(self.hidden, *hidden), linear(*hidden, *components)];
                sum(layers).saturating_add(linear(*components, values))
            }
        };
        sum([
            linear(self.feature, self.hidden),
            linear(self.hidden, self.landmarks.hidden),
            linear(self.landmarks.hidden, coordinates),
            coordinates as u64,
            texture,
        ])
    }

    /// A network with fresh weights around the `mean` landmarks, with points of zero displacement
    /// at `border`; all in pixels.
    ///
    /// # Errors
    /// As [`check`](Self::check), and where `mean` has another number of landmarks or `border` more
    /// than 256 points.
    pub fn init(
        &self,
        mean: &[[f32; 2]],
        border: &[[f32; 2]],
        device: &Device,
    ) -> Result<FaceDecoder, ConfigError> {
        self.check()?;
        let count = self.landmarks.count;
        CHECKS.equal("landmarks.count", count, "the number of mean landmarks", mean.len())?;
        CHECKS.range("number of border points", border.len(), BORDER)?;
        Ok(FaceDecoder {
            first: LinearConfig::new(self.feature, self.hidden).init(device),
            landmarks: LandmarkHead {
                hidden: LinearConfig::new(self.hidden, self.landmarks.hidden).init(device),
                output: LinearConfig::new(self.landmarks.hidden, 2 * count).init(device),
            },
            texture: match &self.texture {
                TextureConfig::Deconvolution { base, channels } => TextureHead::Deconvolution(
                    DeconvolutionHead::init(self.hidden, *base, channels, device),
                ),
                TextureConfig::Basis { components, hidden } => TextureHead::Basis(BasisHead::init(
                    self.hidden,
                    *hidden,
                    *components,
                    self.size,
                    device,
                )),
            },
            warp: Warp::new(mean, border, self.size, device),
        })
    }
}
