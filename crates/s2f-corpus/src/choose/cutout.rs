//! The part of a picture around a face, kept until the best picture is known.

use image::RgbImage;
use image::imageops::crop_imm;
use s2f_face::{Detection, Detector, FaceError, PairFace};

/// Half the side of what is kept, in sides of the face. The square of a pair has 1.5 sides and may
/// be rotated, so its corners are 1.06 sides from its centre, which differs a little from the
/// centre of the face; the rest is for the filter and for landmarks that move when refined.
const REACH: f32 = 1.5;

/// A part of a picture with a face in it, and the face's position.
pub(super) struct Cutout {
    picture: RgbImage,
    face: Detection,
}

impl Cutout {
    /// The surroundings of a face whose square from forehead to chin has this side.
    pub(super) fn new(picture: &RgbImage, face: &Detection, side_px: f32) -> Self {
        let (width, height) = picture.dimensions();
        let [x, y] = face.points[2];
        let first = |middle: f32, length: u32| {
            (middle - REACH * side_px).floor().clamp(0.0, (length - 1) as f32) as u32
        };
        let after = |middle: f32, length: u32, first: u32| {
            (middle + REACH * side_px).ceil().clamp((first + 1) as f32, length as f32) as u32
        };
        let (left, top) = (first(x, width), first(y, height));
        let (right, bottom) = (after(x, width, left), after(y, height, top));
        let part = crop_imm(picture, left, top, right - left, bottom - top).to_image();
        Self { picture: part, face: face.shifted([-(left as f32), -(top as f32)]) }
    }

    /// The aligned face, with landmarks detected at full resolution.
    pub(super) fn face(&self, detector: &Detector) -> Result<PairFace, FaceError> {
        let face = detector.refine(&self.picture, &self.face)?;
        PairFace::cut(&self.picture, &face.points)
    }
}
