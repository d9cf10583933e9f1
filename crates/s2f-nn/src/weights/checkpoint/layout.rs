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
    /// little-endian and row-major. `theirs` is its name in the file.
    pub(super) fn append(
        &self,
        checkpoint: &Checkpoint,
        (ours, shape): (&str, &[usize]),
        theirs: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), WeightsError> {
        let start = out.len();
        match self.stored(ours, shape) {
            None => checkpoint.append(theirs, shape, out)?,
            Some((name, stored)) => {
                out.extend(transposed(checkpoint, theirs, shape, (name, stored))?);
            }
        }
        // Our networks add EPSILON to it.
        if ours.ends_with(".running_var") {
            let more = (self.batch_norm_epsilon.unwrap_or(EPSILON) - EPSILON) as f32;
            for value in out[start..].as_chunks_mut().0 {
                *value = (f32::from_le_bytes(*value) + more).to_le_bytes();
            }
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

#[cfg(test)]
mod tests;
