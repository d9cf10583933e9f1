//! `evaluate`: real talking faces to a report, killed on the way; and what it refuses.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Instant;

use s2f_pairs::{PairSet, Split};
use s2f_testing::pairs::{self, sample};
use serde_json::json;

use crate::corpus::{Kit, run};
use crate::support::{Folder, Png, Run, buzz};

/// Kills with signal 9 that an evaluation has to survive.
const KILLS: u32 = 8;

/// Runs the program with the networks in the folder `networks`.
fn evaluate(folder: &Folder, arguments: &[&str]) -> Run {
    let mut command = folder.command(arguments);
    Run::of(command.env("SPEECH2FACE_MODELS", folder.path("networks")).output().unwrap())
}

/// Pairs of GRID in the folder `grid`, and the networks that read faces; nothing without the data.
fn grid(folder: &Folder) -> Option<()> {
    let kit = Kit::find()?;
    kit.people(folder, "people", 3);
    folder.write("people/licence.txt", "CC BY 4.0");
    let genders =
        ["s1,male", "s2,male", "s3,male", "s4,female", "s5,male", "s31,female", "s32,male"];
    folder.write("people/people.csv", format!("person_id,gender\n{}\n", genders.join("\n")));
    run(folder, &kit.prepare(&["people", "-o", "grid", "-q"])).exits(0);
    for name in ["yunet", "face_landmark_68", "age_gender"] {
        let from = kit.models.join(name).display().to_string();
        evaluate(folder, &["model", "pull", name, "--from", &from]).exits(0);
    }
    Some(())
}

#[test]
fn talking_faces_become_a_report_however_often_it_is_killed() {
    let folder = Folder::new();
    if grid(&folder).is_none() {
        return;
    }
    let begun = Instant::now();
    let done = evaluate(&folder, &["evaluate", "compact", "grid", "--split", "all", "-o", "one"]);
    let whole = begun.elapsed();
    let done =
        done.exits(0).says(&["embedding voices", "generating and reading faces", "wrote one"]);
    assert!(done.stdout.contains("Own face among the first 10 %"), "{done:?}");
    let page = String::from_utf8(folder.read("one/report.html")).unwrap();
    // Seven people with a licence that lets photographs be shown.
    assert!(
        page.contains("There are only 7 speakers") && page.contains("Photographs under CC BY 4.0")
    );
    let sheet = Png::decode(&folder.read("one/faces.png"));
    assert!(sheet.texts["Description"].starts_with("Synthetic"));
    let scores = String::from_utf8(folder.read("one/scores.csv")).unwrap();
    for id in [
        "similarity/degrees,",
        "retrieval/voice-to-face/cosine/at-1-percent,",
        "matching/face-to-voice/1-of-2/same-sex,",
        "attributes/sex/stated/voice/balanced-accuracy,",
        "craniofacial/photograph/nasal-index/within-sex,",
        "lengths/1s/median-rank,",
        "consistency/clips/nearer,",
        "diversity/spread/within-sex,",
    ] {
        assert!(scores.contains(&format!("\n{id}")), "{id}");
    }

    let arguments = ["evaluate", "compact", "grid", "--split", "all", "-o", "two"];
    for kill in 1..=KILLS {
        let mut child = folder
            .command(arguments)
            .env("SPEECH2FACE_MODELS", folder.path("networks"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(whole * kill / (KILLS + 1));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    evaluate(&folder, &arguments).exits(0);
    for name in ["report.html", "report.json", "scores.csv", "map.csv", "faces.png"] {
        let same = folder.read(&format!("one/{name}")) == folder.read(&format!("two/{name}"));
        assert!(same, "{name}");
    }
    let left: Vec<String> =
        folder.files().into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");

    let again = ["evaluate", "compact", "grid", "--split", "all", "-o", "three", "--json", "-q"];
    let json = evaluate(&folder, &[&again[..], &["--baseline", "one"]].concat()).exits(0).json();
    assert!(json[0]["headlines"].as_array().unwrap().len() >= 5, "{json:?}");
    let page = String::from_utf8(folder.read("three/report.html")).unwrap();
    assert!(page.contains("compact (baseline)"));
}

/// Two pairs of each of some people who hum; all for the test, or in turns for training.
fn hums(path: &Path, people: usize, train: bool) {
    let one = |number: usize| {
        let person = number / 2;
        let samples = buzz(3.0, 90.0 + 9.0 * person as f64);
        let split = if train && person.is_multiple_of(2) { Split::Train } else { Split::Test };
        sample(&format!("pair{number:03}"), &format!("speaker{person:03}"), split)
            .wave(3.0, |n| f32::from(samples[n]) / 32768.0)
            .feature("mobileface-v2", 256, |i| if i == person { 1.0 } else { 0.0 })
            .licence("unknown")
            .build()
    };
    pairs::write(path, &(0..2 * people).map(one).collect::<Vec<_>>()).unwrap();
}

#[test]
fn a_report_needs_no_labels_or_networks() {
    let folder = Folder::new();
    hums(&folder.path("hums.parquet"), 6, false);
    let report = ["evaluate", "compact", "hums.parquet", "-o", "report", "--pictures", "0"];
    let done = evaluate(&folder, &report).exits(0);
    done.says(&["warning: There is no record of what the model compact was trained on"]);
    let page = String::from_utf8(folder.read("report/report.html")).unwrap();
    for said in [
        "Pictures were left out, so there are no readings.",
        "The licence of these pairs (unknown) is not known to allow",
        "The sex of most speakers is not stated",
        "There is no record of what the model compact was trained on",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_reported_with_a_hint() {
    let folder = Folder::new();
    hums(&folder.path("hums.parquet"), 4, false);
    folder.write("text.parquet", "not a table");
    fs::create_dir_all(folder.path("unfinished/checkpoints")).unwrap();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let all = [&["evaluate"], arguments, &["-o", "report"]].concat();
        evaluate(&folder, &all).exits(2).says(parts).says(&["hint:"]);
    };
    refused(&["compact", "missing"], &["missing"]);
    refused(&["compact", "text.parquet"], &["not a Parquet file"]);
    refused(&["nobody", "hums.parquet"], &["there is no model or folder called nobody"]);
    refused(&["unfinished", "hums.parquet"], &["is not finished"]);
    refused(
        &["compact", "hums.parquet"],
        &["model pull yunet face_landmark_68 age_gender", "with --pictures 0"],
    );
    let quick = ["compact", "hums.parquet", "--pictures", "0"];
    refused(&[&quick[..], &["--split", "train"]].concat(), &["nobody in its split train"]);
    refused(
        &[&quick[..], &["--baseline", "text.parquet"]].concat(),
        &["the report text.parquet cannot be used"],
    );
    refused(&[&quick[..], &["--labels", "text.parquet"]].concat(), &["the first column is"]);
    assert!(!folder.path("report/report.html").exists());
}

#[test]
fn verified_pairs_are_intact_to_the_byte() {
    let folder = Folder::new();
    hums(&folder.path("hums.parquet"), 40, false);
    let verify = || folder.run(["corpus", "stats", "hums.parquet", "--verify"]);
    verify().exits(0).says(&["all 80 pairs are intact"]);
    // Opening does not read this face; it is replaced by another one.
    let mut bytes = folder.read("hums.parquet");
    let old = b"face of pair079";
    let place = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[place..place + old.len()].copy_from_slice(b"face of pair078");
    folder.write("hums.parquet", bytes);
    folder.run(["corpus", "stats", "hums.parquet"]).exits(0);
    verify().exits(2).says(&["pair079", "hums.parquet", "face_sha256", "hint:"]);
}

#[test]
fn a_run_is_not_evaluated_on_the_speakers_of_its_training() {
    let folder = Folder::new();
    hums(&folder.path("then.parquet"), 8, true);
    hums(&folder.path("now.parquet"), 8, false);
    // A run folder as training leaves it, of a model in the repository.
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../speech2face/models/compact");
    for name in ["config.json", "model.safetensors", "README.md"] {
        let file = fs::read(Path::new(model).join(name)).unwrap();
        folder.write(&format!("run/model/{name}"), file);
    }
    let config = |pairs: &str, splits: &str| {
        folder.write("run/config.toml", format!("[data.pairs]\npath = \"{pairs}\"\n"));
        let set = PairSet::open(&folder.path(splits)).unwrap();
        let data = format!("{}-{}", set.speakers_sha256(), set.pairs());
        let environment = json!({
            "version": "0.1.0", "device": "cpu", "seed": 1, "threads": 2, "data_sha256": data,
            "started": "2026-01-31T23:59:59Z", "resumed": [],
        });
        folder.write("run/environment.json", environment.to_string());
    };
    let arguments = ["evaluate", "run", "now.parquet", "-o", "report", "--pictures", "0"];
    config("then.parquet", "then.parquet");
    evaluate(&folder, &arguments).exits(2).says(&[
        "trained on speakers that are evaluated: speaker000, speaker002, speaker004, speaker006",
        "worthless",
    ]);
    // The model folder of the run has the same record.
    let inner = ["evaluate", "run/model", "now.parquet", "-o", "report", "--pictures", "0"];
    evaluate(&folder, &inner).exits(2).says(&["trained on speakers that are evaluated"]);
    config("gone.parquet", "then.parquet");
    evaluate(&folder, &arguments).exits(0).says(&["warning:", "gone.parquet", "is unknown"]);
    let arguments = ["evaluate", "run", "then.parquet", "-o", "later", "--pictures", "0"];
    config("then.parquet", "then.parquet");
    evaluate(&folder, &arguments).exits(0);
    let page = String::from_utf8(folder.read("later/report.html")).unwrap();
    assert!(page.contains("was trained on no speaker, voice or face that is evaluated"));

    // The pairs were split again: their splits no longer say who the model was trained on.
    config("then.parquet", "now.parquet");
    evaluate(&folder, &arguments).exits(2).says(&["prepared or split again after", "hint:"]);
    // A set is known by its speakers and splits, wherever it is now.
    config("gone.parquet", "then.parquet");
    evaluate(&folder, &arguments).exits(0);
    let page = String::from_utf8(folder.read("later/report.html")).unwrap();
    assert!(page.contains("was trained on no speaker, voice or face that is evaluated"));
    hums(&folder.path("third.parquet"), 6, true);
    config("then.parquet", "third.parquet");
    let elsewhere = ["evaluate", "run", "now.parquet", "-o", "report", "--pictures", "0"];
    evaluate(&folder, &elsewhere)
        .exits(0)
        .says(&["has since been prepared or split again", "it is unknown"]);

    // A report is replaced by a later one.
    let again = ["evaluate", "compact", "now.parquet", "-o", "report", "--pictures", "0"];
    evaluate(&folder, &again).exits(0);
}

#[test]
fn files_of_somebody_else_are_not_overwritten() {
    let folder = Folder::new();
    hums(&folder.path("hums.parquet"), 4, false);
    let arguments = ["evaluate", "compact", "hums.parquet", "-o", "mine", "--pictures", "0"];
    for (name, foreign) in [
        ("report.html", &b"<!DOCTYPE html><p>mine"[..]),
        ("report.json", b"{\"mine\": 1}"),
        ("scores.csv", b"id,value\nmine,1\n"),
        ("faces.png", b"\x89PNG\r\n\x1a\n a photograph"),
        ("map.csv", b"place,x,y\n"),
    ] {
        folder.write(&format!("mine/{name}"), foreign);
        let run = evaluate(&folder, &arguments).exits(2);
        run.says(&[&format!("error: mine/{name} already exists"), "hint: move it"]);
        assert_eq!(folder.read(&format!("mine/{name}")), foreign);
        // It is refused before anything is computed or written.
        assert_eq!(folder.files(), ["hums.parquet", &format!("mine/{name}")]);
        fs::remove_file(folder.path(format!("mine/{name}"))).unwrap();
    }
    folder.write("file", "mine");
    let file = ["evaluate", "compact", "hums.parquet", "-o", "file", "--pictures", "0"];
    evaluate(&folder, &file).exits(2).says(&["error: file is a file", "hint:"]);
    assert_eq!(folder.read("file"), b"mine");
}
