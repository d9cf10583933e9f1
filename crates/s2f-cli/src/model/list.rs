//! `speech2face model list`: the models of the program, those pulled from the hub, and the networks
//! of the registry, and whether they are installed.

use std::path::PathBuf;

use s2f_registry::{Availability, Entry, HubCache, HubError, PulledModel, Store};
use serde::Serialize;
use speech2face::SHIPPED;

use crate::printer::Printer;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// One line of the list.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    /// `model` for `-m`, or `network`.
    kind: &'static str,
    /// `part of the program`, `here`, `not here`, `damaged` or `bring your own`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Pulled>,
}

/// A model of the hub.
#[derive(Serialize)]
struct Pulled {
    commit: String,
    bytes: u64,
    folder: PathBuf,
}

#[derive(Serialize)]
struct Network<'a> {
    title: &'a str,
    purpose: &'a str,
    home: &'a str,
    licence: &'a str,
    licence_text: &'a str,
    bytes: u64,
    /// Paths of its files, if all are installed and intact.
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<()> {
    let store = Store::from_environment()?;
    let shipped = Line {
        name: SHIPPED,
        kind: "model",
        state: "part of the program",
        network: None,
        pulled: None,
    };
    show(&shipped, args.json, printer)?;
    let cache = HubCache::from_environment()?;
    for PulledModel { name, commit, folder, bytes } in cache.list()? {
        let state = match cache.find(&name) {
            Ok(_) => "here",
            Err(HubError::Damaged { .. }) => "damaged",
            Err(error) => return Err(error.into()),
        };
        let name = name.to_string();
        let pulled = Some(Pulled { commit, bytes, folder });
        let line = Line { name: &name, kind: "model", state, network: None, pulled };
        show(&line, args.json, printer)?;
    }
    for entry in store.registry().entries() {
        show(&line(entry, &store)?, args.json, printer)?;
    }
    printer.detail(format_args!("networks are in {}", store.folder().display()));
    Ok(())
}

fn line<'a>(entry: &'a Entry, store: &Store) -> anyhow::Result<Line<'a>> {
    let Entry { name, title, purpose, home, licence, .. } = entry;
    let (state, files) = match store.availability(name)? {
        Availability::Installed => ("here", store.locate(name)?),
        Availability::Missing => ("not here", Vec::new()),
        Availability::Damaged => ("damaged", Vec::new()),
        Availability::UserSupplied => ("bring your own", Vec::new()),
    };
    let (licence, licence_text) = (&licence.id, &licence.text);
    let bytes = entry.bytes();
    let network = Some(Network { title, purpose, home, licence, licence_text, bytes, files });
    Ok(Line { name, kind: "network", state, network, pulled: None })
}

fn show(line: &Line<'_>, json: bool, printer: &Printer) -> anyhow::Result<()> {
    if json {
        return printer.json(line);
    }
    let Line { name, state, network, pulled, .. } = line;
    if let Some(Pulled { commit, bytes, .. }) = pulled {
        let megabytes = format!("{:.1} MB", *bytes as f64 / 1e6);
        let commit = &commit[..commit.len().min(7)];
        return Ok(printer.data(format_args!("{name:17} {state:14} {megabytes:>6}  {commit}"))?);
    }
    match network {
        None => printer.data(format_args!("{name:17} {state}"))?,
        Some(Network { purpose, bytes, .. }) => {
            let megabytes = match bytes {
                0 => String::new(),
                _ => format!("{:.1} MB", *bytes as f64 / 1e6),
            };
            printer.data(format_args!("{name:17} {state:14} {megabytes:>6}  {purpose}"))?;
        }
    }
    Ok(())
}
