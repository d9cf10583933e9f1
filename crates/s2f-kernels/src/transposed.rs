//! Transposed convolutions: the gradients of ordinary ones.

use rayon::prelude::*;

use crate::convolution;
use crate::direct::{self, InputRows};
use crate::finish::Finish;
use crate::isa::{Isa, Kernel};
use crate::scratch::Space;
use crate::vector::Vector;

/// A transposed convolution of an NHWC tensor with kernels `[inputs, outputs, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Channels of the output.
    pub outputs: usize,
    /// Height and width of the kernels.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows and columns that the output lacks on each side.
    pub padding: [usize; 2],
    /// Rows and columns that it has more on one side; less than the stride.
    pub padding_out: [usize; 2],
}

impl Shape {
    /// Height, width and channels of the output.
    ///
    /// # Panics
    /// If nothing is left of it.
    pub fn output(&self) -> [usize; 3] {
        let size = |axis: usize| {
            let full = (self.input[axis] - 1) * self.stride[axis] + self.kernel[axis];
            let size = (full + self.padding_out[axis]).checked_sub(2 * self.padding[axis]);
            assert!(size.is_some_and(|size| size > 0), "a transposed convolution without output");
            size.unwrap_or_default()
        };
        [size(0), size(1), self.outputs]
    }

    /// The convolution whose gradient this is: from the output with all its padding to the input.
    fn adjoint(&self) -> direct::Shape {
        let output = self.output();
        let size = |axis: usize| {
            assert!(self.padding_out[axis] < self.stride[axis]);
            let full = (self.input[axis] - 1) * self.stride[axis] + self.kernel[axis];
            full.max(self.padding[axis] + output[axis])
        };
        direct::Shape {
            batch: self.batch,
            input: [size(0), size(1), self.outputs],
            outputs: self.input[2],
            kernel: self.kernel,
            stride: self.stride,
        }
    }
}

/// Writes the transposed convolution of `source`.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn convolve(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    source: &[f32],
    finish: Finish,
    target: &mut [f32],
) {
    let [height, width, outputs] = shape.output();
    assert_eq!(target.len(), shape.batch * height * width * outputs);
    let adjoint = shape.adjoint();
    let rows = InputRows::new(isa, &adjoint, kernels, source);
    target.par_chunks_exact_mut(width * outputs).enumerate().for_each(|(index, target)| {
        let (image, y) = (index / height, index % height);
        let mut padded = Space::new(adjoint.input[1] * outputs);
        rows.write(image, y + shape.padding[0], &mut padded);
        let source = &padded[shape.padding[1] * outputs..][..target.len()];
        isa.run(Finished { source, channels: outputs, finish, target });
    });
}

/// Writes the gradient of the input from that of the output.
///
/// # Panics
/// As [`convolve`].
pub fn input_gradient(
    isa: Isa,
    shape: &Shape,
    kernels: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    let adjoint = shape.adjoint();
    let padded = pad(output_gradient, shape.batch, shape.output(), shape.padding, adjoint.input);
    convolution::convolve(isa, &adjoint, kernels, &padded, Finish::default(), false, to);
}

/// Writes the gradient of the kernels from the input and the gradient of the output.
///
/// # Panics
/// As [`convolve`].
pub fn kernel_gradient(
    isa: Isa,
    shape: &Shape,
    source: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    let adjoint = shape.adjoint();
    let padded = pad(output_gradient, shape.batch, shape.output(), shape.padding, adjoint.input);
    convolution::kernel_gradient(isa, &adjoint, &padded, source, to);
}

/// Images of height, width and channels in larger images of zeros, `padding` from their top left.
pub fn pad(
    source: &[f32],
    batch: usize,
    [height, width, channels]: [usize; 3],
    padding: [usize; 2],
    [padded_height, padded_width, _]: [usize; 3],
) -> Space {
    assert_eq!(source.len(), batch * height * width * channels);
    let row = padded_width * channels;
    let mut padded = Space::new(batch * padded_height * row);
    padded.par_chunks_exact_mut(row).enumerate().with_min_len(16).for_each(|(index, to)| {
        let (image, y) = (index / padded_height, (index % padded_height).wrapping_sub(padding[0]));
        if y >= height {
            return to.fill(0.0);
        }
        let (left, rest) = to.split_at_mut(padding[1] * channels);
        let (middle, right) = rest.split_at_mut(width * channels);
        left.fill(0.0);
        let from = (image * height + y) * width * channels;
        middle.copy_from_slice(&source[from..][..width * channels]);
        right.fill(0.0);
    });
    padded
}

/// Finishes a row.
struct Finished<'a> {
    source: &'a [f32],
    channels: usize,
    finish: Finish<'a>,
    target: &'a mut [f32],
}

impl Kernel for Finished<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.channels;
        assert_eq!(self.source.len(), self.target.len());
        for first in (0..channels).step_by(V::LANES) {
            let count = V::LANES.min(channels - first);
            let pixels = self.source.chunks_exact(channels);
            // SAFETY: each pixel has `count` channels from `first`; the rest is as the caller
            // promises.
            unsafe {
                let finish = self.finish.vector::<V>(first, count);
                for (to, from) in self.target.chunks_exact_mut(channels).zip(pixels) {
                    let value = V::load_first(from.as_ptr().add(first), count);
                    finish.apply(value).store_first(to.as_mut_ptr().add(first), count);
                }
            }
        }
    }
}
