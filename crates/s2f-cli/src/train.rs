//! `speech2face train`: one network from one configuration.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use s2f_train::devices::Devices;
use s2f_train::peers::{OneProcess, Processes, mpi_processes};
use s2f_train::{
    FaceDecoderTraining, FaceDistributionTraining, Invocation, TrainEvent, VoiceEncoderTraining,
    read, train_face_decoder, train_face_distribution, train_voice_encoder,
    train_voice_encoder_seeds,
};
use serde::Serialize;

use crate::printer::Printer;
use crate::{Outcome, arguments};

/// Number of progress lines if standard error is not a terminal.
const LINES: usize = 20;
/// Time for the first of several processes to print an error that all have.
const HEAD_START: Duration = Duration::from_secs(2);

/// Arguments of `train`.
#[derive(clap::Args)]
#[command(after_help = RESUMING)]
pub struct Args {
    #[command(subcommand)]
    network: Network,
}

const RESUMING: &str = "\
Training can be interrupted at any time, by Ctrl-C, kill -9 or a power cut: the same command resumes
from the last checkpoint and gives the same weights, bit for bit on the same kind of processor. A
finished run is continued with a larger optimisation.steps. Only the length of the training and the
keys under watch may change; changes of any other key and of the data are refused.

  tensorboard --logdir FOLDER      shows losses, scores and sheets of faces during training";

#[derive(clap::Subcommand)]
enum Network {
    /// Train a face decoder on portraits with landmarks
    #[command(after_help = RESUMING)]
    FaceDecoder(Run),
    /// Train a face distribution on recordings with sex and age, with a trained face decoder
    #[command(after_help = RESUMING)]
    FaceDistribution(Run),
    /// Train a voice encoder on pairs or on recordings alone, with a trained face decoder
    #[command(after_help = RESUMING)]
    VoiceEncoder(VoiceEncoderRun),
}

#[derive(clap::Args)]
struct VoiceEncoderRun {
    #[command(flatten)]
    run: Run,

    /// Number of runs, with the seed of the configuration and those after it, in the subfolders
    /// seed-N of the run folder; the mean ± standard deviation of each score is printed, and
    /// written to seeds.csv
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(2..=1000))]
    seeds: Option<u16>,

    /// Train together with the other processes that mpirun or srun started, each on a share of
    /// every batch; the first one reads and writes the run folder
    ///
    /// All processes need the configuration, the data and the networks under the same paths. The
    /// result does not depend on the number of processes but for rounding, and a run resumes with
    /// any number. It needs a build with --features mpi.
    #[arg(long)]
    mpi: bool,
}

#[derive(clap::Args)]
struct Run {
    /// Configuration, a TOML file as in configs/
    config: PathBuf,

    /// Run folder for configuration, metrics, checkpoints, weights and scores; a run in it is
    /// resumed
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    #[arg(required_unless_present = "check")]
    output: Option<PathBuf>,

    /// Override a configuration key, for example data.root=/data/voices or optimisation.steps=20
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Only check the configuration: read no training data and write nothing
    #[arg(long)]
    check: bool,

    /// Device to compute on: auto, cpu, cuda:N or wgpu:N, or several GPUs as in cuda:0,cuda:1
    ///
    /// auto is the first GPU, or the CPU if there is none. A voice encoder can train on several
    /// GPUs of one kind; each takes a share of every batch. GPUs need a build with --features
    /// cuda or --features wgpu.
    #[arg(long, visible_alias = "devices", value_name = "DEVICE", default_value = "auto")]
    device: String,
}

/// Runs `train`.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    match &args.network {
        Network::FaceDecoder(run) => {
            let config: FaceDecoderTraining = read(&run.config, &run.set)?;
            let devices: Devices = run.device.parse()?;
            let Some(out) = run.training() else {
                config.check(&devices)?;
                return Ok(run.checked(printer));
            };
            let mut bar = Bar::new(printer);
            let show = |event: &TrainEvent| bar.show(event);
            let scores = train_face_decoder(&config, out, &devices, &invocation(), show)?;
            finish(out, &bar, &scores, printer)
        }
        Network::FaceDistribution(run) => {
            let config: FaceDistributionTraining = read(&run.config, &run.set)?;
            let devices: Devices = run.device.parse()?;
            let Some(out) = run.training() else {
                config.check(&devices)?;
                return Ok(run.checked(printer));
            };
            let mut bar = Bar::new(printer);
            let show = |event: &TrainEvent| bar.show(event);
            let scores = train_face_distribution(&config, out, &devices, &invocation(), show)?;
            finish(out, &bar, &scores, printer)
        }
        Network::VoiceEncoder(args) if args.mpi => {
            let processes = mpi_processes()?;
            let outcome = voice_encoder(args, &processes, printer);
            if let Err(error) = &outcome {
                if !processes.is_first() {
                    // Usually the first process has the same error, prints it and stops all.
                    thread::sleep(HEAD_START);
                }
                printer.error(error);
                processes.abort();
            }
            outcome
        }
        Network::VoiceEncoder(args) => {
            let alone: Arc<dyn Processes> = Arc::new(OneProcess);
            voice_encoder(args, &alone, printer)
        }
    }
}

/// Trains a voice encoder. Only the first of several processes prints.
fn voice_encoder(
    VoiceEncoderRun { run, seeds, .. }: &VoiceEncoderRun,
    processes: &Arc<dyn Processes>,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let config: VoiceEncoderTraining = read(&run.config, &run.set)?;
    let devices: Devices = run.device.parse()?;
    let devices = devices.with_processes(Arc::clone(processes))?;
    let prints = processes.is_first();
    let Some(out) = run.training() else {
        config.check(&devices)?;
        return Ok(if prints { run.checked(printer) } else { Outcome::AllGood });
    };
    let mut bar = Bar::new(printer);
    let Some(seeds) = *seeds else {
        let show = |event: &TrainEvent| {
            if prints {
                bar.show(event);
            }
        };
        let scores = train_voice_encoder(&config, out, devices, &invocation(), show)?;
        return match scores {
            Some(scores) => finish(out, &bar, &scores, printer),
            None => Ok(Outcome::AllGood),
        };
    };
    let show = |seed: u64, event: &TrainEvent| {
        if let (true, TrainEvent::Started { .. }) = (prints, event) {
            bar.say(&format!("seed {seed}"));
        }
        if prints {
            bar.show(event);
        }
    };
    let count = usize::from(seeds);
    let scores = train_voice_encoder_seeds(&config, out, &devices, &invocation(), count, show)?;
    let Some(scores) = scores else { return Ok(Outcome::AllGood) };
    bar.bar.finish_and_clear();
    printer.data(scores.to_string().trim_end())?;
    printer.note(format_args!("wrote {}", out.join("seeds.csv").display()));
    Ok(Outcome::AllGood)
}

/// How this program was started, for the record of the run: without the folder that it is in.
fn invocation() -> Invocation {
    let arguments = std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned());
    Invocation {
        commit: arguments::commit().map(str::to_owned),
        command: std::iter::once("speech2face".to_owned()).chain(arguments).collect(),
    }
}

impl Run {
    /// The run folder, unless the configuration is only checked.
    fn training(&self) -> Option<&Path> {
        self.output.as_deref().filter(|_| !self.check)
    }

    fn checked(&self, printer: &Printer) -> Outcome {
        printer.note(format_args!("{} is valid", self.config.display()));
        Outcome::AllGood
    }
}

fn finish(
    out: &Path,
    bar: &Bar,
    scores: &impl Serialize,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    bar.bar.finish_and_clear();
    printer.data(serde_json::to_string_pretty(scores)?)?;
    printer.note(format_args!("wrote {}", out.display()));
    Ok(Outcome::AllGood)
}

/// A progress bar on a terminal, some lines otherwise.
struct Bar<'a> {
    bar: ProgressBar,
    printer: &'a Printer,
    /// Steps before this session, and the total.
    steps: (usize, usize),
    begun: Instant,
}

impl<'a> Bar<'a> {
    fn new(printer: &'a Printer) -> Self {
        let bar = if printer.is_quiet() || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar.set_message("loading the data");
            bar
        };
        Self { bar, printer, steps: (0, 0), begun: Instant::now() }
    }

    fn show(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Started { step, steps } => self.start(*step, *steps),
            TrainEvent::Step { step, losses } => self.step(*step, losses),
            TrainEvent::Validated { step, scores, best } => {
                let best = if *best { ", best so far" } else { "" };
                self.say(&format!("step {step}, held out: {}{best}", list(scores)));
            }
            TrainEvent::StoppedEarly { step, best } => self.say(&format!(
                "stopped early at step {step}: no validation was better than that of step {best}"
            )),
            TrainEvent::Note(text) => self.bar.suspend(|| self.printer.warning(text)),
            _ => {}
        }
    }

    fn start(&mut self, step: usize, steps: usize) {
        self.steps = (step, steps);
        self.begun = Instant::now();
        if step >= steps {
            self.say(&format!(
                "all {step} steps are done; increase optimisation.steps to extend the run"
            ));
        } else if step > 0 {
            self.say(&format!("resuming after step {step} of {steps}"));
        }
        let style = ProgressStyle::with_template("{bar:24} {pos} of {len} · {msg}");
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
    }

    fn step(&self, step: usize, losses: &[(&str, f64)]) {
        let (before, steps) = self.steps;
        // Counted from the start of this session, not from the first step of the run.
        let rate = (step - before) as f64 / self.begun.elapsed().as_secs_f64();
        let left = steps.saturating_sub(step) as f64 / rate.max(1e-9);
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        let pace = format!("{rate:.2} steps/s · {} left", indicatif::HumanDuration(left));
        if self.bar.is_hidden() {
            let first = step == before + 1;
            if first || step == steps || step.is_multiple_of((steps / LINES).max(1)) {
                let losses = list(losses);
                self.say(&format!("step {step} of {steps}: {losses} · {pace}"));
            }
        } else {
            self.bar.set_position(step as u64);
            self.bar.set_message(format!("{pace} · {}", list(losses)));
        }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| self.printer.note(text));
    }
}

/// Names and values in a line.
fn list(values: &[(&str, f64)]) -> String {
    let values: Vec<String> =
        values.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    values.join(", ")
}
