//! `cargo xtask instructions` records how many instructions the kernels take; the step
//! `instructions` of the checks compares with what was recorded.
//!
//! Valgrind counts them, so the result does not depend on how busy the machine is. It knows no
//! AVX-512: the kernels run with AVX2. What the program takes to start is not counted.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{program, root};

/// One case a line: its name and its instructions.
const FILE: &str = "benches/instructions.csv";
/// Recorded counts may be exceeded by this share: compilers and libraries differ a little.
const TOLERANCE: f64 = 0.05;
/// What is measured is the difference between these numbers of repeats.
const REPEATS: [u64; 2] = [1, 3];

/// Whether instructions are counted on this kind of machine.
pub const SUPPORTED: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

/// Compares the counts with those that were recorded; returns what was compared.
pub fn check() -> Result<String, String> {
    let recorded = read()?;
    let counts = count()?;
    let mut problems = Vec::new();
    for (case, count) in &counts {
        match recorded.get(case) {
            None => problems.push(format!("{case}: {count} instructions, nothing is recorded")),
            Some(before) if *count as f64 > *before as f64 * (1.0 + TOLERANCE) => {
                let more = 100.0 * (*count as f64 / *before as f64 - 1.0);
                problems
                    .push(format!("{case}: {count} instructions, {more:.1} % more than before"));
            }
            Some(_) => {}
        }
    }
    if problems.is_empty() {
        Ok(format!(
            "{} kernels take at most {:.0} % more instructions than recorded",
            counts.len(),
            100.0 * TOLERANCE
        ))
    } else {
        let hint = "hint: if that is intended, `cargo xtask instructions` records the new counts";
        Err(format!("{}; {hint}", problems.join("; ")))
    }
}

/// Records the counts.
pub fn record() -> Result<(), String> {
    let mut text = String::from("case,instructions\n");
    for (case, count) in count()? {
        text.push_str(&format!("{case},{count}\n"));
    }
    fs::write(root().join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

fn read() -> Result<BTreeMap<String, u64>, String> {
    let text = fs::read_to_string(root().join(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
    let rows = text.lines().skip(1).map(|line| {
        let (case, count) = line.split_once(',')?;
        Some((case.to_owned(), count.parse().ok()?))
    });
    rows.collect::<Option<_>>().ok_or_else(|| format!("{FILE}: a line is not CASE,NUMBER"))
}

/// Instructions of one repeat of each case.
fn count() -> Result<BTreeMap<String, u64>, String> {
    let mut build = program::command(env!("CARGO"));
    // Beside the program, whose features of the tensor library are then those of the tests.
    build.args(["build", "--locked", "--release", "--package=s2f-cli", "--package=s2f-kernels"]);
    run(build.arg("--example=instructions"))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/examples/instructions");
    let names = run(&mut Command::new(&program))?;
    let mut counts = BTreeMap::new();
    for case in String::from_utf8_lossy(&names.stdout).lines() {
        let mut totals = [0; 2];
        for (total, repeats) in totals.iter_mut().zip(REPEATS) {
            let mut valgrind = Command::new("valgrind");
            valgrind.args(["--tool=cachegrind", "--cache-sim=no"]);
            valgrind.arg("--cachegrind-out-file=/dev/null").arg(&program);
            valgrind.args([case, &repeats.to_string()]);
            valgrind.env("SPEECH2FACE_ISA", "avx2").env("RAYON_NUM_THREADS", "1");
            let output = run(&mut valgrind)?;
            let messages = String::from_utf8_lossy(&output.stderr);
            *total = references(&messages).ok_or("valgrind printed no `I refs`")?;
        }
        let [few, many] = totals;
        counts.insert(case.to_owned(), many.saturating_sub(few) / (REPEATS[1] - REPEATS[0]));
    }
    Ok(counts)
}

/// The number in `==1== I   refs:      1,234`.
fn references(messages: &str) -> Option<u64> {
    let line = messages.lines().find(|line| line.contains("refs:"))?;
    line.split(':').nth(1)?.trim().replace(',', "").parse().ok()
}

fn run(command: &mut Command) -> Result<std::process::Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.current_dir(root()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_valgrind() {
        let messages = "==7== Cachegrind, a profiler\n==7== \n==7== I   refs:      12,345,678\n";
        assert_eq!(references(messages), Some(12_345_678));
        assert_eq!(references("==7== killed"), None);
    }
}
