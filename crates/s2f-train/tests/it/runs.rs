//! What a run writes about itself: its environment, its model card, and the table over seeds.

use std::fs;

use s2f_train::devices::Devices;
use s2f_train::{Invocation, TrainError, train_voice_encoder, train_voice_encoder_seeds};
use speech2face::{Device, RunFolder, Speech2Face};

use crate::pairs::Training;

fn invocation() -> Invocation {
    let command = ["speech2face", "train", "voice-encoder", "/home/alice/own.toml", "-o", "run"];
    Invocation { commit: Some("0123abcd".into()), command: command.map(str::to_owned).to_vec() }
}

#[test]
fn a_model_card_is_written_from_the_run_and_again_with_the_same_bytes() {
    let training = Training::new();
    let config = training.config(&["optimisation.steps=2", "name=evil|<b>\u{1b}"]);
    let train = || {
        let out = training.path("run");
        train_voice_encoder(&config, &out, Devices::cpu(), &invocation(), |_| ()).unwrap();
        fs::read_to_string(out.join("model/README.md")).unwrap()
    };
    let card = train();
    let scores = fs::read_to_string(training.path("run/scores.json")).unwrap();
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    let angle = scores["test"][0]["degrees"].as_f64().unwrap();
    let run = RunFolder::open(&training.path("run")).unwrap();
    let environment = run.environment().unwrap();
    for part in [
        "---\n# written by speech2face, sha256 ",
        "\nlicense: unknown\nlibrary_name: speech2face\ntags: [speech2face, voice, face, ",
        "# evil\\|&lt;b&gt; \n",
        ", commit 0123abcd, seed 1,",
        "\n    speech2face train voice-encoder …/own.toml -o run\n",
        // 48 speakers, two pairs each.
        "| pairs.parquet, split train | training | 48 pairs of 24 speakers |",
        "| pairs.parquet, split validation | validation | 24 pairs of 12 speakers |",
        "| pairs.parquet, split test | scores | 24 pairs of 12 speakers |",
        environment.data.as_str(),
        &format!("| test.3s.degrees | {angle:.2} |"),
        "## Limits",
        "## Out of scope",
        "The faces are nobody's",
    ] {
        assert!(card.contains(part), "{part:?} is missing in:\n{card}");
    }
    assert!(!card.contains("/home/alice"));
    let model = Speech2Face::open(&training.path("run/model"), &Device::flex()).unwrap();
    assert_eq!(model.card(), card);

    assert_eq!(environment.commit.as_deref(), Some("0123abcd"));
    assert_eq!(environment.command, invocation().command);
    let host = environment.host.unwrap();
    assert!(host.cores > 0 && !host.cpu.is_empty() && host.gpus.is_empty(), "{host:?}");

    assert_eq!(train(), card); // a run with all steps done, resumed
}

#[test]
fn several_seeds_give_the_spread_of_their_scores() {
    let training = Training::new();
    let config = training.config(&["optimisation.steps=2", "seed=7"]);
    let out = training.path("seeds");
    let mut events = Vec::new();
    let mut train = |count| {
        let cpu = Devices::cpu();
        train_voice_encoder_seeds(&config, &out, &cpu, &invocation(), count, |seed, _| {
            if events.last() != Some(&seed) {
                events.push(seed);
            }
        })
    };
    train(1).unwrap();
    let scores = train(2).unwrap().unwrap(); // resumes the first run, and adds one
    assert_eq!(scores.seeds, [7, 8]);
    assert_eq!(events, [7, 8]);
    let angles = [7, 8].map(|seed| {
        let text = fs::read_to_string(out.join(format!("seed-{seed}/scores.json"))).unwrap();
        let scores: serde_json::Value = serde_json::from_str(&text).unwrap();
        scores["test"][0]["degrees"].as_f64().unwrap()
    });
    let row = scores.rows.iter().find(|row| row.name == "test.3s.degrees").unwrap();
    assert_eq!(row.values, angles);
    // Of two values a and b: (a + b) / 2 and |a − b| / √2.
    let [a, b] = angles;
    assert!(a != b && (row.mean() - 0.5 * (a + b)).abs() < 1e-12);
    assert!((row.deviation() - (a - b).abs() / 2_f64.sqrt()).abs() < 1e-12);
    let table = fs::read_to_string(out.join("seeds.csv")).unwrap();
    assert!(table.starts_with("score,mean,sd,seed_7,seed_8\n"), "{table}");
    assert!(table.contains(&format!("test.3s.degrees,{},", row.mean())), "{table}");
    assert!(scores.to_string().contains("| test.3s.degrees | "), "{scores}");

    // One of these runs alone is the same run.
    let alone = training.config(&["optimisation.steps=2", "seed=8"]);
    let path = training.path("alone");
    train_voice_encoder(&alone, &path, Devices::cpu(), &invocation(), |_| ()).unwrap();
    let weights = |run: &str| fs::read(training.path(run).join("model/model.safetensors")).unwrap();
    assert_eq!(weights("alone"), weights("seeds/seed-8"));

    let error =
        train_voice_encoder_seeds(&config, &path, &Devices::cpu(), &invocation(), 2, |_, _| ())
            .unwrap_err();
    assert!(matches!(error, TrainError::OtherFile { .. }), "{error}");
}
