//! Where a recording comes from.

use std::io::Cursor;
use std::path::PathBuf;

use pyo3::prelude::*;
use speech2face::VoiceRecording;
use speech2face::audio::{AudioError, ReadOptions};

use crate::error::Kind;

/// A recording that is yet to be read.
#[pyclass(frozen, module = "speech2face._native")]
pub struct Source(Input);

enum Input {
    File(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
    Samples { samples: Vec<f32>, channels: usize, rate_hz: u32 },
}

#[pymethods]
impl Source {
    /// The file at a path.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn file(path: PathBuf) -> Self {
        Self(Input::File(path))
    }

    /// A whole file in memory; `name` is its name in messages.
    #[staticmethod]
    #[pyo3(signature = (data, name, /))]
    fn memory(data: &[u8], name: String) -> Self {
        Self(Input::Bytes { name, bytes: data.to_vec() })
    }

    /// Interleaved samples, 32-bit floats of the machine, full scale −1 to 1.
    #[staticmethod]
    #[pyo3(signature = (data, channels, rate, /))]
    fn samples(data: &[u8], channels: usize, rate: u32) -> Self {
        Self(Input::Samples { samples: floats(data), channels, rate_hz: rate })
    }
}

impl Source {
    /// Reads the recording.
    pub fn read(&self, track: Option<usize>) -> Result<VoiceRecording, AudioError> {
        let options = ReadOptions { track, ..ReadOptions::default() };
        match &self.0 {
            Input::File(path) => VoiceRecording::read(path, &options),
            Input::Bytes { name, bytes } => {
                VoiceRecording::from_reader(Cursor::new(bytes), name, &options)
            }
            Input::Samples { samples, channels, rate_hz } => {
                VoiceRecording::from_interleaved(samples, *channels, *rate_hz)
            }
        }
    }

    /// The class of exceptions about the recording.
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Input::File(path) => Kind::at(path),
            Input::Bytes { .. } => Kind::Error,
            Input::Samples { .. } => Kind::Value,
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match &self.0 {
            Input::File(path) => path.display().to_string(),
            Input::Bytes { name, .. } => name.clone(),
            Input::Samples { .. } => "samples".to_owned(),
        }
    }
}

/// The 32-bit floats in the bytes of an array.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|value| f32::from_ne_bytes(*value)).collect()
}

/// The bytes of 32-bit floats, for an array.
pub fn bytes(floats: &[f32]) -> Vec<u8> {
    floats.iter().flat_map(|value| value.to_ne_bytes()).collect()
}
