//! `speech2face train`: one network from one configuration.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use s2f_train::{Progress, read, train_face_decoder, train_voice_encoder};
use serde::Serialize;

use crate::Outcome;
use crate::printer::Printer;

/// Lines of progress where standard error is no terminal.
const LINES: usize = 20;

/// What can be typed.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    network: Network,
}

#[derive(clap::Subcommand)]
enum Network {
    /// Train a face decoder on portraits with landmarks
    FaceDecoder(Run),
    /// Train a voice encoder on recordings, against a trained face decoder
    VoiceEncoder(Run),
}

#[derive(clap::Args)]
struct Run {
    /// The experiment, a TOML file as in configs/
    config: PathBuf,

    /// Folder for configuration, metrics, weights and scores
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
            let bar = Bar::new(printer);
            let scores =
                train_face_decoder(&config, &run.out, |progress| bar.show(progress, printer))?;
            finish(run, &bar, &scores, printer)
        }
        Network::VoiceEncoder(run) => {
            let config = read(&run.config, &run.set)?;
            let bar = Bar::new(printer);
            let scores =
                train_voice_encoder(&config, &run.out, |progress| bar.show(progress, printer))?;
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
    bar.0.finish_and_clear();
    printer.data(serde_json::to_string_pretty(scores)?)?;
    printer.note(format_args!("wrote {}", run.out.display()));
    Ok(Outcome::AllGood)
}

/// A bar on a terminal, some lines elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new(printer: &Printer) -> Self {
        if printer.is_quiet() || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{bar:24} {pos} of {len} · {per_sec} · {eta} left · {msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_message("reading the data");
        Self(bar)
    }

    fn show(&self, progress: &Progress, printer: &Printer) {
        let losses: Vec<String> =
            progress.losses.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let losses = losses.join(", ");
        if self.0.is_hidden() {
            if progress.step == 1 || progress.step.is_multiple_of((progress.steps / LINES).max(1)) {
                printer
                    .note(format_args!("step {} of {}: {losses}", progress.step, progress.steps));
            }
        } else {
            self.0.set_length(progress.steps as u64);
            self.0.set_position(progress.step as u64);
            self.0.set_message(losses);
        }
    }
}
