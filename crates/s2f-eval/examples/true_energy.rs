//! The energy score of the true distribution of faces given a voice, on a synthetic population.
//!
//! ```sh
//! cargo run --release -p s2f-eval --example true_energy -- PAIRS OTHERS
//! ```
//!
//! OTHERS are the pairs of a population with the same voices and other faces (`corpus synth
//! --face-seed`). Two faces x and x' of a voice are then independent samples of the true
//! distribution, whose energy score E|X - x| - E|X - X'|/2 has the expectation E|X - X'|/2: half of
//! their mean distance. No model has a smaller one on average, whatever it hears in the sound.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use s2f_metrics::{Vectors, mean_distance};
use s2f_pairs::{PairSet, Payload};

/// Speaker and face feature of each pair by the name of its recording.
type Faces = BTreeMap<String, (String, Vec<f32>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [pairs, others] = paths.as_slice() else { return Err("usage: PAIRS OTHERS".into()) };
    let (pairs, others) = (faces(pairs)?, faces(others)?);
    let mut halves: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (pair, (speaker, face)) in &pairs {
        let Some((_, other)) = others.get(pair) else { continue };
        let both = Vectors::from_rows([face.as_slice(), other.as_slice()]);
        halves.entry(speaker).or_default().push(mean_distance(&both) / 2.0);
    }
    let means = halves.values().map(|own| own.iter().sum::<f64>() / own.len() as f64);
    let count = halves.len() as f64;
    let mean = means.clone().sum::<f64>() / count;
    let variance = means.map(|own| (own - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = 1.96 * (variance / count).sqrt();
    #[allow(clippy::print_stdout, reason = "a program")]
    {
        println!("energy score of the truth: {mean:.4} ± {error:.4} over {count} people");
    }
    Ok(())
}

fn faces(path: &Path) -> Result<Faces, Box<dyn Error>> {
    let payload = Payload { feature: true, ..Payload::default() };
    let set = PairSet::open(path)?;
    set.rows(payload, None)
        .map(|row| {
            let row = row?;
            Ok((row.info.pair_id, (row.info.speaker_id, row.feature)))
        })
        .collect()
}
