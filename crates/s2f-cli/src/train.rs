//! `speech2face train`: one network from one configuration.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use s2f_train::{Event, read, train_face_decoder, train_voice_encoder};
use serde::Serialize;

use crate::Outcome;
use crate::printer::Printer;

/// Lines of progress where standard error is no terminal.
const LINES: usize = 20;

/// What can be typed.
#[derive(clap::Args)]
#[command(after_help = GOING_ON)]
pub struct Args {
    #[command(subcommand)]
    network: Network,
}

const GOING_ON: &str = "\
Safe to stop at any moment, by Ctrl-C, kill -9 or a power cut: the same command goes on from the
last checkpoint and comes to the same weights, bit for bit on the same kind of processor. A run that
is done goes on with more optimisation.steps. Only how long it trains and what stands under watch
may change; any other key is refused, and so is data that has changed.

  tensorboard --logdir FOLDER      shows losses, scores and sheets of faces while it trains";

#[derive(clap::Subcommand)]
enum Network {
    /// Train a face decoder on portraits with landmarks
    #[command(after_help = GOING_ON)]
    FaceDecoder(Run),
    /// Train a voice encoder on recordings, against a trained face decoder
    #[command(after_help = GOING_ON)]
    VoiceEncoder(Run),
}

#[derive(clap::Args)]
struct Run {
    /// The experiment, a TOML file as in configs/
    config: PathBuf,

    /// Folder for configuration, metrics, checkpoints, weights and scores; a run that is in it goes
    /// on
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,

    /// Set a key of the configuration, for example data.root=/data/voices or optimisation.steps=20
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Does what was asked.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    match &args.network {
        Network::FaceDecoder(run) => {
            let config = read(&run.config, &run.set)?;
            let mut bar = Bar::new(printer);
            let scores = train_face_decoder(&config, &run.out, |event| bar.show(event))?;
            finish(run, &bar, &scores, printer)
        }
        Network::VoiceEncoder(run) => {
            let config = read(&run.config, &run.set)?;
            let mut bar = Bar::new(printer);
            let scores = train_voice_encoder(&config, &run.out, |event| bar.show(event))?;
            finish(run, &bar, &scores, printer)
        }
    }
}

fn finish(
    run: &Run,
    bar: &Bar,
    scores: &impl Serialize,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    bar.bar.finish_and_clear();
    printer.data(serde_json::to_string_pretty(scores)?)?;
    printer.note(format_args!("wrote {}", run.out.display()));
    Ok(Outcome::AllGood)
}

/// A bar on a terminal, some lines elsewhere.
struct Bar<'a> {
    bar: ProgressBar,
    printer: &'a Printer,
    /// Steps before this session, and in all.
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
            bar.set_message("reading the data");
            bar
        };
        Self { bar, printer, steps: (0, 0), begun: Instant::now() }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Started { step, steps } => self.start(*step, *steps),
            Event::Step { step, losses } => self.step(*step, losses),
            Event::Validated { step, scores, best } => {
                let best = if *best { ", the best so far" } else { "" };
                self.say(&format!("step {step}, held out: {}{best}", list(scores)));
            }
            Event::StoppedEarly { step, best } => self.say(&format!(
                "stopped early at step {step}: no validation has been better than that of step {best}"
            )),
            Event::Note(text) => self.bar.suspend(|| self.printer.warning(text)),
        }
    }

    fn start(&mut self, step: usize, steps: usize) {
        self.steps = (step, steps);
        self.begun = Instant::now();
        if step >= steps {
            self.say(&format!(
                "all {step} steps are done; more optimisation.steps make the run longer"
            ));
        } else if step > 0 {
            self.say(&format!("going on after step {step} of {steps}"));
        }
        let style = ProgressStyle::with_template("{bar:24} {pos} of {len} · {msg}");
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
    }

    fn step(&self, step: usize, losses: &[(&str, f64)]) {
        let (before, steps) = self.steps;
        // Counted from where this session began, not from the first step of the run.
        let rate = (step - before) as f64 / self.begun.elapsed().as_secs_f64();
        let left = Duration::from_secs_f64(steps.saturating_sub(step) as f64 / rate.max(1e-9));
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

/// Names and numbers in a line.
fn list(values: &[(&str, f64)]) -> String {
    let values: Vec<String> =
        values.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    values.join(", ")
}
