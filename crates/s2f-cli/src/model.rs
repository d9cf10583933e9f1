//! `speech2face model`: models, the published networks that corpora and evaluation need besides
//! them, and weights from and for other programs.

mod card;
mod export;
mod import;
mod key_map;
mod list;
mod pull;
mod push;
mod rm;

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use speech2face::{Device, DeviceChoice, ModelConfig, ModelId};

use crate::device::DeviceArgs;
use crate::model_choice::ModelChoice;
use crate::printer::Printer;
use crate::{Outcome, owner};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the models of the program and the published networks, and whether they are installed
    List(list::Args),
    /// Show a model: name, hash, size, and its card with training data and limits
    Info {
        #[command(flatten)]
        model: ModelChoice,
        /// Print one JSON object, with the configuration of the networks
        #[arg(long)]
        json: bool,
    },
    /// Complete the card of a model: its run, and the scores of an evaluation with intervals
    Card(card::Args),
    /// Check that a model is complete and works
    Verify {
        #[command(flatten)]
        model: ModelChoice,
        #[command(flatten)]
        device: DeviceArgs,
    },
    /// Download published networks, such as the face detector that corpora need, or models from
    /// the Hugging Face hub
    Pull(pull::Args),
    /// Upload a model folder to the Hugging Face hub; shows what it will send, and asks
    Push(push::Args),
    /// Remove networks and models that were pulled
    Rm(rm::Args),
    /// Import weights from a checkpoint of PyTorch or Keras, or from a safetensors file
    Import(import::Args),
    /// Export a model's networks for PyTorch (safetensors) or for any runtime (ONNX)
    Export(export::Args),
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    match &args.action {
        Action::List(args) => list::run(args, printer)?,
        Action::Info { model, json } => info(model, *json, printer)?,
        Action::Card(args) => card::run(args, printer)?,
        Action::Verify { model, device } => verify(model, &device.open()?, printer)?,
        Action::Pull(args) => return pull::run(args, printer),
        Action::Push(args) => push::run(args, printer)?,
        Action::Rm(args) => return rm::run(args, printer),
        Action::Import(args) => import::run(args, printer)?,
        Action::Export(args) => export::run(args, printer)?,
    }
    Ok(Outcome::AllGood)
}

fn info(model: &ModelChoice, json: bool, printer: &Printer) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Info<'a> {
        #[serde(flatten)]
        id: &'a ModelId,
        parameters: usize,
        config: &'a ModelConfig,
        card: &'a str,
    }
    let model = model.open(&DeviceChoice::Cpu.open()?)?;
    let (id, config, card) = (model.id(), model.config(), model.card());
    let parameters = model.parameters();
    if json {
        return printer.json(&Info { id, parameters, config, card });
    }
    printer.data(format_args!("name        {}", id.name))?;
    printer.data(format_args!("sha256      {}", id.sha256))?;
    printer.data(format_args!("face space  {}", model.face_space()))?;
    printer.data(format_args!("parameters  {:.2} million", parameters as f64 / 1e6))?;
    let side = config.face_decoder.size;
    printer.data(format_args!("picture     {side} × {side} pixels"))?;
    if !card.is_empty() {
        printer.data(format_args!("\n{}", card.trim_end()))?;
    }
    Ok(())
}

fn verify(model: &ModelChoice, device: &Device, printer: &Printer) -> anyhow::Result<()> {
    let model = model.open(device)?;
    model.verify()?;
    let ModelId { name, sha256 } = model.id();
    printer.note(format_args!("{name} is complete and works (sha256 {sha256})"));
    Ok(())
}

/// Writes files of a folder, none of which may exist yet.
fn write_new(folder: &Path, new: &[(&str, Vec<u8>)], printer: &Printer) -> anyhow::Result<()> {
    for (name, _) in new {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            bail!("{} already exists; hint: move it, or write elsewhere with -o", path.display());
        }
    }
    // An empty path is the working folder.
    if !folder.as_os_str().is_empty() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    }
    for (name, bytes) in new {
        let path = folder.join(name);
        owner::write(&path, bytes)?;
        printer.note(format_args!("wrote {}", path.display()));
    }
    Ok(())
}
