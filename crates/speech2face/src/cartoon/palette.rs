//! Colours of a cartoon: medians of regions of the picture, made a little stronger.

use super::shape::{
    BROWS, EYES, HAIR_OUTLINE, HAIRLINE, LIP_LOWER, LIP_MIDDLE, Point, between, mean,
};
use crate::{Face, Picture};

/// A colour in sRGB, each channel 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour(pub [f32; 3]);

impl Colour {
    pub const WHITE: Self = Self([1.0; 3]);
    pub const INK: Self = Self([0.16, 0.13, 0.14]);

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        let [r, g, b] = self.0.map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8);
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// The mixture with `share` of `other`.
    pub fn mixed(self, other: Self, share: f32) -> Self {
        Self([0, 1, 2].map(|c| self.0[c] + share * (other.0[c] - self.0[c])))
    }

    /// As bright, with `factor` times the saturation.
    pub fn saturated(self, factor: f32) -> Self {
        let grey = self.luma();
        Self(self.0.map(|value| (grey + factor * (value - grey)).clamp(0.0, 1.0)))
    }

    /// 0 for grey hair, 1 for hair with a colour, by its saturation.
    fn colourfulness(self) -> f32 {
        let [r, g, b] = self.0;
        let (low, high) = (r.min(g).min(b), r.max(g).max(b));
        let saturation = (high - low) / high.max(0.01);
        ((saturation - 0.07) / 0.08).clamp(0.0, 1.0)
    }

    /// `factor` times as bright.
    pub fn brighter(self, factor: f32) -> Self {
        Self(self.0.map(|value| (value * factor).clamp(0.0, 1.0)))
    }

    /// Brightness as it is seen, 0 to 1 (Rec. 709, on the values as they are).
    pub fn luma(self) -> f32 {
        0.2126 * self.0[0] + 0.7152 * self.0[1] + 0.0722 * self.0[2]
    }

    /// How far two colours are apart.
    pub fn distance(self, other: Self) -> f32 {
        (0..3).map(|c| (self.0[c] - other.0[c]).powi(2)).sum::<f32>().sqrt()
    }
}

/// The colours of a face.
pub struct Palette {
    pub skin: Colour,
    pub shade: Colour,
    pub blush: Colour,
    pub hair: Colour,
    pub hair_shade: Colour,
    pub hair_light: Colour,
    pub brow: Colour,
    pub iris: Colour,
    pub lip: Colour,
    pub shirt: Colour,
    /// How much darker than the cheeks the skin above the lips and on the chin is, 0 to 1.
    pub stubble: f32,
    /// The skin of the forehead as it is in the picture.
    pub forehead: Colour,
    /// The hair as it is in the picture.
    pub measured_hair: Colour,
}

impl Palette {
    /// The colours of the picture at its landmarks.
    pub fn of(face: &Face) -> Self {
        let (picture, marks) = (&face.picture, &face.landmarks);
        let at = |indices: &[usize]| -> Point {
            mean(&indices.iter().map(|&index| marks[index]).collect::<Vec<_>>())
        };
        let forehead = between(at(&[91]), at(&[21, 26]), 0.6);
        let skin = [at(&[13, 74, 43]), at(&[16, 77, 44]), forehead, at(&[61, 65])];
        let skin = median(picture, &skin, 6.0).saturated(1.18).brighter(1.1);
        let crown = [1, 2, 3, 4, 5]
            .map(|n| between(marks[HAIR_OUTLINE[n]], marks[HAIRLINE[1 + 2 * (n - 1)]], 0.5));
        let measured_hair = median(picture, &crown, 4.0);
        // Grey hair stays grey.
        let hair =
            measured_hair.saturated(1.0 + 1.3 * measured_hair.colourfulness()).brighter(1.08);
        let iris: Vec<Point> = EYES
            .iter()
            .flat_map(|eye| {
                let [x, y] = marks[eye.pupil];
                [[x - 3.4, y], [x + 3.4, y], [x - 2.4, y + 1.6], [x + 2.4, y + 1.6]]
            })
            .collect();
        let iris = iris_colour(median(picture, &iris, 0.8));
        let brows: Vec<Point> = BROWS.iter().map(|brow| at(&brow[2..7])).collect();
        let brow = median(picture, &brows, 1.5).mixed(measured_hair, 0.4).brighter(0.72);
        let lips: Vec<Point> =
            (1..4).map(|n| between(marks[LIP_MIDDLE[n]], marks[LIP_LOWER[n]], 0.55)).collect();
        let lip = median(picture, &lips, 1.5).saturated(1.45);
        let side = picture.side as f32;
        let shirt = [[0.5 * side, 0.96 * side], [0.3 * side, 0.98 * side]];
        let shirt = median(picture, &shirt, 4.0).saturated(1.9);
        let around = [between(at(&[34]), at(&[47]), 0.5), between(at(&[57]), at(&[65]), 0.5)];
        let [above, below] = around.map(|point| median(picture, &[point], 2.5).luma());
        let cheeks = median(picture, &[at(&[13, 74, 43]), at(&[16, 77, 44])], 5.0).luma();
        // Above the lips, women have 1.02 to 1.08 times the cheeks' brightness, men down to 0.9.
        let stubble = ((1.07 - above.min(below) / cheeks.max(0.01)) / 0.14).clamp(0.0, 1.0);
        let red = Colour([0.88, 0.3, 0.28]);
        Self {
            skin,
            shade: skin.mixed(Colour([0.45, 0.16, 0.14]), 0.22).brighter(0.93),
            blush: skin.mixed(red, 0.4),
            hair,
            hair_shade: hair.brighter(0.74),
            hair_light: hair.mixed(Colour([1.0, 0.93, 0.82]), 0.28),
            brow,
            iris,
            lip,
            shirt,
            stubble,
            forehead: median(picture, &[forehead], 5.0),
            measured_hair,
        }
    }
}

/// The colour of an iris: what was measured, and half of the natural colour that it is nearest to.
/// An iris has few pixels, into which skin and lashes bleed.
fn iris_colour(measured: Colour) -> Colour {
    const BROWN: Colour = Colour([0.4, 0.25, 0.15]);
    const HAZEL: Colour = Colour([0.47, 0.39, 0.23]);
    const BLUE: Colour = Colour([0.36, 0.53, 0.66]);
    let [red, _, blue] = measured.0;
    let natural = match blue - red {
        difference if difference > -0.01 => BLUE,
        _ if measured.luma() > 0.36 => HAZEL,
        _ => BROWN,
    };
    measured.saturated(1.4).brighter(1.2).mixed(natural, 0.6)
}

/// The median of each channel within `radius` pixels of the points.
pub fn median(picture: &Picture, points: &[Point], radius: f32) -> Colour {
    let mut channels: [Vec<u8>; 3] = Default::default();
    let last = picture.side.saturating_sub(1) as f32;
    let reach = radius.ceil() as i32;
    for &[x, y] in points {
        for down in -reach..=reach {
            for across in -reach..=reach {
                if (across as f32).hypot(down as f32) > radius {
                    continue;
                }
                let column = (x + across as f32).round().clamp(0.0, last) as usize;
                let row = (y + down as f32).round().clamp(0.0, last) as usize;
                let pixel = 3 * (row * picture.side + column);
                for (channel, values) in channels.iter_mut().enumerate() {
                    values.push(picture.rgb[pixel + channel]);
                }
            }
        }
    }
    Colour(channels.map(|mut values| {
        values.sort_unstable();
        f32::from(values.get(values.len() / 2).copied().unwrap_or(128)) / 255.0
    }))
}
