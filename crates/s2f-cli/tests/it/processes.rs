//! `train voice-encoder --mpi`, started by `mpirun` in two processes and in one. A build with the
//! feature `mpi` has these tests; they need an installed MPI.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use safetensors::SafeTensors;

use crate::support::{Folder, Run};
use crate::training::{metrics, values, write_pairs};

const STEPS: usize = 50;
/// Within this time after one process was killed, all have stopped.
const SOON: Duration = Duration::from_secs(10);
/// Time for a run of [`STEPS`] steps on a slow machine.
const LONG: Duration = Duration::from_secs(300);

/// The arguments of a training into `out`.
fn train(out: &str, steps: usize, more: &[&str]) -> Vec<String> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/contrastive.toml");
    let mut arguments =
        ["train", "voice-encoder", config, "--mpi", "-o", out].map(str::to_owned).to_vec();
    let steps = format!("optimisation.steps={steps}");
    let settings = [
        "data.pairs.path=tones.parquet",
        "clips.seconds=1.2",
        "network.layers=[{ channels = 4, stride = [4, 2], pool = false }, \
         { channels = 8, stride = [2, 4], pool = false }]",
        "network.hidden=16",
        "network.batch_norm=false",
        "losses={ direction = 1.0, contrastive = 1.0, pixel = 0.5, pixel_batch = 2 }",
        "optimisation.batch=8",
        "optimisation.schedule={ decay = { factor = 1.0, every = 1000 } }",
        "watch={ checkpoint_every = 5, validate_every = 25, sheet_every = 0 }",
        &steps,
    ];
    for setting in settings.iter().chain(more) {
        arguments.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    arguments
}

/// `mpirun`, to be run in the folder.
fn mpirun(folder: &Folder, processes: usize, arguments: &[String]) -> Command {
    let program = folder.command(arguments);
    let mut command = Command::new("mpirun");
    command.args(["-n", &processes.to_string()]).arg(program.get_program()).args(arguments);
    // Of Open MPI, which refuses to start as root and more processes than cores.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command.current_dir(folder.path(".")).stdin(Stdio::null());
    command
}

#[track_caller]
fn run(folder: &Folder, processes: usize, arguments: &[String]) -> Run {
    Run::of(mpirun(folder, processes, arguments).output().unwrap())
}

/// All weights of the last step.
fn weights(folder: &Folder, run: &str) -> Vec<f32> {
    let bytes = folder.read(&format!("{run}/checkpoints/step-{STEPS:06}/weights.safetensors"));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let of = |name: &str| file.tensor(name).unwrap().data().to_vec();
    let bytes: Vec<u8> = names.into_iter().flat_map(of).collect();
    bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
}

/// Checks that two runs came to the same end, to the byte.
#[track_caller]
fn assert_same(folder: &Folder, a: &str, b: &str) {
    let last = format!("checkpoints/step-{STEPS:06}/weights.safetensors");
    for file in [last.as_str(), "model/model.safetensors", "scores.json"] {
        let read = |run: &str| folder.read(&format!("{run}/{file}"));
        assert!(read(a) == read(b), "{a}/{file} and {b}/{file} differ");
    }
    assert_eq!(metrics(folder, a), metrics(folder, b), "{a} and {b}");
}

/// Checks that two runs made the same steps but for the order of their sums.
#[track_caller]
fn assert_close(folder: &Folder, a: &str, b: &str) {
    for loss in ["direction", "contrastive", "pixel"] {
        let (one, two) = (values(folder, a, loss), values(folder, b, loss));
        assert_eq!((one.len(), two.len()), (STEPS, STEPS), "{loss}");
        let largest = one.iter().zip(&two).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        eprintln!("{a} and {b}: {loss} differs by {largest:.2e}");
        assert!(largest < 1e-5, "{loss}: {one:?}, {two:?}");
    }
    let (one, two) = (weights(folder, a), weights(folder, b));
    let largest = one.iter().zip(&two).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    eprintln!("{a} and {b}: weights differ by {largest:.2e}");
    assert!(one.len() == two.len() && largest < 1e-4, "{largest}");
}

#[test]
fn two_processes_make_the_steps_of_one() {
    let folder = Folder::new();
    write_pairs(&folder);
    for (out, processes) in [("one", 1), ("two", 2), ("again", 2)] {
        let done = run(&folder, processes, &train(out, STEPS, &[])).exits(0);
        // Only the first process prints.
        assert_eq!(done.stderr.matches("step 50 of 50").count(), 1, "{done:#?}");
    }
    assert_close(&folder, "one", "two");
    assert_ne!(metrics(&folder, "one"), metrics(&folder, "two"));
    assert_same(&folder, "two", "again");

    // Half of the steps in two processes, the others in one, in three, and again in two.
    run(&folder, 2, &train("half", 25, &[])).exits(0);
    for (out, processes) in [("half-one", 1), ("half-three", 3), ("half-two", 2)] {
        copy(&folder.path("half"), &folder.path(out));
        let resumed = run(&folder, processes, &train(out, STEPS, &[])).exits(0);
        resumed.says(&["resuming after step 25 of 50"]);
    }
    assert_close(&folder, "one", "half-one");
    assert_close(&folder, "one", "half-three");
    assert_same(&folder, "two", "half-two");
}

#[test]
fn synchronised_batch_normalisation_makes_the_steps_of_one_process() {
    let folder = Folder::new();
    write_pairs(&folder);
    // Batch normalisation cancels the bias before it where ReLU lets all values pass. The bias then
    // has rounding errors for a gradient; with a small epsilon, Adam would make large steps of
    // them.
    let own = [
        "network.batch_norm=true",
        "optimisation.batch_norm=synchronised",
        "optimisation.optimizer={ adam = { beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-3 } }",
    ];
    for (out, processes) in [("one", 1), ("two", 2)] {
        run(&folder, processes, &train(out, STEPS, &own)).exits(0);
    }
    assert_close(&folder, "one", "two");
}

#[test]
fn all_processes_stop_when_one_is_killed_and_the_same_command_resumes() {
    let folder = Folder::new();
    write_pairs(&folder);
    run(&folder, 2, &train("whole", STEPS, &[])).exits(0);
    for victim in [0, 1] {
        let out = format!("killed-{victim}");
        let mut command = mpirun(&folder, 2, &train(&out, STEPS, &[]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        let checkpoint = folder.path(format!("{out}/checkpoints/step-000010"));
        while !checkpoint.exists() {
            assert!(begun.elapsed() < LONG && child.try_wait().unwrap().is_none());
            sleep(Duration::from_millis(5));
        }
        let ranks = children(child.id());
        assert_eq!(ranks.len(), 2, "{ranks:?}");
        let killed = Instant::now();
        let pid = ranks[victim].to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        while child.try_wait().unwrap().is_none() {
            assert!(killed.elapsed() < SOON, "mpirun still runs");
            sleep(Duration::from_millis(5));
        }
        eprintln!("all had stopped {:.2} s after the kill", killed.elapsed().as_secs_f64());
        let stopped = Run::of(child.wait_with_output().unwrap());
        assert_ne!(stopped.code, Some(0));
        stopped.says(&["signal 9"]);
        assert!(!ranks.iter().any(|pid| is_alive(*pid)), "{ranks:?}");
        assert!(!folder.path(format!("{out}/model")).exists());
        run(&folder, 2, &train(&out, STEPS, &[])).exits(0).says(&["resuming after step"]);
        assert_same(&folder, "whole", &out);
    }
}

#[test]
fn an_error_of_one_process_stops_all_and_is_printed_once() {
    let folder = Folder::new();
    write_pairs(&folder);
    let begun = Instant::now();
    let failed = run(&folder, 2, &train("out", STEPS, &["optimisation.batch=2"]));
    assert!(begun.elapsed() < LONG && failed.code != Some(0), "{failed:#?}");
    assert_eq!(failed.stderr.matches("error: ").count(), 1, "{failed:#?}");
    failed.says(&["batch is 2", "hint: "]);
    assert!(!folder.path("out").exists());

    // Two programs of one job with different seeds.
    let program = folder.command(["--version"]).get_program().to_owned();
    let (first, second) = (train("out", STEPS, &[]), train("out", STEPS, &["seed=2"]));
    let mut command = mpirun(&folder, 1, &first);
    command.args([":", "-n", "1"]).arg(program).args(second);
    let failed = Run::of(command.output().unwrap());
    assert_ne!(failed.code, Some(0));
    failed.says(&["the processes have different configurations or data"]);
    assert!(!folder.path("out").exists());
}

/// Children of a process, oldest first.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// Whether a process runs; one that nobody has waited for yet does not.
fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains("zombie"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
