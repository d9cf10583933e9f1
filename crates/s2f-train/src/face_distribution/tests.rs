//! The voice side on embeddings whose speakers are known.

use std::path::PathBuf;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use s2f_core::{Sex, Trait};

use super::left_out::left_out;
use super::pictures::PictureScores;
use super::*;
use crate::{TraitPrior, TraitRegression};

const WIDTH: usize = 12;

/// Speakers of two corpora and two groups of languages. The embedding has sex in its first
/// dimension, the trait of age in its second, both with noise that falls with the length, and
/// nothing in the others.
fn voices(count: usize) -> (Vec<Labelled>, Vec<Measured>) {
    let mut rng = StdRng::seed_from_u64(3);
    let mut normal = move || -> f64 { StandardNormal.sample(&mut rng) };
    (0..count)
        .map(|index| {
            let sex = if index % 2 == 0 { Sex::Female } else { Sex::Male };
            let age = normal().clamp(-2.0, 2.0); // the trait
            let corpus = format!("corpus {}", index / 2 % 2);
            let labelled = Labelled {
                speaker: format!("{index}"),
                sex,
                age: Some(Trait::years(age)),
                coding: corpus.clone(),
                is_reference: index / 2 % 2 == 0,
                fold: format!("{corpus}, {}", index / 4 % 2),
                file: PathBuf::new(),
                corpus,
            };
            let mut embedding = |windows: f64| -> Option<Vec<f32>> {
                let noise = (0.3 + 0.7 / windows).sqrt();
                let mut values: Vec<f64> = (0..WIDTH).map(|_| normal()).collect();
                values[0] = 2.0 * Trait::of_sex(sex) + noise * values[0];
                values[1] = age + noise * values[1];
                Some(values.into_iter().map(|x| x as f32).collect())
            };
            let (whole, window) = (4.0, 1.0);
            let embeddings = [whole, whole, whole, whole, whole, window].map(&mut embedding);
            let seconds = 1.6 * whole;
            (labelled, Measured { pitch_hz: None, seconds, embeddings: embeddings.into() })
        })
        .unzip()
}

fn calibrated(count: usize) -> Result<FaceDistributionScores, TrainError> {
    let (voices, measured) = voices(count);
    let settings = TraitRegression { sex_penalty: 1.0, age_penalty: 0.01 };
    let fit = |chosen: &dyn Fn(&Labelled) -> bool| {
        let examples = Examples::new(&voices, &measured, &FOR_TRAINING, chosen);
        Heads::fit(&examples, &examples, &settings)
    };
    let found = left_out(&voices, &measured, fit)?;
    let prior = TraitPrior {
        women: 0.5,
        age_median: Trait::years(0.0),
        // The traits' own deviation, 1.
        age_log_deviation: 1.0 / Trait::of_log_deviation(1.0),
    };
    let calibration = Calibration::of(&found, &prior)?;
    Ok(FaceDistributionScores::new(&found, &calibration, PictureScores::default(), Vec::new()))
}

// A linear measurement with noise of variance 0.3 + 0.7 / 4 = 0.475: closed forms. Two of a
// thousand speakers' standard errors are 0.03 for a share of a half.
#[test]
fn heads_and_calibration_recover_a_known_population() {
    let scores = calibrated(2000).unwrap();
    for corpus in &scores.corpora {
        // Φ(2 / √0.475) = 0.998.
        assert!(corpus.sex_agreement > 0.99, "{corpus:?}");
    }
    let [half, nine_tenths] = scores.age_coverage;
    assert!((half - 0.5).abs() < 0.04 && (nine_tenths - 0.9).abs() < 0.03, "{scores:?}");
    // r = 1 / √1.475 = 0.82 for the trait; less for years, which are skewed.
    assert!(scores.age_correlation.iter().all(|r| (0.68..0.86).contains(r)), "{scores:?}");
    assert!(scores.age_bias_years.abs() < 1.5, "{scores:?}");
    // W / (τ² + V) = 0.7 / 1.3 windows of 1.6 s.
    let [age_s, _] = scores.half_information_s;
    assert!((age_s / (1.6 * 0.7 / 1.3) - 1.0).abs() < 0.35, "{age_s}");
}

#[test]
fn voices_of_which_nothing_can_be_learned_are_an_error() {
    let (voices, measured) = voices(40);
    let settings = TraitRegression { sex_penalty: 1.0, age_penalty: 0.01 };
    let none = Examples::new(&voices, &measured, &FOR_TRAINING, |voice| !voice.is_reference);
    let message = Heads::fit(&none, &none, &settings).unwrap_err().to_string();
    assert!(message.contains("reference release") && message.contains("hint: "), "{message}");
}

#[test]
fn damaged_embeddings_are_computed_again() {
    let (_, measured) = voices(4);
    let data = || DataId::of_files(&[]).unwrap();
    let kept = |measured: &[Measured]| Kept { data: data(), measured: measured.to_vec() };
    assert!(kept(&measured).is_of(&data(), 4, WIDTH));
    assert!(!kept(&measured[1..]).is_of(&data(), 4, WIDTH));
    assert!(!kept(&measured).is_of(&data(), 4, WIDTH + 1));
    let mut short = measured.clone();
    short[2].embeddings.pop();
    assert!(!kept(&short).is_of(&data(), 4, WIDTH));
    let mut lying = measured;
    lying[1].embeddings[0] = Some(vec![f32::NAN; WIDTH]);
    assert!(!kept(&lying).is_of(&data(), 4, WIDTH));
}
