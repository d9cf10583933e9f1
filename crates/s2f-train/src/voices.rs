//! Voices to train on: recordings with the speaker's sex, split by speaker.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use s2f_audio::{Limits, Waveform, formants, pitch};
use s2f_core::Sex;
use s2f_corpus::unpaired::{Recording, recordings};

use crate::{RecordingData, TrainError};

/// A recording, and what is stated or measured of its speaker.
pub(crate) struct Voice {
    pub(crate) speaker: String,
    pub(crate) sex: Sex,
    pub(crate) age: Option<f32>,
    pub(crate) file: PathBuf,
    pub(crate) waveform: Waveform,
    pub(crate) traits: Traits,
}

impl Voice {
    /// Name of the recording's file.
    pub(crate) fn file_name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The traits that the pairing uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traits {
    /// Median fundamental frequency, Hz.
    pub(crate) pitch_hz: Option<f64>,
    /// Apparent length of the vocal tract, cm.
    pub(crate) tract_cm: Option<f64>,
}

impl Traits {
    /// The traits of the same recording played `factor` times as fast.
    pub(crate) fn at_speed(self, factor: f64) -> Self {
        Self {
            pitch_hz: self.pitch_hz.map(|hz| hz * factor),
            tract_cm: self.tract_cm.map(|cm| cm / factor),
        }
    }

    /// The traits of the same recording with `factor` times its pitch and the same formants.
    pub(crate) fn at_pitch(self, factor: f64) -> Self {
        Self { pitch_hz: self.pitch_hz.map(|hz| hz * factor), ..self }
    }
}

/// Voices of one folder.
pub(crate) struct Corpus {
    /// The folder's own name.
    pub(crate) name: String,
    pub(crate) voices: Vec<Voice>,
}

/// Voices to train on, and voices of other speakers to test on; each corpus has at least one.
pub(crate) struct Voices {
    pub(crate) train: Vec<Corpus>,
    pub(crate) test: Vec<Corpus>,
}

impl Voices {
    /// Reads all folders, and holds out a share of the speakers of the folders to train on.
    /// Recordings of speakers of unknown sex are skipped.
    pub(crate) fn load(data: &RecordingData, seed: u64) -> Result<Self, TrainError> {
        let mut voices = Self { train: Vec::new(), test: Vec::new() };
        for folder in data.folders.iter().map(|folder| data.root.join(folder)) {
            let all = recordings(&folder)?;
            let mut speakers: Vec<&str> = all
                .iter()
                .map(|r| r.speaker_id.as_str())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            speakers.shuffle(&mut StdRng::seed_from_u64(seed));
            let held_out = (speakers.len() as f64 * data.held_out).round() as usize;
            let held_out: BTreeSet<String> =
                speakers[..held_out].iter().map(|&speaker| speaker.to_owned()).collect();
            let (test, train): (Vec<Recording>, Vec<Recording>) =
                all.into_iter().partition(|r| held_out.contains(&r.speaker_id));
            voices.train.push(corpus(&folder, train)?);
            voices.test.push(corpus(&folder, test)?);
        }
        for folder in data.test_folders.iter().map(|folder| data.root.join(folder)) {
            voices.test.push(corpus(&folder, recordings(&folder)?)?);
        }
        for sex in [Sex::Female, Sex::Male] {
            if !voices.train.iter().flat_map(|c| &c.voices).any(|voice| voice.sex == sex) {
                return Err(TrainError::Data(format!(
                    "no {} voice to train on in {:?}; hint: reduce data.recordings.held_out, or \
                     add folders to data.recordings.folders",
                    sex.name(),
                    data.folders
                )));
            }
        }
        voices.test.retain(|corpus| !corpus.voices.is_empty());
        if voices.test.is_empty() {
            return Err(TrainError::Data(
                "no speaker is held out for the scores; hint: increase data.recordings.held_out, \
                 or add folders to data.recordings.test_folders"
                    .into(),
            ));
        }
        Ok(voices)
    }
}

impl Voices {
    /// The files of all recordings, those to train on first.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let corpora = self.train.iter().chain(&self.test);
        corpora.flat_map(|c| &c.voices).map(|voice| voice.file.clone()).collect()
    }
}

fn corpus(folder: &Path, recordings: Vec<Recording>) -> Result<Corpus, TrainError> {
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let voices = recordings.into_par_iter().filter_map(|recording| {
        let sex = recording.sex?;
        Some(s2f_audio::read(&recording.file, &Limits::default()).map(|waveform| Voice {
            speaker: recording.speaker_id,
            sex,
            age: recording.age,
            traits: Traits {
                pitch_hz: pitch(&waveform).map(|pitch| pitch.median_hz),
                tract_cm: formants(&waveform).map(|formants| formants.tract_length_cm),
            },
            waveform,
            file: recording.file,
        }))
    });
    Ok(Corpus { name, voices: voices.collect::<Result<_, _>>()? })
}
