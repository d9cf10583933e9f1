//! Running statistics of batch norms: computed in a replica, kept with the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Running statistics by the identity of what holds them. Burn's map from identity to tensors of
/// any rank is the one that it made for gradients.
pub(super) struct Statistics(GradientsParams);

impl Statistics {
    /// Those of a module that has been used on other threads.
    pub(super) fn of<M: Module>(module: &M) -> Self {
        struct Collect {
            place: Vec<bool>,
            found: GradientsParams,
        }
        impl ModuleVisitor for Collect {
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.place.push(matches!(name, "running_mean" | "running_var"));
            }
            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.place.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.place.last() == Some(&true) {
                    self.found.register(param.id, param.val());
                }
            }
        }
        let mut collect = Collect { place: Vec::new(), found: GradientsParams::new() };
        // `valid` waits for what other threads have noted.
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
