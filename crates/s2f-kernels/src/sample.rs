//! Bilinear samples of pictures on a CPU, without gradients.

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::scratch::Shared;
use crate::vector::Vector;

/// Positions that are sampled at once.
const BLOCK: usize = 256;

/// Bilinear samples at (`x`, `y`); positions outside give the nearest pixel of the edge.
///
/// # Shapes
/// - `picture`: `[batch, channels, height, width]`, at least 2 × 2 pixels
/// - `x`, `y`: `[batch, positions]`, pixels of the picture
/// - output: `[batch, channels, positions]`
///
/// # Panics
/// If the lengths do not fit `shape`, or a picture is smaller than 2 × 2 pixels.
///
/// ```
/// use s2f_kernels::isa::Isa;
/// use s2f_kernels::sample::bilinear;
///
/// let picture = [0.0, 1.0, 2.0, 3.0];
/// let found = bilinear(Isa::best(), &picture, [1, 1, 2, 2], &[0.5, 9.0], &[0.5, 0.0]);
/// assert_eq!(found, [1.5, 1.0]);
/// ```
pub fn bilinear(isa: Isa, picture: &[f32], shape: [usize; 4], x: &[f32], y: &[f32]) -> Vec<f32> {
    let [batch, channels, height, width] = shape;
    let count = x.len() / batch.max(1);
    assert!(x.len() == batch * count && y.len() == x.len());
    assert!(picture.len() == batch * channels * height * width);
    let mut samples = vec![0.0; batch * channels * count];
    let target = Shared::new(&mut samples);
    let blocks = count.div_ceil(BLOCK);
    (0..batch * blocks).into_par_iter().with_min_len(16).for_each(|index| {
        let (image, first) = (index / blocks, index % blocks * BLOCK);
        let picture = &picture[image * channels * height * width..][..channels * height * width];
        let length = BLOCK.min(count - first);
        let [x, y] = [x, y].map(|values| &values[image * count + first..][..length]);
        let start = image * channels * count + first;
        let size = [height, width];
        isa.run(Samples { picture, size, x, y, target, start, stride: count });
    });
    samples
}

/// Samples of some positions, of all channels.
pub(crate) struct Samples<'a> {
    /// `[channels, height, width]`
    pub picture: &'a [f32],
    /// Height and width.
    pub size: [usize; 2],
    /// At most [`BLOCK`].
    pub x: &'a [f32],
    /// As many.
    pub y: &'a [f32],
    /// Where no other task writes the same places.
    pub target: Shared,
    /// Where the samples of the first channel begin.
    pub start: usize,
    /// From one channel to the next.
    pub stride: usize,
}

impl Samples<'_> {
    /// Positions that can be sampled at once.
    pub const MAX: usize = BLOCK;
}

impl Kernel for Samples<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let ([height, width], count) = (self.size, self.x.len());
        assert!(count <= BLOCK && self.y.len() == count);
        assert!(height >= 2 && width >= 2 && height * width <= i32::MAX as usize);
        // The corner of the cell, and the distances from it to the right and down.
        let mut corner = [0_i32; BLOCK];
        let mut right = [0.0_f32; BLOCK];
        let mut down = [0.0_f32; BLOCK];
        for index in 0..count {
            let ((left, to_right), (top, to_down)) =
                (cell(self.x[index], width), cell(self.y[index], height));
            corner[index] = top * width as i32 + left;
            (right[index], down[index]) = (to_right, to_down);
        }
        for (channel, plane) in self.picture.chunks_exact(height * width).enumerate() {
            let to = self.start + channel * self.stride;
            for index in 0..count {
                // SAFETY: a cell and its three neighbours lie in the plane; the caller of this task
                // has `count` floats for each channel, which no other task uses.
                unsafe {
                    let from = plane.as_ptr().add(corner[index] as usize);
                    let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
                    let upper = lerp(*from, *from.add(1), right[index]);
                    let lower = lerp(*from.add(width), *from.add(width + 1), right[index]);
                    self.target.at(to + index).write(lerp(upper, lower, down[index]));
                }
            }
        }
    }
}

/// The first pixel of the cell of a position, and the distance from it. The last cell starts one
/// pixel before the edge, so that its far corner is inside. A position that is not a number is the
/// edge.
#[inline(always)]
fn cell(position: f32, size: usize) -> (i32, f32) {
    let position = position.max(0.0).min((size - 1) as f32);
    // SAFETY: `max` leaves no position that is not a number, and `min` none beyond `size`, which is
    // at most `i32::MAX`.
    let first = unsafe { position.to_int_unchecked::<i32>() }.min(size as i32 - 2);
    (first, position - first as f32)
}
