//! A small population with known ground truth, laid out as a folder per person.
//!
//! ```text
//! OUT/s0001/clip-1.mp4 …    videos of a talking head (clip-1.wav and face-1.png without ffmpeg)
//! OUT/people.csv            person_id, gender, age
//! OUT/licence.txt           CC0: nobody real is in it
//! OUT/truth.csv             the hidden traits of each voice and each face
//! OUT/synth.json            the settings, and how well voices and faces can be matched at best
//! ```
//!
//! Each person has hidden [traits](TRAIT_NAMES). The [voice] shows them as it would in people, by
//! formant synthesis; the face shows them along directions of a face space that a model draws,
//! weakened to a known correlation. Since both densities are known, so is the
//! [best possible retrieval](best_retrieval), which a trained model can be held against.

mod camera;
mod face;
mod files;
mod observer;
mod population;
pub mod voice;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use s2f_audio::Waveform;
use serde::{Deserialize, Serialize};

pub use face::{Draw, FaceModel};
pub use observer::{RANKS, Recall, best_retrieval, expected_retrieval};
pub use population::{Person, SEX_MIDDLE, TRAIT_NAMES, TRAITS, Traits, population};

use crate::media::Ffmpeg;
use s2f_core::Sex;

use crate::CorpusError;
use face::Directions;
use files::Folder;
use population::stream;
use voice::{VoiceShape, speak};

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// People, 2 to 9999.
    pub speakers: usize,
    /// Clips of each, 1 to 99.
    pub clips: usize,
    /// Length of a clip, 1 to 60 s.
    pub seconds: f64,
    /// Correlation of each trait of the face with that of the voice, 0 to 1.
    pub strength: f64,
    /// Seed of everything that is drawn by lot.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { speakers: 400, clips: 3, seconds: 6.0, strength: 0.9, seed: 0 }
    }
}

/// What is known about a population: `synth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Says that it is made up.
    pub synthetic: String,
    /// How it was made.
    pub settings: Settings,
    /// Whether the clips are videos; else sounds beside pictures.
    pub videos: bool,
    /// The model that drew the faces.
    pub model: String,
    /// Names of the traits, in the order of the columns of `truth.csv`.
    pub traits: Vec<String>,
    /// Retrieval by an observer who sees the traits of voices and faces themselves, among these
    /// people: an upper bound, as sound and picture show the traits imperfectly.
    pub best: Recall,
    /// The same, expected over all populations of this kind.
    pub expected_best: Recall,
    /// Retrieval by guessing.
    pub chance: Recall,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What is known about the population.
    pub truth: Truth,
    /// Clips made by this run.
    pub made: usize,
    /// Clips that were there before.
    pub kept: usize,
}

/// Told to whoever waits, after each clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Clips done, those of earlier runs among them.
    pub done: usize,
    /// Clips in all.
    pub clips: usize,
}

/// Faces in the galleries that [`Truth`] speaks of, where there are as many people.
const GALLERY: usize = 100;
/// Populations that the expectation is over differ from the one that is made.
const OTHER_SEED: u64 = 1 << 32;
const SYNTHETIC: &str = "voices and faces made by a program; they belong to nobody";

/// Makes a population in the folder `out`, or goes on making it. The same settings and model give
/// the same people, sounds and pictures, whatever the number of threads.
///
/// # Errors
/// [`CorpusError::Synth`] for settings out of range and a model that draws women and men alike,
/// [`CorpusError::Draw`] where the model fails, [`CorpusError::Job`] where `out` holds something
/// else, [`CorpusError::Ffmpeg`] and [`CorpusError::File`]. Clips that are complete stay.
pub fn make(
    out: &Path,
    settings: &Settings,
    model: &FaceModel<'_>,
    ffmpeg: Option<&Ffmpeg>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, CorpusError> {
    check(settings)?;
    let people = population(settings.speakers, settings.strength, settings.seed);
    let truth = truth(settings, &people, model, ffmpeg.is_some());
    let folder = Folder::open(out, &truth, &people)?;
    let directions = Directions::find(model)?;

    let clips = settings.speakers * settings.clips;
    let (done, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
    people.par_iter().enumerate().try_for_each(|(number, person)| -> Result<(), CorpusError> {
        let missing = folder.missing(person, settings.clips)?;
        let kept = settings.clips - missing.len();
        let before = done.fetch_add(kept, Ordering::Relaxed);
        progress(Progress { done: before + kept, clips });
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
            let mut random = stream(settings.seed, "picture", &thing);
            let shot = camera::Shot::new(&portrait, frames, &mut random);
            folder.write(person, clip, &sound, &shot, ffmpeg)?;
            made.fetch_add(1, Ordering::Relaxed);
            progress(Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, clips });
        }
        Ok(())
    })?;
    let made = made.into_inner();
    Ok(Report { truth, made, kept: clips - made })
}

/// Voices of 6 s of different people of one sex, for a model to say which face it expects behind
/// them: means of its features are what [`FaceModel`] asks for.
pub fn example_voices(sex: Sex) -> impl Iterator<Item = Waveform> {
    const VOICES: usize = 24;
    (0..VOICES).filter_map(move |number| {
        let middle = if sex == Sex::Female { SEX_MIDDLE } else { -SEX_MIDDLE };
        let mut random = stream(0, "example", &[number]);
        let mut traits = population(number + 1, 0.0, 0).pop()?.voice;
        traits[0] = middle;
        let sound = speak(&VoiceShape::of(&traits), Waveform::CLIP_SAMPLES, &mut random);
        // Sound that this module makes is finite.
        Waveform::from_interleaved(&sound, 1, Waveform::RATE_HZ).ok()
    })
}

fn truth(settings: &Settings, people: &[Person], model: &FaceModel<'_>, videos: bool) -> Truth {
    let gallery = GALLERY.min(settings.speakers);
    let Settings { strength, seed, .. } = *settings;
    Truth {
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

fn check(settings: &Settings) -> Result<(), CorpusError> {
    let Settings { speakers, clips, seconds, strength, .. } = *settings;
    let within = [
        ("speakers", (2..=9_999).contains(&speakers), "2 to 9999"),
        ("clips", (1..=99).contains(&clips), "1 to 99"),
        ("seconds", (1.0..=60.0).contains(&seconds), "1 to 60"),
        ("strength", (0.0..=1.0).contains(&strength), "0 to 1"),
    ];
    match within.iter().find(|(_, good, _)| !good) {
        None => Ok(()),
        Some((name, _, range)) => {
            Err(CorpusError::Synth { reason: format!("{name} must be {range}") })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::face::tests::{cartoon, model};
    use super::*;
    use crate::layout::{self, Layout};

    const SETTINGS: Settings =
        Settings { speakers: 3, clips: 2, seconds: 1.5, strength: 0.9, seed: 4 };

    fn made(
        out: &Path,
        settings: &Settings,
        ffmpeg: Option<&Ffmpeg>,
    ) -> Result<Report, CorpusError> {
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
    fn without_ffmpeg_sounds_lie_beside_pictures_in_a_folder_per_person() {
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
        assert_eq!((plan.layout, plan.clips.len(), plan.people.len()), (Layout::Folder, 6, 3));
        assert!(plan.licence.contains("CC0"), "{}", plan.licence);
        assert!(plan.people.values().all(|person| person.sex.is_some()));
    }

    #[test]
    fn the_number_of_threads_changes_nothing_and_what_is_there_stays() {
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
    fn other_people_are_not_mixed_in() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |settings: &Settings| {
            let error = made(folder.path(), settings, None).unwrap_err();
            assert!(matches!(error, CorpusError::Job { .. }), "{error}");
        };
        fs::write(folder.path().join("mine.txt"), "mine").unwrap();
        refused(&SETTINGS);
        fs::remove_file(folder.path().join("mine.txt")).unwrap();
        made(folder.path(), &SETTINGS, None).unwrap();
        refused(&Settings { seed: 5, ..SETTINGS });
        refused(&Settings { speakers: 4, ..SETTINGS });
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (settings, name) in [
            (Settings { speakers: 1, ..SETTINGS }, "speakers"),
            (Settings { clips: 0, ..SETTINGS }, "clips"),
            (Settings { seconds: f64::NAN, ..SETTINGS }, "seconds"),
            (Settings { strength: 1.1, ..SETTINGS }, "strength"),
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
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let settings = Settings { speakers: 2, clips: 1, ..SETTINGS };
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(first.path(), &settings, Some(&ffmpeg)).unwrap();
        made(second.path(), &settings, Some(&ffmpeg)).unwrap();
        let files = files_of(first.path());
        assert!(files == files_of(second.path()));
        assert!(files.contains_key("s0001/clip-1.mp4"), "{:?}", files.keys());
        assert_eq!(layout::plan(first.path(), None).unwrap().clips.len(), 2);
        // Sounds beside pictures are another population.
        assert!(matches!(made(first.path(), &settings, None), Err(CorpusError::Job { .. })));
    }

    #[test]
    fn example_voices_are_of_the_sex_asked_for() {
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
