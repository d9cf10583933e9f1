//! The looks of a face: at several ages, and women with several lengths of hair.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use s2f_core::Sex;
use s2f_corpus::unpaired::aged_portraits;
use s2f_face::{
    Ageing, FRAME, FaceLayers, Hair, Hairstyle, MeanShape, NormalisedFace, PortraitSums,
    read_picture,
};
use s2f_nn::texture::to_luma_chroma;

use crate::config::AgeingData;
use crate::{FaceData, TrainError};

/// Portraits that are measured in parallel.
const CHUNK: usize = 32;
/// Lengths of women's hair that faces are drawn with.
pub(crate) const HAIR: [f32; 3] = [0.0, 0.5, 1.0];
/// Age of a person who does not state one, years: that of most.
pub(crate) const TYPICAL_AGE: f32 = 27.0;

/// The person of a face.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) sex: Option<Sex>,
    pub(crate) age: Option<f32>,
}

/// Averages of the portraits of many people.
pub(crate) struct Averages {
    ageing: Ageing,
    hair: Vec<Hairstyle>,
}

impl Averages {
    pub(crate) fn read(
        data: &FaceData,
        ageing: &AgeingData,
        mean: &MeanShape,
    ) -> Result<Self, TrainError> {
        let mut sums = PortraitSums::new(mean);
        for some in aged_portraits(&data.root.join(&ageing.folder))?.chunks(CHUNK) {
            let measured = some.par_iter().map(|person| -> Result<_, TrainError> {
                Ok(sums.measure(&read_picture(&person.picture)?, &person.points)?)
            });
            let measured: Vec<_> = measured.collect::<Result<_, _>>()?;
            for (person, portrait) in some.iter().zip(&measured) {
                sums.add_measured(portrait, person.sex, person.age);
            }
        }
        let hair = Hair::new(&sums)?;
        let style = |length: f32| hair.style(0.35 + 0.35 * length, 1.85 + 0.7 * length);
        Ok(Self { ageing: Ageing::new(&sums, ageing.strength)?, hair: HAIR.map(style).into() })
    }
}

/// How the faces of a set are drawn.
pub(crate) struct Drawing<'a> {
    pub(crate) mean: &'a MeanShape,
    pub(crate) layers: &'a FaceLayers,
    pub(crate) averages: Option<&'a Averages>,
    /// Ages to draw each face at; its own if empty.
    pub(crate) ages: Vec<f32>,
}

impl Drawing<'_> {
    /// Landmarks of each age, and the luma and chroma of each look.
    pub(crate) fn looks(
        &self,
        face: &NormalisedFace,
        person: Person,
    ) -> (Vec<Vec<[f32; 2]>>, Vec<Vec<f32>>) {
        let aged: Vec<NormalisedFace> = match (self.averages, person.sex) {
            (Some(averages), Some(sex)) if !self.ages.is_empty() => {
                let own = person.age.unwrap_or(TYPICAL_AGE);
                let at = |&age| averages.ageing.apply(face, sex, own, age);
                self.ages.iter().map(at).collect()
            }
            _ => vec![face.clone(); self.ages.len().max(1)],
        };
        let styles: Vec<Option<&Hairstyle>> = match self.averages {
            Some(averages) if person.sex == Some(Sex::Female) => {
                averages.hair.iter().map(Some).collect()
            }
            _ => vec![None],
        };
        let drawn = styles.iter().flat_map(|style| {
            aged.iter().map(move |face| luma_chroma(&self.layers.compose(face, *style).texture))
        });
        let textures = drawn.collect();
        (aged.into_iter().map(|face| face.landmarks).collect(), textures)
    }
}

/// Luma and half-size chroma of a texture `[3, 224, 224]`.
fn luma_chroma(texture: &[f32]) -> Vec<f32> {
    let data = TensorData::new(texture.to_vec(), [1, 3, FRAME, FRAME]);
    to_luma_chroma(Tensor::from_data(data, &Device::flex())).into_data().iter().collect()
}
