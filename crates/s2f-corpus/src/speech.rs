//! Whether somebody speaks: Silero VAD, a small recurrent network, over chunks of 32 ms.
//!
//! Source: Silero Team, "Silero VAD", <https://github.com/snakers4/silero-vad>, file
//! `silero_vad_16k_op15.onnx` (16 kHz alone).

use std::path::{Path, PathBuf};

use rten::{Model, ModelOptions, NodeId};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use s2f_audio::Waveform;
use s2f_core::FileError;

use crate::CorpusError;

/// The detector, ready to run. One may be shared by threads.
pub struct SpeechDetector {
    path: PathBuf,
    model: Model,
    input: NodeId,
    features: NodeId,
    memory: Memory,
}

/// Samples that one probability is for.
const CHUNK: usize = 512;
/// Samples before a chunk that the network sees again.
const CONTEXT: usize = 64;
/// Chunks that go through the convolutions at once: 8 s, which take 4 MB.
const BATCH: usize = 250;
/// Width of the recurrent layer.
const WIDTH: usize = 128;
/// Where the convolutions end in the graph.
const FEATURES: &str = "/model/encoder/3/activation/Relu_output_0";

/// Speech begins with a chunk of at least this probability (here and below: what the network's
/// authors use by default, `get_speech_timestamps` in `utils_vad.py`) …
const BEGIN: f32 = 0.5;
/// … and goes on until chunks lie below this one …
const END: f32 = BEGIN - 0.15;
/// … for at least 100 ms.
const SILENT_CHUNKS: usize = (Waveform::RATE_HZ as usize / 10).div_ceil(CHUNK); // 4
/// Speech shorter than 250 ms is a cough or a click.
const SPOKEN_CHUNKS: usize = (Waveform::RATE_HZ as usize / 4).div_ceil(CHUNK); // 8

impl SpeechDetector {
    /// Loads `silero_vad_16k_op15.onnx`.
    ///
    /// # Errors
    /// [`CorpusError::File`] where the file cannot be read, [`CorpusError::SpeechModel`] where it is
    /// not this network.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CorpusError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
        let wrong = |reason: String| CorpusError::SpeechModel { path: path.into(), reason };
        let model =
            ModelOptions::with_all_ops().load(bytes).map_err(|error| wrong(error.to_string()))?;
        let node = |name: &str| {
            model.find_node(name).ok_or_else(|| wrong(format!("it has no value `{name}`")))
        };
        let (input, features) = (node("input")?, node(FEATURES)?);
        let weights = |name: &str, length: usize| {
            let weights = run(&model, vec![], node(name)?).map_err(wrong)?;
            if weights.len() == length {
                return Ok(weights);
            }
            Err(wrong(format!("`{name}` has {} numbers, not {length}", weights.len())))
        };
        let memory = Memory::new(
            &weights("model.decoder.rnn.weight_ih", 4 * WIDTH * WIDTH)?,
            &weights("model.decoder.rnn.weight_hh", 4 * WIDTH * WIDTH)?,
            &weights("model.decoder.rnn.bias_ih", 4 * WIDTH)?,
            &weights("model.decoder.rnn.bias_hh", 4 * WIDTH)?,
            weights("model.decoder.decoder.2.weight", WIDTH)?,
            weights("model.decoder.decoder.2.bias", 1)?[0],
        );
        Ok(Self { path: path.into(), model, input, features, memory })
    }

    /// How probable speech is, 0 to 1, in each 512 samples of `voice`; the last ones are filled up
    /// with silence.
    ///
    /// # Errors
    /// [`CorpusError::SpeechModel`] where the network does not run.
    pub fn probabilities(&self, voice: &Waveform) -> Result<Vec<f32>, CorpusError> {
        let failed = |reason| CorpusError::SpeechModel { path: self.path.clone(), reason };
        let samples = voice.samples();
        let chunks = samples.len().div_ceil(CHUNK);
        let mut probabilities = Vec::with_capacity(chunks);
        let mut state = State::default();
        for first in (0..chunks).step_by(BATCH) {
            let batch = BATCH.min(chunks - first);
            let mut input = vec![0.0; batch * (CONTEXT + CHUNK)];
            for (row, chunk) in input.chunks_exact_mut(CONTEXT + CHUNK).zip(first..) {
                let start = (chunk * CHUNK).saturating_sub(CONTEXT);
                let end = samples.len().min((chunk + 1) * CHUNK);
                // Before the recording there is silence.
                let at = CONTEXT + start - chunk * CHUNK;
                row[at..at + end - start].copy_from_slice(&samples[start..end]);
            }
            let input = NdTensor::from_data([batch, CONTEXT + CHUNK], input);
            // A chunk's convolutions need nothing of the others, so that many go at once.
            let features = run(&self.model, vec![(self.input, input.into())], self.features)
                .map_err(failed)?;
            if features.len() != batch * WIDTH {
                return Err(failed(format!("`{FEATURES}` has {} numbers", features.len())));
            }
            for feature in features.chunks_exact(WIDTH) {
                probabilities.push(self.memory.step(feature, &mut state));
            }
        }
        Ok(probabilities)
    }

    /// How many seconds of `voice` are speech: from a chunk of probability 0.5 or more until 100 ms
    /// lie below 0.35, if that is 250 ms or longer. Pauses between words count as speech while they
    /// are shorter than 100 ms.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn speech_seconds(&self, voice: &Waveform) -> Result<f64, CorpusError> {
        let chunks = spoken_chunks(&self.probabilities(voice)?);
        let seconds = (chunks * CHUNK) as f64 / f64::from(Waveform::RATE_HZ);
        Ok(seconds.min(voice.seconds()))
    }
}

/// All numbers of the value `output`.
fn run(
    model: &Model,
    inputs: Vec<(NodeId, rten::ValueOrView<'_>)>,
    output: NodeId,
) -> Result<Vec<f32>, String> {
    let [value] = model.run_n(inputs, [output], None).map_err(|error| error.to_string())?;
    let values: Tensor<f32> = value.try_into().map_err(|error| format!("{error}"))?;
    Ok(values.to_vec())
}

/// Chunks that belong to speech.
fn spoken_chunks(probabilities: &[f32]) -> usize {
    let mut total = 0;
    // Of the stretch at hand: chunks up to the last one that is not silent, and silent ones since.
    let (mut spoken, mut silent) = (0, 0);
    for &probability in probabilities.iter().chain(&[0.0; SILENT_CHUNKS]) {
        match (spoken, probability) {
            (0, p) if p < BEGIN => {}
            (_, p) if p >= END => {
                spoken += silent + 1;
                silent = 0;
            }
            _ => {
                silent += 1;
                if silent == SILENT_CHUNKS {
                    total += if spoken < SPOKEN_CHUNKS { 0 } else { spoken };
                    (spoken, silent) = (0, 0);
                }
            }
        }
    }
    total
}

/// The recurrent layer and the probability after it. The graph would cut and join these weights
/// anew for every chunk, which takes longer than all else.
struct Memory {
    /// From the features and the layer's own output to the gates, a row of `4 * WIDTH` for each.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// From the layer to the probability.
    head: Vec<f32>,
    head_bias: f32,
}

/// What the layer remembers: its output and its cells.
struct State {
    output: [f32; WIDTH],
    cells: [f32; WIDTH],
}

impl Default for State {
    fn default() -> Self {
        Self { output: [0.0; WIDTH], cells: [0.0; WIDTH] }
    }
}

impl Memory {
    /// From weights `[4 * WIDTH, WIDTH]` and biases `[4 * WIDTH]` as PyTorch's `LSTMCell` has them:
    /// input, forget, cell and output gate one below the other.
    fn new(
        from_input: &[f32],
        from_output: &[f32],
        bias_input: &[f32],
        bias_output: &[f32],
        head: Vec<f32>,
        head_bias: f32,
    ) -> Self {
        let transposed = |weights: &[f32]| {
            (0..WIDTH)
                .flat_map(|column| (0..4 * WIDTH).map(move |row| (row, column)))
                .map(|(row, column)| weights[row * WIDTH + column])
                .collect::<Vec<f32>>()
        };
        let weights = [transposed(from_input), transposed(from_output)].concat();
        let bias = bias_input.iter().zip(bias_output).map(|(a, b)| a + b).collect();
        Self { weights, bias, head, head_bias }
    }

    /// The probability of speech after one more chunk's features.
    fn step(&self, features: &[f32], state: &mut State) -> f32 {
        let mut gates = [0.0; 4 * WIDTH];
        gates.copy_from_slice(&self.bias);
        let inputs = features.iter().chain(&state.output);
        for (&input, row) in inputs.zip(self.weights.chunks_exact(4 * WIDTH)) {
            for (gate, weight) in gates.iter_mut().zip(row) {
                *gate += input * weight;
            }
        }
        let mut score = self.head_bias;
        for unit in 0..WIDTH {
            let [input, forget, cell, output] = [0, 1, 2, 3].map(|gate| gates[gate * WIDTH + unit]);
            let remembered = sigmoid(forget) * state.cells[unit] + sigmoid(input) * cell.tanh();
            state.cells[unit] = remembered;
            state.output[unit] = sigmoid(output) * remembered.tanh();
            score += self.head[unit] * state.output[unit].max(0.0);
        }
        sigmoid(score)
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use s2f_testing::data;

    use super::*;

    fn detector() -> Option<SpeechDetector> {
        let path = data("models/silero_vad/silero_vad_16k_op15.onnx")?;
        Some(SpeechDetector::open(path).unwrap())
    }

    fn reading() -> Option<Waveform> {
        let path = data("data/voices/librispeech/1183-124566-0000.flac")?;
        Some(s2f_audio::read(&path, &s2f_audio::Limits::default()).unwrap())
    }

    fn waveform(samples: &[f32]) -> Waveform {
        Waveform::from_interleaved(samples, 1, Waveform::RATE_HZ).unwrap()
    }

    /// ONNX Runtime 1.31 on the same recording. Both work in f32 and sum in another order; over
    /// 193 steps of the recurrence that stays below 1e-4.
    #[test]
    fn probabilities_are_those_of_onnx_runtime() {
        let (Some(detector), Some(voice), Some(reference)) =
            (detector(), reading(), data("models/reference/silero_vad/output_f32.npy"))
        else {
            return;
        };
        let bytes = std::fs::read(reference).unwrap();
        let expected: Vec<f32> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
        let found = detector.probabilities(&voice).unwrap();
        assert_eq!(found.len(), expected.len());
        for (chunk, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-4, "chunk {chunk}: {found}, not {expected}");
        }
    }

    #[test]
    fn a_recording_longer_than_a_batch_goes_on_where_it_was() {
        let (Some(detector), Some(voice)) = (detector(), reading()) else { return };
        let part = detector.probabilities(&voice).unwrap();
        let long = waveform(&[voice.samples(), voice.samples()].concat());
        let all = detector.probabilities(&long).unwrap();
        assert!(all.len() > BATCH);
        let whole = voice.samples().len() / CHUNK;
        // Batches of other sizes may sum in another order.
        for (chunk, (all, part)) in all.iter().zip(&part[..whole]).enumerate() {
            assert!((all - part).abs() < 1e-4, "chunk {chunk}");
        }
        // The second reading is found like the first one.
        let seconds = detector.speech_seconds(&long).unwrap();
        let once = detector.speech_seconds(&voice).unwrap();
        assert!((seconds - 2.0 * once).abs() < 0.5, "{seconds} s, once {once} s");
    }

    #[test]
    fn noise_tones_and_silence_are_not_speech() {
        let Some(detector) = detector() else { return };
        let mut random = StdRng::seed_from_u64(1);
        let time = |n: i32| n as f32 / 16_000.0;
        let noise: Vec<f32> = (0..96_000).map(|_| random.random_range(-0.3..0.3)).collect();
        let tone: Vec<f32> = (0..96_000).map(|n| 0.3 * (TAU * 440.0 * time(n)).sin()).collect();
        let chord: Vec<f32> = (0..96_000)
            .map(|n| {
                let fade = (-4.0 * (time(n) * 2.0).fract()).exp();
                let root = 220.0 * [1.0, 1.125, 1.25, 1.5][(time(n) * 2.0) as usize % 4];
                let tones = [1.0, 1.25, 1.5, 2.0].map(|k| (TAU * root * k * time(n)).sin());
                0.1 * fade * tones.iter().sum::<f32>()
            })
            .collect();
        for (name, samples) in
            [("silence", vec![0.0; 96_000]), ("noise", noise), ("tone", tone), ("chord", chord)]
        {
            let seconds = detector.speech_seconds(&waveform(&samples)).unwrap();
            assert_eq!(seconds, 0.0, "{name}");
        }
    }

    #[test]
    fn stretches_of_speech() {
        let check = |pattern: &[(f32, usize)], chunks: usize| {
            let probabilities: Vec<f32> =
                pattern.iter().flat_map(|&(p, count)| std::iter::repeat_n(p, count)).collect();
            assert_eq!(spoken_chunks(&probabilities), chunks, "{pattern:?}");
        };
        check(&[], 0);
        check(&[(0.4, 50)], 0); // never begins
        check(&[(0.9, 7)], 0); // too short
        check(&[(0.9, 8)], 8);
        check(&[(0.1, 9), (0.9, 10), (0.4, 5), (0.1, 9)], 15); // goes on above the lower threshold
        check(&[(0.9, 10), (0.1, 3), (0.9, 10)], 23); // a short pause
        check(&[(0.9, 10), (0.1, 4), (0.9, 10)], 20); // a long one
        check(&[(0.9, 10), (0.1, 4), (0.9, 7)], 10);
        check(&[(0.9, 10), (0.1, 3)], 10); // the end
    }

    #[test]
    fn what_is_not_the_network_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"no network").unwrap();
        let error = SpeechDetector::open(file.path()).err().unwrap();
        assert!(matches!(error, CorpusError::SpeechModel { .. }), "{error}");
        let error = SpeechDetector::open("/nonexistent/vad.onnx").err().unwrap();
        assert!(error.to_string().contains("vad.onnx"), "{error}");
    }
}
