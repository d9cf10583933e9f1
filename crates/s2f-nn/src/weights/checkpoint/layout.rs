//! How another program names and stores the weights of a network.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Checkpoint;
use crate::weights::WeightsError;
use crate::weights::names::{KeyMap, below};

/// Added to a variance by Burn and PyTorch.
const EPSILON: f64 = 1e-5;

/// Names of a network's tensors in another program, and how that program stores them, where it is
/// not as PyTorch does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Names in the file, each with the name in the network.
    pub names: KeyMap,
    /// Tensors of the network, or modules and everything in them, whose values have another order
    /// in the file. In a module, this applies to the tensors with as many axes.
    #[serde(default)]
    pub stored: BTreeMap<String, Stored>,
    /// What the other program adds to the variances of batch normalisations.
    #[serde(default)]
    pub batch_norm_epsilon: Option<f64>,
    /// Fully connected layers of the network, each with the name in the file of the batch
    /// normalisation that follows it there: it becomes part of the layer. `names` leaves it out.
    #[serde(default)]
    pub folded: BTreeMap<String, String>,
}

/// The order of a tensor's values in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Axes that the tensor is split into before it is transposed; its own if `None`.
    #[serde(default)]
    pub split: Option<Vec<usize>>,
    /// The axis in the file for each axis in the network, as of NumPy's `transpose`.
    pub axes: Vec<usize>,
}

impl From<KeyMap> for Layout {
    fn from(names: KeyMap) -> Self {
        Self { names, ..Self::default() }
    }
}

impl Layout {
    /// Appends the values of a tensor of the network, `ours`, to `out`: in single precision,
    /// little-endian and row-major. `theirs` is its name in the file, `place` translates the names
    /// of `folded` to names in the file.
    pub(super) fn append(
        &self,
        checkpoint: &Checkpoint,
        (ours, shape): (&str, &[usize]),
        theirs: &str,
        place: impl Fn(&str) -> String,
        out: &mut Vec<u8>,
    ) -> Result<(), WeightsError> {
        let start = out.len();
        match self.stored(ours, shape) {
            None => checkpoint.append(theirs, shape, out)?,
            Some((name, stored)) => {
                out.extend(transposed(checkpoint, theirs, shape, (name, stored))?);
            }
        }
        let (module, part) = ours.rsplit_once('.').unwrap_or_default();
        let epsilon = self.batch_norm_epsilon.unwrap_or(EPSILON);
        if part == "running_var" {
            change(&mut out[start..], |_, variance| variance + (epsilon - EPSILON) as f32);
        }
        let Some(norm) = self.folded.get(module) else { return Ok(()) };
        let [outputs, rest @ ..] = shape else { return Ok(()) };
        let read = |part: &str| -> Result<Vec<f32>, WeightsError> {
            let mut bytes = Vec::new();
            checkpoint.append(&place(&format!("{norm}.{part}")), &[*outputs], &mut bytes)?;
            Ok(bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect())
        };
        let (scales, variances) = (read("weight")?, read("running_var")?);
        let scale = |output: usize| {
            f64::from(scales[output]) / (f64::from(variances[output]) + epsilon).sqrt()
        };
        if part == "bias" {
            let (means, shifts) = (read("running_mean")?, read("bias")?);
            change(&mut out[start..], |output, bias| {
                let centred = f64::from(bias) - f64::from(means[output]);
                (centred * scale(output) + f64::from(shifts[output])) as f32
            });
        } else {
            let inputs: usize = rest.iter().product();
            change(&mut out[start..], |index, weight| {
                (f64::from(weight) * scale(index / inputs)) as f32
            });
        }
        Ok(())
    }

    /// The entry of `stored` that applies to a tensor.
    fn stored(&self, ours: &str, shape: &[usize]) -> Option<(&str, &Stored)> {
        let fits = |(name, stored): &(&String, &Stored)| {
            *name == ours || !below(&[ours], name).is_empty() && stored.axes.len() == shape.len()
        };
        // The longest entry is the most specific.
        let found = self.stored.iter().filter(fits).max_by_key(|(name, _)| name.len());
        found.map(|(name, stored)| (name.as_str(), stored))
    }
}

/// The values of a tensor in the order of the network.
fn transposed(
    checkpoint: &Checkpoint,
    theirs: &str,
    shape: &[usize],
    (name, Stored { split, axes }): (&str, &Stored),
) -> Result<Vec<u8>, WeightsError> {
    const WIDTH: usize = size_of::<f32>();
    let wrong = |reason: String| {
        Err(WeightsError::KeyMap { reason: format!("stored of {name}: {reason}") })
    };
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..axes.len()) {
        return wrong(format!("axes {axes:?} is not an order of 0 to {}", axes.len().max(1) - 1));
    }
    let mut bytes = Vec::new();
    let split = match split {
        Some(split) => {
            let own = checkpoint.shape(theirs)?;
            let count = |shape: &[usize]| {
                shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))
            };
            if split.len() != axes.len() || count(split) != count(shape) {
                return wrong(format!("split {split:?} does not fit {shape:?}"));
            }
            if count(&own) != count(shape) {
                let (tensor, expected) = (theirs.to_owned(), shape.to_vec());
                return Err(WeightsError::Shape { tensor, expected, actual: own });
            }
            checkpoint.append(theirs, &own, &mut bytes)?;
            split.clone()
        }
        None => {
            if axes.len() != shape.len() {
                return wrong(format!("axes {axes:?} does not fit {shape:?}"));
            }
            let mut own = vec![0; axes.len()];
            axes.iter().zip(shape).for_each(|(&axis, &length)| own[axis] = length);
            checkpoint.append(theirs, &own, &mut bytes)?;
            own
        }
    };
    let strides: Vec<usize> = axes.iter().map(|&axis| split[axis + 1..].iter().product()).collect();
    let lengths: Vec<usize> = axes.iter().map(|&axis| split[axis]).collect();
    let mut values = Vec::with_capacity(bytes.len());
    let mut place = vec![0; axes.len()];
    let mut at = 0;
    for _ in 0..bytes.len() / WIDTH {
        values.extend_from_slice(&bytes[at * WIDTH..][..WIDTH]);
        // The next place, the last axis first.
        for axis in (0..axes.len()).rev() {
            place[axis] += 1;
            at += strides[axis];
            if place[axis] < lengths[axis] {
                break;
            }
            at -= lengths[axis] * strides[axis];
            place[axis] = 0;
        }
    }
    Ok(values)
}

/// Changes little-endian values in their place; `to` gets the index of each.
fn change(bytes: &mut [u8], to: impl Fn(usize, f32) -> f32) {
    for (index, value) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
        *value = to(index, f32::from_le_bytes(*value)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests;
