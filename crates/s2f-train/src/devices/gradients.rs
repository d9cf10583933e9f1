//! The norm of a gradient, and clipping by it (Pascanu et al., "On the difficulty of training
//! recurrent neural networks", ICML 2013).

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Euclidean norm of the gradient over all parameters of `module`. `parts` add up to the gradient,
/// one of each device.
pub(crate) fn norm<M: Module>(module: &M, parts: &[&GradientsParams]) -> f64 {
    struct Norm<'a> {
        parts: &'a [&'a GradientsParams],
        /// On the first device: a single value to copy from it, instead of one for each parameter.
        squares: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Norm<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let mut parts = self.parts.iter().filter_map(|part| part.get::<D>(param.id));
            let Some(first) = parts.next() else { return };
            let device = first.device();
            let sum = parts.fold(first, |sum, part| sum + part.to_device(&device));
            let squares = sum.square().sum();
            self.squares = Some(match self.squares.take() {
                Some(all) => all + squares.to_device(&device),
                None => squares,
            });
        }
    }
    let mut norm = Norm { parts, squares: None };
    module.visit(&mut norm);
    norm.squares.map_or(0.0, |squares| squares.into_scalar::<f64>().sqrt())
}

/// A gradient of that norm, or a part of it, scaled down so that the norm is at most `max`.
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
