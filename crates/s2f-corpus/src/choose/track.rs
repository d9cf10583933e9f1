//! One person, followed through the pictures of a clip. Here faces that are too small, turned away
//! or blurred are rejected.

use image::RgbImage;
use s2f_face::{Detection, Detector, HeadPose, face_side, sharpness};

use super::cutout::Cutout;
use super::{ChosenFace, FaceQuality, FaceRules};
use crate::CorpusError;
use crate::reject::{ClipError, Reason};

/// From one frame to the next, a face moves at most by this fraction of its size; two heads side by
/// side are further apart.
const MAX_MOVE: f32 = 0.75;

/// From one frame to the next, a face grows or shrinks at most by this factor.
const MAX_GROWTH: f32 = 1.6;

/// Maximum number of successive frames without the face before the person counts as gone.
const MAX_GAP: usize = 3;

/// One person, followed through the pictures of a clip: their last position and the best picture.
#[derive(Default)]
pub(super) struct Track {
    last: Option<(usize, Detection)>,
    seen: usize,
    /// Sum of the face's side over the pictures, pixels.
    presence: f32,
    crowded: usize,
    /// The best picture that meets the rules, and its frame.
    best: Option<(Best, usize)>,
    /// The best value of each property, among the pictures that meet the rules before it.
    largest_px: f32,
    least_turn_deg: Option<f32>,
    sharpest: Option<f32>,
}

struct Best {
    quality: FaceQuality,
    cutout: Cutout,
}

impl Track {
    /// Index of the face that is this person: the nearest one, if it is near enough.
    pub(super) fn next(&self, frame: usize, faces: &[Detection]) -> Option<usize> {
        let (last_frame, last) = self.last.as_ref()?;
        if frame - last_frame > MAX_GAP + 1 {
            return None;
        }
        let [x, y] = centre(last);
        let side = longer_side(last);
        let distance = |face: &Detection| {
            let [face_x, face_y] = centre(face);
            (face_x - x).hypot(face_y - y)
        };
        let near = |face: &Detection| {
            let growth = longer_side(face) / side;
            distance(face) <= MAX_MOVE * side && (1.0 / MAX_GROWTH..=MAX_GROWTH).contains(&growth)
        };
        (0..faces.len())
            .filter(|&index| near(&faces[index]))
            .min_by(|&a, &b| distance(&faces[a]).total_cmp(&distance(&faces[b])))
    }

    /// Adds the person's face in another picture; `crowded` if another face is about as large.
    pub(super) fn add(
        &mut self,
        picture: &RgbImage,
        frame: usize,
        face: &Detection,
        crowded: bool,
        rules: &FaceRules,
    ) {
        self.last = Some((frame, *face));
        self.seen += 1;
        self.presence += longer_side(face);
        self.crowded += usize::from(crowded);
        // Landmarks that coincide are not a face.
        let (Ok(side_px), Ok(turn)) = (face_side(&face.points), HeadPose::of(&face.points)) else {
            return;
        };
        let turn_deg = turn.angle_deg;
        self.largest_px = self.largest_px.max(side_px);
        if side_px < rules.min_side_px {
            return;
        }
        self.least_turn_deg = Some(self.least_turn_deg.unwrap_or(turn_deg).min(turn_deg));
        if turn_deg > rules.max_turn_deg {
            return;
        }
        let Ok(sharpness) = sharpness(picture, &face.points) else { return };
        self.sharpest = Some(self.sharpest.unwrap_or(sharpness).max(sharpness));
        let quality = FaceQuality { side_px, turn_deg, sharpness };
        let beaten =
            self.best.as_ref().is_some_and(|(best, _)| best.quality.score() >= quality.score());
        if sharpness >= rules.min_sharpness && !beaten {
            self.best =
                Some((Best { quality, cutout: Cutout::new(picture, face, side_px) }, frame));
        }
    }

    /// Number of pictures that show the person.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Number of those in which another face is about as large.
    pub(super) fn crowded(&self) -> usize {
        self.crowded
    }

    /// Sum of the face's side over the pictures: how long and how large the person is visible.
    pub(super) fn presence(&self) -> f32 {
        self.presence
    }

    /// The best face, with its landmarks refined at full resolution; or the rule that no picture
    /// meets.
    pub(super) fn choose(
        self,
        detector: &Detector,
        rules: &FaceRules,
    ) -> Result<ChosenFace, ClipError> {
        let seen = self.seen;
        let Some((best, frame)) = self.best else {
            let FaceRules { min_side_px, max_turn_deg, min_sharpness, .. } = rules;
            let largest = self.largest_px;
            let (reason, detail) = match (self.least_turn_deg, self.sharpest) {
                (None, _) => (
                    Reason::FaceTooSmall,
                    format!("largest face {largest:.0} px, minimum {min_side_px:.0} px"),
                ),
                (Some(least), None) => (
                    Reason::TurnedAway,
                    format!("smallest head angle {least:.0}°, the limit is {max_turn_deg:.0}°"),
                ),
                (_, Some(sharpest)) => (
                    Reason::Blurred,
                    format!("sharpness {sharpest:.4} at best, {min_sharpness:.4} is needed"),
                ),
            };
            return Err(ClipError::reject(reason, format!("{detail}; {seen} pictures")));
        };
        let face = best.cutout.face(detector).map_err(CorpusError::from)?;
        Ok(ChosenFace { face, frame, seen, quality: best.quality })
    }
}

/// The centre of a face's box.
pub(super) fn centre(face: &Detection) -> [f32; 2] {
    let [x, y, width, height] = face.rect;
    [x + 0.5 * width, y + 0.5 * height]
}

/// The longer side of a face's box.
pub(super) fn longer_side(face: &Detection) -> f32 {
    face.rect[2].max(face.rect[3])
}
