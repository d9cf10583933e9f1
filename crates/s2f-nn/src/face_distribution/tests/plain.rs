//! Mixtures as plain numbers: closed forms, moments of samples, and less reliable voices.

use super::*;

/// A Gaussian of two dimensions with correlation, as the only component.
fn correlated() -> GaussianMixture {
    // Covariance [[1.25, 0.5], [0.5, 2]], determinant 2.25.
    let component = LowRankGaussian::new(vec![1.0, -1.0], vec![1.0, 1.0], vec![0.5, 1.0]).unwrap();
    GaussianMixture::new(vec![3.0], vec![component]).unwrap()
}

#[test]
fn one_gaussian_in_closed_form() {
    let mixture = correlated();
    assert_eq!((mixture.weights(), mixture.variance()), (&[1.0][..], vec![1.25, 2.0]));
    // (x - μ) = (1, 2): (2·1 - 2·0.5·2 + 1.25·4) / 2.25.
    let square = (2.0 - 2.0 + 5.0) / 2.25;
    let expected = -0.5 * (square + 2.25_f64.ln() + 2.0 * std::f64::consts::TAU.ln());
    near(mixture.log_density(&[2.0, 1.0]).unwrap(), expected, 1e-13);
    let first = mixture.marginal(0..1).unwrap();
    let expected = -0.5 * (4.0 / 1.25 + (1.25 * std::f64::consts::TAU).ln());
    near(first.log_density(&[3.0]).unwrap(), expected, 1e-13);
    // 95 % of a normal distribution are within 1.959963984540054 deviations; the error function
    // has twelve digits.
    let [low, high] = mixture.interval(1, 0.95);
    near(low, -1.0 - 1.959_963_984_540_054 * 2_f64.sqrt(), 1e-9);
    near(high, -1.0 + 1.959_963_984_540_054 * 2_f64.sqrt(), 1e-9);
    near(mixture.probability_below(0, 1.0), 0.5, 1e-15);
    assert!(mixture.quantile(2, 0.5).is_nan() && mixture.probability_below(2, 0.0).is_nan());
}

#[test]
fn densities_moments_and_quantiles_are_those_of_dense_covariances() {
    let reference = Reference::new(REFERENCE);
    let row = |name: &str, index: usize, width: usize| {
        reference.values(name)[index * width..][..width].to_vec()
    };
    let (distributions, prior) = reference_distributions();
    for (index, distribution) in distributions.iter().enumerate() {
        let feature = row("feature", index, 6);
        // Parameters and expected values in f32, and densities down to -100.
        let check = |found: f64, expected: f32| {
            near(found, f64::from(expected), 1e-5 * (1.0 + f64::from(expected).abs()));
        };
        check(distribution.log_density(&feature).unwrap(), row("whole", index, 1)[0]);
        check(prior.log_density(&feature).unwrap(), row("prior", index, 1)[0]);
        for (found, expected) in distribution.mean().iter().zip(row("mean", index, 6)) {
            check(*found, expected);
        }
        for (found, expected) in distribution.variance().iter().zip(row("variance", index, 6)) {
            check(*found, expected);
        }
        let [women, p05, p25, p75, p95] = row("marginals", index, 5)[..] else { panic!() };
        check(distribution.share_of_women().unwrap(), women);
        let years = |trait_: f32| Trait::years(trait_.into()) as f32;
        let [half, most] = [0.5, 0.9].map(|share| distribution.age_interval(share).unwrap());
        check(half[0], years(p25));
        check(half[1], years(p75));
        check(most[0], years(p05));
        check(most[1], years(p95));
        let (mean, deviation) = distribution.age().unwrap();
        let expected = row("age", index, 2);
        check(mean, expected[0]);
        check(deviation, expected[1]);
    }
    // The traits alone, and the identity alone.
    let part = distributions[2].identity().unwrap();
    let feature = row("feature", 2, 4);
    near(part.log_density(&row("feature", 2, 6)[..4]).unwrap(), row("part", 2, 1)[0].into(), 1e-4);
    assert_eq!((part.space(), feature.len()), (&space().identity(), 4));
    let traits = distributions[3].mixture().marginal(4..6).unwrap();
    near(
        traits.log_density(&row("feature", 3, 6)[4..]).unwrap(),
        row("part", 3, 1)[0].into(),
        1e-4,
    );
}

#[test]
fn samples_have_the_moments_of_the_distribution() {
    const COUNT: usize = 40_000;
    let (distributions, _) = reference_distributions();
    let distribution = &distributions[0];
    let samples = distribution.sample(COUNT, 5, 1.0);
    let (mean, variance) = (distribution.mean(), distribution.variance());
    for dimension in 0..6 {
        let of = |power: i32| {
            let powers = samples
                .iter()
                .map(|sample| (f64::from(sample[dimension]) - mean[dimension]).powi(power));
            powers.sum::<f64>() / COUNT as f64
        };
        // Five standard errors of a mean and of a variance, with the fourth moment as it is.
        let count = COUNT as f64;
        near(of(1), 0.0, 5.0 * (variance[dimension] / count).sqrt());
        near(of(2), variance[dimension], 5.0 * ((of(4) - of(2).powi(2)) / count).sqrt());
        for probability in [0.1, 0.5, 0.9] {
            let quantile = distribution.mixture().quantile(dimension, probability);
            let below = samples.iter().filter(|x| f64::from(x[dimension]) < quantile).count();
            let error = (probability * (1.0 - probability) / count).sqrt();
            near(below as f64 / count, probability, 5.0 * error);
        }
    }
    // Covariances, in closed form: factors, and the means of the components.
    let mixture = correlated();
    let samples = mixture.sample(COUNT, 6, 1.0);
    let products = samples.iter().map(|x| (f64::from(x[0]) - 1.0) * (f64::from(x[1]) + 1.0));
    // Var(xy) = 1.25·2 + 0.5² = 2.75.
    near(products.sum::<f64>() / COUNT as f64, 0.5, 5.0 * (2.75 / COUNT as f64).sqrt());
}

#[test]
fn samples_depend_on_the_seed_and_the_truncation() {
    let (distributions, _) = reference_distributions();
    let mixture = distributions[1].mixture();
    let samples = mixture.sample(9, 3, 1.0);
    assert_eq!(samples[..4], mixture.sample(4, 3, 1.0));
    assert_ne!(samples, mixture.sample(9, 4, 1.0));
    let means: Vec<Vec<f32>> = mixture
        .components()
        .iter()
        .map(|component| component.mean().iter().map(|&x| x as f32).collect())
        .collect();
    for ((whole, half), none) in
        samples.iter().zip(mixture.sample(9, 3, 0.5)).zip(mixture.sample(9, 3, 0.0))
    {
        assert!(means.contains(&none));
        for ((whole, half), none) in whole.iter().zip(half).zip(none) {
            near(f64::from(half), f64::from(f32::midpoint(*whole, none)), 1e-6);
        }
    }
}

/// A distribution of two dimensions on the unit circle and a trait.
fn on_the_circle(noise: [f64; 3], factors: Vec<f64>) -> FaceDistribution {
    let component = LowRankGaussian::new(vec![0.9, 0.3, 0.2], noise.to_vec(), factors).unwrap();
    let mixture = GaussianMixture::new(vec![1.0], vec![component]).unwrap();
    let (name, normalisation) = ("circle".into(), Normalisation::UnitLength);
    let circle = FaceSpace { name, dimension: 2, normalisation, traits: Vec::new() };
    FaceDistribution::new(circle.with_traits(&[Trait::Age]), mixture).unwrap()
}

#[test]
fn samples_are_normalised_as_the_face_space_is() {
    // With the same variance in all directions, the way to unit length is along the radius.
    let round = on_the_circle([0.04; 3], Vec::new());
    for (sample, raw) in round.sample(20, 0, 1.0).iter().zip(round.mixture().sample(20, 0, 1.0)) {
        near(f64::from(sample[0]).hypot(sample[1].into()), 1.0, 1e-6);
        near(f64::from(sample[1] / sample[0]), f64::from(raw[1] / raw[0]), 1e-4);
        assert_eq!(sample[2], raw[2]);
    }
}

#[test]
fn samples_of_unit_length_are_those_that_happen_to_have_it() {
    let flat = on_the_circle([1e-4, 1e-4, 0.02], vec![0.08, 0.08, 0.3]);
    let moments = |samples: &[Vec<f32>]| -> [f64; 4] {
        let values = samples.iter().map(|x| {
            let angle = f64::from(x[1]).atan2(x[0].into());
            [angle, f64::from(x[2])]
        });
        let count = samples.len() as f64;
        let mean = |of: &dyn Fn([f64; 2]) -> f64| values.clone().map(of).sum::<f64>() / count;
        let (angle, age) = (mean(&|x| x[0]), mean(&|x| x[1]));
        let deviation = |index: usize, centre: f64| mean(&|x| (x[index] - centre).powi(2)).sqrt();
        [angle, age, deviation(0, angle), deviation(1, age)]
    };
    let mut happen = flat.mixture().sample(400_000, 1, 1.0);
    happen.retain(|x| (x[0].hypot(x[1]) - 1.0).abs() < 0.005);
    assert!(happen.len() > 5_000, "{}", happen.len());
    let found = moments(&flat.sample(20_000, 2, 1.0));
    let divided = moments(&flat.mixture().sample(20_000, 2, 1.0));
    for ((found, divided), expected) in found.iter().zip(divided).zip(moments(&happen)) {
        // Four standard errors of the age over those that happen to have it, 0.15/√13 000, and
        // what is left after the first order.
        near(*found, expected, 0.006);
        assert!((divided - expected).abs() > 0.02, "{divided}");
    }
}

#[test]
fn a_short_recording_is_between_the_distribution_of_its_voice_and_the_prior() {
    // A prior that is wider than the voices in each dimension.
    let (distributions, _) = reference_distributions();
    for distribution in &distributions {
        let variance = distribution.variance();
        let wide: Vec<LowRankGaussian> = distribution
            .mixture()
            .components()
            .iter()
            .map(|own| {
                let mean = own.mean().iter().map(|x| 0.2 * x).collect();
                let noise = own.noise().iter().zip(&variance).map(|(own, all)| own + all).collect();
                LowRankGaussian::new(mean, noise, own.factors().to_vec()).unwrap()
            })
            .collect();
        let prior = GaussianMixture::new(vec![0.5, 0.5], wide).unwrap();
        let prior = FaceDistribution::new(space(), prior).unwrap();
        let feature = [0.3, -0.2, 0.1, 0.5, 1.0, -0.4];
        let density = |faces: &FaceDistribution| faces.log_density(&feature).unwrap();
        let tempered = |components: f64| {
            let information = Information { components, weights: components.sqrt() };
            distribution.tempered(information, &prior).unwrap()
        };
        assert_eq!(density(&tempered(1.0)), density(distribution));
        assert_eq!(density(&tempered(0.0)), density(&prior));
        near(density(&tempered(1.0 - 1e-9)), density(distribution), 1e-6);
        near(density(&tempered(1e-18)), density(&prior), 1e-6);
        // Each alone: only the weights move, or only the components.
        let half = Information { components: 0.0, weights: 0.5 };
        let half = distribution.tempered(half, &prior).unwrap();
        let (own, other) = (distribution.mixture().weights(), prior.mixture().weights());
        let ratio = |weights: &[f64]| weights[0] / weights[1];
        let expected = (ratio(own) * ratio(other)).sqrt();
        near(ratio(half.mixture().weights()), expected, 1e-9 * expected);
        assert_eq!(half.mixture().components()[1].mean(), prior.mixture().components()[1].mean());
        assert_eq!(prior.explained_variance(&prior), Ok(0.0));
        let mut last = prior.mixture().total_variance();
        let mut explained = 0.0;
        for step in 1..=20 {
            let faces = tempered(f64::from(step) / 20.0);
            let total = faces.mixture().total_variance();
            assert!(total <= last + 1e-9, "{total} after {last}");
            assert!(total >= distribution.mixture().total_variance() - 1e-9);
            let now = faces.explained_variance(&prior).unwrap();
            assert!(now >= explained - 1e-9, "{now} after {explained}");
            (last, explained) = (total, now);
        }
    }
}

#[test]
fn a_single_gaussian_is_tempered_as_a_noisy_observation() {
    // A face x of variance v0, seen as z = x + noise of variance a for an endless recording, and
    // a + b for a short one. E(x | z) = z·v0 / (v0 + noise), var(x | z) = v0 - v0² / (v0 + noise).
    let (v0, a, b, z) = (1.3, 0.8, 0.5, 0.7);
    let posterior = |noise: f64| (z * v0 / (v0 + noise), v0 - v0 * v0 / (v0 + noise));
    let gaussian = |(mean, variance): (f64, f64)| {
        let factor = vec![(variance / 2.0).sqrt()];
        let component = LowRankGaussian::new(vec![mean], vec![variance / 2.0], factor).unwrap();
        GaussianMixture::new(vec![1.0], vec![component]).unwrap()
    };
    // The share of the explained variance: v0² / (v0 + noise) with and without b.
    let components = (v0 + a) / (v0 + a + b);
    let information = Information { components, weights: 0.0 };
    let found = gaussian(posterior(a)).tempered(information, &gaussian((0.0, v0))).unwrap();
    let (mean, variance) = posterior(a + b);
    near(found.mean()[0], mean, 1e-15);
    near(found.variance()[0], variance, 1e-15);
}

#[test]
fn what_cannot_be_a_distribution_is_refused() {
    let wrong = |mean: &[f64], noise: &[f64], factors: &[f64]| {
        LowRankGaussian::new(mean.to_vec(), noise.to_vec(), factors.to_vec()).unwrap_err()
    };
    let length =
        |actual: usize, expected: usize| DistributionError::WrongLength { actual, expected };
    assert_eq!(wrong(&[0.0; 2], &[1.0], &[]), length(1, 2));
    assert_eq!(wrong(&[], &[], &[]), length(0, 0));
    assert_eq!(wrong(&[0.0], &[0.0], &[]), DistributionError::NotFinite);
    assert_eq!(wrong(&[f64::NAN], &[1.0], &[]), DistributionError::NotFinite);
    assert_eq!(wrong(&[0.0], &[1.0], &[f64::INFINITY]), DistributionError::NotFinite);
    let one = || LowRankGaussian::new(vec![0.0], vec![1.0], Vec::new()).unwrap();
    let new = |weights: &[f64], components| GaussianMixture::new(weights.to_vec(), components);
    assert_eq!(new(&[], Vec::new()).unwrap_err(), length(0, 0));
    assert_eq!(new(&[1.0, 1.0], vec![one()]).unwrap_err(), length(2, 1));
    assert_eq!(new(&[-1.0, 3.0], vec![one(), one()]).unwrap_err(), DistributionError::NotFinite);
    let mixture = new(&[1.0], vec![one()]).unwrap();
    assert_eq!(mixture.log_density(&[0.0; 2]).unwrap_err(), length(2, 1));
    assert_eq!(mixture.marginal(0..2).unwrap_err(), length(2, 1));
    assert!(mixture.marginal(1..1).is_err());
    for value in [-0.1, 1.1, f64::NAN] {
        for information in [
            Information { components: value, ..Information::ALL },
            Information { weights: value, ..Information::ALL },
        ] {
            let error = mixture.tempered(information, &mixture).unwrap_err();
            assert!(error.to_string().ends_with("hint: use a value from 0 to 1"), "{error}");
        }
    }
    assert!(mixture.tempered(Information::NONE, &correlated()).is_err());
    assert!(FaceDistribution::new(space(), mixture).is_err());
}
