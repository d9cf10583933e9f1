//! A sum over the shards of a batch, with gradients: what batch normalisation over several devices
//! and processes is made of.

use std::fmt;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Device, Tensor, TensorData};

/// Adds up values, one by one, over all shards that are computed at the same time. Each shard calls
/// it equally often and in the same order; each call waits for the others.
#[derive(Clone)]
pub struct Sum(Arc<dyn Fn(Vec<f32>) -> Vec<f32> + Send + Sync>);

impl Sum {
    /// A sum that `add` computes; it returns as many values as it gets.
    pub fn new(add: impl Fn(Vec<f32>) -> Vec<f32> + Send + Sync + 'static) -> Self {
        Self(Arc::new(add))
    }

    /// The sum of `values` over all shards. Each shard needs the gradients that all of them have
    /// for it, so the gradient of a sum is the sum of the gradients.
    ///
    /// It is computed on the CPU.
    pub fn of(&self, values: Tensor<1>) -> Tensor<1> {
        let device = values.device();
        let cpu = if device.is_autodiff() { Device::flex().autodiff() } else { Device::flex() };
        let values = values.to_device(&cpu).into_dispatch();
        let sum = <Dispatch as Sums>::sum_of_shards(values, self.clone());
        Tensor::from_dispatch(sum).to_device(&device)
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum")
    }
}

/// The operation on the CPU backend, and with gradients.
#[backend_extension(Flex, Autodiff)]
pub trait Sums: Backend {
    /// The sum over all shards.
    fn sum_of_shards(values: FloatTensor<Self>, sum: Sum) -> FloatTensor<Self>;
}

impl Sums for Flex {
    fn sum_of_shards(values: FloatTensor<Self>, sum: Sum) -> FloatTensor<Self> {
        let values = values.to_contiguous();
        let own = values.as_slice::<f32>().unwrap_or_default().to_vec();
        let length = own.len();
        Self::float_from_data(TensorData::new(sum.0(own), [length]), &Default::default())
    }
}

#[derive(Debug)]
struct SumBackward;

impl<B: Sums> Backward<B, 1> for SumBackward {
    type State = Sum;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let gradient = B::sum_of_shards(gradient, ops.state);
        if let [Some(node)] = ops.parents {
            gradients.register::<B>(node.id, gradient);
        }
    }
}

impl<B: Sums, C: CheckpointStrategy> Sums for Autodiff<B, C> {
    fn sum_of_shards(values: FloatTensor<Self>, sum: Sum) -> FloatTensor<Self> {
        let nodes = [values.node()];
        let values = values.into_primitive();
        match SumBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let state = sum.clone();
                prepared.finish(state, B::sum_of_shards(values, sum))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::sum_of_shards(values, sum)),
        }
    }
}
