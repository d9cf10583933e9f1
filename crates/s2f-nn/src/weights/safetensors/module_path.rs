//! Names and layouts of parameters that differ between Burn and PyTorch.

use rayon::prelude::*;

/// The path to a parameter while a module is visited: field names or indices, each with the type
/// that contains it.
#[derive(Default)]
pub(in crate::weights) struct ModulePath(Vec<(String, String)>);

impl ModulePath {
    pub(in crate::weights) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), container.to_owned()));
    }

    pub(in crate::weights) fn leave(&mut self) {
        self.0.pop();
    }

    /// PyTorch's name of the parameter.
    pub(in crate::weights) fn name(&self) -> String {
        let steps = self.0.iter().filter(|(name, container)| is_named(name, container));
        let names = steps.map(|(name, container)| match name.as_str() {
            "gamma" if container.ends_with("Norm") => "weight",
            "beta" if container.ends_with("Norm") => "bias",
            other => other,
        });
        names.collect::<Vec<_>>().join(".")
    }

    /// Whether PyTorch stores the parameter with its two axes swapped.
    pub(in crate::weights) fn is_transposed(&self) -> bool {
        let here = self.0.last().map(|(name, container)| (name.as_str(), container.as_str()));
        here == Some(("weight", "Struct:Linear"))
    }
}

/// Whether a step on the path to a parameter is part of the parameter's name: all but variants of
/// enums, which have no counterpart in PyTorch, and the trunk of a voice encoder, whose layers are
/// named beside those of the head.
pub fn is_named(name: &str, container: &str) -> bool {
    !container.starts_with("Enum:") && (name, container) != ("trunk", "Struct:VoiceEncoder")
}

/// The transpose of a row-major matrix with `columns` columns.
pub(crate) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    transposed_from(values, columns, |value| value)
}

/// [`transposed`] of values that are converted.
pub(super) fn transposed_from<T: Copy + Sync>(
    values: &[T],
    columns: usize,
    convert: impl Fn(T) -> f32 + Sync,
) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    let mut out = vec![0.0; rows * columns];
    if out.is_empty() {
        return out;
    }
    // Square tiles, so that both the rows that are read and those that are written stay in the
    // cache.
    const TILE: usize = 16;
    out.par_chunks_mut(TILE * rows).enumerate().for_each(|(tile, out)| {
        for row0 in (0..rows).step_by(TILE) {
            for (column, out) in (tile * TILE..).zip(out.chunks_exact_mut(rows)) {
                for row in row0..rows.min(row0 + TILE) {
                    out[row] = convert(values[row * columns + column]);
                }
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_covers_the_edges_of_tiles() {
        for (rows, columns) in [(1, 1), (3, 0), (0, 3), (1, 40), (16, 16), (17, 33)] {
            let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let out = transposed(&values, columns);
            assert_eq!(out.len(), values.len());
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(out[column * rows + row], values[row * columns + column]);
                }
            }
        }
    }
}
