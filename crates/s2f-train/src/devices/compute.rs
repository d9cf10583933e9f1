//! A training step on one device or several, in one precision: each device has a replica of the
//! network, a shard of the batch and a thread. Several processes may do this together, each on a
//! share of the batch. The gradients of all are added up in their order.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor, TensorData};
use s2f_nn::Sum;

use super::gradients::{clipped, norm, sum_of_devices, sum_of_processes};
use super::precision::{cast_weights, unscale};
use super::statistics::Statistics;
use super::{ComputePrecision, Devices, DevicesError, LossScale};
use crate::peers::{Peer, Peers, PeersError, Room};

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
    /// Index of the device in its process.
    pub index: usize,
    /// The device, with autodiff.
    pub device: &'a Device,
    peer: &'a Arc<Peer>,
}

impl<M> Replica<'_, M> {
    /// Adds up values over all devices of all processes, for batch normalisation.
    pub fn sum(&self) -> Sum {
        let peer = Arc::clone(self.peer);
        // After an error, the next gathering of rows or gradients has the same one.
        Sum::new(move |own| peer.sum(own.clone()).unwrap_or(own))
    }
}

/// What the loss of a shard reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossScope {
    /// The outputs of the shard.
    Shard,
    /// The outputs of all shards of the batch.
    Batch,
}

/// What the network made of a shard.
#[derive(Debug)]
pub struct Output {
    /// A row for each example of the shard.
    pub own: Tensor<2>,
    /// With [`LossScope::Batch`], a row for each example of the batch, in its order. Only those of
    /// the shard have gradients.
    pub batch: Option<Tensor<2>>,
}

/// The result of a forward and backward pass over a batch.
pub struct Backward<T> {
    /// What the closure returned besides the loss, in the order of the shards of this process.
    pub aux: Vec<T>,
    /// Norm of the gradient over all parameters, before clipping.
    pub gradient_norm: f64,
    gradients: GradientsParams,
    /// Those of the first replica, if there were replicas.
    statistics: Option<Statistics>,
    is_finite: bool,
}

/// What one device adds to it.
struct Part<T> {
    aux: Vec<T>,
    gradients: GradientsParams,
    statistics: Option<Statistics>,
    is_finite: bool,
}

impl<T> Backward<T> {
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

    /// Forward and backward pass over a batch. `forward` gets the network and a shard, and returns
    /// a row for each example and anything else that `loss` needs. `loss` returns what the shard
    /// adds to the loss of the batch, `[1]`, and anything else of interest. The gradient is that of
    /// the sum over all shards of all processes.
    ///
    /// With [`LossScope::Batch`], `loss` gets the rows of the whole batch. A term that compares
    /// them is then computed as a whole for each shard: only the rows of the shard have gradients,
    /// so that the gradients of all shards add up to that of the term. Parameters of the term
    /// itself must have gradients for one shard only.
    ///
    /// Each device has an equal number of shards, one or more, and computes them one after another;
    /// their gradients are accumulated. With several and [`LossScope::Batch`], `forward` is
    /// computed twice: first for the rows of all, then shard by shard with gradients (Gao et al.,
    /// "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", 2021).
    ///
    /// On one device in 32 bits, the network itself is used, on the calling thread; otherwise
    /// replicas are, and batch normalisations keep the statistics of the first.
    ///
    /// # Errors
    /// [`PeersError`] if another process has stopped.
    pub fn backward<M, S, R, T>(
        &self,
        network: &M,
        shards: Vec<S>,
        scope: LossScope,
        forward: impl Fn(&Replica<'_, M>, &S) -> (Tensor<2>, R) + Sync,
        loss: impl Fn(&Replica<'_, M>, S, Output, R) -> (Tensor<1>, T) + Sync,
    ) -> Result<Backward<T>, PeersError>
    where
        M: Module,
        S: Send,
        T: Send,
    {
        debug_assert!(shards.len().is_multiple_of(self.devices.count()));
        let on_each = shards.len() / self.devices.count();
        let mut peers =
            Room::open(self.devices.count(), Arc::clone(&self.devices.processes)).into_iter();
        let parts: Vec<Part<T>> = if self.is_plain() {
            let device = self.devices.first().clone().autodiff();
            let peer = peers.next().ok_or(PeersError::Lost)?; // there is one for each device
            let replica = Replica { module: network, index: 0, device: &device, peer: &peer };
            vec![self.part(&replica, shards, scope, &forward, &loss)?]
        } else {
            let mut shards = shards.into_iter();
            let on_device = |index: usize, replica: M, peer: Arc<Peer>, shards: Vec<S>| {
                let _presence = peer.presence();
                let device = self.devices.devices[index].clone().autodiff();
                let module = cast_weights(replica, self.precision).fork(&device);
                let replica = Replica { module: &module, index, device: &device, peer: &peer };
                let part = self.part(&replica, shards, scope, &forward, &loss)?;
                Ok(Part { statistics: (index == 0).then(|| Statistics::of(&module)), ..part })
            };
            thread::scope(|scope| {
                let threads: Vec<_> = peers
                    .enumerate()
                    .map(|(index, peer)| {
                        let shards: Vec<S> = shards.by_ref().take(on_each).collect();
                        // A replica has its own graph and statistics: a clone would share them
                        // with the other threads.
                        let replica = network.valid().train();
                        let on_device = &on_device;
                        scope.spawn(move || on_device(index, replica, peer, shards))
                    })
                    .collect();
                // All are joined before one of their panics goes on.
                let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
                ended
                    .into_iter()
                    .map(|part| part.unwrap_or_else(|panic| resume_unwind(panic)))
                    .collect::<Result<_, _>>()
            })?
        };
        self.added_up(network, parts)
    }

    /// The passes of one device over its shards.
    fn part<M: Module, S, R, T>(
        &self,
        replica: &Replica<'_, M>,
        shards: Vec<S>,
        scope: LossScope,
        forward: &impl Fn(&Replica<'_, M>, &S) -> (Tensor<2>, R),
        loss: &impl Fn(&Replica<'_, M>, S, Output, R) -> (Tensor<1>, T),
    ) -> Result<Part<T>, PeersError> {
        let scale = (self.precision == ComputePrecision::Float16).then_some(self.scale);
        let rows_of_all = match scope {
            LossScope::Batch if shards.len() > 1 => {
                // A copy, whose running statistics are not kept.
                let copy = replica.module.valid().train().fork(replica.device);
                let copy = Replica { module: &copy, ..*replica };
                let rows = shards.iter().map(|shard| values(forward(&copy, shard).0));
                Some(BatchRows::gather(replica, rows.collect::<Vec<_>>().concat())?)
            }
            _ => None,
        };
        let (mut sum, mut aux, mut is_finite) = (GradientsAccumulator::new(), Vec::new(), true);
        let mut done = 0; // values of the shards before
        for shard in shards {
            let (own, rest) = forward(replica, &shard);
            let batch = match (scope, &rows_of_all) {
                (LossScope::Shard, _) => None,
                (LossScope::Batch, Some(rows)) => Some(rows.with(replica, &own, done)),
                (LossScope::Batch, None) => {
                    let rows = BatchRows::gather(replica, values(own.clone()))?;
                    Some(rows.with(replica, &own, 0))
                }
            };
            done += own.shape().num_elements();
            let (loss, of_shard) = loss(replica, shard, Output { own, batch }, rest);
            let loss = match scale {
                Some(scale) => loss * scale.factor(),
                None => loss,
            };
            let gradients = GradientsParams::from_grads(loss.backward(), replica.module);
            let (gradients, all_finite) = match self.precision {
                ComputePrecision::Float32 => (gradients, true),
                _ => unscale(gradients, replica.module, scale),
            };
            sum.accumulate(replica.module, gradients);
            is_finite &= all_finite;
            aux.push(of_shard);
        }
        Ok(Part { aux, gradients: sum.grads(), statistics: None, is_finite })
    }

    /// The parts of all devices of this process, and what the other processes found.
    fn added_up<M: Module, T>(
        &self,
        network: &M,
        parts: Vec<Part<T>>,
    ) -> Result<Backward<T>, PeersError> {
        let (mut aux, mut gradients, mut statistics) = (Vec::new(), Vec::new(), None);
        let mut is_finite = true;
        for part in parts {
            aux.extend(part.aux);
            gradients.push(part.gradients);
            statistics = statistics.or(part.statistics);
            is_finite &= part.is_finite;
        }
        let device = self.devices.first();
        let mut gradients = sum_of_devices(network, gradients, device);
        let processes = self.devices.processes.as_ref();
        if processes.count() > 1 {
            let flags = processes.gather(vec![f32::from(u8::from(is_finite))])?;
            is_finite = flags.iter().all(|flag| *flag == [1.0]);
            gradients = sum_of_processes(network, gradients, device, processes)?;
        }
        let gradient_norm = norm(network, &gradients);
        Ok(Backward { aux, gradient_norm, gradients, statistics, is_finite })
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
        let gradients = match self.clip_norm {
            Some(max) => clipped(&network, backward.gradients, backward.gradient_norm, max),
            None => backward.gradients,
        };
        let network = optimizer.step(rate, network, gradients);
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

/// The rows of all examples of a batch, without gradients.
struct BatchRows {
    values: Vec<f32>,
    /// Values of the peers before this one.
    before: usize,
}

impl BatchRows {
    fn gather<M>(replica: &Replica<'_, M>, own: Vec<f32>) -> Result<Self, PeersError> {
        let all = replica.peer.gather(own)?;
        let before = all.iter().take(replica.peer.index()).map(Vec::len).sum();
        Ok(Self { values: all.concat(), before })
    }

    /// The rows with `own` in their place, `place` values after the first of this peer.
    fn with<M>(&self, replica: &Replica<'_, M>, own: &Tensor<2>, place: usize) -> Tensor<2> {
        let [rows, width] = own.dims();
        let start = self.before + place;
        let (before, after) = (&self.values[..start], &self.values[start + rows * width..]);
        let device = replica.device.clone().inner();
        let others = |values: &[f32]| {
            let shape = [values.len() / width.max(1), width];
            let data = TensorData::new(values.to_vec(), shape);
            (!values.is_empty()).then(|| Tensor::from_data(data, &device).autodiff())
        };
        let parts: Vec<Tensor<2>> =
            [others(before), Some(own.clone()), others(after)].into_iter().flatten().collect();
        if parts.len() == 1 { own.clone() } else { Tensor::cat(parts, 0) }
    }
}

fn values(rows: Tensor<2>) -> Vec<f32> {
    rows.into_data().iter().collect()
}

#[cfg(test)]
mod tests;
