//! The head against dense covariances in PyTorch, its shapes and its limits.

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Gradients, TensorData};

use super::*;
use crate::tests::largest_difference;
use crate::weights::Precision;
use crate::{ConfigError, Cost};

/// Checks values that sums of some ten products in f32 give, relative to the largest.
fn check<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    let largest = expected.clone().abs().max().into_scalar::<f32>();
    let difference = largest_difference(found, expected) / largest;
    assert!(difference < 2e-5, "{what} differs by {difference} of its largest");
}

#[test]
fn likelihoods_are_those_of_dense_covariances() {
    let reference = Reference::new(REFERENCE);
    let (head, device) = (reference_head(&cpu()), cpu());
    let of = |name: &str| reference.floats::<2>(name, &device);
    let whole = head.log_likelihood(of("embedding"), of("feature"), None);
    check(whole, reference.floats("whole", &device), "whole");
    let part = head.log_likelihood(of("embedding"), of("feature"), Some(of("known")));
    check(part.clone(), reference.floats("part", &device), "part");
    let nothing: f32 = part.into_data().iter::<f32>().last().unwrap();
    assert!(nothing.abs() < 1e-6, "{nothing}");
    check(
        head.prior_log_likelihood(of("feature"), None),
        reference.floats("prior", &device),
        "prior",
    );
    check(head.mean(of("embedding")), of("mean"), "mean");
}

#[test]
fn unknown_values_are_not_read() {
    let reference = Reference::new(REFERENCE);
    let head = reference_head(&cpu());
    let known = reference.values("known");
    let mut feature = reference.values("feature");
    for (row, known) in feature.chunks_exact_mut(6).zip(known.chunks_exact(3)) {
        for (index, value) in row.iter_mut().enumerate() {
            if known[index.saturating_sub(3)] == 0.0 {
                *value = f32::NAN;
            }
        }
    }
    let feature = Tensor::from_data(TensorData::new(feature, [5, 6]), &cpu());
    let known = reference.floats("known", &cpu());
    let found = head.log_likelihood(reference.floats("embedding", &cpu()), feature, Some(known));
    check(found, reference.floats("part", &cpu()), "part");
}

#[test]
fn gradients_are_those_of_pytorch() {
    let device = cpu().autodiff();
    let reference = Reference::new(REFERENCE);
    let head = reference_head(&device);
    let of = |name: &str| reference.floats::<2>(name, &device);
    let embedding = of("embedding").require_grad();
    let loss = head.log_likelihood(embedding.clone(), of("feature"), None).sum()
        + head.log_likelihood(embedding.clone(), of("feature"), Some(of("known"))).sum() * 0.7
        + head.prior_log_likelihood(of("feature"), None).sum() * 0.3;
    let gradients = loss.backward();
    fn compare<const D: usize>(tensor: &Tensor<D>, gradients: &Gradients, name: &str, rows: bool) {
        let expected = Reference::new(REFERENCE).floats::<D>(&format!("gradient.{name}"), &cpu());
        // PyTorch has the outputs of a layer in rows.
        let expected = if rows { expected.transpose() } else { expected };
        check(tensor.grad(gradients).unwrap(), expected, name);
    }
    compare(&embedding, &gradients, "embedding", false);
    for (layer, name) in
        [(&head.logits, "logits"), (&head.means, "means"), (&head.log_scales, "log_scales")]
    {
        compare(&layer.weight.val(), &gradients, &format!("{name}.weight"), true);
        compare(&layer.bias.as_ref().unwrap().val(), &gradients, &format!("{name}.bias"), false);
    }
    compare(&head.factors.val(), &gradients, "factors", false);
    compare(&head.log_noise.val(), &gradients, "log_noise", false);
    compare(&head.prior_logits.val(), &gradients, "prior_logits", false);
    compare(&head.prior_means.val(), &gradients, "prior_means", false);
    compare(&head.prior_log_scales.val(), &gradients, "prior_log_scales", false);
    compare(&head.prior_log_noise.val(), &gradients, "prior_log_noise", false);
}

/// The slope of the plain distribution's density in double precision, from differences.
#[test]
fn gradients_are_slopes_of_the_plain_density() {
    let device = cpu().autodiff();
    let reference = Reference::new(REFERENCE);
    let (head, values) = (reference_head(&device), reference.values("embedding"));
    let embedding = reference.floats::<2>("embedding", &device).require_grad();
    let feature: Tensor<2> = reference.floats("feature", &device);
    let gradients = head.log_likelihood(embedding.clone(), feature, None).sum().backward();
    let found: Vec<f32> = embedding.grad(&gradients).unwrap().into_data().iter().collect();
    let (head, features) = (reference_head(&cpu()), reference.values("feature"));
    let total = |values: Vec<f32>| -> f64 {
        let embedding = Tensor::from_data(TensorData::new(values, [5, 3]), &cpu());
        let distributions = head.distributions(embedding, &space()).unwrap();
        let rows = features.chunks_exact(6).zip(&distributions);
        rows.map(|(row, distribution)| distribution.log_density(row).unwrap()).sum()
    };
    const STEP: f32 = 1.0 / 128.0;
    for (index, found) in found.into_iter().enumerate() {
        let moved = |sign: f32| {
            let mut values = values.clone();
            values[index] += sign * STEP;
            total(values)
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(STEP));
        // The third derivative times the step's square, and f32 in the head over the step.
        near(f64::from(found), slope, 2e-3 * (1.0 + slope.abs()));
    }
}

#[test]
fn without_traits_and_with_sixty_four_factors() {
    let config =
        FaceDistributionConfig { feature: 70, traits: 0, components: 3, rank: 64, ..tiny() };
    let head = config.init(&cpu()).unwrap();
    let feature = Tensor::random([4, 70], Distribution::Normal(0.0, 1.0), &cpu());
    let embedding = Tensor::random([4, 3], Distribution::Normal(0.0, 1.0), &cpu());
    let found = head.log_likelihood(embedding.clone(), feature.clone(), None);
    let (name, normalisation) = ("seventy".into(), Normalisation::UnitLength);
    let space = FaceSpace { name, dimension: 70, normalisation, traits: Vec::new() };
    let plain = head.distributions(embedding, &space).unwrap();
    let values: Vec<f32> = feature.into_data().iter().collect();
    for (index, found) in found.into_data().iter::<f32>().enumerate() {
        let expected = plain[index].log_density(&values[index * 70..][..70]).unwrap();
        // About 100, in f32, from sums of 70 products.
        near(f64::from(found), expected, 1e-3);
    }
    assert_eq!((plain[0].share_of_women(), plain[0].age_interval(0.5)), (None, None));
}

#[test]
fn the_cost_counts_the_parameters() {
    for config in [tiny(), FaceDistributionConfig::compact()] {
        let head = config.init(&cpu()).unwrap();
        let Cost { parameters, .. } = config.cost(1).unwrap();
        assert_eq!(parameters, head.num_params() as u64);
    }
    let outputs = 8 + 8 * 259 + 8 * 32; // logits, means, scales
    let compact = 257 * outputs + 8 * 259 * 32 + 8 * 259 + (outputs + 8 * 259) + 2 * (256 + 259);
    assert_eq!(FaceDistributionConfig::compact().cost(1).unwrap().parameters, compact);
    let (one, two) = (tiny().cost(1).unwrap(), tiny().cost(2).unwrap());
    assert!(two.activation_bytes > one.activation_bytes);
    assert_eq!(tiny().cost(usize::MAX).unwrap().activation_bytes, u64::MAX);
}

#[test]
fn impossible_sizes_are_refused() {
    let check = |change: fn(&mut FaceDistributionConfig), message: &str| {
        let mut config = tiny();
        change(&mut config);
        let error = config.init(&cpu()).map(drop).unwrap_err();
        assert_eq!(config.cost(1).unwrap_err(), error);
        assert_eq!(error.to_string(), format!("face distribution: {message}"));
    };
    check(|c| c.components = 0, "components is 0; hint: use a value from 1 to 64");
    check(|c| c.rank = 65, "rank is 65; hint: use a value from 1 to 64");
    check(|c| c.rank = 5, "feature - traits is 4; hint: use a value from 5 to 65536");
    check(|c| c.traits = 6, "feature - traits is 0; hint: use a value from 2 to 65536");
    check(
        |c| c.traits = usize::MAX,
        "traits is 18446744073709552000; hint: use a value from 0 to 16",
    );
    check(
        |c| c.reliability = Some(Reliability { components_s: -1.0, weights_s: 1.0 }),
        "reliability.components_s is -1; hint: use a value from 0 to 600",
    );
    check(|c| c.embedding = 0, "embedding is 0; hint: use a value from 1 to 65536");
    let huge =
        FaceDistributionConfig { embedding: 65_536, feature: 65_536, components: 64, ..tiny() };
    assert!(matches!(huge.check(), Err(ConfigError::TooLarge { .. })));
    let other = tiny().check_face_space(&FaceSpace::mobileface()).unwrap_err();
    assert!(other.to_string().starts_with("face distribution: feature is 6, but the dimension of"));
    let without = space().with_traits(&[Trait::Sex]);
    let wrong = reference_head(&cpu()).prior(&without).unwrap_err();
    assert_eq!(wrong, DistributionError::WrongLength { actual: 6, expected: 5 });
}

#[test]
fn weights_are_saved_and_loaded() {
    let head = reference_head(&cpu());
    let bytes = weights::save(&head, Precision::Full).unwrap();
    let copy = weights::load(tiny().init(&cpu()).unwrap(), &bytes).unwrap();
    let reference = Reference::new(REFERENCE);
    let of = |head: &FaceDistributionHead| {
        let embedding = reference.floats("embedding", &cpu());
        head.log_likelihood(embedding, reference.floats("feature", &cpu()), None)
    };
    assert_eq!(of(&head).into_data(), of(&copy).into_data());
}

#[test]
fn a_step_lowers_the_loss() {
    let device = cpu().autodiff();
    let reference = Reference::new(REFERENCE);
    let mut head = reference_head(&device);
    let of = |name: &str| reference.floats::<2>(name, &device);
    let loss =
        |head: &FaceDistributionHead| -head.log_likelihood(of("embedding"), of("feature"), None);
    let before = loss(&head).mean();
    let gradients = GradientsParams::from_grads(before.clone().backward(), &head);
    head = AdamConfig::new().init().step(1e-3, head, gradients);
    let after = loss(&head).mean().into_scalar::<f32>();
    assert!(after < before.into_scalar::<f32>(), "{after}");
}

#[test]
fn a_head_of_parts_has_their_moments() {
    let config = FaceDistributionConfig {
        embedding: 2,
        feature: 3,
        traits: 1,
        components: 2,
        rank: 1,
        reliability: None,
    };
    let floats = |values: &[f32]| Tensor::<1>::from_floats(values, &cpu());
    let head = config.init(&cpu()).unwrap().starting_from(
        [floats(&[0.2, -0.1]), floats(&[0.5, 2.0])],
        [floats(&[0.1, 0.0, 1.0]), floats(&[0.3, 0.3, 2.0])],
    );
    let part = |sign: f64| ComponentParts {
        logit: (vec![sign, 0.5], 0.1 * sign),
        mean: (vec![1.0, 0.0, 0.0, 2.0, -1.0, sign], vec![0.4, -0.2, sign]),
        factors: vec![0.6, 0.8, 0.7],
        scales: vec![1.5],
        noise: vec![0.2, 0.2, 0.9],
        prior_logit: 0.3 * sign,
        prior_mean: vec![0.0, 0.1, 0.2],
        prior_noise: vec![0.2, 0.2, 1.2],
    };
    let head = head.with_components(&[part(1.0), part(-1.0)]).unwrap();
    let name = "two".into();
    let space =
        FaceSpace { name, dimension: 2, normalisation: Normalisation::None, traits: vec![] }
            .with_traits(&[Trait::Age]);
    let voice = Tensor::<2>::from_floats([[0.3, 0.7]], &cpu());
    let found = head.distributions(voice, &space).unwrap().pop().unwrap();
    // Closed forms. Logits 0.3 + 0.35 + 0.1 and -0.3 + 0.35 - 0.1.
    let weight = 1.0 / (1.0 + (-0.8_f64).exp());
    assert!((found.mixture().weights()[0] - weight).abs() < 1e-6);
    for (component, sign) in found.mixture().components().iter().zip([1.0, -1.0]) {
        let mean = [0.3 + 0.4, 1.4 - 0.2, -0.3 + 0.7 * sign + sign];
        // σ²·(1 + (B·S)²)
        let variance = [0.04 * (1.0 + 0.81), 0.04 * (1.0 + 1.44), 0.81 * (1.0 + 1.1025)];
        for d in 0..3 {
            assert!((component.mean()[d] - mean[d]).abs() < 1e-5, "{:?}", component.mean());
            assert!((component.variance()[d] - variance[d]).abs() < 1e-5, "{d}");
        }
    }
    let prior = head.prior(&space).unwrap();
    assert!((prior.mixture().components()[1].variance()[2] - 1.44 * 2.1025).abs() < 1e-5);
    assert!((prior.mixture().components()[0].mean()[1] - 0.1).abs() < 1e-6);
    let one = head.with_components(&[part(1.0)]).unwrap_err().to_string();
    assert!(one.contains("number of components is 1"), "{one}");
}
