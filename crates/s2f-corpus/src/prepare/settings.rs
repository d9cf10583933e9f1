//! How clips become pairs: what a user can set.

use std::collections::BTreeMap;

use s2f_audio::Waveform;
use s2f_pairs::Shares;
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::choose::FaceRules;

/// How clips become pairs. The settings are recorded in `prepare.json`, and a run can only be
/// resumed with the same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepareSettings {
    /// Video frames to sample per second.
    pub frames_per_second: f64,
    /// Minimum length of a voice, s.
    #[serde(alias = "shortest_s")]
    pub min_voice_s: f64,
    /// Maximum length of a voice, s: longer clips are truncated; recordings that no table cuts
    /// into clips are cut into segments of this length.
    #[serde(alias = "longest_s")]
    pub max_voice_s: f64,
    /// Minimum speech in a clip, s.
    #[serde(alias = "speech_s")]
    pub min_speech_s: f64,
    /// Maximum number of segments of one recording.
    #[serde(alias = "pieces")]
    pub max_segments: usize,
    /// Maximum number of pictures to examine per clip, if the faces are pictures.
    #[serde(alias = "pictures")]
    pub max_pictures: usize,
    /// Requirements that a face must meet.
    #[serde(rename = "face")]
    pub face_rules: FaceRules,
    /// Shares of the speakers for validation and test.
    pub shares: Shares,
    /// Random seed of the splits.
    pub seed: u64,
    /// Clips per part; a part is written when all its clips are done.
    pub clips_per_part: usize,
    /// Settings of the face encoder by name, to be recorded with the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encoder: BTreeMap<String, String>,
}

impl Default for PrepareSettings {
    fn default() -> Self {
        Self {
            frames_per_second: 2.0,
            min_voice_s: 2.0,
            max_voice_s: 10.0,
            min_speech_s: 1.0,
            max_segments: 60,
            max_pictures: 8,
            face_rules: FaceRules::default(),
            shares: Shares::default(),
            seed: 0,
            clips_per_part: 64,
            encoder: BTreeMap::new(),
        }
    }
}

impl PrepareSettings {
    /// Checks that every setting is in its range.
    ///
    /// # Errors
    /// [`CorpusError::Setting`] or [`CorpusError::Pairs`] with the name of the setting and its
    /// range.
    pub fn check(&self) -> Result<(), CorpusError> {
        self.shares.check()?;
        let FaceRules {
            min_side_px,
            max_turn_deg,
            min_sharpness,
            max_point_distance,
            second_face_ratio,
        } = self.face_rules;
        let checks = [
            (
                "the number of frames per second",
                "above 0 and at most 60",
                self.frames_per_second,
                self.frames_per_second > 0.0 && self.frames_per_second <= 60.0,
            ),
            (
                "the minimum length of a voice",
                "at least 1 s",
                self.min_voice_s,
                self.min_voice_s >= Waveform::MIN_S,
            ),
            (
                "the maximum length of a voice",
                "at least the minimum and at most 600 s",
                self.max_voice_s,
                (self.min_voice_s..=600.0).contains(&self.max_voice_s),
            ),
            (
                "the minimum speech",
                "from 0 to the maximum length of a voice",
                self.min_speech_s,
                (0.0..=self.max_voice_s).contains(&self.min_speech_s),
            ),
            at_least_one("the maximum number of segments", self.max_segments),
            at_least_one("the maximum number of pictures", self.max_pictures),
            at_least_one("the number of clips per part", self.clips_per_part),
            within("the minimum face size", "from 1 to 10000 pixels", min_side_px, 1.0, 1e4),
            within("the maximum turn", "from 0 to 180 degrees", max_turn_deg, 0.0, 180.0),
            within("the minimum sharpness", "from 0 to 1", min_sharpness, 0.0, 1.0),
            within("the maximum point distance", "from 0 to 10", max_point_distance, 0.0, 10.0),
            within("the second face ratio", "from 0 to 10", second_face_ratio, 0.0, 10.0),
        ];
        match checks.into_iter().find(|(.., is_valid)| !is_valid) {
            None => Ok(()),
            Some((name, expected, value, _)) => {
                Err(CorpusError::Setting { name, expected, value: value.to_string() })
            }
        }
    }
}

/// Name, range and value of a setting, and whether the value is in the range.
type Check = (&'static str, &'static str, f64, bool);

fn at_least_one(name: &'static str, value: usize) -> Check {
    (name, "at least 1", value as f64, value >= 1)
}

fn within(name: &'static str, range: &'static str, value: f32, min: f32, max: f32) -> Check {
    (name, range, value.into(), (min..=max).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let check = |change: fn(&mut PrepareSettings), word: &str| {
            let mut settings = PrepareSettings::default();
            change(&mut settings);
            let message = settings.check().unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("; hint: "), "{message}");
        };
        assert!(PrepareSettings::default().check().is_ok());
        check(|it| it.frames_per_second = 0.0, "frames");
        check(|it| it.frames_per_second = f64::NAN, "frames");
        check(|it| it.min_voice_s = 0.2, "minimum length");
        check(|it| it.max_voice_s = 1.0, "maximum length");
        check(|it| it.min_speech_s = 11.0, "speech");
        check(|it| it.shares.test = 1.5, "test");
        check(|it| it.shares = Shares { validation: 0.5, test: 0.5 }, "below 1");
        check(|it| it.clips_per_part = 0, "part");
        check(|it| it.max_segments = 0, "segments");
        check(|it| it.max_pictures = 0, "pictures");
        check(|it| it.face_rules.min_side_px = 0.0, "face size");
        check(|it| it.face_rules.max_turn_deg = f32::NAN, "turn");
        check(|it| it.face_rules.min_sharpness = -0.1, "sharpness");
        check(|it| it.face_rules.max_point_distance = f32::INFINITY, "point distance");
        check(|it| it.face_rules.second_face_ratio = -1.0, "second face");
    }

    /// Folders that were begun with an older version can be resumed.
    #[test]
    fn settings_of_older_versions_are_read() {
        let text = r#"{ "frames_per_second": 2.0, "shortest_s": 2.0, "longest_s": 10.0,
            "speech_s": 1.0, "pieces": 60, "pictures": 8, "face": { "min_side_px": 48.0,
            "max_turn_deg": 40.0, "min_sharpness": 0.08, "reach": 0.75, "comparable": 0.6 },
            "shares": { "validation": 0.1, "test": 0.1 }, "seed": 0, "clips_per_part": 64 }"#;
        let found: PrepareSettings = serde_json::from_str(text).unwrap();
        assert_eq!(found, PrepareSettings::default());
    }
}
