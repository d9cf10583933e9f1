//! Speech detection: Silero VAD, a small recurrent network, on chunks of 32 ms.
//!
//! Source: Silero Team, "Silero VAD", <https://github.com/snakers4/silero-vad>, file
//! `silero_vad_16k_op15.onnx` (for 16 kHz only), which is embedded here under its MIT licence
//! (`models/LICENSE-silero_vad.txt`).

use std::path::{Path, PathBuf};

use rten::{LoadError, Model, NodeId};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use s2f_core::onnx::{one_thread, unoptimised};

use crate::waveform::Waveform;

/// The shipped network.
const SHIPPED: &[u8] = include_bytes!("../models/silero_vad_16k_op15.onnx");

/// A file that is not the speech detector, or one that does not run.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{}: not the speech detector: {reason}; hint: use silero_vad_16k_op15.onnx of \
     snakers4/silero-vad",
    path.display()
)]
pub struct SpeechError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// How much of a recording is speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speech {
    /// Seconds of speech.
    pub seconds: f64,
    /// Their share of what was examined, 0 to 1.
    pub share: f64,
}

/// The speech detector. Can be shared by threads.
pub struct SpeechDetector {
    path: PathBuf,
    model: Model,
    input: NodeId,
    features: NodeId,
    recurrent: RecurrentLayer,
}

/// Samples per probability.
const CHUNK: usize = 512;
/// Samples before a chunk that are part of its input.
const CONTEXT: usize = 64;
/// Chunks per batch of the convolutions: 4 s, which take 2 MB.
const BATCH: usize = 125;
/// Width of the recurrent layer.
const WIDTH: usize = 128;
/// The output of the convolutions in the graph.
const FEATURES: &str = "/model/encoder/3/activation/Relu_output_0";

/// Speech starts at a chunk with at least this probability. This and the next values are the
/// defaults of the network's authors, `get_speech_timestamps` in `utils_vad.py`.
const START: f32 = 0.5;
/// Speech ends when the probability stays below this value …
const END: f32 = START - 0.15;
/// … for at least 100 ms.
const SILENT_CHUNKS: usize = (Waveform::RATE_HZ as usize / 10).div_ceil(CHUNK); // 4
/// Speech must last at least 250 ms; shorter sounds are coughs or clicks.
const MIN_SPEECH_CHUNKS: usize = (Waveform::RATE_HZ as usize / 4).div_ceil(CHUNK); // 8

impl SpeechDetector {
    /// The shipped network.
    ///
    /// # Errors
    /// [`SpeechError`] if it cannot be loaded.
    pub fn shipped() -> Result<Self, SpeechError> {
        Self::load(Path::new("silero_vad"), unoptimised().load_static_slice(SHIPPED))
    }

    /// Loads `silero_vad_16k_op15.onnx`.
    ///
    /// # Errors
    /// [`SpeechError`] if the file cannot be read or is not this network.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SpeechError> {
        let path = path.as_ref();
        let failed =
            |error: std::io::Error| SpeechError { path: path.into(), reason: error.to_string() };
        let bytes = std::fs::read(path).map_err(failed)?;
        Self::load(path, unoptimised().load(bytes))
    }

    fn load(path: &Path, model: Result<Model, LoadError>) -> Result<Self, SpeechError> {
        let wrong = |reason: String| SpeechError { path: path.into(), reason };
        let model = model.map_err(|error| wrong(error.to_string()))?;
        let node = |name: &str| {
            model.find_node(name).ok_or_else(|| wrong(format!("it has no value `{name}`")))
        };
        let (input, features) = (node("input")?, node(FEATURES)?);
        let weights = |name: &str, length: usize| {
            let weights = run(&model, vec![], node(name)?).map_err(wrong)?;
            if weights.len() == length {
                return Ok(weights);
            }
            Err(wrong(format!("`{name}` has {} values, not {length}", weights.len())))
        };
        let recurrent = RecurrentLayer::new(
            &weights("model.decoder.rnn.weight_ih", 4 * WIDTH * WIDTH)?,
            &weights("model.decoder.rnn.weight_hh", 4 * WIDTH * WIDTH)?,
            &weights("model.decoder.rnn.bias_ih", 4 * WIDTH)?,
            &weights("model.decoder.rnn.bias_hh", 4 * WIDTH)?,
            weights("model.decoder.decoder.2.weight", WIDTH)?,
            weights("model.decoder.decoder.2.bias", 1)?[0],
        );
        Ok(Self { path: path.into(), model, input, features, recurrent })
    }

    /// The probability of speech, 0 to 1, for each 512 samples of `voice`; the last chunk is padded
    /// with silence.
    ///
    /// # Errors
    /// [`SpeechError`] if the network does not run.
    pub fn probabilities(&self, voice: &Waveform) -> Result<Vec<f32>, SpeechError> {
        let failed = |reason| SpeechError { path: self.path.clone(), reason };
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
            // The convolutions of a chunk do not depend on other chunks, so they run in batches.
            let features = run(&self.model, vec![(self.input, input.into())], self.features)
                .map_err(failed)?;
            if features.len() != batch * WIDTH {
                return Err(failed(format!("`{FEATURES}` has {} values", features.len())));
            }
            for feature in features.chunks_exact(WIDTH) {
                probabilities.push(self.recurrent.step(feature, &mut state));
            }
        }
        Ok(probabilities)
    }

    /// Seconds of speech in `voice`: from a chunk with a probability of at least 0.5 until it stays
    /// below 0.35 for 100 ms, if that is at least 250 ms. Pauses shorter than 100 ms count as
    /// speech.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn speech_seconds(&self, voice: &Waveform) -> Result<f64, SpeechError> {
        let chunks = spoken_chunks(&self.probabilities(voice)?);
        let seconds = (chunks * CHUNK) as f64 / f64::from(Waveform::RATE_HZ);
        Ok(seconds.min(voice.seconds()))
    }
}

impl SpeechDetector {
    /// How much of `voice` is speech.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn speech(&self, voice: &Waveform) -> Result<Speech, SpeechError> {
        let seconds = self.speech_seconds(voice)?;
        Ok(Speech { seconds, share: seconds / voice.seconds() })
    }
}

/// All elements of the value `output`.
fn run(
    model: &Model,
    inputs: Vec<(NodeId, rten::ValueOrView<'_>)>,
    output: NodeId,
) -> Result<Vec<f32>, String> {
    let [value] =
        model.run_n(inputs, [output], Some(one_thread())).map_err(|error| error.to_string())?;
    let values: Tensor<f32> = value.try_into().map_err(|error| format!("{error}"))?;
    Ok(values.to_vec())
}

/// Number of chunks that belong to speech.
fn spoken_chunks(probabilities: &[f32]) -> usize {
    let mut total = 0;
    // In the current interval: chunks up to the last one that is not silent, and silent ones since.
    let (mut spoken, mut silent) = (0, 0);
    for &probability in probabilities.iter().chain(&[0.0; SILENT_CHUNKS]) {
        match (spoken, probability) {
            (0, p) if p < START => {}
            (_, p) if p >= END => {
                spoken += silent + 1;
                silent = 0;
            }
            _ => {
                silent += 1;
                if silent == SILENT_CHUNKS {
                    total += if spoken < MIN_SPEECH_CHUNKS { 0 } else { spoken };
                    (spoken, silent) = (0, 0);
                }
            }
        }
    }
    total
}

/// The recurrent layer (LSTM) and the output after it. The graph would slice and concatenate these
/// weights for every chunk, which takes longer than everything else.
struct RecurrentLayer {
    /// From the features and the layer's own output to the gates, a row of `4 * WIDTH` for each.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Weights from the layer to the probability.
    head: Vec<f32>,
    head_bias: f32,
}

/// The state of the layer: its output and its cells.
struct State {
    output: [f32; WIDTH],
    cells: [f32; WIDTH],
}

impl Default for State {
    fn default() -> Self {
        Self { output: [0.0; WIDTH], cells: [0.0; WIDTH] }
    }
}

impl RecurrentLayer {
    /// From weights `[4 * WIDTH, WIDTH]` and biases `[4 * WIDTH]` in the order of PyTorch's
    /// `LSTMCell`: input, forget, cell and output gate.
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

    /// The probability of speech for the features of the next chunk.
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
        Some(SpeechDetector::shipped().unwrap())
    }

    fn reading() -> Option<Waveform> {
        let path = data("data/voices/librispeech/1183-124566-0000.flac")?;
        Some(crate::read(&path, &crate::Limits::default()).unwrap())
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
    fn the_state_is_kept_between_batches() {
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
        // The second half is detected like the first one.
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
    fn intervals_of_speech() {
        let check = |pattern: &[(f32, usize)], chunks: usize| {
            let probabilities: Vec<f32> =
                pattern.iter().flat_map(|&(p, count)| std::iter::repeat_n(p, count)).collect();
            assert_eq!(spoken_chunks(&probabilities), chunks, "{pattern:?}");
        };
        check(&[], 0);
        check(&[(0.4, 50)], 0); // never starts
        check(&[(0.9, 7)], 0); // too short
        check(&[(0.9, 8)], 8);
        check(&[(0.1, 9), (0.9, 10), (0.4, 5), (0.1, 9)], 15); // above END
        check(&[(0.9, 10), (0.1, 3), (0.9, 10)], 23); // a short pause
        check(&[(0.9, 10), (0.1, 4), (0.9, 10)], 20); // a long one
        check(&[(0.9, 10), (0.1, 4), (0.9, 7)], 10);
        check(&[(0.9, 10), (0.1, 3)], 10); // the end
    }

    #[test]
    fn a_file_that_is_not_the_network_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"no network").unwrap();
        let error = SpeechDetector::open(file.path()).err().unwrap();
        assert!(matches!(error, SpeechError { .. }), "{error}");
        let error = SpeechDetector::open("/nonexistent/vad.onnx").err().unwrap();
        assert!(error.to_string().contains("vad.onnx"), "{error}");
    }
}
