//! Training in several processes: the tests of `train voice-encoder --mpi`, if an MPI is installed.

use std::path::Path;

use crate::program::{Outcome, run};

/// Builds the program with the feature `mpi`, and tests it.
pub fn check() -> Result<Outcome, String> {
    // The compiler that names the libraries of MPI, its launcher, and what reads its headers.
    for (tool, argument) in [("mpicc", "--version"), ("mpirun", "--version")] {
        if run(Path::new(tool), &[argument], true).is_err() {
            let reason = format!(
                "{tool} is not installed; hint: `apt-get install libopenmpi-dev openmpi-bin \
                 libclang-dev`"
            );
            return Ok(Outcome::Unchecked(reason));
        }
    }
    let arguments = [
        "test",
        "--locked",
        "--release",
        "--package=s2f-cli",
        "--features=mpi",
        "--test=it",
        "--",
        "processes",
    ];
    run(Path::new(env!("CARGO")), &arguments, false)?;
    Ok(Outcome::Passed("two processes train as one, and stop together".to_owned()))
}
