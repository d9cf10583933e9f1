//! `cargo xtask fuzz`: builds the fuzzers of `fuzz` and runs them, with the stable compiler.
//!
//! The coverage that guides them is recorded in our crates and in the parsers they use, not in the
//! tensor library, which would only be slowed down. This program is therefore also a wrapper of
//! the compiler, which adds the flags to those crates.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use crate::root;

/// Set for the compiler's wrapper.
const WRAPPER: &str = "XTASK_FUZZ_WRAPPER";
/// How the names of the crates begin whose coverage is recorded. Build scripts and procedural
/// macros must not use any of them: they are linked without the fuzzer.
const COVERED: [&str; 11] = [
    "s2f_",
    "speech2face",
    "symphonia",
    "ropus",
    "image",
    "png",
    "zune_",
    "parquet",
    "csv",
    "safetensors",
    "toml",
];
const FLAGS: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
const SECONDS: u32 = 60;

/// Acts as the compiler's wrapper if cargo calls this program as such.
pub fn as_wrapper() -> Option<ExitCode> {
    env::var_os(WRAPPER)?;
    let mut arguments = env::args_os().skip(1);
    let mut compiler = Command::new(arguments.next()?);
    let arguments: Vec<OsString> = arguments.collect();
    let name = arguments.iter().skip_while(|it| *it != "--crate-name").nth(1);
    let name = name.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    compiler.args(&arguments);
    if COVERED.iter().any(|start| name.starts_with(start)) {
        compiler.args(FLAGS);
    }
    let status = compiler.status().ok()?;
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the targets in `arguments`, or all, one after the other; prints executions and coverage.
///
/// `--seconds N` is the time for each, `--seeds FOLDER` adds a folder of inputs, whose folder with
/// a target's name is for that target only, if there is one.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    let (mut names, mut seconds, mut seeds) = (Vec::new(), SECONDS, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
        match *argument {
            "--seconds" => seconds = value()?.parse().map_err(|_| "seconds are a number")?,
            "--seeds" => seeds = Some(PathBuf::from(value()?)),
            name => names.push(name.to_owned()),
        }
    }
    let known = targets()?;
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no target {unknown}; hint: one of {}", known.join(", ")));
    }
    if names.is_empty() {
        names = known;
    }
    build()?;
    let mut failed = Vec::new();
    for name in names {
        let (found, summary) = fuzz(&name, seconds, seeds.as_deref())?;
        eprintln!("{name:<14} {summary}");
        if found {
            failed.push(name);
        }
    }
    match failed[..] {
        [] => Ok(()),
        _ => Err(format!("findings in fuzz/artifacts: {}", failed.join(", "))),
    }
}

/// The targets that have a fuzzer, sorted.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|it| stem(it.path())).collect();
    names.sort();
    Ok(names)
}

fn build() -> Result<(), String> {
    let wrapper = env::current_exe().map_err(|error| error.to_string())?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--package=s2f-fuzz", "--features=libfuzzer"]);
    cargo.arg("--target-dir").arg(target_dir()).current_dir(root());
    cargo.env("RUSTC_WRAPPER", wrapper).env(WRAPPER, "1");
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the fuzzers could not be built".into()) }
}

/// Where the fuzzers are built.
fn target_dir() -> PathBuf {
    env::var_os("FUZZ_TARGET_DIR").map_or_else(|| root().join("target/fuzz"), PathBuf::from)
}

/// Runs one fuzzer; returns whether it found something, and one line about it.
fn fuzz(name: &str, seconds: u32, seeds: Option<&Path>) -> Result<(bool, String), String> {
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut fuzzer = Command::new(target_dir().join("release").join(name));
    fuzzer.arg(corpus);
    let own = seeds.map(|seeds| seeds.join(name)).filter(|own| own.is_dir());
    let configs = (name == "configuration").then(|| root().join("configs"));
    let folders = [Some(fuzz.join("seeds").join(name)), Some(fuzz.join("regressions").join(name))];
    let folders = folders.into_iter().chain([own.or(seeds.map(Path::to_path_buf)), configs]);
    fuzzer.args(folders.flatten().filter(|folder| folder.is_dir()));
    let dictionary = fuzz.join("dictionaries").join(name);
    if dictionary.is_file() {
        fuzzer.arg(format!("-dict={}", dictionary.display()));
    }
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
    fuzzer.arg(format!("-max_total_time={seconds}"));
    fuzzer.args(["-max_len=262144", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    let output = fuzzer.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let log_file = artifacts.join("log.txt");
    fs::write(&log_file, log.as_bytes()).map_err(|e| format!("{}: {e}", log_file.display()))?;
    Ok((!output.status.success(), summary(&log)))
}

/// Executions, covered edges and memory, from what libFuzzer printed.
fn summary(log: &str) -> String {
    let after = |word: &str| {
        let at = log.rfind(word)? + word.len();
        log[at..].split_whitespace().next()
    };
    let unknown = "?";
    format!(
        "{} executions, {} edges, {} inputs, {} MB",
        after("stat::number_of_executed_units:").unwrap_or(unknown),
        after("cov:").unwrap_or(unknown),
        after("corp:").and_then(|it| it.split('/').next()).unwrap_or(unknown),
        after("stat::peak_rss_mb:").unwrap_or(unknown),
    )
}
