//! One corpus on several machines.

use super::{Kit, assert_same, run};
use crate::support::{Folder, Run};

#[test]
fn shards_in_one_folder_or_several_give_what_one_run_gives() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    kit.people(&folder, "people", 1);
    let prepare = |out: &str, more: &[&str]| {
        let arguments = ["people", "-o", out, "--clips-per-part", "1"];
        kit.prepare(&[&arguments[..], more].concat())
    };
    run(&folder, &prepare("whole", &[])).exits(0);

    // Each in its own folder.
    run(&folder, &prepare("a", &["--shard", "0/2"])).exits(0).says(&["corpus merge"]);
    let early = ["corpus", "merge", "a", "-o", "merged"];
    folder.run(early).exits(2).says(&["3 of 7 parts are missing", "hint:"]);
    run(&folder, &prepare("b", &["--shard", "1/2"])).exits(0);
    for (name, foreign) in [("pairs-00000.parquet", "PAR1 mine PAR1"), ("rejected.csv", "mine\n")] {
        let path = format!("mine/{name}");
        folder.write(&path, foreign);
        let error = format!("error: {path} already exists and was not written by speech2face");
        folder.run(["corpus", "merge", "a", "b", "-o", "mine"]).exits(2).says(&[&error]);
        assert_eq!(folder.read(&path), foreign.as_bytes());
        std::fs::remove_file(folder.path(&path)).unwrap();
    }
    folder.run(["corpus", "merge", "a", "b", "-o", "merged"]).exits(0).says(&["7 pairs"]);
    assert_same(&folder, "whole", "merged");

    // Both in one folder, by the variables of a scheduler; merging removes their parts.
    for index in ["1", "2"] {
        let mut command = folder.command(prepare("both", &[]));
        command.env("SLURM_ARRAY_TASK_ID", index).env("SLURM_ARRAY_TASK_COUNT", "2");
        command.env("SLURM_ARRAY_TASK_MIN", "1");
        Run::of(command.output().unwrap()).exits(0).says(&["SLURM_ARRAY_TASK_ID"]);
    }
    folder.run(["corpus", "merge", "both", "-o", "both"]).exits(0);
    assert_same(&folder, "whole", "both");
}

#[test]
fn a_folder_is_for_one_job() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    kit.people(&folder, "people", 1);
    run(&folder, &kit.prepare(&["people", "-o", "out"])).exits(0);
    let before = super::contents(&folder, "out");
    run(&folder, &kit.prepare(&["people", "-o", "out", "--fps", "5"]))
        .exits(2)
        .says(&["frames_per_second 2.0, now 5.0", "hint:"]);
    kit.people(&folder, "people", 2);
    run(&folder, &kit.prepare(&["people", "-o", "out"])).exits(2).says(&["clips 7, now 14"]);
    folder.write("other/letter.txt", "mine");
    run(&folder, &kit.prepare(&["people", "-o", "other"])).exits(2).says(&["letter.txt"]);
    assert_eq!(super::contents(&folder, "out"), before);
}
