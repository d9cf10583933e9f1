//! A training step on one device or several, in one precision: each device has a replica of the
//! network, a shard of the batch and a thread; Burn's optimizer adds the gradients up, parameter by
//! parameter.

use std::panic::resume_unwind;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::{DType, Device, Tensor};

use super::precision::{cast_weights, unscale};
use super::statistics::Statistics;
use super::{ComputePrecision, Devices, DevicesError, LossScale};

/// Devices, precision and, in 16 bits, the loss scale.
#[derive(Debug, Clone)]
pub struct Compute {
    devices: Devices,
    precision: ComputePrecision,
    scale: LossScale,
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
    gradients: Vec<(GradientsParams, Device)>,
    /// Those of the first replica, if there were replicas.
    statistics: Option<Statistics>,
    is_finite: bool,
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
        Ok(Self { devices, precision, scale: LossScale::default() })
    }

    /// The same with the loss scale of a checkpoint.
    #[must_use]
    pub fn with_scale(self, scale: LossScale) -> Self {
        Self { scale, ..self }
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
    /// There is one shard per device. On one device in 32 bits, the network itself is used, on the
    /// calling thread; otherwise replicas are, and batch normalisations keep the statistics of the
    /// first.
    pub fn backward<M, S, T>(
        &self,
        network: &M,
        mut shards: Vec<S>,
        loss: impl Fn(Replica<'_, M>, S) -> (Tensor<1>, T) + Sync,
    ) -> Backward<T>
    where
        M: Module,
        S: Send,
        T: Send,
    {
        debug_assert_eq!(shards.len(), self.devices.count());
        if let Some(shard) = shards.pop_if(|_| self.is_plain()) {
            let device = self.devices.first().clone().autodiff();
            let (loss, aux) = loss(Replica { module: network, index: 0, device: &device }, shard);
            let gradients = GradientsParams::from_grads(loss.backward(), network);
            return Backward {
                aux: vec![aux],
                gradients: vec![(gradients, self.devices.first().clone())],
                statistics: None,
                is_finite: true,
            };
        }
        let share = 1.0 / shards.len() as f64;
        let scale = (self.precision == ComputePrecision::Float16).then_some(self.scale);
        let on_one = |index: usize, replica: M, device: &Device, shard: S| {
            let device_autodiff = device.clone().autodiff();
            let replica = cast_weights(replica, self.precision).fork(&device_autodiff);
            let on_device = Replica { module: &replica, index, device: &device_autodiff };
            let (loss, aux) = loss(on_device, shard);
            let loss = loss * (share * scale.map_or(1.0, LossScale::factor));
            let gradients = GradientsParams::from_grads(loss.backward(), &replica);
            let (gradients, is_finite) = match self.precision {
                ComputePrecision::Float32 => (gradients, true),
                _ => unscale(gradients, &replica, scale),
            };
            let statistics = (index == 0).then(|| Statistics::of(&replica));
            (aux, (gradients, device.clone()), statistics, is_finite)
        };
        let mut joined =
            Backward { aux: Vec::new(), gradients: Vec::new(), statistics: None, is_finite: true };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (shards.into_iter().zip(&self.devices.devices).enumerate())
                .map(|(index, (shard, device))| {
                    // A replica has its own graph and statistics: a clone would share them with
                    // the other threads.
                    let replica = network.valid().train();
                    let on_one = &on_one;
                    scope.spawn(move || on_one(index, replica, device, shard))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        for (aux, gradients, statistics, is_finite) in results {
            joined.aux.push(aux);
            joined.gradients.push(gradients);
            joined.statistics = joined.statistics.or(statistics);
            joined.is_finite &= is_finite;
        }
        joined
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
