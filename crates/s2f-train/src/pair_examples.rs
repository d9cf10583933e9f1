//! Voices with their own faces: batches from a set of pairs of any size.
//!
//! In each epoch, row groups are shuffled and read a few at a time; the rows of these are shuffled.
//! A set that fits into the memory of the configuration is read once and shuffled as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand::seq::SliceRandom;
use rayon::prelude::*;
use s2f_audio::{Limits, decode};
use s2f_nn::FrontEnd;
use s2f_pairs::{Pair, PairSet, Payload, Split};
use speech2face::front_end;

use crate::batch::{Batch, BatchPart, Example, Examples};
use crate::draw::generator;
use crate::{Augmentation, Clips, TrainError};

/// Approximate maximum size of a row group, MiB.
const GROUP_MIB: usize = 32;

/// The training split of a set of pairs.
pub(crate) struct PairExamples<'a> {
    set: &'a PairSet,
    clips: &'a Clips,
    augmentation: &'a Augmentation,
    front_end: FrontEnd,
    batch: usize,
    seed: u64,
    /// Row groups with training pairs: index and number of pairs.
    groups: Vec<(usize, usize)>,
    /// Number of groups in memory at a time.
    resident: usize,
    speakers: BTreeMap<String, u64>,
    /// The groups that are in memory.
    window: Mutex<Option<Window>>,
}

/// Indices of row groups, and their training pairs.
type Window = (Vec<usize>, Arc<Vec<Pair>>);

impl<'a> PairExamples<'a> {
    /// Counts the training pairs of each row group.
    pub(crate) fn new(
        set: &'a PairSet,
        memory_mib: usize,
        clips: &'a Clips,
        augmentation: &'a Augmentation,
        front_end: FrontEnd,
        batch: usize,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let mut groups = Vec::new();
        for group in 0..set.groups().len() {
            let mut pairs = 0;
            for row in set.group(group, Payload::default(), Some(Split::Train)) {
                row?;
                pairs += 1;
            }
            if pairs > 0 {
                groups.push((group, pairs));
            }
        }
        let speakers = set.speakers().keys().cloned().zip(0..).collect();
        let resident = (memory_mib / GROUP_MIB).max(1);
        let window = Mutex::new(None);
        Ok(Self {
            set,
            clips,
            augmentation,
            front_end,
            batch,
            seed,
            groups,
            resident,
            speakers,
            window,
        })
    }

    /// The row groups that are in memory together, in the order of an epoch.
    fn windows(&self, epoch: usize) -> Vec<Vec<(usize, usize)>> {
        let mut groups = self.groups.clone();
        if groups.len() > self.resident {
            groups.shuffle(&mut generator(self.seed, b"groups  ", epoch));
        }
        groups.chunks(self.resident).map(<[_]>::to_vec).collect()
    }

    /// The training pairs of row groups: from memory, or else read now.
    fn pairs(&self, groups: &[(usize, usize)]) -> Result<Arc<Vec<Pair>>, TrainError> {
        let indices: Vec<usize> = groups.iter().map(|(index, _)| *index).collect();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((inside, pairs)) = &*window
            && *inside == indices
        {
            return Ok(Arc::clone(pairs));
        }
        // Frees the previous groups before the next are read.
        *window = None;
        let payload = Payload { audio: true, feature: true, face: false };
        let mut pairs = Vec::new();
        for &index in &indices {
            for pair in self.set.group(index, payload, Some(Split::Train)) {
                pairs.push(pair?);
            }
        }
        let pairs = Arc::new(pairs);
        *window = Some((indices, Arc::clone(&pairs)));
        Ok(pairs)
    }

    /// The example of a pair, without what the network reads.
    fn labels(&self, pair: &Pair) -> Example {
        Example {
            id: pair.info.pair_id.clone(),
            speaker: self.speakers.get(&pair.info.speaker_id).copied().unwrap_or(u64::MAX),
            segments: Vec::new(),
            feature: pair.feature.clone(),
        }
    }

    /// The example of a pair at one position of the run.
    fn example(&self, pair: &Pair, place: usize) -> Result<Example, TrainError> {
        let mut rng = generator(self.seed, b"example ", place);
        let voice = decode(pair.audio.clone(), &pair.info.pair_id, &Limits::default())?;
        let segments: Option<Vec<Vec<f32>>> = (0..self.clips.segments)
            .map(|_| {
                let clip = self.clips.cut(&voice, self.augmentation, &mut rng)?;
                Some(front_end::values(self.front_end, &clip.waveform))
            })
            .collect();
        let silent = || {
            let pair_id = &pair.info.pair_id;
            TrainError::Data(format!("pair {pair_id} is silent; hint: prepare the corpus again"))
        };
        Ok(Example { segments: segments.ok_or_else(silent)?, ..self.labels(pair) })
    }
}

impl Examples for PairExamples<'_> {
    fn len(&self) -> usize {
        self.groups.iter().map(|(_, pairs)| pairs).sum()
    }

    fn batch(&self, step: usize, part: BatchPart) -> Result<Batch, TrainError> {
        let in_epoch = (self.len() / self.batch).max(1);
        let (epoch, first) = (step / in_epoch, step % in_epoch * self.batch);
        let wanted = first..first + self.batch.min(self.len());
        let own = part.range(wanted.len());
        let mut examples = Vec::with_capacity(self.batch);
        let mut start = 0;
        for (number, groups) in self.windows(epoch).into_iter().enumerate() {
            let end = start + groups.iter().map(|(_, pairs)| pairs).sum::<usize>();
            let here = wanted.start.max(start)..wanted.end.min(end);
            if !here.is_empty() {
                let pairs = self.pairs(&groups)?;
                let mut order: Vec<usize> = (0..pairs.len()).collect();
                let place = epoch * self.groups.len() + number;
                order.shuffle(&mut generator(self.seed, b"order   ", place));
                let some: Vec<Example> = here
                    .into_par_iter()
                    .map(|at| {
                        let pair = &pairs[order[at - start]];
                        if own.contains(&(at - wanted.start)) {
                            self.example(pair, epoch * self.len() + at)
                        } else {
                            Ok(self.labels(pair))
                        }
                    })
                    .collect::<Result<_, _>>()?;
                examples.extend(some);
            }
            start = end;
        }
        Ok(Batch::new(examples, self.front_end, part))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use s2f_testing::pairs::{self, sample};

    use super::*;

    const FILES: usize = 4;
    const PAIRS: usize = 6;
    const CLIPS: Clips = Clips { seconds: 1.0, anywhere: true, segments: 1 };

    /// Files of six pairs each, two of them of a speaker who is not trained on.
    fn write(folder: &Path) {
        for file in 0..FILES {
            let path = folder.join(format!("pairs-{file:05}.parquet"));
            let pairs = (0..PAIRS).map(|row| {
                let number = file * PAIRS + row;
                let (speaker, split) = match row {
                    0 | 1 => (format!("other{file}"), Split::Test),
                    _ => (format!("speaker{file}"), Split::Train),
                };
                sample(&format!("pair{number:02}"), &speaker, split)
                    .wave(1.25, |n| (n as f32 * (0.02 + 0.01 * number as f32)).sin())
                    .feature("some", 2, |i| [number as f32, 1.0][i])
                    .build()
            });
            pairs::write(&path, &pairs.collect::<Vec<_>>()).unwrap();
        }
    }

    #[test]
    fn an_epoch_is_every_training_pair_once_in_memory_or_streamed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let set = PairSet::open(folder.path()).unwrap();
        let augmentation = Augmentation::default();
        // All at once, then one row group at a time.
        for memory_mib in [2048, GROUP_MIB] {
            let new = || {
                let front_end = FrontEnd::Spectrogram;
                PairExamples::new(&set, memory_mib, &CLIPS, &augmentation, front_end, 4, 7).unwrap()
            };
            let examples = new();
            assert_eq!(examples.len(), FILES * (PAIRS - 2));
            let ids = |examples: &PairExamples<'_>, step| {
                let shards = examples.batch(step, BatchPart::WHOLE).unwrap().shards(1).unwrap();
                shards[0].labels.ids.clone()
            };
            let epoch = |first: usize| -> Vec<String> {
                (first..first + 4).flat_map(|step| ids(&examples, step)).collect()
            };
            let (one, two) = (epoch(0), epoch(4));
            assert_ne!(one, two);
            let all = |epoch: &[String]| epoch.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(all(&one).len(), 16);
            assert_eq!(all(&one), all(&two));
            // A resumed run gets the same batches.
            assert_eq!(ids(&new(), 6), two[8..12]);
        }
    }
}
