//! Tests against independent references, and of what intervals promise.

mod calibration;
mod coverage;
mod search;
mod statistics;
mod tsne;

use std::path::PathBuf;

use serde_json::Value;

use crate::Vectors;

/// A file of `reference/metrics`, made by the script of the same name.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../reference/metrics").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn rows(name: &str) -> Vectors {
    let bytes = std::fs::read(path(name)).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let dimension = file.shape()[1] as usize;
    Vectors::new(file.into_vec().unwrap(), dimension)
}

fn cases<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap()
}

fn numbers(value: &Value, name: &str) -> Vec<f64> {
    cases(value, name).iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64, what: &dyn std::fmt::Debug) {
    assert!((found - expected).abs() <= tolerance, "{what:?}: {found} instead of {expected}");
}
