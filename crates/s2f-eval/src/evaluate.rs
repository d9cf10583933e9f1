//! The whole way from pairs and a model to a report.

use std::path::Path;

use s2f_corpus::files;
use s2f_corpus::pairs::{PairSet, Payload};
use speech2face::{SOFTWARE, Speech2Face};

use crate::bootstrap::Bootstrap;
use crate::cache::{Cache, Columns};
use crate::compare::{check_baseline, paired, read_baseline, section as comparison};
use crate::items::{Items, Loader, Part, is_enough};
use crate::labels::Labels;
use crate::outcome::{Gap, search};
use crate::readings::{Source, columns as read_pictures, draw, reading};
use crate::report::{Attachments, FORMAT, Item, Paired, Report, Unit};
use crate::scorer::{Scorer, With, per_cent};
use crate::search::Distance;
use crate::sections::{self, Context, Controls, MAIN, Readings, Versions};
use crate::sheet::Photographs;
use crate::vectors::Vectors;
use crate::voices::{FIRST_HALF, Hearing, NOISE, SECOND_HALF, column};
use crate::{EvalError, FaceReader, leaks, report};

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
            files::write(&folder.join(name), bytes)?;
        }
        files::write(&folder.join("scores.csv"), csv.as_bytes())?;
        files::write(&folder.join("report.json"), &json)?;
        let page = report::html::render(&self.report, &self.attachments);
        Ok(files::write(&folder.join("report.html"), page.as_bytes())?)
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
    leaks::check(set, &items, options.trained_on)?;
    if let Some(labels) = &labels {
        labels.check(items.items.iter().map(|item| &item.info))?;
    }
    let pairs_sha256 = items.sha256(&format!("{seconds} s"));
    if let (Some(path), Some(baseline)) = (options.baseline, &baseline) {
        check_baseline(path, &baseline.paired, &pairs_sha256)?;
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
        Some(reader) => Some(job.read(model, reader, &voices, &centre, told)?),
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
        check_space(&other.model, set)?;
        leaks::check(set, &items, other.trained_on.as_ref())?;
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
    if !others.is_empty() {
        sections.insert(0, comparison(&mut scorer, &bootstrap, &own, &others, options.seed));
    }
    let headlines = sections::headlines(&scorer);
    let report = Report {
        format: FORMAT,
        software: SOFTWARE.into(),
        title: format!("{} on {}", options.name, name_of(set.path())),
        about: about(&job, model, &hearing),
        headlines,
        sections,
        scores: scorer.into_scores(),
        paired: own,
    };
    Ok(Evaluation { report: dropping_empty(report), attachments })
}

/// What all steps of an evaluation share.
struct Job<'a> {
    set: &'a PairSet,
    items: &'a Items,
    options: &'a Options<'a>,
    cache: &'a Cache,
    pairs_sha256: &'a str,
}

impl Job<'_> {
    /// Features of all voices, from the cache where they are there.
    fn hear(
        &self,
        model: &Speech2Face,
        hearing: &Hearing,
        told: &mut dyn FnMut(Event),
    ) -> Result<Columns, EvalError> {
        told(Event::Begin("hearing voices", self.items.len()));
        let key = format!("{} {} {hearing:?}", model.id().sha256, self.pairs_sha256);
        let audio = Payload { audio: true, ..Payload::default() };
        let mut loader = Loader::new(self.set, self.options.part, self.items, audio);
        let compute = |rows: &[usize]| hearing.columns(model, &loader.load(rows)?);
        let mut done = |rows| told(Event::Done(rows));
        self.cache.columns("voices", &key, self.items.len(), compute, &mut done)
    }

    /// What is read in the pictures of some of the pairs.
    fn read(
        &self,
        model: &Speech2Face,
        reader: &FaceReader,
        voices: &Vectors,
        centre: &[f32],
        told: &mut dyn FnMut(Event),
    ) -> Result<Readings, EvalError> {
        let count = self.items.len();
        let shown = self.options.pictures.min(count);
        let chosen: Vec<usize> = (0..shown).map(|n| n * count / shown).collect();
        told(Event::Begin("drawing and reading faces", shown));
        let key = format!("{} {} {shown}", model.id().sha256, self.pairs_sha256);
        let payload = Payload { audio: false, face: true, feature: true };
        let mut loader = Loader::new(self.set, self.options.part, self.items, payload);
        let compute = |rows: &[usize]| {
            let numbers: Vec<usize> = rows.iter().map(|&row| chosen[row]).collect();
            read_pictures(model, reader, &loader.load(&numbers)?, &voices.select(&numbers))
        };
        let mut done = |rows| told(Event::Done(rows));
        let columns = self.cache.columns("readings", &key, shown, compute, &mut done)?;
        let spread = |source: Source| {
            let mut all = vec![None; count];
            if let Some(rows) = columns.get(source.name()) {
                chosen.iter().zip(rows.rows()).for_each(|(&pair, row)| all[pair] = reading(row));
            }
            all
        };
        let mut looked_at = vec![false; count];
        chosen.iter().for_each(|&pair| looked_at[pair] = true);
        Ok(Readings {
            looked_at,
            voice: spread(Source::Voice),
            decoded: spread(Source::Decoded),
            photograph: spread(Source::Photograph),
            mean_face: reader.read(&draw(model, centre)?)?,
        })
    }
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
    for distance in [MAIN, Distance::Cosine] {
        let ranks = found.all(distance);
        let id = |at: &str| format!("retrieval/voice-to-face/{}/{at}", distance.name());
        scorer.recall(&id("at-1"), ranks, |_| 1);
        scorer.recall(&id("at-10"), ranks, |_| 10);
        scorer.recall(&id("at-10-percent"), ranks, per_cent(10));
    }
    scorer.best_of("matching/voice-to-face/1-of-2", found.all(MAIN), 2);
    let same_sex = found.among(MAIN, crate::items::Control::Sex);
    scorer.best_of("matching/voice-to-face/1-of-2/same-sex", same_sex, 2);
    paired(&scorer, job.pairs_sha256.to_owned(), name.to_owned())
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

fn name_of(path: &Path) -> String {
    let name = path.canonicalize().ok();
    let name = name.as_deref().unwrap_or(path).file_name();
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn about(job: &Job<'_>, model: &Speech2Face, hearing: &Hearing) -> Vec<(String, String)> {
    let Job { set, items, options, pairs_sha256, .. } = job;
    let id = model.id();
    let space = model.face_space();
    let heard: Vec<String> = hearing.lengths.iter().map(ToString::to_string).collect();
    let trained = match options.trained_on {
        Some(pairs) => format!(
            "No speaker, voice or face that is evaluated was trained on ({}).",
            name_of(pairs.path())
        ),
        None => {
            "No speaker is in two splits, no voice or face twice. What the model was trained on is \
                 not recorded with it, so whether it knows these people cannot be told."
                .into()
        }
    };
    let facts = [
        ("Model", format!("{}, SHA-256 {}", id.name, &id.sha256[..id.sha256.len().min(16)])),
        ("Face space", format!("{} ({} numbers)", space.name, space.dimension)),
        (
            "Pairs",
            format!(
                "{}, split {}: {} pairs of {} speakers, of {} in that split; SHA-256 {}",
                name_of(set.path()),
                options.part.name(),
                items.len(),
                items.speakers.len(),
                items.available,
                &pairs_sha256[..16]
            ),
        ),
        (
            "Heard",
            format!(
                "the first {} s, and {} s; {} recordings are too short and left out",
                hearing.seconds,
                heard.join(", "),
                items.too_short
            ),
        ),
        ("Leak check", trained),
        (
            "Intervals",
            format!(
                "95 %, bootstrap by speaker, {} draws, percentiles; shares of fewer than ten speakers \
                 on one side widened to Wilson's; seed {}",
                options.draws, options.seed
            ),
        ),
        ("Licences", set.licences().join(", ")),
        ("Software", SOFTWARE.into()),
    ];
    facts.into_iter().map(|(label, text)| (label.to_owned(), text)).collect()
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

#[cfg(test)]
mod tests {
    use std::fs;

    use s2f_corpus::pairs::Pair;
    use s2f_corpus::split::Split;

    use super::*;
    use crate::report::html::trace;
    use crate::testing::{hum, pair, set};

    const PEOPLE: usize = 12;

    /// Two clips of 6 s of each of some people; a language where one is asked for.
    fn pairs(dimension: usize) -> Vec<Pair> {
        let one = |number: usize| {
            let (person, clip) = (number / 2, number % 2);
            let mut pair = pair(person, clip, dimension);
            pair.audio = hum(person, 6.0);
            pair.language = Some(if clip == 0 { "en" } else { "cy" }.into());
            pair
        };
        (0..2 * PEOPLE).map(one).collect()
    }

    fn options<'a>() -> Options<'a> {
        Options {
            name: "compact",
            part: Part::Split(Split::Test),
            most: 1000,
            seconds: None,
            reader: None,
            pictures: 0,
            photographs: true,
            draws: 200,
            seed: 0,
            labels: None,
            baseline: None,
            trained_on: None,
            others: &[],
        }
    }

    fn run(set: &PairSet, out: &Path, options: &Options<'_>) -> Result<Evaluation, String> {
        let model = Speech2Face::shipped().unwrap();
        // Photographs are no pictures here.
        let options = Options { photographs: false, ..*options };
        evaluate(&model, set, out, &options, &mut |_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_report_is_whole_traceable_and_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(&folder.path().join("some.parquet"), &pairs(256));
        let labels = folder.path().join("labels.csv");
        let rows: String =
            (0..PEOPLE).map(|n| format!("person-{n:03},{}\n", ["a", "b"][n % 2])).collect();
        fs::write(&labels, format!("speaker_id,kind\n{rows}")).unwrap();
        let options = Options { labels: Some(&labels), ..options() };
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let evaluation = run(&set, &out, &options).unwrap();
        evaluation.write(&out).unwrap();

        let sections: Vec<&str> =
            evaluation.report.sections.iter().map(|section| section.id.as_str()).collect();
        let expected = [
            "similarity",
            "retrieval",
            "matching",
            "attributes",
            "labels",
            "craniofacial",
            "length",
            "consistency",
            "groups",
            "diversity",
            "map",
            "faces",
        ];
        assert_eq!(sections, expected);
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        let parts = trace::check(&evaluation.report, &page);
        assert!(parts["value"] > 300 && parts["low"] > 250 && parts["chance"] > 30, "{parts:?}");
        let json = fs::read(out.join("report.json")).unwrap();
        let read: Report = serde_json::from_slice(&json).unwrap();
        assert_eq!(read.scores.len(), evaluation.report.scores.len());
        // Nobody has 10 s.
        assert!(read.score("lengths/6s/degrees").is_some());
        assert!(read.score("lengths/10s/degrees").is_none());
        // Each speaks two languages.
        assert!(read.score("consistency/two-languages/degrees").is_some());
        // The kinds are those that the searches are controlled by.
        let same = read.score("matching/voice-to-face/1-of-2/same-language").unwrap();
        assert_eq!(same.gallery, Some(PEOPLE as f64));

        // What was stopped on the way goes on to the same bytes.
        let part = fs::read_dir(out.join("features")).unwrap().next().unwrap().unwrap().path();
        fs::remove_file(part).unwrap();
        let again = run(&set, &out, &options).unwrap();
        assert!(report::html::render(&again.report, &again.attachments) == page);
        assert!(serde_json::to_vec(&again.report).unwrap() == json);
    }

    #[test]
    fn a_model_is_compared_with_itself_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let all = pairs(256);
        let whole = set(&at("whole.parquet"), &all);
        fs::create_dir(at("one")).unwrap();
        run(&whole, &at("one"), &options()).unwrap().write(&at("one")).unwrap();

        let one = at("one");
        let with = Options { baseline: Some(&one), ..options() };
        let report = run(&whole, &at("two"), &with).unwrap().report;
        assert_eq!(report.sections[0].id, "comparison");
        let difference = "comparison/1-compact (baseline)/matching/voice-to-face/1-of-2/difference";
        let score = report.score(difference).unwrap();
        assert_eq!((score.value, score.interval, score.p), (0.0, Some([0.0, 0.0]), Some(1.0)));

        let fewer = set(&at("fewer.parquet"), &all[..2 * PEOPLE - 2]);
        let message = run(&fewer, &at("three"), &with).err().unwrap();
        assert!(message.contains("other pairs"), "{message}");
        fs::write(one.join("report.json"), "{}").unwrap();
        let message = run(&whole, &at("four"), &with).err().unwrap();
        assert!(message.contains("is not a report"), "{message}");
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let refused = |pairs: &[Pair], options: &Options<'_>, reason: &str| {
            let set = set(&at("some.parquet"), pairs);
            let message = run(&set, &at("out"), options).err().unwrap();
            assert!(message.contains(reason) && message.contains("hint: "), "{message}");
        };
        let all = pairs(256);
        refused(
            &pairs(128),
            &options(),
            "(128 numbers), model compact predicts mobileface-v2 (256",
        );
        refused(&all[..2], &options(), "1 speaker in its split test");
        let train = Options { part: Part::Split(Split::Train), ..options() };
        refused(&all, &train, "nobody in its split train");
        let long = Options { seconds: Some(20.0), ..options() };
        refused(&all, &long, "24 recordings are shorter than 20 s");
        for (table, reason) in [
            ("name,kind\nx,y\n", "the first column is"),
            ("speaker_id\nx\n", "no column of labels"),
            ("speaker_id,kind\nnobody,y\n", "none of its rows"),
            ("speaker_id,kind\nperson-001,y\nperson-001,z\n", "two different rows"),
        ] {
            let path = at("labels.csv");
            fs::write(&path, table).unwrap();
            refused(&all, &Options { labels: Some(&path), ..options() }, reason);
        }
        let missing = at("missing.csv");
        refused(&all, &Options { labels: Some(&missing), ..options() }, "missing.csv");
    }
}
