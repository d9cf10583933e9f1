//! From a [`Plan`] to pairs: every clip becomes pairs or a rejected row with its reason.
//!
//! The clips are dealt out in their order into *parts* of [`Settings::clips_per_part`]. A part is
//! two files, put under their names when complete: `parts/00000.rejected.csv`, then
//! `parts/00000.parquet`, whose presence says that the part is done. A run that was stopped, at
//! whatever instant, goes on with the parts that are not there, and many processes can share the
//! parts out ([`Shard`]). When all are there, [`merge`] makes `pairs-00000.parquet` … of them.
//! What a part holds depends on the plan, the settings and the tools alone, so the final bytes are
//! those of an undisturbed run.

mod clip;
mod job;
mod merge;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use s2f_audio::Waveform;
use s2f_core::FileError;
use s2f_face::{Detector, FaceEncoder};
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::choose::FaceRules;
use crate::layout::Layout;
use crate::media::Ffmpeg;
use crate::plan::Plan;
use crate::reject::Rejected;
use crate::shard::Shard;
use crate::speech::SpeechDetector;
use s2f_pairs::Shares;
use s2f_pairs::{Pair, PairWriter};

use clip::{Outcome, Worker};
use job::JobFolder;
pub use merge::{Summary, merge};

/// How clips become pairs. Part of the result: a run goes on with the settings that it began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Frames looked at, a second.
    pub frames_per_second: f64,
    /// The shortest voice that is kept, s.
    pub shortest_s: f64,
    /// The longest voice that is kept, s: a longer clip is shortened; a video that no table cuts
    /// into clips is cut into pieces of this length.
    pub longest_s: f64,
    /// Speech that a clip must hold, s.
    pub speech_s: f64,
    /// Pieces taken of one video at most.
    pub pieces: usize,
    /// Pictures looked at for one clip at most, where pictures lie beside the sound.
    pub pictures: usize,
    /// What a face must be like.
    pub face: FaceRules,
    /// How the speakers are shared out.
    pub shares: Shares,
    /// Seed of the shares.
    pub seed: u64,
    /// Clips a part.
    pub clips_per_part: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frames_per_second: 2.0,
            shortest_s: 2.0,
            longest_s: 10.0,
            speech_s: 1.0,
            pieces: 60,
            pictures: 8,
            face: FaceRules::default(),
            shares: Shares::default(),
            seed: 0,
            clips_per_part: 64,
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), CorpusError> {
        self.shares.check()?;
        let checks = [
            (
                "frames a second",
                "above 0 and at most 60",
                self.frames_per_second,
                self.frames_per_second > 0.0 && self.frames_per_second <= 60.0,
            ),
            (
                "the shortest voice",
                "at least 1 s",
                self.shortest_s,
                self.shortest_s >= Waveform::MIN_S,
            ),
            (
                "the longest voice",
                "at least as long as the shortest and at most 600 s",
                self.longest_s,
                (self.shortest_s..=600.0).contains(&self.longest_s),
            ),
            (
                "the length of speech",
                "from 0 to the longest voice",
                self.speech_s,
                (0.0..=self.longest_s).contains(&self.speech_s),
            ),
            ("pieces of a video", "at least 1", self.pieces as f64, self.pieces >= 1),
            ("pictures of a clip", "at least 1", self.pictures as f64, self.pictures >= 1),
            ("clips in a part", "at least 1", self.clips_per_part as f64, self.clips_per_part >= 1),
        ];
        match checks.into_iter().find(|(.., holds)| !holds) {
            None => Ok(()),
            Some((name, wanted, found, _)) => {
                Err(CorpusError::Setting { name, wanted, found: found.to_string() })
            }
        }
    }
}

/// What looks and listens.
pub struct Tools<'a> {
    /// Opens videos.
    pub ffmpeg: &'a Ffmpeg,
    /// Finds faces.
    pub detector: &'a Detector,
    /// Finds speech.
    pub speech: &'a SpeechDetector,
    /// Describes faces.
    pub encoder: &'a dyn FaceEncoder,
}

/// Told to whoever waits, after each clip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Clips done, those of earlier runs among them.
    pub done: usize,
    /// Clips of this shard.
    pub clips: usize,
    /// Pairs of this run.
    pub pairs: usize,
    /// Clips or pieces that this run rejected.
    pub rejected: usize,
    /// Seconds of voice in the pairs of this run.
    pub seconds: f64,
}

/// Does the parts of `shard` that are not done yet, into the folder `out`. With
/// [`Shard::ALL`], [`merge`] is what remains to be called.
///
/// Memory is bounded by the clips in work and the parts that they belong to, whatever the lengths
/// of the videos.
///
/// # Errors
/// [`CorpusError::Setting`]; [`CorpusError::NothingToPrepare`]; [`CorpusError::Job`] where the
/// folder lies in the corpus, or was begun with another corpus, other settings or another encoder; [`CorpusError::Busy`] where another process does the same shard;
/// [`CorpusError::File`] and others where the system refuses. Parts that are complete stay.
pub fn prepare(
    plan: &Plan,
    settings: &Settings,
    tools: &Tools<'_>,
    shard: Shard,
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), CorpusError> {
    settings.check()?;
    if plan.clips.is_empty() {
        let unpaired = plan.layout == Layout::Unpaired;
        return Err(CorpusError::NothingToPrepare { path: plan.root.clone(), unpaired });
    }
    refuse_inside(plan, out)?;
    let splits = plan.assign_splits(&settings.shares, settings.seed);
    let folder = JobFolder::open(plan, settings, tools.encoder, &splits, out)?;
    if folder.is_finished() {
        return Ok(());
    }
    let _lock = folder.lock(shard)?;
    let parts = plan.clips.len().div_ceil(settings.clips_per_part);
    let mut report = Progress::default();
    let mut todo = Vec::new();
    for part in (0..parts).filter(|&part| shard.does(part)) {
        let clips = clips_of(part, plan, settings);
        report.clips += clips.len();
        if folder.has(part) {
            report.done += clips.len();
        } else {
            todo.extend(clips);
        }
    }
    progress(report);

    let worker = Worker { plan, settings, tools, splits: &splits };
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let send = send.clone();
            let (worker, next, stop, todo) = (&worker, &next, &stop, &todo);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(&clip) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    if send.send((clip, worker.process(&plan.clips[clip]))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let collected = collect(plan, settings, &folder, receive, report, progress);
        stop.store(true, Ordering::Relaxed);
        collected
    })
}

/// Writes each part when the last of its clips comes in.
fn collect(
    plan: &Plan,
    settings: &Settings,
    folder: &JobFolder,
    outcomes: mpsc::Receiver<(usize, Result<Vec<Outcome>, CorpusError>)>,
    mut report: Progress,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), CorpusError> {
    let mut open: BTreeMap<usize, BTreeMap<usize, Vec<Outcome>>> = BTreeMap::new();
    for (clip, outcome) in outcomes {
        let outcome = outcome?;
        report.done += 1;
        for one in &outcome {
            match one {
                Outcome::Pair(pair) => {
                    report.pairs += 1;
                    report.seconds += f64::from(pair.info.seconds);
                }
                Outcome::Rejected(_) => report.rejected += 1,
            }
        }
        progress(report);
        let part = clip / settings.clips_per_part;
        let clips = open.entry(part).or_default();
        clips.insert(clip, outcome);
        if clips.len() == clips_of(part, plan, settings).len() {
            let complete = open.remove(&part).unwrap_or_default();
            write_part(folder, part, complete.into_values().flatten())?;
        }
    }
    Ok(())
}

fn write_part(
    folder: &JobFolder,
    part: usize,
    outcomes: impl Iterator<Item = Outcome>,
) -> Result<(), CorpusError> {
    let mut rejected: Vec<Rejected> = Vec::new();
    let mut pairs: Vec<Pair> = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Pair(pair) => pairs.push(*pair),
            Outcome::Rejected(row) => rejected.push(row),
        }
    }
    job::write_rejected(&folder.rejected(part), &rejected)?;
    let mut writer = PairWriter::create(&folder.pairs(part), folder.pair_info())?;
    for pair in &pairs {
        writer.push(pair)?;
    }
    Ok(writer.finish()?)
}

fn clips_of(part: usize, plan: &Plan, settings: &Settings) -> std::ops::Range<usize> {
    let size = settings.clips_per_part;
    part * size..plan.clips.len().min((part + 1) * size)
}

/// Pairs among the videos would be part of the corpus the next time.
fn refuse_inside(plan: &Plan, out: &Path) -> Result<(), CorpusError> {
    let out_folder = std::path::absolute(out).map_err(FileError::at("find", out))?;
    // What is not there yet may lie in a folder that is a link.
    let there = out_folder.ancestors().find_map(|folder| folder.canonicalize().ok());
    let root = plan.root.canonicalize().map_err(FileError::at("find", &plan.root))?;
    if there.is_some_and(|folder| folder.starts_with(&root)) {
        let reason = format!("it lies in the corpus {}", plan.root.display());
        return Err(CorpusError::Job { path: out.to_owned(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_preparation_can_have_are_named() {
        let check = |change: fn(&mut Settings), word: &str| {
            let mut settings = Settings::default();
            change(&mut settings);
            let message = settings.check().unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("; hint: "), "{message}");
        };
        assert!(Settings::default().check().is_ok());
        check(|it| it.frames_per_second = 0.0, "frames");
        check(|it| it.frames_per_second = f64::NAN, "frames");
        check(|it| it.shortest_s = 0.2, "shortest");
        check(|it| it.longest_s = 1.0, "longest");
        check(|it| it.speech_s = 11.0, "speech");
        check(|it| it.shares.test = 1.5, "test");
        check(|it| it.shares = Shares { validation: 0.5, test: 0.5 }, "below 1");
        check(|it| it.clips_per_part = 0, "part");
        check(|it| it.pieces = 0, "pieces");
    }
}
