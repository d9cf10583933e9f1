//! Training by likelihood where the truth is known: calibration and the prior.

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, TensorData};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution as _, StandardNormal};

use super::*;

const EMBEDDING: usize = 4;
/// Five dimensions of the identity and the age.
const FEATURE: usize = 6;
const VOICES: usize = 20_000;
const BATCH: usize = 500;
const STEPS: usize = 600;

fn config() -> FaceDistributionConfig {
    FaceDistributionConfig {
        embedding: EMBEDDING,
        feature: FEATURE,
        traits: 1,
        components: 2,
        rank: 2,
        reliability: None,
    }
}

fn age_space() -> FaceSpace {
    let (name, normalisation) = ("five".into(), Normalisation::None);
    FaceSpace { name, dimension: 5, normalisation, traits: Vec::new() }.with_traits(&[Trait::Age])
}

/// A voice e and its face: two groups, whose odds depend on e₀, with means that move with e₁ and
/// e₂; a direction whose spread depends on e₃ and also affects the age; and noise.
fn person(random: &mut SmallRng) -> ([f32; EMBEDDING], [f32; FEATURE]) {
    let mut normal = || -> f64 { StandardNormal.sample(random) };
    let e: [f64; EMBEDDING] = std::array::from_fn(|_| normal());
    let noise: [f64; FEATURE] = std::array::from_fn(|_| normal());
    let shared = normal() * (0.4 * e[3]).exp();
    let side = if random.random::<f64>() < 1.0 / (1.0 + (-2.0 * e[0]).exp()) { 1.0 } else { -1.0 };
    let face = [
        1.2 * side + 0.5 * noise[0],
        0.8 * e[1] + 0.3 * side * e[2] + 0.4 * noise[1],
        0.6 * e[2] + 0.6 * shared + 0.3 * noise[2],
        0.5 * shared + 0.4 * noise[3],
        -0.5 * e[1] + 0.3 * noise[4],
        0.7 * e[1] + 0.4 * shared + 0.5 * noise[5],
    ];
    (e.map(|x| x as f32), face.map(|x| x as f32))
}

/// `count` people as tensors.
fn people(count: usize, seed: u64, device: &Device) -> (Tensor<2>, Tensor<2>) {
    let mut random = SmallRng::seed_from_u64(seed);
    let (mut voices, mut faces) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (voice, face) = person(&mut random);
        voices.extend(voice);
        faces.extend(face);
    }
    let tensor = |values: Vec<f32>, width: usize| {
        Tensor::from_data(TensorData::new(values, [count, width]), device)
    };
    (tensor(voices, EMBEDDING), tensor(faces, FEATURE))
}

/// Trained on voices whose age is unknown for every other one.
fn trained() -> FaceDistributionHead {
    let device = cpu().autodiff();
    device.seed(3);
    let (voices, faces) = people(VOICES, 1, &device);
    let moments = |rows: &Tensor<2>| {
        [rows.clone().mean_dim(0), rows.clone().var(0).sqrt()].map(|row| row.squeeze_dim::<1>(0))
    };
    let (of_voices, of_faces) = (moments(&voices), moments(&faces));
    let mut head = config().init(&device).unwrap().starting_from(of_voices, of_faces);
    let known: Vec<f32> = (0..BATCH).flat_map(|row| [1.0, (row % 2) as f32]).collect();
    let known = Tensor::<2>::from_data(TensorData::new(known, [BATCH, 2]), &device);
    let mut optimizer = AdamConfig::new().init();
    for step in 0..STEPS {
        let start = step % (VOICES / BATCH) * BATCH;
        let voice = voices.clone().narrow(0, start, BATCH);
        let face = faces.clone().narrow(0, start, BATCH);
        let loss = head.log_likelihood(voice, face.clone(), Some(known.clone())).mean()
            + head.prior_log_likelihood(face, Some(known.clone())).mean();
        let gradients = GradientsParams::from_grads((-loss).backward(), &head);
        let rate = 0.02 * (1.0 - step as f64 / STEPS as f64);
        head = optimizer.step(rate, head, gradients);
    }
    head.valid()
}

#[test]
fn a_trained_head_is_calibrated() {
    const PEOPLE: usize = 2000;
    const SAMPLES: usize = 199;
    let head = trained();
    let device = cpu();
    let (voices, faces) = people(PEOPLE, 2, &device);
    let distributions = head.distributions(voices.clone(), &age_space()).unwrap();
    let prior = head.prior(&age_space()).unwrap();
    let faces: Vec<f32> = faces.into_data().iter().collect();
    let faces: Vec<&[f32]> = faces.chunks_exact(FEATURE).collect();

    // The share of samples with a higher density is uniform from 0 to 1.
    let levels: Vec<f64> = distributions
        .iter()
        .zip(&faces)
        .enumerate()
        .map(|(seed, (distribution, face))| {
            let own = distribution.log_density(face).unwrap();
            let samples = distribution.sample(SAMPLES, seed as u64, 1.0);
            let above = samples.iter().filter(|x| distribution.log_density(x).unwrap() > own);
            (above.count() as f64 + 0.5) / (SAMPLES + 1) as f64
        })
        .collect();
    // Four standard errors at 50 % of 2000 are 4.5 points; observed are below 3.
    for level in [0.5, 0.8, 0.95] {
        let covered = levels.iter().filter(|&&x| x < level).count() as f64 / PEOPLE as f64;
        near(covered, level, 0.03);
    }
    // Of the density, of the age, and of one dimension of the identity: ten bins of 200 people,
    // χ² with nine degrees of freedom, whose 99.9 % quantile is 27.9.
    let below = |index: usize| -> Vec<f64> {
        let pairs = distributions.iter().zip(&faces);
        pairs.map(|(d, face)| d.mixture().probability_below(index, face[index].into())).collect()
    };
    for ranks in [levels, below(5), below(0)] {
        let mut bins = [0.0; 10];
        ranks.iter().for_each(|x| bins[((x * 10.0) as usize).min(9)] += 1.0);
        let square: f64 = bins.iter().map(|n| (n - 200.0_f64).powi(2) / 200.0).sum();
        assert!(square < 27.9, "{square}: {bins:?}");
    }
    let ages = distributions.iter().zip(&faces).filter(|(distribution, face)| {
        let [low, high] = distribution.age_interval(0.9).unwrap();
        (low..=high).contains(&Trait::years(face[5].into()))
    });
    near(ages.count() as f64 / PEOPLE as f64, 0.9, 0.03);

    // The voice is worth some nats, and the explained variance is that of the truth: the variance
    // of the mean given e over all variance, the mean of the first dimension being 1.2·tanh(e₀).
    let gain: f64 = distributions
        .iter()
        .zip(&faces)
        .map(|(d, face)| d.log_density(face).unwrap() - prior.log_density(face).unwrap())
        .sum::<f64>()
        / PEOPLE as f64;
    assert!(gain > 1.5, "{gain}");
    let explained: f64 = distributions
        .iter()
        .map(|distribution| distribution.explained_variance(&prior).unwrap())
        .sum::<f64>()
        / PEOPLE as f64;
    // E tanh² of a standard normal is 0.3943 (by quadrature); E exp(0.8·e₃) = exp(0.32).
    let side = 1.44 * 0.3943;
    let moved = side + 0.64 + 0.09 * 0.3943 + 0.36 + 0.25;
    let shared = 0.32_f64.exp() * (0.36 + 0.25);
    let whole = 1.44 + 0.25 + 0.64 + 0.09 + 0.16 + 0.36 + 0.09 + 0.16 + 0.25 + 0.09 + shared;
    near(explained, moved / whole, 0.03);
}
