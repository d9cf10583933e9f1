//! The convolution itself, and the gradient of its input.

use rayon::prelude::*;

use super::lines::{Line, TILE};
use super::weights::{self, Weights};
use super::{Geometry, tiles, with_lines};
use crate::finish::Finish;
use crate::isa::{Isa, Kernel};
use crate::product::{self, Left, PANEL, Right, Store};
use crate::scratch::{Shared, Space};
use crate::vector::Vector;

/// Floats of transformed kernels that are in memory at a time, at most: 24 MiB, which the last
/// cache of most processors holds.
const WEIGHTS: usize = 6 << 20;
/// Floats of transformed input of a block of tiles, about.
const BLOCK: usize = 400_000;
/// Panels whose product is transformed back together.
const PANELS: usize = 2;

/// Writes the convolution of `source`: with `pool`, the larger one of each two rows of the target
/// alone, whose last row is left out where their number is odd.
pub fn convolve(
    isa: Isa,
    geometry: Geometry,
    kernels: Weights,
    source: &[f32],
    finish: Finish,
    pool: bool,
    target: &mut [f32],
) {
    let [height, width, channels] = geometry.target;
    let rows = if pool { height / 2 } else { height };
    assert_eq!(source.len(), geometry.batch * geometry.source.iter().product::<usize>());
    assert_eq!(target.len(), geometry.batch * rows * width * channels);
    let columns = kernels.columns();
    let group = PANELS * weights::panel_columns(isa.lanes());
    let per_group = group * kernels.depth() * geometry.points();
    let step = (WEIGHTS / per_group).max(1) * group;
    for first in (0..columns).step_by(step) {
        let range = first..columns.min(first + step);
        let transformed = weights::transform(isa, &geometry, kernels, range.clone());
        let shared = Shared::new(target);
        let plan = Plan::new(isa, &geometry, kernels.depth(), range.len());
        (0..plan.blocks * plan.parts).into_par_iter().with_max_len(1).for_each(|task| {
            let tiles = plan.tiles(task / plan.parts);
            let sizes = Sizes::new(isa, kernels.depth(), tiles[1] - tiles[0]);
            let length = geometry.points() * (sizes.plane + sizes.sums_plane);
            isa.run(Block {
                geometry: &geometry,
                depth: kernels.depth(),
                columns: range.clone(),
                weights: &transformed,
                source,
                finish,
                pool,
                target: shared,
                tiles,
                part: [task % plan.parts, plan.parts],
                sizes,
                space: &mut Space::new(length),
            });
        });
    }
}

/// How the work is shared out. The result does not depend on it.
struct Plan {
    total: usize,
    blocks: usize,
    parts: usize,
}

impl Plan {
    fn new(isa: Isa, geometry: &Geometry, depth: usize, columns: usize) -> Self {
        let [down, across] = geometry.tiles();
        let total = geometry.batch * down * across;
        let size = (BLOCK / (geometry.points() * depth)).clamp(28, 56);
        let threads = rayon::current_num_threads();
        // As many blocks as threads can have in equal shares, unless they would become too small.
        let blocks = total.div_ceil(size).next_multiple_of(threads).min(total.div_ceil(14));
        let groups = columns.div_ceil(PANELS * weights::panel_columns(isa.lanes()));
        let parts = threads.div_ceil(blocks).min(groups);
        Self { total, blocks, parts }
    }

    fn tiles(&self, block: usize) -> [usize; 2] {
        [block, block + 1].map(|block| self.total * block / self.blocks)
    }
}

/// Some tiles, for some of the columns.
struct Block<'a> {
    geometry: &'a Geometry,
    depth: usize,
    columns: std::ops::Range<usize>,
    weights: &'a [f32],
    source: &'a [f32],
    finish: Finish<'a>,
    pool: bool,
    target: Shared,
    tiles: [usize; 2],
    /// Which part of the columns, and of how many parts.
    part: [usize; 2],
    sizes: Sizes,
    space: &'a mut [f32],
}

/// Floats between parts of the work space of a block.
#[derive(Clone, Copy)]
struct Sizes {
    /// Rows of transformed input: tiles.
    row: usize,
    plane: usize,
    /// Rows of sums: tiles, too.
    sums_row: usize,
    sums_plane: usize,
}

impl Sizes {
    fn new(isa: Isa, depth: usize, tiles: usize) -> Self {
        let (row, sums_row) = (pitch(depth), PANELS * weights::panel_columns(isa.lanes()));
        Self { row, plane: tiles * row + 16, sums_row, sums_plane: tiles * sums_row + 16 }
    }
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as the caller promises; tasks have different tiles or columns.
        with_lines!(self.geometry, Y, X, unsafe { self.lines::<V, Y, X>() });
    }
}

/// Floats between the rows of a matrix: not a multiple of a power of two that would put all rows in
/// the same places of the caches.
pub(super) fn pitch(columns: usize) -> usize {
    columns.next_multiple_of(16) + 16
}

impl Block<'_> {
    /// # Safety
    /// The processor has the instruction set of `V`, and no other task has these tiles and columns.
    #[inline(always)]
    unsafe fn lines<V: Vector, Y: Line, X: Line>(self) {
        let points = Y::POINTS * X::POINTS;
        let count = self.tiles[1] - self.tiles[0];
        let Sizes { plane, sums_row: group, sums_plane, row } = self.sizes;
        let groups = self.columns.len().div_ceil(group);
        let [first, last] = [self.part[0], self.part[0] + 1].map(|p| groups * p / self.part[1]);
        let (inputs, sums) = self.space.split_at_mut(points * plane);
        let (inputs, sums) = (inputs.as_mut_ptr(), sums.as_mut_ptr());
        // SAFETY: as the caller promises; the planes have room for all tiles.
        unsafe {
            for tile in 0..count {
                self.input::<V, Y, X>(tile, inputs.add(tile * row), plane);
            }
            for start in (first..last).map(|index| index * group) {
                let columns = start..self.columns.len().min(start + group);
                for panel in columns.clone().step_by(PANEL * V::LANES) {
                    self.products::<V>(points, count, panel, inputs, sums.add(panel - start));
                }
                for tile in 0..count {
                    let from = sums.add(tile * group);
                    self.output::<V, Y, X>(tile, columns.clone(), from, sums_plane);
                }
            }
        }
    }

    /// The products of all points for a panel.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`; the planes have room for `count` tiles.
    #[inline(always)]
    unsafe fn products<V: Vector>(
        &self,
        points: usize,
        count: usize,
        panel: usize,
        inputs: *const f32,
        sums: *mut f32,
    ) {
        let Sizes { row, plane, sums_row, sums_plane } = self.sizes;
        let vectors = (self.columns.len() - panel).div_ceil(V::LANES).min(PANEL);
        let step = vectors * V::LANES;
        let (segments, segment, depth) = (1, 0, self.depth);
        for point in 0..points {
            let weights = &self.weights[panel * points * depth + point * depth * step..];
            // SAFETY: as the caller promises; the weights of a panel are together.
            unsafe {
                let start = inputs.add(point * plane);
                let left = Left { start, row, segments, segment, depth, step: 1 };
                let right = Right { start: weights.as_ptr(), step };
                let start = sums.add(point * sums_plane);
                let mut sink = Store { start, row: sums_row, add: false };
                if vectors == PANEL {
                    product::panel::<V, PANEL>(count, left, right, &mut sink);
                } else {
                    product::panel::<V, 1>(count, left, right, &mut sink);
                }
            }
        }
    }

    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn input<V: Vector, Y: Line, X: Line>(&self, tile: usize, to: *mut f32, plane: usize) {
        let channels = self.geometry.source[2];
        let gather = self.geometry.gather();
        for phase in 0..gather[0] * gather[1] {
            // SAFETY: the source has the size of the geometry; the planes have room for all phases.
            unsafe {
                let patch = self.geometry.patch(self.source.as_ptr(), self.tiles[0] + tile, phase);
                for channel in (0..channels).step_by(V::LANES) {
                    let count = (channels - channel).min(V::LANES);
                    let to = to.add(phase * channels + channel);
                    tiles::input::<V, Y, X>(&patch, channel, count, to, plane);
                }
            }
        }
    }

    /// # Safety
    /// The processor has the instruction set of `V`, and no other task has this tile and these
    /// columns.
    #[inline(always)]
    unsafe fn output<V: Vector, Y: Line, X: Line>(
        &self,
        tile: usize,
        columns: std::ops::Range<usize>,
        from: *const f32,
        plane: usize,
    ) {
        let [height, width, channels] = self.geometry.target;
        let scatter = self.geometry.scatter();
        let [image, down, across] = self.geometry.tile(self.tiles[0] + tile);
        let mut column = columns.start;
        while column < columns.end {
            let phased = self.columns.start + column;
            let (phase, channel) = (phased / channels, phased % channels);
            let count = V::LANES.min(channels - channel).min(columns.end - column);
            let [phase_y, phase_x] = [phase / scatter[1], phase % scatter[1]];
            // SAFETY: as the caller promises; pixels beyond the target are left out.
            unsafe {
                let outputs = tiles::output::<V, Y, X>(from.add(column - columns.start), plane);
                let finish = self.finish.vector::<V>(channel, count);
                for x in 0..TILE {
                    let at_x = (across * TILE + x) * scatter[1] + phase_x;
                    if at_x >= width {
                        break;
                    }
                    for y in 0..TILE {
                        let at_y = (down * TILE + y) * scatter[0] + phase_y;
                        if self.pool {
                            if y % 2 == 0 && at_y / 2 < height / 2 {
                                let first = finish.apply(outputs[y][x]);
                                let larger = first.max(finish.apply(outputs[y + 1][x]));
                                let pixel = (image * (height / 2) + at_y / 2) * width + at_x;
                                write(self.target.at(pixel * channels + channel), count, larger);
                            }
                        } else if at_y < height {
                            let value = finish.apply(outputs[y][x]);
                            let pixel = (image * height + at_y) * width + at_x;
                            write(self.target.at(pixel * channels + channel), count, value);
                        }
                    }
                }
            }
            column += count;
        }
    }
}

/// # Safety
/// `to` is valid for writing `count` floats, at most `LANES`.
#[inline(always)]
unsafe fn write<V: Vector>(to: *mut f32, count: usize, value: V) {
    // SAFETY: as the caller promises.
    unsafe {
        if count == V::LANES {
            value.store(to);
        } else {
            value.store_first(to, count);
        }
    }
}
