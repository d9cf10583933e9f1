//! A thin-plate spline, evaluated on a grid of nodes.

use super::Warp;
use super::solve::Solve;
use crate::isa::{Isa, Kernel};
use crate::vector::Vector;

/// The spline of some landmarks. Lengths are in units of the picture's side, centred, which makes
/// its system well conditioned.
pub struct Grid {
    control: Vec<[f32; 2]>,
    /// Of each control point, then of 1, x and y: right and down.
    weights: Vec<[f32; 2]>,
    nearest: f32,
}

impl Grid {
    /// # Panics
    /// If there are not as many landmarks as in the mean.
    pub fn new(isa: Isa, warp: &Warp, landmarks: &[f32]) -> Self {
        assert_eq!(landmarks.len(), warp.mean.len());
        let unit = |point: &[f32; 2]| point.map(|at| at / warp.size as f32 - 0.5);
        let points = landmarks.as_chunks().0.iter().chain(warp.border);
        let control: Vec<[f32; 2]> = points.map(unit).collect();
        let moved = landmarks.iter().zip(warp.mean).map(|(to, from)| f64::from(to - from));
        let count = control.len();
        // Rows of the system, each with its two right sides.
        let columns = count + 5;
        let mut system = vec![0.0_f64; (count + 3) * columns];
        for (row, point) in control.iter().enumerate() {
            for (column, other) in control[..row].iter().enumerate() {
                let square = [0, 1].map(|axis| f64::from(point[axis] - other[axis]).powi(2));
                let square = square[0] + square[1];
                let value = 0.5 * square * square.max(warp.nearest.into()).ln();
                system[row * columns + column] = value;
                system[column * columns + row] = value;
            }
            system[row * columns + row] = warp.smoothing;
            for (axis, value) in [1.0, point[0].into(), point[1].into()].into_iter().enumerate() {
                system[row * columns + count + axis] = value;
                system[(count + axis) * columns + row] = value;
            }
        }
        for (index, value) in moved.enumerate() {
            system[index / 2 * columns + count + 3 + index % 2] = value;
        }
        let weights = isa.run(Solve { system: &mut system, unknowns: count + 3 });
        Self { control, weights, nearest: warp.nearest }
    }

    /// The displacement at `nodes` × `nodes` nodes that span `size` pixels: right and down.
    pub fn displacement(&self, isa: Isa, nodes: usize, size: usize) -> [Vec<f32>; 2] {
        let step = (size - 1) as f32 / (nodes - 1) as f32;
        let at: Vec<f32> = (0..nodes).map(|n| n as f32 * step / size as f32 - 0.5).collect();
        let mut axes = [vec![0.0; nodes * nodes], vec![0.0; nodes * nodes]];
        let [right, down] = &mut axes;
        let rows = right.chunks_exact_mut(nodes).zip(down.chunks_exact_mut(nodes));
        for (y, (right, down)) in at.iter().zip(rows) {
            isa.run(Nodes { grid: self, x: &at, y: *y, right, down });
        }
        axes
    }
}

/// A row of nodes.
struct Nodes<'a> {
    grid: &'a Grid,
    x: &'a [f32],
    y: f32,
    right: &'a mut [f32],
    down: &'a mut [f32],
}

impl Kernel for Nodes<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Grid { control, weights, nearest } = self.grid;
        let (bends, affine) = weights.split_at(control.len());
        let count = self.x.len();
        let [right, down] = [&mut self.right[..count], &mut self.down[..count]];
        for index in 0..count {
            let along = |axis: usize| {
                affine[0][axis] + affine[1][axis] * self.x[index] + affine[2][axis] * self.y
            };
            (right[index], down[index]) = (along(0), along(1));
        }
        for (point, bend) in control.iter().zip(bends) {
            let vertical = (self.y - point[1]) * (self.y - point[1]);
            for index in 0..count {
                let horizontal = self.x[index] - point[0];
                let square = horizontal * horizontal + vertical;
                // φ(r) = r² ln r
                let value = 0.5 * square * ln(square.max(*nearest));
                right[index] += value * bend[0];
                down[index] += value * bend[1];
            }
        }
    }
}

/// The natural logarithm of a positive, normal number: as `logf` of Moshier's Cephes library, whose
/// relative error is below 1e-7. It has no branches, so that compilers make vectors of it.
#[inline(always)]
pub fn ln(value: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    // value = 2^exponent · (1 + x), and 1 + x lies between √½ and √2.
    let exponent = (value.to_bits().wrapping_sub(SQRT_HALF) as i32) >> 23;
    let x = f32::from_bits(value.to_bits().wrapping_sub((exponent << 23) as u32)) - 1.0;
    let exponent = exponent as f32;
    let mut sum = 7.037_683_6e-2;
    for term in [
        -0.115_146_1,
        1.167_699_87e-1,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_57,
        0.200_007_14,
        -2.499_999_4e-1,
        0.333_333_3,
    ] {
        sum = sum * x + term;
    }
    let square = x * x;
    // ln 2 in two parts, the first of which is exact in products with an exponent.
    let low = sum * x * square - 2.121_944_4e-4 * exponent - 0.5 * square;
    x + low + 0.693_359_4 * exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_standard_library() {
        let mut value = 1e-12_f32;
        while value < 1e12 {
            let expected = f64::from(value).ln();
            let error = (f64::from(ln(value)) - expected).abs();
            assert!(error <= 1.2e-7 * expected.abs().max(1.0), "{value} {error}");
            value *= 1.000_73;
        }
    }
}
