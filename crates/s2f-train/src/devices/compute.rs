//! A training step on one device or several, in one precision: each device has a replica of the
//! network, a shard of the batch and a thread; Burn's optimizer adds the gradients up, parameter by
//! parameter.

use std::panic::resume_unwind;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::{DType, Device, Tensor};

use super::gradients::{clipped, norm};
use super::precision::{cast_weights, unscale};
use super::statistics::Statistics;
use super::{ComputePrecision, Devices, DevicesError, LossScale};

/// Devices, precision and, in 16 bits, the loss scale.
#[derive(Debug, Clone)]
pub struct Compute {
    devices: Devices,
    precision: ComputePrecision,
    scale: LossScale,
    clip_norm: Option<f64>,
}

/// The network on one device.
#[derive(Debug)]
pub struct Replica<'a, M> {
    /// The network, its weights in the precision of the computation.
    pub module: &'a M,
    /// Index of the device.
    pub index: usize,
    /// The device, with autodiff.
    pub device: &'a Device,
}

/// The result of a forward and backward pass over a batch.
pub struct Backward<T> {
    /// What the closure returned besides the loss, in the order of the shards.
    pub aux: Vec<T>,
    /// Norm of the gradient over all parameters, before clipping.
    pub gradient_norm: f64,
    gradients: Vec<(GradientsParams, Device)>,
    /// Those of the first replica, if there were replicas.
    statistics: Option<Statistics>,
    is_finite: bool,
}

impl<T> Backward<T> {
    fn new<M: Module>(
        network: &M,
        aux: Vec<T>,
        gradients: Vec<(GradientsParams, Device)>,
        statistics: Option<Statistics>,
        is_finite: bool,
    ) -> Self {
        let parts: Vec<&GradientsParams> = gradients.iter().map(|(part, _)| part).collect();
        let gradient_norm = norm(network, &parts);
        Self { aux, gradient_norm, gradients, statistics, is_finite }
    }

    /// Whether the step will be made: see [`Compute::step`].
    pub fn is_finite(&self) -> bool {
        self.is_finite
    }
}

impl Compute {
    /// # Errors
    /// [`DevicesError::Precision`] if a device cannot compute in `precision`.
    pub fn new(devices: Devices, precision: ComputePrecision) -> Result<Self, DevicesError> {
        let dtype = DType::from(precision.dtype());
        for (device, name) in devices.devices.iter().zip(&devices.names) {
            if !device.supports_dtype(dtype) {
                return Err(DevicesError::Precision { name: name.clone(), precision });
            }
        }
        Ok(Self { devices, precision, scale: LossScale::default(), clip_norm: None })
    }

    /// The same with the loss scale of a checkpoint.
    #[must_use]
    pub fn with_scale(self, scale: LossScale) -> Self {
        Self { scale, ..self }
    }

    /// The same with gradients clipped to this norm over all parameters; `None` does not clip.
    #[must_use]
    pub fn with_clipping(self, clip_norm: Option<f64>) -> Self {
        Self { clip_norm, ..self }
    }

    /// The current loss scale; only [`ComputePrecision::Float16`] uses it.
    pub fn scale(&self) -> LossScale {
        self.scale
    }

    /// The devices.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Forward and backward pass: `loss` gets the network and a shard and returns the shard's loss,
    /// `[1]`, as a mean over its examples, and anything else of interest. The gradient is that of
    /// the mean over the shards, which therefore have equal sizes; a loss that compares the
    /// examples of a batch with each other compares those of a shard.
    ///
    /// Each device has an equal number of shards, one or more, and computes them one after another;
    /// their gradients are accumulated. On one device in 32 bits, the network itself is used, on
    /// the calling thread; otherwise replicas are, and batch normalisations keep the statistics of
    /// the first.
    pub fn backward<M, S, T>(
        &self,
        network: &M,
        shards: Vec<S>,
        loss: impl Fn(Replica<'_, M>, S) -> (Tensor<1>, T) + Sync,
    ) -> Backward<T>
    where
        M: Module,
        S: Send,
        T: Send,
    {
        debug_assert!(shards.len().is_multiple_of(self.devices.count()));
        let on_each = shards.len() / self.devices.count();
        let share = 1.0 / shards.len() as f64;
        if self.is_plain() {
            let device = self.devices.first().clone().autodiff();
            let (mut sum, mut aux) = (GradientsAccumulator::new(), Vec::new());
            for shard in shards {
                let replica = Replica { module: network, index: 0, device: &device };
                let (loss, of_shard) = loss(replica, shard);
                let loss = if on_each == 1 { loss } else { loss * share };
                sum.accumulate(network, GradientsParams::from_grads(loss.backward(), network));
                aux.push(of_shard);
            }
            let gradients = vec![(sum.grads(), self.devices.first().clone())];
            return Backward::new(network, aux, gradients, None, true);
        }
        let scale = (self.precision == ComputePrecision::Float16).then_some(self.scale);
        let on_one = |index: usize, replica: M, device: &Device, shards: Vec<S>| {
            let device_autodiff = device.clone().autodiff();
            let replica = cast_weights(replica, self.precision).fork(&device_autodiff);
            let (mut sum, mut aux, mut is_finite) = (GradientsAccumulator::new(), Vec::new(), true);
            for shard in shards {
                let on_device = Replica { module: &replica, index, device: &device_autodiff };
                let (loss, of_shard) = loss(on_device, shard);
                let loss = loss * (share * scale.map_or(1.0, LossScale::factor));
                let gradients = GradientsParams::from_grads(loss.backward(), &replica);
                let (gradients, all_finite) = match self.precision {
                    ComputePrecision::Float32 => (gradients, true),
                    _ => unscale(gradients, &replica, scale),
                };
                sum.accumulate(&replica, gradients);
                is_finite &= all_finite;
                aux.push(of_shard);
            }
            let statistics = (index == 0).then(|| Statistics::of(&replica));
            (aux, (sum.grads(), device.clone()), statistics, is_finite)
        };
        let mut shards = shards.into_iter();
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (self.devices.devices.iter().enumerate())
                .map(|(index, device)| {
                    let shards: Vec<S> = shards.by_ref().take(on_each).collect();
                    // A replica has its own graph and statistics: a clone would share them with
                    // the other threads.
                    let replica = network.valid().train();
                    let on_one = &on_one;
                    scope.spawn(move || on_one(index, replica, device, shards))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let (mut aux, mut gradients, mut statistics) = (Vec::new(), Vec::new(), None);
        let mut is_finite = true;
        for (of_shards, of_device, of_replica, all_finite) in results {
            aux.extend(of_shards);
            gradients.push(of_device);
            statistics = statistics.or(of_replica);
            is_finite &= all_finite;
        }
        Backward::new(network, aux, gradients, statistics, is_finite)
    }

    /// The network after one step of the optimizer, and whether a step was made: in
    /// [`ComputePrecision::Float16`] it is skipped if a gradient is not finite, and the loss scale
    /// is halved.
    pub fn step<M: Module, T>(
        &mut self,
        network: M,
        optimizer: &mut ModuleOptimizer,
        rate: f64,
        backward: Backward<T>,
    ) -> (M, bool) {
        if self.precision == ComputePrecision::Float16 {
            self.scale.update(backward.is_finite);
        }
        if !backward.is_finite {
            return (network, false);
        }
        let mut grads = backward.gradients;
        if let Some(max) = self.clip_norm {
            let clip =
                |(part, device)| (clipped(&network, part, backward.gradient_norm, max), device);
            grads = grads.into_iter().map(clip).collect();
        }
        let network = match (grads.pop(), grads.is_empty()) {
            (Some((gradients, _)), true) => optimizer.step(rate, network, gradients),
            (last, _) => {
                // Each parameter is updated on one of the devices, where its optimizer state
                // stays; then all are copied to the first device.
                grads.extend(last);
                let network = optimizer.step_multi(rate, network, MultiGradientsParams { grads });
                network.fork(&self.devices.first().clone().autodiff())
            }
        };
        match backward.statistics {
            Some(statistics) => (statistics.restore(network), true),
            None => (network, true),
        }
    }

    /// Whether the network itself is used, without replicas.
    fn is_plain(&self) -> bool {
        self.devices.count() == 1 && self.precision == ComputePrecision::Float32
    }
}

#[cfg(test)]
mod tests;
