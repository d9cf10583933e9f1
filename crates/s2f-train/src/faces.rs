//! Faces to train on: photographs normalised to one shape, light and background, split by person.

use std::collections::BTreeSet;
use std::path::PathBuf;

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use s2f_core::{FaceSpace, Sex, Trait};
use s2f_corpus::unpaired::{Portrait, aged_portraits, portraits};
use s2f_face::{
    ColourCorrection, FRAME, FaceLayers, MeanShape, NormalisedFace, PlainPortrait,
    alignment_points, read_picture, select_landmarks,
};
use s2f_nn::texture::luma_chroma_values;

use crate::config::FaceEncoderFile;
use crate::face_network::FaceNetwork;
pub(crate) use crate::looks::Person;
use crate::looks::{Averages, Drawing, HAIR, TYPICAL_AGE};
use crate::{FaceData, TrainError, sheet};

/// Side of the thumbnails that neighbours are found by, pixels.
const THUMBNAIL: usize = 28;

/// A mixture of faces of a [`FaceSet`].
#[derive(Debug, Clone)]
pub(crate) struct Mixture {
    /// Indices of faces, and shares that add up to 1.
    pub(crate) members: Vec<(usize, f32)>,
    /// The age that the mixture is shown at, years; the people's own if `None`. Only a set with
    /// averages by age can show another.
    pub(crate) age: Option<f32>,
    /// Length of the women's hair, from 0, at the chin, to 1, on the shoulders.
    pub(crate) hair: f32,
}

impl Mixture {
    /// A mixture at the people's own ages.
    pub(crate) fn of(members: Vec<(usize, f32)>) -> Self {
        Self { members, age: None, hair: MEAN_HAIR }
    }
}

/// A set of normalised faces, each followed by its mirror image.
pub(crate) struct FaceSet {
    faces: Vec<Face>,
    /// Ages that each face is drawn at, years, or empty for its own age alone.
    ages: Vec<f32>,
    /// `[looks, values]`, luma and half-size chroma, row by row.
    textures: Vec<f32>,
    device: Device,
}

/// A face of a set, with its looks: rows of the set's textures, for each length of hair those of
/// all ages.
struct Face {
    person: Person,
    name: String,
    first_look: usize,
    /// Lengths of hair it is drawn with: one, or as many as [`HAIR`] has.
    hair_looks: usize,
    /// Of each age, pixels of the frame.
    landmarks: Vec<Vec<[f32; 2]>>,
}

const MEAN_HAIR: f32 = 0.5;

/// Faces to train on, people held out, and the mean shape of the former.
pub(crate) struct Faces {
    pub(crate) train: FaceSet,
    pub(crate) held_out: FaceSet,
    /// The face encoder's crops of the held-out people's photographs, `[people, 3, side, side]`, 0
    /// to 255.
    pub(crate) held_out_photographs: Tensor<4>,
    pub(crate) mean_shape: MeanShape,
}

/// All files that the faces and the face space depend on.
pub(crate) fn files(data: &FaceData) -> Result<Vec<PathBuf>, TrainError> {
    let mut files = vec![FaceNetwork::file(data)?];
    for folder in &data.folders {
        let folder = data.root.join(&folder.path);
        files.extend(["people.csv", "landmarks.csv"].map(|table| folder.join(table)));
        files.extend(portraits(&folder)?.into_iter().map(|portrait| portrait.picture));
    }
    if let Some(ageing) = &data.ageing {
        let folder = data.root.join(&ageing.folder);
        files.extend(["people.csv", "landmarks68.csv"].map(|table| folder.join(table)));
        files.extend(aged_portraits(&folder)?.into_iter().map(|portrait| portrait.picture));
    }
    Ok(files)
}

impl Faces {
    /// Reads all folders, holds out `data.held_out` people that `seed` draws, and normalises all.
    pub(crate) fn load(data: &FaceData, seed: u64, device: &Device) -> Result<Self, TrainError> {
        let mut all: Vec<(Portrait, ColourCorrection)> = Vec::new();
        for folder in &data.folders {
            let light = ColourCorrection { gain: folder.gain, saturation: folder.saturation };
            let found = portraits(&data.root.join(&folder.path))?;
            all.extend(found.into_iter().map(|portrait| (portrait, light)));
        }
        if all.len() < data.held_out + 3 {
            return Err(TrainError::Data(format!(
                "{} portraits are too few to hold out {} and train on the rest; hint: reduce \
                 data.held_out, or add folders to data.folders",
                all.len(),
                data.held_out
            )));
        }
        all.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut held_out = all
            .into_par_iter()
            .map(|portrait| Photographed::new(portrait, &data.face_encoder))
            .collect::<Result<Vec<_>, _>>()?;
        let train = held_out.split_off(data.held_out);
        let shapes: Vec<&[[f32; 2]]> = train.iter().map(|p| p.portrait.landmarks()).collect();
        let mean_shape = MeanShape::of(&shapes)?;
        let layers = FaceLayers::new(&mean_shape);
        let ageing = match &data.ageing {
            Some(ageing) => Some((Averages::read(data, ageing, &mean_shape)?, ageing)),
            None => None,
        };
        let drawing = |ages: &[f32]| Drawing {
            mean: &mean_shape,
            layers: &layers,
            averages: ageing.as_ref().map(|(averages, _)| averages),
            ages: ages.to_vec(),
        };
        let ages = ageing.as_ref().map_or(&[][..], |(_, ageing)| &ageing.ages);
        let photographs: Vec<RgbImage> = held_out.iter().map(|p| p.crop.clone()).collect();
        Ok(Self {
            train: FaceSet::draw(&train, &drawing(ages), true, device)?,
            held_out: FaceSet::draw(&held_out, &drawing(&[]), false, device)?,
            held_out_photographs: sheet::tensor(&photographs, device),
            mean_shape,
        })
    }
}

/// A portrait, prepared.
struct Photographed {
    person: Person,
    name: String,
    portrait: PlainPortrait,
    /// The face encoder's crop of the unchanged photograph.
    crop: RgbImage,
}

impl Photographed {
    fn new(
        (portrait, light): (Portrait, ColourCorrection),
        encoder: &FaceEncoderFile,
    ) -> Result<Self, TrainError> {
        let picture = read_picture(&portrait.picture)?;
        let points = alignment_points(&select_landmarks(&portrait.points)?)?;
        Ok(Self {
            person: Person { sex: portrait.sex, age: portrait.age },
            name: portrait.person_id,
            crop: FaceNetwork::crop(encoder, &picture, &points)?,
            portrait: PlainPortrait::new(&picture, &portrait.points, light)?,
        })
    }
}

/// Values of one look.
const VALUES: usize = luma_chroma_values(FRAME);

impl FaceSet {
    fn draw(
        portraits: &[Photographed],
        drawing: &Drawing<'_>,
        mirrored: bool,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let drawn = portraits.par_iter().map(|portrait| -> Result<Vec<_>, TrainError> {
            let face = NormalisedFace::new(&portrait.portrait, drawing.mean)?;
            let mirror = mirrored.then(|| face.mirrored()).transpose()?;
            let faces = [face].into_iter().chain(mirror);
            Ok(faces.map(|face| (portrait, drawing.looks(&face, portrait.person))).collect())
        });
        let drawn: Vec<Vec<_>> = drawn.collect::<Result<_, _>>()?;
        let mut set = Self {
            faces: Vec::new(),
            ages: drawing.ages.clone(),
            textures: Vec::new(),
            device: device.clone(),
        };
        for (portrait, (landmarks, textures)) in drawn.into_iter().flatten() {
            set.faces.push(Face {
                person: portrait.person,
                name: portrait.name.clone(),
                first_look: set.textures.len() / VALUES,
                hair_looks: textures.len() / landmarks.len(),
                landmarks,
            });
            textures.iter().for_each(|texture| set.textures.extend(texture));
        }
        Ok(set)
    }

    pub(crate) fn len(&self) -> usize {
        self.faces.len()
    }

    pub(crate) fn person(&self, face: usize) -> &Person {
        &self.faces[face].person
    }

    /// The range of ages that faces can be shown at, years; `None` if only at their own.
    pub(crate) fn ages(&self) -> Option<[f32; 2]> {
        Some([*self.ages.first()?, *self.ages.last()?])
    }

    /// Names of the people in mixtures, sorted.
    pub(crate) fn names(&self, mixtures: &[Mixture]) -> Vec<String> {
        let members = mixtures.iter().flat_map(|mixture| &mixture.members);
        let names = members.map(|&(face, _)| &self.faces[face].name);
        names.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// The landmarks of a face, at the first of its ages.
    pub(crate) fn landmarks(&self, face: usize) -> &[[f32; 2]] {
        &self.faces[face].landmarks[0]
    }

    /// Luma and chroma of at most `count` looks, spread over all faces, `[looks, values]`.
    pub(crate) fn textures(&self, count: usize) -> Tensor<2> {
        let rows = self.textures.len() / VALUES;
        let count = count.min(rows);
        let chosen = (0..count).flat_map(|index| self.look(index * rows / count));
        let values: Vec<f32> = chosen.copied().collect();
        Tensor::from_data(TensorData::new(values, [count, VALUES]), &self.device)
    }

    fn look(&self, row: usize) -> &[f32] {
        &self.textures[row * VALUES..(row + 1) * VALUES]
    }

    /// The luma of a face at a small size, for finding neighbours.
    pub(crate) fn thumbnail(&self, face: usize) -> Vec<f32> {
        let luma = self.look(self.faces[face].first_look)[..FRAME * FRAME].to_vec();
        let luma = Tensor::<1>::from_data(TensorData::new(luma, [FRAME * FRAME]), &self.device);
        let step = FRAME / THUMBNAIL;
        let small =
            avg_pool2d(luma.reshape([1, 1, FRAME, FRAME]), AvgPoolOptions::new([step, step]));
        small.into_data().iter().collect()
    }

    /// The values of `space`'s traits of mixtures, `[mixtures, traits]`.
    pub(crate) fn traits(&self, mixtures: &[Mixture], space: &FaceSpace) -> Tensor<2> {
        let values = mixtures.iter().flat_map(|mixture| {
            space.traits.iter().map(|which| self.trait_of(mixture, *which) as f32)
        });
        let shape = [mixtures.len(), space.traits.len()];
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), shape), &self.device)
    }

    fn trait_of(&self, mixture: &Mixture, which: Trait) -> f64 {
        let mean = |of: &dyn Fn(&Person) -> f64| -> f64 {
            mixture
                .members
                .iter()
                .map(|&(face, share)| f64::from(share) * of(self.person(face)))
                .sum()
        };
        match which {
            Trait::Sex => mean(&|person| person.sex.map_or(0.0, Trait::of_sex)),
            Trait::Age => {
                let age = mixture.age.unwrap_or_else(|| self.mean_age(mixture));
                Trait::of_years(age.into())
            }
            Trait::Hair => {
                let women = mean(&|person| f64::from(u8::from(person.sex == Some(Sex::Female))));
                women * Trait::of_hair(mixture.hair.into())
            }
        }
    }

    /// The mean of the people's own ages, years.
    fn mean_age(&self, mixture: &Mixture) -> f32 {
        let members = mixture.members.iter();
        members.map(|&(face, share)| share * self.person(face).age.unwrap_or(TYPICAL_AGE)).sum()
    }

    /// Mixtures of faces: landmarks `[mixtures, landmarks, 2]` and textures `[mixtures, values]`.
    pub(crate) fn mix(&self, mixtures: &[Mixture]) -> (Tensor<3>, Tensor<2>) {
        let points = self.landmarks(0).len();
        let mixed: Vec<(Vec<f32>, Vec<f32>)> =
            mixtures.par_iter().map(|mixture| self.mixed(mixture, points)).collect();
        let (shapes, textures): (Vec<_>, Vec<_>) = mixed.into_iter().unzip();
        let shapes = TensorData::new(shapes.concat(), [mixtures.len(), points, 2]);
        let textures = TensorData::new(textures.concat(), [mixtures.len(), VALUES]);
        (Tensor::from_data(shapes, &self.device), Tensor::from_data(textures, &self.device))
    }

    fn mixed(&self, mixture: &Mixture, points: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut shape, mut texture) = (vec![0.0; 2 * points], vec![0.0; VALUES]);
        let add = |sum: &mut [f32], values: &[f32], share: f32| {
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
        };
        let ages = between(&self.ages, mixture.age.unwrap_or_else(|| self.mean_age(mixture)));
        for &(index, share) in &mixture.members {
            let face = &self.faces[index];
            let hair = match face.hair_looks {
                1 => vec![(0, 1.0)],
                _ => between(&HAIR, mixture.hair),
            };
            for &(age, of_age) in &ages {
                add(&mut shape, face.landmarks[age].as_flattened(), share * of_age);
                for &(style, of_style) in &hair {
                    let row = face.first_look + style * face.landmarks.len() + age;
                    add(&mut texture, self.look(row), share * of_age * of_style);
                }
            }
        }
        (shape, texture)
    }
}

/// The two knots around `place`, with shares that add up to 1; the last ones beyond the ends.
fn between(knots: &[f32], place: f32) -> Vec<(usize, f32)> {
    let Some(last) = knots.len().checked_sub(2) else { return vec![(0, 1.0)] };
    let left = knots.iter().filter(|&&knot| knot <= place).count().saturating_sub(1).min(last);
    let share = ((place - knots[left]) / (knots[left + 1] - knots[left])).clamp(0.0, 1.0);
    vec![(left, 1.0 - share), (left + 1, share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_between_knots() {
        let knots = [20.0, 40.0, 80.0];
        assert_eq!(between(&knots, 30.0), [(0, 0.5), (1, 0.5)]);
        assert_eq!(between(&knots, 70.0), [(1, 0.25), (2, 0.75)]);
        assert_eq!(between(&knots, 10.0), [(0, 1.0), (1, 0.0)]);
        assert_eq!(between(&knots, 90.0), [(1, 0.0), (2, 1.0)]);
        assert_eq!(between(&[], 90.0), [(0, 1.0)]);
    }
}
