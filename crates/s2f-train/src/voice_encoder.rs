//! Training of the voice encoder: from a spectrogram to the face feature of the speaker, or of the
//! faces that the voice is paired with, with losses computed through the frozen face decoder.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use s2f_nn::{FaceDistributionConfig, Model, ModelConfig, Reliability};
use serde::{Deserialize, Serialize};
use speech2face::{DataId, ModelSource};

use crate::batch::{BatchPart, Shard};
use crate::batch_queue::BatchQueue;
use crate::card::Card;
use crate::data::TrainingData;
use crate::devices::{Compute, ComputePrecision, Devices, LossScale, LossScope, Output, Replica};
use crate::event::TrainEvent;
use crate::learner::Learner;
use crate::pair_calibration::Calibration;
use crate::peers::{PeersError, Processes};
use crate::run::{Invocation, Run, ThisSession, check_folder};
use crate::scoring::{Scoring, VoiceEncoderScores};
use crate::session::Session;
use crate::train_state::TrainState;
use crate::voice_losses::{Compared, Term, Terms, Weights, WholeBatch};
use crate::{BatchStatistics, TrainError, VoiceEncoderTraining, sheet};

const SUMMARY: &str = "From a few seconds of speech, this model predicts the feature of a face in \
the space of a face encoder, and draws that face with a frozen face decoder.";
const LIMITS: [&str; 1] =
    ["The face decoder was trained separately: its own card and data apply to what it draws."];

/// State of the loop besides what [`Run`] keeps.
#[derive(Serialize, Deserialize)]
struct State {
    weights: Weights,
    scale: LossScale,
}

/// Trains a voice encoder against a frozen face decoder, or resumes a run that was interrupted or
/// is extended.
///
/// The run folder `out` gets `config.toml`, `environment.json`, `metrics.jsonl`, events for
/// TensorBoard, `sheets/` and `checkpoints/`, and at the end `model/` (a model folder with its
/// card), `scores.json` and `voices.png` (faces of held-out voices). It is not made if the
/// configuration or the data cannot be used. `invocation` is recorded in it.
///
/// A run can be interrupted at any time; resuming gives byte-identical weights on the same kind of
/// processor. A finished run is extended by more steps; a cosine schedule then follows the longer
/// plan.
///
/// The weights are those of the last step or, if the run stops early, those of the best validation.
///
/// If `devices` belong to several processes, all of them call this function. The first one reads
/// and writes the run folder and returns the scores; the others return `None`. After an error in
/// one of them, the others must be [stopped](crate::peers::Processes::abort).
///
/// Run one training at a time in a process: fresh weights come from the tensor library's global
/// random generator.
///
/// # Errors
/// [`TrainError`]; what was written until then stays, and the run can be resumed.
pub fn train_voice_encoder(
    config: &VoiceEncoderTraining,
    out: &Path,
    devices: Devices,
    invocation: &Invocation,
    mut on_event: impl FnMut(&TrainEvent),
) -> Result<Option<VoiceEncoderScores>, TrainError> {
    if devices.processes().is_first() {
        check_folder(out)?;
    }
    let plain = devices.first().clone();
    let device = plain.clone().autodiff();
    let cpu = Device::flex().autodiff();
    cpu.seed(config.seed);
    device.seed(config.seed);
    let decoder = config.open_decoder(&devices)?;
    let plan = &config.optimisation;
    let compute = Compute::new(devices, plan.precision)?;
    let mut compute = compute.with_clipping(plan.clip_gradient_norm);
    let processes = Arc::clone(compute.devices().processes());
    let part = BatchPart { index: processes.index(), count: processes.count() };
    let data = TrainingData::open(config, &decoder, &plain)?;
    // The first process scores and writes.
    let scoring = || Scoring::new(config, &data, &decoder.face_space, &plain);
    let scoring = processes.is_first().then(scoring).transpose()?;
    let examples = data.examples(config)?;
    let terms = compute.devices().all().map(|device| Terms::new(&config.losses, &decoder, device));
    let terms = terms.collect::<Result<Vec<Terms>, _>>()?;
    let mut weights = terms[0].weights();
    let distribution = config.face_distribution(&decoder.face_space)?;
    // An average and 16 bits copy the weights of one device, too, before it uses them.
    let copies = plan.ema_decay.is_some() || plan.precision != ComputePrecision::Float32;
    let mut learner = Learner::new(config, data.mean_feature(), &cpu)?;
    if device != cpu {
        // From the same seed, every device starts from the same weights.
        if !copies && distribution.is_none() {
            learner.draw_weights();
        }
        learner = learner.fork(&device);
    }
    if let Some(distribution) = &distribution {
        learner = learner.with_distribution(distribution, data.features(), &*examples, &device)?;
    }
    let in_parts = plan.gradient_accumulation > 1 && config.losses.contrastive > 0.0;
    if (compute.devices().count_of_all() > 1 || in_parts) && !copies {
        learner.draw_weights();
    }
    let steps = plan.steps(examples.len())?;
    let device_names = compute.devices().name();
    let id = data.id()?;
    check_equal(config, &id, processes.as_ref())?;
    let mut trained_on = vec![data.record(id.clone())];
    if let Some(model) = config.start.as_ref().and_then(|start| start.model.as_ref()) {
        trained_on.extend(ModelSource::resolve(model)?.trained_on()?);
    }
    let session = ThisSession {
        invocation: invocation.clone(),
        device: device_names,
        seed: config.seed,
        data: id,
        trained_on,
    };
    // Everything that can be refused was before.
    let run = || Run::open(out, config, &session);
    let run = processes.is_first().then(run).transpose()?;
    let fresh = TrainState::new(learner, plan);
    let state = State { weights: weights.clone(), scale: compute.scale() };
    let (mut session, mut trained, restored) = Session::start(
        run,
        processes.as_ref(),
        plan,
        &config.watch,
        steps,
        fresh,
        &state,
        &mut on_event,
    )?;
    if let Some(State { weights: restored, scale }) = restored {
        weights = restored;
        compute = compute.with_scale(scale);
    }
    let model = |learner: &Learner| Model {
        voice_encoder: learner.voice_encoder.valid(),
        face_decoder: decoder.network.clone(),
        mean_feature: Param::from_tensor(Tensor::from_floats(data.mean_feature(), &plain)),
        face_distribution: learner.distribution.as_ref().map(Module::valid),
    };

    let trained = thread::scope(|scope| -> Result<TrainState<Learner>, TrainError> {
        let queue = BatchQueue::start(scope, &*examples, part, session.step(), steps);
        while !session.is_over() {
            let shards = compute.devices().count() * plan.gradient_accumulation;
            let shards = queue.next()?.shards(shards)?;
            let labels = Arc::clone(&shards[0].labels);
            let balance_now =
                session.step() == config.losses.balance_losses_at && session.step() > 0;
            let scope = match balance_now || config.losses.contrastive > 0.0 {
                true => LossScope::Batch,
                false => LossScope::Shard,
            };
            let forward = |replica: &Replica<'_, Learner>, shard: &Shard| {
                let device = replica.device.clone().inner();
                let sum = (plan.batch_norm == BatchStatistics::Synchronised).then(|| replica.sum());
                let voices = replica.module.forward(shard, &device, sum.as_ref());
                (voices.feature, voices.embedding)
            };
            let loss = |replica: &Replica<'_, Learner>, shard: Shard, found: Output, embedding| {
                let (learner, device) = (replica.module, replica.device.clone().inner());
                let contrast = learner.contrast.as_ref();
                let of = shard.labels.ids.len();
                let batch = found.batch.map(|voice| WholeBatch {
                    face: shard.labels.features(0..of, &device).autodiff(),
                    voice,
                    is_same: shard.labels.is_same_speaker(&device),
                });
                let face = shard.labels.features(shard.range.clone(), &device).autodiff();
                let own = Compared { face: &face, voice: &found.own, range: shard.range, of };
                let terms = &terms[replica.index];
                let balanced = (batch.as_ref().filter(|_| balance_now))
                    .map(|batch| terms.balanced(&weights, contrast, batch));
                let mut found = terms.of(&own, contrast, batch.as_ref());
                let likelihood = learner.likelihood(&face, embedding);
                found.extend(likelihood.map(|mean| own.mean("likelihood", mean)));
                let losses: Vec<_> = found.iter().map(|term| (term.name, value(term))).collect();
                let weights = balanced.as_ref().unwrap_or(&weights);
                (weighted(found, weights), (losses, balanced))
            };
            let backward = compute.backward(&trained.network, shards, scope, forward, loss)?;
            let losses = backward.aux.iter().map(|(losses, _)| losses);
            let losses = sum(losses, processes.as_ref())?;
            // In 16 bits, a step with another norm is skipped.
            let norm = backward.is_finite().then_some(backward.gradient_norm);
            session.check(&losses, norm, &labels.ids)?;
            if let Some((_, Some(balanced))) = backward.aux.first() {
                weights.clone_from(balanced);
                session.note(format!("weights of the losses from this step on: {weights:.4?}"));
            }
            let TrainState { network, mut optimizer, average } = trained;
            let (network, is_made) =
                compute.step(network, &mut optimizer, session.rate(), backward);
            trained = TrainState { network, optimizer, average };
            if is_made {
                trained.update_average();
            }
            session.advance(losses, norm)?;

            let scored = || model(trained.scored());
            session.validate(&trained, || {
                scoring.as_ref().map_or(Ok(None), |scoring| scoring.validate(&scored()))
            })?;
            let id = sheet::in_training(&config.name);
            session.sheet(|| {
                scoring.as_ref().map_or(Ok(None), |scoring| scoring.sheet(&scored(), &id))
            })?;
            let state = State { weights: weights.clone(), scale: compute.scale() };
            session.checkpoint(&trained, &state)?;
        }
        Ok(trained)
    })?;

    let (run, learner) = session.finish(trained)?;
    let Some((run, scoring)) = run.zip(scoring) else { return Ok(None) };
    let mut model = model(&learner);
    let reliability = calibrate(&mut model, &scoring, &mut on_event)?;
    let model_config = ModelConfig {
        name: config.name.clone(),
        face_space: decoder.face_space.clone(),
        voice_encoder: config.network.clone(),
        face_decoder: decoder.config.clone(),
        border: decoder.border.clone(),
        face_distribution: distribution
            .map(|distribution| FaceDistributionConfig { reliability, ..distribution }),
    };
    let id = run.write_model(&model_config, &model)?;
    let (scores, sheet) = scoring.score(&model, &id)?;
    run.write(&run.folder().voices_file(), &sheet)?;
    run.write_json(&run.folder().scores_file(), &scores)?;
    let (data, licences) = data.uses()?;
    let card = Card { name: &config.name, summary: SUMMARY, data, licences, limits: &LIMITS };
    run.write_card(&run.model_card_file(), &card, &scores)?;
    Ok(Some(scores))
}

/// Checks that all processes have the configuration and the data of the first.
fn check_equal(
    config: &VoiceEncoderTraining,
    data: &DataId,
    processes: &dyn Processes,
) -> Result<(), TrainError> {
    if processes.count() == 1 {
        return Ok(());
    }
    let config = toml::to_string(config).map_err(|e| TrainError::Data(e.to_string()))?;
    let own = [config.as_str(), data.as_str()].concat().into_bytes();
    let is_equal = processes.broadcast(own.clone())? == own;
    let all = processes.gather(vec![f32::from(u8::from(is_equal))])?;
    if all.concat().contains(&0.0) {
        return Err(PeersError::Different("configurations or data").into());
    }
    Ok(())
}

/// Calibrates the distribution of a trained model on the validation split, if it has one.
fn calibrate(
    model: &mut Model,
    scoring: &Scoring<'_>,
    mut on_event: impl FnMut(&TrainEvent),
) -> Result<Option<Reliability>, TrainError> {
    let Some(head) = model.face_distribution.clone() else { return Ok(None) };
    let Some(Calibration { factors, reliability }) = scoring.calibration(model)? else {
        let text = "there is no validation split: the distribution of faces is not calibrated";
        on_event(&TrainEvent::Note(text.into()));
        return Ok(None);
    };
    model.face_distribution = Some(head.calibrated(factors, Some(reliability)));
    Ok(Some(reliability))
}

/// What a term adds to the logged loss.
fn value(term: &Term) -> f32 {
    if term.counts { term.loss.clone().into_scalar::<f32>() } else { 0.0 }
}

/// The weighted sum of the terms.
fn weighted(terms: Vec<Term>, weights: &Weights) -> Tensor<1> {
    let terms = terms.into_iter().zip(weights).map(|(term, weight)| term.loss * *weight);
    Tensor::cat(terms.collect(), 0).sum()
}

/// Each loss as a sum over the shards of all processes, in their order.
fn sum<'a>(
    shards: impl Iterator<Item = &'a Vec<(&'static str, f32)>>,
    processes: &dyn Processes,
) -> Result<Vec<(&'static str, f64)>, PeersError> {
    let (mut names, mut own) = (Vec::new(), Vec::new());
    for losses in shards {
        names = losses.iter().map(|(name, _)| *name).collect();
        own.extend(losses.iter().map(|(_, loss)| *loss));
    }
    let mut sum: Vec<(&'static str, f64)> = names.into_iter().map(|name| (name, 0.0)).collect();
    for values in processes.gather(own)? {
        for losses in values.chunks(sum.len().max(1)) {
            sum.iter_mut().zip(losses).for_each(|((_, sum), loss)| *sum += f64::from(*loss));
        }
    }
    Ok(sum)
}
