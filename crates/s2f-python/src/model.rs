//! A model: faces and features of recordings.

use std::error::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use s2f_core::hint;
use speech2face::audio::{AudioError, SpeechDetector};
use speech2face::device::DeviceChoice;
use speech2face::{
    CartoonError, CartoonStyle, DecodeError, ModelSource, PlausibleFaces, ReconstructOptions,
    Reconstruction, Sampling, Speech2Face, VoicePolicy,
};

use crate::drawn::{Drawn, Encoded};
use crate::error::{Kind, exception, invalid, raised};
use crate::source::{Source, bytes};
use crate::threads::{self, Job};

type AnyError = Box<dyn Error + Send + Sync>;

/// A model on a device.
#[pyclass(frozen, module = "speech2face._native")]
pub struct Model {
    pub model: Speech2Face,
    pub source: ModelSource,
    detector: OnceLock<SpeechDetector>,
}

/// The mean face, the faces that were drawn at random, their document as JSON, a sheet of them all
/// as PNG, and warnings.
type Reconstructed = (Drawn, Vec<Drawn>, Py<PyBytes>, Option<Py<PyBytes>>, Vec<String>);

/// What to draw, as it was checked.
struct Wanted {
    options: ReconstructOptions,
    sampling: Option<Sampling>,
    cartoon: Option<(CartoonStyle, f32)>,
    track: Option<usize>,
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (name, device, /))]
    fn new(py: Python<'_>, name: &str, device: &str) -> PyResult<Self> {
        let device: DeviceChoice =
            device.parse().map_err(|error| raised(py, Kind::Value, &error))?;
        let device = device.open().map_err(|error| raised(py, Kind::Value, &error))?;
        let source = ModelSource::resolve(name)
            .map_err(|error| raised(py, Kind::at(name.as_ref()), &error))?;
        let model = threads::compute(py, || source.open(&device))?;
        let model = model.map_err(|error| raised(py, Kind::Error, &error))?;
        Ok(Self { model, source, detector: OnceLock::new() })
    }

    /// Name in its `config.json`.
    #[getter]
    fn name(&self) -> String {
        self.model.id().name.clone()
    }

    /// SHA-256 of its weights.
    #[getter]
    fn sha256(&self) -> String {
        self.model.id().sha256.clone()
    }

    /// The model card.
    #[getter]
    fn card(&self) -> String {
        self.model.card().to_owned()
    }

    /// Number of parameters.
    #[getter]
    fn parameters(&self) -> usize {
        self.model.parameters()
    }

    /// Number of dimensions of its features.
    #[getter]
    fn dimension(&self) -> usize {
        self.model.face_space().dimension
    }

    /// Number of dimensions of a feature that are compared: those before the traits.
    #[getter]
    fn identity_dimension(&self) -> usize {
        self.model.face_space().identity_dimension()
    }

    /// Its configuration as JSON.
    #[getter]
    fn config(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.model.config()).map_err(|error| raised(py, Kind::Error, &error))
    }

    /// Draws the faces of a recording.
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    #[pyo3(signature = (
        source, /, *, exaggerate, faces, seed, truncate, style, caricature, window, track
    ))]
    fn reconstruct(
        &self,
        py: Python<'_>,
        source: &Source,
        exaggerate: f32,
        faces: usize,
        seed: u64,
        truncate: f64,
        style: Option<&str>,
        caricature: f32,
        window: &str,
        track: Option<usize>,
    ) -> PyResult<Reconstructed> {
        let range = ReconstructOptions::EXAGGERATION;
        if !range.contains(&exaggerate) {
            let message = format!(
                "exaggerate is {exaggerate}, and must be from {} to {}",
                range.start(),
                range.end()
            );
            return Err(invalid(py, &message, "0 is the prediction, -1 the mean face"));
        }
        if faces > 100 {
            let message = format!("faces is {faces}, and must be from 0 to 100");
            return Err(invalid(py, &message, "use several seeds for more faces"));
        }
        let style = style.map(str::parse::<CartoonStyle>).transpose();
        let style = style.map_err(|error| raised(py, Kind::Value, &error))?;
        let wanted = Wanted {
            options: ReconstructOptions { voice: policy(py, window)?, exaggerate },
            sampling: (faces > 0).then_some(Sampling { count: faces, seed, truncation: truncate }),
            cartoon: style.map(|style| (style, caricature)),
            track,
        };
        let done = threads::compute(py, || self.draw(source, &wanted))?;
        let Done { mean, samples, document, sheet, warnings } =
            done.map_err(|error| raised(py, kind(error.as_ref(), source), error.as_ref()))?;
        let bytes = |bytes: Vec<u8>| PyBytes::new(py, &bytes).unbind();
        let samples = samples.into_iter().map(|face| face.into_python(py)).collect();
        Ok((mean.into_python(py), samples, bytes(document), sheet.map(bytes), warnings))
    }

    /// Features of recordings, in order, each `[D]` as 32-bit floats, or the exception of a
    /// recording that cannot be used. With `first_error`, nothing more is read after an error.
    #[pyo3(signature = (sources, /, *, jobs, window, track, first_error))]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        sources: Vec<PyRef<'py, Source>>,
        jobs: usize,
        window: &str,
        track: Option<usize>,
        first_error: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let policy = policy(py, window)?;
        let all: Vec<&Source> = sources.iter().map(|source| &**source).collect();
        let found =
            threads::run(py, jobs, |job| self.embed_all(&all, &policy, track, job, first_error))?;
        let one = |(found, source): (Result<Vec<f32>, AnyError>, &&Source)| match found {
            Ok(feature) => Ok(PyBytes::new(py, &bytes(&feature)).into_any()),
            Err(error) => {
                let (message, hint) = hint::describe(error.as_ref());
                let kind = kind(error.as_ref(), source);
                exception(py, kind, &message, hint.as_deref())
            }
        };
        found.into_iter().zip(&all).map(one).collect()
    }
}

/// The class of the exception for an error about a recording or its options.
fn kind(error: &(dyn Error + 'static), source: &Source) -> Kind {
    if error.is::<AudioError>() {
        return source.kind();
    }
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(DecodeError::Truncation { .. } | DecodeError::NoDistribution { .. }), _)
        | (_, Some(CartoonError::Caricature { .. })) => Kind::Value,
        _ => Kind::Error,
    }
}

/// What a recording gave.
struct Done {
    mean: Encoded,
    samples: Vec<Encoded>,
    document: Vec<u8>,
    sheet: Option<Vec<u8>>,
    warnings: Vec<String>,
}

impl Model {
    fn draw(&self, source: &Source, wanted: &Wanted) -> Result<Done, AnyError> {
        let recording = source.read(wanted.track)?;
        let speech = recording.speech(self.detector()?)?;
        let mut remarks = recording.remarks(&speech);
        let faces = match wanted.sampling {
            Some(sampling) => self.model.reconstruct_faces(&recording, wanted.options, sampling)?,
            None => PlausibleFaces {
                mean: self.model.reconstruct(&recording, wanted.options)?,
                samples: Vec::new(),
            },
        };
        if let Some(uncertainty) = &faces.mean.uncertainty
            && speech.seconds > 0.0
            && !uncertainty.has_speech()
        {
            remarks.push("no speech above the noise; the face is that of an average person".into());
        }
        let name = source.name();
        let document = faces.to_json()?;
        let has_sheet = !faces.samples.is_empty() && wanted.cartoon.is_none();
        let sheet = if has_sheet { Some(faces.sheet_png()?) } else { None };
        let encode = |drawn: Reconstruction| -> Result<Encoded, AnyError> {
            let cartoon = match wanted.cartoon {
                Some((style, amount)) => Some(self.model.cartoon(&drawn.face, style, amount)?),
                None => None,
            };
            Encoded::new(drawn, cartoon)
        };
        Ok(Done {
            mean: encode(faces.mean)?,
            samples: faces.samples.into_iter().map(encode).collect::<Result<_, _>>()?,
            document,
            sheet,
            warnings: remarks.into_iter().map(|remark| format!("{name}: {remark}")).collect(),
        })
    }

    /// The speech detector, which is opened when it is first used.
    fn detector(&self) -> Result<&SpeechDetector, AnyError> {
        if let Some(detector) = self.detector.get() {
            return Ok(detector);
        }
        let detector = SpeechDetector::shipped()?;
        Ok(self.detector.get_or_init(|| detector))
    }

    /// Recordings are read and embedded side by side, one on each thread. Each is embedded alone,
    /// so that its feature does not depend on the others.
    fn embed_all(
        &self,
        sources: &[&Source],
        policy: &VoicePolicy,
        track: Option<usize>,
        job: &Job,
        first_error: bool,
    ) -> Vec<Result<Vec<f32>, AnyError>> {
        let embed = |source: &Source| -> Result<Vec<f32>, AnyError> {
            let recording = source.read(track)?;
            Ok(self.model.embed_voice(recording.voice(), policy)?.values().to_vec())
        };
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let (send, receive) = channel();
        thread::scope(|scope| {
            for _ in 0..job.threads().min(sources.len()) {
                let (send, next, failed, embed) = (send.clone(), &next, &failed, &embed);
                scope.spawn(move || {
                    while !job.is_stopped() && !failed.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(source) = sources.get(index) else { return };
                        let found = job.install(|| embed(source));
                        if first_error && found.is_err() {
                            failed.store(true, Ordering::Relaxed);
                        }
                        send.send((index, found)).ok();
                    }
                });
            }
        });
        drop(send);
        let mut found: Vec<_> = receive.into_iter().collect();
        found.sort_by_key(|(index, _)| *index);
        found.into_iter().map(|(_, found)| found).collect()
    }
}

/// Which part of a recording is used: `all` or `first`.
pub fn policy(py: Python<'_>, window: &str) -> PyResult<VoicePolicy> {
    match window {
        "all" => Ok(VoicePolicy::default()),
        "first" => Ok(VoicePolicy::first_clip()),
        other => {
            let message = format!("there is no window called {other:?}");
            Err(invalid(py, &message, "use \"all\", or \"first\" for the first 6 s"))
        }
    }
}
