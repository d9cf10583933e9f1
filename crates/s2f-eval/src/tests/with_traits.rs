//! A model whose face space has traits, on pairs with features of photographs.

use std::fs;

use s2f_audio::{Limits, decode};
use s2f_metrics::angle_degrees;
use s2f_pairs::Pair;
use speech2face::VoicePolicy;

use super::samples::{humming_pair, model_with_traits, set};
use crate::report::Report;
use crate::{EvaluationOptions, evaluate};

const PEOPLE: usize = 10;

#[test]
fn identities_are_compared_and_traits_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let evaluated = model_with_traits(folder.path());
    let mut pairs: Vec<Pair> =
        (0..2 * PEOPLE).map(|n| humming_pair(n / 2, n % 2, 256, 3.0 + n as f64 / 10.0)).collect();
    // Nothing is stated about half of them.
    pairs.iter_mut().step_by(2).for_each(|pair| (pair.info.sex, pair.info.age) = (None, None));
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let options = EvaluationOptions {
        max_pairs: 1000,
        max_pictures: 0,
        draws: 100,
        photographs: false,
        compare: &[model_with_traits(&out)],
        ..Default::default()
    };
    let run =
        || -> Report { evaluate(&evaluated, &set, &out, &options, &mut |_| ()).unwrap().report };
    let report = run();
    let about = |label: &str| &report.about.iter().find(|(name, _)| name == label).unwrap().1;
    let space = "mobileface-v2 with sex, age and hair (259 dimensions, unit length)";
    assert_eq!(about("Face space"), space);

    // By hand: the leading 256 dimensions, which have unit length.
    let voices = pairs.iter().map(|pair| {
        let voice = decode(pair.audio.clone(), "voice", &Limits::default()).unwrap();
        evaluated.model.embed_voice(&voice, &VoicePolicy::default()).unwrap()
    });
    let mut centre = vec![0.0; 256];
    centre[0] = 1.0;
    let minus = |x: &[f32]| -> Vec<f32> { x.iter().zip(&centre).map(|(x, c)| x - c).collect() };
    let (mut degrees, mut relative) = (0.0, 0.0);
    for (voice, pair) in voices.zip(&pairs) {
        let identity = &voice.values()[..256];
        let length: f32 = identity.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        degrees += angle_degrees(identity, &pair.feature);
        relative += angle_degrees(&minus(identity), &minus(&pair.feature));
    }
    let pairs = pairs.len() as f64;
    for (id, sum) in [("degrees", degrees), ("relative-degrees", relative)] {
        let score = report.score(&format!("similarity/{id}")).unwrap();
        // Batches of windows differ in their last bits.
        assert!((score.value - sum / pairs).abs() < 1e-3, "{id}: {score:?}");
    }
    // Everything is scored, and the cache gives the same bytes.
    let expected = [
        "retrieval/voice-to-face/relative/at-1",
        "consistency/clips/degrees",
        "diversity/spread",
        "distribution/log-density",
        "distribution/sex",
        "distribution/age/50",
    ];
    for id in expected {
        assert!(report.score(id).is_some_and(|score| score.value.is_finite()), "{id}");
    }
    assert_eq!(serde_json::to_vec(&run()).unwrap(), serde_json::to_vec(&report).unwrap());
}
