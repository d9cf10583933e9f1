//! Feature maps as bordered planes, and the layers of YuNet that work on them.
//!
//! A plane has a border of one pixel and is stored row by row without gaps, so that the offset to a
//! neighbouring pixel is the same everywhere and every loop runs over one long row. The loops leave
//! arbitrary values in the border; it is cleared before a 3 x 3 kernel reads it.

use std::cell::RefCell;

use image::RgbImage;
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

/// Vectors of pixels, and output channels, that are accumulated at once. Together with the weight
/// they fill the 16 registers of AVX2.
const VECTORS: usize = 3;
const OUTPUTS: usize = 4;

/// Lanes of the widest vectors (AVX-512); lengths are multiples of [`BLOCK`].
const MAX_LANES: usize = 16;
const BLOCK: usize = VECTORS * MAX_LANES;

thread_local! {
    /// Buffers of dropped planes for reuse, the shortest first. Requesting fresh memory from the
    /// system takes longer than the computation in it.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Maximum number of buffers that a thread keeps; a picture needs half of them.
const MAX_KEPT: usize = 12;

/// A feature map of several channels.
pub(super) struct Planes {
    channels: usize,
    width: usize,
    height: usize,
    /// Values from the start of one plane to the next.
    distance: usize,
    /// Plane after plane; a reused buffer may be longer than needed.
    data: Vec<f32>,
}

impl Drop for Planes {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // While a thread ends, its buffers are gone already.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let place = free.partition_point(|other| other.len() < data.len());
            free.insert(place, data);
            if free.len() > MAX_KEPT {
                free.remove(0); // the shortest
            }
        });
    }
}

impl Planes {
    /// Planes with arbitrary finite values.
    fn new(channels: usize, width: usize, height: usize) -> Self {
        let row = width + 2;
        // Vectors reach beyond the last row by up to a block and a row.
        let distance = (row * (height + 3) + BLOCK).next_multiple_of(BLOCK);
        let length = channels * distance;
        let data = FREE.with(|free| {
            let mut free = free.borrow_mut();
            let place = free.partition_point(|data| data.len() < length);
            if place < free.len() { free.remove(place) } else { vec![0.0; length] }
        });
        Self { channels, width, height, distance, data }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Offset in a plane of the first inner pixel of a row.
    fn row(&self, y: usize) -> usize {
        (y + 1) * (self.width + 2) + 1
    }

    fn plane(&self, channel: usize) -> &[f32] {
        &self.data[channel * self.distance..][..self.distance]
    }

    /// The input of a 3 x 3 convolution of stride 2 as 27 channels of half the picture's size: for
    /// blue, green and red, the nine neighbours in reading order. The picture is padded with black
    /// to multiples of `multiple`.
    pub(super) fn stem(picture: &RgbImage, multiple: usize) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let mut planes = Self::new(
            27,
            width.next_multiple_of(multiple) / 2,
            height.next_multiple_of(multiple) / 2,
        );
        planes.planes().for_each(|plane| plane.fill(0.0));
        let pixels = picture.as_raw();
        for channel in 0..27 {
            let (colour, dy, dx) = (2 - channel / 9, channel % 9 / 3, channel % 3);
            // Pixel (x, y) takes column 2 x + dx - 1 and row 2 y + dy - 1 of the picture.
            let first = usize::from(dx == 0);
            for y in usize::from(dy == 0)..planes.height {
                let Some(row) = pixels.chunks_exact(3 * width).nth(2 * y + dy - 1) else { break };
                let start = channel * planes.distance + planes.row(y) + first;
                let values = row[3 * (2 * first + dx - 1)..].iter().skip(colour).step_by(6);
                for (value, &byte) in planes.data[start..].iter_mut().zip(values) {
                    *value = f32::from(byte);
                }
            }
        }
        planes
    }

    fn planes(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut(self.distance).take(self.channels)
    }

    pub(super) fn relu(&mut self) {
        self.planes().flatten().for_each(|value| *value = value.max(0.0));
    }

    /// Max pooling over 2 x 2 pixels.
    pub(super) fn halved(&self) -> Self {
        let mut half = Self::new(self.channels, self.width / 2, self.height / 2);
        for channel in 0..self.channels {
            let plane = self.plane(channel);
            for y in 0..half.height {
                let [upper, lower] =
                    [2 * y, 2 * y + 1].map(|y| &plane[self.row(y)..][..2 * half.width]);
                let start = channel * half.distance + half.row(y);
                let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (value, ([a, b], [c, d])) in half.data[start..].iter_mut().zip(pairs) {
                    *value = a.max(*b).max(c.max(*d));
                }
            }
        }
        half
    }

    /// Adds a feature map of half the size, upsampled by repeating each pixel 2 x 2 times.
    pub(super) fn add_doubled(&mut self, half: &Self) {
        for channel in 0..self.channels {
            let plane = half.plane(channel);
            for y in 0..self.height {
                let start = channel * self.distance + self.row(y);
                let row = &plane[half.row(y / 2)..][..half.width];
                let values = self.data[start..][..self.width].as_chunks_mut::<2>().0;
                for (pair, add) in values.iter_mut().zip(row) {
                    pair.iter_mut().for_each(|value| *value += add);
                }
            }
        }
    }

    pub(super) fn clear_border(&mut self) {
        let (row, rows) = (self.width + 2, self.height + 2);
        for plane in self.planes() {
            plane[..row].fill(0.0);
            plane[row * (rows - 1)..].fill(0.0);
            for row in plane[..row * rows].chunks_exact_mut(row) {
                row[0] = 0.0;
                row[row.len() - 1] = 0.0;
            }
        }
    }

    /// The inner pixels, `[channels, height * width]`.
    pub(super) fn values(&self) -> Vec<f32> {
        let rows = (0..self.channels).flat_map(|channel| {
            (0..self.height).map(move |y| &self.plane(channel)[self.row(y)..][..self.width])
        });
        rows.flatten().copied().collect()
    }
}

/// A pointwise (1 x 1) convolution: a matrix times the channels of each pixel, plus a bias.
pub(super) struct Pointwise {
    inputs: usize,
    outputs: usize,
    /// For each block of [`OUTPUTS`] outputs and each input, the weights; padded with 0.
    weight: Vec<[f32; OUTPUTS]>,
    bias: Vec<[f32; OUTPUTS]>,
}

impl Pointwise {
    /// From weights `[outputs, inputs]` and bias `[outputs]`.
    pub(super) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let inputs = weight.len() / outputs;
        let at = |values: &[f32], output: usize, columns: usize, column: usize| {
            values.get(output * columns + column).copied().unwrap_or(0.0)
        };
        let blocks = (0..outputs.div_ceil(OUTPUTS)).map(|block| block * OUTPUTS);
        let weight = blocks.clone().flat_map(|first| {
            (0..inputs).map(move |input| {
                std::array::from_fn(|output| at(weight, first + output, inputs, input))
            })
        });
        let bias = blocks
            .clone()
            .map(|first| std::array::from_fn(|output| at(bias, first + output, 1, 0)));
        Self { inputs, outputs, weight: weight.collect(), bias: bias.collect() }
    }

    pub(super) fn apply(&self, x: &Planes) -> Planes {
        debug_assert_eq!(x.channels, self.inputs);
        let mut y = Planes::new(self.outputs, x.width, x.height);
        PointwiseOp { layer: self, x, y: &mut y }.dispatch();
        y
    }
}

struct PointwiseOp<'a> {
    layer: &'a Pointwise,
    x: &'a Planes,
    y: &'a mut Planes,
}

impl SimdOp for PointwiseOp<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { layer, x, y } = self;
        let ops = isa.f32();
        let lanes = ops.len();
        for first in (0..x.distance).step_by(VECTORS * lanes) {
            let weights = layer.weight.chunks_exact(layer.inputs);
            for (block, (weight, bias)) in weights.zip(&layer.bias).enumerate() {
                // Loops by reference and by index: arrays of vectors passed by value would go
                // through memory.
                let mut sums = [[ops.zero(); VECTORS]; OUTPUTS];
                for (sums, bias) in sums.iter_mut().zip(bias) {
                    sums.fill(ops.splat(*bias));
                }
                for (plane, weight) in x.data.chunks_exact(x.distance).zip(weight) {
                    let pixels: [I::F32; VECTORS] =
                        ops.load_many(&plane[first..][..VECTORS * lanes]);
                    for output in 0..OUTPUTS {
                        let weight = ops.splat(weight[output]);
                        for vector in 0..VECTORS {
                            let sum = &mut sums[output][vector];
                            *sum = ops.mul_add(pixels[vector], weight, *sum);
                        }
                    }
                }
                let planes = y.data.chunks_exact_mut(y.distance).skip(block * OUTPUTS);
                for (plane, sums) in planes.zip(&sums) {
                    let target = &mut plane[first..][..VECTORS * lanes];
                    for (sum, target) in sums.iter().zip(target.chunks_exact_mut(lanes)) {
                        ops.store(*sum, target);
                    }
                }
            }
        }
    }
}

/// A depthwise (3 x 3) convolution with zero padding, plus a bias.
pub(super) struct Depthwise {
    kernels: Vec<[f32; 9]>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// From weights `[channels, 3, 3]` and bias `[channels]`.
    pub(super) fn new(weight: &[f32], bias: &[f32]) -> Self {
        Self { kernels: weight.as_chunks().0.to_vec(), bias: bias.to_vec() }
    }

    /// Applies the layer; the border of `x` must be cleared.
    pub(super) fn apply(&self, x: &Planes, relu: bool) -> Planes {
        debug_assert_eq!(x.channels, self.kernels.len());
        let mut y = Planes::new(x.channels, x.width, x.height);
        DepthwiseOp { layer: self, x, y: &mut y, relu }.dispatch();
        y
    }
}

struct DepthwiseOp<'a> {
    layer: &'a Depthwise,
    x: &'a Planes,
    y: &'a mut Planes,
    relu: bool,
}

impl SimdOp for DepthwiseOp<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { layer, x, y, relu } = self;
        let ops = isa.f32();
        let lanes = ops.len();
        let row = x.width + 2;
        let length = (row * x.height).next_multiple_of(lanes);
        let floor = ops.splat(if relu { 0.0 } else { f32::NEG_INFINITY });
        let planes = x.data.chunks_exact(x.distance).zip(y.data.chunks_exact_mut(x.distance));
        for ((source, target), (kernel, bias)) in planes.zip(layer.kernels.iter().zip(&layer.bias))
        {
            let bias = ops.splat(*bias);
            let mut weights = [ops.zero(); 9];
            for (vector, weight) in weights.iter_mut().zip(kernel) {
                *vector = ops.splat(*weight);
            }
            // The upper left neighbour of the result's pixel at `first` is at `first` here.
            let neighbours: [&[f32]; 9] =
                std::array::from_fn(|i| &source[i / 3 * row + i % 3..][..length]);
            let target = &mut target[row + 1..][..length];
            for (index, target) in target.chunks_exact_mut(lanes).enumerate() {
                let first = index * lanes;
                let mut sum = bias;
                for (neighbours, weight) in neighbours.iter().zip(&weights) {
                    let pixels = ops.load(&neighbours[first..][..lanes]);
                    sum = ops.mul_add(pixels, *weight, sum);
                }
                ops.store(ops.max(sum, floor), target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::reference::{read_npy, reference_file};

    // Reference: reference/face/yunet_layers.py, PyTorch in double precision. The layers sum up to
    // 27 products in single precision, of values up to 255.
    #[test]
    fn layers_agree_with_pytorch() {
        let (_, numbers) = read_npy::<f32>(&reference_file("yunet_layers.npy"));
        let mut rest = numbers.as_slice();
        let mut next = |length: usize| {
            let (part, after) = rest.split_at(length);
            rest = after;
            part
        };
        let picture = next(3 * 33 * 35);
        let picture = RgbImage::from_fn(35, 33, |x, y| {
            Rgb([0, 1, 2].map(|c| picture[(c * 33 + y as usize) * 35 + x as usize] as u8))
        });
        let mut x = Pointwise::new(next(6 * 27), next(6)).apply(&Planes::stem(&picture, 32));
        assert_eq!((x.width, x.height), (32, 32));
        let found: Vec<f32> = x.values().chunks_exact(32).step_by(4).flatten().copied().collect();
        let found: Vec<f32> = found.into_iter().step_by(4).collect();
        check(&found, next(6 * 8 * 8));

        x.relu();
        let mut x = Pointwise::new(next(5 * 6), next(5)).apply(&x.halved());
        x.clear_border();
        let x = Depthwise::new(next(5 * 9), next(5)).apply(&x, false);
        check(&x.values(), next(5 * 16 * 16));
    }

    fn check(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5 * largest, "{found} {expected} {largest}");
        }
    }

    #[test]
    fn upsampling_repeats_each_pixel_four_times() {
        let picture = RgbImage::from_fn(8, 8, |x, y| Rgb([0, 0, (10 * y + x) as u8]));
        let mut fine = Planes::stem(&picture, 2);
        let mut coarse = fine.halved();
        coarse.relu();
        let before = fine.values();
        fine.add_doubled(&coarse);
        let coarse = coarse.values();
        for (index, (after, before)) in fine.values().iter().zip(&before).enumerate() {
            let [channel, y, x] = [index / 16, index % 16 / 4, index % 4];
            assert_eq!(after - before, coarse[channel * 4 + y / 2 * 2 + x / 2]);
        }
        // The fifth channel is the centre of each 3 x 3: every second pixel of the picture.
        assert_eq!(before[4 * 16..5 * 16 - 8], [0.0, 2.0, 4.0, 6.0, 20.0, 22.0, 24.0, 26.0]);
    }
}
