//! The one-dimensional transforms of Winograd's convolutions (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016; points and scaling are our own).
//!
//! y = Aᵀ[(G w) ⊙ (Bᵀ d)] with four outputs y, taps w and points − 1 finite points and infinity.
//! Rows of Bᵀ are scaled by powers of two to be near 1, and G makes up for it. The gradient of the
//! weights is Gᵀ[(A g) ⊙ (Bᵀ d)]. G is a Vandermonde matrix with scaled rows, as A is.

use crate::vector::Vector;

/// Outputs of a tile in each direction.
pub const TILE: usize = 4;
/// Points in each direction, at most.
pub const MAX_POINTS: usize = 7;
/// The points of a line; of those of a shorter one, the last are not used.
pub type Points<V> = [V; MAX_POINTS];

/// The transforms for a number of taps.
pub trait Line {
    /// Taps of the kernel.
    const TAPS: usize;
    /// Products for four outputs: `TAPS + 3`.
    const POINTS: usize;
    /// What G has beyond the Vandermonde matrix, per point.
    const SCALE: [f32; MAX_POINTS];

    /// Bᵀ d: inputs to points.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`; also for the other functions.
    unsafe fn input<V: Vector>(d: Points<V>) -> Points<V>;
    /// Aᵀ m: points to outputs.
    unsafe fn output<V: Vector>(m: Points<V>) -> [V; TILE];
    /// A g: outputs to points.
    unsafe fn spread<V: Vector>(g: [V; TILE]) -> Points<V>;
    /// G w: taps to points.
    unsafe fn weight<V: Vector>(w: [V; TILE]) -> Points<V>;
    /// Gᵀ u: points to taps.
    unsafe fn taps<V: Vector>(u: Points<V>) -> [V; TILE];
}

/// Four taps, points 0, 1, −1, 1/2, −1/2, −2 and infinity.
pub struct FourTaps;
/// Two taps, points 0, 1, −1, 2 and infinity.
pub struct TwoTaps;

/// # Safety
/// As for [`Line::input`].
#[inline(always)]
unsafe fn scaled<V: Vector, L: Line>(mut points: Points<V>) -> Points<V> {
    for (point, scale) in points.iter_mut().zip(L::SCALE).take(L::POINTS) {
        // SAFETY: as the caller promises.
        *point = point.mul(unsafe { V::splat(scale) });
    }
    points
}

impl Line for FourTaps {
    const TAPS: usize = 4;
    const POINTS: usize = 7;
    const SCALE: [f32; MAX_POINTS] =
        [4.0, 4.0 / 9.0, 4.0 / 3.0, -32.0 / 15.0, -32.0 / 9.0, -2.0 / 45.0, 2.0];

    #[inline(always)]
    unsafe fn input<V: Vector>(d: Points<V>) -> Points<V> {
        // SAFETY: as the caller promises.
        let c = |value: f32| unsafe { V::splat(value) };
        // (x² − 1)(x² − 1/4), shifted by 0, 1 and 2; rows 0, 5 and 6 are multiples.
        let even = |i: usize| d[i].mul_add(c(0.25), d[i + 2].mul_add(c(-1.25), d[i + 4]));
        let [e0, e1, e2] = [even(0), even(1), even(2)];
        // x(x² − 1/4)(x + 2)/2 for ±1, x(x² − 1)(x + 2)/2 for ±1/2, shifted by 0 and 1.
        let one = |i: usize| {
            let low = d[i].mul_add(c(-0.25), d[i + 2]);
            d[i + 1].mul_add(c(-0.125), d[i + 3].mul_add(c(0.5), low))
        };
        let half = |i: usize| {
            let low = d[i + 2].sub(d[i]);
            d[i + 3].sub(d[i + 1]).mul_add(c(0.5), low)
        };
        let [a, b] = [one(1), one(2)];
        let [e, f] = [half(1), half(2)];
        [
            e1.mul_add(c(0.5), e0),
            b.add(a),
            b.sub(a),
            e.mul_add(c(0.5), f),
            e.mul_add(c(-0.5), f),
            e1,
            e2.mul_add(c(0.5), e1),
        ]
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: Points<V>) -> [V; TILE] {
        // SAFETY: as the caller promises.
        let c = |value: f32| unsafe { V::splat(value) };
        let (s1, d1) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (s2, d2) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(s1).add(s2.add(m[5])),
            m[5].mul_add(c(-2.0), d2.mul_add(c(0.5), d1)),
            m[5].mul_add(c(4.0), s2.mul_add(c(0.25), s1)),
            m[5].mul_add(c(-8.0), d2.mul_add(c(0.125), d1)).add(m[6]),
        ]
    }

    #[inline(always)]
    unsafe fn spread<V: Vector>(g: [V; TILE]) -> Points<V> {
        // SAFETY: as the caller promises.
        let c = |value: f32| unsafe { V::splat(value) };
        let (even, odd) = (g[0].add(g[2]), g[1].add(g[3]));
        let half_even = g[2].mul_add(c(0.25), g[0]);
        let half_odd = g[3].mul_add(c(0.125), g[1].mul(c(0.5)));
        let low = g[1].mul_add(c(-2.0), g[0]);
        [
            g[0],
            even.add(odd),
            even.sub(odd),
            half_even.add(half_odd),
            half_even.sub(half_odd),
            g[3].mul_add(c(-8.0), g[2].mul_add(c(4.0), low)),
            g[3],
        ]
    }

    #[inline(always)]
    unsafe fn weight<V: Vector>(w: [V; TILE]) -> Points<V> {
        // SAFETY: as the caller promises.
        unsafe { scaled::<V, Self>(Self::spread(w)) }
    }

    #[inline(always)]
    unsafe fn taps<V: Vector>(u: Points<V>) -> [V; TILE] {
        // SAFETY: as the caller promises.
        unsafe { Self::output(scaled::<V, Self>(u)) }
    }
}

impl Line for TwoTaps {
    const TAPS: usize = 2;
    const POINTS: usize = 5;
    const SCALE: [f32; MAX_POINTS] = [1.0, -1.0, -1.0 / 3.0, 1.0 / 6.0, 2.0, 0.0, 0.0];

    #[inline(always)]
    unsafe fn input<V: Vector>(d: Points<V>) -> Points<V> {
        // SAFETY: as the caller promises.
        let (c, zero) = (|value: f32| unsafe { V::splat(value) }, unsafe { V::splat(0.0) });
        // (x² − 1)(x − 2)/2, shifted by 0 and 1.
        let ends = |i: usize| d[i + 3].sub(d[i + 1]).mul_add(c(0.5), d[i].sub(d[i + 2]));
        let half_two = d[2].mul(c(-0.5));
        [
            ends(0),
            d[3].mul_add(c(0.5), half_two.sub(d[1])),
            d[3].mul_add(c(0.5), half_two.add(d[1].sub(d[2]))),
            d[3].sub(d[1]),
            ends(1),
            zero,
            zero,
        ]
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: Points<V>) -> [V; TILE] {
        // SAFETY: as the caller promises.
        let c = |value: f32| unsafe { V::splat(value) };
        let (s, d) = (m[1].add(m[2]), m[1].sub(m[2]));
        [
            m[0].add(s).add(m[3]),
            m[3].mul_add(c(2.0), d),
            m[3].mul_add(c(4.0), s),
            m[3].mul_add(c(8.0), d).add(m[4]),
        ]
    }

    #[inline(always)]
    unsafe fn spread<V: Vector>(g: [V; TILE]) -> Points<V> {
        // SAFETY: as the caller promises.
        let (c, zero) = (|value: f32| unsafe { V::splat(value) }, unsafe { V::splat(0.0) });
        let (even, odd) = (g[0].add(g[2]), g[1].add(g[3]));
        let low = g[1].mul_add(c(2.0), g[0]);
        [
            g[0],
            even.add(odd),
            even.sub(odd),
            g[3].mul_add(c(8.0), g[2].mul_add(c(4.0), low)),
            g[3],
            zero,
            zero,
        ]
    }

    #[inline(always)]
    unsafe fn weight<V: Vector>(w: [V; TILE]) -> Points<V> {
        // SAFETY: as the caller promises.
        unsafe {
            let zero = V::splat(0.0);
            let two = w[1].mul_add(V::splat(2.0), w[0]);
            let points = [w[0], w[0].add(w[1]), w[0].sub(w[1]), two, w[1], zero, zero];
            scaled::<V, Self>(points)
        }
    }

    #[inline(always)]
    unsafe fn taps<V: Vector>(u: Points<V>) -> [V; TILE] {
        // SAFETY: as the caller promises.
        unsafe {
            let (u, zero) = (scaled::<V, Self>(u), V::splat(0.0));
            let first = u[0].add(u[1]).add(u[2].add(u[3]));
            let second = u[3].mul_add(V::splat(2.0), u[1].sub(u[2])).add(u[4]);
            [first, second, zero, zero]
        }
    }
}
