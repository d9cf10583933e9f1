mod head;
mod plain;
mod training;

use burn::tensor::Distribution;
use s2f_core::{Normalisation, Trait};

use super::*;
use crate::tests::{Reference, cpu};
use crate::weights;

/// Written by `reference/nn/face_distribution.py`.
const REFERENCE: &[u8] = include_bytes!("../../../../reference/nn/face_distribution.safetensors");

/// The head of the reference.
fn tiny() -> FaceDistributionConfig {
    FaceDistributionConfig {
        embedding: 3,
        feature: 6,
        traits: 2,
        components: 2,
        rank: 2,
        reliability: None,
    }
}

/// Its face space.
fn space() -> FaceSpace {
    let (name, normalisation) = ("four".into(), Normalisation::None);
    FaceSpace { name, dimension: 4, normalisation, traits: Vec::new() }
        .with_traits(&[Trait::Sex, Trait::Age])
}

/// The head of the reference with its weights, on `device`.
fn reference_head(device: &burn::tensor::Device) -> FaceDistributionHead {
    let weights = Reference::new(REFERENCE).weights("head.");
    weights::load(tiny().init(device).unwrap(), &weights).unwrap()
}

/// The distributions of the reference's five voices, and the prior.
fn reference_distributions() -> (Vec<FaceDistribution>, FaceDistribution) {
    let head = reference_head(&cpu());
    let embedding = Reference::new(REFERENCE).floats("embedding", &cpu());
    (head.distributions(embedding, &space()).unwrap(), head.prior(&space()).unwrap())
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} against {expected}");
}
