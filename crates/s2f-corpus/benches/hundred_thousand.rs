//! Time and memory of operations on 100 000 pairs: `cargo bench -p s2f-corpus --bench
//! hundred_thousand`.
//!
//! The pairs are made in a temporary folder (0.4 GB, twice for the merge), 100 parts of 1000, each
//! with 1.2 kB of voice, 0.8 kB of face and a feature of 256 dimensions. Each operation runs in a
//! separate process, so that its peak memory (`VmHWM`, Linux) is measured separately.

// To the lints, benchmarks are not tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use s2f_core::Sex;
use s2f_core::hash::{Digest, Sha256};
use s2f_corpus::stats::Stats;
use s2f_pairs::{
    Pair, PairFileInfo, PairInfo, PairSet, PairWriter, Payload, Shares, SplitTable, merge, resplit,
};

const PARTS: usize = 100;
const PAIRS_A_PART: usize = 1000;
const SPEAKERS: usize = 2000;
const DIMENSION: usize = 256;

/// The name of a row of the table, and what is measured.
type Operation = (&'static str, fn(&Path));

const OPERATIONS: [Operation; 6] = [
    ("write parts", write),
    ("merge", |folder| merge(&parts(folder), &folder.join("set")).unwrap()),
    ("check (open)", |folder| {
        let set = PairSet::open(&folder.join("set")).unwrap();
        assert_eq!(set.pairs() as usize, PARTS * PAIRS_A_PART);
        assert_eq!(set.speakers().len(), SPEAKERS);
    }),
    ("split again", |folder| {
        let shares = Shares { validation: 0.2, test: 0.2 };
        resplit(&folder.join("set"), &shares, 7).unwrap();
    }),
    ("stats", |folder| {
        let stats = Stats::of(&PairSet::open(&folder.join("set")).unwrap()).unwrap();
        assert_eq!(stats.pairs, PARTS * PAIRS_A_PART);
        assert_eq!(stats.by_split["test"].people, SPEAKERS / 5);
    }),
    ("read all rows", |folder| {
        let set = PairSet::open(&folder.join("set")).unwrap();
        assert_eq!(set.rows(Payload::ALL, None).map(Result::unwrap).count(), PARTS * PAIRS_A_PART);
    }),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, child, number, folder] = arguments.as_slice()
        && child == "child"
    {
        let (_, run) = OPERATIONS[number.parse::<usize>().unwrap()];
        let start = Instant::now();
        run(Path::new(folder));
        println!("{:.2} {:.0}", start.elapsed().as_secs_f64(), peak_mb());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    println!("{} pairs in {PARTS} parts", PARTS * PAIRS_A_PART);
    println!("{:14} {:>8} {:>9}", "", "time, s", "peak, MB");
    for (number, (name, _)) in OPERATIONS.iter().enumerate() {
        let mut child = Command::new(&arguments[0]);
        let output =
            child.arg("child").arg(number.to_string()).arg(folder.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let Some((seconds, peak)) = text.trim().split_once(' ') else {
            panic!("{name}: {}", String::from_utf8_lossy(&output.stderr));
        };
        println!("{name:14} {seconds:>8} {peak:>9}");
    }
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    (0..PARTS).map(|part| folder.join(format!("{part:05}.parquet"))).collect()
}

fn write(folder: &Path) {
    let names = (0..SPEAKERS).map(|number| (format!("id{number:05}"), None));
    let splits = SplitTable::assign(names, &Shares::default(), 0);
    let info = PairFileInfo {
        face_space: "mobileface".into(),
        face_dimension: DIMENSION,
        splits_sha256: splits.hash(),
    };
    let mut random = SmallRng::seed_from_u64(0);
    for (part, path) in parts(folder).iter().enumerate() {
        let mut writer = PairWriter::create(path, &info).unwrap();
        for row in 0..PAIRS_A_PART {
            writer.push(&pair(part * PAIRS_A_PART + row, &splits, &mut random)).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn pair(number: usize, splits: &SplitTable, random: &mut SmallRng) -> Pair {
    let mut bytes = |length: usize| {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        bytes
    };
    let (audio, face) = (bytes(1200), bytes(800));
    let mut feature: Vec<f32> = (0..DIMENSION).map(|_| random.random_range(-1.0..1.0)).collect();
    let length = feature.iter().map(|x| x * x).sum::<f32>().sqrt();
    feature.iter_mut().for_each(|x| *x /= length);
    let speaker_id = format!("id{:05}", number * 7919 % SPEAKERS);
    let hex = |bytes: &[u8]| {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let info = PairInfo {
        pair_id: format!("{speaker_id}_video{:06}_{number:07}", number / 4),
        source: format!("video{:06}", number / 4),
        split: splits.split_of(&speaker_id),
        speaker_id,
        seconds: 6.0,
        sex: Some(if number.is_multiple_of(2) { Sex::Female } else { Sex::Male }),
        age: Some(20.0 + (number % 50) as f32),
        language: Some("en".into()),
        licence: "CC BY 4.0".into(),
        audio_sha256: hex(&audio),
        face_sha256: hex(&face),
    };
    Pair {
        info,
        audio,
        face,
        face_points: [[80.0, 90.0]; 5],
        feature,
        face_space: "mobileface".into(),
    }
}

/// The most memory that this process ever held, MB.
fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}
