//! What can be wrong with a file of weights.

use std::io;
use std::path::{Path, PathBuf};

use crate::ConfigError;

/// Why weights could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system refused to read or write.
    #[error("cannot {operation} {}", .path.display())]
    Io {
        /// What was tried: `read` or `write`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What is wrong with the contents of a named file.
    #[error("{}: {problem}", .path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<WeightsError>,
    },
    /// The bytes are not what the format promises.
    #[error("not a complete {format} file: {reason}; hint: get the file again")]
    Malformed {
        /// The format that was expected.
        format: &'static str,
        /// What contradicts it.
        reason: String,
    },
    /// The network has parameters that the file lacks.
    #[error(
        "no weights for {}; hint: the file belongs to another network or another configuration",
        list(.tensors)
    )]
    Missing {
        /// Names of all of them.
        tensors: Vec<String>,
    },
    /// The file has tensors for which the network has no place.
    #[error(
        "no place for {} in the network; hint: the file belongs to another network or another \
         configuration",
        list(.tensors)
    )]
    Unexpected {
        /// Names of all of them.
        tensors: Vec<String>,
    },
    /// A tensor has another shape than the parameter it is for.
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
    /// A tensor holds numbers of a type that is not read.
    #[error("tensor {tensor} holds {actual} numbers; hint: convert the file to {supported}")]
    NumberType {
        /// Name of the tensor.
        tensor: String,
        /// The type in the file.
        actual: String,
        /// The types that are read.
        supported: &'static str,
    },
    /// The tensors of a foreign file and the parameters of the network do not fit one to one.
    #[error("{}; hint: another network or configuration, or names that a key map has to translate", misfit(.missing, .surplus))]
    Names {
        /// Names of the parameters that the file lacks.
        missing: Vec<String>,
        /// Names in the file for which the network has no place.
        surplus: Vec<String>,
    },
    /// A key map cannot be followed.
    #[error(
        "key map: {reason}; hint: each line is \"name in the file\" = \"name in the network\", or = \"\" to leave it out"
    )]
    KeyMap {
        /// What is wrong with it, with the names.
        reason: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "tensor {tensor} holds {value}; hint: the training that made the file broke down, take an earlier one"
    )]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// The first such weight.
        value: f32,
    },
    /// The file is larger than any that is read.
    #[error(
        "it has {bytes} bytes, at most {limit} are read; hint: it is not the file of such a network"
    )]
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
        /// What stands in the way, with a hint.
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
    /// The numbers of a parameter could not be fetched from its device.
    #[error("cannot read tensor {tensor} from its device: {reason}")]
    Device {
        /// Name of the tensor.
        tensor: String,
        /// What the tensor library said.
        reason: String,
    },
}

impl WeightsError {
    /// The same problem, with the name of the file that it was met in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), problem: Box::new(self) }
    }
}

/// What is missing and what is surplus.
fn misfit(missing: &[String], surplus: &[String]) -> String {
    let missing = (!missing.is_empty()).then(|| format!("no weights for {}", list(missing)));
    let surplus = (!surplus.is_empty()).then(|| format!("no place for {}", list(surplus)));
    missing.into_iter().chain(surplus).collect::<Vec<_>>().join(", and ")
}

/// The first names of a list and how many follow.
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
        assert_eq!(
            problem.in_file(Path::new("model.safetensors")).to_string(),
            "model.safetensors: no weights for conv1.weight; hint: the file belongs to another \
             network or another configuration"
        );
    }
}
