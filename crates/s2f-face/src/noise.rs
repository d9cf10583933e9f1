//! Reproducible noise for textures that are drawn, not photographed.

use crate::frame::FRAME;
use crate::raster::Raster;

/// White noise of the size of the frame.
pub(crate) struct Noise {
    white: Raster,
}

impl Noise {
    /// Uniform from -1 to 1.
    ///
    /// Method: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    /// generators", OOPSLA 2014).
    pub(crate) fn new(seed: u64) -> Self {
        let white = (0..FRAME * FRAME).map(|index| value(seed, index as u64));
        Self { white: Raster::from_values(FRAME, white.collect()) }
    }

    /// Noise with structures of about `size` (across, down) pixels, and without those larger than
    /// `widest` times the smaller of the two; of standard deviation 1.
    pub(crate) fn bands(&self, size: [f32; 2], widest: f32) -> Raster {
        let [across, down] = size;
        let fine = stretched(&self.white, across, down);
        let coarse = if across >= down {
            stretched(&fine, 0.0, widest * down)
        } else {
            stretched(&fine, widest * across, 0.0)
        };
        let band: Vec<f32> =
            fine.values().iter().zip(coarse.values()).map(|(a, b)| a - b).collect();
        let power = band.iter().map(|value| value * value).sum::<f32>() / band.len() as f32;
        let scale = power.sqrt().max(1e-9);
        Raster::from_values(FRAME, band.into_iter().map(|value| value / scale).collect())
    }
}

/// A value from -1 to 1 that depends on `seed` and `index` alone.
fn value(seed: u64, index: u64) -> f32 {
    let mut z =
        seed.wrapping_mul(0xA076_1D64_78BD_642F) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

/// Noise along a line: smooth in between whole numbers, from -1 to 1.
pub(crate) fn along(seed: u64, place: f32) -> f32 {
    let cell = place.floor();
    let t = place - cell;
    let t = t * t * (3.0 - 2.0 * t);
    let at = |offset: f32| value(seed, (cell + offset + 1e6) as u64);
    at(0.0) + t * (at(1.0) - at(0.0))
}

/// A Gaussian blur with different widths across and down, in pixels; 0 leaves the axis.
fn stretched(raster: &Raster, across: f32, down: f32) -> Raster {
    let kernel = |sigma: f32| -> Vec<f32> {
        if sigma <= 0.0 {
            return vec![1.0];
        }
        let radius = (3.0 * sigma).ceil() as i32;
        let weights: Vec<f32> =
            (-radius..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
        let sum: f32 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    };
    let (horizontal, vertical) = (kernel(across), kernel(down));
    let pass = |raster: &Raster, kernel: &[f32], columns: bool| {
        let radius = kernel.len() as isize / 2;
        Raster::from_fn(FRAME, |column, row| {
            let at = |offset: isize| {
                let moved =
                    |place: usize| (place as isize + offset).rem_euclid(FRAME as isize) as usize;
                let (x, y) = if columns { (moved(column), row) } else { (column, moved(row)) };
                raster.values()[y * FRAME + x]
            };
            kernel.iter().zip(-radius..).map(|(weight, offset)| weight * at(offset)).sum()
        })
    };
    pass(&pass(raster, &horizontal, true), &vertical, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_even_and_reproducible() {
        let noise = Noise::new(1);
        let values = noise.white.values();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let power = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        // Uniform from -1 to 1: mean 0, mean square 1/3; 50176 draws deviate by 0.003.
        assert!(mean.abs() < 0.01 && (power - 1.0 / 3.0).abs() < 0.01, "{mean} {power}");
        assert_eq!(Noise::new(1).white.values(), values);
        assert_ne!(Noise::new(2).white.values(), values);
        assert_eq!(along(3, 7.0), along(3, 7.0));
        assert!((along(3, 7.0) - along(3, 7.001)).abs() < 0.01);
    }

    #[test]
    fn bands_are_as_long_as_asked() {
        let lines = Noise::new(1).bands([9.0, 0.8], 3.0);
        let step = |dx: usize, dy: usize| {
            let mut sum = 0.0;
            for row in 0..FRAME - dy {
                for column in 0..FRAME - dx {
                    let (a, b) = (row * FRAME + column, (row + dy) * FRAME + column + dx);
                    sum += (lines.values()[a] - lines.values()[b]).powi(2);
                }
            }
            sum
        };
        assert!(step(0, 2) > 5.0 * step(2, 0), "{} {}", step(0, 2), step(2, 0));
    }
}
