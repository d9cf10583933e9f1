//! Resamples pictures between their pixels, without aliasing.

use image::{Rgb, RgbImage};

use crate::Similarity;

/// Maximum stretch of the kernel; a face that fills the largest picture needs about this much.
const MAX_STEP: f32 = 64.0;

/// The colour of `picture` at a point, 0 to 255 per channel (the kernel may overshoot), for samples
/// that are `step` pixels apart; see [`Sampler`].
pub(crate) fn sample(picture: &RgbImage, point: [f32; 2], step: f32) -> [f32; 3] {
    Sampler::new(picture, step).at(point)
}

/// A square crop of `side` pixels, without aliasing; `to_picture` maps its pixels to pixels of
/// `picture`. See [`Sampler`].
pub(crate) fn resampled(picture: &RgbImage, to_picture: &Similarity, side: u32) -> RgbImage {
    let mut sampler = Sampler::new(picture, to_picture.scale() as f32);
    RgbImage::from_fn(side, side, |column, row| {
        let point = to_picture.apply([column as f32, row as f32]);
        Rgb(sampler.at(point).map(|value| value.round().clamp(0.0, 255.0) as u8))
    })
}

/// Interpolates between the pixels of a picture with the Catmull-Rom kernel, stretched to `step`
/// pixels. Outside the picture, the nearest edge pixel is used.
///
/// `step` is the distance between neighbouring samples in pixels of this picture. Above 1 the
/// picture is reduced, and the wider kernel prevents aliasing.
struct Sampler<'a> {
    picture: &'a RgbImage,
    step: f32,
    /// The columns under the kernel, as offsets in a row of bytes, and their weights.
    columns: Vec<(usize, f32)>,
}

impl<'a> Sampler<'a> {
    fn new(picture: &'a RgbImage, step: f32) -> Self {
        // Bounds the time if distant points give an absurd scale.
        Self { picture, step: step.clamp(1.0, MAX_STEP), columns: Vec::new() }
    }

    fn at(&mut self, [x, y]: [f32; 2]) -> [f32; 3] {
        let (width, height) = self.picture.dimensions();
        let columns = Taps::new(x, self.step, width);
        let columns = columns.iter().map(|(column, weight)| (3 * column as usize, weight));
        self.columns.clear();
        self.columns.extend(columns);
        let across: f32 = self.columns.iter().map(|(_, weight)| weight).sum();
        let row_bytes = 3 * width as usize;
        let mut sum = [0.0; 3];
        let mut weights = 0.0;
        for (row, row_weight) in Taps::new(y, self.step, height).iter() {
            let bytes = &self.picture.as_raw()[row as usize * row_bytes..][..row_bytes];
            let mut row_sum = [0.0; 3];
            for &(offset, weight) in &self.columns {
                for (sum, byte) in row_sum.iter_mut().zip(&bytes[offset..offset + 3]) {
                    *sum += weight * f32::from(*byte);
                }
            }
            for (sum, row_sum) in sum.iter_mut().zip(row_sum) {
                *sum += row_weight * row_sum;
            }
            weights += row_weight;
        }
        sum.map(|sum| sum / (weights * across))
    }
}

/// A value from 0 to 1 as a byte.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The pixels under the kernel, along one axis.
struct Taps {
    first: i64,
    count: i64,
    position: f32,
    step: f32,
    last: i64,
}

impl Taps {
    fn new(position: f32, step: f32, length: u32) -> Self {
        let last = i64::from(length) - 1;
        // Further outside, every tap is the edge pixel.
        let reach = 2.0 * step;
        let position = position.clamp(-reach, last as f32 + reach);
        let first = (position - reach).ceil() as i64;
        let count = (position + reach).floor() as i64 - first + 1;
        Self { first, count, position, step, last }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, f32)> {
        (self.first..self.first + self.count).map(|tap| {
            let weight = catmull_rom((tap as f32 - self.position) / self.step);
            (tap.clamp(0, self.last) as u32, weight)
        })
    }
}

/// Cubic convolution with a = −1/2 and support 2 (Keys, "Cubic convolution interpolation for
/// digital image processing", 1981).
fn catmull_rom(t: f32) -> f32 {
    let t = t.abs();
    if t < 1.0 {
        (1.5 * t - 2.5) * t * t + 1.0
    } else if t < 2.0 {
        ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{read_npy, reference_file};

    // Reference: reference/face/picture.py, Pillow's bicubic filter, which has the same kernel.
    // Pillow rounds to bytes between its two passes and cuts the kernel at the edge, so away from
    // the edge the values agree within one byte.
    #[test]
    fn reducing_agrees_with_pillow() {
        let (shape, input) = read_npy::<u8>(&reference_file("shrink_input.npy"));
        let picture = RgbImage::from_raw(shape[1] as u32, shape[0] as u32, input).unwrap();
        let (shape, expected) = read_npy::<u8>(&reference_file("shrink_output.npy"));
        let step = picture.width() as f32 / shape[1] as f32;
        for row in 2..shape[0] - 2 {
            for column in 2..shape[1] - 2 {
                let place = [column, row].map(|index| (index as f32 + 0.5) * step - 0.5);
                let found = sample(&picture, place, step);
                let first = 3 * (row * shape[1] + column);
                for (found, expected) in found.into_iter().zip(&expected[first..first + 3]) {
                    let difference = found.clamp(0.0, 255.0) - f32::from(*expected);
                    assert!(difference.abs() <= 1.1, "{row} {column}: {difference}");
                }
            }
        }
    }

    #[test]
    fn samples_at_pixel_centres_are_the_pixels_and_the_edge_repeats() {
        let picture = RgbImage::from_fn(5, 4, |x, y| Rgb([(40 * x) as u8, (50 * y) as u8, 9]));
        let check = |place: [f32; 2], expected: [f32; 3]| {
            let found = sample(&picture, place, 1.0);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
        };
        check([2.0, 3.0], [80.0, 150.0, 9.0]);
        check([-7.0, 1.0], [0.0, 50.0, 9.0]);
        check([1e9, -1e9], [160.0, 0.0, 9.0]);
    }
}
