//! Mixed precision (Micikevicius et al., "Mixed Precision Training", ICLR 2018): convolutions and
//! linear layers compute in 16 bits on a copy of the weights; the weights themselves, the norms, the
//! losses and the optimizer keep 32.

use std::fmt;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// Numbers that convolutions and linear layers compute with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits with the range of 32: what GPUs from 2020 on compute with fastest.
    Bfloat16,
    /// 16 bits with eleven for the digits and a small range: the loss is scaled up so that small
    /// gradients do not vanish.
    Float16,
}

impl Precision {
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::Float32 => FloatDType::F32,
            Self::Bfloat16 => FloatDType::BF16,
            Self::Float16 => FloatDType::F16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        })
    }
}

/// What a loss is multiplied by before its gradient is computed in [`Precision::Float16`]. Part of
/// what a resumed run has to know.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    factor: f64,
    /// Steps since the factor last changed.
    good_steps: usize,
}

impl Default for LossScale {
    /// 2¹⁶, where PyTorch's begins.
    fn default() -> Self {
        Self { factor: 65_536.0, good_steps: 0 }
    }
}

impl LossScale {
    /// Good steps after which twice the factor is tried.
    const PATIENCE: usize = 2000;

    /// What the loss is multiplied by.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// Takes note of a step: half the factor where a gradient was not finite (and the step is to be
    /// skipped), twice the factor after 2000 others.
    pub(super) fn note(&mut self, is_finite: bool) {
        if !is_finite {
            *self = Self { factor: self.factor / 2.0, good_steps: 0 };
        } else if self.good_steps + 1 == Self::PATIENCE {
            *self = Self { factor: self.factor * 2.0, good_steps: 0 };
        } else {
            self.good_steps += 1;
        }
    }
}

/// The module with the weights of its convolutions and linear layers in `precision`; parameters
/// keep their identities.
pub(super) fn narrowed<M: Module>(module: M, precision: Precision) -> M {
    struct Narrow {
        dtype: FloatDType,
        containers: Vec<bool>,
    }
    impl ModuleMapper for Narrow {
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
    if precision == Precision::Float32 {
        return module;
    }
    module.map(&mut Narrow { dtype: precision.dtype(), containers: Vec::new() })
}

/// Gradients of a narrowed module in 32 bits, divided by `scale`, and whether all are finite where
/// that was asked.
pub(super) fn widened<M: Module>(
    gradients: GradientsParams,
    module: &M,
    scale: Option<LossScale>,
) -> (GradientsParams, bool) {
    struct Widen {
        from: GradientsParams,
        to: GradientsParams,
        scale: Option<LossScale>,
        /// 0, or not a number as soon as one gradient is not finite: one number to fetch from the
        /// device in place of one a parameter.
        probe: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Widen {
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
    let mut widen = Widen { from: gradients, to: GradientsParams::new(), scale, probe: None };
    module.visit(&mut widen);
    let is_finite = widen.probe.is_none_or(|probe| probe.into_scalar::<f32>() == 0.0);
    (widen.to, is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_halves_at_once_and_doubles_in_time() {
        let mut scale = LossScale::default();
        scale.note(false);
        assert_eq!(scale.factor(), 32_768.0);
        for _ in 0..1999 {
            scale.note(true);
        }
        assert_eq!(scale.factor(), 32_768.0);
        let json = serde_json::to_string(&scale).unwrap();
        let mut resumed: LossScale = serde_json::from_str(&json).unwrap();
        resumed.note(true);
        assert_eq!(resumed, LossScale::default());
    }
}
