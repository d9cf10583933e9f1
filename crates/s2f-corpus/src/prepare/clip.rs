//! One clip: its sound, its face, its feature; or the reason why not.

use s2f_audio::encode_flac;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::slice;

use s2f_audio::Waveform;
use s2f_core::hash::sha256;
use s2f_core::hash::{Digest, Sha256};
use s2f_face::{PairFace, read_picture};

use super::{Settings, Tools};
use crate::CorpusError;
use crate::choose::{FaceChooser, Scene};
use crate::layout::Layout;
use crate::media::{Take, gate};
use crate::plan::{Clip, FaceSource, Media, Plan};
use crate::reject::{Reason, Rejected, Trouble};
use s2f_pairs::{Pair, PairInfo, SplitTable};

/// What came of a clip, or of a piece of one.
pub(super) enum Outcome {
    Pair(Box<Pair>),
    Rejected(Rejected),
}

/// All that a clip is worked on with.
pub(super) struct Worker<'a> {
    pub(super) plan: &'a Plan,
    pub(super) settings: &'a Settings,
    pub(super) tools: &'a Tools<'a>,
    pub(super) splits: &'a SplitTable,
}

/// Larger frames are shrunk to this longer side, pixels: a face that fills a quarter of such a
/// frame is stored without loss.
const LONGEST_SIDE_PX: u32 = 1280;

/// What a piece must have beyond the shortest voice to be the last but one, s: codecs pad.
const PADDING_S: f64 = 0.25;

impl Worker<'_> {
    /// The pairs of a clip, or why there are none.
    ///
    /// # Errors
    /// Only what must stop the whole run.
    pub(super) fn process(&self, clip: &Clip) -> Result<Vec<Outcome>, CorpusError> {
        if self.plan.layout != Layout::Folder {
            return Ok(vec![self.outcome(clip, &clip.pair_id, self.pair(clip, &clip.sound, 0))?]);
        }
        let mut outcomes = Vec::new();
        for piece in 0..self.settings.pieces {
            let start_s = clip.sound.start_s + piece as f64 * self.settings.longest_s;
            let end_s = Some(start_s + self.settings.longest_s);
            let stretch = Media { file: clip.sound.file.clone(), start_s, end_s };
            let found = self.pair(clip, &stretch, piece);
            // Past its first piece a file may end anywhere.
            if piece > 0 && found.as_ref().is_err_and(is_end) {
                break;
            }
            let heard_s =
                found.as_ref().map_or(self.settings.longest_s, |it| it.info.seconds.into());
            let pair_id = format!("{}_{piece:05}", clip.pair_id);
            outcomes.push(self.outcome(clip, &pair_id, found)?);
            if heard_s + PADDING_S < self.settings.longest_s {
                break;
            }
            if matches!(
                outcomes.last(),
                Some(Outcome::Rejected(Rejected { reason, .. })) if reason.is_of_the_file()
            ) {
                break;
            }
        }
        Ok(outcomes)
    }

    fn outcome(
        &self,
        clip: &Clip,
        pair_id: &str,
        found: Result<Pair, Trouble>,
    ) -> Result<Outcome, CorpusError> {
        match found {
            Ok(mut pair) => {
                pair.info.pair_id = pair_id.to_owned();
                Ok(Outcome::Pair(Box::new(pair)))
            }
            Err(Trouble::Stop(error)) => Err(error),
            Err(Trouble::Reject { reason, detail }) => Ok(Outcome::Rejected(Rejected {
                pair_id: pair_id.to_owned(),
                speaker_id: clip.speaker_id.clone(),
                source: clip.source.clone(),
                file: self.relative(&clip.sound.file),
                reason,
                detail,
            })),
        }
    }

    fn relative(&self, file: &Path) -> String {
        file.strip_prefix(&self.plan.root).unwrap_or(file).to_string_lossy().into_owned()
    }

    /// The pair of one stretch, still under the clip's own name.
    fn pair(&self, clip: &Clip, stretch: &Media, piece: usize) -> Result<Pair, Trouble> {
        let (voice, face) = self.voice_and_face(clip, stretch, piece)?;
        let encoder = self.tools.encoder;
        let feature = encoder.encode(slice::from_ref(&face)).map_err(CorpusError::from)?;
        let audio = encode_flac(&voice).map_err(CorpusError::from)?;
        let person = self.plan.people.get(&clip.speaker_id).cloned().unwrap_or_default();
        let info = PairInfo {
            pair_id: clip.pair_id.clone(),
            speaker_id: clip.speaker_id.clone(),
            source: clip.source.clone(),
            split: self.splits.split_of(&clip.speaker_id),
            seconds: voice.seconds() as f32,
            sex: person.sex,
            age: person.age,
            language: person.language,
            licence: self.plan.licence.clone(),
            audio_sha256: sha256(&audio),
            face_sha256: sha256(face.jpeg()),
        };
        Ok(Pair {
            info,
            audio,
            face: face.jpeg().to_vec(),
            face_points: *face.points(),
            feature: feature.into_iter().next().unwrap_or_default(),
            face_space: encoder.face_space().name.clone(),
        })
    }

    fn voice_and_face(
        &self,
        clip: &Clip,
        stretch: &Media,
        piece: usize,
    ) -> Result<(Waveform, PairFace), Trouble> {
        let (media, at) = match &clip.face {
            FaceSource::Video { media, at } => (media, at),
            FaceSource::Pictures(pictures) => {
                let voice = self.tools.ffmpeg.sound(stretch, self.settings.longest_s)?;
                self.check_voice(&voice)?;
                let face = self.face_in_pictures(&clip.pair_id, pictures, piece)?;
                return Ok((voice, face));
            }
        };
        let scene = at.map_or(Scene::Video, Scene::At);
        let mut chooser = FaceChooser::new(self.tools.detector, self.settings.face, scene);
        let mut trouble = None;
        let look = |frame| match chooser.push(&frame) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                trouble = Some(error);
                ControlFlow::Break(())
            }
        };
        let mut take = Take {
            max_s: self.settings.longest_s,
            frames_per_s: self.settings.frames_per_second,
            longest_side_px: LONGEST_SIDE_PX,
        };
        let voice = if *media == clip.sound {
            let voice = self.tools.ffmpeg.sound_and_frames(stretch, &take, look)?;
            self.check_voice(&voice)?;
            voice
        } else {
            let voice = self.tools.ffmpeg.sound(stretch, self.settings.longest_s)?;
            self.check_voice(&voice)?;
            // The frames of that sound, in the video's own time.
            take.max_s = voice.seconds();
            let start_s = media.start_s + (stretch.start_s - clip.sound.start_s);
            let seen = Media { file: media.file.clone(), start_s, end_s: None };
            self.tools.ffmpeg.frames(&seen, &take, look)?;
            voice
        };
        match trouble {
            Some(error) => Err(error.into()),
            None => Ok((voice, chooser.finish()?.face)),
        }
    }

    /// Whether a voice is long enough, and somebody speaks.
    fn check_voice(&self, voice: &Waveform) -> Result<(), Trouble> {
        let seconds = voice.seconds();
        if seconds < self.settings.shortest_s {
            let detail = format!("{seconds:.2} s of sound");
            return Err(Trouble::reject(Reason::TooShort, detail));
        }
        let speech_s = self.tools.speech.speech_seconds(voice)?;
        if speech_s < self.settings.speech_s {
            let detail = format!("{speech_s:.2} s of speech in {seconds:.2} s");
            return Err(Trouble::reject(Reason::NoSpeech, detail));
        }
        Ok(())
    }

    /// The best face of some of the pictures: spread over all of them, and beginning elsewhere
    /// for each piece, so that the clips of a session do not all get the same face.
    fn face_in_pictures(
        &self,
        pair_id: &str,
        pictures: &[PathBuf],
        piece: usize,
    ) -> Result<PairFace, Trouble> {
        let mut chooser =
            FaceChooser::new(self.tools.detector, self.settings.face, Scene::Pictures);
        let mut unreadable = None;
        let looked_at = self.settings.pictures.min(pictures.len());
        let hash = Sha256::digest(format!("{pair_id}/{piece}"));
        let first = usize::from(u16::from_le_bytes([hash[0], hash[1]]));
        for i in 0..looked_at {
            let path = &pictures[(first + i * pictures.len() / looked_at) % pictures.len()];
            match read_picture(path) {
                Ok(picture) => chooser.push(&picture)?,
                Err(error) => {
                    gate(path)?;
                    unreadable = Some(error);
                }
            }
        }
        match (chooser.finish(), unreadable) {
            (Err(Trouble::Reject { reason: Reason::NoFace, .. }), Some(error)) => {
                Err(Trouble::reject(Reason::NoPicture, error.to_string()))
            }
            (chosen, _) => Ok(chosen?.face),
        }
    }
}

/// Whether a piece says that its file was over.
fn is_end(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Reject { reason, .. }
        if matches!(reason, Reason::NoSound | Reason::TooShort))
}
