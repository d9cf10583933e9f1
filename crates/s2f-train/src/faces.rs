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
use s2f_core::Sex;
use s2f_corpus::unpaired::{Portrait, portraits};
use s2f_face::{
    ColourCorrection, FRAME, MeanShape, NormalisedFace, PlainPortrait, alignment_points,
    read_picture, select_landmarks,
};
use s2f_nn::texture::to_luma_chroma;

use crate::config::FaceEncoderFile;
use crate::face_network::FaceNetwork;
use crate::{FaceData, TrainError, sheet};

/// Side of the thumbnails that neighbours are found by, pixels.
const THUMBNAIL: usize = 28;

/// A mixture of faces of a [`FaceSet`]: their indices, and shares that add up to 1.
pub(crate) type Mixture = Vec<(usize, f32)>;

/// A set of normalised faces, each followed by its mirror image.
pub(crate) struct FaceSet {
    people: Vec<Person>,
    names: Vec<String>,
    landmarks: Vec<Vec<[f32; 2]>>,
    /// `[faces, values]`, luma and half-size chroma.
    textures: Tensor<2>,
}

/// The person of a face.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) sex: Option<Sex>,
    pub(crate) age: Option<f32>,
}

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
        let photographs: Vec<RgbImage> = held_out.iter().map(|p| p.crop.clone()).collect();
        Ok(Self {
            train: FaceSet::normalise(&train, &mean_shape, true, device)?,
            held_out: FaceSet::normalise(&held_out, &mean_shape, false, device)?,
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

impl FaceSet {
    fn normalise(
        portraits: &[Photographed],
        shape: &MeanShape,
        mirrored: bool,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let faces = portraits
            .par_iter()
            .map(|Photographed { person, portrait, .. }| -> Result<_, TrainError> {
                let face = NormalisedFace::new(portrait, shape)?;
                let mirror = mirrored.then(|| face.mirrored()).transpose()?;
                Ok([face].into_iter().chain(mirror).map(|face| (*person, face)).collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (people, faces): (Vec<Person>, Vec<NormalisedFace>) =
            faces.into_iter().flatten().unzip();
        // A few at a time: as RGB, the whole set would take twice the memory.
        let textures = faces.chunks(16).map(|some| {
            let values: Vec<f32> =
                some.iter().flat_map(|face| face.texture.iter().copied()).collect();
            let data = TensorData::new(values, [some.len(), 3, FRAME, FRAME]);
            to_luma_chroma(Tensor::from_data(data, device))
        });
        let textures = Tensor::cat(textures.collect(), 0);
        let copies = if mirrored { 2 } else { 1 };
        let names = portraits.iter().flat_map(|p| std::iter::repeat_n(p.name.clone(), copies));
        Ok(Self {
            people,
            names: names.collect(),
            landmarks: faces.into_iter().map(|f| f.landmarks).collect(),
            textures,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn person(&self, face: usize) -> &Person {
        &self.people[face]
    }

    /// Names of the people in mixtures, sorted.
    pub(crate) fn names(&self, mixtures: &[Mixture]) -> Vec<String> {
        let names = mixtures.iter().flatten().map(|&(face, _)| &self.names[face]);
        names.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    pub(crate) fn landmarks(&self, face: usize) -> &[[f32; 2]] {
        &self.landmarks[face]
    }

    /// Luma and chroma of all faces, `[faces, values]`.
    pub(crate) fn textures(&self) -> Tensor<2> {
        self.textures.clone()
    }

    /// The luma of a face at a small size, for finding neighbours.
    pub(crate) fn thumbnail(&self, face: usize) -> Vec<f32> {
        let luma = self.textures.clone().narrow(0, face, 1).narrow(1, 0, FRAME * FRAME);
        let step = FRAME / THUMBNAIL;
        let small =
            avg_pool2d(luma.reshape([1, 1, FRAME, FRAME]), AvgPoolOptions::new([step, step]));
        small.into_data().iter().collect()
    }

    /// Mixtures of faces: landmarks `[mixtures, landmarks, 2]` and textures `[mixtures, values]`.
    pub(crate) fn mix(&self, mixtures: &[Mixture]) -> (Tensor<3>, Tensor<2>) {
        let device = self.textures.device();
        let faces = self.len();
        let mut weights = vec![0.0_f32; mixtures.len() * faces];
        for (row, mixture) in weights.chunks_exact_mut(faces).zip(mixtures) {
            for &(face, share) in mixture {
                row[face] += share;
            }
        }
        let weights =
            Tensor::<2>::from_data(TensorData::new(weights, [mixtures.len(), faces]), &device);
        let points = self.landmarks[0].len();
        let shapes: Vec<f32> = self.landmarks.iter().flatten().flatten().copied().collect();
        let shapes = Tensor::<2>::from_data(TensorData::new(shapes, [faces, points * 2]), &device);
        let landmarks = weights.clone().matmul(shapes).reshape([mixtures.len(), points, 2]);
        (landmarks, weights.matmul(self.textures.clone()))
    }
}
