//! Training in several processes: threads take their place, which exchange messages as MPI does.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use s2f_testing::{largest_difference, without_speed};
use s2f_train::devices::Devices;
use s2f_train::peers::{Peers, PeersError, Processes};
use s2f_train::{Invocation, TrainError, VoiceEncoderScores, train_voice_encoder};

use crate::optimisation::{PLAIN, tensors, values};
use crate::pairs::Training;

/// Time after which another process counts as lost.
const LIMIT: Duration = Duration::from_secs(60);
const SYNCHRONISED: &str = "optimisation.batch_norm=synchronised";
const CHECKPOINTS: &str =
    "watch={ checkpoint_every = 2, validate_every = 4, sheet_every = 0, patience = 100 }";

/// One of several processes, with a channel to and from each.
#[derive(Debug)]
struct Process {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Mutex<Vec<Receiver<Vec<u8>>>>,
}

impl Process {
    fn start(count: usize) -> Vec<Self> {
        let mut from: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut to: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for senders in &mut to {
            for receivers in &mut from {
                let (sender, receiver) = channel();
                senders.push(sender);
                receivers.push(receiver);
            }
        }
        to.into_iter()
            .zip(from)
            .enumerate()
            .map(|(rank, (to, from))| Self { rank, to, from: Mutex::new(from) })
            .collect()
    }

    fn exchange(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, PeersError> {
        let from = self.from.lock().unwrap();
        for to in &self.to {
            to.send(own.to_vec()).map_err(|_| PeersError::Lost)?;
        }
        from.iter().map(|from| from.recv_timeout(LIMIT).map_err(|_| PeersError::Lost)).collect()
    }
}

impl Peers for Process {
    fn index(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.to.len()
    }

    fn gather(&self, own: Vec<f32>) -> Result<Vec<Vec<f32>>, PeersError> {
        let own: Vec<u8> = own.into_iter().flat_map(f32::to_le_bytes).collect();
        let values = |bytes: Vec<u8>| {
            bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
        };
        Ok(self.exchange(&own)?.into_iter().map(values).collect())
    }
}

impl Processes for Process {
    fn broadcast(&self, bytes: Vec<u8>) -> Result<Vec<u8>, PeersError> {
        Ok(self.exchange(&bytes)?.swap_remove(0))
    }

    fn abort(&self) {}
}

/// What each of `count` processes returns.
fn train(
    training: &Training,
    run: &str,
    count: usize,
    settings: &[&str],
) -> Vec<Result<Option<VoiceEncoderScores>, TrainError>> {
    train_by(training, run, count, |_| settings.to_vec())
}

/// The same with settings for each process.
fn train_by<'a>(
    training: &Training,
    run: &str,
    count: usize,
    settings: impl Fn(usize) -> Vec<&'a str> + Sync,
) -> Vec<Result<Option<VoiceEncoderScores>, TrainError>> {
    let out = training.path(run);
    let one = |process: Process| {
        let config = training.config(&settings(process.rank));
        let devices = Devices::cpu().with_processes(Arc::new(process))?;
        train_voice_encoder(&config, &out, devices, &Invocation::default(), |_| ())
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            Process::start(count).into_iter().map(|process| scope.spawn(|| one(process))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Copies the first steps of a run, so that all runs have the same fresh weights: these come from a
/// generator that all threads share.
fn copy_run(training: &Training, from: &str, to: &str) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    copy(&training.path(from), &training.path(to));
}

#[test]
fn processes_make_the_steps_of_one_and_resume_in_any_number() {
    let training = Training::new();
    let losses = "losses={ direction = 1.0, contrastive = 1.0, pixel = 0.5, pixel_batch = 3 }";
    // Without batch normalisation, and with one over all processes, which is that of one.
    for (name, own) in [("plain", PLAIN), ("synchronised", SYNCHRONISED)] {
        let settings = |steps| [own, losses, CHECKPOINTS, steps];
        let run = |run: &str, from: &str, count: usize, steps| {
            let (run, from) = (format!("{name}-{run}"), format!("{name}-{from}"));
            if run != from {
                copy_run(&training, &from, &run);
            }
            let mut results = train(&training, &run, count, &settings(steps)).into_iter();
            assert!(results.next().unwrap().unwrap().is_some());
            assert!(results.all(|result| result.unwrap().is_none()));
        };
        let file = |run: &str, file: &str| training.path(&format!("{name}-{run}")).join(file);
        let weights =
            |run: &str| tensors(&file(run, "checkpoints/step-000012/weights.safetensors"));
        let metrics =
            |run: &str| without_speed(&fs::read_to_string(file(run, "metrics.jsonl")).unwrap());
        let (first, all) = ("optimisation.steps=2", "optimisation.steps=12");
        run("first", "first", 1, first);
        run("one", "first", 1, all);
        // 16 examples in shards of 8, or of 5, 5 and 6.
        for (together, count) in [("two", 2), ("three", 3)] {
            run(together, "first", count, all);
            for loss in ["direction", "contrastive", "pixel", "gradient_norm"] {
                let of = |run: &str| values(&training, &format!("{name}-{run}"), loss);
                let (one, found) = (of("one"), of(together));
                assert_eq!((one.len(), found.len()), (12, 12));
                for (a, b) in one.iter().zip(&found) {
                    assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{loss}: {one:?} {found:?}");
                }
            }
            let difference = largest_difference(&weights("one"), &weights(together));
            assert!(difference < 1e-3, "{name}, {count}: {difference}");
            // Not the result of one process: sums of float32 in another order.
            assert_ne!(metrics("one"), metrics(together));
        }
        // Twice gives the same bytes, and so do a run that was interrupted and one that goes on in
        // another number of processes from the same checkpoint.
        run("again", "first", 2, all);
        assert_eq!(metrics("again"), metrics("two"));
        assert_eq!(weights("again"), weights("two"));
        fs::remove_dir_all(file("again", "checkpoints/step-000012")).unwrap();
        run("again", "again", 2, all);
        assert_eq!(metrics("again"), metrics("two"));
        assert_eq!(weights("again"), weights("two"));
        fs::remove_dir_all(file("again", "checkpoints/step-000012")).unwrap();
        run("again", "again", 1, all);
        assert!(largest_difference(&weights("again"), &weights("two")) < 1e-3);
    }
}

#[test]
fn a_lost_process_is_an_error_and_too_many_are_refused() {
    let mut processes = Process::start(2);
    drop(processes.pop());
    let only = processes.remove(0);
    let lost = Devices::cpu().with_processes(Arc::new(only)).unwrap_err();
    assert_eq!(lost, PeersError::Lost);

    let training = Training::new();
    let settings = ["optimisation.batch=2", "optimisation.steps=2"];
    for result in train(&training, "run", 3, &settings) {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("batch is 2"), "{message}");
    }
    assert!(!training.path("run").exists());
}

#[test]
fn processes_with_another_configuration_are_refused() {
    let training = Training::new();
    let seeds = ["seed=1", "seed=2"];
    let results = train_by(&training, "run", 2, |rank| vec!["optimisation.steps=2", seeds[rank]]);
    for result in results {
        let message = result.unwrap_err().to_string();
        assert!(message.contains("different configurations or data"), "{message}");
    }
    assert!(!training.path("run").exists());
}
