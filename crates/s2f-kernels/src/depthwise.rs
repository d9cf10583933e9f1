//! Convolutions within each channel, for any kernel, stride and padding.

use std::ops::Range;

use rayon::prelude::*;

use crate::finish::Finish;
use crate::isa::{Isa, Kernel};
use crate::scratch::each_chunk;
use crate::vector::Vector;

/// Parts of the sum over the pixels, at most; the result depends on it, so threads do not.
const PARTS: usize = 16;
/// Products of a task, at least.
const MIN_PRODUCTS: usize = 1 << 16;

/// A convolution of an NHWC tensor with kernels `[channels, 1, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height and width of the kernels; not larger than the padded input.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of the input.
    pub padding: [usize; 2],
}

impl Shape {
    /// Height, width and channels of the output.
    ///
    /// # Panics
    /// If the kernels are larger than the padded input, or a stride is 0.
    pub fn output(&self) -> [usize; 3] {
        let size = |axis: usize| {
            let (input, kernel) = (self.input[axis] + 2 * self.padding[axis], self.kernel[axis]);
            assert!((1..=input).contains(&kernel), "a kernel of {kernel} on an input of {input}");
            (input - kernel) / self.stride[axis] + 1
        };
        [size(0), size(1), self.input[2]]
    }

    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn check(&self, kernels: usize, input: usize, output: usize) {
        assert_eq!(kernels, self.input[2] * self.taps());
        assert_eq!(input, self.batch * self.input.iter().product::<usize>());
        assert_eq!(output, self.batch * self.output().iter().product::<usize>());
    }

    /// The row or column of the input that a tap of an output reads, if there is one.
    #[inline(always)]
    fn place(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let place = (output * self.stride[axis] + tap).checked_sub(self.padding[axis])?;
        (place < self.input[axis]).then_some(place)
    }

    /// Rows of a task, at least.
    fn min_rows(&self) -> usize {
        (MIN_PRODUCTS / (self.taps() * self.input[1] * self.input[2]).max(1)).max(1)
    }
}

/// Kernels `[channels, taps]` as `[taps, channels]`.
fn pack(kernels: &[f32], channels: usize) -> Vec<f32> {
    let taps = kernels.len() / channels;
    let mut packed = vec![0.0; kernels.len()];
    for (channel, kernel) in kernels.chunks_exact(taps).enumerate() {
        for (tap, value) in kernel.iter().enumerate() {
            packed[tap * channels + channel] = *value;
        }
    }
    packed
}

/// Writes the convolution of `source`.
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
    shape.check(kernels.len(), source.len(), target.len());
    let [height, width, channels] = shape.output();
    let weights = pack(kernels, channels);
    let zeros = vec![0.0; shape.input[1] * channels];
    each_chunk(target, width * channels, shape.min_rows(), |index, target| {
        let (source, y) = (image(shape, source, index / height), index % height);
        let (weights, zeros) = (&weights, &zeros);
        isa.run(Row { shape, weights, source, zeros, y, finish, target });
    });
}

fn image<'a>(shape: &Shape, source: &'a [f32], index: usize) -> &'a [f32] {
    let length = shape.input.iter().product::<usize>();
    &source[index * length..][..length]
}

/// A row of the output.
struct Row<'a> {
    shape: &'a Shape,
    /// `[taps, channels]`
    weights: &'a [f32],
    /// An image.
    source: &'a [f32],
    /// A row of the input.
    zeros: &'a [f32],
    y: usize,
    finish: Finish<'a>,
    target: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        // SAFETY: as the caller promises.
        unsafe {
            if self.shape.kernel == [3, 3] {
                self.three::<V>();
            } else {
                let columns = self.target.len() / self.shape.input[2];
                self.columns::<V>(0..columns, 0);
            }
        }
    }
}

impl Row<'_> {
    /// With kernels of 3 × 3, whose taps stay in registers.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn three<V: Vector>(mut self) {
        let Shape { input: [height, width, channels], stride, padding, .. } = *self.shape;
        assert_eq!(self.source.len(), height * width * channels);
        assert!(self.weights.len() == 9 * channels && self.zeros.len() == width * channels);
        let columns = self.target.len() / channels;
        // The columns of which all taps lie in the image.
        let first = padding[1].div_ceil(stride[1]).min(columns);
        let end = (width + padding[1]).saturating_sub(3) / stride[1] + 1;
        let end = if width + padding[1] < 3 { first } else { end.clamp(first, columns) };
        let rows = [0, 1, 2].map(|tap| match self.shape.place(0, self.y, tap) {
            Some(row) => self.source[row * width * channels..].as_ptr(),
            None => self.zeros.as_ptr(),
        });
        let whole = channels / V::LANES * V::LANES;
        for channel in (0..whole).step_by(V::LANES) {
            // SAFETY: each of the rows has `width` pixels, of which the taps of these columns are
            // some; each pixel, tap and output has `LANES` channels from `channel`; the rest is as
            // the caller promises.
            unsafe {
                let mut taps = [V::splat(0.0); 9];
                for (index, tap) in taps.iter_mut().enumerate() {
                    *tap = V::load(self.weights.as_ptr().add(index * channels + channel));
                }
                let finish = self.finish.vector::<V>(channel, V::LANES);
                for x in first..end {
                    let at = (x * stride[1] - padding[1]) * channels + channel;
                    let mut sum = V::splat(0.0);
                    for y in 0..3 {
                        let from = rows[y].add(at);
                        for x in 0..3 {
                            sum = V::load(from.add(x * channels)).mul_add(taps[3 * y + x], sum);
                        }
                    }
                    finish.apply(sum).store(self.target.as_mut_ptr().add(x * channels + channel));
                }
            }
        }
        // SAFETY: as the caller promises.
        unsafe {
            self.columns::<V>(0..first, 0);
            self.columns::<V>(end..columns, 0);
            if whole < channels {
                self.columns::<V>(first..end, whole);
            }
        }
    }

    /// Some columns by definition, the channels from `start` on, a multiple of the lanes.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn columns<V: Vector>(&mut self, columns: Range<usize>, start: usize) {
        let Shape { input: [height, width, channels], kernel, .. } = *self.shape;
        assert_eq!(self.source.len(), height * width * channels);
        assert_eq!(self.weights.len(), kernel[0] * kernel[1] * channels);
        for first in (start..channels).step_by(V::LANES) {
            let count = V::LANES.min(channels - first);
            // SAFETY: `place` gives pixels of the image; `count` channels from `first` are there in
            // each pixel and tap; the rest is as the caller promises.
            unsafe {
                let finish = self.finish.vector::<V>(first, count);
                for x in columns.clone() {
                    let to = &mut self.target[x * channels..][..channels];
                    let mut sum = V::splat(0.0);
                    for tap_y in 0..kernel[0] {
                        let Some(row) = self.shape.place(0, self.y, tap_y) else { continue };
                        for tap_x in 0..kernel[1] {
                            let Some(column) = self.shape.place(1, x, tap_x) else { continue };
                            let at = (row * width + column) * channels + first;
                            let tap = (tap_y * kernel[1] + tap_x) * channels + first;
                            let from = self.source.as_ptr().add(at);
                            let weight = self.weights.as_ptr().add(tap);
                            sum = if count == V::LANES {
                                V::load(from).mul_add(V::load(weight), sum)
                            } else {
                                let weight = V::load_first(weight, count);
                                V::load_first(from, count).mul_add(weight, sum)
                            };
                        }
                    }
                    let to = to.as_mut_ptr().add(first);
                    let value = finish.apply(sum);
                    if count == V::LANES {
                        value.store(to);
                    } else {
                        value.store_first(to, count);
                    }
                }
            }
        }
    }
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
    shape.check(kernels.len(), to.len(), output_gradient.len());
    let [height, width, channels] = shape.output();
    let input_height = shape.input[0];
    let weights = pack(kernels, channels);
    each_chunk(to, shape.input[1] * channels, shape.min_rows(), |index, target| {
        let gradient = &output_gradient[index / input_height * height * width * channels..];
        let gradient = &gradient[..height * width * channels];
        isa.run(InputRow { shape, weights: &weights, gradient, y: index % input_height, target });
    });
}

/// A row of the gradient of the input.
struct InputRow<'a> {
    shape: &'a Shape,
    weights: &'a [f32],
    /// Of an image.
    gradient: &'a [f32],
    y: usize,
    target: &'a mut [f32],
}

impl Kernel for InputRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Shape { kernel, stride, padding, .. } = *self.shape;
        let [height, width, channels] = self.shape.output();
        self.target.fill(0.0);
        for tap_y in 0..kernel[0] {
            let Some(from) = (self.y + padding[0]).checked_sub(tap_y) else { continue };
            let row = from / stride[0];
            if !from.is_multiple_of(stride[0]) || row >= height {
                continue;
            }
            let gradient = &self.gradient[row * width * channels..][..width * channels];
            for tap_x in 0..kernel[1] {
                let weights = &self.weights[(tap_y * kernel[1] + tap_x) * channels..][..channels];
                for (x, gradient) in gradient.chunks_exact(channels).enumerate() {
                    let Some(column) = self.shape.place(1, x, tap_x) else { continue };
                    let to = &mut self.target[column * channels..][..channels];
                    for channel in 0..channels {
                        to[channel] += gradient[channel] * weights[channel];
                    }
                }
            }
        }
    }
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
    shape.check(to.len(), source.len(), output_gradient.len());
    let [height, width, channels] = shape.output();
    let rows = shape.batch * height;
    let (length, parts) = (to.len(), PARTS.min(rows));
    let mut sums = vec![0.0_f32; parts * length];
    sums.par_chunks_exact_mut(length.max(1)).enumerate().for_each(|(part, sums)| {
        for row in rows * part / parts..rows * (part + 1) / parts {
            let gradient = &output_gradient[row * width * channels..][..width * channels];
            let source = image(shape, source, row / height);
            isa.run(KernelRow { shape, source, gradient, y: row % height, sums: &mut *sums });
        }
    });
    for (channel, kernel) in to.chunks_exact_mut(shape.taps()).enumerate() {
        for (tap, value) in kernel.iter_mut().enumerate() {
            let parts = sums.chunks_exact(length);
            *value = parts.map(|part| part[tap * channels + channel]).sum();
        }
    }
}

/// What a row of the output adds to the gradient of the kernels, `[taps, channels]`.
struct KernelRow<'a> {
    shape: &'a Shape,
    /// An image.
    source: &'a [f32],
    gradient: &'a [f32],
    y: usize,
    sums: &'a mut [f32],
}

impl Kernel for KernelRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Shape { input: [_, width, channels], kernel, .. } = *self.shape;
        for tap_y in 0..kernel[0] {
            let Some(row) = self.shape.place(0, self.y, tap_y) else { continue };
            for tap_x in 0..kernel[1] {
                let sums = &mut self.sums[(tap_y * kernel[1] + tap_x) * channels..][..channels];
                for (x, gradient) in self.gradient.chunks_exact(channels).enumerate() {
                    let Some(column) = self.shape.place(1, x, tap_x) else { continue };
                    let source = &self.source[(row * width + column) * channels..][..channels];
                    for channel in 0..channels {
                        sums[channel] += gradient[channel] * source[channel];
                    }
                }
            }
        }
    }
}
