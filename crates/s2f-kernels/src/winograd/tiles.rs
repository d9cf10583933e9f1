//! The two-dimensional transforms of tiles, between NHWC tensors and planes of one point each.

use super::lines::{Line, MAX_POINTS, Points, TILE};
use crate::vector::Vector;

/// Where the values of a tile are in a tensor: `None` at the borders, where they count as 0.
pub type Patch = [[Option<*const f32>; MAX_POINTS]; MAX_POINTS];

/// Bᵀ d B of one tile, for channels from `channel` on: `count` lanes of each point, `plane` floats
/// apart.
///
/// # Safety
/// The processor has the instruction set of `V`; `count` channels from `channel` on can be read at
/// each place of the patch and written at each point.
#[inline(always)]
pub unsafe fn input<V: Vector, Y: Line, X: Line>(
    patch: &Patch,
    channel: usize,
    count: usize,
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = V::splat(0.0);
        let mut columns = [[zero; MAX_POINTS]; MAX_POINTS];
        for x in 0..X::POINTS {
            let mut d = [zero; MAX_POINTS];
            for y in 0..Y::POINTS {
                d[y] = match patch[y][x] {
                    Some(from) if count == V::LANES => V::load(from.add(channel)),
                    Some(from) => V::load_first(from.add(channel), count),
                    None => zero,
                };
            }
            let points = Y::input(d);
            for y in 0..Y::POINTS {
                columns[y][x] = points[y];
            }
        }
        for y in 0..Y::POINTS {
            write_line::<V, X>(&X::input(columns[y]), count, to.add(y * X::POINTS * plane), plane);
        }
    }
}

/// A g Aᵀ of one tile of a gradient: as [`input`], from 4 × 4 values.
///
/// # Safety
/// As for [`input`].
#[inline(always)]
pub unsafe fn spread<V: Vector, Y: Line, X: Line>(
    patch: &Patch,
    channel: usize,
    count: usize,
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = V::splat(0.0);
        let mut columns = [[zero; TILE]; MAX_POINTS];
        for x in 0..TILE {
            let mut g = [zero; TILE];
            for y in 0..TILE {
                if let Some(from) = patch[y][x] {
                    g[y] = V::load_first(from.add(channel), count);
                }
            }
            let points = Y::spread(g);
            for y in 0..Y::POINTS {
                columns[y][x] = points[y];
            }
        }
        for y in 0..Y::POINTS {
            write_line::<V, X>(&X::spread(columns[y]), count, to.add(y * X::POINTS * plane), plane);
        }
    }
}

/// # Safety
/// As for [`input`].
#[inline(always)]
unsafe fn write_line<V: Vector, X: Line>(
    points: &Points<V>,
    count: usize,
    to: *mut f32,
    plane: usize,
) {
    for x in 0..X::POINTS {
        // SAFETY: as the caller promises.
        unsafe {
            let to = to.add(x * plane);
            if count == V::LANES {
                points[x].store(to);
            } else {
                points[x].store_first(to, count);
            }
        }
    }
}

/// Aᵀ m A of one tile: a vector of channels for each of its 4 × 4 outputs.
///
/// # Safety
/// The processor has the instruction set of `V`; a vector can be read at each point.
#[inline(always)]
pub unsafe fn output<V: Vector, Y: Line, X: Line>(
    from: *const f32,
    plane: usize,
) -> [[V; TILE]; TILE] {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = V::splat(0.0);
        let mut columns = [[zero; MAX_POINTS]; TILE];
        for x in 0..X::POINTS {
            let mut m = [zero; MAX_POINTS];
            for y in 0..Y::POINTS {
                m[y] = V::load(from.add((y * X::POINTS + x) * plane));
            }
            let line = Y::output(m);
            for y in 0..TILE {
                columns[y][x] = line[y];
            }
        }
        let mut outputs = [[zero; TILE]; TILE];
        for y in 0..TILE {
            outputs[y] = X::output(columns[y]);
        }
        outputs
    }
}
