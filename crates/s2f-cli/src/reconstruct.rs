//! `speech2face reconstruct`: a face from each recording.

mod inputs;
mod outputs;
mod settings;

use std::path::{Path, PathBuf};
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
use speech2face::{Provenance, Reconstruction, Speech2Face, VoiceRecording};

use crate::printer::{Printer, message_and_hint};
use crate::{Outcome, owner};

/// Draws the faces one after the other. Meanwhile the next recording is decoded, but no further
/// one, since a long recording takes much memory.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let request = Request::new(args)?;
    for given_twice in &request.repeated {
        printer.warning(format_args!("{given_twice} is given more than once; it is drawn once"));
    }
    let start = Instant::now();
    let model = args.model.open(&args.device.open()?)?;
    request.create_folder()?;
    let (name, time) = (&model.id().name, milliseconds(start.elapsed()));
    printer.detail(format_args!("opened model {name} in {time}"));
    let (send, receive) = sync_channel(0);
    let failures = thread::scope(|scope| {
        let inputs = &request.inputs;
        scope.spawn(move || {
            for (input, target) in inputs {
                let start = Instant::now();
                let recording = read(input);
                if send.send((input, target, recording, start.elapsed())).is_err() {
                    return; // an error stopped the other side
                }
            }
        });
        let printer = printer.with_progress(request.inputs.len());
        let mut failures = 0;
        for (input, target, recording, reading) in receive {
            printer.working_on(&input.name());
            let start = Instant::now();
            let drawn = recording.and_then(|recording| draw(&model, &recording, target, &request));
            match drawn {
                Ok((reconstruction, outputs)) => {
                    report(input, &reconstruction, &outputs, &request, &printer)?;
                    printer.detail(format_args!(
                        "  {:.1} s of voice read in {}, drawn and written in {}",
                        reconstruction.provenance.recording.seconds,
                        milliseconds(reading),
                        milliseconds(start.elapsed()),
                    ));
                }
                Err(error) => {
                    failures += 1;
                    report_failure(input, &error, &request, &printer)?;
                }
            }
            printer.advance();
        }
        anyhow::Ok(failures)
    })?;
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

/// Draws one face and writes its files. Returns their names.
fn draw(
    model: &Speech2Face,
    recording: &VoiceRecording,
    target: &Target,
    request: &Request,
) -> anyhow::Result<(Reconstruction, Vec<PathBuf>)> {
    let reconstruction = model.reconstruct(recording, request.options)?;
    let mut outputs = Vec::new();
    for (format, paths) in request.formats.iter().map(|format| (format, target.paths(*format))) {
        let contents = match format {
            Format::Png => vec![reconstruction.to_png()?],
            Format::Json => vec![reconstruction.to_json()?],
            Format::Npy => {
                vec![reconstruction.face.feature_npy(), reconstruction.face.landmarks_npy()]
            }
        };
        for (path, bytes) in paths.into_iter().zip(contents) {
            owner::write(&path, &bytes)?;
            outputs.push(path);
        }
    }
    Ok((reconstruction, outputs))
}

fn report(
    input: &Input,
    reconstruction: &Reconstruction,
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
    }
    let outputs: Vec<String> = outputs.iter().map(|path| shown(path)).collect();
    printer.note(format_args!("{} → {}", input.name(), outputs.join(", ")));
    if request.json {
        let provenance = &reconstruction.provenance;
        printer.json(&Drawn { input: input.name(), outputs, provenance })?;
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
