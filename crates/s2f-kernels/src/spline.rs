//! Warps of pictures by thin-plate splines on a CPU, without gradients.
//!
//! The displacement of landmarks is interpolated by the spline on a grid of nodes; an upsampling
//! matrix gives the pixels between them. The system of the spline is solved in `f64`.

mod grid;
mod solve;

use rayon::prelude::*;

use crate::isa::{Isa, Kernel};
use crate::sample::Samples;
use crate::scratch::{Shared, Space};
use crate::vector::Vector;
use grid::Grid;

/// Largest side of pictures that [`Warp::render`] warps.
pub const MAX_SIZE: usize = Samples::MAX;

/// A warp. Positions are x and y in pixels, the centre of the top left pixel being (0, 0).
#[derive(Debug, Clone, Copy)]
pub struct Warp<'a> {
    /// Where the landmarks are in the texture: x₀, y₀, x₁, …
    pub mean: &'a [f32],
    /// Points of zero displacement.
    pub border: &'a [[f32; 2]],
    /// Side of the pictures, at least 2.
    pub size: usize,
    /// From nodes along a side to pixels: `[size, nodes]`, row by row, most of it 0.
    pub upsampling: &'a [f32],
    /// Added to the diagonal of the spline's system, in units of the side squared.
    pub smoothing: f64,
    /// A smaller squared distance counts as 0, in units of the side squared.
    pub nearest: f32,
}

impl Warp<'_> {
    /// The displacement at every pixel: x, then y, row by row. Zeros if the spline's system is
    /// singular.
    ///
    /// # Panics
    /// If there are not as many landmarks as in `mean`.
    pub fn displacement(&self, isa: Isa, landmarks: &[f32]) -> Vec<f32> {
        let size = self.size;
        let rows = Rows::new(isa, self, landmarks);
        let mut displacement = vec![0.0; 2 * size * size];
        let (right, down) = displacement.split_at_mut(size * size);
        let lines = right.chunks_exact_mut(size).zip(down.chunks_exact_mut(size));
        for (y, (right, down)) in lines.enumerate() {
            isa.run(Line { rows: &rows, y, right, down });
        }
        displacement
    }

    /// The texture, warped to the landmarks.
    ///
    /// # Shapes
    /// - `texture`, output: `[channels, size, size]`
    ///
    /// # Panics
    /// As [`displacement`](Self::displacement), or if the texture has another size
    /// or is larger than [`MAX_SIZE`].
    pub fn render(&self, isa: Isa, texture: &[f32], landmarks: &[f32]) -> Vec<f32> {
        let size = self.size;
        assert!(size <= MAX_SIZE && texture.len().is_multiple_of(size * size));
        let rows = Rows::new(isa, self, landmarks);
        let mut picture = vec![0.0; texture.len()];
        let target = Shared::new(&mut picture);
        (0..size).into_par_iter().with_min_len(16).for_each(|y| {
            let mut line = Space::new(2 * size);
            let (x, down) = line.split_at_mut(size);
            isa.run(Line { rows: &rows, y, right: x, down });
            for (column, (x, down)) in x.iter_mut().zip(down.iter_mut()).enumerate() {
                (*x, *down) = (column as f32 - *x, y as f32 - *down);
            }
            let (size, start, stride) = ([size, size], y * size, size * size);
            isa.run(Samples { picture: texture, size, x, y: down, target, start, stride });
        });
        picture
    }
}

/// The displacement at the rows of nodes, at each pixel of a row.
struct Rows {
    /// x and y: `[nodes, size]`.
    axes: [Vec<f32>; 2],
    /// The nodes of each pixel along a side, with their weights.
    taps: Vec<Vec<(usize, f32)>>,
    size: usize,
}

impl Rows {
    fn new(isa: Isa, warp: &Warp, landmarks: &[f32]) -> Self {
        let size = warp.size;
        let nodes = warp.upsampling.len() / size;
        assert_eq!(warp.upsampling.len(), size * nodes);
        let taps: Vec<Vec<(usize, f32)>> = (warp.upsampling.chunks_exact(nodes))
            .map(|row| row.iter().copied().enumerate().filter(|(_, tap)| *tap != 0.0).collect())
            .collect();
        let grid = Grid::new(isa, warp, landmarks).displacement(isa, nodes, size);
        let axes = grid.map(|axis| {
            let mut rows = Vec::with_capacity(nodes * size);
            for row in axis.chunks_exact(nodes) {
                let pixel = |taps: &Vec<(usize, f32)>| {
                    taps.iter().map(|(node, tap)| row[*node] * tap).sum::<f32>()
                };
                rows.extend(taps.iter().map(pixel));
            }
            rows
        });
        Self { axes, taps, size }
    }
}

/// The displacement at each pixel of a row.
struct Line<'a> {
    rows: &'a Rows,
    y: usize,
    right: &'a mut [f32],
    down: &'a mut [f32],
}

impl Kernel for Line<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let size = self.rows.size;
        for (axis, to) in self.rows.axes.iter().zip([self.right, self.down]) {
            to.fill(0.0);
            for &(node, tap) in &self.rows.taps[self.y] {
                for (to, value) in to.iter_mut().zip(&axis[node * size..][..size]) {
                    *to += tap * value;
                }
            }
        }
    }
}
