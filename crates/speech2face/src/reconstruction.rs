//! Results: a face, and the face together with its provenance.

use crate::{FaceFeature, Provenance};

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
}
