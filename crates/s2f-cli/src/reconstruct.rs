//! `speech2face reconstruct`: a face from each recording.

mod file_names;
mod inputs;
mod outputs;
mod settings;
mod voice;

use std::collections::BTreeMap;
use std::iter::once;
use std::path::PathBuf;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use file_names::{InputName, OutputNames};
use inputs::Input;
use outputs::{Format, Target};
use rayon::ThreadPoolBuilder;
use s2f_core::AtomicFile;
use serde::Serialize;
pub use settings::Args;
use settings::Request;
use speech2face::audio::SpeechDetector;
use speech2face::{
    CartoonStyle, FaceDensity, PlausibleFaces, Provenance, Reconstruction, Speech2Face,
    Uncertainty, VoiceRecording,
};
use voice::{SpeechFound, Voice};

use crate::printer::{Printer, message_and_hint};
use crate::{Outcome, owner};

/// Files above this size are read and drawn one at a time, since a long recording takes much
/// memory.
const LONG_BYTES: u64 = 4 << 20;

/// What stands for a file's name if the file goes to standard output.
const STDOUT: &str = "standard output";

/// Draws the faces of several recordings at once, one thread each, and reports them in their order.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let request = Request::new(args)?;
    for given_twice in &request.repeated {
        printer.warning(format_args!("{given_twice} is given more than once; it is drawn once"));
    }
    if request.skipped > 0 {
        let skipped = request.skipped;
        printer.note(format_args!("already drawn and skipped: {skipped}"));
    }
    if request.dry_run {
        return list(&request, printer);
    }
    if request.inputs.is_empty() {
        return Ok(Outcome::AllGood);
    }
    let start = Instant::now();
    // Loading the two networks at once takes the time of one.
    let (detector, model) = thread::scope(|scope| {
        let detector = scope.spawn(SpeechDetector::shipped);
        let model = args.device.open().and_then(|device| args.model.open(&device));
        (detector.join(), model)
    });
    let (model, detector) = (model?, detector.map_err(|_| anyhow!("the speech detector failed"))??);
    if request.sampling.is_some() {
        // A model without a distribution is one error, not one for each recording.
        model.prior()?;
    }
    request.create_folder()?;
    let (name, time) = (&model.id().name, milliseconds(start.elapsed()));
    printer.detail(format_args!("opened model {name} in {time}"));
    let failures = draw_all(&model, &detector, &request, printer)?;
    if failures == 0 {
        return Ok(Outcome::AllGood);
    }
    let all = request.inputs.len();
    if all > 1 {
        printer
            .note(format_args!("{} of {all} recordings drawn, {failures} failed", all - failures));
    }
    Ok(Outcome::SomeFailed)
}

/// Prints what would be written.
fn list(request: &Request, printer: &Printer) -> anyhow::Result<Outcome> {
    #[derive(Serialize)]
    struct Planned {
        #[serde(flatten)]
        input: InputName,
        #[serde(flatten)]
        outputs: OutputNames,
    }
    for (input, target) in &request.inputs {
        let outputs = match request.to_stdout {
            true => vec![PathBuf::from(STDOUT)],
            false => request.files(target),
        };
        let names: Vec<String> = outputs.iter().map(|path| path.display().to_string()).collect();
        printer.note(format_args!("{} → {}", input.name(), names.join(", ")));
        if request.json {
            let outputs = OutputNames::of(&outputs);
            printer.json(&Planned { input: InputName::of(input), outputs })?;
        }
    }
    Ok(Outcome::AllGood)
}

/// The faces of a recording, the names of their files, and what was found in it.
struct Drawn {
    faces: PlausibleFaces,
    outputs: Vec<PathBuf>,
    speech: SpeechFound,
    warnings: Vec<String>,
}

/// Returns the number of recordings that failed.
fn draw_all(
    model: &Speech2Face,
    detector: &SpeechDetector,
    request: &Request,
    printer: &Printer,
) -> anyhow::Result<usize> {
    let inputs = &request.inputs;
    let printer = printer.with_progress(inputs.len());
    let threads = rayon::current_num_threads().min(inputs.len());
    // With a recording for each core, each is drawn on one core.
    let busy = inputs.len() >= rayon::current_num_threads();
    let (next, alone) = (AtomicUsize::new(0), RwLock::new(()));
    thread::scope(|scope| {
        // Without a buffer. What is ready before an earlier recording waits in `early`.
        let (send, receive) = sync_channel::<(usize, anyhow::Result<Drawn>, Duration)>(0);
        for _ in 0..threads {
            let (send, next, alone, printer) = (send.clone(), &next, &alone, &printer);
            scope.spawn(move || {
                // Tasks of different recordings would wait for one another in a shared pool.
                let own = busy.then(|| ThreadPoolBuilder::new().num_threads(1).build().ok());
                let own = own.flatten();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((input, target)) = inputs.get(index) else { return };
                    let start = Instant::now();
                    let drawn = {
                        let long = is_long(input);
                        let _exclusive = long.then(|| alone.write());
                        let _shared = (!long).then(|| alone.read());
                        let work = || {
                            Voice::read(input, request, detector)
                                .and_then(|voice| draw(model, voice, target, request, printer))
                        };
                        match &own {
                            Some(own) if !long => own.install(work),
                            _ => work(),
                        }
                    };
                    if send.send((index, drawn, start.elapsed())).is_err() {
                        return; // an error stopped the other side
                    }
                }
            });
        }
        drop(send);
        let (mut reported, mut failures, mut early) = (0, 0, BTreeMap::new());
        for (index, drawn, time) in receive {
            early.insert(index, (drawn, time));
            while let Some((drawn, time)) = early.remove(&reported) {
                let (input, _) = &inputs[reported];
                printer.working_on(&input.name());
                match drawn {
                    Ok(drawn) => {
                        report(input, &drawn, request, &printer)?;
                        let seconds = drawn.faces.mean.provenance.recording.seconds;
                        printer.detail(format_args!(
                            "  {seconds:.1} s of voice read, drawn and written in {}",
                            milliseconds(time),
                        ));
                    }
                    Err(error) => {
                        failures += 1;
                        report_failure(input, &error, request, &printer)?;
                    }
                }
                printer.advance();
                reported += 1;
            }
        }
        Ok(failures)
    })
}

/// Whether a recording is read and drawn while no other one is.
fn is_long(input: &Input) -> bool {
    match input {
        Input::Stdin => true,
        Input::File(path) => path.metadata().is_ok_and(|file| file.len() > LONG_BYTES),
    }
}

/// Draws the faces of one recording and writes their files. Returns the names of the files.
fn draw(
    model: &Speech2Face,
    voice: Voice,
    target: &Target,
    request: &Request,
    printer: &Printer,
) -> anyhow::Result<Drawn> {
    let Voice { recording, speech, warnings } = voice;
    let recording: &VoiceRecording = &recording;
    let faces = match request.sampling {
        Some(sampling) => model.reconstruct_faces(recording, request.options, sampling)?,
        None => PlausibleFaces {
            mean: model.reconstruct(recording, request.options)?,
            samples: Vec::new(),
        },
    };
    let each = || once(&faces.mean).chain(&faces.samples);
    let mut contents: Vec<Vec<u8>> = Vec::new();
    for &format in &request.formats {
        match format {
            Format::Png | Format::Svg if let Some((style, caricature)) = request.cartoon => {
                for drawn in each() {
                    let cartoon = model.cartoon(&drawn.face, style, caricature)?;
                    contents.push(match format {
                        Format::Svg => cartoon.into_svg().into_bytes(),
                        _ => cartoon
                            .with_provenance(&drawn.provenance)
                            .to_png(CartoonStyle::USUAL_SIDE)?,
                    });
                }
            }
            // Without a style, `Request` refuses it.
            Format::Svg => {}
            Format::Png => {
                for drawn in each() {
                    contents.push(drawn.to_png()?);
                }
                if !faces.samples.is_empty() {
                    contents.push(faces.sheet_png()?);
                }
            }
            Format::Json => contents.push(faces.to_json()?),
            Format::Npy => contents.extend(
                each().flat_map(|drawn| [drawn.face.feature_npy(), drawn.face.landmarks_npy()]),
            ),
        }
    }
    if request.to_stdout {
        printer.bytes(&contents.concat())?;
        let outputs = vec![PathBuf::from(STDOUT)];
        return Ok(Drawn { faces, outputs, speech, warnings });
    }
    let outputs = request.files(target);
    debug_assert_eq!(outputs.len(), contents.len());
    // Either all files may be written or none is.
    if !request.overwrite {
        outputs.iter().try_for_each(|path| owner::check(path))?;
    }
    for (path, bytes) in outputs.iter().zip(contents) {
        AtomicFile::write(path, &bytes)?;
    }
    Ok(Drawn { faces, outputs, speech, warnings })
}

fn report(
    input: &Input,
    drawn: &Drawn,
    request: &Request,
    printer: &Printer,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(flatten)]
        input: InputName,
        #[serde(flatten)]
        outputs: OutputNames,
        #[serde(flatten)]
        provenance: &'a Provenance,
        #[serde(skip_serializing_if = "Option::is_none")]
        uncertainty: Option<&'a Uncertainty>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        faces: Vec<FaceDensity>,
        speech: SpeechFound,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        warnings: &'a [String],
    }
    let Drawn { faces, outputs, speech, warnings } = drawn;
    let names: Vec<String> = outputs.iter().map(|path| path.display().to_string()).collect();
    match names.as_slice() {
        [first, .., last] if names.len() > 4 => {
            printer.note(format_args!("{} → {first} … {last}, {} files", input.name(), names.len()))
        }
        _ => printer.note(format_args!("{} → {}", input.name(), names.join(", "))),
    }
    let Reconstruction { provenance, uncertainty, .. } = &faces.mean;
    warnings.iter().for_each(|warning| printer.warning(warning));
    if let Some(uncertainty) = uncertainty {
        // Once is enough: a recording without speech has a warning already.
        if speech.seconds > 0.0 && !uncertainty.has_speech() {
            printer.warning(format_args!(
                "{}: no speech above the noise; the face is that of an average person",
                input.name()
            ));
        }
        for sentence in uncertainty.sentences() {
            printer.detail(format_args!("  {sentence}"));
        }
    }
    if request.json {
        let densities = faces.samples.iter().filter_map(Reconstruction::density).collect();
        printer.json(&Line {
            input: InputName::of(input),
            outputs: OutputNames::of(outputs),
            provenance,
            uncertainty: uncertainty.as_ref(),
            faces: densities,
            speech: *speech,
            warnings,
        })?;
    }
    Ok(())
}

fn report_failure(
    input: &Input,
    error: &anyhow::Error,
    request: &Request,
    printer: &Printer,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Failed {
        #[serde(flatten)]
        input: InputName,
        error: String,
        hint: Option<String>,
    }
    printer.error(error);
    if request.json {
        let (error, hint) = message_and_hint(error);
        printer.json(&Failed { input: InputName::of(input), error, hint })?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
