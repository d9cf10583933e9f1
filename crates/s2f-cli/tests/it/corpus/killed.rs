//! Preparation can be killed at any time; resumed, it gives the same files as an undisturbed run.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Kit, assert_same, run};
use crate::support::Folder;

/// Kills with signal 9 that the folder has to survive.
const KILLS: usize = 24;

#[test]
fn a_killed_preparation_resumes_to_the_same_bytes() {
    let Some(kit) = Kit::find() else { return };
    let folder = Folder::new();
    kit.people(&folder, "people", 2);
    let begun = Instant::now();
    let whole = kit.prepare(&["people", "-o", "whole", "--clips-per-part", "2"]);
    run(&folder, &whole).exits(0);
    let undisturbed = begun.elapsed();

    let pieces = kit.prepare(&["people", "-o", "pieces", "--clips-per-part", "2"]);
    let mut kills = 0;
    let mut lengths = Lengths(0x2545_f491_4f6c_dd1d);
    while kills < KILLS {
        let mut child = folder.command(&pieces).stderr(Stdio::null()).spawn().unwrap();
        // Often before the first part, now and then after the last.
        sleep(lengths.next(undisturbed));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        // It came to its end between two kills.
        assert_same(&folder, "whole", "pieces");
        std::fs::remove_dir_all(folder.path("pieces")).unwrap();
    }
    run(&folder, &pieces).exits(0);
    assert_same(&folder, "whole", "pieces");

    let again = run(&folder, &pieces).exits(0);
    assert!(again.stderr.contains("14 pairs"), "{again:#?}");
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
