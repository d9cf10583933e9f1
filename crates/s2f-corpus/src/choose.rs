//! Chooses the face of a pair: which person of a clip, and which frame shows them best.
//!
//! Faces that are too small, turned away or blurred are rejected here, by [`FaceRules`].

mod cutout;
#[cfg(test)]
mod tests;
mod track;
mod upright;

use std::ops::ControlFlow;

use image::RgbImage;
use s2f_face::{Detection, Detector, PairFace};
use serde::{Deserialize, Serialize};
use track::{Track, centre, longer_side};
use upright::{Turned, Upright, turned_point};

use crate::CorpusError;
use crate::reject::{ClipError, Reason};

/// Requirements that a face must meet.
///
/// The defaults come from degrading portraits and videos and measuring the effect on the MobileFace
/// feature. The feature of a face scaled down to a side of 48 pixels has a cosine of 0.92 with that
/// of the original, about the same as two frames of a video (0.88); at 32 pixels it is 0.74. Good
/// faces have a sharpness of 0.23 to 0.75; blurred to 0.08 the cosine is about 0.75, and at 0.02 it
/// is below 0.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceRules {
    /// Minimum side of the square from forehead to chin, about three times the distance between
    /// the eyes, in pixels of the video or picture; smaller faces are
    /// [`Reason::FaceTooSmall`].
    pub min_side_px: f32,
    /// Maximum angle between the direction of the face and the direction to the camera, degrees;
    /// faces beyond it are [`Reason::TurnedAway`].
    pub max_turn_deg: f32,
    /// Minimum [`s2f_face::sharpness`]; faces below it are [`Reason::Blurred`].
    pub min_sharpness: f32,
    /// Maximum distance between the centre of a face and the point that the corpus states, as a
    /// fraction of the longer side of the face's box; beyond it, [`Reason::NoFaceAtPoint`].
    #[serde(alias = "reach")]
    pub max_point_distance: f32,
    /// A second face with at least this fraction of the main face's side counts as a second
    /// person, which gives [`Reason::SeveralFaces`]; smaller ones are bystanders.
    #[serde(alias = "comparable")]
    pub second_face_ratio: f32,
}

impl Default for FaceRules {
    fn default() -> Self {
        Self {
            min_side_px: 48.0,
            max_turn_deg: 40.0,
            min_sharpness: 0.08,
            max_point_distance: 0.75,
            second_face_ratio: 0.6,
        }
    }
}

/// Where the pictures of a clip come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FrameSource {
    /// Frames of a video in time order, with the centre of the speaker's face in the first one as
    /// fractions of width and height.
    VideoAt([f32; 2]),
    /// Frames in time order of a video that shows one person.
    Video,
    /// Pictures of one person, in any order.
    Pictures,
}

/// The chosen face.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenFace {
    /// The aligned face.
    pub face: PairFace,
    /// Index of its picture, from 0.
    pub frame: usize,
    /// Number of pictures that show this person.
    pub seen: usize,
    /// How well that picture shows the face.
    pub quality: FaceQuality,
}

/// How well a picture shows a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceQuality {
    /// As [`FaceRules::min_side_px`].
    pub side_px: f32,
    /// As [`FaceRules::max_turn_deg`].
    pub turn_deg: f32,
    /// As [`FaceRules::min_sharpness`].
    pub sharpness: f32,
}

impl FaceQuality {
    /// The score by which the best picture is chosen, 0 to 1: the product of size, frontality and
    /// sharpness.
    ///
    /// The size saturates at the size of a face in a pair, where more pixels would not be stored.
    pub fn score(&self) -> f32 {
        const LARGE_PX: f32 = s2f_face::PAIR_ZOOM * s2f_face::MOBILEFACE_SIDE as f32; // 149.3
        const SHARP: f32 = 0.1;
        let size = (self.side_px / LARGE_PX).min(1.0);
        let frontality = self.turn_deg.to_radians().cos().max(0.0);
        size * frontality * self.sharpness / (self.sharpness + SHARP)
    }
}

/// The speaker's face must be at the stated point in one of the first frames: the very first may be
/// a fade or a blink.
const FIRST_FRAMES: usize = 3;

/// Maximum number of people that are tracked at once; the least prominent ones are dropped.
const MAX_TRACKS: usize = 8;

/// Receives the pictures of one clip, one after the other, and keeps the best face.
///
/// In a video, a person is followed from frame to frame by position and size, so another person at
/// the same place after a cut counts as the same one. Of several people, the one who is visible
/// longest and largest is chosen, unless another of [similar](FaceRules::second_face_ratio) size is
/// visible most of that time.
///
/// Memory: one crop per followed person, plus a few bytes per frame.
pub struct FaceChooser<'a> {
    detector: &'a Detector,
    rules: FaceRules,
    source: FrameSource,
    frames: usize,
    with_faces: usize,
    tracks: Vec<Track>,
    /// For [`FrameSource::VideoAt`]: where the nearest face was, as fractions of the picture.
    nearest: Option<[f32; 2]>,
    /// Which way up the pictures are.
    upright: Upright,
    /// Why the last of the unreadable pictures could not be read.
    unreadable: Option<String>,
    /// Why the detector failed.
    failed: Option<CorpusError>,
}

impl<'a> FaceChooser<'a> {
    /// A chooser for one clip.
    pub fn new(detector: &'a Detector, rules: FaceRules, source: FrameSource) -> Self {
        Self {
            detector,
            rules,
            source,
            frames: 0,
            with_faces: 0,
            tracks: Vec::new(),
            nearest: None,
            upright: Upright::default(),
            unreadable: None,
            failed: None,
        }
    }

    /// Adds the next picture. Breaks if the detector failed, which [`finish`](Self::finish)
    /// reports.
    pub fn push(&mut self, picture: &RgbImage) -> ControlFlow<()> {
        let frame = self.frames;
        self.frames += 1;
        let is_video = self.source != FrameSource::Pictures;
        let turned = match self.upright.detect(self.detector, picture, is_video) {
            Ok(turned) => turned,
            Err(error) => {
                self.failed.get_or_insert(error.into());
                return ControlFlow::Break(());
            }
        };
        let Turned { picture, mut faces, quarters, is_new } = turned;
        if is_video && is_new {
            // What was found in the frames before was found in pictures that were not upright.
            self.tracks.clear();
        }
        faces.sort_by(|a, b| longer_side(b).total_cmp(&longer_side(a)));
        self.with_faces += usize::from(!faces.is_empty());
        match self.source {
            FrameSource::VideoAt(point) => {
                self.push_at(&picture, frame, &faces, turned_point(point, quarters));
            }
            FrameSource::Video => self.push_video(&picture, frame, &faces),
            FrameSource::Pictures => self.push_picture(&picture, frame, &faces),
        }
        ControlFlow::Continue(())
    }

    /// Notes a picture that cannot be read. If the others show no face, this is the reason.
    pub fn skip_unreadable(&mut self, why: String) {
        self.unreadable = Some(why);
    }

    /// The best face of the person.
    ///
    /// # Errors
    /// [`ClipError::Rejected`] with the reason why there is none and the best values measured,
    /// [`ClipError::Stop`] if the detector failed.
    pub fn finish(mut self) -> Result<ChosenFace, ClipError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let frames = self.frames;
        if frames == 0 {
            let why = self.unreadable.unwrap_or_else(|| "no picture was read".to_owned());
            return Err(ClipError::reject(Reason::NoPicture, why));
        }
        if self.with_faces == 0 {
            return Err(self.no_face(format!("no face in {frames} pictures")));
        }
        // The first of equal ones: tracks are in the order of their first frames.
        let main = (0..self.tracks.len())
            .rev()
            .max_by(|&a, &b| self.tracks[a].presence().total_cmp(&self.tracks[b].presence()));
        let Some(main) = main else { return Err(self.nobody_at_the_point()) };
        let track = self.tracks.swap_remove(main);
        let crowded = track.crowded();
        if 2 * crowded > track.seen() {
            let detail = format!(
                "another face at least {} times as large in {crowded} of {} pictures",
                self.rules.second_face_ratio,
                track.seen()
            );
            return Err(ClipError::reject(Reason::SeveralFaces, detail));
        }
        track.choose(self.detector, &self.rules)
    }

    fn no_face(&self, detail: String) -> ClipError {
        match &self.unreadable {
            Some(why) => ClipError::reject(Reason::NoPicture, why.clone()),
            None => ClipError::reject(Reason::NoFace, detail),
        }
    }

    fn nobody_at_the_point(&self) -> ClipError {
        let FrameSource::VideoAt([x, y]) = self.source else {
            return self.no_face("no face whose points make sense".to_owned());
        };
        let seen = match self.nearest {
            Some([x, y]) => format!("the nearest at ({x:.2}, {y:.2})"),
            None => "faces only later".to_owned(),
        };
        let first = self.frames.min(FIRST_FRAMES);
        let detail = format!("no face at ({x:.2}, {y:.2}) in the first {first} pictures, {seen}");
        ClipError::reject(Reason::NoFaceAtPoint, detail)
    }

    fn push_at(&mut self, picture: &RgbImage, frame: usize, faces: &[Detection], [x, y]: [f32; 2]) {
        let size = [picture.width() as f32, picture.height() as f32];
        if let Some(track) = self.tracks.first_mut() {
            if let Some(next) = track.next(frame, faces) {
                track.add(picture, frame, &faces[next], false, &self.rules);
            }
        } else if frame < FIRST_FRAMES {
            let point = [x * size[0], y * size[1]];
            let distance = |face: &Detection| {
                let [x, y] = centre(face);
                (x - point[0]).hypot(y - point[1])
            };
            let nearest = faces.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let Some(face) = nearest else { return };
            if distance(face) <= self.rules.max_point_distance * longer_side(face) {
                let mut track = Track::default();
                track.add(picture, frame, face, false, &self.rules);
                self.tracks.push(track);
            } else {
                let [x, y] = centre(face);
                self.nearest.get_or_insert([x / size[0], y / size[1]]);
            }
        }
    }

    fn push_video(&mut self, picture: &RgbImage, frame: usize, faces: &[Detection]) {
        let mut free: Vec<usize> = (0..faces.len().min(MAX_TRACKS)).collect();
        for track in &mut self.tracks {
            let candidates: Vec<Detection> = free.iter().map(|&index| faces[index]).collect();
            if let Some(next) = track.next(frame, &candidates) {
                let index = free.remove(next);
                let crowded = self.rules.is_crowded(faces, index);
                track.add(picture, frame, &faces[index], crowded, &self.rules);
            }
        }
        for index in free {
            if self.tracks.len() == MAX_TRACKS {
                let least = (0..MAX_TRACKS).min_by(|&a, &b| {
                    self.tracks[a].presence().total_cmp(&self.tracks[b].presence())
                });
                least.map(|least| self.tracks.remove(least));
            }
            let mut track = Track::default();
            let crowded = self.rules.is_crowded(faces, index);
            track.add(picture, frame, &faces[index], crowded, &self.rules);
            self.tracks.push(track);
        }
    }

    /// The largest face of each picture; pictures in any order cannot be followed.
    fn push_picture(&mut self, picture: &RgbImage, frame: usize, faces: &[Detection]) {
        let Some(face) = faces.first() else { return };
        if self.tracks.is_empty() {
            self.tracks.push(Track::default());
        }
        if let Some(track) = self.tracks.first_mut() {
            track.add(picture, frame, face, self.rules.is_crowded(faces, 0), &self.rules);
        }
    }
}

impl FaceRules {
    /// Whether another face is about as large as this one, or larger.
    fn is_crowded(&self, faces: &[Detection], index: usize) -> bool {
        let side = longer_side(&faces[index]);
        let others = faces.iter().enumerate().filter(|&(other, _)| other != index);
        others.into_iter().any(|(_, other)| longer_side(other) >= self.second_face_ratio * side)
    }
}
