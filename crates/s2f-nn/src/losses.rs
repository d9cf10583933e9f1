//! The losses of the voice encoder, each by name; the paper (section 3.3) adds them up with weights
//! that belong to one choice of reductions. Here every loss is a mean over the batch.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, softmax};

use crate::unit_length;

/// ‖f_dec(v_f) − f_dec(v_s)‖₁ as a mean over the numbers of the decoder's first layer.
///
/// # Shapes
/// - `face`, `voice`: `[batch, hidden]`, the decoder's first layer of both features
/// - output: `[1]`
pub fn decoder_loss(face: Tensor<2>, voice: Tensor<2>) -> Tensor<1> {
    (face - voice).abs().mean()
}

/// ‖v_f/‖v_f‖ − v_s/‖v_s‖‖₂², 0 to 4.
///
/// # Shapes
/// - `face`, `voice`: `[batch, D]`
/// - output: `[1]`
pub fn direction_loss(face: Tensor<2>, voice: Tensor<2>) -> Tensor<1> {
    (unit_length(face) - unit_length(voice)).square().sum_dim(1).mean()
}

/// T of the distillation loss.
const TEMPERATURE: f64 = 2.0;

/// −Σᵢ pᵢ(face)·ln pᵢ(voice) with softmax at temperature 2; the true face is the teacher.
///
/// # Shapes
/// - `face`, `voice`: `[batch, identities]`, what the face encoder's last layer makes of both
///   features
/// - output: `[1]`
pub fn distillation_loss(face: Tensor<2>, voice: Tensor<2>) -> Tensor<1> {
    let teacher = softmax(face / TEMPERATURE, 1);
    let student = log_softmax(voice / TEMPERATURE, 1);
    -(teacher * student).sum_dim(1).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn check(loss: Tensor<1>, expected: f64) {
        let found = loss.into_scalar::<f64>();
        // f32: seven digits.
        assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
    }

    #[test]
    fn closed_forms() {
        let device = Device::flex();
        let tensor = |rows: [[f32; 2]; 2]| Tensor::<2>::from_floats(rows, &device);
        check(decoder_loss(tensor([[1., 2.], [3., 4.]]), tensor([[0., 4.], [3., 0.]])), 7.0 / 4.0);
        // A right angle, then the same direction at another length: (2 + 0) / 2.
        check(direction_loss(tensor([[1., 0.], [0., 2.]]), tensor([[0., 3.], [0., 5.]])), 1.0);
        // Even odds against odds of e² : 1 at temperature 2: ½·ln(1 + e) + ½·(ln(1 + e) − 1).
        let expected = (1.0 + 1_f64.exp()).ln() - 0.5;
        let even = tensor([[0., 0.], [5., 5.]]);
        check(distillation_loss(even, tensor([[2., 0.], [0., 2.]])), expected);
    }
}
