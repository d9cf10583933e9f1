//! Scores of drawn faces, as an independent network reads them, and sheets to look at. Voices are
//! drawn by heads that were fitted without their corpus or group of languages.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_core::{FaceSpace, Sex};
use s2f_nn::{FaceDecoder, FaceDistribution, FaceDistributionHead, Reliability, normalise};
use serde::Serialize;
use speech2face::AgeSexReader;

use super::faces::Identities;
use super::recordings::{Examples, Labelled, Measured, Version};
use crate::{TrainError, sheet};

/// Voices of each fold whose mean face is drawn.
const VOICES: usize = 40;
/// Of those, voices of which several faces are drawn.
const SAMPLED: usize = 6;
/// Faces of a voice.
const FACES: usize = 6;
/// Ages that a face is drawn at, years.
const AGES: [f64; 7] = [20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0];

/// Scores of drawn faces.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PictureScores {
    /// Number of voices whose mean face was drawn.
    pub voices: usize,
    /// Share of them in whose face the network reads the speaker's sex.
    pub sex_agreement: f64,
    /// Mean correlation of the pixels of two mean faces of one sex.
    pub same_sex_pixel_r: f64,
    /// The same of the middle quarter of the pictures, where the face is.
    pub same_sex_face_r: f64,
    /// Share of sampled faces in which a face is found.
    pub sampled_found: f64,
    /// Share of them with the sex of their voice.
    pub sampled_sex_agreement: f64,
    /// Mean correlation of the pixels of two sampled faces of one voice.
    pub sampled_pixel_r: f64,
    /// The same of the middle quarter of the pictures.
    pub sampled_face_r: f64,
    /// Correlation of the age that the network reads with the stated one, women and men.
    pub age_correlation: [f64; 2],
}

/// A trained model whose faces are drawn.
pub(crate) struct Drawn<'a> {
    pub(crate) decoder: &'a FaceDecoder,
    pub(crate) space: &'a FaceSpace,
    pub(crate) reliability: Reliability,
    pub(crate) device: &'a Device,
}

/// What was read of the faces of the voices of a fold.
#[derive(Default)]
pub(crate) struct Gallery {
    means: Vec<Drawing>,
    samples: Vec<Vec<Drawing>>,
}

struct Drawing {
    sex: Sex,
    stated_age: Option<f64>,
    /// `[3, side, side]`
    pixels: Vec<f32>,
    /// The pixels of the middle quarter.
    face: Vec<f32>,
    /// Sex and age that the network reads, if it finds a face.
    read: Option<(Sex, f64)>,
}

impl Drawn<'_> {
    /// Pictures of features `[n, D]`: `[n, 3, side, side]`.
    fn pictures(&self, features: &[Vec<f32>]) -> Tensor<4> {
        let shape = [features.len(), self.space.dimension];
        let features =
            Tensor::<2>::from_data(TensorData::new(features.concat(), shape), self.device);
        let features = normalise(features, self.space);
        self.decoder.picture(self.decoder.forward(features))
    }

    fn draw(
        &self,
        features: &[Vec<f32>],
        voice: &Labelled,
        reader: &AgeSexReader,
    ) -> Result<Vec<Drawing>, TrainError> {
        let pictures = self.pictures(features);
        let [_, _, side, _] = pictures.dims();
        (0..features.len())
            .map(|index| {
                let picture = pictures.clone().narrow(0, index, 1);
                let read = reader.read(&sheet::image(picture.clone()))?;
                Ok(Drawing {
                    sex: voice.sex,
                    stated_age: voice.age,
                    face: (picture.clone())
                        .slice([0..1, 0..3, side / 4..3 * side / 4, side / 4..3 * side / 4])
                        .into_data()
                        .iter()
                        .collect(),
                    pixels: picture.into_data().iter().collect(),
                    read: read.map(|reading| (reading.sex(), reading.age.into())),
                })
            })
            .collect()
    }
}

impl Gallery {
    /// Draws faces of some voices of a fold, evenly spread.
    pub(crate) fn add(
        &mut self,
        drawn: &Drawn<'_>,
        head: &FaceDistributionHead,
        voices: &[Labelled],
        measured: &[Measured],
        fold: &str,
        reader: &AgeSexReader,
    ) -> Result<(), TrainError> {
        let of_fold: Vec<usize> = (0..voices.len()).filter(|&i| voices[i].fold == fold).collect();
        let every = of_fold.len().div_ceil(VOICES).max(1);
        let prior = head.prior(drawn.space).map_err(unusable)?;
        for (place, &index) in of_fold.iter().step_by(every).enumerate() {
            let (voice, own) = (&voices[index], &measured[index]);
            let Some(distribution) = of_voice(drawn, head, &prior, voice, own)? else { continue };
            self.means.extend(drawn.draw(&[distribution.mean_feature()], voice, reader)?);
            if place < SAMPLED {
                let features = distribution.sample(FACES, index as u64, 1.0);
                self.samples.push(drawn.draw(&features, voice, reader)?);
            }
        }
        Ok(())
    }

    pub(crate) fn scores(&self) -> PictureScores {
        let share = |drawings: &[&Drawing], holds: &dyn Fn(&Drawing) -> bool| {
            let count = drawings.iter().filter(|drawing| holds(drawing)).count();
            count as f64 / drawings.len().max(1) as f64
        };
        let is_right = |drawing: &Drawing| drawing.read.is_some_and(|(sex, _)| sex == drawing.sex);
        let means: Vec<&Drawing> = self.means.iter().collect();
        let sampled: Vec<&Drawing> = self.samples.iter().flatten().collect();
        let of_sex = |sex: Sex| -> Vec<&Drawing> {
            means.iter().filter(|drawing| drawing.sex == sex).copied().collect()
        };
        let (women, men) = (of_sex(Sex::Female), of_sex(Sex::Male));
        let between = |pixels: fn(&Drawing) -> &[f32]| {
            let [women, men] = [&women, &men].map(|of_sex| likeness(of_sex, pixels));
            0.5 * (women + men)
        };
        let within = |pixels: fn(&Drawing) -> &[f32]| {
            let voices = self.samples.iter();
            let sum: f64 =
                voices.map(|faces| likeness(&faces.iter().collect::<Vec<_>>(), pixels)).sum();
            sum / self.samples.len().max(1) as f64
        };
        PictureScores {
            voices: means.len(),
            sex_agreement: share(&means, &is_right),
            same_sex_pixel_r: between(|drawing| &drawing.pixels),
            same_sex_face_r: between(|drawing| &drawing.face),
            sampled_found: share(&sampled, &|drawing| drawing.read.is_some()),
            sampled_sex_agreement: share(&sampled, &is_right),
            sampled_pixel_r: within(|drawing| &drawing.pixels),
            sampled_face_r: within(|drawing| &drawing.face),
            age_correlation: [women, men].map(|of_sex| age_correlation(&of_sex)),
        }
    }
}

/// The distribution of a recording, tempered by its length.
fn of_voice(
    drawn: &Drawn<'_>,
    head: &FaceDistributionHead,
    prior: &FaceDistribution,
    voice: &Labelled,
    measured: &Measured,
) -> Result<Option<FaceDistribution>, TrainError> {
    let (voices, own) = (std::slice::from_ref(voice), std::slice::from_ref(measured));
    let one = Examples::new(voices, own, &[(Version::Clean, 1.0)], |_| true);
    if one.voices.is_empty() {
        return Ok(None);
    }
    let values: Vec<f32> = one.embeddings.iter().map(|&x| x as f32).collect();
    let width = values.len();
    let embedding = Tensor::<2>::from_data(TensorData::new(values, [1, width]), drawn.device);
    let mut found = head.distributions(embedding, drawn.space).map_err(unusable)?;
    let information = drawn.reliability.information(measured.seconds);
    found.pop().map(|found| found.tempered(information, prior).map_err(unusable)).transpose()
}

fn unusable(error: s2f_nn::DistributionError) -> TrainError {
    TrainError::Data(format!("the face distribution is not usable: {error}"))
}

/// A sheet of voices, each the mean face and [`FACES`] samples, and of the mean woman and the mean
/// man at [`AGES`].
pub(crate) fn sheet_of_faces(
    drawn: &Drawn<'_>,
    head: &FaceDistributionHead,
    voices: &[Labelled],
    measured: &[Measured],
    model: &speech2face::ModelId,
) -> Result<Vec<u8>, TrainError> {
    let prior = head.prior(drawn.space).map_err(unusable)?;
    let every = (voices.len() / 10).max(1);
    let mut rows = Vec::new();
    for index in (0..voices.len()).step_by(every) {
        let (voice, own) = (&voices[index], &measured[index]);
        let Some(distribution) = of_voice(drawn, head, &prior, voice, own)? else { continue };
        let mut features = vec![distribution.mean_feature()];
        features.extend(distribution.sample(sheet::COLUMNS - 1, index as u64, 1.0));
        rows.push(drawn.pictures(&features));
    }
    sheet::png(Tensor::cat(rows, 0), sheet::Content::Generated, model)
}

/// Mean correlation of the pixels of two pictures, over all pairs.
fn likeness(drawings: &[&Drawing], pixels: fn(&Drawing) -> &[f32]) -> f64 {
    let centred: Vec<Vec<f32>> = drawings
        .iter()
        .map(|drawing| {
            let pixels = pixels(drawing);
            let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
            let values: Vec<f32> = pixels.iter().map(|value| value - mean).collect();
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.into_iter().map(|value| value / length).collect()
        })
        .collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for (index, a) in centred.iter().enumerate() {
        for b in &centred[..index] {
            sum += f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
            pairs += 1;
        }
    }
    sum / f64::from(pairs.max(1))
}

fn age_correlation(drawings: &[&Drawing]) -> f64 {
    let known: Vec<(f64, f64)> = drawings
        .iter()
        .filter_map(|drawing| Some((drawing.read?.1, drawing.stated_age?)))
        .collect();
    let vector = |of: fn(&(f64, f64)) -> f64| {
        nalgebra::DVector::from_iterator(known.len(), known.iter().map(of))
    };
    let even = nalgebra::DVector::from_element(known.len(), 1.0);
    crate::regression::correlation(&vector(|pair| pair.0), &vector(|pair| pair.1), &even)
}

/// Mean age that the network reads in faces that are sampled without a voice and drawn at each of
/// [`AGES`]: their identities move with the age, by the slopes of women and of men.
pub(crate) fn ages_read(
    drawn: &Drawn<'_>,
    head: &FaceDistributionHead,
    identities: &[Identities; 2],
    reader: &AgeSexReader,
) -> Result<Vec<[f64; 3]>, TrainError> {
    let prior = head.prior(drawn.space).map_err(unusable)?;
    let age = drawn.space.index(s2f_core::Trait::Age);
    let sex = drawn.space.index(s2f_core::Trait::Sex);
    let (Some(age), Some(sex)) = (age, sex) else { return Ok(Vec::new()) };
    let samples = prior.sample(24, 1, 1.0);
    AGES.iter()
        .map(|&years| {
            let aged: Vec<Vec<f32>> = samples
                .iter()
                .map(|sample| {
                    let mut sample = sample.clone();
                    let wanted = s2f_core::Trait::of_years(years) as f32;
                    let slope = identities[usize::from(sample[sex] < 0.0)].age_slope();
                    let moved = wanted - sample[age];
                    sample.iter_mut().zip(slope).for_each(|(x, s)| *x += moved * s as f32);
                    sample[age] = wanted;
                    sample
                })
                .collect();
            let pictures = drawn.pictures(&aged);
            let mut sums = [(0.0, 0); 2];
            for (index, sample) in aged.iter().enumerate() {
                let picture = sheet::image(pictures.clone().narrow(0, index, 1));
                if let Some(read) = reader.read(&picture)? {
                    let sum = &mut sums[usize::from(sample[sex] < 0.0)];
                    *sum = (sum.0 + f64::from(read.age), sum.1 + 1);
                }
            }
            let [women, men] = sums.map(|(sum, count)| sum / f64::from(count.max(1)));
            Ok([years, women, men])
        })
        .collect()
}
