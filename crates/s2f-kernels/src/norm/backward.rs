//! Gradients of pool, normalisation and ReLU, from the output back to the sums of a convolution.

use rayon::prelude::*;

use super::{Affine, Size, Statistics};
use crate::finish::Activation;
use crate::isa::{Isa, Kernel};
use crate::vector::Vector;

/// Gradients of the parameters, per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// Of the bias before the ReLU.
    pub bias: Vec<f32>,
    /// Of the factor of the normalisation.
    pub gamma: Vec<f32>,
    /// Of its summand.
    pub beta: Vec<f32>,
}

/// What was done forward.
#[derive(Debug, Clone, Copy)]
pub struct Forward<'a> {
    /// What was normalised: the values after the ReLU.
    pub activation: &'a [f32],
    /// Of the activation.
    pub size: Size,
    /// That it was normalised with.
    pub statistics: &'a Statistics,
    /// Per channel.
    pub gamma: &'a [f32],
    /// Per channel.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether the statistics are those of the activation, and so depend on it.
    pub batch: bool,
    /// What came before.
    pub limits: Activation,
    /// Whether a pool over two rows came after.
    pub pool: bool,
}

/// Writes the gradient before the ReLU from that of the output.
pub fn backward(isa: Isa, forward: Forward, output_gradient: &[f32], to: &mut [f32]) -> Gradients {
    let [height, width, channels] = forward.size;
    let step = if forward.pool { 2 } else { 1 };
    let row = width * channels;
    let rows = height.div_ceil(step);
    let images = forward.activation.len() / (height * row);
    let affine = Affine::new(forward.statistics, forward.gamma, forward.beta, forward.epsilon);
    let inverse: Vec<f32> =
        forward.statistics.deviations(forward.epsilon).iter().map(|d| 1.0 / d).collect();
    let mut constants = Constants {
        affine: &affine,
        mean: &forward.statistics.mean,
        inverse: &inverse,
        mean_gradient: vec![0.0; channels],
        mean_projection: vec![0.0; channels],
        limits: forward.limits.limits(),
    };
    // The rows of the activation and of the gradient that belong together; the last row of the
    // activation may have no gradient.
    let part = |index: usize| {
        let (image, y) = (index / rows, index % rows);
        let first = image * height + y * step;
        let count = step.min(height - y * step);
        let at = (y < height / step).then(|| (image * (height / step) + y) * row);
        let gradient = at.map_or(&output_gradient[..0], |at| &output_gradient[at..][..row]);
        (&forward.activation[first * row..][..count * row], gradient)
    };

    let mut sums = vec![0.0_f32; images * rows * 2 * channels];
    sums.par_chunks_exact_mut(2 * channels).enumerate().for_each(|(index, sums)| {
        let (activation, gradient) = part(index);
        isa.run(Sums { activation, gradient, constants: &constants, sums });
    });
    let totals = total(&sums, 2 * channels);
    let (beta, gamma) = totals.split_at(channels);
    if forward.batch {
        let share = 1.0 / (images * height * width) as f64;
        let mean = |totals: &[f64]| totals.iter().map(|total| (total * share) as f32).collect();
        constants.mean_gradient = mean(beta);
        constants.mean_projection = mean(gamma);
    }

    let mut sums = vec![0.0_f32; images * rows * channels];
    let mut parts: Vec<&mut [f32]> = Vec::with_capacity(images * rows);
    for image in to.chunks_exact_mut(height * row) {
        parts.extend(image.chunks_mut(step * row));
    }
    parts.into_par_iter().zip(sums.par_chunks_exact_mut(channels)).enumerate().for_each(
        |(index, (to, sums))| {
            let (activation, gradient) = part(index);
            isa.run(Back { activation, gradient, constants: &constants, to, sums });
        },
    );
    let narrow = |totals: &[f64]| totals.iter().map(|total| *total as f32).collect();
    Gradients { bias: narrow(&total(&sums, channels)), gamma: narrow(gamma), beta: narrow(beta) }
}

/// The sum of rows of a length, in their order.
pub(super) fn total(rows: &[f32], length: usize) -> Vec<f64> {
    let mut totals = vec![0.0_f64; length];
    for row in rows.chunks_exact(length) {
        for (total, value) in totals.iter_mut().zip(row) {
            *total += f64::from(*value);
        }
    }
    totals
}

/// Per channel.
struct Constants<'a> {
    affine: &'a Affine,
    mean: &'a [f32],
    /// 1/√(variance + ε)
    inverse: &'a [f32],
    mean_gradient: Vec<f32>,
    /// Mean of the gradient times the normalised value.
    mean_projection: Vec<f32>,
    /// Of the activation.
    limits: [f32; 2],
}

/// Sums over a row of the output: of the gradient, and of the gradient times the normalised value.
struct Sums<'a> {
    activation: &'a [f32],
    gradient: &'a [f32],
    constants: &'a Constants<'a>,
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.sums.len() / 2;
        let (beta, gamma) = self.sums.split_at_mut(channels);
        let Constants { affine, mean, inverse, .. } = self.constants;
        let [scale, shift] = [&affine.scale[..channels], &affine.shift[..channels]];
        let [mean, inverse] = [&mean[..channels], &inverse[..channels]];
        let (first, second) = self.activation.split_at(self.gradient.len());
        // Without a pool, each value is compared with itself.
        let second = if second.len() == first.len() { second } else { first };
        let pixels = first.chunks_exact(channels).zip(second.chunks_exact(channels));
        for ((first, second), gradient) in pixels.zip(self.gradient.chunks_exact(channels)) {
            for channel in 0..channels {
                let a = first[channel] * scale[channel] + shift[channel];
                let b = second[channel] * scale[channel] + shift[channel];
                let value = if b > a { second[channel] } else { first[channel] };
                beta[channel] += gradient[channel];
                gamma[channel] += gradient[channel] * (value - mean[channel]) * inverse[channel];
            }
        }
    }
}

/// The gradient before the ReLU, and its sum over the row.
struct Back<'a> {
    activation: &'a [f32],
    gradient: &'a [f32],
    constants: &'a Constants<'a>,
    to: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.sums.len();
        let Constants { affine, mean, inverse, mean_gradient, mean_projection, limits } =
            self.constants;
        let [scale, shift] = [&affine.scale[..channels], &affine.shift[..channels]];
        let [mean, inverse] = [&mean[..channels], &inverse[..channels]];
        let [offset, slope] = [&mean_gradient[..channels], &mean_projection[..channels]];
        let [floor, ceiling] = *limits;
        let sums = &mut self.sums[..channels];
        let through = |channel: usize, value: f32, gradient: f32| {
            let normalised = (value - mean[channel]) * inverse[channel];
            let centred = gradient - offset[channel] - normalised * slope[channel];
            if (value > floor) & (value < ceiling) { scale[channel] * centred } else { 0.0 }
        };
        let length = self.gradient.len();
        if self.activation.len() == 2 * length && length > 0 {
            let (first, second) = self.activation.split_at(length);
            let (to_first, to_second) = self.to.split_at_mut(length);
            let to = to_first.chunks_exact_mut(channels).zip(to_second.chunks_exact_mut(channels));
            let from = first.chunks_exact(channels).zip(second.chunks_exact(channels));
            let pixels = to.zip(from).zip(self.gradient.chunks_exact(channels));
            for (((to_first, to_second), (first, second)), gradient) in pixels {
                for channel in 0..channels {
                    let a = first[channel] * scale[channel] + shift[channel];
                    let b = second[channel] * scale[channel] + shift[channel];
                    let [g, h] =
                        if b > a { [0.0, gradient[channel]] } else { [gradient[channel], 0.0] };
                    to_first[channel] = through(channel, first[channel], g);
                    to_second[channel] = through(channel, second[channel], h);
                    sums[channel] += to_first[channel] + to_second[channel];
                }
            }
        } else {
            let pixels =
                self.to.chunks_exact_mut(channels).zip(self.activation.chunks_exact(channels));
            for (index, (to, from)) in pixels.enumerate() {
                let gradient = self.gradient.get(index * channels..(index + 1) * channels);
                for channel in 0..channels {
                    let gradient = gradient.map_or(0.0, |gradient| gradient[channel]);
                    to[channel] = through(channel, from[channel], gradient);
                    sums[channel] += to[channel];
                }
            }
        }
    }
}
