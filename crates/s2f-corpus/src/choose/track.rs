//! One person through the pictures of a clip.

use image::RgbImage;
use s2f_face::{Detection, Detector, HeadPose, face_side, sharpness};

use super::cutout::Cutout;
use super::{ChosenFace, FaceRules, Looks};
use crate::CorpusError;
use crate::reject::{Reason, Trouble};

/// From one frame to the next a face moves at most this share of its size; two heads side by side
/// are further apart.
const LONGEST_WAY: f32 = 0.75;

/// And grows or shrinks at most by this factor.
const LARGEST_GROWTH: f32 = 1.6;

/// Frames in which a face may be missed before it counts as gone.
const LONGEST_GAP: usize = 3;

/// One person through the pictures of a clip: where they were last, and the best picture.
#[derive(Default)]
pub(super) struct Track {
    last: Option<(usize, Detection)>,
    seen: usize,
    /// Sum of the sides over the pictures, pixels.
    presence: f32,
    crowded: usize,
    /// The best picture that keeps the rules, and its frame.
    best: Option<(Best, usize)>,
    /// The best numbers of all, each among the pictures that keep the rules before it.
    largest_px: f32,
    least_turn_deg: Option<f32>,
    sharpest: Option<f32>,
}

struct Best {
    looks: Looks,
    cutout: Cutout,
}

impl Track {
    /// Which of the faces of a frame is this person: the nearest, where it is near enough.
    pub(super) fn next(&self, frame: usize, faces: &[Detection]) -> Option<usize> {
        let (last_frame, last) = self.last.as_ref()?;
        if frame - last_frame > LONGEST_GAP + 1 {
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
            distance(face) <= LONGEST_WAY * side
                && (1.0 / LARGEST_GROWTH..=LARGEST_GROWTH).contains(&growth)
        };
        (0..faces.len())
            .filter(|&index| near(&faces[index]))
            .min_by(|&a, &b| distance(&faces[a]).total_cmp(&distance(&faces[b])))
    }

    /// The person's face in another picture; `crowded` where others are about as large.
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
        // Points that coincide show no face.
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
        let looks = Looks { side_px, turn_deg, sharpness };
        let beaten =
            self.best.as_ref().is_some_and(|(best, _)| best.looks.score() >= looks.score());
        if sharpness >= rules.min_sharpness && !beaten {
            self.best = Some((Best { looks, cutout: Cutout::new(picture, face, side_px) }, frame));
        }
    }

    /// Pictures that show the person.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Those of them in which others are about as large.
    pub(super) fn crowded(&self) -> usize {
        self.crowded
    }

    /// How long and how large the person is seen.
    pub(super) fn presence(&self) -> f32 {
        self.presence
    }

    /// The best picture, its points found anew at full size.
    pub(super) fn choose(
        self,
        detector: &Detector,
        rules: &FaceRules,
    ) -> Result<ChosenFace, Trouble> {
        let seen = self.seen;
        let Some((best, frame)) = self.best else {
            let FaceRules { min_side_px, max_turn_deg, min_sharpness, .. } = rules;
            let largest = self.largest_px;
            let (reason, detail) = match (self.least_turn_deg, self.sharpest) {
                (None, _) => (
                    Reason::FaceTooSmall,
                    format!("{largest:.0} px at best, {min_side_px:.0} are needed"),
                ),
                (Some(least), None) => (
                    Reason::TurnedAway,
                    format!(
                        "turned by {least:.0} degrees at best, up to {max_turn_deg:.0} will do"
                    ),
                ),
                (_, Some(sharpest)) => (
                    Reason::Blurred,
                    format!("sharpness {sharpest:.4} at best, {min_sharpness:.4} is needed"),
                ),
            };
            return Err(Trouble::reject(reason, format!("{detail}; {seen} pictures")));
        };
        let face = best.cutout.face(detector).map_err(CorpusError::from)?;
        Ok(ChosenFace { face, frame, seen, looks: best.looks })
    }
}

/// The middle of a face's box.
pub(super) fn centre(face: &Detection) -> [f32; 2] {
    let [x, y, width, height] = face.rect;
    [x + 0.5 * width, y + 0.5 * height]
}

/// The longer side of a face's box.
pub(super) fn longer_side(face: &Detection) -> f32 {
    face.rect[2].max(face.rect[3])
}
