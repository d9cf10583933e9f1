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
use s2f_nn::{DecodedFace, FaceDecoder, unit_length};
use serde::{Deserialize, Serialize};

use crate::basis::Basis;
use crate::devices::Devices;
use crate::draw::generator;
use crate::face_network::FaceNetwork;
use crate::faces::{FaceSet, Faces, files};
use crate::morph::{Morpher, Share};
use crate::run::{Environment, Event, Run, data_hash};
use crate::sheet;
use crate::{FaceDecoderTraining, TrainError, Watch};

/// Name of the weights in a run folder.
pub(crate) const WEIGHTS: &str = "face-decoder.safetensors";
/// Pictures looked at in one go where no gradient is needed.
const CHUNK: usize = 16;

/// How well held-out people's faces come back. Cosines are between face features, −1 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceDecoderScores {
    /// People held out.
    pub people: usize,
    /// Photograph against the picture decoded from its feature, mean over people.
    pub cosine: f64,
    /// Photograph against the mean face.
    pub cosine_mean_face: f64,
    /// Photograph against the pictures decoded from other people's features.
    pub cosine_shuffled: f64,
    /// Share of people whose photograph is nearer to their own picture than to any other's.
    pub nearest_is_own: f64,
    /// Distance of decoded and true landmarks, mean over landmarks and people, pixels of 224.
    pub landmark_error_px: f64,
    /// The same for the mean shape in place of the decoded one.
    pub landmark_error_mean_shape_px: f64,
    /// Mean absolute error of the texture, colours from 0 to 1.
    pub texture_error: f64,
    /// The same for the mean texture.
    pub texture_error_mean_face: f64,
    /// Share of the training textures' variance that the basis can express, where there is one.
    pub basis_explains: Option<f64>,
}

impl FaceDecoderScores {
    /// What is followed while training goes on; the first decides which weights are the best.
    fn named(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("held_out_cosine", self.cosine),
            ("held_out_nearest_is_own", self.nearest_is_own),
            ("held_out_landmark_error_px", self.landmark_error_px),
            ("held_out_texture_error", self.texture_error),
        ]
    }
}

/// State of the loop besides what [`Run`] keeps: none, since all is drawn by seed and step.
#[derive(Serialize, Deserialize)]
struct Nothing {}

/// Trains a face decoder, or goes on with a run that was killed or is to be longer, and leaves in
/// `folder` the weights, `scores.json`, `morphs.png` (morphs above what the decoder makes of their
/// features), and on the way `config.toml`, `environment.json`, `metrics.jsonl`, events for
/// TensorBoard, `sheets/` (held-out people above what their features decode to), `checkpoints/`.
///
/// A run that was killed at any moment comes to the same weights as one that was not, bit for bit,
/// on the same kind of processor. With more steps than before, a run that had come to its end goes
/// on from there; its learning rate then follows the longer plan.
///
/// The weights are those of the last step; where the run stops early, those of its best validation.
///
/// # Errors
/// [`TrainError`]; what was written until then stays, and the run can go on.
pub fn train_face_decoder(
    config: &FaceDecoderTraining,
    folder: &Path,
    devices: &Devices,
    mut tell: impl FnMut(&Event),
) -> Result<FaceDecoderScores, TrainError> {
    config.check()?;
    let data_sha256 = data_hash(&files(&config.data)?)?;
    let mut run =
        Run::open(folder, config, &Environment::new(devices.name(), config.seed, data_sha256))?;
    let plain = devices.only()?.clone();
    let device = plain.clone().autodiff();
    device.seed(config.seed);

    let faces = Faces::load(&config.data, config.seed, &plain)?;
    let encoder = FaceNetwork::open(&config.data.face_encoder, &config.data.models, &plain)?;
    let mean = faces.mean_shape.points();
    let mut decoder = config.network.init(mean, &border_points(), &device)?;
    let mut basis_explains = None;
    if let Some(components) = config.network.basis_components() {
        let basis = Basis::principal(faces.train.textures(), components);
        basis_explains = Some(basis.explained);
        decoder = decoder.with_basis(basis.mean, basis.components).train();
    }

    // A pool of morphs and the features of their pictures, computed once.
    let morpher =
        Morpher::new(&faces.train, config.morphing.neighbours, config.morphing.most_faces);
    let draw = |index| morpher.draw(&mut generator(config.seed, b"morph   ", index));
    let pool: Vec<Vec<Share>> = (0..config.morphing.pool).map(draw).collect();
    let pool_features = mixture_features(&decoder.valid(), &encoder, &faces.train, &pool)?; // [pool, D]
    let encoder = encoder.train();

    let plan = &config.optimisation;
    let weights = &config.losses;
    let size = config.network.size;
    let mut optimizer = plan.init();
    let steps = plan.steps(pool.len());
    let mut step = 0; // steps done
    if let Some(restored) = run.restore::<_, Nothing>(&decoder, &optimizer, &mut tell)? {
        (step, decoder, optimizer) = (restored.step, restored.module, restored.optimizer);
    }
    tell(&Event::Started { step, steps });
    let is_over =
        |step: usize, run: &Run| step >= steps || config.watch.is_out_of_patience(step, run.best());
    while !is_over(step, &run) {
        let mut rng = generator(config.seed, b"batch   ", step);
        let chosen = sample(&mut rng, pool.len(), plan.batch.min(pool.len())).into_vec();
        let mixtures: Vec<Vec<Share>> = chosen.iter().map(|&i| pool[i].clone()).collect();
        let (landmarks, values) = faces.train.mix(&mixtures);
        let target = DecodedFace { landmarks, texture: from_luma_chroma(values, size) }.autodiff();
        let chosen: Vec<i64> = chosen.into_iter().map(|i| i as i64).collect();
        let chosen = Tensor::<1, Int>::from_ints(chosen.as_slice(), &plain);
        let input = pool_features.clone().select(0, chosen); // [batch, D]
        let length = input.clone().square().sum_dim(1).sqrt(); // [batch, 1]
        let noise = normal(input.dims(), &mut rng, &plain) * config.morphing.feature_noise;
        let heard = (input.clone() + noise * length).autodiff();
        let input = input.autodiff();

        let decoded = decoder.forward(heard);
        let texture = (decoded.texture.clone() - target.texture).abs().mean();
        let landmarks = (decoded.landmarks.clone() - target.landmarks).square().mean();
        let looked_at = weights.identity_batch.min(plan.batch);
        let first = decoded.first(looked_at);
        let picture = decoder.render(first.clone());
        let seen = encoder.features(picture, first.landmarks)?; // [looked_at, D]
        let wanted = input.narrow(0, 0, looked_at);
        let identity = -(unit_length(seen) * unit_length(wanted)).sum_dim(1).mean();

        let losses = vec![
            ("texture", texture.clone().into_scalar::<f64>()),
            ("landmarks", landmarks.clone().into_scalar::<f64>()),
            ("identity", identity.clone().into_scalar::<f64>()),
        ];
        run.log(step + 1, &losses, &faces.train.names(&mixtures))?;
        let total =
            texture * weights.texture + landmarks * weights.landmarks + identity * weights.identity;
        let gradients = GradientsParams::from_grads(total.backward(), &decoder);
        decoder = optimizer.step(plan.rate(step, steps), decoder, gradients);
        step += 1;
        tell(&Event::Step { step, losses });

        if Watch::is_due(config.watch.validate_every, step, step == steps) {
            let found = score(&decoder.valid(), &encoder.valid(), &faces)?.named();
            run.log(step, &found, &[])?;
            let best = run.keep_best(step, found[0].1, &decoder)?;
            tell(&Event::Validated { step, scores: found, best });
        }
        let is_last = is_over(step, &run);
        if Watch::is_due(config.watch.sheet_every, step, is_last) {
            let picture = held_out_sheet(&decoder.valid(), &encoder.valid(), &faces)?;
            run.picture("held-out", step, &picture)?;
        }
        if Watch::is_due(config.watch.checkpoint_every, step, is_last) {
            run.checkpoint(step, &decoder, &optimizer, &Nothing {})?;
        }
    }

    let encoder = encoder.valid();
    let mut decoder = decoder.valid();
    if let Some(best) = run.best().filter(|_| step < steps) {
        tell(&Event::StoppedEarly { step, best: best.step });
        decoder = run.load_best(&decoder)?.unwrap_or(decoder);
    }
    weights::save_file(&decoder, &run.path(WEIGHTS), Precision::Half)?;
    let draw = |index| morpher.draw(&mut generator(config.seed, b"shown   ", index));
    let shown: Vec<Vec<Share>> = (0..sheet::COLUMNS).map(draw).collect();
    let seen = mixture_features(&decoder, &encoder, &faces.train, &shown)?;
    let (landmarks, values) = faces.train.mix(&shown);
    let truth = decoder.render(DecodedFace { landmarks, texture: from_luma_chroma(values, size) });
    let pictures = Tensor::cat(vec![truth, decoder.render(decoder.forward(seen))], 0);
    run.write("morphs.png", &sheet::png(pictures)?)?;
    let scores = FaceDecoderScores { basis_explains, ..score(&decoder, &encoder, &faces)? };
    run.write_json("scores.json", &scores)?;
    Ok(scores)
}

/// Independent numbers of mean 0 and standard deviation 1.
fn normal(shape: [usize; 2], rng: &mut StdRng, device: &Device) -> Tensor<2> {
    let numbers: Vec<f32> = StandardNormal.sample_iter(rng).take(shape[0] * shape[1]).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// The first held-out people as they are, in the mean light and background, above what their
/// features decode to.
fn held_out_sheet(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &Faces,
) -> Result<Vec<u8>, TrainError> {
    let shown = sheet::COLUMNS.min(faces.held_out.len());
    let each: Vec<Vec<Share>> = (0..shown).map(|person| vec![(person, 1.0)]).collect();
    let (landmarks, values) = faces.held_out.mix(&each);
    let texture = from_luma_chroma(values, decoder.warp().size());
    let photographs = faces.held_out_photographs.clone().narrow(0, 0, shown);
    let seen = encoder.forward(photographs); // [shown, D]
    let truth = decoder.render(DecodedFace { landmarks, texture });
    sheet::png(Tensor::cat(vec![truth, decoder.render(decoder.forward(seen))], 0))
}

/// Features of the pictures of mixtures, `[mixtures, D]`.
pub(crate) fn mixture_features(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &FaceSet,
    mixtures: &[Vec<Share>],
) -> Result<Tensor<2>, TrainError> {
    let some = mixtures.chunks(CHUNK).map(|some| {
        let (landmarks, values) = faces.mix(some);
        let texture = from_luma_chroma(values, decoder.warp().size());
        let picture = decoder.render(DecodedFace { landmarks: landmarks.clone(), texture });
        encoder.features(picture, landmarks)
    });
    Ok(Tensor::cat(some.collect::<Result<Vec<_>, _>>()?, 0))
}

/// The scores on the people held out.
fn score(
    decoder: &FaceDecoder,
    encoder: &FaceNetwork,
    faces: &Faces,
) -> Result<FaceDecoderScores, TrainError> {
    let held_out = &faces.held_out;
    let people = held_out.len();
    let each: Vec<Vec<Share>> = (0..people).map(|person| vec![(person, 1.0)]).collect();
    let (true_landmarks, values) = held_out.mix(&each);
    let true_texture = from_luma_chroma(values, decoder.warp().size());
    let photographs = encoder.forward(faces.held_out_photographs.clone()); // [people, D]

    let decoded = decoder.forward(photographs.clone());
    let photographs = unit_length(photographs);
    let picture = decoder.render(decoded.clone());
    let seen = encoder.features(picture, decoded.landmarks.clone())?; // [people, D]
    let cosines: Vec<f64> =
        photographs.clone().matmul(unit_length(seen).transpose()).into_data().iter().collect();
    let own = |person: usize| cosines[person * people + person];
    let nearest = (0..people)
        .filter(|&p| cosines[p * people..][..people].iter().all(|&c| c <= own(p)))
        .count();
    let own_sum: f64 = (0..people).map(own).sum();

    let everybody =
        vec![(0..faces.train.len()).map(|face| (face, 1.0 / faces.train.len() as f32)).collect()];
    let mean_feature = mixture_features(decoder, encoder, &faces.train, &everybody)?; // [1, D]
    let (mean_landmarks, mean_values) = faces.train.mix(&everybody);
    let mean_texture = from_luma_chroma(mean_values, decoder.warp().size());
    let number = |tensor: Tensor<1>| tensor.into_scalar::<f64>();
    let distance = |a: Tensor<3>, b: Tensor<3>| number((a - b).square().sum_dim(2).sqrt().mean());
    let difference = |a: Tensor<4>, b: Tensor<4>| number((a - b).abs().mean());
    Ok(FaceDecoderScores {
        people,
        cosine: own_sum / people as f64,
        cosine_mean_face: number((photographs * unit_length(mean_feature)).sum_dim(1).mean()),
        cosine_shuffled: (cosines.iter().sum::<f64>() - own_sum) / (people * (people - 1)) as f64,
        nearest_is_own: nearest as f64 / people as f64,
        landmark_error_px: distance(decoded.landmarks, true_landmarks.clone()),
        landmark_error_mean_shape_px: distance(mean_landmarks, true_landmarks),
        texture_error: difference(decoded.texture, true_texture.clone()),
        texture_error_mean_face: difference(mean_texture, true_texture),
        basis_explains: None,
    })
}
