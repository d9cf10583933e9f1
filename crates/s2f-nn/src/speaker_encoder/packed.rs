//! The layers' weights in the form that the kernel for CPUs reads, made when they are first used.

use std::sync::{Arc, OnceLock};

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use s2f_kernels::isa::Isa;
use s2f_kernels::lstm;

use super::lstm::Lstm;
use crate::plain_cpu::is_plain_cpu;

/// Packed weights. They are not parameters. Whatever changes the parameters (training, loading)
/// maps the module, which forgets them.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed(Arc<OnceLock<Option<lstm::Lstm>>>);

impl Packed {
    /// The last states of the last layer, on a CPU without gradients; `None` elsewhere, and if the
    /// weights do not have 32 bits or there is nothing to read.
    ///
    /// # Shapes
    /// - `x`: `[frames, batch, 40]`
    /// - output: `[batch, hidden]`
    pub(super) fn last_states(&self, layers: &[Lstm], x: &Tensor<3>) -> Option<Tensor<2>> {
        let [frames, batch, _] = x.dims();
        if !is_plain_cpu(&x.device()) || frames * batch == 0 {
            return None;
        }
        let packed = self.0.get_or_init(|| pack(layers)).as_ref()?;
        let x = x.clone().into_data();
        let states = packed.last_states(Isa::best(), x.as_slice().ok()?, batch);
        let shape = [batch, states.len() / batch];
        Some(Tensor::from_data(TensorData::new(states, shape), &Device::flex()))
    }
}

fn pack(layers: &[Lstm]) -> Option<lstm::Lstm> {
    let bias = |layer: &Linear| layer.bias.as_ref().map(|bias| bias.val());
    let data = layers.iter().map(|layer| {
        let bias = bias(&layer.input)? + bias(&layer.state)?;
        let [input, state] = [&layer.input, &layer.state].map(|part| part.weight.val().into_data());
        Some([input, state, bias.into_data()])
    });
    let data: Vec<[TensorData; 3]> = data.collect::<Option<_>>()?;
    let weights = data.iter().map(|[input, state, bias]| {
        Some(lstm::Weights {
            input: input.as_slice().ok()?,
            state: state.as_slice().ok()?,
            bias: bias.as_slice().ok()?,
        })
    });
    Some(lstm::Lstm::new(&weights.collect::<Option<Vec<_>>>()?))
}

impl Module for Packed {
    fn visit<V: ModuleVisitor>(&self, _: &mut V) {}

    fn map<M: ModuleMapper>(self, _: &mut M) -> Self {
        Self::default()
    }

    fn to_device(self, _: &Device) -> Self {
        Self::default()
    }

    fn fork(self, _: &Device) -> Self {
        Self::default()
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        devices
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        Self::default()
    }

    fn train(self) -> Self {
        Self::default()
    }
}

impl ModuleDisplay for Packed {}

impl ModuleDisplayDefault for Packed {
    fn content(&self, content: Content) -> Option<Content> {
        content.optional()
    }
}
