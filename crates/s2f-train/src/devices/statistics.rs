//! Running statistics of batch normalisations: computed in a replica, kept with the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Running statistics by parameter. Burn's only map from parameters to tensors of any rank is the
/// one for gradients.
pub(super) struct Statistics(GradientsParams);

impl Statistics {
    /// The statistics of a module that was used on other threads.
    pub(super) fn of<M: Module>(module: &M) -> Self {
        struct Collect {
            path: Vec<bool>,
            found: GradientsParams,
        }
        impl ModuleVisitor for Collect {
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.path.push(matches!(name, "running_mean" | "running_var"));
            }
            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.path.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.path.last() == Some(&true) {
                    self.found.register(param.id, param.val());
                }
            }
        }
        let mut collect = Collect { path: Vec::new(), found: GradientsParams::new() };
        // `valid` waits for the updates of other threads.
        module.valid().visit(&mut collect);
        Self(collect.found)
    }

    /// The module with these statistics in place of its own.
    pub(super) fn restore<M: Module>(self, module: M) -> M {
        struct Restore(GradientsParams);
        impl ModuleMapper for Restore {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                match self.0.remove::<D>(param.id) {
                    Some(value) => param.map(|old| {
                        let value = value.to_device(&old.device().inner());
                        if old.is_autodiff() { Tensor::from_inner(value) } else { value }
                    }),
                    None => param,
                }
            }
        }
        module.map(&mut Restore(self.0))
    }
}
