//! Training of the voice encoder: from a spectrogram to the face feature of the speaker, or of the
//! faces that the voice is paired with, through the frozen face decoder's eyes.

use std::path::Path;
use std::thread;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use s2f_nn::weights::{self, Precision};
use s2f_nn::{Model, ModelConfig};
use serde::{Deserialize, Serialize};

use crate::devices::{Compute, Devices, LossScale};
use crate::frozen::Frozen;
use crate::learner::Learner;
use crate::loader::Loader;
use crate::run::{Environment, Event, Run};
use crate::source::{Source, VoiceEncoderScores};
use crate::voice_losses::{Term, Terms, Weights};
use crate::{TrainError, VoiceEncoderTraining, Watch};

/// State of the loop besides what [`Run`] keeps.
#[derive(Serialize, Deserialize)]
struct State {
    weights: Weights,
    scale: LossScale,
}

/// Trains a voice encoder against a frozen face decoder, or goes on with a run that was killed or
/// is to be longer, and leaves in `folder` `model/` (a model folder without its card), `scores.json`,
/// `voices.png` (faces of voices that were not trained on), and on the way `config.toml`,
/// `environment.json`, `metrics.jsonl`, events for TensorBoard, `sheets/` and `checkpoints/`.
///
/// A run that was killed at any moment comes to the same weights as one that was not, bit for bit,
/// on the same kind of processor. With more steps than before, a run that had come to its end goes
/// on from there; a cosine schedule then follows the longer plan.
///
/// The weights are those of the last step; where the run stops early, those of its best validation.
///
/// One training at a time in a process: fresh weights come from the tensor library's one generator.
///
/// # Errors
/// [`TrainError`]; what was written until then stays, and the run can go on.
pub fn train_voice_encoder(
    config: &VoiceEncoderTraining,
    folder: &Path,
    devices: Devices,
    mut tell: impl FnMut(&Event),
) -> Result<VoiceEncoderScores, TrainError> {
    config.check()?;
    let mut compute = Compute::new(devices, config.optimisation.precision)?;
    let fewest = 2 * compute.devices().count(); // batch normalisation has no variance of one
    if config.optimisation.batch < fewest {
        return Err(TrainError::Setting {
            key: "optimisation.batch",
            wanted: "at least two for each device",
            found: config.optimisation.batch.to_string(),
        });
    }
    let plain = compute.devices().first().clone();
    let device = plain.clone().autodiff();
    device.seed(config.seed);
    let frozen = Frozen::open(&config.face_decoder, &plain)?;
    let source = Source::open(config, &frozen, &plain)?;
    let examples = source.examples(config)?;
    let environment = Environment::new(compute.devices().name(), config.seed, source.sha256()?);
    let mut run = Run::open(folder, config, &environment)?;

    let terms = compute.devices().all().map(|device| Terms::new(&config.losses, &frozen, device));
    let terms = terms.collect::<Result<Vec<Terms>, _>>()?;
    let mut weights = terms[0].weights();
    let mut learner = Learner::new(config, source.mean_feature(), &device)?;
    let plan = &config.optimisation;
    let mut optimizer = plan.init();
    let steps = plan.steps(examples.len());
    let mut step = 0; // steps done
    if let Some(restored) = run.restore::<_, State>(&learner, &optimizer, &mut tell)? {
        (step, learner, optimizer) = (restored.step, restored.module, restored.optimizer);
        weights = restored.state.weights;
        compute = compute.with_scale(restored.state.scale);
    }
    tell(&Event::Started { step, steps });
    let is_over =
        |step: usize, run: &Run| step >= steps || config.watch.is_out_of_patience(step, run.best());
    let model_config = ModelConfig {
        name: config.name.clone(),
        face_space: frozen.face_space.clone(),
        voice_encoder: config.network.clone(),
        face_decoder: frozen.config.clone(),
        border: frozen.border.clone(),
    };
    let model = |learner: &Learner| Model {
        voice_encoder: learner.valid().voice_encoder,
        face_decoder: frozen.decoder.clone(),
        mean_feature: Param::from_tensor(Tensor::from_floats(source.mean_feature(), &plain)),
    };

    let learner = thread::scope(|scope| -> Result<Learner, TrainError> {
        let loader = Loader::start(scope, &*examples, step, steps);
        while !is_over(step, &run) {
            let batch = loader.next()?;
            let ids = batch.ids.clone();
            let shards = batch.shards(compute.devices().count());
            let is_balanced_now = step == config.losses.balance_losses_at && step > 0;
            let backward = compute.backward(&learner, shards, |replica, mut shard| {
                let (learner, device) = (replica.module, replica.device.clone().inner());
                let face = shard.features(&device).autodiff(); // [batch, D]
                let is_same = shard.is_same_speaker(&device);
                let voice = learner.hear(&mut shard, &device); // [batch, D]
                let (terms, contrast) = (&terms[replica.index], learner.contrast.as_ref());
                let balanced = is_balanced_now
                    .then(|| terms.balanced(&weights, &face, &voice, contrast, &is_same));
                let found = terms.of(&face, &voice, contrast, &is_same);
                let losses: Vec<_> =
                    found.iter().map(|(name, term)| (*name, number(term))).collect();
                let weights = balanced.as_ref().unwrap_or(&weights);
                (weighted(found, weights), (losses, balanced))
            });
            let losses = mean(backward.seen.iter().map(|(losses, _)| losses));
            run.log(step + 1, &losses, &ids)?;
            if let Some((_, Some(balanced))) = backward.seen.first() {
                weights.clone_from(balanced);
                tell(&Event::Note(format!("weights of the losses from here on: {weights:.4?}")));
            }
            let rate = plan.rate(step, steps);
            (learner, _) = compute.step(learner, &mut optimizer, rate, backward);
            step += 1;
            tell(&Event::Step { step, losses });

            if Watch::is_due(config.watch.validate_every, step, step == steps) {
                let model = model(&learner);
                if let Some(scores) = source.validate(&model, &frozen.face_space, config, &plain)? {
                    let scores = scores.named();
                    run.log(step, &scores, &[])?;
                    let best = run.keep_best(step, scores[0].1, &learner)?;
                    tell(&Event::Validated { step, scores, best });
                }
            }
            let is_last = is_over(step, &run);
            if Watch::is_due(config.watch.sheet_every, step, is_last)
                && let Some(sheet) =
                    source.sheet(&model(&learner), &frozen.face_space, config, &plain)?
            {
                run.picture("held-out", step, &sheet)?;
            }
            if Watch::is_due(config.watch.checkpoint_every, step, is_last) {
                let state = State { weights: weights.clone(), scale: compute.scale() };
                run.checkpoint(step, &learner, &optimizer, &state)?;
            }
        }
        Ok(learner)
    })?;

    let mut learner = learner;
    if let Some(best) = run.best().filter(|_| step < steps) {
        tell(&Event::StoppedEarly { step, best: best.step });
        learner = run.load_best(&learner)?.unwrap_or(learner);
    }
    let model = model(&learner);
    run.write_json("model/config.json", &model_config)?;
    run.write("model/model.safetensors", &weights::save(&model, Precision::Half)?)?;
    let (scores, sheet) = source.score(&model, &frozen.face_space, config, &plain)?;
    run.write("voices.png", &sheet)?;
    run.write_json("scores.json", &scores)?;
    Ok(scores)
}

fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().into_scalar::<f64>()
}

/// The sum of the terms, each times its weight.
fn weighted(terms: Vec<Term>, weights: &Weights) -> Tensor<1> {
    let terms = terms.into_iter().zip(weights).map(|((_, term), weight)| term * *weight);
    Tensor::cat(terms.collect(), 0).sum()
}

/// Each loss as a mean over the shards.
fn mean<'a>(
    shards: impl ExactSizeIterator<Item = &'a Vec<(&'static str, f64)>>,
) -> Vec<(&'static str, f64)> {
    let share = 1.0 / shards.len() as f64;
    let mut mean: Vec<(&'static str, f64)> = Vec::new();
    for losses in shards {
        mean.resize(losses.len(), ("", 0.0));
        for (sum, (name, loss)) in mean.iter_mut().zip(losses) {
            *sum = (name, sum.1 + share * loss);
        }
    }
    mean
}
