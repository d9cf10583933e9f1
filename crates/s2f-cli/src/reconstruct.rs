//! `speech2face reconstruct`: a face from each recording.

mod inputs;
mod outputs;
mod settings;

use std::collections::BTreeMap;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use inputs::Input;
use outputs::{Format, Target};
use serde::Serialize;
pub use settings::Args;
use settings::Request;
use speech2face::audio::Limits;
use speech2face::{
    FaceDensity, PlausibleFaces, Provenance, Reconstruction, Speech2Face, Uncertainty,
    VoiceRecording,
};

use crate::printer::{Printer, message_and_hint};
use crate::{Outcome, owner};

/// Files above this size are read and drawn one at a time, since a long recording takes much
/// memory.
const LONG_BYTES: u64 = 4 << 20;

/// Width and height of a cartoon in pixels.
const CARTOON_SIDE: u32 = 1024;

/// Draws the faces of several recordings at once, one thread each, and reports them in their order.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let request = Request::new(args)?;
    for given_twice in &request.repeated {
        printer.warning(format_args!("{given_twice} is given more than once; it is drawn once"));
    }
    let start = Instant::now();
    let model = args.model.open(&args.device.open()?)?;
    if request.sampling.is_some() {
        // A model without a distribution is one error, not one for each recording.
        model.prior()?;
    }
    request.create_folder()?;
    let (name, time) = (&model.id().name, milliseconds(start.elapsed()));
    printer.detail(format_args!("opened model {name} in {time}"));
    let failures = draw_all(&model, &request, printer)?;
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

/// The faces of a recording and the names of their files.
type Drawn = (PlausibleFaces, Vec<PathBuf>);

/// Returns the number of recordings that failed.
fn draw_all(model: &Speech2Face, request: &Request, printer: &Printer) -> anyhow::Result<usize> {
    let inputs = &request.inputs;
    let printer = printer.with_progress(inputs.len());
    let threads = rayon::current_num_threads().min(inputs.len());
    let (next, alone) = (AtomicUsize::new(0), RwLock::new(()));
    thread::scope(|scope| {
        // Without a buffer. What is ready before an earlier recording waits in `early`.
        let (send, receive) = sync_channel::<(usize, anyhow::Result<Drawn>, Duration)>(0);
        for _ in 0..threads {
            let (send, next, alone) = (send.clone(), &next, &alone);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((input, target)) = inputs.get(index) else { return };
                    let start = Instant::now();
                    let drawn = {
                        let long = is_long(input);
                        let _exclusive = long.then(|| alone.write());
                        let _shared = (!long).then(|| alone.read());
                        read(input).and_then(|recording| draw(model, &recording, target, request))
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
                    Ok((faces, outputs)) => {
                        report(input, &faces, &outputs, request, &printer)?;
                        let seconds = faces.mean.provenance.recording.seconds;
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

fn read(input: &Input) -> anyhow::Result<VoiceRecording> {
    let limits = Limits::default();
    match input {
        Input::Stdin => {
            Ok(VoiceRecording::from_reader(std::io::stdin().lock(), &input.name(), &limits)?)
        }
        Input::File(path) if path.is_dir() => {
            let folder = path.display();
            Err(anyhow!("{folder} is a folder; hint: name the recordings in it, as in {folder}/*"))
        }
        Input::File(path) => Ok(VoiceRecording::read(path, &limits)?),
    }
}

/// Draws the faces of one recording and writes their files. Returns the names of the files.
fn draw(
    model: &Speech2Face,
    recording: &VoiceRecording,
    target: &Target,
    request: &Request,
) -> anyhow::Result<(PlausibleFaces, Vec<PathBuf>)> {
    let faces = match request.sampling {
        Some(sampling) => model.reconstruct_faces(recording, request.options, sampling)?,
        None => PlausibleFaces {
            mean: model.reconstruct(recording, request.options)?,
            samples: Vec::new(),
        },
    };
    let targets = (1..).map(|index| target.face(index));
    let each: Vec<(Target, &Reconstruction)> =
        once(target.clone()).chain(targets).zip(once(&faces.mean).chain(&faces.samples)).collect();
    let mut contents: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for &format in &request.formats {
        let add =
            |target: &Target, files: Vec<Vec<u8>>| target.paths(format).into_iter().zip(files);
        match format {
            Format::Png | Format::Svg if let Some((style, caricature)) = request.cartoon => {
                for (target, drawn) in &each {
                    let cartoon = model.cartoon(&drawn.face, style, caricature)?;
                    let file = match format {
                        Format::Svg => cartoon.into_svg().into_bytes(),
                        _ => cartoon.with_provenance(&drawn.provenance).to_png(CARTOON_SIDE)?,
                    };
                    contents.extend(add(target, vec![file]));
                }
            }
            // Without a style, `Request` refuses it.
            Format::Svg => {}
            Format::Png => {
                for (target, drawn) in &each {
                    contents.extend(add(target, vec![drawn.to_png()?]));
                }
                if !faces.samples.is_empty() {
                    contents.extend(add(&target.sheet(), vec![faces.sheet_png()?]));
                }
            }
            Format::Json => contents.extend(add(target, vec![faces.to_json()?])),
            Format::Npy => {
                for (target, Reconstruction { face, .. }) in &each {
                    contents.extend(add(target, vec![face.feature_npy(), face.landmarks_npy()]));
                }
            }
        }
    }
    // Either all files may be written or none is.
    contents.iter().try_for_each(|(path, _)| owner::check(path))?;
    let mut outputs = Vec::with_capacity(contents.len());
    for (path, bytes) in contents {
        owner::write(&path, &bytes)?;
        outputs.push(path);
    }
    Ok((faces, outputs))
}

fn report(
    input: &Input,
    faces: &PlausibleFaces,
    outputs: &[PathBuf],
    request: &Request,
    printer: &Printer,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Drawn<'a> {
        input: String,
        outputs: Vec<String>,
        #[serde(flatten)]
        provenance: &'a Provenance,
        #[serde(skip_serializing_if = "Option::is_none")]
        uncertainty: Option<&'a Uncertainty>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        faces: Vec<FaceDensity>,
    }
    let outputs: Vec<String> = outputs.iter().map(|path| shown(path)).collect();
    match outputs.as_slice() {
        [first, .., last] if outputs.len() > 4 => printer.note(format_args!(
            "{} → {first} … {last}, {} files",
            input.name(),
            outputs.len()
        )),
        _ => printer.note(format_args!("{} → {}", input.name(), outputs.join(", "))),
    }
    let Reconstruction { provenance, uncertainty, .. } = &faces.mean;
    if let Some(uncertainty) = uncertainty {
        if !uncertainty.has_speech() {
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
        printer.json(&Drawn {
            input: input.name(),
            outputs,
            provenance,
            uncertainty: uncertainty.as_ref(),
            faces: densities,
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
        input: String,
        error: String,
        hint: Option<String>,
    }
    printer.error(error);
    if request.json {
        let (error, hint) = message_and_hint(error);
        printer.json(&Failed { input: input.name(), error, hint })?;
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
