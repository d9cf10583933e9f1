//! Training of the voice encoder: from a spectrogram to the feature of the faces that the voice is
//! paired with, through the frozen face decoder's eyes.

use std::path::Path;

use burn::module::{Module, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use s2f_audio::{Spectrogram, Waveform, spectrogram};
use s2f_corpus::Sex;
use s2f_face::{FaceSpace, border_points};
use s2f_nn::losses::{decoder_loss, direction_loss};
use s2f_nn::weights::{self, Precision};
use s2f_nn::{MobileFace, Model, ModelConfig, normalise};

use crate::face_decoder::WEIGHTS;
use crate::faces::Faces;
use crate::pairing::Targets;
use crate::run::{Environment, Event, Run};
use crate::scores::{self, VoiceEncoderScores};
use crate::voices::{Corpus, Voice, Voices};
use crate::{Augmentation, FaceDecoderTraining, TrainError, VoiceEncoderTraining, config};

/// Trains a voice encoder against a trained face decoder and leaves in `folder`: `config.toml`,
/// `metrics.jsonl`, `scores.json`, `voices.png` (faces of voices held out) and `model/`, a model
/// folder without its card.
///
/// # Errors
/// [`TrainError`]; what was written until then stays.
pub fn train_voice_encoder(
    config: &VoiceEncoderTraining,
    folder: &Path,
    mut tell: impl FnMut(&Event),
) -> Result<VoiceEncoderScores, TrainError> {
    config.check()?;
    let environment = Environment::new("cpu", config.seed, String::new());
    let mut run = Run::open(folder, config, &environment)?;
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    device.seed(config.seed);

    // The frozen half: the face decoder with the faces and the face space that it learnt from.
    let faces_config: FaceDecoderTraining =
        config::read(&config.face_decoder.join("config.toml"), &[])?;
    let faces = Faces::load(&faces_config.data, faces_config.seed, &plain)?;
    let encoder = MobileFace::from_mxnet(&faces_config.data.face_encoder_file(), &plain)?;
    let model_config = ModelConfig {
        name: config.name.clone(),
        face_space: FaceSpace::mobileface(),
        voice_encoder: config.network.clone(),
        face_decoder: faces_config.network,
        border: border_points().to_vec(),
    };
    let mut model = model_config.init(&plain)?;
    let clip = (config.augmentation.clip_s * f64::from(Waveform::RATE_HZ)) as usize;
    config.network.shapes((clip - Spectrogram::WINDOW) / Spectrogram::HOP + 1)?;
    model.face_decoder =
        weights::load_file(model.face_decoder, &config.face_decoder.join(WEIGHTS))?;
    let decoder = model.face_decoder.clone().freeze().train();

    let voices = Voices::load(&config.data, config.seed)?;
    let all: Vec<&Voice> = voices.train.iter().flat_map(|corpus| &corpus.voices).collect();
    let targets = Targets::new(&config.pairing, &faces.train, &all, &model.face_decoder, &encoder)?;

    let plan = &config.optimisation;
    let mut network = config.network.init(&device)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(plan.weight_decay as f32).init();
    for step in 0..plan.steps {
        let batch = batch(&voices.train, &config.augmentation, plan.batch, config.seed, step);
        let heard: Vec<(&Voice, f64)> = batch.iter().map(|(v, speed, _)| (*v, *speed)).collect();
        let target = targets.features(&heard, &plain).autodiff(); // [batch, D]
        let input =
            stack(batch.into_iter().map(|(_, _, spectrogram)| spectrogram).collect(), &plain);

        let feature = network.forward(input.autodiff()); // [batch, D]
        let seen = decoder_loss(
            decoder.first_layer(target.clone()),
            decoder.first_layer(normalise(feature.clone(), &model_config.face_space)),
        );
        let direction = direction_loss(target, feature);
        let losses = vec![
            ("decoder", seen.clone().into_scalar::<f64>()),
            ("direction", direction.clone().into_scalar::<f64>()),
        ];
        let total = seen * config.losses.decoder + direction * config.losses.direction;
        let gradients = GradientsParams::from_grads(total.backward(), &network);
        network = optimizer.step(plan.rate(step), network, gradients);

        run.log(step + 1, &losses, &[])?;
        tell(&Event::Step { step: step + 1, losses });
    }

    let heard: Vec<(&Voice, f64)> = all.iter().map(|&voice| (voice, 1.0)).collect();
    model.mean_feature =
        Param::from_tensor(targets.features(&heard, &plain).mean_dim(0).squeeze_dim(0));
    model.voice_encoder = network.valid();
    save(&run, &model_config, &model)?;
    let reader = scores::Readers::open(&config.data)?;
    let (scores, sheet) = scores::score(&model, &model_config.face_space, &voices.test, &reader)?;
    run.write("voices.png", &sheet)?;
    run.write_json("scores.json", &scores)?;
    Ok(scores)
}

/// A batch: voice, speed and spectrogram. The sexes take turns, then a corpus, a speaker and a
/// recording are drawn, so that neither a large corpus nor a talkative speaker weighs more. Each
/// example has a generator of its own: the batch does not depend on the number of threads.
fn batch<'a>(
    corpora: &'a [Corpus],
    augmentation: &Augmentation,
    size: usize,
    seed: u64,
    step: usize,
) -> Vec<(&'a Voice, f64, Spectrogram)> {
    let example = |index: usize| {
        let mut rng = StdRng::seed_from_u64(
            seed ^ ((step * size + index) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        );
        let sex = if index.is_multiple_of(2) { Sex::Female } else { Sex::Male };
        let with_sex: Vec<&Corpus> =
            corpora.iter().filter(|corpus| corpus.voices.iter().any(|v| v.sex == sex)).collect();
        let corpus = with_sex.choose(&mut rng)?;
        let of_sex: Vec<&Voice> = corpus.voices.iter().filter(|voice| voice.sex == sex).collect();
        let speaker = &of_sex[rng.random_range(0..of_sex.len())].speaker;
        let own: Vec<&Voice> = of_sex.iter().copied().filter(|v| v.speaker == *speaker).collect();
        let voice = *own.choose(&mut rng)?;
        let clip = augmentation.clip(&voice.waveform, &mut rng)?;
        Some((voice, clip.speed, spectrogram(&clip.waveform)))
    };
    (0..size).into_par_iter().filter_map(example).collect()
}

/// Spectrograms of equal length as one tensor `[n, 2, frames, 257]`.
pub(crate) fn stack(spectrograms: Vec<Spectrogram>, device: &Device) -> Tensor<4> {
    let (count, frames) = (spectrograms.len(), spectrograms.first().map_or(0, Spectrogram::frames));
    let numbers: Vec<f32> = spectrograms.into_iter().flat_map(Spectrogram::into_data).collect();
    Tensor::from_data(TensorData::new(numbers, [count, 2, frames, Spectrogram::BINS]), device)
}

fn save(run: &Run, config: &ModelConfig, model: &Model) -> Result<(), TrainError> {
    run.write_json("model/config.json", config)?;
    run.write("model/model.safetensors", &weights::save(model, Precision::Half)?)
}
