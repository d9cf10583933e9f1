//! Names of files in JSON. JSON is Unicode, and a name need not be: the bytes of such a name stand
//! beside it.

use std::path::{Path, PathBuf};

use s2f_core::hash::hex;
use serde::Serialize;

use super::inputs::Input;

/// The name of a recording, as part of an object.
#[derive(Serialize)]
pub struct InputName {
    input: String,
    /// The bytes of the name in hexadecimal, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_bytes: Option<String>,
}

/// The names of the files that were written, as part of an object.
#[derive(Serialize)]
pub struct OutputNames {
    outputs: Vec<String>,
    /// As [`InputName::input_bytes`], for all files if one needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_bytes: Option<Vec<String>>,
}

impl InputName {
    /// The name of `input`.
    pub fn of(input: &Input) -> Self {
        let input_bytes = match input {
            Input::File(path) if path.to_str().is_none() => Some(bytes(path)),
            Input::File(_) | Input::Stdin => None,
        };
        Self { input: input.name(), input_bytes }
    }
}

impl OutputNames {
    /// The names of `paths`.
    pub fn of(paths: &[PathBuf]) -> Self {
        let outputs = paths.iter().map(|path| path.display().to_string()).collect();
        let unicode = paths.iter().all(|path| path.to_str().is_some());
        let output_bytes = (!unicode).then(|| paths.iter().map(|path| bytes(path)).collect());
        Self { outputs, output_bytes }
    }
}

fn bytes(path: &Path) -> String {
    hex(path.as_os_str().as_encoded_bytes())
}
