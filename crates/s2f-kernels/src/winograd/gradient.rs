//! The gradient of the kernels: per point, the sum over all tiles of the product of the transformed
//! input and the transformed gradient of the output.

use rayon::prelude::*;

use super::forward::pitch;
use super::lines::{Line, MAX_POINTS, TILE};
use super::weights::{self, Weights};
use super::{Geometry, tiles, with_lines};
use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, PANEL, Right, Store};
use crate::scratch::{Shared, Space};
use crate::vector::Vector;

/// Floats of transformed tiles that are in memory at a time, about: 16 MiB.
const ROUND: usize = 4 << 20;

/// Writes the gradient of the kernels, of the shape of `kernels`, whose values are not read, from
/// the input of the convolution and the gradient of its output.
pub fn gradient(
    isa: Isa,
    geometry: Geometry,
    kernels: Weights,
    source: &[f32],
    output_gradient: &[f32],
    to: &mut [f32],
) {
    assert_eq!(source.len(), geometry.batch * geometry.source.iter().product::<usize>());
    assert_eq!(output_gradient.len(), geometry.batch * geometry.target.iter().product::<usize>());
    assert_eq!(to.len(), kernels.outputs * kernels.inputs * weights::TAPS);
    let points = geometry.points();
    let (depth, columns) = (kernels.depth(), kernels.columns());
    let rows = [pitch(depth), pitch(columns)];
    let [down, across] = geometry.tiles();
    let total = geometry.batch * down * across;
    // The sums over the tiles are taken round by round, so a round must not depend on threads.
    let size = (ROUND / (points * (rows[0] + rows[1]))).clamp(128, 512).min(total);
    let planes = rows.map(|row| size * row + 16);
    let [mut inputs, mut gradients] = planes.map(|plane| Space::new(points * plane));
    let row = columns.next_multiple_of(isa.lanes());
    let mut sums = vec![0.0_f32; points * depth * row];
    for first in (0..total).step_by(size) {
        let count = size.min(total - first);
        let spaces = [Shared::new(&mut inputs), Shared::new(&mut gradients)];
        (0..count).into_par_iter().with_min_len(4).for_each(|tile| {
            let geometry = &geometry;
            let tile = [first + tile, tile];
            isa.run(Tile { geometry, source, output_gradient, tile, spaces, rows, planes });
        });
        let panels = columns.div_ceil(PANEL * isa.lanes());
        let target = Shared::new(&mut sums);
        let (inputs, gradients): (&[f32], &[f32]) = (&inputs, &gradients);
        (0..points * panels).into_par_iter().with_max_len(1).for_each(|task| {
            let (point, panel) = (task / panels, task % panels);
            let place = [point, panel];
            let add = first > 0;
            let (inputs, gradients) =
                (&inputs[point * planes[0]..], &gradients[point * planes[1]..]);
            let width = row;
            isa.run(Sums { inputs, gradients, rows, count, depth, place, width, target, add });
        });
    }
    weights::gradient(isa, &geometry, kernels, &sums, row, to);
}

/// One tile, its index among all and within the round.
struct Tile<'a> {
    geometry: &'a Geometry,
    source: &'a [f32],
    output_gradient: &'a [f32],
    tile: [usize; 2],
    spaces: [Shared; 2],
    rows: [usize; 2],
    planes: [usize; 2],
}

impl Kernel for Tile<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as the caller promises; tasks have different tiles.
        with_lines!(self.geometry, Y, X, unsafe { self.lines::<V, Y, X>() });
    }
}

impl Tile<'_> {
    /// # Safety
    /// The processor has the instruction set of `V`, and no other task has this tile.
    #[inline(always)]
    unsafe fn lines<V: Vector, Y: Line, X: Line>(self) {
        let Self { geometry, tile: [tile, index], spaces, rows, planes, .. } = self;
        let channels = geometry.source[2];
        let gather = geometry.gather();
        // SAFETY: the tensors have the sizes of the geometry; the planes have room for all tiles.
        unsafe {
            for phase in 0..gather[0] * gather[1] {
                let patch = geometry.patch(self.source.as_ptr(), tile, phase);
                for channel in (0..channels).step_by(V::LANES) {
                    let count = (channels - channel).min(V::LANES);
                    let to = spaces[0].at(index * rows[0] + phase * channels + channel);
                    tiles::input::<V, Y, X>(&patch, channel, count, to, planes[0]);
                }
            }
            let patch = self.output_patch(tile);
            let channels = geometry.target[2];
            for channel in (0..channels).step_by(V::LANES) {
                let count = (channels - channel).min(V::LANES);
                let to = spaces[1].at(index * rows[1] + channel);
                tiles::spread::<V, Y, X>(&patch, channel, count, to, planes[1]);
            }
        }
    }

    /// The places of a tile in the gradient of the output.
    ///
    /// # Safety
    /// The gradient has the size of the geometry.
    #[inline(always)]
    unsafe fn output_patch(&self, tile: usize) -> tiles::Patch {
        let [image, down, across] = self.geometry.tile(tile);
        let [height, width, channels] = self.geometry.target;
        let mut patch = [[None; MAX_POINTS]; MAX_POINTS];
        for (y, row) in (down * TILE..height).zip(patch.iter_mut().take(TILE)) {
            for (x, pixel) in (across * TILE..width).zip(row.iter_mut().take(TILE)) {
                let at = ((image * height + y) * width + x) * channels;
                // SAFETY: the pixel lies in the image.
                *pixel = Some(unsafe { self.output_gradient.as_ptr().add(at) });
            }
        }
        patch
    }
}

/// The sums over the tiles of a round, for one point and one panel of columns.
struct Sums<'a> {
    /// From the point on.
    inputs: &'a [f32],
    gradients: &'a [f32],
    rows: [usize; 2],
    count: usize,
    depth: usize,
    /// Point and panel.
    place: [usize; 2],
    /// Floats in a row of the sums.
    width: usize,
    target: Shared,
    add: bool,
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let [point, panel] = self.place;
        let column = panel * PANEL * V::LANES;
        // SAFETY: rows and columns lie in the planes; tasks have different points or panels.
        unsafe {
            let left = Left {
                start: self.inputs.as_ptr(),
                row: 1,
                segments: 1,
                segment: 0,
                depth: self.count,
                step: self.rows[0],
            };
            let right = Right { start: self.gradients.as_ptr().add(column), step: self.rows[1] };
            let start = self.target.at(point * self.depth * self.width + column);
            let mut sink = Store { start, row: self.width, add: self.add };
            if self.width - column > V::LANES {
                product::panel::<V, PANEL>(self.depth, left, right, &mut sink);
            } else {
                product::panel::<V, 1>(self.depth, left, right, &mut sink);
            }
        }
    }
}
