//! Batches of examples. A batch depends only on the seed and the step, so a resumed run gets the
//! same batches, regardless of the number of threads.

use burn::tensor::{Bool, Device, Tensor, TensorData};
use s2f_nn::FrontEnd;

use crate::TrainError;

/// The examples of a step.
pub(crate) struct Batch {
    /// Names of the voices, for messages.
    pub(crate) ids: Vec<String>,
    /// Identifier of each voice's speaker.
    speakers: Vec<u64>,
    /// What the network reads of all segments, voice by voice.
    inputs: Vec<f32>,
    front_end: FrontEnd,
    frames: usize,
    segments: usize,
    /// The target feature of each voice.
    features: Vec<f32>,
}

/// One voice of a batch.
pub(crate) struct Example {
    pub(crate) id: String,
    pub(crate) speaker: u64,
    /// What the network reads of each segment, see [`speech2face::front_end`]; of equal length.
    pub(crate) segments: Vec<Vec<f32>>,
    pub(crate) feature: Vec<f32>,
}

/// A source of batches.
pub(crate) trait Examples: Send + Sync {
    /// Number of examples in an epoch.
    fn len(&self) -> usize;

    /// The batch of a step, counted from 0.
    fn batch(&self, step: usize) -> Result<Batch, TrainError>;
}

impl Batch {
    pub(crate) fn new(examples: Vec<Example>, front_end: FrontEnd) -> Self {
        let values = examples.first().and_then(|e| e.segments.first()).map_or(0, Vec::len);
        let segments = examples.first().map_or(0, |e| e.segments.len());
        let mut batch = Self {
            ids: Vec::with_capacity(examples.len()),
            speakers: Vec::with_capacity(examples.len()),
            inputs: Vec::with_capacity(examples.len() * segments * values),
            front_end,
            frames: values / front_end.values_per_frame(),
            segments,
            features: Vec::new(),
        };
        for example in examples {
            batch.ids.push(example.id);
            batch.speakers.push(example.speaker);
            batch.features.extend(example.feature);
            for segment in example.segments {
                batch.inputs.extend(segment);
            }
        }
        batch
    }

    /// The batch divided into `count` equal parts; remaining voices are not used.
    pub(crate) fn shards(mut self, count: usize) -> Vec<Self> {
        if count == 1 {
            return vec![self];
        }
        let voices = self.ids.len() / count;
        let values = self.segments * self.frames * self.front_end.values_per_frame();
        let dimension = self.features.len() / self.ids.len().max(1);
        let mut part = || Self {
            ids: self.ids.drain(..voices).collect(),
            speakers: self.speakers.drain(..voices).collect(),
            inputs: self.inputs.drain(..voices * values).collect(),
            features: self.features.drain(..voices * dimension).collect(),
            front_end: self.front_end,
            frames: self.frames,
            segments: self.segments,
        };
        (0..count).map(|_| part()).collect()
    }

    /// # Shapes
    /// - output: [`FrontEnd::shape`] of voices · segments clips
    pub(crate) fn inputs(&mut self, device: &Device) -> Tensor<4> {
        let shape = self.front_end.shape(self.ids.len() * self.segments, self.frames);
        Tensor::from_data(TensorData::new(std::mem::take(&mut self.inputs), shape), device)
    }

    /// # Shapes
    /// - output: `[voices, D]`
    pub(crate) fn features(&mut self, device: &Device) -> Tensor<2> {
        let shape = [self.ids.len(), self.features.len() / self.ids.len().max(1)];
        Tensor::from_data(TensorData::new(std::mem::take(&mut self.features), shape), device)
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

    /// Number of voices, and of segments of each.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.ids.len(), self.segments]
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
        let mut batch = Batch::new(examples(), FrontEnd::Spectrogram);
        let device = Device::flex();
        assert_eq!(batch.shape(), [3, 2]);
        let same: Vec<bool> = batch.is_same_speaker(&device).into_data().iter().collect();
        assert_eq!(same, [false, false, true, false, false, false, true, false, false]);
        let spectrograms = batch.inputs(&device);
        assert_eq!(spectrograms.dims(), [6, 2, 98, 257]);
        let third: Vec<f32> = spectrograms.narrow(0, 3, 1).into_data().iter().collect();
        assert_eq!(third, voice(0.4));
        let features: Vec<f32> = batch.features(&device).into_data().iter().collect();
        assert_eq!(features, [0.1, -0.1, 0.2, -0.2, 0.4, -0.4]);

        let mut parts = Batch::new(examples(), FrontEnd::Spectrogram).shards(3);
        assert_eq!(parts.iter().map(|p| &p.ids[..]).collect::<Vec<_>>(), [["a"], ["b"], ["c"]]);
        let second = parts[1].inputs(&device);
        assert_eq!(second.dims(), [2, 2, 98, 257]);
        let features: Vec<f32> = parts[1].features(&device).into_data().iter().collect();
        assert_eq!(features, [0.2, -0.2]);
        let two = Batch::new(examples(), FrontEnd::Spectrogram).shards(2);
        assert_eq!(two.iter().map(|p| p.shape()).collect::<Vec<_>>(), [[1, 2], [1, 2]]);
    }
}
