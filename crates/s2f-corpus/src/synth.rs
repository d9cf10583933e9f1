//! A small synthetic population with known ground truth, in the layout of a folder per person.
//!
//! ```text
//! OUT/s0001/clip-1.mp4 …    videos of a talking head (clip-1.wav and face-1.png without ffmpeg)
//! OUT/people.csv            person_id, gender, age
//! OUT/licence.txt           CC0: contains no real people
//! OUT/truth.csv             the hidden traits of each voice and each face
//! OUT/synth.json            the settings, and the best possible retrieval
//! ```
//!
//! Each person has hidden [traits](TRAIT_NAMES). They affect the [voice], made by formant
//! synthesis, as they do in people. They affect the face along directions of the face space of a
//! model, which draws it, with a known correlation. Both densities are known, so the
//! [best possible retrieval](best_retrieval) is known too, and a trained model can be compared with
//! it.
//!
//! Nothing else in this crate uses this module, and it uses only public items of the others.

mod camera;
mod error;
mod face;
mod files;
mod observer;
mod population;
pub mod voice;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use error::SynthError;
use face::Directions;
pub use face::{DrawFace, FaceModel};
use files::PopulationFolder;
pub use observer::{RANKS, Recall, best_retrieval, expected_retrieval};
use population::stream;
pub use population::{
    SEX_MIDDLE, SyntheticPerson, TRAIT_NAMES, TRAITS, Traits, give_other_faces, population,
};
use rayon::prelude::*;
use s2f_audio::Waveform;
use s2f_core::Sex;
use serde::{Deserialize, Serialize};
use voice::{VoiceShape, speak};

use crate::media::Ffmpeg;

/// Size and properties of a population.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationSettings {
    /// Number of people, 2 to 9999.
    pub speakers: usize,
    /// Number of clips per person, 1 to 99.
    pub clips: usize,
    /// Length of a clip, 1 to 60 s.
    pub seconds: f64,
    /// Correlation of each trait of the face with that of the voice, 0 to 1.
    pub strength: f64,
    /// Random seed.
    pub seed: u64,
    /// Random seed of the faces' own part and of the camera, to give the same voices other faces;
    /// that of everything if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_seed: Option<u64>,
}

impl Default for PopulationSettings {
    fn default() -> Self {
        Self { speakers: 400, clips: 3, seconds: 6.0, strength: 0.9, seed: 0, face_seed: None }
    }
}

/// The ground truth of a population: `synth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationTruth {
    /// A statement that it is synthetic.
    pub synthetic: String,
    /// How it was made.
    pub settings: PopulationSettings,
    /// Whether the clips are videos; otherwise sounds beside pictures.
    pub videos: bool,
    /// The model that drew the faces.
    pub model: String,
    /// Names of the traits, in the order of the columns of `truth.csv`.
    pub traits: Vec<String>,
    /// Retrieval among these people by an observer who knows the traits of voices and faces: an
    /// upper bound, since sound and pictures show the traits imperfectly.
    pub best: Recall,
    /// The expectation of the same over all populations of this kind.
    pub expected_best: Recall,
    /// Retrieval by chance.
    pub chance: Recall,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthReport {
    /// The ground truth.
    pub truth: PopulationTruth,
    /// Number of clips made by this run.
    pub made: usize,
    /// Number of clips made by earlier runs.
    pub kept: usize,
}

/// Progress event, sent after each clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthProgress {
    /// Clips done, including those of earlier runs.
    pub done: usize,
    /// Number of clips.
    pub clips: usize,
}

/// Maximum size of the galleries of [`PopulationTruth`].
const GALLERY: usize = 100;
/// The expectation uses a population with another seed.
const OTHER_SEED: u64 = 1 << 32;
const SYNTHETIC: &str = "voices and faces made by a program; they depict no real person";

/// Makes a population in the folder `out`, or resumes an interrupted run. The same settings and
/// model give the same people, sounds and pictures, independent of the number of threads.
///
/// # Errors
/// [`SynthError::Population`] for settings out of range and a model that draws women and men alike,
/// [`SynthError::Draw`] if the model fails, [`SynthError::Folder`] if `out` contains something
/// else, [`SynthError::Ffmpeg`] and [`SynthError::File`]. Complete clips are kept.
pub fn make(
    out: &Path,
    settings: &PopulationSettings,
    model: &FaceModel<'_>,
    ffmpeg: Option<&Ffmpeg>,
    progress: &(dyn Fn(SynthProgress) + Sync),
) -> Result<SynthReport, SynthError> {
    check(settings)?;
    let mut people = population(settings.speakers, settings.strength, settings.seed);
    if let Some(seed) = settings.face_seed {
        give_other_faces(&mut people, settings.strength, seed);
    }
    let truth = truth(settings, &people, model, ffmpeg.is_some());
    let folder = PopulationFolder::open(out, &truth, &people)?;
    let directions = Directions::find(model)?;

    let clips = settings.speakers * settings.clips;
    let (done, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
    people.par_iter().enumerate().try_for_each(|(number, person)| -> Result<(), SynthError> {
        let missing = folder.missing(person, settings.clips)?;
        let kept = settings.clips - missing.len();
        let before = done.fetch_add(kept, Ordering::Relaxed);
        progress(SynthProgress { done: before + kept, clips });
        if missing.is_empty() {
            return Ok(());
        }
        let portrait = face::portrait(model, &directions.feature(&person.face))?;
        let shape = VoiceShape::of(&person.voice);
        for clip in missing {
            let thing = [number, clip];
            let sound = speak(
                &shape,
                (settings.seconds * voice::RATE_HZ).round() as usize,
                &mut stream(settings.seed, "sound", &thing),
            );
            let frames = match ffmpeg {
                Some(_) => (settings.seconds * f64::from(camera::RATE)).ceil() as usize,
                None => 1,
            };
            let face_seed = settings.face_seed.unwrap_or(settings.seed);
            let mut random = stream(face_seed, "picture", &thing);
            let shot = camera::Shot::new(&portrait, frames, &mut random);
            folder.write(person, clip, &sound, &shot, ffmpeg)?;
            made.fetch_add(1, Ordering::Relaxed);
            progress(SynthProgress { done: done.fetch_add(1, Ordering::Relaxed) + 1, clips });
        }
        Ok(())
    })?;
    let made = made.into_inner();
    Ok(SynthReport { truth, made, kept: clips - made })
}

/// Voices of 6 s of different people of one sex. [`FaceModel`] needs the mean of the features that
/// the model predicts for them.
pub fn example_voices(sex: Sex) -> impl Iterator<Item = Waveform> {
    const VOICES: usize = 24;
    (0..VOICES).filter_map(move |number| {
        let middle = if sex == Sex::Female { SEX_MIDDLE } else { -SEX_MIDDLE };
        let mut random = stream(0, "example", &[number]);
        let mut traits = population(number + 1, 0.0, 0).pop()?.voice;
        traits[0] = middle;
        let sound = speak(&VoiceShape::of(&traits), Waveform::CLIP_SAMPLES, &mut random);
        // Synthesised samples are finite.
        Waveform::from_interleaved(&sound, 1, Waveform::RATE_HZ).ok()
    })
}

fn truth(
    settings: &PopulationSettings,
    people: &[SyntheticPerson],
    model: &FaceModel<'_>,
    videos: bool,
) -> PopulationTruth {
    let gallery = GALLERY.min(settings.speakers);
    let PopulationSettings { strength, seed, .. } = *settings;
    PopulationTruth {
        synthetic: SYNTHETIC.into(),
        settings: *settings,
        videos,
        model: model.name.clone(),
        traits: TRAIT_NAMES.map(String::from).into(),
        best: best_retrieval(people, strength, gallery),
        expected_best: expected_retrieval(strength, gallery, seed.wrapping_add(OTHER_SEED)),
        chance: Recall::chance(gallery),
    }
}

fn check(settings: &PopulationSettings) -> Result<(), SynthError> {
    let PopulationSettings { speakers, clips, seconds, strength, .. } = *settings;
    let within = [
        ("speakers", (2..=9_999).contains(&speakers), "2 to 9999"),
        ("clips", (1..=99).contains(&clips), "1 to 99"),
        ("seconds", (1.0..=60.0).contains(&seconds), "1 to 60"),
        ("strength", (0.0..=1.0).contains(&strength), "0 to 1"),
    ];
    match within.iter().find(|(_, good, _)| !good) {
        None => Ok(()),
        Some((name, _, range)) => {
            Err(SynthError::Population { reason: format!("{name} must be {range}") })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::face::tests::{cartoon, model};
    use super::*;
    use crate::layout;

    const SETTINGS: PopulationSettings = PopulationSettings {
        speakers: 3,
        clips: 2,
        seconds: 1.5,
        strength: 0.9,
        seed: 4,
        face_seed: None,
    };

    fn made(
        out: &Path,
        settings: &PopulationSettings,
        ffmpeg: Option<&Ffmpeg>,
    ) -> Result<SynthReport, SynthError> {
        make(out, settings, &model(&|feature| Ok(cartoon(feature))), ffmpeg, &|_| ())
    }

    /// All files of a folder by name.
    fn files_of(root: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                files.extend(files_of(&path).into_iter().map(|(n, f)| (format!("{name}/{n}"), f)));
            } else {
                files.insert(name, fs::read(&path).unwrap());
            }
        }
        files
    }

    #[test]
    fn without_ffmpeg_sounds_and_pictures_are_written_to_a_folder_per_person() {
        let folder = tempfile::tempdir().unwrap();
        let report = made(folder.path(), &SETTINGS, None).unwrap();
        assert_eq!((report.made, report.kept), (6, 0));
        let files = files_of(folder.path());
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let mut expected = vec!["licence.txt", "people.csv"];
        let clips: Vec<String> = (1..=3)
            .flat_map(|person| {
                ["clip-1.wav", "clip-2.wav", "face-1.png", "face-2.png"]
                    .map(|name| format!("s000{person}/{name}"))
            })
            .collect();
        expected.extend(clips.iter().map(String::as_str));
        expected.extend(["synth.json", "truth.csv"]);
        assert_eq!(names, expected);
        assert!(files["people.csv"].starts_with(b"person_id,gender,age\ns0001,"));
        assert_eq!(files["truth.csv"].iter().filter(|&&byte| byte == b'\n').count(), 4);

        let plan = layout::plan(folder.path(), None).unwrap();
        assert_eq!((plan.layout.name, plan.clips.len(), plan.people.len()), ("folder", 6, 3));
        assert!(plan.licence.contains("CC0"), "{}", plan.licence);
        assert!(plan.people.values().all(|person| person.sex.is_some()));
    }

    #[test]
    fn the_number_of_threads_changes_nothing_and_complete_clips_are_kept() {
        let run = |threads: usize, folder: &Path| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| made(folder, &SETTINGS, None)).unwrap()
        };
        let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(1, one.path());
        run(3, three.path());
        let files = files_of(one.path());
        assert!(files == files_of(three.path()));

        fs::remove_file(one.path().join("s0002/clip-2.wav")).unwrap();
        fs::write(one.path().join("s0002/.speech2face-x.tmp"), "half").unwrap();
        let report = run(2, one.path());
        assert_eq!((report.made, report.kept), (1, 5));
        assert!(files == files_of(one.path()));
    }

    #[test]
    fn another_seed_of_the_faces_keeps_the_voices() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(one.path(), &SETTINGS, None).unwrap();
        made(other.path(), &PopulationSettings { face_seed: Some(9), ..SETTINGS }, None).unwrap();
        let (one, other) = (files_of(one.path()), files_of(other.path()));
        for (name, bytes) in &one {
            let is_same = other[name] == *bytes;
            let keeps = name.ends_with(".wav") || name == "people.csv" || name == "licence.txt";
            assert_eq!(is_same, keeps, "{name}");
        }
    }

    #[test]
    fn a_folder_with_another_population_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |settings: &PopulationSettings| {
            let error = made(folder.path(), settings, None).unwrap_err();
            assert!(matches!(error, SynthError::Folder { .. }), "{error}");
        };
        fs::write(folder.path().join("mine.txt"), "mine").unwrap();
        refused(&SETTINGS);
        fs::remove_file(folder.path().join("mine.txt")).unwrap();
        made(folder.path(), &SETTINGS, None).unwrap();
        refused(&PopulationSettings { seed: 5, ..SETTINGS });
        refused(&PopulationSettings { speakers: 4, ..SETTINGS });
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (settings, name) in [
            (PopulationSettings { speakers: 1, ..SETTINGS }, "speakers"),
            (PopulationSettings { clips: 0, ..SETTINGS }, "clips"),
            (PopulationSettings { seconds: f64::NAN, ..SETTINGS }, "seconds"),
            (PopulationSettings { strength: 1.1, ..SETTINGS }, "strength"),
        ] {
            let error = made(folder.path(), &settings, None).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(files_of(folder.path()).is_empty());
    }

    #[test]
    fn with_ffmpeg_the_same_seed_gives_the_same_videos() {
        let ffmpeg = match Ffmpeg::find() {
            Ok(ffmpeg) => ffmpeg,
            Err(error) => return s2f_testing::missing(&error.to_string()),
        };
        let settings = PopulationSettings { speakers: 2, clips: 1, ..SETTINGS };
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(first.path(), &settings, Some(&ffmpeg)).unwrap();
        made(second.path(), &settings, Some(&ffmpeg)).unwrap();
        let files = files_of(first.path());
        assert!(files == files_of(second.path()));
        assert!(files.contains_key("s0001/clip-1.mp4"), "{:?}", files.keys());
        assert_eq!(layout::plan(first.path(), None).unwrap().clips.len(), 2);
        // With sounds beside pictures, it is another population.
        assert!(matches!(made(first.path(), &settings, None), Err(SynthError::Folder { .. })));
    }

    #[test]
    fn example_voices_have_the_pitch_of_their_sex() {
        let median = |sex| {
            let mut pitches: Vec<f64> = example_voices(sex)
                .filter_map(|v| s2f_audio::pitch(&v))
                .map(|p| p.median_hz)
                .collect();
            pitches.sort_by(f64::total_cmp);
            pitches[pitches.len() / 2]
        };
        let (women, men) = (median(Sex::Female), median(Sex::Male));
        assert!((170.0..240.0).contains(&women) && (95.0..140.0).contains(&men), "{women} {men}");
    }
}
