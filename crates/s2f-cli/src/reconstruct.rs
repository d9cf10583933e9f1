//! `speech2face reconstruct`: a face for each recording.

mod outputs;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde::Serialize;
use speech2face::audio::Limits;
use speech2face::{Provenance, Reconstruction, Speech2Face, VoiceRecording};

use crate::printer::{Printer, message_and_hint};
use crate::{Outcome, files};
use outputs::Target;
pub use settings::Args;
use settings::{Format, Input, Job};

/// Draws the faces, one after the other. The next recording is read meanwhile, and no further one,
/// since a long recording takes much memory.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let job = Job::new(args)?;
    for given_twice in &job.repeated {
        printer.warning(format_args!("{given_twice} is given more than once and drawn once"));
    }
    let start = Instant::now();
    let model = args.model.open(&args.device.open()?)?;
    let (name, time) = (&model.id().name, milliseconds(start.elapsed()));
    printer.detail(format_args!("opened model {name} in {time}"));
    let (send, receive) = sync_channel(0);
    let failures = thread::scope(|scope| {
        let inputs = &job.inputs;
        scope.spawn(move || {
            for (input, target) in inputs {
                let start = Instant::now();
                let recording = read(input);
                if send.send((input, target, recording, start.elapsed())).is_err() {
                    return; // the other side has given up
                }
            }
        });
        let printer = printer.with_progress(job.inputs.len());
        let mut failures = 0;
        for (input, target, recording, reading) in receive {
            printer.working_on(&input.name());
            let start = Instant::now();
            let drawn = recording.and_then(|recording| draw(&model, &recording, target, &job));
            match drawn {
                Ok((portrait, outputs)) => {
                    report(input, &portrait, &outputs, &job, &printer)?;
                    printer.detail(format_args!(
                        "  {:.1} s of voice read in {}, drawn and written in {}",
                        portrait.provenance.recording.seconds,
                        milliseconds(reading),
                        milliseconds(start.elapsed()),
                    ));
                }
                Err(error) => {
                    failures += 1;
                    report_failure(input, &error, &job, &printer)?;
                }
            }
            printer.advance();
        }
        anyhow::Ok(failures)
    })?;
    if failures == 0 {
        return Ok(Outcome::AllGood);
    }
    let all = job.inputs.len();
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

/// Draws one face and writes its files; returns their names.
fn draw(
    model: &Speech2Face,
    recording: &VoiceRecording,
    target: &Target,
    job: &Job,
) -> anyhow::Result<(Reconstruction, Vec<PathBuf>)> {
    let portrait = model.reconstruct(recording, job.options)?;
    let mut outputs = Vec::new();
    for (format, paths) in job.formats.iter().map(|format| (format, target.paths(*format))) {
        let contents = match format {
            Format::Png => vec![portrait.to_png()?],
            Format::Json => vec![portrait.to_json()?],
            Format::Npy => vec![portrait.face.feature_npy(), portrait.face.landmarks_npy()],
        };
        for (path, bytes) in paths.into_iter().zip(contents) {
            files::write(&path, &bytes)?;
            outputs.push(path);
        }
    }
    Ok((portrait, outputs))
}

fn report(
    input: &Input,
    portrait: &Reconstruction,
    outputs: &[PathBuf],
    job: &Job,
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
    if job.json {
        let provenance = &portrait.provenance;
        printer.json(&Drawn { input: input.name(), outputs, provenance })?;
    }
    Ok(())
}

fn report_failure(
    input: &Input,
    error: &anyhow::Error,
    job: &Job,
    printer: &Printer,
) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Failed {
        input: String,
        error: String,
        hint: Option<String>,
    }
    printer.error(error);
    if job.json {
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
