//! Pairs from a corpus.

use std::path::PathBuf;
use std::slice;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use s2f_corpus::CorpusError;
use s2f_corpus::choose::FaceRules;
use s2f_corpus::layout::{Layout, plan};
use s2f_corpus::media::Ffmpeg;
use s2f_corpus::prepare::{
    PrepareProgress, PrepareSettings, PrepareSummary, PrepareTools, Remote, merge, prepare,
};
use s2f_corpus::shard::Shard;
use s2f_pairs::Shares;
use speech2face::device::DeviceChoice;
use speech2face::{CorpusNetworks, FaceEncoderChoice, NetworkChoice, OnnxSettings};

use crate::corpus::{find, json};
use crate::error::{Kind, raised};
use crate::threads::{self, Job};

/// The part of a corpus, and what it is prepared with.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Preparation {
    layout: Option<String>,
    shard: Option<(usize, usize)>,
    encoder: String,
    weights: Option<PathBuf>,
    channels: Option<String>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
    crop: Option<String>,
    detector: Option<PathBuf>,
    speech_detector: Option<PathBuf>,
    device: String,
    jobs: usize,
}

/// The settings that were given, by the names of the command's options.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Rules {
    fps: Option<f64>,
    shortest: Option<f64>,
    longest: Option<f64>,
    speech: Option<f64>,
    segments: Option<usize>,
    pictures: Option<usize>,
    validation: Option<f64>,
    test: Option<f64>,
    seed: Option<u64>,
    clips_per_part: Option<usize>,
    min_face: Option<f32>,
    max_turn: Option<f32>,
    min_sharpness: Option<f32>,
    max_point_distance: Option<f32>,
    second_face: Option<f32>,
}

/// Prepares a corpus, or a shard of it. The summary as JSON, or nothing after a shard.
#[pyfunction]
#[pyo3(signature = (corpus, out, preparation, rules, progress, /))]
pub fn corpus_prepare(
    py: Python<'_>,
    corpus: PathBuf,
    out: PathBuf,
    preparation: Preparation,
    rules: Rules,
    progress: Option<Py<PyAny>>,
) -> PyResult<Option<String>> {
    let layout = preparation.layout.as_deref().map(|name| find(py, name)).transpose()?;
    let shard = preparation.shard.map_or(Ok(Shard::ALL), |(index, count)| Shard::new(index, count));
    let shard = shard.map_err(|error| raised(py, Kind::Value, &error))?;
    let networks = preparation.networks(py)?;
    let settings = rules.settings(&networks);
    settings.check().map_err(|error| raised(py, Kind::Value, &error))?;
    let device: DeviceChoice =
        preparation.device.parse().map_err(|error| raised(py, Kind::Value, &error))?;
    let tools = threads::compute(py, || CorpusNetworks::open(&networks, device))?;
    let tools = tools.map_err(|error| raised(py, Kind::Error, &error))?;
    let failure = Mutex::new(None);
    let run = Run { corpus, out, layout, shard, settings, tools, progress, failure };
    let result = threads::run_apart(py, preparation.jobs, |job| job.install(|| run.start(job)))?;
    let failure = run.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (result, failure) {
        (_, Some(failure)) => Err(failure),
        (Ok(summary), None) => summary.map(|summary| json(py, &summary)).transpose(),
        (Err(error), None) => Err(raised(py, Kind::at(&run.corpus), &error)),
    }
}

impl Preparation {
    fn networks(&self, py: Python<'_>) -> PyResult<NetworkChoice> {
        let channels = self.channels.as_deref().map(str::parse).transpose();
        let crop = self.crop.as_deref().map(str::parse).transpose();
        let settings = OnnxSettings {
            channels: channels.map_err(|error| raised(py, Kind::Value, &error))?,
            mean: self.mean,
            std: self.std,
            crop: crop.map_err(|error| raised(py, Kind::Value, &error))?,
        };
        let encoder = FaceEncoderChoice::named(&self.encoder, self.weights.clone(), settings);
        Ok(NetworkChoice {
            encoder: encoder.map_err(|error| raised(py, Kind::Value, &error))?,
            detector: self.detector.clone(),
            speech_detector: self.speech_detector.clone(),
        })
    }
}

impl Rules {
    fn settings(self, networks: &NetworkChoice) -> PrepareSettings {
        let (default, face, shares) =
            (PrepareSettings::default(), FaceRules::default(), Shares::default());
        PrepareSettings {
            frames_per_second: self.fps.unwrap_or(default.frames_per_second),
            min_voice_s: self.shortest.unwrap_or(default.min_voice_s),
            max_voice_s: self.longest.unwrap_or(default.max_voice_s),
            min_speech_s: self.speech.unwrap_or(default.min_speech_s),
            max_segments: self.segments.unwrap_or(default.max_segments),
            max_pictures: self.pictures.unwrap_or(default.max_pictures),
            face_rules: FaceRules {
                min_side_px: self.min_face.unwrap_or(face.min_side_px),
                max_turn_deg: self.max_turn.unwrap_or(face.max_turn_deg),
                min_sharpness: self.min_sharpness.unwrap_or(face.min_sharpness),
                max_point_distance: self.max_point_distance.unwrap_or(face.max_point_distance),
                second_face_ratio: self.second_face.unwrap_or(face.second_face_ratio),
            },
            shares: Shares {
                validation: self.validation.unwrap_or(shares.validation),
                test: self.test.unwrap_or(shares.test),
            },
            seed: self.seed.unwrap_or(default.seed),
            clips_per_part: self.clips_per_part.unwrap_or(default.clips_per_part),
            encoder: networks.encoder.recorded(),
        }
    }
}

/// One preparation.
struct Run {
    corpus: PathBuf,
    out: PathBuf,
    layout: Option<&'static Layout>,
    shard: Shard,
    settings: PrepareSettings,
    tools: CorpusNetworks,
    progress: Option<Py<PyAny>>,
    /// The exception that `progress` raised.
    failure: Mutex<Option<PyErr>>,
}

impl Run {
    fn start(&self, job: &Job) -> Result<Option<PrepareSummary>, CorpusError> {
        let plan = plan(&self.corpus, self.layout)?;
        let ffmpeg = Ffmpeg::find()?;
        let tools = PrepareTools {
            ffmpeg: &ffmpeg,
            detector: &self.tools.detector,
            speech: &self.tools.speech,
            encoder: self.tools.encoder.as_ref(),
            remote: Remote::default(),
            cancel: Some(&job.stop),
        };
        let report = |progress| self.report(job, progress);
        prepare(&plan, &self.settings, &tools, self.shard, &self.out, &report)?;
        if self.shard != Shard::ALL {
            return Ok(None);
        }
        merge(slice::from_ref(&self.out), &self.out).map(Some)
    }

    /// Calls the Python function; if that fails, the preparation is stopped.
    fn report(&self, job: &Job, now: PrepareProgress) {
        let Some(progress) = &self.progress else { return };
        let called = Python::attach(|py| progress.call1(py, (now.done, now.clips)).map(drop));
        if let Err(error) = called {
            job.stop.store(true, Ordering::Relaxed);
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}
