//! Voices without faces: batches in which they are paired with average faces, see
//! [`crate::pairing`].

use std::hash::{DefaultHasher, Hash, Hasher};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rayon::prelude::*;
use s2f_core::Sex;
use s2f_nn::FrontEnd;
use speech2face::front_end;

use crate::batch::{Batch, BatchPart, Example, Examples};
use crate::draw::generator;
use crate::pairing::Targets;
use crate::voices::{Corpus, Voice};
use crate::{Augmentation, Clips, TrainError};

/// Minimum number of clips in a batch that are not silent.
const MIN_EXAMPLES: usize = 2;

/// Recordings to train on, and their targets.
pub(crate) struct RecordingExamples<'a> {
    pub(crate) corpora: &'a [Corpus],
    pub(crate) targets: &'a Targets,
    pub(crate) clips: &'a Clips,
    pub(crate) augmentation: &'a Augmentation,
    pub(crate) front_end: FrontEnd,
    pub(crate) batch: usize,
    pub(crate) seed: u64,
}

impl RecordingExamples<'_> {
    /// A random recording: the sexes alternate, then a corpus, a speaker and a recording are drawn,
    /// so that neither a large corpus nor a speaker with many recordings counts more.
    fn draw(&self, index: usize, rng: &mut StdRng) -> Option<&Voice> {
        let sex = if index.is_multiple_of(2) { Sex::Female } else { Sex::Male };
        let with_sex: Vec<&Corpus> =
            self.corpora.iter().filter(|c| c.voices.iter().any(|v| v.sex == sex)).collect();
        let corpus = with_sex.choose(rng)?;
        let of_sex: Vec<&Voice> = corpus.voices.iter().filter(|voice| voice.sex == sex).collect();
        let speaker = &of_sex[rng.random_range(0..of_sex.len())].speaker;
        let own: Vec<&Voice> = of_sex.iter().copied().filter(|v| v.speaker == *speaker).collect();
        own.choose(rng).copied()
    }

    fn example(&self, step: usize, index: usize) -> Option<Example> {
        let mut rng = generator(self.seed, b"example ", step * self.batch + index);
        let voice = self.draw(index, &mut rng)?;
        let (mut speeds, mut pitches) = (Vec::new(), Vec::new());
        let segments: Option<Vec<Vec<f32>>> = (0..self.clips.segments)
            .map(|_| {
                let clip = self.clips.cut(&voice.waveform, self.augmentation, &mut rng)?;
                speeds.push(clip.speed);
                pitches.push(clip.pitch);
                Some(front_end::values(self.front_end, &clip.waveform))
            })
            .collect();
        let mean = |factors: &[f64]| factors.iter().sum::<f64>() / factors.len() as f64;
        let traits = voice.traits.at_speed(mean(&speeds)).at_pitch(mean(&pitches));
        Some(Example {
            id: voice.file_name(),
            speaker: hash_of(&voice.speaker),
            segments: segments?,
            feature: self.targets.feature(voice.sex, voice.age, traits),
        })
    }
}

/// A hash of a speaker's name.
fn hash_of(speaker: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    speaker.hash(&mut hasher);
    hasher.finish()
}

impl Examples for RecordingExamples<'_> {
    fn len(&self) -> usize {
        self.corpora.iter().map(|corpus| corpus.voices.len()).sum()
    }

    fn batch(&self, step: usize, part: BatchPart) -> Result<Batch, TrainError> {
        // All clips are made, since silent ones are left out.
        let examples =
            (0..self.batch).into_par_iter().filter_map(|index| self.example(step, index));
        let examples: Vec<Example> = examples.collect();
        if examples.len() < MIN_EXAMPLES.min(self.batch) {
            return Err(TrainError::Data(format!(
                "step {}: nearly all clips of the batch are silent; hint: check the recordings",
                step + 1
            )));
        }
        Ok(Batch::new(examples, self.front_end, part))
    }
}
