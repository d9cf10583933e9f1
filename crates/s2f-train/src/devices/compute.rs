//! A step on one device or several, in one precision: a replica of the network per device, each
//! with its shard of the batch and a thread of its own; the gradients are joined, parameter by
//! parameter, by Burn's optimizer.

use std::panic::resume_unwind;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::{DType, Device, Tensor};

use super::precision::{narrowed, widened};
use super::statistics::Statistics;
use super::{DeviceError, Devices, LossScale, Precision};

/// Devices, precision and, in 16 bits, the loss scale.
#[derive(Debug, Clone)]
pub struct Compute {
    devices: Devices,
    precision: Precision,
    scale: LossScale,
}

/// The network as one device sees it.
#[derive(Debug)]
pub struct Replica<'a, M> {
    /// The network, its weights in the precision of the computation.
    pub module: &'a M,
    /// Number of the device, from 0.
    pub index: usize,
    /// The device, with autodiff.
    pub device: &'a Device,
}

/// What forward and backward pass over a batch gave.
pub struct Backward<T> {
    /// What the closure returned besides the loss, in the order of the shards.
    pub seen: Vec<T>,
    gradients: Vec<(GradientsParams, Device)>,
    /// Of the first replica, where there were replicas.
    statistics: Option<Statistics>,
    is_finite: bool,
}

impl Compute {
    /// # Errors
    /// [`DeviceError::Precision`] where a device cannot compute in `precision`.
    pub fn new(devices: Devices, precision: Precision) -> Result<Self, DeviceError> {
        let dtype = DType::from(precision.dtype());
        for (device, name) in devices.devices.iter().zip(&devices.names) {
            if !device.supports_dtype(dtype) {
                return Err(DeviceError::Precision { name: name.clone(), precision });
            }
        }
        Ok(Self { devices, precision, scale: LossScale::default() })
    }

    /// The same with the loss scale of a checkpoint.
    #[must_use]
    pub fn with_scale(self, scale: LossScale) -> Self {
        Self { scale, ..self }
    }

    /// The loss scale as it stands; used in [`Precision::Float16`] only.
    pub fn scale(&self) -> LossScale {
        self.scale
    }

    /// The devices.
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Forward and backward pass: `loss` gets the network and a shard and returns the shard's loss,
    /// `[1]`, as a mean over its examples, and whatever else is to be seen. The gradient is that of
    /// the mean over the shards, which are therefore of one size; a loss that compares the examples
    /// of a batch with each other compares those of a shard.
    ///
    /// There is one shard per device. On one device in 32 bits, the network itself computes, on
    /// the calling thread; otherwise replicas do, and batch norms keep the first one's statistics.
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
            let (loss, seen) = loss(Replica { module: network, index: 0, device: &device }, shard);
            let gradients = GradientsParams::from_grads(loss.backward(), network);
            return Backward {
                seen: vec![seen],
                gradients: vec![(gradients, self.devices.first().clone())],
                statistics: None,
                is_finite: true,
            };
        }
        let share = 1.0 / shards.len() as f64;
        let scale = (self.precision == Precision::Float16).then_some(self.scale);
        let on_one = |index: usize, replica: M, device: &Device, shard: S| {
            let device_autodiff = device.clone().autodiff();
            let replica = narrowed(replica, self.precision).fork(&device_autodiff);
            let seen_by = Replica { module: &replica, index, device: &device_autodiff };
            let (loss, seen) = loss(seen_by, shard);
            let loss = loss * (share * scale.map_or(1.0, LossScale::factor));
            let gradients = GradientsParams::from_grads(loss.backward(), &replica);
            let (gradients, is_finite) = match self.precision {
                Precision::Float32 => (gradients, true),
                _ => widened(gradients, &replica, scale),
            };
            let statistics = (index == 0).then(|| Statistics::of(&replica));
            (seen, (gradients, device.clone()), statistics, is_finite)
        };
        let mut joined =
            Backward { seen: Vec::new(), gradients: Vec::new(), statistics: None, is_finite: true };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (shards.into_iter().zip(&self.devices.devices).enumerate())
                .map(|(index, (shard, device))| {
                    // A replica's parameters are leaves of its own graph, and its statistics its
                    // own: a clone would share them with the other threads.
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
        for (seen, gradients, statistics, is_finite) in results {
            joined.seen.push(seen);
            joined.gradients.push(gradients);
            joined.statistics = joined.statistics.or(statistics);
            joined.is_finite &= is_finite;
        }
        joined
    }

    /// The network after one step of the optimizer, and whether there was one: in
    /// [`Precision::Float16`] a step is left out where a gradient is not finite, and the loss scale
    /// halved.
    pub fn step<M: Module, T>(
        &mut self,
        network: M,
        optimizer: &mut ModuleOptimizer,
        rate: f64,
        backward: Backward<T>,
    ) -> (M, bool) {
        if self.precision == Precision::Float16 {
            self.scale.note(backward.is_finite);
        }
        if !backward.is_finite {
            return (network, false);
        }
        let mut grads = backward.gradients;
        let network = match (grads.pop(), grads.is_empty()) {
            (Some((gradients, _)), true) => optimizer.step(rate, network, gradients),
            (last, _) => {
                // Each parameter is stepped on one of the devices, where its optimizer state
                // stays; then the first has them all again.
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

    /// Whether the network itself computes, without replicas.
    fn is_plain(&self) -> bool {
        self.devices.count() == 1 && self.precision == Precision::Float32
    }
}

#[cfg(test)]
mod tests;
