//! Prepares pairs: every clip of a [`Plan`] becomes pairs, or a rejected row with its reason.
//!
//! The clips are divided, in their order, into *parts* of [`PrepareSettings::clips_per_part`]. A
//! part is two files, renamed when complete: first `parts/00000.rejected.csv`, then
//! `parts/00000.parquet`, which marks the part as done. A run can be interrupted at any time, and
//! resumes with the parts that are missing; several processes can divide the parts among them
//! ([`Shard`]). When all are there, [`merge`] turns them into `pairs-00000.parquet` …. The contents
//! of a part depend only on the plan, the settings and the tools, so the final files are
//! byte-identical however often the run was interrupted.
//!
//! The way of one clip is in `prepare/clip.rs`.

mod clip;
mod folder;
mod merge;
mod remote;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use clip::{ClipOutcome, ClipProcessor};
use folder::PrepareFolder;
pub use folder::REJECTED_COLUMNS;
#[cfg(feature = "object-store")]
pub(crate) use folder::{JOB, PARTS, SUMMARY, part_of};
pub use merge::{PrepareSummary, merge};
use rayon::ThreadPoolBuilder;
pub use remote::{ClipFiles, PartStore, Remote};
use s2f_audio::SpeechDetector;
use s2f_core::FileError;
use s2f_face::{Detector, FaceEncoder};
use s2f_pairs::{Pair, PairWriter};
pub use settings::PrepareSettings;

use crate::CorpusError;
use crate::media::Ffmpeg;
use crate::plan::Plan;
use crate::reject::Rejected;
use crate::shard::Shard;

/// The program and the networks that clips are processed with.
pub struct PrepareTools<'a> {
    /// Decodes sound and video.
    pub ffmpeg: &'a Ffmpeg,
    /// Detects faces.
    pub detector: &'a Detector,
    /// Detects speech.
    pub speech: &'a SpeechDetector,
    /// Encodes faces.
    pub encoder: &'a dyn FaceEncoder,
    /// Where files are that are not on this computer.
    pub remote: Remote<'a>,
    /// Stops the run with [`CorpusError::Cancelled`] soon after it becomes true: the segments that
    /// are being processed are finished.
    pub cancel: Option<&'a AtomicBool>,
}

impl PrepareTools<'_> {
    /// # Errors
    /// [`CorpusError::Cancelled`].
    fn check_cancelled(&self) -> Result<(), CorpusError> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(CorpusError::Cancelled),
            _ => Ok(()),
        }
    }
}

/// Progress event, sent after each clip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PrepareProgress {
    /// Clips done, including those of earlier runs.
    pub done: usize,
    /// Clips of this shard.
    pub clips: usize,
    /// Pairs of this run.
    pub pairs: usize,
    /// Clips or segments that this run rejected.
    pub rejected: usize,
    /// Seconds of voice in the pairs of this run.
    pub seconds: f64,
}

/// Processes the parts of `shard` that are not done yet and writes them to the folder `out`. After
/// [`Shard::ALL`], only [`merge`] remains to be called.
///
/// One clip is processed on each thread of the current pool of `rayon`. Memory is bounded by these
/// clips and their parts, regardless of the lengths of the videos.
///
/// # Errors
/// [`CorpusError::Setting`]; [`CorpusError::NothingToPrepare`]; [`CorpusError::PrepareFolder`] if
/// the folder is inside the corpus or belongs to another corpus, other settings or another encoder;
/// [`CorpusError::Busy`] if another process does the same shard; [`CorpusError::Cancelled`];
/// [`CorpusError::File`] and others if the system refuses. Complete parts are kept.
pub fn prepare(
    plan: &Plan,
    settings: &PrepareSettings,
    tools: &PrepareTools<'_>,
    shard: Shard,
    out: &Path,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<(), CorpusError> {
    settings.check()?;
    if plan.clips.is_empty() {
        let unpaired = plan.unpaired.is_some();
        return Err(CorpusError::NothingToPrepare { path: plan.root.clone(), unpaired });
    }
    refuse_inside(plan, out)?;
    let splits = plan.assign_splits(&settings.shares, settings.seed);
    let folder = PrepareFolder::open(plan, settings, tools.encoder, &splits, out)?;
    if folder.is_finished() {
        return Ok(());
    }
    let _lock = folder.lock(shard)?;
    let parts = tools.remote.parts;
    parts.map_or(Ok(()), PartStore::begin)?;
    let is_done = |part| folder.has(part) || parts.is_some_and(|parts| parts.has(part));
    let (todo, done) = clips_to_do(plan, settings, is_done, shard);
    let start = PrepareProgress { done, clips: done + todo.len(), ..PrepareProgress::default() };
    progress(start);

    let processor = ClipProcessor { plan, settings, tools, splits: &splits };
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            let send = send.clone();
            let (processor, next, stop, todo) = (&processor, &next, &stop, &todo);
            scope.spawn(move || {
                // In a common pool, the networks of different clips would wait for one another.
                let own = ThreadPoolBuilder::new().num_threads(1).build().ok();
                while !stop.load(Ordering::Relaxed) {
                    let Some(&clip) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let work = || processor.process(&plan.clips[clip]);
                    let outcomes = own.as_ref().map_or_else(work, |pool| pool.install(work));
                    if send.send((clip, outcomes)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let write = |part, outcomes: Vec<ClipOutcome>| {
            let files = write_part(&folder, part, outcomes)?;
            parts.map_or(Ok(()), |parts| parts.store(&files))
        };
        let result = write_parts(plan, settings, &write, receive, start, progress);
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Indices of the clips of the shard's missing parts, and how many clips its other parts have.
fn clips_to_do(
    plan: &Plan,
    settings: &PrepareSettings,
    is_done: impl Fn(usize) -> bool,
    shard: Shard,
) -> (Vec<usize>, usize) {
    let parts = plan.clips.len().div_ceil(settings.clips_per_part);
    let (mut todo, mut done) = (Vec::new(), 0);
    for part in (0..parts).filter(|&part| shard.does(part)) {
        let clips = clips_of(part, plan, settings);
        if is_done(part) {
            done += clips.len();
        } else {
            todo.extend(clips);
        }
    }
    (todo, done)
}

/// Receives the outcomes of clips, and writes each part when its last clip is done.
fn write_parts(
    plan: &Plan,
    settings: &PrepareSettings,
    write: &dyn Fn(usize, Vec<ClipOutcome>) -> Result<(), CorpusError>,
    outcomes: mpsc::Receiver<(usize, Result<Vec<ClipOutcome>, CorpusError>)>,
    mut report: PrepareProgress,
    progress: &(dyn Fn(PrepareProgress) + Sync),
) -> Result<(), CorpusError> {
    let mut open: BTreeMap<usize, BTreeMap<usize, Vec<ClipOutcome>>> = BTreeMap::new();
    for (clip, outcome) in outcomes {
        let outcome = outcome?;
        report.done += 1;
        for one in &outcome {
            match one {
                ClipOutcome::Pair(pair) => {
                    report.pairs += 1;
                    report.seconds += f64::from(pair.info.seconds);
                }
                ClipOutcome::Rejected(_) => report.rejected += 1,
            }
        }
        progress(report);
        let part = clip / settings.clips_per_part;
        let clips = open.entry(part).or_default();
        clips.insert(clip, outcome);
        if clips.len() == clips_of(part, plan, settings).len() {
            let complete = open.remove(&part).unwrap_or_default();
            write(part, complete.into_values().flatten().collect())?;
        }
    }
    Ok(())
}

/// Returns the files in the order in which they were written.
fn write_part(
    folder: &PrepareFolder,
    part: usize,
    outcomes: Vec<ClipOutcome>,
) -> Result<[PathBuf; 2], CorpusError> {
    let mut rejected: Vec<Rejected> = Vec::new();
    let mut pairs: Vec<Pair> = Vec::new();
    for outcome in outcomes {
        match outcome {
            ClipOutcome::Pair(pair) => pairs.push(*pair),
            ClipOutcome::Rejected(row) => rejected.push(row),
        }
    }
    let files = [folder.rejected(part), folder.pairs(part)];
    folder::write_rejected(&files[0], &rejected)?;
    let mut writer = PairWriter::create(&files[1], folder.pair_info())?;
    for pair in &pairs {
        writer.push(pair)?;
    }
    writer.finish()?;
    Ok(files)
}

fn clips_of(part: usize, plan: &Plan, settings: &PrepareSettings) -> std::ops::Range<usize> {
    let size = settings.clips_per_part;
    part * size..plan.clips.len().min((part + 1) * size)
}

/// Refuses a folder inside the corpus: its files would be part of the corpus the next time.
fn refuse_inside(plan: &Plan, out: &Path) -> Result<(), CorpusError> {
    let out_folder = std::path::absolute(out).map_err(FileError::at("find", out))?;
    // A folder that does not exist yet may be below a link.
    let existing = out_folder.ancestors().find_map(|folder| folder.canonicalize().ok());
    let root = plan.root.canonicalize().map_err(FileError::at("find", &plan.root))?;
    if existing.is_some_and(|folder| folder.starts_with(&root)) {
        let reason = format!("it is inside the corpus {}", plan.root.display());
        return Err(CorpusError::PrepareFolder { path: out.to_owned(), reason });
    }
    Ok(())
}
