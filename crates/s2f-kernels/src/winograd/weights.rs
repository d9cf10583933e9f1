//! Kernels to points, and points to gradients of kernels.

use rayon::prelude::*;

use super::Geometry;
use super::lines::{Line, MAX_POINTS, TILE};
use super::with_lines;
use crate::isa::{Isa, Kernel};
use crate::product::PANEL;
use crate::scratch::{Shared, Space};
use crate::vector::Vector;

/// Kernels `[outputs, inputs, 4, 4]` of a convolution with a stride.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// The kernels.
    pub values: &'a [f32],
    /// Output channels of the convolution.
    pub outputs: usize,
    /// Its input channels.
    pub inputs: usize,
    /// Vertical and horizontal, each 1 or 2.
    pub stride: [usize; 2],
    /// For the gradient of the input: outputs take the place of inputs, and taps run backwards.
    pub adjoint: bool,
}

/// Taps of a kernel.
pub const TAPS: usize = 16;

impl Weights<'_> {
    /// Rows of the matrices of points: phases of the stride times inputs, or outputs.
    pub fn depth(&self) -> usize {
        if self.adjoint { self.outputs } else { self.phases() * self.inputs }
    }

    /// Columns of the matrices of points: outputs, or phases of the stride times inputs.
    pub fn columns(&self) -> usize {
        if self.adjoint { self.phases() * self.inputs } else { self.outputs }
    }

    fn phases(&self) -> usize {
        self.stride[0] * self.stride[1]
    }

    /// Where the kernel of a row and a column begins, and its phase.
    fn kernel(&self, row: usize, column: usize) -> (usize, usize) {
        let (output, phased) = if self.adjoint { (row, column) } else { (column, row) };
        let (phase, input) = (phased / self.inputs, phased % self.inputs);
        ((output * self.inputs + input) * TAPS, phase)
    }

    /// The tap of a kernel that a phase has at a place of its own, smaller kernel.
    fn tap(&self, phase: usize, y: usize, x: usize) -> usize {
        let place = |axis: usize, at: usize| {
            let taps = TILE / self.stride[axis];
            let phase = if axis == 0 { phase / self.stride[1] } else { phase % self.stride[1] };
            (if self.adjoint { taps - 1 - at } else { at }) * self.stride[axis] + phase
        };
        place(0, y) * TILE + place(1, x)
    }
}

/// Columns of a panel with two vectors; the last panel may have one.
pub fn panel_columns(lanes: usize) -> usize {
    PANEL * lanes
}

/// The matrices of the points for `columns` (whole panels, but for the last): panel by panel, point
/// by point, `[depth, lanes of the panel]`. Columns beyond the last are 0.
pub fn transform(
    isa: Isa,
    geometry: &Geometry,
    weights: Weights,
    columns: std::ops::Range<usize>,
) -> Space {
    let depth = weights.depth();
    let width = panel_columns(isa.lanes());
    let vectors = columns.len().div_ceil(isa.lanes());
    let mut to = Space::new(vectors * isa.lanes() * geometry.points() * depth);
    let target = Shared::new(&mut to);
    (0..vectors.div_ceil(PANEL) * depth).into_par_iter().with_min_len(16).for_each(|task| {
        let (panel, row) = (task / depth, task % depth);
        let vectors = PANEL.min(vectors - panel * PANEL);
        let start = panel * width * geometry.points() * depth;
        for vector in 0..vectors {
            let first = columns.start + panel * width + vector * isa.lanes();
            let at = start + row * vectors * isa.lanes() + vector * isa.lanes();
            let plane = depth * vectors * isa.lanes();
            let last = columns.end;
            isa.run(ToPoints { geometry, weights, row, first, last, target, at, plane });
        }
    });
    to
}

struct ToPoints<'a> {
    geometry: &'a Geometry,
    weights: Weights<'a>,
    row: usize,
    first: usize,
    last: usize,
    target: Shared,
    at: usize,
    plane: usize,
}

impl Kernel for ToPoints<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as the caller promises; each task writes its own row of its panel.
        with_lines!(self.geometry, Y, X, unsafe { self.lines::<V, Y, X>() });
    }
}

impl ToPoints<'_> {
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn lines<V: Vector, Y: Line, X: Line>(self) {
        let mut taps = [0.0_f32; TAPS * 16];
        for lane in 0..V::LANES.min(self.last - self.first) {
            let (kernel, phase) = self.weights.kernel(self.row, self.first + lane);
            let kernel = &self.weights.values[kernel..kernel + TAPS];
            for y in 0..Y::TAPS {
                for x in 0..X::TAPS {
                    let tap = self.weights.tap(phase, y, x);
                    taps[(y * TILE + x) * V::LANES + lane] = kernel[tap];
                }
            }
        }
        // SAFETY: as the caller promises; `LANES` is at most 16.
        unsafe {
            let zero = V::splat(0.0);
            let mut columns = [[zero; TILE]; MAX_POINTS];
            for x in 0..X::TAPS {
                let mut w = [zero; TILE];
                for y in 0..Y::TAPS {
                    w[y] = V::load(taps.as_ptr().add((y * TILE + x) * V::LANES));
                }
                let points = Y::weight(w);
                for y in 0..Y::POINTS {
                    columns[y][x] = points[y];
                }
            }
            for y in 0..Y::POINTS {
                let points = X::weight(columns[y]);
                for x in 0..X::POINTS {
                    points[x].store(self.target.at(self.at + (y * X::POINTS + x) * self.plane));
                }
            }
        }
    }
}

/// The gradient of the kernels from that of the points: `[points, depth, row]` with `row` floats
/// for the columns, whole vectors.
pub fn gradient(
    isa: Isa,
    geometry: &Geometry,
    weights: Weights,
    points: &[f32],
    row: usize,
    to: &mut [f32],
) {
    let depth = weights.depth();
    let target = Shared::new(to);
    (0..depth).into_par_iter().with_min_len(8).for_each(|at| {
        for first in (0..weights.columns()).step_by(isa.lanes()) {
            isa.run(FromPoints { geometry, weights, points, stride: row, row: at, first, target });
        }
    });
}

struct FromPoints<'a> {
    geometry: &'a Geometry,
    weights: Weights<'a>,
    points: &'a [f32],
    stride: usize,
    row: usize,
    first: usize,
    target: Shared,
}

impl Kernel for FromPoints<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as the caller promises; each task writes the taps of its own row.
        with_lines!(self.geometry, Y, X, unsafe { self.lines::<V, Y, X>() });
    }
}

impl FromPoints<'_> {
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn lines<V: Vector, Y: Line, X: Line>(self) {
        let plane = self.weights.depth() * self.stride;
        let mut taps = [0.0_f32; TAPS * 16];
        let start = self.row * self.stride + self.first;
        assert!(start + (Y::POINTS * X::POINTS - 1) * plane + V::LANES <= self.points.len());
        // SAFETY: as the caller promises; the assertion bounds what is read; `LANES` is at most 16.
        unsafe {
            let from = self.points.as_ptr().add(start);
            let zero = V::splat(0.0);
            let mut columns = [[zero; MAX_POINTS]; TILE];
            for x in 0..X::POINTS {
                let mut u = [zero; MAX_POINTS];
                for y in 0..Y::POINTS {
                    u[y] = V::load(from.add((y * X::POINTS + x) * plane));
                }
                let line = Y::taps(u);
                for y in 0..Y::TAPS {
                    columns[y][x] = line[y];
                }
            }
            for y in 0..Y::TAPS {
                let line = X::taps(columns[y]);
                for x in 0..X::TAPS {
                    line[x].store(taps.as_mut_ptr().add((y * TILE + x) * V::LANES));
                }
            }
            for lane in 0..V::LANES.min(self.weights.columns() - self.first) {
                let (kernel, phase) = self.weights.kernel(self.row, self.first + lane);
                for y in 0..Y::TAPS {
                    for x in 0..X::TAPS {
                        let tap = self.weights.tap(phase, y, x);
                        let value = taps[(y * TILE + x) * V::LANES + lane];
                        self.target.at(kernel + tap).write(value);
                    }
                }
            }
        }
    }
}
