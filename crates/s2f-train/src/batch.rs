//! Batches of examples. A batch depends only on the seed and the step, so a resumed run gets the
//! same batches, regardless of the number of threads.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Bool, Device, Tensor, TensorData};
use s2f_nn::FrontEnd;

use crate::TrainError;

/// Which part of every batch a process computes: one of `count` parts of nearly equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchPart {
    pub(crate) index: usize,
    pub(crate) count: usize,
}

impl BatchPart {
    /// The whole batch.
    pub(crate) const WHOLE: Self = Self { index: 0, count: 1 };

    /// The examples of the part, of a batch of `examples`.
    pub(crate) fn range(self, examples: usize) -> Range<usize> {
        let bound = |index: usize| index * examples / self.count;
        bound(self.index)..bound(self.index + 1)
    }
}

/// The examples of a step. The names, speakers and features are of the whole batch, the inputs of
/// one part of it.
pub(crate) struct Batch {
    labels: Labels,
    part: BatchPart,
    /// What the network reads of all segments, voice by voice.
    inputs: Vec<f32>,
    front_end: FrontEnd,
    frames: usize,
    segments: usize,
}

/// What is known of all examples of a batch.
pub(crate) struct Labels {
    /// Names of the voices, for messages.
    pub(crate) ids: Vec<String>,
    /// Identifier of each voice's speaker.
    speakers: Vec<u64>,
    /// The target feature of each voice.
    features: Vec<f32>,
}

/// Examples of a batch that are computed together.
pub(crate) struct Shard {
    pub(crate) labels: Arc<Labels>,
    /// Places in the batch.
    pub(crate) range: Range<usize>,
    inputs: Vec<f32>,
    front_end: FrontEnd,
    frames: usize,
    segments: usize,
}

/// One voice of a batch.
#[derive(Clone)]
pub(crate) struct Example {
    pub(crate) id: String,
    pub(crate) speaker: u64,
    /// What the network reads of each segment, see [`speech2face::front_end`]; of equal length. Not
    /// read if the example is not in the part of the batch.
    pub(crate) segments: Vec<Vec<f32>>,
    pub(crate) feature: Vec<f32>,
}

/// A source of batches.
pub(crate) trait Examples: Send + Sync {
    /// Number of examples in an epoch.
    fn len(&self) -> usize;

    /// The batch of a step, counted from 0, with the inputs of one part.
    fn batch(&self, step: usize, part: BatchPart) -> Result<Batch, TrainError>;
}

impl Batch {
    pub(crate) fn new(examples: Vec<Example>, front_end: FrontEnd, part: BatchPart) -> Self {
        let own = part.range(examples.len());
        let first = examples.get(own.start);
        let values = first.and_then(|e| e.segments.first()).map_or(0, Vec::len);
        let segments = first.map_or(0, |e| e.segments.len());
        let (mut ids, mut speakers, mut features) = (Vec::new(), Vec::new(), Vec::new());
        let mut inputs = Vec::with_capacity(own.len() * segments * values);
        for (place, example) in examples.into_iter().enumerate() {
            ids.push(example.id);
            speakers.push(example.speaker);
            features.extend(example.feature);
            if own.contains(&place) {
                example.segments.into_iter().for_each(|segment| inputs.extend(segment));
            }
        }
        let labels = Labels { ids, speakers, features };
        let frames = values / front_end.values_per_frame();
        Self { labels, part, inputs, front_end, frames, segments }
    }

    /// The part of the batch divided into `count` shards of nearly equal size.
    ///
    /// # Errors
    /// [`TrainError::Data`] if the batch has too few examples.
    pub(crate) fn shards(self, count: usize) -> Result<Vec<Shard>, TrainError> {
        let (examples, all) = (self.labels.ids.len(), count * self.part.count);
        if examples < all {
            return Err(TrainError::Data(format!(
                "a batch has {examples} examples that are not silent, for {all} shards; hint: \
                 check the recordings"
            )));
        }
        let labels = Arc::new(self.labels);
        let values = self.segments * self.frames * self.front_end.values_per_frame();
        let mut inputs = self.inputs.into_iter();
        let shard = |index: usize| {
            let index = self.part.index * count + index;
            let range = BatchPart { index, count: all }.range(examples);
            let inputs = match count {
                1 => std::mem::take(&mut inputs).collect(),
                _ => inputs.by_ref().take(range.len() * values).collect(),
            };
            Shard {
                labels: Arc::clone(&labels),
                range,
                inputs,
                front_end: self.front_end,
                frames: self.frames,
                segments: self.segments,
            }
        };
        Ok((0..count).map(shard).collect())
    }
}

impl Labels {
    /// The target features of some voices of the batch.
    ///
    /// # Shapes
    /// - output: `[voices, D]`
    pub(crate) fn features(&self, voices: Range<usize>, device: &Device) -> Tensor<2> {
        let dimension = self.features.len() / self.ids.len().max(1);
        let shape = [voices.len(), dimension];
        let values = self.features[voices.start * dimension..voices.end * dimension].to_vec();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Which other voices of the batch are of the same speaker.
    ///
    /// # Shapes
    /// - output: `[voices, voices]`, false on the diagonal
    pub(crate) fn is_same_speaker(&self, device: &Device) -> Tensor<2, Bool> {
        let count = self.speakers.len();
        let same: Vec<bool> = (0..count * count)
            .map(|place| (place / count, place % count))
            .map(|(a, b)| a != b && self.speakers[a] == self.speakers[b])
            .collect();
        Tensor::from_data(TensorData::new(same, [count, count]), device)
    }
}

impl Shard {
    /// # Shapes
    /// - output: [`FrontEnd::shape`] of voices · segments clips
    pub(crate) fn inputs(&self, device: &Device) -> Tensor<4> {
        let shape = self.front_end.shape(self.range.len() * self.segments, self.frames);
        Tensor::from_data(TensorData::new(self.inputs.clone(), shape), device)
    }

    /// Number of voices, and of segments of each.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.range.len(), self.segments]
    }
}

#[cfg(test)]
mod tests {
    use s2f_audio::{Waveform, spectrogram};

    use super::*;

    #[test]
    fn speakers_and_segments_keep_their_order() {
        let voice = |level: f32| {
            let samples: Vec<f32> = (0..16_000).map(|n| level * (n as f32 * 0.1).sin()).collect();
            let voice = Waveform::from_interleaved(&samples, 1, Waveform::RATE_HZ).unwrap();
            spectrogram(&voice).into_data()
        };
        let example = |id: &str, speaker, level: f32| Example {
            id: id.into(),
            speaker,
            segments: vec![voice(level), voice(2.0 * level)],
            feature: vec![level, -level],
        };
        let examples = || vec![example("a", 1, 0.1), example("b", 2, 0.2), example("c", 1, 0.4)];
        let shards = |part, count| {
            Batch::new(examples(), FrontEnd::Spectrogram, part).shards(count).unwrap()
        };
        let device = Device::flex();
        let features = |shard: &Shard| -> Vec<f32> {
            shard.labels.features(shard.range.clone(), &device).into_data().iter().collect()
        };
        let whole = shards(BatchPart::WHOLE, 1).remove(0);
        assert_eq!(whole.shape(), [3, 2]);
        let same: Vec<bool> = whole.labels.is_same_speaker(&device).into_data().iter().collect();
        assert_eq!(same, [false, false, true, false, false, false, true, false, false]);
        let spectrograms = whole.inputs(&device);
        assert_eq!(spectrograms.dims(), [6, 2, 98, 257]);
        let third: Vec<f32> = spectrograms.narrow(0, 3, 1).into_data().iter().collect();
        assert_eq!(third, voice(0.4));
        assert_eq!(features(&whole), [0.1, -0.1, 0.2, -0.2, 0.4, -0.4]);

        let values = |tensor: Tensor<4>| tensor.into_data().iter().collect::<Vec<f32>>();
        let parts = shards(BatchPart::WHOLE, 3);
        assert_eq!(parts[1].inputs(&device).dims(), [2, 2, 98, 257]);
        assert_eq!(features(&parts[1]), [0.2, -0.2]);
        // Of two processes, the second has two of three examples; each has all labels.
        let [first, second] = [0, 1].map(|index| shards(BatchPart { index, count: 2 }, 1));
        assert_eq!(first[0].range, 0..1);
        assert_eq!(values(first[0].inputs(&device)), values(parts[0].inputs(&device)));
        assert_eq!(second[0].labels.ids, ["a", "b", "c"]);
        assert_eq!((second[0].range.clone(), second[0].shape()), (1..3, [2, 2]));
        let both = [&parts[1], &parts[2]].map(|shard| values(shard.inputs(&device))).concat();
        assert_eq!(values(second[0].inputs(&device)), both);
        // Two shards in each of two processes are the four of one.
        let four = || [examples(), vec![example("d", 3, 0.3)]].concat();
        let of = |part, count| -> Vec<(Range<usize>, Vec<f32>)> {
            let batch = Batch::new(four(), FrontEnd::Spectrogram, part);
            let shards = batch.shards(count).unwrap();
            shards.iter().map(|s| (s.range.clone(), values(s.inputs(&device)))).collect()
        };
        let apart = [0, 1].map(|index| of(BatchPart { index, count: 2 }, 2)).concat();
        assert_eq!(apart, of(BatchPart::WHOLE, 4));
        let few = Batch::new(examples(), FrontEnd::Spectrogram, BatchPart::WHOLE).shards(4);
        let message = few.err().unwrap().to_string();
        assert!(message.contains("3 examples"), "{message}");
    }
}
