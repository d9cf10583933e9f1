//! Which face of a clip becomes the pair's: one person, and the frame that shows them best.

mod cutout;
#[cfg(test)]
mod tests;
mod track;

use image::RgbImage;
use s2f_face::{Detection, Detector, PairFace};
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::reject::{Reason, Trouble};
use track::{Track, centre, longer_side};

/// What a face has to be like.
///
/// The defaults are from portraits and videos spoilt on purpose, by what it does to MobileFace's
/// feature. A face shrunk to a side of 48 pixels has a cosine of 0.92 with itself, about that of
/// two frames of a video (0.88); at 32 pixels it is 0.74. Sound faces have a sharpness from 0.23 to
/// 0.75; blurred until it is 0.08 the cosine is about 0.75, and at 0.02 it is below 0.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceRules {
    /// Smallest side of the part from forehead to chin, about three times the distance of the
    /// eyes, in pixels of the video or picture.
    pub min_side_px: f32,
    /// Largest angle between the face and the line to the camera, in degrees.
    pub max_turn_deg: f32,
    /// Smallest sharpness, as [`s2f_face::sharpness`] measures it.
    pub min_sharpness: f32,
    /// How far the middle of a face may lie from the point that the corpus states, as a share of
    /// the longer side of the face's box.
    pub reach: f32,
    /// A second face counts from this share of the main face's side; smaller ones are bystanders.
    pub comparable: f32,
}

impl Default for FaceRules {
    fn default() -> Self {
        Self {
            min_side_px: 48.0,
            max_turn_deg: 40.0,
            min_sharpness: 0.08,
            reach: 0.75,
            comparable: 0.6,
        }
    }
}

/// How the pictures of a clip hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scene {
    /// Frames of a video in time order; the speaker's face has its middle here in the first one,
    /// as a share of width and height.
    At([f32; 2]),
    /// Frames of a video in time order that shows one person.
    Video,
    /// Pictures of one person, taken at any time.
    Pictures,
}

/// The face that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenFace {
    /// The aligned face.
    pub face: PairFace,
    /// Which of the pushed pictures it is from, from 0.
    pub frame: usize,
    /// In how many of the pictures this person was seen.
    pub seen: usize,
    /// How well the face is seen in that picture.
    pub looks: Looks,
}

/// How well a face is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looks {
    /// As [`FaceRules::min_side_px`].
    pub side_px: f32,
    /// As [`FaceRules::max_turn_deg`].
    pub turn_deg: f32,
    /// As [`FaceRules::min_sharpness`].
    pub sharpness: f32,
}

impl Looks {
    /// What pictures are compared by, from 0 to 1: the product of size, frontality and sharpness.
    ///
    /// A face counts as large from the size at which a pair shows it, which is where more pixels
    /// give nothing more to store.
    pub fn score(&self) -> f32 {
        const LARGE_PX: f32 = s2f_face::PAIR_ZOOM * s2f_face::MOBILEFACE_SIDE as f32; // 149.3
        const SHARP: f32 = 0.1;
        let size = (self.side_px / LARGE_PX).min(1.0);
        let frontality = self.turn_deg.to_radians().cos().max(0.0);
        size * frontality * self.sharpness / (self.sharpness + SHARP)
    }
}

/// The speaker's face may be found at the stated point as late as in this frame: the first one may
/// be a fade or a blink.
const FIRST_FRAMES: usize = 3;

/// Persons kept in mind at once; the least seen make room.
const MAX_TRACKS: usize = 8;

/// Looks at the pictures of one clip, one after the other, and keeps the best face.
///
/// In a video a person is followed by nearness from frame to frame. Who cannot be told apart this
/// way is not: somebody else at the same place after a cut passes for the same person. Of several
/// people the one who is seen longest and largest is taken, unless another of
/// [comparable](FaceRules::comparable) size is there most of that time.
///
/// Memory holds one piece of a picture for each of a few people; it grows only by some bytes a
/// frame.
pub struct FaceChooser<'a> {
    detector: &'a Detector,
    rules: FaceRules,
    scene: Scene,
    frames: usize,
    with_faces: usize,
    tracks: Vec<Track>,
    /// For [`Scene::At`]: where the nearest face was, as a share of the picture.
    nearest: Option<[f32; 2]>,
}

impl<'a> FaceChooser<'a> {
    /// A chooser for one clip.
    pub fn new(detector: &'a Detector, rules: FaceRules, scene: Scene) -> Self {
        Self { detector, rules, scene, frames: 0, with_faces: 0, tracks: Vec::new(), nearest: None }
    }

    /// Looks at the next picture.
    ///
    /// # Errors
    /// [`CorpusError::Face`] where the detector does not run.
    pub fn push(&mut self, picture: &RgbImage) -> Result<(), CorpusError> {
        let frame = self.frames;
        self.frames += 1;
        let mut faces = self.detector.detect_coarse(picture)?;
        faces.sort_by(|a, b| longer_side(b).total_cmp(&longer_side(a)));
        self.with_faces += usize::from(!faces.is_empty());
        match self.scene {
            Scene::At(point) => self.push_at(picture, frame, &faces, point),
            Scene::Video => self.push_video(picture, frame, &faces),
            Scene::Pictures => self.push_picture(picture, frame, &faces),
        }
        Ok(())
    }

    /// The best picture of the person.
    ///
    /// # Errors
    /// [`Trouble::Reject`] with the reason why no picture will do and the numbers seen,
    /// [`Trouble::Stop`] where the detector does not run.
    pub fn finish(mut self) -> Result<ChosenFace, Trouble> {
        let frames = self.frames;
        if frames == 0 {
            return Err(Trouble::reject(Reason::NoPicture, "no picture was read"));
        }
        if self.with_faces == 0 {
            return Err(Trouble::reject(Reason::NoFace, format!("no face in {frames} pictures")));
        }
        // Of equals the first: the order of tracks is that of their first frames.
        let main = (0..self.tracks.len())
            .rev()
            .max_by(|&a, &b| self.tracks[a].presence().total_cmp(&self.tracks[b].presence()));
        let Some(main) = main else { return Err(self.nobody_at_the_point()) };
        let track = self.tracks.swap_remove(main);
        let crowded = track.crowded();
        if 2 * crowded > track.seen() {
            let detail = format!(
                "another face at least {} times as large in {crowded} of {} pictures",
                self.rules.comparable,
                track.seen()
            );
            return Err(Trouble::reject(Reason::SeveralFaces, detail));
        }
        track.choose(self.detector, &self.rules)
    }

    fn nobody_at_the_point(&self) -> Trouble {
        let Scene::At([x, y]) = self.scene else {
            return Trouble::reject(Reason::NoFace, "no face whose points make sense");
        };
        let seen = match self.nearest {
            Some([x, y]) => format!("the nearest at ({x:.2}, {y:.2})"),
            None => "faces only later".to_owned(),
        };
        let first = self.frames.min(FIRST_FRAMES);
        let detail = format!("no face at ({x:.2}, {y:.2}) in the first {first} pictures, {seen}");
        Trouble::reject(Reason::NoFaceAtPoint, detail)
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
            if distance(face) <= self.rules.reach * longer_side(face) {
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

    /// The largest face of each picture; there is nothing to follow.
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
    /// Whether another of the faces is about as large as this one, or larger.
    fn is_crowded(&self, faces: &[Detection], index: usize) -> bool {
        let side = longer_side(&faces[index]);
        let others = faces.iter().enumerate().filter(|&(other, _)| other != index);
        others.into_iter().any(|(_, other)| longer_side(other) >= self.comparable * side)
    }
}
