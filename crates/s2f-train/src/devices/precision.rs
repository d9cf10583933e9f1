//! Mixed precision (Micikevicius et al., "Mixed Precision Training", ICLR 2018): convolutions and
//! linear layers compute in 16 bits on a copy of the weights; the weights themselves, the norms,
//! the losses and the optimizer keep 32.

use std::fmt;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// The type that convolutions and linear layers compute in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputePrecision {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits with the range of 32: the fastest type of GPUs from 2020 on.
    Bfloat16,
    /// 16 bits with an 11-bit significand and a small range: the loss is scaled up so that small
    /// gradients do not vanish.
    Float16,
}

impl ComputePrecision {
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::Float32 => FloatDType::F32,
            Self::Bfloat16 => FloatDType::BF16,
            Self::Float16 => FloatDType::F16,
        }
    }
}

impl fmt::Display for ComputePrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        })
    }
}

/// The factor of the loss in [`ComputePrecision::Float16`] and its history. It is part of a
/// checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    factor: f64,
    /// Steps since the factor last changed.
    good_steps: usize,
}

impl Default for LossScale {
    /// 2¹⁶, as PyTorch's.
    fn default() -> Self {
        Self { factor: 65_536.0, good_steps: 0 }
    }
}

impl LossScale {
    /// Steps with finite gradients after which the factor is doubled.
    const GROWTH_INTERVAL: usize = 2000;

    /// The factor of the loss.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// Updates the factor after a step: halves it if a gradient was not finite (and the step is
    /// skipped), doubles it after 2000 other steps.
    pub(super) fn update(&mut self, is_finite: bool) {
        if !is_finite {
            *self = Self { factor: self.factor / 2.0, good_steps: 0 };
        } else if self.good_steps + 1 == Self::GROWTH_INTERVAL {
            *self = Self { factor: self.factor * 2.0, good_steps: 0 };
        } else {
            self.good_steps += 1;
        }
    }
}

/// The module with the weights of its convolutions and linear layers in `precision`; parameters
/// keep their identities.
pub(super) fn cast_weights<M: Module>(module: M, precision: ComputePrecision) -> M {
    struct Cast {
        dtype: FloatDType,
        containers: Vec<bool>,
    }
    impl ModuleMapper for Cast {
        fn enter_module(&mut self, _name: &str, container: &str) {
            self.containers.push(matches!(
                container,
                "Struct:Conv2d" | "Struct:ConvTranspose2d" | "Struct:Linear"
            ));
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.containers.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if self.containers.last() != Some(&true) {
                return param;
            }
            let is_trained = param.is_require_grad();
            param.map(|tensor| tensor.cast(self.dtype).detach().set_require_grad(is_trained))
        }
    }
    if precision == ComputePrecision::Float32 {
        return module;
    }
    module.map(&mut Cast { dtype: precision.dtype(), containers: Vec::new() })
}

/// Gradients of a module in 16 bits as 32 bits, divided by `scale`, and whether all are finite;
/// without a `scale`, that is not checked.
pub(super) fn unscale<M: Module>(
    gradients: GradientsParams,
    module: &M,
    scale: Option<LossScale>,
) -> (GradientsParams, bool) {
    struct Unscale {
        from: GradientsParams,
        to: GradientsParams,
        scale: Option<LossScale>,
        /// 0, or NaN once a gradient is not finite: a single value to copy from the device,
        /// instead of one for each parameter.
        probe: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Unscale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.from.remove::<D>(param.id) else { return };
            let mut gradient = gradient.cast(FloatDType::F32);
            if let Some(scale) = self.scale {
                gradient = gradient / scale.factor;
                let zero = (gradient.clone() * 0.0).sum();
                self.probe = Some(match self.probe.take() {
                    Some(sum) => sum + zero,
                    None => zero,
                });
            }
            self.to.register(param.id, gradient);
        }
    }
    let mut unscaled = Unscale { from: gradients, to: GradientsParams::new(), scale, probe: None };
    module.visit(&mut unscaled);
    let is_finite = unscaled.probe.is_none_or(|probe| probe.into_scalar::<f32>() == 0.0);
    (unscaled.to, is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_halves_at_once_and_doubles_after_2000_steps() {
        let mut scale = LossScale::default();
        scale.update(false);
        assert_eq!(scale.factor(), 32_768.0);
        for _ in 0..1999 {
            scale.update(true);
        }
        assert_eq!(scale.factor(), 32_768.0);
        let json = serde_json::to_string(&scale).unwrap();
        let mut resumed: LossScale = serde_json::from_str(&json).unwrap();
        resumed.update(true);
        assert_eq!(resumed, LossScale::default());
    }
}
