//! Results: a face, and the face together with its provenance and what is certain about it.

use crate::{FaceFeature, Provenance, Uncertainty};

/// A square picture, 8 bit sRGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width and height, pixels.
    pub side: usize,
    /// R, G, B of each pixel, row by row: 3 · side² bytes.
    pub rgb: Vec<u8>,
}

/// A face decoded from a feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// The feature that it was decoded from, after exaggeration.
    pub feature: FaceFeature,
    /// The landmarks, x and y in pixels of the picture; the centre of its top left pixel is (0,
    /// 0).
    pub landmarks: Vec<[f32; 2]>,
    /// The picture.
    pub picture: Picture,
}

/// A face reconstructed from a recording, with its provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// The face.
    pub face: Face,
    /// What it was made of and how.
    pub provenance: Provenance,
    /// What the recording tells; `None` for a model without a distribution of faces.
    pub uncertainty: Option<Uncertainty>,
    /// Natural logarithm of the density of the face in the distribution, before exaggeration;
    /// `None` likewise.
    pub log_density: Option<f64>,
}

/// The mean face of a recording, and faces drawn from the distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct PlausibleFaces {
    /// The mean face.
    pub mean: Reconstruction,
    /// Faces drawn at random.
    pub samples: Vec<Reconstruction>,
}
