//! One clip: from its sound to its pairs, or to the reason why it gives none.
//!
//! [`ClipProcessor::pair`] reads from top to bottom: sound → speech → frames → face → feature →
//! pair. Each step is one call and fails with a [`ClipError`].

use std::path::{Path, PathBuf};
use std::slice;

use s2f_audio::{Waveform, encode_flac};
use s2f_core::hash::{Digest, Sha256, sha256};
use s2f_face::{FaceEncoder, FaceError, PairFace, read_picture};
use s2f_pairs::{Pair, PairInfo, SplitTable};

use super::{PrepareSettings, PrepareTools};
use crate::CorpusError;
use crate::choose::{FaceChooser, FrameSource};
use crate::media::{self, FrameOptions, check_file};
use crate::plan::{Clip, FaceSource, Media, Plan};
use crate::reject::{ClipError, Reason, Rejected};

/// The result of a clip, or of a segment of one.
pub(super) enum ClipOutcome {
    Pair(Box<Pair>),
    Rejected(Rejected),
}

/// Makes pairs of clips. Shared by threads.
pub(super) struct ClipProcessor<'a> {
    pub(super) plan: &'a Plan,
    pub(super) settings: &'a PrepareSettings,
    pub(super) tools: &'a PrepareTools<'a>,
    pub(super) splits: &'a SplitTable,
}

/// The part of a clip that becomes one pair.
struct Segment<'a> {
    clip: &'a Clip,
    /// Index in the clip, from 0.
    number: usize,
    pair_id: String,
    sound: Media,
}

/// Where a segment is in its recording, as far as its result tells.
#[derive(Debug, PartialEq, Eq)]
enum Position {
    /// There may be another segment after it.
    Inner,
    /// There is none after it.
    Last,
    /// The recording ended before it.
    BeyondEnd,
}

/// Larger frames are scaled down to this longer side, pixels: a face that fills a quarter of such a
/// frame is stored without loss.
const LONGEST_SIDE_PX: u32 = 1280;

/// A segment that is shorter than the maximum by more than this is the last one, s: the padding of
/// codecs makes others a little shorter too.
const PADDING_S: f64 = 0.25;

impl ClipProcessor<'_> {
    /// The pairs of a clip, or why there are none.
    ///
    /// # Errors
    /// Only errors that must stop the whole run.
    pub(super) fn process(&self, clip: &Clip) -> Result<Vec<ClipOutcome>, CorpusError> {
        let Some(files) = self.tools.remote.files else { return self.outcomes(clip) };
        files.fetch(clip)?;
        let outcomes = self.outcomes(clip);
        files.release(clip)?;
        outcomes
    }

    fn outcomes(&self, clip: &Clip) -> Result<Vec<ClipOutcome>, CorpusError> {
        if !self.plan.layout.cuts_into_segments {
            let whole = Segment::whole(clip);
            return Ok(vec![self.outcome(&whole, self.pair(&whole))?]);
        }
        let mut outcomes = Vec::new();
        for number in 0..self.settings.max_segments {
            let segment = Segment::cut(clip, number, self.settings.max_voice_s);
            let result = self.pair(&segment);
            let position = self.position(number, &result);
            if position == Position::BeyondEnd {
                break;
            }
            outcomes.push(self.outcome(&segment, result)?);
            if position == Position::Last {
                break;
            }
        }
        Ok(outcomes)
    }

    /// The pair of a segment.
    fn pair(&self, segment: &Segment<'_>) -> Result<Pair, ClipError> {
        self.tools.check_cancelled()?;
        let mut faces = self.face_chooser(segment);
        let voice = self.sound(segment, &mut faces)?;
        self.check_speech(&voice)?;
        self.frames(segment, &voice, &mut faces)?;
        let face = faces.finish()?.face;
        let feature = feature(self.tools.encoder, &face)?;
        self.assemble(segment, &voice, &face, feature)
    }

    fn face_chooser(&self, segment: &Segment<'_>) -> FaceChooser<'_> {
        let source = match &segment.clip.face {
            FaceSource::Video { at: Some(point), .. } => FrameSource::VideoAt(*point),
            FaceSource::Video { at: None, .. } => FrameSource::Video,
            FaceSource::Pictures(_) => FrameSource::Pictures,
        };
        FaceChooser::new(self.tools.detector, self.settings.face_rules, source)
    }

    /// The sound. If the frames are in the same file, they are decoded in the same run of ffmpeg.
    fn sound<'s>(
        &'s self,
        segment: &Segment<'_>,
        faces: &mut FaceChooser<'s>,
    ) -> Result<Waveform, ClipError> {
        let (ffmpeg, max_s) = (self.tools.ffmpeg, self.settings.max_voice_s);
        if segment.has_frames_with_sound() {
            let options = self.frame_options(max_s);
            let found = media::sound_and_frames(ffmpeg, &segment.sound, &options, |frame| {
                faces.push(&frame)
            })?;
            if found.damage.is_some() {
                self.key_frames(segment, &segment.sound, &options, faces)?;
            }
            return Ok(found.sound);
        }
        media::sound(ffmpeg, &segment.sound, max_s)
    }

    /// Rejects a voice that is too short or contains too little speech.
    fn check_speech(&self, voice: &Waveform) -> Result<(), ClipError> {
        let seconds = voice.seconds();
        if seconds < self.settings.min_voice_s {
            let detail = format!("{seconds:.2} s of sound");
            return Err(ClipError::reject(Reason::TooShort, detail));
        }
        let speech_s = self.tools.speech.speech_seconds(voice).map_err(CorpusError::from)?;
        if speech_s < self.settings.min_speech_s {
            let detail = format!("{speech_s:.2} s of speech in {seconds:.2} s");
            return Err(ClipError::reject(Reason::NoSpeech, detail));
        }
        Ok(())
    }

    /// The frames or pictures, if they did not come with the sound.
    fn frames<'s>(
        &'s self,
        segment: &Segment<'_>,
        voice: &Waveform,
        faces: &mut FaceChooser<'s>,
    ) -> Result<(), ClipError> {
        match &segment.clip.face {
            FaceSource::Pictures(pictures) => self.pictures(segment, pictures, faces),
            FaceSource::Video { .. } if segment.has_frames_with_sound() => Ok(()),
            FaceSource::Video { media, .. } => {
                // The same segment, in the time of the other file.
                let start_s = media.start_s + (segment.sound.start_s - segment.clip.sound.start_s);
                let video = Media { file: media.file.clone(), start_s, end_s: None };
                let options = self.frame_options(voice.seconds());
                let ffmpeg = self.tools.ffmpeg;
                let found = media::frames(ffmpeg, &video, &options, |frame| faces.push(&frame))?;
                match found.damage {
                    Some(_) => self.key_frames(segment, &video, &options, faces),
                    None => Ok(()),
                }
            }
        }
    }

    /// Starts again with frames that did not have to be repaired.
    fn key_frames<'s>(
        &'s self,
        segment: &Segment<'_>,
        video: &Media,
        options: &FrameOptions,
        faces: &mut FaceChooser<'s>,
    ) -> Result<(), ClipError> {
        *faces = self.face_chooser(segment);
        media::key_frames(self.tools.ffmpeg, video, options, |frame| faces.push(&frame))?;
        Ok(())
    }

    /// Some of the pictures, spread evenly over all of them. The first one differs between
    /// segments, so that the clips of a session do not all get the same face.
    fn pictures(
        &self,
        segment: &Segment<'_>,
        pictures: &[PathBuf],
        faces: &mut FaceChooser<'_>,
    ) -> Result<(), ClipError> {
        let count = self.settings.max_pictures.min(pictures.len());
        let hash = Sha256::digest(format!("{}/{}", segment.clip.pair_id, segment.number));
        let first = usize::from(u16::from_le_bytes([hash[0], hash[1]]));
        for i in 0..count {
            let path = &pictures[(first + i * pictures.len() / count) % pictures.len()];
            match read_picture(path) {
                Ok(picture) if faces.push(&picture).is_break() => break,
                Ok(_) => {}
                Err(error) => {
                    check_file(path)?;
                    faces.skip_unreadable(error.to_string());
                }
            }
        }
        Ok(())
    }

    fn frame_options(&self, max_s: f64) -> FrameOptions {
        FrameOptions {
            max_s,
            frames_per_s: self.settings.frames_per_second,
            longest_side_px: LONGEST_SIDE_PX,
        }
    }

    fn assemble(
        &self,
        segment: &Segment<'_>,
        voice: &Waveform,
        face: &PairFace,
        feature: Vec<f32>,
    ) -> Result<Pair, ClipError> {
        let speaker_id = segment.clip.speaker_id.clone();
        let person = self.plan.people.get(&speaker_id).cloned().unwrap_or_default();
        let audio = encode_flac(voice).map_err(CorpusError::from)?;
        let info = PairInfo {
            pair_id: segment.pair_id.clone(),
            split: self.splits.split_of(&speaker_id),
            speaker_id,
            source: segment.clip.source.clone(),
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
            feature,
            face_space: self.tools.encoder.face_space().name.clone(),
        })
    }

    fn outcome(
        &self,
        segment: &Segment<'_>,
        result: Result<Pair, ClipError>,
    ) -> Result<ClipOutcome, CorpusError> {
        match result {
            Ok(pair) => Ok(ClipOutcome::Pair(Box::new(pair))),
            Err(ClipError::Rejected { reason, detail }) => Ok(ClipOutcome::Rejected(Rejected {
                pair_id: segment.pair_id.clone(),
                speaker_id: segment.clip.speaker_id.clone(),
                source: segment.clip.source.clone(),
                file: self.relative(&segment.clip.sound.file),
                reason,
                detail,
            })),
            Err(ClipError::Stop(error)) => Err(error),
        }
    }

    fn relative(&self, file: &Path) -> String {
        file.strip_prefix(&self.plan.root).unwrap_or(file).to_string_lossy().into_owned()
    }

    fn position(&self, number: usize, result: &Result<Pair, ClipError>) -> Position {
        match result {
            Ok(pair) if f64::from(pair.info.seconds) + PADDING_S < self.settings.max_voice_s => {
                Position::Last
            }
            // After its first segment, a recording may end anywhere.
            Err(ClipError::Rejected { reason: Reason::NoSound | Reason::TooShort, .. })
                if number > 0 =>
            {
                Position::BeyondEnd
            }
            Err(ClipError::Rejected { reason, .. }) if reason.applies_to_whole_file() => {
                Position::Last
            }
            _ => Position::Inner,
        }
    }
}

/// The feature of a face. A face without a usable one is rejected; an encoder that fails stops the
/// run.
fn feature(encoder: &dyn FaceEncoder, face: &PairFace) -> Result<Vec<f32>, ClipError> {
    let feature = match encoder.encode(slice::from_ref(face)) {
        Ok(features) => features.into_iter().next().unwrap_or_default(),
        Err(FaceError::BadFeature { reason, .. }) => {
            return Err(ClipError::reject(Reason::BadFeature, reason));
        }
        Err(error) => return Err(CorpusError::from(error).into()),
    };
    if feature.iter().all(|value| value.is_finite()) {
        Ok(feature)
    } else {
        Err(ClipError::reject(Reason::BadFeature, "a feature that is not finite"))
    }
}

impl<'a> Segment<'a> {
    /// All of a clip.
    fn whole(clip: &'a Clip) -> Self {
        Self { clip, number: 0, pair_id: clip.pair_id.clone(), sound: clip.sound.clone() }
    }

    /// Segment `number` of a clip that is cut into segments of `length_s`.
    fn cut(clip: &'a Clip, number: usize, length_s: f64) -> Self {
        let start_s = clip.sound.start_s + number as f64 * length_s;
        let end_s = Some(start_s + length_s);
        let pair_id = format!("{}_{number:05}", clip.pair_id);
        Self {
            clip,
            number,
            pair_id,
            sound: Media { file: clip.sound.file.clone(), start_s, end_s },
        }
    }

    /// Whether the frames are in the same part of the same file as the sound.
    fn has_frames_with_sound(&self) -> bool {
        matches!(&self.clip.face, FaceSource::Video { media, .. } if *media == self.clip.sound)
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use s2f_core::{FaceSpace, Normalisation};
    use s2f_face::PAIR_TEMPLATE;

    use super::*;

    /// A face encoder that always gives the same result.
    struct FixedEncoder(FaceSpace, Box<dyn Fn() -> Result<Vec<f32>, FaceError> + Send + Sync>);

    impl FaceEncoder for FixedEncoder {
        fn face_space(&self) -> &FaceSpace {
            &self.0
        }

        fn encode(&self, faces: &[PairFace]) -> Result<Vec<Vec<f32>>, FaceError> {
            faces.iter().map(|_| self.1()).collect()
        }
    }

    #[test]
    fn a_face_without_a_usable_feature_is_rejected_and_a_failing_encoder_stops_the_run() {
        let picture = RgbImage::from_pixel(224, 224, Rgb([128, 96, 80]));
        let face = PairFace::cut(&picture, &PAIR_TEMPLATE).unwrap();
        let of = |result: fn() -> Result<Vec<f32>, FaceError>| {
            let normalisation = Normalisation::None;
            let space =
                FaceSpace { name: "fixed".into(), dimension: 2, normalisation, traits: Vec::new() };
            feature(&FixedEncoder(space, Box::new(result)), &face)
        };
        assert_eq!(of(|| Ok(vec![0.5, -1.0])).unwrap(), [0.5, -1.0]);
        for rejected in [
            of(|| Ok(vec![0.5, f32::NAN])),
            of(|| Ok(vec![f32::INFINITY, 0.5])),
            of(|| Err(FaceError::BadFeature { space: "fixed".into(), reason: "NaN".into() })),
        ] {
            let Err(ClipError::Rejected { reason, .. }) = rejected else {
                panic!("{rejected:?} is no rejection");
            };
            assert_eq!(reason, Reason::BadFeature);
        }
        let failed = of(|| Err(FaceError::Encode { space: "fixed".into(), reason: "x".into() }));
        assert!(matches!(failed, Err(ClipError::Stop(CorpusError::Face(_)))), "{failed:?}");
    }
}
