//! Sums of gradients; the norm of a gradient, and clipping by it (Pascanu et al., "On the
//! difficulty of training recurrent neural networks", ICML 2013).

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::peers::{PeersError, Processes};

/// Euclidean norm of a gradient over all parameters of `module`.
pub(crate) fn norm<M: Module>(module: &M, gradient: &GradientsParams) -> f64 {
    struct Norm<'a> {
        gradient: &'a GradientsParams,
        /// On the device: a single value to copy from it, instead of one for each parameter.
        squares: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Norm<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradient.get::<D>(param.id) else { return };
            let squares = gradient.square().sum();
            self.squares = Some(match self.squares.take() {
                Some(all) => all + squares,
                None => squares,
            });
        }
    }
    let mut norm = Norm { gradient, squares: None };
    module.visit(&mut norm);
    norm.squares.map_or(0.0, |squares| squares.into_scalar::<f64>().sqrt())
}

/// The sum of the gradients that several devices of a process found, in their order, on `device`.
pub(super) fn sum_of_devices<M: Module>(
    module: &M,
    mut parts: Vec<GradientsParams>,
    device: &Device,
) -> GradientsParams {
    struct Sum<'a> {
        parts: Vec<GradientsParams>,
        sum: GradientsParams,
        device: &'a Device,
    }
    impl ModuleVisitor for Sum<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let parts = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
            let sum = parts.map(|part| part.to_device(self.device)).reduce(|sum, part| sum + part);
            if let Some(sum) = sum {
                self.sum.register(param.id, sum);
            }
        }
    }
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut sum = Sum { parts, sum: GradientsParams::new(), device };
    module.visit(&mut sum);
    sum.sum
}

/// The sum of the gradients that several processes found, in their order, parameter by parameter.
/// Some of them may lack parameters.
pub(super) fn sum_of_processes<M: Module>(
    module: &M,
    gradients: GradientsParams,
    device: &Device,
    processes: &dyn Processes,
) -> Result<GradientsParams, PeersError> {
    struct Has<'a> {
        gradients: &'a GradientsParams,
        found: Vec<f32>,
    }
    impl ModuleVisitor for Has<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let has = self.gradients.get::<D>(param.id).is_some();
            self.found.push(f32::from(u8::from(has)));
        }
    }
    struct Sum<'a> {
        own: GradientsParams,
        sum: GradientsParams,
        /// How many processes have a gradient of each parameter.
        counts: std::vec::IntoIter<f32>,
        device: &'a Device,
        processes: &'a dyn Processes,
        outcome: Result<(), PeersError>,
    }
    impl ModuleVisitor for Sum<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let is_wanted = self.counts.next().is_some_and(|count| count > 0.0);
            if !is_wanted || self.outcome.is_err() {
                return;
            }
            let shape = param.lazy_shape();
            let own = match self.own.remove::<D>(param.id) {
                Some(gradient) => gradient.into_data().iter().collect(),
                None => vec![0.0; shape.num_elements()],
            };
            match self.processes.sum(own) {
                Ok(sum) => {
                    let sum = Tensor::<D>::from_data(TensorData::new(sum, shape), self.device);
                    self.sum.register(param.id, sum);
                }
                Err(error) => self.outcome = Err(error),
            }
        }
    }
    let mut has = Has { gradients: &gradients, found: Vec::new() };
    module.visit(&mut has);
    let counts = processes.sum(has.found)?.into_iter();
    let sum = GradientsParams::new();
    let mut sum = Sum { own: gradients, sum, counts, device, processes, outcome: Ok(()) };
    module.visit(&mut sum);
    sum.outcome.map(|()| sum.sum)
}

/// A gradient of that norm, scaled down so that the norm is at most `max`.
pub(crate) fn clipped<M: Module>(
    module: &M,
    gradient: GradientsParams,
    norm: f64,
    max: f64,
) -> GradientsParams {
    struct Scale {
        from: GradientsParams,
        to: GradientsParams,
        factor: f64,
    }
    impl ModuleVisitor for Scale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.from.remove::<D>(param.id) {
                self.to.register(param.id, gradient * self.factor);
            }
        }
    }
    if norm <= max {
        return gradient;
    }
    let mut scale = Scale { from: gradient, to: GradientsParams::new(), factor: max / norm };
    module.visit(&mut scale);
    scale.to
}
