//! `train` can be killed at any time; resumed, it gives the same files as an undisturbed run. Other
//! folders are refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use s2f_pairs::Split;
use s2f_testing::pairs::{self, sample};
use s2f_testing::{data, without_speed};

use crate::support::{Folder, Run};

/// Kills with signal 9 that a run has to survive.
const KILLS: usize = 10;
const STEPS: usize = 14;
/// People to learn from and to hold out: reading them takes a second.
const PEOPLE: usize = 6;

/// A few portraits in a folder, or a visible line and none.
fn portraits(folder: &Folder) -> Option<PathBuf> {
    let faces = data("data/faces/canada")?;
    let models = data("models")?;
    let table = fs::read_to_string(faces.join("people.csv")).unwrap();
    let rows: Vec<&str> = table.lines().take(1 + PEOPLE).collect();
    folder.write("few/people.csv", rows.join("\n"));
    for row in &rows[1..] {
        let picture = row.split(',').next_back().unwrap();
        folder.write(&format!("few/{picture}"), fs::read(faces.join(picture)).unwrap());
    }
    folder.write("few/landmarks.csv", fs::read(faces.join("landmarks.csv")).unwrap());
    Some(models)
}

/// The arguments of a small training into `out`.
fn train(models: &Path, out: &str, steps: usize, more: &[&str]) -> Vec<String> {
    let config =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/convolutional/face-decoder.toml");
    let mut arguments = ["train", "face-decoder", config, "-o", out].map(str::to_owned).to_vec();
    let models = format!("data.models={}", models.display());
    let steps = format!("optimisation.steps={steps}");
    let settings = [
        "data.root=.",
        &models,
        "data.folders=[{ path = \"few\", gain = [0.6, 0.64, 0.608], saturation = 0.7 }]",
        "data.held_out=2",
        "morphing.pool=6",
        "network.hidden=16",
        "network.texture={ basis = { components = 4, hidden = 8 } }",
        "losses.identity_batch=1",
        "optimisation.batch=3",
        "watch.checkpoint_every=3",
        "watch.validate_every=4",
        "watch.sheet_every=5",
        &steps,
    ];
    for setting in settings.iter().chain(more) {
        arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    arguments
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[track_caller]
fn run(folder: &Folder, arguments: &[String]) -> Run {
    folder.run(arguments)
}

/// What two runs that came to the same end have in common, to the byte.
#[track_caller]
fn assert_same(folder: &Folder, a: &str, b: &str) {
    let last = format!("checkpoints/step-{STEPS:06}/weights.safetensors");
    let sheet = format!("sheets/held-out-{STEPS:06}.png");
    for file in ["face-decoder.safetensors", "scores.json", "morphs.png", "config.toml"]
        .into_iter()
        .chain([last.as_str(), sheet.as_str(), "checkpoints/best/best.json"])
    {
        let read = |run: &str| folder.read(&format!("{run}/{file}"));
        assert!(read(a) == read(b), "{a}/{file} and {b}/{file} differ");
    }
    assert_eq!(metrics(folder, a), metrics(folder, b), "{a} and {b}");
}

/// The metrics of a run that do not depend on the speed of the machine.
pub fn metrics(folder: &Folder, run: &str) -> String {
    without_speed(&String::from_utf8(folder.read(&format!("{run}/metrics.jsonl"))).unwrap())
}

/// A value of each step.
#[cfg(any(all(feature = "mpi", target_os = "linux"), feature = "wgpu"))]
pub fn values(folder: &Folder, run: &str, name: &str) -> Vec<f64> {
    use serde_json::Value;
    let text = metrics(folder, run);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line[name].as_f64()).collect()
}

#[test]
fn files_of_somebody_else_are_not_overwritten() {
    let folder = Folder::new();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/paper.toml");
    for name in
        ["metrics.jsonl", "environment.json", "model/config.json", "checkpoints/1", "config.toml"]
    {
        folder.write(&format!("mine/{name}"), "mine");
        let run = folder.run(["train", "voice-encoder", config, "-o", "mine"]).exits(2);
        let top = name.split('/').next().unwrap();
        let error = format!("error: mine/{top} already exists and was not written by speech2face");
        run.says(&[&error, "hint: "]);
        assert_eq!(folder.files(), [format!("mine/{name}")]);
        assert_eq!(folder.read(&format!("mine/{name}")), b"mine");
        fs::remove_dir_all(folder.path("mine")).unwrap();
    }
}

#[test]
fn networks_are_those_of_the_users_registry() {
    let folder = Folder::new();
    let mut command = folder.command(train(Path::new("models"), "out", STEPS, &[]));
    let run =
        Run::of(command.env("SPEECH2FACE_REGISTRY", "registry.toml").output().unwrap()).exits(2);
    run.says(&["error: cannot read the registry registry.toml: ", "hint: "]);
    assert!(!folder.path("out").exists());
}

#[test]
fn a_killed_training_resumes_to_the_same_weights() {
    let folder = Folder::new();
    let Some(models) = portraits(&folder) else { return };
    let begun = Instant::now();
    run(&folder, &train(&models, "whole", STEPS, &[])).exits(0);
    let uninterrupted = begun.elapsed();
    let mut lone = quiet(folder.command(train(&models, "lone", STEPS, &[])));
    assert!(lone.env("RAYON_NUM_THREADS", "1").status().unwrap().success());
    assert_same(&folder, "whole", "lone");

    let pieces = train(&models, "pieces", STEPS, &[]);
    kill_until_done(&folder, &pieces, uninterrupted, || assert_same(&folder, "whole", "pieces"));

    let again = run(&folder, &pieces).exits(0);
    again.says(&["all 14 steps are done", "optimisation.steps"]);
    assert_same(&folder, "whole", "pieces");

    let longer = run(&folder, &train(&models, "pieces", STEPS + 2, &[])).exits(0);
    longer.says(&["resuming after step 14 of 16", "step 16 of 16"]);
    let steps = String::from_utf8(folder.read("pieces/metrics.jsonl")).unwrap();
    assert!(steps.contains("{\"step\":16,\"texture\":"), "{steps}");
}

/// Trains into `pieces`, killing the program again and again; then to the end.
#[track_caller]
fn kill_until_done(
    folder: &Folder,
    arguments: &[String],
    uninterrupted: Duration,
    assert_same: impl Fn(),
) {
    let (mut kills, mut finished, mut resumed) = (0, 0, 0);
    let mut lengths = Lengths(0x2545_f491_4f6c_dd1d);
    while kills < KILLS {
        let mut child = quiet(folder.command(arguments)).spawn().unwrap();
        // From before the first checkpoint to after the last.
        sleep(lengths.next(uninterrupted));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            resumed += usize::from(folder.path("pieces/checkpoints").is_dir());
            continue;
        }
        // It came to its end between two kills.
        assert_same();
        fs::remove_dir_all(folder.path("pieces")).unwrap();
        finished += 1;
    }
    run(folder, arguments).exits(0);
    assert_same();
    eprintln!("{kills} kills, {resumed} of them with checkpoints, {finished} ends between them");
    assert!(resumed > 0, "no kill fell between a checkpoint and the end");
}

#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_need_a_build_with_mpi() {
    let folder = Folder::new();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/contrastive.toml");
    let run = folder.run(["train", "voice-encoder", config, "-o", "out", "--mpi"]).exits(2);
    run.says(&["error: this build has no MPI\n", "hint: build with --features mpi"]);
    assert!(!folder.path("out").exists());
}

/// A file of pairs of twelve people, tones and random features.
pub fn write_pairs(folder: &Folder) {
    let one = |number: usize| {
        let speaker = number / 2;
        let split = [Split::Train, Split::Train, Split::Validation, Split::Test][speaker % 4];
        let axis = |i: usize| if i == speaker { 0.8_f32.sqrt() } else { (0.2_f32 / 255.0).sqrt() };
        sample(&format!("pair{number:02}"), &format!("speaker{speaker:02}"), split)
            .wave(1.5, |n| (0.01 * (20.0 + speaker as f32) * n as f32).sin() * 0.3)
            .feature("mobileface-v2", 256, axis)
            .build()
    };
    let pairs: Vec<_> = (0..24).map(one).collect();
    pairs::write(&folder.path("tones.parquet"), &pairs).unwrap();
}

/// The order of the data, augmentation, optimizer, schedule, running statistics, segments,
/// temperature and moving average: all of it comes back after a kill.
#[test]
fn a_killed_training_on_pairs_resumes_to_the_same_weights() {
    let folder = Folder::new();
    write_pairs(&folder);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/attention.toml");
    let arguments = |out: &str| {
        let mut arguments =
            ["train", "voice-encoder", config, "-o", out].map(str::to_owned).to_vec();
        let settings = [
            "data.pairs.path=tones.parquet",
            "clips.seconds=1.2",
            "augmentation={ speed = 0.0, microphone_db = 3.0, band_limit = 0.5, \
             reverberation = 0.5, noise = 0.5, noise_db = [5.0, 30.0], coding = 0.5 }",
            "network.layers=[{ channels = 4, stride = [4, 2], pool = false }, \
             { channels = 8, stride = [2, 4], pool = false }]",
            "network.hidden=16",
            "optimisation.steps=14",
            "optimisation.batch=6",
            "optimisation.gradient_accumulation=2",
            "optimisation.clip_gradient_norm=0.1",
            "optimisation.ema_decay=0.8",
            "watch={ checkpoint_every = 3, validate_every = 4, sheet_every = 0 }",
        ];
        for setting in settings {
            arguments.extend(["--set".to_owned(), setting.to_owned()]);
        }
        arguments
    };
    let begun = Instant::now();
    run(&folder, &arguments("whole")).exits(0);
    let uninterrupted = begun.elapsed();
    let last = format!("checkpoints/step-{STEPS:06}");
    kill_until_done(&folder, &arguments("pieces"), uninterrupted, || {
        for file in ["model/model.safetensors", "scores.json", "voices.png"]
            .map(str::to_owned)
            .into_iter()
            .chain(["weights", "ema"].map(|name| format!("{last}/{name}.safetensors")))
        {
            let read = |run: &str| folder.read(&format!("{run}/{file}"));
            assert!(read("whole") == read("pieces"), "{file} differs");
        }
        assert_eq!(metrics(&folder, "whole"), metrics(&folder, "pieces"));
    });
}

#[test]
fn several_seeds_are_trained_into_one_table() {
    let folder = Folder::new();
    write_pairs(&folder);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/attention.toml");
    let mut arguments = vec!["train", "voice-encoder", config, "-o", "runs", "--seeds", "2"];
    for setting in [
        "data.pairs.path=tones.parquet",
        "clips.seconds=1.2",
        "network.layers=[{ channels = 4, stride = [4, 4], pool = false }]",
        "network.hidden=8",
        "optimisation.steps=1",
        "optimisation.batch=6",
    ] {
        arguments.extend(["--set", setting]);
    }
    let run = folder.run(&arguments).exits(0).says(&["seed 1", "seed 2", "wrote runs/seeds.csv"]);
    let table = String::from_utf8(folder.read("runs/seeds.csv")).unwrap();
    assert!(table.starts_with("score,mean,sd,seed_1,seed_2\n"), "{table}");
    assert!(run.stdout.starts_with("| score | mean ± sd of 2 seeds |\n"), "{}", run.stdout);
    assert!(run.stdout.contains("| test.3s.recall.at_1 | "), "{}", run.stdout);
    let environment = folder.read("runs/seed-2/environment.json");
    let environment: serde_json::Value = serde_json::from_slice(&environment).unwrap();
    let typed = environment["command"].as_array().unwrap();
    assert_eq!(typed[..3], ["speech2face", "train", "voice-encoder"].map(serde_json::Value::from));
    let version = folder.run(["--version"]).exits(0).stdout;
    match environment["commit"].as_str() {
        Some(commit) => assert!(version.contains(&format!("commit: {commit}\n")), "{version}"),
        None => assert!(version.contains("commit: not known"), "{version}"),
    }
    folder.run(["train", "voice-encoder", config, "-o", "runs", "--seeds", "1"]).exits(2);
}

#[test]
fn only_the_same_run_is_resumed() {
    let folder = Folder::new();
    let Some(models) = portraits(&folder) else { return };
    folder.write("papers/letter.txt", "dear");
    run(&folder, &train(&models, "papers", 2, &[]))
        .exits(2)
        .says(&["error: papers/letter.txt already exists and was not written by speech2face"]);

    let training = train(&models, "run", 100_000, &[]);
    let mut child = quiet(folder.command(&training)).spawn().unwrap();
    let begun = Instant::now();
    while !folder.path("run/checkpoints/step-000006").is_dir() {
        assert!(begun.elapsed() < Duration::from_secs(300), "no checkpoint after 5 minutes");
        sleep(Duration::from_millis(20));
    }
    run(&folder, &training).exits(2).says(&["another process is training in run", "hint:"]);
    child.kill().unwrap();
    child.wait().unwrap();

    run(&folder, &train(&models, "run", 8, &["morphing.pool=7"]))
        .exits(2)
        .says(&["the run in run has morphing.pool = 6, not 7", "hint:"]);

    // The newest of two is damaged.
    let mut names: Vec<String> = folder
        .files()
        .into_iter()
        .filter(|name| name.starts_with("run/checkpoints/step-") && !name.contains(".tmp"))
        .filter(|name| name.ends_with("optimizer.bpk"))
        .collect();
    names.sort();
    let [before, newest] = &names[..] else { panic!("{names:?}") };
    let step = |name: &str| name.split(['-', '/']).nth(3).unwrap().parse::<usize>().unwrap();
    let mut bytes = folder.read(newest);
    bytes.truncate(bytes.len() - 1);
    folder.write(newest, bytes);
    let (before, newest) = (step(before), step(newest));
    let end = newest + 1;
    run(&folder, &train(&models, "run", end, &[])).exits(0).says(&[
        &format!("checkpoints/step-{newest:06} is skipped: optimizer.bpk"),
        &format!("resuming after step {before} of {end}"),
    ]);
    let lines = String::from_utf8(folder.read("run/metrics.jsonl")).unwrap();
    let steps: Vec<&str> = lines.lines().filter(|line| line.contains("texture\":")).collect();
    let losses = steps.iter().filter(|line| !line.contains("held_out"));
    assert_eq!(losses.count(), end);
}

/// Lengths of time, the same in every run of the test (xorshift).
struct Lengths(u64);

impl Lengths {
    /// Between nothing and the whole.
    fn next(&mut self, whole: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        whole.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}
