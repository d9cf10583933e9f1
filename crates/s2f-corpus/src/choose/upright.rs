//! Turns pictures upright that are on their side or upside down without a tag that says so.
//!
//! The detector finds some of the faces in such pictures, and puts the eyes where the mouth is. So
//! where the answer is poor, the picture is turned by quarters, and the best answer counts.

use std::borrow::Cow;

use image::RgbImage;
use image::imageops::{rotate90, rotate180, rotate270};
use s2f_face::{Detection, Detector, FaceError};

/// A face with this confidence is upright. Of portraits, videos and drawn faces, upright ones had
/// 0.93 to 0.96; the same turned by a quarter or a half had 0.77 to 0.92, and always less.
const SURE: f32 = 0.925;
/// Another turn has to be so much better, …
const BETTER: f32 = 0.015;
/// … and at least so good: faces in profile have less than that in every turn.
const CLEAR: f32 = 0.85;
/// Poor frames of a video for which other turns are tried; all frames are turned alike.
const TRIALS: usize = 6;
/// The line between the eyes is tilted by less than this in an upright face, as a slope.
const MAX_SLOPE: f32 = 1.0;

/// The quarter turns of the pictures of a clip.
#[derive(Debug, Default)]
pub(super) struct Upright {
    /// Quarters to turn clockwise, once they are known.
    quarters: u8,
    trials: usize,
}

/// An upright picture and its faces.
pub(super) struct Turned<'p> {
    pub(super) picture: Cow<'p, RgbImage>,
    pub(super) faces: Vec<Detection>,
    /// Quarters that it was turned clockwise.
    pub(super) quarters: u8,
    /// Whether these are not the quarters of the picture before.
    pub(super) is_new: bool,
}

impl Upright {
    /// Detects the faces of the next picture. The pictures of one video are turned `alike`.
    pub(super) fn detect<'p>(
        &mut self,
        detector: &Detector,
        picture: &'p RgbImage,
        alike: bool,
    ) -> Result<Turned<'p>, FaceError> {
        let before = if alike { self.quarters } else { 0 };
        let one = |quarters: u8| {
            let picture = turned(picture, quarters);
            let faces = detector.detect_coarse(&picture)?;
            Ok::<_, FaceError>(Turned { picture, faces, quarters, is_new: quarters != before })
        };
        let mut best = one(before)?;
        if confidence(&best.faces) >= SURE || alike && self.trials >= TRIALS {
            return Ok(best);
        }
        self.trials += 1;
        for quarters in (0..4).filter(|quarters| *quarters != before) {
            let other = one(quarters)?;
            // The picture's own way up is preferred.
            let margin = if best.quarters == before { BETTER } else { 0.0 };
            let found = confidence(&other.faces);
            if found >= CLEAR && found > confidence(&best.faces) + margin {
                best = other;
            }
        }
        self.quarters = best.quarters;
        Ok(best)
    }
}

/// The confidence of the best upright face.
fn confidence(faces: &[Detection]) -> f32 {
    faces.iter().filter(|face| is_upright(face)).map(|face| face.score).fold(0.0, f32::max)
}

/// Whether the eyes are side by side and above the mouth.
fn is_upright(face: &Detection) -> bool {
    let [left_eye, right_eye, _, left_mouth, right_mouth] = face.points;
    let (across, down) = (right_eye[0] - left_eye[0], right_eye[1] - left_eye[1]);
    let eyes = left_eye[1] + right_eye[1];
    across > 0.0 && down.abs() < MAX_SLOPE * across && left_mouth[1] + right_mouth[1] > eyes
}

/// A picture, turned clockwise.
fn turned(picture: &RgbImage, quarters: u8) -> Cow<'_, RgbImage> {
    match quarters {
        1 => Cow::Owned(rotate90(picture)),
        2 => Cow::Owned(rotate180(picture)),
        3 => Cow::Owned(rotate270(picture)),
        _ => Cow::Borrowed(picture),
    }
}

/// A point of a picture that was turned clockwise, as fractions of its width and height.
pub(super) fn turned_point([x, y]: [f32; 2], quarters: u8) -> [f32; 2] {
    match quarters {
        1 => [1.0 - y, x],
        2 => [1.0 - x, 1.0 - y],
        3 => [y, 1.0 - x],
        _ => [x, y],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_turned_like_its_picture() {
        let mut picture = RgbImage::new(8, 4);
        picture.put_pixel(6, 1, image::Rgb([255; 3]));
        // The centre of a pixel.
        let point = [6.5 / 8.0, 1.5 / 4.0];
        for quarters in 0..4 {
            let turned = turned(&picture, quarters);
            let [x, y] = turned_point(point, quarters);
            let place = [x * turned.width() as f32, y * turned.height() as f32];
            assert_eq!(turned.get_pixel(place[0] as u32, place[1] as u32).0, [255; 3]);
        }
    }
}
