//! The gradient of a layer without normalisation.

use rayon::prelude::*;

use crate::finish::Activation;
use crate::isa::{Isa, Kernel};
use crate::vector::Vector;

/// Values of a task, about.
const VALUES: usize = 1 << 15;

/// Writes the gradient before the activation from that of the output; returns that of the bias, the
/// sum over the pixels.
pub fn backward(
    isa: Isa,
    output: &[f32],
    activation: Activation,
    output_gradient: &[f32],
    channels: usize,
    to: &mut [f32],
) -> Vec<f32> {
    let step = (VALUES / channels).max(1) * channels;
    let mut sums = vec![0.0_f32; output.len().div_ceil(step) * channels];
    let tasks = to.par_chunks_mut(step).zip(sums.par_chunks_exact_mut(channels));
    tasks.enumerate().for_each(|(index, (to, sums))| {
        let [output, gradient] =
            [output, output_gradient].map(|of| &of[index * step..][..to.len()]);
        isa.run(Back { output, activation, gradient, to, sums });
    });
    super::total(&sums, channels).into_iter().map(|total| total as f32).collect()
}

struct Back<'a> {
    output: &'a [f32],
    activation: Activation,
    gradient: &'a [f32],
    to: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let [floor, ceiling] = self.activation.limits();
        let count = self.to.len();
        let [output, gradient] = [&self.output[..count], &self.gradient[..count]];
        for index in 0..count {
            let is_between = (output[index] > floor) & (output[index] < ceiling);
            self.to[index] = if is_between { gradient[index] } else { 0.0 };
        }
        let channels = self.sums.len();
        for pixel in self.to.chunks_exact(channels) {
            for channel in 0..channels {
                self.sums[channel] += pixel[channel];
            }
        }
    }
}
