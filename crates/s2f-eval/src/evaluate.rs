//! From pairs and a model to a report: reads top to bottom as *choose pairs → check for leaks →
//! embed voices → read faces → search → score → report*.

mod about;
mod steps;

use std::path::Path;

use s2f_core::{FileError, FileLock};
use s2f_metrics::{Bootstrap, Distance, Vectors};
use s2f_pairs::PairSet;
use speech2face::{SOFTWARE, Speech2Face};

use self::about::{About, name_of, notes};
use self::steps::Steps;
use crate::cache::Cache;
use crate::compare::{check_baseline, paired, read_report, section as comparison};
use crate::context::{Conditions, Context, Controls, MAIN};
use crate::encoder::{Encoder, Evaluated};
use crate::groups::Control;
use crate::identity::identities;
use crate::items::{Items, is_long_enough};
use crate::labels::Labels;
use crate::outcome::{Gap, search};
use crate::report::{Attachments, FORMAT, Item, Paired, Report, Unit};
use crate::scorer::{Baseline, Scorer, per_cent};
use crate::sheet::Photographs;
use crate::trained_on::Training;
use crate::voices::{ClipLengths, FIRST_HALF, NOISE, SECOND_HALF, column};
use crate::{
    EvalError, EvaluatedModel, Evaluation, EvaluationEvent, EvaluationOptions, OtherNetwork,
    sections,
};

/// Lengths of the scores by length, s, if recordings are long enough.
const LENGTHS: [f64; 5] = [1.0, 2.0, 3.0, 6.0, 10.0];

/// Evaluates a model on pairs.
///
/// Features and readings are cached in `out/features`, so that an interrupted evaluation resumes;
/// nothing else is written. Voices are used as [`Speech2Face::reconstruct`] uses them by default,
/// unless [`EvaluationOptions::seconds`] says otherwise.
///
/// # Errors
/// [`EvalError`]: pairs that cannot be read, whose hashes are wrong, or that the model was trained
/// on; face spaces that differ; fewer than two people.
pub fn evaluate(
    evaluated: &EvaluatedModel,
    set: &PairSet,
    out: &Path,
    options: &EvaluationOptions<'_>,
    on_event: &mut dyn FnMut(EvaluationEvent),
) -> Result<Evaluation, EvalError> {
    check_space(&evaluated.model, set)?;
    run(&Evaluated::model(evaluated), set, out, options, on_event)
}

/// Evaluates the features of another network on pairs, by the same protocols as a model's.
///
/// There are no faces to draw, so pictures, attributes, craniofacial measures and distributions
/// are left out, and so are lengths and halves of voices if there is one feature for each pair
/// ([`VoiceFeatures::Table`](crate::VoiceFeatures::Table)). Nothing of the network is cached.
///
/// # Errors
/// As [`evaluate`]; [`EvalError::Features`] if a feature is missing or not of the face space of the
/// pairs; [`EvalError::Network`] with the error of the network's function.
pub fn evaluate_network(
    network: &OtherNetwork<'_>,
    set: &PairSet,
    out: &Path,
    options: &EvaluationOptions<'_>,
    on_event: &mut dyn FnMut(EvaluationEvent),
) -> Result<Evaluation, EvalError> {
    run(&Evaluated::network(network, set.face_space())?, set, out, options, on_event)
}

fn run(
    evaluated: &Evaluated<'_>,
    set: &PairSet,
    out: &Path,
    options: &EvaluationOptions<'_>,
    on_event: &mut dyn FnMut(EvaluationEvent),
) -> Result<Evaluation, EvalError> {
    let Evaluated { name, encoder, .. } = evaluated;
    let (model, space) = (encoder.as_model(), encoder.space());
    let baseline = options.baseline.map(read_report).transpose()?;
    let labels = options.labels.map(Labels::read).transpose()?;
    let (items, common) =
        Items::choose(set, options.selection, options.max_pairs, options.seconds)?;
    let training = Training::check(evaluated, set, options.selection, &items, on_event)?;
    let mut trainings = Vec::new();
    for other in options.compare {
        check_space(&other.model, set)?;
        let other = Evaluated::model(other);
        trainings.push(Training::check(&other, set, options.selection, &items, on_event)?);
    }
    if let Some(labels) = &labels {
        labels.check(items.items.iter().map(|item| &item.info))?;
    }
    let policy = options.voice_policy();
    let lengths = if encoder.embeds_parts() { lengths(&items, common) } else { Vec::new() };
    let clips = ClipLengths { lengths, common, policy };
    let pairs_sha256 = items.sha256(&format!("{common} s, {policy:?}"));
    if let (Some(path), Some(baseline)) = (options.baseline, &baseline) {
        check_baseline(path, &baseline.paired, &pairs_sha256, items.speakers.len())?;
    }

    std::fs::create_dir_all(out).map_err(FileError::at("create", out))?;
    let lock = FileLock::of_folder(out)?;
    let cache = Cache::open(&out.join(Evaluation::FEATURES))?;
    let steps = Steps { set, items: &items, options, cache: &cache, pairs_sha256: &pairs_sha256 };
    let columns = steps.embed(encoder, &clips, on_event)?;
    let of = |name: &str| columns.get(name).cloned().unwrap_or_default();
    let identities_of = |name: &str| identities(space, &of(name));
    let halves = encoder.embeds_parts().then(|| [FIRST_HALF, SECOND_HALF].map(identities_of));
    let noise_db = of(NOISE).values().iter().map(|&db| f64::from(db)).collect();
    let voice_features = of(&clips.main_column());
    let voices = identities(space, &voice_features);
    let by_length: Vec<Vectors> =
        clips.lengths.iter().map(|&seconds| identities_of(&column(seconds))).collect();
    let mean_face = encoder.mean_face(&items.faces)?;
    let centre = space.identity_of(&mean_face).to_vec();
    let readings = match (model, options.reader) {
        (Some(model), Some(reader)) => {
            Some(steps.read(model, reader, &clips, &columns, &mean_face, on_event)?)
        }
        _ => None,
    };
    let predictions = match model {
        Some(model) => steps.predict(model, &clips, on_event)?,
        None => None,
    };

    options.check_cancelled()?;
    on_event(EvaluationEvent::Stage { name: "scoring", pairs: items.len() });
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
    let conditions = |probes: &Vectors, targets: &Vectors, distances: &[Distance]| {
        Conditions::search(&items, probes, targets, &centre, &controls, distances)
    };
    let voice_to_face = conditions(&voices, &items.faces, &Distance::ALL);
    let face_to_voice = conditions(&items.faces, &voices, &[MAIN]);
    let context = Context {
        items: &items,
        space,
        clips: &clips,
        voice_features,
        voices,
        by_length,
        halves,
        noise_db,
        centre,
        readings,
        predictions,
        labels,
        controls,
        voice_to_face,
        face_to_voice,
        seed: options.seed,
    };
    let mut attachments = Attachments::new();
    let mut sections = sections::all(&context, &mut scorer, &mut attachments);
    if let Some(model) = model {
        let photographs = Photographs { set, selection: options.selection };
        let with_photographs = options.photographs;
        sections.push(sections::sheet(
            &context,
            model,
            &photographs,
            with_photographs,
            &mut attachments,
        )?);
    }

    let own = paired(&scorer, pairs_sha256.clone(), (*name).to_owned());
    let mut others = Vec::new();
    for other in options.compare {
        let only = ClipLengths { lengths: Vec::new(), ..clips.clone() };
        let encoder = Encoder::Model(&other.model);
        let voices = steps.embed(&encoder, &only, on_event)?.remove(&only.main_column());
        let space = other.model.face_space();
        let voices = identities(space, &voices.unwrap_or_default());
        let mean_face = encoder.mean_face(&items.faces)?;
        let centre = space.identity_of(&mean_face);
        let scores = compared(&steps, &bootstrap, &voices, centre, &other.name);
        others.push((other.name.clone(), scores));
    }
    if let Some(baseline) = baseline {
        others.push((format!("{} (baseline)", baseline.paired.model), baseline.paired));
    }
    number_equal_names(name, &mut others);
    if !others.is_empty() {
        sections.insert(0, comparison(&mut scorer, &bootstrap, &own, &others, options.seed));
    }
    let headlines = sections::headlines(&scorer);
    let report = Report {
        software: SOFTWARE.into(),
        format: FORMAT,
        title: format!("{name} on {}", name_of(set.path())),
        voice_policy: policy,
        about: About { steps: &steps, evaluated, clips: &clips, training: &training }.facts(),
        notes: notes(&steps, &training, &trainings),
        headlines,
        sections,
        scores: scorer.into_scores(),
        paired: own,
    };
    Ok(Evaluation { report: without_empty_items(report), attachments, _lock: lock })
}

/// The scores by which another model is compared.
fn compared(
    steps: &Steps<'_>,
    bootstrap: &Bootstrap,
    voices: &Vectors,
    centre: &[f32],
    name: &str,
) -> Paired {
    let items = steps.items;
    let mut scorer = Scorer::new(items, bootstrap);
    let gaps = Gap::Degrees.of_pairs(voices, &items.faces, centre, Some);
    scorer.mean("similarity/degrees", Unit::Degrees, &gaps, Baseline::default());
    let found = search(items, voices, &items.faces, centre, &[MAIN, Distance::Cosine]);
    let (relative, cosine) = (found.all(MAIN), found.all(Distance::Cosine));
    scorer.recall("retrieval/voice-to-face/relative/at-1", relative, |_| 1);
    scorer.recall("retrieval/voice-to-face/relative/at-10", relative, |_| 10);
    scorer.recall("retrieval/voice-to-face/relative/at-10-percent", relative, per_cent(10));
    scorer.recall("retrieval/voice-to-face/cosine/at-10-percent", cosine, per_cent(10));
    scorer.best_of("matching/voice-to-face/1-of-2", relative, 2);
    let same_sex = found.among(MAIN, Control::Sex);
    scorer.best_of("matching/voice-to-face/1-of-2/same-sex", same_sex, 2);
    paired(&scorer, steps.pairs_sha256.to_owned(), name.to_owned())
}

/// Appends a number to names that an earlier model has.
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

/// Pairs are of the model's face space, or of that of photographs: the same without traits.
fn check_space(model: &Speech2Face, set: &PairSet) -> Result<(), EvalError> {
    let (found, wanted) = (set.face_space(), model.face_space());
    if found.is_compatible(wanted) || found.is_compatible(&wanted.identity()) {
        return Ok(());
    }
    Err(EvalError::FaceSpaces {
        path: set.path().to_owned(),
        pairs: Box::new(found.clone()),
        model: model.id().name.clone(),
        predicted: Box::new(wanted.clone()),
    })
}

/// [`LENGTHS`] up to the common one, and longer ones that recordings of at least two speakers have.
fn lengths(items: &Items, common: f64) -> Vec<f64> {
    let speakers_with = |length: f64| {
        let has = |pairs: &&Vec<usize>| {
            pairs.iter().any(|&pair| is_long_enough(items.items[pair].info.seconds, length))
        };
        items.of_speaker.iter().filter(has).count()
    };
    let mut lengths: Vec<f64> = LENGTHS
        .into_iter()
        .filter(|&length| length < common || speakers_with(length) > 1)
        .chain([common])
        .collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    lengths
}

/// Removes tables without rows and figures without points.
fn without_empty_items(mut report: Report) -> Report {
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
