use proptest::prelude::*;

use super::random;
use crate::colours::Colours;
use crate::isa::Isa;
use crate::sample::bilinear;
use crate::spline::Warp;

/// Positions of landmarks, pairwise different, in a picture of 64 pixels.
fn landmarks() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::hash_set((0_u32..64, 0_u32..64), 3..30)
        .prop_map(|points| points.into_iter().flat_map(|(x, y)| [x as f32, y as f32]).collect())
}

const SIZE: usize = 64;
const BORDER: [[f32; 2]; 4] = [[-9.0, -8.0], [72.0, -9.0], [-8.0, 72.0], [71.0, 73.0]];

/// With a node at each pixel.
fn warp<'a>(mean: &'a [f32], upsampling: &'a [f32]) -> Warp<'a> {
    Warp { mean, border: &BORDER, size: SIZE, upsampling, smoothing: 1e-9, nearest: 1e-12 }
}

fn identity() -> Vec<f32> {
    (0..SIZE * SIZE).map(|index| f32::from(u8::from(index / SIZE == index % SIZE))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A spline takes the given values at its control points.
    #[test]
    fn displacements_are_those_of_the_landmarks(landmarks in landmarks(), seed: u64) {
        let moved = random(seed >> 8, landmarks.len());
        let mean: Vec<f32> = landmarks.iter().zip(&moved).map(|(at, by)| at - by).collect();
        let upsampling = identity();
        for isa in Isa::all() {
            let found = warp(&mean, &upsampling).displacement(isa, &landmarks);
            let points = landmarks.as_chunks::<2>().0.iter();
            for (point, moved) in points.zip(moved.as_chunks::<2>().0) {
                let pixel = point[1] as usize * SIZE + point[0] as usize;
                let found = [found[pixel], found[SIZE * SIZE + pixel]];
                for (found, moved) in found.into_iter().zip(moved) {
                    // Sums of up to 40 terms around 1 to 10 in single precision.
                    prop_assert!((found - moved).abs() < 2e-3, "{} {found} {moved}", isa.name());
                }
            }
        }
    }

    /// A picture is sampled where its displacement says.
    #[test]
    fn warps_are_samples(landmarks in landmarks(), seed: u64) {
        let seed = seed >> 8;
        let mean: Vec<f32> =
            landmarks.iter().zip(random(seed, landmarks.len())).map(|(at, by)| at - by).collect();
        let upsampling = identity();
        let texture = random(seed + 1, 3 * SIZE * SIZE);
        for isa in Isa::all() {
            let warp = warp(&mean, &upsampling);
            let displacement = warp.displacement(isa, &landmarks);
            let (right, down) = displacement.split_at(SIZE * SIZE);
            let pixel = |index: usize| ((index % SIZE) as f32, (index / SIZE) as f32);
            let x: Vec<f32> = right.iter().enumerate().map(|(i, by)| pixel(i).0 - by).collect();
            let y: Vec<f32> = down.iter().enumerate().map(|(i, by)| pixel(i).1 - by).collect();
            let expected = bilinear(isa, &texture, [1, 3, SIZE, SIZE], &x, &y);
            prop_assert_eq!(warp.render(isa, &texture, &landmarks), expected);
        }
    }

    #[test]
    fn samples_equal_their_definition(
        height in 2_usize..9,
        width in 2_usize..9,
        count in 1_usize..600,
        seed: u64,
    ) {
        let seed = seed >> 8;
        let picture = random(seed, 2 * 3 * height * width);
        let place = |seed: u64, size: usize| -> Vec<f32> {
            random(seed, 2 * count).iter().map(|at| (0.5 + 0.8 * at) * size as f32).collect()
        };
        let (x, y) = (place(seed + 1, width), place(seed + 2, height));
        for isa in Isa::all() {
            let found = bilinear(isa, &picture, [2, 3, height, width], &x, &y);
            for (index, found) in found.iter().enumerate() {
                let (image, channel) = (index / count / 3, index / count % 3);
                let at = image * count + index % count;
                // Each pixel counts as far as it is less than one away.
                let mut expected = 0.0_f64;
                let limit = |at: f32, size: usize| f64::from(at).clamp(0.0, (size - 1) as f64);
                let (x, y) = (limit(x[at], width), limit(y[at], height));
                for row in 0..height {
                    for column in 0..width {
                        let share = (1.0 - (x - column as f64).abs()).max(0.0)
                            * (1.0 - (y - row as f64).abs()).max(0.0);
                        let pixel = ((image * 3 + channel) * height + row) * width + column;
                        expected += share * f64::from(picture[pixel]);
                    }
                }
                prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{}", isa.name());
            }
        }
    }

    /// Luma and chroma of the picture are the given ones: chroma on average over its pixels.
    #[test]
    fn pictures_have_their_luma_and_chroma(half in 1_usize..12, level in -1.0_f32..1.0, seed: u64) {
        let size = 2 * half;
        let colours = Colours { luma: [0.299, 0.587, 0.114], blue: 0.564, red: 0.713 };
        let mut values = random(seed >> 8, size * size + 2 * half * half);
        // Chroma that rises by the same everywhere, which interpolation leaves as it is inside.
        for (index, value) in values[size * size..].iter_mut().enumerate() {
            *value = level * (index % half) as f32;
        }
        for isa in Isa::all() {
            let rgb = colours.to_rgb(isa, &values, size);
            for pixel in 0..size * size {
                let [r, g, b] = [0, 1, 2].map(|plane| f64::from(rgb[plane * size * size + pixel]));
                let luma = 0.299 * r + 0.587 * g + 0.114 * b;
                prop_assert!((luma - f64::from(values[pixel])).abs() < 1e-4);
                let along = ((pixel % size) as f64 - 0.5) / 2.0;
                let chroma = f64::from(level) * along.clamp(0.0, (half - 1) as f64);
                prop_assert!(((b - luma) * 0.564 - chroma).abs() < 1e-3, "{}", isa.name());
                prop_assert!(((r - luma) * 0.713 - chroma).abs() < 1e-3, "{}", isa.name());
            }
        }
    }
}

#[test]
fn coinciding_or_infinite_landmarks_still_give_a_picture() {
    let mean = random(1, 8);
    let upsampling = identity();
    let texture = random(2, SIZE * SIZE);
    for value in [8.0, f32::INFINITY, f32::NAN] {
        let warp = Warp { border: &[], ..warp(&mean, &upsampling) };
        let picture = warp.render(Isa::best(), &texture, &[value; 8]);
        assert!(picture.iter().all(|value| value.is_finite()));
    }
}
