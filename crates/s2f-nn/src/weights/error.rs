//! Errors of weights files.

use std::path::{Path, PathBuf};

use s2f_core::FileError;

use crate::ConfigError;

/// Why weights could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused to read or write a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The contents of a file are wrong.
    #[error("{}: {problem}", .path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<WeightsError>,
    },
    /// The bytes contradict the format.
    #[error("not a complete {format} file: {reason}; hint: get the file again")]
    Malformed {
        /// The format that was expected.
        format: &'static str,
        /// The contradiction.
        reason: String,
    },
    /// The file lacks parameters of the network.
    #[error(
        "no weights for {}; hint: the file belongs to another network or another configuration",
        list(.tensors)
    )]
    Missing {
        /// Names of all of them.
        tensors: Vec<String>,
    },
    /// The file has tensors that are no parameters of the network.
    #[error(
        "unexpected tensors {}; hint: the file belongs to another network or another configuration",
        list(.tensors)
    )]
    Unexpected {
        /// Names of all of them.
        tensors: Vec<String>,
    },
    /// A tensor has another shape than its parameter.
    #[error(
        "tensor {tensor} has the shape {actual:?}, the network needs {expected:?}; hint: the file \
         belongs to another configuration"
    )]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// Shape that the network needs.
        expected: Vec<usize>,
        /// Shape in the file.
        actual: Vec<usize>,
    },
    /// A tensor has a data type that is not supported.
    #[error("tensor {tensor} has the type {actual}; hint: convert the file to {supported}")]
    DataType {
        /// Name of the tensor.
        tensor: String,
        /// The type in the file.
        actual: String,
        /// The types that are supported.
        supported: &'static str,
    },
    /// The tensors of a foreign file and the parameters of the network do not match one to one.
    #[error(
        "{}; hint: the file belongs to another network or configuration, or needs a key map \
         (configs/import has those of re-implementations)",
        misfit(.missing, .surplus)
    )]
    Names {
        /// Names of the parameters that the file lacks.
        missing: Vec<String>,
        /// Names in the file that are no parameters of the network.
        surplus: Vec<String>,
    },
    /// Several parts of the file hold all weights of the network.
    #[error(
        "several parts of the file fit: {}; hint: choose one with --prefix",
        .candidates.join(", ")
    )]
    Ambiguous {
        /// Their prefixes.
        candidates: Vec<String>,
    },
    /// No tensor has a name with this prefix.
    #[error(
        "no tensor is in {prefix}; hint: {}",
        match &.candidates[..] {
            [] => "no part of the file fits this network".to_owned(),
            candidates => format!("these parts fit: {}", candidates.join(", ")),
        }
    )]
    NoSuchPart {
        /// The prefix.
        prefix: String,
        /// The prefixes that fit.
        candidates: Vec<String>,
    },
    /// A key map contradicts the file or the network.
    #[error(
        "key map: {reason}; hint: each line is \"name in the file\" = \"name in the network\", or \
         = \"\" to leave a tensor out"
    )]
    KeyMap {
        /// The contradiction, with the names.
        reason: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "tensor {tensor} holds {value}; hint: the training diverged, use an earlier checkpoint"
    )]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// The first such weight.
        value: f32,
    },
    /// The file is larger than any file of such a network.
    #[error("it has {bytes} bytes, the limit is {limit}; hint: check that it is the right file")]
    TooBig {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// No network can be built from the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A network cannot be written in a format.
    #[error("cannot be written as {format}: {reason}")]
    NotExportable {
        /// The format.
        format: &'static str,
        /// The obstacle, with a hint.
        reason: String,
    },
    /// A weight is too large for half precision.
    #[error(
        "tensor {tensor} holds {value}, above what half precision can hold; hint: save it in \
             full precision"
    )]
    TooLargeForHalf {
        /// Name of the tensor.
        tensor: String,
        /// The first such weight.
        value: f32,
    },
    /// The values of a parameter could not be read from its device.
    #[error("cannot read tensor {tensor} from its device: {reason}; hint: try the CPU")]
    Device {
        /// Name of the tensor.
        tensor: String,
        /// The tensor library's message.
        reason: String,
    },
}

impl WeightsError {
    /// The same problem with the name of the file, unless it names a file already.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::File(_) | Self::InFile { .. } => self,
            problem => Self::InFile { path: path.to_owned(), problem: Box::new(problem) },
        }
    }
}

/// Missing parameters and unexpected tensors, in words.
fn misfit(missing: &[String], surplus: &[String]) -> String {
    let missing = (!missing.is_empty()).then(|| format!("no weights for {}", list(missing)));
    let surplus = (!surplus.is_empty()).then(|| format!("unexpected tensors {}", list(surplus)));
    missing.into_iter().chain(surplus).collect::<Vec<_>>().join(", and ")
}

/// The first names of a list and the number of the others.
pub(super) fn list(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let names = |n| (0..n).map(|i| format!("t{i}")).collect::<Vec<_>>();
        assert_eq!(list(&names(1)), "t0");
        assert_eq!(list(&names(3)), "t0, t1, t2");
        assert_eq!(list(&names(5)), "t0, t1, t2 and 2 more");
    }

    #[test]
    fn the_file_is_named_once() {
        let problem = WeightsError::Missing { tensors: vec!["conv1.weight".into()] };
        let problem = problem.in_file(Path::new("model.safetensors"));
        assert_eq!(
            problem.in_file(Path::new("other.safetensors")).to_string(),
            "model.safetensors: no weights for conv1.weight; hint: the file belongs to another \
             network or another configuration"
        );
    }
}
