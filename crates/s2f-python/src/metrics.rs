//! Metrics of searches, with intervals.

use pyo3::prelude::*;
use s2f_metrics::{Bootstrap, Distance, Rank, Uncertainty, Vectors, by_speaker};

use crate::error::invalid;
use crate::source::floats;
use crate::threads;

/// A score, its 95 % interval, its chance level, and the numbers of values and speakers.
type Score = (f64, Option<(f64, f64)>, Option<f64>, usize, usize);

/// The rank of each probe's own item among all items of a gallery: `closer`, `ties`, `others`.
/// `probes` and `gallery` are rows of `dimension` 32-bit floats.
#[pyfunction]
#[pyo3(signature = (probes, gallery, own, centre, dimension, distance, /))]
pub fn ranks(
    py: Python<'_>,
    probes: &[u8],
    gallery: &[u8],
    own: Vec<usize>,
    centre: &[u8],
    dimension: usize,
    distance: &str,
) -> PyResult<Vec<(u32, u32, u32)>> {
    let Some(distance) = Distance::ALL.into_iter().find(|one| one.name() == distance) else {
        let names = Distance::ALL.map(Distance::name).join(", ");
        let message = format!("there is no distance called {distance:?}");
        return Err(invalid(py, &message, &format!("use one of {names}")));
    };
    let [probes, gallery] = [probes, gallery].map(|rows| Vectors::new(floats(rows), dimension));
    let centre = floats(centre);
    if let Some(item) = own.iter().find(|&&item| item >= gallery.len()) {
        let message = format!("there is no item {item} in a gallery of {}", gallery.len());
        return Err(invalid(py, &message, "items are counted from 0"));
    }
    let found = threads::compute(py, || {
        s2f_metrics::ranks(&probes, &gallery, &own, &centre, &[distance], &[])
    })?;
    let ranks = found.into_iter().flatten().flatten();
    Ok(ranks.map(|Rank { closer, ties, others }| (closer, ties, others)).collect())
}

/// The share of searches whose own item is among the first `k`.
#[pyfunction]
#[pyo3(signature = (ranks, speakers, k, draws, seed, /))]
pub fn recall_at_k(
    py: Python<'_>,
    ranks: Vec<(u32, u32, u32)>,
    speakers: Vec<usize>,
    k: usize,
    draws: usize,
    seed: u64,
) -> PyResult<Score> {
    let ranks: Vec<Rank> = ranks.into_iter().map(rank).collect();
    let values: Vec<f64> = ranks.iter().map(|rank| rank.within(k)).collect();
    let chances: f64 = ranks.iter().map(|rank| rank.chance_within(k)).sum();
    let chance = Some(chances / ranks.len() as f64);
    score(py, &values, &speakers, chance, true, draws, seed)
}

/// How often the own item is the closest of `n`.
#[pyfunction]
#[pyo3(signature = (ranks, speakers, n, draws, seed, /))]
pub fn one_of_n(
    py: Python<'_>,
    ranks: Vec<(u32, u32, u32)>,
    speakers: Vec<usize>,
    n: usize,
    draws: usize,
    seed: u64,
) -> PyResult<Score> {
    let values = ranks.into_iter().map(|found| rank(found).best_of(n).unwrap_or(f64::NAN));
    let values: Vec<f64> = values.collect();
    score(py, &values, &speakers, Some(1.0 / n as f64), true, draws, seed)
}

/// The mean of values; of a share, each is from 0 to 1.
#[pyfunction]
#[pyo3(signature = (values, speakers, is_share, draws, seed, /))]
pub fn mean(
    py: Python<'_>,
    values: Vec<f64>,
    speakers: Vec<usize>,
    is_share: bool,
    draws: usize,
    seed: u64,
) -> PyResult<Score> {
    score(py, &values, &speakers, None, is_share, draws, seed)
}

fn rank((closer, ties, others): (u32, u32, u32)) -> Rank {
    Rank { closer, ties, others }
}

/// A mean by speaker, with the interval of a report's scores.
fn score(
    py: Python<'_>,
    values: &[f64],
    speakers: &[usize],
    chance: Option<f64>,
    is_share: bool,
    draws: usize,
    seed: u64,
) -> PyResult<Score> {
    let count = speakers.iter().max().map_or(0, |&last| last + 1);
    let sums = by_speaker(values, speakers.iter().copied(), count);
    let [sum, pairs] = sums.iter().fold([0.0; 2], |[a, b], [sum, n]| [a + sum, b + n]);
    let found = threads::compute(py, || {
        let bootstrap = Bootstrap::new(count, draws, seed);
        if is_share { bootstrap.share(&sums) } else { bootstrap.mean(&sums) }
    })?;
    let interval = found.map(|Uncertainty { interval: [low, high], .. }| (low, high));
    let present = sums.iter().filter(|[_, n]| *n > 0.0).count();
    Ok((sum / pairs, interval, chance, pairs as usize, present))
}
