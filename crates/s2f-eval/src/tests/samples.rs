//! Pairs of made-up people, for tests.

use std::fs;
use std::path::Path;

use burn::module::Param;
use burn::tensor::Tensor;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use s2f_core::{FaceSpace, Sex, Trait};
use s2f_metrics::Vectors;
use s2f_pairs::{Pair, Split};
pub(crate) use s2f_testing::pairs::set;
use s2f_testing::pairs::{self, Voice, sample};
use serde_json::json;
use speech2face::nn::ModelConfig;
use speech2face::nn::weights::{Precision, save};
use speech2face::{Device, ModelSource, Speech2Face};

use crate::EvaluatedModel;
use crate::items::Items;
use crate::options::PairSelection;

/// A pair of a person: a random face, half women, half men, in three age bands.
pub(crate) fn pair(person: usize, clip: usize, dimension: usize) -> Pair {
    let mut random = SmallRng::seed_from_u64((person * 100 + clip) as u64);
    let feature: Vec<f32> = (0..dimension).map(|_| random.random_range(-1.0..1.0)).collect();
    let sex = if person.is_multiple_of(2) { Sex::Female } else { Sex::Male };
    sample(&format!("pair-{person:03}-{clip}"), &format!("person-{person:03}"), Split::Test)
        .source(&format!("video-{person:03}-{clip}"))
        .unit_feature("mobileface-v2", dimension, |i| feature[i])
        .sex(sex)
        .age(25.0 + 10.0 * (person % 3) as f32)
        .build()
}

/// A hum of a person, FLAC.
pub(crate) fn hum(person: usize, seconds: f64) -> Vec<u8> {
    pairs::hum(Voice { pitch_hz: 90.0 + 7.0 * person as f64, seconds })
}

/// The same pair with a hum of `seconds`.
pub(crate) fn humming_pair(person: usize, clip: usize, dimension: usize, seconds: f64) -> Pair {
    let mut pair = pair(person, clip, dimension);
    pair.audio = hum(person, seconds);
    pair.info.seconds = seconds as f32;
    pair.info.audio_sha256 = s2f_core::hash::sha256(&pair.audio);
    pair
}

/// `people` with two clips each, ready to be searched.
pub(crate) fn items(people: usize, dimension: usize) -> Items {
    let folder = tempfile::tempdir().unwrap();
    let pairs: Vec<Pair> =
        (0..2 * people).map(|number| pair(number / 2, number % 2, dimension)).collect();
    let set = set(&folder.path().join("some.parquet"), &pairs);
    Items::choose(&set, PairSelection::Split(Split::Test), 10_000, None).unwrap().0
}

/// Random directions.
pub(crate) fn random(rows: usize, dimension: usize, seed: u64) -> Vectors {
    let mut random = SmallRng::seed_from_u64(seed);
    Vectors::new((0..rows * dimension).map(|_| random.random_range(-1.0..1.0)).collect(), dimension)
}

/// A model with random weights and a fresh distribution, of the shipped model's sizes: its face
/// space has `traits`. Its mean identity is the first axis, and its mean traits are 0.5.
pub(crate) fn random_model(folder: &Path, traits: &[Trait]) -> EvaluatedModel {
    let device = Device::flex();
    let space = FaceSpace::mobileface().with_traits(traits);
    let shipped = Speech2Face::shipped(&device).unwrap();
    let mut config = serde_json::to_value(shipped.config()).unwrap();
    config["face_space"] = serde_json::to_value(&space).unwrap();
    config["voice_encoder"]["output"] = json!(space.dimension);
    config["face_decoder"]["feature"] = json!(space.dimension);
    config["face_distribution"] = json!({
        "embedding": shipped.config().voice_encoder.features().unwrap(),
        "feature": space.dimension, "traits": traits.len(), "components": 2, "rank": 2,
    });
    let config: ModelConfig = serde_json::from_value(config).unwrap();
    let mut networks = config.init(&device).unwrap();
    let mut mean = vec![0.0; 256];
    mean[0] = 1.0;
    mean.extend(traits.iter().map(|_| 0.5));
    networks.mean_feature = Param::from_tensor(Tensor::from_floats(&mean[..], &device));
    let root = folder.join("model");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("model.safetensors"), save(&networks, Precision::Full).unwrap()).unwrap();
    fs::write(root.join("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    let source = ModelSource::resolve(root.to_str().unwrap()).unwrap();
    EvaluatedModel::open(&source, &device).unwrap()
}

/// [`random_model`] with all traits.
pub(crate) fn model_with_traits(folder: &Path) -> EvaluatedModel {
    random_model(folder, &Trait::ALL)
}
