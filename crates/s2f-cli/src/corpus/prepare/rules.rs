//! The options of `corpus prepare` that decide which clips become pairs.

use std::collections::BTreeMap;

use s2f_corpus::choose::FaceRules;
use s2f_corpus::prepare::PrepareSettings;
use s2f_pairs::Shares;

/// Options for voices and frames.
#[derive(clap::Args)]
#[command(next_help_heading = "Voices and splits")]
pub struct RuleArgs {
    /// Video frames to sample per second
    #[arg(long, value_name = "N", default_value_t = PrepareSettings::default().frames_per_second)]
    fps: f64,

    /// Minimum length of a voice, seconds
    #[arg(long, value_name = "S", default_value_t = PrepareSettings::default().min_voice_s)]
    shortest: f64,

    /// Maximum length of a voice, seconds; longer clips are truncated, whole videos are cut into
    /// segments of this length
    #[arg(long, value_name = "S", default_value_t = PrepareSettings::default().max_voice_s)]
    longest: f64,

    /// Minimum speech in a clip, seconds
    #[arg(long, value_name = "S", default_value_t = PrepareSettings::default().min_speech_s)]
    speech: f64,

    /// Maximum number of segments of one video
    #[arg(long, alias = "pieces", value_name = "N")]
    #[arg(default_value_t = PrepareSettings::default().max_segments)]
    segments: usize,

    /// Maximum number of pictures to examine per clip, if the faces are pictures
    #[arg(long, value_name = "N", default_value_t = PrepareSettings::default().max_pictures)]
    pictures: usize,

    /// Fraction of the speakers for validation
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().validation)]
    validation: f64,

    /// Fraction of the speakers for the test, if the corpus does not prescribe them
    #[arg(long, value_name = "SHARE", default_value_t = Shares::default().test)]
    test: f64,

    /// Random seed of the splits
    #[arg(long, value_name = "N", default_value_t = PrepareSettings::default().seed)]
    seed: u64,

    /// Clips that are written at once; an interrupted run loses at most these
    #[arg(long, value_name = "N", default_value_t = PrepareSettings::default().clips_per_part)]
    clips_per_part: usize,

    #[command(flatten)]
    face: FaceArgs,
}

/// Requirements that a face must meet.
#[derive(clap::Args)]
#[command(next_help_heading = "Faces")]
struct FaceArgs {
    /// Minimum size of a face from forehead to chin, pixels of the frame or picture
    #[arg(long, value_name = "PX", default_value_t = FaceRules::default().min_side_px)]
    min_face: f32,

    /// Maximum turn of a face away from the camera, degrees
    #[arg(long, value_name = "DEG", default_value_t = FaceRules::default().max_turn_deg)]
    max_turn: f32,

    /// Minimum sharpness of a face; good faces have 0.23 to 0.75
    #[arg(long, value_name = "X", default_value_t = FaceRules::default().min_sharpness)]
    min_sharpness: f32,

    /// Maximum distance of a face from the point that the corpus states (AVSpeech), in sides of
    /// the face
    #[arg(long, value_name = "X", default_value_t = FaceRules::default().max_point_distance)]
    max_point_distance: f32,

    /// Size of a second face, relative to the main one, from which a clip is rejected for showing
    /// several people
    #[arg(long, value_name = "X", default_value_t = FaceRules::default().second_face_ratio)]
    second_face: f32,
}

impl RuleArgs {
    /// The settings, with those of the face encoder.
    pub fn settings(&self, encoder: BTreeMap<String, String>) -> PrepareSettings {
        PrepareSettings {
            frames_per_second: self.fps,
            min_voice_s: self.shortest,
            max_voice_s: self.longest,
            min_speech_s: self.speech,
            max_segments: self.segments,
            max_pictures: self.pictures,
            face_rules: FaceRules {
                min_side_px: self.face.min_face,
                max_turn_deg: self.face.max_turn,
                min_sharpness: self.face.min_sharpness,
                max_point_distance: self.face.max_point_distance,
                second_face_ratio: self.face.second_face,
            },
            shares: Shares { validation: self.validation, test: self.test },
            seed: self.seed,
            clips_per_part: self.clips_per_part,
            encoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        rules: RuleArgs,
    }

    fn settings(arguments: &[&str]) -> PrepareSettings {
        let arguments = std::iter::once(&"test").chain(arguments);
        Command::try_parse_from(arguments).unwrap().rules.settings(BTreeMap::new())
    }

    #[test]
    fn without_options_the_settings_are_the_defaults() {
        assert_eq!(settings(&[]), PrepareSettings::default());
    }

    #[test]
    fn every_face_rule_can_be_set() {
        let options = ["--min-face=1", "--max-turn=2", "--min-sharpness=3"];
        let more = ["--max-point-distance=4", "--second-face=5", "--pieces=6", "--pictures=7"];
        let found = settings(&[&options[..], &more[..]].concat());
        let expected = FaceRules {
            min_side_px: 1.0,
            max_turn_deg: 2.0,
            min_sharpness: 3.0,
            max_point_distance: 4.0,
            second_face_ratio: 5.0,
        };
        assert_eq!(found.face_rules, expected);
        assert_eq!((found.max_segments, found.max_pictures), (6, 7));
    }
}
