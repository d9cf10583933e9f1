//! Which recordings are read.

use std::collections::HashSet;
use std::path::PathBuf;

/// Where a recording comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// The name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The inputs without repetitions, and the names of those that were repeated.
pub fn without_repetitions(files: &[PathBuf]) -> (Vec<Input>, Vec<String>) {
    let mut seen = HashSet::new();
    let (mut inputs, mut repeated) = (Vec::new(), Vec::new());
    for file in files {
        let input = match file.to_str() {
            Some("-") => Input::Stdin,
            _ => Input::File(file.clone()),
        };
        // A file that does not exist is reported when it is read.
        let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.insert(identity) {
            inputs.push(input);
        } else {
            repeated.push(input.name());
        }
    }
    (inputs, repeated)
}
