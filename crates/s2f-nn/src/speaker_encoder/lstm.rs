//! A layer of long short-term memory.

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, FloatDType, Tensor};

/// Gates: input, forget, cell, output, in PyTorch's order.
pub(super) const GATES: usize = 4;

/// One layer (Hochreiter and Schmidhuber 1997, with forget gates, as `torch.nn.LSTM`).
///
/// The input's share of all gates is computed for all frames at once; a frame then takes one
/// product of matrices and one logistic function for its four gates.
#[derive(Module, Debug)]
pub(super) struct Lstm {
    pub(super) input: Linear,
    pub(super) state: Linear,
}

impl Lstm {
    /// Fresh weights: PyTorch's default, uniform in ±1/√hidden.
    pub(super) fn init(inputs: usize, hidden: usize, device: &Device) -> Self {
        let bound = 1.0 / (hidden as f64).sqrt();
        let linear = |inputs| {
            LinearConfig::new(inputs, GATES * hidden)
                .with_initializer(Initializer::Uniform { min: -bound, max: bound })
                .init(device)
        };
        Self { input: linear(inputs), state: linear(hidden) }
    }

    /// The hidden state after each frame, from a state of zeros.
    ///
    /// # Shapes
    /// - `x`: `[frames, batch, inputs]`
    /// - output: `[frames, batch, hidden]`
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [frames, batch, inputs] = x.dims();
        let device = x.device();
        let [hidden, _] = self.state.weight.dims();
        let dtype: FloatDType = self.state.weight.dtype().into();
        // tanh(x) = 2·σ(2x) - 1: with the cell's gate doubled, one σ serves all gates.
        let doubled = Tensor::<2>::ones([1, GATES * hidden], &device)
            .slice_fill([0..1, 2 * hidden..3 * hidden], 2.0);
        let x = self.input.forward(x.reshape([frames * batch, inputs]).cast(dtype));
        let x = match &self.state.bias {
            Some(bias) => x + bias.val().unsqueeze(),
            None => x,
        };
        let x = x.cast(FloatDType::F32) * doubled.clone(); // [frames · batch, 4 · hidden]
        let weight = self.state.weight.val() * doubled.cast(dtype); // [hidden, 4 · hidden]

        let mut state = Tensor::<2>::zeros([batch, hidden], &device);
        let mut cell = state.clone();
        let mut states = Vec::with_capacity(frames);
        for frame in 0..frames {
            let recurrent = state.cast(dtype).matmul(weight.clone()).cast(FloatDType::F32);
            let gates = logistic(x.clone().narrow(0, frame * batch, batch) + recurrent);
            let gate = |index| gates.clone().narrow(1, index * hidden, hidden); // [batch, hidden]
            let candidate = gate(2) * 2.0 - 1.0;
            cell = gate(1) * cell + gate(0) * candidate;
            state = gate(3) * (logistic(cell.clone() * 2.0) * 2.0 - 1.0);
            states.push(state.clone());
        }
        Tensor::stack(states, 0) // [frames, batch, hidden]
    }
}

/// 1 / (1 + e^-x), in less than half the time of the tensor library's on a CPU. An exponential that
/// overflows would make the gradient NaN; σ(-60) is zero in any case.
fn logistic(x: Tensor<2>) -> Tensor<2> {
    (x.clamp_min(-60.0).neg().exp() + 1.0).recip()
}
