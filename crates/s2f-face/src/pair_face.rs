//! The face of a pair: the aligned square that a corpus stores, with the whole head in it.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::FaceError;
use crate::align::{MOBILEFACE_SIDE, MOBILEFACE_TEMPLATE, Similarity};
use crate::picture::{decode_picture, resampled};

/// Side of a pair's face, in pixels.
pub const PAIR_SIDE: u32 = 224;

/// Pixels of a pair's face for one of the face encoder's 112x112 crop.
///
/// In that crop a pixel is about 1.8 mm of a face with eyes 63 mm apart; 4/3 finer, the square
/// covers about 300 mm: a head from chin to hair (about 240 mm) with room above and below.
pub const PAIR_ZOOM: f32 = 4.0 / 3.0;

/// Where the top left pixel of the 112x112 crop lies in a pair's face: in the middle of the width,
/// the eyes a little below the middle of the height.
const CROP_ORIGIN: [f32; 2] = [
    (PAIR_SIDE as f32 - 1.0) / 2.0 - PAIR_ZOOM * (MOBILEFACE_SIDE as f32 - 1.0) / 2.0, // 37.5
    48.0,
];

/// Where the five points of a face go in a pair's face, in pixels: [`MOBILEFACE_TEMPLATE`],
/// [`PAIR_ZOOM`] times as large and shifted.
pub const PAIR_TEMPLATE: [[f32; 2]; 5] = {
    let mut points = MOBILEFACE_TEMPLATE;
    let mut i = 0;
    while i < points.len() {
        points[i][0] = PAIR_ZOOM * points[i][0] + CROP_ORIGIN[0];
        points[i][1] = PAIR_ZOOM * points[i][1] + CROP_ORIGIN[1];
        i += 1;
    }
    points
};

/// JPEG quality of stored faces, without subsampling of colours: some 15 KB, and a feature that
/// differs from that of the uncompressed crop by less than between two frames of a video.
const JPEG_QUALITY: u8 = 95;

/// What of a pair's face is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacePart {
    /// From forehead to chin: where the points go to [`MOBILEFACE_TEMPLATE`], scaled to the side.
    /// ArcFace and its kin are aligned to the same template.
    Face,
    /// The whole square.
    Head,
}

/// An aligned face as a pair stores it.
///
/// Its pixels are always those that its JPEG bytes decode to, also right after
/// [`PairFace::cut`]: whoever reads a stored pair computes the same features from it again.
#[derive(Debug, Clone, PartialEq)]
pub struct PairFace {
    picture: RgbImage,
    points: [[f32; 2]; 5],
    jpeg: Vec<u8>,
}

impl PairFace {
    /// Cuts a face out of `picture`: its five `points` (in the order of [`MOBILEFACE_TEMPLATE`])
    /// go to [`PAIR_TEMPLATE`] as nearly as turn, scale and shift can bring them.
    ///
    /// A face larger than that is shrunk with a wider kernel, so that it does not alias. What lies
    /// outside of the picture repeats its edge. The same picture and points give the same bytes.
    ///
    /// # Errors
    /// [`FaceError::Degenerate`] where the points coincide or are not finite.
    pub fn cut(picture: &RgbImage, points: &[[f32; 2]; 5]) -> Result<Self, FaceError> {
        let there = Similarity::fit(points, &PAIR_TEMPLATE)?;
        let square = resampled(picture, &there.inverse(), PAIR_SIDE);
        Self::from_jpeg(to_jpeg(&square)?, points.map(|point| there.apply(point)))
    }

    /// A face as it was stored, with its points.
    ///
    /// # Errors
    /// [`FaceError::PairFace`] where the bytes are not a picture of [`PAIR_SIDE`] pixels square.
    pub fn from_jpeg(jpeg: Vec<u8>, points: [[f32; 2]; 5]) -> Result<Self, FaceError> {
        let wrong = |reason: String| FaceError::PairFace { reason };
        let picture =
            decode_picture(&jpeg).map_err(|error| wrong(format!("not a picture ({error})")))?;
        let (width, height) = picture.dimensions();
        if (width, height) != (PAIR_SIDE, PAIR_SIDE) {
            return Err(wrong(format!(
                "{width}x{height} pixels large and should be {PAIR_SIDE}x{PAIR_SIDE}"
            )));
        }
        Ok(Self { picture, points, jpeg })
    }

    /// The picture, [`PAIR_SIDE`] pixels square.
    pub fn picture(&self) -> &RgbImage {
        &self.picture
    }

    /// The five points in [`PairFace::picture`], in pixels, in the order of
    /// [`MOBILEFACE_TEMPLATE`].
    pub fn points(&self) -> &[[f32; 2]; 5] {
        &self.points
    }

    /// The bytes to store.
    pub fn jpeg(&self) -> &[u8] {
        &self.jpeg
    }

    /// The crop that MobileFace reads, 112x112 pixels.
    ///
    /// Its place in the square is always the same, because the least squares fit to the one
    /// template is that to the other, scaled and shifted.
    pub fn mobileface(&self) -> RgbImage {
        self.part(FacePart::Face, MOBILEFACE_SIDE)
    }

    /// A part of the picture scaled to a square of `side` pixels, without aliasing.
    pub fn part(&self, part: FacePart, side: u32) -> RgbImage {
        // Length of the part and middle of its top left pixel, in pixels of a crop whose pixels
        // lie `zoom` apart in the square.
        let (length, zoom, origin) = match part {
            FacePart::Face => (MOBILEFACE_SIDE, PAIR_ZOOM, CROP_ORIGIN),
            FacePart::Head => (PAIR_SIDE, 1.0, [0.0; 2]),
        };
        let step = f64::from(length) / f64::from(side);
        let zoom = f64::from(zoom);
        let shift = 0.5 * step - 0.5; // pixels are squares: their edges meet, not their middles
        let back = Similarity {
            a: zoom * step,
            b: 0.0,
            tx: f64::from(origin[0]) + zoom * shift,
            ty: f64::from(origin[1]) + zoom * shift,
        };
        resampled(&self.picture, &back, side)
    }
}

fn to_jpeg(picture: &RgbImage) -> Result<Vec<u8>, FaceError> {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| FaceError::PairFace { reason: format!("not to be encoded ({error})") })?;
    Ok(bytes)
}
