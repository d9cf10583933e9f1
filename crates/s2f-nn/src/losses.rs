//! The losses of the voice encoder. Each is a mean over the batch; the paper (section 3.3) sums
//! them with weights, which depend on the reductions.

use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Bool, Device, Tensor};

use crate::unit_length;

/// ‖f_dec(v_f) − f_dec(v_s)‖₁ as a mean over the outputs of the decoder's first layer.
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
/// - `face`, `voice`: `[batch, identities]`, the output of the face encoder's last layer for both
///   features
/// - output: `[1]`
pub fn distillation_loss(face: Tensor<2>, voice: Tensor<2>) -> Tensor<1> {
    let teacher = softmax(face / TEMPERATURE, 1);
    let student = log_softmax(voice / TEMPERATURE, 1);
    -(teacher * student).sum_dim(1).mean()
}

/// ‖v_f − v_s‖₁ as a mean over the feature's dimensions: the ablation of section 3.3, on its own
/// "slow and unstable".
///
/// # Shapes
/// - `face`, `voice`: `[batch, D]`
/// - output: `[1]`
pub fn feature_loss(face: Tensor<2>, voice: Tensor<2>) -> Tensor<1> {
    (face - voice).abs().mean()
}

/// Mean absolute difference of two pictures, values from 0 to 1: the ablation of section 4.5.
///
/// # Shapes
/// - `face`, `voice`: `[batch, 3, side, side]`, the decoded pictures of both features
/// - output: `[1]`
pub fn pixel_loss(face: Tensor<4>, voice: Tensor<4>) -> Tensor<1> {
    (face - voice).abs().mean()
}

/// InfoNCE (van den Oord et al., 2018) between voices and faces over the batch, both ways as in
/// CLIP (Radford et al., 2021), with a learned temperature.
#[derive(Module, Debug)]
pub struct Contrast {
    /// ln(1/τ).
    log_scale: Param<Tensor<1>>,
    /// Subtracted from both features, `[D]`: otherwise the mean face would dominate every cosine.
    centre: Param<Tensor<1>>,
}

impl Contrast {
    /// Begins with τ = 0.07; `centre` is the mean face feature, `[D]`.
    pub fn new(centre: Tensor<1>, device: &Device) -> Self {
        const TEMPERATURE: f64 = 0.07;
        let log_scale = Tensor::full([1], (1.0 / TEMPERATURE).ln(), device);
        Self {
            log_scale: Param::from_tensor(log_scale),
            centre: Param::from_tensor(centre).set_require_grad(false),
        }
    }

    /// The mean over voices of −ln of the softmax of a voice's own face among the faces of the
    /// batch, averaged with the same for faces among voices. Pairs of the same speaker, for which
    /// `is_same` is true, are left out of the softmax.
    ///
    /// # Shapes
    /// - `face`, `voice`: `[batch, D]`
    /// - `is_same`: `[batch, batch]`, false on the diagonal
    /// - output: `[1]`
    pub fn forward(
        &self,
        face: Tensor<2>,
        voice: Tensor<2>,
        is_same: Tensor<2, Bool>,
    ) -> Tensor<1> {
        // Its exponential is 0 in every precision.
        const EXCLUDED: f64 = -1e4;
        let centre = self.centre.val().unsqueeze::<2>(); // [1, D]
        let face = unit_length(face - centre.clone());
        let voice = unit_length(voice - centre);
        let scale = self.log_scale.val().exp().unsqueeze::<2>(); // [1, 1]
        // [batch, batch]
        let scores = (voice.matmul(face.transpose()) * scale).mask_fill(is_same, EXCLUDED);
        let own = |scores: Tensor<2>| {
            let [batch, _] = scores.dims();
            let diagonal = Tensor::<2>::eye(batch, &scores.device());
            -(log_softmax(scores, 1) * diagonal).sum() / batch as f64
        };
        (own(scores.clone()) + own(scores.transpose())) * 0.5
    }

    /// The temperature τ.
    pub fn temperature(&self) -> f64 {
        (-self.log_scale.val().into_scalar::<f64>()).exp()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Gradients, TensorData};

    use super::*;
    use crate::tests::{Reference, cpu, largest_difference};

    /// Written by `reference/train/losses.py`.
    const REFERENCE: &[u8] = include_bytes!("../../../reference/train/losses.safetensors");

    /// Checks one loss and its gradient with respect to the voice's input.
    fn equals_pytorch<const D: usize>(
        name: &str,
        loss: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<1>,
    ) -> Gradients {
        let device = cpu().autodiff();
        let reference = Reference::new(REFERENCE);
        let floats = |what: &str| reference.floats::<D>(&format!("{name}.{what}"), &device);
        let voice = floats("voice").require_grad();
        let found = loss(floats("face"), voice.clone());
        let expected = reference.values(&format!("{name}.loss"))[0];
        // 1e-5 of the value: float32 sums of some hundred products in another order.
        let difference = (found.clone().into_scalar::<f32>() / expected - 1.0).abs();
        assert!(difference < 1e-5, "{name}: {difference}");
        let gradients = found.backward();
        let (found, expected) = (voice.grad(&gradients).unwrap(), floats("gradient").inner());
        let largest = expected.clone().abs().max().into_scalar::<f32>();
        let difference = largest_difference(found, expected) / largest;
        assert!(difference < 1e-4, "{name}: gradient differs by {difference} of its largest");
        gradients
    }

    #[test]
    fn losses_and_gradients_equal_pytorch() {
        equals_pytorch("decoder", decoder_loss);
        equals_pytorch("direction", direction_loss);
        equals_pytorch("distillation", distillation_loss);
        equals_pytorch("feature", feature_loss);
        equals_pytorch("pixel", pixel_loss);
    }

    #[test]
    fn contrast_and_its_gradients_equal_pytorch() {
        let device = cpu().autodiff();
        let reference = Reference::new(REFERENCE);
        let contrast = Contrast::new(reference.floats("contrast.centre", &device), &device);
        let is_same: Vec<bool> =
            reference.integers("contrast.is_same").into_iter().map(|same| same == 1).collect();
        let is_same = Tensor::<2, Bool>::from_data(TensorData::new(is_same, [6, 6]), &device);
        let gradients = equals_pytorch("contrast", |face, voice| {
            contrast.forward(face, voice, is_same.clone())
        });
        let found = contrast.log_scale.val().grad(&gradients).unwrap().into_scalar::<f32>();
        let expected = reference.values("contrast.log_scale_gradient")[0];
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} against {expected}");
    }

    fn check(loss: Tensor<1>, expected: f64) {
        let found = loss.into_scalar::<f64>();
        // f32: seven digits.
        assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
    }

    #[test]
    fn closed_forms() {
        let device = cpu();
        let tensor = |rows: [[f32; 2]; 2]| Tensor::<2>::from_floats(rows, &device);
        check(decoder_loss(tensor([[1., 2.], [3., 4.]]), tensor([[0., 4.], [3., 0.]])), 7.0 / 4.0);
        // A right angle, then the same direction with another length: (2 + 0) / 2.
        check(direction_loss(tensor([[1., 0.], [0., 2.]]), tensor([[0., 3.], [0., 5.]])), 1.0);
        // Even odds against odds of e² : 1 at temperature 2: ½·ln(1 + e) + ½·(ln(1 + e) − 1).
        let expected = (1.0 + 1_f64.exp()).ln() - 0.5;
        let even = tensor([[0., 0.], [5., 5.]]);
        check(distillation_loss(even, tensor([[2., 0.], [0., 2.]])), expected);
        check(feature_loss(tensor([[1., 2.], [3., 4.]]), tensor([[0., 4.], [3., 0.]])), 7.0 / 4.0);
    }

    #[test]
    fn contrast_by_hand() {
        let device = cpu();
        let tensor = |rows: [[f32; 2]; 2]| Tensor::<2>::from_floats(rows, &device);
        let contrast = Contrast::new(Tensor::from_floats([1.0, 1.0], &device), &device);
        let scale = 1.0 / 0.07_f64;
        assert!((contrast.temperature() - 0.07).abs() < 1e-6);
        // Relative to the centre: voices along x and y, faces along x and −x.
        let voices = tensor([[3., 1.], [1., 2.]]);
        let faces = tensor([[2., 1.], [0., 1.]]);
        let is_same =
            |same: bool| Tensor::<2, Bool>::from_bool([[false, same], [same, false]], &device);
        // Scores [[s, −s], [0, 0]]: voices give ln(1 + e^(−2s)) and ln 2, faces ln(1 + e^(−s))
        // each.
        let softplus = |x: f64| (1.0 + x.exp()).ln();
        let expected =
            0.25 * (softplus(-2.0 * scale) + 2_f64.ln() + softplus(-scale) + softplus(-scale));
        check(contrast.forward(faces.clone(), voices.clone(), is_same(false)), expected);
        // The same person twice: no other pair is left in the softmax.
        check(contrast.forward(faces, voices, is_same(true)), 0.0);
    }
}
