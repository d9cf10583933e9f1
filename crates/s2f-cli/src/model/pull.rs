//! `speech2face model pull`: published networks, from their authors or from files, and models from
//! the Hugging Face hub. Only this command and `model push` open the network.

use std::path::PathBuf;

use anyhow::bail;
use s2f_core::hint;
use s2f_registry::{Entry, Hub, HubCache, HubName, PullOutcome, PullProgress, Store};

use crate::Outcome;
use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Networks to download, by their names in `model list`, or models of the Hugging Face hub
    #[arg(required = true, value_name = "NAME|hf:OWNER/NAME[@REV]")]
    names: Vec<String>,

    /// Install from this file or folder instead of downloading
    #[arg(long, value_name = "FILE|FOLDER")]
    from: Option<PathBuf>,
}

const NOTES: &str = "\
Each file is downloaded from the address where its authors publish it, and used only if its size
and SHA-256 are correct. Interrupted downloads are resumed. Proxies are read from HTTPS_PROXY,
HTTP_PROXY, ALL_PROXY and NO_PROXY.

Of a model on the hub, config.json, model.safetensors, README.md and the licence are fetched, and
compared with the sizes and hashes that the hub lists. A model is data: nothing in it is run. Use it
with -m hf:OWNER/NAME, and read its card with `model info -m hf:OWNER/NAME`. A revision is a branch,
a tag or a commit; `model pull` again updates a branch.

Environment:
  HF_TOKEN               token for private models [default: the file HF_TOKEN_PATH, or token in
                         HF_HOME, where `hf auth login` stores it]
  HF_ENDPOINT            address of the hub [default: https://huggingface.co]
  SPEECH2FACE_MODELS     folder for the networks [default: speech2face/models in the user's data
                         folder]
  SPEECH2FACE_REGISTRY   table of networks to use instead of the program's, for example for a
                         mirror, in the format of crates/s2f-registry/registry.toml";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let store = Store::from_environment()?;
    // A misspelt name is reported before anything is downloaded.
    for name in &args.names {
        if HubName::is_meant(name) {
            name.parse::<HubName>()?;
            if args.from.is_some() {
                bail!("--from is for networks; hint: a model folder is used with -m FOLDER");
            }
        } else {
            store.registry().entry(name)?;
        }
    }
    let mut outcome = Outcome::AllGood;
    for name in &args.names {
        let pulled = match HubName::is_meant(name) {
            true => pull_model(name, printer),
            false => pull(name, &store, args, printer),
        };
        if let Err(error) = pulled {
            printer.error(&error);
            outcome = Outcome::SomeFailed;
        }
    }
    Ok(outcome)
}

fn pull(name: &str, store: &Store, args: &Args, printer: &Printer) -> anyhow::Result<()> {
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

/// Pulls a model of the hub into the cache.
fn pull_model(text: &str, printer: &Printer) -> anyhow::Result<()> {
    let name: HubName = text.parse()?;
    let cache = HubCache::from_environment()?;
    let hub = Hub::from_environment()?;
    let mut progress = Progress::new(text, printer);
    let (model, outcome) = hub.pull(&name, &cache, &mut |event| progress.show(&event))?;
    drop(progress);
    let place = model.folder.display();
    printer.note(match outcome {
        PullOutcome::AlreadyInstalled => format!("{name} is already in {place}"),
        PullOutcome::Installed => format!("{name} is installed in {place}"),
    });
    printer.note(format_args!("its card: speech2face model info -m {name}"));
    Ok(())
}

fn download(name: &str, store: &Store, printer: &Printer) -> anyhow::Result<PullOutcome> {
    let mut progress = Progress::new(name, printer);
    Ok(store.pull(name, &mut |event| progress.show(&event))?)
}

/// The progress of a download, with a bar for each file.
struct Progress<'a> {
    name: &'a str,
    printer: &'a Printer,
    current: Option<(String, Printer)>,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str, printer: &'a Printer) -> Self {
        Self { name, printer, current: None }
    }

    fn show(&mut self, event: &PullProgress<'_>) {
        let printer = self.printer;
        match event {
            PullProgress::Waiting => {
                printer.note(format_args!("waiting for another process with {}", self.name));
            }
            PullProgress::Received { file, bytes } => {
                if self.current.as_ref().is_none_or(|(shown, _)| *shown != file.name) {
                    printer.detail(format_args!("fetching {}", file.url));
                    let bar = printer.with_bytes(file.bytes);
                    bar.working_on(&file.name);
                    self.current = Some((file.name.clone(), bar));
                }
                if let Some((_, bar)) = &self.current {
                    bar.reach(*bytes);
                }
            }
            PullProgress::Retrying { reason, delay } => {
                let bar = self.current.as_ref().map_or(printer, |(_, bar)| bar);
                let (reason, seconds) = (reason.to_string(), delay.as_secs_f64());
                let reason = hint::split(&reason).0;
                bar.warning(format_args!("{reason}; trying again in {seconds:.1} s"));
            }
        }
    }
}
