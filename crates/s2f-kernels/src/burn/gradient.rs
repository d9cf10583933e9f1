//! The block on Burn's automatic differentiation.

use burn::backend::Autodiff;
use burn::backend::AutodiffBackend;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::Settings;
use super::operations::{Block, Differentiable, Operations, Tensors, Wanted};

#[derive(Debug)]
struct BlockBackward;

/// What the gradients need from the forward pass.
#[derive(Debug, Clone)]
struct State<T> {
    tensors: Tensors<T>,
    activation: T,
    settings: Settings,
}

impl<B: Differentiable> Backward<B, 5> for BlockBackward {
    type State = State<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 5>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [input, weight, bias, gamma, beta] = ops.parents;
        let output_gradient = gradients.consume::<B>(&ops.node);
        let State { tensors, activation, settings } = ops.state;
        let wanted = Wanted { input: input.is_some(), weight: weight.is_some() };
        let found = B::block_backward(tensors, activation, output_gradient, settings, wanted);
        let [of_gamma, of_beta] = found.norm.map_or([None, None], |norm| norm.map(Some));
        for (parent, gradient) in [
            (input, found.input),
            (weight, found.weight),
            (bias, Some(found.bias)),
            (gamma, of_gamma),
            (beta, of_beta),
        ] {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Differentiable, C: CheckpointStrategy> Operations for Autodiff<B, C> {
    fn block(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        settings: Settings,
    ) -> Block<Self> {
        let nodes = [input.node(), weight.node(), bias.node(), gamma.node(), beta.node()];
        let [input, weight, bias, gamma, beta, mean, variance] =
            [input, weight, bias, gamma, beta, mean, variance].map(|t| t.into_primitive());
        let tensors = Tensors { input, weight, bias, gamma, beta, mean, variance };
        match BlockBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (block, activation) = B::block_forward(tensors.clone(), settings);
                let [mean, variance] = [&block.mean, &block.variance].map(Clone::clone);
                let tensors = Tensors { mean, variance, ..tensors };
                let state = State { tensors, activation, settings };
                wrap(block, |output| prepared.finish(state, output))
            }
            OpsKind::UnTracked(prepared) => {
                // Only `block_forward` computes the statistics of a batch.
                let block = if settings.norm.is_some_and(|norm| norm.batch) {
                    B::block_forward(tensors, settings).0
                } else {
                    let Tensors { input, weight, bias, gamma, beta, mean, variance } = tensors;
                    B::block(input, weight, bias, gamma, beta, mean, variance, settings)
                };
                wrap(block, |output| prepared.finish(output))
            }
        }
    }
}

/// Only the output has gradients.
fn wrap<B: Differentiable, C: CheckpointStrategy>(
    block: Block<B>,
    finish: impl FnOnce(FloatTensor<B>) -> FloatTensor<Autodiff<B, C>>,
) -> Block<Autodiff<B, C>> {
    let [mean, variance] =
        [block.mean, block.variance].map(<Autodiff<B, C> as AutodiffBackend>::from_inner);
    Block { output: finish(block.output), mean, variance }
}
