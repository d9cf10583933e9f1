//! Training of the face decoder, after Cole et al., CVPR 2017: from the feature of a morph back to
//! the morph's landmarks and texture.

use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand_distr::{Distribution, StandardNormal};
use s2f_face::border_points;
use s2f_nn::texture::from_luma_chroma;
use s2f_nn::weights::{self, Precision};
use s2f_nn::{DecodedFace, unit_length};
use serde::{Deserialize, Serialize};
use speech2face::{DataId, TrainingRecord};

use crate::basis::Basis;
use crate::card::{Card, DataUse, file_name};
use crate::data::absolute;
use crate::decoder_scores::{FACE_DECODER, FaceDecoderScores, held_out_sheet, score};
use crate::devices::Devices;
use crate::devices::gradients::{clipped, norm};
use crate::draw::generator;
use crate::event::TrainEvent;
use crate::face_network::FaceNetwork;
use crate::faces::{Faces, Mixture, files};
use crate::morph::{Morpher, mixture_features, with_traits};
use crate::peers::{OneProcess, PeersError};
use crate::run::{Invocation, Run, ThisSession, check_folder};
use crate::session::Session;
use crate::sheet::{self, Content};
use crate::train_state::TrainState;
use crate::{FaceDecoderTraining, TrainError};

const SUMMARY: &str = "This face decoder draws a face, frontal and with a neutral expression, from \
the feature of a face encoder. It is a part of a model, without a voice encoder.";
const LIMITS: [&str; 1] =
    ["Who is rare among the portraits is drawn rarely, and with larger errors."];

/// Looks that the basis of the textures is computed from: the time grows with their square.
const BASIS_LOOKS: usize = 800;

/// State of the loop besides what the run keeps: none, since everything is drawn by seed and step.
#[derive(Serialize, Deserialize)]
struct State {}

/// Trains a face decoder, or resumes a run that was interrupted or is extended.
///
/// The run folder `out` gets `config.toml`, `environment.json`, `metrics.jsonl`, events for
/// TensorBoard, `sheets/` (held-out people above what their features decode to) and `checkpoints/`,
/// and at the end the weights, their card, `scores.json` and `morphs.png` (morphs above what the
/// decoder makes of their features). It is not made if the configuration or the data cannot be
/// used. `invocation` is recorded in it.
///
/// A run can be interrupted at any time; resuming gives byte-identical weights on the same kind of
/// processor. A finished run is extended by more steps; a cosine schedule then follows the longer
/// plan.
///
/// The weights are those of the last step or, if the run stops early, those of the best validation.
///
/// # Errors
/// [`TrainError`]; what was written until then stays, and the run can be resumed.
pub fn train_face_decoder(
    config: &FaceDecoderTraining,
    out: &Path,
    devices: &Devices,
    invocation: &Invocation,
    mut on_event: impl FnMut(&TrainEvent),
) -> Result<FaceDecoderScores, TrainError> {
    check_folder(out)?;
    config.check(devices)?;
    let plain = devices.only()?.clone();
    let device = plain.clone().autodiff();
    device.seed(config.seed);

    let data = DataId::of_files(&files(&config.data)?)?;
    let faces = Faces::load(&config.data, config.seed, &plain)?;
    let encoder = FaceNetwork::open(&config.data, &plain)?;
    let mean = faces.mean_shape.points();
    // From the same seed, every device starts from the same weights.
    let cpu = Device::flex().autodiff();
    cpu.seed(config.seed);
    let mut decoder = config.network.init(mean, &border_points(), &cpu)?;
    if device != cpu {
        decoder = decoder.fork(&device);
    }
    let mut basis_explains = None;
    if let Some(components) = config.network.basis_components() {
        let looks = faces.train.textures(BASIS_LOOKS);
        check_components(components, looks.dims()[0])?;
        let basis = Basis::principal(looks, components);
        basis_explains = Some(basis.explained);
        decoder = decoder.with_basis(basis.mean, basis.components).train();
    }
    let path = absolute(&config.data.root);
    let trained_on = vec![TrainingRecord::Faces { path, data: data.clone() }];
    let session = ThisSession {
        invocation: invocation.clone(),
        device: devices.name(),
        seed: config.seed,
        data,
        trained_on,
    };
    let run = Run::open(out, config, &session)?;

    // A pool of morphs, and the features of their pictures, computed once.
    let morpher =
        Morpher::new(&faces.train, config.morphing.neighbours, config.morphing.most_faces);
    let draw = |index| morpher.draw(&mut generator(config.seed, b"morph   ", index));
    let pool: Vec<Mixture> = (0..config.morphing.pool).map(draw).collect();
    // [pool, D]
    let space = config.data.face_space();
    let identity = space.identity_dimension();
    let pool_features = mixture_features(&decoder.valid(), &encoder, &faces.train, &pool, &space)?;
    let encoder = encoder.train();

    let plan = &config.optimisation;
    let weights = &config.losses;
    let size = config.network.size;
    let steps = plan.steps(pool.len())?; // as checked
    let fresh = TrainState::new(decoder, plan);
    let (mut session, mut trained, _) = Session::start(
        Some(run),
        &OneProcess,
        plan,
        &config.watch,
        steps,
        fresh,
        &State {},
        &mut on_event,
    )?;
    while !session.is_over() {
        let mut rng = generator(config.seed, b"batch   ", session.step());
        let chosen = sample(&mut rng, pool.len(), plan.batch.min(pool.len())).into_vec();
        let mixtures: Vec<Mixture> = chosen.iter().map(|&i| pool[i].clone()).collect();
        let (landmarks, values) = faces.train.mix(&mixtures);
        let target = DecodedFace { landmarks, texture: from_luma_chroma(values, size) }.autodiff();
        let chosen: Vec<i64> = chosen.into_iter().map(|i| i as i64).collect();
        let chosen = Tensor::<1, Int>::from_ints(chosen.as_slice(), &plain);
        let feature = pool_features.clone().select(0, chosen); // [batch, D]
        let wanted = feature.clone().narrow(1, 0, identity);
        let length = wanted.clone().square().sum_dim(1).sqrt(); // [batch, 1]
        let noise = normal(wanted.dims(), &mut rng, &plain) * config.morphing.feature_noise;
        let noisy = wanted.clone() + noise * length;
        let noisy_feature = match space.traits.len() {
            0 => noisy,
            count => with_traits(noisy, feature.narrow(1, identity, count)),
        };
        let noisy_feature = noisy_feature.autodiff();

        let decoder = &trained.network;
        let decoded = decoder.forward(noisy_feature);
        let texture = (decoded.texture.clone() - target.texture).abs().mean();
        let landmarks = (decoded.landmarks.clone() - target.landmarks).square().mean();
        let rendered = weights.identity_batch.min(mixtures.len());
        let first = decoded.first(rendered);
        let picture = decoder.render(first.clone());
        let found = encoder.features(picture, first.landmarks)?; // [rendered, D]
        let wanted = wanted.autodiff().narrow(0, 0, rendered);
        let identity = -(unit_length(found) * unit_length(wanted)).sum_dim(1).mean();

        let losses = vec![
            ("texture", texture.clone().into_scalar::<f64>()),
            ("landmarks", landmarks.clone().into_scalar::<f64>()),
            ("identity", identity.clone().into_scalar::<f64>()),
        ];
        let total =
            texture * weights.texture + landmarks * weights.landmarks + identity * weights.identity;
        let mut gradients = GradientsParams::from_grads(total.backward(), decoder);
        let norm = norm(decoder, &gradients);
        session.check(&losses, Some(norm), &faces.train.names(&mixtures))?;
        if let Some(max) = plan.clip_gradient_norm {
            gradients = clipped(decoder, gradients, norm, max);
        }
        trained.network = trained.optimizer.step(session.rate(), trained.network, gradients);
        trained.update_average();
        session.advance(losses, Some(norm))?;

        let scored = || trained.scored().valid();
        session.validate(&trained, || {
            Ok(Some(score(&scored(), &encoder.valid(), &faces, &space)?.named()))
        })?;
        session.sheet(|| held_out_sheet(&scored(), &encoder.valid(), &faces, &space).map(Some))?;
        session.checkpoint(&trained, &State {})?;
    }

    let (run, decoder) = session.finish(trained)?;
    let run = run.ok_or(PeersError::Lost)?; // the only process has it
    let (encoder, decoder) = (encoder.valid(), decoder.valid());
    let saved = weights::save(&decoder, Precision::Half)?;
    run.write(&run.folder().face_decoder_file(), &saved)?;
    let draw = |index| morpher.draw(&mut generator(config.seed, b"shown   ", index));
    let shown: Vec<Mixture> = (0..sheet::COLUMNS).map(draw).collect();
    let features = mixture_features(&decoder, &encoder, &faces.train, &shown, &space)?;
    let (landmarks, values) = faces.train.mix(&shown);
    let truth = decoder.render(DecodedFace { landmarks, texture: from_luma_chroma(values, size) });
    let decoded = decoder.render(decoder.forward(features));
    let model = sheet::finished(FACE_DECODER, &saved);
    let morphs = sheet::above_one_another([truth, decoded], Content::WithPhotographs, &model)?;
    run.write(&run.folder().morphs_file(), &morphs)?;
    let scores = FaceDecoderScores { basis_explains, ..score(&decoder, &encoder, &faces, &space)? };
    run.write_json(&run.folder().scores_file(), &scores)?;
    let card = Card {
        name: FACE_DECODER,
        summary: SUMMARY,
        data: uses(config, &faces),
        licences: Vec::new(),
        limits: &LIMITS,
    };
    run.write_card(&run.folder().card_file(), &card, &scores)?;
    Ok(scores)
}

/// What the portraits are used for.
fn uses(config: &FaceDecoderTraining, faces: &Faces) -> Vec<DataUse> {
    let folders = config.data.folders.iter().map(|folder| file_name(&folder.path));
    let name = folders.collect::<Vec<_>>().join(", ");
    let portraits = |number: usize| format!("portraits of {number} people");
    // Each face is followed by its mirror image.
    let train = DataUse {
        name: name.clone(),
        used_for: "training, in mixtures of two and more",
        amount: portraits(faces.train.len() / 2),
    };
    let held_out = DataUse { name, used_for: "scores", amount: portraits(faces.held_out.len()) };
    let ageing = config.data.ageing.as_ref().map(|ageing| DataUse {
        name: file_name(&ageing.folder),
        used_for: "averages of ageing",
        amount: "averages only".to_owned(),
    });
    [train, held_out].into_iter().chain(ageing).collect()
}

/// A number of faces has fewer principal components than faces.
fn check_components(components: usize, faces: usize) -> Result<(), TrainError> {
    if components < faces {
        return Ok(());
    }
    Err(TrainError::Value {
        key: "network.texture.basis.components",
        wanted: format!("below the number of training faces with their mirror images, {faces}"),
        found: components.to_string(),
    })
}

/// Independent values of mean 0 and standard deviation 1.
fn normal(shape: [usize; 2], rng: &mut StdRng, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = StandardNormal.sample_iter(rng).take(shape[0] * shape[1]).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
