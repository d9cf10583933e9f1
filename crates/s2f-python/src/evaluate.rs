//! Evaluation of a model, or of features from another network.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use s2f_eval::{
    EvalError, EvaluatedModel, Evaluation, EvaluationEvent, EvaluationOptions, FeatureFunction,
    OtherNetwork, PairSelection, VoiceFeatures, evaluate, evaluate_network,
};
use s2f_pairs::PairSet as Set;
use speech2face::audio::Waveform;
use speech2face::device::Device;

use crate::error::{Kind, raised};
use crate::model::Model;
use crate::pairs::{PairSet, split};
use crate::source::{bytes, floats};
use crate::threads::{self, Job};

/// The report as JSON, and the warnings.
type Evaluated = (String, Vec<String>);

/// How a model or a network is evaluated.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    split: String,
    max_pairs: usize,
    seconds: Option<f64>,
    photographs: bool,
    draws: usize,
    seed: u64,
    labels: Option<PathBuf>,
    baseline: Option<PathBuf>,
}

/// Another network: its name and what it was trained on.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Network {
    name: String,
    mean_feature: Option<Vec<f32>>,
}

/// Evaluates a model.
#[pyfunction]
#[pyo3(signature = (model, pairs, out, options, compare, progress, /))]
pub fn evaluate_model(
    py: Python<'_>,
    model: &Model,
    pairs: &PairSet,
    out: PathBuf,
    options: Options,
    compare: Vec<PyRef<'_, Model>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Evaluated> {
    let compare = opened(py, &compare)?;
    let evaluated = reopened(py, model)?;
    let run = Run { set: &pairs.0, out, options, compare: &compare, progress };
    run.start(py, |run, options, on_event, _| {
        evaluate(&evaluated, run.set, &run.out, options, on_event)
    })
}

/// Evaluates features that were computed before: rows of `dimension` 32-bit floats by pair.
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
#[pyfunction]
#[pyo3(signature = (
    network, features, dimension, trained_on, pairs, out, options, compare, progress, /
))]
pub fn evaluate_table(
    py: Python<'_>,
    network: Network,
    features: (Vec<String>, Bound<'_, PyBytes>),
    dimension: usize,
    trained_on: Vec<PyRef<'_, PairSet>>,
    pairs: &PairSet,
    out: PathBuf,
    options: Options,
    compare: Vec<PyRef<'_, Model>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Evaluated> {
    let (ids, rows) = features;
    let values = floats(rows.as_bytes());
    let rows = values.chunks_exact(dimension.max(1)).map(<[f32]>::to_vec);
    let table: HashMap<String, Vec<f32>> = ids.into_iter().zip(rows).collect();
    let compare = opened(py, &compare)?;
    let trained_on: Vec<Set> = trained_on.iter().map(|set| set.0.clone()).collect();
    let run = Run { set: &pairs.0, out, options, compare: &compare, progress };
    run.start(py, |run, options, on_event, _| {
        let network = network.with(VoiceFeatures::Table(table), trained_on);
        evaluate_network(&network, run.set, &run.out, options, on_event)
    })
}

/// Evaluates a function from voices to features: it is given a list of samples as 32-bit floats,
/// and returns rows of `dimension` 32-bit floats.
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
#[pyfunction]
#[pyo3(signature = (network, function, trained_on, pairs, out, options, compare, progress, /))]
pub fn evaluate_function(
    py: Python<'_>,
    network: Network,
    function: Py<PyAny>,
    trained_on: Vec<PyRef<'_, PairSet>>,
    pairs: &PairSet,
    out: PathBuf,
    options: Options,
    compare: Vec<PyRef<'_, Model>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Evaluated> {
    let compare = opened(py, &compare)?;
    let trained_on: Vec<Set> = trained_on.iter().map(|set| set.0.clone()).collect();
    let run = Run { set: &pairs.0, out, options, compare: &compare, progress };
    run.start(py, |run, options, on_event, job| {
        let embed: &FeatureFunction<'_> = &|voices| call(&function, voices, job);
        let network = network.with(VoiceFeatures::Function(embed), trained_on);
        evaluate_network(&network, run.set, &run.out, options, on_event)
    })
}

impl Network {
    fn with<'a>(self, features: VoiceFeatures<'a>, trained_on: Vec<Set>) -> OtherNetwork<'a> {
        let Self { name, mean_feature } = self;
        OtherNetwork { name, features, mean_feature, trained_on }
    }
}

/// Calls a Python function with voices.
fn call(
    function: &Py<PyAny>,
    voices: &[Waveform],
    job: &Job,
) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>> {
    if job.is_stopped() {
        return Err(EvalError::Cancelled.into());
    }
    Python::attach(|py| {
        let voices: Vec<Bound<'_, PyBytes>> =
            voices.iter().map(|voice| PyBytes::new(py, &bytes(voice.samples()))).collect();
        let rows: Vec<Bound<'_, PyBytes>> = function.bind(py).call1((voices,))?.extract()?;
        Ok(rows.iter().map(|row| floats(row.as_bytes())).collect())
    })
}

/// One evaluation.
struct Run<'a> {
    set: &'a Set,
    out: PathBuf,
    options: Options,
    compare: &'a [EvaluatedModel],
    progress: Option<Py<PyAny>>,
}

impl Run<'_> {
    /// Evaluates, writes the report, and returns it.
    fn start(
        self,
        py: Python<'_>,
        evaluate: impl FnOnce(
            &Self,
            &EvaluationOptions<'_>,
            &mut dyn FnMut(EvaluationEvent),
            &Job,
        ) -> Result<Evaluation, EvalError>
        + Send,
    ) -> PyResult<Evaluated> {
        let selection = match self.options.split.as_str() {
            "all" => PairSelection::All,
            name => PairSelection::Split(split(py, name)?),
        };
        let result = threads::run_apart(py, 0, |job| {
            let Options { max_pairs, seconds, photographs, draws, seed, .. } = self.options;
            let options = EvaluationOptions {
                selection,
                max_pairs,
                seconds,
                photographs,
                draws,
                seed,
                labels: self.options.labels.as_deref(),
                baseline: self.options.baseline.as_deref(),
                compare: self.compare,
                cancel: Some(&job.stop),
                ..EvaluationOptions::default()
            };
            let (mut warnings, mut stage, mut failure) = (Vec::new(), ("", 0), None);
            let mut on_event = |event| {
                let done = match event {
                    EvaluationEvent::Stage { name, pairs } => {
                        stage = (name, pairs);
                        0
                    }
                    EvaluationEvent::Done(pairs) => pairs,
                    EvaluationEvent::Warning(warning) => {
                        warnings.push(warning);
                        return;
                    }
                    _ => return,
                };
                if let Some(progress) = &self.progress {
                    let called =
                        Python::attach(|py| progress.call1(py, (stage.0, done, stage.1)).map(drop));
                    if let Err(error) = called {
                        job.stop.store(true, std::sync::atomic::Ordering::Relaxed);
                        failure.get_or_insert(error);
                    }
                }
            };
            let written = job.install(|| {
                let evaluation = evaluate(&self, &options, &mut on_event, job)?;
                evaluation.write(&self.out)?;
                serde_json::to_string(&evaluation.report)
                    .map_err(|error| EvalError::Encode(error.to_string()))
            });
            (written, warnings, failure)
        })?;
        match result {
            (_, _, Some(failure)) => Err(failure),
            (Ok(report), warnings, None) => Ok((report, warnings)),
            (Err(EvalError::Network(error)), _, None) => {
                Err(raised(py, Kind::Error, error.as_ref()))
            }
            (Err(error @ EvalError::Features { .. }), _, None) => {
                Err(raised(py, Kind::Value, &error))
            }
            (Err(error), _, None) => Err(raised(py, Kind::Error, &error)),
        }
    }
}

/// The models with the records of their trainings.
fn opened(py: Python<'_>, models: &[PyRef<'_, Model>]) -> PyResult<Vec<EvaluatedModel>> {
    models.iter().map(|model| reopened(py, model)).collect()
}

/// A model with the record of its training, on its device. The weights are mapped from the same
/// file, so this takes no memory.
fn reopened(py: Python<'_>, model: &Model) -> PyResult<EvaluatedModel> {
    let device: &Device = model.model.device();
    let opened = threads::compute(py, || EvaluatedModel::open(&model.source, device))?;
    opened.map_err(|error| raised(py, Kind::Error, &error))
}
