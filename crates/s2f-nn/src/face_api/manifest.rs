//! The weights format of TensorFlow.js: a JSON manifest and files ("shards") of raw values.
//!
//! The manifest lists groups; the values of a group's weights follow one another in its shards,
//! without gaps. They are stored either as little-endian `float32`, or as one byte `q` per value
//! for `q * scale + min`.

use std::path::{Component, Path};

use serde::Deserialize;

use crate::weights::{Arrays, WeightsError, read_file};

#[derive(Deserialize)]
struct Group {
    weights: Vec<Weight>,
    paths: Vec<String>,
}

#[derive(Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    scale: f64,
    min: f64,
}

/// Reads the arrays that a manifest lists, in single precision. The shards are next to it.
///
/// # Errors
/// [`WeightsError`] with the file's name: the manifest or a shard cannot be read, they contradict
/// each other, or values are of another type than `float32` and `uint8`.
pub(super) fn read(manifest: &Path) -> Result<Arrays, WeightsError> {
    let text = read_file(manifest)?;
    let read_shard = |name: &str| {
        // A manifest may come from anywhere; it must not name files outside its own folder.
        let mut components = Path::new(name).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(_)), None) => read_file(&manifest.with_file_name(name)),
            _ => Err(malformed(format!("shard {name} is not a plain file name"))),
        }
    };
    parse(&text, read_shard).map_err(|problem| problem.in_file(manifest))
}

fn parse(
    manifest: &[u8],
    read_shard: impl Fn(&str) -> Result<Vec<u8>, WeightsError>,
) -> Result<Arrays, WeightsError> {
    let groups: Vec<Group> =
        serde_json::from_slice(manifest).map_err(|error| malformed(error.to_string()))?;
    let mut arrays = Arrays::default();
    for group in groups {
        let mut bytes = Vec::new();
        for path in &group.paths {
            bytes.extend(read_shard(path)?);
        }
        let mut rest = bytes.as_slice();
        for weight in group.weights {
            let values = weight.values(&mut rest)?;
            let name = weight.name;
            if !arrays.insert(name.clone(), weight.shape, values) {
                return Err(malformed(format!("two weights are called {name}")));
            }
        }
        if !rest.is_empty() {
            return Err(malformed(format!("{} bytes follow the last weight", rest.len())));
        }
    }
    Ok(arrays)
}

impl Weight {
    /// Splits this weight's values off the front of `bytes`.
    fn values(&self, bytes: &mut &[u8]) -> Result<Vec<f32>, WeightsError> {
        let stored = self.quantization.as_ref().map_or(&self.dtype, |q| &q.dtype);
        let width = match (self.dtype.as_str(), stored.as_str()) {
            ("float32", "float32") => 4,
            ("float32", "uint8") => 1,
            _ => {
                return Err(WeightsError::DataType {
                    tensor: self.name.clone(),
                    actual: format!("{} as {stored}", self.dtype),
                    supported: "float32, stored as float32 or uint8",
                });
            }
        };
        let length = self.shape.iter().try_fold(width, |n: usize, axis| n.checked_mul(*axis));
        let (taken, rest) =
            length.and_then(|length| bytes.split_at_checked(length)).ok_or_else(|| {
                malformed(format!("weight {} is longer than the rest of its shards", self.name))
            })?;
        *bytes = rest;
        Ok(match &self.quantization {
            None => taken.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Some(q) => taken.iter().map(|b| (f64::from(*b) * q.scale + q.min) as f32).collect(),
        })
    }
}

fn malformed(reason: impl Into<String>) -> WeightsError {
    WeightsError::Malformed { format: "face-api.js weights", reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Reference;

    /// Written by `reference/nn/foreign_weights.py`, with two shards.
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/nn");
    const MANIFEST: &str = include_str!("../../../../reference/nn/foreign_manifest.json");
    const VALUES: &[u8] = include_bytes!("../../../../reference/nn/foreign_weights.safetensors");

    #[test]
    fn weights_have_their_names_shapes_and_values() {
        let mut arrays = read(&Path::new(FOLDER).join("foreign_manifest.json")).unwrap();
        let reference = Reference::new(VALUES);
        for (name, shape) in [("fc/weights", &[2, 3][..]), ("fc/bias", &[3])] {
            assert_eq!(arrays.take(name, shape).unwrap(), reference.values(name));
        }
        arrays.finish().unwrap();
    }

    #[test]
    fn contradictions_are_named() {
        let check = |manifest: &str, shard: &[u8], message: &str| {
            let problem = parse(manifest.as_bytes(), |_| Ok(shard.to_vec())).unwrap_err();
            assert!(problem.to_string().contains(message), "{problem}");
        };
        let one = MANIFEST.replace(",\n   \"foreign_shard2.bin\"", "");
        check(&one, &[0; 17], "weight fc/bias is longer than the rest of its shards");
        check(&one, &[0; 19], "1 bytes follow the last weight");
        check(
            &one.replace("uint8", "uint16"),
            &[0; 18],
            "fc/weights has the type float32 as uint16",
        );
        check(&one.replace("fc/bias", "fc/weights"), &[0; 18], "two weights are called fc/weights");
        check(&one.replacen(" 2,", "4000000000000000000,", 1), &[0; 18], "fc/weights is longer");
        check(&one.replace("float32", "int32"), &[0; 18], "fc/weights has the type int32 as uint8");
        check("[{}]", &[], "missing field");
    }

    #[test]
    fn shards_outside_the_folder_are_refused() {
        let folder = std::env::temp_dir().join(format!("s2f-manifest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = folder.join("manifest.json");
        for name in ["../secret", "/etc/hostname", "a/b", "..", ""] {
            std::fs::write(&manifest, MANIFEST.replace("foreign_shard1.bin", name)).unwrap();
            let problem = read(&manifest).unwrap_err().to_string();
            assert!(problem.contains("is not a plain file name"), "{name}: {problem}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
