//! Reconstructions as one document for programs.

use serde::Serialize;

use crate::{
    Face, FaceFeature, FaceTraits, PlausibleFaces, Provenance, Reconstruction, Uncertainty,
};

/// Provenance, feature and landmarks of a face; with a distribution of faces, also what the
/// recording tells, the density of the face and its traits. If faces were drawn at random,
/// `faces` lists density, traits, feature and landmarks of each.
#[derive(Debug, Clone, Serialize)]
pub struct FacesDocument<'a> {
    #[serde(flatten)]
    provenance: &'a Provenance,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncertainty: Option<&'a Uncertainty>,
    #[serde(flatten)]
    density: Option<FaceDensity>,
    #[serde(flatten)]
    feature: &'a FaceFeature,
    landmarks: &'a [[f32; 2]],
    side: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faces: Vec<Entry<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    density: Option<FaceDensity>,
    feature: &'a [f32],
    landmarks: &'a [[f32; 2]],
}

impl Reconstruction {
    /// All that is known about the face, to serialise.
    pub fn document(&self) -> FacesDocument<'_> {
        self.document_with(&[])
    }

    /// [`document`](Self::document) of the mean face, with a list of other `faces`.
    fn document_with<'a>(&'a self, faces: &'a [Self]) -> FacesDocument<'a> {
        let Face { feature, landmarks, picture } = &self.face;
        let entries = faces.iter().map(|other| Entry {
            density: other.density(),
            feature: other.face.feature.values(),
            landmarks: &other.face.landmarks,
        });
        FacesDocument {
            provenance: &self.provenance,
            uncertainty: self.uncertainty.as_ref(),
            density: self.density(),
            feature,
            landmarks,
            side: picture.side,
            faces: entries.collect(),
        }
    }

    /// Density and traits of the face; `None` for a model without a distribution of faces.
    pub fn density(&self) -> Option<FaceDensity> {
        let index = self.provenance.sample.and_then(|sample| sample.index);
        let log_density = self.log_density?;
        Some(FaceDensity { index, log_density, traits: self.face.feature.traits() })
    }
}

/// How plausible a face is, and its traits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaceDensity {
    /// Number of the face, from 1; `None` for the mean face.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Natural logarithm of its density in the distribution of faces.
    pub log_density: f64,
    /// Its traits.
    pub traits: FaceTraits,
}

impl PlausibleFaces {
    /// [`Reconstruction::document`] of the mean face, with the list of the others.
    pub fn document(&self) -> FacesDocument<'_> {
        self.mean.document_with(&self.samples)
    }
}
