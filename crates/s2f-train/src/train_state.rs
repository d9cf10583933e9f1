//! What the steps of a training change: the network, the optimizer, and the moving average of the
//! weights if there is one.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use crate::Optimisation;

/// What the steps of a training change.
pub(crate) struct TrainState<M> {
    pub(crate) network: M,
    pub(crate) optimizer: ModuleOptimizer,
    /// The exponential moving average of the weights, if `optimisation.ema_decay` is set.
    pub(crate) average: Option<WeightAverage<M>>,
}

/// An exponential moving average of the weights of a network and of its running statistics: it
/// starts with their first values, then average = decay · average + (1 − decay) · weights (Polyak
/// and Juditsky, 1992; decay as in TensorFlow's `ExponentialMovingAverage`).
pub(crate) struct WeightAverage<M> {
    decay: f64,
    /// Without autodiff.
    network: M,
}

impl<M: Module> TrainState<M> {
    /// Before the first step.
    pub(crate) fn new(network: M, plan: &Optimisation) -> Self {
        let average = plan.ema_decay.map(|decay| WeightAverage::new(&network, decay));
        Self { network, optimizer: plan.init(), average }
    }

    /// The network whose weights are scored and saved: the average if there is one.
    pub(crate) fn scored(&self) -> &M {
        self.average.as_ref().map_or(&self.network, WeightAverage::network)
    }

    /// As [`scored`](Self::scored), at the end.
    pub(crate) fn into_scored(self) -> M {
        self.average.map_or(self.network, |average| average.network)
    }

    /// Updates the average after a step.
    pub(crate) fn update_average(&mut self) {
        if let Some(average) = &mut self.average {
            average.update(&self.network);
        }
    }
}

impl<M: Module> WeightAverage<M> {
    /// An average that starts with the weights of `network`, or resumes with those of an average.
    pub(crate) fn new(network: &M, decay: f64) -> Self {
        Self { decay, network: network.valid() }
    }

    pub(crate) fn decay(&self) -> f64 {
        self.decay
    }

    pub(crate) fn network(&self) -> &M {
        &self.network
    }

    fn update(&mut self, network: &M) {
        let mut weights = Collect(GradientsParams::new());
        network.valid().visit(&mut weights);
        let mut average = Average { weights: weights.0, decay: self.decay };
        self.network = self.network.clone().map(&mut average);
    }
}

/// Tensors by parameter. Burn's only map from parameters to tensors of any rank is the one for
/// gradients.
struct Collect(GradientsParams);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Average {
    weights: GradientsParams,
    decay: f64,
}

impl ModuleMapper for Average {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove::<D>(param.id) {
            Some(weights) => {
                param.map(|average| average * self.decay + weights * (1.0 - self.decay))
            }
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Net {
        linear: Linear,
        norm: BatchNorm,
    }

    impl Net {
        fn init() -> Self {
            let device = Device::flex().autodiff();
            let linear = LinearConfig::new(2, 1).with_bias(false).init(&device);
            Self { linear, norm: BatchNormConfig::new(1).init(&device) }
        }

        /// The same parameters with other values.
        fn with(self, weights: [f32; 2]) -> Self {
            let Self { mut linear, norm } = self;
            let device = Device::flex().autodiff();
            linear.weight = linear.weight.map(|_| {
                Tensor::<2>::from_floats([[weights[0]], [weights[1]]], &device).require_grad()
            });
            Self { linear, norm }
        }

        fn weights(&self) -> Vec<f32> {
            self.linear.weight.val().into_data().iter().collect()
        }

        fn running_mean(&self) -> f32 {
            self.valid().norm.running_mean.value().into_scalar()
        }
    }

    #[test]
    fn the_average_follows_its_recursion() {
        let network = Net::init().with([1.0, -2.0]);
        let average = Some(WeightAverage::new(&network, 0.75));
        let optimizer = burn::optim::SgdConfig::new().init();
        let mut trained = TrainState { network, optimizer, average };
        assert_eq!(trained.scored().weights(), [1.0, -2.0]);
        // 0.75 · 1 + 0.25 · 5 = 2, then 0.75 · 2 + 0.25 · 6 = 3; 0.75 · −2 + 0.25 · 2 = −1, then
        // 0.75 · −1 + 0.25 · −9 = −3.
        for (weights, expected) in [([5.0, 2.0], [2.0, -1.0]), ([6.0, -9.0], [3.0, -3.0])] {
            trained.network = trained.network.with(weights);
            trained.update_average();
            assert_eq!(trained.scored().weights(), expected);
            assert_eq!(trained.network.weights(), weights);
        }
        assert_eq!(trained.into_scored().weights(), [3.0, -3.0]);
    }

    #[test]
    fn running_statistics_are_averaged_too() {
        let network = Net::init();
        let average = Some(WeightAverage::new(&network, 0.5));
        let optimizer = burn::optim::SgdConfig::new().init();
        let mut trained = TrainState { network, optimizer, average };
        // Values of mean 10 and momentum 0.1: the running mean goes from 0 to 1.
        let batch = Tensor::<3>::from_floats([[[8.0, 12.0]], [[9.0, 11.0]]], &Device::flex());
        trained.network.norm.forward(batch.autodiff());
        trained.update_average();
        assert!((trained.network.running_mean() - 1.0).abs() < 1e-6);
        assert!((trained.scored().running_mean() - 0.5).abs() < 1e-6);
    }
}
