//! Whole evaluations, of the shipped model on people who hum.

use std::fs;
use std::path::Path;

use s2f_pairs::{Pair, PairSet, Split};
use speech2face::{Device, ModelSource, RunFolder, VoicePolicy};

use super::samples::{hum, pair, set};
use crate::report::html::trace;
use crate::report::{self, Report, Unit};
use crate::{
    EvaluatedModel, Evaluation, EvaluationEvent, EvaluationOptions, PairSelection, evaluate,
};

const PEOPLE: usize = 12;

/// Two clips of 6 s for each person, in two languages.
fn pairs(dimension: usize) -> Vec<Pair> {
    let one = |number: usize| {
        let (person, clip) = (number / 2, number % 2);
        let mut pair = pair(person, clip, dimension);
        pair.audio = hum(person, 6.0);
        pair.info.language = Some(if clip == 0 { "en" } else { "cy" }.into());
        pair
    };
    (0..2 * PEOPLE).map(one).collect()
}

fn options<'a>() -> EvaluationOptions<'a> {
    EvaluationOptions { max_pairs: 1000, max_pictures: 0, draws: 200, ..Default::default() }
}

fn compact() -> EvaluatedModel {
    EvaluatedModel::open(&ModelSource::Shipped, &Device::flex()).unwrap()
}

fn run(set: &PairSet, out: &Path, options: &EvaluationOptions<'_>) -> Result<Evaluation, String> {
    // The photographs here are not valid pictures.
    let options = EvaluationOptions { photographs: false, ..*options };
    evaluate(&compact(), set, out, &options, &mut |_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_report_is_whole_traceable_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(&folder.path().join("some.parquet"), &pairs(256));
    let labels = folder.path().join("labels.csv");
    // A column with the name of a label of the corpus is kept separate from that label.
    let rows: String =
        (0..PEOPLE).map(|n| format!("person-{n:03},{}\n", ["a", "b"][n % 2])).collect();
    fs::write(&labels, format!("speaker_id,sex\n{rows}")).unwrap();
    let options = EvaluationOptions { labels: Some(&labels), ..options() };
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
        "distribution",
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
    assert!(read.score("groups/labels/sex/a/degrees").is_some());
    assert!(read.score("groups/sex/female/degrees").is_some());
    // Nobody has 10 s.
    assert!(read.score("lengths/6s/degrees").is_some());
    assert!(read.score("lengths/10s/degrees").is_none());
    // Each speaks two languages.
    assert!(read.score("consistency/two-languages/degrees").is_some());
    // The kinds are the controls of the searches.
    let same = read.score("matching/voice-to-face/1-of-2/same-language").unwrap();
    assert_eq!(same.gallery, Some(PEOPLE as f64));

    // Every share has an interval that contains it; ratios of variances are not shares. Coverages
    // have tests of their own.
    let shares = read.scores.iter().filter(|score| {
        matches!(score.unit, Unit::Percent | Unit::PercentPoints)
            && score.value.is_finite()
            && !["diversity/", "distribution/", "/spread", "/visible"]
                .iter()
                .any(|part| score.id.contains(part))
    });
    let mut counted = 0;
    for score in shares {
        let [low, high] = score.interval.unwrap_or_else(|| panic!("{}", score.id));
        assert!(low < high && low <= score.value && score.value <= high, "{score:?}");
        counted += 1;
    }
    assert!(counted > 200, "{counted}");

    // What is evaluated is what `reconstruct` gives, and that is recorded.
    assert_eq!(read.voice_policy, VoicePolicy::default());
    let first = EvaluationOptions { seconds: Some(6.0), ..options };
    let first = run(&set, &folder.path().join("first"), &first).unwrap().report;
    assert_eq!(first.voice_policy, VoicePolicy::first_seconds(6.0));
    assert_ne!(first.paired.pairs_sha256, read.paired.pairs_sha256);

    // All files are listed, and the program recognises them.
    let written: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != Evaluation::FEATURES)
        .collect();
    assert!(written.iter().all(|name| Evaluation::FILES.contains(&name.as_str())), "{written:?}");
    assert_eq!(written.len(), Evaluation::FILES.len());
    assert!(json.starts_with(br#"{"software":"speech2face "#));
    assert!(page[..1024].contains(r#"name="generator" content="speech2face "#));
    let table = fs::read_to_string(out.join("scores.csv")).unwrap();
    assert!(table.starts_with("id,value,low,high,chance,unit,pairs,speakers,gallery,p,p_adjusted"));

    // Until it is dropped, its folder is not evaluated into again.
    let message = run(&set, &out, &options).err().unwrap();
    assert!(message.contains("another process is writing in "), "{message}");
    drop(evaluation);

    // An interrupted evaluation resumes to the same bytes.
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
    let with = EvaluationOptions { baseline: Some(&one), ..options() };
    let report = run(&whole, &at("two"), &with).unwrap().report;
    assert_eq!(report.sections[0].id, "comparison");
    let difference = "comparison/1-compact (baseline)/matching/voice-to-face/1-of-2/difference";
    let score = report.score(difference).unwrap();
    assert_eq!((score.value, score.p), (0.0, Some(1.0)));
    // Twelve speakers without a difference are no proof that there is none: with none of n improved
    // and none worse, both bounds are those of 0 of n.
    let [low, high] = score.interval.unwrap();
    let expected = 100.0 * (1.0 - 0.025_f64.powf(1.0 / PEOPLE as f64));
    assert!((high - expected).abs() < 1e-9 && low == -high, "[{low}, {high}]");

    let fewer = set(&at("fewer.parquet"), &all[..2 * PEOPLE - 2]);
    let message = run(&fewer, &at("three"), &with).err().unwrap();
    assert!(message.contains("other pairs"), "{message}");
    let mut report: Report =
        serde_json::from_slice(&fs::read(one.join("report.json")).unwrap()).unwrap();
    report.paired.sums.values_mut().for_each(|sums| sums.push((1.0, 1.0)));
    fs::write(one.join("report.json"), serde_json::to_vec(&report).unwrap()).unwrap();
    let message = run(&whole, &at("five"), &with).err().unwrap();
    assert!(message.contains("sums by speaker are damaged"), "{message}");
    fs::write(one.join("report.json"), "{}").unwrap();
    let message = run(&whole, &at("four"), &with).err().unwrap();
    assert!(message.contains("is not a report"), "{message}");
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |pairs: &[Pair], options: &EvaluationOptions<'_>, reason: &str| {
        let set = set(&at("some.parquet"), pairs);
        let message = run(&set, &at("out"), options).err().unwrap();
        assert!(message.contains(reason) && message.contains("hint: "), "{message}");
    };
    let all = pairs(256);
    let spaces = "(128 dimensions, unit length), model compact predicts mobileface-v2 with sex, \
                  age and hair (259";
    refused(&pairs(128), &options(), spaces);
    refused(&all[..2], &options(), "1 speaker in its split test");
    let train = EvaluationOptions { selection: PairSelection::Split(Split::Train), ..options() };
    refused(&all, &train, "nobody in its split train");
    let long = EvaluationOptions { seconds: Some(20.0), ..options() };
    refused(&all, &long, "24 recordings are shorter than 20 s");
    for (table, reason) in [
        ("name,kind\nx,y\n", "the first column is"),
        ("speaker_id\nx\n", "no column of labels"),
        ("speaker_id,kind,kind\nx,y,y\n", "or two of them"),
        ("speaker_id,kind\nnobody,y\n", "none of its rows"),
        ("speaker_id,kind\nperson-001,y\nperson-001,z\n", "two different rows"),
    ] {
        let path = at("labels.csv");
        fs::write(&path, table).unwrap();
        refused(&all, &EvaluationOptions { labels: Some(&path), ..options() }, reason);
    }
    let missing = at("missing.csv");
    refused(&all, &EvaluationOptions { labels: Some(&missing), ..options() }, "missing.csv");
}

#[test]
fn a_stored_face_that_is_not_a_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(&folder.path().join("some.parquet"), &pairs(256));
    let result = evaluate(&compact(), &set, &folder.path().join("out"), &options(), &mut |_| ());
    let message = result.err().unwrap().to_string();
    assert!(message.starts_with("pair pair-000-0: ") && message.contains("hint: "), "{message}");
}

/// A run folder as training writes it, with the shipped model's name.
fn trained(root: &Path, pairs: &Path, data: &str) -> EvaluatedModel {
    fs::create_dir_all(root).unwrap();
    let text = format!("[data.pairs]\npath = {:?}\n", pairs.display().to_string());
    fs::write(root.join("config.toml"), text).unwrap();
    let environment = serde_json::json!({
        "version": "0",
        "device": "cpu",
        "seed": 0,
        "threads": 1,
        "data_sha256": data,
        "started": "",
        "resumed": [],
    });
    fs::write(root.join("environment.json"), environment.to_string()).unwrap();
    EvaluatedModel { run: Some(RunFolder::open(root).unwrap()), ..compact() }
}

#[test]
fn the_record_of_a_run_is_checked_for_leaks_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (path, mut all) = (at("some.parquet"), pairs(256));
    let evaluated = set(&path, &all);
    let data = |set: &PairSet| format!("{}-{}", set.speakers_sha256(), set.pairs());
    let mut warnings = Vec::new();
    let mut evaluate = |model: &EvaluatedModel| {
        let options = EvaluationOptions { photographs: false, ..options() };
        let found = evaluate(model, &evaluated, &at("out"), &options, &mut |event| {
            if let EvaluationEvent::Warning(warning) = event {
                warnings.push(warning);
            }
        });
        found.map(|found| found.report).map_err(|error| error.to_string())
    };
    let fact = |report: &Report| {
        report.about.iter().find(|(label, _)| label == "Leak check").unwrap().1.clone()
    };
    let report = evaluate(&trained(&at("same"), &path, &data(&evaluated))).unwrap();
    assert!(fact(&report).contains("trained on no speaker"), "{}", fact(&report));
    let message = evaluate(&trained(&at("changed"), &path, "other-1")).err().unwrap();
    assert!(message.contains("split again after") && message.contains("hint: "), "{message}");
    // The same people, some of them in the training split of the run.
    all.iter_mut().take(4).for_each(|pair| pair.info.split = Split::Train);
    let then = set(&at("then.parquet"), &all);
    let message = evaluate(&trained(&at("leak"), then.path(), &data(&then))).err().unwrap();
    assert!(message.contains("person-000, person-001;"), "{message}");
    let report = evaluate(&trained(&at("gone"), &at("gone.parquet"), "x-1")).unwrap();
    assert!(fact(&report).contains("no longer exists"), "{}", fact(&report));
    assert_eq!(warnings.len(), 1);
    assert!(report.notes.iter().any(|note| note.contains(&warnings[0])), "{:?}", report.notes);
}

#[test]
fn every_record_of_a_model_and_of_those_compared_with_it_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut all = pairs(256);
    let evaluated = set(&at("some.parquet"), &all);
    all.iter_mut().take(4).for_each(|pair| pair.info.split = Split::Train);
    let then = set(&at("then.parquet"), &all);
    let record = |set: &PairSet| {
        let data = format!("{}-{}", set.speakers_sha256(), set.pairs());
        serde_json::json!({ "pairs": { "path": set.path(), "data_sha256": data } })
    };
    let with = |name: &str, records: serde_json::Value| {
        let root = at(name);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("config.toml"), "").unwrap();
        let environment = serde_json::json!({
            "version": "0", "device": "cpu", "seed": 0, "threads": 1, "data_sha256": "x",
            "started": "", "resumed": [], "trained_on": records,
        });
        fs::write(root.join("environment.json"), environment.to_string()).unwrap();
        let run = Some(RunFolder::open(&root).unwrap());
        EvaluatedModel { name: name.into(), run, ..compact() }
    };
    let check = |model: &EvaluatedModel, compare: &[EvaluatedModel]| {
        let options = EvaluationOptions { photographs: false, compare, ..options() };
        let mut warnings = Vec::new();
        let found = evaluate(model, &evaluated, &at("out"), &options, &mut |event| {
            if let EvaluationEvent::Warning(warning) = event {
                warnings.push(warning);
            }
        });
        (found.map(|found| found.report).map_err(|error| error.to_string()), warnings)
    };
    // What it started from was trained on the first two people.
    let own = record(&evaluated);
    let tuned = with("tuned", serde_json::json!([own, record(&then)]));
    let message = check(&tuned, &[]).0.err().unwrap();
    assert!(message.contains("person-000, person-001;"), "{message}");
    let clean = with("clean", serde_json::json!([own]));
    assert!(check(&clean, &[tuned]).0.is_err());

    let recordings = serde_json::json!({ "recordings": { "path": "v", "data_sha256": "y" } });
    let voices = with("voices", serde_json::json!([recordings]));
    let unknown = with("unknown", serde_json::json!([own, { "unknown": { "model": "older" } }]));
    let (report, warnings) = check(&clean, &[voices, unknown]);
    let notes = report.unwrap().notes;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("voices was trained on v, which has recordings"), "{warnings:?}");
    assert!(warnings[1].contains("no record of what the model older"), "{warnings:?}");
    for warning in &warnings {
        assert!(notes.contains(&format!("{warning}.")), "{notes:?}");
    }
}

/// The same weights in another configuration are another model: its features are not those that an
/// earlier evaluation left in the cache.
#[test]
fn features_of_another_configuration_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(&folder.path().join("some.parquet"), &pairs(256));
    let out = folder.path().join("out");
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../speech2face/models/compact");
    for name in ["config.json", "model.safetensors", "README.md"] {
        fs::copy(shipped.join(name), model.join(name)).unwrap();
    }
    let parts = || fs::read_dir(out.join(Evaluation::FEATURES)).unwrap().count();
    let evaluate = || {
        let source = ModelSource::ModelFolder(model.clone());
        let model = EvaluatedModel::open(&source, &Device::flex()).unwrap();
        let options = EvaluationOptions { photographs: false, ..options() };
        evaluate(&model, &set, &out, &options, &mut |_| ()).unwrap();
        parts()
    };
    let first = evaluate();
    assert_eq!(evaluate(), first);
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["border"][0][0] = (config["border"][0][0].as_f64().unwrap() + 1.0).into();
    fs::write(model.join("config.json"), config.to_string()).unwrap();
    assert_eq!(evaluate(), 2 * first);
}
