//! `speech2face model pull`: published networks, from their authors or from files. The only
//! command that opens the network.

use std::path::PathBuf;

use s2f_core::hint;
use s2f_registry::{Entry, PullOutcome, PullProgress, RegistryError, Store};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Networks to download, by their names in `model list`
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Install from this file or folder instead of downloading
    #[arg(long, value_name = "FILE|FOLDER")]
    from: Option<PathBuf>,
}

const NOTES: &str = "\
Each file is downloaded from the address where its authors publish it, and used only if its size
and SHA-256 are correct. Interrupted downloads are resumed. Proxies are read from HTTPS_PROXY,
HTTP_PROXY, ALL_PROXY and NO_PROXY.

Environment:
  SPEECH2FACE_MODELS     folder for the networks [default: speech2face/models in the user's data
                         folder]
  SPEECH2FACE_REGISTRY   table of networks to use instead of the program's, for example for a
                         mirror, in the format of crates/s2f-registry/registry.toml";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let store = Store::from_environment()?;
    // A misspelt name is reported before anything is downloaded.
    for name in &args.names {
        store.registry().entry(name)?;
    }
    let mut outcome = Outcome::AllGood;
    for name in &args.names {
        if let Err(error) = pull(name, &store, args, printer) {
            printer.error(&error.into());
            outcome = Outcome::SomeFailed;
        }
    }
    Ok(outcome)
}

fn pull(name: &str, store: &Store, args: &Args, printer: &Printer) -> Result<(), RegistryError> {
    let entry = store.registry().entry(name)?;
    introduce(entry, printer);
    let pulled = match &args.from {
        Some(from) => store.install(name, from)?,
        None => download(name, store, printer)?,
    };
    let place = store.folder().join(name);
    printer.note(match pulled {
        PullOutcome::AlreadyInstalled => format!("{name} is already in {}", place.display()),
        PullOutcome::Installed => format!("{name} is installed in {}", place.display()),
    });
    Ok(())
}

/// Prints what a network is and its licence, before anything is downloaded.
fn introduce(entry: &Entry, printer: &Printer) {
    let Entry { name, title, purpose, home, licence, .. } = entry;
    printer.note(format_args!("{name}: {title}, {home}"));
    printer.note(format_args!("  {purpose}"));
    printer.note(format_args!("  licence {}, {}", licence.id, licence.text));
    if let Some(note) = &licence.note {
        printer.note(format_args!("  note: {note}"));
    }
}

fn download(name: &str, store: &Store, printer: &Printer) -> Result<PullOutcome, RegistryError> {
    let mut current: Option<(String, Printer)> = None;
    store.pull(name, &mut |event| match event {
        PullProgress::Waiting => {
            printer.note(format_args!("waiting for another process with {name}"))
        }
        PullProgress::Received { file, bytes } => {
            if current.as_ref().is_none_or(|(shown, _)| *shown != file.name) {
                printer.detail(format_args!("fetching {}", file.url));
                let bar = printer.with_bytes(file.bytes);
                bar.working_on(&file.name);
                current = Some((file.name.clone(), bar));
            }
            if let Some((_, bar)) = &current {
                bar.reach(bytes);
            }
        }
        PullProgress::Retrying { reason, delay } => {
            let bar = current.as_ref().map_or(printer, |(_, bar)| bar);
            let (reason, seconds) = (reason.to_string(), delay.as_secs_f64());
            let reason = hint::split(&reason).0;
            bar.warning(format_args!("{reason}; trying again in {seconds:.1} s"));
        }
    })
}
