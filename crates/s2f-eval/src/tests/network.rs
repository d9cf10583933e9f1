//! Features of other networks, whose scores are known in advance.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use s2f_audio::Waveform;
use s2f_pairs::{Pair, PairSet};
use speech2face::{Device, ModelSource, VoicePolicy};

use super::samples::{humming_pair, pair, set};
use crate::report::Report;
use crate::{
    EvalError, EvaluatedModel, EvaluationOptions, OtherNetwork, VoiceFeatures, evaluate,
    evaluate_network,
};

const PEOPLE: usize = 12;
const RECALL: &str = "retrieval/voice-to-face/relative/at-1";
const ONE_OF_TWO: &str = "matching/voice-to-face/1-of-2";

fn people() -> Vec<Pair> {
    (0..2 * PEOPLE).map(|n| humming_pair(n / 2, n % 2, 256, 3.0)).collect()
}

fn options<'a>() -> EvaluationOptions<'a> {
    EvaluationOptions { max_pairs: 1000, draws: 100, photographs: false, ..Default::default() }
}

fn network(features: VoiceFeatures<'_>) -> OtherNetwork<'_> {
    let (mean_feature, trained_on) = (None, Vec::new());
    OtherNetwork { name: "theirs".into(), features, mean_feature, trained_on }
}

/// A report on features by pair.
fn table(
    set: &PairSet,
    pairs: &[Pair],
    feature: impl Fn(usize) -> Vec<f32>,
) -> Result<Report, EvalError> {
    let ids = pairs.iter().map(|pair| pair.info.pair_id.clone());
    let table: HashMap<String, Vec<f32>> = ids.zip((0..).map(feature)).collect();
    let out = tempfile::tempdir().unwrap();
    let network = network(VoiceFeatures::Table(table));
    let found = evaluate_network(&network, set, out.path(), &options(), &mut |_| ());
    // Nothing is known that features could be recognised by.
    assert!(out.path().join("features").read_dir().is_ok_and(|mut files| files.next().is_none()));
    found.map(|evaluation| evaluation.report)
}

#[test]
fn the_true_faces_are_always_found_and_one_face_for_all_is_at_chance() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = people();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let score = |report: &Report, id: &str| report.score(id).unwrap().value;
    // Of any length: they are scaled.
    let right = |n: usize| pairs[n].feature.iter().map(|x| 3.0 * x).collect();
    let report = table(&set, &pairs, right).unwrap();
    assert_eq!((score(&report, RECALL), score(&report, ONE_OF_TWO)), (100.0, 100.0));
    assert!(score(&report, "similarity/degrees") < 0.1);
    assert!(report.title.starts_with("theirs on "), "{}", report.title);
    // What needs a decoder, or parts of voices, is left out.
    let ids: Vec<&str> = report.sections.iter().map(|section| section.id.as_str()).collect();
    assert!(!ids.iter().any(|id| ["faces", "length", "distribution"].contains(id)), "{ids:?}");
    assert!(report.score("consistency/halves/degrees").is_none());
    assert!(report.score("consistency/clips/degrees").is_some());

    let report = table(&set, &pairs, |_| vec![1.0; 256]).unwrap();
    assert!((score(&report, RECALL) - 100.0 / PEOPLE as f64).abs() < 1e-9);
    assert!((score(&report, ONE_OF_TWO) - 50.0).abs() < 1e-9);
}

#[test]
fn a_function_that_is_a_model_has_the_scores_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = people();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let model = EvaluatedModel::open(&ModelSource::Shipped, &Device::flex()).unwrap();
    let out = folder.path().join("out");
    let own = evaluate(&model, &set, &out, &options(), &mut |_| ()).unwrap().report;
    let embed = |voices: &[Waveform]| -> Result<Vec<Vec<f32>>, _> {
        let found = model.model.embed_voices(voices, &VoicePolicy::default())?;
        Ok(found.iter().map(|feature| feature.values()[..256].to_vec()).collect())
    };
    let mean_feature = Some(model.model.mean_feature().unwrap()[..256].to_vec());
    let network = OtherNetwork { mean_feature, ..network(VoiceFeatures::Function(&embed)) };
    let found = evaluate_network(&network, &set, &out, &options(), &mut |_| ()).unwrap().report;
    let mut compared = 0;
    for score in &found.scores {
        let expected = own.score(&score.id).unwrap();
        // Batches of windows differ in their last bits.
        let is_near = (score.value - expected.value).abs() < 1e-3 * expected.value.abs().max(1.0);
        assert!(is_near || score.value.is_nan() && expected.value.is_nan(), "{score:?}");
        compared += 1;
    }
    assert!(compared > 100 && found.score("consistency/halves/degrees").is_some(), "{compared}");
    assert!(found.score("lengths/3s/degrees").is_some());
}

#[test]
fn what_is_not_a_feature_of_each_pair_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> = people();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    let refused = |feature: &dyn Fn(usize) -> Vec<f32>, reason: &str| {
        let message = table(&set, &pairs, feature).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains("theirs"), "{message}");
    };
    refused(&|_| vec![1.0; 255], "has 255 values");
    refused(&|_| vec![0.0; 256], "has length 0");
    refused(&|_| vec![f32::NAN; 256], "not finite");
    let message = table(&set, &pairs[..3], |_| vec![1.0; 256]).unwrap_err().to_string();
    assert!(message.contains("there is none for pair pair-001-1"), "{message}");

    let run = |embed: &crate::FeatureFunction<'_>, options: &EvaluationOptions<'_>| {
        let out = folder.path().join("out");
        let network = network(VoiceFeatures::Function(embed));
        evaluate_network(&network, &set, &out, options, &mut |_| ()).err().unwrap()
    };
    let error = run(&|_| Ok(vec![vec![1.0; 256]]), &options());
    assert!(error.to_string().contains("1 features were returned for"), "{error}");
    let error = run(&|_| Err("out of memory".into()), &options());
    assert_eq!(error.to_string(), "out of memory");
    let cancel = AtomicBool::new(true);
    let error = run(
        &|_| Err("not called".into()),
        &EvaluationOptions { cancel: Some(&cancel), ..options() },
    );
    assert!(matches!(error, EvalError::Cancelled), "{error}");
}

#[test]
fn people_that_a_network_was_trained_on_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = people();
    let evaluated = set(&folder.path().join("some.parquet"), &pairs);
    let table = |trained_on: Vec<PairSet>| {
        let ids = pairs.iter().map(|pair| pair.info.pair_id.clone());
        let features = VoiceFeatures::Table(ids.map(|id| (id, vec![1.0; 256])).collect());
        let network = OtherNetwork { trained_on, ..network(features) };
        let mut warnings = 0;
        let mut on_event =
            |event| warnings += usize::from(matches!(event, crate::EvaluationEvent::Warning(_)));
        let out = folder.path().join("out");
        let found = evaluate_network(&network, &evaluated, &out, &options(), &mut on_event);
        (found.map(drop).map_err(|error| error.to_string()), warnings)
    };
    // Nobody knows what it was trained on.
    assert_eq!(table(Vec::new()), (Ok(()), 1));
    let with_split = |first: usize, name: &str| {
        let mut pairs: Vec<Pair> = (first..first + 2).map(|n| pair(n, 0, 256)).collect();
        pairs.iter_mut().for_each(|pair| pair.info.split = s2f_pairs::Split::Train);
        set(&folder.path().join(name), &pairs)
    };
    assert_eq!(table(vec![with_split(50, "others.parquet")]), (Ok(()), 0));
    let message = table(vec![with_split(3, "same.parquet")]).0.unwrap_err();
    assert!(message.contains("person-003"), "{message}");
}
