//! `speech2face model push`: a model folder to the Hugging Face hub. The only command that sends
//! anything.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::bail;
use s2f_registry::{Hub, HubName, PushFile, PushPlan, PushProgress, Target};
use speech2face::{DeviceChoice, ModelSource, Speech2Face};

use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Model folder, or run folder of `train`
    folder: PathBuf,

    /// Where to: hf:OWNER/NAME, or hf:OWNER/NAME@BRANCH for a branch that exists
    #[arg(value_name = "hf:OWNER/NAME[@BRANCH]")]
    name: HubName,

    /// Push without asking
    #[arg(short, long)]
    yes: bool,

    /// Create the repository public; without it, a new repository is private
    #[arg(long)]
    public: bool,
}

const NOTES: &str = "\
Examples:
  speech2face model push my-model hf:alice/small            show what would be sent, and ask
  speech2face model push my-model hf:alice/small --yes      the same without asking, for scripts

Sent are config.json, model.safetensors, README.md and a licence, and nothing else of the folder.
Read the model card first: it should name data, consent, licence and limits. A push that was
interrupted can be repeated; files that arrived are not sent again.

Environment:
  HF_TOKEN      token with write access [default: the file HF_TOKEN_PATH, or token in HF_HOME,
                where `hf auth login` stores it]
  HF_ENDPOINT   address of the hub [default: https://huggingface.co]";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    let source = ModelSource::resolve(&args.folder.to_string_lossy())?;
    let Some(folder) = source.model_folder() else {
        bail!(
            "{} is part of the program and has no folder; hint: write one with `speech2face model \
             export --format safetensors -o FOLDER`",
            args.folder.display()
        );
    };
    // Nobody should pull a model that does not work.
    Speech2Face::open(&folder, &DeviceChoice::Cpu.open()?)?.verify()?;
    let hub = Hub::from_environment()?;
    let plan = hub.plan_push(&folder, &args.name, !args.public)?;
    show(&plan, &hub, printer)?;
    if args.public && !plan.is_public() {
        printer.warning("the repository stays private: --public is for new ones");
    }
    if !args.yes && !agreed(printer)? {
        bail!("nothing was sent; hint: to push, answer y");
    }
    push(&hub, &plan, printer)
}

/// Prints what would be sent.
fn show(plan: &PushPlan, hub: &Hub, printer: &Printer) -> anyhow::Result<()> {
    let who = if plan.is_public() { "public, everybody can read it" } else { "private" };
    let state = match plan.target {
        Target::New { .. } => "a new repository",
        Target::Existing { .. } => "a repository that exists",
    };
    let PushPlan { name, .. } = plan;
    printer.data(format_args!("to {name} at {}: {state}, {who}", hub.endpoint()))?;
    for PushFile { name, bytes, path, .. } in &plan.files {
        printer.data(format_args!("  {name:18} {bytes:>12} bytes  {}", path.display()))?;
    }
    Ok(printer.data(format_args!("  {:18} {:>12} bytes", "in all", plan.bytes()))?)
}

/// Asks the user.
fn agreed(printer: &Printer) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nothing was sent, since nobody can be asked; hint: to push, add --yes");
    }
    printer.ask("Send this? [y/N]");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn push(hub: &Hub, plan: &PushPlan, printer: &Printer) -> anyhow::Result<()> {
    let mut current: Option<(String, Printer)> = None;
    let pushed = hub.push(plan, &mut |event| match event {
        PushProgress::Created => printer.note(format_args!("{} was created", plan.name)),
        PushProgress::Present { file } => {
            printer.note(format_args!("{} is there already", file.name));
        }
        PushProgress::Sent { file, bytes } => {
            if current.as_ref().is_none_or(|(shown, _)| *shown != file.name) {
                let bar = printer.with_bytes(file.bytes);
                bar.working_on(&file.name);
                current = Some((file.name.clone(), bar));
            }
            if let Some((_, bar)) = &current {
                bar.reach(bytes);
            }
        }
    })?;
    drop(current);
    match pushed.commit {
        Some(commit) => printer.note(format_args!("pushed to {}, commit {commit}", pushed.url)),
        None => printer.note(format_args!("{} has all of it already", pushed.url)),
    }
    Ok(())
}
