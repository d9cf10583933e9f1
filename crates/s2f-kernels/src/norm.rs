//! Batch normalisation of NHWC tensors with the max pool over two rows that may follow it, forward
//! and backward.
//!
//! Sums over pixels are taken row by row in `f32` and over the rows in `f64`, in the order of the
//! rows, so that they do not depend on threads.

mod activation;
mod backward;

pub use activation::backward as activation_backward;
use backward::total;
pub use backward::{Forward, backward};
use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::vector::Vector;

/// Mean and biased variance of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Per channel.
    pub mean: Vec<f32>,
    /// Per channel; the mean square distance from the mean.
    pub variance: Vec<f32>,
}

/// Height, width and channels of the images of a tensor.
pub type Size = [usize; 3];

/// A normalisation as one product and one sum per value.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// γ/√(variance + ε)
    pub scale: Vec<f32>,
    /// β − mean · scale
    pub shift: Vec<f32>,
}

impl Affine {
    /// Leaves values as they are.
    pub fn none(channels: usize) -> Self {
        Self { scale: vec![1.0; channels], shift: vec![0.0; channels] }
    }

    /// The normalisation with these statistics.
    pub fn new(statistics: &Statistics, gamma: &[f32], beta: &[f32], epsilon: f64) -> Self {
        let scale: Vec<f32> =
            statistics.deviations(epsilon).iter().zip(gamma).map(|(d, gamma)| gamma / d).collect();
        let shift = statistics.mean.iter().zip(&scale).zip(beta);
        let shift = shift.map(|((mean, scale), beta)| beta - mean * scale).collect();
        Self { scale, shift }
    }
}

impl Statistics {
    /// Of values that are left as they are.
    pub fn none(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// Those of a tensor with rows of pixels of a width.
    pub fn of(isa: Isa, values: &[f32], width: usize, channels: usize) -> Self {
        let row = width * channels;
        let mut moments = vec![0.0_f32; values.len() / row * 2 * channels];
        values
            .par_chunks_exact(row)
            .zip(moments.par_chunks_exact_mut(2 * channels))
            .for_each(|(values, moments)| isa.run(Moments { values, channels, moments }));
        // Chan, Golub and LeVeque: the squares of a row are about its own mean.
        let mut mean = vec![0.0_f64; channels];
        let mut squares = vec![0.0_f64; channels];
        for (index, row) in moments.chunks_exact(2 * channels).enumerate() {
            let (before, count) = ((index * width) as f64, width as f64);
            for channel in 0..channels {
                let distance = f64::from(row[channel]) - mean[channel];
                mean[channel] += distance * count / (before + count);
                squares[channel] += f64::from(row[channels + channel])
                    + distance * distance * before * count / (before + count);
            }
        }
        let pixels = (values.len() / channels) as f64;
        Self {
            mean: mean.into_iter().map(|mean| mean as f32).collect(),
            variance: squares.into_iter().map(|squares| (squares / pixels) as f32).collect(),
        }
    }

    /// √(variance + ε)
    fn deviations(&self, epsilon: f64) -> Vec<f32> {
        self.variance.iter().map(|variance| (variance + epsilon as f32).sqrt()).collect()
    }
}

/// Mean of a row of pixels, and the sum of the squares about it.
struct Moments<'a> {
    values: &'a [f32],
    channels: usize,
    moments: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let (mean, squares) = self.moments.split_at_mut(self.channels);
        mean.fill(0.0);
        squares.fill(0.0);
        for pixel in self.values.chunks_exact(self.channels) {
            for (mean, value) in mean.iter_mut().zip(pixel) {
                *mean += value;
            }
        }
        let share = self.channels as f32 / self.values.len() as f32;
        for mean in mean.iter_mut() {
            *mean *= share;
        }
        for pixel in self.values.chunks_exact(self.channels) {
            for ((squares, mean), value) in squares.iter_mut().zip(mean.iter()).zip(pixel) {
                *squares += (value - mean) * (value - mean);
            }
        }
    }
}

/// Writes `source · scale + shift`; with `pool`, the larger one of each two rows alone.
pub fn apply(
    isa: Isa,
    source: &[f32],
    size: Size,
    affine: &Affine,
    pool: bool,
    target: &mut [f32],
) {
    let [height, width, channels] = size;
    let (row, step) = (width * channels, if pool { 2 } else { 1 });
    let rows = height / step;
    if rows == 0 {
        return;
    }
    target.par_chunks_exact_mut(row).enumerate().for_each(|(index, target)| {
        let (image, y) = (index / rows, index % rows);
        let source = &source[(image * height + y * step) * row..][..step * row];
        isa.run(Apply { source, channels, affine, target });
    });
}

struct Apply<'a> {
    /// One row, or two.
    source: &'a [f32],
    channels: usize,
    affine: &'a Affine,
    target: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.channels;
        let (first, second) = self.source.split_at(self.target.len());
        let [scale, shift] = [&self.affine.scale[..channels], &self.affine.shift[..channels]];
        let pixels = self.target.chunks_exact_mut(channels).zip(first.chunks_exact(channels));
        if second.is_empty() {
            for (to, from) in pixels {
                for channel in 0..channels {
                    to[channel] = from[channel] * scale[channel] + shift[channel];
                }
            }
        } else {
            for ((to, first), second) in pixels.zip(second.chunks_exact(channels)) {
                for channel in 0..channels {
                    let first = first[channel] * scale[channel] + shift[channel];
                    let second = second[channel] * scale[channel] + shift[channel];
                    to[channel] = if second > first { second } else { first };
                }
            }
        }
    }
}
