//! Numbers for evaluations: vectors and distances between them, exact search, ranks in closed
//! form, statistics, the bootstrap by group, and a t-SNE map.
//!
//! Nothing here names voices, faces or files.
#![forbid(unsafe_code)]

mod bootstrap;
mod map;
mod rank;
mod search;
mod stats;
mod vectors;

pub use bootstrap::{Bootstrap, Spread, quantile, tails, wilson};
pub use map::{affinities, embed};
pub use rank::Rank;
pub use search::{Distance, Filter, Hit, nearest, ranks};
pub use stats::{
    Moments, derange, fisher_interval, holm, moments, pearson, pearson_p, probability_less,
    sign_flip_p,
};
pub use vectors::{Vectors, angle_degrees, dot};
