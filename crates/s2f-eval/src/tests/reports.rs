//! Whole evaluations of the shipped model on people who hum.

use std::fs;

use s2f_pairs::Pair;
use s2f_pairs::Split;

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
        pair.info.language = Some(if clip == 0 { "en" } else { "cy" }.into());
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
    let model = Speech2Face::shipped(&burn::tensor::Device::flex()).unwrap();
    // Photographs are no pictures here.
    let options = Options { photographs: false, ..*options };
    evaluate(&model, set, out, &options, &mut |_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_report_is_whole_traceable_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(&folder.path().join("some.parquet"), &pairs(256));
    let labels = folder.path().join("labels.csv");
    // A column called like what the corpus states is kept apart from it.
    let rows: String =
        (0..PEOPLE).map(|n| format!("person-{n:03},{}\n", ["a", "b"][n % 2])).collect();
    fs::write(&labels, format!("speaker_id,sex\n{rows}")).unwrap();
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
    assert!(read.score("groups/labels/sex/a/degrees").is_some());
    assert!(read.score("groups/sex/female/degrees").is_some());
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
fn what_cannot_be_evaluated_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |pairs: &[Pair], options: &Options<'_>, reason: &str| {
        let set = set(&at("some.parquet"), pairs);
        let message = run(&set, &at("out"), options).err().unwrap();
        assert!(message.contains(reason) && message.contains("hint: "), "{message}");
    };
    let all = pairs(256);
    refused(&pairs(128), &options(), "(128 numbers), model compact predicts mobileface-v2 (256");
    refused(&all[..2], &options(), "1 speaker in its split test");
    let train = Options { part: Part::Split(Split::Train), ..options() };
    refused(&all, &train, "nobody in its split train");
    let long = Options { seconds: Some(20.0), ..options() };
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
        refused(&all, &Options { labels: Some(&path), ..options() }, reason);
    }
    let missing = at("missing.csv");
    refused(&all, &Options { labels: Some(&missing), ..options() }, "missing.csv");
}

#[test]
fn a_stored_face_that_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(&folder.path().join("some.parquet"), &pairs(256));
    let model = Speech2Face::shipped(&burn::tensor::Device::flex()).unwrap();
    let result = evaluate(&model, &set, &folder.path().join("out"), &options(), &mut |_| ());
    let message = result.err().unwrap().to_string();
    assert!(message.starts_with("pair pair-000-0: ") && message.contains("hint: "), "{message}");
}
