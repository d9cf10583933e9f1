//! What ageing changes in a face on average, and the hair of women, from portraits of many people.
//!
//! Only sums over many portraits are kept, of each sex at least [`MIN_PEOPLE`]: no picture of a
//! person can be recovered.
//!
//! The direction of ageing is the slope of a linear regression on age, for each sex: of the
//! logarithm of each pixel's colour in the mean shape, of the logarithm of the energy of its fine
//! detail (wrinkles, which averages of colours lose), and of the positions of the landmarks.
//! The method of directions is that of Burt and Perrett, "Perception of age in adult Caucasian male
//! faces", Proceedings of the Royal Society B, 1995, with a regression in place of two groups.

use image::RgbImage;
use s2f_core::Sex;

use crate::frame::{FRAME, MIDDLE, PUPIL_ROW, border_points};
use crate::landmarks::LANDMARKS;
use crate::raster::{Raster, smooth_step};
use crate::resample::sample;
use crate::{FaceError, MeanShape, Similarity, ThinPlateSpline};

/// Number of landmarks of a portrait: the 68 points of iBUG 300-W.
pub const PORTRAIT_POINTS: usize = 68;

/// Minimum number of people of each sex.
pub const MIN_PEOPLE: usize = 20;

/// Points of the 68 that correspond to a point of the Face Research Lab template, besides the 17
/// points of the jaw.
const CORRESPONDING: [(usize, usize); 29] = [
    (17, 71),
    (19, 74),
    (21, 76),
    (22, 77),
    (24, 79),
    (26, 82),
    (36, 18),
    (37, 19),
    (38, 21),
    (39, 22),
    (42, 23),
    (43, 24),
    (44, 26),
    (45, 27),
    (46, 33),
    (47, 31),
    (41, 28),
    (40, 30),
    (33, 55),
    (31, 64),
    (35, 69),
    (48, 87),
    (50, 89),
    (51, 90),
    (52, 91),
    (54, 93),
    (57, 106),
    (55, 108),
    (59, 104),
];
/// Points of the jaw in the 68 points: from the left ear over the chin, the 9th, to the right ear.
const JAW: usize = 17;
/// The border of the face from the left ear over the chin to the right ear, as template points.
const JAW_LINE: [usize; 15] =
    [109, 110, 111, 125, 126, 127, 128, 129, 130, 131, 132, 133, 114, 113, 112];

/// Added to colours before their logarithm is taken.
pub(crate) const FLOOR: f32 = 0.03;
/// Fine detail is what a blur of this many pixels removes.
pub(crate) const FINE: f32 = 1.6;

/// Sums over portraits, from which [`Ageing`](crate::Ageing) and [`Hair`](crate::Hair) are
/// computed.
pub struct PortraitSums {
    mean: MeanShape,
    /// Where the corresponding points lie in the mean shape.
    targets: Vec<[f32; 2]>,
    women: Sums,
    men: Sums,
}

/// Sums for a regression on age: of 1, a, a², y and a·y for each quantity y, with the age a in
/// decades from [`MIDDLE_AGE`].
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) people: usize,
    ages: f64,
    squares: f64,
    values: Vec<f64>,
    products: Vec<f64>,
    /// Of the share of the person in each pixel, and of the colours weighted by it.
    pub(crate) matte: Vec<f64>,
    pub(crate) weighted: Vec<f64>,
}

/// Ages are counted from here, years.
const MIDDLE_AGE: f32 = 50.0;

impl PortraitSums {
    /// No portraits yet.
    pub fn new(mean: &MeanShape) -> Self {
        let place = |template: usize| {
            let index = LANDMARKS.iter().position(|point| point.template_index == template);
            index.map_or([0.0; 2], |index| mean.points()[index])
        };
        let mut targets = jaw(&JAW_LINE.map(place));
        targets.extend(CORRESPONDING.map(|(_, template)| place(template)));
        Self { mean: mean.clone(), targets, women: Sums::default(), men: Sums::default() }
    }

    /// What is summed of a frontal portrait in front of a plain wall, with its 68 landmarks in
    /// pixels of `picture`. It takes a tenth of a second, so measure many portraits in parallel.
    ///
    /// # Errors
    /// [`FaceError::PointCount`] if there are not 68 landmarks, [`FaceError::Degenerate`] if they
    /// coincide.
    pub fn measure(
        &self,
        picture: &RgbImage,
        landmarks: &[[f32; 2]],
    ) -> Result<MeasuredPortrait, FaceError> {
        crate::landmarks::check_count("a portrait's landmarks", landmarks, PORTRAIT_POINTS)?;
        let jaw = &landmarks[..JAW];
        let points: Vec<[f32; 2]> =
            jaw.iter().copied().chain(CORRESPONDING.map(|(index, _)| landmarks[index])).collect();
        let to_mean = Similarity::fit(&points, &self.targets)?;
        let from_mean = to_mean.inverse();
        let moved: Vec<[f32; 2]> = points
            .iter()
            .zip(&self.targets)
            .map(|(&point, target)| {
                let place = to_mean.apply(point);
                [place[0] - target[0], place[1] - target[1]]
            })
            .collect();
        let spline = ThinPlateSpline::fit(&self.targets, &moved)?;
        let grid = Grid::new(|place| {
            let [dx, dy] = spline.at(place);
            let near = 1.0 - distant(place);
            [near * dx, near * dy]
        });
        let step = from_mean.scale() as f32;
        let wall = wall(picture);
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let mut colours = vec![0.0; 3 * FRAME * FRAME];
        let mut matte = Vec::with_capacity(FRAME * FRAME);
        for index in 0..FRAME * FRAME {
            let place = [(index % FRAME) as f32, (index / FRAME) as f32];
            let [dx, dy] = grid.at(place);
            let source = from_mean.apply([place[0] + dx, place[1] + dy]);
            let colour = sample(picture, source, step).map(|value| value.clamp(0.0, 255.0) / 255.0);
            let inside =
                (0.0..width - 1.0).contains(&source[0]) && (0.0..height - 1.0).contains(&source[1]);
            let contrast = |channel: usize| {
                ((colour[channel] + FLOOR).ln() - (wall[channel] + FLOOR).ln()).abs()
            };
            let most = contrast(0).max(contrast(1)).max(contrast(2));
            matte.push(if inside { smooth_step(0.35, 0.7, most) } else { 0.0 });
            for (channel, value) in colour.into_iter().enumerate() {
                colours[channel * FRAME * FRAME + index] = value;
            }
        }
        Ok(MeasuredPortrait { colours, matte, moved })
    }

    /// Adds a portrait that was [measured](Self::measure), of a person of this sex and age in
    /// years.
    pub fn add_measured(&mut self, portrait: &MeasuredPortrait, sex: Sex, age: f32) {
        let decades = f64::from((age - MIDDLE_AGE) / 10.0);
        let sums = match sex {
            Sex::Female => &mut self.women,
            Sex::Male => &mut self.men,
        };
        sums.add(&portrait.quantities(), decades, portrait);
    }

    /// Sums of one sex.
    ///
    /// # Errors
    /// [`FaceError::TooFewPeople`] below [`MIN_PEOPLE`].
    pub(crate) fn of(&self, sex: Sex) -> Result<&Sums, FaceError> {
        let sums = match sex {
            Sex::Female => &self.women,
            Sex::Male => &self.men,
        };
        if sums.people < MIN_PEOPLE {
            return Err(FaceError::TooFewPeople { found: sums.people, needed: MIN_PEOPLE });
        }
        Ok(sums)
    }

    pub(crate) fn mean(&self) -> &MeanShape {
        &self.mean
    }

    /// The displacement of the 106 landmarks for displacements of the corresponding points.
    pub(crate) fn spread(&self, moved: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
        let mut at = self.targets.clone();
        at.extend(border_points());
        let mut values = moved.to_vec();
        values.resize(at.len(), [0.0; 2]);
        let spline = ThinPlateSpline::fit(&at, &values)?;
        Ok(self.mean.points().iter().map(|&point| spline.at(point)).collect())
    }
}

/// What is summed of one portrait.
pub struct MeasuredPortrait {
    /// In the mean shape, `[3, 224, 224]`, sRGB from 0 to 1.
    colours: Vec<f32>,
    matte: Vec<f32>,
    /// Of the corresponding points from the mean shape's, pixels.
    moved: Vec<[f32; 2]>,
}

impl MeasuredPortrait {
    /// Everything that is regressed on age: logarithms of colours, of the energy of fine detail,
    /// displacements.
    fn quantities(&self) -> Vec<f32> {
        let mut quantities: Vec<f32> =
            self.colours.iter().map(|value| (value + FLOOR).ln()).collect();
        quantities.extend(log_energy(&self.colours));
        quantities.extend(self.moved.as_flattened());
        quantities
    }
}

/// The logarithm of the energy of fine detail around each pixel of a texture `[3, 224, 224]`.
fn log_energy(colours: &[f32]) -> Vec<f32> {
    const AROUND: f32 = 2.5; // pixels
    const NOISE: f32 = 1e-5;
    let pixels = FRAME * FRAME;
    let grey = (0..pixels).map(|i| (0..3).map(|c| colours[c * pixels + i]).sum::<f32>() / 3.0);
    let grey = Raster::from_values(FRAME, grey.collect());
    let smooth = grey.blurred(FINE);
    let energy =
        grey.values().iter().zip(smooth.values()).map(|(value, low)| (value - low).powi(2));
    let energy = Raster::from_values(FRAME, energy.collect()).blurred(AROUND);
    energy.values().iter().map(|energy| (energy + NOISE).ln()).collect()
}

impl Sums {
    fn add(&mut self, quantities: &[f32], decades: f64, portrait: &MeasuredPortrait) {
        self.people += 1;
        self.ages += decades;
        self.squares += decades * decades;
        self.values.resize(quantities.len(), 0.0);
        self.products.resize(quantities.len(), 0.0);
        for (index, &value) in quantities.iter().enumerate() {
            self.values[index] += f64::from(value);
            self.products[index] += decades * f64::from(value);
        }
        self.matte.resize(portrait.matte.len(), 0.0);
        self.weighted.resize(portrait.colours.len(), 0.0);
        for (sum, &matte) in self.matte.iter_mut().zip(&portrait.matte) {
            *sum += f64::from(matte);
        }
        let pixels = self.weighted.iter_mut().zip(&portrait.colours);
        for ((sum, colour), matte) in pixels.zip(portrait.matte.iter().cycle()) {
            *sum += f64::from(colour * matte);
        }
    }

    /// The change of each quantity in ten years.
    pub(crate) fn slopes(&self) -> Vec<f32> {
        let people = self.people as f64;
        let variance = self.squares - self.ages * self.ages / people;
        let slope = |(value, product): (&f64, &f64)| {
            (product - value * self.ages / people) / variance.max(1e-9)
        };
        self.values.iter().zip(&self.products).map(|pair| slope(pair) as f32).collect()
    }
}

/// 0 on the face and the hair around it, 1 far from them, where the spline extrapolates.
fn distant([x, y]: [f32; 2]) -> f32 {
    smooth_step(75.0, 115.0, (x - MIDDLE).hypot(y - PUPIL_ROW - 14.0))
}

/// The colour of the wall behind a portrait, sRGB 0 to 1: the median of its upper corners.
fn wall(picture: &RgbImage) -> [f32; 3] {
    let (width, height) = picture.dimensions();
    let (across, down) = ((width / 6).max(1), (height / 11).max(1));
    [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> = (0..down)
            .flat_map(|row| (0..across).flat_map(move |x| [(x, row), (width - 1 - x, row)]))
            .map(|(x, y)| picture.get_pixel(x, y).0[channel])
            .collect();
        values.sort_unstable();
        f32::from(values[values.len() / 2]) / 255.0
    })
}

/// The 17 points of the jaw on the border of the mean face: evenly spaced on either side of the
/// chin.
fn jaw(line: &[[f32; 2]; JAW_LINE.len()]) -> Vec<[f32; 2]> {
    const CHIN: usize = JAW_LINE.len() / 2;
    let mut along = vec![0.0];
    for pair in line.windows(2) {
        let length = (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
        along.push(along[along.len() - 1] + length);
    }
    let (chin, end) = (along[CHIN], along[along.len() - 1]);
    let half = (JAW / 2) as f32;
    (0..JAW)
        .map(|index| {
            let share = index as f32 / half;
            let place =
                if share <= 1.0 { share * chin } else { chin + (share - 1.0) * (end - chin) };
            let side = along[1..along.len() - 1].iter().take_while(|&&knot| knot < place).count();
            let t = (place - along[side]) / (along[side + 1] - along[side]).max(1e-6);
            [0, 1].map(|axis| line[side][axis] + t * (line[side + 1][axis] - line[side][axis]))
        })
        .collect()
}

/// A smooth displacement field, tabulated at every fourth pixel of the frame.
struct Grid {
    x: Raster,
    y: Raster,
}

impl Grid {
    const STRIDE: usize = 4;
    const SIDE: usize = FRAME / Self::STRIDE + 1;

    fn new(field: impl Fn([f32; 2]) -> [f32; 2]) -> Self {
        let place = |index: usize| {
            [index % Self::SIDE, index / Self::SIDE].map(|i| (i * Self::STRIDE) as f32)
        };
        let values: Vec<[f32; 2]> =
            (0..Self::SIDE * Self::SIDE).map(|index| field(place(index))).collect();
        let axis = |axis: usize| {
            Raster::from_values(Self::SIDE, values.iter().map(|value| value[axis]).collect())
        };
        Self { x: axis(0), y: axis(1) }
    }

    fn at(&self, place: [f32; 2]) -> [f32; 2] {
        let place = place.map(|value| value / Self::STRIDE as f32);
        [self.x.at(place), self.y.at(place)]
    }
}

#[cfg(test)]
mod tests;
