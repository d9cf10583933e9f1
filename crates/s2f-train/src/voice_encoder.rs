//! Training of the voice encoder: from a spectrogram to the face feature of the speaker, or of the
//! faces that the voice is paired with, through the frozen face decoder's eyes.

use std::path::Path;
use std::thread;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use s2f_nn::weights::{self, Precision};
use s2f_nn::{Model, ModelConfig};

use crate::config::Watch;
use crate::frozen::Frozen;
use crate::learner::Learner;
use crate::loader::Loader;
use crate::run::{Progress, Run};
use crate::source::{Source, VoiceEncoderScores};
use crate::voice_losses::Terms;
use crate::{TrainError, VoiceEncoderTraining};

/// Trains a voice encoder against a frozen face decoder and leaves in `folder`: `config.toml`,
/// `metrics.jsonl`, `scores.json`, `voices.png` (faces of voices that were not trained on) and
/// `model/`, a model folder without its card.
///
/// # Errors
/// [`TrainError`]; what was written until then stays.
pub fn train_voice_encoder(
    config: &VoiceEncoderTraining,
    folder: &Path,
    mut tell: impl FnMut(&Progress),
) -> Result<VoiceEncoderScores, TrainError> {
    config.check()?;
    let mut run = Run::start(folder, config)?;
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    device.seed(config.seed);

    let frozen = Frozen::open(&config.face_decoder, &plain)?;
    let source = Source::open(config, &frozen, &plain)?;
    let examples = source.examples(config)?;
    let terms = Terms::new(&config.losses, &frozen, &plain)?;
    let mut weights = terms.weights();
    let learner = Learner::new(config, source.mean_feature(), &device)?;
    let plan = &config.optimisation;
    let mut optimizer = plan.init();
    let steps = plan.steps(examples.len());

    let learner = thread::scope(|scope| -> Result<Learner, TrainError> {
        let mut learner = learner;
        let mut best: Option<(f64, Learner)> = None;
        let loader = Loader::start(scope, &*examples, 0, steps);
        for step in 0..steps {
            let mut batch = loader.next()?;
            let face = batch.features(&plain).autodiff(); // [batch, D]
            let is_same = batch.is_same_speaker(&plain);
            let voice = learner.hear(&mut batch, &plain); // [batch, D]
            let contrast = learner.contrast.as_ref();
            if step + 1 == config.losses.balance_losses_at {
                weights = terms.balanced(&weights, &face, &voice, contrast, &is_same);
            }
            let terms = terms.of(&face, &voice, contrast, &is_same);
            let losses =
                terms.iter().map(|(name, term)| (*name, term.clone().into_scalar::<f64>()));
            let losses = losses.collect();
            let weighted =
                terms.into_iter().zip(&weights).map(|((_, term), weight)| term * *weight);
            let Some(total) = weighted.reduce(|sum, term| sum + term) else { break };
            let gradients = GradientsParams::from_grads(total.backward(), &learner);
            learner = optimizer.step(plan.rate(step, steps), learner, gradients);

            let progress = Progress { step: step + 1, steps, losses };
            run.log(&progress)?;
            tell(&progress);
            if Watch::is_due(config.watch.validate_every, step + 1, steps)
                && let Some(scores) = source.validate(
                    &learner.valid().voice_encoder,
                    &frozen.face_space,
                    config,
                    &plain,
                )?
            {
                run.write_json("validation.json", &scores)?;
                if best.as_ref().is_none_or(|(before, _)| scores.summary() > *before) {
                    best = Some((scores.summary(), learner.clone()));
                }
            }
        }
        Ok(best.map_or(learner, |(_, best)| best))
    })?;

    let config_of_model = ModelConfig {
        name: config.name.clone(),
        face_space: frozen.face_space.clone(),
        voice_encoder: config.network.clone(),
        face_decoder: frozen.config.clone(),
        border: frozen.border.clone(),
    };
    let mean_feature = Tensor::from_floats(source.mean_feature(), &plain);
    let model = Model {
        voice_encoder: learner.valid().voice_encoder,
        face_decoder: frozen.decoder.clone(),
        mean_feature: Param::from_tensor(mean_feature),
    };
    save(&run, &config_of_model, &model)?;
    let (scores, sheet) = source.score(&model, &config_of_model.face_space, config, &plain)?;
    run.write("voices.png", &sheet)?;
    run.write_json("scores.json", &scores)?;
    Ok(scores)
}

fn save(run: &Run, config: &ModelConfig, model: &Model) -> Result<(), TrainError> {
    run.write_json("model/config.json", config)?;
    run.write("model/model.safetensors", &weights::save(model, Precision::Half)?)
}
