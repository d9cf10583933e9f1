use std::path::PathBuf;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use s2f_nn::weights::{self, Precision};
use serde::Deserialize;
use speech2face::{DataId, TrainingRecord};

use super::*;
use crate::config::Watch;
use crate::devices::ComputePrecision;
use crate::draw::generator;
use crate::event::TrainEvent;
use crate::peers::OneProcess;
use crate::session::Session;
use crate::train_state::{TrainState, WeightAverage};
use crate::{Optimisation, Optimizer, Schedule};

/// A layer of each kind that a checkpoint stores: matrices, and running statistics.
#[derive(Module, Debug)]
struct Net {
    first: Linear,
    norm: BatchNorm,
    last: Linear,
}

impl Net {
    fn init() -> Self {
        let device = Device::flex().autodiff();
        Self {
            first: LinearConfig::new(3, 4).init(&device),
            norm: BatchNormConfig::new(4).init(&device),
            last: LinearConfig::new(4, 1).init(&device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.norm.forward(self.first.forward(x).unsqueeze_dim::<3>(2)); // [n, 4, 1]
        self.last.forward(x.flatten(1, 2)) // [n, 1]
    }
}

/// The state of a loop, with values that a careless writer would round.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    third: f64,
    sum: f64,
    none: Option<f64>,
}

const STATE: State = State { third: 1.0 / 3.0, sum: 0.1 + 0.2, none: None };

fn bytes(net: &Net) -> Vec<u8> {
    weights::save(&net.valid(), Precision::Full).unwrap()
}

/// Steps `from` to `to` of a small training that logs each of them.
fn train(run: &mut Run, mut trained: TrainState<Net>, from: usize, to: usize) -> TrainState<Net> {
    for step in from..to {
        let mut rng = generator(7, b"values  ", step);
        let values: Vec<f32> = (0..24).map(|_| rng.random()).collect();
        let x = Tensor::<2>::from_data(TensorData::new(values, [8, 3]), &Device::flex());
        let loss = trained.network.forward(x.autodiff()).square().mean();
        run.log(step + 1, &[("loss", loss.clone().into_scalar())]).unwrap();
        let gradients = GradientsParams::from_grads(loss.backward(), &trained.network);
        trained.network = trained.optimizer.step(0.05, trained.network, gradients);
        trained.update_average();
    }
    trained
}

/// The start of a training with a moving average.
fn start(network: Net) -> TrainState<Net> {
    let average = Some(WeightAverage::new(&network, 0.9));
    TrainState { average, ..without_average(network) }
}

fn without_average(network: Net) -> TrainState<Net> {
    TrainState { network, optimizer: optimizer(), average: None }
}

fn optimizer() -> ModuleOptimizer {
    AdamWConfig::new().init()
}

/// What a run resumes from.
type Found = Result<Option<Restored<Net, State>>, TrainError>;

/// An empty folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("s2f-run-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self, config: &str) -> Result<Run, TrainError> {
        self.open_with(config, "data")
    }

    fn open_with(&self, config: &str, data: &str) -> Result<Run, TrainError> {
        let config: toml::Table = config.parse().unwrap();
        let data = DataId::of_pairs(data, 1);
        let trained_on = vec![TrainingRecord::Pairs { path: "pairs".into(), data: data.clone() }];
        Run::open(
            &self.0,
            &config,
            &ThisSession {
                invocation: Invocation {
                    commit: Some("abc123".into()),
                    command: vec!["speech2face".into(), "train".into()],
                },
                device: "cpu".into(),
                seed: 1,
                data,
                trained_on,
            },
        )
    }

    /// Resumes, and collects events.
    fn resume(&self) -> (Run, Found, Vec<TrainEvent>) {
        let mut run = self.open("seed = 1").unwrap();
        let mut events = Vec::new();
        let restored = run.restore(&start(Net::init()), |event| events.push(event.clone()));
        (run, restored, events)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let (whole, pieces) = (Folder::new("whole"), Folder::new("pieces"));
    let begin = bytes(&Net::init());
    let fresh = || weights::load(Net::init(), &begin).unwrap();

    let mut run = whole.open("seed = 1").unwrap();
    let uninterrupted = train(&mut run, start(fresh()), 0, 7);

    let (mut run, restored, _) = pieces.resume();
    assert!(restored.unwrap().is_none());
    let first = train(&mut run, start(fresh()), 0, 3);
    run.checkpoint(3, &first, &STATE).unwrap();
    train(&mut run, first, 3, 5); // lost
    drop(run);

    let (mut run, restored, events) = pieces.resume();
    let restored = restored.unwrap().unwrap();
    assert_eq!((restored.step, restored.state, events), (3, STATE, vec![]));
    let resumed = train(&mut run, restored.trained, 3, 7);
    assert_eq!(bytes(&resumed.network), bytes(&uninterrupted.network));
    assert_eq!(bytes(resumed.scored()), bytes(uninterrupted.scored()));
    assert_ne!(bytes(resumed.scored()), bytes(&resumed.network));
    let lines = |folder: &Folder| fs::read_to_string(folder.0.join("metrics.jsonl")).unwrap();
    assert_eq!(lines(&pieces), lines(&whole));
    assert!(lines(&whole).starts_with("{\"step\":1,\"loss\":"));
}

const FILES: [&str; 6] = [
    "weights.safetensors",
    "ema.safetensors",
    "optimizer.bpk",
    "parameters.json",
    "state.toml",
    "manifest.json",
];

#[test]
fn a_damaged_checkpoint_is_skipped_and_two_are_an_error() {
    let folder = Folder::new("damaged");
    let (mut run, ..) = folder.resume();
    let mut trained = start(Net::init());
    for step in [2, 4, 6] {
        trained = train(&mut run, trained, step - 2, step);
        run.checkpoint(step, &trained, &STATE).unwrap();
    }
    drop(run);
    let checkpoints = folder.0.join("checkpoints");
    assert!(!checkpoints.join("step-000002").exists());
    // What an interruption leaves.
    fs::create_dir(checkpoints.join("step-000008.tmp")).unwrap();

    let newest = checkpoints.join("step-000006");
    for file in FILES {
        let path = newest.join(file);
        let sound = fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 1;
        for damaged in [Some(&sound[..sound.len() - 1]), Some(&flipped), None] {
            match damaged {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let (_run, restored, events) = folder.resume();
            assert_eq!(restored.unwrap().unwrap().step, 4, "{file}");
            let [TrainEvent::Note(note)] = &events[..] else { panic!("{events:?}") };
            // A damaged manifest is noticed at the file with the wrong hash.
            let is_named = note.contains(file) || file == "manifest.json";
            assert!(note.contains("step-000006") && is_named, "{note}");
        }
        fs::write(&path, sound).unwrap();
    }
    assert_eq!(folder.resume().1.unwrap().unwrap().step, 6);

    fs::write(newest.join("state.toml"), "").unwrap();
    fs::write(checkpoints.join("step-000004/state.toml"), "").unwrap();
    let problem = folder.resume().1.err().unwrap().to_string();
    assert!(
        problem.contains("step-000006: state.toml has changed since it was written"),
        "{problem}"
    );
}

#[test]
fn checkpoints_of_another_network_are_refused() {
    let folder = Folder::new("other-network");
    let mut run = folder.open("seed = 1").unwrap();
    run.checkpoint(1, &without_average(Net::init()), &STATE).unwrap();
    let network: Linear = LinearConfig::new(3, 4).init(&Device::flex());
    let other = TrainState { network, optimizer: optimizer(), average: None };
    let problem = run.restore::<_, State>(&other, |_| ()).err().unwrap();
    assert!(problem.to_string().contains("it is of another network"), "{problem}");
}

#[test]
fn folders_of_other_runs_are_refused() {
    let folder = Folder::new("other");
    let check = |config: &str, data: &str, message: &str| {
        let problem = folder.open_with(config, data).err().unwrap().to_string();
        assert!(problem.contains(message), "{problem}");
    };
    fs::write(folder.0.join("letter.txt"), "dear").unwrap();
    check(
        "seed = 1",
        "data",
        "letter.txt already exists and was not written by speech2face; hint: ",
    );
    fs::remove_file(folder.0.join("letter.txt")).unwrap();
    // A configuration that somebody wrote by hand, with comments.
    fs::write(folder.0.join("config.toml"), "seed = 1 # mine").unwrap();
    check("seed = 1", "data", "config.toml already exists and was not written by speech2face");
    assert_eq!(fs::read_to_string(folder.0.join("config.toml")).unwrap(), "seed = 1 # mine");
    assert!(!folder.0.join("lock").exists());
    fs::remove_file(folder.0.join("config.toml")).unwrap();

    let run = folder.open("seed = 1\noptimisation.steps = 5").unwrap();
    check("seed = 1\noptimisation.steps = 5", "data", "another process is training in");
    drop(run);
    check("seed = 2\noptimisation.steps = 5", "data", "has seed = 1, not 2; hint: ");
    let files =
        || ["config.toml", "environment.json"].map(|name| fs::read(folder.0.join(name)).unwrap());
    let before = files();
    check("seed = 1\noptimisation.steps = 9", "more data", "on other data");
    assert!(files() == before, "a refused run was changed");
    let longer = "seed = 1\noptimisation.steps = 9\nwatch.patience = 3";
    drop(folder.open(longer).unwrap());
    let text = fs::read_to_string(folder.0.join("config.toml")).unwrap();
    assert_eq!(text.parse::<toml::Table>().unwrap(), longer.parse().unwrap());
    let text = fs::read(folder.0.join("environment.json")).unwrap();
    let environment: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(environment["resumed"].as_array().unwrap().len(), 1, "{environment}");
    let record = serde_json::json!([{ "pairs": { "path": "pairs", "data_sha256": "data-1" } }]);
    assert_eq!(environment["trained_on"], record);
    assert_eq!(environment["commit"], "abc123");
    assert_eq!(environment["command"], serde_json::json!(["speech2face", "train"]));
    let host = &environment["host"];
    assert!(host["cores"].as_u64().is_some_and(|cores| cores > 0), "{environment}");
    assert!(host["cpu"].is_string() && host["os"].is_string(), "{environment}");
}

#[test]
fn the_best_weights_are_those_of_steps_that_were_kept() {
    let folder = Folder::new("best");
    let files = || {
        let found = fs::read_dir(folder.0.join("checkpoints/best")).unwrap();
        let mut names: Vec<_> =
            found.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let (mut run, ..) = folder.resume();
    let nets = [Net::init(), Net::init(), Net::init()];
    assert!(run.keep_best(1, 0.5, &nets[0]).unwrap());
    assert!(!run.keep_best(2, 0.5, &nets[1]).unwrap());
    run.checkpoint(2, &start(nets[1].clone()), &STATE).unwrap();
    assert!(run.keep_best(3, 0.7, &nets[2]).unwrap());
    assert_eq!(files(), ["best.json", "step-000001.safetensors", "step-000003.safetensors"]);
    drop(run);

    let (mut run, ..) = folder.resume();
    assert_eq!(run.best().map(|best| (best.step, best.score)), Some((1, 0.5)));
    let text = fs::read(folder.0.join("checkpoints/best/best.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap()["step"], 1);
    let best = run.load_best(&Net::init()).unwrap().unwrap();
    assert_eq!(bytes(&best), bytes(&nets[0]));
    for step in [4, 5, 6] {
        run.keep_best(step, step as f64, &nets[2]).unwrap();
        run.checkpoint(step, &start(nets[2].clone()), &STATE).unwrap();
    }
    assert_eq!(files(), ["best.json", "step-000005.safetensors", "step-000006.safetensors"]);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let folder = Folder::new("diverged");
    let run = folder.open("seed = 1").unwrap();
    let plan = Optimisation {
        steps: Some(20),
        epochs: None,
        batch: 9,
        gradient_accumulation: 1,
        learning_rate: 0.1,
        schedule: Schedule::Cosine,
        optimizer: Optimizer::AdamW { weight_decay: 0.0 },
        clip_gradient_norm: None,
        ema_decay: None,
        batch_norm: crate::BatchStatistics::Local,
        precision: ComputePrecision::Float32,
    };
    let watch = Watch::default();
    let fresh = TrainState::new(Net::init(), &plan);
    let mut ignore = |_: &TrainEvent| ();
    let (mut session, _, _) =
        Session::start(Some(run), &OneProcess, &plan, &watch, 20, fresh, &STATE, &mut ignore)
            .unwrap();
    for _ in 0..11 {
        session.advance(vec![("texture", 1.0)], Some(2.0)).unwrap();
    }
    let before = fs::read_to_string(folder.0.join("metrics.jsonl")).unwrap();
    let ids: Vec<String> = (1..=9).map(|n| format!("clip{n}")).collect();
    let check = |losses: &[(&'static str, f64)], norm| {
        session.check(losses, Some(norm), &ids).unwrap_err().to_string()
    };
    assert_eq!(
        check(&[("texture", 1.0), ("identity", f64::NAN)], 1.0),
        "step 12: identity is not finite in the batch of clip1, clip2, clip3, clip4, clip5, \
         clip6, clip7, clip8 and 1 more; hint: lower optimisation.learning_rate"
    );
    let problem = check(&[("texture", 1.0)], f64::INFINITY);
    assert!(problem.starts_with("step 12: gradient_norm is not finite"), "{problem}");
    assert_eq!(fs::read_to_string(folder.0.join("metrics.jsonl")).unwrap(), before);
    // Each step has its rate; 0.1 · (step + 0.5) / 20 / 0.1 in the first tenth.
    let first: Value = serde_json::from_str(before.lines().next().unwrap()).unwrap();
    assert_eq!((first["step"].as_u64(), first["texture"].as_f64()), (Some(1), Some(1.0)));
    assert_eq!(first["gradient_norm"].as_f64(), Some(2.0));
    assert!((first["learning_rate"].as_f64().unwrap() - 0.025).abs() < 1e-12, "{first}");
    assert!(first["steps_per_second"].as_f64().unwrap() > 0.0, "{first}");
}
