//! Metrics of an evaluation: vectors and distances between them, exact search, ranks, confidence
//! intervals, tests of significance, and a t-SNE map.
//!
//! | to find | look in |
//! |---|---|
//! | rows of `f32`, means, angles between rows | `vectors.rs` |
//! | every probe against every item of a gallery | `search.rs` |
//! | recall at K and one of N, from a rank, in closed form | `rank.rs` |
//! | where a score gets its interval | `bootstrap.rs` |
//! | intervals in closed form: shares, balanced shares, correlations | `interval.rs` |
//! | Pearson's r, p-values, corrections for several tests | `significance.rs` |
//! | scores of predicted distributions: energy score, coverage, uniformity | `calibration.rs` |
//! | random assignments of other people's voices, for controls | `derangement.rs` |
//! | a map of features in the plane | `tsne.rs` |
//!
//! Nothing here depends on voices, faces or files.
#![forbid(unsafe_code)]

mod vectors;

mod search;

mod rank;

mod bootstrap;
mod interval;

mod calibration;

mod derangement;
mod significance;

mod tsne;

#[cfg(test)]
mod tests;

pub use bootstrap::{Bootstrap, SumAndCount, Uncertainty, by_speaker};
pub use calibration::{
    Uniformity, coverage, density_level, energy_score, mean_distance, rank_histogram, uniformity,
};
pub use derangement::derange;
pub use interval::{
    Term, clopper_pearson, combine, fisher, percentile, percentile_levels, quantile, wilson,
};
pub use rank::Rank;
pub use search::{Distance, Filter, Hit, nearest, ranks};
pub use significance::{Moments, holm, moments, pearson, pearson_p, probability_less, sign_flip_p};
pub use tsne::{affinities, tsne};
pub use vectors::{Vectors, angle_degrees, dot};
