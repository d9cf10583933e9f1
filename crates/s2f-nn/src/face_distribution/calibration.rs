//! Corrections of a trained head on people that it was not trained on.

use burn::module::Param;
use burn::tensor::Tensor;

use super::{FLOOR, FaceDistributionHead, Reliability};

/// Smallest share of the noise's variance that stays above the floor.
const SMALLEST: f64 = 1e-6;

impl FaceDistributionHead {
    /// The head with all covariances multiplied by a factor above 0, those given a voice by the
    /// first and those without by the second, and with a [reliability](Reliability).
    ///
    /// Training makes covariances too small if it follows the training people more closely than
    /// others. Noise has a floor, which a factor below 1 cannot pass.
    #[must_use]
    pub fn calibrated(mut self, [own, prior]: [f64; 2], reliability: Option<Reliability>) -> Self {
        self.log_noise = scaled(self.log_noise, own);
        self.prior_log_noise = scaled(self.prior_log_noise, prior);
        self.reliability = reliability;
        self
    }
}

/// Logarithms of deviations above the floor, whose variances including it are `factor` times as
/// large. The factors' variances are in the metric of the noise, and follow.
fn scaled(log_noise: Param<Tensor<2>>, factor: f64) -> Param<Tensor<2>> {
    log_noise.map(|values| {
        let variance = (values * 2.0).exp() + FLOOR.powi(2);
        let above = variance * factor - FLOOR.powi(2);
        above.clamp_min(SMALLEST).log() * 0.5
    })
}
