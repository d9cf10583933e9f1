//! `corpus prepare`: pairs from a corpus.

mod networks;
mod rules;

use std::path::PathBuf;
use std::slice;
use std::sync::OnceLock;
use std::time::Instant;

use networks::NetworkArgs;
use rules::RuleArgs;
use s2f_corpus::layout::{Layout, plan};
use s2f_corpus::media::Ffmpeg;
use s2f_corpus::prepare::{self, PrepareProgress, PrepareTools, Remote};
use s2f_corpus::shard::Shard;
use speech2face::CorpusNetworks;

use super::scratch::Scratch;
use crate::Outcome;
use crate::printer::Printer;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folder of the corpus, or its address in object storage, such as s3://BUCKET/FOLDER
    corpus: PathBuf,

    /// Folder or address for the pairs; to resume an interrupted run, repeat the command
    #[arg(short, long, visible_alias = "out", value_name = "FOLDER")]
    output: PathBuf,

    /// Layout of the corpus on disk; detected if omitted
    #[arg(long, value_parser = super::layout_parser())]
    layout: Option<&'static Layout>,

    /// Process only shard I of N, from 0/N; `corpus merge` then merges the shards
    ///
    /// If omitted, it is read from the variables of Slurm arrays, Kubernetes jobs (with
    /// JOB_COMPLETIONS) and torchrun; 0/1 is everything.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Folder for what is fetched from object storage and not yet sent to it; by default a
    /// temporary one
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    networks: NetworkArgs,

    #[command(flatten)]
    rules: RuleArgs,
}

const EXAMPLES: &str = "\
Examples:
  speech2face corpus prepare vox1 -o vox1-pairs
  speech2face corpus prepare videos -o pairs --fps 5 --speech 2
  speech2face corpus prepare avspeech -o pairs --shard 3/8       on the fourth of eight machines
  speech2face corpus prepare vox2 -o pairs --encoder arcface.onnx
  speech2face corpus prepare s3://mine/vox2 -o s3://mine/pairs --shard 3/8

Before the first run: speech2face model pull yunet mobileface
The output is Parquet with one row per pair; rejected.csv has one row with the reason for every clip
that was rejected.";

/// Runs the command.
pub fn run(args: &Args, printer: &Printer) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new(args.scratch.as_deref());
    let corpus = scratch.corpus(&args.corpus, printer)?;
    let output = scratch.output(&args.output, printer)?;
    let plan = plan(&corpus.folder, args.layout)?;
    let shard = shard(args, printer)?;
    let networks = args.networks.choice()?;
    let settings = args.rules.settings(networks.encoder.recorded());
    let CorpusNetworks { detector, speech, encoder } =
        CorpusNetworks::open(&networks, args.networks.device())?;
    let ffmpeg = Ffmpeg::find()?;
    let tools = PrepareTools {
        ffmpeg: &ffmpeg,
        detector: &detector,
        speech: &speech,
        encoder: encoder.as_ref(),
        remote: Remote { files: corpus.files.as_deref(), parts: output.parts.as_deref() },
        cancel: None,
    };

    let bar = OnceLock::new();
    let started = Instant::now();
    prepare::prepare(&plan, &settings, &tools, shard, &output.folder, &|progress| {
        let summary = summary(&progress, started);
        let bar = bar.get_or_init(|| printer.with_progress(progress.clips));
        bar.working_on(&summary);
        bar.reach(progress.done as u64);
    })?;
    drop(bar);
    if shard != Shard::ALL {
        let out = args.output.display();
        printer.note(format_args!("shard {shard} is done"));
        printer.note(format_args!(
            "after all shards: speech2face corpus merge {out} -o {out} (name the folders of all \
             shards)"
        ));
        return Ok(Outcome::AllGood);
    }
    if let Some(parts) = &output.parts {
        parts.fetch_all()?;
    }
    let summary = prepare::merge(slice::from_ref(&output.folder), &output.folder)?;
    if let Some(parts) = &output.parts {
        parts.publish()?;
    }
    super::merge::print(&summary, &args.output, args.json, printer)?;
    if summary.pairs == 0 {
        printer.warning("all clips were rejected: there are no pairs");
        return Ok(Outcome::SomeFailed);
    }
    Ok(Outcome::AllGood)
}

/// The text beside the progress bar.
fn summary(progress: &PrepareProgress, started: Instant) -> String {
    let PrepareProgress { pairs, rejected, seconds, .. } = progress;
    let times = seconds / started.elapsed().as_secs_f64().max(1e-3);
    format!("{pairs} pairs, {rejected} rejected, {times:.0} × real time")
}

fn shard(args: &Args, printer: &Printer) -> anyhow::Result<Shard> {
    if let Some(shard) = args.shard {
        return Ok(shard);
    }
    let from_job = Shard::from_job(|name| std::env::var(name).ok())?;
    Ok(from_job.map_or(Shard::ALL, |(shard, variable)| {
        printer.note(format_args!("preparing shard {shard}, from {variable}"));
        shard
    }))
}
