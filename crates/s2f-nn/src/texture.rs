//! Textures: the face decoder's two texture heads, and luma and chroma planes.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};
use s2f_kernels::colours::Colours;
use s2f_kernels::isa::Isa;
use s2f_kernels::{Activation, BlockOptions, affine, conv_block, conv_transpose_block, linear};

use crate::plain_cpu::is_plain_cpu;

/// Height and width of every transposed convolution.
pub(crate) const KERNEL: usize = 5;

/// Number of values of a texture of `size` × `size` pixels in luma and chroma: luma at full size,
/// two chroma planes at half of it.
///
/// ```
/// assert_eq!(s2f_nn::texture::luma_chroma_values(224), 224 * 224 + 2 * 112 * 112);
/// ```
pub const fn luma_chroma_values(size: usize) -> usize {
    size * size + 2 * (size / 2) * (size / 2)
}

/// Luma and chroma weights of ITU-R BT.601 for R, G, B.
pub(crate) const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Cb = (B − Y)·CB, Cr = (R − Y)·CR.
pub(crate) const CB: f32 = 0.564;
pub(crate) const CR: f32 = 0.713;

/// R G B to luma and half-size chroma, in which a texture basis is defined.
///
/// # Shapes
/// - `texture`: `[batch, 3 (R, G, B), size, size]`
/// - output: `[batch, size² + 2·(size/2)²]`: luma, blue difference, red difference, each row by row
pub fn to_luma_chroma(texture: Tensor<4>) -> Tensor<2> {
    let plane = |index: usize| texture.clone().narrow(1, index, 1); // [batch, 1, size, size]
    let (red, green, blue) = (plane(0), plane(1), plane(2));
    let luma = red.clone() * LUMA[0] + green * LUMA[1] + blue.clone() * LUMA[2];
    let chroma = Tensor::cat(vec![(blue - luma.clone()) * CB, (red - luma.clone()) * CR], 1);
    let half = avg_pool2d(chroma, AvgPoolOptions::new([2, 2])); // [batch, 2, size/2, size/2]
    Tensor::cat(vec![luma.flatten(1, 3), half.flatten(1, 3)], 1)
}

/// The inverse of [`to_luma_chroma`], up to the chroma detail that is lost at half the size.
///
/// # Shapes
/// - `values`: `[batch, size² + 2·(size/2)²]`
/// - output: `[batch, 3 (R, G, B), size, size]`
pub fn from_luma_chroma(values: Tensor<2>, size: usize) -> Tensor<4> {
    let [batch, _] = values.dims();
    let device = values.device();
    if is_plain_cpu(&device) {
        let colours = Colours { luma: LUMA, blue: CB, red: CR };
        let data = values.clone().into_data();
        if let Ok(values) = data.as_slice() {
            let rgb = colours.to_rgb(Isa::best(), values, size);
            return Tensor::from_data(TensorData::new(rgb, [batch, 3, size, size]), &device);
        }
    }
    let half = size / 2;
    let luma = values.clone().narrow(1, 0, size * size).reshape([batch, 1, size, size]);
    let chroma = values.narrow(1, size * size, 2 * half * half).reshape([batch, 2, half, half]);
    let chroma = interpolate(
        chroma,
        InterpolateOptions::new(InterpolateMode::Bilinear)
            .with_align_corners(false)
            .with_output_size([size, size]),
    ); // [batch, 2, size, size]
    let blue = luma.clone() + chroma.clone().narrow(1, 0, 1) / CB;
    let red = luma.clone() + chroma.narrow(1, 1, 1) / CR;
    let green = (luma - red.clone() * LUMA[0] - blue.clone() * LUMA[2]) / LUMA[1];
    Tensor::cat(vec![red, green, blue], 1)
}

/// One of the two texture heads.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one per network")]
pub(crate) enum TextureHead {
    Deconvolution(DeconvolutionHead),
    Basis(BasisHead),
}

impl TextureHead {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Deconvolution(head) => head.forward(x),
            Self::Basis(head) => head.forward(x),
        }
    }
}

/// Transposed convolutions, as in the paper.
#[derive(Module, Debug)]
pub(crate) struct DeconvolutionHead {
    map: Linear,
    layers: Vec<ConvTranspose2d>,
    colours: Conv2d,
    #[module(skip)]
    base: usize,
}

impl DeconvolutionHead {
    /// `channels`, which is not empty, are those of the map of `base` × `base` pixels and of the
    /// output of each transposed convolution.
    pub(crate) fn init(input: usize, base: usize, channels: &[usize], device: &Device) -> Self {
        let first = channels.first().copied().unwrap_or_default();
        let last = channels.last().copied().unwrap_or_default();
        let layers = channels.windows(2).map(|pair| {
            ConvTranspose2dConfig::new([pair[0], pair[1]], [KERNEL, KERNEL])
                .with_stride([2, 2])
                .with_padding([2, 2])
                .with_padding_out([1, 1])
                .init(device)
        });
        Self {
            map: LinearConfig::new(input, first * base * base).init(device),
            layers: layers.collect(),
            colours: Conv2dConfig::new([last, 3], [1, 1]).init(device),
            base,
        }
    }

    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<4> {
        let [batch, _] = x.dims();
        let side = self.base as i64;
        let x = linear(x, &self.map, Activation::Relu).reshape([batch as i64, -1, side, side]);
        let x = x.permute([0, 2, 3, 1]); // [batch, 14, 14, 256]
        let up = |x, layer| conv_transpose_block(x, layer, Activation::Relu);
        let x = self.layers.iter().fold(x, up); // [batch, 224, 224, 32]
        let options = BlockOptions { activation: Activation::None, pool: false };
        let x = conv_block(x, &self.colours, None, options); // [batch, 224, 224, 3]
        x.permute([0, 3, 1, 2])
    }
}

/// A mean and a linear basis.
#[derive(Module, Debug)]
pub(crate) struct BasisHead {
    hidden: Linear,
    coefficients: Linear,
    /// `[values]`.
    pub(crate) mean: Param<Tensor<1>>,
    /// `[components, values]`.
    pub(crate) basis: Param<Tensor<2>>,
    #[module(skip)]
    size: usize,
}

impl BasisHead {
    pub(crate) fn init(
        input: usize,
        hidden: usize,
        components: usize,
        size: usize,
        device: &Device,
    ) -> Self {
        let values = luma_chroma_values(size);
        let scale = 0.1; // about the standard deviation of a texture, full brightness being 1
        let std = scale / (components as f64).sqrt();
        Self {
            hidden: LinearConfig::new(input, hidden).init(device),
            coefficients: LinearConfig::new(hidden, components).init(device),
            mean: Param::from_tensor(Tensor::zeros([values], device)),
            // Drawn only if it is used: most networks are initialised to load weights into.
            basis: Initializer::Normal { mean: 0.0, std }.init([components, values], device),
            size,
        }
    }

    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<4> {
        let x = linear(x, &self.hidden, Activation::Relu); // [batch, hidden]
        let x = linear(x, &self.coefficients, Activation::None); // [batch, components]
        let values = affine(x, self.basis.val(), self.mean.val()); // [batch, values]
        from_luma_chroma(values, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Reference, cpu, largest_difference};

    /// Written by `reference/nn/face_decoder.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/nn/face_decoder.safetensors");

    #[test]
    fn luma_and_chroma_equal_pytorch_and_are_inverted() {
        let device = cpu();
        let reference = Reference::new(REFERENCE);
        let values = to_luma_chroma(reference.floats("basis.texture", &device));
        assert!(
            largest_difference(values.clone(), reference.floats("luma_chroma", &device)) < 1e-5
        );
        // A constant chroma loses nothing at half the size.
        let grey =
            Tensor::cat(vec![values.narrow(1, 0, 256), Tensor::ones([2, 128], &device) * 0.1], 1);
        let back = to_luma_chroma(from_luma_chroma(grey.clone(), 16));
        assert!(largest_difference(back, grey) < 1e-5);
    }
}
