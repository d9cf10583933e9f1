//! A drawn face in front of a camera: position, size, turn, light, background and noise differ
//! between clips, and the head moves a little.

use std::f64::consts::TAU;

use image::RgbImage;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Side of a frame, pixels.
pub(super) const SIDE: usize = 360;
/// Frames per second.
pub(super) const RATE: u32 = 25;
/// Margin for movements of the head, pixels.
const MARGIN: usize = 8;
/// Frame pixels over portrait pixels.
const ZOOM: std::ops::Range<f64> = 1.05..1.5;
/// The centre of a face in a portrait, as fractions of its side.
const CENTRE: [f64; 2] = [0.5, 0.53];
/// Maximum distance of that centre from the centre of the frame, pixels.
const MAX_OFFSET: f64 = 22.0;
/// Standard deviations of roll, radians, and of the turn, which makes one half of the face wider
/// than the other by this fraction.
const ROLL: f64 = 0.05;
const TURN: f64 = 0.06;
/// Brightness; standard deviations of the colour cast and of the gradient of light across the face.
const BRIGHTNESS: std::ops::Range<f64> = 0.8..1.1;
const CAST: f64 = 0.03;
const SIDE_LIGHT: f64 = 0.08;
/// Pixels of a portrait that differ this much from its background are entirely face, as a fraction
/// of full brightness.
const FACE_DIFFERENCE: f64 = 0.2;
/// Brightness of the background, and standard deviation of the camera's noise, 0 to 255.
const BACKGROUND: std::ops::Range<f64> = 150.0..230.0;
const NOISE: std::ops::Range<f64> = 0.5..2.0;
/// Maximum shift of the noise between frames, values.
const NOISE_SHIFT: usize = 4096;

/// The frames of one clip.
pub(super) struct Shot {
    /// R G B, 0 to 255, with a margin around the frame.
    still: Vec<f32>,
    noise: Vec<f32>,
    /// Movement of the head along each axis: amplitude in pixels, frequency in Hz, and phase.
    sway: [[f64; 3]; 2],
    shifts: Vec<usize>,
}

impl Shot {
    /// `frames` frames of `portrait`, a face on a plain background.
    pub(super) fn new(portrait: &RgbImage, frames: usize, random: &mut impl Rng) -> Self {
        let still = still(portrait, random);
        let sigma = random.random_range(NOISE) as f32;
        let noise = (0..SIDE * SIDE * 3 + NOISE_SHIFT)
            .map(|_| sigma * Distribution::<f32>::sample(&StandardNormal, random))
            .collect();
        let sway = std::array::from_fn(|_| {
            [random.random_range(0.5..3.0), random.random_range(0.1..0.5), random.random()]
        });
        let shifts = (0..frames).map(|_| random.random_range(0..NOISE_SHIFT)).collect();
        Self { still, noise, sway, shifts }
    }

    /// The frames, in order.
    pub(super) fn frames(&self) -> impl Iterator<Item = RgbImage> + '_ {
        (0..self.shifts.len()).map(|number| self.frame(number))
    }

    fn frame(&self, number: usize) -> RgbImage {
        const WIDE: usize = SIDE + 2 * MARGIN;
        let time_s = number as f64 / f64::from(RATE);
        let [x, y] = self
            .sway
            .map(|[far, often, from]| MARGIN as f64 + far * (TAU * (often * time_s + from)).sin());
        let (column, row) = (x as usize, y as usize);
        let (right, down) = (x.fract() as f32, y.fract() as f32);
        let weights = [
            (1.0 - right) * (1.0 - down),
            right * (1.0 - down),
            (1.0 - right) * down,
            right * down,
        ];
        let mut pixels = Vec::with_capacity(SIDE * SIDE * 3);
        let noise = &self.noise[self.shifts[number]..];
        for line in 0..SIDE {
            let upper = &self.still[((row + line) * WIDE + column) * 3..];
            let lower = &self.still[((row + line + 1) * WIDE + column) * 3..];
            let noise = &noise[line * SIDE * 3..];
            pixels.extend((0..SIDE * 3).map(|n| {
                let value = weights[0] * upper[n]
                    + weights[1] * upper[n + 3]
                    + weights[2] * lower[n]
                    + weights[3] * lower[n + 3];
                (value + noise[n] + 0.5) as u8 // saturates
            }));
        }
        // The buffer has the size by construction.
        RgbImage::from_raw(SIDE as u32, SIDE as u32, pixels).unwrap_or_default()
    }
}

/// The picture without motion and noise.
fn still(portrait: &RgbImage, random: &mut impl Rng) -> Vec<f32> {
    const WIDE: usize = SIDE + 2 * MARGIN;
    let mut normal = || -> f64 { StandardNormal.sample(random) };
    let (sin, cos) = (ROLL * normal().clamp(-2.5, 2.5)).sin_cos();
    let turn = TURN * normal().clamp(-2.5, 2.5);
    let cast = [0; 3].map(|_| 1.0 + CAST * normal());
    let side_light = SIDE_LIGHT * normal().clamp(-2.5, 2.5);
    let zoom = random.random_range(ZOOM) * 224.0 / f64::from(portrait.width().max(1));
    let off = [0; 2].map(|_| random.random_range(-MAX_OFFSET..MAX_OFFSET));
    let brightness = random.random_range(BRIGHTNESS);
    // A gradient of two colours from left to right.
    let grey = random.random_range(BACKGROUND);
    let walls: [[f64; 3]; 2] =
        [0; 2].map(|_| [0; 3].map(|_| grey + random.random_range(-25.0..25.0)));
    let plain = portrait.get_pixel(0, 0).0.map(f64::from);
    let [width, height] = [portrait.width(), portrait.height()].map(f64::from);

    let mut still = Vec::with_capacity(WIDE * WIDE * 3);
    for row in 0..WIDE {
        for column in 0..WIDE {
            let x = column as f64 - (WIDE / 2) as f64 - off[0];
            let y = row as f64 - (WIDE / 2) as f64 - off[1];
            let (u, v) = ((cos * x + sin * y) / zoom, (cos * y - sin * x) / zoom);
            let u = u * (1.0 + turn * u / (0.25 * width));
            let seen = bilinear(portrait, CENTRE[0] * width + u, CENTRE[1] * height + v);
            let unlike = seen.iter().zip(plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let wall = (1.0 - unlike / (FACE_DIFFERENCE * 255.0)).max(0.0);
            let across = column as f64 / WIDE as f64;
            let light = brightness * (1.0 + side_light * (2.0 * across - 1.0));
            for colour in 0..3 {
                let behind = walls[0][colour] * (1.0 - across) + walls[1][colour] * across;
                let face = light * cast[colour] * (seen[colour] - wall * plain[colour]);
                still.push((face + wall * behind).clamp(0.0, 255.0) as f32);
            }
        }
    }
    still
}

/// The interpolated colour; beyond the edges, that of the nearest pixel.
fn bilinear(picture: &RgbImage, x: f64, y: f64) -> [f64; 3] {
    let (last_x, last_y) = (picture.width() - 1, picture.height() - 1);
    let (x, y) = (x.clamp(0.0, last_x.into()), y.clamp(0.0, last_y.into()));
    let (column, row) = (x as u32, y as u32);
    let (right, down) = (x.fract(), y.fract());
    let at = |dx: u32, dy: u32| {
        picture.get_pixel((column + dx).min(last_x), (row + dy).min(last_y)).0.map(f64::from)
    };
    let corners = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
    let weights =
        [(1.0 - right) * (1.0 - down), right * (1.0 - down), (1.0 - right) * down, right * down];
    std::array::from_fn(|colour| {
        corners.iter().zip(weights).map(|(corner, weight)| weight * corner[colour]).sum()
    })
}
