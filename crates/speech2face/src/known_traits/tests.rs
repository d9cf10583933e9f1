//! Tests with a model of random weights, of the shipped model's sizes.

use burn::module::Param;
use burn::tensor::{Device, Tensor};
use s2f_core::FaceSpace;
use s2f_nn::ModelConfig;
use s2f_nn::weights::{Precision, save};
use serde_json::json;

use super::*;

/// A model whose face space has all traits, with mean traits of 0.25, 0.5 and 0.75, and with a
/// fresh distribution if asked for.
fn model(distribution: bool) -> Speech2Face {
    let device = Device::flex();
    let space = FaceSpace::mobileface().with_traits(&Trait::ALL);
    let shipped = Speech2Face::shipped(&device).unwrap();
    let mut config = serde_json::to_value(shipped.config()).unwrap();
    config["face_space"] = serde_json::to_value(&space).unwrap();
    config["voice_encoder"]["output"] = json!(space.dimension);
    config["face_decoder"]["feature"] = json!(space.dimension);
    config.as_object_mut().unwrap().remove("face_distribution");
    if distribution {
        config["voice_encoder"].as_object_mut().unwrap().remove("output");
        config["face_distribution"] = json!({
            "embedding": shipped.config().voice_encoder.features().unwrap(),
            "feature": space.dimension, "traits": 3, "components": 2, "rank": 2,
        });
    }
    let mean: Vec<f32> = [0.0; 256].into_iter().chain([0.25, 0.5, 0.75]).collect();
    open(config, &mean)
}

/// A model of random weights with this mean feature.
fn open(config: serde_json::Value, mean: &[f32]) -> Speech2Face {
    let device = Device::flex();
    let config: ModelConfig = serde_json::from_value(config).unwrap();
    let mut networks = config.init(&device).unwrap();
    networks.mean_feature = Param::from_tensor(Tensor::from_floats(mean, &device));
    let folder = tempfile::tempdir().unwrap();
    let weights = save(&networks, Precision::Full).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), weights).unwrap();
    let text = serde_json::to_string(&config).unwrap();
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    Speech2Face::open(folder.path(), &device).unwrap()
}

fn photograph() -> FaceFeature {
    FaceFeature::new(FaceSpace::mobileface(), vec![0.0625; 256]).unwrap()
}

fn traits(model: &Speech2Face, known: KnownTraits) -> Vec<f32> {
    let feature = model.add_traits(&photograph(), known).unwrap();
    assert_eq!(feature.space(), model.face_space());
    assert_eq!(feature.space().identity_of(feature.values()), photograph().values());
    feature.values()[256..].to_vec()
}

#[test]
fn known_traits_are_used_and_unknown_ones_are_the_mean() {
    let model = model(false);
    let known = |sex, age| KnownTraits { sex, age };
    assert_eq!(traits(&model, known(Some(Sex::Female), Some(40.0))), [1.0, 0.0, 0.0]);
    assert_eq!(traits(&model, known(Some(Sex::Male), None)), [-1.0, 0.5, 0.0]);
    let age = Trait::of_years(65.0) as f32;
    assert_eq!(traits(&model, known(None, Some(65.0))), [0.25, age, 0.0]);
    assert_eq!(traits(&model, KnownTraits::default()), [0.25, 0.5, 0.0]);
}

#[test]
fn the_mean_is_that_of_the_distribution_if_there_is_one() {
    let model = model(true);
    let mean = model.prior().unwrap().mean();
    let mean = [mean[256] as f32, mean[257] as f32];
    assert_ne!(mean, [0.25, 0.5]);
    assert_eq!(traits(&model, KnownTraits::default())[..2], mean);
}

#[test]
fn the_face_of_a_photograph_is_decoded_only_with_traits() {
    let model = model(false);
    let error = model.decode(&photograph(), 0.0).unwrap_err();
    assert!(matches!(error, DecodeError::NoTraits { .. }));
    let message = error.to_string();
    for part in [
        "is of face space mobileface-v2 (256 dimensions",
        "reads mobileface-v2 with sex, age and hair (259",
        "; hint: add the traits with Speech2Face::add_traits",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let complete = model.add_traits(&photograph(), KnownTraits::default()).unwrap();
    model.decode(&complete, 0.0).unwrap();
    assert_eq!(model.add_traits(&complete, KnownTraits::default()).unwrap(), complete);

    let other = FaceSpace { name: "other".into(), ..FaceSpace::mobileface() };
    let other = FaceFeature::new(other, vec![0.0625; 256]).unwrap();
    for error in [
        model.decode(&other, 0.0).unwrap_err(),
        model.add_traits(&other, KnownTraits::default()).unwrap_err(),
    ] {
        assert!(matches!(error, DecodeError::OtherSpace { .. }), "{error}");
    }
}

#[test]
fn models_without_traits_decode_photographs_as_they_are() {
    let shipped = Speech2Face::shipped(&Device::flex()).unwrap();
    let mut config = serde_json::to_value(shipped.config()).unwrap();
    config["face_space"] = serde_json::to_value(FaceSpace::mobileface()).unwrap();
    config["voice_encoder"]["output"] = json!(256);
    config["face_decoder"]["feature"] = json!(256);
    config.as_object_mut().unwrap().remove("face_distribution");
    let model = open(config, &[0.0; 256]);
    let known = KnownTraits { sex: Some(Sex::Female), age: None };
    assert_eq!(model.mean_traits().unwrap(), [0.0; 0]);
    assert_eq!(model.add_traits(&photograph(), known).unwrap(), photograph());
    model.decode(&photograph(), 0.0).unwrap();
}
