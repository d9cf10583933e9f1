//! Recordings as samples and as spectrograms.

use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use speech2face::audio::{self, Waveform};

use crate::error::raised;
use crate::source::{Source, bytes};
use crate::threads;

/// The samples of a recording at 16 kHz, mono: 32-bit floats.
#[pyfunction]
#[pyo3(signature = (source, track=None, /))]
pub fn decode<'py>(
    py: Python<'py>,
    source: &Source,
    track: Option<usize>,
) -> PyResult<Bound<'py, PyByteArray>> {
    let voice = threads::compute(py, || source.read(track).map(|found| found.voice().clone()))?;
    let voice = voice.map_err(|error| raised(py, source.kind(), &error))?;
    Ok(PyByteArray::new(py, &bytes(voice.samples())))
}

/// The spectrogram of a recording, `[2, frames, 257]`: 32-bit floats.
#[pyfunction]
#[pyo3(signature = (source, whole, /))]
pub fn spectrogram<'py>(
    py: Python<'py>,
    source: &Source,
    whole: bool,
) -> PyResult<Bound<'py, PyByteArray>> {
    let values = |voice: &Waveform| audio::spectrogram(voice).into_data();
    of_recording(py, source, whole, values)
}

/// The mel spectrogram of a recording, `[frames, 40]`: 32-bit floats.
#[pyfunction]
#[pyo3(signature = (source, whole, /))]
pub fn mel_spectrogram<'py>(
    py: Python<'py>,
    source: &Source,
    whole: bool,
) -> PyResult<Bound<'py, PyByteArray>> {
    let values = |voice: &Waveform| audio::mel_spectrogram(voice).into_data();
    of_recording(py, source, whole, values)
}

fn of_recording<'py>(
    py: Python<'py>,
    source: &Source,
    whole: bool,
    values: impl Fn(&Waveform) -> Vec<f32> + Sync,
) -> PyResult<Bound<'py, PyByteArray>> {
    let found = threads::compute(py, || {
        let recording = source.read(None)?;
        let voice = recording.voice();
        Ok(if whole { values(voice) } else { values(&voice.first_clip()) })
    })?;
    let found = found.map_err(|error: audio::AudioError| raised(py, source.kind(), &error))?;
    Ok(PyByteArray::new(py, &bytes(&found)))
}
