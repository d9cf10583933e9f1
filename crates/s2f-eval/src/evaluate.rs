//! The whole way from pairs and a model to a report.

mod about;
mod job;
#[cfg(test)]
mod tests;

use std::path::Path;

use s2f_core::AtomicFile;
use s2f_pairs::PairSet;
use speech2face::{SOFTWARE, Speech2Face};

use self::about::{about, name_of, notes};
use self::job::Job;
use crate::cache::Cache;
use crate::compare::{check_baseline, paired, read_baseline, section as comparison};
use crate::items::{Control, Items, Part, is_enough};
use crate::labels::Labels;
use crate::outcome::{Gap, search};
use crate::report::{Attachments, FORMAT, Item, Paired, Report, Unit};
use crate::scorer::{Scorer, With, per_cent};
use crate::sections::{self, Context, Controls, MAIN, Versions};
use crate::sheet::Photographs;
use crate::voices::{FIRST_HALF, Hearing, NOISE, SECOND_HALF, column};
use crate::{EvalError, FaceReader, report};
use s2f_metrics::Bootstrap;
use s2f_metrics::Distance;
use s2f_metrics::Vectors;

/// Lengths of voice that are heard where there is enough, s.
const LENGTHS: [f64; 5] = [1.0, 2.0, 3.0, 6.0, 10.0];

/// What is evaluated, and how.
pub struct Options<'a> {
    /// What the report calls the model.
    pub name: &'a str,
    /// Which of the pairs.
    pub part: Part,
    /// Pairs at most; as many of each speaker as of every other.
    pub most: usize,
    /// Seconds of voice that everything but the scores by length is measured at; chosen by what the
    /// recordings have where there is nothing.
    pub seconds: Option<f64>,
    /// Reads drawn faces; without it, attributes and craniofacial measures are left out.
    pub reader: Option<&'a FaceReader>,
    /// Pairs whose pictures are read, at most.
    pub pictures: usize,
    /// Whether photographs are shown where their licence is known to allow it.
    pub photographs: bool,
    /// Draws of the bootstrap.
    pub draws: usize,
    /// Seed of all that is drawn by lot.
    pub seed: u64,
    /// A table with labels of speakers or pairs.
    pub labels: Option<&'a Path>,
    /// An earlier report on the same pairs to compare with.
    pub baseline: Option<&'a Path>,
    /// The pairs that the model was trained on, where they are known and at hand.
    pub trained_on: Option<&'a PairSet>,
    /// Other models to compare with.
    pub others: &'a [Other],
}

/// Another model.
pub struct Other {
    /// What tables call it.
    pub name: String,
    /// The model.
    pub model: Speech2Face,
    /// The pairs that it was trained on, where they are known and at hand.
    pub trained_on: Option<PairSet>,
}

/// Told to whoever waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What is done now, and of how many pairs.
    Begin(&'static str, usize),
    /// Pairs that are done.
    Done(usize),
}

/// A finished evaluation.
pub struct Evaluation {
    /// What was found.
    pub report: Report,
    /// Pictures and tables that belong to it, by the names of their files.
    pub attachments: Attachments,
}

impl Evaluation {
    /// Writes `report.html`, `report.json`, `scores.csv` and what belongs to them into a folder.
    ///
    /// # Errors
    /// [`EvalError`] where something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), EvalError> {
        let encode = |error: &dyn std::fmt::Display| EvalError::Encode(error.to_string());
        let json = serde_json::to_vec(&self.report).map_err(|error| encode(&error))?;
        let csv = report::csv::render(&self.report).map_err(|error| encode(&error))?;
        for (name, bytes) in &self.attachments {
            AtomicFile::write(&folder.join(name), bytes)?;
        }
        AtomicFile::write(&folder.join("scores.csv"), csv.as_bytes())?;
        AtomicFile::write(&folder.join("report.json"), &json)?;
        let page = report::html::render(&self.report, &self.attachments);
        Ok(AtomicFile::write(&folder.join("report.html"), page.as_bytes())?)
    }
}

/// Evaluates a model on pairs. What takes long is kept in `out/features`, so that an evaluation that
/// was stopped goes on; nothing else is written.
///
/// # Errors
/// [`EvalError`]: pairs that cannot be read or that the model was trained on, face spaces that
/// differ, too few people.
pub fn evaluate(
    model: &Speech2Face,
    set: &PairSet,
    out: &Path,
    options: &Options<'_>,
    told: &mut dyn FnMut(Event),
) -> Result<Evaluation, EvalError> {
    check_space(model, set)?;
    let baseline = options.baseline.map(read_baseline).transpose()?;
    let labels = options.labels.map(Labels::read).transpose()?;
    let (items, seconds) = Items::choose(set, options.part, options.most, options.seconds)?;
    items.check_leaks(set, options.part, options.name, options.trained_on)?;
    for other in options.others {
        check_space(&other.model, set)?;
        items.check_leaks(set, options.part, &other.name, other.trained_on.as_ref())?;
    }
    if let Some(labels) = &labels {
        labels.check(items.items.iter().map(|item| &item.info))?;
    }
    let pairs_sha256 = items.sha256(&format!("{seconds} s"));
    if let (Some(path), Some(baseline)) = (options.baseline, &baseline) {
        check_baseline(path, &baseline.paired, &pairs_sha256, items.speakers.len())?;
    }

    let cache = Cache::open(&out.join("features"))?;
    let hearing = Hearing { lengths: lengths(&items, seconds), seconds };
    let job = Job { set, items: &items, options, cache: &cache, pairs_sha256: &pairs_sha256 };
    let mut heard = job.hear(model, &hearing, told)?;
    let mut take = |name: &str| heard.remove(name).unwrap_or_default();
    let by_length: Vec<Vectors> =
        hearing.lengths.iter().map(|&seconds| take(&column(seconds))).collect();
    let halves = [take(FIRST_HALF), take(SECOND_HALF)];
    let noise_db = take(NOISE).values().iter().map(|&db| f64::from(db)).collect();
    let main = hearing.lengths.iter().position(|&length| length == seconds).unwrap_or(0);
    let voices = by_length[main].clone();
    let centre = mean_face(model, &items);
    let readings = match options.reader {
        Some(reader) => Some(job.read(model, reader, &hearing, &by_length, &centre, told)?),
        None => None,
    };

    told(Event::Begin("scoring", items.len()));
    let bootstrap = Bootstrap::new(items.speakers.len(), options.draws, options.seed);
    let mut scorer = Scorer::new(&items, &bootstrap);
    let everything = (items.len(), items.speakers.len());
    for (id, count) in [
        ("evaluation/pairs", items.len()),
        ("evaluation/pairs-available", items.available),
        ("evaluation/pairs-too-short", items.too_short),
        ("evaluation/speakers", items.speakers.len()),
        ("evaluation/draws", options.draws),
    ] {
        scorer.number(id, Unit::Count, count as f64, everything);
    }
    let controls = Controls::of(&items, options.seed);
    let versions = |probes: &Vectors, targets: &Vectors, distances: &[Distance]| {
        Versions::search(&items, probes, targets, &centre, &controls, distances)
    };
    let voice_to_face = versions(&voices, &items.faces, &Distance::ALL);
    let face_to_voice = versions(&items.faces, &voices, &[MAIN]);
    let context = Context {
        items: &items,
        model,
        hearing: &hearing,
        voices,
        by_length,
        halves,
        noise_db,
        centre,
        readings,
        labels,
        controls,
        voice_to_face,
        face_to_voice,
        seed: options.seed,
    };
    let mut attachments = Attachments::new();
    let mut sections = sections::all(&context, &mut scorer, &mut attachments);
    let photographs = Photographs { set, part: options.part };
    sections.push(sections::sheet(&context, &photographs, options.photographs, &mut attachments)?);

    let own = paired(&scorer, pairs_sha256.clone(), options.name.to_owned());
    let mut others = Vec::new();
    for other in options.others {
        let only = Hearing { lengths: vec![seconds], seconds };
        let voices = job.hear(&other.model, &only, told)?.remove(&column(seconds));
        let voices = voices.unwrap_or_default();
        let centre = mean_face(&other.model, &items);
        others
            .push((other.name.clone(), compared(&job, &bootstrap, &voices, &centre, &other.name)));
    }
    if let Some(baseline) = baseline {
        others.push((format!("{} (baseline)", baseline.paired.model), baseline.paired));
    }
    number_equal_names(options.name, &mut others);
    if !others.is_empty() {
        sections.insert(0, comparison(&mut scorer, &bootstrap, &own, &others, options.seed));
    }
    let headlines = sections::headlines(&scorer);
    let report = Report {
        format: FORMAT,
        software: SOFTWARE.into(),
        title: format!("{} on {}", options.name, name_of(set.path())),
        about: about(&job, model, &hearing),
        notes: notes(&job),
        headlines,
        sections,
        scores: scorer.into_scores(),
        paired: own,
    };
    Ok(Evaluation { report: dropping_empty(report), attachments })
}

/// The scores by which another model is compared.
fn compared(
    job: &Job<'_>,
    bootstrap: &Bootstrap,
    voices: &Vectors,
    centre: &[f32],
    name: &str,
) -> Paired {
    let items = job.items;
    let mut scorer = Scorer::new(items, bootstrap);
    let gaps = Gap::Degrees.of_pairs(voices, &items.faces, centre, Some);
    scorer.mean("similarity/degrees", Unit::Degrees, &gaps, With::default());
    let found = search(items, voices, &items.faces, centre, &[MAIN, Distance::Cosine]);
    let (relative, cosine) = (found.all(MAIN), found.all(Distance::Cosine));
    scorer.recall("retrieval/voice-to-face/relative/at-1", relative, |_| 1);
    scorer.recall("retrieval/voice-to-face/relative/at-10", relative, |_| 10);
    scorer.recall("retrieval/voice-to-face/relative/at-10-percent", relative, per_cent(10));
    scorer.recall("retrieval/voice-to-face/cosine/at-10-percent", cosine, per_cent(10));
    scorer.best_of("matching/voice-to-face/1-of-2", relative, 2);
    let same_sex = found.among(MAIN, Control::Sex);
    scorer.best_of("matching/voice-to-face/1-of-2/same-sex", same_sex, 2);
    paired(&scorer, job.pairs_sha256.to_owned(), name.to_owned())
}

/// Numbers the models that are called like one before them.
fn number_equal_names(first: &str, others: &mut [(String, Paired)]) {
    let mut names = vec![first.to_owned()];
    for (name, _) in others {
        let before = names.iter().filter(|other| *other == name).count();
        names.push(name.clone());
        if before > 0 {
            *name = format!("{name} ({})", before + 1);
        }
    }
}

fn check_space(model: &Speech2Face, set: &PairSet) -> Result<(), EvalError> {
    let (found, wanted) = (set.face_space(), model.face_space());
    if (&found.name, found.dimension) == (&wanted.name, wanted.dimension) {
        return Ok(());
    }
    let describe =
        |space: &speech2face::FaceSpace| format!("{} ({} numbers)", space.name, space.dimension);
    Err(EvalError::FaceSpaces {
        path: set.path().to_owned(),
        pairs: describe(found),
        model: model.id().name.clone(),
        predicted: describe(wanted),
    })
}

/// [`LENGTHS`] up to the usual one, and longer ones where at least two speakers have enough.
fn lengths(items: &Items, seconds: f64) -> Vec<f64> {
    let speakers_with = |length: f64| {
        let has = |pairs: &&Vec<usize>| {
            pairs.iter().any(|&pair| is_enough(items.items[pair].info.seconds, length))
        };
        items.of_speaker.iter().filter(has).count()
    };
    let mut lengths: Vec<f64> = LENGTHS
        .into_iter()
        .filter(|&length| length < seconds || speakers_with(length) > 1)
        .chain([seconds])
        .collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    lengths
}

/// The model's mean feature; that of the true faces where a model brings none.
fn mean_face(model: &Speech2Face, items: &Items) -> Vec<f32> {
    let mean: Vec<f32> = model.networks().mean_feature.val().into_data().iter().collect();
    if mean.iter().any(|&x| x != 0.0) {
        return mean;
    }
    items.faces.mean().iter().map(|&x| x as f32).collect()
}

/// Without tables of no rows and figures of no points.
fn dropping_empty(mut report: Report) -> Report {
    for section in &mut report.sections {
        section.items.retain(|item| match item {
            Item::Table(table) => !table.rows.is_empty(),
            Item::Lines(lines) => lines.lines.iter().any(|line| !line.points.is_empty()),
            Item::Map(map) => !map.points.is_empty(),
            Item::Picture(_) => true,
        });
    }
    report
}
