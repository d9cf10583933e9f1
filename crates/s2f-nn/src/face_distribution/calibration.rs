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

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use s2f_core::{FaceSpace, Normalisation};

    use super::*;
    use crate::{FaceDistribution, FaceDistributionConfig};

    #[test]
    fn all_covariances_have_their_factor_and_means_stay() {
        let device = Device::flex();
        let config = FaceDistributionConfig {
            embedding: 3,
            feature: 5,
            traits: 0,
            components: 2,
            rank: 2,
            reliability: None,
        };
        let (name, normalisation) = ("five".into(), Normalisation::None);
        let space = FaceSpace { name, dimension: 5, normalisation, traits: Vec::new() };
        let head = config.init(&device).unwrap();
        let both = |head: &FaceDistributionHead| {
            let voice = Tensor::ones([1, 3], &device);
            [head.distributions(voice, &space).unwrap().remove(0), head.prior(&space).unwrap()]
        };
        let reliability = Some(Reliability { components_s: 2.0, weights_s: 2.0 });
        let [own, prior] = both(&head);
        let calibrated = head.calibrated([1.7, 0.6], reliability);
        for ((before, after), factor) in [own, prior].iter().zip(both(&calibrated)).zip([1.7, 0.6])
        {
            let components = |of: &FaceDistribution| of.mixture().components().to_vec();
            for (before, after) in components(before).iter().zip(components(&after)) {
                assert_eq!(before.mean(), after.mean());
                for (before, after) in before.variance().iter().zip(after.variance()) {
                    // Values of 32 bits.
                    assert!((after / before - factor).abs() < 1e-5, "{after} after {before}");
                }
            }
        }
        assert_eq!(calibrated.information(2.0).components, 0.5);
    }
}
